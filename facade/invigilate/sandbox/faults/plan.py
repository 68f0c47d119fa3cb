"""The plan: which fault is due for which request, and which fired.

A fault is a description, without state. Adding it creates a `Planned`, which counts; a `Turn` is a planned fault that
is due for one request.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, ClassVar, Protocol

from invigilate.sandbox.documents import Document
from invigilate.sandbox.exchange import Exchange, Hangup, Phase

from .fired import FiredFault, FiredFaults


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Something that the sandbox does wrong.

    Args:
        times: how often; unlimited by default.
        after: number of requests to leave alone first.
        probability: share of the requests that it is done to. The seed of the sandbox decides which.
    """

    name: ClassVar[str]
    """Its name in records, on the command line and in `FAULTS`."""
    phase: ClassVar[Phase] = Phase.APPLIED
    """When it is done."""
    to_connections: ClassVar[bool] = False
    """Whether it is done to a connection that has sent nothing yet, and so belongs to no operation."""

    times: int | None = None
    after: int = 0
    probability: float = 1.0

    def __post_init__(self) -> None:
        if (self.times is not None and self.times < 1) or self.after < 0 or not 0 < self.probability <= 1:
            raise ValueError("times has to be at least 1, after at least 0, and probability above 0 and at most 1")

    def reached(self, phase: Phase, turn: Turn) -> None:
        """Follow an exchange that it is due for."""
        if phase is self.phase and self.suits(turn.exchange):
            turn.fire()
            self.act(turn)

    def suits(self, exchange: Exchange) -> bool:
        """Whether it can be done to an exchange in its phase; by default, if the operation was executed."""
        return exchange.applied

    def act(self, turn: Turn) -> None:
        """Do it."""
        raise NotImplementedError

    def window(self) -> float | None:
        """Seconds for which it closes the listening socket once it is added; None for most faults."""
        return None


class Switch(Protocol):
    """The listening socket of an API."""

    def refuse(self, seconds: float) -> None:
        """Refuse connections for a while."""

    def reopen(self) -> None:
        """Listen again."""


@dataclass(eq=False)
class Planned:
    """A fault that was added, with its counts.

    Attributes:
        operation: an operationId, the key of an API, or `*`.
        fault: the fault.
        key: decides the draws.
        id: its number, unique in the sandbox.
        fired: how often it has fired.
        memory: what the fault keeps from one time to the next.
    """

    operation: str
    fault: Fault
    key: bytes
    id: int = 0
    fired: int = 0
    memory: dict[str, Any] = field(default_factory=dict[str, Any])
    _taken: int = 0
    _seen: Counter[str | None] = field(default_factory=Counter[str | None])

    def matches(self, api: str, operation_id: str | None) -> bool:
        """Whether it applies to an operation."""
        return self.operation in ("*", api, operation_id)

    def is_due(self, operation_id: str | None) -> bool:
        """Count a request. Returns whether the fault is due for it."""
        number = self._seen.total()
        nth = self._seen[operation_id]
        self._seen[operation_id] += 1
        fault = self.fault
        if number < fault.after or (fault.times is not None and self._taken >= fault.times):
            return False
        # Drawn for the n-th request of the operation, so that races between threads change nothing.
        draw = blake2b(f"{operation_id}/{nth}".encode(), key=self.key, digest_size=8).digest()
        return int.from_bytes(draw) < fault.probability * 2**64

    def take(self, change: int = 1) -> None:
        """Use one time up, or return it."""
        self._taken += change


@dataclass(eq=False)
class Turn:
    """A fault that is due for an exchange."""

    faults: Faults
    planned: Planned
    exchange: Exchange
    record: FiredFault | None = None
    notes: dict[str, Any] = field(default_factory=dict[str, Any])

    def fire(self) -> None:
        """Record that the fault fires now."""
        exchange = self.exchange
        self.record = FiredFault(exchange.api, exchange.operation_id, self.planned.fault.name, exchange.applied)
        self.faults.note(self.planned, self.record)

    def wait(self, seconds: float) -> None:
        """Sleep.

        Raises:
            Hangup: the sandbox is closing.
        """
        if self.exchange.connection.wait(seconds):
            raise Hangup

    def follow(self) -> None:
        """Bring the record up to date."""
        if self.record is not None:
            self.record.applied = self.exchange.applied

    def apply_late(self, delay: float) -> None:
        """Execute the operation later, whatever happens to the connection."""

        def work() -> None:
            self.exchange.apply()
            self.follow()

        self.faults.later(delay, work)


class Faults:
    """What the sandbox is to do wrong: `sandbox.faults`.

    At most one fault is done to a request: of those that are due, the one that was added first. A fault that is due and
    cannot be done (a refused request has no response to drop) waits for the next request.

    Attributes:
        fired: the faults that fired.
    """

    def __init__(self, seed: int, documents: Mapping[str, Document]) -> None:
        self.fired = FiredFaults()
        self._seed = seed
        self._documents = documents
        self._next_id = 1
        self._plan: list[Planned] = []
        self._added = 0
        self._turns: dict[Exchange, Turn] = {}
        self._switches: dict[str, Switch] = {}
        self._late: dict[threading.Timer, Callable[[], None]] = {}
        self._lock = threading.Condition()

    def add(self, operation: str, fault: Fault) -> Planned:
        """Plan a fault.

        Args:
            operation: an operationId, the key of an API, or `"*"`.
            fault: one of `invigilate.sandbox.faults`.

        Raises:
            ValueError: there is no such operation, or the fault is done to connections, which have none.
        """
        if operation != "*" and operation not in self._documents:
            known = [entry.operation_id for each in self._documents.values() for entry in each.operations]
            if operation not in known:
                expected = ", ".join([*known, *self._documents, "*"])
                raise ValueError(f"unknown operation {operation!r}; expected one of {expected}")
            if fault.to_connections:
                raise ValueError(f"{fault.name} is done to connections: it takes the key of an API, or *")
        with self._lock:
            self._added += 1
            planned = Planned(operation, fault, f"{self._seed}/{self._added}".encode(), self._next_id)
            self._next_id += 1
            self._plan.append(planned)
            switches = dict(self._switches)
        self._begin([planned], switches)
        return planned

    def remove(self, planned: Planned) -> None:
        """Remove a fault from the plan. An exchange that it is under way in is not affected."""
        with self._lock:
            self._plan = [each for each in self._plan if each is not planned]
            switches = dict(self._switches)
        if planned.fault.window() is not None:
            for api, switch in switches.items():
                if planned.matches(api, None):
                    switch.reopen()

    def clear(self) -> None:
        """Remove all faults. The records stay; faults that are added later repeat the draws of the first."""
        for planned in self.planned:
            self.remove(planned)
        with self._lock:
            self._added = 0

    @contextmanager
    def during(self, operation: str, fault: Fault) -> Generator[Planned]:
        """Plan a fault for the duration of a `with` statement; see `add`."""
        planned = self.add(operation, fault)
        try:
            yield planned
        finally:
            self.remove(planned)

    @property
    def planned(self) -> list[Planned]:
        """The faults of the plan, in order."""
        with self._lock:
            return list(self._plan)

    def settle(self, timeout: float = 10.0) -> bool:
        """Wait until everything that is applied late has been applied; false on timeout."""
        with self._lock:
            return self._lock.wait_for(lambda: not self._late, timeout)

    def apply_now(self) -> None:
        """Apply at once what would be applied late."""
        with self._lock:
            waiting = list(self._late.items())
        for timer, work in waiting:
            timer.cancel()
            self._finish(timer, work)

    # The rest is called by the sandbox and by faults.

    def attach(self, switches: dict[str, Switch]) -> None:
        """Begin: the sandbox is listening."""
        with self._lock:
            self._switches = switches
            plan = list(self._plan)
        self._begin(plan, switches)

    def reset(self) -> None:
        """Remove all faults and records, and drop what would be applied late."""
        self.clear()
        self.close()
        self.fired.clear()

    def close(self) -> None:
        """Drop what would be applied late."""
        with self._lock:
            for timer in self._late:
                timer.cancel()
            self._late.clear()
            self._lock.notify_all()

    def connected(self, api: str) -> None:
        """See `Interceptor`."""
        planned = self._choose(api, None, connecting=True)
        if planned is not None:
            self.note(planned, FiredFault(api, None, planned.fault.name, applied=False))
            raise Hangup(reset=True)

    def reached(self, phase: Phase, exchange: Exchange) -> None:
        """See `Interceptor`."""
        if phase is Phase.ANNOUNCED:
            planned = self._choose(exchange.api, exchange.operation_id, connecting=False)
            if planned is not None:
                self._turns[exchange] = Turn(self, planned, exchange)
        turn = self._turns.get(exchange)
        if turn is None:
            return
        turn.follow()
        try:
            turn.planned.fault.reached(phase, turn)
        finally:
            if phase in (Phase.APPLIED, Phase.OVER):
                self._release(turn)
            if phase is Phase.OVER:
                del self._turns[exchange]

    def note(self, planned: Planned, record: FiredFault) -> None:
        """Record that a fault fires."""
        with self._lock:
            planned.fired += 1
        self.fired.add(record)

    def refuse(self, api: str, seconds: float) -> None:
        """Close the listening socket of an API for a while."""
        switch = self._switches.get(api)
        if switch is not None:
            switch.refuse(seconds)

    def later(self, delay: float, work: Callable[[], None]) -> None:
        """Run a function later."""
        timer = threading.Timer(delay, lambda: self._finish(timer, work))
        timer.daemon = True
        with self._lock:
            self._late[timer] = work
        timer.start()

    def _finish(self, timer: threading.Timer, work: Callable[[], None]) -> None:
        with self._lock:
            if timer not in self._late:
                return
        # Counted as late while it runs, since `settle` waits for its end. Applying twice does nothing.
        try:
            work()
        finally:
            with self._lock:
                self._late.pop(timer, None)
                self._lock.notify_all()

    def _choose(self, api: str, operation_id: str | None, *, connecting: bool) -> Planned | None:
        with self._lock:
            chosen: Planned | None = None
            for planned in self._plan:
                fault = planned.fault
                if fault.to_connections != connecting or fault.window() is not None:
                    continue
                # Each fault counts every request, those of other faults included.
                if planned.matches(api, operation_id) and planned.is_due(operation_id) and chosen is None:
                    chosen = planned
            if chosen is not None:
                chosen.take()
            return chosen

    def _release(self, turn: Turn) -> None:
        if turn.record is None and not turn.notes.get("released"):
            turn.notes["released"] = True
            with self._lock:
                turn.planned.take(-1)

    def _begin(self, plan: list[Planned], switches: dict[str, Switch]) -> None:
        for planned in plan:
            seconds = planned.fault.window()
            if seconds is None:
                continue
            for api, switch in switches.items():
                if planned.matches(api, None):
                    self.note(planned, FiredFault(api, None, planned.fault.name, applied=False))
                    switch.refuse(seconds)
