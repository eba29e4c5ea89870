#include "formats/image.h"

static const struct hn_image_format *find(const struct hn_image_format *format, struct hn_str bytes)
{
    for (; format->name; format++) {
        if (hn_str_starts(bytes, format->mark)) return format;
    }
    return NULL;
}

enum hn_status hn_image_cut_short(struct hn_error *err)
{
    return hn_fail(err, HN_E_FORMAT, "the picture ends too early");
}

enum hn_status hn_image_open(struct hn_str bytes, struct hn_image *out, struct hn_error *err)
{
    *out = (struct hn_image){.bytes = bytes, .format = find(hn_image_coded, bytes)};
    if (!out->format) out->format = find(hn_image_plain, bytes);
    if (!out->format)
        return hn_fail(err, HN_E_UNSUPPORTED, "a picture of no format that this build knows");
    const enum hn_status status = out->format->open(out, err);
    if (status < 0) return hn_fail_in(err, status, "%s", out->format->name);
    if (!out->width || !out->height)
        return hn_fail(err, HN_E_FORMAT, "%s: a picture without pixels", out->format->name);
    if (out->width <= HN_IMAGE_SIDE && out->height <= HN_IMAGE_SIDE &&
        out->width * out->height <= HN_IMAGE_PIXELS)
        return HN_OK;
    return hn_fail(err, HN_E_LIMIT, "%s: %zu x %zu pixels are too many", out->format->name,
                   out->width, out->height);
}

enum hn_status hn_image_decode(const struct hn_image *image, uint8_t *rgb, struct hn_error *err)
{
    const enum hn_status status = image->format->decode(image, rgb, err);
    return status < 0 ? hn_fail_in(err, status, "%s", image->format->name) : HN_OK;
}
