#!/usr/bin/env python3
"""How many instructions a token costs, counted by callgrind: a guard without noise against making the
forward slower by accident. The ceilings are what gcc 12's release build takes with the AVX2 kernels on
one thread, and some slack; a change that gets below one by more than that lowers it."""

import os
import re
import shutil
import subprocess
import sys

import numpy as np

import program
from program import HENCE, STARTER, Program

if not shutil.which("valgrind"):
    print("skipped: valgrind is not installed (Debian: valgrind)")
    sys.exit(77)
if " avx2 " not in open("/proc/cpuinfo", encoding="ascii").read():
    print("skipped: this processor lacks avx2")
    sys.exit(77)

SLACK = 1.05
# type: thousand instructions of a token that is generated, and of one of a prompt
CEILINGS = {
    "F16": (1560, 730),
    "Q8_0": (1035, 605),
    "Q4_0": (1040, 435),
    "Q4_K_M": (1190, 485),
    "Q6_K": (1475, 655),
}
FEW, MANY = 4, 20
SHORT, LONG = 32, 128


class Instructions(Program):
    def count(self, model, prompt_tokens, tokens):
        ids = self.folder / "ids.npy"
        np.save(ids, (np.arange(prompt_tokens) * 37 % 3000 + 10).astype(np.int32))
        done = subprocess.run(
            ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", HENCE, "run", "-m",
             model, "--tokens-in", ids, "--ignore-eos", "--temp", "0", "--guess", "0", "-t", "1",
             "-n", str(tokens)],
            env={**os.environ, "HENCE_CPU": "avx2"}, capture_output=True, text=True, check=True)
        return int(re.search(r"Collected : (\d+)", done.stderr).group(1))

    def check(self, what, counted, ceiling):
        thousands = counted / 1000
        print(f"{what}: {thousands:.0f} thousand instructions, ceiling {ceiling}")
        self.assertLessEqual(thousands, ceiling * SLACK, f"{what} has become slower")

    def test_ceilings(self):
        for kind, (decode, prefill) in CEILINGS.items():
            with self.subTest(kind):
                model = STARTER
                if kind != "Q8_0":
                    model = self.folder / f"{kind}.gguf"
                    self.good("quantize", "--requantize", STARTER, model, kind)
                few = self.count(model, SHORT, FEW)
                answer = (self.count(model, SHORT, MANY) - few) / (MANY - FEW)
                prompt = (self.count(model, LONG, FEW) - few) / (LONG - SHORT)
                self.check(f"{kind}, a token of an answer", answer, decode)
                self.check(f"{kind}, a token of a prompt", prompt, prefill)


if __name__ == "__main__":
    program.main()
