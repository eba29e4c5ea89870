/* One request from its submission to its end: shows the text as it comes, keeps what is asked for. */
#ifndef HN_CLI_ANSWER_H
#define HN_CLI_ANSWER_H

#include <stdio.h>

#include "base/file.h"
#include "cli/wrap.h"
#include "engine/engine.h"

struct hn_answer {
    FILE *stream;          /* where the text goes as it comes; NULL: nowhere. On a terminal it is
                              broken between words */
    struct hn_out *logits; /* where the prompt's logits go, as floats; NULL: nowhere */
    bool keep_picks;       /* the log-probabilities of the tokens */

    /* The result; freed by hn_answer_free. */
    struct hn_buf text;
    struct hn_tokens ids;
    struct hn_pick *picks; /* [ids.n] when kept */
    size_t cap_picks;
    enum hn_finish finish;
    struct hn_usage usage;

    struct hn_wrap wrap;

    /* What went wrong on the way. */
    enum hn_status status;
    struct hn_error err;
};

/* Runs the request (whose sink is set here) to its end. Ctrl-C, when hn_interrupt_catch was called,
 * ends it early: HN_OK, finish is HN_FINISH_CANCELLED. */
enum hn_status hn_answer_run(struct hn_answer *answer, struct hn_engine *engine,
                             struct hn_request *request, struct hn_error *err);

void hn_answer_free(struct hn_answer *answer);

/* A line on the speed of an answer, for people. */
void hn_answer_stats(FILE *f, const struct hn_answer *answer);

#endif
