/* The forms that answers are held to: grammars, compiled once for all requests that send the same one. */
#ifndef HN_SERVER_FORMS_H
#define HN_SERVER_FORMS_H

#include "base/json.h"
#include "server/refusal.h"
#include "text/answer_grammar.h"

struct hn_forms; /* any thread may use it */

enum hn_form_kind {
    HN_FORM_NONE,
    HN_FORM_GBNF,   /* llama.cpp's notation */
    HN_FORM_REGEX,  /* a regular expression */
    HN_FORM_OBJECT, /* any JSON object */
    HN_FORM_SCHEMA, /* what a JSON schema accepts */
    HN_FORM_CALLS,  /* calls of tools, perhaps behind a marker */
};

/* A form as a request has it; views. */
struct hn_form {
    enum hn_form_kind kind;
    struct hn_str text;         /* GBNF, REGEX */
    const json_t *schema;       /* SCHEMA: an object or a boolean */
    struct hn_calls_spec calls; /* CALLS */
    const char *param;          /* the field that asks for it, static */
};

/* A store of compiled grammars, for all threads; the caller destroys it. HN_E_NOMEM. */
enum hn_status hn_forms_create(struct hn_forms **out, struct hn_error *err);
void hn_forms_destroy(struct hn_forms *forms);

/* Asks for a form; HN_E_ARG when something else has asked for one before. */
enum hn_status hn_form_set(struct hn_form *form, struct hn_form wanted, struct hn_refusal *why);

/* The grammar of a form, with a reference for the caller; NULL for HN_FORM_NONE. Takes milliseconds, for a
 * large one tenths of seconds, unless it was compiled before. Refuses, naming the field, what is wrong or
 * cannot be kept. HN_E_BUSY: it would have to be compiled, and the caller may not wait. */
enum hn_status hn_forms_get(struct hn_forms *forms, const struct hn_form *form, bool may_wait,
                            struct hn_grammar **out, struct hn_refusal *why);

#endif
