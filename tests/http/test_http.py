#!/usr/bin/env python3
"""HTTP from outside, over real sockets: test_http.py PATH_TO_HTTP_TOOL."""

import contextlib
import http.client
import json
import os
import re
import select
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import unittest

TOOL = None
PATIENCE = 20  # seconds after which something that should come is held to be lost


class Server:
    def __init__(self, *options, **kwargs):
        self.process = subprocess.Popen([TOOL, "port=0", *options], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        **kwargs)
        self.url = self.process.stdout.readline().strip()
        port = re.search(r":(\d+)$", self.url)
        self.port = int(port.group(1)) if port else None
        self.errors = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """Every server must end well, whatever was done to it (sanitizers tell by the status)."""
        try:
            self.process.stdin.write("stop\n")
            self.process.stdin.close()
        except BrokenPipeError:
            pass  # it is dead already, and its errors say why
        self.process.stdin = None
        _, self.errors = self.process.communicate(timeout=60)
        if self.process.returncode != 0:
            raise AssertionError(f"the server ended with {self.process.returncode}: {self.errors}")

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return [int(n) for n in self.process.stdout.readline().split()]

    def open(self):
        return self.tell("open")[0]

    def gone(self):
        return self.tell("open")[1]

    def complaints(self):
        return self.tell("open")[2]

    def connect(self):
        s = socket.create_connection(("127.0.0.1", self.port))
        s.settimeout(PATIENCE)
        return s

    def client(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)


def until(condition, what):
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"never: {what}")
        time.sleep(0.01)


def request(target, method="GET", headers="", body=b""):
    return f"{method} {target} HTTP/1.1\r\nHost: a\r\n{headers}\r\n".encode() + body


def all_of(s):
    got = b""
    while True:
        piece = s.recv(65536)
        if not piece:
            return got
        got += piece


def read_until(s, end):
    got = b""
    while not got.endswith(end):
        piece = s.recv(65536)
        if not piece:
            raise AssertionError(f"ended after {got!r}")
        got += piece
    return got


def status_of(answer):
    return int(answer.split(b" ", 2)[1])


class Basics(unittest.TestCase):
    OPTIONS = []

    @classmethod
    def setUpClass(cls):
        cls.server = Server("max_body=100000", "max_header=4000", *cls.OPTIONS)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def ask(self, raw):
        with self.server.connect() as s:
            s.sendall(raw)
            return all_of(s)

    def refused(self, raw, status):
        answer = self.ask(raw)
        self.assertEqual(status_of(answer), status, answer)
        head, body = answer.split(b"\r\n\r\n", 1)
        self.assertIn(b"\r\nConnection: close", head)
        self.assertIn(b"\r\nContent-Type: application/json", head)
        self.assertEqual(json.loads(body)["error"], status)
        return json.loads(body)["message"]

    def test_keep_alive(self):
        c = self.server.client()
        for i in range(20):
            c.request("POST", "/echo", body=b"x" * i)
            answer = c.getresponse()
            self.assertEqual((answer.status, answer.read()), (200, b"x" * i))
            first = c.sock if i == 0 else first
            self.assertIs(c.sock, first)
        self.assertRegex(answer.headers["Date"], r"^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$")
        c.close()

    def test_connection_close(self):
        answer = self.ask(request("/ok", headers="Connection: close\r\n"))
        self.assertTrue(answer.endswith(b"\r\n\r\nok"))
        self.assertIn(b"\r\nConnection: close\r\n", answer)

    def test_http_1_0(self):
        answer = self.ask(b"GET /stream?3 HTTP/1.0\r\n\r\n")
        self.assertNotIn(b"chunked", answer)
        self.assertTrue(answer.endswith(b"\r\n\r\npiece 0\npiece 1\npiece 2\n"), answer)
        with self.server.connect() as s:
            for _ in range(2):
                s.sendall(b"GET /ok HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
                self.assertIn(b"\r\nConnection: keep-alive\r\n", read_until(s, b"\r\n\r\nok"))

    def test_pipelining_keeps_the_order(self):
        targets = [f"/{i}" if i % 3 else f"/late?{i % 7}" for i in range(200)]
        answers = self.ask(b"".join(map(request, targets)) +
                           request("/last", headers="Connection: close\r\n"))
        bodies = [part.split(b"\r\n\r\n", 1)[1] for part in answers.split(b"HTTP/1.1 200 OK")[1:]]
        wanted = [f"GET|/{i}|||127.0.0.1".encode() if i % 3 else b"late" for i in range(200)]
        self.assertEqual(bodies, wanted + [b"GET|/last|||127.0.0.1"])

    def test_byte_by_byte(self):
        with self.server.connect() as s:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in request("/p%61th?q", "POST", "x-TEST: one\r\nContent-Length: 2\r\n"
                                "Connection: close\r\n", b"ab"):
                s.sendall(bytes([byte]))
            self.assertTrue(all_of(s).endswith(b"\r\n\r\nPOST|/path|q|one|127.0.0.1"))

    def test_half_a_request_then_away(self):
        for cut in 1, 20, 60, 90:
            with self.server.connect() as s:
                s.sendall(request("/echo", "POST", "Content-Length: 2000\r\n", b"x" * 1000)[:cut])
        self.assertEqual(self.server.open(), 0)

    def test_targets(self):
        for target, path, query in [("/a%20b%2Fc?x=%20", "/a b/c", "x=%20"), ("/?", "/", ""),
                                    ("http://other/x?y", "/x", "y"), ("http://other", "/", ""),
                                    ("/a?b?c#d", "/a", "b?c"), ("*", "*", "")]:
            answer = self.ask(request(target, "OPTIONS", "Connection: close\r\n"))
            self.assertTrue(answer.endswith(f"OPTIONS|{path}|{query}||127.0.0.1".encode()), answer)

    def test_head(self):
        answer = self.ask(request("/ok", "HEAD") + request("/stream?2", "HEAD") +
                          request("/ok", headers="Connection: close\r\n"))
        heads = answer.split(b"HTTP/1.1 200 OK\r\n")
        self.assertEqual([h.count(b"\r\n\r\n") for h in heads], [0, 1, 1, 1], answer)
        self.assertIn(b"\r\nContent-Length: 2\r\n", heads[1])
        self.assertTrue(heads[1].endswith(b"\r\n\r\n") and heads[2].endswith(b"\r\n\r\n"))

    def test_chunked_request(self):
        answer = self.ask(request("/echo", "POST", "Transfer-Encoding: chunked\r\nConnection: close\r\n",
                                  b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: t\r\n\r\n"))
        self.assertTrue(answer.endswith(b"\r\n\r\nabcde"), answer)

    def test_expect_continue(self):
        with self.server.connect() as s:
            s.sendall(request("/echo", "POST", "Expect: 100-continue\r\nContent-Length: 3\r\n"))
            self.assertEqual(read_until(s, b"\r\n\r\n"), b"HTTP/1.1 100 Continue\r\n\r\n")
            s.sendall(b"abc")
            self.assertEqual(status_of(read_until(s, b"abc")), 200)
        self.refused(request("/echo", "POST", "Expect: 100-continue\r\nContent-Length: 100001\r\n"), 413)
        self.refused(request("/echo", "POST", "Expect: miracles\r\nContent-Length: 3\r\n"), 417)

    def test_upgrade_is_not_done(self):
        answer = self.ask(request("/ok", headers="Connection: Upgrade, close\r\nUpgrade: h2c\r\n"))
        self.assertTrue(answer.endswith(b"\r\n\r\nok"), answer)

    def test_malformed(self):
        for raw, status in [
                (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 501), (b"BREW / HTTP/1.1\r\n\r\n", 501),
                (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505), (b"GET / HTTP/1.1\r\n\r\n", 400),
                (b"GET /\r\n\r\n", 505), (b"GET / HTTX/1.1\r\n\r\n", 400), (request("/%zz"), 400),
                (request("/%00"), 400), (request("/%4"), 400), (request("x"), 400),
                (request("host:80", "CONNECT"), 400), (request("/", headers="a b: c\r\n"), 400),
                (request("/", headers="a: b\x00c\r\n"), 400), (request("/", headers=": c\r\n"), 400),
                (request("/", "POST", "Content-Length: -5\r\n"), 400),
                (request("/", "POST", "Content-Length: 99999999999999999999999\r\n"), 400),
                (request("/", "POST", "Content-Length: 5\r\nContent-Length: 6\r\n", b"hello"), 400),
                (request("/", "POST", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), 400),
                (request("/", "POST", "Transfer-Encoding: gzip\r\n"), 501),
                (request("/", "POST", "Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n"), 501),
                (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
                (request("/", "POST", "Transfer-Encoding: chunked\r\n", b"zz\r\n"), 400)]:
            with self.subTest(raw=raw):
                self.refused(raw, status)

    def test_too_large(self):
        self.refused(request("/", headers="X: " + "a" * 5000 + "\r\n"), 431)
        self.refused(request("/" + "a" * 5000), 431)
        self.refused(request("/", headers="a:b\r\n" * 1100), 431)
        self.refused(request("/", "POST", "Content-Length: 100001\r\n"), 413)
        chunk = b"186a0\r\n" + b"x" * 100000 + b"\r\n"
        self.refused(request("/", "POST", "Transfer-Encoding: chunked\r\n", chunk + b"1\r\nx\r\n"), 413)
        answer = self.ask(request("/echo", "POST", "Content-Length: 100000\r\nConnection: close\r\n",
                                  b"x" * 100000))
        self.assertTrue(answer.endswith(b"\r\n\r\n" + b"x" * 100000))

    def test_a_gigabyte_announced(self):
        """Not read to its end, and a client that writes before it reads gets its answer all the same."""
        with self.server.connect() as s:
            s.sendall(request("/echo", "POST", "Content-Length: 1073741824\r\n"))
            sent = 0
            try:
                while sent < 1 << 30:
                    sent += s.send(b"x" * 65536)
            except OSError:
                pass
            self.assertLess(sent, 128 << 20)
            self.assertEqual(status_of(s.recv(65536)), 413)
        with self.server.connect() as s:  # a small excess is taken, so that nothing is reset
            s.sendall(request("/echo", "POST", "Content-Length: 1000000\r\n", b"x" * 1000000))
            self.assertEqual(status_of(all_of(s)), 413)

    def test_no_answer(self):
        answer = self.ask(request("/none", headers="Connection: close\r\n"))
        self.assertEqual(status_of(answer), 500)
        self.assertEqual(json.loads(answer.split(b"\r\n\r\n", 1)[1])["error"], 500)

    def test_stream_from_another_thread(self):
        c = self.server.client()
        for n, pause in (50, 1), (20000, 0):
            c.request("GET", f"/stream?{n},{pause}")
            answer = c.getresponse()
            self.assertEqual(answer.headers["Transfer-Encoding"], "chunked")
            self.assertEqual(answer.read(), b"".join(b"piece %d\n" % i for i in range(n)))
        c.close()

    def test_pieces_come_as_they_are_written(self):
        with self.server.connect() as s:
            s.sendall(request("/stream?100000,50"))
            read_until(s, b"piece 1\n\r\n")

    def test_many_streams(self):
        streams = [self.server.connect() for _ in range(300)]
        for s in streams:
            s.sendall(request("/stream?5,20", headers="Connection: close\r\n"))
        for s in streams:
            self.assertTrue(all_of(s).endswith(b"piece 4\n\r\n0\r\n\r\n"))
            s.close()

    def test_asked_and_closed_the_sending_side(self):
        with self.server.connect() as s:
            s.sendall(request("/ok"))
            s.shutdown(socket.SHUT_WR)
            self.assertTrue(all_of(s).endswith(b"\r\n\r\nok"))


class Visited(Basics):
    """The same where other threads do the loops' work."""

    OPTIONS = ["visitors=2"]

    def who(self, server):
        with contextlib.closing(server.client()) as client:
            client.request("GET", "/who")
            return client.getresponse().read()

    def test_visitors_come_and_go(self):
        for word in "rest", "leave":
            with Server(*self.OPTIONS) as server:
                until(lambda: self.who(server) == b"visitor", "a visitor")
                server.tell(word)
                until(lambda: self.who(server) == b"loop", "a loop's own thread")


class Clients(unittest.TestCase):
    def test_gone_while_nothing_is_written(self):
        with Server() as server:
            for i, target in enumerate(["/hold", "/late?1000000"]):
                s = server.connect()
                s.sendall(request(target))
                until(lambda: server.open() == 1, "the request is at the handler")
                s.close()
                until(lambda: server.gone() == i + 1, "the handler is told")
                until(lambda: server.open() == 0, "the exchange is closed")

    def test_gone_with_requests_waiting(self):
        """More than is read ahead, so the end of the stream lies behind bytes that nobody reads."""
        with Server() as server:
            s = server.connect()
            s.sendall(request("/hold"))
            until(lambda: server.open() == 1, "the request is at the handler")
            s.settimeout(0.5)
            try:
                while True:
                    s.sendall(request("/ok") * 1000)
            except socket.timeout:
                pass
            s.close()
            until(lambda: server.gone() == 1, "the handler is told")

    def test_killed_mid_stream(self):
        with Server() as server:
            streams = [server.connect() for _ in range(50)]
            for s in streams:
                s.sendall(request("/stream?1000000,1"))
            for s in streams:
                s.recv(100)
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                s.close()  # a reset
            until(lambda: server.open() == 0, "all are closed")
            self.assertEqual(server.gone(), 50)

    def test_slow_reader_is_cut_off(self):
        with Server("max_unsent=1000000") as server:
            with server.connect() as s, server.connect() as other:
                s.sendall(request("/flood"))
                ends = select.poll()
                ends.register(s, select.POLLRDHUP)
                self.assertTrue(ends.poll(PATIENCE * 1000), "it is not cut off")
                until(lambda: server.open() == 0, "its exchange is closed")
                other.sendall(request("/ok"))
                read_until(other, b"ok")
        self.assertIn("flood ended: limit exceeded", server.errors)

    def test_requests_without_reading(self):
        """Answers that nobody reads make the server stop taking requests."""
        with Server() as server:
            with server.connect() as s:
                s.settimeout(1)
                sent = 0
                with self.assertRaises(socket.timeout):
                    while sent < 1 << 28:
                        sent += s.send(request("/echo", "POST", "Content-Length: 50000\r\n", b"x" * 50000))
                self.assertLess(sent, 1 << 27)

    def test_many_large_bodies(self):
        with Server("max_bodies=10000000") as server:
            kept, answer = [], b""
            while not answer:
                kept.append(server.connect())
                self.assertLess(len(kept), 10)
                kept[-1].sendall(request("/echo", "POST", "Content-Length: 3000000\r\n", b"x" * 2000000))
                kept[-1].settimeout(0.3)
                try:
                    answer = kept[-1].recv(65536)
                except socket.timeout:
                    pass
            self.assertEqual(status_of(answer), 503)
            with server.connect() as s:  # small ones go on
                s.sendall(request("/echo", "POST", "Content-Length: 3\r\n", b"abc"))
                read_until(s, b"abc")
            for s in kept:
                s.close()
            self.answers_again(server, request("/echo", "POST", "Content-Length: 3000000\r\n"
                                               "Connection: close\r\n", b"x" * 3000000))

    def test_out_of_memory(self):
        """Whichever allocation fails: one connection may suffer, the server goes on."""
        raw = (request("/echo?x", "POST", "Content-Length: 3\r\n", b"abc") + request("/x") +
               request("/" + "y" * 300, "OPTIONS", "Origin: a\r\n"
                                              "Access-Control-Request-Method: GET\r\n") +
               request("/ok", "POST", "Transfer-Encoding: chunked\r\n", b"zz\r\n"))
        whole = 0
        with Server("threads=1", "cors=*") as server:
            self.answers_again(server)
            for n in range(1, 120):
                server.tell(f"fail {n}")
                with server.connect() as s:
                    try:
                        s.sendall(raw)
                        if n % 2:
                            s.shutdown(socket.SHUT_WR)
                        answer = all_of(s)
                        whole += answer.count(b"HTTP/1.1 ") == 4
                    except OSError:
                        pass
                server.tell("fail 0")
                with server.connect() as s:
                    s.sendall(request("/ok", headers="Connection: close\r\n"))
                    self.assertTrue(all_of(s).endswith(b"ok"), n)
            until(lambda: server.open() == 0, "nothing is left")
        self.assertGreater(whole, 0)

    def test_late_request(self):
        with Server("request_s=1") as server:
            with server.connect() as silent, server.connect() as s:
                s.sendall(request("/ok") + b"GET / HT")
                answer = all_of(s)
                self.assertEqual(answer.count(b"HTTP/1.1 200"), 1)
                self.assertEqual(status_of(answer[answer.index(b"ok") + 2:]), 408)
                self.assertEqual(all_of(silent), b"")

    def test_idle_connection(self):
        with Server("idle_s=1") as server, server.connect() as s:
            s.sendall(request("/ok"))
            self.assertTrue(all_of(s).endswith(b"ok"))

    def test_connections_in_all(self):
        with Server("max_connections=5") as server:
            kept = [server.connect() for _ in range(5)]
            for s in kept:
                s.sendall(request("/ok"))
                read_until(s, b"ok")
            with server.connect() as s:
                self.assertEqual(status_of(all_of(s)), 503)
            kept.pop().close()
            self.answers_again(server)
            for s in kept:
                s.close()

    def test_connections_of_an_address(self):
        with Server("max_per_address=3") as server:
            kept = [server.connect() for _ in range(3)]
            for s in kept:
                s.sendall(request("/ok"))
                read_until(s, b"ok")
            with server.connect() as s:
                answer = all_of(s)
                self.assertEqual(status_of(answer), 429)
                self.assertIn(b"\r\nRetry-After: ", answer)
            with socket.create_connection(("127.0.0.1", server.port),
                                          source_address=("127.0.0.2", 0)) as s:
                s.sendall(request("/x", headers="Connection: close\r\n"))
                self.assertTrue(all_of(s).endswith(b"|127.0.0.2"))
            kept.pop().close()
            self.answers_again(server)
            for s in kept:
                s.close()

    def answers_again(self, server, raw=request("/ok", headers="Connection: close\r\n")):
        def once():
            with server.connect() as s:
                s.sendall(raw)
                return status_of(all_of(s)) == 200
        until(once, "there is room again")


class Ways(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)

    def path(self, name):
        return os.path.join(self.dir.name, name)

    def test_cors(self):
        asks = request("/ok", "OPTIONS", "Origin: http://a\r\nAccess-Control-Request-Method: POST\r\n"
                       "Access-Control-Request-Headers: authorization, x-a\r\nConnection: close\r\n")
        with Server() as server, server.connect() as s:
            s.sendall(asks)
            self.assertNotIn(b"Access-Control", all_of(s))
        with Server("cors=http://a") as server:
            with server.connect() as s:
                s.sendall(asks)
                answer = all_of(s)
                self.assertEqual(status_of(answer), 204)
                for line in (b"Access-Control-Allow-Origin: http://a", b"Vary: Origin",
                             b"Access-Control-Allow-Headers: authorization, x-a"):
                    self.assertIn(b"\r\n" + line + b"\r\n", answer)
                self.assertNotIn(b"Content-Length", answer)
            with server.connect() as s:
                s.sendall(request("/ok", headers="Connection: close\r\n"))
                self.assertIn(b"\r\nAccess-Control-Allow-Origin: http://a\r\n", all_of(s))

    def unix_ask(self, path, raw=request("/x", headers="Connection: close\r\n")):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(PATIENCE)
            s.connect(path)
            s.sendall(raw)
            return all_of(s)

    def test_unix_socket(self):
        path = self.path("s")
        stale = socket.socket(socket.AF_UNIX)
        stale.bind(path)
        stale.close()
        with Server(f"unix={path}", "max_per_address=1") as server:
            self.assertEqual(server.url, f"unix:{path}")
            self.assertEqual(os.stat(path).st_mode & 0o7117, 0)
            self.assertTrue(self.unix_ask(path).endswith(b"|unix"))
            second = subprocess.run([TOOL, f"unix={path}"], stdin=subprocess.DEVNULL, text=True,
                                    stderr=subprocess.PIPE, check=False)
            self.assertEqual(second.returncode, 1)
            self.assertIn("in use", second.stderr)
            self.assertTrue(self.unix_ask(path).endswith(b"|unix"))
        self.assertFalse(os.path.exists(path))
        with open(path, "w", encoding="ascii") as file:
            file.write("not a socket")
        third = subprocess.run([TOOL, f"unix={path}"], stdin=subprocess.DEVNULL, text=True,
                               stderr=subprocess.PIPE, check=False)
        self.assertIn("not a socket", third.stderr)
        self.assertTrue(os.path.exists(path))

    def test_port_in_use(self):
        with Server() as server:
            second = subprocess.run([TOOL, f"port={server.port}"], stdin=subprocess.DEVNULL, text=True,
                                    stderr=subprocess.PIPE, check=False)
            self.assertEqual(second.returncode, 1)
            self.assertIn("Address already in use", second.stderr)

    def test_systemd(self):
        """A socket that is passed on, and word that the server is ready."""
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify.bind(self.path("notify"))
        notify.settimeout(PATIENCE)
        script = 'exec 3<&"$1"; export LISTEN_PID=$$ LISTEN_FDS=1; exec "$2" inherited=1'
        fd = listener.fileno()
        process = subprocess.Popen(["bash", "-c", script, "-", str(fd), TOOL], pass_fds=[fd], text=True,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   env={**os.environ, "NOTIFY_SOCKET": self.path("notify")})
        self.assertEqual(process.stdout.readline(), f"http://127.0.0.1:{port}\n")
        self.assertEqual(notify.recv(100), b"READY=1")
        with socket.create_connection(("127.0.0.1", port)) as s:
            s.sendall(request("/ok", headers="Connection: close\r\n"))
            self.assertTrue(all_of(s).endswith(b"ok"))
        process.communicate("stop\n", timeout=60)
        self.assertEqual(process.returncode, 0)
        listener.close()
        notify.close()

    def test_drain(self):
        server = Server()
        idle, partial, busy = server.connect(), server.connect(), server.connect()
        idle.sendall(request("/ok"))
        read_until(idle, b"ok")
        partial.sendall(request("/ok") + b"GET /ok HTTP/1.1\r\n")
        read_until(partial, b"ok")
        busy.sendall(request("/stream?40,50"))
        read_until(busy, b"piece 0\n\r\n")
        server.tell("drain")
        self.assertEqual(idle.recv(100), b"")
        def refused():
            try:
                server.connect().close()
                return False
            except ConnectionRefusedError:
                return True
        until(refused, "no new connections")
        partial.sendall(b"Host: a\r\n\r\n")
        answer = all_of(partial)
        self.assertIn(b"\r\nConnection: close\r\n", answer)
        self.assertTrue(answer.endswith(b"ok"))
        self.assertTrue(all_of(busy).endswith(b"piece 39\n\r\n0\r\n\r\n"))
        until(lambda: server.open() == 0, "all is answered")
        server.stop()
        for s in idle, partial, busy:
            s.close()

    def test_stop_amid_everything(self):
        server = Server()
        kept = [server.connect() for _ in range(40)]
        for i, s in enumerate(kept):
            s.sendall(request(["/ok", "/hold", "/stream?100000,1", "/late?100000"][i % 4]))
        until(lambda: server.open() == 30, "they are at it")
        server.stop()
        for s in kept:
            s.close()

    def certificate(self):
        cert, key = self.path("cert.pem"), self.path("key.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert],
                       check=True, stderr=subprocess.DEVNULL)
        return cert, key

    def test_tls(self):
        cert, key = self.certificate()
        trust = ssl.create_default_context(cafile=cert)
        trust.set_alpn_protocols(["h2", "http/1.1"])
        with Server(f"cert={cert}", f"key={key}", "max_body=3000000") as server:
            self.assertTrue(server.url.startswith("https://127.0.0.1:"))
            c = http.client.HTTPSConnection("127.0.0.1", server.port, context=trust, timeout=PATIENCE)
            for body in b"small", os.urandom(2_500_000):
                c.request("POST", "/echo", body=body)
                self.assertEqual(c.getresponse().read(), body)
            self.assertEqual(c.sock.selected_alpn_protocol(), "http/1.1")
            c.request("GET", "/stream?2000")
            self.assertTrue(c.getresponse().read().endswith(b"piece 1999\n"))
            c.request("GET", "/ok", headers={"Connection": "close"})
            self.assertEqual(c.getresponse().read(), b"ok")
            s = trust.wrap_socket(server.connect(), server_hostname="127.0.0.1")
            s.sendall(request("/hold"))
            until(lambda: server.open() == 1, "the request is at the handler")
            s.close()
            until(lambda: server.gone() == 1, "the handler is told")
            with server.connect() as plain:  # not TLS: closed, and no harm
                plain.sendall(request("/ok"))
                try:
                    self.assertNotIn(b"HTTP", all_of(plain))
                except ConnectionResetError:
                    pass
        self.refused(cert, key)
        self.out_of_memory(cert, key, trust)

    def test_certificates_that_change(self):
        cert, key = self.certificate()
        first = ssl.create_default_context(cafile=cert)

        def answers(server, trust):
            try:
                with trust.wrap_socket(server.connect(), server_hostname="127.0.0.1") as s:
                    s.sendall(request("/ok"))
                    return read_until(s, b"ok").startswith(b"HTTP/1.1 200")
            except ssl.SSLCertVerificationError:
                return False

        with Server(f"cert={cert}", f"key={key}") as server:
            with first.wrap_socket(server.connect(), server_hostname="127.0.0.1") as old:
                self.assertTrue(answers(server, first))
                self.certificate()
                second = ssl.create_default_context(cafile=cert)
                until(lambda: answers(server, second), "the new certificate is used")
                self.assertFalse(answers(server, first))
                with open(key, "w", encoding="ascii") as f:
                    f.write("no key\n")
                until(lambda: answers(server, second) and server.complaints() == 1,
                      "the broken key is told of")
                old.sendall(request("/ok"))
                self.assertIn(b" 200 ", read_until(old, b"ok"))

    def out_of_memory(self, cert, key, trust):
        with Server("threads=1", f"cert={cert}", f"key={key}") as server:
            def answers():
                try:
                    with trust.wrap_socket(server.connect(), server_hostname="127.0.0.1") as s:
                        s.sendall(request("/echo", "POST", "Content-Length: 50000\r\n"
                                          "Connection: close\r\n", b"x" * 50000))
                        return status_of(all_of(s)) == 200
                except (OSError, IndexError):
                    return False
            self.assertTrue(answers())
            for n in range(1, 400, 4):
                server.tell(f"fail {n}")
                answers()
                server.tell("fail 0")
            self.assertTrue(answers())

    def refused(self, cert, key):
        for options in ([f"cert={cert}"], [f"cert={cert}", f"key={cert}"], [f"cert={TOOL}", f"key={key}"]):
            bad = subprocess.run([TOOL, *options], stdin=subprocess.DEVNULL, text=True,
                                 stderr=subprocess.PIPE, check=False)
            self.assertEqual(bad.returncode, 1, options)
            self.assertNotEqual(bad.stderr, "")


if __name__ == "__main__":
    TOOL = os.path.abspath(sys.argv.pop(1))
    outcome = unittest.main(exit=False).result
    bad = len(outcome.failures + outcome.errors)
    print(f"{outcome.testsRun - bad} passed, {bad} failed")
    sys.exit(1 if bad else 0)
