#include "model/cost.h"

#include "base/bits.h"

double hn_cost_keys(size_t pos, size_t n, size_t window)
{
    /* Before the window is full, position p sees p + 1 keys. */
    const size_t free = !window ? n : pos < window ? hn_min(n, window - pos) : 0;
    const double first = (double)pos + 1, last = (double)(pos + free);
    return (first + last) / 2 * (double)free + (double)(n - free) * (double)window;
}

void hn_cost_add(struct hn_cost *cost, const struct hn_config *config, const struct hn_plan *plan,
                 size_t pos, size_t n, size_t n_logits)
{
    const double head = (double)config->n_vocab * (double)config->n_embd;
    for (int type = 0; type < HN_DTYPES; type++) {
        const double here = type == (int)plan->head_type ? head : 0;
        cost->macs[type] += (plan->macs[type] - here) * (double)n + here * (double)n_logits;
    }
    size_t local = 0;
    for (size_t i = 0; i < config->n_layers; i++)
        local += hn_config_has_window(config, i);
    const double all = (double)(config->n_layers - local);
    const double layer_bytes = (double)plan->kv_token_bytes / (double)config->n_layers;
    const double dims = (double)config->n_heads * (double)(config->dim_k + config->dim_v);
    const size_t end = pos + n;
    const double near = (double)(config->window ? hn_min(end, n + config->window - 1) : end);
    cost->kv_bytes += layer_bytes * (all * (double)end + (double)local * near);
    cost->attention_macs += dims * (all * hn_cost_keys(pos, n, 0) +
                                    (double)local * hn_cost_keys(pos, n, config->window));
}
