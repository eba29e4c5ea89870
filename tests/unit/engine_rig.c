#include "engine_rig.h"

#include <string.h>

#include "base/bits.h"
#include "unit.h"

struct rig rig;

void rig_start(size_t context, size_t batch)
{
    const struct hn_plan_options options = {
        .context = context, .sequences = RIG_SEQUENCES, .batch = batch, .kv_type = HN_KV_F16};
    rig_start_planned(&options);
}

/* A tick passes between two looks. */
static uint64_t tick(void *ctx)
{
    uint64_t *ns = ctx;
    return *ns += 1000;
}

void rig_start_planned(const struct hn_plan_options *options)
{
    const struct tiny_spec spec = tiny_llama(HN_Q8_0);
    struct hn_error err = {.text = ""};
    tiny_load(&rig.model, &spec, options, 2);
    rig.tokenizer = tiny_tokenizer();
    ck_assert_int_eq(hn_engine_create(rig.model.decoder, rig.tokenizer, &rig.engine, &err), HN_OK);
    hn_engine_clock(rig.engine, tick, &rig.ns);
}

void rig_stop(void)
{
    hn_engine_destroy(rig.engine);
    hn_tokenizer_destroy(rig.tokenizer);
    tiny_unload(&rig.model);
}

static void put_text(struct rig_answer *a, struct hn_str text)
{
    ck_assert_uint_le(a->text_n + text.n, sizeof a->text);
    if (text.n) memcpy(a->text + a->text_n, text.p, text.n);
    a->text_n += text.n;
}

static bool on_token(void *ctx, const struct hn_token_event *event)
{
    struct rig_answer *a = ctx;
    ck_assert_int_eq(a->done, 0);
    ck_assert_uint_lt(a->n, HN_COUNT(a->ids));
    a->ids[a->n++] = event->id;
    put_text(a, event->text);
    return a->n != a->stop_after;
}

static void on_done(void *ctx, enum hn_finish finish, struct hn_str text,
                    const struct hn_usage *usage, const struct hn_error *err)
{
    struct rig_answer *a = ctx;
    a->done++;
    a->finish = finish;
    a->usage = *usage;
    if (err) a->err = *err;
    put_text(a, text);
}

size_t rig_prompt(int32_t tokens[400], size_t s)
{
    const size_t n = 100 + 40 * (s % 6);
    for (size_t i = 0; i < n; i++)
        tokens[i] = (int32_t)(3 + (i * 31 + s * 17 + i * i) % 256);
    return n;
}

struct hn_request rig_request(struct rig_answer *a, const int32_t *tokens, size_t n)
{
    struct hn_request r = {
        .tokens = tokens,
        .n_tokens = n,
        .max_tokens = 24,
        .sample = hn_sample_defaults(),
        .ignore_eog = true,
        .sink = {.ctx = a, .token = on_token, .done = on_done},
    };
    r.sample.seed = 7;
    return r;
}

uint64_t rig_submit(const struct hn_request *r)
{
    struct hn_error err = {.text = ""};
    uint64_t id;
    ck_assert_msg(hn_engine_submit(rig.engine, r, &id, &err) == HN_OK, "%s", err.text);
    return id;
}

void rig_run(void)
{
    for (int steps = 0; hn_engine_busy(rig.engine); steps++) {
        ck_assert_int_lt(steps, 10000);
        hn_engine_step(rig.engine);
    }
}

void rig_expect_same(const struct rig_answer *a, const struct rig_answer *b)
{
    ck_assert_uint_eq(a->n, b->n);
    for (size_t i = 0; i < a->n; i++)
        ck_assert_msg(a->ids[i] == b->ids[i], "token %zu is %d, not %d", i, b->ids[i], a->ids[i]);
    ck_assert_mem_eq(a->text, b->text, a->text_n);
}
