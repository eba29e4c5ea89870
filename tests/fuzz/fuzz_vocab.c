/* The vocabulary in a GGUF file's metadata; the text is the metadata's own. */
#include "fuzz.h"

#include "formats/gguf.h"
#include "model/vocab_load.h"
#include "tokenizing.h"

void fuzz_one(const uint8_t *data, size_t n)
{
    struct hn_gguf *g;
    struct hn_tokenizer *tokenizer;
    struct hn_error err;
    if (hn_gguf_parse(data, n, "input", &g, &err) < 0) return;
    struct hn_str text = {(const char *)data, n};
    hn_meta_text(&g->meta, HN_STR("text"), &text, NULL);
    if (hn_tokenizer_load(&g->meta, (struct hn_str){0}, &tokenizer, &err) >= 0) {
        fuzz_tokenizing(tokenizer, text);
        hn_tokenizer_destroy(tokenizer);
    }
    hn_gguf_close(g);
}
