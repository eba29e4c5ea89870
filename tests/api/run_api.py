#!/usr/bin/env python3
"""Runs the tests that use Node against servers of the starter model: test_*.mjs, through Node's own test
runner. Usage: run_api.py HENCE. Skipped (77) where there is no Node or its packages cannot be had."""

import json
import os
import pathlib
import re
import subprocess
import sys

import packages
from serving import Server

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
STARTER = ROOT / "models" / "starter-chat.gguf"


def main():
    packages.install()
    hence = sys.argv[1]
    version = json.loads((HERE / "node_modules/openai/package.json").read_text())["version"]
    with Server(hence, "-m", f"starter={STARTER}") as server:
        done = subprocess.run(
            ["node", "--test", "--test-reporter=tap", *sorted(map(str, HERE.glob("test_*.mjs")))],
            env={**os.environ, "HENCE_URL": server.url}, text=True, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        healthy = server.get("/health")[0] == 200
        status = server.stop()
    counts = {name: int(n) for name, n in re.findall(r"^# (pass|fail|skipped) (\d+)$", done.stdout, re.M)}
    if done.returncode or not healthy or status:
        print(done.stdout)
        print(f"healthy: {healthy}, exit status {status}, {''.join(server.said)}")
    print(f"openai {version} from npm")
    failed = counts.get("fail", 0) + (not healthy) + (status != 0)
    print(f"{counts.get('pass', 0)} passed, {failed} failed")
    return 1 if failed or not counts.get("pass") else 0


sys.exit(main())
