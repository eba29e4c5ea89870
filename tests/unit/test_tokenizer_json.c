#include <stdio.h>

#include "text/detokenize.h"
#include "text/tokenizer_json.h"
#include "unit.h"

/* JSON with single quotes for double ones. */
static struct hn_str quoted(struct hn_arena *arena, const char *text)
{
    const struct hn_str copy = hn_arena_str(arena, hn_str_from(text));
    char *p = (char *)(uintptr_t)copy.p;
    for (size_t i = 0; i < copy.n; i++)
        if (p[i] == '\'') p[i] = '"';
    return copy;
}

static enum hn_status load(const char *json, const char *config, struct hn_tokenizer **out,
                           struct hn_error *err)
{
    struct hn_arena arena = {0};
    struct hn_vocab_spec spec;
    enum hn_status status =
        hn_vocab_from_json(quoted(&arena, json), quoted(&arena, config), &arena, &spec, err);
    if (status >= 0) status = hn_tokenizer_create(&spec, out, err);
    hn_arena_free(&arena);
    return status;
}

static struct hn_tokenizer *make(const char *json, const char *config)
{
    struct hn_tokenizer *t = NULL;
    struct hn_error err = {0};
    ck_assert_msg(load(json, config, &t, &err) == HN_OK, "%s", err.text);
    return t;
}

/* The tokens' texts, separated by bars. */
static void check(const struct hn_tokenizer *t, const char *text, unsigned flags,
                  const char *expected)
{
    struct hn_tokens ids = {0};
    struct hn_error err = {0};
    ck_assert_msg(hn_tokenize(t, hn_str_from(text), flags, &ids, &err) == HN_OK, "%s", err.text);
    struct hn_buf got = {0};
    for (size_t i = 0; i < ids.n; i++) {
        if (i) hn_buf_char(&got, '|');
        hn_buf_str(&got, hn_tokenizer_text(t, ids.ids[i]));
    }
    ck_assert_str_eq(got.p ? got.p : "", expected);
    hn_buf_free(&got);
    hn_tokens_free(&ids);
}

#define FLAGS "'single_word':false,'lstrip':false,'rstrip':false,'normalized':false"

START_TEST(byte_level_bpe)
{
    struct hn_tokenizer *t = make(
        "{'added_tokens':[{'id':8,'content':'<|end|>','special':true," FLAGS "},"
        "{'id':9,'content':'<t>','special':false,'lstrip':true,'rstrip':true}],"
        "'normalizer':{'type':'NFC'},"
        "'pre_tokenizer':{'type':'Sequence','pretokenizers':["
        "{'type':'Split','pattern':{'Regex':'\\\\d'},'behavior':'Isolated','invert':false},"
        "{'type':'ByteLevel','add_prefix_space':false,'use_regex':true}]},"
        "'post_processor':{'type':'TemplateProcessing','single':[{'SpecialToken':{'id':'<|end|>',"
        "'type_id':0}},{'Sequence':{'id':'A','type_id':0}}],"
        "'special_tokens':{'<|end|>':{'id':'<|end|>','ids':[8],'tokens':['<|end|>']}}},"
        "'model':{'type':'BPE','vocab':{'a':0,'b':1,'1':2,'ab':3,'11':4,'\\u0120':5,'\\u00c3':6,"
        "'\\u00a9':7},'merges':['a b',['1','1']]}}",
        "{'eos_token':'<|end|>'}");
    check(t, "ab11", 0, "ab|1|1"); /* the split keeps the digits apart */
    check(t, "a", HN_TOKENIZE_ADD_SPECIAL, "<|end|>|a");
    check(t, "a<|end|>", HN_TOKENIZE_PARSE_SPECIAL, "a|<|end|>");
    check(t, "a <t>  b", 0, "a|<t>|b");
    check(t, "e\xCC\x81", 0, "\xC3\x83|\xC2\xA9"); /* composed to U+00E9 first */
    ck_assert_int_eq(hn_tokenizer_eos(t), 8);
    ck_assert(hn_tokenizer_is_eog(t, 8));
    hn_tokenizer_destroy(t);
}
END_TEST

#define MARK "\\u2581"

START_TEST(character_bpe)
{
    struct hn_tokenizer *t = make(
        "{'added_tokens':[{'id':0,'content':'<unk>','special':true," FLAGS "}],"
        "'normalizer':{'type':'Sequence','normalizers':[{'type':'Prepend','prepend':'" MARK "'},"
        "{'type':'Replace','pattern':{'String':' '},'content':'" MARK "'}]},"
        "'pre_tokenizer':null,'post_processor':null,"
        "'model':{'type':'BPE','unk_token':'<unk>','fuse_unk':true,'vocab':{'<unk>':0,'" MARK
        "':1,'a':2,'b':3,'ab':4,'" MARK "ab':5},'merges':['a b','" MARK " ab']}}",
        "{}");
    check(t, "ab ab", 0,
          "\xE2\x96\x81"
          "ab|\xE2\x96\x81"
          "ab");
    check(t, "axya", 0, "\xE2\x96\x81|a|<unk>|a");
    struct hn_detokenizer state = {0};
    struct hn_buf out = {0};
    ck_assert_int_eq(hn_detokenize(t, &state, 5, 0, &out), HN_OK);
    ck_assert_int_eq(hn_detokenize(t, &state, 5, 0, &out), HN_OK);
    ck_assert_str_eq(out.p, "ab ab");
    hn_buf_free(&out);
    hn_tokenizer_destroy(t);
}
END_TEST

START_TEST(word_pieces)
{
    struct hn_tokenizer *t = make(
        "{'added_tokens':[{'id':0,'content':'[UNK]','special':true},"
        "{'id':1,'content':'[CLS]','special':true},{'id':2,'content':'[SEP]','special':true}],"
        "'normalizer':{'type':'BertNormalizer','clean_text':true,'handle_chinese_chars':true,"
        "'strip_accents':null,'lowercase':true},'pre_tokenizer':{'type':'BertPreTokenizer'},"
        "'post_processor':{'type':'BertProcessing','sep':['[SEP]',2],'cls':['[CLS]',1]},"
        "'model':{'type':'WordPiece','unk_token':'[UNK]','continuing_subword_prefix':'##',"
        "'vocab':{'[UNK]':0,'[CLS]':1,'[SEP]':2,'un':3,'##able':4,'##a':5,'!':6,'\\u4e2d':7}}}",
        "{}");
    check(t,
          "Un\xC3\xA1"
          "BLE un!\xE4\xB8\xAD"
          "un",
          HN_TOKENIZE_ADD_SPECIAL,
          "[CLS]|\xE2\x96\x81un|able|\xE2\x96\x81un|\xE2\x96\x81!|\xE2\x96\x81\xE4\xB8\xAD|"
          "\xE2\x96\x81un|[SEP]");
    check(t, "unx able", 0, "[UNK]|[UNK]");
    hn_tokenizer_destroy(t);
}
END_TEST

START_TEST(unigrams)
{
    struct hn_tokenizer *t =
        make("{'added_tokens':[{'id':0,'content':'</s>','special':true}],"
             "'normalizer':{'type':'NFKC'},"
             "'pre_tokenizer':{'type':'Sequence','pretokenizers':[{'type':'WhitespaceSplit'},"
             "{'type':'Metaspace','replacement':'" MARK "','add_prefix_space':true}]},"
             "'model':{'type':'Unigram','unk_id':1,'vocab':[['</s>',0],['<unk>',0],['" MARK
             "',-4.0],['a',-3.0],['b',-3.0],['ab',-5.0],['" MARK "a',-4.5]]}}",
             "{}");
    check(t, "ab", 0,
          "\xE2\x96\x81"
          "a|b"); /* -7.5 beats -9 */
    check(t, "  bab\n ab ", 0,
          "\xE2\x96\x81|b|ab|\xE2\x96\x81"
          "a|b");
    check(t, "b\xEF\xBD\x81xyb", 0, "\xE2\x96\x81|b|a|<unk>|b"); /* fullwidth a */
    hn_tokenizer_destroy(t);
}
END_TEST

START_TEST(what_is_unknown_is_an_error)
{
    static const struct {
        const char *json;
        enum hn_status status;
        const char *text;
    } cases[] = {
        {"[]", HN_E_FORMAT, "no object"},
        {"{'model':{'type':'WordLevel','vocab':{}}}", HN_E_UNSUPPORTED, "'WordLevel'"},
        {"{'model':{'type':'BPE','vocab':[],'merges':[]}}", HN_E_FORMAT, "model.vocab"},
        {"{'model':{'type':'BPE','vocab':{'a':-1},'merges':[]}}", HN_E_FORMAT, "id"},
        {"{'model':{'type':'BPE','vocab':{'a':0,'b':0},'merges':[]}}", HN_E_FORMAT, "one id"},
        {"{'model':{'type':'BPE','vocab':{'a':9999999},'merges':[]}}", HN_E_LIMIT, "10000000"},
        {"{'model':{'type':'BPE','vocab':{'a':0},'merges':['a']}}", HN_E_FORMAT, "merge"},
        {"{'normalizer':{'type':'Xyz'},'model':{'type':'BPE','vocab':{'a':0},'merges':[]}}",
         HN_E_UNSUPPORTED, "'Xyz'"},
        {"{'pre_tokenizer':{'type':'UnicodeScripts'},'model':{'type':'BPE','vocab':{'a':0},"
         "'merges':[]}}",
         HN_E_UNSUPPORTED, "'UnicodeScripts'"},
        {"{'pre_tokenizer':{'type':'Split','pattern':{'Regex':'(('},'behavior':'Isolated'},"
         "'model':{'type':'BPE','vocab':{'a':0},'merges':[]}}",
         HN_E_FORMAT, "expression"},
        {"{'pre_tokenizer':{'type':'Split','pattern':{'Regex':'[a&&b]'},'behavior':'Isolated'},"
         "'model':{'type':'BPE','vocab':{'a':0},'merges':[]}}",
         HN_E_UNSUPPORTED, "&&"},
        {"{'model':{'type':'Unigram','vocab':[['a',0]]}}", HN_E_FORMAT, "unknown token"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct hn_tokenizer *t = NULL;
        struct hn_error err = {0};
        const enum hn_status status = load(cases[i].json, "{}", &t, &err);
        ck_assert_msg(status == cases[i].status, "case %zu: %d, %s", i, status, err.text);
        ck_assert_msg(strstr(err.text, cases[i].text), "case %zu: %s", i, err.text);
    }
}
END_TEST

/* head + middle + tail of a frame, the tokens' texts with bars between the parts. */
static void check_frame(const struct hn_tokenizer *t, const char *expected)
{
    const struct hn_frame f = hn_tokenizer_frame(t);
    const int32_t *const parts[] = {f.head, f.middle, f.tail};
    const size_t n[] = {f.n_head, f.n_middle, f.n_tail};
    struct hn_buf got = {0};
    for (size_t p = 0; p < 3; p++) {
        if (p) hn_buf_char(&got, '|');
        for (size_t i = 0; i < n[p]; i++)
            hn_buf_str(&got, hn_tokenizer_text(t, parts[p][i]));
    }
    ck_assert_str_eq(got.p, expected);
    hn_buf_free(&got);
}

#define BERT_VOCAB                                                                                 \
    "'model':{'type':'WordPiece','unk_token':'[UNK]','vocab':{'[UNK]':0,'[CLS]':1,'[SEP]':2,"      \
    "'[X]':3,'a':4}},'added_tokens':[{'id':0,'content':'[UNK]','special':true},"                   \
    "{'id':1,'content':'[CLS]','special':true},{'id':2,'content':'[SEP]','special':true},"         \
    "{'id':3,'content':'[X]','special':true}],"
#define TOKEN(text) "{'SpecialToken':{'id':'" text "','type_id':0}}"
#define TEXT(name)  "{'Sequence':{'id':'" name "','type_id':0}}"

START_TEST(pairs_have_something_between_them)
{
    static const struct {
        const char *processor, *expected;
    } cases[] = {
        {"{'type':'TemplateProcessing','single':[" TOKEN("[CLS]") "," TEXT("A") "," TOKEN("[SEP]") "],'pair':[" TOKEN(
             "[CLS]") "," TEXT("A") "," TOKEN("[SEP]") "," TOKEN("[X]") "," TEXT("B") "," TOKEN("[S"
                                                                                                "EP"
                                                                                                "]") "],'special_tokens':{'[CLS]':{'ids':[1]},"
                                                                                                     "'[SEP]':{'ids':[2]},'[X]':{'ids':[3]}}}",
         "[CLS]|[SEP][X]|[SEP]"},
        {"{'type':'BertProcessing','cls':['[CLS]',1],'sep':['[SEP]',2]}", "[CLS]|[SEP]|[SEP]"},
        {"{'type':'RobertaProcessing','cls':['[CLS]',1],'sep':['[SEP]',2]}",
         "[CLS]|[SEP][SEP]|[SEP]"},
        {"{'type':'TemplateProcessing','single':[" TEXT("A") "," TOKEN(
             "[SEP]") "],'special_tokens':{'[SEP]':{'ids':[2]}}}",
         "|[SEP]|[SEP]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char json[2000];
        snprintf(json, sizeof json, "{" BERT_VOCAB "'post_processor':%s}", cases[i].processor);
        struct hn_tokenizer *t = make(json, "{}");
        check_frame(t, cases[i].expected);
        hn_tokenizer_destroy(t);
    }
}
END_TEST

static struct hn_tokenizer *from_lines(const char *lines, const char *config)
{
    struct hn_arena arena = {0};
    struct hn_vocab_spec spec;
    struct hn_tokenizer *t = NULL;
    struct hn_error err = {0};
    enum hn_status status =
        hn_vocab_from_lines(hn_str_from(lines), quoted(&arena, config), &arena, &spec, &err);
    if (status >= 0) status = hn_tokenizer_create(&spec, &t, &err);
    hn_arena_free(&arena);
    ck_assert_msg(status == HN_OK, "%s", err.text);
    return t;
}

#define WORD "\xE2\x96\x81" /* what a word begins with */

START_TEST(word_pieces_on_lines)
{
    static const char lines[] = "[PAD]\n[UNK]\r\n[CLS]\n[SEP]\n\nhel\n##lo\nHel\nlo";
    struct hn_tokenizer *t = from_lines(lines, "");
    ck_assert_uint_eq(hn_tokenizer_size(t), 9);
    check(t, "Hello lo x", HN_TOKENIZE_ADD_SPECIAL, "[CLS]|" WORD "hel|lo|" WORD "lo|[UNK]|[SEP]");
    check_frame(t, "[CLS]|[SEP]|[SEP]");
    hn_tokenizer_destroy(t);
    t = from_lines(lines, "{'do_lower_case':false}");
    check(t, "Hello", 0, WORD "Hel|lo");
    hn_tokenizer_destroy(t);
}
END_TEST

START_TEST(lines_need_an_unknown_one)
{
    struct hn_arena arena = {0};
    struct hn_vocab_spec spec;
    struct hn_tokenizer *t = NULL;
    struct hn_error err = {0};
    const struct hn_str none = {0};
    ck_assert_int_eq(hn_vocab_from_lines(none, none, &arena, &spec, &err), HN_E_LIMIT);
    ck_assert_int_eq(hn_vocab_from_lines(HN_STR("a\nb"), none, &arena, &spec, &err), HN_OK);
    ck_assert_int_eq(hn_tokenizer_create(&spec, &t, &err), HN_E_FORMAT);
    ck_assert_ptr_nonnull(strstr(err.text, "[UNK]"));
    hn_arena_free(&arena);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("tokenizer_json");
    tcase_add_test(tc, byte_level_bpe);
    tcase_add_test(tc, character_bpe);
    tcase_add_test(tc, word_pieces);
    tcase_add_test(tc, unigrams);
    tcase_add_test(tc, what_is_unknown_is_an_error);
    tcase_add_test(tc, pairs_have_something_between_them);
    tcase_add_test(tc, word_pieces_on_lines);
    tcase_add_test(tc, lines_need_an_unknown_one);
    return run_unit("tokenizer_json", tc);
}
