"""The servers that are measured: how each is started, when it is ready, what memory it takes."""
import contextlib
import dataclasses
import pathlib
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request


class CannotRun(Exception):
    """Why a server is not there or did not start: one line."""


def free_port():
    with contextlib.closing(socket.socket()) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def rss_bytes(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS:")).split()[1]) * 1024


@dataclasses.dataclass
class Server:
    """name, and the command line that serves a model; {port} stands for the port."""
    name: str
    command: list
    ready_path: str
    process: subprocess.Popen = None
    port: int = 0

    def start(self, timeout_s=180):
        self.port = free_port()
        self.log = tempfile.TemporaryFile()
        command = [str(part).replace("{port}", str(self.port)) for part in self.command]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL)
        give_up = time.monotonic() + timeout_s
        while time.monotonic() < give_up and self.process.poll() is None:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{self.ready_path}", timeout=5) as reply:
                    if reply.status == 200:
                        return
            except (urllib.error.URLError, OSError):
                pass
            time.sleep(0.2)
        self.log.seek(0)
        said = self.log.read().decode("utf-8", "replace").strip().splitlines()
        self.stop()
        raise CannotRun(f"{self.name} did not start: {said[-1] if said else 'it said nothing'}")

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()

    def rss_bytes(self):
        return rss_bytes(self.process.pid)


def ondol(binary, model, options):
    command = [binary, "serve", "-m", model, "--host", "127.0.0.1", "--port", "{port}", "--threads", options.threads,
               "--ctx", options.context, "--max-sequences", options.slots,
               "--kv-tokens", options.context * options.slots]
    return Server("ondol", command, "/ready")


def llama_server(binary, model, options):
    """Its context is shared by the slots, hence the product."""
    command = [binary, "-m", model, "--host", "127.0.0.1", "--port", "{port}", "-t", options.threads, "-tb",
               options.threads, "-np", options.slots, "-c", options.context * options.slots, "--no-webui"]
    return Server("llama-server", command, "/health")
