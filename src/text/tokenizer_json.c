#include "text/tokenizer_json.h"

#include "base/bits.h"
#include "text/json_pipeline.h"
#include "text/tokenizer_impl.h"

/* Ids need not be dense, but a file may not make a large table with few tokens. */
enum { MAX_HOLES = 1 << 16 };

#define WORD_PART HN_STR("##") /* in front of a WordPiece that does not start a word */

struct reader {
    const json_t *root, *model, *config;
    struct hn_arena *arena;
    struct hn_vocab_spec *spec;
    struct hn_error *err;
    struct hn_str *texts;
    uint8_t *types, *attrs;
};

static enum hn_status fail(const struct reader *r, const char *what)
{
    return hn_fail(r->err, HN_E_FORMAT, "tokenizer.json: %s", what);
}

static enum hn_status out_of_memory(const struct reader *r, size_t bytes)
{
    return hn_fail_nomem(r->err, "tokenizer.json", bytes);
}

static enum hn_status keep(const struct reader *r, struct hn_str in, struct hn_str *out)
{
    *out = hn_arena_str(r->arena, in);
    return out->p ? HN_OK : out_of_memory(r, in.n);
}

static enum hn_status read_kind(struct reader *r, enum hn_vocab_kind *out)
{
    const json_t *vocab = json_object_get(r->model, "vocab");
    struct hn_str type = hn_json_type(r->model);
    /* Old files do not say. */
    if (!type.n && json_is_array(vocab)) type = HN_STR("Unigram");
    if (!type.n && json_object_get(r->model, "merges")) type = HN_STR("BPE");
    if (hn_str_is(type, "BPE")) *out = HN_VOCAB_BPE;
    else if (hn_str_is(type, "WordPiece")) *out = HN_VOCAB_WPM;
    else if (hn_str_is(type, "Unigram")) *out = HN_VOCAB_UGM;
    else
        return hn_fail(r->err, HN_E_UNSUPPORTED,
                       "tokenizer.json: models of the type '%.*s' are not supported", HN_FMT(type));
    if (*out == HN_VOCAB_UGM ? json_is_array(vocab) : json_is_object(vocab)) return HN_OK;
    return fail(r, "model.vocab is missing or of another type");
}

static void raise_to(size_t *n, const json_t *id, bool *good)
{
    const json_int_t value = json_integer_value(id);
    if (!json_is_integer(id) || value < 0 || value >= HN_VOCAB_MAX_TOKENS) *good = false;
    else *n = hn_max(*n, (size_t)value + 1);
}

/* One more than the largest id. */
static enum hn_status count_tokens(struct reader *r, size_t *out)
{
    json_t *vocab = json_object_get(r->model, "vocab");
    const json_t *added = json_object_get(r->root, "added_tokens");
    const size_t count = (json_is_array(vocab) ? json_array_size(vocab) : json_object_size(vocab)) +
                         json_array_size(added);
    size_t n = json_array_size(vocab);
    bool good = true;
    const char *key;
    json_t *id;
    if (json_is_object(vocab)) json_object_foreach(vocab, key, id) raise_to(&n, id, &good);
    for (size_t i = 0; i < json_array_size(added); i++)
        raise_to(&n, json_object_get(json_array_get(added, i), "id"), &good);
    if (!good) return fail(r, "a token's id is no number in range");
    if (n > count + MAX_HOLES)
        return hn_fail(r->err, HN_E_LIMIT, "tokenizer.json: ids up to %zu for %zu tokens", n,
                       count);
    *out = n;
    return HN_OK;
}

/* GGUF's form of a WordPiece: U+2581 in front of what starts a word, nothing before the others. */
static enum hn_status keep_word_piece(const struct reader *r, struct hn_str prefix,
                                      struct hn_str text, struct hn_str *out)
{
    if (hn_str_starts(text, prefix))
        return keep(r, (struct hn_str){text.p + prefix.n, text.n - prefix.n}, out);
    const size_t n = sizeof HN_SPACE_MARK - 1 + text.n;
    char *p = hn_arena_alloc(r->arena, n, 1);
    if (!p) return out_of_memory(r, n);
    memcpy(p, HN_SPACE_MARK, sizeof HN_SPACE_MARK - 1);
    memcpy(p + sizeof HN_SPACE_MARK - 1, text.p, text.n);
    *out = (struct hn_str){p, n};
    return HN_OK;
}

static enum hn_status read_vocab_object(struct reader *r)
{
    struct hn_str prefix = hn_json_member(r->model, "continuing_subword_prefix");
    if (r->spec->kind == HN_VOCAB_BPE && prefix.n)
        return hn_fail(r->err, HN_E_UNSUPPORTED,
                       "tokenizer.json: continuing_subword_prefix in a BPE model");
    if (!prefix.p) prefix = WORD_PART;
    const char *key;
    json_t *id;
    json_object_foreach(json_object_get(r->model, "vocab"), key, id)
    {
        struct hn_str *text = &r->texts[json_integer_value(id)];
        const struct hn_str from = hn_str_from(key);
        if (text->n) return fail(r, "two tokens have one id");
        HN_TRY(r->spec->kind == HN_VOCAB_WPM ? keep_word_piece(r, prefix, from, text)
                                             : keep(r, from, text));
    }
    return HN_OK;
}

static enum hn_status read_vocab_array(struct reader *r)
{
    const json_t *vocab = json_object_get(r->model, "vocab");
    float *scores = hn_arena_alloc(r->arena, r->spec->n, sizeof *scores);
    if (!scores) return out_of_memory(r, r->spec->n * sizeof *scores);
    for (size_t i = 0; i < json_array_size(vocab); i++) {
        const json_t *pair = json_array_get(vocab, i);
        const json_t *text = json_array_get(pair, 0), *score = json_array_get(pair, 1);
        if (!json_is_string(text) || !json_is_number(score))
            return fail(r, "a token of model.vocab is no pair of text and score");
        HN_TRY(keep(r, hn_json_str(text), &r->texts[i]));
        scores[i] = (float)json_number_value(score);
    }
    r->spec->scores = scores;
    return HN_OK;
}

static bool is_on(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

static enum hn_status read_added(struct reader *r)
{
    const json_t *added = json_object_get(r->root, "added_tokens");
    for (size_t i = 0; i < json_array_size(added); i++) {
        const json_t *token = json_array_get(added, i);
        const struct hn_str text = hn_json_member(token, "content");
        if (!text.p) return fail(r, "an added token has no content");
        const json_int_t id = json_integer_value(json_object_get(token, "id"));
        HN_TRY(keep(r, text, &r->texts[id]));
        r->types[id] = is_on(token, "special") ? HN_TOKEN_CONTROL : HN_TOKEN_USER_DEFINED;
        r->attrs[id] = (uint8_t)((is_on(token, "lstrip") ? HN_TOKEN_LSTRIP : 0) |
                                 (is_on(token, "rstrip") ? HN_TOKEN_RSTRIP : 0) |
                                 (is_on(token, "single_word") ? HN_TOKEN_SINGLE_WORD : 0));
    }
    return HN_OK;
}

/* ["left right", ...] or [["left", "right"], ...]. */
static enum hn_status read_merges(struct reader *r)
{
    const json_t *merges = json_object_get(r->model, "merges");
    const size_t n = json_array_size(merges);
    if (!json_is_array(merges)) return fail(r, "model.merges is missing");
    struct hn_str *left = hn_arena_alloc(r->arena, n, sizeof *left);
    struct hn_str *right = hn_arena_alloc(r->arena, n, sizeof *right);
    if (!left || !right) return out_of_memory(r, n * sizeof *left);
    for (size_t i = 0; i < n; i++) {
        const json_t *merge = json_array_get(merges, i);
        if (json_is_string(merge)) {
            const struct hn_str text = hn_json_str(merge);
            const char *space = text.n > 1 ? memchr(text.p + 1, ' ', text.n - 1) : NULL;
            if (!space) return fail(r, "a merge has no second part");
            const size_t at = (size_t)(space - text.p);
            HN_TRY(keep(r, (struct hn_str){text.p, at}, &left[i]));
            HN_TRY(keep(r, (struct hn_str){space + 1, text.n - at - 1}, &right[i]));
            continue;
        }
        const json_t *a = json_array_get(merge, 0), *b = json_array_get(merge, 1);
        if (!json_is_string(a) || !json_is_string(b)) return fail(r, "a merge is no pair of texts");
        HN_TRY(keep(r, hn_json_str(a), &left[i]));
        HN_TRY(keep(r, hn_json_str(b), &right[i]));
    }
    r->spec->n_merges = n;
    r->spec->merges = left;
    r->spec->merge_rights = right;
    return HN_OK;
}

/* The id of a token's text as the file writes it; -1 when there is none. */
static int32_t find_token(const struct reader *r, struct hn_str text)
{
    if (!text.p) return -1;
    const json_t *vocab = json_object_get(r->model, "vocab");
    const json_t *id = json_is_object(vocab) ? json_object_getn(vocab, text.p, text.n) : NULL;
    if (json_is_integer(id)) return (int32_t)json_integer_value(id);
    for (size_t i = r->spec->n; i-- > 0;)
        if (r->texts[i].n && hn_str_eq(r->texts[i], text)) return (int32_t)i;
    return -1;
}

/* A role in tokenizer_config.json: a text, or an object with one. */
static int32_t find_role(const struct reader *r, const char *key)
{
    struct hn_str text = hn_json_member(r->config, key);
    if (!text.p) text = hn_json_member(json_object_get(r->config, key), "content");
    return find_token(r, text);
}

static void read_roles(struct reader *r)
{
    struct hn_vocab_spec *spec = r->spec;
    spec->bos = find_role(r, "bos_token");
    spec->eos = find_role(r, "eos_token");
    spec->unk = find_role(r, "unk_token");
    spec->sep = find_role(r, "sep_token");
    spec->pad = find_role(r, "pad_token");
    spec->cls = find_role(r, "cls_token");
    spec->mask = find_role(r, "mask_token");
    const int32_t unk = find_token(r, hn_json_member(r->model, "unk_token"));
    if (unk >= 0) spec->unk = unk;
    const json_t *unk_id = json_object_get(r->model, "unk_id");
    if (json_is_integer(unk_id) && json_integer_value(unk_id) >= 0 &&
        (size_t)json_integer_value(unk_id) < spec->n)
        spec->unk = (int32_t)json_integer_value(unk_id);
    if (spec->unk >= 0) r->types[spec->unk] = HN_TOKEN_UNKNOWN;
}

static enum hn_status read_pipeline(struct reader *r)
{
    struct hn_json_pipeline *p = hn_arena_alloc(r->arena, 1, sizeof *p);
    if (!p) return out_of_memory(r, sizeof *p);
    p->arena = r->arena;
    p->err = r->err;
    HN_TRY(hn_json_normalizer(p, json_object_get(r->root, "normalizer")));
    HN_TRY(hn_json_pre_tokenizer(p, json_object_get(r->root, "pre_tokenizer")));
    struct hn_vocab_spec *spec = r->spec;
    spec->has_pipeline = true;
    spec->normals = p->normals;
    spec->n_normals = p->n_normals;
    spec->stages = p->stages;
    spec->n_stages = p->n_stages;
    spec->characters = spec->kind == HN_VOCAB_BPE && !p->byte_level;
    spec->add_space_prefix = p->prefix_space;
    spec->fuse_unk = is_on(r->model, "fuse_unk");
    spec->ignore_merges = is_on(r->model, "ignore_merges");
    return HN_OK;
}

/* What stands around a text: the post-processor, or the switches beside it. */
static enum hn_status read_frame(struct reader *r)
{
    HN_TRY(hn_json_post_processor(json_object_get(r->root, "post_processor"), r->spec, r->err));
    if (r->spec->has_frame) return HN_OK;
    r->spec->add_bos = is_on(r->config, "add_bos_token") && r->spec->bos >= 0;
    r->spec->add_eos = is_on(r->config, "add_eos_token") && r->spec->eos >= 0;
    r->spec->add_sep = 0;
    r->spec->has_frame = true;
    if (r->spec->add_bos) r->spec->head[r->spec->n_head++] = r->spec->bos;
    if (r->spec->add_eos) r->spec->tail[r->spec->n_tail++] = r->spec->eos;
    return HN_OK;
}

static enum hn_status read(struct reader *r)
{
    if (!json_is_object(r->root) || !json_is_object(r->model))
        return fail(r, "no object with a model");
    enum hn_vocab_kind kind = HN_VOCAB_BPE;
    size_t n = 0;
    HN_TRY(read_kind(r, &kind));
    HN_TRY(count_tokens(r, &n));
    *r->spec = hn_vocab_spec_init(kind);
    r->spec->n = n;
    r->texts = hn_arena_alloc(r->arena, n, sizeof *r->texts);
    r->types = hn_arena_alloc(r->arena, n, 1);
    r->attrs = hn_arena_alloc(r->arena, n, 1);
    if (!r->texts || !r->types || !r->attrs) return out_of_memory(r, n * sizeof *r->texts);
    memset(r->types, HN_TOKEN_NORMAL, n);
    r->spec->texts = r->texts;
    r->spec->types = r->types;
    r->spec->attrs = r->attrs;
    HN_TRY(kind == HN_VOCAB_UGM ? read_vocab_array(r) : read_vocab_object(r));
    HN_TRY(read_added(r));
    const struct hn_str suffix = hn_json_member(r->model, "end_of_word_suffix");
    if (suffix.n)
        return hn_fail(r->err, HN_E_UNSUPPORTED,
                       "tokenizer.json: end_of_word_suffix is not supported");
    if (kind == HN_VOCAB_BPE) HN_TRY(read_merges(r));
    read_roles(r);
    HN_TRY(read_pipeline(r));
    return read_frame(r);
}

enum hn_status hn_vocab_from_json(struct hn_str tokenizer, struct hn_str config,
                                  struct hn_arena *arena, struct hn_vocab_spec *out,
                                  struct hn_error *err)
{
    if (tokenizer.n > HN_TOKENIZER_JSON_MAX_BYTES || config.n > HN_TOKENIZER_JSON_MAX_BYTES)
        return hn_fail(err, HN_E_LIMIT, "tokenizer.json: at most %d bytes are supported",
                       HN_TOKENIZER_JSON_MAX_BYTES);
    json_t *root = NULL, *settings = NULL;
    enum hn_status status = hn_json_parse(tokenizer, "tokenizer.json", &root, err);
    if (status >= 0 && config.n)
        status = hn_json_parse(config, "tokenizer_config.json", &settings, err);
    if (status >= 0) {
        struct reader reader = {
            .root = root, .config = settings, .arena = arena, .spec = out, .err = err};
        reader.model = json_object_get(root, "model");
        status = read(&reader);
    }
    json_decref(root);
    json_decref(settings);
    return status;
}

/* --- vocab.txt --------------------------------------------------------------------------------- */

/* The tokens that BERT's own code knows by their texts. */
static void find_bert_roles(struct reader *r, size_t id, struct hn_str line)
{
    struct hn_vocab_spec *spec = r->spec;
    const struct {
        const char *text;
        int32_t *role;
    } roles[] = {
        {"[CLS]", &spec->cls}, {"[SEP]", &spec->sep},   {"[UNK]", &spec->unk},
        {"[PAD]", &spec->pad}, {"[MASK]", &spec->mask},
    };
    for (size_t i = 0; i < HN_COUNT(roles); i++) {
        if (!hn_str_is(line, roles[i].text)) continue;
        *roles[i].role = (int32_t)id;
        r->types[id] = roles[i].role == &spec->unk ? HN_TOKEN_UNKNOWN : HN_TOKEN_CONTROL;
    }
}

static enum hn_status read_lines(struct reader *r, struct hn_str lines, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *end = memchr(lines.p, '\n', lines.n);
        struct hn_str line = {lines.p, end ? (size_t)(end - lines.p) : lines.n};
        const size_t step = line.n + (end != NULL);
        lines = (struct hn_str){lines.p + step, lines.n - step};
        if (line.n && line.p[line.n - 1] == '\r') line.n--;
        find_bert_roles(r, i, line);
        if (!line.n) continue;
        if (r->types[i] == HN_TOKEN_NORMAL)
            HN_TRY(keep_word_piece(r, WORD_PART, line, &r->texts[i]));
        else HN_TRY(keep(r, line, &r->texts[i]));
    }
    return HN_OK;
}

static void read_casing(struct reader *r)
{
    const json_t *lower = json_object_get(r->config, "do_lower_case");
    const json_t *strip = json_object_get(r->config, "strip_accents");
    if (json_is_boolean(lower)) r->spec->lowercase = json_is_true(lower);
    if (json_is_boolean(strip)) r->spec->strip_accents = json_is_true(strip);
}

enum hn_status hn_vocab_from_lines(struct hn_str lines, struct hn_str config,
                                   struct hn_arena *arena, struct hn_vocab_spec *out,
                                   struct hn_error *err)
{
    json_t *parsed = NULL;
    size_t n = 0;
    for (size_t i = 0; i < lines.n; i++)
        n += lines.p[i] == '\n' || i + 1 == lines.n;
    if (!n || n > HN_VOCAB_MAX_TOKENS)
        return hn_fail(err, HN_E_LIMIT, "vocab.txt: %zu tokens; 1 to %d are supported", n,
                       HN_VOCAB_MAX_TOKENS);
    if (config.n) HN_TRY(hn_json_parse(config, "tokenizer_config.json", &parsed, err));
    *out = hn_vocab_spec_init(HN_VOCAB_WPM);
    struct reader r = {.config = parsed, .arena = arena, .spec = out, .err = err};
    r.texts = hn_arena_alloc(arena, n, sizeof *r.texts);
    r.types = hn_arena_alloc(arena, n, 1);
    enum hn_status status = HN_OK;
    if (!r.texts || !r.types) status = out_of_memory(&r, n * sizeof *r.texts);
    if (status >= 0) {
        memset(r.types, HN_TOKEN_NORMAL, n);
        read_casing(&r);
        status = read_lines(&r, lines, n);
    }
    out->n = n;
    out->texts = r.texts;
    out->types = r.types;
    json_decref(parsed);
    return status;
}
