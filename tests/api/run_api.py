#!/usr/bin/env python3
"""Runs the tests that use Node against servers of the starter model: test_*.mjs, through Node's own test
runner. Usage: run_api.py HENCE. Skipped (77) where there is no Node or its packages cannot be had."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

from serving import Server

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
STARTER = ROOT / "models" / "starter-chat.gguf"


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


def packages():
    """Installs what package-lock.json says, unless it is there."""
    stamp = HERE / "node_modules" / ".lock"
    lock = (HERE / "package-lock.json").read_text(encoding="utf-8")
    if stamp.exists() and stamp.read_text(encoding="utf-8") == lock:
        return
    if not shutil.which("npm"):
        skip("npm is not installed (Debian: npm)")
    done = subprocess.run(["npm", "ci", "--ignore-scripts"], cwd=HERE, text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=280)
    if done.returncode:
        skip("npm cannot install the clients: " + " ".join(done.stdout.split())[-300:])
    stamp.write_text(lock, encoding="utf-8")


def main():
    if not shutil.which("node"):
        skip("node is not installed (Debian: nodejs)")
    packages()
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
