/* The ways between bytes and floats, in wider vectors. */
#include "kernels/list.h"

#define BYTES(name) hn_##name##_avx512
#include "kernels/ref/bytes_loops.h"
