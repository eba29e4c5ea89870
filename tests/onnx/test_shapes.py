#!/usr/bin/python3
"""Shapes and types of outputs found at load, against those that ONNX's own tests declare: test_shapes.py HENCE FOLDER.

Every test's model is loaded with the types of its outputs taken out; what `hence inspect` then says of them
must not contradict the file."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

try:
    import onnx
except ImportError:
    onnx = None

SKIP = 77
TYPES = {1: "float", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 8: "string",
         9: "bool", 10: "float16", 11: "double", 12: "uint32", 13: "uint64", 16: "bfloat16"}
SOME = 0.55  # of the outputs that declare all their dimensions have them found


class Shapes(unittest.TestCase):
    def inspect(self, model):
        with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
            file.write(model.SerializeToString())
            file.flush()
            done = subprocess.run([HENCE, "inspect", "--json", file.name], capture_output=True)
        return (json.loads(done.stdout), "") if done.returncode == 0 else (None, done.stderr.decode())

    def test_found_shapes_are_those_declared(self):
        whole = found = 0
        unlike = []
        for path in sorted(FOLDER.glob("*/model.onnx")):
            model = onnx.load_model_from_string(path.read_bytes())
            outputs = list(model.graph.output)
            if not all(o.type.WhichOneof("value") == "tensor_type" for o in outputs):
                continue
            loads, _ = self.inspect(model)
            wants = [(o.type.tensor_type.elem_type, list(o.type.tensor_type.shape.dim),
                      o.type.tensor_type.HasField("shape")) for o in outputs]
            for o in outputs:
                o.ClearField("type")
            got, error = self.inspect(model)
            if got is None:
                if loads:
                    unlike.append(f"{path.parent.name}: {error}")
                continue
            for port, (kind, dims, known) in zip(got["outputs"], wants):
                name = TYPES.get(kind)
                if name and port["type"] not in (name, "float"):  # floats are also what nothing is known of
                    unlike.append(f"{path.parent.name}: {port}, declared {name}")
                if not known:
                    continue
                numbers = [d.dim_value if d.HasField("dim_value") else None for d in dims]
                whole += None not in numbers
                if port["shape"] is None:
                    continue
                shape = [d if isinstance(d, int) else None for d in port["shape"]]
                if len(shape) != len(numbers) or any(
                        a is not None and b is not None and a != b for a, b in zip(shape, numbers)):
                    unlike.append(f"{path.parent.name}: {port}, declared {numbers}")
                found += None not in numbers and None not in shape
        self.assertEqual(unlike, [])
        print(f"{found} of {whole} shapes found")
        self.assertGreater(found, SOME * whole)


if __name__ == "__main__":
    HENCE, FOLDER = sys.argv[1], pathlib.Path(sys.argv[2])
    if not FOLDER.is_dir() or onnx is None:
        print(f"skipped: {'no python3-onnx' if FOLDER.is_dir() else str(FOLDER) + ' is not there'}")
        sys.exit(SKIP)
    program = unittest.main(argv=sys.argv[:1], exit=False)
    ran = program.result
    bad = len(ran.failures) + len(ran.errors)
    print(f"{ran.testsRun - bad} passed, {bad} failed")
    sys.exit(bad != 0)
