"""Failures by strace: killed, refused and interrupted at every system call that changes a file."""

import shutil

from checkpoints import INDEX, OTHERS, broken_index, tree, with_others
from tracing import CHANGING, calls_of, run, run_with

PARTIAL = ".mlc-partial"


def points(setting, command, names, log_name):
    """The calls of an undisturbed run that are worth disturbing."""
    done, calls = calls_of(command, names, setting.work / log_name)
    assert done.code == 0, done
    # Opening for reading changes nothing; the loader's opens come before main.
    return [c for c in calls if c.name != "openat" or "O_CREAT" in c.text]


def without_leftovers(files):
    return files and {n: d for n, d in files.items() if not n.startswith(PARTIAL)}


def expected(others, conversion):
    return {**others, **conversion}


class Scenario:
    """A conversion with what lies in the output folder before it."""

    def __init__(self, setting, name):
        self.setting, self.name = setting, name
        self.options = {"fresh": [], "overwrite": ["--overwrite"], "resume": ["--resume"]}[name]

    def prepare(self):
        out = self.setting.folder()
        others = with_others(out)
        if self.name == "overwrite":
            done = run(self.setting.command(self.setting.tiny, out, quantization="q4f32_1"))
            assert done.code == 0 and tree(out) == expected(others, self.setting.old), done
        if self.name == "resume":
            # Killed when the first index is created: the shard is finished.
            run_with(self.command(out, []), ["fsync:signal=KILL:when=1"])
            assert PARTIAL in tree(out), "the first run was not killed"
        return out

    def command(self, out, options=None):
        return self.setting.command(self.setting.tiny, out, *(self.options if options is None else options))


# --- killed ---------------------------------------------------------------------------------------------------------

def killed_once(scenario, call):
    """Kills at one call; returns what was wrong."""
    setting, out = scenario.setting, scenario.prepare()
    others = {n: d for n, d in tree(out).items() if n in OTHERS}
    run_with(scenario.command(out), [f"{call.name}:signal=KILL:when={call.k}"])
    problems = []
    left = tree(out)
    if bad := broken_index(out):
        problems.append(bad)
    if {n: d for n, d in left.items() if n in OTHERS} != others:
        problems.append("files of others changed")
    new, old = expected(others, setting.new), expected(others, setting.old)
    state = without_leftovers(left)
    present = {n: d for n, d in left.items() if n in INDEX}
    def matches(conversion):
        return all(conversion.get(n) == d for n, d in present.items()) and all(
            left.get(n) == d for n, d in conversion.items() if n not in INDEX)
    if present and not matches(setting.new) and not matches(setting.old):
        problems.append("an index beside files of neither conversion")
    complete = any(n in present for n in INDEX[:2])
    for options in ([], ["--resume"], ["--overwrite"]):
        copy = setting.folder()
        shutil.copytree(out, copy)
        done = run(scenario.command(copy, options))
        after = tree(copy)
        if done.code == 0 and after == new:
            pass
        # A complete conversion is only replaced on demand, or when the killed run had been told to.
        elif done.code == 2 and complete and options != ["--overwrite"] and after in (left, state):
            pass
        else:
            problems.append(f"the next run with {options}: {done}, leaves {sorted(after)}")
        if options == ["--resume"] and done.code == 2 and state == old and PARTIAL + "/journal" in left:
            problems.append("--resume refused to go on with a run that has a journal")
        shutil.rmtree(copy)
    shutil.rmtree(out)
    return [f"{scenario.name}: killed at {call}: {p}" for p in problems]


def killed(setting, pool):
    problems, jobs = [], []
    for name in ("fresh", "overwrite", "resume"):
        scenario = Scenario(setting, name)
        calls = points(setting, scenario.command(scenario.prepare()), CHANGING, f"killed-{name}.log")
        jobs += [pool.submit(killed_once, scenario, c) for c in calls]
    for job in jobs:
        problems += job.result()
    return f"{len(jobs)} kill points in 3 scenarios, 3 next runs each", problems


def killed_large_once(setting, call, threads):
    out = setting.folder()
    others = with_others(out)
    command = setting.command(setting.large, out, "--resume", quantization="q0f16", threads=threads)
    run_with(command, [f"{call.name}:signal=KILL:when={call.k}"])
    problems = [bad] if (bad := broken_index(out)) else []
    done = run(command)
    if tree(out) != expected(others, setting.large_new):
        done2 = run([*command, "--overwrite"] if done.code == 2 else command)
        problems.append(f"resumed: {done}, {done2}, leaves {sorted(tree(out))}")
    shutil.rmtree(out)
    return [f"killed at {call} with {threads} threads: {p}" for p in problems]


def killed_large(setting, pool):
    """Three shards: sampled, and with two threads, where strace counts the calls of each thread."""
    command = setting.command(setting.large, setting.folder(), quantization="q0f16")
    calls = points(setting, command, CHANGING, "killed-large.log")
    writes = [c for c in calls if c.name == "pwrite64"]
    sample = writes[::max(1, len(writes) // 8)] + [c for c in calls if c.name in ("fallocate", "fsync", "rename")]
    jobs = [pool.submit(killed_large_once, setting, c, 1) for c in sample]
    jobs += [pool.submit(killed_large_once, setting, c, 2) for c in writes[::max(1, len(writes) // 6)]]
    return f"{len(jobs)} kill points of 3 shards, then --resume", [p for j in jobs for p in j.result()]


# --- refused --------------------------------------------------------------------------------------------------------

def refused_once(scenario, call, error, from_then_on):
    setting = scenario.setting
    absent = scenario.name == "absent"
    out = setting.folder() / "a" / "b" if absent else scenario.prepare()
    before = tree(out)
    done = run_with(scenario.command(out), [f"{call.name}:error={error}:when={call.k}{'+' if from_then_on else ''}"])
    after = tree(out)
    others = {n: d for n, d in (before or {}).items() if n in OTHERS}
    new = expected(others, setting.new)
    problems = [bad] if (bad := broken_index(out)) else []
    # Also the folder in which OUT was made.
    named = str(out.parent.parent.parent if absent else out) in done.stderr or "standard output" in done.stderr
    cleaning = call.name in ("unlink", "rmdir", "openat", "close")
    if done.code == 0:
        # Cleaning up after the commit may fail.
        if (without_leftovers(after) if cleaning else after) != new:
            problems.append(f"{done} but the conversion is not complete: {sorted(after or [])}")
    elif done.code == 4 and call.name == "write":
        if after != new:
            problems.append("the result could not be printed, and the conversion is not complete")
    elif done.code == 4:
        if not named:
            problems.append(f"names no path: {done}")
        if "can't be brought back" in done.stderr and from_then_on:
            again = run(scenario.command(out, ["--resume"]))
            if tree(out) != new:
                problems.append(f"can't be resumed: {again}")
        elif scenario.name == "resume":
            if without_leftovers(after) != without_leftovers(before):
                problems.append(f"{done} leaves {sorted(after)}")
            again = run(scenario.command(out, ["--resume"]))
            if tree(out) != new:
                problems.append(f"can't be resumed: {again}")
        elif absent:
            top = out.parent.parent
            if top.exists() and not (from_then_on and cleaning):
                problems.append(f"{done} leaves {sorted(tree(top))}")
        elif (without_leftovers(after) if from_then_on and cleaning else after) != before:
            problems.append(f"{done} leaves {sorted(after)}")
    else:
        problems.append(str(done))
    shutil.rmtree(out.parent.parent if absent else out, ignore_errors=True)
    return [f"{scenario.name}: {error} {'from' if from_then_on else 'at'} {call}: {p}" for p in problems]


class Absent(Scenario):
    """The output folder and its parent are not there."""

    def __init__(self, setting):
        super().__init__(setting, "fresh")
        self.name = "absent"


def refused(setting, pool):
    jobs = []
    for scenario in (Absent(setting), Scenario(setting, "overwrite"), Scenario(setting, "resume")):
        out = setting.folder() / "a" / "b" if scenario.name == "absent" else scenario.prepare()
        calls = points(setting, scenario.command(out), [*CHANGING, "flock"], f"refused-{scenario.name}.log")
        # One write of a kind stands for the others of the same shard.
        writes = [c for c in calls if c.name == "pwrite64"]
        calls = [c for c in calls if c.name != "pwrite64" or c.k <= 6 or c.k > len(writes) - 5]
        for call in calls:
            for error in ("ENOSPC", "EIO"):
                for from_then_on in (False, True):
                    jobs.append(pool.submit(refused_once, scenario, call, error, from_then_on))
    return f"{len(jobs)} fault points (ENOSPC, EIO; once, from then on; 3 scenarios)", [
        p for j in jobs for p in j.result()]


def unreadable_once(setting, call):
    scenario = Absent(setting)
    out = setting.folder() / "a" / "b"
    done = run_with(scenario.command(out), [f"pread64:error=EIO:when={call.k}"])
    problems = []
    if done.code != 4 or out.parent.exists() or str(setting.work) not in done.stderr:
        problems.append(f"EIO at {call}: {done}")
    ended = run_with(scenario.command(out), [f"pread64:retval=0:when={call.k}"])
    if ended.code != 4 or out.parent.exists() or "file ended early" not in ended.stderr:
        problems.append(f"end of file at {call}: {ended}")
    shutil.rmtree(out.parent, ignore_errors=True)
    return problems


def unreadable(setting, pool):
    scenario = Absent(setting)
    _, calls = calls_of(scenario.command(setting.folder()), ["pread64"], setting.work / "unreadable.log")
    # The loader reads the libraries' headers with pread64 too.
    mine = [c for c in calls if c.k > loader_reads(calls)]
    jobs = [pool.submit(unreadable_once, setting, c) for c in mine]
    return f"{2 * len(jobs)} fault points (EIO, end of file)", [p for j in jobs for p in j.result()]


def loader_reads(calls):
    """How many of the calls come before the first one of the program, which reads config.json."""
    return next(i for i, c in enumerate(calls) if "model_type" in c.text)


# --- interrupted ----------------------------------------------------------------------------------------------------

def transparent_once(setting, injection):
    scenario = Absent(setting)
    out = setting.folder() / "a" / "b"
    done = run_with(scenario.command(out), [injection])
    problem = None if done.code == 0 and tree(out) == setting.new else f"{injection}: {done}"
    shutil.rmtree(out.parent, ignore_errors=True)
    return [problem] if problem else []


def transparent(setting, pool):
    """EINTR everywhere, EAGAIN, and a file system that can't reserve space."""
    scenario = Absent(setting)
    _, calls = calls_of(scenario.command(setting.folder()), ["openat", "pread64", "pwrite64", "fsync", "fallocate",
                                                             "ftruncate"], setting.work / "transparent.log")
    first_read = loader_reads([c for c in calls if c.name == "pread64"]) + 1
    injections = [f"{n}:error=EINTR:when=1+2" for n in ("pwrite64", "fsync", "fallocate", "ftruncate")]
    injections += [f"pwrite64:error=EINTR:when={k}..{k + 50}" for k in (1, 4)]
    injections += [f"pread64:error=EINTR:when={first_read}+2", f"pread64:error=EAGAIN:when={first_read}+2",
                   "pwrite64:error=EAGAIN:when=1+2", "fallocate:error=EOPNOTSUPP", "fallocate:error=ENOSYS"]
    injections += [f"openat:error=EINTR:when={c.k}" for c in calls
                   if c.name == "openat" and ("O_CREAT" in c.text or "O_NONBLOCK" in c.text)
                   and "O_DIRECTORY" not in c.text and "lock" not in c.text]
    jobs = [pool.submit(transparent_once, setting, i) for i in injections]
    return f"{len(injections)} patterns of EINTR, EAGAIN and no fallocate", [p for j in jobs for p in j.result()]


def stopped_once(setting, name, signal, code, call):
    scenario = Scenario(setting, name)
    out = scenario.prepare()
    before = tree(out)
    done = run_with(scenario.command(out), [f"{call.name}:signal={signal}:when={call.k}"])
    after = tree(out)
    others = {n: d for n, d in before.items() if n in OTHERS}
    # Once the commit has begun, the conversion is finished first.
    fine = (done.code == code and after == before) or (
        done.code == 0 and call.name != "pwrite64" and after == expected(others, setting.new))
    shutil.rmtree(out)
    if fine and done.seconds < 2 + 1:  # strace and a busy machine take their share
        return []
    return [f"{name}: {signal} at {call}: {done}, leaves {sorted(after)}"]


def stopped(setting, pool):
    jobs = []
    for name in ("fresh", "overwrite"):
        scenario = Scenario(setting, name)
        calls = points(setting, scenario.command(scenario.prepare()), CHANGING, f"stopped-{name}.log")
        shard = next(c for c in calls if c.name == "openat" and "params_shard_0" in c.text)
        index = next(c for c in calls if c.name == "openat" and "ndarray-cache" in c.text)
        writes = [c for c in calls[calls.index(shard):calls.index(index)] if c.name == "pwrite64"][:-1]
        chosen = writes[::5] + [c for c in calls if c.name in ("fsync", "rename", "fallocate")]
        for signal, code in (("INT", 130), ("TERM", 143)):
            jobs += [pool.submit(stopped_once, setting, name, signal, code, c) for c in chosen]
    return f"{len(jobs)} signals (INT, TERM)", [p for j in jobs for p in j.result()]


TESTS = {"killed": killed, "killed_large": killed_large, "refused": refused, "unreadable": unreadable,
         "transparent": transparent, "stopped": stopped}
