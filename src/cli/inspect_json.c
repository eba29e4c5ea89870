#include <stdlib.h>

#include "base/bits.h"
#include "cli/door.h"
#include "cli/inspect.h"
#include "cli/inspect_plan.h"

enum { SHOWN_ITEMS = 6 };

static void put_element(struct hn_json_writer *w, const struct hn_meta_array *array, size_t i)
{
    switch (array->type) {
    case HN_META_STR: hn_json_put_text(w, NULL, array->texts[i]); break;
    case HN_META_BOOL: hn_json_put_bool(w, NULL, hn_meta_array_int(array, i) != 0); break;
    case HN_META_F32:
    case HN_META_F64: hn_json_put_real(w, NULL, hn_meta_array_float(array, i)); break;
    case HN_META_U64: hn_json_put_uint(w, NULL, (uint64_t)hn_meta_array_int(array, i)); break;
    default: hn_json_put_int(w, NULL, hn_meta_array_int(array, i)); break;
    }
}

/* Long arrays (vocabularies) only as what they are and how they begin, unless all is wanted. */
static void put_array(struct hn_json_writer *w, const char *key, const struct hn_meta_array *array,
                      bool all)
{
    const bool whole = all || array->n <= 64;
    if (!whole) {
        hn_json_open(w, key, '{');
        hn_json_put_text(w, "type", hn_str_from(hn_meta_type_name(array->type)));
        hn_json_put_uint(w, "count", array->n);
    }
    hn_json_open(w, whole ? key : "first", '[');
    for (size_t i = 0; i < (whole ? array->n : SHOWN_ITEMS); i++)
        put_element(w, array, i);
    hn_json_close(w, ']');
    if (!whole) hn_json_close(w, '}');
}

static void put_value(struct hn_json_writer *w, const char *key, const struct hn_meta_kv *kv,
                      bool all)
{
    switch (kv->type) {
    case HN_META_STR: hn_json_put_text(w, key, kv->text); break;
    case HN_META_ARRAY: put_array(w, key, &kv->array, all); break;
    case HN_META_BOOL: hn_json_put_bool(w, key, kv->u != 0); break;
    case HN_META_F32:
    case HN_META_F64: hn_json_put_real(w, key, kv->f); break;
    case HN_META_I8:
    case HN_META_I16:
    case HN_META_I32:
    case HN_META_I64: hn_json_put_int(w, key, kv->i); break;
    default: hn_json_put_uint(w, key, kv->u); break;
    }
}

static enum hn_status put_metadata(struct hn_json_writer *w, const struct hn_meta *meta, bool all)
{
    struct hn_buf key = {0};
    hn_json_open(w, "metadata", '{');
    for (size_t i = 0; i < meta->n; i++) {
        hn_buf_clear(&key);
        if (hn_buf_str(&key, meta->items[i].key) < 0) break;
        put_value(w, meta->items[i].key.n ? key.p : "", &meta->items[i], all);
    }
    hn_json_close(w, '}');
    const enum hn_status status = key.failed;
    hn_buf_free(&key);
    return status;
}

static void put_special(struct hn_json_writer *w, const struct hn_tokenizer *tokenizer,
                        const char *key, int32_t id)
{
    if (id < 0) {
        hn_json_put_null(w, key);
        return;
    }
    hn_json_open(w, key, '{');
    hn_json_put_int(w, "id", id);
    hn_json_put_text(w, "text", hn_tokenizer_text(tokenizer, id));
    hn_json_close(w, '}');
}

static void put_vocabulary(struct hn_json_writer *w, const struct hn_inspection *in)
{
    const struct hn_tokenizer *t = in->tokenizer;
    hn_json_open(w, "vocabulary", '{');
    if (t) {
        hn_json_put_uint(w, "tokens", hn_tokenizer_size(t));
        put_special(w, t, "bos", hn_tokenizer_bos(t));
        put_special(w, t, "eos", hn_tokenizer_eos(t));
        put_special(w, t, "eot", hn_tokenizer_eot(t));
        put_special(w, t, "unk", hn_tokenizer_unk(t));
        hn_json_put_bool(w, "adds_bos", hn_tokenizer_adds_bos(t));
    } else {
        hn_json_put_text(w, "missing",
                         in->tokenizer_status == HN_E_NOTFOUND && !in->file->folder.n
                             ? HN_STR("the file has none")
                             : hn_str_from(in->tokenizer_error.text));
    }
    hn_json_close(w, '}');
}

static void put_tensors(struct hn_json_writer *w, const struct hn_weights *weights)
{
    const struct hn_tensor_sum sum = hn_tensor_total(weights);
    hn_json_put_uint(w, "parameters", sum.elements);
    hn_json_put_uint(w, "tensor_bytes", sum.bytes);
    hn_json_open(w, "tensors", '[');
    for (size_t i = 0; i < weights->n; i++) {
        const struct hn_tensor *t = &weights->items[i];
        hn_json_open(w, NULL, '{');
        hn_json_put_text(w, "name", t->name);
        hn_json_put_text(w, "type", hn_str_from(hn_dtype_info(t->type)->name));
        hn_json_open(w, "shape", '[');
        for (int d = 0; d < t->n_dims; d++)
            hn_json_put_uint(w, NULL, t->ne[d]);
        hn_json_close(w, ']');
        hn_json_put_uint(w, "bytes", t->bytes);
        hn_json_close(w, '}');
    }
    hn_json_close(w, ']');
}

static void put_file(struct hn_json_writer *w, const struct hn_inspection *in)
{
    struct hn_str arch;
    size_t bytes = 0;
    for (size_t i = 0; i < in->file->n_maps; i++)
        bytes += in->file->maps[i].size;
    if (in->path) hn_json_put_text(w, "path", hn_str_from(in->path));
    else hn_json_put_text(w, "path", HN_STR("starter model"));
    hn_json_put_text(w, "format", in->file->folder.n ? HN_STR("huggingface") : HN_STR("gguf"));
    if (in->file->version) hn_json_put_uint(w, "version", in->file->version);
    hn_json_put_uint(w, "files", in->file->n_maps);
    hn_json_put_uint(w, "file_bytes", bytes);
    if (hn_meta_text(&in->file->meta, HN_STR("general.architecture"), &arch, NULL) == HN_OK)
        hn_json_put_text(w, "architecture", arch);
    else hn_json_put_null(w, "architecture");
}

enum hn_status hn_inspect_json(const struct hn_inspect_options *o, const struct hn_inspection *in,
                               struct hn_error *err)
{
    struct hn_json_writer w = {0};
    hn_json_open(&w, NULL, '{');
    put_file(&w, in);
    if (put_metadata(&w, &in->file->meta, o->all) < 0) w.out.failed = HN_E_NOMEM;
    put_vocabulary(&w, in);
    put_tensors(&w, &in->file->weights);
    hn_inspect_plan_json(&w, in);
    hn_json_close(&w, '}');
    return hn_door_print(&w, err);
}
