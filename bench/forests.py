#!/usr/bin/env python3
"""Trees against XGBoost and against themselves compiled from C: bench/forests.py BENCH_TREES [THREADS [FOLDER]].

Trains three models (kept in FOLDER), writes each as C, compiles it with gcc -O3 -march=native, and has
bench_forests time the three side by side. Needs python3-xgboost and its library."""

import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import xgboost as xgb

MODELS = [("100 trees of depth 6", 100, 6, 1), ("500 trees of depth 8", 500, 8, 1),
          ("5 classes x 100 rounds", 100, 6, 5)]
FEATURES = 40


def train(path, rounds, depth, classes):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(50000, FEATURES)).astype(np.float32)
    x[rng.random(x.shape) < 0.05] = np.nan
    z = np.nan_to_num(x)
    score = z[:, 0] + z[:, 1] * z[:, 2] + np.sin(3 * z[:, 3]) + z[:, 4:12].sum(1) / 3
    score += rng.normal(size=len(x))
    params = {"max_depth": depth, "eta": 0.1, "tree_method": "hist"}
    if classes > 1:
        params |= {"objective": "multi:softprob", "num_class": classes}
        y = np.digitize(score, np.quantile(score, np.linspace(0, 1, classes + 1)[1:-1]))
    else:
        params["objective"] = "binary:logistic"
        y = score > 0
    xgb.train(params, xgb.DMatrix(x, y), rounds).save_model(path)


def as_c(model, out):
    learner = json.loads(pathlib.Path(model).read_text())["learner"]
    booster = learner["gradient_booster"]["model"]
    classes = max(1, int(learner["learner_model_param"]["num_class"]))

    def node(tree, i, target, depth):
        pad = "  " * depth
        if tree["left_children"][i] < 0:
            return f"{pad}s{target} += {float(tree['split_conditions'][i])!r}f;\n"
        x = f"x[{tree['split_indices'][i]}]"
        t = f"{float(tree['split_conditions'][i])!r}f"
        test = f"!({x} >= {t})" if tree["default_left"][i] else f"{x} < {t}"
        return (f"{pad}if ({test}) {{\n{node(tree, tree['left_children'][i], target, depth + 1)}"
                f"{pad}}} else {{\n{node(tree, tree['right_children'][i], target, depth + 1)}{pad}}}\n")

    parts = []
    with open(out, "w", encoding="utf-8") as file:
        for t, tree in enumerate(booster["trees"]):
            target = booster["tree_info"][t]
            body = node(tree, 0, target, 1)
            file.write(f"static inline float tree{t}(const float *x, float s{target})\n{{\n{body}"
                       f"  return s{target};\n}}\n")
            parts.append(f"  s{target} = tree{t}(x, s{target});\n")
        file.write("void predict(const float *x, float *out)\n{\n")
        for c in range(classes):
            file.write(f"  float s{c} = 0.5f;\n")
        file.write("".join(parts))
        for c in range(classes):
            file.write(f"  out[{c}] = s{c};\n")
        file.write("}\n")


def main(bench, threads="2", folder=None):
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(folder or temporary)
        folder.mkdir(exist_ok=True)
        library = pathlib.Path(xgb.__file__).parent / "lib" / "libxgboost.so"
        for i, (name, rounds, depth, classes) in enumerate(MODELS):
            model, code, so = (folder / f"model{i}.{end}" for end in ("json", "c", "so"))
            if not model.exists():
                train(model, rounds, depth, classes)
            if not so.exists():
                as_c(model, code)
                subprocess.run(["gcc", "-O3", "-march=native", "-shared", "-fPIC", "-o", so, code],
                               check=True)
            print(f"{name}", flush=True)
            subprocess.run([bench, model, threads, so, library], check=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
