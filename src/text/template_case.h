/* Changes of case of whole texts, as Python's strings have them. */
#ifndef HN_TEXT_TEMPLATE_CASE_H
#define HN_TEXT_TEMPLATE_CASE_H

#include "text/template_render.h"

enum hn_case_mode {
    HN_CASE_UPPER,
    HN_CASE_LOWER,
    HN_CASE_SWAP,
    HN_CASE_CAPITAL, /* str.capitalize */
    HN_CASE_TITLE,   /* str.title: words are runs of letters */
    HN_CASE_WORDS,   /* Jinja2's filter `title`: words begin after space, - ( { [ < */
};

bool hn_text_case(struct hn_render *r, struct hn_str s, enum hn_case_mode mode, struct hn_str *out);
/* str.isupper, str.islower. */
bool hn_text_is_case(struct hn_str s, bool upper);

#endif
