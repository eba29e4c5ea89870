#include "kernels/layout.h"

#include "base/bits.h"

static const struct {
    const char *name;
    size_t block;
    size_t bytes;
} units[HN_PACKS] = {
#define X(name, text, block, bytes) {text, block, bytes},
#include "kernels/pack.def"
#undef X
};

enum {
#define X(name, text, block, bytes) BYTES_##name = (bytes),
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

const char *hn_pack_name(enum hn_pack pack)
{
    return units[pack].name;
}

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
