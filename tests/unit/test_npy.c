#include <stdio.h>

#include "base/bits.h"
#include "formats/npy_array.h"
#include "tensor/element.h"
#include "unit.h"

/* A file of version 1 with this literal and `n` bytes of elements: 0, 1, 2, ... */
static struct hn_buf file_of(const char *literal, size_t n)
{
    struct hn_buf file = {0};
    const size_t header = strlen(literal);
    const char length[] = {(char)(header & 0xff), (char)(header >> 8)};
    hn_buf_add(&file, "\x93NUMPY\x01\x00", 8);
    hn_buf_add(&file, length, 2);
    hn_buf_text(&file, literal);
    for (size_t i = 0; i < n; i++)
        hn_buf_char(&file, (char)i);
    ck_assert_int_eq(file.failed, HN_OK);
    return file;
}

static enum hn_status parse(const char *literal, size_t n, struct hn_npy *out, struct hn_error *err)
{
    static struct hn_buf file; /* the array is a view of it */
    hn_buf_free(&file);
    file = file_of(literal, n);
    return hn_npy_parse(hn_buf_view(&file), "a.npy", out, err);
}

static void refuse(const char *literal, size_t n, enum hn_status status, const char *word)
{
    struct hn_npy array;
    struct hn_error err = {0};
    ck_assert_int_eq(parse(literal, n, &array, &err), status);
    ck_assert_msg(strstr(err.text, word) && strstr(err.text, "a.npy"), "'%s' lacks '%s'", err.text,
                  word);
}

START_TEST(what_is_written_is_read)
{
    const size_t shape[] = {2, 3};
    const float values[6] = {1, 2, 3, 4, 5, -6};
    struct hn_buf file = {0};
    struct hn_npy array;
    struct hn_error err = {0};
    for (size_t n_dims = 0; n_dims <= 2; n_dims++) {
        hn_buf_clear(&file);
        ck_assert_int_eq(hn_npy_header(&file, "<f4", shape, n_dims), HN_OK);
        ck_assert_uint_eq(file.n % 64, 0);
        ck_assert_int_eq(hn_buf_add(&file, (const char *)values, sizeof values), HN_OK);
        ck_assert_msg(hn_npy_parse(hn_buf_view(&file), "a", &array, &err) == HN_OK, "%s", err.text);
        ck_assert_uint_eq(array.n_dims, n_dims);
        ck_assert_uint_eq(array.n, n_dims == 2 ? 6 : n_dims == 1 ? 2 : 1);
        ck_assert_int_eq(array.kind, 'f');
        ck_assert_uint_eq(array.item_bytes, 4);
        ck_assert_mem_eq(array.data, values, array.n * sizeof *values);
    }
    hn_buf_free(&file);
}
END_TEST

START_TEST(forms_of_the_header_that_numpy_writes_are_read)
{
    struct hn_npy array;
    struct hn_error err = {0};
    ck_assert_msg(parse("{'descr': '|u1', 'fortran_order': False, 'shape': (), }\n", 1, &array,
                        &err) == HN_OK,
                  "%s", err.text);
    ck_assert_uint_eq(array.n, 1);
    ck_assert_msg(parse("{\"shape\": (2L, 0L), \"fortran_order\": False, \"descr\": \"=i8\"}", 0,
                        &array, &err) == HN_OK,
                  "%s", err.text);
    ck_assert_uint_eq(array.n, 0);
    ck_assert_int_eq(array.kind, 'i');

    /* Version 2 has a length of four bytes. */
    static const char literal[] = "{'descr': '|b1', 'fortran_order': False, 'shape': (1,), }\n";
    struct hn_buf file = {0};
    const char length[4] = {sizeof literal - 1};
    hn_buf_add(&file, "\x93NUMPY\x02\x00", 8);
    hn_buf_add(&file, length, 4);
    hn_buf_text(&file, literal);
    hn_buf_char(&file, 1);
    ck_assert_int_eq(hn_npy_parse(hn_buf_view(&file), "a", &array, &err), HN_OK);
    ck_assert_int_eq(array.kind, 'b');
    /* Every shorter file is an error, not a read past its end. */
    for (size_t n = 0; n < file.n; n++)
        ck_assert_int_eq(hn_npy_parse((struct hn_str){file.p, n}, "a", &array, NULL), HN_E_FORMAT);
    hn_buf_free(&file);
}
END_TEST

#define FORM(descr, order, shape)                                                                  \
    "{'descr': " descr ", 'fortran_order': " order ", 'shape': " shape ", }"

START_TEST(what_is_wrong_is_named)
{
    struct hn_npy array;
    struct hn_error err = {0};
    ck_assert_int_eq(hn_npy_parse(HN_STR("\x93NUMPX\x01\x00\x01\x00{}"), "a", &array, &err),
                     HN_E_FORMAT);
    ck_assert_int_eq(hn_npy_parse(HN_STR("\x93NUMPY\x04\x00\x02\x00\x00\x00{}"), "a", &array, &err),
                     HN_E_UNSUPPORTED);
    refuse(FORM("'>f4'", "False", "(1,)"), 4, HN_E_UNSUPPORTED, "little-endian");
    refuse(FORM("'<f3'", "False", "(1,)"), 4, HN_E_UNSUPPORTED, "'<f3'");
    refuse(FORM("'|O8'", "False", "(1,)"), 8, HN_E_UNSUPPORTED, "'|O8'");
    refuse(FORM("'<U16'", "False", "(1,)"), 64, HN_E_UNSUPPORTED, "bools");
    refuse(FORM("'<c8'", "False", "(1,)"), 64, HN_E_UNSUPPORTED, "bools");
    refuse(FORM("'<c16x'", "False", "(1,)"), 64, HN_E_UNSUPPORTED, "'<c16x'");
    refuse(FORM("'<U4611686018427387904'", "False", "(1,)"), 64, HN_E_UNSUPPORTED, "'<U46");
    refuse(FORM("[('x', '<f4')]", "False", "(1,)"), 4, HN_E_UNSUPPORTED, "structured");
    refuse(FORM("'<f4'", "True", "(1, 1)"), 4, HN_E_UNSUPPORTED, "Fortran");
    refuse(FORM("'<f4'", "1", "(1,)"), 4, HN_E_FORMAT, "fortran_order");
    refuse(FORM("'<f4'", "False", "1"), 4, HN_E_FORMAT, "tuple");
    refuse(FORM("'<f4'", "False", "(-1,)"), 4, HN_E_FORMAT, "size");
    refuse(FORM("'<f4'", "False", "(1 2)"), 4, HN_E_FORMAT, "shape");
    refuse(FORM("'<f4'", "False", "(1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1)"), 4, HN_E_FORMAT,
           "dimensions");
    refuse(FORM("'<f4'", "False", "(99999999999999999999,)"), 4, HN_E_FORMAT, "too large");
    refuse(FORM("'<f4'", "False", "(4294967296, 4294967296)"), 4, HN_E_FORMAT, "too large");
    refuse(FORM("'<f8'", "False", "(4611686018427387904,)"), 8, HN_E_FORMAT, "bytes");
    refuse(FORM("'<f4'", "False", "(2,)"), 7, HN_E_FORMAT, "7 bytes");
    refuse("{'descr': '<f4'}", 4, HN_E_FORMAT, "missing");
    refuse("{'what': '<f4'}", 4, HN_E_FORMAT, "unknown");
    refuse("{'descr", 0, HN_E_FORMAT, "does not end");
    refuse("[]", 0, HN_E_FORMAT, "dictionary");
}
END_TEST

static struct hn_array array_of(struct hn_buf *file)
{
    struct hn_npy npy;
    struct hn_array array;
    struct hn_error err = {0};
    ck_assert_msg(hn_npy_parse_any(hn_buf_view(file), "a", &npy, &err) == HN_OK, "%s", err.text);
    ck_assert_msg(hn_npy_array(&npy, "a", &array, &err) == HN_OK, "%s", err.text);
    hn_buf_free(file);
    return array;
}

START_TEST(every_form_becomes_plain)
{
    /* Fortran order, of bytes 0 to 5: rows 0 2 4 and 1 3 5. */
    static const uint8_t rows[] = {0, 2, 4, 1, 3, 5};
    struct hn_buf file = file_of(FORM("'|u1'", "True", "(2, 3)"), 6);
    struct hn_array a = array_of(&file);
    ck_assert_int_eq(a.type, HN_EL_U8);
    ck_assert_uint_eq(a.n, 6);
    ck_assert_mem_eq(a.data, rows, 6);
    free(a.data);

    file = file_of(FORM("'>u2'", "True", "(2, 1, 2)"), 8);
    a = array_of(&file);
    static const uint16_t words[] = {0x0001, 0x0405, 0x0203, 0x0607};
    ck_assert_mem_eq(a.data, words, sizeof words);
    free(a.data);

    file = file_of(FORM("'>c8'", "False", "(1,)"), 8);
    a = array_of(&file);
    static const uint32_t parts[] = {0x00010203, 0x04050607};
    ck_assert_int_eq(a.type, HN_EL_C64);
    ck_assert_mem_eq(a.data, parts, sizeof parts);
    free(a.data);
}
END_TEST

/* A file of texts with these bytes. */
static struct hn_buf texts_of(const char *descr, const void *bytes, size_t n, size_t count)
{
    struct hn_buf file = {0};
    ck_assert_int_eq(hn_npy_header(&file, descr, &count, 1), HN_OK);
    ck_assert_int_eq(hn_buf_add(&file, bytes, n), HN_OK);
    return file;
}

static void is_text(const struct hn_array *a, size_t i, const char *text)
{
    ck_assert_msg(hn_str_is(((const struct hn_str *)a->data)[i], text), "not '%s'", text);
}

START_TEST(texts_become_utf8)
{
    static const uint32_t points[] = {'a', 0, 0, 0x20ac, 0x100, 0x1f600, 0, 0, 0};
    struct hn_buf file = texts_of("<U3", points, sizeof points, 3);
    struct hn_array a = array_of(&file);
    ck_assert_int_eq(a.type, HN_EL_STRING);
    is_text(&a, 0, "a");
    is_text(&a, 1, "\xe2\x82\xac\xc4\x80\xf0\x9f\x98\x80");
    is_text(&a, 2, "");
    free(a.data);

    file = texts_of(">U2", "\0\0\1\0\0\0\0b\0\0\0c\0\0\0\0", 16, 2);
    a = array_of(&file);
    is_text(&a, 0,
            "\xc4\x80"
            "b");
    is_text(&a, 1, "c");
    free(a.data);

    file = texts_of("|S3", "ab\0\0\0\0xyz", 9, 3);
    a = array_of(&file);
    is_text(&a, 0, "ab");
    is_text(&a, 1, "");
    is_text(&a, 2, "xyz");
    free(a.data);

    struct hn_npy npy;
    struct hn_error err = {0};
    static const uint32_t half[] = {0xd800};
    file = texts_of("<U1", half, 4, 1);
    ck_assert_int_eq(hn_npy_parse_any(hn_buf_view(&file), "a", &npy, &err), HN_OK);
    ck_assert_int_eq(hn_npy_array(&npy, "a.npy", &a, &err), HN_E_FORMAT);
    hn_buf_free(&file);
    /* Elements of no bytes are free: their number is not. */
    file = file_of(FORM("'<U0'", "False", "(4611686018427387904,)"), 0);
    ck_assert_int_eq(hn_npy_parse_any(hn_buf_view(&file), "a", &npy, &err), HN_OK);
    ck_assert_int_eq(hn_npy_array(&npy, "a.npy", &a, &err), HN_E_LIMIT);
    hn_buf_free(&file);
}
END_TEST

START_TEST(what_numpy_lacks_is_widened)
{
    uint8_t bytes[] = {0x38, 0xc0, 0x7f}; /* 1, -2, NaN as float8e4m3fn */
    int8_t small[] = {-8, 7, 0};
    uint16_t bf16[] = {0x3f80, 0xc000, 0x7f80}; /* 1, -2, infinity */
    struct hn_str texts[] = {HN_STR("a"), HN_STR("\xe2\x82\xac\xff"), HN_STR("")};
    const struct {
        enum hn_element type;
        void *data;
        const char *descr;
        size_t bytes;
    } rows[] = {{HN_EL_F8E4M3FN, bytes, "'<f4'", 12},
                {HN_EL_BF16, bf16, "'<f4'", 12},
                {HN_EL_I4, small, "'|i1'", 3},
                {HN_EL_STRING, texts, "'<U2'", 24}};
    for (size_t i = 0; i < HN_COUNT(rows); i++) {
        struct hn_buf file = {0};
        struct hn_npy npy;
        struct hn_error err = {0};
        const struct hn_array a = {rows[i].type, 1, {3}, 3, rows[i].data};
        ck_assert_int_eq(hn_npy_put_array(&file, &a, &err), HN_OK);
        ck_assert_ptr_nonnull(memmem(file.p, file.n, rows[i].descr, strlen(rows[i].descr)));
        ck_assert_int_eq(hn_npy_parse_any(hn_buf_view(&file), "a", &npy, &err), HN_OK);
        ck_assert_uint_eq(npy.n * npy.item_bytes, rows[i].bytes);
        float values[3];
        if (npy.kind == 'f') {
            memcpy(values, npy.data, sizeof values);
            ck_assert(values[0] == 1 && values[1] == -2 && !(values[2] < 1e30f));
        }
        if (npy.kind == 'i') ck_assert_mem_eq(npy.data, small, 3);
        if (npy.kind == 'U') {
            static const uint32_t points[] = {'a', 0, 0x20ac, 0xfffd, 0, 0};
            ck_assert_mem_eq(npy.data, points, sizeof points);
        }
        hn_buf_free(&file);
    }
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("npy");
    tcase_add_test(tc, what_is_written_is_read);
    tcase_add_test(tc, forms_of_the_header_that_numpy_writes_are_read);
    tcase_add_test(tc, what_is_wrong_is_named);
    tcase_add_test(tc, every_form_becomes_plain);
    tcase_add_test(tc, texts_become_utf8);
    tcase_add_test(tc, what_numpy_lacks_is_widened);
    return run_unit("npy", tc);
}
