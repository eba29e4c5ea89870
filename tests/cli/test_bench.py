#!/usr/bin/env python3
"""hence bench: every combination once, and what it counts."""

import json
import os
import re
import signal
import subprocess
import time
import unittest

import program
from program import EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_USAGE, HENCE, Program, golden_model

QUICK = ["-t", "1", "-r", "1"]


def kv_positions(depth, tokens):
    """Keys and values that an answer reads: each token those of every position up to its own."""
    return sum(depth + 2 + i for i in range(tokens))


class Bench(Program):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = golden_model(cls.folder)

    def bench(self, *words):
        return json.loads(self.good("bench", "-m", self.model, "--json", *words))

    def test_every_combination(self):
        said = self.bench("-r", 1, "-p", "8,16", "-n", "4", "-t", "1,2", "-d", "0,40", "--parallel",
                          "1,3")
        got = [(row["threads"], row["parallel"], row["depth"], row["test"], row["tokens"])
               for row in said["rows"]]
        self.assertEqual(got, [(threads, parallel, depth, test, n)
                               for threads in (1, 2) for parallel in (1, 3) for depth in (0, 64)
                               for test, n in (("prefill", 8), ("prefill", 16), ("decode", 4))])
        for row in said["rows"]:
            self.assertEqual(row["runs_tokens_per_s"], [row["tokens_per_s"]])
            done = row["tokens_per_s"] * row["seconds"]
            self.assertAlmostEqual(done / (row["tokens"] * row["parallel"]), 1, 6)
        self.assertEqual([limits["threads"] for limits in said["limits_per_s"]], [1, 2])

    def test_the_machine_is_named(self):
        said = self.bench(*QUICK, "-p", 1, "-n", 0)
        self.assertEqual(said["hence"], self.good("--version").split()[1])
        self.assertIn(said["compiler"], self.good("--version"))
        self.assertEqual(said["cores"], len(os.sched_getaffinity(0)))
        self.assertEqual(said["system"], f"{os.uname().sysname} {os.uname().release}")
        self.assertRegex(said["date"], r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\Z")

    def test_what_is_read(self):
        said = self.bench(*QUICK, "-p", 0, "-n", 5, "-d", 64, "--parallel", 3)
        row, = said["rows"]
        kv = 3 * kv_positions(64, 5) * said["kv_bytes_per_position"]
        self.assertAlmostEqual(row["read_bytes"], 5 * said["weight_bytes_per_token"] + kv, delta=1)
        limits = said["limits_per_s"][0]
        share = row["read_bytes"] / row["seconds"] / limits["read_bytes"]
        self.assertAlmostEqual(row["share_of_bandwidth"] / share, 1, 6)

    def test_what_is_multiplied(self):
        meta = json.loads(self.good("inspect", "--json", self.model))
        config = {key.removeprefix("llama."): value for key, value in meta["metadata"].items()}
        matrices = {t["name"]: t["shape"][0] * t["shape"][1] for t in meta["tensors"]
                    if len(t["shape"]) == 2}
        embedding = matrices.pop("token_embd.weight")
        head = matrices.pop("output.weight", embedding)
        tokens = 20
        heads, width = config["attention.head_count"], config["embedding_length"]
        keys = tokens * (tokens + 1) // 2
        want = (tokens * sum(matrices.values()) + head +
                config["block_count"] * 2 * width // heads * heads * keys)
        row, = self.bench(*QUICK, "-p", tokens, "-n", 0)["rows"]
        self.assertEqual(row["multiply_adds"], want)

    def test_table(self):
        done = self.hence("bench", "-m", self.model, "-t", 1, "-p", 16, "-n", 8)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        text = done.stdout.decode()
        self.assertRegex(text, r"1 thread\n")
        self.assertRegex(text, r"reads [\d.]+ [kMGT]?B/s and multiplies int8 \S+, bf16 \S+, f32 \S+")
        for row in [r"prompt 16 +0 +1 +([\d.]+) +([\d.]+) \.\. ([\d.]+) ", "answer 8 +0 +1 "]:
            self.assertRegex(text, row)
        median, low, high = map(float, re.search(
            r"prompt 16 +0 +1 +([\d.]+) +([\d.]+) \.\. ([\d.]+) ", text).groups())
        self.assertTrue(low <= median <= high)
        self.assertLessEqual(max(map(len, text.splitlines()[1:])), 80)

    def test_a_context_the_model_was_not_made_for(self):
        # Speed does not depend on sense.
        row, = self.bench(*QUICK, "-p", 2000, "-n", 0)["rows"]
        self.assertEqual(row["tokens"], 2000)

    def test_wrong_numbers(self):
        for words in [["-p", "1,,2"], ["-p", "-1"], ["-p", "x"], ["-p", ""], ["-t", "0"], ["-t", "1,"],
                      ["-d", "99999999"], ["--parallel", "0"], ["-p", " 1"],
                      ["-p", "99999999999999999999999"]]:
            self.bad(EXIT_USAGE, "give numbers from", "bench", "-m", self.model, *words)
        self.bad(EXIT_USAGE, "16 numbers", "bench", "-m", self.model, "-p", ",".join("1" * 17))
        self.bad(EXIT_USAGE, "nothing to measure", "bench", "-m", self.model, "-p", 0, "-n", 0)
        self.bad(EXIT_USAGE, "give a number from 1", "bench", "-m", self.model, "-r", 0)

    def test_what_does_not_fit(self):
        self.bad(EXIT_FAILURE, "llama.gguf: needs .* and there are .*: a context of", "bench", "-m",
                 self.model, "-d", 1000000, "--parallel", 1000)

    def test_ctrl_c(self):
        child = subprocess.Popen([HENCE, "bench", "-m", self.model, "-p", "100000", "-n", "0"],
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        child.stdout.read(1)
        time.sleep(0.3)
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=60)
        self.assertEqual((child.returncode, err), (EXIT_INTERRUPTED, b"hence bench: stopped\n"))


if __name__ == "__main__":
    program.main()
