"""Random choices that are the same in every version of Python (the standard module's are not)."""

import hashlib

MASK = (1 << 64) - 1


def hash64(text):
    """The first eight bytes of a text's SHA-256, as a number."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


class Dice:
    """SplitMix64, seeded by a text."""

    def __init__(self, seed):
        self.state = hash64(str(seed))

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)

    def below(self, n):
        """0 <= result < n; the bias, n / 2^64, is nothing here."""
        return (self.next() * n) >> 64

    def chance(self, percent):
        return self.below(100) < percent

    def pick(self, items):
        return items[self.below(len(items))]

    def weighted(self, pairs):
        """One of the first members of (item, weight) pairs."""
        at = self.below(sum(w for _, w in pairs))
        for item, weight in pairs:
            at -= weight
            if at < 0:
                return item
        raise AssertionError("weights sum to more than their sum")

    def shuffle(self, items):
        out = list(items)
        for i in range(len(out) - 1, 0, -1):
            j = self.below(i + 1)
            out[i], out[j] = out[j], out[i]
        return out

    def sample(self, items, n):
        return self.shuffle(items)[:n]
