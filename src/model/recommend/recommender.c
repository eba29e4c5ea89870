#include "model/recommend/recommender.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "model/recommend/vector_file.h"
#include "model/recommend/recommender_impl.h"

enum {
    LARGE = 1 << 16, /* items, from which on threads search together */
};

static const char CONFIG[] = "recommender.json", CACHE[] = "vectors.cache";

/* FOLDER/NAME; free it. */
static char *path_in(const char *folder, const char *name)
{
    struct hn_buf path = {0};
    hn_buf_printf(&path, "%s/%s", folder, name);
    if (!path.failed) return path.p;
    hn_buf_free(&path);
    return NULL;
}

bool hn_recommender_is(const char *path)
{
    struct hn_file_version version;
    char *config = path_in(path, CONFIG);
    const bool is = config && hn_file_look(config, &version);
    free(config);
    return is;
}

struct hn_shelf *hn_recommender_shelf(struct hn_recommender *r)
{
    pthread_mutex_lock(&r->shelf_lock);
    struct hn_shelf *shelf = r->shelf;
    hn_shelf_hold(shelf);
    pthread_mutex_unlock(&r->shelf_lock);
    return shelf;
}

/* --- opening ----------------------------------------------------------------------------------- */

/* The items of the catalogue's file with their vectors, if there are any, as the first shelf. */
static enum hn_status fill_shelf(struct hn_recommender *r, const struct hn_item_list *items,
                                 const char *catalogue, struct hn_vector_file *m,
                                 struct hn_error *err)
{
    enum { AT_ONCE = 65536 };
    const size_t dims = r->dims = m->rows        ? m->dims
                                  : r->embedding ? hn_item_vectors_dims(r->embedding)
                                                 : 1;
    struct hn_shelf_change *changes = calloc(AT_ONCE, sizeof *changes);
    float *vectors = malloc(AT_ONCE * dims * sizeof *vectors);
    enum hn_status status = hn_shelf_new(dims, &r->shelf, err);
    if (status >= 0 && (!changes || !vectors))
        status = hn_fail_nomem(err, "items", AT_ONCE * dims * sizeof *vectors);
    for (size_t first = 0; status >= 0 && first < items->n; first += AT_ONCE) {
        const size_t n = hn_min(AT_ONCE, items->n - first);
        struct hn_shelf *shelf;
        for (size_t i = 0; status >= 0 && i < n; i++) {
            changes[i] = (struct hn_shelf_change){.item = items->items[first + i]};
            if (!m->rows) continue;
            changes[i].vector = vectors + i * dims;
            status = hn_vector_file_row(m, first + i, vectors + i * dims, err);
        }
        if (status >= 0) status = hn_shelf_with(r->shelf, changes, n, &shelf, NULL, err);
        if (status < 0) break;
        hn_shelf_release(r->shelf);
        r->shelf = shelf;
    }
    free(vectors);
    free(changes);
    if (status >= 0 && r->shelf->n_items < items->n)
        status = hn_item_list_twice(items, catalogue, err);
    return status;
}

static enum hn_status open_items(struct hn_recommender *r, const char *folder,
                                 struct hn_item_list *items, struct hn_error *err)
{
    const struct hn_recommender_config *c = &r->config;
    struct hn_vector_file m = {0};
    char *path = path_in(folder, c->catalogue);
    char *vectors = path_in(folder, c->vectors ? c->vectors : "");
    enum hn_status status = path && vectors ? hn_item_list_read(path, &c->fields, items, err)
                                            : hn_fail_nomem(err, folder, strlen(folder));
    if (status >= 0 && c->vectors) status = hn_vector_file_open(vectors, c->tensor, &m, err);
    if (status >= 0 && c->vectors && m.rows != items->n)
        status = hn_fail(err, HN_E_FORMAT, "%s: %zu rows for the %zu items of the catalogue",
                         vectors, m.rows, items->n);
    if (status >= 0) status = fill_shelf(r, items, path, &m, err);
    r->n_rows = items->n;
    hn_vector_file_close(&m);
    free(vectors);
    free(path);
    return status;
}

static enum hn_status open_embedding(struct hn_recommender *r, const char *folder,
                                     const struct hn_recommender_options *options,
                                     struct hn_error *err)
{
    if (!r->config.embedding) return HN_OK;
    char *model = path_in(folder, r->config.embedding), *cache = path_in(folder, CACHE);
    const enum hn_status status =
        model && cache
            ? hn_item_vectors_open(&(struct hn_item_vectors_options){.config = &r->config,
                                                                     .model = model,
                                                                     .cache = cache,
                                                                     .threads = options->threads,
                                                                     .level = options->level,
                                                                     .progress = options->progress},
                                   &r->embedding, err)
            : hn_fail_nomem(err, folder, strlen(folder));
    free(model);
    free(cache);
    return status;
}

/* Of the catalogue as its file has it, before changes. */
static enum hn_status open_together(struct hn_recommender *r, const char *folder,
                                    struct hn_error *err)
{
    const struct hn_recommender_config *c = &r->config;
    if (!c->together) return HN_OK;
    char *path = path_in(folder, c->together);
    const struct hn_together_source from = {path, c->together_visit, c->together_item};
    const enum hn_status status = path ? hn_together_read(&from, r->shelf, &r->together, err)
                                       : hn_fail_nomem(err, folder, strlen(folder));
    free(path);
    return status;
}

/* The features have to be in the order of the model's columns; where it has other names, nobody can tell. */
static enum hn_status check_features(const struct hn_recommender_config *c,
                                     const struct hn_predictor_about *about, struct hn_error *err)
{
    if (about->n_inputs != 1) return HN_OK;
    const struct hn_port *port = &about->inputs[0];
    if (port->labels && port->n_labels != c->n_features)
        return hn_fail(err, HN_E_FORMAT, "this wants %zu features, not %zu", port->n_labels,
                       c->n_features);
    for (size_t i = 0; port->labels && i < port->n_labels; i++)
        for (size_t j = 0; j < c->n_features; j++)
            if (i != j && strcmp(port->labels[i], c->features[j].label) == 0 &&
                strcmp(port->labels[i], c->features[i].label) != 0)
                return hn_fail(err, HN_E_FORMAT,
                               "feature %zu is '%s' there, and '%s' in recommender.json", i + 1,
                               port->labels[i], c->features[i].label);
    return HN_OK;
}

/* A model of one input, [any number][width], with that output. */
static enum hn_status check_model(const struct hn_predictor_about *about, const char *output,
                                  size_t width, struct hn_error *err)
{
    bool found = !output && about->n_outputs;
    if (about->n_inputs != 1)
        return hn_fail(err, HN_E_UNSUPPORTED, "this has %zu inputs, and takes one here",
                       about->n_inputs);
    const struct hn_port *in = &about->inputs[0];
    if (in->known_rank && (in->n_dims != 2 || (in->shape[1] >= 0 && (size_t)in->shape[1] != width)))
        return hn_fail(err, HN_E_FORMAT, "its input '%s' is not [any number][%zu]", in->name,
                       width);
    for (size_t i = 0; !found && i < about->n_outputs; i++)
        found = strcmp(about->outputs[i].name, output) == 0;
    if (found) return HN_OK;
    return hn_fail(err, HN_E_FORMAT, "this has no output '%s'", output ? output : "");
}

static enum hn_status check_session(const struct hn_recommender_config *c,
                                    const struct hn_predictor_about *about, struct hn_error *err)
{
    HN_TRY(check_model(about, c->session_output, c->session_length, err));
    const enum hn_element type = about->inputs[0].type;
    if (type == HN_EL_I64 || type == HN_EL_I32) return HN_OK;
    return hn_fail(err, HN_E_FORMAT, "its input '%s' is of %s: lines of items are int64 or int32",
                   about->inputs[0].name, hn_element_info(type)->name);
}

static enum hn_status check_ranker(const struct hn_recommender_config *c,
                                   const struct hn_predictor_about *about, struct hn_error *err)
{
    HN_TRY(check_features(c, about, err));
    HN_TRY(check_model(about, c->ranker_output, c->n_features, err));
    if (about->inputs[0].any_number || about->inputs[0].type == HN_EL_F32) return HN_OK;
    return hn_fail(err, HN_E_FORMAT, "its input '%s' is of %s: features are float32",
                   about->inputs[0].name, hn_element_info(about->inputs[0].type)->name);
}

typedef enum hn_status check_fn(const struct hn_recommender_config *c,
                                const struct hn_predictor_about *about, struct hn_error *err);

static enum hn_status open_model(const struct hn_recommender_config *c, const char *folder,
                                 const char *name, check_fn *check, struct hn_predictor **out,
                                 struct hn_error *err)
{
    if (!name) return HN_OK;
    char *path = path_in(folder, name);
    if (!path) return hn_fail_nomem(err, name, strlen(name));
    enum hn_status status = hn_predictor_open(path, NULL, out, err);
    if (status >= 0) {
        status = check(c, hn_predictor_about(*out), err);
        if (status < 0) (void)hn_fail_in(err, status, "%s", path);
    }
    free(path);
    return status;
}

static enum hn_status open_journal(struct hn_recommender *r, const char *path, struct hn_error *err)
{
    struct hn_replay *replay = calloc(1, sizeof *replay);
    if (!replay) return hn_fail_nomem(err, "a journal", sizeof *replay);
    replay->r = r;
    enum hn_status status = hn_journal_open(path, hn_recommender_replay, replay, &r->journal, err);
    status = hn_recommender_replayed(replay, status, err);
    free(replay);
    return status;
}

static enum hn_status read_config(const char *folder, struct hn_recommender_config *out,
                                  struct hn_error *err)
{
    struct hn_buf text = {0};
    char *path = path_in(folder, CONFIG);
    enum hn_status status = path ? hn_file_read(path, HN_RECOMMENDER_JSON, &text, err)
                                 : hn_fail_nomem(err, folder, strlen(folder));
    if (status >= 0) status = hn_recommender_config_parse(hn_buf_view(&text), path, out, err);
    hn_buf_free(&text);
    free(path);
    return status;
}

static enum hn_status open_all(struct hn_recommender *r, const char *folder,
                               const struct hn_recommender_options *options, struct hn_error *err)
{
    struct hn_item_list items = {0};
    HN_TRY(read_config(folder, &r->config, err));
    const struct hn_recommender_config *c = &r->config;
    HN_TRY(open_model(c, folder, c->session, check_session, &r->session, err));
    HN_TRY(open_model(c, folder, c->ranker, check_ranker, &r->ranker, err));
    HN_TRY(open_embedding(r, folder, options, err));
    char *journal = path_in(folder, r->config.journal);
    enum hn_status status =
        journal ? open_items(r, folder, &items, err) : hn_fail_nomem(err, folder, strlen(folder));
    if (status >= 0) status = open_together(r, folder, err);
    if (status >= 0) status = open_journal(r, journal, err);
    if (status >= 0 && r->embedding) status = hn_item_vectors_fill(r->embedding, &r->shelf, err);
    if (status >= 0 && options->tidy) hn_recommender_tidy(r);
    if (status >= 0 && options->threads > 1 && r->shelf->n_items >= LARGE)
        status = hn_pool_create(options->threads, &r->pool, err);
    hn_item_list_free(&items);
    free(journal);
    return status;
}

enum hn_status hn_recommender_open(const char *path, const struct hn_recommender_options *options,
                                   struct hn_recommender **out, struct hn_error *err)
{
    struct hn_recommender *r = calloc(1, sizeof *r);
    if (!r) return hn_fail_nomem(err, path, sizeof *r);
    r->journal.fd = -1;
    r->kernels = hn_kernels_for(options->level);
    pthread_mutex_init(&r->shelf_lock, NULL);
    pthread_mutex_init(&r->change_lock, NULL);
    pthread_mutex_init(&r->pool_lock, NULL);
    const enum hn_status status = open_all(r, path, options, err);
    if (status < 0) hn_recommender_close(r);
    else *out = r;
    return status;
}

void hn_recommender_close(struct hn_recommender *r)
{
    if (!r) return;
    hn_pool_destroy(r->pool);
    hn_journal_close(&r->journal);
    for (size_t i = 0; i < r->n_gone; i++)
        hn_item_release(r->gone[i]);
    free(r->gone);
    hn_shelf_release(r->shelf);
    hn_item_vectors_close(r->embedding);
    hn_together_free(r->together);
    hn_predictor_close(r->session);
    hn_predictor_close(r->ranker);
    hn_recommender_config_free(&r->config);
    pthread_mutex_destroy(&r->shelf_lock);
    pthread_mutex_destroy(&r->change_lock);
    pthread_mutex_destroy(&r->pool_lock);
    free(r);
}

size_t hn_recommender_bytes(struct hn_recommender *r)
{
    struct hn_shelf *shelf = hn_recommender_shelf(r);
    size_t bytes = shelf->n_blocks * (sizeof(struct hn_shelf_block) + sizeof(struct hn_vectors));
    for (size_t i = 0; i < shelf->n_blocks; i++)
        bytes += HN_VECTORS * (shelf->dims * sizeof(float) + shelf->vectors[i]->k);
    hn_shelf_release(shelf);
    if (r->embedding) bytes += hn_item_vectors_bytes(r->embedding);
    if (r->together) bytes += hn_together_bytes(r->together);
    if (r->session) bytes += hn_predictor_about(r->session)->bytes;
    if (r->ranker) bytes += hn_predictor_about(r->ranker)->bytes;
    return bytes;
}

unsigned hn_recommender_threads(const struct hn_recommender *r)
{
    return r->pool ? hn_pool_threads(r->pool) : 1;
}

const struct hn_feature *hn_recommender_features(const struct hn_recommender *r, size_t *n)
{
    *n = r->config.n_features;
    return r->config.features;
}

/* --- seats ------------------------------------------------------------------------------------- */

enum hn_status hn_recommend_seat_new(struct hn_recommender *r, struct hn_recommend_seat **out,
                                     struct hn_error *err)
{
    struct hn_recommend_seat *seat = calloc(1, sizeof *seat);
    if (!seat) return hn_fail_nomem(err, "a seat", sizeof *seat);
    seat->r = r;
    enum hn_status status = HN_OK;
    if (r->session) status = hn_prediction_begin(r->session, NULL, &seat->session, err);
    if (status >= 0 && r->ranker) status = hn_prediction_begin(r->ranker, NULL, &seat->ranker, err);
    if (status < 0) hn_recommend_seat_free(seat);
    else *out = seat;
    return status;
}

void hn_recommend_seat_use(struct hn_recommend_seat *seat, bool alone, struct hn_cancel cancel)
{
    seat->alone = alone;
    if (seat->session) hn_prediction_cancel_by(seat->session, cancel);
    if (seat->ranker) hn_prediction_cancel_by(seat->ranker, cancel);
}

void hn_recommend_seat_free(struct hn_recommend_seat *seat)
{
    if (!seat) return;
    hn_prediction_end(seat->session);
    hn_prediction_end(seat->ranker);
    free(seat);
}
