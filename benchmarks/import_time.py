"""How long `import invigilate` takes, and making a client, as a multiple of the same with httpx.

    python benchmarks/import_time.py [--runs N]

Each run is a fresh interpreter that times itself, so that its own start does not count. Runs of the four programs take
turns, so that what else the machine does falls on all alike. `./scripts/bench import` prints the same.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

if __package__ in {None, ""}:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.measure import Times

WANTED = 1.15
"""`import invigilate` takes at most this many times as long as `import httpx`."""

PROGRAMS = {
    "import httpx": "import httpx",
    "import invigilate": "import invigilate",
    "httpx.Client()": "import httpx; httpx.Client().close()",
    "SmarterProctoring()": "import invigilate; invigilate.SmarterProctoring('t').close()",
}
COMPARED = (("import invigilate", "import httpx"), ("SmarterProctoring()", "httpx.Client()"))


def measure(program: str, compiled: Path) -> float:
    """Seconds that a program takes in a fresh interpreter.

    Args:
        program: Python code.
        compiled: where compiled modules are kept. Some environments keep none: compiling would be measured.
    """
    timed = f"import time; started = time.perf_counter(); {program}; print(time.perf_counter() - started)"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, "-P", "-c", timed],
        env={**environment, "PYTHONPYCACHEPREFIX": str(compiled)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return float(done.stdout)


def compare(runs: int, compiled: Path) -> dict[str, Times]:
    """Time all programs in turns."""
    times: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for turn in range(runs + 1):
        for name, program in PROGRAMS.items():
            seconds = measure(program, compiled)
            # The first turn compiles what was not compiled yet.
            if turn:
                times[name].append(seconds)
    return {name: Times(min(values), statistics.median(values)) for name, values in times.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Compares what importing invigilate and httpx takes.")
    parser.add_argument("--runs", type=int, default=15, metavar="N", help="of each program, default 15")
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as compiled:
        times = compare(runs, Path(compiled))
    for name, found in times.items():
        print(f"{name:<22}{found.median * 1000:7.1f} ms")
    for ours, theirs in COMPARED:
        wanted = f", at most {WANTED} wanted" if ours.startswith("import") else ""
        print(f"{ours} / {theirs}: {times[ours].median / times[theirs].median:.2f}{wanted}")


if __name__ == "__main__":
    main()
