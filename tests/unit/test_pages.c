#include "base/bits.h"
#include "engine/pages.h"
#include "kernels/kernels.h"
#include "unit.h"

enum { P = HN_KV_PAGE };

static struct hn_pages *create(size_t n)
{
    struct hn_pages *pages = NULL;
    struct hn_error err = {0};
    ck_assert_msg(hn_pages_create(n, &pages, &err) == HN_OK, "%s", err.text);
    ck_assert_uint_eq(hn_pages_free(pages), n);
    return pages;
}

/* A text of `n` pages that differs from others of another `seed` in every page. */
static void make_text(int32_t *tokens, size_t n, int32_t seed)
{
    for (size_t i = 0; i < n * P; i++)
        tokens[i] = (int32_t)i * 7 + seed;
}

/* Takes and publishes pages for a text; returns the last one's name. */
static hn_page_name fill(struct hn_pages *pages, const int32_t *tokens, size_t n, int32_t *out)
{
    hn_page_name name = 0;
    for (size_t i = 0; i < n; i++) {
        out[i] = hn_pages_take(pages);
        ck_assert_int_ge(out[i], 0);
        name = hn_pages_publish(pages, out[i], name, tokens + i * P);
        ck_assert_uint_ne(name, 0);
    }
    return name;
}

static void release(struct hn_pages *pages, const int32_t *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        hn_pages_release(pages, list[i]);
}

/* How many pages of a text are known; takes no lasting reference. */
static size_t known(struct hn_pages *pages, const int32_t *tokens, size_t n)
{
    int32_t list[16];
    hn_page_name name;
    const size_t found = hn_pages_match(pages, tokens, n * P, list, &name);
    release(pages, list, found);
    return found;
}

START_TEST(every_page_is_given_once)
{
    struct hn_pages *pages = create(3);
    bool seen[3] = {false};
    for (int i = 0; i < 3; i++) {
        const int32_t page = hn_pages_take(pages);
        ck_assert_int_ge(page, 0);
        ck_assert_int_lt(page, 3);
        ck_assert(!seen[page]);
        seen[page] = true;
    }
    ck_assert_int_eq(hn_pages_take(pages), -1);
    ck_assert_uint_eq(hn_pages_free(pages), 0);
    hn_pages_release(pages, 1);
    ck_assert_int_eq(hn_pages_take(pages), 1);
    hn_pages_destroy(pages);

    struct hn_error err = {0};
    ck_assert_int_eq(hn_pages_create(0, &pages, &err), HN_E_LIMIT);
    ck_assert_int_eq(hn_pages_create(SIZE_MAX, &pages, &err), HN_E_LIMIT);
}
END_TEST

START_TEST(a_prefix_is_found_as_far_as_it_agrees)
{
    struct hn_pages *pages = create(8);
    int32_t text[4 * P], pages_of_text[4], found[4];
    hn_page_name name;
    make_text(text, 4, 1);
    const hn_page_name last = fill(pages, text, 4, pages_of_text);
    ck_assert_uint_eq(hn_pages_match(pages, text, 4 * P, found, &name), 4);
    ck_assert_mem_eq(found, pages_of_text, sizeof found);
    ck_assert_uint_eq(name, last);
    release(pages, found, 4);

    /* A page that is not full yet is not one. */
    ck_assert_uint_eq(hn_pages_match(pages, text, 3 * P - 1, found, &name), 2);
    release(pages, found, 2);
    /* One token more, one less, one other. */
    text[2 * P + 5]++;
    ck_assert_uint_eq(known(pages, text, 4), 2);
    text[2 * P + 5]--;
    text[0]++;
    ck_assert_uint_eq(hn_pages_match(pages, text, 4 * P, found, &name), 0);
    ck_assert_uint_eq(name, 0);
    hn_pages_destroy(pages);
}
END_TEST

/* The same tokens after another beginning are other keys and values. */
START_TEST(a_page_is_known_with_what_it_continues)
{
    struct hn_pages *pages = create(8);
    int32_t first[2 * P], second[2 * P], list[4];
    make_text(first, 2, 1);
    make_text(second, 2, 2);
    for (int i = 0; i < P; i++)
        second[P + i] = first[P + i];
    fill(pages, first, 2, list);
    fill(pages, second, 1, list + 2);
    ck_assert_uint_eq(known(pages, first, 2), 2);
    ck_assert_uint_eq(known(pages, second, 2), 1);
    /* The middle of a text is no beginning. */
    ck_assert_uint_eq(known(pages, first + P, 1), 0);
    hn_pages_destroy(pages);
}
END_TEST

START_TEST(a_second_page_with_the_same_content_takes_the_name_of_the_first)
{
    struct hn_pages *pages = create(4);
    int32_t text[P], list[2], found[1];
    hn_page_name name;
    make_text(text, 1, 1);
    const hn_page_name first = fill(pages, text, 1, list);
    ck_assert_uint_eq(fill(pages, text, 1, list + 1), first);
    ck_assert_int_ne(list[0], list[1]);
    ck_assert_uint_eq(hn_pages_match(pages, text, P, found, &name), 1);
    ck_assert_int_eq(found[0], list[0]);
    hn_pages_destroy(pages);
}
END_TEST

START_TEST(references_are_counted)
{
    struct hn_pages *pages = create(2);
    int32_t text[P], page, again;
    hn_page_name name;
    make_text(text, 1, 1);
    fill(pages, text, 1, &page);
    ck_assert_uint_eq(hn_pages_match(pages, text, P, &again, &name), 1);
    ck_assert_uint_eq(hn_pages_free(pages), 1);
    hn_pages_release(pages, page);
    ck_assert_uint_eq(hn_pages_free(pages), 1); /* the other reference holds it */
    ck_assert_int_ne(hn_pages_take(pages), page);
    ck_assert_int_eq(hn_pages_take(pages), -1);
    hn_pages_release(pages, again);
    ck_assert_uint_eq(hn_pages_free(pages), 1);
    /* Nobody holds it, and yet it is known, and can be held again. */
    ck_assert_uint_eq(hn_pages_match(pages, text, P, &again, &name), 1);
    ck_assert_uint_eq(hn_pages_free(pages), 0);
    hn_pages_destroy(pages);
}
END_TEST

/* Empty pages go first, then the one not used for longest; use is what moves a page to the end. */
START_TEST(what_was_used_longest_ago_is_given_up_first)
{
    struct hn_pages *pages = create(4);
    int32_t texts[3][P], list[3];
    for (int32_t i = 0; i < 3; i++) {
        make_text(texts[i], 1, 100 + i);
        fill(pages, texts[i], 1, &list[i]);
    }
    release(pages, list, 3);
    ck_assert_uint_eq(known(pages, texts[0], 1), 1); /* used again */

    const int32_t empty = hn_pages_take(pages);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_ne(empty, list[i]);
        ck_assert_uint_eq(known(pages, texts[i], 1), 1);
    }
    /* The looks above were uses too, in the order 0, 1, 2. */
    ck_assert_int_eq(hn_pages_take(pages), list[0]);
    ck_assert_uint_eq(known(pages, texts[0], 1), 0);
    ck_assert_uint_eq(known(pages, texts[1], 1), 1);
    ck_assert_int_eq(hn_pages_take(pages), list[2]);
    ck_assert_uint_eq(known(pages, texts[2], 1), 0);
    ck_assert_int_eq(hn_pages_take(pages), list[1]);
    ck_assert_int_eq(hn_pages_take(pages), -1);

    /* A page taken anew and released unpublished is empty again. */
    hn_pages_release(pages, list[1]);
    ck_assert_int_eq(hn_pages_take(pages), list[1]);
    hn_pages_destroy(pages);
}
END_TEST

/* When a page in the middle is given up, what continues it cannot be reached, and comes back only with
 * the very same beginning. */
START_TEST(a_gap_ends_a_prefix)
{
    struct hn_pages *pages = create(3);
    int32_t text[3 * P], list[3], taken;
    make_text(text, 3, 1);
    fill(pages, text, 3, list);
    hn_pages_release(pages, list[1]);
    taken = hn_pages_take(pages);
    ck_assert_int_eq(taken, list[1]);
    ck_assert_uint_eq(known(pages, text, 3), 1);
    /* Computed again, the page has a new name: the third, which continued the old one, stays apart. */
    hn_page_name name;
    int32_t found[3];
    ck_assert_uint_eq(hn_pages_match(pages, text, P, found, &name), 1);
    hn_pages_publish(pages, taken, name, text + P);
    ck_assert_uint_eq(known(pages, text, 3), 2);
    hn_pages_destroy(pages);
}
END_TEST

/* Against a plain model of what may be found: random texts that share beginnings, few pages. */
START_TEST(what_is_found_is_always_what_was_published)
{
    enum { PAGES = 12, TEXTS = 6, DEPTH = 4 };
    struct hn_pages *pages = create(PAGES);
    int32_t texts[TEXTS][DEPTH * P];
    const int32_t *content[PAGES] = {NULL}; /* the text whose page it is, from its start */
    size_t depth[PAGES] = {0};
    for (int t = 0; t < TEXTS; t++) {
        make_text(texts[t], DEPTH, 5);
        texts[t][(t / 2) * P + 3] += t; /* neighbours share t / 2 pages */
    }
    uint32_t state = 1;
    for (int round = 0; round < 2000; round++) {
        state = state * 1664525u + 1013904223u;
        const int32_t *text = texts[(state >> 8) % TEXTS];
        int32_t list[DEPTH];
        hn_page_name name;
        size_t n = hn_pages_match(pages, text, (1 + (state >> 16) % DEPTH) * P, list, &name);
        for (size_t i = 0; i < n; i++) {
            ck_assert_uint_eq(depth[list[i]], i);
            ck_assert_mem_eq(content[list[i]], text, (i + 1) * P * sizeof *text);
        }
        for (; n < DEPTH; n++) {
            list[n] = hn_pages_take(pages);
            ck_assert_int_ge(list[n], 0);
            content[list[n]] = text;
            depth[list[n]] = n;
            name = hn_pages_publish(pages, list[n], name, text + n * P);
        }
        release(pages, list, n);
        ck_assert_uint_eq(hn_pages_free(pages), PAGES);
    }
    hn_pages_destroy(pages);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("pages");
    tcase_add_test(tc, every_page_is_given_once);
    tcase_add_test(tc, a_prefix_is_found_as_far_as_it_agrees);
    tcase_add_test(tc, a_page_is_known_with_what_it_continues);
    tcase_add_test(tc, a_second_page_with_the_same_content_takes_the_name_of_the_first);
    tcase_add_test(tc, references_are_counted);
    tcase_add_test(tc, what_was_used_longest_ago_is_given_up_first);
    tcase_add_test(tc, a_gap_ends_a_prefix);
    tcase_add_test(tc, what_is_found_is_always_what_was_published);
    return run_unit("pages", tc);
}
