"""The clients for SmarterProctoring."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, Self, TypeVar

from invigilate._binding import Async, Lazy, Sync
from invigilate._clients import AsyncClient, Backend, BaseClient, OnAttempt, SyncClient
from invigilate._credentials import AsyncTokenSource, TokenSource
from invigilate._limits import Timeout
from invigilate._settings import setting
from invigilate._values import MAX_CONCURRENCY, MAX_RESPONSE_BYTES
from invigilate.errors import AuthenticationError, ConfigurationError

from . import resources as r
from .credentials import ApiToken

if TYPE_CHECKING:
    import ssl

    from invigilate._http.transport import AsyncTransport, SyncTransport  # noqa: F401  # as base class arguments below

K = TypeVar("K")
X = TypeVar("X")

Environment = Literal["production", "development"]

BASE_URLS = {
    "production": "https://api.smarterproctoring.com",
    "development": "https://api.dev.smarterproctoring.com",
}


class _Base(BaseClient, Generic[K, X]):
    reports: Lazy[r.Reports[Sync], r.Reports[Async]] = Lazy(r.Reports)
    exam_sessions: Lazy[r.ExamSessions[Sync], r.ExamSessions[Async]] = Lazy(r.ExamSessions)
    course_offerings: Lazy[r.CourseOfferings[Sync], r.CourseOfferings[Async]] = Lazy(r.CourseOfferings)
    exams: Lazy[r.Exams[Sync], r.Exams[Async]] = Lazy(r.Exams)
    exam_configurations: Lazy[r.ExamConfigurations[Sync], r.ExamConfigurations[Async]] = Lazy(r.ExamConfigurations)
    users: Lazy[r.Users[Sync], r.Users[Async]] = Lazy(r.Users)
    installs: Lazy[r.Installs[Sync], r.Installs[Async]] = Lazy(r.Installs)
    provisioning: Lazy[r.Provisioning[Sync], r.Provisioning[Async]] = Lazy(r.Provisioning)

    # A refused token is documented as this code with status 403.
    _error_classes: ClassVar = {"AUTHENTICATIONFAILED": AuthenticationError}

    def __init__(
        self,
        token: K | None = None,
        install_sid: str | None = None,
        *,
        environment: Environment | None = None,
        base_url: str | None = None,
        timeout: float | Timeout | None = 30.0,
        max_retries: int = 2,
        deadline: float | None = None,
        headers: Mapping[str, str] | None = None,
        max_concurrency: int = MAX_CONCURRENCY,
        min_interval: float = 0.0,
        on_attempt: OnAttempt | None = None,
        check_sids: bool = True,
        max_response_bytes: int = MAX_RESPONSE_BYTES,
        allow_insecure_http: bool = False,
        proxy: str | None = None,
        verify: bool | str | ssl.SSLContext = True,
        transport: X | None = None,
        http_backend: Backend = "httpx",
    ) -> None:
        if environment is not None and environment not in BASE_URLS:
            raise ConfigurationError("environment: expected 'production' or 'development'")
        if environment is not None and base_url is not None:
            raise ConfigurationError("environment: contradicts `base_url`. Pass one of them")
        source: Any = token if token is not None else setting(None, "SMARTERPROCTORING_TOKEN")
        if source is None:
            raise ConfigurationError("no API token: pass `token=` or set SMARTERPROCTORING_TOKEN")
        url = BASE_URLS[environment] if environment else setting(base_url, "SMARTERPROCTORING_BASE_URL")
        super().__init__(
            ApiToken(source),
            BASE_URLS["production"] if url is None else url,
            {"install_sid": setting(install_sid, "SMARTERPROCTORING_INSTALL_SID")},
            timeout=timeout,
            max_retries=max_retries,
            deadline=deadline,
            headers=headers,
            max_concurrency=max_concurrency,
            min_interval=min_interval,
            on_attempt=on_attempt,
            check_sids=check_sids,
            max_response_bytes=max_response_bytes,
            allow_insecure_http=allow_insecure_http,
            proxy=proxy,
            verify=verify,
            transport=transport,
            http_backend=http_backend,
        )

    @property
    def install_sid(self) -> str | None:
        """The install (`AI...`) of requests that do not name another."""
        return self._defaults["install_sid"]

    def for_install(self, install_sid: str) -> Self:
        """Return a view of this client for another install, on the same connections. Closing it leaves them open.

        Args:
            install_sid: the install (`AI...`); it is checked when a request is sent.
        """
        view = self._view()
        view._defaults = {**self._defaults, "install_sid": install_sid}
        return view


class SmarterProctoring(_Base[TokenSource, "SyncTransport"], SyncClient):
    """Synchronous client for the SmarterProctoring API.

    Use it as a context manager, or call `close()`. Many threads may use it at once.

    Args:
        token: the API token, or a callable that returns it and is called before each request. Defaults to the
            environment variable `SMARTERPROCTORING_TOKEN`.
        install_sid: the install (`AI...`) of requests that do not name another. Defaults to the environment variable
            `SMARTERPROCTORING_INSTALL_SID`.
        environment: `"production"` or `"development"`; it wins over `SMARTERPROCTORING_BASE_URL`.
        base_url: another base URL. Defaults to the environment variable `SMARTERPROCTORING_BASE_URL`, or else to
            production.
        timeout: seconds for each of: waiting for a free connection, connecting, each read and each write. A `Timeout`
            sets them one by one; `None` for no limit.
        max_retries: the largest number of retries. Requests that are not idempotent are retried only if no part of
            them was written.
        deadline: seconds for a request with all its retries, or for a pager with all its pages; `None` for no limit.
        headers: sent with every request, for example a correlation ID. Headers of credentials, of the connection and
            of the content are refused; a header that an operation sets itself wins. A `User-Agent` header replaces the
            default one.
        max_concurrency: the largest number of requests in flight at once, over all threads, tasks and views; 100 by
            default, at most 10,000. More wait.
        min_interval: seconds between the starts of two requests, retries included, over all threads, tasks and views;
            0 by default, at most 3600.
        on_attempt: called after each attempt with an `AttemptEvent`, in the thread or task of the request; it must not
            block. An exception in it is logged and ignored.
        check_sids: check SIDs against their documented patterns before anything is sent.
        max_response_bytes: the largest response body, in bytes after decompression; 64 MiB by default. A larger one
            raises `ResponseDecodeError`, or `OutcomeUnknownError` for a request that is not idempotent.
        allow_insecure_http: allow plain http beyond this machine.
        proxy: URL of a proxy; by default that of the environment.
        verify: `False`, a file of CA certificates, or an SSL context, instead of the usual certificates.
        transport: a transport of httpx (or of the `http_backend`), for tests. It opens its own connections: it cannot
            be combined with `proxy` or `verify`, and `connections` does not count them.
        http_backend: `"httpx2"` uses httpx2 instead of httpx for URLs, proxies, certificates and transports; it trusts
            the certificates of the system. Needs the extra `httpx2`.

    Raises:
        ConfigurationError: if the client cannot work as configured.

    Documentation: https://developers.smarterservices.com/proctoring/api/authentication
    """


class AsyncSmarterProctoring(_Base[AsyncTokenSource, "AsyncTransport"], AsyncClient):
    """Asynchronous client for the SmarterProctoring API, for asyncio and trio; see `SmarterProctoring`.

    `token` may also be an async callable.
    """
