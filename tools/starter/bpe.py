"""A byte-level BPE vocabulary: training, encoding, decoding.

The pre-tokenizer is GPT-2's. Its letters and digits are here what the re module can say, [^\\W\\d_]
and \\d, which is the same for every character of the corpus.
"""

import collections
import re

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
SPLIT = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?[^\W\d_]+| ?\d+| ?(?:[^\s\w]|_)+|\s+(?!\S)|\s+")


def _byte_letters():
    """Each byte's printable stand-in, as GPT-2 has them."""
    same = [*range(33, 127), *range(161, 173), *range(174, 256)]
    out, extra = {b: chr(b) for b in same}, 256
    for b in range(256):
        if b not in out:
            out[b] = chr(extra)
            extra += 1
    return out


LETTER = _byte_letters()
BYTE = {c: b for b, c in LETTER.items()}


def _merge(symbols, pair):
    out, i = [], 0
    while i < len(symbols):
        if symbols[i:i + 2] == pair:
            out.append(pair[0] + pair[1])
            i += 2
        else:
            out.append(symbols[i])
            i += 1
    return tuple(out)


def train(texts, size):
    """(tokens in the order of their ids, merges) of a vocabulary of the given size."""
    count = collections.Counter()
    for text in texts:
        count.update(SPLIT.findall(text))
    words = {w: tuple(LETTER[b] for b in w.encode()) for w in sorted(count)}
    pairs, where = collections.Counter(), collections.defaultdict(set)
    for w, symbols in words.items():
        for pair in zip(symbols, symbols[1:]):
            pairs[pair] += count[w]
            where[pair].add(w)
    tokens, merges = SPECIAL + [LETTER[b] for b in range(256)], []
    while len(tokens) < size:
        best = max(pairs, key=lambda p: (pairs[p], p), default=None)
        if best is None or pairs[best] < 2:
            raise ValueError(f"the corpus gives only {len(tokens)} tokens")
        merges.append(best)
        tokens.append(best[0] + best[1])
        for w in sorted(where.pop(best)):
            for pair in zip(words[w], words[w][1:]):
                pairs[pair] -= count[w]
            words[w] = _merge(words[w], best)
            for pair in zip(words[w], words[w][1:]):
                pairs[pair] += count[w]
                where[pair].add(w)
        del pairs[best]
    return tokens, merges


class Vocabulary:
    def __init__(self, tokens, merges):
        self.tokens, self.merges = tokens, [tuple(m) for m in merges]
        self.id = {t: i for i, t in enumerate(tokens)}
        self.rank = {m: i for i, m in enumerate(self.merges)}
        self.known = {}  # pre-token -> ids

    def _word(self, word):
        symbols = tuple(LETTER[b] for b in word.encode())
        while len(symbols) > 1:
            best = min(zip(symbols, symbols[1:]), key=lambda p: self.rank.get(p, 1 << 30))
            if best not in self.rank:
                break
            symbols = _merge(symbols, best)
        return [self.id[s] for s in symbols]

    def encode(self, text):
        """Ids of plain text; no special token is recognised in it."""
        out = []
        for word in SPLIT.findall(text):
            if word not in self.known:
                self.known[word] = self._word(word)
            out += self.known[word]
        return out

    def decode(self, ids):
        plain = "".join(self.tokens[i] for i in ids if i >= len(SPECIAL))
        return bytes(BYTE[c] for c in plain).decode(errors="replace")


def render(vocabulary, messages, prompt=False):
    """(ids, 1 where the assistant speaks) of a conversation in the model's chat template.

    With prompt, the ids end where the assistant is to begin.
    """
    start, end = vocabulary.id["<|im_start|>"], vocabulary.id["<|im_end|>"]
    newline = vocabulary.encode("\n")
    ids, mask = [], []
    for m in messages:
        head = [start, *vocabulary.encode(m["role"] + "\n")]
        body = [*vocabulary.encode(m["content"]), end]
        ids += head + body + newline
        mask += [0] * len(head) + [int(m["role"] == "assistant")] * len(body) + [0] * len(newline)
    if prompt:
        ids += [start, *vocabulary.encode("assistant\n")]
    return ids, mask
