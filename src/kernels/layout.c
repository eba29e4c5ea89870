#include "kernels/layout.h"

#include "base/bits.h"

static const struct {
    size_t block;
    size_t bytes;
} units[HN_PACKS] = {
#define X(name, block, bytes) {block, bytes},
#include "kernels/pack.def"
#undef X
};

enum {
#define X(name, block, bytes) BYTES_##name = (bytes),
#include "kernels/pack.def"
#undef X
};
_Static_assert(sizeof(struct hn_pack_q8) == BYTES_Q8, "Q8");
_Static_assert(sizeof(struct hn_pack_q4) == BYTES_Q4, "Q4");
_Static_assert(sizeof(struct hn_pack_q4k) == BYTES_Q4K, "Q4K");
_Static_assert(sizeof(struct hn_pack_q6k) == BYTES_Q6K, "Q6K");
_Static_assert(sizeof(struct hn_pack_i8g32) == BYTES_I8G32, "I8G32");
_Static_assert(sizeof(struct hn_pack_i8g32m) == BYTES_I8G32M, "I8G32M");
_Static_assert(sizeof(struct hn_pack_i8g16) == BYTES_I8G16, "I8G16");
_Static_assert(sizeof(struct hn_pack_i8g16m) == BYTES_I8G16M, "I8G16M");

size_t hn_pack_block(enum hn_pack pack)
{
    return units[pack].block;
}

size_t hn_pack_unit_bytes(enum hn_pack pack)
{
    return units[pack].bytes;
}

size_t hn_panel_bytes(enum hn_pack pack, size_t k)
{
    return hn_round_up(hn_div_up(k, units[pack].block) * units[pack].bytes, 64);
}

size_t hn_kv_row_bytes(enum hn_kv_type type, size_t n)
{
    switch (type) {
    case HN_KV_F32: return n * sizeof(float);
    case HN_KV_F16:
    case HN_KV_BF16: return n * sizeof(uint16_t);
    default: return n / HN_ACT_BLOCK * sizeof(struct hn_kv_q8);
    }
}

void hn_kv_put_key(enum hn_kv_type type, void *keys, size_t slot, const void *row, size_t n)
{
    if (type == HN_KV_F32) {
        for (size_t i = 0; i < n; i++)
            ((float *)keys)[i * HN_KV_PAGE + slot] = ((const float *)row)[i];
    } else if (type == HN_KV_Q8_0) {
        const struct hn_kv_q8 *from = row;
        struct hn_kv_q8_keys *to = keys;
        for (size_t b = 0; b < n / HN_ACT_BLOCK; b++) {
            to[b].d[slot] = from[b].d;
            for (size_t i = 0; i < HN_ACT_BLOCK; i++)
                to[b].q[i][slot] = from[b].q[i];
        }
    } else {
        for (size_t i = 0; i < n; i++)
            ((uint16_t *)keys)[i * HN_KV_PAGE + slot] = ((const uint16_t *)row)[i];
    }
}
