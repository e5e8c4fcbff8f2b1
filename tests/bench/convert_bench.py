#!/usr/bin/env python3
"""The whole conversion beside the time of reading its source and writing its output.

    convert_bench.py --mlc build/release/mlc --checkpoint DIR [--work DIR] [--runs 5] [--quantization q4f16_1]

Every run measures, in turn and on files that lie in the page cache: `cat` of the source, `cp` of the
output, our conversion with each method, and what fsync costs after `cp` and in ours. Ratios are taken run
by run, because machines are noisy; the median is printed with the range. tests/data/make_checkpoint.py makes
a checkpoint to measure on.
"""
import argparse
import glob
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time


def timed(command, **kwargs):
    start = time.perf_counter()
    subprocess.run(command, check=True, **kwargs)
    return time.perf_counter() - start


def convert(args, out, method):
    shutil.rmtree(out, ignore_errors=True)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    command = [args.mlc, "convert_weight", args.checkpoint, "--quantization", args.quantization, "-o", out,
               "--method", method, "--json", "--threads", str(args.threads)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    summary = json.loads(done.stdout)
    summary["wall"] = wall
    summary["cpu"] = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return summary


def show(name, values, unit="s"):
    print(f"  {name:<44} {statistics.median(values):8.3f} {unit:<5} ({min(values):.3f} to {max(values):.3f})")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--mlc", required=True)
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--work", default=None, help="folder for outputs (default: beside the checkpoint)")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--quantization", default="q4f16_1")
    parser.add_argument("--methods", default="rtn,search")
    args = parser.parse_args()
    work = args.work or os.path.join(os.path.dirname(os.path.abspath(args.checkpoint)), "convert_bench")
    os.makedirs(work, exist_ok=True)
    out, copy = os.path.join(work, "out"), os.path.join(work, "copy")
    sources = sorted(glob.glob(os.path.join(args.checkpoint, "*.safetensors")))
    methods = args.methods.split(",")

    first = convert(args, out, methods[0])  # warms the page cache
    read, written = first["read_bytes"], first["written_bytes"]
    print(f"{args.checkpoint}: {read / 1e9:.2f} GB -> {args.quantization} {written / 1e9:.2f} GB, "
          f"{first['threads']} threads, {args.runs} runs")
    rows = {}
    for _ in range(args.runs):
        row = {}
        row["cat"] = timed(["cat"] + sources, stdout=subprocess.DEVNULL)
        shutil.rmtree(copy, ignore_errors=True)
        row["cp"] = timed(["cp", "-r", out, copy])
        row["cp_sync"] = row["cp"] + timed(["sync"] + glob.glob(os.path.join(copy, "*")))
        shutil.rmtree(copy)
        floor, floor_sync = row["cat"] + row["cp"], row["cat"] + row["cp_sync"]
        for method in methods:
            s = convert(args, out, method)
            stages = s["thread_seconds"]
            row[f"{method} wall"] = s["wall"]
            row[f"{method} wall before the final fsync"] = s["wall"] - s["final_sync_seconds"]
            row[f"{method} CPU time"] = s["cpu"]
            row[f"{method} / (cat + cp)"] = (s["wall"] - s["final_sync_seconds"]) / floor
            row[f"{method} with fsync / (cat + cp + sync)"] = s["wall"] / floor_sync
            row[f"{method} peak memory"] = s["measured_peak_memory_bytes"] / 2**20
            for stage, seconds in stages.items():
                row[f"{method} thread time in {stage}"] = seconds
        for key, value in row.items():
            rows.setdefault(key, []).append(value)
    if "rtn" in methods and "search" in methods:
        rows["search / rtn"] = [a / b for a, b in zip(rows["search wall before the final fsync"],
                                                      rows["rtn wall before the final fsync"])]
    for key, values in rows.items():
        show(key, values, "MiB" if "memory" in key else "x" if "/" in key else "s")
    shutil.rmtree(work)
    return 0


if __name__ == "__main__":
    sys.exit(main())
