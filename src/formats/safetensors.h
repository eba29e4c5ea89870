/* safetensors: tensors by name in row-major order, as views into mapped files.
 *
 * Layout: u64 (little-endian) length of the header; the header, a JSON object name -> {"dtype",
 * "shape", "data_offsets": [begin, end]} with offsets into what follows; the data, without holes. */
#ifndef HN_FORMATS_SAFETENSORS_H
#define HN_FORMATS_SAFETENSORS_H

#include <stddef.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/status.h"
#include "base/str.h"

enum {
    HN_ST_MAX_HEADER_BYTES = 1 << 24,
    HN_ST_MAX_INDEX_BYTES = 1 << 25,
    HN_ST_MAX_TENSORS = 1 << 18, /* per file and in all: experts are stored one by one */
    HN_ST_MAX_SHARDS = 1024,
    HN_ST_MAX_DIMS = 8,
};

/* X(name, bytes) */
#define HN_ST_DTYPES_X(X)                                                                          \
    X(BOOL, 1)                                                                                     \
    X(U8, 1)                                                                                       \
    X(I8, 1)                                                                                       \
    X(F8_E5M2, 1)                                                                                  \
    X(F8_E4M3, 1)                                                                                  \
    X(U16, 2)                                                                                      \
    X(I16, 2)                                                                                      \
    X(F16, 2)                                                                                      \
    X(BF16, 2)                                                                                     \
    X(U32, 4)                                                                                      \
    X(I32, 4)                                                                                      \
    X(F32, 4)                                                                                      \
    X(U64, 8)                                                                                      \
    X(I64, 8)                                                                                      \
    X(F64, 8)

enum hn_st_dtype {
#define X(name, bytes) HN_ST_##name,
    HN_ST_DTYPES_X(X)
#undef X
        HN_ST_DTYPES
};

struct hn_st_tensor {
    struct hn_str name;
    enum hn_st_dtype dtype;
    int n_dims;
    size_t shape[HN_ST_MAX_DIMS]; /* the last runs fastest; unused ones are 1 */
    const unsigned char *data;    /* little-endian; alignment is not promised */
    size_t bytes;
};

/* Everything lives as long as it. */
struct hn_safetensors {
    struct hn_st_tensor *items; /* by name, ascending */
    size_t n;
    size_t cap;
    struct hn_arena arena;
    struct hn_map *maps; /* in the arena */
    size_t n_maps;
};

/* Maps and checks one file. Errors name file, tensor and what is wrong with it. */
enum hn_status hn_safetensors_open(const char *path, struct hn_safetensors **out,
                                   struct hn_error *err);

/* The model in `folder`: the files that model.safetensors.index.json names, or model.safetensors.
 * Names that lead out of the folder are refused. HN_E_NOTFOUND when neither is there. */
enum hn_status hn_safetensors_open_folder(const char *folder, struct hn_safetensors **out,
                                          struct hn_error *err);

/* One file's bytes, which must outlive the result. */
enum hn_status hn_safetensors_parse(const void *bytes, size_t n, const char *name,
                                    struct hn_safetensors **out, struct hn_error *err);

/* NULL is fine. */
void hn_safetensors_close(struct hn_safetensors *st);

/* NULL when there is none of that name. */
const struct hn_st_tensor *hn_safetensors_find(const struct hn_safetensors *st, struct hn_str name);

/* "BF16", ... */
const char *hn_st_dtype_name(enum hn_st_dtype dtype);

#endif
