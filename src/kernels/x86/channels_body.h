/* Kernels on rows of channels, for any v16: included by gemm_<isa>.c after gemm_body.h. */

/* Points of a row and vectors of channels at a time, to the registers there are. */
enum { POINTS = V16_REGISTERS > 8 ? 7 : 4, VECTORS = V16_REGISTERS > 8 ? 2 : 1 };

/* Sums [m][p] of one row or point each, with what follows them, to y; the last vector has `last` columns.
 * `add` is that of the first row; y and add begin with column 0. */
FOR_TILE void finish_as(bool adds, size_t m, size_t p, const v16 *sums, const struct hn_epilogue *f,
                        const float *add, float *y, size_t ldy, size_t column, size_t last)
{
    const struct clip clip = clip_of(f);
    const size_t ld_add = adds ? f->ld_add : 0;
    UNROLL for (size_t j = 0; j < p; j++)
    {
        const size_t at = column + j * HN_PANEL, lanes = j < p - 1 ? HN_PANEL : last;
        /* Less zero changes no sum, not even one of less zero. */
        const v16 bias = f && f->bias ? read16(f->bias + at, lanes) : v_set1(-0.0f);
        UNROLL for (size_t i = 0; i < m; i++)
        {
            v16 x = v_add(sums[i * p + j], bias);
            if (adds) x = v_add(x, read16(add + i * ld_add + at, lanes));
            x = v_min(clip.high, v_max(clip.low, x));
            if (lanes < HN_PANEL) v_store_part(y + i * ldy + at, x, lanes);
            else v_store(y + i * ldy + at, x);
        }
    }
    if (clip.after) activate_block(y + column, ldy, m, (p - 1) * HN_PANEL + last, f);
}

FOR_TILE void finish(size_t m, size_t p, const v16 *sums, const struct hn_epilogue *f,
                     const float *add, float *y, size_t ldy, size_t column, size_t last)
{
    if (add) finish_as(true, m, p, sums, f, add, y, ldy, column, last);
    else finish_as(false, m, p, sums, f, add, y, ldy, column, last);
}

void KERNEL_NAME(epilogue_f32)(float *y, size_t ldy, size_t m, size_t n,
                               const struct hn_epilogue *epilogue)
{
    epilogue_block(y, ldy, m, n, epilogue, 0);
}

/* Three taps side by side of n points by p vectors of channels, each input loaded once for all points that
 * see it. */
FOR_TILE void slide(size_t n, size_t p, size_t stride, const float *x, const float *w,
                    size_t channels, v16 *sums)
{
    UNROLL for (size_t j = 0; j < p; j++)
    {
        v16 taps[3];
        UNROLL for (size_t t = 0; t < 3; t++) taps[t] = v_hold(v_load(w + t * channels + j * 16));
        const float *at[3] = {x + j * 16};
        at[1] = at[0] + 5 * channels;
        at[2] = at[1] + 5 * channels;
        UNROLL for (size_t q = 0; q < (n - 1) * stride + 3; q++)
        {
            const v16 in = v_hold(v_load(at[q / 5] + q % 5 * channels));
            UNROLL for (size_t t = 0; t < 3;
                        t++) if (q >= t && (q - t) % stride == 0 && (q - t) / stride < n)
                sums[(q - t) / stride * p + j] = v_fma(in, taps[t], sums[(q - t) / stride * p + j]);
        }
    }
}

/* n points of a row by p vectors of channels from c on, of which the last has `last` channels. `slides`:
 * zero, or the stride of a kernel of three columns, and vectors are whole. */
FOR_TILE void depthwise_points(size_t n, size_t p, size_t slides, const struct hn_depthwise *d,
                               const float *x, float *y, const float *add, size_t c, size_t last)
{
    const size_t step = d->stride[1] * d->channels;
    const float *w = d->w + c;
    v16 sums[POINTS * VECTORS];
    UNROLL for (size_t i = 0; i < n * p; i++) sums[i] = v_zero();
    for (size_t row = 0; row < d->kernel[0]; row++, x += d->dilation[0] * d->x_row) {
        if (slides) {
            slide(n, p, slides, x + c, w, d->channels, sums);
            w += 3 * d->channels;
            continue;
        }
        const float *at[2] = {x + c};
        for (size_t t = 0; t < d->kernel[1]; t++) {
            at[1] = at[0] + 5 * step;
            UNROLL for (size_t j = 0; j < p; j++)
            {
                const size_t lanes = j < p - 1 ? 16 : last;
                const v16 tap = read16(w + j * 16, lanes);
                UNROLL for (size_t i = 0; i < n; i++) sums[i * p + j] =
                    v_fma(read16(at[i / 5] + i % 5 * step + j * 16, lanes), tap, sums[i * p + j]);
            }
            w += d->channels;
            at[0] += d->dilation[1] * d->channels;
        }
    }
    finish(n, p, sums, d->epilogue, add, y, d->channels, c, last);
}

/* Some channels of all points: lines of x that rows share stay in the first cache. */
FOR_TILE void depthwise_channels(size_t p, size_t slides, const struct hn_depthwise *d, size_t rows,
                                 size_t c, size_t last)
{
    const struct hn_epilogue *f = d->epilogue;
    const bool adds = f && f->add;
    const size_t step = d->stride[1] * d->channels;
    for (size_t row = 0; row < rows; row++) {
        const float *x = d->x + row * d->stride[0] * d->x_row;
        const float *add = adds ? f->add + row * d->add_row : NULL;
        float *y = d->y + row * d->y_row;
        const size_t all = d->points;
        /* The last few are made again where they do not fill a lot. */
        for (size_t i = 0; all >= POINTS && i < all; i += POINTS) {
            const size_t at = hn_min(i, all - POINTS);
            depthwise_points(POINTS, p, slides, d, x + at * step, y + at * d->channels,
                             adds ? add + at * f->ld_add : NULL, c, last);
        }
        for (size_t i = 0; all < POINTS && i < all; i++)
            depthwise_points(1, p, 0, d, x + i * step, y + i * d->channels,
                             adds ? add + i * f->ld_add : NULL, c, last);
    }
}

void KERNEL_NAME(depthwise_f32)(const struct hn_depthwise *d, size_t rows)
{
    const size_t slides = d->kernel[1] == 3 && d->dilation[1] == 1 ? d->stride[1] : 0;
    size_t c = 0;
    for (; c + VECTORS * 16 <= d->channels; c += VECTORS * 16)
        switch (slides) {
        case 1: depthwise_channels(VECTORS, 1, d, rows, c, 16); break;
        case 2: depthwise_channels(VECTORS, 2, d, rows, c, 16); break;
        default: depthwise_channels(VECTORS, 0, d, rows, c, 16);
        }
    for (; c < d->channels; c += 16)
        depthwise_channels(1, 0, d, rows, c, hn_min(16, d->channels - c));
}

/* m rows by p panels from row `row` and column `column` on. Rows are reached from three pointers, so that
 * all addresses fit the registers. */
FOR_TILE void direct_tile(size_t m, size_t p, const struct hn_direct *d, size_t row, size_t column)
{
    const size_t k = d->pieces * d->piece, lda = d->lda, ldb = k * HN_PANEL;
    const float *b = d->b + column * k;
    v16 sums[ROWS_MAX * 2];
    UNROLL for (size_t i = 0; i < m; i++) UNROLL for (size_t j = 0; j < p; j++) sums[i * p + j] =
        v_zero();
    for (size_t s = 0; s < d->pieces; s++) {
        const float *a[3] = {d->a[s] + row * lda};
        a[1] = a[0] + 5 * lda;
        a[2] = a[1] + 5 * lda;
        for (size_t l = 0; l < d->piece; l++, b += HN_PANEL) {
            v16 w[2];
            UNROLL for (size_t j = 0; j < p; j++) w[j] = v_load(b + j * ldb);
            UNROLL for (size_t i = 0; i < m; i++)
            {
                const v16 x = v_set1(a[i / 5][i % 5 * lda + l]);
                UNROLL for (size_t j = 0; j < p; j++) sums[i * p + j] =
                    v_fma(x, w[j], sums[i * p + j]);
            }
        }
    }
    const struct hn_epilogue *f = d->epilogue;
    finish(m, p, sums, f, f && f->add ? f->add + row * f->ld_add : NULL, d->y + row * d->ldy,
           d->ldy, column, hn_min(p * HN_PANEL, d->n - column) - (p - 1) * HN_PANEL);
}

/* In tiles of few sizes; rows at the end are made again where they do not fill one. */
FOR_TILE void direct_rows(size_t p, const struct hn_direct *d, size_t m, size_t column)
{
    enum { HALF = ROWS_MAX / 2, QUARTER = (HALF + 1) / 2 };
    for (size_t row = 0; row < m;) {
        const size_t left = m - row;
#define TILE(n, less)                                                                              \
    if ((n) == 1 || (left > (less) && m >= (n))) {                                                 \
        row = hn_min(row, m - (n));                                                                \
        direct_tile(n, p, d, row, column);                                                         \
        row += (n);                                                                                \
        continue;                                                                                  \
    }
        TILE(ROWS_MAX, HALF)
        TILE(HALF, QUARTER)
        TILE(QUARTER, 1)
        TILE(1, 0)
#undef TILE
    }
}

void KERNEL_NAME(direct_f32)(const struct hn_direct *d, size_t m)
{
    size_t column = 0;
#if PANELS > 1
    for (; column + HN_PANEL < d->n; column += 2 * HN_PANEL)
        direct_rows(2, d, m, column);
#endif
    for (; column < d->n; column += HN_PANEL)
        direct_rows(1, d, m, column);
}

void KERNEL_NAME(maximum_f32)(float *y, const float *x, size_t n)
{
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        v_store(y + i, v_max(v_load(y + i), v_load(x + i)));
    if (i < n)
        v_store_part(y + i, v_max(v_load_part(y + i, n - i), v_load_part(x + i, n - i)), n - i);
}
