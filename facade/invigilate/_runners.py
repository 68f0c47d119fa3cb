"""How the sync and the async client carry out calls: the same steps, each in its own way."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator, Mapping
from typing import Any, Self, TypeVar, cast

from ._base import BaseClient, decode_page, page_start
from ._binding import CallLike, PagedCallLike, RawResponse
from ._engine import Prepared, Reply, Step, carry_out
from ._outcomes import decoded
from ._paging import AsyncPager, Page, Pager
from ._requests import RawCall, RawPagedCall
from ._tracebacks import sealed
from .errors import APIError, InvigilateError

T = TypeVar("T")
R = TypeVar("R")


def _now(work: Coroutine[Any, Any, T]) -> T:
    """Run to its end what blocks where an async client would await."""
    try:
        work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    finally:
        work.close()
    raise RuntimeError("a sync client waited for an event loop")


class SyncClient(BaseClient):
    """What both sync clients can do."""

    _kind = "Threads"

    @sealed
    def execute(self, call: CallLike[T]) -> T:
        """Carry out a call that a generated `describe` function made, under this client's policies.

        Args:
            call: from the packages of this library, or from one that `scripts/regenerate` made of another
                specification.

        Returns:
            The documented answer.

        Raises:
            InvalidArgumentError: if an argument is wrong; nothing was sent.
            APIError: if the call does not give its documented success.
        """
        prepared = self._prepare(call)
        return decoded(prepared, self._send(prepared, self._limits.starts()), call.decode)

    @sealed
    def pages(self, call: PagedCallLike[R]) -> Pager[R]:
        """As `execute`, for a call that answers page by page. Nothing is sent until the pager is read."""
        start = page_start(call)
        first = self._prepare(call)

        @sealed
        def fetch(offset: int, deadline: float | None) -> Page[R]:
            prepared = self._prepare(call, offset)
            return decoded(prepared, self._send(prepared, deadline), decode_page(call, offset))

        return Pager(fetch, start, self._limits.starts, first.incomplete)

    @sealed
    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        safe: bool | None = None,
    ) -> RawResponse[Any]:
        """Send a request that no specification describes, with this client's credentials and policies.

        Args:
            method: GET, HEAD, POST, PUT, PATCH or DELETE.
            path: relative to the base URL, as in `/v1/installs/.../reports/appointments`.
            params: the query; a list becomes repeated keys.
            json: the body.
            safe: whether sending it again does no harm; by default only that of GET and HEAD.

        Returns:
            The raw answer; its `parsed` is the decoded JSON, or the text, or `None` without content.

        Raises:
            InvalidArgumentError: if the path is not relative, or a value cannot be written; nothing was sent.
            APIError: if the status is no 2xx or no answer came.
        """
        response: RawResponse[Any] = self.invoke(RawCall(method, path, params, json, safe), raw=True)
        return response

    @sealed
    def paginate(self, path: str, *, params: Mapping[str, Any] | None = None) -> Pager[dict[str, Any]]:
        """Read a report that no specification describes: a GET that takes `offset` and answers with `results`.

        Args:
            path: relative to the base URL.
            params: the query; `offset` is where to start, `limit` the page size.

        Returns:
            A pager of rows as they came.

        Raises:
            InvalidArgumentError: if the path is not relative, or a value cannot be written; nothing was sent.
        """
        return self.pages(cast("PagedCallLike[dict[str, Any]]", RawPagedCall("GET", path, params)))

    def invoke(self, call: Any, *, raw: bool) -> Any:
        """Carry out a call of a resource: as its answer, as a pager, or raw."""
        paged = hasattr(call, "decode_rows")
        if not raw:
            return self.pages(call) if paged else self.execute(call)
        prepared = self._prepare(call)
        decode = decode_page(call, page_start(call)) if paged else call.decode
        return self._raw(prepared, self._send(prepared, self._limits.starts()), decode)

    @sealed
    def read_back(self, call: Any, judge: Callable[[Any], Any], failed: Callable[[InvigilateError], Any]) -> Any:
        """See `Runner.read_back`."""
        try:
            return judge(self.invoke(call, raw=True))
        except APIError as error:
            return failed(error)

    def _send(self, prepared: Prepared, deadline: float | None) -> Reply:
        return self._drive(carry_out(prepared, self._credentials, self._limits, deadline))

    def _drive(self, steps: Generator[Step, Any, Reply]) -> Reply:
        try:
            step = next(steps)
            while True:
                try:
                    result = _now(step.perform(self._connections))
                except BaseException as error:
                    # The engine learns of it, since it may have been an unsafe call that was cut off.
                    step = steps.throw(error)
                else:
                    step = steps.send(result)
        except StopIteration as done:
            reply: Reply = done.value
            return reply

    def close(self) -> None:
        """Close the connections; a view closes nothing."""
        if self._owner and not self._shared["closed"]:
            self._shared["closed"] = True
            _now(self._connections.close())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class AsyncClient(BaseClient):
    """What both async clients can do."""

    _kind = "EventLoop"

    @sealed
    async def execute(self, call: CallLike[T]) -> T:
        """See `SyncClient.execute`."""
        prepared = self._prepare(call)
        return decoded(prepared, await self._send(prepared, self._limits.starts()), call.decode)

    @sealed
    def pages(self, call: PagedCallLike[R]) -> AsyncPager[R]:
        """As `execute`, for a call that answers page by page. Nothing is sent until the pager is read."""
        start = page_start(call)
        first = self._prepare(call)

        @sealed
        async def fetch(offset: int, deadline: float | None) -> Page[R]:
            prepared = self._prepare(call, offset)
            return decoded(prepared, await self._send(prepared, deadline), decode_page(call, offset))

        return AsyncPager(fetch, start, self._limits.starts, first.incomplete)

    @sealed
    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        safe: bool | None = None,
    ) -> RawResponse[Any]:
        """See `SyncClient.request`."""
        response: RawResponse[Any] = await self.invoke(RawCall(method, path, params, json, safe), raw=True)
        return response

    @sealed
    def paginate(self, path: str, *, params: Mapping[str, Any] | None = None) -> AsyncPager[dict[str, Any]]:
        """See `SyncClient.paginate`."""
        return self.pages(cast("PagedCallLike[dict[str, Any]]", RawPagedCall("GET", path, params)))

    def invoke(self, call: Any, *, raw: bool) -> Any:
        """Carry out a call of a resource: as a coroutine of its answer, as a pager, or raw."""
        paged = hasattr(call, "decode_rows")
        if not raw:
            return self.pages(call) if paged else self.execute(call)
        return self._invoke_raw(call, decode_page(call, page_start(call)) if paged else call.decode)

    @sealed
    async def _invoke_raw(self, call: Any, decode: Any) -> RawResponse[Any]:
        prepared = self._prepare(call)
        return self._raw(prepared, await self._send(prepared, self._limits.starts()), decode)

    @sealed
    async def read_back(self, call: Any, judge: Callable[[Any], Any], failed: Callable[[InvigilateError], Any]) -> Any:
        """See `Runner.read_back`."""
        try:
            return judge(await self.invoke(call, raw=True))
        except APIError as error:
            return failed(error)

    async def _send(self, prepared: Prepared, deadline: float | None) -> Reply:
        return await self._drive(carry_out(prepared, self._credentials, self._limits, deadline))

    async def _drive(self, steps: Generator[Step, Any, Reply]) -> Reply:
        try:
            step = next(steps)
            while True:
                try:
                    result = await step.perform(self._connections)
                except BaseException as error:
                    # The engine learns of it, since it may have been an unsafe call that was cancelled.
                    step = steps.throw(error)
                else:
                    step = steps.send(result)
        except StopIteration as done:
            reply: Reply = done.value
            return reply

    async def close(self) -> None:
        """Close the connections; a view closes nothing."""
        if self._owner and not self._shared["closed"]:
            self._shared["closed"] = True
            await self._connections.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()
