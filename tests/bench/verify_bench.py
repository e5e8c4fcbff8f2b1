#!/usr/bin/env python3
"""`mlc verify` at the levels files, params and weights beside the time of reading and hashing both sides.

    verify_bench.py --mlc build/release/mlc [--gb 1] [--work DIR] [--runs 3] [--quantization q4f16_1]

Makes a torch checkpoint of bfloat16 in Llama shapes (tests/data/make_large.py) of about so many GB, converts
it, and then measures in turn, on files that lie in the page cache as far as they fit: `md5sum` of every file of
checkpoint and model, as many at a time as there are CPUs, and `mlc verify` with --source. The ratio is taken run
by run; the median is printed with the range, and the largest resident set of the process. CPU times stand beside
it, as other work on the machine stretches the wall times.
"""
import argparse
import glob
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

LARGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data", "make_large.py")
BYTES_OUTSIDE, BYTES_OF_LAYER = 2 * 2 * 32000 * 4096, 2 * (4 * 4096 * 4096 + 3 * 4096 * 11008)


def cpu_of_children():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def hash_all(files, threads):
    """Wall and CPU time."""
    start, cpu = time.perf_counter(), cpu_of_children()
    with ThreadPoolExecutor(threads) as pool:
        # The largest first, else it would be waited for alone.
        for done in pool.map(lambda path: subprocess.run(["md5sum", path], stdout=subprocess.DEVNULL, check=True),
                             sorted(files, key=os.path.getsize, reverse=True)):
            assert done.returncode == 0
    return time.perf_counter() - start, cpu_of_children() - cpu


def verify(args, checkpoint, model):
    """Wall and CPU time, peak resident bytes, the report."""
    command = [args.mlc, "verify", model, "--source", checkpoint, "--level", "files,params,weights", "--json"]
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        out = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - start
    # There is no tokenizer, which the params level says.
    if process.returncode not in (0, 6):
        sys.exit(f"mlc verify ended with {process.returncode}")
    report = json.loads(out)
    weights = report["weights"]
    wrong = [f for f in report["findings"] if f["id"].startswith("W") and f["severity"] == "error"]
    if wrong or not weights["recomputed"]["fitting"]:
        sys.exit(f"the weights were not found right: {wrong}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, report


def show(name, values, unit="s"):
    print(f"  {name:<48} {statistics.median(values):8.3f} {unit:<5} ({min(values):.3f} to {max(values):.3f})")


def shares(hashing, checking):
    return [100 * h / c for h, c in zip(hashing, checking)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--mlc", required=True)
    parser.add_argument("--gb", type=float, default=1)
    parser.add_argument("--work", help="folder for the files; kept")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--quantization", default="q4f16_1")
    args = parser.parse_args()
    layers = max(1, round((args.gb * 1e9 - BYTES_OUTSIDE) / BYTES_OF_LAYER))
    with tempfile.TemporaryDirectory() as temporary:
        work = args.work or temporary
        checkpoint = os.path.join(work, f"source-{layers}")
        model = os.path.join(work, f"model-{layers}-{args.quantization}")
        if not os.path.exists(checkpoint):
            subprocess.run([sys.executable, LARGE, "torch", checkpoint, str(layers)], check=True,
                           stdout=subprocess.DEVNULL)
        if not os.path.exists(model):
            subprocess.run([args.mlc, "convert_weight", checkpoint, "--quantization", args.quantization, "-o", model],
                           check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            subprocess.run([args.mlc, "gen_config", checkpoint, "--quantization", args.quantization,
                            "--conv-template", "LM", "-o", model], check=True, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
        files = [f for folder in (checkpoint, model) for f in glob.glob(os.path.join(folder, "*"))]
        size = sum(map(os.path.getsize, files))
        threads = len(os.sched_getaffinity(0))
        largest = 2 * 32000 * 4096
        goal = (256 << 20) + 3 * largest
        hashing, hashing_cpu, checking, checking_cpu, peaks = [], [], [], [], []
        for _ in range(args.runs):
            wall, cpu = hash_all(files, threads)
            hashing.append(wall)
            hashing_cpu.append(cpu)
            wall, cpu, peak, report = verify(args, checkpoint, model)
            checking.append(wall)
            checking_cpu.append(cpu)
            peaks.append(peak)
    weights = report["weights"]
    print(f"{layers} layers, {args.quantization}, {size / 1e9:.2f} GB on both sides, {threads} threads, {args.runs} runs; "
          f"bits are those of {weights['recomputed']['fitting']}, "
          f"SNR {weights['error']['snr_db']:.2f} dB")
    show("md5sum of both sides", hashing)
    show("mlc verify --level files,params,weights", checking)
    show("speed of verify as a share of md5sum's, goal 60", shares(hashing, checking), "%")
    show("CPU time of md5sum", hashing_cpu)
    show("CPU time of mlc verify", checking_cpu)
    show("the share by CPU time", shares(hashing_cpu, checking_cpu), "%")
    print(f"  {'peak memory (resident), goal ' + str(goal >> 20) + ' MiB':<48} {max(peaks) / 2**20:8.1f} MiB")
    print(f"  load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
