/* Reads blocks of the type named by the argument on standard input, writes the decoded floats on
 * standard output. For codec_oracle.py, which decodes the same bytes on its own. */
#include <stdio.h>

#include "tensor/codec.h"

int main(int argc, char **argv)
{
    enum hn_dtype type;
    if (argc != 2 || !hn_dtype_from_name(argv[1], &type)) {
        fprintf(stderr, "usage: codec_tool TYPE <BLOCKS >FLOATS\n");
        return 2;
    }
    const struct hn_dtype_info *info = hn_dtype_info(type);
    unsigned char block[HN_MAX_BLOCK];
    float values[HN_MAX_BLOCK];
    while (fread(block, info->bytes, 1, stdin) == 1) {
        hn_decode(type, block, values, info->block);
        if (fwrite(values, sizeof *values, info->block, stdout) != info->block) return 1;
    }
    return ferror(stdin) || fflush(stdout) ? 1 : 0;
}
