/* What grammars accept and refuse, in each of their notations. */
#include <stdio.h>

#include "text/grammar.h"
#include "text/grammar_mask.h"
#include "unit.h"
#include "words.h"

typedef enum hn_status compile(struct hn_str, struct hn_grammar **, struct hn_error *);

/* Whether the whole text matches, byte by byte. */
static bool matches(struct hn_grammar *g, struct hn_str text)
{
    struct hn_matcher *m;
    ck_assert_int_eq(hn_matcher_create(g, &m, NULL), HN_OK);
    bool ok = true;
    for (size_t i = 0; i < text.n && ok; i++)
        ok = hn_matcher_read(m, masker, (struct hn_str){text.p + i, 1}) == 1;
    ok &= hn_matcher_may_end(m);
    hn_matcher_destroy(m);
    return ok;
}

/* Lists of texts end with NULL. */
static void check(compile *make, const char *source, const char *const *yes, const char *const *no)
{
    struct hn_grammar *g;
    struct hn_error err = {.text = ""};
    ck_assert_msg(make(hn_str_from(source), &g, &err) == HN_OK, "%s: %s", source, err.text);
    for (; *yes; yes++)
        ck_assert_msg(matches(g, hn_str_from(*yes)), "%s does not take '%s'", source, *yes);
    for (; *no; no++)
        ck_assert_msg(!matches(g, hn_str_from(*no)), "%s takes '%s'", source, *no);
    hn_grammar_release(g);
}

static void check_fails(compile *make, const char *source, enum hn_status expected,
                        const char *word)
{
    struct hn_grammar *g;
    struct hn_error err = {.text = ""};
    const enum hn_status status = make(hn_str_from(source), &g, &err);
    ck_assert_msg(status == expected, "%s: %d '%s'", source, status, err.text);
    ck_assert_msg(strstr(err.text, word), "%s: '%s' lacks '%s'", source, err.text, word);
    ck_assert_ptr_null(g);
}

#define TEXTS(...)                                                                                 \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }
#define GBNF(source, yes, no)           check(hn_grammar_gbnf, source, yes, no)
#define REGEX(source, yes, no)          check(hn_grammar_regex, source, yes, no)
#define BAD_GBNF(source, status, word)  check_fails(hn_grammar_gbnf, source, status, word)
#define BAD_REGEX(source, status, word) check_fails(hn_grammar_regex, source, status, word)

START_TEST(gbnf_notation)
{
    GBNF("root ::= \"a\" \"b\" # comment\n", TEXTS("ab"), TEXTS("", "a", "abc", "b"));
    GBNF("# first\r\nroot ::= x | y\r\nx ::= \"1\"\r\ny ::=\r\n  \"2\" |\r\n  \"3\"",
         TEXTS("1", "2", "3"), TEXTS("", "12", "4"));
    GBNF("root ::= (\"a\" | \"b\"\n  | \"c\")+ \"!\"?", TEXTS("a", "abcba!", "c!"),
         TEXTS("!", "", "a!!"));
    GBNF("root ::= [a-cx] [^a-c\\n] [-] [\\x41-\\u0043]", TEXTS("ad-A", "xx-C", "b\xC3\xA9-B"),
         TEXTS("da-A", "aa-A", "a\n-A", "ad-D", "a\xC3-A"));
    GBNF("root ::= \"\\\"\\\\\\n\\t\\r\\x41\\u00e9\\U0001F600\"",
         TEXTS("\"\\\n\t\rA\xC3\xA9\xF0\x9F\x98\x80"), TEXTS("\"\\\n\t\rA"));
    GBNF("root ::= \"a\"{2} \"b\"{1,} \"c\"{0,2} \"d\"{ , 1}", TEXTS("aab", "aabbbccd", "aabd"),
         TEXTS("ab", "aabccc", "aabdd", "aaab"));
    GBNF("root ::= . \"x\"", TEXTS("ax", "\nx", "\xE2\x82\xACx", "\xF4\x8F\xBF\xBFx"),
         TEXTS("x", "\xE2\x82x", "\xED\xA0\x80x", "\xC0\x80x", "\xF5\x80\x80\x80x", "\xFFx"));
    GBNF("root ::= [\xC3\xA0-\xE2\x82\xAC]",
         TEXTS("\xC3\xA9", "\xD0\x96", "\xE1\x80\x80", "\xE2\x82\xAC"),
         TEXTS("\xC3\x9F", "\xE2\x82\xAD", "a"));
    GBNF("root ::= [^\"\\\\\\x7F\\x00-\\x1F] | [\\\\] ([\"\\\\bfnrt] | \"u\" [0-9a-fA-F]{4})",
         TEXTS("a", "\\n", "\\u00e9", "\xC2\x80"), TEXTS("\\", "\"", "\n", "\\u00g0", "\x7F"));
    GBNF("root ::= item-1 item_2\nitem-1 ::= \"a\"\nitem_2 ::= | \"b\" item_2", TEXTS("a", "abbb"),
         TEXTS("b", ""));
}
END_TEST

START_TEST(gbnf_recursion)
{
    GBNF("root ::= \"(\" root \")\" | \"x\" | root2\nroot2 ::= \"[\" root \"]\"",
         TEXTS("x", "((x))", "([(x)])", "[[[x]]]"), TEXTS("", "(x", "(x]", "x)"));
    GBNF("root ::= value\n"
         "object ::= \"{\" ws ( string \":\" ws value (\",\" ws string \":\" ws value)* )? \"}\" "
         "ws\n"
         "value ::= object | array | string | number | (\"true\" | \"false\" | \"null\") ws\n"
         "array ::= \"[\" ws ( value (\",\" ws value)* )? \"]\" ws\n"
         "string ::= \"\\\"\" ([^\"\\\\\\x7F\\x00-\\x1F] | \"\\\\\" ([\"\\\\bfnrt] | \"u\" "
         "[0-9a-fA-F]{4}))* "
         "\"\\\"\" ws\n"
         "number ::= (\"-\"? ([0-9] | [1-9] [0-9]{0,15})) (\".\" [0-9]+)? ([eE] [-+]? [0-9] "
         "[1-9]{0,15})? ws\n"
         "ws ::= | \" \" | \"\\n\" [ \\t]{0,20}\n",
         TEXTS("{}", "{\"a\": [1, 2.5, -3e5, {\"b\": null}], \"c\":\n  \"\\u00e9\\n\"}\n", "\"\"",
               "[[], {}]", "true "),
         TEXTS("{", "[1,]", "{\"a\"}", "01", "\"\n\"", "nul", "{\"a\": }"));
    /* Right recursion, also through another rule, needs no stack. */
    GBNF("root ::= \"a\" root | \"b\" other | \"\"\nother ::= \"c\" root",
         TEXTS("", "aaa", "abcabc"), TEXTS("ab", "c"));
    BAD_GBNF("root ::= root \"a\" | \"b\"", HN_E_UNSUPPORTED, "'root'");
    BAD_GBNF("root ::= a \"x\"\na ::= b? c\nb ::= \"y\"\nc ::= a \"z\" | \"q\"", HN_E_UNSUPPORTED,
             "left recursion");
    BAD_GBNF("root ::= \"a\" root", HN_E_ARG, "without end");
    /* Only the way that never ends is dropped. */
    GBNF("root ::= \"a\" loop | \"b\"\nloop ::= \"c\" loop", TEXTS("b"), TEXTS("a", "ac"));
}
END_TEST

/* All ways are followed at once. */
START_TEST(gbnf_ambiguity)
{
    GBNF("root ::= s\ns ::= \"a\" s \"b\" | \"a\" s \"c\" | \"a\" s | \"x\"",
         TEXTS("x", "aax", "aaxbc", "aaaxb", "aaxcb"), TEXTS("axbb", "xb", "aaxd"));
    GBNF("root ::= (a | b)* \"!\"\na ::= \"x\"+ \"y\"\nb ::= \"x\" [x-z]* \"z\"",
         TEXTS("!", "xxyxz!", "xyxxxxyyz!", "xyxyz!"), TEXTS("xz", "xyy!", "y!"));
    GBNF("root ::= p \"ab\" | q \"ac\"\np ::= \"(\" p \")\" | [a-z]*\nq ::= \"(\" q \")\" | [a-z]*",
         TEXTS("ab", "ac", "((x))ac", "aaab", "zzac"), TEXTS("ad", "((x)ac"));
}
END_TEST

START_TEST(gbnf_refusals)
{
    BAD_GBNF("", HN_E_FORMAT, "root");
    BAD_GBNF("start ::= \"a\"", HN_E_FORMAT, "root");
    BAD_GBNF("root ::= \"a\nb\" x", HN_E_FORMAT, "'x'");
    BAD_GBNF("root ::= missing", HN_E_FORMAT, "'missing'");
    BAD_GBNF("root = \"a\"", HN_E_FORMAT, "line 1, column 6");
    BAD_GBNF("root ::= \"a\"\n\nroot ::= \"b\"", HN_E_FORMAT, "line 3");
    BAD_GBNF("root ::= \"a", HN_E_FORMAT, "ends");
    BAD_GBNF("root ::= [a", HN_E_FORMAT, "ends");
    BAD_GBNF("root ::= [z-a]", HN_E_FORMAT, "range");
    BAD_GBNF("root ::= (\"a\"", HN_E_FORMAT, "')'");
    BAD_GBNF("root ::= \"a\" )", HN_E_FORMAT, "no rule");
    BAD_GBNF("root ::= *", HN_E_FORMAT, "repeat");
    BAD_GBNF("root ::= \"a\"{3,2}", HN_E_FORMAT, "least");
    BAD_GBNF("root ::= \"a\"{x}", HN_E_FORMAT, "number");
    BAD_GBNF("root ::= \"\\q\"", HN_E_FORMAT, "escape");
    BAD_GBNF("root ::= \"\\ud800\"", HN_E_FORMAT, "character");
    BAD_GBNF("root ::= \"\xFF\"", HN_E_FORMAT, "UTF-8");
    BAD_GBNF("root ::= <think> \"a\"", HN_E_UNSUPPORTED, "tokens");
    BAD_GBNF("root ::= []", HN_E_ARG, "nothing");
}
END_TEST

START_TEST(regex_notation)
{
    REGEX("abc", TEXTS("abc"), TEXTS("ab", "abcd", "xabc"));
    REGEX("^a|b$", TEXTS("a", "b"), TEXTS("ab", ""));
    REGEX("a*b+?c?\?(d|ef){2}[g-i]{1,2}", TEXTS("bddg", "aabbcdefhi", "befefgg"),
          TEXTS("bdg", "bddggg"));
    REGEX("\\d{3}-\\d{4}", TEXTS("555-1234"), TEXTS("555-123", "5555-1234"));
    REGEX("[\\w.]+@[^\\s@]+", TEXTS("a.b@c", "x_1@\xC3\xA9"), TEXTS("@a", "a@b c"));
    REGEX("\\D\\W\\S.", TEXTS("a-bc", "\xC3\xA9!x\xE2\x82\xAC"), TEXTS("1-bc", "aabc", "a-b\n"));
    REGEX("\\x41\\u00e9\\u{1F600}\\ud83d\\ude00\\t\\n\\.\\\\\\/\\-\\cA",
          TEXTS("A\xC3\xA9\xF0\x9F\x98\x80\xF0\x9F\x98\x80\t\n.\\/-\x01"), TEXTS("A"));
    REGEX("(?:x|(?<n>y)|(?P<m>z))", TEXTS("x", "y", "z"), TEXTS("n", ""));
    REGEX("\\p{Lu}\\p{Ll}*\\P{L}", TEXTS("Ab1", "\xC3\x89\xC3\xA9!", "Z "),
          TEXTS("ab1", "Abc", "A"));
    REGEX("[]|x", TEXTS("x"), TEXTS("", "a"));
    REGEX("a{,2}{x}", TEXTS("a{,2}{x}"), TEXTS("a", "aa"));
    REGEX("(a?){5}(b*){3}", TEXTS("", "aaaaa", "abbbbbbb"), TEXTS("aaaaaa", "ba"));
    REGEX("[^]", TEXTS("\n", "\xC3\xA9"), TEXTS("", "ab"));
    REGEX("[a\\-z\\]^-]+", TEXTS("a-z]^"), TEXTS("b"));
}
END_TEST

START_TEST(regex_refusals)
{
    BAD_REGEX("a(?=b)", HN_E_UNSUPPORTED, "look-ahead");
    BAD_REGEX("(?<!a)b", HN_E_UNSUPPORTED, "look-behind");
    BAD_REGEX("(a)\\1", HN_E_UNSUPPORTED, "back references");
    BAD_REGEX("\\bword", HN_E_UNSUPPORTED, "word boundaries");
    BAD_REGEX("a^b", HN_E_UNSUPPORTED, "'^'");
    BAD_REGEX("(a$)", HN_E_UNSUPPORTED, "'$'");
    BAD_REGEX("(?i)a", HN_E_UNSUPPORTED, "flags");
    BAD_REGEX("a++", HN_E_UNSUPPORTED, "possessive");
    BAD_REGEX("\\p{Greek}", HN_E_UNSUPPORTED, "categories");
    BAD_REGEX("[[:alpha:]]", HN_E_UNSUPPORTED, "by name");
    BAD_REGEX("\\p{L", HN_E_UNSUPPORTED, "categories");
    BAD_REGEX("(a", HN_E_FORMAT, "')'");
    BAD_REGEX("a)", HN_E_FORMAT, "')'");
    BAD_REGEX("[a", HN_E_FORMAT, "end");
    BAD_REGEX("*a", HN_E_FORMAT, "repeat");
    BAD_REGEX("a{2,1}", HN_E_FORMAT, "least");
    BAD_REGEX("[z-a]", HN_E_FORMAT, "range");
    BAD_REGEX("a\\", HN_E_FORMAT, "backslash");
    BAD_REGEX("\\y", HN_E_FORMAT, "escape");
    BAD_REGEX("[]", HN_E_ARG, "nothing");
}
END_TEST

static enum hn_status compile_schema(struct hn_str source, struct hn_grammar **out,
                                     struct hn_error *err)
{
    json_t *schema;
    *out = NULL;
    HN_TRY(hn_json_parse(source, "schema", &schema, err));
    const enum hn_status status = hn_grammar_json_schema(schema, out, err);
    json_decref(schema);
    return status;
}

#define SCHEMA(source, yes, no)          check(compile_schema, source, yes, no)
#define BAD_SCHEMA(source, status, word) check_fails(compile_schema, source, status, word)

/* That what is accepted is valid is shown with another validator (tests/api/test_schemas.py); this is about
 * what is accepted at all. */
START_TEST(schema_values)
{
    SCHEMA("{}", TEXTS("null", "-1.5e3", "[1, {\"a\": [ ]\n  }]", "\"\\ud83d\\ude00\""),
           TEXTS("", "nul", "01", "[1,]", "{\"a\":  1}", "\"\\ud83d\"", "[1]\n\n"));
    SCHEMA(
        "{\"type\": \"object\", \"properties\": {\"a\": {\"type\": \"integer\"}, \"b\": {\"type\": "
        "\"boolean\"}, \"c\": {\"const\": 1}}, \"required\": [\"b\"]}",
        TEXTS("{\"a\":1,\"b\":true,\"c\":1}", "{ \"b\": false }", "{\n\t\"b\":true, \"c\":1\n}"),
        TEXTS("{}", "{\"a\":1}", "{\"b\":true,\"a\":1}", "{\"b\":true,}", "{\"b\":true,\"d\":1}",
              "{,\"b\":true}"));
    SCHEMA("{\"properties\": {\"ab\": {\"type\": \"null\"}}, \"additionalProperties\": {\"const\": "
           "1}}",
           TEXTS("{\"ab\":null}", "{\"a\":1}", "{\"abc\":1,\"\":1}", "{\"ab\":null,\"b\":1}"),
           TEXTS("{\"ab\":1}", "{\"x\":1,\"ab\":null}", "{\"\\u0061b\":1}"));
    SCHEMA("{\"type\": \"integer\", \"minimum\": -3, \"exclusiveMaximum\": 120}",
           TEXTS("-3", "-1", "0", "7", "99", "119"), TEXTS("-4", "120", "1.0", "-0", "007"));
    SCHEMA("{\"type\": \"number\", \"minimum\": 0.25, \"maximum\": 12.5}",
           TEXTS("0.25", "0.250", "0.3", "1", "11.99", "12.5", "12.50", "12"),
           TEXTS("0", "0.2", "0.2499", "12.51", "13", "-1", "12.", "1e1"));
    SCHEMA("{\"type\": \"number\", \"exclusiveMinimum\": -1, \"exclusiveMaximum\": 0}",
           TEXTS("-0.5", "-0.999", "-0.01"), TEXTS("-1", "-1.0", "0", "-0", "-0.0", "0.1"));
    SCHEMA("{\"type\": \"string\", \"minLength\": 1, \"maxLength\": 3}",
           TEXTS("\"a\"", "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\"", "\"\\n\\u0041\""),
           TEXTS("\"\"", "\"abcd\"", "\"\xC3\""));
    SCHEMA("{\"type\": \"string\", \"pattern\": \"b+\", \"maxLength\": 4}",
           TEXTS("\"b\"", "\"abba\"", "\"\\n\\\"b\""), TEXTS("\"a\"", "\"aaaab\"", "\"\\u0062\""));
    SCHEMA("{\"type\": \"string\", \"format\": \"date\"}",
           TEXTS("\"2024-02-29\"", "\"2000-02-29\"", "\"1999-12-31\""),
           TEXTS("\"2023-02-29\"", "\"1900-02-29\"", "\"2024-04-31\"", "\"2024-13-01\"",
                 "\"24-01-01\""));
    SCHEMA("{\"$defs\": {\"t\": {\"type\": \"array\", \"items\": {\"$ref\": \"#/$defs/t\"}}}, "
           "\"$ref\": "
           "\"#/$defs/t\"}",
           TEXTS("[]", "[[],[[]]]"), TEXTS("[1]", "[[]"));
    BAD_SCHEMA("{\"properties\": {\"a\": {\"not\": {}}}}", HN_E_UNSUPPORTED,
               "#/properties/a: 'not'");
    BAD_SCHEMA("{\"$ref\": \"#\"}", HN_E_LIMIT, "refers to itself");
    BAD_SCHEMA("false", HN_E_ARG, "no text");
    struct hn_grammar *g;
    struct hn_buf nested = {0};
    for (int i = 0; i < 40; i++)
        hn_buf_text(&nested, "{\"type\": \"array\", \"minItems\": 2, \"items\": ");
    hn_buf_text(&nested, "{\"type\": \"string\"}");
    for (int i = 0; i < 40; i++)
        hn_buf_char(&nested, '}');
    SCHEMA(nested.p, (const char *[]){NULL}, TEXTS("[1]", "[]"));
    hn_buf_free(&nested);
    ck_assert_int_eq(hn_grammar_json_object(&g, NULL), HN_OK);
    ck_assert(matches(g, HN_STR("{\"a\": [1]}")) && !matches(g, HN_STR("[]")));
    hn_grammar_release(g);
}
END_TEST

/* What would take too long or too much memory is refused. */
START_TEST(bombs)
{
    struct hn_buf deep = {0};
    for (int i = 0; i < 100000; i++)
        hn_buf_char(&deep, '(');
    BAD_REGEX(deep.p, HN_E_LIMIT, "nested");
    hn_buf_clear(&deep);
    hn_buf_text(&deep, "root ::= ");
    for (int i = 0; i < 100000; i++)
        hn_buf_char(&deep, '(');
    BAD_GBNF(deep.p, HN_E_LIMIT, "nested");
    hn_buf_clear(&deep);
    hn_buf_text(&deep, "root ::= r0\n");
    for (int i = 0; i < 40000; i++)
        hn_buf_printf(&deep, "r%d ::= \"a\" r%d \"b\"\n", i, i + 1);
    hn_buf_text(&deep, "r40000 ::= \"x\"\n");
    BAD_GBNF(deep.p, HN_E_LIMIT, "deep");
    hn_buf_free(&deep);
    BAD_REGEX("a{1048577}", HN_E_LIMIT, "repetitions");
    BAD_REGEX("(a|b)*a(a|b){60}", HN_E_LIMIT, "");
    BAD_GBNF("root ::= a a a a a a a a a a\na ::= b b b b b b b b b b b b\nb ::= c{1000}\n"
             "c ::= [a-z]{1,900}",
             HN_E_LIMIT, "");
    /* Much, but not too much. */
    REGEX("(a|b)*a(a|b){10}", TEXTS("abbbbbbbbbb"), TEXTS("bbbbbbbbbbb"));
    REGEX("[a-z]{1,5000}", TEXTS("a"), TEXTS(""));
    REGEX("((a*)*)*((((a?){99})?){99}){99}", TEXTS("", "aaaa"), TEXTS("b"));
    REGEX("(x|a{0,20}|b*){50000}", TEXTS("", "aaxbb"), TEXTS("c"));
    REGEX("(a?b?){6}c", TEXTS("c", "ababababababc", "bbbbbbc", "abbac"), TEXTS("bbbbbbbc", "ba"));
    REGEX("(a*){3,7}b|(c{0,2}d?){5,}", TEXTS("b", "aab", "", "ccccddccccccccc"), TEXTS("ac"));
    check(hn_grammar_regex, "(((((a{100}){100}){100}){100}){100})", (const char *[]){NULL},
          TEXTS("a"));
}
END_TEST

START_TEST(equal_grammars)
{
    struct hn_grammar *a, *b, *c;
    ck_assert_int_eq(hn_grammar_regex(HN_STR("a|b"), &a, NULL), HN_OK);
    ck_assert_int_eq(hn_grammar_gbnf(HN_STR("root ::= [ab]"), &b, NULL), HN_OK);
    ck_assert_int_eq(hn_grammar_regex(HN_STR("a|c"), &c, NULL), HN_OK);
    ck_assert(hn_grammar_same(a, b));
    ck_assert(!hn_grammar_same(a, c));
    ck_assert_uint_gt(hn_grammar_states(a), 1);
    hn_grammar_release(hn_grammar_retain(a));
    hn_grammar_release(a);
    hn_grammar_release(b);
    hn_grammar_release(c);
    hn_grammar_release(NULL);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("grammar");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, words_start, words_stop);
    tcase_add_test(tcase, gbnf_notation);
    tcase_add_test(tcase, gbnf_recursion);
    tcase_add_test(tcase, gbnf_ambiguity);
    tcase_add_test(tcase, gbnf_refusals);
    tcase_add_test(tcase, regex_notation);
    tcase_add_test(tcase, regex_refusals);
    tcase_add_test(tcase, schema_values);
    tcase_add_test(tcase, bombs);
    tcase_add_test(tcase, equal_grammars);
    return run_unit("grammar", tcase);
}
