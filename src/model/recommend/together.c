#include "model/recommend/together.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/file.h"
#include "model/recommend/row_file.h"

enum {
    MAX_EVENTS = 1 << 28,
    UNSURE = 5, /* visits that every item is thought to have had besides, each with nothing else */
};

struct hn_together {
    size_t n_rows;
    size_t *starts; /* [n_rows + 1] in near */
    struct hn_together_near *near;
};

struct event {
    uint64_t visit; /* hash */
    uint32_t row;
};

/* Visits as lists of rows, and rows as lists of visits. */
struct visits {
    const char *visit, *item; /* names of the members */
    const struct hn_shelf *shelf;
    struct event *events;
    size_t n, room;
    size_t n_visits;
    size_t *visit_starts; /* [n_visits + 1] in events */
    size_t *row_starts;   /* [n_rows + 1] in row_visits */
    uint32_t *row_visits;
};

/* --- reading ----------------------------------------------------------------------------------- */

/* A member as text; numbers are written out. */
static enum hn_status text_of(const json_t *row, const char *name, char room[32],
                              struct hn_str *out, struct hn_error *err)
{
    const json_t *value = json_object_get(row, name);
    *out = hn_json_str(value);
    if (json_is_integer(value)) {
        snprintf(room, 32, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        *out = hn_str_from(room);
    } else if (!json_is_string(value)) {
        return hn_fail(err, HN_E_FORMAT, "'%s' is no text", name);
    }
    return HN_OK;
}

static enum hn_status add_event(void *ctx, const json_t *row, size_t line, struct hn_error *err)
{
    struct visits *v = ctx;
    struct hn_str visit, item;
    char rooms[2][32];
    (void)line;
    HN_TRY(text_of(row, v->visit, rooms[0], &visit, err));
    HN_TRY(text_of(row, v->item, rooms[1], &item, err));
    const size_t number = hn_shelf_find(v->shelf, item);
    if (number == SIZE_MAX) return HN_OK;
    if (v->n == MAX_EVENTS) return hn_fail(err, HN_E_LIMIT, "more than %d events", MAX_EVENTS);
    if (v->n == v->room) {
        const size_t room = 2 * v->room + 1024;
        struct event *events = realloc(v->events, room * sizeof *events);
        if (!events) return hn_fail_nomem(err, "visits", room * sizeof *events);
        v->events = events;
        v->room = room;
    }
    v->events[v->n++] = (struct event){hn_str_hash(visit, 0), (uint32_t)number};
    return HN_OK;
}

static int by_visit(const void *a, const void *b)
{
    const struct event *x = a, *y = b;
    if (x->visit != y->visit) return x->visit < y->visit ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

/* Leaves each item once in a visit, and no visit of one item or far too many. */
static enum hn_status sort_visits(struct visits *v, struct hn_error *err)
{
    size_t n = 0;
    if (v->n) qsort(v->events, v->n, sizeof *v->events, by_visit);
    v->visit_starts = malloc((v->n + 1) * sizeof *v->visit_starts);
    if (!v->visit_starts) return hn_fail_nomem(err, "visits", v->n * sizeof *v->visit_starts);
    for (size_t i = 0, start; i < v->n;) {
        const uint64_t visit = v->events[i].visit;
        start = n;
        for (; i < v->n && v->events[i].visit == visit; i++)
            if (n == start || v->events[n - 1].row != v->events[i].row)
                v->events[n++] = v->events[i];
        if (n - start < 2 || n - start > HN_TOGETHER_VISIT) n = start;
        else v->visit_starts[v->n_visits++] = start;
    }
    v->visit_starts[v->n_visits] = v->n = n;
    return HN_OK;
}

static enum hn_status index_rows(struct visits *v, struct hn_error *err)
{
    const size_t n_rows = v->shelf->n_items;
    size_t *starts = v->row_starts = calloc(n_rows + 1, sizeof *starts);
    v->row_visits = malloc((v->n + 1) * sizeof *v->row_visits);
    if (!starts || !v->row_visits)
        return hn_fail_nomem(err, "visits", (n_rows + v->n) * sizeof *starts);
    for (size_t i = 0; i < v->n; i++)
        starts[v->events[i].row + 1]++;
    for (size_t i = 0; i < n_rows; i++)
        starts[i + 1] += starts[i];
    for (size_t visit = 0; visit < v->n_visits; visit++)
        for (size_t i = v->visit_starts[visit]; i < v->visit_starts[visit + 1]; i++)
            v->row_visits[starts[v->events[i].row]++] = (uint32_t)visit;
    /* Each start went to where the next one was. */
    memmove(starts + 1, starts, n_rows * sizeof *starts);
    starts[0] = 0;
    return HN_OK;
}

/* --- counting ---------------------------------------------------------------------------------- */

/* Keeps the best, in order: of equals the lower row. */
static void offer(struct hn_together_near *near, size_t *n, struct hn_together_near one)
{
    size_t at = *n;
    if (at == HN_TOGETHER_NEAR) {
        if (near[--at].score >= one.score) return;
    } else {
        ++*n;
    }
    for (; at && near[at - 1].score < one.score; at--)
        near[at] = near[at - 1];
    near[at] = one;
}

static int ascending(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* The nearest of a row. `counts` [n_rows] is zeros before and after; `touched` has room for all rows. */
static size_t count_row(const struct visits *v, size_t row, uint32_t *counts, uint32_t *touched,
                        struct hn_together_near *near)
{
    const size_t *starts = v->row_starts;
    size_t n_touched = 0, n = 0;
    for (size_t i = starts[row]; i < starts[row + 1]; i++) {
        const size_t visit = v->row_visits[i];
        for (size_t e = v->visit_starts[visit]; e < v->visit_starts[visit + 1]; e++) {
            const uint32_t other = v->events[e].row;
            if (other != row && !counts[other]++) touched[n_touched++] = other;
        }
    }
    qsort(touched, n_touched, sizeof *touched, ascending);
    const double own = (double)(starts[row + 1] - starts[row] + UNSURE);
    for (size_t i = 0; i < n_touched; i++) {
        const uint32_t other = touched[i];
        const double others = (double)(starts[other + 1] - starts[other] + UNSURE);
        offer(near, &n,
              (struct hn_together_near){other, (float)(counts[other] / sqrt(own * others))});
        counts[other] = 0;
    }
    return n;
}

static enum hn_status count_all(const struct visits *v, struct hn_together *t, struct hn_error *err)
{
    struct hn_together_near near[HN_TOGETHER_NEAR];
    uint32_t *counts = calloc(t->n_rows + 1, sizeof *counts);
    uint32_t *touched = malloc((t->n_rows + 1) * sizeof *touched);
    size_t room = 0;
    enum hn_status status = counts && touched ? HN_OK : hn_fail_nomem(err, "visits", t->n_rows * 8);
    for (size_t row = 0; status >= 0 && row < t->n_rows; row++) {
        const size_t n = count_row(v, row, counts, touched, near), start = t->starts[row];
        if (start + n > room) {
            room = 2 * (start + n);
            struct hn_together_near *more = realloc(t->near, room * sizeof *more);
            if (more) t->near = more;
            else status = hn_fail_nomem(err, "visits", room * sizeof *more);
        }
        if (status >= 0 && n) memcpy(t->near + start, near, n * sizeof *near);
        t->starts[row + 1] = start + n;
    }
    free(touched);
    free(counts);
    return status;
}

enum hn_status hn_together_parse(struct hn_str text, bool csv,
                                 const struct hn_together_source *from,
                                 const struct hn_shelf *shelf, struct hn_together **out,
                                 struct hn_error *err)
{
    const char *const texts[] = {from->visit, from->item, NULL};
    const struct hn_row_form form = {.needed = texts, .texts = texts};
    struct visits v = {.visit = from->visit, .item = from->item, .shelf = shelf};
    struct hn_together *t = calloc(1, sizeof *t);
    enum hn_status status = HN_OK;
    if (t) {
        t->n_rows = shelf->n_items;
        t->starts = calloc(t->n_rows + 1, sizeof *t->starts);
    }
    if (!t || !t->starts) status = hn_fail_nomem(err, "visits", shelf->n_items * sizeof(size_t));
    if (status >= 0) status = hn_rows_parse(text, csv, from->path, &form, add_event, &v, err);
    if (status >= 0) status = sort_visits(&v, err);
    if (status >= 0) status = index_rows(&v, err);
    if (status >= 0) status = count_all(&v, t, err);
    free(v.events);
    free(v.visit_starts);
    free(v.row_starts);
    free(v.row_visits);
    if (status < 0) hn_together_free(t);
    else *out = t;
    return status;
}

enum hn_status hn_together_read(const struct hn_together_source *from, const struct hn_shelf *shelf,
                                struct hn_together **out, struct hn_error *err)
{
    struct hn_map map;
    HN_TRY(hn_map_open(from->path, &map, err));
    const enum hn_status status =
        hn_together_parse(hn_map_view(&map), hn_rows_are_csv(from->path), from, shelf, out, err);
    hn_map_close(&map);
    return status;
}

void hn_together_free(struct hn_together *t)
{
    if (!t) return;
    free(t->starts);
    free(t->near);
    free(t);
}

size_t hn_together_bytes(const struct hn_together *t)
{
    return (t->n_rows + 1) * sizeof *t->starts + t->starts[t->n_rows] * sizeof *t->near;
}

const struct hn_together_near *hn_together_of(const struct hn_together *t, size_t row, size_t *n)
{
    *n = t->starts[row + 1] - t->starts[row];
    return *n ? t->near + t->starts[row] : NULL;
}
