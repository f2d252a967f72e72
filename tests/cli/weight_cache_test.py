#!/usr/bin/env python3
"""Packed weights kept between starts: the second start uses them and says the same."""
import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import unittest

import cli
from cli import SMOLLM2, USAGE

PROMPT = "The capital of France is"


class WeightCache(cli.CliTest):
    def setUp(self):
        super().setUp()
        self.env.pop("ONDOL_WEIGHT_CACHE")
        self.model = self.tmp / "model.gguf"  # its own, to be changed
        self.model.symlink_to(pathlib.Path(SMOLLM2).resolve())

    def start(self, *arguments, env=None):
        """ids, and what the log says of the weights."""
        done = self.run_ondol("complete", "-m", self.model, "-p", PROMPT, "-n", 8, "--temp", 0, "--json",
                              *arguments, env={"ONDOL_LOG": "info", **(env or {})})
        self.assertEqual(done.returncode, 0, done.stderr)
        said = [line.rpartition("ms, weights ")[2] for line in done.stderr.splitlines() if "loaded in" in line]
        self.assertEqual(len(said), 1, done.stderr)
        return done.stdout.partition('"ids":')[2].partition("]")[0], said[0]

    def files(self):
        folder = self.home / "packed"
        return sorted(folder.glob("*.packed")) if folder.exists() else []

    def test_second_start_uses_the_file(self):
        first, said = self.start()
        self.assertEqual(said, "packed")
        self.assertEqual(len(self.files()), 1)
        written = self.files()[0].stat()
        for env in [{}, {"ONDOL_WEIGHT_CACHE": "verify"}]:
            second, said = self.start(env=env)
            self.assertEqual(said, "kept")
            self.assertEqual(second, first)
        self.assertEqual(self.files()[0].stat().st_ino, written.st_ino)
        listed = self.ok_json("list")["packed"]
        self.assertEqual(listed["n_files"], 1)
        self.assertEqual(listed["size_bytes"], written.st_size)
        self.assertIn("packed weights", self.ok("list"))

        self.assertEqual(self.ok_json("rm", "--packed", self.model)["freed_bytes"], written.st_size)
        self.assertEqual(self.files(), [])
        self.assertEqual(self.start()[1], "packed")
        self.assertEqual(self.ok_json("rm", "--packed")["freed_bytes"], written.st_size)
        self.refused(USAGE, "rm", says="model")

    def test_kept_weights_take_no_more_memory(self):
        """Rows of the checkpoint that are compared with the file do not stay in memory, nor what was read around them."""
        peaks = [self.peak() for _ in range(3)]
        self.assertLess(max(peaks[1:]), peaks[0] + 10_000_000)

    def peak(self):
        """Bytes that a start and a token take at most."""
        process = subprocess.Popen([cli.BINARY, "complete", "-m", str(self.model), "-p", PROMPT, "-n", "1"], env=self.env,
                                   stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(process.returncode, 0)
        return usage.ru_maxrss << 10

    def test_broken_files_are_made_again(self):
        first, _ = self.start()
        path = self.files()[0]
        whole = path.read_bytes()
        zeros = bytearray(whole)
        zeros[len(whole) // 2:] = bytes(len(whole) - len(whole) // 2)
        for broken in [b"", whole[:70], whole[:-1], b"x" + whole[1:], bytes(zeros)]:
            path.write_bytes(broken)
            again, said = self.start()
            self.assertEqual(again, first)
            self.assertTrue(said.startswith("packed, because "), said)
            self.assertEqual(self.files()[0].read_bytes(), whole)
        flipped = bytearray(whole)
        flipped[-1] ^= 1
        path.write_bytes(flipped)
        self.assertIn("checksum", self.start(env={"ONDOL_WEIGHT_CACHE": "verify"})[1])

    def test_a_replaced_model_is_packed_again(self):
        first, _ = self.start()
        self.model.unlink()
        shutil.copyfile(pathlib.Path(SMOLLM2).resolve(), self.model)
        again, said = self.start()
        self.assertEqual((again, said), (first, "packed"))

    def test_turned_off(self):
        for arguments, env in [(["--no-weight-cache"], {}), ([], {"ONDOL_WEIGHT_CACHE": "off"})]:
            self.assertEqual(self.start(*arguments, env=env)[1], "as they are")
            self.assertFalse((self.home / "packed").exists())
        self.assertEqual(self.start(env={"ONDOL_WEIGHT_CACHE_MAX": "1MB"})[1], "packed")
        self.assertEqual(self.files(), [])
        for name, value in [("ONDOL_WEIGHT_CACHE", "sometimes"), ("ONDOL_WEIGHT_CACHE_MAX", "much")]:
            self.refused(USAGE, "complete", "-m", self.model, "-p", "a", env={name: value}, says=name)

    def test_a_folder_that_cannot_be_written_is_no_error(self):
        self.home.mkdir()
        (self.home / "packed").write_text("in the way")
        first, said = self.start()
        self.assertTrue(said.startswith("packed"), said)
        self.assertEqual(self.start("--no-weight-cache")[0], first)

    def test_two_at_once(self):
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            answers = list(pool.map(lambda _: self.start()[0], range(3)))
        self.assertEqual(len(set(answers)), 1)
        self.assertEqual(self.start(env={"ONDOL_WEIGHT_CACHE": "verify"}), (answers[0], "kept"))
        self.assertEqual(sorted(os.listdir(self.home / "packed")), sorted([self.files()[0].name, "lock"]))


if __name__ == "__main__":
    cli.main()
