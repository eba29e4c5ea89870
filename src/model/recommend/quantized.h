/* Floats as bytes and a scale, and how far the bytes are from them. */
#ifndef HN_MODEL_RECOMMEND_QUANTIZED_H
#define HN_MODEL_RECOMMEND_QUANTIZED_H

#include <stddef.h>
#include <stdint.h>

/* What stands for 1 / scale where the scale is 0 (kernels.h). */
#define HN_NO_SCALE 1e100

/* Above the rounding of a norm of so many terms as vectors have. */
#define HN_NORM_MARGIN (1 + 0x1p-30)

struct hn_quantized {
    double norm; /* at least that of scale times bytes */
    double rest; /* at least that of what they leave */
    int32_t sum; /* of the bytes */
};

/* The scale that puts the greatest of n numbers at 127; 0 when they are next to nothing. */
double hn_quantized_scale(const float *x, size_t n);
/* The bytes go to q in fours that lie `step` apart. */
void hn_quantize(const float *x, size_t n, double scale, int8_t *q, size_t step,
                 struct hn_quantized *out);

#endif
