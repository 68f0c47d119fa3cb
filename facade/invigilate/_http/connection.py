"""One HTTP/1.1 connection: how it is opened, what an exchange writes and reads, and whether it may be used again.

Written once, with `await`, for sync and async clients: under a sync client nothing ever suspends. Only this module
imports h11.
"""

from __future__ import annotations

import ssl
import time
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import count
from typing import Any, NamedTuple

import h11

from invigilate._values import Response, Send

from .streams import TLS, Stream, connect
from .system import Limit, System

_MAX_HEAD = 100 * 1024
_MAX_INFORMATIONAL = 100
"""Responses with a 1xx status before the final one; a server that never stops sending them must not hold a request."""
_EVENTS_AT_ONCE = 16
_MAX_GZIP_STREAMS = 16
"""In one body; each costs a copy of the rest."""
_EMPTY_BODY = {"POST": b"0", "PUT": b"0", "PATCH": b"0"}
_SOCKS_FAILURES = {
    1: "general failure",
    2: "connection not allowed by its rules",
    3: "network unreachable",
    4: "host unreachable",
    5: "connection refused",
    6: "TTL expired",
    7: "command not supported",
    8: "address type not supported",
}


class ProxyError(OSError):
    """The proxy did not open a tunnel; nothing was sent to the server."""


class Route(NamedTuple):
    """How a server is reached, or the proxy before it.

    Attributes:
        tls: set if it is reached over TLS.
        headers: sent with every request to it.
        proxy: the proxy before it.
        prefix: precedes every request target: the path of the base URL, or for an HTTP proxy the whole base URL.
        socks: whether it is a SOCKS proxy.
        credentials: user name and password for a proxy.
    """

    host: str
    port: int
    tls: ssl.SSLContext | None
    headers: Mapping[str, str]
    proxy: Route | None = None
    prefix: str = ""
    socks: bool = False
    credentials: tuple[bytes, bytes] | None = None

    def __repr__(self) -> str:
        return f"<Route {self.host}:{self.port}>"  # the others may hold a password


async def open_connection(system: System, route: Route, limit: Limit) -> Connection:
    """Connect, through a proxy if there is one, within one timeout for all of it."""
    limit, proxy = limit.shared(), route.proxy
    first = proxy or route
    stream: Stream = await connect(system, first.host, first.port, limit)
    try:
        if proxy is not None:
            if proxy.tls is not None:
                stream = await TLS(stream, proxy.tls, proxy.host).handshake(limit)
            if proxy.socks:
                await _socks(stream, proxy, route, limit)
            elif route.tls is not None:
                await _tunnel(stream, proxy, route, limit)
        if route.tls is not None:
            stream = await TLS(stream, route.tls, route.host).handshake(limit)
    except BaseException:
        stream.close()
        raise
    return Connection(stream, system)


async def _tunnel(stream: Stream, proxy: Route, route: Route, limit: Limit) -> None:
    target = f"[{route.host}]:{route.port}" if ":" in route.host else f"{route.host}:{route.port}"
    http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEAD)
    headers = [("Host", target), ("Accept", "*/*"), *proxy.headers.items()]
    await stream.write(_written(http, "CONNECT", target, headers, None), limit)
    response = await _head(http, stream, limit)
    if not 200 <= response.status_code < 300:
        status = f"{response.status_code} {response.reason.decode('ascii', 'replace')}".rstrip()
        raise ProxyError(f"the proxy refused to open a tunnel: {status}")


async def _socks(stream: Stream, proxy: Route, route: Route, limit: Limit) -> None:
    """Open a tunnel through a SOCKS5 proxy (RFC 1928, RFC 1929)."""

    async def ask(data: bytes, size: int) -> bytes:
        await stream.write(data, limit)
        reply = b""
        while len(reply) < size:
            part = await stream.read(limit)
            if not part:
                raise ProxyError("the SOCKS proxy closed the connection")
            reply += part
        return reply

    method = bytes((5, 0 if proxy.credentials is None else 2))
    if await ask(b"\x05\x01" + method[1:], 2) != method:
        raise ProxyError("the SOCKS proxy accepted none of the offered authentication methods")
    if proxy.credentials is not None:
        user, password = proxy.credentials
        if (await ask(b"\x01%c%b%c%b" % (len(user), user, len(password), password), 2))[1]:
            raise ProxyError("the SOCKS proxy refused user name and password")
    # An IP address is sent as a name, too; proxies look it up all the same.
    host = route.host.encode("ascii")
    reply = await ask(b"\x05\x01\x00\x03%c%b" % (len(host), host) + route.port.to_bytes(2, "big"), 5)
    if reply[1]:
        raise ProxyError(f"the SOCKS proxy could not connect: {_SOCKS_FAILURES.get(reply[1], reply[1])}")
    await ask(b"", 6 + {1: 4, 4: 16}.get(reply[3], 1 + reply[4]) - len(reply))  # the rest: an address and a port


async def _next(http: h11.Connection, stream: Stream, limit: Limit) -> Any:
    while True:
        event = http.next_event()
        if event is not h11.NEED_DATA:
            return event
        data = await stream.read(limit)
        if not data and http.their_state is h11.SEND_RESPONSE:
            raise h11.RemoteProtocolError("the server closed the connection without sending a response")
        http.receive_data(data)


async def _head(http: h11.Connection, stream: Stream, limit: Limit) -> h11.Response:
    for _ in range(_MAX_INFORMATIONAL):
        event = await _next(http, stream, limit)
        if isinstance(event, h11.Response):
            return event
    raise h11.RemoteProtocolError("the server sent no final response")


class Connection:
    """One connection to the server.

    Attributes:
        idle_since: when the last response ended, on the monotonic clock; `None` if the connection must not be used
            again, since the response was incomplete, or something came after it.
    """

    def __init__(self, stream: Stream, system: System) -> None:
        self.stream = stream
        self.idle_since: float | None = None
        self._system = system
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEAD)

    async def exchange(self, send: Send, target: str, headers: Sequence[tuple[str, str]], max_bytes: int) -> Response:
        """Send a request and read its whole response.

        Args:
            send: the request; its `sent` and `status` are set here.
            target: the request target.
            headers: all headers but `Content-Length`.
            max_bytes: the largest body, in bytes after decompression; the rest of a larger one is not read.
        """
        http, limit = self._http, Limit(send.timeout.read, send.deadline)
        self.idle_since = None
        data = _written(http, send.request.method, target, headers, send.request.content)
        with suppress(BlockingIOError):
            await self.stream.read(None)
            raise h11.RemoteProtocolError("the server sent bytes, or closed, before the request was sent")
        limit.left()
        send.sent = True
        lost: Exception | None = None
        try:
            await self.stream.write(data, Limit(send.timeout.write, send.deadline))
        except ConnectionError as error:
            lost = error  # a server that refuses a long body may have said why
        try:
            response = await _head(http, self.stream, limit)
        except Exception as error:
            raise (lost or error) from None
        send.status = response.status_code
        body = await self._body(limit, max_bytes)
        done = http.our_state is h11.DONE and http.their_state is h11.DONE and http.trailing_data == (b"", False)
        if done and lost is None:
            http.start_next_cycle()
            self.idle_since = time.monotonic()
        return build_response(send.status, _by_name(response.headers), body, max_bytes)

    async def _body(self, limit: Limit, max_bytes: int) -> bytes:
        body = bytearray()
        for number in count(1):
            event = await _next(self._http, self.stream, limit)
            if number % _EVENTS_AT_ONCE == 0:
                # A server that always has more ready must not hold the deadline, or the event loop.
                limit.left()
                await self._system.sleep(0)
            if isinstance(event, h11.Data):
                body += event.data
            if isinstance(event, h11.EndOfMessage) or len(body) > max_bytes:
                break
        return bytes(body)


def _written(
    http: h11.Connection, method: str, target: str, headers: Sequence[tuple[str, str]], content: bytes | None
) -> bytes:
    length = _EMPTY_BODY.get(method) if content is None else b"%d" % len(content)
    every: list[tuple[Any, Any]] = [*headers, *([] if length is None else [("Content-Length", length)])]
    events = (
        h11.Request(method=method, target=target, headers=every),
        h11.Data(data=content or b""),
        h11.EndOfMessage(),
    )
    return b"".join(filter(None, map(http.send, events)))


def _by_name(headers: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("ascii"), raw_value.decode("utf-8", "replace")
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def build_response(status: int, headers: Mapping[str, str], raw: bytes, max_bytes: int) -> Response:
    """Build a response from a body as received, which may be compressed; what exceeds the limit is cut off.

    A body that cannot be decompressed stays as it is, since the status still counts.
    """
    compressed = headers.get("content-encoding", "").strip().lower() in {"gzip", "x-gzip", "deflate"}
    body = _decompressed(raw, max_bytes) if compressed and len(raw) <= max_bytes else raw
    problem = f"the response is larger than {max_bytes} bytes (max_response_bytes)" if len(body) > max_bytes else None
    return Response(status, headers, body[:max_bytes], problem)


def _decompressed(raw: bytes, max_bytes: int) -> bytes:
    """Decompress gzip or deflate, up to one byte more than the limit."""
    body, rest = b"", raw
    with suppress(zlib.error):
        for _ in range(_MAX_GZIP_STREAMS):
            decoder = zlib.decompressobj(zlib.MAX_WBITS | 32)
            body += decoder.decompress(rest, max_bytes - len(body) + 1)
            rest = decoder.unused_data
            if len(body) > max_bytes or (decoder.eof and not rest):
                return body
    return raw
