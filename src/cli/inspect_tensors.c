#include <stdlib.h>

#include "cli/inspect.h"

/* Splits "blk.12.attn_q.weight" around its first number between dots; false when it has none. */
static bool split(struct hn_str name, struct hn_str *before, struct hn_str *after)
{
    for (size_t i = 1; i < name.n; i++) {
        if (name.p[i - 1] != '.') continue;
        size_t end = i;
        while (end < name.n && name.p[end] >= '0' && name.p[end] <= '9')
            end++;
        if (end == i || end == name.n || name.p[end] != '.') continue;
        *before = (struct hn_str){name.p, i};
        *after = (struct hn_str){name.p + end, name.n - end};
        return true;
    }
    *before = name;
    *after = (struct hn_str){"", 0};
    return false;
}

static bool alike(const struct hn_tensor *a, const struct hn_tensor *b)
{
    return a->type == b->type && a->n_dims == b->n_dims && !memcmp(a->ne, b->ne, sizeof a->ne);
}

enum hn_status hn_tensor_groups(const struct hn_weights *weights, struct hn_tensor_group **out,
                                size_t *n, struct hn_error *err)
{
    struct hn_tensor_group *groups = calloc(weights->n + 1, sizeof *groups);
    if (!groups) return hn_fail_nomem(err, "tensor list", weights->n * sizeof *groups);
    *n = 0;
    for (size_t i = 0; i < weights->n; i++) {
        const struct hn_tensor *t = &weights->items[i];
        struct hn_tensor_group new = {.first = t, .n = 1, .bytes = t->bytes};
        new.numbered = split(t->name, &new.before, &new.after);
        size_t g = *n;
        /* A layer has some dozens of tensors at most: what is alike was seen shortly before. */
        for (size_t back = 1; new.numbered &&back <= *n &&back <= 64; back++) {
            const struct hn_tensor_group *old = &groups[*n - back];
            if (old->numbered && hn_str_eq(old->before, new.before) &&
                hn_str_eq(old->after, new.after) && alike(old->first, t)) {
                g = *n - back;
                break;
            }
        }
        if (g == *n) groups[(*n)++] = new;
        else {
            groups[g].n++;
            groups[g].bytes += t->bytes;
        }
    }
    *out = groups;
    return HN_OK;
}

struct hn_tensor_sum hn_tensor_total(const struct hn_weights *weights)
{
    struct hn_tensor_sum sum = {0};
    for (size_t i = 0; i < weights->n; i++) {
        sum.elements += hn_tensor_elements(&weights->items[i]);
        sum.bytes += weights->items[i].bytes;
    }
    return sum;
}
