/* `hence bench` for models that predict: how long a run takes, by rows and threads. */
#ifndef HN_CLI_BENCH_PREDICT_H
#define HN_CLI_BENCH_PREDICT_H

#include <stdbool.h>

#include "cli/number_list.h"

struct hn_bench_predict {
    const char *model;
    const struct hn_number_list *batches, *threads;
    size_t repeats;
    const char *dims; /* "sequence=128,...": of sizes that vary; NULL: none is said */
    bool json;
};

enum hn_status hn_bench_predict(const struct hn_bench_predict *o, struct hn_error *err);

#endif
