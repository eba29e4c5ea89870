/* Inside of the public handles. */
#ifndef HN_API_HANDLE_H
#define HN_API_HANDLE_H

#include "engine/instance.h"
#include "hence/generate.h"

/* A caller's callbacks, for as long as its request lives. */
struct hn_listener {
    int (*on_token)(void *context, int32_t id, const char *text, size_t n);
    void (*on_done)(void *context, const struct hence_result *result);
    void *context;
    struct hn_listener *next, **place; /* in the model's list; *place is this one */
};

struct hence_model {
    struct hn_instance instance;
    struct hn_listener *listeners;
};

/* Copies an error out (to NULL: nowhere) and returns its status, which is its code. */
int hn_api_fail(const struct hn_error *from, enum hn_status status, struct hence_error *to);

#endif
