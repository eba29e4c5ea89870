#include "cli/inspect_plan.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/bits.h"
#include "base/cpu.h"
#include "cli/show.h"
#include "cli/terminal.h"

enum { PROMPT = 512 };

/* --- finding out ------------------------------------------------------------------------------- */

static enum hn_status measure(const struct hn_inspect_options *o, struct hn_yardstick *out,
                              struct hn_error *err)
{
    enum hn_cpu_level level;
    struct hn_backend *backend;
    const unsigned threads = o->session.threads ? (unsigned)o->session.threads : hn_cpu_count();
    HN_TRY(hn_cpu_choose(getenv("HENCE_CPU"), &level, err));
    HN_TRY(hn_cpu_backend_create(threads, level, &backend, err));
    const enum hn_status status = hn_yardstick_measure(hn_cpu_backend_pool(backend),
                                                       hn_cpu_backend_kernels(backend), out, err);
    hn_backend_destroy(backend);
    return status;
}

static enum hn_status plan_encoder(struct hn_inspection *in)
{
    struct hn_weights_size size;
    HN_TRY(hn_encoder_config_read(in->file, &in->encoder, &in->plan_error));
    HN_TRY(hn_encoder_measure(in->file, &in->encoder, &hn_cpu_backend_ops, &size, &in->plan_error));
    in->plan.weight_bytes = size.bytes;
    return HN_OK;
}

void hn_inspect_plan(const struct hn_inspect_options *o, struct hn_inspection *in)
{
    const struct hn_plan_options wanted = hn_session_plan(&o->session);
    if (hn_encoder_is(in->file)) {
        in->plan_status = plan_encoder(in);
        return;
    }
    in->plan_status = hn_config_read(in->file, &in->config, &in->plan_error);
    if (in->plan_status < 0) return;
    in->plan_status =
        hn_plan_make(&in->config, in->file, NULL, &wanted, &in->plan, &in->plan_error);
    if (o->quick || !in->plan.read_bytes) return;
    in->measured = measure(o, &in->yardstick, &in->measure_error) >= 0;
}

/* The most tokens per second that a step may give: `sequences` tokens or a prompt. */
static double at_most(const struct hn_inspection *in, size_t pos, size_t n)
{
    struct hn_cost cost = {0};
    hn_cost_add_step(&cost, &in->plan);
    hn_cost_add(&cost, &in->config, &in->plan, pos, n, 1);
    const double read = hn_yardstick_read_s(&in->yardstick, &cost);
    const double multiply = hn_yardstick_multiply_s(&in->yardstick, &cost);
    return (double)n / (read > multiply ? read : multiply);
}

static size_t prompt_length(const struct hn_inspection *in)
{
    return hn_min(PROMPT, in->plan.context);
}

/* --- telling ----------------------------------------------------------------------------------- */

static void heading(const char *text)
{
    const struct hn_style style = hn_terminal_style(stdout);
    printf("\n%s%s%s\n", style.bold, text, style.plain);
}

static void print_size(const char *what, size_t bytes, const char *remark)
{
    char size[HN_SHOW_BYTES];
    printf("  %-15s %9s%s%s\n", what, hn_show_size(size, (double)bytes), *remark ? "  " : "",
           remark);
}

static void print_memory(const struct hn_inspection *in)
{
    const struct hn_plan *p = &in->plan;
    const struct hn_style style = hn_terminal_style(stdout);
    char remark[100], size[HN_SHOW_BYTES];
    heading("Memory");
    if (p->total_bytes) {
        print_size("weights", p->weight_bytes, "as the kernels take them");
        snprintf(remark, sizeof remark, "%zu positions, %s each, %s", p->context,
                 hn_show_size(size, (double)p->kv_token_bytes), hn_kv_type_name(p->kv_type));
        print_size("keys and values", p->kv_bytes, remark);
        snprintf(remark, sizeof remark, "for steps of up to %zu tokens", p->batch);
        print_size("activations", p->scratch_bytes, remark);
        snprintf(remark, sizeof remark, "of %s that may be used",
                 hn_show_size(size, (double)p->machine_bytes));
        print_size("in all", p->total_bytes, remark);
    }
    if (in->plan_status < 0) printf("  %s%s%s\n", style.bad, in->plan_error.text, style.plain);
}

static void print_rate(const char *what, double rate, const char *remark)
{
    char text[40];
    snprintf(text, sizeof text, rate < 99.5 ? "%.1f" : "%.0f", rate);
    printf("  %-15s %9s  tokens/s %s\n", what, text, remark);
}

static void print_speed(const struct hn_inspection *in)
{
    const struct hn_yardstick *y = &in->yardstick;
    const size_t context = in->plan.context;
    char remark[100], size[HN_SHOW_BYTES];
    if (!in->measured) return;
    heading("Speed on this machine, at most");
    print_rate("an answer", at_most(in, 0, 1), "at its beginning");
    snprintf(remark, sizeof remark, "after %zu tokens", context - 1);
    print_rate("", at_most(in, context - 1, 1), remark);
    snprintf(remark, sizeof remark, "of %zu tokens", prompt_length(in));
    print_rate("a prompt", at_most(in, 0, prompt_length(in)), remark);
    printf("  as its memory reads %s/s and its %u thread%s multiply %.3g G/s (int8);\n"
           "  caches may do better, and hence bench measures what it really is\n",
           hn_show_size(size, y->limits.read_bytes), y->limits.threads,
           y->limits.threads > 1 ? "s" : "", y->limits.dot[HN_ACT_Q8] * 1e-9);
}

static void print_encoder(const struct hn_inspection *in)
{
    const struct hn_encoder_config *c = &in->encoder;
    heading("Encoder");
    printf("  %-15s %zu tokens\n", "longest text", c->n_context);
    if (c->n_labels) printf("  %-15s %zu\n", "labels", c->n_labels);
    else printf("  %-15s %zu\n", "dimensions", c->n_out);
    printf("  %-15s %s\n", "pooling", hn_pooling_names[c->pooling]);
    printf("  %-15s hence %s, hence serve\n", "commands",
           c->pooling == HN_POOLING_RANK ? "rerank" : "embed");
    heading("Memory");
    print_size("weights", in->plan.weight_bytes, "");
}

void hn_inspect_plan_text(const struct hn_inspection *in)
{
    const struct hn_style style = hn_terminal_style(stdout);
    if (in->encoder.family && in->plan_status >= 0) {
        print_encoder(in);
        return;
    }
    if (in->plan.total_bytes || in->config.family) {
        print_memory(in);
        print_speed(in);
        return;
    }
    heading("Memory");
    printf("  %shence cannot run this: %s%s\n", style.bad, in->plan_error.text, style.plain);
}

void hn_inspect_plan_json(struct hn_json_writer *w, const struct hn_inspection *in)
{
    const struct hn_plan *p = &in->plan;
    hn_json_put_bool(w, "runs", in->plan_status >= 0);
    if (in->plan_status < 0) hn_json_put_text(w, "why_not", hn_str_from(in->plan_error.text));
    if (in->encoder.family) {
        hn_json_open(w, "encoder", '{');
        hn_json_put_uint(w, "context", in->encoder.n_context);
        hn_json_put_uint(w, "dimensions", in->encoder.n_out);
        hn_json_put_uint(w, "labels", in->encoder.n_labels);
        hn_json_put_text(w, "pooling", hn_str_from(hn_pooling_names[in->encoder.pooling]));
        hn_json_put_uint(w, "weight_bytes", p->weight_bytes);
        hn_json_close(w, '}');
    }
    if (p->total_bytes) {
        hn_json_open(w, "memory", '{');
        hn_json_put_uint(w, "context", p->context);
        hn_json_put_text(w, "kv_type", hn_str_from(hn_kv_type_name(p->kv_type)));
        hn_json_put_uint(w, "batch", p->batch);
        hn_json_put_uint(w, "weight_bytes", p->weight_bytes);
        hn_json_put_uint(w, "weight_bytes_per_token", p->read_bytes);
        hn_json_put_uint(w, "kv_bytes", p->kv_bytes);
        hn_json_put_uint(w, "kv_bytes_per_position", p->kv_token_bytes);
        hn_json_put_uint(w, "activation_bytes", p->scratch_bytes);
        hn_json_put_uint(w, "total_bytes", p->total_bytes);
        hn_json_put_uint(w, "available_bytes", p->machine_bytes);
        hn_json_close(w, '}');
    }
    if (!in->measured) return;
    hn_json_open(w, "speed_at_most", '{');
    hn_json_put_uint(w, "threads", in->yardstick.limits.threads);
    hn_json_open(w, "limits_per_s", '{');
    hn_yardstick_json(w, &in->yardstick);
    hn_json_close(w, '}');
    hn_json_put_real(w, "decode_tokens_per_s_empty", at_most(in, 0, 1));
    hn_json_put_real(w, "decode_tokens_per_s_full", at_most(in, p->context - 1, 1));
    hn_json_put_uint(w, "prefill_tokens", prompt_length(in));
    hn_json_put_real(w, "prefill_tokens_per_s", at_most(in, 0, prompt_length(in)));
    hn_json_close(w, '}');
}
