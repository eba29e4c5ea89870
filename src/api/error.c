#include <assert.h>
#include <string.h>

#include "api/handle.h"

/* The public numbers are the internal ones. */
#define X(name, value, text) static_assert((int)HENCE_##name == (value), text);
#include "base/status.def"
#undef X

int hn_api_fail(const struct hn_error *from, enum hn_status status, struct hence_error *to)
{
    if (!to) return status;
    static_assert(sizeof to->text == sizeof from->text, "the texts have one length");
    to->code = status;
    memcpy(to->text, from->text, sizeof to->text);
    return status;
}
