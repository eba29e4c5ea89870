/* JSON out, without a blank: values in the order they come, into a buffer. What cannot be had (memory) marks the buffer
 * failed, so a whole document may be checked once, at its end. */
#ifndef HN_TEXT_JSON_WRITE_H
#define HN_TEXT_JSON_WRITE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "base/str.h"

/* Zero-initialised is an empty document; free `out` with hn_buf_free. */
struct hn_json_writer {
    struct hn_buf out;
    bool follows; /* the next value stands after another one */
};

/* `key` is NULL inside arrays and for the outermost value. */
void hn_json_open(struct hn_json_writer *w, const char *key, char bracket); /* '{' or '[' */
void hn_json_close(struct hn_json_writer *w, char bracket);                 /* '}' or ']' */
/* Bytes that are no UTF-8 become U+FFFD. */
void hn_json_put_text(struct hn_json_writer *w, const char *key, struct hn_str s);
void hn_json_put_int(struct hn_json_writer *w, const char *key, int64_t n);
void hn_json_put_uint(struct hn_json_writer *w, const char *key, uint64_t n);
void hn_json_put_bool(struct hn_json_writer *w, const char *key, bool b);
void hn_json_put_null(struct hn_json_writer *w, const char *key);
/* `json` is a value already written, and copied as it is. */
void hn_json_put_raw(struct hn_json_writer *w, const char *key, struct hn_str json);
/* As few digits as give the same number back, as a float where it is one; null for infinities and
 * NaN, which JSON lacks. */
void hn_json_put_real(struct hn_json_writer *w, const char *key, double x);

/* Any value. Reals are written in as few digits as give the same double back. */
void hn_json_put_value(struct hn_json_writer *w, const char *key, const json_t *value);

#endif
