#!/usr/bin/env python3
"""Runs every part of the test suite and adds up what passed.

Each part is a build folder and the Meson suites to run in it. A test program that reports its own
tests (check's "Checks: N, Failures: N, Errors: N", or a line "N passed, N failed[, N skipped]") is
counted by them, any other program is one test. Exit status 77 is a skip; its last line says why.
"""

import argparse
import glob
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DATA = os.path.join(os.path.dirname(ROOT), "shared", "data")

# What each level of HENCE_CPU needs of the processor, named as /proc/cpuinfo does. Written down a
# second time on purpose: src/base/cpu.c asks the processor itself.
LEVELS = [
    ("ref", ""),
    ("avx2", "avx2 fma f16c bmi2"),
    ("avx512", "avx512f avx512bw avx512vl avx512dq"),
    ("avx512vnni", "avx512_vnni avx512vbmi"),
    ("avx512bf16", "avx512_bf16"),
    ("amx", "amx_tile amx_int8 amx_bf16"),
]

# Tests of the server that sanitizers watch, too.
SERVER = ["test_http_api", "run_api"]

# What tells in a program's symbols that it holds code for one instruction set, or may begin threads. To
# run the others once more at every level, or where races are looked for, would show nothing.
LEVELLED = r"hn_cpu_choose|hn_kernels_for"
THREADED = r"pthread_create\b"

# Suites that have a part of their own.
APART = ["golden", "cli", "api", "data", "fuzz", "slow"]

# Lines that say what failed: check's, TAP's, unittest's, compilers' and sanitizers'.
TELLING = r":[FE]:|^\s*not ok|^FAIL|Error\b|\berror: |ERROR: |WARNING: ThreadSanitizer"

BUILDS = {
    # As released, but with assertions, symbols, and warnings as errors.
    "gcc": ("gcc", ["--buildtype=release", "-Ddebug=true", "-Db_ndebug=false"]),
    "clang": ("clang", ["--buildtype=debugoptimized"]),
    "asan": (
        "clang",
        ["--buildtype=debugoptimized", "-Db_sanitize=address,undefined", "-Db_lundef=false",
         "-Dc_args=-fno-sanitize-recover=all -fno-omit-frame-pointer", "-Dfuzz=true"],
    ),
    "tsan": ("gcc", ["--buildtype=debugoptimized", "-Db_sanitize=thread", "-Db_lundef=false"]),
}


class Total:
    """What passed, failed and was skipped so far."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def add(self, passed, failed, skipped=0):
        self.passed += passed
        self.failed += failed
        self.skipped += skipped


class Runner:
    def __init__(self, jobs, verbose):
        self.jobs = jobs
        self.verbose = verbose
        self.total = Total()
        self.built = {}  # folder -> whether it builds
        self.failures = []  # what failed, with the end of what it printed
        self.env = dict(os.environ)
        self.env.pop("HENCE_CPU", None)
        # ThreadSanitizer's and AddressSanitizer's shadow maps of these compilers do not fit the
        # address layouts that newer kernels pick at random; a fixed layout does.
        fixed = ["setarch", os.uname().machine, "-R"]
        works = shutil.which("setarch") and subprocess.run(
            fixed + ["true"], stderr=subprocess.DEVNULL, check=False).returncode == 0
        self.fixed_layout = fixed if works else []

    def say(self, part, passed, failed, skipped, started, note=""):
        self.total.add(passed, failed, skipped)
        line = f"{part:<20} {passed:5} passed {failed:4} failed"
        line += f" {skipped:4} skipped" if skipped else " " * 13
        print(f"{line} {time.monotonic() - started:6.1f} s{'  ' + note if note else ''}",
              flush=True)

    def skip(self, part, why):
        self.total.add(0, 0, 1)
        print(f"{part:<20} skipped: {why}", flush=True)

    def remember(self, what, out):
        """Keeps a failure for the end of the run, which is what a reader of a long log sees first."""
        lines = out.strip().splitlines()
        telling = [line for line in lines[:-6] if re.search(TELLING, line)]
        last = "\n".join("    " + line for line in telling[:12] + lines[-6:])
        self.failures.append(f"  {what}\n{last}")

    def run(self, command, **more):
        return subprocess.run(command, cwd=ROOT, env=self.env, text=True, errors="replace",
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **more)

    def build(self, name):
        """Configures and builds one of BUILDS, counted as one test. Returns its folder or None."""
        folder = f"build-{name}"
        if folder in self.built:
            return self.built[folder]
        started = time.monotonic()
        compiler, options = BUILDS[name]
        options = options + ["-Dtests=true", "-Dwerror=true"]
        stamp = os.path.join(ROOT, folder, ".options")
        wanted = " ".join([compiler] + options)
        if os.path.exists(stamp) and open(stamp, encoding="utf-8").read() != wanted:
            shutil.rmtree(os.path.join(ROOT, folder))
        self.env["CC"] = compiler
        done = None
        if not os.path.exists(os.path.join(ROOT, folder, "build.ninja")):
            shutil.rmtree(os.path.join(ROOT, folder), ignore_errors=True)
            done = self.run(["meson", "setup", folder] + options)
            if done.returncode == 0:
                with open(stamp, "w", encoding="utf-8") as out:
                    out.write(wanted)
        if done is None or done.returncode == 0:
            done = self.run(["ninja", "-C", folder, "-j", str(self.jobs)])
        self.env.pop("CC")
        ok = done.returncode == 0
        if not ok:
            print(done.stdout[-20000:])
            self.remember(f"build {name}", done.stdout)
        elif "warning: " in done.stdout:
            print("\n".join(l for l in done.stdout.splitlines() if "warning: " in l))
        self.say(f"build {name}", int(ok), int(not ok), 0, started, " ".join(options[:1]))
        self.built[folder] = folder if ok else None
        return self.built[folder]

    def meson(self, part, folder, suites=(), without=(), wrapper=(), scale=4, env=None, names=()):
        """Runs the chosen Meson suites of a built folder and counts their tests. What they may take is
        multiplied by `scale`: above 1, since a busy machine is no failure."""
        started = time.monotonic()
        base = "log-" + re.sub(r"\W+", "-", part) + "-"
        command = ["meson", "test", "-C", folder, "--no-rebuild", "--logbase", base,
                   "--num-processes", str(self.jobs), "--timeout-multiplier", str(scale)]
        for suite in suites:
            command += ["--suite", suite]
        for suite in without:
            command += ["--no-suite", suite]
        if wrapper:
            command += ["--wrapper", " ".join(wrapper)]
        # Meson adds the wrapper's name to that of the log.
        logs = os.path.join(ROOT, folder, "meson-logs", glob.escape(base) + "*.json")
        for log in glob.glob(logs):
            os.remove(log)
        saved = dict(self.env)
        self.env.update(env or {})
        self.env["CK_TIMEOUT_MULTIPLIER"] = str(scale)
        done = self.run(command + list(names))
        self.env = saved
        log = glob.glob(logs)
        if not log:
            if "No suitable tests" in done.stdout or "No tests" in done.stdout:
                self.skip(part, "no such tests yet")
            else:
                print(done.stdout)
                self.remember(part, done.stdout)
                self.say(part, 0, 1, 0, started)
            return
        here = Total()
        with open(log[0], encoding="utf-8") as lines:
            for line in lines:
                self.count(json.loads(line), part, here)
        if done.returncode != 0 and here.failed == 0:
            print(done.stdout)
            self.remember(part, done.stdout)
            here.failed += 1
        self.say(part, here.passed, here.failed, here.skipped, started)

    def holding(self, folder, symbols, without=()):
        """Names of the tests that are programs with such symbols, or no programs (scripts)."""
        listed = self.run(["meson", "introspect", "--tests", folder])
        names = []
        for test in json.loads(listed.stdout):
            if {suite.split(":")[-1] for suite in test["suite"]} & set(without):
                continue
            program = test["cmd"][0]
            built = os.path.abspath(program).startswith(os.path.join(ROOT, folder) + os.sep)
            if not built or re.search(symbols, self.run(["nm", program]).stdout):
                names.append(test["name"])
        return names

    def count(self, test, part, here):
        """Adds one test program to `here`; shows the output of one that failed or was skipped."""
        out = test.get("stdout") or ""
        ok = test["result"] in ("OK", "EXPECTEDFAIL")
        if test["result"] == "SKIP":
            last = (out.strip().splitlines() or ["no reason given"])[-1]
            print(f"  {test['name']}: skipped: {last}")
            here.add(0, 0, 1)
            return
        checks = re.findall(r"Checks: (\d+), Failures: (\d+), Errors: (\d+)", out)
        lines = re.findall(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", out, re.M)
        passed = failed = skipped = 0
        for n, bad, broken in checks:
            failed += int(bad) + int(broken)
            passed += int(n) - int(bad) - int(broken)
        for good, bad, left in lines:
            passed, failed, skipped = passed + int(good), failed + int(bad), skipped + int(left or 0)
        if not checks and not lines:
            passed = int(ok)
        if not ok and failed == 0:
            failed = 1
        here.add(passed, failed, skipped)
        for line in re.findall(r"^.*\bskipped: .*$", out, re.M):
            print(f"  {test['name']}: {line.strip()}")
        if not ok:
            print(f"--- {part}: {test['name']}: {test['result']} (exit {test.get('returncode')})")
            text = out + (test.get("stderr") or "")
            self.remember(f"{part}: {test['name']}: {test['result']}", text)
            print(text if self.verbose else text[-6000:])
            print(f"--- end of {test['name']}")

    # The parts, in the order they run: the quick and telling ones first.

    def part_checks(self):
        """rules of the house: layers, names, documents, scripts, formatting"""
        for check in ["layers", "docs", "scripts"]:
            self.tool("check " + check, f"tools/check-{check}")

    def tool(self, part, script, *args):
        started = time.monotonic()
        done = self.run([sys.executable, script, *args])
        out = done.stdout.strip()
        if done.returncode == 77:
            self.skip(part, out.splitlines()[-1])
            return
        if out:
            print(out)
        if done.returncode:
            self.remember(part, out)
        self.say(part, int(done.returncode == 0), int(done.returncode != 0), 0, started)

    def part_gcc(self):
        """the unit tests and those of HTTP as released, with assertions, built by gcc"""
        folder = self.build("gcc")
        if folder:
            self.tool("check exports", "tools/check-exports", folder)
            self.tool("check isa", "tools/check-isa", folder)
            if os.path.exists(os.path.join(ROOT, folder, "hence")):
                self.tool("check manual", "tools/check-manual", folder)
                self.tool("check api page", "tools/make-api", folder + "/hence", "--check")
            self.meson("gcc", folder, without=APART)

    def part_cli(self):
        """the program from outside: its commands, outputs and exit statuses"""
        folder = self.build("gcc")
        if folder:
            self.meson("cli", folder, suites=["cli"])

    def part_api(self):
        """the server from outside: plain HTTP, and the clients that people use"""
        folder = self.build("gcc")
        if folder:
            self.meson("api", folder, suites=["api"])

    def part_golden(self):
        """models against the reference written in NumPy, templates against Jinja2"""
        folder = self.build("gcc")
        if folder:
            self.meson("golden", folder, suites=["golden"])

    def part_clang(self):
        """the unit tests and HTTP, built by clang"""
        folder = self.build("clang")
        if folder:
            self.meson("clang", folder, without=APART)

    def part_asan(self):
        """AddressSanitizer and UndefinedBehaviorSanitizer: the unit tests, the server, the fuzz seeds"""
        folder = self.build("asan")
        env = {"ASAN_OPTIONS": "detect_stack_use_after_return=1:allocator_may_return_null=1",
               "UBSAN_OPTIONS": "print_stacktrace=1"}
        if folder:
            self.meson("asan", folder, without=["golden", "cli", "api", "data", "slow"], scale=8,
                       env=env, wrapper=self.fixed_layout)
            self.meson("asan server", folder, names=SERVER, scale=8, env=env,
                       wrapper=self.fixed_layout)

    def part_tsan(self):
        """ThreadSanitizer: the unit tests that may begin threads, and the server"""
        folder = self.build("tsan")
        env = {"TSAN_OPTIONS": "halt_on_error=1"}
        if folder:
            self.meson("tsan", folder, names=self.holding(folder, THREADED, APART), scale=6,
                       wrapper=self.fixed_layout, env=env)
            self.meson("tsan server", folder, names=SERVER, scale=6, wrapper=self.fixed_layout,
                       env=env)

    def part_levels(self):
        """the unit tests that have kernels, with every lower instruction set that this machine has"""
        folder = self.build("gcc")
        with open("/proc/cpuinfo", encoding="utf-8") as info:
            flags = set(re.search(r"^flags\s*: (.*)$", info.read(), re.M).group(1).split())
        lacks = [(level, set(needs.split()) - flags) for level, needs in LEVELS]
        there = [level for level, missing in itertools.takewhile(lambda row: not row[1], lacks)]
        names = self.holding(folder, LEVELLED, APART + ["http"]) if folder else []
        for level in there[:-1] if folder else []:  # the highest is what all other parts run with
            self.meson("level " + level, folder, names=names, env={"HENCE_CPU": level})
        for level, missing in lacks[len(there):len(there) + 1]:
            self.skip("level " + level, "this processor lacks " + " ".join(sorted(missing)))

    def part_emulated(self):
        """the unit tests that have kernels, on an emulated processor without AVX"""
        emulator = shutil.which("qemu-x86_64")
        if not emulator:
            self.skip("emulated", "qemu-x86_64 is not installed (package qemu-user)")
            return
        folder = self.build("gcc")
        if folder:
            names = self.holding(folder, LEVELLED, APART + ["http"])
            self.meson("emulated", folder, names=names, scale=20,
                       wrapper=[emulator, "-cpu", "Nehalem"])

    def part_data(self):
        """conformance on test data that lies beside the project, where it does"""
        if not os.path.isdir(DATA):
            self.skip("data", "there is no ../shared/data beside the project")
            return
        folder = self.build("gcc")
        if folder:
            self.meson("data", folder, suites=["data"])


def main():
    parts = [name[5:] for name in Runner.__dict__ if name.startswith("part_")]
    parser = argparse.ArgumentParser(description="Runs the tests; no PART means all of them.")
    parser.add_argument("part", nargs="*", metavar="PART", help=", ".join(parts))
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--list", action="store_true", help="say what each part does")
    parser.add_argument("--verbose", action="store_true", help="whole output of failed tests")
    args = parser.parse_args()
    if args.list:
        for part in parts:
            print(f"{part:<10} {getattr(Runner, 'part_' + part).__doc__}")
        return 0
    unknown = set(args.part) - set(parts)
    if unknown:
        parser.error(f"no part {' '.join(unknown)}; there are {', '.join(parts)}")
    started = time.monotonic()
    runner = Runner(args.jobs, args.verbose)
    for part in args.part or parts:
        getattr(runner, "part_" + part)()
    total = runner.total
    print(f"{time.monotonic() - started:.0f} s in all")
    skipped = f", {total.skipped} skipped" if total.skipped else ""
    print(f"{total.passed} passed, {total.failed} failed{skipped}")
    if runner.failures:
        print("failed:\n" + "\n".join(runner.failures))
    return 1 if total.failed or not total.passed else 0


if __name__ == "__main__":
    sys.exit(main())
