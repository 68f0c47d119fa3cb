"""Virtual time: nothing waits, and the same seed runs in the same order."""

from __future__ import annotations

import asyncio
import heapq
import selectors
import time
from collections.abc import Callable, Coroutine, Generator
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar
from unittest.mock import patch

T = TypeVar("T")

START = 1_000.0
EPOCH = 1_900_000_000.0
FOREVER = 10_000_000.0


class Stuck(Exception):
    """Everything waits, and nothing is going to happen."""


class Clock:
    """The time of a world, and what is going to happen.

    Attributes:
        now: seconds on the monotonic clock.
        skew: seconds that the wall clock of this machine is ahead of the server's.
    """

    def __init__(self) -> None:
        self.now = START
        self.skew = 0.0
        self._events: list[tuple[float, int, Callable[[], object]]] = []
        self._number = 0

    def after(self, seconds: float, event: Callable[[], object]) -> None:
        """Let something happen in some seconds."""
        self._number += 1
        heapq.heappush(self._events, (self.now + seconds, self._number, event))

    def monotonic(self) -> float:
        """Return the time of `time.monotonic`."""
        return self.now

    def wall(self) -> float:
        """Return the time of `time.time`."""
        return EPOCH + self.now + self.skew

    def server(self) -> float:
        """Return the time of the server's clock."""
        return EPOCH + self.now

    def step(self, until: float) -> bool:
        """Go to the next event, and let it happen; false if there is none until then, and it is that time now."""
        if self._events and self._events[0][0] <= until:
            at, _, event = heapq.heappop(self._events)
            self.now = max(self.now, at)
            event()
            return True
        self.now = max(self.now, until)
        return False

    def sleep(self, seconds: float) -> None:
        """Let time pass, as `time.sleep` does."""
        until = self.now + seconds
        while self.step(until):
            pass

    def finish(self) -> None:
        """Let everything happen that was going to."""
        while self._events:
            self.step(FOREVER)

    @contextmanager
    def running(self) -> Generator[None]:
        """Replace the clocks of this process."""
        with ExitStack() as stack:
            for name, virtual in (("monotonic", self.monotonic), ("time", self.wall), ("sleep", self.sleep)):
                stack.enter_context(patch.object(time, name, virtual))
            yield


class _Selector(selectors.SelectSelector):
    """Selects nothing; where an event loop would wait, time passes."""

    clock: Clock

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None or timeout > 0:
            until = FOREVER if timeout is None else self.clock.now + timeout
            if not self.clock.step(until) and timeout is None:
                raise Stuck("every task waits, and nothing is going to happen")
        return []


class Loop(asyncio.SelectorEventLoop):
    """An event loop in virtual time. It serves one world after another."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)
        self._clock_resolution = 1e-6  # what adding floats may lose

    def _write_to_self(self) -> None:
        """Do nothing: there is only one thread."""

    def run(self, clock: Clock, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in a world's time, and cancel what it leaves behind."""
        self._virtual.clock = clock
        asyncio.set_event_loop(self)
        try:
            return self.run_until_complete(work)
        finally:
            left = asyncio.all_tasks(self)
            for task in left:
                task.cancel()
            if left:
                self.run_until_complete(asyncio.gather(*left, return_exceptions=True))
            asyncio.set_event_loop(None)
