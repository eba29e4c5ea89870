#!/usr/bin/env python3
"""/v1/embeddings and /v1/rerank, on small encoders. Usage: test_embeddings.py HENCE"""

import base64
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "golden"))

import packages  # noqa: E402
from serving import Server  # noqa: E402
import encoders  # noqa: E402 (leaves with 77 where there is no NumPy)
import gguf_io  # noqa: E402

HENCE = sys.argv[1]
WORDS = encoders.WORDS


class Encoders(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="hence-encoders-"))
        bert, ranker = encoders.FAMILIES["bert"], encoders.FAMILIES["bert-ranker"]
        encoders.write_directory(cls.folder / "bert", bert, encoders.make_weights(bert))
        weights = encoders.make_weights(ranker)
        gguf_io.write_gguf(cls.folder / "ranker.gguf", encoders.gguf_meta(ranker),
                           encoders.gguf_tensors(ranker, weights, "F32"))
        cls.server = Server(HENCE, "-m", f"embedder={cls.folder / 'bert'}",
                            "-m", f"ranker={cls.folder / 'ranker.gguf'}", "-t", "4")

    @classmethod
    def tearDownClass(cls):
        status = cls.server.stop()
        shutil.rmtree(cls.folder)
        assert status == 0, (status, cls.server.said)

    def embed(self, text, status=200, **more):
        got, _, body = self.server.post("/v1/embeddings", {"model": "embedder", "input": text, **more})
        self.assertEqual(got, status, body)
        return body

    def vectors(self, text, **more):
        return [d["embedding"] for d in self.embed(text, **more)["data"]]

    def rank(self, query, documents, status=200, path="/v1/rerank", **more):
        got, _, body = self.server.post(
            path, {"model": "ranker", "query": query, "documents": documents, **more})
        self.assertEqual(got, status, body)
        return body

    def test_an_answer_has_openais_form(self):
        body = self.embed("ba de")
        self.assertEqual(body["object"], "list")
        self.assertEqual(body["model"], "embedder")
        self.assertEqual(body["usage"], {"prompt_tokens": 4, "total_tokens": 4})
        self.assertEqual([(d["object"], d["index"]) for d in body["data"]], [("embedding", 0)])
        self.assertEqual(body["hence"]["tokens"]["prompt"], 4)

    def test_vectors_are_those_of_the_program(self):
        texts = ["ba de", "fi", " ".join(WORDS[:60])]
        done = subprocess.run([HENCE, "embed", "-m", self.folder / "bert"], text=True, check=True,
                              input="\n".join(texts), stdout=subprocess.PIPE)
        printed = [[float(x) for x in line.split()] for line in done.stdout.splitlines()]
        single = [struct.unpack(f"<{len(v)}f", struct.pack(f"<{len(v)}f", *v)) for v in printed]
        got = [tuple(v) for v in self.vectors(texts)]
        self.assertEqual([struct.pack("<96f", *v) for v in got],
                         [struct.pack("<96f", *v) for v in single])

    def test_base64_holds_the_same_floats(self):
        for n in (1, 2, 3, 95, 96):  # every remainder of three bytes
            floats = self.vectors("ba de", dimensions=n)[0]
            text = self.vectors("ba de", dimensions=n, encoding_format="base64")[0]
            self.assertEqual(base64.b64decode(text, validate=True), struct.pack(f"<{n}f", *floats))

    def test_a_vector_does_not_depend_on_its_neighbours(self):
        texts = [" ".join(WORDS[i:i + n]) for i, n in enumerate([1, 3, 60, 7, 40] * 20)]
        together = self.vectors(texts, encoding_format="base64")
        results = {}
        def ask(i):
            results[i] = self.vectors(texts[i], encoding_format="base64")[0]
        threads = [threading.Thread(target=ask, args=(i,)) for i in range(len(texts))]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual([results[i] for i in range(len(texts))], together)

    def test_token_ids_are_taken_as_they_are(self):
        vocabulary = encoders.vocabulary(encoders.FAMILIES["bert"])
        ids = [vocabulary.index(t) for t in ("[CLS]", "ba", "de", "[SEP]")]
        self.assertEqual(self.vectors(ids), self.vectors("ba de"))
        self.assertEqual(self.vectors([ids, ids[:2]])[0], self.vectors(ids)[0])
        self.assertEqual(self.embed([ids, [5]])["usage"]["prompt_tokens"], 5)
        self.assertIn("input[1]", self.embed([ids, [5, len(vocabulary)]], status=400)["error"]["param"])
        self.assertEqual(self.embed([[]], status=400)["error"]["param"], "input[0]")

    def test_prompts_go_in_front(self):
        plain = self.vectors("ba de fi")
        self.assertEqual(self.vectors("fi", prompt_name="query"), plain)
        self.assertEqual(self.vectors("fi", prompt="ba de "), plain)
        self.assertNotEqual(self.vectors("fi"), plain)
        error = self.embed("fi", status=400, prompt_name="other")["error"]
        self.assertEqual(error["param"], "prompt_name")
        self.assertIn("query", error["message"])

    def test_what_texts_are_meant_for_is_a_hint(self):
        plain = self.vectors("fi")
        for kind in ("query", "search_query"):
            self.assertEqual(self.vectors("fi", input_type=kind), self.vectors("ba de fi"), kind)
        for kind in ("document", "passage", "classification"):
            self.assertEqual(self.vectors("fi", input_type=kind), plain, kind)
        error = self.embed("fi", status=400, input_type="query", prompt="ba ")["error"]
        self.assertEqual(error["param"], "input_type")

    def test_length_is_the_models_own(self):
        limit = encoders.CONTEXT - 2
        exact = " ".join(["ba"] * limit)
        self.assertEqual(self.embed(exact)["usage"]["prompt_tokens"], limit + 2)
        error = self.embed(["ba", exact + " de"], status=400)["error"]
        self.assertEqual((error["code"], error["param"]), ("context_length_exceeded", "input[1]"))
        self.assertIn(str(limit + 3), error["message"])
        self.assertEqual(self.vectors(exact + " de", truncate=True), self.vectors(exact))

    def test_vectors_may_stay_as_long_as_they_are(self):
        whole, raw = self.vectors("ba de")[0], self.vectors("ba de", normalize=False)[0]
        length = sum(x * x for x in raw) ** 0.5
        self.assertGreater(abs(length - 1), 1e-3)
        for a, b in zip(whole, raw):
            self.assertAlmostEqual(a, b / length, places=6)

    def test_what_is_wrong_is_told(self):
        for body, status, param in [({}, 400, "input"), ({"input": 5}, 400, "input"),
                                    ({"input": []}, 400, "input"), ({"input": ""}, 400, "input"),
                                    ({"input": ["a", 5]}, 400, "input[1]"),
                                    ({"input": "a", "dimensions": 0}, 400, "dimensions"),
                                    ({"input": "a", "dimensions": 97}, 400, "dimensions"),
                                    ({"input": "a", "encoding_format": "hex"}, 400, "encoding_format"),
                                    ({"input": ["a"] * 2049}, 400, "input"),
                                    ({"input": "a", "model": "none"}, 404, "model"),
                                    ({"input": "a", "model": "ranker"}, 400, "model")]:
            got, _, answer = self.server.post("/v1/embeddings", body)
            self.assertEqual((got, answer["error"]["param"]), (status, param), answer)

    def test_documents_are_sorted(self):
        documents = ["ba", {"text": "de fi"}, " ".join(WORDS[:50]), "gu"]
        body = self.rank("ba de", documents, return_documents=True)
        scores = [r["relevance_score"] for r in body["results"]]
        self.assertEqual(sorted(r["index"] for r in body["results"]), [0, 1, 2, 3])
        self.assertEqual(scores, sorted(scores, reverse=True))
        self.assertTrue(all(0 < s < 1 for s in scores))
        for r in body["results"]:
            text = documents[r["index"]]
            self.assertEqual(r["document"], {"text": text if isinstance(text, str) else text["text"]})
        self.assertEqual(body["usage"]["total_tokens"], 4 * (2 + 3) + 1 + 2 + 50 + 1)
        again = self.rank("ba de", documents, path="/rerank", top_n=2)
        self.assertEqual([(r["index"], r["relevance_score"]) for r in again["results"]],
                         [(r["index"], r["relevance_score"]) for r in body["results"][:2]])
        self.assertNotIn("document", again["results"][0])

    def test_documents_are_cut_and_may_be_empty(self):
        long, short = " ".join(WORDS[:50]), " ".join(WORDS[:7])
        cut = self.rank("ba de", [long, short, ""], max_tokens_per_doc=7)
        scores = {r["index"]: r["relevance_score"] for r in cut["results"]}
        self.assertEqual(scores[0], scores[1])
        self.assertEqual([r["index"] for r in cut["results"] if r["index"] < 2], [0, 1])  # as they came
        self.assertEqual(cut["usage"]["total_tokens"], 3 * (2 + 3) + 7 + 7)
        self.assertEqual(self.rank("ba de", [short], max_tokens_per_doc=500)["results"][0]["relevance_score"],
                         scores[1])
        self.assertEqual(self.rank("a", ["b"], status=400, max_tokens_per_doc=0)["error"]["param"],
                         "max_tokens_per_doc")

    def test_wrong_rankings_are_told(self):
        long = " ".join(["ba"] * 300)
        self.assertEqual(self.rank("ba", [], status=400)["error"]["param"], "documents")
        self.assertEqual(self.rank("ba", ["a", 5], status=400)["error"]["param"], "documents[1]")
        self.assertEqual(self.rank("ba", [{"x": 1}], status=400)["error"]["param"], "documents[0]")
        self.assertEqual(self.rank("ba", ["a", long], status=400)["error"]["code"], "context_length_exceeded")
        self.assertEqual(self.rank(long, ["a"], status=400, truncate=True)["error"]["code"],
                         "context_length_exceeded")
        self.assertEqual(len(self.rank("ba", ["a", long], truncate=True)["results"]), 2)
        got, _, body = self.server.post(
            "/v1/rerank", {"model": "embedder", "query": "a", "documents": ["b"]})
        self.assertEqual((got, body["error"]["code"]), (400, "wrong_model_kind"))

    def test_chats_are_sent_elsewhere(self):
        got, _, body = self.server.post("/v1/chat/completions", {
            "model": "embedder", "messages": [{"role": "user", "content": "hello"}]})
        self.assertEqual((got, body["error"]["code"]), (400, "wrong_model_kind"))
        self.assertIn("/v1/embeddings", body["error"]["message"])

    def test_openais_client(self):
        try:
            packages.install()
        except SystemExit:
            self.skipTest("Node's packages are not there")
        done = subprocess.run(["node", "--test", HERE / "embeddings.mjs"], text=True, check=False,
                              env={**os.environ, "HENCE_URL": self.server.url},
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(done.returncode, 0, done.stdout)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
