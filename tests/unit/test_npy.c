#include <stdio.h>

#include "base/bits.h"
#include "formats/npy.h"
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
    refuse(FORM("'>f4'", "False", "(1,)"), 4, HN_E_UNSUPPORTED, "'>f4'");
    refuse(FORM("'<f3'", "False", "(1,)"), 4, HN_E_UNSUPPORTED, "'<f3'");
    refuse(FORM("'|O8'", "False", "(1,)"), 8, HN_E_UNSUPPORTED, "'|O8'");
    refuse(FORM("'<U16'", "False", "(1,)"), 64, HN_E_UNSUPPORTED, "'<U16'");
    refuse(FORM("[('x', '<f4')]", "False", "(1,)"), 4, HN_E_UNSUPPORTED, "structured");
    refuse(FORM("'<f4'", "True", "(1, 1)"), 4, HN_E_UNSUPPORTED, "Fortran");
    refuse(FORM("'<f4'", "1", "(1,)"), 4, HN_E_FORMAT, "fortran_order");
    refuse(FORM("'<f4'", "False", "1"), 4, HN_E_FORMAT, "tuple");
    refuse(FORM("'<f4'", "False", "(-1,)"), 4, HN_E_FORMAT, "size");
    refuse(FORM("'<f4'", "False", "(1 2)"), 4, HN_E_FORMAT, "shape");
    refuse(FORM("'<f4'", "False", "(1,1,1,1,1,1,1,1,1)"), 4, HN_E_FORMAT, "dimensions");
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

int main(void)
{
    TCase *tc = tcase_create("npy");
    tcase_add_test(tc, what_is_written_is_read);
    tcase_add_test(tc, forms_of_the_header_that_numpy_writes_are_read);
    tcase_add_test(tc, what_is_wrong_is_named);
    return run_unit("npy", tc);
}
