#include "base/memory.h"

#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

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

/* What hn_memory_map gave out. */
struct region {
    void *p;
    size_t bytes;
};
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* for what follows */
static struct region *regions;
static size_t n_regions;

static bool note(void *p, size_t bytes)
{
    pthread_mutex_lock(&lock);
    struct region *more = realloc(regions, (n_regions + 1) * sizeof *more);
    if (more) {
        regions = more;
        regions[n_regions++] = (struct region){p, bytes};
    }
    pthread_mutex_unlock(&lock);
    return more != NULL;
}

static void forget(const void *p)
{
    pthread_mutex_lock(&lock);
    size_t i = 0;
    while (i < n_regions && regions[i].p != p)
        i++;
    if (i < n_regions) regions[i] = regions[--n_regions];
    if (!n_regions) {
        free(regions);
        regions = NULL;
    }
    pthread_mutex_unlock(&lock);
}

void *hn_memory_map(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);
    if (p == MAP_FAILED) return NULL;
    if (!note(p, bytes)) {
        munmap(p, bytes);
        return NULL;
    }
    (void)madvise(p, bytes, MADV_HUGEPAGE); /* a wish: not every system grants it */
    return p;
}

void hn_memory_unmap(void *memory, size_t bytes)
{
    if (!memory) return;
    forget(memory);
    munmap(memory, bytes);
}

void *hn_memory_take(size_t bytes)
{
    enum { HUGE = 2 << 20 };
    void *p;
    if (posix_memalign(&p, bytes < HUGE ? 64 : HUGE, bytes ? bytes : 1) != 0) return NULL;
    /* What is left over goes into pages as they come, so as to take no more than is asked for. */
    if (bytes >= HUGE) (void)madvise(p, bytes / HUGE * HUGE, MADV_HUGEPAGE);
    return p;
}

/* Bytes in pages that were never touched; none where the system does not tell. */
static size_t untouched_in(const struct region *r)
{
    enum { PAGES = 4096 };
    unsigned char there[PAGES];
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t untouched = 0;
    for (size_t at = 0; at < r->bytes; at += PAGES * page) {
        const size_t n = hn_min(r->bytes - at, PAGES * page);
        if (mincore((char *)r->p + at, n, there) < 0) return 0;
        for (size_t i = 0; i < hn_div_up(n, page); i++)
            untouched += there[i] & 1 ? 0 : page;
    }
    return untouched;
}

size_t hn_memory_promised(void)
{
    size_t bytes = 0;
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < n_regions; i++)
        bytes += untouched_in(&regions[i]);
    pthread_mutex_unlock(&lock);
    return bytes;
}

size_t hn_memory_available(void)
{
    struct rlimit space;
    size_t bytes = hn_min(meminfo_available(), groups_left());
    const size_t promised = hn_memory_promised();
    bytes = bytes > promised ? bytes - promised : 0;
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
