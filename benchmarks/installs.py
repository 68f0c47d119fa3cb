"""A server for benchmarks with the reports of many installs, unevenly distributed, over a slow line.

    python -m benchmarks.installs [--installs N] [--rows N] [--latency SECONDS]

It prints its URL, and ends when its standard input ends. It takes `offset`, `limit` and the bounds of the appointment
date, the lower one inclusive, the upper one exclusive. Rows are spread evenly over 2026, so a date is found by
arithmetic; a page is formatted when it is written, and each response waits for its latency on its own. `/statistics`
returns what happened since it was last requested.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs
from urllib.request import urlopen

from benchmarks.content import encoded, rows

YEAR = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)
_MINUTES = (YEAR[1] - YEAR[0]) // _MINUTE
_HEAD = b"HTTP/1.1 %s\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: %d\r\n\r\n"
_REPORT = re.compile(r"/v1/installs/(AI[0-9a-f]{32})/reports/serviceDistribution\?(.*)")


def install_sids(number: int) -> list[str]:
    """The SIDs of the installs."""
    return [f"AI{index:032x}" for index in range(number)]


def sizes(installs: int, total: int) -> list[int]:
    """How many rows each install has: the k-th largest has a k-th of the largest one, and they add up to the total."""
    shares = [1 / (index + 1) for index in range(installs)]
    ends = [round(total * each / sum(shares)) for each in accumulate(shares)]
    return [end - start for start, end in zip([0, *ends], ends, strict=False)]


class _Reports:
    def __init__(self, installs: int, total: int) -> None:
        self._sizes = dict(zip(install_sids(installs), sizes(installs, total), strict=True))
        self._times = [
            (YEAR[0] + minute * _MINUTE).isoformat(timespec="milliseconds").replace("+00:00", "Z").encode()
            for minute in range(_MINUTES)
        ]
        # Rows to be filled in: their SIDs, and their dates.
        self._rows: list[bytes] = []
        for row in map(encoded, rows(1000)):
            sid = re.sub(rb'^\{"sid":"[^"]*"', b'{"sid":"ES%04x%028x"', row.replace(b"%", b"%%"))
            self._rows.append(re.sub(rb'"appointmentDate":"[^"]*"', b'"appointmentDate":"%s"', sid))

    def response(self, target: str) -> tuple[bytes, int]:
        """Return the response to a target, and how many rows it has."""
        found = _REPORT.fullmatch(target)
        size = self._sizes.get(found[1], None) if found else None
        if found is None or size is None:
            body = b'{"error":"not found"}'
            return _HEAD % (b"404 Not Found", len(body)) + body, 0
        asked = {name: values[0] for name, values in parse_qs(found[2]).items()}
        low = _first(asked["appointmentDateAfter"], size) if "appointmentDateAfter" in asked else 0
        high = _first(asked["appointmentDateBefore"], size) if "appointmentDateBefore" in asked else size
        total, offset = max(0, high - low), int(asked.get("offset", 0))
        start, end = low + offset, min(high, low + offset + min(int(asked.get("limit", 50)), 1000))
        number, times = int(found[1][2:], 16), self._times
        results = b",".join(
            self._rows[index % 1000] % (number, index, times[index * _MINUTES // size]) for index in range(start, end)
        )
        follows = b'"more"' if end < high else b"null"
        body = b'{"total":%d,"count":%d,"offset":%d,"next":%s,"results":[%s]}' % (
            total,
            max(0, end - start),
            offset,
            follows,
            results,
        )
        return _HEAD % (b"200 OK", len(body)) + body, max(0, end - start)


def _first(time_: str, size: int) -> int:
    """Return the first of so many rows that is not before a time."""
    minute = -((YEAR[0] - datetime.fromisoformat(time_)) // _MINUTE)
    return max(0, min(size, -(-minute * size // _MINUTES)))


class _Statistics:
    def __init__(self) -> None:
        self.requests = self.rows = self.waiting = self.most = 0
        self.begun = self.ended = 0.0
        self.cpu = time.process_time()

    def take(self) -> dict[str, float]:
        """Return them, and start over."""
        cpu = time.process_time()
        found = {
            "requests": self.requests,
            "rows": self.rows,
            "concurrent": self.most,
            "seconds": self.ended - self.begun,
            "cpu": cpu - self.cpu,
        }
        self.requests = self.rows = self.most = 0
        self.begun, self.cpu = 0.0, cpu
        return found


class _Connection(asyncio.Protocol):
    def __init__(self, reports: _Reports, statistics: _Statistics, latency: float) -> None:
        self._reports, self._statistics, self._latency = reports, statistics, latency
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
            target, counted = head.split(b" ", 2)[1].decode("ascii"), self._statistics
            if target == "/statistics":
                body = encoded(counted.take())
                self._send(_HEAD % (b"200 OK", len(body)) + body)
                continue
            counted.begun = counted.begun or time.monotonic()
            counted.waiting += 1
            counted.most = max(counted.most, counted.waiting)
            asyncio.get_running_loop().call_later(self._latency, self._respond, target)

    def _respond(self, target: str) -> None:
        counted = self._statistics
        response, number = self._reports.response(target)
        self._send(response)
        counted.waiting -= 1
        counted.requests, counted.rows, counted.ended = counted.requests + 1, counted.rows + number, time.monotonic()

    def _send(self, response: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(response)


class Installs:
    """The server as a process of its own, for a `with` block.

    Args:
        installs: how many there are.
        total: rows of all of them.
        latency: seconds that each response waits.

    Attributes:
        url: its URL.
    """

    def __init__(self, installs: int, total: int, latency: float) -> None:
        arguments = ["--installs", str(installs), "--rows", str(total), "--latency", str(latency)]
        command = [sys.executable, "-m", "benchmarks.installs", *arguments]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = ""

    def __enter__(self) -> Self:
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        if not self.url:
            raise RuntimeError(f"the benchmarks' server ended with {self._process.wait()}")
        return self

    def statistics(self) -> dict[str, Any]:
        """Return what happened since the last call."""
        with urlopen(f"{self.url}/statistics", timeout=30) as response:
            found: dict[str, Any] = json.load(response)
        return found

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)
        self._process.stdout.close()


async def _serve(reports: _Reports, latency: float) -> None:
    loop, statistics = asyncio.get_running_loop(), _Statistics()
    server = await loop.create_server(lambda: _Connection(reports, statistics, latency), "127.0.0.1", 0)
    ended = asyncio.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), loop.call_soon_threadsafe(ended.set)), daemon=True).start()
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await ended.wait()
    server.close()


def main() -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser(description="Serves the reports of many installs on loopback.")
    parser.add_argument("--installs", type=int, default=200, metavar="N", help="default 200")
    parser.add_argument("--rows", type=int, default=2_000_000, metavar="N", help="of all installs, default 2000000")
    parser.add_argument("--latency", type=float, default=0.05, metavar="S", help="seconds, default 0.05")
    options = parser.parse_args()
    asyncio.run(_serve(_Reports(options.installs, options.rows), options.latency))


if __name__ == "__main__":
    main()
