#!/usr/bin/env python3
"""/v1/recommendations, and items that change while visitors ask. Usage: test_recommendations.py HENCE"""

import http.client
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "onnx"), str(HERE.parent / "golden")]

from serving import Server  # noqa: E402
import tiny_shop as shop  # noqa: E402
import encoders  # noqa: E402

HENCE = sys.argv[1]
STARTER = HERE.parents[1] / "models" / "starter-recommender"
PATH, ITEMS = "/v1/recommendations", "/v1/recommendations/items"


def key_of(folder, role):
    """The header of a new key, kept in the folder's file."""
    done = subprocess.run([HENCE, "keys", "add", role, "--role", role, "--file", folder / "keys"], check=True,
                          capture_output=True, text=True)
    return {"Authorization": "Bearer " + re.search(r"hn-\S+", done.stdout)[0]}


class Recommendations(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hence-recommend-"))
        self.shop = shop.write(self.folder / "shop")
        self.admin, self.user = (key_of(self.folder, role) for role in ("admin", "user"))
        visits = shop.write(self.folder / "visits", together={"file": "visits.csv"})
        (visits / "visits.csv").write_text("visit,item\n1,a\n1,d\n2,a\n2,e\n3,a\n3,d\n3,c\n")
        self.words = ["-m", f"shop={self.shop}", "-m", f"starter={STARTER}", "-m", f"visits={visits}", "--api-keys", self.folder / "keys"]
        self.server = Server(HENCE, *self.words)

    def tearDown(self):
        self.server.stop()
        shutil.rmtree(self.folder)

    def ask(self, **body):
        status, headers, answer = self.server.post(PATH, body, **self.user)
        self.assertEqual(status, 200, answer)
        return answer

    def ids(self, **body):
        return " ".join(row["id"] for row in self.ask(**body)["data"])

    def change(self, **body):
        status, _, answer = self.server.post(ITEMS, body, **self.admin)
        self.assertEqual(status, 200, answer)
        return answer

    def refused(self, answer, status, says):
        self.assertEqual(answer[0], status, answer[2])
        self.assertRegex(answer[2]["error"]["message"], says)

    def test_answer(self):
        answer = self.ask(model="shop", events=["none", {"id": "a", "type": "cart"}, "d"], k=2, why=True,
                          attributes=True, filters={"available": True})
        stages = answer.pop("stages_ms")
        self.assertEqual(sorted(stages), ["diversify", "rank", "search", "visitor"])
        self.assertTrue(all(t >= 0 for t in stages.values()))
        self.assertGreater(answer["usage"].pop("core_seconds"), 0)
        scores = [row.pop("score") for row in answer["data"]]
        self.assertEqual(scores, sorted(scores, reverse=True))
        self.assertEqual(answer, {
            "object": "list", "model": "shop", "by": "events", "known_events": 2, "usage": {"events": 3, "items": 2},
            "data": [{"id": "f", "attributes": shop.ITEMS[5], "why": {"event": {"id": "a", "index": 1}}},
                     {"id": "c", "attributes": shop.ITEMS[2], "why": {"event": {"id": "a", "index": 1}}}]})

    def test_filters(self):
        self.assertEqual(self.ids(events=["a"]), "b c f d e")
        self.assertEqual(self.ids(events=["a"], filters={"exclude_seen": False}, k=1), "a")
        self.assertEqual(self.ids(events=["a"], filters={"category": "stove"}), "d e")
        self.assertEqual(self.ids(events=["a"], filters={"category": ["set", "sale"], "price_max": 400}), "c")
        self.assertEqual(self.ids(filters={"include": ["b", "f", "none"]}), "b f")
        self.assertEqual(self.ids(), "d e c b a f")

    def test_nothing_to_include_is_nothing(self):
        # A list of what may be shown that came out empty is not to let everything through.
        for events in ([], ["a"]):
            self.assertEqual(self.ids(events=events, filters={"include": []}), "")
            self.assertEqual(self.ids(events=events, filters={"include": ["none"]}), "")
        self.assertEqual(self.ids(filters={"include": None, "exclude": []}), "d e c b a f")

    def test_ids_that_are_numbers(self):
        self.change(put=[{"id": 17, "views": 900}, {"id": 18, "views": 800}, {"id": -3, "views": 700}])
        self.assertEqual(self.ids(k=3), "17 18 -3")
        self.assertEqual(self.ids(k=1, events=[17, {"id": 18}]), "-3")
        self.assertEqual(self.ids(k=2, filters={"exclude": [17]}), "18 -3")
        self.assertEqual(self.ids(k=2, filters={"include": [18, "17"]}), "17 18")
        self.assertEqual(self.change(remove=[17, "18", -3, 4]), {"put": 0, "removed": 3, "items": 6})
        self.assertEqual(self.ids(), "d e c b a f")

    def test_times_make_the_order(self):
        early, late = {"id": "a", "time": "2026-01-01"}, {"id": "d", "time": "2026-02-01"}
        for events in ([early, late], [late, early]):
            self.assertEqual(self.ids(events=events, k=1, filters={"include": ["b", "e"]}), "e")
        self.assertEqual(self.ids(events=[{"id": "a", "time": 10}, {"id": "d", "time": 9.5}], k=1,
                                  filters={"include": ["b", "e"]}), "b")

    def test_refusals(self):
        for body, says in (({"k": 0}, "'k'"), ({"k": 1001}, "'k'"), ({"events": [1.5]}, "'events'"),
                           ({"events": [{}]}, "'events'"), ({"events": [{"id": "a", "type": 7}]}, "'type'"),
                           ({"events": [{"id": "a", "time": True}]}, "'time'"), ({"filters": {"include": [None]}}, "include"),
                           ({"filters": {"colour": 1}}, "filters.colour"),
                           ({"filters": {"category": 3}}, "'filters.category'"), ({"diversity": 2}, "'diversity'"),
                           ({"user": {"age": "x"}}, "'user'"), ({"other": 1}, "other")):
            self.refused(self.server.post(PATH, body, **self.user), 400, says)
        self.assertEqual(self.server.post(PATH, {"model": "none"}, **self.user)[0], 404)
        self.assertEqual(self.server.post(PATH, {})[0], 401)
        self.assertEqual(self.server.post(ITEMS, {"remove": ["a"]}, **self.user)[0], 403)
        for body, says in (({"put": [{"price": 1}]}, "'id'"), ({"put": [{"id": "x", "vector": [1]}]}, "'vector'"),
                           ({"remove": [1.5]}, "'remove'"), ({"put": 1}, "'put'")):
            self.refused(self.server.post(ITEMS, body, **self.admin), 400, says)
        self.assertEqual(self.ids(), "d e c b a f")

    def test_changes_survive_a_restart(self):
        self.assertEqual(self.change(put=[{"id": "g", "views": 70, "vector": [2, 0]}, {"id": "a", "views": 80}],
                                     remove=["b", "none"]), {"put": 2, "removed": 1, "items": 6})
        self.assertEqual(self.ids(k=3), "a g d")
        self.server.process.kill()
        self.server.stop()
        self.server = Server(HENCE, *self.words)
        self.assertEqual(self.ids(k=3), "a g d")
        self.assertEqual(self.ids(events=["a"], k=2), "g c")

    def test_killed_at_any_moment(self):
        # Large changes of few items, so that the journal is made smaller again and again. What was answered
        # is there after a kill, and what was not, whole or not at all.
        draw, done, text = random.Random(1), 0, "x" * 30000
        for _ in range(8):
            target = done + 10 + draw.randrange(40)
            killer = threading.Timer(0.02 * draw.random(), self.server.process.kill)
            try:
                while True:
                    if done == target:
                        killer.start()
                    # Two that always have the same number, one that comes and one that goes.
                    at = done + 1
                    put = [{"id": name, "views": 1000 + at, "text": text} for name in ("p", "q", f"n{at % 3}")]
                    body = {"model": "shop", "put": put, "remove": [f"n{(at + 1) % 3}"]}
                    self.assertEqual(self.server.post(ITEMS, body, **self.admin)[0], 200)
                    done = at
            except (OSError, http.client.HTTPException):
                pass
            killer.join()
            self.server.stop()
            self.server = Server(HENCE, *self.words)
            rows = self.ask(model="shop", k=10, attributes=True, filters={"include": ["p", "q", "n0", "n1", "n2"]})
            found = {row["id"]: row["attributes"]["views"] - 1000 for row in rows["data"]}
            self.assertIn(found["p"], (done, done + 1))
            done = found["p"]
            self.assertEqual(found, {"p": done, "q": done, f"n{done % 3}": done, f"n{(done - 1) % 3}": done - 1})
            self.assertEqual(self.ids(k=1, filters={"include": ["a", "e"]}), "e")
        self.assertLess((self.shop / "changes.journal").stat().st_size, 3 << 20)

    def test_a_change_is_seen_whole(self):
        # Two items take turns: a visitor always finds exactly one of them.
        self.change(put=[{"id": "x0", "views": 100}])
        stop, wrong = threading.Event(), []

        def visit():
            while not stop.is_set():
                found = self.ids(k=3, filters={"include": ["x0", "x1"]})
                if found not in ("x0", "x1"):
                    wrong.append(found)
        visitors = [threading.Thread(target=visit) for _ in range(4)]
        for visitor in visitors:
            visitor.start()
        for turn in range(40):
            self.change(put=[{"id": f"x{(turn + 1) % 2}", "views": 100}], remove=[f"x{turn % 2}"])
        stop.set()
        for visitor in visitors:
            visitor.join()
        self.assertEqual(wrong, [])

    def test_together_as_alone(self):
        asked = [{"model": shop, "why": k > 1, "events": [first, second], "k": k, "diversity": k % 2 / 2}
                 for first in "abcdef" for second in "abcdef" for k in (1, 3) for shop in ("shop", "visits")]
        # With a session model, whose rows may be stacked.
        asked += [{"model": "starter", "why": True,
                   "events": [f"TN-{101 + i % 8}", f"SB-{101 + i % 5}", f"ST-{101 + i % 3}"][:1 + i % 3]}
                  for i in range(100)]
        alone = [self.ask(**body)["data"] for body in asked]
        got = [None] * len(asked)

        def visit(at):
            for i in range(at, len(asked), 12):
                got[i] = self.ask(**asked[i])["data"]
        visitors = [threading.Thread(target=visit, args=(i,)) for i in range(12)]
        for visitor in visitors:
            visitor.start()
        for visitor in visitors:
            visitor.join()
        self.assertEqual(got, alone)


class PastVisits(unittest.TestCase):
    def test_what_comes_again_is_another_item(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="hence-recommend-"))
        shop.write(folder, together={"file": "visits.csv"})
        (folder / "visits.csv").write_text("visit,item\n1,a\n1,d\n2,a\n2,e\n3,a\n3,d\n")
        admin = key_of(folder, "admin")
        with Server(HENCE, "-m", f"shop={folder}", "--api-keys", folder / "keys") as server:
            def ids():
                rows = server.post(PATH, {"events": ["a"], "k": 3}, **admin)[2]["data"]
                return " ".join(row["id"] for row in rows)

            def change(**body):
                self.assertEqual(server.post(ITEMS, {"model": "shop", **body}, **admin)[0], 200)
            self.assertEqual(ids(), "d e b")
            change(put=[{"id": "d", "price": 7}])
            self.assertEqual(ids(), "d e b")
            change(remove=["d"])
            self.assertEqual(ids(), "e b c")
            self.assertEqual(server.post(ITEMS, {"model": "shop", "put": [{"id": "d"}, {"id": "x", "price": "9,5"}]},
                                         **admin)[2]["error"]["message"],
                             "item 2 of 'put': 'price' is '9,5', which is no number")
            change(put=[{"id": "d"}, {"id": "new", "vector": [5, 0]}])
            self.assertEqual(ids(), "e new b")
        shutil.rmtree(folder)


class Texts(unittest.TestCase):
    """Items that come while their texts are read by an embedding model."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hence-recommend-"))
        bert = encoders.FAMILIES["bert"]
        encoders.write_directory(self.folder / "bert", bert, encoders.make_weights(bert))
        (self.folder / "recommender.json").write_text(
            '{"catalogue": "items.jsonl", "embedding": {"model": "bert", "text": ["name"]}}')
        (self.folder / "items.jsonl").write_text(
            '{"id": "a", "name": "ba de fi"}\n{"id": "b", "name": "gu ga"}\n{"id": "none"}\n')
        self.admin = key_of(self.folder, "admin")
        self.server = self.serve()

    def tearDown(self):
        self.server.stop()
        shutil.rmtree(self.folder)

    def serve(self):
        return Server(HENCE, "-m", f"shop={self.folder}", "--api-keys", self.folder / "keys")

    def scores(self, to):
        status, _, answer = self.server.post(PATH, {"events": [to], "k": 20}, **self.admin)
        self.assertEqual((status, answer["by"]), (200, "events"), answer)
        return {row["id"]: row["score"] for row in answer["data"]}

    def put(self, *items):
        self.assertEqual(self.server.post(ITEMS, {"model": "shop", "put": items}, **self.admin)[0], 200)

    def restart(self, signals):
        self.server.stop(signals)
        self.server = self.serve()

    def test_items_that_come(self):
        cache = self.folder / "vectors.cache"
        self.put({"id": "c", "name": "ba de fi"}, {"id": "d", "name": "ku"}, {"id": "none", "price": 1})
        first = self.scores("a")
        self.assertEqual(sorted(first), ["b", "c", "d"])
        self.assertAlmostEqual(first["c"], 1, places=5)
        # Another price does not have the text read again, another name does.
        size = cache.stat().st_size
        self.put({"id": "d", "name": "ku", "price": 5})
        self.assertEqual((cache.stat().st_size, self.scores("a")), (size, first))
        self.put({"id": "d", "name": "gu ga"})
        self.assertGreater(cache.stat().st_size, size)
        self.assertEqual(self.scores("a")["d"], first["b"])
        # One may bring its own, and have that of its text again; without either it has none.
        self.put({"id": "d", "name": "gu ga", "vector": [1] + [0] * (len(self.vector()) - 1)})
        own = self.scores("a")["d"]
        self.assertNotAlmostEqual(own, first["b"])
        last = self.scores("a")
        self.restart((signal.SIGKILL,))
        self.assertEqual(self.scores("a"), last)
        size = cache.stat().st_size
        self.put({"id": "d", "name": "gu ga"}, {"id": "b"})
        self.assertEqual({**last, "d": first["b"]}, {**self.scores("a"), "b": last["b"]})
        self.assertNotIn("b", self.scores("a"))
        last = self.scores("a")
        self.restart((signal.SIGTERM,))
        self.assertEqual(self.scores("a"), last)

    def vector(self):
        done = subprocess.run([HENCE, "embed", "-m", self.folder / "bert"], input="ba", text=True, check=True,
                              capture_output=True)
        return done.stdout.split()

    def test_the_cache_stays_small(self):
        record = 24 + 4 * len(self.vector())
        words = encoders.WORDS
        for turn in range(12):
            self.put(*({"id": f"x{i % 10}", "name": f"{words[turn]} {words[i % 60]} {words[i // 60]}"}
                       for i in range(300)))
        self.assertEqual(self.scores("a").keys() - {"b"}, {f"x{i}" for i in range(10)})
        self.assertLess((self.folder / "vectors.cache").stat().st_size, 1400 * record)

    def test_no_place_for_the_cache(self):
        first = self.scores("a")
        (self.folder / "vectors.cache").unlink()
        (self.folder / "vectors.cache").mkdir()
        self.restart((signal.SIGTERM,))
        self.put({"id": "c", "name": "ba de fi"})
        self.assertEqual(self.scores("a")["b"], first["b"])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
