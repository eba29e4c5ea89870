/* Bodies of /v1/predictions, for a model of one matrix, one of named categories, and one of several inputs. */
#include "fuzz.h"

#include "base/bits.h"
#include "server/predictions.h"

static const struct hn_port matrix[] = {
    {.name = "x", .type = HN_EL_F32, .known_rank = true, .n_dims = 2, .shape = {-1, 3}},
};
static const char *const labels[] = {"city", "size", "x"};
static const struct hn_str cities[] = {{"Chur", 4}, {"", 0}, {"Bern", 4}};
static const double sizes[] = {20, -1.5};
static const uint32_t by_city[] = {1, 2, 0}, by_size[] = {1, 0};
static const struct hn_categories categories[] = {
    {.names = {.texts = cities, .n = 3}, .order = by_city},
    {.names = {.numbers = sizes, .n = 2}, .order = by_size},
    {.names = {.n = 0}},
};
static const struct hn_port strict[] = {
    {.name = "x",
     .type = HN_EL_F64,
     .known_rank = true,
     .n_dims = 2,
     .shape = {-1, 3},
     .labels = labels,
     .n_labels = 3,
     .categories = categories,
     .strict = true},
};
static const struct hn_port columns[] = {
    {.name = "age", .type = HN_EL_F64, .known_rank = true, .n_dims = 1, .shape = {-1}},
    {.name = "city", .type = HN_EL_STRING, .known_rank = true, .n_dims = 2, .shape = {-1, 1}},
    {.name = "n", .type = HN_EL_I8, .known_rank = true, .n_dims = 1, .shape = {-1}},
    {.name = "w", .type = HN_EL_F16, .known_rank = true, .n_dims = 2, .shape = {-1, 2}},
};
static const struct hn_port outputs[] = {{.name = "y"},
                                         {.name = "contributions", .on_request = true}};

static void fill(const struct hn_prediction_body *body, struct hn_str text,
                 const struct hn_port *inputs, size_t n)
{
    const struct hn_predictor_about about = {
        .inputs = inputs, .outputs = outputs, .n_inputs = n, .n_outputs = HN_COUNT(outputs)};
    const struct hn_array *in[HN_COUNT(columns)] = {NULL};
    bool wanted[HN_COUNT(outputs)] = {false};
    struct hn_inference f = {.about = &about, .in = in, .wanted = wanted};
    struct hn_refusal why;
    if (hn_prediction_fill(&f, body, text, &why) >= 0)
        for (size_t i = 0; i < n; i++) {
            if (!in[i] || in[i]->shape[0] != f.rows) __builtin_trap();
            fuzz_touch(in[i]->data, in[i]->n * hn_element_info(in[i]->type)->bytes);
        }
    if (f.forget) f.forget(f.mind);
    hn_arena_free(&f.arena);
}

void fuzz_one(const uint8_t *data, size_t n)
{
    struct hn_error err;
    struct hn_prediction_body body;
    const struct hn_str text = {(const char *)data, n};
    if (hn_prediction_body_read(text, &body, &err) < 0) return;
    fill(&body, text, matrix, HN_COUNT(matrix));
    fill(&body, text, strict, HN_COUNT(strict));
    fill(&body, text, columns, HN_COUNT(columns));
}
