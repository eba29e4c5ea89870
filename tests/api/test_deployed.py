#!/usr/bin/env python3
"""What lies in deploy/, at work: the configuration of the package, and two servers behind HAProxy. Usage:
test_deployed.py HENCE"""

import http.client
import json
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest

from serving import Server

ROOT = pathlib.Path(__file__).resolve().parents[2]
STARTER = ROOT / "models" / "starter-chat.gguf"
HAPROXY = shutil.which("haproxy") or "/usr/sbin/haproxy"
HENCE = sys.argv[1]
CHAT = "/v1/chat/completions"

if not STARTER.exists():
    print("skipped: no starter model")
    sys.exit(77)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Configuration(unittest.TestCase):
    def serve(self, change):
        """A server by the package's hence.yaml, its text changed; the files it names are in a folder."""
        folder = pathlib.Path(tempfile.mkdtemp(prefix="hence-config-"))
        self.addCleanup(shutil.rmtree, folder)
        (folder / "keys").touch()
        text = (ROOT / "deploy" / "hence.yaml").read_text(encoding="utf-8")
        text = text.replace("/etc/hence/keys", str(folder / "keys"))
        text = text.replace("/var/log/hence/access.log", str(folder / "log"))
        (folder / "hence.yaml").write_text(change(text), encoding="utf-8")
        with Server(HENCE, "--config", folder / "hence.yaml") as server:
            self.assertEqual(server.get("/health")[0], 200)
            self.assertEqual(server.get("/v1/models")[0], 401)

    def test_as_it_comes(self):
        self.serve(lambda text: text)

    def test_with_a_model_where_its_comment_has_one(self):
        self.serve(lambda text: re.sub(r"# ( *- name|  +path|models)", r"\1", text).replace(
            "/var/lib/hence/model.gguf", str(STARTER)))


@unittest.skipUnless(pathlib.Path(HAPROXY).exists(), "there is no haproxy")
class Replicas(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hence-haproxy-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.servers = [Server(HENCE, "-m", f"starter={STARTER}", "-t", "1") for _ in range(2)]
        for server in self.servers:
            self.addCleanup(server.stop)
        self.port = free_port()
        text = (ROOT / "deploy" / "haproxy.cfg").read_text(encoding="utf-8")
        text = text.replace("maxconn 20000", "maxconn 200")
        text = text.replace("bind :8000", f"bind 127.0.0.1:{self.port}")
        text = text.replace("127.0.0.1:8404", f"127.0.0.1:{free_port()}")
        text = re.sub(r"    server hence\d .*\n", "", text)
        servers = "".join(f"    server hence{i} {server.address}\n"
                          for i, server in enumerate(self.servers))
        text = text.replace("    option redispatch 1\n", "    option redispatch 1\n" + servers)
        (self.folder / "haproxy.cfg").write_text(text, encoding="utf-8")
        self.start_haproxy()

    def start_haproxy(self):
        self.proxy = subprocess.Popen(
            [HAPROXY, "-db", "-f", self.folder / "haproxy.cfg"], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(self.proxy.wait)
        self.addCleanup(self.proxy.kill)
        while self.proxy.poll() is None:
            try:
                if self.ask("GET", "/health")[0] == 200:
                    return
            except OSError:
                time.sleep(0.02)
        self.fail("haproxy ended")

    def ask(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, body and json.dumps(body))
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, text

    def chat(self, **more):
        return {"messages": [{"role": "user", "content": "Hello"}], "temperature": 0,
                "max_tokens": 16, **more}

    def answered(self, server):
        """Requests that one server answered."""
        lines = server.get("/metrics")[2].splitlines()
        return sum(float(line.split()[1]) for line in lines
                   if line.startswith("hence_requests_total"))

    def test_requests_are_spread_and_streams_are_passed_on(self):
        for stream in [False, True] * 4:
            status, text = self.ask("POST", CHAT, self.chat(stream=stream))
            self.assertEqual(status, 200, text)
            if stream:
                self.assertIn(b"data: [DONE]", text)
        counts = [self.answered(server) for server in self.servers]
        self.assertEqual(sum(counts), 8)
        self.assertGreater(min(counts), 0)
        self.assertEqual(self.ask("GET", "/metrics")[0], 403)

    def test_a_server_may_go(self):
        """Nobody notices: before it is found missing, its requests are tried elsewhere."""
        self.servers[0].stop()
        for _ in range(6):
            status, text = self.ask("POST", CHAT, self.chat())
            self.assertEqual(status, 200, text)
        self.assertEqual(self.answered(self.servers[1]), 6)


if __name__ == "__main__":
    result = unittest.TextTestRunner(stream=sys.stdout).run(
        unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"]))
    failed = len(result.failures) + len(result.errors)
    skipped = len(result.skipped)
    print(f"{result.testsRun - failed - skipped} passed, {failed} failed, {skipped} skipped")
    sys.exit(1 if failed else 0)
