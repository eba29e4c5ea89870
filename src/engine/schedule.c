/* What makes up a step. One token of every answer that is being written and guesses at what comes after
 * it, then as much of the prompts as fits into the time that a step may take; first of interactive
 * sequences, then, in what time is left, of batches. Where rows are short the answers take turns. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/bits.h"
#include "engine/engine_impl.h"

enum { QUANTUM = HN_KV_PAGE }; /* rows that a prompt gets before it may be another owner's turn */

#define TWICE  2.0         /* what an answer usually takes, it may take */
#define MOST_S 0.2         /* but no longer than that, also while there is nothing usual yet */
#define AIM    0.85        /* of that time is filled: foresight is not exact */
#define LEAST  (1.0 / 8.0) /* times what answers take, prompts get, whatever the limit */

/* What is left of the step that is being made up. */
struct room {
    size_t rows, logits;
    double seconds; /* infinite until the first rows are in */
    double used_s;  /* what those that are in add to a step */
};

/* Rows of logits that s wants of the last of its next n tokens: of a prompt that it reports on those
 * from first_logits on, else that of the last token, from which the next one comes. */
static size_t logits_of(const struct hn_sequence *s, size_t n)
{
    const size_t next = n == hn_sequence_pending(s) && !s->read_only ? 1 + s->n_guess : 0;
    const size_t end = s->n_done + n, first = s->sink.first_logits;
    if (!s->sink.prompt_logits || first >= s->n_prompt || end <= first) return next;
    return hn_min(n, end - first);
}

static struct hn_work work_of(const struct hn_engine *engine, const struct hn_sequence *s, size_t n)
{
    const enum hn_part part = hn_sequence_reads(s) ? HN_PROMPTS : HN_ANSWERS;
    struct hn_work work = {0};
    work.rows[part] = (double)n;
    work.keys[part] = hn_budget_keys(&engine->budget, s->n_done, n);
    return work;
}

/* Lets s put n more tokens, and its guesses, into the step, if there is room. */
static bool grant(struct hn_engine *engine, struct room *room, struct hn_sequence *s, size_t n)
{
    const size_t logits = logits_of(s, s->n_now + n) - (s->n_now ? logits_of(s, s->n_now) : 0);
    const struct hn_work work = work_of(engine, s, s->n_now + n + s->n_guess);
    const double seconds =
        hn_budget_added(&engine->budget, &work) - hn_budget_added(&engine->budget, &s->work);
    if (n + s->n_guess > room->rows || logits > room->logits) return false;
    s->n_now += n;
    s->work = work;
    room->rows -= n + s->n_guess;
    room->logits -= logits;
    room->seconds -= seconds;
    room->used_s += seconds;
    return true;
}

/* A token of every answer of a class; who is left out comes first in the next step. */
static void grant_answers(struct hn_engine *engine, struct room *room, enum hn_class klass)
{
    const size_t n = engine->n_running, from = engine->turn[klass] < n ? engine->turn[klass] : 0;
    bool full = false;
    for (size_t i = 0; i < n; i++) {
        const size_t at = (from + i) % n;
        struct hn_sequence *s = engine->running[at];
        if (s->klass != klass || hn_sequence_reads(s)) continue;
        if (room->seconds > 0 && grant(engine, room, s, 1)) continue;
        if (!full) engine->turn[klass] = at;
        full = true;
    }
}

/* Whose turn it is to read, of those that still want to. */
static struct hn_sequence *next_reader(const struct hn_engine *engine, enum hn_class klass)
{
    struct hn_sequence *next = NULL;
    for (size_t i = 0; i < engine->n_running; i++) {
        struct hn_sequence *s = engine->running[i];
        if (s->klass == klass && !s->passed && hn_sequence_reads(s) &&
            (!next || hn_fair_before(s, next)))
            next = s;
    }
    return next;
}

/* How many more tokens s may read, up to a quantum. `first` gets one even if there is no time. */
static size_t may_read(const struct hn_engine *engine, const struct room *room,
                       const struct hn_sequence *s, bool first)
{
    size_t n = hn_min(hn_min(hn_sequence_pending(s) - s->n_now, QUANTUM), room->rows);
    if (s->sink.prompt_logits) n = hn_min(n, room->logits);
    if (isfinite(room->seconds)) {
        const size_t fits = hn_budget_rows(&engine->budget, s->n_done + s->n_now, n, room->seconds);
        n = hn_min(n, hn_max(fits, first));
    }
    return n;
}

/* Whether a token of a prompt would fit at all: one at its beginning takes least. */
static bool has_room(const struct hn_engine *engine, const struct room *room)
{
    return room->rows > 0 && room->seconds >= engine->budget.row[HN_PROMPTS];
}

/* As much of the prompts of a class as there is room for; `first`: one token at least. */
static void grant_prompts(struct hn_engine *engine, struct room *room, enum hn_class klass,
                          bool first)
{
    for (struct hn_sequence *s; first || has_room(engine, room);) {
        if (!(s = next_reader(engine, klass))) return;
        struct hn_sequence *reader = hn_engine_ahead(engine, s);
        const size_t n = may_read(engine, room, reader, first);
        if (n && grant(engine, room, reader, n)) {
            hn_fair_pay(reader, reader->n_done + reader->n_now);
            first = false;
        } else {
            s->passed = true;
        }
    }
}

/* How long the answers that are in the step may take, `alone` being what they take without prompts:
 * twice what each is used to, or twice that if it is more. So a newcomer's long prompt does not hold up
 * who has found a rhythm, and who begins among many newcomers lets them begin, too. */
static double patience(const struct hn_engine *engine, double alone)
{
    double most = 0;
    for (size_t i = 0; i < engine->n_running; i++) {
        const struct hn_sequence *s = engine->running[i];
        if (!s->n_now || hn_sequence_reads(s)) continue;
        const double usual = hn_rhythm_usual(&s->rhythm);
        const double own = usual > 0 ? fmin(TWICE * usual, MOST_S) : MOST_S;
        most = most > 0 ? fmin(most, own) : own;
    }
    return fmax(most, TWICE * alone);
}

/* Once there is something interactive in the step, the rest of it has its time. */
static void limit(const struct hn_engine *engine, struct room *room)
{
    if (isfinite(room->seconds) || room->used_s <= 0) return;
    const double alone = engine->budget.fixed + room->used_s;
    const double most = engine->limit_s > 0 ? engine->limit_s : patience(engine, alone);
    room->seconds = fmax(AIM * most - alone, LEAST * alone);
}

/* What answers, however many they are, leave to the prompts of their class. */
static struct room kept_for_prompts(const struct hn_engine *engine, const struct room *room,
                                    enum hn_class klass)
{
    if (!next_reader(engine, klass)) return (struct room){0};
    return (struct room){.rows = room->rows / 8, .logits = room->logits / 8};
}

static void grant_all(struct hn_engine *engine)
{
    const struct hn_plan *plan = hn_decoder_plan(engine->decoder);
    struct room room = {plan->batch, plan->logit_rows, INFINITY, 0};
    for (size_t i = 0; i < engine->n_running; i++) {
        struct hn_sequence *s = engine->running[i];
        s->n_now = 0;
        s->passed = false;
        s->work = (struct hn_work){0};
    }
    for (enum hn_class k = 0; k < HN_CLASSES; k++) {
        const bool first = room.used_s <= 0; /* of the classes that have anything to do */
        const struct room kept = kept_for_prompts(engine, &room, k);
        room.rows -= kept.rows;
        room.logits -= kept.logits;
        grant_answers(engine, &room, k);
        room.rows += kept.rows;
        room.logits += kept.logits;
        if (k == HN_CLASS_INTERACTIVE) limit(engine, &room);
        grant_prompts(engine, &room, k, first);
        if (k == HN_CLASS_INTERACTIVE) limit(engine, &room);
    }
}

/* Puts in what s was granted. */
static void put(struct hn_engine *engine, struct hn_sequence *s)
{
    struct hn_batch *batch = &engine->batch;
    const size_t n = s->n_now + s->n_guess;
    s->logits = batch->n_wanted;
    s->n_logits = logits_of(s, s->n_now);
    memcpy(engine->tokens + batch->n, s->tokens + s->n_done, s->n_now * sizeof *s->tokens);
    memcpy(engine->tokens + batch->n + s->n_now, s->guess, s->n_guess * sizeof *s->guess);
    const bool there = hn_pages_provide(engine->pages, s->n_done + n, s->pages, &s->n_pages);
    assert(there);
    (void)there;
    engine->spans[batch->n_spans++] =
        (struct hn_span){.row = batch->n, .n = n, .pos = s->n_done, .pages = s->pages};
    for (size_t i = n - s->n_logits; i < n; i++)
        engine->wanted[batch->n_wanted++] = (int32_t)(batch->n + i);
    batch->n += n;
    s->work = work_of(engine, s, n); /* guesses may have been dropped */
    for (int p = 0; p < HN_PARTS; p++) {
        engine->work_now.rows[p] += s->work.rows[p];
        engine->work_now.keys[p] += s->work.keys[p];
    }
}

bool hn_engine_schedule(struct hn_engine *engine)
{
    engine->batch = (struct hn_batch){
        .tokens = engine->tokens,
        .spans = engine->spans,
        .wanted = engine->wanted,
        .logits = engine->logits,
    };
    engine->work_now = (struct hn_work){0};
    hn_engine_guess(engine);
    grant_all(engine);
    hn_engine_make_room(engine);
    for (size_t i = 0; i < engine->n_running; i++)
        if (engine->running[i]->n_now) put(engine, engine->running[i]);
    return engine->batch.n > 0;
}
