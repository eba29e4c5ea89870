#include "backend/cpu/limits.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/clock.h"

enum {
    MIB = 1 << 20,
    READ_MIB_MIN = 256, /* and at least four times the last cache */
    READ_MIB_MAX = 1024,
    READ_TILE = MIB,
    PASSES = 8, /* the best one counts: everything else is somebody's noise */
    PEAK_ROUNDS = 1 << 16,
    PEAK_TILES = 4, /* per thread */
};

struct read_job {
    unsigned char *bytes;
    uint64_t *sums; /* [tiles] */
};

static void touch_tile(void *arg, size_t tile, unsigned worker)
{
    (void)worker;
    const struct read_job *job = arg;
    memset(job->bytes + tile * READ_TILE, 1, READ_TILE);
}

static void read_tile(void *arg, size_t tile, unsigned worker)
{
    (void)worker;
    const struct read_job *job = arg;
    const uint64_t *words = (const uint64_t *)(const void *)(job->bytes + tile * READ_TILE);
    uint64_t sums[16] = {0};
    for (size_t i = 0; i < READ_TILE / sizeof *words; i += HN_COUNT(sums))
        for (size_t s = 0; s < HN_COUNT(sums); s++)
            sums[s] += words[i + s];
    uint64_t total = 0;
    for (size_t s = 0; s < HN_COUNT(sums); s++)
        total += sums[s];
    job->sums[tile] = total; /* so that the reading is not for nothing */
}

/* Bytes to read so that no cache helps; a multiple of READ_TILE. */
static size_t read_size(void)
{
    const long cache = sysconf(_SC_LEVEL3_CACHE_SIZE);
    const size_t mib = cache > 0 ? (size_t)cache / MIB * 4 : 0;
    return hn_max(READ_MIB_MIN, hn_min(mib, READ_MIB_MAX)) * MIB;
}

static enum hn_status measure_read(struct hn_pool *pool, double *out, struct hn_error *err)
{
    const size_t bytes = read_size(), tiles = bytes / READ_TILE;
    struct read_job job = {.bytes = aligned_alloc(READ_TILE, bytes),
                           .sums = calloc(tiles, sizeof *job.sums)};
    if (!job.bytes || !job.sums) {
        free(job.bytes);
        free(job.sums);
        return hn_fail_nomem(err, "measuring the memory's speed", bytes);
    }
    hn_pool_run(pool, tiles, touch_tile, &job);
    double best = 0;
    for (int pass = 0; pass < PASSES; pass++) {
        const uint64_t start = hn_clock_ns();
        hn_pool_run(pool, tiles, read_tile, &job);
        const double seconds = hn_clock_seconds(start, hn_clock_ns());
        if (seconds > 0 && (double)bytes / seconds > best) best = (double)bytes / seconds;
    }
    free(job.bytes);
    free(job.sums);
    *out = best;
    return HN_OK;
}

struct peak_job {
    double (*peak)(size_t rounds);
    double *done; /* [tiles] multiply-adds */
};

static void peak_tile(void *arg, size_t tile, unsigned worker)
{
    (void)worker;
    const struct peak_job *job = arg;
    job->done[tile] = job->peak(PEAK_ROUNDS);
}

static double measure_peak(struct hn_pool *pool, double (*peak)(size_t rounds))
{
    double done[HN_POOL_MAX_THREADS * PEAK_TILES], best = 0;
    struct peak_job job = {peak, done};
    const size_t tiles = (size_t)hn_pool_threads(pool) * PEAK_TILES;
    for (int pass = 0; pass < PASSES; pass++) {
        const uint64_t start = hn_clock_ns();
        hn_pool_run(pool, tiles, peak_tile, &job);
        const double seconds = hn_clock_seconds(start, hn_clock_ns());
        double total = 0;
        for (size_t i = 0; i < tiles; i++)
            total += done[i];
        if (seconds > 0 && total / seconds > best) best = total / seconds;
    }
    return best;
}

enum hn_status hn_limits_measure(struct hn_pool *pool, const struct hn_kernels *kernels,
                                 struct hn_limits *out, struct hn_error *err)
{
    *out = (struct hn_limits){.threads = hn_pool_threads(pool)};
    HN_TRY(measure_read(pool, &out->read_bytes, err));
    for (int kind = 0; kind < HN_ACT_KINDS; kind++)
        out->dot[kind] = measure_peak(pool, kernels->peak[kind]);
    return HN_OK;
}
