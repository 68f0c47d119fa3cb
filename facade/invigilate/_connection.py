"""One HTTP/1.1 connection: how it is opened, what one exchange writes and reads, and whether it may be used again.

Written once, with `await`, for sync and async clients: under a sync client nothing ever suspends.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Mapping, Sequence
from importlib import import_module
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

import h11

from ._streams import Limit, Stream, Waits, connect

if TYPE_CHECKING:
    import ssl

    from ._engine import Send

_MAX_HEAD = 100 * 1024
_MAX_INFORMATIONAL = 100
"""Responses with a 1xx status before the final one; a server that never stops sending them must not hold a call."""
_EVENTS_AT_ONCE = 16
_MAX_MEMBERS = 16
"""Streams in one gzip body; each costs a copy of the rest."""
_NO_BODY_SENT = {"POST": b"0", "PUT": b"0", "PATCH": b"0"}


class Answer(NamedTuple):
    """A response as it came, with headers by lower-case name.

    Attributes:
        flaw: why the body is not whole, if it is not.
    """

    status_code: int
    headers: Mapping[str, str]
    body: bytes
    flaw: str | None = None

    def __repr__(self) -> str:
        return f"<Answer {self.status_code}, {len(self.body)} bytes>"


class ProxyError(OSError):
    """The proxy did not open a tunnel; nothing was sent to the server."""


class ProxyRoute(NamedTuple):
    """A proxy; `tls` is set if it is spoken to over TLS, `credentials` are user name and password."""

    host: str
    port: int
    socks: bool
    tls: ssl.SSLContext | None
    credentials: tuple[bytes, bytes] | None
    header: Mapping[str, str]

    def __repr__(self) -> str:
        return f"<ProxyRoute {self.host}:{self.port}>"  # the others may hold a password


class Route(NamedTuple):
    """How the server is reached."""

    host: str
    port: int
    tls: ssl.SSLContext | None
    proxy: ProxyRoute | None

    @property
    def forwarded(self) -> bool:
        """Whether requests themselves go to an HTTP proxy, with absolute URLs, instead of through a tunnel."""
        return self.proxy is not None and not self.proxy.socks and self.tls is None


async def open_connection(system: Waits, route: Route, limit: Limit) -> Connection:
    """Connect, through a proxy if there is one, within one timeout for all of it."""
    limit = limit.as_a_whole()
    proxy = route.proxy
    host, port = (route.host, route.port) if proxy is None else (proxy.host, proxy.port)
    stream = await connect(system, host, port, limit)
    try:
        if proxy is not None:
            if proxy.tls is not None:
                await stream.start_tls(proxy.tls, proxy.host, limit)
            if proxy.socks:
                await _socks(stream, proxy, route, limit)
            elif route.tls is not None:
                await _tunnel(stream, proxy, route, limit)
        if route.tls is not None:
            await stream.start_tls(route.tls, route.host, limit)
    except BaseException:
        stream.close()
        raise
    return Connection(stream)


async def _tunnel(stream: Stream, proxy: ProxyRoute, route: Route, limit: Limit) -> None:
    target = f"[{route.host}]:{route.port}" if ":" in route.host else f"{route.host}:{route.port}"
    http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEAD)
    headers = [("Host", target), ("Accept", "*/*"), *proxy.header.items()]
    head = http.send(h11.Request(method="CONNECT", target=target, headers=headers))
    await stream.write((head or b"") + (http.send(h11.EndOfMessage()) or b""), limit)
    response = await _head(http, stream, limit)
    if not 200 <= response.status_code < 300:
        reason = response.reason.decode("ascii", "replace")
        raise ProxyError(f"the proxy refused to open a tunnel: {response.status_code} {reason}".rstrip())
    if http.trailing_data[0]:
        raise ProxyError("the proxy sent bytes into the tunnel before the handshake")


async def _socks(stream: Stream, proxy: ProxyRoute, route: Route, limit: Limit) -> None:
    socks5: Any = import_module("socksio.socks5")  # by its name, since it is optional, and has no types
    protocol = socks5.SOCKS5Connection()

    async def ask(request: Any) -> Any:
        protocol.send(request)
        await stream.write(protocol.data_to_send(), limit)
        reply = b""
        while len(reply) < _socks_length(reply, request):
            data = await stream.read(limit)
            if not data:
                raise ProxyError("the SOCKS proxy closed the connection")
            reply += data
        return protocol.receive_data(reply)

    method = socks5.SOCKS5AuthMethod.NO_AUTH_REQUIRED
    if proxy.credentials is not None:
        method = socks5.SOCKS5AuthMethod.USERNAME_PASSWORD
    if (await ask(socks5.SOCKS5AuthMethodsRequest([method]))).method != method:
        raise ProxyError("the SOCKS proxy accepts no authentication method that was offered")
    if proxy.credentials is not None:
        reply = await ask(socks5.SOCKS5UsernamePasswordRequest(*proxy.credentials))
        if not reply.success:
            raise ProxyError("the SOCKS proxy refused user name and password")
    target = (route.host.encode("ascii"), route.port)
    reply = await ask(socks5.SOCKS5CommandRequest.from_address(socks5.SOCKS5Command.CONNECT, target))
    if reply.reply_code != socks5.SOCKS5ReplyCode.SUCCEEDED:
        name = reply.reply_code.name.lower().replace("_", " ")
        raise ProxyError(f"the SOCKS proxy could not connect: {name}")


def _socks_length(reply: bytes, request: Any) -> int:
    """How long a reply is at least, as far as it has come; see RFC 1928."""
    if type(request).__name__ != "SOCKS5CommandRequest":
        return 2
    if len(reply) < 5:
        return 5
    return 6 + {1: 4, 4: 16}.get(reply[3], 1 + reply[4])


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
        if event.__class__ is h11.Response:
            response: h11.Response = event
            return response
        if event.__class__ is not h11.InformationalResponse:
            break
    raise h11.RemoteProtocolError("the server sent no final response")


class Connection:
    """One connection to the server.

    Attributes:
        reusable: whether the last exchange ended whole, with nothing left over.
        used_at: when it ended, on the monotonic clock.
    """

    __slots__ = ("_http", "reusable", "stream", "used_at")

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.reusable = False
        self.used_at = 0.0
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEAD)

    async def exchange(self, step: Send, target: str, headers: Sequence[tuple[str, str]], most: int) -> Answer:
        """Send a request and read its whole response.

        Args:
            step: the request; its `sent` and `status` are set here.
            target: the request target.
            headers: all headers but `Content-Length`.
            most: the largest body, in bytes after decompression; the rest of a larger one is not read.
        """
        http, limit = self._http, Limit(step.timeout, step.deadline)
        self.reusable = False
        data = _written(http, step, target, headers)
        if await self.stream.leftover():
            raise h11.RemoteProtocolError("the server sent bytes, or closed, before the request was sent")
        limit.left()
        step.sent = True
        lost: Exception | None = None
        try:
            await self.stream.write(data, limit)
        except ConnectionError as error:
            lost = error  # a server that refuses a long body may have said why
        try:
            response = await _head(http, self.stream, limit)
        except Exception:
            if lost is not None:
                raise lost from None
            raise
        step.status = response.status_code
        names = _named(response.headers)
        body, flaw = await self._body(limit, most)
        if flaw is None:
            body, flaw = decoded_body(names.get("content-encoding", ""), body, most)
            states = {http.our_state, http.their_state}
            self.reusable = lost is None and states == {h11.DONE} and http.trailing_data == (b"", False)
            if self.reusable:
                http.start_next_cycle()
                self.used_at = time.monotonic()
        return Answer(response.status_code, names, body, flaw)

    async def _body(self, limit: Limit, most: int) -> tuple[bytes, str | None]:
        body = bytearray()
        for number in count(1):
            event = await _next(self._http, self.stream, limit)
            if number % _EVENTS_AT_ONCE == 0:
                # A server that always has more ready must not hold the deadline, or the event loop.
                limit.left()
                await self.stream.pause()
            if event.__class__ is h11.EndOfMessage:
                return bytes(body), None
            if event.__class__ is not h11.Data:
                raise h11.RemoteProtocolError("the response did not end")
            body += event.data
            if len(body) > most:
                break
        return bytes(body[:most]), too_large(most)


def _written(http: h11.Connection, step: Send, target: str, headers: Sequence[tuple[str, str]]) -> bytes:
    method, content = step.request.method, step.request.content
    length = _NO_BODY_SENT.get(method) if content is None else b"%d" % len(content)
    every: list[tuple[Any, Any]] = list(headers)
    if length is not None:
        every.append((b"Content-Length", length))
    parts = [http.send(h11.Request(method=method, target=target, headers=every))]
    if content:
        parts.append(http.send(h11.Data(data=content)))
    parts.append(http.send(h11.EndOfMessage()))
    return b"".join(part for part in parts if part)


def _named(headers: Any) -> dict[str, str]:
    named: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("ascii"), _readable(raw_value)
        named[name] = f"{named[name]}, {value}" if name in named else value
    return named


def _readable(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def too_large(most: int) -> str:
    """The message for a response beyond the limit."""
    return f"the response is larger than {most} bytes (max_response_bytes)"


def decoded_body(encoding: str, raw: bytes, most: int) -> tuple[bytes, str | None]:
    """Decompress gzip or deflate, up to a limit. What cannot be decompressed stays as it came: the status still counts.

    Returns:
        The body, and why it is not whole, if it is not.
    """
    if encoding.strip().lower() not in {"gzip", "x-gzip", "deflate"} or not raw:
        return raw, None
    parts: list[bytes] = []
    size, rest = 0, raw
    for _ in range(_MAX_MEMBERS):  # gzip allows several streams one after the other
        decoder = zlib.decompressobj(zlib.MAX_WBITS | 32)
        try:
            parts.append(decoder.decompress(rest, most - size + 1))
        except zlib.error:
            return raw, None
        size += len(parts[-1])
        if size > most:
            return b"".join(parts)[:most], too_large(most)
        rest = decoder.unused_data
        if not decoder.eof:
            break
        if not rest:
            return b"".join(parts), None
    return raw, None
