#include "fuzz.h"

#include <stdlib.h>

#include "base/json.h"
#include "faults.h"

/* What is read, written and read again is the same. Not when memory is short: jansson then writes
 * objects with pieces missing. */
static void check_round_trip(const json_t *value)
{
    json_t *again;
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    if (!text || hn_json_parse(hn_str_from(text), "output", &again, NULL) < 0) __builtin_trap();
    if (!json_equal(value, again)) __builtin_trap();
    json_decref(again);
    free(text);
}

void fuzz_one(const uint8_t *data, size_t n)
{
    json_t *value;
    struct hn_error err;
    if (hn_json_parse((struct hn_str){(const char *)data, n}, "input", &value, &err) < 0) return;
    if (!faults_armed()) check_round_trip(value);
    json_decref(value);
}
