#!/usr/bin/env python3
"""bench/serve against a server that only pretends: what it sends is known, so are the figures."""
import argparse
import asyncio
import json
import pathlib
import random
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "bench/serve")]

import client
import serve_bench


class Pretender:
    """Speaks enough HTTP to stream n pieces, `gap_s` apart, after `wait_s`."""

    def __init__(self, n=4, wait_s=0.05, gap_s=0.02, status=200, cut_after=None):
        self.n, self.wait_s, self.gap_s, self.status, self.cut_after = n, wait_s, gap_s, status, cut_after
        self.running = self.most = 0
        self.bodies = []

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.answer, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self.server.close()
        await self.server.wait_closed()

    async def answer(self, reader, writer):
        self.running += 1
        self.most = max(self.most, self.running)
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
        self.bodies.append(json.loads(await reader.readexactly(length)))
        if self.status != 200:
            writer.write(b"HTTP/1.1 %d No\r\nContent-Length: 4\r\n\r\nfull" % self.status)
        else:
            await self.stream(writer)
        self.running -= 1
        writer.close()

    async def stream(self, writer):
        def chunk(text):
            return b"%x\r\n%s\r\n" % (len(text), text)

        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        await asyncio.sleep(self.wait_s)
        for i in range(self.n):
            if i == self.cut_after:
                return
            event = b'data: {"choices": [{"text": "x"}]}\n\n'
            writer.write(chunk(event[:7]) + chunk(event[7:]))  # an event need not be one chunk
            await writer.drain()
            await asyncio.sleep(self.gap_s)
        usage = json.dumps({"choices": [], "usage": {"completion_tokens": self.n}}).encode()
        writer.write(chunk(b"data: " + usage + b"\n\n") + chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")


def completed(pretender, key=""):
    async def go():
        async with pretender as p:
            return await client.complete("127.0.0.1", p.port, {"prompt": [1]}, key)
    return asyncio.run(go())


class Client(unittest.TestCase):
    def test_times(self):
        answer = completed(Pretender())
        self.assertEqual((answer.error, answer.n_tokens, len(answer.token_at)), ("", 4, 4))
        self.assertGreaterEqual(answer.first_token_s, 0.05)
        self.assertEqual(len(answer.gaps_s), 3)
        for gap in answer.gaps_s:
            self.assertGreaterEqual(gap, 0.015)
        self.assertGreaterEqual(answer.total_s, answer.first_token_s + sum(answer.gaps_s))

    def test_errors(self):
        self.assertEqual(completed(Pretender(status=503)).error, "503: full")
        self.assertIn("ValueError", completed(Pretender(cut_after=2)).error)  # no last chunk
        refused = asyncio.run(client.complete("127.0.0.1", 1, {}))
        self.assertIn("Error", refused.error)

    def test_loops(self):
        async def go(loop, *more):
            async with Pretender(n=1, gap_s=0) as p:
                answers = await loop(lambda body: client.complete("127.0.0.1", p.port, body),
                                     [{"prompt": [i]} for i in range(9)], *more)
                return p, answers
        p, answers = asyncio.run(go(client.closed_loop, 3))
        self.assertEqual((len(answers), p.most), (9, 3))
        self.assertEqual(sorted(body["prompt"][0] for body in p.bodies), list(range(9)))
        p, answers = asyncio.run(go(client.open_loop, 1000.0, random.Random(1)))
        self.assertEqual(len(answers), 9)
        self.assertGreater(p.most, 3)  # nobody waits for those before


class Summary(unittest.TestCase):
    def test_figures(self):
        one = client.Answer(0.0, [1.0, 1.5, 2.0], 3, 2.25)
        two = client.Answer(0.0, [3.0, 3.5, 5.0], 3, 5.0)
        bad = client.Answer(0.0, error="503: full")
        result = serve_bench.summary([([one, bad], None, 3.0), ([two], one, 6.0)])
        self.assertEqual((result["requests"], result["failed"], result["first_error"]), (3, 1, "503: full"))
        self.assertAlmostEqual(result["tokens_per_s"], 0.75)  # the median of 1 and 0.5
        self.assertAlmostEqual(result["first_token_ms"]["mean"], 2000)
        self.assertAlmostEqual(result["between_tokens_ms"]["p99"], 1500)
        self.assertEqual(result["long_first_token_ms"], [1000.0])
        options = argparse.Namespace(long_prompt=9)
        table = serve_bench.markdown({16: {"a": {**result, "rss_bytes": [2_000_000]}, "b": {"requests": 0, "failed": 0}}}, options)
        self.assertIn("| 16 | a (1 of 3 failed: 503: full) | 0.8 | 2000 (3000) |", table)
        self.assertIn("| 16 | b | failed: no requests |", table)
        self.assertIn("First token of the prompt of 9: a: 1000 ms", table)


if __name__ == "__main__":
    unittest.main()
