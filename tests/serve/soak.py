#!/usr/bin/env python3
"""Thousands of requests of every kind at once against one server: each is answered as it must be, and memory,
file descriptors and threads stay what they were. The model is tiny, so that the server is what is tried.

    tests/serve/soak.py [--requests 10000] [--clients 8] [--seed 1]

The first fifth of the requests warms up: it fills the pages of keys and values, the caches of grammars and the pools of
the allocator. What the rest adds to the server's own memory (RssAnon: without the mapped weights) is bounded.
"""
import argparse
import collections
import http.client
import json
import random
import sys
import threading
import time

import serving

CTX = 512
# A server of a fixed size: what grows beyond these grows without bound.
ARGUMENTS = ("--threads", 1, "--kv-tokens", 4096, "--max-sequences", 8, "--prompt-disk", "16MB", "--store-bytes", "2MB")
MAX_GROWTH_BYTES = 24 << 20
WORDS = "stone floor warm smoke flue fire winter room paper clay mortar hearth night snow wind river bridge road".split()


class Client(threading.Thread):
    """Sends requests one after the other until there are none left; keeps its connection where it may."""

    def __init__(self, soak, seed):
        super().__init__(daemon=True)
        self.soak = soak
        self.random = random.Random(seed)
        self.connection = None

    def run(self):
        while self.soak.take():
            kind = self.random.choices(KINDS, WEIGHTS)[0]
            started = time.monotonic()
            try:
                problem = KIND_OF[kind](self)
            except (OSError, http.client.HTTPException, ValueError, KeyError, IndexError) as error:
                problem = f"{type(error).__name__}: {error}"
                self.close()
            self.soak.done(kind, time.monotonic() - started, problem)
        self.close()

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def send(self, path, body, method="POST"):
        if self.connection is None:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.soak.server.port, timeout=120)
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.connection.request(method, path, data, {"Content-Type": "application/json"})
        return self.connection.getresponse()

    def ask(self, path, body, method="POST"):
        reply = self.send(path, body, method)
        raw = reply.read()
        if reply.will_close:
            self.close()
        return reply.status, raw

    def text(self, n_words=12):
        # Half of the prompts begin alike: pages are shared, kept, pushed out and found on disk.
        begin = "Tell me, in as few words as you can, what you know of this. " * 4 if self.random.random() < 0.5 else ""
        return begin + " ".join(self.random.choices(WORDS, k=n_words))

    def chat(self, **more):
        return {"messages": [{"role": "user", "content": self.text()}], "max_tokens": self.random.randint(1, 8),
                "seed": self.random.randrange(1 << 40), **more}


def expect(status, raw, wanted=200):
    return None if status == wanted else f"{status} instead of {wanted}: {raw[:200]!r}"


def chat(client):
    status, raw = client.ask("/v1/chat/completions", client.chat())
    return expect(status, raw) or (None if json.loads(raw)["usage"]["completion_tokens"] else "no tokens")


def stream(client):
    status, raw = client.ask("/v1/chat/completions", client.chat(stream=True))
    return expect(status, raw) or (None if raw.endswith(b"data: [DONE]\n\n") else f"no end: {raw[-100:]!r}")


def cancelled(client):
    """Leaves in the middle of a stream, or before its first byte."""
    body = client.chat(stream=True, max_tokens=200, ignore_eos=True)
    try:
        if client.random.random() < 0.5:
            reply = client.send("/v1/chat/completions", body)
            reply.read1(64)
        else:
            peer = client.soak.server.open_stream("/v1/chat/completions", body)
            time.sleep(client.random.random() * 0.05)
            peer.close()
    finally:
        client.close()


def bad(client):
    path, body, wanted = client.random.choice([
        ("/v1/chat/completions", b'{"messages": [', 400),
        ("/v1/chat/completions", {**client.chat(), "temperature": 5}, 400),
        ("/v1/chat/completions", {**client.chat(), "no_such_field": 1}, 400),
        ("/v1/chat/completions", {**client.chat(), "model": "nothing"}, 404),
        ("/v1/completions", {"prompt": "snow " * (CTX + 1)}, 400),
        ("/v1/completions", {"prompt": "a", "grammar": "root ::= root root"}, 400),
        ("/v1/messages", {"messages": []}, 400),
        ("/api/chat", {"model": "nothing", "messages": []}, 404),
        ("/nowhere", {}, 404),
        ("/health", {}, 405)])
    return expect(*client.ask(path, body), wanted)


def tools(client):
    parameters = {"type": "object", "properties": {"word": {"enum": client.random.sample(WORDS, 4)}}, "required": ["word"],
                  "additionalProperties": False}
    tool = {"type": "function", "function": {"name": "look_up", "parameters": parameters}}
    status, raw = client.ask("/v1/chat/completions",
                             client.chat(tools=[tool], tool_choice="required", parallel_tool_calls=False, max_tokens=80))
    if problem := expect(status, raw):
        return problem
    choice = json.loads(raw)["choices"][0]
    if choice["finish_reason"] == "tool_calls":
        word = json.loads(choice["message"]["tool_calls"][0]["function"]["arguments"])["word"]
        return None if word in parameters["properties"]["word"]["enum"] else f"{word} was not offered"
    return None if choice["finish_reason"] == "length" else f"no call: {raw[:300]!r}"


def structured(client):
    top = client.random.randint(10, 99)
    schema = {"type": "object", "properties": {"age": {"type": "integer", "minimum": 1, "maximum": top}},
              "required": ["age"], "additionalProperties": False}
    form = {"type": "json_schema", "json_schema": {"name": "age", "schema": schema}}
    status, raw = client.ask("/v1/chat/completions", client.chat(response_format=form, max_tokens=40))
    if problem := expect(status, raw):
        return problem
    choice = json.loads(raw)["choices"][0]
    if choice["finish_reason"] == "stop":
        return None if 1 <= json.loads(choice["message"]["content"])["age"] <= top else f"outside: {raw[:300]!r}"
    return None if choice["finish_reason"] == "length" else f"no answer: {raw[:300]!r}"


def embeddings(client):
    status, raw = client.ask("/v1/embeddings", {"input": [client.text(4), client.text(4)]})
    return expect(status, raw) or (None if len(json.loads(raw)["data"]) == 2 else "not two vectors")


def tokenize(client):
    text = client.text()
    status, raw = client.ask("/tokenize", {"prompt": text, "add_special_tokens": False})
    if problem := expect(status, raw):
        return problem
    status, raw = client.ask("/detokenize", {"tokens": json.loads(raw)["tokens"]})
    return expect(status, raw) or (None if json.loads(raw)["prompt"] == text else "another text came back")


def stored(client):
    """A conversation of two turns, read back; half of them are deleted."""
    ask = lambda **more: client.ask("/v1/responses", {"input": client.text(4), "max_output_tokens": 2, **more})
    status, raw = ask()
    if problem := expect(status, raw):
        return problem
    status, raw = ask(previous_response_id=json.loads(raw)["id"])
    if status == 404:  # pushed out by others meanwhile: the store is small
        return None
    if problem := expect(status, raw):
        return problem
    if client.random.random() < 0.5:
        status, raw = client.ask("/v1/responses/" + json.loads(raw)["id"], b"", "DELETE")
        return None if status in (200, 404) else expect(status, raw)


def other_wires(client):
    message = {"messages": [{"role": "user", "content": client.text(4)}]}
    path, body = client.random.choice([
        ("/v1/messages", {**message, "max_tokens": 3}),
        ("/v1/messages", {**message, "max_tokens": 3, "stream": True}),
        ("/api/chat", {**message, "model": "tiny", "options": {"num_predict": 3}}),
        ("/api/generate", {"prompt": client.text(4), "model": "tiny", "options": {"num_predict": 3}}),
        ("/v1/completions", {"prompt": client.text(4), "max_tokens": 3, "n": 2, "logprobs": 2, "echo": True})])
    return expect(*client.ask(path, body))


KIND_OF = {kind.__name__: kind
           for kind in (chat, stream, cancelled, bad, tools, structured, embeddings, tokenize, stored, other_wires)}
KINDS = list(KIND_OF)
WEIGHTS = [22, 20, 10, 10, 5, 8, 7, 8, 4, 6]


class Soak:
    def __init__(self, n_requests, n_clients, seed, report):
        self.n_requests, self.n_clients, self.seed, self.report = n_requests, n_clients, seed, report
        self.lock = threading.Lock()
        self.n_taken = self.n_done = 0
        self.counts = collections.Counter()
        self.slowest = collections.Counter()
        self.problems = []
        self.warm = None

    def take(self):
        with self.lock:
            self.n_taken += 1
            return self.n_taken <= self.n_requests and len(self.problems) < 20

    def done(self, kind, seconds, problem):
        with self.lock:
            self.n_done += 1
            self.counts[kind] += 1
            self.slowest[kind] = max(self.slowest[kind], seconds)
            if problem:
                self.problems.append(f"{kind}: {problem}")
            if self.n_done == self.n_requests // 5:
                self.warm = self.server.resident()
            if self.n_done % max(1, self.n_requests // 10) == 0:
                now = self.server.resident()
                self.report(f"{self.n_done:6} requests, {time.monotonic() - self.started:6.0f} s, "
                            f"RssAnon {now['anon'] / 2**20:7.1f} MiB, {now['fds']} descriptors, {now['threads']} threads")

    def run(self):
        self.server = serving.Server(*ARGUMENTS, ctx=CTX, models=(serving.tiny_model(),))
        try:
            start = self.server.resident()
            self.started = time.monotonic()
            clients = [Client(self, f"{self.seed}-{i}") for i in range(self.n_clients)]
            for client in clients:
                client.start()
            for client in clients:
                client.join()
            self.check_end(start)
        finally:
            code = self.server.stop()
        if code != 0:
            self.problems.append(f"exit code {code}: {self.server.lines[-3:]}")

    def check_end(self, start):
        server = self.server
        idle = lambda: (server.metric("vllm:num_requests_running"), server.metric("vllm:num_requests_waiting"),
                        server.metric("vllm:kv_cache_usage_perc"))
        if not serving.eventually(lambda: idle() == (0, 0, 0)):
            self.problems.append(f"running, waiting and pages in use are {idle()}")
        if not serving.eventually(lambda: server.resident()["fds"] <= start["fds"]):
            self.problems.append(f"{server.resident()['fds']} descriptors, {start['fds']} at the start")
        end = server.resident()
        if end["threads"] > start["threads"]:
            self.problems.append(f"{end['threads']} threads, {start['threads']} at the start")
        growth = end["anon"] - self.warm["anon"]
        self.report(f"RssAnon at the start {start['anon'] / 2**20:.1f} MiB, warm {self.warm['anon'] / 2**20:.1f}, "
                    f"at the end {end['anon'] / 2**20:.1f}: {growth / 2**20:+.1f}")
        self.report(", ".join(f"{kind} {self.counts[kind]} (slowest {self.slowest[kind]:.1f} s)" for kind in KINDS))
        if growth > MAX_GROWTH_BYTES:
            self.problems.append(f"memory grew by {growth} bytes, more than {MAX_GROWTH_BYTES}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if not serving.SMOLLM2.exists():
        sys.exit(f"{serving.SMOLLM2} is missing: run ./dev test, which fetches it")
    soak = Soak(options.requests, options.clients, options.seed, lambda line: print(line, flush=True))
    soak.run()
    sys.exit("\n".join(soak.problems) or 0)


if __name__ == "__main__":
    main()
