/* A JSON or UBJSON text as values: what model files that come in both are read from. Runs of numbers
 * stay packed, since such files are little else. */
#ifndef HN_FORMATS_DOCUMENT_H
#define HN_FORMATS_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"
#include "base/str.h"

enum hn_doc_kind {
    HN_DOC_NULL,
    HN_DOC_BOOL,
    HN_DOC_NUMBER,
    HN_DOC_TEXT,
    HN_DOC_LIST,
    HN_DOC_OBJECT,
    HN_DOC_NUMBERS, /* a list of numbers alone */
};

struct hn_doc {
    enum hn_doc_kind kind;
    char packing; /* NUMBERS: UBJSON's type character, big-endian; 'N': native doubles */
    size_t n;     /* LIST, OBJECT, NUMBERS: how many */
    union {
        bool boolean;
        double number;
        struct hn_str text;
        const struct hn_doc *items;
        const struct hn_doc_member *members;
        const unsigned char *numbers;
    };
};

struct hn_doc_member {
    struct hn_str key;
    struct hn_doc value;
};

/* Reads JSON where `text` starts with '{' and a quote or a space follows, UBJSON otherwise. The values
 * live in the arena; those of UBJSON view `text` too. Beside JSON's own, NaN, Infinity and -Infinity
 * are numbers. Errors name `what` and the place. */
enum hn_status hn_doc_parse(struct hn_str text, const char *what, struct hn_arena *arena,
                            struct hn_doc *out, struct hn_error *err);

/* The same of JSON alone, whatever kind of value it is. */
enum hn_status hn_doc_parse_json(struct hn_str text, const char *what, struct hn_arena *arena,
                                 struct hn_doc *out, struct hn_error *err);

/* The member of an object; NULL when it has none of that name, or is no object. */
const struct hn_doc *hn_doc_get(const struct hn_doc *object, const char *key);

/* Item i of a LIST or NUMBERS as a number; false when it is none. i < n. */
bool hn_doc_number_at(const struct hn_doc *list, size_t i, double *out);

/* A number and nothing else, whatever the locale; the special values as strtod has them. */
bool hn_doc_real_from(struct hn_str text, double *out);

/* A number, also one that is written as text (as XGBoost's parameters are). */
bool hn_doc_number(const struct hn_doc *value, double *out);

#endif
