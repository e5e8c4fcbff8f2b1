#!/usr/bin/env python3
"""Our CPU device beside llama.cpp, in one run: tokens per second of TinyLlama's shapes, and matrix-vector products.

    peer_llama_cpp.py --mlc build/release/mlc [--matvec build/release/tests/matvec_bench] [--pairs 5] [--folder DIR]

llama.cpp comes from npm: node-llama-cpp carries its source, @node-llama-cpp/linux-x64 its libraries, built for every
kind of x86-64 processor, of which it takes the best. Compiled here are only its llama-bench and our peer_ggml.cc. Its
model is random too: every matrix Q4_0, which has the bytes of q4f16_1. It runs with its defaults, which lay weights out
anew for the processor ("repack"); llama-bench's -n 1 gives the time of single tokens, as `mlc bench` measures them.

The two run in turn, 2 threads each; ratios are taken pair by pair, and printed is the median with the range. DIR keeps
what was installed and made (700 MB); without it all is removed again. Needs the network for npm, node, git and g++.
"""
import argparse
import json
import os
import pathlib
import statistics
import struct
import subprocess
import sys
import tarfile
import tempfile

VERSION = "3.22.1"
THREADS = 2
PROMPT, TOKENS = 64, 128
HERE = pathlib.Path(__file__).resolve().parent
# TinyLlama 1.1B.
LAYERS, HIDDEN, INTERMEDIATE, VOCAB, HEADS, KV_HEADS = 22, 2048, 5632, 32000, 32, 4


def run(*command, **more):
    return subprocess.run([str(c) for c in command], check=True, stdout=subprocess.PIPE, **more).stdout


def libraries(folder):
    return folder / "linux-x64" / "bins" / "linux-x64"


def install(folder):
    """The libraries, the source, and the two programs."""
    for name, package in (("node-llama-cpp", "node-llama-cpp"), ("linux-x64", "@node-llama-cpp/linux-x64")):
        if (folder / name).exists():
            continue
        packed = run("npm", "pack", "--silent", f"{package}@{VERSION}", cwd=folder).decode().split()[-1]
        with tarfile.open(folder / packed) as archive:
            archive.extractall(folder / "unpacked")
        (folder / packed).unlink()
        (folder / "unpacked" / "package").rename(folder / name)
    source = folder / "source"
    if not source.exists():
        bundle = folder / "node-llama-cpp" / "llama" / "gitRelease.bundle"
        run("git", "clone", "--quiet", "-c", "advice.detachedHead=false", bundle, source)
    bins = libraries(folder)
    found = {p.name.split(".")[0]: f"-l:{p.name}" for p in bins.glob("lib*.so") if "cpu" not in p.name}
    compiler = ["g++", "-std=c++17", "-O2", f"-L{bins}", f"-Wl,-rpath,{bins}"]
    ggml = [found["libggml"], found["libggml-base"]]
    if not (bins / "llama-bench").exists():
        include = [f"-I{source / part}" for part in ("include", "ggml/include", "common", "vendor", "src")]
        run(*compiler, *include, *sorted((source / "tools" / "llama-bench").glob("*.cpp")), "-o", bins / "llama-bench",
            found["libllama-common"], found["libllama"], *ggml)
    run(*compiler, f"-I{source}/ggml/include", HERE / "peer_ggml.cc", "-o", folder / "peer_ggml", *ggml)


def tensors():
    yield "token_embd.weight", (VOCAB, HIDDEN)
    for i in range(LAYERS):
        kv = KV_HEADS * HIDDEN // HEADS
        for name, shape in (("attn_norm", (HIDDEN,)), ("attn_q", (HIDDEN, HIDDEN)), ("attn_k", (kv, HIDDEN)),
                            ("attn_v", (kv, HIDDEN)), ("attn_output", (HIDDEN, HIDDEN)), ("ffn_norm", (HIDDEN,)),
                            ("ffn_gate", (INTERMEDIATE, HIDDEN)), ("ffn_up", (INTERMEDIATE, HIDDEN)),
                            ("ffn_down", (HIDDEN, INTERMEDIATE))):
            yield f"blk.{i}.{name}.weight", shape
    yield "output_norm.weight", (HIDDEN,)
    yield "output.weight", (VOCAB, HIDDEN)


def write_model(path):
    """A GGUF file without a tokenizer."""
    f32, q4_0 = 0, 2

    def text(s):
        return struct.pack("<Q", len(s)) + s.encode()

    def key(name, kind, form, value):
        return text(name) + struct.pack("<I", kind) + (text(value) if form is None else struct.pack(form, value))

    keys = [key("general.architecture", 8, None, "llama"), key("tokenizer.ggml.model", 8, None, "no_vocab"),
            key("llama.attention.layer_norm_rms_epsilon", 6, "<f", 1e-5)]
    for name, value in (("vocab_size", VOCAB), ("context_length", 2048), ("embedding_length", HIDDEN),
                        ("block_count", LAYERS), ("feed_forward_length", INTERMEDIATE),
                        ("attention.head_count", HEADS), ("attention.head_count_kv", KV_HEADS)):
        keys.append(key(f"llama.{name}", 4, "<I", value))
    infos, sizes, offset = b"", [], 0
    for name, shape in tensors():
        matrix = len(shape) == 2
        size = shape[0] * shape[1] // 32 * 18 if matrix else 4 * shape[0]
        infos += text(name) + struct.pack("<I", len(shape)) + b"".join(struct.pack("<Q", d) for d in reversed(shape))
        infos += struct.pack("<IQ", q4_0 if matrix else f32, offset)
        sizes.append((matrix, size))
        offset += (size + 31) // 32 * 32
    blocks = 1 << 16
    codes = bytearray(os.urandom(18 * blocks))
    codes[0::18], codes[1::18] = bytes(blocks), b"\x18" * blocks  # the scale 2^-9
    ones = struct.pack("<f", 1.0) * HIDDEN
    with open(path, "wb") as file:
        file.write(b"GGUF" + struct.pack("<IQQ", 3, len(sizes), len(keys)) + b"".join(keys) + infos)
        file.write(bytes(-file.tell() % 32))
        for matrix, size in sizes:
            whole, rest = divmod(size, len(codes)) if matrix else (0, size)
            for _ in range(whole):
                file.write(codes)
            file.write((codes if matrix else ones)[:rest] + bytes(-size % 32))


def ours(mlc):
    out = json.loads(run(mlc, "bench", "--synthetic", "tinyllama_1b_chat_v1.0", "--device", "cpu", "--threads", THREADS,
                         "--prompt-tokens", PROMPT, "--tokens", TOKENS, "--runs", 3, "--json",
                         stderr=subprocess.DEVNULL))
    return {"decode, median": out["decode"]["tokens_per_second_median"],
            "decode, best": out["decode"]["tokens_per_second_best"],
            "prefill, best": out["prefill"]["tokens_per_second_best"]}


def theirs(folder):
    def samples(*arguments):
        out = json.loads(run(libraries(folder) / "llama-bench", "-m", folder / "model.gguf", "-t", THREADS,
                             "-o", "json", *arguments, stderr=subprocess.DEVNULL))
        return out[0]["samples_ts"]
    decode = samples("-p", 0, "-n", 1, "-r", TOKENS, "-d", PROMPT)
    return {"decode, median": statistics.median(decode), "decode, best": max(decode),
            "prefill, best": max(samples("-p", PROMPT, "-n", 0, "-r", 3))}


def our_products(program):
    names = {}
    out = json.loads(run(program, "--benchmark_format=json", "--benchmark_filter="
                         "format:3/n:(4096|11008)/k:4096/rows:1/threads:0/", stderr=subprocess.DEVNULL))
    for one in out["benchmarks"]:
        words = dict(w.split(":") for w in one["name"].split("/") if ":" in w)
        names[f"{words['n']} x {words['k']}, {'memory' if words['memory'] == '1' else 'cache'}"] = one["GB/s"]
    return names


def their_products(folder):
    found = {}
    for line in run(folder / "peer_ggml", libraries(folder), THREADS, stderr=subprocess.DEVNULL).decode().splitlines():
        one = json.loads(line)
        name = f"{one['n']} x {one['k']}, {'memory' if one['memory'] else 'cache'}"
        found.setdefault(name, {})["repacked" if one["repacked"] else "as stored"] = one["gigabytes_per_second"]
    return found


def table(title, pairs):
    """pairs: for each pair of runs, name -> (ours, theirs)"""
    print(f"{title:<34} {'mlc':>22} {'llama.cpp':>22} {'ratio':>20}")
    for name in pairs[0]:
        columns = zip(*((a, b, a / b) for a, b in (pair[name] for pair in pairs)))
        cells = [f"{statistics.median(c):.2f} ({min(c):.2f} to {max(c):.2f})" for c in columns]
        print(f"{name:<34} {cells[0]:>22} {cells[1]:>22} {cells[2]:>20}", flush=True)


def measure(arguments, folder):
    install(folder)
    if not (folder / "model.gguf").exists():
        write_model(folder / "model.gguf")
    tokens, products = [], []
    for _ in range(arguments.pairs):
        a, b = ours(arguments.mlc), theirs(folder)
        tokens.append({name: (a[name], b[name]) for name in a})
        if arguments.matvec:
            a, b = our_products(arguments.matvec), their_products(folder)
            products.append({f"{name}, {how}": (a[name], rate) for name in a for how, rate in b[name].items()})
    commit = run("git", "-C", folder / "source", "log", "-1", "--format=%h of %cs").decode().strip()
    print(f"llama.cpp {commit}, {arguments.pairs} pairs, {THREADS} threads")
    table("tokens per second", tokens)
    if products:
        table("GB/s of weights, n x k", products)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mlc", required=True, type=pathlib.Path)
    parser.add_argument("--matvec", type=pathlib.Path)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--folder", type=pathlib.Path)
    arguments = parser.parse_args()
    if arguments.folder is not None:
        arguments.folder.mkdir(parents=True, exist_ok=True)
        measure(arguments, arguments.folder.resolve())
        return
    with tempfile.TemporaryDirectory() as folder:
        measure(arguments, pathlib.Path(folder))


if __name__ == "__main__":
    sys.exit(main())
