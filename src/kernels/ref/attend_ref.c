/* Reference attention over one KV page, and the writers of its rows. */
#include "kernels/list.h"

#include <math.h>
#include <string.h>

#include "kernels/layout.h"
#include "tensor/codec.h"

void hn_kv_store_f32_ref(void *dst, const float *src, size_t n)
{
    memcpy(dst, src, n * sizeof *src);
}

void hn_kv_store_f16_ref(void *dst, const float *src, size_t n)
{
    uint16_t *y = dst;
    for (size_t i = 0; i < n; i++)
        y[i] = hn_f32_to_f16(src[i]);
}

void hn_kv_store_bf16_ref(void *dst, const float *src, size_t n)
{
    hn_act_bf16_ref(dst, src, n);
}

void hn_kv_store_q8_0_ref(void *dst, const float *src, size_t n)
{
    struct hn_kv_q8 *y = dst;
    for (size_t b = 0; b < n / HN_ACT_BLOCK; b++) {
        float d;
        int16_t sums[2];
        hn_act_q8_ref(y[b].q, &d, sums, src + b * HN_ACT_BLOCK, HN_ACT_BLOCK, 1);
        y[b].d = hn_f32_to_f16(d);
    }
}

/* Element i of the key in slot j, and of the value there. */
static float key_element(enum hn_kv_type type, const void *keys, size_t j, size_t i)
{
    const size_t at = i * HN_KV_PAGE + j;
    const struct hn_kv_q8_keys *block = (const struct hn_kv_q8_keys *)keys + i / HN_ACT_BLOCK;
    switch (type) {
    case HN_KV_F32: return ((const float *)keys)[at];
    case HN_KV_F16: return hn_f16_to_f32(((const uint16_t *)keys)[at]);
    case HN_KV_BF16: return hn_bf16_to_f32(((const uint16_t *)keys)[at]);
    default: return hn_f16_to_f32(block->d[j]) * (float)block->q[i % HN_ACT_BLOCK][j];
    }
}

static float value_element(enum hn_kv_type type, const void *row, size_t i)
{
    const struct hn_kv_q8 *block = (const struct hn_kv_q8 *)row + i / HN_ACT_BLOCK;
    switch (type) {
    case HN_KV_F32: return ((const float *)row)[i];
    case HN_KV_F16: return hn_f16_to_f32(((const uint16_t *)row)[i]);
    case HN_KV_BF16: return hn_bf16_to_f32(((const uint16_t *)row)[i]);
    default: return hn_f16_to_f32(block->d) * (float)block->q[i % HN_ACT_BLOCK];
    }
}

static void attend_one(const struct hn_attend_args *args, struct hn_attend_query *query,
                       enum hn_kv_type type)
{
    struct hn_attend_state *state = &query->state;
    const size_t v_bytes = hn_kv_row_bytes(type, args->dim_v);
    float scores[HN_KV_PAGE];
    float max = state->m;
    for (size_t j = args->first; j < args->last; j++) {
        double dot = 0;
        for (size_t i = 0; i < args->dim_k; i++)
            dot += (double)query->q[i] * (double)key_element(type, args->k, j, i);
        scores[j] = (float)dot * args->scale;
        if (args->softcap > 0) scores[j] = args->softcap * tanhf(scores[j] / args->softcap);
        if (query->slope > 0) scores[j] -= query->slope * fabsf((float)j - query->at);
        if (query->bias) scores[j] += query->bias[j];
        if (!(scores[j] <= max)) max = scores[j];
    }
    if (max == -INFINITY) return; /* nothing seen so far has any weight */

    const float keep = expf(state->m - max);
    state->m = max;
    state->l *= keep;
    for (size_t i = 0; i < args->dim_v; i++)
        query->acc[i] *= keep;
    for (size_t j = args->first; j < args->last; j++) {
        const char *v = (const char *)args->v + j * v_bytes;
        const float weight = expf(scores[j] - max);
        state->l += weight;
        for (size_t i = 0; i < args->dim_v; i++)
            query->acc[i] += weight * value_element(type, v, i);
    }
}

static void attend(const struct hn_attend_args *args, enum hn_kv_type type)
{
    for (size_t i = 0; i < args->n; i++)
        attend_one(args, &args->queries[i], type);
}

void hn_attend_f32_ref(const struct hn_attend_args *args)
{
    attend(args, HN_KV_F32);
}

void hn_attend_f16_ref(const struct hn_attend_args *args)
{
    attend(args, HN_KV_F16);
}

void hn_attend_bf16_ref(const struct hn_attend_args *args)
{
    attend(args, HN_KV_BF16);
}

void hn_attend_q8_0_ref(const struct hn_attend_args *args)
{
    attend(args, HN_KV_Q8_0);
}
