/* Inside of the engine: what its files share. */
#ifndef HN_ENGINE_ENGINE_IMPL_H
#define HN_ENGINE_ENGINE_IMPL_H

#include "engine/assistant.h"
#include "engine/draft.h"
#include "engine/engine.h"
#include "engine/filter.h"
#include "engine/pages.h"
#include "engine/payoff.h"
#include "text/grammar_mask.h"

/* A request on its way. Waiting it has no pages. */
struct hn_sequence {
    struct hn_sequence *next; /* in the queue */
    uint64_t id;
    struct hn_sink sink;
    struct hn_sampler *sampler;
    struct hn_emitter *emitter;
    struct hn_matcher *matcher; /* NULL: no grammar */
    bool read_only;             /* max_tokens was 0 */
    bool want_pick;             /* log-probabilities */
    bool no_cache;
    bool cancelled;

    int32_t *tokens; /* [limit]: the prompt, then what was generated */
    size_t n_prompt, n_tokens;
    size_t limit;  /* tokens in all */
    size_t n_done; /* whose keys and values are in the pages */

    int32_t *pages; /* [ceil(limit / HN_KV_PAGE)] */
    size_t n_pages, n_published;
    hn_page_name name; /* of the last published page */

    struct hn_draft *draft; /* NULL: no guessing */
    struct hn_assisted assisted;
    size_t max_draft;
    int32_t guess[HN_DRAFT_MAX]; /* tokens after the last, in the current step */
    size_t n_guess;
    struct hn_hits hits;     /* of the draft */
    struct hn_hits *guesser; /* hits of whose guess it is */
    size_t guessed, right;   /* in all */

    size_t n_now;    /* tokens in the current step, guesses among them */
    size_t logits;   /* the first of its rows of logits ... */
    size_t n_logits; /* ... and how many it gets */

    size_t n_cached;
    uint64_t submitted_ns, started_ns, first_ns, last_ns;
};

/* Whether a part of its prompt is still to be computed. */
static inline bool hn_sequence_reads(const struct hn_sequence *s)
{
    return s->n_done < s->n_prompt;
}

struct hn_engine {
    struct hn_decoder *decoder;
    const struct hn_tokenizer *tokenizer;
    const struct hn_trace *trace;
    struct hn_pages *pages;
    size_t n_vocab;   /* of the logits */
    size_t n_sampled; /* tokens that may be generated: those with a text */
    uint64_t ids;     /* given so far */

    struct hn_sequence *waiting, **waiting_end;
    size_t n_waiting;
    struct hn_sequence **running; /* [max_running], in order of admission */
    size_t n_running, max_running;

    int32_t *tokens;       /* [batch] */
    struct hn_span *spans; /* [max_running] */
    int32_t *wanted;       /* [logit_rows] */
    float *logits;         /* [logit_rows][n_vocab] */
    struct hn_batch batch;
    struct hn_candidates *work;
    struct hn_masker *masker; /* NULL until the first token of an answer with a grammar */
    struct hn_payoff payoff;
    struct hn_assistant *assistant; /* NULL: none */
    struct hn_buf text;             /* of the token being emitted */
};

/* Gives everything a sequence holds back; frees it. */
void hn_sequence_destroy(struct hn_engine *engine, struct hn_sequence *s);

/* Moves waiting sequences to the running ones while there is room. */
void hn_engine_admit(struct hn_engine *engine);

/* Chooses what the running sequences put into this step and fills engine->batch. False: nothing. */
bool hn_engine_schedule(struct hn_engine *engine);

#endif
