"""HTTP/1.1 over plain sockets on loopback, with one thread per connection.

http.server parses the heads of requests. Accepting, bodies, writing and closing are done here, so
that an interceptor can misbehave on the real socket, and so that closing is prompt.
"""

from __future__ import annotations

import contextlib
import errno
import selectors
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler
from typing import Any, Protocol, cast

from .exchange import Answer, Exchange, Hangup, Phase
from .problems import INVALID_INPUT, Problem
from .records import Journal, RecordedRequest

LOOPBACK = "127.0.0.1"
MAXIMUM_BODY = 16 * 1024 * 1024
_CLOSING_GRACE = 1.0
_DRAINING = 1.0
_LONGEST_LINE = 65_536


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


class Listener:
    """One listening socket with its connections.

    Args:
        service: who answers.
        port: port to listen on, 0 for a free one.
        requests: where the requests are recorded.
        idle_timeout: seconds after which a connection is closed on which nothing happens.
    """

    def __init__(
        self,
        service: Service,
        port: int,
        requests: Journal[RecordedRequest],
        idle_timeout: float,
    ) -> None:
        self.service = service
        self.requests = requests
        self.idle_timeout = idle_timeout
        self.closing = threading.Event()
        self._socket = socket.create_server((LOOPBACK, port), backlog=256)
        self._socket.setblocking(False)
        self.port: int = self._socket.getsockname()[1]
        self._wake, self._waker = socket.socketpair()
        self._connections: dict[_Connection, threading.Thread] = {}
        self._lock = threading.Lock()
        name = f"invigilate-sandbox-{service.name}"
        self._thread = threading.Thread(target=self._accept, name=name, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening and end all connections; exchanges under way get a moment to finish."""
        if self.closing.is_set():
            return
        self.closing.set()
        self._waker.send(b"x")
        self._thread.join()
        for each in (self._socket, self._wake, self._waker):
            each.close()
        with self._lock:
            connections = dict(self._connections)
        for connection in connections:
            connection.close_when_idle()
        deadline = time.monotonic() + _CLOSING_GRACE
        for connection, thread in connections.items():
            thread.join(max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                connection.shut_down()
                thread.join(0.2)

    def _accept(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, selectors.EVENT_READ)
            selector.register(self._wake, selectors.EVENT_READ)
            while not self.closing.is_set():
                selector.select()
                try:
                    client, address = self._socket.accept()
                except BlockingIOError:
                    continue
                except OSError as error:
                    if error.errno in (errno.EMFILE, errno.ENFILE):
                        self.closing.wait(0.05)  # until some other connection has ended
                    continue
                try:
                    self._begin(client, address)
                except (OSError, RuntimeError):
                    client.close()  # the client has gone again, or there is no thread left

    def _begin(self, client: socket.socket, address: Any) -> None:
        connection = _Connection(self, client, address)
        thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
        with self._lock:
            self._connections[connection] = thread
        try:
            thread.start()
        except RuntimeError:
            with self._lock:
                del self._connections[connection]
            raise

    def _serve(self, connection: _Connection) -> None:
        try:
            connection.serve()
        finally:
            with self._lock:
                self._connections.pop(connection, None)


class _Connection:
    """One client's connection. Interceptors know it as `exchange.Connection`."""

    def __init__(self, listener: Listener, client: socket.socket, address: Any) -> None:
        client.setblocking(True)
        client.settimeout(listener.idle_timeout)
        # An answer is written at once, so there is nothing to wait for.
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        self.listener = listener
        self.exchanges = 0
        self.unread = False
        """Whether the client may still be sending when the connection ends."""
        self._socket = client
        self._address = address
        self._busy = False
        self._lock = threading.Lock()

    def send(self, data: bytes) -> None:
        """Write bytes to the socket."""
        self._socket.sendall(data)

    def wait(self, seconds: float) -> bool:
        """Do nothing for a while; true when the sandbox is closing."""
        return self.listener.closing.wait(seconds)

    def serve(self) -> None:
        """Read and answer requests until either side ends the connection."""
        reset = False
        try:
            self.listener.service.connected()
            _Handler(self, self._socket, self._address)
        except Hangup as hangup:
            reset = hangup.reset
        except OSError:
            pass  # the client has gone, or kept silent for too long
        finally:
            with contextlib.suppress(OSError):
                if reset:
                    # Lingering for no time makes the close a reset.
                    linger = struct.pack("ii", 1, 0)
                    self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                else:
                    self._socket.shutdown(socket.SHUT_WR)
                    if self.unread:
                        self._drain()
            self._socket.close()

    def _drain(self) -> None:
        # Closing with unread bytes resets the connection, and the client would lose the answer.
        self._socket.settimeout(_DRAINING)
        deadline = time.monotonic() + _DRAINING
        while self._socket.recv(_LONGEST_LINE) and time.monotonic() < deadline:
            pass

    def begin(self) -> bool:
        """Say that a request has begun; false when the sandbox is closing."""
        with self._lock:
            self._busy = not self.listener.closing.is_set()
            return self._busy

    def end(self) -> None:
        """Say that an exchange is over."""
        with self._lock:
            self._busy = False
            self.exchanges += 1

    def close_when_idle(self) -> None:
        """End the connection now if no exchange is under way."""
        with self._lock:
            if not self._busy:
                self.shut_down()

    def shut_down(self) -> None:
        """End the connection now."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    """Parses requests. One lives as long as its connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def __init__(self, connection: _Connection, client: socket.socket, address: Any) -> None:
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
        self.raw_requestline = self.rfile.readline(_LONGEST_LINE + 1)
        if not self.raw_requestline or not self._client.begin():
            return
        try:
            if len(self.raw_requestline) > _LONGEST_LINE:
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
        status = None
        recorded = False

        def record() -> None:
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
            close = self.close_connection or self._client.listener.closing.is_set()
            self.close_connection = close
            data = answer.to_bytes(close=close, bodiless=exchange.method == "HEAD")
            if exchange.transmit is None:
                # Recorded first: whoever has the answer finds the request in the list.
                status = answer.status
                record()
                self._client.send(data)
            else:
                exchange.transmit(data)
                status = answer.status
            self._service.reach(Phase.ANSWERED, exchange)
        finally:
            record()

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
            line = self.rfile.readline(_LONGEST_LINE)
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
        while self.rfile.readline(_LONGEST_LINE).strip():
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
