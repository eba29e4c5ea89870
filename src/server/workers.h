/* A few threads for what is too long for the loop that serves everybody: large bodies. */
#ifndef HN_SERVER_WORKERS_H
#define HN_SERVER_WORKERS_H

#include "server/call.h"

struct hn_workers;

/* Starts so many threads. HN_E_NOMEM, or that a thread cannot be started; none is left then. */
enum hn_status hn_workers_start(unsigned threads, struct hn_workers **out, struct hn_error *err);
/* Has `work` done with a call by one of the threads; calls wait in the order they came. */
void hn_workers_do(struct hn_workers *workers, void (*work)(struct hn_call *call),
                   struct hn_call *call);
/* When all is done. NULL is fine. */
void hn_workers_stop(struct hn_workers *workers);

#endif
