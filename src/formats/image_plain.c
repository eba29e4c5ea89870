/* Pictures whose pixels lie in the file as they are: BMP, PNM, TIFF. */
#include "formats/image.h"

#include <string.h>

#include "base/bits.h"

/* A number of n bytes at `at`; false: it is not there. */
static bool number(struct hn_str bytes, size_t at, size_t n, bool big, uint32_t *out)
{
    if (at > bytes.n || n > bytes.n - at) return false;
    *out = 0;
    for (size_t i = 0; i < n; i++)
        *out |= (uint32_t)(unsigned char)bytes.p[at + i] << 8 * (big ? n - 1 - i : i);
    return true;
}

/* n bytes at `at`, or NULL. */
static const uint8_t *span(struct hn_str bytes, size_t at, size_t n)
{
    return at <= bytes.n && n <= bytes.n - at ? (const uint8_t *)bytes.p + at : NULL;
}

/* A row of pixels of `step` bytes, of which one is the grey or three are the colours. */
static void put_row(uint8_t *to, const uint8_t *from, size_t width, size_t step, uint8_t flip)
{
    for (size_t i = 0; i < width; i++, from += step)
        for (size_t c = 0; c < 3; c++)
            *to++ = from[step < 3 ? 0 : c] ^ flip;
}

/* --- BMP --- */

struct bmp {
    uint32_t data, head, width, height, bits, packing, colours;
};

static enum hn_status read_bmp(const struct hn_image *image, struct bmp *b, struct hn_error *err)
{
    const struct hn_str bytes = image->bytes;
    *b = (struct bmp){0};
    if (!number(bytes, 10, 4, false, &b->data) || !number(bytes, 14, 4, false, &b->head) ||
        !number(bytes, 18, 4, false, &b->width) || !number(bytes, 22, 4, false, &b->height) ||
        !number(bytes, 28, 2, false, &b->bits) || !number(bytes, 30, 4, false, &b->packing) ||
        !number(bytes, 46, 4, false, &b->colours))
        return hn_image_cut_short(err);
    if (b->head < 40 || b->packing || (b->bits != 8 && b->bits != 24 && b->bits != 32))
        return hn_fail(err, HN_E_UNSUPPORTED, "%u bits a pixel, packed by method %u", b->bits,
                       b->packing);
    return HN_OK;
}

static enum hn_status open_bmp(struct hn_image *image, struct hn_error *err)
{
    struct bmp b;
    HN_TRY(read_bmp(image, &b, err));
    image->width = b.width;
    image->height = b.height >> 31 ? 0 - b.height : b.height; /* below 0: from the top */
    return HN_OK;
}

static enum hn_status decode_bmp(const struct hn_image *image, uint8_t *rgb, struct hn_error *err)
{
    struct bmp b;
    HN_TRY(read_bmp(image, &b, err));
    const size_t step = b.bits / 8, row = hn_round_up(image->width * step, 4);
    const size_t n_colours = b.colours ? hn_min(b.colours, 256) : 256;
    const uint8_t *from = span(image->bytes, b.data, row * image->height);
    const uint8_t *palette = span(image->bytes, 14 + (size_t)b.head, 4 * n_colours);
    if (!from || (step == 1 && !palette)) return hn_image_cut_short(err);
    for (size_t y = 0; y < image->height; y++) {
        const uint8_t *pixel = from + (b.height >> 31 ? y : image->height - 1 - y) * row;
        for (size_t x = 0; x < image->width; x++, pixel += step) {
            if (step == 1 && *pixel >= n_colours)
                return hn_fail(err, HN_E_FORMAT, "colour %d of %zu", *pixel, n_colours);
            const uint8_t *bgr = step == 1 ? palette + (size_t)4 * *pixel : pixel;
            for (int c = 2; c >= 0; c--)
                *rgb++ = bgr[c];
        }
    }
    return HN_OK;
}

/* --- PNM: P5 and P6 --- */

/* The three numbers behind the mark, which comments may stand between; *at is where the pixels begin. */
static enum hn_status read_pnm(const struct hn_image *image, size_t numbers[3], size_t *at,
                               struct hn_error *err)
{
    const struct hn_str bytes = image->bytes;
    size_t i = 2;
    for (int k = 0; k < 3; k++) {
        bool comment = false;
        for (; i < bytes.n && (comment || memchr(" \t\r\n#", bytes.p[i], 5)); i++)
            comment = comment ? bytes.p[i] != '\n' : bytes.p[i] == '#';
        const size_t first = i;
        for (numbers[k] = 0; i < bytes.n && bytes.p[i] >= '0' && bytes.p[i] <= '9'; i++)
            numbers[k] = hn_min(10 * numbers[k] + (size_t)(bytes.p[i] - '0'), UINT32_MAX);
        if (i == first || i >= bytes.n) return hn_image_cut_short(err);
    }
    *at = i + 1;
    if (numbers[2] == UINT8_MAX) return HN_OK;
    return hn_fail(err, HN_E_UNSUPPORTED, "values up to %zu", numbers[2]);
}

static enum hn_status open_pnm(struct hn_image *image, struct hn_error *err)
{
    size_t numbers[3], at;
    HN_TRY(read_pnm(image, numbers, &at, err));
    image->width = numbers[0];
    image->height = numbers[1];
    return HN_OK;
}

static enum hn_status decode_pnm(const struct hn_image *image, uint8_t *rgb, struct hn_error *err)
{
    size_t numbers[3], at;
    HN_TRY(read_pnm(image, numbers, &at, err));
    const size_t n = image->width * image->height, step = image->bytes.p[1] == '6' ? 3 : 1;
    const uint8_t *from = span(image->bytes, at, n * step);
    if (!from) return hn_image_cut_short(err);
    put_row(rgb, from, n, step, 0);
    return HN_OK;
}

/* --- TIFF: strips of bytes --- */

enum { WIDTH, HEIGHT, BITS, PACKING, MEANING, STRIPS, SAMPLES, ROWS, PLANES, TAGS };

/* A tag's values: how many, of how many bytes, and where. */
struct tag {
    uint32_t n, size;
    size_t at;
};

struct tiff {
    bool big;
    struct tag tags[TAGS];
    uint32_t first[TAGS]; /* the first value of each; what is usual where it is not there */
};

static bool value(const struct hn_image *image, const struct tiff *t, int tag, size_t i,
                  uint32_t *out)
{
    const struct tag *it = &t->tags[tag];
    return i < it->n && number(image->bytes, it->at + i * it->size, it->size, t->big, out);
}

/* 12 bytes: tag, type, count, and the values or where they are. */
static bool read_tag(const struct hn_image *image, struct tiff *t, size_t at)
{
    static const uint16_t ids[TAGS] = {256, 257, 258, 259, 262, 273, 277, 278, 284};
    const struct hn_str bytes = image->bytes;
    struct tag it = {.at = at + 8};
    uint32_t id, type, where;
    if (!number(bytes, at, 2, t->big, &id) || !number(bytes, at + 2, 2, t->big, &type) ||
        !number(bytes, at + 4, 4, t->big, &it.n) || !number(bytes, at + 8, 4, t->big, &where))
        return false;
    it.size = type == 3 ? 2 : 4;
    if ((uint64_t)it.n * it.size > 4) it.at = where;
    for (int k = 0; k < TAGS; k++) {
        if (ids[k] != id || (type != 3 && type != 4)) continue;
        t->tags[k] = it;
        if (!value(image, t, k, 0, &t->first[k])) return false;
    }
    return true;
}

static enum hn_status read_tiff(const struct hn_image *image, struct tiff *t, struct hn_error *err)
{
    uint32_t at, n;
    *t = (struct tiff){
        .big = image->bytes.p[0] == 'M',
        .first = {[BITS] = 1, [PACKING] = 1, [SAMPLES] = 1, [ROWS] = UINT32_MAX, [PLANES] = 1}};
    if (!number(image->bytes, 4, 4, t->big, &at) || !number(image->bytes, at, 2, t->big, &n))
        return hn_image_cut_short(err);
    for (size_t i = 0; i < n; i++)
        if (!read_tag(image, t, at + 2 + 12 * i)) return hn_image_cut_short(err);
    const uint32_t *is = t->first;
    if (is[BITS] != 8 || is[PACKING] != 1 || is[PLANES] != 1 || is[ROWS] == 0 || is[MEANING] > 2 ||
        (is[MEANING] == 2 ? is[SAMPLES] < 3 : is[SAMPLES] != 1) || is[SAMPLES] > 4)
        return hn_fail(err, HN_E_UNSUPPORTED,
                       "compressed, or not of bytes that are greys or colours");
    return HN_OK;
}

static enum hn_status open_tiff(struct hn_image *image, struct hn_error *err)
{
    struct tiff t;
    HN_TRY(read_tiff(image, &t, err));
    image->width = t.first[WIDTH];
    image->height = t.first[HEIGHT];
    return HN_OK;
}

static enum hn_status decode_tiff(const struct hn_image *image, uint8_t *rgb, struct hn_error *err)
{
    struct tiff t;
    HN_TRY(read_tiff(image, &t, err));
    const size_t step = t.first[SAMPLES], row = image->width * step;
    for (size_t y = 0; y < image->height; y++) {
        uint32_t at;
        if (!value(image, &t, STRIPS, y / t.first[ROWS], &at)) return hn_image_cut_short(err);
        const uint8_t *from = span(image->bytes, at + y % t.first[ROWS] * row, row);
        if (!from) return hn_image_cut_short(err);
        put_row(rgb + y * image->width * 3, from, image->width, step,
                t.first[MEANING] == 0 ? UINT8_MAX : 0);
    }
    return HN_OK;
}

const struct hn_image_format hn_image_plain[] = {
    {"BMP", HN_STR("BM"), open_bmp, decode_bmp},
    {"PNM", HN_STR("P5"), open_pnm, decode_pnm},
    {"PNM", HN_STR("P6"), open_pnm, decode_pnm},
    {"TIFF", HN_STR("II*\0"), open_tiff, decode_tiff},
    {"TIFF", HN_STR("MM\0*"), open_tiff, decode_tiff},
    {0},
};
