#include "fuzz.h"

#include <stdlib.h>

#include "formats/image.h"

enum { PIXELS = 1 << 20 }; /* larger ones take time and show nothing more */

void fuzz_one(const uint8_t *data, size_t n)
{
    struct hn_image image;
    struct hn_error err;
    if (hn_image_open((struct hn_str){(const char *)data, n}, &image, &err) < 0) return;
    if (image.width * image.height > PIXELS) return;
    const size_t bytes = 3 * image.width * image.height;
    uint8_t *rgb =
        calloc(bytes, 1); /* libraries leave out what a picture that ends too early lacks */
    if (!rgb) return;
    if (hn_image_decode(&image, rgb, &err) >= 0) fuzz_touch(rgb, bytes);
    free(rgb);
}
