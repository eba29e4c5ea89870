/* The options of `hence serve`, on the command line and in its configuration file. */
#ifndef HN_CLI_SERVE_OPTIONS_H
#define HN_CLI_SERVE_OPTIONS_H

#include "base/arena.h"
#include "cli/options.h"
#include "cli/session.h"
#include "server/server.h"

enum { HN_SERVE_MAX_MODELS = 64 };

/* A model to serve. Zeros and NULLs: as the options for all models say. */
struct hn_serve_model {
    const char *name; /* NULL: from the path */
    const char *path;
    const char *draft;
    size_t context, batch, threads, sequences, kv_positions;
    unsigned kv_type; /* an enum hn_kv_type and 1 */
    struct hn_answer_choice answer;
};

struct hn_serve_options {
    struct hn_session_options session; /* for all models; `model` is not used */
    size_t sequences, kv_positions, max_draft;
    const char *draft;
    struct hn_answer_choice answer;
    const char *host, *unix_socket, *tls_cert, *tls_key, *cors, *config, *keys, *access_log;
    size_t port, max_body, request_s, idle_s, max_connections, max_per_address;
    size_t max_waiting, drain_s, step_ms, idle_unload_s, lane_threads;
    bool insecure, openapi, log_texts, metrics_per_key;
    float idle_w, core_w;
    size_t n_models;
    struct hn_serve_model models[HN_SERVE_MAX_MODELS];
    struct hn_arena texts; /* of the configuration file */
};

/* In this order. */
enum {
    HN_SERVE_MODELS = 13,
    HN_SERVE_NETWORK = 6,
    HN_SERVE_ACCESS = 7,
    HN_SERVE_LIMITS = 6,
    HN_SERVE_ITEMS = HN_SERVE_MODELS + HN_SERVE_NETWORK + HN_SERVE_ACCESS + HN_SERVE_LIMITS,
    HN_SERVE_MODEL_ITEMS = 11,
};
extern const struct hn_opt hn_serve_items[HN_SERVE_ITEMS];
/* Of struct hn_serve_model, for the configuration file. */
extern const struct hn_opt hn_serve_model_items[HN_SERVE_MODEL_ITEMS];

void hn_serve_defaults(struct hn_serve_options *options);

/* How model i is opened, and its name, which is kept in the options' texts. `starter` is for the path of
 * the starter model, where no model is named (i is 0 then). */
enum hn_status hn_serve_instance(struct hn_serve_options *options, size_t i, struct hn_buf *starter,
                                 const char **name, struct hn_instance_options *out,
                                 struct hn_error *err);
/* What the server is started with. */
struct hn_server_options hn_serve_server(const struct hn_serve_options *options);

#endif
