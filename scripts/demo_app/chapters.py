"""A term, one function for each chapter."""

from __future__ import annotations

import csv
import os
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta, timezone
from pathlib import Path

from invigilate import (
    CheckResult,
    InvalidArgumentError,
    ISpringLearn,
    OutcomeUnknownError,
    SmarterProctoring,
    parse_ispring_time,
    parse_timestamp,
)
from invigilate.sandbox import KnownSession, Sandbox, faults
from smarterproctoring_client.models import ExamSession

from . import calls
from .screen import Screen

# An offset, because some machines have no time zone database.
ZONE = timezone(timedelta(hours=-5))

STATUSES = {"Closed": "green", "Scheduled": "cyan", "Cancelled": "yellow"}

NEXT_STEPS = """
from invigilate import OutcomeUnknownError, SmarterProctoring, Verdict

# The environment holds SMARTERPROCTORING_TOKEN and _INSTALL_SID.
with SmarterProctoring() as client:
    for row in client.reports.service_distribution(statuses=["Scheduled"]):
        print(row.sid, row.appointment_date, row.service_type)
    before = client.exam_sessions.get(
        exam_sid=exam_sid,
        session_sid=session_sid,
    )
    try:
        client.exam_sessions.schedule(
            exam_sid=exam_sid,
            session_sid=session_sid,
            appointment_date_time="2026-12-07T09:30:00-05:00",
        )
    except OutcomeUnknownError as error:
        found = client.exam_sessions.check(error, before=before)
        if found.verdict is not Verdict.APPLIED:
            print("do not retry; check it by hand:", found.reason)
"""


@dataclass
class Stage:
    """What the chapters share."""

    screen: Screen
    sandbox: Sandbox
    client: SmarterProctoring
    ispring: ISpringLearn
    folder: Path
    booked: KnownSession
    """The main session, once `provisioning` has created it."""
    other: KnownSession
    """Another one, whose response is lost and which is canceled later."""
    day: datetime
    """The day of the first appointment, at midnight in `ZONE`."""
    short: bool = False
    """Whether chapters leave out their details."""


def provisioning(stage: Stage) -> None:
    """Provision a course, a student and an exam."""
    screen = stage.screen
    rules = {
        "url": "https://exam.example.com/midterm",
        "access": {"open": stage.day, "close": stage.day + timedelta(days=5)},
        "duration": 90,
        "password": "sandbox",
        "proctorTypes": {},
    }
    screen.call(calls.provision)
    made = calls.provision(stage.client, rules)
    assert made.user
    assert made.enrollment
    assert made.exam
    parts = (("course", made.course), ("student", made.user), ("enrollment", made.enrollment), ("exam", made.exam))
    screen.table([("", False), ("SID", False), ("result", False)], [[name, p.sid, p.result] for name, p in parts])
    again = calls.provision(stage.client, rules)
    screen.gap()
    same = "the same course" if again.course.sid == made.course.sid else "another course"
    screen.fact("second time", f"{again.course.result}: {same}")
    stage.booked = replace(
        stage.booked,
        exam_sid=made.exam.sid,
        enrollment_sid=made.enrollment.sid,
        user_sid=made.user.sid,
        course_sid=made.course.sid,
    )


def assigning(stage: Stage) -> None:
    """Assign the exam to the student, and list the session that this creates."""
    screen, session = stage.screen, stage.booked
    screen.call(calls.assign)
    calls.assign(stage.client, session.exam_sid, session.enrollment_sid)
    screen.call(calls.sessions)
    found = calls.sessions(stage.client, session.enrollment_sid, session.exam_sid)
    screen.table([("session", False), ("status", False)], [[str(each.sid), str(each.status)] for each in found])
    stage.booked = replace(session, session_sid=str(found[0].sid))


def booking(stage: Stage) -> None:
    """Schedule an exam session and pay for it."""
    screen, session = stage.screen, stage.booked
    when = stage.day + timedelta(hours=9, minutes=30)
    screen.call(calls.book)
    session_booked = calls.book(stage.client, session.exam_sid, session.session_sid, when)
    screen.fact("session", str(session_booked.sid))
    screen.fact("exam", f"{_title(session_booked.exam)}, {_title(session_booked.course)}")
    screen.fact("status", str(session_booked.status), "green")
    screen.fact("requested", f"{when:%Y-%m-%d %H:%M %Z}")
    screen.fact("scheduled", f"{appointment(session_booked):%Y-%m-%d %H:%M} UTC")
    if not stage.short:
        screen.gap()
        ledger(stage)


def mistakes(stage: Stage) -> None:
    """Catch three common mistakes before anything is sent."""
    screen, client, session = stage.screen, stage.client, stage.other
    arrived = len(stage.sandbox.requests)
    naive = datetime.combine(stage.day, time(9, 30))
    attempts: tuple[tuple[str, Callable[[], object]], ...] = (
        (
            "Two identifiers swapped:",
            lambda: calls.book(client, session.session_sid, session.exam_sid, stage.day),
        ),
        (
            "A local time without a UTC offset:",
            lambda: calls.book(client, session.exam_sid, session.session_sid, naive),
        ),
        (
            "An empty filter, which would select everything:",
            lambda: client.reports.service_distribution(service_types=[]),
        ),
    )
    for what, attempt in attempts:
        screen.say(what)
        try:
            attempt()
        except InvalidArgumentError as error:
            screen.error(error)
        screen.gap()
    screen.fact("sent", f"{len(stage.sandbox.requests) - arrived} requests", "green")


def lost_reply(stage: Stage) -> None:
    """Lose the response to a booking, and find out whether it was made."""
    screen, client, session = stage.screen, stage.client, stage.other
    before = calls.read(client, session.exam_sid, session.session_sid)
    with stage.sandbox.faults.during("scheduleExamSession", faults.drop_response()):
        arrived = len(stage.sandbox.requests)
        try:
            calls.book(client, session.exam_sid, session.session_sid, stage.day + timedelta(hours=14))
        except OutcomeUnknownError as error:
            lost = error
            screen.error(error)
    screen.gap()
    screen.fact("sent", f"{len(stage.sandbox.requests) - arrived} request: a booking is not retried", "green")
    screen.gap()
    screen.call(calls.look)
    found = calls.look(client, lost, before)
    screen.fact("verdict", found.verdict.value, "green")
    screen.fact("because", found.reason)
    screen.gap()
    if not stage.short:
        evidence(screen, found)
    ledger(stage)
    if not stage.short:
        screen.gap()
        screen.say(
            "The API does not show whether a card was charged: ask your payment provider. The verdict NOT_VISIBLE does "
            "not permit a retry either."
        )


def evidence(screen: Screen, found: CheckResult) -> None:
    """Show what a verdict is based on."""
    screen.table(
        [("field", False), ("requested", False), ("found", False)],
        [[item.field, str(item.requested), str(item.found)] for item in found.compared],
    )
    screen.gap()
    for inferred in found.inferred:
        screen.fact("inferred", inferred)
    screen.gap()


def onboarding(stage: Stage) -> None:
    """Get the URL that starts the exam."""
    screen, session = stage.screen, stage.booked
    screen.call(calls.onboard)
    onboarding_url = calls.onboard(stage.client, session.exam_sid, session.session_sid)
    screen.fact("shown", repr(onboarding_url))
    screen.fact(
        "in .url", f"{len(str(onboarding_url.url))} characters, for a single use; printed only if you ask for .url"
    )


def moving(stage: Stage) -> None:
    """Move the appointment to the next afternoon."""
    screen, session = stage.screen, stage.booked
    when = stage.day + timedelta(days=1, hours=14)
    screen.call(calls.move)
    response = calls.move(stage.client, session.exam_sid, session.session_sid, when)
    screen.fact("response", response, "green")
    moved = calls.read(stage.client, session.exam_sid, session.session_sid)
    screen.fact("moved to", f"{when:%Y-%m-%d %H:%M %Z}")
    screen.fact("read back", f"{appointment(moved):%Y-%m-%d %H:%M} UTC")


def cancelling(stage: Stage) -> None:
    """Cancel the other session."""
    screen, session = stage.screen, stage.other
    screen.call(calls.cancel)
    response = calls.cancel(stage.client, session.exam_sid, session.session_sid)
    screen.fact("response", response, "green")
    cancelled = calls.read(stage.client, session.exam_sid, session.session_sid)
    screen.fact("read back", str(cancelled.status), "yellow")


def renaming(stage: Stage) -> None:
    """Rename the course offering."""
    screen, session = stage.screen, stage.booked
    screen.call(calls.rename)
    offering = calls.rename(stage.client, session.offering_sid, "Fall 2025, online")
    screen.fact("title", str(offering.title), "green")
    screen.fact("matches", " | ".join(offering.match_strings or ()))


def report(stage: Stage) -> None:
    """Export the service distribution report to a file."""
    screen, path = stage.screen, stage.folder / "service-distribution.csv"
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    billable: Counter[str] = Counter()
    screen.call(calls.export)
    with screen.progress("rows") as progress:
        calls.export(stage.client, path, lambda done: progress(done.rows, done.total))
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            counts[row["serviceType"]][row["status"]] += 1
            billable[row["serviceType"]] += row["billable"] == "true"
    screen.fact("file", os.path.relpath(path))
    services = sorted(counts, key=lambda service: -counts[service].total())
    ordered = {service: counts[service] for service in services}
    distribution(screen, ordered, billable)
    if not stage.short:
        screen.gap()
        screen.bars(ordered, STATUSES)


def distribution(screen: Screen, counts: dict[str, Counter[str]], billable: Counter[str]) -> None:
    """Show the report by service type and status."""
    rows = [
        [service, *(f"{parts[status]:,}" for status in STATUSES), f"{parts.total():,}", f"{billable[service]:,}"]
        for service, parts in counts.items()
    ]
    sums = [sum(parts[status] for parts in counts.values()) for status in STATUSES]
    rows.append(["all", *(f"{number:,}" for number in (*sums, sum(sums), billable.total()))])
    headings = (*STATUSES, "total", "billable")
    screen.gap()
    screen.table([("service type", False), *((heading, True) for heading in headings)], rows, total=True)


def training(stage: Stage) -> None:
    """Fetch training results from iSpring Learn."""
    screen = stage.screen
    screen.call(calls.training)
    results = calls.training(stage.ispring, stage.sandbox.checklist_id)
    rows: list[list[str]] = []
    for result in results:
        begun, done = _moment(result.actual_start_date), _moment(result.completion_date)
        took = f"{(done - begun).seconds // 60} min" if begun and done else ""
        percent = f"{result.result:.0f} %" if isinstance(result.result, int | float) else ""
        rows.append([result.session_status, str(begun or ""), took, percent])
    screen.fact("checklist", str(results[0].checklist_title))
    screen.gap()
    screen.table([("status", False), ("started", False), ("took", True), ("result", True)], rows)
    screen.gap()
    screen.say(
        f"iSpring returns {results[0].actual_start_date!r} and documents neither the order of day and month nor the "
        "time zone: parse_ispring_time() takes both as arguments."
    )
    screen.gap()
    screen.call(calls.criteria)
    points: defaultdict[str, list[float]] = defaultdict(list)
    for each in calls.criteria(stage.ispring, stage.sandbox.checklist_id):
        if isinstance(each.points, int | float) and each.total_points:
            points[str(each.criterion_title)].append(100 * each.points / each.total_points)
    screen.table(
        [("criterion", False), ("sessions", True), ("average", True)],
        [[title, f"{len(given)}", f"{sum(given) / len(given):.0f} %"] for title, given in sorted(points.items())],
    )


def next_steps(stage: Stage) -> None:
    """Next steps."""
    stage.screen.code(NEXT_STEPS)
    stage.screen.gap()
    stage.screen.say("To try this without credentials, start the sandbox: .venv/bin/python -m invigilate.sandbox")


CHAPTERS: tuple[Callable[[Stage], None], ...] = (
    provisioning,
    assigning,
    booking,
    mistakes,
    lost_reply,
    onboarding,
    moving,
    cancelling,
    renaming,
    report,
    training,
    next_steps,
)
"""The chapters; the first line of a docstring is the heading."""

SHORT = (booking, lost_reply, report)
"""The chapters of `--short`: at most 60 lines."""


def set_stage(
    screen: Screen, sandbox: Sandbox, client: SmarterProctoring, ispring: ISpringLearn, folder: Path, *, short: bool
) -> Stage:
    """Choose two sessions that are not scheduled yet, and a Monday in two or three weeks."""
    booked, other, *_ = sandbox.open_sessions
    day = datetime.combine(datetime.now(UTC) + timedelta(days=14), time(), ZONE)
    day += timedelta(days=-day.weekday() % 7)
    return Stage(screen, sandbox, client, ispring, folder, booked, other, day, short)


def appointment(session: ExamSession) -> datetime:
    """Return the time of a session."""
    return parse_timestamp(str(session.appointment_date))


def ledger(stage: Stage) -> None:
    """Show the charges in the sandbox so far."""
    rows = [[charge.session_sid, f"{charge.amount:.2f} {charge.currency}"] for charge in stage.sandbox.ledger]
    stage.screen.table([("charges in the sandbox", False), ("amount", True)], rows)


def _title(value: object) -> str:
    """Return the title of a value that may be an object, a string, or missing."""
    return str(value.get("title", "")) if isinstance(value, dict) else str(value or "")


def _moment(text: object) -> datetime | None:
    return parse_ispring_time(text) if isinstance(text, str) else None
