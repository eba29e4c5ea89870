/* tokenizer.json, or what is no JSON as a vocab.txt, tokenizer_config.json and a text. */
#include "fuzz.h"

#include "text/tokenizer_json.h"
#include "tokenizing.h"

void fuzz_one(const uint8_t *data, size_t n)
{
    struct hn_str parts[3];
    struct hn_arena arena = {0};
    struct hn_vocab_spec spec;
    struct hn_tokenizer *tokenizer = NULL;
    struct hn_error err;
    fuzz_split((struct hn_str){(const char *)data, n}, parts, 3);
    const bool lines = !hn_str_starts(parts[0], HN_STR("{"));
    enum hn_status status =
        (lines ? hn_vocab_from_lines : hn_vocab_from_json)(parts[0], parts[1], &arena, &spec, &err);
    if (status >= 0) status = hn_tokenizer_create(&spec, &tokenizer, &err);
    hn_arena_free(&arena); /* the tokenizer keeps nothing of it */
    if (status >= 0) fuzz_tokenizing(tokenizer, parts[2]);
    hn_tokenizer_destroy(tokenizer);
}
