"""A hub and its CDN on this machine, which misbehave as they are told, for hub.py."""

import hashlib
import http.server
import json
import re
import socket
import struct
import threading
import time
import urllib.parse

TOKEN = "hf_canary_0123456789"


def git_hash(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class Repository:
    """What one commit holds. Files larger than 1000 bytes are in LFS."""

    def __init__(self, files, commit="0123456789abcdef0123456789abcdef01234567", private=False):
        self.files, self.commit, self.private = files, commit, private

    @staticmethod
    def is_large(data):
        return len(data) > 1000

    def etag(self, name):
        data = self.files[name]
        return hashlib.sha256(data).hexdigest() if self.is_large(data) else git_hash(data)

    def entries(self):
        folders = {name.rsplit("/", 1)[0] for name in self.files if "/" in name}
        out = [{"type": "directory", "oid": "0" * 40, "size": 0, "path": one} for one in sorted(folders)]
        for name, data in self.files.items():
            entry = {"type": "file", "oid": git_hash(data), "size": len(data), "path": name}
            if self.is_large(data):
                entry["oid"] = git_hash(b"version https://git-lfs...")
                entry["lfs"] = {"oid": self.etag(name), "size": len(data), "pointerSize": 134}
            out.append(entry)
        return out


class Server(http.server.ThreadingHTTPServer):
    """The hub (`cdn` given) or a CDN. `trouble(request)` may answer instead, and then says True."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, cdn=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.cdn = cdn
        self.repositories = {}  # "owner/name" -> {revision: Repository}
        self.page = 1000
        self.lock = threading.Lock()
        self.reset()
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def reset(self):
        self.requests = []  # (path, headers)
        self.sent = 0       # bytes of files
        self.trouble = lambda request: False

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request, client_address):
        pass

    def file_requests(self):
        return [path for path, _ in self.requests if "/resolve/" in path or path.startswith("/blob/")]

    def saw(self, text):
        return [path for path, headers in self.requests if text in path or any(text in v for v in headers.values())]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 65536

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", headers=(), length=None):
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        if length != "none":
            self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.send(body)
        if length not in (None, len(body)):
            self.close_connection = True
        return True

    def send(self, body):
        for at in range(0, len(body), 65536):
            part = body[at:at + 65536]
            try:
                self.wfile.write(part)
            except OSError:
                self.close_connection = True
                return
            with self.server.lock:
                self.server.sent += len(part)
        try:
            self.wfile.flush()
        except OSError:
            self.close_connection = True

    def drop(self):
        """Ends the connection with a reset."""
        try:
            self.wfile.flush()
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        except OSError:
            pass
        self.close_connection = True
        return True

    def start(self):
        """The first byte that was asked for."""
        found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        return int(found[1]) if found else 0

    def send_file(self, data, etag='"e"', cut=None, reset=True, **more):
        """`cut`: so many bytes of the body, then the connection ends."""
        begin = self.start()
        if begin > len(data) or (begin == len(data) and begin):
            return self.answer(416, headers={"Content-Range": f"bytes */{len(data)}"})
        headers = {"ETag": etag, "Accept-Ranges": "bytes", **more}
        status = 200
        if begin:
            status = 206
            headers["Content-Range"] = f"bytes {begin}-{len(data) - 1}/{len(data)}"
        body = data[begin:]
        if cut is None or cut >= len(body):
            return self.answer(status, body, headers)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.send(body[:cut])
        self.close_connection = True
        return self.drop() if reset else True

    def do_GET(self):
        server = self.server
        with server.lock:
            server.requests.append((self.path, dict(self.headers)))
        if server.trouble(self):
            return None
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        if server.cdn is None:  # /blob/ETAG
            for revisions in server.repositories.values():
                for repository in revisions.values():
                    for name, data in repository.files.items():
                        if path == "/blob/" + repository.etag(name):
                            return self.send_file(data, f'"{repository.etag(name)}"')
            return self.answer(404)
        found = re.fullmatch(r"/api/models/([^/]+/[^/]+)/(revision|tree)/(.+)", path) or \
            re.fullmatch(r"/([^/]+/[^/]+)/(resolve)/([^/]+)/.+", path)
        revisions = server.repositories.get(found[1]) if found else None
        if not revisions:
            return self.answer(401, headers={"X-Error-Code": "RepoNotFound"})
        repository = revisions.get(found[3])
        if not repository:
            return self.answer(404, headers={"X-Error-Code": "RevisionNotFound"})
        if repository.private and self.headers.get("Authorization") != f"Bearer {TOKEN}":
            # As for gated models: what they are is told, their files are not.
            if found[2] == "resolve":
                return self.answer(403 if "Authorization" in self.headers else 401, headers={"X-Error-Code": "GatedRepo"})
        if found[2] == "revision":
            return self.answer(200, json.dumps({"id": found[1], "sha": repository.commit, "siblings": []}).encode())
        if found[2] == "tree":
            return self.send_tree(repository)
        name = path.split("/resolve/", 1)[1].split("/", 1)[1]
        data = repository.files.get(name)
        if data is None:
            return self.answer(404, headers={"X-Error-Code": "EntryNotFound"})
        headers = {"X-Repo-Commit": repository.commit}
        if repository.is_large(data):
            return self.answer(302, headers={**headers, "X-Linked-Etag": f'"{repository.etag(name)}"',
                                             "Location": f"{server.cdn.url}/blob/{repository.etag(name)}?sig=secret"})
        return self.send_file(data, f'W/"{repository.etag(name)}"', **headers)

    def send_tree(self, repository):
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        at = int(query.get("cursor", ["0"])[0])
        entries = repository.entries()
        headers = {}
        if at + self.server.page < len(entries):
            # Another host, as mirrors give: only its query may count.
            headers["Link"] = (f'<http://127.0.0.1:1/elsewhere?recursive=true&cursor={at + self.server.page}>; '
                               'rel="next"')
        return self.answer(200, json.dumps(entries[at:at + self.server.page]).encode(), headers)


def pair():
    """A hub and its CDN, which know the same repositories."""
    cdn = Server()
    hub = Server(cdn)
    cdn.repositories = hub.repositories
    return hub, cdn


def wait(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True
