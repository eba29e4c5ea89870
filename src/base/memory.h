/* How much memory there is to be had. */
#ifndef HN_BASE_MEMORY_H
#define HN_BASE_MEMORY_H

#include <stddef.h>

/* Bytes this process may still take without swapping: what the kernel calls available, or less where
 * a control group (versions 1 and 2) or the address space limit says so. */
size_t hn_memory_available(void);

#endif
