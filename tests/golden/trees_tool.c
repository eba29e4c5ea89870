/* trees_tool MODEL X.npy FOLDER THREADS PARTS: every output of a model of trees as FOLDER/NAME.npy. X is
 * given to the model in runs of PARTS rows each (0: all at once), so that tests see that neither their
 * number nor the threads' changes a bit. Prints the names of the columns. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "formats/npy.h"
#include "model/predictor.h"

static struct hn_error err;

static void check(enum hn_status status)
{
    if (status >= 0) return;
    (void)fprintf(stderr, "%s\n", err.text);
    exit(1);
}

int main(int argc, char **argv)
{
    if (argc != 6) return 2;
    struct hn_map map;
    struct hn_npy x;
    struct hn_predictor *model;
    struct hn_pool *pool;
    struct hn_prediction *run;
    const struct hn_predictor_options options = {.cpu = getenv("HENCE_CPU")};
    check(hn_predictor_open(argv[1], &options, &model, &err));
    const struct hn_predictor_about *about = hn_predictor_about(model);
    for (size_t i = 0; i < about->inputs[0].n_labels; i++)
        printf("%s\n", about->inputs[0].labels[i]);
    check(hn_map_open(argv[2], &map, &err));
    check(hn_npy_parse((struct hn_str){(const char *)map.data, map.size}, argv[2], &x, &err));
    check(hn_pool_create((unsigned)atoi(argv[4]), &pool, &err));
    check(hn_prediction_begin(model, pool, &run, &err));
    const size_t rows = x.shape[0];
    const size_t part = atoi(argv[5]) ? (size_t)atoi(argv[5]) : rows;
    struct hn_buf data[8] = {{0}};
    struct hn_array out[8];
    bool wanted[8];
    memset(wanted, 1, sizeof wanted);
    for (size_t first = 0; first < rows; first += part) {
        const size_t n = rows - first < part ? rows - first : part;
        struct hn_array in = {.type = x.item_bytes == 8 ? HN_EL_F64 : HN_EL_F32,
                              .n_dims = 2,
                              .shape = {n, x.shape[1]},
                              .n = n * x.shape[1]};
        in.data = malloc(in.n * x.item_bytes + 1);
        if (!in.data) return 1;
        memcpy(in.data, (const char *)x.data + first * x.shape[1] * x.item_bytes,
               in.n * x.item_bytes);
        check(hn_prediction_run(run, (const struct hn_array *const[]){&in}, wanted, out, &err));
        for (size_t i = 0; i < about->n_outputs; i++)
            check(
                hn_buf_add(&data[i], out[i].data, out[i].n * hn_element_info(out[i].type)->bytes));
        free(in.data);
    }
    for (size_t i = 0; i < about->n_outputs; i++) {
        struct hn_buf file = {0};
        char path[4096];
        out[i].shape[0] = rows;
        check(
            hn_npy_header(&file, hn_element_info(out[i].type)->descr, out[i].shape, out[i].n_dims));
        check(hn_buf_add(&file, data[i].p, data[i].n));
        (void)snprintf(path, sizeof path, "%s/%s.npy", argv[3], about->outputs[i].name);
        check(hn_file_write(path, file.p, file.n, &err));
        hn_buf_free(&file);
        hn_buf_free(&data[i]);
    }
    hn_prediction_end(run);
    hn_pool_destroy(pool);
    hn_map_close(&map);
    hn_predictor_close(model);
    return 0;
}
