#!/usr/bin/env python3
"""`hence load` against a server that answers as told, and against `hence serve`. Counts, not times.
Usage: test_load_command.py HENCE"""

import http.server
import json
import pathlib
import signal
import ssl
import subprocess
import sys
import threading
import time
import unittest
import xml.dom.minidom

from program import EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_USAGE, HENCE, STARTER, Program, main

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "api"))
from serving import Server  # noqa: E402


class Handler(http.server.BaseHTTPRequestHandler):
    """Counts a token for each word and ten besides; what else it does is the server's `mood`."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.whole(*self.server.models)

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        probe = not body.get("stream") and body["max_tokens"] == 1
        with self.server.lock:
            self.server.keys.add(self.headers.get("Authorization"))
            if not probe:
                self.server.bodies.append((self.path, body))
                number = len(self.server.bodies)
        text = body.get("prompt") or " ".join(m["content"] for m in body["messages"])
        usage = {"prompt_tokens": len(text.split()) + 10, "completion_tokens": body["max_tokens"]}
        if probe:
            self.whole({"choices": [{"message": {"content": "x"}, "finish_reason": "length"}],
                        "usage": usage})
        elif not self.server.mood(self, number, body):
            self.answer(body, usage)

    def answer(self, body, usage):
        if not body.get("stream"):
            self.whole({"choices": [{"text": "x", "finish_reason": "length"}], "usage": usage})
            return
        self.begin()
        for i in range(body["max_tokens"]):
            if self.server.delay:
                time.sleep(self.server.delay)
            self.event({"choices": [{"delta": {"content": "word "}, "finish_reason": None}]})
        self.event({"choices": [{"delta": {}, "finish_reason": "length"}]})
        self.event({"choices": [], "usage": usage})
        self.chunk(b"data: [DONE]\n\n")
        self.chunk(b"")

    def whole(self, answer, status=200):
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        return True

    def begin(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def event(self, data):
        self.chunk(b"data: " + json.dumps(data).encode() + b"\n\n")

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()


class Fake(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, mood=None, delay=0):
        super().__init__(("127.0.0.1", 0), Handler)
        self.mood = mood or (lambda *_: False)
        self.delay = delay
        self.lock = threading.Lock()
        self.bodies, self.keys = [], set()
        self.scheme = "http"
        self.models = ({"object": "list", "data": [{"id": "fake"}]}, 200)
        self.accepted = 0

    def get_request(self):
        self.accepted += 1
        return super().get_request()

    def handle_error(self, *_):
        pass  # a client that goes away is what some tests want

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02},
                         daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class Load(Program):
    def load(self, url, *words, status=0, says=""):
        done = self.hence("load", "--url", url, "--json", *words)
        self.assertEqual(done.returncode, status, done.stderr.decode())
        self.assertIn(says, done.stderr.decode())
        return json.loads(done.stdout)

    def counts(self, report, answered, failed=0):
        self.assertEqual((report["answered"], report["failed"], report["started"]),
                         (answered, failed, answered + failed), report["errors"])


class AgainstAFake(Load):
    def test_counts(self):
        with Fake() as server:
            report = self.load(server.url, "-c", 4, "-n", 20, "-p", 50, "-o", 8)
            self.counts(report, 20)
            self.assertEqual(report["model"], "fake")
            self.assertEqual(report["output_tokens"], 160)
            self.assertEqual(report["prompt_tokens"], 20 * 50)
            self.assertEqual(report["prompt_tokens_each"]["min"], 50)
            self.assertEqual((report["tokens_per_word"], report["tokens_besides"]), (1, 10))
            self.assertEqual(report["most_open"], 4)
            # Connections are kept: one for the probes, one for each that is open.
            self.assertLessEqual(server.accepted, 1 + 1 + 4)
        self.assertEqual([report[key]["count"] for key in
                          ("ttft_ms", "itl_ms", "longest_gap_ms", "tpot_ms", "e2e_ms")],
                         [20, 140, 20, 20, 20])
        for key in ("ttft_ms", "itl_ms", "e2e_ms"):
            spread = report[key]
            points = [spread[p] for p in ("min", "p50", "p90", "p95", "p99", "max")]
            self.assertEqual(points, sorted(points))
        path, body = server.bodies[0]
        self.assertEqual(path, "/v1/chat/completions")
        self.assertTrue(body["stream"] and body["ignore_eos"])
        self.assertEqual(body["stream_options"], {"include_usage": True})
        self.assertEqual(server.keys, {None})

    def test_what_is_asked(self):
        pairs = self.write("pairs.csv", "30,2\n40,3\n")
        with Fake() as server:
            report = self.load(server.url + "/v1/", "--api", "completions", "--lengths", pairs,
                               "-n", 40, "-c", 3, "--model", "other", "--api-key", "sk-1",
                               "--no-stream", "--shared-prefix", 100, "--shared-by", 0.5,
                               "--tiers", "default=1,flex=1", "--heed-end", "--seed", 5)
        self.counts(report, 40)
        self.assertEqual(server.keys, {"Bearer sk-1"})
        self.assertNotIn("ttft_ms", report)
        self.assertEqual(report["e2e_ms"]["count"], 40)
        bodies = [body for path, body in server.bodies if path == "/v1/completions"]
        self.assertEqual(len(bodies), 40)
        lengths = {(len(b["prompt"].split()), b["max_tokens"]) for b in bodies}
        self.assertEqual(lengths, {(20, 2), (30, 3), (120, 2), (130, 3)})
        shared = [b["prompt"].split()[:100] for b in bodies if len(b["prompt"].split()) > 100]
        self.assertTrue(10 < len(shared) < 30)
        self.assertTrue(all(words == shared[0] for words in shared))
        self.assertEqual({b["model"] for b in bodies}, {"other"})
        self.assertFalse(any("ignore_eos" in b or "stream" in b for b in bodies))
        flex = sum(b["service_tier"] == "flex" for b in bodies)
        self.assertEqual({c["service_tier"]: c["answered"] for c in report["classes"]},
                         {"default": 40 - flex, "flex": flex})

    def test_bodies_of_ones_own(self):
        lines = [{"max_tokens": 1, "prompt": f"number {i}"} for i in range(5)]
        path = self.write("bodies.jsonl", "\n".join(json.dumps(line) for line in lines) + "\n\n")
        with Fake() as server:
            report = self.load(server.url, "--post", "/v1/other", "--body", path, "-n", 60, "-c", 7, "--spread")
            self.counts(report, 60)
            # Nothing goes before, and each connection is used.
            self.assertEqual(server.accepted, 1 + 7)
        self.assertEqual((report["api"], report["model"]), ("/v1/other", "/v1/other"))
        self.assertEqual((report["e2e_ms"]["count"], report["output_tokens"]), (60, 0))
        self.assertEqual(server.bodies, [])  # to the fake these are probes
        path = self.write("body.json", json.dumps({"max_tokens": 2, "prompt": "x"}, indent=1))
        with Fake() as server:
            self.counts(self.load(server.url, "--post", "/v1/other", "--body", path, "-n", 3), 3)
        self.assertEqual(server.bodies, [("/v1/other", {"max_tokens": 2, "prompt": "x"})] * 3)
        self.bad(EXIT_FAILURE, "neither JSON", "load", "--post", "/x", "--body", self.write("wrong", "{}\n{"))
        self.bad(EXIT_USAGE, "go together", "load", "--post", "/x")
        self.bad(EXIT_USAGE, "begins with /", "load", "--post", "x", "--body", path)
        self.bad(EXIT_USAGE, "needs --concurrency", "load", "--spread", "-r", 3)

    def test_a_seed_makes_the_same_requests(self):
        words = ["-n", 6, "-p", "20-60", "-o", "1-5"]
        seen = []
        for seed in (1, 1, 2):
            with Fake() as server:
                self.load(server.url, *words, "--seed", seed)
            seen.append(sorted(json.dumps(body) for _, body in server.bodies))
        self.assertEqual(seen[0], seen[1])
        self.assertNotEqual(seen[0], seen[2])

    def test_arrivals_do_not_wait_for_answers(self):
        with Fake(delay=0.02) as server:
            report = self.load(server.url, "-r", 200, "-n", 40, "-o", 10)
        self.counts(report, 40)
        self.assertGreater(report["most_open"], 3)

    def test_no_more_than_allowed_with_a_rate(self):
        with Fake(delay=0.005) as server:
            report = self.load(server.url, "-r", 1000, "-c", 3, "-n", 20, "-o", 4)
        self.counts(report, 20)
        self.assertEqual(report["most_open"], 3)

    def test_for_a_time(self):
        with Fake(delay=0.001) as server:
            report = self.load(server.url, "-d", 0.5, "-c", 2, "-o", 2)
        self.counts(report, len(server.bodies))
        self.assertGreaterEqual(report["seconds"], 0.4)

    def test_errors_by_kind(self):
        def mood(handler, number, body):
            kind = number % 6
            if kind == 0:
                return handler.whole({"error": {"message": "slow down", "code": "x"}}, 429)
            if kind == 1:
                handler.begin()
                handler.event({"choices": [{"delta": {"content": "x"}}]})
                handler.close_connection = True
                return True
            if kind == 2:
                handler.begin()
                handler.event({"error": {"message": "no room"}})
                handler.chunk(b"data: [DONE]\n\n")
                handler.chunk(b"")
                return True
            if kind == 3:
                handler.begin()
                handler.chunk(b"data: {]\n\n")
                handler.close_connection = True
                return True
            if kind == 4:
                handler.begin()
                handler.chunk(b"data: [DONE]\n\n")
                handler.chunk(b"")
                return True
            return False
        with Fake(mood) as server:
            report = self.load(server.url, "-n", 24, "-c", 2, "-o", 3, status=EXIT_FAILURE,
                               says="20 of 24 requests failed")
        self.counts(report, 4, 20)
        errors = {e["kind"]: (e["count"], e["first"]) for e in report["errors"]}
        self.assertEqual({kind: n for kind, (n, _) in errors.items()},
                         {"http 429": 4, "cut off": 4, "error in the answer": 4, "garbled": 4,
                          "unfinished": 4})
        self.assertEqual(errors["http 429"][1], "slow down")
        self.assertEqual(errors["error in the answer"][1], "no room")
        self.assertEqual(report["output_tokens"], 12)

    def test_a_kept_connection_that_was_closed_is_no_error(self):
        def mood(handler, _, body):
            handler.answer(body, {"prompt_tokens": 1, "completion_tokens": body["max_tokens"]})
            handler.close_connection = True  # without saying so in the answer
            return True
        with Fake(mood) as server:
            report = self.load(server.url, "-n", 10, "-c", 2, "-o", 2)
        self.counts(report, 10)

    def test_time_out(self):
        def mood(handler, number, body):
            return number == 1 and not handler.server.forever.wait(60)
        server = Fake(mood)
        server.forever = threading.Event()
        with server:
            report = self.load(server.url, "-n", 3, "-c", 3, "-o", 2, "--timeout", 1,
                               status=EXIT_FAILURE)
            server.forever.set()
        self.counts(report, 2, 1)
        self.assertEqual(report["errors"][0]["kind"], "timeout")

    def test_goodput(self):
        with Fake() as server:
            report = self.load(server.url, "-n", 4, "-o", 2, "--slo-ttft", 1e6, "--slo-itl", 1e6)
            self.assertEqual(report["good"], 4)
            report = self.load(server.url, "-n", 4, "-o", 2, "--slo-ttft", 0.001)
            self.assertEqual((report["answered"], report["good"]), (4, 0))

    def test_interrupt_reports(self):
        started = threading.Event()

        def mood(handler, number, body):
            started.set()
            return False
        with Fake(mood, delay=0.05) as server:
            process = subprocess.Popen([HENCE, "load", "-u", server.url, "-c", "2", "-n", "9",
                                        "-o", "10000", "--json"], stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE)
            self.assertTrue(started.wait(60))
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, EXIT_INTERRUPTED, err)
        report = json.loads(out)
        self.assertTrue(report["ended_early"])
        self.assertEqual((report["answered"], report["failed"]), (0, 0))
        self.assertEqual(report["abandoned"], report["started"])

    def test_table_and_picture(self):
        picture = self.folder / "load.svg"
        with Fake() as server:
            out = self.good("load", "-u", server.url, "-n", 4, "-o", 3, "--svg", picture,
                            "--slo-ttft", 1e6)
        for want in ("4 answered, 0 failed", "first token", "between tokens", "whole answer",
                     "goodput", "100.0% of all", "of a core"):
            self.assertIn(want, out)
        self.assertGreater(len(xml.dom.minidom.parse(str(picture)).getElementsByTagName("path")), 2)

    def test_tls(self):
        made = subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-keyout", self.folder / "key.pem", "-out", self.folder / "cert.pem",
             "-days", "1", "-subj", "/CN=localhost"], capture_output=True, check=False)
        if made.returncode:
            self.skipTest("no openssl program")
        with Fake() as server:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.folder / "cert.pem", self.folder / "key.pem")
            server.socket = context.wrap_socket(server.socket, server_side=True)
            server.scheme = "https"
            report = self.load(server.url, "-n", 6, "-c", 2, "-o", 3, "--insecure")
            self.counts(report, 6)
            self.bad(EXIT_FAILURE, "certificate", "load", "-u", server.url, "-n", 1)


class WithoutAServer(Load):
    def test_nobody_there(self):
        self.bad(EXIT_FAILURE, "nobody answers", "load", "-u", "http://127.0.0.1:1")

    def test_refused_first_request(self):
        with Fake() as server:
            server.models = ({"error": {"message": "no such key"}}, 401)
            self.bad(EXIT_FAILURE, "401: no such key", "load", "-u", server.url)

    def test_wrong_words(self):
        for words, says in ((["-u", "ftp://x"], "http"), (["-p", "0"], "LOW-HIGH"),
                            (["--api", "images"], "completions"), (["--tiers", "a=-1"], "weight"),
                            (["--api-key", "a\nb"], "key"), (["-n", 1, "-d", 1], "two ends")):
            with self.subTest(words=words):
                done = self.hence("load", *words)
                self.assertIn(done.returncode, (EXIT_FAILURE, EXIT_USAGE))
                self.assertIn(says, done.stderr.decode())


class AgainstHence(Load):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = Server(HENCE, "-m", STARTER)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        super().tearDownClass()

    def test_both_endpoints(self):
        for api in ("chat", "completions"):
            with self.subTest(api=api):
                report = self.load(self.server.url, "--api", api, "-c", 8, "-n", 24, "-p", 100,
                                   "-o", 12, "--tiers", "default,flex")
                self.counts(report, 24)
                self.assertEqual(report["output_tokens"], 24 * 12)
                self.assertAlmostEqual(report["prompt_tokens"] / 24, 100, delta=4)
                self.assertEqual(report["answers_without_usage"], 0)

    def test_a_shared_prefix_is_cached(self):
        report = self.load(self.server.url, "-c", 2, "-n", 8, "-p", 30, "-o", 2,
                           "--shared-prefix", 200)
        self.counts(report, 8)
        self.assertGreaterEqual(report["cached_tokens"], 4 * 128)


if __name__ == "__main__":
    main()
