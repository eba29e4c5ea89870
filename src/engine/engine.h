/* The engine: requests in, steps, text out. One thread owns an engine and calls it; nothing here
 * locks. */
#ifndef HN_ENGINE_ENGINE_H
#define HN_ENGINE_ENGINE_H

#include <stdbool.h>

#include "engine/emit.h"
#include "engine/sampler.h"
#include "meter/energy.h"
#include "model/decoder.h"
#include "text/grammar_mask.h"
#include "text/tokenizer.h"

struct hn_engine;

/* Both must outlive the engine. The KV pages, one pool for all sequences, are as planned. */
enum hn_status hn_engine_create(struct hn_decoder *decoder, const struct hn_tokenizer *tokenizer,
                                struct hn_engine **out, struct hn_error *err);
/* Requests that are not done are dropped without a word to their sinks. NULL is fine. */
void hn_engine_destroy(struct hn_engine *engine);

/* Lets a smaller model guess ahead where the text itself tells nothing. It reads the same vocabulary
 * (hn_tokenizer_same), has at least the engine's sequences in its plan and must outlive the engine.
 * Call it once, before the first request. HN_E_ARG: it knows fewer tokens. */
enum hn_status hn_engine_assist(struct hn_engine *engine, struct hn_decoder *assistant,
                                struct hn_error *err);

/* How long a step may take while interactive answers are being written, in seconds: so much of the
 * prompts is read in it. 0, as it begins: twice what each answer's steps usually take. A step makes some
 * progress with the prompts even if that leaves no time. */
void hn_engine_limit_step(struct hn_engine *engine, double seconds);

/* Where the joules of steps are read; it outlives the engine and belongs to its thread. NULL, as it
 * begins: they are unknown. Set it before the first request. */
void hn_engine_energy(struct hn_engine *engine, struct hn_energy *energy);

/* What a request took. Times are seconds of the wall clock. */
struct hn_usage {
    size_t prompt_tokens;
    size_t cached_tokens;     /* of the prompt, found in pages that were computed before */
    size_t completion_tokens; /* the one that ended the answer included */
    size_t guessed_tokens;    /* put into steps ahead of their time ... */
    size_t right_tokens;      /* ... and how many of them the model agreed with */
    double queue_s;           /* from submission to the first step it was part of */
    double prefill_s;         /* from there to the first token */
    double decode_s;          /* from there to the last */
    double core_s;            /* its share of the steps it was part of: seconds x threads */
    double joules;            /* and of their energy; NAN: unknown */
    size_t preemptions;       /* how often its pages were taken, and what they held computed anew */
};

/* A generated token. */
struct hn_token_event {
    int32_t id;
    struct hn_str
        text; /* that became certain with it; may be empty, or end in the middle of a word */
    const struct hn_pick *pick; /* its log-probabilities, NULL when not wanted */
};

/* Where an answer goes. Called from hn_engine_step; what is pointed to lives until the return. */
struct hn_sink {
    void *ctx;
    /* Each generated token that is part of the text; false cancels the request. May be NULL. */
    bool (*token)(void *ctx, const struct hn_token_event *event);
    /* Exactly once, last. `text` is what was still held back. On HN_FINISH_ERROR `err` says why. */
    void (*done)(void *ctx, enum hn_finish finish, struct hn_str text, const struct hn_usage *usage,
                 const struct hn_error *err);
    /* NULL, or: the logits of every prompt position from first_logits on, in order, each exactly once
     * (no part of the prompt is taken from the cache then). n is the vocabulary's size. */
    void (*prompt_logits)(void *ctx, size_t position, const float *logits, size_t n);
    size_t first_logits;
};

enum hn_class {
    HN_CLASS_INTERACTIVE, /* somebody waits for it */
    HN_CLASS_BATCH,       /* gets what the others leave */
    HN_CLASSES
};

struct hn_request {
    const int32_t *tokens; /* copied */
    size_t n_tokens;       /* at least 1 */
    size_t max_tokens;     /* 0: only read the prompt; SIZE_MAX: as the context allows */
    struct hn_sample_params sample;
    const struct hn_str *stops; /* copied; limits as in engine/stops.h */
    size_t n_stops;
    struct hn_grammar *grammar;     /* that the answer follows; retained. NULL: none */
    struct hn_trigger_spec trigger; /* the grammar begins behind it; without a text: at once */
    size_t max_draft; /* tokens to guess ahead, up to HN_DRAFT_MAX, where that pays; 0: none. The
                          answer is the same, token for token */
    enum hn_class klass;
    uint64_t owner;       /* whose it is: owners share the engine fairly, by their weights */
    float weight;         /* of the owner, from now on; 0: 1 */
    uint64_t deadline_ns; /* as hn_clock_ns counts: then it ends, done or not; 0: never */
    bool ignore_eog;      /* go on past the model's end of answer (benchmarks) */
    bool show_control;    /* control tokens appear as text */
    bool no_cache;        /* compute the whole prompt (benchmarks) */
    struct hn_sink sink;
};

/* A request that was taken and checked, on its way into an engine. */
struct hn_sequence;

/* Takes a request, or refuses it for good: HN_E_CONTEXT when the prompt leaves no room in the context
 * (the text gives both sizes), HN_E_ARG for a parameter out of range or a token that is none. Changes
 * nothing of the engine: any thread may call it while another steps. The sequence is then given to
 * hn_engine_enqueue or hn_sequence_drop. */
enum hn_status hn_engine_prepare(const struct hn_engine *engine, const struct hn_request *request,
                                 struct hn_sequence **out, struct hn_error *err);
/* Puts it into the queue under `id`, which names it for hn_engine_cancel. */
void hn_engine_enqueue(struct hn_engine *engine, struct hn_sequence *s, uint64_t id);
/* Frees a prepared sequence, without a word to its sink. NULL is fine. */
void hn_sequence_drop(struct hn_sequence *s);

/* Both in one; *id (may be NULL) is a number of the engine's own. */
enum hn_status hn_engine_submit(struct hn_engine *engine, const struct hn_request *request,
                                uint64_t *id, struct hn_error *err);

/* Ends a request before its next step; its sink hears of it during that step. */
void hn_engine_cancel(struct hn_engine *engine, uint64_t id);
void hn_engine_cancel_all(struct hn_engine *engine);

/* Requests that wait: for their first step, or again since they lost their pages. */
size_t hn_engine_waiting(const struct hn_engine *engine);

/* True while there are requests that are not done. */
bool hn_engine_busy(const struct hn_engine *engine);

/* One step of everything that runs. A request's failure is told to its sink, not here. */
void hn_engine_step(struct hn_engine *engine);

/* What an engine did and does. Counters only grow. */
struct hn_engine_stats {
    uint64_t steps;
    double busy_s, idle_s; /* of the wall clock: in steps, and between them */
    double core_s;         /* busy_s x threads: what the requests' core_s add up to ... */
    double open_core_s;    /* ... with that of those that are not done yet */
    double idle_joules;    /* of the machine, while nothing was computed; NAN: unknown */
    uint64_t requests;     /* taken */
    uint64_t preemptions;
    uint64_t prompt_tokens, cached_tokens; /* of requests that have begun */
    uint64_t completion_tokens;
    size_t running, waiting;      /* requests */
    size_t pages_used, pages_all; /* of HN_KV_PAGE tokens; used are those that a request holds */
};
void hn_engine_stats_read(const struct hn_engine *engine, struct hn_engine_stats *out);

/* NULL turns tracing off. */
void hn_engine_trace(struct hn_engine *engine, const struct hn_trace *trace);

/* Another clock, for tests: nanoseconds. NULL: hn_clock_ns. */
void hn_engine_clock(struct hn_engine *engine, uint64_t (*now)(void *ctx), void *ctx);

#endif
