#include "text/answer_reader.h"

#include <stdlib.h>

#include "text/answer_reader_impl.h"

enum { SPACE_MAX = 1024 }; /* bytes of white space that are held back */

void hn_answer_put(struct hn_answer *a, struct hn_buf *buf, struct hn_str s)
{
    if (hn_buf_str(buf, s) < 0 && !a->failed) a->failed = buf->failed;
}

void hn_answer_put_char(struct hn_answer *a, struct hn_buf *buf, char c)
{
    hn_answer_put(a, buf, (struct hn_str){&c, 1});
}

/* Tells the content or reasoning that has come together. */
static void flush(struct hn_answer *a)
{
    const struct hn_answer_event event = {.kind = a->out_kind, .text = hn_buf_view(&a->out)};
    if (a->out.n && !a->failed) a->params.event(a->params.ctx, &event);
    hn_buf_clear(&a->out);
}

void hn_answer_tell(struct hn_answer *a, enum hn_answer_kind kind, struct hn_str text)
{
    flush(a);
    const struct hn_answer_event event = {
        .kind = kind, .index = a->n_calls, .id = a->id, .name = a->name.p, .text = text};
    if (!a->failed) a->params.event(a->params.ctx, &event);
}

static void say(struct hn_answer *a, enum hn_answer_kind kind, struct hn_str text)
{
    if (a->out_kind != kind) flush(a);
    a->out_kind = kind;
    hn_answer_put(a, &a->out, text);
}

void hn_answer_unwatch(struct hn_answer *a)
{
    a->n_watched = 0;
}

void hn_answer_watch(struct hn_answer *a, const char *text, enum hn_answer_mark mark)
{
    if (!text) return;
    a->watched[a->n_watched].text = hn_str_from(text);
    a->watched[a->n_watched++].mark = mark;
}

static void watch_all(struct hn_answer *a, const char *const texts[HN_ANSWER_MARKS],
                      enum hn_answer_mark mark)
{
    for (size_t i = 0; i < HN_ANSWER_MARKS && texts[i]; i++)
        hn_answer_watch(a, texts[i], mark);
}

enum hn_answer_mark hn_answer_look(struct hn_answer *a)
{
    if (!a->n_held) return HN_MARK_MAYBE;
    enum hn_answer_mark found = HN_MARK_NONE;
    for (size_t i = 0; i < a->n_watched; i++) {
        const struct hn_str text = a->watched[i].text;
        if (!hn_str_starts(text, (struct hn_str){a->held, a->n_held})) continue;
        found = HN_MARK_MAYBE;
        if (text.n > a->n_held) continue;
        a->n_held = 0;
        return a->watched[i].mark;
    }
    return found;
}

char hn_answer_release(struct hn_answer *a)
{
    const char first = a->held[0];
    memmove(a->held, a->held + 1, --a->n_held);
    return first;
}

static void watch_messages(struct hn_answer *a)
{
    static const char *const ends[HN_ANSWER_MARKS] = {"<|end|>", "<|return|>", "<|call|>",
                                                      "<|start|>"};
    watch_all(a, ends, HN_MARK_HEADER);
}

/* What is looked for between calls depends on where the answer stands. */
static void watch_text(struct hn_answer *a)
{
    const struct hn_answer_reasoning *r = a->params.format.reasoning;
    hn_answer_unwatch(a);
    if (a->channels) watch_messages(a);
    if (a->state == HN_ANSWER_IN_HEADER) hn_answer_watch(a, "<|message|>", HN_MARK_MESSAGE);
    if (a->state == HN_ANSWER_IN_REASONING && r) hn_answer_watch(a, r->end, HN_MARK_REASONING_END);
    if (a->state != HN_ANSWER_IN_CONTENT) return;
    if (r && !a->some_content) hn_answer_watch(a, r->begin, HN_MARK_REASONING);
    if (r) watch_all(a, r->around, HN_MARK_DROP);
    if (!a->calls) return;
    watch_all(a, a->calls->begin, HN_MARK_CALL);
    watch_all(a, a->calls->around, HN_MARK_SPACE);
    if (!a->after_call) return;
    watch_all(a, a->calls->after, HN_MARK_DROP);
    if (a->calls->parts) hn_answer_watch(a, a->calls->parts->end, HN_MARK_DROP);
}

static void go(struct hn_answer *a, enum hn_answer_state state)
{
    a->state = state;
    watch_text(a);
}

void hn_answer_resume(struct hn_answer *a)
{
    a->n_held = 0;
    hn_buf_clear(&a->raw);
    hn_buf_clear(&a->text);
    go(a, a->channels ? HN_ANSWER_IN_HEADER : HN_ANSWER_IN_CONTENT);
}

static void say_content(struct hn_answer *a, struct hn_str text)
{
    a->skip_space = false;
    say(a, HN_ANSWER_CONTENT, text);
    if (a->some_content && !a->after_call) return;
    a->some_content = true;
    a->after_call = false;
    watch_text(a);
}

static void say_reasoning(struct hn_answer *a, struct hn_str text)
{
    a->skip_space = false;
    a->some_reasoning = true;
    say(a, HN_ANSWER_REASONING, text);
}

static void say_space(struct hn_answer *a)
{
    if (!a->space.n) return;
    if (a->state == HN_ANSWER_IN_REASONING) say_reasoning(a, hn_buf_view(&a->space));
    else say_content(a, hn_buf_view(&a->space));
    hn_buf_clear(&a->space);
}

static void byte(struct hn_answer *a, char c);

/* A call begins with `mark`, or without one. The space before it stays with it. */
static void call_begins(struct hn_answer *a, struct hn_str mark)
{
    hn_buf_clear(&a->raw);
    hn_answer_put(a, &a->raw, hn_buf_view(&a->space));
    hn_answer_put(a, &a->raw, mark);
    hn_buf_clear(&a->space);
    hn_answer_call_begin(a, mark.n == 0);
}

/* A byte of content or reasoning that is part of no marker. */
static void text_byte(struct hn_answer *a, char c)
{
    const bool content = a->state == HN_ANSWER_IN_CONTENT;
    if (hn_answer_is_space(c)) {
        if (a->skip_space) return;
        hn_answer_put_char(a, &a->space, c);
        if (a->space.n > SPACE_MAX) say_space(a);
        return;
    }
    const bool may_call = content && a->calls && (!a->some_content || a->after_call);
    if (may_call && a->calls->bare && (c == '{' || c == '[')) {
        call_begins(a, (struct hn_str){0});
        byte(a, c);
        return;
    }
    say_space(a);
    if (content) say_content(a, (struct hn_str){&c, 1});
    else say_reasoning(a, (struct hn_str){&c, 1});
}

/* The word behind `key` in a header; empty: there is none. */
static struct hn_str header_word(struct hn_str header, const char *key)
{
    const size_t n = strlen(key);
    const char *at = header.n ? memmem(header.p, header.n, key, n) : NULL;
    struct hn_str word = {header.p, 0};
    if (!at) return word;
    word.p = at + n;
    while (word.p + word.n < header.p + header.n && !hn_answer_is_space(word.p[word.n]) &&
           word.p[word.n] != '<')
        word.n++;
    return word;
}

/* Behind the header of a message: "<|channel|>analysis", or " to=functions.NAME<|channel|>..." */
static void message_begins(struct hn_answer *a)
{
    const struct hn_str header = hn_buf_view(&a->text);
    const struct hn_str channel = header_word(header, "<|channel|>");
    struct hn_str to = header_word(header, "to=");
    if (a->calls && hn_str_starts(to, HN_STR("functions."))) {
        call_begins(a, header);
        hn_answer_put(a, &a->raw, HN_STR("<|message|>"));
        to = header_word(hn_buf_view(&a->raw), "to="); /* the header's own buffer is empty now */
        if (hn_answer_call_name(a, to)) {
            hn_answer_call_arguments(a);
            return;
        }
        say_content(a, hn_buf_view(&a->raw));
    }
    const bool reasoning = hn_str_is(channel, "analysis");
    if (reasoning ? a->some_reasoning : a->some_content)
        hn_answer_put(a, &a->space, HN_STR("\n\n"));
    hn_buf_clear(&a->text);
    go(a, reasoning ? HN_ANSWER_IN_REASONING : HN_ANSWER_IN_CONTENT);
}

static void header_byte(struct hn_answer *a, char c)
{
    hn_answer_put_char(a, &a->text, c);
    if (a->text.n <= HN_ANSWER_NAME_MAX) return;
    go(a, HN_ANSWER_IN_CONTENT);
    say_content(a, hn_buf_view(&a->text));
    hn_buf_clear(&a->text);
}

static void marker(struct hn_answer *a, enum hn_answer_mark mark, struct hn_str text)
{
    switch (mark) {
    case HN_MARK_REASONING:
        hn_buf_clear(&a->space);
        a->skip_space = true;
        go(a, HN_ANSWER_IN_REASONING);
        break;
    case HN_MARK_REASONING_END:
        hn_buf_clear(&a->space);
        a->skip_space = true;
        go(a, HN_ANSWER_IN_CONTENT);
        break;
    case HN_MARK_SPACE:
        hn_answer_put(a, &a->space, text);
        if (a->space.n > SPACE_MAX) say_space(a);
        break;
    case HN_MARK_CALL: call_begins(a, text); break;
    case HN_MARK_MESSAGE: message_begins(a); break;
    case HN_MARK_HEADER:
        hn_buf_clear(&a->space);
        hn_buf_clear(&a->text);
        go(a, HN_ANSWER_IN_HEADER);
        break;
    default: break;
    }
}

static void between(struct hn_answer *a, char c)
{
    char text[HN_ANSWER_MARK_MAX];
    a->held[a->n_held++] = c;
    for (;;) {
        const size_t n = a->n_held;
        memcpy(text, a->held, n);
        const enum hn_answer_mark mark = hn_answer_look(a);
        if (mark == HN_MARK_MAYBE) return;
        if (mark != HN_MARK_NONE) {
            marker(a, mark, (struct hn_str){text, n});
            return;
        }
        const char first = hn_answer_release(a);
        if (a->state == HN_ANSWER_IN_HEADER) header_byte(a, first);
        else text_byte(a, first);
        if (a->state < HN_ANSWER_AT_CALL) continue;
        /* A call has begun with that byte; what was held belongs to it. */
        for (size_t i = 1; i < n; i++)
            byte(a, text[i]);
        return;
    }
}

/* The call turned out to be none: it is content, as it was written. */
static void give_back(struct hn_answer *a)
{
    a->n_held = 0;
    hn_answer_call_flush(a);
    if (a->begun) a->n_calls++;
    a->begun = false;
    go(a, HN_ANSWER_IN_CONTENT);
    if (a->raw.n) say_content(a, hn_buf_view(&a->raw));
    hn_buf_clear(&a->raw);
}

static void byte(struct hn_answer *a, char c)
{
    if (a->state < HN_ANSWER_AT_CALL) {
        between(a, c);
        return;
    }
    const bool keep = !a->begun;
    if (keep) hn_answer_put_char(a, &a->raw, c);
    if (a->raw.n <= HN_ANSWER_CALL_MAX && hn_answer_call_byte(a, c)) return;
    if (keep && a->raw.n) a->raw.n--;
    give_back(a);
    between(a, c);
}

enum hn_status hn_answer_create(const struct hn_answer_params *params, struct hn_answer **out,
                                struct hn_error *err)
{
    struct hn_answer *a = calloc(1, sizeof *a);
    if (!a) return hn_fail_nomem(err, "answer", sizeof *a);
    a->params = *params;
    a->channels = params->format.calls && params->format.calls->channels;
    if (json_array_size(params->tools)) a->calls = params->format.calls;
    a->skip_space = params->opened && params->format.reasoning;
    go(a, a->channels && !params->opened ? HN_ANSWER_IN_HEADER
          : a->skip_space                ? HN_ANSWER_IN_REASONING
                                         : HN_ANSWER_IN_CONTENT);
    *out = a;
    return HN_OK;
}

void hn_answer_destroy(struct hn_answer *a)
{
    if (!a) return;
    struct hn_buf *const bufs[] = {&a->out,       &a->space, &a->raw, &a->name,
                                   &a->arguments, &a->text,  &a->part};
    for (size_t i = 0; i < sizeof bufs / sizeof bufs[0]; i++)
        hn_buf_free(bufs[i]);
    free(a);
}

enum hn_status hn_answer_push(struct hn_answer *a, struct hn_str text)
{
    for (size_t i = 0; i < text.n && !a->failed; i++)
        byte(a, text.p[i]);
    if (a->state >= HN_ANSWER_AT_CALL) hn_answer_call_flush(a);
    flush(a);
    return a->failed;
}

bool hn_answer_in_reasoning(const struct hn_answer *a)
{
    return a->state == HN_ANSWER_IN_REASONING;
}

enum hn_status hn_answer_finish(struct hn_answer *a)
{
    if (a->state >= HN_ANSWER_AT_CALL) {
        if (a->params.eager) hn_buf_clear(&a->raw);
        give_back(a);
    }
    if (a->params.eager && a->after_call) a->n_held = 0;
    a->calls = NULL; /* what is left begins none */
    while (a->n_held && a->state != HN_ANSWER_IN_HEADER)
        text_byte(a, hn_answer_release(a));
    if (a->state == HN_ANSWER_IN_HEADER) {
        hn_answer_put(a, &a->text, (struct hn_str){a->held, a->n_held});
        if (a->text.n && !memmem(a->text.p, a->text.n, "<|channel|>", 11))
            say_content(a, hn_buf_view(&a->text));
    } else if (a->state == HN_ANSWER_IN_CONTENT && !a->after_call) say_space(a);
    flush(a);
    return a->failed;
}
