#!/usr/bin/env python3
"""`ondol certs`: what it makes, keeps and renews, read by OpenSSL and by Python's TLS."""
import datetime
import json
import pathlib
import ssl
import stat
import subprocess
import unittest

import cli
from cli import BROKEN_FILE, IO, USAGE


class Certs(cli.CliTest):
    def openssl(self, *arguments):
        return subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, check=True).stdout

    def test_makes_an_authority_and_a_certificate(self):
        out = self.ok_json("certs", "--name", "Living-Room.example", "--name", "192.0.2.7")
        self.assertEqual(pathlib.Path(out["ca"]).parent, self.home / "certs")
        self.assertTrue(out["ca_is_new"] and out["certificate_is_new"])
        for name in ["localhost", "127.0.0.1", "::1", "living-room.example", "192.0.2.7"]:
            self.assertIn(name, out["names"])
        for key in [out["key"], self.home / "certs/ca.key"]:
            self.assertEqual(stat.S_IMODE(pathlib.Path(key).stat().st_mode), 0o600)
        self.openssl("verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", "localhost",
                     "-CAfile", out["ca"], out["certificate"])
        text = self.openssl("x509", "-in", out["certificate"], "-noout", "-text")
        self.assertIn("DNS:living-room.example", text)
        self.assertIn("IP Address:192.0.2.7", text)
        self.assertIn("prime256v1", text)
        ca = self.openssl("x509", "-in", out["ca"], "-noout", "-text", "-fingerprint", "-sha256")
        self.assertIn("CA:TRUE, pathlen:0", ca)
        self.assertIn(out["ca_sha256"], ca)
        days = (datetime.date.fromisoformat(out["expires"]) - datetime.date.today()).days
        self.assertTrue(395 <= days <= 397, days)
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(out["certificate"], out["key"])

    def test_keeps_what_is_good(self):
        first = self.ok_json("certs")
        before = pathlib.Path(first["certificate"]).read_bytes()
        again = self.ok_json("certs")
        self.assertFalse(again["ca_is_new"] or again["certificate_is_new"])
        self.assertEqual(pathlib.Path(first["certificate"]).read_bytes(), before)
        more = self.ok_json("certs", "--name", "other.example")
        self.assertEqual((more["ca_is_new"], more["certificate_is_new"]), (False, True))
        self.assertEqual(more["ca_sha256"], first["ca_sha256"])

    def test_text_says_where_and_how(self):
        text = self.ok("certs")
        self.assertIn(str(self.home / "certs/ca.crt"), text)
        self.assertIn("Certificate Trust Settings", text)
        self.assertIn(self.ok_json("certs")["ca_sha256"], text)

    def test_refusals(self):
        for bad in ["a b", "*.example", "a,DNS:evil", ""]:
            with self.subTest(bad):
                self.refused(USAGE, "certs", "--name", bad)
        made = self.ok_json("certs")
        pathlib.Path(made["ca"]).write_text("broken")
        done = self.refused(BROKEN_FILE, "certs", "--json", says="ca.crt")
        self.assertEqual(json.loads(done.stdout)["error"]["code"], "invalid_file")
        (self.tmp / "file").write_text("")
        self.refused(IO, "certs", env={"ONDOL_HOME": str(self.tmp / "file")})


if __name__ == "__main__":
    unittest.main(verbosity=1)
