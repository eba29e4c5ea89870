#!/usr/bin/env python3
"""Products, convolutions, pools, norms, cells, signals and quantized numbers through the program: the
forms of old opsets, arrays with nothing in them, and what is refused; expected values by NumPy."""

import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "cli")]

import numpy as np  # noqa: E402

import onnx_io as o  # noqa: E402
from program import Program, main  # noqa: E402

KINDS = {"float32": o.FLOAT, "uint8": o.UINT8, "int8": o.INT8, "int32": o.INT32, "int64": o.INT64,
         "float16": o.FLOAT16, "float64": o.DOUBLE}


def softmax(x, axis):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


class Operators(Program):
    def run_one(self, op, arrays, opset, n_out=1, **attributes):
        """Outputs of one node with these inputs (None: absent), or the text of the error."""
        folder = self.folder / f"{self.id()}"
        folder.mkdir(exist_ok=True)
        names = [f"x{i}" if a is not None else "" for i, a in enumerate(arrays)]
        outputs = [f"y{i}" for i in range(n_out)]
        given = {n: np.asarray(a) for n, a in zip(names, arrays) if n}
        graph = o.graph([o.node(op, names, outputs, **attributes)],
                        [o.value(n, KINDS[a.dtype.name]) for n, a in given.items()],
                        [o.value(n, o.FLOAT) for n in outputs])
        model = o.model(graph, opset=opset, domains=[("com.microsoft", 1)])
        (folder / "model.onnx").write_bytes(model)
        words = []
        for name, array in given.items():
            np.save(folder / f"{name}.npy", array)
            words += ["--in", f"{name}={folder / name}.npy"]
        done = self.hence("predict", "-m", folder / "model.onnx", "-t", 2, *words, "--out-dir",
                          folder / "out", "--json")
        if done.returncode:
            self.assertEqual(done.returncode, 1, done.stderr)
            return done.stderr.decode()
        json.loads(done.stdout)
        got = [np.load(folder / "out" / f"{name}.npy") for name in outputs]
        return got[0] if n_out == 1 else got

    def check(self, got, want, rtol=1e-5):
        self.assertNotIsInstance(got, str, got)
        want = np.asarray(want)
        self.assertEqual(got.shape, want.shape)
        np.testing.assert_allclose(got, want, rtol=rtol, atol=1e-6)

    def setUp(self):
        super().setUp()
        self.rng = np.random.default_rng(7)

    def floats(self, *shape):
        return self.rng.standard_normal(shape).astype(np.float32)

    def bytes(self, *shape, dtype=np.uint8):
        info = np.iinfo(dtype)
        return self.rng.integers(info.min, info.max, shape, dtype, endpoint=True)

    def test_softmax_was_of_everything_from_the_axis_on(self):
        x = self.floats(2, 3, 4)
        self.check(self.run_one("Softmax", [x], 11), softmax(x.reshape(2, 12), 1).reshape(x.shape))
        self.check(self.run_one("LogSoftmax", [x], 11, axis=2), np.log(softmax(x, 2)))
        self.check(self.run_one("Softmax", [x], 13, axis=0), softmax(x, 0))

    def test_batch_norm_of_opset_7(self):
        x = self.floats(3, 2, 4)
        by_place = [self.floats(8) for _ in range(3)] + [self.rng.random(8, np.float32) + 0.5]
        s, b, m, v = (p.reshape(2, 4) for p in by_place)
        got = self.run_one("BatchNormalization", [x, *(p.reshape(2, 4) for p in by_place)], 7, spatial=0)
        self.check(got, (x - m) / np.sqrt(v + 1e-5) * s + b)

    def test_group_norm_of_opset_18_scales_groups(self):
        x, scale, shift = self.floats(2, 4, 3), self.floats(2), self.floats(2)
        groups = x.reshape(2, 2, 6)
        want = (groups - groups.mean(2, keepdims=True)) / np.sqrt(groups.var(2, keepdims=True) + 1e-5)
        want = want * scale[:, None] + shift[:, None]
        got = self.run_one("GroupNormalization", [x, scale, shift], 18, num_groups=2)
        self.check(got, want.reshape(x.shape), 1e-4)

    def test_upsample_and_resize_before_opset_11(self):
        x = np.array([[1, 2], [3, 4]], np.float32)
        want = np.repeat(np.repeat(x, 2, 0), 3, 1)
        scales = np.array([2, 3], np.float32)
        self.check(self.run_one("Upsample", [x], 7, scales=[2.0, 3.0]), want)
        self.check(self.run_one("Upsample", [x, scales], 9), want)
        self.check(self.run_one("Resize", [x, scales], 10), want)
        line = self.run_one("Upsample", [x[:1], np.array([1, 2], np.float32)], 9, mode="linear")
        self.check(line, [[1, 1.5, 2, 2]])
        self.assertIn("scale of -1", self.run_one("Resize", [x, -scales / scales], 10))

    def test_half_precision_sums_in_floats(self):
        a, b = self.floats(3, 300).astype(np.float16), self.floats(300, 5).astype(np.float16)
        want = (a.astype(np.float32) @ b.astype(np.float32)).astype(np.float16)
        self.check(self.run_one("MatMul", [a, b], 13), want, 2e-3)

    def test_whole_numbers(self):
        a, b = self.rng.integers(-9, 9, (2, 3, 5)), self.rng.integers(-9, 9, (5, 4))
        self.check(self.run_one("MatMul", [a, b], 13), a @ b)
        a = self.rng.integers(-9, 9, (3, 5)).astype(np.int32)
        c = np.array([1, 2, 3, 4], np.int32)
        self.check(self.run_one("Gemm", [a, b.astype(np.int32), c], 13, alpha=2.0, beta=3.0), 2 * (a @ b) + 3 * c)

    def test_products_of_bytes_are_exact(self):
        for m, k, n in ((1, 700, 300), (9, 513, 37), (70, 256, 8)):
            a, b = self.bytes(m, k), self.bytes(k, n, dtype=np.int8)
            za, zb = np.uint8(255), self.bytes(n, dtype=np.int8)
            want = (a.astype(np.int64) - za) @ (b.astype(np.int64) - zb)
            np.testing.assert_array_equal(self.run_one("MatMulInteger", [a, b, za, zb], 10), want)
        a, b = self.bytes(3, 5, 300), self.bytes(300, 20, dtype=np.int8)
        want = a.astype(np.int64) @ b.astype(np.int64)
        np.testing.assert_array_equal(self.run_one("MatMulInteger", [a, b], 10), want)
        rows = self.bytes(3)
        a, b = self.bytes(3, 6), self.bytes(6, 4)
        want = (a.astype(int) - rows[:, None]) @ b.astype(int)
        np.testing.assert_array_equal(self.run_one("MatMulInteger", [a, b, rows, None], 10), want)

    def conv(self, x, w, **how):
        return self.run_one("Conv", [x.astype(np.float64), w.astype(np.float64)], 11, **how)

    def test_convolutions_of_bytes(self):
        x, w = self.bytes(2, 4, 7, 6), self.bytes(6, 2, 3, 3, dtype=np.int8)
        zx, zw = np.uint8(97), self.bytes(6, dtype=np.int8)
        how = {"group": 2, "pads": [1, 0, 2, 1], "strides": [2, 1]}
        less_x, less_w = x.astype(int) - zx, w.astype(int) - zw[:, None, None, None]
        sums = self.conv(less_x, less_w, **how)
        np.testing.assert_array_equal(self.run_one("ConvInteger", [x, w, zx, zw], 10, **how), sums)
        bias = self.rng.integers(-9999, 9999, 6).astype(np.int32)
        w_scale = self.rng.random(6, np.float32) / 100
        args = [x, np.float32(0.02), zx, w, w_scale, zw, np.float32(0.3), np.uint8(3), bias]
        got = self.run_one("QLinearConv", args, 10, **how).astype(int)
        by = (np.float32(0.02) * w_scale / np.float32(0.3))[:, None, None]
        want = np.clip(np.rint((sums + bias[:, None, None]) * by) + 3, 0, 255)
        self.assertLessEqual(np.abs(got - want).max(), 1)
        self.assertGreater((got == want).mean(), 0.999)

    def test_quantizing_before_blocks(self):
        x = np.array([[-300, 0.5, 1.5, 9]], np.float32)
        y = self.run_one("QuantizeLinear", [x, np.float32(1), np.uint8(128)], 10)
        self.check(y, [[0, 128, 130, 137]])
        scale = np.array([1, 2, 4, 8], np.float32)
        self.check(self.run_one("DequantizeLinear", [y, scale, np.full(4, 128, np.uint8)], 13, axis=-1),
                   [[-128, 0, 8, 72]])
        self.check(self.run_one("DequantizeLinear", [y, scale, np.full(4, 128, np.uint8)], 21, axis=1),
                   [[-128, 0, 8, 72]])
        self.assertIn("scales for", self.run_one("QuantizeLinear", [x, scale[:3]], 13))

    def test_quantized_operators_of_microsoft(self):
        how = {"opset": 17, "domain": "com.microsoft"}
        a, b = self.bytes(2, 3, 4, dtype=np.int8), self.bytes(3, 1, dtype=np.int8)
        grades = [np.float32(0.02), np.int8(10), b, np.float32(0.03), None, np.float32(0.06), np.int8(12)]
        x, y = (a.astype(float) - 10) * 0.02, b * 0.03
        for op, want in (("QLinearAdd", x + y), ("QLinearMul", x * y)):
            got = self.run_one(op, [a, *grades], **how)
            self.assertEqual(got.dtype, np.int8)
            want = np.clip(np.rint(want / 0.06) + 12, -128, 127)
            self.assertLessEqual(np.abs(got - want).max(), 1)
            self.assertGreater((got == want).mean(), 0.8)
        got = self.run_one("QLinearConcat", [np.float32(0.1), np.int8(1), a, np.float32(0.2), np.int8(3),
                                             a[:, :1], np.float32(0.1), np.int8(1)], axis=1, **how)
        np.testing.assert_array_equal(got[:, 3:], a[:, :1])
        np.testing.assert_array_equal(got[:, :3], np.clip((a.astype(int) - 3) * 2 + 1, -128, 127))

        x, w = self.floats(2, 9, 40), self.bytes(40, 11, dtype=np.int8)
        scales, bias = self.rng.random(11, np.float32) / 50, self.floats(11)
        got = self.run_one("DynamicQuantizeMatMul", [x, w, scales, None, bias], **how)
        np.testing.assert_allclose(got, x @ (w * scales) + bias, atol=1)
        q = self.bytes(9, 40)
        got = self.run_one("MatMulIntegerToFloat", [q, w, np.float32(0.1), scales, np.uint8(7)], **how)
        self.check(got, (q.astype(float) - 7) * 0.1 @ (w * scales), 1e-4)

        turned, c = self.bytes(11, 40, dtype=np.int8), self.rng.integers(-999, 999, 11).astype(np.int32)
        got = self.run_one("QGemm", [q, np.float32(0.1), np.uint8(7), turned, scales, None, c], transB=1,
                           alpha=0.5, **how)
        self.check(got, (((q.astype(int) - 7) @ turned.T.astype(int)) + c) * (0.05 * scales), 1e-4)

        blocks, scales, zeros = self.bytes(24, 3, 16), self.rng.random((24, 3), np.float32), self.bytes(24, 2)
        nibbles = np.stack([blocks & 15, blocks >> 4], -1).reshape(24, 3, 32).astype(float)
        zero = np.stack([zeros & 15, zeros >> 4], -1).reshape(24, 4)[:, :3, None]
        weights = ((nibbles - zero) * scales[..., None]).reshape(24, 96)[:, :70]
        x = self.floats(2, 3, 70)
        args = {"K": 70, "N": 24, "bits": 4, "block_size": 32, **how}
        got = self.run_one("MatMulNBits", [x, blocks, scales.ravel(), zeros.ravel()], **args)
        self.check(got, x @ weights.T, 1e-4)
        self.assertIn("do not fit", self.run_one("MatMulNBits", [x, blocks[:23], scales], **args))

    def test_nothing_gives_nothing(self):
        none = np.zeros((0, 3), np.float32)
        self.check(self.run_one("MatMul", [none, np.ones((3, 2), np.float32)], 13), np.zeros((0, 2)))
        self.check(self.run_one("MatMul", [np.ones((2, 0), np.float32), none], 13), np.zeros((2, 3)))
        self.check(self.run_one("Softmax", [none], 13), none)
        self.check(self.run_one("Conv", [np.zeros((0, 2, 5), np.float32), self.floats(3, 2, 3)], 11),
                   np.zeros((0, 3, 3)))
        self.check(self.run_one("MaxPool", [np.zeros((1, 0, 5), np.float32)], 12, kernel_shape=[2]),
                   np.zeros((1, 0, 4)))
        self.check(self.run_one("LayerNormalization", [none, np.ones(3, np.float32)], 17), none)
        self.check(self.run_one("Resize", [none, None, np.ones(2, np.float32)], 13), none)
        weights = self.floats(1, 8, 3), self.floats(1, 8, 2)
        y, h, _ = self.run_one("LSTM", [np.zeros((0, 2, 3), np.float32), *weights], 14, n_out=3, hidden_size=2)
        self.check(y, np.zeros((0, 1, 2, 2)))
        self.check(h, np.zeros((1, 2, 2)))

    def test_cells_with_everything(self):
        """GRU by hand: reset before the product, sequences of different lengths, backwards."""
        x, w, r = self.floats(4, 2, 3), self.floats(1, 6, 3), self.floats(1, 6, 2)
        b, h = self.floats(1, 12), self.floats(1, 2, 2)
        lengths = np.array([4, 2], np.int32)
        y, last = self.run_one("GRU", [x, w, r, b, lengths, h], 7, n_out=2, hidden_size=2,
                               direction="reverse", activations=["HardSigmoid", "Affine"],
                               activation_alpha=[0.3, 0.5], activation_beta=[0.4, 0.1], clip=0.9)
        clip = lambda v: np.clip(v, -0.9, 0.9)  # noqa: E731
        f = lambda v: np.clip(0.3 * clip(v) + 0.4, 0, 1)  # noqa: E731
        g = lambda v: 0.5 * clip(v) + 0.1  # noqa: E731
        want, state = np.zeros((4, 1, 2, 2)), h[0].astype(float)
        wz, wr, wh = np.split(w[0], 3)
        rz, rr, rh = np.split(r[0], 3)
        bz, br, bh, cz, cr, ch = np.split(b[0], 6)
        for i, n in enumerate(lengths):
            for t in range(n - 1, -1, -1):
                z = f(wz @ x[t, i] + rz @ state[i] + bz + cz)
                reset = f(wr @ x[t, i] + rr @ state[i] + br + cr)
                new = g(wh @ x[t, i] + rh @ (reset * state[i]) + bh + ch)
                state[i] = want[t, 0, i] = (1 - z) * new + z * state[i]
        self.check(y, want, 1e-4)
        self.check(last, state[None], 1e-4)

    def test_transforms_of_every_length(self):
        for n in (1, 2, 3, 8, 30, 97):
            x = self.floats(2, n, 2)
            want = np.fft.fft(x[..., 0] + 1j * x[..., 1])
            got = self.run_one("DFT", [x], 17)
            np.testing.assert_allclose(got[..., 0] + 1j * got[..., 1], want, atol=1e-4)
            real = np.fft.rfft(x[..., 0])
            got = self.run_one("DFT", [x[..., :1]], 20, onesided=1)
            np.testing.assert_allclose(got[..., 0] + 1j * got[..., 1], real, atol=1e-4)
            pairs = np.stack([real.real, real.imag], -1).astype(np.float32)
            back = self.run_one("DFT", [pairs, np.array(n)], 20, onesided=1, inverse=1)
            np.testing.assert_allclose(back[..., 0], x[..., 0], atol=1e-5)

    def test_what_does_not_fit_is_said(self):
        x = self.floats(1, 4, 5, 5)
        for op, arrays, how, said in (
                ("MatMul", [self.floats(2, 3), self.floats(4, 2)], {}, "[2, 3] and [4, 2]"),
                ("Gemm", [self.floats(2, 3), self.floats(2, 3)], {}, "3 columns"),
                ("Conv", [x, self.floats(3, 3, 1, 1)], {}, "not 1 groups"),
                ("Conv", [x, self.floats(3, 4, 6, 1)], {}, "does not fit"),
                ("Conv", [x, self.floats(3, 4, 1, 1)], {"strides": [0, 1]}, "strides has 0"),
                ("MaxPool", [x], {}, "kernel_shape is missing"),
                ("MaxPool", [x], {"kernel_shape": [2, 2], "pads": [1, -1, 0, 0]}, "pads has -1"),
                ("LRN", [x], {"size": 0}, "size is 0"),
                ("Softmax", [x], {"axis": 4}, "axis"),
                ("Resize", [x, None, np.ones(3, np.float32)], {}, "3 scales for 4 axes"),
                ("Resize", [x, None, None, np.full(4, 2**39)], {}, "more than there are"),
                ("GRU", [self.floats(1, 1, 1), self.floats(1, 3, 1), self.floats(1, 3, 2)], {}, "not [1,")):
            self.assertIn(said, str(self.run_one(op, arrays, 13, **how)), op)


if __name__ == "__main__":
    main()
