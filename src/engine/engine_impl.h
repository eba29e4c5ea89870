/* Inside of the engine: what its files share. */
#ifndef HN_ENGINE_ENGINE_IMPL_H
#define HN_ENGINE_ENGINE_IMPL_H

#include "base/clock.h"
#include "engine/assistant.h"
#include "engine/budget.h"
#include "engine/draft.h"
#include "engine/engine.h"
#include "engine/fair.h"
#include "engine/filter.h"
#include "engine/pages.h"
#include "engine/payoff.h"
#include "engine/rhythm.h"
#include "text/grammar_mask.h"

/* A request on its way. Waiting it has no pages. */
struct hn_sequence {
    struct hn_sequence *next; /* that waits */
    uint64_t id;              /* the older, the smaller */
    struct hn_owner *owner;   /* its own until it is queued, then the engine's ... */
    bool joined;              /* ... as it is now */
    enum hn_class klass;
    size_t n_paid;        /* tokens put down to the owner */
    size_t promised;      /* tokens it stands for when others are let in */
    uint64_t deadline_ns; /* UINT64_MAX: none */
    struct hn_sink sink;
    struct hn_sampler *sampler;
    struct hn_emitter *emitter;
    struct hn_matcher *matcher; /* NULL: no grammar */
    struct hn_masker *masker;   /* for the engine, if it has none */
    bool read_only;             /* max_tokens was 0 */
    bool want_pick;             /* log-probabilities */
    bool no_cache;
    bool cancelled;
    enum hn_finish finish; /* NONE while it goes on */
    struct hn_error err;   /* of HN_FINISH_ERROR */

    int32_t *tokens; /* [limit]: the prompt, then what was generated */
    size_t n_prompt, n_tokens;
    size_t limit;  /* tokens in all */
    size_t n_done; /* whose keys and values are in the pages */

    int32_t *pages; /* [ceil(limit / HN_KV_PAGE)] */
    size_t n_pages, n_published;
    hn_page_name name; /* of the last published page */
    size_t preemptions;

    struct hn_draft *draft; /* NULL: no guessing */
    struct hn_assisted assisted;
    size_t max_draft;
    int32_t guess[HN_DRAFT_MAX]; /* tokens after the last, in the current step */
    size_t n_guess;
    struct hn_hits hits;     /* of the draft */
    struct hn_hits *guesser; /* hits of whose guess it is */
    size_t guessed, right;   /* in all */

    size_t n_now;        /* tokens in the current step, without guesses */
    bool passed;         /* over, in the current step */
    struct hn_work work; /* in it */
    double core_s;       /* spent on it ... */
    double joules;       /* ... and these, NAN where that is unknown */
    size_t logits;       /* the first of its rows of logits ... */
    size_t n_logits;     /* ... and how many it gets */

    size_t n_cached;
    struct hn_rhythm rhythm;
    uint64_t submitted_ns, started_ns, first_ns, last_ns;
};

/* Tokens that s can put into a step, without guesses. */
static inline size_t hn_sequence_pending(const struct hn_sequence *s)
{
    return s->n_tokens - s->n_done;
}

/* Whether it still reads: its prompt or, after it lost its pages, what it had read and written. */
static inline bool hn_sequence_reads(const struct hn_sequence *s)
{
    return s->n_tokens == s->n_prompt || hn_sequence_pending(s) > 1;
}

struct hn_engine {
    struct hn_decoder *decoder;
    const struct hn_tokenizer *tokenizer;
    const struct hn_trace *trace;
    struct hn_pages *pages;
    size_t n_vocab;   /* of the logits */
    size_t n_sampled; /* tokens that may be generated: those with a text */
    size_t context;   /* tokens that one sequence may have: as planned, and as fit into all pages */
    unsigned threads;
    struct hn_pool *pool;
    uint64_t guest_ns; /* of the pool, when the step began */
    uint64_t ids;      /* given so far */

    struct hn_fair fair;
    struct hn_sequence *waiting;  /* in no order */
    struct hn_sequence **running; /* [max_running], in order of admission */
    size_t n_waiting, n_running, max_running;
    size_t turn[HN_CLASSES]; /* where in `running` the answers of the next step begin */
    uint64_t next_deadline;  /* of all; UINT64_MAX: none */
    bool cancelled;          /* somebody is */

    double limit_s; /* of a step, while answers are written; 0: twice what they take alone */
    struct hn_budget budget;
    struct hn_work work_now; /* of the current step */
    struct hn_engine_stats stats;
    struct hn_energy *energy; /* or NULL */
    uint64_t created_ns;
    uint64_t (*now)(void *ctx);
    void *now_ctx;

    int32_t *tokens;       /* [batch] */
    struct hn_span *spans; /* [max_running] */
    int32_t *wanted;       /* [logit_rows] */
    float *logits;         /* [logit_rows][n_vocab] */
    struct hn_batch batch;
    struct hn_candidates *work;
    _Atomic(struct hn_masker *) masker; /* NULL until there is a request with a grammar */
    struct hn_payoff payoff;
    struct hn_assistant *assistant; /* NULL: none */
    struct hn_buf text;             /* of the token being emitted */
};

static inline uint64_t hn_engine_now(const struct hn_engine *engine)
{
    return engine->now ? engine->now(engine->now_ctx) : hn_clock_ns();
}

/* Gives everything a sequence holds back; frees it. */
void hn_sequence_destroy(struct hn_engine *engine, struct hn_sequence *s);

/* Moves waiting sequences to the running ones while there is room. */
void hn_engine_admit(struct hn_engine *engine);

/* Chooses what the running sequences put into this step and fills engine->batch. False: nothing. */
bool hn_engine_schedule(struct hn_engine *engine);

/* Takes a sequence out of the running ones. */
void hn_engine_leave(struct hn_engine *engine, struct hn_sequence *s);

/* Puts a sequence among those that wait, without pages. */
void hn_engine_wait(struct hn_engine *engine, struct hn_sequence *s);

/* Takes a running sequence's pages and lets it wait. What it lost it computes anew when it is its turn
 * again; its answer goes on where it stood. */
void hn_engine_preempt(struct hn_engine *engine, struct hn_sequence *s);
/* The running sequence to preempt first, of those that make room for s (NULL: of all). NULL: none. */
struct hn_sequence *hn_engine_victim(const struct hn_engine *engine, const struct hn_sequence *s);
/* Preempts until there are pages for what the running sequences mean to put into this step. */
void hn_engine_make_room(struct hn_engine *engine);

/* Sets the running sequences' guesses, where they pay and there is room beside one row for each. While
 * prompts are read, rows are not to be had for nothing: then there are none. */
void hn_engine_guess(struct hn_engine *engine);

/* Takes the pages behind those that s stands on from the cache. Which running sequence is to go on so
 * that s can: s itself, or one that is about to compute the very page that s needs next. */
void hn_engine_catch_up(struct hn_engine *engine, struct hn_sequence *s);
struct hn_sequence *hn_engine_ahead(struct hn_engine *engine, struct hn_sequence *s);

/* Splits a step's time and energy over its sequences, and counts. */
void hn_engine_account(struct hn_engine *engine, double seconds);

#endif
