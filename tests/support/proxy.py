"""An HTTP proxy on 127.0.0.1, for plain requests and for CONNECT, that reaches any host name where a test says.

No name is ever looked up, so that a test can use `api.example.test` without leaving this machine.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

PATIENCE = 10.0


class Proxy:
    """Forwards to the servers that it knows. A context manager.

    Args:
        hosts: port on 127.0.0.1 by host name, without a port.
        refuse: status with which to refuse everything.

    Attributes:
        heads: what clients sent to the proxy itself, as text: request lines and headers, before any tunnel.
        tunnelled: everything that went from clients through tunnels.
    """

    def __init__(self, hosts: Mapping[str, int], *, refuse: int | None = None) -> None:
        self.heads: list[str] = []
        self.tunnelled = b""
        self._hosts = dict(hosts)
        self._refuse = refuse
        self._stopping = threading.Event()
        self._guard = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._guard:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE)

    @property
    def lines(self) -> list[str]:
        """The request lines that came."""
        return [head.splitlines()[0] for head in self.heads]

    def _start(self, target: object, *arguments: object) -> threading.Thread:
        thread = threading.Thread(target=target, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()
        return thread

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._keep(client)
            self._start(self._serve, client)

    def _keep(self, connection: socket.socket) -> None:
        connection.settimeout(PATIENCE)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._guard:
            self._open.add(connection)

    def _drop(self, *connections: socket.socket) -> None:
        for connection in connections:
            with self._guard:
                self._open.discard(connection)
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _serve(self, client: socket.socket) -> None:
        try:
            with contextlib.suppress(OSError):
                self._exchange(client)
        finally:
            self._drop(client)

    def _exchange(self, client: socket.socket) -> None:
        head, rest = _read_head(client)
        if not head:
            return
        with self._guard:
            self.heads.append(head.decode("latin-1"))
        method, target, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
        if self._refuse is not None:
            body = b"<html>the proxy refuses</html>"
            client.sendall(
                b"HTTP/1.1 %d Refused\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (self._refuse, len(body))
            )
            client.sendall(body)
            return
        host = target.rpartition(":")[0] if method == "CONNECT" else urlsplit(target).hostname
        if host not in self._hosts:
            client.sendall(b"HTTP/1.1 502 Unknown host\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        server = socket.create_connection(("127.0.0.1", self._hosts[host]), PATIENCE)
        self._keep(server)
        try:
            if method == "CONNECT":
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                first = rest
            else:
                first = _forwarded(head, target) + rest
            self._tunnel(client, server, first)
        finally:
            self._drop(server)

    def _tunnel(self, client: socket.socket, server: socket.socket, first: bytes) -> None:
        if first:
            server.sendall(first)
        back = self._start(self._pump, server, client, False)
        self._pump(client, server, True)
        back.join(PATIENCE)

    def _pump(self, source: socket.socket, sink: socket.socket, kept: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if kept:
                    with self._guard:
                        self.tunnelled += data
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


def _read_head(client: socket.socket) -> tuple[bytes, bytes]:
    data = b""
    while b"\r\n\r\n" not in data:
        received = client.recv(65536)
        if not received:
            return b"", b""
        data += received
    head, _, rest = data.partition(b"\r\n\r\n")
    return head + b"\r\n\r\n", rest


def _forwarded(head: bytes, target: str) -> bytes:
    """A request as the server shall have it: for one exchange, with a relative target, and nothing for the proxy."""
    line, *headers = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    parts = urlsplit(target)
    relative = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    method, _, version = line.split(b" ")
    kept = [header for header in headers if not header.lower().startswith((b"proxy-", b"connection:"))]
    return b"\r\n".join([b" ".join([method, relative.encode(), version]), *kept, b"Connection: close", b"", b""])
