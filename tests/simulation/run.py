"""Runs worlds: one after another in a process, and in as many processes as there are cores."""

from __future__ import annotations

import functools
import gc
import os
import traceback
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import invigilate._http.connection as connection
import invigilate._http.system as system
import invigilate._prefetch as prefetch
from invigilate._values import run_now
from invigilate.sandbox.identifiers import Mint
from invigilate.sandbox.smarterproctoring import archive, catalog, installs

from .choices import Choices, smallest
from .clock import Loop, Stuck
from .network import connector
from .scenarios import SCENARIOS, Scenario
from .world import SMARTERPROCTORING, URLS, Violation, World, sandbox_of


@dataclass
class Tally:
    """What worlds showed, to be added up.

    Attributes:
        worlds: how many.
        checks: of each invariant.
        table: checks of each invariant in worlds with each fault.
        coverage: operation, fault, outcome.
        failures: seed, invariant and what was found.
        kept: the failures made smaller: the seed, and the decisions.
    """

    worlds: int = 0
    checks: Counter[str] = field(default_factory=Counter[str])
    table: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    coverage: Counter[tuple[str, str, str]] = field(default_factory=Counter[tuple[str, str, str]])
    failures: list[tuple[int, str, str]] = field(default_factory=list[tuple[int, str, str]])
    kept: list[str] = field(default_factory=list[str])

    def add(self, other: Tally) -> None:
        """Add what other worlds showed."""
        self.worlds += other.worlds
        self.checks += other.checks
        self.table += other.table
        self.coverage += other.coverage
        self.failures += other.failures

    def note(self, world: World) -> None:
        """Add a world."""
        self.worlds += 1
        self.checks += world.checks
        self.coverage += world.coverage
        for fault in world.faults or ("none",):
            for invariant, count in world.checks.items():
                self.table[fault, invariant] += count


class _Page:
    """A page in flight of a sync client: fetched when it is asked for, since there is one thread."""

    def __init__(self, fetch: Any, position: Any) -> None:
        self.position = position
        self._fetch = fetch

    async def result(self) -> Any:
        return run_now(self._fetch(self.position))

    def abandon(self) -> None:
        """Fetch nothing."""


@functools.cache
def prepare() -> Loop:
    """Replace sockets and threads of the library in this process, and make the sandbox small."""
    vars(connection)["connect"] = connector(lambda: World.current)
    vars(system)["_in_time"] = lambda work, _seconds: work()
    vars(prefetch)["ThreadJob"] = _Page
    for module in (archive, catalog, installs):
        if "USERS" in vars(module):
            vars(module)["USERS"] = 8
    digest = Mint._digest
    known: dict[tuple[bytes, str, int], bytes] = {}

    def remembered(self: Mint, purpose: str, index: int) -> bytes:
        key = self._key, purpose, index
        if key not in known:
            known[key] = digest(self, purpose, index)
        return known[key]

    Mint._digest = remembered  # type: ignore[method-assign]
    sandbox = sandbox_of("default")
    os.environ |= {
        "SMARTERPROCTORING_TOKEN": sandbox.token,
        "SMARTERPROCTORING_INSTALL_SID": sandbox.install_sid,
        "SMARTERPROCTORING_BASE_URL": URLS[SMARTERPROCTORING],
    }
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)
    return Loop()


def run_world(choices: Choices, scenarios: Sequence[Scenario] = SCENARIOS) -> World:
    """Run a world.

    Raises:
        Violation: if an invariant does not hold; the world is `World.current`.
    """
    loop = prepare()
    world = World(choices)
    with world.running():
        scenario = choices.of(scenarios)
        world.uses_async = choices.draw(2) == 1
        world.jump()
        try:
            if world.uses_async:
                loop.run(world.clock, scenario(world))
            else:
                run_now(scenario(world))
            world.check("nothing hangs", True, "")
            world.settle()
        except Stuck as error:
            raise Violation("nothing hangs", str(error)) from error
        except Violation:
            raise
        except Exception as error:
            where = traceback.format_exception(error)[-4:]
            raise Violation("own errors", f"{error!r}: {''.join(where)}") from error
    return world


def run_recorded(tally: Tally, seed: int, made: Sequence[int] | None = None) -> None:
    """Run the world of a seed, or of recorded decisions, and add what it showed."""
    try:
        run_world(Choices(seed, made))
    except Violation as error:
        tally.failures.append((seed, error.invariant, str(error)))
    tally.note(World.current)


def run_seeds(seeds: Sequence[int], most_failures: int = 5) -> Tally:
    """Run one world for each seed."""
    tally = Tally()
    for seed in seeds:
        run_recorded(tally, seed)
        if len(tally.failures) >= most_failures:
            break
    return tally


def minimized(seed: int, invariant: str) -> list[int]:
    """Return the smallest decisions that still break an invariant."""

    def fails(made: Sequence[int]) -> bool:
        try:
            run_world(Choices(seed, made))
        except Violation as error:
            return error.invariant == invariant
        except BaseException:
            return False
        return False

    with suppress(Violation):
        run_world(Choices(seed))
    return smallest(World.current.choices.made, fails)
