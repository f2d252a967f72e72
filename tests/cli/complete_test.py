#!/usr/bin/env python3
"""`ondol complete`: text, JSON, sampling, stopping, and what it refuses."""
import signal
import subprocess
import time
import unittest

import cli
from cli import LIMIT, NOT_FOUND, SMOLLM2, UNSUPPORTED, USAGE

PROMPT = "The capital of France is"


class Complete(cli.CliTest):
    def complete(self, *arguments, prompt=PROMPT, **more):
        return self.ok_json("complete", "-m", SMOLLM2, "-p", prompt, *arguments, **more)

    def test_greedy(self):
        out = self.complete("-n", 12, "--temp", 0)
        self.assertIn("Paris", out["text"])
        self.assertEqual(len(out["ids"]), 12)
        self.assertEqual(out["finish_reason"], "length")
        self.assertEqual(set(out), {"text", "ids", "prompt_ids", "finish_reason", "seed", "timings"})
        self.assertEqual(out["timings"]["n_prompt"], len(out["prompt_ids"]))
        self.assertEqual(out["timings"]["n_decoded"], 12)
        # Without --json the same text is streamed; from a file and standard input too.
        text = self.ok("complete", "-m", SMOLLM2, "-p", PROMPT, "-n", 12, "--temp", 0)
        self.assertEqual(text.rstrip("\n"), out["text"].rstrip("\n"))
        path = self.tmp / "prompt"
        path.write_text(PROMPT)
        for more in [{"stdin": PROMPT}, {}]:
            source = [] if more else ["-f", path]
            again = self.ok_json("complete", "-m", SMOLLM2, "-n", 12, "--temp", 0, *source, **more)
            self.assertEqual(again["ids"], out["ids"])
        # One thread or two: the same tokens.
        self.assertEqual(self.complete("-n", 12, "--temp", 0, "--threads", 2)["ids"], out["ids"])
        # A shorter answer is the beginning of a longer one.
        self.assertEqual(self.complete("-n", 6, "--temp", 0)["ids"], out["ids"][:6])

    def test_ids_are_the_text(self):
        out = self.complete("-n", 20, "--seed", 3)
        again = self.ok_json("tokenize", "-m", SMOLLM2, "-p", PROMPT)["ids"]
        self.assertEqual(out["prompt_ids"], again)

    def test_seed(self):
        options = ["-n", 16, "--temp", 1.2, "--top-k", 40, "--top-p", 0.95, "--min-p", 0.01,
                   "--typical", 0.98, "--repeat-penalty", 1.1, "--frequency-penalty", 0.1,
                   "--presence-penalty", 0.1]
        texts = [self.complete(*options, "--seed", seed) for seed in (7, 7, 8)]
        self.assertEqual(texts[0]["text"], texts[1]["text"])
        self.assertEqual(texts[0]["seed"], 7)
        self.assertNotEqual(texts[0]["text"], texts[2]["text"])
        drawn = self.complete("-n", 4, "--temp", 1)
        self.assertEqual(self.complete("-n", 4, "--temp", 1, "--seed", drawn["seed"])["ids"], drawn["ids"])

    def test_stop_strings(self):
        whole = self.complete("-n", 24, "--temp", 0)["text"]
        stop = whole[9:14]  # across token borders
        out = self.complete("-n", 24, "--temp", 0, "--stop", stop, "--stop", "never seen")
        self.assertEqual(out["finish_reason"], "stop")
        self.assertEqual(out["text"], whole[:whole.index(stop)])
        text = self.ok("complete", "-m", SMOLLM2, "-p", PROMPT, "-n", 24, "--temp", 0, "--stop", stop)
        self.assertEqual(text.rstrip("\n"), out["text"].rstrip("\n"))

    def test_end_token(self):
        prompt = "<|im_start|>user\nSay yes.<|im_end|>\n<|im_start|>assistant\n"
        out = self.complete("-n", 100, "--temp", 0, prompt=prompt)
        self.assertEqual(out["finish_reason"], "stop")
        self.assertNotIn("<|im_end|>", out["text"])
        longer = self.complete("-n", 100, "--temp", 0, "--ignore-eos", prompt=prompt)
        self.assertEqual(longer["finish_reason"], "length")

    def test_logit_bias(self):
        paris = self.ok_json("tokenize", "-m", SMOLLM2, "-p", " Paris")["ids"][0]
        out = self.complete("-n", 8, "--temp", 0, "--logit-bias", f"{paris}=-100")
        self.assertNotIn(paris, out["ids"])
        out = self.complete("-n", 3, "--temp", 0, "--logit-bias", f"{paris}=100")
        self.assertEqual(out["ids"], [paris] * 3)

    def test_context_end(self):
        out = self.complete("-n", 100, "--temp", 0, "--ctx", 16, "--ignore-eos")
        self.assertEqual(out["finish_reason"], "length")
        self.assertEqual(len(out["ids"]) + len(out["prompt_ids"]), 16)
        self.refused(LIMIT, "complete", "-m", SMOLLM2, "-p", PROMPT * 10, "--ctx", 16, says="limit 16")

    def test_zero_tokens(self):
        out = self.complete("-n", 0)
        self.assertEqual((out["text"], out["ids"], out["finish_reason"]), ("", [], "length"))

    def test_refusals(self):
        base = ["complete", "-m", SMOLLM2, "-p", "x"]
        self.refused(USAGE, *base, "--logit-bias", "5", says="ID=BIAS")
        self.refused(USAGE, *base, "--logit-bias", "5=nan", says="ID=BIAS")
        self.refused(USAGE, *base, "--logit-bias", "99999999=1", says="vocabulary")
        self.refused(USAGE, *base, "--stop", "", says="stop")
        self.refused(UNSUPPORTED, *base, "--isa", "quantum", says="isa")
        self.refused(USAGE, *base, "--ctx", 8193, says="8192")
        self.refused(USAGE, "complete", "-m", SMOLLM2, stdin="", says="empty")
        self.refused(NOT_FOUND, "complete", "-m", "no-such-model", "-p", "x", says="smollm2")

    def test_interrupt(self):
        process = subprocess.Popen([cli.BINARY, "complete", "-m", SMOLLM2, "-p", PROMPT, "-n", "4000",
                                    "--ignore-eos", "--temp", "0"], env=self.env,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertTrue(process.stdout.read(10))
        process.send_signal(signal.SIGINT)
        start = time.monotonic()
        _, stderr = process.communicate(timeout=30)
        self.assertEqual(process.returncode, 130)
        self.assertEqual(stderr, b"ondol: complete: interrupted\n")
        self.assertLess(time.monotonic() - start, 5)


if __name__ == "__main__":
    cli.main()
