/* Pictures to pixels: JPEG and PNG through their libraries, where the build has these; BMP, PNM and TIFF as far as
 * they are not compressed. */
#ifndef HN_FORMATS_IMAGE_H
#define HN_FORMATS_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/str.h"

enum { HN_IMAGE_SIDE = 1 << 15, HN_IMAGE_PIXELS = 1 << 26 };

struct hn_image {
    struct hn_str bytes; /* that it was opened from */
    size_t width, height;
    const struct hn_image_format *format;
};

/* Looks at the head. HN_E_UNSUPPORTED: of no format that is known here; HN_E_LIMIT: too large. */
enum hn_status hn_image_open(struct hn_str bytes, struct hn_image *out, struct hn_error *err);

/* Fills [height][width] of red, green and blue; greys are three alike, and transparency is left out. */
enum hn_status hn_image_decode(const struct hn_image *image, uint8_t *rgb, struct hn_error *err);

/* --- for image_*.c --- */

struct hn_image_format {
    const char *name;
    struct hn_str mark; /* that its files begin with */
    /* Sets width and height. */
    enum hn_status (*open)(struct hn_image *image, struct hn_error *err);
    enum hn_status (*decode)(const struct hn_image *image, uint8_t *rgb, struct hn_error *err);
};

/* What the libraries read (image_coded.c), and what this house reads (image_plain.c); the last has no name. */
extern const struct hn_image_format hn_image_coded[], hn_image_plain[];

enum hn_status hn_image_cut_short(struct hn_error *err);

#endif
