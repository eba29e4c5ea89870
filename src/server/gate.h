/* Who may call, and how much. */
#ifndef HN_SERVER_GATE_H
#define HN_SERVER_GATE_H

#include "server/call.h"

/* Finds the key of a call, where the server has keys and the endpoint wants one. Refuses with 401 and 403. */
enum hn_status hn_gate_enter(struct hn_call *call, struct hn_refusal *why);

/* Takes about `tokens` from what the key may use; 429 when that is too much. hn_gate_settle, with what it
 * took, comes once after HN_OK. */
enum hn_status hn_gate_admit(struct hn_call *call, uint64_t tokens, struct hn_refusal *why);
void hn_gate_settle(struct hn_call *call, uint64_t took);

#endif
