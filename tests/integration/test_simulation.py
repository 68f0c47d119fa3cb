"""Simulated worlds: 2,000 with fixed seeds, those that once failed, and known bugs that must be found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.bugs import BUGS

ROOT = Path(__file__).resolve().parents[2]
SEEDS = ROOT / "tests" / "simulation" / "seeds.txt"
WORLDS = 2000


def simulate(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own, since it replaces the clock and the sockets of the library."""
    environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-P", "-m", "tests.simulation", *arguments],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip


def test_two_thousand_worlds() -> None:
    done = simulate("--seed", "1", "--worlds", str(WORLDS), "--jobs", "2", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["worlds"] == WORLDS
    assert found["failures"] == []
    # It shows something only if every guarantee was checked, while every fault happened.
    figures = json.loads((ROOT / "scripts" / "docrender" / "guarantees.json").read_text(encoding="utf-8"))
    assert set(found["checks"]) == set(figures["guarantees"])
    assert set(found["faults"]) == set(figures["faults"])
    assert min(found["checks"].values()) >= 40


def test_worlds_that_failed_once() -> None:
    lines = [line for line in SEEDS.read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
    assert lines
    done = simulate("--kept", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["worlds"] == len(lines)


def test_the_same_seed_is_the_same_world() -> None:
    first, second = (simulate("--seed", "77", "--worlds", "40", "--jobs", "1", "--json") for _ in range(2))
    assert first.stdout == second.stdout
    assert json.loads(first.stdout)["worlds"] == 40


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_known_bug_is_still_one(bug: object) -> None:
    """The texts that are replaced are in the source; `./scripts/simulate --bugs` shows that each is found."""
    module, changes = bug.module, bug.changes  # type: ignore[attr-defined]
    source = (ROOT / "facade" / Path(*module.split("."))).with_suffix(".py").read_text(encoding="utf-8")
    assert all(source.count(old) == 1 for old, _ in changes)


def test_a_bug_is_found_and_replayed() -> None:
    bug = "a lost response counts as not sent"
    done = simulate("--bug", bug, "--worlds", "300", "--jobs", "1", "--json")
    assert done.returncode == 1
    seed, invariant, _ = json.loads(done.stdout)["failures"][0]
    assert invariant in {"failure is definite", "applied once", "charged once"}
    replayed = simulate("--bug", bug, "--replay", "--seed", str(seed))
    assert replayed.returncode == 1
    assert "decisions" in replayed.stdout
    assert invariant in replayed.stdout


@pytest.mark.weekly
def test_every_known_bug_is_found() -> None:
    done = simulate("--bugs", "--worlds", "20000")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(BUGS)} of {len(BUGS)} bugs found" in done.stdout
