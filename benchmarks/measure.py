"""Measures candidates in turns, and keeps the goals and their figures."""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

ROOT = Path(__file__).resolve().parents[1]


class Worker:
    """A candidate's process, for a `with` block; see `worker.py`.

    Args:
        title: how the table calls it.
        candidate: its name in `worker.py`.
        url: the server; jobs that decode ask none.
        speed: with the extra `[speed]`.
        python: the interpreter.
        path: one more folder to import from.
        module: its program.
    """

    def __init__(
        self,
        title: str,
        candidate: str,
        url: str = "http://127.0.0.1:9",
        *,
        speed: bool = False,
        python: str = sys.executable,
        path: Path | None = None,
        module: str = "benchmarks.worker",
    ) -> None:
        self.title = title
        paths = [str(ROOT), *([str(path)] if path else [])]
        # A proxy of the environment has no business on loopback.
        unset = {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"}
        environment = {name: value for name, value in os.environ.items() if name.upper() not in unset}
        self._command = [python, "-P", "-m", module, candidate, "speed" if speed else "base", url]
        self._environment = {**environment, "PYTHONPATH": os.pathsep.join(paths)}

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command, env=self._environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def do(self, job: dict[str, Any]) -> dict[str, Any]:
        """Let it do a job."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        line = ""
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(job) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.title} ended with {self._process.wait()}; what it said stands above")
        result: dict[str, Any] = json.loads(line)
        return result

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


class Times(NamedTuple):
    """Seconds that a candidate took: the least, and the median of all rounds."""

    least: float
    median: float


def in_turns(workers: list[Worker], job: dict[str, Any], rounds: int) -> dict[str, Times]:
    """Let all do the same job, in turns, so that what else the machine does falls on all alike.

    The first round warms up and does not count. All must come to the same number of rows.
    """
    seconds: dict[str, list[float]] = {worker.title: [] for worker in workers}
    for turn in range(rounds + 1):
        # Forwards and backwards, so that none always follows the same one.
        for worker in workers if turn % 2 else reversed(workers):
            result = worker.do(job)
            expected = job.get("rows", result["rows"])
            if result["rows"] != expected:
                raise RuntimeError(f"{worker.title} came to {result['rows']} rows, expected {expected}")
            if turn:
                seconds[worker.title].append(result["seconds"])
    return {title: Times(min(values), statistics.median(values)) for title, values in seconds.items()}


class Goal(NamedTuple):
    """What was wanted, and what came of it.

    Attributes:
        what: the goal.
        figure: what was measured.
        met: whether it is.
    """

    what: str
    figure: str
    met: bool


class Table:
    """Prints what is measured as it comes, and at the end all goals."""

    def __init__(self) -> None:
        self.goals: list[Goal] = []
        self.noise: list[float] = []

    def heading(self, text: str) -> None:
        """Print a heading."""
        print(f"\n{text}", flush=True)

    def block(self, times: dict[str, Times], base: str, unit: str, scale: float, twin: str = "") -> dict[str, float]:
        """Print the times of all, as multiples of those of one of them.

        Args:
            times: by title.
            base: the one that counts as 1.
            unit: what is printed.
            scale: how many of the unit make a second.
            twin: the one that is the same program as `base`; what differs between these two is noise.

        Returns:
            The ratio of each, of the least times.
        """
        ratios = {title: found.least / times[base].least for title, found in times.items()}
        print(f"  {'':<34}{'least':>10}{'median':>10} {unit:<6}{'ratio':>8}{'of medians':>12}")
        for title, found in times.items():
            least, median = found.least * scale, found.median * scale
            medians = found.median / times[base].median
            note = "  noise" if title == twin else ""
            print(f"  {title:<34}{least:>10.2f}{median:>10.2f} {'':<6}{ratios[title]:>8.2f}{medians:>12.2f}{note}")
        if twin:
            self.noise.append(abs(ratios[twin] - 1))
        sys.stdout.flush()
        return ratios

    def rates(self, times: dict[str, Times], base: str) -> dict[str, float]:
        """Print how many per second all come to, as multiples of those of one of them.

        Args:
            times: of one, by title.
            base: the one that counts as 1.

        Returns:
            The ratio of each, of the medians; more is better. httpx's own rates differ by half from turn to turn, with
            the number of connections that it happens to hold, and its best turn is a rare one.
        """
        print(f"  {'':<34}{'most':>10}{'median':>10} {'/s':<6}{'ratio':>8}{'of medians':>12}")
        for title, found in times.items():
            most, median = 1 / found.least, 1 / found.median
            ratio, medians = times[base].least * most, times[base].median * median
            print(f"  {title:<34}{most:>10.0f}{median:>10.0f} {'':<6}{ratio:>8.2f}{medians:>12.2f}")
        sys.stdout.flush()
        return {title: times[base].median / found.median for title, found in times.items()}

    def goal(self, what: str, figure: str, met: bool) -> None:
        """Keep a goal for the end."""
        self.goals.append(Goal(what, figure, met))

    def at_most(self, what: str, ratio: float, limit: float, unit: str = "x") -> None:
        """Keep a goal that is a ratio."""
        self.goal(f"{what}: at most {limit:g} {unit}", f"{ratio:.2f} {unit}", ratio <= limit)

    def at_least(self, what: str, ratio: float, limit: float, unit: str = "x") -> None:
        """Keep a goal that is a ratio of which more is better."""
        self.goal(f"{what}: at least {limit:g} {unit}", f"{ratio:.2f} {unit}", ratio >= limit)

    def summary(self, *, judge: bool) -> bool:
        """Print all goals, and say whether all are met; without `judge`, print the figures alone."""
        self.heading("Goals")
        width = max((len(goal.what) for goal in self.goals), default=0)
        for goal in self.goals:
            verdict = ("met" if goal.met else "NOT MET") if judge else "not judged"
            print(f"  {goal.what:<{width}}  {goal.figure:>10}  {verdict}")
        if self.noise:
            print(
                f"\nNoise: the same program beside itself differed by up to {max(self.noise):.0%}"
                f" (half of the time by less than {statistics.median(self.noise):.0%})."
            )
        return all(goal.met for goal in self.goals)
