/* Emission: generated tokens to the text that is shown, and the end of a generation.
 *
 * Text comes out in whole characters. What may turn out to be the beginning of a stop string is held
 * back until it does not; a stop string itself is never shown, nor is anything after it. The stop
 * string that ends first wins, of several that end at the same byte the longest: so the result does
 * not depend on where tokens begin and end. */
#ifndef HN_ENGINE_EMIT_H
#define HN_ENGINE_EMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/str.h"
#include "engine/stops.h"
#include "text/tokenizer.h"

enum { HN_EMIT_MAX_STOP_IDS = 64 };

struct hn_emit_params {
    const struct hn_str *stops; /* n_stops strings: HN_STOPS_MAX and HN_STOPS_MAX_BYTES */
    size_t n_stops;
    const int32_t *stop_ids; /* n_stop_ids tokens that end the text and are not shown */
    size_t n_stop_ids;
    size_t max_tokens; /* 0: no limit */
    bool ignore_eog;   /* go on after the tokenizer's own end-of-generation tokens */
    bool show_control; /* show control tokens as their text */
    bool show_stop;    /* show the stop string too */
    bool after_text;   /* the text goes on after a prompt: a leading space is part of it */
};

/* Why a generation ended. */
enum hn_finish {
    HN_FINISH_NONE,        /* it goes on */
    HN_FINISH_EOG,         /* the model said so */
    HN_FINISH_STOP_TOKEN,  /* one of stop_ids */
    HN_FINISH_STOP_STRING, /* one of stops */
    HN_FINISH_LENGTH,      /* max_tokens, or the context is full */
    HN_FINISH_CANCELLED,   /* somebody said so; not the emitter's to say, as the next */
    HN_FINISH_DEADLINE,    /* its time was up */
    HN_FINISH_ERROR,
};

/* "stop" or "length", as OpenAI's API says, "cancelled",
 * "deadline" or "error"; "" for HN_FINISH_NONE. */
const char *hn_finish_text(enum hn_finish finish);

struct hn_emitter; /* of one sequence; not shared between threads */

/* Copies what it keeps; the tokenizer has to outlive the emitter. Everything is allocated here: later
 * only `out` grows. HN_E_ARG: a limit or an id is out of range. */
enum hn_status hn_emitter_create(const struct hn_tokenizer *tokenizer,
                                 const struct hn_emit_params *params, struct hn_emitter **out,
                                 struct hn_error *err);
void hn_emitter_destroy(struct hn_emitter *emitter);

/* Takes the next token and appends what can be shown to `out`. *finish says whether the generation
 * ends with it; then hn_emitter_finish comes next. HN_E_ARG: no such id, or the text has ended before;
 * HN_E_NOMEM, HN_E_LIMIT: from `out`, and the emitter is of no more use. */
enum hn_status hn_emitter_push(struct hn_emitter *emitter, int32_t id, struct hn_buf *out,
                               enum hn_finish *finish, struct hn_error *err);

/* The end of the text, for whatever reason: appends what was held back. */
enum hn_status hn_emitter_finish(struct hn_emitter *emitter, struct hn_buf *out);

/* Tokens pushed so far, those that ended the text included. */
size_t hn_emitter_count(const struct hn_emitter *emitter);

#endif
