"""Pages in flight: the next ones of a report are fetched while its rows are read."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextvars import copy_context
from typing import Any, Generic, TypeVar

from ._engine import reader
from ._paging import AsyncPages, Page, Pages
from ._places import Place
from ._system import AsyncEvent

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


_tasks: set[asyncio.Task[None]] = set()  # an event loop itself keeps only weak references


def spawn(run: Callable[[], Coroutine[Any, Any, None]], ended: Callable[[], object]) -> Callable[[], object]:
    """Start a task beside that of the caller, under whichever event loop runs, and return what cancels it.

    No task group, since an iterator cannot hold one open between two rows. The task must store exceptions, not raise
    them. It may be cancelled from any thread, since the garbage collector runs in any.

    Args:
        run: what the task runs.
        ended: called when the task has ended, even if it was cancelled before it began.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        import trio
    else:
        task = loop.create_task(run())
        _tasks.add(task)
        task.add_done_callback(_tasks.discard)
        task.add_done_callback(lambda _: ended())
        return lambda: loop.call_soon_threadsafe(task.cancel)
    scope, token = trio.CancelScope(), trio.lowlevel.current_trio_token()

    async def scoped() -> None:
        try:
            with scope:
                await run()
        finally:
            ended()

    # A token callable may look at the variables of its context.
    trio.lowlevel.spawn_system_task(scoped, context=copy_context())
    return lambda: token.run_sync_soon(scope.cancel)


class _AsyncJob:
    """One page, fetched by a task of its own."""

    def __init__(self, fetch: Fetch, offset: int, deadline: float | None) -> None:
        self.offset = offset
        self.ended = AsyncEvent()
        self._page: Future[Any] = Future()
        self.leave = spawn(lambda: self._run(fetch, deadline), self._end)

    async def _run(self, fetch: Fetch, deadline: float | None) -> None:
        try:
            self._page.set_result(await fetch(self.offset, deadline))
        except Exception as error:
            self._page.set_exception(error)

    def _end(self) -> None:
        self._page.cancel()  # if nothing has come: nobody may wait for it
        self.ended.set()

    async def result(self) -> Any:
        await self.ended.wait()
        return self._page.result()


class _Ahead(Generic[J]):
    """Which pages are requested: those that follow if each has as many rows as the last one that came."""

    _job: type[J]

    def __init__(self, place: Place, fetch: Fetch, most: int) -> None:
        self._place = place
        self._fetch = fetch
        self._most = self._now = most
        self._jobs: deque[J] = deque()

    def _start(self, offset: int) -> J:
        return self._job(self._fetch, offset, self._place.deadline)

    def _next(self, offset: int) -> J:
        if not self._jobs or self._jobs[0].offset != offset:
            self.close()
            self._jobs.append(self._start(offset))
        return self._jobs[0]

    def _go_on(self, count: int) -> None:
        """Request more pages, behind one of so many rows."""
        offset, total = self._place.offset, self._place.largest
        self._now = min(self._most, self._now * 2)
        if self._jobs and self._jobs[0].offset != offset:
            # This page was shorter or longer than the one before, and those that were requested begin elsewhere. While
            # pages differ, few are requested in vain, since it begins with one again.
            self.close()
            self._now = 1
        if offset is not None and total is not None:
            following = self._jobs[-1].offset + count if self._jobs else offset
            # Without more threads, go on with those that there are.
            with contextlib.suppress(RuntimeError):
                while len(self._jobs) < self._now and following < total:
                    self._jobs.append(self._start(following))
                    following += count

    def close(self) -> None:
        """Abandon the pages that are in flight."""
        while self._jobs:
            with contextlib.suppress(RuntimeError):  # the event loop may be closed
                self._jobs.popleft().leave()

    def __del__(self) -> None:
        self.close()


class PagesAhead(_Ahead[_Job], Pages[R]):
    """See `Pager.prefetch`."""

    _job = _Job

    def _get(self, offset: int) -> Page[R]:
        page: Page[R] = self._next(offset).result()
        self._jobs.popleft()
        return page

    def __next__(self) -> Page[R]:
        try:
            page = super().__next__()
            self._go_on(len(page))
        except BaseException:
            self.close()
            raise
        return page


class AsyncPagesAhead(_Ahead[_AsyncJob], AsyncPages[R]):
    """See `Pager.prefetch`."""

    _job = _AsyncJob

    async def _get(self, offset: int) -> Page[R]:
        page: Page[R] = await self._next(offset).result()
        self._jobs.popleft()
        return page

    async def __anext__(self) -> Page[R]:
        try:
            page = await super().__anext__()
            self._go_on(len(page))
        except BaseException:
            self.close()
            raise
        return page

    async def aclose(self) -> None:
        """See `AsyncPages`."""
        jobs = [*self._jobs]
        self.close()
        for job in jobs:
            await job.ended.wait()
