#!/usr/bin/env python3
"""`hence keys`: keys added, listed and revoked, the secret shown once."""

import concurrent.futures
import json
import re
import stat
import unittest

import program
from program import EXIT_FAILURE, EXIT_USAGE, Program


class Keys(Program):
    def setUp(self):
        self.file = self.folder / f"{self.id()}.keys"

    def keys(self, *words, **more):
        return self.good("keys", *words, "--file", self.file, **more)

    def test_a_key_from_its_birth_to_its_end(self):
        key = self.keys("add", "alice", "--rpm", 60, "--tpm", 1000, "--weight", 0.5).strip()
        self.assertRegex(key, r"^hn-[a-z2-7]{8}-[a-z2-7]{52}$")
        kept = self.file.read_text()
        self.assertNotIn(key.split("-")[2], kept)
        self.assertEqual(stat.S_IMODE(self.file.stat().st_mode), 0o600)
        [known] = json.loads(self.keys("list", "--json"))
        self.assertEqual(known["id"], key.split("-")[1])
        self.assertRegex(known.pop("created"), r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertEqual(known, {"id": known["id"], "name": "alice", "role": "user", "rpm": 60,
                                 "tpm": 1000, "concurrent": None, "weight": 0.5, "revoked": None})
        self.assertIn("revoked alice", self.keys("revoke", "alice"))
        [known] = json.loads(self.keys("list", "--json"))
        self.assertIsNotNone(known["revoked"])
        self.bad(EXIT_FAILURE, "no key in use", "keys", "revoke", "alice", "-f", self.file)

    def test_json_holds_the_key_once(self):
        added = json.loads(self.keys("add", "ops", "--role", "admin", "--json"))
        self.assertEqual((added["role"], len(added["key"])), ("admin", 64))
        self.assertNotIn(added["key"], self.keys("list", "--json"))

    def test_the_table_has_a_line_for_each_key(self):
        self.keys("add", "alice")
        self.keys("add", "a-very-long-name@example.org", "--concurrent", 3)
        head, *lines = self.keys("list").splitlines()
        self.assertEqual(len(lines), 2)
        at = head.index("concurrent")
        self.assertEqual([line[at:at + 10].strip() for line in lines], ["-", "3"])

    def test_none_of_several_changes_at_a_time_is_lost(self):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            keys = list(pool.map(lambda i: self.keys("add", f"k{i}").strip(), range(24)))
        known = json.loads(self.keys("list", "--json"))
        self.assertEqual(sorted(key["id"] for key in known), sorted(k.split("-")[1] for k in keys))

    def test_the_usual_file_is_below_the_home_folder(self):
        home = self.folder / "home"
        home.mkdir()
        env = {"HOME": str(home), "XDG_CONFIG_HOME": ""}
        self.good("keys", "add", "alice", env=env)
        self.assertIn("alice", (home / ".config" / "hence" / "keys").read_text())
        self.assertIn("alice", self.good("keys", "list", env=env))

    def test_wrong_use(self):
        for words, says in [(["add"], "add wants a name"), (["list", "x"], "list takes no name"),
                            (["drop", "x"], "say add, list or revoke"),
                            (["add", "x", "--role", "boss"], "user or admin"),
                            (["add", "x", "--rpm", "-1"], "give a number")]:
            with self.subTest(words=words):
                self.bad(EXIT_USAGE, says, "keys", *words, "-f", self.file)

    def test_errors_say_where(self):
        self.bad(EXIT_FAILURE, "cannot open", "keys", "list", "-f", self.file)
        self.bad(EXIT_FAILURE, "name is 1 to 64", "keys", "add", "two words", "-f", self.file)
        self.file.write_text("# fine\nnonsense\n")
        for words in [["list"], ["add", "x"], ["revoke", "x"]]:
            self.bad(EXIT_FAILURE, re.escape(f"{self.file}: line 2: "), "keys", *words, "-f",
                     self.file)
        self.assertEqual(self.file.read_text(), "# fine\nnonsense\n")


if __name__ == "__main__":
    program.main()
