#include "tensor/meta.h"

#include "base/bits.h"

enum hn_status hn_meta_add(struct hn_meta *meta, struct hn_arena *arena,
                           const struct hn_meta_kv *kv, struct hn_error *err)
{
    if (meta->n == meta->cap) {
        const size_t cap = meta->cap ? meta->cap * 2 : 64;
        struct hn_meta_kv *items = hn_arena_alloc(arena, cap, sizeof *items);
        if (!items) return hn_fail_nomem(err, "the metadata table", cap * sizeof *items);
        if (meta->n) memcpy(items, meta->items, meta->n * sizeof *items);
        meta->items = items;
        meta->cap = cap;
    }
    meta->items[meta->n++] = *kv;
    return HN_OK;
}

enum hn_status hn_meta_add_u32(struct hn_meta *meta, struct hn_arena *arena, struct hn_str key,
                               uint32_t value)
{
    const struct hn_meta_kv kv = {.key = key, .type = HN_META_U32, .u = value};
    return hn_meta_add(meta, arena, &kv, NULL);
}

enum hn_status hn_meta_add_f32(struct hn_meta *meta, struct hn_arena *arena, struct hn_str key,
                               float value)
{
    const struct hn_meta_kv kv = {.key = key, .type = HN_META_F32, .f = (double)value};
    return hn_meta_add(meta, arena, &kv, NULL);
}

enum hn_status hn_meta_add_bool(struct hn_meta *meta, struct hn_arena *arena, struct hn_str key,
                                bool value)
{
    const struct hn_meta_kv kv = {.key = key, .type = HN_META_BOOL, .u = value};
    return hn_meta_add(meta, arena, &kv, NULL);
}

enum hn_status hn_meta_add_text(struct hn_meta *meta, struct hn_arena *arena, struct hn_str key,
                                struct hn_str value)
{
    const struct hn_meta_kv kv = {.key = key, .type = HN_META_STR, .text = value};
    return hn_meta_add(meta, arena, &kv, NULL);
}

enum hn_status hn_meta_add_array(struct hn_meta *meta, struct hn_arena *arena, struct hn_str key,
                                 struct hn_meta_array value)
{
    const struct hn_meta_kv kv = {.key = key, .type = HN_META_ARRAY, .array = value};
    return hn_meta_add(meta, arena, &kv, NULL);
}

static uint32_t *find_slot(const struct hn_meta *meta, struct hn_str key)
{
    size_t at = hn_str_hash(key, 0) & (meta->n_slots - 1);
    while (meta->slots[at] && !hn_str_eq(meta->items[meta->slots[at] - 1].key, key))
        at = (at + 1) & (meta->n_slots - 1);
    return &meta->slots[at];
}

enum hn_status hn_meta_index(struct hn_meta *meta, struct hn_arena *arena, struct hn_error *err)
{
    size_t n_slots = 16;
    while (n_slots < 2 * meta->n)
        n_slots *= 2;
    meta->slots = hn_arena_alloc(arena, n_slots, sizeof *meta->slots);
    if (!meta->slots) return hn_fail_nomem(err, "the metadata index", n_slots * 4);
    meta->n_slots = n_slots;
    for (size_t i = 0; i < meta->n; i++) {
        uint32_t *slot = find_slot(meta, meta->items[i].key);
        if (*slot)
            return hn_fail(err, HN_E_FORMAT, "metadata key %.*s appears twice",
                           HN_FMT(meta->items[i].key));
        *slot = (uint32_t)(i + 1);
    }
    return HN_OK;
}

const struct hn_meta_kv *hn_meta_find(const struct hn_meta *meta, struct hn_str key)
{
    if (!meta->n_slots) return NULL;
    const uint32_t at = *find_slot(meta, key);
    return at ? &meta->items[at - 1] : NULL;
}

static bool is_unsigned(enum hn_meta_type type)
{
    return type == HN_META_U8 || type == HN_META_U16 || type == HN_META_U32 || type == HN_META_U64;
}

static bool is_signed(enum hn_meta_type type)
{
    return type == HN_META_I8 || type == HN_META_I16 || type == HN_META_I32 || type == HN_META_I64;
}

static enum hn_status fail_type(const struct hn_meta_kv *kv, const char *expected,
                                struct hn_error *err)
{
    return hn_fail(err, HN_E_FORMAT, "metadata key %.*s: is %s, expected %s", HN_FMT(kv->key),
                   hn_meta_type_name(kv->type), expected);
}

enum hn_status hn_meta_u32(const struct hn_meta *meta, struct hn_str key, uint32_t *out,
                           struct hn_error *err)
{
    const struct hn_meta_kv *kv = hn_meta_find(meta, key);
    if (!kv) return HN_E_NOTFOUND;
    if (!is_unsigned(kv->type) && !is_signed(kv->type)) return fail_type(kv, "an integer", err);
    const bool negative = is_signed(kv->type) && kv->i < 0;
    if (negative || kv->u > UINT32_MAX)
        return hn_fail(err, HN_E_FORMAT, "metadata key %.*s: value is not in 0..2^32-1",
                       HN_FMT(key));
    *out = (uint32_t)kv->u;
    return HN_OK;
}

enum hn_status hn_meta_f32(const struct hn_meta *meta, struct hn_str key, float *out,
                           struct hn_error *err)
{
    const struct hn_meta_kv *kv = hn_meta_find(meta, key);
    if (!kv) return HN_E_NOTFOUND;
    if (kv->type == HN_META_F32 || kv->type == HN_META_F64) *out = (float)kv->f;
    else if (is_unsigned(kv->type)) *out = (float)kv->u;
    else if (is_signed(kv->type)) *out = (float)kv->i;
    else return fail_type(kv, "a number", err);
    return HN_OK;
}

enum hn_status hn_meta_bool(const struct hn_meta *meta, struct hn_str key, bool *out,
                            struct hn_error *err)
{
    const struct hn_meta_kv *kv = hn_meta_find(meta, key);
    if (!kv) return HN_E_NOTFOUND;
    if (kv->type != HN_META_BOOL) return fail_type(kv, "a bool", err);
    *out = kv->u != 0;
    return HN_OK;
}

enum hn_status hn_meta_text(const struct hn_meta *meta, struct hn_str key, struct hn_str *out,
                            struct hn_error *err)
{
    const struct hn_meta_kv *kv = hn_meta_find(meta, key);
    if (!kv) return HN_E_NOTFOUND;
    if (kv->type != HN_META_STR) return fail_type(kv, "a string", err);
    *out = kv->text;
    return HN_OK;
}

enum hn_status hn_meta_array(const struct hn_meta *meta, struct hn_str key, enum hn_meta_type type,
                             struct hn_meta_array *out, struct hn_error *err)
{
    const struct hn_meta_kv *kv = hn_meta_find(meta, key);
    if (!kv) return HN_E_NOTFOUND;
    if (kv->type != HN_META_ARRAY) return fail_type(kv, "an array", err);
    if (kv->array.type != type)
        return hn_fail(err, HN_E_FORMAT, "metadata key %.*s: array of %s, expected array of %s",
                       HN_FMT(key), hn_meta_type_name(kv->array.type), hn_meta_type_name(type));
    *out = kv->array;
    return HN_OK;
}

int64_t hn_meta_array_int(const struct hn_meta_array *array, size_t i)
{
    const char *p = (const char *)array->data + i * hn_meta_type_bytes(array->type);
    switch (array->type) {
    case HN_META_BOOL:
    case HN_META_U8: return (unsigned char)*p;
    case HN_META_I8: return (signed char)*p;
    case HN_META_U16: return hn_load_u16(p);
    case HN_META_I16: return (int16_t)hn_load_u16(p);
    case HN_META_U32: return hn_load_u32(p);
    case HN_META_I32: return (int32_t)hn_load_u32(p);
    case HN_META_U64:
    case HN_META_I64: return (int64_t)hn_load_u64(p);
    default: return 0;
    }
}

double hn_meta_array_float(const struct hn_meta_array *array, size_t i)
{
    const char *p = (const char *)array->data + i * hn_meta_type_bytes(array->type);
    if (array->type == HN_META_F32) return (double)hn_load_f32(p);
    if (array->type == HN_META_F64) return hn_load_f64(p);
    return (double)hn_meta_array_int(array, i);
}

static const struct {
    const char *name;
    size_t bytes;
} types[] = {
    [HN_META_U8] = {"u8", 1},       [HN_META_I8] = {"i8", 1},     [HN_META_U16] = {"u16", 2},
    [HN_META_I16] = {"i16", 2},     [HN_META_U32] = {"u32", 4},   [HN_META_I32] = {"i32", 4},
    [HN_META_F32] = {"f32", 4},     [HN_META_BOOL] = {"bool", 1}, [HN_META_STR] = {"str", 0},
    [HN_META_ARRAY] = {"array", 0}, [HN_META_U64] = {"u64", 8},   [HN_META_I64] = {"i64", 8},
    [HN_META_F64] = {"f64", 8},
};

size_t hn_meta_type_bytes(enum hn_meta_type type)
{
    return (unsigned)type < HN_COUNT(types) ? types[type].bytes : 0;
}

const char *hn_meta_type_name(enum hn_meta_type type)
{
    return (unsigned)type < HN_COUNT(types) ? types[type].name : "unknown";
}
