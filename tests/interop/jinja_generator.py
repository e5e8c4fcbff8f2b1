"""Random templates of the subset, the same for the same seed.

A backquote stands for a double quote, which f-strings can't hold in every version of Python.

Expressions are made by type, so that most templates render; a few pieces are wrong on purpose, and then
both engines have to fail.
"""

import random

STRINGS = ["s", "empty", "sp", "u", "q", "num", "'ab'", "'X y'", "''", "ys[0]", "msgs[1].role", "objs[0]['name']", "'a\\nb'"]
NUMBERS = ["n", "neg", "z", "f", "1", "2", "10", "0.5", "xs[0]", "xs|length", "objs[1].age", "t", "loop_count"]
LISTS = ["xs", "ys", "nest", "none_list", "[1, 2, 3]", "['a', s]", "(1, 'b')", "range(3)", "range(1, 6, 2)", "d|list", "msgs", "mix", "objs"]
DICTS = ["d", "dd", "{'a': 1, 'b': s}", "msgs[0]", "objs[1]", "dict(k=1)", "{}"]
OTHER = ["no", "x", "missing", "t", "fa", "d.zz", "xs[7]"]


class Generator:
    def __init__(self, rng):
        self.rng = rng
        self.names = 0

    def pick(self, options):
        return self.rng.choice(options)

    def string(self, depth):
        r = self.rng
        if depth <= 0 or r.random() < 0.25:
            return self.pick(STRINGS)
        s = lambda: self.string(depth - 1)
        return self.pick([
            lambda: f"{s()} ~ {self.anything(depth - 1)}",
            lambda: f"({s()} + {s()})",
            lambda: f"({s()})|{self.pick(['trim', 'string', 'length|string', 'reverse', 'list|join', 'list|join(`-`)', 'first|default(`?`)', 'last|default(`?`)', 'tojson', 'indent(2)', 'replace(`a`, `<>`)', 'default(`d`, true)'])}",
            lambda: f"'{self.pick(['Ab c', 'hello', 'A-b', ''])}'|{self.pick(['upper', 'lower', 'title', 'capitalize', 'center(9)'])}",
            lambda: f"({s()}).{self.pick(['strip()', 'lstrip()', 'rstrip()', 'strip(`a `)', 'split()[0]', 'split(`o`)|last', 'replace(`l`, `L`)', 'removeprefix(`H`)', 'rsplit(` `, 1)[0]'])}",
            lambda: f"({s()})[{self.pick(['0', '-1', '1:', ':-1', '::-1', '::2', '-3:', '1:3', '5:2', '99', '-99:'])}]",
            lambda: f"({s()} if {self.boolean(depth - 1)} else {s()})",
            lambda: f"({self.items(depth - 1)})|join({self.pick(['`, `', '``', '1'])})",
            lambda: f"({self.items(depth - 1)})|map('string')|join('/')",
            lambda: f"({self.anything(depth - 1)})|{self.pick(['string', 'tojson', 'trim'])}",
            lambda: f"'%s:%d' % ({s()}, {self.pick(['1', 'n', '-3', '2.9'])})",
            lambda: f"macro_{self.rng.randint(0, 1)}({self.anything(depth - 1)}, b={s()})",
        ])()

    def number(self, depth):
        r = self.rng
        if depth <= 0 or r.random() < 0.3:
            return self.pick(NUMBERS)
        x = lambda: self.number(depth - 1)
        return self.pick([
            lambda: f"({x()} {self.pick(['+', '-', '*', '//', '%', '/'])} {x()})",
            lambda: f"({x()} {self.pick(['+', '-', '*'])} {x()})",
            lambda: f"-{self.pick(['n', '3', '(f)'])}",
            lambda: f"({x()})|{self.pick(['abs', 'int', 'float', 'round', 'round(1)', 'round(1, `floor`)', 'string|length', 'default(3)'])}",
            lambda: f"({self.items(depth - 1)})|{self.pick(['length', 'count', 'list|length'])}",
            lambda: f"({self.string(depth - 1)})|{self.pick(['int', 'float', 'int(7)', 'length'])}",
            lambda: f"(xs|{self.pick(['sum', 'min', 'max', 'first', 'last', 'sum(start=n)'])})",
            lambda: f"(({x()})|abs ** {self.pick(['2', '0', '1', '0.5', '-1'])})",
            lambda: f"({self.string(depth - 1)}).{self.pick(['find(`o`)', 'count(`l`)', 'rfind(`a`)'])}",
        ])()

    def items(self, depth):
        r = self.rng
        if depth <= 0 or r.random() < 0.3:
            return self.pick(LISTS)
        x = lambda: self.items(depth - 1)
        return self.pick([
            lambda: f"({x()})|list",
            lambda: f"({x()}|list + {x()}|list)",
            lambda: f"[{', '.join(self.anything(depth - 1) for _ in range(r.randint(0, 3)))}]",
            lambda: f"({x()}|list)[{self.pick(['1:', ':2', '::-1', '-2:', '::2', ':-1', ':0', '2:0:-1'])}]",
            lambda: f"xs|{self.pick(['sort', 'sort(reverse=true)', 'reverse|list', 'unique|list', 'batch(2)|list', 'map(`abs`)|list', 'select(`odd`)|list', 'reject(`gt`, 1)|list'])}",
            lambda: f"ys|{self.pick(['sort', 'sort(case_sensitive=true)', 'unique|list', 'map(`upper`)|list', 'select(`in`, [`a`, `b`])|list'])}",
            lambda: f"objs|{self.pick(['map(attribute=`name`)', 'selectattr(`tags`)', 'rejectattr(`tags`, `defined`)', 'selectattr(`age`, `equalto`, 30)', 'sort(attribute=`age`)', 'map(attribute=`tags`, default=`-`)', 'map(attribute=`zz.y`)' if r.random() < 0.1 else 'map(attribute=`zz`)'])}|list",
            lambda: f"({self.mapping(depth - 1)})|{self.pick(['items|list', 'dictsort', 'list', 'dictsort(reverse=true)'])}",
            lambda: f"({self.mapping(depth - 1)}).{self.pick(['keys()', 'values()', 'items()'])}|list",
            lambda: f"({self.string(depth - 1)})|list",
            lambda: f"({self.string(depth - 1)}).split({self.pick(['', '`o`', '` `, 1'])})",
            lambda: f"({self.string(depth - 1)}).splitlines()",
            lambda: f"({x()}|list) * {self.pick(['0', '1', '2'])}",
        ])()

    def mapping(self, depth):
        if depth <= 0 or self.rng.random() < 0.6:
            return self.pick(DICTS)
        return self.pick([
            lambda: f"{{{self.pick(['1', 's', 'true', '(1, 2)', '`k`'])}: {self.anything(depth - 1)}, 'z': {self.anything(depth - 1)}}}",
            lambda: f"dict(a={self.anything(depth - 1)})",
        ])()

    def boolean(self, depth):
        r = self.rng
        if depth <= 0 or r.random() < 0.2:
            return self.pick(["t", "fa", "x is defined", "not no", "true"])
        return self.pick([
            lambda: f"{self.number(depth - 1)} {self.pick(['<', '<=', '>', '>=', '==', '!='])} {self.number(depth - 1)}",
            lambda: f"{self.string(depth - 1)} {self.pick(['==', '!=', '<', 'in', 'not in'])} ({self.string(depth - 1)})",
            lambda: f"{self.anything(depth - 1)} {self.pick(['==', '!='])} {self.anything(depth - 1)}",
            lambda: f"{self.anything(depth - 1)} in ({self.items(depth - 1)})",
            lambda: f"({self.anything(depth - 1)}) is {self.pick(['string', 'defined', 'undefined', 'none', 'number', 'mapping', 'iterable', 'not string', 'integer', 'float', 'boolean', 'true', 'false', 'not none', 'callable'])}",
            lambda: f"{self.pick(['n', 'xs[1]', '4'])} is {self.pick(['odd', 'even', 'divisibleby 3', 'eq 1', 'in xs', 'gt 2'])}",
            lambda: f"not {self.boolean(depth - 1)}",
            lambda: f"({self.boolean(depth - 1)} {self.pick(['and', 'or'])} {self.boolean(depth - 1)})",
            lambda: f"({self.string(depth - 1)}).{self.pick(['startswith(`H`)', 'endswith((`d`, `x`))'])}",
            lambda: f"'{self.pick(['a', 'role', 'zz'])}' in {self.mapping(0)}",
        ])()

    def anything(self, depth):
        return self.pick([self.string, self.string, self.number, self.items, self.mapping, self.boolean,
                          lambda d: self.pick(OTHER)])(depth)

    def wrong(self):
        return self.pick(["{{ no + 1 }}", "{{ x.y }}", "{{ 1 / z }}", "{{ raise_exception('r') }}", "{{ s + n }}", "{{ xs.append(1) }}", "{% set x.y = 1 %}",
                          "{{ s|nope }}", "{{ n|length }}", "{% for a, b in xs %}{% endfor %}", "{{ 1 < 'a' }}", "{{ (1 }}", "{% endfor %}", "{{ d.nope() }}", "{{ macro_0(1, 2, 3) }}"])

    def white(self):
        return self.pick(["", "", " ", "\n", "\n  ", "  \n\n", "text", " a ", "\n\tb\n", "é"])

    def tag(self, inside):
        left = self.pick(["{%", "{%", "{%-", "{%-", "{%+"])
        right = self.pick(["%}", "%}", "-%}", "-%}", "+%}"])
        return f"{left} {inside} {right}"

    def name(self):
        self.names += 1
        return f"v{self.names}"

    def statement(self, depth, loop):
        r = self.rng
        kinds = ["print"] * 5 + ["set"] * 2 + (["if", "for", "for2", "setblock", "filter", "with", "comment", "raw", "generation", "namespace"] if depth > 0 else [])
        if loop:
            kinds += ["loopvar", "jump"]
        kind = self.pick(kinds)
        body = lambda inner=loop: self.body(depth - 1, inner)
        if kind == "print":
            left, right = self.pick(["{{", "{{", "{{-"]), self.pick(["}}", "}}", "-}}"])
            return f"{left} {self.anything(3)} {right}"
        if kind == "set":
            name = self.name() if r.random() < 0.6 else "acc"
            return self.tag(f"set {name} = {self.anything(2)}") + "{{ " + name + " }}"
        if kind == "if":
            parts = [self.tag(f"if {self.boolean(2)}"), body()]
            if r.random() < 0.4:
                parts += [self.tag(f"elif {self.boolean(2)}"), body()]
            if r.random() < 0.5:
                parts += [self.tag("else"), body()]
            return "".join(parts + [self.tag("endif")])
        if kind == "for":
            condition = f" if {self.pick(['item', 'item is string', 'item is not none', 'loop_count'])}" if r.random() < 0.3 else ""
            parts = [self.tag(f"for item in {self.items(2)}{condition}"), "{{ item }}", body(True)]
            if r.random() < 0.3:
                parts += [self.tag("else"), body()]
            return "".join(parts + [self.tag("endfor")])
        if kind == "for2":
            return self.tag(f"for key, value in ({self.mapping(1)})|{self.pick(['items', 'dictsort'])}") + "{{ key }}={{ value }}" + body(True) + self.tag("endfor")
        if kind == "setblock":
            name = self.name()
            return self.tag(f"set {name}{self.pick(['', ' | trim', ' | replace(`a`, `b`) | trim'])}") + body(False) + self.tag("endset") + "[{{ " + name + " }}]"
        if kind == "filter":
            return self.tag("filter " + self.pick(["trim", "replace('a', 'A')", "indent(2)", "reverse"])) + body(False) + self.tag("endfilter")
        if kind == "with":
            return self.tag(f"with w = {self.anything(1)}, acc = 5") + "{{ w }}{{ acc }}" + body() + self.tag("endwith")
        if kind == "comment":
            return self.pick(["{# c #}", "{#- c -#}", "{# {{ x }} #}\n", "  {# a +#}\n"])
        if kind == "raw":
            return self.tag("raw").replace("+%}", "%}") + self.pick(["{{ x }}", " {% if %} ", "\n a \n"]) + self.tag("endraw")
        if kind == "generation":
            return self.tag("generation") + body(False) + self.tag("endgeneration")
        if kind == "namespace":
            return self.tag(f"set ns.count = ns.count + {self.pick(['1', 'n'])}") + self.tag(f"set ns.last = {self.anything(1)}") + "{{ ns.count }}{{ ns.last }}"
        if kind == "loopvar":
            return "{{ loop." + self.pick(["index", "index0", "first", "last", "length", "revindex", "revindex0", "previtem", "nextitem", "cycle('a', 'b')", "changed(1)"]) + " }}"
        return self.tag(f"if loop.index0 {self.pick(['==', '>'])} {r.randint(0, 2)}") + self.tag(self.pick(["break", "continue"])) + self.tag("endif")

    def body(self, depth, loop):
        return "".join(self.white() + self.statement(depth, loop) for _ in range(self.rng.randint(1, 3))) + self.white()

    def template(self):
        head = ("{% macro macro_0(a, b='B') %}<{{ a }}|{{ b }}>{% endmacro %}\n"
                "{%- macro macro_1(a, b, c=a) -%} {{ b|string|length }}{{ c }}{%- endmacro -%}\n"
                "{% set ns = namespace(count=0) %}{% set acc = 'acc' %}{% set loop_count = 2 %}")
        body = self.body(3, False)
        if self.rng.random() < 0.1:
            body += self.wrong()
        return (head + body).replace('`', '"')


def generate(seed, count):
    rng = random.Random(seed)
    for _ in range(count):
        yield Generator(rng).template()
