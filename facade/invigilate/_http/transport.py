"""Sends requests, over connections of its own or a transport of the caller.

Only this module imports httpx, or httpx2 instead, and uses their public names alone.
"""

from __future__ import annotations

import logging
import os
import platform
import ssl
import sys
from base64 import b64encode
from collections.abc import Mapping
from contextvars import ContextVar
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from urllib.request import getproxies, proxy_bypass

from invigilate._values import MAX_CONCURRENCY, MAX_RESPONSE_BYTES, Await, Effect, Failure, Response, Send, Sleep
from invigilate._version import __version__
from invigilate.errors import ConfigurationError

from .connection import Route, build_response
from .pool import LoopState, Pool
from .system import EventLoop, Limit, System

if TYPE_CHECKING:

    class SyncTransport(Protocol):
        """`httpx.BaseTransport`, or that of httpx2."""

        def handle_request(self, request: Any, /) -> Any:
            """Send a request."""

    class AsyncTransport(Protocol):
        """`httpx.AsyncBaseTransport`, or that of httpx2."""

        async def handle_async_request(self, request: Any, /) -> Any:
            """Send a request."""


USER_AGENT = f"invigilate/{__version__} python/{platform.python_version()}"
_HEADERS = {"User-Agent": USER_AGENT, "Accept-Encoding": "gzip"}
_BACKENDS = {"httpx": "pip install invigilate", "httpx2": 'pip install "invigilate[httpx2]"'}


class Settings(NamedTuple):
    """How connections are opened."""

    base_url: str
    loopback: bool
    proxy: str | None
    verify: bool | str | ssl.SSLContext
    transport: Any
    max_response_bytes: int = MAX_RESPONSE_BYTES
    http_backend: str = "httpx"
    max_concurrency: int = MAX_CONCURRENCY

    def __repr__(self) -> str:
        return f"<Settings {self.base_url}>"  # the URL of a proxy may hold a password

    @property
    def httpx(self) -> Any:
        """The module of the backend.

        Raises:
            ConfigurationError: if there is no such backend, or it is not installed.
        """
        if str(self.http_backend) not in _BACKENDS:
            raise ConfigurationError("http_backend: expected 'httpx' or 'httpx2'")
        try:
            return import_module(self.http_backend)
        except ImportError:
            raise ConfigurationError(
                f"http_backend: {self.http_backend} is not installed. Run `{_BACKENDS[self.http_backend]}`"
            ) from None


# How the server is reached.


def _context(settings: Settings) -> ssl.SSLContext:
    if isinstance(settings.verify, ssl.SSLContext):
        return settings.verify
    source: str = "verify"
    verify: Any = settings.verify
    if verify is True and not settings.loopback and os.environ.get("SSL_CERT_FILE"):
        source, verify = "SSL_CERT_FILE", os.environ["SSL_CERT_FILE"]
    if not isinstance(verify, bool) and not (verify and isinstance(verify, str)):
        raise ConfigurationError(f"{source}: expected True, False, a file of CA certificates or an SSL context")
    try:
        if isinstance(verify, str):
            context = ssl.create_default_context(cafile=verify)
        else:
            context = settings.httpx.create_ssl_context(verify=verify, trust_env=not settings.loopback)
    except OSError:
        raise ConfigurationError(f"{source}: expected a file of CA certificates, got one that cannot be read") from None
    context.set_alpn_protocols(["http/1.1"])
    return context


def _proxy_url(settings: Settings, url: Any) -> str | None:
    if settings.proxy is not None:
        return settings.proxy
    # A proxy from the environment must not see plain requests to this machine.
    port = url.port or (443 if url.scheme == "https" else 80)
    if settings.loopback or any(map(proxy_bypass, (url.host, f"{url.host}:{port}", f"[{url.host}]"))):
        return None
    found = getproxies()
    proxy = found.get(url.scheme) or found.get("all")
    return f"http://{proxy}" if proxy and "://" not in proxy else proxy


def _proxy(settings: Settings, proxy_url: str) -> Route:
    try:
        proxy = settings.httpx.Proxy(proxy_url)
        url, credentials = proxy.url, proxy.raw_auth
        port = url.port or {"http": 80, "https": 443}.get(url.scheme, 1080)
        if not url.host:
            raise ValueError
    except (ValueError, settings.httpx.InvalidURL):
        # The URL of a proxy may hold a password, so it is not repeated.
        raise ConfigurationError(
            "proxy: the URL of the proxy, passed or from the environment, is unusable; expected http://host:port"
        ) from None
    headers = {"Proxy-Authorization": f"Basic {b64encode(b':'.join(credentials)).decode()}"} if credentials else {}
    tls = _context(settings) if url.scheme == "https" else None
    return Route(url.host, port, tls, headers, socks=url.scheme.startswith("socks"), credentials=credentials)


def _route(settings: Settings) -> Route:
    if settings.transport is not None:
        return Route("", 0, None, _HEADERS, prefix=settings.base_url)
    url = settings.httpx.URL(settings.base_url)
    tls = _context(settings) if url.scheme == "https" else None
    proxy_url = _proxy_url(settings, url)
    proxy = None if proxy_url is None else _proxy(settings, proxy_url)
    headers = {"Host": url.netloc.decode(), "Connection": "keep-alive", **_HEADERS}
    prefix = url.path.rstrip("/")
    if proxy is not None and not proxy.socks and tls is None:
        # The proxy is sent the requests themselves, with the whole URL; there is no tunnel.
        headers, prefix = {**headers, **proxy.headers}, settings.base_url
    return Route(url.raw_host.decode(), url.port or (443 if tls else 80), tls, headers, proxy, prefix)


# Transports of the caller.

_sending: ContextVar[bool] = ContextVar("invigilate_sending", default=False)
_LOGGERS = [
    *_BACKENDS,
    *(
        f"{core}.{part}"
        for core in ("httpcore", "httpcore2")
        for part in ("connection", "http11", "http2", "proxy", "socks")
    ),
]


def _quiet(record: logging.LogRecord) -> bool:
    """Drop what httpx logs of our requests: whole URLs, and headers of responses. Other users keep theirs."""
    return not _sending.get()


class _CustomTransport(Pool):
    """Sends through a transport that the caller passed."""

    def __init__(self, system: System, route: Route, settings: Settings) -> None:
        super().__init__(system, route, settings.max_response_bytes, settings.max_concurrency)
        self._httpx, self._transport = settings.httpx, settings.transport
        for name in _LOGGERS:
            logging.getLogger(name).addFilter(_quiet)
        for name in _BACKENDS:
            other: Any = sys.modules.get(name) or self._httpx
            if other is not self._httpx and isinstance(
                self._transport, (other.BaseTransport, other.AsyncBaseTransport)
            ):
                raise ConfigurationError(f'transport: comes from {name}. Pass http_backend="{name}" as well')

    async def _exchange(self, state: LoopState, send: Send) -> Response:
        # A transport that is not httpx's own may report nothing, and unknown counts as sent.
        reports = type(self._transport) in {self._httpx.HTTPTransport, self._httpx.AsyncHTTPTransport}

        def trace(event: str, info: Mapping[str, Any]) -> None:
            nonlocal reports
            reports = True
            if event.endswith("send_request_headers.started"):
                send.sent |= getattr(info.get("request"), "method", None) != b"CONNECT"

        async def trace_async(event: str, info: Mapping[str, Any]) -> None:
            trace(event, info)

        extensions = {
            "trace": trace_async if isinstance(self._system, EventLoop) else trace,
            "timeout": {
                name: None if seconds is None and send.deadline is None else Limit(seconds, send.deadline).left()
                for name, seconds in zip(("connect", "read", "write", "pool"), send.timeout, strict=True)
            },
        }
        headers = {**self._route.headers, **send.request.headers, **send.headers}
        quiet = _sending.set(True)
        try:
            with self._system.fail_after(Limit(None, send.deadline).left()):
                request = self._httpx.Request(
                    send.request.method,
                    self._route.prefix + send.request.target,
                    headers=headers,
                    content=send.request.content,
                    extensions=extensions,
                )
                return await self._read(send, await self._system.handle(self._transport, request))
        except BaseException:
            send.sent |= not reports
            raise
        finally:
            _sending.reset(quiet)

    async def _read(self, send: Send, response: Any) -> Response:
        send.status = response.status_code
        headers = dict(response.headers.items())
        body = bytearray()
        if response.is_stream_consumed:  # transports for tests return the body they hold
            body += response.content
        else:
            try:
                async for chunk in self._system.chunks(response.stream):
                    body += chunk
                    if len(body) > self._max_bytes:
                        break
            finally:
                await self._system.close(response.stream)
        return build_response(response.status_code, headers, bytes(body), self._max_bytes)

    async def close(self) -> None:
        """Close the transport, as httpx's clients do with theirs."""
        await super().close()
        await self._system.close(self._transport)


class ClosedError(RuntimeError):
    """The client was closed; nothing was sent."""


class Connections:
    """Performs the effects of the engine.

    Attributes:
        secrets: the password of the proxy, and the form in which it is sent.
    """

    def __init__(self, settings: Settings, system: System) -> None:
        self._system = system
        self._timeouts = (TimeoutError, settings.httpx.TimeoutException)
        route = _route(settings)
        self._pool = Pool(system, route, settings.max_response_bytes, settings.max_concurrency)
        if settings.transport is not None:
            self._pool = _CustomTransport(system, route, settings)
        self.stats, self.close = self._pool.stats, self._pool.close
        user, password = (route.proxy and route.proxy.credentials) or (b"", b"")
        self.secrets = (password.decode(), b64encode(user + b":" + password).decode()) if password else ()

    async def _send(self, send: Send) -> Response | Failure:
        try:
            if self._pool.closed:
                raise ClosedError("the client is closed")
            return await self._pool.exchange(send)
        except Exception as error:
            timed_out, permanent = isinstance(error, self._timeouts), isinstance(error, ClosedError)
            return Failure(timed_out, send.sent, error, send.status, permanent)

    async def perform(self, effect: Effect) -> Any:
        """Perform an effect of the engine, and return its result."""
        if isinstance(effect, Send):
            return await self._send(effect)
        if isinstance(effect, Sleep):
            return await self._system.sleep(effect.seconds)
        if isinstance(effect, Await):
            return await self._system.call(effect.function, Limit(None, effect.deadline))
        try:
            return await self._system.take(self._pool.state().token_lock, Limit(None, effect.deadline))
        except TimeoutError:
            return None
