/* A matrix of floats in a file: the vectors of items. */
#ifndef HN_MODEL_RECOMMEND_VECTOR_FILE_H
#define HN_MODEL_RECOMMEND_VECTOR_FILE_H

#include "base/file.h"
#include "formats/safetensors.h"
#include "tensor/array.h"

struct hn_vector_file {
    char *path; /* of the file, for errors; owned */
    size_t rows, dims;

    /* Of whoever opened it. */
    struct hn_map map;         /* a .npy file */
    struct hn_safetensors *st; /* or safetensors */
    const unsigned char *data; /* [rows][dims], little-endian, no alignment promised */
    enum hn_element type;      /* float32, float64, float16 or bfloat16 */
    void *row;                 /* memory for one; owned */
};

/* Opens a .npy file, or safetensors with the tensor of that name (NULL: the only one). Errors name the file and
 * what is in it. A zeroed matrix is closed. */
enum hn_status hn_vector_file_open(const char *path, const char *tensor, struct hn_vector_file *out,
                                   struct hn_error *err);
/* Row `at` as float32. HN_E_FORMAT: it is not finite. */
enum hn_status hn_vector_file_row(struct hn_vector_file *m, size_t at, float *out,
                                  struct hn_error *err);
void hn_vector_file_close(struct hn_vector_file *m);

#endif
