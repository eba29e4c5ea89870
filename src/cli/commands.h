/* The commands of the program. Each takes its words, its own name first, and returns the program's exit
 * status: 0 on success alone, 1 for a failure, 2 for wrong use, 130 when Ctrl-C ended it. */
#ifndef HN_CLI_COMMANDS_H
#define HN_CLI_COMMANDS_H

#define X(name, summary) int hn_cmd_##name(int argc, char **argv);
#include "cli/commands.def"
#undef X

#endif
