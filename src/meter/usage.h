/* A receipt: what one request took, as its client, the log and the metrics are told. */
#ifndef HN_METER_USAGE_H
#define HN_METER_USAGE_H

#include <stddef.h>

#include "meter/figure.h"

/* Texts are views that outlive the receipt, NULL where there is none. Times are seconds of the wall
 * clock; NAN stands for what is not known, which is never the same as 0. */
struct hn_receipt {
    const char *id;                      /* the answer's */
    const char *key;                     /* the id of the API key */
    const char *model;                   /* as served */
    const char *klass;                   /* "interactive", "batch" */
    const char *finish;                  /* "stop", "length", "tool_calls", "cancelled", "error" */
    int status;                          /* of HTTP */
    size_t prompt_tokens, cached_tokens; /* cached ones are prompt tokens too, and ... */
    size_t completion_tokens, reasoning_tokens; /* ... reasoning ones completion tokens */
    size_t rows;                                /* of a prediction, which has no tokens */
    size_t preemptions;                         /* how often it had to begin again */
    double queue_s, prefill_s, decode_s;
    double total_s; /* from the request's last byte to the answer's */
    double ttft_s;  /* from the request's last byte to the first token */
    double core_s;  /* seconds of one core */
    double joules;
};

/* All figures unknown, all counts 0. */
struct hn_receipt hn_receipt_blank(void);

/* Mean seconds from a token to the next; NAN for fewer than two. */
double hn_receipt_itl_s(const struct hn_receipt *receipt);

/* Headers hence-prompt-tokens and so on, of what is known. Returns how many. */
enum { HN_RECEIPT_HEADERS = 12 };
size_t hn_receipt_headers(const struct hn_receipt *receipt,
                          struct hn_figure out[HN_RECEIPT_HEADERS]);

#endif
