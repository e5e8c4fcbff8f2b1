#!/usr/bin/env python3
"""mlc inspect on servers: runs the program against small servers on this machine, good ones and bad ones.

  remote.py MLC
"""

import http.server
import json
import os
import pathlib
import re
import struct
import subprocess
import sys
import threading
import time
import urllib.parse

TESTS = pathlib.Path(__file__).resolve().parent.parent
MODEL = TESTS / "data" / "kjv-llama"
TORCH = TESTS / "golden" / "torch" / "u1-bf16-sharded"
GGUF = TESTS / "golden" / "gguf" / "u1-pure-q4_0.gguf"
TOKEN = "hf_secret"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests = []  # (path, range, authorization)
        self.sent = 0
        self.failures = 0  # requests that are still to be answered with 503
        self.files = {}
        self.elsewhere = None  # another server, for redirects
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except ConnectionError:
            pass
        self.server.sent += len(body)

    def range(self, size):
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        return (int(found[1]), min(int(found[2]) + 1, size)) if found else None

    def send_file(self, data):
        part = self.range(len(data))
        if part is None:
            return self.answer(200, data)
        begin, end = part
        if begin >= len(data):
            return self.answer(416, Content_Range=f"bytes */{len(data)}")
        return self.answer(206, data[begin:end], Content_Range=f"bytes {begin}-{end - 1}/{len(data)}")

    def do_GET(self):
        server = self.server
        authorization = self.headers.get("Authorization")
        path = urllib.parse.urlsplit(self.path).path
        server.requests.append((self.path, self.headers.get("Range"), authorization))
        if server.failures:
            server.failures -= 1
            return self.answer(503)
        kind, _, rest = path.lstrip("/").partition("/")
        if kind == "api":
            files = [{"rfilename": n} for n in ["config.json", "model.safetensors", "sub/other.bin", "tokenizer.json"]]
            if rest.startswith("models/me/private/") and authorization != f"Bearer {TOKEN}":
                return self.answer(401)
            if not rest.endswith(("/revision/main", "/revision/v1")):
                return self.answer(404, b"no such model")
            return self.answer(200, json.dumps({"sha": COMMIT, "siblings": files}).encode())
        if kind == "me":  # me/NAME/resolve/COMMIT/FILE
            name, resolve, commit, file = rest.split("/", 3)
            if (resolve, commit) != ("resolve", COMMIT):
                return self.answer(404)
            if name == "private" and authorization != f"Bearer {TOKEN}":
                return self.answer(403)
            if file == "model.safetensors":
                return self.answer(302, Location=f"{server.elsewhere.url}/files/{file}?signature=x")
            return self.send_file((MODEL / file).read_bytes())
        if kind == "files" and rest in server.files:
            return self.send_file(server.files[rest])
        if kind == "whole":
            return self.answer(200, server.files[rest])
        if kind == "cut":  # promises more than it sends
            self.answer(206, b"x" * 10, Content_Range="bytes 0-65535/100000", Content_Length="65536")
            self.close_connection = True
            return None
        if kind == "other-range":
            return self.answer(206, b"x" * 100, Content_Range="bytes 100-199/100000")
        if kind == "silent":
            time.sleep(600)
            return None
        if kind == "loop":
            return self.answer(302, Location=f"/loop/{rest}")
        if kind == "to-file":
            return self.answer(302, Location="file:///etc/passwd")
        if kind == "huge":  # a header of 99 MB, of which nothing comes
            begin, end = self.range(1 << 40)
            data = struct.pack("<Q", 99_000_000) + b"{" + b" " * (end - begin)
            return self.answer(206, data[: end - begin] if begin == 0 else b"", Content_Range=f"bytes {begin}-{end - 1}/{1 << 40}")
        if kind == "changing":  # of another size at each request
            begin, end = self.range(1 << 30)
            size = 90_000_000 + len(server.requests)
            data = (struct.pack("<Q", 80_000_000) + b"{" + b" " * (end - begin))[: end - begin]
            return self.answer(206, data, Content_Range=f"bytes {begin}-{end - 1}/{size}")
        return self.answer(404)


class Case:
    def __init__(self, mlc):
        self.mlc = mlc
        self.failed = 0

    def run(self, name, arguments, code, expected, environment=None, unexpected=()):
        variables = {**{k: v for k, v in os.environ.items() if k in ("PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS")},
                     "HF_HUB_DOWNLOAD_TIMEOUT": "60", "NO_PROXY": "*", **(environment or {})}
        done = subprocess.run([self.mlc, "inspect", *arguments], capture_output=True, env=variables, timeout=600, check=False)
        text = (done.stdout + done.stderr).decode()
        problems = [f"exit code {done.returncode}, expected {code}"] if done.returncode != code else []
        problems += [f"lacks {part!r}" for part in expected if part not in text]
        problems += [f"has {part!r}" for part in unexpected if part in text]
        self.note(name, problems, text)
        return text

    def note(self, name, problems, text=""):
        print(f"{'FAILED' if problems else 'ok':8}{name}")
        for problem in problems:
            print("        " + problem)
        if problems and text:
            print("        " + text[:2000].replace("\n", "\n        "))
        self.failed += bool(problems)


def main():
    case = Case(sys.argv[1])
    server, other = Server(), Server()
    server.elsewhere = other
    weights = (MODEL / "model.safetensors").read_bytes()
    for one in (server, other):
        one.files = {"model.safetensors": weights, "u1.gguf": GGUF.read_bytes(), "empty.safetensors": b"",
                     **{f.name: f.read_bytes() for f in TORCH.iterdir()}}
    hub = {"HF_ENDPOINT": server.url}
    totals = "57 tensors, 5475584 elements, 11.0 MB"

    text = case.run("hub", ["HF://me/model", "--tree"], 0, [f"HF://me/model: safetensors, 1 file, {totals}", "model_type llama"], hub)
    local = subprocess.run([sys.argv[1], "inspect", str(MODEL), "--tree"], capture_output=True, check=True).stdout.decode()
    case.note("hub shows what the folder shows", [] if text.splitlines()[1:] == local.splitlines()[1:] else ["differs"], text)
    case.note("hub reads only headers", [f"{other.sent} bytes"] if other.sent > 200_000 else [])
    case.run("hub revision", ["HF://me/model@v1"], 0, [totals], hub)
    case.run("hub file", ["hf://me/model/model.safetensors"], 0, [totals], hub)
    case.run("hub no such file", ["HF://me/model/x.safetensors"], 5, ["holds no file x.safetensors"], hub)
    case.run("hub no such revision", ["HF://me/model@v2"], 5, ["404 (not found)"], hub)
    case.run("hub bad name", ["HF://me"], 2, ["expected HF://owner/name"], hub)
    case.run("hub no way out", ["HF://me/../model"], 2, ["expected HF://owner/name"], hub)
    case.run("private without token", ["HF://me/private"], 5, ["401 (not authorized)", "set HF_TOKEN"], hub)
    case.run("private with wrong token", ["HF://me/private"], 5, ["401", "token in HF_TOKEN"], {**hub, "HF_TOKEN": "wrong"}, ["wrong"])
    other.requests.clear()
    case.run("private with token", ["HF://me/private"], 0, [totals], {**hub, "HF_TOKEN": TOKEN}, [TOKEN, "signature"])
    case.note("token stays with the endpoint", [str(r) for r in other.requests if r[2]] or ([] if other.requests else ["no request"]))
    case.run("token with line end", ["HF://me/model"], 2, ["HF_TOKEN: expected a token"], {**hub, "HF_TOKEN": "a\r\nX: y"})

    files = f"{server.url}/files"
    server.requests.clear()
    case.run("address", [f"{files}/model.safetensors?key=1"], 0, [totals], {"HF_TOKEN": TOKEN}, ["key=1"])
    case.note("address gets no token", [str(r) for r in server.requests if r[2]])
    case.run("address of an index", [f"{files}/pytorch_model.bin.index.json"], 0, ["torch, 3 files, 12 tensors"])
    case.run("address of GGUF", [f"{files}/u1.gguf"], 0, ["gguf, 1 file, 12 tensors", "llama.block_count"])
    case.run("address of a folder", [f"{files}/"], 2, ["expected the address of a file"])
    case.run("not found", [f"{files}/none.safetensors"], 5, ["404 (not found)"])
    case.run("empty file", [f"{files}/empty.safetensors"], 3, ["shorter than 8 bytes"])
    case.run("no ranges", [f"{server.url}/whole/model.safetensors"], 5, ["whole file where a part was asked for"])
    case.run("cut short", [f"{server.url}/cut/model.safetensors"], 5, ["cut short, 3 times"])
    case.run("another range", [f"{server.url}/other-range/model.safetensors"], 5, ["the server sent 100"])
    case.run("redirects for ever", [f"{server.url}/loop/model.safetensors"], 5, ["too often"])
    case.run("redirect to a file", [f"{server.url}/to-file/model.safetensors"], 5, ["expected an https:// address"])
    case.run("huge header", [f"{server.url}/huge/model.safetensors"], 5, ["the server sent 0"])
    case.run("changing file", [f"{server.url}/changing/model.safetensors"], 5, ["the file changed"])
    case.run("silent", [f"{server.url}/silent/model.safetensors"], 5, ["no answer in time, 3 times"],
             {"HF_HUB_DOWNLOAD_TIMEOUT": "1"})
    server.failures = 2
    case.run("503 twice", [f"{files}/model.safetensors"], 0, [totals])
    server.failures = 3
    case.run("503 three times", [f"{files}/model.safetensors"], 5, ["503"])
    server.failures = 0
    case.run("http elsewhere", ["http://192.0.2.1/model.safetensors"], 5, ["not encrypted", "--allow-http"])
    case.run("nobody there", ["http://127.0.0.1:1/model.safetensors"], 5, ["3 times"])
    return 1 if case.failed else 0


if __name__ == "__main__":
    sys.exit(main())
