"""The small language that the corpus is written in, and the forms of a product's name.

A pattern is text in which [a|b|c] stands for one of its alternatives, which may hold brackets
themselves, and {slot} for a value.
"""

import dataclasses
import re

_INNER = re.compile(r"\[([^\[\]]*)\]")


def expand(dice, pattern, **slots):
    """A text of the pattern, with its alternatives chosen and its slots filled."""
    while True:
        m = _INNER.search(pattern)
        if not m:
            break
        pattern = pattern[:m.start()] + dice.pick(m.group(1).split("|")) + pattern[m.end():]
    return re.sub(r"\s+", " ", pattern.format(**slots)).strip()


def article(word):
    return ("an " if word[0] in "aeiou" else "a ") + word


def sentence(text):
    return text[0].upper() + text[1:]


def weight(grams):
    """As the shop writes it: 480 g, 2.1 kg."""
    if grams < 1000:
        return f"{grams} g"
    return f"{grams / 1000:.1f}".removesuffix(".0") + " kg"


def listing(items):
    items = list(items)
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1]


@dataclasses.dataclass(frozen=True)
class Thing:
    """What a text speaks about: a product, something with a name but no known facts, or a kind."""

    label: str  # Kestrel tent; waterproof tent
    kind: str  # tent
    plural: bool
    product: dict | None = None  # None where no facts are known
    named: bool = False

    def slots(self):
        """The forms that patterns use, and the verbs that agree."""
        p = self.plural
        the = "the " + self.label if self.named else self.label if p else article(self.label)
        return {"P": self.label, "the": the, "The": sentence(the), "your": "your " + self.label,
                "kind": self.kind, "akind": self.kind if p else article(self.kind),
                "is": "are" if p else "is", "has": "have" if p else "has",
                "s": "" if p else "s", "it": "they" if p else "it", "It": "They" if p else "It",
                "them": "them" if p else "it", "its": "their" if p else "its",
                "does": "do" if p else "does", "this": "these" if p else "this"}


def of_product(p):
    return Thing(f"{p['name']} {p['type']}", p["type"], p["plural"], p, named=True)
