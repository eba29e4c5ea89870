#include "server/visitor_request.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "server/requests.h"

enum {
    MAX_IDS = 10000,
    MAX_NUMBERS = 1000,
    MAX_K = 1000,
    MAX_EVENTS = 10000, /* that may be sent; the last HN_SESSION_EVENTS count */
};

struct body {
    struct hn_str model;
    const json_t *events, *user, *filters;
    int64_t k;
    double diversity;
    bool attributes, why;
};
struct filters {
    bool available, exclude_seen;
    const json_t *category, *exclude, *include;
    double price_min, price_max;
};

#define AT(member) offsetof(struct body, member)
static const struct hn_field body_items[] = {
    {"model", HN_FIELD_TEXT, AT(model), .max = 1000,
     .about = "The recommender's name; the first one's when it is "
              "not given."},
    {"events", HN_FIELD_ARRAY, AT(events), .max = MAX_EVENTS,
     .schema =
         "{\"type\": \"array\", \"items\": {\"anyOf\": [{\"type\": [\"string\", "
         "\"integer\"]}, {\"type\": \"object\", \"required\": [\"id\"], \"properties\": "
         "{\"id\": {\"type\": [\"string\", \"integer\"]}, "
         "\"type\": {\"type\": \"string\"}, \"time\": {\"type\": [\"number\", \"string\"]}}}]}}",
     .about = "What the visitor looked at, put into the cart, bought: ids, or objects with an id, "
              "a type and a "
              "time. The oldest first; when all have a time, in its order. The last 1000 count."},
    {"user", HN_FIELD_OBJECT, AT(user),
     .about = "Numbers that are known of the visitor, by name, for the ranker."},
    {"k", HN_FIELD_INT, AT(k), .min = 1, .max = MAX_K, .fallback = "10",
     .about = "How many items."},
    {"filters", HN_FIELD_OBJECT, AT(filters),
     .schema =
         "{\"type\": \"object\", \"properties\": {\"available\": {\"type\": \"boolean\"}, "
         "\"category\": {\"anyOf\": [{\"type\": \"string\"}, {\"type\": \"array\", \"items\": "
         "{\"type\": \"string\"}}]}, \"price_min\": {\"type\": \"number\"}, \"price_max\": "
         "{\"type\": \"number\"}, \"exclude_seen\": {\"type\": \"boolean\"}, \"exclude\": "
         "{\"type\": \"array\", \"items\": {\"type\": [\"string\", \"integer\"]}}, \"include\": "
         "{\"type\": \"array\", \"items\": {\"type\": [\"string\", \"integer\"]}}}}",
     .about = "Which items may come: `available` ones alone, of one `category` or several, with a "
              "price from "
              "`price_min` to `price_max`, not those among the events (`exclude_seen`, true when "
              "it is not "
              "given), not those to `exclude`, only those to `include` (none, where that list is "
              "empty)."},
    {"diversity", HN_FIELD_REAL, AT(diversity), .max = 1, .fallback = "0",
     .about = "How much unlikeness counts against the score, from 0 to 1."},
    {"attributes", HN_FIELD_BOOL, AT(attributes), .fallback = "false",
     .about = "Give each item as the catalogue has it."},
    {"why", HN_FIELD_BOOL, AT(why), .fallback = "false",
     .about = "Give the event that each item goes back to, and what each feature gave to the "
              "ranker's score."},
};
#undef AT
const struct hn_fields hn_recommendation_fields = {"RecommendationRequest", body_items,
                                                   HN_COUNT(body_items)};

#define AT(member) offsetof(struct filters, member)
static const struct hn_field filter_items[] = {
    {"available", HN_FIELD_BOOL, AT(available)},
    {"category", HN_FIELD_ANY, AT(category)},
    {"price_min", HN_FIELD_REAL, AT(price_min), .min = -1e30, .max = 1e30},
    {"price_max", HN_FIELD_REAL, AT(price_max), .min = -1e30, .max = 1e30},
    {"exclude_seen", HN_FIELD_BOOL, AT(exclude_seen)},
    {"exclude", HN_FIELD_ARRAY, AT(exclude), .max = MAX_IDS},
    {"include", HN_FIELD_ARRAY, AT(include), .max = MAX_IDS},
};
#undef AT
static const struct hn_fields filter_fields = {"RecommendationFilters", filter_items,
                                               HN_COUNT(filter_items)};

static enum hn_status no_memory(struct hn_refusal *why)
{
    return hn_refuse(why, 503, "out_of_memory", NULL, "There is no memory for the request.");
}

/* An id as items have it: numbers are taken for their digits. */
static enum hn_status read_id(const json_t *value, const char *param, const char *what,
                              struct hn_arena *arena, struct hn_str *out, struct hn_refusal *why)
{
    char *room = json_is_integer(value) ? hn_arena_alloc(arena, 1, HN_ITEM_ID_ROOM) : NULL;
    if (json_is_integer(value) && !room) return no_memory(why);
    return hn_item_id(value, room, out) ? HN_OK : hn_refuse_type(why, param, what, value);
}

/* Not NULL, though nothing be in it. */
static enum hn_status read_ids(const json_t *list, const char *param, struct hn_arena *arena,
                               const struct hn_str **out, size_t *n, struct hn_refusal *why)
{
    if (!list) return HN_OK;
    struct hn_str *ids = hn_arena_alloc(arena, json_array_size(list) + 1, sizeof *ids);
    if (!ids) return no_memory(why);
    *out = ids;
    for (; *n < json_array_size(list); ++*n)
        HN_TRY(read_id(json_array_get(list, *n), param, "ids", arena, &ids[*n], why));
    return HN_OK;
}

/* A list of texts, or one. */
static enum hn_status read_texts(const json_t *value, const char *param, struct hn_arena *arena,
                                 const struct hn_str **out, size_t *n, struct hn_refusal *why)
{
    const bool list = json_is_array(value);
    const size_t wanted = list ? json_array_size(value) : value != NULL;
    if (!wanted) return HN_OK;
    struct hn_str *texts = hn_arena_alloc(arena, wanted, sizeof *texts);
    if (!texts) return no_memory(why);
    for (size_t i = 0; i < wanted; i++) {
        const json_t *text = list ? json_array_get(value, i) : value;
        if (!json_is_string(text)) return hn_refuse_type(why, param, "texts", text);
        texts[i] = hn_json_str(text);
    }
    *out = texts;
    *n = wanted;
    return HN_OK;
}

/* --- events ------------------------------------------------------------------------------------ */

struct event {
    struct hn_visit_event event;
    const json_t *time;
    size_t at;
};

static int by_time(const void *a, const void *b)
{
    const struct event *x = a, *y = b;
    int order;
    if (json_is_string(x->time)) {
        order = strcmp(json_string_value(x->time), json_string_value(y->time));
    } else {
        const double s = json_number_value(x->time), t = json_number_value(y->time);
        order = (s > t) - (s < t);
    }
    return order ? order : (x->at > y->at) - (x->at < y->at);
}

static enum hn_status read_event(const json_t *value, struct hn_arena *arena, struct event *out,
                                 struct hn_refusal *why)
{
    const bool alone = !json_is_object(value);
    const json_t *type = alone ? NULL : json_object_get(value, "type");
    out->time = alone ? NULL : json_object_get(value, "time");
    HN_TRY(read_id(alone ? value : json_object_get(value, "id"), "events",
                   "ids, or objects with an 'id'", arena, &out->event.id, why));
    if (json_is_string(type)) out->event.type = hn_json_str(type);
    else if (type && !json_is_null(type))
        return hn_refuse_type(why, "events", "a text as 'type'", type);
    if (out->time && !json_is_string(out->time) && !json_is_number(out->time) &&
        !json_is_null(out->time))
        return hn_refuse_type(why, "events", "a number or text as 'time'", out->time);
    return HN_OK;
}

static enum hn_status read_events(const json_t *list, struct hn_arena *arena,
                                  struct hn_recommend_request *out, struct hn_refusal *why)
{
    const size_t n = json_array_size(list);
    struct event *events = hn_arena_alloc(arena, n, sizeof *events);
    struct hn_visit_event *kept = hn_arena_alloc(arena, n, sizeof *kept);
    size_t n_texts = 0, n_numbers = 0;
    if (!events || !kept) return no_memory(why);
    for (size_t i = 0; i < n; i++) {
        HN_TRY(read_event(json_array_get(list, i), arena, &events[i], why));
        events[i].at = i;
        n_texts += json_is_string(events[i].time);
        n_numbers += json_is_number(events[i].time);
    }
    if (n && (n_texts == n || n_numbers == n)) qsort(events, n, sizeof *events, by_time);
    out->n_events = hn_min(n, HN_SESSION_EVENTS);
    for (size_t i = 0; i < out->n_events; i++)
        kept[i] = events[n - out->n_events + i].event;
    out->events = kept;
    return HN_OK;
}

/* --- the rest ---------------------------------------------------------------------------------- */

static enum hn_status read_user(const json_t *user, struct hn_arena *arena,
                                struct hn_recommend_request *out, struct hn_refusal *why)
{
    const char *key;
    json_t *value;
    const size_t n = json_object_size(user);
    if (n > MAX_NUMBERS)
        return hn_refuse(why, 400, "invalid_value", "user", "More than %d numbers.", MAX_NUMBERS);
    struct hn_visit_number *numbers = hn_arena_alloc(arena, n, sizeof *numbers);
    if (!numbers) return no_memory(why);
    out->user = numbers;
    json_object_foreach((json_t *)user, key, value)
    {
        if (json_is_null(value)) continue;
        if (!json_is_number(value) && !json_is_boolean(value))
            return hn_refuse_type(why, "user", "numbers by name", value);
        numbers[out->n_user++] = (struct hn_visit_number){
            hn_str_from(key),
            json_is_number(value) ? json_number_value(value) : json_is_true(value)};
    }
    return HN_OK;
}

static enum hn_status read_filters(const json_t *body, struct hn_arena *arena,
                                   struct hn_recommend_request *out, struct hn_refusal *why)
{
    struct filters f = {.exclude_seen = true, .price_min = (double)NAN, .price_max = (double)NAN};
    if (body) HN_TRY(hn_fields_read(&filter_fields, body, "filters.", &f, why));
    out->only_available = f.available;
    out->exclude_seen = f.exclude_seen;
    out->price_min = f.price_min;
    out->price_max = f.price_max;
    HN_TRY(read_texts(f.category, "filters.category", arena, &out->categories, &out->n_categories,
                      why));
    HN_TRY(read_ids(f.exclude, "filters.exclude", arena, &out->exclude, &out->n_exclude, why));
    return read_ids(f.include, "filters.include", arena, &out->include, &out->n_include, why);
}

enum hn_status hn_visitor_request_read(const json_t *body, struct hn_arena *arena,
                                       struct hn_visitor_request *out, struct hn_refusal *why)
{
    struct body b = {.k = 10};
    HN_TRY(hn_fields_read(&hn_recommendation_fields, body, "", &b, why));
    struct hn_recommend_request *r = &out->recommend;
    out->model = b.model;
    out->attributes = b.attributes;
    out->why = r->why = b.why;
    r->arena = arena;
    r->k = (size_t)b.k;
    r->diversity = b.diversity;
    HN_TRY(read_events(b.events, arena, r, why));
    HN_TRY(read_user(b.user, arena, r, why));
    return read_filters(b.filters, arena, r, why);
}

/* --- the answer -------------------------------------------------------------------------------- */

static void put_why(struct hn_json_writer *w, const struct hn_recommender *r,
                    const struct hn_recommend_request *request, const struct hn_recommended *item)
{
    size_t n;
    const struct hn_feature *features = hn_recommender_features(r, &n);
    hn_json_open(w, "why", '{');
    if (item->because != SIZE_MAX) {
        hn_json_open(w, "event", '{');
        hn_json_put_text(w, "id", request->events[item->because].id);
        hn_json_put_uint(w, "index", item->because);
        hn_json_close(w, '}');
    }
    if (n) hn_json_put_real(w, "retrieval_score", item->retrieval);
    if (item->together > 0) hn_json_put_real(w, "together", item->together);
    if (item->shares) {
        hn_json_open(w, "contributions", '{');
        for (size_t i = 0; i < n; i++)
            hn_json_put_real(w, features[i].label, (double)item->shares[i]);
        hn_json_put_real(w, "base", (double)item->shares[n]);
        hn_json_close(w, '}');
    }
    hn_json_close(w, '}');
}

void hn_visitor_answer_put(struct hn_json_writer *w, const struct hn_recommender *r,
                           const struct hn_visitor_request *request)
{
    static const char *const by[] = {[HN_BY_SESSION] = "session",
                                     [HN_BY_TOGETHER] = "together",
                                     [HN_BY_EVENTS] = "events",
                                     [HN_BY_POPULARITY] = "popularity"};
    const struct hn_recommend_request *q = &request->recommend;
    hn_json_open(w, "data", '[');
    for (size_t i = 0; i < q->n; i++) {
        const struct hn_item *item = hn_shelf_item(q->shelf, q->items[i].item);
        hn_json_open(w, NULL, '{');
        hn_json_put_text(w, "id", item->id);
        hn_json_put_real(w, "score", q->items[i].score);
        if (request->attributes) hn_json_put_raw(w, "attributes", item->json);
        if (request->why) put_why(w, r, q, &q->items[i]);
        hn_json_close(w, '}');
    }
    hn_json_close(w, ']');
    hn_json_put_text(w, "by", hn_str_from(by[q->how]));
    hn_json_put_uint(w, "known_events", q->n_known);
    hn_json_open(w, "stages_ms", '{');
    for (size_t i = 0; i < HN_RECOMMEND_STAGES; i++)
        hn_json_put_real(w, hn_recommend_stage_names[i], round(q->stage_s[i] * 1e6) / 1e3);
    hn_json_close(w, '}');
}
