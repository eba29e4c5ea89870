#include "base/watch.h"

#include "base/clock.h"

enum { EVERY_NS = 1000000000 };

void hn_watch_begin(struct hn_watch *watch, const char *path, const char *second)
{
    *watch = (struct hn_watch){.paths = {path, second}, .looked_ns = hn_clock_ns()};
    (void)hn_watch_changed(watch);
}

bool hn_watch_due(struct hn_watch *watch)
{
    const uint64_t now = hn_clock_ns();
    uint64_t looked = atomic_load(&watch->looked_ns);
    return now >= looked + EVERY_NS &&
           atomic_compare_exchange_strong(&watch->looked_ns, &looked, now);
}

bool hn_watch_changed(struct hn_watch *watch)
{
    bool changed = false;
    for (size_t i = 0; i < HN_WATCH_FILES && watch->paths[i]; i++) {
        struct hn_file_version version;
        hn_file_look(watch->paths[i], &version);
        changed |= !hn_file_same(&version, &watch->versions[i]);
        watch->versions[i] = version;
    }
    return changed;
}
