#!/usr/bin/env python3
"""Answers under JSON schemas, judged by ajv: for each schema of schemas.jsonl and for random ones, texts
are drawn under the masks as if the model knew nothing, and every one has to satisfy its schema.
Usage: test_schemas.py GRAMMAR_TOOL [RANDOM_SCHEMAS]."""

import json
import pathlib
import random
import subprocess
import sys

import packages

HERE = pathlib.Path(__file__).resolve().parent
STARTER = HERE.parents[1] / "models" / "starter-chat.gguf"
TEXTS = 3


def lines(name):
    return [json.loads(line) for line in (HERE / name).read_text(encoding="utf-8").splitlines()]


class Maker:
    """Random schemas of keywords that can be kept."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.names = 0

    def maybe(self, chance=0.5):
        return self.random.random() < chance

    def name(self):
        self.names += 1
        return self.random.choice(["id", "name", "x-y", "ключ", "a b", "q\"q", "value"]) + str(self.names)

    def schema(self, depth=0):
        kinds = [self.string, self.number, self.integer, self.fixed, self.simple]
        if depth < 4:
            kinds += [self.object, self.object, self.array, self.array, self.any_of, self.all_of, self.one_of]
        made = self.random.choice(kinds)(depth)
        if self.maybe(0.1):
            made["description"] = "made at random"
        return made

    def simple(self, _depth):
        return {"type": self.random.choice(["boolean", "null", "string", "integer", "number",
                                            ["string", "null"], ["boolean", "integer"]])}

    def string(self, _depth):
        made = {"type": "string"}
        if self.maybe(0.3):
            made["pattern"] = self.random.choice(
                ["^[a-z]+$", "^\\d{2,5}$", "^(ab|cd)*$", "x", "^[^a]*$", "^\\w+( \\w+)?$", "^.é$|^\"+$"])
        elif self.maybe(0.3):
            made["format"] = self.random.choice(
                ["date", "time", "date-time", "uuid", "email", "ipv4", "ipv6", "hostname", "uri", "duration"])
            return made
        if self.maybe(0.4):
            made["maxLength"] = self.random.randint(5, 40)
        if self.maybe(0.3):
            made["minLength"] = self.random.randint(0, 5)
        return made

    def bounds(self, made, numbers):
        low, high = sorted(numbers)
        if low == high:
            high += 1
        if self.maybe(0.6):
            made[self.random.choice(["minimum", "exclusiveMinimum"])] = low
        if self.maybe(0.6):
            made[self.random.choice(["maximum", "exclusiveMaximum"])] = high + 1
        return made

    def integer(self, _depth):
        top = 10 ** self.random.randint(1, 12)
        return self.bounds({"type": "integer"}, [self.random.randint(-top, top) for _ in range(2)])

    def number(self, _depth):
        top = 10 ** self.random.randint(0, 6)
        places = self.random.randint(0, 6)
        made = self.bounds({"type": "number"},
                           [round(self.random.uniform(-top, top), places) for _ in range(2)])
        if self.maybe(0.2):
            made["multipleOf"] = self.random.choice([1, 0.1, 0.01])
        return made

    def value(self, depth=0):
        return self.random.choice([None, True, 3, -2.5, "text", "é\"\\", [1, "a"][:depth + 2], {"k": [None]}])

    def fixed(self, _depth):
        if self.maybe():
            return {"const": self.value()}
        return {"enum": [self.value() for _ in range(self.random.randint(1, 4))]}

    def array(self, depth):
        made = {"type": "array"}
        least = self.random.randint(0, 2)
        if self.maybe(0.3):
            made["prefixItems"] = [self.schema(depth + 1) for _ in range(self.random.randint(1, 3))]
        if self.maybe(0.8):
            made["items"] = self.maybe(0.8) and self.schema(depth + 1)
        if made.get("items") is not False:
            made["minItems"] = least
        if self.maybe(0.6):
            made["maxItems"] = least + self.random.randint(0, 3)
        return made

    def object(self, depth):
        names = [self.name() for _ in range(self.random.randint(0, 5))]
        made = {"type": "object", "properties": {name: self.schema(depth + 1) for name in names}}
        made["required"] = [name for name in names if self.maybe()]
        if self.maybe(0.5):
            made["additionalProperties"] = self.random.choice([False, False, True, {"type": "integer"}])
        return made

    def any_of(self, depth):
        return {"anyOf": [self.schema(depth + 1) for _ in range(self.random.randint(1, 3))]}

    def one_of(self, depth):
        tag = self.name()
        return {"oneOf": [
            {"type": "object", "properties": {tag: {"const": i}, "v": self.schema(depth + 1)},
             "required": [tag]} for i in range(self.random.randint(1, 3))]}

    def all_of(self, depth):
        made = self.object(depth)
        more = self.object(depth)
        made.pop("additionalProperties", None)
        return {"allOf": [made, more]} if self.maybe() else {**made, "allOf": [more]}


def generate(tool, schemas):
    """The tool's answer to each schema: texts, or why not."""
    asked = "".join(json.dumps(schema) + "\n" for schema in schemas)
    done = subprocess.run([tool, STARTER, str(TEXTS)], input=asked, text=True, check=False,
                          stdout=subprocess.PIPE, timeout=280)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0 and len(answers) == len(schemas), (done.returncode, len(answers))
    return answers


def validate(pairs):
    asked = "".join(json.dumps({"schema": schema, "texts": texts}) + "\n" for schema, texts in pairs)
    done = subprocess.run(["node", HERE / "validate.mjs"], input=asked, text=True, check=False,
                          stdout=subprocess.PIPE)
    if done.returncode:
        print(done.stdout)
        return 0, 1
    *complaints, last = done.stdout.splitlines()
    print("\n".join(complaints[:60]))
    count = json.loads(last)
    return count["valid"], count["invalid"]


def check_refusals(tool):
    cases = lines("refusals.jsonl")
    bad = 0
    for (word, schema), answer in zip(cases, generate(tool, [schema for _, schema in cases])):
        if not isinstance(answer, str) or word not in answer:
            print(f"{json.dumps(schema)}\n  lacks {word!r}: {answer}")
            bad += 1
    return len(cases) - bad, bad


def main():
    packages.install()
    tool, n = sys.argv[1], int(sys.argv[2])
    passed, failed = check_refusals(tool)
    known = lines("schemas.jsonl")
    made = [Maker(seed).schema() for seed in range(n)]
    pairs, unfinished, refused = [], 0, []
    for i, (schema, answer) in enumerate(zip(known + made, generate(tool, known + made))):
        if isinstance(answer, str):
            # What is made at random may ask for what cannot be.
            if i < len(known) or "no text can match" not in answer:
                print(f"{json.dumps(schema)}\n  refused: {answer}")
                failed += 1
            refused.append(schema)
        else:
            texts = [text for text in answer if text is not None]
            unfinished += len(answer) - len(texts)
            pairs.append((schema, texts))
    valid, invalid = validate(pairs)
    print(f"{len(pairs)} schemas, {valid} texts valid, {invalid} not, {unfinished} without an end, "
          f"{len(refused)} schemas that nothing satisfies")
    if unfinished * 10 > valid:
        failed += 1
    print(f"{passed + valid} passed, {failed + invalid} failed")
    return 1 if failed or invalid else 0


sys.exit(main())
