/* GGUF, versions 2 and 3: a model file mapped and checked, as plain tables.
 *
 * Layout (little-endian): "GGUF", u32 version, u64 tensors, u64 keys; the keys: string name, u32
 * type, value; the tensors: string name, u32 dimensions, u64 ne[], u32 type, u64 offset; padding to
 * the alignment; the data. A string is u64 length, bytes. An array is u32 type, u64 length,
 * elements. */
#ifndef HN_FORMATS_GGUF_H
#define HN_FORMATS_GGUF_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/status.h"
#include "tensor/meta.h"
#include "tensor/weights.h"

/* What a file may ask for. Every count is also checked against the bytes that are there, so these
 * bound work and tables, not reads. Far above any file seen in the wild. */
enum {
    HN_GGUF_MAX_KEYS = 1 << 14,
    HN_GGUF_MAX_TENSORS = 1 << 16,
    HN_GGUF_MAX_SHARDS = 1024,
    HN_GGUF_MAX_KEY_BYTES = (1 << 16) - 1, /* the specification's */
    HN_GGUF_MAX_NAME_BYTES = 255,          /* of a tensor; the specification says 64 */
    HN_GGUF_MAX_STRING_BYTES = 1 << 24,
    HN_GGUF_MAX_ARRAY = 1 << 24,
    HN_GGUF_MAX_META_BYTES = 1 << 29, /* header and keys of one file */
    HN_GGUF_MAX_ALIGNMENT = 1 << 20,
    HN_GGUF_ALIGNMENT = 32, /* unless general.alignment says otherwise */
};

/* A model's content: metadata and weights, whatever the door it came through (a Hugging Face folder
 * is translated to the same tables). Views point into the maps or the arena; everything lives as
 * long as the struct. */
struct hn_gguf {
    struct hn_meta meta;       /* indexed */
    struct hn_weights weights; /* indexed */
    struct hn_arena arena;
    struct hn_map *maps; /* in the arena */
    size_t n_maps;
    uint32_t version;
    size_t alignment;     /* of the data section of the first file */
    struct hn_str folder; /* of a Hugging Face model: where tokenizer.json lies; else empty */
};

/* Maps and checks the file at `path`. A part of a split model (NAME-00002-of-00005.gguf) opens the
 * whole of it, from the files beside it. Errors name file, byte, key or tensor. */
enum hn_status hn_gguf_open(const char *path, struct hn_gguf **out, struct hn_error *err);

/* The same for bytes in memory, which must outlive the result; `name` stands for the file in
 * errors. A part of a split model opens as it is, without the others. */
enum hn_status hn_gguf_parse(const void *bytes, size_t n, const char *name, struct hn_gguf **out,
                             struct hn_error *err);

/* NULL is fine. */
void hn_gguf_close(struct hn_gguf *gguf);

#endif
