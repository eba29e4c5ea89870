/* The template engine's bounds and errors; what it renders, Jinja2 judges (tests/golden). */
#include <pthread.h>
#include <stdio.h>

#include "base/json.h"
#include "text/chat_prompt.h"
#include "text/template.h"
#include "unit.h"

static struct hn_template *compile(struct hn_str source)
{
    struct hn_template *tpl = NULL;
    struct hn_error err = {0};
    ck_assert_msg(hn_template_compile(source, "t", &tpl, &err) == HN_OK, "%s", err.text);
    return tpl;
}

static json_t *parse(const char *json)
{
    json_t *value = NULL;
    ck_assert_int_eq(hn_json_parse(hn_str_from(json), "json", &value, NULL), HN_OK);
    return value;
}

/* Renders without variables; the caller frees `out`. */
static enum hn_status render(struct hn_str source, const struct hn_template_env *env,
                             struct hn_buf *out, struct hn_error *err)
{
    struct hn_template *tpl = compile(source);
    json_t *variables = json_object();
    const enum hn_status status = hn_template_render(tpl, variables, env, out, err);
    json_decref(variables);
    hn_template_destroy(tpl);
    return status;
}

static void check_text(const char *source, const char *expected)
{
    struct hn_buf out = {0};
    struct hn_error err = {0};
    ck_assert_msg(render(hn_str_from(source), NULL, &out, &err) == HN_OK, "%s", err.text);
    ck_assert_str_eq(out.p ? out.p : "", expected);
    hn_buf_free(&out);
}

/* The rendering fails with this status and says this, and leaves what was printed before alone. */
static void check_fails(struct hn_str source, const struct hn_template_env *env,
                        enum hn_status status, const char *says)
{
    struct hn_buf out = {0};
    struct hn_error err = {0};
    hn_buf_text(&out, "before");
    const enum hn_status got = render(source, env, &out, &err);
    ck_assert_msg(got == status, "%.60s: status %d, not %d (%s)", source.p, got, status, err.text);
    ck_assert_msg(strstr(err.text, says) != NULL, "'%s' is not in '%s'", says, err.text);
    ck_assert_str_eq(out.p, "before");
    hn_buf_free(&out);
}

static void check_refused(struct hn_str source, const char *says)
{
    struct hn_template *tpl = NULL;
    struct hn_error err = {0};
    const enum hn_status status = hn_template_compile(source, "t", &tpl, &err);
    ck_assert_msg(status < 0, "%.60s compiles", source.p);
    ck_assert_msg(strstr(err.text, says) != NULL, "'%s' is not in '%s'", says, err.text);
}

/* `head`, then `part` again and again, then `tail`. */
static struct hn_buf repeat(const char *head, const char *part, int times, const char *tail)
{
    struct hn_buf buf = {0};
    hn_buf_text(&buf, head);
    for (int i = 0; i < times; i++)
        hn_buf_text(&buf, part);
    hn_buf_text(&buf, tail);
    ck_assert_int_eq(buf.failed, HN_OK);
    return buf;
}

START_TEST(errors_name_the_line)
{
    check_refused(HN_STR("a\n\n{% if %}"), "t:3: expected an expression");
    check_refused(HN_STR("{% for x in y %}\n\n"), "t:2: Unexpected end of template");
    check_refused(HN_STR("\n{{ 'a }}"), "t:2: unexpected char");
    check_refused(HN_STR("\n{% foo %}"), "t:2: Encountered unknown tag 'foo'");
    check_refused(HN_STR("{% include 'a' %}"), "t:1: the tag 'include' is not supported");
    check_refused(HN_STR("{% if x %}{{ y | nope }}{% endif %}\n{{ x | nope }}"),
                  "t:2: No filter named 'nope'");
    check_fails(HN_STR("a\n{{ 1 }}\n  {{ x.y }}"), NULL, HN_E_FORMAT, "t:3: 'x' is undefined");
    check_fails(HN_STR("{% macro m() %}\n{{ 1 / 0 }}{% endmacro %}\n\n{{ m() }}"), NULL,
                HN_E_FORMAT, "t:2: division by zero");
    check_fails(HN_STR("{% for a, b in [(1, 2),\n3] %}{% endfor %}"), NULL, HN_E_FORMAT,
                "cannot unpack non-iterable int");
    check_fails(HN_STR("\n{{ raise_exception('Roles\nmust alternate') }}"), NULL, HN_E_ARG,
                "t:2: Roles?must alternate");
}
END_TEST

START_TEST(hostile_sources_are_refused)
{
    struct hn_buf big = repeat("", "0123456789abcdef", HN_TEMPLATE_MAX_BYTES / 16, "x");
    check_refused(hn_buf_view(&big), "the limit is");
    hn_buf_free(&big);
    check_refused(HN_STR("a\xff"), "byte 1 is no UTF-8");
    static const struct {
        const char *head, *part, *tail, *says;
    } cases[] = {
        {"{{ ", "(", "", "more than 200 brackets"},
        {"{{ ", "not ", "1 }}", "nests more than"},
        {"{{ ", "-", "1 }}", "nests more than"},
        {"{{ 1", " + 1", " }}", "nests more than"},
        {"{{ x", ".a", " }}", "nests more than"},
        {"{{ x", " | e", " }}", "nests more than"},
        {"{{ x", " if x else x", " }}", "nests more than"},
        {"", "{% if x %}", "", "blocks inside each other"},
        {"{{ f(", "a, ", "b=1, b=2) }}", "keyword argument repeated"},
        {"", "{% raw %}", "", "Missing end of raw"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct hn_buf buf = repeat(cases[i].head, cases[i].part, 3000, cases[i].tail);
        check_refused(hn_buf_view(&buf), cases[i].says);
        hn_buf_free(&buf);
    }
}
END_TEST

START_TEST(long_sources_are_no_problem)
{
    static const struct {
        const char *head, *part, *tail;
    } cases[] = {
        {"{{ 'a'", " ~ 'b'", " }}"},
        {"{% if no %}", "{% elif no %}{% set x = 1 %}", "{% endif %}"},
        {"{{ [", "1, ", "] | length }}"},
        {"", "{% set x = 1 %}{{ x }}", ""},
        {"{{ 1 < 2", " < 3", " }}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct hn_buf buf = repeat(cases[i].head, cases[i].part, 10000, cases[i].tail), out = {0};
        struct hn_error err = {0};
        ck_assert_msg(render(hn_buf_view(&buf), NULL, &out, &err) == HN_OK, "%s", err.text);
        hn_buf_free(&buf);
        hn_buf_free(&out);
    }
    /* Names in branches cost copies: bounded work, whichever way it ends. */
    struct hn_buf buf = {0};
    for (int i = 0; i < 20000; i++)
        hn_buf_printf(&buf, "{%% if x%d %%}{%% set y%d = 1 %%}{%% endif %%}", i, i);
    struct hn_template *tpl = NULL;
    struct hn_error err = {0};
    ck_assert_int_lt(hn_template_compile(hn_buf_view(&buf), "t", &tpl, &err), 0);
    hn_buf_free(&buf);
}
END_TEST

START_TEST(renderings_are_bounded)
{
    const struct hn_template_env small = {
        .limits = {.steps = 1000000, .memory = 1 << 20, .output = 10000}};
    check_fails(
        HN_STR("{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}"),
        &small, HN_E_LIMIT, "too many steps");
    check_fails(HN_STR("{% set ns = namespace(s='ab') %}{% for i in range(60) %}"
                       "{% set ns.s = ns.s ~ ns.s %}{% endfor %}"),
                &small, HN_E_LIMIT, "bytes of memory");
    check_fails(HN_STR("{{ 'abcdefgh' * 1000000000000 }}"), &small, HN_E_LIMIT, "");
    check_fails(HN_STR("{{ [1] * 1000000000000 }}"), &small, HN_E_LIMIT, "");
    check_fails(HN_STR("{{ 'a'.center(1000000000) }}"), &small, HN_E_LIMIT, "");
    check_fails(HN_STR("{{ '%999999d' % 1 }}{{ '{:999999}'.format(1) }}"), &small, HN_E_LIMIT, "");
    check_fails(HN_STR("{% for a in range(20000) %}x{% endfor %}"), &small, HN_E_LIMIT,
                "grows past 10000 bytes");
    check_fails(HN_STR("{% set x %}{% for a in range(20000) %}x{% endfor %}{% endset %}"), &small,
                HN_E_LIMIT, "grows past 10000 bytes");
    check_fails(HN_STR("{{ range(1000000) }}"), &small, HN_E_LIMIT, "Range too big");
    /* Work that leaves nothing behind counts, too. */
    check_fails(HN_STR("{{ ('a' * 400000).rfind('b' ~ 'a' * 200000) }}"
                       "{{ ('a' * 400000).rfind('a' * 200000 ~ 'b') }}"),
                &small, HN_E_LIMIT, "");
    check_fails(HN_STR("{{ ('a' * 300000).strip('b' * 300000 ~ 'a') }}"), &small, HN_E_LIMIT,
                "too many steps");
    check_fails(HN_STR("{% set s = '\\x01' * 900000 %}{% for i in range(99999) %}"
                       "{% if s | tojson %}{% endif %}{% endfor %}"),
                &small, HN_E_LIMIT, "");
    check_fails(HN_STR("{% set s = ' ' * 900000 %}{% for i in range(99999) %}"
                       "{% if s.strip() or s.isdigit() or 'x' in s %}{% endif %}{% endfor %}"),
                &small, HN_E_LIMIT, "too many steps");
    check_fails(HN_STR("{{ 9223372036854775807 + 1 }}"), NULL, HN_E_LIMIT, "past 64 bits");
    check_fails(HN_STR("{{ 10 ** 1000000000 }}"), NULL, HN_E_LIMIT, "past 64 bits");
}
END_TEST

START_TEST(recursion_is_bounded)
{
    check_fails(HN_STR("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"), NULL, HN_E_LIMIT,
                "recursion");
    check_fails(HN_STR("{% macro m() %}{% call m() %}{{ m() }}{% endcall %}{{ caller() }}"
                       "{% endmacro %}{{ m() }}"),
                NULL, HN_E_LIMIT, "recursion");
    check_fails(HN_STR("{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}"), NULL, HN_E_LIMIT,
                "recursion");
    /* Lists in lists: to print, to compare, to look up, and generators in generators. */
    static const char *const uses[] = {"{{ ns.x }}", "{{ ns.x | tojson }}", "{{ ns.x == ns.y }}",
                                       "{{ ns.x < ns.y }}", "{{ {ns.x: 1} }}"};
    for (size_t i = 0; i < sizeof uses / sizeof *uses; i++) {
        struct hn_buf buf = {0};
        hn_buf_printf(&buf,
                      "{%% set ns = namespace(x=(), y=()) %%}{%% for i in range(5000) %%}"
                      "{%% set ns.x = (ns.x,) %%}{%% set ns.y = (ns.y,) %%}{%% endfor %%}%s",
                      uses[i]);
        check_fails(hn_buf_view(&buf), NULL, HN_E_LIMIT, "recursion");
        hn_buf_free(&buf);
    }
    check_fails(HN_STR("{% set ns = namespace(x=[1]) %}{% for i in range(5000) %}"
                       "{% set ns.x = ns.x | map('abs') %}{% endfor %}{{ ns.x | list }}"),
                NULL, HN_E_LIMIT, "recursion");
    check_fails(HN_STR("{% set ns = namespace() %}{% set ns.x = ns %}{{ ns }}"), NULL, HN_E_LIMIT,
                "recursion");
    /* Small in memory, vast when walked through. */
    check_fails(HN_STR("{% set ns = namespace(x=(1,)) %}{% for i in range(60) %}"
                       "{% set ns.x = (ns.x, ns.x) %}{% endfor %}{{ {ns.x: 1} }}"),
                NULL, HN_E_LIMIT, "steps");
}
END_TEST

START_TEST(text_that_grows_takes_linear_memory)
{
    const struct hn_template_env env = {.limits = {.memory = 16 << 20}};
    struct hn_buf out = {0};
    struct hn_error err = {0};
    /* Copying it each time would take 10 GB. */
    const enum hn_status status =
        render(HN_STR("{% set ns = namespace(s='') %}{% for i in range(20000) %}"
                      "{% set ns.s = ns.s ~ 'fifty bytes of text, or so many, plus one more.. ' %}"
                      "{% endfor %}{{ ns.s | length }}"),
               &env, &out, &err);
    ck_assert_msg(status == HN_OK, "%s", err.text);
    ck_assert_str_eq(out.p, "980000");
    hn_buf_free(&out);
}
END_TEST

START_TEST(times_are_given)
{
    struct hn_buf out = {0};
    const struct hn_template_env env = {.now = 1782900000};
    ck_assert_int_eq(render(HN_STR("{{ strftime_now('%Y') }}"), &env, &out, NULL), HN_OK);
    ck_assert_str_eq(out.p, "2026");
    hn_buf_free(&out);
    check_fails(HN_STR("{{ strftime_now('a\x00' 'b' * 300) }}"), NULL, HN_E_FORMAT,
                "format of times");
}
END_TEST

START_TEST(what_it_mentions)
{
    struct hn_template *tpl =
        compile(HN_STR("{% if tools %}{{ x.reasoning }}{{ y['arg'] }}{% endif %}"));
    ck_assert(hn_template_mentions(tpl, "tools"));
    ck_assert(hn_template_mentions(tpl, "reasoning"));
    ck_assert(hn_template_mentions(tpl, "arg"));
    ck_assert(!hn_template_mentions(tpl, "tool"));
    hn_template_destroy(tpl);
}
END_TEST

START_TEST(variables_must_be_an_object)
{
    struct hn_template *tpl = compile(HN_STR("a"));
    struct hn_buf out = {0};
    json_t *list = json_array();
    ck_assert_int_eq(hn_template_render(tpl, list, NULL, &out, NULL), HN_E_ARG);
    ck_assert_int_eq(hn_template_render(tpl, NULL, NULL, &out, NULL), HN_E_ARG);
    json_decref(list);
    hn_buf_free(&out);
    hn_template_destroy(tpl);
}
END_TEST

/* Keys that are equal in Python are one key here, in small and in large dictionaries. */
START_TEST(dictionaries_keep_order_and_find_keys)
{
    check_text("{{ {1: 'a', 2: 'b', true: 'c', 1.0: 'd', 'x': 1} }}", "{1: 'd', 2: 'b', 'x': 1}");
    check_text("{% set ns = namespace(d={}) %}{% for i in range(100) %}"
               "{% set ns.d = dict(ns.d, **{i | string: i}) %}{% endfor %}"
               "{{ ns.d | length }} {{ ns.d['57'] }} {{ ns.d | first }} {{ ns.d | last }} "
               "{{ '100' in ns.d }} {{ ns.d.get('99') }}",
               "100 57 0 99 False 99");
}
END_TEST

static void *render_many(void *arg)
{
    const struct hn_template *tpl = arg;
    json_t *variables = parse("{\"n\": 300}");
    for (int i = 0; i < 20; i++) {
        struct hn_buf out = {0};
        ck_assert_int_eq(hn_template_render(tpl, variables, NULL, &out, NULL), HN_OK);
        ck_assert_uint_eq(out.n, 300);
        hn_buf_free(&out);
    }
    json_decref(variables);
    return NULL;
}

START_TEST(threads_share_a_template)
{
    struct hn_template *tpl =
        compile(HN_STR("{% macro m(x) %}{{ x | string | first }}{% endmacro %}"
                       "{% for i in range(n) %}{{ m(i) }}{% endfor %}"));
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, render_many, tpl), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    hn_template_destroy(tpl);
}
END_TEST

/* --- Chats ------------------------------------------------------------------------------------ */

enum { A, BOS, END, N_TOKENS };

static struct hn_tokenizer *make_tokenizer(bool adds_bos)
{
    static const struct hn_str texts[] = {HN_STR("a"), HN_STR("<s>"), HN_STR("</s>")};
    static const uint8_t types[] = {HN_TOKEN_NORMAL, HN_TOKEN_CONTROL, HN_TOKEN_CONTROL};
    struct hn_vocab_spec spec = hn_vocab_spec_init(HN_VOCAB_BPE);
    spec.n = N_TOKENS;
    spec.texts = texts;
    spec.types = types;
    spec.bos = BOS;
    spec.eos = END;
    spec.add_bos = adds_bos;
    struct hn_tokenizer *tokenizer = NULL;
    struct hn_error err = {0};
    ck_assert_msg(hn_tokenizer_create(&spec, &tokenizer, &err) == HN_OK, "%s", err.text);
    return tokenizer;
}

/* The ids of a chat of one word under a template. */
static void check_chat(const char *source, bool adds_bos, size_t n, const int32_t *ids)
{
    struct hn_tokenizer *tokenizer = make_tokenizer(adds_bos);
    struct hn_chat *chat = NULL;
    struct hn_buf prompt = {0};
    struct hn_tokens got = {0};
    struct hn_error err = {0};
    json_t *request = hn_chat_request(HN_STR(""), HN_STR("a"));
    ck_assert_ptr_nonnull(request);
    ck_assert_msg(
        hn_chat_create(hn_str_from(source), HN_STR("tools"), "t", tokenizer, &chat, &err) == HN_OK,
        "%s", err.text);
    ck_assert_msg(hn_chat_prompt(chat, request, NULL, &prompt, &err) == HN_OK, "%s", err.text);
    ck_assert_int_eq(hn_chat_tokenize(chat, hn_buf_view(&prompt), &got, &err), HN_OK);
    ck_assert_msg(got.n == n && memcmp(got.ids, ids, n * sizeof *ids) == 0, "%s: %zu ids", source,
                  got.n);
    /* With tools it is the other template. */
    json_object_set_new(request, "tools", json_pack("[s]", "x"));
    hn_buf_clear(&prompt);
    ck_assert_int_eq(hn_chat_prompt(chat, request, NULL, &prompt, &err), HN_OK);
    ck_assert_str_eq(prompt.p, "tools");
    json_decref(request);
    hn_tokens_free(&got);
    hn_buf_free(&prompt);
    hn_chat_destroy(chat);
    hn_tokenizer_destroy(tokenizer);
}

START_TEST(a_prompt_begins_once)
{
    static const char with[] = "{{ bos_token }}{{ messages[0].content }}{{ eos_token }}";
    static const char without[] = "{{ messages[0].content }}{{ eos_token }}";
    static const int32_t all[] = {BOS, A, END}, some[] = {A, END};
    check_chat(with, true, 3, all);
    check_chat(with, false, 3, all);
    check_chat(without, true, 3, all);
    check_chat(without, false, 2, some);
}
END_TEST

START_TEST(requests_have_messages)
{
    struct hn_tokenizer *tokenizer = make_tokenizer(true);
    struct hn_chat *chat = NULL;
    struct hn_buf out = {0};
    ck_assert_int_eq(hn_chat_create(HN_STR("{{ messages[0].role }}{{ bos_token }}"), HN_STR(""),
                                    "t", tokenizer, &chat, NULL),
                     HN_OK);
    json_t *wrong = parse("{\"messages\": 5}");
    ck_assert_int_eq(hn_chat_prompt(chat, wrong, NULL, &out, NULL), HN_E_ARG);
    json_t *right = hn_chat_request(HN_STR("Be kind"), HN_STR("a"));
    json_object_set_new(right, "bos_token", json_string("[mine]"));
    ck_assert_int_eq(hn_chat_prompt(chat, right, NULL, &out, NULL), HN_OK);
    ck_assert_str_eq(out.p, "system[mine]");
    json_decref(wrong);
    json_decref(right);
    hn_buf_free(&out);
    hn_chat_destroy(chat);
    hn_tokenizer_destroy(tokenizer);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("template");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, errors_name_the_line);
    tcase_add_test(tcase, hostile_sources_are_refused);
    tcase_add_test(tcase, long_sources_are_no_problem);
    tcase_add_test(tcase, renderings_are_bounded);
    tcase_add_test(tcase, recursion_is_bounded);
    tcase_add_test(tcase, text_that_grows_takes_linear_memory);
    tcase_add_test(tcase, times_are_given);
    tcase_add_test(tcase, what_it_mentions);
    tcase_add_test(tcase, variables_must_be_an_object);
    tcase_add_test(tcase, dictionaries_keep_order_and_find_keys);
    tcase_add_test(tcase, threads_share_a_template);
    tcase_add_test(tcase, a_prompt_begins_once);
    tcase_add_test(tcase, requests_have_messages);
    return run_unit("template", tcase);
}
