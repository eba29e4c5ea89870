#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/regex.h"

#include <pcre2.h>
#include <stdlib.h>

enum {
    PATTERN_LIMIT = 1 << 16,
    MATCH_LIMIT = 20 * 1000 * 1000, /* steps of one match */
    HEAP_LIMIT_KIB = 256 * 1024, /* of the interpreter, when the compiled form runs out of stack */
    STACK_FIRST = 64 * 1024,
    STACK_LIMIT = 16 * 1024 * 1024,
};

struct hn_regex {
    pcre2_code *code;
    bool compiled; /* to machine code */
    struct hn_str pattern;
};

/* Rewrites nested classes, [a[bc]d], as the flat [abcd]; everything else stays. */
static enum hn_status flatten_classes(struct hn_str in, struct hn_buf *out, struct hn_error *err)
{
    unsigned depth = 0;
    for (size_t i = 0; i < in.n; i++) {
        const char c = in.p[i];
        const char next = i + 1 < in.n ? in.p[i + 1] : '\0';
        if (c == '\\' && next) {
            HN_TRY(hn_buf_add(out, in.p + i++, 2));
            continue;
        }
        if (depth && c == '&' && next == '&')
            return hn_fail(err, HN_E_UNSUPPORTED,
                           "class intersection (&&) in the expression '%.*s'", HN_FMT(in));
        if (c == '[' && depth && next == ':') {
            const char *close = memmem(in.p + i, in.n - i, ":]", 2);
            const size_t n = close ? (size_t)(close - in.p) + 2 - i : 1;
            HN_TRY(hn_buf_add(out, in.p + i, n));
            i += n - 1;
            continue;
        }
        if (c == '[' && depth && next == '^')
            return hn_fail(err, HN_E_UNSUPPORTED, "nested negated class in the expression '%.*s'",
                           HN_FMT(in));
        const bool bracket = (c == '[' && depth++) || (c == ']' && depth && --depth);
        if (!bracket) HN_TRY(hn_buf_char(out, c));
    }
    return HN_OK;
}

static enum hn_status compile(struct hn_regex *regex, struct hn_str flat, uint32_t options,
                              struct hn_error *err)
{
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    if (!context) return hn_fail_nomem(err, "expression", flat.n);
    pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    int code;
    PCRE2_SIZE at;
    regex->code = pcre2_compile((PCRE2_SPTR)flat.p, flat.n,
                                PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C | options, &code, &at, context);
    pcre2_compile_context_free(context);
    if (!regex->code) {
        PCRE2_UCHAR why[128] = "";
        pcre2_get_error_message(code, why, sizeof why);
        return hn_fail(err, code == PCRE2_ERROR_HEAP_FAILED ? HN_E_NOMEM : HN_E_FORMAT,
                       "expression '%.*s': %s at byte %zu", HN_FMT(regex->pattern),
                       (const char *)why, (size_t)at);
    }
    regex->compiled = pcre2_jit_compile(regex->code, PCRE2_JIT_COMPLETE) == 0;
    return HN_OK;
}

static enum hn_status create(struct hn_str pattern, bool whole, struct hn_regex **out,
                             struct hn_error *err)
{
    if (pattern.n > PATTERN_LIMIT)
        return hn_fail(err, HN_E_LIMIT, "an expression of %zu bytes; at most %d are supported",
                       pattern.n, PATTERN_LIMIT);
    struct hn_buf flat = {0};
    struct hn_regex *regex = calloc(1, sizeof *regex);
    char *copy = malloc(pattern.n + 1);
    enum hn_status status = HN_E_NOMEM;
    if (!regex || !copy) {
        hn_fail_nomem(err, "expression", pattern.n);
        goto fail;
    }
    if (pattern.n) memcpy(copy, pattern.p, pattern.n);
    regex->pattern = (struct hn_str){copy, pattern.n};
    status = whole ? hn_buf_str(&flat, pattern) : flatten_classes(pattern, &flat, err);
    if (flat.failed) status = hn_fail(err, flat.failed, "expression '%.*s'", HN_FMT(pattern));
    if (status < 0) goto fail;
    status = compile(regex, hn_buf_view(&flat),
                     whole ? PCRE2_ANCHORED | PCRE2_ENDANCHORED : PCRE2_UCP | PCRE2_MULTILINE, err);
    if (status < 0) goto fail;
    hn_buf_free(&flat);
    *out = regex;
    return HN_OK;
fail:
    hn_buf_free(&flat);
    free(copy);
    free(regex);
    return status;
}

enum hn_status hn_regex_create(struct hn_str pattern, struct hn_regex **out, struct hn_error *err)
{
    return create(pattern, false, out, err);
}

enum hn_status hn_regex_create_whole(struct hn_str pattern, struct hn_regex **out,
                                     struct hn_error *err)
{
    return create(pattern, true, out, err);
}

void hn_regex_destroy(struct hn_regex *regex)
{
    if (!regex) return;
    pcre2_code_free(regex->code);
    free((void *)(uintptr_t)regex->pattern.p);
    free(regex);
}

void hn_regex_scratch_free(struct hn_regex_scratch *scratch)
{
    pcre2_match_data_free(scratch->match);
    pcre2_match_context_free(scratch->context);
    pcre2_jit_stack_free(scratch->stack);
    *scratch = (struct hn_regex_scratch){0};
}

static enum hn_status scratch_fill(struct hn_regex_scratch *scratch, struct hn_error *err)
{
    if (scratch->stack) return HN_OK;
    if (!scratch->match) scratch->match = pcre2_match_data_create(1, NULL);
    if (!scratch->context) scratch->context = pcre2_match_context_create(NULL);
    scratch->stack = pcre2_jit_stack_create(STACK_FIRST, STACK_LIMIT, NULL);
    if (!scratch->match || !scratch->context || !scratch->stack)
        return hn_fail_nomem(err, "matching", STACK_FIRST);
    pcre2_set_match_limit(scratch->context, MATCH_LIMIT);
    pcre2_set_heap_limit(scratch->context, HEAP_LIMIT_KIB);
    pcre2_jit_stack_assign(scratch->context, NULL, scratch->stack);
    return HN_OK;
}

enum hn_status hn_regex_find(const struct hn_regex *regex, struct hn_regex_scratch *scratch,
                             struct hn_str text, size_t from, bool *found, size_t *start,
                             size_t *end, struct hn_error *err)
{
    HN_TRY(scratch_fill(scratch, err));
    const PCRE2_SPTR subject = (PCRE2_SPTR)(text.p ? text.p : "");
    int rc = PCRE2_ERROR_JIT_STACKLIMIT;
    if (regex->compiled)
        rc = pcre2_jit_match(regex->code, subject, text.n, from, PCRE2_NO_UTF_CHECK, scratch->match,
                             scratch->context);
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT)
        rc = pcre2_match(regex->code, subject, text.n, from, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT,
                         scratch->match, scratch->context);
    *found = rc >= 0;
    if (rc >= 0) {
        const PCRE2_SIZE *bounds = pcre2_get_ovector_pointer(scratch->match);
        *start = bounds[0];
        /* \K in a lookahead can put the start past the end. */
        *end = bounds[1] < bounds[0] ? bounds[0] : bounds[1];
        return HN_OK;
    }
    if (rc == PCRE2_ERROR_NOMATCH) return HN_OK;
    if (rc == PCRE2_ERROR_NOMEMORY) return hn_fail_nomem(err, "matching", text.n);
    return hn_fail(err, HN_E_LIMIT, "the expression '%.*s' needs too much work on this text",
                   HN_FMT(regex->pattern));
}
