"""Pages in flight: the next ones are fetched while rows are read."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextvars import copy_context
from functools import partial
from typing import Any

from ._http.system import AsyncEvent
from ._pagination import Progress
from ._values import run_now, waiting

Fetch = Callable[[Any], Coroutine[Any, Any, Any]]


class ThreadJob:
    """One page, fetched by its own daemon thread, so that a hanging server does not keep a program from ending."""

    def __init__(self, fetch: Fetch, position: Any) -> None:
        self.position = position
        self.abandoned = False
        self._page: Future[Any] = Future()
        # A token callable may read context variables.
        run = copy_context().run
        threading.Thread(target=run, args=(self._run, fetch), name="invigilate-page", daemon=True).start()

    def _run(self, fetch: Fetch) -> None:
        waiting.set(self)
        try:
            self._page.set_result(run_now(fetch(self.position)))
        except BaseException as error:
            self._page.set_exception(error)

    async def result(self) -> Any:
        return self._page.result()

    def abandon(self) -> None:
        # The request on the wire ends unread; nothing more is sent.
        self.abandoned = True


_tasks: set[asyncio.Task[None]] = set()  # an event loop itself keeps only weak references


def spawn(run: Callable[[], Coroutine[Any, Any, None]], ended: Callable[[], object]) -> Callable[[], object]:
    """Start a task beside the caller's, in whichever event loop runs, and return a function that cancels it.

    No task group, since an iterator cannot hold one open between two rows. The task must store exceptions, not raise
    them. It may be canceled from any thread, since the garbage collector runs in any.

    Args:
        run: what the task runs.
        ended: called when the task has ended, even if it was canceled before it started.
    """
    # Trio first: as the guest of an asyncio loop it runs while that loop does.
    trio: Any = sys.modules.get("trio")
    try:
        token = trio.lowlevel.current_trio_token()
    except (AttributeError, RuntimeError):
        loop = asyncio.get_running_loop()
        task = loop.create_task(run())
        _tasks.add(task)
        task.add_done_callback(_tasks.discard)
        task.add_done_callback(lambda _: ended())
        return lambda: loop.call_soon_threadsafe(task.cancel)
    scope = trio.CancelScope()

    async def scoped() -> None:
        try:
            with scope:
                await run()
        finally:
            ended()

    # A token callable may read context variables.
    trio.lowlevel.spawn_system_task(scoped, context=copy_context())
    return lambda: token.run_sync_soon(scope.cancel)


class TaskJob:
    """One page, fetched by its own task."""

    def __init__(self, fetch: Fetch, position: Any) -> None:
        self.position = position
        self.ended = AsyncEvent()
        self._page: Future[Any] = Future()
        self.abandon = spawn(lambda: self._run(fetch), self._end)

    async def _run(self, fetch: Fetch) -> None:
        try:
            self._page.set_result(await fetch(self.position))
        except Exception as error:
            self._page.set_exception(error)

    def _end(self) -> None:
        self._page.cancel()  # if there is no page: a waiting reader must not hang
        self.ended.set()

    async def result(self) -> Any:
        await self.ended.wait()
        return self._page.result()


class Ahead:
    """Fetches pages as a pager asks for them, and requests those that follow ahead of time.

    Pages are expected to have as many rows as the last one.
    """

    def __init__(self, fetch: Fetch, most: int, *, threads: bool) -> None:
        self._start = partial(ThreadJob if threads else TaskJob, fetch)
        self._most = self._now = most
        self._jobs: deque[Any] = deque()

    async def __call__(self, position: Any) -> Any:
        """Return the page at a position."""
        if not self._jobs or self._jobs[0].position != position:
            self.close()
            self._jobs.append(self._start(position))
        page = await self._jobs[0].result()
        self._jobs.popleft()
        return page

    def continue_after(self, progress: Progress, rows: int) -> None:
        """Request more pages, after one of so many rows."""
        self._now = min(self._most, self._now * 2)
        if self._jobs and self._jobs[0].position != progress.position:
            # The page was shorter or longer than the one before, so those in flight start at wrong rows. While page
            # sizes differ, few requests are wasted, since this starts with one again.
            self.close()
            self._now = 1
        # Without more threads, continue with those that there are.
        with contextlib.suppress(RuntimeError):
            while len(self._jobs) < self._now:
                last = self._jobs[-1] if self._jobs else None
                position = progress.predict(last.position, rows) if last else progress.predict(progress.position, 0)
                if position is None or (last and not rows):
                    break  # an empty page does not show where the pages after the next one start
                self._jobs.append(self._start(position))

    def close(self) -> None:
        """Abandon the pages in flight."""
        while self._jobs:
            with contextlib.suppress(RuntimeError):  # the event loop may be closed
                self._jobs.popleft().abandon()

    async def aclose(self) -> None:
        """Cancel the pages in flight, and wait until they have ended."""
        jobs = [*self._jobs]
        self.close()
        for job in jobs:
            await job.ended.wait()

    def __del__(self) -> None:
        self.close()
