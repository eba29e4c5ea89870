/* Stands in for libFuzzer: runs the files given, and those in the folders given, once whole and then
 * once for every allocation they make, with that one failing. */
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/bits.h"
#include "base/file.h"
#include "faults.h"
#include "fuzz.h"

enum { REPLAY_MAX_BYTES = 1 << 24, REPLAY_MAX_FAULTS = 300 };

/* An input without room behind it, so that a sanitizer sees the first byte read past its end. */
static bool run_file(const char *path)
{
    struct hn_buf text = {0};
    struct hn_error err = {0};
    if (hn_file_read(path, REPLAY_MAX_BYTES, &text, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        hn_buf_free(&text);
        return false;
    }
    uint8_t *exact = malloc(hn_max(text.n, 1));
    if (!exact) abort();
    memcpy(exact, text.p, text.n);
    LLVMFuzzerTestOneInput(exact, text.n);
    faults_start(0);
    fuzz_one(exact, text.n);
    const size_t allocations = faults_stop();
    const size_t step = hn_div_up(allocations, REPLAY_MAX_FAULTS);
    for (size_t at = 1; at <= allocations; at += step) {
        faults_start(at);
        fuzz_one(exact, text.n);
        faults_stop();
    }
    free(exact);
    hn_buf_free(&text);
    return true;
}

static bool run_path(const char *path, size_t *n_passed, size_t *n_failed)
{
    struct stat st;
    if (stat(path, &st) < 0) return false;
    if (!S_ISDIR(st.st_mode)) {
        const bool passed = run_file(path);
        ++*(passed ? n_passed : n_failed);
        return true;
    }
    DIR *folder = opendir(path);
    if (!folder) return false;
    bool found = true;
    for (const struct dirent *entry; found && (entry = readdir(folder));) {
        char inner[4096];
        if (entry->d_name[0] == '.') continue;
        snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
        found = run_path(inner, n_passed, n_failed);
    }
    closedir(folder);
    return found;
}

int main(int argc, char **argv)
{
    size_t n_passed = 0;
    size_t n_failed = 0;
    for (int i = 1; i < argc; i++)
        if (!run_path(argv[i], &n_passed, &n_failed)) {
            fprintf(stderr, "%s: cannot read\n", argv[i]);
            n_failed++;
        }
    printf("%zu passed, %zu failed\n", n_passed, n_failed);
    return n_failed || !n_passed ? EXIT_FAILURE : EXIT_SUCCESS;
}
