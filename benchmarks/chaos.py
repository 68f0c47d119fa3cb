"""What the clients say and do when a server misbehaves at random, compared with what it really did.

    python benchmarks/chaos.py [--seed N] [--calls N] [--quick] [--json]

One sync client on 32 threads and one async client on 200 tasks make mixed calls to a sandbox on 127.0.0.1, for each of
several behaviours that read differently, under a random plan of faults. Each worker keeps to sessions of its own. What
was carried out, and how often, is known from the sandbox. It ends with status 1 when a bound is broken: a booking or a
charge made twice, `APPLIED` for what was not applied, a wrong report of success or refusal, or a leak.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import inspect
import json
import logging
import os
import pickle
import random
import statistics
import sys
import threading
import time
import warnings
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from typing import Any

from invigilate import APIError, AsyncSmarterProctoring, OutcomeUnknownError, ReportWarning, SmarterProctoring
from invigilate.sandbox import Exchange, KnownSession, Phase, Sandbox, faults
from invigilate.sandbox.behaviours import behaviour_of

# Those of the quick form come first.
BEHAVIOURS = (
    "late_by_reads", "approval_later", "canceled_to_needs_proctor", "scheduled_before",
    "rounded_times+touched_edit_date", "default", "late_by_time", "approval_never",
)  # fmt: skip
WORKERS = {"sync": 32, "async": 200}
NOT_IDEMPOTENT = ("scheduleExamSession", "rescheduleExamSession", "cancelExamSession")
SAFE = ("getExamSession", "getServiceDistribution", "updateCourseOffering")
MOST_GROWTH = 20.0
TIMEOUT = 0.8
GRACE = 5.0

ON_ANY: tuple[Callable[[float], faults.Fault], ...] = (
    lambda p: faults.reset_before_reading(probability=p),
    lambda p: faults.reset_after_reading(probability=p),
    lambda p: faults.drop_response(probability=p),
    lambda p: faults.close_without_response(probability=p),
    lambda p: faults.html_502(probability=p),
    lambda p: faults.html_502(probability=p, applied=True),
    lambda p: faults.html_520(probability=p, applied=True),
    lambda p: faults.unavailable(probability=p, retry_after=0.05),
    lambda p: faults.too_many_requests(probability=p, retry_after=0.05),
    lambda p: faults.status(probability=p, status=408),
    lambda p: faults.redirect(probability=p),
    lambda p: faults.truncate(probability=p, reset=True),
    lambda p: faults.wrong_length(probability=p, by=7),
    lambda p: faults.broken_gzip(probability=p),
    lambda p: faults.duplicate_close(probability=p),
    lambda p: faults.empty_body(probability=p),
    lambda p: faults.not_json(probability=p),
    lambda p: faults.wrong_types(probability=p),
    lambda p: faults.nulls(probability=p),
    lambda p: faults.extra_fields(probability=p),
    lambda p: faults.new_enum_values(probability=p),
    lambda p: faults.stall(probability=p / 4, seconds=TIMEOUT + 0.4, times=1),
    lambda p: faults.stall(probability=p / 4, seconds=TIMEOUT + 0.4, times=1, applied=True),
)
ON_NOT_IDEMPOTENT: tuple[Callable[[float], faults.Fault], ...] = (
    lambda p: faults.apply_late(probability=p, delay=0.2),
    lambda p: faults.apply_late(probability=p, delay=0.05, response="504"),
    lambda p: faults.apply_late(probability=p, delay=0.5, response="close"),
)


class Truth:
    """What really came of the calls: an interceptor of the sandbox, which sees what is done to each request.

    A call is known by a text in its body that no verdict looks at.
    """

    def __init__(self) -> None:
        self.announced: Counter[tuple[str, str]] = Counter()
        self._exchanges: defaultdict[str, list[Exchange]] = defaultdict(list)
        self._lock = threading.Lock()

    def connected(self, api: str) -> None:
        """See `Interceptor`."""

    def reached(self, phase: Phase, exchange: Exchange) -> None:
        """See `Interceptor`."""
        if phase is Phase.APPLIED and exchange.response is not None:
            # As servers do: verdicts look at it.
            exchange.response.headers.setdefault("Date", formatdate(usegmt=True))
        if exchange.operation_id not in NOT_IDEMPOTENT:
            return
        with self._lock:
            if phase is Phase.ANNOUNCED:
                self.announced[exchange.operation_id, exchange.path.rpartition("/")[2]] += 1
            elif phase is Phase.RECEIVED:
                body = json.loads(exchange.body)
                self._exchanges[body.get("company") or body["cancellationMemo"]].append(exchange)

    def applied(self, call: str) -> int:
        """How often a request was applied, so far."""
        with self._lock:
            return sum(exchange.applied for exchange in self._exchanges.get(call, ()))


@dataclass
class Made:
    """One request that must not be sent twice, and what was reported of it."""

    key: str
    operation: str
    session_sid: str
    paid: bool
    outcome: str = "?"


@dataclass
class Findings:
    """What is counted over all rounds."""

    calls: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)
    bounds: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, counter: Counter[str], *names: str) -> None:
        """Count, from any thread."""
        with self.lock:
            counter.update(names)

    def broken(self, bound: str, note: str) -> None:
        """A bound is broken."""
        with self.lock:
            self.bounds[bound] += 1
            self.notes.append(f"{bound}: {note}")


async def settle(value: Any) -> Any:
    """Return what a call of either client returns."""
    return await value if inspect.isawaitable(value) else value


class Round:
    """One client against one sandbox."""

    def __init__(self, mode: str, behaviour: str, seed: int, calls: int, findings: Findings) -> None:
        self.mode, self.behaviour, self.seed, self.findings = mode, behaviour, seed, findings
        self.late = behaviour_of(behaviour).is_late
        self.left = calls
        self.made: list[Made] = []
        self.truth = Truth()
        self.sandbox = Sandbox(seed=seed, report_rows=60, open_sessions=calls // 3 + 200, behaviour=behaviour)
        self.sandbox.interceptors.insert(0, self.truth)
        self.client: Any = None
        self.sessions: deque[KnownSession] = deque()

    def run(self) -> None:
        """Let all workers work, and look at what came of it."""
        gc.collect()
        threads, files = threading.active_count(), open_files()
        with self.sandbox:
            self.sessions.extend(self.sandbox.open_sessions)
            self._plan()
            token, install, url = self.sandbox.token, self.sandbox.install_sid, self.sandbox.smarterproctoring_url
            if self.mode == "sync":
                with SmarterProctoring(token, install, base_url=url, timeout=TIMEOUT) as self.client:
                    workers = [threading.Thread(target=self._thread, args=(n,)) for n in range(WORKERS["sync"])]
                    for worker in workers:
                        worker.start()
                    for worker in workers:
                        worker.join()
            else:
                asyncio.run(self._tasks(AsyncSmarterProctoring(token, install, base_url=url, timeout=TIMEOUT)))
            self.sandbox.faults.settle()
            self._judge()
        self.client = None
        deadline = time.monotonic() + GRACE
        while (threading.active_count() > threads or open_files() > files) and time.monotonic() < deadline:
            gc.collect()
            time.sleep(0.02)
        for bound, leaked in (
            ("leaked threads", threading.active_count() - threads),
            ("leaked connections", open_files() - files),
        ):
            if leaked > 0:
                self.findings.broken(bound, f"{leaked} after {self.mode} {self.behaviour}")

    def _plan(self) -> None:
        draw = random.Random(f"plan {self.seed} {self.mode} {self.behaviour}")
        for operation in (*NOT_IDEMPOTENT, *SAFE):
            kinds = [*ON_ANY, *(ON_NOT_IDEMPOTENT * 2 if operation in NOT_IDEMPOTENT else ())]
            most = 0.07 if operation in NOT_IDEMPOTENT else 0.03
            for kind in draw.sample(kinds, 14):
                self.sandbox.faults.add(operation, kind(draw.uniform(0.005, most)))
        self.sandbox.faults.add("smarterproctoring", faults.reset_on_connect(probability=0.01))
        self.sandbox.faults.add("getServiceDistribution", faults.outage(seconds=0.15, times=1, after=5))

    def _thread(self, number: int) -> None:
        work = self._work(number)
        try:
            work.send(None)
        except StopIteration:
            return
        raise AssertionError("the sync client waited for an event loop")

    async def _tasks(self, client: AsyncSmarterProctoring) -> None:
        self.client = client
        async with client, asyncio.TaskGroup() as group:
            for number in range(WORKERS["async"]):
                group.create_task(self._work(number))
        left = len(asyncio.all_tasks()) - 1
        if left:
            self.findings.broken("leaked tasks", f"{left} after {self.behaviour}")

    async def _work(self, number: int) -> None:
        draw = random.Random(f"work {self.seed} {self.mode} {self.behaviour} {number}")
        while self.left > 0 and self.sessions:
            try:
                with contextlib.suppress(IndexError):
                    await self._life(self.sessions.popleft(), draw)
            except Exception as error:
                self.findings.broken("unexpected errors", f"{type(error).__name__}: {error}")

    async def _life(self, session: KnownSession, draw: random.Random) -> None:
        """What may become of a session, until something of unknown outcome happens to it."""
        sids = {"exam_sid": session.exam_sid, "session_sid": session.session_sid}
        sessions = self.client.exam_sessions
        values = self._values(draw, None)
        if draw.random() < 0.15:
            body = {"appointmentDateTime": values["appointment_date_time"], "type": values["type_"]}
            self.sandbox.schedule_before(session, {**body, "notes": values["notes"]} if "notes" in values else body)
        before = await self._before(sids, draw)
        paid = draw.random() < 0.6
        payment = {"amount": 25, "currency": "USD", "card_token": "tok"} if paid else {}
        if not await self._not_idempotent(
            NOT_IDEMPOTENT[0], sessions.schedule, {**sids, **values, **payment}, before, draw, paid
        ):
            return
        while draw.random() < 0.6 and self.left > 0:
            await self._idempotent(session, sids, draw)
            before = await self._before(sids, draw)
            values = self._values(draw, before)
            if not await self._not_idempotent(NOT_IDEMPOTENT[1], sessions.reschedule, {**sids, **values}, before, draw):
                return
        if draw.random() < 0.6 and self.left > 0:
            before = await self._before(sids, draw)
            memo = {"reason": "changed-time"} if draw.random() < 0.5 else {}
            if not await self._not_idempotent(NOT_IDEMPOTENT[2], sessions.cancel, {**sids, **memo}, before, draw):
                return
            values = self._values(draw, None)
            before = await self._before(sids, draw)
            await self._not_idempotent(
                NOT_IDEMPOTENT[0], sessions.schedule, {**sids, **values, **payment}, before, draw, paid
            )

    def _values(self, draw: random.Random, before: Any) -> dict[str, Any]:
        moment = datetime(2027, 3, 1, 8, tzinfo=UTC) + timedelta(seconds=draw.randrange(10_000_000))
        values: dict[str, Any] = {"appointment_date_time": moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")}
        stands = before.to_dict().get("appointmentDate") if before is not None else None
        # What is asked for may stand there already. Where reads are late nobody could know that, whatever they do.
        if isinstance(stands, str) and not self.late and draw.random() < 0.3:
            values["appointment_date_time"] = stands
        if draw.random() < 0.3:
            values["notes"] = draw.choice(["Window seat", "Aisle"])
        values["type_"] = draw.choice(["ad-hoc", "b-virtual"])
        return values

    async def _before(self, sids: dict[str, str], draw: random.Random) -> Any:
        if draw.random() < 0.2:
            return None
        return await self._call("get", lambda: self.client.exam_sessions.get(**sids))

    async def _idempotent(self, session: KnownSession, sids: dict[str, str], draw: random.Random) -> None:
        client, kind = self.client, draw.random()
        if kind < 0.4:
            await self._call("get", lambda: client.exam_sessions.get(**sids))
        elif kind < 0.6:
            await self._call("report", lambda: client.reports.service_distribution(limit=40, offset=20).first())
        elif kind < 0.7:
            await self._call("report", lambda: client.reports.service_distribution(limit=50).collect())
        else:
            update = client.course_offerings.update
            await self._call("update", lambda: update(offering_sid=session.offering_sid, title="T", match_strings="T"))

    async def _call(self, name: str, call: Callable[[], Any]) -> Any:
        self._count(name)
        try:
            return await settle(call())
        except OutcomeUnknownError as error:
            self.findings.broken("unknown outcomes of idempotent calls", str(error))
        except APIError as error:
            self.findings.count(self.findings.outcomes, f"idempotent: {type(error).__name__}")
        return None

    def _count(self, name: str) -> None:
        self.findings.count(self.findings.calls, f"{self.mode} {name}")
        with self.findings.lock:
            self.left -= 1
            if self.left % 20 == 0:
                self.findings.memory.append(resident())

    async def _not_idempotent(
        self,
        operation: str,
        call: Callable[..., Any],
        arguments: dict[str, Any],
        before: Any,
        draw: random.Random,
        paid: bool = False,
    ) -> bool:
        """Send a request that must not be sent twice; return whether it succeeded."""
        key = f"{self.mode}-{draw.getrandbits(64):016x}"
        made = Made(key, operation, arguments["session_sid"], paid)
        with self.findings.lock:
            self.made.append(made)
        self._count(operation.removesuffix("ExamSession"))
        mark = "cancellation_memo" if operation == NOT_IDEMPOTENT[2] else "company"
        try:
            await settle(call(**arguments, **{mark: key}))
        except OutcomeUnknownError as error:
            made.outcome = "unknown"
            await self._check(made, error, before, draw)
        except APIError as error:
            sent = getattr(error, "sent", True)
            made.outcome = "refused" if sent else "not sent"
            self.findings.count(self.findings.outcomes, f"not idempotent: {type(error).__name__}")
        else:
            made.outcome = "succeeded"
        self.findings.count(self.findings.outcomes, f"not idempotent: {made.outcome}")
        return made.outcome == "succeeded"

    async def _check(self, made: Made, error: OutcomeUnknownError, before: Any, draw: random.Random) -> None:
        if draw.random() < 0.2:
            error = pickle.loads(pickle.dumps(error))
        stood = before if before is None or draw.random() < 0.5 else before.to_dict()
        for known in (stood, None) if stood is not None else (None,):
            was_applied = self.truth.applied(made.key)
            self._count("check")
            result = await settle(self.client.exam_sessions.check(error, before=known))
            is_applied = self.truth.applied(made.key)
            verdict, kind = result.verdict.value, "with before" if known is not None else "without"
            self.findings.count(self.findings.verdicts, f"{kind}: {verdict}", f"{kind}: all")
            note = f"{self.mode} {self.behaviour} {made.operation}, {kind}: {result}"
            if verdict == "APPLIED" and not is_applied:
                self.findings.broken("false APPLIED", note)
            if verdict == "NOT_VISIBLE" and was_applied and not self.late:
                self.findings.broken("false NOT_VISIBLE", note)
            elif verdict == "NOT_VISIBLE" and (was_applied or is_applied):
                self.findings.count(self.findings.verdicts, f"{kind}: NOT_VISIBLE, seen later")

    def _judge(self) -> None:
        """Compare what the client said of each call with what the sandbox did."""
        findings, asked = self.findings, Counter[tuple[str, str]]()
        charged: Counter[str] = Counter()
        for made in self.made:
            applied = self.truth.applied(made.key)
            asked[made.operation, made.session_sid] += 1
            charged[made.session_sid] += made.paid and applied > 0
            if applied > 1:
                findings.broken("double bookings", f"{made.operation} applied {applied} times")
            if (made.outcome == "succeeded") > applied:
                findings.broken("false successes", str(made))
            if made.outcome in ("refused", "not sent") and applied:
                findings.broken("false refusals", str(made))
        for (operation, sid), times in self.truth.announced.items():
            if times > asked[operation, sid]:
                findings.broken("calls sent twice", f"{operation}: {times} requests")
        for sid, times in Counter(charge.session_sid for charge in self.sandbox.ledger).items():
            if times > charged[sid]:
                findings.broken("double charges", f"{times} charges for {charged[sid]} calls")
        for (kind, _), times in self.sandbox.faults.fired.counts.items():
            findings.faults[kind] += times
        for defect in self.sandbox.defects:
            findings.broken("defects of the sandbox", defect.message[:300])


def open_files() -> int:
    """Number of files and sockets that this process has open; 0 where that cannot be known."""
    folder = "/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"
    return len(os.listdir(folder)) if os.path.isdir(folder) else 0


def resident() -> float:
    """Memory of this process in MiB; 0 where that cannot be known."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    except OSError:
        return 0.0


ZERO = (
    "double bookings", "double charges", "calls sent twice", "false APPLIED", "false NOT_VISIBLE", "false successes",
    "false refusals", "leaked connections", "leaked threads", "leaked tasks", "unexpected errors",
    "unknown outcomes of idempotent calls", "defects of the sandbox", "memory growth",
)  # fmt: skip


def measure(seed: int, calls: int, modes: tuple[str, ...], behaviours: tuple[str, ...]) -> dict[str, Any]:
    """Make about so many calls, and say what came of them."""
    logging.getLogger("invigilate").setLevel(logging.CRITICAL)
    findings, started = Findings(), time.monotonic()
    rounds = [(mode, behaviour) for behaviour in behaviours for mode in modes]
    for number, (mode, behaviour) in enumerate(rounds):
        Round(mode, behaviour, seed + number, calls // len(rounds), findings).run()
    quarter = len(findings.memory) // 4
    growth = 0.0
    if quarter:
        growth = statistics.median(findings.memory[-quarter:]) - statistics.median(
            findings.memory[quarter : 2 * quarter]
        )
    if growth > MOST_GROWTH:
        findings.broken("memory growth", f"{growth:.1f} MiB")

    def undetermined(kind: str) -> float:
        return findings.verdicts[f"{kind}: UNDETERMINED"] / max(1, findings.verdicts[f"{kind}: all"])

    return {
        "seed": seed,
        "seconds": round(time.monotonic() - started, 1),
        "calls": findings.calls.total(),
        "calls by type": dict(sorted(findings.calls.items())),
        "faults": findings.faults.total(),
        "faults by type": dict(findings.faults.most_common()),
        "outcomes": dict(sorted(findings.outcomes.items())),
        "unknown outcomes": findings.outcomes["not idempotent: unknown"],
        "verdicts": dict(sorted(findings.verdicts.items())),
        "undetermined with before": round(undetermined("with before"), 3),
        "undetermined without": round(undetermined("without"), 3),
        "memory growth in MiB": round(growth, 1),
        "bounds": {name: findings.bounds[name] for name in ZERO},
        "notes": findings.notes[:20],
    }


def show(found: dict[str, Any]) -> None:
    """Print it for people."""
    print(f"{found['calls']} calls in {found['seconds']} s, seed {found['seed']}; {found['faults']} faults")
    for title in ("calls by type", "faults by type", "outcomes", "verdicts"):
        print(f"{title}:")
        for name, number in found[title].items():
            print(f"  {name:<44}{number:7}")
    for name in ("with before", "without"):
        print(f"undetermined {name}: {found[f'undetermined {name}']:.1%}")
    print(f"memory growth: {found['memory growth in MiB']} MiB, at most {MOST_GROWTH:.0f}")
    print("must be 0:")
    for name, number in found["bounds"].items():
        print(f"  {name:<44}{number:7}")
    for note in found["notes"]:
        print(f"BROKEN {note}")


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Compares what clients say with what a misbehaving server did.")
    parser.add_argument("--seed", type=int, default=7, metavar="N", help="decides calls and faults, default 7")
    parser.add_argument("--calls", type=int, metavar="N", help="about so many, default 12000, or 1500 with --quick")
    parser.add_argument("--quick", action="store_true", help="fewer calls and behaviours")
    parser.add_argument("--modes", default="sync,async", metavar="LIST", help="sync, async, or both by default")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args()
    modes = tuple(mode for mode in given.modes.split(",") if mode in WORKERS)
    # Others book while a report is read, so it does change; what warnings say of that has tests of its own.
    warnings.simplefilter("ignore", ReportWarning)
    calls = given.calls or (1500 if given.quick else 12000)
    found = measure(given.seed, calls, modes or tuple(WORKERS), BEHAVIOURS[:5] if given.quick else BEHAVIOURS)
    if given.json:
        print(json.dumps(found, indent=2))
    else:
        show(found)
    return int(any(found["bounds"].values()))


if __name__ == "__main__":
    sys.exit(main())
