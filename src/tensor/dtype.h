/* Stored element types: plain floats and the block formats. */
#ifndef HN_TENSOR_DTYPE_H
#define HN_TENSOR_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum hn_dtype {
#define X(name, text, id, block, bytes) HN_##name,
#include "tensor/dtype.def"
#undef X
    HN_DTYPES
};

struct hn_dtype_info {
    const char *name;
    uint32_t gguf_id;
    uint32_t block; /* elements per block; a row's length is a multiple of it */
    uint32_t bytes; /* per block */
};

/* Never NULL for a value below HN_DTYPES. */
const struct hn_dtype_info *hn_dtype_info(enum hn_dtype type);

/* Finds a type by its GGUF number or by its name (any case); false when unknown. */
bool hn_dtype_from_gguf(uint32_t id, enum hn_dtype *out);
bool hn_dtype_from_name(const char *name, enum hn_dtype *out);

/* Bytes of n elements; false when n is not a multiple of the block or the product overflows. */
bool hn_dtype_bytes(enum hn_dtype type, size_t n, size_t *out);

#endif
