#include "cli/serve_config.h"

#include <yaml.h>

#include "base/bits.h"
#include "base/file.h"

enum { MAX_FILE = 1 << 20 };

struct reader {
    const char *path;
    yaml_document_t document;
    struct hn_serve_options *options;
    struct hn_error *err;
};

static enum hn_status wrong(const struct reader *r, const yaml_node_t *node, const char *text)
{
    return hn_fail(r->err, HN_E_FORMAT, "%s:%zu: %s", r->path, node->start_mark.line + 1, text);
}

/* A copy of a scalar; NULL without memory, or where it holds a NUL. */
static const char *copy(const struct reader *r, const yaml_node_t *node)
{
    const struct hn_str text = {(const char *)node->data.scalar.value, node->data.scalar.length};
    if (memchr(text.p, '\0', text.n)) return NULL;
    return hn_arena_str(&r->options->texts, text).p;
}

/* YAML 1.1 has many words for yes and no; flags are set by "on" and "off". */
static const char *flag_word(const char *text)
{
    static const char *const on[] = {"true", "yes", "True", "On", "Yes"};
    static const char *const off[] = {"false", "no", "False", "Off", "No"};
    for (size_t i = 0; i < HN_COUNT(on); i++) {
        if (strcmp(text, on[i]) == 0) return "on";
        if (strcmp(text, off[i]) == 0) return "off";
    }
    return text;
}

static bool is_flag(const struct hn_opt *items, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(items[i].name, name) == 0) return items[i].kind == HN_OPT_FLAG;
    return false;
}

static enum hn_status set(const struct reader *r, const struct hn_opt *items, size_t n,
                          void *fields, const yaml_node_t *key, const yaml_node_t *value)
{
    if (value->type != YAML_SCALAR_NODE)
        return wrong(r, value, "expected one value here, not a list or a mapping");
    const char *name = copy(r, key), *text = copy(r, value);
    if (!name || !text) return wrong(r, key, "there is no memory for this, or it holds a NUL");
    if (is_flag(items, n, name)) text = flag_word(text);
    const enum hn_status status = hn_opt_set(items, n, fields, name, text, r->err);
    if (status >= 0) return status;
    return hn_fail_in(r->err, status, "%s:%zu", r->path, key->start_mark.line + 1);
}

/* Sets the fields of a struct from a mapping. `special`, where there is one, takes keys that are no options
 * and says whether it did. */
static enum hn_status read_mapping(struct reader *r, const yaml_node_t *node,
                                   const struct hn_opt *items, size_t n, void *fields);

static enum hn_status read_model(struct reader *r, const yaml_node_t *node)
{
    struct hn_serve_options *o = r->options;
    if (o->n_models == HN_SERVE_MAX_MODELS) return wrong(r, node, "models: there are too many");
    struct hn_serve_model *model = &o->models[o->n_models];
    HN_TRY(read_mapping(r, node, hn_serve_model_items, HN_SERVE_MODEL_ITEMS, model));
    if (!model->path) return wrong(r, node, "models: this one has no path");
    o->n_models++;
    return HN_OK;
}

static enum hn_status read_models(struct reader *r, const yaml_node_t *node)
{
    if (node->type != YAML_SEQUENCE_NODE) return wrong(r, node, "models: expected a list");
    const yaml_node_item_t *item = node->data.sequence.items.start;
    for (; item < node->data.sequence.items.top; item++)
        HN_TRY(read_model(r, yaml_document_get_node(&r->document, *item)));
    return HN_OK;
}

static enum hn_status read_mapping(struct reader *r, const yaml_node_t *node,
                                   const struct hn_opt *items, size_t n, void *fields)
{
    if (node->type != YAML_MAPPING_NODE) return wrong(r, node, "expected a mapping of keys");
    const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
    for (; pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(&r->document, pair->key);
        const yaml_node_t *value = yaml_document_get_node(&r->document, pair->value);
        if (key->type != YAML_SCALAR_NODE) return wrong(r, key, "a key is one word");
        const bool models =
            items == hn_serve_items && strcmp((const char *)key->data.scalar.value, "models") == 0;
        HN_TRY(models ? read_models(r, value) : set(r, items, n, fields, key, value));
    }
    return HN_OK;
}

static enum hn_status read_document(struct reader *r)
{
    const yaml_node_t *root = yaml_document_get_root_node(&r->document);
    if (!root) return HN_OK; /* an empty file */
    return read_mapping(r, root, hn_serve_items, HN_SERVE_ITEMS, r->options);
}

enum hn_status hn_serve_config(const char *path, struct hn_serve_options *options,
                               struct hn_error *err)
{
    yaml_parser_t parser;
    struct hn_buf text = {0};
    struct reader r = {.path = path, .options = options, .err = err};
    HN_TRY(hn_file_read(path, MAX_FILE, &text, err));
    if (!yaml_parser_initialize(&parser)) {
        hn_buf_free(&text);
        return hn_fail_nomem(err, path, text.n);
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)hn_buf_view(&text).p, text.n);
    enum hn_status status;
    if (yaml_parser_load(&parser, &r.document)) {
        status = read_document(&r);
        yaml_document_delete(&r.document);
    } else {
        status = hn_fail(err, HN_E_FORMAT, "%s:%zu: %s", path, parser.problem_mark.line + 1,
                         parser.problem ? parser.problem : "out of memory");
    }
    yaml_parser_delete(&parser);
    hn_buf_free(&text);
    return status;
}
