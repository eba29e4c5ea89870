#include "text/grammar_nfa.h"

#include <stdlib.h>

#include "base/bits.h"
#include "text/utf8.h"

enum {
    MAX_NODES = 1 << 20,
    MAX_ARCS = 1 << 22,
    NONE = UINT32_MAX,
    SMALL_UNIT = 4,   /* weight of what is copied when it is repeated ... */
    FEW_COPIES = 4,   /* ... and of how many copies anything is made */
    MAX_LEVEL = 2500, /* of trees within rules that were put in place */
};

static enum hn_status too_big(const struct hn_nfa *nfa)
{
    return hn_fail(nfa->err, HN_E_LIMIT,
                   "the grammar is too big: a rule of it would have more than %d places",
                   MAX_NODES);
}

/* A bigger array for at least one more, NULL when there is no memory. */
static void *grown(void *p, uint32_t *cap, size_t size)
{
    const uint32_t more = *cap ? *cap * 2 : 256;
    void *q = realloc(p, more * size);
    if (q) *cap = more;
    return q;
}

static enum hn_status new_node(struct hn_nfa *nfa, uint32_t *out)
{
    if (nfa->n_nodes == MAX_NODES) return too_big(nfa);
    if (nfa->n_nodes == nfa->cap_nodes) {
        uint32_t *first = grown(nfa->first, &nfa->cap_nodes, sizeof *first);
        if (!first) return hn_fail_nomem(nfa->err, "a grammar", nfa->n_nodes * sizeof *first);
        nfa->first = first;
    }
    nfa->first[nfa->n_nodes] = NONE;
    *out = nfa->n_nodes++;
    return HN_OK;
}

static enum hn_status add_arc(struct hn_nfa *nfa, uint32_t from, struct hn_arc arc)
{
    if (nfa->n_arcs == MAX_ARCS) return too_big(nfa);
    if (nfa->n_arcs == nfa->cap_arcs) {
        struct hn_arc *arcs = grown(nfa->arcs, &nfa->cap_arcs, sizeof *arcs);
        if (!arcs) return hn_fail_nomem(nfa->err, "a grammar", nfa->n_arcs * sizeof *arcs);
        nfa->arcs = arcs;
    }
    arc.next = nfa->first[from];
    nfa->arcs[nfa->n_arcs] = arc;
    nfa->first[from] = nfa->n_arcs++;
    return HN_OK;
}

static enum hn_status add_free(struct hn_nfa *nfa, uint32_t from, uint32_t to)
{
    return add_arc(nfa, from, (struct hn_arc){.kind = HN_ARC_FREE, .target = to});
}

static enum hn_status add_bytes(struct hn_nfa *nfa, uint32_t from, uint32_t lo, uint32_t hi,
                                uint32_t to)
{
    return add_arc(nfa, from,
                   (struct hn_arc){.kind = HN_ARC_BYTES, .lo = lo, .hi = hi, .target = to});
}

static enum hn_status add_call(struct hn_nfa *nfa, uint32_t from, uint32_t rule, uint32_t to)
{
    return add_arc(nfa, from, (struct hn_arc){.kind = HN_ARC_CALL, .lo = rule, .target = to});
}

static enum hn_status add_text(struct hn_nfa *nfa, uint32_t from, struct hn_str text, uint32_t to)
{
    if (!text.n) return add_free(nfa, from, to);
    for (size_t i = 0; i < text.n; i++) {
        const uint32_t byte = (unsigned char)text.p[i];
        uint32_t next = to;
        if (i + 1 < text.n) HN_TRY(new_node(nfa, &next));
        HN_TRY(add_bytes(nfa, from, byte, byte, next));
        from = next;
    }
    return HN_OK;
}

/* Characters of the same length in UTF-8 whose encodings differ as numbers in base 64 do. `rest` has the
 * nodes from which so many bytes, any that may follow, lead to the target. */
struct tail {
    uint32_t node[4];
};

static enum hn_status any_tail(struct hn_nfa *nfa, struct tail *tail, size_t bytes)
{
    if (tail->node[bytes] != NONE) return HN_OK;
    HN_TRY(any_tail(nfa, tail, bytes - 1));
    HN_TRY(new_node(nfa, &tail->node[bytes]));
    return add_bytes(nfa, tail->node[bytes], 0x80, 0xBF, tail->node[bytes - 1]);
}

/* The encodings from lo to hi, of the same length n, from byte `at` on; their bytes before are equal. */
static enum hn_status add_encoded(struct hn_nfa *nfa, uint32_t from, const char *lo, const char *hi,
                                  size_t n, struct tail *tail)
{
    const uint32_t a = (unsigned char)lo[0], b = (unsigned char)hi[0];
    if (n == 1) return add_bytes(nfa, from, a, b, tail->node[0]);
    bool lo_first = true, hi_last = true; /* whether the rest is all that may follow */
    for (size_t i = 1; i < n; i++) {
        lo_first &= (unsigned char)lo[i] == 0x80;
        hi_last &= (unsigned char)hi[i] == 0xBF;
    }
    static const char least[] = "\x80\x80\x80", most[] = "\xBF\xBF\xBF";
    if (a == b && !(lo_first && hi_last)) {
        uint32_t next;
        HN_TRY(new_node(nfa, &next));
        HN_TRY(add_bytes(nfa, from, a, a, next));
        return add_encoded(nfa, next, lo + 1, hi + 1, n - 1, tail);
    }
    uint32_t first = a, last = b;
    if (!lo_first) {
        uint32_t next;
        HN_TRY(new_node(nfa, &next));
        HN_TRY(add_bytes(nfa, from, a, a, next));
        HN_TRY(add_encoded(nfa, next, lo + 1, most, n - 1, tail));
        first++;
    }
    if (!hi_last) {
        uint32_t next;
        HN_TRY(new_node(nfa, &next));
        HN_TRY(add_bytes(nfa, from, b, b, next));
        HN_TRY(add_encoded(nfa, next, least, hi + 1, n - 1, tail));
        last--;
    }
    if (first > last) return HN_OK;
    HN_TRY(any_tail(nfa, tail, n - 1));
    return add_bytes(nfa, from, first, last, tail->node[n - 1]);
}

/* The characters from lo to hi, none of them a surrogate between two that are not. */
static enum hn_status add_range(struct hn_nfa *nfa, uint32_t from, uint32_t lo, uint32_t hi,
                                struct tail *tail)
{
    static const uint32_t last_of_length[] = {0x7F, 0x7FF, 0xFFFF, 0x10FFFF};
    for (size_t i = 0; i < HN_COUNT(last_of_length) && lo <= hi; i++) {
        if (lo > last_of_length[i]) continue;
        const uint32_t end = hi < last_of_length[i] ? hi : last_of_length[i];
        char a[4], b[4];
        const size_t n = hn_utf8_encode(lo, a);
        hn_utf8_encode(end, b);
        HN_TRY(add_encoded(nfa, from, a, b, n, tail));
        lo = end + 1;
    }
    return HN_OK;
}

/* What JSON lets stand in a string only behind a backslash: the way it is written here. */
static enum hn_status add_escaped(struct hn_nfa *nfa, uint32_t from, uint32_t c, uint32_t to)
{
    static const char plain[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    const char *found = c ? strchr(plain, (int)c) : NULL;
    if (found) {
        const char text[] = {'\\', letters[found - plain]};
        return add_text(nfa, from, (struct hn_str){text, sizeof text}, to);
    }
    uint32_t next, last;
    HN_TRY(new_node(nfa, &next));
    HN_TRY(new_node(nfa, &last));
    HN_TRY(add_text(nfa, from, c < 0x10 ? HN_STR("\\u000") : HN_STR("\\u001"), next));
    const uint32_t digit = c & 15;
    if (digit < 10) return add_bytes(nfa, next, '0' + digit, '0' + digit, to);
    HN_TRY(add_bytes(nfa, next, 'a' + digit - 10, 'a' + digit - 10, to));
    return add_bytes(nfa, next, 'A' + digit - 10, 'A' + digit - 10, to);
}

static enum hn_status add_json_range(struct hn_nfa *nfa, uint32_t from, uint32_t lo, uint32_t hi,
                                     struct tail *tail)
{
    for (uint32_t c = lo; c <= hi && c <= '\\'; c++) {
        const bool escaped = c < 0x20 || c == '"' || c == '\\';
        if (!escaped) continue;
        if (lo < c) HN_TRY(add_range(nfa, from, lo, c - 1, tail));
        HN_TRY(add_escaped(nfa, from, c, tail->node[0]));
        lo = c + 1;
    }
    return lo <= hi ? add_range(nfa, from, lo, hi, tail) : HN_OK;
}

static enum hn_status add_chars(struct hn_nfa *nfa, uint32_t from, struct hn_chars r, bool json,
                                struct tail *tail)
{
    if (nfa->as_chars)
        return add_arc(nfa, from,
                       (struct hn_arc){HN_ARC_CHARS, json, r.lo, r.hi, tail->node[0], 0});
    return json ? add_json_range(nfa, from, r.lo, r.hi, tail)
                : add_range(nfa, from, r.lo, r.hi, tail);
}

static enum hn_status build(struct hn_nfa *nfa, struct hn_expr *e, uint32_t from, uint32_t to,
                            unsigned level);

static enum hn_status build_seq(struct hn_nfa *nfa, const struct hn_expr *e, uint32_t from,
                                uint32_t to, unsigned level)
{
    for (uint32_t i = 0; i < e->n; i++) {
        uint32_t next = to;
        if (i + 1 < e->n) HN_TRY(new_node(nfa, &next));
        HN_TRY(build(nfa, e->items[i], from, next, level));
        from = next;
    }
    return e->n ? HN_OK : add_free(nfa, from, to);
}

/* The weight of a tree without the rules it calls; more than `most` is not counted. */
static uint32_t weigh(const struct hn_expr *e, uint32_t most)
{
    uint32_t sum = 1;
    if (e->kind == HN_EXPR_BYTES) return (uint32_t)hn_min(e->text.n, most + 1);
    if (e->kind == HN_EXPR_CLASS) return e->n && e->ranges[e->n - 1].hi >= 0x80 ? 8 : 1;
    if (e->kind == HN_EXPR_CALL) return 2;
    if (e->kind == HN_EXPR_LIST || e->kind == HN_EXPR_BOUNDED) return most + 1;
    if (e->kind == HN_EXPR_REPEAT)
        return e->max == HN_EXPR_FOREVER || e->max > most ? most + 1
                                                          : weigh(e->items[0], most) * e->max;
    for (uint32_t i = 0; i < e->n && sum <= most; i++)
        sum += weigh(e->items[i], most);
    return sum;
}

/* A call of a rule that stands for the item of a repetition. */
static enum hn_status outline(struct hn_nfa *nfa, struct hn_expr *e, struct hn_expr **call)
{
    struct hn_rules *rules = nfa->rules;
    if (e->rule == NONE) {
        e->rule = hn_rules_add(rules, HN_STR("(repeated)"));
        if (e->rule == NONE) return hn_rules_fail(rules, nfa->err);
        rules->rules[e->rule].body = e->items[0];
        rules->rules[e->rule].done = true;
        rules->rules[e->rule].nullable = hn_expr_nullable(rules, e->items[0]);
    }
    *call = hn_expr_call(rules, e->rule);
    return *call ? HN_OK : hn_rules_fail(rules, nfa->err);
}

static enum hn_status build_repeat(struct hn_nfa *nfa, struct hn_expr *e, uint32_t from,
                                   uint32_t to, unsigned level)
{
    struct hn_expr *item = e->items[0];
    const bool forever = e->max == HN_EXPR_FOREVER;
    const uint32_t copies = forever ? e->min : e->max;
    const bool many = copies > FEW_COPIES && !nfa->as_chars;
    /* Many copies of what may be empty: none is taken to be, but all may lack. */
    const bool empty = many && hn_expr_nullable(nfa->rules, item);
    if (empty || (many && item->kind != HN_EXPR_CALL && weigh(item, SMALL_UNIT) > SMALL_UNIT))
        HN_TRY(outline(nfa, e, &item));
    for (uint32_t i = 0; i < copies; i++) {
        uint32_t next;
        if (empty || i >= e->min) HN_TRY(add_free(nfa, from, to));
        HN_TRY(new_node(nfa, &next));
        if (empty) HN_TRY(add_call(nfa, from, item->rule, next));
        else HN_TRY(build(nfa, item, from, next, level));
        from = next;
    }
    if (!forever) return add_free(nfa, from, to);
    uint32_t loop;
    HN_TRY(new_node(nfa, &loop));
    HN_TRY(add_free(nfa, from, loop));
    HN_TRY(build(nfa, item, loop, loop, level));
    return add_free(nfa, loop, to);
}

/* Two rows of nodes: before anything has come, and after. An item leads from both to the second. */
static enum hn_status build_list(struct hn_nfa *nfa, const struct hn_expr *e, uint32_t from,
                                 uint32_t to, unsigned level)
{
    uint32_t first = from, after;
    HN_TRY(new_node(nfa, &after));
    for (uint32_t i = 0; i < e->n; i++) {
        uint32_t start, end, next_first;
        const bool again = e->many && i + 1 == e->n;
        HN_TRY(new_node(nfa, &start));
        HN_TRY(new_node(nfa, &end));
        HN_TRY(new_node(nfa, &next_first));
        HN_TRY(add_free(nfa, first, start));
        HN_TRY(build(nfa, e->sep, after, start, level));
        HN_TRY(build(nfa, e->items[i], start, end, level));
        if (e->optional[i]) HN_TRY(add_free(nfa, first, next_first));
        if (e->optional[i]) HN_TRY(add_free(nfa, after, end));
        if (again) HN_TRY(build(nfa, e->sep, end, start, level));
        first = next_first;
        after = end;
    }
    HN_TRY(add_free(nfa, first, to));
    return add_free(nfa, after, to);
}

/* Where a place of the item, after so many characters, stands; from the table or made and queued. */
struct product {
    uint32_t base, n; /* the item's nodes */
    uint32_t counts;  /* per node */
    uint32_t *at;     /* [n * counts] the node in the product, or NONE */
    uint32_t *queue;  /* indices of `at` */
    uint32_t n_queue;
};

static enum hn_status place_of(struct hn_nfa *nfa, struct product *p, uint32_t node, uint32_t count,
                               uint32_t *out)
{
    const uint32_t index = (node - p->base) * p->counts + count;
    if (p->at[index] == NONE) {
        HN_TRY(new_node(nfa, &p->at[index]));
        p->queue[p->n_queue++] = index;
    }
    *out = p->at[index];
    return HN_OK;
}

static enum hn_status cross(struct hn_nfa *nfa, const struct hn_expr *e, struct product *p,
                            uint32_t from, uint32_t to)
{
    uint32_t here;
    HN_TRY(place_of(nfa, p, p->base, 0, &here));
    HN_TRY(add_free(nfa, from, here));
    for (uint32_t i = 0; i < p->n_queue; i++) {
        const uint32_t node = p->base + p->queue[i] / p->counts, count = p->queue[i] % p->counts;
        here = p->at[p->queue[i]];
        if (node == p->base + 1 && count >= e->min) HN_TRY(add_free(nfa, here, to));
        for (uint32_t a = nfa->first[node]; a != NONE; a = nfa->arcs[a].next) {
            const struct hn_arc arc = nfa->arcs[a];
            uint32_t there, next = count;
            if (arc.kind == HN_ARC_CHARS && ++next == p->counts) {
                if (e->max != HN_EXPR_FOREVER) continue;
                next--; /* enough is enough */
            }
            HN_TRY(place_of(nfa, p, arc.target, next, &there));
            if (arc.kind == HN_ARC_FREE) {
                HN_TRY(add_free(nfa, here, there));
                continue;
            }
            struct tail tail = {{there, NONE, NONE, NONE}};
            HN_TRY(add_chars(nfa, here, (struct hn_chars){arc.lo, arc.hi}, arc.json, &tail));
        }
    }
    return HN_OK;
}

/* The item's automaton over characters, times a count of them. */
static enum hn_status build_bounded(struct hn_nfa *nfa, const struct hn_expr *e, uint32_t from,
                                    uint32_t to, unsigned level)
{
    struct product p = {.counts = (e->max == HN_EXPR_FOREVER ? e->min : e->max) + 1};
    uint32_t start = 0, end = 0;
    size_t places, bytes;
    nfa->as_chars = true;
    HN_TRY(new_node(nfa, &start));
    HN_TRY(new_node(nfa, &end));
    HN_TRY(build(nfa, e->items[0], start, end, level));
    nfa->as_chars = false;
    p.base = start;
    p.n = nfa->n_nodes - start;
    if (!hn_mul(p.n, p.counts, &places) || places > MAX_NODES) return too_big(nfa);
    bytes = places * sizeof *p.at;
    p.at = malloc(bytes);
    p.queue = malloc(bytes);
    enum hn_status status = HN_E_NOMEM;
    if (p.at && p.queue) {
        memset(p.at, 0xFF, bytes);
        status = cross(nfa, e, &p, from, to);
    } else {
        hn_fail_nomem(nfa->err, "a grammar", bytes);
    }
    free(p.at);
    free(p.queue);
    return status;
}

static enum hn_status build_call(struct hn_nfa *nfa, const struct hn_expr *e, uint32_t from,
                                 uint32_t to, unsigned level)
{
    const struct hn_rule *rule = &nfa->rules->rules[e->rule];
    if (rule->inlined) return build(nfa, rule->body, from, to, level);
    HN_TRY(add_call(nfa, from, e->rule, to));
    return rule->nullable ? add_free(nfa, from, to) : HN_OK;
}

static enum hn_status build(struct hn_nfa *nfa, struct hn_expr *e, uint32_t from, uint32_t to,
                            unsigned level)
{
    if (level++ == MAX_LEVEL)
        return hn_fail(nfa->err, HN_E_LIMIT, "the grammar is nested too deeply");
    switch (e->kind) {
    case HN_EXPR_BYTES: return add_text(nfa, from, e->text, to);
    case HN_EXPR_CLASS: {
        struct tail tail = {{to, NONE, NONE, NONE}};
        for (uint32_t i = 0; i < e->n; i++)
            HN_TRY(add_chars(nfa, from, e->ranges[i], e->json, &tail));
        return HN_OK;
    }
    case HN_EXPR_SEQ: return build_seq(nfa, e, from, to, level);
    case HN_EXPR_ALT:
        for (uint32_t i = 0; i < e->n; i++)
            HN_TRY(build(nfa, e->items[i], from, to, level));
        return HN_OK;
    case HN_EXPR_REPEAT: return build_repeat(nfa, e, from, to, level);
    case HN_EXPR_CALL: return build_call(nfa, e, from, to, level);
    case HN_EXPR_LIST: return build_list(nfa, e, from, to, level);
    case HN_EXPR_BOUNDED: return build_bounded(nfa, e, from, to, level);
    }
    return HN_E_INTERNAL;
}

enum hn_status hn_nfa_build(struct hn_nfa *nfa, uint32_t rule)
{
    uint32_t start = 0, end = 0;
    nfa->n_arcs = nfa->n_nodes = 0;
    nfa->as_chars = false;
    HN_TRY(new_node(nfa, &start));
    HN_TRY(new_node(nfa, &end));
    return build(nfa, nfa->rules->rules[rule].body, start, end, 0);
}

void hn_nfa_free(struct hn_nfa *nfa)
{
    free(nfa->arcs);
    free(nfa->first);
    *nfa = (struct hn_nfa){0};
}
