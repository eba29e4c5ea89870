#!/usr/bin/env python3
"""What `make install` puts where, and that it works from there."""

import os
import pathlib
import shutil
import subprocess
import unittest

import program
from program import HENCE, ROOT, STARTER, Program, golden_model

RECOMMENDER = ROOT / "models" / "starter-recommender" / "recommender.json"
BUILD = pathlib.Path(HENCE).resolve().parent
SOURCE = """
#include <hence/version.h>
#include <stdio.h>
int main(void) { puts(hence_version()); return 0; }
"""


def run(*words, **more):
    done = subprocess.run([*map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False, **more)
    if done.returncode:
        raise AssertionError(f"{words}: {done.stdout}")
    return done.stdout


@unittest.skipUnless(shutil.which("meson") and (BUILD / "build.ninja").exists(),
                     "the program is not in its build folder, or there is no meson")
class Install(Program):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.root = cls.folder / "root"
        run("meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", cls.root)
        cls.files = {str(path.relative_to(cls.root)): path for path in cls.root.rglob("*")
                     if not path.is_dir()}

    def one(self, end):
        """The only installed file whose path ends so."""
        found = [path for name, path in self.files.items() if ("/" + name).endswith("/" + end)]
        self.assertEqual(len(found), 1, f"{end}: {found}")
        return found[0]

    def test_everything_is_there(self):
        for end in ["bin/hence", "share/man/man1/hence.1", "bash-completion/completions/hence",
                    "zsh/site-functions/_hence", "fish/vendor_completions.d/hence.fish",
                    "pkgconfig/hence.pc", "libhence.so"]:
            self.one(end)
        for header in (ROOT / "include" / "hence").glob("*.h"):
            self.assertEqual(self.one(f"include/hence/{header.name}").read_bytes(),
                             header.read_bytes())
        if STARTER.exists():
            self.one("share/hence/models/starter-chat.gguf")
        if RECOMMENDER.exists():
            self.assertIn("by popularity", run(self.one("bin/hence"), "recommend", "-m",
                                               self.one("starter-recommender/recommender.json").parent))

    def test_the_program_runs_from_there(self):
        installed = self.one("bin/hence")
        self.assertEqual(run(installed, "--version"), run(HENCE, "--version"))
        model = golden_model(self.folder)
        words = ["run", "-m", model, "--raw", "--temp", "0", "-n", "4", "-p", "a"]
        self.assertEqual(run(installed, *words), run(HENCE, *words))

    def test_the_starter_model_is_found_from_there(self):
        models = self.one("bin/hence").parents[1] / "share" / "hence" / "models"
        with self.subTest("where there is none, the error names the place"):
            if not STARTER.exists():
                done = subprocess.run([self.one("bin/hence"), "inspect"], capture_output=True,
                                      text=True, check=False)
                self.assertEqual(done.returncode, 1)
                self.assertIn("name a model with -m", done.stderr)
        models.mkdir(parents=True, exist_ok=True)
        starter = models / "starter-chat.gguf"
        if not starter.exists():
            shutil.copy(golden_model(self.folder), starter)
            self.addCleanup(starter.unlink)
        out = run(self.one("bin/hence"), "inspect", "--quick")
        self.assertIn(str(starter.resolve()), out)

    @unittest.skipUnless(shutil.which("pkg-config") and shutil.which("cc"),
                         "there is no pkg-config, or no cc")
    def test_a_program_builds_against_the_library(self):
        package = self.one("pkgconfig/hence.pc")
        env = {**os.environ, "PKG_CONFIG_PATH": str(package.parent),
               "PKG_CONFIG_SYSROOT_DIR": str(self.root)}
        flags = run("pkg-config", "--cflags", "--libs", "hence", env=env).split()
        version = run("pkg-config", "--modversion", "hence", env=env)
        source, binary = self.write("use.c", SOURCE), self.folder / "use"
        run("cc", "-Wall", "-Werror", source, "-o", binary, *flags)
        library = self.one("libhence.so").parent
        out = run(binary, env={**os.environ, "LD_LIBRARY_PATH": str(library)})
        self.assertEqual(out, version)

    def test_completion_knows_commands_and_options(self):
        script = self.one("bash-completion/completions/hence")
        def complete(*words):
            line = " ".join(f"'{word}'" for word in words)
            return run("bash", "-c", f"source {script}; COMP_WORDS=({line}); "
                       f"COMP_CWORD={len(words) - 1}; _hence; printf '%s\n' \"${{COMPREPLY[@]}}\""
                       ).split()
        self.assertEqual(complete(HENCE, "ins"), ["inspect"])
        self.assertEqual(complete(HENCE, "run", "--see"), ["--seed"])
        self.assertIn("--repeats", complete(HENCE, "bench", "--"))

    def test_zz_uninstalling_leaves_nothing(self):
        run("ninja", "-C", BUILD, "uninstall")
        left = [path for path in self.root.rglob("*") if not path.is_dir()]
        self.assertEqual(left, [])


if __name__ == "__main__":
    program.main()
