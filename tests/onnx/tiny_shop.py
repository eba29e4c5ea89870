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


def session(table):
    """[visitors][LENGTH] to the row of the table that the last event names."""
    return tiny.model(
        [tiny.port("items", "int64", ["visitors", LENGTH])],
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
