#include "text/json_pipeline.h"

#include "base/bits.h"
#include "text/scan.h"
#include "text/tokenizer_impl.h"

enum { MAX_NESTING = 8 };

struct hn_str hn_json_member(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_string(value) ? hn_json_str(value) : (struct hn_str){NULL, 0};
}

struct hn_str hn_json_type(const json_t *value)
{
    const struct hn_str type = hn_json_member(value, "type");
    return type.p ? type : HN_STR("");
}

/* A flag that is absent has its default. */
static bool flag(const json_t *object, const char *key, bool otherwise)
{
    const json_t *value = json_object_get(object, key);
    return json_is_boolean(value) ? json_is_true(value) : otherwise;
}

static enum hn_status keep(struct hn_json_pipeline *p, struct hn_str in, struct hn_str *out)
{
    *out = hn_arena_str(p->arena, in);
    return out->p ? HN_OK : hn_fail_nomem(p->err, "tokenizer.json", in.n);
}

static enum hn_status add_normal(struct hn_json_pipeline *p, enum hn_normal_kind kind,
                                 struct hn_str from, struct hn_str to)
{
    if (p->n_normals == HN_NORMAL_MAX_STEPS)
        return hn_fail(p->err, HN_E_LIMIT, "tokenizer.json: more than %d normalizer steps",
                       HN_NORMAL_MAX_STEPS);
    struct hn_normal *step = &p->normals[p->n_normals++];
    step->kind = kind;
    HN_TRY(keep(p, from, &step->from));
    return keep(p, to, &step->to);
}

static enum hn_status add_simple(struct hn_json_pipeline *p, enum hn_normal_kind kind)
{
    return add_normal(p, kind, HN_STR(""), HN_STR(""));
}

static enum hn_status add_stage(struct hn_json_pipeline *p, struct hn_str pattern,
                                enum hn_pretok_behaviour behaviour, bool invert)
{
    if (p->n_stages == HN_PRETOK_MAX_STAGES)
        return hn_fail(p->err, HN_E_LIMIT, "tokenizer.json: more than %d pre-tokenizer stages",
                       HN_PRETOK_MAX_STAGES);
    struct hn_pretok_stage *stage = &p->stages[p->n_stages++];
    *stage = (struct hn_pretok_stage){.behaviour = behaviour, .invert = invert};
    return keep(p, pattern, &stage->pattern);
}

/* {"Regex": "..."} or {"String": "..."}; a NULL p when it is neither. */
static struct hn_str pattern_of(const json_t *value, bool *regex)
{
    const json_t *pattern = json_object_get(value, "pattern");
    const struct hn_str text = hn_json_member(pattern, "Regex");
    *regex = text.p != NULL;
    return text.p ? text : hn_json_member(pattern, "String");
}

static enum hn_status bad(struct hn_json_pipeline *p, const char *part, const json_t *value)
{
    return hn_fail(p->err, HN_E_FORMAT,
                   "tokenizer.json: the %s '%.*s' lacks a member or has a wrong one", part,
                   HN_FMT(hn_json_type(value)));
}

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static enum hn_status add_charsmap(struct hn_json_pipeline *p, const json_t *value)
{
    struct hn_str text = hn_json_member(value, "precompiled_charsmap");
    if (!text.p) {
        /* Files of models without a map have null here. */
        return json_is_null(json_object_get(value, "precompiled_charsmap"))
                   ? HN_OK
                   : bad(p, "normalizer", value);
    }
    if (!text.n) return HN_OK;
    while (text.n && text.p[text.n - 1] == '=')
        text.n--;
    char *bytes = hn_arena_alloc(p->arena, text.n, 1);
    if (!bytes) return hn_fail_nomem(p->err, "tokenizer.json", text.n);
    size_t n = 0;
    uint32_t bits = 0;
    for (size_t i = 0; i < text.n; i++) {
        const int digit = base64_digit(text.p[i]);
        if (digit < 0) return bad(p, "normalizer", value);
        bits = bits << 6 | (uint32_t)digit;
        if (i % 4) bytes[n++] = (char)(bits >> (6 - 2 * (i % 4)) & 0xFF);
    }
    return add_normal(p, HN_NORMAL_CHARSMAP, (struct hn_str){bytes, n}, HN_STR(""));
}

static enum hn_status add_bert(struct hn_json_pipeline *p, const json_t *value)
{
    const bool lower = flag(value, "lowercase", true);
    if (flag(value, "clean_text", true)) HN_TRY(add_simple(p, HN_NORMAL_CLEAN));
    if (flag(value, "handle_chinese_chars", true)) HN_TRY(add_simple(p, HN_NORMAL_SPACE_CJK));
    if (flag(value, "strip_accents", lower)) {
        HN_TRY(add_simple(p, HN_NORMAL_NFD));
        HN_TRY(add_simple(p, HN_NORMAL_STRIP_ACCENTS));
    }
    return lower ? add_simple(p, HN_NORMAL_LOWERCASE) : HN_OK;
}

static enum hn_status add_replace(struct hn_json_pipeline *p, const json_t *value)
{
    bool regex;
    const struct hn_str from = pattern_of(value, &regex);
    const struct hn_str to = hn_json_member(value, "content");
    if (!from.p || !to.p) return bad(p, "normalizer", value);
    return add_normal(p, regex ? HN_NORMAL_REPLACE_REGEX : HN_NORMAL_REPLACE, from, to);
}

static enum hn_status add_strip(struct hn_json_pipeline *p, const json_t *value)
{
    if (flag(value, "strip_left", true)) HN_TRY(add_simple(p, HN_NORMAL_STRIP_LEFT));
    return flag(value, "strip_right", true) ? add_simple(p, HN_NORMAL_STRIP_RIGHT) : HN_OK;
}

static enum hn_status add_prepend(struct hn_json_pipeline *p, const json_t *value)
{
    const struct hn_str text = hn_json_member(value, "prepend");
    if (!text.p) return bad(p, "normalizer", value);
    p->prefix_space |= hn_str_is(text, HN_SPACE_MARK);
    return add_normal(p, HN_NORMAL_PREPEND, HN_STR(""), text);
}

static enum hn_status add_normalizer(struct hn_json_pipeline *p, const json_t *value, int depth)
{
    static const struct {
        const char *type;
        enum hn_normal_kind kind;
    } simple[] = {
        {"NFC", HN_NORMAL_NFC},
        {"NFD", HN_NORMAL_NFD},
        {"NFKC", HN_NORMAL_NFKC},
        {"NFKD", HN_NORMAL_NFKD},
        {"Lowercase", HN_NORMAL_LOWERCASE},
        {"StripAccents", HN_NORMAL_STRIP_ACCENTS},
    };
    static const struct {
        const char *type;
        enum hn_status (*add)(struct hn_json_pipeline *, const json_t *);
    } others[] = {
        {"Precompiled", add_charsmap}, {"BertNormalizer", add_bert}, {"Replace", add_replace},
        {"Strip", add_strip},          {"Prepend", add_prepend},
    };
    const struct hn_str type = hn_json_type(value);
    if (hn_str_is(type, "Sequence")) {
        const json_t *steps = json_object_get(value, "normalizers");
        if (!json_is_array(steps) || depth == MAX_NESTING) return bad(p, "normalizer", value);
        for (size_t i = 0; i < json_array_size(steps); i++)
            HN_TRY(add_normalizer(p, json_array_get(steps, i), depth + 1));
        return HN_OK;
    }
    for (size_t i = 0; i < HN_COUNT(simple); i++)
        if (hn_str_is(type, simple[i].type)) return add_simple(p, simple[i].kind);
    for (size_t i = 0; i < HN_COUNT(others); i++)
        if (hn_str_is(type, others[i].type)) return others[i].add(p, value);
    if (hn_str_is(type, "ByteLevel")) {
        p->byte_level = true;
        return HN_OK;
    }
    return hn_fail(p->err, HN_E_UNSUPPORTED,
                   "tokenizer.json: the normalizer '%.*s' is not supported", HN_FMT(type));
}

enum hn_status hn_json_normalizer(struct hn_json_pipeline *pipeline, const json_t *value)
{
    return value && !json_is_null(value) ? add_normalizer(pipeline, value, 0) : HN_OK;
}

static bool behaviour_of(const json_t *value, enum hn_pretok_behaviour *out)
{
    static const char *const names[] = {
        [HN_PRETOK_ISOLATED] = "Isolated",           [HN_PRETOK_REMOVED] = "Removed",
        [HN_PRETOK_PREVIOUS] = "MergedWithPrevious", [HN_PRETOK_NEXT] = "MergedWithNext",
        [HN_PRETOK_CONTIGUOUS] = "Contiguous",
    };
    const struct hn_str name = hn_json_member(value, "behavior");
    *out = HN_PRETOK_ISOLATED;
    if (!name.p) return true;
    for (size_t i = 0; i < HN_COUNT(names); i++) {
        *out = (enum hn_pretok_behaviour)i;
        if (hn_str_is(name, names[i])) return true;
    }
    return false;
}

/* A stage for a text that is no expression: what means something in one gets a backslash. */
static enum hn_status add_literal(struct hn_json_pipeline *p, struct hn_str text,
                                  enum hn_pretok_behaviour behaviour, bool invert)
{
    struct hn_buf pattern = {0};
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] && strchr("\\^$.[]|()?*+{}-#&/", text.p[i])) hn_buf_char(&pattern, '\\');
        hn_buf_char(&pattern, text.p[i]);
    }
    const enum hn_status status = pattern.failed
                                      ? hn_fail_nomem(p->err, "tokenizer.json", text.n)
                                      : add_stage(p, hn_buf_view(&pattern), behaviour, invert);
    hn_buf_free(&pattern);
    return status;
}

static enum hn_status add_split(struct hn_json_pipeline *p, const json_t *value)
{
    bool regex;
    enum hn_pretok_behaviour behaviour;
    const struct hn_str pattern = pattern_of(value, &regex);
    if (!pattern.p || !behaviour_of(value, &behaviour)) return bad(p, "pre-tokenizer", value);
    const bool invert = flag(value, "invert", false);
    return regex ? add_stage(p, pattern, behaviour, invert)
                 : add_literal(p, pattern, behaviour, invert);
}

static enum hn_status add_byte_level(struct hn_json_pipeline *p, const json_t *value)
{
    p->byte_level = true;
    if (flag(value, "add_prefix_space", true))
        HN_TRY(add_normal(p, HN_NORMAL_PREPEND_UNLESS, HN_STR(""), HN_STR(" ")));
    return flag(value, "use_regex", true)
               ? add_stage(p, HN_STR(HN_RE_GPT2), HN_PRETOK_ISOLATED, false)
               : HN_OK;
}

/* Metaspace changes the text too. It comes after stages that only take white space out, if any, so its
 * changes can be made beforehand. */
static enum hn_status add_metaspace(struct hn_json_pipeline *p, const json_t *value)
{
    const struct hn_str mark = HN_STR(HN_SPACE_MARK);
    const struct hn_str replacement = hn_json_member(value, "replacement");
    if (replacement.p && !hn_str_eq(replacement, mark))
        return hn_fail(p->err, HN_E_UNSUPPORTED,
                       "tokenizer.json: Metaspace with a mark other than U+2581");
    if (p->cut_spaces) {
        HN_TRY(add_normal(p, HN_NORMAL_REPLACE_REGEX, HN_STR("\\s+"), HN_STR(" ")));
        HN_TRY(add_simple(p, HN_NORMAL_SQUEEZE));
    }
    HN_TRY(add_normal(p, HN_NORMAL_REPLACE, HN_STR(" "), mark));
    const struct hn_str scheme = hn_json_member(value, "prepend_scheme");
    const bool always =
        scheme.p ? hn_str_is(scheme, "always") : flag(value, "add_prefix_space", true);
    const bool first = scheme.p && hn_str_is(scheme, "first");
    if (always || first) {
        p->prefix_space = true;
        HN_TRY(add_normal(p, always ? HN_NORMAL_PREPEND_UNLESS : HN_NORMAL_PREPEND_FIRST,
                          HN_STR(""), mark));
    }
    return flag(value, "split", true) ? add_stage(p, mark, HN_PRETOK_NEXT, false) : HN_OK;
}

static enum hn_status add_digits(struct hn_json_pipeline *p, const json_t *value)
{
    const bool individual = flag(value, "individual_digits", false);
    return add_stage(p, individual ? HN_STR("\\p{N}") : HN_STR("\\p{N}+"), HN_PRETOK_ISOLATED,
                     false);
}

#define RE_PUNCTUATION "[\\p{P}$+<=>^`|~]"

static enum hn_status add_punctuation(struct hn_json_pipeline *p, const json_t *value)
{
    enum hn_pretok_behaviour behaviour;
    if (!behaviour_of(value, &behaviour)) return bad(p, "pre-tokenizer", value);
    return add_stage(p, HN_STR(RE_PUNCTUATION), behaviour, false);
}

static enum hn_status add_whitespace_split(struct hn_json_pipeline *p, const json_t *value)
{
    (void)value;
    p->cut_spaces = true;
    return add_stage(p, HN_STR("\\s+"), HN_PRETOK_REMOVED, false);
}

static enum hn_status add_bert_words(struct hn_json_pipeline *p, const json_t *value)
{
    HN_TRY(add_whitespace_split(p, value));
    return add_stage(p, HN_STR(RE_PUNCTUATION), HN_PRETOK_ISOLATED, false);
}

static enum hn_status add_whitespace(struct hn_json_pipeline *p, const json_t *value)
{
    (void)value;
#define RE_WORD "\\p{L}\\p{M}\\p{Nd}\\p{Nl}\\p{Pc}\\x{200C}\\x{200D}"
    return add_stage(p, HN_STR("[" RE_WORD "]+|[^\\s" RE_WORD "]+"), HN_PRETOK_REMOVED, true);
}

static enum hn_status add_delimiter(struct hn_json_pipeline *p, const json_t *value)
{
    const struct hn_str delimiter = hn_json_member(value, "delimiter");
    if (!delimiter.p || !delimiter.n) return bad(p, "pre-tokenizer", value);
    return add_literal(p, delimiter, HN_PRETOK_REMOVED, false);
}

static enum hn_status add_pre_tokenizer(struct hn_json_pipeline *p, const json_t *value, int depth)
{
    static const struct {
        const char *type;
        enum hn_status (*add)(struct hn_json_pipeline *, const json_t *);
    } known[] = {
        {"Split", add_split},
        {"ByteLevel", add_byte_level},
        {"Metaspace", add_metaspace},
        {"Digits", add_digits},
        {"Punctuation", add_punctuation},
        {"WhitespaceSplit", add_whitespace_split},
        {"Whitespace", add_whitespace},
        {"BertPreTokenizer", add_bert_words},
        {"CharDelimiterSplit", add_delimiter},
    };
    const struct hn_str type = hn_json_type(value);
    if (hn_str_is(type, "Sequence")) {
        const json_t *steps = json_object_get(value, "pretokenizers");
        if (!json_is_array(steps) || depth == MAX_NESTING) return bad(p, "pre-tokenizer", value);
        for (size_t i = 0; i < json_array_size(steps); i++)
            HN_TRY(add_pre_tokenizer(p, json_array_get(steps, i), depth + 1));
        return HN_OK;
    }
    for (size_t i = 0; i < HN_COUNT(known); i++)
        if (hn_str_is(type, known[i].type)) return known[i].add(p, value);
    return hn_fail(p->err, HN_E_UNSUPPORTED,
                   "tokenizer.json: the pre-tokenizer '%.*s' is not supported", HN_FMT(type));
}

enum hn_status hn_json_pre_tokenizer(struct hn_json_pipeline *pipeline, const json_t *value)
{
    return value && !json_is_null(value) ? add_pre_tokenizer(pipeline, value, 0) : HN_OK;
}

/* Of a token that is added. */
enum place { HEAD, MIDDLE, TAIL };

static enum hn_status add_to_frame(const json_t *id, struct hn_vocab_spec *spec, enum place place,
                                   struct hn_error *err)
{
    int32_t *const list = place == HEAD ? spec->head : place == TAIL ? spec->tail : spec->middle;
    size_t *const n = place == HEAD   ? &spec->n_head
                      : place == TAIL ? &spec->n_tail
                                      : &spec->n_middle;
    const json_int_t value = json_integer_value(id);
    if (!json_is_integer(id) || value < 0 || (uint64_t)value >= spec->n)
        return hn_fail(err, HN_E_FORMAT,
                       "tokenizer.json: the post-processor adds a token that does not exist");
    if (*n == HN_VOCAB_MAX_FRAME)
        return hn_fail(err, HN_E_LIMIT, "tokenizer.json: more than %d tokens around a text",
                       HN_VOCAB_MAX_FRAME);
    list[(*n)++] = (int32_t)value;
    return HN_OK;
}

/* "single": what stands around one text, each piece a special token or the text itself. Of "pair", what
 * stands between the two: around them is what stands around one. */
static enum hn_status read_pieces(const json_t *value, const char *key, struct hn_vocab_spec *spec,
                                  struct hn_error *err)
{
    const json_t *pieces = json_object_get(value, key);
    const json_t *tokens = json_object_get(value, "special_tokens");
    const bool pair = !strcmp(key, "pair");
    enum place place = HEAD;
    for (size_t i = 0; i < json_array_size(pieces); i++) {
        const json_t *piece = json_array_get(pieces, i);
        if (json_object_get(piece, "Sequence")) {
            place = pair && place == HEAD ? MIDDLE : TAIL;
            continue;
        }
        if (pair && place != MIDDLE) continue;
        const struct hn_str name = hn_json_member(json_object_get(piece, "SpecialToken"), "id");
        if (!name.p)
            return hn_fail(err, HN_E_FORMAT,
                           "tokenizer.json: a template piece is neither token nor text");
        const json_t *ids = json_object_get(json_object_getn(tokens, name.p, name.n), "ids");
        for (size_t k = 0; k < json_array_size(ids); k++)
            HN_TRY(add_to_frame(json_array_get(ids, k), spec, place, err));
    }
    return HN_OK;
}

static enum hn_status read_template(const json_t *value, struct hn_vocab_spec *spec,
                                    struct hn_error *err)
{
    HN_TRY(read_pieces(value, "single", spec, err));
    HN_TRY(read_pieces(value, "pair", spec, err));
    spec->has_frame = true;
    const json_t *pair = json_object_get(value, "pair");
    spec->has_middle = json_array_size(pair) > 0;
    for (size_t i = 0; i < json_array_size(pair); i++) {
        const json_t *text = json_object_get(json_array_get(pair, i), "Sequence");
        spec->two_types |= json_integer_value(json_object_get(text, "type_id")) == 1;
    }
    return HN_OK;
}

/* RoBERTa has its end twice between two texts, BERT once, and a type for the second. */
static enum hn_status read_pair(const json_t *value, bool twice, struct hn_vocab_spec *spec,
                                struct hn_error *err)
{
    const json_t *cls = json_object_get(value, "cls"), *sep = json_object_get(value, "sep");
    HN_TRY(add_to_frame(json_array_get(cls, 1), spec, HEAD, err));
    HN_TRY(add_to_frame(json_array_get(sep, 1), spec, TAIL, err));
    for (int i = 0; i <= twice; i++)
        HN_TRY(add_to_frame(json_array_get(sep, 1), spec, MIDDLE, err));
    spec->has_frame = spec->has_middle = true;
    spec->two_types = !twice;
    return HN_OK;
}

enum hn_status hn_json_post_processor(const json_t *value, struct hn_vocab_spec *spec,
                                      struct hn_error *err)
{
    const struct hn_str type = hn_json_type(value);
    if (!type.n || hn_str_is(type, "ByteLevel")) return HN_OK;
    if (hn_str_is(type, "TemplateProcessing")) return read_template(value, spec, err);
    const bool roberta = hn_str_is(type, "RobertaProcessing");
    if (roberta || hn_str_is(type, "BertProcessing")) return read_pair(value, roberta, spec, err);
    if (!hn_str_is(type, "Sequence"))
        return hn_fail(err, HN_E_UNSUPPORTED,
                       "tokenizer.json: the post-processor '%.*s' is not supported", HN_FMT(type));
    const json_t *steps = json_object_get(value, "processors");
    for (size_t i = 0; i < json_array_size(steps); i++) {
        const json_t *step = json_array_get(steps, i);
        if (hn_str_is(hn_json_type(step), "Sequence"))
            return hn_fail(err, HN_E_UNSUPPORTED, "tokenizer.json: post-processors nest");
        HN_TRY(hn_json_post_processor(step, spec, err));
    }
    return HN_OK;
}
