"""The calls of a soak, and the judgment of what came of them, for any client."""

from __future__ import annotations

import contextlib
import inspect
import itertools
import os
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from invigilate import APIError

TIMEOUT = 0.25
"""Seconds that the client waits for a connection, a read or a write."""
CUT = 0.008
"""What cuts a call off does so within so many seconds."""
MARGIN = 0.05
"""A stray response is there for sure so many seconds after the server wrote it."""
SILENCE = 8.0
"""A client without a correct response in so many seconds is dead."""
GRACE = 10.0
"""Seconds that workers get to end."""
BREAK_AT = 60
"""The row at which prefetching is interrupted."""


class Planned(NamedTuple):
    """A call that will be made."""

    number: int
    method: str
    view: Any
    way: str
    seconds: float


async def settle(value: Any) -> Any:
    """What a call of either client returns."""
    return await value if inspect.isawaitable(value) else value


def open_files() -> int:
    """Number of files and sockets that this process has open; 0 where that cannot be known."""
    folder = "/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"
    return len(os.listdir(folder)) if os.path.isdir(folder) else 0


class Load:
    """Plans calls, makes them, and counts what came of them; workers of any kind share it.

    Args:
        mode: what the report calls it.
        calls: how many.
        seed: decides calls and ways to cut them off.
        seconds: ends earlier after so many.
        ways: what cuts calls off, with weights.

    Attributes:
        client: the client; views of it share its connections.
        violations: what must not happen, with how often.
    """

    def __init__(self, mode: str, calls: int, seed: int, seconds: float | None, ways: dict[str, float]) -> None:
        self.mode = mode
        self.client: Any = None
        self.ways = ways
        self.outcomes: Counter[str] = Counter()
        self.violations: Counter[str] = Counter()
        self.notes: list[str] = []
        self.made = 0
        self.stopped = ""
        self._views: list[Any] = []
        self._calls = calls
        self._numbers = itertools.count(1)
        self._draw = random.Random(f"{seed} {mode}")
        self._lock = threading.Lock()
        self._started = self._responded = time.monotonic()
        self._until = None if seconds is None else self._started + seconds
        self._over = threading.Event()

    def use(self, client: Any) -> None:
        """Make the calls with this client."""
        self.client = client
        self._views = [client, client.with_options(max_retries=0)]

    # Counting.

    def count(self, outcome: str) -> None:
        """Count an outcome."""
        with self._lock:
            self.outcomes[outcome] += 1

    def violated(self, what: str, note: str = "") -> None:
        """Count what must not happen."""
        with self._lock:
            self.violations[what] += 1
            if note and self.violations[what] <= 3:
                self.notes.append(f"{what}: {note}")

    # Planning.

    def planned(self, *, ways: dict[str, float] | None = None) -> Iterator[Planned]:
        """Calls to make, until there were enough."""
        ways = self.ways if ways is None else ways
        while not self.stopped:
            with self._lock:
                if self.made >= self._calls:
                    return
                self.made += 1
                draw = self._draw
                way = draw.choices(list(ways), list(ways.values()))[0]
                method = draw.choices(["GET", "POST", "HEAD"], [60, 35, 5])[0]
                view, seconds, number = draw.choice(self._views), draw.random() * CUT, next(self._numbers)
            if way == "deadline":
                view = view.with_options(deadline=max(0.0001, seconds))
            elif way == "short timeout":
                view = view.with_options(timeout=max(0.0001, seconds))
            yield Planned(number, method, view, way, seconds)

    # Calling.

    async def call(self, planned: Planned) -> None:
        """Make a call and judge its response; what cuts it off passes through."""
        began = time.monotonic()
        try:
            if planned.way == "prefetch, interrupted":
                await self._read_ahead(planned, began)
            else:
                response = await settle(planned.view.request(planned.method, f"/echo/{planned.number}"))
                self._judge(planned, began, response.parsed)
        except APIError as error:
            self.count(_named(error))
        except Exception as error:
            self.violated("unexpected errors", f"{type(error).__name__}: {error}")

    async def _read_ahead(self, planned: Planned, began: float) -> None:
        pager = planned.view.paginate(f"/rows/{planned.number}", params={"limit": 10}).prefetch(20)
        read = 0
        if self.mode == "sync":
            for row in pager:
                self._row(planned, began, row, read)
                read += 1
                if read == BREAK_AT:
                    break
        else:
            async for row in pager:
                self._row(planned, began, row, read)
                read += 1
                if read == BREAK_AT:
                    break
        self._responded = time.monotonic()
        self.count("prefetched rows, interrupted")

    def _row(self, planned: Planned, began: float, row: dict[str, Any], place: int) -> None:
        if (row["of"], row["n"]) != (planned.number, place):
            self._foreign(planned, began, row)

    def _judge(self, planned: Planned, began: float, parsed: Any) -> None:
        if not isinstance(parsed, dict) or "id" not in parsed:
            self._responded = time.monotonic()
            self.count("response without an id (expected: HEAD, 204, cut content)")
        elif (parsed["id"], parsed.get("method")) == (planned.number, planned.method):
            self._responded = time.monotonic()
            self.count("correct response")
        else:
            self._foreign(planned, began, parsed)

    def _foreign(self, planned: Planned, began: float, value: dict[str, Any]) -> None:
        sent_at = value.get("stray_at")
        if sent_at is not None and began < sent_at + MARGIN:
            # It crossed the request: it was not there when that was written, and no client can tell.
            self.count("stray response that crossed the request")
            return
        if value.get("late"):
            # It follows one that crossed, which is judged by its own time.
            self.count("response behind a stray one that crossed")
            return
        self.violated(
            "responses of another request", f"{planned.method} {planned.number} ({planned.way}) returned {value!r:.90}"
        )

    # Ending.

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Stop the workers when the time is over or the client is dead, and the process if they do not end."""
        self._responded = time.monotonic()
        self._over.clear()
        watch = threading.Thread(target=self._watch, daemon=True)
        watch.start()
        try:
            yield
        finally:
            self._over.set()
            watch.join()

    def _watch(self) -> None:
        while not self._over.wait(0.25):
            now = time.monotonic()
            if now - self._responded > SILENCE:
                self.stopped = f"the client is dead: no correct response in {SILENCE:g} s"
                self.violated("dead clients", f"after {self.made:,} calls")
                break
            if self._until is not None and now > self._until:
                self.stopped, self._until = "the time is over", None
                break
        if self._over.wait(GRACE):
            return
        places = ", ".join(f"{threads} at {place}" for place, threads in _places().most_common(5))
        self.violated("calls that hang past timeout and deadline", f"threads stand at: {places}")
        self.report(None)
        os._exit(1)

    async def calls_afterwards(self) -> None:
        """Make 100 plain calls to the server that is calm now."""
        view = self.client.with_options(timeout=1.0, max_retries=2)
        for number in range(100):
            if not await self.plain(view, f"call {number + 1} of 100"):
                return

    async def plain(self, view: Any, what: str) -> bool:
        """Make a call that must succeed; whether it did."""
        number = next(self._numbers)
        try:
            response = await settle(view.request("GET", f"/echo/{number}"))
        except APIError as error:
            self.violated("plain calls that fail afterwards", f"{what}: {_named(error)}: {error}")
            return False
        if getattr(response.parsed, "get", lambda _: None)("id") != number:
            self.violated("responses of another request", f"{what}, afterwards")
            return False
        self._responded = time.monotonic()
        self.count("plain calls afterwards")
        return True

    def state(self, when: str, tasks: int) -> None:
        """Print the state of the pool, and judge it when there are no calls."""
        stats = self.client.connections
        if stats.in_use:
            self.violated("connections in use without a call", f"{stats.in_use} {when}")
        if stats.idle > stats.limit:
            self.violated("idle connections above the limit", f"{stats.idle} {when}")
        pool = f"in use {stats.in_use}, idle {stats.idle}, limit {stats.limit}"
        print(f"  {when:<18}{pool}; {open_files()} open files, {tasks} pending tasks", flush=True)

    def report(self, server: dict[str, Any] | None) -> bool:
        """Print what was counted; whether all is well."""
        seconds = time.monotonic() - self._started
        print(f"  {self.made:,} calls in {seconds:.1f} s: {self.made / seconds:,.0f} per second")
        if self.stopped:
            print(f"  ended early: {self.stopped}")
        if server is not None:
            for number in server["twice"]:
                self.violated("requests sent twice that are not idempotent", number)
            print(f"  the server read {server['requests']:,} requests on {server['connections']:,} connections")
            _table("faults injected", server["faults"])
        _table("outcomes", self.outcomes)
        _table("violations", self.violations)
        for note in self.notes:
            print(f"    {note}")
        sys.stdout.flush()
        return not self.violations


def _table(title: str, counted: dict[str, int]) -> None:
    print(f"  {title}: {sum(counted.values()):,}")
    for name, number in sorted(counted.items(), key=lambda each: -each[1]):
        print(f"    {name:<64}{number:>9,}")


def _places() -> Counter[str]:
    """Where the threads of this process stand."""
    own = threading.get_ident()
    frames = [frame for thread, frame in sys._current_frames().items() if thread != own]
    return Counter(f"{os.path.basename(f.f_code.co_filename)}:{f.f_lineno} {f.f_code.co_name}" for f in frames)


def _named(error: APIError) -> str:
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    return type(error).__name__ + ("" if cause is error else f" from {type(cause).__name__}")
