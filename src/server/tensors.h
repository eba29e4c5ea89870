/* Tensors of the Open Inference Protocol: their datatypes, as JSON, and as bytes. */
#ifndef HN_SERVER_TENSORS_H
#define HN_SERVER_TENSORS_H

#include "base/arena.h"
#include "base/json_read.h"
#include "tensor/array.h"
#include "text/json_write.h"

/* "FP32", "BYTES", ...; of types that the protocol lacks, that which they are widened to. NULL: complex. */
const char *hn_datatype_name(enum hn_element type);
bool hn_datatype_find(struct hn_str name, enum hn_element *out);

/* Reads a->n elements of a->type into a->data (of struct hn_str for texts): an array, nested or not. null
 * stands for NaN. Texts are views of the document or lie in the arena. HN_E_FORMAT. */
enum hn_status hn_tensor_read(struct hn_json_reader *r, struct hn_array *a, struct hn_arena *arena);
/* Reads one value into element `at`. */
enum hn_status hn_tensor_read_one(struct hn_json_reader *r, struct hn_array *a, size_t at,
                                  struct hn_arena *arena);
/* The same from raw elements, little-endian and without gaps; texts are a length of 4 bytes and so many
 * bytes. a->data becomes a view of them or lies in the arena. */
enum hn_status hn_tensor_read_raw(struct hn_str bytes, struct hn_array *a, struct hn_arena *arena,
                                  struct hn_error *err);

/* Element `at` as a value; what is no finite number is null. */
void hn_tensor_put_one(struct hn_json_writer *w, const char *key, const struct hn_array *a,
                       size_t at);
/* All of them as a flat array. */
void hn_tensor_put(struct hn_json_writer *w, const char *key, const struct hn_array *a);
/* Raw elements, appended; returns how many bytes. */
size_t hn_tensor_put_raw(struct hn_buf *out, const struct hn_array *a);

#endif
