#!/usr/bin/env python3
"""Writes the tables of README.md and docs/verify.md, from what the program itself lists.

  scripts/update_readme.py [MLC]           rewrites both (MLC: build/release/mlc)
  scripts/update_readme.py --check [MLC]   changes nothing; fails when one of them differs

The tables stand between the lines "<!-- generated ... -->" and "<!-- end of generated -->". After a change of a table
in the program, or a conflict of two: build mlc and run this.
"""

import difflib
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BEGIN = "<!-- generated: build mlc and run scripts/update_readme.py instead of editing -->"
END = "<!-- end of generated -->"


def listed(mlc, option, command="convert_weight"):
    return json.loads(subprocess.run([mlc, command, option, "--json"], check=True, capture_output=True).stdout)


def table(titles, rows):
    lines = [titles, ["---"] * len(titles), *rows]
    return "".join("|" + "".join(f" {cell} |" if cell else " |" for cell in line) + "\n" for line in lines)


def code(names):
    return ", ".join(f"`{name}`" for name in names)


def yes(value):
    return "yes" if value else ""


def supported(mlc):
    models = listed(mlc, "--list-models")["models"]
    schemes = listed(mlc, "--list-quantizations")["quantizations"]
    sources = listed(mlc, "--list-sources")
    known = sum(m["in_mlc_llm"] for m in models)
    parts = [
        f"\n**Model types**: {len(models)}, of which mlc_llm knows {known}. Runtimes have model libraries only for those.\n\n",
        table(["model type", "also detected as", "in mlc_llm", "experts", "note"],
              [[f"`{m['model_type']}`", code(m["also_detected_as"]), yes(m["in_mlc_llm"]), yes(m["experts"]), m["note"]]
               for m in models]),
        f"\n**Quantizations**: {len(schemes)}. The layouts KN can't hold experts.\n\n",
        table(["quantization", "model dtype", "weights are stored as", "layout", "embedding", "head"],
              [[f"`{q['name']}`", q["model_dtype"], q["stored"], q["layout"] or "", yes(q["embedding"]), yes(q["final_fc"])]
               for q in schemes]),
        "\n**Source formats**\n\n",
        table(["`--source-format`", "files", "that hold"], 
              [[f"`{s['name']}`", s["files"].replace("*", "\\*"), s["holds"]] for s in sources["sources"]]),
        "\nGGUF types that are read: " + ", ".join(t["name"] for t in sources["gguf_types"] if t["read"]) + ".\n",
        "Refused by name: " + ", ".join(t["name"] for t in sources["gguf_types"] if not t["read"]) + ".\n",
        "GGUF architectures: " + ", ".join(sources["gguf_architectures"]) + ".\n\n",
    ]
    return "".join(parts)


# The first letter of an id, and who gives such ids.
LEVELS = {
    "S": "Signatures and packages",
    "F": "Files", "P": "Params, config and tokenizer", "W": "Weights", "K": "Kernels", "M": "Model",
    "R": "Reference vectors", "D": "`mlc diff`",
}


def text(sentence):
    return sentence.replace("*", "\\*").replace("<", "\\<").replace("|", "\\|")


def findings(mlc):
    known = listed(mlc, "--list-findings", "verify")
    parts = []
    for letter, level in LEVELS.items():
        rows = [[f["id"], f"`{f['name']}`", f["severity"], text(f["what"]), text(f["to_do"])]
                for f in known["findings"] if f["id"].startswith(letter)]
        if rows:
            parts += [f"\n### {level}\n\n", table(["id", "name", "severity", "what is wrong", "what to do"], rows)]
    unknown = [f["id"] for f in known["findings"] if f["id"][0] not in LEVELS]
    if unknown:
        sys.exit(f"scripts/update_readme.py: which level gives {', '.join(unknown)}?")
    bounds = [[f"`{t['name']}`", f"{'at least' if t['at_least'] else 'at most'} {t['value']:g}", text(t["explains"])]
              for t in known["thresholds"]]
    parts += ["\n### Bounds\n\n", table(["name", "default", "of"], bounds), "\n"]
    return "".join(parts)


def update(name, generated, check):
    """Whether the file is as it should be, or is now."""
    path = ROOT / name
    old = path.read_text(encoding="utf-8")
    if old.count(BEGIN) != 1 or old.count(END) != 1:
        sys.exit(f"{name}: expected the lines {BEGIN} and {END}, once each")
    new = re.sub(re.escape(BEGIN) + ".*?" + re.escape(END), lambda _: BEGIN + "\n" + generated + END, old, flags=re.S)
    if new == old:
        print(f"{name} is up to date")
    elif check:
        sys.stdout.writelines(difflib.unified_diff(old.splitlines(True), new.splitlines(True), name, "what mlc lists", n=1))
        print(f"{name} does not say what mlc lists; run scripts/update_readme.py MLC (build/release/mlc) and commit it")
    else:
        path.write_text(new, encoding="utf-8")
        print(f"{name} rewritten")
    return new == old or not check


def main():
    arguments = sys.argv[1:]
    check = arguments[:1] == ["--check"]
    if check:
        arguments = arguments[1:]
    mlc = arguments[0] if arguments else ROOT / "build" / "release" / "mlc"
    right = [update("README.md", supported(mlc), check), update("docs/verify.md", findings(mlc), check)]
    sys.exit(0 if all(right) else 1)


if __name__ == "__main__":
    main()
