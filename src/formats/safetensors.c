#include "formats/safetensors.h"

#include <stdio.h>
#include <limits.h>
#include <stdlib.h>

#include "base/bits.h"
#include "base/json.h"

static const struct {
    const char *name;
    size_t bytes;
} dtypes[HN_ST_DTYPES] = {
#define X(name, bytes) [HN_ST_##name] = {#name, bytes},
    HN_ST_DTYPES_X(X)
#undef X
};

const char *hn_st_dtype_name(enum hn_st_dtype dtype)
{
    return dtypes[dtype].name;
}

/* One file while it is read. */
struct source {
    const char *name;
    const unsigned char *data; /* behind the header */
    size_t n;
    struct hn_error *err;
};

static enum hn_status fail_tensor(const struct source *s, struct hn_str tensor,
                                  enum hn_status status, const char *why)
{
    return hn_fail(s->err, status, "%s: tensor %.*s: %s", s->name, HN_FMT(tensor), why);
}

/* A JSON number as a size; false when it is something else or negative. */
static bool get_size(const json_t *value, size_t *out)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0) return false;
    *out = (size_t)json_integer_value(value);
    return true;
}

static enum hn_status read_dtype(const struct source *s, const json_t *entry,
                                 struct hn_st_tensor *t)
{
    const json_t *value = json_object_get(entry, "dtype");
    if (!json_is_string(value)) return fail_tensor(s, t->name, HN_E_FORMAT, "has no dtype");
    for (int i = 0; i < HN_ST_DTYPES; i++) {
        if (!hn_str_is(hn_json_str(value), dtypes[i].name)) continue;
        t->dtype = (enum hn_st_dtype)i;
        return HN_OK;
    }
    return hn_fail(s->err, HN_E_UNSUPPORTED, "%s: tensor %.*s: dtype %.*s is not supported",
                   s->name, HN_FMT(t->name), HN_FMT(hn_json_str(value)));
}

static enum hn_status read_shape(const struct source *s, const json_t *entry,
                                 struct hn_st_tensor *t)
{
    const json_t *shape = json_object_get(entry, "shape");
    if (!json_is_array(shape)) return fail_tensor(s, t->name, HN_E_FORMAT, "has no shape");
    const size_t n_dims = json_array_size(shape);
    if (n_dims > HN_ST_MAX_DIMS)
        return fail_tensor(s, t->name, HN_E_LIMIT, "has more than 8 dimensions");
    t->n_dims = (int)n_dims;
    t->bytes = dtypes[t->dtype].bytes;
    for (size_t i = 0; i < HN_ST_MAX_DIMS; i++) {
        t->shape[i] = 1;
        if (i >= n_dims) continue;
        if (!get_size(json_array_get(shape, i), &t->shape[i]))
            return fail_tensor(s, t->name, HN_E_FORMAT, "a dimension is not a size");
        if (!hn_mul(t->bytes, t->shape[i], &t->bytes))
            return fail_tensor(s, t->name, HN_E_FORMAT, "its size overflows");
    }
    return HN_OK;
}

static enum hn_status read_offsets(const struct source *s, const json_t *entry,
                                   struct hn_st_tensor *t)
{
    const json_t *offsets = json_object_get(entry, "data_offsets");
    size_t begin;
    size_t end;
    if (json_array_size(offsets) != 2 || !get_size(json_array_get(offsets, 0), &begin) ||
        !get_size(json_array_get(offsets, 1), &end) || begin > end)
        return fail_tensor(s, t->name, HN_E_FORMAT, "data_offsets is not [begin, end]");
    if (end - begin != t->bytes)
        return hn_fail(s->err, HN_E_FORMAT,
                       "%s: tensor %.*s: data_offsets hold %zu bytes, its shape takes %zu", s->name,
                       HN_FMT(t->name), end - begin, t->bytes);
    if (end > s->n)
        return hn_fail(
            s->err, HN_E_FORMAT,
            "%s: tensor %.*s: at least %zu bytes are missing; the file is truncated, fetch "
            "it again",
            s->name, HN_FMT(t->name), end - s->n);
    t->data = s->data + begin;
    return HN_OK;
}

static enum hn_status add_tensor(struct hn_safetensors *st, const struct source *s,
                                 const struct hn_st_tensor *t)
{
    if (st->n == HN_ST_MAX_TENSORS)
        return hn_fail(s->err, HN_E_LIMIT, "%s: more than %d tensors", s->name, HN_ST_MAX_TENSORS);
    if (st->n == st->cap) {
        const size_t cap = st->cap ? 2 * st->cap : 64;
        struct hn_st_tensor *items = hn_arena_alloc(&st->arena, cap, sizeof *items);
        if (!items) return hn_fail_nomem(s->err, s->name, cap * sizeof *items);
        if (st->n) memcpy(items, st->items, st->n * sizeof *items);
        st->items = items;
        st->cap = cap;
    }
    st->items[st->n++] = *t;
    return HN_OK;
}

static int compare_data(const void *a, const void *b)
{
    const struct hn_st_tensor *x = a;
    const struct hn_st_tensor *y = b;
    if (x->data != y->data) return x->data > y->data ? 1 : -1;
    return (x->bytes > y->bytes) - (x->bytes < y->bytes); /* empty ones first */
}

/* The specification: the tensors cover the data, once. */
static enum hn_status check_coverage(const struct source *s, struct hn_st_tensor *items, size_t n)
{
    if (n) qsort(items, n, sizeof *items, compare_data);
    const unsigned char *at = s->data;
    for (size_t i = 0; i < n; i++) {
        if (items[i].data < at)
            return fail_tensor(s, items[i].name, HN_E_FORMAT, "overlaps another");
        if (items[i].data > at)
            return fail_tensor(s, items[i].name, HN_E_FORMAT, "there is a hole before its data");
        at += items[i].bytes;
    }
    if (at != s->data + s->n)
        return hn_fail(s->err, HN_E_FORMAT, "%s: %zu bytes behind the last tensor", s->name,
                       (size_t)(s->data + s->n - at));
    return HN_OK;
}

static enum hn_status read_entries(struct hn_safetensors *st, const struct source *s,
                                   json_t *header)
{
    const size_t first = st->n;
    const char *key;
    json_t *entry;
    if (!json_is_object(header))
        return hn_fail(s->err, HN_E_FORMAT, "%s: the header is not an object", s->name);
    json_object_foreach(header, key, entry)
    {
        if (strcmp(key, "__metadata__") == 0) continue; /* free text, of no use here */
        struct hn_st_tensor t = {.name = hn_arena_str(&st->arena, hn_str_from(key))};
        if (!t.name.p) return hn_fail_nomem(s->err, s->name, strlen(key));
        HN_TRY(read_dtype(s, entry, &t));
        HN_TRY(read_shape(s, entry, &t));
        HN_TRY(read_offsets(s, entry, &t));
        HN_TRY(add_tensor(st, s, &t));
    }
    return check_coverage(s, st->n ? st->items + first : NULL, st->n - first);
}

/* Appends one file's tensors. */
static enum hn_status read_file(struct hn_safetensors *st, const unsigned char *bytes, size_t n,
                                const char *name, struct hn_error *err)
{
    if (n < 8) return hn_fail(err, HN_E_FORMAT, "%s: too short for a safetensors file", name);
    const uint64_t length = hn_load_u64(bytes);
    if (length > HN_ST_MAX_HEADER_BYTES)
        return hn_fail(
            err, HN_E_LIMIT,
            "%s: byte 0: a header of %llu bytes, the limit is %d; is it a safetensors file?", name,
            (unsigned long long)length, HN_ST_MAX_HEADER_BYTES);
    if (length > n - 8)
        return hn_fail(err, HN_E_FORMAT,
                       "%s: the file ends inside the header: at least %zu bytes are missing; it is "
                       "truncated, fetch it again",
                       name, (size_t)length - (n - 8));
    const struct source s = {name, bytes + 8 + length, n - 8 - length, err};
    json_t *header;
    HN_TRY(hn_json_parse((struct hn_str){(const char *)bytes + 8, length}, name, &header, err));
    const enum hn_status status = read_entries(st, &s, header);
    json_decref(header);
    return status;
}

static int compare_name(const void *a, const void *b)
{
    const struct hn_st_tensor *x = a;
    const struct hn_st_tensor *y = b;
    const int order = memcmp(x->name.p, y->name.p, hn_min(x->name.n, y->name.n));
    return order ? order : (x->name.n > y->name.n) - (x->name.n < y->name.n);
}

/* Puts the table in order; the same name in two shards is an error. */
static enum hn_status finish(struct hn_safetensors *st, const char *name, struct hn_error *err)
{
    if (st->n) qsort(st->items, st->n, sizeof *st->items, compare_name);
    for (size_t i = 1; i < st->n; i++)
        if (hn_str_eq(st->items[i - 1].name, st->items[i].name))
            return hn_fail(err, HN_E_FORMAT, "%s: tensor %.*s appears twice", name,
                           HN_FMT(st->items[i].name));
    return HN_OK;
}

enum hn_status hn_safetensors_parse(const void *bytes, size_t n, const char *name,
                                    struct hn_safetensors **out, struct hn_error *err)
{
    *out = NULL;
    struct hn_safetensors *st = calloc(1, sizeof *st);
    if (!st) return hn_fail_nomem(err, name, sizeof *st);
    enum hn_status status = read_file(st, bytes, n, name, err);
    if (status == HN_OK) status = finish(st, name, err);
    if (status < 0) hn_safetensors_close(st);
    else *out = st;
    return status;
}

/* Maps the next file into maps[n_maps], for which there is room, and reads it. */
static enum hn_status add_file(struct hn_safetensors *st, const char *path, struct hn_error *err)
{
    struct hn_map *map = &st->maps[st->n_maps];
    HN_TRY(hn_map_open(path, map, err));
    st->n_maps++;
    return read_file(st, map->data, map->size, path, err);
}

/* A new table with room for `n` maps. */
static enum hn_status create(size_t n, const char *name, struct hn_safetensors **out,
                             struct hn_error *err)
{
    *out = NULL;
    struct hn_safetensors *st = calloc(1, sizeof *st);
    if (!st) return hn_fail_nomem(err, name, sizeof *st);
    st->maps = hn_arena_alloc(&st->arena, n, sizeof *st->maps);
    if (!st->maps) {
        hn_safetensors_close(st);
        return hn_fail_nomem(err, name, n * sizeof *st->maps);
    }
    *out = st;
    return HN_OK;
}

enum hn_status hn_safetensors_open(const char *path, struct hn_safetensors **out,
                                   struct hn_error *err)
{
    HN_TRY(create(1, path, out, err));
    enum hn_status status = add_file(*out, path, err);
    if (status == HN_OK) status = finish(*out, path, err);
    if (status == HN_OK) return HN_OK;
    hn_safetensors_close(*out);
    *out = NULL;
    return status;
}

/* --- folders ----------------------------------------------------------------------------------- */

/* "FOLDER/NAME" into `out` of PATH_MAX bytes. */
static enum hn_status join(const char *folder, struct hn_str name, char *out, struct hn_error *err)
{
    const int n = snprintf(out, PATH_MAX, "%s/%.*s", folder, (int)name.n, name.p);
    if (n < 0 || n >= PATH_MAX) return hn_fail(err, HN_E_LIMIT, "%s: the path is too long", folder);
    return HN_OK;
}

/* A file name as the index may give it: one component, nothing hidden. */
static bool is_plain_name(struct hn_str name)
{
    if (name.n == 0 || name.n > NAME_MAX || name.p[0] == '.') return false;
    return !memchr(name.p, '/', name.n) && !memchr(name.p, '\0', name.n);
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(json_string_value(*(json_t *const *)a), json_string_value(*(json_t *const *)b));
}

/* The different file names of the index, in order, into `files`, which has room for all. */
static enum hn_status list_files(json_t *map, const char *path, const json_t **files, size_t *n,
                                 struct hn_error *err)
{
    const char *key;
    json_t *file;
    *n = 0;
    json_object_foreach(map, key, file)
    {
        if (!json_is_string(file) || !is_plain_name(hn_json_str(file)))
            return hn_fail(err, HN_E_FORMAT,
                           "%s: tensor %.200s: its file must be named without a folder", path, key);
        files[(*n)++] = file;
    }
    qsort(files, *n, sizeof *files, compare_texts);
    size_t kept = 0;
    for (size_t i = 0; i < *n; i++)
        if (kept == 0 || compare_texts(&files[kept - 1], &files[i]) != 0) files[kept++] = files[i];
    *n = kept;
    if (kept > HN_ST_MAX_SHARDS)
        return hn_fail(err, HN_E_LIMIT, "%s: %zu files, the limit is %d", path, kept,
                       HN_ST_MAX_SHARDS);
    return HN_OK;
}

static enum hn_status open_listed(const char *folder, const char *path, const json_t **files,
                                  size_t n, struct hn_safetensors **out, struct hn_error *err)
{
    char shard[PATH_MAX];
    HN_TRY(create(n, path, out, err));
    for (size_t i = 0; i < n; i++) {
        HN_TRY(join(folder, hn_json_str(files[i]), shard, err));
        const enum hn_status status = add_file(*out, shard, err);
        if (status == HN_E_NOTFOUND)
            return hn_fail(err, status, "%s: part %zu of %zu of the model is missing", shard, i + 1,
                           n);
        if (status < 0) return status;
    }
    return finish(*out, path, err);
}

static enum hn_status open_index(const char *folder, const char *path, json_t *index,
                                 struct hn_safetensors **out, struct hn_error *err)
{
    json_t *map = json_object_get(index, "weight_map");
    const size_t n = json_object_size(map);
    if (n == 0) return hn_fail(err, HN_E_FORMAT, "%s: has no weight_map", path);
    const json_t **files = malloc(n * sizeof *files);
    if (!files) return hn_fail_nomem(err, path, n * sizeof *files);
    size_t n_files;
    enum hn_status status = list_files(map, path, files, &n_files, err);
    if (status == HN_OK) status = open_listed(folder, path, files, n_files, out, err);
    free(files);
    if (status < 0) return status;
    const char *key;
    json_t *file;
    json_object_foreach(map, key, file)
    {
        if (!hn_safetensors_find(*out, hn_str_from(key)))
            return hn_fail(err, HN_E_FORMAT, "%s: tensor %.200s is not in %s", path, key,
                           json_string_value(file));
    }
    return HN_OK;
}

enum hn_status hn_safetensors_open_folder(const char *folder, struct hn_safetensors **out,
                                          struct hn_error *err)
{
    char path[PATH_MAX];
    struct hn_buf text = {0};
    json_t *index = NULL;
    *out = NULL;
    HN_TRY(join(folder, HN_STR("model.safetensors.index.json"), path, err));
    enum hn_status status = hn_file_read(path, HN_ST_MAX_INDEX_BYTES, &text, err);
    if (status == HN_E_NOTFOUND) {
        hn_buf_free(&text);
        HN_TRY(join(folder, HN_STR("model.safetensors"), path, err));
        return hn_safetensors_open(path, out, err);
    }
    if (status == HN_OK) status = hn_json_parse(hn_buf_view(&text), path, &index, err);
    hn_buf_free(&text);
    if (status == HN_OK) status = open_index(folder, path, index, out, err);
    json_decref(index);
    if (status == HN_OK) return HN_OK;
    hn_safetensors_close(*out);
    *out = NULL;
    return status;
}

void hn_safetensors_close(struct hn_safetensors *st)
{
    if (!st) return;
    for (size_t i = 0; i < st->n_maps; i++)
        hn_map_close(&st->maps[i]);
    hn_arena_free(&st->arena);
    free(st);
}

const struct hn_st_tensor *hn_safetensors_find(const struct hn_safetensors *st, struct hn_str name)
{
    const struct hn_st_tensor wanted = {.name = name};
    return st->n ? bsearch(&wanted, st->items, st->n, sizeof *st->items, compare_name) : NULL;
}
