#!/usr/bin/env python3
"""Asks the starter model 200 held-out prompts and scores the answers by the rules of rules.py.

Usage: evaluate.py --hence PROGRAM [-m MODEL] [--few] [--verbose]
       evaluate.py --prompts       prints the prompts
       evaluate.py --self-check    the rules must pass the grammar's own answers, and fail others'

--few takes every ninth prompt; --json prints {"task": [right, asked], ...}.
"""

import argparse
import collections
import concurrent.futures
import dataclasses
import json
import pathlib
import subprocess
import sys

import catalogue
import conversations
import copywriting
import questions
import rules
import segments
import service
import tones
from dice import Dice
from phrases import expand, of_product

MODEL = pathlib.Path(__file__).resolve().parents[2] / "models" / "starter-chat.gguf"


@dataclasses.dataclass
class Prompt:
    task: str
    wording: str  # "known" patterns of the corpus, or "new"
    text: str
    score: object  # answer -> what is wrong with it
    right: str  # an answer of the grammar


def _copy(dice, shelf, task, i):
    """A combination of thing, tone and task that the corpus has not; one in three is a kind."""
    while True:
        thing = (copywriting.random_kind(dice, shelf.types) if i % 3 == 2
                 else of_product(dice.pick(shelf.core)))
        tone = dice.pick(list(tones.TONES))
        if copywriting.held_out(task, thing.label, tone):
            break
    new = i % 2 == 1
    text = copywriting.request(dice, task, thing, tone, new)
    rule = rules.subject if task == "subject" else rules.ad
    return Prompt("subject line" if task == "subject" else "advertisement",
                  "new" if new else "known", text, lambda a: rule(a, thing, tone),
                  copywriting.answer(dice, task, thing, tone))


def _question(dice, shelf, i):
    """A known wording of a question that was never asked of this product, or a new wording."""
    new = i % 2 == 1
    while True:
        thing, kind = of_product(dice.pick(shelf.core)), dice.pick(list(questions.KINDS))
        if new or questions.held_out(thing, kind):
            break
    return Prompt("product question", "new" if new else "known",
                  questions.ask(dice, thing, kind, new),
                  lambda a: rules.question(a, thing, kind), questions.reply(dice, thing, kind))


def _policies(dice, n):
    """New wordings only."""
    every = [(name, text) for name, topic in service.TOPICS.items() for text in topic.new]
    for name, text in dice.sample(every, n):
        yield Prompt("delivery and returns", "new",
                     expand(dice, text, c=dice.pick(service.COUNTRIES)),
                     lambda a, name=name: rules.policy(a, name),
                     dice.pick(service.TOPICS[name].answers))


def _segment(dice, i):
    """A sign that the corpus has not."""
    name = catalogue.SEGMENTS[i % len(catalogue.SEGMENTS)]
    return Prompt("segment", "new", segments.request(dice, name, new=True),
                  lambda a: rules.segment(a, name), segments.answer(dice, name))


def prompts():
    """The 200 prompts; every fourth is in small letters and without its last stop."""
    dice, shelf = Dice("evaluation"), conversations.Shelf(catalogue.load())
    out = [_copy(dice, shelf, "subject", i) for i in range(60)]
    out += [_copy(dice, shelf, "ad", i) for i in range(60)]
    out += [_question(dice, shelf, i) for i in range(40)]
    out += _policies(dice, 20)
    out += [_segment(dice, i) for i in range(20)]
    for p in out[::4]:
        p.text = p.text.lower().rstrip(".?! ")
    return out


def ask(hence, model, text):
    done = subprocess.run([hence, "run", "-m", model, "--chat", "-p", text, "-n", "150",
                           "--temp", "0", "-t", "1"], capture_output=True, check=False)
    if done.returncode:
        sys.exit(done.stderr.decode(errors="replace"))
    return done.stdout.decode(errors="replace").strip()


def self_check(todo):
    """The rules against answers that are right, and against the answer to another prompt."""
    bad = [(p.text, p.right, p.score(p.right)) for p in todo if p.score(p.right)]
    for text, answer, why in bad:
        print(f"{text}\n  {answer}\n  {'; '.join(why)}")
    passed = sum(not p.score(q.right) for p, q in zip(todo, todo[7:] + todo[:7]))
    print(f"{len(todo) - len(bad)} of {len(todo)} right answers pass, and {passed} wrong ones")
    return 1 if bad or passed > len(todo) // 20 else 0


def report(score, as_json):
    if as_json:
        print(json.dumps(score))
        return
    for name, (right, asked) in score.items():
        print(f"{name:<32} {right:>4} of {asked}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hence")
    parser.add_argument("-m", "--model", default=str(MODEL))
    for flag in ("few", "verbose", "json", "prompts", "self-check"):
        parser.add_argument("--" + flag, action="store_true")
    a = parser.parse_args()
    todo = prompts()
    if a.few:
        todo = todo[::9]
    if a.self_check:
        return self_check(todo)
    if a.prompts or not a.hence:
        print("\n".join(f"{p.task} ({p.wording}): {p.text}" for p in todo))
        return 0
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda p: ask(a.hence, a.model, p.text), todo))
    score = collections.defaultdict(lambda: [0, 0])
    for p, answer in zip(todo, answers):
        wrong = p.score(answer)
        for row in (p.task, f"{p.wording} wording", "all"):
            score[row][0] += not wrong
            score[row][1] += 1
        if a.verbose or (wrong and not a.json):
            print(f"{p.task}: {p.text}\n  {answer}\n  {'; '.join(wrong) or 'right'}")
    report(score, a.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
