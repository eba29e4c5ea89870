"""What the tests of models of trees share: `trees_run.py TOOL` is imported, TOOL evaluates models."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

try:
    import numpy as np
except ImportError:
    print("skipped: this Python has no NumPy (Debian: python3-numpy)")
    sys.exit(77)

TOOL = sys.argv[1] if len(sys.argv) > 1 else "build/tests/trees_tool"
DATA = pathlib.Path(__file__).resolve().parents[3] / "shared" / "data"


class Trees(unittest.TestCase):
    """A folder, and models that run in it."""

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="hence-trees-"))

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def start(self, model, x, threads=1, part=0, cpu=None):
        out = self.folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        np.save(self.folder / "x.npy", x)
        env = dict(os.environ)
        if cpu:
            env["HENCE_CPU"] = cpu
        return out, subprocess.run(
            [TOOL, str(model), str(self.folder / "x.npy"), str(out), str(threads), str(part)],
            capture_output=True, env=env, check=False)

    def run_model(self, model, x, **how):
        """Every output by name, and the names of the columns as "columns"."""
        out, done = self.start(model, x, **how)
        self.assertEqual(done.returncode, 0, done.stderr.decode(errors="replace"))
        got = {file.stem: np.load(file) for file in out.iterdir()}
        got["columns"] = done.stdout.decode().splitlines()
        return got

    def refused(self, model, says, n_features=4):
        _, done = self.start(model, np.zeros((1, n_features), np.float32))
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn(says, done.stderr.decode())

    def same_bits(self, a, b, what):
        a, b = np.ascontiguousarray(a), np.ascontiguousarray(b)
        self.assertEqual((a.shape, a.dtype), (b.shape, b.dtype), what)
        if a.tobytes() != b.tobytes():
            bad = np.flatnonzero(a.reshape(-1) != b.reshape(-1))
            i = bad[0] if len(bad) else -1
            self.fail(f"{what}: {len(bad)} of {a.size} differ, first at {i}: "
                      f"{a.reshape(-1)[i]!r} and {b.reshape(-1)[i]!r}")

    def steady(self, model, x, whole):
        """Rows alone, in other company, on more threads and other processors give the same bits."""
        few = slice(0, 45)
        others = [(few, {"part": 1}), (slice(None), {"threads": 2}),
                  (slice(None), {"part": 97}), (few, {"cpu": "ref"})]
        for rows, how in others:
            got = self.run_model(model, x[rows], **how)
            for name in whole:
                if name != "columns":
                    self.same_bits(whole[name][rows], got[name], f"{name} {how}")


def main():
    program = unittest.main(module="__main__", argv=sys.argv[:1], exit=False)
    result = program.result
    bad, skipped = len(result.failures) + len(result.errors), len(result.skipped)
    print(f"{result.testsRun - bad - skipped} passed, {bad} failed, {skipped} skipped")
    sys.exit(bad > 0)
