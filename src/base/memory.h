/* How much memory there is to be had, and giving it back. */
#ifndef HN_BASE_MEMORY_H
#define HN_BASE_MEMORY_H

#include <stddef.h>

/* Bytes this process may still ask for without swapping: what the kernel calls available, or less where
 * a control group (versions 1 and 2) or the address space limit says so; less hn_memory_promised(). */
size_t hn_memory_available(void);

/* Bytes that were asked for with hn_memory_map and have not been touched yet, which the kernel counts as
 * available. */
size_t hn_memory_promised(void);

/* Zeroed pages, huge ones where the system has them (a walk of the page tables for every 4 KiB is felt
 * where memory is streamed); taken from the machine when they are touched. NULL when there are none. */
void *hn_memory_map(size_t bytes);
void hn_memory_unmap(void *memory, size_t bytes); /* NULL is fine */

/* Memory for much that lasts, to be freed with free: aligned to 64 bytes, in huge pages as far as it fills
 * them. NULL when there is none. */
void *hn_memory_take(size_t bytes);

/* For a program that runs for long: large pieces go back to the system when they are freed, and little
 * is kept of the others. Of the whole process, before threads are started. */
void hn_memory_keep_little(void);

/* Gives what was freed back to the system, where the allocator would keep it. Takes milliseconds when
 * that is much. */
void hn_memory_trim(void);

#endif
