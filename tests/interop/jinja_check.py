#!/usr/bin/env python3
"""Our Jinja engine against jinja2, byte for byte: jinja_check.py JINJA_CLI TEMPLATES_FOLDER

Renders, by both, the chat templates of TEMPLATES_FOLDER for a set of conversations, the cases of
jinja_cases.py and 300 templates that jinja_generator.py makes from a fixed seed. Where one fails, the
other has to fail too. jinja2 is set up as transformers does it.
"""

import datetime
import json
import pathlib
import subprocess
import sys

try:
    import jinja2
    import jinja2.ext
    import jinja2.nodes
    import jinja2.sandbox
except ImportError:
    sys.exit("jinja_check: python3-jinja2 is missing; scripts/setup.sh installs it")

from jinja_cases import CASES, CONTEXT, CONVERSATIONS
from jinja_generator import generate

NOW = 1722000000  # 26 July 2024, UTC
GENERATED = 300


class Generation(jinja2.ext.Extension):
    """{% generation %}: text that an assistant writes; only the marks are ignored."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        call = self.call_method("_text", [])
        return jinja2.nodes.CallBlock(call, [], [], body).set_lineno(line)

    def _text(self, caller):
        return caller()


def environment():
    env = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    def strftime_now(form):
        return datetime.datetime.fromtimestamp(NOW, datetime.timezone.utc).strftime(form)

    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = strftime_now
    return env


class Ours:
    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def render(self, template, context):
        request = {"template": template, "context": context, "now": NOW}
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        return answer.get("text"), answer.get("error")


def theirs(env, template, context):
    try:
        return env.from_string(template).render(**context), None
    except Exception as error:  # any failure counts
        return None, f"{type(error).__name__}: {error}"


def main():
    ours = Ours(sys.argv[1])
    env = environment()
    counts = {}
    wrong = 0

    def check(kind, name, template, context):
        nonlocal wrong
        a, a_error = ours.render(template, context)
        b, b_error = theirs(env, template, context)
        ok = counts.setdefault(kind, [0, 0])
        ok[0] += 1
        ok[1] += b is None
        if a == b and (a is None) == (b is None):
            return
        wrong += 1
        if wrong <= 20:
            print(f"{kind} {name}\n  template: {template[:1500]!r}\n  ours:  {a!r} {a_error}\n  jinja2: {b!r} {b_error}")

    for path in sorted(pathlib.Path(sys.argv[2]).glob("*.jinja")):
        for name, context in CONVERSATIONS.items():
            check("chat templates", f"{path.name} {name}", path.read_text(), context)
    for template in CASES:
        check("cases", "", template, CONTEXT)
    seed, first = (int(sys.argv[3]), int(sys.argv[4])) if len(sys.argv) > 4 else (4, GENERATED)
    for number, template in enumerate(generate(seed, first)):
        check("generated", number, template, CONTEXT)
    for kind, (total, failing) in counts.items():
        print(f"{kind}: {total} compared with jinja2 {jinja2.__version__}, {failing} of them fail in both")
    if not counts.get("chat templates"):
        sys.exit("jinja_check: no chat templates found")
    if wrong:
        sys.exit(f"jinja_check: {wrong} differ")


main()
