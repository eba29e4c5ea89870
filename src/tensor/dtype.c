#include "tensor/dtype.h"

#include <strings.h>

#include "base/bits.h"

static const struct hn_dtype_info infos[HN_DTYPES] = {
#define X(name, text, id, block, bytes) [HN_##name] = {text, id, block, bytes},
#include "tensor/dtype.def"
#undef X
};

const struct hn_dtype_info *hn_dtype_info(enum hn_dtype type)
{
    return &infos[type];
}

bool hn_dtype_from_gguf(uint32_t id, enum hn_dtype *out)
{
    for (int i = 0; i < HN_DTYPES; i++) {
        if (infos[i].gguf_id != id) continue;
        *out = (enum hn_dtype)i;
        return true;
    }
    return false;
}

bool hn_dtype_from_name(const char *name, enum hn_dtype *out)
{
    for (int i = 0; i < HN_DTYPES; i++) {
        if (strcasecmp(infos[i].name, name) != 0) continue;
        *out = (enum hn_dtype)i;
        return true;
    }
    return false;
}

bool hn_dtype_bytes(enum hn_dtype type, size_t n, size_t *out)
{
    const struct hn_dtype_info *info = &infos[type];
    if (n % info->block) return false;
    return hn_mul(n / info->block, info->bytes, out);
}
