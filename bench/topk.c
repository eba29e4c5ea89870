/* The search for the best of many vectors, as bench/topk.py calls it beside another library.
 *
 *     bench_topk ITEMS.npy QUERIES.npy K THREADS BATCH ROUNDS
 *
 * Answers the queries, BATCH of them at a time, ROUNDS times, and prints one line: the milliseconds of the
 * median call, queries a second over all calls, the share of the items read a second in GB/s, and a sum
 * over the found numbers that says whether two runs found the same. With OUT as a seventh argument, the
 * found numbers go there, int32 [queries][K]. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/clock.h"
#include "formats/npy.h"
#include "model/recommend/vectors.h"

static void stop_if(bool bad, const char *what)
{
    if (!bad) return;
    fprintf(stderr, "topk: %s\n", what);
    exit(EXIT_FAILURE);
}

static struct hn_npy floats_of(const char *path, struct hn_map *map)
{
    struct hn_error err = {0};
    struct hn_npy npy;
    stop_if(
        hn_map_open(path, map, &err) < 0 ||
            hn_npy_parse((struct hn_str){(const char *)map->data, map->size}, path, &npy, &err) < 0,
        err.text);
    stop_if(npy.kind != 'f' || npy.item_bytes != 4 || npy.n_dims != 2, "float32 [n][dims] wanted");
    return npy;
}

static struct hn_vectors **blocks_of(const struct hn_npy *items, size_t *n)
{
    const size_t dims = items->shape[1];
    struct hn_error err = {0};
    *n = hn_div_up(items->shape[0], HN_VECTORS);
    struct hn_vectors **blocks = calloc(*n, sizeof *blocks);
    stop_if(!blocks, "out of memory");
    for (size_t i = 0; i < items->shape[0]; i++) {
        struct hn_vectors **block = &blocks[i / HN_VECTORS];
        stop_if(!*block && hn_vectors_new(dims, block, &err) < 0, err.text);
        hn_vectors_put(*block, i % HN_VECTORS, (const float *)items->data + i * dims);
        if ((i + 1) % HN_VECTORS == 0 || i + 1 == items->shape[0])
            hn_vectors_pack(*block, UINT64_MAX);
    }
    return blocks;
}

static int by_time(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    stop_if(argc < 7, "see the head of bench/topk.c");
    struct hn_map maps[2];
    const struct hn_npy items = floats_of(argv[1], &maps[0]);
    const struct hn_npy asked = floats_of(argv[2], &maps[1]);
    const size_t k = (size_t)atol(argv[3]), batch = (size_t)atol(argv[5]);
    const size_t rounds = (size_t)atol(argv[6]), n = asked.shape[0], dims = items.shape[1];
    stop_if(asked.shape[1] != dims || !k || !batch || !rounds, "sizes do not fit");
    struct hn_error err = {0};
    struct hn_pool *pool = NULL;
    stop_if(hn_pool_create((unsigned)atoi(argv[4]), &pool, &err) < 0, err.text);
    enum hn_cpu_level level;
    stop_if(hn_cpu_choose(getenv("HENCE_CPU"), &level, &err) < 0, err.text);
    size_t n_blocks;
    struct hn_vectors **blocks = blocks_of(&items, &n_blocks);
    const size_t calls = hn_div_up(n, batch);
    uint64_t *times = malloc(rounds * calls * sizeof *times), total = 0;
    struct hn_top_query *queries = calloc(n, sizeof *queries);
    struct hn_top_hit *hits = calloc(n * k, sizeof *hits);
    stop_if(!times || !queries || !hits, "out of memory");
    for (size_t i = 0; i < n; i++)
        queries[i] = (struct hn_top_query){
            .x = (const float *)asked.data + i * dims, .k = k, .hits = hits + i * k};
    for (size_t at = 0; at < rounds * calls; at++) {
        const size_t first = at % calls * batch;
        const uint64_t start = hn_clock_ns();
        stop_if(hn_top(hn_kernels_for(level), pool, blocks, n_blocks, queries + first,
                       hn_min(batch, n - first), &err) < 0,
                err.text);
        times[at] = hn_clock_ns() - start;
        total += times[at];
    }
    qsort(times, rounds * calls, sizeof *times, by_time);
    const double median = (double)times[rounds * calls / 2] * 1e-6;
    uint64_t sum = 0;
    for (size_t i = 0; i < n * k; i++)
        sum = sum * 31 + hits[i].item;
    printf("%.4f ms  %.1f queries/s  %.2f GB/s  %016llx\n", median,
           (double)(rounds * n) / ((double)total * 1e-9),
           (double)(n_blocks * HN_VECTORS * blocks[0]->k) / (median * 1e6),
           (unsigned long long)sum);
    if (argc > 7) {
        FILE *out = fopen(argv[7], "wb");
        stop_if(!out, "cannot write the numbers");
        for (size_t i = 0; i < n * k; i++) {
            const int32_t item = (int32_t)hits[i].item;
            fwrite(&item, sizeof item, 1, out);
        }
        stop_if(fclose(out) != 0, "cannot write the numbers");
    }
    return EXIT_SUCCESS;
}
