"""What the tests of the program share: running it, small models, and one line of result.

Each test file is run as `test_NAME.py HENCE` and ends in "N passed, N failed[, N skipped]".
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

try:
    import numpy  # noqa: F401: the golden models need it
except ImportError:
    print("skipped: this Python has no NumPy (Debian: python3-numpy)")
    sys.exit(77)

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"
STARTER = ROOT / "models" / "starter-chat.gguf"
STORIES = DATA / "models" / "stories260K.gguf"
sys.path.insert(0, str(ROOT / "tests" / "golden"))

HENCE = sys.argv[1] if len(sys.argv) > 1 else str(ROOT / "build" / "hence")
EXIT_FAILURE, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130


class Program(unittest.TestCase):
    """A test case with the program, and a folder that is gone afterwards."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="hence-cli-"))

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def hence(self, *words, stdin=b"", env=None, timeout=120):
        """Runs the program; stdout and stderr of the result are bytes."""
        if isinstance(stdin, str):
            stdin = stdin.encode()
        return subprocess.run([HENCE, *map(str, words)], input=stdin, capture_output=True,
                              env={**os.environ, **(env or {})}, timeout=timeout, check=False)

    def good(self, *words, **more):
        """Standard output, as text, of a run that must succeed."""
        done = self.hence(*words, **more)
        self.assertEqual(done.returncode, 0, done.stderr.decode(errors="replace"))
        return done.stdout.decode()

    def bad(self, status, says, *words, **more):
        """A run that must fail so: nothing on standard output, and an error that says what."""
        done = self.hence(*words, **more)
        err = done.stderr.decode()
        self.assertEqual((done.returncode, done.stdout), (status, b""), err)
        self.assertRegex(err, says)
        self.assertTrue(err.endswith("\n"))
        return err

    def write(self, name, content):
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path


def golden_model(folder, family="llama", dtype="f32"):
    """A small model with random weights; its Hugging Face twin is beside it as FAMILY-hf."""
    import make_models
    make_models.make(family, folder, dtype)
    return folder / f"{family}.gguf"


def main():
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=1).run(suite)
    skipped = len(result.skipped)
    # A test with several failed subtests is one that failed.
    failed = len({getattr(test, "test_case", test).id()
                  for test, _ in result.failures + result.errors})
    for test, why in result.skipped:
        print(f"{test.id()}: skipped: {why}")
    passed = result.testsRun - failed - skipped
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    sys.exit(1 if failed else 0)
