#!/usr/bin/env python3
"""hence predict: NumPy arrays and tables through models that predict."""

import csv
import io
import json
import sys

import program
from program import EXIT_FAILURE, EXIT_USAGE, Program

import numpy

sys.path.insert(0, str(program.ROOT / "tests" / "onnx"))
import onnx_io  # noqa: E402
sys.path.insert(0, str(program.ROOT / "tests" / "fuzz"))
import make_seeds  # noqa: E402
import named_categories as named  # noqa: E402
import tiny_onnx as tiny  # noqa: E402

NUMPY = ["float32", "float64", "float16", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
         "bool", "complex64", "complex128"]


class Predict(Program):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = cls.folder / "sum.onnx"
        cls.model.write_bytes(tiny.model(
            [tiny.port("a", "float32", ["n", 2]), tiny.port("b", "float32", ["n", 2])],
            [tiny.node("Add", ["a", "b"], ["a/b sum"]), tiny.node("Sub", ["a", "b"], ["difference"])],
            [tiny.port("a/b sum", "float32", ["n", 2]), tiny.port("difference", "float32", ["n", 2])]))
        cls.a = cls.save("a", numpy.array([[1, 2], [3, 4], [5, 6]], "float32"))
        cls.b = cls.save("b", numpy.array([[10, 20], [30, 40], [50, 60]], "float32"))

    @classmethod
    def save(cls, name, array):
        path = cls.folder / f"{name}.npy"
        numpy.save(path, array)
        return path

    def identity(self, dtype, array, *words):
        """What a model that does nothing gives back for an array."""
        model = self.folder / f"identity-{dtype}.onnx"
        model.write_bytes(tiny.identity([dtype], None))
        out = self.folder / f"out-{dtype}"
        self.good("predict", "-m", model, "--in", self.save("in", array), "--out-dir", out, *words)
        return numpy.load(out / f"y_{dtype}.npy")

    def test_inputs_in_order_and_by_name(self):
        out = self.folder / "out"
        for words in (("--in", self.a, "--in", self.b), ("--in", f"a={self.a}", "--in", f"b={self.b}"),
                      ("--in", f"b={self.b}", "--in", self.a), ("--in", self.b, "--in", f"a={self.a}")):
            self.good("predict", "-m", self.model, *words, "--out-dir", out)
            # What is no letter, digit, '.', '_' or '-' in an output's name is '_' in the file's.
            numpy.testing.assert_array_equal(numpy.load(out / "a_b_sum.npy"), [[11, 22], [33, 44], [55, 66]])
            numpy.testing.assert_array_equal(numpy.load(out / "difference.npy"), [[-9, -18], [-27, -36], [-45, -54]])

    def test_every_type_that_numpy_has(self):
        for dtype in NUMPY:
            with self.subTest(dtype):
                array = (numpy.arange(24).reshape(2, 3, 4) * 9 - 50).astype(dtype)
                got = self.identity(dtype, array)
                self.assertEqual(got.dtype, array.dtype)
                numpy.testing.assert_array_equal(got, array)

    def test_every_form_of_an_array(self):
        plain = numpy.arange(24, dtype="int32").reshape(2, 3, 4)
        for array in (numpy.asfortranarray(plain), plain.astype(">i4"), numpy.asfortranarray(plain.astype(">i4")),
                      plain[:0], plain[1, 1, 1], plain.reshape(1, 2, 1, 3, 1, 4, 1, 1, 1, 1)):
            got = self.identity("int32", array)
            self.assertEqual(got.shape, array.shape)
            numpy.testing.assert_array_equal(got, array)

    def test_texts(self):
        for array in (numpy.array([["a", "käse"], ["", "\U0001f600!"]]), numpy.array([b"xy", b""]),
                      numpy.array(["x"], ">U3"), numpy.array("alone")):
            got = self.identity("object", array)
            self.assertEqual(got.dtype.kind, "U")
            numpy.testing.assert_array_equal(got, array.astype("U"))

    def test_types_that_numpy_lacks(self):
        numbers = numpy.array([1, -2, 0.5, 3, numpy.inf, numpy.nan], "float32")
        got = self.identity("bfloat16", numbers)
        self.assertEqual(got.dtype, "float32")
        numpy.testing.assert_array_equal(got, numbers)
        got = self.identity("float8e4m3fn", numbers[:4])
        self.assertEqual(got.dtype, "float32")
        numpy.testing.assert_array_equal(got, numbers[:4])
        got = self.identity("int4", numpy.array([-8, 7, 0], "int8"))
        self.assertEqual(got.dtype, "int8")
        numpy.testing.assert_array_equal(got, [-8, 7, 0])
        got = self.identity("uint4", numpy.array([0, 15, 7], "int8"))
        self.assertEqual(got.dtype, "int8")
        numpy.testing.assert_array_equal(got, [0, 15, 7])
        # Integers that the type does not hold are no others.
        path = self.save("nine", numpy.array([1, 9], "int64"))
        self.bad(EXIT_FAILURE, "element 1 is 9, which is no int4", "predict", "-m", self.folder / "identity-int4.onnx",
                 "--in", path)

    def test_folders_are_made(self):
        out = self.folder / "there" / "is" / "none"
        for _ in range(2):
            self.good("predict", "-m", self.model, "--in", self.a, "--in", self.b, "--out-dir", f"{out}/")
            self.assertTrue((out / "difference.npy").exists())

    def test_some_outputs(self):
        out = self.folder / "some"
        self.good("predict", "-m", self.model, "--in", self.a, "--in", self.b, "--out-dir", out,
                  "--outputs", "difference")
        self.assertEqual([p.name for p in out.iterdir()], ["difference.npy"])

    def test_json(self):
        out = self.folder / "json"
        said = json.loads(self.good("predict", "-m", self.model, "--in", self.a, "--in", self.b, "--out-dir", out,
                                    "--json", "-t", 2))
        self.assertEqual((said["kind"], said["threads"]), ("onnx", 2))
        self.assertEqual(said["inputs"], [{"name": n, "type": "float", "shape": [3, 2]} for n in "ab"])
        self.assertEqual(said["outputs"], [
            {"name": "a/b sum", "type": "float", "shape": [3, 2], "file": f"{out}/a_b_sum.npy"},
            {"name": "difference", "type": "float", "shape": [3, 2], "file": f"{out}/difference.npy"}])
        self.assertGreater(said["load_s"], 0)
        self.assertGreater(said["run_s"], 0)

    def test_shown(self):
        text = self.good("predict", "-m", self.model, "--in", self.a, "--in", self.b)
        self.assertEqual(text, '"a/b sum": float [3, 2]: 11 22 33 44 55 66\n'
                               '"difference": float [3, 2]: -9 -18 -27 -36 -45 -54\n')

    def test_errors(self):
        a, b, m = self.a, self.b, self.model
        wide = self.save("wide", numpy.zeros((3, 3), "float32"))
        text = self.save("text", numpy.array([["a", "b"]]))
        double = self.save("double", numpy.zeros((3, 2)))
        for says, words in (("'b' is missing", ("-m", m, "--in", a)),
                            ("all are given", ("-m", m, "--in", a, "--in", b, "--in", a)),
                            ("no input 'c'; there are: a, b", ("-m", m, "--in", f"c={a}")),
                            ("given twice", ("-m", m, "--in", f"a={a}", "--in", f"a={a}")),
                            (r"'b' has the shape \[3, 3\], not \[n, 2\]", ("-m", m, "--in", a, "--in", wide)),
                            ("'b' is string, not float", ("-m", m, "--in", a, "--in", text)),
                            ("'b' is double, not float", ("-m", m, "--in", a, "--in", double)),
                            ("no output 'z'; there are: a/b sum, difference",
                             ("-m", m, "--in", a, "--in", b, "--outputs", "z")),
                            (r"\(onnx\) cannot explain its predictions: only trees can",
                             ("-m", m, "--in", a, "--in", b, "--outputs", "contributions")),
                            ("nothing.npy", ("-m", m, "--in", self.folder / "nothing.npy")),
                            ("not a NumPy array", ("-m", m, "--in", m)),
                            ("nothing.onnx", ("-m", self.folder / "nothing.onnx", "--in", a)),
                            ("neither ONNX", ("-m", a, "--in", a)),
                            ("Not a directory|File exists", ("-m", m, "--in", a, "--in", b, "--out-dir", a))):
            with self.subTest(says):
                self.bad(EXIT_FAILURE, says, "predict", *words)
        self.bad(EXIT_USAGE, "name a model", "predict", "--in", a)
        self.bad(EXIT_USAGE, "--csv", "predict", "-m", m, "--csv", a, "--in", a)
        self.bad(EXIT_USAGE, "--csv", "predict", "-m", m, "--in", a, "--keep", "x")

    def test_names_that_would_be_one_file(self):
        model = self.write("same.onnx", tiny.model(
            [tiny.port("x", "float32", [2])], [tiny.node("Identity", ["x"], [n]) for n in ("a/b", "a:b")],
            [tiny.port(n, "float32", [2]) for n in ("a/b", "a:b")]))
        x = self.save("x", numpy.zeros(2, "float32"))
        self.bad(EXIT_FAILURE, "one file", "predict", "-m", model, "--in", x, "--out-dir", self.folder / "same")
        self.good("predict", "-m", model, "--in", x, "--out-dir", self.folder / "same", "--outputs", "a:b")


    def test_bench(self):
        said = json.loads(self.good("bench", "-m", self.model, "--batch", "1,5", "-t", "1,2", "-r", 2, "--json"))
        self.assertEqual((said["kind"], said["model"]), ("onnx", str(self.model)))
        self.assertGreater(said["load_s"], 0)
        self.assertEqual([(row["batch"], row["threads"]) for row in said["rows"]], [(1, 1), (5, 1), (1, 2), (5, 2)])
        for row in said["rows"]:
            self.assertLessEqual(row["fastest_s"], row["seconds"])
            self.assertLessEqual(row["seconds"], row["slowest_s"])
            self.assertAlmostEqual(row["rows_per_s"] * row["seconds"] / row["batch"], 1, 6)
        text = self.good("bench", "-m", self.model, "--batch", 3, "-t", 1, "-r", 1)
        self.assertRegex(text.splitlines()[-1], r"^ +3 +1 ")

    def test_bench_sizes_that_vary(self):
        model = self.write("vary.onnx", tiny.identity(["int64"], ["rows", "length", 2]))
        self.good("bench", "-m", model, "-t", 1, "-r", 1, "--dim", "other=1,length=5")
        fixed = self.write("fixed.onnx", tiny.identity(["float32"], [4, 2]))
        self.bad(EXIT_FAILURE, "made for 4 rows, not 1", "bench", "-m", fixed, "-t", 1, "--json")
        self.good("bench", "-m", fixed, "--batch", 4, "-t", 1, "-r", 1)

    def test_inspect(self):
        said = json.loads(self.good("inspect", "--json", self.model))
        self.assertEqual(said["inputs"], [{"name": n, "type": "float", "shape": ["n", 2]} for n in "ab"])
        self.assertEqual([p["name"] for p in said["outputs"]], ["a/b sum", "difference"])
        text = self.good("inspect", self.model)
        self.assertIn('"a": float [n, 2]', text)
        self.assertIn('"a/b sum": float [n, 2]', text)

    def test_features_and_forests_may_be_stacked(self):
        """Operators of ai.onnx.ml treat each row of a table for itself; a list is one row to them."""
        def apart(nodes, outputs, shape=("n", 2)):
            path = self.write("ml.onnx", onnx_io.model(onnx_io.graph(
                nodes, [onnx_io.value("x", onnx_io.FLOAT, shape)], [onnx_io.value(o, onnx_io.FLOAT) for o in outputs],
                [onnx_io.ints("at", [1], [1])]), opset=15, domains=[("ai.onnx.ml", 3)]))
            return "rows are independent" in self.good("inspect", path)

        tree = {"nodes_treeids": [0] * 3, "nodes_nodeids": [0, 1, 2], "nodes_featureids": [0] * 3,
                "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"], "nodes_values": [0.5, 0.0, 0.0],
                "nodes_truenodeids": [1, 0, 0], "nodes_falsenodeids": [2, 0, 0]}
        votes = {f"class_{what}": [0, 0] for what in ("treeids", "ids")}
        votes |= {"class_nodeids": [1, 2], "class_weights": [0.25, 0.75]}
        labels = {"classlabels_strings": ["no", "yes"]}
        forest = tiny.ml("TreeEnsembleClassifier", ["h"], ["label", "p"], **tree, **votes, **labels)
        scaler = tiny.ml("Scaler", ["x"], ["h"], offset=[0.0], scale=[2.0])
        forest = [scaler, forest, tiny.ml("ZipMap", ["p"], ["named"], **labels)]
        self.assertTrue(apart(forest, ["label", "named"]))
        # As exporters write it: a sequence of maps from texts to floats.
        rows = onnx_io.map_type(onnx_io.STRING, onnx_io.FLOAT)
        path = self.write("maps.onnx", onnx_io.model(onnx_io.graph(
            forest, [onnx_io.value("x", onnx_io.FLOAT, ("n", 2))],
            [onnx_io.value("label", onnx_io.STRING, ("n",)),
             onnx_io.value("named", onnx_io.field(4, onnx_io.field(1, rows)))]),
            opset=15, domains=[("ai.onnx.ml", 3)]))
        self.assertIn('"named": float [n, 2]', self.good("inspect", path))
        out = self.folder / "maps"
        self.good("predict", "-m", path, "--in", self.a, "--out-dir", out)
        numpy.testing.assert_array_equal(numpy.load(out / "label.npy"), ["yes"] * 3)
        numpy.testing.assert_array_equal(numpy.load(out / "named.npy"), [[0.25, 0.75]] * 3)
        self.assertTrue(apart([scaler, tiny.ml("LabelEncoder", ["h"], ["y"], keys_floats=[1.0], values_floats=[2.0])], ["y"]))
        # With a list, the whole of it would be one row.
        for nodes in ([scaler], [tiny.ml("Normalizer", ["x"], ["h"])], [tiny.ml("FeatureVectorizer", ["x", "x"], ["h"])],
                      [tiny.ml("ArrayFeatureExtractor", ["x", "at"], ["h"])]):
            self.assertTrue(apart(nodes, ["h"]))
            self.assertFalse(apart(nodes, ["h"], ("n",)))


class Categories(Program):
    """Columns of categories that the file names."""

    def run_csv(self, model, text, *words):
        return self.hence("predict", "-m", model, "--csv", "-", *words, stdin=text)

    def values(self, model, text):
        done = self.run_csv(model, text)
        self.assertEqual(done.returncode, 0, done.stderr)
        head, *rows = done.stdout.decode().split()
        return [float(row) for row in rows]

    def write_json(self, name, model):
        return self.write(name, json.dumps(model).encode())

    def test_lightgbm(self):
        model = self.write("named.txt", named.lightgbm().encode())
        self.assertEqual(self.values(model, "city,age,size\nBern,9,20\nChur,9,10\nZug,9,\nChur,31,20.0\n"),
                         [101, 202, 201, 103])
        # What is missing may be said, unless it is a name.
        self.assertEqual(self.values(model, "city,age,size\nNA,9,NA\n"), [202])
        # Codes where names are texts, the names themselves where they are numbers; what is neither is missing.
        self.assertEqual(self.values(model, "city,age,size\n0,9,0\n1,9,1\n2,31,30\nBasel,31,x\n,31,nan\n"),
                         [201, 202, 201, 203, 203])
        said = json.loads(self.good("inspect", "--json", model))
        self.assertEqual(said["categories"], {"city": ["Bern", "Chur", "Zug"], "size": [10, 20]})
        self.assertIn('"city" (3 categories) "age" "size" (2 categories)', self.good("inspect", model))
        # Texts that read like numbers are names, whatever they look like.
        model = self.write("digits.txt", named.lightgbm([["2", "x", "0"], [True, False]]).encode())
        self.assertEqual(self.values(model, "city,size\n2,True\n0,false\n1,0\nx,1\n"), [201, 101, 102, 202])

    def test_which_columns_of_lightgbm(self):
        known, unknown = "city,size\nBern,20\n", "no category|of numbers|no number"
        for parameter in ("0,2", "", None, "name:city,size", "0,1", "2,0", "0", "9,9"):
            model = self.write("which.txt", named.lightgbm(parameter=parameter).encode())
            if parameter == "0,1":  # An age is no category, and says so.
                self.assertRegex(self.run_csv(model, known).stderr.decode(), unknown)
            else:
                self.assertEqual(self.values(model, known), [101], parameter)
        # Lists that are not those of the features, too many, too few, too short, name nothing.
        for categories in (None, [], [["Bern"]], [["a"], ["b"], ["c"]], [["Bern", "Chur"], [10, 20]],
                           [["Bern", 1, None], ["a", "b"]], [["Bern", "Chur", "Zug"], [10]]):
            model = self.write("which.txt", named.lightgbm(categories).encode())
            self.assertRegex(self.run_csv(model, known).stderr.decode(), unknown)
            self.assertEqual(self.values(model, "city,size\n1,1\n"), [102])

    def test_broken_lightgbm(self):
        for what, says in (("[[1,", "pandas_categorical"), ("7", "list of lists"), ("[7]", "list of lists"),
                           ('["x"]', "list of lists"), ("{}", "list of lists"), ("[[]] x", "pandas_categorical")):
            model = self.write("broken.txt", named.LIGHTGBM.replace("CATEGORIES", what).encode())
            self.bad(EXIT_FAILURE, says, "inspect", model)

    def test_xgboost(self):
        model = self.write_json("named.json", named.xgboost())
        self.assertEqual(self.values(model, "city,size\nZürich,-20\nChur,10\nZug,\n,10\n"), [101, 202, 201, 202])
        self.assertEqual(self.values(model, "city,size\n0,10\n1,10\n7,-20\n"), [201, 202, 102])
        # XGBoost refuses what it has not seen.
        for text, says in (("city\nBasel\n", "line 2: the column 'city' has no category 'Basel'; it has: Zürich, Chur"),
                           ("size\n1\n", "'size' has no category '1'; it has: 10, -20"),
                           ("size\nbig\n", "'size' has no category 'big'")):
            done = self.run_csv(model, text)
            self.assertEqual((done.returncode, done.stdout), (EXIT_FAILURE, b""))
            self.assertIn(says, done.stderr.decode())
        self.assertEqual(self.run_csv(model, "city,age,size\n").stdout, b"predictions\n")
        said = json.loads(self.good("inspect", "--json", model))
        self.assertEqual(said["categories"], {"city": ["Zürich", "Chur", "Zug"], "size": [10, -20]})
        # Without a table of names, and with none in it.
        for cats in ([], [named.texts()] * 3):
            model = self.write_json("plain.json", named.xgboost(cats))
            self.assertEqual(self.values(model, "city,size\n0,1\n"), [101])
            self.assertIn("no number", self.run_csv(model, "city\nChur\n").stderr.decode())
        # UBJSON has no unsigned integers of 16 bits: their bits are those of signed ones.
        model = self.write("named.ubj", make_seeds.ubjson(named.xgboost([
            {"offsets": ("l", [0, 1, 3]), "values": ("i", [97, -61, -68])}, named.texts(),
            {"type": 12, "values": ("I", [7, -2])}])))
        self.assertEqual(self.values(model, "city,size\nü,65534\na,7\n"), [102, 201])
        # Integers that are no doubles have no names here.
        model = self.write_json("wide.json", named.xgboost([named.texts()] * 2 + [{"type": 15, "values": [2**53 + 2, 1]}]))
        self.assertEqual(self.values(model, "city,size\n0,1\n"), [101])

    def test_broken_xgboost(self):
        good = named.texts("a", "bc")
        for column in ({**good, "offsets": [0, 2, 1]}, {**good, "offsets": [0, 1, 4]}, {**good, "offsets": [-1, 1, 3]},
                       {**good, "offsets": [0, 0.5, 3]}, {**good, "offsets": ["0", "x", 3]}, {**good, "values": [256, 1, 1]},
                       {**good, "values": "abc"}, {"offsets": [0, 1]}, {"values": []}, {"type": "x", "values": []},
                       {"type": 15, "values": [0.5]}, {"type": 15, "values": ["a"]}, {"type": 15}, 3, []):
            model = self.write_json("broken.json", named.xgboost([column, named.texts(), named.texts()]))
            self.bad(EXIT_FAILURE, "cats: ", "inspect", model)
        for enc in ([named.texts()] * 2, [1, 2, 3]):
            self.bad(EXIT_FAILURE, "cats: enc", "inspect", self.write_json("broken.json", named.xgboost(enc)))


class Tables(Program):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.matrix = cls.folder / "matrix.onnx"
        cls.matrix.write_bytes(tiny.model(
            [tiny.port("x", "float32", ["n", 3])], [tiny.node("Add", ["x", "x"], ["twice"])],
            [tiny.port("twice", "float32", ["n", 3])]))
        cls.columns = cls.folder / "columns.onnx"
        names = {"age": "float32", "city": "object", "n": "int64"}
        cls.columns.write_bytes(tiny.model(
            [tiny.port(n, t, ["rows", 1]) for n, t in names.items()],
            [tiny.node("Identity", [n], [n + " out"]) for n in names],
            [tiny.port(n + " out", t, ["rows", 1]) for n, t in names.items()]))

    def table(self, model, text, *words):
        return list(csv.reader(io.StringIO(self.good("predict", "-m", model, "--csv", "-", *words, stdin=text))))

    def test_columns_of_a_matrix(self):
        self.assertEqual(self.table(self.matrix, "f2,f0,f1\n3,1,2\r\n\n30,10.5,\n"),
                         [["twice_0", "twice_1", "twice_2"], ["2", "4", "6"], ["21", "nan", "60"]])
        # A column that is not there is missing; what is to be kept goes along.
        self.assertEqual(self.table(self.matrix, '\ufeffid,f0\n"a, ""b""",1\n', "--keep", "id"),
                         [["id", "twice_0", "twice_1", "twice_2"], ['a, "b"', "2", "nan", "nan"]])

    def test_classes_of_graphs(self):
        """What scikit-learn's exporters write: with and without maps, labels that are texts and numbers."""
        table = "f1,f0\n0,0\n0,-100\n"
        for labels, zipped, says in ((("no", "yes"), True, ["label", "named_no", "named_yes"]),
                                     ((3, 7), True, ["label", "named_3", "named_7"]),
                                     (("no", "yes"), False, ["label", "p_no", "p_yes"])):
            path = self.write("classifier.onnx", tiny.classifier(labels, zipped))
            label = str(labels[0])
            self.assertEqual(self.table(path, table), [says, [label, "0.5", "0.5"], [label, "1", "0"]])
            ports = json.loads(self.good("inspect", path, "--json"))["outputs"]
            self.assertEqual(ports[1], {"name": says[1].split("_")[0], "type": "float", "shape": ["n", 2],
                                        "labels": [str(label) for label in labels]})
            self.assertNotIn("labels", ports[0])

    def test_maps_come_as_tables(self):
        path = self.write("words.onnx", tiny.of_maps())
        self.assertEqual(json.loads(self.good("inspect", path, "--json"))["inputs"],
                         [{"name": "m", "type": "float", "shape": [None, 2], "labels": ["apple", "pear"],
                           "keyed": True}])
        self.assertEqual(self.table(path, "pear\n2\n"), [["y_0", "y_1"], ["0", "2"]])
        told = self.hence("predict", "-m", path, "--csv", "-", stdin=b"pear\n2\n").stderr
        self.assertEqual(told, b"")  # nothing is missing
        # Integers and texts: what a row lacks is 0, and a text without letters.
        self.assertEqual(self.table(self.write("words.onnx", tiny.of_maps(kind="int64")), "pear\n2\n")[1], ["0", "2"])
        self.assertEqual(self.table(self.write("words.onnx", tiny.of_maps(kind="object")), "pear\n2\n")[1], ["", "2"])
        cast = lambda **kept: self.write("cast.onnx", tiny.of_maps(  # noqa: E731
            nodes=[tiny.ml("CastMap", ["m"], ["y"], cast_to="TO_STRING", **kept)], keys="int64"))
        self.assertEqual(self.table(cast(map_form="SPARSE", max_map=3), "2,0\n1.5,1\n"),
                         [["y_0", "y_1", "y_2"], ["1", "0", "1.5"]])
        self.bad(EXIT_FAILURE, "takes no table", "predict", "-m", cast(), "--csv", self.folder / "cast.onnx")
        m = self.folder / "m.npy"
        numpy.save(m, numpy.array([[1.5, 2]], "float32"))
        self.good("predict", "-m", self.folder / "cast.onnx", "--in", m, "--out-dir", self.folder / "cast")
        self.assertEqual(numpy.load(self.folder / "cast" / "y.npy").tolist(), [["1.5", "2"]])

    def test_maps_elsewhere(self):
        words = [tiny.ml("DictVectorizer", ["m"], ["y"], string_vocabulary=["a"])]
        for says, model in (("different keys", tiny.of_maps(nodes=words + [
                tiny.ml("DictVectorizer", ["m"], ["z"], string_vocabulary=["b"])], outputs="yz")),
                            ("neither DictVectorizer", tiny.of_maps(nodes=[tiny.node("Identity", ["m"], ["y"])])),
                            ("an input of the model", tiny.of_maps(nodes=[tiny.node("Identity", ["m"], ["i"])] + words + [
                                tiny.ml("DictVectorizer", ["i"], ["z"], string_vocabulary=["a"])], outputs="yz")),
                            ("1099511627776 keys", tiny.of_maps(keys="int64", nodes=[
                                tiny.ml("CastMap", ["m"], ["y"], map_form="SPARSE", max_map=1 << 40)]))):
            with self.subTest(says):
                self.bad(EXIT_FAILURE, says, "inspect", self.write("elsewhere.onnx", model))

    def test_classes(self):
        segments = program.ROOT / "models" / "starter-segments.json"
        head, *rows = self.table(segments, "id,age,visits\na,41,12\nb,,3\n", "--keep", "id")
        self.assertEqual(head[:2], ["id", "label"])
        for row in rows:
            numbers = [float(cell) for cell in row[2:]]
            self.assertEqual("predictions_" + row[1], head[2 + numbers.index(max(numbers))])
        why = self.table(segments, "age\n41\n", "--outputs", "contributions")[0]
        self.assertEqual(len(why), 9 * 26)
        self.assertEqual([why[0], why[25], why[-1]], ["contributions_alpinists_age", "contributions_alpinists_bias",
                                                      "contributions_winter campers_bias"])

    def test_a_head_without_rows(self):
        segments = program.ROOT / "models" / "starter-segments.json"
        for model, head, *words in ((self.matrix, "f1,f0"), (self.columns, "n,city,age"),
                                    (segments, "id,age", "--keep", "id"),
                                    (segments, "age", "--outputs", "contributions,leaf")):
            full = self.table(model, head + "\n" + ",".join("1" for _ in head.split(",")) + "\n", *words)
            self.assertEqual(self.table(model, head + "\n", *words), full[:1])

    def test_columns_that_are_inputs(self):
        self.assertEqual(self.table(self.columns, 'n,city,age\n5,"New\nYork",0.1\n-7,,\n'),
                         [["age out", "city out", "n out"], ["0.1", "New\nYork", "5"], ["nan", "", "-7"]])

    def test_values_as_others_write_them(self):
        big = 2**53 + 1  # no double
        self.assertEqual(self.table(self.columns, f"n,city,age\n{big},x,True\n{-big},x,false\n1.0,x,-0\n"
                                                  f"{-2**63},x,nan\n"),
                         [["age out", "city out", "n out"], ["1", "x", str(big)], ["0", "x", str(-big)],
                          ["-0", "x", "1"], ["nan", "x", str(-2**63)]])

    def test_many_rows(self):
        n = 40000
        text = "f0,f1,f2\n" + "".join(f"{i},{i + 0.5},{-i}\n" for i in range(n))
        path = self.write("many.csv", text)
        out = self.folder / "many-out.csv"
        said = json.loads(self.good("predict", "-m", self.matrix, "--csv", path, "--out", out, "--json"))
        self.assertEqual(said["rows"], n)
        got = numpy.loadtxt(out, delimiter=",", skiprows=1)
        numpy.testing.assert_array_equal(got, [[2 * i, 2 * i + 1, -2 * i] for i in range(n)])

    def test_several_inputs(self):
        model = self.write("several.onnx", tiny.model(
            [tiny.port("x", "float32", ["n", 2]), tiny.port("k", "int64", ["n", 3]), tiny.port("z", "float32", ["n"])],
            [tiny.node("Identity", [n], [n.upper()]) for n in "xkz"],
            [tiny.port("X", "float32", ["n", 2]), tiny.port("K", "int64", ["n", 3]), tiny.port("Z", "float32", ["n"])]))
        self.assertEqual(self.table(model, "k_2,k_0,k_1,x_1,z\n7,8,9,0.5,1\n-7,-8,-9,,2\n"),
                         [["X_0", "X_1", "K_0", "K_1", "K_2", "Z"], ["nan", "0.5", "8", "9", "7", "1"],
                          ["nan", "nan", "-8", "-9", "-7", "2"]])
        done = self.hence("predict", "-m", model, "--csv", "-", stdin="x,k_0\n1,2\n")
        self.assertIn("it has: x_0, x_1, k_0, k_1, k_2, z", done.stderr.decode())
        done = self.hence("predict", "-m", model, "--csv", "-", stdin="x_0,k_0,k_1\n1,2,3\n")
        self.assertIn("line 2: it lacks the column 'k_2'", done.stderr.decode())

    def test_names_with_blanks(self):
        """LightGBM writes underlines for them."""
        text = named.lightgbm().replace("city age size", "home_city age shoe_size")
        model = self.write("blanks.txt", text.encode())
        for head in ("home city,shoe_size", "home_city,shoe size"):
            self.assertEqual(self.table(model, head + "\nBern,20\n"), [["predictions"], ["101"]])

    def test_what_is_missing(self):
        self.assertEqual(self.table(self.matrix, "f0,f1,f2\nNA,n/a,NULL\nnone,NaN,1\n"),
                         [["twice_0", "twice_1", "twice_2"], ["nan"] * 3, ["nan", "nan", "2"]])
        self.assertEqual(self.table(self.columns, "n,city,age\n1,NA,NA\n")[1], ["nan", "NA", "1"])

    def test_errors(self):
        for says, model, text in (("no column 'age'.*it has: f0, f1, f2", self.matrix, "f0,age\n1,2\n"),
                                  ("there twice", self.matrix, "f0,f0\n1,2\n"),
                                  ("standard input: line 3: column 'f1': 'x' is no number", self.matrix, "f0,f1\n1,2\n1,x\n"),
                                  ("line 2: 3 cells, where there are 2", self.matrix, "f0,f1\n1,2,3\n"),
                                  ("quote is not closed", self.matrix, 'f0,f1\n1,"2\n'),
                                  ("closing quote", self.matrix, 'f0,f1\n1,"2"3\n'),
                                  ("begins with names", self.matrix, ""),
                                  ("line 2: it lacks the column 'n'", self.columns, "age,city\n1,a\n"),
                                  ("line 4: it lacks the column 'n'", self.columns, 'age,city,n\n1,"a\nb",1\n2,a,\n'),
                                  (f"int64, which {2**63} is not", self.columns, f"age,city,n\n1,a,{2**63}\n"),
                                  ("int64, which 9.22337e.18 is not", self.columns, "age,city,n\n1,a,9223372036854775808e0\n"),
                                  ("int64, which 0.5 is not", self.columns, "age,city,n\n1,a,0.5\n")):
            with self.subTest(says):
                done = self.hence("predict", "-m", model, "--csv", "-", stdin=text)
                self.assertEqual((done.returncode, done.stdout), (EXIT_FAILURE, b""))
                self.assertRegex(done.stderr.decode(), says)


if __name__ == "__main__":
    program.main()
