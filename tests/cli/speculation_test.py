#!/usr/bin/env python3
"""Speculation: the same text with it and without, what is reported, and what is refused."""
import shutil
import unittest

import cli
from cli import SMOLLM2, USAGE

REPEAT = "red, green, blue, white, red, green, blue, white, red, green, blue, white,"
STORY = "Once upon a time, in a small village by the sea,"


class Speculation(cli.CliTest):
    def complete(self, prompt, *arguments):
        return self.ok_json("complete", "-m", SMOLLM2, "-p", prompt, "-n", 32, *arguments)

    def test_same_text(self):
        n_accepted = 0
        for prompt in [REPEAT, STORY]:
            for sampling in [["--temp", 0], ["--temp", 0.8, "--seed", 5, "--repeat-penalty", 1.1]]:
                without = self.complete(prompt, *sampling, "--speculate", "off")
                self.assertEqual(without["timings"]["n_draft"], 0)
                for speculate in ["lookup", "auto"]:
                    out = self.complete(prompt, *sampling, "--speculate", speculate)
                    self.assertEqual(out["ids"], without["ids"])
                    self.assertEqual(out["text"], without["text"])
                    self.assertEqual(out["finish_reason"], without["finish_reason"])
                    timings = out["timings"]
                    self.assertTrue(0 <= timings["n_draft_accepted"] <= timings["n_draft"], timings)
                    n_accepted += timings["n_draft_accepted"]
        self.assertGreater(n_accepted, 10)

    def test_draft_model(self):
        """The model drafts for itself, which cannot pay: it is found out and changes nothing."""
        without = self.complete(STORY, "--temp", 0, "--speculate", "off")
        out = self.complete(STORY, "--temp", 0, "--draft-model", SMOLLM2)
        self.assertEqual(out["ids"], without["ids"])

    def test_bench(self):
        out = self.ok_json("bench", "speculation", "-m", SMOLLM2, "-n", 8, "--repeat", 1, "--speculate", "lookup")
        self.assertEqual([row["question"] for row in out["rows"]], ["repeat", "edit", "summarise", "story"])
        for row in out["rows"]:
            self.assertTrue(0 < row["n_tokens"] <= 8, row)
            self.assertGreaterEqual(row["n_draft"], row["n_draft_accepted"])
        self.assertGreater(out["ratio"], 0)
        self.refused(USAGE, "bench", "speculation", says="-m MODEL")
        self.refused(USAGE, "bench", "speculation", "-m", SMOLLM2, "--speculate", "off", says="off")

    def test_refusals(self):
        base = ["complete", "-m", SMOLLM2, "-p", "x", "-n", 1]
        self.refused(USAGE, *base, "--speculate", "often", says="--speculate")
        self.refused(USAGE, *base, "--speculate", "lookup", "--draft-model", SMOLLM2, says="--speculate auto")
        self.refused(USAGE, *base, "--speculate", "off", "--draft-model", SMOLLM2, says="--speculate auto")

    def test_draft_models_of_other_tokens(self):
        base = ["complete", "-m", SMOLLM2, "-p", "x", "-n", 1, "--draft-model"]
        tiny = cli.ROOT / "tests/golden/models/llama_grouped_untied_llama3"
        done = self.refused(USAGE, *base, tiny, says="49152 tokens")
        self.assertIn("vocabulary", done.stderr)
        # As many tokens, but two of them stand in each other's place.
        other = self.tmp / "other.gguf"
        shutil.copyfile(SMOLLM2, other)
        data = other.read_bytes()
        first, second = length_prefixed("hello"), length_prefixed("world")
        a, b = data.index(first), data.index(second)
        swapped = bytearray(data)
        swapped[a:a + len(first)], swapped[b:b + len(second)] = second, first
        other.write_bytes(swapped)
        done = self.refused(USAGE, *base, other, says="is another than the model's")
        self.assertIn("'hello'", done.stderr)
        self.assertIn("'world'", done.stderr)


def length_prefixed(text):
    """A string as GGUF writes it."""
    return len(text).to_bytes(8, "little") + text.encode()


if __name__ == "__main__":
    cli.main()
