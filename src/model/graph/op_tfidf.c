/* TfIdfVectorizer: how often which runs of words are in a text. */
#include "model/graph/op_args.h"
#include "model/graph/op_list.h"

#include <stdlib.h>

#include "base/bits.h"

/* Words: integers, or strings (then `numbers` is NULL). */
struct words {
    const int64_t *numbers;
    const struct hn_str *texts;
    size_t n;
};

/* A run of words of the vocabulary and the output it counts for; n is 0 in an empty place. */
struct gram {
    uint64_t hash;
    size_t first, n, output;
};

struct vocabulary {
    struct hn_op_state state;
    struct words pool;
    struct gram *grams; /* by hash, in the next free place */
    size_t mask;        /* places less one */
    size_t n_outputs, shortest, longest, skips;
    const float *weights; /* one per output, or NULL */
    bool binary;          /* counts past one do not count */
};

static uint64_t extend_hash(uint64_t hash, const struct words *w, size_t i)
{
    const uint64_t word = w->numbers ? (uint64_t)w->numbers[i] : hn_str_hash(w->texts[i], 0);
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    return hash ^ (hash >> 29);
}

static bool same_word(const struct words *a, size_t i, const struct words *b, size_t j)
{
    return a->numbers ? a->numbers[i] == b->numbers[j] : hn_str_eq(a->texts[i], b->texts[j]);
}

/* The place of a run of n words, `step` apart, or the free one where it would go. */
static struct gram *find_gram(const struct vocabulary *v, uint64_t hash, const struct words *w,
                              size_t first, size_t n, size_t step)
{
    for (size_t i = (size_t)hash & v->mask;; i = (i + 1) & v->mask) {
        struct gram *g = &v->grams[i];
        if (g->n == 0) return g;
        bool same = g->hash == hash && g->n == n;
        for (size_t k = 0; same && k < n; k++)
            same = same_word(&v->pool, g->first + k, w, first + k * step);
        if (same) return g;
    }
}

static void add_gram(struct vocabulary *v, size_t first, size_t n, size_t output)
{
    uint64_t hash = 0;
    for (size_t k = 0; k < n; k++)
        hash = extend_hash(hash, &v->pool, first + k);
    *find_gram(v, hash, &v->pool, first, n, 1) = (struct gram){hash, first, n, output};
}

static void vocabulary_free(struct hn_op_state *state)
{
    struct vocabulary *v = (struct vocabulary *)state;
    free(v->grams);
    free(v);
}

/* Runs of each length, of those that count, into the table. */
static enum hn_status add_grams(struct hn_op *op, struct vocabulary *v)
{
    size_t n_counts, n_indexes, id = 0;
    const int64_t *counts = hn_op_ints(op, "ngram_counts", &n_counts);
    const int64_t *indexes = hn_op_ints(op, "ngram_indexes", &n_indexes);
    for (size_t i = 0; i < n_indexes; i++) {
        if (indexes[i] < 0) return hn_op_fail(op, HN_E_FORMAT, "a negative ngram_indexes");
        v->n_outputs = hn_max(v->n_outputs, (size_t)indexes[i] + 1);
    }
    for (size_t c = 0; c < n_counts; c++) {
        const int64_t start = counts[c],
                      end = c + 1 < n_counts ? counts[c + 1] : (int64_t)v->pool.n;
        if (start < 0 || end < start || (size_t)end > v->pool.n)
            return hn_op_fail(op, HN_E_FORMAT, "ngram_counts does not fit the pool");
        const size_t length = c + 1, n = (size_t)(end - start) / length;
        if (n > n_indexes - id)
            return hn_op_fail(op, HN_E_FORMAT, "more n-grams than ngram_indexes");
        for (size_t i = 0; i < n; i++, id++)
            if (length >= v->shortest && length <= v->longest)
                add_gram(v, (size_t)start + i * length, length, (size_t)indexes[id]);
    }
    return HN_OK;
}

static enum hn_status read_attributes(struct hn_op *op, struct vocabulary *v)
{
    size_t n_weights;
    v->pool.numbers = hn_op_ints(op, "pool_int64s", &v->pool.n);
    if (!v->pool.numbers) v->pool.texts = hn_op_texts(op, "pool_strings", &v->pool.n);
    const int64_t shortest = hn_op_int(op, "min_gram_length", 1);
    const int64_t longest = hn_op_int(op, "max_gram_length", 1);
    const int64_t skips = hn_op_int(op, "max_skip_count", 0);
    if (shortest < 1 || longest < shortest || skips < 0)
        return hn_op_fail(op, HN_E_FORMAT, "n-grams of %lld to %lld words, %lld skipped",
                          (long long)shortest, (long long)longest, (long long)skips);
    v->shortest = (size_t)shortest, v->longest = (size_t)longest, v->skips = (size_t)skips;
    const struct hn_str mode = hn_op_text(op, "mode", "TF");
    v->binary = hn_str_is(mode, "IDF");
    if (!v->binary && !hn_str_is(mode, "TF") && !hn_str_is(mode, "TFIDF"))
        return hn_op_fail(op, HN_E_UNSUPPORTED, "mode '%.*s'", HN_FMT(mode));
    if (!hn_str_is(mode, "TF")) v->weights = hn_op_floats(op, "weights", &n_weights);
    size_t places = 8;
    while (places < 2 * v->pool.n)
        places *= 2;
    v->mask = places - 1;
    v->grams = calloc(places, sizeof *v->grams);
    if (!v->grams) return hn_fail_nomem(op->err, "n-grams", places * sizeof *v->grams);
    HN_TRY(add_grams(op, v));
    if (v->weights && n_weights < v->n_outputs)
        return hn_op_fail(op, HN_E_FORMAT, "%zu weights for %zu outputs", n_weights, v->n_outputs);
    v->state.bytes = sizeof *v + places * sizeof *v->grams;
    return HN_OK;
}

enum hn_status hn_op_prepare_tf_idf_vectorizer(struct hn_op *op, struct hn_op_state **out)
{
    struct vocabulary *v = calloc(1, sizeof *v);
    if (!v) return hn_fail_nomem(op->err, "n-grams", sizeof *v);
    v->state.free = vocabulary_free;
    const enum hn_status status = read_attributes(op, v);
    if (status < 0) {
        vocabulary_free(&v->state);
        return status;
    }
    *out = &v->state;
    return HN_OK;
}

/* Runs that start at one word, `step` apart. */
static void count_from(const struct vocabulary *v, const struct words *w, size_t first, size_t end,
                       size_t step, size_t shortest, float *counts)
{
    uint64_t hash = 0;
    for (size_t n = 1, at = first; n <= v->longest && at < end; n++) {
        hash = extend_hash(hash, w, at);
        if (n >= shortest) {
            const struct gram *g = find_gram(v, hash, w, first, n, step);
            if (g->n) counts[g->output]++;
        }
        if (step >= end - at) break;
        at += step;
    }
}

/* Words [first, end). Runs of one word do not change with what is skipped: they count once. */
static void count_row(const struct vocabulary *v, const struct words *w, size_t first, size_t end,
                      float *counts)
{
    size_t shortest = v->shortest;
    for (size_t step = 1; step - 1 <= v->skips && step <= end - first; step++) {
        for (size_t i = first; i < end; i++)
            count_from(v, w, i, end, step, shortest, counts);
        if (shortest == 1) shortest = 2;
        if (shortest > v->longest) return;
    }
}

enum hn_status hn_op_tf_idf_vectorizer(struct hn_op *op)
{
    const struct vocabulary *v = op->state;
    const struct hn_array *x = op->in[0];
    struct words words = {.n = x->n};
    if (x->n_dims > 2) return hn_op_fail(op, HN_E_FORMAT, "%zu dimensions", x->n_dims);
    if (v->pool.numbers) HN_TRY(hn_op_ints_of(op, 0, &words.numbers, &words.n));
    else if (x->type == HN_EL_STRING) words.texts = x->data;
    else return hn_op_fail_type(op, 0);
    const size_t rows = x->n_dims == 2 ? x->shape[0] : 1, row = rows ? x->n / rows : 0;
    const size_t shape[2] = {rows, v->n_outputs};
    float *y = x->n_dims == 2 ? hn_op_out(op, 0, HN_EL_F32, shape, 2)
                              : hn_op_out(op, 0, HN_EL_F32, shape + 1, 1);
    if (!y) return hn_op_failed(op);
    memset(y, 0, op->out[0].n * sizeof *y);
    for (size_t i = 0; i < rows; i++) {
        float *counts = y + i * v->n_outputs;
        count_row(v, &words, i * row, (i + 1) * row, counts);
        for (size_t k = 0; k < v->n_outputs; k++) {
            if (v->binary && counts[k] > 1) counts[k] = 1;
            if (v->weights) counts[k] *= v->weights[k];
        }
    }
    return HN_OK;
}
