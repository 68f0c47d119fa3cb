"""A recorder on loopback: keeps each request as it was on the wire, and passes it on or answers it.

Contract tests put it between a client and a server, and then assert what was sent, byte for byte.
It is made of the standard library alone, so that it shares no code, and no mistake, with the client
under test.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

# These belong to one connection, and are made anew for the next.
HOP_BY_HOP = frozenset(
    {
        "connection",
        "content-length",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """One request as it arrived."""

    method: str
    target: str
    """The request target of the request line, untouched: still percent-encoded, with the query."""
    headers: tuple[tuple[str, str], ...]
    """In order, with their spelling, repeated ones repeated."""
    body: bytes

    @property
    def path(self) -> str:
        """The path, still percent-encoded."""
        return self.target_parts[0]

    @property
    def query(self) -> str:
        """The query, still percent-encoded, without its question mark."""
        return self.target_parts[1]

    @property
    def target_parts(self) -> tuple[str, str]:
        """Path and query. By hand: urlsplit takes what follows two slashes for a host."""
        target = self.target
        if "://" in target.partition("?")[0]:  # the absolute form, as sent to a proxy
            rest = target.partition("://")[2]
            slash = rest.find("/")
            target = rest[slash:] if slash >= 0 else "/"
        path, _, query = target.partition("?")
        return path, query

    @property
    def query_pairs(self) -> list[tuple[str, str]]:
        """The decoded query, in order, repeated keys repeated, empty values kept."""
        return parse_qsl(self.query, keep_blank_values=True, strict_parsing=bool(self.query))

    def header(self, name: str) -> str | None:
        """The value of a header that was sent once; None where it was not sent."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        if len(values) > 1:
            raise AssertionError(f"header {name} was sent {len(values)} times: {values}")
        return values[0] if values else None

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back to the client."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of_json(cls, value: object, status: int = 200) -> Answer:
        """A JSON answer."""
        body = json.dumps(value).encode()
        return cls(status, body, (("Content-Type", "application/json"),))


Answerer = Callable[[RecordedRequest], Answer]


def forward_to(upstream: str, timeout: float = 30.0) -> Answerer:
    """An answerer that passes each request on to the server at this URL, a path in it included."""
    parts = urlsplit(upstream)
    if parts.scheme != "http" or parts.hostname is None:
        raise ValueError(f"upstream must be a plain http URL, not {upstream!r}")
    host, port, prefix = parts.hostname, parts.port or 80, parts.path.rstrip("/")

    def forward(request: RecordedRequest) -> Answer:
        path, query = request.target_parts
        target = prefix + path + (f"?{query}" if query else "")
        connection = http.client.HTTPConnection(host, port, timeout=timeout)
        try:
            # By hand, for the same headers in the same order, none added but these two.
            connection.putrequest(request.method, target, skip_host=True, skip_accept_encoding=True)
            connection.putheader("Host", f"{host}:{port}")
            for name, value in request.headers:
                if name.lower() not in HOP_BY_HOP and name.lower() != "host":
                    connection.putheader(name, value)
            if request.body or request.header("content-length") is not None:
                connection.putheader("Content-Length", str(len(request.body)))
            connection.endheaders(request.body or None)
            response = connection.getresponse()
            return Answer(response.status, response.read(), tuple(response.getheaders()))
        finally:
            connection.close()

    return forward


@dataclass
class Recorder:
    """A server on 127.0.0.1 that records requests. A context manager: it serves while entered.

    `answer` decides what goes back: `forward_to(url)` for a recording proxy, or any function of the
    request. With `tls`, a server-side context, it speaks HTTPS.
    """

    answer: Answerer
    tls: ssl.SSLContext | None = None
    requests: list[RecordedRequest] = field(default_factory=list[RecordedRequest])
    statuses: list[int] = field(default_factory=list[int])
    connections: int = 0
    """How many connections were opened: fewer than requests, where they are reused."""

    def __post_init__(self) -> None:
        self._server = _Server(self)

    @property
    def url(self) -> str:
        """The base URL, without a slash at the end."""
        scheme = "http" if self.tls is None else "https"
        return f"{scheme}://127.0.0.1:{self._server.server_port}"

    def only(self) -> RecordedRequest:
        """The one request that was recorded; an AssertionError when there were none or more."""
        if len(self.requests) != 1:
            lines = [f"{request.method} {request.target}" for request in self.requests]
            raise AssertionError(f"expected one request, recorded {len(lines)}: {lines}")
        return self.requests[0]

    def clear(self) -> None:
        """Forget what was recorded."""
        self.requests.clear()
        self.statuses.clear()

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop serving, and drop the connections that clients still hold."""
        self._server.stop()


class _Server(ThreadingHTTPServer):
    """One thread per connection. Bound at once, for the port; serving from start() on."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, recorder: Recorder) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.recorder = recorder
        self.guard = threading.Lock()
        self._open: set[socket.socket] = set()
        self._thread: threading.Thread | None = None

    def server_bind(self) -> None:
        # Past HTTPServer's own, which asks the resolver for a name: that can take seconds.
        socketserver.TCPServer.server_bind(self)
        self.server_name = "127.0.0.1"
        self.server_port = self.socket.getsockname()[1]

    def start(self) -> None:
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        if self._thread is not None:
            self.shutdown()
            self._thread.join()
            self._thread = None
        with self.guard:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        # Waits for the threads of the connections, which have nothing left to read.
        self.server_close()

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        if self.recorder.tls is not None:
            # The handshake happens at the first read, in the connection's own thread.
            connection = self.recorder.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        with self.guard:
            self.recorder.connections += 1
            self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        with self.guard:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that goes away is part of many tests. What else goes wrong is a 500 of ours.
        pass


class _Handler(BaseHTTPRequestHandler):
    """Reads one request after the other from a connection."""

    protocol_version = "HTTP/1.1"
    # Head and body are written apart; waiting to fill a packet would cost 40 ms a request.
    disable_nagle_algorithm = True
    server: _Server

    def __getattr__(self, name: str) -> Callable[[], None]:
        # BaseHTTPRequestHandler looks for do_GET, do_PUT and so on; every method is handled alike.
        if name.startswith("do_"):
            return self._handle
        raise AttributeError(name)

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _handle(self) -> None:
        recorder = self.server.recorder
        # Not self.path: the base class strips slashes from it.
        target = self.requestline.split(" ")[1]
        request = RecordedRequest(self.command, target, tuple(self.headers.items()), self._read_body())
        with self.server.guard:
            recorder.requests.append(request)
        try:
            answer = recorder.answer(request)
        except Exception as error:
            reason = f"recorder: {type(error).__name__}: {error}"
            answer = Answer(500, reason.encode(), (("Content-Type", "text/plain"),))
            self.close_connection = True
        with self.server.guard:
            recorder.statuses.append(answer.status)
        self._send(answer)

    def _read_body(self) -> bytes:
        if "chunked" in (self.headers.get("Transfer-Encoding") or "").lower():
            return b"".join(self._read_chunks())
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _read_chunks(self) -> Iterable[bytes]:
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass  # trailers

    def _send(self, answer: Answer) -> None:
        self.send_response_only(answer.status)
        for name, value in answer.headers:
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        bodiless = answer.status in (204, 304)
        if not bodiless:
            self.send_header("Content-Length", str(len(answer.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if not bodiless and self.command != "HEAD":
            self.wfile.write(answer.body)
