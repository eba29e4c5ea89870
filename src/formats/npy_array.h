/* NumPy's arrays of any form made plain (tensor/array.h), and written. */
#ifndef HN_FORMATS_NPY_ARRAY_H
#define HN_FORMATS_NPY_ARRAY_H

#include "formats/npy.h"
#include "tensor/array.h"

/* A copy of a parsed array: C order, little-endian, texts as UTF-8. `name` stands for the file in errors.
 * The caller frees out->data, with which goes everything. */
enum hn_status hn_npy_array(const struct hn_npy *npy, const char *name, struct hn_array *out,
                            struct hn_error *err);

/* Appends a whole file. Types that NumPy lacks are widened: floats to float32, integers to int8; texts
 * become '<U'. */
enum hn_status hn_npy_put_array(struct hn_buf *out, const struct hn_array *array,
                                struct hn_error *err);

#endif
