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
        return json.loads(self.good("inspect", "--json", "--quick", *words))

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
        self.assertRegex(self.good("inspect", "--quick", self.model), r"tokens +\[.* 288 in all\]")

    def test_text_names_every_tensor(self):
        text = self.good("inspect", "--quick", self.model)
        everything = self.good("inspect", "--quick", "-a", self.model)
        for name in self.tensors:
            self.assertIn(f"  {name} ", everything)
            self.assertIn("  " + re.sub(r"\.\d+\.", ".*.", name) + " ", text)
        self.assertNotIn("\033", text)

    def test_the_other_door(self):
        said = self.inspect(self.folder / "llama-hf")
        self.assertEqual(said["format"], "huggingface")
        self.assertEqual({t["name"] for t in said["tensors"]}, set(self.tensors))

    def test_memory(self):
        said = self.inspect("-c", 100, "-b", 32, "--kv-type", "f32", self.model)
        memory = said["memory"]
        layers, heads, width = (said["metadata"]["llama." + key] for key in (
            "block_count", "attention.head_count_kv", "embedding_length"))
        head = width // said["metadata"]["llama.attention.head_count"]
        self.assertEqual((said["runs"], memory["context"], memory["batch"]), (True, 100, 32))
        self.assertEqual(memory["kv_bytes_per_position"], layers * heads * head * 2 * 4)
        self.assertEqual(memory["kv_bytes"], 128 * memory["kv_bytes_per_position"])  # whole pages
        self.assertEqual(memory["total_bytes"], sum(memory[key] for key in (
            "weight_bytes", "kv_bytes", "activation_bytes")))
        self.assertNotIn("speed_at_most", said)
        half = self.inspect("-c", 100, self.model)["memory"]["kv_bytes"]
        self.assertEqual(2 * half, memory["kv_bytes"])

    def test_speed(self):
        said = json.loads(self.good("inspect", "--json", "-t", 1, self.model))
        speed, memory = said["speed_at_most"], said["memory"]
        limits = speed["limits_per_s"]
        bytes_read = memory["weight_bytes_per_token"] + memory["kv_bytes_per_position"]
        seconds = bytes_read / limits["read_bytes"]
        rate = speed["decode_tokens_per_s_empty"]
        self.assertLessEqual(rate, 1 / seconds * 1.0001)
        self.assertLess(speed["decode_tokens_per_s_full"], rate)
        self.assertLess(rate, speed["prefill_tokens_per_s"])
        text = self.good("inspect", self.model)
        self.assertRegex(text, r"an answer +[\d.]+ +tokens/s at its beginning")
        self.assertLessEqual(max(map(len, text.splitlines()[1:])), 90)

    def test_what_cannot_run_is_said(self):
        said = self.inspect("-c", 10 ** 6, self.model)
        self.assertFalse(said["runs"])
        self.assertIn("was made for", said["why_not"])
        strange = self.folder / "strange.gguf"
        gguf_io.write_gguf(strange, {"general.architecture": "strange"}, self.tensors)
        said = self.inspect(strange)
        self.assertFalse(said["runs"])
        self.assertIn("strange", said["why_not"])
        self.assertIn("hence cannot run this", self.good("inspect", strange))
        broken = self.folder / "broken.gguf"
        gguf_io.write_gguf(broken, self.meta, {name: t for name, t in self.tensors.items()
                                               if name != "output_norm.weight"})
        self.assertIn("output_norm.weight", self.inspect(broken)["why_not"])

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
                self.assertIn("Vocabulary", self.good("inspect", "--quick", path))


if __name__ == "__main__":
    program.main()
