/* Traces: what ran, how long, how much memory it moved. Off (NULL) costs one test per stage. */
#ifndef HN_BASE_TRACE_H
#define HN_BASE_TRACE_H

#include <stddef.h>
#include <stdint.h>

struct hn_trace_event {
    const char *stage;  /* what: "attn_qkv", "sample", ...; static text */
    const char *kernel; /* which kernel did it, or NULL */
    int layer;          /* -1 outside the layers */
    size_t rows;        /* tokens it worked on */
    size_t bytes;       /* of weights or KV read; 0 where that says nothing */
    uint64_t ns;
};

/* Where events go; called by the thread that leads the work, in order. */
struct hn_trace {
    void (*event)(void *ctx, const struct hn_trace_event *event);
    void *ctx;
};

#endif
