#!/usr/bin/env python3
"""Draws the loss curve of a training run as SVG. Usage: curve.py LOSS.csv OUT.svg"""

import csv
import math
import sys

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 720, 360, 56, 34, 16, 44
TRAINED, HELD = "#2a6f97", "#c8553d"


def scale(low, high, first, last):
    return lambda v: first + (v - low) / (high - low) * (last - first)


def read(path):
    """(step, loss, validation or None) of each line."""
    with open(path, encoding="ascii", newline="") as f:
        return [(int(r["step"]), float(r["loss"]), float(r["validation"] or 0) or None)
                for r in csv.DictReader(f)]


def draw(rows):
    decades = [0.1, 0.2, 0.5, 1, 2, 5, 10]
    losses = [v for r in rows for v in r[1:] if v]
    low = max(d for d in decades if d <= min(losses))
    high = min(d for d in decades if d >= max(losses))
    x = scale(0, rows[-1][0], LEFT, WIDTH - RIGHT)
    y = scale(math.log(low), math.log(high), HEIGHT - BOTTOM, TOP)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
           'font-family="sans-serif" font-size="12" fill="#333">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>']
    for d in decades:
        if low <= d <= high:
            at = f"{y(math.log(d)):.1f}"
            out.append(f'<path d="M{LEFT} {at}H{WIDTH - RIGHT}" stroke="#ddd"/>'
                       f'<text x="{LEFT - 8}" y="{at}" dy="4" text-anchor="end">{d:g}</text>')
    for step in range(0, rows[-1][0] + 1, 200):
        out.append(f'<text x="{x(step):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">'
                   f'{step}</text>')
    line = "L".join(f"{x(s):.1f} {y(math.log(v)):.1f}" for s, v, _ in rows)
    out.append(f'<path d="M{line}" fill="none" stroke="{TRAINED}" stroke-width="1.6"/>')
    out += [f'<circle cx="{x(s):.1f}" cy="{y(math.log(h)):.1f}" r="4" fill="{HELD}"/>'
            for s, _, h in rows if h]
    out += [f'<text x="{WIDTH / 2}" y="{HEIGHT - 8}" text-anchor="middle">step</text>',
            f'<text x="{LEFT}" y="20">Loss per token of the answers, nats: '
            f'<tspan fill="{TRAINED}">training, mean of 25 steps</tspan>, '
            f'<tspan fill="{HELD}">conversations kept apart</tspan></text>', "</svg>"]
    return "\n".join(out) + "\n"


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with open(sys.argv[2], "w", encoding="ascii") as f:
        f.write(draw(read(sys.argv[1])))


if __name__ == "__main__":
    main()
