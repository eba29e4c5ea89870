/* Selection: where in an order a count or a mass is reached, without sorting. */
#ifndef HN_ENGINE_SELECT_H
#define HN_ENGINE_SELECT_H

#include <stddef.h>
#include <stdint.h>

/* The smallest key such that the keys up to it weigh at least `needed` >= 1 together; the largest key
 * when all together weigh less. The n >= 1 keys are distinct; `weights` NULL: each weighs 1. Linear in
 * n. Both arrays are working memory: their content is lost. */
uint64_t hn_select(uint64_t *keys, uint64_t *weights, size_t n, uint64_t needed);

#endif
