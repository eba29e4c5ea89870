/* Ctrl-C: long work asks whether it came, and stops cleanly. */
#ifndef HN_CLI_INTERRUPT_H
#define HN_CLI_INTERRUPT_H

#include <stdbool.h>

/* From here on the first Ctrl-C is noted, and the one after it ends the program as ever. */
void hn_interrupt_catch(void);

/* From here on every Ctrl-C is noted and none ends the program; what was noted before is forgotten. */
void hn_interrupt_watch(void);

/* As before. What was noted stays until hn_interrupt_catch. */
void hn_interrupt_release(void);

bool hn_interrupted(void);

#endif
