/* Errors: a negative code, and a text that says what and where. */
#ifndef HENCE_ERROR_H
#define HENCE_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

#include "hence/version.h"

/* Every function that can fail returns one of these. The numbers are stable. */
enum hence_code {
    HENCE_OK = 0,
    HENCE_E_ARG = -1,         /* an argument is out of range */
    HENCE_E_NOMEM = -2,       /* out of memory */
    HENCE_E_IO = -3,          /* reading or writing failed */
    HENCE_E_FORMAT = -4,      /* a file is malformed */
    HENCE_E_LIMIT = -5,       /* a documented limit, or the machine's memory */
    HENCE_E_UNSUPPORTED = -6, /* an architecture, type or feature that is not there */
    HENCE_E_NOTFOUND = -7,    /* no such file, tensor, token ... */
    HENCE_E_CONTEXT = -8,     /* longer than the context */
    HENCE_E_CANCELLED = -9,
    HENCE_E_BUSY = -10,
    HENCE_E_INTERNAL = -11
};

/* Filled by a function that fails, untouched by one that does not. Owned by the caller, who may
 * always pass NULL instead. */
struct hence_error {
    int code;
    char text[500]; /* one line of UTF-8 */
};

#ifdef __cplusplus
}
#endif

#endif
