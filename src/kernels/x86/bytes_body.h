/* Channels by themselves, two taps side by side in pairs of 16 bits. `words` holds LOT channels; unpacking two
 * of them leaves the low and the high halves of each 128 bits, so weights come in that order and sums go back
 * from it. BYTES(name) is the function's name. */
enum { POINTS = 4 }; /* that share weights */

static inline __attribute__((always_inline)) void channels_block(const struct hn_byte_depthwise *d,
                                                                 const size_t *taps, size_t n_taps,
                                                                 const uint8_t *x, size_t first,
                                                                 size_t c, int32_t *y,
                                                                 size_t points)
{
    words low[POINTS], high[POINTS];
    UNROLL for (size_t p = 0; p < points; p++) low[p] = high[p] = w_zero();
    for (size_t t = 0; t < n_taps; t += 2) {
        words w_low, w_high;
        w_weights(d->w + (t / 2 * c + first) * 2, &w_low, &w_high);
        UNROLL for (size_t p = 0; p < points; p++)
        {
            const uint8_t *at = x + p * d->stride * d->channels + first;
            w_add(&low[p], &high[p], w_channels(at + taps[t]), w_channels(at + taps[t + 1]), w_low,
                  w_high);
        }
    }
    UNROLL for (size_t p = 0; p < points; p++) w_store(y + p * c + first, low[p], high[p]);
}

void BYTES(byte_depthwise_u8)(const struct hn_byte_depthwise *d)
{
    const size_t c = hn_round_up(d->channels, HN_BYTE_CHANNELS);
    size_t taps[HN_BYTE_TAPS + 1], n = 0, p = 0;
    for (size_t i = 0; i < d->kernel[0]; i++)
        for (size_t j = 0; j < d->kernel[1]; j++)
            taps[n++] = i * d->dilation[0] * d->x_row + j * d->dilation[1] * d->channels;
    taps[n] = taps[n - 1]; /* the last may have no other beside it */
    for (; p + POINTS <= d->points; p += POINTS)
        for (size_t j = 0; j < c; j += LOT)
            channels_block(d, taps, n, d->x + p * d->stride * d->channels, j, c, d->y + p * c,
                           POINTS);
    for (; p < d->points; p++)
        for (size_t j = 0; j < c; j += LOT)
            channels_block(d, taps, n, d->x + p * d->stride * d->channels, j, c, d->y + p * c, 1);
}
