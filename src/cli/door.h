/* Which model a command works on, and opening it. */
#ifndef HN_CLI_DOOR_H
#define HN_CLI_DOOR_H

#include "base/status.h"
#include "cli/options.h"
#include "formats/gguf.h"
#include "text/json_write.h"
#include "text/tokenizer.h"

/* The option -m, in any command's table; `field` is a const char *. */
#define HN_OPT_MODEL(type, field)                                                                  \
    {                                                                                              \
        "model", 'm', "PATH", HN_OPT_TEXT, offsetof(type, field),                                  \
            .help = "GGUF file (any part of a split one) or Hugging Face directory"                \
    }

/* The path itself, or that of the starter model, kept in `starter`, when it is NULL, saying so on
 * standard error. */
enum hn_status hn_door_path(const char *path, struct hn_buf *starter, const char **out,
                            struct hn_error *err);

/* Opens the model at `path`, or the starter model when that is NULL, saying so on standard error. */
enum hn_status hn_door_open(const char *path, struct hn_gguf **out, struct hn_error *err);

/* The tokenizer of an opened model; `path` is for errors. */
enum hn_status hn_door_tokenizer(const struct hn_gguf *file, const char *path,
                                 struct hn_tokenizer **out, struct hn_error *err);

/* Prints a finished document and a newline on standard output, and frees it. HN_E_NOMEM when a part of
 * it could not be kept. */
enum hn_status hn_door_print(struct hn_json_writer *w, struct hn_error *err);

#endif
