#!/usr/bin/env python3
"""Gives every hostile checkpoint of tests/golden-errors to `mlc convert_weight`, as a user would.

  golden_errors.py MLC

Each must end with the exit code and texts of its file `expected`, say so in one line of printable text that names the
checkpoint, take less than 5 seconds of a CPU and 256 MiB, and leave no output.
"""

import pathlib
import re
import resource
import shutil
import subprocess
import sys
import tempfile

TESTS = pathlib.Path(__file__).resolve().parent.parent
CONFIG = TESTS / "golden" / "convert" / "input-llama_odd-bf16" / "config.json"
SECONDS, BYTES = 5, 256 << 20


def cpu_seconds():
    """Of all programs so far: unlike time, it does not pass faster on a busy machine."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def refuse(mlc, case, folder):
    """What was wrong with how this case was refused."""
    source, out = folder / case.name, folder / "out"
    shutil.copytree(case, source)
    if not (source / "config.json").exists():
        shutil.copy(CONFIG, source)
    start = cpu_seconds()
    done = subprocess.run(
        [mlc, "convert_weight", source, "--quantization", "q4f16_1", "-o", out], capture_output=True, check=False,
        stdin=subprocess.DEVNULL, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (BYTES, BYTES)))
    seconds = cpu_seconds() - start
    text = done.stderr.decode(errors="replace")
    code, *texts = (case / "expected").read_text().splitlines()
    last = text.splitlines()[-1] if text else ""
    problems = [f"exit code {done.returncode}, expected {code}"] if done.returncode != int(code) else []
    problems += [f"lacks: {t}" for t in texts if t not in text]
    if not re.match(r"mlc: error: ", last) or text.count("mlc: error:") != 1:
        problems.append("the last line is not the one error")
    if str(source) not in text:
        problems.append("the message does not name the checkpoint")
    if any(ord(c) < 32 and c != "\n" or 127 <= ord(c) < 160 for c in text):
        problems.append("control characters in the message")
    if out.exists() or done.stdout:
        problems.append("there is output")
    if seconds > SECONDS:
        problems.append(f"took {seconds:.1f} s of a CPU")
    return problems + ([text] if problems else [])


def main():
    mlc = pathlib.Path(sys.argv[1]).resolve()
    cases = sorted(p.parent for p in (TESTS / "golden-errors").glob("*/expected"))
    failed = 0
    for case in cases:
        with tempfile.TemporaryDirectory(prefix="mlc-errors-") as folder:
            problems = refuse(mlc, case, pathlib.Path(folder))
        if problems:
            failed += 1
            print(f"FAILED  {case.name}\n        " + "\n        ".join(problems))
    print(f"{len(cases) - failed} of {len(cases)} hostile checkpoints refused as expected")
    return 1 if failed or len(cases) < 100 else 0


if __name__ == "__main__":
    sys.exit(main())
