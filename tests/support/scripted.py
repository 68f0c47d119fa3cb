"""A server on 127.0.0.1 that a test plays byte by byte, with bare sockets: it can break every rule of HTTP."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

PATIENCE = 10.0
"""Seconds after which a connection is given up, so that no thread outlives its test for long."""


class Peer:
    """The server's end of one connection.

    Attributes:
        number: connections are counted from 1.
        requests: how many were read on this connection.
    """

    def __init__(self, server: Scripted, connection: socket.socket, number: int) -> None:
        self.number = number
        self.requests = 0
        self._server = server
        self._socket = connection
        self._buffer = b""

    def read(self) -> bytes | None:
        """Read one request, head and body; None when the client has closed."""
        while b"\r\n\r\n" not in self._buffer:
            if not self._receive():
                return None
        head, _, rest = self._buffer.partition(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        while len(rest) < length:
            if not self._receive():
                return None
            rest = self._buffer.partition(b"\r\n\r\n")[2]
        self._buffer = rest[length:]
        self.requests += 1
        request = head + b"\r\n\r\n" + rest[:length]
        with self._server.guard:
            self._server.requests.append(request)
        return request

    def _receive(self) -> bool:
        data = self._socket.recv(65536)
        self._buffer += data
        return bool(data)

    def send(self, data: bytes) -> None:
        """Write bytes."""
        self._socket.sendall(data)

    def close(self) -> None:
        """Close as a server does that wants no more: the client sees the end of the stream."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def reset(self) -> None:
        """Close with a TCP reset."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def wait(self, seconds: float) -> None:
        """Do nothing for a while, or until the server is stopped."""
        self._server.stopping.wait(seconds)

    def idle_for(self, seconds: float) -> bool:
        """Wait for more from the client: whether nothing came in that time."""
        self._socket.settimeout(seconds)
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            return True
        finally:
            self._socket.settimeout(PATIENCE)
        return False


Script = Callable[[Peer], None]


class Scripted:
    """Runs a script for each connection, in a thread of its own. A context manager.

    Attributes:
        requests: the requests that were read, as bytes.
        connections: how many were accepted.
        gone: how many connections have ended, by the script or by the client.
    """

    def __init__(self, script: Script, *, port: int = 0) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self.gone = 0
        self.guard = threading.Lock()
        self.stopping = threading.Event()
        self._script = script
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", port))
        self._listener.listen(64)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        thread = threading.Thread(target=self._accept, daemon=True)
        self._threads.append(thread)
        thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self.guard:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE)

    def _accept(self) -> None:
        while not self.stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            # Head and body are often written apart; waiting to fill a packet would cost 40 ms.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.settimeout(PATIENCE)
            with self.guard:
                self.connections += 1
                self._open.add(connection)
                peer = Peer(self, connection, self.connections)
            thread = threading.Thread(target=self._serve, args=(peer, connection), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, peer: Peer, connection: socket.socket) -> None:
        try:
            # A client that goes away, or a test that ends, ends the script.
            with contextlib.suppress(OSError):
                self._script(peer)
            with contextlib.suppress(OSError):
                peer.close()
        finally:
            with self.guard:
                self._open.discard(connection)
                self.gone += 1

    def wait_until(self, condition: Callable[[Scripted], bool], seconds: float = 5.0) -> bool:
        """Wait until something has come about; false if it has not in this time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with self.guard:
                if condition(self):
                    return True
            time.sleep(0.005)
        return False


def answer(body: object, status: int = 200, *headers: str) -> bytes:
    """A whole answer with a JSON body."""
    return answer_of(json.dumps(body).encode(), status, "Content-Type: application/json", *headers)


def answer_of(body: bytes, status: int = 200, *headers: str) -> bytes:
    """A whole answer with any body."""
    return head(status, f"Content-Length: {len(body)}", *headers) + body


def head(status: int, *headers: str) -> bytes:
    """Status line and headers."""
    return "\r\n".join([f"HTTP/1.1 {status} Reason", *headers, "", ""]).encode("latin-1")


def serve(*answers: bytes) -> Script:
    """A script that answers each request of a connection, the last answer again and again."""

    def script(peer: Peer) -> None:
        while peer.read() is not None:
            peer.send(answers[min(peer.requests, len(answers)) - 1])

    return script
