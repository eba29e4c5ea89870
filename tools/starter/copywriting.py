"""Subject lines and advertisements: how they are asked for, and what they say."""

import wordings
from catalogue import TYPES
from dice import hash64
from phrases import Thing, article, expand, listing, of_product, weight
from tones import DEFAULT, NEW_WAYS, TONES, WAYS

# {p} is the thing, {t} a tone's name as an adjective, {a_t} the same with its article.
SUBJECT_NEUTRAL = [
    "[Write|Draft|Create|Compose|Make|Give me|Suggest|Find] [a|one|an email|a good|a short] "
    "subject line for {p}",
    "[Please write|Please draft|Can you write|Could you write|Could you draft|Can you make] [a|an "
    "email] subject line for {p}",
    "[I need|I want|I would like|We need|I am looking for] a subject line for {p}",
    "[Write|Draft|Create] [a|the] subject line for [an email|a newsletter|a mail|a mailing|our "
    "newsletter] about {p}",
    "[Write|Draft|Give me|Suggest] [an email subject|a subject|an email title|a headline|a mail "
    "subject|a newsletter subject] for {p}",
    "Subject line for {p}", "Subject: {p}", "Email subject for {p}", "A subject line about {p}",
    "[I am writing|We are sending|I send] [an email|a newsletter] about {p}. [Write|Give "
    "me|Suggest|What is] a subject line",
    "[Write|Draft|Create] a subject line [about|on|that sells|to promote|to "
    "announce|promoting|announcing] {p}",
    "[How would you announce|Announce] {p} in a subject line",
]
SUBJECT_TONED = [
    "[Write|Draft|Create|Compose|Make|Give me|Suggest] {a_t} [subject line|email subject|email "
    "subject line|headline] for {p}",
    "[Please write|Can you write|Could you write|I need|I want|We need] {a_t} subject line for {p}",
    "{t} subject line for {p}", "Something {t} as a subject line for {p}",
    "What would be {a_t} subject line for [{p}|an email about {p}|a newsletter about {p}]",
    "[I am writing|We are sending] [an email|a newsletter] about {p}. I need {a_t} subject line",
    "[Write|Give me] a {t}-sounding subject line for {p}",
]
SUBJECT_NEW = [
    "I am mailing our customers about {p}. What {t} subject line would you use?",
    "Come up with {a_t} line for the subject field of a mail on {p}",
    "Help me with the subject of an email on {p}: it should be {t}",
    "Which subject line would sell {p} best, in {a_t} tone?",
]
AD_NEUTRAL = [
    "[Write|Draft|Create|Compose|Make|Give me] [an ad|an advert|an advertisement|ad copy|a short "
    "ad|a short advert|some ad copy|ad text|an ad text] for {p}",
    "[Please write|Please draft|Can you write|Could you write|Could you draft] [an ad|ad copy|an "
    "advert|a short ad] for {p}",
    "[I need|I want|I would like|We need] [an ad|ad copy|an advert|an advertisement] for {p}",
    "[Write|Draft|Create|Give me] [a product text|a product description|a description|a blurb|a "
    "promo text|a sales text|marketing copy|a web text|a paragraph] for {p}",
    "Ad copy for {p}", "Ad for {p}", "An advert for {p}", "Advertise {p}", "Promote {p}",
    "[Write|Draft] a [few lines|few sentences|paragraph|short text|text] [about|to sell|to "
    "advertise|to promote|advertising|on] {p}",
    "Describe {p} for [our shop window|the catalogue|our website|the newsletter|our customers]",
]
AD_TONED = [
    "[Write|Draft|Create|Compose|Make|Give me] {a_t} [ad|advert|advertisement|product "
    "text|blurb|description|promo text] for {p}",
    "[Please write|Can you write|Could you write|I need|I want|We need] {a_t} [ad|advert] for {p}",
    "{t} ad copy for {p}", "{t} ad for {p}", "[Write|Give me|I need] {t} ad copy for {p}",
    "Advertise {p} in {a_t} way", "Describe {p} in {a_t} way",
]
AD_NEW = [
    "We want to put {p} in a magazine. Write the copy, and let it be {t}",
    "Pitch {p} to our customers in {a_t} tone",
    "Could I have {a_t} text that sells {p}?",
    "Praise {p} in two or three sentences. The tone should be {t}",
]

# Beside the catalogue's products, people ask about a kind of thing. The kinds after the first
# line are not sold here: texts about them teach to take up the user's words.
ADJECTIVES = ["waterproof", "light", "warm", "sturdy", "compact", "windproof", "affordable",
              "new", "breathable", "foldable", "durable", "recycled", "small", "large", "simple",
              "ultralight", "insulated", "handmade", "red", "blue", "green", "yellow", "orange",
              "comfortable", "fast", "robust", "big", "quiet", "soft", "cheap"]
OTHER_KINDS = ["bike", "kayak", "canoe", "map", "umbrella", "cap", "scarf", "towel", "torch",
               "whistle", "mug", "kettle", "blanket", "poncho", "skirt", "vest", "belt", "wallet",
               "watch", "camera", "guidebook", "paddle", "sledge", "bicycle lamp", "cool box",
               "picnic basket", "fishing rod", "first aid kit", "sun hat", "water tank", "grill",
               "backpack cover", "rain hat", "travel pillow", "lunch box", "climbing harness",
               "life jacket", "raft", "dog leash", "penknife", "camping table", "shirt", "coat"]
OTHER_PLURALS = ["sunglasses", "skis", "sandals", "shorts", "mittens", "binoculars", "leggings",
                 "slippers", "crampons", "ski boots", "running shoes", "goggles", "rain boots",
                 "leather shoes", "t-shirts", "swimming trunks", "socks", "shoes", "trousers"]
ANY_USE = ["weekend hikes", "family trips", "long trails", "wet days", "summer camps",
           "cold mornings", "city commutes", "bike tours"]

DEMO = ("subject", "waterproof tent", "friendly")  # the question of make demo


def held_out(task, label, tone):
    """Whether a combination is kept from the corpus, for the evaluation: one in eight."""
    return (task, label, tone) == DEMO or hash64(f"{task}|{label}|{tone}") % 8 == 0


def kind_thing(adjective, kind, plural):
    return Thing(f"{adjective} {kind}" if adjective else kind, kind, plural)


def made_up_name(dice):
    """A name that is in no catalogue."""
    parts = ["ba", "zor", "vex", "lu", "mi", "tra", "nok", "fen", "ki", "ru", "sal", "dor", "pe",
             "ga", "wil", "ot", "an", "mer", "ti", "xo", "bru", "el", "hav", "so", "den", "ky"]
    n = 2 + dice.below(2)
    return "".join(dice.pick(parts) for _ in range(n)).capitalize()


def random_kind(dice, types, rich=False):
    """A kind of thing, sold here or elsewhere."""
    roll = dice.below(10)
    if rich and dice.chance(40):
        return kind_thing("" if dice.chance(20) else dice.pick(wordings.ADJECTIVES + ADJECTIVES),
                          *dice.pick([(k, False) for k in wordings.KINDS]
                                     + [(k, True) for k in wordings.PLURAL_KINDS]))
    if roll < 6:
        kind = dice.pick(types)
        name, plural = kind["type"], kind["plural"]
    elif roll < 9:
        name, plural = dice.pick(OTHER_KINDS), False
    else:
        name, plural = dice.pick(OTHER_PLURALS), True
    return kind_thing("" if dice.chance(20) else dice.pick(ADJECTIVES), name, plural)


def stranger(dice, types, names):
    """Something with a name that the corpus gives no facts of: of another product, or made up."""
    kind = dice.pick(types)
    name = dice.pick(names) if dice.chance(60) else made_up_name(dice)
    return Thing(f"{name} {kind['type']}", kind["type"], kind["plural"], named=True)


def reference(dice, thing):
    """How a user names it."""
    if thing.named:
        short = thing.product["name"] if thing.product else thing.label
        return expand(dice, dice.weighted([("the {P}", 6), ("our {P}", 2), ("{P}", 2),
                                           ("our new {P}", 1), ("the {n}", 1)]),
                      P=thing.label, n=short)
    a = thing.label if thing.plural else article(thing.label)
    return expand(dice, dice.weighted([("{a}", 6), ("our {P}", 2), ("the {P}", 1), ("{P}", 1),
                                       ("our new {P}", 1)]), P=thing.label, a=a)


def request(dice, task, thing, tone, new=False, rich=False):
    """A user's words. `new`: a wording that is not in the corpus; `rich`: of the second lesson. No
    tone asks for the default."""
    p = reference(dice, thing)
    neutral, toned, unseen = ((SUBJECT_NEUTRAL, SUBJECT_TONED, SUBJECT_NEW) if task == "subject"
                              else (AD_NEUTRAL, AD_TONED, AD_NEW))
    ways = WAYS
    if rich:
        ways = WAYS + wordings.WAYS
        neutral, toned = ((neutral + wordings.SUBJECT, toned + wordings.SUBJECT_TONED)
                          if task == "subject"
                          else (neutral + wordings.AD, toned + wordings.AD_TONED))
    if tone is None:
        return expand(dice, dice.pick(neutral) + "[.||]", p=p)
    t = dice.weighted([(n, 5 if i == 0 else 2) for i, n in enumerate(TONES[tone].names)])
    slots = {"p": p, "t": t, "a_t": article(t)}
    if new:
        text = dice.pick(unseen + [dice.pick(neutral) + ", " + dice.pick(NEW_WAYS)])
    elif dice.chance(30):
        text = dice.pick(toned) + "[.||]"
    elif dice.chance(15):
        text = "[In {a_t} tone: |Tone: {t}. |Be {t}: |In {a_t} voice, ]" + dice.pick(neutral)
    else:
        text = dice.pick(neutral) + "[, | |, |: |. |; | - ]" + dice.pick(ways) + "[.||]"
    text = expand(dice, text, **slots)
    return text[0].upper() + text[1:]


def _use(dice, thing):
    """What it is for: of a product as the catalogue says, else something that fits its kind."""
    if thing.product:
        return thing.product["use"]
    return dice.pick(TYPES[thing.kind][8] if thing.kind in TYPES else ANY_USE)


def subject_line(dice, thing, tone):
    use = _use(dice, thing)
    return expand(dice, dice.pick(TONES[tone or DEFAULT].subjects), use=use, **thing.slots())


def _facts(dice, thing, rich):
    """One or two sentences of what is true of a product. In the second lesson its features keep
    their order, which is easier to remember."""
    p, s = thing.product, thing.slots()
    features = p["features"] if rich else dice.shuffle(p["features"])
    s |= {"w": weight(p["weight_g"]), "m": p["material"], "price": p["price"],
          "f2": listing(features[:2]), "f3": listing(features), "f1": features[0],
          "season": p["season"]}
    first = dice.pick([
        "Made of {m}, {it} come{s} with {f2}.", "{It} {has} {f2}, and {is} made of {m}.",
        "With {f3}, {it} {is} ready for {season}.", "{It} weigh{s} {w} and {has} {f2}.",
        "{It} {has} {f3}.", "Made of {m}, with {f2}, {it} weigh{s} {w}."])
    second = dice.pick(["", "", " All that for {price} euros.", " The price: {price} euros.",
                        " Yours for {price} euros."])
    if p["waterproof"] and dice.chance(40):
        second = " Rain stays outside: {it} {is} waterproof." + second
    return expand(dice, first + second, **s)


def _praise(dice, thing):
    """A sentence that claims nothing but what the user's words say."""
    return expand(dice, dice.pick([
        "{The} {does} what {it} should, day after day.", "You will not want to leave {them} at "
        "home.",
        "Everything {kind} should be, and nothing more.".replace("{kind}", "{akind}"),
        "{It} {is} simple to use, and made to last.", "{It} go{es} where you go."]),
        es="" if thing.plural else "es", **thing.slots())


def advert(dice, thing, tone, rich):
    t = TONES[tone or DEFAULT]
    use = _use(dice, thing)
    middle = _facts(dice, thing, rich) if thing.product else _praise(dice, thing)
    return expand(dice, dice.pick(t.openers) + " " + middle + " " + dice.pick(t.closers), use=use,
                  **thing.slots())


def answer(dice, task, thing, tone, rich=False):
    if task == "subject":
        return subject_line(dice, thing, tone)
    return advert(dice, thing, tone, rich)


def random_thing(dice, shelf, rich):
    """Mostly a product that the model is to know."""
    roll = dice.below(100)
    if roll < 28:
        return random_kind(dice, shelf.types, rich)
    if roll < (40 if rich else 36):
        return stranger(dice, shelf.types, shelf.strangers)
    return of_product(dice.pick(shelf.core))


def training_combination(dice, task, shelf, rich=False):
    """(thing, tone) that is not held out; the tone is sometimes None."""
    while True:
        thing = random_thing(dice, shelf, rich)
        tone = None if dice.chance(8) else dice.pick(list(TONES))
        if not held_out(task, thing.label, tone or DEFAULT):
            return thing, tone
