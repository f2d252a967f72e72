"""A load client for servers that speak OpenAI's completions: one request a connection,
streamed, timed token by token. Standard library only, so that on two cores it takes
little from the server it measures."""
import asyncio
import dataclasses
import json
import time


@dataclasses.dataclass
class Answer:
    sent_at: float  # seconds, of a monotonic clock
    token_at: list = dataclasses.field(default_factory=list)  # when each piece of text came
    n_tokens: int = 0  # as the server counts them
    ended_at: float = 0.0
    error: str = ""

    @property
    def first_token_s(self):
        return self.token_at[0] - self.sent_at

    @property
    def gaps_s(self):
        return [b - a for a, b in zip(self.token_at, self.token_at[1:])]

    @property
    def total_s(self):
        return self.ended_at - self.sent_at


async def read_head(reader):
    """Status and headers of a reply."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in head[1:] if ": " in line)
    return int(head[0].split(" ", 2)[1]), headers


async def body_parts(reader, headers):
    """The bytes of a reply as they come, its transfer coding removed."""
    if headers.get("transfer-encoding") == "chunked":
        while size := int((await reader.readline()).split(b";")[0], 16):
            yield await reader.readexactly(size)
            await reader.readexactly(2)
        return
    left = int(headers.get("content-length", -1))
    while left != 0 and (part := await reader.read(65536 if left < 0 else min(left, 65536))):
        left -= len(part) if left > 0 else 0
        yield part


async def sse_data(parts):
    """The data fields of server-sent events."""
    rest = b""
    async for part in parts:
        *lines, rest = (rest + part).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                yield line[5:].strip()


async def complete(host, port, body, key=""):
    """One streamed completion; what goes wrong is the answer's error."""
    answer = Answer(time.perf_counter())
    writer = None
    try:
        reader, writer = await asyncio.open_connection(host, port)
        data = json.dumps({**body, "stream": True, "stream_options": {"include_usage": True}}).encode()
        authorization = f"Authorization: Bearer {key}\r\n" if key else ""
        writer.write(f"POST /v1/completions HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
                     f"{authorization}Content-Length: {len(data)}\r\nConnection: close\r\n\r\n".encode() + data)
        status, headers = await read_head(reader)
        parts = body_parts(reader, headers)
        if status != 200:
            answer.error = f"{status}: " + b"".join([part async for part in parts]).decode("utf-8", "replace")[:200]
            return answer
        async for event in sse_data(parts):
            if event == b"[DONE]":
                continue
            chunk = json.loads(event)
            if "error" in chunk:
                answer.error = str(chunk["error"])[:200]
            if any(choice.get("text") for choice in chunk.get("choices", [])):
                answer.token_at.append(time.perf_counter())
            if chunk.get("usage"):
                answer.n_tokens = chunk["usage"]["completion_tokens"]
        if not answer.token_at and not answer.error:
            answer.error = "no text"
    except (OSError, EOFError, ValueError, asyncio.IncompleteReadError, KeyError) as error:
        answer.error = f"{type(error).__name__}: {error}"
    finally:
        answer.ended_at = time.perf_counter()
        if writer is not None:
            writer.close()
    return answer


async def closed_loop(send, bodies, n_clients):
    """n_clients, each of which sends its next request when its last has ended."""
    queue = list(reversed(bodies))
    answers = []

    async def client():
        while queue:
            answers.append(await send(queue.pop()))

    await asyncio.gather(*(client() for _ in range(n_clients)))
    return answers


async def open_loop(send, bodies, rate_per_s, random):
    """Requests that arrive at a mean rate, whatever became of those before (a Poisson process)."""
    tasks = []
    for body in bodies:
        tasks.append(asyncio.create_task(send(body)))
        await asyncio.sleep(random.expovariate(rate_per_s))
    return await asyncio.gather(*tasks)
