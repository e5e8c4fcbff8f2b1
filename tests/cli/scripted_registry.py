"""A registry on raw sockets that does what a test tells it to do, right or wrong."""

import hashlib
import json
import re
import socket
import ssl
import struct
import threading
import time
import urllib.parse

import oci_layout


class Request:
    def __init__(self, method, path, headers):
        self.method, self.path, self.headers = method, urllib.parse.urlsplit(path).path, headers
        self.query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(path).query))
        found = re.fullmatch(r"/v2/(.+?)/(manifests|blobs|referrers)/(.*)", self.path)
        self.repository, self.kind, self.rest = found.groups() if found else ("", "", "")

    def start(self):
        """The first byte that is asked for; None: the whole."""
        found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("range", ""))
        return int(found[1]) if found else None


class Connection:
    def __init__(self, server, sock):
        self.server, self.sock, self.buffer = server, sock, b""

    def more(self):
        data = self.sock.recv(65536)
        self.buffer += data
        return bool(data)

    def request(self):
        while b"\r\n\r\n" not in self.buffer:
            if len(self.buffer) > 100_000 or (self.buffer and not self.buffer[:1].isalpha()) or not self.more():
                return None
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        method, path, _ = lines[0].split(" ", 2)
        headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
        return Request(method, path, headers)

    def body(self, length, stop=None):
        """Reads a body; after `stop` bytes the connection is cut."""
        out = bytearray()
        while len(out) < length:
            if not self.buffer and not self.more():
                break
            part, self.buffer = self.buffer[: length - len(out)], self.buffer[length - len(out):]
            out += part
            if stop is not None and len(out) >= stop:
                return bytes(out[:stop]), True
        return bytes(out), len(out) < length

    def send(self, data):
        self.sock.sendall(data)

    def head(self, status, headers=(), length=None):
        lines = [f"HTTP/1.1 {status} X", *(f"{k}: {v}" for k, v in headers)]
        if length is not None:
            lines.append(f"Content-Length: {length}")
        self.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n")

    def answer(self, status, body=b"", headers=(), length=None):
        self.head(status, headers, len(body) if length is None else length)
        self.send(body)

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise ConnectionResetError

    def hang_up(self):
        raise ConnectionAbortedError


class Registry:
    """repositories: name -> layout. faults: name -> function(connection, request, data) that answers a GET of a blob
    (True), or does not and leaves it to the registry."""

    def __init__(self, address="127.0.0.1", tls=None):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((address, 0))
        self.socket.listen(128)
        self.tls = tls
        self.host = f"{address}:{self.socket.getsockname()[1]}"
        self.lock = threading.Lock()
        self.repositories, self.tags, self.faults, self.intercept = {}, {}, {}, {}
        self.requests = []  # (method, path, authorization, all headers)
        self.sent = {}      # bytes of blobs, by repository
        self.uploads, self.begun, self.received, self.cut_uploads = {}, 0, 0, []
        self.referrers_api = False
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            sock, _ = self.socket.accept()
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls:
                sock = self.tls.wrap_socket(sock, server_side=True)
            connection = Connection(self, sock)
            while (request := connection.request()) is not None:
                with self.lock:
                    self.requests.append((request.method, request.path, request.headers.get("authorization"), dict(request.headers)))
                self.handle(connection, request)
            if connection.buffer:
                connection.answer(400)
        except (OSError, ValueError, ssl.SSLError):
            pass
        finally:
            sock.close()

    def put(self, repository, layout, tag, digest):
        self.repositories[repository] = layout
        self.tags[repository, tag] = digest

    def count(self, repository, size):
        with self.lock:
            self.sent[repository] = self.sent.get(repository, 0) + size

    def handle(self, connection, request):
        if request.method in ("PUT", "POST", "PATCH"):
            return self.store(connection, request)
        if special := self.intercept.get(request.repository):
            if special(connection, request):
                return None
        if request.path == "/v2/":
            return connection.answer(200)
        if request.path in self.uploads:
            data = self.uploads[request.path]
            return connection.answer(204, headers=[("Location", request.path), ("Range", f"0-{max(len(data) - 1, 0)}")])
        layout = self.repositories.get(request.repository)
        if layout is None:
            return connection.answer(404)
        if request.kind == "manifests":
            digest = self.tags.get((request.repository, request.rest), request.rest)
            data = layout.blobs.get(digest)
            if data is None:
                return connection.answer(404)
            kind = json.loads(data).get("mediaType", oci_layout.MANIFEST)
            headers = [("Content-Type", kind), ("Docker-Content-Digest", "sha256:" + hashlib.sha256(data).hexdigest())]
            return connection.head(200, headers, len(data)) if request.method == "HEAD" else connection.answer(200, data, headers)
        if request.kind == "referrers":
            return self.list_referrers(connection, request, layout)
        data = layout.blobs.get(request.rest)
        if data is None:
            return connection.answer(404)
        if request.method == "HEAD":
            return connection.head(200, length=len(data))
        fault = self.faults.get(request.repository)
        if fault and fault(connection, request, data):
            return None
        return self.send_blob(connection, request, data)

    def send_blob(self, connection, request, data, etag=None, stop=None, pace=None):
        begin = request.start() or 0
        headers = [("ETag", etag)] if etag else []
        if begin:
            headers.append(("Content-Range", f"bytes {begin}-{len(data) - 1}/{len(data)}"))
        part = data[begin:]
        connection.head(206 if begin else 200, headers, len(part))
        part = part if stop is None else part[:stop]
        for at in range(0, len(part), 65536):
            block = part[at:at + 65536]
            connection.send(block)
            self.count(request.repository, len(block))
            if pace:
                time.sleep(pace)

    def list_referrers(self, connection, request, layout):
        if not self.referrers_api:
            return connection.answer(404)
        found = []
        for entry in layout.entries:
            manifest = json.loads(layout.blobs[entry["digest"]])
            if manifest.get("subject", {}).get("digest") == request.rest:
                found.append({**{k: entry[k] for k in ("mediaType", "digest", "size")}, "artifactType": manifest["artifactType"]})
        page = int(request.query.get("page", 0))  # one a page
        headers = [("Content-Type", oci_layout.INDEX)]
        if page + 1 < len(found):
            headers.append(("Link", f'<{request.path}?page={page + 1}>; rel="next"'))
        body = {"schemaVersion": 2, "mediaType": oci_layout.INDEX, "manifests": found[page:page + 1]}
        return connection.answer(200, json.dumps(body).encode(), headers)

    def store(self, connection, request):
        length = int(request.headers.get("content-length", 0))
        large = length > 100_000
        data, cut = connection.body(length, self.cut_uploads.pop(0) if large and self.cut_uploads else None)
        self.received += len(data)
        layout = self.repositories.setdefault(request.repository or request.path.split("/")[2], oci_layout.Layout())
        if request.method == "POST":
            with self.lock:
                self.begun += 1
                path = f"{request.path}{self.begun}"
            self.uploads[path] = b""
            return connection.answer(202, headers=[("Location", path)])
        if request.path in self.uploads:
            self.uploads[request.path] += data
            if cut:
                connection.reset()
            so_far = self.uploads[request.path]
            if request.method == "PATCH":
                return connection.answer(202, headers=[("Location", request.path), ("Range", f"0-{len(so_far) - 1}")])
            del self.uploads[request.path]
            if oci_layout.digest(so_far) != request.query["digest"]:
                return connection.answer(400, b'{"errors":[{"code":"DIGEST_INVALID","message":"other bytes"}]}')
            layout.blobs[request.query["digest"]] = so_far
            return connection.answer(201)
        if request.kind != "manifests" or cut:
            return connection.answer(404)
        layout.blobs[oci_layout.digest(data)] = data
        manifest = json.loads(data)
        headers = []
        if not request.rest.startswith("sha256:"):
            self.tags[request.repository, request.rest] = oci_layout.digest(data)
        elif manifest.get("subject") and self.referrers_api:
            headers.append(("OCI-Subject", manifest["subject"]["digest"]))
        if request.rest.startswith("sha256:"):
            layout.entries.append({"mediaType": manifest["mediaType"], "digest": request.rest, "size": len(data)})
        return connection.answer(201, headers=headers)
