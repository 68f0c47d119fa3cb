"""One world: its decisions, its time, its network, the sandbox in it, and what must hold."""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import pickle
import random
import shutil
import tempfile
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self
from unittest.mock import patch

import invigilate._files as files
import invigilate.cli.journal as journal
from invigilate import (
    APIConnectionError,
    AsyncISpringLearn,
    AsyncSmarterProctoring,
    InvigilateError,
    ISpringLearn,
    OutcomeUnknownError,
    SmarterProctoring,
)
from invigilate.sandbox import Exchange, Response, Sandbox

from .choices import Choices
from .clock import Clock
from .network import CALL, ON_CONNECTING, ON_EXCHANGES, PARTS, Fault, Received, exchange_with

INVARIANTS = {
    "charged once": "a decision of a person charges a card at most once, retries by the person included",
    "applied once": "a call that is not idempotent is applied at most once",
    "failure is definite": "a call that fails without an unknown outcome has changed nothing, and never will",
    "success is applied": "a call that succeeds was applied by the server",
    "APPLIED is true": "`check` says APPLIED only if this very call was applied",
    "NOT_VISIBLE is true": "`check` says NOT_VISIBLE only if what the server shows lacks the change",
    "rows complete": "a pager returns all rows, or raises, or warns that they changed",
    "file complete": "an export is a file with all rows, or no file, however often its process is killed",
    "row sent once": "a run over a CSV file applies each row at most once, however often it is killed",
    "token once": "an access token is fetched once, however many requests wait for it",
    "no secret shown": "no token, card, voucher, phone number or e-mail address is in an error, a pickle or a log",
    "own errors": "only errors of this library reach the caller",
    "nothing hangs": "every call ends",
}
PERCENT = (0, 8, 20, 40, 70)
"""How often an exchange goes wrong; a world has one of them."""
SMARTERPROCTORING, ISPRING = "smarterproctoring", "ispring"
URLS = {SMARTERPROCTORING: "http://127.0.0.1:1", ISPRING: "http://127.0.0.1:2"}
_CLIENTS: dict[str, tuple[type[Any], type[Any]]] = {
    SMARTERPROCTORING: (SmarterProctoring, AsyncSmarterProctoring),
    ISPRING: (ISpringLearn, AsyncISpringLearn),
}
TIMEOUT = 20.0
REPORT_ROWS = 9


class Violation(AssertionError):
    """An invariant does not hold."""

    def __init__(self, invariant: str, what: str) -> None:
        super().__init__(f"{invariant}: {what}")
        self.invariant = invariant


class Killed(BaseException):
    """The process is killed at this step."""


@dataclass
class Made:
    """A call that somebody made.

    Attributes:
        mark: identifies it on the wire.
        outcome: `ok`, or the class of its error.
        decision: the decision of a person that it belongs to.
        values: its arguments.
        at: when it was made.
    """

    mark: str
    operation: str
    idempotent: bool
    outcome: str = "killed"
    value: Any = None
    error: Exception | None = None
    decision: int | None = None
    values: dict[str, Any] = field(default_factory=dict[str, Any])
    at: float = 0.0
    faults: set[str] = field(default_factory=set[str])


class _Log(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


class _Torn:
    """A file whose process may be killed within a write."""

    def __init__(self, world: World, file: Any) -> None:
        self._world, self._file = world, file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, content: bytes) -> int:
        """Write some bytes, perhaps be killed, and write the others."""
        half = len(content) // 2
        self._file.write(content[:half])
        self._file.flush()
        self._world.step()
        self._file.write(content[half:])
        return len(content)


class World:
    """A world.

    Attributes:
        choices: its decisions.
        clock: its time.
        received: the requests that reached the server in whole.
        faults: what went wrong, by name.
        checks: how often each invariant was checked.
        coverage: operation, fault, outcome.
    """

    current: World

    def __init__(self, choices: Choices) -> None:
        World.current = self
        self.choices, self.clock = choices, Clock()
        self.received: list[Received] = []
        self.calls: dict[str, Made] = {}
        self.faults: Counter[str] = Counter()
        self.checks: Counter[str] = Counter()
        self.coverage: Counter[tuple[str, str, str]] = Counter()
        self.secrets: set[str] = set()
        self.percent = choices.of(PERCENT)
        self.behaviour = "default"
        self.uses_async = False
        self.log: _Log | None = None
        self.longest = 600.0
        """Seconds that a call may take: the deadline, or what all attempts and waits can add up to."""
        self._steps = 0
        self.doubled_late = False
        """Whether a response came again after a while."""
        self.killed_at: int | None = None
        self.is_dead = False
        self._charged = 0
        self._api: Any = None
        self._folder: Path | None = None
        self._files: dict[str, bytes | None] | None = None
        random.seed(choices.seed)  # the jitter of the library

    # What goes wrong.

    def fault(self, name: str) -> None:
        """Note that something goes wrong."""
        self.faults[name] += 1

    def fault_on_connecting(self) -> str | None:
        """Decide whether a connection fails."""
        if not self.percent or not self.choices.chance(self.percent // 4):
            return None
        name = self.choices.of(ON_CONNECTING)
        self.fault(name)
        return name

    def fault_of(self, data: bytes) -> Fault:
        """Decide what goes wrong with an exchange."""
        if not self.percent or not self.choices.chance(self.percent):
            return Fault("none")
        draw = self.choices.draw
        name = self.choices.of(ON_EXCHANGES)
        fault = Fault(
            name, part=draw(PARTS), seconds=self.choices.seconds(90.0), executes=draw(2) == 1, status=draw(64),
            variant=draw(4),
        )  # fmt: skip
        self.fault(name)
        self.doubled_late = self.doubled_late or (name == "doubled response" and fault.variant > 0)
        mark = data.partition(CALL.encode() + b": ")[2].partition(b"\r\n")[0].decode()
        if mark in self.calls:
            self.calls[mark].faults.add(name)
        return fault

    def latency(self) -> float:
        """Draw how long a request is under way."""
        return 0.02 + self.choices.seconds(2.0)

    def step(self) -> None:
        """Count a step at which the process may be killed."""
        self._steps += 1
        if self.killed_at is not None and self._steps >= self.killed_at and not self.is_dead:
            self.is_dead = True
            self.fault("killed process")
            # What the process does while it unwinds does not count, and its buffers are lost.
            self._files = None if self._folder is None else _contents(self._folder)
        if self.is_dead:
            raise Killed

    def live_again(self, killed_at: int | None) -> None:
        """Start another process, which may be killed after so many steps."""
        self.is_dead, self._steps, self.killed_at = False, 0, killed_at

    def folder(self) -> Path:
        """Return an empty folder for the files of this world's processes."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(dir=_memory()))
        return self._folder

    @contextmanager
    def process(self) -> Generator[None]:
        """Run a process; if it is killed, its files are as they were at that step."""
        replace = os.replace

        def stepped(work: Callable[..., Any]) -> Callable[..., Any]:
            def run(*args: Any) -> Any:
                self.step()
                result = work(*args)
                self.step()
                return result

            return run

        def write_in_parts(file: Any, content: bytes) -> None:
            self.step()
            cut = len(content) * self.choices.draw(1000) // 1000 if self.killed_at is not None else 0
            file.write(content[:cut])
            self.step()
            file.write(content[cut:])
            self.step()

        def create_torn(path: Path) -> Any:
            return _Torn(self, create(path))

        create = files.create
        patches = (
            patch.object(files, "create", create_torn),
            patch.object(os, "fsync", stepped(lambda _: None)),
            patch.object(os, "replace", stepped(replace)),
            patch.object(journal, "_write", write_in_parts),
        )
        try:
            with patches[0], patches[1], patches[2], patches[3]:
                yield
                self.step()
        finally:
            if self.is_dead and self._files is not None and self._folder is not None:
                _restore(self._folder, self._files)

    def jump(self) -> None:
        """Let the wall clock of the client jump at any time, perhaps."""
        if self.percent and self.choices.chance(15):
            self.clock.after(self.choices.seconds(60.0), self._jump)

    def _jump(self) -> None:
        self.clock.skew += self.choices.of((-3600.0, 3600.0, -86_400.0, 86_400.0, -90.0, 90.0, 30.0))
        self.fault("clock jump")

    # The sandbox.

    def open(self, api: str, behaviour: str = "default") -> Any:
        """Give this world the state of an API, as it is at the beginning."""
        self.behaviour = behaviour
        sandbox = sandbox_of(behaviour)
        self._api = sandbox._apis[api]  # the public way listens on a port
        self._api.reset()
        self._api.base_url = URLS[api]
        self._charged = 0
        return self._api.state

    def execute(self, method: str, target: str, headers: dict[str, str], body: bytes) -> tuple[Exchange, Response]:
        """Let the sandbox respond to a request."""
        if target.startswith("http://"):
            target = "/" + target.split("/", 3)[3]
        return exchange_with(self._api, method, target, headers, body)

    def new_charges(self) -> int:
        """Count the charges since this was asked last."""
        ledger = getattr(self._api.state, "ledger", ())
        new, self._charged = len(ledger) - self._charged, len(ledger)
        return new

    # Calls.

    def client(self, api: str, *, uses_async: bool, **options: Any) -> Any:
        """Create a client of the library."""
        self.uses_async = uses_async
        state = self._api.state
        if api == SMARTERPROCTORING:
            options |= {"token": state.token, "install_sid": state.install.sid}
            self.secrets.add(state.token)
        if self.percent and self.choices.chance(10):
            options["proxy"] = "http://proxy:Pr0xyCanary@127.0.0.1:3128"
            self.secrets.add("Pr0xyCanary")
        kind = _CLIENTS[api][uses_async]
        options = {"base_url": URLS[api], "timeout": TIMEOUT, **options}
        return kind(**options)

    async def call(
        self, client: Any, operation: Any, path: str, arguments: dict[str, Any], decision: int | None = None
    ) -> Made:
        """Make a call, and note how it ends."""
        mark = f"c{len(self.calls)}"
        made = Made(mark, operation.id, operation.idempotent, decision=decision, values=arguments, at=self.clock.now)
        self.calls[mark] = made
        target = client.with_options(headers={CALL: mark})
        for name in path.split("."):
            target = getattr(target, name)
        try:
            made.value = await settled(target(**arguments))
            made.outcome = "ok"
        except InvigilateError as error:
            made.error, made.outcome = error, type(error).__name__
            self.show(error)
            self.check("own errors", True, "")
        except Exception as error:
            self.check("own errors", False, f"{operation.id} raised {error!r}")
        took, longest = self.clock.now - made.at, self.longest
        self.check("nothing hangs", took <= longest, f"{operation.id} took {took:.0f} s, more than {longest:.0f} s")
        return made

    def show(self, error: Exception) -> None:
        """Look for secrets in whatever shows an error."""
        texts = [str(error), repr(error), repr(pickle.dumps(error))]
        if self.choices.chance(15):
            texts.append("".join(traceback.format_exception(error)))
        self.search(texts)

    def search(self, texts: Sequence[str]) -> None:
        """Look for secrets in texts."""
        for secret in self.secrets:
            for text in texts:
                if secret[:24] in text:  # messages are cut
                    self.check("no secret shown", False, f"{secret[:6]}... in {text[:300]}")
        self.check("no secret shown", True, "")

    async def pause(self, seconds: float) -> None:
        """Let a person wait."""
        if self.uses_async:
            await asyncio.sleep(seconds)
        else:
            self.clock.sleep(seconds)

    # What must hold.

    def check(self, invariant: str, holds: bool, what: str) -> None:
        """Count a check.

        Raises:
            Violation: if it does not hold.
        """
        self.checks[invariant] += 1
        if not holds:
            raise Violation(invariant, what)

    def of(self, mark: str) -> list[Received]:
        """Return what the server received from a call, as far as it was applied."""
        return [each for each in self.received if each.call == mark and each.applied]

    def settle(self) -> None:
        """Let everything happen that is under way, and check what must hold of every call."""
        self.clock.finish()
        for made in self.calls.values():
            if made.error is not None:
                self.search([str(made.error), repr(made.error)])  # also for what became known later
            applied = self.of(made.mark)
            # A response that a proxy doubles late may be taken for that of the next request on a kept connection, which
            # is an idempotent one: HTTP/1.1 does not say which request a response belongs to.
            if made.outcome == "ok" and not (made.idempotent and self.doubled_late):
                self.check("success is applied", bool(applied), f"{made.operation} succeeded and was not applied")
            if not made.idempotent:
                self.check("applied once", len(applied) <= 1, f"{made.operation} was applied {len(applied)} times")
            if made.error is not None and not isinstance(made.error, OutcomeUnknownError):
                error = made.error
                if not made.idempotent:
                    self.check("failure is definite", not applied, f"{made.operation} was applied: {error}")
                elif isinstance(error, APIConnectionError) and not error.sent:
                    arrived = [each for each in self.received if each.call == made.mark]
                    self.check("failure is definite", not arrived, f"{made.operation} was sent: {error}")
            for name in made.faults or {"none"}:
                self.coverage[made.operation, name, made.outcome] += 1
        decisions: Counter[int] = Counter()
        for made in self.calls.values():
            if made.decision is not None:
                decisions[made.decision] += sum(each.charges for each in self.of(made.mark))
        for decision, charges in decisions.items():
            self.check("charged once", charges <= 1, f"decision {decision} was charged {charges} times")
        if self.log is not None:
            self.search(self.log.lines)
        if self._folder is not None:
            self.search([each.decode("utf-8", "replace") for each in _contents(self._folder).values() if each])

    @contextmanager
    def running(self) -> Generator[None]:
        """Run this world's clock, and record what the library logs."""
        logger = logging.getLogger("invigilate")
        before = logger.level, logger.propagate
        logger.propagate = False
        if self.choices.chance(25):
            self.log = _Log()
            logger.addHandler(self.log)
            logger.setLevel(logging.DEBUG)
        else:
            logger.setLevel(logging.CRITICAL + 1)
        try:
            with self.clock.running():
                yield
        finally:
            logger.setLevel(before[0])
            logger.propagate = before[1]
            if self._folder is not None:
                shutil.rmtree(self._folder)
            if self.log is not None:
                logger.removeHandler(self.log)


def _contents(folder: Path) -> dict[str, bytes | None]:
    """Return what is on the disk: the bytes of files, `None` for folders, by path."""
    paths = sorted(folder.rglob("*"))
    return {str(each.relative_to(folder)): None if each.is_dir() else each.read_bytes() for each in paths}


def _restore(folder: Path, files: dict[str, bytes | None]) -> None:
    for each in sorted(folder.rglob("*"), reverse=True):
        if str(each.relative_to(folder)) not in files:
            each.rmdir() if each.is_dir() else each.unlink()
    for name, content in files.items():
        path = folder / name
        if content is None:
            path.mkdir(mode=0o700, exist_ok=True)
        elif not path.exists() or path.read_bytes() != content:
            path.write_bytes(content)


@functools.cache
def _memory() -> str | None:
    """Return a file system in memory, if there is one."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


async def settled(value: Any) -> Any:
    """Return a value, of a sync or an async client."""
    return await value if isinstance(value, Awaitable) else value


def server_time() -> datetime:
    """Return the time by the server's clock."""
    moment = datetime.fromtimestamp(World.current.clock.server(), UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


@functools.cache
def sandbox_of(behaviour: str) -> Any:
    """Return a sandbox that behaves in this way; its state is reset for each world."""
    return Sandbox(
        seed=7, report_rows=REPORT_ROWS, open_sessions=3, behaviour=behaviour, strict=False, clock=server_time
    )
