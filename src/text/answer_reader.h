/* What a model's text says: content, reasoning, and calls of tools, told while the text comes.
 *
 * Whatever the pieces are in which a text comes, the joined events are the same: what could be the start
 * of a marker is held back until it cannot be. A call is told when it is whole and valid; a malformed
 * one is given back as content, as the model wrote it. */
#ifndef HN_TEXT_ANSWER_READER_H
#define HN_TEXT_ANSWER_READER_H

#include "base/json.h"
#include "text/answer_format.h"

enum {
    HN_ANSWER_CALL_MAX = 1 << 20, /* bytes of a call; a longer one is content */
    HN_ANSWER_ID = 30,            /* of an id and its NUL */
};

struct hn_answer; /* of one answer; not shared between threads */

enum hn_answer_kind {
    HN_ANSWER_CONTENT,
    HN_ANSWER_REASONING,
    HN_ANSWER_CALL,      /* a call begins: index, id and name */
    HN_ANSWER_ARGUMENTS, /* more of the arguments' JSON */
    HN_ANSWER_CALL_END,  /* they are whole: a JSON object */
};

/* Lives until the sink returns. */
struct hn_answer_event {
    enum hn_answer_kind kind;
    size_t index;   /* of the call, from 0 */
    const char *id; /* "call_" and 24 letters and digits */
    const char *name;
    struct hn_str text; /* never empty, for the kinds that have a text */
};

struct hn_answer_params {
    struct hn_answer_format format;
    /* The request's tools as the OpenAI API gives them; only read, and must outlive the answer. NULL or
     * empty: no calls are looked for. */
    const json_t *tools;
    bool
        opened; /* the prompt began the reasoning (hn_answer_opened); where there are channels, a message */
    bool
        eager; /* a grammar enforces the calls: arguments are told as they come. A call that is cut off
                      all the same has no HN_ANSWER_CALL_END, or is not told at all; it is no content */
    uint64_t seed; /* of the ids: the same request, the same ids */
    void (*event)(void *ctx, const struct hn_answer_event *event);
    void *ctx;
};

enum hn_status hn_answer_create(const struct hn_answer_params *params, struct hn_answer **out,
                                struct hn_error *err);
void hn_answer_destroy(struct hn_answer *answer);

/* The next piece of the text, in whole characters. HN_E_NOMEM; the answer is of no more use then. */
enum hn_status hn_answer_push(struct hn_answer *answer, struct hn_str text);

/* Whether the text so far ends within reasoning: behind its begin marker, and not yet behind its end
 * marker. A token that begins so is one of the reasoning; thus the token that ends it is, and the one that
 * begins it is not. */
bool hn_answer_in_reasoning(const struct hn_answer *answer);

/* The end of the text, for whatever reason: tells what was held back. */
enum hn_status hn_answer_finish(struct hn_answer *answer);

#endif
