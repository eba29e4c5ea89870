#!/usr/bin/env python3
"""The Open Inference Protocol over REST, and models of its kind in service. Usage: test_open_inference.py HENCE"""

import json
import math
import pathlib
import shutil
import struct
import sys
import tempfile
import threading
import unittest

import numpy

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "onnx"))

from serving import Server  # noqa: E402
import tiny_onnx as tiny  # noqa: E402

STARTER = HERE.parents[1] / "models" / "starter-chat.gguf"
HENCE = sys.argv[1]

DATATYPES = {"BOOL": "bool", "UINT8": "uint8", "UINT16": "uint16", "UINT32": "uint32", "UINT64": "uint64",
             "INT8": "int8", "INT16": "int16", "INT32": "int32", "INT64": "int64", "FP16": "float16",
             "FP32": "float32", "FP64": "float64", "BF16": "bfloat16", "BYTES": "object"}

# Each of them is a model, and so are types that the protocol lacks.
MODELS = {**DATATYPES, **{name: name for name in ("float8e4m3fn", "int4", "uint4")}}

# Values that each datatype has to carry as they are.
VALUES = {"BOOL": [True, False, True], "UINT8": [0, 255, 7], "UINT16": [0, 65535, 1], "UINT32": [0, 2**32 - 1, 1],
          "UINT64": [0, 2**64 - 1, 2**53 + 1], "INT8": [-128, 127, 0], "INT16": [-2**15, 2**15 - 1, 0],
          "INT32": [-2**31, 2**31 - 1, 0], "INT64": [-2**63, 2**63 - 1, -2**53 - 1], "FP16": [0.5, -65504, 0.0999755859375],
          "FP32": [0.1, -3.4e38, 1e-45], "FP64": [0.1, -1.7e308, 5e-324], "BF16": [1.5, -2, 3.3895313892515355e+38],
          "BYTES": ["", "käse", "a\"b\\\n"]}


def raw(datatype, values):
    """The raw elements of the binary extension."""
    if datatype == "BYTES":
        return b"".join(struct.pack("<I", len(v.encode())) + v.encode() for v in values)
    if datatype == "BF16":
        return b"".join(struct.pack("<f", v)[2:] for v in values)
    return numpy.array(values, DATATYPES[datatype]).tobytes()


def inputs(datatype, values, **more):
    return {"name": "x_" + DATATYPES[datatype], "shape": [1, 3], "datatype": datatype, "data": values, **more}


class OpenInference(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="hence-oip-"))
        for datatype, name in MODELS.items():
            (cls.folder / f"{datatype}.onnx").write_bytes(tiny.identity([name]))
        (cls.folder / "sum.onnx").write_bytes(tiny.model(
            [tiny.port("a", "float32", ["n"]), tiny.port("b", "float32", ["n"])],
            [tiny.node("Add", ["a", "b"], ["sum"]), tiny.node("Sub", ["a", "b"], ["difference"])],
            [tiny.port("sum", "float32", ["n"]), tiny.port("difference", "float32", ["n"])]))
        words = ["-m", f"org/sum={cls.folder / 'sum.onnx'}", "-m", f"chat={STARTER}"]
        for datatype in MODELS:
            words += ["-m", f"{cls.folder / datatype}.onnx"]
        cls.server = Server(HENCE, *words)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        shutil.rmtree(cls.folder)

    def infer(self, model, body, status=200, **headers):
        answer = self.server.ask("POST", f"/v2/models/{model}/infer", body, headers)
        self.assertEqual(answer[0], status, answer[2])
        return answer[2]

    def refused(self, model, body, word, status=400, **headers):
        error = self.infer(model, body, status, **headers)
        self.assertEqual(list(error), ["error"])
        self.assertIn(word, error["error"])

    def sums(self, **more):
        return {"inputs": [{"name": "a", "shape": [2], "datatype": "FP32", "data": [1, 2]},
                           {"name": "b", "shape": [2], "datatype": "FP32", "data": [0.5, 4]}], **more}

    def test_server(self):
        get = self.server.get
        self.assertEqual(get("/v2")[2]["extensions"], ["binary_tensor_data"])
        self.assertEqual(get("/v2")[2]["name"], "hence")
        self.assertEqual(get("/v2/health/live")[::2], (200, {"live": True}))
        self.assertEqual(get("/v2/health/ready")[::2], (200, {"ready": True}))
        self.assertEqual(get("/v2/nothing")[0], 404)
        self.assertEqual(list(get("/v2/nothing")[2]), ["error"])
        self.assertEqual(self.server.post("/v2/health/ready", {})[0], 405)

    def test_model(self):
        get = self.server.get
        for form in ("/v2/models/org/sum", "/v2/models/org/sum/versions/1"):
            status, _, about = get(form)
            self.assertEqual(status, 200)
            self.assertEqual(about, {
                "name": "org/sum", "versions": ["1"], "platform": "onnx_onnxv1",
                "inputs": [{"name": "a", "datatype": "FP32", "shape": [-1]}, {"name": "b", "datatype": "FP32", "shape": [-1]}],
                "outputs": [{"name": "sum", "datatype": "FP32", "shape": [-1]},
                            {"name": "difference", "datatype": "FP32", "shape": [-1]}]})
            self.assertEqual(get(form + "/ready")[::2], (200, {"name": "org/sum", "ready": True}))
        for form in ("/v2/models/none", "/v2/models/none/ready", "/v2/models/org/sum/versions/2"):
            self.assertEqual(get(form)[0], 404)
            self.assertEqual(list(get(form)[2]), ["error"])
        self.assertEqual(get("/v2/models/chat")[2]["platform"], "language")
        for datatype in DATATYPES:
            self.assertEqual(get(f"/v2/models/{datatype}")[2]["inputs"][0]["datatype"], datatype)

    def test_models_are_listed_with_their_kind(self):
        kinds = {m["id"]: m["kind"] for m in self.server.get("/v1/models")[2]["data"]}
        self.assertEqual(kinds["org/sum"], "onnx")
        self.assertEqual(kinds["chat"], "language")

    def test_kinds_are_not_mistaken(self):
        chat = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}
        status, _, answer = self.server.post("/v1/chat/completions", {**chat, "model": "org/sum"})
        self.assertEqual((status, answer["error"]["code"]), (400, "wrong_model_kind"))
        self.assertIn("/v2/models", answer["error"]["message"])
        # Without a name it is the first language model, though that is not the first model.
        self.assertEqual(self.server.post("/v1/chat/completions", chat)[0], 200)
        self.refused("chat", self.sums(), "language")

    def test_answer(self):
        answer = self.infer("org/sum", self.sums(id="request-1"))
        self.assertEqual(answer, {
            "id": "request-1", "model_name": "org/sum", "model_version": "1",
            "outputs": [{"name": "sum", "datatype": "FP32", "shape": [2], "data": [1.5, 6]},
                        {"name": "difference", "datatype": "FP32", "shape": [2], "data": [0.5, -2]}]})
        self.assertNotIn("id", self.infer("org/sum/versions/1", self.sums()))
        # What was asked for, in that order.
        names = ["difference", "sum"]
        answer = self.infer("org/sum", self.sums(outputs=[{"name": n} for n in names], parameters={"x": [1, {}]}))
        self.assertEqual([o["name"] for o in answer["outputs"]], names)
        answer = self.infer("org/sum", self.sums(outputs=[{"name": "sum"}]))
        self.assertEqual([o["name"] for o in answer["outputs"]], ["sum"])

    def test_every_datatype(self):
        for datatype, values in VALUES.items():
            with self.subTest(datatype):
                nested = [values] if datatype != "INT8" else [[v] for v in values]
                for data in (values, nested):
                    output = self.infer(datatype, {"inputs": [inputs(datatype, data)]})["outputs"][0]
                    self.assertEqual((output["datatype"], output["shape"]), (datatype, [1, 3]))
                    got = output["data"]
                    if datatype in ("FP16", "FP32", "BF16"):
                        got, values = list(numpy.float32(got)), list(numpy.float32(values))
                    self.assertEqual(got, values)

    def test_members_in_any_order(self):
        body = ('{"inputs": [{"data": [[1], [2]], "parameters": {}, "datatype": "FP32", "shape": [2], "name": "a"},'
                ' {"shape": [2], "data": [3, 4], "name": "b", "datatype": "FP32"}]}')
        self.assertEqual(self.infer("org/sum", body)["outputs"][0]["data"], [4, 6])

    def test_what_is_no_number(self):
        body = {"inputs": [inputs("FP32", [None, 1, 2])]}
        self.assertEqual(self.infer("FP32", body)["outputs"][0]["data"], [None, 1, 2])
        # Python's json writes these, which are no JSON.
        body = json.dumps({"inputs": [inputs("FP64", [math.nan, math.inf, 2])]})
        self.assertEqual(self.infer("FP64", body)["outputs"][0]["data"], [None, None, 2])
        self.refused("INT64", json.dumps({"inputs": [inputs("INT64", [1, math.nan, 2])]}), "no integer")

    def test_types_that_come_as_others(self):
        """The protocol lacks some; they are sent as the metadata say."""
        for name, datatype, data, error in (("float8e4m3fn", "FP32", [0.5, -448, 0], None),
                                            ("int4", "INT8", [-8, 7, 0], [1, 8, 0]),
                                            ("uint4", "INT8", [0, 15, 7], [0, -1, 0])):
            with self.subTest(name):
                for way in ("inputs", "outputs"):
                    port = self.server.get(f"/v2/models/{name}")[2][way][0]
                    self.assertEqual(port["datatype"], datatype)
                one = {"name": "x_" + name, "shape": [1, 3], "datatype": datatype}
                self.assertEqual(self.infer(name, {"inputs": [{**one, "data": data}]})["outputs"][0]["data"], data)
                if error:
                    self.refused(name, {"inputs": [{**one, "data": error}]}, f"which is no {name}")

    def test_members_that_are_null(self):
        nothing = {"id": None, "parameters": None, "outputs": None}
        self.assertEqual(self.infer("org/sum", {**self.sums(), **nothing}), self.infer("org/sum", self.sums()))
        one = inputs("FP32", [1, 2, 3], parameters=None)
        body = {"inputs": [one], "outputs": [{"name": "y_float32", "parameters": None}]}
        self.assertEqual(self.infer("FP32", body)["outputs"][0]["data"], [1, 2, 3])
        self.refused("FP32", {"inputs": None}, "missing")

    def test_errors_of_the_wire(self):
        connection = self.server.connect()
        connection.sendall(b"POST /v2/models/FP32/infer HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % 2**40)
        data = b""
        while part := connection.recv(65536):
            data += part
        connection.close()
        head, _, body = data.partition(b"\r\n\r\n")
        self.assertTrue(head.startswith(b"HTTP/1.1 413 "), head)
        self.assertIn("too large", json.loads(body)["error"])

    def test_bodies_are_not_unpacked(self):
        for coding, status in (("gzip", 415), ("identity", 200)):
            self.infer("org/sum", self.sums(), status, **{"Content-Encoding": coding})

    # --- the binary extension

    def infer_raw(self, model, header, behind):
        """JSON and raw bytes in; JSON and what is behind it out."""
        head = json.dumps(header).encode()
        connection = self.server.connect()
        connection.sendall(b"POST /v2/models/%s/infer HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                           b"Inference-Header-Content-Length: %d\r\nContent-Length: %d\r\n\r\n"
                           % (model.encode(), len(head), len(head) + len(behind)) + head + behind)
        data = b""
        while part := connection.recv(65536):
            data += part
        connection.close()
        headers, _, body = data.partition(b"\r\n\r\n")
        lines = dict(line.lower().split(b": ", 1) for line in headers.split(b"\r\n")[1:])
        self.assertIn(b" 200 ", headers, body)
        n = int(lines.get(b"inference-header-content-length", len(body)))
        if n < len(body):
            self.assertEqual(lines[b"content-type"], b"application/octet-stream")
        return json.loads(body[:n]), body[n:]

    def test_raw_tensors(self):
        for datatype, values in VALUES.items():
            with self.subTest(datatype):
                data = raw(datatype, values)
                one = inputs(datatype, None, parameters={"binary_data_size": len(data)})
                del one["data"]
                header = {"inputs": [one], "parameters": {"binary_data_output": True}}
                answer, behind = self.infer_raw(datatype, header, data)
                self.assertEqual(behind, data)
                self.assertEqual(answer["outputs"][0]["parameters"], {"binary_data_size": len(data)})
                self.assertNotIn("data", answer["outputs"][0])

    def test_raw_tensors_one_by_one(self):
        a = {"name": "a", "shape": [2], "datatype": "FP32", "parameters": {"binary_data_size": 8}}
        b = {"name": "b", "shape": [2], "datatype": "FP32", "data": [10, 20]}
        header = {"inputs": [b, a], "outputs": [{"name": "difference"},
                                                {"name": "sum", "parameters": {"binary_data": True}}]}
        answer, behind = self.infer_raw("org/sum", header, struct.pack("<2f", 1, 2))
        self.assertEqual(answer["outputs"][0]["data"], [-9, -18])
        self.assertEqual(struct.unpack("<2f", behind), (11, 22))
        # Raw by default, but not the one that says otherwise.
        header["parameters"] = {"binary_data_output": True}
        header["outputs"][0]["parameters"] = {"binary_data": False}
        answer, behind = self.infer_raw("org/sum", header, struct.pack("<2f", 1, 2))
        self.assertEqual(len(behind), 8)
        self.assertEqual(answer["outputs"][0]["data"], [-9, -18])

    def test_wrong_raw_tensors(self):
        one = {"name": "x_float32", "shape": [1, 3], "datatype": "FP32", "parameters": {"binary_data_size": 12}}
        texts = {"name": "x_object", "shape": [1, 3], "datatype": "BYTES", "parameters": {"binary_data_size": 12}}
        for model, header, data, length, word in (
                ("FP32", {"inputs": [one]}, b"\0" * 11, None, "fewer raw bytes"),
                ("FP32", {"inputs": [one]}, b"\0" * 13, None, "more raw bytes"),
                ("FP32", {"inputs": [{**one, "data": [1, 2, 3]}]}, b"\0" * 12, None, "twice"),
                ("FP32", {"inputs": [{**one, "parameters": {"binary_data_size": 8}}]}, b"\0" * 8, None, "8 bytes"),
                ("FP32", {"inputs": [{**one, "parameters": {"binary_data_size": -1}}]}, b"", None, "size"),
                ("FP32", {"inputs": [one]}, b"\0" * 12, "9999", "Inference-Header-Content-Length"),
                ("FP32", {"inputs": [one]}, b"\0" * 12, "ten", "Inference-Header-Content-Length"),
                ("FP32", {"inputs": [one]}, b"\0" * 12, "3", "line 1"),
                ("BYTES", {"inputs": [texts]}, b"\5\0\0\0" * 3, None, "12 bytes"),
                ("BYTES", {"inputs": [texts]}, b"\0\0\0\0" * 2 + b"\1\0\0\0", None, "12 bytes"),
                ("BYTES", {"inputs": [{**texts, "shape": [2**30, 2**20]}]}, b"\0" * 12, None, "12 bytes"),
                ("BOOL", {"inputs": [{"name": "x_bool", "shape": [1, 3], "datatype": "BOOL",
                                      "parameters": {"binary_data_size": 3}}]}, b"\0\1\2", None, "BOOL")):
            head = json.dumps(header).encode()
            self.refused(model, head + data, word,
                         **{"Inference-Header-Content-Length": length or str(len(head))})

    # --- errors

    def test_wrong_methods(self):
        for path, allow in (("/v2", "GET, HEAD"), ("/v2/health/live", "GET, HEAD"), ("/v2/health/ready", "GET, HEAD"),
                            ("/v2/models/org/sum", "GET, HEAD"), ("/v2/models/org/sum/ready", "GET, HEAD"),
                            ("/v2/models/org/sum/versions/1", "GET, HEAD"),
                            ("/v2/models/org/sum/versions/1/ready", "GET, HEAD"),
                            ("/v2/models/org/sum/infer", "POST"), ("/v2/models/org/sum/versions/1/infer", "POST"),
                            ("/v2/models/none/infer", "POST")):
            for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"):
                if method in allow.split(", "):
                    continue
                with self.subTest(f"{method} {path}"):
                    status, headers, answer = self.server.ask(method, path)
                    self.assertEqual((status, headers["Allow"]), (405, allow))
                    if method != "HEAD":
                        self.assertEqual(list(answer), ["error"])

    def test_errors(self):
        x = inputs("FP32", [1, 2, 3])
        for model, body, word in (
                ("FP32", "", "line 1"),
                ("FP32", "[]", "expected an object"),
                ("FP32", "{", "line 1"),
                ("FP32", {}, "missing"),
                ("FP32", {"inputs": []}, "'x_float32' is missing"),
                ("FP32", {"inputs": [x], "outputs": [{"name": "z"}]}, "no output 'z'; there are: y_float32"),
                ("FP32", {"inputs": [x], "outputs": [{"name": "contributions"}]}, "only trees can"),
                ("FP32", {"inputs": [x], "outputs": [{"name": "y_float32"}] * 2}, "twice"),
                ("FP32", {"inputs": [x], "outputs": [{}]}, "name"),
                ("FP32", {"inputs": [x], "outputs": [{"name": "y_float32", "parameters": {"classification": 2}}]},
                 "classification"),
                ("FP32", {"inputs": [x], "more": 1}, "'more'"),
                ("FP32", {"inputs": [x], "id": 3}, "id"),
                ("FP32", {"inputs": [x, x]}, "twice"),
                ("FP32", {"inputs": [{**x, "name": "x"}]}, "no input 'x'"),
                ("FP32", {"inputs": [{**x, "more": 1}]}, "'more'"),
                ("FP32", {"inputs": [{**x, "datatype": "FP31"}]}, "'FP31'"),
                ("FP32", {"inputs": [{**x, "datatype": "BYTES"}]}, "text in quotes"),
                ("FP32", {"inputs": [{**x, "datatype": "BYTES", "data": ["1", "2", "3"]}]}, "x_float32"),
                ("FP32", {"inputs": [{**x, "shape": [1, 4]}]}, "less data"),
                ("FP32", {"inputs": [{**x, "shape": [1, 2]}]}, "more data"),
                ("FP32", {"inputs": [{**x, "shape": [3, 1]}]}, "x_float32"),
                ("FP32", {"inputs": [{**x, "shape": [3]}]}, "x_float32"),
                ("FP32", {"inputs": [{**x, "shape": [-3]}]}, "size"),
                ("FP32", {"inputs": [{**x, "shape": [1] * 17}]}, "dimensions"),
                ("FP32", {"inputs": [{**x, "shape": [2**40, 2**40]}]}, "too large"),
                ("FP32", {"inputs": [{**x, "shape": [2**40, 3]}]}, "less data"),
                ("FP32", {"inputs": [{**x, "data": [1, "2", 3]}]}, "expected a number"),
                ("FP32", {"inputs": [{"name": "x_float32", "shape": [1, 3], "datatype": "FP32"}]}, "no data"),
                ("FP32", {"inputs": [{"name": "x_float32", "shape": [1, 3], "data": [1, 2, 3]}]}, "datatype"),
                ("FP32", {"inputs": [{"shape": [1, 3], "datatype": "FP32", "data": [1, 2, 3]}]}, "name"),
                ("INT8", {"inputs": [inputs("INT8", [1, 128, 3])]}, "range"),
                ("INT8", {"inputs": [inputs("INT8", [1, -129, 3])]}, "range"),
                ("UINT8", {"inputs": [inputs("UINT8", [1, -1, 3])]}, "range"),
                ("UINT64", {"inputs": [inputs("UINT64", [1, 2**64, 3])]}, "integer"),
                ("INT64", {"inputs": [inputs("INT64", [1, 2.5, 3])]}, "integer"),
                ("BOOL", {"inputs": [inputs("BOOL", [True, 2, False])]}, "BOOL"),
                ("org/sum", {"inputs": [{"name": "a", "shape": [2], "datatype": "FP32", "data": [1, 2]},
                                        {"name": "b", "shape": [3], "datatype": "FP32", "data": [1, 2, 3]}]}, "")):
            with self.subTest(body=str(body)[:120]):
                self.refused(model, body if isinstance(body, str) else json.dumps(body), word)
        self.refused("none", {"inputs": [x]}, "none", 404)
        self.refused("FP32/versions/2", {"inputs": [x]}, "version", 404)
        self.assertEqual(self.infer("FP32", {"inputs": [x]})["outputs"][0]["data"], [1, 2, 3])

    # --- what it took, and many at once

    def test_receipt(self):
        status, headers, _ = self.server.post("/v2/models/org/sum/infer", self.sums())
        self.assertEqual(status, 200)
        for name in ("hence-queue-seconds", "hence-core-seconds", "hence-total-seconds"):
            self.assertGreaterEqual(float(headers[name]), 0)
        self.assertGreaterEqual(int(headers["hence-rows"]), 1)
        self.assertNotIn("hence-prompt-tokens", headers)
        figures = self.server.get("/metrics")[2]
        for name in ("hence_requests_total", "hence_rows_total", "hence_core_seconds_total",
                     "hence_request_queue_seconds_count"):
            lines = [line for line in figures.splitlines() if line.startswith(f'{name}{{model="org/sum"')]
            self.assertGreater(sum(float(line.split()[-1]) for line in lines), 0, name)

    def test_many_at_once(self):
        """Requests that are stacked get their own rows."""
        wrong = []

        def ask(seed):
            for i in range(40):
                n = 1 + (seed + i) % 5
                a = [seed * 1000.0 + i + j for j in range(n)]
                body = {"inputs": [{"name": "a", "shape": [n], "datatype": "FP32", "data": a},
                                   {"name": "b", "shape": [n], "datatype": "FP32", "data": [0.25] * n}]}
                got = self.server.post("/v2/models/org/sum/infer", body)[2]["outputs"][0]["data"]
                if got != [x + 0.25 for x in a]:
                    wrong.append((a, got))

        threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])

    def test_large_body(self):
        """Large ones are read by workers."""
        n = 50000
        body = {"inputs": [{"name": "a", "shape": [n], "datatype": "FP32", "data": list(range(n))},
                           {"name": "b", "shape": [n], "datatype": "FP32", "data": [1] * n}]}
        got = self.infer("org/sum", body)["outputs"][0]["data"]
        self.assertEqual(got, [i + 1 for i in range(n)])
        self.assertTrue(all(math.isfinite(x) for x in got))


class Sleeping(unittest.TestCase):
    def test_it_wakes_when_asked(self):
        with tempfile.TemporaryDirectory(prefix="hence-oip-") as folder:
            path = pathlib.Path(folder) / "m.onnx"
            path.write_bytes(tiny.identity(["float32"]))
            with Server(HENCE, "-m", str(path), "--idle-unload-s", "1") as server:
                body = {"inputs": [inputs("FP32", [1, 2, 3])]}
                for _ in range(200):
                    if server.get("/v1/admin/models")[2]["data"][0]["status"] == "unloaded":
                        break
                    threading.Event().wait(0.1)
                else:
                    self.fail("it does not fall asleep")
                self.assertEqual(server.get("/v1/models")[2]["data"][0]["kind"], "onnx")
                self.assertEqual(server.post("/v2/models/m/infer", body)[0], 200)


class Endless(unittest.TestCase):
    """A model that counts to what it is told, with one that is done at once beside it."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="hence-oip-")
        self.addCleanup(folder.cleanup)
        scalar = [tiny.port("i", "int64", []), tiny.port("c", "bool", []), tiny.port("v", "float32", [])]
        body = tiny.onnx_io.graph([tiny.node("Identity", ["c"], ["d"]), tiny.node("Neg", ["v"], ["w"])], scalar,
                                  [tiny.port("d", "bool", []), tiny.port("w", "float32", [])])
        self.count = pathlib.Path(folder.name) / "count.onnx"
        self.count.write_bytes(tiny.model(
            [tiny.port("n", "int64", []), tiny.port("x", "float32", [])],
            [tiny.node("Loop", ["n", "", "x"], ["y"], body=("graph", body))], [tiny.port("y", "float32", [])]))

    def start(self, server, n):
        """Asks for n turns; the connection, once they are being made."""
        body = json.dumps({"inputs": [{"name": "n", "shape": [], "datatype": "INT64", "data": [n]},
                                      {"name": "x", "shape": [], "datatype": "FP32", "data": [1]}]})
        connection = server.connect()
        connection.sendall(f"POST /v2/models/count/infer HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n{body}"
                           .encode())
        self.wait_for(server, 1)
        return connection

    def wait_for(self, server, running):
        line = f'hence_requests_running{{model="count"}} {running}'
        for _ in range(600):
            if line in server.get("/metrics")[2].splitlines():
                return
            threading.Event().wait(0.05)
        self.fail(f"not {running} running")

    def test_who_left_is_not_computed_for(self):
        with Server(HENCE, "-m", str(self.count)) as server:
            self.start(server, 1 << 40).close()
            self.wait_for(server, 0)
            self.start(server, 1 << 40).close()
            self.wait_for(server, 0)

    def test_the_end_does_not_wait_for_it(self):
        with Server(HENCE, "-m", str(self.count), "--drain-s", "0") as server:
            connection = self.start(server, 1 << 40)
            self.assertEqual(server.stop(), 0)
            connection.close()


if __name__ == "__main__":
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=1).run(suite)
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
