#include "unit.h"

#include <stdio.h>
#include <unistd.h>

#include "base/bits.h"
#include "formats/safetensors.h"

/* Header length, header, n bytes of data. */
static struct hn_buf make(const char *header, size_t n)
{
    struct hn_buf b = {0};
    hn_buf_add(&b, &(uint64_t){strlen(header)}, 8);
    hn_buf_text(&b, header);
    for (size_t i = 0; i < n; i++)
        hn_buf_char(&b, (char)i);
    ck_assert_int_eq(b.failed, HN_OK);
    return b;
}

static enum hn_status parse(struct hn_buf *b, struct hn_error *err)
{
    struct hn_safetensors *st;
    unsigned char *exact = malloc(b->n ? b->n : 1);
    if (b->n) memcpy(exact, b->p, b->n);
    const enum hn_status status = hn_safetensors_parse(exact, b->n, "m.st", &st, err);
    ck_assert(status == HN_OK ? st != NULL : st == NULL);
    hn_safetensors_close(st);
    free(exact);
    hn_buf_free(b);
    return status;
}

static void assert_refused(const char *header, size_t n, enum hn_status want, const char *part)
{
    struct hn_error err = {0};
    struct hn_buf b = make(header, n);
    ck_assert_int_eq(parse(&b, &err), want);
    ck_assert_msg(strstr(err.text, part) != NULL, "no \"%s\" in: %s", part, err.text);
}

static const char good[] =
    "{\"__metadata__\":{\"format\":\"pt\"},"
    "\"w\":{\"dtype\":\"BF16\",\"shape\":[2,3],\"data_offsets\":[4,16]},"
    "\"scale\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]},"
    "\"none\":{\"dtype\":\"F16\",\"shape\":[0,5],\"data_offsets\":[4,4]},"
    "\"blocks\":{\"dtype\":\"U8\",\"shape\":[1,1,2,1],\"data_offsets\":[16,18]}}  ";

START_TEST(reads_tensors_as_views)
{
    struct hn_buf b = make(good, 18);
    struct hn_safetensors *st;
    struct hn_error err = {0};
    ck_assert_msg(hn_safetensors_parse(b.p, b.n, "m.st", &st, &err) == HN_OK, "%s", err.text);
    ck_assert_uint_eq(st->n, 4);
    const struct hn_st_tensor *w = hn_safetensors_find(st, HN_STR("w"));
    ck_assert_int_eq(w->dtype, HN_ST_BF16);
    ck_assert_int_eq(w->n_dims, 2);
    ck_assert(w->shape[0] == 2 && w->shape[1] == 3 && w->shape[2] == 1);
    ck_assert_uint_eq(w->bytes, 12);
    ck_assert_uint_eq(w->data[0], 4);
    ck_assert_uint_eq(hn_safetensors_find(st, HN_STR("scale"))->bytes, 4);
    ck_assert_uint_eq(hn_safetensors_find(st, HN_STR("none"))->bytes, 0);
    ck_assert_int_eq(hn_safetensors_find(st, HN_STR("blocks"))->n_dims, 4);
    ck_assert_ptr_null(hn_safetensors_find(st, HN_STR("W")));
    ck_assert_ptr_null(hn_safetensors_find(st, HN_STR("__metadata__")));
    hn_safetensors_close(st);
    hn_buf_free(&b);
}
END_TEST

START_TEST(refuses_every_truncation)
{
    struct hn_buf whole = make(good, 18);
    for (size_t n = 0; n < whole.n; n++) {
        struct hn_buf cut = {0};
        hn_buf_add(&cut, whole.p, n);
        struct hn_error err = {0};
        ck_assert_int_eq(parse(&cut, &err), HN_E_FORMAT);
        ck_assert_msg(strstr(err.text, "m.st: ") == err.text, "%s", err.text);
    }
    hn_buf_free(&whole);
}
END_TEST

#define ONE(dtype, shape, offsets)                                                                 \
    "{\"t\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}}"

START_TEST(refuses_bad_headers)
{
    assert_refused("[1]", 0, HN_E_FORMAT, "not an object");
    assert_refused("{\"t\":", 0, HN_E_FORMAT, "m.st: line 1");
    assert_refused("{}", 3, HN_E_FORMAT, "3 bytes behind the last tensor");
    assert_refused("{\"t\":7}", 0, HN_E_FORMAT, "tensor t: has no dtype");
    assert_refused(ONE("F4", "[2]", "[0,8]"), 8, HN_E_UNSUPPORTED, "tensor t: dtype F4");
    assert_refused(ONE("F32", "7", "[0,8]"), 8, HN_E_FORMAT, "has no shape");
    assert_refused(ONE("F32", "[2.5]", "[0,8]"), 8, HN_E_FORMAT, "not a size");
    assert_refused(ONE("F32", "[-2]", "[0,8]"), 8, HN_E_FORMAT, "not a size");
    assert_refused(ONE("F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]"), 4, HN_E_LIMIT, "dimensions");
    assert_refused(ONE("F32", "[4611686018427387904,4]", "[0,0]"), 0, HN_E_FORMAT, "overflows");
    assert_refused(ONE("F32", "[2]", "[0]"), 8, HN_E_FORMAT, "not [begin, end]");
    assert_refused(ONE("F32", "[2]", "[8,0]"), 8, HN_E_FORMAT, "not [begin, end]");
    assert_refused(ONE("F32", "[2]", "[0,9]"), 9, HN_E_FORMAT, "hold 9 bytes, its shape takes 8");
    assert_refused(ONE("F32", "[2]", "[0,8]"), 5, HN_E_FORMAT, "at least 3 bytes are missing");
    assert_refused(ONE("F32", "[2]", "[2,10]"), 10, HN_E_FORMAT, "a hole");
    assert_refused("{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
                   "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[2,6]}}",
                   6, HN_E_FORMAT, "tensor b: overlaps");
    struct hn_buf b = {0};
    hn_buf_add(&b, &(uint64_t){UINT64_MAX - 4}, 8);
    struct hn_error err = {0};
    ck_assert_int_eq(parse(&b, &err), HN_E_LIMIT);
}
END_TEST

/* --- folders ----------------------------------------------------------------------------------- */

static char folder[] = "/tmp/hence-st-XXXXXX";

static void make_folder(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void remove_folder(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    ck_assert_int_eq(system(command), 0);
}

static void write_named(const char *name, const void *bytes, size_t n)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    ck_assert_int_eq(hn_file_write(path, bytes, n, NULL), HN_OK);
}

static void write_tensor(const char *name, const char *header)
{
    struct hn_buf b = make(header, 8);
    write_named(name, b.p, b.n);
    hn_buf_free(&b);
}

static void assert_folder(const char *index, enum hn_status want, const char *part)
{
    struct hn_safetensors *st;
    struct hn_error err = {0};
    write_named("model.safetensors.index.json", index, strlen(index));
    ck_assert_int_eq(hn_safetensors_open_folder(folder, &st, &err), want);
    ck_assert_msg(strstr(err.text, part) != NULL, "no \"%s\" in: %s", part, err.text);
    ck_assert(want == HN_OK || st == NULL);
    hn_safetensors_close(st);
}

START_TEST(opens_folders_with_and_without_index)
{
    struct hn_safetensors *st;
    make_folder();
    ck_assert_int_eq(hn_safetensors_open_folder(folder, &st, NULL), HN_E_NOTFOUND);
    write_tensor("model.safetensors", ONE("F32", "[2]", "[0,8]"));
    ck_assert_int_eq(hn_safetensors_open_folder(folder, &st, NULL), HN_OK);
    ck_assert_uint_eq(st->n, 1);
    hn_safetensors_close(st);
    write_tensor("m-1.safetensors",
                 "{\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}");
    write_tensor("m-2.safetensors",
                 "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}");
    static const char index[] =
        "{\"weight_map\":{\"a\":\"m-2.safetensors\",\"b\":\"m-1.safetensors\"}}";
    write_named("model.safetensors.index.json", index, strlen(index));
    ck_assert_int_eq(hn_safetensors_open_folder(folder, &st, NULL), HN_OK);
    ck_assert_uint_eq(st->n, 2);
    ck_assert_uint_eq(st->n_maps, 2);
    ck_assert_ptr_nonnull(hn_safetensors_find(st, HN_STR("a")));
    ck_assert_ptr_nonnull(hn_safetensors_find(st, HN_STR("b")));
    hn_safetensors_close(st);
    remove_folder();
}
END_TEST

START_TEST(refuses_bad_indexes)
{
    make_folder();
    write_tensor("m-1.safetensors", ONE("F32", "[2]", "[0,8]"));
    write_tensor("m-2.safetensors", ONE("F32", "[2]", "[0,8]"));
    assert_folder("{}", HN_E_FORMAT, "no weight_map");
    assert_folder("{\"weight_map\":{\"t\":\"../m-1.safetensors\"}}", HN_E_FORMAT,
                  "without a folder");
    assert_folder("{\"weight_map\":{\"t\":\"/etc/passwd\"}}", HN_E_FORMAT, "without a folder");
    assert_folder("{\"weight_map\":{\"t\":\"..\"}}", HN_E_FORMAT, "without a folder");
    assert_folder("{\"weight_map\":{\"t\":\"\"}}", HN_E_FORMAT, "without a folder");
    assert_folder("{\"weight_map\":{\"t\":\"m-1.safetensors\\u0000\"}}", HN_E_FORMAT,
                  "without a folder");
    assert_folder("{\"weight_map\":{\"t\":3}}", HN_E_FORMAT, "without a folder");
    assert_folder("{\"weight_map\":{\"t\":\"m-9.safetensors\"}}", HN_E_NOTFOUND, "part 1 of 1");
    assert_folder("{\"weight_map\":{\"u\":\"m-1.safetensors\"}}", HN_E_FORMAT,
                  "tensor u is not in m-1.safetensors");
    assert_folder("{\"weight_map\":{\"t\":\"m-1.safetensors\",\"u\":\"m-2.safetensors\"}}",
                  HN_E_FORMAT, "tensor t appears twice");
    assert_folder("{\"weight_map\":{\"t\":\"m-1.safetensors\"}}", HN_OK, "");
    remove_folder();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("safetensors");
    tcase_add_test(tc, reads_tensors_as_views);
    tcase_add_test(tc, refuses_every_truncation);
    tcase_add_test(tc, refuses_bad_headers);
    tcase_add_test(tc, opens_folders_with_and_without_index);
    tcase_add_test(tc, refuses_bad_indexes);
    return run_unit("safetensors", tc);
}
