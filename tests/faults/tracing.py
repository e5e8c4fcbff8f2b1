"""Runs the program under strace, which counts its system calls and makes the k-th one fail."""

import dataclasses
import os
import re
import shutil
import subprocess
import time

# Calls that change files. What a name does not have on this system is ignored by strace ("?").
CHANGING = ["openat", "write", "pwrite64", "ftruncate", "fallocate", "fsync", "rename", "renameat2", "unlink",
            "unlinkat", "mkdir", "rmdir"]


@dataclasses.dataclass
class Call:
    name: str
    k: int  # it is the k-th call of this name
    text: str

    def __str__(self):
        return f"{self.name} #{self.k} {self.text[:90]}"


@dataclasses.dataclass
class Run:
    code: int
    stderr: str
    seconds: float

    def __str__(self):
        return f"exit {self.code}, {self.seconds:.1f} s, {self.stderr.strip()[:400]}"


def why_not():
    """None if strace can run a program here, else the reason."""
    if not shutil.which("strace"):
        return "no strace"
    done = subprocess.run(["strace", "-qq", "-o", "/dev/null", "true"], capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else f"strace can't trace: {done.stderr.strip()}"


def run(command, prefix=(), timeout=600, **more):
    if prefix:
        # The sanitizer can't look for leaks in a program that is traced.
        more["env"] = {**more.get("env", os.environ), "ASAN_OPTIONS": "detect_leaks=0"}
    start = time.monotonic()
    done = subprocess.run([*prefix, *map(str, command)], capture_output=True, text=True, errors="replace",
                          stdin=subprocess.DEVNULL, timeout=timeout, check=False, **more)
    return Run(done.returncode, done.stderr, time.monotonic() - start)


def calls_of(command, names, log):
    """Runs a command and lists its calls of these names, in order."""
    done = run(command, ["strace", "-f", "--seccomp-bpf", "-qq", "-s", "200", "-o", str(log), "-e",
                         "trace=" + ",".join("?" + n for n in names)])
    counts, calls = {}, []
    for line in log.read_text(errors="replace").splitlines():
        match = re.match(r"\d+ +(\w+)\((.*)", line)
        if not match:
            continue
        name = match.group(1)
        counts[name] = counts.get(name, 0) + 1
        calls.append(Call(name, counts[name], match.group(2)))
    return done, calls


def run_with(command, injections, timeout=600):
    """Each injection is what strace takes: "pwrite64:error=EIO:when=3+"."""
    sets = ",".join("?" + i.split(":")[0] for i in injections)
    # Without --seccomp-bpf, which strace 6.1 does not inject signals with.
    prefix = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=" + sets]
    for injection in injections:
        prefix += ["-e", "inject=" + injection]
    return run(command, prefix, timeout)
