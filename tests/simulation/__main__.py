"""The command: `./scripts/simulate`."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .bugs import BUGS, put_in

if TYPE_CHECKING:
    from .run import Tally

SEEDS = Path(__file__).with_name("seeds.txt")
_AT_ONCE = 250


def main() -> int:
    """Run worlds, and print what they showed."""
    parser = argparse.ArgumentParser(
        prog="./scripts/simulate",
        description="Run simulated worlds: the clients and the sandbox in one process, under a virtual clock and a "
        "network that fails. Every decision of a world follows from its seed.",
    )
    parser.add_argument("--seed", type=int, default=0, help="the seed of the first world (default: 0)")
    parser.add_argument("--worlds", type=int, default=2000, help="how many worlds, each with the next seed")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (default: one per core)")
    parser.add_argument("--replay", action="store_true", help="run the one world of --seed, make a failure smaller, "
                        "and print what happened")  # fmt: skip
    parser.add_argument("--bugs", action="store_true", help=f"put {len(BUGS)} known bugs into the library, one after "
                        "another, and print how many worlds it takes to find each")  # fmt: skip
    parser.add_argument("--kept", action="store_true", help="run the worlds that failed once, from seeds.txt")
    parser.add_argument("--bug", help=argparse.SUPPRESS)
    parser.add_argument("--record", metavar="FILE", help="add the figures to a file, for the table in the docs")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    if options.bugs:
        return _find_bugs(options)
    if options.bug:
        put_in(next(bug for bug in BUGS if bug.name == options.bug))
    if options.replay:
        return _replay(options.seed)
    started = time.perf_counter()
    tally = _replay_kept() if options.kept else _run(options.seed, options.worlds, options.jobs)
    seconds = time.perf_counter() - started
    if not options.bug and not options.kept:
        _keep(tally)
    if options.json:
        failures = [list(each) for each in tally.failures]
        faults = sorted({fault for fault, _ in tally.table})
        checks = dict(sorted(tally.checks.items()))
        print(json.dumps({"worlds": tally.worlds, "failures": failures, "faults": faults, "checks": checks}))
    else:
        _print(tally, seconds)
    if options.record:
        _record(Path(options.record), tally)
    return 1 if tally.failures else 0


def _run(seed: int, worlds: int, jobs: int) -> Tally:
    from .run import Tally, run_seeds

    tally, end = Tally(), seed + worlds
    if jobs <= 1 or worlds <= _AT_ONCE:
        tally.add(run_seeds(range(seed, end)))
        return tally
    parts = iter([range(start, min(end, start + _AT_ONCE)) for start in range(seed, end, _AT_ONCE)])
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        running = {pool.submit(run_seeds, part) for _, part in zip(range(jobs * 2), parts, strict=False)}
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for each in done:
                tally.add(each.result())
                part = next(parts, None)
                if part is not None and len(tally.failures) < 10:
                    running.add(pool.submit(run_seeds, part))
    tally.failures.sort()
    return tally


def _keep(tally: Tally) -> None:
    """Make each failure smaller, and keep it: the tests replay what is kept."""
    from .run import minimized

    for seed, invariant, _ in tally.failures:
        tally.kept.append(" ".join([str(seed), *map(str, minimized(seed, invariant))]))
    if tally.kept:
        with SEEDS.open("a") as file:
            for line, (_, _, what) in zip(tally.kept, tally.failures, strict=True):
                file.write(f"# {what.splitlines()[0][:100]}\n{line}\n")


def _replay_kept() -> Tally:
    from .run import Tally, run_recorded

    tally = Tally()
    for line in SEEDS.read_text().splitlines():
        if line and line[0] != "#":
            seed, *made = map(int, line.split())
            run_recorded(tally, seed, made)
    return tally


def _print(tally: Tally, seconds: float) -> None:
    from .network import FAULTS
    from .world import INVARIANTS

    print(f"{tally.worlds:,} worlds in {seconds:.0f} s: {tally.worlds / seconds:.0f} worlds/s\n")
    print(f"{'checks':>12}  {'in worlds with a fault':>22}  invariant")
    for name in INVARIANTS:
        total = tally.checks[name]
        hard = sum(count for (fault, invariant), count in tally.table.items() if invariant == name and fault != "none")
        print(f"{total:>12,}  {hard:>22,}  {name}")
    seen = {fault for fault, _ in tally.table}
    operations = {operation for operation, _, _ in tally.coverage}
    pairs = {(operation, fault) for operation, fault, _ in tally.coverage}
    applied = {operation for operation, _, outcome in tally.coverage if outcome == "ok"}
    print(
        f"\n{len(seen)} of {len(FAULTS)} faults, {len(operations)} operations, of which {len(applied)} succeeded; "
        f"{len(pairs):,} pairs of operation and fault, {len(tally.coverage):,} of operation, fault and outcome"
    )
    never = [name for name in FAULTS if name not in seen]
    if never:
        print(f"never happened: {', '.join(never)}")
    for seed, _, what in tally.failures:
        print(f"\nFAILED  {what}\n        ./scripts/simulate --replay --seed {seed}")
    for line in tally.kept:
        print(f"kept in {SEEDS.name}: {line[:100]}")
    print(f"\n{len(tally.failures)} failures" if tally.failures else "\nno failure")


def _replay(seed: int) -> int:
    from .choices import Choices
    from .run import minimized, run_world
    from .world import Violation, World

    try:
        run_world(Choices(seed))
        print(f"seed {seed}: no failure")
        return 0
    except Violation as error:
        print(f"seed {seed}: {error}")
        invariant, number = error.invariant, len(World.current.choices.made)
    small = minimized(seed, invariant)
    try:
        run_world(Choices(seed, small))
    except Violation as error:
        print(f"{number} decisions; {len(small)} are enough: {small}\n{error}\n")
    world = World.current
    print(f"the server is {world.behaviour}; {dict(world.faults)}; {'async' if world.uses_async else 'sync'}")
    for made in world.calls.values():
        print(f"  {made.mark} {made.operation}: {made.outcome} {sorted(made.faults)} {made.error or ''}")
    for each in world.received:
        print(f"  {each.at:9.2f} s  {each.operation}  {each.call}  applied {each.applied}, charges {each.charges}")
    return 1


def _find_bugs(options: Any) -> int:
    missed = 0
    print(f"{'worlds':>8}  bug")
    for bug in BUGS:
        found: list[Any] = []
        ran = 0
        while not found and ran < options.worlds:
            number = min(5_000 if ran else 1_000, options.worlds - ran)
            command = [sys.executable, "-m", "tests.simulation", "--bug", bug.name, "--json", "--jobs", "1"]
            command += ["--seed", str(options.seed + ran), "--worlds", str(number)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode not in {0, 1} or not done.stdout:
                print(done.stderr, file=sys.stderr)
                return 2
            # A crash of the changed code does not count.
            found = [each for each in json.loads(done.stdout)["failures"] if each[1] != "own errors"]
            if not found:
                ran += number
        if found:
            seed, invariant, _ = found[0]
            print(f"{seed - options.seed + 1:>8,}  {bug.name} ({invariant})", flush=True)
        else:
            missed += 1
            print(f"{'missed':>8}  {bug.name}: not in {ran:,} worlds", flush=True)
    print(f"\n{len(BUGS) - missed} of {len(BUGS)} bugs found")
    return 1 if missed else 0


def _record(path: Path, tally: Tally) -> None:
    """Add figures to those of earlier runs."""
    from .network import FAULTS
    from .world import INVARIANTS

    figures: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {"worlds": 0, "checks": {}}
    checks: dict[str, dict[str, int]] = figures["checks"]
    figures = {
        "worlds": figures["worlds"] + tally.worlds,
        "faults": FAULTS,
        "guarantees": INVARIANTS,
        "checks": {
            fault: {name: checks.get(fault, {}).get(name, 0) + tally.table[fault, name] for name in INVARIANTS}
            for fault in FAULTS
        },
    }
    path.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
