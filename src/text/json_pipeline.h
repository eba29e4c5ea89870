/* The normalizer, pre_tokenizer and post_processor of a tokenizer.json. For tokenizer_json.c alone. */
#ifndef HN_TEXT_JSON_PIPELINE_H
#define HN_TEXT_JSON_PIPELINE_H

#include "base/arena.h"
#include "base/json.h"
#include "text/vocab.h"

struct hn_json_pipeline {
    struct hn_arena *arena; /* of the texts */
    struct hn_error *err;
    size_t n_normals, n_stages;
    struct hn_normal normals[HN_NORMAL_MAX_STEPS];
    struct hn_pretok_stage stages[HN_PRETOK_MAX_STAGES];
    bool byte_level;   /* words are written in GPT-2's bytes */
    bool prefix_space; /* something puts a space in front of the text */
    bool cut_spaces;   /* white space was taken out by a stage before */
};

/* Each takes the member's value; JSON null and absence (NULL) mean nothing to do. */
enum hn_status hn_json_normalizer(struct hn_json_pipeline *pipeline, const json_t *value);
enum hn_status hn_json_pre_tokenizer(struct hn_json_pipeline *pipeline, const json_t *value);
/* Fills the frame of `spec`, whose tokens must be there. */
enum hn_status hn_json_post_processor(const json_t *value, struct hn_vocab_spec *spec,
                                      struct hn_error *err);

/* The type of a step, empty when it has none. */
struct hn_str hn_json_type(const json_t *value);

/* A view of a member that is a string; a NULL p when it is none. */
struct hn_str hn_json_member(const json_t *object, const char *key);

#endif
