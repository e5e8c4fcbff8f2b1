#!/usr/bin/env python3
"""mlc pull and mlc push against a server that resets, stalls, lies, redirects and refuses.

  network.py MLC

First 64 seeded schedules of faults: the bytes are right in the end, or it fails cleanly. Then one behaviour after the
other, by the rows of docs/robustness.md. User and password are canaries: no server but the one they are for may see
them, and nothing may print them.
"""

import base64
import concurrent.futures
import json
import os
import pathlib
import random
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import warnings

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import oci_layout
from scripted_registry import Registry

SCHEDULES = 64
USER, PASSWORD = "canary-user-41", "canary-password-41"
BASIC = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
CANARIES = (PASSWORD, BASIC.split()[1], "canary-token")
LOGIN = {"MLC_REGISTRY_USER": USER, "MLC_REGISTRY_PASSWORD": PASSWORD}


class Test:
    def __init__(self, mlc, root):
        self.mlc, self.root, self.failed, self.lock = mlc, root, 0, threading.Lock()

    def start(self, arguments, environment=None):
        kept = {k: v for k, v in os.environ.items() if k in ("PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS")}
        variables = {**kept, "HOME": str(self.root), "NO_PROXY": "*", "MLC_RETRY_BASE_MS": "4", "MLC_NETWORK_TIMEOUT": "1",
                     **(environment or {})}
        done = subprocess.run([self.mlc, *map(str, arguments)], capture_output=True, env=variables, cwd=self.root, timeout=300,
                              check=False)
        return done.returncode, (done.stdout + done.stderr).decode(errors="replace")

    def run(self, name, arguments, code, expected=(), environment=None):
        found, text = self.start(arguments, environment)
        problems = [f"exit code {found}, expected {code}"] if found != code else []
        problems += [f"lacks {part!r}" for part in expected if part not in text]
        problems += [f"prints {part!r}" for part in CANARIES if part in text]
        self.note(name, problems, text)
        return text

    def note(self, name, problems, text=""):
        with self.lock:
            print(f"{'FAILED' if problems else 'ok':8}{name}", flush=True)
            for problem in problems:
                print("        " + problem)
            if problems and text:
                print("        " + text[:1500].replace("\n", "\n        "))
            self.failed += bool(problems)

    def same(self, name, found, expected):
        self.note(name, [] if found == expected else [f"found {str(found)[:300]}, expected {str(expected)[:300]}"])


def model(seed, sizes=(400_000, 150_000)):
    data = random.Random(seed)
    layout = oci_layout.Layout()
    files = {f"params_shard_{i}.bin": data.randbytes(size) for i, size in enumerate(sizes)}
    entry = layout.model({"mlc-chat-config.json": b"{}\n", **files}, "v1")
    return layout, entry["digest"]


def blobs_of(folder):
    return {"sha256:" + p.name: p.read_bytes() for p in (pathlib.Path(folder) / "blobs" / "sha256").iterdir()}


def has_tag(folder):
    index = pathlib.Path(folder) / "index.json"
    return index.exists() and "v1" in index.read_text()


# One fault each: what a server does instead of answering a GET of a blob. The other names: the download must succeed.
FATAL = {"wrong range", "too long", "gzip", "header flood", "redirect loop", "damaged"}
PASSING = ["reset", "reset", "close", "close", "stall", "no range", "416", "503", "429", "408", "etag", "chunked", "redirect"]


def fault(name, dice, server, other):
    def act(connection, request, data):
        begin = request.start() or 0
        rest = data[begin:]
        cut = dice.randrange(len(rest) + 1) if rest else 0
        total = ("Content-Range", f"bytes {begin}-{len(data) - 1}/{len(data)}")
        status, headers = (206, [total]) if begin else (200, [])
        if name in ("reset", "close", "stall"):
            connection.head(status, headers, len(rest))
            connection.send(rest[:max(0, min(cut, len(rest) - 1))])
            server.count(request.repository, cut)
            if name == "stall":
                time.sleep(4)
            connection.reset() if name == "reset" else connection.hang_up()
        if name == "no range":
            server.count(request.repository, len(data))
            connection.answer(200, data)
        elif name == "416":
            connection.answer(416 if begin else 503, headers=[("Content-Range", f"bytes */{len(data)}")])
        elif name in ("503", "429", "408"):
            after = dice.choice(["0", "1", "Thu, 01 Jan 1970 00:00:00 GMT", "soon", ""])
            connection.answer(int(name), b"busy", [("Retry-After", after)] if after else [])
        elif name == "etag":
            connection.head(status, [*headers, ("ETag", f'"{dice.randrange(9)}"')], len(rest))
            connection.send(rest[:cut])
            server.count(request.repository, cut)
            if cut < len(rest):
                connection.hang_up()
        elif name == "chunked":  # and no end
            connection.head(status, [*headers, ("Transfer-Encoding", "chunked")])
            connection.send(f"{len(rest) + 1:x}\r\n".encode() + rest[:cut])
            connection.hang_up()
        elif name == "redirect":
            connection.answer(302, headers=[("Location", f"http://{other.host}/v2/{request.repository}/blobs/{request.rest}?sig=x")])
        elif name == "wrong range":
            connection.answer(206, rest[1:], [("Content-Range", f"bytes {begin + 1}-{len(data) - 1}/{len(data)}")])
        elif name == "too long":
            connection.head(status, headers if not begin else [total])
            connection.send(rest + b"more than was said")
            connection.hang_up()
        elif name == "gzip":
            connection.answer(status, rest, [*headers, ("Content-Encoding", "gzip")])
        elif name == "header flood":
            connection.head(status, [*headers, *((f"X-{i}", "y" * 50) for i in range(300))], len(rest))
        elif name == "redirect loop":
            connection.answer(307, headers=[("Location", request.path)])
        elif name == "damaged":
            connection.answer(status, bytes([rest[0] ^ 1]) + rest[1:] if rest else b"", headers)
        return True

    return act


def schedule(test, server, other, seed):
    dice = random.Random(seed)
    layout, digest = model(seed)
    name = f"schedule/{seed}"
    server.put(name, layout, "v1", digest)
    other.put(name, layout, "v1", digest)
    fatal = seed % 4 == 3
    kinds = [dice.choice(PASSING) for _ in range(dice.randrange(1, 5))]
    if fatal:
        kinds.insert(dice.randrange(len(kinds) + 1), dice.choice(sorted(FATAL)))
    left, lock = list(kinds), threading.Lock()

    def serve(connection, request, data):
        with lock:
            kind = left.pop(0) if left and len(data) > 1000 else None
        return kind is not None and fault(kind, dice, server, other)(connection, request, data)

    server.faults[name] = serve
    store = test.root / f"store-{seed}"
    code, text = test.start(["pull", f"{server.host}/{name}:v1", "-o", store, "--quiet"])
    size = sum(map(len, layout.blobs.values()))
    problems = [f"prints {part!r}" for part in CANARIES if part in text]
    if code == 0:
        if blobs_of(store) != layout.blobs:
            problems.append("accepted, and the bytes are wrong")
    else:
        if not fatal or code not in (5, 6) or not text.startswith("mlc: error: "):
            problems.append(f"exit code {code}")
        if has_tag(store):
            problems.append("failed, and there is a tag")
        server.faults.pop(name)
        again, more = test.start(["pull", f"{server.host}/{name}:v1", "-o", store, "--quiet"])
        if again != 0 or blobs_of(store) != layout.blobs:
            problems.append(f"the next pull fails: {more}")
    fetched = server.sent.get(name, 0) + other.sent.get(name, 0)
    if fetched > size * (2 + len(kinds)):
        problems.append(f"fetched {fetched} bytes of {size}")
    shutil.rmtree(store, ignore_errors=True)
    test.note(f"schedule {seed}: {', '.join(kinds)}: {code}", problems, text)


def resets(test, server):
    """NW-01: a large file, reset at random bytes."""
    layout, digest = model(99, (24_000_000,))
    server.put("large", layout, "v1", digest)
    dice, times = random.Random(5), 6

    def serve(connection, request, data):
        nonlocal times
        if len(data) < 1_000_000 or times == 0:
            return False
        times -= 1
        server.send_blob(connection, request, data, stop=dice.randrange(1_000_000, 4_000_000), pace=0.001)
        connection.reset()

    server.faults["large"] = serve
    test.run("NW-01 pull through 6 resets", ["pull", f"{server.host}/large:v1", "-o", "large"], 0)
    test.same("NW-01 same bytes", blobs_of(test.root / "large"), layout.blobs)
    again = server.sent["large"] - sum(map(len, layout.blobs.values()))
    test.note("NW-01 at most 8 MiB are fetched again", [] if again <= 8 << 20 else [f"{again} bytes"])


def rows(test, server, other):
    layout, digest = model(1)
    shard = max(layout.blobs.values(), key=len)

    def row(name, act, code, expected, environment=None, arguments=(), limit=None):
        """The pull of a repository whose blobs are answered by `act`, or whose every request is, with kind 'all'."""
        repository = "row/" + "".join(c if c.isalnum() and c.islower() or c.isdigit() else "-" for c in name.lower()).strip("-").replace("--", "-")
        while "--" in repository:
            repository = repository.replace("--", "-")
        server.put(repository, layout, "v1", digest)
        other.put(repository, layout, "v1", digest)
        server.faults[repository] = lambda c, r, d: len(d) > 1000 and act(c, r, d)
        began = time.monotonic()
        store = test.root / "row"
        test.run(name, ["pull", f"{server.host}/{repository}:v1", "-o", store, *arguments], code, expected, environment)
        if limit is not None and time.monotonic() - began > limit:
            test.note(f"{name}: in {limit} s", [f"took {time.monotonic() - began:.1f} s"])
        if code and has_tag(store):
            test.note(f"{name}: no tag", ["there is one"])
        if code == 0 and blobs_of(store) != layout.blobs:
            test.note(f"{name}: the bytes", ["are wrong"])
        shutil.rmtree(store, ignore_errors=True)

    def location(url, status=302):
        return lambda c, r, d: c.answer(status, headers=[("Location", url)]) or True

    def cut_then(act):
        seen = {}

        def serve(c, r, d):
            if seen.setdefault(r.rest, 0) == 0:
                seen[r.rest] = 1
                server.send_blob(c, r, d, etag='"one"', stop=len(d) // 2)
                c.hang_up()
            return act(c, r, d)

        return serve

    row("OC-04 bytes of another digest", lambda c, r, d: c.answer(200, d[:-1] + bytes([d[-1] ^ 1])) or True, 6, ["digest"])
    row("OC-05 longer than its descriptor", lambda c, r, d: c.answer(200, d + b"x") or True, 6, ["bytes, expected"])
    row("OC-05 shorter than its descriptor", lambda c, r, d: c.answer(200, d[:-1]) or True, 6, ["bytes, expected"])

    def endless(c, r, d):
        c.head(200)
        for _ in range(2000):
            c.send(bytes(65536))
            server.count("endless", 65536)
        return True

    row("OC-05 NW-05 a body without end", endless, 6, ["sends more than the"])
    test.note("NW-05 reading stops at the size", [] if server.sent["endless"] < 20 << 20 else [str(server.sent["endless"])])
    row("NW-02 the server ignores ranges", cut_then(lambda c, r, d: c.answer(200, d) or True), 0, [])
    row("NW-02 it ignores them for ever", lambda c, r, d: (c.head(200, length=len(d)), c.send(d[:70_000]), c.hang_up()), 5,
        ["gave up after 5 tries"])
    row("NW-02 another part", cut_then(lambda c, r, d: c.answer(206, d[5:], [("Content-Range", f"bytes 5-{len(d) - 1}/{len(d)}")]) or True),
        5, ["asked for bytes from", 'the server sent "bytes 5-'])
    row("NW-02 part of another size", cut_then(lambda c, r, d: c.answer(206, b"x", [("Content-Range", f"bytes {r.start() or 0}-{len(d)}/{len(d) + 1}")]) or True),
        6, ["bytes, expected"])
    row("NW-02 no such part", cut_then(lambda c, r, d: r.start() and (c.answer(416) or True)), 0, [])
    row("NW-03 the file changed", cut_then(lambda c, r, d: r.start() and (c.answer(206, d[r.start():], [
        ("ETag", '"two"'), ("Content-Range", f"bytes {r.start()}-{len(d) - 1}/{len(d)}")]) or True)), 0, [])
    row("NW-04 a length that is too long", lambda c, r, d: c.answer(200, d, length=len(d) + 9) or c.hang_up(), 6, ["bytes, expected"])
    row("NW-04 chunks without end", lambda c, r, d: (c.head(200, [("Transfer-Encoding", "chunked")]), c.send(b"5\r\nabc"), c.hang_up()), 5,
        ["gave up after 5 tries"])
    row("NW-04 gzip", lambda c, r, d: c.answer(200, d, [("Content-Encoding", "gzip")]) or True, 5, ["encoded as 'gzip'"])
    row("NW-05 silence", lambda c, r, d: time.sleep(30) or True, 5, ["no answer in time", "gave up"], limit=20)

    def drip(c, r, d):
        c.head(200, length=len(d))
        for at in range(100):
            c.send(d[at:at + 1])
            time.sleep(0.3)
        return True

    row("NW-05 a byte now and then", drip, 5, ["no answer in time", "gave up"], limit=30)
    tries = []
    row("NW-06 429 with Retry-After", lambda c, r, d: len(tries) < 4 and (tries.append(1), c.answer(429, headers=[("Retry-After", "1")])), 0, [])
    row("NW-06 429 for ever", lambda c, r, d: c.answer(429) or True, 5, ["429 (too many requests)", "gave up after 5 tries"])
    row("NW-06 Retry-After of 10^9 s", lambda c, r, d: c.answer(503, headers=[("Retry-After", "1000000000")]) or True, 5,
        ["503", "come again in 1000000000 seconds"], limit=5)
    row("NW-06 401 loop", lambda c, r, d: c.answer(401, headers=[("WWW-Authenticate", 'Basic realm="x"')]) or True, 5,
        ["401 (not authorized)"], LOGIN)
    row("NW-07 redirect to another port", lambda c, r, d: location(f"http://{other.host}{r.path}?sig=canary-token")(c, r, d), 0, [])
    row("NW-07 redirect for ever", lambda c, r, d: location(r.path)(c, r, d), 5, ["redirected too often"])
    for url in ("file:///etc/passwd", "gopher://127.0.0.1/x", "ftp://127.0.0.1/x", "//user:canary-token@127.0.0.1/", "http://[::bad/",
                "", "http:\\\\127.0.0.1\\x"):
        row(f"NW-07 redirect to {url or 'nothing'}".replace("canary-token", "it"), location(url), 5, ["redirected to nowhere"])
    row("NW-07 redirect to http elsewhere", location("http://192.0.2.1/x"), 5, ["without https://"])
    row("NW-13 a header of 10 MB", lambda c, r, d: c.head(200, [("X-Large", "x" * 10_000_000)], 1) or True, 5, ["header is longer"])
    row("NW-13 10^5 headers", lambda c, r, d: c.head(200, [(f"X-{i}", "x") for i in range(100_000)], 1) or True, 5, ["header is longer"])
    row("NW-13 control characters in Location", location("http://127.0.0.1/\x01\x7fX-Injected: 1"), 5, ["redirected to nowhere"])
    test.same("the largest blob is the shard", len(shard), 400_000)


def manifests(test, server):
    """OC-03 and OC-06 to OC-09: manifests that are wrong."""
    good, _ = model(2, (2000,))
    base = json.loads(next(data for data in good.blobs.values() if b'"artifactType"' in data))

    def row(name, value, code, expected, kind=oci_layout.MANIFEST, headers=None, target="v1"):
        data = value if isinstance(value, bytes) else oci_layout.canonical(value)
        repository = "hostile/m" + oci_layout.digest((name + "x").encode())[-12:]
        server.repositories[repository] = good
        stated = headers if headers is not None else [("Docker-Content-Digest", oci_layout.digest(data))]

        def serve(connection, request):
            if request.kind != "manifests" or request.rest != target:
                return False
            connection.answer(200, data, [("Content-Type", kind), *stated])
            return True

        server.intercept[repository] = serve
        mark = "@" if target.startswith("sha256:") else ":"
        test.run(name, ["pull", f"{server.host}/{repository}{mark}{target}", "-o", "hostile"], code, expected)
        test.note(f"{name}: no store", ["there is one"] if has_tag(test.root / "hostile") else [])

    def layer(**changes):
        return {**base, "layers": [{**base["layers"][0], **changes}]}

    hexa = "ab" * 32
    row("OC-03 a path as digest", layer(digest="sha256:../../x"), 3, ["is no digest"])
    row("OC-03 upper case", layer(digest="sha256:" + hexa.upper()), 3, ["is no digest"])
    row("OC-03 63 digits", layer(digest="sha256:" + hexa[1:]), 3, ["is no digest"])
    row("OC-03 md5", layer(digest="md5:" + hexa[:32]), 3, ["is no digest"])
    row("OC-03 sha512", layer(digest="sha512:" + hexa * 2), 7, ["sha512"])
    row("OC-05 a negative size", layer(size=-1), 3, ["size"])
    row("OC-05 size 2^63", layer(size=1 << 63), 3, ["size"])
    row("OC-05 a size that is not the blob's", layer(size=1_999), 6, ["bytes, expected"])
    row("OC-06 not what Docker-Content-Digest says", base, 6, ["the registry states"], headers=[("Docker-Content-Digest", "sha256:" + hexa)])
    row("OC-06 not the digest asked for", base, 6, ["its SHA-256 is"], headers=[], target="sha256:" + hexa)
    row("OC-07 another type than Content-Type", base, 3, ["the registry states"], kind=oci_layout.INDEX)
    row("OC-07 schemaVersion 1", {**base, "schemaVersion": 1}, 3, ["schemaVersion"])
    row("OC-07 manifest and index at once", {**base, "manifests": []}, 3, ["manifests"])
    row("OC-07 a type of nobody", {**base, "mediaType": "a/b"}, 3, ["mediaType"], kind="a/b")
    entry = {"mediaType": oci_layout.INDEX, "digest": "sha256:" + hexa, "size": 100}
    index = {"schemaVersion": 2, "mediaType": oci_layout.INDEX}
    row("OC-08 an index of indexes", {**index, "manifests": [entry]}, 3, ["an index of 1 manifests"], kind=oci_layout.INDEX)
    row("OC-08 an index of 10^5", {**index, "manifests": [{**entry, "size": i} for i in range(20_000)]}, 3, ["expected at most"], kind=oci_layout.INDEX)
    row("OC-08 a manifest of 5 MB", oci_layout.canonical(base) + b" " * 5_000_000, 3, ["expected at most"])
    row("OC-09 data of another digest", layer(data="AAAA"), 6, ["data"])
    row("OC-09 urls are not asked", layer(urls=["http://169.254.169.254/x"], digest="sha256:" + hexa, size=5), 5, ["404"])


def referrers(test, server):
    """Lists of what refers to a model that would fill the memory, or name what does not refer to it."""
    layout, digest = model(9, (2000,))
    subject = {"mediaType": oci_layout.MANIFEST, "digest": digest, "size": len(layout.blobs[digest])}
    entry = layout.manifest(oci_layout.BUNDLE, layout.blob(oci_layout.EMPTY, b"{}"),
                            [{"mediaType": oci_layout.BUNDLE, "digest": "sha256:" + "ab" * 32, "size": 33 << 20}], subject=subject)
    stranger = layout.manifest(oci_layout.BUNDLE, layout.blob(oci_layout.EMPTY, b"{}"), [layout.blob(oci_layout.BUNDLE, b"x")])
    server.put("many", layout, "v1", digest)

    def listed(*entries):
        index = layout.blob(oci_layout.INDEX, oci_layout.canonical(
            {"schemaVersion": 2, "mediaType": oci_layout.INDEX, "manifests": list(entries)}))
        server.tags["many", "sha256-" + digest.partition(":")[2]] = index["digest"]

    pull = ["pull", f"{server.host}/many:v1", "-o", "many"]
    listed(entry)
    test.run("a referrer of 33 MiB", pull, 3, ["what refers to it has more than"])
    listed(*({**entry, "digest": f"sha256:{i:064x}"} for i in range(300)))
    test.run("300 referrers", pull, 3, ["more than 256 manifests refer"])
    listed(stranger)
    test.run("a referrer of something else", pull, 0, ["is listed as referring to this model, and does not"])


def logins(test, server, other):
    """NW-09, NW-10 and who sees a password."""
    layout, digest = model(3, (2000,))

    def protect(repository, challenge, wanted):
        server.put(repository, layout, "v1", digest)

        def check(connection, request):
            if request.headers.get("authorization") in wanted:
                return False
            connection.answer(401, headers=[("WWW-Authenticate", challenge)])
            return True

        server.intercept[repository] = check

    def token(connection, request):
        if request.path == "/token":
            ok = request.headers.get("authorization") == BASIC and request.query.get("scope", "").startswith("repository:login/bearer:pull")
            connection.answer(200 if ok else 401, b'{"token":"canary-token-9"}')
            return True
        return False

    server.intercept[""] = token
    other.intercept[""] = token
    protect("login/basic", 'Basic realm="x"', [BASIC])
    pull = lambda repository, *more: ["pull", f"{server.host}/{repository}:v1", "-o", "login", *more]
    test.run("Basic", pull("login/basic"), 0, environment=LOGIN)
    shutil.rmtree(test.root / "login")
    protect("login/bearer", f'Bearer realm="http://{server.host}/token",service="s",scope="repository:*:*"', ["Bearer canary-token-9"])
    test.run("Bearer", pull("login/bearer"), 0, environment=LOGIN)
    shutil.rmtree(test.root / "login")
    protect("login/evil", f'Bearer realm="http://{other.host}/token",service="s"', ["Bearer canary-token-9"])
    before = len(other.requests)
    test.run("NW-09 a realm of another host", pull("login/evil"), 5, ["another host; nothing was sent", "--allow-token-host"], LOGIN)
    test.same("NW-09 the other host is not asked", len(other.requests), before)
    for realm in (f"http://{server.host}@{other.host}/token", f"http://{other.host}#@{server.host}/token", "file:///etc/passwd",
                  f"http://{server.host}.evil.test/token", f"//{other.host}/token"):
        protect("login/evil", f'Bearer realm="{realm}"', ["x"])
        test.run(f"NW-09 realm {realm.replace(server.host, 'A').replace(other.host, 'B')}", pull("login/evil"), 5, ["nothing was sent"], LOGIN)
    test.same("NW-09 the other host is still not asked", len(other.requests), before)
    protect("login/bearer", f'Bearer realm="http://{other.host}/token",service="s"', ["Bearer canary-token-9"])
    test.run("NW-09 a token server that was allowed", pull("login/bearer", "--allow-token-host", other.host), 0, environment=LOGIN)
    other.requests = [r for r in other.requests if r[1] != "/token"]  # as it should be

    (test.root / ".netrc").write_text(f"machine 127.0.0.1 login x password canary-token\n")
    server.put("netrc", layout, "v1", digest)
    mark = len(server.requests)
    test.run("NW-10 .netrc", ["pull", f"{server.host}/netrc:v1", "-o", "netrc"], 0)
    test.same("NW-10 .netrc is not read", [r[2] for r in server.requests[mark:] if r[2]], [])
    (test.root / ".netrc").unlink()

    # NW-07, NW-08, NW-15: with a password, redirected elsewhere.
    protect("login/redirected", 'Basic realm="x"', [BASIC])
    other.put("login/redirected", layout, "v1", digest)
    server.faults["login/redirected"] = lambda c, r, d: c.answer(307, headers=[("Location", f"http://{other.host}{r.path}")]) or True
    mark = len(other.requests)
    shutil.rmtree(test.root / "login")
    test.run("NW-07 NW-15 redirected with a password", pull("login/redirected"), 0, environment=LOGIN)
    test.same("NW-07 the other host was asked", len(other.requests) > mark, True)
    sent = ("host", "user-agent", "accept", "range", "if-range")
    test.same("NW-08 it got no header of ours", [h for r in other.requests[mark:] for h in r[3] if h not in sent], [])


def uploads(test, server):
    layout, digest = model(4, (70_500_000, 1_000))
    layout.referrer({"mediaType": oci_layout.MANIFEST, "digest": digest, "size": len(layout.blobs[digest])}, b"{}")
    layout.referrer({"mediaType": oci_layout.MANIFEST, "digest": digest, "size": len(layout.blobs[digest])}, b"[]")
    layout.write(test.root / "up")
    size = sum(map(len, layout.blobs.values()))
    server.received, server.cut_uploads = 0, [2_000_000, 1, 50_000_000]
    server.referrers_api = True
    test.run("push goes on where it was cut", ["push", "up", f"{server.host}/up:v1"], 0)
    test.note("push sends nothing twice", [] if server.received < size + 100_000 else [f"{server.received} of {size}"])
    test.same("push: the registry lists referrers itself", [t for t in server.tags if t[0] == "up"], [("up", "v1")])
    text = test.run("pull lists them page by page", ["pull", f"{server.host}/up:v1", "-o", "up2", "--json", "--quiet"], 0, ['"referrers": 2'])
    test.same("pull: same blobs", blobs_of(test.root / "up2") == layout.blobs or text, True)
    server.referrers_api = False

    store = server.store

    def redirecting(connection, request):
        if request.method == "POST":
            connection.body(int(request.headers.get("content-length", 0)))
            return connection.answer(202, headers=[("Location", "http://localhost:1/upload")])
        return store(connection, request)

    server.store = redirecting
    test.run("push: data to another host", ["push", "up", f"{server.host}/up-elsewhere:v1"], 5, ["only the registry itself gets any"])
    server.store = store


def certificates(test, root):
    """NW-11, with a server that is right as the control."""

    def openssl(*arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, cwd=root)

    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl("req", "-x509", *key, "-days", "2", "-subj", "/CN=test authority", "-out", "ca.crt", "-keyout", "ca.key")
    openssl("req", "-x509", *key, "-days", "2", "-subj", "/CN=other authority", "-out", "ca2.crt", "-keyout", "ca2.key")
    layout, digest = model(6, (2000,))

    def row(name, names, days, authority, code, expected, minimum=None):
        (root / "names").write_text(f"subjectAltName={names}\n")
        openssl("req", *key, "-subj", "/CN=127.0.0.1", "-keyout", "s.key", "-out", "s.csr")
        if authority:
            openssl("x509", "-req", "-in", "s.csr", "-CA", f"{authority}.crt", "-CAkey", f"{authority}.key", "-CAcreateserial",
                    "-days", days, "-extfile", "names", "-out", "s.crt")
        else:
            openssl("x509", "-req", "-in", "s.csr", "-signkey", "s.key", "-days", days, "-extfile", "names", "-out", "s.crt")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(root / "s.crt", root / "s.key")
        if minimum:
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version, context.maximum_version = minimum, minimum
        server = Registry(tls=context)
        server.put("tls", layout, "v1", digest)
        test.run(name, ["pull", f"{server.host}/tls:v1", "-o", "tls"], code, expected, {**LOGIN, "MLC_CA_FILE": str(root / "ca.crt")})
        test.note(f"{name}: no password", [str(r) for r in server.requests if r[2]] if code else [])

    row("NW-11 a certificate that is right", "IP:127.0.0.1", 2, "ca", 0, [])
    row("NW-11 expired", "IP:127.0.0.1", -1, "ca", 5, ["certificate is refused", "expired"])
    row("NW-11 self-signed", "IP:127.0.0.1", 2, None, 5, ["certificate is refused", "self"])
    row("NW-11 of another authority", "IP:127.0.0.1", 2, "ca2", 5, ["certificate is refused"])
    row("NW-11 of another host", "DNS:example.org", 2, "ca", 5, ["certificate is refused"])
    row("NW-11 TLS 1.1", "IP:127.0.0.1", 2, "ca", 5, [], ssl.TLSVersion.TLSv1_1)


def private_networks(test):
    """NW-12, in a network of its own where an address of documentation stands for the internet."""
    if not (shutil.which("unshare") and shutil.which("ip")):
        print("skipped: NW-12 needs unshare and ip")
        return
    inside = "ip link set lo up && ip addr add 203.0.113.1/32 dev lo && ip addr add 10.1.2.3/32 dev lo && exec \"$@\""
    done = subprocess.run(["unshare", "-n", "sh", "-c", inside, "sh", sys.executable, __file__, test.mlc, "--inside"],
                          capture_output=True, check=False)
    text = done.stdout.decode()
    if "NW-12" not in text:
        print(f"skipped: NW-12 can't have a network of its own: {done.stderr.decode()[:200]}")
        return
    print(text, end="")
    test.failed += done.returncode != 0


def inside(test):
    public, private, ten = Registry("203.0.113.1"), Registry("127.0.0.1"), Registry("10.1.2.3")
    layout, digest = model(8, (2000,))
    for server in (public, private, ten):
        server.put("x", layout, "v1", digest)
    pull = lambda host: ["pull", f"{host}/x:v1", "-o", "x", "--allow-http"]
    test.run("NW-12 from a public host", pull(public.host), 0)
    for target in (private.host, ten.host, f"localhost:{private.host.split(':')[1]}", f"[::ffff:127.0.0.1]:{private.host.split(':')[1]}"):
        shutil.rmtree(test.root / "x", ignore_errors=True)
        public.faults["x"] = lambda c, r, d, t=target: c.answer(302, headers=[("Location", f"http://{t}{r.path}")]) or True
        mark = len(private.requests) + len(ten.requests)
        test.run(f"NW-12 redirect from a public host to {target.split(']')[0].rsplit(':', 1)[0]}", pull(public.host), 5, ["private network"])
        test.same("NW-12 nobody is asked there", len(private.requests) + len(ten.requests), mark)
    private.faults["x"] = lambda c, r, d: c.answer(302, headers=[("Location", f"http://{ten.host}{r.path}")]) or True
    test.run("NW-12 redirect within private networks", pull(private.host), 0)


def main():
    root = pathlib.Path(tempfile.mkdtemp(prefix="mlc-network-"))
    test = Test(str(pathlib.Path(sys.argv[1]).resolve()), root)
    try:
        if sys.argv[2:] == ["--inside"]:
            inside(test)
            return 1 if test.failed else 0
        server, other = Registry(), Registry()
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda seed: schedule(test, server, other, seed), range(SCHEDULES)))
        resets(test, server)
        rows(test, server, other)
        manifests(test, server)
        referrers(test, server)
        logins(test, server, other)
        uploads(test, server)
        certificates(test, root)
        private_networks(test)
        test.same("NW-07 the other server saw no password", [r for r in other.requests if r[2]], [])
        test.same("NW-15 nobody saw the canary in an address",
                  [r[1] for s in (server, other) for r in s.requests if any(c in r[1] for c in CANARIES)], [])
    finally:
        shutil.rmtree(root, ignore_errors=True)
    return 1 if test.failed else 0


if __name__ == "__main__":
    warnings.simplefilter("ignore", DeprecationWarning)  # TLS 1.1 is meant
    sys.exit(main())
