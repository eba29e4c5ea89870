#!/usr/bin/env python3
"""Both doors, one model: every golden model as a GGUF file and as a Hugging Face directory must
open to the same metadata and, byte for byte, the same weights. doors.py DOORS_TOOL"""

import pathlib
import subprocess
import sys
import tempfile

try:
    import numpy  # noqa: F401, the modules below need it
except ImportError:
    print("skipped: this Python has no NumPy (Debian: python3-numpy)")
    sys.exit(77)

import hf_files
import toy_tokenizer
from families import FAMILIES, SHARDED
from make_models import FLOATS, SEED, write_gguf
from weights import make_weights


def check(tool, folder, name, dtype):
    """What differs, as lines; empty when nothing does."""
    config = FAMILIES[name]
    w = make_weights(config, SEED, dtype)
    write_gguf(folder / f"{name}.gguf", config, w, dtype)
    hf_files.write_directory(folder / f"{name}-{dtype}", config, w, toy_tokenizer, dtype,
                             2 if name == SHARDED else 1)
    done = subprocess.run([tool, folder / f"{name}.gguf", folder / f"{name}-{dtype}"], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode == 0:
        return []
    return done.stdout.splitlines() or [f"exit {done.returncode}"]


def main(tool):
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in FAMILIES:
            for dtype in FLOATS:
                lines = check(tool, pathlib.Path(folder), name, dtype)
                passed += not lines
                failed += bool(lines)
                for line in lines[:20]:
                    print(f"{name} {dtype}: {line}")
    print(f"{passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
