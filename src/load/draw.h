/* What is left to chance in a load: lengths, who shares a prefix, classes, arrivals, words. A draw
 * depends on the seed and the request's number alone, so two servers get the same load. */
#ifndef HN_LOAD_DRAW_H
#define HN_LOAD_DRAW_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum { HN_LOAD_MAX_TOKENS = 1 << 20, HN_LOAD_MAX_PAIRS = 1 << 20, HN_LOAD_MAX_TIERS = 4 };

/* Uniform in [low, high]; a fixed number when they are equal. */
struct hn_length {
    uint32_t low, high;
};

/* Lengths of a prompt and its answer that belong together. */
struct hn_length_pair {
    uint32_t prompt, output;
};

struct hn_length_pairs {
    struct hn_length_pair *items; /* owned; NULL: there are none */
    size_t n;
};

/* Bodies of requests that are written down: a file's lines, or the whole of it. */
struct hn_bodies {
    struct hn_buf text;   /* owned, */
    struct hn_str *items; /* and what it holds: owned, too; NULL: there are none */
    size_t n;
};

/* Classes by their share. */
struct hn_tier {
    char name[16]; /* as `service_tier` has it */
    double weight;
};

struct hn_tiers {
    struct hn_tier items[HN_LOAD_MAX_TIERS];
    size_t n;
};

/* "200" or "100-300". HN_E_ARG says what is wrong. */
enum hn_status hn_length_read(const char *text, struct hn_length *out, struct hn_error *err);
/* A file with a prompt's and an answer's tokens on each line, apart by a comma or blanks; lines that
 * begin with # are passed over. */
enum hn_status hn_length_pairs_read(const char *path, struct hn_length_pairs *out,
                                    struct hn_error *err);
/* A file of JSON: one body, or one on each line where each line is whole by itself. */
enum hn_status hn_bodies_read(const char *path, struct hn_bodies *out, struct hn_error *err);
void hn_bodies_free(struct hn_bodies *bodies);
/* "default=3,flex=1"; a weight of 1 may be left out. */
enum hn_status hn_tiers_read(const char *text, struct hn_tiers *out, struct hn_error *err);

/* What a draw is for: those of one request do not depend on each other. */
enum hn_draw { HN_DRAW_PROMPT, HN_DRAW_OUTPUT, HN_DRAW_PREFIX, HN_DRAW_TIER, HN_DRAW_ARRIVAL };

/* Uniform in [0, 1). */
double hn_draw(uint64_t seed, uint64_t request, enum hn_draw what);
uint32_t hn_draw_length(const struct hn_length *length, double draw);
size_t hn_draw_tier(const struct hn_tiers *tiers, double draw);
/* Seconds from one arrival to the next, of `rate` a second at random times (a Poisson process). */
double hn_draw_gap(double rate, double draw);

/* Appends `n` words, common English ones with blanks between them. They come in whole shuffled lists of
 * HN_DRAW_WORDS, so any tokenizer that cuts at blanks makes the same number of tokens of each list. Texts
 * of other `number`s are other texts. */
enum { HN_DRAW_WORDS = 32 };
void hn_draw_words(uint64_t seed, uint64_t number, size_t n, struct hn_buf *out);

#endif
