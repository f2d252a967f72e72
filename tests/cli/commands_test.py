#!/usr/bin/env python3
"""Help, usage errors, and the commands that write no text: inspect, tokenize, logits, perplexity."""
import json
import re
import shutil
import struct
import subprocess
import unittest

import cli
from cli import BROKEN_FILE, DATA, IO, NOT_FOUND, ROOT, SMOLLM2, UNSUPPORTED, USAGE

COMMANDS = ["chat", "complete", "pull", "list", "rm", "inspect", "tokenize", "logits", "perplexity",
            "quantize", "imatrix", "bench", "serve", "certs", "completion"]
PROSE = ("It was the best of times, it was the worst of times, it was the age of wisdom, it was the "
         "age of foolishness, it was the epoch of belief, it was the epoch of incredulity. ")


def golden_tokens(n_tokens, n_vocab):
    """As tests/golden/models/generate.py makes them."""
    state, out = 12345, []
    for _ in range(n_tokens):
        state = (state * 1103515245 + 12345) % 2**31
        out.append((state >> 8) % n_vocab)
    return out


class Usage(cli.CliTest):
    def test_help_has_examples_and_exit_codes(self):
        text = self.ok("--help")
        self.assertIn("Exit codes", text)
        for command in COMMANDS:
            self.assertRegex(text, rf"\n  {command} ")
            help_text = self.ok(command, "--help")
            self.assertIn("Examples:", help_text)
            self.assertIn(f"ondol {command}", help_text)

    def test_version_is_the_projects(self):
        version = re.search(r"VERSION ([0-9.]+)", (ROOT / "CMakeLists.txt").read_text().split("project(")[1])
        self.assertEqual(self.ok("--version"), f"ondol {version[1]}\n")

    def test_wrong_usage(self):
        for arguments in [[], ["nonsense"], ["complete"], ["complete", "-m", "x", "--top-p", "3", "-p", "a"],
                          ["complete", "-m", "x", "--temp", "-1", "-p", "a"], ["bench", "-m"],
                          ["complete", "-m", "x", "-n", "-5", "-p", "a"], ["list", "--wrong"],
                          ["logits", "-m", "x", "--tokens", "1,-2", "--out", "f"],
                          ["logits", "-m", "x", "--tokens", "1,b", "--out", "f"],
                          ["inspect", "x", "--dtype", "q3_k"], ["completion", "tcsh"],
                          ["chat", "--threads", "100000"], ["complete", "-m", "x", "-p", "a", "-f", "b"],
                          ["complete", "-m", "x", "-p", "a", "--ctx", "99999999999999999999"]]:
            with self.subTest(arguments):
                self.refused(USAGE, *arguments)
        self.refused(USAGE, "nonsense", says="no command 'nonsense'")
        self.refused(USAGE, "inspect", SMOLLM2, "--dtype", "q4_k", says="nothing to quantize")

    def test_errors_are_json_too(self):
        done = self.refused(NOT_FOUND, "inspect", "/no/such/model.gguf", "--json")
        error = json.loads(done.stdout)["error"]
        self.assertEqual(error["code"], "not_found")
        self.assertIn("/no/such/model.gguf", error["message"])

    def test_closed_stdout(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([cli.BINARY, "list"], env=self.env, stdout=full, stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, IO)

    def test_completion_scripts(self):
        for shell in ["bash", "zsh", "fish"]:
            script = self.ok("completion", shell)
            for command in COMMANDS:
                self.assertIn(command, script)
            if shutil.which(shell):
                subprocess.run([shell, "-n"], input=script, encoding="utf-8", check=True)
        script = self.tmp / "completion"
        script.write_text(self.ok("completion", "bash") +
                          "COMP_WORDS=(ondol complete --repeat-p); COMP_CWORD=2; _ondol; echo ${COMPREPLY[@]}\n")
        done = subprocess.run(["bash", script], capture_output=True, encoding="utf-8")
        self.assertEqual(done.stdout, "--repeat-penalty\n")


class Inspect(cli.CliTest):
    def test_plan(self):
        out = self.ok_json("inspect", SMOLLM2)
        self.assertEqual((out["family"], out["n_layers"], out["d_model"], out["n_vocab"]),
                         ("llama", 30, 576, 49152))
        self.assertTrue(out["chat_template"])
        self.assertEqual(out["plan"]["kv_bytes_per_token"]["f16"], 30 * 2 * 3 * 64 * 2)
        self.assertEqual(out["plan"]["kv_bytes_per_token"]["f32"], 30 * 2 * 3 * 64 * 4)
        self.assertLessEqual(out["plan"]["context_that_fits"]["f16"], 8192)
        self.assertGreater(sum(d["bytes"] for d in out["dtypes"].values()), 90_000_000)
        self.assertNotIn("weights", out)

    def test_weights(self):
        weights = self.ok_json("inspect", SMOLLM2, "--weights")["weights"]
        self.assertEqual(len(weights), 272)
        embedding = next(w for w in weights if w["name"] == "token_embd.weight")
        self.assertEqual(embedding["shape"], [49152, 576])
        self.assertIn("token_embd.weight", self.ok("inspect", SMOLLM2, "--weights"))

    def test_text(self):
        text = self.ok("inspect", SMOLLM2)
        for part in ["trained context   8192 tokens", "gpt2, smollm", "chat template     yes", "q4_1"]:
            self.assertIn(part, text)

    def test_broken_files(self):
        data = SMOLLM2.read_bytes()[:1 << 16]
        broken = self.tmp / "broken.gguf"
        for content, code in [(b"", BROKEN_FILE), (b"GGUF", BROKEN_FILE), (data, BROKEN_FILE),
                              (b"nonsense" * 100, BROKEN_FILE),
                              (b"GGUF" + struct.pack("<IQQ", 3, 2**64 - 1, 2**64 - 1), BROKEN_FILE)]:
            broken.write_bytes(content)
            done = self.refused(code, "inspect", broken)
            self.assertIn("broken.gguf", done.stderr)
        self.refused(NOT_FOUND, "inspect", self.tmp / "nothing")
        self.refused(NOT_FOUND, "inspect", "smollm2", says="ondol pull smollm2")

    def test_unknown_architecture(self):
        folder = self.tmp / "model"
        shutil.copytree(ROOT / "tests/golden/format/hf", folder)
        config = json.loads((folder / "config.json").read_text())
        for name, code in [("UnheardOfForCausalLM", UNSUPPORTED), ("\x1b[31mRedForCausalLM", BROKEN_FILE)]:
            config["architectures"] = [name]
            (folder / "config.json").write_text(json.dumps(config))
            done = self.refused(code, "inspect", folder, says="architecture")
            self.assertNotIn("\x1b", done.stderr)


class Tokenize(cli.CliTest):
    def test_ids(self):
        ids = self.ok_json("tokenize", "-m", SMOLLM2, "-p", "Hello world")["ids"]
        self.assertEqual(ids, [19556, 905])
        self.assertEqual(self.ok_json("tokenize", "-m", SMOLLM2, stdin="Hello world")["ids"], ids)
        text = self.tmp / "text"
        text.write_text("Hello world")
        self.assertEqual(self.ok_json("tokenize", "-m", SMOLLM2, "--file", text)["ids"], ids)
        self.assertEqual(self.ok_json("tokenize", "-m", SMOLLM2, "-p", "")["ids"], [])
        listing = self.ok("tokenize", "-m", SMOLLM2, "-p", "Hello world").splitlines()
        self.assertEqual([line.split() for line in listing], [["19556", "Hello"], ["905", "Ġworld"]])

    def test_special_tokens(self):
        text = "<|im_start|>user"
        parsed = self.ok_json("tokenize", "-m", SMOLLM2, "-p", text)["ids"]
        plain = self.ok_json("tokenize", "-m", SMOLLM2, "-p", text, "--plain")["ids"]
        self.assertEqual(parsed[0], 1)
        self.assertGreater(len(plain), len(parsed))

    def test_directory_with_tokenizer_files_only(self):
        folder = DATA / "tokenizers/gemma3"
        self.assertEqual(sorted(p.name for p in folder.iterdir()), ["tokenizer.json", "tokenizer_config.json"])
        plain = self.ok_json("tokenize", "-m", folder, "-p", "Hello world")["ids"]
        special = self.ok_json("tokenize", "-m", folder, "-p", "Hello world", "--special")["ids"]
        self.assertEqual(special, [2] + plain)

    def test_bad_input(self):
        self.refused(NOT_FOUND, "tokenize", "-m", SMOLLM2, "--file", self.tmp / "none")
        empty = self.tmp / "empty"
        empty.mkdir()
        done = self.run_ondol("tokenize", "-m", empty, "-p", "x")
        self.assertIn(done.returncode, (BROKEN_FILE, NOT_FOUND))


class Numbers(cli.CliTest):
    def npy(self, path):
        data = path.read_bytes()
        self.assertEqual(data[:8], b"\x93NUMPY\x01\x00")
        length = struct.unpack("<H", data[8:10])[0]
        self.assertEqual((10 + length) % 64, 0)
        head = eval(data[10:10 + length])  # a Python literal by definition of the format
        self.assertEqual((head["descr"], head["fortran_order"]), ("<f4", False))
        count = head["shape"][0] * head["shape"][1]
        return head["shape"], struct.unpack(f"<{count}f", data[10 + length:])

    def test_logits_of_a_golden_model(self):
        # The tokens of tests/golden/models/generate.py; numbers by transformers.
        model = ROOT / "tests/golden/models/qwen3_tied"
        (n_tokens, n_vocab), expected = self.npy(model / "logits.npy")
        tokens = ",".join(str(t) for t in golden_tokens(n_tokens, n_vocab))
        largest = max(abs(v) for v in expected)
        for device, tolerance in [("reference", 1e-4), ("cpu", 1e-2)]:
            out = self.tmp / f"{device}.npy"
            told = self.ok_json("logits", "-m", model, "--tokens", tokens, "--out", out, "--device", device,
                                "--kv-dtype", "f32")
            shape, values = self.npy(out)
            self.assertEqual(list(shape), told["shape"])
            self.assertEqual(shape, (n_tokens, n_vocab))
            self.assertLess(max(abs(x - y) for x, y in zip(values, expected)), tolerance * largest)

    def test_devices_agree(self):
        paths = [self.tmp / "cpu.npy", self.tmp / "reference.npy"]
        tokens = "1,9690,198,2683"
        for path in paths:
            self.ok("logits", "-m", SMOLLM2, "--tokens", tokens, "--out", path, "--device", path.stem)
        (shape, ours), (_, reference) = map(self.npy, paths)
        self.assertEqual(shape, (4, 49152))
        for row in range(4):
            a = ours[row * 49152:(row + 1) * 49152]
            b = reference[row * 49152:(row + 1) * 49152]
            norm = sum(x * x for x in b) ** 0.5
            self.assertLess(sum((x - y) ** 2 for x, y in zip(a, b)) ** 0.5, 0.05 * norm)

    def test_bad_logits(self):
        out = self.tmp / "f.npy"
        self.refused(USAGE, "logits", "-m", SMOLLM2, "--tokens", "1,49152", "--out", out, says="49152")
        self.assertFalse(out.exists())
        self.refused(IO, "logits", "-m", SMOLLM2, "--tokens", "1", "--out", self.tmp / "no/such/f.npy")
        self.refused(USAGE, "logits", "-m", SMOLLM2, "--tokens", "1", "--out", out, "--ctx", 9000, says="--ctx")

    def test_perplexity(self):
        text = self.tmp / "text"
        text.write_text(PROSE * 3)
        out = self.ok_json("perplexity", "-m", SMOLLM2, "-f", text, "--window", 64)
        self.assertEqual(out["n_scored"], out["n_tokens"] - 1)
        self.assertEqual(out["stride"], 32)
        self.assertTrue(1 < out["perplexity"] < 100, out)
        # One window that holds all has the most context: no stride can beat it by much.
        whole = self.ok_json("perplexity", "-m", SMOLLM2, "-f", text, "--window", 512)
        self.assertEqual(whole["n_scored"], out["n_scored"])
        self.assertLess(whole["perplexity"], out["perplexity"])
        short = self.ok_json("perplexity", "-m", SMOLLM2, "-f", text, "--tokens", 10, "--window", 512)
        self.assertEqual(short["n_scored"], 9)
        self.assertRegex(self.ok("perplexity", "-m", SMOLLM2, "-f", text, "--tokens", 10), r"perplexity \d")

    def test_bad_perplexity(self):
        text = self.tmp / "text"
        text.write_text("one")
        self.refused(USAGE, "perplexity", "-m", SMOLLM2, "-f", text, says="too few")
        text.write_text(PROSE)
        self.refused(USAGE, "perplexity", "-m", SMOLLM2, "-f", text, "--window", 64, "--stride", 64)
        self.refused(NOT_FOUND, "perplexity", "-m", SMOLLM2, "-f", self.tmp / "none")


if __name__ == "__main__":
    cli.main()
