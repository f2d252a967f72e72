#!/usr/bin/env python3
"""`ondol bench`: its rows, what they are a share of, and the file of results."""
import csv
import unittest

import cli
from cli import IO, NOT_FOUND, SMOLLM2, UNSUPPORTED, USAGE

# SmolLM2-135M: 30 layers, d_model 576, 9 heads of 64 over 3 of keys and values, d_ff 1536, 49152 tokens.
LAYER_WEIGHTS = 30 * (2 * 576 * 576 + 2 * 192 * 576 + 3 * 1536 * 576)
HEAD_WEIGHTS = 49152 * 576
KV_BYTES = 30 * 2 * 3 * 64 * 2


class Bench(cli.CliTest):
    def bench(self, *arguments):
        return self.ok_json("bench", "-m", SMOLLM2, "--threads", 1, "--repeat", 2, *arguments)

    def test_rows(self):
        out = self.bench("--prompt", 16, "--generate", 3, "--depth", 5, "--operations")
        self.assertEqual([(r["test"], r["n_tokens"], r["depth"], r["sequences"]) for r in out["rows"]],
                         [("prefill", 16, 5, 1), ("decode", 3, 5, 1)])
        for row in out["rows"]:
            self.check_speed(row, out["limits"])
            self.check_operations(row)
        self.check_counts(*out["rows"])
        self.assertGreater(out["peak_rss_bytes"], 50_000_000)
        self.assertEqual(out["kv_bytes_per_token"], KV_BYTES)
        self.assertTrue(60_000_000 < out["weight_bytes_per_token"] < 250_000_000, out)
        self.assertEqual(out["limits"]["n_threads"], 1)
        beside = out["beside_reading"]
        self.assertGreater(beside["turns"], 10)
        for spread in (beside["decode_bytes_per_s"], beside["read_bytes_per_s"], beside["share"]):
            self.assertTrue(0 < spread["min"] <= spread["median"] <= spread["max"], spread)
        self.assertLess(beside["share"]["median"], 2)  # weights of this size come out of caches in part

    def check_speed(self, row, limits):
        speed = row["tokens_per_s"]
        self.assertTrue(0 < speed["min"] <= speed["median"] <= speed["max"])
        seconds = row["n_tokens"] / speed["median"]
        ops = row["matmul_ops"] + row["attention_ops"]
        self.assertAlmostEqual(row["ops_per_s"] / (ops / seconds), 1, places=6)
        share = row["ops_per_s"] / limits["int8_ops_per_s"]
        self.assertAlmostEqual(row["share_of_int8_peak"], share, places=6)
        self.assertTrue(0 < share < 1.2, row)
        self.assertTrue(0 < row["share_of_read_bandwidth"] < 1.2, row)

    def check_operations(self, row):
        operations = row["operations"]
        self.assertEqual(sum(o["ops"] for o in operations), 2 * (row["matmul_ops"] + row["attention_ops"]))
        self.assertEqual(sum(o["bytes"] for o in operations), 2 * (row["weight_bytes"] + row["kv_bytes"]))
        total = sum(row["n_tokens"] / speed for speed in row["samples"])
        spent = sum(o["seconds"] for o in operations)
        self.assertTrue(0.5 * total < spent <= total, (spent, total))
        calls = {o["name"]: o["n_calls"] for o in operations}
        passes = 2 * (1 if row["test"] == "prefill" else row["n_tokens"])
        self.assertEqual(calls["attention"], 30 * passes)
        self.assertEqual(calls["embed"], passes)

    def check_counts(self, prefill, decode):
        # One row of logits for a prompt, one a decoded token.
        self.assertEqual(prefill["matmul_ops"], 2 * (16 * LAYER_WEIGHTS + HEAD_WEIGHTS))
        self.assertEqual(decode["matmul_ops"], 2 * 3 * (LAYER_WEIGHTS + HEAD_WEIGHTS))
        pairs = sum(5 + i + 1 for i in range(16))
        self.assertEqual(prefill["attention_ops"], 30 * 4 * 9 * 64 * pairs)
        self.assertEqual(prefill["kv_bytes"], 21 * KV_BYTES)
        self.assertEqual(decode["attention_ops"], 30 * 4 * 9 * 64 * (6 + 7 + 8))
        self.assertEqual(decode["kv_bytes"], (6 + 7 + 8) * KV_BYTES)
        self.assertEqual(decode["weight_bytes"], 3 * prefill["weight_bytes"])

    def test_depths_sequences_and_results_file(self):
        path = self.tmp / "results.csv"
        out = self.bench("--prompt", 0, "--generate", 2, "--depth", "7,0", "--sequences", 3, "--csv", path)
        rows = out["rows"]
        self.assertEqual([(r["test"], r["depth"], r["sequences"]) for r in rows],
                         [("decode", 0, 3), ("decode", 7, 3)])
        self.assertEqual(rows[0]["matmul_ops"], 3 * 2 * 2 * (LAYER_WEIGHTS + HEAD_WEIGHTS))
        self.assertEqual(rows[1]["kv_bytes"], 3 * (8 + 9) * KV_BYTES)
        self.assertNotIn("operations", rows[0])
        self.assertNotIn("beside_reading", out)

        text = self.ok("bench", "-m", SMOLLM2, "--prompt", 4, "--generate", 1, "--repeat", 1, "--depth", 7, "--operations",
                       "--csv", path)
        self.assertIn("prefill 4 at 7 ", text)
        self.assertIn("limits of", text)
        self.assertRegex(text, r"matmul q8_0 49152x576, 1 row +[0-9.]+ +[0-9.]+% ")
        self.assertIn("between them", text)
        self.assertRegex(text, r"decoding and reading memory in turn, [0-9]+ times: decode [0-9.]+ GB/s ")

        with path.open() as file:  # of both runs
            kept = list(csv.DictReader(file))
        self.assertEqual({row["machine"] for row in kept}, {out["machine"]["id"]})
        self.assertEqual({row["model"] for row in kept}, {out["model"]})
        self.assertEqual([(row["test"], row["depth"]) for row in kept],
                         [("decode", "0"), ("decode", "7"), ("prefill", "7"), ("decode", "7")])
        self.assertAlmostEqual(float(kept[1]["median"]), rows[1]["tokens_per_s"]["median"], delta=0.01)
        self.refused(IO, "bench", "-m", SMOLLM2, "--prompt", 4, "--generate", 0, "--repeat", 1,
                     "--csv", self.tmp / "no/such/file.csv")

    def test_limits(self):
        limits = self.ok_json("bench", "--limits")
        self.assertEqual([row["n_threads"] for row in limits["limits"]][:1], [1])
        for row in limits["limits"]:
            # Wide enough for any machine that can run the tests, and for sanitizers.
            self.assertTrue(1e7 < row["read_bytes_per_s"] < 1e13, row)
            self.assertTrue(1e7 < row["f32_ops_per_s"] < 1e14, row)
            self.assertTrue(1e7 < row["int8_ops_per_s"] < 1e15, row)
        self.assertRegex(limits["machine"]["id"], r"^[a-z0-9-]+$")
        self.assertRegex(self.ok("bench", "--limits", "--threads", 1, "--isa", "scalar"), r"scalar[^$]*1 thread")

    def test_kernels(self):
        out = self.ok_json("bench", "kernels", "smollm2-135m", "rows 1", "q4_0", "gate+up", "--threads", 1)
        self.assertEqual([k["name"] for k in out["kernels"]], ["smollm2-135m matmul q4_0 gate+up 3072x576 rows 1"])
        kernel = out["kernels"][0]
        self.assertEqual(kernel["ops"], 2 * 3072 * 576)
        self.assertTrue(0.9 < kernel["bytes"] / (3072 * 576 / 32 * 18) < 1.3, kernel)
        self.assertGreater(kernel["seconds"], 0)
        self.assertAlmostEqual(kernel["share_of_int8_peak"],
                               kernel["ops"] / kernel["seconds"] / out["limits"]["int8_ops_per_s"], places=6)
        out = self.ok_json("bench", "kernels", "smollm2-135m", "attention", "f16", "past 4096", "rows 1", "--threads", 1)
        self.assertEqual([(k["bytes"], k["ops"]) for k in out["kernels"]],
                         [(4097 * 2 * 3 * 64 * 2, 4097 * 4 * 9 * 64)])
        text = self.ok("bench", "kernels", "smollm2-135m", "rms_norm", "--threads", 1)
        self.assertEqual(len([line for line in text.splitlines() if "rms_norm 576" in line]), 2)
        self.refused(USAGE, "bench", "kernels", "no-such-kernel", says="no kernel")

    def test_bad_usage(self):
        self.refused(USAGE, "bench", says="-m MODEL")
        self.refused(USAGE, "bench", "-m", SMOLLM2, "--prompt", 0, "--generate", 0)
        self.refused(USAGE, "bench", "-m", SMOLLM2, "--prompt", 64, "--ctx", 32, says="--ctx")
        self.refused(USAGE, "bench", "-m", SMOLLM2, "--prompt", 9000, says="--ctx")
        self.refused(USAGE, "bench", "-m", SMOLLM2, "--depth", "0,-1")
        self.refused(USAGE, "bench", "-m", SMOLLM2, "--sequences", 0)
        self.refused(NOT_FOUND, "bench", "-m", self.tmp / "none.gguf")
        self.refused(UNSUPPORTED, "bench", "--limits", "--isa", "mmx")


if __name__ == "__main__":
    cli.main()
