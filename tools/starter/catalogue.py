#!/usr/bin/env python3
"""The catalogue of the outdoor shop: 320 products, made from the lists below.

Usage: catalogue.py --write     writes models/catalogue.jsonl
       catalogue.py --check     fails when that file is not what the lists give

One product per line. Fields: id; name, one word no other product has; type; category; plural (of
the type's word); price in euros; weight_g; material; waterproof; season; features, three; use;
segment, who it is for; stock, pieces; availability, which follows from stock; rating, of 5;
reviews, their number; year it came into the shop.
"""

import json
import pathlib
import sys

from dice import Dice

FILE = pathlib.Path(__file__).resolve().parents[2] / "models" / "catalogue.jsonl"

SEGMENTS = ["weekend hikers", "families", "alpinists", "trail runners", "bikepackers", "paddlers",
            "winter campers", "commuters", "ultralight hikers"]

AVAILABILITY = ["in stock", "low in stock", "sold out until next month"]

# One word each, and no word of any other list here.
NAMES = """
Kestrel Heron Plover Curlew Dunlin Merlin Osprey Buzzard Harrier Goshawk Linnet Siskin Brambling
Fieldfare Redwing Wheatear Stonechat Whinchat Dipper Wagtail Pipit Skylark Swift Martin Swallow
Nightjar Cuckoo Kittiwake Fulmar Gannet Petrel Shearwater Skua Razorbill Guillemot Puffin Eider
Teal Wigeon Pintail Gadwall Shoveler Pochard Goldeneye Merganser Grebe Diver Bittern Egret Spoonbill
Crane Corncrake Avocet Lapwing Godwit Whimbrel Sanderling Turnstone Knot Ruff Snipe Woodcock
Ptarmigan Capercaillie Partridge Raven Jackdaw Chough Magpie Nutcracker Waxwing Wren Dunnock
Robin Ouzel Thrush Warbler Firecrest Goldcrest Nuthatch Treecreeper Bunting Yellowhammer Crossbill
Ardennes Cairngorm Brocken Zugspitze Matterhorn Eiger Dolomite Carpathia Tatra Rhodope Pindus
Olympus Parnassus Etna Stromboli Vesuvius Apennine Jura Vosges Auvergne Pyrenees Sierra Andes
Aconcagua Denali Rainier Whitney Shasta Teton Sawtooth Uinta Ozark Catskill Adirondack Katahdin
Fundy Labrador Yukon Klondike Kodiak Aleutia Hudson Lofoten Svalbard Finnmark Dovre Rondane
Jotun Hardanger Sogne Geiranger Telemark Halden Skagen Jutland Gotland Oland Lapland Abisko
Sarek Kiruna Inari Karelia Saimaa Ladoga Baltic Biscay Hebrides Skye Islay Arran Orkney Shetland
Faroe Snowdon Cadair Brecon Dartmoor Exmoor Malvern Cotswold Pennine Helvellyn Scafell Ullswater
Windermere Coniston Wastwater Buttermere Tweed Severn Tamar Wye Tay Spey Dee Forth Liffey Shannon
Kerry Connemara Donegal Burren Moselle Neckar Isar Inn Adige Tagliamento Soca Drava Sava Neretva
Danube Tisza Vltava Elbe Oder Vistula Bug Neman Daugava Volga Kama Lena Yenisei Baikal Altai Pamir
Ladakh Zanskar Mustang Annapurna Langtang Makalu Lhotse Kailash Tashkent Samarkand Gobi Selenga
Alder Aspen Birch Hazel Rowan Juniper Larch Spruce Cedar Cypress Sequoia Hawthorn Blackthorn Elder
Willow Poplar Hornbeam Maple Linden Heather Bracken Gorse Broom Sorrel Yarrow Tansy Arnica Gentian
Edelweiss Campion Saxifrage Lichen Bilberry Cloudberry Cranberry Granite Basalt Gneiss Schist Flint
Obsidian Quartz Feldspar Garnet Topaz Jasper Agate Onyx Marble Travertine Zephyr Mistral Bora
Sirocco Levante Tramontana Chinook Passat Monsoon Harmattan Pampero Squall Gale Breeze Altair Vega
Deneb Sirius Rigel Procyon Capella Aldebaran Antares Arcturus Regulus Spica Pollux Castor Mizar
Polaris Lyra Cygnus Aquila Orion Andromeda Cassiopeia Pegasus Perseus Draco Corvus Boreas Solstice
Equinox Meridian Zenith Nadir Aurora Ember Cinder Drumlin Esker Moraine Corrie Tarnside Fjordland
""".split()

# type: (category, code, prices, grams, materials, waterproof in percent of the products, seasons,
# features, uses, segments). A type whose word is plural ends in s, but for those that are not.
TYPES = {
    "tent": ("shelter", "TN", (149, 599), (1100, 4800), ["ripstop nylon", "recycled polyester",
             "silnylon"], 100, ["three seasons", "all four seasons"],
             ["two doors", "a roomy porch", "colour-coded poles", "reflective guy lines",
              "a mesh inner tent", "a bathtub floor"],
             ["weekend hikes", "family trips", "long trails"],
             ["weekend hikers", "families", "ultralight hikers"]),
    "tarp": ("shelter", "TP", (39, 189), (250, 950), ["silnylon", "recycled polyester"], 100,
             ["three seasons"],
             ["eight tie-out loops", "reflective guy lines", "a stuff sack of its own",
              "catenary edges", "taped seams"],
             ["summer camps", "long trails", "bike tours"],
             ["bikepackers", "ultralight hikers", "weekend hikers"]),
    "hammock": ("shelter", "HM", (29, 179), (300, 1200), ["parachute nylon", "cotton canvas"], 0,
                ["summer"],
                ["tree-friendly straps", "a mosquito net", "a stuff sack of its own",
                 "room for two", "steel carabiners"],
                ["summer camps", "lazy afternoons", "bike tours"],
                ["weekend hikers", "families", "bikepackers"]),
    "bivy bag": ("shelter", "BV", (69, 299), (280, 900), ["ripstop nylon", "laminated polyester"],
                 100, ["three seasons", "all four seasons"],
                 ["taped seams", "a mosquito net", "a two-way zip", "a bathtub floor",
                  "a drawcord hood"],
                 ["summit days", "bike tours", "long trails"],
                 ["alpinists", "bikepackers", "ultralight hikers"]),
    "sleeping bag": ("sleep", "SB", (79, 449), (600, 1900), ["duck down", "hollow fibre"], 0,
                     ["summer", "three seasons", "winter"],
                     ["a draught collar", "a two-way zip", "a drawcord hood", "a wide footbox",
                      "an inner pocket", "a compression sack"],
                     ["winter camps", "summer camps", "long trails"],
                     ["winter campers", "weekend hikers", "families"]),
    "sleeping mat": ("sleep", "SM", (29, 199), (350, 1100), ["closed-cell foam", "ripstop nylon"],
                     0, ["summer", "three seasons", "winter"],
                     ["a non-slip surface", "a pump sack", "a repair kit", "raised edges",
                      "a flat valve"],
                     ["winter camps", "summer camps", "family trips"],
                     ["winter campers", "families", "ultralight hikers"]),
    "camp pillow": ("sleep", "CP", (14, 49), (70, 280), ["brushed polyester", "organic cotton"], 0,
                    ["all four seasons"],
                    ["a washable cover", "a flat valve", "a stuff sack of its own",
                     "a curved edge", "a non-slip surface"],
                    ["family trips", "summer camps", "long trails"],
                    ["families", "weekend hikers", "ultralight hikers"]),
    "backpack": ("packs", "BP", (89, 329), (900, 2400), ["ripstop nylon", "recycled polyester",
                 "waxed canvas"], 20, ["all four seasons"],
                 ["a ventilated back", "a rain cover", "a padded hip belt", "pole loops",
                  "a lid pocket", "compression straps"],
                 ["long trails", "weekend hikes", "summit days"],
                 ["weekend hikers", "ultralight hikers", "alpinists"]),
    "daypack": ("packs", "DP", (39, 149), (350, 950), ["recycled polyester", "waxed canvas"], 30,
                ["all four seasons"],
                ["a ventilated back", "a laptop sleeve", "a chest strap", "two bottle pockets",
                 "a key clip"],
                ["city commutes", "weekend hikes", "family trips"],
                ["commuters", "weekend hikers", "families"]),
    "duffel bag": ("packs", "DB", (49, 199), (700, 1700), ["laminated polyester", "waxed canvas"],
                   50, ["all four seasons"],
                   ["backpack straps", "a lockable zip", "end handles", "a shoe compartment",
                    "compression straps"],
                   ["family trips", "city commutes", "river trips"],
                   ["families", "commuters", "paddlers"]),
    "dry bag": ("packs", "DR", (14, 79), (80, 600), ["laminated polyester", "silnylon"], 100,
                ["all four seasons"],
                ["a roll-top closure", "welded seams", "a shoulder strap", "a clear window",
                 "lash loops"],
                ["river trips", "bike tours", "wet days"],
                ["paddlers", "bikepackers", "commuters"]),
    "hip pack": ("packs", "HP", (24, 89), (150, 450), ["ripstop nylon", "recycled polyester"], 30,
                 ["all four seasons"],
                 ["a bottle holder", "a key clip", "a stretch pocket", "a ventilated back",
                  "reflective trim"],
                 ["trail runs", "city commutes", "weekend hikes"],
                 ["trail runners", "commuters", "weekend hikers"]),
    "rain jacket": ("clothing", "RJ", (79, 389), (180, 620), ["recycled nylon",
                    "laminated polyester"], 100, ["three seasons", "all four seasons"],
                    ["taped seams", "pit zips", "an adjustable hood", "reflective trim",
                     "two hand pockets", "a storm flap"],
                    ["wet days", "city commutes", "summit days"],
                    ["commuters", "weekend hikers", "alpinists"]),
    "down jacket": ("clothing", "DJ", (129, 449), (250, 700), ["duck down", "goose down"], 0,
                    ["winter"],
                    ["an adjustable hood", "two hand pockets", "elastic cuffs", "an inner pocket",
                     "a stuff sack of its own"],
                    ["winter camps", "summit days", "cold mornings"],
                    ["winter campers", "alpinists", "commuters"]),
    "fleece": ("clothing", "FL", (39, 159), (220, 520), ["recycled polyester", "merino wool"], 0,
               ["three seasons", "winter"],
               ["thumb loops", "a chest pocket", "a high collar", "flat seams", "a full zip"],
               ["cold mornings", "weekend hikes", "family trips"],
               ["weekend hikers", "families", "commuters"]),
    "softshell": ("clothing", "SS", (79, 249), (300, 650), ["stretch polyester", "stretch nylon"],
                  0, ["three seasons", "winter"],
                  ["pit zips", "an adjustable hood", "two hand pockets", "elastic cuffs",
                   "reflective trim"],
                  ["bike tours", "summit days", "cold mornings"],
                  ["bikepackers", "alpinists", "trail runners"]),
    "base layer": ("clothing", "BL", (34, 119), (120, 300), ["merino wool", "recycled polyester"],
                   0, ["winter", "all four seasons"],
                   ["flat seams", "thumb loops", "a high collar", "a long back",
                    "an odour guard"],
                   ["winter camps", "trail runs", "summit days"],
                   ["winter campers", "trail runners", "alpinists"]),
    "hiking trousers": ("clothing", "HT", (59, 179), (260, 560), ["stretch nylon",
                        "organic cotton"], 0, ["summer", "three seasons"],
                        ["zip-off legs", "a gusseted crotch", "knee patches", "a matching belt",
                         "a zipped thigh pocket"],
                        ["weekend hikes", "long trails", "family trips"],
                        ["weekend hikers", "families", "ultralight hikers"]),
    "beanie": ("clothing", "BN", (14, 49), (40, 120), ["merino wool", "recycled polyester"], 0,
               ["winter"],
               ["a fleece lining", "a wide cuff", "flat seams", "reflective trim",
                "a ponytail hole"],
               ["cold mornings", "trail runs", "winter camps"],
               ["trail runners", "commuters", "winter campers"]),
    "gloves": ("clothing", "GL", (19, 129), (60, 280), ["merino wool", "goat leather",
               "stretch nylon"], 30, ["winter"],
               ["touchscreen fingertips", "a grippy palm", "wrist leashes", "long cuffs",
                "a fleece lining"],
               ["winter camps", "cold mornings", "summit days"],
               ["winter campers", "commuters", "alpinists"]),
    "hiking boots": ("footwear", "HB", (99, 329), (900, 1700), ["nubuck leather",
                     "recycled polyester"], 70, ["three seasons", "all four seasons"],
                     ["a grippy sole", "a padded ankle", "a rubber toe cap", "a wide toe box",
                      "replaceable soles"],
                     ["weekend hikes", "long trails", "wet days"],
                     ["weekend hikers", "alpinists", "families"]),
    "trail shoes": ("footwear", "TS", (79, 189), (420, 760), ["engineered mesh",
                    "recycled polyester"], 30, ["summer", "three seasons"],
                    ["a grippy sole", "a wide toe box", "quick laces", "a rock plate",
                     "reflective trim"],
                    ["trail runs", "long trails", "weekend hikes"],
                    ["trail runners", "ultralight hikers", "weekend hikers"]),
    "gaiters": ("footwear", "GA", (24, 89), (90, 340), ["ripstop nylon", "stretch nylon"], 60,
                ["all four seasons", "winter"],
                ["boot hooks", "an under-foot strap", "a front zip", "a drawcord top",
                 "scuff guards"],
                ["wet days", "winter camps", "trail runs"],
                ["winter campers", "trail runners", "alpinists"]),
    "wool socks": ("footwear", "WS", (12, 34), (50, 130), ["merino wool", "lambswool"], 0,
                   ["all four seasons", "winter"],
                   ["flat toe seams", "a cushioned heel", "a ribbed arch", "a mesh top",
                    "a lifetime darning offer"],
                   ["long trails", "cold mornings", "city commutes"],
                   ["weekend hikers", "commuters", "families"]),
    "stove": ("cooking", "ST", (29, 189), (75, 650), ["titanium", "stainless steel"], 0,
              ["all four seasons", "three seasons"],
              ["a piezo igniter", "folding legs", "a wind shield", "a simmer valve",
               "a heat exchanger"],
              ["summer camps", "winter camps", "long trails"],
              ["winter campers", "ultralight hikers", "bikepackers"]),
    "cook set": ("cooking", "CS", (24, 129), (250, 1200), ["titanium", "hard-anodised aluminium",
                 "stainless steel"], 0, ["all four seasons"],
                 ["folding handles", "a strainer lid", "a non-stick pan", "two nesting pots",
                  "measuring marks"],
                 ["family trips", "summer camps", "bike tours"],
                 ["families", "bikepackers", "weekend hikers"]),
    "water bottle": ("cooking", "WB", (9, 49), (90, 420), ["stainless steel", "copolyester",
                     "aluminium"], 0, ["all four seasons"],
                     ["a leakproof cap", "a wide mouth", "a carrying loop", "measuring marks",
                      "a bite valve"],
                     ["city commutes", "weekend hikes", "trail runs"],
                     ["commuters", "weekend hikers", "trail runners"]),
    "water filter": ("cooking", "WF", (29, 119), (60, 480), ["hollow fibre", "ceramic"], 0,
                     ["three seasons"],
                     ["a squeeze pouch", "a backflush syringe", "a bottle adapter",
                      "a carrying case", "a flow meter"],
                     ["long trails", "river trips", "summer camps"],
                     ["ultralight hikers", "paddlers", "weekend hikers"]),
    "thermos flask": ("cooking", "TF", (24, 69), (280, 720), ["stainless steel", "titanium"], 0,
                      ["winter", "all four seasons"],
                      ["a cup lid", "a leakproof cap", "a carrying loop", "a powder coating",
                       "a wide mouth"],
                      ["cold mornings", "winter camps", "city commutes"],
                      ["winter campers", "commuters", "families"]),
    "headlamp": ("light", "HL", (24, 129), (45, 190), ["recycled plastic", "aluminium"], 60,
                 ["all four seasons"],
                 ["a red light", "a lock switch", "a tilting head", "a washable strap",
                  "USB charging"],
                 ["night walks", "trail runs", "winter camps"],
                 ["trail runners", "winter campers", "alpinists"]),
    "lantern": ("light", "LN", (19, 89), (110, 620), ["recycled plastic", "aluminium"], 40,
                ["all four seasons"],
                ["a warm white mode", "a folding hook", "USB charging", "a dimmer wheel",
                 "a magnetic base"],
                ["family trips", "summer camps", "night walks"],
                ["families", "weekend hikers", "paddlers"]),
    "compass": ("navigation", "CM", (14, 89), (30, 130), ["acrylic glass", "brass"], 100,
                ["all four seasons"],
                ["a sighting mirror", "a declination scale", "glowing marks", "a neck cord",
                 "a clinometer"],
                ["night walks", "long trails", "summit days"],
                ["alpinists", "weekend hikers", "paddlers"]),
    "power bank": ("navigation", "PB", (29, 119), (150, 520), ["recycled plastic", "aluminium"],
                   40, ["all four seasons"],
                   ["two USB ports", "a solar panel", "a charge display", "a built-in torch",
                    "a rubber bumper"],
                   ["long trails", "bike tours", "city commutes"],
                   ["bikepackers", "commuters", "weekend hikers"]),
    "trekking poles": ("tools", "PL", (39, 179), (300, 620), ["carbon fibre", "aluminium"], 0,
                       ["all four seasons"],
                       ["cork grips", "folding shafts", "quick locks", "snow baskets",
                        "padded wrist straps"],
                       ["long trails", "summit days", "weekend hikes"],
                       ["weekend hikers", "ultralight hikers", "alpinists"]),
    "pocket knife": ("tools", "KN", (19, 99), (40, 210), ["stainless steel", "carbon steel"], 0,
                     ["all four seasons"],
                     ["a locking blade", "an olive wood handle", "a corkscrew", "small scissors",
                      "a belt clip"],
                     ["summer camps", "family trips", "river trips"],
                     ["families", "paddlers", "weekend hikers"]),
    "camp chair": ("tools", "CC", (29, 139), (480, 2900), ["aluminium", "beech wood"], 0,
                   ["summer"],
                   ["a cup holder", "a high back", "wide feet", "a carrying case",
                    "a side pocket"],
                   ["family trips", "lazy afternoons", "summer camps"],
                   ["families", "paddlers", "weekend hikers"]),
    "snowshoes": ("mountain", "SN", (99, 299), (1300, 2200), ["aluminium", "recycled plastic"],
                  0, ["winter"],
                  ["heel lifts", "steel crampons", "ratchet bindings", "side rails",
                   "a carrying case"],
                  ["winter camps", "summit days", "snow walks"],
                  ["winter campers", "alpinists", "families"]),
    "ice axe": ("mountain", "IA", (69, 219), (280, 560), ["aluminium", "carbon steel"], 0,
                ["winter"],
                ["a curved shaft", "a rubber grip", "a hammer head", "a hand rest",
                 "pick and spike guards"],
                ["summit days", "snow walks", "ice routes"],
                ["alpinists", "winter campers"]),
    "climbing rope": ("mountain", "CR", (89, 259), (2400, 4300), ["braided nylon", "aramid fibre"],
                      60, ["all four seasons"],
                      ["a middle mark", "a dry treatment", "a rope bag", "thin strands",
                       "marked ends"],
                      ["rock routes", "ice routes", "summit days"],
                      ["alpinists"]),
    "climbing helmet": ("mountain", "CH", (49, 139), (190, 420), ["moulded foam", "ABS shell"], 0,
                        ["all four seasons"],
                        ["headlamp clips", "side vents", "a turning dial", "a magnetic buckle",
                         "a washable pad"],
                        ["rock routes", "ice routes", "summit days"],
                        ["alpinists", "weekend hikers"]),
}

PER_TYPE = 8
CORE_PER_TYPE = 3
PLURALS = {"hiking trousers", "gloves", "hiking boots", "trail shoes", "gaiters", "wool socks",
           "trekking poles", "snowshoes"}


def _spread(dice, low, high, step):
    """Eight different values from low to high, in steps, in random order."""
    width = (high - low) / PER_TYPE
    values = [low + width * i + dice.below(max(1, int(width * 0.7))) for i in range(PER_TYPE)]
    return dice.shuffle([max(step, round(v / step) * step) for v in values])


def _price(value):
    """Prices end in 4 or 9."""
    return int(value) // 5 * 5 + 4


def _products_of(type_name, names):
    (category, code, prices, grams, materials, waterproof, seasons, features, uses,
     segments) = TYPES[type_name]
    dice = Dice(f"catalogue {type_name}")
    prices = [_price(p) for p in _spread(dice, prices[0], prices[1], 1)]
    grams = _spread(dice, grams[0], grams[1], 100 if grams[0] >= 900 else 10)
    for i, name in enumerate(names):
        stock = dice.weighted([(0, 2), (1 + dice.below(9), 2), (10 + dice.below(190), 6)])
        yield {
            "id": f"{code}-{101 + i}", "name": name, "type": type_name, "category": category,
            "plural": type_name in PLURALS, "price": prices[i], "weight_g": grams[i],
            "material": dice.pick(materials), "waterproof": dice.chance(waterproof),
            "season": dice.pick(seasons), "features": dice.sample(features, 3),
            "use": dice.pick(uses), "segment": dice.pick(segments), "stock": stock,
            "availability": AVAILABILITY[0 if stock >= 10 else 1 if stock else 2],
            "rating": round(3.2 + dice.below(18) / 10, 1), "reviews": 3 + dice.below(900),
            "year": 2016 + dice.below(9)}


def make():
    """All products, as dictionaries, in the order of the file."""
    names = Dice("names").shuffle(NAMES)
    out = []
    for i, type_name in enumerate(TYPES):
        out += _products_of(type_name, names[i * PER_TYPE:(i + 1) * PER_TYPE])
    return out


def text():
    return "".join(json.dumps(p) + "\n" for p in make())


def load():
    return [json.loads(line) for line in FILE.read_text().splitlines()]


def core(products):
    """The three products of each type that the starter model knows: the cheapest, the lightest,
    and the first others. A model of its size could not keep the facts of all."""
    out = []
    for name in TYPES:
        mine = [p for p in products if p["type"] == name]
        first = [min(mine, key=lambda p: (p["price"], p["id"])),
                 min(mine, key=lambda p: (p["weight_g"], p["id"]))]
        chosen = {p["id"]: p for p in first + mine}
        out += sorted(list(chosen.values())[:CORE_PER_TYPE], key=lambda p: p["id"])
    return out


def problems():
    """What is wrong with the lists, as texts."""
    out = [f"{n} is there twice" for n in sorted({n for n in NAMES if NAMES.count(n) > 1})]
    if len(NAMES) < PER_TYPE * len(TYPES):
        out.append(f"{len(NAMES)} names for {PER_TYPE * len(TYPES)} products")
    for category, _, _, _, _, _, _, _, _, segments in TYPES.values():
        out += [f"{category}: no segment {s}" for s in segments if s not in SEGMENTS]
    return out


def main():
    bad = problems()
    if sys.argv[1:] == ["--write"] and not bad:
        FILE.write_text(text())
    elif sys.argv[1:] == ["--check"]:
        if not bad and FILE.read_text() != text():
            bad = [f"{FILE.name} is not what catalogue.py makes; run catalogue.py --write"]
    elif not bad:
        sys.exit(__doc__)
    if bad:
        sys.exit("\n".join(bad))


if __name__ == "__main__":
    main()
