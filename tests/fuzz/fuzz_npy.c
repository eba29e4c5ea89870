#include "fuzz.h"

#include "formats/npy.h"

void fuzz_one(const uint8_t *data, size_t n)
{
    struct hn_npy array;
    struct hn_error err;
    if (hn_npy_parse((struct hn_str){(const char *)data, n}, "input", &array, &err) < 0) return;
    fuzz_touch(array.data, array.n * array.item_bytes);
    /* What was read can be written; the header that comes out says the same. */
    const char descr[] = {'<', array.kind, (char)('0' + array.item_bytes), 0};
    struct hn_buf out = {0};
    struct hn_npy again;
    if (hn_npy_header(&out, descr, array.shape, array.n_dims) == HN_OK &&
        hn_buf_add(&out, array.data, array.n * array.item_bytes) == HN_OK) {
        if (hn_npy_parse(hn_buf_view(&out), "output", &again, &err) < 0) __builtin_trap();
        if (again.n != array.n || again.kind != array.kind) __builtin_trap();
    }
    hn_buf_free(&out);
}
