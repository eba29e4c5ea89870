/* What came of a load. */
#ifndef HN_LOAD_REPORT_H
#define HN_LOAD_REPORT_H

#include <stdbool.h>

#include "load/draw.h"
#include "load/spread.h"
#include "text/json_write.h"

/* Each in microseconds. X(id, key in JSON, title, of streams alone) */
#define HN_LOAD_MEASURES(X)                                                                        \
    X(TTFT, "ttft_ms", "first token", true)       /* from asking to the first text */              \
    X(ITL, "itl_ms", "between tokens", true)      /* from one text to the next, of all answers */  \
    X(GAP, "longest_gap_ms", "longest gap", true) /* the greatest of those of an answer */         \
    X(TPOT, "tpot_ms", "per token", true) /* first text to last, by the tokens after the first */  \
    X(E2E, "e2e_ms", "whole answer", false)
enum hn_load_measure {
#define X(id, key, title, streams) HN_LOAD_##id,
    HN_LOAD_MEASURES(X)
#undef X
        HN_LOAD_MEASURE_COUNT
};

/* The answers to all requests, or to those of a class. */
struct hn_load_group {
    char name[16];
    uint64_t answered, good; /* good: kept the bounds that were given */
    struct hn_spread of[HN_LOAD_MEASURE_COUNT];
};

struct hn_load_error {
    char kind[32];  /* "http 429", "timeout" */
    char text[200]; /* of the first one */
    uint64_t n;
};

enum { HN_LOAD_MAX_ERRORS = 16, HN_LOAD_MAX_GROUPS = 1 + HN_LOAD_MAX_TIERS };

struct hn_load_report {
    char model[256];
    uint64_t planned;                    /* requests; 0 when a time is the end */
    uint64_t started, failed, abandoned; /* abandoned: under way at an early end */
    size_t open, most_open;              /* requests under way, now and at most */
    bool early;                          /* it was ended before its time */
    double seconds;                      /* from the first request to the last answer */
    double cpu_seconds;                  /* what this program took meanwhile */
    uint64_t events;                     /* texts that came */
    uint64_t uncounted; /* answers whose tokens the server did not tell: their texts were counted */
    struct hn_spread prompt, cached, output; /* tokens of an answer */
    double tokens_per_word, tokens_besides;  /* as the server counted the probes */
    size_t n_errors;
    struct hn_load_error errors[HN_LOAD_MAX_ERRORS]; /* the last one takes what has no room */
    size_t n_groups; /* the first is of all, the others of classes */
    struct hn_load_group groups[HN_LOAD_MAX_GROUPS];
};

extern const char *const hn_load_keys[HN_LOAD_MEASURE_COUNT];
extern const char *const hn_load_titles[HN_LOAD_MEASURE_COUNT];
extern const bool hn_load_of_streams[HN_LOAD_MEASURE_COUNT];

void hn_load_count_error(struct hn_load_report *report, const char *kind, const char *text);

/* The members of an object that is open in `w`. */
void hn_load_report_json(struct hn_json_writer *w, const struct hn_load_report *report);

/* A picture: which share of the answers took how long at most. `title` stands above it. */
enum hn_status hn_load_svg(const struct hn_load_report *report, const char *title,
                           struct hn_buf *out);

#endif
