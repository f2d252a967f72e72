"""What the tests of the command line share: running the binary, a store of their own, test data."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("ONDOL_BINARY", str(ROOT / "build/release/bin/ondol"))
DATA = pathlib.Path(os.environ.get("ONDOL_TEST_DATA", str(ROOT / ".cache/test-data")))
SMOLLM2 = DATA / "smollm2.gguf"

# Exit codes of the table in `ondol --help`.
USAGE, BROKEN_FILE, UNSUPPORTED, NOT_FOUND, IO, NETWORK, _, LIMIT = range(2, 10)


class CliTest(unittest.TestCase):
    """Each test has an empty store of its own and no settings of the user's."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="ondol-cli-")
        self.addCleanup(folder.cleanup)
        self.tmp = pathlib.Path(folder.name)
        self.home = self.tmp / "home"
        self.env = {k: v for k, v in os.environ.items()
                    if not k.startswith(("ONDOL_", "HF_", "XDG_")) and not k.lower().endswith("_proxy")}
        self.env.update(ONDOL_HOME=str(self.home), HOME=str(self.tmp), LC_ALL="C.UTF-8",
                        ONDOL_WEIGHT_CACHE="off",  # each test would write its own
                        ONDOL_THREADS="1")  # suites run beside each other, and threads that wait for a core spin

    def run_ondol(self, *arguments, stdin="", env=None, timeout=120):
        return subprocess.run([BINARY, *map(str, arguments)], input=stdin, env={**self.env, **(env or {})},
                              capture_output=True, timeout=timeout, encoding="utf-8")

    def ok(self, *arguments, **more):
        done = self.run_ondol(*arguments, **more)
        self.assertEqual(done.returncode, 0, f"{arguments}: {done.stderr}")
        return done.stdout

    def ok_json(self, *arguments, **more):
        return json.loads(self.ok(*arguments, "--json", **more))

    def refused(self, code, *arguments, says="", **more):
        """The command fails with this exit code and one line on stderr."""
        done = self.run_ondol(*arguments, **more)
        self.assertEqual(done.returncode, code, f"{arguments}: {done.stdout}{done.stderr}")
        self.assertTrue(done.stderr.startswith("ondol: "), done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertIn(says, done.stderr)
        return done


def need_test_data():
    if not SMOLLM2.exists():
        sys.exit(f"{SMOLLM2} is missing: run ./dev test, which fetches it")


def main():
    need_test_data()
    unittest.main(verbosity=1)
