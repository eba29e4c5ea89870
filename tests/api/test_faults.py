#!/usr/bin/env python3
"""Clients that do harm, by going away, by being slow, or by what they send: each test leaves the server
answering as before, with nothing kept. Usage: test_faults.py HENCE"""

import json
import socket
import time

import faults
from faults import CHAT, LONG, Faults, at_once, chat, choices, read_all, read_until, request_text, reset


class TestClientsThatGo(Faults):
    def begin(self, body, until=None):
        s = self.server.connect()
        s.sendall(request_text(body))
        if until:
            read_until(s, until)
        return s

    def gone(self, end):
        """Clients that go while they wait for a seat, for a whole answer, and in the middle of a stream."""
        running = [self.begin(chat(stream=True, **LONG), b"assistant") for _ in range(16)]
        others = [self.begin(chat(stream=i % 2 == 0, n=4, **LONG)) for i in range(24)]
        for s in others[::2] + running + others[1::2]:
            end(s)

    def test_killed(self):
        self.gone(reset)

    def test_closed(self):
        self.gone(socket.socket.close)

    def test_half_closed(self):
        """Who closes its side has gone away, though it might still read."""
        s = self.begin(chat(stream=True, n=16, **LONG), b"assistant")
        s.shutdown(socket.SHUT_WR)
        self.assertNotIn(b"[DONE]", read_all(s))
        s.close()

    def test_gone_before_the_answer_begins(self):
        for _ in range(200):
            reset(self.begin(chat(**LONG)))

    def test_opened_and_dropped(self):
        for i in range(10):
            connections = [self.server.connect() for _ in range(200)]
            for k, s in enumerate(connections):
                if k % 3 == 0:
                    s.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
                (reset if (i + k) % 2 else socket.socket.close)(s)

    def test_half_requests(self):
        whole = request_text(chat())
        head = whole.index(b"\r\n\r\n")
        cuts = [1, 4, 20, head, head + 2, head + 4, head + 5, len(whole) - 1]
        held = []
        for cut in cuts:
            for end in [reset, socket.socket.close, held.append]:
                s = self.server.connect()
                s.sendall(whole[:cut])
                end(s)
        # Those that are held do not keep others waiting.
        self.assertEqual(self.watched.ask(), self.watched.bits)
        for s in held:
            s.close()

    def test_a_request_byte_by_byte(self):
        with self.server.connect() as s:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in request_text(self.watched.probe, Connection="close"):
                s.sendall(bytes([byte]))
            body = json.loads(read_all(s).partition(b"\r\n\r\n")[2])
        self.assertEqual(json.dumps(body["choices"]), self.watched.bits)

    def slow(self, body):
        """A client with little room that reads nothing yet."""
        host, port = self.server.address.rsplit(":", 1)
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        s.settimeout(faults.PATIENCE_S)
        s.connect((host, int(port)))
        s.sendall(request_text(body))
        return s

    def test_slow_readers(self):
        """Others go on, and who reads at last has all of it."""
        body = chat(stream=True, logprobs=True, top_logprobs=20, n=4, **LONG)
        readers = [self.slow(body) for _ in range(6)]
        for answer in at_once([self.watched.ask] * 8):
            self.assertEqual(answer, self.watched.bits)
        for s in readers[:3]:
            self.assertIn(b"[DONE]", read_all_of(s))
        for s in readers[3:5]:
            s.close()
        reset(readers[5])

    def test_a_reader_that_never_reads_is_cut_off(self):
        """Its answers are more than the server keeps for it."""
        s = self.slow(chat(stream=True, logprobs=True, top_logprobs=20, n=64, **LONG))
        faults.eventually(lambda: self.watched.metric("hence_open_connections") == 1, "cut off")
        s.close()

    def test_pipelined(self):
        """Answers come in the order of the requests, however fast they follow each other."""
        bodies = [chat(seed=i, max_tokens=8) for i in range(24)]
        alone = [choices(self.server.post(CHAT, body)) for body in bodies]
        with self.server.connect() as s:
            s.sendall(b"".join(map(request_text, bodies[:-1])) + request_text(bodies[-1], Connection="close"))
            text = read_all(s)
        parts = text.split(b"HTTP/1.1 200 OK")[1:]
        got = [json.loads(part[part.index(b"{"):]) for part in parts]
        self.assertEqual([json.dumps(one["choices"]) for one in got], alone)

    def test_pipelined_and_gone(self):
        for end in (reset, socket.socket.close):
            for body in (chat(), chat(stream=True, **LONG)):
                s = self.server.connect()
                s.sendall(request_text(body) * 100)
                end(s)

    def test_no_descriptors_left(self):
        """More connections than the process may open: they wait, and are served when there is room."""
        import resource
        pid, few = self.watched.pid, self.watched.count_descriptors() + 20
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (few, before[1]))
        try:
            connections = [self.server.connect() for _ in range(60)]
            for s in connections:
                s.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            for s in connections:
                self.assertIn(b"200 OK", read_all(s))
                s.close()
        finally:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


def read_all_of(s):
    """A stream to its end, first very slowly."""
    text = b""
    for _ in range(20):
        text += s.recv(100)
        time.sleep(0.001)
    return read_until(s, b"[DONE]", text)


class TestBodies(Faults):
    def post(self, body):
        return self.server.ask("POST", CHAT, body if isinstance(body, (bytes, str)) else json.dumps(body))

    def test_a_gigabyte_announced(self):
        for more in [{}, {"Expect": "100-continue"}]:
            with self.server.connect() as s:
                lines = "".join(f"{k}: {v}\r\n" for k, v in more.items())
                s.sendall(f"POST {CHAT} HTTP/1.1\r\nHost: x\r\n{lines}Content-Length: 1000000000\r\n\r\n".encode())
                self.assertIn(b" 413 ", s.recv(4096))

    def test_a_gigabyte_in_chunks(self):
        """The server reads no further than its limit, and says so."""
        piece = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
        with self.server.connect() as s:
            s.sendall(f"POST {CHAT} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
            sent = 0
            try:
                while sent < 1000:
                    s.sendall(piece)
                    sent += 1
            except OSError:
                pass
            self.assertLess(sent, 200)

    def test_sizes_that_are_none(self):
        for line in ["Content-Length: 99999999999999999999999", "Content-Length: -1", "Content-Length: x",
                     "Content-Length: 2\r\nContent-Length: 3", "Content-Length: 2\r\nTransfer-Encoding: chunked"]:
            with self.server.connect() as s:
                s.sendall(f"POST {CHAT} HTTP/1.1\r\nHost: x\r\n{line}\r\n\r\n{{}}".encode())
                self.assertRegex(s.recv(4096), b"^HTTP/1.1 4(00|13) ")
        for size in [b"ffffffffffffffff", b"fffffffffffffffffffff", b"7fffffffffffffff", b"g", b"-1"]:
            with self.server.connect() as s:
                s.sendall(f"POST {CHAT} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
                          + size + b"\r\n{}")
                self.assertRegex(s.recv(4096), b"^HTTP/1.1 4(00|13) ")

    def test_many_large_headers(self):
        for lines in ["X: " + "y" * (1 << 20), "X: y\r\n" * 100000]:
            with self.server.connect() as s:
                try:
                    s.sendall(f"GET /health HTTP/1.1\r\nHost: x\r\n{lines}\r\n\r\n".encode())
                    self.assertIn(b" 431 ", s.recv(4096))
                except ConnectionError:
                    pass  # it was closed before all was sent

    def test_deep_json(self):
        for opening, closing in [("[", "]"), ('{"a":', "}")]:
            for closed in [True, False]:
                deep = opening * 100000 + ("1" + closing * 100000 if closed else "")
                for body in [deep, f'{{"messages": {deep}}}', f'{{"messages": [], "metadata": {deep}}}']:
                    self.refused(self.post(body))
        # As deep as is read: refused for what it is, not for its depth.
        deep = "[" * 990 + "]" * 990
        for field in ["messages", "tools", "stop", "logit_bias", "response_format", "chat_template_kwargs"]:
            self.refused(self.post(f'{{"messages": [{{"role": "user", "content": "a"}}], "{field}": {deep}}}'))
        kwargs = '{"a":' * 980 + "1" + "}" * 980
        answer = self.post(f'{{"messages": [{{"role": "user", "content": "a"}}], "max_tokens": 1, "chat_template_kwargs": {kwargs}}}')
        self.assertIn(answer[0], (200, 400))

    def test_numbers(self):
        huge = ["1e999", "-1e999", "1" + "0" * 100000, "0." + "0" * 100000 + "1", "9223372036854775808",
                "18446744073709551616", "-9223372036854775809", "1e-999", "0.5", "-0"]
        fields = ["max_tokens", "n", "seed", "temperature", "top_p", "top_k", "top_logprobs", "min_p",
                  "frequency_penalty", "repeat_penalty", "repeat_last_n"]
        for number in huge:
            for field in fields:
                body = f'{{"messages": [{{"role": "user", "content": "a"}}], "logprobs": true, "stop": "e", "{field}": {number}}}'
                self.assertIn(self.post(body)[0], (200, 400), (field, number[:30]))

    def test_long_strings(self):
        long = "tent " * 1000000
        for body in [chat(long), chat(model=long), chat(user=long), chat(stop=long), chat(stop=["a", long]),
                     chat(service_tier=long), chat(**{long: 1}), chat(tools=[{"type": "function", "function": {"name": long}}]),
                     chat(response_format={"type": long}), {"messages": [{"role": long, "content": "a"}]},
                     {"messages": [{"role": "user", "content": "a", "name": long}]}]:
            status, _, answer = self.post(body)
            self.assertIn(status, (200, 400, 404))
            if status != 200:
                self.assertLess(len(json.dumps(answer)), 3000)

    def test_many_messages(self):
        self.refused(self.post(chat(messages=[{"role": "user", "content": "a"}] * 200000)))
        self.refused(self.post(chat(messages=[{"role": "user", "content": [{"type": "text", "text": "a"}] * 200000}])))
        self.assertIn(self.post(chat(messages=[{"role": "user", "content": ""}] * 2000))[0], (200, 400))

    def test_bytes_that_are_no_text(self):
        head = b'{"max_tokens": 4, "messages": [{"role": "user", "content": "'
        for bad in [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\x00", b"\x1f"]:
            self.refused(self.post(head + bad + b'"}]}'))
        for good in [b"\\u0000", "\U0010ffff\ufffe".encode(), b"\\ud83d\\ude00", b"\xef\xbb\xbf", "\u202e\u200b".encode() * 30]:
            self.assertEqual(self.post(head + good + b'"}]}')[0], 200, good)
        for path in ["/v1/models/%ff%fe", "/v1/models/%00", "/%2e%2e/%2e%2e", "/v1/models/" + "a" * 5000]:
            self.assertIn(self.server.get(path)[0], (400, 404), path)
        with self.server.connect() as s:
            s.sendall(request_text(chat(max_tokens=1), traceparent="\xff", Authorization="Bearer \xfe")[:-1])
            s.sendall(b"}")
            self.assertIn(b"HTTP/1.1 ", s.recv(4096))

    def test_texts_that_mean_something_to_templates(self):
        """They are text: nothing is evaluated, and roles cannot be forged into crashes."""
        for text in ["{{ 7 * 7 }}{% for i in range(10**9) %}x{% endfor %}", "{%", "}}" * 90, "<|im_end|>" * 90,
                     "<|im_start|>system\n" * 20, " " * 300, "\n" * 300, "\\" * 200, "'\"" * 90]:
            self.assertEqual(self.post(chat(text, max_tokens=4))[0], 200, text)
        text = "{{ 7 * 7 }}"
        prompt = self.server.post("/apply-template", chat(text))[2]["prompt"]
        self.assertIn(text, prompt)
        for kwargs in [{"messages": []}, {"bos_token": "x" * 100000}, {"range": 1}, {"raise_exception": None},
                       {f"v{i}": "x" for i in range(20000)}]:
            self.assertIn(self.post(chat(chat_template_kwargs=kwargs, max_tokens=4))[0], (200, 400), str(kwargs)[:40])


class TestManyThings(Faults):
    def test_many_answers(self):
        whole = self.server.post(CHAT, chat(n=128, max_tokens=40, ignore_eos=True))
        made = [c["message"]["content"] for c in whole[2]["choices"]]
        self.assertEqual(len(made), 128)
        self.assertGreater(len(set(made)), 64)
        for stream in (True, False):
            s = self.server.connect()
            s.sendall(request_text(chat(n=128, stream=stream, **LONG)))
            if stream:
                read_until(s, b"assistant")
            reset(s)

    def test_many_stop_texts(self):
        for stops in [["never"] * 17, [f"stop {i}" for i in range(5000)], ["x" * 257], [""] * 3, [1, 2]]:
            self.assertIn(self.server.post(CHAT, chat(stop=stops))[0], (200, 400))
        never = ["\u2603" * 85 + str(i)[0] for i in range(10)]
        body = {**self.watched.probe, "stop": never}
        self.assertEqual(choices(self.server.post(CHAT, body)), self.watched.bits)

    def test_many_biases(self):
        self.refused(self.server.post(CHAT, chat(logit_bias={str(i): 1 for i in range(4097)})))
        self.refused(self.server.post(CHAT, chat(logit_bias={str(i): 1 for i in range(300000)})))
        none = {str(i): 0 for i in range(1, 4000)}
        status, _, body = self.server.post(CHAT, {**self.watched.probe, "logit_bias": none})
        if status == 200:  # the model has as many tokens
            self.assertEqual(json.dumps(body["choices"]), self.watched.bits)
        for bias in [{"-1": 1}, {"99999999999999999999": 1}, {"a": 1}, {"1": "a"}, {"1": 1e300}, {"": 0}, {"1.5": 1}]:
            self.refused(self.server.post(CHAT, chat(logit_bias=bias)))
        everything = {str(i): -100 for i in range(1000)}
        self.assertIn(self.server.post(CHAT, chat(logit_bias=everything))[0], (200, 400))

    def form(self, **form):
        """Any answer will do, if it comes, and others are answered meanwhile."""
        answers = at_once([lambda: self.server.post(CHAT, chat(max_tokens=16, **form)), self.watched.ask])
        self.assertEqual(answers[1], self.watched.bits)
        self.assertIn(answers[0][0], (200, 400), str(answers[0][2])[:300])
        return answers[0][0]

    def schema(self, schema):
        return self.form(response_format={"type": "json_schema", "json_schema": {"name": "a", "strict": True, "schema": schema}})

    def test_schemas_that_grow(self):
        def level(i, make):
            return {f"l{k}": make(f"#/$defs/l{k - 1}") if k else {"type": "string"} for k in range(i)}

        doubles = {"$ref": "#/$defs/l39", "$defs": level(40, lambda ref: {
            "type": "object", "properties": {"a": {"$ref": ref}, "b": {"$ref": ref}}, "required": ["a", "b"],
            "additionalProperties": False})}
        branches = {"$ref": "#/$defs/l29", "$defs": level(30, lambda ref: {"anyOf": [{"$ref": ref}] * 4})}
        both = {"$ref": "#/$defs/l29", "$defs": level(30, lambda ref: {"allOf": [{"$ref": ref}] * 4})}
        optional = {"type": "object", "additionalProperties": False,
                    "properties": {f"p{i}": {"type": "string"} for i in range(2000)}}
        for schema in [doubles, branches, both, optional, {"$ref": "#"}, {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]},
                       {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
                       {"type": "array", "minItems": 10**9, "items": {"type": "string"}},
                       {"type": "array", "maxItems": 10**18, "items": {"type": "array", "maxItems": 10**6}},
                       {"type": "string", "minLength": 10**9}, {"type": "string", "maxLength": 10**9},
                       {"type": "integer", "minimum": -10**300, "maximum": 10**300},
                       {"enum": [f"value {i} of very many" for i in range(100000)]},
                       {"enum": ["x" * 1000000, "y"]}, {"const": json.loads("[" * 500 + "]" * 500)},
                       {"type": "object", "required": [f"r{i}" for i in range(20000)]},
                       {"type": "object", "patternProperties": {"(a*)*b": {"type": "string"}}}]:
            with self.subTest(schema=str(schema)[:80]):
                self.schema(schema)
        self.assertEqual(self.schema({"enum": ["a", "b"]}), 200)

    def test_expressions_that_grow(self):
        for regex in ["(a+)+$", "(a|aa)+b", "((a{1,100}){1,100}){1,100}", "a{1000000000}", "a{0,99999}" * 99, "(" * 10000,
                      "(" * 5000 + "a" + ")" * 5000, "[" + "a-z" * 100000 + "]", "(a|b|c)*" * 5000, "(.*.*.*.*.*.*)*x",
                      ".{1,3000}x.{1,3000}", "(?:.*a){30}", "[^\\x00-\\U0010ffff]", "\\", "a" * 300000,
                      "(a?){500}a{500}", "(.*a.{20})"]:
            with self.subTest(regex=regex[:40]):
                self.form(regex=regex)
                self.schema({"type": "string", "pattern": regex})
        self.assertEqual(self.form(regex="[a-z]+"), 200)

    def test_grammars_that_grow(self):
        doubling = "\n".join(f"r{i} ::= r{i + 1} r{i + 1}" for i in range(60)) + '\nr60 ::= "a"\nroot ::= r0'
        for grammar in ["root ::= root", "root ::= root root | \"a\"", "root ::= a\na ::= b\nb ::= a", doubling,
                        'root ::= ("a" | "b"){1000000}', 'root ::= ((("a"*)*)*)*', 'root ::= ("a"? "b"?){5000}',
                        "root ::= " + "(" * 20000 + '"a"' + ")" * 20000, "root ::= " + ' | '.join(['"a"'] * 50000),
                        "root ::= x", "", "root", "::=", 'root ::= "' + "a" * 500000 + '"', 'root ::= [^a]* root [^b]* | "c"',
                        "\n".join(f'r{i} ::= r{i + 1} | "a" r{i + 1}' for i in range(5000)) + '\nr5000 ::= "b"\nroot ::= r0']:
            with self.subTest(grammar=grammar[:40]):
                self.form(grammar=grammar)
        self.assertEqual(self.form(grammar='root ::= "a" | "b"'), 200)

    def test_many_tools(self):
        tool = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
        tools = [{"type": "function", "function": {"name": f"f{i}", "parameters": tool}} for i in range(3000)]
        for choice in ["auto", "none", "required", {"type": "function", "function": {"name": "f7"}}]:
            status = self.server.post(CHAT, chat(tools=tools, tool_choice=choice))[0]
            self.assertEqual(status, 400)  # they do not fit into the context
        few = self.server.post(CHAT, chat(tools=tools[:2], tool_choice="required", max_tokens=60))
        self.assertIn(few[0], (200, 400))


if __name__ == "__main__":
    faults.main()
