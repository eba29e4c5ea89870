#include "cli/serve_options.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/bits.h"
#include "cli/door.h"
#include "engine/draft.h"
#include "engine/lane.h"

/* NAME=PATH, or PATH; one that is there is a path, whatever its name. */
static enum hn_status take_model(void *field, const char *text, struct hn_error *err)
{
    struct hn_serve_options *o = field;
    const char *sign = strchr(text, '=');
    if (o->n_models == HN_SERVE_MAX_MODELS)
        return hn_fail(err, HN_E_LIMIT, "there may be %d of them", HN_SERVE_MAX_MODELS);
    if (sign && access(text, F_OK) == 0) sign = NULL;
    if (!*text || sign == text || (sign && !sign[1]))
        return hn_fail(err, HN_E_ARG, "give PATH or NAME=PATH");
    struct hn_serve_model *model = &o->models[o->n_models];
    model->path = sign ? sign + 1 : text;
    if (sign) {
        const struct hn_str name = {text, (size_t)(sign - text)};
        model->name = hn_arena_str(&o->texts, name).p;
        if (!model->name) return hn_fail_nomem(err, "a name", name.n);
    }
    o->n_models++;
    return HN_OK;
}

static enum hn_status take_kv_type(void *field, const char *text, struct hn_error *err)
{
    if (hn_kv_type_from_name(text, field)) return HN_OK;
    return hn_fail(err, HN_E_ARG, "give f16, bf16, f32 or q8_0");
}

static enum hn_status take_calls(void *field, const char *text, struct hn_error *err)
{
    struct hn_answer_choice *choice = field;
    choice->calls_given = true;
    return hn_answer_calls_named(hn_str_from(text), &choice->format.calls, err);
}

static enum hn_status take_reasoning(void *field, const char *text, struct hn_error *err)
{
    struct hn_answer_choice *choice = field;
    choice->reasoning_given = true;
    return hn_answer_reasoning_named(hn_str_from(text), &choice->format.reasoning, err);
}

#define AT(field) offsetof(struct hn_serve_options, field)
const struct hn_opt hn_serve_items[HN_SERVE_ITEMS] = {
    {"model", 'm', "[NAME=]PATH", HN_OPT_CALL, 0, .take = take_model,
     .help =
         "GGUF file (any part of a split one) or Hugging Face directory; or a model that predicts: "
         "ONNX, XGBoost (JSON, UBJSON), LightGBM (text). May be given several times, and requests "
         "choose by the name (default: that of the file)"},
    {"threads", 't', "N", HN_OPT_SIZE, AT(session.threads), 1, HN_POOL_MAX_THREADS,
     .help = "worker threads (default: all cores); results do not depend on it"},
    {"context", 'c', "N", HN_OPT_SIZE, AT(session.context), 1, HN_MAX_CONTEXT,
     .help = "longest text in tokens, prompt and answer (default: what the model was made for, or "
             "as much of it as fits into memory)"},
    {"sequences", 0, "N", HN_OPT_SIZE, AT(sequences), 1, 4096,
     .help = "answers that are written at the same time (default: 16); more wait"},
    {"batch", 'b', "N", HN_OPT_SIZE, AT(session.batch), 1, 1 << 16,
     .help = "tokens of prompts read at a time (default: 512)"},
    {"kv-type", 0, "TYPE", HN_OPT_CALL, AT(session.kv_type), .take = take_kv_type,
     .help = "how keys and values are kept: f16 (the default), bf16, f32, or q8_0 for half the "
             "memory"},
    {"kv-positions", 0, "N", HN_OPT_SIZE, AT(kv_positions), 1, HN_MAX_CONTEXT,
     .help =
         "tokens whose keys and values are kept, of all texts together (default: a whole context "
         "of each, or what fits into memory)"},
    {"draft", 0, "PATH", HN_OPT_TEXT, AT(draft),
     .help = "a smaller model of the same vocabulary that guesses ahead; answers are the same"},
    {"guess", 0, "N", HN_OPT_SIZE, AT(max_draft), 0, HN_DRAFT_MAX,
     .help = "guess up to N tokens ahead, where that pays (default: 8; 0: never)"},
    {"tool-calls", 0, "FORMAT", HN_OPT_CALL, AT(answer), .take = take_calls,
     .help = "how the model writes calls of tools, hermes or mistral for instance (default: as its "
             "chat template shows)"},
    {"reasoning", 0, "FORMAT", HN_OPT_CALL, AT(answer), .take = take_reasoning,
     .help = "how it writes its reasoning, think for instance (default: as its template shows)"},
    {"lane-threads", 0, "N", HN_OPT_SIZE, AT(lane_threads), 1, HN_LANE_MAX_THREADS,
     .help = "threads for predictions, embeddings and recommendations, beside those of language "
             "models (default: 2)"},
    {"idle-unload-s", 0, "N", HN_OPT_SIZE, AT(idle_unload_s), 1, 1 << 30,
     .help = "unload a model that nobody asks for N seconds, until somebody does (default: never)"},
    {"host", 'H', "ADDRESS", HN_OPT_TEXT, AT(host),
     .help = "the address to listen at (default: 127.0.0.1, this machine alone)"},
    {"port", 'p', "N", HN_OPT_SIZE, AT(port), 0, 65535,
     .help = "the port (default: 8080; 0: any free one)"},
    {"unix-socket", 0, "PATH", HN_OPT_TEXT, AT(unix_socket),
     .help = "listen at a Unix socket instead"},
    {"tls-cert", 0, "FILE", HN_OPT_TEXT, AT(tls_cert),
     .help = "certificates (PEM), for https; with --tls-key; read again when the files change"},
    {"tls-key", 0, "FILE", HN_OPT_TEXT, AT(tls_key), .help = "their private key (PEM)"},
    {"cors", 0, "ORIGIN", HN_OPT_TEXT, AT(cors),
     .help = "let web pages of this origin use the server; * is all of them (default: none)"},
    {"api-keys", 0, "FILE", HN_OPT_TEXT, AT(keys),
     .help = "the keys that may use the server; hence keys writes the file"},
    {"insecure", 0, NULL, HN_OPT_FLAG, AT(insecure),
     .help = "let everybody who reaches the server use it, also from other machines"},
    {"access-log", 0, "FILE", HN_OPT_TEXT, AT(access_log),
     .help = "a line of JSON for each request; - is standard error; SIGHUP opens "
             "the file anew"},
    {"log-texts", 0, NULL, HN_OPT_FLAG, AT(log_texts),
     .help = "write what is asked and answered into the access log, too"},
    {"metrics-per-key", 0, NULL, HN_OPT_FLAG, AT(metrics_per_key),
     .help = "tell the keys apart in /metrics"},
    {"idle-watts", 0, "W", HN_OPT_REAL, AT(idle_w), 0, 100000,
     .help =
         "what the machine takes while it does nothing, to tell joules where its counters cannot "
         "be read"},
    {"core-watts", 0, "W", HN_OPT_REAL, AT(core_w), 0, 1000,
     .help = "and what each busy core takes more"},
    {"step-ms", 0, "N", HN_OPT_SIZE, AT(step_ms), 1, 60000,
     .help = "milliseconds between two tokens of an answer while other prompts are read (default: "
             "twice what it takes without)"},
    {"max-waiting", 0, "N", HN_OPT_SIZE, AT(max_waiting), 1, 1 << 20,
     .help = "requests that may wait for a model (default: 1024); 429 to more"},
    {"max-body", 0, "N", HN_OPT_SIZE, AT(max_body), 1024, 1 << 30,
     .help = "bytes of a request's body (default: 33554432)"},
    {"max-connections", 0, "N", HN_OPT_SIZE, AT(max_connections), 1, 1 << 20,
     .help = "connections at a time (default: 20000)"},
    {"max-per-address", 0, "N", HN_OPT_SIZE, AT(max_per_address), 1, 1 << 20,
     .help = "connections of one address (default: no limit)"},
    {"drain-s", 0, "N", HN_OPT_SIZE, AT(drain_s), 0, 86400,
     .help = "seconds that running requests get when the server is to end (default: 30)"},
};
#undef AT

static enum hn_status take_model_kv_type(void *field, const char *text, struct hn_error *err)
{
    enum hn_kv_type type;
    HN_TRY(take_kv_type(&type, text, err));
    *(unsigned *)field = (unsigned)type + 1;
    return HN_OK;
}

#define AT(field) offsetof(struct hn_serve_model, field)
const struct hn_opt hn_serve_model_items[HN_SERVE_MODEL_ITEMS] = {
    {"name", 0, "NAME", HN_OPT_TEXT, AT(name)},
    {"path", 0, "PATH", HN_OPT_TEXT, AT(path)},
    {"kv-positions", 0, "N", HN_OPT_SIZE, AT(kv_positions), 1, HN_MAX_CONTEXT},
    {"draft", 0, "PATH", HN_OPT_TEXT, AT(draft)},
    {"context", 0, "N", HN_OPT_SIZE, AT(context), 1, HN_MAX_CONTEXT},
    {"batch", 0, "N", HN_OPT_SIZE, AT(batch), 1, 1 << 16},
    {"threads", 0, "N", HN_OPT_SIZE, AT(threads), 1, HN_POOL_MAX_THREADS},
    {"sequences", 0, "N", HN_OPT_SIZE, AT(sequences), 1, 4096},
    {"kv-type", 0, "TYPE", HN_OPT_CALL, AT(kv_type), .take = take_model_kv_type},
    {"tool-calls", 0, "FORMAT", HN_OPT_CALL, AT(answer), .take = take_calls},
    {"reasoning", 0, "FORMAT", HN_OPT_CALL, AT(answer), .take = take_reasoning},
};
#undef AT

void hn_serve_defaults(struct hn_serve_options *options)
{
    *options = (struct hn_serve_options){
        .session = hn_session_defaults(),
        .sequences = 16,
        .max_draft = HN_DRAFT_MAX / 2,
        .host = "127.0.0.1",
        .port = 8080,
        .drain_s = 30,
    };
}

/* The last part of a path, without ".gguf". */
static struct hn_str name_of(const char *path)
{
    struct hn_str name = hn_str_from(path);
    while (name.n > 1 && name.p[name.n - 1] == '/')
        name.n--;
    for (size_t i = name.n; i-- > 0;)
        if (name.p[i] == '/' && i + 1 < name.n)
            return (struct hn_str){name.p + i + 1, name.n - i - 1};
    return name;
}

static struct hn_instance_options instance_of(const struct hn_serve_options *o,
                                              const struct hn_serve_model *m)
{
    struct hn_session_options session = o->session;
    if (m->context) session.context = m->context;
    if (m->batch) session.batch = m->batch;
    if (m->kv_type) session.kv_type = m->kv_type - 1;
    struct hn_instance_options out = {
        .path = m->path,
        .plan = hn_session_plan(&session),
        .threads = (unsigned)(m->threads ? m->threads : session.threads),
        .cpu = getenv("HENCE_CPU"),
        .step_s = (double)o->step_ms * 1e-3,
        .draft = m->draft ? m->draft : o->draft,
        .answer = o->answer,
    };
    if (m->answer.calls_given) {
        out.answer.calls_given = true;
        out.answer.format.calls = m->answer.format.calls;
    }
    if (m->answer.reasoning_given) {
        out.answer.reasoning_given = true;
        out.answer.format.reasoning = m->answer.format.reasoning;
    }
    out.plan.pool = m->kv_positions ? m->kv_positions : o->kv_positions;
    out.plan.sequences = m->sequences ? m->sequences : o->sequences;
    return out;
}

struct hn_server_options hn_serve_server(const struct hn_serve_options *o)
{
    return (struct hn_server_options){
        .http = {.host = o->unix_socket ? NULL : o->host,
                 .port = (uint16_t)o->port,
                 .unix_path = o->unix_socket,
                 .inherited = true,
                 .tls_cert = o->tls_cert,
                 .tls_key = o->tls_key,
                 .max_body = o->max_body,
                 .max_connections = (unsigned)o->max_connections,
                 .max_per_address = (unsigned)o->max_per_address,
                 .cors_origin = o->cors},
        .max_waiting = o->max_waiting,
        .max_draft = o->max_draft,
        .lane_threads = (unsigned)o->lane_threads,
        .model = instance_of(o, &(struct hn_serve_model){0}),
        .idle_s = (unsigned)o->idle_unload_s,
        .keys = o->keys,
        .access_log = o->access_log,
        .log_texts = o->log_texts,
        .metrics_per_key = o->metrics_per_key,
        .idle_w = (double)o->idle_w,
        .core_w = (double)o->core_w,
        .insecure = o->insecure,
    };
}

enum hn_status hn_serve_instance(struct hn_serve_options *o, size_t i, struct hn_buf *starter,
                                 const char **name, struct hn_instance_options *out,
                                 struct hn_error *err)
{
    const struct hn_serve_model *m = &o->models[i];
    *out = instance_of(o, m);
    HN_TRY(hn_door_path(m->path, starter, &out->path, err));
    *name = m->path ? m->name : "starter";
    if (*name) return HN_OK;
    static const struct hn_str ends[] = {HN_STR(".gguf"), HN_STR(".onnx"), HN_STR(".json"),
                                         HN_STR(".ubj"), HN_STR(".txt")};
    struct hn_str own = name_of(m->path);
    size_t end = 0;
    while (end < HN_COUNT(ends) && (own.n <= ends[end].n || !hn_str_ends(own, ends[end])))
        end++;
    if (end < HN_COUNT(ends)) own.n -= ends[end].n;
    *name = hn_arena_str(&o->texts, own).p;
    return *name ? HN_OK : hn_fail_nomem(err, "a name", own.n);
}
