#!/usr/bin/env python3
"""hence run: the forms that others script against."""

import json
import os
import signal
import subprocess
import time
import unittest

import program
from program import (EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_USAGE, HENCE, STARTER, STORIES, Program,
                     golden_model)

import numpy as np

GREEDY = ["--raw", "--temp", "0"]


class Run(Program):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = golden_model(cls.folder)
        cls.context = json.loads(subprocess.run(
            [HENCE, "inspect", "--json", cls.model], stdout=subprocess.PIPE, check=True).stdout)[
                "metadata"]["llama.context_length"]

    def run_text(self, *words, **more):
        return self.good("run", "-m", self.model, *words, **more)

    def run_json(self, *words, **more):
        return json.loads(self.run_text("--json", *words, **more))

    def test_text_alone_on_standard_output(self):
        done = self.hence("run", "-m", self.model, *GREEDY, "-n", 8, "-p", "Hello")
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        said = self.run_json(*GREEDY, "-n", 8, "-p", "Hello")
        text = said["text"] + ("" if said["text"].endswith("\n") else "\n")
        self.assertEqual(done.stdout.decode(), text)
        self.assertEqual(len(said["token_ids"]), 8)
        self.assertEqual(said["finish_reason"], "length")
        self.assertEqual(said["usage"]["completion_tokens"], 8)

    def test_guesses_change_no_token(self):
        # A model with random weights soon repeats itself, greedily.
        words = [*GREEDY, "-n", 60, "--ignore-eos", "-p", "again and again and again and "]
        want = self.run_json(*words, "--guess", 0)
        self.assertEqual(want["usage"]["guessed_tokens"], 0)
        said = self.run_json(*words, "--guess", 16)
        self.assertEqual(said["token_ids"], want["token_ids"])
        self.assertGreater(said["usage"]["right_tokens"], 0)
        self.assertGreaterEqual(said["usage"]["guessed_tokens"], said["usage"]["right_tokens"])

    def test_a_draft_model_changes_no_token(self):
        words = ["--raw", "--temp", "0.9", "-n", 40, "--ignore-eos", "-p", "Hello"]
        want = self.run_json(*words, "--guess", 0)
        said = self.run_json(*words, "--draft", self.model)
        self.assertEqual(said["token_ids"], want["token_ids"])
        self.assertGreater(said["usage"]["right_tokens"], 0)
        self.bad(EXIT_FAILURE, "the draft model .*: the vocabularies differ: [0-9]+ tokens and 3072",
                 "run", "-m", self.model, "--draft", program.STARTER, "x")
        self.bad(EXIT_FAILURE, "No such file", "run", "-m", self.model, "--draft", "nothing.gguf", "x")

    def test_a_prompt_comes_in_five_ways(self):
        words = [*GREEDY, "-n", 8, "--json"]
        want = self.run_json(*words, "-p", "Hello")["token_ids"]
        ids = self.good("tokenize", "-m", self.model, "--ids", stdin="Hello").split()
        array = self.folder / "ids.npy"
        for kind in ["i4", "i8", "u2"]:
            np.save(array, np.array(ids, kind))
            self.assertEqual(self.run_json(*words, "--tokens-in", array)["token_ids"], want)
        for more, stdin in [(["Hello"], b""), ([], b"Hello"), (["-f", "-"], b"Hello"),
                            (["-f", self.write("prompt", "Hello")], b"")]:
            self.assertEqual(self.run_json(*words, *more, stdin=stdin)["token_ids"], want)
        self.bad(EXIT_USAGE, "one prompt, not 2", "run", "-m", self.model, "-p", "a", "b")

    def test_threads_chunks_and_kv_pages_do_not_show(self):
        prompt = "The quick brown fox jumps over the lazy dog. " * 3
        want = self.run_json(*GREEDY, "-n", 16, "-p", prompt)["token_ids"]
        for more in [["-t", 1], ["-t", 2], ["-b", 1], ["-b", 7], ["-c", self.context]]:
            self.assertEqual(self.run_json(*GREEDY, "-n", 16, "-p", prompt, *more)["token_ids"],
                             want, more)
        for kind in ["f32", "bf16"]:
            self.run_json(*GREEDY, "-n", 4, "-p", "a", "--kv-type", kind)
        # This model's heads are 16 wide, half of a block.
        self.bad(EXIT_FAILURE, "multiple of 32", "run", "-m", self.model, "-p", "a", "--kv-type",
                 "q8_0")

    def test_seeds(self):
        def ids(*more):
            return self.run_json("--raw", "-n", 24, "-p", "Hello", "--temp", 1.5, "--top-k", 0,
                                 *more)["token_ids"]
        self.assertEqual(ids("--seed", 7), ids("-s", 7))
        self.assertEqual(ids(), ids("--seed", 0))
        self.assertNotEqual(ids("--seed", 7), ids("--seed", 8))

    def test_sampling_options_arrive(self):
        first = self.run_json(*GREEDY, "-n", 1, "-p", "Hello", "--logprobs", 5)
        token = first["logprobs"][0]
        self.assertEqual(token["id"], first["token_ids"][0])
        self.assertEqual(token["logprob"], token["top"][0]["logprob"])
        self.assertEqual(len(token["top"]), 5)
        second = token["top"][1]["id"]
        barred = self.run_json(*GREEDY, "-n", 1, "-p", "Hello", "--logit-bias",
                               f"{token['id']}=-inf")
        self.assertEqual(barred["token_ids"], [second])
        pushed = self.run_json("--raw", "-n", 3, "-p", "Hello", "--logit-bias", "65=1000")
        self.assertEqual(pushed["token_ids"], [65] * 3)
        for name, value in [("--top-k", 1), ("--top-p", 0), ("--min-p", 1)]:
            self.assertEqual(self.run_json("--raw", "-n", 6, "-p", "Hello", name, value)["token_ids"],
                             self.run_json(*GREEDY, "-n", 6, "-p", "Hello")["token_ids"], name)
        for words in [["--logit-bias", "x"], ["--logit-bias", "1"], ["--logit-bias", "1=nan"],
                      ["--temp", "-1"], ["--top-p", "1.1"], ["--stop", ""], ["-n", "-1"],
                      ["--logprobs", "21"], ["--kv-type", "q3"]]:
            self.bad(EXIT_USAGE, "give", "run", "-m", self.model, "-p", "a", *words)
        self.bad(EXIT_FAILURE, "99999", "run", "-m", self.model, "-p", "a", "--logit-bias",
                 "99999=1")

    def test_forms_of_the_answer(self):
        said = self.good("run", "-m", STARTER, "--regex", "(yes|no), [a-z ]{10,40}[.]", "Do you sell tents?")
        self.assertRegex(said, r"\A(yes|no), [a-z ]{10,40}[.]\n\Z")
        grammar = self.folder / "list.gbnf"
        grammar.write_text('root ::= item{3}\nitem ::= "- " [A-Za-z ]{3,30} "\\n" # one a line\n')
        said = self.good("run", "-m", STARTER, "--grammar", grammar, "What do you sell?")
        self.assertRegex(said, r"\A(- [A-Za-z ]{3,30}\n){3}\Z")
        self.assertEqual(said, self.good("run", "-m", STARTER, "--grammar", grammar, "--guess", 0,
                                         "What do you sell?"))
        schema = {"type": "object", "properties": {"name": {"type": "string", "maxLength": 12}, "price": {
            "type": "number", "minimum": 1, "multipleOf": 0.01}}, "required": ["name", "price"]}
        said = json.loads(self.good("run", "-m", STARTER, "--json-schema", json.dumps(schema),
                                    "What is the price of a tent?"))
        self.assertEqual(list(said), ["name", "price"])
        path = self.folder / "schema.json"
        path.write_text(json.dumps(schema))
        self.assertEqual(said, json.loads(self.good("run", "-m", STARTER, "--json-schema", path,
                                                    "What is the price of a tent?")))
        self.bad(EXIT_FAILURE, "'not'", "run", "-m", STARTER, "--json-schema", '{"not": {}}', "a")
        grammar.write_text("root ::= item")
        self.bad(EXIT_FAILURE, "'item'", "run", "-m", STARTER, "--grammar", grammar, "a")
        self.bad(EXIT_FAILURE, "look-ahead", "run", "-m", STARTER, "--regex", "(?=a)", "a")
        self.bad(EXIT_FAILURE, "No such file", "run", "-m", STARTER, "--grammar", "absent.gbnf", "a")
        self.bad(EXIT_USAGE, "one form", "run", "-m", STARTER, "--regex", "a", "--grammar", grammar, "a")

    def test_stop_texts(self):
        whole = self.run_json(*GREEDY, "-n", 24, "-p", "Hello")["text"]
        stop = whole[6:9]
        said = self.run_json(*GREEDY, "-n", 24, "-p", "Hello", "--stop", stop)
        self.assertEqual(said["text"], whole[:whole.index(stop)])
        self.assertEqual(said["finish_reason"], "stop")

    def test_logits(self):
        path, ids = self.folder / "logits.npy", self.folder / "prompt.npy"
        prompt = np.load(self.folder / "llama.tokens.npy")
        np.save(ids, prompt)
        out = self.run_text("--tokens-in", ids, "--logits-out", path, "-n", 0)
        self.assertEqual(out, "")
        got, want = np.load(path), np.load(self.folder / "llama.logits.npy")
        self.assertEqual((got.dtype, got.shape), (np.float32, want.shape))
        self.assertLess(np.abs(got - want).max() / np.abs(want).max(), 1e-2)
        # What is generated comes from the last of them.
        next_id = self.run_json(*GREEDY, "--tokens-in", ids, "-n", 1)["token_ids"]
        self.assertEqual(next_id, [int(got[-1].argmax())])
        self.bad(EXIT_FAILURE, "/nowhere/x.npy", "run", "-m", self.model, "-p", "a", "-n", 0,
                 "--logits-out", "/nowhere/x.npy")

    def test_the_context_is_an_error_or_a_clean_end(self):
        ids = self.folder / "long.npy"
        np.save(ids, np.full(self.context + 1, 65, np.int32))
        self.bad(EXIT_FAILURE, f"{self.context + 1} tokens and the context {self.context}", "run",
                 "-m", self.model, "--tokens-in", ids)
        np.save(ids, np.full(self.context - 5, 65, np.int32))
        said = self.run_json(*GREEDY, "--tokens-in", ids, "--ignore-eos")
        self.assertEqual((len(said["token_ids"]), said["finish_reason"]), (5, "length"))
        self.bad(EXIT_FAILURE, "context of 1000000", "run", "-m", self.model, "-p", "a", "-c",
                 1000000)
        self.bad(EXIT_FAILURE, "20 tokens and the context 8", "run", "-m", self.model, "-c", 8,
                 "--tokens-in", self.save_ids(20))

    def save_ids(self, n):
        path = self.folder / f"ids{n}.npy"
        np.save(path, np.full(n, 65, np.int32))
        return path

    def test_wrong_arrays(self):
        path = self.folder / "wrong.npy"
        for array, says in [(np.zeros(3, np.float32), "integers"), (np.zeros((2, 2), int), "one dim"),
                            (np.array([1, -1]), "element 1"), (np.array([288]), "go from 0 to 287"),
                            (np.array([2 ** 40]), "element 0"), (np.zeros(0, int), "no tokens")]:
            np.save(path, array)
            self.bad(EXIT_FAILURE, says, "run", "-m", self.model, "--tokens-in", path)
        path.write_bytes(b"garbage")
        self.bad(EXIT_FAILURE, "wrong.npy", "run", "-m", self.model, "--tokens-in", path)

    def test_the_instruction_set_can_be_chosen(self):
        self.run_text(*GREEDY, "-n", 2, "-p", "a", env={"HENCE_CPU": "ref"})
        self.bad(EXIT_FAILURE, "HENCE_CPU|level|ref", "run", "-m", self.model, "-p", "a",
                 env={"HENCE_CPU": "sse9"})

    def test_trace(self):
        done = self.hence("run", "-m", self.model, *GREEDY, "-n", 4, "-p", "Hello", "--trace")
        self.assertEqual(done.returncode, 0)
        for word in [b"steps of one token", b"attn_qkv", b"GB/s"]:
            self.assertIn(word, done.stderr)

    def test_the_other_door_gives_the_same(self):
        words = [*GREEDY, "-n", 16, "-p", "Hello"]
        self.assertEqual(self.good("run", "-m", self.folder / "llama-hf", *words),
                         self.run_text(*words))

    def interrupted(self, *words):
        """The result of a run that gets Ctrl-C after its first byte of text."""
        child = subprocess.Popen([HENCE, "run", *map(str, words)], stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        first = child.stdout.read(1)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=60)
        return child.returncode, first + out, err

    @unittest.skipUnless(STORIES.exists(), "there is no ../shared/data beside the project")
    def test_ctrl_c_ends_the_answer(self):
        status, out, err = self.interrupted("-m", STORIES, "--raw", "-p", "Once", "--ignore-eos",
                                            "-t", 1)
        self.assertEqual(status, EXIT_INTERRUPTED, err)
        self.assertTrue(out.endswith(b"\n"))
        self.assertIn(b"stopped", err)

    @unittest.skipUnless(STORIES.exists(), "there is no ../shared/data beside the project")
    def test_text_comes_as_it_is_made(self):
        child = subprocess.Popen([HENCE, "run", "-m", STORIES, "--raw", "-p", "Once",
                                  "--ignore-eos", "-t", "1"], stdout=subprocess.PIPE,
                                 stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        start, pieces = time.monotonic(), 0
        while time.monotonic() - start < 20 and pieces < 3:
            pieces += len(os.read(child.stdout.fileno(), 64)) > 0
        self.assertIsNone(child.poll(), "three pieces arrived before the end")
        child.kill()
        child.communicate()


if __name__ == "__main__":
    program.main()
