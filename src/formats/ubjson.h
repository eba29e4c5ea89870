/* UBJSON (draft 12): JSON's values in binary, big-endian, with packed arrays of one type. */
#ifndef HN_FORMATS_UBJSON_H
#define HN_FORMATS_UBJSON_H

#include "formats/document.h"

enum { HN_UBJSON_MAX_DEPTH = 200 };

/* Reads one value that is the whole of `text`. Counts are checked against the bytes that are left
 * before anything is allocated. Errors name `what` and the byte. */
enum hn_status hn_ubjson_parse(struct hn_str text, const char *what, struct hn_arena *arena,
                               struct hn_doc *out, struct hn_error *err);

/* Bytes of a number of UBJSON's type ('i', 'U', 'I', 'l', 'L', 'd', 'D'); 0 for what is none. */
size_t hn_ubjson_width(char type);

/* The big-endian number at p. */
double hn_ubjson_number(char type, const unsigned char *p);

#endif
