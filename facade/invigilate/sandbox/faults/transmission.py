"""Faults of writing: the right response, badly put on the wire."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from typing import ClassVar

from invigilate.sandbox.exchange import Exchange, Hangup, Response

from .plan import Fault, Turn

_END_OF_HEAD = b"\r\n\r\n"


@dataclass(frozen=True, kw_only=True)
class Transmission(Fault):
    """Done to any response, refusals included."""

    def suits(self, exchange: Exchange) -> bool:
        """See `Fault`."""
        return exchange.response is not None


def _send_slowly(turn: Turn, data: bytes, chunk: int, interval: float) -> None:
    for start in range(0, len(data), chunk):
        turn.exchange.connection.send(data[start : start + chunk])
        turn.wait(interval)


@dataclass(frozen=True, kw_only=True)
class Trickle(Transmission):
    """Writes `chunk` bytes every `interval` seconds: the head too, or (`headers=False`) only the body."""

    name: ClassVar[str] = "trickle"
    chunk: int = 16
    interval: float = 0.01
    headers: bool = True

    def act(self, turn: Turn) -> None:
        """See `Fault`."""

        def transmit(data: bytes) -> None:
            start = 0 if self.headers else data.index(_END_OF_HEAD) + len(_END_OF_HEAD)
            turn.exchange.connection.send(data[:start])
            _send_slowly(turn, data[start:], self.chunk, self.interval)

        turn.exchange.transmit = transmit


@dataclass(frozen=True, kw_only=True)
class SlowHeaders(Transmission):
    """Writes the head `chunk` bytes every `interval` seconds, and then the body at once."""

    name: ClassVar[str] = "slow_headers"
    chunk: int = 8
    interval: float = 0.02

    def act(self, turn: Turn) -> None:
        """See `Fault`."""

        def transmit(data: bytes) -> None:
            head, end, body = data.partition(_END_OF_HEAD)
            _send_slowly(turn, head + end, self.chunk, self.interval)
            turn.exchange.connection.send(body)

        turn.exchange.transmit = transmit


@dataclass(frozen=True, kw_only=True)
class Truncate(Transmission):
    """Writes only this `share` of the body that Content-Length promises, and closes the connection, or resets it."""

    name: ClassVar[str] = "truncate"
    share: float = 0.5
    reset: bool = False

    def act(self, turn: Turn) -> None:
        """See `Fault`."""

        def transmit(data: bytes) -> None:
            head, end, body = data.partition(_END_OF_HEAD)
            # At least one byte is missing, however short the body is.
            length = min(int(len(body) * self.share), len(body) - 1)
            turn.exchange.connection.send(head + end + body[:length])
            raise Hangup(reset=self.reset)

        turn.exchange.transmit = transmit

    def suits(self, exchange: Exchange) -> bool:
        """See `Fault`."""
        return exchange.response is not None and exchange.response.body != b""


@dataclass(frozen=True, kw_only=True)
class WrongLength(Transmission):
    """Promises `by` bytes more than there are, and closes then; or fewer (below 0), and keeps the connection."""

    name: ClassVar[str] = "wrong_length"
    by: int = -5

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.by == 0:
            raise ValueError("by must not be 0")

    def suits(self, exchange: Exchange) -> bool:
        """See `Fault`."""
        return exchange.response is not None and len(exchange.response.body) + self.by >= 0

    def act(self, turn: Turn) -> None:
        """See `Fault`."""
        response = turn.exchange.response
        assert response is not None
        response.headers["Content-Length"] = str(len(response.body) + self.by)

        def transmit(data: bytes) -> None:
            turn.exchange.connection.send(data)
            if self.by > 0:
                raise Hangup

        turn.exchange.transmit = transmit


@dataclass(frozen=True, kw_only=True)
class BrokenGzip(Transmission):
    """Declares the body as gzip, and damages it."""

    name: ClassVar[str] = "broken_gzip"

    def act(self, turn: Turn) -> None:
        """See `Fault`."""
        response = turn.exchange.response
        assert response is not None
        data = bytearray(gzip.compress(response.body, mtime=0))
        # After the head of 10 bytes, a block of a type that does not exist.
        data[10] = 0xFF
        headers = {**response.headers, "Content-Encoding": "gzip"}
        turn.exchange.response = Response(response.status, bytes(data), headers)


@dataclass(frozen=True, kw_only=True)
class DuplicateClose(Transmission):
    """Writes `Connection: close` twice, and closes the connection."""

    name: ClassVar[str] = "duplicate_close"

    def act(self, turn: Turn) -> None:
        """See `Fault`."""

        def transmit(data: bytes) -> None:
            head, end, body = data.partition(_END_OF_HEAD)
            lines = [line for line in head.split(b"\r\n") if line.lower() != b"connection: close"]
            turn.exchange.connection.send(b"\r\n".join([*lines, *[b"Connection: close"] * 2]) + end + body)
            raise Hangup

        turn.exchange.transmit = transmit
