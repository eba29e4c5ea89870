/* The pre-tokenizers that GGUF files name. The expressions are those of the models' own
 * tokenizer.json files; where one differs in form, the comment says why it matches the same. */
#include "text/pretokenize.h"

#include "base/bits.h"
#include "text/scan.h"

#define RE_DIGIT "\\p{N}"
/* Numbers in groups of three from the right, and how the models' files write their kinds of it. */
#define RE_THIRDS       "\\p{N}{1,3}(?=(?:\\p{N}{3})*(?!\\p{N}))"
#define RE_WORD_THIRDS  "\\d{1,3}(?=(?:\\d{3})*\\b)"
#define RE_THIRD_STARTS "(?=(\\d{3})+(?!\\d))"

/* ASCII punctuation of \p{S} too: what Rust's is_ascii_punctuation adds to \p{P}. */
#define RE_PUNCTUATION "[\\p{P}\\$\\+<=>\\^~\\|`]+"

/* Letters with case, as of the Unicode version the DeepSeek LLM tokenizer was made with. */
#define RE_DEEPSEEK_LETTERS                                                                        \
    "\\s?[A-Za-z\\x{B5}\\x{C0}-\\x{D6}\\x{D8}-\\x{F6}\\x{F8}-\\x{1BA}\\x{1BC}-\\x{1BF}"            \
    "\\x{1C4}-\\x{293}\\x{295}-\\x{2AF}\\x{370}-\\x{373}\\x{376}\\x{377}\\x{37B}-\\x{37D}"         \
    "\\x{37F}\\x{386}\\x{388}-\\x{38A}\\x{38C}\\x{38E}-\\x{3A1}\\x{3A3}-\\x{3F5}"                  \
    "\\x{3F7}-\\x{481}\\x{48A}-\\x{52F}\\x{531}-\\x{556}\\x{10A0}-\\x{10C5}"                       \
    "\\x{13A0}-\\x{13F5}\\x{13F8}-\\x{13FD}\\x{1C90}-\\x{1CBA}\\x{1CBD}-\\x{1CBF}"                 \
    "\\x{1D00}-\\x{1D2B}\\x{1D6B}-\\x{1D77}\\x{1D79}-\\x{1D9A}\\x{1E00}-\\x{1F15}"                 \
    "\\x{1F18}-\\x{1F1D}\\x{1F20}-\\x{1F45}\\x{1F48}-\\x{1F4D}\\x{1F50}-\\x{1F57}\\x{1F59}"        \
    "\\x{1F5B}\\x{1F5D}\\x{1F5F}-\\x{1F7D}\\x{1F80}-\\x{1FB4}\\x{1FB6}-\\x{1FBC}\\x{1FBE}"         \
    "\\x{1FC2}-\\x{1FC4}\\x{1FC6}-\\x{1FCC}\\x{1FD0}-\\x{1FD3}\\x{1FD6}-\\x{1FDB}"                 \
    "\\x{1FE0}-\\x{1FEC}\\x{1FF2}-\\x{1FF4}\\x{1FF6}-\\x{1FFC}\\x{2102}\\x{2107}"                  \
    "\\x{210A}-\\x{2113}\\x{2115}\\x{2119}-\\x{211D}\\x{2124}\\x{2126}\\x{2128}"                   \
    "\\x{212A}-\\x{212D}\\x{212F}-\\x{2134}\\x{2139}\\x{213C}-\\x{213F}\\x{2145}-\\x{2149}"        \
    "\\x{214E}\\x{2183}\\x{2184}\\x{2C00}-\\x{2C7B}\\x{2C7E}-\\x{2CE4}\\x{2CEB}-\\x{2CEE}"         \
    "\\x{2CF2}\\x{2CF3}\\x{A640}-\\x{A66D}\\x{A680}-\\x{A69B}\\x{A722}-\\x{A76F}"                  \
    "\\x{A771}-\\x{A787}\\x{A78B}-\\x{A78E}\\x{AB70}-\\x{ABBF}\\x{FB00}-\\x{FB06}"                 \
    "\\x{FB13}-\\x{FB17}\\x{FF21}-\\x{FF3A}\\x{FF41}-\\x{FF5A}\\x{10400}-\\x{1044F}"               \
    "\\x{104B0}-\\x{104D3}\\x{104D8}-\\x{104FB}\\x{10C80}-\\x{10CB2}\\x{10CC0}-\\x{10CF2}"         \
    "\\x{118A0}-\\x{118DF}\\x{1E900}-\\x{1E943}]+"
#define RE_DEEPSEEK_CJK "[\\x{4E00}-\\x{9FA5}\\x{800}-\\x{4E00}\\x{AC00}-\\x{D7FF}]+"
/* The files write \s+$. A run of spaces reaches the end whole or not at all, so the lookbehind and
 * the possessive form change nothing but the time on long runs, from quadratic to linear. */
#define RE_FINAL_SPACES "(?<!\\s)\\s++$"

#define RE_DEEPSEEK3_WORDS                                                                         \
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?"           \
    "[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|" HN_RE_SPACES

#define RE_LLAMA3_START HN_RE_ENGLISH_SUFFIXES "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|"

#define RE_LINES "[^\\n]+|[\\n]+"

#define RE_HAN "\\p{sc:Han}"
/* One cased word of Kimi K2: as gpt-4o's, but Han characters never belong to it. */
#define RE_KIMI_UPPER "(?:(?!" RE_HAN ")[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}])"
#define RE_KIMI_LOWER "(?:(?!" RE_HAN ")[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}])"

#define RE_BLOOM " ?[^(\\s|.,!?\\x{2026}\\x{3002}\\x{FF0C}\\x{3001}\\x{964}\\x{6D4}\\x{60C})]+"

static const struct hn_pretok_preset presets[] = {
    {"default",
     .patterns = {"[\\p{P}\\$\\+<=>\\^~\\|]+", HN_RE_GPT2, "\\p{N}+", "[0-9][0-9][0-9]"}},
    {"gpt-2 phi-2 jina-es jina-de jina-v2-es jina-v2-de gigachat a.x-4.0 mellum jais trillion "
     "granite-docling exaone4",
     .patterns = {HN_RE_GPT2}},
    {"roberta-bpe jina-v1-en jina-v2-code modern-bert", .add_bos = true, .add_eos = true,
     .patterns = {HN_RE_GPT2}},
    {"mpt olmo", .nfc = true, .patterns = {HN_RE_GPT2}},
    {"starcoder refact smollm codeshell exaone minerva-7b mellum2",
     .patterns = {RE_DIGIT, HN_RE_GPT2}},
    {"command-r", .nfc = true, .patterns = {RE_DIGIT, HN_RE_GPT2}},
    {"llama3 llama-v3 llama-bpe falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano",
     .ignore_merges = true, .add_bos = true, .patterns = {HN_RE_LLAMA3}},
    {"dbrx smaug-bpe chatglm-bpe glm4", .patterns = {HN_RE_LLAMA3}},
    {"qwen2 deepseek-r1-qwen", .nfc = true, .patterns = {HN_RE_QWEN2}},
    {"megrez stablelm2 hunyuan solar-open grok-2 kormo openpangu f2llmv2",
     .patterns = {HN_RE_QWEN2}},
    {"qwen35", .nfc = true, .patterns = {HN_RE_QWEN35}},
    {"ufakzeka",
     .patterns =
         {"[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" HN_RE_SPACES}},
    {"laguna", .patterns = {RE_LINES, HN_RE_QWEN2}},
    {"minicpm5", .ignore_merges = true,
     .patterns = {"\\p{N}{1,3}",
                  RE_LLAMA3_START "\\p{N}+| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" HN_RE_SPACES}},
    {"gpt-4o llama4 kanana2 minimax-m2 gpt-oss talkie", .patterns = {HN_RE_GPT4O}},
    {"granite-embed-multi-97m", .ignore_merges = true, .patterns = {HN_RE_GPT4O}},
    {"tekken", .ignore_merges = true, .add_bos = true, .patterns = {HN_RE_TEKKEN}},
    {"deepseek-llm",
     .patterns =
         {"[\r\n]", RE_DEEPSEEK_LETTERS,
          "\\s?[!-/"
          ":-~\\x{FF01}-\\x{FF0F}\\x{FF1A}-\\x{FF5E}\\x{2018}-\\x{201F}\\x{3000}-\\x{3002}]+",
          RE_FINAL_SPACES, RE_DEEPSEEK_CJK, "\\p{N}+"}},
    {"deepseek-coder",
     .patterns = {"[\r\n]", "\\s?\\p{L}+", "\\s?\\p{P}+", RE_DEEPSEEK_CJK, RE_DIGIT}},
    {"deepseek-v3 deepseek-r1 hunyuan-dense joyai-llm hy_v4",
     .patterns = {"\\p{N}{1,3}", "[\\x{4E00}-\\x{9FA5}\\x{3040}-\\x{309F}\\x{30A0}-\\x{30FF}]+",
                  RE_DEEPSEEK3_WORDS}},
    {"youtu", .ignore_merges = true,
     .patterns =
         {"[\\x{AC00}-\\x{D7A3}\\x{3131}-\\x{318E}]+|[\\x{FF01}\\x{2026}\\x{201C}\\x{201D}\\x{2018}"
          "\\x{2019}\\x{2014}\\x{FF1A}\\x{FF1B}\\x{FF0C}\\x{3001}-\\x{303F}\\x{FE30}-\\x{FE4F}]+|["
          "\\x{3105}-\\x{312F}]+|[\\x{4E00}-\\x{9FA5}\\x{3040}-\\x{309F}\\x{30A0}-\\x{30FF}]+",
          HN_RE_CASED_(HN_RE_ENGLISH_SUFFIXES "?", "\\p{N}")}},
    {"falcon", .patterns = {RE_PUNCTUATION, HN_RE_GPT2, "[0-9][0-9][0-9]"}},
    {"poro-chat bloom gpt3-finnish", .patterns = {RE_BLOOM}},
    {"viking", .patterns = {RE_BLOOM, RE_DIGIT}},
    {"chameleon", .add_bos = true,
     .patterns = {"<sentinel:[0-9]+>", "IMGIMG[A-I]{1,4}Z", "[\\t\\n]|    |  ", RE_DIGIT,
                  "[\\p{P}!-/:-@\\[-`{-~]", HN_RE_GPT2}},
    {"tiny_aya cohere2moe", .patterns = {RE_WORD_THIRDS, HN_RE_GPT4O}},
    {"superbpe", .patterns = {"\\p{N}+", RE_THIRD_STARTS}},
    {"afmoe",
     .patterns = {RE_THIRDS,
                  "[\\x{4E00}-\\x{9FFF}\\x{3400}-\\x{4DBF}\\x{8C48}-\\x{FAFF}\\x{3040}-\\x{309F}"
                  "\\x{30A0}-\\x{30FF}\\x{FF65}-\\x{FF9F}\\x{2F00}-\\x{2FDF}\\x{E40}-\\x{E7F}\\x{"
                  "E80}-\\x{EFF}\\x{1780}-\\x{17FF}\\x{1000}-\\x{109F}\\x{AA60}-\\x{AA7F}\\x{A9E0}-"
                  "\\x{A9FF}\\x{AC00}-\\x{D7AF}\\x{1100}-\\x{11FF}]+",
                  RE_DEEPSEEK3_WORDS}},
    {"bailingmoe bailingmoe2 llada-moe",
     .patterns = {"'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}"
                  "| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+"}},
    {"seed-coder",
     .patterns = {RE_LLAMA3_START "\\p{N}{1}| ?[^\\s\\p{L}\\p{N}\\r\\n]+|" HN_RE_SPACES}},
    /* The groups are possessive here: nothing after them could take back what they matched. */
    {"exaone-moe",
     .patterns = {HN_RE_ENGLISH_SUFFIXES
                  "|[^\\r\\n\\p{L}\\p{N}]?(?:\\p{L}\\p{M}*+(?: \\p{L}\\p{M}*+)*+)++|\\p{N}"
                  "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]?|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+"}},
    {"jais-2",
     .patterns = {RE_LLAMA3_START
                  "\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s{512}(?!\\S)"
                  "|\\s{256}(?!\\S)|\\s{128}(?!\\S)|\\s{64}(?!\\S)|\\s{32}(?!\\S)|\\s{16}(?!\\S)"
                  "|\\s{8}(?!\\S)|\\s{4}(?!\\S)|\\s{1,2}(?!\\S)|\\s{1}"}},
    {"kimi-k2",
     .patterns = {RE_HAN "+|[^\\r\\n\\p{L}\\p{N}]?" RE_KIMI_UPPER "*" RE_KIMI_LOWER
                         "+" HN_RE_ENGLISH_SUFFIXES "?|[^\\r\\n\\p{L}\\p{N}]?" RE_KIMI_UPPER
                         "+" RE_KIMI_LOWER "*" HN_RE_ENGLISH_SUFFIXES
                         "?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" HN_RE_SPACES}},
    {"gemma4 granite-embed-multi-311m", .insists_on_bos = true, .characters = true,
     .whole_breaks = true, .patterns = {RE_LINES}},
    {"sarvam-moe", .characters = true, .patterns = {RE_LINES}},
};

static bool has_name(const char *names, struct hn_str name)
{
    for (const char *p = names; *p;) {
        const size_t n = strcspn(p, " ");
        if (hn_str_eq((struct hn_str){p, n}, name)) return true;
        p += n;
        p += strspn(p, " ");
    }
    return false;
}

const struct hn_pretok_preset *hn_pretok_preset_find(struct hn_str name)
{
    if (!name.n) name = HN_STR("default");
    for (size_t i = 0; i < HN_COUNT(presets); i++)
        if (has_name(presets[i].names, name)) return &presets[i];
    return NULL;
}
