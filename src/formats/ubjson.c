#include "formats/ubjson.h"

#include <stdlib.h>
#include <string.h>

/* Values of the open lists and members of the open objects wait here until their number is known. */
struct pile {
    struct hn_doc_member *p;
    size_t n;
    size_t cap;
};

struct reader {
    const unsigned char *p;
    size_t n;
    size_t at;
    int depth;
    struct pile pile;
    struct hn_arena *arena;
    const char *what;
    struct hn_error *err;
};

static enum hn_status fail(const struct reader *r, const char *why)
{
    return hn_fail(r->err, HN_E_FORMAT, "%s: byte %zu: %s", r->what, r->at, why);
}

static enum hn_status fail_nomem(const struct reader *r)
{
    return hn_fail(r->err, HN_E_NOMEM, "%s: byte %zu: out of memory", r->what, r->at);
}

size_t hn_ubjson_width(char type)
{
    switch (type) {
    case 'i':
    case 'U': return 1;
    case 'I': return 2;
    case 'l':
    case 'd': return 4;
    case 'L':
    case 'D': return 8;
    default: return 0;
    }
}

static uint64_t load_big(const unsigned char *p, size_t width)
{
    uint64_t v = 0;
    for (size_t i = 0; i < width; i++)
        v = v << 8 | p[i];
    return v;
}

static int64_t load_integer(char type, const unsigned char *p)
{
    switch (type) {
    case 'i': return (int8_t)p[0];
    case 'U': return p[0];
    case 'I': return (int16_t)load_big(p, 2);
    case 'l': return (int32_t)load_big(p, 4);
    default: return (int64_t)load_big(p, 8);
    }
}

double hn_ubjson_number(char type, const unsigned char *p)
{
    if (type == 'd') {
        const uint32_t bits = (uint32_t)load_big(p, 4);
        float v;
        memcpy(&v, &bits, sizeof v);
        return v;
    }
    if (type == 'D') {
        const uint64_t bits = load_big(p, 8);
        double v;
        memcpy(&v, &bits, sizeof v);
        return v;
    }
    return (double)load_integer(type, p);
}

/* The next byte, -1 at the end; "no operation" marks are skipped. */
static int peek(struct reader *r)
{
    while (r->at < r->n && r->p[r->at] == 'N')
        r->at++;
    return r->at < r->n ? r->p[r->at] : -1;
}

static bool accept(struct reader *r, char c)
{
    if (peek(r) != (unsigned char)c) return false;
    r->at++;
    return true;
}

/* A length or count: any integer type, not negative. */
static enum hn_status read_count(struct reader *r, size_t *out)
{
    const char type = (char)peek(r);
    const size_t width = hn_ubjson_width(type);
    if (width == 0 || type == 'd' || type == 'D') return fail(r, "a length must be an integer");
    if (r->n - r->at - 1 < width) return fail(r, "the file ends within a length");
    const int64_t v = load_integer(type, r->p + r->at + 1);
    if (v < 0) return fail(r, "a negative length");
    r->at += 1 + width;
    *out = (size_t)v;
    return HN_OK;
}

static enum hn_status read_text(struct reader *r, struct hn_str *out)
{
    size_t n;
    HN_TRY(read_count(r, &n));
    if (n > r->n - r->at) return fail(r, "a text that is longer than the file");
    *out = (struct hn_str){(const char *)r->p + r->at, n};
    r->at += n;
    return HN_OK;
}

static struct hn_doc_member *push(struct reader *r)
{
    struct pile *pile = &r->pile;
    if (pile->n == pile->cap) {
        const size_t cap = pile->cap ? 2 * pile->cap : 64;
        struct hn_doc_member *p = reallocarray(pile->p, cap, sizeof *p);
        if (!p) return NULL;
        pile->p = p;
        pile->cap = cap;
    }
    return &pile->p[pile->n++];
}

static enum hn_status read_value(struct reader *r, char type, struct hn_doc *out);

/* [$type#count, packed. */
static enum hn_status read_packed(struct reader *r, struct hn_doc *out)
{
    const int type = peek(r);
    const size_t width = hn_ubjson_width((char)type);
    if (type < 0 || width == 0) return fail(r, "arrays are packed of numbers alone");
    r->at++;
    if (!accept(r, '#')) return fail(r, "a typed array without its count");
    size_t n;
    HN_TRY(read_count(r, &n));
    if (n > (r->n - r->at) / width) return fail(r, "an array that is longer than the file");
    *out = (struct hn_doc){HN_DOC_NUMBERS, .packing = (char)type, .n = n, .numbers = r->p + r->at};
    r->at += n * width;
    return HN_OK;
}

static enum hn_status one_item(struct reader *r)
{
    const int type = peek(r);
    if (type < 0) return fail(r, "the file ends within an array");
    r->at++;
    struct hn_doc value;
    HN_TRY(read_value(r, (char)type, &value));
    struct hn_doc_member *item = push(r);
    if (!item) return fail_nomem(r);
    item->value = value;
    return HN_OK;
}

static enum hn_status read_list(struct reader *r, struct hn_doc *out)
{
    if (accept(r, '$')) return read_packed(r, out);
    const size_t start = r->pile.n;
    if (accept(r, '#')) {
        size_t n;
        HN_TRY(read_count(r, &n));
        if (n > r->n - r->at) return fail(r, "an array that is longer than the file");
        for (size_t i = 0; i < n; i++)
            HN_TRY(one_item(r));
    } else {
        while (!accept(r, ']'))
            HN_TRY(one_item(r));
    }
    const size_t n = r->pile.n - start;
    struct hn_doc *items = hn_arena_alloc(r->arena, n, sizeof *items);
    if (!items) return fail_nomem(r);
    for (size_t i = 0; i < n; i++)
        items[i] = r->pile.p[start + i].value;
    r->pile.n = start;
    *out = (struct hn_doc){HN_DOC_LIST, .n = n, .items = items};
    return HN_OK;
}

static enum hn_status one_member(struct reader *r)
{
    struct hn_doc_member member;
    HN_TRY(read_text(r, &member.key));
    const int type = peek(r);
    if (type < 0) return fail(r, "the file ends within an object");
    r->at++;
    HN_TRY(read_value(r, (char)type, &member.value));
    struct hn_doc_member *item = push(r);
    if (!item) return fail_nomem(r);
    *item = member;
    return HN_OK;
}

static enum hn_status read_object(struct reader *r, struct hn_doc *out)
{
    const size_t start = r->pile.n;
    if (accept(r, '$')) return fail(r, "typed objects are not read");
    if (accept(r, '#')) {
        size_t n;
        HN_TRY(read_count(r, &n));
        if (n > r->n - r->at) return fail(r, "an object that is longer than the file");
        for (size_t i = 0; i < n; i++)
            HN_TRY(one_member(r));
    } else {
        while (!accept(r, '}'))
            HN_TRY(one_member(r));
    }
    const size_t n = r->pile.n - start;
    struct hn_doc_member *members = hn_arena_alloc(r->arena, n, sizeof *members);
    if (!members) return fail_nomem(r);
    if (n) memcpy(members, r->pile.p + start, n * sizeof *members);
    r->pile.n = start;
    *out = (struct hn_doc){HN_DOC_OBJECT, .n = n, .members = members};
    return HN_OK;
}

/* Behind an opening bracket. */
static enum hn_status read_inside(struct reader *r, bool object, struct hn_doc *out)
{
    if (r->depth == HN_UBJSON_MAX_DEPTH) return fail(r, "nested too deeply");
    r->depth++;
    HN_TRY(object ? read_object(r, out) : read_list(r, out));
    r->depth--;
    return HN_OK;
}

/* Behind the type's byte. */
static enum hn_status read_value(struct reader *r, char type, struct hn_doc *out)
{
    switch (type) {
    case '{':
    case '[': return read_inside(r, type == '{', out);
    case 'Z': *out = (struct hn_doc){HN_DOC_NULL}; return HN_OK;
    case 'T':
    case 'F': *out = (struct hn_doc){HN_DOC_BOOL, .boolean = type == 'T'}; return HN_OK;
    case 'S':
    case 'H': *out = (struct hn_doc){HN_DOC_TEXT}; return read_text(r, &out->text);
    case 'C':
        if (r->at == r->n) return fail(r, "the file ends within a character");
        *out = (struct hn_doc){HN_DOC_TEXT, .text = {(const char *)r->p + r->at++, 1}};
        return HN_OK;
    default: break;
    }
    const size_t width = hn_ubjson_width(type);
    if (width == 0) return fail(r, "not the type of a value");
    if (r->n - r->at < width) return fail(r, "the file ends within a number");
    const unsigned char *p = r->p + r->at;
    r->at += width;
    *out = (struct hn_doc){HN_DOC_NUMBER, .number = hn_ubjson_number(type, p)};
    return HN_OK;
}

enum hn_status hn_ubjson_parse(struct hn_str text, const char *what, struct hn_arena *arena,
                               struct hn_doc *out, struct hn_error *err)
{
    struct reader r = {
        .p = (const unsigned char *)text.p, .n = text.n, .arena = arena, .what = what, .err = err};
    enum hn_status status;
    const int type = peek(&r);
    if (type < 0) status = fail(&r, "an empty file");
    else r.at++, status = read_value(&r, (char)type, out);
    if (status == HN_OK && peek(&r) >= 0)
        status = fail(&r, "something behind the end of the value");
    free(r.pile.p);
    return status;
}
