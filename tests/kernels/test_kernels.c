/* Every row kernel of the list against its reference, at odd sizes, on unaligned memory between guard
 * bands, with values that are not numbers; and the accuracy of exp and tanh. Matrix products are
 * tested in test_linear.c. */
#include "../unit/unit.h"

#include "base/bits.h"
#include "calls.h"
#include "sample.h"

enum { N_MAX = 640, GUARD = 64, ROOM = N_MAX * 8 };

/* Results lie at an odd multiple of four bytes between two bands of guards. */
struct room {
    _Alignas(64) unsigned char bytes[GUARD + 4 + ROOM + GUARD];
};

static _Alignas(64) unsigned char k_page[HN_KV_PAGE * N_MAX * sizeof(float)];
static _Alignas(64) unsigned char v_page[HN_KV_PAGE * N_MAX * sizeof(float)];

static unsigned char *result_in(struct room *room)
{
    return room->bytes + GUARD + 4;
}

static void guard(struct room *room)
{
    memset(room->bytes, 0xa5, sizeof room->bytes);
}

static void check_guards(const struct room *room, const char *name, size_t used)
{
    for (size_t i = 0; i < sizeof room->bytes; i++)
        if (i < GUARD + 4 || i >= GUARD + 4 + used)
            expect(room->bytes[i] == 0xa5, "%s writes outside its result, at byte %zd of %zu", name,
                   (ssize_t)i - GUARD - 4, used);
}

static int runs_here(const struct row_kernel *kernel)
{
    return kernel->level <= hn_cpu_detect();
}

/* Are these floats equal within the bound? NaN equals NaN, infinities must be the same. */
static int close_to(float got, float want, double bound)
{
    if (isnan(want)) return isnan(got);
    if (isinf(want) || isinf(got)) return got == want;
    return fabs((double)got - (double)want) <= bound * (fabs((double)want) + 1);
}

static int is_bytes(const struct row_kernel *kernel)
{
    return kernel->shape == ACT_Q8 || kernel->shape == ACT_BF16 || kernel->shape == KV_STORE;
}

static void check_same(const struct row_kernel *kernel, const struct operands *got,
                       const struct operands *want)
{
    const size_t bytes = result_bytes(kernel, got->n);
    if (is_bytes(kernel)) {
        for (size_t i = 0; i < bytes; i++)
            expect(got->y[i] == want->y[i], "%s, n = %zu: byte %zu is %d, not %d", kernel->name,
                   got->n, i, got->y[i], want->y[i]);
        return;
    }
    for (size_t i = 0; i < bytes / 4; i++) {
        const float a = hn_load_f32(got->y + 4 * i), b = hn_load_f32(want->y + 4 * i);
        expect(close_to(a, b, kernel->bound), "%s, n = %zu: element %zu is %.9g, not %.9g",
               kernel->name, got->n, i, (double)a, (double)b);
    }
    if (isnan(want->state.l) && isnan(got->state.l)) return; /* then the maximum may be anything */
    expect(close_to(got->state.m, want->state.m, kernel->bound) &&
               close_to(got->state.l, want->state.l, kernel->bound),
           "%s, n = %zu: state %.9g %.9g, not %.9g %.9g", kernel->name, got->n,
           (double)got->state.m, (double)got->state.l, (double)want->state.m,
           (double)want->state.l);
}

/* Fills a page's keys and values at random; the type's own writer makes them. */
static void make_page(struct sample *s, enum hn_kv_type type, size_t n, unsigned char *keys,
                      unsigned char *values)
{
    const size_t bytes = hn_kv_row_bytes(type, n);
    float row[N_MAX], key[N_MAX];
    for (size_t j = 0; j < HN_KV_PAGE; j++) {
        sample_floats(s, row, n, 2);
        hn_kernels_for(HN_CPU_REF)->kv_store[type](key, row, n);
        hn_kv_put_key(type, keys, j, key, n);
        sample_floats(s, row, n, 2);
        hn_kernels_for(HN_CPU_REF)->kv_store[type](values + j * bytes, row, n);
    }
}

/* One call of the kernel and of its reference on the same operands. `special`, when not 0, replaces
 * one element of each input in turn. */
static void compare(const struct row_kernel *kernel, struct sample *s, size_t n, float special)
{
    static struct room got_room, want_room;
    float inputs[3][N_MAX + 1], start[2 * N_MAX];
    for (int i = 0; i < 3; i++)
        sample_floats(s, inputs[i], N_MAX + 1, 4);
    sample_floats(s, start, 2 * N_MAX, 4);
    if (special != 0) {
        const size_t at = sample_bits(s) % n;
        inputs[0][at + 1] = special;
        start[at] = special;
    }
    const size_t bytes = result_bytes(kernel, n);
    const int lanes = sample_bits(s) % (HN_KV_PAGE + 1);
    struct operands got = {
        .y = result_in(&got_room),
        .a = inputs[0] + 1,
        .b = inputs[1] + 1,
        .c = inputs[2] + 1,
        .n = n,
        .first = sample_bits(s) % (size_t)(lanes + 1),
        .last = (size_t)lanes,
        .scalar = kernel->shape == ATTEND && n % 2 ? 0 : 0.75f,
        .state = {.m = 0.5f, .l = 1},
    };
    if (kernel->shape == ATTEND && n % 3 == 0) { /* the first chunk of all */
        got.state = (struct hn_attend_state){.m = -INFINITY, .l = 0};
        memset(start, 0, sizeof start);
    }
    if (kernel->shape == ATTEND) {
        make_page(s, kv_type_of(kernel->type), n, k_page, v_page);
        got.k = k_page;
        got.v = v_page;
    }
    struct operands want = got;
    want.y = result_in(&want_room);
    guard(&got_room);
    guard(&want_room);
    if (!is_bytes(kernel)) {
        memcpy(got.y, start, bytes);
        memcpy(want.y, start, bytes);
    }
    call(kernel, kernel->fn, &got);
    call(kernel, kernel->ref, &want);
    check_same(kernel, &got, &want);
    check_guards(&got_room, kernel->name, bytes);
}

static int wants_blocks(const struct row_kernel *kernel)
{
    return kernel->shape == ACT_Q8 || !strcmp(kernel->type, "q8_0");
}

START_TEST(kernel_agrees_with_its_reference)
{
    const struct row_kernel *kernel = &row_kernels[_i];
    if (!runs_here(kernel) || kernel->shape >= PEAK) return;
    struct sample s = {.seed = (uint64_t)_i};
    const float specials[] = {0, NAN, INFINITY, -INFINITY, 1e-38f, 1e30f};
    for (size_t n = 1; n <= 300; n += n < 36 ? 1 : 23) {
        const size_t length = wants_blocks(kernel) ? n / 16 * 32 + 32 : n;
        for (size_t i = 0; i < HN_COUNT(specials); i++) {
            /* Where squares and cubes overflow, the reference has more exponent. */
            if (specials[i] == 1e30f && kernel->shape != ACT_Q8 && kernel->shape != KV_STORE)
                continue;
            compare(kernel, &s, length, specials[i]);
        }
    }
}
END_TEST

/* Each round adds the same number of ones, exactly, and at least one. */
START_TEST(peaks_count_what_they_do)
{
    const struct hn_kernels *kernels = hn_kernels_for((enum hn_cpu_level)_i);
    for (int kind = 0; kind < HN_ACT_KINDS; kind++) {
        const double one = kernels->peak[kind](1), many = kernels->peak[kind](99999);
        expect(one >= 1, "peak %d: %g per round", kind, one);
        expect(many == 99999 * one, "peak %d: %.17g in 99999 rounds of %g", kind, many, one);
    }
}
END_TEST

/* Distance in units of the last place of the wanted value. */
static double ulps(float got, double want)
{
    const float nearest = (float)want;
    if (got == nearest) return 0;
    const float next = nextafterf(fabsf(nearest), INFINITY) - fabsf(nearest);
    return fabs((double)got - want) / (double)next;
}

START_TEST(tanh_is_accurate)
{
    const struct hn_kernels *kernels = hn_kernels_for((enum hn_cpu_level)_i);
    for (float x = 1e-30f; x < 100; x *= 1.00037f) {
        float y[2] = {x, -x};
        kernels->softcap(y, 1, 2);
        expect(ulps(y[0], tanh((double)x)) <= 2, "tanh(%.9g) = %.9g: %g ulp", (double)x,
               (double)y[0], ulps(y[0], tanh((double)x)));
        expect(y[1] == -y[0], "tanh(-%.9g)", (double)x);
    }
}
END_TEST

/* An activation alone is one that is multiplied with ones. */
START_TEST(activations_stand_alone)
{
    const struct hn_kernels *kernels = hn_kernels_for((enum hn_cpu_level)_i);
    struct sample s = {.seed = 5};
    float x[37], ones[37], gated[37], alone[37];
    sample_floats(&s, x, HN_COUNT(x), 4);
    for (size_t i = 0; i < HN_COUNT(x); i++)
        ones[i] = 1;
    for (size_t kind = 0; kind < HN_GLUS; kind++) {
        kernels->glu[kind](gated, x, ones, HN_COUNT(x));
        kernels->glu[kind](alone, x, NULL, HN_COUNT(x));
        expect(!memcmp(gated, alone, sizeof gated), "activation %zu", kind);
    }
}
END_TEST

/* A score of x against a maximum of 0 weighs exp(x): seen in acc, since v is 1. */
START_TEST(exp_is_accurate)
{
    const struct hn_kernels *kernels = hn_kernels_for((enum hn_cpu_level)_i);
    float k[HN_KV_PAGE] = {1}, v[HN_KV_PAGE] = {1};
    for (float x = -1e-8f; x > -110; x *= 1.00071f) {
        float acc = 0;
        struct hn_attend_query query = {.q = &x, .acc = &acc};
        const struct hn_attend_args args = {
            .queries = &query,
            .n = 1,
            .k = k,
            .v = v,
            .dim_k = 1,
            .dim_v = 1,
            .first = 0,
            .last = 1,
            .scale = 1,
        };
        kernels->attend[HN_KV_F32](&args);
        const double want = exp((double)x);
        const bool subnormal = x < -87; /* where vectors give nothing */
        expect(ulps(acc, want) <= 1 || (subnormal && acc == 0), "exp(%.9g) = %.9g: %g ulp",
               (double)x, (double)acc, ulps(acc, want));
        expect(query.state.l == acc, "the sum of one weight");
    }
}
END_TEST

START_TEST(attention_starts_from_nothing)
{
    const struct hn_kernels *kernels = hn_kernels_for((enum hn_cpu_level)_i);
    float k[HN_KV_PAGE * 2], v[HN_KV_PAGE * 2], q[2] = {-INFINITY, 0}, acc[2] = {0, 0};
    for (size_t i = 0; i < HN_COUNT(k); i++)
        k[i] = v[i] = 1;
    struct hn_attend_query query = {.q = q, .acc = acc, .state = {.m = -INFINITY, .l = 0}};
    const struct hn_attend_state *state = &query.state;
    struct hn_attend_args args = {
        .queries = &query,
        .n = 1,
        .k = k,
        .v = v,
        .dim_k = 2,
        .dim_v = 2,
        .first = 3,
        .last = 9,
        .scale = 1,
    };
    for (size_t j = 0; j < HN_KV_PAGE; j++)
        k[HN_KV_PAGE + j] = 0;
    kernels->attend[HN_KV_F32](&args); /* scores: -inf * 1 + 0 * 0 = -inf */
    expect(state->m == -INFINITY && state->l == 0 && acc[0] == 0 && acc[1] == 0,
           "keys of no weight: %g %g %g", (double)state->m, (double)state->l, (double)acc[0]);
    q[0] = 0;
    kernels->attend[HN_KV_F32](&args);
    expect(state->m == 0 && state->l == 6 && acc[0] == 6 && acc[1] == 6, "six equal keys");
    q[0] = NAN;
    kernels->attend[HN_KV_F32](&args);
    expect(isnan(acc[0]) && isnan(state->l), "NaN stays NaN");
}
END_TEST

/* What lies beside its keys in the page changes no bit of what a call makes, and neither do the other
 * queries of the call. */
START_TEST(attention_sees_only_its_keys)
{
    const struct hn_kernels *kernels = hn_kernels_for((enum hn_cpu_level)_i);
    struct sample s = {.seed = 3};
    enum { DIM = 96, N = 11 };
    float q[N][DIM];
    sample_floats(&s, q[0], N * DIM, 1);
    for (int type = 0; type < HN_KV_TYPES; type++) {
        make_page(&s, (enum hn_kv_type)type, DIM, k_page, v_page);
        const size_t bytes = hn_kv_row_bytes((enum hn_kv_type)type, DIM);
        struct hn_attend_query queries[2][N];
        static float acc[2][N][DIM];
        memset(acc, 0, sizeof acc);
        for (int run = 0; run < 2; run++) {
            for (size_t i = 0; i < N; i++)
                queries[run][i] = (struct hn_attend_query){
                    .q = q[i], .acc = acc[run][i], .state = {-INFINITY, 0}};
            struct hn_attend_args args = {
                .k = k_page,
                .v = v_page,
                .dim_k = DIM,
                .dim_v = DIM,
                .first = 5,
                .last = 50,
                .scale = 0.1f,
            };
            for (size_t i = 0; i < N; i += args.n) { /* all at once, then one by one */
                args.queries = queries[run] + i;
                args.n = run ? 1 : N;
                kernels->attend[type](&args);
            }
            float nans[DIM];
            for (size_t i = 0; i < DIM; i++)
                nans[i] = NAN;
            for (size_t j = 0; j < HN_KV_PAGE; j++)
                if (j < 5 || j >= 50) {
                    const float *row = type == HN_KV_Q8_0 ? q[0] : nans;
                    float key[DIM];
                    kernels->kv_store[type](key, row, DIM);
                    hn_kv_put_key((enum hn_kv_type)type, k_page, j, key, DIM);
                    memcpy(v_page + j * bytes, key, bytes);
                }
        }
        ck_assert_mem_eq(acc[0], acc[1], sizeof acc[0]);
        for (size_t i = 0; i < N; i++)
            ck_assert_mem_eq(&queries[0][i].state, &queries[1][i].state,
                             sizeof queries[0][i].state);
    }
}
END_TEST

int main(void)
{
    const int levels = (int)hn_cpu_detect() + 1;
    TCase *tcase = tcase_create("kernels");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, kernel_agrees_with_its_reference, 0, (int)HN_COUNT(row_kernels));
    tcase_add_loop_test(tcase, tanh_is_accurate, 0, levels);
    tcase_add_loop_test(tcase, activations_stand_alone, 0, levels);
    tcase_add_loop_test(tcase, exp_is_accurate, 0, levels);
    tcase_add_loop_test(tcase, attention_starts_from_nothing, 0, levels);
    tcase_add_loop_test(tcase, attention_sees_only_its_keys, 0, levels);
    tcase_add_loop_test(tcase, peaks_count_what_they_do, 0, levels);
    return run_unit("kernels", tcase);
}
