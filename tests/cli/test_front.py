#!/usr/bin/env python3
"""The program itself: help, version, wrong words, wrong files."""

import os
import re
import subprocess
import unittest

import program
from program import EXIT_FAILURE, EXIT_USAGE, HENCE, Program

COMMANDS = re.findall(r"^  ([a-z]+)  ", subprocess.run(
    [HENCE, "--help"], stdout=subprocess.PIPE, text=True, check=True).stdout, re.M)


class Front(Program):
    def test_help_lists_the_commands_and_each_explains_itself(self):
        self.assertIn("tokenize", COMMANDS)
        self.assertEqual(self.good("--help"), self.good("help"))
        for command in COMMANDS:
            with self.subTest(command):
                text = self.good(command, "--help")
                self.assertTrue(text.startswith(f"usage: hence {command} "), text)
                self.assertEqual(text, self.good("help", command))
                self.assertEqual(text, self.good(command, "-h"))
                self.assertLessEqual(max(map(len, text.splitlines())), 90)

    def test_version(self):
        self.assertRegex(self.good("--version"), r"\Ahence \d+\.\d+\.\d+\n")

    def test_no_word_is_wrong_use(self):
        self.bad(EXIT_USAGE, "usage: hence COMMAND")

    def test_unknown_commands_and_options_get_a_suggestion(self):
        self.bad(EXIT_USAGE, "no command tokenise; did you mean tokenize", "tokenise")
        self.bad(EXIT_USAGE, "no command xyzzy; hence --help", "xyzzy")
        self.bad(EXIT_USAGE, "no command xyzzy", "help", "xyzzy")
        self.bad(EXIT_USAGE, "no option --detokenise.*did you mean --detokenize", "tokenize",
                 "--detokenise")
        self.bad(EXIT_USAGE, "no option -Q", "tokenize", "-Q")

    def test_values_are_checked(self):
        self.bad(EXIT_USAGE, "--model wants a value, PATH", "tokenize", "--model")
        self.bad(EXIT_USAGE, "-m wants a value, PATH", "tokenize", "-m")
        self.bad(EXIT_USAGE, "--ids takes no value", "tokenize", "--ids=3")
        for value in ["0", "257", "-1", "x", "1x", "", "1e3", "99999999999999999999"]:
            self.bad(EXIT_USAGE, "give a number from 1 to 256", "quantize", "-t", value, "a", "b",
                     "Q8_0")
        self.bad(EXIT_USAGE, "one word too many: extra", "tokenize", "extra")

    def test_a_file_that_is_no_model(self):
        garbage = self.write("garbage.gguf", b"GGUF" + bytes(range(256)))
        text = self.write("text.gguf", "this is no model")
        empty = self.write("empty.gguf", b"")
        folder = self.folder / "folder"
        folder.mkdir()
        for command in ["tokenize", "inspect", "run", "chat", "perplexity", "bench"]:
            if command not in COMMANDS:
                continue
            for path in [garbage, text, empty, folder]:
                with self.subTest(command=command, path=path.name):
                    words = ["-f", text] if command == "perplexity" else []
                    self.bad(EXIT_FAILURE, re.escape(str(path)), command, "-m", path, *words)
            with self.subTest(command=command):
                words = ["-f", text] if command == "perplexity" else []
                self.bad(EXIT_FAILURE, "/nowhere.gguf: .*No such file", command, "-m",
                         "/nowhere.gguf", *words)

    def test_closed_streams(self):
        model = program.golden_model(self.folder)
        logits = self.folder / "logits.npy"
        words = ["run", "-m", model, "--raw", "-p", "a", "-n", "2", "--logits-out", logits]
        def closed(fd):
            return subprocess.run([HENCE, *map(str, words)], stdin=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE if fd != 2 else None, check=False,
                                  stdout=subprocess.DEVNULL, preexec_fn=lambda: os.close(fd))
        done = closed(1)
        self.assertEqual(done.returncode, EXIT_FAILURE)
        self.assertIn(b"cannot write", done.stderr)
        self.assertFalse(logits.exists())
        self.assertEqual(closed(0).returncode, 0)
        self.assertEqual(closed(2).returncode, 0)
        self.assertEqual(logits.read_bytes()[:6], b"\x93NUMPY")

    def test_a_reader_that_goes_away_ends_the_program(self):
        model = program.golden_model(self.folder)
        reader, writer = os.pipe()
        os.close(reader)  # before the first word, so that no run is too quick for it
        done = subprocess.run([HENCE, "run", "-m", str(model), "--raw", "-p", "a", "--ignore-eos"],
                              stdout=writer, stdin=subprocess.DEVNULL, check=False, timeout=60)
        os.close(writer)
        self.assertNotEqual(done.returncode, 0)

    def test_a_full_disk_is_a_failure(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([HENCE, "--help"], stdout=full, stderr=subprocess.PIPE,
                                  check=False)
        self.assertEqual(done.returncode, EXIT_FAILURE)
        self.assertIn(b"cannot write", done.stderr)


if __name__ == "__main__":
    program.main()
