/* What the system is told of a thread. */
#ifndef HN_BASE_THREAD_H
#define HN_BASE_THREAD_H

/* The calling thread works in short turns and is waited for: it is to begin soon after it wakes, also
 * while others compute on every core. It gets no more time than they. Where the system does not know
 * such a thing (Linux before 6.12), nothing changes. */
void hn_thread_prompt(void);

#endif
