"""Reads requests and writes answers; http.server parses their heads.

Bodies and writing are done here, so that an interceptor can misbehave on the real socket.
"""

from __future__ import annotations

import contextlib
import socket
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, Protocol, cast

from .exchange import Answer, Exchange, Phase
from .problems import INVALID_INPUT, Problem
from .records import RecordedRequest

if TYPE_CHECKING:
    from .listener import ClientConnection

MAXIMUM_BODY = 16 * 1024 * 1024
LONGEST_LINE = 65_536


class Service(Protocol):
    """What answers requests: an `Api` of any state."""

    base_url: str
    """Address that the API is reached at."""

    @property
    def name(self) -> str:
        """Name of the API."""
        ...

    def connected(self) -> None:
        """A client has connected."""

    def identify(self, exchange: Exchange) -> None:
        """Find the operation."""

    def reach(self, phase: Phase, exchange: Exchange) -> None:
        """A phase is reached."""

    def respond(self, exchange: Exchange) -> Answer:
        """Make the answer."""
        ...

    def refuse(self, problem: Problem) -> Answer:
        """Make an answer out of a problem."""
        ...


class Handler(BaseHTTPRequestHandler):
    """Parses requests. One lives as long as its connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def __init__(self, connection: ClientConnection, client: socket.socket, address: Any) -> None:
        self._client = connection
        self._service = connection.listener.service
        # Nothing that is used here asks for the server.
        super().__init__(client, address, cast(Any, None))

    def finish(self) -> None:
        """Close the files; the socket is closed by the connection."""
        with contextlib.suppress(OSError):
            super().finish()

    def handle_one_request(self) -> None:
        """Read one request and answer it."""
        self.close_connection = True
        self.raw_requestline = self.rfile.readline(LONGEST_LINE + 1)
        if not self.raw_requestline or not self._client.begin():
            return
        try:
            if len(self.raw_requestline) > LONGEST_LINE:
                self.requestline = self.request_version = self.command = ""
                self.send_error(414)
            elif self.parse_request():
                self._exchange()
        finally:
            self._client.end()

    def _exchange(self) -> None:
        path, _, query = self.path.partition("?")
        if path.startswith("http://"):  # as a client writes it that takes this for a proxy
            path = "/" + path.split("/", 3)[3] if path.count("/") > 2 else "/"
        exchange = Exchange(
            api=self._service.name,
            method=self.command,
            path=path,
            query=query,
            headers=self._headers(),
            connection=self._client,
        )
        recorded = False

        def record(status: int | None) -> None:
            # Before anything is written: whoever has the answer finds the request in the list.
            nonlocal recorded
            if not recorded:
                recorded = True
                self._client.listener.requests.add(
                    RecordedRequest(exchange.api, exchange.method, path, query, exchange.operation_id, status)
                )

        try:
            self._service.identify(exchange)
            self._service.reach(Phase.ANNOUNCED, exchange)
            try:
                exchange.body = self._body()
            except Problem as problem:
                # Where the next request begins is not known now.
                self.close_connection = self._client.unread = True
                answer = self._service.refuse(problem)
            else:
                answer = self._service.respond(exchange)
            self.close_connection = close = self.close_connection or self._client.listener.ends_connections
            data = answer.to_bytes(close=close, bodiless=exchange.method == "HEAD")
            record(answer.status)
            (exchange.transmit or self._client.send)(data)
            self._service.reach(Phase.ANSWERED, exchange)
        finally:
            record(None)
            self._service.reach(Phase.OVER, exchange)

    def _headers(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        for name, value in self.headers.items():
            name = name.lower()
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        return headers

    def _body(self) -> bytes:
        coding = self.headers.get("Transfer-Encoding", "").strip().lower()
        lengths = {value.strip() for value in self.headers.get_all("Content-Length", [])}
        if coding and (coding != "chunked" or lengths):
            raise Problem(400, INVALID_INPUT, "The body's length is not clear.")
        if coding:
            return self._chunks()
        if not lengths:
            return b""
        length = lengths.pop()
        if lengths or not (length.isascii() and length.isdigit()):
            raise Problem(400, INVALID_INPUT, "Content-Length is no number.")
        return self._read(self._allowed(int(length)))

    def _chunks(self) -> bytes:
        body = b""
        while True:
            line = self.rfile.readline(LONGEST_LINE)
            digits = line.partition(b";")[0].strip()
            try:
                # int() takes signs, blanks and underscores as well.
                size = int(digits, 16) if digits.isalnum() else -1
            except ValueError:
                size = -1
            if size < 0:
                raise Problem(400, INVALID_INPUT, "The body is not well chunked.")
            if size == 0:
                break
            self._allowed(len(body) + size)
            body += self._read(size)
            if self._read(2) != b"\r\n":
                raise Problem(400, INVALID_INPUT, "The body is not well chunked.")
        while self.rfile.readline(LONGEST_LINE).strip():
            pass  # trailers
        return body

    def _allowed(self, length: int) -> int:
        if length > MAXIMUM_BODY:
            raise Problem(413, INVALID_INPUT, "The body is too large.")
        return length

    def _read(self, length: int) -> bytes:
        data = self.rfile.read(length)
        if len(data) < length:
            # Half a request is no request: the client went away while it was sending.
            raise ConnectionAbortedError
        return data

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse a request whose head cannot be read, in the shape of the API's errors."""
        self.close_connection = self._client.unread = True
        answer = self._service.refuse(Problem(int(code), INVALID_INPUT, message or "The request cannot be read."))
        self._client.send(answer.to_bytes(close=True))

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: requests are recorded, and nothing of them belongs on a terminal."""
