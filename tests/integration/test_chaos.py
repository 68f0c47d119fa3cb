"""Both clients under a random plan of faults: nothing is applied twice, nothing wrong is reported, nothing leaks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

CHAOS = Path(__file__).resolve().parents[2] / "benchmarks" / "chaos.py"
BOUNDS = {
    "double bookings", "double charges", "calls sent twice", "false APPLIED", "false NOT_VISIBLE", "false successes",
    "false refusals", "leaked connections", "leaked threads", "leaked tasks", "unexpected errors",
    "unknown outcomes of idempotent calls", "defects of the sandbox", "memory growth",
}  # fmt: skip


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_nothing_is_applied_twice_and_nothing_wrong_is_reported(mode: str) -> None:
    # In a process of its own: threads, sockets and memory of other tests would be counted.
    command = [sys.executable, str(CHAOS), "--quick", "--calls", "800", "--seed", "7", "--modes", mode, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode in (0, 1), done.stderr
    found = json.loads(done.stdout)
    assert found["bounds"] == dict.fromkeys(BOUNDS, 0), "\n".join(found["notes"])
    assert done.returncode == 0
    assert done.stderr == ""
    # It shows something only if much went wrong on the way.
    assert found["calls"] >= 800
    assert found["faults"] >= 150
    assert len(found["faults by type"]) >= 15
    assert found["unknown outcomes"] >= 50
    verdicts = found["verdicts"]
    assert verdicts["with before: APPLIED"] >= 3
    assert verdicts["with before: NOT_VISIBLE"] >= 10
    # To know what stood before is what decides.
    assert found["undetermined with before"] < found["undetermined without"]
