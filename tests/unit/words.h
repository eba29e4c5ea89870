/* A vocabulary for tests of grammars: every byte, and words of several bytes, some of them long, some
 * the same, some that end inside a character. */
#ifndef HN_TESTS_WORDS_H
#define HN_TESTS_WORDS_H

#include "base/bits.h"
#include "text/grammar_mask.h"
#include "text/tokenizer.h"
#include "unit.h"

enum { WORDS_MAX = 2000, WORDS_EOS = 2, WORDS_CONTROL = 3, WORDS_BYTE = 4 };

/* A small generator: the tests must be the same everywhere. */
static inline uint32_t words_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

static inline struct hn_tokenizer *words_tokenizer(uint64_t seed)
{
    static const char *const pieces[] = {
        "\"",
        "\",",
        "\":",
        "\": ",
        "\"}",
        "{\"",
        "{",
        "}",
        "[",
        "]",
        "],",
        "[\"",
        "\"]",
        ",",
        ", ",
        ",\"",
        "\\",
        "\\n",
        "\\\"",
        "\\u00",
        "0",
        "1",
        "12",
        "0.5",
        "-1",
        "e+",
        "true",
        "false",
        "null",
        "tr",
        "ue",
        " ",
        "  ",
        "\n",
        "\n  ",
        "a",
        "ab",
        "abc",
        "b",
        "c",
        "name",
        "id",
        "\"name\": \"",
        "\"}}]",
        "x",
        "yz",
        "\xC3\xA9",
        "\xC3",
        "\xE2\x82",
        "\xAC",
        "\xF0\x9F\x98",
        "\x80",
        "caf\xC3\xA9 ",
        "2024-",
        "-02-",
        "T1",
        ":30",
        "Z\"",
        "@",
        ".com",
        "127.",
        "foo",
        "bar",
        "aaaaaaaaaaaaaaaa",
        "aaaaaaaaaaaaaaaaaaaaaaaaa",
        "                    ",
        "\"}\n",
        "})",
        "()",
        "(",
        ")",
        "+",
        "*",
        "=",
        ";",
        "--",
        "ba",
        "bab",
        "aba",
        "\r\n",
        "\t",
    };
    static char bytes[256][8], made[WORDS_MAX][64];
    static struct hn_str texts[WORDS_MAX];
    static uint8_t types[WORDS_MAX];
    size_t n = WORDS_BYTE;
    texts[0] = HN_STR("<unk>");
    texts[1] = HN_STR("<s>");
    texts[WORDS_EOS] = HN_STR("</s>");
    texts[WORDS_CONTROL] = HN_STR("{\"a\"");
    memset(types, HN_TOKEN_NORMAL, sizeof types);
    types[0] = HN_TOKEN_UNKNOWN;
    types[1] = types[WORDS_EOS] = types[WORDS_CONTROL] = HN_TOKEN_CONTROL;
    for (size_t i = 0; i < 256; i++, n++) {
        snprintf(bytes[i], sizeof bytes[i], "<0x%02X>", (unsigned)i);
        texts[n] = hn_str_from(bytes[i]);
        types[n] = HN_TOKEN_BYTE;
    }
    for (size_t i = 0; i < HN_COUNT(pieces); i++)
        texts[n++] = hn_str_from(pieces[i]);
    while (n < WORDS_MAX) {
        char *word = made[n];
        *word = '\0';
        for (unsigned parts = 1 + words_random(&seed) % 4; parts--;) {
            const char *piece = pieces[words_random(&seed) % HN_COUNT(pieces)];
            if (strlen(word) + strlen(piece) < sizeof made[n]) strcat(word, piece);
        }
        texts[n++] = hn_str_from(word);
    }
    struct hn_vocab_spec spec = hn_vocab_spec_init(HN_VOCAB_SPM);
    struct hn_tokenizer *tokenizer = NULL;
    struct hn_error err = {.text = ""};
    spec.n = n;
    spec.texts = texts;
    spec.types = types;
    spec.unk = 0;
    spec.bos = 1;
    spec.eos = WORDS_EOS;
    ck_assert_msg(hn_tokenizer_create(&spec, &tokenizer, &err) == HN_OK, "%s", err.text);
    return tokenizer;
}

/* The fixture of a test: the vocabulary, and a masker for it. */
static struct hn_tokenizer *tokenizer;
static struct hn_masker *masker;

static void words_start(void)
{
    struct hn_error err = {.text = ""};
    tokenizer = words_tokenizer(1);
    ck_assert_msg(hn_masker_create(tokenizer, HN_MASKER_MEMORY, &masker, &err) == HN_OK, "%s",
                  err.text);
}

static void words_stop(void)
{
    hn_masker_destroy(masker);
    hn_tokenizer_destroy(tokenizer);
}

#endif
