"""Packages where the system is small, read-only or busy: full disks, limits, streams, other writers, bit rot, no memory."""

import os
import resource
import shutil
import subprocess
import time

from checkpoints import tree
from environment import Mounted, check
from packages import TAG, Package, Pull, Unpack, demo_registry, models_of, tags
from tracing import run, run_with, why_not

TOGETHER = 16


def three(setting, models, host):
    yield Package(setting, models)
    yield Unpack(setting, models)
    if host:
        yield Pull(setting, models, host)


def disks(setting, _):
    models, problems = models_of(setting), []
    with demo_registry(setting, models) as host:
        for options in ("size=1m", "size=8m,nr_inodes=6"):
            for writer in three(setting, models, host):
                with Mounted(setting.folder(), options) as mounted:
                    if mounted.reason:
                        return f"skipped: {mounted.reason}", problems
                    out = mounted.folder / "out"
                    done = run(writer.command(out))
                    check(problems, f"{writer.name}, {options}", done, 4, str(mounted.folder), before=None, out=out)
        for writer in three(setting, models, host):
            with Mounted(setting.folder(), "size=16m") as mounted:
                out = mounted.folder / "out"
                done = run(writer.command(out))
                check(problems, f"{writer.name}, another file system", done, 0, before=writer.after, out=out)
                shutil.rmtree(out)
                ro = subprocess.run(["mount", "-o", "remount,ro", mounted.folder], capture_output=True, check=False)
                if ro.returncode == 0:
                    check(problems, f"{writer.name}, read-only", run(writer.command(out)), 4, str(out), before=None,
                          out=out)
    return "tmpfs of 1 MiB and of 6 inodes, another file system, a read-only one", problems


def places(setting, _):
    models, problems = models_of(setting), []
    with demo_registry(setting, models) as host:
        for writer in three(setting, models, host):
            out = setting.folder()
            out.parent.mkdir(exist_ok=True)
            out.write_text("a file")
            check(problems, f"{writer.name}, OUT is a file", run(writer.command(out)), 2, str(out))
            below = out / "x"
            done = run(writer.command(below))
            if done.code not in (2, 4) or str(out) not in done.stderr or out.read_text() != "a file":
                problems.append(f"{writer.name}, OUT below a file: {done}")
            out = setting.folder()
            out.mkdir()
            (out / "letters.txt").write_text("mine")
            before = tree(out)
            check(problems, f"{writer.name}, a folder of something else", run(writer.command(out)), 2, str(out),
                  before=before, out=out)
    return "OUT a file, below a file, a folder of something else", problems


def limits(setting, _):
    models, problems = models_of(setting), []
    with demo_registry(setting, models) as host:
        for writer in three(setting, models, host):
            def tried(what, kind, value, texts=(), codes=(4,)):
                out = setting.folder() / "out"
                out.parent.mkdir(parents=True)
                done = run(writer.command(out), preexec_fn=lambda: resource.setrlimit(kind, (value, value)))
                left = tree(out)
                fine = (done.code == 0 and left == writer.after) or (done.code in codes and left is None)
                if not fine or (done.code and not all(t in done.stderr for t in texts)):
                    problems.append(f"{writer.name}, {what}: {done}, leaves {sorted(left or [])}")

            tried("ulimit -f", resource.RLIMIT_FSIZE, 100000, ["File too large"])
            for files in (9, 12, 16):
                tried(f"{files} descriptors", resource.RLIMIT_NOFILE, files, codes=(4, 5))
            for megabytes in (24, 48, 96, 256):
                # The loader itself may find no place for the libraries: 127.
                tried(f"{megabytes} MiB of addresses", resource.RLIMIT_AS, megabytes << 20, codes=(4, 127))
    return "ulimit -f, 9 to 16 descriptors, 24 to 256 MiB of addresses", problems


def streams(setting, _):
    models, problems = models_of(setting), []
    for redirect in (">&-", "2>&-", ">&- 2>&-", "<&-", ">/dev/full", "| true"):
        for writer in (Package(setting, models), Unpack(setting, models)):
            out = setting.folder() / "out"
            out.parent.mkdir(parents=True)
            words = " ".join(f"'{w}'" for w in writer.command(out))
            done = run(["bash", "-c", f"set -o pipefail; {words} {redirect}"], env={"PATH": os.environ["PATH"]})
            if tree(out) != writer.after or done.code not in (0, 4):
                problems.append(f"{writer.name} {redirect}: {done}, leaves {sorted(tree(out) or [])}")
    return "standard streams closed, full, broken; no HOME", problems


def together(setting, _):
    """Many writers of one folder: each says that all is well, and it is."""
    models, problems = models_of(setting), []
    prefixes = {"": []}
    if not why_not():
        # A file system whose locks always succeed.
        prefixes[", locks that lie"] = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=flock", "-e",
                                        "inject=flock:retval=0"]
    with demo_registry(setting, models) as host:
        for what, prefix in prefixes.items():
            for writer in [Package(setting, models)] + ([Pull(setting, models, host)] if host else []):
                out = setting.folder() / "out"
                out.parent.mkdir(parents=True)
                command = [*prefix, *map(str, writer.command(out))]
                processes = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
                             for _ in range(TOGETHER)]
                said = [(p.communicate()[1], p.returncode) for p in processes]
                bad = [s for s in said if s[1] != 0]
                if bad or tree(out) != writer.after:
                    problems.append(f"{TOGETHER} x {writer.name}{what}: {bad[:2]}, leaves {sorted(tree(out) or [])}")
                done = run([models.mlc, "unpack", f"{out}:{TAG}", "-o", out.parent / "copy", "--quiet"])
                if done.code != 0 or tree(out.parent / "copy") != models.files:
                    problems.append(f"{TOGETHER} x {writer.name}{what}: does not unpack: {done}")
    return f"{TOGETHER} writers of one folder, with locks and with locks that lie", problems


def bit_rot(setting, _):
    """A stored blob that changed, its size the same, is found, and written anew by what has the bytes."""
    models, problems = models_of(setting), []
    with demo_registry(setting, models) as host:
        for writer in [Package(setting, models)] + ([Pull(setting, models, host)] if host else []):
            out = setting.folder() / "out"
            shutil.copytree(models.package, out)
            for blob in sorted((out / "blobs" / "sha256").iterdir()):
                data = bytearray(blob.read_bytes())
                data[len(data) // 2] ^= 1
                blob.write_bytes(data)
            done = run([models.mlc, "unpack", out, "-o", out.parent / "copy", "--quiet"])
            if done.code != 6 or (out.parent / "copy").exists():
                problems.append(f"{writer.name}: bit rot is not found: {done}")
            done = run(writer.command(out))
            if done.code != 0 or tree(out) != writer.after:
                problems.append(f"{writer.name}: bit rot stays: {done}")
    return "every blob of a package, one bit each", problems


def leftovers(setting, _):
    """gc removes what killed runs left, and not what a living one is writing."""
    models, problems = models_of(setting), []
    if reason := why_not():
        return f"skipped: {reason}", []
    folder = setting.folder()
    folder.mkdir(parents=True)
    package, unpack = Package(setting, models), Unpack(setting, models)
    for k in range(1, 26):
        run_with(package.command(folder / "pkg"), [f"pwrite64:signal=KILL:when={4 * k}"])
        run_with(unpack.command(folder / "model"), [f"fsync:signal=KILL:when={1 + k % 5}"])
    alive = subprocess.Popen(["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync", "-e",
                              "inject=fsync:delay_enter=6000000:when=1",
                              *map(str, unpack.command(folder / "alive"))], start_new_session=True)
    for _ in range(200):
        if [p for p in folder.iterdir() if p.name.startswith("alive")]:
            break
        time.sleep(0.02)
    before = len(list(folder.rglob("*")))
    done = run([models.mlc, "gc", folder, folder / "pkg", "--quiet"])
    kept = [p.name for p in folder.iterdir()]
    if done.code != 0 or not any(n.startswith("alive") for n in kept) or any(n.startswith("model") for n in kept):
        problems.append(f"gc: {done}, of {before} entries leaves {kept}")
    if alive.wait() != 0 or tree(folder / "alive") != models.files:
        problems.append("gc took files of a living writer")
    shutil.rmtree(folder / "alive", ignore_errors=True)
    done = run(package.command(folder / "pkg"))
    if done.code != 0 or tree(folder / "pkg") != package.after or tags(folder / "pkg") == []:
        problems.append(f"the next run: {done}")
    return "50 killed runs beside a living one", problems


def no_memory(setting, _):
    """The k-th request for memory is refused, for more and more k."""
    models, problems, tried = models_of(setting), [], 0
    if reason := why_not():
        return f"skipped: {reason}", []
    for writer in (Package(setting, models), Unpack(setting, models)):
        # Not brk, which never fails with an error number. The loader's first requests are its own.
        for call, first in (("mmap", 4), ("clone3", 1)):
            for k in range(first, 120 if call == "mmap" else 4, 2):
                out = setting.folder() / "out"
                out.parent.mkdir(parents=True)
                done = run_with(writer.command(out), [f"{call}:error=ENOMEM:when={k}"])
                tried += 1
                left = tree(out)
                # The loader's own requests end with 127.
                if not ((done.code == 0 and left == writer.after) or (done.code in (4, 127) and left is None)):
                    problems.append(f"{writer.name}, {call} #{k}: {done}, leaves {sorted(left or [])}")
                shutil.rmtree(out.parent)
    return f"{tried} refused requests for memory and threads", problems


TESTS = {f"package_{f.__name__}": f for f in (disks, places, limits, streams, together, bit_rot, leftovers, no_memory)}
