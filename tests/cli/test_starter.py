#!/usr/bin/env python3
"""The starter model: its size, what it answers, and the program that made its corpus."""

import hashlib
import json
import math
import subprocess
import sys
import unittest

import program
from program import HENCE, ROOT, STARTER, Program

TOOLS = ROOT / "tools" / "starter"
sys.path.insert(0, str(TOOLS))

import catalogue
import conversations
import copywriting
import evaluate
import gguf_io
import tones
from dice import Dice

FEW, FLOOR = 23, 20  # prompts of evaluate.py --few, and how many must be answered well
CORPUS = "3ee05d4b8eb44504"  # of its first conversations; a change of the grammar wants a new model


def tool(name, *words):
    return subprocess.run([sys.executable, TOOLS / name, *words], capture_output=True, text=True,
                          check=False)


class Model(Program):
    def test_size(self):
        self.assertLessEqual(STARTER.stat().st_size, 8 << 20)
        meta, tensors = gguf_io.read_gguf(STARTER)
        parameters = sum(math.prod(t.shape) for t in tensors.values())
        self.assertTrue(3e6 <= parameters <= 8e6, parameters)
        self.assertEqual(meta["general.architecture"], "llama")
        self.assertTrue(2000 <= len(meta["tokenizer.ggml.tokens"]) <= 8000)

    def test_held_out_prompts(self):
        done = tool("evaluate.py", "--hence", HENCE, "-m", STARTER, "--few", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        right, asked = json.loads(done.stdout)["all"]
        self.assertEqual(asked, FEW)
        self.assertGreaterEqual(right, FLOOR, done.stdout)

    def test_the_question_of_the_demonstration(self):
        script = (ROOT / "tools" / "demo.sh").read_text()
        question = script.split("question='")[1].split("'")[0]
        said = self.good("run", "-m", STARTER, "--chat", "-p", question, "--temp", "0").strip()
        task, label, tone = copywriting.DEMO
        self.assertIn(label, said.lower())
        self.assertTrue(tones.has(tones.TONES[tone].lexicon, said), said)
        self.assertTrue(copywriting.held_out(task, label, tone))


class Corpus(Program):
    def test_the_catalogue_is_what_its_program_makes(self):
        done = tool("catalogue.py", "--check")
        self.assertEqual(done.returncode, 0, done.stderr)
        products = catalogue.load()
        self.assertEqual(len({p["name"] for p in products}), 320)
        self.assertEqual(len({p["id"] for p in products}), 320)

    def test_lists_and_rules_hold(self):
        self.assertEqual(tones.check(), [])
        done = tool("evaluate.py", "--self-check")
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_held_out_combinations_are_not_in_the_corpus(self):
        met = set()
        answer = copywriting.answer

        def recorded(dice, task, thing, tone, rich):
            met.add((task, thing.label, tone or tones.DEFAULT))
            return answer(dice, task, thing, tone, rich)

        copywriting.answer = recorded
        try:
            shelf = conversations.Shelf(catalogue.load())
            for rich in (False, True):
                speaker = conversations.Speaker(Dice("test"), shelf, rich)
                for _ in range(3000):
                    speaker.turn()
        finally:
            copywriting.answer = answer
        self.assertGreater(len(met), 1000)
        self.assertEqual([c for c in met if copywriting.held_out(*c)], [])

    def test_the_corpus_is_the_one_that_the_model_was_trained_on(self):
        shelf = conversations.Shelf(catalogue.load())
        digest = hashlib.sha256()
        for first in (0, conversations.SECOND_LESSON):
            for i in range(first, first + 1000):
                digest.update(json.dumps(conversations.conversation(i, shelf)).encode())
        self.assertEqual(digest.hexdigest()[:16], CORPUS)

    def test_new_wordings_of_the_evaluation_are_not_in_the_corpus(self):
        shelf = conversations.Shelf(catalogue.load())
        corpus = {m["content"].lower().rstrip(".?! ") for first in (0, conversations.SECOND_LESSON)
                  for i in range(first, first + 3000)
                  for m in conversations.conversation(i, shelf)}
        new = [p.text for p in evaluate.prompts() if p.wording == "new"]
        self.assertEqual([t for t in new if t.lower().rstrip(".?! ") in corpus], [])


if __name__ == "__main__":
    program.main()
