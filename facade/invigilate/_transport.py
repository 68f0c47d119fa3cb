"""Sends requests. This is the only module that names httpx, so that it can be exchanged one day."""

from __future__ import annotations

import logging
import platform
import ssl
import threading
import time
from base64 import b64encode
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.request import getproxies

import anyio
import httpcore
import httpx

from ._version import __version__
from .errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._engine import Send

SyncTransport = httpx.BaseTransport
AsyncTransport = httpx.AsyncBaseTransport
AsyncEvent = anyio.Event

_LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=5.0)
# A server may close a kept connection at the very moment at which it is used again, and then nobody knows whether the
# request was read; and what it left there could be taken for the answer. So a call that must not be repeated goes over
# a connection of its own.
_FRESH = httpx.Limits(max_connections=100, max_keepalive_connections=0)

USER_AGENT = f"invigilate/{__version__} python/{platform.python_version()}"


class Answer(NamedTuple):
    """An answer as it came, with headers by lower-case name."""

    status_code: int
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"<Answer {self.status_code}, {len(self.body)} bytes>"


class Failure(NamedTuple):
    """No answer came, or not all of it.

    Attributes:
        timed_out: whether it was for want of time.
        sent: whether any of the request may have been written.
        error: what the transport raised.
        began_with: the status of an answer that broke off.
    """

    timed_out: bool
    sent: bool
    error: Exception
    began_with: int | None = None


class Settings(NamedTuple):
    """How connections are made."""

    base_url: str
    loopback: bool
    proxy: str | None
    verify: bool | str | ssl.SSLContext
    transport: Any

    def __repr__(self) -> str:
        return f"<Settings {self.base_url}>"  # the address of a proxy may hold a password


_sending: ContextVar[bool] = ContextVar("invigilate_sending", default=False)
_deadline: ContextVar[float | None] = ContextVar("invigilate_deadline", default=None)


class _Quiet(logging.Filter):
    """Drops what httpx logs of our requests: whole URLs, and headers of answers. Other users keep theirs."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not _sending.get()


_quiet = _Quiet()
_LOGGERS = (
    "httpx",
    *(f"httpcore.{part}" for part in ("connection", "http11", "http2", "proxy", "socks")),
)


class _Trace:
    """Watches what the transport does with one request.

    What counts is that the writing of the request was begun: anything before (waiting for a connection, name
    look-up, connecting, the handshake, a proxy's CONNECT) leaves the server without it.
    """

    def __init__(self, step: Send) -> None:
        self._step = step
        self.seen = False
        self.status: int | None = None

    def note(self, event: str, info: Mapping[str, Any]) -> None:
        self.seen = True
        if event.endswith("send_request_headers.started"):
            request = info.get("request")
            if getattr(request, "method", None) != b"CONNECT":
                self._step.sent = True
                # All is known now, and being told of each further step takes time.
                getattr(request, "extensions", {}).pop("trace", None)

    async def anote(self, event: str, info: Mapping[str, Any]) -> None:
        self.note(event, info)


def _options(settings: Settings) -> dict[str, Any]:
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        if _quiet not in logger.filters:
            logger.addFilter(_quiet)
    options: dict[str, Any] = {
        "headers": {"User-Agent": USER_AGENT},
        # A proxy of the environment must not see what goes to this very machine in plain text.
        "trust_env": not settings.loopback,
    }
    if settings.transport is not None:
        return {**options, "transport": settings.transport}
    verify = settings.verify
    if isinstance(verify, str):
        try:
            verify = ssl.create_default_context(cafile=verify)
        except (OSError, ssl.SSLError):
            raise ConfigurationError(
                "verify: expected a file of CA certificates, got one that cannot be read"
            ) from None
    elif verify is True and settings.base_url.startswith("http:") and settings.proxy is None:
        verify = False  # nothing will be verified, and loading the certificates takes time
    if isinstance(verify, bool):
        verify = httpx.create_ssl_context(verify=verify, trust_env=not settings.loopback)
    try:
        proxy = httpx.Proxy(settings.proxy) if settings.proxy is not None else None
    except (ValueError, httpx.InvalidURL):
        raise ConfigurationError("proxy: expected an address like http://host:port") from None
    return {**options, "verify": verify, "proxy": proxy}


def proxy_secrets(settings: Settings) -> tuple[str, ...]:
    """The passwords that go to proxies, and the forms in which they are sent; the addresses have been read before."""
    found = {} if settings.loopback else getproxies()
    given = settings.proxy and {"all": settings.proxy}
    addresses = [address for scheme, address in (given or found).items() if scheme in {"http", "https", "all"}]
    urls = [httpx.URL(address if "://" in address else f"http://{address}") for address in addresses]
    users = [(url.username, url.password) for url in urls if settings.transport is None and url.password]
    return tuple(form for user, word in users for form in (word, b64encode(f"{user}:{word}".encode()).decode()))


def _knows(transport: Any) -> bool:
    """Whether a transport reports what it does; of another one, nothing can be said but what it says.

    A subclass is another one: it may send by ways of its own.
    """
    return transport is None or type(transport) in {httpx.HTTPTransport, httpx.AsyncHTTPTransport}


def _request(line: _Line, base_url: str, step: Send, trace: Any) -> httpx.Request:
    method, target, headers, content = step.request
    if line.client.is_closed:
        raise RuntimeError("the client is closed")
    every = line.headers.copy()
    every.update({**headers, **step.credentials})
    timeout = dict.fromkeys(("connect", "read", "write", "pool"), step.timeout)
    extensions = {"trace": trace, "timeout": timeout}
    return httpx.Request(method, base_url + target, headers=every, content=content, extensions=extensions)


def _failure(step: Send, trace: _Trace, reliable: bool, error: BaseException) -> Failure:
    if not step.sent and not (reliable or trace.seen):
        # A transport that reports nothing: what is not known counts as sent.
        step.sent = True
    if not isinstance(error, Exception):
        raise error  # an interruption, but the step says now what it cut off
    return Failure(isinstance(error, httpx.TimeoutException | TimeoutError), step.sent, error, trace.status)


def _answer(response: httpx.Response, raw: bytes | None) -> Answer:
    body = response.content if raw is None else _body(response.headers, raw)
    return Answer(response.status_code, dict(response.headers.items()), body)


def _body(headers: httpx.Headers, raw: bytes) -> bytes:
    """Undo the content encoding; what cannot be undone stays as it came, so that at least the status counts."""
    if "content-encoding" not in headers or not raw:
        return raw
    try:
        return httpx.Response(200, headers=headers, content=raw).content
    except httpx.DecodingError:
        return raw


class _Stream:
    """A connection that also ends at the deadline of the call which uses it; a timeout alone begins anew each read."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def _left(self, timeout: float | None, kind: type[Exception]) -> float | None:
        deadline = _deadline.get()
        if deadline is None:
            return timeout
        left = deadline - time.monotonic()
        if left <= 0:
            raise kind("the deadline passed")
        return left if timeout is None else min(timeout, left)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._left(timeout, httpcore.WriteTimeout))

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> _Stream:
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, timeout))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Backend(httpcore.SyncBackend):
    def connect_tcp(self, *args: Any, **kwargs: Any) -> Any:
        return _Stream(super().connect_tcp(*args, **kwargs))


class _Line:
    """Connections with the same limits.

    Requests go to the transport that httpx's client has for the address, not through the client itself. It would keep
    cookies, which make a repeated request differ from the first, read where redirects lead, and take a quarter of the
    time of a small call.
    """

    def __init__(self, make: Any, settings: Settings, options: dict[str, Any], limits: httpx.Limits) -> None:
        try:
            self.client = make(**options, limits=limits)
        except (ValueError, ImportError, httpx.InvalidURL):
            # The address of a proxy may hold a password, so it is not repeated.
            raise ConfigurationError(
                "proxy: the address of the proxy, given or of the environment, is unusable"
            ) from None
        # httpx has no ways of its own for these two; tests fail if the names change.
        self.transport = self.client._transport_for_url(httpx.URL(settings.base_url))
        if settings.transport is None and make is httpx.Client:
            self.transport._pool._network_backend = _Backend()
        self.headers: httpx.Headers = self.client.headers


class Connections:
    """The connections of a sync client."""

    def __init__(self, settings: Settings) -> None:
        self._base_url = settings.base_url
        self._settings = settings
        self._reliable = _knows(settings.transport)
        self._options = _options(settings)
        self._kept = _Line(httpx.Client, settings, self._options, _LIMITS)
        self._unkept = self._kept if settings.transport is not None else None
        self._lock = threading.Lock()
        self._token_lock = threading.Lock()

    def send(self, step: Send) -> Answer | Failure:
        """Send a request and read the whole answer."""
        trace = _Trace(step)
        quiet, deadline = _sending.set(True), _deadline.set(step.deadline)
        try:
            line = self._kept if step.reuse else self._fresh()
            response = line.transport.handle_request(_request(line, self._base_url, step, trace.note))
            trace.status = response.status_code
            try:
                # Transports for tests give what has been read already.
                raw = None if response.is_stream_consumed else b"".join(response.stream)
            finally:
                response.stream.close()
            return _answer(response, raw)
        except BaseException as error:
            return _failure(step, trace, self._reliable, error)
        finally:
            _sending.reset(quiet)
            _deadline.reset(deadline)

    def _fresh(self) -> _Line:
        with self._lock:
            if self._unkept is None:
                self._unkept = _Line(httpx.Client, self._settings, self._options, _FRESH)
            return self._unkept

    def wait(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def acquire(self, deadline: float | None) -> Any:
        """Wait for the lock, at most until the deadline; gives the lock, or `None`."""
        left = -1.0 if deadline is None else max(0.0, deadline - time.monotonic())
        return self._token_lock if self._token_lock.acquire(timeout=left) else None

    def resolve(self, awaitable: Any) -> Any:
        """Refuse what only an event loop can wait for."""
        getattr(awaitable, "close", lambda: None)()
        raise ConfigurationError("token: an async callable needs an async client")

    def close(self) -> None:
        """Close all connections."""
        self._kept.client.close()
        if self._unkept is not None:
            self._unkept.client.close()


class AsyncConnections:
    """The connections of an async client."""

    def __init__(self, settings: Settings) -> None:
        self._base_url = settings.base_url
        self._reliable = _knows(settings.transport)
        self._settings = settings
        self._options = _options(settings)
        self._kept = _Line(httpx.AsyncClient, settings, self._options, _LIMITS)
        self._unkept = self._kept if settings.transport is not None else None
        self._token_lock = anyio.Lock()

    async def send(self, step: Send) -> Answer | Failure:
        """Send a request and read the whole answer."""
        trace = _Trace(step)
        quiet = _sending.set(True)
        try:
            line = self._kept if step.reuse else self._fresh()
            with anyio.fail_after(None if step.deadline is None else step.deadline - time.monotonic()):
                request = _request(line, self._base_url, step, trace.anote)
                response = await line.transport.handle_async_request(request)
                trace.status = response.status_code
                try:
                    read = response.is_stream_consumed
                    raw = None if read else b"".join([chunk async for chunk in response.stream])
                finally:
                    await response.stream.aclose()
            return _answer(response, raw)
        except BaseException as error:
            return _failure(step, trace, self._reliable, error)
        finally:
            _sending.reset(quiet)

    def _fresh(self) -> _Line:
        if self._unkept is None:
            self._unkept = _Line(httpx.AsyncClient, self._settings, self._options, _FRESH)
        return self._unkept

    async def wait(self, seconds: float) -> None:
        """Wait, under whichever event loop runs."""
        await anyio.sleep(seconds)

    async def acquire(self, deadline: float | None) -> Any:
        """Wait for the lock, at most until the deadline; gives the lock, or `None`."""
        with anyio.move_on_after(None if deadline is None else deadline - time.monotonic()):
            await self._token_lock.acquire()
            return self._token_lock
        return None

    async def resolve(self, awaitable: Any) -> Any:
        """Wait for it."""
        return await awaitable

    async def close(self) -> None:
        """Close all connections."""
        await self._kept.client.aclose()
        if self._unkept is not None:
            await self._unkept.client.aclose()
