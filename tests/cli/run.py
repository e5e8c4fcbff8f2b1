#!/usr/bin/env python3
"""Runs the command line cases: one folder each in tests/cli/cases.

  cmd.sh            bash, run with -e -u -o pipefail in an empty folder. $MLC is the program (and `mlc` is on PATH),
                    $DATA is tests/data, $GOLDEN is tests/golden, $CASE is the case's own folder.
  exit              expected exit code; absent: 0
  stdout, stderr    expected text exactly; absent: nothing is printed
  stdout.glob       or: expected lines, in which * stands for any text within a line and a line "..." for any lines
  stdout.ignore     or: not looked at (the same for stderr)

  run.py MLC                      runs all cases
  run.py MLC NAME...              runs these
  run.py MLC --set-exact-output   writes what was printed as the expectation, except over .glob and .ignore files
"""

import argparse
import fnmatch
import os
import pathlib
import subprocess
import sys
import tempfile

TESTS = pathlib.Path(__file__).resolve().parent.parent
CASES = TESTS / "cli" / "cases"
TIME_LIMIT = 600  # for what hangs: a busy machine takes its share


def matches_glob(lines, patterns):
    """Whether the lines fit the patterns, "..." standing for any number of lines (also none)."""
    reachable = {0}  # how many patterns the lines so far may have used up
    for line in [*lines, None]:
        # "..." may stand for no line at all.
        for p, pattern in enumerate(patterns):
            if p in reachable and pattern == "...":
                reachable.add(p + 1)
        if line is None:
            break
        used = set()
        for p in reachable:
            if p == len(patterns):
                continue
            if patterns[p] == "...":
                used.add(p)
            # Only "*" is special: "[" and "?" are common in messages.
            elif fnmatch.fnmatchcase(line, patterns[p].replace("[", "[[]").replace("?", "[?]")):
                used.add(p + 1)
        reachable = used
    return len(patterns) in reachable


def check_stream(case, stream, text):
    """A description of the difference, or None."""
    if (case / f"{stream}.ignore").exists():
        return None
    glob = case / f"{stream}.glob"
    if glob.exists():
        if matches_glob(text.splitlines(), glob.read_text().splitlines()):
            return None
        return f"{stream} does not match {glob.name}:\n{text}"
    exact = case / stream
    expected = exact.read_text() if exact.exists() else ""
    return None if text == expected else f"{stream} differs\n--- expected\n{expected}\n--- found\n{text}"


def set_stream(case, stream, text):
    if (case / f"{stream}.ignore").exists() or (case / f"{stream}.glob").exists():
        return
    exact = case / stream
    if text:
        exact.write_text(text)
    else:
        exact.unlink(missing_ok=True)


def run_case(case, mlc, set_exact):
    environment = {
        **{k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "ASAN_OPTIONS", "LSAN_OPTIONS", "UBSAN_OPTIONS")},
        "PATH": f"{mlc.parent}:{os.environ['PATH']}", "LC_ALL": "C", "TZ": "UTC", "MLC": str(mlc),
        "DATA": str(TESTS / "data"), "GOLDEN": str(TESTS / "golden"), "CASE": str(case)}
    with tempfile.TemporaryDirectory(prefix="mlc-cli-") as folder:
        try:
            done = subprocess.run(
                ["bash", "-euo", "pipefail", str(case / "cmd.sh")], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                capture_output=True, timeout=TIME_LIMIT, check=False)
        except subprocess.TimeoutExpired:
            return [f"did not end within {TIME_LIMIT} s"]
    streams = {"stdout": done.stdout.decode(errors="backslashreplace"),
               "stderr": done.stderr.decode(errors="backslashreplace")}
    if set_exact:
        for stream, text in streams.items():
            set_stream(case, stream, text)
        exit_file = case / "exit"
        if done.returncode:
            exit_file.write_text(f"{done.returncode}\n")
        else:
            exit_file.unlink(missing_ok=True)
    exit_file = case / "exit"
    expected = int(exit_file.read_text()) if exit_file.exists() else 0
    failures = [f"exit code {done.returncode}, expected {expected}"] if done.returncode != expected else []
    failures += [f for s, t in streams.items() if (f := check_stream(case, s, t))]
    if done.returncode != expected and not set_exact:
        failures.append(f"stderr was:\n{streams['stderr']}")
    return failures


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("mlc", type=pathlib.Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--set-exact-output", action="store_true")
    arguments = parser.parse_intermixed_args()
    cases = sorted(p.parent for p in CASES.glob("*/cmd.sh"))
    if arguments.names:
        unknown = set(arguments.names) - {c.name for c in cases}
        if unknown:
            parser.error(f"no such case: {', '.join(sorted(unknown))}")
        cases = [c for c in cases if c.name in arguments.names]
    failed = 0
    for case in cases:
        failures = run_case(case, arguments.mlc.resolve(), arguments.set_exact_output)
        print(f"{'FAILED' if failures else 'ok':8}{case.name}")
        for failure in failures:
            print("        " + failure.replace("\n", "\n        "))
        failed += bool(failures)
    print(f"{len(cases) - failed} of {len(cases)} cases passed")
    return 1 if failed or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
