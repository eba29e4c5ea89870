/* Regions of images: RoiAlign, MaxRoiPool and NonMaxSuppression. */
#include "model/graph/op_args.h"
#include "model/graph/op_key.h"
#include "model/graph/op_list.h"

#include <math.h>
#include <stdlib.h>

#include "base/bits.h"

/* One region: where it begins, how large its parts are, and how many points of each are looked at. */
struct region {
    double x, y, part_x, part_y;
    size_t points_x, points_y;
};

struct align {
    size_t height, width; /* of the image */
    size_t rows, columns; /* of the output */
    double scale;
    int64_t ratio;
    bool half_pixel, max;
};

static enum hn_status read_align(struct hn_op *op, struct align *a)
{
    const struct hn_array *x = op->in[0], *rois = op->in[1];
    const int64_t rows = hn_op_int(op, "output_height", 1),
                  columns = hn_op_int(op, "output_width", 1);
    const struct hn_str mode = hn_op_text(op, "mode", "avg");
    const struct hn_str shift = hn_op_text(op, "coordinate_transformation_mode",
                                           op->opset < 16 ? "output_half_pixel" : "half_pixel");
    if (!hn_element_is_float(x->type)) return hn_op_fail_type(op, 0);
    if (!hn_element_is_float(rois->type)) return hn_op_fail_type(op, 1);
    if (x->n_dims != 4 || rois->n_dims != 2 || rois->shape[1] != 4 ||
        op->in[2]->n != rois->shape[0] || rows < 1 || columns < 1 || rows > INT32_MAX ||
        columns > INT32_MAX)
        return hn_op_fail(op, HN_E_FORMAT, "images, regions and their batch_indices do not fit");
    a->height = x->shape[2], a->width = x->shape[3];
    a->rows = (size_t)rows, a->columns = (size_t)columns;
    a->scale = (double)hn_op_float(op, "spatial_scale", 1);
    a->ratio = hn_op_int(op, "sampling_ratio", 0);
    a->half_pixel = hn_str_is(shift, "half_pixel");
    a->max = hn_str_is(mode, "max");
    return HN_OK;
}

static enum hn_status points_of(struct hn_op *op, const struct align *a, double part, size_t *out)
{
    const double points = a->ratio > 0 ? (double)a->ratio : ceil(part);
    if (!(points < 1 << 14)) return hn_op_fail(op, HN_E_LIMIT, "a region of %g points", points);
    *out = points > 0 ? (size_t)points : 0;
    return HN_OK;
}

static enum hn_status read_region(struct hn_op *op, const struct align *a, size_t i,
                                  struct region *r)
{
    double at[4];
    for (size_t k = 0; k < 4; k++)
        at[k] = hn_array_real(op->in[1], 4 * i + k) * a->scale - (a->half_pixel ? 0.5 : 0);
    const double least = a->half_pixel ? -INFINITY : 1;
    r->x = at[0], r->y = at[1];
    r->part_x = fmax(at[2] - at[0], least) / (double)a->columns;
    r->part_y = fmax(at[3] - at[1], least) / (double)a->rows;
    HN_TRY(points_of(op, a, r->part_x, &r->points_x));
    return points_of(op, a, r->part_y, &r->points_y);
}

/* Where a coordinate lies between two elements of n; false outside of the image. */
static bool between(double v, size_t n, size_t *low, size_t *high, double *part)
{
    if (!(v >= -1 && v <= (double)n)) return false;
    v = fmax(v, 0);
    *low = *high = n - 1, *part = 0;
    if (v >= (double)(n - 1)) return true;
    *low = (size_t)v, *high = *low + 1;
    *part = v - (double)*low;
    return true;
}

/* The value at a point, linear between its four neighbours; or their largest share. */
static double point(const struct align *a, const struct hn_array *x, size_t image, double at_y,
                    double at_x)
{
    size_t y0, y1, x0, x1;
    double y, fx;
    if (!between(at_y, a->height, &y0, &y1, &y) || !between(at_x, a->width, &x0, &x1, &fx))
        return 0;
    const double parts[4] = {
        (1 - y) * (1 - fx) * hn_array_real(x, image + y0 * a->width + x0),
        (1 - y) * fx * hn_array_real(x, image + y0 * a->width + x1),
        y * (1 - fx) * hn_array_real(x, image + y1 * a->width + x0),
        y * fx * hn_array_real(x, image + y1 * a->width + x1),
    };
    if (a->max) return fmax(fmax(parts[0], parts[1]), fmax(parts[2], parts[3]));
    return parts[0] + parts[1] + parts[2] + parts[3];
}

static double pool_part(const struct align *a, const struct region *r, const struct hn_array *x,
                        size_t image, size_t row, size_t column)
{
    double sum = 0, most = -INFINITY;
    const double top = r->y + (double)row * r->part_y, left = r->x + (double)column * r->part_x;
    for (size_t i = 0; i < r->points_y; i++)
        for (size_t j = 0; j < r->points_x; j++) {
            const double v =
                point(a, x, image, top + ((double)i + 0.5) * r->part_y / (double)r->points_y,
                      left + ((double)j + 0.5) * r->part_x / (double)r->points_x);
            sum += v, most = fmax(most, v);
        }
    const size_t n = r->points_x * r->points_y;
    return n == 0 ? 0 : a->max ? most : sum / (double)n;
}

enum hn_status hn_op_roi_align(struct hn_op *op)
{
    const struct hn_array *x = op->in[0];
    const int64_t *batches;
    size_t n, at = 0;
    struct align a = {.rows = 0};
    HN_TRY(read_align(op, &a));
    HN_TRY(hn_op_ints_of(op, 2, &batches, &n));
    const size_t shape[4] = {n, x->shape[1], a.rows, a.columns};
    if (!hn_op_out(op, 0, x->type, shape, 4)) return hn_op_failed(op);
    for (size_t i = 0; i < n && op->out[0].n; i++) {
        struct region r = {.x = 0};
        size_t batch;
        if (batches[i] < 0 || !hn_index(batches[i], x->shape[0], &batch) || a.width * a.height == 0)
            return hn_op_fail(op, HN_E_FORMAT, "image %lld of %zu", (long long)batches[i],
                              x->shape[0]);
        HN_TRY(read_region(op, &a, i, &r));
        for (size_t c = 0; c < shape[1]; c++)
            for (size_t part = 0; part < a.rows * a.columns; part++) {
                HN_TRY(hn_op_check(op));
                hn_array_set_real(&op->out[0], at++,
                                  pool_part(&a, &r, x, (batch * shape[1] + c) * a.height * a.width,
                                            part / a.columns, part % a.columns));
            }
    }
    return HN_OK;
}

/* One dimension of part i of n of a region: elements [from, to) of an image's `limit`. */
static void part_bounds(double start, double end, size_t i, size_t n, size_t limit, size_t *from,
                        size_t *to)
{
    const double size = fmax(end - start + 1, 1) / (double)n, most = (double)limit;
    *from = (size_t)fmin(fmax(floor((double)i * size) + start, 0), most);
    *to = (size_t)fmin(fmax(ceil((double)(i + 1) * size) + start, 0), most);
}

enum hn_status hn_op_max_roi_pool(struct hn_op *op)
{
    const struct hn_array *x = op->in[0], *rois = op->in[1];
    const double scale = (double)hn_op_float(op, "spatial_scale", 1);
    size_t n, at = 0;
    const int64_t *pooled = hn_op_ints(op, "pooled_shape", &n);
    if (!hn_element_is_float(x->type)) return hn_op_fail_type(op, 0);
    if (x->n_dims != 4 || rois->n_dims != 2 || rois->shape[1] != 5 || n != 2 || pooled[0] < 1 ||
        pooled[1] < 1 || !hn_element_is_float(rois->type))
        return hn_op_fail(op, HN_E_FORMAT, "images, regions and pooled_shape do not fit");
    const size_t shape[4] = {rois->shape[0], x->shape[1], (size_t)pooled[0], (size_t)pooled[1]};
    if (!hn_op_out(op, 0, x->type, shape, 4)) return hn_op_failed(op);
    const size_t height = x->shape[2], width = x->shape[3];
    for (size_t i = 0; i < op->out[0].n; i++) {
        const size_t roi = i / (shape[1] * shape[2] * shape[3]),
                     c = i / (shape[2] * shape[3]) % shape[1];
        double r[5];
        for (size_t k = 0; k < 5; k++)
            r[k] = hn_array_real(rois, roi * 5 + k) * (k ? scale : 1);
        if (!(r[0] >= 0 && r[0] < (double)x->shape[0]))
            return hn_op_fail(op, HN_E_FORMAT, "image %g of %zu", r[0], x->shape[0]);
        size_t top, bottom, left, right;
        part_bounds(round(r[2]), round(r[4]), i / shape[3] % shape[2], shape[2], height, &top,
                    &bottom);
        part_bounds(round(r[1]), round(r[3]), i % shape[3], shape[3], width, &left, &right);
        double most = bottom > top && right > left ? -INFINITY : 0;
        HN_TRY(hn_op_check(op));
        for (size_t y = top; y < bottom; y++)
            for (size_t z = left; z < right; z++)
                most = fmax(most, hn_array_real(
                                      x, (((size_t)r[0] * shape[1] + c) * height + y) * width + z));
        hn_array_set_real(&op->out[0], at++, most);
    }
    return HN_OK;
}

/* A box by its corners. */
struct box {
    float x0, y0, x1, y1;
};

static struct box read_box(const float *v, bool centre)
{
    if (centre)
        return (struct box){v[0] - v[2] / 2, v[1] - v[3] / 2, v[0] + v[2] / 2, v[1] + v[3] / 2};
    return (struct box){fminf(v[1], v[3]), fminf(v[0], v[2]), fmaxf(v[1], v[3]), fmaxf(v[0], v[2])};
}

/* Whether the common area exceeds that share of the area of both. */
static bool overlap(struct box a, struct box b, float threshold)
{
    const float width = fminf(a.x1, b.x1) - fmaxf(a.x0, b.x0);
    const float height = fminf(a.y1, b.y1) - fmaxf(a.y0, b.y0);
    if (!(width > 0 && height > 0)) return false;
    const float common = width * height;
    const float size_a = (a.x1 - a.x0) * (a.y1 - a.y0), size_b = (b.x1 - b.x0) * (b.y1 - b.y0);
    const float both = size_a + size_b - common;
    return size_a > 0 && size_b > 0 && both > 0 && common / both > threshold;
}

/* A candidate: the best scores first, of equal ones the first box. */
struct candidate {
    uint64_t key;
    size_t box;
};

static int compare(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (x->key != y->key) return x->key > y->key ? -1 : 1;
    return (x->box > y->box) - (x->box < y->box);
}

struct suppression {
    const struct hn_array *scores;
    size_t n_boxes, most;
    float iou, least;
    bool has_least, centre;
    struct candidate *candidates;
    struct box *chosen; /* with the indices that they have */
    size_t *indices;
};

/* One class of one image; its scores begin at `start`. Returns how many boxes are chosen. */
static size_t suppress(const struct suppression *s, const float *boxes, size_t start)
{
    const float *scores = (const float *)s->scores->data + start;
    size_t n = 0, n_chosen = 0;
    for (size_t i = 0; i < s->n_boxes; i++) {
        if (s->has_least && !(scores[i] > s->least)) continue;
        s->candidates[n].box = i;
        hn_keys(s->scores, start + i, 1, 1, &s->candidates[n].key);
        if (isnan(scores[i])) s->candidates[n].key = 0;
        n++;
    }
    qsort(s->candidates, n, sizeof *s->candidates, compare);
    for (size_t i = 0; i < n && n_chosen < s->most; i++) {
        const struct box box = read_box(boxes + 4 * s->candidates[i].box, s->centre);
        bool keep = true;
        for (size_t k = 0; keep && k < n_chosen; k++)
            keep = !overlap(box, s->chosen[k], s->iou);
        if (!keep) continue;
        s->chosen[n_chosen] = box;
        s->indices[n_chosen++] = s->candidates[i].box;
    }
    return n_chosen;
}

/* The one number in an optional input of floats. */
static enum hn_status read_threshold(struct hn_op *op, size_t i, float *out, bool *has)
{
    const struct hn_array *x = hn_op_in(op, i);
    if (!x || x->n == 0) return HN_OK;
    if (!hn_element_is_float(x->type)) return hn_op_fail_type(op, i);
    *out = (float)hn_array_real(x, 0);
    if (has) *has = true;
    return HN_OK;
}

static enum hn_status read_suppression(struct hn_op *op, struct suppression *s)
{
    const struct hn_array *boxes = op->in[0], *scores = op->in[1];
    int64_t most = 0;
    if (boxes->type != HN_EL_F32) return hn_op_fail_type(op, 0);
    if (scores->type != HN_EL_F32) return hn_op_fail_type(op, 1);
    if (boxes->n_dims != 3 || scores->n_dims != 3 || boxes->shape[2] != 4 ||
        boxes->shape[0] != scores->shape[0] || boxes->shape[1] != scores->shape[2])
        return hn_op_fail(op, HN_E_FORMAT, "boxes and scores do not fit");
    if (hn_op_in(op, 2) && op->in[2]->n) HN_TRY(hn_op_one_int(op, 2, &most));
    *s = (struct suppression){.scores = scores, .n_boxes = boxes->shape[1]};
    HN_TRY(read_threshold(op, 3, &s->iou, NULL));
    HN_TRY(read_threshold(op, 4, &s->least, &s->has_least));
    s->centre = hn_op_int(op, "center_point_box", 0) != 0;
    s->most = most < 0 ? 0 : hn_min((size_t)most, s->n_boxes);
    s->candidates = hn_op_scratch(op, s->n_boxes, sizeof *s->candidates);
    s->chosen = hn_op_scratch(op, s->most, sizeof *s->chosen);
    s->indices = hn_op_scratch(op, s->most, sizeof *s->indices);
    return s->candidates && s->chosen && s->indices ? HN_OK : hn_op_failed(op);
}

enum hn_status hn_op_non_max_suppression(struct hn_op *op)
{
    struct suppression s = {.most = 0};
    size_t n = 0, room;
    HN_TRY(read_suppression(op, &s));
    const size_t batches = op->in[1]->shape[0], classes = op->in[1]->shape[1];
    if (!hn_mul(batches * classes, s.most, &room)) return hn_op_fail(op, HN_E_LIMIT, "boxes");
    int64_t(*found)[3] = hn_op_scratch(op, room, sizeof *found);
    if (!found) return hn_op_failed(op);
    for (size_t i = 0; i < batches * classes && s.most; i++) {
        HN_TRY(hn_op_check(op));
        const float *boxes = (const float *)op->in[0]->data + i / classes * s.n_boxes * 4;
        const size_t chosen = suppress(&s, boxes, i * s.n_boxes);
        for (size_t k = 0; k < chosen; k++, n++) {
            found[n][0] = (int64_t)(i / classes), found[n][1] = (int64_t)(i % classes);
            found[n][2] = (int64_t)s.indices[k];
        }
    }
    const size_t shape[2] = {n, 3};
    void *y = hn_op_out(op, 0, HN_EL_I64, shape, 2);
    if (!y) return hn_op_failed(op);
    if (n) memcpy(y, found, n * sizeof *found);
    return HN_OK;
}
