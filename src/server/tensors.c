#include "server/tensors.h"

#include <math.h>

#include "base/bits.h"
#include "tensor/element.h"

static const struct {
    const char *name;
    enum hn_element type;
} datatypes[] = {
    {"BOOL", HN_EL_BOOL},  {"UINT8", HN_EL_U8},     {"UINT16", HN_EL_U16}, {"UINT32", HN_EL_U32},
    {"UINT64", HN_EL_U64}, {"INT8", HN_EL_I8},      {"INT16", HN_EL_I16},  {"INT32", HN_EL_I32},
    {"INT64", HN_EL_I64},  {"FP16", HN_EL_F16},     {"FP32", HN_EL_F32},   {"FP64", HN_EL_F64},
    {"BF16", HN_EL_BF16},  {"BYTES", HN_EL_STRING},
};

/* What a type is sent as; itself where the protocol has it. */
static enum hn_element sent_as(enum hn_element type)
{
    for (size_t i = 0; i < HN_COUNT(datatypes); i++)
        if (datatypes[i].type == type) return type;
    return hn_element_is_float(type) ? HN_EL_F32 : HN_EL_I8;
}

const char *hn_datatype_name(enum hn_element type)
{
    if (type == HN_EL_C64 || type == HN_EL_C128) return NULL;
    type = sent_as(type);
    for (size_t i = 0; i < HN_COUNT(datatypes); i++)
        if (datatypes[i].type == type) return datatypes[i].name;
    return NULL;
}

bool hn_datatype_find(struct hn_str name, enum hn_element *out)
{
    for (size_t i = 0; i < HN_COUNT(datatypes); i++)
        if (hn_str_is(name, datatypes[i].name)) {
            *out = datatypes[i].type;
            return true;
        }
    return false;
}

/* --- in ---------------------------------------------------------------------------------------- */

static enum hn_status read_text(struct hn_json_reader *r, struct hn_str *out,
                                struct hn_arena *arena)
{
    HN_TRY(hn_json_read_text(r, out));
    if (out->p != r->text.p) return HN_OK; /* a view of the document */
    *out = hn_arena_str(arena, *out);
    return out->p ? HN_OK : hn_fail_nomem(r->err, "a text", out->n);
}

static enum hn_status read_truth(struct hn_json_reader *r, bool *out)
{
    struct hn_json_number number;
    if (hn_json_peek(r) != 0) return hn_json_read_bool(r, out);
    HN_TRY(hn_json_read_number(r, &number));
    *out = number.whole == 1;
    if (number.integer && number.whole <= 1) return HN_OK;
    return hn_json_wrong(r, "a BOOL is true or false");
}

static enum hn_status read_float(struct hn_json_reader *r, struct hn_array *a, size_t at)
{
    struct hn_json_number number = {.real = NAN};
    if (hn_json_peek(r) == 'n') HN_TRY(hn_json_read_null(r));
    else HN_TRY(hn_json_read_number(r, &number));
    if (a->type == HN_EL_F32) ((float *)a->data)[at] = (float)number.real;
    else if (a->type == HN_EL_F64) ((double *)a->data)[at] = number.real;
    else hn_array_set_real(a, at, number.real);
    return HN_OK;
}

static enum hn_status read_integer(struct hn_json_reader *r, struct hn_array *a, size_t at)
{
    struct hn_json_number number;
    const size_t bytes = hn_element_info(a->type)->bytes;
    const bool is_signed = hn_element_is_signed(a->type);
    const uint64_t most = UINT64_MAX >> (64 - 8 * bytes) >> is_signed;
    HN_TRY(hn_json_read_number(r, &number));
    if (!number.integer) return hn_json_wrong(r, "the number is no integer");
    const uint64_t low = is_signed ? most + 1 : 0; /* how far it goes below 0 */
    if (number.whole > (number.negative ? low : most))
        return hn_json_wrong(r, "the number is out of the datatype's range");
    const uint64_t value = number.negative ? 0 - number.whole : number.whole;
    memcpy((char *)a->data + at * bytes, &value, bytes); /* little-endian */
    return HN_OK;
}

enum hn_status hn_tensor_read_one(struct hn_json_reader *r, struct hn_array *a, size_t at,
                                  struct hn_arena *arena)
{
    if (a->type == HN_EL_STRING) return read_text(r, (struct hn_str *)a->data + at, arena);
    if (a->type == HN_EL_BOOL) return read_truth(r, (bool *)a->data + at);
    return hn_element_is_float(a->type) ? read_float(r, a, at) : read_integer(r, a, at);
}

enum hn_status hn_tensor_read(struct hn_json_reader *r, struct hn_array *a, struct hn_arena *arena)
{
    const int base = r->depth;
    size_t at = 0;
    HN_TRY(hn_json_enter(r, '['));
    while (r->depth > base) {
        bool more;
        HN_TRY(hn_json_next(r, ']', &more));
        if (!more) continue;
        if (hn_json_peek(r) == '[') {
            HN_TRY(hn_json_enter(r, '['));
        } else {
            if (at == a->n) return hn_json_wrong(r, "there is more data than the shape says");
            HN_TRY(hn_tensor_read_one(r, a, at++, arena));
        }
    }
    return at == a->n ? HN_OK : hn_json_wrong(r, "there is less data than the shape says");
}

static enum hn_status fail_size(const struct hn_array *a, size_t n, struct hn_error *err)
{
    return hn_fail(err, HN_E_FORMAT, "%zu bytes are not %zu elements of type %s", n, a->n,
                   hn_datatype_name(a->type));
}

static enum hn_status read_raw_texts(struct hn_str bytes, struct hn_array *a,
                                     struct hn_arena *arena, struct hn_error *err)
{
    struct hn_str *texts = NULL;
    size_t at = 0;
    if (a->n > bytes.n / 4) return fail_size(a, bytes.n, err);
    if (!(texts = hn_arena_alloc(arena, a->n, sizeof *texts)))
        return hn_fail_nomem(err, "texts", a->n * sizeof *texts);
    for (size_t i = 0; i < a->n; i++) {
        if (bytes.n - at < 4) return fail_size(a, bytes.n, err);
        texts[i] = (struct hn_str){bytes.p + at + 4, hn_load_u32(bytes.p + at)};
        at += 4;
        if (texts[i].n > bytes.n - at) return fail_size(a, bytes.n, err);
        at += texts[i].n;
    }
    a->data = texts;
    return at == bytes.n ? HN_OK : fail_size(a, bytes.n, err);
}

enum hn_status hn_tensor_read_raw(struct hn_str bytes, struct hn_array *a, struct hn_arena *arena,
                                  struct hn_error *err)
{
    const size_t each = hn_element_info(a->type)->bytes;
    if (a->type == HN_EL_STRING) return read_raw_texts(bytes, a, arena, err);
    if (bytes.n / each != a->n || bytes.n % each) return fail_size(a, bytes.n, err);
    /* A byte that is neither 0 nor 1 is no bool. */
    for (size_t i = 0; a->type == HN_EL_BOOL && i < a->n; i++)
        if ((unsigned char)bytes.p[i] > 1)
            return hn_fail(err, HN_E_FORMAT, "element %zu is no BOOL", i);
    a->data = hn_arena_alloc(arena, a->n, each);
    if (!a->data) return hn_fail_nomem(err, "a tensor", bytes.n);
    if (a->n) memcpy(a->data, bytes.p, bytes.n);
    return HN_OK;
}

/* --- out --------------------------------------------------------------------------------------- */

void hn_tensor_put_one(struct hn_json_writer *w, const char *key, const struct hn_array *a,
                       size_t at)
{
    switch (a->type) {
    case HN_EL_STRING: hn_json_put_text(w, key, ((const struct hn_str *)a->data)[at]); break;
    case HN_EL_BOOL: hn_json_put_bool(w, key, ((const bool *)a->data)[at]); break;
    case HN_EL_U64: hn_json_put_uint(w, key, ((const uint64_t *)a->data)[at]); break;
    case HN_EL_F32: hn_json_put_real(w, key, (double)((const float *)a->data)[at]); break;
    default:
        if (hn_element_is_float(a->type)) hn_json_put_real(w, key, hn_array_real(a, at));
        else hn_json_put_int(w, key, hn_array_integer(a, at));
        break;
    }
}

void hn_tensor_put(struct hn_json_writer *w, const char *key, const struct hn_array *a)
{
    hn_json_open(w, key, '[');
    for (size_t i = 0; i < a->n; i++)
        hn_tensor_put_one(w, NULL, a, i);
    hn_json_close(w, ']');
}

static void put_raw_texts(struct hn_buf *out, const struct hn_array *a)
{
    const struct hn_str *texts = a->data;
    for (size_t i = 0; i < a->n; i++) {
        const uint32_t n = (uint32_t)texts[i].n;
        hn_buf_add(out, &n, sizeof n);
        hn_buf_str(out, texts[i]);
    }
}

size_t hn_tensor_put_raw(struct hn_buf *out, const struct hn_array *a)
{
    const size_t start = out->n;
    const enum hn_element type = sent_as(a->type);
    const size_t bytes = a->n * hn_element_info(type)->bytes;
    if (type == HN_EL_STRING) {
        put_raw_texts(out, a);
    } else if (type == a->type) {
        hn_buf_add(out, a->data, bytes);
    } else if (hn_buf_reserve(out, bytes) >= 0) {
        (void)hn_element_convert(type, out->p + out->n, a->type, a->data, a->n,
                                 (struct hn_convert){0});
        out->n += bytes;
    }
    return out->n - start;
}
