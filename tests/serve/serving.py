"""What the tests of the server share: a real `ondol serve` on a free port, and plain HTTP to it."""
import atexit
import functools
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("ONDOL_BINARY", str(ROOT / "build/release/bin/ondol"))
DATA = pathlib.Path(os.environ.get("ONDOL_TEST_DATA", str(ROOT / ".cache/test-data")))
SMOLLM2 = DATA / "smollm2.gguf"
MODEL = "smollm2"  # what a server calls it: the file's name
# Suites are short; this makes those that can be longer take their time (see CONTRIBUTING.md).
IS_LONG = os.environ.get("ONDOL_LONG_TESTS", "") not in ("", "0")


@functools.cache
def tiny_model():
    """A model of 3 million random weights with SmolLM2's tokenizer: what it says is noise, and quick."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ondol-tiny-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = folder / "tiny.gguf"
    subprocess.run([pathlib.Path(BINARY).with_name("make_model"), "--shape", "tiny", "--dtype", "q4_0", "--tokenizer",
                    SMOLLM2, "--out", path], check=True, stdout=subprocess.DEVNULL)
    return path


class Server:
    """`ondol serve` with SmolLM2; `lines` are what it wrote to stderr."""

    def __init__(self, *arguments, env=None, ctx=2048, models=(SMOLLM2,)):
        self.folder = tempfile.TemporaryDirectory(prefix="ondol-serve-")
        clean = {k: v for k, v in os.environ.items()
                 if not k.startswith(("ONDOL_", "HF_", "XDG_")) and not k.lower().endswith("_proxy")}
        clean.update({"ONDOL_HOME": self.folder.name + "/home", "HOME": self.folder.name, "LC_ALL": "C.UTF-8",
                      "ONDOL_WEIGHT_CACHE": "off", "ONDOL_THREADS": "1", **(env or {})})
        self.process = subprocess.Popen(
            [BINARY, "serve", *(a for m in models for a in ("-m", str(m))), "--port", "0", "--ctx", str(ctx), "--log", "json",
             *map(str, arguments)], env=clean, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.lines = []
        self.reader = threading.Thread(target=self._read_log, daemon=True)
        self.reader.start()
        first = self.process.stdout.readline()
        found = re.search(r"https?://127\.0\.0\.1:(\d+)", first)
        if not found:
            self.stop(signal.SIGKILL)
            raise AssertionError(f"no address in {first!r}: {self.lines}")
        self.port = int(found[1])
        self.url = f"http://127.0.0.1:{self.port}"

    def _read_log(self):
        for line in self.process.stderr:
            self.lines.append(line)

    def call(self, method, path, body=None, headers=None, host=None):
        """Answers status, headers (lower case) and body; JSON bodies are read."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            data = body if body is None or isinstance(body, (bytes, str)) else json.dumps(body)
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            connection.putheader("Host", host or f"127.0.0.1:{self.port}")
            if data is not None:
                data = data.encode() if isinstance(data, str) else data
                connection.putheader("Content-Type", "application/json")
                connection.putheader("Content-Length", str(len(data)))
            for name, value in (headers or {}).items():
                connection.putheader(name, value)
            connection.endheaders(data)
            reply = connection.getresponse()
            raw = reply.read()
            names = {k.lower(): v for k, v in reply.getheaders()}
            is_json = names.get("content-type", "").startswith("application/json") and raw
            return reply.status, names, json.loads(raw) if is_json else raw.decode()
        finally:
            connection.close()

    def post(self, path, body, **more):
        return self.call("POST", path, body, **more)

    def get(self, path, **more):
        return self.call("GET", path, **more)

    def metric(self, name, **labels):
        """A metric's value, or the sum over its labels."""
        total = 0.0
        for line in self.get("/metrics")[2].splitlines():
            found = re.match(re.escape(name) + r"(?:\{(.*)\})? (\S+)", line)
            if found and all(f'{k}="{v}"' in (found[1] or "") for k, v in labels.items()):
                total += float(found[2])
        return total

    def open_stream(self, path, body):
        """A socket on which a request has been sent and nothing was read."""
        data = json.dumps(body).encode()
        peer = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        peer.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data)}\r\n\r\n".encode()
                     + data)
        return peer

    def resident(self):
        """What the process holds: bytes of memory (all, and its own without mapped files), descriptors, threads."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        number = lambda name: int(re.search(rf"^{name}:\s+(\d+)", status, re.M)[1])
        return {"rss": number("VmRSS") << 10, "anon": number("RssAnon") << 10, "threads": number("Threads"),
                "fds": len(os.listdir(f"/proc/{self.process.pid}/fd"))}

    def stop(self, number=signal.SIGTERM):
        """Ends the server; answers its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.wait()

    def wait(self):
        try:
            code = self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self.reader.join()
        self.process.stdout.close()
        self.process.stderr.close()
        self.folder.cleanup()
        return code

    def records(self, body):
        """The log's lines of that kind; every line must be JSON."""
        lines = [json.loads(line) for line in list(self.lines)]
        return [line["attributes"] for line in lines if line["body"] == body]


def eventually(holds, seconds=10.0):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.02)
    return False


class ServeTest(unittest.TestCase):
    """One server for all tests of a class."""
    arguments = ()
    env = {}
    model = SMOLLM2
    ctx = 2048

    @classmethod
    def setUpClass(cls):
        model = cls.model() if callable(cls.model) else cls.model
        cls.server = Server(*cls.arguments, env=cls.env, ctx=cls.ctx, models=(model,))

    @classmethod
    def tearDownClass(cls):
        code = cls.server.stop()
        assert code == 0, f"exit code {code}: {cls.server.lines}"

    def assert_error(self, reply, status, param=None, code=None, path="/v1"):
        """An error object of the path's wire with all its fields, and nothing of the machine in it."""
        found, headers, body = reply
        self.assertEqual(found, status, body)
        if path.startswith("/api/"):
            self.assertEqual(set(body), {"error"})
            error = {"message": body["error"]}
        elif path.startswith("/v1/messages"):
            self.assertEqual(set(body), {"type", "error"})
            self.assertEqual(body["type"], "error")
            error = body["error"]
            self.assertEqual(set(error), {"type", "message"})
        else:
            self.assertEqual(set(body), {"error"})
            error = body["error"]
            self.assertEqual(set(error), {"message", "type", "param", "code"})
            if param is not None:
                self.assertEqual(error["param"], param, error)
            if code is not None:
                self.assertEqual(error["code"], code, error)
        self.assertTrue(error["message"])
        self.assertNotIn(str(ROOT), error["message"])
        if param is not None and "param" not in error:
            self.assertIn(param, error["message"])
        if status in (429, 503):
            self.assertIn("retry-after", headers)
        return error


def main():
    if not SMOLLM2.exists():
        sys.exit(f"{SMOLLM2} is missing: run ./dev test, which fetches it")
    unittest.main(verbosity=1)
