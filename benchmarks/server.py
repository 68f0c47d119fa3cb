"""A server for benchmarks: responses that were built beforehand, as fast as one process sends them.

    python benchmarks/server.py [--rows N] [--latency SECONDS]

It prints its address, and ends when its standard input ends. It knows the report with `offset` and `limit`, and the
settings of an install; whatever else is asked is a 404. It runs in a process of its own, so that it takes no time from
the client that is measured; each response waits for its latency on its own, as over a long line.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs

if __package__ in {None, ""}:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.content import REPORT, SETTINGS, encoded, page, rows, settings

_HEAD = b"HTTP/1.1 %s\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: %d\r\n\r\n"


class _Responses:
    """Whole responses by target, each built when it is first requested."""

    def __init__(self, number: int) -> None:
        self._rows = [encoded(row) for row in rows(number)]
        self._made: dict[bytes, bytes] = {}

    def to(self, target: bytes) -> bytes:
        response = self._made.get(target)
        if response is None:
            response = self._made[target] = self._make(target.decode("ascii"))
        return response

    def _make(self, target: str) -> bytes:
        path, _, query = target.partition("?")
        status, body = b"200 OK", b""
        if path == REPORT:
            asked = {name: values[0] for name, values in parse_qs(query).items()}
            body = page(self._rows, int(asked.get("offset", 0)), int(asked.get("limit", 50)))
        elif path == SETTINGS:
            body = settings()
        else:
            status, body = b"404 Not Found", b'{"error":"not found"}'
        return _HEAD % (status, len(body)) + body


class _Connection(asyncio.Protocol):
    def __init__(self, responses: _Responses, latency: float) -> None:
        self._responses = responses
        self._latency = latency
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while b"\r\n\r\n" in self._received:
            # No request of a benchmark has a body.
            head, _, self._received = self._received.partition(b"\r\n\r\n")
            response = self._responses.to(head.split(b" ", 2)[1])
            if self._latency:
                asyncio.get_running_loop().call_later(self._latency, self._write, response)
            else:
                self._write(response)

    def _write(self, response: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(response)


class Server:
    """The server as a process of its own, for a `with` block.

    Args:
        number: rows in the report.
        latency: seconds that each response waits.

    Attributes:
        url: its address.
    """

    def __init__(self, number: int, latency: float = 0.0) -> None:
        command = [sys.executable, __file__, "--rows", str(number), "--latency", str(latency)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = ""

    def __enter__(self) -> Self:
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        if not self.url:
            raise RuntimeError(f"the benchmarks' server ended with {self._process.wait()}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)
        self._process.stdout.close()


async def _serve(responses: _Responses, latency: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(responses, latency), "127.0.0.1", 0)
    ended = asyncio.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), loop.call_soon_threadsafe(ended.set)), daemon=True).start()
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await ended.wait()
    server.close()


def main() -> None:
    """Serve until the standard input ends."""
    parser = argparse.ArgumentParser(description="Serves canned report pages on loopback.")
    parser.add_argument("--rows", type=int, default=60_000, metavar="N", help="in the report, default 60000")
    parser.add_argument("--latency", type=float, default=0.0, metavar="S", help="seconds, default 0")
    options = parser.parse_args()
    asyncio.run(_serve(_Responses(options.rows), options.latency))


if __name__ == "__main__":
    main()
