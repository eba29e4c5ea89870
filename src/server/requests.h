/* The bodies of requests: their tables of fields, as endpoints.def names them. */
#ifndef HN_SERVER_REQUESTS_H
#define HN_SERVER_REQUESTS_H

#include "server/fields.h"

extern const struct hn_fields hn_none_fields; /* nothing is sent */
extern const struct hn_fields hn_chat_fields;
extern const struct hn_fields hn_completion_fields;
extern const struct hn_fields hn_responses_fields;
extern const struct hn_fields hn_messages_fields;
extern const struct hn_fields hn_count_tokens_fields;
extern const struct hn_fields hn_tokenize_fields;
extern const struct hn_fields hn_detokenize_fields;

extern const struct hn_fields hn_infer_fields;
extern const struct hn_fields hn_prediction_fields;

extern const struct hn_fields hn_recommendation_fields;
extern const struct hn_fields hn_item_change_fields;
extern const struct hn_fields hn_embedding_fields;
extern const struct hn_fields hn_rerank_fields;

extern const struct hn_fields hn_load_fields;

#endif
