#include "server/forms.h"

#include <pthread.h>
#include <stdlib.h>

/* Of grammars, the least recently used go first. */
enum {
    KEPT = 32,
    KEPT_STATES = 1 << 19, /* of all together, about 20 MB; one has half of them at most */
};

struct kept {
    char *key; /* owned, n bytes; NULL: free */
    size_t n;
    struct hn_grammar *grammar;
    uint64_t used;
};

struct hn_forms {
    pthread_mutex_t lock;
    uint64_t uses;
    struct kept kept[KEPT];
};

static void forget(struct kept *kept)
{
    free(kept->key);
    hn_grammar_release(kept->grammar);
    *kept = (struct kept){0};
}

enum hn_status hn_forms_create(struct hn_forms **out, struct hn_error *err)
{
    struct hn_forms *forms = calloc(1, sizeof *forms);
    *out = forms;
    if (!forms) return hn_fail_nomem(err, "grammars", sizeof *forms);
    pthread_mutex_init(&forms->lock, NULL);
    return HN_OK;
}

void hn_forms_destroy(struct hn_forms *forms)
{
    if (!forms) return;
    for (size_t i = 0; i < KEPT; i++)
        forget(&forms->kept[i]);
    pthread_mutex_destroy(&forms->lock);
    free(forms);
}

enum hn_status hn_form_set(struct hn_form *form, struct hn_form wanted, struct hn_refusal *why)
{
    if (form->kind != HN_FORM_NONE)
        return hn_refuse(why, 400, "invalid_value", wanted.param,
                         "Invalid '%s': the answer is held to a form by '%s' already.",
                         wanted.param, form->param);
    *form = wanted;
    return HN_OK;
}

static enum hn_status add_json(const json_t *value, struct hn_buf *out)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    if (!text) return HN_E_NOMEM;
    const enum hn_status status = hn_buf_text(out, text);
    free(text);
    return status;
}

/* What the form is, in bytes: its kind and its source. */
static enum hn_status key_of(const struct hn_form *form, struct hn_buf *out)
{
    const struct hn_calls_spec *calls = &form->calls;
    hn_buf_char(out, (char)form->kind);
    hn_buf_str(out, form->text.p ? form->text : HN_STR(""));
    if (form->kind == HN_FORM_SCHEMA) HN_TRY(add_json(form->schema, out));
    if (form->kind == HN_FORM_CALLS) {
        hn_buf_printf(out, "%s %d%d%d %llx %.*s ", calls->format->name, calls->behind, calls->many,
                      calls->or_content, (unsigned long long)calls->control, HN_FMT(calls->only));
        HN_TRY(add_json(calls->tools, out));
        if (calls->content) HN_TRY(add_json(calls->content, out));
    }
    return out->failed;
}

static struct hn_grammar *find(struct hn_forms *forms, struct hn_str key)
{
    struct hn_grammar *found = NULL;
    pthread_mutex_lock(&forms->lock);
    for (size_t i = 0; i < KEPT && !found; i++) {
        struct kept *kept = &forms->kept[i];
        if (!kept->key || !hn_str_eq((struct hn_str){kept->key, kept->n}, key)) continue;
        kept->used = ++forms->uses;
        found = hn_grammar_retain(kept->grammar);
    }
    pthread_mutex_unlock(&forms->lock);
    return found;
}

/* The place for a grammar of so many states, which makes room. With the lock. */
static struct kept *place_for(struct hn_forms *forms, size_t states)
{
    for (;;) {
        struct kept *free_one = NULL, *oldest = NULL;
        size_t all = states;
        for (struct kept *k = forms->kept; k < forms->kept + KEPT; k++) {
            if (!k->key) {
                free_one = k;
                continue;
            }
            all += hn_grammar_states(k->grammar);
            if (!oldest || k->used < oldest->used) oldest = k;
        }
        if (free_one && (all <= KEPT_STATES || !oldest)) return free_one;
        forget(oldest);
    }
}

/* Takes the key's bytes. */
static void keep(struct hn_forms *forms, struct hn_buf *key, struct hn_grammar *grammar)
{
    pthread_mutex_lock(&forms->lock);
    *place_for(forms, hn_grammar_states(grammar)) =
        (struct kept){key->p, key->n, hn_grammar_retain(grammar), ++forms->uses};
    pthread_mutex_unlock(&forms->lock);
    *key = (struct hn_buf){0};
}

/* *tool: the place of the one that is wrong. */
static enum hn_status compile(const struct hn_form *form, struct hn_grammar **out, size_t *tool,
                              struct hn_error *err)
{
    switch (form->kind) {
    case HN_FORM_GBNF: return hn_grammar_gbnf(form->text, out, err);
    case HN_FORM_REGEX: return hn_grammar_regex(form->text, out, err);
    case HN_FORM_CALLS: return hn_answer_grammar(&form->calls, out, tool, err);
    case HN_FORM_OBJECT: return hn_grammar_json_object(out, err);
    default: return hn_grammar_json_schema(form->schema, out, err);
    }
}

enum hn_status hn_forms_get(struct hn_forms *forms, const struct hn_form *form, bool may_wait,
                            struct hn_grammar **out, struct hn_refusal *why)
{
    struct hn_error err;
    struct hn_buf key = {.limit = HN_GRAMMAR_MAX_SOURCE};
    size_t tool = SIZE_MAX;
    *out = NULL;
    if (form->kind == HN_FORM_NONE) return HN_OK;
    enum hn_status status = key_of(form, &key);
    if (status < 0) (void)hn_fail(&err, status, "%s is too large", form->param);
    if (status >= 0 && (*out = find(forms, hn_buf_view(&key)))) {
        hn_buf_free(&key);
        return HN_OK;
    }
    if (status >= 0 && !may_wait) status = hn_fail(&err, HN_E_BUSY, "it has to be compiled");
    if (status >= 0) status = compile(form, out, &tool, &err);
    if (status >= 0) keep(forms, &key, *out);
    hn_buf_free(&key);
    if (status >= 0) return HN_OK;
    (void)hn_refuse_by(why, status, &err);
    if (form->kind == HN_FORM_CALLS && tool < json_array_size(form->calls.tools))
        snprintf(why->param, sizeof why->param, "tools[%zu].function.parameters", tool);
    else snprintf(why->param, sizeof why->param, "%s", form->param);
    return status;
}
