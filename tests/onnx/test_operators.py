#!/usr/bin/python3
"""Operators that move, pick, reduce, sort and look up, against NumPy: forms of old opsets, every type,
empty arrays, and what has to be refused.

test_operators.py ONNX_BACKEND: writes each case as a test folder, and has the runner of ONNX's own tests
run them. Exits with 77 where NumPy is not installed."""
import itertools
import json
import pathlib
import subprocess
import sys
import tempfile

try:
    import numpy as np
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import onnx_io as io  # noqa: E402  (after the path)

KINDS = {"float32": 1, "uint8": 2, "int8": 3, "uint16": 4, "int16": 5, "int32": 6, "int64": 7, "object": 8,
         "bool": 9, "float16": 10, "float64": 11, "uint32": 12, "uint64": 13}
ML = "ai.onnx.ml"
np.seterr(all="ignore")
rng = np.random.RandomState(7)


def tensor(name, array):
    array = np.asarray(array)
    kind = KINDS[array.dtype.name]
    if kind == io.STRING:
        return io.tensor(name, kind, array.shape, string_data=[str(v) for v in array.ravel()])
    return io.tensor(name, kind, array.shape, array.tobytes())


class Suite:
    def __init__(self, folder):
        self.folder = folder
        self.refusals = {}

    def add(self, op, inputs, outputs, opset=18, domain="", refused=None, after=None, fixed=(),
            **attributes):
        """`outputs` are arrays, or a number of them where the model has to be refused with a text. `after`: an
        operator that makes the first input, which is then the graph's own; inputs that are the same are one.
        `fixed`: inputs that are constants of the model. Attributes that are called as something here end in _."""
        if refused:
            outputs = [np.zeros(1, np.float32)] * outputs
        names = ["" if x is None else f"x{[x is y for y in inputs].index(True)}" for x in inputs]
        given = list({n: np.asarray(x) for n, x in zip(names, inputs) if n}.items())
        nodes = [io.node(after, ["x0"], ["z"])] if after else []
        names = ["z" if after and n == "x0" else n for n in names]
        made = [f"y{i}" for i in range(len(outputs))]
        constants = [(n, np.asarray(x)) for i, (n, x) in enumerate(zip(names, inputs)) if i in fixed and n]
        given = [(n, x) for n, x in given if n not in dict(constants)]
        body = io.graph([*nodes, io.node(op, names, made, domain, **{k.rstrip("_"): v for k, v in attributes.items()})],
                        [io.value(n, KINDS[x.dtype.name]) for n, x in given],
                        [io.value(n, io.FLOAT) for n in made] if refused else
                        [io.value(n, KINDS[np.asarray(y).dtype.name]) for n, y in zip(made, outputs)],
                        [tensor(n, x) for n, x in constants])
        domains = [(domain, opset)] if domain else []
        name = self.write(op, io.model(body, 17 if domain else opset, domains=domains), dict(given),
                          dict(zip(made, outputs)))
        if refused: self.refusals[name] = refused

    def write(self, name, model, inputs, outputs):
        """A test of its own; its name."""
        path = self.folder / f"test_{len(list(self.folder.iterdir())):04d}_{name}"
        data = path / "test_data_set_0"
        data.mkdir(parents=True)
        (path / "model.onnx").write_bytes(model)
        for kind, arrays in (("input", inputs), ("output", outputs)):
            for i, (label, array) in enumerate(arrays.items()):
                (data / f"{kind}_{i}.pb").write_bytes(tensor(label, array))
        return path.name


def real(*shape, kind=np.float32):
    return np.asarray(rng.randn(*shape)).astype(kind)


def whole(low, high, *shape, kind=np.int64):
    return rng.randint(low, high, shape).astype(kind)


def ints(*values):
    return np.array(values, np.int64)


def words(*values):
    return np.array(values, dtype=object)


def movement(s):
    for shape, kind in itertools.product([(3, 4), (2, 3, 4), (2, 1, 3, 4), (33, 47), (5, 17, 33), (0, 3)],
                                         [np.float32, np.int8, np.float64, np.int16]):
        x = (50 * rng.randn(*shape)).astype(kind)
        for perm in list(itertools.permutations(range(len(shape))))[:8]:
            s.add("Transpose", [x], [x.transpose(perm)], perm=list(perm))
    x = words("a", "bb", "c", "d").reshape(2, 2)
    s.add("Transpose", [x], [x.T])
    x = real(4, 5)
    s.add("Slice", [x], [x[1:3, -3:]], opset=9, starts=[1, -3], ends=[3, 1000], axes=[0, 1])
    s.add("Slice", [x], [x[1:3]], opset=7, starts=[1], ends=[3])
    s.add("Slice", [x, ints(-1), ints(-(2**63)), ints(1), ints(-2)], [x[:, ::-2]])
    s.add("Slice", [x, ints(0), ints(2**63 - 1), ints(0), ints(2**63 - 1)], [x[:1]])
    s.add("Slice", [x, ints(0), ints(9), ints(0), ints(0)], 1, refused="step")
    for axis in (-3, -1, 0, 1):
        parts = [real(2, 3, 4), real(2, 3, 4), real(2, 3, 4)]
        y = np.concatenate(parts, axis)
        s.add("Concat", parts, [y], axis=axis)
        cut = np.split(y, [2, 5], axis=axis)
        s.add("Split", [y, ints(2, 3, y.shape[axis] - 5)], cut, opset=13, axis=axis)
        s.add("Split", [y], cut, opset=11, axis=axis, split=[2, 3, y.shape[axis] - 5])
        s.add("Split", [y], parts, opset=7, axis=axis)
    s.add("Concat", [real(2, 3), real(3, 3)], 1, axis=1, refused="does not fit")
    s.add("Split", [x, ints(-1, 5)], 2, opset=13, refused="part 0")
    x = real(7, 2)
    s.add("Split", [x], [x[:2], x[2:4], x[4:6], x[6:]], num_outputs=4)
    for shape, times in [((2, 3), (2, 2)), ((2, 3, 1), (1, 3, 4)), ((3,), (0,))]:
        x = whole(0, 9, *shape)
        s.add("Tile", [x, ints(*times)], [np.tile(x, times)])
    s.add("Tile", [x, ints(2**63 - 1)], 1, refused="repeated")
    for shape, want in [((3, 1), (2, 1, 6)), ((3, 4), (1, 1)), ((), (2, 3)), ((0, 1), (1, 4)), ((2, 1), (0, 2, 3))]:
        x = np.asarray(real(*shape))
        s.add("Expand", [x, ints(*want)], [x * np.ones(want, np.float32)], opset=8)
    s.add("Expand", [real(2, 3), ints(2, 4)], 1, opset=8, refused="cannot become")
    x = real(2, 12, 3, 4)
    block = x.reshape(2, 2, 2, 3, 3, 4)
    s.add("DepthToSpace", [x], [block.transpose(0, 3, 4, 1, 5, 2).reshape(2, 3, 6, 8)], opset=7, blocksize=2)
    s.add("DepthToSpace", [x], 1, blocksize=2**40, refused="block")


def shapes(s):
    x = real(2, 1, 3, 1)
    s.add("Squeeze", [x], [x.squeeze()], opset=7)
    s.add("Squeeze", [x], [x.squeeze(1)], opset=11, axes=[1])
    s.add("Squeeze", [x, ints(0)], 1, opset=13, refused="cannot be dropped")
    x = real(2, 3)
    s.add("Unsqueeze", [x], [x.reshape(1, 2, 1, 3)], opset=7, axes=[0, 2])
    s.add("Unsqueeze", [x, ints(0, 0)], 1, opset=13, refused="twice")
    s.add("Reshape", [x, ints(0, -1, 1)], [x.reshape(2, 3, 1)], opset=5)
    s.add("Reshape", [x, ints(-1, -1)], 1, refused="dimension 1")
    s.add("Reshape", [x, ints(4, -1)], 1, refused="do not make up")
    s.add("Reshape", [x, ints(2**62, 2**62)], 1, refused="do not make up")
    s.add("Reshape", [real(0, 3), ints(3, 0)], [real(3, 0)], opset=14, allowzero=1)
    s.add("Flatten", [x], 1, axis=3, refused="axis")


def padding(s):
    for mode in ("constant", "reflect", "edge", "wrap"):
        for _ in range(6):
            x = real(*whole(2, 5, 3))
            most = [{"reflect": d, "wrap": d + 1}.get(mode, 4) for d in x.shape] * 2
            pads = np.array([rng.randint(0, m) for m in most])
            more = {"constant_values": 3.5} if mode == "constant" else {}
            y = np.pad(x, list(zip(pads[:3], pads[3:])), mode=mode, **more)
            s.add("Pad", [x, pads, np.float32(3.5)], [y], opset=19, mode=mode)
    x = real(3, 4)
    s.add("Pad", [x, ints(-1, 2, 0, -1)], [np.pad(x, ((0, 0), (2, 0)))[1:, :-1]], opset=13)
    s.add("Pad", [x], [np.pad(x, ((1, 0), (0, 2)), constant_values=1.5)], opset=7, pads=[1, 0, 0, 2], value=1.5)
    s.add("Pad", [words("a", "b"), ints(1, 0)], [words("", "a", "b")])
    s.add("Pad", [real(0, 3), ints(2, 0, 0, 1)], [np.zeros((2, 4), np.float32)])
    s.add("Pad", [real(0, 3), ints(2, 0, 0, 1)], 1, mode="edge", refused="nothing to pad with")
    s.add("Pad", [x, ints(-3, 0, -1, 0)], 1, refused="padding")
    for k, upper in itertools.product((-5, -1, 0, 2, 2**62, -(2**62)), (0, 1)):
        x = real(2, 3, 4)
        near = max(min(k, 10), -10)
        s.add("Trilu", [x, np.int64(k)], [(np.triu if upper else np.tril)(x, near)], upper=upper)


def indices(s):
    for axis in (-3, -1, 0, 1):
        x = real(3, 4, 5)
        at = whole(-3, 3, 2, 2)
        s.add("Gather", [x, at], [np.take(x, at, axis)], axis=axis)
        at = whole(-3, 3, *[2 if i == axis % 3 else d for i, d in enumerate(x.shape)])
        s.add("GatherElements", [x, at], [np.take_along_axis(x, at, axis)], axis=axis)
    s.add("Gather", [x, ints(3)], 1, refused="index 3 of 3")
    s.add("Gather", [x, ints(-(2**63))], 1, refused="index")
    s.add("Gather", [real(3, 0), ints(1, 1)], [real(2, 0)])
    at = whole(0, 5, 3, 4, 1)
    picked = np.array([[x[i, j, at[i, j, 0]] for j in range(4)] for i in range(3)])
    s.add("GatherND", [x, at], [picked], opset=13, batch_dims=2)
    s.add("GatherND", [x, ints(0, 4).reshape(1, 2)], 1, refused="index 4 of 4")
    how = {"none": lambda a, b: b, "add": lambda a, b: a + b, "mul": lambda a, b: a * b, "max": max, "min": min}
    kinds = [np.float32, np.float64, np.int32, np.int64, np.uint8, np.int8, np.uint16, np.float16, np.uint64, np.bool_]
    for kind, (name, change) in itertools.product(kinds, how.items()):
        x, new = (3 * real(4, 5)).astype(kind), (3 * real(2, 3)).astype(kind)
        at = np.stack([rng.permutation(4)[:2] for _ in range(3)], 1)
        y = x.copy()
        for i, j in np.ndindex(2, 3):
            y[at[i, j], j] = change(y[at[i, j], j], new[i, j])
        s.add("ScatterElements", [x, at, new], [y], reduction=name)
        x, new, at = (3 * real(4, 5)).astype(kind), (3 * real(2, 5)).astype(kind), ints(2, 0).reshape(2, 1)
        y = x.copy()
        for k, j in np.ndindex(2, 5):
            y[at[k, 0], j] = change(y[at[k, 0], j], new[k, j])
        s.add("ScatterND", [x, at, new], [y], reduction=name)
    x, at, new = real(3, 3), ints(1, 0, 2, 0, 2, 1).reshape(2, 3), real(2, 3)
    y = x.copy()
    np.put_along_axis(y, at, new, 0)
    s.add("Scatter", [x, at, new], [y], opset=9)
    s.add("ScatterElements", [x, at + 2, new], 1, refused="index")
    swap, row = ints(2, 1, 0), abs(real(3))
    s.add("ScatterElements", [row, swap, row], [row[::-1]], after="Abs")
    s.add("ScatterElements", [swap, swap, swap], [ints(0, 1, 2)], after="Abs")
    s.add("ScatterND", [x, ints(3).reshape(1, 1), real(1, 3)], 1, refused="index 3 of 3")
    values = np.array([0.5, 2], np.float32)
    s.add("OneHot", [ints(0, 2, -1, 5, -4), np.int64(3), values],
          [np.array([[2, 0.5, 0.5], [0.5, 0.5, 2], [0.5, 0.5, 2], [0.5] * 3, [0.5] * 3], np.float32)], opset=9)
    s.add("OneHot", [ints(0), np.int64(-1), values], 1, refused="depth")
    s.add("NonZero", [np.array([-0.0, 1, 0, np.nan], np.float32)], [ints(1, 3).reshape(1, 2)])
    s.add("NonZero", [real(0, 2)], [np.zeros((2, 0), np.int64)])
    s.add("GridSample", [real(1, 2, 0, 3), real(1, 4, 5, 2)], [np.zeros((1, 2, 4, 5), np.float32)],
          padding_mode="border")
    x = real(3, 4)
    s.add("Compress", [x, np.array([True, False, True])], [x[[0, 2]]], opset=9, axis=0)
    s.add("Compress", [x, np.ones(4, bool)], 1, axis=0, refused="index 3 of 3")


def order(s):
    kinds = [np.float32, np.int64, np.float64, np.int32, np.float16, np.uint8, np.int8, np.uint64]
    for kind, largest, axis in itertools.product(kinds, (0, 1), (0, 1, -1)):
        x = whole(-4 * np.issubdtype(kind, np.signedinteger), 9, 6, 7, 5, kind=kind)  # with ties
        key = -x.astype(np.float64) if largest else x.astype(np.float64)
        at = np.argsort(key, axis=axis, kind="stable").take(range(4), axis=axis)
        s.add("TopK", [x, ints(4)], [np.take_along_axis(x, at, axis), at], opset=11, axis=axis, largest=largest)
    x = real(3, 6)
    at = np.argsort(-x, axis=1, kind="stable")[:, :2]
    s.add("TopK", [x], [np.take_along_axis(x, at, 1), at], opset=9, k=2, axis=1)
    s.add("TopK", [x, ints(7)], 2, opset=11, refused="k is 7 of 6")
    for kind, axis, keep, last in itertools.product((np.float32, np.int32, np.float16), (0, -1), (0, 1), (0, 1)):
        x = whole(0, 4, 4, 5, 6, kind=kind)
        for op, fn in (("ArgMax", np.argmax), ("ArgMin", np.argmin)):
            y = x.shape[axis] - 1 - fn(np.flip(x, axis), axis=axis) if last else fn(x, axis=axis)
            y = np.expand_dims(y, axis) if keep else y
            s.add(op, [x], [y], opset=13, axis=axis, keepdims=keep, select_last_index=last)
    s.add("ArgMax", [real(2, 0)], 1, axis=1, refused="no element")
    x = real(3, 4, 5)
    s.add("Hardmax", [x], [np.eye(20, dtype=np.float32)[x.reshape(3, 20).argmax(1)].reshape(3, 4, 5)], opset=11)
    for axis in (None, 0, 1, 2):
        x = whole(0, 3, 3, 4, 2, kind=np.int8)
        y, first, inverse, counts = np.unique(x, True, True, True, axis=axis)
        more = {} if axis is None else {"axis": axis}
        s.add("Unique", [x], [y, first, inverse.ravel(), counts], opset=11, **more)
    s.add("Unique", [words("b", "a", "", "b")], [words("b", "a", ""), ints(0, 1, 2), ints(0, 1, 2, 0), ints(2, 1, 1)],
          opset=11, sorted=0)


def reductions(s):
    def log_sum_exp(x, axis, keepdims):
        return np.log(np.sum(np.exp(x), axis=axis, keepdims=keepdims))

    folds = {"Sum": (np.sum, 0), "Mean": (np.mean, np.nan), "Max": (np.max, -np.inf), "Min": (np.min, np.inf),
             "Prod": (np.prod, 1), "L1": (lambda x, **k: np.sum(np.abs(x), **k), 0),
             "L2": (lambda x, **k: np.sqrt(np.sum(x * x, **k)), 0), "SumSquare": (lambda x, **k: np.sum(x * x, **k), 0),
             "LogSum": (lambda x, **k: np.log(np.sum(x, **k)), -np.inf), "LogSumExp": (log_sum_exp, -np.inf)}
    for name, (fold, nothing) in folds.items():
        op = "Reduce" + name
        for rank in range(1, 5):
            for n in range(rank + 1):
                exact = [] if name in ("L2", "LogSum", "LogSumExp") else [np.int32, np.int64]
                kind = rng.choice([np.float32, np.float64, np.float16, *exact])
                axes = sorted(rng.permutation(rank)[:n].tolist())
                x = whole(1, 4, *whole(1, 5, rank)).astype(kind)
                keep = int(rng.randint(2))
                y = fold(x.astype(np.float64), axis=tuple(axes or range(rank)), keepdims=bool(keep))
                y = np.asarray(np.clip(y, -2**31, 2**31 - 1) if kind == np.int32 else y).astype(kind)
                if kind == np.int32 and name == "Prod" and abs(y).max() == 2**31 - 1: continue
                old = {"axes": axes} if axes else {}
                s.add(op, [x], [y], opset=11, keepdims=keep, **old)
                s.add(op, [x, ints(*axes)] if axes else [x], [y], opset=20, keepdims=keep)
        for shape, axes in [((1000,), (0,)), ((700, 300), (0,)), ((300, 700), (1,)), ((30, 20, 40), (0, 2)),
                            ((2, 3, 2, 3, 2, 3), (1, 3, 5)), ((33, 1025), (0, 1))]:
            x = (1 + rng.randn(*shape) / 1000).astype(np.float32)
            y = fold(x.astype(np.float64), axis=axes, keepdims=False)
            s.add(op, [x, ints(*axes)], [np.asarray(y).astype(np.float32)], opset=20, keepdims=0)
        s.add(op, [real(2, 0, 4), ints(1)], [np.full((2, 1, 4), nothing, np.float32)], opset=20)
    x = real(3, 4)
    for name, y in [("Sum", x), ("L2", abs(x)), ("SumSquare", x * x), ("LogSumExp", x)]:
        s.add("Reduce" + name, [x, ints()], [y], noop_with_empty_axes=1)
    big = np.array([[1, 2**63 + 5]], np.uint64)
    s.add("ReduceMax", [big, ints(1)], [big[:, 1:]])
    s.add("ReduceMax", [np.zeros((2, 0), np.int8), ints(1)], [np.full((2, 1), -128, np.int8)])
    s.add("ReduceMax", [np.array([[1, np.nan, 2]], np.float32), ints(1)], [np.full((1, 1), np.nan, np.float32)])
    s.add("ReduceSum", [x, ints(0, -2)], 1, refused="twice")
    s.add("ReduceSum", [x, ints(2)], 1, refused="axis 2")
    for (op, fold, start), reverse, exclusive in itertools.product(
            (("CumSum", np.cumsum, 0), ("CumProd", np.cumprod, 1)), (0, 1), (0, 1)):
        x = whole(1, 4, 3, 4, 2, kind=np.int32)
        y = fold(np.flip(x, 1) if reverse else x, axis=1)
        if exclusive: y = np.concatenate([np.full((3, 1, 2), start), y[:, :-1]], 1)
        y = np.flip(y, 1) if reverse else y
        s.add(op, [x, np.int32(-2)], [y.astype(np.int32)], opset=26, exclusive=exclusive, reverse=reverse)
    for n in (0, 1, 2, 5):
        x = real(3, n, n, kind=np.float64)
        s.add("Det", [x], [np.linalg.det(x)])


def einsum(s):
    for equation, *sizes in [("ij,jk", (3, 4), (4, 5)), ("ii->i", (4, 4)), ("ii", (4, 4)), ("ijk->kji", (2, 3, 4)),
                             ("...ij,...jk", (2, 3, 3, 4), (3, 4, 5)), ("ij,kj,lj->ikl", (2, 3), (4, 3), (5, 3)),
                             ("bhwc,hkc->bhwk", (2, 3, 4, 5), (3, 6, 5)), ("Ab,bC", (2, 3), (3, 4)),
                             ("iij,jk->ik", (3, 3, 4), (4, 5)), ("ij,ij->", (3, 4), (3, 4)),
                             ("i,ij,j", (3,), (3, 4), (4,)), ("ij,i->j", (3, 4), (1,)), ("ij,jk", (3, 0), (0, 5)),
                             ("...,...->...", (2, 3), (3,)), ("abcd,aebf->cdef", (2, 3, 4, 5), (2, 3, 3, 2)),
                             ("bqhd,bkhd->bhqk", (2, 5, 3, 4), (2, 6, 3, 4)), (" i j -> j i ", (3, 4))]:
        for kind in (np.float32, np.float64, np.int32):
            xs = [(3 * real(*size)).astype(kind) for size in sizes]
            s.add("Einsum", xs, [np.asarray(np.einsum(equation, *xs)).astype(kind)], equation=equation)
    for equation in ("ij,jk->iz", "ij,jk,kl", "ij", "ij,j.k", "ij,jk->ii", "ijk,jk"):
        s.add("Einsum", [real(3, 4), real(4, 5)], 1, equation=equation, refused="equation")


def lookups(s):
    x = words("x", "z", "q")
    s.add("LabelEncoder", [x], [ints(0, 2, -1)], 1, ML, classes_strings=["x", "y", "z"])
    s.add("LabelEncoder", [ints(0, 2, 5)], [words("x", "z", "_Unused")], 1, ML, classes_strings=["x", "y", "z"])
    s.add("LabelEncoder", [np.array([1.5, np.nan, 0], np.float32)], [ints(1, 2, -1)], 2, ML,
          keys_floats=[1.5, float("nan")], values_int64s=[1, 2])
    s.add("LabelEncoder", [x], 1, 2, ML, keys_strings=["a"], values_int64s=[1, 2], refused="1 keys for 2 values")
    s.add("CategoryMapper", [x], [ints(5, 7, -9)], 1, ML, cats_strings=["x", "y", "z"], cats_int64s=[5, 6, 7],
          default_int64=-9)
    s.add("OneHotEncoder", [x], [np.array([[1, 0], [0, 1], [0, 0]], np.float32)], 1, ML, cats_strings=["x", "z"])
    s.add("OneHotEncoder", [x], 1, 1, ML, cats_strings=["x", "z"], zeros=0, refused="no category")
    x, weights, bias = real(5, 4), real(3, 4), real(3)
    scores = x @ weights.T + bias
    share = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    model = {"coefficients": weights.ravel().tolist(), "intercepts": bias.tolist()}
    s.add("LinearRegressor", [x], [scores], 1, ML, targets=3, **model)
    s.add("LinearRegressor", [x], 1, 1, ML, targets=2, **model, refused="coefficients")
    s.add("LinearClassifier", [x], [ints(10, 20, 30)[scores.argmax(1)], share], 1, ML, post_transform="SOFTMAX",
          classlabels_ints=[10, 20, 30], **model)
    s.add("ZipMap", [share], [share], 1, ML, classlabels_int64s=[1, 2, 3])
    s.add("ZipMap", [share], 1, 1, ML, classlabels_int64s=[1, 2], refused="labels")
    for norm, size in (("MAX", abs(x).max(1)), ("L1", abs(x).sum(1)), ("L2", np.sqrt((x * x).sum(1)))):
        s.add("Normalizer", [x], [x / size[:, None]], 1, ML, norm=norm)
    s.add("Imputer", [np.array([[1, np.nan], [np.nan, 4]], np.float32)], [np.array([[1, 9], [8, 4]], np.float32)], 1, ML,
          imputed_value_floats=[8.0, 9.0], replaced_value_float=float("nan"))
    s.add("StringSplit", [words("a,b", "c", "", ",x,")],
          [words("a", "b", "", "c", "", "", "", "", "", "", "x", "").reshape(4, 3), ints(2, 1, 1, 3)], 20, delimiter=",")
    s.add("StringSplit", [words(" a  b c ")], [words("a", "b c ").reshape(1, 2), ints(2)], 20, maxsplit=1)
    s.add("StringNormalizer", [words("Monday", "ÉTÉ", "x")], [words("MONDAY", "ÉTÉ")], case_change_action="UPPER",
          stopwords=["X"])
    s.add("RegexFullMatch", [words("abc", "abcd", "a\nb", "")], [np.array([True, False, False, False])], 20,
          pattern="a.c|a.b")
    s.add("RegexFullMatch", [words("a")], 1, 20, pattern="(", refused="expression")


def walk(tree, row):
    """The leaf of a tree that is a list of (feature, mode, value, missing, true, false), or a leaf's number."""
    node = tree[0]
    while not isinstance(node, float):
        feature, mode, value, missing, true, false = node
        v = float(row[feature])
        holds = {"LEQ": v <= value, "LT": v < value, "GTE": v >= value, "GT": v > value, "EQ": v == value,
                 "NEQ": v != value}[mode] or (np.isnan(v) and missing)
        node = tree[true if holds else false]
    return node


def grow(depth, modes):
    tree = []

    def add(level):
        at = len(tree)
        tree.append(float(np.float32(rng.randn())))
        if level and rng.rand() < 0.9:
            true, false = add(level - 1), add(level - 1)
            tree[at] = (int(rng.randint(4)), str(rng.choice(modes)), float(rng.randint(-3, 4) / 2),
                        int(rng.randint(2)), true, false)
        return at
    add(depth)
    return tree


def trees(s):
    for modes in (["LEQ"], ["LT"], ["LEQ", "LT", "GTE", "GT", "EQ", "NEQ"]):
        forest = [grow(4, modes) for _ in range(5)]
        lists = {k: [] for k in ("nodes_treeids", "nodes_nodeids", "nodes_featureids", "nodes_modes", "nodes_values",
                                 "nodes_truenodeids", "nodes_falsenodeids", "nodes_missing_value_tracks_true",
                                 "target_treeids", "target_nodeids", "target_ids", "target_weights")}
        for t, tree in enumerate(forest):
            for n, node in enumerate(tree):
                leaf = isinstance(node, float)
                if leaf:
                    for key, v in zip(list(lists)[8:], (t, n, 0, node)):
                        lists[key].append(v)
                feature, mode, value, missing, true, false = (0, "LEAF", 0.0, 0, 0, 0) if leaf else node
                mode = mode if leaf else "BRANCH_" + mode
                for key, v in zip(lists, (t, n, feature, mode, value, true, false, missing)):
                    lists[key].append(v)
        x = (rng.randint(-4, 5, (30, 4)) / 2).astype(np.float32)
        x[rng.rand(30, 4) < 0.1] = np.nan
        near = x.astype(np.float64) + rng.choice([0, 1e-12, -1e-12], x.shape)  # rounding must not cross a threshold
        for name, fold in (("SUM", np.sum), ("AVERAGE", np.mean), ("MIN", np.min), ("MAX", np.max)):
            for rows in (x, near) if len(modes) == 1 else (x,):
                y = np.array([[fold([walk(tree, row) for tree in forest]) + 0.5] for row in rows])
                s.add("TreeEnsembleRegressor", [rows], [y.astype(np.float32)], 3, ML, aggregate_function=name,
                      base_values=[0.5], **lists)
        lists["nodes_truenodeids"] = [0] * len(lists["nodes_nodeids"])
        s.add("TreeEnsembleRegressor", [x], 1, 3, ML, **lists, refused="more than once")


def run(parts):
    """Has the runner that is the first argument run the cases that the parts add; the exit status."""
    with tempfile.TemporaryDirectory() as name:
        s = Suite(pathlib.Path(name))
        for part in parts:
            part(s)
        done = subprocess.run([sys.argv[1], "--json", name], capture_output=True, check=False)
        results = [json.loads(line) for line in done.stdout.splitlines()][:-1]
    wrong = 0
    for r in results:
        refusal = s.refusals.get(r["test"])
        good = r["passed"] if refusal is None else (
            not r["passed"] and refusal in r["reason"] and "node '" in r["reason"] and "CRASHED" not in r["reason"])
        if not good: print(f"{r['test']}: {r.get('reason', 'passed')}")
        wrong += not good
    print(f"{len(results) - wrong} passed, {wrong} failed")
    return 1 if wrong or not results else 0


if __name__ == "__main__":
    sys.exit(run((movement, shapes, padding, indices, order, reductions, einsum, lookups, trees)))
