"""One request with its response, and the moments at which an interceptor may step in.

An exchange passes through the phases below. At each one the sandbox calls its interceptors, which may

- rewrite `exchange.query` before VALIDATED;
- set `exchange.response`: before APPLIED, nothing is applied then; at APPLIED, it replaces the operation's response
  (which has been checked against the spec already);
- call `exchange.apply()` themselves, now or later from another thread: it applies at most once;
- raise `Hangup`, which ends the connection without a response, with a TCP reset if wanted;
- set `exchange.transmit` to a function that writes the bytes in its own way;
- wait with `exchange.connection.wait()`, which returns early when the sandbox is closing.

The faults of `invigilate.sandbox.faults` use nothing else.
"""

from __future__ import annotations

import enum
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Protocol

from .documents import Document
from .json_values import encode
from .problems import Problem


class Phase(enum.Enum):
    """How far an exchange has come."""

    ANNOUNCED = "announced"
    """The head of the request was read, and not yet its body."""
    RECEIVED = "received"
    """The whole request was read."""
    VALIDATED = "validated"
    """The request is allowed and valid. Refused ones do not reach this phase."""
    APPLIED = "applied"
    """The response is ready; `exchange.applied` says whether the operation was executed."""
    SENT = "sent"
    """The response was written to the socket."""
    OVER = "over"
    """The exchange has ended, one way or another. Interceptors must not raise here."""


class Hangup(Exception):
    """Ends the connection; `reset` chooses a TCP reset."""

    def __init__(self, *, reset: bool = False) -> None:
        super().__init__("the connection ends here")
        self.reset = reset


@dataclass(slots=True)
class Response:
    """A status, headers, and a body of bytes."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def json(cls, data: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
        """A response whose body is JSON."""
        return cls(status, encode(data), {"Content-Type": "application/json", **(headers or {})})

    def to_bytes(self, *, close: bool, bodiless: bool = False) -> bytes:
        """The response as it goes over the wire; `Content-Length` is added unless it was set."""
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
        """Sleep; true when the sandbox is closing."""
        ...


@dataclass(eq=False)
class Exchange:
    """One request and its response.

    Attributes:
        api: key of the API.
        method: HTTP method.
        path: path as it was sent.
        query: query as it was sent.
        headers: headers by lower-case name; values of a repeated one are joined with a comma.
        connection: the connection that it came on.
        document: the spec of the API.
        refuse: builds an error response in the shape of the API.
        operation_id: operation in the spec, None when path or method are unknown.
        body: the request's body; empty until RECEIVED.
        response: the response, once there is one.
        applied: whether the operation was executed.
        transmit: writes the bytes of the response, in place of `connection.send`.
    """

    api: str
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    connection: Connection
    document: Document
    refuse: Callable[[Problem], Response]
    operation_id: str | None = None
    body: bytes = b""
    response: Response | None = None
    applied: bool = False
    transmit: Callable[[bytes], None] | None = None
    _operation: Callable[[], Response] | None = None
    _result: Response | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def prepare(self, operation: Callable[[], Response]) -> None:
        """Set what `apply` executes. Called by the sandbox at VALIDATED."""
        self._operation = operation

    def apply(self) -> Response:
        """Execute the operation, unless that was done already, and return its response."""
        with self._lock:
            if self._result is None:
                if self._operation is None:
                    raise RuntimeError("an exchange can be applied once it has been validated")
                self._result = self._operation()
                self.applied = self._result.status < 400
            return self._result


class Interceptor(Protocol):
    """Something that steps in, such as a plan of faults."""

    def connected(self, api: str) -> None:
        """A client has connected, and nothing was read from it. May raise `Hangup`."""

    def reached(self, phase: Phase, exchange: Exchange) -> None:
        """An exchange has reached a phase. May do what the module's docstring says."""
