#include "tensor/array.h"

#include <stdio.h>

static const struct hn_element_info infos[] = {
#define X(name, text, onnx, bytes, descr) {text, onnx, bytes, descr},
#include "tensor/element.def"
#undef X
};

_Static_assert(sizeof(struct hn_str) == 16, "element.def says how large a string is");

const struct hn_element_info *hn_element_info(enum hn_element type)
{
    return &infos[type];
}

bool hn_element_from_onnx(int64_t number, enum hn_element *out)
{
    for (int i = 0; i < HN_ELEMENTS; i++) {
        if (infos[i].onnx != number) continue;
        *out = (enum hn_element)i;
        return true;
    }
    return false;
}

bool hn_shape_count(const size_t *shape, size_t n_dims, size_t bytes, size_t *out)
{
    size_t n = 1;
    for (size_t i = 0; i < n_dims; i++)
        if (shape[i] == 0) return *out = 0, true;
    for (size_t i = 0; i < n_dims; i++)
        if (__builtin_mul_overflow(n, shape[i], &n)) return false;
    size_t all;
    if (__builtin_mul_overflow(n, bytes, &all) || all > PTRDIFF_MAX) return false;
    *out = n;
    return true;
}

const char *hn_shape_text(const size_t *shape, size_t n_dims, char *text, size_t room)
{
    int at = snprintf(text, room, "[");
    for (size_t i = 0; i < n_dims && (size_t)at < room; i++)
        at += snprintf(text + at, room - (size_t)at, i ? ", %zu" : "%zu", shape[i]);
    if ((size_t)at < room) (void)snprintf(text + at, room - (size_t)at, "]");
    return text;
}
