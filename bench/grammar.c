/* Time of one token under a grammar: its mask and its acceptance, in microseconds, over texts drawn at
 * random. Cold: the masker knows nothing of the grammar; warm: it has seen such texts before.
 *
 *     grammar VOCABULARY.gguf... */
#include <stdio.h>
#include <stdlib.h>

#include "base/bits.h"
#include "base/clock.h"
#include "base/rng.h"
#include "formats/gguf.h"
#include "model/vocab_load.h"
#include "text/grammar_mask.h"

enum { TOKENS = 2000, STEP_US = 5000 };

static const struct {
    const char *name, *schema;
} cases[] = {
    {"any object", "{\"type\": \"object\"}"},
    {"a tool's arguments", "{\"type\": \"object\", \"properties\": {\"location\": {\"type\": "
                           "\"string\"}, \"unit\": {\"enum\": "
                           "[\"celsius\", \"fahrenheit\"]}, \"days\": {\"type\": \"integer\", "
                           "\"minimum\": 1, \"maximum\": 14}, "
                           "\"tags\": {\"type\": \"array\", \"items\": {\"type\": \"string\"}}}, "
                           "\"required\": [\"location\", "
                           "\"tags\"], \"additionalProperties\": false}"},
    {"strings of up to 500", "{\"type\": \"array\", \"items\": {\"type\": \"string\", "
                             "\"minLength\": 20, \"maxLength\": 500}}"},
    {"strings under patterns",
     "{\"type\": \"array\", \"items\": {\"anyOf\": [{\"type\": \"string\", \"pattern\": "
     "\"^[A-Za-z ,.]{10,200}$\"}, {\"type\": \"string\", \"format\": \"date-time\"}, {\"type\": "
     "\"string\", "
     "\"format\": \"email\"}]}}"},
    {"a recursive schema", "{\"type\": \"object\", \"properties\": {\"label\": {\"type\": "
                           "\"string\"}, \"price\": {\"type\": "
                           "\"number\", \"minimum\": 0}, \"children\": {\"type\": \"array\", "
                           "\"items\": {\"$ref\": \"#\"}}}, "
                           "\"required\": [\"label\", \"children\"]}"},
};

struct bench {
    struct hn_tokenizer *tokenizer;
    struct hn_masker *masker;
    uint64_t counter;
    uint32_t times[TOKENS]; /* nanoseconds */
};

static void fail(const struct hn_error *err)
{
    fprintf(stderr, "grammar: %s\n", err->text);
    exit(EXIT_FAILURE);
}

/* One of the allowed tokens, the end of the text only where nothing else is left. -1: the end. */
static int32_t draw(struct bench *b, const uint32_t *mask)
{
    uint32_t random[4];
    const size_t n = hn_tokenizer_size(b->tokenizer);
    hn_philox(1, b->counter++, 0, random);
    for (size_t i = 0, at = random[0] % n; i < n; i++, at = at + 1 == n ? 0 : at + 1)
        if (mask[at / 32] >> (at % 32) & 1 && !hn_tokenizer_is_eog(b->tokenizer, (int32_t)at))
            return (int32_t)at;
    return -1;
}

static int by_time(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void measure(struct bench *b, struct hn_grammar *g, const char *name, const char *state)
{
    struct hn_matcher *m = NULL;
    struct hn_error err = {.text = ""};
    uint64_t sum = 0;
    for (size_t i = 0; i < TOKENS; i++) {
        const uint32_t *mask;
        if (!m && hn_matcher_create(g, &m, &err) < 0) fail(&err);
        const uint64_t start = hn_clock_ns();
        if (hn_matcher_mask(m, b->masker, &mask, &err) < 0) fail(&err);
        const uint64_t masked = hn_clock_ns();
        const int32_t id = draw(b, mask);
        const uint64_t drawn = hn_clock_ns();
        if (id >= 0 && hn_matcher_accept(m, b->masker, id, &err) < 0) fail(&err);
        b->times[i] = (uint32_t)(masked - start + hn_clock_ns() - drawn);
        sum += b->times[i];
        if (id >= 0 && i % 100 < 99) continue;
        hn_matcher_destroy(m);
        m = NULL;
    }
    hn_matcher_destroy(m);
    qsort(b->times, TOKENS, sizeof *b->times, by_time);
    const double mean = (double)sum / TOKENS * 1e-3;
    printf(
        "  %-24s %-5s mean %7.1f us (%4.1f%% of a step of %d ms)  median %6.1f  99%% %7.1f  most "
        "%8.1f\n",
        name, state, mean, mean / STEP_US * 100, STEP_US / 1000, b->times[TOKENS / 2] * 1e-3,
        b->times[TOKENS * 99 / 100] * 1e-3, b->times[TOKENS - 1] * 1e-3);
}

static void measure_all(struct bench *b, const char *path)
{
    struct hn_error err = {.text = ""};
    const uint64_t start = hn_clock_ns();
    if (hn_masker_create(b->tokenizer, HN_MASKER_MEMORY, &b->masker, &err) < 0) fail(&err);
    printf("%s: %zu tokens, %.1f ms to put them into a tree\n", path,
           hn_tokenizer_size(b->tokenizer), (double)(hn_clock_ns() - start) * 1e-6);
    for (size_t i = 0; i < HN_COUNT(cases); i++) {
        json_t *schema;
        struct hn_grammar *g;
        if (hn_json_parse(hn_str_from(cases[i].schema), "schema", &schema, &err) < 0) fail(&err);
        const uint64_t compile = hn_clock_ns();
        if (hn_grammar_json_schema(schema, &g, &err) < 0) fail(&err);
        printf("  %-24s compiled in %.2f ms, %zu states\n", cases[i].name,
               (double)(hn_clock_ns() - compile) * 1e-6, hn_grammar_states(g));
        measure(b, g, cases[i].name, "cold");
        measure(b, g, cases[i].name, "warm");
        hn_grammar_release(g);
        json_decref(schema);
    }
    hn_masker_destroy(b->masker);
}

int main(int argc, char **argv)
{
    static struct bench b;
    struct hn_error err = {.text = ""};
    for (int i = 1; i < argc; i++) {
        struct hn_gguf *file;
        if (hn_gguf_open(argv[i], &file, &err) < 0) fail(&err);
        if (hn_tokenizer_load(&file->meta, (struct hn_str){0}, &b.tokenizer, &err) < 0) fail(&err);
        hn_gguf_close(file);
        measure_all(&b, argv[i]);
        hn_tokenizer_destroy(b.tokenizer);
    }
    return EXIT_SUCCESS;
}
