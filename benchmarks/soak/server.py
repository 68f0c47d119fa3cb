"""A hostile server on 127.0.0.1 that echoes each request's id, and knows what it did.

    python -m benchmarks.soak.server --seed N

It prints its URL, then obeys the lines of standard input: `calm` stops all faults, `report` prints what it saw as a
line of JSON. It ends when standard input ends. The response to `/echo/ID` has the id, that to `/rows/ID` is a page of
rows that have it, so that whoever gets another request's response can tell.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import socket
import struct
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs

ROOT = Path(__file__).resolve().parents[2]
TOTAL_ROWS = 1000
LATENCY = 0.006
"""Responses wait up to so many seconds, so that what cuts a call off hits it anywhere."""
STALL = 0.6
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


def head(length: int | None, *more: str, status: str = "200 OK") -> bytes:
    """The head of a response."""
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", *more]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return "\r\n".join([*lines, "", ""]).encode()


def whole(value: Any, *more: str, status: str = "200 OK") -> bytes:
    """A response without faults."""
    body = json.dumps(value).encode()
    return head(len(body), *more, status=status) + body


def stray(sent_at: float | None = None) -> bytes:
    """A response that no request asked for, in the form of any."""
    row = {"of": "stray", "n": -1, "stray_at": sent_at}
    return whole({"id": "stray", "stray_at": sent_at, "total": TOTAL_ROWS, "offset": 0, "results": [row]})


class State:
    """What the server decides and what it saw."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.calm = False
        self.connections = 0
        self.requests = 0
        self.faults: Counter[str] = Counter()
        self.posts: Counter[str] = Counter()
        self.names = list(FAULTS)
        self.weights = [weight for weight, _ in FAULTS.values()]

    def fault(self) -> str:
        """The fault of the next response, most often none."""
        if self.calm:
            return "none"
        name = self.draw.choices(self.names, self.weights)[0]
        if name != "none":
            self.faults[name] += 1
        return name

    def report(self) -> dict[str, Any]:
        """What it saw."""
        twice = [number for number, times in self.posts.items() if times > 1]
        seen = {"connections": self.connections, "requests": self.requests, "posts": len(self.posts)}
        return {**seen, "twice": twice, "faults": dict(self.faults.most_common())}


class Connection(asyncio.Protocol):
    """One connection. Each request is responded to after a while, with a fault or without."""

    transport: asyncio.Transport

    def __init__(self, state: State) -> None:
        self.state = state
        self.received = b""
        self.requests = 0
        self.strayed = False
        """Whether a stray response was written that may have crossed a request: then each response is one too late."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.state.connections += 1
        if not self.state.calm and self.state.draw.random() < 0.005:
            self.state.faults["reset on connect"] += 1
            self.reset()

    def data_received(self, data: bytes) -> None:
        self.received += data
        while b"\r\n\r\n" in self.received:
            start, _, rest = self.received.partition(b"\r\n\r\n")
            found = _LENGTH.search(start)
            length = int(found[1]) if found else 0
            method, target = start.decode("latin-1").split(" ", 2)[:2]
            if length > len(rest):
                return
            self.received = rest[length:]
            self.requests += 1
            self.state.requests += 1
            if method == "POST":
                self.state.posts[target] += 1
            self.later(self.state.draw.random() * LATENCY, self.respond, method, target)

    def respond(self, method: str, target: str) -> None:
        """Respond to a request, in the way of its fault."""
        path, _, query = target.partition("?")
        _, kind, number = path.split("/")
        value: dict[str, Any] = {"id": int(number), "method": method, "late": self.strayed}
        if kind == "rows":
            asked = {name: int(values[0]) for name, values in parse_qs(query).items()}
            offset, limit = asked.get("offset", 0), asked.get("limit", 50)
            rows = [{"of": int(number), "n": n} for n in range(offset, min(offset + limit, TOTAL_ROWS))]
            value |= {"total": TOTAL_ROWS, "offset": offset, "count": len(rows), "results": rows}
        else:
            value["padding"] = "x" * self.state.draw.randrange(300)
        if method == "HEAD":
            self.respond_to_head(whole(value))
        else:
            FAULTS[self.state.fault()][1](self, value)

    def respond_to_head(self, response: bytes) -> None:
        """Without a body, or with one that must not be there, or followed by a second response."""
        start = response.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        odd = "none" if self.state.calm else self.state.draw.choice(["none", "none", "body", "second response"])
        if odd != "none":
            self.state.faults[f"HEAD with a {odd}"] += 1
        self.write({"none": start, "body": response, "second response": start + stray()}[odd])

    def later(self, seconds: float, run: Callable[..., object], *arguments: Any) -> None:
        """Do something after a while, if the connection still stands."""
        asyncio.get_running_loop().call_later(seconds, self.unless_closed, run, *arguments)

    def unless_closed(self, run: Callable[..., object], *arguments: Any) -> None:
        """Do something if the connection still stands."""
        if not self.transport.is_closing():
            run(*arguments)

    def write(self, data: bytes) -> None:
        """Write, all at once."""
        self.transport.write(data)

    def reset(self) -> None:
        """Send a reset."""
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def finish(self) -> None:
        """Close."""
        self.transport.close()

    def dribble(self, data: bytes, end: Callable[[], object] = lambda: None) -> None:
        """Write in pieces."""
        if not data:
            end()
            return
        size = self.state.draw.randint(1, max(1, len(data) // 2))
        self.write(data[:size])
        self.later(self.state.draw.random() * 0.003, self.dribble, data[size:], end)


Value = dict[str, Any]


def _plain(c: Connection, value: Value) -> None:
    c.write(whole(value))


def _reset_within(c: Connection, value: Value) -> None:
    response = whole(value)
    c.write(response[: c.state.draw.randrange(len(response))])
    # Later, or what was written would be dropped with the connection.
    c.later(c.state.draw.choice([0.0, 0.002]), c.reset)


def _close_after(c: Connection, value: Value) -> None:
    c.write(whole(value))
    c.later(c.state.draw.choice([0.0, 0.001, 0.01]), c.finish)


def _two_in_one_write(c: Connection, value: Value) -> None:
    c.write(whole(value) + stray())


def _stray_later(c: Connection, value: Value) -> None:
    c.write(whole(value))
    before = c.requests

    def send() -> None:
        if c.requests == before:
            c.strayed = True
            c.write(stray(time.monotonic()))

    c.later(c.state.draw.random() * 0.03, send)


def _half_a_response_behind(c: Connection, value: Value) -> None:
    c.write(whole(value) + stray()[: c.state.draw.randint(1, 60)])


def _slow(c: Connection, value: Value) -> None:
    c.later(0.01 + c.state.draw.random() * 0.03, c.write, whole(value))


def _dribbled(c: Connection, value: Value) -> None:
    c.dribble(whole(value))


def _stalled(c: Connection, value: Value) -> None:
    c.later(STALL, c.write, whole(value))


def _truncated(c: Connection, value: Value) -> None:
    body = json.dumps(value).encode()
    c.write(head(len(body) + c.state.draw.randint(1, 50)) + body)
    c.finish()


def _length_too_small(c: Connection, value: Value) -> None:
    body = json.dumps(value).encode()
    c.write(head(c.state.draw.randrange(len(body))) + body)


def _informational(c: Connection, value: Value) -> None:
    hints = [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 102 Processing\r\n\r\n",
             b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"]  # fmt: skip
    c.write(b"".join(c.state.draw.choices(hints, k=c.state.draw.randint(1, 3))) + whole(value))


def _chunks(c: Connection, value: Value) -> bytes:
    body, chunks = json.dumps(value).encode(), []
    while body:
        size = c.state.draw.randint(1, len(body))
        chunks.append(b"%x;x=1\r\n%s\r\n" % (size, body[:size]))
        body = body[size:]
    end = c.state.draw.choice([b"0\r\n\r\n", b"0\r\nX-Trailer: 1\r\n\r\n"])
    return head(None, "Transfer-Encoding: chunked") + b"".join(chunks) + end


def _chunked(c: Connection, value: Value) -> None:
    c.dribble(_chunks(c, value))


def _chunked_and_a_stray(c: Connection, value: Value) -> None:
    c.write(_chunks(c, value) + stray())


def _chunked_truncated(c: Connection, value: Value) -> None:
    response = _chunks(c, value)
    c.dribble(response[: -c.state.draw.randint(1, 6)], c.finish)


def _until_close(c: Connection, value: Value) -> None:
    version = c.state.draw.choice([b"HTTP/1.0", b"HTTP/1.1"])
    c.write(head(None, "Connection: close").replace(b"HTTP/1.1", version) + json.dumps(value).encode())
    c.finish()


def _no_content_and_a_stray(c: Connection, value: Value) -> None:
    c.write(head(None, status="204 No Content") + stray())


def _status(c: Connection, value: Value) -> None:
    status = c.state.draw.choice(["408 Request Timeout", "429 Too Many Requests", "500 Internal Server Error",
                                  "503 Service Unavailable", "409 Conflict", "302 Found"])  # fmt: skip
    more = c.state.draw.choice([(), ("Retry-After: 0",), ("Connection: close",)])
    c.write(whole({"error": "fault"}, *more, status=status))


def _garbage(c: Connection, value: Value) -> None:
    c.write(c.state.draw.randbytes(c.state.draw.randint(1, 200)))
    c.finish()


FAULTS: dict[str, tuple[float, Callable[[Connection, Value], None]]] = {
    "none": (80, _plain),
    "reset within the response": (2, _reset_within),
    "close after the response, unannounced": (2, _close_after),
    "two responses in one write": (1.5, _two_in_one_write),
    "a response before the next request": (1, _stray_later),
    "followed by half a second response": (1, _half_a_response_behind),
    "slow": (2, _slow),
    "in pieces": (2, _dribbled),
    "stalled": (0.5, _stalled),
    "truncated": (1, _truncated),
    "content-length too small": (0.5, _length_too_small),
    "1xx first": (1.5, _informational),
    "chunked, in pieces": (1.5, _chunked),
    "chunked, followed by a second response": (0.5, _chunked_and_a_stray),
    "chunked, truncated": (0.5, _chunked_truncated),
    "until the connection closes": (1, _until_close),
    "204, followed by a second response": (0.5, _no_content_and_a_stray),
    "another status": (1.5, _status),
    "garbage": (0.5, _garbage),
}


class Server:
    """The server as a process of its own, for a `with` block.

    Attributes:
        url: where it listens.
    """

    def __init__(self, seed: int) -> None:
        command = [sys.executable, "-P", "-m", "benchmarks.soak.server", "--seed", str(seed)]
        self._process = subprocess.Popen(
            command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.url = ""

    def _read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if not line:
            raise RuntimeError(f"the server of the soak ended with {self._process.wait()}")
        return line

    def _ask(self, command: str) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()
        return json.loads(self._read())

    def calm(self) -> None:
        """From now on, respond without faults."""
        self._ask("calm")

    def report(self) -> dict[str, Any]:
        """What it saw; see `State.report`."""
        found: dict[str, Any] = self._ask("report")
        return found

    def __enter__(self) -> Self:
        self.url = self._read()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)
        self._process.stdout.close()


async def _serve(state: State) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(partial(Connection, state), "127.0.0.1", 0, backlog=1000)
    ended = asyncio.Event()

    def obey() -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(answer, line.strip())
        loop.call_soon_threadsafe(ended.set)

    def answer(command: str) -> None:
        if command == "calm":
            state.calm = True
        print(json.dumps(state.report()), flush=True)

    threading.Thread(target=obey, daemon=True).start()
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await ended.wait()
    server.close()


def main() -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser(description="Serves hostile responses on loopback.")
    parser.add_argument("--seed", type=int, default=7, metavar="N", help="decides the faults, default 7")
    asyncio.run(_serve(State(parser.parse_args().seed)))


if __name__ == "__main__":
    main()
