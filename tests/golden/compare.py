#!/usr/bin/env python3
"""Runs the golden models through hence and holds every family to its bound.

Each family is made in a temporary directory and run through both doors, its GGUF file and its
Hugging Face directory; with --dump also layer by layer. Without --hence only the reference is
checked against itself: the two forms of every family must give it the same logits.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

try:
    import numpy as np
except ImportError:
    print("skipped: this Python has no NumPy (Debian: python3-numpy)")
    sys.exit(77)

import gguf_io
import gguf_model
import make_models
from families import FAMILIES, FEATURES, PROMPT
from reference import forward

# Relative error of logits per type of weights, against the reference on the values as stored, so
# that what is left is arithmetic in float, in 16 bits, or on activations in 8 bits. For F32 it
# holds for the largest difference; for the others for the median over positions of the ratio of
# Euclidean norms. A rounded activation may make a token choose another expert, which moves the
# logits of that position and of those that see it: all positions together get LOOSE times as much.
BOUNDS = {"f32": 1e-4, "f16": 4e-3, "bf16": 2e-2, "q8_0": 6e-2, "q4_0": 6e-2, "mxfp4": 6e-2}
LOOSE = 3
# The two doors hold the same values and may differ by the order of sums at most.
DOOR_BOUND = 1e-5


def error(got, want):
    """(largest difference over the largest value, ratio of Euclidean norms, median of the rows')."""
    if got.shape != want.shape or not np.isfinite(got).all():
        return (float("inf"),) * 3
    d = got.astype(np.float64) - want
    rows = np.linalg.norm(d, axis=-1) / np.maximum(np.linalg.norm(want, axis=-1), 1e-30)
    return (np.abs(d).max() / np.abs(want).max(), np.linalg.norm(d) / np.linalg.norm(want),
            np.median(rows))


def bound_of(name, dtype):
    kinds = ["mxfp4", dtype] if "quantization_config" in FAMILIES[name] else [dtype]
    return max(BOUNDS[k] for k in kinds)


def excess(errors, bound):
    """None, or how the errors of a model's logits break its bound."""
    largest, whole, median = errors
    if bound == BOUNDS["f32"]:
        return None if largest <= bound else f"{largest:.1e} > {bound:.0e}"
    if median <= bound and whole <= LOOSE * bound:
        return None
    return f"median {median:.1e} > {bound:.0e} or whole {whole:.1e} > {LOOSE * bound:.0e}"


def run(command, timeout=120):
    """None, or what went wrong."""
    try:
        done = subprocess.run([str(x) for x in command], capture_output=True, text=True,
                              errors="replace", timeout=timeout, check=False)
    except (OSError, subprocess.TimeoutExpired) as e:
        return str(e)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no message"]
        return f"exit {done.returncode}: {lines[-1]}"
    return None


def hence_logits(args, model, tokens, out):
    """(logits, None) or (None, what went wrong)."""
    out.unlink(missing_ok=True)
    # Keys and values as computed: how their types agree is tested elsewhere.
    wrong = run([args.hence, "run", "-m", model, "--tokens-in", tokens, "--logits-out", out,
                 "-n", 0, "--kv-type", "f32", *args.run_arg])
    if wrong:
        return None, wrong
    return np.load(out), None


def first_excess(args, name, model, folder, acts, bound):
    """The first activation in forward order beyond its bound, or None."""
    dump = folder / "dump"
    dump.mkdir(exist_ok=True)
    for old in dump.glob("*.npy"):
        old.unlink()
    wrong = run([args.dump, model, folder / f"{name}.tokens.npy", dump])
    if wrong:
        return wrong
    config, seen = FAMILIES[name], 0
    for key, want in acts.items():
        path = dump / f"{key}.npy"
        if not path.exists():
            continue
        seen += 1
        got = np.load(path)
        errors = [error(got.reshape(got.shape[0], -1), want)[0]]
        if key.endswith(("q_rope", "k_rope")):
            # Heads may be held in pairs order, as some architectures' files have them.
            heads = config["num_attention_heads" if ".q" in key else "num_key_value_heads"]
            errors.append(error(got.reshape(got.shape[0], -1),
                                gguf_model.to_pairs(want.T, heads).T)[0])
        # Activations inside the model get some slack: their errors partly cancel further on.
        if min(errors) > 4 * bound:
            return f"{key} {min(errors):.1e}"
    return None if seen else "the dump holds nothing known"


def check_reference(name, folder, acts):
    """The reference, run on the GGUF form, against itself on the Hugging Face form."""
    meta, tensors = gguf_io.read_gguf(folder / f"{name}.gguf")
    tokens = np.load(folder / f"{name}.tokens.npy")
    got = forward(*gguf_model.load(meta, tensors, PROMPT), tokens)
    return error(got["logits"], acts["logits"])[0]


def check(args, name, folder):
    """A row of the table: dict of column -> value, with 'failed' among them."""
    acts = make_models.make(name, folder, args.dtype)
    row = {"family": name, "features": FEATURES[name], "failed": []}
    bound = bound_of(name, args.dtype)
    if args.hence is None:
        row["reference"] = check_reference(name, folder, acts)
        if not row["reference"] <= 1e-6:
            row["failed"].append(f"the forms differ by {row['reference']:.1e}")
        return row
    doors = {"gguf": folder / f"{name}.gguf"}
    if args.dtype in make_models.FLOATS:
        doors["hf"] = folder / f"{name}-hf"
    got = {}
    for door, model in doors.items():
        got[door], wrong = hence_logits(args, model, folder / f"{name}.tokens.npy",
                                        folder / "out.npy")
        if wrong:
            row["failed"].append(f"{door}: {wrong}")
            continue
        row[door] = error(got[door], acts["logits"])
        if wrong := excess(row[door], bound):
            row["failed"].append(f"{door}: {wrong}")
        if args.dump and (wrong := first_excess(args, name, model, folder, acts, bound)):
            row["failed"].append(f"{door}: first excess at {wrong}")
    if all(got.get(d) is not None for d in ("gguf", "hf")):
        row["doors"] = error(got["hf"], got["gguf"])[0]
        if not row["doors"] <= DOOR_BOUND:
            row["failed"].append(f"doors differ by {row['doors']:.1e}")
    return row


def cell(v):
    if v is None:
        return "-"
    if isinstance(v, tuple):
        return " / ".join(f"{x:.1e}" for x in v)
    return "same bits" if v == 0 else f"{v:.1e}"


COLUMNS = {"gguf": "GGUF (max / L2 / median)", "hf": "Hugging Face (max / L2 / median)", "doors": "between doors"}


def show(rows, markdown):
    columns = COLUMNS if "reference" not in rows[0] else {"reference": "between forms"}
    if markdown:
        print("| family | features | " + " | ".join(columns.values()) + " |")
        print("|" + "---|" * (2 + len(columns)))
        for r in rows:
            print("| " + " | ".join([r["family"], r["features"],
                                     *(cell(r.get(c)) for c in columns)]) + " |")
        return
    for r in rows:
        print(f"{r['family']:14}" + "".join(f"{cell(r.get(c)):>28}" for c in columns) +
              ("  FAILED " + "; ".join(r["failed"]) if r["failed"] else ""))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hence", type=os.path.abspath, help="the program under test")
    parser.add_argument("--dump", type=os.path.abspath,
                        help="activation dumper: PATH MODEL TOKENS.npy OUTDIR")
    parser.add_argument("--family", action="append", choices=FAMILIES, help="only this one")
    parser.add_argument("--dtype", default="f32", choices=make_models.DTYPES)
    parser.add_argument("--run-arg", action="append", default=[],
                        help="passed on to hence run, as --run-arg=-t --run-arg=1")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    args = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in args.family or FAMILIES:
            rows.append(check(args, name, pathlib.Path(folder)))
    show(rows, args.markdown)
    failed = sum(bool(r["failed"]) for r in rows)
    print(f"{len(rows) - failed} passed, {failed} failed",
          file=sys.stderr if args.markdown else sys.stdout)
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
