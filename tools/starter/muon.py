"""The Muon optimizer (K. Jordan and others, 2024): momentum whose matrices are orthogonalised.

An update then moves all directions of a matrix alike, and a small network learns in about half of
AdamW's steps. For the matrices within the network alone; embeddings and norms keep AdamW.
"""

import torch

# A quintic iteration that drives singular values towards 1, steep at 0.
A, B, C = 3.4445, -4.7750, 2.0315
ROUNDS = 5


def orthogonal(g):
    """A matrix with the singular vectors of g and singular values near 1."""
    x = g / (g.norm() + 1e-7)
    tall = x.shape[0] > x.shape[1]
    if tall:
        x = x.T
    for _ in range(ROUNDS):
        s = x @ x.T
        x = A * x + (B * s + C * s @ s) @ x
    return x.T if tall else x


class Muon(torch.optim.Optimizer):
    def __init__(self, params, momentum=0.95, weight_decay=0.0):
        super().__init__(params, {"lr": 0.0, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    state["momentum"] = torch.zeros_like(p)
                m = state["momentum"]
                m.lerp_(p.grad, 1 - group["momentum"])
                update = orthogonal(p.grad.lerp(m, group["momentum"]))
                scale = max(1, p.shape[0] / p.shape[1]) ** 0.5
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.add_(update, alpha=-group["lr"] * scale)
