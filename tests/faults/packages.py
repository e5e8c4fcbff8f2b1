"""The same for what writes packages: package, unpack, sign, push and pull, of the bundled model.

After a kill the result is absent or complete, and the next run leaves exactly what an undisturbed one leaves. After an
error it is as if nothing had been tried. Pulls and pushes talk to Debian's docker-registry on this machine.
"""

import contextlib
import json
import pathlib
import shutil
import signal
import sys
import urllib.error
import urllib.request

from checkpoints import tree
from tracing import CHANGING, calls_of, run, run_with

TESTS_FOLDER = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS_FOLDER / "cli"))
import registry  # noqa: E402

PARTIAL = ".mlc-partial"
TAG = "kjv-0.1.0"


class Models:
    """The demo model's folder, its package, and a package of another model."""

    def __init__(self, setting):
        self.mlc = setting.mlc
        self.folder = setting.work / "kjv"
        checkpoint = TESTS_FOLDER / "data" / "kjv-llama"
        self.do("convert_weight", checkpoint, "--quantization", "q4f16_1", "-o", self.folder)
        self.do("gen_config", checkpoint, "--quantization", "q4f16_1", "--conv-template", "LM", "-o", self.folder)
        self.other = setting.work / "other"
        shutil.copytree(self.folder, self.other)
        (self.other / "README.md").write_text("another model\n")
        self.package = setting.work / "package"
        self.do("package", self.folder, "-o", self.package)
        self.files = tree(self.folder)
        self.key = setting.work / "key.pem"
        self.do("sign", "--new-key", self.key)
        # out, as a folder that is signed in the tests is called
        signed = setting.work / "signed" / "out"
        shutil.copytree(self.folder, signed)
        self.do("sign", "--new-key", setting.work / "old.pem")
        self.do("sign", signed, "--key", setting.work / "old.pem")
        self.old_signature = signed / "model.sig"

    def do(self, *arguments):
        done = run([self.mlc, *arguments, "--quiet"])
        assert done.code == 0, done
        return done


def models_of(setting):
    if not hasattr(setting, "models"):
        setting.models = Models(setting)
    return setting.models


def tags(layout):
    index = layout / "index.json"
    if not index.exists():
        return []
    return [m.get("annotations", {}).get("org.opencontainers.image.ref.name")
            for m in json.loads(index.read_text())["manifests"]]


class Writer:
    """One command that writes `out`; `beside`: something is there already."""

    def __init__(self, setting, models, beside=False):
        self.setting, self.models, self.beside = setting, models, beside
        out = self.prepare()
        self.before = tree(out)
        done = run(self.command(out))
        assert done.code == 0, done
        self.after = tree(out)
        shutil.rmtree(out.parent)

    def prepare(self):
        out = self.setting.folder() / "out"
        out.parent.mkdir(parents=True)
        if self.beside:
            self.models.do("package", self.models.other, "-o", out)
        return out

    def is_whole(self, out, done_before):
        """None, or what is wrong with what stands there."""
        raise NotImplementedError

    # What strace disturbs has to come in the same order each time.
    def one_thread(self):
        return ["--threads", 1]


class Package(Writer):
    name = "package"

    def command(self, out):
        return [self.models.mlc, "package", self.models.folder, "-o", out, "--quiet", *self.one_thread()]

    def is_whole(self, out):
        there = tags(out)
        if self.beside and "other-0.1.0" not in there:
            return "the other model's tag is lost"
        if TAG in there:
            copy = out.parent / "copy"
            done = run([self.models.mlc, "unpack", f"{out}:{TAG}", "-o", copy, "--quiet"])
            if done.code != 0 or tree(copy) != self.models.files:
                return f"the tag is there and does not unpack: {done}"
        return None


class Unpack(Writer):
    name = "unpack"

    def command(self, out):
        return [self.models.mlc, "unpack", self.models.package, "-o", out, "--quiet", *self.one_thread()]

    def is_whole(self, out):
        return None if tree(out) in (None, self.models.files) else f"half a folder: {sorted(tree(out))}"


class Sign(Writer):
    """A folder that is signed anew; the old signature is of another key."""

    name = "sign"

    def prepare(self):
        out = self.setting.folder() / "out"
        out.parent.mkdir(parents=True)
        shutil.copytree(self.models.folder, out)
        if self.beside:
            shutil.copyfile(self.models.old_signature, out / "model.sig")
        return out

    def command(self, out):
        return [self.models.mlc, "sign", out, "--key", self.models.key, "--quiet", *self.one_thread()]

    def is_whole(self, out):
        left = {n: d for n, d in tree(out).items() if ".tmp-" not in n}
        return None if left in (self.before, self.after) else f"neither as it was nor signed: {sorted(left)}"


class Pull(Package):
    name = "pull"

    def __init__(self, setting, models, host, beside=False):
        self.host = host
        super().__init__(setting, models, beside)

    def command(self, out):
        return [self.models.mlc, "pull", f"oci://{self.host}/demo:{TAG}", "-o", out, "--quiet", "--connections", 1]


def points(writer, log_name):
    out = writer.prepare()
    done, calls = calls_of(writer.command(out), CHANGING, writer.setting.work / log_name)
    assert done.code == 0, done
    shutil.rmtree(out.parent)
    calls = [c for c in calls if c.name != "openat" or "O_CREAT" in c.text]
    # Blocks in the middle of a file are like each other.
    writes = [c for c in calls if c.name == "pwrite64"]
    middle = {c.k for c in writes[8:-8]} - {c.k for c in writes[8:-8:12]}
    return [c for c in calls if c.name != "pwrite64" or c.k not in middle][::writer.setting.every]


def killed_once(writer, call):
    out = writer.prepare()
    done = run_with(writer.command(out), [f"{call.name}:signal=KILL:when={call.k}"])
    problems = [] if done.code == -signal.SIGKILL else [f"was not killed: {done}"]
    if bad := writer.is_whole(out):
        problems.append(bad)
    shutil.rmtree(out.parent / "copy", ignore_errors=True)
    again = run(writer.command(out))
    # A folder that was complete when the run was killed is not written again.
    if again.code not in ((0, 2) if isinstance(writer, Unpack) else (0,)) or tree(out) != writer.after:
        problems.append(f"the next run: {again}, leaves {sorted(tree(out) or [])}")
    gc = run([writer.models.mlc, "gc", out.parent, out, "--quiet"])
    if gc.code != 0 or list(out.parent.iterdir()) != [out]:
        problems.append(f"gc: {gc}, leaves {sorted(p.name for p in out.parent.iterdir())}")
    shutil.rmtree(out.parent)
    return [f"{writer.name}: killed at {call}: {p}" for p in problems]


def refused_once(writer, call, error, from_then_on):
    out = writer.prepare()
    done = run_with(writer.command(out), [f"{call.name}:error={error}:when={call.k}{'+' if from_then_on else ''}"])
    left = tree(out)
    problems = []
    cleaning = call.name in ("unlink", "unlinkat", "rmdir")
    # What can't be removed stays, under names that gc knows.
    if cleaning or from_then_on:
        left = left and {n: d for n, d in left.items() if not n.startswith(PARTIAL)}
    if done.code == 0:
        if left != writer.after:
            problems.append(f"says that all is well, and leaves {sorted(left or [])}")
    elif done.code != 4:
        problems.append(str(done))
    elif isinstance(writer, Sign) and left == writer.after and "sync folder" in done.stderr:
        pass  # complete, but perhaps not after a power failure
    elif call.name != "write" and left != writer.before and not (from_then_on and cleaning):
        problems.append(f"{done} leaves {sorted(left or [])}")
    # With every write refused, nothing can be said.
    elif not (call.name == "write" and from_then_on) and str(out.parent) not in done.stderr and "standard" not in done.stderr:
        problems.append(f"names no path: {done}")
    if not cleaning and not from_then_on and done.code == 4 and call.name != "write":
        strangers = [p.name for p in out.parent.iterdir() if p != out]
        if strangers:
            problems.append(f"leaves {strangers}")
    shutil.rmtree(out.parent)
    return [f"{writer.name}: {error} {'from' if from_then_on else 'at'} {call}: {p}" for p in problems]


def writers_of(setting, models, host):
    yield Package(setting, models)
    yield Package(setting, models, beside=True)
    yield Unpack(setting, models)
    yield Sign(setting, models)
    yield Sign(setting, models, beside=True)
    if host:
        yield Pull(setting, models, host)
        yield Pull(setting, models, host, beside=True)


@contextlib.contextmanager
def demo_registry(setting, models):
    """Its host, with the demo model in it; None where it is not installed."""
    if not shutil.which("docker-registry"):
        print("skipped: push and pull: docker-registry is not installed")
        yield None
        return
    (setting.work / "cases").mkdir(exist_ok=True)
    server = registry.Registry(setting.folder().with_suffix(".registry"))
    try:
        models.do("push", models.package, f"{server.host}/demo:{TAG}")
        yield server.host
    finally:
        server.stop()


def packages_killed(setting, pool):
    models, jobs = models_of(setting), []
    with demo_registry(setting, models) as host:
        for writer in writers_of(setting, models, host):
            jobs += [pool.submit(killed_once, writer, c) for c in points(writer, "points.log")]
        problems = [p for j in jobs for p in j.result()]
        pushes = 0
        if host:
            pushes, more = pushes_killed(setting, models, host)
            problems += more
    return f"{len(jobs)} kill points of package, unpack, sign and pull, {pushes} of push", problems


def packages_refused(setting, pool):
    models, jobs = models_of(setting), []
    with demo_registry(setting, models) as host:
        for writer in writers_of(setting, models, host):
            if writer.beside and isinstance(writer, Pull):
                continue  # as for a package beside another
            for call in points(writer, "points.log"):
                for error, from_then_on in (("ENOSPC", False), ("EIO", False), ("ENOSPC", True)):
                    jobs.append(pool.submit(refused_once, writer, call, error, from_then_on))
        problems = [p for j in jobs for p in j.result()]
    return f"{len(jobs)} fault points of package, unpack, sign and pull (ENOSPC, EIO, and ENOSPC from then on)", problems


def stopped_once(writer, call, name, code):
    out = writer.prepare()
    done = run_with(writer.command(out), [f"{call.name}:signal={name}:when={call.k}"])
    left = tree(out)
    fine = (done.code == code and left == writer.before) or (done.code == 0 and left == writer.after)
    # A pull that is stopped goes on later from what it has.
    if isinstance(writer, Pull) and done.code == code and TAG not in tags(out):
        again = run(writer.command(out))
        fine = again.code == 0 and tree(out) == writer.after
    shutil.rmtree(out.parent)
    if fine and done.seconds < 2 + 1:  # strace and a busy machine take their share
        return []
    return [f"{writer.name}: {name} at {call}: {done}, leaves {sorted(left or [])}"]


def packages_stopped(setting, pool):
    models, jobs = models_of(setting), []
    with demo_registry(setting, models) as host:
        for writer in writers_of(setting, models, host):
            chosen = [c for c in points(writer, "points.log") if c.name in ("pwrite64", "fsync", "rename")][::2]
            for name, code in (("INT", 130), ("TERM", 143)):
                jobs += [pool.submit(stopped_once, writer, c, name, code) for c in chosen]
        problems = [p for j in jobs for p in j.result()]
    return f"{len(jobs)} signals (INT, TERM) of package, unpack and pull", problems


def unreadable_once(writer, call, injection, code):
    out = writer.prepare()
    done = run_with(writer.command(out), [f"pread64:{injection}:when={call.k}"])
    left = tree(out)
    shutil.rmtree(out.parent)
    if done.code in code and left == writer.before and "/" in done.stderr:
        return []
    return [f"{writer.name}: {injection} at {call}: {done}, leaves {sorted(left or [])}"]


def packages_unreadable(setting, pool):
    models, jobs = models_of(setting), []
    for writer in (Package(setting, models), Unpack(setting, models)):
        out = writer.prepare()
        _, calls = calls_of(writer.command(out), ["pread64"], setting.work / "reads.log")
        shutil.rmtree(out.parent)
        # The loader reads the headers of libraries.
        mine = [c for c in calls if "ELF" not in c.text and c.k > 12]
        for call in mine[::max(1, len(mine) // 40)]:
            jobs.append(pool.submit(unreadable_once, writer, call, "error=EIO", (4,)))
            jobs.append(pool.submit(unreadable_once, writer, call, "retval=0", (4, 6)))
    return f"{len(jobs)} fault points of package and unpack (EIO, end of file)", [p for j in jobs for p in j.result()]


def packages_short(setting, pool):
    """Transfers of few bytes, and EINTR everywhere, change nothing."""
    models, problems, count = models_of(setting), [], 0
    injections = [f"{n}:error=EINTR:when=1+2" for n in ("pwrite64", "fsync", "fallocate")]
    injections += ["fallocate:error=EOPNOTSUPP", "flock:error=ENOLCK"]
    with demo_registry(setting, models) as host:
        for writer in writers_of(setting, models, host):
            out = writer.prepare()
            done = run(["env", f"LD_PRELOAD={setting.short}", *writer.command(out)])
            if done.code != 0 or tree(out) != writer.after:
                problems.append(f"{writer.name}: short transfers: {done}")
            shutil.rmtree(out.parent)
            for injection in injections:
                out = writer.prepare()
                done = run_with(writer.command(out), [injection])
                if done.code != 0 or tree(out) != writer.after:
                    problems.append(f"{writer.name}: {injection}: {done}, leaves {sorted(tree(out) or [])}")
                shutil.rmtree(out.parent)
            count += 1 + len(injections)
    return f"{count} runs with short transfers, EINTR, no fallocate and no locks", problems


# --- push -----------------------------------------------------------------------------------------------------------

def manifest_of(host, repository):
    request = urllib.request.Request(f"http://{host}/v2/{repository}/manifests/{TAG}",
                                     headers={"Accept": "application/vnd.oci.image.manifest.v1+json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.headers["Docker-Content-Digest"]
    except urllib.error.HTTPError as error:
        assert error.code == 404, error
        return None


def pushes_killed(setting, models, host):
    """At the calls with which a push sends: the tag is absent, or all that it names is there."""
    sending = ["sendto", "sendmsg", "write"]
    whole = manifest_of(host, "demo")

    def command(repository):
        return [models.mlc, "push", models.package, f"{host}/{repository}:{TAG}", "--quiet", "--connections", 1]

    done, calls = calls_of(command("counted"), sending, setting.work / "push.log")
    assert done.code == 0 and manifest_of(host, "counted") == whole, done
    calls = calls[:: max(1, setting.every // 2)] if len(calls) < 100 else calls[::8]
    problems = []
    for number, call in enumerate(calls):
        repository = f"killed-{number}"
        done = run_with(command(repository), [f"{call.name}:signal=KILL:when={call.k}"])
        if done.code != -signal.SIGKILL:
            problems.append(f"push: was not killed at {call}: {done}")
        there = manifest_of(host, repository)
        if there == whole:
            out = setting.folder()
            pulled = run([models.mlc, "pull", f"{host}/{repository}:{TAG}", "-o", out, "--quiet"])
            if pulled.code != 0:
                problems.append(f"push: killed at {call}: the tag is there, and {pulled}")
        elif there is not None:
            problems.append(f"push: killed at {call}: another manifest")
        again = run(command(repository))
        if again.code != 0 or manifest_of(host, repository) != whole:
            problems.append(f"push: killed at {call}: the next run: {again}")
    return len(calls), problems


TESTS = {"packages_killed": packages_killed, "packages_refused": packages_refused, "packages_stopped": packages_stopped,
         "packages_unreadable": packages_unreadable, "packages_short": packages_short}
