"""The clients for iSpring Learn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, get_args

from invigilate._binding import Async, Lazy, Sync
from invigilate._clients import AsyncClient, Backend, BaseClient, OnAttempt, SyncClient
from invigilate._credentials import TokenCredentials
from invigilate._limits import Timeout
from invigilate._settings import check_base_url, setting
from invigilate._shapes import is_list
from invigilate._values import MAX_CONCURRENCY, MAX_RESPONSE_BYTES, Credentials, RawResponse, Steps
from invigilate.errors import BadRequestError, ConfigurationError
from invigilate_runtime import Operation

from . import resources as r
from .credentials import ClientCredentials

if TYPE_CHECKING:
    import ssl

    from invigilate._http.transport import AsyncTransport, SyncTransport  # noqa: F401  # as base class arguments below

X = TypeVar("X")

Region = Literal["ispringlearn.com", "ispring.com", "ispringlearn.eu", "ispring.eu", "ispringlearn.ru"]
BASE_URL = "https://api-learn.ispringlearn.com"


class _Base(BaseClient, Generic[X]):
    users: Lazy[r.Users[Sync], r.Users[Async]] = Lazy(r.Users)
    departments: Lazy[r.Departments[Sync], r.Departments[Async]] = Lazy(r.Departments)
    groups: Lazy[r.Groups[Sync], r.Groups[Async]] = Lazy(r.Groups)
    enrollments: Lazy[r.Enrollments[Sync], r.Enrollments[Async]] = Lazy(r.Enrollments)
    content: Lazy[r.Content[Sync], r.Content[Async]] = Lazy(r.Content)
    results: Lazy[r.Results[Sync], r.Results[Async]] = Lazy(r.Results)
    reports: Lazy[r.Reports[Sync], r.Reports[Async]] = Lazy(r.Reports)
    statistics: Lazy[r.Statistics[Sync], r.Statistics[Async]] = Lazy(r.Statistics)
    training_sessions: Lazy[r.TrainingSessions[Sync], r.TrainingSessions[Async]] = Lazy(r.TrainingSessions)
    assignments: Lazy[r.Assignments[Sync], r.Assignments[Async]] = Lazy(r.Assignments)
    quizzes: Lazy[r.Quizzes[Sync], r.Quizzes[Async]] = Lazy(r.Quizzes)
    gamification: Lazy[r.Gamification[Sync], r.Gamification[Async]] = Lazy(r.Gamification)
    webhooks: Lazy[r.Webhooks[Sync], r.Webhooks[Async]] = Lazy(r.Webhooks)
    performance: Lazy[r.Performance[Sync], r.Performance[Async]] = Lazy(r.Performance)
    job_training: Lazy[r.JobTraining[Sync], r.JobTraining[Async]] = Lazy(r.JobTraining)
    access_tokens: Lazy[r.AccessTokens[Sync], r.AccessTokens[Async]] = Lazy(r.AccessTokens)

    def __init__(
        self,
        access_token: str | None = None,
        *,
        client_id: str | None = None,
        client_secret: str | None = None,
        account_url: str | None = None,
        region: Region | None = None,
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
        # Explicit client credentials win over a token of the environment.
        explicit = client_id is not None or client_secret is not None
        if access_token is not None and explicit:
            raise ConfigurationError("access_token: contradicts `client_id` and `client_secret`. Pass one or the other")
        token = access_token if explicit else setting(access_token, "ISPRING_ACCESS_TOKEN")
        identity, secret = setting(client_id, "ISPRING_CLIENT_ID"), setting(client_secret, "ISPRING_CLIENT_SECRET")
        credentials: Credentials
        if token is not None:
            credentials = TokenCredentials(token, name="access_token")
        elif identity is not None and secret is not None:
            credentials = ClientCredentials(identity, secret)
        else:
            raise ConfigurationError(
                "no credentials: pass `access_token=`, or `client_id=` and `client_secret=`; or set "
                "ISPRING_ACCESS_TOKEN, or ISPRING_CLIENT_ID and ISPRING_CLIENT_SECRET"
            )
        if region is not None and region not in get_args(Region):
            raise ConfigurationError(f"region: expected one of {', '.join(map(repr, get_args(Region)))}")
        if region is not None and base_url is not None:
            raise ConfigurationError("region: contradicts `base_url`. Pass one of them")
        url = f"https://api-learn.{region}" if region else setting(base_url, "ISPRING_BASE_URL")
        account = setting(account_url, "ISPRING_ACCOUNT_URL")
        if account is not None:
            check_base_url(account, allow_insecure_http=True, name="account_url")
        super().__init__(
            credentials,
            BASE_URL if url is None else url,
            {"account_url": account},
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

    def steps(
        self,
        call: Any,
        page: Mapping[str, Any] | None = None,
        deadline: float | None = None,
        *,
        fresh: bool = False,
    ) -> Steps[RawResponse[Any]]:
        """See `BaseClient.steps`; a 400 names the filters, since one unknown ID can fail the whole request."""
        try:
            return (yield from super().steps(call, page, deadline, fresh=fresh))
        except BadRequestError as error:
            operation: Operation[Any] = call.operation
            # Filters are in the query; that of a GET is nothing else.
            names = [
                field.name
                for field in operation.fields
                if field.location == "query" and not field.sensitive and is_list(call.arguments.get(field.name))
            ]
            if names and operation.method == "GET" and error.operation == operation.id:
                listed = " or ".join(f"`{name}`" for name in names)
                error.message += f"; one unknown ID in {listed} can fail the whole request"
            raise

    @property
    def account_url(self) -> str | None:
        """The URL of the account, sent where it is documented, unless a request has another."""
        return self._defaults["account_url"]


class ISpringLearn(_Base["SyncTransport"], SyncClient):
    """Synchronous client for the iSpring Learn API.

    With client credentials, access tokens are fetched when needed, kept until shortly before they expire, and renewed
    once when the server refuses one.

    Args:
        access_token: an access token, used as it is and not renewed. Defaults to the environment variable
            `ISPRING_ACCESS_TOKEN`.
        client_id: client ID of an API key. Defaults to the environment variable `ISPRING_CLIENT_ID`.
        client_secret: its secret. Defaults to the environment variable `ISPRING_CLIENT_SECRET`.
        account_url: URL of the account, as in `https://myaccount.ispringlearn.com`; sent if set, with the operations
            that document it. Defaults to the environment variable `ISPRING_ACCOUNT_URL`.
        region: the domain of the account, which selects the API host: `"ispringlearn.com"` (the default), or
            `"ispring.com"` for new accounts, both documented; `"ispringlearn.eu"` and `"ispringlearn.ru"`, known from
            public client code only; `"ispring.eu"`, which a help page only implies.
        base_url: URL of the API, for any other host. Defaults to the environment variable `ISPRING_BASE_URL`, or else
            to that of the region.
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
        check_sids: has no effect, since no SIDs are documented for this API.
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

    Documentation: https://ispringhelpdocs.com/ispring-learn/access-token-86770677.html
    """


class AsyncISpringLearn(_Base["AsyncTransport"], AsyncClient):
    """Asynchronous client for the iSpring Learn API, for asyncio and trio; see `ISpringLearn`."""
