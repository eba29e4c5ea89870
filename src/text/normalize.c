#include "text/normalize.h"

#include <stdlib.h>
#include <utf8proc.h>

#include "base/arena.h"
#include "text/charclass.h"
#include "text/charsmap.h"
#include "text/regex.h"
#include "text/unicode_form.h"

struct step {
    enum hn_normal_kind kind;
    struct hn_str from, to;
    struct hn_charsmap map;
    struct hn_regex *regex;
};

struct hn_normalizer {
    struct hn_arena arena;
    size_t n;
    struct step steps[HN_NORMAL_MAX_STEPS];
};

static enum hn_status copy_step(struct hn_normalizer *made, const struct hn_normal *from,
                                struct step *to, struct hn_error *err)
{
    *to = (struct step){.kind = from->kind};
    to->from = hn_arena_str(&made->arena, from->from);
    to->to = hn_arena_str(&made->arena, from->to);
    if (!to->from.p || !to->to.p)
        return hn_fail_nomem(err, "normalizer", from->from.n + from->to.n);
    if (hn_utf8_valid(to->to) != to->to.n)
        return hn_fail(err, HN_E_FORMAT, "normalizer: a replacement is not UTF-8");
    if (from->kind == HN_NORMAL_REPLACE && hn_utf8_valid(to->from) != to->from.n)
        return hn_fail(err, HN_E_FORMAT, "normalizer: what is replaced is not UTF-8");
    if (from->kind == HN_NORMAL_CHARSMAP) return hn_charsmap_open(to->from, &to->map, err);
    if (from->kind == HN_NORMAL_REPLACE_REGEX) return hn_regex_create(to->from, &to->regex, err);
    if (from->kind == HN_NORMAL_REPLACE && !from->from.n)
        return hn_fail(err, HN_E_FORMAT, "normalizer: an empty text cannot be replaced");
    return HN_OK;
}

enum hn_status hn_normalizer_create(const struct hn_normal *steps, size_t n,
                                    struct hn_normalizer **out, struct hn_error *err)
{
    if (n > HN_NORMAL_MAX_STEPS)
        return hn_fail(err, HN_E_LIMIT, "%zu normalizer steps; at most %d are supported", n,
                       HN_NORMAL_MAX_STEPS);
    struct hn_normalizer *made = calloc(1, sizeof *made);
    if (!made) return hn_fail_nomem(err, "normalizer", sizeof *made);
    for (; made->n < n; made->n++) {
        const enum hn_status status = copy_step(made, &steps[made->n], &made->steps[made->n], err);
        if (status < 0) {
            hn_normalizer_destroy(made);
            return status;
        }
    }
    *out = made;
    return HN_OK;
}

void hn_normalizer_destroy(struct hn_normalizer *normalizer)
{
    if (!normalizer) return;
    for (size_t i = 0; i < normalizer->n; i++)
        hn_regex_destroy(normalizer->steps[i].regex);
    hn_arena_free(&normalizer->arena);
    free(normalizer);
}

void hn_normal_scratch_free(struct hn_normal_scratch *scratch)
{
    hn_buf_free(&scratch->buffers[0]);
    hn_buf_free(&scratch->buffers[1]);
}

static bool is_cjk(uint32_t cp)
{
    /* The ranges of BERT's tokenizer; 2B920 stands where 2B820 was meant, and has stayed. */
    return (cp >= 0x4E00 && cp <= 0x9FFF) || (cp >= 0x3400 && cp <= 0x4DBF) ||
           (cp >= 0x20000 && cp <= 0x2A6DF) || (cp >= 0x2A700 && cp <= 0x2B73F) ||
           (cp >= 0x2B740 && cp <= 0x2B81F) || (cp >= 0x2B920 && cp <= 0x2CEAF) ||
           (cp >= 0xF900 && cp <= 0xFAFF) || (cp >= 0x2F800 && cp <= 0x2FA1F);
}

static enum hn_status add_lower(struct hn_buf *out, uint32_t cp)
{
    if (cp == 0x130)
        return hn_buf_text(out, "i\xCC\x87"); /* the one lower case of two characters */
    char bytes[4];
    const uint32_t lower = (uint32_t)utf8proc_tolower((utf8proc_int32_t)cp);
    return hn_buf_add(out, bytes, hn_utf8_encode(lower, bytes));
}

/* The steps that look at one character at a time. */
static enum hn_status add_mapped(struct hn_buf *out, enum hn_normal_kind kind, uint32_t cp,
                                 struct hn_str self)
{
    const uint16_t class = hn_charclass_of(cp);
    switch (kind) {
    case HN_NORMAL_LOWERCASE: return add_lower(out, cp);
    case HN_NORMAL_STRIP_ACCENTS:
        if (class & HN_CHAR_MN) return HN_OK;
        break;
    case HN_NORMAL_CLEAN:
        if (cp == '\t' || cp == '\n' || cp == '\r') return hn_buf_char(out, ' ');
        if (cp == 0 || cp == 0xFFFD || (class & HN_CHAR_OTHER)) return HN_OK;
        if (class & HN_CHAR_SPACE) return hn_buf_char(out, ' ');
        break;
    case HN_NORMAL_SPACE_CJK:
        if (!is_cjk(cp)) break;
        HN_TRY(hn_buf_char(out, ' '));
        HN_TRY(hn_buf_str(out, self));
        return hn_buf_char(out, ' ');
    default: break;
    }
    return hn_buf_str(out, self);
}

static enum hn_status map_characters(enum hn_normal_kind kind, struct hn_str in, struct hn_buf *out)
{
    for (size_t at = 0, length; at < in.n; at += length) {
        const uint32_t cp = hn_utf8_peek((const unsigned char *)in.p + at, &length);
        HN_TRY(add_mapped(out, kind, cp, (struct hn_str){in.p + at, length}));
    }
    return HN_OK;
}

static enum hn_status replace_text(const struct step *step, struct hn_str in, struct hn_buf *out)
{
    for (;;) {
        const char *hit = memmem(in.p, in.n, step->from.p, step->from.n);
        if (!hit) return hn_buf_str(out, in);
        const size_t before = (size_t)(hit - in.p);
        HN_TRY(hn_buf_add(out, in.p, before));
        HN_TRY(hn_buf_str(out, step->to));
        in = (struct hn_str){hit + step->from.n, in.n - before - step->from.n};
    }
}

static enum hn_status replace_matches(const struct step *step, struct hn_str in, struct hn_buf *out,
                                      struct hn_error *err)
{
    struct hn_regex_scratch scratch = {0};
    enum hn_status status = HN_OK;
    size_t done = 0;
    for (size_t from = 0; from <= in.n;) {
        bool found;
        size_t start, end;
        status = hn_regex_find(step->regex, &scratch, in, from, &found, &start, &end, err);
        if (status < 0 || !found) break;
        if (start < done) start = done;
        if ((status = hn_buf_add(out, in.p + done, start - done)) < 0) break;
        if ((status = hn_buf_str(out, step->to)) < 0) break;
        done = from = end;
        if (start == end) from += from < in.n ? hn_utf8_length((unsigned char)in.p[from]) : 1;
    }
    hn_regex_scratch_free(&scratch);
    if (status < 0) return status;
    return hn_buf_add(out, in.p + done, in.n - done);
}

static enum hn_status squeeze(struct hn_str in, struct hn_buf *out)
{
    bool pending = false;
    for (size_t i = 0; i < in.n; i++) {
        if (in.p[i] == ' ') {
            pending = true;
            continue;
        }
        if (pending && out->n) HN_TRY(hn_buf_char(out, ' '));
        pending = false;
        HN_TRY(hn_buf_char(out, in.p[i]));
    }
    return HN_OK;
}

static struct hn_str strip_left(struct hn_str in)
{
    size_t at = 0, length;
    while (at < in.n &&
           (hn_charclass_at((const unsigned char *)in.p + at, &length) & HN_CHAR_SPACE))
        at += length;
    return (struct hn_str){in.p + at, in.n - at};
}

static struct hn_str strip_right(struct hn_str in)
{
    while (in.n) {
        size_t at = in.n - 1, length;
        while (at && ((unsigned char)in.p[at] & 0xC0) == 0x80)
            at--;
        if (!(hn_charclass_at((const unsigned char *)in.p + at, &length) & HN_CHAR_SPACE)) break;
        in.n = at;
    }
    return in;
}

static enum hn_status prepend(const struct step *step, struct hn_str in, bool first,
                              struct hn_buf *out)
{
    const bool bare = step->kind == HN_NORMAL_PREPEND || !hn_str_starts(in, step->to);
    if (in.n && bare && (first || step->kind != HN_NORMAL_PREPEND_FIRST))
        HN_TRY(hn_buf_str(out, step->to));
    return hn_buf_str(out, in);
}

static enum hn_status run_step(const struct step *step, struct hn_str in, bool first,
                               struct hn_buf *out, struct hn_error *err)
{
    switch (step->kind) {
    case HN_NORMAL_NFC: return hn_unicode_form(in, true, false, out);
    case HN_NORMAL_NFD: return hn_unicode_form(in, false, false, out);
    case HN_NORMAL_NFKC: return hn_unicode_form(in, true, true, out);
    case HN_NORMAL_NFKD: return hn_unicode_form(in, false, true, out);
    case HN_NORMAL_LOWERCASE:
    case HN_NORMAL_STRIP_ACCENTS:
    case HN_NORMAL_CLEAN:
    case HN_NORMAL_SPACE_CJK: return map_characters(step->kind, in, out);
    case HN_NORMAL_REPLACE: return replace_text(step, in, out);
    case HN_NORMAL_REPLACE_REGEX: return replace_matches(step, in, out, err);
    case HN_NORMAL_PREPEND:
    case HN_NORMAL_PREPEND_UNLESS:
    case HN_NORMAL_PREPEND_FIRST: return prepend(step, in, first, out);
    case HN_NORMAL_APPEND:
        HN_TRY(hn_buf_str(out, in));
        return in.n ? hn_buf_str(out, step->to) : HN_OK;
    case HN_NORMAL_STRIP_LEFT: return hn_buf_str(out, strip_left(in));
    case HN_NORMAL_STRIP_RIGHT: return hn_buf_str(out, strip_right(in));
    case HN_NORMAL_SQUEEZE: return squeeze(in, out);
    case HN_NORMAL_CHARSMAP: return hn_charsmap_apply(&step->map, in, out);
    }
    return hn_fail(err, HN_E_INTERNAL, "normalizer step %d", (int)step->kind);
}

static bool is_ascii(struct hn_str s)
{
    unsigned char all = 0;
    for (size_t i = 0; i < s.n; i++)
        all |= (unsigned char)s.p[i];
    return all < 0x80;
}

/* True when the step leaves the text as it is, told cheaply. */
static bool is_idle(const struct step *step, struct hn_str text)
{
    switch (step->kind) {
    case HN_NORMAL_NFC:
    case HN_NORMAL_NFD:
    case HN_NORMAL_NFKC:
    case HN_NORMAL_NFKD:
    case HN_NORMAL_STRIP_ACCENTS:
    case HN_NORMAL_SPACE_CJK: return is_ascii(text);
    default: return false;
    }
}

enum hn_status hn_normalize(const struct hn_normalizer *normalizer, struct hn_str text, bool first,
                            struct hn_normal_scratch *scratch, struct hn_str *out,
                            struct hn_error *err)
{
    unsigned turn = 0;
    for (size_t i = 0; i < normalizer->n; i++) {
        const struct step *step = &normalizer->steps[i];
        if (is_idle(step, text)) continue;
        struct hn_buf *into = &scratch->buffers[turn];
        hn_buf_clear(into);
        enum hn_status status = run_step(step, text, first, into, err);
        if (status == HN_E_NOMEM) return hn_fail_nomem(err, "normalized text", text.n);
        if (status < 0) return status;
        text = hn_buf_view(into);
        turn ^= 1;
        if (step->kind != HN_NORMAL_CHARSMAP || hn_utf8_valid(text) == text.n) continue;
        into = &scratch->buffers[turn];
        hn_buf_clear(into);
        status = hn_utf8_repair(text, into);
        if (status < 0) return hn_fail_nomem(err, "normalized text", text.n);
        text = hn_buf_view(into);
        turn ^= 1;
    }
    *out = text;
    return HN_OK;
}
