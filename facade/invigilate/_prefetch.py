"""Pages in flight: the next ones of a report are fetched while its rows are read."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextvars import copy_context
from typing import Any, Generic, TypeVar

from ._engine import reader
from ._paging import Page, Place
from ._transport import AsyncEvent

R = TypeVar("R")
J = TypeVar("J", bound="_Job | _AsyncJob")

Fetch = Callable[[int, float | None], Any]


class _Job:
    """One page, fetched by a thread of its own. It is a daemon: a server that hangs keeps no program from ending."""

    def __init__(self, fetch: Fetch, offset: int, deadline: float | None) -> None:
        self.offset = offset
        self.left = False
        self._page: Future[Any] = Future()
        # A token callable may look at the variables of its context.
        run = copy_context().run
        threading.Thread(target=run, args=(self._run, fetch, deadline), name="invigilate-page", daemon=True).start()

    def _run(self, fetch: Fetch, deadline: float | None) -> None:
        reader.set(self)
        try:
            self._page.set_result(fetch(self.offset, deadline))
        except BaseException as error:
            self._page.set_exception(error)

    def result(self) -> Any:
        return self._page.result()

    def leave(self) -> None:
        # What is on the wire comes back unseen; nothing more is sent.
        self.left = True


def spawn(run: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], object]:
    """Start a task beside that of the caller, under whichever event loop runs; gives what cancels it.

    No task group, since an iterator cannot hold one open between two rows. What runs must keep its errors.
    """
    try:
        return asyncio.get_running_loop().create_task(run()).cancel
    except RuntimeError:
        import trio

    scope = trio.CancelScope()

    async def scoped() -> None:
        with scope:
            await run()

    # A token callable may look at the variables of its context.
    trio.lowlevel.spawn_system_task(scoped, context=copy_context())
    return scope.cancel


class _AsyncJob:
    """One page, fetched by a task of its own."""

    def __init__(self, fetch: Fetch, offset: int, deadline: float | None) -> None:
        self.offset = offset
        self._page: Future[Any] = Future()
        self._done = AsyncEvent()
        self.leave = spawn(lambda: self._run(fetch, deadline))

    async def _run(self, fetch: Fetch, deadline: float | None) -> None:
        try:
            self._page.set_result(await fetch(self.offset, deadline))
        except BaseException as error:
            self._page.set_exception(error)
            if not isinstance(error, Exception):
                raise
        finally:
            self._done.set()

    async def result(self) -> Any:
        await self._done.wait()
        return self._page.result()


class _Ahead(Generic[J]):
    """Which pages are asked for: those that follow if each has as many rows as the last one that came."""

    def __init__(self, place: Place, fetch: Fetch, most: int) -> None:
        self._place = place
        self._fetch = fetch
        self._most = self._now = most
        self._jobs: deque[J] = deque()

    def _start(self, offset: int) -> J:
        raise NotImplementedError

    def _next(self) -> J:
        offset = self._place.offset or 0
        if not self._jobs or self._jobs[0].offset != offset:
            self.close()
            self._jobs.append(self._start(offset))
        return self._jobs[0]

    def _passed(self, page: Page[Any]) -> Page[Any] | None:
        self._jobs.popleft()
        found = self._place.passed(page)
        offset, total = self._place.offset, page.total
        self._now = min(self._most, self._now * 2)
        if offset is None:
            self.close()
        elif self._jobs and self._jobs[0].offset != offset:
            # This page was shorter or longer than the one before, and those asked for begin elsewhere. Of pages that
            # differ, few are asked for in vain, since it begins with one again.
            self.close()
            self._now = 1
        if offset is not None and total is not None:
            following = self._jobs[-1].offset + len(page) if self._jobs else offset
            # No more threads to be had: go on with those that there are.
            with contextlib.suppress(RuntimeError):
                while len(self._jobs) < self._now and following < total:
                    self._jobs.append(self._start(following))
                    following += len(page)
        return found

    def close(self) -> None:
        """Leave the pages that are in flight."""
        while self._jobs:
            self._jobs.popleft().leave()

    def __del__(self) -> None:
        with contextlib.suppress(RuntimeError):  # the event loop may be closed
            self.close()


class PagesAhead(_Ahead[_Job], Iterator[Page[R]]):
    """See `Pager.prefetch`."""

    def _start(self, offset: int) -> _Job:
        return _Job(self._fetch, offset, self._place.deadline)

    def __next__(self) -> Page[R]:
        try:
            page = None if self._place.offset is None else self._passed(self._next().result())
        except BaseException:
            self.close()
            raise
        if page is None:
            raise StopIteration
        return page


class AsyncPagesAhead(_Ahead[_AsyncJob], AsyncIterator[Page[R]]):
    """See `Pager.prefetch`."""

    def _start(self, offset: int) -> _AsyncJob:
        return _AsyncJob(self._fetch, offset, self._place.deadline)

    async def __anext__(self) -> Page[R]:
        try:
            page = None if self._place.offset is None else self._passed(await self._next().result())
        except BaseException:
            self.close()
            raise
        if page is None:
            raise StopAsyncIteration
        return page
