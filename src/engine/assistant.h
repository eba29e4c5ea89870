/* Guesses from a smaller model of the same vocabulary ("speculative decoding", Leviathan et al. 2023;
 * Chen et al. 2023), for all answers of a step together.
 *
 * A guess is what the sequence's own sampler makes of the smaller model's logits at that position, with
 * the very random numbers that will choose the token: where the two models agree about the chances, so
 * does the draw. The larger model then chooses as ever (engine/step.c), so that the answer is the same,
 * token for token, at any temperature. */
#ifndef HN_ENGINE_ASSISTANT_H
#define HN_ENGINE_ASSISTANT_H

#include "engine/payoff.h"
#include "model/decoder.h"

struct hn_engine;
struct hn_sequence;
struct hn_assistant;

/* What the assistant keeps of one sequence. Zero-initialised knows nothing of the text. */
struct hn_assisted {
    int32_t *pages; /* its KV pages, room for those of the longest text */
    size_t n_pages;
    size_t n_done; /* tokens of the text whose keys and values are in them */
    size_t wish;   /* tokens to guess in the current step */
    struct hn_hits hits;
};

/* The decoder must outlive the assistant; its plan has `sequences` at least. */
enum hn_status hn_assistant_create(struct hn_decoder *decoder, size_t sequences,
                                   struct hn_assistant **out, struct hn_error *err);
void hn_assistant_destroy(struct hn_assistant *assistant);

enum hn_status hn_assistant_join(const struct hn_assistant *assistant, struct hn_assisted *assisted,
                                 struct hn_error *err);
/* Gives its pages back; what they held is read anew when it is wanted again. */
void hn_assistant_rest(struct hn_assistant *assistant, struct hn_assisted *assisted);
void hn_assistant_leave(struct hn_assistant *assistant, struct hn_assisted *assisted);

/* The most tokens of a text that it can read. */
size_t hn_assistant_context(const struct hn_assistant *assistant);

/* Seconds that one guess of each of the running sequences takes, lately. */
float hn_assistant_cost(const struct hn_assistant *assistant);

/* Fulfils the running sequences' wishes: appends to their guesses. What it has not seen of a text it
 * reads first, a whole prompt perhaps. */
void hn_assistant_guess(struct hn_engine *engine);

#endif
