#!/usr/bin/env python3
"""Who cannot be served now is told at once, and when to come again: also while the engine computes a long prompt."""
import hashlib
import json
import pathlib
import socket
import statistics
import tempfile
import time
import unittest

import serving

KEYS = {"busy": {}, "slow": {"requests_per_minute": 1}, "single": {"max_concurrent": 1}}
LONG = {"messages": [{"role": "user", "content": "Count to a thousand."}], "ignore_eos": True, "stream": True,
        "temperature": 0}
WANTED_MS = 50
# What a machine that does other things as well may make of it.
BOUND_MS = 500


class Queue(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="ondol-queue-")
        path = pathlib.Path(cls.folder.name, "keys.json")
        path.write_text(json.dumps({"keys": [{"name": name, "sha256": hashlib.sha256(cls.key(name).encode()).hexdigest(),
                                              **limits} for name, limits in KEYS.items()]}))
        cls.server = serving.Server("--key-file", path, "--max-sequences", 1, "--max-waiting", 1, "--max-connections", 20)

    @classmethod
    def tearDownClass(cls):
        code = cls.server.stop()
        cls.folder.cleanup()
        assert code == 0, f"exit code {code}: {cls.server.lines}"

    @staticmethod
    def key(name):
        return f"key-of-{name}"

    def as_key(self, name):
        return {"Authorization": "Bearer " + self.key(name)}

    def open(self, body, name="busy"):
        data = json.dumps(body).encode()
        peer = socket.create_connection(("127.0.0.1", self.server.port), timeout=60)
        peer.sendall(f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {self.key(name)}\r\n"
                     f"Content-Length: {len(data)}\r\n\r\n".encode() + data)
        return peer

    def waiting_and_running(self):
        text = self.server.get("/metrics", headers=self.as_key("busy"))[2]
        return [float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
                if line.startswith(("vllm:num_requests_running{", "vllm:num_requests_waiting{"))]

    def refusals(self, what, status, name):
        """Asks many times; each answer is the refusal, soon."""
        took = []
        for _ in range(30):
            started = time.monotonic()
            found, headers, body = self.server.post("/v1/chat/completions", {**LONG, "stream": False},
                                                    headers=self.as_key(name))
            took.append((time.monotonic() - started) * 1000)
            self.assertEqual(found, status, body)
            self.assertRegex(headers["retry-after"], r"^[1-9]\d*$")
            self.assertEqual(set(body["error"]), {"message", "type", "param", "code"})
        print(f"\n{what}: {status} within {statistics.median(took):.1f} ms (median of {len(took)}, most {max(took):.1f}); "
              f"wanted: {WANTED_MS}")
        self.assertLess(statistics.median(took), BOUND_MS)

    def test_refusals_beside_a_busy_engine(self):
        # The first request's prompt is being computed while others are refused; then its answer.
        prompt = "It was a cold winter and the floor was warm. " * 150
        running = self.open({**LONG, "messages": [{"role": "user", "content": prompt}]})
        self.assertTrue(serving.eventually(lambda: sum(self.waiting_and_running()) == 1))
        waiting = self.open(LONG)
        self.assertTrue(serving.eventually(lambda: sum(self.waiting_and_running()) == 2))
        self.refusals("queue full", 503, "busy")
        self.assertEqual(self.server.get("/v1/models", headers=self.as_key("slow"))[0], 200)
        self.refusals("requests a minute", 429, "slow")
        for peer in (running, waiting):
            peer.close()
        self.assertTrue(serving.eventually(lambda: sum(self.waiting_and_running()) == 0))
        mine = self.open(LONG, "single")
        mine.recv(4096)
        self.refusals("requests at once", 429, "single")
        mine.close()
        self.assertTrue(serving.eventually(lambda: sum(self.waiting_and_running()) == 0))

    def test_connections_beyond_the_limit(self):
        peers = [socket.create_connection(("127.0.0.1", self.server.port), timeout=60) for _ in range(20)]
        try:
            time.sleep(0.1)
            took = []
            for _ in range(10):
                started = time.monotonic()
                with socket.create_connection(("127.0.0.1", self.server.port), timeout=60) as peer:
                    answer = peer.recv(4096).lower()
                took.append((time.monotonic() - started) * 1000)
                self.assertTrue(answer.startswith(b"http/1.1 503 "), answer)
                self.assertIn(b"\r\nretry-after: ", answer)
            print(f"\ntoo many connections: 503 within {statistics.median(took):.1f} ms (median); wanted: {WANTED_MS}")
            self.assertLess(statistics.median(took), BOUND_MS)
        finally:
            for peer in peers:
                peer.close()
        self.assertTrue(serving.eventually(lambda: self.server.get("/health")[0] == 200))


if __name__ == "__main__":
    serving.main()
