/* Stop strings: finds the first of several strings in a stream of bytes (Aho and Corasick, 1975), in
 * time linear in the stream. */
#ifndef HN_ENGINE_STOPS_H
#define HN_ENGINE_STOPS_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/str.h"

enum {
    HN_STOPS_MAX = 16,        /* strings */
    HN_STOPS_MAX_BYTES = 256, /* of each */
};

struct hn_stops; /* immutable */

/* HN_E_ARG: more or longer strings than that, an empty one, or one that is not UTF-8. The strings are
 * copied. */
enum hn_status hn_stops_create(const struct hn_str *strings, size_t n, struct hn_stops **out,
                               struct hn_error *err);
void hn_stops_destroy(struct hn_stops *stops);

/* Goes on from *state (0 at the start of a stream) over `n` bytes, up to the end of the first stop
 * string. Returns how many bytes were read, and in *length that of the stop string that ends there
 * (the longest, if several do); 0 if none was found and everything was read. */
size_t hn_stops_scan(const struct hn_stops *stops, uint16_t *state, const char *bytes, size_t n,
                     size_t *length);

/* How many of the bytes read last may be the beginning of a stop string. */
size_t hn_stops_pending(const struct hn_stops *stops, uint16_t state);

#endif
