/* Vocabularies of Hugging Face models: tokenizer.json or vocab.txt (and tokenizer_config.json) to a
 * description. */
#ifndef HN_TEXT_TOKENIZER_JSON_H
#define HN_TEXT_TOKENIZER_JSON_H

#include "base/arena.h"
#include "text/vocab.h"

enum { HN_TOKENIZER_JSON_MAX_BYTES = 1 << 28 };

/* Reads the files' texts; `config` may be empty. The description points into the arena alone. Parts
 * of the format that are not known are HN_E_UNSUPPORTED, with their names. */
enum hn_status hn_vocab_from_json(struct hn_str tokenizer, struct hn_str config,
                                  struct hn_arena *arena, struct hn_vocab_spec *out,
                                  struct hn_error *err);

/* The same from the vocab.txt of a BERT: a WordPiece on each line, "##" in front of those that do not
 * start a word. */
enum hn_status hn_vocab_from_lines(struct hn_str lines, struct hn_str config,
                                   struct hn_arena *arena, struct hn_vocab_spec *out,
                                   struct hn_error *err);

#endif
