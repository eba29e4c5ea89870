#!/usr/bin/env python3
"""hence inspect: people's form and machines' form say the same."""

import json
import re
import unittest

import program
from program import DATA, EXIT_USAGE, STORIES, Program, golden_model

import gguf_io


class Inspect(Program):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = golden_model(cls.folder)
        cls.meta, cls.tensors = gguf_io.read_gguf(cls.model)

    def inspect(self, *words):
        return json.loads(self.good("inspect", "--json", *words))

    def test_json_has_everything_the_file_has(self):
        said = self.inspect("--all", self.model)
        self.assertEqual(said["architecture"], "llama")
        self.assertEqual((said["format"], said["version"], said["files"]), ("gguf", 3, 1))
        self.assertEqual(said["file_bytes"], self.model.stat().st_size)
        self.assertEqual(list(said["metadata"]), list(self.meta))
        for key, value in self.meta.items():
            if not isinstance(value, float):
                self.assertEqual(said["metadata"][key], value, key)
            else:
                self.assertAlmostEqual(said["metadata"][key], value, 6)
        got = {t["name"]: (t["type"], tuple(t["shape"][::-1]), t["bytes"]) for t in said["tensors"]}
        self.assertEqual(got, {name: (t.type, t.shape, len(t.data))
                               for name, t in self.tensors.items()})

    def test_long_arrays_are_cut_unless_all_is_wanted(self):
        tokens = self.inspect(self.model)["metadata"]["tokenizer.ggml.tokens"]
        self.assertEqual((tokens["type"], tokens["count"], len(tokens["first"])), ("str", 288, 6))
        self.assertRegex(self.good("inspect", self.model), r"tokens +\[.* 288 in all\]")

    def test_text_names_every_tensor(self):
        text, everything = self.good("inspect", self.model), self.good("inspect", "-a", self.model)
        for name in self.tensors:
            self.assertIn(f"  {name} ", everything)
            self.assertIn("  " + re.sub(r"\.\d+\.", ".*.", name) + " ", text)
        self.assertNotIn("\033", text)

    def test_the_other_door(self):
        said = self.inspect(self.folder / "llama-hf")
        self.assertEqual(said["format"], "huggingface")
        self.assertEqual({t["name"] for t in said["tensors"]}, set(self.tensors))

    def test_what_is_missing_is_said(self):
        bare = self.folder / "bare.gguf"
        gguf_io.write_gguf(bare, {"general.name": "bare \033[31m"}, {})
        said = self.inspect(bare)
        self.assertIsNone(said["architecture"])
        self.assertIn("has none", said["vocabulary"]["missing"])
        text = self.good("inspect", "-m", bare)
        self.assertIn("no architecture named", text)
        self.assertNotIn("\033", text)
        strange = self.folder / "strange.gguf"
        gguf_io.write_gguf(strange, {"general.architecture": "strange"}, self.tensors)
        self.assertEqual(self.inspect(strange)["architecture"], "strange")

    def test_one_model_at_a_time(self):
        self.bad(EXIT_USAGE, "name one model", "inspect", "-m", self.model, self.model)

    @unittest.skipUnless(DATA.is_dir(), "there is no ../shared/data beside the project")
    def test_files_of_the_wild(self):
        for path in [STORIES, *sorted((DATA / "tokenizers").glob("*.gguf"))]:
            with self.subTest(path.name):
                self.assertGreater(self.inspect(path)["vocabulary"]["tokens"], 500)
                self.assertIn("Vocabulary", self.good("inspect", path))


if __name__ == "__main__":
    program.main()
