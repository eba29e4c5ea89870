#include "following.h"

#include <stdio.h>

#include "faults.h"
#include "text/grammar_mask.h"

enum { EOS = 1, FIRST_BYTE = 2, TOKENS = 300, MOST = 48 };

static struct hn_tokenizer *make_tokenizer(void)
{
    static const char *const words[] = {"\"",       "\":",      "\",",
                                        "{\"",      "\"}",      "[[",
                                        "]]",       "ab",       "aaaaaaaaaaaaaaaaaaaaa",
                                        "12",       ".5",       "e-",
                                        "true",     "null",     "\\u00",
                                        "\xC3\xA9", "\xE2\x82", "\n  "};
    static char bytes[256][8];
    static struct hn_str texts[TOKENS];
    static uint8_t types[TOKENS];
    struct hn_vocab_spec spec = hn_vocab_spec_init(HN_VOCAB_SPM);
    struct hn_tokenizer *tokenizer = NULL;
    texts[0] = HN_STR("<unk>");
    texts[EOS] = HN_STR("</s>");
    types[0] = HN_TOKEN_UNKNOWN;
    types[EOS] = HN_TOKEN_CONTROL;
    size_t n = FIRST_BYTE;
    for (int i = 0; i < 256; i++, n++) {
        snprintf(bytes[i], sizeof bytes[i], "<0x%02X>", (unsigned)i);
        texts[n] = hn_str_from(bytes[i]);
        types[n] = HN_TOKEN_BYTE;
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++, n++) {
        texts[n] = hn_str_from(words[i]);
        types[n] = HN_TOKEN_NORMAL;
    }
    spec.n = n;
    spec.texts = texts;
    spec.types = types;
    spec.unk = 0;
    spec.eos = EOS;
    return hn_tokenizer_create(&spec, &tokenizer, NULL) < 0 ? NULL : tokenizer;
}

static void follow(struct hn_tokenizer *tokenizer, struct hn_masker *masker, struct hn_matcher *m,
                   struct hn_str bytes)
{
    for (size_t i = 0; i < MOST; i++) {
        const uint32_t *mask;
        if (hn_matcher_mask(m, masker, &mask, NULL) < 0) return;
        const size_t n = hn_tokenizer_size(tokenizer);
        size_t at = bytes.n ? (unsigned char)bytes.p[i % bytes.n] * 7u % n : 0, tried = 0;
        while (tried < n && !(mask[at / 32] >> (at % 32) & 1)) {
            at = (at + 1) % n;
            tried++;
        }
        if (tried == n) __builtin_trap();
        const enum hn_status status = hn_matcher_accept(m, masker, (int32_t)at, NULL);
        if (status < 0 && status != HN_E_LIMIT) __builtin_trap();
        if (status < 0 || at == EOS) return;
    }
}

void fuzz_follow(struct hn_grammar *grammar, struct hn_str bytes)
{
    struct hn_tokenizer *tokenizer = make_tokenizer();
    struct hn_masker *masker = NULL;
    struct hn_matcher *matcher = NULL;
    if (tokenizer && hn_masker_create(tokenizer, 1 << 20, &masker, NULL) >= 0 &&
        hn_matcher_create(grammar, &matcher, NULL) >= 0)
        follow(tokenizer, masker, matcher, bytes);
    hn_matcher_destroy(matcher);
    hn_masker_destroy(masker);
    hn_tokenizer_destroy(tokenizer);
    hn_grammar_release(grammar);
}
