/* How models write reasoning and tool calls: one table each, a row per convention. */
#ifndef HN_TEXT_ANSWER_FORMAT_H
#define HN_TEXT_ANSWER_FORMAT_H

#include <stdbool.h>

#include "base/status.h"
#include "base/str.h"

enum {
    HN_ANSWER_MARKS = 4,     /* markers of one kind in a row; fewer end with NULL */
    HN_ANSWER_MARK_MAX = 64, /* bytes of a marker */
    HN_ANSWER_HOLDS = 2,
};

/* Calls with a marker for each argument: <parameter=KEY>VALUE</parameter>. NULL: there is no such part. */
struct hn_answer_parts {
    const char *name_end; /* behind the function's name */
    const char *key, *key_end;
    const char *value;      /* between key_end and a value */
    const char *value_text; /* the same, and the value is a string ... */
    const char *value_json; /* ... or JSON, whatever the tool's schema says */
    const char *value_end;
    const char *end; /* of the call */
    bool lines;      /* a value stands on lines of its own */
};

/* How calls are written, so that an answer can be held to it. %n is the function's name, %a its arguments
 * (a JSON object), %k the same as in a program: KEY=VALUE, or as `literal` says; %_ a blank or none, %s white space as between JSON's values or none, %d a number, %i letters and digits; ^...^
 * are markers, which may be control tokens. */
struct hn_answer_wording {
    const char *open; /* between what begins the calls and the first */
    const char *call;
    const char *next; /* between two calls; NULL: there is but one */
    const char *close;
};

/* Calls as in a program: NAME(KEY=VALUE, ...). */
struct hn_answer_literal {
    const char *end;       /* of the calls */
    const char *separator; /* between a key and its value, and between two arguments */
    const char *comma;
    const char *quote; /* around a string as it is, a marker in ^ as below; NULL: as in JSON */
    bool python;       /* True, False and None may be written so */
};

struct hn_answer_calls {
    const char *name;
    const char *detect[HN_ANSWER_MARKS];     /* a template that has all of these writes calls so */
    const char *begin[HN_ANSWER_MARKS];      /* a call, or a list of calls, follows */
    const char *around[HN_ANSWER_MARKS];     /* stand before calls and mean nothing */
    const char *after[HN_ANSWER_MARKS];      /* stand behind calls and mean nothing */
    const struct hn_answer_parts *parts;     /* NULL: the arguments are a JSON object */
    const struct hn_answer_literal *literal; /* NULL: they are not as in a program */
    /* An answer is held to calls behind one of these, each a text of `begin` and perhaps what surely
     * follows it; or, where there are channels, a text of a header. NULL: behind begin[0]. */
    const char *hold[HN_ANSWER_HOLDS];
    const char *content; /* what begins an answer without calls, as a wording; NULL: nothing */
    const char *first;   /* what begins the calls, as a wording; it ends with what is held behind */
    const struct hn_answer_wording *wordings; /* up to one whose call is NULL */
    const char *separator; /* the function's name stands behind it, or else before it */
    bool named;            /* the name stands before the arguments, not within them */
    bool bare;             /* an answer that is a JSON call needs no marker */
    bool channels;         /* the answer is a sequence of messages with headers */
};

struct hn_answer_reasoning {
    const char *name;
    const char *detect[HN_ANSWER_MARKS];
    const char *begin, *end;
    const char *around[HN_ANSWER_MARKS]; /* stand around what is not reasoning, and mean nothing */
};

/* The conventions of a model. Plain data; what it points to is static. NULL: none. */
struct hn_answer_format {
    const struct hn_answer_calls *calls;
    const struct hn_answer_reasoning *reasoning;
};

/* What somebody says of them who knows better than the template. */
struct hn_answer_choice {
    bool calls_given, reasoning_given; /* only what is given counts */
    struct hn_answer_format format;
};

/* Told from the text of the model's chat template, the one for tools where it has two. A template that
 * is given tools but shows no convention is taken for one that wants plain JSON. */
struct hn_answer_format hn_answer_format_of(struct hn_str chat_template);

/* By name, "none" included. HN_E_ARG: there is none of that name; the text lists them. */
enum hn_status hn_answer_calls_named(struct hn_str name, const struct hn_answer_calls **out,
                                     struct hn_error *err);
enum hn_status hn_answer_reasoning_named(struct hn_str name, const struct hn_answer_reasoning **out,
                                         struct hn_error *err);

/* Row i of the tables, NULL past the end. */
const struct hn_answer_calls *hn_answer_calls_at(size_t i);
const struct hn_answer_reasoning *hn_answer_reasoning_at(size_t i);

/* Whether the prompt ends within reasoning that its template began. */
bool hn_answer_opened(struct hn_answer_format format, struct hn_str prompt);

/* Appends to a prompt what makes the answer plain content from its first byte on: an end to reasoning that
 * has begun, the header of the message where there are channels. For answers held to a grammar. */
enum hn_status hn_answer_make_plain(struct hn_answer_format format, struct hn_buf *prompt);

#endif
