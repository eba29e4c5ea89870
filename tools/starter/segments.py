"""Customer segments: descriptions of people, and the segment that a description points to."""

import wordings
from phrases import expand, sentence

# What tells of a segment: things a person does or buys, as verb phrases of "she"; and a reason.
SIGNS = {
    "weekend hikers": (["hikes on Saturdays", "walks in the hills at weekends",
                        "goes on day hikes twice a month", "likes marked trails near home",
                        "takes a hut tour now and then", "spends Sundays on easy hikes"],
                       "day hikes at weekends"),
    "families": (["travels with two children", "camps with the kids", "has a baby and a toddler",
                  "takes the children to the lake", "plans school holidays with three kids",
                  "buys gear in children's sizes"], "trips with children"),
    "alpinists": (["climbs glaciers", "ties in on rock routes", "goes for north faces",
                   "climbs four-thousand-metre peaks", "owns an ice axe and crampons",
                   "climbs with rope and helmet"], "climbing high routes"),
    "trail runners": (["runs trails before work", "trains for a mountain marathon",
                       "runs ultras in the hills", "wears out four pairs of running shoes a year",
                       "counts kilometres and heart rate", "races uphill"],
                      "running off the road"),
    "bikepackers": (["tours on a gravel bike", "straps bags to the handlebar",
                     "crosses countries by bicycle", "sleeps beside the bike",
                     "plans routes for bike tours", "rides for days with panniers"],
                    "touring by bike"),
    "paddlers": (["paddles a canoe", "spends summers in a kayak", "travels down rivers",
                  "owns a sea kayak", "needs dry bags for the boat", "paddles on the lake"],
                 "trips on the water"),
    "winter campers": (["camps in the snow", "sleeps out in January",
                        "pulls a sledge through Lapland",
                        "goes on ski tours with a tent", "looks for bags rated to minus twenty",
                        "melts snow for tea"], "nights out in the cold"),
    "commuters": (["rides to the office", "walks to the station every day",
                   "wants a rain jacket for the city", "carries a laptop to work",
                   "takes the bus to work in all weather", "needs shoes for the office and the "
                   "rain"],
                  "the daily way to work"),
    "ultralight hikers": (["weighs every gram", "walks thousands of kilometres with six kilos",
                           "cuts labels off to save weight", "sleeps under a tarp to save weight",
                           "plans a thru-hike", "asks for the weight before the price"],
                          "counting grams"),
}

# Kept for the evaluation.
NEW_SIGNS = {
    "weekend hikers": ["strolls through the nearby hills every Sunday"],
    "families": ["goes camping with a son and a daughter"],
    "alpinists": ["climbs icy walls in the Alps"],
    "trail runners": ["runs mountain races"],
    "bikepackers": ["rides a loaded bike from town to town"],
    "paddlers": ["takes a canoe down wild rivers"],
    "winter campers": ["pitches a tent in deep snow"],
    "commuters": ["cycles to the office in the rain"],
    "ultralight hikers": ["saves every gram in the pack"],
}

WHO = ["a teacher", "a nurse", "a student", "an engineer", "a retired couple", "a baker",
       "a designer", "a man of 30", "a woman of 45", "a man in his fifties", "a woman of 27",
       "a doctor", "a couple", "a carpenter", "a programmer", "someone from the city",
       "a new customer", "a regular customer", "a gardener", "a lawyer", "a pensioner"]
EXTRA = ["reads our newsletter", "buys twice a year", "likes muted colours", "pays by card",
         "asks many questions", "orders online", "comes to the shop on Saturdays",
         "spends about 300 euros a year", "waits for the sale", "likes recycled material",
         "writes reviews", "found us through a friend"]

ASK = ["[Which|What] segment [fits|suits|is this|does this customer belong to]: {d}",
       "[Pick|Choose|Find|Name|Give me] [the|a|the right] [segment|customer segment] for this "
       "customer: {d}",
       "{D}. [Which|What] [segment|customer segment] [is that|is this|fits|would you pick|is it]",
       "[Customer|Description|Profile]: {d}. Segment?", "Segment for: {d}", "Segment: {d}",
       "Which customer segment is {d}", "What segment would you put {d} in",
       "[Classify|Segment|Sort] this customer: {d}", "[Assign|Match] a segment to this customer: "
       "{d}",
       "Our customer is {d}. [Which segment|What segment]",
       "Who is this: {d}. [Pick a segment|Give the segment]"]
ASK_NEW = ["In which of our customer groups would you file {d}?",
           "I met {d}. Tell me the segment."]
LIST_ASK = ["[Which|What] [segments|customer segments|customer groups] [do you have|are there|do "
            "you know]",
            "List [the|our|all] [segments|customer segments]", "Name the segments"]


def describe(dice, segment, new=False, rich=False):
    signs = SIGNS[segment][0] + (wordings.SIGNS[segment] * 2 if rich else [])
    sign = dice.pick(NEW_SIGNS[segment] if new else signs)
    parts = [sign]
    if dice.chance(60):
        parts.append(dice.pick(EXTRA))
    if dice.chance(30) and not new:
        parts.append(dice.pick([s for s in signs if s != sign]))
    if dice.chance(30):
        parts = parts[1:] + parts[:1]
    return expand(dice, dice.pick(WHO) + " who " + " and ".join(parts))


def request(dice, segment, new=False, rich=False):
    d = describe(dice, segment, new, rich)
    known = ASK + (wordings.SEGMENT_ASK if rich else [])
    ask = dice.pick(ASK_NEW if new and dice.chance(50) else known)
    return expand(dice, ask, d=d, D=sentence(d))


def answer(dice, segment):
    return expand(dice, "Segment: {s}. " + dice.pick(
        ["The sign is {r}.", "It is about {r}.", "The description speaks of {r}."]),
        s=segment, r=SIGNS[segment][1])
