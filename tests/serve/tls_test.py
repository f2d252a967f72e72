#!/usr/bin/env python3
"""TLS with a certificate of `ondol certs`: who trusts its authority gets answers, nobody else does, and what is no TLS
is closed and holds up nobody."""
import json
import os
import pathlib
import socket
import ssl
import subprocess
import tempfile
import time
import unittest

import httpx
import openai

import serving

KEY = "a-key-for-tests"


class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="ondol-tls-")
        made = subprocess.run([serving.BINARY, "certs", "--name", "box.example"], capture_output=True, text=True,
                              timeout=60, env={**os.environ, "ONDOL_HOME": cls.folder.name})
        assert made.returncode == 0, made
        certs = pathlib.Path(cls.folder.name, "certs")
        cls.authority = certs / "ca.crt"
        cls.server = serving.Server("--tls-cert", certs / "server.crt", "--tls-key", certs / "server.key", "--host-name",
                                    "box.example", "--header-seconds", 2, "--threads", 1, env={"ONDOL_API_KEY": KEY},
                                    models=(serving.tiny_model(),))

    @classmethod
    def tearDownClass(cls):
        code = cls.server.stop()
        cls.folder.cleanup()
        assert code == 0, f"exit code {code}: {cls.server.lines}"

    def connect(self, context, name="localhost"):
        raw = socket.create_connection(("127.0.0.1", self.server.port), timeout=20)
        try:
            return context.wrap_socket(raw, server_hostname=name)
        except Exception:
            raw.close()
            raise

    def trusting(self):
        return ssl.create_default_context(cafile=self.authority)

    def get(self, peer, path, key=None):
        credentials = f"Authorization: Bearer {key}\r\n" if key else ""
        peer.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{credentials}\r\n".encode())
        answer = b""
        while data := peer.recv(65536):
            answer += data
        return answer

    def test_who_trusts_the_authority_is_answered(self):
        for name in ("localhost", "127.0.0.1", "box.example"):
            with self.connect(self.trusting(), name) as peer:
                self.assertIn(peer.version(), ("TLSv1.2", "TLSv1.3"))
                self.assertIn(b"200 OK", self.get(peer, "/health"))
        with self.connect(self.trusting()) as peer:
            self.assertIn(b"401 Unauthorized", self.get(peer, "/v1/models"))
        with self.connect(self.trusting()) as peer:
            self.assertIn(b'"tiny"', self.get(peer, "/v1/models", KEY))

    def test_nobody_else_is(self):
        with self.assertRaises(ssl.SSLCertVerificationError):
            self.connect(ssl.create_default_context())
        with self.assertRaises(ssl.SSLCertVerificationError):
            self.connect(self.trusting(), "other.example")
        old = self.trusting()
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
        old.set_ciphers("DEFAULT@SECLEVEL=0")
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            self.connect(old)

    def test_the_official_client(self):
        url = f"https://127.0.0.1:{self.server.port}/v1"
        body = {"model": "tiny", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 20, "seed": 3}
        with httpx.Client(verify=self.trusting()) as http:
            with openai.OpenAI(base_url=url, api_key=KEY, max_retries=0, http_client=http) as client:
                whole = client.chat.completions.create(**body).choices[0].message.content
                chunks = client.chat.completions.create(**body, stream=True)
                self.assertEqual("".join(c.choices[0].delta.content or "" for c in chunks), whole)
        with openai.OpenAI(base_url=url, api_key=KEY, max_retries=0) as client:
            with self.assertRaises(openai.APIConnectionError):
                client.models.list()

    def test_what_is_no_tls_is_closed(self):
        for data in (b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\x00" * 1000, b"\x16\x03\x01\xff\xff" + b"a" * 70_000,
                     b"\x16"):
            with socket.create_connection(("127.0.0.1", self.server.port), timeout=20) as peer:
                started = time.monotonic()
                answer = b""
                try:
                    peer.sendall(data)
                    while piece := peer.recv(4096):
                        answer += piece
                except ConnectionError:
                    pass  # closed before all of it was read
                self.assertNotIn(b"HTTP/", answer)
                self.assertLess(time.monotonic() - started, 15)
        with self.connect(self.trusting()) as peer:
            self.assertIn(b"200 OK", self.get(peer, "/health"))

    def test_a_handshake_that_stalls_holds_up_nobody(self):
        before = self.server.resident()["fds"]
        stalled = [socket.create_connection(("127.0.0.1", self.server.port), timeout=20) for _ in range(50)]
        with self.connect(self.trusting()) as peer:
            self.assertIn(b"200 OK", self.get(peer, "/health"))
        for peer in stalled:
            self.assertEqual(peer.recv(1), b"")  # after --header-seconds
            peer.close()
        self.assertTrue(serving.eventually(lambda: self.server.resident()["fds"] <= before))


if __name__ == "__main__":
    serving.main()
