"""Sends requests, over connections of our own or a transport of the caller's.

This is the only module that names httpx, so that it can be exchanged one day.
"""

from __future__ import annotations

import logging
import os
import platform
import ssl
from base64 import b64encode
from collections.abc import Callable
from contextvars import ContextVar
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.request import getproxies, proxy_bypass

import httpx

from ._base import MAX_RESPONSE_BYTES, ConnectionStats
from ._connection import Answer, ProxyRoute, Route, decoded_body, too_large
from ._pool import ClosedError, Pool
from ._streams import Limit
from ._system import EventLoop, Threads
from ._version import __version__
from .errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._engine import Send

SyncTransport = httpx.BaseTransport
AsyncTransport = httpx.AsyncBaseTransport

USER_AGENT = f"invigilate/{__version__} python/{platform.python_version()}"
_HEADERS = {"User-Agent": USER_AGENT, "Accept-Encoding": "gzip"}


class Failure(NamedTuple):
    """No answer came, or not all of it.

    Attributes:
        timed_out: whether it was for want of time.
        sent: whether any of the request may have been written.
        error: what the transport raised.
        began_with: the status of an answer that broke off.
        permanent: whether no retry can help.
    """

    timed_out: bool
    sent: bool
    error: Exception
    began_with: int | None = None
    permanent: bool = False


class Settings(NamedTuple):
    """How connections are made."""

    base_url: str
    loopback: bool
    proxy: str | None
    verify: bool | str | ssl.SSLContext
    transport: Any
    max_response_bytes: int = MAX_RESPONSE_BYTES

    def __repr__(self) -> str:
        return f"<Settings {self.base_url}>"  # the URL of a proxy may hold a password


# How the server is reached.


def _context(settings: Settings, *, needed: bool) -> ssl.SSLContext:
    if isinstance(settings.verify, ssl.SSLContext):
        return settings.verify
    source, file = "verify", settings.verify
    if file is True and not needed:
        file = False  # nothing will be verified, and loading the certificates takes time
    elif file is True and not settings.loopback and os.environ.get("SSL_CERT_FILE"):
        source, file = "SSL_CERT_FILE", os.environ["SSL_CERT_FILE"]
    try:
        if isinstance(file, str):
            context = ssl.create_default_context(cafile=file)
        else:
            context = httpx.create_ssl_context(verify=file, trust_env=not settings.loopback)
    except (OSError, ssl.SSLError):
        raise ConfigurationError(f"{source}: expected a file of CA certificates, got one that cannot be read") from None
    context.set_alpn_protocols(["http/1.1"])
    return context


def _proxy_url(settings: Settings, url: httpx.URL) -> str | None:
    if settings.proxy is not None:
        return settings.proxy
    # A proxy from the environment must not see plain requests to this machine.
    port = url.port or (443 if url.scheme == "https" else 80)
    if settings.loopback or any(map(proxy_bypass, (url.host, f"{url.host}:{port}", f"[{url.host}]"))):
        return None
    found = getproxies()
    address = found.get(url.scheme) or found.get("all")
    if address and "://" not in address:
        return f"http://{address}"
    return address


def _proxy(address: str, context: ssl.SSLContext) -> ProxyRoute:
    try:
        proxy = httpx.Proxy(address)
        port = proxy.url.port or {"http": 80, "https": 443}.get(proxy.url.scheme, 1080)
        if not proxy.url.host:
            raise ValueError
    except (ValueError, httpx.InvalidURL):
        # The URL of a proxy may hold a password, so it is not repeated.
        raise ConfigurationError(
            "proxy: the URL of the proxy, passed or from the environment, is unusable; expected http://host:port"
        ) from None
    socks = proxy.url.scheme.startswith("socks")
    if socks and find_spec("socksio") is None:
        raise ConfigurationError('proxy: SOCKS proxies need `pip install "httpx[socks]"`')
    header: dict[str, str] = {}
    if proxy.raw_auth is not None:
        header["Proxy-Authorization"] = "Basic " + b64encode(b":".join(proxy.raw_auth)).decode()
    tls = context if proxy.url.scheme == "https" else None
    return ProxyRoute(proxy.url.host, port, socks, tls, proxy.raw_auth, header)


def _route(settings: Settings) -> Route:
    url = httpx.URL(settings.base_url)
    secure = url.scheme == "https"
    address = _proxy_url(settings, url)
    context = _context(settings, needed=secure or (address or "").startswith("https:"))
    port = url.port or (443 if secure else 80)
    proxy = None if address is None else _proxy(address, context)
    return Route(url.host, port, context if secure else None, proxy)


def proxy_secrets(settings: Settings) -> tuple[str, ...]:
    """The passwords that go to proxies, and the forms in which they are sent; the addresses have been read before."""
    found = {} if settings.loopback else getproxies()
    given = settings.proxy and {"all": settings.proxy}
    addresses = [address for scheme, address in (given or found).items() if scheme in {"http", "https", "all"}]
    urls = [httpx.URL(address if "://" in address else f"http://{address}") for address in addresses]
    users = [(url.username, url.password) for url in urls if settings.transport is None and url.password]
    return tuple(form for user, word in users for form in (word, b64encode(f"{user}:{word}".encode()).decode()))


# Transports of the caller's.

_sending: ContextVar[bool] = ContextVar("invigilate_sending", default=False)


class _Quiet(logging.Filter):
    """Drops what httpx logs of our requests: whole URLs, and headers of answers. Other users keep theirs."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not _sending.get()


_quiet = _Quiet()
_LOGGERS = ("httpx", *(f"httpcore.{part}" for part in ("connection", "http11", "http2", "proxy", "socks")))


class _Trace:
    """Learns from a transport that the writing of the request began.

    Of a transport that is not httpx's own, or of a subclass, nothing is known but what it reports, and unknown counts
    as sent.
    """

    def __init__(self, step: Send, transport: Any) -> None:
        self._step = step
        self.reports = type(transport) in {httpx.HTTPTransport, httpx.AsyncHTTPTransport}

    def note(self, event: str, info: Mapping[str, Any]) -> None:
        self.reports = True
        if event.endswith("send_request_headers.started"):
            self._step.sent |= getattr(info.get("request"), "method", None) != b"CONNECT"

    async def anote(self, event: str, info: Mapping[str, Any]) -> None:
        self.note(event, info)


class _Given:
    """Sends through a transport that the caller passed."""

    def __init__(self, settings: Settings, system: Threads | EventLoop) -> None:
        for name in _LOGGERS:
            logger = logging.getLogger(name)
            if _quiet not in logger.filters:
                logger.addFilter(_quiet)
        self._transport = settings.transport
        self._base_url = settings.base_url
        self._most = settings.max_response_bytes
        self._system = system

    async def exchange(self, step: Send) -> Answer:
        """Send a request and read the whole response."""
        trace = _Trace(step, self._transport)
        method, target, headers, content = step.request
        extensions = {
            "trace": trace.anote if isinstance(self._system, EventLoop) else trace.note,
            "timeout": dict.fromkeys(("connect", "read", "write", "pool"), step.timeout),
        }
        every = {**_HEADERS, **headers, **step.credentials}
        url = self._base_url + target
        quiet = _sending.set(True)
        try:
            with self._system.within(Limit(None, step.deadline).left()):
                request = httpx.Request(method, url, headers=every, content=content, extensions=extensions)
                return await self._whole(step, await self._system.handle(self._transport, request))
        except BaseException:
            step.sent |= not trace.reports
            raise
        finally:
            _sending.reset(quiet)

    async def _whole(self, step: Send, response: httpx.Response) -> Answer:
        step.status = response.status_code
        headers = dict(response.headers.items())
        if response.is_stream_consumed:  # transports for tests return what has been read already
            body = response.content
            flaw = too_large(self._most) if len(body) > self._most else None
            return Answer(response.status_code, headers, body[: self._most], flaw)
        stream: Any = response.stream
        raw = bytearray()
        try:
            async for part in self._system.parts(stream):
                raw += part
                if len(raw) > self._most:
                    return Answer(response.status_code, headers, bytes(raw[: self._most]), too_large(self._most))
        finally:
            await self._system.end(stream)
        body, flaw = decoded_body(response.headers.get("content-encoding", ""), bytes(raw), self._most)
        return Answer(response.status_code, headers, body, flaw)

    async def close(self) -> None:
        """Close it, as httpx's clients do with theirs."""
        await self._system.end(self._transport)


class Connections:
    """Performs the steps of the engine: each of its methods is one."""

    def __init__(self, settings: Settings, system: Threads | EventLoop) -> None:
        self._system = system
        self._given = None if settings.transport is None else _Given(settings, system)
        route = _route(settings) if self._given is None else None
        url = httpx.URL(settings.base_url)
        headers = {"Host": url.netloc.decode(), "Connection": "keep-alive", **_HEADERS}
        prefix = url.path.rstrip("/")
        if route is not None and route.proxy is not None and route.forwarded:
            headers, prefix = {**headers, **route.proxy.header}, settings.base_url
        self._pool = Pool(system, route, headers, prefix, settings.max_response_bytes)

    def stats(self) -> ConnectionStats:
        """Count the connections."""
        return self._pool.stats()

    async def send(self, step: Send) -> Answer | Failure:
        """Send a request and read the whole response."""
        try:
            if self._given is None or self._pool.closed:
                return await self._pool.exchange(step)
            return await self._given.exchange(step)
        except Exception as error:
            timed_out = isinstance(error, TimeoutError | httpx.TimeoutException)
            return Failure(timed_out, step.sent, error, step.status, isinstance(error, ClosedError))

    async def wait(self, seconds: float) -> None:
        """Wait."""
        await self._system.sleep(seconds)

    async def acquire(self, deadline: float | None) -> Any:
        """Wait for the lock, at most until the deadline. Returns the lock, or `None`."""
        try:
            return await self._pool.held().token_lock.take(Limit(None, deadline).left())
        except TimeoutError:
            return None

    async def call(self, asked: tuple[Callable[[], Any], float | None]) -> Any:
        """Call a token callable, at most until the deadline (`TimeoutError`)."""
        source, deadline = asked
        return await self._system.call(source, Limit(None, deadline))

    async def close(self) -> None:
        """Close all connections."""
        self._pool.close()
        if self._given is not None:
            await self._given.close()
