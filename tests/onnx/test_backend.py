#!/usr/bin/env python3
"""ONNX's own backend tests, where they lie beside the project: test_backend.py TOOL FOLDER.
At least 96% pass and nothing crashes; which fail and why is in docs/onnx.md."""

import json
import pathlib
import subprocess
import sys
import unittest

TOOL, FOLDER = sys.argv[1:3]
SHARE = 0.96


class Backend(unittest.TestCase):
    def run_all(self, *options):
        done = subprocess.run([TOOL, "--json", *options, FOLDER], capture_output=True, check=False)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        return lines[:-1], lines[-1]

    def check(self, *options):
        tests, counts = self.run_all(*options)
        failed = {t["test"]: t["reason"] for t in tests if not t["passed"]}
        self.assertEqual({k: v for k, v in failed.items() if "CRASHED" in v}, {})
        self.assertGreaterEqual(counts["passed"], SHARE * len(tests), failed)

    def test_one_thread(self):
        self.check()

    def test_three_threads(self):
        self.check("-t", "3")


if __name__ == "__main__":
    if not pathlib.Path(FOLDER).is_dir():
        print(f"skipped: {FOLDER} is not here")
        sys.exit(77)
    result = unittest.main(argv=sys.argv[:1], exit=False).result
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    sys.exit(failed > 0)
