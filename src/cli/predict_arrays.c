/* NumPy arrays in, NumPy arrays out. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/file.h"
#include "base/real.h"
#include "cli/predict_session.h"
#include "cli/show.h"
#include "formats/npy_array.h"
#include "tensor/element.h"

enum { SHOWN = 8 /* elements of an output that is shown */ };

struct inputs {
    struct hn_array *arrays;
    const struct hn_array **in;
    size_t n;
};

/* --- in ---------------------------------------------------------------------------------------- */

/* The sign in "NAME=FILE"; NULL: there is no name. One that is there is a file, whatever its name. */
static const char *sign_in(const char *word)
{
    const char *sign = strchr(word, '=');
    return sign && access(word, F_OK) != 0 ? sign : NULL;
}

/* Which input a word "[NAME=]FILE" is for, and the file's path. */
static enum hn_status find_input(const struct hn_predictor_about *about, const char *word,
                                 const struct inputs *inputs, size_t *index, const char **path,
                                 struct hn_error *err)
{
    const char *sign = sign_in(word);
    *path = word;
    if (sign) {
        const struct hn_str name = {word, (size_t)(sign - word)};
        *path = sign + 1;
        HN_TRY(hn_predictor_input(about, name, index, err));
        if (inputs->in[*index])
            return hn_fail(err, HN_E_ARG, "the input '%.*s' is given twice", HN_FMT(name));
        return HN_OK;
    }
    *index = 0;
    while (*index < about->n_inputs && inputs->in[*index])
        ++*index;
    if (*index < about->n_inputs) return HN_OK;
    return hn_fail(err, HN_E_ARG, "%s: the model has %zu inputs, and all are given", word,
                   about->n_inputs);
}

static enum hn_status read_array(const char *path, struct hn_array *out, struct hn_error *err)
{
    struct hn_map map;
    struct hn_npy npy;
    HN_TRY(hn_map_open(path, &map, err));
    const struct hn_str bytes = hn_map_view(&map);
    enum hn_status status = hn_npy_parse_any(bytes, path, &npy, err);
    if (status >= 0) status = hn_npy_array(&npy, path, out, err);
    hn_map_close(&map);
    return status;
}

static enum hn_status read_inputs(const struct hn_predict_options *o,
                                  const struct hn_predictor_about *about, struct inputs *inputs,
                                  struct hn_error *err)
{
    inputs->n = about->n_inputs;
    inputs->arrays = calloc(about->n_inputs + 1, sizeof *inputs->arrays);
    inputs->in = calloc(about->n_inputs + 1, sizeof *inputs->in);
    if (!inputs->arrays || !inputs->in) return hn_fail_nomem(err, "inputs", about->n_inputs);
    /* Those with a name first, so that the others take what is left. */
    for (int named = 1; named >= 0; named--)
        for (size_t i = 0; i < o->n_inputs; i++) {
            size_t index;
            const char *path, *word = o->inputs[i];
            if ((sign_in(word) != NULL) != named) continue;
            HN_TRY(find_input(about, word, inputs, &index, &path, err));
            HN_TRY(read_array(path, &inputs->arrays[index], err));
            inputs->in[index] = &inputs->arrays[index];
        }
    return HN_OK;
}

static void free_inputs(struct inputs *inputs)
{
    for (size_t i = 0; inputs->arrays && i < inputs->n; i++)
        free(inputs->arrays[i].data);
    free(inputs->arrays);
    free(inputs->in);
}

/* --- out --------------------------------------------------------------------------------------- */

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           strchr("._-", c);
}

/* DIR/NAME.npy. */
static enum hn_status name_file(const char *dir, const char *name, struct hn_buf *out)
{
    hn_buf_clear(out);
    hn_buf_printf(out, "%s/", dir);
    for (const char *p = name; *p; p++)
        hn_buf_char(out, is_plain(*p) ? *p : '_');
    return hn_buf_text(out, ".npy");
}

/* Outputs whose names differ only in what is replaced would be one file. */
static enum hn_status check_names(const struct hn_predict_session *s, struct hn_error *err)
{
    struct hn_buf a = {0}, b = {0};
    enum hn_status status = HN_OK;
    for (size_t i = 0; i < s->about->n_outputs && status >= 0; i++)
        for (size_t j = 0; j < i && status >= 0; j++) {
            if (!s->wanted[i] || !s->wanted[j]) continue;
            if (name_file("", s->about->outputs[i].name, &a) < 0 ||
                name_file("", s->about->outputs[j].name, &b) < 0)
                status = hn_fail_nomem(err, "a name", a.n);
            else if (hn_str_eq(hn_buf_view(&a), hn_buf_view(&b)))
                status = hn_fail(err, HN_E_ARG,
                                 "the outputs '%s' and '%s' would be one file: choose "
                                 "one with --outputs",
                                 s->about->outputs[j].name, s->about->outputs[i].name);
        }
    hn_buf_free(&a);
    hn_buf_free(&b);
    return status;
}

static enum hn_status write_output(const char *dir, const char *name, const struct hn_array *a,
                                   struct hn_buf *path, struct hn_error *err)
{
    struct hn_buf bytes = {0};
    enum hn_status status = name_file(dir, name, path);
    if (status < 0) return hn_fail_nomem(err, "a name", path->n);
    status = hn_npy_put_array(&bytes, a, err);
    if (status >= 0) status = hn_file_write(path->p, bytes.p, bytes.n, err);
    hn_buf_free(&bytes);
    return status;
}

static void show_element(const struct hn_array *a, size_t i)
{
    char text[HN_REAL_TEXT];
    if (a->type == HN_EL_STRING) {
        putchar(' ');
        hn_show_quoted(stdout, ((const struct hn_str *)a->data)[i], 60);
    } else if (a->type == HN_EL_BOOL) {
        printf(" %s", ((const bool *)a->data)[i] ? "true" : "false");
    } else if (hn_element_is_integer(a->type)) {
        printf(" %lld", (long long)hn_array_integer(a, i));
    } else if (hn_element_is_float(a->type)) {
        hn_real_text(hn_array_real(a, i), a->type != HN_EL_F64, text);
        printf(" %s", text);
    }
}

static void show_output(const char *name, const struct hn_array *a)
{
    char shape[160];
    hn_show_quoted(stdout, hn_str_from(name), 200);
    printf(": %s %s:", hn_element_info(a->type)->name,
           hn_shape_text(a->shape, a->n_dims, shape, sizeof shape));
    for (size_t i = 0; i < a->n && i < SHOWN; i++)
        show_element(a, i);
    puts(a->n > SHOWN ? " ..." : "");
}

/* With the folders that it lies in. */
static enum hn_status make_folder(const char *path, struct hn_error *err)
{
    char *part = strdup(path);
    if (!part) return hn_fail_nomem(err, "a path", strlen(path));
    for (char *slash = part; (slash = strchr(slash + 1, '/'));) {
        *slash = '\0';
        (void)mkdir(part, 0777); /* what is wrong with it shows at the last */
        *slash = '/';
    }
    free(part);
    if (mkdir(path, 0777) == 0 || errno == EEXIST) return HN_OK;
    return hn_fail(err, HN_E_IO, "%s: %s", path, strerror(errno));
}

static enum hn_status give_outputs(const struct hn_predict_options *o,
                                   const struct hn_predict_session *s, struct hn_json_writer *w,
                                   struct hn_error *err)
{
    struct hn_buf path = {0};
    enum hn_status status = HN_OK;
    if (o->out_dir) HN_TRY(make_folder(o->out_dir, err));
    hn_json_open(w, "outputs", '[');
    for (size_t i = 0; i < s->about->n_outputs && status >= 0; i++) {
        const char *name = s->about->outputs[i].name;
        if (!s->wanted[i]) continue;
        hn_predict_put_array(w, name, &s->out[i]);
        if (o->out_dir) {
            status = write_output(o->out_dir, name, &s->out[i], &path, err);
            hn_json_put_text(w, "file", hn_buf_view(&path));
        } else if (!o->json) {
            show_output(name, &s->out[i]);
        }
        hn_json_close(w, '}');
    }
    hn_json_close(w, ']');
    hn_buf_free(&path);
    return status;
}

enum hn_status hn_predict_arrays(const struct hn_predict_options *o, struct hn_predict_session *s,
                                 struct hn_json_writer *w, struct hn_error *err)
{
    struct inputs inputs = {0};
    enum hn_status status = o->out_dir ? check_names(s, err) : HN_OK;
    if (status >= 0) status = read_inputs(o, s->about, &inputs, err);
    if (status >= 0) status = hn_predict_go(s, inputs.in, err);
    hn_json_open(w, "inputs", '[');
    for (size_t i = 0; status >= 0 && i < inputs.n; i++) {
        if (!inputs.in[i]) continue;
        hn_predict_put_array(w, s->about->inputs[i].name, inputs.in[i]);
        hn_json_close(w, '}');
    }
    hn_json_close(w, ']');
    if (status >= 0) status = give_outputs(o, s, w, err);
    free_inputs(&inputs);
    return status;
}
