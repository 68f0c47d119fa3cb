"""Listens on loopback, with one thread per connection.

Accepting and closing are implemented here, so that the listening socket can be closed for a while, and so that closing
is prompt.
"""

from __future__ import annotations

import contextlib
import errno
import selectors
import socket
import struct
import threading
import time
from typing import Any

from .exchange import Hangup
from .handler import LONGEST_LINE, Handler, Service
from .records import Journal, RecordedRequest

LOOPBACK = "127.0.0.1"
_BACKLOG = 256
_DRAINING = 1.0
_PATIENCE = 2.0
_PARTING = 0.2


class Listener:
    """One listening socket with its connections.

    Args:
        service: what responds.
        port: port to listen on, 0 for a free one.
        requests: where the requests are recorded.
        idle_timeout: seconds after which an idle connection is closed.
        page: origin of the web page that may send requests, when others are refused; None adds no CORS headers.
    """

    def __init__(
        self,
        service: Service,
        port: int,
        requests: Journal[RecordedRequest],
        idle_timeout: float,
        page: str | None = None,
    ) -> None:
        self.service = service
        self.requests = requests
        self.idle_timeout = idle_timeout
        self.page = page
        self.closing = threading.Event()
        self._socket = socket.create_server((LOOPBACK, port), backlog=_BACKLOG)
        self._socket.setblocking(False)
        self.port: int = self._socket.getsockname()[1]
        self._wake, self._waker = socket.socketpair()
        self._refuse_until = 0.0
        self._refusing = threading.Event()
        self._listening = threading.Event()
        self._listening.set()
        self._connections: dict[ClientConnection, threading.Thread] = {}
        self._lock = threading.Lock()
        self._name = f"invigilate-sandbox-{service.name}"
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    @property
    def ends_connections(self) -> bool:
        """Whether connections end with their current exchange."""
        return self.closing.is_set() or self._refusing.is_set()

    def refuse(self, seconds: float) -> None:
        """Refuse connections for a while, from when this returns, and end the idle ones."""
        if not self.closing.is_set():
            self._refuse_until = time.monotonic() + seconds
            self._waker.send(b"x")
            self._refusing.wait(_PATIENCE)

    def reopen(self) -> None:
        """Listen again, from when this returns."""
        if not self.closing.is_set():
            self._refuse_until = 0.0
            self._waker.send(b"x")
            self._listening.wait(_PATIENCE)

    def stop(self) -> None:
        """Stop listening, and end all connections but those whose request is being responded to."""
        if self.closing.is_set():
            return
        self.closing.set()
        self._waker.send(b"x")
        self._thread.join()
        for each in (self._socket, self._wake, self._waker):
            each.close()
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            connection.close_unless_responding()

    def join(self, deadline: float) -> None:
        """Wait for exchanges under way until the deadline, on the monotonic clock, and end them then."""
        with self._lock:
            connections = dict(self._connections)
        for connection, thread in connections.items():
            thread.join(max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                connection.shut_down()
        for thread in connections.values():
            thread.join(max(0.0, deadline + _PARTING - time.monotonic()))

    def _end_idle_connections(self) -> None:
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            connection.close_when_idle()

    def _run(self) -> None:
        while not self.closing.is_set():
            if time.monotonic() < self._refuse_until:
                self._refuse()
            with selectors.DefaultSelector() as selector:
                selector.register(self._socket, selectors.EVENT_READ)
                selector.register(self._wake, selectors.EVENT_READ)
                while not (self.closing.is_set() or time.monotonic() < self._refuse_until):
                    self._accept({key.fileobj for key, _ in selector.select()})

    def _refuse(self) -> None:
        self._socket.close()
        # Bound and not listening: connections are refused, and no other process gets the port.
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((LOOPBACK, self.port))
        self._socket.setblocking(False)
        self._listening.clear()
        self._refusing.set()
        self._end_idle_connections()
        with selectors.DefaultSelector() as selector:
            selector.register(self._wake, selectors.EVENT_READ)
            while not self.closing.is_set() and (left := self._refuse_until - time.monotonic()) > 0:
                if selector.select(left):
                    self._wake.recv(LONGEST_LINE)
        self._refusing.clear()
        if not self.closing.is_set():
            self._socket.listen(_BACKLOG)
        self._listening.set()

    def _accept(self, ready: set[Any]) -> None:
        if self._wake in ready:
            self._wake.recv(LONGEST_LINE)
        if self._socket not in ready:
            return
        try:
            client, address = self._socket.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                self.closing.wait(0.05)  # until some other connection has ended
            return
        try:
            self._begin(client, address)
        except (OSError, RuntimeError):
            client.close()  # the client has gone again, or there is no thread left

    def _begin(self, client: socket.socket, address: Any) -> None:
        connection = ClientConnection(self, client, address)
        thread = threading.Thread(target=self._serve, name=self._name, args=(connection,), daemon=True)
        with self._lock:
            self._connections[connection] = thread
        try:
            thread.start()
        except RuntimeError:
            with self._lock:
                del self._connections[connection]
            raise

    def _serve(self, connection: ClientConnection) -> None:
        try:
            connection.serve()
        finally:
            with self._lock:
                self._connections.pop(connection, None)


class ClientConnection:
    """One client's connection. Interceptors know it as `exchange.Connection`."""

    def __init__(self, listener: Listener, client: socket.socket, address: Any) -> None:
        client.setblocking(True)
        client.settimeout(listener.idle_timeout)
        # A response is written at once, so there is nothing to wait for.
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        self.listener = listener
        self.exchanges = 0
        self.unread = False
        """Whether the client may still be sending when the connection ends."""
        self._socket = client
        self._address = address
        self._busy = self._responding = False
        self._lock = threading.Lock()

    def send(self, data: bytes) -> None:
        """Write bytes to the socket."""
        self._socket.sendall(data)

    def wait(self, seconds: float) -> bool:
        """Sleep; true when the sandbox is closing."""
        return self.listener.closing.wait(seconds)

    def serve(self) -> None:
        """Read and respond to requests until either side ends the connection."""
        reset = False
        try:
            self.listener.service.connected()
            Handler(self, self._socket, self._address)
        except Hangup as hangup:
            reset = hangup.reset
        except OSError:
            pass  # the client has gone, or was silent for too long
        finally:
            with contextlib.suppress(OSError):
                if reset:
                    # A linger time of zero turns the close into a reset.
                    linger = struct.pack("ii", 1, 0)
                    self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                else:
                    self._socket.shutdown(socket.SHUT_WR)
                    if self.unread and not self.listener.closing.is_set():
                        self._drain()
            self._socket.close()

    def _drain(self) -> None:
        # Closing with unread bytes resets the connection, and the client would lose the response.
        self._socket.settimeout(_DRAINING)
        deadline = time.monotonic() + _DRAINING
        while self._socket.recv(LONGEST_LINE) and time.monotonic() < deadline:
            pass

    def begin(self) -> bool:
        """Note that a request has begun; false when the sandbox is closing or refuses connections."""
        with self._lock:
            self._busy = not self.listener.ends_connections
            return self._busy

    def respond(self) -> None:
        """Note that a request was read to its end."""
        with self._lock:
            self._responding = True

    def end(self) -> None:
        """Note that an exchange is over."""
        with self._lock:
            self._busy = self._responding = False
            self.exchanges += 1

    def close_when_idle(self) -> None:
        """End the connection now if no exchange is under way."""
        with self._lock:
            if not self._busy:
                self.shut_down()

    def close_unless_responding(self) -> None:
        """End the connection now, unless a request was read to its end and its response is under way."""
        with self._lock:
            if not self._responding:
                self.shut_down()

    def shut_down(self) -> None:
        """End the connection now."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
