#include "load/draw.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/bits.h"
#include "base/file.h"
#include "base/json_read.h"
#include "base/rng.h"

enum { MAX_FILE = 64 << 20 };

/* Reads a number in [1, HN_LOAD_MAX_TOKENS] and moves past it; 0 when there is none. */
static uint32_t take_number(const char **p)
{
    /* strtoull would take signs and blanks. */
    if (**p < '0' || **p > '9') return 0;
    char *end;
    errno = 0;
    const unsigned long long n = strtoull(*p, &end, 10);
    *p = end;
    return errno || n > HN_LOAD_MAX_TOKENS ? 0 : (uint32_t)n;
}

enum hn_status hn_length_read(const char *text, struct hn_length *out, struct hn_error *err)
{
    const char *p = text;
    out->low = out->high = take_number(&p);
    if (out->low && *p == '-') {
        p++;
        out->high = take_number(&p);
    }
    if (*p || !out->low || out->high < out->low)
        return hn_fail(err, HN_E_ARG, "give N or LOW-HIGH, from 1 to %d tokens",
                       HN_LOAD_MAX_TOKENS);
    return HN_OK;
}

static enum hn_status add_pair(struct hn_length_pairs *pairs, const char *line,
                               struct hn_error *err)
{
    struct hn_length_pair pair;
    line += strspn(line, " \t");
    if (*line == '#' || *line == '\0' || *line == '\r') return HN_OK;
    pair.prompt = take_number(&line);
    line += strspn(line, " \t,;");
    pair.output = take_number(&line);
    line += strspn(line, " \t\r");
    if (*line || !pair.prompt || !pair.output)
        return hn_fail(err, HN_E_FORMAT, "give two numbers from 1 to %d", HN_LOAD_MAX_TOKENS);
    if (pairs->n == HN_LOAD_MAX_PAIRS)
        return hn_fail(err, HN_E_LIMIT, "more than %d lines", HN_LOAD_MAX_PAIRS);
    pairs->items[pairs->n++] = pair;
    return HN_OK;
}

static size_t count_lines(const char *text)
{
    size_t n = 1;
    for (; (text = strchr(text, '\n')); text++)
        n++;
    return n;
}

static enum hn_status read_lines(char *text, struct hn_length_pairs *pairs, struct hn_error *err)
{
    char *rest = text, *line;
    for (size_t number = 1; (line = strsep(&rest, "\n")); number++) {
        const enum hn_status status = add_pair(pairs, line, err);
        if (status < 0) return hn_fail_in(err, status, "line %zu", number);
    }
    return pairs->n ? HN_OK : hn_fail(err, HN_E_FORMAT, "no lengths");
}

enum hn_status hn_length_pairs_read(const char *path, struct hn_length_pairs *out,
                                    struct hn_error *err)
{
    struct hn_buf text = {0};
    *out = (struct hn_length_pairs){0};
    enum hn_status status = hn_file_read(path, MAX_FILE, &text, err);
    if (status >= 0 && !text.n) status = hn_fail(err, HN_E_FORMAT, "%s: it is empty", path);
    if (status >= 0) {
        const size_t room = hn_min(count_lines(text.p), HN_LOAD_MAX_PAIRS);
        out->items = malloc(room * sizeof *out->items);
        if (!out->items) status = hn_fail_nomem(err, "lengths", room * sizeof *out->items);
        else status = read_lines(text.p, out, err);
        if (status < 0) hn_fail_in(err, status, "%s", path);
    }
    if (status < 0) {
        free(out->items);
        *out = (struct hn_length_pairs){0};
    }
    hn_buf_free(&text);
    return status;
}

static bool is_json(struct hn_str text)
{
    struct hn_json_reader r = hn_json_reader_of(text, "", NULL);
    const bool good = hn_json_skip(&r, NULL) >= 0 && hn_json_read_end(&r) >= 0;
    hn_buf_free(&r.text);
    return good;
}

/* The lines that are not empty; false when one of them is no JSON. */
static bool take_lines(struct hn_bodies *bodies)
{
    const char *end = bodies->text.p + bodies->text.n;
    for (const char *p = bodies->text.p; p < end;) {
        const char *stop = memchr(p, '\n', (size_t)(end - p));
        const struct hn_str line = {p, (size_t)((stop ? stop : end) - p)};
        p = stop ? stop + 1 : end;
        if (!line.n) continue;
        if (!is_json(line)) return false;
        bodies->items[bodies->n++] = line;
    }
    return bodies->n > 0;
}

enum hn_status hn_bodies_read(const char *path, struct hn_bodies *out, struct hn_error *err)
{
    *out = (struct hn_bodies){0};
    HN_TRY(hn_file_read(path, MAX_FILE, &out->text, err));
    const size_t room = hn_min(out->text.n ? count_lines(out->text.p) + 1 : 1, HN_LOAD_MAX_PAIRS);
    enum hn_status status = HN_OK;
    out->items = calloc(room, sizeof *out->items);
    if (!out->items) {
        status = hn_fail_nomem(err, "bodies", room * sizeof *out->items);
    } else if (!take_lines(out)) {
        out->n = 1;
        out->items[0] = hn_buf_view(&out->text);
        if (!is_json(out->items[0]))
            status =
                hn_fail(err, HN_E_FORMAT, "%s: neither JSON nor a line of it for each body", path);
    }
    if (status < 0) hn_bodies_free(out);
    return status;
}

void hn_bodies_free(struct hn_bodies *bodies)
{
    hn_buf_free(&bodies->text);
    free(bodies->items);
    *bodies = (struct hn_bodies){0};
}

static enum hn_status read_tier(const char **p, struct hn_tiers *out, struct hn_error *err)
{
    struct hn_tier tier = {.weight = 1};
    const size_t n = strcspn(*p, "=,");
    if (!n || n >= sizeof tier.name)
        return hn_fail(err, HN_E_ARG, "give classes and their weights: default=3,flex=1");
    memcpy(tier.name, *p, n);
    *p += n;
    if (**p == '=') {
        char *end;
        tier.weight = strtod(*p + 1, &end);
        if (end == *p + 1 || !(tier.weight > 0) || !(tier.weight < 1e9))
            return hn_fail(err, HN_E_ARG, "%s: give a weight above 0", tier.name);
        *p = end;
    }
    if (**p && **p != ',') return hn_fail(err, HN_E_ARG, "%s: what is \"%s\"?", tier.name, *p);
    if (out->n == HN_LOAD_MAX_TIERS)
        return hn_fail(err, HN_E_LIMIT, "there may be %d classes", HN_LOAD_MAX_TIERS);
    out->items[out->n++] = tier;
    return HN_OK;
}

enum hn_status hn_tiers_read(const char *text, struct hn_tiers *out, struct hn_error *err)
{
    *out = (struct hn_tiers){0};
    for (const char *p = text;; p++) {
        HN_TRY(read_tier(&p, out, err));
        if (!*p) return HN_OK;
    }
}

double hn_draw(uint64_t seed, uint64_t request, enum hn_draw what)
{
    uint32_t r[4];
    hn_philox(seed, request, what, r);
    return hn_uniform(r[0], r[1]);
}

uint32_t hn_draw_length(const struct hn_length *length, double draw)
{
    return length->low + (uint32_t)(draw * ((double)length->high - (double)length->low + 1));
}

size_t hn_draw_tier(const struct hn_tiers *tiers, double draw)
{
    double all = 0;
    for (size_t i = 0; i < tiers->n; i++)
        all += tiers->items[i].weight;
    draw *= all;
    size_t i = 0;
    while (i + 1 < tiers->n && draw >= tiers->items[i].weight)
        draw -= tiers->items[i++].weight;
    return i;
}

double hn_draw_gap(double rate, double draw)
{
    return -log1p(-draw) / rate;
}

static const char words[HN_DRAW_WORDS][8] = {
    "the",  "time",  "of",    "water", "and",   "house", "in",   "people", "to",    "year",  "day",
    "on",   "light", "with",  "world", "for",   "hand",  "at",   "place",  "from",  "work",  "by",
    "side", "long",  "great", "small", "music", "old",   "good", "river",  "night", "story",
};

/* A list of its own for each (number, block). */
static void shuffle(uint64_t seed, uint64_t number, uint64_t block, uint8_t order[HN_DRAW_WORDS])
{
    uint32_t r[4];
    for (uint8_t i = 0; i < HN_DRAW_WORDS; i++)
        order[i] = i;
    for (uint32_t i = HN_DRAW_WORDS - 1; i > 0; i--) {
        /* The high bit keeps these apart from the draws of hn_draw, which are streams, too. */
        if (i % 4 == 3) hn_philox(seed, block << 8 | i, number | UINT64_C(1) << 63, r);
        const uint32_t j = (uint32_t)((uint64_t)r[i % 4] * (i + 1) >> 32);
        const uint8_t other = order[j];
        order[j] = order[i];
        order[i] = other;
    }
}

void hn_draw_words(uint64_t seed, uint64_t number, size_t n, struct hn_buf *out)
{
    uint8_t order[HN_DRAW_WORDS];
    for (size_t i = 0; i < n; i++) {
        if (i % HN_DRAW_WORDS == 0) shuffle(seed, number, i / HN_DRAW_WORDS, order);
        if (i) hn_buf_char(out, ' ');
        hn_buf_text(out, words[order[i % HN_DRAW_WORDS]]);
    }
}
