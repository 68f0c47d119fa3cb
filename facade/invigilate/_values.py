"""The values that all layers share: requests and responses, options, and the effects that the engine asks for."""

from __future__ import annotations

import functools
import time
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping
from contextvars import ContextVar
from typing import Any, Generic, NamedTuple, TypeVar

from invigilate_runtime import Request

from ._limits import Pace, Timeout
from ._tracebacks import sealed
from .errors import APIError, Attempt

T = TypeVar("T")
E = TypeVar("E", bound=APIError)

MAX_RESPONSE_BYTES = 64 * 1024 * 1024
MAX_CONCURRENCY = 100

waiting: ContextVar[Any] = ContextVar("invigilate_waiting", default=None)
"""The job that waits for a request, if there is one; once its `abandoned` is true, nothing more is sent."""


Decode = Callable[..., Any]
"""Decodes the body of a 2xx response; takes its `status` and its `Content-Type` as `media`, too."""


class AttemptEvent(NamedTuple):
    """One attempt to send a request, as passed to `on_attempt`. It holds nothing sensitive.

    Attributes:
        method: the HTTP method.
        path: the path without the query; sensitive values are masked.
        operation: the operationId, or `None` for a request that no specification describes.
        idempotent: whether a second, identical request has no further effect.
        number: counted from 1.
        status_code: the HTTP status, or `None` if no response was received.
        outcome: `"succeeded"`, `"not sent"`, `"refused"` or `"unknown"`.
        decision: `"done"`, `"retry"` or `"raise"`.
        reason: what happened, in a few words.
        wait: seconds until the retry, or `0.0`.
        started_at: when the attempt began, in seconds since the epoch.
        elapsed: seconds that it took.
        request_id: the request ID of the server, if it sent one.
    """

    method: str
    path: str
    operation: str | None
    idempotent: bool
    number: int
    status_code: int | None
    outcome: str
    decision: str
    reason: str
    wait: float
    started_at: float
    elapsed: float
    request_id: str | None


class RequestOptions(NamedTuple):
    """How requests are sent: how long they may take, how often they are retried, and what comes with them.

    Attributes:
        timeout: seconds for each part of an attempt, or one value for all of them; `None` for no limit.
        max_retries: the largest number of retries.
        deadline: seconds for a request with all its retries, or for a pager with all its pages; `None` for no limit.
        retry_refused: whether a 429 of a request that is not idempotent is retried, too.
        headers: sent with every request, unless its operation or the credentials set the same header.
        pace: keeps an interval between requests.
        on_attempt: called after each attempt.
    """

    timeout: float | Timeout | None
    max_retries: int
    deadline: float | None = None
    retry_refused: bool = False
    headers: Mapping[str, str] = {}  # never written to
    pace: Pace | None = None
    on_attempt: Callable[[AttemptEvent], object] | None = None

    def __repr__(self) -> str:
        return f"<RequestOptions timeout={self.timeout}, max_retries={self.max_retries}, deadline={self.deadline}>"

    def ends_at(self) -> float | None:
        """Return when a deadline that starts now passes, on the monotonic clock."""
        return None if self.deadline is None else time.monotonic() + self.deadline


class PreparedRequest(NamedTuple):
    """A request whose arguments were checked; each attempt sends the same bytes.

    Attributes:
        request: what is sent.
        decode: decodes a 2xx response.
        idempotent: whether a second, identical request has no further effect.
        secured: whether it needs credentials.
        path: the path as errors show it.
        operation: the operationId, if there is one.
        secrets: the values of sensitive arguments.
        arguments: the values of the other arguments.
        template: the path as documented, with the names of its parameters; empty if nothing describes the request.
        fresh: whether it needs a new connection: on a kept one, an earlier response may come again.
    """

    request: Request
    decode: Decode
    idempotent: bool
    secured: bool
    path: str
    operation: str | None
    secrets: tuple[str, ...] = ()
    arguments: Mapping[str, Any] = {}  # never written to
    template: str = ""
    fresh: bool = False

    def __repr__(self) -> str:
        return f"<PreparedRequest {self.request.method} {self.path}>"

    def error(self, cls: type[E], message: str, **details: Any) -> E:
        """Create an error that names this request."""
        return cls(message, method=self.request.method, path=self.path, operation=self.operation, **details)


class Response(NamedTuple):
    """A response as received, with headers by lower-case name.

    Attributes:
        problem: why the body is incomplete, if it is.
    """

    status_code: int
    headers: Mapping[str, str]
    body: bytes
    problem: str | None = None

    def __repr__(self) -> str:
        return f"<Response {self.status_code}, {len(self.body)} bytes>"


class Failure(NamedTuple):
    """No response was received, or only part of one.

    Attributes:
        timed_out: whether time ran out.
        sent: whether any part of the request may have been written.
        error: what the transport raised.
        interrupted: the status of a response that broke off.
        permanent: whether no retry can help.
    """

    timed_out: bool
    sent: bool
    error: Exception
    interrupted: int | None = None
    permanent: bool = False


class Send:
    """Send the request, with more headers; the result is a `Response` or a `Failure`.

    `sent` is set as soon as writing begins, `status` when the head of the response was received, `began` (monotonic)
    again when the request need no longer wait for others. Without `reuse` the request goes over a new connection.
    `template` is that of the prepared request.
    """

    def __init__(
        self,
        request: Request,
        headers: Mapping[str, str],
        timeout: Timeout,
        deadline: float | None,
        reuse: bool,
        template: str = "",
    ) -> None:
        self.request = request
        self.headers = headers
        self.timeout = timeout
        self.deadline = deadline
        self.reuse = reuse
        self.template = template
        self.sent = False
        self.began = time.monotonic()
        self.status: int | None = None

    def begin(self) -> Send:
        """Note that the request need no longer wait for others.

        Raises:
            TimeoutError: if it was abandoned meanwhile.
        """
        if getattr(waiting.get(), "abandoned", False):
            raise TimeoutError("the request was abandoned")
        self.began = time.monotonic()
        return self


class Sleep(NamedTuple):
    """Wait some seconds."""

    seconds: float


class AcquireLock(NamedTuple):
    """Wait for the token lock; the result is the lock, or `None` if the deadline (monotonic) passed."""

    deadline: float | None


class Await(NamedTuple):
    """Call a function of the caller, and await what it returns.

    Raises `TimeoutError` when the deadline (monotonic) passes.
    """

    function: Callable[[], Any | Awaitable[Any]]
    deadline: float | None


Effect = Send | Sleep | AcquireLock | Await
"""What the engine cannot do itself, since it differs between sync and async."""

Steps = Generator[Effect, Any, T]
"""A computation that yields effects, is sent their results, and returns a value."""


class Credentials:
    """Supplies the token of a request.

    Attributes:
        renewable: whether another token can be obtained when the server refuses one.
        header: the header that carries the token, and the prefix before it.
        hidden: what else must not be shown: passwords of proxies.
        account: what names the account and is not secret, if anything does.
    """

    renewable = False
    header = ("Authorization", "Bearer ")
    hidden: tuple[str, ...] = ()
    account: str | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def obtain(self, options: RequestOptions, deadline: float | None) -> Steps[str]:
        """Return the token to send.

        Args:
            options: for the requests that this takes.
            deadline: on the monotonic clock.
        """
        raise NotImplementedError

    def reject(self, token: str) -> None:
        """Never return this token again; the server refused it."""

    def notice(self) -> str | None:
        """Return what may explain that the token was refused."""
        return None


class RawResponse(Generic[T]):
    """A 2xx response with everything that came with it.

    Attributes:
        status_code: the HTTP status, always a 2xx; others raise.
        headers: by lower-case name.
        content: the body as received.
        attempts: what was tried.
        request_id: the request ID of the server, if it sent one.
        elapsed: seconds from the first attempt to the end of the response, waits included.
        sent_at: when the last attempt was sent, in seconds since the epoch by the local clock.
        sent_monotonic: the same on the monotonic clock of this process.
    """

    def __init__(
        self,
        response: Response,
        attempts: tuple[Attempt, ...],
        request_id: str | None,
        elapsed: float,
        sent_monotonic: float,
        parse: Callable[[RawResponse[T]], T],
    ) -> None:
        self.status_code = response.status_code
        self.headers = response.headers
        self.content = response.body
        self.attempts = attempts
        self.request_id = request_id
        self.elapsed = elapsed
        self.sent_monotonic = sent_monotonic
        self.sent_at = time.time() - (time.monotonic() - sent_monotonic)
        self._parse = parse

    def __repr__(self) -> str:
        return f"<RawResponse {self.status_code}, {len(self.content)} bytes>"

    @functools.cached_property
    @sealed
    def parsed(self) -> T:
        """The documented type, decoded on first access.

        Raises:
            ResponseDecodeError: if the body is not what is documented (`OutcomeUnknownError` for a request that is
                not idempotent). Status, headers and content stay readable.
        """
        return self._parse(self)


def run_now(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that blocks where an async client would await, as in a sync client."""
    try:
        work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    finally:
        work.close()
    raise RuntimeError("a sync client waited for an event loop")


class ConnectionStats(NamedTuple):
    """The connections of a client at this moment.

    With a `transport=` of your own, `idle` is always 0: its connections are not counted.

    Attributes:
        in_use: requests in flight, each on a connection of its own.
        idle: open connections without one.
        limit: how many may be in use: `max_concurrency` of the client.
    """

    in_use: int
    idle: int
    limit: int
