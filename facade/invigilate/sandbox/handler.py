"""Reads requests and writes responses; http.server parses the heads.

Bodies are read and responses written here, so that an interceptor can misbehave on the real socket.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, Protocol, cast

from .exchange import Connection, Exchange, Phase, Response
from .local import is_preflight, refuse_web_pages, share
from .problems import INVALID_INPUT, Problem
from .records import RecordedRequest

if TYPE_CHECKING:
    from .listener import ClientConnection

MAXIMUM_BODY = 16 * 1024 * 1024
LONGEST_LINE = 65_536


class Service(Protocol):
    """What responds to requests: an `Api`, or the control endpoint."""

    base_url: str
    """URL that it is reached at."""

    @property
    def name(self) -> str:
        """Key of the API."""
        ...

    def connected(self) -> None:
        """A client has connected."""

    def open(self, method: str, path: str, query: str, headers: Mapping[str, str], connection: Connection) -> Exchange:
        """Begin an exchange."""
        ...

    def identify(self, exchange: Exchange) -> None:
        """Find the operation."""

    def reach(self, phase: Phase, exchange: Exchange) -> None:
        """A phase is reached."""

    def respond(self, exchange: Exchange) -> Response:
        """Build the response."""
        ...

    def refuse(self, problem: Problem, *inferred: str) -> Response:
        """Build the response for a problem."""
        ...


class Handler(BaseHTTPRequestHandler):
    """Parses the requests of one connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def __init__(self, connection: ClientConnection, client: socket.socket, address: Any) -> None:
        self._client = connection
        self._service = connection.listener.service
        # The base class stores the server; nothing used here reads it.
        super().__init__(client, address, cast(Any, None))

    def finish(self) -> None:
        """Close the files; the connection closes the socket."""
        with contextlib.suppress(OSError):
            super().finish()

    def handle_one_request(self) -> None:
        """Read one request and respond to it."""
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
            # The sandbox may have begun to close while the response was under way.
            self.close_connection = self.close_connection or self._client.listener.ends_connections

    def _exchange(self) -> None:
        path, _, query = self.path.partition("?")
        if path.startswith("http://"):  # from a client that takes this for a proxy
            path = "/" + path.split("/", 3)[3] if path.count("/") > 2 else "/"
        exchange = self._service.open(self.command, path, query, self._headers(), self._client)
        recorded = False

        def record(status: int | None) -> None:
            # Before anything is written, so that a client with its response finds the request in the journal.
            nonlocal recorded
            if not recorded:
                recorded = True
                self._client.listener.requests.add(
                    RecordedRequest(exchange.api, exchange.method, path, query, exchange.operation_id, status)
                )

        page = self._client.listener.page
        early = self._screen(exchange, page) if page else None
        reach = self._service.reach if early is None else _skip
        try:
            self._service.identify(exchange)
            reach(Phase.ANNOUNCED, exchange)
            try:
                exchange.body = self._body()
            except Problem as problem:
                # It is unclear now where the next request begins.
                self.close_connection = self._client.unread = True
                response = self._service.refuse(problem, "unreadable-request")
            else:
                self._client.respond()
                response = early or self._service.respond(exchange)
            if page:
                response = share(response, exchange, page)
            self.close_connection = close = self.close_connection or self._client.listener.ends_connections
            data = response.to_bytes(close=close, bodiless=exchange.method == "HEAD")
            record(response.status)
            (exchange.transmit or self._client.send)(data)
            reach(Phase.SENT, exchange)
        finally:
            record(None)
            reach(Phase.OVER, exchange)

    def _screen(self, exchange: Exchange, page: str) -> Response | None:
        """The response for another web page, or a preflight: neither reaches the API, nor faults."""
        try:
            refuse_web_pages(exchange.headers, page)
        except Problem as problem:
            return self._service.refuse(problem)
        return Response(204, b"") if is_preflight(exchange) else None

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
            raise Problem(400, INVALID_INPUT, "Content-Length is not a number.")
        return self._read(self._allowed(int(length)))

    def _chunks(self) -> bytes:
        body = b""
        while True:
            line = self.rfile.readline(LONGEST_LINE)
            digits = line.partition(b";")[0].strip()
            try:
                # int() accepts signs, blanks and underscores as well.
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
            # The client went away while it was sending: half a request is ignored.
            raise ConnectionAbortedError
        return data

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse a request whose head cannot be read, in the shape of the API's errors."""
        self.close_connection = self._client.unread = True
        problem = Problem(int(code), INVALID_INPUT, message or "The request cannot be read.")
        self._client.send(self._service.refuse(problem, "unreadable-request").to_bytes(close=True))

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: requests are recorded, and do not belong on a terminal."""


def _skip(_phase: Phase, _exchange: Exchange) -> None:
    """Reach no phase."""
