/* Bodies of /v2/models/{model}/infer: JSON, and raw tensors behind a cut. */
#include "fuzz.h"

#include "base/bits.h"
#include "server/infer_request.h"
#include "server/tensors.h"

static const struct hn_port inputs[] = {
    {.name = "x", .type = HN_EL_F32},
    {.name = "i", .type = HN_EL_I64},
    {.name = "b", .type = HN_EL_BOOL},
    {.name = "s", .type = HN_EL_STRING},
};
static const struct hn_port outputs[] = {{.name = "y"}, {.name = "z", .on_request = true}};

/* What came in goes out again. */
static void write_back(const struct hn_array *a)
{
    struct hn_json_writer w = {0};
    struct hn_buf raw = {0};
    hn_tensor_put(&w, NULL, a);
    const size_t n = hn_tensor_put_raw(&raw, a);
    if (!raw.failed && n != raw.n) __builtin_trap();
    fuzz_touch(w.out.p, w.out.n);
    hn_buf_free(&w.out);
    hn_buf_free(&raw);
}

static void read_body(struct hn_str body, size_t json)
{
    const struct hn_predictor_about about = {.inputs = inputs,
                                             .outputs = outputs,
                                             .n_inputs = HN_COUNT(inputs),
                                             .n_outputs = HN_COUNT(outputs)};
    struct hn_array arrays[HN_COUNT(inputs)];
    const struct hn_array *in[HN_COUNT(inputs)] = {NULL};
    bool wanted[HN_COUNT(outputs)] = {false};
    struct hn_inference f = {.about = &about, .arrays = arrays, .in = in, .wanted = wanted};
    struct hn_infer_request r = {0};
    struct hn_error err;
    if (hn_infer_request_read(body, json, &f, &r, &err) >= 0) {
        for (size_t i = 0; i < HN_COUNT(inputs); i++)
            if (in[i]) write_back(in[i]);
        for (size_t i = 0; i < r.n_outputs; i++)
            if (!wanted[r.outputs[i].index]) __builtin_trap();
        fuzz_touch(r.id.p, r.id.n);
    }
    hn_arena_free(&f.arena);
}

void fuzz_one(const uint8_t *data, size_t n)
{
    struct hn_str parts[2];
    struct hn_buf body = {0};
    fuzz_split((struct hn_str){(const char *)data, n}, parts, 2);
    if (hn_buf_str(&body, parts[0]) >= 0 && hn_buf_str(&body, parts[1]) >= 0)
        read_body(hn_buf_view(&body), parts[0].n);
    hn_buf_free(&body);
}
