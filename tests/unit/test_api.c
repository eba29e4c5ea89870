/* The public interface, on a model file: what a program that links libhence sees. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hence/generate.h"
#include "hence/version.h"
#include "tiny_model.h"
#include "unit.h"

static char path[] = "/tmp/test_api_XXXXXX";
static struct hence_model *model;

static void open_model(void)
{
    struct hence_error err = {.text = ""};
    struct hence_model_params params;
    const struct tiny_spec spec = tiny_llama(HN_Q8_0);
    const int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    tiny_write(&spec, path);
    hence_model_params_init(&params);
    params.threads = 2;
    params.context = 256;
    params.sequences = 2;
    ck_assert_msg(hence_model_open(path, &params, &model, &err) == HENCE_OK, "%s", err.text);
}

static void close_model(void)
{
    hence_model_close(model);
    unlink(path);
}

struct heard {
    int32_t ids[64];
    size_t n, text_n, want;
    char text[1000];
    int done;
    struct hence_result result;
};

static void hear(struct heard *h, const char *text, size_t n)
{
    ck_assert_uint_le(h->text_n + n, sizeof h->text);
    memcpy(h->text + h->text_n, text, n);
    h->text_n += n;
}

static int on_token(void *context, int32_t id, const char *text, size_t n)
{
    struct heard *h = context;
    h->ids[h->n++] = id;
    hear(h, text, n);
    return h->n != h->want;
}

static void on_done(void *context, const struct hence_result *result)
{
    struct heard *h = context;
    h->done++;
    h->result = *result;
    hear(h, result->text, result->text_n);
}

static struct hence_request request_of(struct heard *h, const int32_t *ids, size_t n)
{
    struct hence_request r;
    hence_request_init(&r);
    r.tokens = ids;
    r.n_tokens = n;
    r.max_tokens = 20;
    r.seed = 3;
    r.ignore_end = 1;
    r.on_token = on_token;
    r.on_done = on_done;
    r.context = h;
    return r;
}

START_TEST(text_to_ids_and_back)
{
    int32_t ids[16];
    char text[16];
    size_t n, bytes;
    struct hence_error err = {.text = ""};
    open_model();
    ck_assert_uint_eq(hence_model_context(model), 256);
    ck_assert_uint_eq(hence_model_vocabulary(model), 259);
    ck_assert_int_eq(hence_tokenize(model, "hi", 2, HENCE_ADD_SPECIAL, ids, 16, &n, &err), 0);
    ck_assert_uint_eq(n, 3);
    ck_assert_int_eq(ids[0], 1);
    ck_assert_int_eq(ids[1], TINY_BYTE + 'h');
    ck_assert_int_eq(hence_detokenize(model, ids, n, 0, text, 16, &bytes, &err), 0);
    ck_assert_uint_eq(bytes, 2);
    ck_assert_mem_eq(text, "hi", 2);
    ck_assert_int_eq(hence_detokenize(model, ids, n, HENCE_SHOW_SPECIAL, text, 16, &bytes, &err),
                     0);
    ck_assert_mem_eq(text, "<s>hi", 5);

    ck_assert_int_eq(hence_tokenize(model, "hello", 5, 0, NULL, 0, &n, &err), HENCE_E_LIMIT);
    ck_assert_uint_eq(n, 5);
    ck_assert_msg(strstr(err.text, "5 tokens"), "%s", err.text);
    ids[1] = 259;
    ck_assert_int_eq(hence_detokenize(model, ids, 3, 0, text, 16, &bytes, &err), HENCE_E_ARG);
    ck_assert_msg(strstr(err.text, "token 1 is 259"), "%s", err.text);
    close_model();
}
END_TEST

/* Two requests at once, each as if alone; then the same again, out of the cache. */
START_TEST(requests_are_answered)
{
    static struct heard both[2], alone;
    int32_t ids[100];
    size_t n;
    open_model();
    for (size_t i = 0; i < 100; i++)
        ids[i] = (int32_t)(TINY_BYTE + (i * 7) % 256);
    for (int i = 0; i < 2; i++) {
        const struct hence_request r = request_of(&both[i], ids + i, 99);
        ck_assert_int_eq(hence_submit(model, &r, NULL, NULL), 0);
    }
    while (hence_step(model))
        ;
    const struct hence_request again = request_of(&alone, ids, 99);
    ck_assert_int_eq(hence_submit(model, &again, NULL, NULL), 0);
    while (hence_step(model))
        ;
    ck_assert_int_eq(both[0].done + both[1].done + alone.done, 3);
    ck_assert_int_eq(alone.result.finish, HENCE_FINISH_LENGTH);
    ck_assert_uint_eq(alone.result.prompt_tokens, 99);
    ck_assert_uint_eq(alone.result.completion_tokens, 20);
    ck_assert_uint_eq(both[0].result.cached_tokens, 0);
    ck_assert_uint_eq(alone.result.cached_tokens, 64);
    ck_assert_mem_eq(both[0].ids, alone.ids, 20 * sizeof *alone.ids);
    ck_assert_uint_eq(both[0].text_n, alone.text_n);
    ck_assert_mem_eq(both[0].text, alone.text, alone.text_n);

    /* What was told piece by piece is the text of the ids. */
    char text[1000];
    ck_assert_int_eq(hence_detokenize(model, alone.ids, 20, 0, text, sizeof text, &n, NULL), 0);
    ck_assert_uint_eq(n, alone.text_n);
    ck_assert_mem_eq(text, alone.text, n);
    close_model();
}
END_TEST

START_TEST(requests_can_be_stopped)
{
    static struct heard a, b, dropped;
    const int32_t ids[] = {1, 70, 71};
    uint64_t id;
    open_model();
    a.want = 4;
    struct hence_request r = request_of(&a, ids, 3);
    ck_assert_int_eq(hence_submit(model, &r, NULL, NULL), 0);
    r = request_of(&b, ids, 3);
    r.max_tokens = SIZE_MAX;
    ck_assert_int_eq(hence_submit(model, &r, &id, NULL), 0);
    hence_step(model);
    hence_cancel(model, id);
    while (hence_step(model))
        ;
    ck_assert_int_eq(a.result.finish, HENCE_FINISH_CANCELLED);
    ck_assert_uint_eq(a.n, 4);
    ck_assert_int_eq(b.result.finish, HENCE_FINISH_CANCELLED);
    ck_assert_uint_eq(b.n, 1);
    r = request_of(&dropped, ids, 3);
    ck_assert_int_eq(hence_submit(model, &r, NULL, NULL), 0);
    hence_step(model);
    close_model();
    ck_assert_int_eq(dropped.done, 0);
}
END_TEST

START_TEST(refusals_say_why)
{
    static struct heard h;
    const int32_t ids[] = {1, 70, 300};
    const char *stops[17];
    struct hence_model *none;
    struct hence_model_params params;
    struct hence_error err = {.text = ""};
    hence_model_params_init(&params);
    ck_assert_int_eq(hence_model_open("/no/such.gguf", &params, &none, &err), HENCE_E_NOTFOUND);
    ck_assert_ptr_null(none);
    ck_assert_msg(strstr(err.text, "/no/such.gguf"), "%s", err.text);
    params.kv_type = "q4";
    ck_assert_int_eq(hence_model_open("/no/such.gguf", &params, &none, &err), HENCE_E_ARG);
    ck_assert_msg(strstr(err.text, "q4"), "%s", err.text);
    memset(&params, 0, sizeof params);
    ck_assert_int_eq(hence_model_open("/no/such.gguf", &params, &none, &err), HENCE_E_ARG);

    open_model();
    struct hence_request r = request_of(&h, ids, 3);
    ck_assert_int_eq(hence_submit(model, &r, NULL, &err), HENCE_E_ARG);
    ck_assert_msg(strstr(err.text, "token 2 of the prompt is 300"), "%s", err.text);
    ck_assert_int_eq(err.code, HENCE_E_ARG);
    for (int i = 0; i < 17; i++)
        stops[i] = "x";
    r = request_of(&h, ids, 2);
    r.stops = stops;
    r.n_stops = 17;
    ck_assert_int_eq(hence_submit(model, &r, NULL, &err), HENCE_E_ARG);
    ck_assert_msg(strstr(err.text, "17 stop texts"), "%s", err.text);
    ck_assert_int_eq(hence_step(model), 0);
    ck_assert_int_eq(h.done, 0);
    close_model();
}
END_TEST

START_TEST(the_version_is_the_headers)
{
    char text[40];
    snprintf(text, sizeof text, "%d.%d.%d", HENCE_VERSION_MAJOR, HENCE_VERSION_MINOR,
             HENCE_VERSION_PATCH);
    ck_assert_str_eq(hence_version(), text);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("api");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, text_to_ids_and_back);
    tcase_add_test(tcase, requests_are_answered);
    tcase_add_test(tcase, requests_can_be_stopped);
    tcase_add_test(tcase, refusals_say_why);
    tcase_add_test(tcase, the_version_is_the_headers);
    return run_unit("api", tcase);
}
