#!/usr/bin/env python3
"""Line coverage of src/ by the whole of the tests, without the instruction-set files: those are
measured by what runs on this machine, not by the tests. Ends with one line, `lines: N% (M of T)`."""

import argparse
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(ROOT, "build-coverage")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    args = parser.parse_args()
    if not os.path.exists(os.path.join(BUILD, "build.ninja")):
        subprocess.run(["meson", "setup", BUILD, "--buildtype=debug", "-Db_coverage=true",
                        "-Dtests=true", "-Dfuzz=true"], cwd=ROOT, check=True,
                       env={**os.environ, "CC": "gcc"})
    subprocess.run(["ninja", "-C", BUILD, "-j", str(args.jobs)], check=True)
    # Counts of an earlier run would add to this one's.
    subprocess.run(["find", BUILD, "-name", "*.gcda", "-delete"], check=True)
    tests = subprocess.run(["meson", "test", "-C", BUILD, "--no-rebuild", "--quiet",
                            "--timeout-multiplier", "4", "--num-processes", str(args.jobs)],
                           check=False, env={**os.environ, "CK_TIMEOUT_MULTIPLIER": "4"})
    if tests.returncode:
        print("some tests failed; the figure below counts what they reached")
    report = subprocess.run(
        ["gcovr", "--root", ROOT, "--object-directory", BUILD, "--filter", "src/",
         "--exclude", "src/kernels/x86/", "--exclude-throw-branches", "--print-summary", "--sort-percentage"],
        cwd=ROOT, check=True, text=True, stdout=subprocess.PIPE).stdout
    print(report[:report.find("lines:")])
    share, covered, total = re.search(r"lines: ([\d.]+)% \((\d+) out of (\d+)\)", report).groups()
    print(f"lines: {share}% ({covered} of {total})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
