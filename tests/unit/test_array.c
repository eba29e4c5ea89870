#include "tensor/array.h"
#include "unit.h"

START_TEST(types_are_found_by_their_number)
{
    for (int i = 0; i < HN_ELEMENTS; i++) {
        enum hn_element found;
        ck_assert(hn_element_from_onnx(hn_element_info((enum hn_element)i)->onnx, &found));
        ck_assert_int_eq(found, i);
    }
    enum hn_element none;
    ck_assert(!hn_element_from_onnx(0, &none));
    ck_assert(!hn_element_from_onnx(27, &none));
    ck_assert(!hn_element_from_onnx(INT64_MAX, &none));
}
END_TEST

START_TEST(shapes_are_counted_or_refused)
{
    size_t n;
    ck_assert(hn_shape_count(NULL, 0, 8, &n) && n == 1);
    ck_assert(hn_shape_count((size_t[]){2, 3, 4}, 3, 8, &n) && n == 24);
    ck_assert(!hn_shape_count((size_t[]){SIZE_MAX / 2, 3}, 2, 1, &n));
    ck_assert(!hn_shape_count((size_t[]){SIZE_MAX / 8, 1}, 2, 8, &n));
    /* Nothing, however large the rest is said to be. */
    ck_assert(hn_shape_count((size_t[]){SIZE_MAX, SIZE_MAX, 0}, 3, 8, &n) && n == 0);
}
END_TEST

START_TEST(shapes_are_written_within_their_room)
{
    char text[12];
    ck_assert_str_eq(hn_shape_text(NULL, 0, text, sizeof text), "[]");
    ck_assert_str_eq(hn_shape_text((size_t[]){2, 30}, 2, text, sizeof text), "[2, 30]");
    const size_t many[] = {1000, 2000, 3000, 4000};
    for (size_t room = 2; room <= sizeof text; room++)
        ck_assert_uint_lt(strlen(hn_shape_text(many, 4, text, room)), room);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("array");
    tcase_add_test(tc, types_are_found_by_their_number);
    tcase_add_test(tc, shapes_are_counted_or_refused);
    tcase_add_test(tc, shapes_are_written_within_their_room);
    return run_unit("array", tc);
}
