/* A look at protocol buffers before protobuf-c unpacks them: it follows nesting without bound, merges
 * messages that occur twice, and copies the raw data of tensors, which are nearly all of a file. */
#ifndef HN_FORMATS_ONNX_WIRE_H
#define HN_FORMATS_ONNX_WIRE_H

#include <protobuf-c/protobuf-c.h>

#include "base/str.h"

struct hn_wire_field {
    uint32_t id;
    unsigned wire;       /* 0 varint, 1 eight bytes, 2 counted bytes, 5 four bytes */
    uint64_t number;     /* of wire 0 */
    struct hn_str bytes; /* of the others */
};

/* Takes the next field off `*bytes`; false at the end and where it is malformed (*bytes is then not
 * empty). */
bool hn_wire_next(struct hn_str *bytes, struct hn_wire_field *out);

/* Checks that `bytes` are a message of that kind: fields well formed, nesting at most `depth`, no single
 * message twice; *messages counts all of them down, HN_E_LIMIT at 0. `out` becomes the same message, but
 * that for each tensor's raw data there stands where they are: a struct hn_str into `bytes`. */
enum hn_status hn_wire_slim(struct hn_str bytes, const ProtobufCMessageDescriptor *kind,
                            unsigned depth, size_t *messages, struct hn_buf *out,
                            struct hn_error *err);

#endif
