#include "formats/document.h"

#include <locale.h>
#include <stdlib.h>

#include "base/json_read.h"
#include "formats/ubjson.h"

/* JSON to values. What is inside the open brackets waits on piles until its number is known. */
struct builder {
    struct hn_json_reader r;
    struct hn_arena *arena;
    struct hn_buf numbers; /* double */
    struct hn_buf members; /* struct hn_doc_member; items of lists have no key */
};

static enum hn_status fail_nomem(const struct builder *b)
{
    return hn_fail(b->r.err, HN_E_NOMEM, "%s: out of memory at byte %zu", b->r.what,
                   (size_t)(b->r.p - b->r.start));
}

static enum hn_status build(struct builder *b, struct hn_doc *out);

/* Takes what stands on a pile behind `start`; NULL when out of memory. */
static void *take(struct builder *b, struct hn_buf *pile, size_t start)
{
    void *out = hn_arena_alloc(b->arena, pile->n - start, 1);
    if (out && pile->n > start) memcpy(out, pile->p + start, pile->n - start);
    pile->n = start;
    return out;
}

static enum hn_status take_numbers(struct builder *b, size_t start, struct hn_doc *out)
{
    *out = (struct hn_doc){HN_DOC_NUMBERS, .packing = 'N'};
    out->n = (b->numbers.n - start) / sizeof(double);
    out->numbers = take(b, &b->numbers, start);
    return out->numbers ? HN_OK : fail_nomem(b);
}

/* Numbers that turned out to stand in a list of other values. */
static enum hn_status spill_numbers(struct builder *b, size_t start)
{
    for (size_t at = start; at < b->numbers.n; at += sizeof(double)) {
        struct hn_doc_member item = {.value = {HN_DOC_NUMBER}};
        memcpy(&item.value.number, b->numbers.p + at, sizeof(double));
        if (hn_buf_add(&b->members, &item, sizeof item) < 0) return fail_nomem(b);
    }
    b->numbers.n = start;
    return HN_OK;
}

static enum hn_status take_items(struct builder *b, size_t start, struct hn_doc *out)
{
    const size_t n = (b->members.n - start) / sizeof(struct hn_doc_member);
    struct hn_doc *items = hn_arena_alloc(b->arena, n, sizeof *items);
    if (!items) return fail_nomem(b);
    for (size_t i = 0; i < n; i++) {
        struct hn_doc_member item;
        memcpy(&item, b->members.p + start + i * sizeof item, sizeof item);
        items[i] = item.value;
    }
    b->members.n = start;
    *out = (struct hn_doc){HN_DOC_LIST, .n = n, .items = items};
    return HN_OK;
}

static enum hn_status build_list(struct builder *b, struct hn_doc *out)
{
    const size_t first_number = b->numbers.n;
    const size_t first_item = b->members.n;
    bool numbers = true;
    HN_TRY(hn_json_enter(&b->r, '['));
    for (bool more;;) {
        HN_TRY(hn_json_next(&b->r, ']', &more));
        if (!more) break;
        if (numbers && hn_json_peek(&b->r) == 0) {
            struct hn_json_number number;
            HN_TRY(hn_json_read_number(&b->r, &number));
            if (hn_buf_add(&b->numbers, &number.real, sizeof number.real) < 0) return fail_nomem(b);
            continue;
        }
        struct hn_doc_member item = {0};
        if (numbers) HN_TRY(spill_numbers(b, first_number));
        numbers = false;
        HN_TRY(build(b, &item.value));
        if (hn_buf_add(&b->members, &item, sizeof item) < 0) return fail_nomem(b);
    }
    return numbers ? take_numbers(b, first_number, out) : take_items(b, first_item, out);
}

static enum hn_status build_object(struct builder *b, struct hn_doc *out)
{
    const size_t start = b->members.n;
    HN_TRY(hn_json_enter(&b->r, '{'));
    for (bool more;;) {
        struct hn_doc_member member = {0};
        struct hn_str key;
        HN_TRY(hn_json_next_key(&b->r, &more, &key));
        if (!more) break;
        member.key = hn_arena_str(b->arena, key);
        if (!member.key.p) return fail_nomem(b);
        HN_TRY(build(b, &member.value));
        if (hn_buf_add(&b->members, &member, sizeof member) < 0) return fail_nomem(b);
    }
    *out = (struct hn_doc){HN_DOC_OBJECT};
    out->n = (b->members.n - start) / sizeof(struct hn_doc_member);
    out->members = take(b, &b->members, start);
    return out->members ? HN_OK : fail_nomem(b);
}

static enum hn_status build_number(struct builder *b, struct hn_doc *out)
{
    struct hn_json_number number;
    HN_TRY(hn_json_read_number(&b->r, &number));
    *out = (struct hn_doc){HN_DOC_NUMBER, .number = number.real};
    return HN_OK;
}

static enum hn_status build(struct builder *b, struct hn_doc *out)
{
    struct hn_str text;
    switch (hn_json_peek(&b->r)) {
    case '{': return build_object(b, out);
    case '[': return build_list(b, out);
    case '"':
        HN_TRY(hn_json_read_text(&b->r, &text));
        *out = (struct hn_doc){HN_DOC_TEXT, .text = hn_arena_str(b->arena, text)};
        return out->text.p ? HN_OK : fail_nomem(b);
    case 't':
    case 'f': *out = (struct hn_doc){HN_DOC_BOOL}; return hn_json_read_bool(&b->r, &out->boolean);
    case 'n': *out = (struct hn_doc){HN_DOC_NULL}; return hn_json_read_null(&b->r);
    default: return build_number(b, out);
    }
}

enum hn_status hn_doc_parse(struct hn_str text, const char *what, struct hn_arena *arena,
                            struct hn_doc *out, struct hn_error *err)
{
    /* UBJSON begins with a brace, and has a length's type or a bracket behind it. */
    const bool json = text.n > 1 && (memchr(" \t\r\n", text.p[0], 4) ||
                                     (text.p[0] == '{' && memchr("\" \t\r\n}", text.p[1], 6)));
    return json ? hn_doc_parse_json(text, what, arena, out, err)
                : hn_ubjson_parse(text, what, arena, out, err);
}

enum hn_status hn_doc_parse_json(struct hn_str text, const char *what, struct hn_arena *arena,
                                 struct hn_doc *out, struct hn_error *err)
{
    struct builder b = {.r = hn_json_reader_of(text, what, err), .arena = arena};
    b.r.loose = true;
    enum hn_status status = build(&b, out);
    if (status >= 0) status = hn_json_read_end(&b.r);
    hn_buf_free(&b.r.text);
    hn_buf_free(&b.numbers);
    hn_buf_free(&b.members);
    return status;
}

const struct hn_doc *hn_doc_get(const struct hn_doc *object, const char *key)
{
    if (!object || object->kind != HN_DOC_OBJECT) return NULL;
    for (size_t i = 0; i < object->n; i++)
        if (hn_str_is(object->members[i].key, key)) return &object->members[i].value;
    return NULL;
}

bool hn_doc_number_at(const struct hn_doc *list, size_t i, double *out)
{
    if (list->kind == HN_DOC_LIST) return hn_doc_number(&list->items[i], out);
    if (list->kind != HN_DOC_NUMBERS) return false;
    if (list->packing == 'N') memcpy(out, list->numbers + i * sizeof *out, sizeof *out);
    else *out = hn_ubjson_number(list->packing, list->numbers + i * hn_ubjson_width(list->packing));
    return true;
}

bool hn_doc_real_from(struct hn_str text, double *out)
{
    char copy[64];
    char *end;
    if (text.n == 0 || text.n >= sizeof copy) return false;
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    /* strtod wants the locale's point. */
    char *point = strchr(copy, '.');
    if (point) *point = localeconv()->decimal_point[0];
    *out = strtod(copy, &end);
    return end == copy + text.n;
}

bool hn_doc_number(const struct hn_doc *value, double *out)
{
    if (!value) return false;
    switch (value->kind) {
    case HN_DOC_NUMBER: *out = value->number; return true;
    case HN_DOC_BOOL: *out = value->boolean; return true;
    case HN_DOC_TEXT: return hn_doc_real_from(value->text, out);
    default: return false;
    }
}
