/* What one API request has the engine compute: one or several texts, and where their events go.
 *
 * An API lends its voice: functions that say in its own words what happened. They are called on the engine
 * thread, in the order in which things happen, and must not wait. */
#ifndef HN_SERVER_GENERATION_H
#define HN_SERVER_GENERATION_H

#include "engine/service.h"
#include "server/call.h"
#include "text/answer_reader.h"

enum { HN_MAX_CHOICES = 128, HN_CHOICE_NOTES = 4 };

/* A call of a tool that the model makes. */
struct hn_tool_call {
    char id[HN_ANSWER_ID];
    struct hn_buf name, arguments;
};

/* One text. */
struct hn_choice {
    struct hn_generation *of;
    size_t index, prompt; /* its place among the choices; which of the prompts it goes on from */
    atomic_ullong id;     /* at the service; 0: not there yet */
    struct hn_answer *answer; /* tells content, reasoning and calls apart; NULL: all is content */

    /* What an API has to say of single tokens, for the next event or the whole answer. */
    struct hn_json_writer notes[HN_CHOICE_NOTES];
    atomic_size_t n_tokens; /* so far ... */
    size_t n_reasoning;     /* ... of them in the reasoning (hn_answer_in_reasoning) */
    bool satisfied;         /* it has all that was wanted, and ends */
    uint64_t last_ns;       /* when the last one came */
    bool begun;             /* the API has said something of it */
    size_t offset;          /* characters that its tokens so far stand for */

    /* What came so far, where it is not streamed. */
    struct hn_buf content, reasoning;
    struct hn_tool_call *calls; /* [n_calls] */
    size_t n_calls;             /* streamed or not */

    enum hn_finish finish; /* HN_FINISH_NONE: it goes on */
    struct hn_usage usage;
    enum hn_status status; /* negative: `error` says why */
    struct hn_error error;
};

struct hn_voice {
    /* A token of the text, before its event; NULL: not wanted. Only with log-probabilities. */
    void (*token)(struct hn_choice *choice, const struct hn_token_event *token);
    /* Not streamed: keeps an event of an answer, and counts its calls; false: there is no memory. NULL:
     * the choice keeps content, reasoning and calls apart. */
    bool (*keep)(struct hn_choice *choice, const struct hn_answer_event *event);
    /* The logits behind each token of a prompt, where the ask wants them. */
    void (*prompt_logits)(struct hn_choice *choice, size_t position, const float *logits, size_t n);
    /* Streamed: appends what is to be sent. */
    void (*event)(struct hn_choice *choice, const struct hn_answer_event *event,
                  struct hn_json_writer *w);
    void (*finish)(struct hn_choice *choice, struct hn_json_writer *w);
    void (*end)(struct hn_generation *g, struct hn_json_writer *w);
    void (*fail)(struct hn_generation *g, const struct hn_refusal *why, struct hn_json_writer *w);
    /* Not streamed: the document. */
    void (*whole)(struct hn_generation *g, struct hn_json_writer *w);
    void (*forget)(void *mind); /* frees what the API kept; may be NULL */
};

struct hn_generation {
    struct hn_call *call;
    struct hn_served *served;
    const struct hn_voice *voice;
    void *mind; /* the API's own */
    bool stream, one_call;
    enum hn_class klass;
    int64_t created;          /* seconds since 1970 */
    struct hn_series *series; /* of the model, and the key */

    struct hn_generation *next, **place; /* among the server's, by server->lock */
    bool sent;                           /* a part of a stream */
    uint64_t first_ns;                   /* when the first token of all came; 0: not yet */
    struct hn_json_writer out;           /* of a stream, not yet sent */
    atomic_size_t left;                  /* choices that go on, and one while they are submitted */
    struct hn_refusal why;               /* status 0: nothing went wrong */
    size_t n_prompts, n_choices;
    struct hn_choice choices[];
};

/* What is asked. Everything pointed to is copied. */
struct hn_ask {
    struct hn_served *served; /* the reference passes to the generation ... */
    const struct hn_voice *voice;
    void *mind; /* ... as this does, also when it does not start */
    bool stream;
    bool one_call; /* an answer ends after its first call of a tool */
    bool prompt_logits;
    const struct hn_tokens *prompts; /* [n_prompts] */
    size_t n_prompts, n_each;        /* each is answered so many times, with seeds that count up */
    struct hn_request request;       /* but for tokens and sink */
    const struct hn_answer_params *answer; /* but for event, ctx and seed; NULL: all is content */
};

/* Submits everything; the call is the generation's from then on, which does not end before
 * hn_generation_let_go. On failure nothing is running and the call is still the caller's. */
enum hn_status hn_generation_start(struct hn_call *call, const struct hn_ask *ask,
                                   struct hn_refusal *why);

/* What its handler had of the request is freed: the engine thread may now free the rest. */
void hn_generation_let_go(struct hn_generation *g);

/* From any thread: ends it within a step. */
void hn_generation_cancel(struct hn_generation *g);

/* A server-sent event: what is written between the two is its data. */
void hn_sse_open(struct hn_json_writer *w);
void hn_sse_close(struct hn_json_writer *w);

#endif
