/* Kernels on rows of channels, for any v16: included by gemm_<isa>.c after gemm_body.h. */

void KERNEL_NAME(epilogue_f32)(float *y, size_t ldy, size_t m, size_t n,
                               const struct hn_epilogue *epilogue)
{
    epilogue_block(y, ldy, m, n, epilogue, 0);
}

/* n points by one vector of channels from c on. */
FOR_TILE void depthwise_points(size_t n, const struct hn_depthwise *d, const float *const *x,
                               float *y, size_t c, size_t lanes)
{
    v16 sums[4];
    UNROLL for (size_t i = 0; i < n; i++) sums[i] = v_zero();
    for (size_t t = 0; t < d->taps; t++) {
        const v16 w = read16(d->w + t * d->channels + c, lanes);
        UNROLL for (size_t i = 0; i < n; i++) sums[i] =
            v_fma(read16(x[i * d->taps + t] + c, lanes), w, sums[i]);
    }
    UNROLL for (size_t i = 0; i < n; i++)
    {
        if (lanes < 16) v_store_part(y + i * d->channels + c, sums[i], lanes);
        else v_store(y + i * d->channels + c, sums[i]);
    }
}

FOR_TILE void depthwise_tile(size_t n, const struct hn_depthwise *d, size_t first)
{
    const float *const *x = d->x + first * d->taps;
    float *y = d->y + first * d->channels;
    size_t c = 0;
    for (; c + 16 <= d->channels; c += 16)
        depthwise_points(n, d, x, y, c, 16);
    if (c < d->channels) depthwise_points(n, d, x, y, c, d->channels - c);
    if (!d->epilogue) return;
    struct hn_epilogue epilogue = *d->epilogue;
    if (epilogue.add) epilogue.add += first * epilogue.ld_add;
    epilogue_block(y, d->channels, n, d->channels, &epilogue, 0);
}

void KERNEL_NAME(depthwise_f32)(const struct hn_depthwise *d, size_t n)
{
    size_t i = 0;
    for (; i + 4 <= n; i += 4)
        depthwise_tile(4, d, i);
    for (; i < n; i++)
        depthwise_tile(1, d, i);
}

void KERNEL_NAME(maximum_f32)(float *y, const float *x, size_t n)
{
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        v_store(y + i, v_max(v_load(y + i), v_load(x + i)));
    if (i < n)
        v_store_part(y + i, v_max(v_load_part(y + i, n - i), v_load_part(x + i, n - i)), n - i);
}
