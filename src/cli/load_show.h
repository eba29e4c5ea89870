/* What came of a load, as people read it. */
#ifndef HN_CLI_LOAD_SHOW_H
#define HN_CLI_LOAD_SHOW_H

#include "load/load.h"

/* What kind of load it is, in a line: "16 at once, 200 prompt and 64 output tokens". */
enum { HN_LOAD_LINE = 300 };
const char *hn_load_line(char out[HN_LOAD_LINE], const struct hn_load_options *options);

/* The table, on standard output. */
void hn_load_show(const struct hn_load_options *options, const struct hn_load_report *report);

#endif
