"""Byte streams over sockets that never block, with any number of TLS layers.

A socket is read only when a response is due, and every byte that came is in a buffer of this module. So it is known
whether a server sent anything that nobody asked for, which no library of streams tells. Waiting is left to the system.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple, Protocol

_LEAST_READ, _MAX_READ = 64 * 1024, 1024 * 1024
_MAX_WRITE = 64 * 1024
_LONGEST = 1e6
"""Seconds; the system's calls take no longer ones."""
_ADDRESS_TIMEOUT = 2.5
"""Seconds for each address of a host but the last, so that a network without IPv6 does not use up the time."""


class Limit(NamedTuple):
    """How long one step may take, and when all of them must have ended (on the monotonic clock)."""

    timeout: float | None
    deadline: float | None = None

    def left(self) -> float | None:
        """Seconds left for the next step; `None` without a limit.

        Raises:
            TimeoutError: if the deadline has passed.
        """
        left = self.timeout
        if self.deadline is not None:
            remaining = self.deadline - time.monotonic()
            if remaining <= 0:
                raise TimeoutError("the deadline passed")
            left = remaining if left is None else min(left, remaining)
        return None if left is None else min(left, _LONGEST)

    def as_a_whole(self, most: float | None = None) -> Limit:
        """The same limit for several steps together, at most `most` seconds: the timeout becomes a deadline."""
        found = [each for each in (self.left(), most) if each is not None]
        return Limit(min(found), time.monotonic() + min(found)) if found else self


class Waits(Protocol):
    """How a thread or a task waits."""

    async def wait(self, sock: socket.socket, timeout: float | None, *, writing: bool = False) -> None:
        """Wait until a socket can be read, or written.

        Raises:
            TimeoutError: if it cannot in time.
        """
        ...

    async def look_up(self, work: Callable[[], Any], limit: Limit) -> Any:
        """Run a function that looks up a host name."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class _Layer:
    """TLS over what is below."""

    def __init__(self, context: ssl.SSLContext, hostname: str) -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname=hostname)

    def receive(self, data: bytes) -> None:
        if data:
            self.incoming.write(data)
        else:
            self.incoming.write_eof()


class Stream:
    """A connected socket."""

    def __init__(self, sock: socket.socket, system: Waits) -> None:
        self._socket = sock
        self._system = system
        self._layers: list[_Layer] = []
        self._room = _LEAST_READ

    async def read(self, limit: Limit) -> bytes:
        """Read some bytes; none at the end."""
        return await self._read(len(self._layers), limit)

    async def write(self, data: bytes, limit: Limit) -> None:
        """Write all bytes; the timeout is for each part that the system takes at once."""
        for start in range(0, len(data), _MAX_WRITE):
            await self._write(len(self._layers), data[start : start + _MAX_WRITE], limit)

    async def start_tls(self, context: ssl.SSLContext, hostname: str, limit: Limit) -> None:
        """Speak TLS from now on."""
        below, layer = len(self._layers), _Layer(context, hostname)
        done = False
        while not done:
            with suppress(ssl.SSLWantReadError):
                layer.tls.do_handshake()
                done = True
            await self._write(below, layer.outgoing.read(), limit)
            if not done:
                layer.receive(await self._read(below, limit))
        self._layers.append(layer)

    async def leftover(self) -> bool:
        """Whether the server sent bytes that nobody asked for, or closed; a stream of which this is true is useless."""
        try:
            await self._read(len(self._layers), None)
        except BlockingIOError:
            return False
        except OSError:
            pass
        return True

    async def pause(self) -> None:
        """Let other tasks and threads run."""
        await self._system.sleep(0)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    async def _read(self, depth: int, limit: Limit | None) -> bytes:
        """Read at a depth, 0 being the socket itself. Without a limit, raise `BlockingIOError` instead of waiting."""
        while depth:
            layer = self._layers[depth - 1]
            with suppress(ssl.SSLWantReadError):
                try:
                    return layer.tls.read(_LEAST_READ)
                except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                    return b""
            layer.receive(await self._read(depth - 1, limit))
        while True:
            try:
                data = self._socket.recv(self._room)
            except BlockingIOError:
                if limit is None:
                    raise
            else:
                if len(data) == self._room:
                    self._room = min(2 * self._room, _MAX_READ)  # fewer steps for large responses
                return data
            await self._system.wait(self._socket, limit.left())

    async def _write(self, depth: int, data: bytes, limit: Limit) -> None:
        for layer in reversed(self._layers[:depth]):
            layer.tls.write(data)
            data = layer.outgoing.read()
        rest = memoryview(data)
        while rest:
            with suppress(BlockingIOError):
                rest = rest[self._socket.send(rest) :]
                continue
            await self._system.wait(self._socket, limit.left(), writing=True)


async def connect(system: Waits, host: str, port: int, limit: Limit) -> Stream:
    """Connect to a host, trying its addresses one after the other within the limit for all of them."""
    failure: Exception = OSError(errno.EADDRNOTAVAIL, "the host has no address")
    limit = limit.as_a_whole()
    addresses = await _addresses(system, host, port, limit)
    for number, (family, address) in enumerate(addresses, 1 - len(addresses)):
        left = limit.left()
        # A share for each but the last, so that dead ones do not use up the time of the others.
        share = _ADDRESS_TIMEOUT if left is None else min(_ADDRESS_TIMEOUT, left / (1 - number))
        try:
            return await _dial(system, family, address, limit.as_a_whole(share) if number else limit)
        except OSError as error:
            failure = error
    raise failure


async def _dial(system: Waits, family: int, address: Any, limit: Limit) -> Stream:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        code = sock.connect_ex(address)
        if code in {errno.EINPROGRESS, errno.EWOULDBLOCK}:
            await system.wait(sock, limit.left(), writing=True)
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))
    except BaseException:
        sock.close()
        raise
    return Stream(sock, system)


async def _addresses(system: Waits, host: str, port: int, limit: Limit) -> list[tuple[int, Any]]:
    def look_up(flags: int = 0) -> list[tuple[int, Any]]:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
        return list(dict.fromkeys((family, address) for family, _, _, _, address in found))

    try:
        return look_up(socket.AI_NUMERICHOST)
    except OSError:
        pass  # it is a name
    found: list[tuple[int, Any]] = await system.look_up(look_up, limit)
    return found
