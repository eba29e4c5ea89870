#include "server/completion_request.h"

#include <stdio.h>

#include "base/bits.h"
#include "server/requests.h"

#define AT(member)   offsetof(struct hn_openai_common, member)
#define HERE(member) offsetof(struct hn_completion_request, member)
static const struct hn_field items[] = {
    {"prompt", HN_FIELD_ANY, HERE(prompt), .required = true,
     .schema =
         "{\"anyOf\": [{\"type\": \"string\"}, {\"type\": \"array\", \"items\": {\"type\": "
         "\"string\"}}, {\"type\": \"array\", \"items\": {\"type\": \"integer\"}}, {\"type\": "
         "\"array\", \"items\": {\"type\": \"array\", \"items\": {\"type\": \"integer\"}}}]}",
     .about = "The text to go on from, or its tokens; or several of either."},
#include "server/openai_fields.def"
    {"max_tokens", HN_FIELD_INT, AT(max_tokens), .min = 0, .max = INT32_MAX, .fallback = "16",
     .about = "Tokens to generate at most; 0 only with `echo`."},
    {"logprobs", HN_FIELD_INT, HERE(logprobs), .min = 0, .max = HN_SAMPLE_MAX_TOP,
     .about = "Give each token's log-probability, and those of so many of the likeliest."},
    {"echo", HN_FIELD_BOOL, HERE(echo), .fallback = "false",
     .about = "Begin the answer with the prompt, and its tokens' log-probabilities where they are "
              "wanted."},
    {"best_of", HN_FIELD_INT, HERE(best_of), .min = 1, .max = HN_MAX_CHOICES,
     .about = "Only the number that `n` is: all answers are given."},
    {"suffix", HN_FIELD_REFUSED, .words = "\"\"", .about = "Texts are gone on from their end."},
    {"metadata", HN_FIELD_IGNORED, .schema = "{\"type\": \"object\"}",
     .about = "The client's notes. Taken without effect: nothing is stored."},
};
#undef HERE
#undef AT
const struct hn_fields hn_completion_fields = {"CompletionRequest", items, HN_COUNT(items)};

static enum hn_status count_prompts(struct hn_completion_request *r, struct hn_refusal *why)
{
    const json_t *first = json_array_get(r->prompt, 0);
    r->n_prompts = 1;
    if (!json_is_string(r->prompt) && !json_is_array(r->prompt))
        return hn_refuse_type(why, "prompt", "a string or an array", r->prompt);
    if (json_is_string(r->prompt) || json_is_integer(first)) return HN_OK;
    r->n_prompts = json_array_size(r->prompt);
    if (!r->n_prompts)
        return hn_refuse(why, 400, "empty_array", "prompt",
                         "Invalid 'prompt': empty array. Expected an array with minimum length 1.");
    if (r->n_prompts * (size_t)r->common.n > HN_MAX_PROMPTS)
        return hn_refuse(why, 400, "array_above_max_length", "prompt",
                         "Invalid 'prompt': there may be %d answers in all, and %zu prompts with "
                         "%lld answers each are more.",
                         HN_MAX_PROMPTS, r->n_prompts, (long long)r->common.n);
    return HN_OK;
}

enum hn_status hn_completion_request_read(const json_t *body, struct hn_completion_request *out,
                                          struct hn_refusal *why)
{
    *out = (struct hn_completion_request){.logprobs = HN_NOT_GIVEN, .best_of = HN_NOT_GIVEN};
    hn_openai_defaults(&out->common);
    out->common.max_tokens = 16;
    HN_TRY(hn_fields_read(&hn_completion_fields, body, "", out, why));
    if (out->best_of != HN_NOT_GIVEN && out->best_of != out->common.n)
        return hn_refuse(why, 400, "unsupported_value", "best_of",
                         "Unsupported value: 'best_of' must be 'n': all answers are given.");
    if (out->common.max_tokens == 0 && !out->echo)
        return hn_refuse(why, 400, "integer_below_min_value", "max_tokens",
                         "Invalid 'max_tokens': integer below minimum value. Expected a value >= "
                         "1, but got 0 instead.");
    return count_prompts(out, why);
}

static enum hn_status take_ids(const json_t *ids, const char *param,
                               const struct hn_tokenizer *tokenizer, struct hn_tokens *out,
                               struct hn_refusal *why)
{
    for (size_t i = 0; i < json_array_size(ids); i++) {
        const json_t *id = json_array_get(ids, i);
        const json_int_t value = json_integer_value(id);
        if (!json_is_integer(id) || value < 0 || (size_t)value >= hn_tokenizer_size(tokenizer))
            return hn_refuse(why, 400, "invalid_value", param,
                             "Invalid '%s[%zu]': expected a token id from 0 to %zu.", param, i,
                             hn_tokenizer_size(tokenizer) - 1);
        if (hn_tokens_add(out, (int32_t)value) < 0)
            return hn_refuse(why, 503, "out_of_memory", NULL, "There is no memory.");
    }
    return HN_OK;
}

enum hn_status hn_completion_prompt(const struct hn_completion_request *r, size_t i,
                                    const struct hn_tokenizer *tokenizer, struct hn_tokens *out,
                                    struct hn_refusal *why)
{
    char param[40] = "prompt";
    struct hn_error err;
    const json_t *prompt = r->prompt;
    if (json_is_array(prompt) && !json_is_integer(json_array_get(prompt, 0))) {
        snprintf(param, sizeof param, "prompt[%zu]", i);
        prompt = json_array_get(prompt, i);
    }
    enum hn_status status = HN_OK;
    if (json_is_array(prompt)) HN_TRY(take_ids(prompt, param, tokenizer, out, why));
    else if (!json_is_string(prompt))
        return hn_refuse_type(why, param, "a string or an array", prompt);
    else
        status = hn_tokenize(tokenizer, hn_json_str(prompt),
                             HN_TOKENIZE_ADD_SPECIAL | HN_TOKENIZE_PARSE_SPECIAL, out, &err);
    if (status < 0) return hn_refuse_by(why, status, &err);
    if (out->n) return HN_OK;
    return hn_refuse(why, 400, "invalid_value", param,
                     "Invalid '%s': it is empty, and the model puts no token before it.", param);
}
