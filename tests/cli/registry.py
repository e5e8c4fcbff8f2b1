#!/usr/bin/env python3
"""mlc push and mlc pull against Debian's docker-registry on this machine: plain HTTP, and TLS with a password.

  registry.py MLC

Skipped where docker-registry is not installed; skopeo and umoci read what was pushed where they are.
"""

import base64
import http.client
import http.server
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import oci_layout

PROVENANCE = {"dev.sigstore.bundle.predicateType": "https://slsa.dev/provenance/v1"}
USER, PASSWORD = "publisher", "canary-password-73"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Registry:
    def __init__(self, root, certificate=None, password=False):
        self.port = free_port()
        self.host = f"localhost:{self.port}" if certificate else f"127.0.0.1:{self.port}"
        root.mkdir()
        lines = ["version: 0.1", "log: {level: error, accesslog: {disabled: true}}",
                 f"storage: {{filesystem: {{rootdirectory: {root}/data}}, delete: {{enabled: true}}}}",
                 f"http: {{addr: '127.0.0.1:{self.port}'"]
        if certificate:
            lines[-1] += f", tls: {{certificate: {certificate[0]}, key: {certificate[1]}}}"
        lines[-1] += "}"
        if password:
            line = subprocess.run(["htpasswd", "-Bbn", USER, PASSWORD], capture_output=True, check=True).stdout
            (root / "htpasswd").write_bytes(line)
            lines.append(f"auth: {{htpasswd: {{realm: test, path: {root}/htpasswd}}}}")
        (root / "config.yml").write_text("\n".join(lines) + "\n")
        self.process = subprocess.Popen(["docker-registry", "serve", str(root / "config.yml")],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError("docker-registry does not start")

    def stop(self):
        self.process.kill()
        self.process.wait()


class Proxy(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """Between mlc and a registry: counts, and gets in the way."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, registry):
        super().__init__(("127.0.0.1", 0), ProxyHandler)
        self.registry = registry
        self.host = f"127.0.0.1:{self.server_address[1]}"
        self.lock = threading.Lock()
        self.reset()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def reset(self):
        self.requests = []
        self.received = 0  # of bodies that mlc sent
        self.sent = 0      # of bodies of blobs that mlc got
        self.cut_uploads = []    # after so many bytes, one a request
        self.cut_downloads = []
        self.slow = False
        self.hold = None  # (method, part of the path): such requests get no answer
        self.held = threading.Event()
        self.answers = {}  # (method, part of the path) -> (status, body)


class ProxyHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def handle(self):
        try:
            super().handle()
        except (ConnectionError, http.client.HTTPException):
            pass

    def hang_up(self):
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.connection.close()

    def any(self):
        server = self.server
        with server.lock:
            server.requests.append((self.command, self.path))
        if server.hold and self.command == server.hold[0] and server.hold[1] in self.path:
            server.held.set()
            time.sleep(600)
        for (method, part), (status, body) in server.answers.items():
            if self.command == method and part in self.path:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                return self.wfile.write(body)
        length = int(self.headers.get("Content-Length", 0))
        cut = None
        if length > 100_000 and self.command in ("PUT", "PATCH") and server.cut_uploads:
            cut = server.cut_uploads.pop(0)
        there = http.client.HTTPConnection("127.0.0.1", server.registry.port)
        there.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            there.putheader(name, value)
        there.endheaders()
        left = length if cut is None else min(length, cut)
        while left:
            block = self.rfile.read(min(left, 65536))
            if not block:
                return self.hang_up()
            there.send(block)
            left -= len(block)
            with server.lock:
                server.received += len(block)
        if cut is not None:
            there.sock.shutdown(socket.SHUT_RDWR)
            there.close()
            time.sleep(0.2)  # until the registry has noticed
            return self.hang_up()
        answer = there.getresponse()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return None
        size = int(answer.getheader("Content-Length", 0))
        stop = server.cut_downloads.pop(0) if size > 100_000 and server.cut_downloads else None
        done = 0
        while block := answer.read(65536):
            if stop is not None and done + len(block) > stop:
                self.wfile.write(block[: stop - done])
                self.close_connection = True
                return None
            self.wfile.write(block)
            done += len(block)
            if "/blobs/" in self.path:
                with server.lock:
                    server.sent += len(block)
            if server.slow:
                time.sleep(0.02)
        there.close()
        return None

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = any


class Test:
    def __init__(self, mlc, root):
        self.mlc, self.root, self.failed = mlc, root, 0

    def variables(self, environment=None):
        kept = {k: v for k, v in os.environ.items() if k in ("PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS")}
        return {**kept, "HOME": str(self.root), "NO_PROXY": "*", "MLC_RETRY_BASE_MS": "5", **(environment or {})}

    def run(self, name, arguments, code=0, expected=(), environment=None, unexpected=(PASSWORD,)):
        done = subprocess.run([self.mlc, *map(str, arguments)], capture_output=True, env=self.variables(environment),
                              cwd=self.root, timeout=300, check=False)
        text = (done.stdout + done.stderr).decode(errors="replace")
        problems = [f"exit code {done.returncode}, expected {code}"] if done.returncode != code else []
        problems += [f"lacks {part!r}" for part in expected if part not in text]
        problems += [f"has {part!r}" for part in unexpected if part in text]
        self.note(name, problems, text)
        try:
            return json.loads(done.stdout)
        except ValueError:
            return {}

    def same(self, name, found, expected):
        self.note(name, [] if found == expected else [f"found {str(found)[:300]}, expected {str(expected)[:300]}"])

    def note(self, name, problems, text=""):
        print(f"{'FAILED' if problems else 'ok':8}{name}", flush=True)
        for problem in problems:
            print("        " + problem)
        if problems and text:
            print("        " + text[:2000].replace("\n", "\n        "))
        self.failed += bool(problems)


def blobs_of(folder):
    return {p.name: p.read_bytes() for p in (pathlib.Path(folder) / "blobs" / "sha256").iterdir()}


def certificate(root, name, host, *more):
    files = (root / f"{name}.crt", root / f"{name}.key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}", "-out", files[0], "-keyout", files[1], *more],
                   check=True, capture_output=True)
    return files


def make_models(root):
    data = random.Random(7)
    shard = data.randbytes(2_500_000)
    one = oci_layout.Layout()
    first = one.model({"mlc-chat-config.json": b"{}\n", "params_shard_0.bin": shard, "params_shard_1.bin": data.randbytes(700_000),
                       "tokenizer/empty.txt": b""}, "tiny-1.0.0", "1.0.0")
    one.referrer(first, b'{"statement":1}', PROVENANCE)
    one.write(root / "pkg")
    two = oci_layout.Layout()  # shares a shard
    second = two.model({"mlc-chat-config.json": b'{"a":1}\n', "params_shard_0.bin": shard}, "tiny-1.1.0", "1.1.0")
    two.referrer(second, b'{"statement":2}', PROVENANCE)
    two.write(root / "pkg2")
    return first["digest"], second["digest"]


def plain(test, registry, root, digest):
    """Push, pull, and what other programs make of it."""
    reference = f"{registry.host}/mlc/tiny"
    planned = test.run("push --dry-run", ["push", "pkg", reference, "--dry-run", "--json"])
    test.same("push --dry-run lists what is missing", len(planned.get("missing", [])), 7)
    done = test.run("push", ["push", "pkg", reference, "--json"], expected=["tiny-1.0.0", digest])
    test.same("push sends every blob once", (done.get("blobs"), done.get("referrers")), (7, 1))
    done = test.run("push again", ["push", "pkg", reference + ":tiny-1.0.0", "--json"])
    test.same("push again sends 0 blobs", (done.get("blobs"), done.get("bytes"), done.get("blobs_present")), (0, 0, 7))
    done = test.run("pull", ["pull", f"oci://{reference}:tiny-1.0.0", "-o", "store", "--json"], expected=[digest])
    test.same("pull gives the same blobs", blobs_of(root / "store"), blobs_of(root / "pkg"))
    test.same("pull keeps the digest", done.get("manifest"), digest)
    test.same("pull brings the referrers", done.get("referrers"), 1)
    done = test.run("pull again", ["pull", f"oci://{reference}@{digest}", "-o", "store", "--json"])
    test.same("pull again fetches 0 blobs", (done.get("blobs"), done.get("bytes")), (0, 0))
    shard = max((root / "store" / "blobs" / "sha256").iterdir(), key=lambda p: p.stat().st_size)
    data = bytearray(shard.read_bytes())
    data[1000] ^= 1
    shard.write_bytes(data)
    done = test.run("IO-10 pull over a rotten blob", ["pull", f"oci://{reference}:tiny-1.0.0", "-o", "store", "--json"])
    test.same("IO-10 the rotten blob is fetched again", (done.get("blobs"), blobs_of(root / "store") == blobs_of(root / "pkg")), (1, True))
    request = urllib.request.Request(f"http://{registry.host}/v2/mlc/tiny/manifests/tiny-1.0.0", headers={"Accept": oci_layout.MANIFEST})
    with urllib.request.urlopen(request) as answer:
        test.same("the registry serves the manifest's bytes", oci_layout.digest(answer.read()), digest)
    test.run("push a second version", ["push", "pkg2", reference, "--json"], expected=['"blobs": 3'])
    done = test.run("push with mount", ["push", "pkg", f"{registry.host}/mlc/other", "--mount-from", "mlc/tiny", "--json"])
    test.same("push with mount sends 0 blobs", (done.get("blobs"), done.get("bytes")), (0, 0))
    test.run("pull of no such tag", ["pull", f"{reference}:none", "-o", "none"], 5, ["no such manifest"])
    test.same("pull of no such tag makes no store", (root / "none").exists(), False)
    test.run("pull of a bad reference", ["pull", "tiny:latest"], 2, ["expected HOST[:PORT]/REPOSITORY"])
    if shutil.which("skopeo"):
        copy = ["skopeo", "--tmpdir", str(root), "copy", "--insecure-policy", "--preserve-digests"]
        where = f"docker://{registry.host}/mlc/skopeo:v1"
        problems = []
        for command in ([*copy, "--dest-tls-verify=false", f"oci:{root}/store:tiny-1.0.0", where],
                        [*copy, "--src-tls-verify=false", where, f"oci:{root}/skopeo:tiny-1.0.0"]):
            made = subprocess.run(command, capture_output=True, check=False)
            problems += [made.stderr.decode()] if made.returncode else []
        found = json.loads((root / "skopeo" / "index.json").read_text())["manifests"][0]["digest"] if not problems else ""
        test.note("skopeo: layout, registry, layout: same digest", problems or ([] if found == digest else [found]))
        test.run("pull what skopeo pushed", ["pull", f"{registry.host}/mlc/skopeo:v1", "-o", "store3"], expected=[digest])
    else:
        print("skipped: skopeo is not installed")
    if shutil.which("umoci"):
        made = subprocess.run(["umoci", "ls", "--layout", str(root / "store")], capture_output=True, check=False)
        test.same("umoci lists the tag", made.stdout.decode().split(), ["tiny-1.0.0"])
    else:
        print("skipped: umoci is not installed")


def whole_way(test, registry, root):
    """The demo model: converted, packaged, pushed from a folder and from a tar, pulled into an empty store, unpacked."""
    checkpoint = pathlib.Path(__file__).resolve().parent.parent / "data" / "kjv-llama"
    common = [checkpoint, "--quantization", "q4f16_1", "-o", "kjv", "--quiet"]
    test.run("convert", ["convert_weight", *common])
    test.run("config", ["gen_config", *common, "--conv-template", "LM"])
    for package in ("kjv-package", "kjv.tar"):
        name = package.replace(".", "-")
        test.run(f"{name}: package", ["package", "kjv", "-o", package])
        done = test.run(f"{name}: push", ["push", package, f"{registry.host}/mlc/{name}", "--json"])
        pulled = test.run(f"{name}: pull", ["pull", f"{registry.host}/mlc/{name}:{done.get('tag')}", "-o", f"{name}-store", "--json"])
        test.same(f"{name}: same digest", pulled.get("manifest"), done.get("manifest"))
        test.run(f"{name}: unpack", ["unpack", f"{name}-store", "-o", f"{name}-model"])
        files = [{p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
                 for folder in (root / "kjv", root / f"{name}-model")]
        test.same(f"{name}: byte for byte the same folder", files[0] == files[1] and len(files[0]) > 3, True)


def refused_pushes(test, registry, root):
    broken = root / "broken"
    shutil.copytree(root / "pkg", broken)
    blobs = sorted((broken / "blobs" / "sha256").iterdir(), key=lambda p: p.stat().st_size)
    kept = blobs[-1].read_bytes()
    blobs[-1].unlink()
    test.run("push of a package that lacks a blob", ["push", broken, f"{registry.host}/mlc/broken"], 3, ["does not hold"])
    blobs[-1].write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
    test.run("push of a damaged blob", ["push", broken, f"{registry.host}/mlc/broken"], 6, ["changed or damaged"])
    test.run("nothing was tagged", ["pull", f"{registry.host}/mlc/broken:tiny-1.0.0", "-o", "none"], 5, ["no such manifest"])
    shutil.rmtree(broken)


def interrupted(test, registry, root):
    """OC-15, and transfers that are cut at bytes of the test's choice."""
    proxy = Proxy(registry)
    command = [test.mlc, "push", "pkg", f"{proxy.host}/mlc/killed:v1", "--quiet"]
    proxy.hold = ("PUT", "/manifests/")
    process = subprocess.Popen(command, env=test.variables(), cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    held = proxy.held.wait(60)
    process.send_signal(signal.SIGKILL)
    process.wait()
    test.same("OC-15 all blobs are there before the manifest", held, True)
    proxy.reset()
    done = test.run("OC-15 push after a kill", ["push", "pkg", f"{proxy.host}/mlc/killed:v1", "--json"])
    test.same("OC-15 no blob is sent again", (done.get("blobs"), done.get("blobs_present")), (0, 7))

    size = sum(len(b) for b in blobs_of(root / "pkg").values())
    proxy.reset()
    proxy.cut_uploads = [300_000, 1_000_000, 100, 400_000]
    test.run("push through cuts", ["push", "pkg", f"{proxy.host}/mlc/cut:v1", "--connections", "1"])
    # docker-registry drops an upload that was interrupted; network.py has a registry that does not.
    test.note("push through cuts sends only cut blobs twice",
              [] if proxy.received < size + 1_700_100 + 100_000 else [f"{proxy.received} of {size}"])
    proxy.reset()
    proxy.cut_downloads = [1, 1_000_000, 70_000, 1_400_000]
    test.run("NW-01 pull through cuts", ["pull", f"{proxy.host}/mlc/cut:v1", "-o", "cut"])
    test.same("NW-01 pull through cuts gives the same blobs", blobs_of(root / "cut"), blobs_of(root / "pkg"))
    test.note("NW-01 pull through cuts fetches nothing twice", [] if proxy.sent <= size + 65536 * 4 else [f"{proxy.sent} of {size}"])

    proxy.reset()
    proxy.slow = True
    process = subprocess.Popen([test.mlc, "pull", f"{proxy.host}/mlc/cut:v1", "-o", "killed", "--quiet", "--connections", "1"],
                               env=test.variables(), cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while proxy.sent < 2_400_000 and process.poll() is None:
        time.sleep(0.01)
    process.kill()
    process.wait()
    first = proxy.sent
    index = root / "killed" / "index.json"
    test.same("killed pull: no tag", not index.exists() or "v1" not in index.read_text(), True)
    proxy.reset()
    test.run("pull after a kill", ["pull", f"{proxy.host}/mlc/cut:v1", "-o", "killed"])
    test.same("pull after a kill gives the same blobs", blobs_of(root / "killed"), blobs_of(root / "pkg"))
    # The largest file comes first, and is written in blocks of 1 MiB.
    test.note("pull after a kill goes on", [] if proxy.sent < size - 1_900_000 else [f"{first}, then {proxy.sent} of {size}"])

    proxy.reset()
    proxy.slow = True
    pulls = [subprocess.Popen([test.mlc, "pull", f"{proxy.host}/mlc/cut:v1", "-o", "shared"], env=test.variables(), cwd=root,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(4)]
    test.same("IO-08 four pulls into one store", [p.wait(120) for p in pulls], [0] * 4)
    gets = [path for method, path in proxy.requests if method == "GET" and "/blobs/" in path]
    small = 2  # config and layer of the referrer, which are read before the store is locked
    test.same("IO-08 every file is fetched once", len(gets) <= len(set(gets)) + 3 * small, True)
    test.same("IO-08 the store is whole", blobs_of(root / "shared"), blobs_of(root / "pkg"))

    # OC-14: registries that refuse or lie.
    for number, (name, answers, expected) in enumerate([
            ("OC-14 manifest refused", {("PUT", "/manifests/"): (403, b'{"errors":[{"code":"DENIED","message":"tag is immutable"}]}')},
             ["403 (forbidden)", "DENIED: tag is immutable", "was not moved"]),
            ("OC-14 blob too large", {("PUT", "/uploads/"): (413, b"")}, ["413 (too large)"]),
            ("OC-14 digest refused", {("PUT", "/uploads/"): (400, b'{"errors":[{"code":"DIGEST_INVALID","message":"other"}]}')},
             ["400", "DIGEST_INVALID"]),
            ("OC-14 blob accepted and not there", {("PUT", "/uploads/"): (201, b"")}, ["does not have it"]),
            ("OC-14 manifest accepted and not there", {("PUT", "/manifests/"): (201, b"")}, ["does not have it"])]):
        proxy.reset()
        proxy.answers = answers
        test.run(name, ["push", "pkg", f"{proxy.host}/mlc/oc14-{number}:v1"], 5, expected)
        proxy.reset()
        test.run(f"{name}: no tag was moved", ["pull", f"{proxy.host}/mlc/oc14-{number}:v1", "-o", "none"], 5, ["no such manifest"])
    proxy.shutdown()


def encrypted(test, root):
    """TLS and a password."""
    files = certificate(root, "registry", "localhost")
    registry = Registry(root / "tls", files, password=True)
    try:
        reference = f"{registry.host}/mlc/tiny:v1"
        push = ["push", "pkg", reference]
        trusted = {"MLC_CA_FILE": str(files[0])}
        right = {**trusted, "MLC_REGISTRY_USER": USER, "MLC_REGISTRY_PASSWORD": PASSWORD}
        test.run("NW-11 TLS: certificate not trusted", push, 5, ["certificate is refused"], {**right, "MLC_CA_FILE": ""})
        test.run("TLS: no password", push, 5, ["401 (not authorized)", "set MLC_REGISTRY_USER"], trusted)
        test.run("TLS: wrong password", push, 5, ["401 (not authorized)", "of MLC_REGISTRY_USER right"],
                 {**right, "MLC_REGISTRY_PASSWORD": "no"})
        test.run("half a login", push, 2, ["MLC_REGISTRY_USER is set without"], {**trusted, "MLC_REGISTRY_USER": USER})
        test.run("TLS: push", push, environment=right)
        test.run("TLS: pull", ["pull", reference, "-o", "tls-store"], environment=right)
        test.same("TLS: same blobs", blobs_of(root / "tls-store"), blobs_of(root / "pkg"))
        (root / "docker").mkdir()
        token = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        (root / "docker" / "config.json").write_text(json.dumps({"auths": {registry.host: {"auth": token}}}))
        config = {**trusted, "DOCKER_CONFIG": str(root / "docker")}
        done = test.run("TLS: password of docker's config", [*push, "--json"], environment=config)
        test.same("TLS: 0 blobs are sent again", done.get("blobs"), 0)
        test.run("TLS: --ca-file", [*push, "--ca-file", files[0]], environment={**config, "MLC_CA_FILE": ""})
        (root / "docker" / "config.json").write_text('{"auths": {"%s": {"auth": "%s", "auth": ""}}}' % (registry.host, token))
        test.run("a broken config.json", push, 3, ["config.json"], config)
    finally:
        registry.stop()


def signed(test, registry, root):
    """SG-12 to SG-14: what is checked before any file is fetched."""
    proxy = Proxy(registry)
    host = proxy.host
    test.run("new key", ["sign", "--new-key", "key.pem"])
    test.run("another key", ["sign", "--new-key", "other.pem"])
    for name in ("pkg", "pkg2"):
        shutil.copytree(root / name, root / f"signed-{name}")
        test.run(f"sign {name}", ["sign", f"signed-{name}", "--key", "key.pem"])
    push = lambda package, reference: test.run(f"push {package} to {reference}", ["push", package, f"{host}/mlc/{reference}"])
    push("signed-pkg", "signed:new")
    pull = ["pull", f"{host}/mlc/signed:new", "-o"]
    done = test.run("pull with the right key", [*pull, "verified", "--key", "key.pem.pub", "--json"])
    test.same("the signature was checked", done.get("signature_checked"), True)

    def refused(name, arguments, expected):
        proxy.reset()
        test.run(name, arguments, 6, expected)
        large = [path for method, path in proxy.requests if method == "GET" and "/blobs/" in path]
        test.note(f"{name}: no file is fetched", [] if len(set(large)) <= 4 else [str(large)])

    refused("pull with another key", [*pull, "refused", "--key", "other.pem.pub"], ["nothing was fetched"])
    push("pkg", "unsigned:v1")
    refused("SG-14 pull of what nobody signed", ["pull", f"{host}/mlc/unsigned:v1", "-o", "refused", "--key", "key.pem.pub"],
            ["the signature was taken away"])
    test.same("a refused pull makes no store", (root / "refused").exists(), False)

    # SG-13: the signature of one model at another.
    mixed = oci_layout.Layout()
    model = mixed.model({"mlc-chat-config.json": b"evil"}, "mixed")
    index = json.loads((root / "signed-pkg" / "index.json").read_text())
    blobs = blobs_of(root / "signed-pkg")
    for entry in index["manifests"]:
        manifest = json.loads(blobs[entry["digest"].partition(":")[2]])
        if manifest.get("subject") and manifest["layers"][0]["size"] > 100:
            data = blobs[manifest["layers"][0]["digest"].partition(":")[2]]
            mixed.referrer(model, data, manifest.get("annotations"), manifest["layers"][0]["mediaType"])
    mixed.write(root / "mixed")
    push("mixed", "mixed:v1")
    refused("SG-13 the signature of another model", ["pull", f"{host}/mlc/mixed:v1", "-o", "refused", "--key", "key.pem.pub"],
            ["nothing was fetched"])

    # SG-12: an older version that was signed as well.
    push("signed-pkg2", "rolled:stable")
    pull = ["pull", f"{host}/mlc/rolled:stable", "-o", "rolled"]
    test.run("SG-12 first pull, with a lock", [*pull, "--lock", "mlc.lock", "--key", "key.pem.pub"])
    locked = (root / "mlc.lock").read_text()
    push("signed-pkg", "rolled:stable")
    refused("SG-12 rollback against a lock", [*pull, "--lock", "mlc.lock", "--key", "key.pem.pub"], ["mlc.lock names"])
    refused("SG-12 rollback against --min-version", [*pull, "--min-version", "1.1.0"], ["version 1.0.0, expected 1.1.0 or later"])
    test.same("SG-12 the lock stays as it was", (root / "mlc.lock").read_text(), locked)
    test.run("SG-12 rollback without either", pull, 0, ["was version 1.1.0 when it was pulled last"])
    proxy.shutdown()


def main():
    if not shutil.which("docker-registry"):
        print("skipped: docker-registry is not installed")
        return 0
    root = pathlib.Path(tempfile.mkdtemp(prefix="mlc-registry-"))
    test = Test(str(pathlib.Path(sys.argv[1]).resolve()), root)
    registry = Registry(root / "plain")
    try:
        digest, _ = make_models(root)
        plain(test, registry, root, digest)
        whole_way(test, registry, root)
        refused_pushes(test, registry, root)
        interrupted(test, registry, root)
        signed(test, registry, root)
        encrypted(test, root)
    finally:
        registry.stop()
        shutil.rmtree(root, ignore_errors=True)
    return 1 if test.failed else 0


if __name__ == "__main__":
    sys.exit(main())
