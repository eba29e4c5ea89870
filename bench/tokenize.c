/* Speed of a tokenizer over a text file: megabytes per second on one core, best of several runs, and
 * of the worst cases, one word that fills the text.
 *
 *     tokenize VOCABULARY.gguf TEXT [RUNS] */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/bits.h"
#include "base/file.h"
#include "formats/gguf.h"
#include "model/vocab_load.h"

enum { TEXT_LIMIT = 1 << 30, WORST_BYTES = 1 << 20 };

/* Processor time of this thread: what else runs on the machine costs caches, and no more. */
static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static double best_seconds(const struct hn_tokenizer *tokenizer, struct hn_str text, int runs,
                           size_t *n_tokens)
{
    double best = 1e30;
    for (int run = 0; run < runs; run++) {
        struct hn_tokens tokens = {0};
        struct hn_error err = {0};
        const double start = cpu_seconds();
        if (hn_tokenize(tokenizer, text, 0, &tokens, &err) < 0) {
            fprintf(stderr, "tokenize: %s\n", err.text);
            exit(EXIT_FAILURE);
        }
        const double seconds = cpu_seconds() - start;
        if (seconds < best) best = seconds;
        *n_tokens = tokens.n;
        hn_tokens_free(&tokens);
    }
    return best;
}

static void report(const char *label, const struct hn_tokenizer *tokenizer, struct hn_str text,
                   int runs)
{
    size_t n_tokens;
    const double seconds = best_seconds(tokenizer, text, runs, &n_tokens);
    printf("%-12s %10zu bytes %10zu tokens %9.4f s %8.1f MB/s\n", label, text.n, n_tokens, seconds,
           (double)text.n / seconds * 1e-6);
}

/* One "word" of many characters: what takes quadratic time where something is done badly. */
static const struct worst_case {
    const char *label;
    const char *units; /* the text is made of these characters, drawn at random */
    size_t unit;       /* bytes of each */
    const char *end;
} worst_cases[] = {
    {"letters", "abcdefghijklmnopqrstuvwxyz", 1, ""},
    {"one letter", "a", 1, ""},
    {"capitals", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", 1, ""},
    {"digits", "0123456789", 1, "x"},
    {"spaces", " ", 1, "x"},
    {"line feeds", "\n", 1, "x"},
    {"blanks", " \t\r\n", 1, "x"},
    {"punctuation", "!#$%&*+,-./:;<=>?@^_|~", 1, ""},
    {"cyrillic", "\u0430\u0431\u0432\u0433\u0434\u0435\u0436\u0437", 2, ""},
    {"han", "\u4e00\u4e8c\u4e09\u56db\u4e94\u516d\u4e03\u516b", 3, ""},
    {"marks", "\u0301\u0323", 2, ""},
    {"emoji", "\U0001F600\U0001F601\U0001F602", 4, ""},
};

static void report_worst(const struct worst_case *worst, const struct hn_tokenizer *tokenizer,
                         int runs)
{
    struct hn_buf text = {0};
    const size_t n_units = strlen(worst->units) / worst->unit;
    uint32_t state = 1;
    while (text.n < WORST_BYTES) {
        state = state * 1664525u + 1013904223u;
        const char *unit = worst->units + (state >> 16) % n_units * worst->unit;
        if (hn_buf_str(&text, (struct hn_str){unit, worst->unit}) < 0) abort();
    }
    hn_buf_str(&text, hn_str_from(worst->end));
    report(worst->label, tokenizer, hn_buf_view(&text), runs);
    hn_buf_free(&text);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: tokenize VOCABULARY.gguf TEXT [RUNS]\n");
        return EXIT_FAILURE;
    }
    const int runs = argc > 3 ? atoi(argv[3]) : 5;
    struct hn_error err = {0};
    struct hn_gguf *gguf = NULL;
    struct hn_tokenizer *tokenizer = NULL;
    struct hn_buf text = {0};
    const double start = cpu_seconds();
    if (hn_gguf_open(argv[1], &gguf, &err) < 0 ||
        hn_tokenizer_load(&gguf->meta, gguf->folder, &tokenizer, &err) < 0 ||
        hn_file_read(argv[2], TEXT_LIMIT, &text, &err) < 0) {
        fprintf(stderr, "tokenize: %s\n", err.text);
        return EXIT_FAILURE;
    }
    printf("loaded in %.3f s\n", cpu_seconds() - start);
    report("text", tokenizer, hn_buf_view(&text), runs);
    for (size_t i = 0; i < HN_COUNT(worst_cases); i++)
        report_worst(&worst_cases[i], tokenizer, runs);
    hn_tokenizer_destroy(tokenizer);
    hn_gguf_close(gguf);
    hn_buf_free(&text);
    return EXIT_SUCCESS;
}
