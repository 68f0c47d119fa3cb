"""Byte streams over sockets that never block, with any number of TLS layers.

A socket is read only when a response is due, and all bytes read are in buffers of this module. So it is known whether
the server sent bytes before the request, which no library of streams reports.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Self, TypeVar

from .system import Limit, System

T = TypeVar("T")

_MAX_READ = 256 * 1024
_ADDRESS_TIMEOUT = 2.5
"""Seconds for each address of a host but the last, so that a network without IPv6 does not use up the time."""


class Plain:
    """A connected socket."""

    def __init__(self, sock: socket.socket, system: System) -> None:
        self._socket = sock
        self._system = system

    async def read(self, limit: Limit | None) -> bytes:
        """Read some bytes; none at the end. Without a limit, raise `BlockingIOError` instead of waiting."""
        return await self._retried(self._socket.recv, _MAX_READ, limit)

    async def write(self, data: bytes, limit: Limit | None) -> None:
        """Write all bytes; the timeout is for each part that the system takes at once."""
        rest = memoryview(data)
        while rest:
            rest = rest[await self._retried(self._socket.send, rest, limit, writing=True) :]

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    async def _retried(self, step: Callable[[Any], T], value: Any, limit: Limit | None, *, writing: bool = False) -> T:
        while True:
            try:
                return step(value)
            except BlockingIOError:
                if limit is None:
                    raise
            await self._system.wait(self._socket, limit, writing=writing)


class TLS:
    """TLS over a stream, which may be TLS itself."""

    def __init__(self, below: Stream, context: ssl.SSLContext, hostname: str) -> None:
        self._below = below
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=hostname)

    async def handshake(self, limit: Limit) -> Self:
        """Start TLS."""
        while True:
            with suppress(ssl.SSLWantReadError):
                self._tls.do_handshake()
                await self._below.write(self._outgoing.read(), limit)
                return self
            await self._receive(limit)

    async def read(self, limit: Limit | None) -> bytes:
        """See `Plain`."""
        while True:
            with suppress(ssl.SSLWantReadError):
                try:
                    return self._tls.read(_MAX_READ)
                except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                    return b""
            await self._receive(limit)

    async def write(self, data: bytes, limit: Limit | None) -> None:
        """See `Plain`."""
        self._tls.write(data)
        await self._below.write(self._outgoing.read(), limit)

    def close(self) -> None:
        """Close the socket."""
        self._below.close()

    async def _receive(self, limit: Limit | None) -> None:
        await self._below.write(self._outgoing.read(), limit)
        data = await self._below.read(limit)
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()


Stream = Plain | TLS


async def connect(system: System, host: str, port: int, limit: Limit) -> Plain:
    """Connect to a host, trying each IP address in turn within one limit for all of them."""

    def look_up(flags: int = 0) -> list[tuple[int, Any]]:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
        return list(dict.fromkeys((family, address) for family, _, _, _, address in found))

    limit = limit.shared()
    try:
        addresses = look_up(socket.AI_NUMERICHOST)
    except OSError:
        addresses = await system.look_up(look_up, limit)
    failure = OSError("the host has no address")
    for number, (family, address) in enumerate(addresses, 1 - len(addresses)):
        # A share for each but the last, so that dead ones do not use up the time of the others.
        share = min(_ADDRESS_TIMEOUT, limit.left() / (1 - number))
        try:
            return await _dial(system, family, address, limit.shared(share) if number else limit)
        except OSError as error:
            failure = error
    raise failure


async def _dial(system: System, family: int, address: Any, limit: Limit) -> Plain:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            sock.connect(address)
        except BlockingIOError:
            await system.wait(sock, limit, writing=True)
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))
    except BaseException:
        sock.close()
        raise
    return Plain(sock, system)
