/* A language model made ready to serve: from a path to an engine. */
#ifndef HN_ENGINE_INSTANCE_H
#define HN_ENGINE_INSTANCE_H

#include "engine/engine.h"
#include "formats/gguf.h"
#include "model/decoder.h"
#include "text/answer_format.h"
#include "text/tokenizer.h"

struct hn_instance_options {
    const char *path; /* a GGUF file or a Hugging Face directory */
    const char *name; /* for people and in errors; NULL: the path */
    struct hn_plan_options plan;
    size_t usual_context; /* when the plan names none: this, or the model's if that is shorter; 0:
                             as the plan has it */
    unsigned threads;     /* 0: as many as the process may run on */
    const char *cpu;      /* lowers the instruction set, as HENCE_CPU does; NULL: the best */
    size_t past_context;  /* allow so long a context even if the model was not made for it: for
                            measuring speed, which does not depend on sense; 0: do not */
    double step_s;        /* how long a step may take, as hn_engine_limit_step says; 0: as there */
    const char *draft; /* a smaller model of the same vocabulary that guesses ahead; NULL: none */
    struct hn_answer_choice answer; /* how the model writes, where its template does not tell */
    const struct hn_load_progress *progress; /* or NULL */
};

/* The smaller model beside it, on the same backend. */
struct hn_draft_model {
    struct hn_gguf *file;
    struct hn_config config;
    struct hn_plan plan;
    struct hn_decoder *decoder;
};

/* Everything that one model in service consists of. */
struct hn_instance {
    const char *name; /* the options', not copied */
    struct hn_gguf *file;
    struct hn_tokenizer *tokenizer;
    struct hn_config config;
    struct hn_plan plan;
    struct hn_backend *backend;
    struct hn_decoder *decoder;
    struct hn_draft_model draft;
    struct hn_engine *engine;
    unsigned threads;
    double load_s;
};

/* Opens, plans, checks the plan against the machine, loads. Errors name the model. On failure
 * everything is closed. */
enum hn_status hn_instance_open(const struct hn_instance_options *options, struct hn_instance *out,
                                struct hn_error *err);

/* A zeroed one is fine. */
void hn_instance_close(struct hn_instance *instance);

#endif
