#!/usr/bin/env python3
"""Perplexity of cpu/ on real prose, against the reference device with f32 weights.

The reference takes minutes, so its numbers stand here. Made by
    ondol perplexity -m .cache/test-data/smollm2.gguf -f .cache/test-data/moby-dick.txt \
        --tokens N --stride 511 --device reference --kv-dtype f32 --json
ONDOL_TOKENS=20000 checks the long one, 500 is for sanitizer builds.
"""
import os
import sys
import unittest

import cli
from cli import DATA, SMOLLM2

REFERENCE = {500: 63.7728589830246, 1000: 64.5038032261702, 4000: 50.26609756441675, 20000: 46.11297057982626}
PROSE = DATA / "moby-dick.txt"


class Perplexity(cli.CliTest):
    def test_within_half_a_percent_of_the_reference(self):
        n_tokens = int(os.environ.get("ONDOL_TOKENS", "1000"))
        result = self.ok_json("perplexity", "-m", SMOLLM2, "-f", PROSE, "--tokens", n_tokens, "--stride", 511,
                              timeout=280)
        self.assertEqual(result["n_scored"], n_tokens - 1)
        ratio = result["perplexity"] / REFERENCE[n_tokens]
        self.assertLess(abs(ratio - 1), 0.005, f"{result['perplexity']} against {REFERENCE[n_tokens]}")


if __name__ == "__main__":
    if not PROSE.exists():
        sys.exit(f"{PROSE} is missing: run ./dev test, which fetches it")
    cli.main()
