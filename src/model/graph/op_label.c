/* Operators that look values up in lists of their attributes: labels, categories. */
#include "model/graph/op_args.h"
#include "model/graph/op_list.h"

#include <math.h>
#include <stdlib.h>

#include "base/bits.h"

/* A list whose elements are found by their value; the last of equal ones. */
struct dictionary {
    struct hn_array keys;
    size_t *places; /* index + 1, 0 in an empty place */
    size_t mask;    /* places less one */
};

/* What an element becomes: values[i] for key i, else `fallback`. */
struct mapping {
    struct dictionary from;
    struct hn_array to, fallback;
};

struct lookup {
    struct hn_op_state state;
    struct mapping mappings[2]; /* the one whose keys have the input's type */
    size_t n;
    int64_t fallback_int;
    float fallback_float;
    struct hn_str fallback_text;
    int64_t *numbers; /* 0, 1, ...: what classes are when nothing else says so */
};

static struct hn_array list_of(enum hn_element type, const void *data, size_t n)
{
    return (struct hn_array){
        .type = type, .n_dims = 1, .shape = {n}, .n = n, .data = (void *)(uintptr_t)data};
}

/* A number that equal elements share. NaNs are equal here. */
static uint64_t key_of(const struct hn_array *a, size_t i)
{
    if (a->type == HN_EL_STRING) return hn_str_hash(((const struct hn_str *)a->data)[i], 0);
    if (!hn_element_is_float(a->type)) return (uint64_t)hn_array_integer(a, i);
    double real = hn_array_real(a, i);
    if (isnan(real)) return UINT64_MAX;
    if (real == 0) real = 0; /* of either sign */
    uint64_t bits;
    memcpy(&bits, &real, sizeof bits);
    return bits;
}

static bool same(const struct hn_array *a, size_t i, const struct hn_array *b, size_t j)
{
    if (a->type == HN_EL_STRING)
        return hn_str_eq(((const struct hn_str *)a->data)[i], ((const struct hn_str *)b->data)[j]);
    return key_of(a, i) == key_of(b, j);
}

/* The place of element i of `a`, or the free one where it would go. */
static size_t *find_place(const struct dictionary *d, const struct hn_array *a, size_t i)
{
    const uint64_t hash = key_of(a, i) * 0x9e3779b97f4a7c15u;
    for (size_t at = (size_t)(hash >> 20);; at++) {
        size_t *place = &d->places[at & d->mask];
        if (*place == 0 || same(&d->keys, *place - 1, a, i)) return place;
    }
}

static enum hn_status build(struct hn_op *op, struct dictionary *d, struct hn_array keys)
{
    size_t places = 8;
    while (places < 2 * keys.n)
        places *= 2;
    d->keys = keys, d->mask = places - 1;
    d->places = calloc(places, sizeof *d->places);
    if (!d->places) return hn_fail_nomem(op->err, "a dictionary", places * sizeof *d->places);
    for (size_t i = 0; i < keys.n; i++)
        *find_place(d, &keys, i) = i + 1;
    return HN_OK;
}

static void lookup_free(struct hn_op_state *state)
{
    struct lookup *l = (struct lookup *)state;
    for (size_t i = 0; i < l->n; i++)
        free(l->mappings[i].from.places);
    free(l->numbers);
    free(l);
}

static enum hn_status add_mapping(struct hn_op *op, struct lookup *l, struct hn_array from,
                                  struct hn_array to, struct hn_array fallback)
{
    struct mapping *m = &l->mappings[l->n++];
    if (from.n != to.n) return hn_op_fail(op, HN_E_FORMAT, "%zu keys for %zu values", from.n, to.n);
    m->to = to, m->fallback = fallback;
    HN_TRY(build(op, &m->from, from));
    l->state.bytes += (m->from.mask + 1) * sizeof(size_t);
    return HN_OK;
}

/* The list among attributes `<what>_tensor`, `_strings`, `_int64s` and `_floats`. */
static enum hn_status read_list(struct hn_op *op, const char *const names[4], struct hn_array *out)
{
    size_t n;
    const void *data;
    const struct hn_array *tensor = hn_op_tensor(op, names[0]);
    if (tensor) *out = list_of(tensor->type, tensor->data, tensor->n);
    else if ((data = hn_op_texts(op, names[1], &n))) *out = list_of(HN_EL_STRING, data, n);
    else if ((data = hn_op_ints(op, names[2], &n))) *out = list_of(HN_EL_I64, data, n);
    else if ((data = hn_op_floats(op, names[3], &n))) *out = list_of(HN_EL_F32, data, n);
    else return hn_op_fail(op, HN_E_FORMAT, "no %s", names[0]);
    if (out->type != HN_EL_STRING && !hn_element_is_number(out->type))
        return hn_op_fail(op, HN_E_UNSUPPORTED, "%s of type %s", names[0],
                          hn_element_info(out->type)->name);
    return HN_OK;
}

/* The default for values of a type, from the attributes. */
static enum hn_status read_fallback(struct hn_op *op, struct lookup *l, enum hn_element type,
                                    struct hn_array *out)
{
    const struct hn_array *tensor = hn_op_tensor(op, "default_tensor");
    l->fallback_text = hn_op_text(op, "default_string", "_Unused");
    l->fallback_int = hn_op_int(op, "default_int64", -1);
    l->fallback_float = hn_op_float(op, "default_float", -0.0f);
    if (tensor && tensor->type == type && tensor->n) *out = list_of(type, tensor->data, 1);
    else if (type == HN_EL_STRING) *out = list_of(type, &l->fallback_text, 1);
    else if (type == HN_EL_F32) *out = list_of(type, &l->fallback_float, 1);
    else if (type == HN_EL_I64) *out = list_of(type, &l->fallback_int, 1);
    else { /* a small type: what -1 or -0 is there */ static const uint64_t ones = UINT64_MAX;
        static const double zero = -0.0;
        if (hn_element_is_float(type) && type != HN_EL_F64)
            return hn_op_fail(op, HN_E_UNSUPPORTED, "values of type %s without a default_tensor",
                              hn_element_info(type)->name);
        *out = list_of(type, type == HN_EL_F64 ? (const void *)&zero : &ones, 1);
    }
    return HN_OK;
}

static enum hn_status prepare_encoder(struct hn_op *op, struct lookup *l)
{
    static const char *const keys[] = {"keys_tensor", "keys_strings", "keys_int64s", "keys_floats"};
    static const char *const values[] = {"values_tensor", "values_strings", "values_int64s",
                                         "values_floats"};
    struct hn_array from, to, fallback;
    HN_TRY(read_list(op, keys, &from));
    HN_TRY(read_list(op, values, &to));
    HN_TRY(read_fallback(op, l, to.type, &fallback));
    return add_mapping(op, l, from, to, fallback);
}

/* Strings to numbers and back. `numbers` NULL: 0, 1, ... */
static enum hn_status prepare_pairs(struct hn_op *op, struct lookup *l, const struct hn_str *texts,
                                    size_t n_texts, const int64_t *numbers, size_t n_numbers)
{
    struct hn_array fallback;
    if (!numbers) {
        l->numbers = calloc(hn_max(n_texts, 1), sizeof *l->numbers);
        if (!l->numbers) return hn_fail_nomem(op->err, "classes", n_texts * sizeof *l->numbers);
        for (size_t i = 0; i < n_texts; i++)
            l->numbers[i] = (int64_t)i;
        numbers = l->numbers, n_numbers = n_texts;
    }
    const struct hn_array words = list_of(HN_EL_STRING, texts, n_texts);
    const struct hn_array counts = list_of(HN_EL_I64, numbers, n_numbers);
    HN_TRY(read_fallback(op, l, HN_EL_I64, &fallback));
    HN_TRY(add_mapping(op, l, words, counts, fallback));
    HN_TRY(read_fallback(op, l, HN_EL_STRING, &fallback));
    return add_mapping(op, l, counts, words, fallback);
}

/* Runs one of the functions above on a new state. */
static enum hn_status prepare(struct hn_op *op, struct hn_op_state **out,
                              enum hn_status (*fill)(struct hn_op *op, struct lookup *l))
{
    struct lookup *l = calloc(1, sizeof *l);
    if (!l) return hn_fail_nomem(op->err, "a dictionary", sizeof *l);
    l->state = (struct hn_op_state){.free = lookup_free, .bytes = sizeof *l};
    const enum hn_status status = fill(op, l);
    if (status < 0) {
        lookup_free(&l->state);
        return status;
    }
    *out = &l->state;
    return HN_OK;
}

static enum hn_status fill_encoder(struct hn_op *op, struct lookup *l)
{
    size_t n;
    const struct hn_str *classes = hn_op_texts(op, "classes_strings", &n);
    return classes ? prepare_pairs(op, l, classes, n, NULL, 0) : prepare_encoder(op, l);
}

static enum hn_status fill_mapper(struct hn_op *op, struct lookup *l)
{
    size_t n_texts, n_numbers;
    const struct hn_str *texts = hn_op_texts(op, "cats_strings", &n_texts);
    const int64_t *numbers = hn_op_ints(op, "cats_int64s", &n_numbers);
    if (!texts || !numbers) return hn_op_fail(op, HN_E_FORMAT, "no cats_strings or cats_int64s");
    return prepare_pairs(op, l, texts, n_texts, numbers, n_numbers);
}

static enum hn_status fill_one_hot(struct hn_op *op, struct lookup *l)
{
    size_t n;
    const struct hn_str *texts = hn_op_texts(op, "cats_strings", &n);
    if (n) return build(op, &l->mappings[l->n++].from, list_of(HN_EL_STRING, texts, n));
    const int64_t *numbers = hn_op_ints(op, "cats_int64s", &n);
    if (!n) return hn_op_fail(op, HN_E_FORMAT, "no cats_strings or cats_int64s");
    return build(op, &l->mappings[l->n++].from, list_of(HN_EL_I64, numbers, n));
}

enum hn_status hn_op_prepare_label_encoder(struct hn_op *op, struct hn_op_state **out)
{
    return prepare(op, out, fill_encoder);
}

enum hn_status hn_op_prepare_category_mapper(struct hn_op *op, struct hn_op_state **out)
{
    return prepare(op, out, fill_mapper);
}

enum hn_status hn_op_prepare_one_hot_encoder(struct hn_op *op, struct hn_op_state **out)
{
    return prepare(op, out, fill_one_hot);
}

static enum hn_status map_elements(struct hn_op *op)
{
    const struct lookup *l = op->state;
    const struct hn_array *x = op->in[0];
    const struct mapping *m = NULL;
    for (size_t i = 0; i < l->n && !m; i++)
        if (l->mappings[i].from.keys.type == x->type) m = &l->mappings[i];
    if (!m) return hn_op_fail_type(op, 0);
    const size_t bytes = hn_element_info(m->to.type)->bytes;
    char *y = hn_op_out(op, 0, m->to.type, x->shape, x->n_dims);
    if (!y) return hn_op_failed(op);
    for (size_t i = 0; i < x->n; i++, y += bytes) {
        const size_t place = *find_place(&m->from, x, i);
        memcpy(y, place ? (const char *)m->to.data + (place - 1) * bytes : m->fallback.data, bytes);
    }
    return HN_OK;
}

enum hn_status hn_op_label_encoder(struct hn_op *op)
{
    return map_elements(op);
}

enum hn_status hn_op_category_mapper(struct hn_op *op)
{
    return map_elements(op);
}

enum hn_status hn_op_one_hot_encoder(struct hn_op *op)
{
    const struct dictionary *d = &((const struct lookup *)op->state)->mappings[0].from;
    const struct hn_array *x = op->in[0];
    const bool unknown_is_zero = hn_op_int(op, "zeros", 1) != 0;
    size_t shape[HN_ARRAY_DIMS];
    if ((x->type == HN_EL_STRING) != (d->keys.type == HN_EL_STRING)) return hn_op_fail_type(op, 0);
    if (x->type != HN_EL_STRING && !hn_element_is_number(x->type)) return hn_op_fail_type(op, 0);
    if (x->n_dims == HN_ARRAY_DIMS) return hn_op_fail(op, HN_E_LIMIT, "%zu dimensions", x->n_dims);
    memcpy(shape, x->shape, sizeof shape);
    shape[x->n_dims] = d->keys.n;
    float *y = hn_op_out(op, 0, HN_EL_F32, shape, x->n_dims + 1);
    if (!y) return hn_op_failed(op);
    memset(y, 0, op->out[0].n * sizeof *y);
    for (size_t i = 0; i < x->n; i++, y += d->keys.n) {
        const int64_t number = x->type == HN_EL_STRING ? 0 : hn_array_integer(x, i);
        const struct hn_array one = list_of(HN_EL_I64, &number, 1);
        const bool text = x->type == HN_EL_STRING;
        const size_t place = *find_place(d, text ? x : &one, text ? i : 0);
        if (place) y[place - 1] = 1;
        else if (!unknown_is_zero)
            return hn_op_fail(op, HN_E_ARG, "element %zu is of no category", i);
    }
    return HN_OK;
}
