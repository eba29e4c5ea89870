/* Metadata of a model file: typed key -> value. The types are GGUF's; other formats fill the same
 * table, so that everything above reads one kind of metadata. */
#ifndef HN_TENSOR_META_H
#define HN_TENSOR_META_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"
#include "base/str.h"

/* Values are GGUF's type numbers. */
enum hn_meta_type {
    HN_META_U8 = 0,
    HN_META_I8 = 1,
    HN_META_U16 = 2,
    HN_META_I16 = 3,
    HN_META_U32 = 4,
    HN_META_I32 = 5,
    HN_META_F32 = 6,
    HN_META_BOOL = 7,
    HN_META_STR = 8,
    HN_META_ARRAY = 9,
    HN_META_U64 = 10,
    HN_META_I64 = 11,
    HN_META_F64 = 12,
};

/* An array of scalars or strings; GGUF's arrays of arrays are refused by the reader. */
struct hn_meta_array {
    enum hn_meta_type type;
    size_t n;
    const void *data;           /* scalars: n little-endian values, alignment not promised */
    const struct hn_str *texts; /* strings: n views */
};

struct hn_meta_kv {
    struct hn_str key;
    enum hn_meta_type type;
    union {
        uint64_t u; /* U8..U64, BOOL (0 or 1) */
        int64_t i;  /* I8..I64 */
        double f;   /* F32, F64 */
        struct hn_str text;
        struct hn_meta_array array;
    };
};

/* Zero-initialised is empty. Memory comes from the arena the table was built with. */
struct hn_meta {
    struct hn_meta_kv *items;
    size_t n;
    size_t cap;
    uint32_t *slots;
    size_t n_slots;
};

/* Appends a copy of *kv (views are not copied). */
enum hn_status hn_meta_add(struct hn_meta *meta, struct hn_arena *arena,
                           const struct hn_meta_kv *kv, struct hn_error *err);

/* Shorthands that append one value; the key's and text's bytes must outlive the table. */
enum hn_status hn_meta_add_u32(struct hn_meta *meta, struct hn_arena *arena, struct hn_str key,
                               uint32_t value);
enum hn_status hn_meta_add_f32(struct hn_meta *meta, struct hn_arena *arena, struct hn_str key,
                               float value);
enum hn_status hn_meta_add_bool(struct hn_meta *meta, struct hn_arena *arena, struct hn_str key,
                                bool value);
enum hn_status hn_meta_add_text(struct hn_meta *meta, struct hn_arena *arena, struct hn_str key,
                                struct hn_str value);
enum hn_status hn_meta_add_array(struct hn_meta *meta, struct hn_arena *arena, struct hn_str key,
                                 struct hn_meta_array value);

/* Builds the key index. HN_E_FORMAT names the first duplicate. */
enum hn_status hn_meta_index(struct hn_meta *meta, struct hn_arena *arena, struct hn_error *err);

/* NULL when absent. The table must be indexed. */
const struct hn_meta_kv *hn_meta_find(const struct hn_meta *meta, struct hn_str key);

/* Typed reads. Absent: HN_E_NOTFOUND, *out untouched, err untouched (so a default can stand).
 * Wrong type or out of range: HN_E_FORMAT with a text that names the key. Any integer type that
 * holds the value is accepted for integers; integers are accepted for floats. */
enum hn_status hn_meta_u32(const struct hn_meta *meta, struct hn_str key, uint32_t *out,
                           struct hn_error *err);
enum hn_status hn_meta_f32(const struct hn_meta *meta, struct hn_str key, float *out,
                           struct hn_error *err);
enum hn_status hn_meta_bool(const struct hn_meta *meta, struct hn_str key, bool *out,
                            struct hn_error *err);
enum hn_status hn_meta_text(const struct hn_meta *meta, struct hn_str key, struct hn_str *out,
                            struct hn_error *err);
/* The array must hold scalars (or texts) of `type`. */
enum hn_status hn_meta_array(const struct hn_meta *meta, struct hn_str key, enum hn_meta_type type,
                             struct hn_meta_array *out, struct hn_error *err);

/* Element i of a scalar array; i < n. As an integer: 0 for arrays of floats. As a float: any type. */
int64_t hn_meta_array_int(const struct hn_meta_array *array, size_t i);
double hn_meta_array_float(const struct hn_meta_array *array, size_t i);

/* Bytes of one scalar; 0 for strings, arrays and unknown types. */
size_t hn_meta_type_bytes(enum hn_meta_type type);
/* "u32", "str", ...; "unknown" otherwise. */
const char *hn_meta_type_name(enum hn_meta_type type);

#endif
