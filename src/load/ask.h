/* The requests of a load: what each asks for, and how that is written. */
#ifndef HN_LOAD_ASK_H
#define HN_LOAD_ASK_H

#include "load/load.h"
#include "load/target.h"

/* What chance gives a request. */
struct hn_ask {
    uint32_t prompt_tokens, output_tokens;
    bool prefix;
    size_t tier; /* of options->tiers, where there are any */
};

/* What all requests have in common. Zero-initialised, then filled by the run. */
struct hn_asker {
    const struct hn_load_options *options;
    const struct hn_target *target;
    struct hn_str model;
    double tokens_per_word, tokens_besides; /* learnt from probes */
    struct hn_buf prefix;                   /* the words that are shared */
};

struct hn_ask hn_ask_draw(const struct hn_load_options *options, uint64_t request);

/* Makes the shared words. */
enum hn_status hn_ask_prefix(struct hn_asker *asker);
/* Writes the whole body of a request that was drawn. */
enum hn_status hn_ask_body(const struct hn_asker *asker, uint64_t request, const struct hn_ask *ask,
                           struct hn_buf *out);
/* The same of a probe: so many words, one token to generate, not streamed. */
enum hn_status hn_ask_probe(const struct hn_asker *asker, size_t words, struct hn_buf *out);
/* What goes before the body: POST to the endpoint, or GET /v1/models when there is none. */
enum hn_status hn_ask_head(const struct hn_asker *asker, const struct hn_buf *body,
                           struct hn_buf *out);

#endif
