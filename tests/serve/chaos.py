"""A TCP proxy that does to a connection what bad networks and bad programs do: pieces of a byte, delays, a cut in the
middle (a close, a reset, half of it), bytes changed or stuck in front, and a reader that stops reading."""
import asyncio
import dataclasses
import random
import socket
import struct
import threading


@dataclasses.dataclass
class Weather:
    """What happens to the bytes of one direction."""
    piece: int = 65536  # bytes at a time
    delay_s: float = 0  # before each piece
    cut_after: int | None = None  # bytes let through; then...
    cut: str = "close"  # ..."close", "reset", "half" (this direction only) or "stall" (nothing more is read)
    garbage: bytes = b""  # sent first
    flip: int | None = None  # the byte of that number is changed

    @classmethod
    def some(cls, rng):
        piece, delay_s = rng.choice([(1, 0), (3, 0), (16, 0.0005), (700, 0), (700, 0.02), (65536, 0), (65536, 0.1)])
        out = cls(piece=piece, delay_s=delay_s)
        if rng.random() < 0.6:
            out.cut_after = rng.choice([0, 1, 30, 200, 400, 1500])
            out.cut = rng.choice(["close", "reset", "half", "stall"])
        if rng.random() < 0.1:
            out.garbage = rng.randbytes(rng.choice([1, 100, 5000]))
        if rng.random() < 0.2:
            out.flip = rng.randrange(300)
        return out


class Proxy:
    """Takes connections on `port` and passes them on to the target; for each, `weather()` gives what happens to the
    bytes of the client and to those of the server. It runs in a thread of its own."""

    def __init__(self, target_port, weather):
        self.target_port, self.weather = target_port, weather
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.listener.setblocking(False)
        self.port = self.listener.getsockname()[1]
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.main.cancel)
        self.thread.join()

    def _run(self):
        self.main = self.loop.create_task(self._accept())
        self.loop.run_until_complete(asyncio.wait([self.main]))
        self.loop.close()

    async def _accept(self):
        connections = set()
        try:
            while True:
                client, _ = await self.loop.sock_accept(self.listener)
                task = self.loop.create_task(self._connection(client))
                connections.add(task)
                task.add_done_callback(connections.discard)
        finally:
            for task in list(connections):
                task.cancel()
            await asyncio.gather(*connections, return_exceptions=True)
            self.listener.close()

    async def _connection(self, client):
        server = socket.socket()
        directions = []
        try:
            for one in (client, server):
                one.setblocking(False)
            await self.loop.sock_connect(server, ("127.0.0.1", self.target_port))
            for one in (client, server):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # pieces stay pieces
            up, down = self.weather()
            directions = [self.loop.create_task(self._pass_on(client, server, up)),
                          self.loop.create_task(self._pass_on(server, client, down))]
            await asyncio.gather(*directions)
        except _Reset:
            for one in (client, server):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except (_Close, OSError):
            pass
        finally:
            for direction in directions:
                direction.cancel()
            await asyncio.gather(*directions, return_exceptions=True)
            client.close()
            server.close()

    async def _pass_on(self, source, sink, weather):
        n_passed = 0
        await self.loop.sock_sendall(sink, weather.garbage)
        while weather.cut_after is None or n_passed < weather.cut_after:
            most = weather.piece if weather.cut_after is None else min(weather.piece, weather.cut_after - n_passed)
            data = await self.loop.sock_recv(source, most)
            if not data:
                return sink.shutdown(socket.SHUT_WR)
            if weather.flip is not None and n_passed <= weather.flip < n_passed + len(data):
                at = weather.flip - n_passed
                data = data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1:]
            await asyncio.sleep(weather.delay_s)
            await self.loop.sock_sendall(sink, data)
            n_passed += len(data)
        if weather.cut == "stall":
            await asyncio.Event().wait()
        if weather.cut == "half":
            return sink.shutdown(socket.SHUT_WR)
        raise _Reset if weather.cut == "reset" else _Close


class _Close(Exception):
    pass


class _Reset(Exception):
    pass


class Weathers:
    """Seeded: which weathers the connections get depends on nothing but their order."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.lock = threading.Lock()

    def __call__(self):
        with self.lock:
            return Weather.some(self.rng), Weather.some(self.rng)
