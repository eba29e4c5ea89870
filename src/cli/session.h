/* A model made ready: from the options that say which and how, to an engine. */
#ifndef HN_CLI_SESSION_H
#define HN_CLI_SESSION_H

#include "cli/options.h"
#include "engine/engine.h"
#include "formats/gguf.h"

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
    size_t sequences;    /* at once; 0: one */
    size_t context;      /* when the options name none: this, or the model's if that is shorter */
    size_t past_context; /* allow so long a context even if the model was not made for it: for
                            measuring speed, which does not depend on sense */
};

struct hn_session {
    const char *name; /* of the model, for people */
    struct hn_gguf *file;
    struct hn_tokenizer *tokenizer;
    struct hn_config config;
    struct hn_plan plan;
    struct hn_backend *backend;
    struct hn_decoder *decoder;
    struct hn_engine *engine;
    unsigned threads;
    double load_s;
};

/* Opens, plans, checks the plan against the machine, loads with a progress bar. Ctrl-C stops it. On
 * failure everything is closed. */
enum hn_status hn_session_open(const struct hn_session_options *options,
                               const struct hn_session_needs *needs, struct hn_session *out,
                               struct hn_error *err);
void hn_session_close(struct hn_session *session);

/* "f16", ... as --kv-type takes it. */
const char *hn_kv_type_name(enum hn_kv_type type);

#endif
