#include "formats/onnx_wire.h"

#include "formats/onnx.pb-c.h"

static bool varint(struct hn_str *bytes, uint64_t *out)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < 10 && i < bytes->n; i++) {
        const unsigned char byte = (unsigned char)bytes->p[i];
        if (i == 9 && byte > 1) return false;
        value |= (uint64_t)(byte & 0x7f) << 7 * i;
        if (byte & 0x80) continue;
        bytes->p += i + 1;
        bytes->n -= i + 1;
        *out = value;
        return true;
    }
    return false;
}

bool hn_wire_next(struct hn_str *bytes, struct hn_wire_field *out)
{
    struct hn_str rest = *bytes;
    uint64_t tag, n = 0;
    if (!varint(&rest, &tag) || tag >> 3 == 0 || tag >> 3 > 0x1fffffff) return false;
    *out = (struct hn_wire_field){.id = (uint32_t)(tag >> 3), .wire = tag & 7};
    switch (out->wire) {
    case 0:
        if (!varint(&rest, &out->number)) return false;
        break;
    case 1: n = 8; break;
    case 2:
        if (!varint(&rest, &n) || n > INT32_MAX) return false;
        break;
    case 5: n = 4; break;
    default: return false; /* groups have long been gone */
    }
    if (n > rest.n) return false;
    out->bytes = (struct hn_str){rest.p, n};
    *bytes = (struct hn_str){rest.p + n, rest.n - n};
    return true;
}

/* Varints of lengths that are known only later: so many bytes, whatever the number. */
enum { LENGTH_BYTES = 5 };

static void put_varint(char *to, uint64_t value)
{
    for (int i = 0; i < LENGTH_BYTES; i++, value >>= 7)
        to[i] = (char)((value & 0x7f) | (i + 1 < LENGTH_BYTES ? 0x80 : 0));
}

/* The tag of counted bytes, and room for their length; where that is. */
static size_t begin_bytes(struct hn_buf *out, uint32_t id)
{
    char head[2 * LENGTH_BYTES];
    put_varint(head, (uint64_t)id << 3 | 2);
    hn_buf_add(out, head, sizeof head);
    return out->n - LENGTH_BYTES;
}

static void end_bytes(struct hn_buf *out, size_t length_at)
{
    if (!out->failed) put_varint(out->p + length_at, out->n - length_at - LENGTH_BYTES);
}

static bool is_raw_data(const ProtobufCMessageDescriptor *kind,
                        const ProtobufCFieldDescriptor *field)
{
    return kind == &onnx__tensor_proto__descriptor && strcmp(field->name, "raw_data") == 0;
}

/* A message inside; `seen` are the single ones before it, by their number; those of a union share bit 0. */
static enum hn_status check_once(const ProtobufCMessageDescriptor *kind,
                                 const ProtobufCFieldDescriptor *field, uint64_t *seen,
                                 struct hn_error *err)
{
    if (field->label == PROTOBUF_C_LABEL_REPEATED) return HN_OK;
    const bool united = field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF;
    const uint64_t bit = (uint64_t)1 << (united ? 0 : field->id & 63);
    if (*seen & bit)
        return hn_fail(err, HN_E_FORMAT, "%s.%s occurs twice", kind->short_name, field->name);
    *seen |= bit;
    return HN_OK;
}

enum hn_status hn_wire_slim(struct hn_str bytes, const ProtobufCMessageDescriptor *kind,
                            unsigned depth, size_t *messages, struct hn_buf *out,
                            struct hn_error *err)
{
    if (depth == 0) return hn_fail(err, HN_E_LIMIT, "messages are nested too deep");
    if (*messages == 0) return hn_fail(err, HN_E_LIMIT, "too many messages");
    --*messages;
    uint64_t seen = 0;
    struct hn_wire_field it;
    for (const char *start = bytes.p; hn_wire_next(&bytes, &it); start = bytes.p) {
        const ProtobufCFieldDescriptor *field =
            protobuf_c_message_descriptor_get_field(kind, it.id);
        const bool message = field && field->type == PROTOBUF_C_TYPE_MESSAGE;
        if (!message && !(field && is_raw_data(kind, field))) {
            hn_buf_add(out, start, (size_t)(bytes.p - start));
            continue;
        }
        if (it.wire != 2)
            return hn_fail(err, HN_E_FORMAT, "%s.%s is not %s", kind->short_name, field->name,
                           message ? "a message" : "bytes");
        const size_t length_at = begin_bytes(out, it.id);
        if (message) {
            HN_TRY(check_once(kind, field, &seen, err));
            HN_TRY(hn_wire_slim(it.bytes, field->descriptor, depth - 1, messages, out, err));
        } else {
            hn_buf_add(out, &it.bytes, sizeof it.bytes);
        }
        end_bytes(out, length_at);
    }
    if (out->failed) return hn_fail_nomem(err, kind->short_name, out->n);
    if (bytes.n == 0) return HN_OK;
    return hn_fail(err, HN_E_FORMAT, "%s: malformed protocol buffer", kind->short_name);
}
