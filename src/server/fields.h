/* Request bodies: a table of fields per request that checks them, puts them into a struct, and makes the
 * documents. */
#ifndef HN_SERVER_FIELDS_H
#define HN_SERVER_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "server/refusal.h"

/* What a value is, and the type of the member it is put into. null stands for an absent field. */
enum hn_field_kind {
    HN_FIELD_BOOL,    /* bool */
    HN_FIELD_INT,     /* int64_t in [min, max] */
    HN_FIELD_REAL,    /* double in [min, max] */
    HN_FIELD_TEXT,    /* struct hn_str, a view of the body, of at most max bytes */
    HN_FIELD_CHOICE,  /* int: the place in `words` */
    HN_FIELD_ARRAY,   /* json_t *, a view, of at most max elements */
    HN_FIELD_OBJECT,  /* json_t *, a view */
    HN_FIELD_ANY,     /* json_t *, a view; the shape is in `schema` */
    HN_FIELD_IGNORED, /* taken without effect: tells of the client, or asks for what is so anyway */
    HN_FIELD_REFUSED, /* known and not supported: only a value in `words` passes, which asks for nothing */
};

struct hn_field {
    const char *name;
    enum hn_field_kind kind;
    size_t at; /* offset of the member; 0 for those without */
    bool required;
    double min, max;
    const char *words;    /* CHOICE: "auto|default"; REFUSED: JSON texts, "false|[]" */
    const char *fallback; /* the default as JSON, for the documents; NULL: none */
    const char *schema;   /* a JSON schema for the documents, where the kind does not say it all */
    const char *about;    /* one sentence or two, Markdown */
};

/* A request's body. */
struct hn_fields {
    const char *name; /* of the schema in the documents: "ChatCompletionRequest" */
    const struct hn_field *items;
    size_t n;
    bool raw; /* the handler reads the body itself; the table is for the documents */
};

/* Puts the members of `body` into *out, which holds the defaults. HN_E_ARG, with the name of the field, for
 * the first that is unknown, missing, of another type, or out of range. `prefix` goes before names in
 * errors: "" or "stream_options.". */
enum hn_status hn_fields_read(const struct hn_fields *fields, const json_t *body,
                              const char *prefix, void *out, struct hn_refusal *why);

/* "Invalid type for 'x': expected an integer, but got a string instead." Where `got` is NULL, it was
 * nothing. */
enum hn_status hn_refuse_type(struct hn_refusal *why, const char *param, const char *expected,
                              const json_t *got);

/* The JSON schema of a body, as a value under `key`. */
void hn_fields_schema(struct hn_json_writer *w, const char *key, const struct hn_fields *fields);

#endif
