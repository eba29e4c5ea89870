#!/usr/bin/env python3
"""The shop's customers and their visits: made up, with a hidden structure that models may find.

Usage: customers.py --out DIR [--customers N] [--seed N]

Writes DIR/customers.csv (one row per customer: what a shop knows, and the segment), DIR/sessions.csv
(one row per event: session, customer, time, item, event) and DIR/truth.csv (what was hidden: read it
to check, never to train). The column `split` says train or held-out; a customer is wholly in one of
them. docs/starter-recommender.md describes the structure. Integers and dice.py alone decide, so that
the same seed gives the same bytes everywhere.
"""

import argparse
import collections
import csv
import datetime
import itertools
import json
import pathlib
from bisect import bisect_right

from catalogue import FILE, SEGMENTS
from dice import Dice, hash64

# How many of a hundred customers, and the months in which a segment goes out most.
SHARES = {"weekend hikers": 21, "families": 16, "alpinists": 8, "trail runners": 10,
          "bikepackers": 8, "paddlers": 7, "winter campers": 6, "commuters": 16,
          "ultralight hikers": 8}
SUMMER, WINTER, ALL_YEAR = (4, 5, 6, 7, 8), (11, 12, 1, 2), tuple(range(1, 13))
MONTHS = {"weekend hikers": (4, 5, 6, 9, 10), "families": SUMMER, "alpinists": (1, 2, 6, 7, 8),
          "trail runners": (3, 4, 5, 9, 10), "bikepackers": SUMMER, "paddlers": (5, 6, 7, 8),
          "winter campers": WINTER, "commuters": ALL_YEAR, "ultralight hikers": (2, 3, 4, 5, 6)}
NEIGHBOURS = {"weekend hikers": ["families", "ultralight hikers", "commuters"],
              "families": ["weekend hikers", "paddlers", "commuters"],
              "alpinists": ["winter campers", "weekend hikers", "ultralight hikers"],
              "trail runners": ["ultralight hikers", "commuters", "weekend hikers"],
              "bikepackers": ["commuters", "ultralight hikers", "paddlers"],
              "paddlers": ["families", "bikepackers", "weekend hikers"],
              "winter campers": ["alpinists", "ultralight hikers", "weekend hikers"],
              "commuters": ["trail runners", "families", "bikepackers"],
              "ultralight hikers": ["trail runners", "alpinists", "bikepackers"]}

# What is looked at one after the other, and who plans such a trip (weight by segment; others 1).
CHAINS = [
    (["tent", "sleeping bag", "sleeping mat", "camp pillow", "lantern"],
     {"weekend hikers": 8, "families": 10, "winter campers": 6}),
    (["tarp", "bivy bag", "sleeping mat", "backpack", "pocket knife"],
     {"ultralight hikers": 12, "bikepackers": 8}),
    (["stove", "cook set", "water filter", "water bottle", "thermos flask"],
     {"weekend hikers": 5, "ultralight hikers": 6, "bikepackers": 5, "winter campers": 5}),
    (["climbing rope", "climbing helmet", "ice axe", "gloves", "softshell"], {"alpinists": 16}),
    (["snowshoes", "gaiters", "down jacket", "beanie", "thermos flask"],
     {"winter campers": 14, "alpinists": 6}),
    (["trail shoes", "wool socks", "hip pack", "headlamp", "base layer"], {"trail runners": 16}),
    (["rain jacket", "daypack", "power bank", "water bottle", "gloves"],
     {"commuters": 16, "families": 4}),
    (["dry bag", "tarp", "hammock", "camp chair", "lantern"],
     {"paddlers": 16, "bikepackers": 4, "families": 4}),
    (["duffel bag", "fleece", "camp chair", "lantern", "hammock"], {"families": 10, "paddlers": 4}),
    (["hiking boots", "wool socks", "trekking poles", "hiking trousers", "gaiters"],
     {"weekend hikers": 12, "alpinists": 4, "ultralight hikers": 3}),
    (["power bank", "headlamp", "dry bag", "bivy bag", "pocket knife"], {"bikepackers": 14}),
    (["compass", "backpack", "trekking poles", "water filter", "fleece"],
     {"weekend hikers": 5, "ultralight hikers": 6}),
]
COLD = {"snowshoes", "ice axe"}  # what makes a chain one for the winter

POPULARITY = [30, 16, 10, 7, 5, 4, 3, 2]  # of a type's eight products, the best known first
NEARNESS = [12, 9, 5, 2, 1, 1, 1, 1]      # by the distance of a product's price rank from the purse
FIRST_YEAR = 2023
TODAY = datetime.date(2025, 1, 1)
DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]


class Shop:
    """The products, and how likely each is to be looked at by whom."""

    def __init__(self):
        self.items = [json.loads(line) for line in FILE.read_text().splitlines()]
        self.by_type = {}
        for item in self.items:
            self.by_type.setdefault(item["type"], []).append(item)
        for kind in self.by_type.values():
            for rank, item in enumerate(sorted(kind, key=lambda i: (i["price"], i["id"]))):
                item["price_rank"] = rank
            for rank, item in enumerate(sorted(kind, key=lambda i: hash64("known " + i["id"]))):
                item["popularity"] = POPULARITY[rank]
        for kind in self.by_type:
            boost = 1 + hash64("type " + kind) % 4
            for item in self.by_type[kind]:
                item["popularity"] *= boost
        self.everything = Choice([(i, i["popularity"]) for i in self.items])
        self.choices = {}

    def choice(self, pool, kind, segment, purse, cold):
        """The products of a type, or (None) those of the segment, as this customer sees them."""
        key = (kind, segment, purse, cold)
        if key not in self.choices:
            self.choices[key] = Choice([(i, weight(i, segment, purse, cold)) for i in pool])
        return self.choices[key]

    def of_type(self, kind, segment, purse, cold):
        return self.choice(self.by_type[kind], kind, segment, purse, cold)

    def of_segment(self, segment, purse, cold):
        pool = [i for i in self.items if i["segment"] == segment]
        return self.choice(pool, None, segment, purse, cold)


class Choice:
    """A draw among weighted members."""

    def __init__(self, pairs):
        self.members = [member for member, _ in pairs]
        self.sums = list(itertools.accumulate(w for _, w in pairs))

    def draw(self, dice):
        return self.members[bisect_right(self.sums, dice.below(self.sums[-1]))]


def weight(item, segment, purse, cold):
    season = {"winter": 6 if cold else 1, "summer": 1 if cold else 6}.get(item["season"], 3)
    liked = 8 if item["segment"] == segment else 1
    return item["popularity"] * liked * season * NEARNESS[abs(item["price_rank"] - purse)]


def make_customer(dice, number):
    segment = dice.weighted(list(SHARES.items()))
    return {
        "number": number, "segment": segment,
        "second": dice.pick(NEIGHBOURS[segment]),
        "pull": 10 + dice.below(31),  # of a hundred visits, those for the second interest
        "purse": min(7, max(0, dice.below(8) + dice.below(3) - 1)),
        "weekend": dice.below(35) + (35 if segment in ("weekend hikers", "families") else 15),
        "early": segment in ("trail runners", "commuters"),
        "visits": 2 + dice.below(4) + dice.below(4),
        "held_out": hash64("customer %d" % number) % 8 == 0,
    }


def make_time(dice, customer, segment):
    """(year, month, day, minute): the month leans to the segment's, the hour to the customer's."""
    month = dice.pick(MONTHS[segment]) if dice.chance(65) else 1 + dice.below(12)
    day = 1 + dice.below(DAYS[month - 1])
    hour = 6 + dice.below(4) if customer["early"] and dice.chance(60) else 8 + dice.below(15)
    return FIRST_YEAR + dice.below(2), month, day, hour * 60 + dice.below(60)


def make_session(dice, shop, customer):
    """A visit: a trip is planned; what belongs to it is looked at in its order, more or less."""
    segment = customer["second"] if dice.chance(customer["pull"]) else customer["segment"]
    time = make_time(dice, customer, segment)
    cold = time[1] in WINTER
    # Three times as likely in its season, when it has one.
    weights = [(chain, wanted.get(segment, 1) * (3 if cold == bool(COLD.intersection(chain)) else 1))
               for chain, wanted in CHAINS]
    chain = dice.weighted(weights)
    purse = customer["purse"]
    at = dice.below(2)
    seen, events = set(), []
    item = shop.of_type(chain[at], segment, purse, cold).draw(dice)
    for _ in range(3 + dice.below(4) + dice.below(5)):
        if item["id"] not in seen:
            seen.add(item["id"])
            events.append(item)
        step = dice.below(100)
        if step < 22:  # another of the same kind
            item = shop.of_type(item["type"], segment, purse, cold).draw(dice)
        elif step < 74:  # what comes next for the trip; behind its end another one begins
            at += 1
            if at == len(chain):
                chain, at = dice.weighted(weights), 0
            item = shop.of_type(chain[at], segment, purse, cold).draw(dice)
        elif step < 90:  # whatever people of this kind like
            item = shop.of_segment(segment, purse, cold).draw(dice)
        else:  # whatever everybody likes
            item = shop.everything.draw(dice)
    return time, [(i, kind_of_event(dice, i, at, len(events))) for at, i in enumerate(events)]


def kind_of_event(dice, item, at, n):
    """Most events are views; what comes late in a visit is more often bought."""
    late = 3 if at + 1 >= n - 1 else 1
    roll = dice.below(100)
    if item["stock"] and roll < 6 * late:
        return "purchase"
    return "cart" if roll < 12 * late else "view"


# The groups whose share of a customer's events is a column.
CATEGORIES = ["shelter", "sleep", "packs", "clothing", "footwear", "cooking", "light", "navigation",
              "tools", "mountain"]


def features(dice, customer, sessions):
    """What the shop knows of a customer. Empty: unknown. Shares are in per mille."""
    events = [(item, kind) for _, visit in sessions for item, kind in visit]
    bought = [item for item, kind in events if kind == "purchase"]
    n = len(events)
    row = {
        "age": "" if dice.chance(20) else age(dice, customer["segment"]),
        "newsletter": int(dice.chance(45)),
        "visits": len(sessions),
        "events_per_visit": 1000 * n // len(sessions),
        "orders": len(bought),
        "spend": sum(item["price"] for item in bought),
        "mean_price_viewed": sum(item["price"] for item, _ in events) // n,
        "mean_price_rank": 1000 * sum(item["price_rank"] for item, _ in events) // n,
        "mean_weight": sum(item["weight_g"] for item, _ in events) // n,
        "weekend_visits": 1000 * sum(dice.chance(customer["weekend"]) for _ in sessions)
        // len(sessions),
        "early_visits": 1000 * sum(time[3] < 600 for time, _ in sessions) // len(sessions),
        "cold_months": 1000 * sum(time[1] in WINTER for time, _ in sessions) // len(sessions),
        "main_device": "" if dice.chance(10) else dice.pick(["phone", "laptop", "tablet"]),
        "distance_km": "" if dice.chance(30) else 1 + dice.below(80) * (1 + dice.below(6)),
    }
    for name in CATEGORIES:
        row["share_" + name] = 1000 * sum(i["category"] == name for i, _ in events) // n
    row["share_waterproof"] = 1000 * sum(i["waterproof"] for i, _ in events) // n
    row["days_since_visit"] = (TODAY - datetime.date(*sessions[-1][0][:3])).days
    return row


def age(dice, segment):
    low, span = {"families": (30, 16), "trail runners": (22, 26), "commuters": (24, 38),
                 "alpinists": (24, 30)}.get(segment, (20, 52))
    return low + dice.below(span)


def told_segment(dice, customer):
    """The label: what the customer ticked in a survey; a few tick their second interest."""
    return customer["second"] if dice.chance(5) else customer["segment"]


def clock(time, later=0):
    year, month, day, minute = time
    minute += later
    return "%04d-%02d-%02dT%02d:%02d" % (year, month, day, minute // 60, minute % 60)


def make(customers, seed):
    """Yields (customer, features, label, [(time, [(item, kind)])])."""
    shop = Shop()
    for number in range(customers):
        dice = Dice("shop %d customer %d" % (seed, number))
        customer = make_customer(dice, number)
        sessions = sorted((make_session(dice, shop, customer)
                           for _ in range(customer["visits"])), key=lambda s: s[0])
        yield (customer, features(dice, customer, sessions), told_segment(dice, customer), sessions)


def read_visits(path, split):
    """Item ids of each customer's events, in order, and where each visit ends."""
    events, ends = collections.defaultdict(list), collections.defaultdict(list)
    last = None
    with open(path, newline="") as f:
        for row in csv.DictReader(f):
            if row["split"] != split:
                continue
            if last and last[0] != row["session"]:
                ends[last[1]].append(len(events[last[1]]))
            events[row["customer"]].append(row["item"])
            last = (row["session"], row["customer"])
    if last:
        ends[last[1]].append(len(events[last[1]]))
    return events, ends


def main():
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("--out", required=True, type=pathlib.Path)
    args.add_argument("--customers", type=int, default=8000)
    args.add_argument("--seed", type=int, default=1)
    args = args.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    with open(args.out / "customers.csv", "w", newline="") as people, \
            open(args.out / "sessions.csv", "w", newline="") as visits, \
            open(args.out / "truth.csv", "w", newline="") as hidden:
        table = None
        events = csv.writer(visits, lineterminator="\n")
        events.writerow(["session", "customer", "split", "time", "item", "event"])
        truth = csv.writer(hidden, lineterminator="\n")
        truth.writerow(["customer", "segment", "second", "pull", "purse"])
        number = 0
        for customer, row, label, sessions in make(args.customers, args.seed):
            name = "C%05d" % customer["number"]
            split = "held-out" if customer["held_out"] else "train"
            row = {"customer": name, "split": split, **row, "segment": label}
            if table is None:
                table = csv.DictWriter(people, list(row), lineterminator="\n")
                table.writeheader()
            table.writerow(row)
            truth.writerow([name] + [customer[k] for k in ("segment", "second", "pull", "purse")])
            for time, visit in sessions:
                for at, (item, kind) in enumerate(visit):
                    events.writerow(["V%06d" % number, name, split, clock(time, 2 * at),
                                     item["id"], kind])
                number += 1


assert set(SHARES) == set(MONTHS) == set(NEIGHBOURS) == set(SEGMENTS)
assert sum(SHARES.values()) == 100

if __name__ == "__main__":
    main()
