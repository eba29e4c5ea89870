/* The normalisation forms of Unicode (UAX #15), in time linear in the text whatever it holds. */
#ifndef HN_TEXT_UNICODE_FORM_H
#define HN_TEXT_UNICODE_FORM_H

#include <stdbool.h>

#include "base/str.h"

/* Appends valid UTF-8 `text` in NFC, NFD (compose false), NFKC or NFKD (compatible true). */
enum hn_status hn_unicode_form(struct hn_str text, bool compose, bool compatible,
                               struct hn_buf *out);

#endif
