/* Guessing the next tokens of a text from the text itself: where its last few tokens stood before, what
 * followed them there may follow again ("prompt lookup decoding", A. Saxena, 2023). Right guesses are
 * worth it because a forward of a few tokens costs hardly more than that of one; wrong ones change
 * nothing, because every token is still chosen from the model's own logits (engine/step.c). */
#ifndef HN_ENGINE_DRAFT_H
#define HN_ENGINE_DRAFT_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

enum { HN_DRAFT_MAX = 16 }; /* tokens guessed at once */

struct hn_draft; /* of one text */

/* For a text of up to `limit` tokens: at most 0.8 MB, all of it allocated here. */
enum hn_status hn_draft_create(size_t limit, struct hn_draft **out, struct hn_error *err);
void hn_draft_destroy(struct hn_draft *draft);

/* Learns the text's tokens that it has not seen: call with all n, as the text grows. */
void hn_draft_learn(struct hn_draft *draft, const int32_t *tokens, size_t n);

/* Guesses up to `max` (HN_DRAFT_MAX) tokens that follow the n learned ones; returns how many. */
size_t hn_draft_guess(const struct hn_draft *draft, const int32_t *tokens, size_t n, int32_t *out,
                      size_t max);

#endif
