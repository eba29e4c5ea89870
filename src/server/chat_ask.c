#include "server/chat_ask.h"

#include "server/chat_form.h"

/* Whether all of the answer is held to the form. */
static bool is_whole(const struct hn_form *form)
{
    return form->kind != HN_FORM_NONE && !(form->kind == HN_FORM_CALLS && form->calls.behind);
}

/* Whether the form says a message's header, too. */
static bool has_header(const struct hn_form *form)
{
    return form->kind == HN_FORM_CALLS && form->calls.format->channels;
}

/* The prompt. What is held to a form begins with it, and what goes on from a start is content: there is no
 * room for reasoning. */
static enum hn_status set_prompt(const struct hn_chat_request *r, struct hn_str start,
                                 const struct hn_form *form, struct hn_openai_ask *out,
                                 struct hn_refusal *why)
{
    struct hn_error err;
    struct hn_buf text = {0};
    const struct hn_served *served = out->ask.served;
    const struct hn_chat *chat = hn_served_chat(served);
    const struct hn_answer_format format = hn_chat_format(chat);
    enum hn_status status = hn_chat_request_render(r, served, &text, why);
    if (status >= 0 && ((is_whole(form) && !has_header(form)) || start.n))
        (void)hn_answer_make_plain(format, &text);
    if (status >= 0 && (hn_buf_str(&text, start) < 0 || text.failed))
        status = hn_refuse(why, 503, "out_of_memory", NULL, "There is no memory for the prompt.");
    if (status >= 0) status = hn_openai_prompts(out, 1, why);
    if (status >= 0) {
        out->answer.format = format;
        out->answer.opened = hn_answer_opened(format, hn_buf_view(&text)) ||
                             (start.n && format.calls && format.calls->channels);
        status = hn_chat_tokenize(chat, hn_buf_view(&text), &out->prompts[0], &err);
        if (status < 0) (void)hn_refuse_by(why, status, &err);
    }
    hn_buf_free(&text);
    return status;
}

/* How the answer is read: as the model writes, or as its form makes it write. */
static enum hn_status set_reading(const struct hn_chat_request *r, const struct hn_form *form,
                                  struct hn_openai_ask *out, struct hn_refusal *why)
{
    struct hn_error err;
    struct hn_answer_params *answer = &out->answer;
    const bool called = form->kind == HN_FORM_CALLS;
    answer->tools = r->choice == HN_TOOLS_NONE ? NULL : r->tools;
    if (called) answer->eager = !form->calls.behind || !form->calls.format->bare;
    if (is_whole(form)) {
        const bool told = called && !(form->calls.or_content && form->calls.format->bare);
        *answer = (struct hn_answer_params){.tools = called ? r->tools : NULL, .eager = told};
        answer->format.calls = form->calls.format;
        if (!called && hn_answer_calls_named(HN_STR("json"), &answer->format.calls, &err) < 0)
            return hn_refuse_by(why, HN_E_INTERNAL, &err);
    }
    const bool channels = answer->format.calls && answer->format.calls->channels;
    if (!answer->tools && !answer->format.reasoning && !channels) return HN_OK;
    out->ask.answer = answer;
    out->ask.request.show_control = true; /* the markers may be control tokens */
    return HN_OK;
}

/* Where the form begins behind a marker: not within reasoning, where markers mean nothing, and in none of
 * the messages where the headers have them. */
static void set_trigger(const struct hn_form *form, struct hn_openai_ask *out)
{
    const struct hn_answer_reasoning *reasoning = out->answer.format.reasoning;
    struct hn_trigger_spec *trigger = &out->ask.request.trigger;
    if (form->kind != HN_FORM_CALLS || !form->calls.behind) return;
    hn_answer_hold(form->calls.format, trigger);
    trigger->skipping = out->answer.opened;
    if (!reasoning) return;
    trigger->skip_begin = hn_str_from(reasoning->begin);
    trigger->skip_ends[0] = hn_str_from(reasoning->end);
}

/* A form leaves no room to think aloud: templates that ask are told so, unless the client spoke of it. */
static bool stop_thinking(struct hn_chat_request *r, const struct hn_form *form)
{
    return !is_whole(form) || json_object_get(r->variables, "enable_thinking") ||
           json_object_set_new(r->variables, "enable_thinking", json_false()) == 0;
}

enum hn_status hn_chat_ask(struct hn_call *call, struct hn_chat_request *r, struct hn_str start,
                           struct hn_openai_ask *out, struct hn_refusal *why)
{
    struct hn_form form;
    HN_TRY(hn_openai_ask(call, &r->common, out, why));
    const struct hn_served *served = out->ask.served;
    HN_TRY(
        hn_chat_form(r, hn_served_chat(served), hn_served_instance(served)->tokenizer, &form, why));
    HN_TRY(hn_openai_hold(call, out, &form, why));
    if (!stop_thinking(r, &form))
        return hn_refuse(why, 503, "out_of_memory", NULL, "There is no memory for the request.");
    HN_TRY(set_prompt(r, start, &form, out, why));
    HN_TRY(set_reading(r, &form, out, why));
    set_trigger(&form, out);
    out->ask.one_call = !r->parallel_tool_calls;
    return HN_OK;
}
