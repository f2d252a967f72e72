#!/usr/bin/env python3
"""kill -9 at random moments loses no response that was acknowledged, and the store opens every time. A disk without
room is a 507, and the server goes on. ONDOL_LONG_TESTS=1 kills ten times as often."""
import concurrent.futures
import http.client
import json
import pathlib
import random
import resource
import signal
import tempfile
import threading
import time
import unittest

import serving

N_ROUNDS = 60 if serving.IS_LONG else 6


class Kill(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="ondol-kill-")
        self.addCleanup(self.folder.cleanup)
        self.store = pathlib.Path(self.folder.name, "responses.sqlite")

    def start(self):
        # Prompts on disk too, in a folder that outlives the server: half a page may lie there.
        return serving.Server("--threads", 1, "--store", self.store, ctx=1024, models=(serving.tiny_model(),),
                              env={"ONDOL_HOME": self.folder.name + "/home"})

    def test_acknowledged_responses_survive(self):
        rng = random.Random(3)
        acknowledged = {}  # id: the response as it was acknowledged
        n_checked = 0
        lock = threading.Lock()
        for n in range(N_ROUNDS + 1):
            server = self.start()
            try:
                # Those of the last round, and some older ones; in the end all.
                ids = list(acknowledged)
                older = ids[:n_checked] if n == N_ROUNDS else rng.sample(ids[:n_checked], min(20, n_checked))
                for id in older + ids[n_checked:]:
                    self.assertEqual(server.get(f"/v1/responses/{id}")[2], acknowledged[id])
                n_checked = len(ids)
                if ids:
                    body = {"input": "On?", "previous_response_id": ids[-1], "max_output_tokens": 2}
                    self.assertEqual(server.post("/v1/responses", body)[0], 200)
                if n == N_ROUNDS:
                    break
                killed = threading.Event()
                workers = [threading.Thread(target=self.converse, args=(server, f"{n}-{i}", acknowledged, lock, killed))
                           for i in range(4)]
                for worker in workers:
                    worker.start()
                time.sleep(rng.uniform(0.05, 0.8))
            finally:
                code = server.stop(signal.SIGKILL)
            self.assertEqual(code, -signal.SIGKILL)
            killed.set()
            for worker in workers:
                worker.join()
        print(f"\n{N_ROUNDS} kills, {len(acknowledged)} acknowledged responses, none lost")
        self.assertGreater(len(acknowledged), N_ROUNDS)

    def converse(self, server, name, acknowledged, lock, killed):
        """Turn after turn, until the server is gone; every other one streamed."""
        previous = None
        for n in range(10_000):
            body = {"input": f"This is turn {n} of {name}.", "previous_response_id": previous, "max_output_tokens": 3,
                    "stream": n % 2 == 1}
            if n % 40 == 0:
                body.pop("previous_response_id")
            try:
                status, _, reply = server.post("/v1/responses", body)
            except (OSError, http.client.HTTPException, ValueError):
                return
            response = reply if n % 2 == 0 else self.last_of(reply)
            if response is None:  # cut before the end: nothing was promised
                return
            assert status == 200, reply
            previous = response["id"]
            with lock:
                acknowledged[previous] = response

    @staticmethod
    def last_of(events):
        for event in events.split("\n\n"):
            for line in event.splitlines():
                if line.startswith("data: {"):
                    value = json.loads(line[6:])
                    if value["type"] in ("response.completed", "response.incomplete"):
                        return value["response"]
        return None

    def test_a_full_disk_is_told(self):
        """A limit of the size of files does what a full disk does, and needs no root."""
        server = self.start()
        try:
            ask = lambda **more: server.post("/v1/responses", {"input": "Hi " * 200, "max_output_tokens": 2, **more})
            kept = ask()[2]
            pid = server.process.pid
            _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (1024, most))
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                for status, _, body in pool.map(lambda _: ask(), range(8)):
                    self.assertEqual(status, 507, body)
                    self.assertEqual(body["error"]["type"], "server_error")
                    self.assertNotIn(self.folder.name, body["error"]["message"])
            status, _, events = ask(stream=True)
            self.assertEqual(status, 200)
            self.assertEqual(events.count("event: response.failed"), 1)
            self.assertNotIn("event: response.completed", events)
            # What needs no disk goes on, and what is kept can be read.
            self.assertEqual(ask(store=False)[0], 200)
            self.assertEqual(server.post("/v1/completions", {"prompt": "Hi", "max_tokens": 2})[0], 200)
            self.assertEqual(server.get("/v1/responses/" + kept["id"])[2], kept)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, most))
            self.assertEqual(ask(previous_response_id=kept["id"])[0], 200)
        finally:
            self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    serving.main()
