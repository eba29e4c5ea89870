#include "cli/options.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "cli/interrupt.h"

enum {
    MAX_OPTIONS = 64,
    FIRST_LONG = 256, /* what getopt returns for an option: its letter, or this plus its index */
    TEXT_COLUMN = 28,
    COLUMNS = 80,
};

/* The options of all groups as getopt wants them. */
struct table {
    const struct hn_opt *opts[MAX_OPTIONS];
    size_t field[MAX_OPTIONS]; /* offsets in the command's struct */
    size_t n;
    struct option names[MAX_OPTIONS + 2];
    char letters[3 * MAX_OPTIONS + 4];
};

static const struct hn_opt help_option = {.name = "help", .letter = 'h', .help = "this text"};

static int code_of(const struct table *table, size_t i)
{
    return table->opts[i]->letter ? table->opts[i]->letter : FIRST_LONG + (int)i;
}

static void add_option(struct table *table, const struct hn_opt *opt, size_t field)
{
    assert(table->n < MAX_OPTIONS);
    for (size_t i = 0; i < table->n; i++)
        assert(strcmp(table->opts[i]->name, opt->name) &&
               (!opt->letter || table->opts[i]->letter != opt->letter));
    const size_t i = table->n++;
    table->opts[i] = opt;
    table->field[i] = field;
    table->names[i] = (struct option){opt->name, opt->arg ? required_argument : no_argument, NULL,
                                      code_of(table, i)};
    if (!opt->letter) return;
    char *end = strchr(table->letters, '\0');
    *end++ = opt->letter;
    if (opt->arg) *end = ':';
}

static void fill_table(struct table *table, const struct hn_cli_spec *spec)
{
    *table = (struct table){.letters = ":"}; /* ':' first: a missing value is told apart */
    for (size_t g = 0; g < spec->n_groups; g++)
        for (size_t i = 0; i < spec->groups[g].n; i++)
            add_option(table, &spec->groups[g].items[i],
                       spec->groups[g].at + spec->groups[g].items[i].at);
    add_option(table, &help_option, 0);
}

/* Prints `text` from column TEXT_COLUMN on, broken between words. */
static void print_wrapped(const char *text)
{
    size_t column = TEXT_COLUMN;
    for (const char *word = text; *word;) {
        const size_t n = strcspn(word, " \n");
        if (column > TEXT_COLUMN && column + 1 + n > COLUMNS) {
            printf("\n%*s", TEXT_COLUMN, "");
            column = TEXT_COLUMN;
        }
        if (column > TEXT_COLUMN) column += (size_t)printf(" ");
        column += (size_t)printf("%.*s", (int)n, word);
        word += n;
        if (*word == '\n') {
            printf("\n%*s", TEXT_COLUMN, "");
            column = TEXT_COLUMN;
        }
        word += *word != '\0';
    }
    putchar('\n');
}

static void print_option(const struct hn_opt *opt)
{
    const char letter[] = {'-', opt->letter, ',', '\0'};
    int n = printf("  %3s --%s%s%s", opt->letter ? letter : "", opt->name, opt->arg ? " " : "",
                   opt->arg ? opt->arg : "");
    if (n > TEXT_COLUMN - 2) {
        putchar('\n');
        n = 0;
    }
    printf("%*s", TEXT_COLUMN - n, "");
    print_wrapped(opt->help);
}

static void print_usage(FILE *f, const struct hn_cli_spec *spec)
{
    fprintf(f, "usage: hence %s [OPTIONS]%s%s\n", spec->name, spec->operands[0] ? " " : "",
            spec->operands);
}

static void print_help(const struct hn_cli_spec *spec)
{
    print_usage(stdout, spec);
    printf("\n%s\n", spec->about);
    for (size_t g = 0; g < spec->n_groups; g++) {
        printf("\n%s:\n", spec->groups[g].heading);
        for (size_t i = 0; i < spec->groups[g].n; i++)
            print_option(&spec->groups[g].items[i]);
    }
    print_option(&help_option);
    if (spec->more) printf("\n%s\n", spec->more);
}

static enum hn_status take_size(const struct hn_opt *opt, size_t *field, const char *text,
                                struct hn_error *err)
{
    char *end;
    errno = 0;
    const unsigned long long n = strtoull(text, &end, 10);
    if (end == text || *end || errno || text[strspn(text, " \t")] == '-' || (double)n < opt->min ||
        (double)n > opt->max)
        return hn_fail(err, HN_E_ARG, "give a number from %.0f to %.0f", opt->min, opt->max);
    *field = (size_t)n;
    return HN_OK;
}

static enum hn_status take_int(const struct hn_opt *opt, int32_t *field, const char *text,
                               struct hn_error *err)
{
    char *end;
    errno = 0;
    const long n = strtol(text, &end, 10);
    if (end == text || *end || errno || (double)n < opt->min || (double)n > opt->max)
        return hn_fail(err, HN_E_ARG, "give a number from %.0f to %.0f", opt->min, opt->max);
    *field = (int32_t)n;
    return HN_OK;
}

static enum hn_status take_seed(uint64_t *field, const char *text, struct hn_error *err)
{
    char *end;
    errno = 0;
    const unsigned long long n = strtoull(text, &end, 0);
    if (end == text || *end || errno)
        return hn_fail(err, HN_E_ARG, "give a number of 64 bits, decimal or 0x...");
    *field = n;
    return HN_OK;
}

static enum hn_status take_real(const struct hn_opt *opt, float *field, const char *text,
                                struct hn_error *err)
{
    char *end;
    const double x = strtod(text, &end);
    if (end == text || *end || !isfinite(x) || x < opt->min || x > opt->max)
        return hn_fail(err, HN_E_ARG, "give a number from %g to %g", opt->min, opt->max);
    *field = (float)x;
    return HN_OK;
}

static enum hn_status take(const struct hn_opt *opt, void *field, const char *text,
                           struct hn_error *err)
{
    switch (opt->kind) {
    case HN_OPT_FLAG: *(bool *)field = true; return HN_OK;
    case HN_OPT_TEXT: *(const char **)field = text; return HN_OK;
    case HN_OPT_SIZE: return take_size(opt, field, text, err);
    case HN_OPT_INT: return take_int(opt, field, text, err);
    case HN_OPT_SEED: return take_seed(field, text, err);
    case HN_OPT_REAL: return take_real(opt, field, text, err);
    case HN_OPT_CALL: return opt->take(field, text, err);
    }
    return HN_OK;
}

/* The distance of Levenshtein, with neighbours that changed places as one step. */
static size_t distance(const char *a, const char *b)
{
    enum { MAX = 32 };
    size_t rows[MAX + 1][MAX + 1];
    const size_t n = strlen(a), m = strlen(b);
    if (n > MAX || m > MAX) return SIZE_MAX;
    for (size_t i = 0; i <= n; i++)
        for (size_t j = 0; j <= m; j++) {
            if (i == 0 || j == 0) {
                rows[i][j] = i + j;
                continue;
            }
            size_t best = rows[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            best = hn_min(best, 1 + hn_min(rows[i - 1][j], rows[i][j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                best = hn_min(best, rows[i - 2][j - 2] + 1);
            rows[i][j] = best;
        }
    return rows[n][m];
}

const char *hn_cli_nearest(const char *word, const char *const *names, size_t n)
{
    const char *best = NULL;
    /* A third of the letters may be wrong. */
    size_t least = strlen(word) / 3 + 2;
    for (size_t i = 0; i < n; i++) {
        const size_t d = distance(word, names[i]);
        if (d < least) {
            least = d;
            best = names[i];
        }
    }
    return best;
}

enum hn_status hn_opt_set(const struct hn_opt *items, size_t n, void *fields, const char *name,
                          const char *text, struct hn_error *err)
{
    const char *names[MAX_OPTIONS];
    const struct hn_opt *opt = NULL;
    assert(n <= MAX_OPTIONS);
    for (size_t i = 0; i < n; i++) {
        names[i] = items[i].name;
        if (strcmp(items[i].name, name) == 0) opt = &items[i];
    }
    if (!opt) {
        const char *near = hn_cli_nearest(name, names, n);
        return hn_fail(err, HN_E_ARG, "there is no %s%s%s%s", name, near ? "; did you mean " : "",
                       near ? near : "", near ? "?" : "");
    }
    void *field = (char *)fields + opt->at;
    if (opt->kind == HN_OPT_FLAG) {
        if (strcmp(text, "on") != 0 && strcmp(text, "off") != 0)
            return hn_fail(err, HN_E_ARG, "%s: give on or off", name);
        *(bool *)field = text[1] == 'n';
        return HN_OK;
    }
    const enum hn_status status = take(opt, field, text, err);
    return status < 0 ? hn_fail_in(err, status, "%s", name) : status;
}

int hn_cli_wrong(const struct hn_cli_spec *spec, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fprintf(stderr, "hence %s: ", spec->name);
    vfprintf(stderr, fmt, args);
    fprintf(stderr, "; hence %s --help explains\n", spec->name);
    va_end(args);
    return HN_EXIT_USAGE;
}

int hn_cli_end(const struct hn_cli_spec *spec, enum hn_status status, const struct hn_error *err)
{
    if (status >= 0) return EXIT_SUCCESS;
    if (hn_interrupted()) {
        fprintf(stderr, "hence %s: stopped\n", spec->name);
        return HN_EXIT_INTERRUPTED;
    }
    fprintf(stderr, "hence %s: %s\n", spec->name, err->text);
    return EXIT_FAILURE;
}

/* Tells what is wrong with a word that getopt did not accept. */
static int refuse(const struct hn_cli_spec *spec, const struct table *table, int c, char **argv)
{
    const char *word = argv[optind - 1];
    const struct hn_opt *opt = NULL;
    for (size_t i = 0; i < table->n; i++)
        if (optopt && code_of(table, i) == optopt) opt = table->opts[i];
    if (c == ':' && opt)
        return hn_cli_wrong(spec, "%s%.*s wants a value, %s", word[0] == '-' ? "" : "-",
                            (int)strcspn(word, "="), word, opt->arg);
    if (opt) return hn_cli_wrong(spec, "--%s takes no value", opt->name);
    if (optopt) return hn_cli_wrong(spec, "there is no option -%c", optopt);
    const char *names[MAX_OPTIONS];
    for (size_t i = 0; i < table->n; i++)
        names[i] = table->opts[i]->name;
    const char *near = hn_cli_nearest(word + strspn(word, "-"), names, table->n);
    return near ? hn_cli_wrong(spec,
                               "there is no option %s, or it is not clear which; did you mean "
                               "--%s?",
                               word, near)
                : hn_cli_wrong(spec, "there is no option %s, or it is not clear which", word);
}

/* Takes one option that getopt recognised. */
static int accept(const struct hn_cli_spec *spec, const struct table *table, int c, bool is_long,
                  void *out)
{
    size_t i = 0;
    while (code_of(table, i) != c)
        i++;
    struct hn_error err;
    const struct hn_opt *opt = table->opts[i];
    if (take(opt, (char *)out + table->field[i], optarg, &err) == HN_OK) return 0;
    if (is_long || !opt->letter)
        return hn_cli_wrong(spec, "--%s %s: %s", opt->name, optarg, err.text);
    return hn_cli_wrong(spec, "-%c %s: %s", opt->letter, optarg, err.text);
}

bool hn_cli_parse(const struct hn_cli_spec *spec, int argc, char **argv, void *out,
                  struct hn_operands *operands, int *status)
{
    struct table table;
    fill_table(&table, spec);
    *status = EXIT_SUCCESS;
    optind = 0; /* a fresh start for glibc, also within one process */
    opterr = 0;
    for (int c, at = -1; (c = getopt_long(argc, argv, table.letters, table.names, &at)) != -1;
         at = -1) {
        if (c == '?' || c == ':') {
            *status = refuse(spec, &table, c, argv);
        } else if (c == 'h') {
            print_help(spec);
            return false;
        } else {
            *status = accept(spec, &table, c, at >= 0, out);
        }
        if (*status) return false;
    }
    const size_t n = (size_t)(argc - optind);
    *operands = (struct hn_operands){argv + optind, n};
    if (n >= spec->min_operands && n <= spec->max_operands) return true;
    print_usage(stderr, spec);
    if (n > spec->max_operands)
        *status =
            hn_cli_wrong(spec, "one word too many: %s", argv[optind + (int)spec->max_operands]);
    else *status = hn_cli_wrong(spec, n ? "a word is missing" : "words are missing");
    return false;
}
