#include "engine/served.h"

#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "model/chat_load.h"

static void close_served(struct hn_served *served)
{
    hn_chat_destroy(served->chat);
    hn_instance_close(&served->instance);
    free(served->name);
    free(served);
}

static enum hn_status load(struct hn_served *served, const struct hn_instance_options *options,
                           struct hn_error *err)
{
    struct hn_instance_options own = *options;
    own.name = served->name; /* outlives the instance, which keeps the pointer */
    HN_TRY(hn_instance_open(&own, &served->instance, err));
    const enum hn_status status = hn_chat_load(served->instance.file, served->name,
                                               served->instance.tokenizer, &served->chat, err);
    if (status >= 0) hn_chat_choose_format(served->chat, &own.answer);
    return status == HN_E_NOTFOUND ? HN_OK : status;
}

enum hn_status hn_served_open(const char *name, const struct hn_instance_options *options,
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
    served->loaded = time(NULL);
    const enum hn_status status = load(served, options, err);
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

uint64_t hn_served_used_ns(const struct hn_served *served)
{
    return atomic_load_explicit(&served->used_ns, memory_order_relaxed);
}
