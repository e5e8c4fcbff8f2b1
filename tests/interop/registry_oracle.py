#!/usr/bin/env python3
"""The lists of mlc_llm for configs, by the registry's own interpreter, for tests/unit/oracle_test.cc.

registry_oracle.py REGISTRY CASES OUT: a line of CASES is {"model", "scheme", "fields", "config"}, where fields are the
derived ones and config is config.json; the same line of OUT has the form of the registry's files: unquantized, params,
map. Or {"refused": why}, where mlc_llm has no such model, or {"failed": why}, where it ends in a Python error.

registry_oracle.py REGISTRY --hashes CONFIGS prints what tests/data/configs/schemes.tsv holds (README there).
"""
import functools
import hashlib
import json
import pathlib
import re
import sys

registry = pathlib.Path(sys.argv[1])
sys.path.insert(0, str(registry))
import expand  # noqa: E402

table = json.loads((registry / "table.json").read_text())


@functools.lru_cache(maxsize=None)
def compiled(expression):
    return compile(re.sub(r"\b(text_config|vision_config)\.", r"\1__", expression.lstrip("@")), expression, "eval")


class Names(dict):
    """Names of an expression; a dot is two underscores there."""

    def __missing__(self, name):
        return self[name.replace("__", ".")] if "__" in name else self.fail(name)

    def fail(self, name):
        raise NameError(name)


def evaluate(expression, env):
    if isinstance(expression, (int, float)):
        return expression
    return eval(compiled(expression), {"__builtins__": {}}, Names(env))


expand.ev = evaluate


def flat(fields):
    config = {}
    for key, value in fields.items():
        config[key] = value
        if isinstance(value, dict):
            config.update({f"{key}.{inner}": v for inner, v in value.items()})
    return config


def arguments(arch, config, kind):
    """The numbers of each op, which expand() leaves out."""
    numbers = {}
    for entry, env in expand.instances(arch["body"], config):
        if entry.get("only_quant_kind", kind) != kind:
            continue
        row = {k: entry[k] for k in ("compute_dtype",) if k in entry}
        for key in ("heads", "kv_heads", "head_dim", "q_per_kv", "t", "lo", "hi"):
            if key in entry:
                row[key] = evaluate(entry[key], env)
        if "reshape" in entry:
            row["reshape"] = [evaluate(e, env) for e in entry["reshape"]]
        row["symbolic"] = str(entry["shape"][0]).startswith("@")
        numbers[expand.sub(entry["name"], env)] = row
    return numbers


def lists(case):
    model, scheme = case["model"], case["scheme"]
    config = flat(case["fields"])
    config["has_vision_config"] = "vision_config" in case["config"]
    config.setdefault("is_text_model", "text_config" not in case["config"])
    config.setdefault("text_config.tie_word_embeddings", False)  # Mistral's has no such field
    arch = expand.arch_of(table, model)
    unquantized, params, maps = expand.expand(table, model, config, scheme)
    numbers = arguments(arch, config, expand.QUANTS[scheme]["kind"])

    def rows(entries, symbolic):
        out = []
        for name, shape, dtype in entries:
            row = {"name": name, "shape": shape, "dtype": dtype}
            if symbolic and numbers.get(name, {}).get("symbolic"):
                row["symbolic_dims"] = ["vocab_size"]
            out.append(row)
        return out

    entries = []
    for name, sources, op in maps:
        extra = {k: v for k, v in numbers.get(name, {}).items() if k != "symbolic"}
        entries.append({"mlc": name, "hf": sources, **extra, **op})
    return {"unquantized": rows(unquantized, True), "params": rows(params, False), "map": entries}


def print_hashes(configs):
    for path in sorted(configs.glob("*.params")):
        fields = json.loads(path.with_suffix(".model_config.json").read_text())
        config = json.loads(path.with_suffix(".json").read_text())
        model = path.stem if expand.arch_of(table, path.stem) else config["model_type"]
        if model == "mixformer-sequential":
            model = "phi-msft"
        for scheme in expand.QUANTS:
            try:
                rows = lists({"model": model, "scheme": scheme, "fields": fields, "config": config})["params"]
            except expand.Unsupported:
                print(path.stem, scheme, "refused", sep="\t")
                continue
            text = "".join(f"{r['name']} {'x'.join(map(str, r['shape']))} {r['dtype']}\n" for r in rows)
            print(path.stem, scheme, hashlib.sha256(text.encode()).hexdigest()[:16], sep="\t")


def main():
    if sys.argv[2] == "--hashes":
        print_hashes(pathlib.Path(sys.argv[3]))
        return
    with open(sys.argv[2]) as cases, open(sys.argv[3], "w") as out:
        for line in cases:
            try:
                answer = lists(json.loads(line))
            except expand.Unsupported as error:
                answer = {"refused": str(error)}
            except Exception as error:  # what mlc_llm's own expressions raise
                answer = {"failed": f"{type(error).__name__}: {error}"}
            out.write(json.dumps(answer) + "\n")


main()
