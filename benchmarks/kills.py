"""Kills runs of `invigilate sessions schedule --from`, takes their results files away, and looks at what was booked.

    python benchmarks/kills.py [--runs N] [--seed N]

Each run is killed at a random moment, by SIGKILL or by SIGINT; in half of the cases its results file is removed,
truncated, emptied or replaced, before the kill or after it. Then the same command is run again, as its advice says,
until all rows are settled. `--confirmed` and `--retry` are never passed. A run that stops since its results file
is damaged is run again with a new one. It ends with status 1 if any row was sent to the server twice, or charged twice.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from invigilate.cli import ExitCode, main
from invigilate.sandbox import Exchange, Phase, Sandbox, faults

ROWS = 6
PATIENCE = 60.0
WAYS = ("removed", "truncated", "emptied", "replaced", "removed with its count")


@dataclass
class Findings:
    """What happened, and what must not have happened."""

    kills: Counter[str] = field(default_factory=Counter)
    damage: Counter[str] = field(default_factory=Counter)
    exits: Counter[str] = field(default_factory=Counter)
    sent: Counter[int] = field(default_factory=Counter)
    rounds: int = 0
    restarts: int = 0
    new_files: int = 0
    charges: int = 0
    problems: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """All of it, for people."""
        most = max(self.sent, default=0)
        return [
            f"kills: {sum(self.kills.values())} ({_counts(self.kills)})",
            f"results files damaged: {sum(self.damage.values())} ({_counts(self.damage)})",
            f"restarts: {self.restarts}, {self.new_files} of them with a new results file after a damaged one",
            f"exits: {_counts(self.exits)}",
            f"rows: {sum(self.sent.values())} of {self.rounds} files; "
            + ", ".join(f"{number} {_sent(times)}" for times, number in sorted(self.sent.items())),
            f"bookings per row: at most {most}; charges per row: at most {self.charges}",
            *self.problems,
        ]


def _sent(times: int) -> str:
    return {0: "not sent", 1: "sent once", 2: "sent twice"}.get(times, f"sent {times} times")


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in sorted(counter.items()))


class Watch:
    """Counts the bookings that the sandbox was asked for in whole requests, and knows whether it is still busy."""

    def __init__(self) -> None:
        self.posts: Counter[str] = Counter()
        self._busy = 0
        self._lock = threading.Lock()

    def connected(self, api: str) -> None:
        """See `Interceptor`."""

    def reached(self, phase: Phase, exchange: Exchange) -> None:
        """See `Interceptor`."""
        if phase in {Phase.ANNOUNCED, Phase.OVER}:
            with self._lock:
                self._busy += 1 if phase is Phase.ANNOUNCED else -1
        elif phase is Phase.RECEIVED and exchange.operation_id == "scheduleExamSession":
            with self._lock:
                self.posts[exchange.path.rpartition("/")[2]] += 1

    def wait(self) -> None:
        """Wait until there was nothing to do for a while."""
        quiet = time.monotonic()
        end = quiet + PATIENCE
        while time.monotonic() - quiet < 0.15:
            if self._busy:
                quiet = time.monotonic()
            if quiet > end:
                raise TimeoutError("the sandbox is busy all the time")
            time.sleep(0.01)


def in_process(folder: str, settings: dict[str, str], arguments: list[str], log: str) -> None:
    """Run the command line in this process, as a program of its own."""
    os.chdir(folder)
    os.environ.update(settings)
    with Path(log).open("w", buffering=1, encoding="utf-8") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        sys.stdout = sys.stderr = file
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os._exit(int(main(arguments)))


class Round:
    """One file of rows, run and killed until all of it is settled."""

    def __init__(self, folder: Path, random_: random.Random, findings: Findings, context: Any) -> None:
        self.folder, self.random, self.findings, self.context = folder, random_, findings, context
        self.results = folder / "r0.jsonl"
        self.files = 0

    def run(self, sandbox: Sandbox, most: int) -> None:
        """Run until nothing is left to send, with at most so many kills."""
        with (self.folder / "rows.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["exam_sid", "session_sid", "appointment_date_time", "amount", "card_token"])
            for known in sandbox.open_sessions[:ROWS]:
                writer.writerow([known.exam_sid, known.session_sid, "2026-12-01T09:00:00Z", "10", "tok_of_a_row"])
        sandbox.faults.add("scheduleExamSession", faults.stall(seconds=0.03, applied=True))
        sandbox.interceptors.append(watch := Watch())
        settings = {
            "SMARTERPROCTORING_BASE_URL": sandbox.smarterproctoring_url,
            "SMARTERPROCTORING_TOKEN": sandbox.token,
            "SMARTERPROCTORING_INSTALL_SID": sandbox.install_sid,
        }
        sids = [known.session_sid for known in sandbox.open_sessions[:ROWS]]
        self.findings.rounds += 1
        for number in range(100):
            killed = self._start(settings, may_kill=sum(self.findings.kills.values()) < most)
            watch.wait()
            if number:
                self.findings.restarts += 1
            if not killed and self._is_over():
                break
        else:
            self.findings.problems.append(f"{self.folder}: it does not end")
        charges = Counter(charge.session_sid for charge in sandbox.ledger)
        posts = watch.posts
        self.findings.sent.update(posts[sid] for sid in sids)
        self.findings.charges = max(self.findings.charges, *charges.values(), 0)
        for sid in sids:
            if posts[sid] > 1 or charges[sid] > 1:
                twice = f"{sid} was sent {posts[sid]} times and charged {charges[sid]} times"
                self.findings.problems.append(f"{self.folder}: {twice}")

    def _start(self, settings: dict[str, str], *, may_kill: bool) -> bool:
        """Start the command, and kill it if chance has it so."""
        arguments = ["sessions", "schedule", "--from", "rows.csv", "--yes", "--results", self.results.name]
        log = self.folder / "log"
        process = self.context.Process(
            target=in_process, args=(str(self.folder), settings, arguments, str(log)), daemon=True
        )
        wanted = self._events() + self.random.randint(0, 2 * ROWS - 2)
        process.start()
        killed, damaged, lost = "", False, False
        if may_kill:
            end = time.monotonic() + PATIENCE
            while process.exitcode is None and self._events() < wanted and time.monotonic() < end:
                time.sleep(0.002)
            time.sleep(self.random.uniform(0, 0.05))
            damaged = self.random.random() < 0.5
            if damaged and self.random.random() < 0.5 and process.exitcode is None:
                lost = self._damage()
                time.sleep(self.random.uniform(0, 0.1))
            if process.exitcode is None:
                number = self.random.choice((signal.SIGKILL, signal.SIGINT))
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, number)
                killed = number.name
        process.join(PATIENCE)
        code = process.exitcode
        if code is None:
            process.kill()
            raise TimeoutError(f"{self.folder}: a run does not end")
        names = {each.value: each.name for each in ExitCode}
        self.findings.exits[names.get(code) or signal.Signals(-code).name] += 1
        if killed:
            self.findings.kills[killed] += 1
            if damaged and not lost:
                self._damage()
        text = log.read_text(encoding="utf-8") if log.exists() else ""
        if lost and not self.results.exists() and "same command again" in text:
            self.findings.problems.append(f"{self.folder}: it says that it continues without its results file")
        if code == ExitCode.USAGE:
            if "may have been sent before" not in text and "is not from a results file" not in text:
                self.findings.problems.append(f"{self.folder}: {text}")
            self.files += 1
            self.findings.new_files += 1
            self.results = self.folder / f"r{self.files}.jsonl"
            return True
        return bool(killed) or lost

    def _events(self) -> int:
        try:
            return self.results.read_bytes().count(b"\n")
        except OSError:
            return 0

    def _damage(self) -> bool:
        """Do something to the results file, if there is one."""
        if not self._events():
            return False
        how = self.random.choice(WAYS)
        content = self.results.read_bytes()
        if how.startswith("removed"):
            self.results.unlink()
        elif how == "truncated":
            self.results.write_bytes(content[: self.random.randrange(len(content))])
        elif how == "emptied":
            self.results.write_bytes(b"")
        else:
            # By an earlier state of it.
            other = self.folder / "other"
            lines = content.splitlines(keepends=True)
            other.write_bytes(b"".join(lines[: self.random.randrange(len(lines))]))
            other.replace(self.results)
        if how == "removed with its count":
            self.results.with_name(f"{self.results.name}.count").unlink(missing_ok=True)
        self.findings.damage[how] += 1
        return True

    def _is_over(self) -> bool:
        """Whether the last run left nothing to send."""
        lines = self.results.read_bytes().split(b"\n")[1:-1] if self.results.exists() else []
        last = {json.loads(line)["line"]: json.loads(line)["event"] for line in lines}
        return len(last) == ROWS and "not_sent" not in last.values()


def run(runs: int, seed: int) -> Findings:
    """Kill so many runs."""
    findings, random_ = Findings(), random.Random(seed)
    # Its children are forked from a process that has imported everything, so each begins at once.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["invigilate.sandbox", "invigilate.cli.smarterproctoring.sessions", "invigilate._http.transport"]
    )
    folder = Path(tempfile.mkdtemp(prefix="invigilate-kills-"))
    try:
        while sum(findings.kills.values()) < runs and not findings.problems:
            inner = folder / f"{findings.rounds}"
            inner.mkdir()
            with Sandbox(seed=random_.randrange(1000), report_rows=0) as sandbox:
                Round(inner, random_, findings, context).run(sandbox, runs)
    finally:
        if not findings.problems:
            shutil.rmtree(folder)
    return findings


def command(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="kills", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=300, metavar="N", help="how many runs are killed; by default 300")
    parser.add_argument("--seed", type=int, default=8, metavar="N", help="decides what is killed, and when")
    options = parser.parse_args(arguments)
    started = time.monotonic()
    findings = run(options.runs, options.seed)
    print("\n".join(findings.lines()))
    print(f"{time.monotonic() - started:.0f} seconds, seed {options.seed}")
    return 1 if findings.problems else 0


if __name__ == "__main__":
    sys.exit(command())
