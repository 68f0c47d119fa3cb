"""How long `import invigilate` takes, and making a client, as a multiple of the same with httpx.

    python benchmarks/import_time.py [--runs N]

Each run is a fresh interpreter that times itself, so that its own start does not count. Runs of the four programs take
turns, so that what else the machine does falls on all alike, and the medians are compared.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys

WANTED = 1.15
"""`import invigilate` takes at most this many times as long as `import httpx`."""

PROGRAMS = {
    "import httpx": "import httpx",
    "import invigilate": "import invigilate",
    "httpx.Client()": "import httpx; httpx.Client().close()",
    "SmarterProctoring()": "import invigilate; invigilate.SmarterProctoring('t').close()",
}
COMPARED = (("import invigilate", "import httpx"), ("SmarterProctoring()", "httpx.Client()"))


def measure(program: str) -> float:
    """Seconds that a program takes in a fresh interpreter."""
    timed = f"import time; started = time.perf_counter(); {program}; print(time.perf_counter() - started)"
    done = subprocess.run([sys.executable, "-c", timed], capture_output=True, text=True, check=True, timeout=60)
    return float(done.stdout)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Compares what importing invigilate and httpx takes.")
    parser.add_argument("--runs", type=int, default=15, metavar="N", help="of each program, default 15")
    runs = parser.parse_args().runs
    times: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for turn in range(runs + 1):
        for name, program in PROGRAMS.items():
            seconds = measure(program)
            # The first turn compiles what was not compiled yet.
            if turn:
                times[name].append(seconds)
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, seconds in medians.items():
        print(f"{name:<22}{seconds * 1000:7.1f} ms")
    for ours, theirs in COMPARED:
        wanted = f", at most {WANTED} wanted" if ours.startswith("import") else ""
        print(f"{ours} / {theirs}: {medians[ours] / medians[theirs]:.2f}{wanted}")


if __name__ == "__main__":
    main()
