#include "cli/yardstick.h"

#include "backend/cpu/pack.h"

enum hn_status hn_yardstick_measure(struct hn_pool *pool, const struct hn_kernels *kernels,
                                    struct hn_yardstick *out, struct hn_error *err)
{
    out->kernels = kernels;
    return hn_limits_measure(pool, kernels, &out->limits, err);
}

double hn_yardstick_read_s(const struct hn_yardstick *y, const struct hn_cost *cost)
{
    return (cost->weight_bytes + cost->kv_bytes) / y->limits.read_bytes;
}

double hn_yardstick_multiply_s(const struct hn_yardstick *y, const struct hn_cost *cost)
{
    double seconds = cost->attention_macs / y->limits.dot[HN_ACT_F32];
    for (int type = 0; type < HN_DTYPES; type++) {
        const enum hn_act_kind kind = y->kernels->matmul[hn_pack_for((enum hn_dtype)type)].act;
        seconds += cost->macs[type] / y->limits.dot[kind];
    }
    return seconds;
}

const char *hn_yardstick_form(enum hn_act_kind kind)
{
    static const char *const names[HN_ACT_KINDS] = {[HN_ACT_F32] = "f32",
                                                    [HN_ACT_BF16] = "bf16",
                                                    [HN_ACT_SPLIT] = "split_bf16",
                                                    [HN_ACT_Q8] = "int8"};
    return names[kind];
}

void hn_yardstick_json(struct hn_json_writer *w, const struct hn_yardstick *y)
{
    hn_json_put_real(w, "read_bytes", y->limits.read_bytes);
    hn_json_open(w, "multiply_adds", '{');
    for (int kind = 0; kind < HN_ACT_KINDS; kind++)
        hn_json_put_real(w, hn_yardstick_form((enum hn_act_kind)kind), y->limits.dot[kind]);
    hn_json_close(w, '}');
}
