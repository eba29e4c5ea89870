#!/usr/bin/env python3
"""hence tokenize: ids and back, through both doors."""

import json
import unittest

import program
from program import DATA, EXIT_FAILURE, EXIT_USAGE, Program, golden_model

VOCABULARIES = DATA / "tokenizers"
TEXTS = ["", "a", "Hello, world!", "  two  spaces ", "naïve café, 你好 🙂\n\n\ttab\r\n", "x" * 3000]


class Tokenize(Program):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = golden_model(cls.folder)

    def ids(self, text, *words, model=None):
        out = self.good("tokenize", "-m", model or self.model, "--ids", *words, stdin=text)
        self.assertEqual(out.count("\n"), 1)
        return [int(word) for word in out.split(" ")] if out.strip() else []

    def test_there_and_back(self):
        for text in TEXTS:
            for words in [[], ["--no-special"]]:
                with self.subTest(text=text[:20], words=words):
                    ids = " ".join(map(str, self.ids(text, *words)))
                    back = self.hence("tokenize", "-m", self.model, "--detokenize", *words,
                                      stdin=ids)
                    self.assertEqual((back.returncode, back.stdout.decode()), (0, text))

    def test_special_tokens_only_when_wanted(self):
        meta = json.loads(self.good("inspect", "--json", self.model))["vocabulary"]
        bos, eos = meta["bos"], meta["eos"]
        plain, framed = self.ids("a", "--no-special"), self.ids("a")
        self.assertEqual(framed, ([bos["id"]] if meta["adds_bos"] else []) + plain)
        self.assertIn(eos["id"], self.ids("a" + eos["text"]))
        self.assertNotIn(eos["id"], self.ids("a" + eos["text"], "--no-special"))

    def test_both_doors_have_one_vocabulary(self):
        twin = self.folder / "llama-hf"
        for text in TEXTS:
            self.assertEqual(self.ids(text), self.ids(text, model=twin))

    def test_other_forms(self):
        said = json.loads(self.good("tokenize", "-m", self.model, "--json", stdin="Hello"))
        self.assertEqual(said["ids"], self.ids("Hello"))
        self.assertEqual(said["count"], len(said["pieces"]))
        listing = self.good("tokenize", "-m", self.model, stdin="Hello\n")
        self.assertEqual([int(line.split()[0]) for line in listing.splitlines()],
                         self.ids("Hello\n"))
        text = self.write("text.txt", "Hello")
        self.assertEqual(self.ids("Hello"), self.ids("", "-f", text))
        back = self.good("tokenize", "-m", self.model, "--detokenize", "--json",
                         stdin=json.dumps(said["ids"]))
        self.assertEqual(json.loads(back), {"text": "Hello"})

    def test_wrong_ids(self):
        for ids, says in [("1 x", "x at byte 2 is no token id"), ("-1", "no token id"),
                          ("99999", "no token id: give 0 to"), ("1\0002", "a NUL"),
                          ("9" * 30, "no token id"), ("1.5", "no token id")]:
            self.bad(EXIT_FAILURE, says, "tokenize", "-m", self.model, "--detokenize", stdin=ids)
        self.bad(EXIT_USAGE, "give one of them", "tokenize", "-m", self.model, "--detokenize",
                 "--ids")
        self.bad(EXIT_FAILURE, "No such file", "tokenize", "-m", self.model, "-f", "/nowhere")

    @unittest.skipUnless(VOCABULARIES.is_dir(), "there is no ../shared/data beside the project")
    def test_vocabulary_files(self):
        for path in sorted(VOCABULARIES.glob("*.gguf")):
            texts = path.with_suffix(".gguf.inp").read_text().split("\n__ggml_vocab_test__\n")
            lines = path.with_suffix(".gguf.out").read_text().split("\n")
            with self.subTest(path.name):
                text, line = texts[0], lines[0]
                self.assertEqual(self.ids(text, "--no-special", model=path),
                                 [int(word) for word in line.split()])
                if "bert" in path.name:
                    continue  # WordPiece forgets spaces and case
                for text in texts[:12]:
                    ids = " ".join(map(str, self.ids(text, model=path)))
                    back = self.hence("tokenize", "-m", path, "--detokenize", stdin=ids)
                    self.assertEqual(back.stdout.decode(), text)


if __name__ == "__main__":
    program.main()
