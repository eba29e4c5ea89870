/* The grammar of calls: an answer, or what comes behind a marker in it, is calls of tools in a model's own
 * format, and nothing else. Their arguments satisfy the tools' schemas. */
#ifndef HN_TEXT_ANSWER_GRAMMAR_H
#define HN_TEXT_ANSWER_GRAMMAR_H

#include "text/answer_format.h"
#include "text/grammar_mask.h"
#include "text/tokenizer.h"

/* Views. */
struct hn_calls_spec {
    const struct hn_answer_calls *format;
    const json_t *tools;   /* as the OpenAI API gives them; names of letters, digits, _, - */
    struct hn_str only;    /* the function to be called; p NULL: any */
    bool behind;           /* the text begins behind what begins a call (hn_answer_hold) */
    bool many;             /* there may be several calls */
    bool or_content;       /* or, instead of calls, a value ... */
    const json_t *content; /* ... of this schema; NULL: any object */
    uint64_t control;      /* hn_answer_control_marks */
};

/* Which of the format's markers the vocabulary has as control tokens: a bit for each, in their order. */
uint64_t hn_answer_control_marks(const struct hn_answer_calls *format,
                                 const struct hn_tokenizer *tokenizer);

/* What such a text begins behind, but for reasoning, which is the caller's to say. */
void hn_answer_hold(const struct hn_answer_calls *format, struct hn_trigger_spec *out);

/* Compiles it. A tool whose schema cannot be kept has any object as arguments, unless it is "strict": then
 * that is refused as by hn_grammar_json_schema, and *tool is its place; SIZE_MAX: the content's. Where all of them together exceed
 * a limit and none is strict, all have. */
enum hn_status hn_answer_grammar(const struct hn_calls_spec *spec, struct hn_grammar **out,
                                 size_t *tool, struct hn_error *err);

#endif
