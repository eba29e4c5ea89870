"""The vocabulary of the golden models: 256 bytes, 24 merges, 8 special tokens, byte-level BPE."""

from families import VOCAB

_MERGES = ("h e|i n|r e|o n|a n|e r|o r|e n|a t|i t|Ġ t|Ġ a|Ġ s|Ġ w|Ġ o|Ġt he|in g|Ġa n|"
           "Ġan d|e d|o u|Ġ he|Ġo n|Ġ i").split("|")
_SPECIAL = ["<|begin|>", "<|end|>", "<|pad|>", "<|user|>", "<|assistant|>", "<|system|>",
            "<|extra_0|>", "<|extra_1|>"]
BOS, EOS, PAD = 280, 281, 282

# Bytes that print stand for themselves, the others for code points from 256 on (as in GPT-2).
_PRINT = [*range(33, 127), *range(161, 173), *range(174, 256)]
_REST = [b for b in range(256) if b not in _PRINT]
BYTES = [chr(b) for b in _PRINT] + [chr(256 + i) for i in range(len(_REST))]

TOKENS = BYTES + [m.replace(" ", "") for m in _MERGES] + _SPECIAL
assert len(TOKENS) == len(set(TOKENS)) == VOCAB


def gguf_keys():
    plain = VOCAB - len(_SPECIAL)
    return {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "gpt-2",
        "tokenizer.ggml.tokens": TOKENS,
        "tokenizer.ggml.token_type": [1] * plain + [3] * len(_SPECIAL),
        "tokenizer.ggml.merges": _MERGES,
        "tokenizer.ggml.bos_token_id": BOS,
        "tokenizer.ggml.eos_token_id": EOS,
        "tokenizer.ggml.padding_token_id": PAD,
        "tokenizer.ggml.add_bos_token": False,
    }


def hf_files():
    """file name -> content of the tokenizer's files in a model directory."""
    plain = VOCAB - len(_SPECIAL)
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
             "special": True}
    added = [{"id": plain + i, "content": t, **flags} for i, t in enumerate(_SPECIAL)]
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True,
             "use_regex": True}
    return {
        "tokenizer.json": {
            "version": "1.0", "truncation": None, "padding": None, "added_tokens": added,
            "normalizer": None, "pre_tokenizer": level, "post_processor": level, "decoder": level,
            "model": {"type": "BPE", "dropout": None, "unk_token": None,
                      "continuing_subword_prefix": None, "end_of_word_suffix": None,
                      "fuse_unk": False, "byte_fallback": False,
                      "vocab": {t: i for i, t in enumerate(TOKENS[:plain])}, "merges": _MERGES},
        },
        "tokenizer_config.json": {
            "add_bos_token": False, "add_prefix_space": False,
            "added_tokens_decoder": {str(a["id"]): {k: v for k, v in a.items() if k != "id"}
                                     for a in added},
            "bos_token": _SPECIAL[0], "eos_token": _SPECIAL[1], "pad_token": _SPECIAL[2],
            "clean_up_tokenization_spaces": False, "model_max_length": 256,
            "tokenizer_class": "GPT2Tokenizer",
        },
        "generation_config.json": {"bos_token_id": BOS, "eos_token_id": EOS},
    }
