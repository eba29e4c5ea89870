"""Questions about products: their wordings, and the answers from the catalogue."""

import dataclasses

import wordings
from dice import hash64
from phrases import expand, listing, of_product, sentence, weight

# kind: (wordings with {x}, "the Kestrel tent"; wordings with "it", for a product spoken of before;
# wordings kept for the evaluation; answers).
KINDS = {
    "price": (
        ["[How much {is}|What is the price of|How expensive {is}|What do you want for] {x}",
         "[What is|Tell me|Give me] the price of {x}", "Price of {x}", "{X}: price",
         "How much for {x}",
         "How expensive {is} {x}", "What do I pay for {x}", "How many euros {is} {x}",
         "What {does} {x} cost", "How much {does} {x} cost", "What's the price of {x}",
         "{X} price"],
        ["[How much {is} {it}|What {does} {it} cost|How much {does} {it} cost|What is the price]",
         "And the price", "Price", "How expensive {is} {it}", "What's the price"],
        ["If I bought {x}, what would I owe you?", "What must I spend to own {x}?"],
        ["{The} cost{s} {price} euros."]),
    "weight": (
        ["How heavy {is} {x}", "What {does} {x} weigh", "How much {does} {x} weigh",
         "[What is|Tell me|Give me] the weight of {x}", "Weight of {x}", "{X}: weight",
         "{Is} {x} [heavy|light]", "How many grams {does} {x} have", "How light {is} {x}",
         "{X} weight"],
        ["How heavy {is} {it}", "What {does} {it} weigh", "How much {does} {it} weigh",
         "And the weight",
         "Weight", "{Is} {it} heavy"],
        ["I count grams: what would {x} add to my load?", "What do the scales say under {x}?"],
        ["{The} weigh{s} {w}."]),
    "material": (
        ["What {is} {x} made [of|from]", "[Which|What] material {is} {x}",
         "[What is|Tell me] the material of {x}",
         "Material of {x}", "{X}: material", "What material {is} {x} made of",
         "Of what {is} {x} made",
         "What's {x} made of"],
        ["What {is} {it} made of", "Which material", "And the material", "What material {is} {it}"],
        ["Which stuff did they use for {x}?"],
        ["{The} {is} made of {m}."]),
    "waterproof": (
        ["{Is} {x} waterproof", "{Is} {x} [rainproof|watertight]", "Can I use {x} in the rain",
         "Can {x} stand rain", "{Does} {x} keep water out", "{X}: waterproof",
         "Will {x} get wet inside"],
        ["{Is} {it} waterproof", "{Does} {it} stand rain", "Waterproof",
         "Can I use {them} in the rain"],
        ["Should I fear a downpour with {x}?"],
        ["{yes}, {the} {is} {no}waterproof."]),
    "use": (
        ["What {is} {x} [good for|for|made for|meant for]", "What can I [use|do with] {x} for",
         "What {is} {x} best for",
         "When would I use {x}", "Where would I use {x}", "What do I need {x} for",
         "What use {is} {x}",
         "What should I use {x} for"],
        ["What {is} {it} good for", "What can I use {them} for", "What {is} {it} for"],
        ["On which kind of trip {does} {x} shine?"],
        ["{The} {is} made for {use}."]),
    "features": (
        ["[What|Which] features {does} {x} have", "What {does} {x} have",
         "What is special about {x}",
         "[Features of|Details of] {x}", "What {does} {x} come with", "{X}: features",
         "What makes {x} special", "What's special about {x}"],
        ["[What|Which] features {does} {it} have", "What is special about {it2}",
         "What {does} {it} come with",
         "Features"],
        ["Which extras does one get with {x}?"],
        ["{The} {has} {f3}."]),
    "season": (
        ["[For which|For what|In which] season {is} {x}", "{Is} {x} for [winter|summer]",
         "Can I use {x} in [winter|summer]",
         "{Is} {x} warm enough for winter", "When in the year can I use {x}", "Season of {x}"],
        ["For which season {is} {it}", "Can I use {them} in winter", "{Is} {it} for winter"],
        ["Between which months would {x} serve me?"],
        ["{The} {is} made for {season}."]),
    "availability": (
        ["{Is} {x} [in stock|available|sold out|there]", "Do you have {x} [in stock|in the "
         "shop|right now|]",
         "Can I [buy|get|order] {x} [now|today|]", "How many of {x} are left",
         "Availability of {x}",
         "Do you have {x}", "When can I get {x}"],
        ["{Is} {it} in stock", "{Is} {it} available", "Do you have {them} in stock",
         "Can I get {them} today"],
        ["Are there still pieces of {x} on your shelves?"],
        ["{The} {is} {availability}."]),
    "segment": (
        ["[Who is|For whom is|Who are] {x} for", "Who [buys|uses|needs] {x}",
         "For [whom|which customers] {is} {x}",
         "Which [segment|customers|segment of customers] {is} {x} for", "Who would [like|buy] {x}"],
        ["Who {is} {it} for", "For whom {is} {it}", "Who buys {them}"],
        ["Which people should I show {x} to?"],
        ["{The} {is} made for {segment}."]),
    "overview": (
        ["Tell me about {x}", "What is {x}", "What can you tell me about {x}", "Describe {x}",
         "I want to know more about {x}", "Information about {x}", "What do you know about {x}",
         "{X}",
         "Tell me more about {x}", "Can you tell me about {x}"],
        ["Tell me more", "Tell me about {it2}", "More details please", "What else"],
        ["Give me the story of {x} in two sentences."],
        ["{The} {is} made of {m} and weigh{s} {w}. {It} {has} {f3}, and cost{s} {price} euros.",
         "{The} {is} made for {use}. {It} weigh{s} {w}, cost{s} {price} euros and {has} {f3}."]),
}

# {kind} is "tent", {akind} "a tent", {a cheap} "a cheap tent" and, of gloves, "cheap gloves".
SUPERLATIVES = {
    "cheapest": (["[What|Which] {is} [your|the] cheapest {kind}", "The cheapest {kind}",
                  "Cheapest {kind}", "[Do you have|I need|I want|Show me] {acheap}",
                  "What {is} the least expensive {kind} [you have|]", "Which {kind} cost{s} least",
                  "I am looking for {acheap}", "[Which|What] {kind} {is} cheapest"],
                 "Name the {kind} that {is} easiest on my purse.",
                 "Our cheapest {kind} {is} {the}, at {price} euros."),
    "lightest": (["[What|Which] {is} [your|the] lightest {kind}", "The lightest {kind}",
                  "Lightest {kind}", "[Do you have|I need|I want|Show me] {alight}",
                  "Which {kind} weigh{s} least", "I am looking for {alight}",
                  "[Which|What] {kind} {is} lightest"],
                 "Name the {kind} that I would feel least in my pack.",
                 "Our lightest {kind} {is} {the}, at {w}."),
    "list": (["[What|Which] {kinds} do you [have|sell|offer]", "Do you [have|sell] {kinds}",
              "Show me your {kinds}", "[I need|I want|I am looking for] {akind}",
              "List your {kinds}", "Which {kinds} are there", "Can you recommend {akind}",
              "Recommend {akind}", "I would like to buy {akind}"],
             "Walk me through your range of {kinds}.",
             "We have 8 {kinds}, among them {three}."),
}


def kind_plural(type_name, plural):
    return type_name if plural else type_name + ("es" if type_name.endswith("x") else "s")


def slots(thing):
    p = thing.product
    s = thing.slots()
    return s | {"price": p["price"], "w": weight(p["weight_g"]), "m": p["material"],
                "use": p["use"], "f3": listing(p["features"]), "season": p["season"],
                "availability": p["availability"], "segment": p["segment"],
                "yes": "Yes" if p["waterproof"] else "No", "no": "" if p["waterproof"] else "not ",
                "it2": "them" if thing.plural else "it"}


def ask(dice, thing, kind, new=False, rich=False):
    """A question that names its product; `new` and `rich` as of copywriting.request."""
    known, _, unseen, _ = KINDS[kind]
    if rich:
        known = known + wordings.QUESTIONS[kind]
    name = thing.product["name"]
    x = dice.weighted([("the " + thing.label, 12), ("the " + name, 2), ("your " + thing.label, 2),
                       (thing.label, 2)])
    s = slots(thing) | {"x": x, "X": sentence(x), "Is": "Are" if thing.plural else "Is",
                        "Does": "Do" if thing.plural else "Does"}
    text = expand(dice, dice.pick(unseen) if new else dice.pick(known) + "[?|?|?|]", **s)
    return sentence(text)


def ask_again(dice, thing, kind):
    """A question about the product spoken of."""
    s = slots(thing) | {"Is": "Are" if thing.plural else "Is",
                        "Does": "Do" if thing.plural else "Does"}
    return sentence(expand(dice, dice.pick(KINDS[kind][1]) + "[?|?|?|]", **s))


def reply(dice, thing, kind):
    return sentence(expand(dice, dice.pick(KINDS[kind][3]), **slots(thing)))


def held_out(thing, kind):
    """Whether a question of this kind about this product is never asked by name in the corpus,
    so that its answer must come from the other texts that hold the fact: one in twelve."""
    return hash64(f"question|{thing.label}|{kind}") % 12 == 0


def superlative(dice, products, kind, new=False):
    """(question, answer) about all products of one type."""
    key = {"cheapest": lambda p: (p["price"], p["id"]),
           "lightest": lambda p: (p["weight_g"], p["id"]), "list": lambda p: p["id"]}[kind]
    ranked = [of_product(p) for p in sorted(products, key=key)]
    best = ranked[0]
    one = best.kind
    s = slots(best) | {
        "kinds": kind_plural(one, best.plural),
        "acheap": "cheap " + one if best.plural else "a cheap " + one,
        "alight": "light " + one if best.plural else "a light " + one,
        "three": listing("the " + t.product["name"] for t in ranked[:3])}
    known, unseen, answer = SUPERLATIVES[kind]
    return (expand(dice, unseen if new else dice.pick(known) + "[?|]", **s),
            expand(dice, answer, **s))


def ask_stranger(dice, thing, rich):
    """A question about something that has a name and no facts."""
    p = {"name": thing.label, "price": 0, "weight_g": 0, "material": "", "use": "", "segment": "",
         "features": [""], "season": "", "availability": "", "waterproof": False}
    return ask(dice, dataclasses.replace(thing, product=p), dice.pick(list(KINDS)),
               rich=rich)


UNKNOWN = ["I do not know {the}. Ask me about another product of our shop.",
           "Sorry, I know nothing about {the}. Ask me about another product of our shop."]


def unknown_reply(dice, thing):
    return expand(dice, dice.pick(UNKNOWN), **thing.slots())
