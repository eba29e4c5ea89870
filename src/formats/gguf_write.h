/* Writes GGUF 3 in one pass: all keys and the tensor table first, then the data, in pieces of any
 * size. The file appears under its name when it is whole. */
#ifndef HN_FORMATS_GGUF_WRITE_H
#define HN_FORMATS_GGUF_WRITE_H

#include <stddef.h>

#include "base/status.h"
#include "tensor/meta.h"
#include "tensor/weights.h"

struct hn_gguf_writer;

/* Writes the head. `meta` must be indexed; its general.alignment is obeyed. Of the n tensors only
 * name, type and shape are read (their data may be NULL); their order is the order of the data. */
enum hn_status hn_gguf_write_begin(const char *path, const struct hn_meta *meta,
                                   const struct hn_tensor *tensors, size_t n,
                                   struct hn_gguf_writer **out, struct hn_error *err);

/* Appends data: the tensors' bytes one after another, without padding (the writer adds it), in
 * calls that need not end where a tensor ends. HN_E_ARG when it is more than the table says. */
enum hn_status hn_gguf_write_data(struct hn_gguf_writer *writer, const void *bytes, size_t n,
                                  struct hn_error *err);

/* Puts the file in its place; HN_E_ARG when data is missing. Frees the writer in any case. */
enum hn_status hn_gguf_write_end(struct hn_gguf_writer *writer, struct hn_error *err);

/* Removes what was written and frees the writer. NULL is fine. */
void hn_gguf_write_abandon(struct hn_gguf_writer *writer);

/* The whole of it for tensors that have their data. */
enum hn_status hn_gguf_write(const char *path, const struct hn_meta *meta,
                             const struct hn_tensor *tensors, size_t n, struct hn_error *err);

#endif
