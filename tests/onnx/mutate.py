#!/usr/bin/python3
"""ONNX's own tests with something changed: whatever a file says, there is an answer or an error.

mutate.py ONNX_BACKEND FOLDER [COUNT] [SEED]: changes attributes, shapes, types and inputs of the
models of one node in FOLDER, and has the runner of ONNX's tests run them; only a crash or a hang
is a failure. Prints the models that failed so, and keeps them. Exits with 77 where python3-onnx
is not installed, or FOLDER is not there."""
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

try:
    import onnx
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

INTS = [0, 1, -1, 2, 3, 7, -2, 100, 2**31 - 1, 2**31, -(2**31), 2**62, -(2**63), 2**63 - 1]
FLOATS = [0.0, 1.0, -1.0, 0.5, 1e-30, 1e30, float("inf"), float("-inf"), float("nan")]
TYPES = list(range(1, 27))
SIZES = {1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 12: 4, 13: 8, 14: 8, 15: 16,
         16: 2, 17: 1, 18: 1, 19: 1, 20: 1, 21: 0.5, 22: 0.5, 23: 0.5, 24: 1, 25: 0.25, 26: 0.25}
STRINGS = [b"", b"nearest", b"reverse", b"SAME_LOWER", b"VALID", b"cubic", b"x" * 300]


def change_attribute(rng, node):
    if not node.attribute:
        return
    attribute = rng.choice(node.attribute)
    kind = onnx.AttributeProto
    if rng.random() < 0.15:
        node.attribute.remove(attribute)
    elif attribute.type == kind.INT:
        attribute.i = rng.choice(INTS)
    elif attribute.type == kind.FLOAT:
        attribute.f = rng.choice(FLOATS)
    elif attribute.type == kind.INTS:
        change = rng.randrange(3)
        if change == 0 and attribute.ints:
            attribute.ints[rng.randrange(len(attribute.ints))] = rng.choice(INTS)
        elif change == 1 and attribute.ints:
            del attribute.ints[-1]
        else:
            attribute.ints.append(rng.choice(INTS))
    elif attribute.type == kind.FLOATS and attribute.floats:
        attribute.floats[rng.randrange(len(attribute.floats))] = rng.choice(FLOATS)
    elif attribute.type == kind.STRING:
        attribute.s = rng.choice(STRINGS)
    elif attribute.type == kind.STRINGS and attribute.strings:
        attribute.strings[rng.randrange(len(attribute.strings))] = rng.choice([b"", b"Elu", b"x"])


def fill(rng, tensor, dims, data_type):
    """Makes the tensor one of these dimensions and this type, out of the bytes it has."""
    count = 1
    for dim in dims:
        count *= dim
    old = tensor.SerializeToString()
    del tensor.dims[:]
    tensor.dims.extend(dims)
    for field in ("float_data", "int32_data", "int64_data", "double_data", "uint64_data"):
        tensor.ClearField(field)
    if data_type not in SIZES:
        data_type = 1
    tensor.ClearField("string_data")
    tensor.data_type = data_type
    need = int(-(-count * SIZES[data_type] // 1))
    if need > 1 << 16:
        need = 0
    tensor.raw_data = (old * (need // max(1, len(old)) + 1))[:need]
    if rng.random() < 0.3:
        tensor.raw_data = bytes(rng.choice((0, 0, 1, 2, 127, 128, 255)) for _ in range(need))


def change_tensor(rng, tensor):
    if tensor.data_type == onnx.TensorProto.STRING:
        return
    dims, data_type = list(tensor.dims), tensor.data_type
    change = rng.randrange(6)
    if change == 0 and dims:
        dims[rng.randrange(len(dims))] = rng.choice((0, 1, 2, 3, 4, 5, 9))
    elif change == 1 and dims:
        del dims[rng.randrange(len(dims))]
    elif change == 2:
        dims.insert(rng.randint(0, len(dims)), rng.choice((0, 1, 1, 2, 3)))
    elif change == 3:
        data_type = rng.choice(TYPES)
    elif change == 4 and dims:
        # Nothing in it, and yet enormous.
        dims[rng.randrange(len(dims))] = 0
        dims[rng.randrange(len(dims))] *= rng.choice((1, 2**20, 2**40))
    fill(rng, tensor, dims, data_type)


def mutate(rng, test, to):
    model = onnx.load(test / "model.onnx")
    tensors = []
    for path in sorted((test / "test_data_set_0").glob("input_*.pb")):
        tensor = onnx.TensorProto()
        tensor.ParseFromString(path.read_bytes())
        tensors.append(tensor)
    for _ in range(rng.choice((1, 1, 2, 3))):
        what = rng.random()
        if what < 0.4:
            change_attribute(rng, model.graph.node[0])
        elif what < 0.9 and tensors:
            change_tensor(rng, rng.choice(tensors))
        elif what < 0.95:
            for opset in model.opset_import:
                opset.version = rng.choice((7, 9, 10, 11, 13, 17, 18, 21, 26))
        else:
            node = model.graph.node[0]
            if node.input:
                node.input[rng.randrange(len(node.input))] = rng.choice(("", node.input[0]))
    # The graph takes what it is given.
    for value, tensor in zip(model.graph.input, tensors):
        value.type.tensor_type.elem_type = tensor.data_type
        value.type.tensor_type.ClearField("shape")
    for value in model.graph.output:
        if value.type.HasField("tensor_type"):
            value.type.tensor_type.ClearField("shape")
    (to / "test_data_set_0").mkdir(parents=True)
    (to / "model.onnx").write_bytes(model.SerializeToString())
    for i, tensor in enumerate(tensors):
        (to / "test_data_set_0" / f"input_{i}.pb").write_bytes(tensor.SerializeToString())
    for path in (test / "test_data_set_0").glob("output_*.pb"):
        shutil.copy(path, to / "test_data_set_0")


def main():
    backend, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    count, seed = (int(text) for text in (*sys.argv[3:5], *("1000", "1")[len(sys.argv) - 3 :]))
    if not folder.is_dir():
        print(f"skipped: {folder} is not there")
        return 77
    rng = random.Random(seed)
    tests = []
    for test in sorted(folder.iterdir()):
        try:
            if len(onnx.load(test / "model.onnx").graph.node) == 1:
                tests.append(test)
        except (OSError, ValueError):
            continue
    root = pathlib.Path(tempfile.mkdtemp())
    made = 0
    while made < count:
        test = rng.choice(tests)
        to = root / f"{test.name}_{made}"
        try:
            mutate(rng, test, to)
        except Exception:  # pylint: disable=broad-except
            shutil.rmtree(to, ignore_errors=True)  # what protobuf itself cannot write
            continue
        made += 1
    done = subprocess.run(
        [backend, str(root)], capture_output=True, text=True, errors="replace", check=False
    )
    crashes = [line for line in done.stdout.splitlines() if "CRASHED" in line]
    ran = done.stdout.strip().splitlines()[-1] if done.stdout.strip() else "nothing"
    print(f"{made} changed models, seed {seed}: {ran}; {len(crashes)} crashed")
    if crashes:
        print("\n".join(crashes), f"\nin {root}", done.stderr[:4000], sep="\n")
        return 1
    shutil.rmtree(root)
    return 0


if __name__ == "__main__":
    sys.exit(main())
