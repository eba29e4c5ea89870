/* com.microsoft: MurmurHash3, by which features become numbers. */
#include "model/graph/op_list.h"

static uint32_t turn(uint32_t x, int by)
{
    return x << by | x >> (32 - by);
}

/* MurmurHash3_x86_32 of Austin Appleby. */
static uint32_t hash(const uint8_t *bytes, size_t n, uint32_t seed)
{
    uint32_t h = seed;
    for (size_t at = 0; at < n; at += 4) {
        uint32_t k = 0;
        for (size_t i = 0; i < 4 && at + i < n; i++)
            k |= (uint32_t)bytes[at + i] << 8 * i;
        h ^= turn(k * 0xcc9e2d51u, 15) * 0x1b873593u;
        if (at + 4 <= n) h = turn(h, 13) * 5 + 0xe6546b64u;
    }
    h ^= (uint32_t)n;
    h = (h ^ h >> 16) * 0x85ebca6bu;
    h = (h ^ h >> 13) * 0xc2b2ae35u;
    return h ^ h >> 16;
}

enum hn_status hn_op_murmur_hash_3(struct hn_op *op)
{
    const struct hn_array *x = op->in[0];
    const uint32_t seed = (uint32_t)hn_op_int(op, "seed", 0);
    const bool texts = x->type == HN_EL_STRING;
    const size_t bytes = hn_element_info(x->type)->bytes;
    const enum hn_element type = hn_op_int(op, "positive", 1) ? HN_EL_U32 : HN_EL_I32;
    if (!texts && (!hn_element_is_number(x->type) || bytes < 4)) return hn_op_fail_type(op, 0);
    uint32_t *y = hn_op_out(op, 0, type, x->shape, x->n_dims);
    if (!y) return hn_op_failed(op);
    for (size_t i = 0; i < x->n; i++) {
        const struct hn_str *s = texts ? (const struct hn_str *)x->data + i : NULL;
        y[i] = s ? hash((const uint8_t *)s->p, s->n, seed)
                 : hash((const uint8_t *)x->data + i * bytes, bytes, seed);
    }
    return HN_OK;
}
