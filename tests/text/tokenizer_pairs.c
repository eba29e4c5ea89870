/* Conformance of tokenizers: for every NAME.gguf with NAME.gguf.inp and NAME.gguf.out in a folder, the
 * texts of .inp (separated by lines "__ggml_vocab_test__") must give exactly the ids of .out, one
 * line per text, without special tokens added. Prints each difference; exit status 77 when the folder
 * is not there. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "formats/gguf.h"
#include "model/vocab_load.h"
#include "text/detokenize.h"

enum { FILE_LIMIT = 1 << 24, SKIPPED = 77 };

struct tally {
    unsigned files, texts, failed;
};

static void print_ids(const char *label, struct hn_str ids)
{
    printf("    %s%.*s\n", label, (int)ids.n, ids.p);
}

/* The next part of *rest up to `end`, which is skipped; false when nothing is left. */
static bool next_part(struct hn_str *rest, struct hn_str end, struct hn_str *part)
{
    if (!rest->p) return false;
    const char *at = memmem(rest->p, rest->n, end.p, end.n);
    *part = (struct hn_str){rest->p, at ? (size_t)(at - rest->p) : rest->n};
    *rest = at ? (struct hn_str){at + end.n, rest->n - part->n - end.n} : (struct hn_str){0};
    return true;
}

static bool check_text(const struct hn_tokenizer *tokenizer, struct hn_str text,
                       struct hn_str expected)
{
    struct hn_tokens tokens = {0};
    struct hn_error err = {0};
    struct hn_buf got = {0};
    if (hn_tokenize(tokenizer, text, 0, &tokens, &err) < 0) printf("    %s\n", err.text);
    for (size_t i = 0; i < tokens.n; i++)
        hn_buf_printf(&got, " %d", tokens.ids[i]);
    const bool same = !err.status && hn_str_eq(hn_buf_view(&got), expected);
    if (!same) {
        printf("  '%.*s'\n", (int)text.n, text.p);
        print_ids("expected", expected);
        print_ids("got     ", hn_buf_view(&got));
    }
    hn_tokens_free(&tokens);
    hn_buf_free(&got);
    return same;
}

static void check_pairs(const struct hn_tokenizer *tokenizer, struct hn_str texts,
                        struct hn_str lines, struct tally *tally)
{
    struct hn_str text, line;
    while (next_part(&texts, HN_STR("\n__ggml_vocab_test__\n"), &text)) {
        if (!next_part(&lines, HN_STR("\n"), &line)) {
            printf("  fewer lines of ids than texts\n");
            tally->failed++;
            return;
        }
        /* The end of the last text is the end of the file, after one more separator. */
        if (!texts.p && !text.n && !line.n && !lines.p) return;
        tally->texts++;
        tally->failed += !check_text(tokenizer, text, line);
    }
}

static void check_file(const char *folder, const char *name, struct tally *tally)
{
    struct hn_error err = {0};
    struct hn_gguf *gguf = NULL;
    struct hn_tokenizer *tokenizer = NULL;
    struct hn_buf path = {0}, texts = {0}, lines = {0};
    hn_buf_printf(&path, "%s/%s.inp", folder, name);
    if (hn_file_read(path.p, FILE_LIMIT, &texts, NULL) < 0) goto done; /* no pair */
    memcpy(path.p + path.n - 4, ".out", 4);
    if (hn_file_read(path.p, FILE_LIMIT, &lines, NULL) < 0) goto done;
    path.p[path.n - 4] = '\0';
    tally->files++;
    printf("%s\n", name);
    if (hn_gguf_open(path.p, &gguf, &err) < 0 ||
        hn_tokenizer_load(&gguf->meta, HN_STR(""), &tokenizer, &err) < 0) {
        printf("  %s\n", err.text);
        tally->failed++;
        goto done;
    }
    check_pairs(tokenizer, hn_buf_view(&texts), hn_buf_view(&lines), tally);
done:
    hn_tokenizer_destroy(tokenizer);
    hn_gguf_close(gguf);
    hn_buf_free(&path);
    hn_buf_free(&texts);
    hn_buf_free(&lines);
}

int main(int argc, char **argv)
{
    const char *folder = argc > 1 ? argv[1] : "../shared/data/tokenizers";
    struct dirent **entries;
    const int n = scandir(folder, &entries, NULL, alphasort);
    if (n < 0) {
        printf("skipped: no folder %s\n", folder);
        return SKIPPED;
    }
    struct tally tally = {0};
    for (int i = 0; i < n; i++) {
        if (hn_str_ends(hn_str_from(entries[i]->d_name), HN_STR(".gguf")))
            check_file(folder, entries[i]->d_name, &tally);
        free(entries[i]);
    }
    free(entries);
    printf("%u files, %u texts, %u failures\n", tally.files, tally.texts, tally.failed);
    return tally.failed || !tally.texts ? EXIT_FAILURE : EXIT_SUCCESS;
}
