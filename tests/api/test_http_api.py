#!/usr/bin/env python3
"""The server over plain HTTP: routes, keys, files of options, signals, and what no client should send.
Usage: test_http_api.py HENCE"""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from serving import Server

HERE = pathlib.Path(__file__).resolve().parent
STARTER = HERE.parents[1] / "models" / "starter-chat.gguf"
HENCE = sys.argv[1]
CHAT = "/v1/chat/completions"


def chat(text="Write a subject line for a waterproof tent.", **more):
    return {"messages": [{"role": "user", "content": text}], "temperature": 0, "max_tokens": 8, **more}


class WithFolder(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="hence-api-"))

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def refused(self, answer, status, code, param=None):
        self.assertEqual(answer[0], status, answer)
        error = answer[2]["error"]
        self.assertEqual(sorted(error), ["code", "message", "param", "type"])
        self.assertEqual((error["code"], error["param"]), (code, param), error)
        return error["message"]


class Running(WithFolder):
    """One server for all the tests of a class."""

    words = ("-m", f"starter={STARTER}")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = Server(HENCE, *cls.words)

    @classmethod
    def tearDownClass(cls):
        status = cls.server.stop()
        super().tearDownClass()
        if status:
            raise AssertionError(f"exit status {status}: {''.join(cls.server.said)}")

    def tearDown(self):
        self.assertEqual(self.server.get("/health")[0], 200)


class TestCalls(Running):
    """The calls of a format with markers."""

    words = ("-m", f"starter={STARTER}", "--tool-calls", "hermes")

    @staticmethod
    def tool(parameters, **more):
        return {"type": "function", "function": {"name": "look", "parameters": parameters, **more}}

    def test_a_schema_that_cannot_be_kept(self):
        odd = {"type": "object", "properties": {"a": {"not": {}}}}
        for choice in ["auto", "required"]:
            body = chat(tools=[self.tool(odd, strict=True)], tool_choice=choice)
            message = self.refused(self.server.post(CHAT, body), 400, "unsupported_value",
                                   "tools[0].function.parameters")
            self.assertIn("#/properties/a", message)
        body = chat(tools=[self.tool(odd)])
        self.assertEqual(self.server.post(CHAT, body)[2]["choices"][0]["finish_reason"], "length")

    def test_an_answer_without_calls_is_what_it_would_be(self):
        tools = [self.tool({"type": "object", "properties": {"n": {"type": "integer"}}}, strict=True)]
        held = self.server.post(CHAT, chat(tools=tools))[2]["choices"][0]["message"]
        with Server(HENCE, *self.words[:2], "--tool-calls", "none") as free:
            self.assertEqual(free.post(CHAT, chat(tools=tools))[2]["choices"][0]["message"], held)

    def test_a_call_in_the_format(self):
        tools = [self.tool({"type": "object", "properties": {"n": {"enum": [1, 2]}}, "required": ["n"],
                            "additionalProperties": False})]
        body = chat(tools=tools, tool_choice={"type": "function", "function": {"name": "look"}},
                    max_tokens=200)
        choice = self.server.post(CHAT, body)[2]["choices"][0]
        self.assertEqual((choice["finish_reason"], choice["message"]["content"]), ("tool_calls", None))
        (call,) = choice["message"]["tool_calls"]
        self.assertIn(json.loads(call["function"]["arguments"])["n"], [1, 2])


class TestCallsOrContent(Running):
    """Tools beside a response_format: the answer is calls or what the format says."""

    def check(self, server, **more):
        parameters = {"type": "object", "properties": {"n": {"enum": [1, 2]}}, "required": ["n"],
                      "additionalProperties": False}
        schema = {"type": "object", "properties": {"a": {"enum": [7, 8]}}, "required": ["a"],
                  "additionalProperties": False}
        wanted = {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": schema}}
        body = {**chat(tools=[TestCalls.tool(parameters, strict=True)], response_format=wanted, max_tokens=150,
                       parallel_tool_calls=False), **more}
        status, _, answer = server.post(CHAT, body)
        self.assertEqual(status, 200, answer)
        (choice,) = answer["choices"]
        message, calls = choice["message"], choice["message"].get("tool_calls", [])
        if not calls:
            self.assertIn(json.loads(message["content"]), [{"a": 7}, {"a": 8}])
            self.assertEqual(choice["finish_reason"], "stop")
        for call in calls:
            self.assertIn(json.loads(call["function"]["arguments"]), [{"n": 1}, {"n": 2}])
            self.assertEqual((choice["finish_reason"], message["content"]), ("tool_calls", None))
        return bool(calls)

    def test_either_comes(self):
        bias = {c: {str(self.server.post("/tokenize", {"content": c})[2]["tokens"][0]): 50} for c in "<{"}
        with Server(HENCE, *self.words, "--tool-calls", "hermes") as server:
            # A token that begins one of them is made likely.
            self.assertTrue(self.check(server, logit_bias=bias["<"]))
            self.assertFalse(self.check(server, logit_bias=bias["{"]))
            self.assertTrue(self.check(server, tool_choice="required", logit_bias=bias["{"]))
            self.assertFalse(self.check(server, tool_choice="none"))

    def test_in_other_formats(self):
        for name in ["harmony", "lfm2", "gemma", "llama3", "json"]:
            with Server(HENCE, *self.words, "--tool-calls", name) as server:
                for seed in range(3):
                    with self.subTest(name=name, seed=seed):
                        self.check(server, seed=seed, temperature=1)

    def test_a_schema_that_cannot_be_kept(self):
        wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"not": {}}}}
        body = chat(tools=[TestCalls.tool({"type": "object"})], response_format=wanted)
        self.refused(self.server.post(CHAT, body), 400, "unsupported_value", "response_format")


class TestChannels(Running):
    """Messages with headers."""

    words = ("-m", f"starter={STARTER}", "--tool-calls", "harmony")

    def test_what_goes_on_from_a_start_is_content_at_once(self):
        user, start = {"role": "user", "content": "hello"}, {"role": "assistant", "content": "Hello"}
        body = {"model": "starter", "max_tokens": 8, "temperature": 0}
        _, _, events = self.server.events("/v1/messages", {**body, "messages": [user, start], "stream": True})
        self.assertGreater(sum("text_delta" in event for event in events), 3, events)
        counts = [self.server.post("/v1/messages/count_tokens", {"model": "starter", "messages": m})[2]["input_tokens"]
                  for m in ([user], [user, start])]
        self.assertGreater(counts[1], counts[0] + 8)  # of the header <|channel|>final<|message|>

    def test_a_call_has_the_formats_own_header(self):
        parameters = {"type": "object", "properties": {"n": {"enum": [1, 2]}}, "required": ["n"],
                      "additionalProperties": False}
        tools = [TestCalls.tool(parameters, strict=True)]
        for choice in ["required", {"type": "function", "function": {"name": "look"}}]:
            body = chat(tools=tools, tool_choice=choice, max_tokens=200)
            (answer,) = self.server.post(CHAT, body)[2]["choices"]
            (call,) = answer["message"]["tool_calls"]
            self.assertEqual(answer["finish_reason"], "tool_calls")
            self.assertIn(json.loads(call["function"]["arguments"])["n"], [1, 2])


class TestRoutes(Running):
    def test_routes(self):
        server = self.server
        self.refused(server.get("/v1/nothing"), 404, "unknown_url")
        answer = server.post("/v1/models", {})
        self.refused(answer, 405, "method_not_allowed")
        self.assertEqual(answer[1]["Allow"], "GET, HEAD")
        self.assertEqual(server.get(CHAT)[1]["Allow"], "POST")
        self.assertEqual(server.get("/health")[2], {"status": "ok"})
        self.assertEqual(server.ask("HEAD", CHAT)[0], 405)

    def test_head_is_get_without_a_body(self):
        for path in ["/health", "/v1/models", "/v1/models/starter", "/openapi.json"]:
            got, head = self.server.ask("GET", path), self.server.ask("HEAD", path)
            self.assertEqual(head[0], 200, path)
            self.assertFalse(head[2], path)
            self.assertEqual(head[1]["Content-Length"], got[1]["Content-Length"], path)

    def test_ids(self):
        ids = [self.server.get("/health")[1]["x-request-id"] for _ in range(3)]
        self.assertEqual(len(set(ids)), 3)
        self.assertTrue(all(re.fullmatch("req_[0-9a-f]{20}", name) for name in ids), ids)

    def test_bodies(self):
        for body in ["", "{", "[]", '{"messages": NaN}', "\x00", "[" * 100000, '{"a": "\\ud800"}', "3"]:
            self.refused(self.server.ask("POST", CHAT, body.encode()), 400, "invalid_json")
        self.refused(self.server.post(CHAT, {}), 400, "missing_required_parameter", "messages")
        self.refused(self.server.post(CHAT, {"messages": {}}), 400, "invalid_type", "messages")
        self.refused(self.server.post(CHAT, chat(), **{"Content-Encoding": "gzip"}), 415,
                     "unsupported_content_encoding")
        self.assertEqual(self.server.post(CHAT, chat(), **{"Content-Encoding": "identity"})[0], 200)

    def test_large_bodies_are_done_elsewhere(self):
        message = self.refused(self.server.post(CHAT, chat("tent " * 100000)), 400,
                               "context_length_exceeded")
        self.assertRegex(message, "[0-9]+")
        # A large body that is fine: many ignored bytes.
        status, _, body = self.server.post(CHAT, chat(user="x" * 200000))
        self.assertEqual(status, 200, body)

    def test_a_body_past_the_limit(self):
        with self.server.connect() as s:
            s.sendall(f"POST {CHAT} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n".encode())
            self.assertIn(b" 413 ", s.recv(4096))

    def test_helpers(self):
        server = self.server
        tokens = server.post("/tokenize", {"content": "a tent"})[2]["tokens"]
        self.assertEqual(server.post("/detokenize", {"tokens": tokens})[2], {"content": "a tent"})
        pieces = server.post("/tokenize", {"content": "a tent", "with_pieces": True})[2]["tokens"]
        self.assertEqual("".join(p["piece"] for p in pieces), "a tent")
        self.refused(server.post("/detokenize", {"tokens": [-1]}), 400, "invalid_value", "tokens")
        self.refused(server.post("/tokenize", {"content": 3}), 400, "invalid_type", "content")
        prompt = server.post("/apply-template", chat("hello"))[2]["prompt"]
        self.assertEqual(prompt, "<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n")
        props = server.get("/props")[2]
        self.assertEqual(props["total_slots"], 16)
        self.assertIn("im_start", props["chat_template"])
        self.assertEqual(server.get("/slots")[2], [])

    def test_metrics(self):
        self.server.post(CHAT, chat())
        text = self.server.get("/metrics")[2]
        self.assertRegex(text, r'hence_generation_tokens_total\{model="starter"\} [1-9]')
        self.assertRegex(text, r'hence_requests_running\{model="starter"\} 0\n')
        self.assertRegex(text, r'hence_kv_cache_used_ratio\{model="starter"\} 0\n')
        status, headers, _ = self.server.get("/metrics", Accept="application/openmetrics-text")
        self.assertIn("openmetrics", headers["Content-Type"])

    def test_openapi(self):
        document = self.server.get("/openapi.json")[2]
        self.assertTrue(document["openapi"].startswith("3.1"))
        text = json.dumps(document)
        for name in re.findall(r'"#/components/schemas/(\w+)"', text):
            self.assertIn(name, document["components"]["schemas"])
        for path, methods in document["paths"].items():
            for method in methods:
                status, _, answer = self.server.ask(method.upper(), path.replace("{model}", "starter"), "{}")
                if status == 404:  # there is such a path, and no model that it could ask
                    self.assertEqual(answer["error"]["code"], "model_not_found")
                else:
                    self.assertIn(status, (200, 400, 403), (method, path))
        fields = document["components"]["schemas"]["ChatCompletionRequest"]
        self.assertEqual(fields["required"], ["messages"])
        self.assertEqual(fields["properties"]["temperature"]["maximum"], 2)

    def test_half_a_request_and_a_client_that_goes(self):
        for text in ["GET /hea", f"POST {CHAT} HTTP/1.1\r\nHost: x\r\nContent-Length: 90\r\n\r\n{{"]:
            with self.server.connect() as s:
                s.sendall(text.encode())
        body = json.dumps(chat(stream=True, max_tokens=400, ignore_eos=True)).encode()
        for _ in range(8):
            with self.server.connect() as s:
                s.sendall(f"POST {CHAT} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
                self.assertIn(b"200 OK", s.recv(100))
        while self.server.get("/slots")[2]:
            pass

    def test_a_stream(self):
        status, headers, data = self.server.events(CHAT, chat(stream=True))
        self.assertEqual((status, data[-1]), (200, "[DONE]"))
        self.assertTrue(headers["Content-Type"].startswith("text/event-stream"))
        parts = [json.loads(one)["choices"][0] for one in data[:-1]]
        self.assertEqual(parts[-1]["finish_reason"], "length")

    def test_many_at_once(self):
        """More than are written at the same time, whole and streamed: each has the answer it has alone."""
        alone = self.server.post(CHAT, chat(max_tokens=30))[2]["choices"][0]["message"]["content"]
        got = []

        def ask(stream):
            if stream:
                data = self.server.events(CHAT, chat(max_tokens=30, stream=True))[2][:-1]
                deltas = [json.loads(one)["choices"][0]["delta"] for one in data]
                got.append("".join(delta.get("content") or "" for delta in deltas))
            else:
                got.append(self.server.post(CHAT, chat(max_tokens=30))[2]["choices"][0]["message"]["content"])

        threads = [threading.Thread(target=ask, args=(i % 2,)) for i in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(got, [alone] * 40)


class TestFullQueue(Running):
    words = ("-m", STARTER, "--sequences", "1", "--max-waiting", "2")

    def test_what_does_not_fit_into_the_queue_is_refused(self):
        answer = self.server.post(CHAT, chat(n=20, max_tokens=100, ignore_eos=True))
        self.refused(answer, 429, "rate_limit_exceeded")
        self.assertEqual(answer[1]["Retry-After"], "1")
        self.assertEqual(self.server.get("/slots")[2], [])
        for _ in range(100):  # those that were queued leave the queue with the next step
            status = self.server.post(CHAT, chat())[0]
            if status != 429:
                break
            time.sleep(0.05)
        self.assertEqual(status, 200)

    def test_time_that_is_up_ends_an_answer(self):
        choice = self.server.post(CHAT, chat(max_tokens=480, ignore_eos=True, timeout_s=0.001))[2]["choices"][0]
        self.assertEqual(choice["finish_reason"], "length")


class TestKeys(WithFolder):
    def test_web_pages(self):
        """Not without keys, unless their origin is the one that may."""
        for words, origins in [((), {"https://a.example": 403, "null": 403}),
                               (("--cors", "https://a.example"), {"https://a.example": 200, "https://b.example": 403}),
                               (("--cors", "*"), {"https://b.example": 200})]:
            with Server(HENCE, "-m", STARTER, *words) as server:
                for origin, status in origins.items():
                    answer = server.post(CHAT, chat(), Origin=origin)
                    self.assertEqual(answer[0], status, (words, origin))
                    if status == 403:
                        self.refused(answer, 403, "origin_not_allowed")
                    self.assertEqual(server.get("/health", Origin=origin)[0], 200)
                self.assertEqual(server.post(CHAT, chat())[0], 200)

    def test_keys(self):
        path = self.folder / "keys"

        def keys(*words):
            return subprocess.run([HENCE, "keys", *words, "--file", path], check=True, text=True,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE).stdout.split()

        user = [w for w in keys("add", "me") if w.startswith("hn-")][0]
        with Server(HENCE, "-m", STARTER, "--api-keys", path) as server:
            self.refused(server.post(CHAT, chat()), 401, "invalid_api_key")
            self.refused(server.post(CHAT, chat(), Authorization="Bearer hn-wrong"), 401, "invalid_api_key")
            self.assertEqual(server.post(CHAT, chat(), Authorization=f"Bearer {user}")[0], 200)
            self.assertEqual(server.get("/v1/models", **{"x-api-key": user})[0], 200)
            self.assertEqual(server.get("/health")[0], 200)
            self.assertEqual(server.get("/v1/models")[1]["WWW-Authenticate"], "Bearer")
            later = [w for w in keys("add", "you", "--rpm", "1") if w.startswith("hn-")][0]
            server.process.send_signal(signal.SIGHUP)
            while server.get("/v1/models", Authorization=f"Bearer {later}")[0] != 200:
                pass
            self.assertEqual(server.post(CHAT, chat(), Authorization=f"Bearer {later}")[0], 200)
            answer = server.post(CHAT, chat(), Authorization=f"Bearer {later}")
            self.refused(answer, 429, "rate_limit_exceeded")
            self.assertGreater(int(answer[1]["Retry-After"]), 0)
            self.assertEqual(answer[1]["x-ratelimit-limit-requests"], "1")


    def test_models_come_and_go(self):
        path = self.folder / "admin-keys"
        made = subprocess.run([HENCE, "keys", "add", "root", "--role", "admin", "--file", path], check=True,
                              text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE).stdout
        admin = {"Authorization": "Bearer " + re.search(r"hn-\S+", made)[0]}
        with Server(HENCE, "-m", f"a={STARTER}", "--api-keys", path) as server:
            load = {"name": "org/b", "path": str(STARTER), "context": 128, "sequences": 2, "kv_type": "q8_0"}
            status, _, body = server.post("/v1/admin/models", load, **admin)
            self.assertEqual(status, 200, body)
            self.assertEqual([(m["id"], m["status"]) for m in body["data"]], [("a", "loaded"), ("org/b", "loaded")])
            self.assertEqual((body["data"][1]["context"], body["data"][1]["sequences"]), (128, 2))
            self.assertEqual(server.post(CHAT, chat(model="org/b"), **admin)[0], 200)
            for more, code, param in [({}, "model_not_loaded", None), ({"name": "c", "path": "/none"}, "model_not_loaded", None),
                                      ({"kv_type": "f8"}, "invalid_value", "kv_type"), ({"name": ""}, "model_not_loaded", None)]:
                self.refused(server.post("/v1/admin/models", {**load, **more}, **admin), 400, code, param)
            self.assertEqual(server.ask("DELETE", "/v1/admin/models/org/b", None, admin)[0], 200)
            self.refused(server.post(CHAT, chat(model="org/b"), **admin), 404, "model_not_found", "model")
            self.refused(server.ask("DELETE", "/v1/admin/models/org/b", None, admin), 404, "model_not_found", "model")
            self.refused(server.get("/v1/admin/models"), 401, "invalid_api_key")
        with Server(HENCE, "-m", STARTER) as server:
            self.refused(server.post("/v1/admin/models", load), 403, "insufficient_permissions")

    def test_an_idle_model_sleeps_and_is_woken(self):
        with Server(HENCE, "-m", f"a={STARTER}", "-m", f"b={STARTER}", "--idle-unload-s", "1") as server:
            def states():
                return [m["status"] for m in server.get("/v1/admin/models")[2]["data"]]
            alone = server.post(CHAT, chat())[2]["choices"]
            while states() != ["unloaded", "unloaded"]:
                pass
            self.assertEqual([m["id"] for m in server.get("/v1/models")[2]["data"]], ["a", "b"])
            got = []
            threads = [threading.Thread(target=lambda: got.append(server.post(CHAT, chat())[2]["choices"])) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(got, [alone] * 8)
            self.assertEqual(server.post("/tokenize", {"content": "a", "model": "b"})[0], 200)


class TestLog(WithFolder):
    def test_the_access_log(self):
        path = self.folder / "log"
        trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

        def lines(of, n):
            while not of.exists() or of.read_text(encoding="utf-8").count("\n") < n:
                pass
            return [json.loads(line) for line in of.read_text(encoding="utf-8").splitlines()]

        with Server(HENCE, "-m", f"a={STARTER}", "--access-log", path) as server:
            headers = server.post(CHAT, chat("secret"), traceparent=trace)[1]
            self.assertEqual(headers["hence-completion-tokens"], "8")
            server.post(CHAT, {})
            server.events(CHAT, chat(stream=True))
            log = lines(path, 3)
            self.assertEqual([one["status"] for one in log], [200, 400, 200])
            self.assertEqual(log[0]["id"], headers["x-request-id"])
            self.assertEqual(log[0]["trace_id"], "0af7651916cd43dd8448eb211c80319c")
            self.assertEqual((log[0]["model"], log[0]["path"], log[0]["finish"]), ("a", CHAT, "length"))
            self.assertEqual(log[2]["tokens"]["completion"], 8)
            self.assertNotIn("secret", path.read_text(encoding="utf-8"))
            path.rename(self.folder / "old")
            server.process.send_signal(signal.SIGHUP)
            while not path.exists():
                server.get("/health")
            self.assertEqual(lines(path, 1)[0]["path"], "/health")


class TestOptions(WithFolder):
    def wrong(self, status, says, *words):
        done = subprocess.run([HENCE, "serve", "--port", "0", *map(str, words)], text=True, check=False,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
        self.assertEqual((done.returncode, done.stdout), (status, ""), done.stderr)
        self.assertRegex(done.stderr, says)

    def config(self, text):
        path = self.folder / "hence.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    def test_wrong_use(self):
        self.wrong(1, "other machines.*--insecure", "-m", STARTER, "--host", "0.0.0.0")
        self.wrong(1, "nowhere.gguf", "-m", "nowhere.gguf")
        self.wrong(1, "named \"a\" already", "-m", f"a={STARTER}", "-m", f"a={STARTER}")
        self.wrong(2, "65535", "--port", "70000")
        self.wrong(2, "NAME=PATH", "-m", "=x")
        self.wrong(2, "named 'nope'; there are .*hermes.*none", "--tool-calls", "nope")
        self.wrong(2, "named 'nope'; there are .*think.*none", "--reasoning", "nope")
        self.wrong(1, "no-keys", "-m", STARTER, "--api-keys", self.folder / "no-keys")

    def test_wrong_configurations(self):
        for text, says in [
            ("port: 99999", "hence.yaml:1: port: give a number from 0 to 65535"),
            ("host: x\nprot: 1", "hence.yaml:2: there is no prot; did you mean port"),
            ("models: 3", "hence.yaml:1: models: expected a list"),
            ("models:\n  - name: a", "hence.yaml:2: models: this one has no path"),
            ("models:\n  - path: a\n    context: no", "hence.yaml:3: context: give a number"),
            ("port: [1]", "hence.yaml:1: expected one value"),
            ("a: b: c", "hence.yaml:1: "),
            ("- 1", "hence.yaml:1: expected a mapping"),
            ("insecure: maybe", "hence.yaml:1: insecure: give on or off"),
        ]:
            self.wrong(1, re.escape(says), "--config", self.config(text))

    def test_a_configuration(self):
        path = self.config(f"host: 127.0.0.1\nport: 1\nsequences: 3\ninsecure: yes\nmodels:\n"
                           f"  - name: one\n    path: {STARTER}\n    context: 256\n    kv-type: q8_0\n"
                           f"  - name: org/two\n    path: {STARTER}\n")
        with Server(HENCE, "--config", path) as server:  # --port 0 counts over the file
            models = server.get("/v1/models")[2]["data"]
            self.assertEqual([(m["id"], m["max_model_len"]) for m in models], [("one", 256), ("org/two", 512)])
            self.assertEqual(server.get("/v1/models/org/two")[2]["id"], "org/two")
            self.assertEqual(server.get("/props")[2]["total_slots"], 3)
            answer = server.post(CHAT, chat(model="org/two"))[2]
            self.assertEqual(answer["model"], "org/two")
            self.assertEqual(server.post(CHAT, chat())[2]["model"], "one")

    def test_formats_of_answers(self):
        """A prompt that ends with a marker has begun the reasoning, if the model's format has that marker."""
        path = self.config(f"reasoning: think\nmodels:\n  - name: thinks\n    path: {STARTER}\n"
                           f"  - name: plain\n    path: {STARTER}\n    reasoning: none\n    tool-calls: hermes\n")
        body = {"max_tokens": 15, "temperature": 0, "messages": [
            {"role": "user", "content": "Write a subject line for a waterproof tent."},
            {"role": "assistant", "content": "<think>"}]}
        with Server(HENCE, "--config", path) as server:
            for model, kind in [("thinks", "thinking"), ("plain", "text")]:
                status, _, answer = server.post("/v1/messages", {"model": model, **body})
                self.assertEqual(status, 200, answer)
                self.assertEqual([block["type"] for block in answer["content"]], [kind])

    def test_a_unix_socket(self):
        path = self.folder / "socket"
        with Server(HENCE, "-m", STARTER, "--unix-socket", path) as server:
            self.assertEqual(server.url, f"unix:{path}")
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(str(path))
                s.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                self.assertIn(b"200 OK", s.recv(4096))

    def test_no_model_is_the_starter(self):
        with Server(HENCE) as server:
            self.assertEqual(server.get("/v1/models")[2]["data"][0]["id"], "starter")
            self.assertIn("starter model", "".join(server.said))


class TestEnd(WithFolder):
    def begin(self, server, **more):
        """A stream that has begun."""
        body = json.dumps(chat(stream=True, ignore_eos=True, **more)).encode()
        s = server.connect()
        s.sendall(f"POST {CHAT} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        text = b""
        while b"assistant" not in text:
            text += s.recv(65536)
        return s, text

    def test_what_was_begun_is_finished(self):
        server = Server(HENCE, "-m", STARTER)
        s, text = self.begin(server, max_tokens=400)
        self.assertEqual(server.stop(), 0)
        with s:
            while b"[DONE]" not in text:
                more = s.recv(65536)
                self.assertTrue(more, text[-300:])
                text += more

    def test_a_second_signal_ends_at_once(self):
        server = Server(HENCE, "-m", STARTER, "--drain-s", 3600)
        # A reader that does not read keeps its answer open for good.
        s, _ = self.begin(server, n=16, max_tokens=490, logprobs=True, top_logprobs=20)
        self.assertEqual(server.stop((signal.SIGTERM, signal.SIGINT)), 0)
        s.close()

    def test_the_time_to_drain_is_bounded(self):
        server = Server(HENCE, "-m", STARTER, "--drain-s", 0)
        s, text = self.begin(server, n=16, max_tokens=490)
        self.assertEqual(server.stop(), 0)
        s.close()


if __name__ == "__main__":
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=1).run(suite)
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
