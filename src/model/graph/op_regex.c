/* RegexFullMatch. */
#include "model/graph/op_args.h"
#include "model/graph/op_list.h"

#include <stdlib.h>

#include "text/regex.h"
#include "text/utf8.h"

struct pattern {
    struct hn_op_state state;
    struct hn_regex *regex;
};

static void pattern_free(struct hn_op_state *state)
{
    struct pattern *p = (struct pattern *)state;
    hn_regex_destroy(p->regex);
    free(p);
}

enum hn_status hn_op_prepare_regex_full_match(struct hn_op *op, struct hn_op_state **out)
{
    struct hn_regex *regex;
    struct hn_error why = {0};
    const enum hn_status status =
        hn_regex_create_whole(hn_op_text(op, "pattern", ""), &regex, &why);
    if (status < 0) return hn_op_fail(op, status, "%s", why.text);
    struct pattern *p = calloc(1, sizeof *p);
    if (!p) {
        hn_regex_destroy(regex);
        return hn_fail_nomem(op->err, "a pattern", sizeof *p);
    }
    p->state = (struct hn_op_state){.free = pattern_free, .bytes = sizeof *p};
    p->regex = regex;
    *out = &p->state;
    return HN_OK;
}

enum hn_status hn_op_regex_full_match(struct hn_op *op)
{
    const struct pattern *p = op->state;
    const struct hn_array *x = op->in[0];
    struct hn_regex_scratch scratch = {0};
    enum hn_status status = HN_OK;
    if (x->type != HN_EL_STRING) return hn_op_fail_type(op, 0);
    bool *y = hn_op_out(op, 0, HN_EL_BOOL, x->shape, x->n_dims);
    if (!y) return hn_op_failed(op);
    for (size_t i = 0; i < x->n && status >= 0; i++) {
        const struct hn_str text = ((const struct hn_str *)x->data)[i];
        size_t start, end;
        y[i] = false;
        if (hn_utf8_valid(text) == text.n)
            status = hn_regex_find(p->regex, &scratch, text, 0, &y[i], &start, &end, op->err);
    }
    hn_regex_scratch_free(&scratch);
    return status;
}
