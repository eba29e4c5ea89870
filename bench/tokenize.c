/* Speed of a tokenizer over a text file: megabytes per second on one core, best of several runs, and
 * of the worst case, one word that fills the text.
 *
 *     tokenize VOCABULARY.gguf TEXT [RUNS] */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/file.h"
#include "formats/gguf.h"
#include "model/vocab_load.h"

enum { TEXT_LIMIT = 1 << 30, WORST_BYTES = 1 << 20 };

static double best_seconds(const struct hn_tokenizer *tokenizer, struct hn_str text, int runs,
                           size_t *n_tokens)
{
    double best = 1e30;
    for (int run = 0; run < runs; run++) {
        struct hn_tokens tokens = {0};
        struct hn_error err = {0};
        const uint64_t start = hn_clock_ns();
        if (hn_tokenize(tokenizer, text, 0, &tokens, &err) < 0) {
            fprintf(stderr, "tokenize: %s\n", err.text);
            exit(EXIT_FAILURE);
        }
        const double seconds = hn_clock_seconds(start, hn_clock_ns());
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
    struct hn_buf text = {0}, worst = {0};
    const uint64_t start = hn_clock_ns();
    if (hn_gguf_open(argv[1], &gguf, &err) < 0 ||
        hn_tokenizer_load(&gguf->meta, gguf->folder, &tokenizer, &err) < 0 ||
        hn_file_read(argv[2], TEXT_LIMIT, &text, &err) < 0) {
        fprintf(stderr, "tokenize: %s\n", err.text);
        return EXIT_FAILURE;
    }
    printf("loaded in %.3f s\n", hn_clock_seconds(start, hn_clock_ns()));
    report("text", tokenizer, hn_buf_view(&text), runs);
    for (size_t i = 0; i < WORST_BYTES; i++)
        hn_buf_char(&worst, (char)('a' + (i * i / 7 + i) % 26));
    report("one word", tokenizer, hn_buf_view(&worst), runs);
    hn_buf_clear(&worst);
    for (size_t i = 0; i < WORST_BYTES; i++)
        hn_buf_char(&worst, 'a');
    report("one letter", tokenizer, hn_buf_view(&worst), runs);
    hn_buf_clear(&worst);
    for (size_t i = 0; i < WORST_BYTES; i++)
        hn_buf_char(&worst, ' ');
    hn_buf_char(&worst, 'x');
    report("one space", tokenizer, hn_buf_view(&worst), runs);
    hn_tokenizer_destroy(tokenizer);
    hn_gguf_close(gguf);
    hn_buf_free(&text);
    hn_buf_free(&worst);
    return EXIT_SUCCESS;
}
