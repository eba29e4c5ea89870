#include "engine/predict.h"

#include <stdlib.h>
#include <string.h>

#include "base/bits.h"

enum {
    MAX_ROWS = 8192,       /* stacked */
    STACK_BYTES = 4 << 20, /* of an input that is stacked, about */
    DEARER = 256,          /* work of a row with outputs on request */
};

/* What a thread of the lane needs to run the model. */
struct seat {
    struct hn_prediction *run; /* NULL: it has not run it yet */
    void **stacked;            /* [n_inputs] memory for stacked inputs, of so many bytes: */
    size_t *room;
    struct hn_array *all; /* [n_inputs] the stacked inputs, and where they are: */
    const struct hn_array **in;
    void *kept[HN_LANE_MAX_JOBS]; /* outputs of jobs that had to be run one by one */
    size_t n_kept;
};

struct model {
    struct hn_oneshot base;
    struct hn_predictor *predictor;
    const struct hn_predictor_about *about;
    unsigned n_seats;
    struct seat seats[];
};

/* --- what a file is ---------------------------------------------------------------------------- */

/* By what is in it; one of that name is told what is wrong with it as such. */
bool hn_predict_is(const char *path)
{
    return hn_predictor_is(path) || hn_str_ends(hn_str_from(path), HN_STR(".onnx"));
}

/* --- stacking ---------------------------------------------------------------------------------- */

/* What comes on request alone, contributions, may cost hundreds of times as much as what always comes. */
static bool asks_more(const struct hn_predictor_about *about, const bool *wanted)
{
    for (size_t i = 0; wanted && i < about->n_outputs; i++)
        if (wanted[i] && about->outputs[i].on_request) return true;
    return false;
}

void hn_predict_weigh(const struct hn_predictor_about *about, struct hn_predict_job *job)
{
    size_t rows = 0;
    for (size_t i = 0; about->stacks && i < about->n_inputs && !rows; i++)
        if (job->in[i] && job->in[i]->n_dims) rows = job->in[i]->shape[0];
    job->rows = hn_max(rows, 1);
    const size_t times = asks_more(about, job->wanted) ? DEARER : 1;
    job->job.work = hn_mul(job->rows, times, &job->job.work) ? job->job.work : job->rows;
}

/* Whether an array is the job's number of rows. */
static bool counts_rows(const struct hn_array *a, const struct hn_predict_job *job)
{
    return a->n_dims && a->shape[0] == job->rows && a->type != HN_EL_STRING;
}

/* Whether one array can be put behind the other. */
static bool stacks(const struct hn_array *a, const struct hn_array *b)
{
    return a->type == b->type && a->n_dims == b->n_dims &&
           memcmp(a->shape + 1, b->shape + 1, (a->n_dims - 1) * sizeof *a->shape) == 0;
}

static bool fits(const struct hn_oneshot_job *a, const struct hn_oneshot_job *b)
{
    const struct hn_predict_job *x = (const struct hn_predict_job *)a;
    const struct hn_predict_job *y = (const struct hn_predict_job *)b;
    const struct hn_predictor_about *about = ((const struct model *)a->model)->about;
    if (!x->wanted != !y->wanted) return false;
    if (x->wanted && memcmp(x->wanted, y->wanted, about->n_outputs * sizeof *x->wanted) != 0)
        return false;
    for (size_t i = 0; i < about->n_inputs; i++) {
        if (!x->in[i] && !y->in[i]) continue;
        if (!x->in[i] || !y->in[i]) return false;
        if (!counts_rows(x->in[i], x) || !counts_rows(y->in[i], y)) return false;
        if (!stacks(x->in[i], y->in[i])) return false;
    }
    return true;
}

/* Puts input i of all jobs together. */
static enum hn_status stack_input(struct seat *seat, struct hn_oneshot_job **jobs, size_t n,
                                  size_t i, struct hn_array *out, struct hn_error *err)
{
    size_t bytes = 0;
    for (size_t j = 0; j < n; j++) {
        const struct hn_array *a = ((struct hn_predict_job *)jobs[j])->in[i];
        if (j == 0) *out = *a;
        else out->n += a->n, out->shape[0] += a->shape[0];
    }
    const size_t each = hn_element_info(out->type)->bytes;
    if (seat->room[i] < out->n * each) {
        free(seat->stacked[i]);
        seat->room[i] = hn_round_up(2 * out->n * each, 64);
        seat->stacked[i] = aligned_alloc(64, seat->room[i]);
        if (!seat->stacked[i]) {
            const size_t wanted = seat->room[i];
            seat->room[i] = 0;
            return hn_fail_nomem(err, "a batch", wanted);
        }
    }
    out->data = seat->stacked[i];
    for (size_t j = 0; j < n; j++) {
        const struct hn_array *a = ((struct hn_predict_job *)jobs[j])->in[i];
        memcpy((char *)out->data + bytes, a->data, a->n * each);
        bytes += a->n * each;
    }
    return HN_OK;
}

/* A job's rows of an output. */
static void deal_out(struct hn_array *all, size_t first, size_t rows, struct hn_array *out)
{
    *out = *all;
    if (!all->n_dims || !all->shape[0]) return;
    const size_t each = all->n / all->shape[0];
    out->shape[0] = rows;
    out->n = rows * each;
    out->data = (char *)all->data + first * each * hn_element_info(all->type)->bytes;
}

/* --- running ----------------------------------------------------------------------------------- */

static enum hn_status sit_down(struct model *m, struct seat *seat, struct hn_error *err)
{
    for (; seat->n_kept; seat->n_kept--)
        free(seat->kept[seat->n_kept - 1]);
    return seat->run ? HN_OK : hn_prediction_begin(m->predictor, NULL, &seat->run, err);
}

static enum hn_status run_stacked(struct model *m, struct seat *seat, struct hn_oneshot_job **jobs,
                                  size_t n, struct hn_error *err)
{
    const struct hn_predictor_about *about = m->about;
    struct hn_predict_job *first = (struct hn_predict_job *)jobs[0];
    for (size_t i = 0; i < about->n_inputs; i++) {
        seat->in[i] = first->in[i] ? &seat->all[i] : NULL;
        if (seat->in[i]) HN_TRY(stack_input(seat, jobs, n, i, &seat->all[i], err));
    }
    HN_TRY(hn_prediction_run(seat->run, seat->in, first->wanted, first->out, err));
    /* The first job's outputs, which hold everybody's, come last. */
    size_t end = 0;
    for (size_t j = 0; j < n; j++)
        end += ((const struct hn_predict_job *)jobs[j])->rows;
    for (size_t j = n; j-- > 0;) {
        struct hn_predict_job *job = (struct hn_predict_job *)jobs[j];
        end -= job->rows;
        for (size_t i = 0; i < about->n_outputs; i++)
            deal_out(&first->out[i], end, job->rows, &job->out[i]);
    }
    return HN_OK;
}

static size_t bytes_of(const struct hn_array *a)
{
    size_t bytes = a->n * hn_element_info(a->type)->bytes;
    for (size_t i = 0; a->type == HN_EL_STRING && i < a->n; i++)
        bytes += ((const struct hn_str *)a->data)[i].n;
    return hn_round_up(bytes, 64);
}

/* Moves an output to memory of its own, with its texts. */
static void move(struct hn_array *a, char *to)
{
    const size_t n = a->n * hn_element_info(a->type)->bytes;
    if (n) memcpy(to, a->data, n);
    a->data = to;
    for (size_t i = 0; a->type == HN_EL_STRING && i < a->n; i++) {
        struct hn_str *text = &((struct hn_str *)a->data)[i];
        char *bytes = i ? (char *)text[-1].p + text[-1].n : to + n;
        if (text->n) memcpy(bytes, text->p, text->n);
        text->p = bytes;
    }
}

/* Keeps a job's outputs, which the next run would overwrite. */
static enum hn_status keep(struct model *m, struct seat *seat, struct hn_predict_job *job,
                           struct hn_error *err)
{
    size_t bytes = 64;
    for (size_t i = 0; i < m->about->n_outputs; i++)
        bytes += job->out[i].data ? bytes_of(&job->out[i]) : 0;
    char *room = aligned_alloc(64, bytes);
    if (!room) return hn_fail_nomem(err, "an answer", bytes);
    seat->kept[seat->n_kept++] = room;
    for (size_t i = 0; i < m->about->n_outputs; i++) {
        if (!job->out[i].data) continue;
        bytes = bytes_of(&job->out[i]);
        move(&job->out[i], room);
        room += bytes;
    }
    return HN_OK;
}

/* One after the other: what is wrong with one is not to hurt the others. */
static void run_each(struct model *m, struct seat *seat, struct hn_oneshot_job **jobs, size_t n)
{
    for (size_t j = 0; j < n; j++) {
        struct hn_predict_job *job = (struct hn_predict_job *)jobs[j];
        job->job.status =
            hn_prediction_run(seat->run, job->in, job->wanted, job->out, &job->job.error);
        if (job->job.status >= 0 && n > 1) job->job.status = keep(m, seat, job, &job->job.error);
    }
}

/* Never more than one thread. */
static void run(struct hn_oneshot *base, unsigned at, bool alone, struct hn_oneshot_job **jobs,
                size_t n)
{
    (void)alone;
    struct model *m = (struct model *)base;
    struct seat *seat = &m->seats[at];
    struct hn_error err;
    const enum hn_status status = sit_down(m, seat, &err);
    if (status < 0) {
        for (size_t j = 0; j < n; j++) {
            jobs[j]->status = status;
            jobs[j]->error = err;
        }
        return;
    }
    hn_prediction_cancel_by(seat->run, hn_lane_cancel(jobs, n));
    if (n == 1 || run_stacked(m, seat, jobs, n, &err) < 0) run_each(m, seat, jobs, n);
}

/* --- life -------------------------------------------------------------------------------------- */

static void close_seat(struct model *m, struct seat *seat)
{
    for (; seat->n_kept; seat->n_kept--)
        free(seat->kept[seat->n_kept - 1]);
    for (size_t i = 0; seat->stacked && i < m->about->n_inputs; i++)
        free(seat->stacked[i]);
    free(seat->stacked);
    free(seat->room);
    free(seat->all);
    free(seat->in);
    hn_prediction_end(seat->run);
}

static void close_model(struct hn_oneshot *base)
{
    struct model *m = (struct model *)base;
    for (unsigned i = 0; i < m->n_seats; i++)
        close_seat(m, &m->seats[i]);
    hn_predictor_close(m->predictor);
    free(m);
}

static const struct hn_oneshot_ops ops = {.run = run, .fits = fits, .close = close_model};

/* How many rows may be stacked: what fits well into a cache. */
static size_t max_rows(const struct hn_predictor_about *about)
{
    size_t most = 1;
    if (!about->stacks) return 1;
    for (size_t i = 0; i < about->n_inputs; i++) {
        const struct hn_port *port = &about->inputs[i];
        size_t bytes = hn_element_info(port->type)->bytes;
        for (size_t d = 1; port->known_rank && d < port->n_dims; d++)
            if (port->shape[d] > 0 && !hn_mul(bytes, (size_t)port->shape[d], &bytes)) return 1;
        most = hn_max(most, bytes);
    }
    return hn_max(hn_min(MAX_ROWS, STACK_BYTES / most), 1);
}

enum hn_status hn_predict_open(const struct hn_instance_options *options, unsigned seats,
                               struct hn_oneshot **out, struct hn_error *err)
{
    struct model *m = calloc(1, sizeof *m + seats * sizeof *m->seats);
    if (!m) return hn_fail_nomem(err, "a model in service", sizeof *m);
    m->base.ops = &ops;
    const struct hn_predictor_options how = {.cpu = options->cpu};
    enum hn_status status = hn_predictor_open(options->path, &how, &m->predictor, err);
    if (status < 0) {
        free(m);
        return status;
    }
    m->about = hn_predictor_about(m->predictor);
    m->base.type = m->about->kind;
    m->base.bytes = m->about->bytes;
    m->base.max_work = max_rows(m->about);
    for (; status >= 0 && m->n_seats < seats; m->n_seats++) {
        struct seat *seat = &m->seats[m->n_seats];
        const size_t n = m->about->n_inputs + 1;
        seat->stacked = calloc(n, sizeof *seat->stacked);
        seat->room = calloc(n, sizeof *seat->room);
        seat->all = calloc(n, sizeof *seat->all);
        seat->in = calloc(n, sizeof *seat->in);
        if (!seat->stacked || !seat->room || !seat->all || !seat->in)
            status = hn_fail_nomem(err, "a model in service", sizeof *seat);
    }
    if (status < 0) close_model(&m->base);
    else *out = &m->base;
    return status;
}

const struct hn_predictor_about *hn_predict_about(const struct hn_oneshot *model)
{
    return model && model->ops == &ops ? ((const struct model *)model)->about : NULL;
}
