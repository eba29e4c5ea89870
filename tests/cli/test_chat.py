#!/usr/bin/env python3
"""hence chat: from a pipe, and at a terminal (a pseudo-terminal here)."""

import json
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
import fcntl
import unittest

import program
from program import EXIT_FAILURE, EXIT_INTERRUPTED, HENCE, Program, golden_model

import gguf_io

TEMPLATE = ("{{ bos_token }}{% for m in messages %}<{{ m.role }}>{{ m.content }}\n{% endfor %}"
            "{% if add_generation_prompt %}<assistant>{% endif %}")
GREEDY = ["--temp", "0", "-t", "1"]


class Terminal:
    """The program behind a pseudo-terminal."""

    def __init__(self, *words, env=None):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.child = subprocess.Popen([HENCE, *map(str, words)], stdin=slave, stdout=slave,
                                      stderr=slave, start_new_session=True,
                                      preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
                                      env={**os.environ, "TERM": "xterm", **(env or {})})
        os.close(slave)
        self.text = ""

    def wait(self, pattern, seconds=30):
        """What comes until the pattern does, which is taken away."""
        end = time.monotonic() + seconds
        while not (found := re.search(pattern, self.text)):
            ready, _, _ = select.select([self.master], [], [], max(0, end - time.monotonic()))
            if not ready:
                raise AssertionError(f"no {pattern!r} in {self.text!r}")
            try:
                self.text += os.read(self.master, 65536).decode(errors="replace")
            except OSError:
                raise AssertionError(f"ended without {pattern!r}: {self.text!r}") from None
        before, self.text = self.text[:found.start()], self.text[found.end():]
        return before + found[0]

    def send(self, text):
        os.write(self.master, text.encode())

    def close(self):
        """The exit status, and what was still written."""
        end = time.monotonic() + 30
        while self.child.poll() is None and time.monotonic() < end:
            if select.select([self.master], [], [], 0.05)[0]:
                try:
                    self.text += os.read(self.master, 65536).decode(errors="replace")
                except OSError:
                    break
        self.child.wait(10)
        os.close(self.master)
        return self.child.returncode


class Chat(Program):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.bare = golden_model(cls.folder)
        meta, tensors = gguf_io.read_gguf(cls.bare)
        cls.model = cls.folder / "chat.gguf"
        # With a context so long that an answer can be stopped while it is written.
        meta = {**meta, "tokenizer.chat_template": TEMPLATE, "llama.context_length": 100000}
        gguf_io.write_gguf(cls.model, meta, tensors)
        vocabulary = json.loads(subprocess.run([HENCE, "inspect", "--json", "--quick", cls.model],
                                               stdout=subprocess.PIPE, check=True).stdout)
        vocabulary = vocabulary["vocabulary"]
        cls.bos = "" if vocabulary["adds_bos"] else vocabulary["bos"]["text"]
        cls.home = {"XDG_STATE_HOME": str(cls.folder / "state")}

    def prompt_text(self, *messages):
        return self.bos + "".join(f"<{role}>{text}\n" for role, text in messages) + "<assistant>"

    def answer(self, *messages, n=8):
        """What hence run says to the same prompt, written out by hand."""
        said = json.loads(self.good("run", "-m", self.model, *GREEDY, "-n", n, "--json", "--raw",
                                    stdin=self.prompt_text(*messages)))
        return said["text"]

    def test_run_takes_the_template_unless_raw(self):
        want = self.answer(("user", "Hello"))
        for words in [[], ["--chat"]]:
            said = json.loads(self.good("run", "-m", self.model, *GREEDY, "-n", 8, "--json", *words,
                                        "Hello"))
            self.assertEqual(said["text"], want)
        said = json.loads(self.good("run", "-m", self.model, *GREEDY, "-n", 8, "--json", "--system",
                                    "Be kind", "Hello"))
        self.assertEqual(said["text"], self.answer(("system", "Be kind"), ("user", "Hello")))
        # A model without a template goes on with the text, unless a template is wanted.
        raw = self.good("run", "-m", self.bare, *GREEDY, "-n", 8, "--raw", "Hello")
        self.assertEqual(self.good("run", "-m", self.bare, *GREEDY, "-n", 8, "Hello"), raw)
        self.bad(EXIT_FAILURE, "no chat template", "run", "-m", self.bare, "--chat", "Hello")

    def test_a_pipe_is_a_conversation(self):
        one = self.answer(("user", "Hello"))
        two = self.answer(("user", "Hello"), ("assistant", one), ("user", "And then?"))
        done = self.hence("chat", "-m", self.model, *GREEDY, "-n", 8, stdin="Hello\n\nAnd then?\n")
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        line = lambda text: text if text.endswith("\n") else text + "\n"
        self.assertEqual(done.stdout.decode(), line(one) + line(two))

    def test_commands(self):
        saved = self.folder / "talk.json"
        script = ["Hello", "/regen", "/set temp 0.5", "/set temp", "/system Be kind", "/undo",
                  "Hi", f"/save {saved}", "/clear", "/context", f"/load {saved}", "/context",
                  "/set", "/help", "/quit", "never"]
        done = self.hence("chat", "-m", self.model, *GREEDY, "-n", 4,
                          stdin="\n".join(script[:3] + script[4:]) + "\n")
        err = done.stderr.decode()
        self.assertEqual(done.returncode, 0, err)
        talk = json.loads(saved.read_text())
        self.assertEqual([m["role"] for m in talk], ["system", "user", "assistant"])
        self.assertEqual([m["content"] for m in talk[:2]], ["Be kind", "Hi"])
        self.assertRegex(err, r"a new conversation\n1 messages, \d+ of the context's")
        self.assertRegex(err, r"3 messages from .*\n3 messages, \d+ of")
        self.assertRegex(err, r"temp +0.5\n")
        self.assertIn("/regen", err)

    def test_what_is_wrong_ends_a_pipe(self):
        for line, says in [("/clera", "did you mean /clear"), ("/xyzzy", "/help lists them"),
                           ("/set tmep 1", "did you mean temp"), ("/set temp x", "temp: give a number"),
                           ("/set", None), ("/regen", "nothing to answer"), ("/undo", "take back"),
                           ("/load /nowhere", "No such file"), ("/save", "name a file"),
                           ("/save /nowhere/x", "/nowhere/x"), ("/set ignore-eos maybe", "on or off")]:
            if says:
                self.bad(EXIT_FAILURE, says, "chat", "-m", self.model, stdin=line + "\n")
        broken = self.write("broken.json", '[{"role": "user"}]')
        self.bad(EXIT_FAILURE, "message 1 has no role or content", "chat", "-m", self.model,
                 stdin=f"/load {broken}\n")
        self.bad(EXIT_FAILURE, "no chat template: give one with --template", "chat", "-m", self.bare)
        self.bad(EXIT_FAILURE, "/nowhere.jinja", "chat", "-m", self.bare, "--template",
                 "/nowhere.jinja")

    def test_a_conversation_that_fills_the_context(self):
        self.bad(EXIT_FAILURE, "too long for the context of 32 tokens: /undo", "chat", "-m",
                 self.model, "-c", 32, stdin="word " * 40 + "\n")

    def test_another_template(self):
        template = self.write("other.jinja", TEMPLATE)
        want = self.good("chat", "-m", self.model, *GREEDY, "-n", 8, stdin="Hello\n")
        self.assertEqual(self.good("chat", "-m", self.bare, "--template", template, *GREEDY, "-n", 8,
                                   stdin="Hello\n"), want)

    def test_messages_of_many_lines(self):
        saved = self.folder / "lines.json"
        self.good("chat", "-m", self.model, *GREEDY, "-n", 2,
                  stdin=f'a\\\nb\n"""c\nd\n\ne"""\n"""f"""\n/save {saved}\n')
        self.assertEqual([m["content"] for m in json.loads(saved.read_text())
                          if m["role"] == "user"], ["a\nb", "c\nd\n\ne", "f"])

    def test_ctrl_c_stops_the_answer_and_not_the_program(self):
        terminal = Terminal("chat", "-m", self.model, *GREEDY, "--ignore-eos", env=self.home)
        terminal.wait("Ctrl-D ends")
        terminal.wait("> ")
        terminal.send("Hello\r")
        terminal.wait("Hello\r\n")
        terminal.wait("(?s).{100}")  # longer than any echo: the answer is being written
        terminal.send("\x03")
        terminal.wait(r"\[\d+ tokens.*stopped\]")
        terminal.wait("> ")
        # In a line it takes the line back.
        terminal.send("half a li")
        terminal.wait("half a li")
        terminal.send("\x03")
        terminal.wait("> ")
        terminal.send("/context\r")
        self.assertIn("2 messages", terminal.wait(r"\d+ messages, "))
        terminal.wait("> ")
        terminal.send("\x04")
        self.assertEqual(terminal.close(), 0)

    def test_history_is_kept(self):
        for first in (True, False):
            terminal = Terminal("chat", "-m", self.model, *GREEDY, "-n", 2, env=self.home)
            terminal.wait("> ")
            terminal.send("a line to keep é\r" if first else "\x1b[A\x1b[A\r")
            terminal.wait("a line to keep é")
            terminal.wait(r"\[\d+ tokens")
            terminal.wait("> ")
            terminal.send("/quit\r")
            self.assertEqual(terminal.close(), 0)
        kept = self.folder / "state" / "hence" / "chat_history"
        self.assertEqual(kept.stat().st_mode & 0o777, 0o600)
        terminal = Terminal("chat", "-m", self.model, "--no-history", env=self.home)
        terminal.wait("> ")
        terminal.send("secret\r")
        terminal.wait(r"\[\d+ tokens")
        terminal.wait("> ")  # between lines the end of a file is not the editor's
        terminal.send("\x04")
        self.assertEqual(terminal.close(), 0)
        self.assertNotIn("secret", kept.read_text())

    def test_an_error_does_not_end_a_chat_at_a_terminal(self):
        terminal = Terminal("chat", "-m", self.model, *GREEDY, "-n", 2, env=self.home)
        terminal.wait("> ")
        terminal.send("/xyzzy\r")
        terminal.wait("there is no command /xyzzy")
        terminal.wait("> ")
        terminal.send("/quit\r")
        self.assertEqual(terminal.close(), 0)

    def test_ctrl_c_ends_a_pipe(self):
        child = subprocess.Popen([HENCE, "chat", "-m", str(self.model), *GREEDY, "--ignore-eos"],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE)
        child.stdin.write(b"Hello\n")
        child.stdin.flush()
        child.stdout.read(1)
        child.send_signal(2)
        _, err = child.communicate(timeout=60)
        self.assertEqual((child.returncode, err), (EXIT_INTERRUPTED, b"hence chat: stopped\n"))


if __name__ == "__main__":
    program.main()
