#include "model/recommend/recommender_config.h"

#include <string.h>

#include "base/bits.h"

/* Where a member is looked for, and what to say of it. */
struct reading {
    struct hn_recommender_config *config;
    const json_t *object;
    const char *section; /* "session." or "" */
    struct hn_error *err;
};

static enum hn_status wrong(const struct reading *r, const char *key, const char *what)
{
    return hn_fail(r->err, HN_E_FORMAT, "'%s%s' %s", r->section, key, what);
}

/* Refuses members that are not in the list, which ends with NULL. */
static enum hn_status know(const struct reading *r, const char *const *keys)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)r->object, key, value)
    {
        size_t i = 0;
        while (keys[i] && strcmp(keys[i], key) != 0)
            i++;
        if (!keys[i]) return wrong(r, key, "is not known");
    }
    return HN_OK;
}

static enum hn_status text(const struct reading *r, const char *key, const char **out)
{
    const json_t *value = json_object_get(r->object, key);
    if (!value) return HN_OK;
    const struct hn_str s = hn_json_str(value);
    if (!json_is_string(value) || !s.n || memchr(s.p, '\0', s.n))
        return wrong(r, key, "is no text");
    *out = hn_arena_str(&r->config->arena, s).p;
    return *out ? HN_OK : hn_fail_nomem(r->err, key, s.n);
}

/* A file of the folder. */
static enum hn_status file(const struct reading *r, const char *key, const char **out)
{
    HN_TRY(text(r, key, out));
    if (*out && ((*out)[0] == '/' || strstr(*out, "..")))
        return wrong(r, key, "leads out of the folder");
    return HN_OK;
}

static enum hn_status count(const struct reading *r, const char *key, size_t most, size_t *out)
{
    const json_t *value = json_object_get(r->object, key);
    if (!value) return HN_OK;
    const json_int_t n = json_integer_value(value);
    if (!json_is_integer(value) || n < 1 || (size_t)n > most)
        return hn_fail(r->err, HN_E_FORMAT, "'%s%s' is no number from 1 to %zu", r->section, key,
                       most);
    *out = (size_t)n;
    return HN_OK;
}

/* Enters a section; *has is false where there is none. */
static enum hn_status enter(const struct reading *r, const char *key, const char *section,
                            struct reading *out, bool *has)
{
    const json_t *value = json_object_get(r->object, key);
    *has = value != NULL;
    *out = (struct reading){r->config, value, section, r->err};
    return !value || json_is_object(value) ? HN_OK : wrong(r, key, "is no object");
}

/* A list of names. */
static enum hn_status names(const struct reading *r, const char *key,
                            const char *out[HN_ITEM_CATEGORIES], size_t *n)
{
    const json_t *list = json_object_get(r->object, key);
    if (list && (!json_is_array(list) || json_array_size(list) > HN_ITEM_CATEGORIES))
        return wrong(r, key, "is no list of names");
    for (; *n < json_array_size(list); ++*n) {
        const struct hn_str name = hn_json_str(json_array_get(list, *n));
        if (!name.p || memchr(name.p, '\0', name.n)) return wrong(r, key, "is no list of names");
        out[*n] = hn_arena_str(&r->config->arena, name).p;
        if (!out[*n]) return hn_fail_nomem(r->err, "a name", name.n);
    }
    return HN_OK;
}

static enum hn_status read_fields(const struct reading *from)
{
    static const char *const keys[] = {"id",         "price",      "available",
                                       "popularity", "categories", NULL};
    struct hn_item_fields *fields = &from->config->fields;
    struct reading r;
    bool has;
    HN_TRY(enter(from, "fields", "fields.", &r, &has));
    fields->id = "id";
    if (!has) return HN_OK;
    HN_TRY(know(&r, keys));
    HN_TRY(text(&r, "id", &fields->id));
    HN_TRY(text(&r, "price", &fields->price));
    HN_TRY(text(&r, "available", &fields->available));
    HN_TRY(text(&r, "popularity", &fields->popularity));
    return names(&r, "categories", fields->categories, &fields->n_categories);
}

static enum hn_status read_embedding(const struct reading *from)
{
    static const char *const keys[] = {"model", "text", "prompt", "prefix", NULL};
    struct hn_recommender_config *c = from->config;
    struct reading r;
    bool has;
    HN_TRY(enter(from, "embedding", "embedding.", &r, &has));
    if (!has) return HN_OK;
    HN_TRY(know(&r, keys));
    HN_TRY(file(&r, "model", &c->embedding));
    HN_TRY(text(&r, "prompt", &c->embedding_prompt));
    HN_TRY(text(&r, "prefix", &c->embedding_prefix));
    HN_TRY(names(&r, "text", c->fields.texts, &c->fields.n_texts));
    if (!c->embedding) return wrong(&r, "model", "is missing");
    if (!c->fields.n_texts) return wrong(&r, "text", "does not name what of an item is read");
    if (c->embedding_prompt && c->embedding_prefix)
        return wrong(&r, "prefix", "and a prompt: only one of them");
    if (c->vectors) return wrong(from, "embedding", "and 'vectors': only one of them");
    return HN_OK;
}

static enum hn_status read_together(const struct reading *from)
{
    static const char *const keys[] = {"file", "visit", "item", NULL};
    struct hn_recommender_config *c = from->config;
    struct reading r;
    bool has;
    HN_TRY(enter(from, "together", "together.", &r, &has));
    if (!has) return HN_OK;
    HN_TRY(know(&r, keys));
    HN_TRY(file(&r, "file", &c->together));
    if (!c->together) return wrong(&r, "file", "is missing");
    c->together_visit = "visit";
    c->together_item = "item";
    HN_TRY(text(&r, "visit", &c->together_visit));
    return text(&r, "item", &c->together_item);
}

static enum hn_status read_session(const struct reading *from)
{
    static const char *const keys[] = {"model", "length", "output", NULL};
    struct hn_recommender_config *c = from->config;
    struct reading r;
    bool has;
    HN_TRY(enter(from, "session", "session.", &r, &has));
    if (!has) return HN_OK;
    HN_TRY(know(&r, keys));
    HN_TRY(file(&r, "model", &c->session));
    if (!c->session) return wrong(&r, "model", "is missing");
    HN_TRY(text(&r, "output", &c->session_output));
    return count(&r, "length", HN_SESSION_EVENTS, &c->session_length);
}

static enum hn_status read_feature(const struct reading *r, struct hn_str label,
                                   struct hn_feature *out, const char **item_names)
{
    static const struct {
        const char *label;
        enum hn_feature_source source;
    } own[] = {{"score", HN_FEATURE_SCORE},
               {"together", HN_FEATURE_TOGETHER},
               {"popularity", HN_FEATURE_POPULARITY},
               {"price", HN_FEATURE_PRICE},
               {"seen", HN_FEATURE_SEEN},
               {"events", HN_FEATURE_EVENTS}};
    struct hn_recommender_config *c = r->config;
    out->label = hn_arena_str(&c->arena, label).p;
    if (!out->label) return hn_fail_nomem(r->err, "a feature", label.n);
    for (size_t i = 0; i < HN_COUNT(own); i++)
        if (hn_str_is(label, own[i].label)) {
            out->source = own[i].source;
            if (out->source != HN_FEATURE_TOGETHER || c->together) return HN_OK;
            return wrong(r, "features", "has 'together', and there are no past visits");
        }
    if (hn_str_starts(label, HN_STR("user."))) {
        out->source = HN_FEATURE_USER;
    } else if (hn_str_starts(label, HN_STR("item."))) {
        out->source = HN_FEATURE_ITEM;
        out->index = c->fields.n_features;
        item_names[c->fields.n_features++] = out->label + 5;
    } else {
        return hn_fail(r->err, HN_E_FORMAT,
                       "'ranker.features' has '%.*s', which is none of score, together, "
                       "popularity, price, seen, "
                       "events, user.NAME, item.NAME",
                       HN_FMT(label));
    }
    out->name = out->label + 5;
    return HN_OK;
}

static enum hn_status read_ranker(const struct reading *from)
{
    static const char *const keys[] = {"model", "features", "output", "candidates", NULL};
    struct hn_recommender_config *c = from->config;
    struct reading r;
    bool has;
    HN_TRY(enter(from, "ranker", "ranker.", &r, &has));
    if (!has) return HN_OK;
    HN_TRY(know(&r, keys));
    HN_TRY(file(&r, "model", &c->ranker));
    if (!c->ranker) return wrong(&r, "model", "is missing");
    HN_TRY(text(&r, "output", &c->ranker_output));
    HN_TRY(count(&r, "candidates", HN_CANDIDATES, &c->candidates));
    const json_t *list = json_object_get(r.object, "features");
    const size_t n = json_array_size(list);
    if (!json_is_array(list) || !n || n > HN_ITEM_FEATURES)
        return wrong(&r, "features", "is no list of features");
    c->features = hn_arena_alloc(&c->arena, n, sizeof *c->features);
    const char **names = hn_arena_alloc(&c->arena, n, sizeof *names);
    if (!c->features || !names) return hn_fail_nomem(r.err, "features", n * sizeof *c->features);
    c->fields.features = names;
    for (; c->n_features < n; c->n_features++) {
        const struct hn_str label = hn_json_str(json_array_get(list, c->n_features));
        if (!label.p || memchr(label.p, '\0', label.n))
            return wrong(&r, "features", "is no list of features");
        HN_TRY(read_feature(&r, label, &c->features[c->n_features], names));
    }
    return HN_OK;
}

static enum hn_status read_events(const struct reading *from)
{
    struct hn_recommender_config *c = from->config;
    struct reading r;
    bool has;
    const char *key;
    json_t *value;
    const json_t *decay = json_object_get(from->object, "decay");
    if (decay) c->decay = json_number_value(decay);
    if (decay && (!json_is_number(decay) || !(c->decay > 0 && c->decay <= 1)))
        return wrong(from, "decay", "is no number above 0 and at most 1");
    HN_TRY(enter(from, "events", "events.", &r, &has));
    json_object_foreach((json_t *)r.object, key, value)
    {
        const double weight = json_number_value(value);
        if (!json_is_number(value) || !(weight >= 0 && weight <= 1000))
            return wrong(&r, key, "is no number from 0 to 1000");
        if (c->n_events == HN_EVENT_TYPES) return wrong(from, "events", "has too many types");
        c->events[c->n_events].type = hn_arena_str(&c->arena, hn_str_from(key));
        if (!c->events[c->n_events].type.p) return hn_fail_nomem(r.err, key, strlen(key));
        c->events[c->n_events++].weight = weight;
    }
    return HN_OK;
}

static enum hn_status read_all(const struct reading *r)
{
    static const char *const keys[] = {"catalogue", "vectors",   "tensor",   "journal",
                                       "fields",    "embedding", "together", "session",
                                       "ranker",    "decay",     "events",   NULL};
    struct hn_recommender_config *c = r->config;
    if (!json_is_object(r->object)) return hn_fail(r->err, HN_E_FORMAT, "this is no object");
    HN_TRY(know(r, keys));
    HN_TRY(file(r, "catalogue", &c->catalogue));
    HN_TRY(file(r, "vectors", &c->vectors));
    HN_TRY(file(r, "journal", &c->journal));
    HN_TRY(text(r, "tensor", &c->tensor));
    if (!c->catalogue) return wrong(r, "catalogue", "is missing");
    HN_TRY(read_fields(r));
    HN_TRY(read_embedding(r));
    HN_TRY(read_together(r));
    HN_TRY(read_session(r));
    HN_TRY(read_ranker(r));
    return read_events(r);
}

enum hn_status hn_recommender_config_parse(struct hn_str source, const char *name,
                                           struct hn_recommender_config *out, struct hn_error *err)
{
    json_t *object;
    *out = (struct hn_recommender_config){
        .journal = "changes.journal", .session_length = 50, .candidates = 200, .decay = 0.8};
    HN_TRY(hn_json_parse(source, name, &object, err));
    const struct reading r = {out, object, "", err};
    const enum hn_status status = read_all(&r);
    json_decref(object);
    if (status >= 0) return HN_OK;
    hn_recommender_config_free(out);
    return hn_fail_in(err, status, "%s", name);
}

void hn_recommender_config_free(struct hn_recommender_config *config)
{
    hn_arena_free(&config->arena);
    *config = (struct hn_recommender_config){0};
}

double hn_event_weight(const struct hn_recommender_config *config, struct hn_str type)
{
    for (size_t i = 0; i < config->n_events; i++)
        if (hn_str_eq(config->events[i].type, type)) return config->events[i].weight;
    return 1;
}
