/* Discrete Fourier transforms of any length. */
#ifndef HN_MODEL_GRAPH_OP_FOURIER_H
#define HN_MODEL_GRAPH_OP_FOURIER_H

#include "model/graph/op.h"

struct hn_complex {
    double re, im;
};

/* Tables for one length and direction, and room to work in; until the operator returns. */
struct hn_fourier {
    size_t n, m; /* m: the power of two that does the work; n itself where it is one */
    bool inverse;
    struct hn_complex *turns; /* m / 2 roots of unity */
    struct hn_complex *chirp; /* n, and its transform of m; NULL where n = m */
    struct hn_complex *bent;
    struct hn_complex *room; /* m */
};

enum hn_status hn_fourier_of(struct hn_op *op, size_t n, bool inverse, struct hn_fourier *out);
/* In place; n numbers. The inverse is divided by n. */
void hn_fourier_run(const struct hn_fourier *f, struct hn_complex *x);

#endif
