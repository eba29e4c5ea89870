#include "engine/emit.h"

#include <stdlib.h>
#include <string.h>

#include "text/detokenize.h"

struct hn_emitter {
    const struct hn_tokenizer *tokenizer;
    struct hn_emit_params params; /* its pointers are not used after creation */
    int32_t stop_ids[HN_EMIT_MAX_STOP_IDS];
    struct hn_stops *stops; /* NULL: none */
    struct hn_detokenizer detokenizer;
    size_t n_tokens;
    bool ended;
    uint16_t state; /* of the stops */
    uint16_t n_held;
    char held[HN_STOPS_MAX_BYTES]; /* text that may begin a stop string */
};

const char *hn_finish_text(enum hn_finish finish)
{
    switch (finish) {
    case HN_FINISH_NONE: return "";
    case HN_FINISH_LENGTH: return "length";
    case HN_FINISH_CANCELLED: return "cancelled";
    case HN_FINISH_DEADLINE: return "deadline";
    case HN_FINISH_ERROR: return "error";
    default: return "stop";
    }
}

enum hn_status hn_emitter_create(const struct hn_tokenizer *tokenizer,
                                 const struct hn_emit_params *params, struct hn_emitter **out,
                                 struct hn_error *err)
{
    *out = NULL;
    if (params->n_stop_ids > HN_EMIT_MAX_STOP_IDS)
        return hn_fail(err, HN_E_ARG, "%zu stop tokens, at most %d", params->n_stop_ids,
                       HN_EMIT_MAX_STOP_IDS);
    const size_t vocab = hn_tokenizer_size(tokenizer);
    for (size_t i = 0; i < params->n_stop_ids; i++)
        if (params->stop_ids[i] < 0 || (size_t)params->stop_ids[i] >= vocab)
            return hn_fail(err, HN_E_ARG, "stop token %d, the vocabulary has %zu",
                           params->stop_ids[i], vocab);
    struct hn_emitter *e = calloc(1, sizeof *e);
    if (!e) return hn_fail_nomem(err, "an emitter", sizeof *e);
    e->tokenizer = tokenizer;
    e->params = *params;
    if (params->n_stop_ids)
        memcpy(e->stop_ids, params->stop_ids, params->n_stop_ids * sizeof *e->stop_ids);
    e->detokenizer.started = params->after_text;
    if (params->n_stops) {
        const enum hn_status status =
            hn_stops_create(params->stops, params->n_stops, &e->stops, err);
        if (status < 0) {
            free(e);
            return status;
        }
    }
    *out = e;
    return HN_OK;
}

void hn_emitter_destroy(struct hn_emitter *emitter)
{
    if (!emitter) return;
    hn_stops_destroy(emitter->stops);
    free(emitter);
}

static void cut(struct hn_buf *out, size_t n)
{
    if (!out->p) return;
    out->n = n;
    out->p[n] = '\0';
}

/* `out` ends with what was held back before, and from `fresh` on with new text: takes back what must
 * not be shown. True if a stop string ends the text. Both a stop string and what is held back begin at
 * or after the text held back before, and with the first byte of a character. */
static bool hold_back(struct hn_emitter *e, struct hn_buf *out, size_t fresh)
{
    size_t length;
    const size_t read =
        hn_stops_scan(e->stops, &e->state, hn_buf_view(out).p + fresh, out->n - fresh, &length);
    e->n_held = 0;
    if (length) {
        cut(out, fresh + read - (e->params.show_stop ? 0 : length));
        e->state = 0;
        return true;
    }
    const size_t pending = hn_stops_pending(e->stops, e->state);
    memcpy(e->held, hn_buf_view(out).p + (out->n - pending), pending);
    e->n_held = (uint16_t)pending;
    cut(out, out->n - pending);
    return false;
}

static bool is_stop_id(const struct hn_emitter *e, int32_t id)
{
    for (size_t i = 0; i < e->params.n_stop_ids; i++)
        if (e->stop_ids[i] == id) return true;
    return false;
}

enum hn_status hn_emitter_push(struct hn_emitter *e, int32_t id, struct hn_buf *out,
                               enum hn_finish *finish, struct hn_error *err)
{
    *finish = HN_FINISH_NONE;
    if (e->ended) return hn_fail(err, HN_E_ARG, "the text has ended before token %d", id);
    if (id < 0 || (size_t)id >= hn_tokenizer_size(e->tokenizer))
        return hn_fail(err, HN_E_ARG, "token %d, the vocabulary has %zu", id,
                       hn_tokenizer_size(e->tokenizer));
    e->n_tokens++;
    if (is_stop_id(e, id)) {
        *finish = HN_FINISH_STOP_TOKEN;
    } else if (!e->params.ignore_eog && hn_tokenizer_is_eog(e->tokenizer, id)) {
        *finish = HN_FINISH_EOG;
    } else {
        const unsigned flags = e->params.show_control ? HN_DETOKENIZE_SPECIAL : 0;
        hn_buf_add(out, e->held, e->n_held);
        const size_t fresh = out->n;
        enum hn_status status = out->failed;
        if (status >= 0) status = hn_detokenize(e->tokenizer, &e->detokenizer, id, flags, out);
        if (status < 0) {
            e->ended = true;
            return hn_fail(err, status, "no room for the text of token %d", id);
        }
        if (e->stops && hold_back(e, out, fresh)) *finish = HN_FINISH_STOP_STRING;
        else if (e->params.max_tokens && e->n_tokens >= e->params.max_tokens)
            *finish = HN_FINISH_LENGTH;
    }
    e->ended = *finish != HN_FINISH_NONE;
    if (*finish == HN_FINISH_STOP_STRING) e->detokenizer = (struct hn_detokenizer){0};
    return HN_OK;
}

enum hn_status hn_emitter_finish(struct hn_emitter *e, struct hn_buf *out)
{
    e->ended = true;
    hn_buf_add(out, e->held, e->n_held);
    e->n_held = 0;
    HN_TRY(out->failed);
    const size_t fresh = out->n;
    HN_TRY(hn_detokenize_finish(&e->detokenizer, out));
    /* An unfinished character became U+FFFD, which a stop string may contain too. */
    if (e->stops) {
        hold_back(e, out, fresh);
        hn_buf_add(out, e->held, e->n_held);
        e->n_held = 0;
    }
    return out->failed;
}

size_t hn_emitter_count(const struct hn_emitter *emitter)
{
    return emitter->n_tokens;
}
