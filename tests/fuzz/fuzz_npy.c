#include "fuzz.h"

#include <stdlib.h>

#include "formats/npy_array.h"

/* What was read can be written; what comes out says the same. */
static void write_back(const struct hn_array *array)
{
    struct hn_buf out = {0};
    struct hn_npy again;
    struct hn_error err;
    if (hn_npy_put_array(&out, array, &err) >= 0) {
        if (hn_npy_parse_any(hn_buf_view(&out), "output", &again, &err) < 0) __builtin_trap();
        if (again.n != array->n || again.n_dims != array->n_dims) __builtin_trap();
    }
    hn_buf_free(&out);
}

void fuzz_one(const uint8_t *data, size_t n)
{
    struct hn_npy npy;
    struct hn_array array;
    struct hn_error err;
    const struct hn_str bytes = {(const char *)data, n};
    if (hn_npy_parse(bytes, "input", &npy, &err) >= 0) fuzz_touch(npy.data, npy.n * npy.item_bytes);
    if (hn_npy_parse_any(bytes, "input", &npy, &err) < 0) return;
    if (hn_npy_array(&npy, "input", &array, &err) < 0) return;
    write_back(&array);
    free(array.data);
}
