#include "base/memory.h"

#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "base/bits.h"

/* The number in a file of one line; SIZE_MAX when there is none ("max") or no such file. */
static size_t number_in(const char *path)
{
    unsigned long long value;
    FILE *f = fopen(path, "re");
    if (!f) return SIZE_MAX;
    const int found = fscanf(f, "%llu", &value);
    fclose(f);
    return found == 1 && value < SIZE_MAX ? (size_t)value : SIZE_MAX;
}

static size_t meminfo_available(void)
{
    char line[256];
    unsigned long long kib;
    size_t bytes = SIZE_MAX;
    FILE *f = fopen("/proc/meminfo", "re");
    if (!f) return SIZE_MAX;
    while (fgets(line, sizeof line, f))
        if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1) bytes = (size_t)kib * 1024;
    fclose(f);
    return bytes;
}

/* What a control group's limit leaves. `dir` ends in a slash. */
static size_t group_left(const char *dir, const char *limit_name, const char *used_name)
{
    char path[512];
    snprintf(path, sizeof path, "%s%s", dir, limit_name);
    const size_t limit = number_in(path);
    if (limit == SIZE_MAX || limit > SIZE_MAX / 4) return SIZE_MAX; /* version 1 says 2^63 */
    snprintf(path, sizeof path, "%s%s", dir, used_name);
    const size_t used = number_in(path);
    if (used == SIZE_MAX) return SIZE_MAX;
    return used < limit ? limit - used : 0;
}

/* The limits of this process's groups, as far as they are mounted in the usual places. */
static size_t groups_left(void)
{
    char line[400], dir[512];
    size_t left = SIZE_MAX;
    FILE *f = fopen("/proc/self/cgroup", "re");
    if (!f) return SIZE_MAX;
    while (fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = 0;
        const char *path = strrchr(line, ':');
        if (!path) continue;
        if (strncmp(line, "0::", 3) == 0) {
            snprintf(dir, sizeof dir, "/sys/fs/cgroup%s/", path + 1);
            left = hn_min(left, group_left(dir, "memory.max", "memory.current"));
            left = hn_min(left, group_left("/sys/fs/cgroup/", "memory.max", "memory.current"));
        } else if (strstr(line, "memory")) {
            snprintf(dir, sizeof dir, "/sys/fs/cgroup/memory%s/", path + 1);
            left = hn_min(left, group_left(dir, "memory.limit_in_bytes", "memory.usage_in_bytes"));
        }
    }
    fclose(f);
    return left;
}

size_t hn_memory_available(void)
{
    struct rlimit space;
    size_t bytes = hn_min(meminfo_available(), groups_left());
    if (getrlimit(RLIMIT_AS, &space) == 0 && space.rlim_cur != RLIM_INFINITY)
        bytes = hn_min(bytes, (size_t)space.rlim_cur);
    return bytes;
}

void hn_memory_keep_little(void)
{
#ifdef __GLIBC__
    /* Left alone it learns from the first large piece to keep up to 64 MiB, in each thread. */
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
    mallopt(M_TRIM_THRESHOLD, 1 << 20);
#endif
}

void hn_memory_trim(void)
{
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}
