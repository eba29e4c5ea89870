/* Mixtures of experts: each row through the experts its router chose. */
#include <math.h>
#include <string.h>

#include "backend/cpu/cpu_backend.h"
#include "backend/cpu/linear.h"
#include "base/bits.h"

/* Pieces of the scratch. A choice is a (row, rank); choices stand in the order of their experts. */
struct scratch {
    int32_t *expert;                /* [n][used]: the chosen, best first */
    float *weight;                  /* [n][used] */
    int32_t *place;                 /* [n][used]: where the choice stands */
    int32_t *x_rows;                /* [n * used]: the row of each place */
    struct hn_linear_group *groups; /* [n_experts] */
    float *hidden;                  /* [n * used][2 * n_ff] */
    float *out;                     /* [n * used][n_embd] */
    void *linear;
};

static void *take(uintptr_t *at, size_t n, size_t size)
{
    void *p = (void *)*at;
    *at += hn_round_up(n * size, 64);
    return p;
}

/* Lays the scratch out from `memory` (NULL to measure) on; returns its size. */
static size_t lay_out(const struct hn_experts *e, size_t n, void *memory, struct scratch *s)
{
    uintptr_t at = (uintptr_t)memory;
    const size_t choices = n * e->n_used;
    s->expert = take(&at, choices, sizeof *s->expert);
    s->weight = take(&at, choices, sizeof *s->weight);
    s->place = take(&at, choices, sizeof *s->place);
    s->x_rows = take(&at, choices, sizeof *s->x_rows);
    s->groups = take(&at, e->n_experts, sizeof *s->groups);
    s->hidden = take(&at, choices, 2 * e->n_ff * sizeof *s->hidden);
    s->out = take(&at, choices, e->n_embd * sizeof *s->out);
    s->linear = (void *)at;
    return (size_t)(at - (uintptr_t)memory) +
           hn_linear_scratch(hn_max(e->n_embd, e->n_ff), choices);
}

size_t hn_cpu_experts_scratch(const struct hn_experts *e, size_t n)
{
    struct scratch s;
    return lay_out(e, n, NULL, &s);
}

struct experts_job {
    const struct hn_cpu_backend *cpu;
    const struct hn_experts *e;
    const float *logits;
    struct hn_rows y;
    size_t n;
    struct scratch s;
};

/* The n_used largest logits, the lowest number first among equals, and their weights: a softmax over
 * the chosen, which is the softmax over all made to sum to one, or that over all as it is. */
static void choose(const struct experts_job *job, size_t row)
{
    const struct hn_experts *e = job->e;
    const float *logits = job->logits + row * e->n_experts;
    int32_t *expert = job->s.expert + row * e->n_used;
    float *weight = job->s.weight + row * e->n_used;
    for (size_t rank = 0; rank < e->n_used; rank++) {
        int32_t best = -1;
        for (size_t i = 0; i < e->n_experts; i++) {
            bool taken = false;
            for (size_t r = 0; r < rank; r++)
                taken = taken || expert[r] == (int32_t)i;
            if (!taken && (best < 0 || logits[i] > logits[best])) best = (int32_t)i;
        }
        expert[rank] = best;
        weight[rank] = logits[best];
    }
    if (e->renormalise) {
        job->cpu->kernels->softmax(weight, e->n_used);
        return;
    }
    float max = -INFINITY, sum = 0;
    for (size_t i = 0; i < e->n_experts; i++)
        if (!(logits[i] <= max)) max = logits[i];
    for (size_t i = 0; i < e->n_experts; i++)
        sum += expf(logits[i] - max);
    for (size_t rank = 0; rank < e->n_used; rank++)
        weight[rank] = expf(weight[rank] - max) / sum;
}

/* Orders the choices by expert; returns the number of groups, those of experts that nobody chose left
 * out. */
static size_t group_choices(struct experts_job *job)
{
    const struct hn_experts *e = job->e;
    const size_t choices = job->n * e->n_used;
    size_t n_groups = 0, next = 0;
    for (size_t i = 0; i < e->n_experts; i++) {
        const size_t first = next;
        for (size_t c = 0; c < choices; c++) {
            if (job->s.expert[c] != (int32_t)i) continue;
            job->s.x_rows[next] = (int32_t)(c / e->n_used);
            job->s.place[c] = (int32_t)next++;
        }
        if (next == first) continue;
        job->s.groups[n_groups++] = (struct hn_linear_group){
            .w = &e->gate_up[i],
            .bias = e->gate_up_bias ? e->gate_up_bias + i * 2 * e->n_ff : NULL,
            .first = first,
            .n = next - first,
        };
    }
    return n_groups;
}

/* The same groups for the second multiplication. */
static void turn_to_down(struct experts_job *job, size_t n_groups)
{
    const struct hn_experts *e = job->e;
    for (size_t g = 0; g < n_groups; g++) {
        struct hn_linear_group *group = &job->s.groups[g];
        const size_t i = (size_t)(group->w - e->gate_up);
        group->w = &e->down[i];
        group->bias = e->down_bias ? e->down_bias + i * e->n_embd : NULL;
    }
}

static void sum_row(void *arg, size_t row, unsigned worker)
{
    (void)worker;
    const struct experts_job *job = arg;
    const struct hn_experts *e = job->e;
    float *y = job->y.x + row * job->y.ld;
    memset(y, 0, e->n_embd * sizeof *y);
    for (size_t c = row * e->n_used; c < (row + 1) * e->n_used; c++)
        job->cpu->kernels->add_scaled(y, job->s.out + (size_t)job->s.place[c] * e->n_embd,
                                      job->s.weight[c], e->n_embd);
}

void hn_cpu_experts(struct hn_backend *b, struct hn_rows y, const struct hn_experts *e,
                    struct hn_rows x, const float *logits, size_t n, void *scratch)
{
    struct hn_cpu_backend *cpu = hn_cpu_of(b);
    struct experts_job job = {.cpu = cpu, .e = e, .logits = logits, .y = y, .n = n};
    lay_out(e, n, scratch, &job.s);
    for (size_t row = 0; row < n; row++)
        choose(&job, row);
    const size_t n_groups = group_choices(&job);
    const size_t choices = n * e->n_used, ld = 2 * e->n_ff;
    hn_linear_grouped(cpu->pool, cpu->kernels, job.s.hidden, ld, job.s.groups, n_groups, x.x, x.ld,
                      job.s.x_rows, job.s.linear);
    (e->plain ? hn_cpu_act : hn_cpu_glu)(b, (struct hn_rows){job.s.hidden, ld}, choices, e->n_ff,
                                         e->glu);
    turn_to_down(&job, n_groups);
    hn_linear_grouped(cpu->pool, cpu->kernels, job.s.out, e->n_embd, job.s.groups, n_groups,
                      job.s.hidden, ld, NULL, job.s.linear);
    hn_pool_run(cpu->pool, n, sum_row, &job);
}
