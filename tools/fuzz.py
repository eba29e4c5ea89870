#!/usr/bin/env python3
"""Fuzzes every target of tests/fuzz with libFuzzer under AddressSanitizer and
UndefinedBehaviorSanitizer, each for the same time, growing its corpus in build-fuzz/corpus."""

import argparse
import glob
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(ROOT, "build-fuzz")
OPTIONS = ["--buildtype=debugoptimized", "-Db_sanitize=address,undefined", "-Db_lundef=false",
           "-Dfuzz=true", "-Dlibfuzzer=true",
           "-Dc_args=-fsanitize=fuzzer-no-link -fno-sanitize-recover=all"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", nargs="*", help="names in tests/fuzz, without fuzz_; default all")
    parser.add_argument("--seconds", type=int, default=60, help="per target")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    args = parser.parse_args()

    if not os.path.exists(os.path.join(BUILD, "build.ninja")):
        subprocess.run(["meson", "setup", BUILD, *OPTIONS], cwd=ROOT, check=True,
                       env={**os.environ, "CC": "clang"})
    subprocess.run(["ninja", "-C", BUILD, "-j", str(args.jobs)], check=True)

    targets = sorted(os.path.basename(p)[5:-2]
                     for p in glob.glob(os.path.join(ROOT, "tests", "fuzz", "fuzz_*.c")))
    unknown = set(args.target) - set(targets)
    if unknown:
        parser.error(f"no target {' '.join(unknown)}; there are {', '.join(targets)}")
    bad = []
    for target in args.target or targets:
        corpus = os.path.join(BUILD, "corpus", target)
        findings = os.path.join(BUILD, "findings", target)
        os.makedirs(corpus, exist_ok=True)
        os.makedirs(findings, exist_ok=True)
        seeds = os.path.join(ROOT, "tests", "fuzz", "corpus", target)
        print(f"{target}: {args.seconds} s", flush=True)
        done = subprocess.run(
            [os.path.join(BUILD, "tests", "fuzz", "fuzz_" + target), corpus, seeds,
             f"-max_total_time={args.seconds}", "-timeout=10", "-rss_limit_mb=2048",
             f"-artifact_prefix={findings}/", "-print_final_stats=1", "-verbosity=0"],
            check=False, env={**os.environ, "ASAN_OPTIONS": "allocator_may_return_null=1"})
        if done.returncode:
            bad.append(target)
    print(f"{len(args.target or targets) - len(bad)} passed, {len(bad)} failed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
