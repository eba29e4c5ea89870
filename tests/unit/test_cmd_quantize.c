#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/file.h"
#include "cli/commands.h"
#include "formats/gguf.h"
#include "formats/gguf_write.h"

static char folder[] = "/tmp/hence-cmd-XXXXXX";
static char in[64], out[64], said[64];

/* A model of one matrix, in a folder that the tests write to. */
static void make_model(void)
{
    static float values[4 * 256];
    struct hn_arena arena = {0};
    struct hn_meta meta = {0};
    for (size_t i = 0; i < HN_COUNT(values); i++)
        values[i] = (float)(i * 7 % 31) - 15;
    const struct hn_tensor tensor = {.name = HN_STR("output.weight"),
                                     .type = HN_F32,
                                     .n_dims = 2,
                                     .ne = {256, 4, 1, 1},
                                     .data = values,
                                     .bytes = sizeof values};
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(in, sizeof in, "%s/in.gguf", folder);
    snprintf(out, sizeof out, "%s/out.gguf", folder);
    snprintf(said, sizeof said, "%s/said", folder);
    hn_meta_add_text(&meta, &arena, HN_STR("general.architecture"), HN_STR("llama"));
    ck_assert_int_eq(hn_meta_index(&meta, &arena, NULL), HN_OK);
    ck_assert_int_eq(hn_gguf_write(in, &meta, &tensor, 1, NULL), HN_OK);
    hn_arena_free(&arena);
}

static void remove_model(void)
{
    unlink(in);
    unlink(out);
    unlink(said);
    ck_assert_int_eq(rmdir(folder), 0);
}

/* Runs the command with the given words; what it printed on `stream` is put into `text`. */
static int run(FILE *stream, char text[4096], const char *const *words)
{
    char *argv[16] = {NULL};
    int argc = 0;
    struct hn_buf buf = {0};
    for (; words[argc]; argc++)
        argv[argc] = strdup(words[argc]);
    ck_assert_ptr_nonnull(freopen(said, "w", stream));
    const int status = hn_cmd_quantize(argc, argv);
    fflush(stream);
    ck_assert_int_eq(hn_file_read(said, 4000, &buf, NULL), HN_OK);
    snprintf(text, 4096, "%s", buf.n ? buf.p : "");
    hn_buf_free(&buf);
    while (argc)
        free(argv[--argc]);
    return status;
}

#define RUN(stream, text, ...)                                                                     \
    run(stream, text, (const char *const[]){"quantize", __VA_ARGS__, NULL})

START_TEST(a_model_is_written_and_summed_up)
{
    char text[4096];
    struct hn_gguf *gguf;
    ck_assert_int_eq(RUN(stderr, text, in, out, "q4_k_m", "-t", "2"), 0);
    ck_assert_ptr_nonnull(strstr(text, "Q4_K_M, 840 B, 6.56 bits per weight; tensors: 1 Q6_K"));
    ck_assert_int_eq(hn_gguf_open(out, &gguf, NULL), HN_OK);
    ck_assert_int_eq(gguf->weights.items[0].type, HN_Q6_K);
    hn_gguf_close(gguf);
}
END_TEST

START_TEST(a_dry_run_writes_nothing)
{
    char text[4096];
    unlink(out);
    ck_assert_int_eq(RUN(stdout, text, "--dry-run", in, out, "Q8_0"), 0);
    ck_assert_ptr_nonnull(strstr(text, "output.weight"));
    ck_assert_ptr_nonnull(strstr(text, "F32    -> Q8_0           1088 bytes"));
    ck_assert_int_ne(access(out, F_OK), 0);
}
END_TEST

START_TEST(wrong_use_is_refused_with_a_reason)
{
    char text[4096];
    ck_assert_int_eq(RUN(stderr, text, in, out), 2);
    ck_assert_ptr_nonnull(strstr(text, "usage: hence quantize"));
    ck_assert_int_eq(RUN(stderr, text, in, out, "Q9"), 2);
    ck_assert_ptr_nonnull(strstr(text, "there is no type Q9"));
    ck_assert_int_eq(RUN(stderr, text, in, out, "Q8_0", "-t", "0"), 2);
    ck_assert_ptr_nonnull(strstr(text, "-t 0: give a number from 1 to 256"));
    ck_assert_int_eq(RUN(stderr, text, in, in, "Q8_0"), 1);
    ck_assert_ptr_nonnull(strstr(text, "is the file to read"));
    ck_assert_int_eq(RUN(stderr, text, "/nowhere.gguf", out, "Q8_0"), 1);
    ck_assert_ptr_nonnull(strstr(text, "/nowhere.gguf: cannot open"));
    ck_assert_int_eq(RUN(stdout, text, "--help"), 0);
    ck_assert_ptr_nonnull(strstr(text, "Q4_K_M"));
}
END_TEST

START_TEST(quantised_models_need_leave_to_be_quantised_again)
{
    char text[4096];
    char once[80];
    snprintf(once, sizeof once, "%s/once.gguf", folder);
    ck_assert_int_eq(RUN(stderr, text, in, once, "Q8_0"), 0);
    ck_assert_int_eq(RUN(stderr, text, once, out, "Q4_0"), 1);
    ck_assert_ptr_nonnull(strstr(text, "output.weight is already quantised (Q8_0)"));
    ck_assert_int_eq(RUN(stderr, text, "--requantize", once, out, "Q4_0"), 0);
    unlink(once);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("cmd_quantize");
    tcase_add_unchecked_fixture(tc, make_model, remove_model);
    tcase_add_test(tc, a_model_is_written_and_summed_up);
    tcase_add_test(tc, a_dry_run_writes_nothing);
    tcase_add_test(tc, wrong_use_is_refused_with_a_reason);
    tcase_add_test(tc, quantised_models_need_leave_to_be_quantised_again);
    return run_unit("cmd_quantize", tc);
}
