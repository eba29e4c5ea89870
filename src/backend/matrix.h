/* A weight matrix as a backend holds it. */
#ifndef HN_BACKEND_MATRIX_H
#define HN_BACKEND_MATRIX_H

#include "kernels/kernels.h"

enum { HN_MATRIX_PARTS = 4 };

/* The rows that came from one tensor. */
struct hn_segment {
    enum hn_pack pack;
    enum hn_dtype source;
    size_t first_row;
    size_t rows;
    size_t first_panel;
    size_t panels; /* ceil(rows / HN_PANEL); the last is filled up with zero rows */
    size_t panel_bytes;
    unsigned char *data;
};

/* A weight matrix prepared for the linear operation: rows of one or several tensors of equal row length stacked
 * (fused q, k, v or gate, up), each keeping its own type. Plain data over the caller's memory. */
struct hn_matrix {
    size_t rows;
    size_t cols;
    size_t panels;
    size_t bytes;
    size_t n_segments;
    struct hn_segment segments[HN_MATRIX_PARTS];
};

#endif
