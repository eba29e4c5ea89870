#!/usr/bin/python3
"""Operators whose constant weights are packed at load: products of bytes and recurrent cells, against NumPy.

test_packed.py ONNX_BACKEND: as test_operators.py, whose ways of writing and running cases these are."""
import itertools
import sys

from test_contrib import MS, quantized, sigmoid
from test_operators import io, np, real, rng, run, tensor, whole

BYTES = (np.uint8, np.int8)


def some(kind, *shape):
    """Bytes, the extremes among them."""
    info = np.iinfo(kind)
    x = whole(info.min, info.max + 1, *shape, kind=kind)
    return np.where(rng.rand(*shape) < 0.2, rng.choice([info.min, info.max], shape), x).astype(kind)


def products(s):
    sizes = [((5,), 7, 3), ((1, 64), 64, 16), ((2, 9), 130, 33), ((70,), 320, 300), ((3,), 1, 1)]
    for (rows, k, n), kind, other, zeros in itertools.product(sizes, BYTES, BYTES, (0, 1, 2)):
        a, b = some(kind, *rows, k), some(other, k, n)
        a_zero, b_zero = some(kind) if zeros else kind(0), [other(0), some(other), some(other, n)][zeros]
        sums = (a.astype(np.int64) - int(a_zero)) @ (b.astype(np.int64) - b_zero.astype(np.int64))
        s.add("MatMulInteger", [a, b, a_zero, b_zero], [sums.astype(np.int32)], fixed=(1, 3))
        scale, scales, bias = np.float32(0.0131), (rng.rand(n) / 100 + 0.001).astype(np.float32), real(n)
        if len(rows) == 1 and not zeros == 1:
            c = whole(-999, 999, n, kind=np.int32)
            gemm = np.float32(0.5) * scale * scales
            ends = [np.float32(abs((sums + c) * gemm).max() / 100), some(kind)]
            both = quantized((sums + c).astype(np.float32) * (gemm / ends[0]).astype(np.float32), np.float32(1), int(ends[1]), kind)
            inputs = [a[None] if a.ndim < 2 else a, scale, a_zero, b.T if zeros else b, scales, b_zero, c]
            for more, want in (([], ((sums + c) * gemm.astype(np.float64)).astype(np.float32)), (ends, both)):
                s.add("QGemm", [*inputs, *more], [want.reshape(-1, n)], opset=1, domain=MS, fixed=(3, 4, 5, 6), transB=int(zeros > 0), alpha=0.5)
        if zeros == 2:
            each = some(kind, rows[-1])
            some_sums = (a.astype(np.int64) - each.astype(np.int64)[:, None]) @ (b.astype(np.int64) - b_zero)
            s.add("MatMulInteger", [a, b, each, b_zero], [some_sums.astype(np.int32)], fixed=(1, 3))
        floats = sums * np.float64(scale) * scales
        s.add("MatMulIntegerToFloat", [a, b, scale, scales, a_zero, b_zero, bias], [(floats + bias).astype(np.float32)],
              opset=1, domain=MS, fixed=(1, 5))
        y_scale, y_zero = np.float32(abs(floats).max() / 100), some(kind)
        by = (scale * scales / y_scale).astype(np.float32)
        want = quantized(sums.astype(np.float32) * by, np.float32(1), int(y_zero), kind)
        inputs = [a, scale, a_zero, b, scales, b_zero, y_scale, y_zero]
        s.add("QLinearMatMul", inputs, [want], fixed=(1, 2, 3, 4, 5, 6, 7), opset=21)
    x, b, scales = real(4, 100), some(np.int8, 100, 40), (rng.rand(40) / 100).astype(np.float32)
    step = np.float32(max(x.max(), 0) - min(x.min(), 0)) / np.float32(255)
    zero = np.rint(np.float32(-min(x.min(), 0)) / step)
    left = np.clip(np.rint(x / step) + zero, 0, 255) - zero
    y = left @ b.astype(np.float64) * np.float64(step) * scales
    s.add("DynamicQuantizeMatMul", [x, b, scales], [y.astype(np.float32)], opset=1, domain=MS, fixed=(1,))
    s.add("MatMulInteger", [some(np.uint8, 3, 5), some(np.int8, 4, 5)], 1, fixed=(1,), refused="4 elements")


def blocks(s):
    """MatMulNBits: blocks of few bits, each with a scale and maybe a zero point."""
    for bits, size, (rows, k, n), zeros, bias in itertools.product(
            (4, 8), (16, 32, 256, 512), (((1,), 70, 5), ((2, 3), 600, 90)), (0, 1), (0, 1)):
        if not (zeros or bias): continue
        count = -(-k // size)
        top, per = 1 << bits, 8 // bits
        q = whole(0, top, n, count * size, kind=np.uint8)
        packed = sum(q.reshape(n, count, -1, per)[..., i] << np.uint8(i * bits) for i in range(per)).astype(np.uint8)
        scales, add = (rng.rand(n, count) / 50 + 0.001).astype(np.float32), real(n)
        zero = whole(0, top if bias else 1, n, count, kind=np.uint8) if zeros else np.full((n, count), top // 2, np.uint8)
        padded = np.pad(zero, ((0, 0), (0, -count % per)))
        some_zero = sum(padded.reshape(n, -1, per)[..., i] << np.uint8(i * bits) for i in range(per)).astype(np.uint8)
        wide = (q.reshape(n, count, size) - zero[..., None].astype(np.float64)) * scales[..., None]
        x, add = abs(real(*rows, k)), add + 100 # far from 0
        y = x @ wide.reshape(n, -1)[:, :k].T.astype(np.float64) + (add if bias else 0)
        s.add("MatMulNBits", [x, packed, scales, some_zero if zeros else None, None, add if bias else None],
              [y.astype(np.float32)], opset=1, domain=MS, fixed=(1, 2, 3, 5), K=k, N=n, bits=bits, block_size=size)


def convolutions(s):
    def windows(x, size, stride, pad):
        """[batch, channels, height, width] -> [batch, channels, rows, columns, size, size]."""
        x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
        seen = np.lib.stride_tricks.sliding_window_view(x, (size, size), (2, 3))
        return seen[:, :, ::stride, ::stride]

    for channels, out, size, stride, pad, alone in [(3, 5, 3, 1, 1, 0), (64, 16, 1, 1, 0, 0), (16, 33, 3, 2, 1, 0),
                                                    (8, 8, 3, 1, 1, 1), (300, 300, 5, 2, 2, 1), (5, 4, 1, 2, 0, 0)]:
        for kind, other, zeros in itertools.product(BYTES, BYTES, (0, 1)):
            x, w = some(kind, 2, channels, 9, 11), some(other, out, 1 if alone else channels, size, size)
            x_zero = some(kind) if zeros else kind(0)
            w_zero = some(other, out) if zeros else other(0)
            seen = windows(x.astype(np.int64) - int(x_zero), size, stride, pad)
            less = w.astype(np.int64) - (w_zero.astype(np.int64).reshape(-1, 1, 1, 1) if zeros else 0)
            sums = np.einsum("bcijkl,ckl->bcij", seen, less[:, 0]) if alone else np.einsum("bcijkl,ockl->boij", seen, less)
            form = {"group": channels if alone else 1, "strides": [stride] * 2, "pads": [pad] * 4}
            s.add("ConvInteger", [x, w, x_zero, w_zero], [sums.astype(np.int32)], fixed=(1, 2, 3), **form)
            scale, scales = np.float32(0.0131), (rng.rand(out) / 100 + 0.001).astype(np.float32)
            bias = whole(-9999, 9999, out, kind=np.int32)
            sums = sums + bias.reshape(-1, 1, 1)
            y_scale, y_zero = np.float32(abs(sums * scale * scales.reshape(-1, 1, 1)).max() / 100), some(kind)
            by = (scale * scales / y_scale).astype(np.float32).reshape(-1, 1, 1)
            want = quantized(sums.astype(np.float32) * by, np.float32(1), int(y_zero), kind)
            s.add("QLinearConv", [x, scale, x_zero, w, scales, w_zero, y_scale, y_zero, bias], [want],
                  fixed=range(1, 9), **form)
    s.add("QLinearConv", [some(np.uint8, 1, 4, 5, 5), np.float32(1), np.uint8(0), some(np.int8, 2, 3, 1, 1),
                          np.float32(1), np.int8(0), np.float32(1), np.uint8(0)], 1, fixed=range(1, 8), refused="3 channels")


def qdq(s):
    """Graphs between QuantizeLinear and DequantizeLinear: what comes out is what whole numbers give."""
    x = rng.rand(1, 3, 12, 12).astype(np.float32) * 2 - 1
    constants, nodes, count = [], [], itertools.count()

    def constant(array):
        name = f"c{next(count)}"
        constants.append(tensor(name, np.asarray(array)))
        return name

    def node(op, inputs, domain="", **attributes):
        name = f"v{next(count)}"
        nodes.append(io.node(op, inputs, [name], domain, **attributes))
        return name

    def graded(value, scale, zero):
        """A float value through bytes, and their slots."""
        more = [constant(np.float32(scale)), constant(zero)]
        bytes_ = node("QuantizeLinear", [value, *more])
        return node("DequantizeLinear", [bytes_, *more])

    def weights(array, scales, axis):
        return node("DequantizeLinear", [constant(array), constant(scales), constant(np.zeros(len(scales), np.int8))],
                    axis=axis)

    def conv_sums(values, zero, w, bias):
        seen = np.lib.stride_tricks.sliding_window_view(
            np.pad(values.astype(np.int64) - zero, ((0, 0), (0, 0), (1, 1), (1, 1))), (3, 3), (2, 3))
        return np.einsum("bcijkl,ockl->boij", seen, w.astype(np.int64)) + bias.reshape(-1, 1, 1)

    w, other = some(np.int8, 8, 3, 3, 3), some(np.int8, 8, 8, 3, 3)
    scales, more = ((rng.rand(8) / 500 + 0.001).astype(np.float32) for _ in range(2))
    biases = [whole(-3000, 3000, 8, kind=np.int32) for _ in range(2)]
    sx, s1, s2, s3 = (np.float32(v) for v in (0.0079, 0.031, 0.043, 0.051))

    def conv(value, w, scales, by, bias):
        bias = node("DequantizeLinear", [constant(bias), constant((by * scales).astype(np.float32))], axis=0)
        return node("Conv", [value, weights(w, scales, 0), bias], pads=[1, 1, 1, 1])

    q0 = quantized(x, sx, 127)
    v = graded("x", sx, np.uint8(127))
    v = graded(node("Relu", [conv(v, w, scales, sx, biases[0])]), s1, np.uint8(0))
    q1 = quantized(conv_sums(q0, 127, w, biases[0]).astype(np.float32) * (sx * scales / s1).reshape(-1, 1, 1),
                   np.float32(1), 0)
    u = graded(conv(v, other, more, s1, biases[1]), s2, np.uint8(128))
    q2 = quantized(conv_sums(q1, 0, other, biases[1]).astype(np.float32) * (s1 * more / s2).reshape(-1, 1, 1),
                   np.float32(1), 128)
    both = graded(node("Relu", [node("Add", [u, v])]), s3, np.uint8(0))
    q3 = quantized((q2.astype(np.float32) - 128) * s2 + q1.astype(np.float32) * s1, s3, 0)
    pool = graded(node("MaxPool", [both], kernel_shape=[2, 2], strides=[2, 2]), s3, np.uint8(0))
    q4 = q3.reshape(1, 8, 6, 2, 6, 2).max((3, 5))
    flat = node("Reshape", [pool, constant(np.array([1, -1], np.int64))])
    m, by = some(np.int8, 288, 5), (rng.rand(5) / 100).astype(np.float32)
    nodes.append(io.node("MatMul", [flat, weights(m, by, 1)], ["y"]))
    y = (q4.reshape(1, -1).astype(np.int64) @ m.astype(np.int64)) * np.float64(s3) * by
    body = io.graph(nodes, [io.value("x", io.FLOAT)], [io.value("y", io.FLOAT)], constants)
    s.write("qdq", io.model(body, 17), {"x": x}, {"y": y.astype(np.float32)})


def windows_of(x, zero, size, stride, pad):
    """[batch, channels, height, width] less its zero point -> [batch, channels, rows, columns, size, size]."""
    x = np.pad(x.astype(np.int64) - zero, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    return np.lib.stride_tricks.sliding_window_view(x, (size, size), (2, 3))[:, :, ::stride, ::stride]


def chains(s):
    """Convolutions one after the other, and what stands between them: channels stay last."""
    for kind, (height, width), batch in itertools.product(BYTES, ((13, 40), (5, 3)), (1, 3)):
        constants, nodes, count = [], [], itertools.count()
        info = np.iinfo(kind)

        def constant(array):
            constants.append(tensor(f"c{next(count)}", np.asarray(array)))
            return f"c{len(constants) - 1}"

        def node(op, inputs, domain="", **attributes):
            nodes.append(io.node(op, inputs, [f"v{len(nodes)}"], domain, **attributes))
            return f"v{len(nodes) - 1}"

        def grade(scale, zero):
            return [constant(np.float32(scale)), constant(kind(zero))]

        def conv(name, q, given, shape, stride, pad, alone, less, out, bounds=None):
            """Through QLinearConv, or with bounds through Conv and Clip; (scale, zero) of what is given and comes out."""
            w, n = some(np.int8, *shape), shape[0]
            scales, bias = (rng.rand(n) / 500 + 0.001).astype(np.float32), whole(-9999, 9999, n, kind=np.int32)
            zeros = whole(-3, 4, n, kind=np.int8) if less else np.zeros(n, np.int8)
            seen = windows_of(q, int(given[1]), shape[2], stride, pad)
            weights = w.astype(np.int64) - zeros.astype(np.int64).reshape(-1, 1, 1, 1)
            sums = np.einsum("bcijkl,ckl->bcij", seen, weights[:, 0]) if alone else np.einsum(
                "bcijkl,ockl->boij", seen, weights)
            by = (np.float32(given[0]) * scales / np.float32(out[0])).astype(np.float32).reshape(-1, 1, 1)
            y = quantized((sums + bias.reshape(-1, 1, 1)).astype(np.float32) * by, np.float32(1), out[1], kind)
            form = {"strides": [stride] * 2, "pads": [pad] * 4, "group": n if alone else 1}
            if bounds is None:
                return node("QLinearConv", [name, *grade(*given), constant(w), constant(scales), constant(zeros),
                                            *grade(*out), constant(bias)], **form), y
            wide = node("DequantizeLinear", [name, *grade(*given)])
            back = node("DequantizeLinear", [constant(w), constant(scales), constant(zeros)], axis=0)
            add = node("DequantizeLinear", [constant(bias), constant((np.float32(given[0]) * scales).astype(np.float32))], axis=0)
            made = node("Conv", [wide, back, add], **form)
            clipped = node("Clip", [made, *(constant(np.float32(b)) for b in bounds)])
            ends = [quantized(np.float32(b), np.float32(out[0]), out[1], kind) for b in bounds]
            return node("QuantizeLinear", [clipped, *grade(*out)]), np.clip(y, *ends)

        x = (rng.rand(batch, 3, height, width) * 4 - 2).astype(np.float32)
        g = [(0.0173, info.min + 117), (0.31, info.min + 120), (0.37, info.min + 131), (0.63, info.min + 99), (1.9, info.min + 128)]
        v, q = node("QuantizeLinear", ["x", *grade(*g[0])]), quantized(x, np.float32(g[0][0]), g[0][1], kind)
        v, q = conv(v, q, g[0], (24, 3, 3, 3), 1, 1, False, False, g[1])
        v, q = conv(v, q, g[1], (24, 1, 3, 3), 1, 1, True, True, g[2], None if height < 9 else (-5, 9.5))
        v, q = conv(v, q, g[2], (70, 24, 1, 1), 1, 0, False, True, g[3])
        u, r = conv(v, q, g[3], (70, 70, 3, 3), 1, 1, False, False, g[3], (0, 30))
        more = [g[3], g[3], g[4]]
        v = node("QLinearAdd", [v, *grade(*more[0]), u, *grade(*more[1]), *grade(*more[2])], MS)
        a, b = ((t.astype(np.float32) - np.float32(m[1])) * np.float32(m[0]) for t, m in zip((q, r), more))
        q = quantized(a + b, np.float32(g[4][0]), g[4][1], kind)
        v = node("MaxPool", [v], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
        q = np.pad(q, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=info.min)
        q = np.lib.stride_tricks.sliding_window_view(q, (3, 3), (2, 3))[:, :, ::2, ::2].max((4, 5))
        v, q = conv(v, q, g[4], (33, 70, 3, 3), 2, 1, False, True, g[4])
        made = {"all": q}
        nodes.append(io.node("Identity", [v], ["all"]))
        nodes.append(io.node("QLinearGlobalAveragePool", [v, *grade(*g[4]), *grade(*g[3])], ["mean"], MS, channels_last=0))
        mean = (q.astype(np.float64).mean((2, 3), keepdims=True) - g[4][1]) * np.float64(np.float32(g[4][0]))
        made["mean"] = quantized(mean / np.float64(np.float32(g[3][0])), 1, g[3][1], kind)
        body = io.graph(nodes, [io.value("x", io.FLOAT)],
                        [io.value(n, io.INT8 if kind == np.int8 else io.UINT8) for n in made], constants)
        s.write("chain", io.model(body, 21), {"x": x}, made)


def lstm(x, w, r, bias, h, c):
    ys = []
    for step in x:
        i, o, f, new = np.split(step @ w.T + h @ r.T + bias, 4, -1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(new)
        h = sigmoid(o) * np.tanh(c)
        ys.append(h)
    return np.stack(ys), h, c


def gru(x, w, r, both, h, after):
    n, ys = h.shape[1], []
    for step in x:
        xs, bias = step @ w.T + both[:3 * n], both[3 * n:]
        z, reset = (sigmoid(xs[:, j * n:(j + 1) * n] + h @ r[j * n:(j + 1) * n].T + bias[j * n:(j + 1) * n])
                    for j in (0, 1))
        if after:
            new = np.tanh(xs[:, 2 * n:] + reset * (h @ r[2 * n:].T + bias[2 * n:]))
        else:
            new = np.tanh(xs[:, 2 * n:] + (reset * h) @ r[2 * n:].T + bias[2 * n:])
        h = (1 - z) * new + z * h
        ys.append(h)
    return np.stack(ys), h


def add_cell(s, op, inputs, outputs, **attributes):
    """With constant weights and bias. All outputs are 2 higher, so that those near 0 need not be exact."""
    names = [f"x{i}" if x is not None else "" for i, x in enumerate(inputs)]
    made = {f"y{i}": (y + 2).astype(np.float32) for i, y in enumerate(outputs)}
    nodes = [io.node(op, names, [f"h{i}" for i in range(len(outputs))], **attributes)]
    nodes += [io.node("Add", [f"h{i}", "two"], [f"y{i}"]) for i in range(len(outputs))]
    constants = [tensor(n, x) for n, x in list(zip(names, inputs))[1:4] if n]
    given = {n: x for i, (n, x) in enumerate(zip(names, inputs)) if n and i not in (1, 2, 3)}
    body = io.graph(nodes, [io.value(n, io.INT32 if x.dtype == np.int32 else io.FLOAT) for n, x in given.items()],
                    [io.value(n, io.FLOAT) for n in made], [*constants, tensor("two", np.float32(2))])
    s.write(op, io.model(body, 14), given, made)


def cells(s):
    for batch, steps, width, n, both in [(1, 3, 4, 5, 0), (3, 4, 7, 20, 1), (2, 2, 40, 300, 0), (1, 0, 3, 4, 0)]:
        ways = 1 + both
        direction = "bidirectional" if both else "forward"
        for kind, gates in (("LSTM", 4), ("GRU", 3), ("GRU", 3.0), ("RNN", 1)):
            after, gates = isinstance(gates, float), int(gates)
            x, w, r = real(steps, batch, width), real(ways, gates * n, width) / 3, real(ways, gates * n, n) / 8
            bias, h, c = real(ways, 2 * gates * n), real(ways, batch, n), real(ways, batch, n)
            outs = []
            for d in range(ways):
                seen = x[::-1] if d else x
                whole_bias = bias[d, :gates * n] + bias[d, gates * n:]
                if not steps:
                    out = [np.zeros((0, batch, n)), h[d], c[d]][:3 if kind == "LSTM" else 2]
                elif kind == "LSTM":
                    out = lstm(seen, w[d], r[d], whole_bias, h[d], c[d])
                elif kind == "GRU":
                    out = gru(seen, w[d], r[d], bias[d], h[d], after)
                else:
                    ys, state = [], h[d]
                    for step in seen:
                        state = np.tanh(step @ w[d].T + state @ r[d].T + whole_bias)
                        ys.append(state)
                    out = np.stack(ys), state
                outs.append([out[0][::-1] if d else out[0], *out[1:]])
            want = [np.stack([o[0] for o in outs], 1)] + [np.stack([o[i] for o in outs]) for i in range(1, len(outs[0]))]
            state = [h, c] if kind == "LSTM" else [h]
            more = {"linear_before_reset": 1} if after else {}
            add_cell(s, kind, [x, w, r, bias, None, *state], want, hidden_size=n, direction=direction, **more)
    x, w, r, lengths = real(4, 2, 3), real(1, 20, 3), real(1, 20, 5), np.array([2, 4], np.int32)
    out = [lstm(x[:m, i:i + 1, :], w[0], r[0], 0, np.zeros((1, 5)), np.zeros((1, 5))) for i, m in enumerate((2, 4))]
    y = np.concatenate([np.pad(o[0], ((0, 4 - len(o[0])), (0, 0), (0, 0))) for o in out], 1)[:, None]
    last = [np.concatenate([o[i] for o in out])[None] for i in (1, 2)]
    add_cell(s, "LSTM", [x, w, r, None, lengths], (y, *last), hidden_size=5)
    s.add("LSTM", [real(2, 2, 3), w, r, None, None, real(1, 3, 5)], 1, opset=14, hidden_size=5, fixed=(1, 2),
          refused="input 5")


def quantized_cells(s):
    """DynamicQuantizeLSTM is the LSTM of the numbers that its weights stand for, [directions, inputs, gates]."""
    for kind, ways, each in ((np.int8, 1, 0), (np.int8, 2, 1), (np.uint8, 2, 0)):
        steps, batch, width, n = 5, 3, 8, 10
        x, bias = real(steps, batch, width), real(ways, 8 * n)
        h, c = real(ways, batch, n), real(ways, batch, n)
        w, r = some(kind, ways, width, 4 * n), some(kind, ways, n, 4 * n)
        shape = (ways, 4 * n) if each else (ways,)
        scales = [(rng.rand(*shape) / 300 + 0.001).astype(np.float32) for _ in range(2)]
        zeros = [np.full(shape, 128 if kind == np.uint8 else -3, kind) for _ in range(2)]
        full = (lambda a: a[:, None]) if each else (lambda a: a[:, None, None])
        wide = [(q.astype(np.float64) - full(z)) * full(t) for q, t, z in zip((w, r), scales, zeros)]
        outs = []
        for d in range(ways):
            out = lstm(x[::-1] if d else x, wide[0][d].T, wide[1][d].T, bias[d, :4 * n] + bias[d, 4 * n:], h[d], c[d])
            outs.append([out[0][::-1] if d else out[0], *out[1:]])
        want = [np.stack([o[0] for o in outs], 1)] + [np.stack([o[i] for o in outs]) for i in (1, 2)]
        names = ["x", "w", "r", "bias", "", "h", "c", "", "ws", "wz", "rs", "rz"]
        constants = dict(w=w, r=r, bias=bias, ws=scales[0], wz=zeros[0], rs=scales[1], rz=zeros[1])
        nodes = [io.node("DynamicQuantizeLSTM", names, ["h0", "h1", "h2"], MS, hidden_size=n,
                         direction="bidirectional" if ways == 2 else "forward")]
        nodes += [io.node("Add", [f"h{i}", "two"], [f"y{i}"]) for i in range(3)]
        body = io.graph(nodes, [io.value(v, io.FLOAT) for v in "xhc"], [io.value(f"y{i}", io.FLOAT) for i in range(3)],
                        [tensor(k, v) for k, v in constants.items()] + [tensor("two", np.float32(2))])
        s.write("DynamicQuantizeLSTM", io.model(body, 17), {"x": x, "h": h, "c": c},
                {f"y{i}": (y + 2).astype(np.float32) for i, y in enumerate(want)})


if __name__ == "__main__":
    sys.exit(run((products, blocks, convolutions, qdq, chains, cells, quantized_cells)))
