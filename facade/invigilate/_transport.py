"""Sends requests. This is the only module that names httpx, so that it can be exchanged one day."""

from __future__ import annotations

import logging
import platform
import ssl
import threading
import time
from contextvars import ContextVar
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, NamedTuple

import anyio
import httpx

from ._version import __version__
from .errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._engine import Send

SyncTransport = httpx.BaseTransport
AsyncTransport = httpx.AsyncBaseTransport

# A server that closes idle connections may do so at the very moment at which one is used again, and then nobody
# knows whether the request was read. Common servers wait five seconds or longer; so nothing older is used.
_KEEPALIVE = 2.0
_LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=_KEEPALIVE)

USER_AGENT = f"invigilate/{__version__} python/{platform.python_version()}"


class Answer(NamedTuple):
    """An answer as it came, with headers by lower-case name."""

    status_code: int
    headers: Mapping[str, str]
    body: bytes


class Failure(NamedTuple):
    """No answer came.

    Attributes:
        timed_out: whether it was for want of time.
        sent: whether any of the request may have been written.
        error: what the transport raised.
    """

    timed_out: bool
    sent: bool
    error: Exception


class Settings(NamedTuple):
    """How connections are made."""

    base_url: str
    loopback: bool
    proxy: str | None
    verify: bool | str | ssl.SSLContext
    transport: Any


_sending: ContextVar[bool] = ContextVar("invigilate_sending", default=False)


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

    def note(self, event: str, info: Mapping[str, Any]) -> None:
        self.seen = True
        if event.endswith("send_request_headers.started"):
            request = info.get("request")
            if getattr(request, "method", None) != b"CONNECT":
                self._step.sent = True

    async def anote(self, event: str, info: Mapping[str, Any]) -> None:
        self.note(event, info)


def _options(settings: Settings) -> dict[str, Any]:
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        if _quiet not in logger.filters:
            logger.addFilter(_quiet)
    options: dict[str, Any] = {
        "follow_redirects": False,
        "limits": _LIMITS,
        "timeout": None,
        "headers": {"User-Agent": USER_AGENT},
        # Cookies would make a repeated request differ from the first.
        "cookies": CookieJar(DefaultCookiePolicy(allowed_domains=[])),
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
    try:
        proxy = httpx.Proxy(settings.proxy) if settings.proxy is not None else None
    except (ValueError, httpx.InvalidURL):
        raise ConfigurationError("proxy: expected an address like http://host:port") from None
    return {**options, "verify": verify, "proxy": proxy}


def _knows(transport: Any) -> bool:
    """Whether a transport reports what it does; of another one, nothing can be said but what it says."""
    return transport is None or isinstance(transport, httpx.HTTPTransport | httpx.AsyncHTTPTransport)


def _request(client: httpx.Client | httpx.AsyncClient, base_url: str, step: Send, trace: Any) -> httpx.Request:
    method, target, headers, content = step.request
    timeout = step.timeout
    return client.build_request(
        method,
        httpx.URL(base_url + target),
        headers={**headers, **step.credentials},
        content=content,
        timeout=httpx.Timeout(timeout),
        extensions={"trace": trace},
    )


def _failure(step: Send, trace: _Trace, reliable: bool, error: Exception) -> Failure:
    if not step.sent and not (reliable or trace.seen):
        # A transport that reports nothing: what is not known counts as sent.
        step.sent = True
    return Failure(isinstance(error, httpx.TimeoutException | TimeoutError), step.sent, error)


def _answer(response: httpx.Response, body: bytes) -> Answer:
    return Answer(response.status_code, {key.lower(): value for key, value in response.headers.items()}, body)


class _LateError(httpx.ReadTimeout):
    """The answer came too slowly to be complete before the deadline."""


def _late(step: Send) -> bool:
    return step.deadline is not None and time.monotonic() >= step.deadline


class Connections:
    """The connections of a sync client."""

    def __init__(self, settings: Settings) -> None:
        self._base_url = settings.base_url
        self._reliable = _knows(settings.transport)
        self._client = httpx.Client(**_options(settings))
        self._lock = threading.Lock()

    def send(self, step: Send) -> Answer | Failure:
        """Send a request and read the whole answer."""
        trace = _Trace(step)
        quiet = _sending.set(True)
        try:
            response = self._client.send(_request(self._client, self._base_url, step, trace.note), stream=True)
            try:
                chunks: list[bytes] = []
                for chunk in response.iter_bytes():
                    chunks.append(chunk)
                    if _late(step):
                        raise _LateError("the deadline passed while the answer came")
                return _answer(response, b"".join(chunks))
            finally:
                response.close()
        except Exception as error:
            return _failure(step, trace, self._reliable, error)
        finally:
            _sending.reset(quiet)

    def wait(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def acquire(self, deadline: float | None) -> Any:
        """Wait for the lock, at most until the deadline; gives the lock, or `None`."""
        left = -1.0 if deadline is None else max(0.0, deadline - time.monotonic())
        return self._lock if self._lock.acquire(timeout=left) else None

    def resolve(self, awaitable: Any) -> Any:
        """Refuse what only an event loop can wait for."""
        getattr(awaitable, "close", lambda: None)()
        raise ConfigurationError("token: an async callable needs an async client")

    def close(self) -> None:
        """Close all connections."""
        self._client.close()


class AsyncConnections:
    """The connections of an async client."""

    def __init__(self, settings: Settings) -> None:
        self._base_url = settings.base_url
        self._reliable = _knows(settings.transport)
        self._client = httpx.AsyncClient(**_options(settings))
        self._lock = anyio.Lock()

    async def send(self, step: Send) -> Answer | Failure:
        """Send a request and read the whole answer."""
        trace = _Trace(step)
        quiet = _sending.set(True)
        try:
            request = _request(self._client, self._base_url, step, trace.anote)
            with anyio.fail_after(None if step.deadline is None else step.deadline - time.monotonic()):
                response = await self._client.send(request, stream=True)
                try:
                    return _answer(response, await response.aread())
                finally:
                    await response.aclose()
        except Exception as error:
            return _failure(step, trace, self._reliable, error)
        finally:
            _sending.reset(quiet)

    async def wait(self, seconds: float) -> None:
        """Wait, under whichever event loop runs."""
        await anyio.sleep(seconds)

    async def acquire(self, deadline: float | None) -> Any:
        """Wait for the lock, at most until the deadline; gives the lock, or `None`."""
        with anyio.move_on_after(None if deadline is None else deadline - time.monotonic()):
            await self._lock.acquire()
            return self._lock
        return None

    async def resolve(self, awaitable: Any) -> Any:
        """Wait for it."""
        return await awaitable

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()
