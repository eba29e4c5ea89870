/* The compiled normalisation map of sentencepiece: a double-array trie from byte sequences to
 * replacements. Format: u32 size of the trie in bytes, the trie's u32 units, then the replacements,
 * each ended by a NUL; all little-endian. The trie is Darts-clone's: a unit holds the byte it is
 * entered by (bits 0-7), whether a value hangs on it (8), and the offset to its children (10-30,
 * shifted left by 8 more when bit 9 is set); a value unit has bit 31 set and holds an offset into
 * the replacements. */
#ifndef HN_TEXT_CHARSMAP_H
#define HN_TEXT_CHARSMAP_H

#include "base/str.h"

struct hn_charsmap {
    const char *units; /* unaligned */
    size_t n_units;
    struct hn_str replacements; /* ends with a NUL */
};

/* Checks the frame; `blob` must outlive the map. */
enum hn_status hn_charsmap_open(struct hn_str blob, struct hn_charsmap *out, struct hn_error *err);

/* Replaces the longest keys from left to right and appends the result. A map from a file may yield
 * bytes that are no UTF-8: the caller repairs. */
enum hn_status hn_charsmap_apply(const struct hn_charsmap *map, struct hn_str text,
                                 struct hn_buf *out);

#endif
