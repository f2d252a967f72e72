#!/usr/bin/env python3
"""Slow, broken and hostile clients: what they do is theirs alone. Others are answered as ever, limits answer, and
nothing is left of those who have gone. ONDOL_LONG_TESTS=1 makes the storm longer."""
import http.client
import json
import socket
import statistics
import struct
import threading
import time
import unittest

import chaos
import serving

LIMITS = ("--header-seconds", 1, "--body-seconds", 1, "--write-seconds", 1, "--idle-seconds", 20, "--max-body", 1_000_000)
ENDLESS = {"messages": [{"role": "user", "content": "Count."}], "ignore_eos": True, "stream": True, "temperature": 0}
# Some 3 kB an event, so that what the system buffers is soon full.
WIDE = {**ENDLESS, "logprobs": True, "top_logprobs": 20}


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def reset(peer):
    """Closes so that the server gets a reset instead of an end."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


class Chaos(serving.ServeTest):
    arguments = ("--threads", 1, "--kv-tokens", 16384, "--max-sequences", 16, *LIMITS)
    model = staticmethod(serving.tiny_model)
    ctx = 8192

    def setUp(self):
        self.assertTrue(serving.eventually(self.is_idle), "the last test has left something")
        self.before = self.server.resident()

    def tearDown(self):
        self.assertTrue(serving.eventually(self.is_idle), self.figures())
        none_left = lambda: self.server.resident()["fds"] <= self.before["fds"]
        self.assertTrue(serving.eventually(none_left), (self.before, self.server.resident()))
        self.assertEqual(self.server.resident()["threads"], self.before["threads"])

    def figures(self):
        text = self.server.get("/metrics")[2]
        names = ("vllm:num_requests_running", "vllm:num_requests_waiting", "vllm:kv_cache_usage_perc")
        return [float(line.rsplit(" ", 1)[1]) for name in names for line in text.splitlines() if line.startswith(name + "{")]

    def is_idle(self):
        return self.figures() == [0, 0, 0]

    def raw(self, *pieces, pause_s=0.0):
        """Sends the pieces and answers all that comes until the server closes."""
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=30) as peer:
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                for piece in pieces:
                    peer.sendall(piece)
                    time.sleep(pause_s)
            except OSError:
                pass  # refused already; the refusal can still be read
            answer = b""
            try:
                while data := peer.recv(65536):
                    answer += data
            except ConnectionResetError:
                pass
            return answer

    def refused(self, status, *pieces, pause_s=0.0):
        answer = self.raw(*pieces, pause_s=pause_s)
        self.assertTrue(answer.startswith(b"HTTP/1.1 %d " % status), answer[:300])
        head, body = answer.split(b"\r\n\r\n", 1)
        self.assertIn(b"connection: close", head.lower())
        self.assertEqual(set(json.loads(body)["error"]), {"message", "type", "param", "code"})

    def test_limits_answer(self):
        post = b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\n"
        self.refused(431, b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-A: " + b"a" * 40_000 + b"\r\n\r\n")
        self.refused(413, post + b"Content-Length: 1000001\r\n\r\n")
        chunk = b"8000\r\n" + b" " * 0x8000 + b"\r\n"
        self.refused(413, post + b"Transfer-Encoding: chunked\r\n\r\n", *[chunk] * 40)
        for line in (b"Content-Length: -1", b"Content-Length: 99999999999999999999", b"Content-Length: 1\r\nContent-Length: 2", b"Bad Name: 1",
                     b"Content-Length: 2\r\nTransfer-Encoding: chunked", b"X-A: 1\r\n folded"):
            self.refused(400, post + line + b"\r\n\r\n")
        # TLS, for one: no line ends, so it is a header that never comes.
        self.refused(408, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 600)
        self.refused(400, b"\x00" * 100 + b"\r\n\r\n")
        deep = b'{"prompt":' + b"[" * 40_000
        self.assertEqual(self.server.post("/v1/completions", deep)[0], 400)

    def test_who_is_too_slow_is_told(self):
        started = time.monotonic()
        self.refused(408, b"GET /health HTTP/1.1\r\nHost: loc")
        self.refused(408, b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n{")
        # A byte now and then buys no time.
        slowly = [bytes([b]) for b in b"GET /health HTTP/1.1\r\nHost: localhost\r\n"] + [b"X: y\r\n"] * 100
        self.refused(408, *slowly, pause_s=0.05)
        self.assertLess(time.monotonic() - started, 30)
        # One who never says anything is closed without a word.
        self.assertEqual(self.raw(), b"")

    def test_a_header_may_come_in_bytes(self):
        text = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        self.assertIn(b"200 OK", self.raw(*[bytes([b]) for b in text], pause_s=0.002))

    def test_a_storm_beside_a_quiet_client(self):
        """Some hundred clients in bad weather; one in good weather hardly notices."""
        idle = self.quiet_latencies(lambda n, _: n < 40)
        stop = time.monotonic() + (60 if serving.IS_LONG else 3)
        outcomes = []

        def storm(port, nth):
            while time.monotonic() < stop:
                outcomes.append(self.one_in_bad_weather(port, nth))

        with chaos.Proxy(self.server.port, chaos.Weathers(7)) as proxy:
            threads = [threading.Thread(target=storm, args=(proxy.port, i)) for i in range(8)]
            for thread in threads:
                thread.start()
            stormy = self.quiet_latencies(lambda n, _: time.monotonic() < stop)
            for thread in threads:
                thread.join()
        answered = sum(o == "answered" for o in outcomes)
        print(f"\nstorm: {len(outcomes)} connections, {answered} answered in spite of it; another client's median "
              f"{statistics.median(idle):.1f} -> {statistics.median(stormy):.1f} ms, p95 {percentile(idle, 0.95):.1f} -> "
              f"{percentile(stormy, 0.95):.1f} ms")
        self.assertGreater(len(outcomes), 50)
        self.assertGreater(answered, 5)
        self.assertLess(answered, len(outcomes))
        # The proxy and the clients take from the same two cores; a connection that blocks others would cost seconds.
        self.assertLess(statistics.median(stormy), statistics.median(idle) + 250)
        self.assertLess(max(stormy), 5000)

    def quiet_latencies(self, goes_on):
        out = []
        while goes_on(len(out), out):
            started = time.monotonic()
            status = self.server.post("/v1/completions", {"prompt": f"Number {len(out)}", "max_tokens": 2})[0]
            self.assertEqual(status, 200)
            out.append((time.monotonic() - started) * 1000)
        return out

    def one_in_bad_weather(self, port, nth):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
        try:
            if nth % 2 == 0:
                body = json.dumps({**ENDLESS, "max_tokens": 40})
                connection.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json"})
            else:
                connection.request("GET", "/v1/models")
            reply = connection.getresponse()
            reply.read()
            return "answered" if reply.status == 200 else str(reply.status)
        except (OSError, http.client.HTTPException) as error:
            return type(error).__name__
        finally:
            connection.close()

    def test_hostile_schemas_hold_up_nobody(self):
        """Each takes its second of compiling; whoever has no schema is answered meanwhile."""
        deep = {"type": "string"}
        for _ in range(12):  # 8191 schemas
            deep = {"anyOf": [deep, {"type": "array", "items": deep}]}
        form = {"type": "json_schema", "json_schema": {"name": "n", "schema": deep}}
        body = {"messages": [{"role": "user", "content": "x"}], "max_tokens": 1, "response_format": form}
        stop = time.monotonic() + 2
        statuses = []

        def hostile():
            while time.monotonic() < stop:
                statuses.append(self.server.post("/v1/chat/completions", body)[0])

        threads = [threading.Thread(target=hostile) for _ in range(12)]
        for thread in threads:
            thread.start()
        time.sleep(0.3)
        took = self.quiet_latencies(lambda n, _: n == 0 or time.monotonic() < stop)
        for thread in threads:
            thread.join()
        print(f"\nhostile schemas: {len(statuses)} requests; another client's median {statistics.median(took):.1f} ms")
        self.assertLessEqual(set(statuses), {200, 400, 503})  # 200: a fast machine
        self.assertLess(statistics.median(took), 1000)

    def test_a_slow_reader_slows_nobody(self):
        gaps = self.gaps_of_a_stream()
        slow = []
        for _ in range(2):
            peer = socket.socket()
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            peer.connect(("127.0.0.1", self.server.port))
            data = json.dumps(WIDE).encode()
            peer.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(data) + data)
            slow.append(peer)
        self.assertTrue(serving.eventually(lambda: self.figures()[0] == 2))
        beside = self.gaps_of_a_stream()
        print(f"\nslow readers: gaps between another stream's events, mean {statistics.mean(gaps):.1f} -> "
              f"{statistics.mean(beside):.1f} ms, p99 {percentile(gaps, 0.99):.1f} -> {percentile(beside, 0.99):.1f} ms")
        # Three answers are computed instead of one, until the slow two are cut or computed: that is all.
        self.assertLess(statistics.mean(beside), 10 * statistics.mean(gaps) + 50)
        # They take nothing for --write-seconds: they are cut, and their pages are free again.
        self.assertTrue(serving.eventually(self.is_idle, seconds=40), self.figures())
        aborted = self.server.metric("vllm:request_success_total", finished_reason="abort")
        self.assertGreaterEqual(aborted, 2)
        for peer in slow:
            peer.close()

    def gaps_of_a_stream(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        connection.request("POST", "/v1/chat/completions", json.dumps({**ENDLESS, "max_tokens": 150}))
        reply = connection.getresponse()
        times = []
        while line := reply.readline():
            if line.startswith(b"data: "):
                times.append(time.monotonic())
        connection.close()
        self.assertGreater(len(times), 100)
        return [(b - a) * 1000 for a, b in zip(times, times[1:])]

    def test_pages_are_free_soon_after_a_client_has_gone(self):
        """By each way of leaving; a step of the small model is short, so this is the way through the server."""
        took = []
        for leave in [socket.socket.close, reset, lambda peer: peer.shutdown(socket.SHUT_WR)] * 5:
            peer = self.server.open_stream("/v1/chat/completions", ENDLESS)
            peer.recv(4096)
            self.assertTrue(serving.eventually(lambda: self.figures()[2] > 0))
            started = time.monotonic()
            leave(peer)
            self.assertTrue(serving.eventually(self.is_idle))
            took.append((time.monotonic() - started) * 1000)
            peer.close()
        print(f"\npages free after a client has gone: median {statistics.median(took):.1f} ms, most {max(took):.1f} ms; "
              "wanted: 100")
        self.assertLess(sorted(took)[len(took) // 4], 100)
        self.assertLess(statistics.median(took), 1000)  # the machine may be busy with others


if __name__ == "__main__":
    serving.main()
