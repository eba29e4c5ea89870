/* The parts of an answer's reader: answer_reader.c reads what lies between calls, answer_call.c calls,
 * answer_parts.c calls whose arguments have markers of their own, answer_literal.c those that look like a
 * program's. */
#ifndef HN_TEXT_ANSWER_READER_IMPL_H
#define HN_TEXT_ANSWER_READER_IMPL_H

#include "text/answer_reader.h"
#include "text/answer_scan.h"

enum hn_answer_state {
    HN_ANSWER_IN_CONTENT,
    HN_ANSWER_IN_REASONING,
    HN_ANSWER_IN_HEADER, /* of a message, where the format has channels */
    /* From here on a call is read. */
    HN_ANSWER_AT_CALL, /* behind its marker */
    HN_ANSWER_IN_NAME, /* and whatever else stands before the arguments */
    HN_ANSWER_IN_ARGUMENTS,
    HN_ANSWER_AT_KEY, /* of {"name": ..., "arguments": ...} */
    HN_ANSWER_IN_KEY,
    HN_ANSWER_AT_COLON,
    HN_ANSWER_AT_VALUE,
    HN_ANSWER_IN_VALUE,
    HN_ANSWER_BEHIND_VALUE,
    HN_ANSWER_IN_LIST, /* of calls, between them */
    HN_ANSWER_IN_LITERAL,
    /* And of a call with markers for its arguments. */
    HN_ANSWER_IN_PART_NAME,
    HN_ANSWER_AT_PART,
    HN_ANSWER_IN_PART_KEY,
    HN_ANSWER_AT_PART_VALUE,
    HN_ANSWER_IN_PART_VALUE,
};

/* What a value of a JSON call is. */
enum hn_answer_role { HN_ROLE_NONE, HN_ROLE_NAME, HN_ROLE_ARGUMENTS, HN_ROLE_FUNCTION };

/* What a marker means where it is watched for. */
enum hn_answer_mark {
    HN_MARK_NONE,  /* the first byte held is part of no marker */
    HN_MARK_MAYBE, /* the bytes held, if any, may be the beginning of one */
    HN_MARK_REASONING,
    HN_MARK_REASONING_END,
    HN_MARK_DROP,
    HN_MARK_SPACE, /* counts for as much as white space */
    HN_MARK_CALL,
    HN_MARK_MESSAGE, /* a header ends */
    HN_MARK_HEADER,  /* a message ends */
    HN_MARK_NAME_END,
    HN_MARK_PART,
    HN_MARK_KEY_END,
    HN_MARK_VALUE,
    HN_MARK_VALUE_TEXT,
    HN_MARK_VALUE_JSON,
    HN_MARK_VALUE_END,
    HN_MARK_END,
};

enum {
    HN_ANSWER_WATCHED = 6 * HN_ANSWER_MARKS,
    HN_ANSWER_NAME_MAX = 512, /* bytes of what stands before arguments, and of a header */
};

struct hn_answer {
    struct hn_answer_params params;
    const struct hn_answer_calls *calls; /* NULL: none are looked for */
    bool channels;
    enum hn_answer_state state;

    char held[HN_ANSWER_MARK_MAX]; /* the beginning of one or several of the watched markers */
    size_t n_held;
    struct {
        struct hn_str text;
        enum hn_answer_mark mark;
    } watched[HN_ANSWER_WATCHED];
    size_t n_watched;

    struct hn_buf out; /* not yet told, all of out_kind */
    enum hn_answer_kind out_kind;
    struct hn_buf space; /* counts only when more text follows */
    bool skip_space;     /* it does not even then */
    bool some_content;   /* the answer is past its beginning */
    bool some_reasoning;
    bool after_call; /* nothing but space came since a call */

    /* The call that is being read. */
    struct hn_buf raw; /* its text so far, to be given back */
    struct hn_buf name, arguments;
    struct hn_buf text; /* of a header, a key, a name, a part's value */
    struct hn_buf part; /* a part's key */
    enum hn_answer_mark part_kind;
    struct hn_scan scan;
    enum hn_answer_role role;
    char quote;  /* of the string that is open in a call as in a program */
    bool named;  /* `name` is whole */
    bool bare;   /* it came without a marker */
    bool list;   /* within a list of calls */
    bool nested; /* within {"function": {...}} */
    bool begun;  /* told already */

    size_t n_calls;
    char id[HN_ANSWER_ID];
    enum hn_status failed;
};

/* answer_call.c. A byte of a call; false: the call is malformed, and the byte not part of it. */
bool hn_answer_call_byte(struct hn_answer *a, char c);
void hn_answer_call_begin(struct hn_answer *a, bool bare);
/* The name, from all that stands before the arguments. False: there is none. */
bool hn_answer_call_name(struct hn_answer *a, struct hn_str header);
/* Goes on with the arguments' JSON. */
void hn_answer_call_arguments(struct hn_answer *a);
/* The call is whole: tells it. False: it is not one after all. */
bool hn_answer_call_whole(struct hn_answer *a);
/* Tells what came of the arguments since the last time, if the call is told as it comes. */
void hn_answer_call_flush(struct hn_answer *a);
/* The request's tool of that name, its "function" object; NULL: there is none. */
const json_t *hn_answer_tool(const struct hn_answer *a, struct hn_str name);

/* answer_parts.c: a byte of a call with markers for its arguments, from the name on. */
bool hn_answer_part_byte(struct hn_answer *a, char c);
/* "True", "False" and "None", which models and templates write, as JSON; anything else as it is. */
struct hn_str hn_answer_from_python(struct hn_str s);

/* answer_literal.c: a byte of calls that are written as in a program. */
bool hn_answer_literal_byte(struct hn_answer *a, char c);

/* answer_reader.c. Goes on with what lies between calls. */
void hn_answer_resume(struct hn_answer *a);
void hn_answer_unwatch(struct hn_answer *a);
void hn_answer_watch(struct hn_answer *a, const char *text, enum hn_answer_mark mark);
/* Which marker the bytes held are; they are taken then. */
enum hn_answer_mark hn_answer_look(struct hn_answer *a);
char hn_answer_release(struct hn_answer *a); /* the first byte held */
/* Appends to a buffer of the answer; a failure is remembered. */
void hn_answer_put(struct hn_answer *a, struct hn_buf *buf, struct hn_str s);
void hn_answer_put_char(struct hn_answer *a, struct hn_buf *buf, char c);
/* Tells of the call; text for HN_ANSWER_ARGUMENTS. */
void hn_answer_tell(struct hn_answer *a, enum hn_answer_kind kind, struct hn_str text);

static inline bool hn_answer_is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

#endif
