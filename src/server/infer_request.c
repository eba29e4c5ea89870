#include "server/infer_request.h"

#include "base/bits.h"
#include "server/tensors.h"

/* A body being read. */
struct body {
    struct hn_json_reader json;
    struct hn_str raw; /* what is left of the raw tensors */
    struct hn_inference *f;
    struct hn_infer_request *r;
    struct hn_error *err;
    unsigned char *binary; /* per output, how it was said to come: 0: not said, 1: JSON, 2: raw */
};

/* An input, or output, as far as it is read. */
struct tensor {
    size_t index; /* of the port; SIZE_MAX: not named yet */
    bool typed, shaped, filled, sized;
    struct hn_array a;
    struct hn_str data; /* as JSON, where it came before type and shape */
    uint64_t raw_bytes; /* binary_data_size, where that was said */
    unsigned char binary;
};

/* --- parameters -------------------------------------------------------------------------------- */

static enum hn_status read_size(struct hn_json_reader *r, uint64_t *out)
{
    struct hn_json_number number;
    HN_TRY(hn_json_read_number(r, &number));
    if (!number.integer || (number.negative && number.whole))
        return hn_json_wrong(r, "expected a size");
    *out = number.whole;
    return HN_OK;
}

/* Those of the whole request, of an input or an output; others than ours may be there. */
static enum hn_status read_parameters(struct body *b, struct tensor *t)
{
    struct hn_json_reader *r = &b->json;
    if (hn_json_peek(r) == 'n') return hn_json_read_null(r);
    HN_TRY(hn_json_enter(r, '{'));
    for (bool more, truth;;) {
        struct hn_str key;
        HN_TRY(hn_json_next_key(r, &more, &key));
        if (!more) return HN_OK;
        if (!t && hn_str_is(key, "binary_data_output")) {
            HN_TRY(hn_json_read_bool(r, &b->r->binary_output));
        } else if (t && hn_str_is(key, "binary_data_size")) {
            HN_TRY(read_size(r, &t->raw_bytes));
            t->sized = true;
        } else if (t && hn_str_is(key, "binary_data")) {
            HN_TRY(hn_json_read_bool(r, &truth));
            t->binary = truth ? 2 : 1;
        } else if (t && hn_str_is(key, "classification")) {
            return hn_json_wrong(r, "the classification extension is not supported");
        } else {
            HN_TRY(hn_json_skip(r, NULL));
        }
    }
}

/* --- inputs ------------------------------------------------------------------------------------ */

static enum hn_status read_input_name(struct body *b, size_t *out)
{
    struct hn_str name;
    HN_TRY(hn_json_read_text(&b->json, &name));
    return hn_predictor_input(b->f->about, name, out, b->err);
}

static enum hn_status read_output_name(struct body *b, size_t *out)
{
    struct hn_str name;
    HN_TRY(hn_json_read_text(&b->json, &name));
    return hn_predictor_output(b->f->about, name, out, b->err);
}

static enum hn_status read_shape(struct body *b, struct hn_array *a)
{
    struct hn_json_reader *r = &b->json;
    HN_TRY(hn_json_enter(r, '['));
    for (bool more;;) {
        uint64_t size = 0;
        HN_TRY(hn_json_next(r, ']', &more));
        if (!more) break;
        if (a->n_dims == HN_ARRAY_DIMS) return hn_json_wrong(r, "too many dimensions");
        HN_TRY(read_size(r, &size));
        a->shape[a->n_dims++] = (size_t)size;
    }
    if (hn_shape_count(a->shape, a->n_dims, sizeof(struct hn_str), &a->n)) return HN_OK;
    return hn_json_wrong(r, "the shape is too large");
}

static enum hn_status read_datatype(struct body *b, struct hn_array *a)
{
    struct hn_str name;
    HN_TRY(hn_json_read_text(&b->json, &name));
    if (hn_datatype_find(name, &a->type)) return HN_OK;
    return hn_fail(b->err, HN_E_FORMAT, "there is no datatype '%.*s'", HN_FMT(name));
}

/* Reads the elements where `r` stands. They take two bytes of JSON each at least, so that memory is
 * bounded by the body. */
static enum hn_status read_data(struct body *b, struct hn_json_reader *r, struct tensor *t)
{
    if (t->a.n > (size_t)(b->json.end - b->json.start) / 2)
        return hn_json_wrong(r, "there is less data than the shape says");
    const size_t bytes = hn_element_info(t->a.type)->bytes;
    t->a.data = hn_arena_alloc(&b->f->arena, t->a.n, bytes);
    if (!t->a.data) return hn_fail_nomem(b->err, "a tensor", t->a.n * bytes);
    t->filled = true;
    return hn_tensor_read(r, &t->a, &b->f->arena);
}

static enum hn_status read_member(struct body *b, struct hn_str key, struct tensor *t)
{
    struct hn_json_reader *r = &b->json;
    if (hn_str_is(key, "name")) return read_input_name(b, &t->index);
    if (hn_str_is(key, "shape")) {
        if (t->shaped) return hn_json_wrong(r, "the shape is said twice");
        t->shaped = true;
        return read_shape(b, &t->a);
    }
    if (hn_str_is(key, "datatype")) {
        if (t->typed) return hn_json_wrong(r, "the datatype is said twice");
        t->typed = true;
        return read_datatype(b, &t->a);
    }
    if (hn_str_is(key, "parameters")) return read_parameters(b, t);
    if (!hn_str_is(key, "data"))
        return hn_fail(b->err, HN_E_FORMAT, "an input has no member '%.*s'", HN_FMT(key));
    if (t->filled || t->data.p) return hn_json_wrong(r, "the data are there twice");
    return t->typed && t->shaped ? read_data(b, r, t) : hn_json_skip(r, &t->data);
}

/* The elements, if they were not read yet: raw, or JSON that came before type and shape. */
static enum hn_status fill(struct body *b, struct tensor *t)
{
    if (t->sized) {
        if (t->filled || t->data.p)
            return hn_json_wrong(&b->json, "the data are there twice, in JSON and raw");
        if (t->raw_bytes > b->raw.n)
            return hn_json_wrong(&b->json, "there are fewer raw bytes behind the JSON");
        const struct hn_str bytes = {b->raw.p, (size_t)t->raw_bytes};
        b->raw = (struct hn_str){b->raw.p + bytes.n, b->raw.n - bytes.n};
        return hn_tensor_read_raw(bytes, &t->a, &b->f->arena, b->err);
    }
    if (t->filled) return HN_OK;
    if (!t->data.p) return hn_json_wrong(&b->json, "the input has no data");
    struct hn_json_reader again = b->json;
    again.text = (struct hn_buf){0};
    again.p = t->data.p;
    again.end = t->data.p + t->data.n;
    const enum hn_status status = read_data(b, &again, t);
    hn_buf_free(&again.text);
    return status;
}

static enum hn_status read_input(struct body *b)
{
    struct hn_json_reader *r = &b->json;
    struct tensor t = {.index = SIZE_MAX};
    HN_TRY(hn_json_enter(r, '{'));
    for (bool more;;) {
        struct hn_str key;
        HN_TRY(hn_json_next_key(r, &more, &key));
        if (!more) break;
        HN_TRY(read_member(b, key, &t));
    }
    if (t.index == SIZE_MAX || !t.typed || !t.shaped)
        return hn_json_wrong(r, "an input has a name, a datatype and a shape");
    if (b->f->in[t.index])
        return hn_fail(b->err, HN_E_FORMAT, "the input '%s' is there twice",
                       b->f->about->inputs[t.index].name);
    const enum hn_status status = fill(b, &t);
    if (status < 0)
        return hn_fail_in(b->err, status, "input '%s'", b->f->about->inputs[t.index].name);
    b->f->arrays[t.index] = t.a;
    b->f->in[t.index] = &b->f->arrays[t.index];
    return HN_OK;
}

/* --- outputs ----------------------------------------------------------------------------------- */

static enum hn_status add_output(struct body *b, size_t index, unsigned char binary)
{
    b->f->wanted[index] = true;
    b->binary[b->r->n_outputs] = binary;
    b->r->outputs[b->r->n_outputs++] = (struct hn_infer_output){.index = index};
    return HN_OK;
}

static enum hn_status read_output(struct body *b)
{
    struct hn_json_reader *r = &b->json;
    struct tensor t = {.index = SIZE_MAX};
    HN_TRY(hn_json_enter(r, '{'));
    for (bool more;;) {
        struct hn_str key;
        HN_TRY(hn_json_next_key(r, &more, &key));
        if (!more) break;
        if (hn_str_is(key, "name")) HN_TRY(read_output_name(b, &t.index));
        else if (hn_str_is(key, "parameters")) HN_TRY(read_parameters(b, &t));
        else return hn_fail(b->err, HN_E_FORMAT, "an output has no member '%.*s'", HN_FMT(key));
    }
    if (t.index == SIZE_MAX) return hn_json_wrong(r, "an output has a name");
    if (b->f->wanted[t.index])
        return hn_fail(b->err, HN_E_FORMAT, "the output '%s' is asked for twice",
                       b->f->about->outputs[t.index].name);
    return add_output(b, t.index, t.binary);
}

/* --- all --------------------------------------------------------------------------------------- */

static enum hn_status read_list(struct body *b, enum hn_status (*read)(struct body *b))
{
    HN_TRY(hn_json_enter(&b->json, '['));
    for (bool more;;) {
        HN_TRY(hn_json_next(&b->json, ']', &more));
        if (!more) return HN_OK;
        HN_TRY(read(b));
    }
}

static enum hn_status read_all(struct body *b)
{
    struct hn_json_reader *r = &b->json;
    HN_TRY(hn_json_enter(r, '{'));
    for (bool more;;) {
        struct hn_str key;
        HN_TRY(hn_json_next_key(r, &more, &key));
        if (!more) break;
        if (hn_json_peek(r) == 'n') HN_TRY(hn_json_read_null(r)); /* as if it were not there */
        else if (hn_str_is(key, "inputs")) HN_TRY(read_list(b, read_input));
        else if (hn_str_is(key, "outputs")) HN_TRY(read_list(b, read_output));
        else if (hn_str_is(key, "parameters")) HN_TRY(read_parameters(b, NULL));
        else if (!hn_str_is(key, "id"))
            return hn_fail(b->err, HN_E_FORMAT, "the request has no member '%.*s'", HN_FMT(key));
        else if (hn_json_peek(r) != '"') return hn_json_wrong(r, "the id is no text");
        else HN_TRY(hn_json_skip(r, &b->r->id));
    }
    HN_TRY(hn_json_read_end(r));
    if (b->raw.n) return hn_json_wrong(r, "there are more raw bytes behind than the inputs say");
    return HN_OK;
}

/* Without a list, all outputs but those on request. */
static void choose_outputs(struct body *b)
{
    const struct hn_predictor_about *about = b->f->about;
    for (size_t i = 0; !b->r->n_outputs && i < about->n_outputs; i++)
        b->f->wanted[i] = !about->outputs[i].on_request;
    if (!b->r->n_outputs)
        for (size_t i = 0; i < about->n_outputs; i++)
            if (b->f->wanted[i]) (void)add_output(b, i, 0);
    for (size_t i = 0; i < b->r->n_outputs; i++)
        b->r->outputs[i].binary = b->binary[i] ? b->binary[i] == 2 : b->r->binary_output;
}

enum hn_status hn_infer_request_read(struct hn_str text, size_t json, struct hn_inference *f,
                                     struct hn_infer_request *r, struct hn_error *err)
{
    struct body b = {.f = f, .r = r, .err = err};
    if (json > text.n)
        return hn_fail(err, HN_E_FORMAT, "Inference-Header-Content-Length is more than the body");
    b.json = hn_json_reader_of((struct hn_str){text.p, json}, "body", err);
    b.json.loose = true;
    b.raw = (struct hn_str){text.p + json, text.n - json};
    r->outputs = hn_arena_alloc(&f->arena, f->about->n_outputs, sizeof *r->outputs);
    b.binary = hn_arena_alloc(&f->arena, f->about->n_outputs, 1);
    if (!r->outputs || !b.binary) return hn_fail_nomem(err, "the request", f->about->n_outputs);
    const enum hn_status status = read_all(&b);
    hn_buf_free(&b.json.text);
    if (status >= 0) choose_outputs(&b);
    return status;
}
