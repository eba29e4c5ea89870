#include "formats/onnx_wire.h"

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

enum hn_status hn_wire_check(struct hn_str bytes, const ProtobufCMessageDescriptor *kind,
                             unsigned depth, size_t *messages, struct hn_error *err)
{
    if (depth == 0) return hn_fail(err, HN_E_LIMIT, "messages are nested too deep");
    if (*messages == 0) return hn_fail(err, HN_E_LIMIT, "too many messages");
    --*messages;
    uint64_t seen = 0; /* single messages, by their number; those of a union share bit 0 */
    struct hn_wire_field it;
    while (hn_wire_next(&bytes, &it)) {
        const ProtobufCFieldDescriptor *field =
            protobuf_c_message_descriptor_get_field(kind, it.id);
        if (!field || field->type != PROTOBUF_C_TYPE_MESSAGE) continue;
        if (it.wire != 2)
            return hn_fail(err, HN_E_FORMAT, "%s.%s is not a message", kind->short_name,
                           field->name);
        if (field->label != PROTOBUF_C_LABEL_REPEATED) {
            const bool united = field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF;
            const uint64_t bit = (uint64_t)1 << (united ? 0 : it.id & 63);
            if (seen & bit)
                return hn_fail(err, HN_E_FORMAT, "%s.%s occurs twice", kind->short_name,
                               field->name);
            seen |= bit;
        }
        HN_TRY(hn_wire_check(it.bytes, field->descriptor, depth - 1, messages, err));
    }
    if (bytes.n == 0) return HN_OK;
    return hn_fail(err, HN_E_FORMAT, "%s: malformed protocol buffer", kind->short_name);
}
