#!/usr/bin/env python3
"""Small ONNX graphs through the program: what they compute, and what hostile ones come to."""

import json
import os
import pathlib
import struct
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "cli")]

import numpy as np  # noqa: E402

import onnx_io as o  # noqa: E402
import seeds  # noqa: E402
from program import Program, main  # noqa: E402

X = np.array([1, -2], np.float32)


class Graphs(Program):
    def predict(self, model, env=None, **arrays):
        """The outputs by name, or the text of the error."""
        folder = self.folder / f"{self.id()}"
        folder.mkdir(exist_ok=True)
        (folder / "model.onnx").write_bytes(model)
        words = []
        for name, array in arrays.items():
            np.save(folder / f"{name}.npy", array)
            words += ["--in", f"{name}={folder / name}.npy"]
        done = self.hence("predict", "-m", folder / "model.onnx", "-t", 1, *words, "--out-dir",
                          folder / "out", "--json", env=env)
        if done.returncode:
            return done.stderr.decode()
        return {out["name"]: np.load(folder / "out" / (out["name"] + ".npy"))
                for out in json.loads(done.stdout)["outputs"]}

    def check(self, got, **wants):
        self.assertIsInstance(got, dict, got)
        for name, want in wants.items():
            np.testing.assert_allclose(got[name], want, rtol=1e-6)
            self.assertEqual(got[name].shape, np.shape(want))

    def test_chain(self):
        x = np.array([[1, 2], [-1, 0]], np.float32)
        self.check(self.predict(seeds.chain(), x=x), y=[[0, 12, 25], [0, 0, 7]])

    def test_constants_are_folded_into_the_rest(self):
        x = np.array([[1], [2], [3]], np.float32)
        self.check(self.predict(seeds.constants(), x=x), y=[[2, 3], [5, 6], [4, 5]])

    def test_branches_see_what_is_around(self):
        for yes, want in ((True, [2, -1]), (False, [-1, 2])):
            self.check(self.predict(seeds.branch(), c=np.array(yes), x=X), y=want)

    def test_loops_carry_and_collect(self):
        self.check(self.predict(seeds.loop(3), x=X), last=4 * X, all=[0, 1, 2])
        self.check(self.predict(seeds.loop(0), x=X), last=X, all=np.zeros(0))

    def test_scans_go_backwards_and_stack_anywhere(self):
        x = np.arange(6, dtype=np.float32).reshape(3, 2)
        self.check(self.predict(seeds.scan(), s=X, x=x), t=[7, 7],
                   y=[[5, 7, 7], [3, 6, 7]])

    def test_sequences(self):
        x = np.arange(4, dtype=np.float32).reshape(2, 2)
        self.check(self.predict(seeds.sequences(), x=x), y=np.tile(x, (3, 1)), a=x, n=6)

    def test_functions_in_functions_with_attributes(self):
        x = np.array([1, -1, 0], np.float32)
        half = lambda v: np.where(v > 0, v, 0.5 * np.expm1(v))  # noqa: E731
        double = lambda v: np.where(v > 0, v, 2 * np.expm1(v))  # noqa: E731
        self.check(self.predict(seeds.calls(), x=x), y=double(half(x)))

    def test_types_of_every_width(self):
        got = self.predict(seeds.types(), x=np.array([1.5, -2], np.float32),
                           x2=np.array([[1], [2]], np.float32))
        self.check(got, y0=[1, -2], y1=[1, 2, -1], y4=[[10], [6]], y5=[0.5])
        self.assertEqual([str(s) for s in got["y2"]], ["a", ""])
        self.assertEqual([float(s) for s in got["y3"]], [1.5, -2])

    def test_optional_inputs_may_be_left_out(self):
        self.check(self.predict(seeds.optional(), x=X), h=False, y=X)
        self.check(self.predict(seeds.optional(), x=X, o=X), h=True, y=X)

    def test_external_data(self):
        folder = self.folder / self.id()
        folder.mkdir()
        (folder / "data.bin").write_bytes(struct.pack("<3f", 9, 1, 2))
        self.check(self.predict(seeds.external(), x=X), y=[2, 0])
        (self.folder / "secret").write_bytes(bytes(12))
        os.symlink(self.folder / "secret", folder / "link")
        for location in ("../secret", "/etc/passwd", "a/../../secret", "link", str(self.folder / "secret")):
            self.assertIn("outside of the model's folder", self.predict(seeds.external(location), x=X))
        self.assertIn("missing", self.predict(seeds.external("none"), x=X))
        self.assertIn("which has 12", self.predict(seeds.external(offset="8"), x=X))
        self.assertIn("no number", self.predict(seeds.external(offset="-4"), x=X))

    def test_large_constants_lie_anywhere_in_the_file(self):
        """They are read where they are mapped: by products, gathered from, folded, added, in graphs in
        graphs, and as outputs; each of them with its elements at every place modulo 4."""
        rng = np.random.default_rng(1)
        w = rng.standard_normal((6, 128, 144)).astype(np.float32)
        k = rng.standard_normal((144, 16, 3, 3)).astype(np.float32)
        yes = o.graph([o.node("Identity", ["w4"], ["t"])], [], [o.value("t", o.FLOAT)])
        nodes = [o.node("MatMul", ["x", "w0"], ["product"]),
                 o.node("Gather", ["w1", "i"], ["rows"]),
                 o.node("Transpose", ["w2"], ["turned"], perm=[1, 0]),
                 o.node("MatMul", ["product", "turned"], ["back"]),
                 o.node("Add", ["w3", "x"], ["sum"], name="s"),
                 o.node("If", ["c"], ["branch"], then_branch=("graph", yes),
                        else_branch=("graph", yes)),
                 o.node("Conv", ["p", "k"], ["conv"])]
        inputs = [o.value("x", o.FLOAT, ["n", 128]), o.value("i", o.INT64, ["m"]),
                  o.value("c", o.BOOL, []), o.value("p", o.FLOAT, ["n", 16, 3, 3])]
        x = rng.standard_normal((128, 128)).astype(np.float32)
        w3 = w[3].reshape(144, 128)
        p = rng.standard_normal((2, 16, 3, 3)).astype(np.float32)
        i, add = np.array([5, 0, 127, 5]), x[:1]
        for pad in range(4):
            tensors = [o.tensor(f"w{j}", o.FLOAT, w3.shape if j == 3 else w[j].shape, w[j].tobytes())
                       for j in range(6)] + [o.tensor("k", o.FLOAT, k.shape, k.tobytes())]
            tensors.insert(0, o.tensor("pad", o.INT8, [pad], bytes(pad)))
            outputs = ["product", "rows", "back", "sum", "branch", "conv", "w5"]
            graph = o.graph(nodes, inputs, [o.value(name, o.FLOAT) for name in outputs], tensors)
            got = self.predict(o.model(graph), x=add, i=i, c=np.array(True), p=p)
            self.assertIsInstance(got, dict, got)
            product = add @ w[0]
            wants = {"rows": w[1][i], "sum": w3 + add, "branch": w[4], "w5": w[5]}
            for name, want in wants.items():
                np.testing.assert_array_equal(got[name], want)
            for name, want in (("product", product), ("back", product @ w[2].T),
                               ("conv", np.einsum("ncij,ocij->no", p, k)[:, :, None, None])):
                self.assertLess(abs(got[name] - want).max() / abs(want).max(), 1e-5, name)

    def test_a_constant_in_a_function_serves_all_its_calls(self):
        w = np.arange(128 * 160, dtype=np.float32).reshape(128, 160) / 1000
        yes = o.graph([o.node("MatMul", ["a", "w"], ["t"])], [], [o.value("t", o.FLOAT)],
                      [o.tensor("w", o.FLOAT, w.shape, w.tobytes())])
        body = [o.node("If", ["c"], ["b"], then_branch=("graph", yes), else_branch=("graph", yes))]
        calls = [o.node("F", [x, "c"], [y], domain="d") for x, y in (("x", "y"), ("x2", "y2"))]
        graph = o.graph(calls, [o.value("x", o.FLOAT), o.value("x2", o.FLOAT), o.value("c", o.BOOL, [])],
                        [o.value("y", o.FLOAT), o.value("y2", o.FLOAT)])
        model = o.model(graph, functions=[o.function("F", "d", ["a", "c"], ["b"], body)],
                        domains=[("d", 1)])
        x = np.ones((1, 128), np.float32)
        got = self.predict(model, x=x, x2=2 * x, c=np.array(True))
        self.check(got, y=x @ w, y2=2 * x @ w)

    def outputs(self, model):
        """What `inspect` says of the outputs: their shapes, or the text of the error."""
        path = self.folder / f"{self.id()}.onnx"
        path.write_bytes(model)
        done = self.hence("inspect", "--json", path)
        if done.returncode:
            return done.stderr.decode()
        return [(p["type"], p["shape"]) for p in json.loads(done.stdout)["outputs"]]

    def test_shapes_of_outputs_are_found(self):
        nodes = [o.node("Shape", ["x"], ["all"]), o.node("Gather", ["all", "first"], ["n"]),
                 o.node("Unsqueeze", ["n", "front"], ["ns"]),
                 o.node("Concat", ["ns", "rest"], ["to"], axis=0),
                 o.node("Reshape", ["x", "to"], ["heads"]),
                 o.node("MatMul", ["heads", "w"], ["y"]), o.node("ReduceMax", ["y"], ["m"], keepdims=0),
                 o.node("Equal", ["x", "x"], ["e"]), o.node("ArgMax", ["x"], ["a"], axis=-1, keepdims=0),
                 o.node("Concat", ["x", "x"], ["two"], axis=0), o.node("Unique", ["x"], ["u"])]
        tensors = [o.ints("first", [], [0]), o.ints("front", [1], [0]), o.ints("rest", [3], [-1, 3, 2]),
                   o.floats("w", [2, 5], [0] * 10)]
        names = ["heads", "y", "m", "e", "a", "two", "u"]
        outputs = [o.value(name, b"") for name in names]
        outputs[3] = o.value("e", o.FLOAT, ["n", 7])  # which is wrong but for the name
        model = o.model(o.graph(nodes, [o.value("x", o.FLOAT, ["rows", 12])], outputs, tensors))
        self.assertEqual(self.outputs(model), [
            ("float", ["rows", 2, 3, 2]), ("float", ["rows", 2, 3, 5]), ("float", []),
            ("bool", ["n", 12]), ("int64", ["rows"]), ("float", [None, 12]), ("float", None)])

    def test_shapes_go_through_graphs_in_graphs(self):
        self.assertEqual(self.outputs(seeds.branch()), [("float", [2])])
        self.assertEqual(self.outputs(seeds.loop()), [("float", [2]), ("float", [None])])
        self.assertEqual(self.outputs(seeds.scan()), [("float", [2]), ("float", [2, 3])])
        # What grows, or is of another rank in the other branch, is not told; nor what contradicts itself there.
        x = o.value("x", o.FLOAT, ["n", 2])
        body = o.graph([o.node("Concat", ["v", "x"], ["w"], axis=0), o.node("Identity", ["c"], ["d"])],
                       [o.value("i", o.INT64, []), o.value("c", o.BOOL, []), o.value("v", o.FLOAT)],
                       [o.value("d", o.BOOL), o.value("w", o.FLOAT), o.value("w", o.FLOAT)])
        grows = [o.node("Loop", ["m", "", "x"], ["last", "all"], body=("graph", body))]
        self.assertEqual(self.outputs(o.model(o.graph(grows, [x, o.value("m", o.INT64, [])], [
            o.value("last", o.FLOAT), o.value("all", o.FLOAT)]))), [("float", [None, 2]), ("float", [None, None, 2])])
        for other, says in (([o.node("Neg", ["x"], ["e"])], ["n", 2]), ([o.node("Flatten", ["x"], ["e"], axis=2)], [None, None]),
                            ([o.node("ReduceSum", ["x"], ["e"], keepdims=0)], None),
                            ([o.node("Add", ["x", "three"], ["e"])], None)):
            yes, no = (o.graph(nodes, [], [o.value("e", o.FLOAT)]) for nodes in ([o.node("Abs", ["x"], ["e"])], other))
            model = o.model(o.graph([o.node("If", ["b"], ["y"], then_branch=("graph", yes), else_branch=("graph", no))],
                                    [x, o.value("b", o.BOOL, [])], [o.value("y", o.FLOAT)], [o.floats("three", [3], [1, 2, 3])]))
            self.assertEqual(self.outputs(model), [("float", says)])

    def test_shapes_of_loops_in_loops_take_no_time(self):
        body = o.graph([o.node("Concat", ["v", "v"], ["w"], axis=0), o.node("Identity", ["c"], ["d"])],
                       [o.value("i", o.INT64, []), o.value("c", o.BOOL, []), o.value("v", o.FLOAT)],
                       [o.value("d", o.BOOL), o.value("w", o.FLOAT)])
        for _ in range(18):
            body = o.graph([o.node("Loop", ["m", "", "v"], ["w"], body=("graph", body)), o.node("Identity", ["c"], ["d"])],
                           [o.value("i", o.INT64, []), o.value("c", o.BOOL, []), o.value("v", o.FLOAT)],
                           [o.value("d", o.BOOL), o.value("w", o.FLOAT)])
        model = o.model(o.graph([o.node("Loop", ["m", "", "x"], ["y"], body=("graph", body))],
                                [o.value("x", o.FLOAT, ["n"]), o.value("m", o.INT64, [])], [o.value("y", o.FLOAT)]))
        self.assertEqual(self.outputs(model), [("float", [None])])

    def test_shapes_that_cannot_be_are_told_at_load(self):
        x = [o.value("x", o.FLOAT, ["n", 3]), o.value("i", o.FLOAT, [1, 3, 8, 8])]
        tensors = [o.floats("w", [4, 2], [0] * 8), o.floats("v", [4], [0] * 4),
                   o.floats("k", [2, 5, 1, 1], [0] * 10), o.ints("s", [2], [4, 50])]
        for node, said in ((o.node("MatMul", ["x", "w"], ["y"], name="it"), "3 elements by a matrix of 4"),
                           (o.node("Gemm", ["x", "w"], ["y"], name="it"), "3 elements by a matrix of 4"),
                           (o.node("Add", ["x", "v"], ["y"], name="it"), "3 and 4 do not fit"),
                           (o.node("Conv", ["i", "k"], ["y"], name="it"), "3 channels"),
                           (o.node("Reshape", ["i", "s"], ["y"], name="it"), "192 elements as 200"),
                           (o.node("Transpose", ["x"], ["y"], name="it", perm=[0, 2, 1]), "order of 3"),
                           (o.node("Softmax", ["x"], ["z"], name="no"), None),
                           (o.node("ReduceSum", ["x", "s"], ["y"], name="it"), "axis 4 of 2")):
            error = self.outputs(o.model(o.graph([node], x, [o.value("z" if not said else "y", o.FLOAT)],
                                                 tensors)))
            if said:
                self.assertIn("node 'it'", error)
                self.assertIn(said, error)
            else:
                self.assertEqual(error, [("float", ["n", 3])])

    def test_random_numbers_are_those_of_numpy(self):
        nodes = [o.node("RandomUniform", [], ["u"], shape=[3, 4], seed=5.0, low=-1.0, high=3.0),
                 o.node("RandomNormal", [], ["n"], shape=[7], seed=5.0, scale=2.0),
                 o.node("Dropout", ["x", "r", "t"], ["d", "m"], seed=0)]
        tensors = [o.floats("r", [], [0.5]), o.tensor("t", o.BOOL, [], b"\x01")]
        outputs = [o.value(name, o.FLOAT) for name in "und"] + [o.value("m", o.BOOL)]
        model = o.model(o.graph(nodes, [o.value("x", o.FLOAT)], outputs, tensors))
        mask = np.random.RandomState(0).uniform(0, 1, 50) >= 0.5
        self.check(self.predict(model, x=np.ones(50, np.float32)), d=2 * mask, m=mask,
                   u=np.random.RandomState(5).uniform(-1, 3, (3, 4)),
                   n=2 * np.random.RandomState(5).randn(7))

    def test_the_broadcast_of_old_opsets(self):
        nodes = [o.node("Add", ["x", "b"], ["y"], axis=1, broadcast=1)]
        model = o.model(o.graph(nodes, [o.value("x", o.FLOAT)], [o.value("y", o.FLOAT)],
                                [o.floats("b", [3], [1, 2, 3])]), opset=6)
        x = np.zeros((2, 3, 2), np.float32)
        self.check(self.predict(model, x=x), y=x + np.array([[1], [2], [3]], np.float32))

    def test_what_asks_for_too_much_is_refused(self):
        self.assertIn("ConstantOfShape", self.predict(seeds.greedy(), x=X[:1]))

    def test_missing_operators_are_named(self):
        graph = o.graph([o.node("Frobnicate", ["x"], ["y"], name="last", domain="org.example")],
                        [o.value("x", o.FLOAT)], [o.value("y", o.FLOAT)])
        error = self.predict(o.model(graph, domains=[("org.example", 3)]), x=X)
        for part in ("node 'last'", "Frobnicate", "org.example", "opset 3"):
            self.assertIn(part, error)

    def test_broken_graphs(self):
        x, y = [o.value("x", o.FLOAT)], [o.value("y", o.FLOAT)]
        later = [o.node("Relu", ["h"], ["y"]), o.node("Relu", ["x"], ["h"])]
        twice = [o.node("Relu", ["x"], ["y"]), o.node("Neg", ["x"], ["y"])]
        itself = o.function("F", "d", ["a"], ["b"], [o.node("F", ["a"], ["b"], domain="d")])
        for nodes, more, said in ((later, {}, "'h' is not there before it is read"),
                                  (twice, {}, "two values are called 'y'"),
                                  ([o.node("Relu", [], ["y"])], {}, "0 inputs"),
                                  ([o.node("F", ["x"], ["y"], domain="d")],
                                   {"functions": [itself], "domains": [("d", 1)]}, "nested")):
            self.assertIn(said, self.predict(o.model(o.graph(nodes, x, y), **more), x=X))

    def test_graphs_nested_too_deep(self):
        inner = o.graph([o.node("Relu", ["x"], ["y"])], [], [o.value("y", o.FLOAT)])
        for depth in range(60):
            inner = o.graph([o.node("If", ["c"], ["y"], then_branch=("graph", inner),
                                    else_branch=("graph", b""))], [], [o.value("y", o.FLOAT)])
        self.assertIn("deep", self.predict(o.model(inner)))

    def test_cut_files(self):
        whole = seeds.chain()
        for n in range(0, len(whole), 7):
            self.assertIsInstance(self.predict(whole[:n], x=np.zeros((1, 2), np.float32)), str)


if __name__ == "__main__":
    main()
