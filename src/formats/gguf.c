#include "formats/gguf.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bits.h"

/* Walks one file's bytes. Nothing behind `at` is trusted before `need` has counted it. */
struct reader {
    const unsigned char *p;
    size_t n;
    size_t at;
    const char *name;
    struct hn_error *err;
};

static enum hn_status need(const struct reader *r, size_t bytes, const char *what)
{
    const size_t left = r->n - r->at;
    if (bytes <= left) return HN_OK;
    return hn_fail(r->err, HN_E_FORMAT,
                   "%s: byte %zu: the file ends inside %s: at least %zu bytes are missing; "
                   "it is truncated, fetch it again",
                   r->name, r->at, what, bytes - left);
}

static enum hn_status read_u32(struct reader *r, const char *what, uint32_t *out)
{
    HN_TRY(need(r, sizeof *out, what));
    *out = hn_load_u32(r->p + r->at);
    r->at += sizeof *out;
    return HN_OK;
}

static enum hn_status read_u64(struct reader *r, const char *what, uint64_t *out)
{
    HN_TRY(need(r, sizeof *out, what));
    *out = hn_load_u64(r->p + r->at);
    r->at += sizeof *out;
    return HN_OK;
}

static enum hn_status read_str(struct reader *r, const char *what, size_t limit, struct hn_str *out)
{
    const size_t start = r->at;
    uint64_t n;
    HN_TRY(read_u64(r, what, &n));
    if (n > limit)
        return hn_fail(r->err, HN_E_LIMIT,
                       "%s: byte %zu: %s has a length of %llu, the limit is %zu", r->name, start,
                       what, (unsigned long long)n, limit);
    HN_TRY(need(r, n, what));
    *out = (struct hn_str){(const char *)r->p + r->at, n};
    r->at += n;
    return HN_OK;
}

static enum hn_status fail_key(const struct reader *r, size_t at, struct hn_str key,
                               enum hn_status status, const char *why, uint64_t value)
{
    return hn_fail(r->err, status, "%s: byte %zu: key %.*s: %s %llu", r->name, at, HN_FMT(key), why,
                   (unsigned long long)value);
}

/* A string array becomes views in the arena: 16 bytes for at least 8 of the file. */
static enum hn_status read_texts(struct reader *r, struct hn_arena *arena,
                                 struct hn_meta_array *array)
{
    struct hn_str *texts = hn_arena_alloc(arena, array->n, sizeof *texts);
    if (!texts) return hn_fail_nomem(r->err, "a string array", array->n * sizeof *texts);
    for (size_t i = 0; i < array->n; i++)
        HN_TRY(read_str(r, "a string of an array", HN_GGUF_MAX_STRING_BYTES, &texts[i]));
    array->texts = texts;
    return HN_OK;
}

static enum hn_status read_array(struct reader *r, struct hn_arena *arena, struct hn_meta_kv *kv)
{
    const size_t start = r->at;
    uint32_t type;
    uint64_t n;
    HN_TRY(read_u32(r, "an array's type", &type));
    HN_TRY(read_u64(r, "an array's length", &n));
    if (type == HN_META_ARRAY)
        return fail_key(r, start, kv->key, HN_E_UNSUPPORTED, "arrays of arrays are refused, length",
                        n);
    const size_t scalar = hn_meta_type_bytes((enum hn_meta_type)type);
    if (type != HN_META_STR && scalar == 0)
        return fail_key(r, start, kv->key, HN_E_FORMAT, "unknown array element type", type);
    if (n > HN_GGUF_MAX_ARRAY)
        return fail_key(r, start, kv->key, HN_E_LIMIT, "the array is too long:", n);
    /* No overflow: n is below 2^24. A string takes at least its 8 bytes of length. */
    HN_TRY(need(r, n * (scalar ? scalar : 8), "an array"));
    struct hn_meta_array *array = &kv->array;
    *array = (struct hn_meta_array){.type = (enum hn_meta_type)type, .n = n};
    if (type == HN_META_STR) return read_texts(r, arena, array);
    array->data = r->p + r->at;
    if (type == HN_META_BOOL)
        for (size_t i = 0; i < n; i++)
            if (r->p[r->at + i] > 1)
                return fail_key(r, r->at + i, kv->key, HN_E_FORMAT, "not a bool:", r->p[r->at + i]);
    r->at += n * scalar;
    return HN_OK;
}

static enum hn_status read_scalar(struct reader *r, struct hn_meta_kv *kv)
{
    const size_t bytes = hn_meta_type_bytes(kv->type);
    if (bytes == 0) return fail_key(r, r->at, kv->key, HN_E_FORMAT, "unknown value type", kv->type);
    HN_TRY(need(r, bytes, "a value"));
    const unsigned char *p = r->p + r->at;
    switch (kv->type) {
    case HN_META_U8: kv->u = *p; break;
    case HN_META_I8: kv->i = (int8_t)*p; break;
    case HN_META_U16: kv->u = hn_load_u16(p); break;
    case HN_META_I16: kv->i = (int16_t)hn_load_u16(p); break;
    case HN_META_U32: kv->u = hn_load_u32(p); break;
    case HN_META_I32: kv->i = (int32_t)hn_load_u32(p); break;
    case HN_META_F32: kv->f = (double)hn_load_f32(p); break;
    case HN_META_U64: kv->u = hn_load_u64(p); break;
    case HN_META_I64: kv->i = (int64_t)hn_load_u64(p); break;
    case HN_META_F64: kv->f = hn_load_f64(p); break;
    case HN_META_BOOL:
        if (*p > 1) return fail_key(r, r->at, kv->key, HN_E_FORMAT, "not a bool:", *p);
        kv->u = *p;
        break;
    case HN_META_STR:
    case HN_META_ARRAY: break; /* have no size of their own: refused above */
    }
    r->at += bytes;
    return HN_OK;
}

static enum hn_status read_keys(struct reader *r, struct hn_gguf *g, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct hn_meta_kv kv = {0};
        uint32_t type;
        HN_TRY(read_str(r, "a key", HN_GGUF_MAX_KEY_BYTES, &kv.key));
        HN_TRY(read_u32(r, "a key's type", &type));
        kv.type = (enum hn_meta_type)type;
        if (type == HN_META_STR)
            HN_TRY(read_str(r, "a string", HN_GGUF_MAX_STRING_BYTES, &kv.text));
        else if (type == HN_META_ARRAY) HN_TRY(read_array(r, &g->arena, &kv));
        else HN_TRY(read_scalar(r, &kv));
        HN_TRY(hn_meta_add(&g->meta, &g->arena, &kv, r->err));
        if (r->at > HN_GGUF_MAX_META_BYTES)
            return fail_key(r, r->at, kv.key, HN_E_LIMIT,
                            "too many bytes of metadata, the limit is", HN_GGUF_MAX_META_BYTES);
    }
    const enum hn_status status = hn_meta_index(&g->meta, &g->arena, r->err);
    return status < 0 ? hn_fail_in(r->err, status, "%s", r->name) : HN_OK;
}

static enum hn_status fail_tensor(const struct reader *r, size_t at, const struct hn_tensor *t,
                                  enum hn_status status, const char *why, uint64_t value)
{
    return hn_fail(r->err, status, "%s: byte %zu: tensor %.*s: %s %llu", r->name, at,
                   HN_FMT(t->name), why, (unsigned long long)value);
}

/* Types that other programs write and this one does not read, to name them in errors. */
static const char *foreign_type(uint32_t id)
{
    static const char *const names[] = {
        [4] = "Q4_2",    [5] = "Q4_3",     [9] = "Q8_1",   [15] = "Q8_K",  [16] = "IQ2_XXS",
        [17] = "IQ2_XS", [18] = "IQ3_XXS", [19] = "IQ1_S", [21] = "IQ3_S", [22] = "IQ2_S",
        [24] = "I8",     [25] = "I16",     [26] = "I32",   [27] = "I64",   [28] = "F64",
        [29] = "IQ1_M",  [34] = "TQ1_0",   [35] = "TQ2_0",
    };
    return id < HN_COUNT(names) && names[id] ? names[id] : "unknown";
}

static enum hn_status read_shape(struct reader *r, struct hn_tensor *t)
{
    uint32_t n_dims;
    HN_TRY(read_u32(r, "a tensor's dimensions", &n_dims));
    if (n_dims > HN_MAX_DIMS)
        return fail_tensor(r, r->at - 4, t, HN_E_LIMIT, "dimensions (at most 4):", n_dims);
    t->n_dims = n_dims ? (int)n_dims : 1; /* a scalar is one element */
    size_t elements = 1;
    for (uint32_t i = 0; i < HN_MAX_DIMS; i++) {
        uint64_t ne = 1;
        if (i < n_dims) HN_TRY(read_u64(r, "a tensor's shape", &ne));
        if (ne == 0 || ne > (uint64_t)INT64_MAX)
            return fail_tensor(r, r->at - 8, t, HN_E_FORMAT, "impossible dimension", ne);
        if (!hn_mul(elements, ne, &elements) || elements > (size_t)INT64_MAX)
            return fail_tensor(r, r->at - 8, t, HN_E_FORMAT, "too many elements: dimension", ne);
        t->ne[i] = ne;
    }
    return HN_OK;
}

/* One row of the table. The offset is checked against the data later, when it is known where that
 * starts; until then it waits in `offset`. */
static enum hn_status read_tensor(struct reader *r, size_t alignment, struct hn_tensor *t,
                                  size_t *offset)
{
    HN_TRY(read_str(r, "a tensor's name", HN_GGUF_MAX_NAME_BYTES, &t->name));
    HN_TRY(read_shape(r, t));
    const size_t start = r->at;
    uint32_t type;
    HN_TRY(read_u32(r, "a tensor's type", &type));
    if (!hn_dtype_from_gguf(type, &t->type))
        return hn_fail(r->err, HN_E_UNSUPPORTED,
                       "%s: byte %zu: tensor %.*s: type %u (%s) is not supported; quantize the "
                       "model to another type",
                       r->name, start, HN_FMT(t->name), type, foreign_type(type));
    if (t->ne[0] % hn_dtype_info(t->type)->block)
        return fail_tensor(r, start, t, HN_E_FORMAT, "not a whole number of blocks: row length",
                           t->ne[0]);
    if (!hn_dtype_bytes(t->type, hn_tensor_elements(t), &t->bytes))
        return fail_tensor(r, start, t, HN_E_FORMAT, "too large: elements", hn_tensor_elements(t));
    uint64_t at;
    HN_TRY(read_u64(r, "a tensor's offset", &at));
    if (at % alignment)
        return fail_tensor(r, start + 4, t, HN_E_FORMAT, "not a multiple of the alignment: offset",
                           at);
    *offset = at;
    return HN_OK;
}

static int compare_data(const void *a, const void *b)
{
    const struct hn_tensor *const *x = a;
    const struct hn_tensor *const *y = b;
    return ((*x)->data > (*y)->data) - ((*x)->data < (*y)->data);
}

static enum hn_status check_overlap(const struct reader *r, const struct hn_gguf *g)
{
    const size_t n = g->weights.n;
    if (n < 2) return HN_OK;
    const struct hn_tensor **order = malloc(n * sizeof *order);
    if (!order) return hn_fail_nomem(r->err, r->name, n * sizeof *order);
    for (size_t i = 0; i < n; i++)
        order[i] = &g->weights.items[i];
    qsort(order, n, sizeof *order, compare_data);
    enum hn_status status = HN_OK;
    for (size_t i = 1; i < n && status == HN_OK; i++) {
        const size_t gap =
            (size_t)((const char *)order[i]->data - (const char *)order[i - 1]->data);
        if (gap < order[i - 1]->bytes)
            status = hn_fail(r->err, HN_E_FORMAT, "%s: tensors %.*s and %.*s overlap", r->name,
                             HN_FMT(order[i - 1]->name), HN_FMT(order[i]->name));
    }
    free(order);
    return status;
}

/* Turns offsets into views. Reports the whole of what is missing, not the first tensor's part. */
static enum hn_status place_data(struct reader *r, struct hn_gguf *g, const size_t *offsets)
{
    const size_t base = hn_round_up(r->at, g->alignment); /* both are below 2^30 */
    size_t end = base;
    const struct hn_tensor *last = NULL;
    for (size_t i = 0; i < g->weights.n; i++) {
        const struct hn_tensor *t = &g->weights.items[i];
        size_t stop;
        if (!hn_add(base, offsets[i], &stop) || !hn_add(stop, t->bytes, &stop))
            return fail_tensor(r, r->at, t, HN_E_FORMAT, "lies past any file: offset", offsets[i]);
        if (stop <= end) continue;
        end = stop;
        last = t;
    }
    if (last && end > r->n)
        return hn_fail(
            r->err, HN_E_FORMAT,
            "%s: tensor %.*s ends at byte %zu, the file at %zu: %zu bytes are missing; it "
            "is truncated, fetch it again",
            r->name, HN_FMT(last->name), end, r->n, end - r->n);
    for (size_t i = 0; i < g->weights.n; i++)
        g->weights.items[i].data = r->p + base + offsets[i];
    return check_overlap(r, g);
}

static enum hn_status read_tensors(struct reader *r, struct hn_gguf *g, size_t n)
{
    size_t *offsets = malloc((n ? n : 1) * sizeof *offsets);
    if (!offsets) return hn_fail_nomem(r->err, r->name, n * sizeof *offsets);
    enum hn_status status = HN_OK;
    for (size_t i = 0; i < n && status == HN_OK; i++) {
        struct hn_tensor t = {0};
        status = read_tensor(r, g->alignment, &t, &offsets[i]);
        if (status == HN_OK) status = hn_weights_add(&g->weights, &g->arena, &t, r->err);
    }
    if (status == HN_OK) status = place_data(r, g, offsets);
    free(offsets);
    if (status < 0) return status;
    status = hn_weights_index(&g->weights, &g->arena, r->err);
    return status < 0 ? hn_fail_in(r->err, status, "%s", r->name) : HN_OK;
}

static enum hn_status read_magic(struct reader *r, uint32_t *version)
{
    static const struct hn_str pointer = HN_STR("version https://git-lfs");
    if (hn_str_starts((struct hn_str){(const char *)r->p, r->n}, pointer))
        return hn_fail(r->err, HN_E_FORMAT,
                       "%s: is a Git LFS pointer, not the model itself; fetch it with git lfs pull",
                       r->name);
    if (r->n < 4 || memcmp(r->p, "GGUF", 4) != 0)
        return hn_fail(r->err, HN_E_FORMAT, "%s: byte 0: not a GGUF file", r->name);
    r->at = 4;
    HN_TRY(read_u32(r, "the header", version));
    if (*version == 2 || *version == 3) return HN_OK;
    const char *why = "not supported, only 2 and 3 are";
    if (*version == 1) why = "too old; convert the model again";
    else if (!(*version & 0xffff)) why = "big-endian; convert the model for little-endian machines";
    return hn_fail(r->err, HN_E_UNSUPPORTED, "%s: byte 4: GGUF version 0x%x is %s", r->name,
                   *version, why);
}

static enum hn_status read_alignment(const struct reader *r, struct hn_gguf *g)
{
    uint32_t alignment = HN_GGUF_ALIGNMENT;
    const enum hn_status status =
        hn_meta_u32(&g->meta, HN_STR("general.alignment"), &alignment, r->err);
    if (status < 0 && status != HN_E_NOTFOUND) return hn_fail_in(r->err, status, "%s", r->name);
    if (!hn_is_pow2(alignment) || alignment < 8 || alignment > HN_GGUF_MAX_ALIGNMENT)
        return hn_fail(r->err, HN_E_FORMAT,
                       "%s: key general.alignment: %u is not a power of two from 8 to %d", r->name,
                       alignment, HN_GGUF_MAX_ALIGNMENT);
    g->alignment = alignment;
    return HN_OK;
}

/* Checks a count of the header against its limit and against the fewest bytes its entries take. */
static enum hn_status check_count(const struct reader *r, const char *what, uint64_t n,
                                  size_t limit, size_t least)
{
    if (n > limit)
        return hn_fail(r->err, HN_E_LIMIT, "%s: the header counts %llu %s, the limit is %zu",
                       r->name, (unsigned long long)n, what, limit);
    return need(r, n * least, what);
}

static enum hn_status read_file(struct hn_gguf *g, const unsigned char *bytes, size_t n,
                                const char *name, struct hn_error *err)
{
    struct reader r = {bytes, n, 0, name, err};
    uint64_t n_tensors;
    uint64_t n_keys;
    HN_TRY(read_magic(&r, &g->version));
    HN_TRY(read_u64(&r, "the header", &n_tensors));
    HN_TRY(read_u64(&r, "the header", &n_keys));
    HN_TRY(check_count(&r, "tensors", n_tensors, HN_GGUF_MAX_TENSORS, 8 + 4 + 4 + 8));
    HN_TRY(check_count(&r, "keys", n_keys, HN_GGUF_MAX_KEYS, 8 + 4 + 1));
    HN_TRY(read_keys(&r, g, n_keys));
    HN_TRY(read_alignment(&r, g));
    return read_tensors(&r, g, n_tensors);
}

enum hn_status hn_gguf_parse(const void *bytes, size_t n, const char *name, struct hn_gguf **out,
                             struct hn_error *err)
{
    *out = NULL;
    struct hn_gguf *g = calloc(1, sizeof *g);
    if (!g) return hn_fail_nomem(err, name, sizeof *g);
    const enum hn_status status = read_file(g, bytes, n, name, err);
    if (status < 0) hn_gguf_close(g);
    else *out = g;
    return status;
}

/* --- files -------------------------------------------------------------------------------------
 */

static enum hn_status open_one(const char *path, struct hn_gguf **out, struct hn_error *err)
{
    struct hn_map map;
    *out = NULL;
    HN_TRY(hn_map_open(path, &map, err));
    struct hn_gguf *g = NULL;
    enum hn_status status = hn_gguf_parse(map.data, map.size, path, &g, err);
    if (status < 0) goto fail;
    g->maps = hn_arena_alloc(&g->arena, 1, sizeof *g->maps);
    if (!g->maps) {
        status = hn_fail_nomem(err, path, sizeof *g->maps);
        goto fail;
    }
    g->maps[g->n_maps++] = map;
    *out = g;
    return HN_OK;
fail:
    hn_gguf_close(g);
    hn_map_close(&map);
    return status;
}

/* A key of the split.* group; `missing` when it is not there. */
static enum hn_status split_key(const struct hn_gguf *g, struct hn_str key, uint32_t missing,
                                uint32_t *out, struct hn_error *err)
{
    *out = missing;
    const enum hn_status status = hn_meta_u32(&g->meta, key, out, err);
    return status == HN_E_NOTFOUND ? HN_OK : status;
}

/* The path of part `no` (from 0) of the model that `path` is a part of, into `out` of n bytes. */
static enum hn_status part_path(const char *path, uint32_t no, uint32_t count, char *out, size_t n,
                                struct hn_error *err)
{
    static const char pattern[] = "-00001-of-00001.gguf";
    const size_t length = strlen(path);
    const size_t suffix = sizeof pattern - 1;
    bool fits = length > suffix;
    for (size_t i = 0; fits && i < suffix; i++) {
        const char c = path[length - suffix + i];
        const bool digit = pattern[i] >= '0' && pattern[i] <= '9';
        fits = digit ? c >= '0' && c <= '9' : c == pattern[i];
    }
    if (!fits)
        return hn_fail(err, HN_E_ARG,
                       "%s: is one of %u parts of a split model and must keep its name, "
                       "NAME-00001-of-%05u.gguf, to find the others",
                       path, count, count);
    const int written =
        snprintf(out, n, "%.*s-%05u-of-%05u.gguf", (int)(length - suffix), path, no + 1, count);
    if (written < 0 || (size_t)written >= n)
        return hn_fail(err, HN_E_LIMIT, "%s: the path is too long", path);
    return HN_OK;
}

/* Opens part `no` and checks that it says so itself. */
static enum hn_status open_part(const char *path, uint32_t no, uint32_t count, struct hn_gguf **out,
                                struct hn_error *err)
{
    char part[PATH_MAX];
    uint32_t says_no;
    uint32_t says_count;
    HN_TRY(part_path(path, no, count, part, sizeof part, err));
    enum hn_status status = open_one(part, out, err);
    if (status == HN_E_NOTFOUND)
        return hn_fail(err, status, "%s: part %u of %u of the model is missing", part, no + 1,
                       count);
    if (status < 0) return status;
    status = split_key(*out, HN_STR("split.no"), no, &says_no, err);
    if (status == HN_OK) status = split_key(*out, HN_STR("split.count"), 0, &says_count, err);
    if (status == HN_OK && (says_no != no || says_count != count))
        status = hn_fail(err, HN_E_FORMAT, "%s: says it is part %u of %u, its name says %u of %u",
                         part, says_no + 1, says_count, no + 1, count);
    if (status < 0) {
        hn_gguf_close(*out);
        *out = NULL;
    }
    return status;
}

/* Moves a part's mapping and tensors into the first part's tables; frees the rest of it. */
static enum hn_status adopt(struct hn_gguf *g, struct hn_gguf *part, struct hn_error *err)
{
    enum hn_status status = HN_OK;
    if (g->weights.n + part->weights.n > HN_GGUF_MAX_TENSORS)
        status = hn_fail(err, HN_E_LIMIT, "more than %d tensors in all parts", HN_GGUF_MAX_TENSORS);
    for (size_t i = 0; i < part->weights.n && status == HN_OK; i++)
        status = hn_weights_add(&g->weights, &g->arena, &part->weights.items[i], err);
    if (status == HN_OK) {
        g->maps[g->n_maps++] = part->maps[0];
        part->n_maps = 0;
    }
    hn_gguf_close(part);
    return status;
}

static enum hn_status open_others(struct hn_gguf *g, const char *path, uint32_t count,
                                  struct hn_error *err)
{
    struct hn_map *maps = hn_arena_alloc(&g->arena, count, sizeof *maps);
    if (!maps) return hn_fail_nomem(err, path, count * sizeof *maps);
    maps[0] = g->maps[0];
    g->maps = maps;
    for (uint32_t i = 1; i < count; i++) {
        struct hn_gguf *part;
        HN_TRY(open_part(path, i, count, &part, err));
        HN_TRY(adopt(g, part, err));
    }
    uint32_t n_tensors;
    HN_TRY(split_key(g, HN_STR("split.tensors.count"), (uint32_t)g->weights.n, &n_tensors, err));
    if (n_tensors != g->weights.n)
        return hn_fail(err, HN_E_FORMAT,
                       "%s: the parts hold %zu tensors, split.tensors.count says %u", path,
                       g->weights.n, n_tensors);
    const enum hn_status status = hn_weights_index(&g->weights, &g->arena, err);
    return status < 0 ? hn_fail_in(err, status, "%s", path) : HN_OK;
}

enum hn_status hn_gguf_open(const char *path, struct hn_gguf **out, struct hn_error *err)
{
    struct hn_gguf *g = NULL;
    uint32_t count = 1;
    uint32_t no = 0;
    *out = NULL;
    enum hn_status status = open_one(path, &g, err);
    if (status == HN_OK) status = split_key(g, HN_STR("split.count"), 1, &count, err);
    if (status == HN_OK) status = split_key(g, HN_STR("split.no"), 0, &no, err);
    if (status == HN_OK && (count > HN_GGUF_MAX_SHARDS || (count > 1 && no >= count)))
        status = hn_fail(err, HN_E_FORMAT, "%s: part %u of %u of a split model is impossible", path,
                         no + 1, count);
    if (status == HN_OK && count > 1) {
        /* The first part holds the metadata of all; opening it again checks the name given. */
        hn_gguf_close(g);
        g = NULL;
        status = open_part(path, 0, count, &g, err);
        if (status == HN_OK) status = open_others(g, path, count, err);
    }
    if (status < 0) hn_gguf_close(g);
    else *out = g;
    return status;
}

void hn_gguf_close(struct hn_gguf *gguf)
{
    if (!gguf) return;
    for (size_t i = 0; i < gguf->n_maps; i++)
        hn_map_close(&gguf->maps[i]);
    hn_arena_free(&gguf->arena);
    free(gguf);
}
