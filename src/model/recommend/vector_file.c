#include "model/recommend/vector_file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/npy.h"
#include "model/recommend/vectors.h"
#include "tensor/element.h"

/* What is there instead, "int64 [6][2]". */
static enum hn_status no_matrix(const char *path, const char *type, const size_t *shape, size_t n,
                                struct hn_error *err)
{
    struct hn_buf dims = {0};
    for (size_t i = 0; i < n; i++)
        hn_buf_printf(&dims, "[%zu]", shape[i]);
    const enum hn_status status =
        hn_fail(err, HN_E_FORMAT, "%s: %s %s, and vectors are [items][dims] of float32, 64 or 16",
                path, type, dims.n ? dims.p : "without dimensions");
    hn_buf_free(&dims);
    return status;
}

static enum hn_status open_npy(struct hn_vector_file *m, struct hn_error *err)
{
    struct hn_npy npy;
    char type[32];
    HN_TRY(hn_map_open(m->path, &m->map, err));
    HN_TRY(hn_npy_parse(hn_map_view(&m->map), m->path, &npy, err));
    snprintf(type, sizeof type, "NumPy's '%c%zu'", npy.kind, npy.item_bytes);
    if (npy.kind != 'f' || npy.item_bytes > 8 || npy.n_dims != 2)
        return no_matrix(m->path, type, npy.shape, npy.n_dims, err);
    m->type = npy.item_bytes == 8 ? HN_EL_F64 : npy.item_bytes == 4 ? HN_EL_F32 : HN_EL_F16;
    m->data = npy.data;
    m->rows = npy.shape[0];
    m->dims = npy.shape[1];
    return HN_OK;
}

/* The error of a file that has no tensor of that name, or several and none is named. */
static enum hn_status which(const struct hn_vector_file *m, const char *tensor,
                            struct hn_error *err)
{
    struct hn_buf names = {0};
    for (size_t i = 0; i < m->st->n && names.n < 200; i++)
        hn_buf_printf(&names, "%s%.*s", i ? ", " : "", HN_FMT(m->st->items[i].name));
    const enum hn_status status =
        hn_fail(err, HN_E_FORMAT, "%s: 'tensor' has to name one of its tensors%s%s%s (%s)", m->path,
                tensor ? ", and not '" : "", tensor ? tensor : "", tensor ? "'" : "",
                names.n ? names.p : "there are none");
    hn_buf_free(&names);
    return status;
}

static enum hn_status open_safetensors(struct hn_vector_file *m, const char *tensor,
                                       struct hn_error *err)
{
    HN_TRY(hn_safetensors_open(m->path, &m->st, err));
    const struct hn_st_tensor *t = tensor          ? hn_safetensors_find(m->st, hn_str_from(tensor))
                                   : m->st->n == 1 ? m->st->items
                                                   : NULL;
    if (!t) return which(m, tensor, err);
    switch (t->dtype) {
    case HN_ST_F32: m->type = HN_EL_F32; break;
    case HN_ST_F64: m->type = HN_EL_F64; break;
    case HN_ST_F16: m->type = HN_EL_F16; break;
    case HN_ST_BF16: m->type = HN_EL_BF16; break;
    default: m->type = HN_ELEMENTS;
    }
    if (m->type == HN_ELEMENTS || t->n_dims != 2)
        return no_matrix(m->path, hn_st_dtype_name(t->dtype), t->shape, (size_t)t->n_dims, err);
    m->data = t->data;
    m->rows = t->shape[0];
    m->dims = t->shape[1];
    return HN_OK;
}

enum hn_status hn_vector_file_open(const char *path, const char *tensor, struct hn_vector_file *out,
                                   struct hn_error *err)
{
    *out = (struct hn_vector_file){.path = strdup(path)};
    enum hn_status status = out->path ? HN_OK : hn_fail_nomem(err, path, strlen(path));
    if (status >= 0)
        status = hn_str_ends(hn_str_from(path), HN_STR(".npy"))
                     ? open_npy(out, err)
                     : open_safetensors(out, tensor, err);
    if (status >= 0 && (!out->dims || out->dims > HN_VECTOR_DIMS))
        status = hn_fail(err, HN_E_LIMIT, "%s: vectors of %zu elements; 1 to %d are possible", path,
                         out->dims, HN_VECTOR_DIMS);
    if (status >= 0 && !(out->row = malloc(out->dims * sizeof(double))))
        status = hn_fail_nomem(err, path, out->dims * sizeof(double));
    if (status < 0) hn_vector_file_close(out);
    return status;
}

enum hn_status hn_vector_file_row(struct hn_vector_file *m, size_t at, float *out,
                                  struct hn_error *err)
{
    const size_t bytes = m->dims * hn_element_info(m->type)->bytes;
    memcpy(m->row, m->data + at * bytes, bytes);
    if (m->type == HN_EL_F32) memcpy(out, m->row, bytes);
    else (void)hn_element_convert(HN_EL_F32, out, m->type, m->row, m->dims, (struct hn_convert){0});
    for (size_t i = 0; i < m->dims; i++)
        if (!isfinite(out[i]))
            return hn_fail(err, HN_E_FORMAT,
                           "%s: row %zu (from 0): element %zu is no number of float32", m->path, at,
                           i);
    return HN_OK;
}

void hn_vector_file_close(struct hn_vector_file *m)
{
    hn_map_close(&m->map);
    hn_safetensors_close(m->st);
    free(m->row);
    free(m->path);
    *m = (struct hn_vector_file){0};
}
