#!/usr/bin/env python3
"""hence recommend: folders of all kinds, and what is shown of them."""

import json
import subprocess
import sys

import program
from program import EXIT_FAILURE, EXIT_USAGE, Program

import numpy

sys.path.insert(0, str(program.ROOT / "tests" / "onnx"))
import tiny_shop as shop  # noqa: E402
sys.path.insert(0, str(program.ROOT / "tools" / "starter"))
import evaluate_recommender as evaluate  # noqa: E402

STARTER = program.ROOT / "models" / "starter-recommender"


class Recommend(Program):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.shop = shop.write(cls.folder / "shop")

    def ids(self, *words, model=None):
        answer = json.loads(self.good("recommend", "-m", model or self.shop, "--json", *words))
        return " ".join(row["id"] for row in answer["data"])

    def test_text(self):
        text = self.good("recommend", "-m", self.shop, "--events", "a,none", "-k", "2", "--why")
        self.assertEqual(text, "by what is like what was looked at\n"
                               "  1     0.9000  b                 tent  200.00  (not available)  like a\n"
                               "  2     0.8000  c                 tent, sale  300.00  like a\n"
                               "     there is no item none\n")
        self.assertRegex(self.good("recommend", "-m", self.shop), "^by popularity\n  1    60.0000  d ")

    def test_options(self):
        self.assertEqual(self.ids("--events", "a", "--keep-seen"), "a b c f d e")
        self.assertEqual(self.ids("--events", "a", "--available"), "c f d e")
        self.assertEqual(self.ids("--events", "a", "--category", "stove,sale"), "c d e")
        self.assertEqual(self.ids("--events", "a", "--price-min", "100", "--price-max", "300"), "b c")
        self.assertEqual(self.ids("--events", "a", "--exclude", "b,f", "-k", "2"), "c d")
        self.assertEqual(self.ids("--events", "a:cart,d"), "f b c e")
        self.assertEqual(self.ids("--events", "a,d:cart"), "e f c b")
        self.assertEqual(self.ids("--events", "a", "-k", "2", "--diversity", "1", "--keep-seen"), "a d")

    def test_session_model(self):
        for label, table in (("vectors", numpy.vstack([[[0, 0]], shop.VECTORS[::-1]])),
                             ("scores", numpy.vstack([[[0] * 7], numpy.eye(6, 7, 1)[::-1]]))):
            folder = shop.write(self.folder / label, session={"model": "s.onnx", "length": shop.LENGTH})
            (folder / "s.onnx").write_bytes(shop.session(table.astype("float32")))
            # What comes after an item is the one at the other end of the catalogue.
            answer = json.loads(self.good("recommend", "-m", folder, "--json", "-e", "a,b,c,d,none,e", "-k", "1"))
            self.assertEqual((answer["by"], answer["known_events"]), ("session", 5))
            self.assertEqual(self.ids("-e", "a,f", "-k", "1", "--keep-seen", model=folder), "a")
            self.assertEqual(json.loads(self.good("recommend", "-m", folder, "--json"))["by"], "popularity")

    def test_ranker(self):
        folder = shop.write(self.folder / "ranked", ranker={
            "model": "r.onnx", "features": ["score", "user.likes_cheap", "item.stock", "seen", "events"]})
        (folder / "r.onnx").write_bytes(shop.ranker([-1, 0, 100, 0, 0.5]))
        body = {"events": ["a"], "user": {"likes_cheap": 1}, "k": 3, "why": True,
                "filters": {"include": ["a", "c", "d", "e"], "exclude_seen": False}}
        path = self.write("requests.jsonl", json.dumps(body) + "\n\n" + json.dumps({**body, "k": 1}) + "\n")
        lines = [json.loads(line) for line in
                 self.good("recommend", "-m", folder, "--requests", path).splitlines()]
        self.assertEqual([[row["id"] for row in line["data"]] for line in lines], [["d", "c", "e"], ["d"]])
        numpy.testing.assert_allclose([row["score"] for row in lines[0]["data"]],
                                      [300.5, 200.5 - 0.8, 100.5], rtol=1e-6)
        self.assertEqual(lines[0]["data"][0]["why"]["retrieval_score"], 0)

    def test_catalogue_as_csv(self):
        folder = shop.write(self.folder / "csv", catalogue="items.csv")
        (folder / "items.csv").write_text("id,kind,price,stock,views\n" + "".join(
            f"{id},{kind},10,1,{views}\n" for id, kind, views in
            zip("abcdef", ["tent", "tent|sale", "tent", "stove", "stove", "set"], range(6))))
        self.assertEqual(self.ids("--events", "a", "--category", "sale", model=folder), "b")

    def test_files_of_vectors(self):
        want = self.ids("--events", "a")
        files = {"v.npy": shop.VECTORS.astype("float64"), "half.npy": shop.VECTORS.astype("float16"),
                 "wrong.npy": shop.VECTORS.astype("int64"), "deep.npy": shop.VECTORS[None],
                 "flat.npy": shop.VECTORS.ravel(), "few.npy": shop.VECTORS[:5], "none.npy": shop.VECTORS[:, :0],
                 "columns.npy": numpy.asfortranarray(shop.VECTORS), "swapped.npy": shop.VECTORS.astype(">f4"),
                 "nan.npy": numpy.where(shop.VECTORS == numpy.float32(0.8), numpy.nan, shop.VECTORS),
                 "big.npy": shop.VECTORS.astype("float64") * 1e300}
        folder = shop.write(self.folder / "files")
        for name, array in files.items():
            numpy.save(folder / name, array)
        plain = (folder / "vectors.npy").read_bytes()
        (folder / "cut.npy").write_bytes(plain[:-1])
        (folder / "text.npy").write_text("id,price\n")
        (folder / "empty.npy").write_text("")
        for name, tensors in (("f32", {"x": ("F32", shop.VECTORS)}), ("f16", {"x": ("F16", files["half.npy"])}),
                              ("two", {"x": ("F32", shop.VECTORS), "y": ("F32", shop.VECTORS[::-1])}),
                              ("i64", {"x": ("I64", files["wrong.npy"])}), ("row", {"x": ("F32", shop.VECTORS[0])})):
            shop.safetensors(folder / f"{name}.safetensors", tensors)

        def told(**more):
            shop.write(folder, **more)
            return self.ids("--events", "a", model=folder)
        for more in ({"vectors": "v.npy"}, {"vectors": "half.npy"}, {"vectors": "f32.safetensors"},
                     {"vectors": "f16.safetensors"}, {"vectors": "two.safetensors", "tensor": "x"}):
            self.assertEqual(told(**more), want, more)
        told(vectors="two.safetensors", tensor="y")
        self.assertEqual(self.ids("--events", "f", "-k", "3", model=folder), "e d a")
        for more, says in (
                ({"vectors": "wrong.npy"}, r"wrong.npy: NumPy's 'i8' \[6\]\[2\], and vectors are"),
                ({"vectors": "deep.npy"}, r"deep.npy: NumPy's 'f4' \[1\]\[6\]\[2\], and"),
                ({"vectors": "flat.npy"}, r"flat.npy: NumPy's 'f4' \[12\], and"),
                ({"vectors": "few.npy"}, "few.npy: 5 rows for the 6 items of the catalogue"),
                ({"vectors": "none.npy"}, "none.npy: vectors of 0 elements; 1 to 4096 are possible"),
                ({"vectors": "columns.npy"}, "columns.npy: an array in Fortran order"),
                ({"vectors": "swapped.npy"}, "swapped.npy: its elements are no little-endian floats"),
                ({"vectors": "nan.npy"}, "nan.npy: row 2 .from 0.: element 0 is no number"),
                ({"vectors": "big.npy"}, "big.npy: row 0 .from 0.: element 0 is no number"),
                ({"vectors": "cut.npy"}, "cut.npy: 12 elements of 4 bytes, but 47 bytes are there"),
                ({"vectors": "text.npy"}, "text.npy: not a NumPy array"),
                ({"vectors": "empty.npy"}, "empty.npy: not a NumPy array"),
                ({"vectors": "missing.npy"}, "missing.npy: cannot open: No such file"),
                ({"vectors": "vectors.npz"}, "vectors.npz: cannot open"),
                ({"vectors": "two.safetensors"}, "two.safetensors: 'tensor' has to name one of its tensors .x, y."),
                ({"vectors": "f32.safetensors", "tensor": "z"}, "one of its tensors, and not 'z' .x."),
                ({"vectors": "i64.safetensors"}, r"i64.safetensors: I64 \[6\]\[2\], and vectors are"),
                ({"vectors": "row.safetensors"}, r"row.safetensors: F32 \[2\], and vectors are")):
            shop.write(folder, **more)
            self.bad(EXIT_FAILURE, says, "recommend", "-m", folder)

    def test_starter_has_the_catalogue(self):
        with open(STARTER / "items.jsonl") as kept, open(program.ROOT / "models/catalogue.jsonl") as products:
            for item, product in zip(map(json.loads, kept), map(json.loads, products), strict=True):
                self.assertGreater(item.pop("popularity"), 0)
                self.assertEqual(item, {key: product[key] for key in item})

    def test_starter_beats_popularity(self):
        # Customers of another seed, whom the model never met.
        visits = self.folder / "visits"
        subprocess.run([sys.executable, program.ROOT / "tools/starter/customers.py", "--out", visits, "--seed", "2",
                        "--customers", "400"], check=True)
        asked, right = zip(*evaluate.requests_of(visits))
        popular = evaluate.score(program.HENCE, STARTER, [{**r, "events": []} for r in asked], right)
        found = evaluate.score(program.HENCE, STARTER, asked, right)
        self.assertGreater(len(right), 100)
        self.assertGreater(found[0], 1.5 * popular[0])
        self.assertGreater(found[1], 1.5 * popular[1])

    def test_errors(self):
        self.bad(EXIT_USAGE, "-m names the recommender's folder", "recommend")
        self.bad(EXIT_USAGE, "-k 0: give a number", "recommend", "-m", self.shop, "-k", "0")
        self.bad(EXIT_FAILURE, "recommender.json", "recommend", "-m", self.folder)
        path = self.write("wrong.jsonl", '{"k": 1}\n{"k": "x"}\n')
        done = self.hence("recommend", "-m", self.shop, "--requests", path)
        self.assertEqual(done.returncode, EXIT_FAILURE)
        self.assertRegex(done.stderr.decode(), "wrong.jsonl: line 2: Invalid type for 'k'")
        folder = shop.write(self.folder / "wide", session={"model": "s.onnx", "length": shop.LENGTH})
        (folder / "s.onnx").write_bytes(shop.session(numpy.ones((7, 5), "float32")))
        self.bad(EXIT_FAILURE, "no 2 floats per visitor .a vector. nor 7", "recommend", "-m", folder, "-e", "a")


if __name__ == "__main__":
    program.main()
