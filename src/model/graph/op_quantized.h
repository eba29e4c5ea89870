/* Arithmetic on quantized numbers. */
#ifndef HN_MODEL_GRAPH_OP_QUANTIZED_H
#define HN_MODEL_GRAPH_OP_QUANTIZED_H

/* value, rounded to even, plus the zero point, within [low, high]; low for NaN. */
double hn_quantized(double value, double zero, double low, double high);

#endif
