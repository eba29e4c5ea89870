#include "hence/generate.h"

#include <stdlib.h>
#include <string.h>

#include "api/handle.h"

static void add_listener(struct hence_model *model, struct hn_listener *l)
{
    l->next = model->listeners;
    l->place = &model->listeners;
    if (l->next) l->next->place = &l->next;
    model->listeners = l;
}

static void remove_listener(struct hn_listener *l)
{
    *l->place = l->next;
    if (l->next) l->next->place = l->place;
    free(l);
}

static bool tell_token(void *ctx, const struct hn_token_event *event)
{
    const struct hn_listener *l = ctx;
    if (!l->on_token) return true;
    return l->on_token(l->context, event->id, event->text.p ? event->text.p : "", event->text.n);
}

static enum hence_finish public_finish(enum hn_finish finish)
{
    switch (finish) {
    case HN_FINISH_LENGTH: return HENCE_FINISH_LENGTH;
    case HN_FINISH_CANCELLED: return HENCE_FINISH_CANCELLED;
    case HN_FINISH_ERROR: return HENCE_FINISH_ERROR;
    default: return HENCE_FINISH_STOP;
    }
}

static void tell_done(void *ctx, enum hn_finish finish, struct hn_str text,
                      const struct hn_usage *usage, const struct hn_error *err)
{
    struct hn_listener *l = ctx;
    struct hence_result result = {
        .finish = public_finish(finish),
        .text = text.p ? text.p : "",
        .text_n = text.n,
        .prompt_tokens = usage->prompt_tokens,
        .cached_tokens = usage->cached_tokens,
        .completion_tokens = usage->completion_tokens,
        .queue_seconds = usage->queue_s,
        .prefill_seconds = usage->prefill_s,
        .decode_seconds = usage->decode_s,
    };
    if (err) hn_api_fail(err, err->status, &result.error);
    if (l->on_done) l->on_done(l->context, &result);
    remove_listener(l);
}

void hence_request_init(struct hence_request *request)
{
    const struct hn_sample_params sample = hn_sample_defaults();
    *request = (struct hence_request){
        .struct_size = sizeof *request,
        .max_tokens = SIZE_MAX,
        .temperature = sample.temperature,
        .top_k = sample.top_k,
        .top_p = sample.top_p,
        .min_p = sample.min_p,
        .typical_p = sample.typical_p,
        .repeat_penalty = sample.repeat_penalty,
        .repeat_last_n = sample.repeat_last_n,
        .frequency_penalty = sample.frequency_penalty,
        .presence_penalty = sample.presence_penalty,
    };
}

static struct hn_sample_params sampling(const struct hence_request *r)
{
    struct hn_sample_params out = hn_sample_defaults();
    out.temperature = r->temperature;
    out.top_k = r->top_k;
    out.top_p = r->top_p;
    out.min_p = r->min_p;
    out.typical_p = r->typical_p;
    out.repeat_penalty = r->repeat_penalty;
    out.repeat_last_n = r->repeat_last_n;
    out.frequency_penalty = r->frequency_penalty;
    out.presence_penalty = r->presence_penalty;
    out.seed = r->seed;
    return out;
}

static enum hn_status submit(struct hence_model *model, const struct hence_request *r, uint64_t *id,
                             struct hn_error *err)
{
    struct hn_str stops[HN_STOPS_MAX];
    if (r->struct_size != sizeof *r)
        return hn_fail(err, HN_E_ARG, "hence_request: not set up by hence_request_init");
    if (r->n_stops > HN_STOPS_MAX)
        return hn_fail(err, HN_E_ARG, "%zu stop texts: give at most %d", r->n_stops, HN_STOPS_MAX);
    for (size_t i = 0; i < r->n_stops; i++)
        stops[i] = hn_str_from(r->stops[i]);
    struct hn_listener *listener = malloc(sizeof *listener);
    if (!listener) return hn_fail_nomem(err, "a request", sizeof *listener);
    *listener =
        (struct hn_listener){.on_token = r->on_token, .on_done = r->on_done, .context = r->context};
    const struct hn_request request = {
        .tokens = r->tokens,
        .n_tokens = r->n_tokens,
        .max_tokens = r->max_tokens,
        .sample = sampling(r),
        .stops = stops,
        .n_stops = r->n_stops,
        .ignore_eog = r->ignore_end,
        .sink = {.ctx = listener, .token = tell_token, .done = tell_done},
    };
    const enum hn_status status = hn_engine_submit(model->instance.engine, &request, id, err);
    if (status < 0) free(listener);
    else add_listener(model, listener);
    return status;
}

int hence_submit(struct hence_model *model, const struct hence_request *request, uint64_t *id,
                 struct hence_error *err)
{
    struct hn_error error = {.text = ""};
    const enum hn_status status = submit(model, request, id, &error);
    return status < 0 ? hn_api_fail(&error, status, err) : HENCE_OK;
}

void hence_cancel(struct hence_model *model, uint64_t id)
{
    hn_engine_cancel(model->instance.engine, id);
}

int hence_step(struct hence_model *model)
{
    hn_engine_step(model->instance.engine);
    return hn_engine_busy(model->instance.engine);
}
