#!/usr/bin/env python3
"""hence recommend: folders of all kinds, and what is shown of them."""

import json
import struct
import subprocess
import sys

import program
from program import EXIT_FAILURE, EXIT_USAGE, Program

import numpy

sys.path.insert(0, str(program.ROOT / "tests" / "onnx"))
import tiny_shop as shop  # noqa: E402
sys.path.insert(0, str(program.ROOT / "tools" / "starter"))
import evaluate_recommender as evaluate  # noqa: E402
import encoders  # noqa: E402
import gguf_io  # noqa: E402

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
        vectors = numpy.vstack([[[0, 0]], shop.VECTORS[::-1]])
        for label, table, form in (("vectors", vectors, "float32"), ("doubles", vectors, "float64"),
                                   ("scores", numpy.vstack([[[0] * 7], numpy.eye(6, 7, 1)[::-1]]), "float32")):
            folder = shop.write(self.folder / label, session={"model": "s.onnx", "length": shop.LENGTH})
            (folder / "s.onnx").write_bytes(
                shop.session(table.astype(form), "int32" if form == "float64" else "int64"))
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

    def with_visits(self, name, rows, **more):
        folder = shop.write(self.folder / name, together={"file": "visits.csv"}, **more)
        (folder / "visits.csv").write_text("visit,item\n" + "".join(f"{visit},{item}\n" for visit, item in rows))
        return folder

    def test_exact_as_brute_force(self):
        """Every one of the best, under every filter, of more items than fit into a block of the search."""
        draw, n, dims, k = numpy.random.default_rng(5), 3000, 24, 40
        vectors = draw.standard_normal((n, dims)).astype("float32")
        price, stock = draw.integers(1, 500, n), draw.integers(0, 3, n)
        kind, tag = draw.integers(0, 9, n), draw.integers(0, 4, n)
        folder = self.folder / "many"
        folder.mkdir(exist_ok=True)
        (folder / "items.csv").write_text("id,kind,price,stock\n" + "".join(
            f"{i},k{kind[i]}|t{tag[i]},{price[i]},{stock[i]}\n" for i in range(n)))
        numpy.save(folder / "vectors.npy", vectors)
        (folder / "recommender.json").write_text(json.dumps({
            "catalogue": "items.csv", "vectors": "vectors.npy", "decay": 0.5,
            "fields": {"price": "price", "available": "stock", "categories": ["kind"]}}))
        asked, want = [], []
        for turn in range(60):
            events = draw.integers(0, n, 1 + turn % 4)
            filters, fits = {"exclude_seen": turn % 2 == 0}, numpy.ones(n, bool)
            if turn % 2 == 0:
                fits[events] = False
            if turn % 3 == 1:
                filters["available"] = True
                fits &= stock > 0
            if turn % 5 == 1:
                filters.update(price_min=100, price_max=300)
                fits &= (price >= 100) & (price <= 300)
            if turn % 7 >= 4:
                filters["category"] = ["k3", "t1", "none"]
                fits &= (kind == 3) | (tag == 1)
            if turn % 11 == 9:
                filters["exclude"] = [str(i) for i in range(0, n, 2)]
                fits[::2] = False
            weights = 0.5 ** numpy.arange(len(events))[::-1]
            mean = (weights @ vectors[events].astype(float) / weights.sum()).astype("float32").astype(float)
            scores = numpy.where(fits, vectors.astype(float) @ mean, -numpy.inf)
            asked.append({"events": [str(i) for i in events], "k": k, "filters": filters})
            want.append([str(i) for i in numpy.argsort(-scores)[:min(k, fits.sum())]])
        path = self.write("asked.jsonl", "".join(json.dumps(body) + "\n" for body in asked))
        for env in ({}, {"HENCE_CPU": "ref"}):
            lines = self.good("recommend", "-m", folder, "--requests", path, env=env).splitlines()
            for body, line, ids in zip(asked, lines, want, strict=True):
                self.assertEqual([row["id"] for row in json.loads(line)["data"]], ids, body)

    # Two visits with a and b, one of them with c, too; e alone, and twice, does not count.
    VISITS = ["1a", "1b", "2c", "3b", "2a", "2b", "3c", "4d", "4a", "5a", "5a", "6e", "6x"]

    def test_seen_together(self):
        folder = self.with_visits("visits", self.VISITS)
        plain = {key: value for key, value in shop.CONFIG.items() if key != "vectors"}
        (folder / "recommender.json").write_text(json.dumps({**plain, "together": {"file": "visits.csv"}}))
        near = {"ab": 2 / 8, "ad": 1 / (8 * 6) ** 0.5, "ac": 1 / (8 * 7) ** 0.5, "bc": 2 / (8 * 7) ** 0.5}

        def told(*words):
            answer = json.loads(self.good("recommend", "-m", folder, "--json", "--why", *words))
            self.assertEqual(answer["by"], "together")
            return ([(row["id"], row["why"].get("event", {}).get("id")) for row in answer["data"]],
                    [row["score"] for row in answer["data"]])
        ids, scores = told("-e", "a")
        self.assertEqual(ids, [("b", "a"), ("d", "a"), ("c", "a"), ("e", None), ("f", None)])
        numpy.testing.assert_allclose(scores, [near["ab"], near["ad"], near["ac"], 0, 0], rtol=1e-6)
        # What came last counts most; what weighs more, more.
        ids, scores = told("-e", "none,a,b", "-k", "2")
        self.assertEqual(ids, [("c", "b"), ("d", "a")])
        numpy.testing.assert_allclose(scores, [(near["bc"] + 0.8 * near["ac"]) / 1.8, 0.8 * near["ad"] / 1.8], rtol=1e-6)
        numpy.testing.assert_allclose(told("-e", "a:cart,b", "-k", "1")[1],
                                      [(near["bc"] + 3.2 * near["ac"]) / 4.2], rtol=1e-6)
        self.assertEqual(told("-e", "a", "--category", "stove", "--price-max", "50")[0], [("d", "a")])
        self.assertEqual(told("-e", "a", "--category", "set")[0], [("f", None)])
        self.assertRegex(self.good("recommend", "-m", folder, "-e", "a", "-k", "1", "--why"),
                         "by what others looked at in the same visit\n  1     0.2500  b .* like a\n")
        self.assertEqual(json.loads(self.good("recommend", "-m", folder, "--json", "-e", "e"))["by"], "popularity")
        # JSON Lines, in another order, with other names; numbers are names of visits, too.
        rows = [{"session": int(visit), "sku": item, "more": None} for visit, item in self.VISITS[::-1]]
        (folder / "v.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        (folder / "recommender.json").write_text(json.dumps(
            {**plain, "together": {"file": "v.jsonl", "visit": "session", "item": "sku"}}))
        self.assertEqual(told("-e", "none,a,b", "-k", "2")[0], [("c", "b"), ("d", "a")])
        # With vectors, those that were never seen together follow by them; without events, popularity.
        folder = self.with_visits("visits", self.VISITS)
        self.assertEqual(self.ids("-e", "a", model=folder), "b d c f e")
        self.assertEqual(self.ids("-k", "1", model=folder), "d")

    def test_seen_together_as_counted(self):
        draw, n = numpy.random.default_rng(3), 60
        visits = [draw.choice(n, draw.integers(1, 9), replace=False) for _ in range(400)]
        visits.append(numpy.arange(n))
        folder = self.with_visits("many", [(f"v{v}", i) for v, items in enumerate(visits) for i in items])
        (folder / "recommender.json").write_text(json.dumps(
            {"catalogue": "items.csv", "together": {"file": "visits.csv"}, "decay": 0.5}))
        (folder / "items.csv").write_text("id\n" + "".join(f"{i}\n" for i in range(n)))
        seen = numpy.array([[i in items for i in range(n)] for items in visits if len(items) > 1], float)
        both, each = seen.T @ seen, seen.sum(0) + 5
        near = both / numpy.sqrt(numpy.outer(each, each))
        for events in ([7], [3, 3, 9], list(range(20, 30))):
            weights = 0.5 ** numpy.arange(len(events))[::-1]
            want = weights @ near[events] / weights.sum()
            for i in set(events):  # of itself an item tells nothing
                want[i] = -1
            rows = json.loads(self.good("recommend", "-m", folder, "--json", "-k", "30", "-e",
                                        ",".join(map(str, events))))["data"]
            scores = [row["score"] for row in rows]
            numpy.testing.assert_allclose(scores, numpy.sort(want)[::-1][:30], rtol=1e-5)
            numpy.testing.assert_allclose(scores, [want[int(row["id"])] for row in rows], rtol=1e-5)

    def test_trees_rank(self):
        # Two trees by hand: the sum of their leaves, by the features in the order that the folder declares.
        features = ["price", "together", "item.stock", "user.member"]
        forest = [{"feature": 0, "below": 250, "yes": 1.0, "no": 3.0},
                  {"feature": 1, "below": 0.14, "yes": 0.25, "no": 0.75}]
        folder = self.with_visits("trees", self.VISITS, ranker={"model": "r.json", "features": features})
        # Price: a 100, b 200, c 300, d 40, e none, f 500; seen with a: b 0.25, c 0.134, d 0.144. A missing
        # price goes with the small ones.
        want = [("c", 3.25), ("f", 3.25), ("b", 1.75), ("d", 1.75), ("e", 1.25)]
        for missing, last in ((True, 1.25), (False, 3.25)):
            (folder / "r.json").write_text(json.dumps(shop.xgboost(forest, features, missing)))
            answer = json.loads(self.good("recommend", "-m", folder, "--json", "-e", "a", "--why"))
            got = [(row["id"], row["score"]) for row in answer["data"]]
            self.assertEqual(sorted(got), sorted(want[:4] + [("e", last)]))
            self.assertEqual([score for _, score in got], sorted((s for _, s in got), reverse=True))
            for row in answer["data"]:
                shares = row["why"]["contributions"]
                self.assertEqual(sorted(shares), sorted([*features, "base"]))
                self.assertAlmostEqual(sum(shares.values()), row["score"], places=5)
        # Of equals, the one that is more like what was looked at.
        self.assertEqual(self.ids("-e", "a", "-k", "2", model=folder), "c f")
        # LightGBM's text of the same; columns without names are taken as they come.
        (folder / "r.txt").write_text(shop.lightgbm(forest, len(features)))
        shop.write(folder, together={"file": "visits.csv"}, ranker={"model": "r.txt", "features": features})
        self.assertEqual(self.ids("-e", "a", "-k", "4", model=folder), "c f b d")
        # The model's own names in another order are an error.
        shop.write(folder, together={"file": "visits.csv"},
                   ranker={"model": "r.json", "features": ["together", "price", "item.stock", "user.member"]})
        self.bad(EXIT_FAILURE, "r.json: feature 1 is 'price' there, and 'together' in recommender.json", "recommend",
                 "-m", folder)
        shop.write(folder, ranker={"model": "r.json", "features": features[:3]})
        self.bad(EXIT_FAILURE, "'ranker.features' has 'together', and there are no past visits", "recommend", "-m",
                 folder)
        shop.write(folder, ranker={"model": "r.json", "features": features[:1]})
        self.bad(EXIT_FAILURE, "r.json: this wants 4 features, not 1", "recommend", "-m", folder)

    def test_wrong_visits(self):
        folder = self.with_visits("wrong-visits", self.VISITS)
        for text, says in (("session,item\n", "visits.csv: line 1: there is no column 'visit' .there are: session, item"),
                           ("visit,item\n1,a\n2\n", "visits.csv: line 3: 1 cells for 2 columns"),
                           ("visit,item\n,a\n", "visits.csv: line 2: 'visit' is no text")):
            (folder / "visits.csv").write_text(text)
            self.bad(EXIT_FAILURE, says, "recommend", "-m", folder)
        (folder / "visits.csv").write_text("")
        self.assertEqual(self.ids("-k", "1", model=folder), "d")

    def test_asked_of_other_commands(self):
        for command in (["run", "-p", "x"], ["inspect"], ["tokenize"]):
            self.bad(EXIT_FAILURE, "starter-recommender: a recommender, which hence recommend and hence serve take",
                     command[0], "-m", STARTER, *command[1:])
        self.bad(EXIT_FAILURE, "a model that predicts, which hence predict and hence serve take",
                 "run", "-m", program.ROOT / "models" / "starter-segments.json", "-p", "x")

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
        for config, model, says in (
                ({"session": {"model": "m", "length": 50}}, shop.session(shop.VECTORS),
                 r"m: its input 'items' is not \[any number\]\[50\]"),
                ({"session": {"model": "m", "length": shop.LENGTH}}, shop.session(shop.VECTORS, "float32"),
                 "m: its input 'items' is of float: lines of items are int64 or int32"),
                ({"session": {"model": "m", "length": shop.LENGTH, "output": "x"}}, shop.session(shop.VECTORS),
                 "m: this has no output 'x'"),
                ({"ranker": {"model": "m", "features": ["score", "price"]}}, shop.ranker([1, 2, 3]),
                 r"m: its input 'features' is not \[any number\]\[2\]"),
                ({"ranker": {"model": "m", "features": ["score"], "output": "x"}}, shop.ranker([1]),
                 "m: this has no output 'x'"),
                ({"ranker": {"model": "m", "features": ["score"]}}, b"x", "m: ")):
            other = shop.write(self.folder / "other", **config)
            (other / "m").write_bytes(model)
            self.bad(EXIT_FAILURE, says, "recommend", "-m", other)
        self.bad(EXIT_FAILURE, "no 2 floats per visitor .a vector. nor 7", "recommend", "-m", folder, "-e", "a")


class Texts(Program):
    """Items whose vectors an embedding model computes of their texts."""

    NAMES = {"a": "ba de fi", "b": "ba de fo", "c": "gu", "d": None, "e": "", "f": "gu ga"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        bert, ranker = encoders.FAMILIES["bert"], encoders.FAMILIES["bert-ranker"]
        encoders.write_directory(cls.folder / "bert", bert, encoders.make_weights(bert))
        gguf_io.write_gguf(cls.folder / "bert.gguf", encoders.gguf_meta(bert),
                           encoders.gguf_tensors(bert, encoders.make_weights(bert), "F32"))
        gguf_io.write_gguf(cls.folder / "ranker.gguf", encoders.gguf_meta(ranker),
                           encoders.gguf_tensors(ranker, encoders.make_weights(ranker), "F32"))

    def shop(self, name, model="bert", catalogue="items.csv", **more):
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        for at in ("bert", "bert.gguf", "ranker.gguf"):
            if not (folder / at).exists():
                (folder / at).symlink_to(self.folder / at)
        embedding = {"embedding": {"model": model, "text": ["name", "kinds", "size"], **more.pop("embedding", {})}}
        (folder / "recommender.json").write_text(json.dumps(
            {"catalogue": catalogue, "fields": {"categories": ["kinds"]}, **embedding, **more}))
        (folder / "items.csv").write_text("id,name,kinds,size,price\n" + "".join(
            f"{id},{text or ''},{'ku|na' if text else ''},{len(text) if text else ''},1\n"
            for id, text in self.NAMES.items()))
        return folder

    def likest(self, folder, to):
        rows = json.loads(self.good("recommend", "-m", folder, "--json", "-e", to))["data"]
        return [(row["id"], row["score"]) for row in rows]

    def expected(self, to, prefix=""):
        """By `hence embed` of the texts, where the end of a line is one of a word."""
        ids = [id for id, text in self.NAMES.items() if text]
        out = []
        for id in ids:
            path = self.write("text", f"{prefix}{self.NAMES[id]} ku, na {len(self.NAMES[id])}")
            done = self.good("embed", "-m", self.folder / "bert", "-f", path)
            out.append(numpy.array(done.split(), "float32"))
        scores = {id: float(x @ out[ids.index(to)]) for id, x in zip(ids, out) if id != to}
        return sorted(scores.items(), key=lambda pair: -pair[1])

    def assert_like(self, got, want):
        self.assertEqual([id for id, _ in got], [id for id, _ in want])
        numpy.testing.assert_allclose([s for _, s in got], [s for _, s in want], rtol=1e-5)

    def test_vectors_are_those_of_the_texts(self):
        want = self.expected("a")
        self.assertEqual(len(want), 3)
        for model in ("bert", "bert.gguf"):
            self.assert_like(self.likest(self.shop("texts", model), "a"), want)
        prefix = "ru "
        self.assert_like(self.likest(self.shop("texts", embedding={"prefix": prefix}), "a"),
                         self.expected("a", prefix))

    def test_nothing_is_computed_twice(self):
        folder = self.shop("cached")
        want, cache = self.likest(folder, "a"), folder / "vectors.cache"
        whole = cache.read_bytes()
        dims = struct.unpack_from("<Q", whole, 16)[0]
        record = 16 + 4 * dims + 8
        self.assertEqual(len(whole), 24 + 4 * record)
        self.assertEqual(self.likest(folder, "a"), want)
        self.assertEqual(cache.read_bytes(), whole)
        # The proof that the file is read: with the vectors of two texts exchanged, others are near.
        records = [bytearray(whole[24 + i * record:24 + (i + 1) * record]) for i in range(4)]
        records[1][16:-8], records[2][16:-8] = records[2][16:-8], records[1][16:-8]
        for r in records:
            r[-8:] = content_hash(content_hash(0, r[:16]), r[16:-8]).to_bytes(8, "little")
        self.assertEqual(records[0], whole[24:24 + record])
        cache.write_bytes(whole[:24] + b"".join(records))
        scores = dict(self.likest(folder, "a"))
        self.assertEqual((scores["b"], scores["c"]), (dict(want)["c"], dict(want)["b"]))
        # Whatever is wrong with it, the answers are right, and it is right again.
        damaged = bytearray(whole)
        damaged[24 + record + 20] ^= 1
        for bytes_ in (bytes(damaged), whole[:-5], whole[:24], whole[:10], b"", b"x" * 1000,
                       whole[:8] + bytes(8) + whole[16:], whole[:16] + bytes(8) + whole[24:]):
            cache.write_bytes(bytes_)
            self.assertEqual(self.likest(folder, "a"), want)
            self.assertEqual(self.likest(folder, "a"), want)
            self.assertEqual((len(cache.read_bytes()) - 24) % record, 0)
        # Another prompt is another model.
        self.assertNotEqual(self.likest(self.shop("cached", embedding={"prefix": "ru "}), "a"), want)
        self.assertEqual(self.likest(self.shop("cached"), "a"), want)

    def test_errors(self):
        for more, says in (
                ({"model": "none.gguf"}, "none.gguf: cannot open"),
                ({"model": "items.csv"}, "items.csv: "),
                ({"model": "ranker.gguf"}, "ranker.gguf: this ranks pairs of texts and embeds none"),
                ({"embedding": {"prompt": "other"}}, 'bert: the model has no prompt "other" .there are: '),
                ({"embedding": {"prompt": "a", "prefix": "b"}}, "'embedding.prefix' and a prompt: only one"),
                ({"embedding": {"text": []}}, "'embedding.text' does not name what of an item is read"),
                ({"embedding": {"text": "name"}}, "'embedding.text' is no list of names"),
                ({"embedding": {"text": ["title"]}}, "items.csv: line 1: there is no column 'title' .there are: id, na"),
                ({"embedding": {"model": "../bert"}}, "'embedding.model' leads out of the folder"),
                ({"embedding": {"words": 1}}, "'embedding.words' is not known"),
                ({"vectors": "v.npy"}, "'embedding' and 'vectors': only one of them")):
            with self.subTest(more):
                self.bad(EXIT_FAILURE, says, "recommend", "-m", self.shop("wrong", **more))


def content_hash(h, data):
    """As vector_cache.c has it."""
    word, mask = 0xff51afd7ed558ccd, 2**64 - 1
    h ^= len(data) * 0x9e3779b97f4a7c15 & mask
    for at in range(0, len(data) // 8 * 8, 8):
        h = (h ^ int.from_bytes(data[at:at + 8], "little")) * word & mask
        h ^= h >> 32
    h = (h ^ int.from_bytes(data[len(data) // 8 * 8:], "little")) * word & mask
    return h ^ h >> 32


if __name__ == "__main__":
    program.main()
