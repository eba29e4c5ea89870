#!/usr/bin/env python3
"""A server under mixed load for a while: its memory stays flat, nothing fails, and a request that is
asked again and again has the same bits. Clients come and go as they like: some in the middle of a stream,
some before their answer, some with nonsense. Usage: tools/soak.py HENCE [--minutes N] [--model FILE]"""

import argparse
import json
import os
import pathlib
import random
import re
import shutil
import socket
import statistics
import struct
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "api"))
from serving import Server  # noqa: E402: it lies with the tests

CHAT = "/v1/chat/completions"
SAMPLE_S = 5
THINGS = ["a waterproof tent", "a steel bottle", "trail shoes", "a wool blanket", "a camp stove"]
SCHEMA = {"type": "object", "properties": {"name": {"type": "string", "maxLength": 20}, "price": {"type": "integer"}},
          "required": ["name", "price"], "additionalProperties": False}


def chat(text, **more):
    return {"messages": [{"role": "user", "content": text}], "temperature": 0.8, "max_tokens": 40, **more}


class Soak:
    def __init__(self, server, seconds, clients):
        self.server = server
        self.pid = server.process.pid
        self.end = time.monotonic() + seconds
        self.seconds = seconds
        self.lock = threading.Lock()
        self.counts = {}
        self.errors = []
        self.threads = [threading.Thread(target=self.client, args=(i,)) for i in range(clients)]
        self.probe = chat("Write a subject line for a waterproof tent.", seed=7, logprobs=True, top_logprobs=3)
        self.bits = self.ask_probe()

    def count(self, what):
        with self.lock:
            self.counts[what] = self.counts.get(what, 0) + 1

    def ask_probe(self):
        status, _, body = self.server.post(CHAT, self.probe)
        return json.dumps(body["choices"]) if status == 200 else f"{status}: {body}"

    # What clients do; each returns a word for the count, or raises.

    def whole(self, rng):
        more = rng.choice([{}, {"n": 3}, {"service_tier": "flex"}, {"stop": ["e", "\n"]}, {"logprobs": True},
                           {"max_tokens": 400, "ignore_eos": True}, {"frequency_penalty": 1}])
        status, _, body = self.server.post(CHAT, chat(f"Write about {rng.choice(THINGS)}, {rng.random()}.", **more))
        if status == 429:
            return "refused"
        assert status == 200, (status, body)
        return "whole"

    def streamed(self, rng):
        status, _, data = self.server.events(CHAT, chat(f"Tell of {rng.choice(THINGS)}.", stream=True,
                                                        stream_options={"include_usage": True},
                                                        max_tokens=rng.randrange(1, 300)))
        if status == 429:
            return "refused"
        assert status == 200 and data[-1] == "[DONE]", (status, data[-1:])
        return "streamed"

    def formed(self, _):
        form = {"type": "json_schema", "json_schema": {"name": "a", "strict": True, "schema": SCHEMA}}
        status, _, body = self.server.post(CHAT, chat("A product as JSON.", response_format=form, max_tokens=200))
        if status == 429:
            return "refused"
        assert status == 200, (status, body)
        if body["choices"][0]["finish_reason"] == "stop":
            assert set(json.loads(body["choices"][0]["message"]["content"])) == {"name", "price"}
        return "in a form"

    def probed(self, _):
        bits = self.ask_probe()
        if bits.startswith("429"):
            return "refused"
        assert bits == self.bits, bits
        return "probe"

    def leave(self, rng):
        """Goes away: at once, while it waits, or in the middle of the answer."""
        stream = rng.random() < 0.7
        body = json.dumps(chat("Go on and on.", stream=stream, n=rng.randrange(1, 5), max_tokens=480,
                               ignore_eos=True)).encode()
        with self.server.connect() as s:
            text = f"POST {CHAT} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
            s.sendall(text[:rng.randrange(1, len(text))] if rng.random() < 0.2 else text)
            if stream:
                s.settimeout(rng.random())
                try:
                    for _ in range(rng.randrange(20)):
                        s.recv(4096)
                except TimeoutError:
                    pass
            if rng.random() < 0.5:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return "left"

    def nonsense(self, rng):
        body = rng.choice([b"{", b"[" * 5000, b"\xff", json.dumps(chat("tent " * 100000)).encode(),
                           json.dumps(chat("a", regex="(" * 5000)).encode(),
                           json.dumps(chat("a", temperature=9)).encode()])
        status = self.server.ask("POST", CHAT, body)[0]
        assert status in (400, 429), status
        return "refused as nonsense"

    def client(self, number):
        rng = random.Random(number)
        doings = [self.whole, self.streamed, self.formed, self.probed, self.leave, self.nonsense]
        while time.monotonic() < self.end and len(self.errors) < 20:
            doing = rng.choices(doings, [6, 5, 2, 1, 3, 1])[0]
            try:
                self.count(doing(rng))
            except Exception as error:  # whatever goes wrong is told at the end
                with self.lock:
                    self.errors.append(f"{doing.__name__}: {type(error).__name__}: {str(error)[:300]}")

    # The server, from outside.

    def memory_kib(self):
        text = pathlib.Path(f"/proc/{self.pid}/status").read_text(encoding="utf-8")
        return int(re.search(r"^VmRSS:\s+(\d+) kB$", text, re.M)[1])

    def metric(self, name):
        text = self.server.get("/metrics")[2]
        return sum(float(v) for v in re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", text, re.M))

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def at_rest(self, descriptors):
        names = ["requests_running", "requests_waiting", "kv_cache_used_ratio"]
        return all(self.metric(f"hence_{name}") == 0 for name in names) and self.descriptors() <= descriptors

    def run(self):
        """Samples of memory, in KiB."""
        samples = []
        for thread in self.threads:
            thread.start()
        while time.monotonic() < self.end and self.server.process.poll() is None:
            time.sleep(SAMPLE_S)
            samples.append(self.memory_kib())
            if len(samples) % 12 == 0:
                print(f"{len(samples) * SAMPLE_S:5} s  {samples[-1] / 1024:6.1f} MiB  "
                      f"{sum(self.counts.values()):7} requests  {len(self.errors)} errors", flush=True)
        for thread in self.threads:
            thread.join()
        return samples


def judge(soak, samples, descriptors):
    """What is wrong, in words."""
    wrong = list(soak.errors)
    # The first fifth is for caches to fill; then the first and the last quarter are compared.
    warm = samples[len(samples) // 5:]
    quarter = max(1, len(warm) // 4)
    before, after = statistics.mean(warm[:quarter]), statistics.mean(warm[-quarter:])
    print(f"memory: {before / 1024:.1f} MiB after the warm-up, {after / 1024:.1f} MiB at the end, "
          f"{max(warm) / 1024:.1f} MiB at most")
    if after > before * 1.05 + 4096:
        wrong.append("memory grows")
    end = time.monotonic() + 60
    while not (rests := soak.at_rest(descriptors)) and time.monotonic() < end:
        time.sleep(0.1)
    if not rests:
        wrong.append(f"it does not come to rest: {soak.descriptors()} descriptors, {descriptors} before")
    if soak.ask_probe() != soak.bits:
        wrong.append("the bits of the probe have changed")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.split(". ")[0])
    parser.add_argument("hence")
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--clients", type=int, default=24)
    parser.add_argument("--model", default=ROOT / "models" / "starter-chat.gguf")
    args = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="hence-soak-"))
    # Fewer pages than its sequences would like: some have to begin again.
    server = Server(args.hence, "-m", args.model, "--kv-positions", 4096, "--max-waiting", 256,
                    "--access-log", folder / "log")
    soak = Soak(server, args.minutes * 60, args.clients)
    time.sleep(1)
    descriptors = soak.descriptors()
    samples = soak.run()
    wrong = ["the server is gone"] if server.process.poll() is not None else judge(soak, samples, descriptors)
    if not wrong:
        print(f"tokens: {soak.metric('hence_prompt_tokens_total'):.0f} of prompts, "
              f"{soak.metric('hence_generation_tokens_total'):.0f} of answers, "
              f"{soak.metric('hence_preemptions_total'):.0f} preemptions")
    print("requests: " + ", ".join(f"{n} {what}" for what, n in sorted(soak.counts.items())))
    status = server.stop()
    if status:
        wrong.append(f"exit status {status}")
    if wrong:
        print("\n".join(wrong) + "\n" + "".join(server.said[-20:]))
    shutil.rmtree(folder)
    print(f"{args.minutes:g} minutes: {'flat memory, no error, the same bits' if not wrong else 'FAILED'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
