#include "unit.h"

#include <stdio.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/file.h"
#include "formats/gguf.h"
#include "formats/gguf_write.h"

static char folder[] = "/tmp/hence-write-XXXXXX";
static char path[64];

static void make_folder(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/m.gguf", folder);
}

static void remove_folder(void)
{
    ck_assert_int_eq(rmdir(folder), 0); /* fails when a temporary file was left */
}

static void make_meta(struct hn_meta *meta, struct hn_arena *arena, uint32_t alignment)
{
    static const struct hn_str texts[] = {HN_STR("one"), HN_STR(""), HN_STR("three")};
    static const float floats[] = {0.5f, -2.0f};
    const struct hn_meta_kv small[] = {
        {.key = HN_STR("i8"), .type = HN_META_I8, .i = -5},
        {.key = HN_STR("u16"), .type = HN_META_U16, .u = 65000},
        {.key = HN_STR("i64"), .type = HN_META_I64, .i = INT64_MIN},
        {.key = HN_STR("f64"), .type = HN_META_F64, .f = 0.1},
    };
    for (size_t i = 0; i < HN_COUNT(small); i++)
        ck_assert_int_eq(hn_meta_add(meta, arena, &small[i], NULL), HN_OK);
    hn_meta_add_u32(meta, arena, HN_STR("general.alignment"), alignment);
    hn_meta_add_f32(meta, arena, HN_STR("f32"), 0.1f);
    hn_meta_add_bool(meta, arena, HN_STR("flag"), true);
    hn_meta_add_text(meta, arena, HN_STR("name"), HN_STR("caf\xc3\xa9"));
    hn_meta_add_array(meta, arena, HN_STR("texts"),
                      (struct hn_meta_array){HN_META_STR, 3, NULL, texts});
    hn_meta_add_array(meta, arena, HN_STR("floats"),
                      (struct hn_meta_array){HN_META_F32, 2, floats, NULL});
    ck_assert_int_eq(hn_meta_index(meta, arena, NULL), HN_OK);
}

static void assert_same_value(const struct hn_meta_kv *a, const struct hn_meta_kv *b)
{
    ck_assert(hn_str_eq(a->key, b->key) && a->type == b->type);
    if (a->type == HN_META_STR) {
        ck_assert(hn_str_eq(a->text, b->text));
    } else if (a->type == HN_META_ARRAY) {
        ck_assert(a->array.type == b->array.type && a->array.n == b->array.n);
        for (size_t i = 0; i < a->array.n; i++)
            ck_assert(a->array.type == HN_META_STR
                          ? hn_str_eq(a->array.texts[i], b->array.texts[i])
                          : hn_meta_array_float(&a->array, i) == hn_meta_array_float(&b->array, i));
    } else {
        ck_assert_uint_eq(a->u, b->u);
    }
}

START_TEST(round_trip)
{
    static const uint32_t alignments[] = {8, 32, 256};
    unsigned char data[200];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (unsigned char)(i * 7);
    const struct hn_tensor tensors[] = {
        {HN_STR("b"), HN_F16, 1, {7, 1, 1, 1}, data, 14},
        {HN_STR("a"), HN_Q8_0, 2, {32, 2, 1, 1}, data + 14, 68},
        {HN_STR("c"), HN_F32, 3, {1, 2, 3, 1}, data + 82, 24},
    };
    make_folder();
    for (size_t a = 0; a < HN_COUNT(alignments); a++)
        for (size_t step = 1; step < 200; step = step * 3 + 1) {
            struct hn_meta meta = {0};
            struct hn_arena arena = {0};
            struct hn_error err = {0};
            struct hn_gguf_writer *w;
            make_meta(&meta, &arena, alignments[a]);
            ck_assert_int_eq(hn_gguf_write_begin(path, &meta, tensors, 3, &w, &err), HN_OK);
            for (size_t at = 0; at < 106; at += step)
                ck_assert_int_eq(hn_gguf_write_data(w, data + at, hn_min(step, 106 - at), &err),
                                 HN_OK);
            ck_assert_int_eq(access(path, F_OK), -1); /* not before the end */
            ck_assert_int_eq(hn_gguf_write_end(w, &err), HN_OK);
            struct hn_gguf *g;
            ck_assert_msg(hn_gguf_open(path, &g, &err) == HN_OK, "%s", err.text);
            ck_assert_uint_eq(g->alignment, alignments[a]);
            ck_assert_uint_eq(g->meta.n, meta.n);
            for (size_t i = 0; i < meta.n; i++)
                assert_same_value(&meta.items[i], &g->meta.items[i]);
            ck_assert_uint_eq(g->weights.n, 3);
            for (size_t i = 0; i < 3; i++) {
                const struct hn_tensor *t = &g->weights.items[i];
                ck_assert(hn_str_eq(t->name, tensors[i].name) && t->type == tensors[i].type);
                ck_assert_int_eq(t->n_dims, tensors[i].n_dims);
                ck_assert_uint_eq((uintptr_t)t->data % alignments[a], 0);
                ck_assert_mem_eq(t->data, tensors[i].data, tensors[i].bytes);
            }
            hn_gguf_close(g);
            unlink(path);
            hn_arena_free(&arena);
        }
    remove_folder();
}
END_TEST

START_TEST(unfinished_files_do_not_appear)
{
    const struct hn_tensor t = {HN_STR("t"), HN_F32, 1, {4, 1, 1, 1}, NULL, 16};
    const struct hn_meta none = {0};
    struct hn_gguf_writer *w;
    struct hn_error err = {0};
    make_folder();
    ck_assert_int_eq(hn_gguf_write_begin(path, &none, &t, 1, &w, &err), HN_OK);
    ck_assert_int_eq(hn_gguf_write_data(w, "0123", 4, &err), HN_OK);
    ck_assert_int_eq(hn_gguf_write_end(w, &err), HN_E_ARG);
    ck_assert_int_eq(hn_gguf_write_begin(path, &none, &t, 1, &w, &err), HN_OK);
    ck_assert_int_eq(hn_gguf_write_data(w, "0123456789abcdefX", 17, &err), HN_E_ARG);
    hn_gguf_write_abandon(w);
    const struct hn_tensor half = {HN_STR("t"), HN_Q4_K, 1, {128, 1, 1, 1}, NULL, 0};
    ck_assert_int_eq(hn_gguf_write_begin(path, &none, &half, 1, &w, &err), HN_E_ARG);
    ck_assert_msg(strstr(err.text, "tensor t"), "%s", err.text);
    ck_assert_int_eq(access(path, F_OK), -1);
    remove_folder();
    ck_assert_int_eq(hn_gguf_write_begin("/nowhere/m.gguf", &none, &t, 1, &w, &err), HN_E_NOTFOUND);
    ck_assert_ptr_null(w);
}
END_TEST

/* A file size limit stands in for a full disk: writes past it fail the same way. */
START_TEST(full_disk_is_a_clean_error)
{
    static char data[1 << 16];
    const struct hn_tensor t = {HN_STR("t"), HN_F32, 1, {1 << 20, 1, 1, 1}, NULL, 1 << 22};
    const struct hn_meta none = {0};
    struct hn_gguf_writer *w;
    struct hn_error err = {0};
    make_folder();
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &(struct rlimit){1 << 18, 1 << 18}), 0);
    ck_assert_int_eq(hn_gguf_write_begin(path, &none, &t, 1, &w, &err), HN_OK);
    enum hn_status status = HN_OK;
    for (int i = 0; i < 64 && status == HN_OK; i++)
        status = hn_gguf_write_data(w, data, sizeof data, &err);
    ck_assert_int_eq(status, HN_E_IO);
    ck_assert_msg(strstr(err.text, "m.gguf: cannot write: File too large"), "%s", err.text);
    hn_gguf_write_abandon(w);
    remove_folder();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("gguf_write");
    tcase_add_test(tc, round_trip);
    tcase_add_test(tc, unfinished_files_do_not_appear);
    tcase_add_test(tc, full_disk_is_a_clean_error);
    return run_unit("gguf_write", tc);
}
