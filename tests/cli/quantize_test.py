#!/usr/bin/env python3
"""quantize, imatrix, and perplexity's comparison with a reference."""
import json
import resource
import signal
import struct
import subprocess
import unittest

import cli
from cli import BROKEN_FILE, IO, NOT_FOUND, ROOT, SMOLLM2, UNSUPPORTED, USAGE

SHORT = "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness."
PROSE = ("It was the best of times, it was the worst of times, it was the age of wisdom, it was the "
         "age of foolishness, it was the epoch of belief, it was the epoch of incredulity. ")


def write_small(path):
    """A GGUF file with one matrix of 2 x 32, which no family can run."""
    string = lambda text: struct.pack("<Q", len(text)) + text.encode()
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, 1)
    head += string("general.architecture") + struct.pack("<I", 8) + string("llama")
    head += string("blk.0.attn_q.weight") + struct.pack("<IQQIQ", 2, 32, 2, 0, 0)
    path.write_bytes(head.ljust((len(head) + 31) // 32 * 32, b"\0") + struct.pack("<64f", *range(64)))


class Quantize(cli.CliTest):
    def setUp(self):
        super().setUp()
        self.text = self.tmp / "prose.txt"
        self.text.write_text(PROSE * 2)
        self.out = self.tmp / "out" / "model.gguf"
        self.out.parent.mkdir()
        self.small = self.tmp / "small.gguf"
        write_small(self.small)

    def dtypes(self, path):
        return {name: entry["tensors"] for name, entry in self.ok_json("inspect", path)["dtypes"].items()}

    def test_types_fallbacks_and_quality(self):
        f16 = self.tmp / "f16.gguf"
        made = self.ok_json("quantize", SMOLLM2, f16, "--type", "f16")
        self.assertEqual(made["n_requantized"], 0)
        self.assertEqual(self.dtypes(f16), {"f16": 211, "f32": 61})

        imatrix = self.tmp / "imatrix.gguf"
        seen = self.ok_json("imatrix", "-m", f16, "-f", self.text, "-o", imatrix, "--window", 64)
        self.assertEqual(seen["n_entries"], 211)

        logits = self.tmp / "f16.npy"
        self.ok("perplexity", "-m", f16, "-f", self.text, "--save-logits", logits)
        divergence = {}
        for name, arguments in [("q8_0", []), ("q4_k_m", []), ("q4_0", []), ("q4_0i", ["--imatrix", imatrix])]:
            made = self.ok_json("quantize", f16, self.out, "--type", name.removesuffix("i"), "--force", *arguments)
            self.assertEqual(made["n_without_importances"], 0)
            if name == "q4_k_m":  # rows of 576 and 1536
                self.assertEqual(self.dtypes(self.out), {"f32": 61, "q4_k": 16, "q5_0": 166, "q6_k": 14, "q8_0": 15})
                self.assertEqual({(f["wanted"], f["taken"], f["row"]): f["tensors"] for f in made["fallbacks"]},
                                 {("q4_k", "q5_0", 576): 166, ("q6_k", "q8_0", 576): 15})
            score = self.ok_json("perplexity", "-m", self.out, "-f", self.text, "--kl-reference", logits)
            divergence[name] = score["kl"]["mean"]
        self.assertLess(divergence["q8_0"], 0.01)
        self.assertLess(divergence["q8_0"], divergence["q4_k_m"])
        self.assertLess(divergence["q4_k_m"], divergence["q4_0"])
        self.assertLess(divergence["q4_0i"], divergence["q4_0"])  # importances of the very text

    def test_small(self):
        made = self.ok_json("quantize", self.small, self.out, "--type", "q8_0")
        self.assertEqual((made["bytes_before"], made["bytes_after"], made["bits_per_weight"]), (256, 68, 8.5))
        self.assertEqual(struct.unpack("<b", self.out.read_bytes()[-29:-28])[0], 127)  # 63, the largest; then padding
        self.assertIn("q5_0 instead of q4_k", self.ok("quantize", self.small, self.out, "--type", "q4_k", "--force"))

    def test_the_text_side_stays(self):
        self.ok("quantize", SMOLLM2, self.out, "--type", "q8_0")
        for path in [SMOLLM2, self.out]:
            self.assertEqual(json.loads(self.ok("tokenize", "-m", path, "-p", "Hello world", "--json")),
                             {"ids": [19556, 905]})
        self.assertTrue(self.ok_json("inspect", self.out)["chat_template"])

    def test_refused(self):
        self.refused(USAGE, "quantize", SMOLLM2, self.out, "--type", "q9_9", says="--type")
        self.refused(USAGE, "quantize", SMOLLM2, self.out)
        self.refused(USAGE, "quantize", self.small, self.small, "--type", "q8_0", "--force", says="is the model that is read")
        self.refused(NOT_FOUND, "quantize", "/no/such.gguf", self.out, "--type", "q8_0")
        self.refused(IO, "quantize", self.small, "/no/such/folder/out.gguf", "--type", "q8_0")
        self.refused(UNSUPPORTED, "quantize", ROOT / "tests/golden/models/qwen3_tied", self.out, "--type", "q8_0",
                     says="--dtype")
        broken = self.tmp / "broken.gguf"
        broken.write_bytes(SMOLLM2.read_bytes()[:1 << 16])
        self.refused(BROKEN_FILE, "quantize", broken, self.out, "--type", "q8_0")
        self.out.write_text("mine")
        done = self.refused(USAGE, "quantize", self.small, self.out, "--type", "q8_0", "--json", says="--force")
        self.assertEqual(json.loads(done.stdout)["error"]["code"], "invalid_argument")
        self.assertEqual(self.out.read_text(), "mine")
        self.assertEqual(list(self.out.parent.iterdir()), [self.out])

    def test_a_full_disk_leaves_nothing(self):
        self.out.write_text("mine")
        limit = lambda: (resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20)),
                         signal.signal(signal.SIGXFSZ, signal.SIG_IGN))
        done = subprocess.run([cli.BINARY, "quantize", SMOLLM2, self.out, "--type", "q8_0", "--force"], env=self.env,
                              capture_output=True, encoding="utf-8", preexec_fn=limit, restore_signals=False)
        self.assertEqual(done.returncode, IO, done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1)
        self.assertEqual(self.out.read_text(), "mine")
        self.assertEqual(list(self.out.parent.iterdir()), [self.out])

    def test_wrong_importances(self):
        self.refused(BROKEN_FILE, "quantize", self.small, self.out, "--type", "q8_0", "--imatrix", self.small,
                     says="no importance matrix")
        self.refused(NOT_FOUND, "quantize", self.small, self.out, "--type", "q8_0", "--imatrix", "/no/such")
        imatrix = self.tmp / "imatrix.gguf"
        self.ok("imatrix", "-m", SMOLLM2, "-f", self.text, "-o", imatrix, "--tokens", 8)
        self.refused(USAGE, "quantize", self.small, self.out, "--type", "q4_0", "--imatrix", imatrix, says="another model")
        self.assertFalse(self.out.exists())

    def test_imatrix_refused(self):
        self.refused(USAGE, "imatrix", "-m", SMOLLM2, "-f", "-", "-o", self.out, stdin="", says="no tokens")
        self.refused(IO, "imatrix", "-m", SMOLLM2, "-f", self.text, "-o", "/no/such/folder/im", "--tokens", 8)
        self.refused(NOT_FOUND, "imatrix", "-m", SMOLLM2, "-f", "/no/such.txt", "-o", self.out)


class Reference(cli.CliTest):
    def score(self, *arguments):
        return self.ok_json("perplexity", "-m", SMOLLM2, "-f", "-", "--window", 32, *arguments, stdin=SHORT)

    def test_file_and_model_agree(self):
        logits = self.tmp / "logits.npy"
        plain = self.score("--save-logits", logits)
        self.assertNotIn("kl", plain)
        same = self.score("--kl-reference", logits)
        self.assertEqual(same["kl"], {"mean": 0, "mean_stderr": 0, "max": 0, "same_top": 1})
        self.assertEqual(same["perplexity"], plain["perplexity"])
        # On the reference device, by both ways.
        self.score("--device", "reference", "--kv-dtype", "f32", "--save-logits", logits)
        saved, beside = self.score("--kl-reference", logits), self.score("--kl-reference", SMOLLM2)
        self.assertEqual(saved, beside)
        self.assertGreater(saved["kl"]["mean"], 0)
        self.assertGreaterEqual(saved["kl"]["max"], saved["kl"]["mean"])
        self.assertLess(saved["kl"]["mean"], 0.01)
        self.assertGreater(saved["kl"]["same_top"], 0.9)

    def test_refused(self):
        logits = self.tmp / "logits.npy"
        self.score("--save-logits", logits)
        arguments = ["perplexity", "-m", SMOLLM2, "-f", "-", "--window", 32]
        self.refused(USAGE, *arguments, "--tokens", 20, "--kl-reference", logits, stdin=SHORT, says="another text")
        logits.write_bytes(logits.read_bytes()[:-1])
        self.refused(BROKEN_FILE, *arguments, "--kl-reference", logits, stdin=SHORT, says="file's size")
        self.refused(NOT_FOUND, *arguments, "--kl-reference", self.tmp / "none.npy", stdin=SHORT)
        self.refused(NOT_FOUND, *arguments, "--kl-reference", "no-such-model", stdin=SHORT)
        self.refused(IO, *arguments, "--save-logits", "/no/such/folder/x.npy", stdin=SHORT)


if __name__ == "__main__":
    cli.main()
