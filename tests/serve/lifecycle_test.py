#!/usr/bin/env python3
"""Clients that leave, servers that stop, keys with limits, and what the log says."""
import hashlib
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time
import unittest

import serving

LONG = {"messages": [{"role": "user", "content": "Count to a thousand."}], "ignore_eos": True, "stream": True,
        "temperature": 0}


class Lifecycle(serving.ServeTest):
    def test_a_client_that_leaves_frees_its_pages(self):
        before = self.server.metric("vllm:request_success_total", finished_reason="abort")
        peer = self.server.open_stream("/v1/chat/completions", LONG)
        self.assertIn(b"200 OK", peer.recv(4096))
        self.assertTrue(serving.eventually(lambda: self.server.metric("vllm:num_requests_running") == 1))
        peer.close()
        start = time.monotonic()
        self.assertTrue(serving.eventually(lambda: self.server.metric("vllm:num_requests_running") == 0))
        self.assertLess(time.monotonic() - start, 2)  # milliseconds on a machine of one's own
        self.assertTrue(serving.eventually(lambda: self.server.metric("vllm:kv_cache_usage_perc") == 0))
        self.assertEqual(self.server.metric("vllm:request_success_total", finished_reason="abort"), before + 1)

    def test_the_log_has_no_text(self):
        body = {"messages": [{"role": "user", "content": "xyzzy-secret"}], "max_tokens": 2}
        status, headers, _ = self.server.post("/v1/chat/completions", body, headers={"x-request-id": "my-id.1"})
        self.assertEqual((status, headers["x-request-id"]), (200, "my-id.1"))
        mine = lambda kind: [r for r in self.server.records(kind) if r["request_id"] == "my-id.1"]
        self.assertTrue(serving.eventually(lambda: mine("request") and mine("generation")))
        self.assertEqual(mine("request")[0]["http.response.status_code"], 200)
        generation = mine("generation")[0]
        self.assertEqual(generation["gen_ai.request.model"], serving.MODEL)
        self.assertGreater(generation["gen_ai.usage.input_tokens"], 5)
        self.assertNotIn("xyzzy", "".join(self.server.lines))

    def test_metrics_count(self):
        name = "vllm:generation_tokens_total"
        before = self.server.metric(name)
        self.server.post("/v1/completions", {"prompt": "Once", "max_tokens": 5, "ignore_eos": True})
        self.assertEqual(self.server.metric(name), before + 5)


class Keys(unittest.TestCase):
    def test_limits_of_a_key(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "keys.json")
            digest = lambda key: hashlib.sha256(key.encode()).hexdigest()
            path.write_text(json.dumps({"keys": [
                {"name": "slow", "sha256": digest("slow-key"), "requests_per_minute": 2},
                {"name": "one", "sha256": digest("one-key"), "max_concurrent": 1}]}))
            server = serving.Server("--key-file", path)
            try:
                slow = {"Authorization": "Bearer slow-key"}
                codes = [server.get("/v1/models", headers=slow)[0] for _ in range(3)]
                self.assertEqual(codes, [200, 200, 429])
                self.assertIn("retry-after", server.get("/v1/models", headers=slow)[1])
                one = {"Authorization": "Bearer one-key"}
                for _ in range(3):
                    self.assertEqual(server.get("/v1/models", headers=one)[0], 200)
            finally:
                self.assertEqual(server.stop(), 0)


class Models(unittest.TestCase):
    def test_one_budget_for_several(self):
        with tempfile.TemporaryDirectory() as folder:
            paths = [pathlib.Path(folder, name + ".gguf") for name in "ab"]
            for path in paths:
                path.symlink_to(serving.SMOLLM2)
            # Room for one of them and a half.
            server = serving.Server("--kv-tokens", 2048, "--memory", "300MB", models=paths)
            try:
                loaded = lambda: {m["id"]: m["meta"]["is_loaded"] for m in server.get("/v1/models")[2]["data"]}
                ask = lambda model: server.post("/v1/completions", {"model": model, "prompt": "Hi", "max_tokens": 1})
                self.assertEqual(loaded(), {"a": True, "b": False})
                self.assertEqual(ask("b")[0], 200)
                self.assertEqual(loaded(), {"a": False, "b": True})
                peer = server.open_stream("/v1/chat/completions", {**LONG, "model": "b"})
                peer.recv(4096)
                status, headers, body = ask("a")
                self.assertEqual((status, body["error"]["code"]), (503, "model_busy"))
                self.assertIn("retry-after", headers)
                peer.close()
                self.assertTrue(serving.eventually(lambda: ask("a")[0] == 200))
                self.assertEqual(server.get("/v1/models/c")[0], 404)
            finally:
                self.assertEqual(server.stop(), 0)


class Stopping(unittest.TestCase):
    def read_all(self, peer):
        data = b""
        while piece := peer.recv(65536):
            data += piece
        return data.decode()

    def test_drain_tells_streams_and_ends_with_zero(self):
        server = serving.Server("--drain-seconds", 1)
        peer = server.open_stream("/v1/chat/completions", LONG)
        first = peer.recv(4096).decode()
        self.assertIn("200 OK", first)
        server.process.send_signal(signal.SIGTERM)
        rest = self.read_all(peer)
        self.assertIn('"code":"shutting_down"', rest)
        self.assertIn("data: [DONE]", rest)
        peer.close()
        self.assertEqual(server.wait(), 0)

    def test_drain_lets_short_answers_end(self):
        server = serving.Server()
        peer = server.open_stream("/v1/completions", {"prompt": "Once upon", "max_tokens": 20, "stream": True,
                                                      "ignore_eos": True})
        first = peer.recv(4096).decode()
        server.process.send_signal(signal.SIGINT)
        self.assertIn('"finish_reason":"length"', first + self.read_all(peer))
        peer.close()
        self.assertEqual(server.wait(), 0)

    def test_while_it_drains_it_is_not_ready(self):
        server = serving.Server("--drain-seconds", 20)
        peer = server.open_stream("/v1/completions", {"prompt": "Once upon", "max_tokens": 400, "stream": True,
                                                      "ignore_eos": True})
        peer.recv(4096)
        server.process.send_signal(signal.SIGTERM)
        self.assertTrue(serving.eventually(lambda: server.get("/ready")[0] == 503))
        self.assertEqual(server.get("/health")[0], 200)
        status, headers, body = server.post("/v1/completions", {"prompt": "Once", "max_tokens": 2})
        self.assertEqual((status, body["error"]["code"]), (503, "shutting_down"))
        self.assertIn("retry-after", headers)
        self.assertIn('"finish_reason":"length"', self.read_all(peer))
        peer.close()
        self.assertEqual(server.wait(), 0)

    def test_a_second_signal_ends_at_once(self):
        server = serving.Server()
        peer = server.open_stream("/v1/chat/completions", LONG)
        peer.recv(4096)
        server.process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        start = time.monotonic()
        server.process.send_signal(signal.SIGINT)
        self.assertEqual(server.wait(), 130)
        self.assertLess(time.monotonic() - start, 5)
        peer.close()

    def refused(self, *arguments):
        done = subprocess.run([serving.BINARY, "serve", "-m", str(serving.SMOLLM2), *arguments],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 2, done.stderr)
        return done.stderr

    def test_others_need_a_key(self):
        self.assertIn("--api-key", self.refused("--host", "0.0.0.0"))
        self.assertIn("too short", self.refused("--api-key", "abc"))
        self.assertIn("together", self.refused("--tls-cert", "x.pem"))
        self.assertIn("no size", self.refused("--memory", "lots"))
        self.assertIn("no size", self.refused("--max-body", "lots"))
        self.assertIn("--header-seconds", self.refused("--header-seconds", "0"))
        self.assertIn("same id", self.refused("-m", str(serving.SMOLLM2)))


class PrintedExample(unittest.TestCase):
    def test_works_over_tls(self):
        """The line that `ondol serve --tls` prints is one that works as it stands."""
        with tempfile.TemporaryDirectory() as folder:
            env = {**os.environ, "ONDOL_HOME": folder, "ONDOL_WEIGHT_CACHE": "off"}
            server = subprocess.Popen([serving.BINARY, "serve", "-m", str(serving.SMOLLM2), "--tls", "--port", "0",
                                       "--log", "off", "--ctx", "512", "--no-store", "--prompt-disk", "0"],
                                      env=env, stdout=subprocess.PIPE, text=True)
            try:
                lines = [server.stdout.readline() for _ in range(6)]
                self.assertIn("in a browser", lines[2])
                command = "".join(lines[4:]).replace('"messages"', '"max_tokens": 4, "messages"')
                self.assertIn("--cacert", command)
                done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)
                self.assertEqual(json.loads(done.stdout)["object"], "chat.completion", done)
            finally:
                server.terminate()
                server.stdout.close()
                self.assertEqual(server.wait(60), 0)


if __name__ == "__main__":
    serving.main()
