#include "engine/served.h"

#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "model/chat_load.h"

static void close_served(struct hn_served *served)
{
    if (served->oneshot) {
        hn_lane_leave(served->oneshot);
        served->oneshot->ops->close(served->oneshot);
    }
    hn_chat_destroy(served->chat);
    hn_instance_close(&served->instance);
    free(served->name);
    free(served);
}

static enum hn_status load_language(struct hn_served *served,
                                    const struct hn_instance_options *options, struct hn_error *err)
{
    HN_TRY(hn_instance_open(options, &served->instance, err));
    const enum hn_status status = hn_chat_load(served->instance.file, served->name,
                                               served->instance.tokenizer, &served->chat, err);
    if (status >= 0) hn_chat_choose_format(served->chat, &options->answer);
    return status == HN_E_NOTFOUND ? HN_OK : status;
}

static enum hn_status load(struct hn_served *served, const struct hn_instance_options *options,
                           const struct hn_kind_row *kinds, unsigned seats, struct hn_error *err)
{
    struct hn_instance_options own = *options;
    const struct hn_kind_row *row = hn_kind_of(kinds, options->path);
    own.name = served->name; /* outlives the model, which keeps the pointer */
    if (!row) return load_language(served, &own, err);
    served->kind = row->kind;
    return row->open(&own, seats, &served->oneshot, err);
}

enum hn_status hn_served_open(const char *name, const struct hn_instance_options *options,
                              const struct hn_kind_row *kinds, unsigned seats,
                              struct hn_served **out, struct hn_error *err)
{
    if (!name) name = options->name ? options->name : options->path;
    struct hn_served *served = calloc(1, sizeof *served);
    if (!served || !(served->name = strdup(name))) {
        free(served);
        return hn_fail_nomem(err, "a model in service", sizeof *served);
    }
    atomic_init(&served->refs, 1);
    atomic_init(&served->used_ns, hn_clock_ns());
    const uint64_t start = hn_clock_ns();
    const enum hn_status status = load(served, options, kinds, seats, err);
    served->loaded = time(NULL);
    served->load_s = hn_clock_seconds(start, hn_clock_ns());
    if (status < 0) close_served(served);
    else *out = served;
    return status;
}

struct hn_served *hn_served_hold(struct hn_served *served)
{
    atomic_fetch_add_explicit(&served->refs, 1, memory_order_relaxed);
    return served;
}

void hn_served_release(struct hn_served *served)
{
    if (served && atomic_fetch_sub_explicit(&served->refs, 1, memory_order_acq_rel) == 1)
        close_served(served);
}

enum hn_kind hn_served_kind(const struct hn_served *served)
{
    return served->kind;
}

const char *hn_served_type(const struct hn_served *served)
{
    return served->oneshot ? served->oneshot->type : hn_kind_name(served->kind);
}

struct hn_oneshot *hn_served_oneshot(const struct hn_served *served)
{
    return served->oneshot;
}

const struct hn_instance *hn_served_instance(const struct hn_served *served)
{
    return &served->instance;
}

const struct hn_chat *hn_served_chat(const struct hn_served *served)
{
    return served->chat;
}

const char *hn_served_name(const struct hn_served *served)
{
    return served->name;
}

int64_t hn_served_loaded(const struct hn_served *served)
{
    return served->loaded;
}

double hn_served_load_s(const struct hn_served *served)
{
    return served->load_s;
}

uint64_t hn_served_used_ns(const struct hn_served *served)
{
    return atomic_load_explicit(&served->used_ns, memory_order_relaxed);
}
