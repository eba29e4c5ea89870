/* The options that say which model and how it runs, and opening it by them. */
#ifndef HN_CLI_SESSION_H
#define HN_CLI_SESSION_H

#include "cli/options.h"
#include "engine/instance.h"

struct hn_session_options {
    const char *model;     /* NULL: the starter model */
    size_t threads;        /* 0: all cores */
    size_t context, batch; /* 0: as the plan has it */
    enum hn_kv_type kv_type;
};

/* Their rows: -m, -t, -c, -b, --kv-type, for the struct at offset 0 of the group. bench has its own of
 * the first three. */
enum { HN_SESSION_ITEMS = 5, HN_SESSION_BATCH_ITEM = 3 };
extern const struct hn_opt hn_session_items[HN_SESSION_ITEMS];

struct hn_session_options hn_session_defaults(void);

/* What else a command may want. */
struct hn_session_needs {
    const char *draft;   /* a smaller model that guesses ahead; NULL: none */
    size_t sequences;    /* at once, none of which shall wait for pages; 0: one */
    size_t context;      /* when the options name none: this, or the model's if that is shorter */
    size_t past_context; /* allow so long a context even if the model was not made for it: for
                            measuring speed, which does not depend on sense */
};

/* The plan that the options ask for. */
struct hn_plan_options hn_session_plan(const struct hn_session_options *options);

/* Opens the model that the options name, with a progress bar while it loads. Ctrl-C stops it. On
 * failure everything is closed. */
enum hn_status hn_session_open(const struct hn_session_options *options,
                               const struct hn_session_needs *needs, struct hn_instance *out,
                               struct hn_error *err);

#endif
