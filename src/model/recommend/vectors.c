#include "model/recommend/vectors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "model/recommend/quantized.h"

/* Rows of whole tiles where that makes them longer by a quarter at most. */
static size_t row_bytes(size_t dims)
{
    const size_t whole = hn_round_up(dims, 64);
    return whole - dims <= dims / 4 ? whole : hn_round_up(dims, 4);
}

enum hn_status hn_vectors_new(size_t dims, struct hn_vectors **out, struct hn_error *err)
{
    const size_t k = row_bytes(dims);
    /* One piece: the struct, floats, bytes, each on a cache line of its own. */
    const size_t head = hn_round_up(sizeof(struct hn_vectors), 64);
    const size_t floats = hn_round_up(HN_VECTORS * dims * sizeof(float), 64);
    const size_t bytes = head + floats + HN_VECTORS * k;
    unsigned char *at = aligned_alloc(64, hn_round_up(bytes, 64));
    if (!at) return hn_fail_nomem(err, "vectors of items", bytes);
    memset(at, 0, head + floats);
    struct hn_vectors *v = (struct hn_vectors *)(void *)at;
    v->dims = dims;
    v->k = k;
    v->floats = (float *)(void *)(at + head);
    v->bytes = at + head + floats;
    memset(v->bytes, 0x80, HN_VECTORS * k);
    for (size_t p = 0; p < HN_SCREEN_PANELS; p++)
        v->per_scale[p] = HN_NO_SCALE;
    *out = v;
    return HN_OK;
}

enum hn_status hn_vectors_copy(const struct hn_vectors *from, struct hn_vectors **out,
                               struct hn_error *err)
{
    HN_TRY(hn_vectors_new(from->dims, out, err));
    struct hn_vectors *v = *out;
    memcpy(v->floats, from->floats, HN_VECTORS * from->dims * sizeof(float));
    memcpy(v->bytes, from->bytes, HN_VECTORS * from->k);
    memcpy(v->per_scale, from->per_scale, sizeof v->per_scale);
    memcpy(v->norms, from->norms, sizeof v->norms);
    memcpy(v->errors, from->errors, sizeof v->errors);
    memcpy(v->there, from->there, sizeof v->there);
    return HN_OK;
}

void hn_vectors_free(struct hn_vectors *v)
{
    free(v);
}

void hn_vectors_put(struct hn_vectors *v, size_t at, const float *x)
{
    const uint16_t bit = (uint16_t)(1u << at % HN_PANEL);
    float *place = v->floats + at * v->dims;
    if (x) {
        v->there[at / HN_PANEL] |= bit;
        memcpy(place, x, v->dims * sizeof *x);
    } else {
        v->there[at / HN_PANEL] &= (uint16_t)~bit;
        memset(place, 0, v->dims * sizeof *x);
    }
}

double hn_quantized_scale(const float *x, size_t n)
{
    float most = 0;
    for (size_t i = 0; i < n; i++)
        most = fmaxf(most, fabsf(x[i]));
    /* Smaller ones would have scales without their full precision: all that they are is error. */
    return most < 1e-30f ? 0 : (double)most / 127;
}

void hn_quantize(const float *x, size_t n, double scale, int8_t *q, size_t step,
                 struct hn_quantized *out)
{
    const double per = scale > 0 ? 1 / scale : 0;
    double norm = 0, error = 0;
    int32_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        const double byte = fmax(-127, fmin(127, nearbyint((double)x[i] * per)));
        const double rest = (double)x[i] - byte * scale;
        norm += byte * scale * byte * scale;
        error += rest * rest;
        sum += (int32_t)byte;
        q[i / 4 * step + i % 4] = (int8_t)byte;
    }
    *out = (struct hn_quantized){sqrt(norm) * HN_NORM_MARGIN, sqrt(error) * HN_NORM_MARGIN, sum};
}

static void pack_panel(struct hn_vectors *v, size_t panel)
{
    const float *floats = v->floats + panel * HN_PANEL * v->dims;
    uint8_t *bytes = v->bytes + panel * HN_PANEL * v->k;
    const double scale = hn_quantized_scale(floats, HN_PANEL * v->dims);
    double norm = 0, error = 0;
    memset(bytes, 0, HN_PANEL * v->k);
    for (size_t i = 0; i < HN_PANEL; i++) {
        struct hn_quantized about;
        hn_quantize(floats + i * v->dims, v->dims, scale, (int8_t *)bytes + i * 4, HN_PANEL * 4,
                    &about);
        norm = fmax(norm, about.norm);
        error = fmax(error, about.rest);
    }
    for (size_t i = 0; i < HN_PANEL * v->k; i++)
        bytes[i] ^= 0x80;
    v->per_scale[panel] = scale > 0 ? 1 / scale : HN_NO_SCALE;
    v->norms[panel] = norm;
    v->errors[panel] = error;
}

void hn_vectors_pack(struct hn_vectors *v, uint64_t panels)
{
    for (size_t p = 0; p < HN_SCREEN_PANELS; p++)
        if (panels >> p & 1) pack_panel(v, p);
}
