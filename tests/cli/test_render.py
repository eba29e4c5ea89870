#!/usr/bin/env python3
"""hence render: prompts from templates, by file and by model."""

import json
import unittest

import program
from program import EXIT_FAILURE, EXIT_USAGE, Program, golden_model

CHAT = {"messages": [{"role": "user", "content": "Größe?"}], "add_generation_prompt": True,
        "bos_token": "<s>", "eos_token": "</s>", "extra": [1, 2.5, None]}
TEMPLATE = ("{{ bos_token }}{% for m in messages %}[{{ m.role }}] {{ m.content }}{{ eos_token }}\n"
            "{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}{{ extra | tojson }}\n\n")


class Render(Program):
    def test_file(self):
        path = self.write("chat.jinja", TEMPLATE)
        out = self.good("render", "--template", path, stdin=json.dumps(CHAT))
        self.assertEqual(out, "<s>[user] Größe?</s>\n[assistant][1, 2.5, null]\n")
        self.assertEqual(self.good("render", "--template", path, "-f",
                                   self.write("chat.json", json.dumps(CHAT))), out)

    def test_nothing_is_added(self):
        for text in ["", "a", "a\n\n", " \n"]:
            path = self.write("plain.jinja", text)
            want = text[:-1] if text.endswith("\n") else text
            self.assertEqual(self.good("render", "--template", path, stdin="{}"), want)

    def test_errors_say_where(self):
        for source, says in [("a\n{{ b.c }}", r"wrong\.jinja:2: 'b' is undefined"),
                             ("{% if %}", r"wrong\.jinja:1: expected an expression"),
                             ("\n{% for x in y %}", r"wrong\.jinja:2: Unexpected end of template"),
                             ("{{ raise_exception('two users') }}", r"wrong\.jinja:1: two users"),
                             (b"\xff", "byte 0 is no UTF-8")]:
            path = self.write("wrong.jinja", source)
            self.bad(EXIT_FAILURE, says, "render", "--template", path, stdin="{}")
        path = self.write("chat.jinja", TEMPLATE)
        self.bad(EXIT_FAILURE, "standard input", "render", "--template", path, stdin="{")
        self.bad(EXIT_FAILURE, "JSON object", "render", "--template", path, stdin="[]")
        self.bad(EXIT_FAILURE, "No such file", "render", "--template", "/nowhere", stdin="{}")
        self.bad(EXIT_USAGE, "give one of them", "render", "--template", path, "-m", path)

    def test_model(self):
        model = golden_model(self.folder)
        tokens = json.loads(self.good("inspect", "--json", model))["vocabulary"]
        chat = {key: CHAT[key] for key in ("messages", "add_generation_prompt")}
        self.bad(EXIT_FAILURE, "no chat template", "render", "-m", model, stdin=json.dumps(chat))
        twin = self.folder / "llama-hf"
        (twin / "chat_template.jinja").write_text(TEMPLATE)
        want = (f"{tokens['bos']['text']}[user] Größe?{tokens['eos']['text']}\n"
                "[assistant][1, 2.5, null]\n")
        self.assertEqual(self.good("render", "-m", twin,
                                   stdin=json.dumps({**chat, "extra": CHAT["extra"]})), want)
        self.assertIn("<b>", self.good("render", "-m", twin, stdin=json.dumps(
            {**chat, "bos_token": "<b>", "extra": []})))
        self.bad(EXIT_FAILURE, '"messages"', "render", "-m", twin, stdin="{}")


if __name__ == "__main__":
    program.main()
