"""A Hugging Face hub on 127.0.0.1 that can also misbehave, for hub_test.py."""
import hashlib
import http.server
import json
import threading
import time

REPO = "org/repo"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def git_blob(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class FakeHub:
    """Files of one repository. The faults are plain attributes; requests are kept."""

    def __init__(self):
        self.files = {}             # path -> bytes
        self.small = set()          # paths without LFS: their digest is git's SHA-1
        self.token = None           # required in Authorization if set
        self.cut_after = None       # bytes of a body, then the connection is dropped
        self.cuts_left = 0          # how often that happens
        self.ranges = True          # answer Range requests with 206
        self.status = None          # answer everything with this status
        self.failures_left = None   # ... but only so often (None: always)
        self.redirect_to = None     # base URL of another host for file bodies
        self.wrong_sha = set()      # paths listed with a wrong checksum
        self.listed_size = {}       # path -> a size that is not true
        self.etag = '"v1"'
        self.stall_s = 0            # silence in the middle of a body
        self.siblings = None        # raw answer instead of the true list
        self.requests = []          # (path, headers)
        hub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                hub.requests.append((self.path, dict(self.headers)))
                try:
                    hub.answer(self)
                except (BrokenPipeError, ConnectionResetError):
                    pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def listing(self):
        if self.siblings is not None:
            return self.siblings
        out = []
        for path, data in self.files.items():
            size = self.listed_size.get(path, len(data))
            entry = {"rfilename": path, "size": size, "blobId": git_blob(data)}
            if path not in self.small:
                sha = hashlib.sha256(b"other" if path in self.wrong_sha else data).hexdigest()
                entry["lfs"] = {"sha256": sha, "size": size, "pointerSize": 134}
                entry["blobId"] = "0" * 40
            out.append(entry)
        return json.dumps({"id": REPO, "sha": COMMIT, "siblings": out}).encode()

    def send(self, handler, status, body=b"", **headers):
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        if self.stall_s and status in (200, 206) and len(body) > 10 and "/resolve/" in handler.path:
            handler.wfile.write(body[:10])
            handler.wfile.flush()
            time.sleep(self.stall_s)
            body = body[10:]
        if self.cut_after is not None and self.cuts_left > 0 and len(body) > self.cut_after:
            self.cuts_left -= 1
            handler.wfile.write(body[:self.cut_after])
            handler.wfile.flush()
            handler.close_connection = True
            handler.connection.shutdown(2)
            return
        handler.wfile.write(body)

    def answer(self, handler):
        if self.status and (self.failures_left is None or self.failures_left > 0):
            if self.failures_left is not None:
                self.failures_left -= 1
            return self.send(handler, self.status, b"no")
        if self.token and handler.headers.get("Authorization") != f"Bearer {self.token}":
            return self.send(handler, 401, b"who are you")
        path = handler.path.split("?")[0]
        if path.startswith(f"/api/models/{REPO}/revision/"):
            return self.send(handler, 200, self.listing())
        prefix = f"/{REPO}/resolve/{COMMIT}/"
        name = path[len(prefix):]
        if not path.startswith(prefix) or name not in self.files:
            return self.send(handler, 404, b"no such file")
        if self.redirect_to:
            return self.send(handler, 302, Location=self.redirect_to + handler.path + "?signature=secret")
        data = self.files[name]
        wanted = handler.headers.get("Range", "")
        fresh = handler.headers.get("If-Range", self.etag) == self.etag
        if wanted.startswith("bytes=") and self.ranges and fresh:
            begin = int(wanted[6:].split("-")[0])
            if begin >= len(data):
                return self.send(handler, 416, Content_Range=f"bytes */{len(data)}")
            return self.send(handler, 206, data[begin:], ETag=self.etag,
                             Content_Range=f"bytes {begin}-{len(data) - 1}/{len(data)}")
        self.send(handler, 200, data, ETag=self.etag)
