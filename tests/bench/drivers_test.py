#!/usr/bin/env python3
"""bench/peers and bench/plot.py with engines that only pretend: no model, no download."""
import argparse
import csv
import pathlib
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "bench"), str(ROOT / "bench/peers")]

import cases
import engines
import plot
import quality
import run
import table
from engines import CannotRun

LIMITS = {"int8_ops_per_s": 1000.0, "read_bytes_per_s": 100.0, "f32_ops_per_s": 10.0, "int8_product": "x"}
MACHINE = {"id": "a-machine", "cpu": "A CPU", "n_cores": 2, "isa": "scalar"}
CASE = cases.Case("case", "A model", "shape q4_0")


class Pretender:
    """Answers from a table of setting -> result; remembers when it was asked."""

    def __init__(self, name, answers, log):
        self.name, self.answers, self.log = name, answers, log

    def settings(self):
        return [setting for setting, _ in self.answers]

    def run(self, case, model, text, setting, options):
        self.log.append((self.name, *setting.values()))
        result = next(answer for known, answer in self.answers if known == setting)
        if isinstance(result, Exception):
            raise result
        return {key: list(value) if isinstance(value, list) else value for key, value in result.items()}


def options(**more):
    return argparse.Namespace(**{"rounds": 3, "repeat": 1, "threads": 2, "timeout": 10, "setting": [], **more})


class Rounds(unittest.TestCase):
    def setUp(self):
        self.log = []
        self.ondol = Pretender("ondol", [({}, {
            "prefill": [300.0], "decode": [50.0], "peak_rss_bytes": 10**8, "weight_bytes": 7 * 10**7, "kv_bytes": 10**6,
            "prefill_work": (2.0, 0.1), "decode_work": (2.0, 1.5), "limits": LIMITS})], self.log)
        self.peer = Pretender("peer", [({"fast": 0}, {"prefill": [100.0], "decode": [25.0], "peak_rss_bytes": 5}),
                                       ({"fast": 1}, {"prefill": [150.0], "decode": [20.0], "peak_rss_bytes": 9}),
                                       ({"fast": 2}, {"prefill": [90.0], "decode": [10.0], "peak_rss_bytes": 9})],
                              self.log)
        self.broken = Pretender("broken", [({}, CannotRun("no such type"))], self.log)
        self.everyone = [self.ondol, self.peer, self.broken]
        self.done = {"case": run.run_case(CASE, self.everyone, pathlib.Path("m"), {}, options())}

    def test_engines_take_turns_and_keep_their_best_settings(self):
        first = [("ondol",), ("peer", 0), ("peer", 1), ("peer", 2), ("broken",)]
        second = [("peer", 0), ("peer", 1), ("ondol",)]  # the third setting was best at nothing
        third = [("ondol",), ("peer", 0), ("peer", 1)]
        self.assertEqual(self.log, first + second + third)
        peer = self.done["case"]["peer"]
        self.assertEqual(peer.of("prefill"), ([150.0] * 3, {"fast": 1}))
        self.assertEqual(peer.of("decode"), ([25.0] * 3, {"fast": 0}))
        self.assertEqual(peer.of("first_token"), (None, None))

    def test_a_setting_is_a_name_and_a_value(self):
        self.assertEqual(run.setting("a=b=c"), ("a", "b=c"))
        for text in ("x", "=1", ""):
            with self.assertRaises(argparse.ArgumentTypeError):
                run.setting(text)

    def test_settings_can_be_left_out(self):
        del self.log[:]
        run.run_case(CASE, self.everyone, pathlib.Path("m"), {}, options(rounds=1, setting=[run.setting("fast=2")]))
        self.assertEqual(self.log, [("ondol",), ("peer", 2), ("broken",)])

    def test_a_case_can_follow_another(self):
        del self.log[:]
        deep = cases.Case("deep", "A model", "shape q4_0", depth=9, settings_like="case")
        run.run_case(deep, self.everyone[:2], pathlib.Path("m"), self.done, options())
        self.assertNotIn(("peer", 2), self.log)

    def test_table(self):
        text = table.markdown([CASE], self.done, {"ondol": "1", "peer": "2", "broken": "3"}, {"absent": "does not install"},
                              MACHINE, LIMITS, options())
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if "A model" in line]
        self.assertEqual(rows[0], ["A model, prefill 512", "300 (300-300)", "60% int8", "150 (150-150) fast=1", "**2.00**",
                                   "-", "-"])
        self.assertEqual(rows[1], ["A model, decode 128", "50.0 (50.0-50.0)", "75% read", "25.0 (25.0-25.0) fast=0",
                                   "**2.00**", "-", "-"])
        self.assertEqual(rows[2], ["A model", "100", "221", "0", "-"])
        self.assertIn("- broken, case: no such type", text)
        self.assertIn("- absent: does not install", text)

    def test_time_is_better_when_less(self):
        self.assertEqual(table.ratio("first_token", [100.0], [250.0]), 2.5)
        self.assertEqual(table.ratio("decode", [100.0], [250.0]), 0.4)

    def test_results_and_picture(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "new/results.csv"
            versions = {"ondol": "1", "peer": "2", "broken": "3"}
            for _ in range(2):
                run.append_csv(path, CASE, pathlib.Path("m.gguf"), self.done["case"], versions, MACHINE, LIMITS, options())
            with path.open() as file:
                rows = list(csv.DictReader(file))
            self.assertEqual([(r["engine"], r["test"], r["setting"]) for r in rows],
                             [("ondol 1", "prefill", ""), ("ondol 1", "decode", ""),
                              ("peer 2", "prefill", "fast=1"), ("peer 2", "decode", "fast=0")] * 2)
            self.assertEqual((rows[0]["share_int8"], rows[1]["share_read"], rows[2]["share_int8"]),
                             ("0.6000", "0.7500", ""))
            picture = plot.draw(path)
        xml.etree.ElementTree.fromstring(picture)
        self.assertEqual(picture.count(">peer<"), 2)  # one bar a panel: the latest
        self.assertIn("60% of int8 peak", picture)
        self.assertIn("75% of read bandwidth", picture)


class Quality(unittest.TestCase):
    def test_compare(self):
        import numpy
        ids = [0, 1, 1, 0]
        reference = numpy.log(numpy.array([[0.25, 0.75], [0.5, 0.5], [0.9, 0.1], [0.5, 0.5]]))
        same = quality.compare(reference, reference + 7, ids)  # softmax does not see what is added to all
        self.assertAlmostEqual(same["kl"], 0)
        self.assertEqual(same["same_top"], 1)
        self.assertAlmostEqual(same["perplexity"], (0.75 * 0.5 * 0.9) ** (-1 / 3))
        other = numpy.log(numpy.array([[0.25, 0.75], [0.5, 0.5], [0.4, 0.6], [0.5, 0.5]]))
        found = quality.compare(reference, other, ids)
        divergence = 0.9 * numpy.log(0.9 / 0.4) + 0.1 * numpy.log(0.1 / 0.6)
        self.assertAlmostEqual(found["kl"], divergence / 4)
        self.assertAlmostEqual(found["kl_max"], divergence)
        self.assertEqual(found["same_top"], 0.75)
        self.assertAlmostEqual(found["perplexity"], (0.75 * 0.5 * 0.4) ** (-1 / 3))
        text = quality.markdown({"ondol": same, "other": "shows no logits"})
        self.assertRegex(text, r"\| ondol \| 1\.436 \| [+-]0\.00% \|")
        self.assertIn("- other: shows no logits", text)


class Engines(unittest.TestCase):
    def test_reasons(self):
        def reason(code):
            with self.assertRaises(CannotRun) as raised:
                engines.run_json([sys.executable, "-c", code], 20)
            return str(raised.exception)

        self.assertEqual(reason("raise ValueError('type 99 is unsupported')"), "ValueError: type 99 is unsupported")
        self.assertEqual(reason("import os; os.abort()"), "killed by signal 6")
        self.assertIn("no result", reason("print('hello')"))
        with self.assertRaises(CannotRun):
            engines.run_json([sys.executable, "-c", "import time; time.sleep(9)"], 0.2)
        answer, wall = engines.run_json([sys.executable, "-c", "print('noise'); print('{\"a\": 1}')"], 20)
        self.assertEqual(answer, {"a": 1})
        self.assertGreater(wall, 0)

    def test_every_combination_of_settings(self):
        ik = next(peer for peer in engines.PEERS if peer.name == "ik_llama.cpp")
        self.assertEqual(len(engines.PeerEngine(ik, "python").settings()), 4)

    def test_an_interpreter_without_the_package_says_so(self):
        for peer in engines.PEERS:
            engine = engines.PeerEngine(peer, sys.executable)
            with self.assertRaises(CannotRun) as raised:
                engine.run(CASE, "none.gguf", "", engine.settings()[0], options())
            self.assertIn("No module named", str(raised.exception))

    def test_names(self):
        done = subprocess.run([sys.executable, ROOT / "bench/peers/run.py", "--list"], capture_output=True, text=True)
        self.assertIn("1b-depth-16384", done.stdout)
        names = [case.name for case in cases.CASES]
        self.assertEqual(run.chosen(names, "1B-Q*, 8b*"), ["1b-q4_0", "1b-q4_k_m", "1b-q8_0", "8b-q4_0"])
        for case in cases.CASES:
            self.assertIn(case.settings_like, ["", *names[:names.index(case.name)]])


if __name__ == "__main__":
    unittest.main()
