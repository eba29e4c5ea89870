/* The forms of the screening against the reference: the same bits for any number of queries, panels and
 * elements, with and without allowed vectors. That no vector is missed is shown in unit/test_topk.c. */
#include "../unit/unit.h"

#include "base/bits.h"
#include "calls.h"
#include "sample.h"

enum { K_MAX = 132, QUERIES = 37, PANELS = 13 };

static uint8_t panels[PANELS * HN_PANEL * K_MAX];
static int8_t q[QUERIES * K_MAX];
static uint16_t hits[2][QUERIES][PANELS + 1], allowed[QUERIES][PANELS];

static void make_query(struct sample *s, struct hn_screen_query *query, size_t i, size_t k,
                       double spread)
{
    int sum = 0;
    for (size_t j = 0; j < k; j++)
        sum += q[i * K_MAX + j] = (int8_t)((int)(sample_bits(s) % 255) - 127);
    for (size_t p = 0; p < PANELS; p++)
        allowed[i][p] = (uint16_t)(sample_bits(s) % 3 ? sample_bits(s) : 0);
    *query = (struct hn_screen_query){
        .q = q + i * K_MAX,
        .per_scale = 10,
        .norm = 1,
        .rest = 0.01,
        .floor = spread * (double)sample_float(s),
        .shift = 128 * sum,
        .allowed = sample_bits(s) % 2 ? allowed[i] : NULL,
    };
}

static void compare(const struct row_kernel *kernel, struct sample *s, size_t k, size_t n_panels,
                    size_t n_queries)
{
    double per_scale[PANELS], norms[PANELS], errors[PANELS];
    struct hn_screen_query queries[QUERIES];
    /* A floor of this order lets some tenth of the vectors pass. */
    const double spread = sqrt((double)k) * 127 * 127 / 100 / 3;
    for (size_t i = 0; i < n_panels * HN_PANEL * k; i++)
        panels[i] = (uint8_t)(1 + sample_bits(s) % 255);
    for (size_t p = 0; p < n_panels; p++) {
        per_scale[p] = p == 3 ? 1e100 : 10;
        norms[p] = fabs((double)sample_float(s));
        errors[p] = norms[p] / 100;
    }
    for (size_t i = 0; i < n_queries; i++)
        make_query(s, &queries[i], i, k, spread);
    if (n_queries > 2) queries[1].floor = -INFINITY, queries[2].floor = 1e300;
    const struct hn_screen args = {panels, per_scale, norms,   errors,   n_panels,
                                   k,      K_MAX,     queries, n_queries};
    memset(hits, 0xa5, sizeof hits);
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < n_queries; i++)
            queries[i].hits = hits[side][i];
        ((SLOT(screen))(side ? kernel->fn : kernel->ref))(&args);
    }
    for (size_t i = 0; i < QUERIES; i++)
        for (size_t p = 0; p <= PANELS; p++)
            expect(hits[0][i][p] == hits[1][i][p],
                   "%s, k %zu, %zu panels, %zu queries: query %zu, panel %zu: %04x, not %04x",
                   kernel->name, k, n_panels, n_queries, i, p, hits[1][i][p], hits[0][i][p]);
}

START_TEST(test_same_hits)
{
    const struct row_kernel *kernel = &row_kernels[_i];
    if (kernel->shape != SCREEN || kernel->level > hn_cpu_detect()) return;
    static const size_t ks[] = {4, 8, 64, 100, 128};
    struct sample s = {.seed = 25};
    for (size_t i = 0; i < HN_COUNT(ks); i++)
        for (size_t n = 1; n <= QUERIES; n += n < 6 ? 1 : 7)
            for (size_t p = 1; p <= PANELS; p += 3)
                compare(kernel, &s, ks[i], p, n);
}
END_TEST

START_TEST(test_same_product)
{
    const struct row_kernel *kernel = &row_kernels[_i];
    if (kernel->shape != PRODUCT || kernel->level > hn_cpu_detect()) return;
    struct sample s = {.seed = 26};
    float a[80], b[80];
    sample_floats(&s, a, 80, 1e30f);
    sample_floats(&s, b, 80, 1e-3f);
    for (size_t n = 0; n < 80; n++) {
        const double got = ((SLOT(product))kernel->fn)(a, b, n);
        const double want = ((SLOT(product))kernel->ref)(a, b, n);
        expect(!memcmp(&got, &want, sizeof got), "%s, n = %zu: %.17g, not %.17g", kernel->name, n,
               got, want);
    }
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("screen");
    tcase_add_loop_test(tcase, test_same_hits, 0, (int)HN_COUNT(row_kernels));
    tcase_add_loop_test(tcase, test_same_product, 0, (int)HN_COUNT(row_kernels));
    return run_unit("screen", tcase);
}
