#include "formats/onnx_tensor.h"

#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bits.h"
#include "base/memory.h"
#include "tensor/element.h"

enum {
    MAX_DENSE = 1 << 30,   /* bytes of all sparse tensors of a model, made dense */
    LOOSE_BYTES = 1 << 16, /* smaller tensors are copied at once where they lie amiss */
};

static char empty[64] __attribute__((aligned(64))); /* the elements of arrays that have none */

/* Bits of an element in a file. */
static size_t stored_bits(enum hn_element type)
{
    switch (type) {
    case HN_EL_U4:
    case HN_EL_I4:
    case HN_EL_F4E2M1: return 4;
    case HN_EL_U2:
    case HN_EL_I2: return 2;
    default: return 8 * hn_element_info(type)->bytes;
    }
}

/* The name of a tensor is the file's: cut in errors. */
#define FAIL(status, ...) fail(store, out, err, status, __VA_ARGS__)
static enum hn_status __attribute__((format(printf, 5, 6)))
fail(const struct hn_onnx_store *store, const struct hn_onnx_tensor *t, struct hn_error *err,
     enum hn_status status, const char *fmt, ...)
{
    char text[300];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return hn_fail(err, status, "%s: tensor '%.*s': %s", store->name, HN_FMT(t->name), text);
}

/* Memory of the tensor's own. */
static enum hn_status make_room(struct hn_onnx_tensor *out, struct hn_error *err)
{
    const size_t bytes = out->array.n * hn_element_info(out->array.type)->bytes;
    if (bytes == 0) {
        out->array.data = empty;
        return HN_OK;
    }
    if (bytes > SIZE_MAX - 64) return hn_fail_nomem(err, "a tensor", bytes);
    out->own = hn_memory_take(bytes);
    if (!out->own) return hn_fail_nomem(err, "a tensor", bytes);
    out->array.data = out->own;
    return HN_OK;
}

/* So that close finds what is to be freed, also when reading fails later. */
static enum hn_status keep(struct hn_onnx_store *store, struct hn_onnx_tensor *out,
                           struct hn_error *err)
{
    if (!out->own) return HN_OK;
    if (store->n_tensors == store->tensors_room) {
        const size_t room = store->tensors_room ? 2 * store->tensors_room : 64;
        void *more = realloc(store->tensors, room * sizeof *store->tensors);
        if (!more) {
            free(out->own);
            out->own = NULL;
            return hn_fail_nomem(err, "the list of tensors", room * sizeof *store->tensors);
        }
        store->tensors = more;
        store->tensors_room = room;
    }
    store->tensors[store->n_tensors++] = out;
    return HN_OK;
}

/* Elements below a byte, the first in the lowest bits. */
static void unpack_bits(enum hn_element type, const unsigned char *from, unsigned char *to,
                        size_t n)
{
    const unsigned bits = (unsigned)stored_bits(type);
    const unsigned char mask = (unsigned char)((1u << bits) - 1);
    const bool extend = type == HN_EL_I4 || type == HN_EL_I2;
    const unsigned char sign = (unsigned char)(1u << (bits - 1));
    for (size_t i = 0; i < n; i++) {
        const unsigned char v = from[i * bits / 8] >> (i * bits % 8) & mask;
        to[i] = extend && (v & sign) ? (unsigned char)(v | ~mask) : v;
    }
}

/* Any byte but 0 is true. */
static void tidy_bools(void *data, size_t n)
{
    unsigned char *p = data;
    for (size_t i = 0; i < n; i++)
        p[i] = p[i] != 0;
}

/* Whether elements can stay where they are mapped, as they should or loosely. */
static bool view(const unsigned char *bytes, size_t n, struct hn_onnx_file *file,
                 struct hn_onnx_tensor *out)
{
    const struct hn_element_info *info = hn_element_info(out->array.type);
    const size_t align = hn_min(info->bytes, 8);
    const bool amiss = (uintptr_t)bytes % align != 0;
    if (!file || n == 0 || stored_bits(out->array.type) < 8 || out->array.type == HN_EL_BOOL)
        return false;
    if (amiss &&
        (!hn_element_is_float(out->array.type) || out->array.n_dims < 2 || n < LOOSE_BYTES))
        return false;
    out->array.data = (void *)(uintptr_t)bytes; /* nobody writes constants */
    out->loose = amiss;
    out->file = file;
    file->views++;
    return true;
}

/* `file` is what they are mapped from, NULL where they must be copied. */
static enum hn_status from_bytes(struct hn_onnx_store *store, const unsigned char *bytes, size_t n,
                                 struct hn_onnx_file *file, struct hn_onnx_tensor *out,
                                 struct hn_error *err)
{
    const enum hn_element type = out->array.type;
    const size_t bits = stored_bits(type);
    if (type == HN_EL_STRING) return FAIL(HN_E_FORMAT, "strings cannot be raw");
    if (n != hn_div_up(out->array.n * bits, 8))
        return FAIL(HN_E_FORMAT, "%zu bytes where %zu elements of %s take %zu", n, out->array.n,
                    hn_element_info(type)->name, hn_div_up(out->array.n * bits, 8));
    if (view(bytes, n, file, out)) return HN_OK;
    HN_TRY(make_room(out, err));
    if (bits < 8) unpack_bits(type, bytes, out->array.data, out->array.n);
    else if (n) memcpy(out->array.data, bytes, n);
    if (type == HN_EL_BOOL) tidy_bools(out->array.data, out->array.n);
    return HN_OK;
}

static enum hn_status from_raw(struct hn_onnx_store *store, const Onnx__TensorProto *from,
                               struct hn_onnx_tensor *out, struct hn_error *err)
{
    struct hn_str raw; /* instead of the data (hn_wire_slim) */
    const struct hn_map *map = &store->file.map;
    memcpy(&raw, from->raw_data.data, sizeof raw);
    const unsigned char *bytes = (const unsigned char *)raw.p;
    /* Those of a function's attributes lie in the message around. */
    const bool mapped = map->data && bytes >= map->data && bytes < map->data + map->size;
    return from_bytes(store, bytes, raw.n, mapped ? &store->file : NULL, out, err);
}

/* "model.data", "weights/0.bin"; nothing that leaves the folder. */
static bool stays_inside(const char *path)
{
    if (path[0] == '\0' || path[0] == '/' || strchr(path, '\\')) return false;
    for (const char *p = path; p; p = strchr(p, '/')) {
        if (*p == '/') p++;
        const size_t n = strcspn(p, "/");
        if (n == 2 && p[0] == '.' && p[1] == '.') return false;
    }
    return true;
}

static enum hn_status open_external(struct hn_onnx_store *store, const char *location,
                                    const struct hn_onnx_tensor *out, struct hn_onnx_file **file,
                                    struct hn_error *err)
{
    if (!store->folder) return FAIL(HN_E_UNSUPPORTED, "its data lie in another file");
    for (*file = store->files; *file; *file = (*file)->next)
        if (hn_str_is((*file)->path, location)) return HN_OK;
    if (!stays_inside(location))
        return FAIL(HN_E_FORMAT, "its data '%.100s' lie outside of the model's folder", location);
    char joined[PATH_MAX], real[PATH_MAX], folder[PATH_MAX];
    if ((size_t)snprintf(joined, sizeof joined, "%s/%s", store->folder, location) >= sizeof joined)
        return FAIL(HN_E_LIMIT, "the path of its data is too long");
    if (!realpath(store->folder, folder) || !realpath(joined, real))
        return FAIL(HN_E_NOTFOUND, "its data '%.100s' are missing", location);
    const size_t n = strlen(folder);
    if (strncmp(real, folder, n) != 0 || (n > 1 && real[n] != '/'))
        return FAIL(HN_E_FORMAT, "its data '%.100s' lie outside of the model's folder", location);
    struct hn_onnx_file *made = hn_arena_alloc(&store->arena, 1, sizeof *made);
    if (!made) return hn_fail_nomem(err, "a file of tensors", sizeof *made);
    made->path = hn_str_from(location); /* the message's */
    HN_TRY(hn_map_open(real, &made->map, err));
    made->next = store->files;
    *file = store->files = made;
    return HN_OK;
}

static bool number(const char *text, uint64_t *out)
{
    char *end;
    if (*text < '0' || *text > '9') return false;
    *out = strtoull(text, &end, 10);
    return *end == '\0' && *out < UINT64_MAX;
}

static enum hn_status from_file(struct hn_onnx_store *store, const Onnx__TensorProto *from,
                                struct hn_onnx_tensor *out, struct hn_error *err)
{
    const char *location = NULL;
    uint64_t offset = 0, length = hn_div_up(out->array.n * stored_bits(out->array.type), 8);
    for (size_t i = 0; i < from->n_external_data; i++) {
        const Onnx__StringStringEntryProto *it = from->external_data[i];
        if (!it->key || !it->value) continue;
        bool good = true;
        if (strcmp(it->key, "location") == 0) location = it->value;
        else if (strcmp(it->key, "offset") == 0) good = number(it->value, &offset);
        else if (strcmp(it->key, "length") == 0) good = number(it->value, &length);
        if (!good)
            return FAIL(HN_E_FORMAT, "%s '%.40s' of its data is no number", it->key, it->value);
    }
    if (!location) return FAIL(HN_E_FORMAT, "it does not say where its data lie");
    struct hn_onnx_file *file;
    HN_TRY(open_external(store, location, out, &file, err));
    if (offset > file->map.size || length > file->map.size - offset)
        return FAIL(HN_E_FORMAT, "bytes %" PRIu64 " to +%" PRIu64 " of '%.100s', which has %zu",
                    offset, length, location, file->map.size);
    return from_bytes(store, file->map.data + offset, length, file, out, err);
}

#define COPY(list, count, type)                                                                    \
    do {                                                                                           \
        if ((count) != expected) goto wrong;                                                       \
        HN_TRY(make_room(out, err));                                                               \
        type *to = out->array.data;                                                                \
        for (size_t i = 0; i < (count); i++)                                                       \
            to[i] = (type)(list)[i];                                                               \
    } while (0)

/* Half floats and small types stand in int32_data as their bits, those below a byte by the byte. */
static enum hn_status from_ints(struct hn_onnx_store *store, const Onnx__TensorProto *from,
                                struct hn_onnx_tensor *out, struct hn_error *err)
{
    const enum hn_element type = out->array.type;
    const size_t size = hn_element_info(type)->bytes, bits = stored_bits(type);
    const size_t expected = bits < 8 ? hn_div_up(out->array.n * bits, 8) : out->array.n;
    if (bits < 8) {
        if (from->n_int32_data != expected) goto wrong;
        unsigned char *bytes = malloc(expected + 1);
        if (!bytes) return hn_fail_nomem(err, "a tensor", expected);
        for (size_t i = 0; i < expected; i++)
            bytes[i] = (unsigned char)from->int32_data[i];
        const enum hn_status status = from_bytes(store, bytes, expected, NULL, out, err);
        free(bytes);
        return status;
    }
    if (size == 4) COPY(from->int32_data, from->n_int32_data, int32_t);
    else if (size == 2) COPY(from->int32_data, from->n_int32_data, uint16_t);
    else COPY(from->int32_data, from->n_int32_data, uint8_t);
    if (type == HN_EL_BOOL) tidy_bools(out->array.data, out->array.n);
    return HN_OK;
wrong:
    return FAIL(HN_E_FORMAT, "%zu values where its shape wants %zu", from->n_int32_data, expected);
}

static enum hn_status from_strings(struct hn_onnx_store *store, const Onnx__TensorProto *from,
                                   struct hn_onnx_tensor *out, struct hn_error *err)
{
    if (from->n_string_data != out->array.n)
        return FAIL(HN_E_FORMAT, "%zu strings where its shape wants %zu", from->n_string_data,
                    out->array.n);
    HN_TRY(make_room(out, err));
    struct hn_str *to = out->array.data;
    for (size_t i = 0; i < out->array.n; i++) {
        const ProtobufCBinaryData *it = &from->string_data[i];
        to[i] = (struct hn_str){it->data ? (const char *)it->data : "", it->len};
    }
    return HN_OK;
}

static enum hn_status from_fields(struct hn_onnx_store *store, Onnx__TensorProto *from,
                                  struct hn_onnx_tensor *out, struct hn_error *err)
{
    const bool two = out->array.type == HN_EL_C64 || out->array.type == HN_EL_C128;
    const size_t expected = out->array.n * (two ? 2 : 1);
    switch (out->array.type) {
    case HN_EL_F32:
    case HN_EL_C64: COPY(from->float_data, from->n_float_data, float); return HN_OK;
    case HN_EL_F64:
    case HN_EL_C128: COPY(from->double_data, from->n_double_data, double); return HN_OK;
    case HN_EL_I64: COPY(from->int64_data, from->n_int64_data, int64_t); return HN_OK;
    case HN_EL_U64: COPY(from->uint64_data, from->n_uint64_data, uint64_t); return HN_OK;
    case HN_EL_U32: COPY(from->uint64_data, from->n_uint64_data, uint32_t); return HN_OK;
    case HN_EL_STRING: return from_strings(store, from, out, err);
    default: return from_ints(store, from, out, err);
    }
wrong:
    return FAIL(HN_E_FORMAT, "its values are not as many as its shape wants, %zu", expected);
}

static enum hn_status shape_of(struct hn_onnx_store *store, const int64_t *dims, size_t n,
                               struct hn_onnx_tensor *out, struct hn_error *err)
{
    if (n > HN_ARRAY_DIMS)
        return FAIL(HN_E_LIMIT, "%zu dimensions, more than %d", n, HN_ARRAY_DIMS);
    out->array.n_dims = n;
    for (size_t i = 0; i < n; i++) {
        if (dims[i] < 0) return FAIL(HN_E_FORMAT, "a dimension of %" PRId64, dims[i]);
        out->array.shape[i] = (size_t)dims[i];
    }
    if (!hn_shape_count(out->array.shape, n, 16, &out->array.n))
        return FAIL(HN_E_LIMIT, "its dimensions are too large");
    return HN_OK;
}

static enum hn_status read_tensor(struct hn_onnx_store *store, Onnx__TensorProto *from,
                                  struct hn_onnx_tensor *out, struct hn_error *err)
{
    HN_TRY(shape_of(store, from->dims, from->n_dims, out, err));
    if (!hn_element_from_onnx(from->data_type, &out->array.type))
        return FAIL(HN_E_UNSUPPORTED, "type %d is not known", from->data_type);
    if (from->segment) return FAIL(HN_E_UNSUPPORTED, "it comes in segments");
    if (from->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL)
        return from_file(store, from, out, err);
    if (from->has_raw_data) return from_raw(store, from, out, err);
    return from_fields(store, from, out, err);
}

enum hn_status hn_onnx_tensor_read(struct hn_onnx_store *store, Onnx__TensorProto *from,
                                   struct hn_onnx_tensor *out, struct hn_error *err)
{
    *out = (struct hn_onnx_tensor){.name = hn_str_from(from->name ? from->name : "")};
    const enum hn_status status = read_tensor(store, from, out, err);
    if (status >= 0) return keep(store, out, err);
    free(out->own);
    out->own = NULL;
    return status;
}

/* Where element i of a sparse tensor stands: indices are [n] linear ones or [n, dimensions]. */
static bool place_of(const struct hn_array *indices, size_t i, const struct hn_array *dense,
                     size_t *out)
{
    const int64_t *at = indices->data;
    if (indices->n_dims == 1) {
        *out = (size_t)at[i];
        return at[i] >= 0 && (size_t)at[i] < dense->n;
    }
    size_t place = 0;
    for (size_t d = 0; d < dense->n_dims; d++) {
        const int64_t index = at[i * dense->n_dims + d];
        if (index < 0 || (size_t)index >= dense->shape[d]) return false;
        place = place * dense->shape[d] + (size_t)index;
    }
    *out = place;
    return true;
}

static enum hn_status make_dense(struct hn_onnx_store *store, const struct hn_array *values,
                                 const struct hn_array *indices, struct hn_onnx_tensor *out,
                                 struct hn_error *err)
{
    const size_t size = hn_element_info(values->type)->bytes, bytes = out->array.n * size;
    if (indices->type != HN_EL_I64 || values->n_dims != 1 ||
        !((indices->n_dims == 1 && indices->n == values->n) ||
          (indices->n_dims == 2 && indices->shape[0] == values->n &&
           indices->shape[1] == out->array.n_dims)))
        return FAIL(HN_E_FORMAT, "its indices do not fit its values");
    if (values->type == HN_EL_STRING) return FAIL(HN_E_UNSUPPORTED, "sparse strings");
    if (bytes > MAX_DENSE - store->dense)
        return FAIL(HN_E_LIMIT, "sparse tensors of more than %d bytes in all", MAX_DENSE);
    store->dense += bytes;
    HN_TRY(make_room(out, err));
    memset(out->array.data, 0, bytes);
    for (size_t i = 0; i < values->n; i++) {
        size_t place;
        if (!place_of(indices, i, &out->array, &place))
            return FAIL(HN_E_FORMAT, "index %zu is outside of its shape", i);
        memcpy((char *)out->array.data + place * size, (const char *)values->data + i * size, size);
    }
    return HN_OK;
}

enum hn_status hn_onnx_sparse_read(struct hn_onnx_store *store, Onnx__SparseTensorProto *from,
                                   struct hn_onnx_tensor *out, struct hn_error *err)
{
    struct hn_onnx_tensor *parts = hn_arena_alloc(&store->arena, 2, sizeof *parts);
    if (!parts) return hn_fail_nomem(err, "a sparse tensor", 2 * sizeof *parts);
    *out = (struct hn_onnx_tensor){0};
    if (!from->values || !from->indices)
        return FAIL(HN_E_FORMAT, "a sparse tensor without values or indices");
    HN_TRY(hn_onnx_tensor_read(store, from->values, &parts[0], err));
    HN_TRY(hn_onnx_tensor_read(store, from->indices, &parts[1], err));
    out->name = parts[0].name;
    out->array.type = parts[0].array.type;
    HN_TRY(shape_of(store, from->dims, from->n_dims, out, err));
    const enum hn_status status = make_dense(store, &parts[0].array, &parts[1].array, out, err);
    hn_onnx_release(&parts[0]);
    hn_onnx_release(&parts[1]);
    if (status >= 0) return keep(store, out, err);
    free(out->own);
    out->own = NULL;
    return status;
}

void hn_onnx_release(struct hn_onnx_tensor *tensor)
{
    if (tensor->file) tensor->file->views--;
    if (tensor->own || tensor->file) tensor->array.data = empty;
    free(tensor->own);
    tensor->own = NULL;
    tensor->file = NULL;
    tensor->loose = false;
}

enum hn_status hn_onnx_tensor_settle(struct hn_onnx_store *store, struct hn_onnx_tensor *tensor,
                                     struct hn_error *err)
{
    if (!tensor->loose) return HN_OK;
    const void *from = tensor->array.data;
    HN_TRY(make_room(tensor, err));
    memcpy(tensor->own, from, tensor->array.n * hn_element_info(tensor->array.type)->bytes);
    tensor->file->views--;
    tensor->file = NULL;
    tensor->loose = false;
    return keep(store, tensor, err);
}
