#!/usr/bin/env python3
"""mlc pull HF://... and the commands that take HF:// for a folder, against a hub on this machine that misbehaves.

  hub.py MLC [SCHEDULES [every-call]]

SCHEDULES (40): how many random faulty schedules are tried; the same number is the same schedules. every-call: kill and
refuse at every system call that changes a file, not at a sample of them.
"""

import gzip
import hashlib
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "faults"))
import hub_server
import tracing
from hub_server import TOKEN, Repository, wait

TESTS = pathlib.Path(__file__).resolve().parent.parent
MODEL = TESTS / "data" / "kjv-llama"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
OTHER = "89abcdef0123456789abcdef0123456789abcdef"
PULL = ["pull", "HF://me/model", "--quiet"]


class Tests:
    def __init__(self, mlc, root):
        self.mlc, self.root = mlc, root
        self.hub, self.cdn = hub_server.pair()
        self.failed = self.count = 0
        self.last = time.monotonic()
        rng = random.Random(7)
        self.files = {"config.json": b'{"a": 1}', "model.safetensors": rng.randbytes(3_000_000), "empty": b"",
                      "sub/deep/x.bin": rng.randbytes(70_000), "README.md": b"# hello\n"}
        self.publish(self.files)

    def publish(self, files, commit=COMMIT, name="me/model", private=False):
        repository = Repository(files, commit, private)
        self.hub.repositories[name] = {"main": repository, commit: repository}
        return repository

    def fresh(self):
        """An empty cache, and servers without trouble."""
        self.count += 1
        self.home = self.root / f"home{self.count}"
        self.hub.reset()
        self.cdn.reset()
        return self.home

    def environment(self, more=None):
        kept = {k: v for k, v in os.environ.items() if k in ("PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS")}
        return {**kept, "HF_HOME": str(self.home), "HF_ENDPOINT": self.hub.url, "HF_TOKEN": TOKEN, "NO_PROXY": "*",
                "MLC_RETRY_BASE_MS": "1", "HF_HUB_DOWNLOAD_TIMEOUT": "20", "HF_HUB_ETAG_TIMEOUT": "20",
                "HOME": str(self.root), **(more or {})}

    def start(self, *arguments, **more):
        return subprocess.Popen([self.mlc, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                env=self.environment(more))

    def mlc_run(self, *arguments, **more):
        process = self.start(*arguments, **more)
        out, err = process.communicate(timeout=300)
        return process.returncode, out.decode(), err.decode()

    # What is in the cache.

    @property
    def folder(self):
        return self.home / "hub" / "models--me--model"

    def snapshot(self, commit=COMMIT):
        return self.folder / "snapshots" / commit

    def tree(self):
        """Files and links of the model's folder, our own file left out."""
        out = {}
        for path in sorted(self.folder.rglob("*")):
            name = path.relative_to(self.folder).as_posix()
            if name.startswith(".mlc/"):
                continue
            if path.is_symlink():
                out[name] = "-> " + os.readlink(path)
            elif path.is_file():
                out[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        return out

    def expected_tree(self, files=None, commit=COMMIT, ref="main"):
        """What huggingface_hub's snapshot_download() leaves."""
        repository = Repository(files or self.files, commit)
        out = {}
        for name, data in repository.files.items():
            etag = repository.etag(name)
            out[f"blobs/{etag}"] = hashlib.sha256(data).hexdigest()
            out[f"snapshots/{commit}/{name}"] = "-> " + "../" * (2 + name.count("/")) + f"blobs/{etag}"
        if ref:
            out[f"refs/{ref}"] = hashlib.sha256(commit.encode()).hexdigest()
        return dict(sorted(out.items()))

    def problems_of_cache(self, files=None, commit=COMMIT, ref="main"):
        found, expected = self.tree(), self.expected_tree(files, commit, ref)
        return [] if found == expected else [f"cache: {set(found.items()) ^ set(expected.items())}"]

    def nothing_visible(self):
        """No snapshot, no ref, and no blob that is not what its name says."""
        problems = [f"is there: {p}" for p in (self.folder / "snapshots").glob("*")]
        problems += [f"is there: {p}" for p in (self.folder / "refs").glob("*")]
        for blob in (self.folder / "blobs").glob("*"):
            data = blob.read_bytes()
            if not blob.name.endswith(".incomplete") and \
                    blob.name not in (hashlib.sha256(data).hexdigest(), hub_server.git_hash(data)):
                problems.append(f"wrong bytes: {blob}")
        return problems

    def leaks(self):
        """The token may go to the hub and nowhere else."""
        problems = [f"token sent to the CDN: {p}" for p in self.cdn.saw(TOKEN)]
        for path in self.home.rglob("*"):
            if path.is_file() and TOKEN.encode() in path.read_bytes():
                problems.append(f"token in {path}")
        return problems

    # Reporting.

    def note(self, name, problems, text=""):
        now = time.monotonic()
        print(f"{'FAILED' if problems else 'ok':8}{now - self.last:4.1f} s  {name}", flush=True)
        self.last = now
        for problem in problems:
            print("        " + str(problem)[:1500])
        if problems and text:
            print("        " + text[:2000].replace("\n", "\n        "))
        self.failed += bool(problems)

    def check(self, name, result, code, expected=(), unexpected=(), more=()):
        found, out, err = result
        text = out + err
        problems = [f"exit code {found}, expected {code}"] if found != code else []
        problems += [f"lacks {part!r}" for part in expected if part not in text]
        problems += [f"has {part!r}" for part in (*unexpected, TOKEN, "sig=secret") if part in text]
        self.note(name, problems + list(more) + self.leaks(), text)


def of_blob(etag, trouble, times=1000):
    """Lets `trouble` answer the first requests for this file at the CDN."""
    left = [times]

    def answer(request):
        if not request.path.startswith("/blob/" + etag) or left[0] <= 0:
            return False
        left[0] -= 1
        return trouble(request)
    return answer


def test_pull(t):
    home = t.fresh()
    t.hub.page = 2
    result = t.mlc_run(*PULL)
    t.check("pull: the cache is as huggingface_hub's", result, 0, [f"snapshots/{COMMIT}\n"], more=t.problems_of_cache())
    t.note("pull: marks the folder as a cache",
           [] if (home / "hub/CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55") else ["no"])
    t.note("pull: next pages are asked of the hub itself",
           [] if sum("cursor=" in p for p, _ in t.hub.requests) == 2 else [t.hub.requests])
    t.hub.page = 1000
    t.hub.requests.clear()
    t.check("pull again: one request, nothing fetched", t.mlc_run(*PULL, "--json"), 0, ['"downloaded_bytes": 0'],
            more=[r for r in t.hub.requests[1:]] + t.problems_of_cache())
    t.hub.requests.clear()
    t.check("pull a known commit: no request", t.mlc_run("pull", f"HF://me/model@{COMMIT}", "--quiet"), 0, [COMMIT],
            more=t.hub.requests)
    t.check("offline, warm", t.mlc_run(*PULL, HF_HUB_OFFLINE="1"), 0, [COMMIT], more=t.hub.requests)
    t.check("pull -o: files, not links", t.mlc_run(*PULL, "-o", str(home / "out")), 0, [str(home / "out")],
            more=[] if {p.relative_to(home / "out").as_posix(): p.read_bytes() for p in (home / "out").rglob("*")
                        if p.is_file() and not p.is_symlink()} == t.files else ["differs"])
    t.check("pull -o: not over files", t.mlc_run(*PULL, "-o", str(home / "out")), 2)
    blob = t.folder / "blobs" / Repository(t.files).etag("model.safetensors")
    blob.write_bytes(b"\0" + t.files["model.safetensors"][1:])
    t.check("IO-10 offline, a damaged blob", t.mlc_run(*PULL, HF_HUB_OFFLINE="1"), 6, ["missing or damaged: model.safetensors"])
    t.check("IO-10 a damaged blob is fetched again", t.mlc_run(*PULL), 0, ["damaged, and is fetched again"],
            more=t.problems_of_cache())
    blob.unlink()
    t.check("offline, one file is missing", t.mlc_run(*PULL, HF_HUB_OFFLINE="1"), 5, ["missing or damaged: model.safetensors"])
    t.fresh()
    t.check("NW-14 offline, cold", t.mlc_run(*PULL, HF_HUB_OFFLINE="1"), 5, ["HF_HUB_OFFLINE is set", "unset it"],
            more=t.hub.requests)
    t.check("NW-14 endpoint with a slash", t.mlc_run(*PULL, HF_ENDPOINT=t.hub.url + "//"), 0, more=t.problems_of_cache())
    t.check("NW-14 endpoint without scheme", t.mlc_run(*PULL, HF_ENDPOINT="huggingface.co"), 2, ["HF_ENDPOINT=huggingface.co"])
    t.fresh()
    t.check("pull --include, --exclude", t.mlc_run(*PULL, "--include", "*.bin", "--include", "*.json", "--exclude", "config*"), 0,
            more=[] if [p.name for p in t.snapshot().rglob("*") if p.is_symlink()] == ["x.bin"] else ["others"])
    t.check("pull --include nothing", t.mlc_run(*PULL, "--include", "*.gguf"), 5, ["has no such files", "model.safetensors"])
    t.check("pull of a folder", t.mlc_run("pull", "HF://me/model/sub", "--json", "--quiet"), 0, ['["sub/deep/x.bin"]'])
    t.check("pull of what is not there", t.mlc_run("pull", "HF://me/model/su"), 5, ["has no such files"])
    t.check("pull of no model", t.mlc_run("pull", "HF://me/other"), 5, ["401", "there is no such model, or it is private"])
    t.check("pull of no revision", t.mlc_run("pull", "HF://me/model@v9"), 5, ["no revision v9"])
    t.check("pull of no address", t.mlc_run("pull", "HF://me"), 2, ["expected HF://owner/name"])
    t.fresh()
    t.hub.repositories["me/model"]["refs/pr/7"] = Repository(t.files)
    t.check("pull of a pull request", t.mlc_run("pull", "HF://me/model@refs/pr/7", "--quiet"), 0,
            more=t.problems_of_cache(ref="refs/pr/7"))


def test_python_cache(t):
    """A cache that huggingface_hub made, which knows nothing of our file."""
    t.fresh()
    for name, content in t.expected_tree().items():
        path = t.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content.startswith("-> "):
            path.symlink_to(content[3:])
        elif name == "refs/main":
            path.write_text(COMMIT)
        else:
            path.write_bytes(next(d for d in t.files.values() if hashlib.sha256(d).hexdigest() == content))
    t.check("huggingface_hub's cache, offline", t.mlc_run("pull", "HF://me/model", HF_HUB_OFFLINE="1"), 0,
            ["made by another program"], more=t.hub.requests)
    t.check("huggingface_hub's cache, online: nothing is fetched", t.mlc_run(*PULL), 0,
            more=t.hub.file_requests() + t.problems_of_cache())
    t.fresh()
    path = t.folder / "snapshots" / COMMIT / "config.json"
    path.parent.mkdir(parents=True)
    path.symlink_to("../../blobs/" + "a" * 40)
    (t.folder / "refs").mkdir()
    (t.folder / "refs/main").write_text(COMMIT)
    t.check("huggingface_hub's cache, offline, a link to nothing", t.mlc_run(*PULL, HF_HUB_OFFLINE="1"), 5,
            ["missing or damaged: config.json"])
    t.fresh()
    left = t.folder / "blobs" / (Repository(t.files).etag("model.safetensors") + ".incomplete")
    left.parent.mkdir(parents=True)
    left.write_bytes(t.files["model.safetensors"][:2_000_000])
    os.utime(left, (1, 1))
    t.check("huggingface_hub's partial file goes on", t.mlc_run(*PULL), 0,
            more=t.problems_of_cache() + ([f"{t.cdn.sent} bytes"] if t.cdn.sent > 1_100_000 else []))


def test_faults(t):
    large = Repository(t.files).etag("model.safetensors")
    other = bytes(reversed(t.files["model.safetensors"]))

    def case(name, trouble, code, expected=(), where="cdn", **more):
        t.fresh()
        (t.cdn if where == "cdn" else t.hub).trouble = trouble
        result = t.mlc_run("pull", "HF://me/model", **more)
        t.check(name, result, code, expected, more=t.problems_of_cache() if code == 0 else t.nothing_visible())

    def whole(data, **headers):
        return of_blob(large, lambda r: r.answer(200, data, {"ETag": '"x"', **headers}))

    def ignores_ranges(request):
        if "Range" in request.headers:
            return request.answer(200, t.files["model.safetensors"])
        return request.send_file(t.files["model.safetensors"], cut=1_000_000)
    case("NW-02 a server that ignores ranges", of_blob(large, lambda r: ignores_ranges(r)), 0)

    def other_range(request):
        if "Range" not in request.headers:
            return request.send_file(t.files["model.safetensors"], cut=1_000_000)
        return request.answer(206, b"x" * 100, {"Content-Range": "bytes 0-99/3000000"})
    case("NW-02 another range than asked for", of_blob(large, lambda r: other_range(r)), 5, ["asked for bytes from", "bytes 0-99/3000000"])

    def then_416(request):
        if "Range" in request.headers:
            return request.answer(416, headers={"Content-Range": "bytes */3000000"})
        if len(t.cdn.requests) > 4:
            return False
        return request.send_file(t.files["model.safetensors"], cut=1_000_000)
    case("NW-02 416 to a range", of_blob(large, lambda r: then_416(r)), 0)

    def changes(request):
        if request.start() == 0 and len(t.cdn.requests) < 3:
            return request.send_file(other, '"old"', cut=500_000)
        return request.send_file(t.files["model.safetensors"], '"new"')
    case("NW-03 the file changes in the middle", of_blob(large, lambda r: changes(r)), 0)

    def changes_unseen(request):
        if request.start() == 0 and sum(large in p for p, _ in t.cdn.requests) == 1:
            return request.send_file(other, '"same"', cut=500_000)
        return request.send_file(t.files["model.safetensors"], '"same"')
    case("NW-03 the file changes unseen", of_blob(large, lambda r: changes_unseen(r)), 0, ["don't fit together"])
    case("NW-04 wrong bytes of the right size", whole(other), 6, ["its SHA-256 is", "the hub says " + large])
    case("NW-04 a longer file", whole(t.files["model.safetensors"] + b"x"), 6, ["the server has 3000001 bytes, expected 3000000"])
    case("NW-04 a shorter file", whole(t.files["model.safetensors"][:-1]), 6, ["the server has 2999999 bytes, expected 3000000"])
    case("NW-04 more than was said",
         of_blob(large, lambda r: r.answer(200, t.files["model.safetensors"] + b"x" * 70000, {"Connection": "close"}, "none")),
         6, ["more than the 3000000 bytes"])
    case("NW-04 chunks without an end",
         of_blob(large, lambda r: r.answer(200, b"5\r\nhello\r\n", {"Transfer-Encoding": "chunked"}, "none") and r.drop()), 5)
    case("NW-04 gzip that nobody asked for", whole(gzip.compress(t.files["model.safetensors"], 1), **{"Content-Encoding": "gzip"}), 5)
    case("wrong git hash of a small file",
         lambda r: r.path.endswith("config.json") and r.answer(200, b'{"a": 2}'), 6, ["its git blob hash is"], "hub")

    def stall(request):
        request.answer(200, t.files["model.safetensors"][:50], {}, 3_000_000)
        time.sleep(5)
        return request.drop()
    case("NW-05 a server that falls silent once", of_blob(large, stall, 1), 0, ["no answer in time"], HF_HUB_DOWNLOAD_TIMEOUT="1")

    def busy(status, **headers):
        return lambda r: r.answer(status, headers={k.replace("_", "-"): v for k, v in headers.items()})
    case("NW-06 503 four times, then the file", of_blob(large, busy(503), 4), 0)
    case("NW-06 429 with Retry-After", of_blob(large, busy(429, Retry_After="2"), 2), 0)
    case("NW-06 429 for ever", of_blob(large, busy(429)), 5, ["429"])
    case("NW-06 a Retry-After of 10^9", of_blob(large, busy(503, Retry_After="1000000000")), 5, ["come again in 1000000000 seconds"])
    case("NW-06 the list: 503 twice", (lambda left: lambda r: "/tree/" in r.path and left and left.pop() and r.answer(503))([1, 1]), 0, (), "hub")
    case("the list: a page of HTML", lambda r: "/tree/" in r.path and r.answer(200, b"<html>"), 5, (), "hub")
    case("the list: the revision is HTML", lambda r: "/revision/" in r.path and r.answer(200, b"<html>"), 5, ["is HF_ENDPOINT right?"], "hub")
    case("the list: no commit", lambda r: "/revision/" in r.path and r.answer(200, b'{"sha": "main"}'), 5, ["the commit is 'main'"], "hub")
    case("the list: pages for ever", lambda r: "/tree/" in r.path and r.answer(200, b"[]", {
        "Link": '<x?recursive=true&cursor=1>; rel="next"'}), 5, ["names itself as the next"], "hub")

    def entry(path, size=5, oid="a" * 40, **more):
        page = json.dumps([{"type": "file", "path": path, "size": size, "oid": oid, **more}]).encode()
        return lambda r: "/tree/" in r.path and r.answer(200, page)
    for path in ("../x", "/etc/x", "a/../../x", "a\\b", "C:x", "", "a//b", "con", "a\u0000b", "x" * 300):
        case(f"OC-01 the list: the name {path[:12]!r}", entry(path), 3, ["can't be used"], "hub")
    for name, trouble in (("hash", entry("a", oid="../../x")), ("LFS hash", entry("a", lfs={"oid": "A" * 64, "size": 5})),
                          ("size", entry("a", size=2**63)), ("negative size", entry("a", size=-1)), ("no size", entry("a", size="5"))):
        case(f"OC-03 the list: {name}", trouble, 5, (), "hub")
    case("OC-02 the list: a file that is a folder", lambda r: "/tree/" in r.path and r.answer(200, json.dumps(
        [{"type": "file", "path": p, "size": 1, "oid": "a" * 40} for p in ("a", "a/b")]).encode()), 3, ["as a file and as a folder"], "hub")
    case("no room on the disk", entry("a", size=2**45), 4, ["are needed for HF://me/model", "are free"], "hub")
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 5\n"
    t.fresh()
    t.publish({"model.safetensors": pointer})
    t.check("IX-04 a git-lfs pointer in place of weights", t.mlc_run(*PULL), 3, ["is a git-lfs pointer"], more=t.nothing_visible())
    t.publish(t.files)


def test_redirects(t):
    def case(name, location, code=5, expected=()):
        home = t.fresh()
        t.hub.trouble = lambda r: "/resolve/" in r.path and r.path.endswith("model.safetensors") and r.answer(302, headers={"Location": location})
        (home / ".netrc").parent.mkdir(parents=True, exist_ok=True)
        (home / ".netrc").write_text(f"machine 127.0.0.1 login me password {TOKEN}x\n")
        result = t.mlc_run("pull", "HF://me/model", HOME=str(home))
        (home / ".netrc").unlink()
        t.check(name, result, code, expected, more=t.nothing_visible() if code else [])
    blob = "/blob/" + Repository(t.files).etag("model.safetensors")
    case("NW-07 another port", t.cdn.url + blob, 0)
    case("NW-07 another name of this machine", t.cdn.url.replace("127.0.0.1", "localhost") + blob, 0)
    case("NW-07 a user name before the host", f"http://127.0.0.1@{t.cdn.url[7:]}{blob}")
    case("NW-07 a file", "file:///etc/passwd")
    case("NW-07 gopher", "gopher://127.0.0.1/")
    case("NW-07 http elsewhere", "http://192.0.2.1/x")
    case("NW-07 itself", "?")
    t.fresh()
    t.cdn.trouble = lambda r: r.answer(302, headers={"Location": f"{t.cdn.url}/hop/{len(t.cdn.requests)}"})
    t.check("NW-07 a chain without end", t.mlc_run(*PULL), 5)
    t.fresh()
    t.cdn.trouble = lambda r: r.answer(200, b"", {f"X-{i}": "y" * 200 for i in range(2000)})
    t.check("NW-13 a flood of headers", t.mlc_run(*PULL), 5, more=t.nothing_visible())


def test_gated(t):
    t.publish(t.files, private=True)
    t.fresh()
    t.check("gated, with a token", t.mlc_run(*PULL), 0, more=t.problems_of_cache())
    t.fresh()
    t.check("gated, without token", t.mlc_run(*PULL, HF_TOKEN=""), 5, ["the model is gated", "set HF_TOKEN"], more=t.nothing_visible())
    t.fresh()
    t.check("gated, with another token", t.mlc_run(*PULL, HF_TOKEN="hf_other"), 5,
            ["the model is gated", "403", "the token in HF_TOKEN"], ["hf_other"], more=t.nothing_visible())
    home = t.fresh()
    home.mkdir()
    (home / "token").write_text(TOKEN + "\n")
    result = t.mlc_run(*PULL, HF_TOKEN="")
    hidden = t.mlc_run(*PULL, HF_TOKEN="", HF_HUB_DISABLE_IMPLICIT_TOKEN="1")
    (home / "token").unlink()
    t.check("gated, the token of hf auth login", result, 0)
    t.check("no implicit token", hidden, 0, more=["sent"] if "Authorization" in str(t.hub.requests[-1]) else [])
    t.publish(t.files)


def test_kill(t):
    """Killed and stopped pulls leave nothing half, and the next one goes on."""
    blob = Repository(t.files).etag("model.safetensors")
    for name, number, code in (("killed", signal.SIGKILL, -9), ("stopped by Ctrl-C", signal.SIGINT, 130)):
        t.fresh()

        def slow(request):
            request.answer(200, t.files["model.safetensors"][:2_500_000], {"ETag": '"e"'}, 3_000_000)
            time.sleep(5)
            return True
        t.cdn.trouble = of_blob(blob, slow, 1)
        process = t.start(*PULL)

        def arrived():
            return any(p.stat().st_size >= 2_400_000 for p in (t.folder / "blobs").glob(blob + "*.incomplete"))
        ready = wait(arrived)
        process.send_signal(number)
        begin = time.monotonic()
        process.communicate(timeout=60)
        problems = [] if ready else ["did not begin"]
        problems += [] if process.returncode == code else [f"exit code {process.returncode}"]
        problems += ["took long to end"] if time.monotonic() - begin > 2 else []
        t.note(f"IO-05 {name}: nothing is visible", problems + t.nothing_visible())
        t.cdn.sent = 0
        result = t.mlc_run(*PULL)
        t.check(f"NW-01 {name}: goes on where it was", result, 0,
                more=t.problems_of_cache() + ([f"{t.cdn.sent} bytes again"] if t.cdn.sent > 700_000 else []))


def test_together(t):
    """Two processes share the work, and so do two without working locks."""
    t.fresh()
    processes = [t.start(*PULL) for _ in range(4)]
    results = [p.communicate(timeout=120) + (p.returncode,) for p in processes]
    problems = [str(r) for r in results if r[2] != 0] + t.problems_of_cache()
    large = sum(len(d) for d in t.files.values() if len(d) > 1000)
    problems += [f"{t.cdn.sent} bytes for {large}"] if t.cdn.sent > 1.05 * large else []
    t.note("IO-08 four at once: each file is fetched once", problems)
    library = t.root / "noflock.so"
    source = t.root / "noflock.c"
    source.write_text("int flock(int fd, int how) { (void)fd; (void)how; return 0; }\n")
    if "ASAN_OPTIONS" in os.environ or not shutil.which("cc") or \
            subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=False).returncode:
        return print("skipped: IO-09 (no C compiler, or sanitizers)")
    for i in range(3):
        t.fresh()
        processes = [t.start(*PULL, LD_PRELOAD=str(library)) for _ in range(4)]
        results = [p.communicate(timeout=120) + (p.returncode,) for p in processes]
        t.note(f"IO-09 four at once with locks that lie, {i}", [str(r) for r in results if r[2] != 0] + t.problems_of_cache())


def schedule(t, seed):
    """A random row of faults on every request; the bytes are right in the end, or nothing is there."""
    rng = random.Random(seed)
    t.fresh()
    left = [rng.randrange(1, 12)]
    rate = rng.choice((0.2, 0.5, 0.9))

    def trouble(request):
        with t.hub.lock:
            if left[0] <= 0 or rng.random() > rate:
                return False
            left[0] -= 1
            kind, at = rng.randrange(8), rng.random()
        path = request.path.split("?")[0]
        name = next((n for n in t.files if path.endswith(n) or path.endswith(Repository(t.files).etag(n))), None)
        data = t.files[name] if name and ("/resolve/" in path or "/blob/" in path) else None
        etag = '"' + Repository(t.files).etag(name) + '"' if name else '"e"'
        if kind == 0:
            return request.answer(rng.choice((429, 500, 502, 503, 504)), b"busy", {"Retry-After": "0"})
        if kind == 1:
            return request.drop()
        if data is None or (request.server is t.hub and len(data) > 1000):
            return False
        if kind in (2, 3):
            return request.send_file(data, etag, cut=int(at * len(data)), reset=kind == 2)
        if kind == 4:  # ranges are ignored
            return request.answer(200, data, {"ETag": etag})
        if kind == 5 and request.start():
            return request.answer(416, headers={"Content-Range": f"bytes */{len(data)}"})
        if kind == 6:  # a body without length
            return request.answer(200, data, {"Connection": "close"}, "none")
        if kind == 7:  # another version of the file for a while
            return request.send_file(bytes(reversed(data)), rng.choice((etag, '"other"')), cut=int(at * len(data)))
        return False
    t.hub.trouble = t.cdn.trouble = trouble
    code, out, err = t.mlc_run(*PULL)
    problems = t.leaks() + (t.problems_of_cache() if code == 0 else t.nothing_visible())
    if code not in (0, 5, 6):
        problems.append(f"exit code {code}")
    t.hub.trouble = t.cdn.trouble = lambda request: False
    if code != 0:
        again = t.mlc_run(*PULL)
        problems += t.problems_of_cache() if again[0] == 0 else [f"again: {again}"]
    return code, problems, out + err


def test_schedules(t, count):
    codes = []
    for seed in range(count):
        code, problems, text = schedule(t, seed)
        codes.append(code)
        shutil.rmtree(t.home, ignore_errors=True)
        if problems:
            t.note(f"NW-01 schedule {seed}", problems, text)
    t.note(f"NW-01 {count} schedules: {codes.count(0)} succeed at once, {count - codes.count(0)} fail cleanly and then succeed",
           [] if codes.count(0) >= count / 2 else ["few succeed"])


def test_system_calls(t, every):
    """Killed, and refused, at every system call that changes a file (at a sample of them unless `every`)."""
    if tracing.why_not():
        return print(f"skipped: IO-01, 02, 05: {tracing.why_not()}")
    t.fresh()
    files = {"config.json": b"{}", "w.safetensors": b"x" * 300_000}
    t.publish(files)
    names = [*tracing.CHANGING, "symlink", "flock"]

    def command():
        environment = [f"{k}={v}" for k, v in t.environment().items()]
        return ["env", "-i", *environment, t.mlc, *PULL, "--connections", "1"]
    done, calls = tracing.calls_of(command(), names, t.root / "strace.log")
    if "LeakSanitizer" in done.stderr:
        return print("skipped: IO-01, 02, 05: sanitizers can't be traced; the Release tests have it")
    assert done.code == 0, done
    calls = [c for c in calls if c.name != "openat" or "O_CREAT" in c.text]
    points = [(c, how) for c in calls for how in ("signal=KILL", "error=ENOSPC", "error=EIO") if how == "signal=KILL" or c.name != "flock"]
    chosen = points if every else random.Random(5).sample(points, 24)
    problems = []
    for call, how in chosen:
        t.fresh()
        done = tracing.run_with(command(), [f"{call.name}:{how}:when={call.k}"])
        if done.code == 0:  # a hint or a lock that failed, or the very last call
            found = t.problems_of_cache(files)
        else:
            whole = not t.problems_of_cache(files, ref=None) or not t.problems_of_cache(files)
            found = [] if whole else t.nothing_visible()
            found += [f"exit code {done.code}"] if how != "signal=KILL" and done.code != 4 else []
            again = t.mlc_run(*PULL)
            found += t.problems_of_cache(files) if again[0] == 0 else [f"again: {again}"]
        found += [f"left: {p}" for p in t.folder.rglob("*.incomplete")]
        problems += [f"{call} {how}: {p}" for p in found]
        shutil.rmtree(t.home, ignore_errors=True)
    t.note(f"IO-01, 02, 05 killed and refused at {len(chosen)} of {len(points)} points", problems)
    t.publish(t.files)


def test_commands(t):
    """HF:// in place of a folder gives the same bytes as the folder."""
    home = t.fresh()
    files = {p.name: p.read_bytes() for p in MODEL.iterdir() if p.is_file()}
    others = {"pytorch_model.bin": b"x" * 5000, "onnx/model.onnx": b"x" * 5000, "README.md": b"hello"}
    t.publish({**files, **others})

    def fetched():
        return sorted(p.rsplit("/", 1)[1] for p, _ in t.hub.requests if "/resolve/" in p)
    generate = ["--quantization", "q4f16_1", "--conv-template", "LM", "-o"]
    t.check("gen_config HF://", t.mlc_run("gen_config", "HF://me/model", *generate, str(home / "a")), 0,
            more=[n for n in fetched() if n.endswith((".safetensors", ".bin", ".onnx"))])
    t.check("gen_config of the folder", t.mlc_run("gen_config", str(MODEL), *generate, str(home / "b")), 0)
    convert = ["--quantization", "q4f16_1", "--quiet", "-o"]
    t.hub.requests.clear()
    t.check("convert_weight HF://", t.mlc_run("convert_weight", "HF://me/model", *convert, str(home / "a")), 0,
            more=[] if fetched() == ["model.safetensors"] else fetched())
    t.check("convert_weight of the folder", t.mlc_run("convert_weight", str(MODEL), *convert, str(home / "b")), 0)
    one, two = ({p.name: p.read_bytes() for p in (home / n).iterdir()} for n in ("a", "b"))
    t.note("HF:// and the folder give the same files", [n for n in {**one, **two} if one.get(n) != two.get(n)])
    t.check("convert_weight offline", t.mlc_run("convert_weight", "HF://me/model", *convert, str(home / "c"), HF_HUB_OFFLINE="1"), 0)
    t.check("convert_weight --source HF:// of a file", t.mlc_run(
        "convert_weight", str(MODEL), "--source", "HF://me/model/model.safetensors", *convert, str(home / "d")), 0)
    # Two files with an index, one that the index does not name, in a folder of the repository.
    weights = files.pop("model.safetensors")
    index = {"metadata": {}, "weight_map": {"a": "w-1.safetensors", "b": "w-2.safetensors"}}
    t.publish({**{"sub/" + n: d for n, d in files.items()}, "sub/w-1.safetensors": b"x" * 2000, "sub/w-2.safetensors": b"y" * 2000,
               "sub/consolidated.safetensors": weights, "sub/model.safetensors.index.json": json.dumps(index).encode()}, OTHER)
    t.hub.requests.clear()
    t.check("convert_weight HF://, only what the index names", t.mlc_run(
        "convert_weight", "HF://me/model/sub", *convert, str(home / "e")), 3, ["w-1.safetensors"],
            more=["consolidated was fetched"] if "consolidated.safetensors" in fetched() else [])
    # A converted model.
    t.publish(one, "f" * 40)
    t.check("verify HF://", t.mlc_run("verify", "HF://me/model", "--level", "files"), 0)
    t.check("verify --write-reference HF://", t.mlc_run("verify", "HF://me/model", "--write-reference"), 2)
    t.check("diff HF://", t.mlc_run("diff", "HF://me/model", str(home / "b"), "--brief"), 0)
    t.check("tokenize HF://", t.mlc_run("tokenize", "HF://me/model", "--text", "In the beginning"), 0)
    t.check("run HF://", t.mlc_run("run", "HF://me/model", "--raw", "--device", "cpu", "--max-tokens", "4", "--prompt", "In the"), 0)
    t.check("package HF://", t.mlc_run("package", "HF://me/model", "-o", str(home / "pkg"), "--quiet"), 0, ["model-0.1.0"])
    t.check("unpack it", t.mlc_run("unpack", str(home / "pkg"), "-o", str(home / "un"), "--quiet"), 0,
            more=[n for n in one if one[n] != (home / "un" / n).read_bytes()])
    t.publish(t.files)
    test_registry(t, home / "pkg", one)


def test_registry(t, package, files):
    """oci:// in place of a folder: pulled and unpacked once."""
    index = json.loads((package / "index.json").read_text())
    manifest = next(m for m in index["manifests"] if "org.opencontainers.image.ref.name" in m.get("annotations", {}))
    registry = hub_server.Server(t.cdn)

    def answer(request):
        kind, _, digest = request.path.removeprefix("/v2/team/model/").partition("/")
        if kind == "manifests" and digest == "v1":
            digest = manifest["digest"]
        path = package / "blobs" / digest.replace(":", "/")
        if kind not in ("manifests", "blobs") or not path.is_file():
            return request.answer(404)
        return request.answer(200, path.read_bytes(), {
            "Content-Type": manifest["mediaType"] if kind == "manifests" else "application/octet-stream", "Docker-Content-Digest": digest})
    registry.trouble = answer
    home = t.fresh()
    address = f"oci://{registry.url[7:]}/team/model:v1"
    t.check("verify oci://", t.mlc_run("verify", address, "--level", "files", MLC_HOME=str(home / "mlc")), 0)

    run = ["run", address, "--raw", "--device", "cpu", "--max-tokens", "4", "--prompt", "In the"]
    t.check("run oci://", t.mlc_run(*run, MLC_HOME=str(home / "mlc")), 0)
    unpacked = list((home / "mlc/models").iterdir())
    t.note("oci:// is unpacked once", [n for n in files if (unpacked[0] / n).read_bytes() != files[n]] + unpacked[1:])
    registry.requests.clear()
    t.check("run oci:// again", t.mlc_run(*run, MLC_HOME=str(home / "mlc")), 0, more=[p for p, _ in registry.requests if "/blobs/" in p])
    t.check("diff oci://", t.mlc_run("diff", address, str(package), MLC_HOME=str(home / "mlc")), 0)
    t.check("oci:// that is not there", t.mlc_run("verify", address + "x", MLC_HOME=str(home / "mlc")), 5)


def main():
    mlc = os.path.abspath(sys.argv[1])
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 40
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as root:
        t = Tests(mlc, pathlib.Path(root))
        test_pull(t)
        test_python_cache(t)
        test_faults(t)
        test_redirects(t)
        test_gated(t)
        test_kill(t)
        test_together(t)
        test_schedules(t, count)
        test_system_calls(t, "every-call" in sys.argv)
        test_commands(t)
    print(f"{time.monotonic() - begin:.1f} s")
    return 1 if t.failed else 0


if __name__ == "__main__":
    sys.exit(main())
