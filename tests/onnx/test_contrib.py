#!/usr/bin/python3
"""Operators of com.microsoft, which ONNX Runtime's tools write, against NumPy.

test_contrib.py ONNX_BACKEND: as test_operators.py, whose ways of writing and running cases these are."""
import itertools
import math
import sys

from test_operators import ints, np, real, rng, run, whole

MS = "com.microsoft"
erf = np.vectorize(math.erf, otypes=[np.float64])


def add(s, op, inputs, outputs, **more):
    """Outputs that NumPy made in double become floats; those of integers stay."""
    if not isinstance(outputs, int):
        outputs = [y.astype(np.float32) if y.dtype == np.float64 else y for y in map(np.asarray, outputs)]
    s.add(op, inputs, outputs, opset=1, domain=MS, **more)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def gelu(x):
    return x / 2 * (1 + erf(x / np.sqrt(2)))


def gelu_tanh(x):
    return x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def layer_norm(x, scale, shift, epsilon=1e-12):
    x = x.astype(np.float64)
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + epsilon) * scale + shift


def rms_norm(x, scale, epsilon=1e-12):
    x = x.astype(np.float64)
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + epsilon) * scale


def activations(s):
    x, bias, skip = real(2, 5, 8), real(8), real(2, 5, 8)
    add(s, "Gelu", [x], [gelu(x)])
    add(s, "BiasGelu", [x, bias], [gelu(x + bias)])
    add(s, "FastGelu", [x], [gelu_tanh(x)])
    add(s, "FastGelu", [x, bias], [gelu_tanh(x + bias)])
    add(s, "QuickGelu", [x], [x * sigmoid(1.5 * x)], alpha=1.5)
    add(s, "BiasAdd", [x, bias, skip], [x + bias + skip])
    add(s, "BiasDropout", [x, bias, skip], [x + bias + skip])
    add(s, "BiasSplitGelu", [x, bias], [(x + bias)[..., :4] * gelu((x + bias)[..., 4:])])
    scores, mask = real(2, 3, 4, 5), real(2, 1, 1, 5)
    add(s, "BiasSoftmax", [scores, mask], [softmax(scores + mask)], axis=3, is_inner_broadcast=1)
    add(s, "BiasSoftmax", [scores, real(1, 1, 4, 5) * 0], [softmax(scores.reshape(2, 3, 20)).reshape(2, 3, 4, 5)],
        axis=2, is_inner_broadcast=0)


def products(s):
    for turn_a, turn_b in itertools.product((0, 1), (0, 1)):
        a, b = real(2, 3, 4), real(2, 4, 5)
        for op in ("FusedMatMul", "TransposeMatMul"):
            add(s, op, [a.swapaxes(1, 2).copy() if turn_a else a, b.swapaxes(1, 2).copy() if turn_b else b],
                [0.25 * (a @ b)], alpha=0.25, transA=turn_a, transB=turn_b)
    add(s, "FusedMatMul", [real(2, 3, 4), real(2, 4, 5)], 1, transBatchA=1, refused="transBatchA")
    a, b, c = real(3, 4), real(4, 5), real(5)
    y = 0.5 * a @ b + 2 * c
    add(s, "FusedGemm", [a, b, c], [np.maximum(y, 0)], alpha=0.5, beta=2.0, activation="Relu")
    add(s, "FusedGemm", [a, b.T.copy(), c], [np.where(y < 0, 0.2 * y, y)], alpha=0.5, beta=2.0, transB=1,
        activation="LeakyRelu", activation_alpha=0.2)
    add(s, "FusedGemm", [a, b], 1, activation="Wobble", refused="activation")
    add(s, "GemmFastGelu", [a, b, c], [gelu_tanh(a @ b + c)])
    x, w, bias, z = real(1, 3, 6, 7), real(4, 3, 1, 1), real(4), real(1, 4, 6, 7)
    y = np.einsum("nchw,oc->nohw", x, w[:, :, 0, 0]) + bias[:, None, None]
    last = lambda a: a.transpose(0, 2, 3, 1).copy()
    for op, form in (("FusedConv", np.asarray), ("NhwcFusedConv", last)):
        add(s, op, [form(x), w, bias], [form(np.maximum(y, 0))], activation="Relu")
        add(s, op, [form(x), w, bias, form(z)], [form(np.clip(y + z, 0, 6))], activation="Clip",
            activation_params=[0.0, 6.0])
        add(s, op, [form(x), w, bias], [form(np.clip(0.3 * y + 0.4, 0, 1))], activation="HardSigmoid",
            activation_params=[0.3, 0.4])


def norms(s):
    x, skip, scale, shift, bias = real(2, 5, 8), real(2, 5, 8), real(8), real(8), real(8)
    total = x + skip + bias
    mean, deviation = total.mean(-1, keepdims=True), 1 / np.sqrt(total.var(-1, keepdims=True) + 1e-5)
    add(s, "SkipLayerNormalization", [x, skip, scale, shift, bias],
        [layer_norm(total, scale, shift, 1e-5), mean, deviation, total], epsilon=1e-5)
    add(s, "SkipLayerNormalization", [x, skip, scale], [layer_norm(x + skip, scale, 0)])
    add(s, "SkipLayerNormalization", [x, skip[:1], scale, shift], [layer_norm(x + skip[:1], scale, shift)])
    add(s, "SkipSimplifiedLayerNormalization", [x, skip, scale], [rms_norm(x + skip, scale)])
    s.add("SimplifiedLayerNormalization", [x, scale], [rms_norm(x, scale, 1e-5).astype(np.float32)], axis=-1)
    ids, segments = whole(0, 20, 2, 5, kind=np.int32), whole(0, 2, 2, 5, kind=np.int32)
    words, places, kinds = real(20, 8), real(9, 8), real(2, 8)
    mask = whole(0, 2, 2, 5, kind=np.int32)
    both = words[ids] + places[:5] + kinds[segments]
    add(s, "EmbedLayerNormalization", [ids, segments, words, places, kinds, scale, shift, mask],
        [layer_norm(both, scale, shift, 1e-12), mask.sum(1).astype(np.int32), both])
    add(s, "EmbedLayerNormalization", [ids, None, words, places, None, scale, shift],
        [layer_norm(words[ids] + places[:5], scale, shift), np.zeros(2, np.int32)])
    at = whole(0, 9, 2, 5, kind=np.int32)
    add(s, "EmbedLayerNormalization", [ids, None, words, places, None, scale, shift, None, at],
        [layer_norm(words[ids] + places[at], scale, shift)])
    image, more, scale, shift, bias = real(2, 3, 4, 8), real(2, 3, 4, 8), real(8), real(8), real(8)

    def grouped(x):
        groups = x.reshape(2, 12, 2, 4)
        y = (groups - groups.mean((1, 3), keepdims=True)) / np.sqrt(groups.var((1, 3), keepdims=True) + 1e-5)
        return y.reshape(x.shape) * scale + shift

    y = grouped(image)
    add(s, "GroupNorm", [image, scale, shift], [y], groups=2, activation=0)
    add(s, "GroupNorm", [image, scale, shift], [y * sigmoid(y)], groups=2, activation=1)
    first = [a.transpose(0, 3, 1, 2).copy() for a in (image, y)]
    add(s, "GroupNorm", [first[0], scale, shift], [first[1]], groups=2, activation=0, channels_last=0)
    total = image + more + bias
    add(s, "SkipGroupNorm", [image, scale, shift, more, bias], [grouped(total), total], groups=2, activation=0)


def heads_of(x, n):
    """[batch, length, n x size] -> [batch, n, length, size]."""
    return x.reshape(*x.shape[:2], n, -1).transpose(0, 2, 1, 3)


def attend(q, k, v, added=0, scale=None, cap=0):
    """Of heads; the result as rows again."""
    scores = q @ k.swapaxes(2, 3) * (scale or 1 / np.sqrt(q.shape[-1]))
    scores = cap * np.tanh(scores / cap) if cap else scores
    y = softmax(scores + added) @ v
    return y.transpose(0, 2, 1, 3).reshape(y.shape[0], y.shape[2], -1)


def causal(queries, keys, past=0):
    return np.where(np.arange(keys) <= np.arange(queries)[:, None] + past, 0, -np.inf)


def attention(s):
    batch, length, n, size, width = 2, 5, 3, 4, 7
    x, w, bias = real(batch, length, width), real(width, 3 * n * size), real(3 * n * size)
    q, k, v = (heads_of(part, n) for part in np.split(x @ w + bias, 3, -1))
    add(s, "Attention", [x, w, bias], [attend(q, k, v)], num_heads=n)
    add(s, "Attention", [x, w, bias], [attend(q, k, v, causal(length, length))], num_heads=n, unidirectional=1)
    ends, starts = np.array([3, 5], np.int32), np.array([1, 0], np.int32)
    keys = np.arange(length)
    hidden = np.where(keys < ends[:, None], 0, -10000)[:, None, None]
    add(s, "Attention", [x, w, bias, ends], [attend(q, k, v, hidden)], num_heads=n)
    left = np.where((keys < ends[:, None]) & (keys >= starts[:, None]), 0, -10000)[:, None, None]
    add(s, "Attention", [x, w, bias, np.concatenate([ends, starts])], [attend(q, k, v, left)], num_heads=n)
    flags = (left[:, 0, 0] == 0).astype(np.int32)
    add(s, "Attention", [x, w, bias, flags], [attend(q, k, v, left)], num_heads=n)
    add(s, "Attention", [x, w, bias, flags], [attend(q, k, v, left + causal(length, length))], num_heads=n,
        unidirectional=1)
    grid = (rng.rand(batch, length, length) < 0.7).astype(np.int32)
    add(s, "Attention", [x, w, bias, grid], [attend(q, k, v, np.where(grid, 0, -5000)[:, None])], num_heads=n,
        mask_filter_value=-5000.0)
    more = real(1, n, length, length)
    add(s, "Attention", [x, w, bias, None, None, more], [attend(q, k, v, more)], num_heads=n)
    past = real(2, batch, n, 6, size)
    all_k, all_v = np.concatenate([past[0], k], 2), np.concatenate([past[1], v], 2)
    add(s, "Attention", [x, w, bias, None, past],
        [attend(q, all_k, all_v, causal(length, 6 + length, 6)), np.stack([all_k, all_v])], num_heads=n,
        unidirectional=1)
    add(s, "Attention", [x, w, bias, None, None, None], 1, num_heads=5, refused="heads")
    w = real(width, 2 * n * size + n * 2)
    q, k, v = (heads_of(part, n) for part in np.split(x @ w, [n * size, 2 * n * size], -1))
    add(s, "Attention", [x, w], [attend(q, k, v)], num_heads=n, qkv_hidden_sizes=[n * size, n * size, n * 2])

    rows = [real(batch, length, n * size), real(batch, 6, n * size), real(batch, 6, n * size)]
    q, k, v = (heads_of(part, n) for part in rows)
    add(s, "MultiHeadAttention", rows, [attend(q, k, v)], num_heads=n)
    add(s, "MultiHeadAttention", rows, [attend(q, k, v, scale=0.3)], num_heads=n, scale=0.3)
    shifted = [row + part for row, part in zip(rows, np.split(bias, 3))]
    q, k, v = (heads_of(part, n) for part in shifted)
    mask = (rng.rand(batch, 6) < 0.7).astype(np.int32)
    added = np.where(mask, 0, -10000)[:, None, None] + more[..., :1]
    add(s, "MultiHeadAttention", [*rows, bias, mask, np.repeat(more[..., :1], 6, -1).copy()],
        [attend(q, k, v, added)], num_heads=n)
    q, k, v = (heads_of(part, n) for part in rows)
    add(s, "MultiHeadAttention", [rows[0], k.copy(), v.copy()], [attend(q, k, v)], num_heads=n)
    pair = np.stack([rows[1].reshape(batch, 6, n, size), rows[2].reshape(batch, 6, n, size)], 3)
    add(s, "MultiHeadAttention", [rows[0], pair], [attend(q, k, v)], num_heads=n)
    three = real(batch, length, n, 3, size)
    q, k, v = three.transpose(3, 0, 2, 1, 4)
    add(s, "MultiHeadAttention", [three], [attend(q, k, v)], num_heads=n)
    new = [real(batch, 1, n * size) for _ in range(3)]
    q, k, v = (heads_of(part, n) for part in new)
    all_k, all_v = np.concatenate([past[0], k], 2), np.concatenate([past[1], v], 2)
    add(s, "MultiHeadAttention", [*new, None, None, None, past[0].copy(), past[1].copy()],
        [attend(q, all_k, all_v), all_k, all_v], num_heads=n)
    add(s, "MultiHeadAttention", [*new, None, np.ones((2, 3), np.int32)], 1, num_heads=n, refused="mask")


def rotated(x, cosines, sines, places, interleaved=False):
    """x [batch, heads, length, size] at the places [batch, length]."""
    half = cosines.shape[1]
    c, s = cosines[places][:, None], sines[places][:, None]
    y = x.copy()
    one, two = (x[..., 0:2 * half:2], x[..., 1:2 * half:2]) if interleaved else (x[..., :half], x[..., half:2 * half])
    first, second = one * c - two * s, one * s + two * c
    if interleaved:
        y[..., 0:2 * half:2], y[..., 1:2 * half:2] = first, second
    else:
        y[..., :half], y[..., half:2 * half] = first, second
    return y


def group_queries(s):
    batch, n, shared, size, room = 2, 4, 2, 16, 9
    angles = rng.rand(12, size // 2)
    cosines, sines = np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
    for length, past, window, turn, interleaved, cap in [
            (5, 0, -1, 0, 0, 0), (5, 0, -1, 1, 0, 0), (5, 0, 2, 1, 1, 0), (1, 7, -1, 1, 0, 0), (1, 7, 3, 0, 0, 0),
            (1, 7, -1, 1, 1, 1.5)]:
        q, k, v = (real(batch, length, heads * size) for heads in (n, shared, shared))
        kept = np.array([past, max(past - 2, 0)])
        old = [real(batch, shared, room, size) for _ in range(2)]
        total = int(kept.max()) + length
        heads = [heads_of(q, n), heads_of(k, shared), heads_of(v, shared)]
        places = kept[:, None] + np.arange(length)
        if turn:
            heads[:2] = [rotated(x, cosines, sines, places, interleaved) for x in heads[:2]]
        now = [x.copy() for x in old]
        for b in range(batch):
            for new, x in zip(now, heads[1:]):
                new[b, :, kept[b]:kept[b] + length] = x[b]
                new[b, :, kept[b] + length:] = 0
        keys = np.arange(total)
        seen = (keys <= places[..., None]) & ((keys > places[..., None] - window) if window > 0 else True)
        k_all, v_all = (np.repeat(x[:, :, :total], n // shared, 1) for x in now)
        y = attend(heads[0], k_all, v_all, np.where(seen, 0, -np.inf)[:, None], cap=cap)
        last = (kept + length - 1).astype(np.int32)
        caches = old if past else [None, None]
        if not past: now = [x[:, :, :total] for x in now]
        more = [cosines, sines] if turn else []
        kinds = {"num_heads": n, "kv_num_heads": shared, "do_rotary": turn, "rotary_interleaved": interleaved,
                 "local_window_size": window, "softcap": float(cap)}
        rest = [*caches, last, np.array([total], np.int32), *more]
        add(s, "GroupQueryAttention", [q, k, v, *rest], [y, *now], **kinds)
        add(s, "GroupQueryAttention", [np.concatenate([q, k, v], -1), None, None, *rest], [y, *now], **kinds)
    q = real(1, 1, 2 * size)
    add(s, "GroupQueryAttention", [q, q, q, None, None, np.array([8], np.int32), np.array([9], np.int32)], 1,
        num_heads=2, kv_num_heads=2, refused="past")


def quantized(x, scale, zero, kind=np.uint8):
    info = np.iinfo(kind)
    return np.clip(np.rint(x / scale) + zero, info.min, info.max).astype(kind)


def quantized_numbers(s):
    scale = lambda v: np.float32(v)
    for kind, zero in ((np.uint8, 120), (np.int8, -3)):
        x, z, zy = whole(np.iinfo(kind).min, np.iinfo(kind).max, 1, 3, 6, 6, kind=kind), kind(zero), kind(zero + 7)
        wide = (x.astype(np.float64) - zero) * 0.0513
        pool = wide.reshape(1, 3, 3, 2, 3, 2).mean((3, 5))
        last = lambda a: a.transpose(0, 2, 3, 1).copy()
        more = [scale(0.0513), z, scale(0.0371), zy]
        for form, flag in ((np.asarray, 0), (last, 1)):
            add(s, "QLinearAveragePool", [form(x), *more], [form(quantized(pool, 0.0371, int(zy), kind))],
                kernel_shape=[2, 2], strides=[2, 2], channels_last=flag)
        add(s, "QLinearReduceMean", [x, *more], [quantized(wide.mean((2, 3), keepdims=True), 0.0371, int(zy), kind)],
            axes=[2, 3], keepdims=1)
        add(s, "QLinearSoftmax", [x, scale(0.0513), z, scale(1 / 256), kind(np.iinfo(kind).min)],
            [quantized(softmax(wide), 1 / 256, np.iinfo(kind).min, kind)], axis=-1, opset_=13)
        choice = rng.rand(1, 3, 6, 6) < 0.5
        other = whole(np.iinfo(kind).min, np.iinfo(kind).max, 1, 3, 6, 6, kind=kind)
        both = np.where(choice, wide, (other.astype(np.float64) - 5) * 0.0317)
        add(s, "QLinearWhere", [choice, x, scale(0.0513), z, other, scale(0.0317), kind(5), scale(0.0371), zy],
            [quantized(both, 0.0371, int(zy), kind)])
        add(s, "NhwcMaxPool", [last(x)], [last(x.reshape(1, 3, 3, 2, 3, 2).max((3, 5)))], kernel_shape=[2, 2],
            strides=[2, 2])
        w = whole(-9, 9, 4, 3, 1, 1, kind=np.int8)
        sums = np.einsum("nchw,oc->nohw", x.astype(int) - zero, w[:, :, 0, 0].astype(int))
        y = quantized(sums * 0.0513 * 0.0213, 0.0371, int(zy), kind)
        add(s, "QLinearConv", [last(x), scale(0.0513), z, w, scale(0.0213), np.int8(0), scale(0.0371), zy], [last(y)],
            channels_last=1)
    x = whole(0, 255, 3, 4, 5, kind=np.uint8)
    add(s, "ReduceSumInteger", [x], [x.sum(1).astype(np.int32)], axes=[1], keepdims=0)
    x, w = whole(0, 255, 2, 5, 7, kind=np.uint8), whole(-9, 9, 7, 36, kind=np.int8)
    bias, ends = real(36), np.array([3, 5], np.int32)
    rows = (x.astype(int) - 128) @ w.astype(int) * 0.02 * 0.05 + bias
    q, k, v = (heads_of(part, 3) for part in np.split(rows, 3, -1))
    hidden = np.where(np.arange(5) < ends[:, None], 0, -10000)[:, None, None]
    add(s, "QAttention", [x, w, bias, scale(0.02), scale(0.05), ends, np.uint8(128), np.int8(0)],
        [attend(q, k, v, hidden)], num_heads=3)


def forms(s):
    x = real(3, 4)
    add(s, "ExpandDims", [x, np.int32(-1)], [x[..., None]])
    add(s, "Pad", [x, ints(1, 0, 0, 2).reshape(1, 4), np.float32(1.5)],
        [np.pad(x, ((1, 0), (0, 2)), constant_values=1.5)])
    add(s, "Range", [np.float32(1), np.float32(4)], [np.arange(1, 4, dtype=np.float32)])
    add(s, "Range", [np.int32(9), np.int32(0), np.int32(-4)], [np.array([9, 5, 1], np.int32)])
    add(s, "GatherND", [x, ints(2, 0, 1, 3).reshape(2, 2)], [np.array([x[2, 0], x[1, 3]])])
    add(s, "SampleOp", [x], [x])
    add(s, "TorchEmbedding", [x, ints(2, 0)], [x[[2, 0]]])
    add(s, "Trilu", [x, np.int64(1)], [np.triu(x, 1)])
    add(s, "Unique", [np.array([3, 1, 3, 2, 1], np.float32)],
        [np.array([3, 1, 2], np.float32), ints(0, 1, 0, 2, 1), ints(2, 2, 1)])


def others(s):
    x = real(2, 3, 4, 4) + 3 * np.eye(4, dtype=np.float32)
    add(s, "Inverse", [x], [np.linalg.inv(x.astype(np.float64))])
    add(s, "Inverse", [np.zeros((2, 2), np.float32)], 1, refused="no inverse")
    a, b = real(5, 7), real(3, 7)
    squares = ((a[:, None].astype(np.float64) - b) ** 2).sum(-1)
    add(s, "CDist", [a, b], [squares])
    add(s, "CDist", [a, b], [np.sqrt(squares)], metric="euclidean")
    bad = np.array([1, np.nan], np.float32)
    add(s, "IsAllFinite", [a, b], [np.array(True)])
    add(s, "IsAllFinite", [a, bad], [np.array(False)])
    add(s, "IsAllFinite", [a, bad], [np.array(True)], isinf_only=1)
    ids, scores = ints(1, 2, 3, 1, 2, 0, 0, 0, 0, 0).reshape(2, 5), real(2, 5)
    want = scores.copy()
    want[0, 3] = want[1, 0] = -np.inf
    add(s, "NGramRepeatBlock", [ids, scores], [want], ngram_size=3)
    add(s, "NGramRepeatBlock", [ids + 9, scores], 1, ngram_size=3, refused="of 5")
    angles = rng.rand(12, 4)
    cosines, sines = np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
    heads, places = real(2, 3, 5, 8), whole(0, 12, 2, 5)
    rows = heads.transpose(0, 2, 1, 3).reshape(2, 5, 24).copy()
    for interleaved in (0, 1):
        y = rotated(heads, cosines, sines, places, interleaved)
        add(s, "RotaryEmbedding", [heads, places, cosines, sines], [y], interleaved=interleaved)
        add(s, "RotaryEmbedding", [rows, places, cosines, sines], [y.transpose(0, 2, 1, 3).reshape(rows.shape)],
            interleaved=interleaved)
    add(s, "RotaryEmbedding", [heads, ints(6), cosines, sines],
        [rotated(heads, cosines, sines, np.tile(np.arange(6, 11), (2, 1)))])
    add(s, "RotaryEmbedding", [heads, ints(9), cosines, sines], 1, refused="position")


def legacy(s):
    """Of ai.onnx, which has them no more."""
    x = real(3, 4)
    for op, want, kept in (("Affine", 2 * x - 3, {"alpha": 2.0, "beta": -3.0}), ("Scale", x * 1.5, {"scale": 1.5}),
                           ("ScaledTanh", 2 * np.tanh(x * 0.5), {"alpha": 2.0, "beta": 0.5}),
                           ("ParametricSoftplus", 2 * np.log1p(np.exp(x * 0.5)), {"alpha": 2.0, "beta": 0.5})):
        s.add(op, [x], [want.astype(np.float32)], opset=7, **kept)


def lookups(s):
    """Tables of small numbers, hashes, parts of images."""
    for bits in (2, 4, 8):
        for zeros in (False, True):
            q, scales = whole(0, 1 << bits, 6, 48), (rng.rand(6, 3) + 0.5).astype(np.float32)
            z = whole(0, 1 << bits, 6, 3) if zeros else np.full((6, 3), 1 << (bits - 1))
            want = ((q - np.repeat(z, 16, axis=1)) * np.repeat(scales, 16, axis=1)).astype(np.float32)
            inputs = [packed(q, bits), ints(3, 0, -1, 3).reshape(2, 2), scales] + [packed(z, bits)] * zeros
            add(s, "GatherBlockQuantized", inputs, [want[inputs[1]]], bits=bits, block_size=16)
    add(s, "GatherBlockQuantized", [packed(q, 8), ints(6), scales], 1, bits=8, block_size=16, refused="index 6 of 6")
    add(s, "GatherBlockQuantized", [packed(q, 8), ints(5), scales[:5]], 1, bits=8, block_size=16, refused="do not fit")
    add(s, "GatherBlockQuantized", [packed(q, 8), ints(5), scales], 1, bits=8, block_size=24, refused="blocks of 24")
    # From scikit-learn's own tests of the hash, and the reference's of nothing.
    texts = np.array(["", "a", "ab", "abc", "foo"], object)
    add(s, "MurmurHash3", [texts], [np.array([murmur(t.encode()) for t in texts], np.uint32)])
    add(s, "MurmurHash3", [texts], [np.array([murmur(t.encode(), 42) for t in texts], np.uint32).astype(np.int32)],
        positive=0, seed=42)
    add(s, "MurmurHash3", [np.array([3], np.int32)], [np.array([847579505], np.uint32)])
    image = real(2, 3, 5, 7)
    boxes = np.array([[0, 0, 1, 1], [0.25, 0.5, 0.75, 0], [-0.5, 0.1, 0.4, 1.5]], np.float32)
    which, size = np.array([0, 1, 1], np.int32), np.array([4, 3], np.int32)
    for mode in ("bilinear", "nearest"):
        want = np.array([crop(image[i], box, size, mode) for i, box in zip(which, boxes)])
        add(s, "CropAndResize", [image, boxes, which, size], [want], mode=mode, extrapolation_value=9.0)
    one = np.array([1, 1], np.int32)
    add(s, "CropAndResize", [image, boxes[:1], which[:1], one], [image[:1, :, 2:3, 3:4]])
    add(s, "CropAndResize", [image, boxes, which + 1, size], 1, refused="not there")
    a, b = whole(-30000, 30000, 3, 4, kind=np.int16), whole(-30000, 30000, 4, 2, kind=np.int16)
    add(s, "MatMulInteger16", [a, b], [(a.astype(np.int64) @ b.astype(np.int64)).astype(np.int32)])


def packed(q, bits):
    """Rows of numbers as bytes, the first in the lowest bits."""
    n = 8 // bits
    padded = np.pad(q, ((0, 0), (0, -q.shape[1] % n))).reshape(len(q), -1, n)
    return (padded << np.arange(0, 8, bits)).sum(-1).astype(np.uint8)


def murmur(text, seed=0):
    h, full = seed, 2**32
    turn = lambda x, by: (x << by | x >> (32 - by)) % full  # noqa: E731
    for at in range(0, len(text), 4):
        k = int.from_bytes(text[at:at + 4], "little")
        h ^= turn(k * 0xcc9e2d51 % full, 15) * 0x1b873593 % full
        if at + 4 <= len(text):
            h = (turn(h, 13) * 5 + 0xe6546b64) % full
    h ^= len(text)
    h = (h ^ h >> 16) * 0x85ebca6b % full
    h = (h ^ h >> 13) * 0xc2b2ae35 % full
    return h ^ h >> 16


def crop(image, box, size, mode):
    _, height, width = image.shape
    out = np.full((len(image), *size), 9, np.float64)
    for i, y in enumerate(np.linspace(box[0], box[2], size[0]) * (height - 1)):
        for j, x in enumerate(np.linspace(box[1], box[3], size[1]) * (width - 1)):
            if not (0 <= y <= height - 1 and 0 <= x <= width - 1):
                continue
            if mode == "nearest":
                out[:, i, j] = image[:, int(np.floor(y + 0.5)), int(np.floor(x + 0.5))]
                continue
            top, left = int(y), int(x)
            part = image[:, top:top + 2, left:left + 2].astype(np.float64)
            part = np.pad(part, ((0, 0), (0, 2 - part.shape[1]), (0, 2 - part.shape[2])))
            down, across = np.array([1 - y + top, y - top]), np.array([1 - x + left, x - left])
            out[:, i, j] = np.einsum("cyx,y,x->c", part, down, across)
    return out


def mixture(x, router, up, up_bias, down, down_bias, k, activation, normalize):
    p, out = softmax(router.astype(np.float64)), np.zeros(x.shape)
    for row in range(len(x)):
        best = np.argsort(-p[row])[:k]
        share = p[row, best] / (p[row, best].sum() if normalize else 1)
        for e, weight in zip(best, share):
            h = activation(up[e].astype(np.float64) @ x[row] + up_bias[e])
            out[row] += weight * (down[e].astype(np.float64) @ h + down_bias[e])
    return out


def experts(s):
    x, router = real(5, 8), real(5, 3)
    gated = lambda h: np.minimum(h[::2], 1) * sigmoid(1.702 * np.minimum(h[::2], 1)) * (np.clip(h[1::2], -1, 1) + 1)  # noqa: E731
    kinds = {"relu": lambda h: np.maximum(h, 0), "gelu": gelu_tanh, "silu": lambda h: h * sigmoid(h),
             "identity": lambda h: h, "swiglu": gated}
    gates = {"swiglu_fusion": 1, "activation_alpha": 1.702, "activation_beta": 1.0, "swiglu_limit": 1.0}
    none = np.zeros((3, 1), np.float32)
    for (name, f), k in itertools.product(kinds.items(), (1, 2)):
        more = {"k": k, "activation_type": name, "normalize_routing_weights": k - 1, **(gates if name == "swiglu" else {})}
        n = 12 if name == "swiglu" else 6
        up, up_bias, down, down_bias = real(3, n, 8), real(3, n), real(3, 8, 6), real(3, 8)
        add(s, "MoE", [x, router, up, up_bias, down, down_bias],
            [mixture(x, router, up, up_bias, down, down_bias, k, f, k > 1)], **more)
        add(s, "MoE", [x, router, up, None, down], [mixture(x, router, up, none, down, none, k, f, k > 1)], **more)
    for bits, block in itertools.product((4, 8), (0, 16)):
        x, q = real(4, 32), [whole(0, 1 << bits, *shape) for shape in ((3, 16, 32), (3, 32, 16))]
        scales = [(rng.rand(*m.shape[:2], m.shape[2] // block if block else 1) / 8).astype(np.float32) for m in q]
        up, down = ((m - (1 << (bits - 1))) * np.repeat(v, m.shape[2] // v.shape[2], axis=2) for m, v in zip(q, scales))
        w = [np.array([packed(e, bits) for e in m]) for m in q]
        scales = [v if block else v[:, :, 0] for v in scales]
        b, router = real(3, 16), real(4, 3)
        add(s, "QMoE", [x, router, w[0], scales[0], b, w[1], scales[1]],
            [mixture(x, router, up, b, down, none, 2, kinds["silu"], True)], k=2, activation_type="silu",
            expert_weight_bits=bits, **({"block_size": block} if block else {}))
    good = [x, router, up.astype(np.float32), None, down.astype(np.float32)]
    for says, inputs, more in (("k is 4 of 3", good, {"k": 4}), ("activation_type 'x'", good, {"activation_type": "x"}),
                               ("sparse", good, {"use_sparse_mixer": 1}), ("input 6", [*good, None, good[2]], {}),
                               ("router", [x, router[:3], *good[2:]], {}), ("[3, 16, 32]", [*good[:2], good[2][:2], *good[3:]], {})):
        add(s, "MoE", inputs, 1, refused=says, **more)


if __name__ == "__main__":
    sys.exit(run((activations, products, norms, attention, group_queries, quantized_numbers, forms, others, legacy, lookups,
                  experts)))
