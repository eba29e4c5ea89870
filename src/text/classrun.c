#include "text/classrun.h"

#include "base/bits.h"
#include "text/regex.h"

/* Which ASCII characters match a class. */
static enum hn_status fill(struct hn_str class, bool table[128], struct hn_error *err)
{
    struct hn_regex *regex = NULL;
    struct hn_regex_scratch scratch = {0};
    enum hn_status status = hn_regex_create(class, &regex, err);
    for (int c = 0; c < 128 && status >= 0; c++) {
        const char text = (char)c;
        size_t start, end;
        status = hn_regex_find(regex, &scratch, (struct hn_str){&text, 1}, 0, &table[c], &start,
                               &end, err);
    }
    hn_regex_scratch_free(&scratch);
    hn_regex_destroy(regex);
    return status;
}

/* Bytes of the class that `s` starts with; 0 when it starts with something else. */
static size_t class_length(struct hn_str s)
{
    if (hn_str_starts(s, HN_STR("\\p{"))) {
        const char *close = memchr(s.p, '}', s.n);
        return close ? (size_t)(close - s.p) + 1 : 0;
    }
    if (hn_str_starts(s, HN_STR("\\d"))) return 2;
    /* A bracket right after the opening one would be a member. */
    if (s.n < 3 || s.p[0] != '[' || s.p[1] == ']' || s.p[2] == ']') return 0;
    for (size_t i = 1; i < s.n; i++) {
        if (s.p[i] == '\\') i++;
        else if (s.p[i] == '[') return 0;
        else if (s.p[i] == ']') return i + 1;
    }
    return 0;
}

static bool takes(struct hn_str *s, struct hn_str prefix)
{
    if (!hn_str_starts(*s, prefix)) return false;
    *s = (struct hn_str){s->p + prefix.n, s->n - prefix.n};
    return true;
}

enum hn_status hn_classrun_init(struct hn_str pattern, struct hn_classrun *out,
                                struct hn_error *err)
{
    *out = (struct hn_classrun){0};
    if (hn_str_is(pattern, "\\s+$") || hn_str_is(pattern, "(?<!\\s)\\s++$")) {
        out->at_end = true;
        out->min = out->max = 1;
        return fill(HN_STR("\\s"), out->in, err);
    }
    struct hn_str rest = pattern, before = {0};
    if (takes(&rest, HN_STR("\\s?"))) before = HN_STR("\\s");
    else if (takes(&rest, HN_STR(" ?"))) before = HN_STR(" ");
    const struct hn_str class = {rest.p, class_length(rest)};
    if (!class.n) return HN_OK;
    size_t count = 0;
    while (takes(&rest, class))
        count++;
    size_t max = count;
    if (count == 1 && takes(&rest, HN_STR("+"))) max = SIZE_MAX;
    else if (count == 1 && takes(&rest, HN_STR("{1,3}"))) max = 3;
    if (rest.n || (before.n && count > 1)) return HN_OK;
    HN_TRY(fill(class, out->in, err));
    if (before.n) HN_TRY(fill(before, out->before, err));
    out->min = count;
    out->max = max;
    return HN_OK;
}

static enum hn_classrun_answer find_at_end(const struct hn_classrun *run, struct hn_str text,
                                           size_t from, size_t *start)
{
    *start = from;
    const unsigned char last = text.n ? (unsigned char)text.p[text.n - 1] : 0;
    const bool excluded = last < 128 && !run->in[last] && !memchr(text.p, '\n', text.n);
    return text.n == 0 || excluded ? HN_CLASSRUN_NONE : HN_CLASSRUN_ASK;
}

enum hn_classrun_answer hn_classrun_find(const struct hn_classrun *run, struct hn_str text,
                                         size_t from, size_t *start, size_t *end)
{
    const unsigned char *p = (const unsigned char *)text.p;
    if (run->at_end) return find_at_end(run, text, from, start);
    for (size_t at = from; at < text.n; at++) {
        *start = at;
        if (p[at] >= 128) return HN_CLASSRUN_ASK;
        size_t i = at + run->before[p[at]];
        if (i < text.n && p[i] >= 128) return HN_CLASSRUN_ASK;
        /* The optional character may be one of the class, too. */
        if (i > at && (i == text.n || !run->in[p[i]])) i = at;
        const size_t first = i;
        while (i < text.n && i - first < run->max && p[i] < 128 && run->in[p[i]])
            i++;
        const bool full = i - first == run->max;
        if (!full && i > first && i < text.n && p[i] >= 128) return HN_CLASSRUN_ASK;
        if (i - first < run->min) continue;
        *end = i;
        return HN_CLASSRUN_HIT;
    }
    return HN_CLASSRUN_NONE;
}
