/* Options: a table per command that gives parsing, range checks, and the text of --help. */
#ifndef HN_CLI_OPTIONS_H
#define HN_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

/* Exit statuses besides EXIT_SUCCESS and EXIT_FAILURE. */
enum { HN_EXIT_USAGE = 2, HN_EXIT_INTERRUPTED = 130 };

/* What a value is, and the type of the field it is put into. */
enum hn_opt_kind {
    HN_OPT_FLAG, /* bool, set to true; takes no value */
    HN_OPT_TEXT, /* const char *, a view of argv */
    HN_OPT_SIZE, /* size_t in [min, max] */
    HN_OPT_INT,  /* int32_t in [min, max] */
    HN_OPT_SEED, /* uint64_t, any */
    HN_OPT_REAL, /* float in [min, max] */
    HN_OPT_CALL, /* anything: `take` reads it; may come several times */
};

struct hn_opt {
    const char *name; /* without the dashes */
    char letter;      /* 0: there is no short form */
    const char *arg;  /* what --help calls the value; NULL for flags */
    enum hn_opt_kind kind;
    size_t at; /* offset of the field in the struct of the group */
    double min, max;
    /* Reads a value into the field; the text of an error follows "--name VALUE: ". */
    enum hn_status (*take)(void *field, const char *text, struct hn_error *err);
    const char *help; /* is wrapped; '\n' begins a new line */
};

/* Options that belong together; several commands may share a group. */
struct hn_opt_group {
    const char *heading; /* "Sampling" */
    const struct hn_opt *items;
    size_t n;
    size_t at; /* offset of the group's struct in the command's */
};

struct hn_cli_spec {
    const char *name;     /* the command's */
    const char *operands; /* as --help shows them, or "" */
    size_t min_operands, max_operands;
    const char *about; /* what it does, above the options */
    const struct hn_opt_group *groups;
    size_t n_groups;
    const char *more; /* below the options: tables, examples */
};

struct hn_operands {
    char **words;
    size_t n;
};

/* Puts the words behind argv[0] into *out, which holds the defaults. False: the command is over and
 * *status is the program's: --help was printed, or an error that says what is wrong. */
bool hn_cli_parse(const struct hn_cli_spec *spec, int argc, char **argv, void *out,
                  struct hn_operands *operands, int *status);

/* Sets the option called `name` of a table by a text, which must outlive its field, as the command
 * line would; flags take "on" and "off". HN_E_ARG says what is wrong. */
enum hn_status hn_opt_set(const struct hn_opt *items, size_t n, void *fields, const char *name,
                          const char *text, struct hn_error *err);

/* "hence NAME: text; hence NAME --help explains", on standard error. Returns HN_EXIT_USAGE. */
int hn_cli_wrong(const struct hn_cli_spec *spec, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Ends a command: tells of a failure on standard error and returns the program's exit status. */
int hn_cli_end(const struct hn_cli_spec *spec, enum hn_status status, const struct hn_error *err);

/* The name that `word` may have meant; NULL when none is near. */
const char *hn_cli_nearest(const char *word, const char *const *names, size_t n);

#endif
