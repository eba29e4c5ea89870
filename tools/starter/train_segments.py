#!/usr/bin/env python3
"""Trains the model that tells a customer's segment: train_segments.py CUSTOMERS.csv MODEL.json.

Of the columns of customers.py's table all but the text (main_device) are features, in their order; the
classes are the segments in alphabetical order, which the model's attribute `classes` names. Prints how
often the held-out customers' segment is the most likely one. Needs python3-xgboost."""

import csv
import json
import sys

import numpy as np
import xgboost as xgb

NO_FEATURES = ("customer", "split", "segment", "main_device")


def main(table, out):
    with open(table, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = [column for column in rows[0] if column not in NO_FEATURES]
    x = np.array([[float(row[c]) if row[c] else np.nan for c in names] for row in rows], np.float32)
    segments = sorted({row["segment"] for row in rows})
    y = np.array([segments.index(row["segment"]) for row in rows])
    train = np.array([row["split"] == "train" for row in rows])
    params = {"objective": "multi:softprob", "num_class": len(segments), "max_depth": 2, "eta": 0.4,
              "tree_method": "exact", "nthread": 1, "seed": 1}
    model = xgb.train(params, xgb.DMatrix(x[train], y[train], feature_names=names), 30)
    model.set_attr(classes=json.dumps(segments))
    model.save_model(out)
    told = model.predict(xgb.DMatrix(x[~train], feature_names=names))
    order = np.argsort(-told, axis=1)
    held = y[~train]
    print(f"{len(held)} customers held out: {(order[:, 0] == held).mean():.1%} right, "
          f"{(order[:, :2] == held[:, None]).any(axis=1).mean():.1%} among the first two; "
          f"the most frequent segment: {np.bincount(held).max() / len(held):.1%}")


if __name__ == "__main__":
    main(*sys.argv[1:])
