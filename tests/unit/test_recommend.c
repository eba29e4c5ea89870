/* The recommender: its configuration and catalogues as files, changes that are atomic and survive,
 * the journal when it is torn, damaged or cannot be written, filters, diversity and reasons. */
#include "unit.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/file.h"
#include "formats/npy.h"
#include "model/recommend/items_file.h"
#include "model/recommend/recommender_impl.h"

static char folder[] = "/tmp/hence-recommend-XXXXXX";
static struct hn_error err;

#define GOOD(expr)                                                                                 \
    do {                                                                                           \
        const enum hn_status good_ = (expr);                                                       \
        ck_assert_msg(good_ >= 0, "%s: %s", #expr, err.text);                                      \
    } while (0)

static const char *path_of(const char *name)
{
    static char path[2][300];
    static int turn;
    turn = !turn;
    snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
    return path[turn];
}

static void put_file(const char *name, const void *bytes, size_t n)
{
    GOOD(hn_file_write(path_of(name), bytes, n, &err));
}

static const char CONFIG[] =
    "{\"catalogue\": \"items.jsonl\", \"vectors\": \"vectors.npy\", \"fields\": {\"price\": "
    "\"price\", \"available\": \"stock\", \"popularity\": \"views\", \"categories\": [\"kind\"]}, "
    "\"events\": {\"cart\": 4}}";

/* Six items on two axes: a, b, c lie along the first, d, e along the second, f has both. */
static const char ITEMS[] =
    "{\"id\": \"a\", \"kind\": \"tent\", \"price\": 100, \"stock\": 1, \"views\": 1}\n"
    "{\"id\": \"b\", \"kind\": \"tent\", \"price\": 200, \"stock\": 0, \"views\": 2}\n"
    "\n"
    "{\"id\": \"c\", \"kind\": [\"tent\", \"sale\"], \"price\": 300, \"stock\": 2, \"views\": 3}\n"
    "{\"id\": \"d\", \"kind\": \"stove\", \"price\": 40, \"stock\": 3, \"views\": 60}\n"
    "{\"id\": \"e\", \"kind\": \"stove\", \"stock\": true, \"views\": 50}\n"
    "{\"id\": \"f\", \"kind\": \"set\", \"price\": 500, \"views\": 0}";
static const float VECTORS[6][2] = {{1, 0}, {0.9f, 0}, {0.8f, 0.1f},
                                    {0, 1}, {0, 0.9f}, {0.7f, 0.7f}};

static void make_folder(void)
{
    struct hn_buf npy = {0};
    ck_assert(mkdtemp(folder) != NULL);
    put_file("recommender.json", CONFIG, strlen(CONFIG));
    put_file("items.jsonl", ITEMS, strlen(ITEMS));
    GOOD(hn_npy_header(&npy, "<f4", (size_t[]){6, 2}, 2));
    GOOD(hn_buf_add(&npy, VECTORS, sizeof VECTORS));
    put_file("vectors.npy", npy.p, npy.n);
    hn_buf_free(&npy);
}

static void remove_folder(void)
{
    static const char *const names[] = {"recommender.json", "items.jsonl",         "vectors.npy",
                                        "changes.journal",  "changes.journal.new", "j"};
    for (size_t i = 0; i < HN_COUNT(names); i++)
        unlink(path_of(names[i]));
    rmdir(folder);
}

static struct hn_recommender *open_it(void)
{
    struct hn_recommender *r;
    GOOD(hn_recommender_open(folder, &(struct hn_recommender_options){.level = HN_CPU_REF}, &r,
                             &err));
    return r;
}

static enum hn_status change(struct hn_recommender *r, const char *text)
{
    json_t *object;
    GOOD(hn_json_parse(hn_str_from(text), "test", &object, &err));
    const enum hn_status status = hn_recommender_change(r, object, NULL, &err);
    json_decref(object);
    return status;
}

/* --- asking ------------------------------------------------------------------------------------ */

static struct hn_arena arena;

static struct hn_recommend_request blank(size_t k)
{
    return (struct hn_recommend_request){
        .arena = &arena, .k = k, .price_min = (double)NAN, .price_max = (double)NAN};
}

/* Ids of the answer, "a b c". */
static const char *ask(struct hn_recommender *r, struct hn_recommend_request *request)
{
    static char ids[200];
    struct hn_recommend_seat *seat;
    size_t n = 0;
    GOOD(hn_recommend_seat_new(r, &seat, &err));
    hn_recommend(seat, &request, 1);
    ck_assert_msg(request->status >= 0, "%s", request->error.text);
    ids[0] = '\0';
    for (size_t i = 0; i < request->n; i++)
        n += (size_t)snprintf(ids + n, sizeof ids - n, "%s%.*s", i ? " " : "",
                              HN_FMT(hn_shelf_item(request->shelf, request->items[i].item)->id));
    hn_shelf_release(request->shelf);
    hn_recommend_seat_free(seat);
    return ids;
}

/* The same for events "a" or "a", "d". */
static const char *ask_after(struct hn_recommender *r, const char *first, const char *second,
                             size_t k)
{
    const struct hn_visit_event events[] = {{hn_str_from(first), {NULL, 0}},
                                            {hn_str_from(second ? second : ""), {NULL, 0}}};
    struct hn_recommend_request q = blank(k);
    q.events = events;
    q.n_events = second ? 2 : 1;
    return ask(r, &q);
}

START_TEST(test_what_is_like_it)
{
    struct hn_recommender *r = open_it();
    ck_assert_str_eq(ask_after(r, "a", NULL, 4), "a b c f");
    ck_assert_str_eq(ask_after(r, "d", NULL, 2), "d e");
    /* What came last counts most; what there is not, not at all. */
    ck_assert_str_eq(ask_after(r, "a", "d", 1), "f");
    ck_assert_str_eq(ask_after(r, "none", "d", 2), "d e");
    hn_recommender_close(r);
}
END_TEST

START_TEST(test_popular)
{
    struct hn_recommender *r = open_it();
    struct hn_recommend_request q = blank(3);
    ck_assert_str_eq(ask(r, &q), "d e c");
    ck_assert_int_eq(q.how, HN_BY_POPULARITY);
    q = blank(100);
    ck_assert_str_eq(ask(r, &q), "d e c b a f");
    ck_assert_str_eq(ask_after(r, "none", NULL, 1), "d");
    hn_recommender_close(r);
}
END_TEST

START_TEST(test_filters)
{
    struct hn_recommender *r = open_it();
    const struct hn_visit_event events[] = {{HN_STR("a"), {NULL, 0}}};
    const struct hn_str stoves[] = {HN_STR("stove"), HN_STR("no such")}, sale[] = {HN_STR("sale")};
    const struct hn_str some[] = {HN_STR("e"), HN_STR("b"), HN_STR("none")};
    struct hn_recommend_request q = blank(10);
    q.events = events;
    q.n_events = 1;
    struct hn_recommend_request p = q;
    p.only_available = true;
    ck_assert_str_eq(ask(r, &p), "a c f d e");
    p = q;
    p.exclude_seen = true;
    ck_assert_str_eq(ask(r, &p), "b c f d e");
    p = q;
    p.price_max = 200; /* e has no price */
    ck_assert_str_eq(ask(r, &p), "a b d");
    p.price_min = 90;
    ck_assert_str_eq(ask(r, &p), "a b");
    p = q;
    p.categories = stoves;
    p.n_categories = 2;
    ck_assert_str_eq(ask(r, &p), "d e");
    p.categories = sale;
    p.n_categories = 1;
    ck_assert_str_eq(ask(r, &p), "c");
    p = q;
    p.include = some;
    p.n_include = 3;
    ck_assert_str_eq(ask(r, &p), "b e");
    p = q;
    p.exclude = some;
    p.n_exclude = 3;
    ck_assert_str_eq(ask(r, &p), "a c f d");
    p = blank(10); /* without events, the same */
    p.include = some;
    p.n_include = 3;
    ck_assert_str_eq(ask(r, &p), "e b");
    hn_recommender_close(r);
}
END_TEST

START_TEST(test_diversity_and_reasons)
{
    struct hn_recommender *r = open_it();
    const struct hn_visit_event events[] = {{HN_STR("a"), {NULL, 0}},
                                            {HN_STR("d"), HN_STR("cart")}};
    struct hn_recommend_request q = blank(3);
    q.events = events;
    q.n_events = 1;
    q.diversity = 0.6;
    q.why = true;
    /* a first; then what is least like it. */
    ck_assert_str_eq(ask(r, &q), "a d f");
    ck_assert_uint_eq(q.items[0].because, 0);
    ck_assert_uint_eq(q.items[1].because, SIZE_MAX);
    q = blank(6);
    q.events = events;
    q.n_events = 2;
    q.why = true;
    ck_assert_str_eq(ask(r, &q), "d e f c a b"); /* the cart counts four times */
    ck_assert_uint_eq(q.items[1].because, 1);
    ck_assert_uint_eq(q.items[3].because, 0);
    hn_recommender_close(r);
}
END_TEST

/* --- changes ----------------------------------------------------------------------------------- */

START_TEST(test_changes_survive)
{
    struct hn_recommender *r = open_it();
    struct hn_shelf *before = hn_recommender_shelf(r);
    GOOD(change(r, "{\"put\": [{\"id\": \"g\", \"views\": 70, \"vector\": [2, 0]}, {\"id\": \"a\", "
                   "\"views\": 80}], \"remove\": [\"b\", \"none\"]}"));
    ck_assert_uint_eq(before->n_items, 6); /* who reads the old shelf sees the old items */
    ck_assert(hn_shelf_find(before, HN_STR("b")) != SIZE_MAX);
    ck_assert(hn_shelf_find(before, HN_STR("g")) == SIZE_MAX);
    hn_shelf_release(before);
    for (int again = 0; again < 2; again++) {
        struct hn_recommend_request q = blank(3);
        ck_assert_str_eq(ask(r, &q), "a g d");
        ck_assert_str_eq(ask_after(r, "a", NULL, 3), "g a c"); /* a keeps its vector */
        hn_recommender_close(r);
        r = open_it();
    }
    hn_recommender_close(r);
}
END_TEST

START_TEST(test_wrong_changes_change_nothing)
{
    static const char *const wrong[] = {
        "{\"put\": [{\"id\": \"g\"}, {\"id\": 1.5}]}",
        "{\"put\": [{\"id\": \"g\", \"vector\": [1]}]}",
        "{\"put\": [{\"id\": \"g\", \"vector\": [1, \"x\"]}]}",
        "{\"put\": [{\"id\": \"g\", \"vector\": [1, 1e39]}]}",
        "{\"put\": [{\"id\": \"\"}]}",
        "{\"put\": {}}",
        "{\"remove\": [\"a\", 3.5]}",
        "{\"put\": [{\"id\": \"g\", \"views\": -1}]}",
        "{\"put\": [{\"id\": \"g\", \"kind\": 3}]}",
        "{\"put\": [\"g\"]}",
    };
    struct hn_recommender *r = open_it();
    for (size_t i = 0; i < HN_COUNT(wrong); i++)
        ck_assert_int_lt(change(r, wrong[i]), 0);
    struct hn_recommend_request q = blank(10);
    ck_assert_str_eq(ask(r, &q), "d e c b a f");
    ck_assert_int_ne(access(path_of("changes.journal"), F_OK), 0);
    hn_recommender_close(r);
}
END_TEST

/* The disk is full: a limit on the size of files stands for it. */
START_TEST(test_full_disk)
{
    struct hn_recommender *r = open_it();
    GOOD(change(r, "{\"remove\": [\"a\"]}"));
    struct stat st;
    ck_assert_int_eq(stat(path_of("changes.journal"), &st), 0);
    struct rlimit limit = {(rlim_t)st.st_size + 10, RLIM_INFINITY};
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    ck_assert_int_eq(change(r, "{\"remove\": [\"d\"]}"), HN_E_IO);
    struct hn_recommend_request q = blank(2);
    ck_assert_str_eq(ask(r, &q), "d e");
    limit.rlim_cur = RLIM_INFINITY;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    /* Nothing was lost, and it goes on. */
    GOOD(change(r, "{\"remove\": [\"e\"]}"));
    hn_recommender_close(r);
    r = open_it();
    q = blank(10);
    ck_assert_str_eq(ask(r, &q), "d c b f");
    hn_recommender_close(r);
}
END_TEST

START_TEST(test_many_changes_are_made_smaller)
{
    struct hn_recommender *r = open_it();
    struct stat large, small;
    for (int i = 0; i < 40; i++) {
        char text[100];
        snprintf(text, sizeof text,
                 "{\"put\": [{\"id\": \"%d\", \"views\": %d, \"vector\": [0.1, %d]}]}", i % 4, i,
                 i);
        GOOD(change(r, text));
    }
    GOOD(change(r, "{\"remove\": [\"b\", \"3\"]}"));
    ck_assert_int_eq(stat(path_of("changes.journal"), &large), 0);
    GOOD(hn_recommender_compact(r, &err));
    ck_assert_int_eq(stat(path_of("changes.journal"), &small), 0);
    ck_assert(small.st_size < large.st_size / 5);
    GOOD(change(r, "{\"remove\": [\"0\"]}")); /* goes to the new file */
    hn_recommender_close(r);
    r = open_it();
    struct hn_recommend_request q = blank(10);
    ck_assert_str_eq(ask(r, &q), "d e 2 1 c a f");
    ck_assert_str_eq(ask_after(r, "1", NULL, 2), "2 1");
    hn_recommender_close(r);
}
END_TEST

/* An item that went and came again has nothing of the old one, whether its journal is short or not. */
START_TEST(test_gone_and_come_again)
{
    struct hn_recommender *r = open_it();
    for (int i = 0; i < 20; i++)
        GOOD(change(r, "{\"put\": [{\"id\": \"b\", \"views\": 5}]}")); /* keeps its vector */
    GOOD(change(r, "{\"remove\": [\"a\", \"a\", \"none\"]}"));
    GOOD(change(r, "{\"put\": [{\"id\": \"a\", \"views\": 100}, {\"id\": \"d\"}], "
                   "\"remove\": [\"d\"]}"));
    for (int turn = 0; turn < 3; turn++) {
        struct hn_recommend_request q = blank(10);
        ck_assert_str_eq(ask(r, &q), "a e b c f");
        ck_assert_str_eq(ask_after(r, "b", NULL, 10), "b c f e");
        ck_assert_int_eq(hn_shelf_item(r->shelf, hn_shelf_find(r->shelf, HN_STR("a")))->row, -1);
        ck_assert_int_eq(hn_shelf_item(r->shelf, hn_shelf_find(r->shelf, HN_STR("b")))->row, 1);
        if (turn == 0) GOOD(hn_recommender_compact(r, &err));
        hn_recommender_close(r);
        r = open_it();
    }
    hn_recommender_close(r);
}
END_TEST

/* One item changes again and again: the file does not grow with it, nor does a crash's rest disturb. */
START_TEST(test_journal_stays_small)
{
    enum { TEXT = 50000, CHANGES = 70 };
    static char text[TEXT + 200];
    struct hn_recommender *r = open_it();
    struct stat st;
    off_t most = 0;
    put_file("changes.journal.new", "rest of a crash", 15);
    for (int i = 0; i < CHANGES; i++) {
        const int n =
            snprintf(text, sizeof text, "{\"put\": [{\"id\": \"x\", \"views\": %d, \"t\": \"", i);
        memset(text + n, 'x', TEXT);
        strcpy(text + n + TEXT, "\"}]}");
        GOOD(change(r, text));
        ck_assert_int_eq(stat(path_of("changes.journal"), &st), 0);
        most = st.st_size > most ? st.st_size : most;
    }
    ck_assert(most > TEXT * 10 && most < TEXT * 40);
    ck_assert_int_ne(access(path_of("changes.journal.new"), F_OK), 0);
    hn_recommender_close(r);
    r = open_it();
    struct hn_recommend_request q = blank(1);
    ck_assert_str_eq(ask(r, &q), "x");
    ck_assert(hn_shelf_item(r->shelf, hn_shelf_find(r->shelf, HN_STR("x")))->popularity ==
              CHANGES - 1);
    hn_recommender_close(r);
}
END_TEST

/* Thousands of items come and go, and every id leads where it should. */
START_TEST(test_shelf)
{
    enum { N = 5000 };
    struct hn_shelf *shelf, *next;
    static struct hn_item *items[N];
    static struct hn_shelf_change changes[N];
    const struct hn_item_fields fields = {.id = "id"};
    GOOD(hn_shelf_new(1, &shelf, &err));
    for (size_t i = 0; i < N; i++) {
        json_t *object = json_pack("{s:i}", "id", (int)i);
        GOOD(hn_item_make(object, &fields, -1, &items[i], &err));
        json_decref(object);
        changes[i] = (struct hn_shelf_change){.item = items[i]};
    }
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < N; i += 100) {
            GOOD(hn_shelf_with(shelf, changes + i, 100, &next, NULL, &err));
            hn_shelf_release(shelf);
            shelf = next;
        }
        ck_assert_uint_eq(shelf->n_items, N);
        ck_assert_uint_eq(shelf->n_blocks, hn_div_up(N, HN_VECTORS)); /* places are used again */
        for (size_t i = 0; i < N; i++) {
            const size_t at = hn_shelf_find(shelf, items[i]->id);
            ck_assert(at != SIZE_MAX && hn_shelf_item(shelf, at) == items[i]);
        }
        static struct hn_shelf_change gone[N / 2];
        for (size_t i = 0; i < N / 2; i++)
            gone[i] = (struct hn_shelf_change){.id = items[2 * i]->id};
        GOOD(hn_shelf_with(shelf, gone, N / 2, &next, NULL, &err));
        hn_shelf_release(shelf);
        shelf = next;
        ck_assert_uint_eq(shelf->n_items, N / 2);
        for (size_t i = 0; i < N; i++)
            ck_assert((hn_shelf_find(shelf, items[i]->id) == SIZE_MAX) == (i % 2 == 0));
    }
    hn_shelf_release(shelf);
    for (size_t i = 0; i < N; i++)
        hn_item_release(items[i]);
}
END_TEST

/* --- the journal ------------------------------------------------------------------------------- */

static char heard[1000];

static enum hn_status hear(void *ctx, struct hn_str record, struct hn_error *e)
{
    (void)ctx;
    (void)e;
    snprintf(heard + strlen(heard), sizeof heard - strlen(heard), "%.*s;", HN_FMT(record));
    return HN_OK;
}

static enum hn_status reopen(struct hn_journal *j)
{
    heard[0] = '\0';
    return hn_journal_open(path_of("j"), hear, NULL, j, &err);
}

static void make_journal(struct hn_buf *bytes)
{
    struct hn_journal j;
    unlink(path_of("j"));
    GOOD(reopen(&j));
    GOOD(hn_journal_add(&j, HN_STR("one"), &err));
    GOOD(hn_journal_add(&j, HN_STR("two two"), &err));
    GOOD(hn_journal_add(&j, HN_STR("three"), &err));
    hn_journal_close(&j);
    hn_buf_clear(bytes);
    GOOD(hn_file_read(path_of("j"), 1000, bytes, &err));
}

/* Cut anywhere: what is whole stays, and more can be added behind it. */
START_TEST(test_torn_journal)
{
    struct hn_buf bytes = {0};
    struct hn_journal j;
    make_journal(&bytes);
    const size_t ends[] = {8, 8 + 15, 8 + 15 + 19, 8 + 15 + 19 + 17};
    static const char *const whole[] = {"", "one;", "one;two two;", "one;two two;three;"};
    ck_assert_uint_eq(bytes.n, ends[3]);
    for (size_t n = 0; n <= bytes.n; n++) {
        size_t kept = 0;
        while (kept < 3 && ends[kept + 1] <= n)
            kept++;
        put_file("j", bytes.p, n);
        GOOD(reopen(&j));
        ck_assert_str_eq(heard, whole[kept]);
        GOOD(hn_journal_add(&j, HN_STR("new"), &err));
        hn_journal_close(&j);
        GOOD(reopen(&j));
        ck_assert(strncmp(heard, whole[kept], strlen(whole[kept])) == 0);
        ck_assert_str_eq(heard + strlen(whole[kept]), "new;");
        hn_journal_close(&j);
    }
    /* Pages that were never written are zeros. */
    struct hn_buf zeros = {0};
    GOOD(hn_buf_add(&zeros, bytes.p, ends[1] + 3));
    for (size_t i = 0; i < 100; i++)
        GOOD(hn_buf_char(&zeros, '\0'));
    memset(zeros.p + ends[1], 0, 3);
    put_file("j", zeros.p, zeros.n);
    GOOD(reopen(&j));
    ck_assert_str_eq(heard, "one;");
    hn_journal_close(&j);
    hn_buf_free(&zeros);
    hn_buf_free(&bytes);
}
END_TEST

/* Two programs with the same folder: the second one adds nothing. */
START_TEST(test_shared_journal)
{
    struct hn_journal first, second;
    struct hn_buf bytes = {0};
    make_journal(&bytes);
    put_file("j", bytes.p, bytes.n - 1); /* torn: reading leaves it so */
    GOOD(reopen(&second));
    GOOD(reopen(&first));
    GOOD(hn_journal_add(&first, HN_STR("new"), &err));
    ck_assert_int_eq(hn_journal_add(&second, HN_STR("other"), &err), HN_E_BUSY);
    GOOD(hn_journal_add(&first, HN_STR("newer"), &err));
    hn_journal_close(&first);
    ck_assert_int_eq(hn_journal_add(&second, HN_STR("other"), &err), HN_E_BUSY);
    hn_journal_close(&second);
    GOOD(reopen(&first));
    ck_assert_str_eq(heard, "one;two two;new;newer;");
    hn_journal_close(&first);
    hn_buf_free(&bytes);
}
END_TEST

/* Nothing is added to a file that is nobody's any more. */
START_TEST(test_removed_journal)
{
    struct hn_recommender *r = open_it();
    GOOD(change(r, "{\"remove\": [\"a\"]}"));
    unlink(path_of("changes.journal"));
    ck_assert_int_eq(change(r, "{\"remove\": [\"b\"]}"), HN_E_IO);
    ck_assert(strstr(err.text, "somebody removed it") != NULL);
    struct hn_recommend_request q = blank(10);
    ck_assert_str_eq(ask(r, &q), "d e c b f");
    hn_recommender_close(r);
}
END_TEST

/* Thousands of changes are one after the other, though they are made many at once. */
START_TEST(test_long_journal)
{
    enum { N = HN_REPLAY_CHANGES + 100 };
    static const char *const turns[] = {
        "{\"put\": [{\"id\": \"x\", \"views\": 70}, {\"id\": \"a\", \"views\": 9}]}",
        "{\"remove\": [\"x\", \"a\"]}", "{\"put\": [{\"id\": \"a\", \"views\": 80}]}"};
    struct hn_journal j = {.path = NULL};
    struct hn_recommender *r;
    for (int last = 0; last < 3; last++) {
        struct hn_buf bytes = {0};
        unlink(path_of("j"));
        GOOD(reopen(&j));
        for (int i = 0; i <= last; i++)
            GOOD(hn_journal_add(&j, hn_str_from(turns[i]), &err));
        hn_journal_close(&j);
        GOOD(hn_file_read(path_of("j"), 1000, &bytes, &err));
        /* The three of them again and again, in memory: the disk would take its time. */
        struct hn_buf all = {0};
        GOOD(hn_buf_add(&all, bytes.p, 8));
        for (int i = 0; i < N; i++)
            GOOD(hn_buf_add(&all, bytes.p + 8, bytes.n - 8));
        put_file("changes.journal", all.p, all.n);
        hn_buf_free(&all);
        hn_buf_free(&bytes);
        r = open_it();
        struct hn_recommend_request q = blank(10);
        static const char *const found[] = {"x d e a c b f", "d e c b f", "a d e c b f"};
        ck_assert_str_eq(ask(r, &q), found[last]);
        /* Its vector stays as long as it does. */
        ck_assert_uint_eq(r->n_gone > 0, last > 0);
        GOOD(hn_recommender_compact(r, &err));
        hn_recommender_close(r);
        r = open_it();
        struct hn_recommend_request again = blank(10);
        ck_assert_str_eq(ask(r, &again), found[last]);
        const size_t a = hn_shelf_find(r->shelf, HN_STR("a"));
        ck_assert(a == SIZE_MAX || (hn_shelf_vector(r->shelf, a) != NULL) == (last == 0));
        hn_recommender_close(r);
    }
}
END_TEST

/* A bit that fell over in the middle is told, not cut away; in the last change it cannot be told from a crash. */
START_TEST(test_damaged_journal)
{
    struct hn_buf bytes = {0};
    struct hn_journal j;
    make_journal(&bytes);
    /* The length, its complement, the checksum, the text. */
    static const size_t places[] = {8, 8 + 3, 8 + 4, 8 + 8, 8 + 12};
    for (size_t i = 0; i < HN_COUNT(places); i++) {
        bytes.p[places[i]] ^= 1;
        put_file("j", bytes.p, bytes.n);
        ck_assert_int_eq(reopen(&j), HN_E_FORMAT);
        ck_assert(strstr(err.text, "the change at byte 8 is damaged") != NULL);
        bytes.p[places[i]] ^= 1;
    }
    bytes.p[bytes.n - 1] ^= 1;
    put_file("j", bytes.p, bytes.n);
    GOOD(reopen(&j));
    ck_assert_str_eq(heard, "one;two two;");
    hn_journal_close(&j);
    put_file("j", "something else", 14);
    ck_assert_int_eq(reopen(&j), HN_E_FORMAT);
    hn_buf_free(&bytes);
}
END_TEST

/* --- files ------------------------------------------------------------------------------------- */

START_TEST(test_csv)
{
    static const char *const fields_categories = "kinds";
    const struct hn_item_fields fields = {.id = "id",
                                          .price = "price",
                                          .available = "there",
                                          .categories = {fields_categories},
                                          .n_categories = 1};
    const struct hn_str text = HN_STR("id,price,kinds,there,note\r\n"
                                      "01,1.5,tent|big,true,\"a \"\"b\"\", c\"\r\n"
                                      "\n"
                                      "x,,,false,\n");
    struct hn_item_list list;
    GOOD(hn_item_list_parse(text, true, "t.csv", &fields, &list, &err));
    ck_assert_uint_eq(list.n, 2);
    ck_assert(hn_str_is(list.items[0]->id, "01"));
    ck_assert(list.items[0]->price == 1.5f && list.items[0]->available);
    ck_assert(hn_item_is_in(list.items[0], HN_STR("big")));
    ck_assert(memmem(list.items[0]->json.p, list.items[0]->json.n, "a \\\"b\\\", c", 10) != NULL);
    ck_assert(isnan(list.items[1]->price) && !list.items[1]->available);
    hn_item_list_free(&list);
}
END_TEST

/* What is wrong with a catalogue is told with its line. */
START_TEST(test_wrong_catalogues)
{
    static const struct hn_item_fields fields = {.id = "id",
                                                 .price = "price",
                                                 .popularity = "views",
                                                 .categories = {"kind"},
                                                 .n_categories = 1};
    static const struct {
        bool csv;
        const char *text, *says;
    } wrong[] = {
        {true, "sku;price;views;kind\n1;2;3;4\n",
         "t: line 1: there is no column 'id' (there are: sku;price;views;kind)"},
        {true, "id,price,kind\n",
         "t: line 1: there is no column 'views' (there are: id, price, kind)"},
        {true, "id,price,views,kind,price\n", "t: line 1: two columns 'price'"},
        {true, "id,price,views,kind\na,1,2,x\n\r\n\r\nb,1,2\n", "t: line 5: 3 cells for 4 columns"},
        {true, "id,price,views,kind\na,1,2,x,\n", "t: line 2: 5 cells for 4 columns"},
        {true, "id,price,views,kind\n\"a\nb\",1,2,x\nc,$3,2,x\n",
         "t: line 4: 'price' is '$3', which is no number"},
        {true, "id,price,views,kind\na,1,-2,x\n", "t: line 2: 'views' is below 0"},
        {true, "id,price,views,kind\n,1,2,x\n", "t: line 2: 'id' is no text of 1 to 256 bytes"},
        {true, "id,price,views,kind\na,1,2,\"x\nb,1,2,y\n", "t: line 2: a quote is not closed"},
        {true, "id,price,views,kind\na,1,2,\"x\"y\n",
         "t: line 2: something behind a closing quote"},
        {true, "id,price,views,kind\na,1,2,\xff\n", "t: line 2: 'kind' is no UTF-8 text"},
        {false, "{\"id\": \"a\"}\n{\"id\": \"b\"\n", "t: line 2: its JSON"},
        {false, "\n[]\n", "t: line 2: this is no object"},
        {false, "{\"id\": \"a\", \"price\": \"12,50\"}\n",
         "t: line 1: 'price' is '12,50', which is no number"},
        {false, "{\"id\": \"a\", \"price\": [1]}\n", "t: line 1: 'price' is no number"},
        {false, "{\"id\": \"a\", \"kind\": 7}\n", "t: line 1: 'kind' is no text"},
        {false, "{\"id\": \"a\", \"vector\": [1]}\n", "t: line 1: a 'vector' in a catalogue"},
        {false, "{\"id\": 1.5}\n", "t: line 1: 'id' is no text"},
    };
    struct hn_item_list list;
    for (size_t i = 0; i < HN_COUNT(wrong); i++) {
        ck_assert_int_lt(
            hn_item_list_parse(hn_str_from(wrong[i].text), wrong[i].csv, "t", &fields, &list, &err),
            0);
        ck_assert_msg(strncmp(err.text, wrong[i].says, strlen(wrong[i].says)) == 0, "%zu: %s", i,
                      err.text);
    }
    /* A mark of UTF-8, and nothing at all. */
    GOOD(hn_item_list_parse(HN_STR("\xEF\xBB\xBF"
                                   "id,price,views,kind\n1,,,\n2,,,\n1,,,\n2,,,\n"),
                            true, "t", &fields, &list, &err));
    ck_assert_uint_eq(list.n, 4);
    ck_assert(isnan(list.items[0]->price) && list.items[0]->available);
    ck_assert_int_eq(hn_item_list_twice(&list, "t", &err), HN_E_FORMAT);
    ck_assert_str_eq(err.text, "t: line 4: the id '1' is that of line 2, too");
    hn_item_list_free(&list);
    for (int csv = 0; csv < 2; csv++) {
        GOOD(hn_item_list_parse(HN_STR(""), csv, "t", &fields, &list, &err));
        ck_assert_uint_eq(list.n, 0);
        hn_item_list_free(&list);
    }
}
END_TEST

START_TEST(test_wrong_configurations)
{
    static const char *const wrong[][2] = {
        {"[]", "t: this is no object"},
        {"{}", "t: 'catalogue' is missing"},
        {"{\"catalogue\": \"../x\"}", "t: 'catalogue' leads out of the folder"},
        {"{\"catalogue\": \"/x\"}", "t: 'catalogue' leads out of the folder"},
        {"{\"catalogue\": \"x\", \"other\": 1}", "t: 'other' is not known"},
        {"{\"catalogue\": \"x\", \"session\": {}}", "t: 'session.model' is missing"},
        {"{\"catalogue\": \"x\", \"session\": {\"model\": \"m\", \"length\": 0}}",
         "t: 'session.length' is no number from 1 to 1000"},
        {"{\"catalogue\": \"x\", \"ranker\": {\"model\": \"m\", \"features\": [\"x\"]}}",
         "t: 'ranker.features' has 'x', which is none of score, together, popularity, price, seen, "
         "events, "
         "user.NAME, item.NAME"},
        {"{\"catalogue\": \"x\", \"decay\": 2}", "t: 'decay' is no number above 0 and at most 1"},
        {"{\"catalogue\": \"x\", \"fields\": {\"id\": 1}}", "t: 'fields.id' is no text"},
    };
    struct hn_recommender_config c;
    for (size_t i = 0; i < HN_COUNT(wrong); i++) {
        ck_assert_int_eq(hn_recommender_config_parse(hn_str_from(wrong[i][0]), "t", &c, &err),
                         HN_E_FORMAT);
        ck_assert_str_eq(err.text, wrong[i][1]);
    }
    GOOD(hn_recommender_config_parse(hn_str_from(CONFIG), "t", &c, &err));
    ck_assert(hn_event_weight(&c, HN_STR("cart")) == 4);
    ck_assert(hn_event_weight(&c, HN_STR("view")) == 1);
    hn_recommender_config_free(&c);
}
END_TEST

START_TEST(test_files_that_do_not_fit)
{
    struct hn_recommender *r;
    const struct hn_recommender_options options = {.level = HN_CPU_REF};
    put_file("items.jsonl", "{\"id\": \"a\"}\n", 12);
    ck_assert_int_eq(hn_recommender_open(folder, &options, &r, &err), HN_E_FORMAT);
    ck_assert(strstr(err.text, "6 rows for the 1 items") != NULL);
    put_file("recommender.json", "{\"catalogue\": \"items.jsonl\"}", 28);
    put_file("items.jsonl", "{\"id\": \"a\"}\n{\"id\": \"a\"}\n", 24);
    ck_assert_int_eq(hn_recommender_open(folder, &options, &r, &err), HN_E_FORMAT);
    ck_assert(strstr(err.text, "items.jsonl: line 2: the id 'a' is that of line 1, too") != NULL);
    put_file("items.jsonl", "{\"id\": \"a\"}\n{\"id\": \"b\"}\n", 24);
    GOOD(hn_recommender_open(folder, &options, &r, &err)); /* without vectors: popularity */
    ck_assert_str_eq(ask_after(r, "b", NULL, 2), "a b");
    hn_recommender_close(r);
}
END_TEST

static void clear(void)
{
    hn_arena_free(&arena);
    remove_folder();
}

int main(void)
{
    TCase *tcase = tcase_create("recommend");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, make_folder, clear);
    tcase_add_test(tcase, test_what_is_like_it);
    tcase_add_test(tcase, test_popular);
    tcase_add_test(tcase, test_filters);
    tcase_add_test(tcase, test_diversity_and_reasons);
    tcase_add_test(tcase, test_changes_survive);
    tcase_add_test(tcase, test_wrong_changes_change_nothing);
    tcase_add_test(tcase, test_full_disk);
    tcase_add_test(tcase, test_many_changes_are_made_smaller);
    tcase_add_test(tcase, test_gone_and_come_again);
    tcase_add_test(tcase, test_journal_stays_small);
    tcase_add_test(tcase, test_shelf);
    tcase_add_test(tcase, test_torn_journal);
    tcase_add_test(tcase, test_shared_journal);
    tcase_add_test(tcase, test_removed_journal);
    tcase_add_test(tcase, test_long_journal);
    tcase_add_test(tcase, test_damaged_journal);
    tcase_add_test(tcase, test_csv);
    tcase_add_test(tcase, test_wrong_catalogues);
    tcase_add_test(tcase, test_wrong_configurations);
    tcase_add_test(tcase, test_files_that_do_not_fit);
    return run_unit("recommend", tcase);
}
