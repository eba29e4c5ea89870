#!/usr/bin/env python3
"""What lies in deploy/: checked by the programs that read it, where they are there."""

import itertools
import json
import pathlib
import re
import shutil
import subprocess
import unittest

import program
from program import HENCE, ROOT, Program

DEPLOY = ROOT / "deploy"
METRICS_TOOL = pathlib.Path(HENCE).resolve().parent / "tests" / "metrics_tool"


def run(*words):
    return subprocess.run([*map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False)


class Deploy(Program):
    @unittest.skipUnless(shutil.which("systemd-analyze"), "there is no systemd-analyze")
    def test_units(self):
        """With the program where it would be: systemd looks for it."""
        units = self.folder / "units"
        units.mkdir()
        for name in ["hence.service", "hence.socket"]:
            text = (DEPLOY / "systemd" / name).read_text()
            text = text.replace("/usr/bin/hence", str(pathlib.Path(HENCE).resolve()))
            (units / name).write_text(text.replace("Documentation=man:hence(1)\n", ""))
        done = run("systemd-analyze", "verify", units / "hence.service", units / "hence.socket")
        self.assertEqual((done.returncode, done.stdout), (0, ""))
        done = run("systemd-analyze", "security", "--offline=true", "--threshold=20",
                   units / "hence.service")
        self.assertEqual(done.returncode, 0, done.stdout)

    @unittest.skipUnless(shutil.which("haproxy") or pathlib.Path("/usr/sbin/haproxy").exists(),
                         "there is no haproxy")
    def test_haproxy(self):
        """As it is, and with what its comments offer instead."""
        haproxy = shutil.which("haproxy") or "/usr/sbin/haproxy"
        text = (DEPLOY / "haproxy.cfg").read_text()
        hashing = re.sub(r"# (balance hash|hash-|option http-buffer)", r"\1", text)
        self.assertNotEqual(text, hashing)
        for content in [text, hashing.replace("    balance leastconn\n", "")]:
            done = run(haproxy, "-c", "-f", self.write("haproxy.cfg", content))
            self.assertEqual(done.returncode, 0, done.stdout)
            self.assertNotIn("[WARNING]", done.stdout)

    @unittest.skipUnless(METRICS_TOOL.exists(), "metrics_tool is not built")
    def test_the_dashboard_asks_for_figures_that_there_are(self):
        dashboard = json.loads((DEPLOY / "grafana" / "hence.json").read_text())
        told = set(re.findall(r"^(\w+)[{ ]", run(METRICS_TOOL, "text").stdout, re.M))
        expressions = [target["expr"] for panel in dashboard["panels"]
                       for target in panel["targets"]]
        asked = set(itertools.chain.from_iterable(
            re.findall(r"\b((?:hence|process)_\w+)\b", text) for text in expressions))
        self.assertGreater(len(asked), 15)
        self.assertEqual(asked - told, set())
        ids = [panel["id"] for panel in dashboard["panels"]]
        self.assertEqual(len(ids), len(set(ids)))

    @unittest.skipUnless(METRICS_TOOL.exists() and shutil.which("promtool"),
                         "metrics_tool is not built, or there is no promtool")
    def test_the_dashboard_is_written_in_prometheus_own_language(self):
        dashboard = json.loads((DEPLOY / "grafana" / "hence.json").read_text())
        rules = [{"record": f"panel:{panel['id']}_{target['refId']}",
                  "expr": target["expr"].replace("$__rate_interval", "1m")}
                 for panel in dashboard["panels"] for target in panel["targets"]]
        text = json.dumps({"groups": [{"name": "dashboard", "rules": rules}]})  # YAML holds JSON
        done = run("promtool", "check", "rules", self.write("rules.yaml", text))
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_the_package_has_the_version_of_the_program(self):
        version = self.good("--version").split()[1]
        head = (DEPLOY / "debian" / "changelog").read_text().split("\n")[0]
        self.assertEqual(head.split()[:2], ["hence", f"({version})"])

    def test_the_package_builds_with_what_the_build_wants(self):
        rows = [line.split("|") for line in (ROOT / "tools" / "deps.sh").read_text().splitlines()
                if line.startswith("build|")]
        wanted = {name for row in rows for name in row[2].split() if name.endswith("-dev")}
        control = (DEPLOY / "debian" / "control").read_text()
        named = set(re.findall(r"[\w.+-]+", re.search(r"Build-Depends:((?:.|\n )*)", control)[1]))
        self.assertEqual(wanted - named - {"libc6-dev"}, set())

    def test_files_that_the_package_names_are_there(self):
        for line in (DEPLOY / "debian" / "hence.install").read_text().splitlines():
            if line.startswith("deploy/"):
                self.assertTrue((ROOT / line.split()[0]).is_file(), line)


if __name__ == "__main__":
    program.main()
