"""Node and its packages, for tests that use them."""

import fcntl
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


def install():
    """Installs what package-lock.json says, unless it is there. One test at a time. The test is skipped
    where there is no Node or its packages cannot be had."""
    stamp = HERE / "node_modules" / ".lock"
    lock = (HERE / "package-lock.json").read_text(encoding="utf-8")
    for program, package in [("node", "nodejs"), ("npm", "npm")]:
        if not shutil.which(program):
            skip(f"{program} is not installed (Debian: {package})")
    with open(HERE / "package.json", encoding="utf-8") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if stamp.exists() and stamp.read_text(encoding="utf-8") == lock:
            return
        done = subprocess.run(["npm", "ci", "--ignore-scripts"], cwd=HERE, text=True, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=280)
        if done.returncode:
            skip("npm cannot install the packages: " + " ".join(done.stdout.split())[-300:])
        stamp.write_text(lock, encoding="utf-8")
