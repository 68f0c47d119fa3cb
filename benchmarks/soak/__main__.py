"""The command behind `scripts/soak`."""

from __future__ import annotations

import argparse
import logging
import math
import subprocess
import sys
from collections.abc import Callable
from typing import TypeVar

from benchmarks.soak.modes import WAYS, soak

N = TypeVar("N", int, float)


def _positive(kind: type[N]) -> Callable[[str], N]:
    """The type of an option: a number above 0, since a soak of nothing would pass."""

    def read(text: str) -> N:
        value = kind(text)
        if not 0 < value < math.inf:
            raise argparse.ArgumentTypeError(f"expected a number above 0, got {text}")
        return value

    read.__name__ = kind.__name__  # argparse names it if the string is not a number
    return read


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="soak",
        description="Sends many requests to a hostile server of its own on 127.0.0.1, and interrupts them at random: "
        "by cancellation, timeouts, deadlines, and Ctrl-C. No call may return the response of another call, no request "
        "that is not idempotent may be sent twice, and the client must be usable afterwards, with nothing left behind.",
        epilog="Exit codes: 0 no violations, 1 a violation occurred. 200,000 calls take about five minutes.",
    )
    parser.add_argument(
        "--calls", type=_positive(int), default=200_000, metavar="N", help="shared by the modes, default 200000"
    )
    parser.add_argument("--seed", type=int, default=7, metavar="N", help="decides calls and faults, default 7")
    parser.add_argument("--mode", choices=[*WAYS, "all"], default="all", help="default all")
    parser.add_argument("--seconds", type=_positive(float), metavar="S", help="stop each mode after S seconds")
    options = parser.parse_args(arguments)
    if options.mode != "all":
        # What the library logs of interrupted calls is counted here instead.
        logging.getLogger("invigilate").addHandler(logging.NullHandler())
        logging.getLogger("invigilate").propagate = False
        return 0 if soak(options.mode, options.calls, options.seed, options.seconds) else 1
    # Each in a process of its own, so that no mode sees the files and threads of another.
    shared = ["--calls", str(-(-options.calls // len(WAYS))), "--seed", str(options.seed)]
    if options.seconds is not None:
        shared += ["--seconds", str(options.seconds)]
    command = [sys.executable, "-P", "-m", "benchmarks.soak", *shared, "--mode"]
    failed = [mode for mode in WAYS if subprocess.run([*command, mode], check=False).returncode]
    print(f"all modes: {'violations in ' + ', '.join(failed) if failed else 'no violations'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
