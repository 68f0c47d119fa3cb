"""One request with its answer, and the moments at which somebody may intervene.

An exchange passes through the phases below. At each one the sandbox asks its interceptors, which
may

- rewrite `exchange.query` before VALIDATED;
- put an `Answer` into `exchange.answer`: before APPLIED, nothing is applied then; at APPLIED, the
  answer of the operation is replaced (it has been checked against the specification already);
- call `exchange.apply()` themselves, now or later from another thread: it applies at most once;
- raise `Hangup`, which ends the connection without an answer, with a TCP reset if so wanted;
- put a function into `exchange.transmit`, which then writes the bytes in its own way;
- wait with `exchange.connection.wait()`, which returns early when the sandbox is closing.

The faults of `invigilate.sandbox.faults` are made of nothing else.
"""

from __future__ import annotations

import enum
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Protocol

from .json_text import encode


class Phase(enum.Enum):
    """How far an exchange has come."""

    ANNOUNCED = "announced"
    """The head of the request was read, and not yet its body."""
    RECEIVED = "received"
    """The whole request was read."""
    VALIDATED = "validated"
    """The request is allowed and valid. Refused ones do not come here."""
    APPLIED = "applied"
    """The answer is ready; `exchange.applied` says whether the operation was carried out."""
    ANSWERED = "answered"
    """The answer was written to the socket."""
    OVER = "over"
    """Nothing more will come of the exchange, whatever became of it. Nothing may be raised here."""


class Hangup(Exception):
    """Ends the connection, with `reset` by a TCP reset."""

    def __init__(self, *, reset: bool = False) -> None:
        super().__init__("the connection ends here")
        self.reset = reset


@dataclass(slots=True)
class Answer:
    """An answer: a status, headers, and a body of bytes."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def json(cls, data: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
        """An answer whose body is JSON."""
        return cls(status, encode(data), {"Content-Type": "application/json", **(headers or {})})

    def to_bytes(self, *, close: bool, bodiless: bool = False) -> bytes:
        """The answer as it goes over the wire; `Content-Length` is added unless it was set."""
        try:
            reason = HTTPStatus(self.status).phrase
        except ValueError:
            reason = "Unknown"
        headers = {"Content-Length": str(len(self.body)), **self.headers}
        if close:
            headers["Connection"] = "close"
        lines = [f"HTTP/1.1 {self.status} {reason}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        return head if bodiless else head + self.body


class Connection(Protocol):
    """The client's connection, as an interceptor sees it."""

    @property
    def exchanges(self) -> int:
        """Number of exchanges that came before on this connection."""
        ...

    def send(self, data: bytes) -> None:
        """Write bytes to the socket."""

    def wait(self, seconds: float) -> bool:
        """Do nothing for a while; true when the sandbox is closing."""
        ...


@dataclass(eq=False)
class Exchange:
    """One request with what becomes of it.

    Attributes:
        api: name of the API.
        method: HTTP method.
        path: path as it was sent.
        query: query as it was sent.
        headers: headers by lower-case name; of a repeated one, the values joined with a comma.
        connection: the connection that it came on.
        operation_id: operation in the specification, None when path or method are unknown.
        body: the request's body; empty until RECEIVED.
        answer: the answer, once there is one.
        applied: whether the operation was carried out.
        transmit: writes the answer's bytes, in place of `connection.send`.
    """

    api: str
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    connection: Connection
    operation_id: str | None = None
    body: bytes = b""
    answer: Answer | None = None
    applied: bool = False
    transmit: Callable[[bytes], None] | None = None
    _operation: Callable[[], Answer] | None = None
    _result: Answer | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def prepare(self, operation: Callable[[], Answer]) -> None:
        """Say what `apply` shall do. Called by the sandbox at VALIDATED."""
        self._operation = operation

    def apply(self) -> Answer:
        """Carry the operation out, if that has not been done, and return its answer."""
        with self._lock:
            if self._result is None:
                if self._operation is None:
                    raise RuntimeError("an exchange can be applied once it has been validated")
                self._result = self._operation()
                self.applied = self._result.status < 400
            return self._result


class Interceptor(Protocol):
    """Somebody who wants to intervene, such as a plan of faults."""

    def connected(self, api: str) -> None:
        """A client has connected, and nothing was read from it. May raise `Hangup`."""

    def reached(self, phase: Phase, exchange: Exchange) -> None:
        """An exchange has reached a phase. May do what the module's text says."""
