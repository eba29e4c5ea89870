/* doors_tool FILE.gguf DIRECTORY: opens the same model through both doors and says what differs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/gguf.h"
#include "model/hf_import.h"

static int n_wrong;

static void wrong(struct hn_str what, const char *why)
{
    printf("%.*s: %s\n", HN_FMT(what), why);
    n_wrong++;
}

/* Equal as a reader sees them: the kind of integer does not matter. */
static bool same_value(const struct hn_meta_kv *a, const struct hn_meta_kv *b)
{
    const bool real = a->type == HN_META_F32 || a->type == HN_META_F64;
    if (real) return (b->type == HN_META_F32 || b->type == HN_META_F64) && a->f == b->f;
    if (a->type == HN_META_STR) return b->type == HN_META_STR && hn_str_eq(a->text, b->text);
    return a->type != HN_META_ARRAY && b->type != HN_META_STR && a->u == b->u;
}

/* Whether the key describes the architecture; the others are a file's own business. */
static bool is_of_model(struct hn_str key)
{
    if (hn_str_is(key, "general.architecture")) return true;
    return !hn_str_starts(key, HN_STR("general.")) && !hn_str_starts(key, HN_STR("tokenizer."));
}

static void compare_meta(const struct hn_meta *gguf, const struct hn_meta *hf)
{
    for (size_t i = 0; i < gguf->n; i++) {
        const struct hn_meta_kv *kv = &gguf->items[i];
        const struct hn_meta_kv *other = hn_meta_find(hf, kv->key);
        if (!is_of_model(kv->key)) continue;
        if (!other) wrong(kv->key, "only in the GGUF file");
        else if (!same_value(kv, other)) wrong(kv->key, "the values differ");
    }
    for (size_t i = 0; i < hf->n; i++)
        if (is_of_model(hf->items[i].key) && !hn_meta_find(gguf, hf->items[i].key))
            wrong(hf->items[i].key, "only in the directory");
}

static void compare_tensor(const struct hn_tensor *a, const struct hn_tensor *b)
{
    if (!b) wrong(a->name, "only in one of them");
    else if (a->type != b->type) wrong(a->name, "the types differ");
    else if (memcmp(a->ne, b->ne, sizeof a->ne) != 0) wrong(a->name, "the shapes differ");
    else if (memcmp(a->data, b->data, a->bytes) != 0) wrong(a->name, "the bytes differ");
}

static void compare_weights(const struct hn_weights *gguf, const struct hn_weights *hf)
{
    for (size_t i = 0; i < gguf->n; i++)
        compare_tensor(&gguf->items[i], hn_weights_find(hf, gguf->items[i].name));
    for (size_t i = 0; i < hf->n; i++)
        if (!hn_weights_find(gguf, hf->items[i].name)) compare_tensor(&hf->items[i], NULL);
}

int main(int argc, char **argv)
{
    struct hn_gguf *gguf = NULL;
    struct hn_gguf *hf = NULL;
    struct hn_error err;
    if (argc != 3) {
        fprintf(stderr, "usage: doors_tool FILE.gguf DIRECTORY\n");
        return EXIT_FAILURE;
    }
    if (hn_gguf_open(argv[1], &gguf, &err) < 0 || hn_hf_open(argv[2], &hf, &err) < 0) {
        printf("%s\n", err.text);
        hn_gguf_close(gguf);
        return EXIT_FAILURE;
    }
    compare_meta(&gguf->meta, &hf->meta);
    compare_weights(&gguf->weights, &hf->weights);
    hn_gguf_close(gguf);
    hn_gguf_close(hf);
    return n_wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}
