/* /v1/rerank: documents sorted by how well they answer a query, as Jina's and Cohere's APIs have it. */
#include <stdio.h>
#include <stdlib.h>

#include "base/bits.h"
#include "server/encode.h"
#include "server/endpoints.h"
#include "server/requests.h"

enum { MAX_DOCUMENTS = 2048 };
enum { TIER_FLEX = 2 };

struct request {
    struct hn_str model, query;
    json_t *documents;
    int64_t top_n;      /* 0: all */
    int64_t max_tokens; /* of a document; 0: as many as there is room for */
    bool return_documents, truncate, raw_scores;
    int tier;
};

#define AT(member) offsetof(struct request, member)
static const struct hn_field items[] = {
    {"model", HN_FIELD_TEXT, AT(model), .max = 1000,
     .about = "The model's name; the first encoder in service when it is not given."},
    {"query", HN_FIELD_TEXT, AT(query), .required = true, .max = 1 << 24,
     .about = "What is looked for."},
    {"documents", HN_FIELD_ARRAY, AT(documents), .required = true, .max = MAX_DOCUMENTS,
     .schema = "{\"type\": \"array\", \"maxItems\": 2048, \"items\": {\"anyOf\": [{\"type\": "
               "\"string\"}, {\"type\": \"object\", \"properties\": {\"text\": {\"type\": "
               "\"string\"}}, \"required\": [\"text\"]}]}}",
     .about = "Texts, or objects with a `text`."},
    {"top_n", HN_FIELD_INT, AT(top_n), .min = 1, .max = INT32_MAX,
     .about = "Give the best so many only; all when it is not given."},
    {"return_documents", HN_FIELD_BOOL, AT(return_documents), .fallback = "false",
     .about = "Give each result's document with it."},
    {"truncate", HN_FIELD_BOOL, AT(truncate), .fallback = "false",
     .about = "Cut documents that are too long for the model at their end; otherwise they are an "
              "error. An extension."},
    {"max_tokens_per_doc", HN_FIELD_INT, AT(max_tokens), .min = 1, .max = INT32_MAX,
     .about = "Cut documents that are longer to so many tokens."},
    {"raw_scores", HN_FIELD_BOOL, AT(raw_scores), .fallback = "false",
     .about = "Give the model's own numbers, not scores from 0 to 1. An extension."},
    {"service_tier", HN_FIELD_CHOICE, AT(tier), .words = "auto|default|flex",
     .fallback = "\"auto\"", .about = "`flex` takes what other requests leave. An extension."},
    {"user", HN_FIELD_IGNORED, .schema = "{\"type\": \"string\"}",
     .about = "Who asks, in the client's words. Taken without effect."},
};
#undef AT
const struct hn_fields hn_rerank_fields = {"RerankRequest", items, HN_COUNT(items)};

struct result {
    size_t index;
    float score;
};

/* A call that is being computed. */
struct own {
    struct hn_encode base;
    const json_t *documents; /* the call's */
    struct result *results;
    size_t top;
    bool return_documents, raw;
};

/* The text of a document; p is NULL where it is none. */
static struct hn_str text_of(const json_t *document)
{
    const json_t *text = json_is_object(document) ? json_object_get(document, "text") : document;
    return json_is_string(text) ? hn_json_str(text) : (struct hn_str){0};
}

/* The best first, equal ones in their order. */
static int by_score(const void *a, const void *b)
{
    const struct result *x = a, *y = b;
    if (x->score != y->score) return x->score < y->score ? 1 : -1;
    return x->index < y->index ? -1 : 1;
}

static float score_of(const struct own *own, const float *labels)
{
    const size_t n = own->base.model->config.n_labels;
    if (!own->raw) return hn_rerank_score(labels, n);
    return n == 2 ? labels[1] - labels[0] : labels[0];
}

static void answer(struct hn_errand *errand)
{
    struct hn_json_writer w = {0};
    struct own *own = (struct own *)errand;
    struct hn_encode *e = &own->base;
    for (size_t i = 0; i < e->n; i++)
        own->results[i] = (struct result){i, score_of(own, e->items[i].out)};
    qsort(own->results, e->n, sizeof *own->results, by_score);
    hn_json_open(&w, NULL, '{');
    hn_json_put_text(&w, "id", hn_str_from(errand->call->id));
    hn_json_put_text(&w, "object", HN_STR("list"));
    hn_json_put_text(&w, "model", hn_str_from(hn_served_name(errand->served)));
    hn_json_open(&w, "results", '[');
    for (size_t i = 0; i < own->top; i++) {
        const struct result *r = &own->results[i];
        hn_json_open(&w, NULL, '{');
        hn_json_put_uint(&w, "index", r->index);
        hn_json_put_real(&w, "relevance_score", (double)r->score);
        if (own->return_documents) {
            hn_json_open(&w, "document", '{');
            hn_json_put_text(&w, "text", text_of(json_array_get(own->documents, r->index)));
            hn_json_close(&w, '}');
        }
        hn_json_close(&w, '}');
    }
    hn_json_close(&w, ']');
    hn_encode_usage(&w, e);
    hn_json_close(&w, '}');
    hn_call_json(errand->call, 200, &w);
}

static enum hn_status add_document(struct hn_encode *e, const struct request *r, size_t i,
                                   struct hn_refusal *why)
{
    char param[40];
    struct hn_error err;
    size_t n_first;
    const json_t *document = json_array_get(r->documents, i);
    const struct hn_str text = text_of(document);
    snprintf(param, sizeof param, "documents[%zu]", i);
    if (!text.p) return hn_refuse_type(why, param, "a string or an object with a text", document);
    const struct hn_pair_limits limits = {r->truncate, (size_t)r->max_tokens};
    const enum hn_status status =
        hn_embedder_pair(e->model, r->query, text, &limits, &e->ids, &n_first, &err);
    if (status < 0) return hn_refuse_text(why, status, param, &err);
    hn_encode_add(e, n_first);
    return HN_OK;
}

static enum hn_status fill(struct own *own, const struct request *r, struct hn_refusal *why)
{
    struct hn_error err;
    struct hn_encode *e = &own->base;
    if (hn_embedder_ranks(e->model, &err) < 0)
        return hn_refuse(why, 400, "wrong_model_kind", "model",
                         "The model '%s' cannot be asked: %s.", hn_served_name(e->errand.served),
                         err.text);
    own->documents = r->documents;
    own->return_documents = r->return_documents;
    own->raw = r->raw_scores;
    own->top = r->top_n ? hn_min((size_t)r->top_n, e->max) : e->max;
    own->results = hn_arena_alloc(&e->arena, e->max, sizeof *own->results);
    if (!own->results) return hn_refuse(why, 503, "out_of_memory", NULL, "There is no memory.");
    e->errand.klass = r->tier == TIER_FLEX ? HN_CLASS_BATCH : HN_CLASS_INTERACTIVE;
    for (size_t i = 0; i < e->max; i++)
        HN_TRY(add_document(e, r, i, why));
    return HN_OK;
}

enum hn_status hn_answer_rerank(struct hn_call *call, struct hn_refusal *why)
{
    struct request r = {0};
    struct hn_encode *e;
    HN_TRY(hn_fields_read(&hn_rerank_fields, call->body, "", &r, why));
    const size_t n = json_array_size(r.documents);
    if (!n)
        return hn_refuse(why, 400, "empty_array", "documents",
                         "Invalid 'documents': empty array. Expected an array with minimum length "
                         "1.");
    HN_TRY(hn_encode_create(call, r.model, sizeof(struct own), n, &e, why));
    const enum hn_status status = fill((struct own *)e, &r, why);
    if (status >= 0) return hn_encode_start(e, answer, why);
    hn_encode_destroy(e);
    return status;
}

enum hn_status hn_answer_rerank_short(struct hn_call *call, struct hn_refusal *why)
{
    return hn_answer_rerank(call, why);
}
