/* JSON as a stream of values, without a tree: for bodies that are mostly numbers.
 *
 *     hn_json_enter(r, '{');
 *     while (more members: hn_json_next_key(r, &more, &key), more) { read a value }
 *
 * As RFC 8259, like base/json.h. Errors are HN_E_FORMAT and name line and column. */
#ifndef HN_BASE_JSON_READ_H
#define HN_BASE_JSON_READ_H

#include "base/str.h"

/* Begin with `p` and `end` around the text, `start` as `p`, and what errors are to call it. Free `text`
 * with hn_buf_free. */
struct hn_json_reader {
    const char *p, *end, *start;
    const char *what;
    struct hn_error *err;
    struct hn_buf text; /* of a string with escapes */
    bool follows;       /* a value stands before */
    int depth;
    bool loose; /* NaN, Infinity and -Infinity are numbers, as some model files have them */
};

struct hn_json_number {
    double real;
    bool integer; /* without a point or exponent, and within 64 bits: */
    bool negative;
    uint64_t whole; /* its absolute value */
};

struct hn_json_reader hn_json_reader_of(struct hn_str text, const char *what, struct hn_error *err);

/* What comes next: one of { [ " t f n, 0 for a number, -1 for the end of the text or nonsense. */
int hn_json_peek(struct hn_json_reader *r);

enum hn_status hn_json_enter(struct hn_json_reader *r, char bracket);
/* Whether the object or array has another value; else steps out behind its bracket. */
enum hn_status hn_json_next(struct hn_json_reader *r, char bracket, bool *more);

/* Texts are views, of the document or of the reader's memory, until the next text is read. */
enum hn_status hn_json_read_key(struct hn_json_reader *r, struct hn_str *out);
/* Both steps of an object: whether it has another member, and that one's key. */
enum hn_status hn_json_next_key(struct hn_json_reader *r, bool *more, struct hn_str *key);
enum hn_status hn_json_read_text(struct hn_json_reader *r, struct hn_str *out);
/* Numbers past the range of a double are an error. */
enum hn_status hn_json_read_number(struct hn_json_reader *r, struct hn_json_number *out);
enum hn_status hn_json_read_bool(struct hn_json_reader *r, bool *out);
enum hn_status hn_json_read_null(struct hn_json_reader *r);
/* Any value; *raw (may be NULL) is its text. */
enum hn_status hn_json_skip(struct hn_json_reader *r, struct hn_str *raw);

/* Nothing but blanks may follow. */
enum hn_status hn_json_read_end(struct hn_json_reader *r);

/* Says what is wrong where the reader stands. */
enum hn_status hn_json_wrong(const struct hn_json_reader *r, const char *why);

#endif
