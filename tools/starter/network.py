"""The network: llama's architecture in PyTorch."""

import dataclasses
import math

import torch
from torch import nn
from torch.nn import functional as F


@dataclasses.dataclass
class Config:
    vocab: int = 3072
    width: int = 256
    layers: int = 4
    heads: int = 4
    kv_heads: int = 2
    hidden: int = 512
    context: int = 512
    rope_base: float = 10000.0
    eps: float = 1e-5

    @property
    def head_width(self):
        return self.width // self.heads


class Norm(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(c.width)), c.eps

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps) * self.weight


def rotate(x, cos, sin):
    """Halves of a head are the two coordinates (Hugging Face's order; export.py changes it)."""
    a, b = x.chunk(2, -1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


class Attention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        kv = c.kv_heads * c.head_width
        self.q = nn.Linear(c.width, c.width, bias=False)
        self.k = nn.Linear(c.width, kv, bias=False)
        self.v = nn.Linear(c.width, kv, bias=False)
        self.o = nn.Linear(c.width, c.width, bias=False)

    def forward(self, x, cos, sin, mask):
        """x [b, t, width]; cos, sin [t, head / 2]; mask [1, t, t], 0 or -inf."""
        b, t, _ = x.shape
        c, d = self.c, self.c.head_width
        group = c.heads // c.kv_heads
        q = rotate(self.q(x).view(b, t, c.heads, d).transpose(1, 2), cos, sin)
        k = rotate(self.k(x).view(b, t, c.kv_heads, d).transpose(1, 2), cos, sin)
        v = self.v(x).view(b, t, c.kv_heads, d).transpose(1, 2)
        # The heads of a group share keys, so they are rows of one product.
        q = q.reshape(b * c.kv_heads, group * t, d)
        k, v = k.reshape(-1, t, d), v.reshape(-1, t, d)
        scores = torch.baddbmm(mask.repeat(1, group, 1), q, k.transpose(1, 2),
                               alpha=1 / math.sqrt(d))
        y = torch.softmax(scores, -1) @ v
        return self.o(y.view(b, c.heads, t, d).transpose(1, 2).reshape(b, t, -1))


class FeedForward(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.gate = nn.Linear(c.width, c.hidden, bias=False)
        self.up = nn.Linear(c.width, c.hidden, bias=False)
        self.down = nn.Linear(c.hidden, c.width, bias=False)

    def forward(self, x):
        return self.down(F.silu(self.gate(x)) * self.up(x))


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.attn_norm, self.attn = Norm(c), Attention(c)
        self.ffn_norm, self.ffn = Norm(c), FeedForward(c)

    def forward(self, x, cos, sin, mask, where=None):
        """With where, only those rows go on, [n, width]."""
        x = x + self.attn(self.attn_norm(x), cos, sin, mask)
        if where is not None:
            x = x[where]
        return x + self.ffn(self.ffn_norm(x))


class Network(nn.Module):
    """Embedding and output share their weights."""

    def __init__(self, c):
        super().__init__()
        self.c = c
        self.embed = nn.Embedding(c.vocab, c.width)
        self.blocks = nn.ModuleList(Block(c) for _ in range(c.layers))
        self.norm = Norm(c)
        angle = torch.outer(torch.arange(c.context).float(),
                            c.rope_base ** (-torch.arange(0, c.head_width, 2) / c.head_width))
        self.register_buffer("cos", angle.cos(), persistent=False)
        self.register_buffer("sin", angle.sin(), persistent=False)
        for name, p in self.named_parameters():
            if p.dim() == 2:
                deep = name.endswith(("o.weight", "down.weight"))
                nn.init.normal_(p, std=0.02 / (math.sqrt(2 * c.layers) if deep else 1))

    def forward(self, ids, where=None):
        """Logits at all positions of ids [b, t], or at those where a mask [b, t] is true."""
        t = ids.shape[1]
        mask = torch.full((t, t), -math.inf).triu(1)[None]
        x = self.embed(ids)
        for block in self.blocks[:-1]:
            x = block(x, self.cos[:t], self.sin[:t], mask)
        x = self.blocks[-1](x, self.cos[:t], self.sin[:t], mask, where)
        return self.norm(x) @ self.embed.weight.T

    def greedy(self, ids, stop, limit=200):
        """What follows ids until the stop token, always the likeliest token."""
        out = []
        with torch.no_grad():
            while len(out) < limit and len(ids) + len(out) < self.c.context:
                token = int(self(torch.tensor([ids + out]))[0, -1].argmax())
                if token == stop:
                    break
                out.append(token)
        return out
