#!/usr/bin/env python3
"""Memory and speed of mlc package and mlc unpack.

  package_bench.py MLC [--gib N] [--work FOLDER]    a model of N GiB (4), in a new folder below FOLDER (/var/tmp)

Peak memory has to stay below 64 MiB. Times are the best of three with warm page cache, beside `sha256sum` and
`openssl dgst -sha256` of the same files and `cp -r` with `sync -f`. Needs three times the model's size on disk.
"""

import argparse
import hashlib
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

SHARD = 32 << 20
LIMIT_KIB = 64 << 10


def make_model(folder, gib):
    """Shards of random bytes, each one record, with a tensor cache that names them."""
    folder.mkdir()
    generator = random.Random(0)
    records, size = [], gib << 30
    for i in range(size // SHARD):
        data = generator.randbytes(SHARD)
        name = f"params_shard_{i}.bin"
        (folder / name).write_bytes(data)
        records.append({"dataPath": name, "format": "raw-shard", "nbytes": SHARD, "md5sum": hashlib.md5(data).hexdigest(),
                        "records": [{"name": f"p{i}", "shape": [SHARD // 4], "dtype": "uint32", "format": "raw", "nbytes": SHARD,
                                     "byteOffset": 0}]})
    cache = json.dumps({"metadata": {"ParamSize": len(records), "ParamBytes": size, "BitsPerParam": 4.5}, "records": records})
    for name in ("tensor-cache.json", "ndarray-cache.json"):
        (folder / name).write_text(cache)
    (folder / "mlc-chat-config.json").write_text('{"model_type": "llama", "quantization": "q4f16_1"}')


def run(command):
    """Seconds, seconds of CPU time and the largest resident set in KiB."""
    start = time.monotonic()
    process = subprocess.Popen([str(c) for c in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{command}: status {status}")
    return time.monotonic() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss


def measure(name, command, gib, clean=(), times=3):
    best, best_cpu, memory = float("inf"), float("inf"), 0
    for _ in range(times):
        for path in clean:
            shutil.rmtree(path, ignore_errors=True)
        seconds, cpu, kib = run(command)
        best, best_cpu, memory = min(best, seconds), min(best_cpu, cpu), max(memory, kib)
    gigabytes = gib * 1.073741824
    print(f"{name:28} {best:7.2f} s  {gigabytes / best:6.2f} GB/s  CPU {best_cpu:6.2f} s  {memory / 1024:6.1f} MiB", flush=True)
    return best, best_cpu, memory


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("mlc", type=pathlib.Path)
    parser.add_argument("--gib", type=int, default=4)
    parser.add_argument("--work", default="/var/tmp")
    parser.add_argument("--times", type=int, default=3)
    arguments = parser.parse_args()
    work = pathlib.Path(tempfile.mkdtemp(prefix="mlc-package-bench-", dir=arguments.work))
    try:
        mlc, gib, model = arguments.mlc.resolve(), arguments.gib, work / "model"
        # In a process of its own: what a child has in memory when it is made counts as its peak.
        if (child := os.fork()) == 0:
            make_model(model, gib)
            os._exit(0)
        if os.waitpid(child, 0)[1] != 0:
            sys.exit("the model could not be made")
        shards = sorted(model.glob("*.bin"))
        def m(name, command, clean=()):
            return measure(name, command, gib, clean, arguments.times)
        plain, plain_cpu, _ = m("sha256sum", ["sha256sum", *shards])
        fast, fast_cpu, _ = m("openssl dgst -sha256", ["openssl", "dgst", "-sha256", *shards])
        copied, copied_cpu, _ = m("cp -r, sync", ["sh", "-c", f"cp -r {model} {work}/copy && sync -f {work}/copy"], [work / "copy"])
        shutil.rmtree(work / "copy")
        results = {}
        for threads in (1, 2):
            results[f"package, {threads} threads"] = m(
                f"mlc package --threads {threads}", [mlc, "package", model, "-o", work / "p", "--threads", threads, "--no-attest"], [work / "p"])
            results[f"unpack, {threads} threads"] = m(
                f"mlc unpack --threads {threads}", [mlc, "unpack", work / "p", "-o", work / "out", "--threads", threads], [work / "out"])
            shutil.rmtree(work / "out")
        results["gc --check"] = m("mlc gc --check", [mlc, "gc", work / "p", "--check"])
        shutil.rmtree(work / "p")
        failed = 0
        print(f"{'time (CPU time) as a ratio to':30} {'sha256sum':>14} {'openssl':>14} {'cp and sync':>14}")
        for name, (seconds, cpu, kib) in results.items():
            print(f"{name:30} {seconds / plain:6.2f} ({cpu / plain_cpu:4.2f}) {seconds / fast:7.2f} ({cpu / fast_cpu:4.2f}) "
                  f"{seconds / copied:7.2f} ({cpu / copied_cpu:4.2f})")
            failed |= kib > LIMIT_KIB
        print("peak memory " + ("above" if failed else "below") + " 64 MiB")
        return failed
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
