#include "base/json.h"

#include "base/json_read.h"

struct builder {
    struct hn_json_reader r;
    struct hn_buf keys; /* of the objects that are open, each with its NUL */
};

static enum hn_status fail_nomem(const struct builder *b)
{
    return hn_fail(b->r.err, HN_E_NOMEM, "%s: out of memory at byte %zu", b->r.what,
                   (size_t)(b->r.p - b->r.start));
}

static enum hn_status build(struct builder *b, json_t **out);

static enum hn_status build_items(struct builder *b, json_t *array)
{
    for (bool more;;) {
        json_t *item;
        HN_TRY(hn_json_next(&b->r, ']', &more));
        if (!more) return HN_OK;
        HN_TRY(build(b, &item));
        if (json_array_append_new(array, item) < 0) return fail_nomem(b);
    }
}

static enum hn_status build_members(struct builder *b, json_t *object)
{
    const size_t start = b->keys.n;
    for (bool more;;) {
        json_t *value;
        struct hn_str key;
        HN_TRY(hn_json_next_key(&b->r, &more, &key));
        if (!more) return HN_OK;
        if (hn_buf_str(&b->keys, key) < 0 || hn_buf_char(&b->keys, '\0') < 0) return fail_nomem(b);
        HN_TRY(build(b, &value));
        if (json_object_set_new_nocheck(object, b->keys.p + start, value) < 0) return fail_nomem(b);
        b->keys.n = start;
    }
}

static enum hn_status build_inside(struct builder *b, bool object, json_t **out)
{
    HN_TRY(hn_json_enter(&b->r, object ? '{' : '['));
    json_t *value = object ? json_object() : json_array();
    if (!value) return fail_nomem(b);
    const enum hn_status status = object ? build_members(b, value) : build_items(b, value);
    if (status < 0) json_decref(value);
    else *out = value;
    return status;
}

/* An integer of up to 63 bits and a sign, or a real. */
static json_t *make_number(const struct hn_json_number *n)
{
    if (!n->integer || n->whole > (uint64_t)INT64_MAX + n->negative) return json_real(n->real);
    return json_integer(n->negative ? (json_int_t)(0 - n->whole) : (json_int_t)n->whole);
}

static enum hn_status build_scalar(struct builder *b, int kind, json_t **out)
{
    struct hn_str text;
    struct hn_json_number number;
    bool word;
    switch (kind) {
    case '"':
        HN_TRY(hn_json_read_text(&b->r, &text));
        *out = json_stringn_nocheck(text.p, text.n);
        break;
    case 't':
    case 'f':
        HN_TRY(hn_json_read_bool(&b->r, &word));
        *out = json_boolean(word);
        break;
    case 'n':
        HN_TRY(hn_json_read_null(&b->r));
        *out = json_null();
        break;
    default:
        HN_TRY(hn_json_read_number(&b->r, &number));
        *out = make_number(&number);
        break;
    }
    return *out ? HN_OK : fail_nomem(b);
}

static enum hn_status build(struct builder *b, json_t **out)
{
    const int kind = hn_json_peek(&b->r);
    if (kind == '{' || kind == '[') return build_inside(b, kind == '{', out);
    return build_scalar(b, kind, out);
}

enum hn_status hn_json_parse(struct hn_str text, const char *what, json_t **out,
                             struct hn_error *err)
{
    struct builder b = {.r = hn_json_reader_of(text, what, err)};
    json_t *value = NULL;
    *out = NULL;
    enum hn_status status = build(&b, &value);
    if (status >= 0) status = hn_json_read_end(&b.r);
    if (status < 0) json_decref(value);
    else *out = value;
    hn_buf_free(&b.r.text);
    hn_buf_free(&b.keys);
    return status;
}
