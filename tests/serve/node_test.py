#!/usr/bin/env python3
"""The official JavaScript client against the real server: starts one and runs node/suite.mjs. `./dev test` installs
Node and the client; without them this says so and ends with 77, which is no failure."""
import os
import pathlib
import shutil
import subprocess
import sys

import serving

SUITE = pathlib.Path(__file__).parent / "node/suite.mjs"
MODULES = serving.ROOT / ".cache/node"
SKIPPED = 77


def main():
    node = shutil.which("node")
    if node is None:
        print("skipped: node is not installed; ./dev test installs it")
        return SKIPPED
    if not (MODULES / "node_modules/openai").exists():
        sys.exit(f"{MODULES} is missing: run ./dev test, which fills it")
    server = serving.Server()
    try:
        env = {**os.environ, "ONDOL_URL": server.url, "ONDOL_MODEL": serving.MODEL, "ONDOL_NODE_MODULES": str(MODULES),
               "no_proxy": "127.0.0.1"}
        failed = subprocess.run([node, SUITE], env=env, timeout=200).returncode
        left = serving.eventually(lambda: server.metric("vllm:num_requests_running") == 0)
    finally:
        code = server.stop()
    if not left:
        print("a stream that was left is still computed")
    return int(bool(failed) or not left or code != 0)


if __name__ == "__main__":
    sys.exit(main())
