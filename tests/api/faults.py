"""What the tests of faults share: raw connections, and a server that has to be as it was afterwards."""

import json
import os
import pathlib
import re
import socket
import struct
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
PATIENCE_S = 120  # for what comes sooner or later, also under a sanitizer on a busy machine
SLACK_KIB = 64 << 10  # what a server may hold more than before: caches, and what malloc keeps


def chat(text="Write a subject line for a waterproof tent.", **more):
    return {"messages": [{"role": "user", "content": text}], "temperature": 0.8, "seed": 7,
            "max_tokens": 24, **more}


# An answer that takes a while. HENCE_LONG=160 is long enough for a server under a sanitizer.
LONG_TOKENS = int(os.environ.get("HENCE_LONG", "480"))
LONG = {"max_tokens": LONG_TOKENS, "ignore_eos": True}


def request_text(body, path=CHAT, **headers):
    """The bytes of a POST."""
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST {path} HTTP/1.1\r\nHost: x\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body


def read_until(s, marker, text=b""):
    """What comes on a socket until a text did."""
    while marker not in text:
        more = s.recv(65536)
        if not more:
            raise AssertionError(f"the connection ended before {marker}: {text[-500:]}")
        text += more
    return text


def read_all(s):
    """What comes until the connection ends, however it ends."""
    text = b""
    try:
        while more := s.recv(65536):
            text += more
    except ConnectionError:
        pass
    return text


def reset(s):
    """Closes a connection as a client does that was killed with data unread: by RST."""
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


def at_once(calls):
    """Runs functions at the same time, each in a thread of its own; their results in order."""
    results = [None] * len(calls)

    def run(i):
        try:
            results[i] = calls[i]()
        except Exception as error:  # whatever it is, it is the result
            results[i] = error

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def eventually(holds, what, patience_s=PATIENCE_S):
    """Waits until holds() is true."""
    end = time.monotonic() + patience_s
    while not holds():
        if time.monotonic() > end:
            raise AssertionError(f"still not {what}")
        time.sleep(0.02)


def choices(answer):
    """The choices of an answer, to the last digit."""
    status, _, body = answer
    if status != 200:
        raise AssertionError(f"{status}: {body}")
    return json.dumps(body["choices"])


def streamed(server, body):
    """The choices of a streamed answer, put together as those of a whole one."""
    status, _, data = server.events(CHAT, {**body, "stream": True})
    if status != 200 or data[-1] != "[DONE]":
        raise AssertionError(f"{status}: {data[-1:]}")
    made = {}
    for event in map(json.loads, data[:-1]):
        for part in event["choices"]:
            one = made.setdefault(part["index"], {"text": "", "logprobs": [], "finish": None})
            one["text"] += part["delta"].get("content") or ""
            one["logprobs"] += (part.get("logprobs") or {}).get("content") or []
            one["finish"] = part["finish_reason"] or one["finish"]
    return json.dumps([made[i] for i in sorted(made)])


def as_streamed(answer):
    """The same of a whole answer."""
    return json.dumps([{"text": c["message"]["content"], "logprobs": (c["logprobs"] or {}).get("content") or [],
                        "finish": c["finish_reason"]} for c in json.loads(choices(answer))])


class Watched:
    """A server whose state at rest is known."""

    probe = chat(logprobs=True, top_logprobs=3)

    def __init__(self, *words, headers=None, **more):
        self.headers = headers or {}
        self.server = Server(HENCE, *words, **more)
        self.pid = self.server.process.pid
        self.bits = self.ask()
        # The second time the prompt is in the cache, and whatever is made once has been made.
        at_once([self.ask] * 4)
        assert self.ask() == self.bits
        eventually(lambda: not self.unrest(), "at rest after the start")
        self.descriptors = self.count_descriptors()
        self.memory_kib = self.figure("VmRSS")

    def ask(self):
        return choices(self.server.ask("POST", CHAT, self.probe, self.headers))

    def figure(self, name):
        """KiB, from /proc/PID/status."""
        text = pathlib.Path(f"/proc/{self.pid}/status").read_text(encoding="utf-8")
        return int(re.search(rf"^{name}:\s+(\d+) kB$", text, re.M)[1])

    def is_sanitized(self):
        """Shadow memory is terabytes of addresses; what was freed stays a while."""
        return self.figure("VmSize") > 1 << 30

    def count_descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def metric(self, name):
        """The sum of a figure over models."""
        text = self.server.ask("GET", "/metrics", None, self.headers)[2]
        return sum(float(v) for v in re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", text, re.M))

    def unrest(self):
        """What is still going on, in words."""
        names = ["hence_requests_running", "hence_requests_waiting", "hence_kv_cache_used_ratio"]
        found = {name: self.metric(name) for name in names}
        found["hence_open_connections"] = self.metric("hence_open_connections") - 1
        return ", ".join(f"{name} {value}" for name, value in found.items() if value)

    def check(self):
        """As it was: alive, at rest, nothing kept, and the same answer as ever."""
        assert self.server.process.poll() is None, f"it is gone: {''.join(self.server.said)}"
        eventually(lambda: not self.unrest(), "at rest")
        assert self.ask() == self.bits, "the answer has changed"
        eventually(lambda: self.count_descriptors() <= self.descriptors,
                   f"back at {self.descriptors} descriptors")
        if not self.is_sanitized():
            most = self.memory_kib + SLACK_KIB
            eventually(lambda: self.figure("VmRSS") <= most, f"below {most} KiB of memory", 20)

    def stop(self, *signals):
        status = self.server.stop(*signals)
        assert status == 0, f"exit status {status}: {''.join(self.server.said)}"


class SmallDisk:
    """A file system of a few pages, while it is used; a test is skipped where none may be made."""

    def __enter__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="hence-disk-"))
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", self.path], check=False,
                              capture_output=True, text=True)
        if done.returncode:
            self.path.rmdir()
            raise unittest.SkipTest(f"no small disk: {done.stderr.strip()}")
        return self.path

    def __exit__(self, *_):
        subprocess.run(["umount", "-l", self.path], check=True)
        self.path.rmdir()


class Faults(unittest.TestCase):
    """One server for all tests of a class, which each leave it as it was."""

    maxDiff = 2000
    words = ("-m", f"starter={STARTER}")
    headers = None

    @classmethod
    def setUpClass(cls):
        cls.watched = Watched(*cls.words, headers=cls.headers)
        cls.server = cls.watched.server

    @classmethod
    def tearDownClass(cls):
        cls.watched.stop()

    def tearDown(self):
        self.watched.check()

    def refused(self, answer, status=400):
        """An answer that is an error of the API's form."""
        self.assertEqual(answer[0], status, str(answer[2])[:500])
        error = answer[2]["error"]
        self.assertEqual(sorted(error), ["code", "message", "param", "type"])
        self.assertLess(len(error["message"]), 2000)
        return error


def main():
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=1).run(suite)
    failed = len({getattr(test, "test_case", test).id() for test, _ in result.failures + result.errors})
    skipped = len(result.skipped)
    for test, why in result.skipped:
        print(f"{test.id()}: skipped: {why}")
    print(f"{result.testsRun - failed - skipped} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    sys.exit(1 if failed else 0)
