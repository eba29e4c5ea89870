/* The starter model that comes with the program. */
#ifndef HN_CLI_STARTER_H
#define HN_CLI_STARTER_H

#include "base/status.h"
#include "base/str.h"

/* Appends the path of the starter model: beside the sources when the program runs from its build
 * folder, else where `make install` put it, also under another root. HN_E_NOTFOUND says where it
 * looked. */
enum hn_status hn_starter_find(struct hn_buf *out, struct hn_error *err);

#endif
