/* Pictures through libraries. Those of JPEG and PNG leave errors by a jump: nothing here owns what the jump
 * would lose. */
#include "formats/image.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#ifdef HN_WITH_JPEG
#include <jpeglib.h>

#include <jerror.h>

enum {
    JPEG_SCANS = 200,     /* a file may ask for the same picture again and again */
    JPEG_MEMORY = 1 << 29 /* bytes that the library may take */
};

struct jpeg {
    struct jpeg_decompress_struct it;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf out;
    char text[JMSG_LENGTH_MAX];
};

static void jpeg_failed(j_common_ptr common)
{
    struct jpeg *j = common->client_data;
    common->err->format_message(common, j->text);
    longjmp(j->out, 1);
}

static void jpeg_says(j_common_ptr common, int level)
{
    /* Below 0 are warnings. Half a picture is none; bytes that mean nothing are found in many. */
    if (level < 0 && common->err->msg_code == JWRN_JPEG_EOF) jpeg_failed(common);
}

static void jpeg_goes_on(j_common_ptr common)
{
    struct jpeg *j = common->client_data;
    if (j->it.input_scan_number <= JPEG_SCANS) return;
    snprintf(j->text, sizeof j->text, "more than %d scans", JPEG_SCANS);
    longjmp(j->out, 1);
}

/* Without `rgb` the head alone. */
static enum hn_status read_jpeg(struct jpeg *j, struct hn_image *image, uint8_t *rgb,
                                struct hn_error *err)
{
    memset(j, 0, sizeof *j);
    j->it.err = jpeg_std_error(&j->errors);
    j->errors.error_exit = jpeg_failed;
    j->errors.emit_message = jpeg_says;
    j->progress.progress_monitor = jpeg_goes_on;
    j->it.client_data = j;
    if (setjmp(j->out)) {
        jpeg_destroy_decompress(&j->it);
        return hn_fail(err, HN_E_FORMAT, "%s", j->text);
    }
    jpeg_create_decompress(&j->it);
    j->it.progress = &j->progress;
    j->it.mem->max_memory_to_use = JPEG_MEMORY;
    jpeg_mem_src(&j->it, (const unsigned char *)image->bytes.p, image->bytes.n);
    jpeg_read_header(&j->it, TRUE);
    image->width = j->it.image_width;
    image->height = j->it.image_height;
    if (rgb) {
        j->it.out_color_space = JCS_RGB;
        jpeg_start_decompress(&j->it);
        while (j->it.output_scanline < j->it.output_height) {
            JSAMPROW row = rgb + (size_t)j->it.output_scanline * j->it.output_width * 3;
            jpeg_read_scanlines(&j->it, &row, 1);
        }
    }
    jpeg_destroy_decompress(&j->it);
    return HN_OK;
}

static enum hn_status open_jpeg(struct hn_image *image, struct hn_error *err)
{
    struct jpeg j;
    return read_jpeg(&j, image, NULL, err);
}

static enum hn_status decode_jpeg(const struct hn_image *image, uint8_t *rgb, struct hn_error *err)
{
    struct jpeg j;
    struct hn_image again = *image;
    return read_jpeg(&j, &again, rgb, err);
}
#endif

#ifdef HN_WITH_PNG
#include <png.h>

struct png {
    png_structp it;
    png_infop info;
    struct hn_str left;
    char text[200];
};

static void png_failed(png_structp it, png_const_charp text)
{
    struct png *p = png_get_error_ptr(it);
    snprintf(p->text, sizeof p->text, "%s", text);
    png_longjmp(it, 1);
}

static void png_says(png_structp it, png_const_charp text)
{
    (void)it, (void)text;
}

static void png_reads(png_structp it, png_bytep to, size_t n)
{
    struct png *p = png_get_io_ptr(it);
    if (n > p->left.n) png_error(it, "the picture ends too early");
    memcpy(to, p->left.p, n);
    p->left = (struct hn_str){p->left.p + n, p->left.n - n};
}

static enum hn_status read_png(struct png *p, struct hn_image *image, uint8_t *rgb,
                               struct hn_error *err)
{
    *p = (struct png){.left = image->bytes};
    p->it = png_create_read_struct(PNG_LIBPNG_VER_STRING, p, png_failed, png_says);
    if (!p->it) return hn_fail_nomem(err, "a picture", sizeof *p);
    if (setjmp(png_jmpbuf(p->it))) {
        png_destroy_read_struct(&p->it, &p->info, NULL);
        return hn_fail(err, HN_E_FORMAT, "%s", p->text);
    }
    p->info = png_create_info_struct(p->it);
    if (!p->info) png_error(p->it, "no memory");
    png_set_user_limits(p->it, HN_IMAGE_SIDE, HN_IMAGE_SIDE);
    png_set_read_fn(p->it, p, png_reads);
    png_read_info(p->it, p->info);
    image->width = png_get_image_width(p->it, p->info);
    image->height = png_get_image_height(p->it, p->info);
    if (rgb) {
        png_set_expand(p->it);
        png_set_strip_16(p->it);
        png_set_gray_to_rgb(p->it);
        png_set_strip_alpha(p->it);
        for (int passes = png_set_interlace_handling(p->it); passes > 0; passes--)
            for (size_t row = 0; row < image->height; row++)
                png_read_row(p->it, rgb + row * image->width * 3, NULL);
    }
    png_destroy_read_struct(&p->it, &p->info, NULL);
    return HN_OK;
}

static enum hn_status open_png(struct hn_image *image, struct hn_error *err)
{
    struct png p;
    return read_png(&p, image, NULL, err);
}

static enum hn_status decode_png(const struct hn_image *image, uint8_t *rgb, struct hn_error *err)
{
    struct png p;
    struct hn_image again = *image;
    return read_png(&p, &again, rgb, err);
}
#endif

const struct hn_image_format hn_image_coded[] = {
#ifdef HN_WITH_JPEG
    {"JPEG", HN_STR("\xff\xd8\xff"), open_jpeg, decode_jpeg},
#endif
#ifdef HN_WITH_PNG
    {"PNG", HN_STR("\x89PNG\r\n\x1a\n"), open_png, decode_png},
#endif
    {0},
};
