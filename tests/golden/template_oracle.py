#!/usr/bin/env python3
"""Holds the template engine to Jinja2: the same text, and an error where Jinja2 has one.

usage: template_oracle.py TOOL snippets           corners of the language, one by one
       template_oracle.py TOOL random N [FIRST]   templates made at random, from seeds FIRST and on
       template_oracle.py TOOL templates FOLDER   every *.jinja there over a matrix of conversations
Exit status 77 means skipped (no Jinja2, no folder).
"""

import pathlib
import sys
import warnings

try:
    import jinja2  # noqa: F401
except ImportError:
    print("skipped: this Python has no Jinja2 (Debian: python3-jinja2)")
    sys.exit(77)

import chats
import jinja_oracle
import jinja_random
import jinja_snippets

SHOWN = 20


def show(name, what, got, want):
    print(f"{name}: {what}")
    if "text" not in got or "text" not in want:
        print(f"  want {str(want)[:300]}\n  got  {str(got)[:300]}")
        return
    a, b = want["text"], got["text"]
    at = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
    print(f"  from character {at}\n  want {a[max(0, at - 60):at + 60]!r}"
          f"\n  got  {b[max(0, at - 60):at + 60]!r}")


def snippets():
    for source in jinja_snippets.SNIPPETS:
        yield repr(source)[:100], source, jinja_snippets.VARIABLES


def randoms(count, first=0):
    warnings.simplefilter("ignore")  # of the code that Jinja2 makes
    for seed in range(first, first + count):
        yield f"seed {seed}", jinja_random.template(seed), jinja_random.VARIABLES


def incomparable(got, want):
    """Addresses in what Python prints, integers past 64 bits, and two slips of Jinja2's compiler."""
    return (" at 0x" in want.get("text", "") or "past 64 bits" in got.get("error", "")
            or "name 'inf'" in want.get("error", "") or "name 'nan'" in want.get("error", ""))


def templates(folder):
    for path in sorted(folder.glob("*.jinja")):
        source = path.read_text(encoding="utf-8")
        for name, variables in chats.CHATS:
            yield f"{path.name}, {name}", source, variables


def compare(tool, cases):
    """The number of cases that differ; an empty set of cases is a failure, too."""
    engine, oracle = jinja_oracle.Engine(tool), jinja_oracle.Oracle()
    counts = {"cases": 0, "errors": 0, "differ": 0, "incomparable": 0}
    for name, source, variables in cases:
        want, got = oracle(source, variables), engine(source, variables)
        what = jinja_oracle.difference(got, want)
        counts["cases"] += 1
        counts["errors"] += "error" in want
        if incomparable(got, want):
            counts["incomparable"] += 1
            continue
        counts["differ"] += what is not None
        if what and counts["differ"] <= SHOWN:
            show(name, what, got, want)
    engine.close()
    print("{cases} cases, {errors} of them errors, {incomparable} not to be compared, "
          "{differ} differ".format(**counts))
    return counts["differ"] or counts["incomparable"] * 10 > counts["cases"] or not counts["cases"]


def main():
    tool, mode, *more = sys.argv[1:]
    if mode == "snippets":
        sys.exit(1 if compare(tool, snippets()) else 0)
    if mode == "random":
        sys.exit(1 if compare(tool, randoms(*map(int, more))) else 0)
    folder = pathlib.Path(more[0])
    if not folder.is_dir():
        print(f"skipped: there is no {folder}")
        sys.exit(77)
    sys.exit(1 if compare(tool, templates(folder)) else 0)


main()
