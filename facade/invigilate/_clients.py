"""What all clients share: settings, and how calls become requests that are sent, sync and async."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from functools import partial
from types import FunctionType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, TypeVar, cast

from invigilate_runtime import UNSET, Call, PagedCall, Pagination, Unset

from ._binding import Async, Sync, renamed
from ._engine import Execution
from ._limits import LONGEST_INTERVAL, MOST_CONCURRENCY, Pace, Timeout
from ._pagination import STRATEGIES, Progress, first_position
from ._paging import AsyncPager, Pager
from ._requests import OFFSET, prepare, raw_call
from ._settings import check_base_url, check_headers, check_options, set_up_log
from ._shapes import is_number
from ._tracebacks import sealed
from ._values import (
    MAX_CONCURRENCY,
    MAX_RESPONSE_BYTES,
    AttemptEvent,
    ConnectionStats,
    Credentials,
    PreparedRequest,
    RawResponse,
    RequestOptions,
    Steps,
    run_now,
)
from .errors import APIStatusError, ConfigurationError, IncompleteResultError

if TYPE_CHECKING:
    import ssl

T = TypeVar("T")
R = TypeVar("R")

Backend = Literal["httpx", "httpx2"]
OnAttempt = Callable[[AttemptEvent], object]


class BaseClient:
    """The settings of a client, and what it does without I/O."""

    _error_classes: ClassVar[Mapping[str, type[APIStatusError]]] = {}
    """The error class of a documented code, where the code contradicts the status."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        init: Any = cls.__init__
        inner = init.__wrapped__ if getattr(init, "is_sealed", False) else init
        if isinstance(inner, FunctionType):
            # Python reports a wrong keyword under the name of the class that was called.
            cls.__init__ = sealed(renamed(inner, "__init__", cls.__name__))  # type: ignore[method-assign]

    def __init__(
        self,
        credentials: Credentials,
        base_url: str,
        defaults: Mapping[str, str | None] | None = None,
        *,
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
        transport: Any = None,
        http_backend: Backend = "httpx",
    ) -> None:
        from ._http import system  # late, like the transport: both import much
        from ._http.transport import Connections, Settings

        self._base_url, loopback = check_base_url(base_url, allow_insecure_http=allow_insecure_http)
        if not is_number(min_interval) or not 0 <= min_interval <= LONGEST_INTERVAL:
            raise ConfigurationError(f"min_interval: expected seconds, 0 to {LONGEST_INTERVAL}")
        pace = Pace(min_interval) if min_interval else None
        extra = check_headers(headers, credentials.header[0])
        options = RequestOptions(timeout, max_retries, deadline, headers=extra, pace=pace, on_attempt=on_attempt)
        self._options = check_options(options)
        self._credentials = credentials
        self._defaults = dict(defaults or {})
        self._check_sids = check_sids
        self.around: Callable[[PreparedRequest, Steps[RawResponse[Any]]], Steps[RawResponse[Any]]] | None = None
        """Runs the steps of each request, and sees how it ends: for traces."""
        self._owner = True
        self._shared = {"closed": False}
        unused = " and ".join(["proxy="] * (proxy is not None) + ["verify="] * (verify is not True))
        if transport is not None and unused:
            raise ConfigurationError(f"transport: it would ignore {unused}. Configure the transport itself instead")
        if max_response_bytes.__class__ is not int or max_response_bytes < 1:
            raise ConfigurationError("max_response_bytes: expected an integer of at least 1")
        if max_concurrency.__class__ is not int or not 1 <= max_concurrency <= MOST_CONCURRENCY:
            raise ConfigurationError(f"max_concurrency: expected an integer from 1 to {MOST_CONCURRENCY}")
        set_up_log()
        settings = Settings(
            self._base_url, loopback, proxy, verify, transport, max_response_bytes, http_backend, max_concurrency
        )
        waiter = system.EventLoop() if isinstance(self, Async) else system.Threads()
        self._connections = Connections(settings, waiter)
        credentials.hidden = self._connections.secrets

    def __repr__(self) -> str:
        defaults = "".join(f", {name}={value!r}" for name, value in self._defaults.items() if value is not None)
        return f"<{type(self).__name__} {self._base_url}{defaults}>"

    def __dir__(self) -> list[str]:
        # Resources need the rest of it, callers do not.
        hidden = {"around", "run", "steps"}
        return [name for name in super().__dir__() if name not in hidden and (name[:1] != "_" or name[:2] == "__")]

    @property
    def base_url(self) -> str:
        """The base URL of the API, without a trailing slash."""
        return self._base_url

    @property
    def connections(self) -> ConnectionStats:
        """How many connections this client and its views have in use, and how many are idle."""
        return self._connections.stats()

    def _view(self) -> Self:
        """Return a client on the same connections; closing it leaves them open."""
        view = copy.copy(self)
        view._owner = False
        for name in [name for name in view.__dict__ if isinstance(getattr(type(self), name, None), type)]:
            del view.__dict__[name]  # resources of the original
        return view

    def with_options(
        self,
        *,
        timeout: float | Timeout | Unset | None = UNSET,
        max_retries: int | Unset = UNSET,
        deadline: float | Unset | None = UNSET,
        retry_refused: bool | Unset = UNSET,
        headers: Mapping[str, str] | Unset | None = UNSET,
    ) -> Self:
        """Return a view of this client with other options, on the same connections. Closing it leaves them open.

        Args:
            timeout: seconds for each of: waiting for a free connection, connecting, each read and each write. A
                `Timeout` sets them one by one; `None` for no limit.
            max_retries: the largest number of retries.
            deadline: seconds for a request with all its retries, or for a pager with all its pages; `None` for no
                limit.
            retry_refused: also retry a 429 of a request that is not idempotent. The status says that the server refused
                it; no documentation of the APIs promises that nothing was applied, so this is off by default.
            headers: sent with every request, instead of those of this client.

        Raises:
            ConfigurationError: if a value is not allowed.
        """
        options: dict[str, Any] = {
            "timeout": timeout,
            "max_retries": max_retries,
            "deadline": deadline,
            "retry_refused": retry_refused,
            "headers": headers if headers is UNSET else check_headers(headers, self._credentials.header[0]),
        }
        view = self._view()
        view._options = check_options(
            self._options._replace(**{name: value for name, value in options.items() if value is not UNSET})
        )
        return view

    def _prepare(self, call: Any, page: Mapping[str, Any] | None = None) -> PreparedRequest:
        if self._shared["closed"]:
            raise ConfigurationError("the client is closed")
        return prepare(call, self._defaults, check_sids=self._check_sids, page=page)

    async def _run(self, steps: Steps[T]) -> T:
        """Perform the effects of steps; under a sync client this blocks instead of suspending."""
        try:
            effect = next(steps)
            while True:
                try:
                    result = await self._connections.perform(effect)
                except BaseException as error:
                    # The engine must know: this may have interrupted a request that is not idempotent.
                    effect = steps.throw(error)
                else:
                    effect = steps.send(result)
        except StopIteration as done:
            value: T = done.value
            return value

    def steps(
        self,
        call: Any,
        page: Mapping[str, Any] | None = None,
        deadline: float | None = None,
        *,
        fresh: bool = False,
    ) -> Steps[RawResponse[Any]]:
        """Send the request of a call: its steps, for `run`, and for computations that send several.

        Args:
            call: the call.
            page: the argument that selects the page, instead of the caller's.
            deadline: on the monotonic clock, of a pager that began earlier.
            fresh: use a new connection, on which no response to an earlier request can come.
        """
        prepared = self._prepare(call, page)._replace(fresh=fresh)
        own = self._options.ends_at()
        ends_at = own if deadline is None else min(deadline, deadline if own is None else own)
        steps = Execution(prepared, self._credentials, self._options, ends_at, self._error_classes).steps()
        return (yield from (steps if self.around is None else self.around(prepared, steps)))

    def _pager(self, cls: Any, call: PagedCall[Any]) -> Any:
        pagination, start = call.pagination, first_position(call)
        incomplete = partial(self._prepare(call).error, IncompleteResultError)
        call = copy.copy(call)
        call.arguments = copy.deepcopy(call.arguments)  # every page has the filters of the first

        def begin() -> tuple[Progress, Any]:
            deadline = self._options.ends_at()

            @sealed
            async def fetch(position: Any) -> Any:
                # The first page is requested as the caller did: without an offset or a token that nobody passed.
                page = {pagination.parameter: position} if position else {}
                return (await self._run(self.steps(call, page, deadline))).parsed

            return STRATEGIES[pagination.type](pagination, start, incomplete), fetch

        pager = cls(begin)
        pager.client, pager.call = self, call
        return pager


class SyncClient(BaseClient, Sync):
    """What all sync clients can do."""

    @sealed
    def run(self, steps: Steps[T]) -> T:
        """Perform the effects of steps, and return their result."""
        return run_now(self._run(steps))

    @sealed
    def execute(self, call: Call[T]) -> T:
        """Send the request of a call that a generated `describe` function created, under this client's policies.

        Args:
            call: from the packages of this library, or from one that `scripts/regenerate` created from another
                specification.

        Returns:
            The documented type.

        Raises:
            InvalidArgumentError: if an argument is wrong; nothing was sent.
            APIError: if the request does not end in its documented success.
        """
        return cast("T", self.run(self.steps(call)).parsed)

    @sealed
    def pages(self, call: PagedCall[R]) -> Pager[R]:
        """Return a pager over the rows of a paged call. Nothing is sent until it is read; see `execute`."""
        return cast("Pager[R]", self._pager(Pager, call))

    @sealed
    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        idempotent: bool | None = None,
    ) -> RawResponse[Any]:
        """Send a request that no specification describes, with this client's credentials and policies.

        Args:
            method: GET, HEAD, POST, PUT, PATCH or DELETE.
            path: relative to the base URL, as in `/v1/installs/.../reports/appointments`.
            params: the query; a list becomes repeated keys.
            json: the body.
            idempotent: whether a second, identical request has no further effect, so that it may be retried; by
                default only that of GET and HEAD.

        Returns:
            The raw response; its `parsed` is the decoded JSON, or a string, or `None` without content.

        Raises:
            InvalidArgumentError: if the path is not relative, or a value cannot be encoded; nothing was sent.
            APIError: if the status is not a 2xx, or no response was received.
        """
        return self.run(self.steps(raw_call(method, path, params, body=json, idempotent=idempotent)))

    @sealed
    def paginate(
        self, path: str, *, params: Mapping[str, Any] | None = None, pagination: Pagination = OFFSET
    ) -> Pager[dict[str, Any]]:
        """Return a pager over the rows of a GET that no specification describes.

        Args:
            path: relative to the base URL.
            params: the query, with the page to start at and the page size, if wanted.
            pagination: how it pages; by default `offset` and `limit`, with `results` and `total` in the response.

        Returns:
            A pager of rows as received.

        Raises:
            InvalidArgumentError: if the path is not relative, or a value cannot be encoded; nothing was sent.
        """
        return self.pages(raw_call("GET", path, params, pagination=pagination))

    def close(self) -> None:
        """Close the connections; of a view, leave them open."""
        if self._owner and not self._shared["closed"]:
            self._shared["closed"] = True
            run_now(self._connections.close())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class AsyncClient(BaseClient, Async):
    """What all async clients can do."""

    @sealed
    async def run(self, steps: Steps[T]) -> T:
        """See `SyncClient.run`."""
        return await self._run(steps)

    @sealed
    async def execute(self, call: Call[T]) -> T:
        """See `SyncClient.execute`."""
        return cast("T", (await self.run(self.steps(call))).parsed)

    @sealed
    def pages(self, call: PagedCall[R]) -> AsyncPager[R]:
        """Return a pager over the rows of a paged call; see `SyncClient.pages`."""
        return cast("AsyncPager[R]", self._pager(AsyncPager, call))

    @sealed
    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        idempotent: bool | None = None,
    ) -> RawResponse[Any]:
        """See `SyncClient.request`."""
        return await self.run(self.steps(raw_call(method, path, params, body=json, idempotent=idempotent)))

    @sealed
    def paginate(
        self, path: str, *, params: Mapping[str, Any] | None = None, pagination: Pagination = OFFSET
    ) -> AsyncPager[dict[str, Any]]:
        """See `SyncClient.paginate`."""
        return self.pages(raw_call("GET", path, params, pagination=pagination))

    async def close(self) -> None:
        """Close the connections; of a view, leave them open."""
        if self._owner and not self._shared["closed"]:
            self._shared["closed"] = True
            await self._connections.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()
