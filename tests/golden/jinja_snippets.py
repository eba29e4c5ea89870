"""Templates that each show a corner of the language, and the variables they are given."""

VARIABLES = {
    "n": 7, "zero": 0, "neg": -3, "x": 2.5, "big": 1e20, "tiny": 1.5e-7, "third": 0.1,
    "yes": True, "no": False, "nil": None, "s": "Hello World", "e": "", "u": "Größe 東京 🙂",
    "html": "<a href=\"x\">T & 'Q'</a>", "lines": "one\n  two\r\n\nthree\n", "words": "a bb  ccc dddd",
    "l": [3, 1, 2], "ls": ["b", "A", "c", "a"], "mixed": [1, "a", None, 2.0, True, [1], {"k": 1}],
    "el": [], "d": {"b": 1, "a": [1, 2], "C": {"k": "v"}}, "ed": {},
    "users": [{"name": "Zoe", "age": 30, "city": "Bern", "tags": ["x", "y"]},
              {"name": "adam", "age": 25, "city": "Ulm", "tags": []},
              {"name": "Bea", "age": 30, "city": "bern", "tags": ["z"]},
              {"name": "Carl", "age": 41, "city": "Ulm"}],
    "tree": [{"v": 1, "c": [{"v": 2, "c": []}, {"v": 3, "c": [{"v": 4, "c": []}]}]}, {"v": 5, "c": []}],
    "items": {"items": [1], "keys": "k"}, "num": "42", "hex": "0x1F", "fl": " 3.75 ", "bad": "4x",
}

EXPRESSIONS = r"""
1 + 2 * 3 - 4 / 2
7 // 2, -7 // 2, 7 % 3, -7 % 3, 7 % -3, 7.5 // 2, -7.5 % 2
2 ** 10, 2 ** -1, -2 ** 2, 2 ** 3 ** 2, 2.0 ** 0.5
1 / 3, 10 / 2, 1e3, 1e16, 1e15, 123456789012345680.0, 1e-5, 0.0001, 5e-324, 1.0
big, tiny, third + 0.2
0x1F, 0o17, 0b101, 1_000, 1_0.5_0, 1E5
'a' 'b' "c", 'it''s'
'\n\t\\\'\"\x41\u00e9\U0001F642\101\q', "a\
b"
'\é', '\東', '\🙂'
"say \"hi\"" ~ 'it\'s'
s ~ n ~ nil ~ yes ~ x ~ l ~ undefined_thing
[1, 'a', none, true, 2.0, (1,), (), {'k': [1]}]
{'a': 1, 2: 'b', 1.5: none, true: (1, 2), none: []}
{1: 'a', true: 'b', 1.0: 'c'}
(1, 2) + (3,), [1] + [2], 'a' * 3, 3 * [0], [1, 2] * 0, 'ab' * -1
1 < 2 < 3, 1 < 3 < 2, 3 > 2 >= 2 != 1, 1 == 1.0 == true
'a' < 'b', [1, 2] < [1, 3], (1,) < (1, 2), 'Z' < 'a', 'é' > 'z'
1 in l, 9 not in l, 'el' in s, 'b' in d, 'x' in undefined_thing, none in [none], 1 in (1.0,)
not 1, not '', not [], not not 0, not none == true
1 and 2, 0 and 2, '' or 'x', none or 0 or [], 1 or boom.x
1 if yes else 2, 1 if no else 2, 1 if no, 'a' if e else 'b' if n else 'c'
n if n > 5 and not no or boom
l[0], l[-1], l[1:], l[:-1], l[::-1], l[::2], l[-2:], l[5:], l[2:0:-1], l[9], l[-9]
s[0], s[-1], s[2:5], s[::-1], s[::2], u[6:8], u[-1], u[::-1], s[99], s[3:1]
d.b, d['b'], d.a[1], d.C.k, d['C']['k'], d.missing, d['missing'], d.a.1, d.a[true]
d.get('b'), d.get('z'), d.get('z', 5), d.keys(), d.values(), d.items(), d.keys() | list
items['items'], items.keys is callable, items.items is callable, items['keys'], items.get('items')
users[0].name, users[-1]['name'], users[0].tags[0], users[3].tags, users[3].tags is defined
n.real, n.imag, n.foo, nil.foo, yes.foo, s.foo, l.foo
s.upper(), s.lower(), s.title(), s.capitalize(), s.swapcase(), 'ß'.upper(), 'ÄÖ'.lower()
s.split(), s.split('o'), s.split('o', 1), words.split(' '), words.split(None, 2), ''.split(), ''.split('x')
s.rsplit('o', 1), words.rsplit(None, 1), words.rsplit(maxsplit=1), words.split(sep=' ', maxsplit=1)
lines.splitlines(), lines.splitlines(true), ''.splitlines(), 'a\x0bb\x1cc\u2028d'.splitlines()
'  x '.strip(), 'xxaxx'.strip('x'), 'abcba'.lstrip('ab'), 'abcba'.rstrip('ab'), '\u3000a\xa0'.strip()
s.startswith('He'), s.startswith(('x', 'H')), s.endswith('d'), s.endswith(()), s.startswith('o', 4), s.startswith('W', 6, 8)
s.find('o'), s.find('o', 5), s.rfind('o'), s.find('z'), s.index('W'), s.count('o'), u.find('京'), s.count('')
s.replace('o', '0'), s.replace('o', '0', 1), s.replace('', '-'), 'aaa'.replace('aa', 'b')
'-'.join(['a', 'b']), ','.join('abc'), ''.join([]), '-'.join(d)
'42'.zfill(5), '-42'.zfill(5), 'a'.center(4, '*'), 'ab'.center(5), 'a'.ljust(3) ~ '|', 'a'.rjust(3, '.')
'abc'.removeprefix('a'), 'abc'.removesuffix('bc'), 'abc'.partition('b'), 'abc'.rpartition('z'), 'abc'.partition('z')
'12'.isdigit(), '1.2'.isdigit(), 'ab'.isalpha(), 'a1'.isalnum(), ' '.isspace(), 'Ab'.istitle(), 'AB'.isupper(), 'ab'.islower(), ''.isdigit()
'a\tb'.expandtabs(4), 'é'.isalpha(), '²'.isdigit(), '²'.isdecimal(), '½'.isnumeric(), 'a_1'.isidentifier(), 'a'.isascii()
l.index(1), l.count(3), (1, 2, 1).count(1), (1, 2).index(2), l.copy(), d.copy()
'%s is %d' % ('a', 5), '%5.2f|%-5s|%05d|%+d|% d' % (3.14159, 'x', 42, 7, 7), '%%', '%x %X %o %#x' % (255, 255, 8, 255)
'%(a)s-%(b)d' % {'a': 1, 'b': 2}, '%s' % l, '%s' % nil, '%r' % 'a', '%c%c' % ('a', 98), '%.3s' % 'abcdef', '%*d' % (5, 42)
'%e %E %g %G' % (12345.678, 0.00012, 1e20, 1e-10), '%g' % 100000, '%g' % 1000000, '%.0f' % 2.5, '%i' % 3.9
'%s' % undefined_thing, 'abc' % undefined_thing, 'abc' % [1]
'{} {}'.format(1, 'a'), '{1} {0}'.format('a', 'b'), '{x}-{y}'.format(x=1, y=2), '{{}}'.format(), '{0[a]} {1.b}'.format({'a': 1}, {'b': 2})
'{:>5}|{:<5}|{:^5}|{:*^7}'.format('a', 'b', 'c', 'd'), '{:05d}|{:+d}|{:,}|{:_}'.format(42, 7, 1234567, 1234567)
'{:.2f}|{:8.3f}|{:e}|{:g}|{:%}'.format(3.14159, 2.5, 12345.6, 0.00001, 0.25), '{:x}|{:#x}|{:b}|{:o}|{:c}'.format(255, 255, 5, 8, 65)
'{!r} {!s}'.format('a', 'b'), '{:{}}'.format('a', 5), '{:.3}'.format('abcdef'), '{}'.format(none), '{:5}|'.format(true), '{:010.2f}'.format(-3.14159)
'{:,.2f}'.format(1234567.891), '{:.3}'.format(1234.5), '{:.1}'.format(0.25), '{:g}'.format(1e10), '{:n}'.format(5), '{:=+6d}'.format(5)
range(5) | list, range(1, 10, 3) | list, range(5, 0, -2) | list, range(0), range(3), range(1, 3), range(0, 9, 2), range(5)[1:3], range(5)[2:0], range(9, 0, -3)[::-1], range(0, 9, 2)[1:], range(5)[2], 3 in range(5)
dict(a=1, b=2), dict({'x': 1}, y=2), dict([('a', 1), ('b', 2)]), dict()
namespace(a=1), namespace({'b': 2}, c=3), namespace().x
u | length, l | length, d | count, e | length, undefined_thing | length
s | upper, s | lower, 'hello wORLD-foo (bar)' | title, 'hELLO' | capitalize, none | upper
l | first, l | last, e | first, el | last, s | first, d | first, s | last, range(3) | last
l | sort, l | sort(reverse=true), ls | sort, ls | sort(case_sensitive=true), ls | sort(true), d | sort
users | sort(attribute='age') | map(attribute='name') | list, users | sort(attribute='age,name', reverse=true) | map(attribute='name') | join(',')
users | map(attribute='city') | unique | list, ls | unique | list, [1, 1.0, true, 2] | unique | list, users | unique(attribute='age') | map(attribute='name') | list
users | groupby('city'), users | groupby('city', case_sensitive=true) | map('first') | list, users | groupby('age') | map(attribute='grouper') | list
users | groupby('tags', default='none') if no else 1
users | selectattr('age', 'gt', 26) | map(attribute='name') | list, users | rejectattr('tags') | map(attribute='name') | list
users | selectattr('city', 'equalto', 'Ulm') | list | length, users | selectattr('tags', 'defined') | list | length, users | selectattr('age', '>=', 30) | map(attribute='age') | sum
l | select('odd') | list, l | reject('odd') | list, mixed | select | list, mixed | select('string') | list, mixed | reject('none') | list | length
l | select('gt', 1) | list, l | select('in', [1, 2]) | list, mixed | select('number') | list, l | select('divisibleby', 3) | list
l | map('string') | list, ls | map('upper') | join, l | map('default', 0) | list, users | map(attribute='tags', default=[]) | list, users | map(attribute='tags.0') | list, l | map('abs') | sum
['a-b', 'c-d'] | map('replace', '-', '+') | list, ls | map('indent', 2, true) | list
l | join(', '), l | join, mixed | join('|'), users | join(', ', attribute='name'), s | join('-'), d | join('+')
l | max, l | min, ls | max, ls | min(case_sensitive=true), el | max, users | max(attribute='age'), ['a', 'B'] | max
l | sum, users | sum(attribute='age'), [] | sum, [1, 2] | sum(start=10), [[1], [2]] | sum(start=[])
l | reverse | list, s | reverse, d | reverse | list, (1, 2) | reverse | list, l | list | reverse | first, '' | reverse
d | dictsort, d | dictsort(true), {'b': 1, 'a': 2} | dictsort(by='value'), d | dictsort(reverse=true), {'x': 'B', 'y': 'a'} | dictsort(false, 'value')
d | items | list, undefined_thing | items | list, d | list, s | list, el | list
range(7) | batch(3) | list, range(7) | batch(3, 'x') | list, range(7) | slice(3) | list, range(7) | slice(3, 'x') | list, [] | batch(2) | list, [] | slice(2) | list, l | batch(2) | map('join') | list
undefined_thing | default('x'), e | default('x'), e | default('x', true), none | d('y'), none | d('y', boolean=true), undefined_thing | d, zero | default(1, true)
num | int, bad | int, bad | int(5), fl | int, hex | int(0, 16), '0b11' | int(base=2), '12' | int(base=8), x | int, -2.7 | int, yes | int, nil | int, nil | int(default=9), '1_000' | int, '  7 ' | int, '1e3' | int, l | int
num | float, bad | float, bad | float(1.5), fl | float, nil | float, ('inf' ~ e) | float, ('nan' ~ e) | float, '1e3' | float, '1_0.5' | float, yes | float, '.5' | float, '5.' | float
42.55 | round, 42.55 | round(1), 42.45 | round(1, 'ceil'), 42.45 | round(1, 'floor'), 7 | round, 7 | round(2), 2.5 | round, 3.5 | round, -2.5 | round, 1234.5 | round(-2), 1250 | round(-2), 1350 | round(-2), 0.15 | round(1), 5 | round(0, 'floor'), -0.2 | round(0, 'ceil'), -0.2 | round
neg | abs, -2.5 | abs, yes | abs, 0 | abs
'  a ' | trim, 'xax' | trim('x'), 5 | trim, '\n a' | trim
s | replace('o', '0'), s | replace('o', '0', 1), 123 | replace(2, 'x'), s | replace('l', ''), 'aaa' | replace('a', 'b', 0)
lines | indent, lines | indent(2, true), lines | indent('> '), lines | indent(blank=true), lines | indent(width=3, first=true, blank=true), 'a' | indent, 'a\n' | indent(2), '\n\na' | indent(1), '' | indent(2, true)
'foo bar baz qux' | truncate(9), 'foo bar baz qux' | truncate(9, true), 'foo bar baz qux' | truncate(11), 'foo bar baz qux' | truncate(11, false, '...', 0), 'foobarbazqux' | truncate(6, leeway=0), u | truncate(8, true, '…', 0)
'a' | center(5) ~ '|', 'ab' | center(5) ~ '|', 'foo' | center | length
'Hello, World! It is 5.' | wordcount, u | wordcount, '' | wordcount
'%s, %s!' | format('Hi', 'you'), '%(a)s' | format(a=1), '%d' | format(3.7)
html | e, html | escape, html | safe, html | safe | e, html | e | e, html | forceescape, 5 | e, l | e, html | string
(html | safe) ~ '<', (html | safe) + '<', '<' + ('x' | safe), ('<%s>' | safe) % '<', ('a' | e) + 'b&', ('<' | e) * 2
('<b>' | safe).join(['<', 'a']), ('a<b' | safe).split('<'), ('a' | safe)[0] + '<', ('A' | safe).lower() + '<', ('a' | safe) | upper + '<', ('<{}>' | safe).format('<')
['<' | safe, '&'] | join(','), ['<' | e] | first, ['<' | safe]
d | tojson, mixed | tojson, s | tojson, u | tojson, html | tojson, nil | tojson, yes | tojson, x | tojson, (1, 2) | tojson, '\x00\x1f\x7f\u2028"\\/' | tojson
d | tojson(indent=2), mixed | tojson(indent=4), el | tojson(indent=2), ed | tojson(indent=2), [[], {}] | tojson(indent=1), d | tojson(indent='--'), l | tojson(indent=0)
d | tojson(sort_keys=true), d | tojson(separators=(',', ':')), u | tojson(ensure_ascii=true), d | tojson(indent=2, separators=(',', ' = ')), {1: 2, none: 3, true: 4, 1.5: 5} | tojson
1e20 | tojson, 1e16 | tojson, 0.1 | tojson, 100.0 | tojson, -0.0 | tojson, ('nan' ~ e) | float | tojson
'a b&c/ü?' | urlencode, {'a': 1, 'b c': 'd&e'} | urlencode, [('x', 'y/z')] | urlencode, 5 | urlencode
{'class': 'a<b', 'id': none, 'n': 5} | xmlattr, {'a': 1} | xmlattr(false), {} | xmlattr
0 | filesizeformat, 1 | filesizeformat, 999 | filesizeformat, 1000 | filesizeformat, 1500000 | filesizeformat, 1024 | filesizeformat(true), 123456789012 | filesizeformat(binary=true)
d | attr('get') is callable, d | attr('b'), l | attr('foo'), loop_less | attr('x') is defined if no else 'n'
1 is odd, 2 is even, 9 is divisibleby 3, 9 is divisibleby(4), n is number, x is float, n is integer, yes is integer, yes is boolean, yes is number
none is none, nil is none, undefined_thing is defined, undefined_thing is undefined, n is defined, d.x is defined, d.b is not defined
s is string, n is string, d is mapping, l is mapping, l is sequence, s is sequence, d is sequence, n is sequence, l is iterable, n is iterable, s is iterable, undefined_thing is iterable, undefined_thing is sequence
yes is true, no is false, 1 is true, 0 is false, yes is sameas true, 1 is sameas 1, none is sameas none, d is sameas d
'abc' is lower, 'ABC' is upper, 'Abc' is lower, '1' is lower, 'é' is lower
1 is eq 1, 1 is ne 2, 1 is lt 2, 1 is le 1, 2 is gt 1, 2 is ge 3, 1 is equalto(1), 1 is lessthan(2), 2 is greaterthan 1, 1 is in [1], 'a' is in 'abc', 3 is not in l
'upper' is filter, 'nope' is filter, 'odd' is test, 'nope' is test, range is callable, n is callable, html | safe is escaped, html is escaped
n is odd and n is not even or no, not n is even, n is not none, (n is number) == true
d.x is defined and d.x.y, 'y' if d.x is not defined else d.x.y
undefined_thing, undefined_thing == undefined_other, undefined_thing == none, undefined_thing or 'd', [undefined_thing], undefined_thing ~ 'x', undefined_thing | upper
true, True, false, False, none, None, [true, none]
[1, 2, 3,], {'a': 1,}, (1, 2,), [[1, 2], [3]], {'a': {'b': {}}}
"it's", 'say "x"', ['it\'s', "q\"q", 'both \' "'], ['a\nb\t\\'], ['é\x7f\u200b\U0001F642\xad']
[1.0, 1e100, -0.0, 1e-7, 123456.789], 1e22, 1.7976931348623157e308, 2.2250738585072014e-308, 9007199254740993.0
9223372036854775807, -9223372036854775807 - 1, 9223372036854775807 // 10
[] == [], {} == {}, [1] == (1,), {'a': 1} == {'a': 1.0}, 'a' == 1, none == 0, [1] != [2], yes == 1
l | length > 2, l | length * 2, -l | length if no else 1, n | string + 'x', 'x' + n | string
l is not string and l is iterable, (l | first) + 1, ((1)), (1,)[0], [1, 2][0], {'a': 1}['a'], 'abc'[1], 'a,b'.split(',')[1], {'a': 1}.a
s.split(' ') | map('lower') | list, s.lower().split(' ')[0][1:3] | upper
strftime_now('%Y-%m-%d'), strftime_now('%d %b %Y'), strftime_now('')
lines | length, lines.split('\n') | length, u.split(' '), u.title(), 'ǆ'.title(), 'ΑΣ'.lower(), 'ﬁ'.upper(), 'İ'.lower() | length
cycler('a', 'b').next(), cycler(1).current, joiner()() ~ 'x'
[l, l] | map('first') | list, [d, d] | map(attribute='C.k') | list, [[1, 2], [3, 4]] | map('last') | list, [(1, 2)] | map(attribute=1) | list
'a' in ['a', 'b'] and 'x' not in 'abc', 1 == 1 and 2 == 2, not (1 == 2), 1 < 2 == true
10 % 3 * 2, 2 * 3 ** 2, -3 ** 2, +3, -(-3), 2 - -2, 1 - 1 - 1, 8 / 4 / 2, 2 ~ 3 * 4, 1 ~ 2 + 3
""".strip().splitlines()

TEMPLATES = [
    "{% for x in l %}{{ x }}{% if not loop.last %}, {% endif %}{% endfor %}",
    "{% for x in l %}{{ loop.index }} {{ loop.index0 }} {{ loop.revindex }} {{ loop.revindex0 }} "
    "{{ loop.first }} {{ loop.last }} {{ loop.length }} {{ loop.depth }} {{ loop.depth0 }}\n{% endfor %}",
    "{% for x in l %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }}|{% endfor %}",
    "{% for x in l %}{{ loop.cycle('a', 'b') }}{{ loop.changed(x % 2) }}{% endfor %}",
    "{% for x in el %}x{% else %}none{% endfor %}{% for x in l %}x{% else %}none{% endfor %}",
    "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}{% for k in d %}{{ k }}{% endfor %}",
    "{% for a, (b, c) in [(1, (2, 3)), [4, 'xy']] %}{{ a }}{{ b }}{{ c }};{% endfor %}",
    "{% for x in l if x > 1 %}{{ x }}/{{ loop.length }}/{{ loop.last }} {% endfor %}",
    "{% for x in l if x > 5 %}{{ x }}{% else %}empty{% endfor %}",
    "{% for u in users if u.age > 25 %}{{ loop.index }}{{ u.name }}{{ loop.previtem.name if not loop.first }} {% endfor %}",
    "{% for x in range(10) %}{% if x == 2 %}{% continue %}{% endif %}{% if x > 4 %}{% break %}{% endif %}{{ x }}{% endfor %}",
    "{% for x in l %}{% break %}{% else %}else{% endfor %}|{% for x in [1] %}{% continue %}{% else %}else{% endfor %}",
    "{% for x in tree recursive %}{{ loop.depth }}:{{ x.v }}{% if x.c %}({{ loop(x.c) }}){% endif %}{% if not loop.last %},{% endif %}{% endfor %}",
    "{% for x in l %}{% for y in ls %}{{ loop.index }}{{ y }}{% endfor %}{{ loop.index }};{% endfor %}",
    "{% for x in l %}{% set outer = loop %}{% for y in [1, 2] %}{{ outer.index }}{{ loop.index }} {% endfor %}{% endfor %}",
    "{% for x in nil %}{% endfor %}", "{% for x in 5 %}{% endfor %}", "{% for a, b in [1] %}{% endfor %}",
    "{% for a, b in [(1, 2, 3)] %}{% endfor %}", "{% for a, b in ['x'] %}{% endfor %}",
    "{% for x in undefined_thing %}a{% else %}b{% endfor %}", "{% for c in 'añ🙂' %}[{{ c }}]{% endfor %}",
    "{% set x = 1 %}{% for i in l %}{% set x = x + i %}{{ x }} {% endfor %}{{ x }}",
    "{% set ns = namespace(x=0) %}{% for i in l %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }} {{ ns }}",
    "{% set ns = namespace() %}{% set ns.a = 1 %}{% set ns.b %}block{% endset %}{{ ns.a }}{{ ns.b }}{{ ns.c is defined }}",
    "{% set d2 = {} %}{% set d2.a = 1 %}{{ d2 }}", "{% set undefined_ns.a = 1 %}",
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set (a, b) = (b, a) %}{{ a }}{{ b }}{% set c = 1, %}{{ c }}",
    "{% set a, b = [1] %}", "{% set a = b = 1 %}", "{% set 5 = 1 %}", "{% set a.b.c = 1 %}", "{% set l[0] = 1 %}",
    "{% set t %}a{{ n }}b{% endset %}[{{ t }}]{% set t | upper | trim %} a{{ s }} {% endset %}[{{ t }}]",
    "{% if n > 5 %}a{% elif n > 3 %}b{% else %}c{% endif %}{% if no %}x{% elif e %}y{% elif s %}z{% endif %}",
    "{% if undefined_thing %}a{% endif %}{% if not undefined_thing %}b{% endif %}{% if undefined_thing.x %}c{% endif %}",
    "{% if no %}{% set q = 1 %}{% endif %}{{ q }}|{% if yes %}{% set q = 2 %}{% endif %}{{ q }}",
    "{% if yes %}{% set n = 1 %}{% endif %}{{ n }}{% if no %}{% set s = 1 %}{% endif %}{{ s }}",
    "{% if no %}{% set z = 1 %}{% elif yes %}{% set z = 2 %}{% else %}{% set z = 3 %}{% endif %}{{ z }}",
    "{{ n }}{% set n = n + 1 %}{{ n }}{% for i in [1] %}{% set n = n + 1 %}{{ n }}{% endfor %}{{ n }}",
    "{% for i in l %}{{ n }}{% set n = i %}{{ n }} {% endfor %}{{ n }}",
    "{% for i in l %}{% if i == 1 %}{% set found = i %}{% endif %}{{ found is defined }} {% endfor %}{{ found }}",
    "{% for i in l %}{% if loop.first %}{% set s = i %}{% endif %}{{ s }} {% endfor %}{{ s }}",
    "{% for n in l %}{{ n }}{% endfor %}{{ n }}", "{% for i in l %}{{ n }}{% endfor %}{{ i }}",
    "{% macro m(a, b=2, c='x' ~ b) %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ m(1) }} {{ m(1, 3) }} {{ m(c=1, a=2) }} {{ m() }}",
    "{% macro m(a) %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, 3, x=4) }} {{ m(1) }}",
    "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}", "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(b=2) }}",
    "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, a=2) }}", "{% macro m(a=b, b=1) %}{{ a }}{{ b }}{% endmacro %}{{ m() }}",
    "{% macro m() %}{{ n }}{{ later }}{% endmacro %}{% set later = 5 %}{{ m() }}{% set n = 1 %}{{ m() }}",
    "{% macro m(x) %}{% if x %}{{ x }}{{ m(x - 1) }}{% endif %}{% endmacro %}{{ m(5) }}",
    "{% macro m() %}{{ caller() }}-{{ caller() }}{% endmacro %}{% call m() %}hi{{ n }}{% endcall %}",
    "{% macro m() %}{{ caller(1, b=2) }}{% endmacro %}{% call(a, b) m() %}{{ a }}{{ b }}{% endcall %}",
    "{% macro m() %}{{ caller }}{% endmacro %}{{ m() }}", "{% macro m() %}{{ caller() }}{% endmacro %}{{ m() }}",
    "{% macro m() %}x{% endmacro %}{% call m() %}y{% endcall %}",
    "{% macro m(a, caller=none) %}{{ a }}{{ caller() if caller }}{% endmacro %}{{ m(1) }}{% call m(2) %}c{% endcall %}",
    "{% macro m(caller) %}{{ caller() }}{% endmacro %}{% call m() %}c{% endcall %}",
    "{% macro outer() %}{% macro inner(x) %}[{{ x }}{{ n }}]{% endmacro %}{{ inner(1) }}{{ inner(2) }}{% endmacro %}{{ outer() }}",
    "{% for i in l %}{% macro m() %}{{ i }}{% endmacro %}{{ m() }}{% endfor %}",
    "{% macro m() %}{% set n = 99 %}{{ n }}{% endmacro %}{{ m() }}{{ n }}",
    "{{ m() }}{% macro m() %}x{% endmacro %}", "{% macro m() %}  x  {% endmacro %}{{ m() | trim }}|{{ m }}|{{ m.name }}",
    "{% macro m(a, b) %}{{ a ~ b }}{% endmacro %}{{ m(*[1, 2]) }}{{ m(**{'a': 3, 'b': 4}) }}{{ m(5, *[6]) }}{{ m(7, **{'b': 8}) }}",
    "{% macro m() %}{{ kwargs.a }}{% endmacro %}{{ m(a=1) }}{{ m(**{'a': 2}) }}{{ m(a=1, **{'a': 2}) }}",
    "{% call undefined_thing() %}{% endcall %}", "{% call n %}{% endcall %}",
    "{% filter upper %}a{{ s }}{% endfilter %}{% filter replace('a', 'b') | upper %}banana{% endfilter %}",
    "{% filter indent(2) %}a\nb{% for x in l %}\n{{ x }}{% endfor %}{% endfilter %}",
    "{% with a = 1, b = n %}{{ a }}{{ b }}{% set a = 5 %}{{ a }}{% endwith %}{{ a }}{% with %}{{ n }}{% endwith %}",
    "{% with n = n + 1 %}{{ n }}{% with n = n + 1 %}{{ n }}{% endwith %}{{ n }}{% endwith %}{{ n }}",
    "{% with a = 1, b = a %}{{ a }}{{ b }}{% endwith %}", "{% with a, b = (1, 2) %}{{ a }}{{ b }}{% endwith %}",
    "{% block a %}x{{ n }}{% endblock %}{% block b %}{% set n = 1 %}{{ n }}{% endblock b %}{{ n }}",
    "{% for i in l %}{% block a %}{{ i }}{{ n }}{% endblock %}{% endfor %}", "{% block a %}{% endblock %}{% block a %}{% endblock %}",
    "{% raw %}{{ x }} {% if %}{% endraw %}|{% raw -%}  a  {%- endraw %}|{%- raw %} b {% endraw -%} c",
    "a{# comment #}b{#- c -#} d {# {{ x }} {% %} #}\n{# line #}\ne", "{#", "a {# b", "{% raw %}x", "{# a #}{# b -#}\n\nc",
    "{% generation %}a{{ n }}{% set n = 1 %}{{ n }}{% endgeneration %}{{ n }}",
    "{% print 1, 'a' %}{% print n %}", "{% if yes: %}a{% endif %}",
    "a\n  {% if yes %}\n  b\n  {% endif %}\nc\n", "a\n  {%- if yes -%}\n  b\n  {%- endif -%}\nc\n",
    "a\n  {%+ if yes +%}\n  b\n  {%+ endif +%}\nc\n", "  {{ n }}  \n  {{- n -}}  \n  {{ n }}\n",
    "{% if yes %}\n\n\na{% endif %}\n\n", "a {% if yes %} b {% endif %} c", "\n{% if yes %}{% endif %}\n\n",
    "x\n\t {# c #}\n y {# c #}\n{#- c #} z\n", "a\r\nb\r{% if yes %}\r\nc{% endif %}\r\n", "{{ 'a\r\nb' | tojson }}",
    "  {% raw %}  \n x {% endraw %}\n y", "a  {%- raw -%}  b  {%- endraw -%}  c", "{{-1}} {{ -1 }} {{+1}}", "{{ {'a': {'b': 1}}}}",
    "{{ [1, 2, 3][0] }}{{ (1, 2)[1] }}{{ {'a':1}.a }}", "{{ '}}' }}{{ '%}' }}{% if '%}' %}x{% endif %}",
    "{{ 1 }", "{{ 1", "{% if %}", "{% if yes %}", "{% endif %}", "{% for %}", "{% for x in l %}{% endif %}", "{% foo %}", "{{ }}", "{% %}",
    "{{ 1 + }}", "{{ (1 }}", "{{ 1) }}", "{{ [1 }}", "{{ {1} }}", "{{ {'a': } }}", "{{ a b }}", "{{ 'a }}", "{{ a..b }}", "{{ a. }}", "{{ 1 ! 2 }}",
    "{{ a | }}", "{{ a | 5 }}", "{{ a is }}", "{{ a is not }}", "{{ n is odd is even }}", "{{ f(a=1, 2) }}", "{{ f(*a, *b) }}", "{{ f(a=1, a=2) }}", "{{ $ }}", "{{ a ? b }}",
    "{{ n | nope }}", "{{ n is nope }}", "{% if no %}{{ n | nope }}{% endif %}ok", "{% if no %}{{ n is nope }}{% endif %}ok",
    "{{ n | nope if no else 1 }}", "{{ 1 if yes else n | nope }}", "{% if yes %}{{ n | nope }}{% endif %}", "{% if no %}{% for x in l %}{{ x | nope }}{% endfor %}{% endif %}",
    "{% if no %}{% macro m() %}{{ x | nope }}{% endmacro %}{% endif %}", "{% if n is nope %}{% endif %}", "{{ l | map('nope') | list }}", "{{ l | select('nope') | list }}", "{{ [] | map('nope') | list }}",
    "{{ l | map }}x" if False else "{{ l | map | list }}", "{{ l | map(attribute='x', foo=1) | list }}",
    "{{ undefined_thing.x }}", "{{ undefined_thing['x'] }}", "{{ undefined_thing() }}", "{{ undefined_thing + 1 }}", "{{ 1 + undefined_thing }}", "{{ undefined_thing < 1 }}",
    "{{ d.x.y }}", "{{ l[9].x }}", "{{ n() }}", "{{ s.nope() }}", "{{ nil.x.y }}", "{{ d.b.c.d }}",
    "{{ 1 + 'a' }}", "{{ 'a' + 1 }}", "{{ [1] + (2,) }}", "{{ 1 < 'a' }}", "{{ none < 1 }}", "{{ 1 / 0 }}", "{{ 1 // 0 }}", "{{ 1 % 0 }}", "{{ 1.0 / 0 }}", "{{ 'a' * 'b' }}", "{{ -'a' }}", "{{ [1] - [1] }}", "{{ {} + {} }}",
    "{{ 1 in 5 }}", "{{ 1 in 'abc' }}", "{{ [] in {} }}", "{{ {[]: 1} }}", "{{ d[l] }}", "{{ {(1, 2): 3}[(1, 2)] }}", "{{ l['a'] }}|{{ l[1.5] }}|{{ s['upper']() }}", "{{ d[1:2] }}", "{{ n[0:1] }}", "{{ l['a':] }}", "{{ l[::0] }}",
    "{{ l.append(1) }}", "{{ l.sort() }}", "{{ d.update({}) }}", "{{ d.pop('b') }}", "{{ d.setdefault('b', 1) }}", "{{ l.append is defined }}{{ d.pop is defined }}|{{ l.append }}",
    "{{ l.pop() }}{{ l }}{{ l.pop(0) }}{{ l }}", "{% set q = [1, 2, 3] %}{{ q.clear() }}{{ q }}", "{{ [].pop() }}",
    "{{ s.__class__ }}", "{{ s.__class__.x }}", "{{ d._x }}", "{{ {'_x': 1}._x }}{{ {'__x__': 1}['__x__'] }}", "{{ l.__len__ is defined }}", "{{ s.__class__ is defined }}",
    "{{ s.format }}x" if False else "{{ s.format() }}", "{{ '{0.__class__}'.format(s) }}", "{{ '{} {}'.format(1) }}", "{{ '{x}'.format(1) }}", "{{ '{'.format(1) }}", "{{ '}'.format(1) }}", "{{ '{0} {}'.format(1, 2) }}",
    "{{ '%d' % 'a' }}", "{{ '%s %s' % 'a' }}", "{{ '%s' % (1, 2) }}", "{{ '%y' % 1 }}", "{{ '%' % 1 }}", "{{ '%(a)s' % 5 }}", "{{ 'a' % 5 }}", "{{ '%s' % {} }}", "{{ '%(z)s' % {} }}",
    "{{ ''.split('') }}", "{{ 'a'.index('b') }}", "{{ ','.join([1]) }}", "{{ 'a'.nope }}|", "{{ 'a'.center('b') }}", "{{ 'a'.replace('b') }}", "{{ 'a'.upper(1) }}", "{{ 'a'.strip(chars='a') }}", "{{ 'a'.encode() }}x" if False else "",
    "{{ l | length(1) }}", "{{ l | join(1, 2, 3) }}", "{{ l | sort(nope=1) }}", "{{ n | length }}", "{{ n | first }}", "{{ n | list }}", "{{ mixed | sort }}", "{{ mixed | max }}", "{{ mixed | sum }}", "{{ l | batch }}", "{{ s | sum }}", "{{ 5 | round(method='x') }}", "{{ 'a' | round }}",
    "{{ l | map('upper') | length }}", "{{ l | reverse | length }}", "{{ l | select | last }}", "{{ [undefined_thing] | tojson }}", "{{ undefined_thing | tojson }}", "{{ range(3) | tojson }}", "{{ d.keys() | tojson }}", "{{ namespace() | tojson }}", "{{ {(1,): 2} | tojson }}", "{{ {'b': 1, 2: 3} | tojson(sort_keys=true) }}",
    "{{ none | join }}", "{{ none | sort }}", "{{ none | int }}{{ none | float }}", "{{ undefined_thing | int }}", "{{ undefined_thing | float }}", "{{ undefined_thing | abs }}", "{{ undefined_thing | round }}", "{{ undefined_thing | dictsort }}", "{{ l | dictsort }}", "{{ undefined_thing | sort }}|{{ undefined_thing | join }}|{{ undefined_thing | list }}|{{ undefined_thing | first }}|{{ undefined_thing | sum }}|{{ undefined_thing | reverse | list }}|{{ undefined_thing | unique | list }}|{{ undefined_thing | map('upper') | list }}",
    "{{ 'inf' | float | int }}", "{{ 'nan' | float | int }}", "{{ 1e30 | string }}", "{{ n | indent }}", "{{ undefined_thing | indent }}", "{{ s | truncate(1) }}", "{{ undefined_thing | truncate }}", "{{ n | items | list }}", "{{ l | items | list }}",
    "{{ range(100001) }}", "{{ range() }}", "{{ range(1, 2, 0) }}", "{{ range('a') }}", "{{ range(2.5) }}", "{{ dict(1) }}", "{{ dict([1]) }}", "{{ namespace(1) }}", "{{ cycler() }}",
    "{{ raise_exception('no: ' ~ n) }}", "{% if n > 5 %}{{ raise_exception(\"Roles must alternate\nuser/assistant\") }}{% endif %}", "{{ raise_exception() }}", "{{ raise_exception(l) }}", "{{ raise_exception(message='m') }}",
    "{% break %}", "{% continue %}", "{% for x in l %}{% macro m() %}{% break %}{% endmacro %}{% endfor %}", "{% for x in l %}{% set t %}a{% if x == 1 %}{% break %}{% endif %}{{ x }}{% endset %}{{ t }}{% endfor %}",
    "{% for loop in l %}{% endfor %}", "{% for x in l %}{% set loop = 1 %}{% endfor %}", "{% set loop = 1 %}{{ loop }}", "{% for x in l %}{{ loop }}{% endfor %}", "{{ loop }}|{{ loop is defined }}", "{% for x in l %}{{ loop(l) }}{% endfor %}",
    "{% for x in l recursive %}{{ loop() }}{% endfor %}", "{% set x = loop.index %}", "{% for x in loop %}{% endfor %}",
    "{% for x in l | map('string') %}{{ loop.length }}{{ x }}{{ loop.revindex }}{% endfor %}", "{% for x in l | select %}{{ x }}{{ loop.last }}{% endfor %}",
    "{% set g = l | map('string') %}{{ g | join }}|{{ g | join }}|{{ g | list }}", "{% set g = l | select %}{% for x in g %}{{ x }}{% for y in g %}({{ y }}){% endfor %}{% endfor %}",
    "{% for a in [1,2] %}{% for b in [1,2] %}{% if b == 2 %}{% break %}{% endif %}{{ a }}{{ b }} {% endfor %}{% endfor %}",
    "{% set c = cycler('a', 'b', 'c') %}{{ c.next() }}{{ c.next() }}{{ c.current }}{{ c.reset() }}{{ c.next() }}",
    "{% set j = joiner('; ') %}{% for x in l %}{{ j() }}{{ x }}{% endfor %}", "{% set j = joiner() %}{{ j() }}a{{ j() }}b",
    "{% include 'x' %}", "{% import 'x' as y %}", "{% extends 'x' %}", "{% from 'x' import y %}", "{% do l.pop() %}", "{% debug %}", "{% trans %}{% endtrans %}",
    "{% set messages = users[1:] %}{% for m in messages %}{{ m.name }}{% endfor %}{{ users | length }}",
    "{% for m in users %}{% if loop.previtem and loop.previtem.age == m.age %}={% endif %}{{ m.age }}{% if loop.nextitem is defined %}>{% endif %}{% endfor %}",
    "{%- macro render(o, depth=0) -%}{%- if o is mapping -%}{%- for k, v in o | dictsort -%}{{ '  ' * depth }}{{ k }}:\n{{ render(v, depth + 1) }}{%- endfor -%}{%- elif o is iterable and o is not string -%}{%- for v in o -%}{{ render(v, depth + 1) }}{%- endfor -%}{%- else -%}{{ '  ' * depth }}{{ o }}\n{%- endif -%}{%- endmacro -%}{{ render(d) }}{{ render(users) }}",
    "{% set ns = namespace(found=false, text='') %}{% for u in users %}{% if not ns.found and u.age > 26 %}{% set ns.found = true %}{% set ns.text = ns.text ~ u.name %}{% endif %}{% endfor %}{{ ns.found }}{{ ns.text }}",
    "{% set ns = namespace(a=[1]) %}{% set ns.a = ns.a + [2] %}{{ ns.a }}{{ ns['a'] }}{{ ns | attr('a') }}{{ ns._x is defined }}",
    "{% if a is not defined %}{% set a = 5 %}{% endif %}{{ a }}", "{% if n is defined %}{% set n = n | int + 1 %}{% endif %}{{ n }}",
    "{% for i in [1,2] %}{% if i == 1 %}{% set k = 'a' %}{% else %}{% set k = 'b' %}{% endif %}{{ k }}{% endfor %}{{ k }}",
    "{% for x in l %}{% if x == 3 %}{% set y = x %}{% endif %}{{ y }},{% endfor %}", "{% set y = 0 %}{% for x in l %}{% if x == 3 %}{% set y = x %}{% endif %}{{ y }},{% endfor %}{{ y }}",
    "{% macro m() %}{% if no %}{% set n = 0 %}{% endif %}{{ n }}{% endmacro %}{{ m() }}",
    "{% set a = 1 %}{% macro m() %}{{ a }}{% set a = 2 %}{{ a }}{% endmacro %}{{ m() }}{{ a }}",
    "{% set a = 1 %}{% if yes %}{% set a = a + 1 %}{% if yes %}{% set a = a + 1 %}{% endif %}{% endif %}{{ a }}",
    "{% if no %}{% elif yes %}{% set a = 1 %}{% set b = a %}{% elif no %}{% set b = 3 %}{% endif %}{{ a }}{{ b }}",
    "{% for x in l %}{% else %}{{ loop }}{% endfor %}{% for x in [] %}{% else %}{{ loop is defined }}{% endfor %}",
    "{% for x in [[1, 2], [3]] %}{% for x in x %}{{ x }}{% endfor %}{{ x }};{% endfor %}", "{% for x in l if x in l[:2] and n %}{{ x }}{% endfor %}",
    "{% for x in l if loop is defined %}{{ x }}{% endfor %}|{% for y in [1] %}{% for x in l if loop.first %}{{ x }}{% endfor %}{% endfor %}",
    "{% set n %}{{ n }}{% endset %}{{ n }}", "{% set q %}{% set w = 5 %}{{ w }}{% endset %}{{ q }}{{ w }}",
    "{{ self }}" if False else "", "{{ super }}{{ varargs }}{{ kwargs }}{{ caller }}", "{{ range.x }}|{{ dict is defined }}|{{ cycler is callable }}",
    "{{ ('a', 'b') | join }}{{ 'x' if ('a', 'b') == ('a', 'b') }}", "{{ 'a' if n == 7 }}{{ ('a' if n == 8) is defined }}{{ ('a' if n == 8).x }}",
    "{{ u }}{{ '東' in u }}{{ u | e }}{{ u | length }}", "\ufeffx{{ 'é' }}\u2028y\u00a0{%- if yes %}z{% endif %}", "{{ é }}{% set é = 5 %}{{ é }}", "a\x00b{{ 'c\x00d' | length }}",
    "{{ '' }}", "", "\n", "\n\n", "{{ n }}\n", "plain", "{", "{ {", "}}", "%}", "{{ '{{' }}", "{%%}", "{%-%}", "{{-}}",
    "{{ [\n1,\n2\n] }}\n{{ x.y.z }}", "{{ n\n}}", "{% set z = [\n  1,\n  2,\n] %}{{ z }}",
]

SNIPPETS = [t for t in TEMPLATES if t] + ["{{ (" + e.replace(", loop_less", ", none") + ") }}" for e in EXPRESSIONS] \
    + ["{% for v in [" + e + "] %}{{ v }};{% endfor %}" for e in EXPRESSIONS]
