#include "engine/stops.h"

#include <stdlib.h>

#include "text/utf8.h"

/* A node is a prefix of a stop string; node 0 is the empty one. */
struct node {
    uint16_t child, sibling; /* 0: none */
    uint16_t fail;           /* the longest proper suffix of the prefix that is a node */
    uint16_t depth;
    uint16_t match; /* length of the longest stop string the prefix ends with; 0: none */
    unsigned char byte;
};

struct hn_stops {
    uint16_t from_root[256]; /* most bytes of a text begin no stop string */
    uint16_t n;
    struct node nodes[];
};

static uint16_t child_of(const struct hn_stops *stops, uint16_t node, unsigned char byte)
{
    uint16_t child = stops->nodes[node].child;
    while (child && stops->nodes[child].byte != byte)
        child = stops->nodes[child].sibling;
    return child;
}

static void insert(struct hn_stops *stops, struct hn_str s)
{
    uint16_t at = 0;
    for (size_t i = 0; i < s.n; i++) {
        const unsigned char byte = (unsigned char)s.p[i];
        uint16_t next = child_of(stops, at, byte);
        if (!next) {
            next = stops->n++;
            stops->nodes[next] = (struct node){
                .sibling = stops->nodes[at].child, .depth = (uint16_t)(i + 1), .byte = byte};
            stops->nodes[at].child = next;
        }
        at = next;
    }
    stops->nodes[at].match = (uint16_t)s.n;
}

static uint16_t step(const struct hn_stops *stops, uint16_t node, unsigned char byte)
{
    for (; node; node = stops->nodes[node].fail) {
        const uint16_t child = child_of(stops, node, byte);
        if (child) return child;
    }
    return stops->from_root[byte];
}

/* Level by level, as a failure link leads to a shorter prefix. `queue` has room for all nodes. */
static void link_failures(struct hn_stops *stops, uint16_t *queue)
{
    size_t head = 0, tail = 0;
    for (uint16_t c = stops->nodes[0].child; c; c = stops->nodes[c].sibling) {
        stops->from_root[stops->nodes[c].byte] = c;
        queue[tail++] = c;
    }
    while (head < tail) {
        const uint16_t at = queue[head++];
        for (uint16_t c = stops->nodes[at].child; c; c = stops->nodes[c].sibling) {
            struct node *child = &stops->nodes[c];
            child->fail = step(stops, stops->nodes[at].fail, child->byte);
            if (!child->match) child->match = stops->nodes[child->fail].match;
            queue[tail++] = c;
        }
    }
}

static enum hn_status check(const struct hn_str *strings, size_t n, size_t *bytes,
                            struct hn_error *err)
{
    *bytes = 0;
    if (n > HN_STOPS_MAX)
        return hn_fail(err, HN_E_ARG, "%zu stop strings, at most %d", n, HN_STOPS_MAX);
    for (size_t i = 0; i < n; i++) {
        if (!strings[i].n) return hn_fail(err, HN_E_ARG, "stop string %zu is empty", i);
        if (strings[i].n > HN_STOPS_MAX_BYTES)
            return hn_fail(err, HN_E_ARG, "stop string %zu has %zu bytes, at most %d", i,
                           strings[i].n, HN_STOPS_MAX_BYTES);
        if (hn_utf8_valid(strings[i]) != strings[i].n)
            return hn_fail(err, HN_E_ARG, "stop string %zu is not UTF-8", i);
        *bytes += strings[i].n;
    }
    return HN_OK;
}

enum hn_status hn_stops_create(const struct hn_str *strings, size_t n, struct hn_stops **out,
                               struct hn_error *err)
{
    size_t bytes;
    *out = NULL;
    HN_TRY(check(strings, n, &bytes, err));
    const size_t size = sizeof(struct hn_stops) + (bytes + 1) * sizeof(struct node);
    struct hn_stops *stops = calloc(1, size);
    uint16_t *queue = calloc(bytes + 1, sizeof *queue);
    if (!stops || !queue) {
        free(stops);
        free(queue);
        return hn_fail_nomem(err, "stop strings", size);
    }
    stops->n = 1;
    for (size_t i = 0; i < n; i++)
        insert(stops, strings[i]);
    link_failures(stops, queue);
    free(queue);
    *out = stops;
    return HN_OK;
}

void hn_stops_destroy(struct hn_stops *stops)
{
    free(stops);
}

size_t hn_stops_scan(const struct hn_stops *stops, uint16_t *state, const char *bytes, size_t n,
                     size_t *length)
{
    uint16_t at = *state;
    *length = 0;
    size_t i = 0;
    while (i < n && !*length) {
        at = step(stops, at, (unsigned char)bytes[i++]);
        *length = stops->nodes[at].match;
    }
    *state = at;
    return i;
}

size_t hn_stops_pending(const struct hn_stops *stops, uint16_t state)
{
    return stops->nodes[state].depth;
}
