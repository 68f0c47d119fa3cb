"""Servers without sockets: transports that respond from a script and keep what was sent."""

from __future__ import annotations

import inspect
import json
import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Literal, NamedTuple

import anyio
import httpx
import pytest

from invigilate import AsyncISpringLearn, AsyncSmarterProctoring, ISpringLearn, SmarterProctoring

HEX = "0123456789abcdef" * 2
INSTALL = f"AI{HEX}"
EXAM = f"EX{HEX}"
SESSION = f"ES{HEX}"
OFFERING = f"CO{HEX}"
USER = f"US{HEX}"
COURSE = f"CU{HEX}"
LIMIT = 1000
"""The largest number of requests to one script, so that a client in a loop fails its test and does not hang it."""
TOKEN = "canary-token-4f1d"
SECRET = "canary-client-secret-9b2e"

Mode = Literal["sync", "async"]
MODES: tuple[Mode, ...] = ("sync", "async")


class Sent(NamedTuple):
    """A request as it would have gone over the wire."""

    method: str
    url: str
    headers: tuple[tuple[bytes, bytes], ...]
    content: bytes

    @property
    def query(self) -> list[tuple[str, str]]:
        """The decoded query, in order."""
        return list(httpx.URL(self.url).params.multi_items())

    def header(self, name: str) -> str | None:
        """The value of a header, or None."""
        value: str | None = httpx.Headers(list(self.headers)).get(name)
        return value

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.content)


class Reply(NamedTuple):
    """A response of a script."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = {}

    def response(self) -> httpx.Response:
        """The response as httpx has it; bytes are sent as they are, all else as JSON."""
        content = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        return httpx.Response(self.status, headers=dict(self.headers), content=content)


class Lost(NamedTuple):
    """No response: the transport raises.

    `written` is what its trace reports first: that the request was being written, that only a connection was tried,
    or, with None, nothing at all.
    """

    error: BaseException
    written: bool | None = True

    @property
    def event(self) -> str | None:
        """The event of the trace."""
        if self.written is None:
            return None
        return "http11.send_request_headers.started" if self.written else "connection.connect_tcp.started"


Step = Reply | Lost | Callable[[Sent], Reply | Lost]


class Script(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """A transport that responds from a list; its last entry serves for all that follow."""

    def __init__(self, *steps: Step) -> None:
        self.steps = steps
        self.sent: list[Sent] = []
        self.closed = 0
        self._guard = threading.Lock()

    def _next(self, request: httpx.Request, content: bytes) -> Reply | Lost:
        with self._guard:
            number = len(self.sent)
            sent = Sent(request.method, str(request.url), tuple(request.headers.raw), content)
            self.sent.append(sent)
        if number >= LIMIT:
            pytest.fail(f"{LIMIT} requests: this would never end")
        step = self.steps[min(number, len(self.steps) - 1)]
        return step(sent) if not isinstance(step, Reply | Lost) else step

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Respond to a sync client."""
        step = self._next(request, request.read())
        if isinstance(step, Reply):
            return step.response()
        if step.event is not None:
            request.extensions["trace"](step.event, {"request": request})
        raise step.error

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Respond to an async client."""
        step = self._next(request, await request.aread())
        if isinstance(step, Reply):
            return step.response()
        if step.event is not None:
            await request.extensions["trace"](step.event, {"request": request})
        raise step.error

    def close(self) -> None:
        """Count how often it was closed."""
        self.closed += 1

    async def aclose(self) -> None:
        """Count how often it was closed."""
        self.closed += 1


def proctoring(transport: Any, **options: Any) -> SmarterProctoring:
    """A sync client of SmarterProctoring on a transport."""
    return SmarterProctoring(**{"token": TOKEN, "install_sid": INSTALL, "transport": transport, **options})


def ispring(transport: Any, **options: Any) -> ISpringLearn:
    """A sync client of iSpring Learn on a transport."""
    credentials = {} if "access_token" in options else {"client_id": "id", "client_secret": SECRET}
    return ISpringLearn(**{**credentials, "transport": transport, **options})


def perform(mode: Mode, transport: Any, use: Callable[[Any], Any], *, api: str = "proctoring", **options: Any) -> Any:
    """Create a client of the mode, let `use` make one call with it, and return the result."""
    if mode == "sync":
        sync: Any = proctoring if api == "proctoring" else ispring
        return use(sync(transport, **options))
    given: dict[str, Any] = {"token": TOKEN, "install_sid": INSTALL} if api == "proctoring" else {}
    if api != "proctoring" and "access_token" not in options:
        given = {"client_id": "id", "client_secret": SECRET}
    kind: Any = AsyncSmarterProctoring if api == "proctoring" else AsyncISpringLearn

    async def main() -> Any:
        async with kind(**{**given, "transport": transport, **options}) as client:
            result = use(client)
            return await result if inspect.isawaitable(result) else result

    return anyio.run(main)


def collect(mode: Mode, transport: Any, use: Callable[[Any], Any], **options: Any) -> list[Any]:
    """As `perform`, for a pager: all its rows."""

    def rows(client: Any) -> list[Any] | Awaitable[list[Any]]:
        result: list[Any] | Awaitable[list[Any]] = use(client).collect()
        return result

    found: list[Any] = perform(mode, transport, rows, **options)
    return found


def schedule(client: Any, **arguments: Any) -> Any:
    """A call that is not idempotent."""
    return client.exam_sessions.schedule(**{"exam_sid": EXAM, "session_sid": SESSION, **arguments})


def update(client: Any, **arguments: Any) -> Any:
    """An idempotent call."""
    return client.course_offerings.update(
        **{"offering_sid": OFFERING, "title": "Fall", "match_strings": "FA", **arguments}
    )


def report(client: Any, **arguments: Any) -> Any:
    """A paged call."""
    return client.reports.service_distribution(**arguments)


def page(rows: Iterable[Any], **envelope: Any) -> Reply:
    """A page of a report."""
    return Reply(200, {**envelope, "results": list(rows)})


TOKEN_REPLY = Reply(200, {"access_token": "issued-1", "expires_in": 1800, "token_type": "bearer"})
