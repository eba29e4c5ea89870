/* Pictures to tensors. */
#include "formats/image.h"
#include "model/graph/op_list.h"

/* The grey of a colour, as ITU-R 601-2 weighs its parts; whole numbers, as Pillow computes it. */
static uint8_t grey_of(const uint8_t *rgb)
{
    return (uint8_t)((19595u * rgb[0] + 38470u * rgb[1] + 7471u * rgb[2] + 0x8000u) >> 16);
}

enum hn_status hn_op_image_decoder(struct hn_op *op)
{
    const struct hn_array *x = op->in[0];
    const struct hn_str format = hn_op_text(op, "pixel_format", "RGB");
    const bool grey = hn_str_is(format, "Grayscale"), bgr = hn_str_is(format, "BGR");
    struct hn_image image;
    struct hn_error err;
    if (!grey && !bgr && !hn_str_is(format, "RGB"))
        return hn_op_fail(op, HN_E_UNSUPPORTED, "pixel_format '%.*s'", HN_FMT(format));
    if (x->type != HN_EL_U8) return hn_op_fail_type(op, 0);
    enum hn_status status = hn_image_open((struct hn_str){x->data, x->n}, &image, &err);
    if (status < 0) return hn_op_fail(op, status, "%s", err.text);
    const size_t n = image.width * image.height;
    const size_t shape[] = {image.height, image.width, grey ? 1 : 3};
    uint8_t *out = hn_op_out(op, 0, HN_EL_U8, shape, 3);
    uint8_t *rgb = out && grey ? hn_op_scratch(op, n, 3) : out;
    if (!rgb) return hn_op_failed(op);
    status = hn_image_decode(&image, rgb, &err);
    if (status < 0) return hn_op_fail(op, status, "%s", err.text);
    for (size_t i = 0; grey && i < n; i++)
        out[i] = grey_of(rgb + 3 * i);
    for (size_t i = 0; bgr && i < n; i++) {
        const uint8_t red = rgb[3 * i];
        rgb[3 * i] = rgb[3 * i + 2];
        rgb[3 * i + 2] = red;
    }
    return HN_OK;
}
