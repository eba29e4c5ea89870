#!/usr/bin/env python3
"""What requests took, as the body, the headers, the access log and /metrics of a running server tell it;
and keys. Usage: test_metering.py HENCE"""

import concurrent.futures
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

from serving import Server

ROOT = pathlib.Path(__file__).resolve().parents[2]
STARTER = ROOT / "models" / "starter-chat.gguf"
HENCE = sys.argv[1]
CHAT = "/v1/chat/completions"
WATTS = ("--idle-watts", "20", "--core-watts", "5")

if not STARTER.exists():
    print("skipped: no starter model")
    sys.exit(77)


def chat(**more):
    return {"messages": [{"role": "user", "content": "Hello"}], "temperature": 0, "max_tokens": 12,
            **more}


def figures(server, **headers):
    """/metrics as {"name{labels}": value}."""
    status, _, text = server.get("/metrics", **headers)
    assert status == 200, text
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
            for line in text.splitlines() if not line.startswith("#")}


class Metering(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hence-metering-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def keys(self, *words):
        done = subprocess.run([HENCE, "keys", *words, "--file", self.folder / "keys"], check=True,
                              text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
        return done.stdout.strip()

    def log_lines(self, n):
        """The access log once it has so many lines of chats."""
        while True:
            text = (self.folder / "log").read_text(encoding="utf-8")
            lines = [json.loads(line) for line in text.splitlines(keepends=True)
                     if line.endswith("\n")]
            lines = [line for line in lines if line["path"] == CHAT]
            if len(lines) >= n:
                return lines

    def test_all_four_places_tell_the_same(self):
        with Server(HENCE, "-m", f"m={STARTER}", "--access-log", self.folder / "log",
                    *WATTS) as server:
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                answers = list(pool.map(lambda i: server.post(CHAT, chat(n=1 + i % 3)), range(24)))
            log = self.log_lines(len(answers))
            told = figures(server)
        by_id = {line["id"]: line for line in log}
        for status, headers, body in answers:
            self.assertEqual(status, 200, body)
            took, line = body["hence"], by_id[headers["x-request-id"]]
            for name in ["class", "tokens", "seconds", "joules"]:
                self.assertEqual(took[name], line[name])
            self.assertEqual(took["tokens"]["prompt"], body["usage"]["prompt_tokens"])
            self.assertEqual(took["tokens"]["completion"], body["usage"]["completion_tokens"])
            self.assertEqual(int(headers["hence-completion-tokens"]), took["tokens"]["completion"])
            self.assertEqual(float(headers["hence-core-seconds"]), took["seconds"]["core"])
            self.assertGreater(took["joules"], 0)
        for name, values, digits in [
                ("core_seconds", [body["hence"]["seconds"]["core"] for *_, body in answers], 4),
                ("joules", [body["hence"]["joules"] for *_, body in answers], 1),
                ("prompt_tokens", [body["hence"]["tokens"]["prompt"] for *_, body in answers], 7),
                ("generation_tokens",
                 [body["hence"]["tokens"]["completion"] for *_, body in answers], 7)]:
            self.assertAlmostEqual(told[f'hence_{name}_total{{model="m"}}'], sum(values), digits)
        self.assertEqual(told['hence_requests_total{model="m",finish="length"}'] +
                         told['hence_requests_total{model="m",finish="stop"}'], len(answers))
        self.assertEqual(told['vllm:e2e_request_latency_seconds_count'
                              '{engine="0",model_name="m"}'], len(answers))

    def test_all_joules_are_those_of_the_watts(self):
        """Those of requests and the idle ones: 5 for a core-second, and 20 for a second of the clock."""
        started = time.monotonic()
        with Server(HENCE, "-m", f"m={STARTER}", *WATTS) as server:
            for _ in range(3):
                server.post(CHAT, chat())
            told = figures(server)
        elapsed = time.monotonic() - started
        if list(pathlib.Path("/sys/class/powercap").glob("intel-rapl:*/energy_uj")):
            self.skipTest("this machine may know better")
        idle = told["hence_idle_joules_total"]
        steps = told['hence_joules_total{model="m"}'] - 5 * told['hence_core_seconds_total{model="m"}']
        self.assertGreater(idle, 0)
        self.assertGreater(steps, 0)
        self.assertLess(idle + steps, 20 * elapsed)

    def test_joules_are_null_where_nobody_knows(self):
        if list(pathlib.Path("/sys/class/powercap").glob("intel-rapl:*/energy_uj")):
            self.skipTest("this machine may know")
        with Server(HENCE, "-m", f"m={STARTER}") as server:
            _, headers, body = server.post(CHAT, chat())
            self.assertIsNone(body["hence"]["joules"])
            self.assertNotIn("hence-joules", headers)
            told = figures(server)
            self.assertFalse([name for name in told if "joules" in name])

    def test_texts_are_logged_where_asked(self):
        """What the engine wrote, streamed or not; nothing of it without the option."""
        answers = []
        for words in [[], ["--log-texts"]]:
            with Server(HENCE, "-m", f"m={STARTER}", "--access-log", self.folder / "log",
                        *words) as server:
                body = server.post(CHAT, chat())[2]
                server.post(CHAT, chat(stream=True))
                answers.append(body["choices"][0]["message"]["content"])
        log = self.log_lines(4)
        self.assertEqual([sorted({"request", "answer"} & set(line)) for line in log],
                         [[], [], ["answer", "request"], ["answer", "request"]])
        self.assertEqual([line["answer"] for line in log[2:]], [answers[1]] * 2)
        self.assertEqual(json.loads(log[2]["request"]), chat())

    def test_idle_clients_are_counted(self):
        with Server(HENCE, "-m", f"m={STARTER}") as server:
            idle = [server.connect() for _ in range(5)]
            while figures(server)["hence_open_connections"] != len(idle) + 1:
                pass
            for connection in idle:
                connection.close()
            while figures(server)["hence_open_connections"] != 1:
                pass

    def test_a_full_disk_does_not_stop_the_server(self):
        with Server(HENCE, "-m", f"m={STARTER}", "--access-log", "/dev/full") as server:
            for _ in range(5):
                self.assertEqual(server.post(CHAT, chat())[0], 200)
            while figures(server)["hence_access_log_dropped_total"] < 5:
                pass
        self.assertEqual([line for line in server.said if "lines are lost" in line],
                         ["hence serve: /dev/full: lines are lost: No space left on device\n"])

    def test_keys_while_the_server_runs(self):
        user, admin = self.keys("add", "user"), self.keys("add", "boss", "--role", "admin")
        with Server(HENCE, "-m", f"m={STARTER}", "--api-keys", self.folder / "keys",
                    "--access-log", self.folder / "log", "--metrics-per-key") as server:
            bearer = {"Authorization": f"Bearer {user}"}
            self.assertEqual(server.get("/metrics", **bearer)[0], 403)
            self.assertEqual(server.post(CHAT, chat(), **bearer)[0], 200)
            told = figures(server, Authorization=f"Bearer {admin}")
            name = user.split("-")[1]
            self.assertEqual(told[f'hence_requests_total{{model="m",key="{name}",finish="length"}}'] +
                             told[f'hence_requests_total{{model="m",key="{name}",finish="stop"}}'], 1)
            self.assertEqual(self.log_lines(1)[0]["key"], name)
            self.keys("revoke", "user")
            while server.get("/v1/models", **bearer)[0] != 401:  # within a second, without a word
                pass
            self.assertEqual(server.get("/v1/models", Authorization=f"Bearer {admin}")[0], 200)

    def test_tokens_a_minute(self):
        key = self.keys("add", "user", "--tpm", "200")
        with Server(HENCE, "-m", f"m={STARTER}", "--api-keys", self.folder / "keys") as server:
            bearer = {"Authorization": f"Bearer {key}"}
            headers = server.post(CHAT, chat(), **bearer)[1]
            self.assertEqual(headers["x-ratelimit-limit-tokens"], "200")
            for _ in range(1000):
                status, headers, body = server.post(CHAT, chat(), **bearer)
                if status != 200:
                    break
            self.assertEqual((status, body["error"]["code"]), (429, "rate_limit_exceeded"))
            self.assertGreaterEqual(int(headers["Retry-After"]), 1)
            self.assertRegex(headers["x-ratelimit-reset-tokens"], r"^(\d+m)?[\d.]+m?s$")
            self.assertLess(int(headers["x-ratelimit-remaining-tokens"]), 200)
            self.assertTrue(re.search("tokens a minute; try again in", body["error"]["message"]))


if __name__ == "__main__":
    result = unittest.TextTestRunner(stream=sys.stdout).run(
        unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"]))
    failed = len(result.failures) + len(result.errors)
    skipped = len(result.skipped)
    print(f"{result.testsRun - failed - skipped} passed, {failed} failed, {skipped} skipped")
    sys.exit(1 if failed else 0)
