#!/usr/bin/env python3
"""Converts a torch file and a GGUF file of more than 4 GB, and holds the peak memory against its bound.

  memory_check.py MLC [FOLDER]

The bound is 256 MiB + 3 x the largest tensor of the source, as stored. The peak is the kernel's figure for the process;
the program's own must agree. FOLDER (default: the system's temporary folder) needs about 8 GB; all is removed again.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "data")
EMBEDDING = 32000 * 4096
# Name, layers, bytes of the largest tensor, quantization.
CASES = (("torch", 10, EMBEDDING * 2, "q4f16_1"), ("gguf", 18, EMBEDDING // 32 * 34, "q4f16_1"),
         ("torch", 10, EMBEDDING * 2, "q4f16_0"))


def convert(mlc, source, quantization):
    """The summary, and the peak as the kernel counts it for this child alone."""
    command = [mlc, "convert_weight", source, "--quantization", quantization, "-o", os.path.join(source, "out"),
               "--overwrite", "--json"]
    with open(os.path.join(source, "summary"), "w+", encoding="utf-8") as out:
        child = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            sys.exit(f"{' '.join(command)}: exit code {child.returncode}")
        out.seek(0)
        return json.load(out), usage.ru_maxrss * 1024


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    folder = tempfile.mkdtemp(prefix="mlc-memory-", dir=sys.argv[2] if len(sys.argv) == 3 else None)
    failed = False
    made = None
    try:
        print(f"{'source':<8} {'scheme':<8} {'bytes':>12} {'largest':>11} {'bound':>11} {'peak':>11} {'own':>11} seconds")
        for kind, layers, largest, quantization in sorted(CASES):
            source = os.path.join(folder, kind)
            if made != kind:
                shutil.rmtree(os.path.join(folder, str(made)), ignore_errors=True)
                subprocess.run([sys.executable, os.path.join(DATA, "make_large.py"), kind, source, str(layers)],
                               check=True, stdout=subprocess.DEVNULL)
                made = kind
            summary, peak = convert(sys.argv[1], source, quantization)
            bound = (256 << 20) + 3 * largest
            failed |= peak > bound
            print(f"{kind:<8} {quantization:<8} {summary['read_bytes']:>12} {largest:>11} {bound:>11} {peak:>11} "
                  f"{summary['measured_peak_memory_bytes']:>11} {summary['seconds']:.1f}", flush=True)
    finally:
        shutil.rmtree(folder)
    sys.exit("the peak is above its bound" if failed else 0)


if __name__ == "__main__":
    main()
