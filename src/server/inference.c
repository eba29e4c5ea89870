#include "server/inference.h"

#include <stdlib.h>

struct own {
    struct hn_inference base;
    hn_inference_answer *answer;
};

static enum hn_status no_memory(struct hn_refusal *why)
{
    return hn_refuse(why, 503, "out_of_memory", NULL, "There is no memory for the request.");
}

enum hn_status hn_inference_create(struct hn_call *call, struct hn_served *served,
                                   struct hn_inference **out, struct hn_refusal *why)
{
    struct own *own = calloc(1, sizeof *own);
    *out = NULL;
    if (!own) {
        hn_served_release(served);
        return no_memory(why);
    }
    struct hn_inference *f = &own->base;
    f->errand.call = call;
    f->errand.served = served;
    f->about = hn_predict_about(hn_served_oneshot(served));
    f->arrays = hn_arena_alloc(&f->arena, f->about->n_inputs, sizeof *f->arrays);
    f->in = hn_arena_alloc(&f->arena, f->about->n_inputs, sizeof *f->in);
    f->wanted = hn_arena_alloc(&f->arena, f->about->n_outputs, sizeof *f->wanted);
    f->out = hn_arena_alloc(&f->arena, f->about->n_outputs, sizeof *f->out);
    if (!f->arrays || !f->in || !f->wanted || !f->out) {
        hn_inference_destroy(f);
        return no_memory(why);
    }
    *out = f;
    return HN_OK;
}

static void forget(struct hn_errand *errand)
{
    struct hn_inference *f = (struct hn_inference *)errand;
    if (f->forget) f->forget(f->mind);
    hn_arena_free(&f->arena);
    free(f);
}

void hn_inference_destroy(struct hn_inference *f)
{
    if (!f) return;
    hn_served_release(f->errand.served);
    forget(&f->errand);
}

static void answer(struct hn_errand *errand)
{
    struct own *own = (struct own *)errand;
    struct hn_refusal why;
    if (own->answer(&own->base, &why) < 0) hn_call_refuse(errand->call, &why);
}

enum hn_status hn_inference_start(struct hn_inference *f, hn_inference_answer *then,
                                  struct hn_refusal *why)
{
    for (size_t i = 0; i < f->about->n_inputs; i++) {
        const struct hn_port *port = &f->about->inputs[i];
        if (f->in[i] || port->optional) continue;
        const enum hn_status status = hn_refuse(why, 400, "missing_required_parameter", "inputs",
                                                "The input '%s' is missing.", port->name);
        hn_inference_destroy(f);
        return status;
    }
    ((struct own *)f)->answer = then;
    f->errand.answer = answer;
    f->errand.forget = forget;
    f->job.in = f->in;
    f->job.wanted = f->wanted;
    f->job.out = f->out;
    hn_predict_weigh(f->about, &f->job);
    f->errand.rows = f->rows ? f->rows : f->job.rows;
    f->jobs[0] = &f->job.job;
    return hn_errand_start(&f->errand, f->jobs, 1, why);
}
