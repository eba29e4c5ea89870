/* What a server answers, in the words of OpenAI's API: whole, or an event of a stream. */
#ifndef HN_LOAD_REPLY_H
#define HN_LOAD_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct hn_reply {
    bool text;     /* has something that was generated: text, reasoning, a call */
    bool finished; /* a choice says why it ended */
    bool usage;    /* the three below are told */
    uint64_t prompt_tokens, cached_tokens, output_tokens;
    bool failed;
    char error[200]; /* what the server says then */
};

/* Reads JSON of at most a few MB. HN_E_FORMAT: it is none, or no object. */
enum hn_status hn_reply_read(struct hn_str json, struct hn_reply *out, struct hn_error *err);

/* The name of the first model of a list of them, into `out`; HN_E_NOTFOUND when there is none. */
enum hn_status hn_reply_model(struct hn_str json, struct hn_buf *out, struct hn_error *err);

#endif
