"""What counts as a right answer of the starter model. Written before the model was trained."""

import re

import catalogue
import service
import tones
from phrases import weight

USES = sorted({u for t in catalogue.TYPES.values() for u in t[8]})
FEATURES = sorted({f for t in catalogue.TYPES.values() for f in t[7]})
MATERIALS = sorted({m for t in catalogue.TYPES.values() for m in t[4]}, key=len, reverse=True)
SEASONS = ["all four seasons", "three seasons", "winter", "summer"]


class _Text:
    """A text from which found phrases are taken out, so that none is counted twice."""

    def __init__(self, text):
        self.left = text.lower()

    def take(self, phrases):
        out = []
        for p in phrases:
            pattern = rf"(?<![\w-]){re.escape(p.lower())}(?![\w-])"
            if re.search(pattern, self.left):
                out.append(p)
                self.left = re.sub(pattern, "#", self.left)
        return out

    def take_pattern(self, pattern):
        out = [m.group(0) for m in re.finditer(pattern, self.left)]
        self.left = re.sub(pattern, "#", self.left)
        return out


def claims(text, product):
    """(true, false): the facts that a text states of a product, as texts."""
    t = _Text(text)
    t.take([f"{product['name']} {product['type']}", product["name"]])
    found = [("use", x, x == product["use"]) for x in t.take(USES)]
    found += [("feature", x, x in product["features"]) for x in t.take(FEATURES)]
    found += [("material", x, x == product["material"]) for x in t.take(MATERIALS)]
    found += [("price", x, x == f"{product['price']} euros")
              for x in t.take_pattern(r"\b[\d.,]+ euros\b")]
    found += [("weight", x, x == weight(product["weight_g"]))
              for x in t.take_pattern(r"\b[\d.,]+ k?g\b")]
    found += [("availability", x, x == product["availability"])
              for x in t.take(sorted(catalogue.AVAILABILITY, key=len, reverse=True))]
    found += [("segment", x, x == product["segment"])
              for x in t.take(sorted(catalogue.SEGMENTS, key=len, reverse=True))]
    found += [("season", x, x == product["season"]) for x in t.take(SEASONS)]
    dry = t.take_pattern(r"\bnot waterproof\b")
    wet = t.take_pattern(r"\bwaterproof\b")
    found += [("waterproof", x, not product["waterproof"]) for x in dry]
    found += [("waterproof", x, product["waterproof"]) for x in wet]
    return ([(k, x) for k, x, ok in found if ok], [(k, x) for k, x, ok in found if not ok])


def _tone(text, thing, tone):
    """What is wrong with the tone: it must have a word of its own lexicon and none of another."""
    bare = re.sub(re.escape(thing.label), "#", text, flags=re.I)
    if not tones.has(tones.TONES[tone].lexicon, bare):
        return [f"no word of the tone {tone}"]
    return [f"a word of the tone {other}" for other, t in tones.TONES.items()
            if other != tone and tones.has(t.lexicon, bare)]


def _names(text, thing):
    wanted = thing.product["name"] if thing.product else thing.label
    return [] if wanted.lower() in text.lower() else [f"does not name {wanted}"]


def subject(text, thing, tone):
    """One line of 2 to 14 words and at most 80 characters, complete, that names the thing, keeps
    the tone, and says nothing false."""
    out = _names(text, thing) + _tone(text, thing, tone)
    if "\n" in text or not 2 <= len(text.split()) <= 14 or len(text) > 80:
        out.append("not of a subject line's length")
    if not re.search(r"[\w.!?]$", text):
        out.append("ends in the middle")
    if thing.product:
        out += [f"false: {x}" for _, x in claims(text, thing.product)[1]]
    return out


def ad(text, thing, tone):
    """Two to six sentences that name the thing and keep the tone; of a product, two true facts at
    least and no false one; of a mere kind, no price and no weight."""
    out = _names(text, thing) + _tone(text, thing, tone)
    if not re.search(r"[.!?]$", text):
        out.append("ends in the middle")
    if not 2 <= len(re.findall(r"[.!?](?= |$)", text)) <= 6 or len(text.split()) > 80:
        out.append("not of an advertisement's length")
    if not thing.product:
        return out + (["states a number of something unknown"] if re.search(r"\d", text) else [])
    true, false = claims(text, thing.product)
    if len(true) < 2:
        out.append(f"only {len(true)} true facts")
    return out + [f"false: {x}" for _, x in false]


def question(text, thing, kind):
    """Names the product and states the fact that was asked for, and no false one. An overview
    states three facts; of the features, all."""
    true, false = claims(text, thing.product)
    out = _names(text, thing) + [f"false: {x}" for _, x in false]
    wanted = {"features": "feature"}.get(kind, kind)
    have = len(true) if kind == "overview" else sum(k == wanted for k, _ in true)
    if have < (3 if kind in ("overview", "features") else 1):
        out.append(f"does not answer: {kind}")
    return out


def policy(text, topic):
    """Holds the numbers and words that the shop's rule is about."""
    return [f"lacks: {x}" for x in service.TOPICS[topic].must if x not in text]


def segment(text, wanted):
    """Begins with the right segment."""
    return [] if text.startswith(f"Segment: {wanted}.") else [f"is not: {wanted}"]
