#!/usr/bin/env python3
"""hence perplexity: its formula, on logits that hence run writes."""

import json
import unittest
import unittest.mock

import program
from program import EXIT_FAILURE, EXIT_USAGE, STORIES, Program, golden_model

import numpy as np

WINDOW = 48
TEXT = "The quick brown fox jumps over the lazy dog; nobody knows why. " * 5
STORY = ("Once upon a time, there was a little girl named Lily. She loved to play outside in the "
         "park. One day, she saw a big, red ball. She wanted to play with it, but it was too high. ")


class Perplexity(Program):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = golden_model(cls.folder)
        cls.text = cls.folder / "text.txt"
        cls.text.write_text(TEXT)

    def measure(self, *words, **more):
        return json.loads(self.good("perplexity", "-m", self.model, "--json", *words, **more))

    def surprises(self, ids):
        """-ln p of what follows each position of a window."""
        path, array = self.folder / "window.npy", self.folder / "logits.npy"
        np.save(path, np.array(ids, np.int32))
        self.good("run", "-m", self.model, "--tokens-in", path, "-n", 0, "--logits-out", array)
        logits = np.load(array).astype(np.float64)
        top = logits.max(-1, keepdims=True)
        logs = logits - top - np.log(np.exp(logits - top).sum(-1, keepdims=True))
        return [-logs[i, ids[i + 1]] for i in range(len(ids) - 1)]

    def test_formula(self):
        ids = [int(i) for i in self.good("tokenize", "-m", self.model, "--ids",
                                         stdin=TEXT).split()]
        bos = json.loads(self.good("inspect", "--json", self.model))["vocabulary"]["adds_bos"]
        scores = []
        for start in range(0, len(ids) // WINDOW * WINDOW, WINDOW):
            window = ids[start:start + WINDOW]
            if bos:
                window[0] = ids[0]
            scores += self.surprises(window)[WINDOW // 2:]
        ppl = np.exp(np.mean(scores))
        error = ppl * np.sqrt(np.var(scores) / (len(scores) - 1))
        said = self.measure("-f", self.text, "-c", WINDOW)
        self.assertEqual((said["windows"], said["scored_tokens"]),
                         (len(ids) // WINDOW, len(scores)))
        self.assertAlmostEqual(said["perplexity"] / ppl, 1, 6)
        self.assertAlmostEqual(said["standard_error"] / error, 1, 5)
        line = self.good("perplexity", "-m", self.model, "-f", self.text, "-c", WINDOW)
        self.assertEqual(line, f"PPL = {said['perplexity']:.4f} +/- {said['standard_error']:.4f} "
                               f"({len(scores)} tokens scored, {len(ids) // WINDOW} windows of "
                               f"{WINDOW})\n")

    def test_threads_and_chunks_do_not_show(self):
        words = ["-f", self.text, "-c", WINDOW]
        want = self.measure(*words)["perplexity"]
        for more in [["-t", 1], ["-t", 2], ["-b", 1], ["-b", 7]]:
            self.assertEqual(self.measure(*words, *more)["perplexity"], want, more)

    def test_windows_can_be_fewer_and_text_come_from_a_pipe(self):
        said = self.measure("-c", WINDOW, "--windows", 2, stdin=TEXT)
        self.assertEqual(said["windows"], 2)
        self.assertEqual(self.measure("-c", WINDOW, "--windows", 99, stdin=TEXT),
                         {**self.measure("-f", self.text, "-c", WINDOW), **{
                             key: unittest.mock.ANY for key in ("load_s", "seconds",
                                                                "tokens_per_s")}})

    @unittest.skipUnless(STORIES.exists(), "there is no ../shared/data beside the project")
    def test_a_trained_model_knows_a_story_from_noise(self):
        def ppl(text):
            said = self.good("perplexity", "-m", STORIES, "--json", "-c", 64, stdin=text)
            return json.loads(said)["perplexity"]
        noise = "".join(sorted(STORY)) * 2
        self.assertLess(ppl(STORY * 2), 10)
        self.assertGreater(ppl(noise), 50)

    def test_wrong_texts_and_windows(self):
        self.bad(EXIT_FAILURE, "a window 256: take a longer text or a smaller window", "perplexity",
                 "-m", self.model, stdin="short")
        self.bad(EXIT_FAILURE, "No such file", "perplexity", "-m", self.model, "-f", "/nowhere")
        self.bad(EXIT_FAILURE, "a context of 100000: the model was made for", "perplexity", "-m",
                 self.model, "-c", 100000, "-f", self.text)
        self.bad(EXIT_USAGE, "give a number from 4", "perplexity", "-m", self.model, "-c", 3)


if __name__ == "__main__":
    program.main()
