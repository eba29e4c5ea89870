/* Requests to a language model: text in, tokens out, many at once.
 *
 *     struct hence_request request;
 *     hence_request_init(&request);
 *     request.tokens = ids;
 *     request.n_tokens = n;
 *     request.on_token = print;
 *     hence_submit(model, &request, NULL, &err);
 *     while (hence_step(model))
 *         ;
 */
#ifndef HENCE_GENERATE_H
#define HENCE_GENERATE_H

#include "hence/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Why an answer ended. */
enum hence_finish {
    HENCE_FINISH_STOP = 1,      /* the model said so, or a stop text came */
    HENCE_FINISH_LENGTH = 2,    /* max_tokens, or the context is full */
    HENCE_FINISH_CANCELLED = 3, /* hence_cancel, or on_token said so */
    HENCE_FINISH_ERROR = 4      /* see the result's error */
};

/* The end of a request, and what it took. */
struct hence_result {
    enum hence_finish finish;
    const char *text; /* what was still held back of the text: text_n bytes, UTF-8 */
    size_t text_n;
    size_t prompt_tokens;
    size_t cached_tokens; /* of the prompt, found computed already */
    size_t completion_tokens;
    double queue_seconds, prefill_seconds, decode_seconds; /* of the wall clock */
    struct hence_error error;                              /* code 0 unless HENCE_FINISH_ERROR */
};

/* What to ask. Fill with hence_request_init, then change what matters. Everything pointed to is copied
 * when it is submitted, but for the callbacks' context. */
struct hence_request {
    size_t struct_size; /* set by hence_request_init */
    const int32_t *tokens;
    size_t n_tokens;   /* 1 at least */
    size_t max_tokens; /* SIZE_MAX: until the model ends or the context is full; the default */

    float temperature;    /* 0: always the likeliest token; default 1 */
    int32_t top_k;        /* 0: off, the default */
    float top_p;          /* 1: off, the default */
    float min_p;          /* 0: off, the default */
    float typical_p;      /* 1: off, the default */
    float repeat_penalty; /* 1: off, the default */
    int32_t repeat_last_n;
    float frequency_penalty; /* 0: off, the default */
    float presence_penalty;  /* 0: off, the default */
    uint64_t seed;           /* the same request with the same seed gives the same answer */

    const char *const *stops; /* texts that end the answer and are not part of it */
    size_t n_stops;
    int ignore_end; /* go on when the model ends its answer */

    /* Each generated token and the text that became certain with it (whole characters of UTF-8; may
     * be empty). Return 0 to cancel, anything else to go on. May be NULL. */
    int (*on_token)(void *context, int32_t id, const char *text, size_t n);
    /* Exactly once, last. May be NULL. */
    void (*on_done)(void *context, const struct hence_result *result);
    void *context;
};
HENCE_API void hence_request_init(struct hence_request *request);

/* Takes a request or refuses it for good. Its callbacks come from hence_step. *id (may be NULL) names
 * it for hence_cancel. */
HENCE_API int hence_submit(struct hence_model *model, const struct hence_request *request,
                           uint64_t *id, struct hence_error *err);

/* Ends a request before its next step; its on_done is called during that step. */
HENCE_API void hence_cancel(struct hence_model *model, uint64_t id);

/* One step of all requests that run: each answer grows by at most a token. Returns 0 when nothing is
 * left to do. */
HENCE_API int hence_step(struct hence_model *model);

#ifdef __cplusplus
}
#endif

#endif
