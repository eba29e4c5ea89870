/* Operators that ONNX once had and ONNX Runtime still has: functions of one number with parameters. */
#include "model/graph/lower.h"

static float param(const struct hn_lower *l, const char *name, float fallback)
{
    return hn_node_float(l->call, name, fallback);
}

/* alpha x + beta */
void hn_lower_affine(struct hn_lower *l)
{
    const int32_t x = hn_lower_in(l, 0);
    const int32_t scaled = HN_LOWER(l, "Mul", x, hn_lower_real_as(l, param(l, "alpha", 1), x));
    l->out[0] = HN_LOWER(l, "Add", scaled, hn_lower_real_as(l, param(l, "beta", 0), x));
}

void hn_lower_scale(struct hn_lower *l)
{
    const int32_t x = hn_lower_in(l, 0);
    l->out[0] = HN_LOWER(l, "Mul", x, hn_lower_real_as(l, param(l, "scale", 1), x));
}

/* alpha f(beta x) */
static void around(struct hn_lower *l, const char *function)
{
    const int32_t x = hn_lower_in(l, 0);
    const int32_t in = HN_LOWER(l, "Mul", x, hn_lower_real_as(l, param(l, "beta", 1), x));
    const int32_t out = hn_lower_node(l, "", function, 1, &in, 1);
    l->out[0] = HN_LOWER(l, "Mul", out, hn_lower_real_as(l, param(l, "alpha", 1), x));
}

void hn_lower_scaled_tanh(struct hn_lower *l)
{
    around(l, "Tanh");
}

void hn_lower_parametric_softplus(struct hn_lower *l)
{
    around(l, "Softplus");
}
