/* Elements of arrays as numbers, and from one type to another. */
#ifndef HN_TENSOR_ELEMENT_H
#define HN_TENSOR_ELEMENT_H

#include "tensor/array.h"

/* What becomes of floats that a small float type cannot hold. */
enum hn_rounding {
    HN_ROUND_UP,      /* of float8e8m0: to the next power of two */
    HN_ROUND_DOWN,    /* likewise, towards zero */
    HN_ROUND_NEAREST, /* likewise, halves up */
};

struct hn_convert {
    bool saturate; /* to 8-bit floats: the largest finite value, instead of infinity or NaN */
    enum hn_rounding e8m0;
};

/* Types that count: not string, not complex. */
bool hn_element_is_number(enum hn_element type);
bool hn_element_is_float(enum hn_element type);
bool hn_element_is_byte(enum hn_element type);   /* an integer of 8 bits */
bool hn_element_is_signed(enum hn_element type); /* integers with a sign */
bool hn_element_is_integer(enum hn_element type);

/* Element `at`, of any type that counts, as a double; 64-bit integers may be rounded. */
double hn_array_real(const struct hn_array *a, size_t at);
/* Rounded to the type as Cast does. */
void hn_array_set_real(struct hn_array *a, size_t at, double value);
/* As an integer; floats are cut, what does not fit is the nearest that does, NaN is 0. */
int64_t hn_array_integer(const struct hn_array *a, size_t at);

/* n elements from type to type as ONNX's Cast, numbers alone: floats to integers are cut towards zero (what
 * does not fit is the nearest that does), integers wrap. `to` and `from` do not overlap. False when a
 * type does not count. */
bool hn_element_convert(enum hn_element to_type, void *to, enum hn_element from_type,
                        const void *from, size_t n, struct hn_convert how);

#endif
