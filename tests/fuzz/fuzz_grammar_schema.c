#include "fuzz.h"

#include "following.h"
#include "text/grammar.h"

void fuzz_one(const uint8_t *data, size_t n)
{
    json_t *schema;
    struct hn_grammar *grammar;
    struct hn_error err;
    const struct hn_str source = {(const char *)data, n};
    if (hn_json_parse(source, "schema", &schema, &err) < 0) return;
    if (hn_grammar_json_schema(schema, &grammar, &err) >= 0) fuzz_follow(grammar, source);
    json_decref(schema);
}
