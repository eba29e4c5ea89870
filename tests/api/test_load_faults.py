#!/usr/bin/env python3
"""A server that runs out of something, or that is told something, while it is busy: what was admitted is
answered, with the bits it has alone. Usage: test_load_faults.py HENCE"""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest

import faults
from faults import (CHAT, HENCE, LONG, STARTER, Faults, Watched, as_streamed, at_once, chat, choices, eventually,
                    read_all, read_until, request_text, streamed)


def different(n, **more):
    """Requests that have little in common."""
    words = ["waterproof tent", "steel bottle", "wool blanket", "trail shoes", "camp stove"]
    return [chat(f"Write {i % 5 + 1} subject lines for a {words[i % 5]}, number {i}.", seed=i,
                 **{"max_tokens": 20 + i, **more}) for i in range(n)]


class TestSameBits(Faults):
    def test_alone_and_among_32_others(self):
        """Whole and streamed, with a seed and to the last digit of the log-probabilities."""
        bodies = different(33, logprobs=True, top_logprobs=5)
        bodies[3]["n"] = 3
        bodies[4]["temperature"] = 0
        bodies[5]["stop"] = ["e"]
        bodies[6]["frequency_penalty"] = 1.5
        bodies[7]["regex"] = "[a-z ]{5,40}"
        alone = [self.server.post(CHAT, body) for body in bodies]
        whole, apart = list(map(choices, alone)), list(map(as_streamed, alone))
        self.assertEqual([streamed(self.server, body) for body in bodies[:8]], apart[:8])
        for turn in range(2):
            calls = [(lambda b=b: streamed(self.server, b)) if i % 2 == turn else
                     (lambda b=b: choices(self.server.post(CHAT, b))) for i, b in enumerate(bodies)]
            wanted = [apart[i] if i % 2 == turn else whole[i] for i in range(33)]
            self.assertEqual(at_once(calls), wanted)


class TestSignals(unittest.TestCase):
    """Each has a server of its own."""

    words = ("-m", f"starter={STARTER}")

    def begin(self, server, body):
        s = server.connect()
        s.sendall(request_text(body, Connection="close"))
        return s

    def refuses(self, server):
        """Whether it has noticed that it is to end."""
        try:
            with server.connect() as s:
                s.sendall(request_text(chat(max_tokens=1)))
                return b" 503 " in s.recv(4096)
        except OSError:
            return True

    def test_terminated_under_load(self):
        """What was admitted is finished, with the same bits; what comes now is not begun."""
        watched = Watched(*self.words, "--drain-s", 3600)
        server = watched.server
        bodies = different(40, **LONG)
        alone = [as_streamed(server.post(CHAT, body)) for body in bodies]
        late = server.connect()
        text = request_text(chat())
        late.sendall(text[:-1])
        began = [self.begin(server, {**body, "stream": True}) for body in bodies[:16]]
        texts = [read_until(s, b"assistant") for s in began]
        waiting = [self.begin(server, body) for body in bodies[16:]]
        eventually(lambda: watched.metric("hence_requests_running") + watched.metric("hence_requests_waiting") > 23
                   or not watched.metric("hence_requests_running"), "all of them there")
        server.process.send_signal(signal.SIGTERM)
        eventually(lambda: self.refuses(server), "refusing")
        try:
            late.sendall(text[-1:])
            answer = read_all(late)
        except OSError:
            answer = b""
        self.assertRegex(answer, b"^$|^HTTP/1.1 503 ")
        ends = at_once([lambda s=s: read_all(s) for s in began + waiting])
        self.assertEqual(server.stop(()), 0)
        for head, rest in zip(texts, ends):
            self.assertIn(b"[DONE]", head + rest)
        for wanted, answer in zip(alone[16:], ends[16:]):
            body = json.loads(answer.partition(b"\r\n\r\n")[2])
            self.assertEqual(as_streamed((200, None, body)), wanted)
        for s in began + waiting + [late]:
            s.close()

    def test_terminated_twice(self):
        """The second time nobody is waited for."""
        watched = Watched(*self.words, "--drain-s", 3600)
        server = watched.server
        began = [self.begin(server, chat(n=64, stream=i % 2 == 0, **LONG)) for i in range(16)]
        read_until(began[0], b"assistant")
        server.process.send_signal(signal.SIGTERM)
        eventually(lambda: self.refuses(server), "refusing")  # two signals at once are one
        self.assertEqual(server.stop((signal.SIGTERM,)), 0)
        for s in began:
            read_all(s)
            s.close()

    def test_terminated_while_it_starts(self):
        for wait_s in [0, 0.005, 0.02, 0.05]:
            process = subprocess.Popen([HENCE, "serve", "--port", "0", *self.words], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(wait_s)
            process.send_signal(signal.SIGTERM)
            self.assertIn(process.wait(timeout=120), (0, 1, 130, -signal.SIGTERM))


class TestReloads(Faults):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="hence-faults-"))
        cls.keys, cls.log = cls.folder / "keys", cls.folder / "log"
        cls.admin = cls.key("root", "--role", "admin")
        cls.headers = {"Authorization": f"Bearer {cls.admin}"}
        cls.words = ("-m", f"starter={STARTER}", "--api-keys", cls.keys, "--access-log", cls.log)
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        shutil.rmtree(cls.folder)

    @classmethod
    def key(cls, name, *words):
        made = subprocess.run([HENCE, "keys", "add", name, *words, "--file", cls.keys], check=True, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
        return re.search(r"hn-\S+", made)[0]

    def post(self, body, key=None):
        return self.server.post(CHAT, body, Authorization=f"Bearer {key or self.admin}")

    def test_hangups_during_load(self):
        bodies = different(24, max_tokens=200, ignore_eos=True)
        alone = [choices(self.post(body)) for body in bodies]
        stop = threading.Event()

        def hang_up():
            while not stop.is_set():
                self.server.process.send_signal(signal.SIGHUP)
                if self.log.exists():
                    self.log.rename(self.log.with_suffix(".old"))
                time.sleep(0.005)

        thread = threading.Thread(target=hang_up)
        thread.start()
        answers = at_once([lambda b=b: choices(self.post(b)) for b in bodies])
        stop.set()
        thread.join()
        self.assertEqual(answers, alone)

    def test_a_bad_file_of_keys_changes_nothing(self):
        good = self.keys.read_bytes()

        def put(content):
            new = self.folder / "new"
            new.write_bytes(content)
            new.rename(self.keys)
            self.server.process.send_signal(signal.SIGHUP)

        try:
            for bad in [b"nonsense\n", b"\xff" * 1000, b"x" * 1000000]:
                said = len(self.server.said)
                put(bad)
                eventually(lambda n=said: len(self.server.said) > n, "told that the file is bad")
                self.assertEqual(self.post(chat(max_tokens=1))[0], 200)
        finally:
            put(good)

    def test_a_key_revoked_in_the_middle_of_a_stream(self):
        """What was begun with it is finished; it begins nothing more."""
        key = self.key("guest")
        self.server.process.send_signal(signal.SIGHUP)
        eventually(lambda: self.post(chat(max_tokens=1), key)[0] == 200, "a key that counts")
        s = self.server.connect()
        s.sendall(request_text(chat(stream=True, n=16, **LONG), Authorization=f"Bearer {key}"))
        text = read_until(s, b"assistant")
        subprocess.run([HENCE, "keys", "revoke", "guest", "--file", self.keys], check=True,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        self.server.process.send_signal(signal.SIGHUP)
        eventually(lambda: self.post(chat(max_tokens=1), key)[0] == 401, "a key that counts no more")
        read_until(s, b"[DONE]", text)
        s.close()

    def test_a_model_unloaded_while_it_is_used(self):
        """What was admitted is answered; the pages and descriptors of the model are given back."""
        for _ in range(3):
            load = {"name": "second", "path": str(STARTER), "sequences": 2}
            self.assertEqual(self.server.post("/v1/admin/models", load, **self.headers)[0], 200)
            bodies = [{**body, "model": "second"} for body in different(6, **LONG)]
            alone = [choices(self.post(body)) for body in bodies[:1]] + [None] * 5
            s = self.server.connect()
            s.sendall(request_text({**bodies[0], "stream": True, "n": 16}, **self.headers))
            text = read_until(s, b"assistant")
            deleted = threading.Thread(target=self.server.ask, args=(
                "DELETE", "/v1/admin/models/second", None, self.headers))
            deleted.start()
            answers = at_once([lambda b=b: self.post(b) for b in bodies])
            for wanted, answer in zip(alone, answers):
                self.assertIn(answer[0], (200, 404, 503), answer[2])
                if answer[0] == 200 and wanted:
                    self.assertEqual(choices(answer), wanted)
            read_until(s, b"[DONE]", text)
            s.close()
            deleted.join()
            eventually(lambda: self.post(bodies[0])[0] == 404, "a model that is gone")


class TestFewPages(Faults):
    """Room for two long answers, and sixteen that are written at the same time."""

    words = ("-m", f"starter={STARTER}", "--kv-positions", 2 * faults.LONG_TOKENS + 96)

    def test_out_of_pages(self):
        """Nobody is refused: some begin again, and their bits are the same."""
        bodies = different(24, **LONG)
        alone = [choices(self.server.post(CHAT, body)) for body in bodies]
        before = self.watched.metric("hence_preemptions_total")
        for _ in range(2):
            self.assertEqual(at_once([lambda b=b: choices(self.server.post(CHAT, b)) for b in bodies]), alone)
        self.assertGreater(self.watched.metric("hence_preemptions_total"), before)

    def test_out_of_pages_and_gone(self):
        connections = []
        for body in different(24, stream=True, **LONG):
            s = self.server.connect()
            s.sendall(request_text(body))
            connections.append(s)
        read_until(connections[0], b"assistant")
        for s in connections:
            faults.reset(s)


class TestVeryFewPages(Faults):
    """Not even room for a whole context."""

    words = ("-m", f"starter={STARTER}", "--kv-positions", 64)

    def test_the_context_is_what_there_is(self):
        self.assertEqual(self.server.get("/v1/models")[2]["data"][0]["max_model_len"], 64)
        answers = at_once([lambda: self.server.post(CHAT, chat(**LONG))] * 8)
        for answer in answers:
            self.assertEqual(answer[2]["usage"]["total_tokens"], 64)
            self.assertEqual(choices(answer), choices(answers[0]))
        error = self.refused(self.server.post(CHAT, chat("tent " * 64)))
        self.assertEqual(error["code"], "context_length_exceeded")


class TestFullQueue(Faults):
    words = ("-m", f"starter={STARTER}", "--sequences", 1, "--max-waiting", 4)

    def test_a_full_queue(self):
        """Too many: some are told so, and when to come again; the others are answered."""
        body = chat(**LONG)
        alone = choices(self.server.post(CHAT, body))
        answers = at_once([lambda: self.server.post(CHAT, body)] * 24)
        good = [answer for answer in answers if answer[0] == 200]
        for answer in good:
            self.assertEqual(choices(answer), alone)
        self.assertGreaterEqual(len(good), 4)
        for answer in answers:
            if answer[0] != 200:
                self.refused(answer, 429)
                self.assertGreater(int(answer[1]["Retry-After"]), 0)
        self.refused(self.server.post(CHAT, chat(n=64, **LONG)), 429)


class TestFullDisk(unittest.TestCase):
    def lines_are_lost(self, path):
        watched = Watched("-m", f"starter={STARTER}", "--access-log", path)
        answers = at_once([watched.ask] * 40)
        self.assertEqual(answers, [watched.bits] * 40)
        eventually(lambda: watched.server.get("/health")[0] == 200
                   and watched.metric("hence_access_log_dropped_total") > 0, "told of what is lost")
        self.assertIn("lines are lost: No space left on device", "".join(watched.server.said))
        return watched

    def test_a_device_that_is_full(self):
        watched = self.lines_are_lost("/dev/full")
        watched.check()
        watched.stop()

    def test_a_disk_that_is_full_for_a_while(self):
        with faults.SmallDisk() as disk:
            filler = disk / "filler"
            with open(filler, "wb", buffering=0) as out:
                try:
                    while True:
                        out.write(b"x" * 1000)
                except OSError:
                    pass
            watched = self.lines_are_lost(disk / "log")
            os.unlink(filler)
            eventually(lambda: watched.server.get("/health")[0] == 200
                       and "is written again" in "".join(watched.server.said), "writing again")
            watched.check()
            watched.stop()
            lines = (disk / "log").read_text(encoding="utf-8").splitlines()
            self.assertEqual(json.loads(lines[-1])["path"], CHAT)


if __name__ == "__main__":
    faults.main()
