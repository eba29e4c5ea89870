"""A small recommender in a folder, for tests: six items on two axes, and models written by hand.

a, b and c lie along the first axis, d and e along the second, f has both.
"""

import json

import numpy

import tiny_onnx as tiny

ITEMS = [{"id": "a", "kind": "tent", "price": 100, "stock": 1, "views": 1},
         {"id": "b", "kind": "tent", "price": 200, "stock": 0, "views": 2},
         {"id": "c", "kind": ["tent", "sale"], "price": 300, "stock": 2, "views": 3},
         {"id": "d", "kind": "stove", "price": 40, "stock": 3, "views": 60},
         {"id": "e", "kind": "stove", "stock": True, "views": 50},
         {"id": "f", "kind": "set", "price": 500, "views": 0}]
VECTORS = numpy.array([[1, 0], [0.9, 0], [0.8, 0.1], [0, 1], [0, 0.9], [0.7, 0.7]], "float32")
CONFIG = {"catalogue": "items.jsonl", "vectors": "vectors.npy", "events": {"cart": 4},
          "fields": {"price": "price", "available": "stock", "popularity": "views", "categories": ["kind"]}}
LENGTH = 3


def session(table, type="int64"):
    """[visitors][LENGTH] to the row of the table that the last event names."""
    return tiny.model(
        [tiny.port("items", type, ["visitors", LENGTH])],
        [tiny.node("Gather", ["items", "last"], ["item"], axis=1),
         tiny.node("Gather", ["table", "item"], ["visitor"], axis=0)],
        [tiny.port("visitor", "float32", ["visitors", table.shape[1]])],
        [tiny.tensor("last", numpy.array(LENGTH - 1, "int64")), tiny.tensor("table", table)])


def ranker(weights):
    """[candidates][features] to their weighted sum."""
    w = numpy.array(weights, "float32").reshape(-1, 1)
    return tiny.model([tiny.port("features", "float32", ["candidates", len(weights)])],
                      [tiny.node("MatMul", ["features", "weights"], ["score"])],
                      [tiny.port("score", "float32", ["candidates", 1])], [tiny.tensor("weights", w)])


def xgboost(forest, names, missing_below):
    """Trees of one question each, as XGBoost's JSON: a feature below a number, or not."""
    trees = [{"left_children": [1, -1, -1], "right_children": [2, -1, -1], "split_indices": [tree["feature"], 0, 0],
              "split_conditions": [tree["below"], tree["yes"], tree["no"]], "default_left": [int(missing_below), 0, 0],
              "sum_hessian": [2.0, 1.0, 1.0], "base_weights": [0.0, tree["yes"], tree["no"]],
              "tree_param": {"size_leaf_vector": "0"}} for tree in forest]
    return {"version": [1, 7, 6], "learner": {
        "gradient_booster": {"name": "gbtree", "model": {"trees": trees, "tree_info": [0] * len(trees)}},
        "feature_names": names, "objective": {"name": "reg:squarederror"},
        "learner_model_param": {"base_score": "0", "num_feature": str(len(names)), "num_class": "0"}}}


def lightgbm(forest, n_features):
    """The same as LightGBM's text, where what is missing counts as below."""
    head = ("tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\n"
            f"max_feature_idx={n_features - 1}\nobjective=regression\n"
            f"feature_names={' '.join(f'Column_{i}' for i in range(n_features))}\n"
            f"feature_infos={' '.join(['[0:1000]'] * n_features)}\n\n")
    return head + "".join(
        f"Tree={i}\nnum_leaves=2\nnum_cat=0\nsplit_feature={tree['feature']}\nsplit_gain=1\n"
        f"threshold={tree['below']}\ndecision_type=10\nleft_child=-1\nright_child=-2\n"
        f"leaf_value={tree['yes']} {tree['no']}\nleaf_weight=1 1\nleaf_count=1 1\ninternal_value=0\n"
        "internal_weight=0\ninternal_count=2\nis_linear=0\nshrinkage=1\n\n\n" for i, tree in enumerate(forest)
    ) + "end of trees\n"


def safetensors(path, tensors):
    """{name: (dtype, array)} to a file."""
    head, data = {}, b""
    for name, (dtype, array) in tensors.items():
        raw = numpy.ascontiguousarray(array).tobytes()
        head[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(head).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


def write(folder, **more):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "recommender.json").write_text(json.dumps({**CONFIG, **more}))
    (folder / "items.jsonl").write_text("".join(json.dumps(item) + "\n" for item in ITEMS))
    numpy.save(folder / "vectors.npy", VECTORS)
    return folder
