#include "fuzz.h"

#include "formats/gguf.h"

static void touch_array(const struct hn_meta_array *array)
{
    if (array->type != HN_META_STR)
        fuzz_touch(array->data, array->n * hn_meta_type_bytes(array->type));
    else
        for (size_t i = 0; i < array->n; i++)
            fuzz_touch(array->texts[i].p, array->texts[i].n);
}

void fuzz_one(const uint8_t *data, size_t n)
{
    struct hn_gguf *g;
    struct hn_error err;
    if (hn_gguf_parse(data, n, "input", &g, &err) < 0) return;
    for (size_t i = 0; i < g->meta.n; i++) {
        const struct hn_meta_kv *kv = &g->meta.items[i];
        fuzz_touch(kv->key.p, kv->key.n);
        if (kv->type == HN_META_STR) fuzz_touch(kv->text.p, kv->text.n);
        if (kv->type == HN_META_ARRAY) touch_array(&kv->array);
        if (hn_meta_find(&g->meta, kv->key) != kv) __builtin_trap();
    }
    for (size_t i = 0; i < g->weights.n; i++)
        fuzz_touch(g->weights.items[i].data, g->weights.items[i].bytes);
    hn_gguf_close(g);
}
