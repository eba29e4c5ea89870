#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/file.h"
#include "cli/commands.h"
#include "cli/door.h"
#include "cli/options.h"
#include "server/json_build.h"
#include "server/visitor_request.h"

enum { REQUESTS_BYTES = 1 << 30 };

struct options {
    const char *model, *events, *category, *exclude, *requests;
    size_t k;
    float price_min, price_max, diversity;
    bool available, keep_seen, why, attributes, json;
};

#define AT(field) offsetof(struct options, field)
static const struct hn_opt items[] = {
    {"model", 'm', "DIR", HN_OPT_TEXT, AT(model), .help = "a folder with a recommender.json"},
    {"events", 'e', "ID,...", HN_OPT_TEXT, AT(events),
     .help = "what the visitor looked at, the oldest first; ID:TYPE says how (cart, purchase)"},
    {"number", 'k', "N", HN_OPT_SIZE, AT(k), 1, 1000, .help = "how many items (default: 10)"},
    {"available", 0, NULL, HN_OPT_FLAG, AT(available), .help = "only what is available"},
    {"category", 0, "NAME,...", HN_OPT_TEXT, AT(category), .help = "only of these categories"},
    {"price-min", 0, "X", HN_OPT_REAL, AT(price_min), -1e30, 1e30,
     .help = "only from this price on"},
    {"price-max", 0, "X", HN_OPT_REAL, AT(price_max), -1e30, 1e30, .help = "only up to this price"},
    {"exclude", 0, "ID,...", HN_OPT_TEXT, AT(exclude), .help = "not these"},
    {"keep-seen", 0, NULL, HN_OPT_FLAG, AT(keep_seen), .help = "also what is among the events"},
    {"diversity", 0, "X", HN_OPT_REAL, AT(diversity), 0, 1,
     .help = "how much unlikeness counts, from 0 to 1 (default: 0)"},
    {"why", 0, NULL, HN_OPT_FLAG, AT(why), .help = "show what each item goes back to"},
    {"attributes", 0, NULL, HN_OPT_FLAG, AT(attributes),
     .help = "show the items as the catalogue has them"},
    {"requests", 0, "FILE", HN_OPT_TEXT, AT(requests),
     .help =
         "a request per line instead, as the body of POST /v1/recommendations; an answer per line"},
    {"json", 0, NULL, HN_OPT_FLAG, AT(json), .help = "print JSON"},
};
#undef AT
static const struct hn_opt_group groups[] = {{"Options", items, HN_COUNT(items), 0}};
static const struct hn_cli_spec spec = {
    .name = "recommend",
    .operands = "",
    .about = "Shows what a recommender would show a visitor. Where nothing is known of somebody,\n"
             "that is what most people like.",
    .groups = groups,
    .n_groups = HN_COUNT(groups),
    .more =
        "  hence recommend -m models/starter-recommender --events TN-102,SB-107 --why\n"
        "  hence recommend -m shop --events TN-102:purchase --category cooking --available -k 5\n"
        "  hence recommend -m shop --requests visitors.jsonl > answers.jsonl\n"
        "\n"
        "docs/recommender.md says what the folder holds.",
};

/* "a,b" as a list. */
static json_t *list_of(const char *text)
{
    json_t *list = json_array();
    for (const char *at = text; list && at && *at;) {
        const size_t n = strcspn(at, ",");
        if (json_array_append_new(list, json_stringn(at, n)) != 0) {
            json_decref(list);
            return NULL;
        }
        at += n + (at[n] == ',');
    }
    return list;
}

/* "a,b:cart" as events. */
static json_t *events_of(const char *text)
{
    json_t *list = json_array();
    for (const char *at = text; at && *at;) {
        const size_t n = strcspn(at, ","), id = strcspn(at, ",:");
        json_t *event = hn_json_object_at_end(list);
        if (!hn_json_set_text(event, "id", (struct hn_str){at, id}) ||
            (id < n &&
             !hn_json_set_text(event, "type", (struct hn_str){at + id + 1, n - id - 1}))) {
            json_decref(list);
            return NULL;
        }
        at += n + (at[n] == ',');
    }
    return list;
}

/* The options as the body of a request; NULL: there is no memory, or an id is no UTF-8. */
static json_t *body_of(const struct options *o)
{
    json_t *body = json_object(), *filters = hn_json_object_in(body, "filters");
    bool good = hn_json_set(body, "events", events_of(o->events)) &&
                hn_json_set(body, "k", json_integer((json_int_t)o->k)) &&
                hn_json_set(body, "diversity", json_real((double)o->diversity)) &&
                hn_json_set(body, "why", json_boolean(o->why)) &&
                hn_json_set(body, "attributes", json_boolean(o->attributes)) &&
                hn_json_set(filters, "available", json_boolean(o->available)) &&
                hn_json_set(filters, "exclude_seen", json_boolean(!o->keep_seen)) &&
                hn_json_set(filters, "category", list_of(o->category)) &&
                hn_json_set(filters, "exclude", list_of(o->exclude));
    if (good && !isnan(o->price_min))
        good = hn_json_set(filters, "price_min", json_real((double)o->price_min));
    if (good && !isnan(o->price_max))
        good = hn_json_set(filters, "price_max", json_real((double)o->price_max));
    if (good) return body;
    json_decref(body);
    return NULL;
}

/* What people call the item, where the catalogue has a member "name". */
static void print_name(const struct hn_item *item)
{
    json_t *object = NULL;
    if (hn_json_parse(item->json, "item", &object, NULL) < 0) return;
    const struct hn_str name = hn_json_str(json_object_get(object, "name"));
    if (name.p) printf("  %-12.*s", HN_FMT(name));
    json_decref(object);
}

static void print_items(const struct hn_recommend_request *r)
{
    static const char *const by[] = {"by what comes next in visits like this",
                                     "by what others looked at in the same visit",
                                     "by what is like what was looked at", "by popularity"};
    printf("%s\n", by[r->how]);
    for (size_t i = 0; i < r->n; i++) {
        const struct hn_item *item = hn_shelf_item(r->shelf, r->items[i].item);
        printf("%3zu  %9.4f  %-16.*s", i + 1, r->items[i].score, HN_FMT(item->id));
        print_name(item);
        for (size_t c = 0; c < item->n_categories; c++)
            printf("%s%.*s", c ? ", " : "  ", HN_FMT(item->categories[c]));
        if (!isnan(item->price)) printf("  %.2f", (double)item->price);
        if (!item->available) printf("  (not available)");
        if (r->why && r->items[i].because != SIZE_MAX)
            printf("  like %.*s", HN_FMT(r->events[r->items[i].because].id));
        putchar('\n');
    }
    for (size_t i = 0; i < r->n_events; i++)
        if (!r->known[i]) printf("     there is no item %.*s\n", HN_FMT(r->events[i].id));
}

/* One request and its answer. */
static enum hn_status answer(struct hn_recommend_seat *seat, const struct hn_recommender *model,
                             const json_t *body, bool json, struct hn_error *err)
{
    struct hn_arena arena = {0};
    struct hn_refusal why;
    struct hn_visitor_request request = {0};
    struct hn_recommend_request *r = &request.recommend;
    enum hn_status status = hn_visitor_request_read(body, &arena, &request, &why);
    if (status < 0) {
        status = hn_fail(err, status, "%s", why.message);
    } else {
        hn_recommend(seat, &r, 1);
        status = r->status;
        if (status < 0) *err = r->error;
    }
    if (status >= 0 && json) {
        struct hn_json_writer w = {0};
        hn_json_open(&w, NULL, '{');
        hn_visitor_answer_put(&w, model, &request);
        hn_json_close(&w, '}');
        status = hn_door_print(&w, err);
    } else if (status >= 0) {
        print_items(r);
    }
    hn_shelf_release(r->shelf);
    hn_arena_free(&arena);
    return status;
}

static enum hn_status answer_lines(const struct options *o, struct hn_recommend_seat *seat,
                                   const struct hn_recommender *model, struct hn_error *err)
{
    struct hn_buf text = {0};
    enum hn_status status = hn_file_read(o->requests, REQUESTS_BYTES, &text, err);
    struct hn_str left = hn_buf_view(&text);
    for (size_t line = 1; status >= 0 && left.n; line++) {
        const char *end = memchr(left.p, '\n', left.n);
        const struct hn_str one = {left.p, end ? (size_t)(end - left.p) : left.n};
        const size_t used = one.n + (end != NULL);
        left = (struct hn_str){left.p + used, left.n - used};
        json_t *body = NULL;
        if (!one.n) continue;
        status = hn_json_parse(one, "request", &body, err);
        if (status >= 0) status = answer(seat, model, body, true, err);
        if (status < 0) (void)hn_fail_in(err, status, "%s: line %zu", o->requests, line);
        json_decref(body);
    }
    hn_buf_free(&text);
    return status;
}

static enum hn_status recommend(const struct options *o, struct hn_error *err)
{
    struct hn_recommender_options how = {.threads = hn_cpu_count()};
    struct hn_recommender *model = NULL;
    struct hn_recommend_seat *seat = NULL;
    json_t *body = NULL;
    HN_TRY(hn_cpu_choose(getenv("HENCE_CPU"), &how.level, err));
    HN_TRY(hn_recommender_open(o->model, &how, &model, err));
    enum hn_status status = hn_recommend_seat_new(model, &seat, err);
    if (status >= 0 && o->requests) {
        status = answer_lines(o, seat, model, err);
    } else if (status >= 0) {
        body = body_of(o);
        status = body ? answer(seat, model, body, o->json, err)
                      : hn_fail(err, HN_E_ARG, "an id or a category is no UTF-8 text");
    }
    json_decref(body);
    hn_recommend_seat_free(seat);
    hn_recommender_close(model);
    return status;
}

int hn_cmd_recommend(int argc, char **argv)
{
    struct options o = {.k = 10, .price_min = NAN, .price_max = NAN};
    struct hn_operands operands;
    int status;
    if (!hn_cli_parse(&spec, argc, argv, &o, &operands, &status)) return status;
    if (!o.model) return hn_cli_wrong(&spec, "-m names the recommender's folder");
    struct hn_error err;
    return hn_cli_end(&spec, recommend(&o, &err), &err);
}
