#include "text/pretokenize.h"

#include <stdlib.h>

#include "base/bits.h"
#include "text/charclass.h"
#include "text/classrun.h"
#include "text/regex.h"
#include "text/scan.h"

/* Expressions for numbers in groups of three from the right. As expressions they take quadratic time,
 * so they have equals of their own. */
struct thirds {
    const char *pattern;
    uint16_t of;    /* the characters that count */
    bool ends_word; /* only runs that no word character follows */
    bool starts;    /* matches nothing, at the start of each whole group */
};

static const struct thirds all_thirds[] = {
    {"\\p{N}{1,3}(?=(?:\\p{N}{3})*(?!\\p{N}))", HN_CHAR_NUMBER, false, false},
    {"\\d{1,3}(?=(?:\\d{3})*\\b)", HN_CHAR_DIGIT, true, false},
    {"(?=(\\d{3})+(?!\\d))", HN_CHAR_DIGIT, false, true},
};

struct stage {
    enum hn_pretok_behaviour behaviour;
    bool invert;
    /* The one that is there does the work. */
    const struct thirds *thirds;
    hn_scan_fn scan; /* a hand-written equal of the expression */
    struct hn_regex *regex;
    struct hn_classrun run; /* helps the expression where it has the form */
};

_Static_assert(HN_PRETOK_MAX_STAGES <= 16, "a bit for each in wants");

struct hn_pretokenizer {
    size_t n;
    uint16_t wants[256]; /* by byte: the stages, a bit each, that a piece with it may matter to */
    struct stage stages[HN_PRETOK_MAX_STAGES];
};

/* A stage whose tables say that it needs a character of its class passes other pieces on whole. */
static void note_wants(struct hn_pretokenizer *p, size_t at)
{
    const struct stage *stage = &p->stages[at];
    const bool all = stage->run.max == 0 || stage->invert;
    for (size_t byte = 0; byte < 256; byte++)
        if (all || byte >= 128 || stage->run.in[byte])
            p->wants[byte] = (uint16_t)(p->wants[byte] | 1u << at);
}

/* The first stage from `at` on that the piece may matter to. */
static size_t next_stage(const struct hn_pretokenizer *p, size_t at, struct hn_str piece)
{
    unsigned wanted = 0;
    for (size_t i = 0; i < piece.n && !(wanted >> at & 1); i++)
        wanted |= p->wants[(unsigned char)piece.p[i]];
    while (at < p->n && !(wanted >> at & 1))
        at++;
    return at;
}

static const struct thirds *find_thirds(struct hn_str pattern)
{
    for (size_t i = 0; i < HN_COUNT(all_thirds); i++)
        if (hn_str_is(pattern, all_thirds[i].pattern)) return &all_thirds[i];
    return NULL;
}

enum hn_status hn_pretokenizer_create(const struct hn_pretok_stage *stages, size_t n,
                                      struct hn_pretokenizer **out, struct hn_error *err)
{
    if (n > HN_PRETOK_MAX_STAGES)
        return hn_fail(err, HN_E_LIMIT, "%zu pre-tokenizer stages; at most %d are supported", n,
                       HN_PRETOK_MAX_STAGES);
    struct hn_pretokenizer *made = calloc(1, sizeof *made);
    if (!made) return hn_fail_nomem(err, "pre-tokenizer", sizeof *made);
    for (; made->n < n; made->n++) {
        const struct hn_pretok_stage *from = &stages[made->n];
        struct stage *to = &made->stages[made->n];
        *to = (struct stage){.behaviour = from->behaviour,
                             .invert = from->invert,
                             .thirds = find_thirds(from->pattern),
                             .scan = hn_scan_find(from->pattern)};
        enum hn_status status = HN_OK;
        const bool expression = !to->thirds && !to->scan;
        if (expression) status = hn_regex_create(from->pattern, &to->regex, err);
        if (expression && status >= 0) status = hn_classrun_init(from->pattern, &to->run, err);
        if (status < 0) {
            made->n++;
            hn_pretokenizer_destroy(made);
            return hn_fail_in(err, status, "pre-tokenizer");
        }
        note_wants(made, made->n);
    }
    *out = made;
    return HN_OK;
}

void hn_pretokenizer_destroy(struct hn_pretokenizer *pretokenizer)
{
    if (!pretokenizer) return;
    for (size_t i = 0; i < pretokenizer->n; i++)
        hn_regex_destroy(pretokenizer->stages[i].regex);
    free(pretokenizer);
}

/* One call of hn_pretokenize. */
struct walk {
    const struct hn_pretokenizer *pretokenizer;
    struct hn_regex_scratch scratch;
    hn_pretok_emit emit;
    void *context;
    struct hn_error *err;
};

static enum hn_status walk_stage(struct walk *walk, size_t at, struct hn_str piece);

/* A stage's work on one piece: the span that may still grow is held back. */
struct cutter {
    struct walk *walk;
    size_t stage;
    struct hn_str piece;
    size_t start, end;
    bool held, match;
};

static enum hn_status pass_on(struct cutter *cutter, size_t start, size_t end)
{
    return walk_stage(cutter->walk, cutter->stage + 1,
                      (struct hn_str){cutter->piece.p + start, end - start});
}

static enum hn_status flush(struct cutter *cutter)
{
    if (!cutter->held) return HN_OK;
    cutter->held = false;
    return pass_on(cutter, cutter->start, cutter->end);
}

/* The next span of the piece, a match or what lies between matches. */
static enum hn_status cut(struct cutter *cutter, size_t start, size_t end, bool match)
{
    const struct stage *stage = &cutter->walk->pretokenizer->stages[cutter->stage];
    if (start == end) return HN_OK;
    match ^= stage->invert;
    bool joins = false;
    switch (stage->behaviour) {
    case HN_PRETOK_ISOLATED: return pass_on(cutter, start, end);
    case HN_PRETOK_REMOVED: return match ? HN_OK : pass_on(cutter, start, end);
    case HN_PRETOK_PREVIOUS: joins = cutter->held && match && !cutter->match; break;
    case HN_PRETOK_NEXT: joins = cutter->held && !match && cutter->match; break;
    case HN_PRETOK_CONTIGUOUS: joins = cutter->held && match == cutter->match; break;
    }
    if (!joins) {
        HN_TRY(flush(cutter));
        cutter->start = start;
        cutter->held = true;
    }
    cutter->end = end;
    cutter->match = match;
    return HN_OK;
}

static enum hn_status cut_by_scan(struct cutter *cutter, hn_scan_fn scan)
{
    const struct hn_str piece = cutter->piece;
    for (size_t at = 0; at < piece.n;) {
        const size_t end = scan((const unsigned char *)piece.p, piece.n, at);
        HN_TRY(cut(cutter, at, end, true));
        at = end;
    }
    return HN_OK;
}

static enum hn_status find_match(struct walk *walk, const struct stage *stage, struct hn_str piece,
                                 size_t from, bool *found, size_t *start, size_t *end)
{
    if (stage->run.max) {
        const enum hn_classrun_answer answer =
            hn_classrun_find(&stage->run, piece, from, start, end);
        *found = answer == HN_CLASSRUN_HIT;
        if (answer != HN_CLASSRUN_ASK) return HN_OK;
        from = *start;
    }
    return hn_regex_find(stage->regex, &walk->scratch, piece, from, found, start, end, walk->err);
}

static enum hn_status cut_by_regex(struct cutter *cutter, const struct stage *stage)
{
    const struct hn_str piece = cutter->piece;
    size_t done = 0; /* what was cut off so far */
    for (size_t from = 0; from <= piece.n;) {
        bool found;
        size_t start, end;
        HN_TRY(find_match(cutter->walk, stage, piece, from, &found, &start, &end));
        if (!found) break;
        if (start < done) start = done; /* a lookbehind's \K */
        HN_TRY(cut(cutter, done, start, false));
        HN_TRY(cut(cutter, start, end, true));
        done = end;
        from = end;
        if (start < end) continue;
        /* An empty match cuts too; the search goes on after the next character. */
        from += from < piece.n ? hn_utf8_length((unsigned char)piece.p[from]) : 1;
    }
    return cut(cutter, done, piece.n, false);
}

/* Groups of three characters within a run at p[at..end), the first one shorter where the run's length
 * is no multiple; `starts` cuts where whole groups start and matches no character. */
static enum hn_status cut_run(struct cutter *cutter, bool starts, size_t *done, size_t at,
                              size_t end, size_t count)
{
    const unsigned char *p = (const unsigned char *)cutter->piece.p;
    for (size_t group = count % 3; at < end; group = 3) {
        const size_t start = at;
        for (size_t i = 0; i < group; i++)
            at += hn_utf8_length(p[at]);
        if (group == 0 || (starts && group < 3)) continue;
        HN_TRY(cut(cutter, *done, start, false));
        if (!starts) HN_TRY(cut(cutter, start, at, true));
        *done = starts ? start : at;
    }
    return HN_OK;
}

/* The runs of what `thirds` counts. 1234567 is 1 234 567. */
static enum hn_status cut_by_thirds(struct cutter *cutter, const struct thirds *thirds)
{
    const unsigned char *p = (const unsigned char *)cutter->piece.p;
    const size_t n = cutter->piece.n;
    size_t done = 0;
    for (size_t at = 0, end, length; at < n; at = end) {
        size_t count = 0;
        for (end = at; end < n && (hn_charclass_at(p + end, &length) & thirds->of); end += length)
            count++;
        if (!count) end += hn_utf8_length(p[at]);
        else if (!thirds->ends_word || end == n ||
                 !(hn_charclass_at(p + end, &length) & HN_CHAR_WORD))
            HN_TRY(cut_run(cutter, thirds->starts, &done, at, end, count));
    }
    return cut(cutter, done, n, false);
}

static enum hn_status walk_stage(struct walk *walk, size_t at, struct hn_str piece)
{
    at = next_stage(walk->pretokenizer, at, piece);
    if (at == walk->pretokenizer->n) return piece.n ? walk->emit(walk->context, piece) : HN_OK;
    const struct stage *stage = &walk->pretokenizer->stages[at];
    struct cutter cutter = {.walk = walk, .stage = at, .piece = piece};
    if (stage->thirds) HN_TRY(cut_by_thirds(&cutter, stage->thirds));
    else if (stage->scan) HN_TRY(cut_by_scan(&cutter, stage->scan));
    else HN_TRY(cut_by_regex(&cutter, stage));
    return flush(&cutter);
}

enum hn_status hn_pretokenize(const struct hn_pretokenizer *pretokenizer, struct hn_str text,
                              hn_pretok_emit emit, void *context, struct hn_error *err)
{
    struct walk walk = {.pretokenizer = pretokenizer, .emit = emit, .context = context, .err = err};
    const enum hn_status status = walk_stage(&walk, 0, text);
    hn_regex_scratch_free(&walk.scratch);
    return status;
}
