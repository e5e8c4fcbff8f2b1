"""Failures that need no tracing: full disks, limits, closed streams, other processes."""

import json
import os
import resource
import shutil
import signal
import subprocess
import threading
import time

from checkpoints import broken_index, tree, with_others
from tracing import run


class Mounted:
    """A tmpfs of some size, or the reason why there is none."""

    def __init__(self, folder, options):
        self.folder, self.options, self.reason = folder, options, None

    def __enter__(self):
        self.folder.mkdir(parents=True)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", self.options, "tmpfs", self.folder], capture_output=True,
                              text=True, check=False)
        if done.returncode:
            self.reason = f"no tmpfs: {done.stderr.strip()}"
        return self

    def __exit__(self, *_):
        if not self.reason:
            subprocess.run(["umount", "-l", self.folder], check=True)


def check(problems, what, done, code, *texts, before=None, out=None):
    if done.code != code:
        problems.append(f"{what}: {done}, expected exit {code}")
    problems += [f"{what}: lacks '{t}': {done}" for t in texts if t not in done.stderr]
    if out is not None and tree(out) != before:
        problems.append(f"{what}: leaves {sorted(tree(out) or [])}")


def full_disk(setting, _):
    problems = []
    with Mounted(setting.folder(), "size=1m") as mounted:
        if mounted.reason:
            return f"skipped: {mounted.reason}", []
        out = mounted.folder / "out"
        done = run(setting.command(setting.large, out))
        check(problems, "1 MiB free", done, 4, "not enough disk: ", " needed, ", " free", str(out), before=None, out=out)
        (mounted.folder / "filler").write_bytes(bytes(1 << 20))
        done = run(setting.command(setting.large, out))
        check(problems, "no byte free", done, 4, "not enough disk: ", before=None, out=out)
        (mounted.folder / "filler").unlink()
        # Leftovers of a killed run take the space that its next run needs.
        (out / ".mlc-partial").mkdir(parents=True)
        (out / ".mlc-partial" / "params_shard_0.bin").write_bytes(bytes(1 << 20))
        done = run(setting.command(setting.tiny, out))
        check(problems, "leftovers fill the disk", done, 0, before=setting.new, out=out)
    return "a tmpfs of 1 MiB", problems


def inodes(setting, _):
    problems = []
    with Mounted(setting.folder(), "size=8m,nr_inodes=6") as mounted:
        if mounted.reason:
            return f"skipped: {mounted.reason}", []
        out = mounted.folder / "out"
        done = run(setting.command(setting.tiny, out))
        check(problems, "6 inodes", done, 4, str(out), before=None, out=out)
    return "a tmpfs of 6 inodes", problems


def places(setting, _):
    problems = []
    out = setting.folder()
    out.parent.mkdir(exist_ok=True)
    out.write_text("a file")
    done = run(setting.command(setting.tiny, out))
    check(problems, "OUT is a file", done, 4, str(out))
    if out.read_text() != "a file":
        problems.append("OUT is a file: it changed")
    below = out / "x"
    check(problems, "OUT below a file", run(setting.command(setting.tiny, below)), 4, str(out))

    out = setting.folder()
    with_others(out)
    (out / ".mlc-partial").symlink_to(setting.tiny)
    before, source = tree(out), tree(setting.tiny)
    check(problems, "partial folder is a link", run(setting.command(setting.tiny, out)), 4, ".mlc-partial")
    if tree(out) != before or tree(setting.tiny) != source:
        problems.append("partial folder is a link: something changed")

    out = setting.folder()
    before = with_others(out)
    out.chmod(0o555)
    command = setting.command(setting.tiny, out)
    if os.geteuid() == 0:
        command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *command]
    if os.geteuid() != 0 or shutil.which("setpriv"):
        done = run(command)
        if "setpriv" not in done.stderr and done.code != 126:
            check(problems, "read-only OUT", done, 4, str(out), before=before, out=out)
    out.chmod(0o755)

    tried = "OUT a file, below a file, read-only; the partial folder a link"
    with Mounted(setting.folder(), "size=8m") as mounted:
        if mounted.reason:
            return f"{tried}; skipped another file system: {mounted.reason}", problems
        out = mounted.folder / "out"
        done = run(setting.command(setting.tiny, out))
        check(problems, "another file system", done, 0, before=setting.new, out=out)
        remounted = subprocess.run(["mount", "-o", "remount,ro", mounted.folder], capture_output=True, check=False)
        if remounted.returncode == 0:
            done = run(setting.command(setting.tiny, out))
            check(problems, "complete and read-only", done, 2, "holds a complete conversion")
            done = run(setting.command(setting.tiny, out, "--overwrite"))
            check(problems, "read-only file system", done, 4, str(out), before=setting.new, out=out)
    return f"{tried}; another file system, a read-only one", problems


def limits(setting, _):
    problems = []

    def limit(what, value):
        return lambda: resource.setrlimit(what, (value, value))

    out = setting.folder()
    before = with_others(out)
    done = run(setting.command(setting.tiny, out), preexec_fn=limit(resource.RLIMIT_FSIZE, 10000))
    check(problems, "ulimit -f", done, 4, str(out), "File too large", before=before, out=out)
    # The shards of the large model and its file, all at once.
    for descriptors in (9, 12, 16):
        done = run(setting.command(setting.large, out, quantization="q0f16"),
                   preexec_fn=limit(resource.RLIMIT_NOFILE, descriptors))
        if done.code == 0 and tree(out) == {**before, **setting.large_new}:
            shutil.rmtree(out)
            with_others(out)
        else:
            check(problems, f"{descriptors} descriptors", done, 4, "Too many open files", before=before, out=out)
    for megabytes in (24, 64, 128):
        done = run(setting.command(setting.large, out, "--max-memory", "64M", quantization="q0f16", threads=2),
                   preexec_fn=limit(resource.RLIMIT_AS, megabytes << 20))
        if done.code == 0 and tree(out) == {**before, **setting.large_new}:
            shutil.rmtree(out)
            with_others(out)
        # The loader itself may find no place for the libraries: 127.
        elif done.code != 127:
            check(problems, f"{megabytes} MiB of addresses", done, 4, before=before, out=out)
    return "ulimit -f, 9 to 16 descriptors, 24 to 128 MiB of addresses", problems


def streams(setting, _):
    problems = []
    for what, redirect in (("stdout closed", ">&-"), ("stderr closed", "2>&-"), ("both closed", ">&- 2>&-"),
                           ("stdin closed", "<&-"), ("stdout full", ">/dev/full"), ("broken pipe", "| true")):
        out = setting.folder()
        before = with_others(out)
        words = " ".join(f"'{w}'" for w in setting.command(setting.tiny, out))
        done = run(["bash", "-c", f"set -o pipefail; {words} {redirect}"])
        if tree(out) != {**before, **setting.new} or done.code not in (0, 4):
            problems.append(f"{what}: {done}, leaves {sorted(tree(out))}")
    return "standard streams closed, full, broken", problems


def short_transfers(setting, _):
    """The kernel may read and write less than asked for, one byte say."""
    out = setting.folder()
    done = run(setting.command(setting.tiny, out), env={**os.environ, "LD_PRELOAD": str(setting.short)})
    fine = done.code == 0 and tree(out) == setting.new
    return "every pread and pwrite moves 1 or at most 777 bytes", [] if fine else [str(done)]


def together(setting, _):
    """Eight conversions into one folder: each works, finds it complete, or is told that it is busy."""
    problems, tried = [], 0
    codes = {0: 0, 2: 0, 4: 0}
    for options in ([], ["--overwrite"], ["--resume"]):
        for _ in range(3):
            out = setting.folder()
            before = with_others(out)
            command = [str(w) for w in setting.command(setting.tiny, out, *options)]
            running = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
                       for _ in range(8)]
            ends = [(p.communicate()[1], p.returncode) for p in running]
            tried += 8
            if not any(code == 0 for _, code in ends):
                problems.append(f"{options}: nobody won: {ends}")
            for text, code in ends:
                fine = code == 0 or code == 4 and "busy" in text or code == 2 and "complete" in text
                if not fine:
                    problems.append(f"{options}: exit {code}: {text}")
                codes[code] = codes.get(code, 0) + 1
            if tree(out) != {**before, **setting.new}:
                problems.append(f"{options}: leaves {sorted(tree(out))}")
    return f"{tried} conversions, 8 at once into one folder: {codes[0]} won, {codes[4]} busy, {codes[2]} found it done", \
        problems


def shrinking(setting, _):
    """The source file loses its end while it is read."""
    problems, caught = [], 0
    for attempt in range(6):
        source = setting.folder()
        shutil.copytree(setting.large, source)
        out = setting.folder()
        before = with_others(out)
        weights = source / "model.safetensors"
        done = []
        worker = threading.Thread(target=lambda: done.append(run(setting.command(source, out, quantization="q0f16"))))
        worker.start()
        partial = out / ".mlc-partial" / "params_shard_0.bin"
        end = time.monotonic() + 20
        while not partial.exists() and worker.is_alive() and time.monotonic() < end:
            pass
        os.truncate(weights, weights.stat().st_size // (1 if attempt == 5 else 3))
        worker.join()
        if done[0].code == 0 and tree(out) == {**before, **setting.large_new}:
            pass  # it had been read
        else:
            caught += 1
            check(problems, "shrinking source", done[0], 4, str(weights), "file ended early", before=before, out=out)
        shutil.rmtree(source)
        shutil.rmtree(out)
    if not caught:
        problems.append("the source was never caught in the middle")
    return f"a source cut while it is read, seen {caught} of 6 times", problems


def cpu_seconds():
    """Of all programs so far: unlike time, it does not pass faster on a busy machine."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def signals_in_time(setting, _):
    """A real signal to a conversion of 3 shards: gone soon (2 s of a CPU), nothing left."""
    problems, hit = [], 0
    for delay in (0.005, 0.02, 0.04, 0.06, 0.08, 0.1, 0.15):
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            out = setting.folder()
            before = with_others(out)
            start = cpu_seconds()
            process = subprocess.Popen([str(w) for w in setting.command(setting.large, out, quantization="q0f16",
                                                                        threads=2)],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while not (out / ".mlc-partial").exists() and process.poll() is None:
                pass
            time.sleep(delay)
            process.send_signal(number)
            process.wait(600)
            seconds = cpu_seconds() - start
            left = tree(out)
            if process.returncode == code and left == before:
                hit += 1
            elif not (process.returncode == 0 and left == {**before, **setting.large_new}):
                problems.append(f"signal {number} after {delay} s: exit {process.returncode}, leaves {sorted(left)}")
            if seconds > 2:
                problems.append(f"signal {number} after {delay} s: took {seconds:.1f} s of a CPU")
            shutil.rmtree(out)
    return f"14 signals to a running conversion, {hit} before it was done", problems


def journals(setting, _):
    """--resume with a journal cut at any byte, damaged shards, other options and other sources."""
    problems, tried = [], 0
    origin = setting.folder()
    with_others(origin)
    if not interrupt_after_a_shard(setting, origin):
        return "skipped: no run could be killed between two shards", []
    text = (origin / ".mlc-partial" / "journal").read_bytes()
    first = text.index(b"\n") + 1

    def resumed(what, change, kept, *options, source=setting.large, quantization="q0f16", want=setting.large_new):
        nonlocal tried
        tried += 1
        out = setting.folder()
        shutil.copytree(origin, out)
        change(out)
        command = [*map(str, setting.command(source, out, "--resume", *options, quantization=quantization)), "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        found = json.loads(done.stdout)["kept_shards"] if done.returncode == 0 else None
        if found != kept or want is not None and {n: d for n, d in tree(out).items() if n in want} != want:
            problems.append(f"{what}: exit {done.returncode}, kept {found}, expected {kept}: {done.stderr[:300]}")
        if broken_index(out) or (out / ".mlc-partial").exists():
            problems.append(f"{what}: {broken_index(out)}, leaves {sorted(tree(out))}")
        shutil.rmtree(out)

    def cut(at):
        return lambda out: (out / ".mlc-partial" / "journal").write_bytes(text[:at])

    def damage(out):
        with open(out / ".mlc-partial" / "params_shard_0.bin", "r+b") as file:
            file.seek(12345)
            byte = file.read(1)
            file.seek(12345)
            file.write(bytes([byte[0] ^ 1]))

    kept = text.count(b"\n") - 1
    resumed("as it was", lambda out: None, kept)
    for at in (0, 1, first - 1, first, first + 1, first + 20, first + 34, first + 35, len(text) - 1):
        resumed(f"journal cut at {at}", cut(at), max(0, text[:at].count(b"\n") - 1))
    resumed("a damaged shard", damage, kept - 1)
    resumed("a shortened shard", lambda out: os.truncate(out / ".mlc-partial" / "params_shard_0.bin", 100), kept - 1)
    resumed("a lost shard", lambda out: (out / ".mlc-partial" / "params_shard_0.bin").unlink(), kept - 1)
    resumed("other numerics", lambda out: None, 0, "--numerics", "mlc-2024")
    resumed("other quantization", lambda out: None, 0, quantization="q4f16_1", want=None)
    other = setting.folder()
    shutil.copytree(setting.large, other, copy_function=shutil.copy)
    os.utime(other / "model.safetensors", ns=(1, 1))
    resumed("other times of the source", lambda out: None, 0, source=other)
    shutil.rmtree(other)
    return f"{tried} ways to resume", problems


def interrupt_after_a_shard(setting, out):
    """Kills a conversion when its journal names a shard and before it is complete."""
    command = [str(w) for w in setting.command(setting.large, out, quantization="q0f16")]
    for _ in range(20):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        journal = out / ".mlc-partial" / "journal"
        while process.poll() is None:
            try:
                if journal.read_bytes().count(b"\n") > 1:
                    process.kill()
                    break
            except FileNotFoundError:
                pass
        process.wait()
        if process.returncode == -signal.SIGKILL and journal.exists() and not (out / "tensor-cache.json").exists() \
                and (out / ".mlc-partial" / "params_shard_0.bin").exists():
            return True
        shutil.rmtree(out)
        with_others(out)
    return False


TESTS = {"full_disk": full_disk, "inodes": inodes, "places": places, "limits": limits, "streams": streams,
         "short_transfers": short_transfers,
         "together": together, "shrinking": shrinking, "signals_in_time": signals_in_time, "journals": journals}
