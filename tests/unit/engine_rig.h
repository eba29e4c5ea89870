/* An engine on a small random model, and requests whose answers are kept; for tests of the engine. */
#ifndef HN_TESTS_ENGINE_RIG_H
#define HN_TESTS_ENGINE_RIG_H

#include "engine/engine.h"
#include "tiny_model.h"

enum { RIG_SEQUENCES = 4, RIG_VOCAB = 259 };

struct rig {
    struct tiny_model model;
    struct hn_tokenizer *tokenizer;
    struct hn_engine *engine;
    uint64_t ns;
};
extern struct rig rig;

/* Sets it up, for RIG_SEQUENCES requests at once, or by a plan. Tests fail where that fails. Time is a
 * count of how often it was asked for: all steps take the same, so that guesses always pay. */
void rig_start(size_t context, size_t batch);
void rig_start_planned(const struct hn_plan_options *options);
void rig_stop(void);

/* An answer as its sink sees it. Zero it before use. */
struct rig_answer {
    int32_t ids[512];
    size_t n;
    char text[4096];
    size_t text_n;
    size_t stop_after; /* the sink wants no more after so many tokens; 0: it does */
    enum hn_finish finish;
    struct hn_usage usage;
    struct hn_error err;
    int done;
};

/* A prompt long enough to fill pages; each s has one of its own. Returns its length. */
size_t rig_prompt(int32_t tokens[400], size_t s);

/* For 24 tokens, drawn with the default parameters. */
struct hn_request rig_request(struct rig_answer *a, const int32_t *tokens, size_t n);

uint64_t rig_submit(const struct hn_request *r);

/* Steps until all is done. */
void rig_run(void);

void rig_expect_same(const struct rig_answer *a, const struct rig_answer *b);

#endif
