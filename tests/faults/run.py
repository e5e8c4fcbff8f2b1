#!/usr/bin/env python3
"""Runs conversions in which the operating system fails, kills or refuses, and looks at what is left.

  run.py MLC SHORT WORK [--of HALF] [--every K] [NAME...]   MLC: the program, SHORT: the library of short_transfers.cc, WORK: a folder to work
                                  in, NAME: tests to run (all)

Rows IO-01 to IO-08 of the robustness table. System calls fail by strace
(tracing.py); every test prints how many points it tried. What can't be tried here is printed as skipped, with the reason.
"""

import argparse
import concurrent.futures
import pathlib
import shutil
import sys
import time

import environment
import injected
import package_environment
import packages
from checkpoints import llama, tree
from tracing import run, why_not


class Setting:
    """The program, the models and their undisturbed conversions."""

    def __init__(self, mlc, short, work, every):
        self.mlc, self.short, self.work, self.every = mlc, short, work, every
        self.counter = 0
        self.tiny = llama(work / "tiny", hidden=64, intermediate=96, layers=1, vocabulary=128)
        self.large = llama(work / "large", hidden=512, intermediate=2048, layers=9, vocabulary=8000)
        self.new = self.reference(self.tiny, "q4f16_1")
        self.old = self.reference(self.tiny, "q4f32_1", "ndarray-cache-b16.json")
        self.large_new = self.reference(self.large, "q0f16", "params_shard_2.bin")

    def command(self, model, out, *options, quantization="q4f16_1", threads=1):
        return [self.mlc, "convert_weight", model, "--quantization", quantization, "-o", out, "--threads", threads,
                "--quiet", *options]

    def reference(self, model, quantization, must_hold="tensor-cache.json"):
        out = self.work / f"reference-{model.name}-{quantization}"
        done = run(self.command(model, out, quantization=quantization))
        files = tree(out)
        assert done.code == 0 and files and must_hold in files, done
        return files

    def folder(self):
        """A name that no other case has."""
        self.counter += 1
        return self.work / "cases" / str(self.counter)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("mlc", type=pathlib.Path)
    parser.add_argument("short", type=pathlib.Path)
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--every", type=int, default=1, help="of packages: only the k-th, 2k-th ... point")
    parser.add_argument("--of", choices=["conversions", "packages"], help="half of the tests (all)")
    arguments = parser.parse_intermixed_args()
    work = arguments.work.resolve() / "faults-work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    setting = Setting(arguments.mlc.resolve(), arguments.short.resolve(), work, arguments.every)
    reason = why_not()
    tests = {**environment.TESTS, **package_environment.TESTS}
    if reason:
        print(f"skipped: {', '.join([*injected.TESTS, *packages.TESTS])}: {reason}")
    else:
        tests.update(injected.TESTS)
        tests.update(packages.TESTS)
    tests = {n: t for n, t in tests.items() if not arguments.names or n in arguments.names}
    if arguments.of:
        tests = {n: t for n, t in tests.items() if n.startswith("package") == (arguments.of == "packages")}
    failures = 0
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for name, test in tests.items():
            start = time.monotonic()
            text, problems = test(setting, pool)
            print(f"{'FAILED' if problems else 'ok':8}{name}: {text} ({time.monotonic() - start:.1f} s)", flush=True)
            for problem in problems[:20]:
                print("        " + problem)
            if len(problems) > 20:
                print(f"        and {len(problems) - 20} more")
            failures += bool(problems)
    if not failures:
        shutil.rmtree(work, ignore_errors=True)
    return 1 if failures or not tests else 0


if __name__ == "__main__":
    sys.exit(main())
