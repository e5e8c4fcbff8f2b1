#!/usr/bin/env python3
"""`mlc gen_config` on a tokenizer.json of 10 MB, beside merely reading and hashing that file.

    gen_config_bench.py --mlc build/release/mlc [--runs 21] [--work DIR]

The checkpoint is made here: Llama 3.1's numbers and chat template, and a byte-level vocabulary of 128,000
random words with 205,000 merges, written as transformers writes it. Every run measures in turn, all from the page
cache and each as a process of its own: `md5sum` of the file, gen_config with --dry-run, gen_config with its output.
The output is synced to the disk, so that its time depends on the disk; --work says where it lies. The median is
printed with the range, and the median of the CPU time, which other work on the machine changes less; ratios are taken
run by run.
"""
import argparse
import json
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

TEMPLATE = pathlib.Path(__file__).resolve().parent.parent / "data" / "chat_templates" / "llama-3.1.jinja"
CONFIG = {
    "model_type": "llama", "hidden_size": 4096, "intermediate_size": 14336, "num_attention_heads": 32,
    "num_hidden_layers": 32, "num_key_value_heads": 8, "rms_norm_eps": 1e-05, "vocab_size": 128256,
    "max_position_embeddings": 131072, "rope_theta": 500000.0, "bos_token_id": 128000, "eos_token_id": [128001, 128009],
}
SPECIAL = {128000: "<|begin_of_text|>", 128001: "<|end_of_text|>", 128006: "<|start_header_id|>",
           128007: "<|end_header_id|>", 128009: "<|eot_id|>"}


def tokenizer(chance):
    """Words are joins of two earlier ones, as byte pair encoding makes them; half begin with a space."""
    # The printable stand-ins of GPT-2 for the 256 bytes.
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    words = [chr(c) for c in plain] + [chr(256 + i) for i in range(256 - len(plain))]
    seen, merges = set(words), []
    while len(words) < 128000:
        left, right = chance.choice(words[:20000]), chance.choice(words[:4000])
        word = left + right
        if len(word) < 12 and word not in seen:
            seen.add(word)
            words.append(word)
            merges.append(f"{left} {right}")
    while len(merges) < 205000:
        merges.append(f"{chance.choice(words[:20000])} {chance.choice(words[:4000])}")
    added = [{"id": i, "content": SPECIAL.get(i, f"<|reserved_special_token_{i - 128000}|>"), "single_word": False,
              "lstrip": False, "rstrip": False, "normalized": False, "special": True} for i in range(128000, 128256)]
    byte_level = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None,
            "pre_tokenizer": byte_level, "post_processor": byte_level, "decoder": byte_level,
            "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                      "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": True,
                      "vocab": {word: i for i, word in enumerate(words)}, "merges": merges}}


def make_checkpoint(folder):
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "tokenizer_config.json").write_text(json.dumps(
        {"bos_token": SPECIAL[128000], "eos_token": SPECIAL[128009], "chat_template": TEMPLATE.read_text()}))
    text = json.dumps(tokenizer(random.Random(4)), indent=2, ensure_ascii=False)
    (folder / "tokenizer.json").write_text(text, encoding="utf-8")
    return folder / "tokenizer.json"


def timed(command):
    """Milliseconds by the clock and of the CPU."""
    start = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit code {child.returncode}")
    return 1000 * wall, 1000 * (usage.ru_utime + usage.ru_stime)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--mlc", required=True)
    parser.add_argument("--runs", type=int, default=21)
    parser.add_argument("--work", default=None, help="folder for the checkpoint and the output")
    args = parser.parse_args()
    work = pathlib.Path(tempfile.mkdtemp(prefix="mlc-gen-config-bench-", dir=args.work))
    try:
        file = make_checkpoint(work / "source")
        size = file.stat().st_size
        command = [args.mlc, "gen_config", str(work / "source"), "--quantization", "q4f16_1", "--quiet"]
        kinds = {"md5sum of tokenizer.json": ["md5sum", str(file)], "gen_config --dry-run": [*command, "--dry-run"],
                 "gen_config, synced": [*command, "-o", str(work / "out")]}
        for one in kinds.values():  # warms the page cache
            timed(one)
        rows = [{name: timed(one) for name, one in kinds.items()} for _ in range(args.runs)]
    finally:
        shutil.rmtree(work)
    first = next(iter(kinds))
    print(f"tokenizer.json of {size / 1e6:.1f} MB, {args.runs} runs, load {os.getloadavg()[0]:.1f}")
    for name in kinds:
        wall, cpu = zip(*(row[name] for row in rows))
        ratio = statistics.median(row[name][0] / row[first][0] for row in rows)
        print(f"  {name:<26} {statistics.median(wall):6.1f} ms ({min(wall):.1f} to {max(wall):.1f}), "
              f"CPU {statistics.median(cpu):.1f} ms, ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
