#include "server/encode.h"

#include <stdlib.h>

#include "base/bits.h"
#include "server/access.h"
#include "server/models.h"

enum {
    JOB_TOKENS = 512
}; /* of a job with several texts, so that the lane's threads share a request */

static enum hn_status no_memory(struct hn_refusal *why)
{
    return hn_refuse(why, 503, "out_of_memory", NULL, "There is no memory for the request.");
}

static void forget(struct hn_errand *errand)
{
    struct hn_encode *e = (struct hn_encode *)errand;
    hn_tokens_free(&e->ids);
    hn_arena_free(&e->arena);
    free(e);
}

enum hn_status hn_encode_create(struct hn_call *call, struct hn_str model, size_t size, size_t max,
                                struct hn_encode **out, struct hn_refusal *why)
{
    struct hn_served *served;
    HN_TRY(hn_find_kind(call, model, 1u << HN_KIND_ENCODER, &served, why));
    struct hn_encode *e = calloc(1, size);
    if (!e) {
        hn_served_release(served);
        return no_memory(why);
    }
    e->errand.call = call;
    e->errand.served = served;
    e->errand.forget = forget;
    e->model = hn_embed_model(hn_served_oneshot(served));
    e->pooling = e->model->config.pooling;
    e->max = max;
    e->items = hn_arena_alloc(&e->arena, max, sizeof *e->items);
    if (e->items) {
        *out = e;
        return HN_OK;
    }
    hn_encode_destroy(e);
    return no_memory(why);
}

void hn_encode_destroy(struct hn_encode *e)
{
    hn_served_release(e->errand.served);
    forget(&e->errand);
}

void hn_encode_add(struct hn_encode *e, size_t n_first)
{
    e->items[e->n++] = (struct hn_encode_item){.n = e->ids.n - e->n_tokens, .n_first = n_first};
    e->n_tokens = e->ids.n;
}

/* Tokens and results of every text. */
static bool place(struct hn_encode *e)
{
    const struct hn_encoder_config *c = &e->model->config;
    const size_t each = hn_encode_floats(c, e->pooling, 1); /* never without pooling */
    const int32_t *ids = e->ids.ids;
    e->floats = hn_arena_alloc(&e->arena, e->n * each, sizeof *e->floats);
    if (!e->floats) return false;
    for (size_t i = 0; i < e->n; i++) {
        e->items[i].tokens = ids;
        e->items[i].out = e->floats + i * each;
        ids += e->items[i].n;
    }
    return true;
}

/* Jobs of neighbouring texts; NULL when there is no memory. */
static struct hn_oneshot_job **make_jobs(struct hn_encode *e, size_t *n_jobs)
{
    struct hn_oneshot_job **list = hn_arena_alloc(&e->arena, e->n, sizeof *list);
    struct hn_embed_job *jobs = hn_arena_alloc(&e->arena, e->n, sizeof *jobs);
    *n_jobs = 0;
    if (!list || !jobs) return NULL;
    for (size_t i = 0; i < e->n;) {
        struct hn_embed_job *job = &jobs[*n_jobs];
        *job = (struct hn_embed_job){.pooling = e->pooling, .items = e->items + i};
        do {
            job->job.work += e->items[i++].n;
            job->n++;
        } while (i < e->n && job->job.work + e->items[i].n <= JOB_TOKENS);
        list[(*n_jobs)++] = &job->job;
    }
    return list;
}

enum hn_status hn_encode_start(struct hn_encode *e, void (*answer)(struct hn_errand *errand),
                               struct hn_refusal *why)
{
    size_t n_jobs;
    struct hn_oneshot_job **jobs = place(e) ? make_jobs(e, &n_jobs) : NULL;
    if (!jobs) {
        hn_encode_destroy(e);
        return no_memory(why);
    }
    e->errand.rows = e->n;
    e->errand.tokens = e->n_tokens;
    e->errand.answer = answer;
    return hn_errand_start(&e->errand, jobs, n_jobs, why);
}

void hn_encode_usage(struct hn_json_writer *w, const struct hn_encode *e)
{
    hn_json_open(w, "usage", '{');
    hn_json_put_uint(w, "prompt_tokens", e->n_tokens);
    hn_json_put_uint(w, "total_tokens", e->n_tokens);
    hn_json_close(w, '}');
    hn_receipt_put(w, "hence", &e->errand.call->receipt);
}

enum hn_status hn_refuse_text(struct hn_refusal *why, enum hn_status status, const char *param,
                              const struct hn_error *err)
{
    if (status == HN_E_CONTEXT)
        return hn_refuse(why, 400, "context_length_exceeded", param,
                         "Invalid '%s': %s. Ask for 'truncate' to have it cut.", param, err->text);
    return hn_refuse_by(why, status, err);
}
