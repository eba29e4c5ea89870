#include "text/answer_format.h"

#include <stdio.h>

static const struct hn_answer_parts qwen_parts = {
    .name_end = ">",
    .key = "<parameter=",
    .key_end = ">",
    .value_end = "</parameter>",
    .end = "</function>",
    .lines = true,
};

static const struct hn_answer_parts glm_parts = {
    .key = "<arg_key>",
    .key_end = "</arg_key>",
    .value = "<arg_value>",
    .value_end = "</arg_value>",
    .end = "</tool_call>",
};

static const struct hn_answer_parts dsml_parts = {
    .name_end = "\">",
    .key = "<｜DSML｜parameter name=\"",
    .key_end = "\"",
    .value_text = "string=\"true\">",
    .value_json = "string=\"false\">",
    .value_end = "</｜DSML｜parameter>",
    .end = "</｜DSML｜invoke>",
};

static const struct hn_answer_parts invoke_parts = {
    .name_end = "\">",
    .key = "<parameter name=\"",
    .key_end = "\">",
    .value_end = "</parameter>",
    .end = "</invoke>",
    .lines = true,
};

static const struct hn_answer_literal gemma_literal = {
    .end = "<tool_call|>",
    .separator = ":",
    .comma = ",",
    .quote = "^<|\"|>^",
};

static const struct hn_answer_literal lfm2_literal = {
    .end = "<|tool_call_end|>",
    .separator = "=",
    .comma = ", ",
    .python = true,
};

#define OBJECT(arguments) "{%_\"name\":%_\"%n\",%_\"" arguments "\":%_%a%_}"
#define LIST(call, end)                                                                            \
    {                                                                                              \
        "%s[%s", call, "%s,%s", "%s]" end                                                          \
    }

/* The header goes on behind the function's name. A call ends its turn. */
static const struct hn_answer_wording harmony_wordings[] = {
    {"", "%n^<|channel|>^commentary json^<|message|>^%a", NULL, ""},
    {"", "%n^<|channel|>^commentary ^<|constrain|>^json^<|message|>^%a", NULL, ""},
    {"", "%n%_^<|constrain|>^json^<|message|>^%a", NULL, ""},
    {"", "%n^<|channel|>^commentary^<|message|>^%a", NULL, ""},
    {"", "%n json^<|message|>^%a", NULL, ""},
    {"", "%n%_^<|message|>^%a", NULL, ""},
    {0},
};

static const struct hn_answer_wording glm_wordings[] = {
    {"", "%n%s%a%s^</tool_call>^", "%s^<tool_call>^", ""},
    {0},
};

static const struct hn_answer_wording gemma_wordings[] = {
    {"", "call:%n{%a}^<tool_call|>^", "^<|tool_call>^", ""},
    {0},
};

static const struct hn_answer_wording lfm2_wordings[] = {
    {"[", "%n(%a)", ",%_", "]^<|tool_call_end|>^"},
    {0},
};

static const struct hn_answer_wording qwen_wordings[] = {
    {"", "%n>%s%a%s</function>%s^</tool_call>^", "%s^<tool_call>^%s<function=", ""},
    {0},
};

static const struct hn_answer_wording seed_wordings[] = {
    {"", "%n>%s%a%s</function>%s^</seed:tool_call>^", "%s^<seed:tool_call>^%s<function=", ""},
    {0},
};

static const struct hn_answer_wording hermes_wordings[] = {
    {"", "%s" OBJECT("arguments") "%s^</tool_call>^", "%s^<tool_call>^", ""},
    {0},
};

static const struct hn_answer_wording dsml_wordings[] = {
    {"", "%n\">%s%a%s</^｜DSML｜^invoke>", "%s<^｜DSML｜^invoke name=\"",
     "%s</^｜DSML｜^function_calls>"},
    {0},
};

static const struct hn_answer_wording minimax_wordings[] = {
    {"", "%n\">%s%a%s</invoke>", "%s<invoke name=\"", "%s^</minimax:tool_call>^"},
    {0},
};

static const struct hn_answer_wording deepseek_wordings[] = {
    {"", "function^<｜tool▁sep｜>^%n\n```json\n%a\n```%s^<｜tool▁call▁end｜>^",
     "%s^<｜tool▁call▁begin｜>^", "%s^<｜tool▁calls▁end｜>^"},
    {"", "%n^<｜tool▁sep｜>^%s%a%s^<｜tool▁call▁end｜>^", "%s^<｜tool▁call▁begin｜>^",
     "%s^<｜tool▁calls▁end｜>^"},
    {0},
};

static const struct hn_answer_wording kimi_wordings[] = {
    {"", "%sfunctions.%n:%d^<|tool_call_argument_begin|>^%s%a%s^<|tool_call_end|>^",
     "%s^<|tool_call_begin|>^", "%s^<|tool_calls_section_end|>^"},
    {0},
};

static const struct hn_answer_wording mistral_wordings[] = {
    LIST(OBJECT("arguments"), ""),
    LIST("{%_\"name\":%_\"%n\",%_\"arguments\":%_%a,%_\"id\":%_\"%i\"%_}", ""),
    {"", "%n^[ARGS]^%s%a", "^[TOOL_CALLS]^", ""},
    {"", "%n^[CALL_ID]^%i^[ARGS]^%s%a", "^[TOOL_CALLS]^", ""},
    {"", "%n%s%a", "^[TOOL_CALLS]^", ""},
    {0},
};

static const struct hn_answer_wording command_r_wordings[] = {
    LIST("{%s\"tool_call_id\":%_\"%d\",%s\"tool_name\":%_\"%n\",%s\"parameters\":%_%a%s}",
         "%s^<|END_ACTION|>^"),
    LIST("{%s\"tool_name\":%_\"%n\",%s\"parameters\":%_%a%s}", "%s^<|END_ACTION|>^"),
    {0},
};

static const struct hn_answer_wording functionary_wordings[] = {
    {"", "%n>%a</function>", "%s<function=", ""},
    {0},
};

static const struct hn_answer_wording apriel_wordings[] = {
    LIST(OBJECT("arguments"), "%s^</tool_calls>^"),
    {0},
};

static const struct hn_answer_wording phi_wordings[] = {
    LIST(OBJECT("arguments"), "%s^<|/tool_call|>^"),
    {"%s", OBJECT("arguments"), NULL, "%s^<|/tool_call|>^"},
    {0},
};

static const struct hn_answer_wording phi_mini_wordings[] = {
    LIST(OBJECT("arguments"), ""),
    LIST(OBJECT("arguments"), "%s^<|/tool_call|>^"),
    {"%s", OBJECT("arguments"), NULL, "%s^<|/tool_call|>^"},
    {0},
};

static const struct hn_answer_wording granite_wordings[] = {
    LIST(OBJECT("arguments"), ""),
    {0},
};

static const struct hn_answer_wording llama_wordings[] = {
    {"%s", OBJECT("parameters"), "%s;%s", ""},
    {0},
};

static const struct hn_answer_wording json_wordings[] = {
    {"", OBJECT("arguments"), NULL, ""},
    {"[", OBJECT("arguments"), ",%_", "]"},
    {0},
};
#undef OBJECT
#undef LIST

/* The first row that fits a template is taken, so the more particular stand first. */
static const struct hn_answer_calls calls[] = {
    {
        .name = "harmony",
        .detect = {"<|channel|>", "<|message|>"},
        .channels = true,
        .hold = {"to=functions."},
        .content = "^<|channel|>^final^<|message|>^",
        .first = "^<|channel|>^commentary to=functions.",
        .wordings = harmony_wordings,
    },
    {
        .name = "qwen-xml",
        .detect = {"<tool_call>", "<function="},
        .begin = {"<function="},
        .around = {"<tool_call>"},
        .after = {"</tool_call>"},
        .parts = &qwen_parts,
        .first = "^<tool_call>^\n<function=",
        .wordings = qwen_wordings,
    },
    {
        .name = "seed",
        .detect = {"<seed:tool_call>"},
        .begin = {"<function="},
        .around = {"<seed:tool_call>"},
        .after = {"</seed:tool_call>"},
        .parts = &qwen_parts,
        .first = "^<seed:tool_call>^\n<function=",
        .wordings = seed_wordings,
    },
    {
        .name = "glm",
        .detect = {"<tool_call>", "<arg_key>"},
        .begin = {"<tool_call>"},
        .parts = &glm_parts,
        .first = "^<tool_call>^",
        .wordings = glm_wordings,
    },
    {
        .name = "hermes",
        .detect = {"<tool_call>"},
        .begin = {"<tool_call>"},
        .after = {"</tool_call>"},
        .first = "^<tool_call>^",
        .wordings = hermes_wordings,
    },
    {
        .name = "dsml",
        .detect = {"｜DSML｜"},
        .begin = {"<｜DSML｜invoke name=\""},
        .around = {"<｜DSML｜function_calls>", "<｜DSML｜tool_calls>"},
        .after = {"</｜DSML｜function_calls>", "</｜DSML｜tool_calls>"},
        .parts = &dsml_parts,
        .first = "<^｜DSML｜^function_calls>\n<^｜DSML｜^invoke name=\"",
        .wordings = dsml_wordings,
    },
    {
        .name = "minimax",
        .detect = {"<minimax:tool_call>"},
        .begin = {"<invoke name=\""},
        .around = {"<minimax:tool_call>"},
        .after = {"</minimax:tool_call>"},
        .parts = &invoke_parts,
        .first = "^<minimax:tool_call>^\n<invoke name=\"",
        .wordings = minimax_wordings,
    },
    {
        .name = "deepseek",
        .detect = {"<｜tool▁calls▁begin｜>"},
        .begin = {"<｜tool▁call▁begin｜>"},
        .around = {"<｜tool▁calls▁begin｜>"},
        .after = {"```", "<｜tool▁call▁end｜>", "<｜tool▁calls▁end｜>"},
        .separator = "<｜tool▁sep｜>",
        .named = true,
        .first = "^<｜tool▁calls▁begin｜>^^<｜tool▁call▁begin｜>^",
        .wordings = deepseek_wordings,
    },
    {
        .name = "kimi",
        .detect = {"<|tool_call_begin|>"},
        .begin = {"<|tool_call_begin|>"},
        .around = {"<|tool_calls_section_begin|>"},
        .after = {"<|tool_call_end|>", "<|tool_calls_section_end|>"},
        .named = true,
        .first = "^<|tool_calls_section_begin|>^^<|tool_call_begin|>^",
        .wordings = kimi_wordings,
    },
    {
        .name = "mistral",
        .detect = {"[TOOL_CALLS]"},
        .begin = {"[TOOL_CALLS]"},
        .after = {"</s>"},
        .named = true,
        .first = "^[TOOL_CALLS]^",
        .wordings = mistral_wordings,
    },
    {
        .name = "command-r",
        .detect = {"<|START_ACTION|>"},
        .begin = {"<|START_ACTION|>"},
        .after = {"<|END_ACTION|>"},
        .first = "^<|START_ACTION|>^",
        .wordings = command_r_wordings,
    },
    {
        .name = "functionary",
        .detect = {"</function>"},
        .begin = {"<function="},
        .after = {"</function>"},
        .named = true,
        .first = "<function=",
        .wordings = functionary_wordings,
    },
    {
        .name = "apriel",
        .detect = {"<tool_calls>"},
        .begin = {"<tool_calls>"},
        .after = {"</tool_calls>"},
        .first = "^<tool_calls>^",
        .wordings = apriel_wordings,
    },
    {
        .name = "phi-4",
        .detect = {"<|tool_call|>", "<|/tool_call|>"},
        .begin = {"<|tool_call|>"},
        .after = {"<|/tool_call|>"},
        .first = "^<|tool_call|>^",
        .wordings = phi_wordings,
    },
    {
        .name = "phi-4-mini",
        .detect = {"<|tool|>", "<|/tool|>"},
        .begin = {"functools", "<|tool_call|>"},
        .after = {"<|/tool_call|>"},
        .bare = true,
        .hold = {"functools[", "<|tool_call|>"}, /* the word alone is a module of Python's */
        .first = "^<|tool_call|>^",
        .wordings = phi_mini_wordings,
    },
    {
        .name = "gemma",
        .detect = {"<|tool_call>call:"},
        .begin = {"<|tool_call>"},
        .literal = &gemma_literal,
        .first = "^<|tool_call>^",
        .wordings = gemma_wordings,
    },
    {
        .name = "lfm2",
        .detect = {"List of tools: "},
        .begin = {"<|tool_call_start|>"},
        .literal = &lfm2_literal,
        .first = "^<|tool_call_start|>^",
        .wordings = lfm2_wordings,
    },
    {
        .name = "granite",
        .detect = {"<|tool_call|>"},
        .begin = {"<|tool_call|>"},
        .after = {"<|end_of_text|>"},
        .first = "^<|tool_call|>^",
        .wordings = granite_wordings,
    },
    {
        .name = "llama3",
        .detect = {"<|start_header_id|>", "ipython"},
        .begin = {"<|python_tag|>"},
        .after = {";", "<|eom_id|>"},
        .bare = true,
        .first = "^<|python_tag|>^",
        .wordings = llama_wordings,
    },
    {
        .name = "json",
        .detect = {"tools"},
        .bare = true,
        .wordings = json_wordings,
    },
};

static const struct hn_answer_reasoning reasonings[] = {
    {
        .name = "granite",
        .detect = {"<think>", "<response>"},
        .begin = "<think>",
        .end = "</think>",
        .around = {"<response>", "</response>"},
    },
    {
        .name = "think",
        .detect = {"</think>"},
        .begin = "<think>",
        .end = "</think>",
    },
    {
        .name = "seed",
        .detect = {"<seed:think>"},
        .begin = "<seed:think>",
        .end = "</seed:think>",
    },
    {
        .name = "mistral",
        .detect = {"[THINK]"},
        .begin = "[THINK]",
        .end = "[/THINK]",
    },
    {
        .name = "command-r",
        .detect = {"<|START_THINKING|>"},
        .begin = "<|START_THINKING|>",
        .end = "<|END_THINKING|>",
        .around = {"<|START_RESPONSE|>", "<|END_RESPONSE|>", "<|START_TEXT|>", "<|END_TEXT|>"},
    },
    {
        .name = "gemma",
        .detect = {"<|channel>thought"},
        .begin = "<|channel>thought",
        .end = "<channel|>",
    },
    {
        .name = "apertus",
        .detect = {"<|inner_prefix|>"},
        .begin = "<|inner_prefix|>",
        .end = "<|inner_suffix|>",
    },
    {
        .name = "apriel",
        .detect = {"[BEGIN FINAL RESPONSE]"},
        .begin = "Here are my reasoning steps:",
        .end = "[BEGIN FINAL RESPONSE]",
        .around = {"[END FINAL RESPONSE]"},
    },
};

enum {
    N_CALLS = sizeof calls / sizeof calls[0],
    N_REASONINGS = sizeof reasonings / sizeof reasonings[0],
};

static bool has(struct hn_str text, const char *mark)
{
    return text.n && memmem(text.p, text.n, mark, strlen(mark)) != NULL;
}

static bool has_all(struct hn_str text, const char *const marks[HN_ANSWER_MARKS])
{
    for (size_t i = 0; i < HN_ANSWER_MARKS && marks[i]; i++)
        if (!has(text, marks[i])) return false;
    return true;
}

struct hn_answer_format hn_answer_format_of(struct hn_str chat_template)
{
    struct hn_answer_format format = {0};
    for (size_t i = 0; i < N_CALLS && !format.calls; i++)
        if (has_all(chat_template, calls[i].detect)) format.calls = &calls[i];
    for (size_t i = 0; i < N_REASONINGS && !format.reasoning; i++)
        if (has_all(chat_template, reasonings[i].detect)) format.reasoning = &reasonings[i];
    if (format.calls && format.calls->channels) format.reasoning = NULL;
    return format;
}

const struct hn_answer_calls *hn_answer_calls_at(size_t i)
{
    return i < N_CALLS ? &calls[i] : NULL;
}

const struct hn_answer_reasoning *hn_answer_reasoning_at(size_t i)
{
    return i < N_REASONINGS ? &reasonings[i] : NULL;
}

enum hn_status hn_answer_calls_named(struct hn_str name, const struct hn_answer_calls **out,
                                     struct hn_error *err)
{
    *out = NULL;
    if (hn_str_is(name, "none")) return HN_OK;
    struct hn_error names = {0};
    for (size_t i = 0, at = 0; i < N_CALLS; i++) {
        if (hn_str_is(name, calls[i].name)) {
            *out = &calls[i];
            return HN_OK;
        }
        at += (size_t)snprintf(names.text + at, sizeof names.text - at, "%s, ", calls[i].name);
    }
    return hn_fail(err, HN_E_ARG, "no format of tool calls is named '%.*s'; there are %snone",
                   HN_FMT(name), names.text);
}

enum hn_status hn_answer_reasoning_named(struct hn_str name, const struct hn_answer_reasoning **out,
                                         struct hn_error *err)
{
    *out = NULL;
    if (hn_str_is(name, "none")) return HN_OK;
    struct hn_error names = {0};
    for (size_t i = 0, at = 0; i < N_REASONINGS; i++) {
        if (hn_str_is(name, reasonings[i].name)) {
            *out = &reasonings[i];
            return HN_OK;
        }
        at += (size_t)snprintf(names.text + at, sizeof names.text - at, "%s, ", reasonings[i].name);
    }
    return hn_fail(err, HN_E_ARG, "no format of reasoning is named '%.*s'; there are %snone",
                   HN_FMT(name), names.text);
}

static struct hn_str trimmed_end(struct hn_str s)
{
    while (s.n && strchr(" \n\t\r", s.p[s.n - 1]))
        s.n--;
    return s;
}

enum hn_status hn_answer_make_plain(struct hn_answer_format format, struct hn_buf *prompt)
{
    if (format.calls && format.calls->channels)
        return hn_buf_text(prompt, "<|channel|>final<|message|>");
    if (!hn_answer_opened(format, hn_buf_view(prompt))) return HN_OK;
    HN_TRY(hn_buf_text(prompt, format.reasoning->end));
    return hn_buf_text(prompt, "\n\n");
}

bool hn_answer_opened(struct hn_answer_format format, struct hn_str prompt)
{
    return format.reasoning &&
           hn_str_ends(trimmed_end(prompt), hn_str_from(format.reasoning->begin));
}
