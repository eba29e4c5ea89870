#include "fuzz.h"

#include "server/key_file.h"

/* What a line of a file holds is what its own line says again. */
static void check_round_trip(const struct hn_key *key)
{
    struct hn_buf line = {0};
    struct hn_key again;
    if (hn_key_print(key, &line) >= 0) {
        if (hn_key_parse(hn_buf_view(&line), &again, NULL) < 0) __builtin_trap();
        if (strcmp(key->name, again.name) || key->created_ms != again.created_ms ||
            key->revoked_ms != again.revoked_ms || key->limit.tokens != again.limit.tokens ||
            key->weight != again.weight || memcmp(key->hash, again.hash, HN_DIGEST))
            __builtin_trap();
    }
    hn_buf_free(&line);
}

/* The input is a file of keys, and then what a client sent for one. */
void fuzz_one(const uint8_t *data, size_t n)
{
    struct hn_str parts[2], id;
    struct hn_key_list list;
    struct hn_error err;
    fuzz_split((struct hn_str){(const char *)data, n}, parts, 2);
    if (hn_key_split(parts[1], &id)) fuzz_touch(id.p, id.n);
    if (hn_key_list_parse(parts[0], "input", &list, &err) < 0) return;
    for (size_t i = 0; i < list.n; i++) {
        check_round_trip(&list.keys[i]);
        hn_key_matches(&list.keys[i], parts[1]);
    }
    hn_key_list_free(&list);
}
