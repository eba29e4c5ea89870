#include "kernels/x86/bytes_vnni.h"

void hn_bytes_u8_avx512vnni(const struct hn_byte_gemm *g, size_t m)
{
    vnni_gemm(g, m);
}
