"""Servers that the documentation leaves room for: what they show, and when."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from invigilate import ISpringLearn, SmarterProctoring
from invigilate.sandbox import BEHAVIOURS, Behaviour, KnownSession, Sandbox, faults
from invigilate.sandbox.behaviours import behaviour_of
from invigilate.sandbox.smarterproctoring.installs import Install
from tests.support.caller import Caller

EARLY = {"appointmentDateTime": "2026-10-01T08:00:29.500Z", "type": "vtc"}
LATE = {"appointmentDateTime": "2026-10-02T08:00:30.000Z"}
PAID = {**EARLY, "amount": 10, "cardToken": "tok"}


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = datetime(2026, 9, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@contextmanager
def server(behaviour: Behaviour | str, clock: Clock | None = None) -> Iterator[Caller]:
    with Sandbox(report_rows=10, behaviour=behaviour, clock=clock or Clock()) as sandbox:
        caller = Caller(sandbox)
        yield caller
        caller.close()
        assert sandbox.defects == []


def row_of(call: Caller, session: KnownSession) -> dict[str, Any] | None:
    """The session in the report; asking for it is one read."""
    rows = call.report(("limit", "1000")).json["results"]
    return next((row for row in rows if row["sid"] == session.session_sid), None)


def date_of(call: Caller, session: KnownSession) -> str | None:
    row = row_of(call, session)
    return None if row is None else row["appointmentDate"]


def test_default() -> None:
    with server("default") as call:
        session = call.sandbox.open_sessions[0]
        assert call.schedule(session, EARLY).json["status"] == "Scheduled"
        assert date_of(call, session) == EARLY["appointmentDateTime"]
        assert call.schedule(session, LATE, "PUT").status == 200
        assert date_of(call, session) == LATE["appointmentDateTime"]


def test_late_by_reads() -> None:
    with server("late_by_reads") as call:
        session = call.sandbox.open_sessions[0]
        assert call.schedule(session, PAID).json["status"] == "Scheduled"
        # Only reading is behind: the session is booked, and cannot be booked again.
        assert session not in call.sandbox.open_sessions
        assert call.schedule(session, PAID).status == 409
        assert len(call.sandbox.ledger) == 1
        assert [date_of(call, session) for _ in range(3)] == [None, None, EARLY["appointmentDateTime"]]
        assert call.schedule(session, LATE, "PUT").status == 200
        assert [date_of(call, session) for _ in range(3)] == [
            EARLY["appointmentDateTime"],
            EARLY["appointmentDateTime"],
            LATE["appointmentDateTime"],
        ]
        assert call.report().json["total"] == 11


def test_a_second_change_before_the_first_is_seen() -> None:
    with server("late_by_reads") as call:
        session = call.sandbox.open_sessions[0]
        assert call.schedule(session, EARLY).status == 200
        assert call.schedule(session, LATE, "PUT").status == 200
        assert [date_of(call, session) for _ in range(3)] == [None, None, LATE["appointmentDateTime"]]


def test_late_by_time() -> None:
    clock = Clock()
    with server(Behaviour(visible_after=5), clock) as call:
        session = call.sandbox.open_sessions[0]
        assert call.schedule(session, EARLY).status == 200
        clock.advance(4.9)
        assert [date_of(call, session) for _ in range(3)] == [None] * 3
        clock.advance(0.1)
        assert date_of(call, session) == EARLY["appointmentDateTime"]


def test_approval_later() -> None:
    with server("approval_later") as call:
        session = call.sandbox.open_sessions[0]
        details = call.schedule(session, PAID).json
        assert (details["status"], details["dateApproved"]) == ("Pending Approval", None)
        assert call.schedule(session, PAID).status == 409
        assert call.schedule(session, LATE, "PUT").status == 409
        # The report knows no such status.
        assert [row_of(call, session) is not None for _ in range(3)] == [False, False, True]
        assert row_of(call, session) is not None
        assert call.schedule(session, LATE, "PUT").status == 200
        assert len(call.sandbox.ledger) == 1


def test_approval_never() -> None:
    with server("approval_never") as call:
        session = call.sandbox.open_sessions[0]
        assert call.schedule(session, PAID).json["status"] == "Pending Approval"
        assert [row_of(call, session) for _ in range(5)] == [None] * 5
        assert call.report().json["total"] == 10


def test_approved_late_and_seen_late() -> None:
    with server("approval_later+late_by_reads") as call:
        session = call.sandbox.open_sessions[0]
        assert call.schedule(session, EARLY).json["status"] == "Pending Approval"
        assert [row_of(call, session) is not None for _ in range(5)] == [False] * 4 + [True]


def test_scheduled_before() -> None:
    with server(Behaviour(scheduled_before=1.0)) as call:
        session, other = call.sandbox.open_sessions[:2]
        # It stood so before the request, and stands so though nothing came of that.
        call.sandbox.faults.add("scheduleExamSession", faults.reset_after_reading(times=1))
        with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
            call.schedule(session, PAID)
        assert date_of(call, session) == EARLY["appointmentDateTime"]
        assert call.schedule(session, PAID).status == 409
        assert call.schedule(other, {**PAID, "type": "wrong"}).status == 400
        assert row_of(call, other) is None
        assert call.sandbox.ledger == []
        call.sandbox.faults.add("rescheduleExamSession", faults.html_502(times=1))
        assert call.schedule(session, LATE, "PUT").status == 502
        assert date_of(call, session) == LATE["appointmentDateTime"]


def test_the_seed_decides_which_were_scheduled_before() -> None:
    def look(seed: int) -> list[int]:
        with Sandbox(seed=seed, report_rows=0, behaviour="scheduled_before") as sandbox:
            call = Caller(sandbox)
            found = [call.schedule(session, EARLY).status for session in sandbox.open_sessions[:40]]
            call.close()
            return found

    assert look(1) == look(1) != look(2)
    assert 10 < look(1).count(409) < 30


def test_one_session_scheduled_before() -> None:
    with server("default") as call:
        session, other = call.sandbox.open_sessions[:2]
        call.sandbox.schedule_before(session, EARLY)
        assert date_of(call, session) == EARLY["appointmentDateTime"]
        assert session not in call.sandbox.open_sessions
        with pytest.raises(ValueError, match="Scheduled"):
            call.sandbox.schedule_before(session, EARLY)
        assert call.schedule(other, EARLY).status == 200


def test_rounded_times() -> None:
    with server("rounded_times") as call:
        session = call.sandbox.open_sessions[0]
        assert call.schedule(session, EARLY).json["appointmentDate"] == "2026-10-01T08:00:00.000Z"
        assert call.schedule(session, LATE, "PUT").status == 200
        assert date_of(call, session) == "2026-10-02T08:01:00.000Z"
        last = {"appointmentDateTime": "9999-12-31T23:59:59.000Z"}
        assert call.schedule(call.sandbox.open_sessions[0], last).status == 400


def install(behaviour: Behaviour, clock: Clock) -> Install:
    return Install(7, "main", report_rows=3, open_sessions=3, clock=clock, behaviour=behaviour)


def test_touched_edit_dates() -> None:
    clock = Clock()
    place = install(BEHAVIOURS["touched_edit_date"][0], clock)
    first = place.open_sessions[0]
    for _ in range(2):
        clock.advance(60)
        assert place.read(first.exam.sid, first.sid).details()["editDate"] == f"{clock.now:%Y-%m-%dT%H:%M:%S}.000Z"


def test_a_session_that_leaves_the_report() -> None:
    # As cancelling does when it returns a session to Needs Proctor.
    with server("canceled_to_needs_proctor") as call:
        first, second = call.sandbox.open_sessions[:2]
        for session in (first, second):
            assert call.schedule(session, EARLY).status == 200
        place = call.sandbox._proctoring.install
        assert place.behaviour.cancelled_to == "Needs Proctor"
        with place.lock:
            returned = place.to_change(first.exam_sid, first.session_sid)
            returned.status = place.behaviour.cancelled_to
            place.changed(returned)
        assert row_of(call, first) is None
        assert row_of(call, second) is not None
        assert call.report().json["total"] == 11
        assert first in call.sandbox.open_sessions
        assert call.schedule(first, LATE).status == 200
        assert date_of(call, first) == LATE["appointmentDateTime"]
        assert call.report().json["total"] == 12


def test_names() -> None:
    assert behaviour_of("late_by_reads+rounded_times") == Behaviour(visible_after_reads=2, rounds_times=True)
    assert behaviour_of("contrary:report-total+contrary:list-order").contrary == {"report-total", "list-order"}
    for wrong in ("late:report-total", "contrary:report-rows", "contrary:nothing", "contrary:"):
        with pytest.raises(ValueError):
            Sandbox(behaviour=wrong)
    with pytest.raises(ValueError, match="late_by_reads"):
        Sandbox(behaviour="late")


def test_real_time() -> None:
    with Sandbox(report_rows=0, behaviour="late_by_time") as sandbox:
        call = Caller(sandbox)
        session = sandbox.open_sessions[0]
        assert call.schedule(session, EARLY).status == 200
        assert row_of(call, session) is None
        time.sleep(0.25)
        assert row_of(call, session) is not None
        call.close()


@pytest.mark.parametrize(
    ("header", "status"),
    [("X-Trace", 400), ("Idempotency-Key", 400), ("If-None-Match", 200), ("traceparent", 200), ("Accept", 200)],
)
def test_undocumented_headers_are_refused(header: str, status: int) -> None:
    with server("documented_headers") as call:
        headers = {"token": call.sandbox.token, header: "secret"}
        reply = call.send("GET", f"/v1/installs/{call.sandbox.install_sid}/settings", None, headers)
        assert reply.status == status
        assert b"secret" not in reply.body
        if status == 400:
            assert reply.json["message"] == f"the header {header} is not documented."
            assert "undocumented-input" in reply.headers["X-Sandbox-Inferred"]
    with server("default") as call:
        headers = {"token": call.sandbox.token, header: "secret"}
        assert call.send("GET", f"/v1/installs/{call.sandbox.install_sid}/settings", None, headers).status == 200


def test_the_clients_send_documented_headers_only() -> None:
    with Sandbox(behaviour="documented_headers") as sandbox:
        with SmarterProctoring(sandbox.token, sandbox.install_sid, base_url=sandbox.smarterproctoring_url) as client:
            session = client.exam_sessions.schedule(
                exam_sid=sandbox.exam_sid,
                session_sid=sandbox.session_sid,
                appointment_date_time="2026-10-01T08:00:00.000Z",
            )
            assert session.status == "Scheduled"
        with ISpringLearn(
            client_id=sandbox.client_id,
            client_secret=sandbox.client_secret,
            base_url=sandbox.ispring_url,
            account_url=sandbox.account_url,
        ) as learn:
            assert learn.users.list().collect()
