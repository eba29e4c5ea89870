#!/usr/bin/env python3
"""/v1/predictions: rows of named columns. Usage: test_predictions.py HENCE"""

import json
import pathlib
import shutil
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "onnx"))

from serving import Server  # noqa: E402
import named_categories as named  # noqa: E402
import tiny_onnx as tiny  # noqa: E402

HENCE = sys.argv[1]
STARTER = HERE.parents[1] / "models" / "starter-chat.gguf"


# One tree: age below 30, or missing, is 0.5, else -0.25; of ten rows it was trained on, four were below.
TREE = {"learner": {
    "attributes": {}, "feature_names": ["age", "orders"], "feature_types": ["float", "float"],
    "gradient_booster": {"name": "gbtree", "model": {
        "gbtree_model_param": {"num_parallel_tree": "1", "num_trees": "1", "size_leaf_vector": "0"}, "tree_info": [0],
        "trees": [{"base_weights": [0, 0.5, -0.25], "categories": [], "categories_nodes": [], "categories_segments": [],
                   "categories_sizes": [], "default_left": [1, 0, 0], "id": 0, "left_children": [1, -1, -1],
                   "loss_changes": [1, 0, 0], "parents": [2147483647, 0, 0], "right_children": [2, -1, -1],
                   "split_conditions": [30, 0.5, -0.25], "split_indices": [0, 0, 0], "split_type": [0, 0, 0],
                   "sum_hessian": [10, 4, 6], "tree_param": {"num_deleted": "0", "num_feature": "2", "num_nodes": "3",
                                                             "size_leaf_vector": "0"}}]}},
    "learner_model_param": {"base_score": "0", "boost_from_average": "1", "num_class": "0", "num_feature": "2",
                            "num_target": "1"},
    "objective": {"name": "reg:squarederror", "reg_loss_param": {"scale_pos_weight": "1"}}}, "version": [1, 7, 6]}


class Predictions(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="hence-predictions-"))
        (cls.folder / "matrix.onnx").write_bytes(tiny.model(
            [tiny.port("x", "float32", ["n", 3])],
            [tiny.node("Add", ["x", "x"], ["twice"]), tiny.node("Sub", ["x", "x"], ["zero"])],
            [tiny.port("twice", "float32", ["n", 3]), tiny.port("zero", "float32", ["n", 3])]))
        names = {"age": "float32", "city": "object", "n": "int64"}
        (cls.folder / "columns.onnx").write_bytes(tiny.model(
            [tiny.port(n, t, ["rows"]) for n, t in names.items()],
            [tiny.node("Identity", [n], [n + "_out"]) for n in names],
            [tiny.port(n + "_out", t, ["rows"]) for n, t in names.items()]))
        (cls.folder / "image.onnx").write_bytes(tiny.identity(["float32"], ["n", 3, 8, 8]))
        (cls.folder / "classifier.onnx").write_bytes(tiny.classifier())
        (cls.folder / "words.onnx").write_bytes(tiny.of_maps())
        (cls.folder / "tree.json").write_text(json.dumps(TREE))
        (cls.folder / "lightgbm.txt").write_text(named.lightgbm())
        (cls.folder / "xgboost.json").write_text(json.dumps(named.xgboost()))
        cls.server = Server(HENCE, "-m", f"chat={STARTER}", "-m", cls.folder / "tree.json", "-m",
                            cls.folder / "matrix.onnx", "-m", cls.folder / "columns.onnx", "-m",
                            cls.folder / "image.onnx", "-m", cls.folder / "classifier.onnx", "-m",
                            cls.folder / "words.onnx", "-m", cls.folder / "lightgbm.txt", "-m",
                            cls.folder / "xgboost.json", "-m", f"segments={STARTER.parent / 'starter-segments.json'}")

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        shutil.rmtree(cls.folder)

    def predict(self, model, **body):
        status, _, answer = self.server.post("/v1/predictions", {"model": model, **body})
        self.assertEqual(status, 200, answer)
        self.assertEqual((answer["object"], answer["model"]), ("predictions", model))
        return answer["outputs"]

    def test_classes_of_graphs(self):
        status, _, answer = self.server.post("/v1/predictions", {"model": "classifier", "rows": [[0, 0], [-100, 0]]})
        self.assertEqual(status, 200, answer)
        self.assertEqual(answer["outputs"], {"label": ["no", "no"], "named": [[0.5, 0.5], [1, 0]]})
        self.assertEqual(answer["classes"], ["no", "yes"])
        self.assertNotIn("labels", answer)  # the model has its own word on them
        # Nobody asked for the numbers.
        _, _, answer = self.server.post("/v1/predictions", {"model": "classifier", "rows": [[0, 0]], "outputs": ["label"]})
        self.assertNotIn("classes", answer)
        _, _, about = self.server.get("/v2/models/classifier")
        self.assertEqual(about["outputs"][1], {"name": "named", "datatype": "FP32", "shape": [-1, 2],
                                               "parameters": {"labels": ["no", "yes"]}})

    def test_maps(self):
        """A row is a map: what it lacks is 0, what the model does not know says nothing."""
        self.assertEqual(self.predict("words", rows=[{"pear": 2}, {}, {"plum": [{"a": 1}], "apple": 1.5}]),
                         {"y": [[0, 2], [0, 0], [1.5, 0]]})
        self.assertEqual(self.predict("words", columns={"pear": [None, 1]}), {"y": [[0, 0], [0, 1]]})
        self.refused("unknown_column", "columns", "'plum'", {"model": "words", "columns": {"plum": [1]}})

    def refused(self, code, param, word, body, status=400):
        got, _, answer = self.server.post("/v1/predictions", body)
        self.assertEqual(got, status, answer)
        error = answer["error"]
        self.assertEqual((error["code"], error["param"]), (code, param), error)
        self.assertIn(word, error["message"])

    def test_rows(self):
        rows = [{"f1": 2, "f0": 1, "f2": 3.5}, {"f2": True}, [4, None, 6], {}]
        twice = [[2, 4, 7], [None, None, 2], [8, None, 12], [None] * 3]
        got = self.predict("matrix", rows=rows)
        self.assertEqual(got["twice"], twice)
        self.assertEqual(list(got), ["twice", "zero"])
        self.assertEqual(self.predict("matrix", rows=rows, outputs=["twice"]), {"twice": twice})
        # null is as if it were not there.
        self.assertEqual(self.predict("matrix", rows=rows, columns=None, outputs=None, why=None), got)

    def test_columns(self):
        self.assertEqual(self.predict("matrix", columns={"f1": [1, 2], "f0": [None, 4]})["twice"],
                         [[None, 2, None], [8, 4, None]])
        got = self.predict("columns", columns={"n": [1, -2], "age": [0.1, None], "city": ["Köln", "a\"b\n"]})
        self.assertEqual(got, {"age_out": [0.1, None], "city_out": ["Köln", "a\"b\n"], "n_out": [1, -2]})

    def test_numbers_that_are_no_doubles(self):
        numbers = [2**53 + 1, -2**53 - 1, 2**63 - 1, -2**63]
        got = self.predict("columns", columns={"n": numbers, "age": [1] * 4, "city": ["x"] * 4})
        self.assertEqual(got["n_out"], numbers)
        # As Python's json writes them.
        body = '{"model": "matrix", "rows": [[NaN, Infinity, -Infinity], {"f0": 1, "f1": NaN}]}'
        status, _, answer = self.server.post("/v1/predictions", body)
        self.assertEqual((status, answer["outputs"]["twice"]), (200, [[None] * 3, [2, None, None]]))

    def test_why(self):
        rows = [{"age": 20}, {"orders": 3}, {"age": 30, "orders": 1}]
        status, _, answer = self.server.post("/v1/predictions", {"model": "tree", "rows": rows, "why": True})
        self.assertEqual((status, answer["outputs"]), (200, {"predictions": [0.5, 0.5, -0.25]}))
        for why, age in zip(answer["why"], (0.45, 0.45, -0.3)):
            self.assertEqual(list(why), ["bias", "age", "orders"])
            self.assertAlmostEqual(why["bias"], 0.05, 6)
            self.assertAlmostEqual(why["age"], age, 6)
            self.assertEqual(why["orders"], 0)
        # The same through the other API, where all the columns are one tensor.
        answer = self.server.post("/v2/models/tree/infer", {
            "inputs": [{"name": "input", "shape": [2, 2], "datatype": "FP32", "data": [20, None, 31, 1]}],
            "outputs": [{"name": "margin"}]})[2]
        self.assertEqual(answer["outputs"][0]["data"], [0.5, -0.25])

    def test_names_of_categories(self):
        rows = [{"city": "Bern", "age": 9, "size": 20}, {"city": "Ch\\u0075r", "age": 9, "size": "10"}, ["Zug", 9, None],
                [2, 9, 10], [1, 31, True], ["Basel", 31, "x"]]
        body = json.dumps({"model": "lightgbm", "rows": rows}).replace("\\\\", "\\")
        status, _, answer = self.server.post("/v1/predictions", body)
        self.assertEqual((status, answer["outputs"]["predictions"]), (200, [101, 202, 201, 201, 203, 203]))
        columns = {"city": ["Zürich", "Chur", 0, None], "size": [-20, 10, "10", None]}
        self.assertEqual(self.predict("xgboost", columns=columns), {"predictions": [101, 202, 201, 202]})
        for param, word, row in (("rows[0].city", "no category 'Basel'; it has: Zürich, Chur, Zug", {"city": "Basel"}),
                                 ("rows[0].size", "no category '1'; it has: 10, -20", {"size": 1}),
                                 ("rows[0].size", "no category 'big'", {"size": "big"}),
                                 ("rows[0].age", "of numbers", {"age": "9"})):
            self.refused("invalid_value", param, word, {"model": "xgboost", "rows": [row]})

    def test_classes(self):
        status, _, answer = self.server.post("/v1/predictions", {"model": "segments", "rows": [
            {"age": 41, "visits": 12, "share_cooking": 300}, {"visits": 30, "share_mountain": 600}]})
        self.assertEqual(status, 200, answer)
        self.assertEqual(len(answer["classes"]), 9)
        for label, row in zip(answer["labels"], answer["outputs"]["predictions"], strict=True):
            self.assertEqual(label, answer["classes"][row.index(max(row))])
        _, _, answer = self.server.post("/v1/predictions", {
            "model": "segments", "rows": [{"age": 41}], "outputs": ["leaf"]})
        self.assertNotIn("labels", answer)

    def test_the_first_model_that_predicts(self):
        status, _, answer = self.server.post("/v1/predictions", {"rows": [{"age": 1}]})
        self.assertEqual((status, answer["model"], answer["rows"]), (200, "tree", 1))
        self.assertGreaterEqual(answer["hence"]["seconds"]["core"], 0)

    def test_many_rows(self):
        n = 3000
        got = self.predict("matrix", rows=[{"f0": i, "f1": 1, "f2": 2} for i in range(n)])
        self.assertEqual(got["twice"], [[2 * i, 2, 4] for i in range(n)])

    def test_errors(self):
        row, m = {"f0": 1}, {"model": "matrix"}
        for code, param, word, body in (
                ("unknown_column", "rows[1]", "'agee'; it has: f0, f1, f2", {**m, "rows": [row, {"agee": 3}]}),
                ("unknown_column", "columns", "'x'", {**m, "columns": {"x": [3]}}),
                ("invalid_value", "rows[1].f2", "numbers", {**m, "rows": [row, {"f2": "three"}]}),
                ("invalid_value", "rows[0].f2", "expected a number", {**m, "rows": [{"f2": [1]}]}),
                ("invalid_value", "columns.f0[1]", "numbers", {**m, "columns": {"f0": [1, "2"]}}),
                ("invalid_value", "columns.f1", "same number", {**m, "columns": {"f0": [1, 2], "f1": [1]}}),
                ("invalid_value", "columns.f1", "same number", {**m, "columns": {"f0": [1], "f1": [1, 2]}}),
                ("invalid_value", "rows[0]", "3 values", {**m, "rows": [[1, 2]]}),
                ("invalid_value", "rows[0]", "3 values", {**m, "rows": [[1, 2, 3, 4]]}),
                ("invalid_value", "rows[0]", "object", {**m, "rows": [1]}),
                ("invalid_value", "rows", "no rows", {**m, "rows": []}),
                ("missing_required_parameter", "rows", "either", {}),
                ("missing_required_parameter", "rows", "either", {**m, "rows": [row], "columns": {}}),
                ("invalid_value", "outputs", "no output 'z'; there are: twice, zero", {**m, "rows": [row], "outputs": ["z"]}),
                ("unsupported_value", "why", "cannot explain its predictions: only trees can",
                 {**m, "rows": [row], "why": True}),
                ("unsupported_value", "why", "cannot explain", {"model": "image", "rows": [row], "why": True}),
                ("unsupported_value", "outputs", "cannot explain", {**m, "rows": [row], "outputs": ["contributions"]}),
                ("invalid_value", None, "Unrecognized request argument supplied: row", {"row": row}),
                ("invalid_value", "rows", "lacks the column 'n'", {"model": "columns", "rows": [{"age": 1, "city": "a"}]}),
                ("invalid_value", "rows[0].n", "0.5", {"model": "columns", "rows": [{"n": 0.5}]}),
                ("invalid_value", "rows[0].city", "texts", {"model": "columns", "rows": [{"city": 5}]}),
                ("unsupported_value", "model", "no table", {"model": "image", "rows": [row]}),
                ("wrong_model_kind", "model", "language", {"model": "chat", "rows": [row]})):
            with self.subTest(str(body)):
                self.refused(code, param, word, body)
        self.refused("model_not_found", "model", "none", {"model": "none", "rows": [row]}, 404)


if __name__ == "__main__":
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=1).run(suite)
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
