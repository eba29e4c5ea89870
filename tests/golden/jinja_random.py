"""Random templates: mostly well-typed, so that they get somewhere, and sometimes not."""

import random

VARIABLES = {
    "i": 3, "j": -7, "z": 0, "f": 2.5, "g": -0.125, "t": True, "nil": None, "s": "Hello, World",
    "u": "Zürich 東京", "e": "", "w": "  a b\tc\n", "m": "x\ny\n\n  z", "html": "<a> & \"b\" 'c'",
    "l": [3, 1, 2, 2], "ls": ["b", "A", "c", ""], "ll": [[1, 2], [], [3]], "el": [],
    "mix": [1, "a", None, 2.0, True, [1], {"k": 1}], "ed": {},
    "d": {"b": 1, "a": "x", "C": None}, "n": {"x": {"y": [1, {"z": "deep"}]}, "items": [1]},
    "us": [{"name": "Zoe", "age": 30, "tags": ["x"]}, {"name": "adam", "age": 25, "tags": []},
           {"name": "Bea", "age": 30}],
}

INTS = ["i", "j", "z", "0", "1", "2", "7", "-1", "10", "l | length", "s | length", "l | sum", "true"]
FLOATS = ["f", "g", "0.5", "1e3", "-2.75", "1.0", "100.125"]
STRINGS = ["s", "u", "e", "w", "m", "html", "'a'", "'b,c'", "\"it's\"", "'x\\ny'", "'é'", "'%s'", "'0'",
           "'12'", "' '", "'Ab'", "''", "'{}'", "html | safe", "ls[0]"]
LISTS = ["l", "ls", "ll", "el", "mix", "us", "range(4)", "range(5, 0, -2)", "[1, 2]", "['a', 'b']",
         "(1, 'a')", "()", "[[], ()]", "us | map(attribute='name') | list", "d | list", "[none, 1.5]"]
DICTS = ["d", "n", "ed", "us[0]", "{'a': 1}", "{1: 'x', 'k': [1]}", "dict(q=1)", "n.x"]
KEYS = ["'a'", "'b'", "'x'", "'k'", "0", "1", "-1", "'items'", "9", "'name'", "none"]
TESTS = ["defined", "undefined", "none", "string", "number", "integer", "float", "mapping", "sequence",
         "iterable", "boolean", "true", "false", "callable", "lower", "upper", "odd", "even",
         "divisibleby(3)", "divisibleby 2", "eq(1)", "ne 'a'", "lt 3", "gt(1)", "ge 2", "le(0)",
         "in [1, 2]", "sameas none", "escaped", "filter", "test", "equalto 'a'"]


class Maker:
    def __init__(self, seed):
        self.r = random.Random(seed)
        self.loops = 0

    def any(self, n):
        return self.r.choice([self.int, self.float, self.str, self.str, self.list, self.dict,
                              self.bool, self.odd])(n)

    def odd(self, n):
        return self.r.choice(["nil", "missing", "none", "d.zz", "n.x.y", "mix[3]", "l[9]",
                              self.cond(n), self.index(n)])

    def cond(self, n):
        other = f" else {self.any(n - 1)}" if self.r.random() < 0.8 else ""
        return f"({self.any(n - 1)} if {self.bool(n - 1)}{other})" if n > 0 else "nil"

    def index(self, n):
        if n <= 0:
            return "d.a"
        of = self.r.choice([self.list, self.dict, self.str])(n - 1)
        return f"({of})[{self.r.choice(KEYS)}]" if self.r.random() < 0.7 else f"({of}).{self.r.choice(['a', 'x', 'k', '0', 'name'])}"

    def slice(self):
        part = lambda: self.r.choice(["", "", "0", "1", "2", "-1", "-2", "9", "i"])
        step = self.r.choice(["", "", ":", ":2", ":-1", ":1"])
        return f"[{part()}:{part()}{step}]"

    def wrong(self, n):
        """Now and then something of another type."""
        return self.any(n - 1) if n > 0 and self.r.random() < 0.04 else None

    def int(self, n):
        if n <= 0 or self.r.random() < 0.3:
            return self.r.choice(INTS)
        w, r = self.wrong(n), self.r
        a, b = w or self.int(n - 1), self.int(n - 1)
        return r.choice([
            f"({a} + {b})", f"({a} - {b})", f"({a} * {b})", f"({a} // {b})", f"({a} % {b})",
            f"(-{a})", f"({self.list(n - 1)} | length)", f"({self.str(n - 1)} | length)", f"({self.str(n - 1)} | int)",
            f"({self.str(n - 1)} | int({b}))", f"({self.float(n - 1)} | int)", f"({a} | abs)",
            f"({self.str(n - 1)}).find({self.str(n - 1)})", f"({self.str(n - 1)}).count({self.str(n - 1)})",
            f"({self.list(n - 1)} | count)", f"({self.str(n - 1)} | wordcount)", f"({a} if {self.bool(n - 1)} else {b})",
            f"({a} ** {r.choice(['0', '1', '2', '3'])})", f"({self.list(n - 1)} | select('number') | sum)",
            f"({a} or {b})", f"({a} and {b})", f"({self.list(n - 1)}).count({self.any(n - 1)})",
            f"({self.list(n - 1)} | select('integer') | max)", f"({a} | round)", f"({a} | round(-1))"])

    def float(self, n):
        if n <= 0 or self.r.random() < 0.4:
            return self.r.choice(FLOATS)
        a, b = self.wrong(n) or self.float(n - 1), self.r.choice([self.int, self.float])(n - 1)
        return self.r.choice([
            f"({a} + {b})", f"({b} - {a})", f"({a} * {b})", f"({a} / {b})", f"({a} // {b})", f"({a} % {b})",
            f"({self.int(n - 1)} / {self.int(n - 1)})", f"({self.str(n - 1)} | float)", f"({a} | round({self.r.choice('0123')}))",
            f"({a} | round(1, '{self.r.choice(['ceil', 'floor', 'common'])}'))", f"(-{a})", f"({a} | abs)", f"({b} | float)"])

    def str(self, n):
        if n <= 0 or self.r.random() < 0.25:
            return self.r.choice(STRINGS)
        r = self.r
        a, b, c = self.wrong(n) or self.str(n - 1), self.str(n - 1), self.str(n - 1)
        i, x = self.int(n - 1), self.any(n - 1)
        method = r.choice(["upper()", "lower()", "title()", "capitalize()", "strip()", "lstrip()", "rstrip()",
                           "swapcase()", f"strip({b})", f"replace({b}, {c})", f"replace({b}, {c}, 1)",
                           f"join({self.list(n - 1)})", f"join(['a', {b}])", "zfill(5)", "center(9, '*')", "ljust(7)", "rjust(7, '.')",
                           f"removeprefix({b})", f"removesuffix({b})", "expandtabs(4)", f"format({x})",
                           f"format({x}, {i})", f"lstrip({b})", f"rstrip({b})"])
        filt = r.choice(["upper", "lower", "title", "capitalize", "trim", "string", "e", "escape", "safe", "reverse",
                         f"replace({b}, {c})", f"replace({b}, {c}, 1)", "indent", "indent(2, true)", "indent(1, blank=true)",
                         "truncate(5, true, '..', 0)", "truncate(8, false, '', 1)", "center(12)", f"default({b})", f"default({b}, true)",
                         "tojson", "urlencode", "striptags" if False else "trim('a')", f"format({x})", "forceescape", "first", "last", "urlencode"])
        return r.choice([
            f"({a} ~ {x})", f"({a} ~ {b} ~ {i})", f"({a} + {b})", f"({a} * {r.choice(['0', '1', '2'])})", f"({a}).{method}",
            f"({a}).{method}", f"({a} | {filt})", f"({a} | {filt})", f"({x} | string)", f"({x} | tojson)",
            f"({x} | tojson(indent={r.choice(['0', '1', '2'])}))", f"({b}){self.slice()}", f"({self.list(n - 1)} | join)",
            f"({self.list(n - 1)} | join({a}))", f"({a} if {self.bool(n - 1)} else {b})", f"('%s|%r' % ({x}, {a}))",
            f"('%5s|%-4s|%03d' % ({a}, {b}, {i}))", f"('%.2f %e %g' % ({self.float(n - 1)}, {self.float(n - 1)}, {self.float(n - 1)}))",
            f"('{{:>6}}|{{:<4}}|{{}}'.format({a}, {b}, {x}))", f"('{{:{r.choice(['', '+', ',', '5', '05', 'x', '.2f', '<7', '^7', '_', 'e', 'g', '%', 'b'])}}}'.format({i}))",
            f"('{{:{r.choice(['', '+', ',', '8', '08', '.2f', '<7', '.3', 'e', 'g', '.1%', '.0f', '10.3e'])}}}'.format({self.float(n - 1)}))",
            f"({a} or {b})", f"({a} and {b})", f"({self.list(n - 1)} | map('string') | join(','))", f"({x} | pprint)" if False else f"({x} ~ '')",
            f"({a}).split({r.choice(['', b, 'none'])}) | join('|')", f"(({a}).partition({b}) | join('|'))", f"(({a}).splitlines() | join('|'))"])

    def list(self, n):
        if n <= 0 or self.r.random() < 0.3:
            return self.r.choice(LISTS)
        r = self.r
        a = self.wrong(n) or self.list(n - 1)
        b, x = self.list(n - 1), self.any(n - 1)
        test = r.choice(TESTS)
        name = test.split("(")[0].split()[0]
        return r.choice([
            f"[{x}, {self.any(n - 1)}]", f"({x}, {self.any(n - 1)})", f"({a} | list)", f"({a} + {b})", f"({b}){self.slice()}",
            f"({a} | list + {b} | list)", f"({a} | sort)", f"({a} | map('string') | sort(reverse=true))", f"({a} | reverse | list)",
            f"({a} | select('{name}', {self.r.choice(['1', '2', 'l'])}) | list)", f"({a} | reject('{name}') | list)", f"({a} | select | list)",
            f"({a} | map('{r.choice(['string', 'upper', 'length', 'int', 'first', 'list', 'tojson', 'abs', 'trim', 'title'])}') | list)",
            f"({a} | map('default', {x}) | list)", f"({a} | map(attribute={r.choice(KEYS)}) | list)", f"({a} | unique | list)",
            f"({a} | batch(2) | list)", f"({a} | batch(3, {x}) | list)", f"({a} | slice(2) | list)", f"({a} | slice(3, {x}) | list)",
            f"(us | selectattr('{r.choice(['age', 'tags', 'name', 'zz'])}') | list)", f"(us | groupby('{r.choice(['age', 'name'])}'))",
            f"(us | sort(attribute='{r.choice(['age', 'name', 'age,name'])}') | map(attribute='name') | list)",
            f"({self.str(n - 1)}).split({r.choice(['', self.str(n - 1)])})", f"({self.str(n - 1)} | list)", f"({self.dict(n - 1)}).items() | list",
            f"({self.dict(n - 1)}).values() | list", f"({self.dict(n - 1)} | dictsort)", f"({self.dict(n - 1)} | items | list)", f"({self.dict(n - 1)} | list)",
            f"(range({self.r.choice(['3', '1, 4', '5, 0, -2', self.int(0)])}) | list)", f"({a} if {self.bool(n - 1)} else {b})", f"({a} * 2)",
            f"({self.str(n - 1)}).rsplit({r.choice(['', self.str(n - 1)])}{r.choice([', 1', '']) if False else ''})"])

    def dict(self, n):
        if n <= 0 or self.r.random() < 0.5:
            return self.r.choice(DICTS)
        return self.r.choice([
            f"{{'k': {self.any(n - 1)}, {self.str(n - 1)}: {self.any(n - 1)}}}", f"dict(a={self.any(n - 1)})",
            f"dict({self.dict(n - 1)}, b={self.any(n - 1)})", f"({self.dict(n - 1)}).copy()", f"({self.dict(n - 1)} if {self.bool(n - 1)} else {self.dict(n - 1)})",
            f"{{{self.int(n - 1)}: 1, {self.float(n - 1)}: 2}}", f"dict({self.list(n - 1)} | map('list') | select('sequence') | list)" if False else "d"])

    def bool(self, n):
        if n <= 0:
            return self.r.choice(["t", "true", "false", "i", "e", "l", "el", "missing", "nil"])
        r = self.r
        x, y, i, j, a, b = (self.any(n - 1), self.any(n - 1), self.int(n - 1), self.int(n - 1), self.str(n - 1), self.str(n - 1))
        op = r.choice(["<", ">", "<=", ">=", "==", "!="])
        return r.choice([
            f"({x} == {y})", f"({x} != {y})", f"({i} {op} {j})", f"({a} {op} {b})", f"({i} {op} {self.float(n - 1)} {op} {j})",
            f"({x} in {self.list(n - 1)})", f"({x} not in {self.list(n - 1)})", f"({a} in {b})", f"({a} in {self.dict(n - 1)})",
            f"({x} is {r.choice(TESTS)})", f"({x} is not {r.choice(TESTS)})", f"({a} is {r.choice(TESTS)})", f"({i} is {r.choice(TESTS)})",
            f"(not {x})", f"({self.bool(n - 1)} and {x})", f"({self.bool(n - 1)} or {y})", f"({a}).startswith({b})", f"({a}).endswith(({b}, 'd'))",
            f"({a}).{r.choice(['isdigit', 'isalpha', 'isalnum', 'isspace', 'islower', 'isupper', 'istitle', 'isnumeric', 'isascii'])}()",
            f"({self.list(n - 1)} {op} {self.list(n - 1)})", f"(({x}) | default(false))"])

    def text(self):
        return self.r.choice(["a", " ", "\n", "  b\n", "\n  ", "x y", "<|end|>\n", "\t", "é", "\n\n", "'q'", "{", "%", "# "])

    def tag(self, inside):
        left, right = self.r.choice(["{%", "{%", "{%", "{%-", "{%+"]), self.r.choice(["%}", "%}", "%}", "-%}", "+%}"])
        return f"{left} {inside} {right}"

    def name(self):
        return self.r.choice(["a", "b", "c", "i", "s", "l", "x", "y"])

    def block(self, n):
        return "".join(self.statement(n - 1) for _ in range(self.r.randrange(1, 4)))

    def statement(self, n):
        r = self.r
        if n <= 0 or r.random() < 0.4:
            return r.choice([self.text, self.text, self.output])()
        kind = r.choice(["if", "for", "set", "set", "ns", "macro", "with", "filter", "setblock", "jump", "call", "comment", "raw"])
        if kind == "if":
            out = self.tag(f"if {self.bool(2)}") + self.block(n)
            for _ in range(r.choice([0, 0, 1, 2])):
                out += self.tag(f"elif {self.bool(2)}") + self.block(n)
            return out + (self.tag("else") + self.block(n) if r.random() < 0.5 else "") + self.tag("endif")
        if kind == "for":
            target = r.choice(["x", "y", "i", "x, y"])
            over = "d.items()" if target == "x, y" and r.random() < 0.8 else self.list(2)
            test = f" if {self.bool(1)}" if r.random() < 0.3 else ""
            self.loops += 1
            body = self.block(n) + r.choice(["", "{{ loop.index }}", "{{ x }}", "{{ loop.last }}{{ loop.length }}", "{{ loop.nextitem }}",
                                             "{{ loop.previtem }}", "{{ loop.cycle(1, 2) }}", "{{ loop.revindex0 }}{{ loop.first }}"])
            self.loops -= 1
            other = self.tag("else") + self.block(n) if r.random() < 0.3 else ""
            return self.tag(f"for {target} in {over}{test}") + body + other + self.tag("endfor")
        if kind == "set":
            return self.tag(f"set {self.name()} = {self.any(2)}")
        if kind == "ns":
            return self.tag(f"set ns.{r.choice('pq')} = {self.any(2)}") + "{{ ns.p }}"
        if kind == "macro":
            loops, self.loops = self.loops, 0
            body = self.block(n)
            self.loops = loops
            return (self.tag(f"macro m({r.choice(['', 'a', 'a, b=1', 'x=i, y=s'])})") + body + r.choice(["", "{{ varargs }}", "{{ kwargs }}", "{{ caller() if caller }}"])
                    + self.tag("endmacro") + f"{{{{ m({r.choice(['', self.any(1), 'a=1', '1, 2'])}) }}}}")
        if kind == "with":
            return self.tag(f"with {self.name()} = {self.any(2)}") + self.block(n) + self.tag("endwith")
        if kind == "filter":
            return self.tag(f"filter {r.choice(['upper', 'trim', 'indent(2)', 'replace(1, 2)', 'title | trim', 'length'])}") + self.block(n) + self.tag("endfilter")
        if kind == "setblock":
            name = self.name()
            return self.tag(f"set {name}{r.choice(['', ' | upper', ' | trim'])}") + self.block(n) + self.tag("endset") + f"[{{{{ {name} }}}}]"
        if kind == "jump":
            return self.tag(f"if {self.bool(1)}") + self.tag(r.choice(["break", "continue"])) + self.tag("endif") if self.loops else ""
        if kind == "call":
            loops, self.loops = self.loops, 0
            body = self.block(n)
            self.loops = loops
            return "{% macro c(k) %}<{{ caller(k) }}>{% endmacro %}" + self.tag("call(v) c(1)") + body + "{{ v }}" + self.tag("endcall")
        if kind == "comment":
            return r.choice(["{# c #}", "{#- c -#}", "{#+ c +#}", "  {# c #}\n"])
        return r.choice(["{% raw %}{{ x }}{% endraw %}", "{%- raw -%} {% if %} {%- endraw -%}"])

    def output(self):
        left, right = self.r.choice(["{{", "{{", "{{-"]), self.r.choice(["}}", "}}", "-}}"])
        return f"{left} {self.any(3)} {right}"


def template(seed):
    maker = Maker(seed)
    if seed % 2:
        return "".join(f"{{{{ {maker.any(4)} }}}};" for _ in range(2))
    return "{% set ns = namespace(p=0) %}" + "".join(maker.statement(4) for _ in range(4))
