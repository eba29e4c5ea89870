/* The prompt of `hence run`: from the words, files and streams it may come in to token ids. */
#ifndef HN_CLI_PROMPT_H
#define HN_CLI_PROMPT_H

#include "base/str.h"
#include "text/tokenizer.h"

/* Where a prompt may stand; the first that is not NULL counts, standard input is last. */
struct hn_prompt_source {
    const char *text; /* the prompt itself */
    const char *file; /* its path; "-" is standard input */
};

/* Reads the prompt's text. HN_E_ARG when there is none and standard input is a terminal. */
enum hn_status hn_prompt_read(const struct hn_prompt_source *source, struct hn_buf *out,
                              struct hn_error *err);

/* Reads token ids from a NumPy array of integers, one dimension or (1, n). */
enum hn_status hn_prompt_read_ids(const char *path, struct hn_tokens *out, struct hn_error *err);

#endif
