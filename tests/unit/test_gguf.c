#include "unit.h"

#include <stdio.h>
#include <unistd.h>

#include "base/bits.h"
#include "formats/gguf.h"

/* A file built by hand, so that what the reader refuses can be written at all. */
static void put(struct hn_buf *b, const void *p, size_t n)
{
    ck_assert_int_eq(hn_buf_add(b, p, n), HN_OK);
}

static void put32(struct hn_buf *b, uint32_t v)
{
    put(b, &v, sizeof v);
}

static void put64(struct hn_buf *b, uint64_t v)
{
    put(b, &v, sizeof v);
}

static void put_str(struct hn_buf *b, const char *text)
{
    put64(b, strlen(text));
    put(b, text, strlen(text));
}

static void put_header(struct hn_buf *b, uint32_t version, uint64_t tensors, uint64_t keys)
{
    put(b, "GGUF", 4);
    put32(b, version);
    put64(b, tensors);
    put64(b, keys);
}

static void put_key(struct hn_buf *b, const char *key, enum hn_meta_type type)
{
    put_str(b, key);
    put32(b, type);
}

static void put_u32(struct hn_buf *b, const char *key, uint32_t v)
{
    put_key(b, key, HN_META_U32);
    put32(b, v);
}

static void put_tensor(struct hn_buf *b, const char *name, uint32_t n_dims, const uint64_t *ne,
                       uint32_t type, uint64_t offset)
{
    put_str(b, name);
    put32(b, n_dims);
    for (uint32_t i = 0; i < n_dims; i++)
        put64(b, ne[i]);
    put32(b, type);
    put64(b, offset);
}

static void put_data(struct hn_buf *b, size_t align, size_t bytes)
{
    while (b->n % align)
        put(b, "", 1);
    for (size_t i = 0; i < bytes; i++)
        put(b, &(unsigned char){(unsigned char)i}, 1);
}

/* Parses a copy of exactly the bytes, so that a sanitizer sees a read past them. Frees the buffer.
 */
static enum hn_status parse(struct hn_buf *b, struct hn_error *err)
{
    struct hn_gguf *g;
    unsigned char *exact = malloc(b->n ? b->n : 1);
    if (b->n) memcpy(exact, b->p, b->n);
    const enum hn_status status = hn_gguf_parse(exact, b->n, "m.gguf", &g, err);
    ck_assert(status == HN_OK ? g != NULL : g == NULL);
    hn_gguf_close(g);
    free(exact);
    hn_buf_free(b);
    return status;
}

#define ASSERT_REFUSED(buf, want_status, part)                                                     \
    do {                                                                                           \
        struct hn_error err_ = {0};                                                                \
        ck_assert_int_eq(parse(buf, &err_), want_status);                                          \
        ck_assert_msg(strstr(err_.text, part) != NULL, "no \"%s\" in: %s", part, err_.text);       \
    } while (0)

/* One file with every kind of value and two tensors. */
static void put_whole(struct hn_buf *b)
{
    put_header(b, 3, 2, 15);
    put_key(b, "general.architecture", HN_META_STR);
    put_str(b, "llama");
    put_u32(b, "u32", 4000000000u);
    put_key(b, "u8", HN_META_U8);
    put(b, "\xff", 1);
    put_key(b, "i8", HN_META_I8);
    put(b, "\xff", 1);
    put_key(b, "u16", HN_META_U16);
    put(b, "\x34\x12", 2);
    put_key(b, "i16", HN_META_I16);
    put(b, "\xfe\xff", 2);
    put_key(b, "i32", HN_META_I32);
    put32(b, (uint32_t)-3);
    put_key(b, "f32", HN_META_F32);
    put(b, &(float){1.5f}, 4);
    put_key(b, "u64", HN_META_U64);
    put64(b, UINT64_MAX);
    put_key(b, "i64", HN_META_I64);
    put64(b, (uint64_t)-4);
    put_key(b, "f64", HN_META_F64);
    put(b, &(double){-0.25}, 8);
    put_key(b, "yes", HN_META_BOOL);
    put(b, "\1", 1);
    put_key(b, "texts", HN_META_ARRAY);
    put32(b, HN_META_STR);
    put64(b, 3);
    put_str(b, "a");
    put_str(b, "");
    put_str(b, "ccc");
    put_key(b, "ints", HN_META_ARRAY);
    put32(b, HN_META_I16);
    put64(b, 2);
    put(b, "\1\0\xff\xff", 4);
    put_key(b, "empty", HN_META_ARRAY);
    put32(b, HN_META_F32);
    put64(b, 0);
    put_tensor(b, "w", 2, (uint64_t[]){32, 3}, 8, 0); /* Q8_0: 3 rows of 34 bytes */
    put_tensor(b, "norm", 1, (uint64_t[]){5}, 0, 128);
    put_data(b, 32, 128 + 20);
}

START_TEST(reads_every_kind_of_value)
{
    struct hn_buf b = {0};
    put_whole(&b);
    struct hn_gguf *g;
    struct hn_error err = {0};
    ck_assert_msg(hn_gguf_parse(b.p, b.n, "m.gguf", &g, &err) == HN_OK, "%s", err.text);
    uint32_t u;
    ck_assert_int_eq(hn_meta_u32(&g->meta, HN_STR("u32"), &u, NULL), HN_OK);
    ck_assert_uint_eq(u, 4000000000u);
    ck_assert_uint_eq(hn_meta_find(&g->meta, HN_STR("u8"))->u, 255);
    ck_assert_int_eq(hn_meta_find(&g->meta, HN_STR("i8"))->i, -1);
    ck_assert_uint_eq(hn_meta_find(&g->meta, HN_STR("u16"))->u, 0x1234);
    ck_assert_int_eq(hn_meta_find(&g->meta, HN_STR("i16"))->i, -2);
    ck_assert_int_eq(hn_meta_find(&g->meta, HN_STR("i32"))->i, -3);
    ck_assert(hn_meta_find(&g->meta, HN_STR("f32"))->f == 1.5);
    ck_assert_uint_eq(hn_meta_find(&g->meta, HN_STR("u64"))->u, UINT64_MAX);
    ck_assert_int_eq(hn_meta_find(&g->meta, HN_STR("i64"))->i, -4);
    ck_assert(hn_meta_find(&g->meta, HN_STR("f64"))->f == -0.25);
    ck_assert_uint_eq(hn_meta_find(&g->meta, HN_STR("yes"))->u, 1);
    struct hn_meta_array a;
    ck_assert_int_eq(hn_meta_array(&g->meta, HN_STR("texts"), HN_META_STR, &a, NULL), HN_OK);
    ck_assert_uint_eq(a.n, 3);
    ck_assert(hn_str_is(a.texts[0], "a") && a.texts[1].n == 0 && hn_str_is(a.texts[2], "ccc"));
    ck_assert_int_eq(hn_meta_array(&g->meta, HN_STR("ints"), HN_META_I16, &a, NULL), HN_OK);
    ck_assert_int_eq(hn_meta_array_int(&a, 1), -1);
    ck_assert_int_eq(hn_meta_array(&g->meta, HN_STR("empty"), HN_META_F32, &a, NULL), HN_OK);
    ck_assert_uint_eq(a.n, 0);
    const struct hn_tensor *w = hn_weights_find(&g->weights, HN_STR("w"));
    const struct hn_tensor *norm = hn_weights_find(&g->weights, HN_STR("norm"));
    ck_assert_int_eq(w->type, HN_Q8_0);
    ck_assert_uint_eq(w->bytes, 102);
    ck_assert_uint_eq(hn_tensor_rows(w), 3);
    ck_assert_ptr_eq((const char *)norm->data, b.p + b.n - 20);
    ck_assert_ptr_eq((const char *)w->data + 128, norm->data);
    hn_gguf_close(g);
    hn_buf_free(&b);
}
END_TEST

START_TEST(refuses_every_truncation)
{
    struct hn_buf whole = {0};
    put_whole(&whole);
    for (size_t n = 0; n < whole.n; n++) {
        struct hn_buf cut = {0};
        struct hn_error err = {0};
        put(&cut, whole.p, n);
        ck_assert_int_eq(parse(&cut, &err), HN_E_FORMAT);
        ck_assert_msg(strstr(err.text, "m.gguf: ") == err.text, "%s", err.text);
        if (n == whole.n - 7)
            ck_assert_msg(strstr(err.text, "tensor norm") &&
                              strstr(err.text, " 7 bytes are missing"),
                          "%s", err.text);
    }
    hn_buf_free(&whole);
}
END_TEST

START_TEST(survives_every_single_byte_change)
{
    struct hn_buf whole = {0};
    put_whole(&whole);
    static const unsigned char values[] = {0, 1, 9, 0x7f, 0x80, 0xff};
    for (size_t i = 0; i < whole.n; i++)
        for (size_t v = 0; v < HN_COUNT(values); v++) {
            struct hn_buf changed = {0};
            put(&changed, whole.p, whole.n);
            changed.p[i] = (char)values[v];
            parse(&changed, NULL); /* opened or refused, never a read past the end */
        }
    hn_buf_free(&whole);
}
END_TEST

START_TEST(refuses_other_files_and_versions)
{
    struct hn_buf b = {0};
    put(&b, "PK\3\4 and so on", 14);
    ASSERT_REFUSED(&b, HN_E_FORMAT, "not a GGUF file");
    ASSERT_REFUSED(&(struct hn_buf){0}, HN_E_FORMAT, "not a GGUF file");
    put(&b, "version https://git-lfs.github.com/spec/v1\n", 43);
    ASSERT_REFUSED(&b, HN_E_FORMAT, "git lfs pull");
    put_header(&b, 1, 0, 0);
    ASSERT_REFUSED(&b, HN_E_UNSUPPORTED, "too old");
    put_header(&b, 4, 0, 0);
    ASSERT_REFUSED(&b, HN_E_UNSUPPORTED, "only 2 and 3");
    put_header(&b, 0x03000000, 0, 0);
    ASSERT_REFUSED(&b, HN_E_UNSUPPORTED, "big-endian");
    put_header(&b, 2, 0, 0);
    ck_assert_int_eq(parse(&b, NULL), HN_OK);
}
END_TEST

START_TEST(refuses_hostile_counts)
{
    struct hn_buf b = {0};
    put_header(&b, 3, UINT64_MAX, 0);
    ASSERT_REFUSED(&b, HN_E_LIMIT, "tensors");
    put_header(&b, 3, 0, UINT64_MAX);
    ASSERT_REFUSED(&b, HN_E_LIMIT, "keys");
    put_header(&b, 3, 60000, 0);
    ASSERT_REFUSED(&b, HN_E_FORMAT, "missing");
    put_header(&b, 3, 0, 1);
    put64(&b, UINT64_MAX - 3); /* a key's length that wraps */
    put_data(&b, 1, 30);
    ASSERT_REFUSED(&b, HN_E_LIMIT, "a key has a length of");
    put_header(&b, 3, 0, 1);
    put_key(&b, "list", HN_META_ARRAY);
    put32(&b, HN_META_U64);
    put64(&b, (uint64_t)1 << 61); /* times 8 is 0 */
    ASSERT_REFUSED(&b, HN_E_LIMIT, "key list: the array is too long");
    put_header(&b, 3, 0, 1);
    put_key(&b, "list", HN_META_ARRAY);
    put32(&b, HN_META_STR);
    put64(&b, 1000000);
    put_data(&b, 1, 100);
    ASSERT_REFUSED(&b, HN_E_FORMAT, "missing");
}
END_TEST

START_TEST(refuses_bad_keys)
{
    struct hn_buf b = {0};
    put_header(&b, 3, 0, 1);
    put_key(&b, "list", HN_META_ARRAY);
    put32(&b, HN_META_ARRAY);
    put64(&b, 1);
    ASSERT_REFUSED(&b, HN_E_UNSUPPORTED, "key list: arrays of arrays");
    put_header(&b, 3, 0, 1);
    put_key(&b, "odd", (enum hn_meta_type)13);
    put64(&b, 0);
    ASSERT_REFUSED(&b, HN_E_FORMAT, "key odd: unknown value type 13");
    put_header(&b, 3, 0, 1);
    put_key(&b, "flag", HN_META_BOOL);
    put(&b, "\2", 1);
    ASSERT_REFUSED(&b, HN_E_FORMAT, "key flag: not a bool: 2");
    put_header(&b, 3, 0, 2);
    put_u32(&b, "twice", 1);
    put_u32(&b, "twice", 1);
    ASSERT_REFUSED(&b, HN_E_FORMAT, "m.gguf: metadata key twice appears twice");
    put_header(&b, 3, 0, 1);
    put_u32(&b, "general.alignment", 48);
    ASSERT_REFUSED(&b, HN_E_FORMAT, "general.alignment: 48");
    put_header(&b, 3, 0, 1);
    put_u32(&b, "general.alignment", 0);
    ASSERT_REFUSED(&b, HN_E_FORMAT, "general.alignment: 0");
}
END_TEST

/* A file of one tensor with 64 bytes of data. */
static struct hn_buf one_tensor(uint32_t n_dims, const uint64_t *ne, uint32_t type, uint64_t offset)
{
    struct hn_buf b = {0};
    put_header(&b, 3, 1, 0);
    put_tensor(&b, "t", n_dims, ne, type, offset);
    put_data(&b, 32, 64);
    return b;
}

START_TEST(refuses_bad_tensors)
{
    struct hn_buf b = one_tensor(2, (uint64_t[]){4, 4}, 0, 0);
    ck_assert_int_eq(parse(&b, NULL), HN_OK);
    b = one_tensor(0, NULL, 0, 32);
    ck_assert_int_eq(parse(&b, NULL), HN_OK);
    b = one_tensor(5, (uint64_t[]){1, 1, 1, 1, 1}, 0, 0);
    ASSERT_REFUSED(&b, HN_E_LIMIT, "tensor t: dimensions (at most 4): 5");
    b = one_tensor(2, (uint64_t[]){4, 0}, 0, 0);
    ASSERT_REFUSED(&b, HN_E_FORMAT, "tensor t: impossible dimension 0");
    b = one_tensor(2, (uint64_t[]){(uint64_t)1 << 40, (uint64_t)1 << 40}, 0, 0);
    ASSERT_REFUSED(&b, HN_E_FORMAT, "too many elements");
    b = one_tensor(1, (uint64_t[]){(uint64_t)1 << 62}, 0, 0); /* times 4 is 0 */
    ASSERT_REFUSED(&b, HN_E_FORMAT, "too large");
    b = one_tensor(2, (uint64_t[]){16, 2}, 8, 0); /* half a Q8_0 block per row */
    ASSERT_REFUSED(&b, HN_E_FORMAT, "whole number of blocks");
    b = one_tensor(1, (uint64_t[]){4}, 16, 0);
    ASSERT_REFUSED(&b, HN_E_UNSUPPORTED, "tensor t: type 16 (IQ2_XXS)");
    b = one_tensor(1, (uint64_t[]){4}, 4000, 0);
    ASSERT_REFUSED(&b, HN_E_UNSUPPORTED, "tensor t: type 4000 (unknown)");
    b = one_tensor(1, (uint64_t[]){4}, 0, 16);
    ASSERT_REFUSED(&b, HN_E_FORMAT, "multiple of the alignment: offset 16");
    b = one_tensor(1, (uint64_t[]){4}, 0, (uint64_t)-32);
    ASSERT_REFUSED(&b, HN_E_FORMAT, "past any file");
    b = one_tensor(1, (uint64_t[]){4}, 0, 64);
    ASSERT_REFUSED(&b, HN_E_FORMAT, "16 bytes are missing");
    put_header(&b, 3, 2, 0);
    put_tensor(&b, "a", 1, (uint64_t[]){12}, 0, 0);
    put_tensor(&b, "b", 1, (uint64_t[]){4}, 0, 32);
    put_data(&b, 32, 64);
    ASSERT_REFUSED(&b, HN_E_FORMAT, "tensors a and b overlap");
    put_header(&b, 3, 2, 0);
    put_tensor(&b, "a", 1, (uint64_t[]){4}, 0, 0);
    put_tensor(&b, "a", 1, (uint64_t[]){4}, 0, 32);
    put_data(&b, 32, 64);
    ASSERT_REFUSED(&b, HN_E_FORMAT, "tensor a appears twice");
}
END_TEST

/* --- split files -------------------------------------------------------------------------------
 */

static void write_part(const char *folder, unsigned no, unsigned count, unsigned says_no,
                       unsigned total)
{
    struct hn_buf b = {0};
    char text[512];
    put_header(&b, 3, 1, no == 0 ? 4 : 3);
    put_key(&b, "split.no", HN_META_U16);
    put(&b, &(uint16_t){(uint16_t)says_no}, 2);
    put_key(&b, "split.count", HN_META_U16);
    put(&b, &(uint16_t){(uint16_t)count}, 2);
    put_u32(&b, "split.tensors.count", total);
    if (no == 0) put_u32(&b, "first.only", 7);
    snprintf(text, sizeof text, "t%u", no);
    put_tensor(&b, text, 1, (uint64_t[]){4}, 0, 0);
    put_data(&b, 32, 12);
    put(&b, &(uint32_t){no}, 4);
    snprintf(text, sizeof text, "%s/m-%05u-of-%05u.gguf", folder, no + 1, count);
    ck_assert_int_eq(hn_file_write(text, b.p, b.n, NULL), HN_OK);
    hn_buf_free(&b);
}

static enum hn_status open_named(const char *folder, const char *name, struct hn_gguf **g,
                                 struct hn_error *err)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return hn_gguf_open(path, g, err);
}

static void remove_folder(const char *folder)
{
    char command[600];
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    ck_assert_int_eq(system(command), 0);
}

START_TEST(opens_a_split_model_from_any_part)
{
    char folder[] = "/tmp/hence-split-XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(folder));
    for (unsigned i = 0; i < 3; i++)
        write_part(folder, i, 3, i, 3);
    for (unsigned from = 1; from <= 3; from++) {
        char name[64];
        struct hn_gguf *g;
        struct hn_error err = {0};
        snprintf(name, sizeof name, "m-%05u-of-00003.gguf", from);
        ck_assert_msg(open_named(folder, name, &g, &err) == HN_OK, "%s", err.text);
        ck_assert_uint_eq(g->weights.n, 3);
        ck_assert_uint_eq(g->n_maps, 3);
        ck_assert_ptr_nonnull(hn_meta_find(&g->meta, HN_STR("first.only")));
        const struct hn_tensor *t = hn_weights_find(&g->weights, HN_STR("t2"));
        ck_assert_uint_eq(hn_load_u32((const char *)t->data + 12), 2);
        hn_gguf_close(g);
    }
    remove_folder(folder);
}
END_TEST

START_TEST(refuses_broken_split_models)
{
    char folder[] = "/tmp/hence-split-XXXXXX";
    char path[600];
    struct hn_gguf *g;
    struct hn_error err = {0};
    ck_assert_ptr_nonnull(mkdtemp(folder));
    write_part(folder, 0, 2, 0, 2);
    ck_assert_int_eq(open_named(folder, "m-00001-of-00002.gguf", &g, &err), HN_E_NOTFOUND);
    ck_assert_msg(strstr(err.text, "m-00002-of-00002.gguf: part 2 of 2"), "%s", err.text);
    write_part(folder, 1, 2, 0, 2);
    ck_assert_int_eq(open_named(folder, "m-00001-of-00002.gguf", &g, &err), HN_E_FORMAT);
    ck_assert_msg(strstr(err.text, "says it is part 1 of 2"), "%s", err.text);
    write_part(folder, 1, 2, 1, 2);
    write_part(folder, 0, 2, 0, 5);
    ck_assert_int_eq(open_named(folder, "m-00001-of-00002.gguf", &g, &err), HN_E_FORMAT);
    ck_assert_msg(strstr(err.text, "2 tensors, split.tensors.count says 5"), "%s", err.text);
    write_part(folder, 1, 2, 9, 2);
    ck_assert_int_eq(open_named(folder, "m-00002-of-00002.gguf", &g, &err), HN_E_FORMAT);
    ck_assert_msg(strstr(err.text, "part 10 of 2"), "%s", err.text);
    snprintf(path, sizeof path, "mv %s/m-00001-of-00002.gguf %s/renamed.gguf", folder, folder);
    ck_assert_int_eq(system(path), 0);
    ck_assert_int_eq(open_named(folder, "renamed.gguf", &g, &err), HN_E_ARG);
    ck_assert_msg(strstr(err.text, "must keep its name"), "%s", err.text);
    ck_assert_int_eq(open_named(folder, "absent.gguf", &g, &err), HN_E_NOTFOUND);
    ck_assert_ptr_null(g);
    remove_folder(folder);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("gguf");
    tcase_add_test(tc, reads_every_kind_of_value);
    tcase_add_test(tc, refuses_every_truncation);
    tcase_add_test(tc, survives_every_single_byte_change);
    tcase_add_test(tc, refuses_other_files_and_versions);
    tcase_add_test(tc, refuses_hostile_counts);
    tcase_add_test(tc, refuses_bad_keys);
    tcase_add_test(tc, refuses_bad_tensors);
    tcase_add_test(tc, opens_a_split_model_from_any_part);
    tcase_add_test(tc, refuses_broken_split_models);
    return run_unit("gguf", tc);
}
