#!/usr/bin/env python3
"""The corpus: conversations of a customer or colleague with the shop's assistant.

Usage: conversations.py [N [FIRST]]     prints N (20) conversations of the corpus, from number
                                        FIRST (0) on
"""

import sys

import catalogue
import copywriting
import questions
import segments
import service
import smalltalk
import tones
import wordings
from dice import Dice
from phrases import article, expand, of_product

# What a turn may be, and how often. Questions about products are many since each fact must be
# met often enough to be remembered.
TURNS = [("subject", 20), ("ad", 17), ("question", 27), ("superlative", 5), ("service", 12),
         ("segment", 5), ("smalltalk", 5), ("off topic", 5), ("unknown", 2)]
RICH_TURNS = [("subject", 19), ("ad", 17), ("question", 27), ("superlative", 4), ("service", 15),
              ("segment", 9), ("smalltalk", 4), ("off topic", 5), ("unknown", 2)]
QUESTION_KINDS = [("price", 6), ("weight", 5), ("material", 3), ("waterproof", 3), ("use", 2),
                  ("features", 4), ("season", 2), ("availability", 3), ("segment", 2),
                  ("overview", 4)]

# Conversations from this one on are of the second lesson, which has more wordings (wordings.py).
SECOND_LESSON = 1_000_000

# Ways of people who type quickly: neighbours on the keyboard are not needed, only the habit.
_PREFIX = ["Hi, ", "Hello, ", "Hey, ", "Please: ", "Ok, ", "Good morning, ", "So, ", "And "]
_SUFFIX = [" Thanks!", " please", ", please", " thanks", " Thank you."]


def _typo(dice, text):
    at = dice.below(len(text))
    if not text[at].isalpha():
        return text
    roll = dice.below(3)
    if roll == 0:
        return text[:at] + text[at + 1:]
    if roll == 1:
        return text[:at] + text[at] + text[at:]
    return text[:at] + text[at + 1:at + 2] + text[at] + text[at + 2:]


def casually(dice, text):
    """A user's words with the habits of typing: no capitals, no full stop, a slip, a courtesy."""
    if dice.chance(6):
        text = dice.pick(_PREFIX) + text[0].lower() + text[1:]
    elif dice.chance(6):
        text = text.rstrip(".") + dice.pick(_SUFFIX)
    if dice.chance(25):
        text = text.lower()
    if dice.chance(20):
        text = text.rstrip("?.! ") or text
    if dice.chance(6) and len(text) > 12:
        text = _typo(dice, text)
    return text


class Shelf:
    """The catalogue as the corpus uses it."""

    def __init__(self, products):
        self.core = catalogue.core(products)
        self.types = list({p["type"]: p for p in products}.values())
        known = {p["id"] for p in self.core}
        self.strangers = [p["name"] for p in products if p["id"] not in known]
        self.of_type, self.core_of_type = (
            {t["type"]: [p for p in some if p["type"] == t["type"]] for t in self.types}
            for some in (products, self.core))


class Speaker:
    """Makes turns; remembers the thing and the task that the talk is about."""

    def __init__(self, dice, shelf, rich=False):
        self.dice, self.shelf, self.rich = dice, shelf, rich
        self.thing = self.task = self.tone = None

    def turn(self):
        """(user's words, answer)"""
        if self.thing and self.dice.chance(45):
            return self._follow_up()
        kind = self.dice.weighted(RICH_TURNS if self.rich else TURNS)
        return getattr(self, "_" + kind.replace(" ", "_"))()

    def _copy(self, task):
        self.thing, self.tone = copywriting.training_combination(self.dice, task, self.shelf,
                                                                 self.rich)
        self.task = task
        return (copywriting.request(self.dice, task, self.thing, self.tone, rich=self.rich),
                copywriting.answer(self.dice, task, self.thing, self.tone, self.rich))

    def _subject(self):
        return self._copy("subject")

    def _ad(self):
        return self._copy("ad")

    def _question(self):
        kind = self.dice.weighted(QUESTION_KINDS)
        while True:
            thing = of_product(self.dice.pick(self.shelf.core))
            if not questions.held_out(thing, kind):
                break
        self.thing, self.task = thing, None
        return (questions.ask(self.dice, thing, kind, rich=self.rich),
                questions.reply(self.dice, thing, kind))

    def _superlative(self):
        kind = self.dice.pick(list(questions.SUPERLATIVES))
        name = self.dice.pick(self.shelf.types)["type"]
        shelf = self.shelf.core_of_type if kind == "list" else self.shelf.of_type
        return questions.superlative(self.dice, shelf[name], kind)

    def _service(self):
        name = self.dice.pick(list(service.TOPICS))
        topic = service.TOPICS[name]
        known = topic.questions
        if self.rich and self.dice.chance(70):
            known = wordings.SERVICE[name]
        text = expand(self.dice, self.dice.pick(known) + "[?|?|]",
                      c=self.dice.pick(service.COUNTRIES))
        return text, self.dice.pick(topic.answers)

    def _segment(self):
        if self.dice.chance(6):
            return (expand(self.dice, self.dice.pick(segments.LIST_ASK)),
                    "Our segments are " + ", ".join(catalogue.SEGMENTS) + ".")
        segment = self.dice.pick(catalogue.SEGMENTS)
        return (segments.request(self.dice, segment, rich=self.rich),
                segments.answer(self.dice, segment))

    def _smalltalk(self):
        asks, answers = self.dice.weighted([
            (smalltalk.GREETING, 3), (smalltalk.THANKS, 2), (smalltalk.BYE, 1),
            (smalltalk.ABILITY, 3)])
        return self.dice.pick(asks) + self.dice.pick(["", "", "?", ".", "!"]), \
            self.dice.pick(answers)

    def _off_topic(self):
        d = self.dice
        known = smalltalk.OFF_TOPIC + (wordings.OFF_TOPIC if self.rich else [])
        text = expand(d, d.pick(known) + "[?||]", place=d.pick(smalltalk.PLACES_OFF),
                      off=d.pick(smalltalk.SUBJECTS_OFF), n=d.below(100), m=d.below(100),
                      lang=d.pick(smalltalk.LANGUAGES), food=d.pick(smalltalk.FOODS))
        return text, d.pick(smalltalk.OFF_ANSWERS)

    def _unknown(self):
        """A question about a product that the model does not know."""
        thing = copywriting.stranger(self.dice, self.shelf.types, self.shelf.strangers)
        return (questions.ask_stranger(self.dice, thing, self.rich),
                questions.unknown_reply(self.dice, thing))

    def _follow_up(self):
        """What people say next about the same thing."""
        if self.task and self.dice.chance(50):
            return self._again()
        if self.thing.product and self.dice.chance(65):
            kind = self.dice.weighted(QUESTION_KINDS)
            return (questions.ask_again(self.dice, self.thing, kind),
                    questions.reply(self.dice, self.thing, kind))
        other = "ad" if self.task == "subject" else "subject"
        tone = self.tone or tones.DEFAULT
        if not self.task or copywriting.held_out(other, self.thing.label, tone):
            return self._smalltalk()
        self.task = other
        what = "[an ad|ad copy|an advert]" if other == "ad" else "[a|the] subject line"
        text = expand(self.dice, self.dice.pick([
            "And " + what + " for {it}", "Now " + what, "Now write " + what + " for {it}",
            "And " + what, what + " too, please", "Can you also write " + what]),
            it="them" if self.thing.plural else "it")
        return (text[0].upper() + text[1:],
                copywriting.answer(self.dice, other, self.thing, self.tone, self.rich))

    def _again(self):
        """The same text in another tone, or another one in the same."""
        tone = self.dice.pick(list(tones.TONES))
        if self.dice.chance(25) or copywriting.held_out(self.task, self.thing.label, tone):
            text = expand(self.dice, "[Another one|One more|Another|Give me another one|Try again|"
                          "Again|Another version|Something else]")
        else:
            self.tone = tone
            t = self.dice.pick(tones.TONES[tone].names)
            how = self.dice.pick(["[Make it|Now|Now make it|More|Make it more|And|Try it] {t}",
                                  "[Now|And|The same|Once more|Again] in {a_t} [tone|voice]"])
            text = expand(self.dice, how + "[| please|, please]", t=t, a_t=article(t))
        return text, copywriting.answer(self.dice, self.task, self.thing, self.tone, self.rich)


def conversation(seed, shelf):
    """The messages of conversation `seed` of the corpus; see SECOND_LESSON."""
    dice = Dice(f"conversation {seed}")
    out = []
    if dice.chance(30):
        out.append({"role": "system", "content": dice.pick(smalltalk.SYSTEMS)})
    speaker = Speaker(dice, shelf, rich=seed >= SECOND_LESSON)
    turns = dice.weighted([(1, 44), (2, 24), (3, 14), (4, 9), (6, 6), (10, 3)])
    for _ in range(turns):
        user, assistant = speaker.turn()
        out.append({"role": "user", "content": casually(dice, user)})
        out.append({"role": "assistant", "content": assistant})
    return out


def main():
    shelf = Shelf(catalogue.load())
    n, first = [int(x) for x in sys.argv[1:3]] + [20, 0][len(sys.argv) - 1:]
    for i in range(first, first + n):
        for m in conversation(i, shelf):
            print(f"{m['role']:>9}: {m['content']}")
        print()


if __name__ == "__main__":
    main()
