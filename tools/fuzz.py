#!/usr/bin/env python3
"""Fuzzes every target of tests/fuzz with libFuzzer under AddressSanitizer and
UndefinedBehaviorSanitizer, several at a time, each for the same time, growing
its corpus in build-fuzz/corpus."""

import argparse
import concurrent.futures
import glob
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(ROOT, "build-fuzz")
OPTIONS = ["--buildtype=debugoptimized", "-Db_sanitize=address,undefined", "-Db_lundef=false",
           "-Dfuzz=true", "-Dlibfuzzer=true",
           "-Dc_args=-fsanitize=fuzzer-no-link -fno-sanitize-recover=all"]


def fuzz(target, seconds):
    """Runs one target; True when it found nothing. Its last lines say how far it got."""
    corpus = os.path.join(BUILD, "corpus", target)
    findings = os.path.join(BUILD, "findings", target)
    os.makedirs(corpus, exist_ok=True)
    os.makedirs(findings, exist_ok=True)
    # Text seeds are files of the project, binary ones are made by the build.
    seeds = [os.path.join(ROOT, "tests", "fuzz", "corpus", target),
             os.path.join(BUILD, "tests", "fuzz", "seeds", target)]
    words = os.path.join(ROOT, "tests", "fuzz", target + ".dict")
    done = subprocess.run(
        [os.path.join(BUILD, "tests", "fuzz", "fuzz_" + target), corpus,
         *filter(os.path.isdir, seeds), *([f"-dict={words}"] if os.path.exists(words) else []),
         f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048",
         f"-artifact_prefix={findings}/", "-print_final_stats=1"],
        check=False, text=True, errors="replace", stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "ASAN_OPTIONS": "allocator_may_return_null=1"})
    runs = re.search(r"number_of_executed_units: (\d+)", done.stdout)
    print(f"{target}: {runs.group(1) if runs else 'unknown number of'} runs, "
          f"{len(os.listdir(corpus))} corpus entries, "
          f"{'nothing found' if done.returncode == 0 else 'FOUND, see ' + findings}", flush=True)
    if done.returncode:
        print(done.stdout[-6000:], flush=True)
    return done.returncode == 0


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
    names = args.target or targets
    print(f"{len(names)} targets, {args.seconds} s each, {args.jobs} at a time", flush=True)
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        bad = [name for name, ok in zip(names, pool.map(lambda n: fuzz(n, args.seconds), names))
               if not ok]
    print(f"{len(names) - len(bad)} passed, {len(bad)} failed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
