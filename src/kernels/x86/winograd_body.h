/* Convolutions by 3 x 3 taps through Winograd's transforms, for any v16: included by gemm_<isa>.c after
 * gemm_body.h.
 *
 * Inputs are spread into 36 planes, weights likewise, plane by plane their products are added up over the
 * channels, and what comes out is gathered. Weights are spread in each call, two panels of 64 channels at a
 * time, which costs as much as 2.5 tiles and spares their fourfold size in memory. */

enum {
    PLANES = HN_WINOGRAD_IN,
    CHUNK = HN_WINOGRAD_CHANNELS,
    PAIR = 2 * HN_PANEL,         /* columns at a time */
    WEIGHTS = CHUNK * PAIR + 16, /* of a plane */
};

/* The polynomials are taken at 0, A, -A, B, -B and infinity. Rounding errors are then twice those of the sums
 * themselves; at the usual 1, -1, 2, -2 they are nine times as large. All the powers are floats exactly. */
static const float A = 0.75f, A2 = 0.5625f, A3 = 0.421875f;
static const float B = 1.5f, B2 = 2.25f, B3 = 3.375f;
#define OF_A (2 * A2 * (A2 - B2)) /* what weights at A are divided by */
#define OF_B (2 * B2 * (B2 - A2))

/* Six in a row, `step` apart, become six. */
FOR_TILE void spread_six(v16 *d, size_t step)
{
    const v16 a = v_set1(A), a2 = v_set1(A2), b = v_set1(B), b2 = v_set1(B2);
    const v16 both = v_set1(A2 * B2), sum = v_set1(A2 + B2);
    const v16 d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step], d4 = d[4 * step];
    const v16 even_a = v_fnma(b2, d2, d4), odd_a = v_fnma(b2, d1, d3);
    const v16 even_b = v_fnma(a2, d2, d4), odd_b = v_fnma(a2, d1, d3);
    d[0] = v_fma(both, d0, v_fnma(sum, d2, d4));
    d[step] = v_fma(a, odd_a, even_a);
    d[2 * step] = v_fnma(a, odd_a, even_a);
    d[3 * step] = v_fma(b, odd_b, even_b);
    d[4 * step] = v_fnma(b, odd_b, even_b);
    d[5 * step] = v_fma(both, d1, v_fnma(sum, d3, d[5 * step]));
}

FOR_TILE void spread_points(float *to, size_t plane, const float *const *x, size_t c, size_t lanes)
{
    v16 d[PLANES];
    UNROLL for (size_t i = 0; i < 6; i++) UNROLL for (size_t j = 0; j < 6; j++) d[i * 6 + j] =
        read16(x[i * 6 + j] + c, lanes);
    UNROLL for (size_t j = 0; j < 6; j++) spread_six(d + j, 6);
    UNROLL for (size_t i = 0; i < 6; i++)
    {
        spread_six(d + i * 6, 1);
        UNROLL for (size_t j = 0; j < 6; j++) v_store(to + (i * 6 + j) * plane, d[i * 6 + j]);
    }
}

/* [chunk][plane][tile][HN_WINOGRAD_PITCH] */
static void spread_inputs(float *to, const struct hn_winograd *w, size_t tiles, size_t plane)
{
    for (size_t c = 0; c < w->channels; c += HN_PANEL) {
        float *at = to + c / CHUNK * PLANES * plane + c % CHUNK;
        const size_t lanes = hn_min(HN_PANEL, w->channels - c);
        for (size_t t = 0; t < tiles; t++, at += HN_WINOGRAD_PITCH) {
            const float *const *x = w->x + t * PLANES;
            if (lanes == HN_PANEL) spread_points(at, plane, x, c, HN_PANEL);
            else spread_points(at, plane, x, c, lanes);
        }
    }
}

/* Three in a row become six. */
FOR_TILE void spread_three(v16 *to, v16 g0, v16 g1, v16 g2)
{
    const v16 even_a = v_fma(v_set1(A2 / OF_A), g2, v_mul(v_set1(1 / OF_A), g0));
    const v16 even_b = v_fma(v_set1(B2 / OF_B), g2, v_mul(v_set1(1 / OF_B), g0));
    to[0] = v_mul(g0, v_set1(1 / (A2 * B2)));
    to[1] = v_fma(v_set1(A / OF_A), g1, even_a);
    to[2] = v_fnma(v_set1(A / OF_A), g1, even_a);
    to[3] = v_fma(v_set1(B / OF_B), g1, even_b);
    to[4] = v_fnma(v_set1(B / OF_B), g1, even_b);
    to[5] = g2;
}

/* One panel of n channels, [plane][channel][HN_PANEL]; taps lie `tap` floats apart. */
static void spread_weights(float *to, const float *w, size_t tap, size_t n)
{
    for (size_t c = 0; c < n; c++, to += HN_PANEL, w += HN_PANEL) {
        v16 columns[3][6];
        UNROLL for (size_t j = 0; j < 3; j++) spread_three(
            columns[j], v_load(w + j * tap), v_load(w + (3 + j) * tap), v_load(w + (6 + j) * tap));
        UNROLL for (size_t i = 0; i < 6; i++)
        {
            v16 row[6];
            spread_three(row, columns[0][i], columns[1][i], columns[2][i]);
            UNROLL for (size_t j = 0; j < 6; j++) v_store(to + (i * 6 + j) * WEIGHTS, row[j]);
        }
    }
}

/* All planes of one chunk of k channels: sums [plane][tile][PAIR]. */
static void multiply_planes(float *sums, const float *x, const float *w, size_t tiles, size_t k,
                            bool more)
{
    struct hn_gemm g = {.ldb = CHUNK * HN_PANEL, .k = k, .ldy = PAIR, .more = more};
    for (size_t i = 0; i < PLANES; i++) {
        const size_t parts = hn_div_up(tiles, ROWS_MAX);
        for (size_t part = 0, done = 0; part < parts; part++) { /* of about the same size */
            const size_t m = (tiles - done) / (parts - part);
            const float *rows = x + done * HN_WINOGRAD_PITCH;
            for (size_t p = 0; p < 2; p += PANELS)
                tile_of_rows(m, PANELS, &g, rows, HN_WINOGRAD_PITCH, w + p * g.ldb,
                             sums + done * PAIR + p * HN_PANEL, HN_PANEL);
            done += m;
        }
        x += tiles * HN_WINOGRAD_PITCH + 16;
        w += WEIGHTS;
        sums += tiles * PAIR + 16;
    }
}

/* Six in a row, `step` apart, become four. */
FOR_TILE void gather_four(v16 *m, size_t step)
{
    const v16 even_a = v_add(m[step], m[2 * step]), odd_a = v_sub(m[step], m[2 * step]);
    const v16 even_b = v_add(m[3 * step], m[4 * step]), odd_b = v_sub(m[3 * step], m[4 * step]);
    m[0] = v_add(v_add(m[0], even_a), even_b);
    m[step] = v_fma(v_set1(B), odd_b, v_mul(v_set1(A), odd_a));
    m[2 * step] = v_fma(v_set1(B2), even_b, v_mul(v_set1(A2), even_a));
    m[3 * step] = v_fma(v_set1(B3), odd_b, v_fma(v_set1(A3), odd_a, m[5 * step]));
}

/* The outputs of one tile and one panel from column `column` on. */
static void gather_tile(const struct hn_winograd *w, const float *sums, size_t plane,
                        const size_t *points, size_t column)
{
    const size_t lanes = hn_min(HN_PANEL, w->n - column);
    v16 m[PLANES];
    UNROLL for (size_t i = 0; i < 6; i++) UNROLL for (size_t j = 0; j < 6; j++) m[i * 6 + j] =
        v_load(sums + (i * 6 + j) * plane);
    UNROLL for (size_t j = 0; j < 6; j++) gather_four(m + j, 6);
    UNROLL for (size_t i = 0; i < 4; i++) gather_four(m + i * 6, 1);
    const struct hn_epilogue *f = w->epilogue;
    const v16 bias = f && f->bias ? read16(f->bias + column, lanes) : v_zero();
    const struct clip clip = clip_of(f);
    UNROLL for (size_t i = 0; i < 4; i++) UNROLL for (size_t j = 0; j < 4; j++)
    {
        const size_t point = points[i * 4 + j];
        if (point == SIZE_MAX) continue;
        float *y = w->y + point * w->ldy + column;
        v16 out = v_add(m[i * 6 + j], bias);
        if (f && f->add) out = v_add(out, read16(f->add + point * f->ld_add + column, lanes));
        out = v_min(clip.high, v_max(clip.low, out));
        if (lanes < HN_PANEL) v_store_part(y, out, lanes);
        else v_store(y, out);
        if (clip.after) activate_block(y, w->ldy, 1, lanes, f);
    }
}

void KERNEL_NAME(winograd_f32)(const struct hn_winograd *w, size_t tiles)
{
    const size_t chunks = hn_div_up(w->channels, CHUNK);
    const size_t plane = tiles * HN_WINOGRAD_PITCH + 16, plane_out = tiles * PAIR + 16;
    const size_t tap = w->channels * HN_PANEL;
    float *inputs = w->scratch, *weights = inputs + chunks * PLANES * plane;
    float *sums = weights + PLANES * WEIGHTS;
    spread_inputs(inputs, w, tiles, plane);
    for (size_t column = 0; column < w->n; column += PAIR) {
        const size_t panels = w->n - column > HN_PANEL ? 2 : 1;
        if (panels < 2) memset(weights, 0, PLANES * WEIGHTS * sizeof *weights);
        for (size_t c = 0; c < chunks; c++) {
            const size_t k = hn_min(CHUNK, w->channels - c * CHUNK);
            const float *from = w->w + column * 9 * w->channels + c * CHUNK * HN_PANEL;
            for (size_t p = 0; p < panels; p++)
                spread_weights(weights + p * CHUNK * HN_PANEL, from + p * 9 * tap, tap, k);
            multiply_planes(sums, inputs + c * PLANES * plane, weights, tiles, k, c > 0);
        }
        for (size_t t = 0; t < tiles; t++)
            for (size_t p = 0; p < panels; p++)
                gather_tile(w, sums + t * PAIR + p * HN_PANEL, plane_out,
                            w->points + t * HN_WINOGRAD_OUT, column + p * HN_PANEL);
    }
}
