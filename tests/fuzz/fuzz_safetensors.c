#include "fuzz.h"

#include "formats/safetensors.h"

void fuzz_one(const uint8_t *data, size_t n)
{
    struct hn_safetensors *st;
    struct hn_error err;
    if (hn_safetensors_parse(data, n, "input", &st, &err) < 0) return;
    for (size_t i = 0; i < st->n; i++) {
        const struct hn_st_tensor *t = &st->items[i];
        fuzz_touch(t->data, t->bytes);
        if (hn_safetensors_find(st, t->name) != t) __builtin_trap();
    }
    hn_safetensors_close(st);
}
