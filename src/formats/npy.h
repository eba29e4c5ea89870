/* NumPy's .npy files, versions 1 to 3: "\x93NUMPY", version, length of the header, a Python literal
 * {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }, padding to 64 bytes, the elements in
 * C order. */
#ifndef HN_FORMATS_NPY_H
#define HN_FORMATS_NPY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/file.h"
#include "base/status.h"
#include "base/str.h"

enum { HN_NPY_MAX_DIMS = 16, HN_NPY_MAX_HEADER = 1 << 16 };

/* An array in memory; a view of the bytes it was parsed from. */
struct hn_npy {
    char
        kind; /* 'f', 'i', 'u', 'b', 'c': float, signed, unsigned, bool, complex; 'U', 'S': texts of
                          a fixed length, in UTF-32 and bytes, with NULs behind */
    size_t item_bytes; /* of one element */
    bool swapped;      /* big-endian */
    bool fortran;      /* the first dimension runs fastest */
    size_t n_dims;
    size_t shape[HN_NPY_MAX_DIMS];
    size_t n;         /* elements */
    const void *data; /* no alignment promised */
};

/* Checks everything against the bytes there are. Fortran order, big-endian, complex numbers and texts are
 * HN_E_UNSUPPORTED, as are structured and object arrays. `name` stands for the file in errors. */
enum hn_status hn_npy_parse(struct hn_str bytes, const char *name, struct hn_npy *out,
                            struct hn_error *err);
/* The same with all but structured and object arrays; formats/npy_array.h makes them plain. */
enum hn_status hn_npy_parse_any(struct hn_str bytes, const char *name, struct hn_npy *out,
                                struct hn_error *err);

/* Appends the header of a little-endian array; `descr` as NumPy has it ("<f4"). */
enum hn_status hn_npy_header(struct hn_buf *out, const char *descr, const size_t *shape,
                             size_t n_dims);

#endif
