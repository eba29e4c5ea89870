#!/usr/bin/env python3
"""bench/compare, against a peer that is made up."""

import json
import os
import subprocess
import sys
import xml.etree.ElementTree

import program
from program import HENCE, ROOT, STARTER, Program

PEER = """#!{python}
import json, sys
if "--help" in sys.argv:
    print("  -p, --n-prompt <n>\\n  -d, --n-depth <n>")
elif "-fail" in sys.argv:
    sys.exit("no such option")
else:
    print(json.dumps([{{"avg_ts": {speed}}}]))
"""


class Compare(Program):
    def peer(self, name, speed):
        path = self.write(name, PEER.format(python=sys.executable, speed=speed))
        os.chmod(path, 0o755)
        return f"{name}={path}"

    def compare(self, *words):
        return subprocess.run(
            [sys.executable, ROOT / "bench" / "compare", "--hence", HENCE, "-m", STARTER, "-p", "16",
             "-n", "4", "-d", "64", "-t", "1", "-r", "2", *map(str, words)],
            capture_output=True, text=True, check=False)

    def test_the_best_peer_counts(self):
        result, svg = self.folder / "r.json", self.folder / "r.svg"
        done = self.compare("--peer", self.peer("slow", 0.5), "--peer", self.peer("fast", 1),
                            "--json", result, "--svg", svg)
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = json.loads(result.read_text())
        self.assertEqual([(r["test"], r["tokens"], r["depth"]) for r in rows],
                         [("prefill", 16, 0), ("decode", 4, 64)])
        for r in rows:
            self.assertEqual(r["best_peer"], "fast")
            self.assertEqual([len(runs) for runs in r["runs"].values()], [2, 2, 2])
            # The peer says 1 token per second: the ratio is hence's own median.
            self.assertAlmostEqual(r["ratio"], sum(r["runs"]["hence"]) / 2)
            self.assertGreater(r["share"], 0)
        self.assertIn("| starter-chat | 1 | decode 4 at 64 |", done.stdout)
        bars = [e for e in xml.etree.ElementTree.parse(svg).iter() if e.tag.endswith("rect")]
        self.assertEqual(len(bars), 1 + len(rows))

    def test_a_peer_that_fails_is_named(self):
        done = self.compare("--peer", self.peer("odd", 1) + " -fail")
        self.assertEqual(done.returncode, 1)
        self.assertIn("no such option", done.stderr)
        self.assertEqual(self.compare("--peer", "nothing").returncode, 1)


if __name__ == "__main__":
    program.main()
