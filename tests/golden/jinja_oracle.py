"""Jinja2, set up as model hubs set it up, beside hence's own engine."""

import datetime
import json
import subprocess

import jinja2
import jinja2.ext
import jinja2.sandbox
from jinja2 import nodes, pass_eval_context

NOW = 1767225600 + 40 * 86400  # any time: both sides are given it


class Generation(jinja2.ext.Extension):
    """{% generation %}, which marks the assistant's words: here it only prints them."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.CallBlock(self.call_method("_support"), [], [], body).set_lineno(line)

    @pass_eval_context
    def _support(self, context, caller):
        return caller()


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators,
                      sort_keys=sort_keys)


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def strftime_now(form):
    return datetime.datetime.fromtimestamp(NOW).strftime(form)


def environment():
    env = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = strftime_now
    return env


ENVIRONMENT = environment()


class Oracle:
    """What Jinja2 makes of a template: {"text"} or {"error"}."""

    def __init__(self):
        self.source = self.template = None

    def __call__(self, source, variables):
        try:
            if source != self.source:
                self.source, self.template = None, ENVIRONMENT.from_string(source)
                self.source = source
            # Variables as they come out of JSON, and with them no tie to another rendering.
            text = self.template.render(**json.loads(json.dumps(variables)))
            text.encode()
            return {"text": text}
        except RecursionError as e:
            return {"error": f"RecursionError: {e}"}
        except Exception as e:  # whatever a template may raise
            return {"error": f"{type(e).__name__}: {e}", "refused": refusal(e)}


def refusal(e):
    """The message of raise_exception."""
    return str(e) if type(e) is jinja2.exceptions.TemplateError else None


class Engine:
    """hence's engine in a process of its own (tests/golden/template_tool.c)."""

    def __init__(self, tool):
        self.process = subprocess.Popen([tool], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __call__(self, source, variables):
        job = {"template": source, "variables": variables, "now": NOW}
        self.process.stdin.write(json.dumps(job).encode() + b"\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the engine died (exit {self.process.wait()}) of {source!r}")
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def difference(got, want):
    """None, or what differs: the text, or that one failed, or what a template refused with."""
    if "text" in want:
        return None if got.get("text") == want["text"] else "text"
    if "text" in got:
        return "no error"
    if want.get("refused") is not None and not refused_with(got["error"], want["refused"]):
        return "refusal"
    return None


def refused_with(error, message):
    """Errors are one line: control characters are shown as '?', and long ones are cut."""
    shown = "".join("?" if ord(c) < 32 or ord(c) == 127 else c for c in message)
    return shown[:200] in error
