"""A running server for tests: `hence serve` at a free port, gone when the test is over."""

import http.client
import json
import os
import signal
import socket
import subprocess
import threading
import urllib.parse


class Server:
    """with Server(HENCE, "-m", "model.gguf") as server: ..."""

    def __init__(self, hence, *words, env=None):
        self.process = subprocess.Popen(
            [hence, "serve", "--port", "0", *map(str, words)], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **(env or {})})
        self.said = []
        for line in self.process.stderr:
            self.said.append(line)
            if line.startswith("listening on "):
                break
        else:
            self.process.wait()
            raise RuntimeError(f"the server ended ({self.process.returncode}): {''.join(self.said)}")
        self.url = line.split()[2]
        self.address = urllib.parse.urlsplit(self.url).netloc
        # What it says later must not fill the pipe.
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stderr:
            self.said.append(line)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self, signals=(signal.SIGTERM,)):
        """Its exit status, and None again for one that was over before."""
        if self.process.poll() is None:
            for number in signals:
                self.process.send_signal(number)
        status = self.process.wait(timeout=120)
        self.reader.join()
        self.process.stdout.close()
        self.process.stderr.close()
        return status

    def ask(self, method, path, body=None, headers=None):
        """Status, headers and body (parsed, where it is JSON) of one request."""
        connection = http.client.HTTPConnection(self.address, timeout=120)
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        connection.request(method, path, body, {"Content-Type": "application/json", **(headers or {})})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        kind = answer.headers.get("Content-Type", "")
        return answer.status, answer.headers, json.loads(text) if text and "json" in kind else text.decode()

    def post(self, path, body, **more):
        return self.ask("POST", path, body, more)

    def get(self, path, **more):
        return self.ask("GET", path, None, more)

    def connect(self):
        """A bare connection, for what no client would send."""
        host, port = self.address.rsplit(":", 1)
        return socket.create_connection((host, int(port)), timeout=120)

    def events(self, path, body):
        """The data of the server-sent events of a request, and how the answer begins."""
        status, headers, text = self.post(path, body)
        data = [part[len("data: "):] for part in text.split("\n\n") if part]
        return status, headers, data
