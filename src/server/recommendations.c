/* /v1/recommendations: what to show a visitor; and the items that may be shown, which change meanwhile. */
#include <stdlib.h>

#include "base/bits.h"
#include "engine/recommending.h"
#include "server/endpoints.h"
#include "server/errand.h"
#include "server/models.h"
#include "server/requests.h"
#include "server/visitor_request.h"

struct recommending {
    struct hn_errand errand;
    struct hn_recommend_job job;
    struct hn_oneshot_job *jobs[1];
    struct hn_arena arena;
    struct hn_visitor_request request; /* its `recommend` is a copy of the job's */
};

static void forget(struct hn_errand *errand)
{
    struct recommending *r = (struct recommending *)errand;
    hn_shelf_release(r->job.request.shelf);
    hn_arena_free(&r->arena);
    free(r);
}

static void put_usage(struct hn_json_writer *w, const struct recommending *r)
{
    hn_json_open(w, "usage", '{');
    hn_json_put_uint(w, "events", r->job.request.n_events);
    hn_json_put_uint(w, "items", r->job.request.n);
    hn_json_put_real(w, "core_seconds", r->job.job.core_s);
    hn_json_close(w, '}');
}

static void answer(struct hn_errand *errand)
{
    struct recommending *r = (struct recommending *)errand;
    struct hn_json_writer w = {0};
    r->request.recommend = r->job.request;
    hn_json_open(&w, NULL, '{');
    hn_json_put_text(&w, "object", HN_STR("list"));
    hn_json_put_text(&w, "model", hn_str_from(hn_served_name(errand->served)));
    hn_visitor_answer_put(&w, hn_recommending_model(hn_served_oneshot(errand->served)),
                          &r->request);
    put_usage(&w, r);
    hn_json_close(&w, '}');
    hn_call_json(errand->call, 200, &w);
}

enum hn_status hn_answer_recommendation(struct hn_call *call, struct hn_refusal *why)
{
    struct recommending *r = calloc(1, sizeof *r);
    if (!r)
        return hn_refuse(why, 503, "out_of_memory", NULL, "There is no memory for the request.");
    r->errand.call = call;
    r->errand.answer = answer;
    r->errand.forget = forget;
    r->errand.rows = 1;
    enum hn_status status = hn_visitor_request_read(call->body, &r->arena, &r->request, why);
    if (status >= 0)
        status =
            hn_find_kind(call, r->request.model, 1u << HN_KIND_RECOMMENDER, &r->errand.served, why);
    if (status < 0) {
        forget(&r->errand);
        return status;
    }
    r->job.request = r->request.recommend;
    r->job.job.work = 1;
    r->jobs[0] = &r->job.job;
    return hn_errand_start(&r->errand, r->jobs, 1, why);
}

/* --- items ------------------------------------------------------------------------------------- */

struct change {
    struct hn_str model;
    json_t *put, *remove;
};

#define AT(member) offsetof(struct change, member)
static const struct hn_field change_items[] = {
    {"model", HN_FIELD_TEXT, AT(model), .max = 1000, .about = "The recommender's name."},
    {"put", HN_FIELD_ARRAY, AT(put),
     .schema = "{\"type\": \"array\", \"items\": {\"type\": \"object\"}}",
     .about = "Items as the catalogue has them, new ones and such as are there; each may bring a "
              "`vector`, and "
              "keeps the one it has if it brings none."},
    {"remove", HN_FIELD_ARRAY, AT(remove),
     .schema = "{\"type\": \"array\", \"items\": {\"type\": [\"string\", \"integer\"]}}",
     .about = "Ids of items that go; the answer says how many there were."},
};
#undef AT
const struct hn_fields hn_item_change_fields = {"ItemChangeRequest", change_items,
                                                HN_COUNT(change_items)};

/* The change alone, as the journal keeps it; NULL: there is no memory. */
static json_t *change_of(const struct change *c)
{
    json_t *change = json_object();
    if (change && (!c->put || json_object_set(change, "put", c->put) == 0) &&
        (!c->remove || json_object_set(change, "remove", c->remove) == 0))
        return change;
    json_decref(change);
    return NULL;
}

enum hn_status hn_answer_change_items(struct hn_call *call, struct hn_refusal *why)
{
    struct hn_error err;
    struct hn_served *served;
    struct hn_json_writer w = {0};
    struct change c = {0};
    HN_TRY(hn_fields_read(&hn_item_change_fields, call->body, "", &c, why));
    HN_TRY(hn_find_kind(call, c.model, 1u << HN_KIND_RECOMMENDER, &served, why));
    struct hn_recommender *r = hn_recommending_model(hn_served_oneshot(served));
    size_t removed = 0;
    json_t *change = change_of(&c);
    enum hn_status status = change ? hn_recommender_change(r, change, &removed, &err)
                                   : hn_fail_nomem(&err, "a change", 0);
    json_decref(change);
    if (status < 0) {
        status = hn_refuse_by(why, status == HN_E_FORMAT ? HN_E_ARG : status, &err);
    } else {
        struct hn_shelf *shelf = hn_recommender_shelf(r);
        hn_json_open(&w, NULL, '{');
        hn_json_put_uint(&w, "put", json_array_size(c.put));
        hn_json_put_uint(&w, "removed", removed);
        hn_json_put_uint(&w, "items", shelf->n_items);
        hn_json_close(&w, '}');
        hn_shelf_release(shelf);
        hn_call_json(call, 200, &w);
    }
    hn_served_release(served);
    return status;
}
