#!/usr/bin/env python3
"""What the client for browsers lives on: its files, its conversations through kill -9, and pairing a television."""
import gzip
import http.client
import json
import pathlib
import re
import signal
import socket
import sqlite3
import tempfile
import unittest
import uuid

import jsonschema

import serving

KEY = "a-key-for-tests"
BEARER = {"Authorization": "Bearer " + KEY}
CONVERSATIONS = "/v1/ondol/conversations"
PAIRINGS = "/v1/ondol/pairings"
# A byte is a byte: these go out as they stand.
TRICKS = ["/..", "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/assets/..%2f..%2findex.html", "/..%5c..%5cindex.html",
          "/\\..\\index.html", "/%2findex.html", "//index.html", "/index.html/", "/INDEX.HTML", "/index.html%20",
          "/%252e%252e/index.html", "/assets/", "/./index.html", "/tv/../index.html", "/index.html;x"]


class Files(serving.ServeTest):
    def fetch(self, path, headers=None, method="GET"):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        connection.request(method, path, headers=headers or {})
        reply = connection.getresponse()
        body = reply.read()
        connection.close()
        return reply.status, {k.lower(): v for k, v in reply.getheaders()}, body

    def raw_status(self, target):
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=30) as peer:
            peer.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            return int(peer.makefile("rb").readline().split()[1])

    def test_the_page(self):
        status, headers, page = self.fetch("/")
        self.assertEqual(status, 200)
        self.assertEqual(headers["content-type"], "text/html; charset=utf-8")
        self.assertEqual(headers["cache-control"], "no-cache")
        self.assertEqual(headers["x-content-type-options"], "nosniff")
        self.assertEqual(headers["referrer-policy"], "no-referrer")
        self.assertIn("default-src 'none'", headers["content-security-policy"])
        self.assertNotIn("unsafe", headers["content-security-policy"])
        self.assertIn("microphone=(self)", headers["permissions-policy"])
        self.assertIn(b"ondol", page)
        self.assertEqual(self.fetch("/index.html")[2], page)
        head = self.fetch("/", method="HEAD")
        self.assertEqual((head[1]["content-length"], head[2]), (str(len(page)), b""))

    def test_forms_and_conditions(self):
        _, plain, page = self.fetch("/")
        status, packed, body = self.fetch("/", {"Accept-Encoding": "br, gzip"})
        self.assertEqual((status, packed["content-encoding"]), (200, "gzip"))
        self.assertEqual(gzip.decompress(body), page)
        self.assertLess(len(body), len(page))
        self.assertNotEqual(plain["etag"], packed["etag"])
        status, headers, body = self.fetch("/", {"If-None-Match": plain["etag"]})
        self.assertEqual((status, headers["etag"], body), (304, plain["etag"], b""))
        self.assertEqual(self.fetch("/", {"If-None-Match": '"other", W/' + plain["etag"]})[0], 304)

    def test_what_the_page_names_is_there(self):
        page = self.fetch("/")[2].decode()
        named = re.findall(r'(?:src|href)="\.?(/[^"]+\.(?:js|css|webmanifest|svg|png|ico))"', page)
        self.assertTrue(named)
        for path in named:
            status, headers, _ = self.fetch(path)
            self.assertEqual(status, 200, path)
            immutable = "immutable" in headers["cache-control"]
            self.assertEqual(immutable, path.startswith("/assets/"), path)
            if path.endswith(".js"):
                self.assertEqual(headers["content-type"], "text/javascript; charset=utf-8")

    def test_path_tricks(self):
        for target in TRICKS:
            with self.subTest(target=target):
                self.assertEqual(self.raw_status(target), 404)
        for target in ("/index.html%00", "/%", "/%zz"):
            self.assertEqual(self.raw_status(target), 400, target)

    def test_televisions(self):
        agent = {"User-Agent": "Mozilla/5.0 (Web0S; Linux/SmartTV) AppleWebKit/537.36 Chrome/79.0"}
        has_tv = self.fetch("/tv/")[0] == 200
        status, headers, _ = self.fetch("/", agent)
        self.assertEqual(status, 302 if has_tv else 200)
        if has_tv:
            self.assertEqual(headers["location"], "/tv/")

    def test_without_keys_pairing_needs_none(self):
        started = self.server.post(PAIRINGS, {})[2]
        self.assertEqual(self.server.get(f"{PAIRINGS}/{started['poll_token']}")[2], {"status": "approved", "key": None})


class WithKey(serving.ServeTest):
    env = {"ONDOL_API_KEY": KEY}

    def test_the_page_is_public_and_nothing_else(self):
        self.assertEqual(self.server.get("/")[0], 200)
        for path in ("/index.htm", "/..", "/v1/models", "/client.sqlite", CONVERSATIONS):
            self.assert_error(self.server.get(path), 401)

    def validate(self, value, name):
        document = self.server.get("/openapi.json", headers=BEARER)[2]
        schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        jsonschema.Draft202012Validator(schema).validate(value)

    def test_a_television(self):
        started = self.server.post(PAIRINGS, {"name": "Living room"})[2]
        self.validate(started, "Pairing")
        poll = f"{PAIRINGS}/{started['poll_token']}"
        self.assertEqual(self.server.get(poll)[2], {"status": "pending"})
        self.assert_error(self.server.post(f"{PAIRINGS}/{started['code']}/approve", None), 401)
        typed = f"{started['code'][:3]}-{started['code'][3:]}".lower()
        status, _, approved = self.server.post(f"{PAIRINGS}/{typed}/approve", None, headers=BEARER)
        self.assertEqual((status, approved["device"]["name"]), (200, "Living room"))
        self.validate(approved, "PairingApproved")
        self.assertEqual(self.server.call("HEAD", poll)[0], 405)
        reply = self.server.get(poll)
        self.assertEqual(reply[1]["cache-control"], "no-store")
        self.validate(reply[2], "PairingState")
        tv = {"Authorization": "Bearer " + reply[2]["key"]}
        self.assert_error(self.server.get(poll), 404, code="pairing_not_found")
        # It can talk, and shares the conversations of its owner.
        body = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2}
        self.assertEqual(self.server.post("/v1/chat/completions", body, headers=tv)[0], 200)
        path = f"{CONVERSATIONS}/{uuid.uuid4()}"
        self.assertEqual(self.server.call("PUT", path, {"title": "On the TV"}, headers=tv)[0], 200)
        self.assertEqual(self.server.get(path, headers=BEARER)[2], {"title": "On the TV"})
        # Whoever has lost it shuts it out.
        devices = self.server.get("/v1/ondol/devices", headers=BEARER)[2]["data"]
        self.assertIn(approved["device"], devices)
        self.assertEqual(self.server.call("DELETE", f"/v1/ondol/devices/{approved['device']['id']}", headers=BEARER)[0], 200)
        self.assert_error(self.server.get("/v1/models", headers=tv), 401, code="invalid_api_key")
        # Neither key nor token is anywhere in the clear.
        secrets = (reply[2]["key"][6:], started["poll_token"], started["code"])
        self.assertTrue(serving.eventually(lambda: any("pairings" in line for line in self.server.lines)))
        for file in pathlib.Path(self.server.folder.name).rglob("client.sqlite*"):
            for secret in secrets:
                self.assertNotIn(secret.encode(), file.read_bytes(), file)
        for secret in secrets:
            self.assertNotIn(secret, "".join(self.server.lines))

    def test_hostile_values(self):
        path = f"{CONVERSATIONS}/{uuid.uuid4()}"
        for body in ("", "[]", "NaN", "{", '{"a":1,"a":1}', b'{"a":"\xff"}', '{"a":' * 100 + "1" + "}" * 100):
            self.assert_error(self.server.call("PUT", path, body, headers=BEARER), 400)
        large = json.dumps({"a": "x" * (4 << 20)})
        self.assert_error(self.server.call("PUT", path, large, headers=BEARER), 413, code="conversation_too_large")
        for bad in ("1", str(uuid.uuid4()).upper(), "..", "%27%20OR%201=1", "x" * 5000):
            self.assert_error(self.server.get(f"{CONVERSATIONS}/{bad}", headers=BEARER), 400, param="conversation_id")
        for query in ("limit=0", "limit=1e309", "limit=9223372036854775808", "limit=", "limit=null", "after=x", "order=asc"):
            self.assert_error(self.server.get(f"{CONVERSATIONS}?{query}", headers=BEARER), 400)
        for body in ({"name": "x" * 65}, {"name": 1}, {"other": 1}, []):
            self.assert_error(self.server.post(PAIRINGS, body), 400)


class Bounds(serving.ServeTest):
    env = {"ONDOL_API_KEY": KEY}

    def test_codes_and_guesses_are_few(self):
        statuses = [self.server.post(PAIRINGS, None)[0] for _ in range(8)]
        self.assertEqual(statuses, [200] * 6 + [429] * 2)
        self.assert_error(self.server.post(PAIRINGS, None), 429, code="rate_limit_exceeded")
        guess = lambda: self.server.post(f"{PAIRINGS}/AAAAAA/approve", None, headers=BEARER)
        self.assertEqual([guess()[0] for _ in range(5)], [404] * 5)
        self.assert_error(guess(), 429)


class Kept(unittest.TestCase):
    def test_kill_loses_nothing_acknowledged(self):
        with tempfile.TemporaryDirectory() as folder:
            store = pathlib.Path(folder, "kept/client.sqlite")
            acknowledged = {}
            for round_ in range(4):
                server = serving.Server("--client-store", store, env={"ONDOL_API_KEY": KEY})
                for path, text in acknowledged.items():
                    self.assertEqual(server.get(path, headers=BEARER)[2], text)
                for i in range(10):
                    path, text = f"{CONVERSATIONS}/{uuid.uuid4()}", {"title": f"{round_}.{i}", "x": "y" * 1000 * i}
                    self.assertEqual(server.call("PUT", path, text, headers=BEARER)[0], 200)
                    acknowledged[path] = text
                server.stop(signal.SIGKILL)
            with sqlite3.connect(store) as database:
                self.assertEqual(database.execute("PRAGMA integrity_check").fetchone(), ("ok",))
            self.assertEqual(store.stat().st_mode & 0o777, 0o600)

    def test_no_store_and_no_client(self):
        server = serving.Server("--no-store", "--no-client")
        try:
            reply = server.call("PUT", f"{CONVERSATIONS}/{uuid.uuid4()}", {})
            self.assertEqual((reply[0], reply[2]["error"]["code"]), (404, "nothing_is_kept"))
            self.assertEqual(server.get("/")[0], 404)
            self.assertEqual(server.get("/index.html")[0], 404)
            self.assertEqual(list(pathlib.Path(server.folder.name).rglob("client.sqlite")), [])
        finally:
            self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    serving.main()
