"""What is said of a session that was read back: the whole table, and what may never be said."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invigilate.errors import APITimeoutError, InvalidArgumentError, OutcomeUnknownError, RateLimitError
from invigilate.verdicts import CheckResult, Compared, Verdict, judge, session_of, unreadable
from tests.support.fakes import EXAM, INSTALL, SESSION

SCHEDULE, RESCHEDULE, CANCEL = "scheduleExamSession", "rescheduleExamSession", "cancelExamSession"
BOOKINGS = (SCHEDULE, RESCHEDULE)
SIDS = {"install_sid": INSTALL, "exam_sid": EXAM, "session_sid": SESSION}
STATUSES: list[Any] = [
    "Needs Proctor", "Pending Approval", "Approval Denied", "Scheduled", "Incident", "Closed", "Processing",
    "Cancelled", None, "New word", "scheduled", "", 5, ["Scheduled"], {},
]  # fmt: skip

ASKED = "2026-03-04T15:30:00.000Z"
# The same instant in other words, others, and what is nearly it.
SAME = [ASKED, "2026-03-04T16:30:00+01:00", "2026-03-04T15:30:00Z"]
OTHER: list[Any] = ["2026-03-04T15:31:00.000Z", "2026-03-05T15:30:00.000Z"]
UNREADABLE: list[Any] = [None, "soon", 1772638200, {}, "2026-03-04"]
NEARLY = ["2026-03-04T15:30:59.999Z", "2026-03-04T15:29:30.000Z", "2026-03-04T15:30:00.001Z"]
VALUES = {"same": SAME, "other": [*OTHER, *UNREADABLE], "nearly": NEARLY}

SENT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SENT_BY = SENT.timestamp() + 2


def at(seconds: float) -> str:
    """A time of a server, so long after the call was sent."""
    return (SENT + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def session(status: Any, appointment: Any, **members: Any) -> dict[str, Any]:
    return {"sid": SESSION, "status": status, "appointmentDate": appointment, "editDate": at(1), **members}


def say(operation: str, now: dict[str, Any], **given: Any) -> tuple[Verdict, str, tuple[Compared, ...], Any]:
    """What is said, after checking what holds of everything that is said."""
    arguments = given.pop("arguments", {} if operation == CANCEL else {"appointment_date_time": ASKED})
    verdict, reason, compared, inferred = judge(operation, {**SIDS, **arguments}, now, **given)
    assert reason
    assert "\n" not in reason
    assert ("whether a card was charged cannot be read back" in reason) == (operation == SCHEDULE)
    assert bool(inferred) <= (verdict is not Verdict.UNDETERMINED)
    assert CheckResult(verdict, reason, None, compared, inferred).reason == reason
    return verdict, reason, compared, inferred


BEFORE: dict[str, dict[str, Any] | None] = {
    "none": None,
    "waiting": session("Needs Proctor", None),
    "waiting, with the values": session("Needs Proctor", ASKED),
    "same": session("Scheduled", SAME[1]),
    "other": session("Scheduled", OTHER[1]),
    "without the value": {"sid": SESSION, "status": "Scheduled"},
    "another session": {**session("Needs Proctor", None), "sid": "ES" + "9" * 32},
    "pending": session("Pending Approval", ASKED),
    "a new word": session("New word", None),
    "all null": dict.fromkeys(session("", ""), None),
}
DATES = {"none": None, "before": at(-30), "perhaps": at(1), "after": at(3), "long before": at(-3600)}


@pytest.mark.parametrize("operation", BOOKINGS)
@pytest.mark.parametrize("status", STATUSES, ids=repr)
@pytest.mark.parametrize("before", BEFORE)
def test_the_table_of_bookings(operation: str, status: Any, before: str) -> None:
    stood = BEFORE[before]
    for (kind, values), (date, scheduled), sent_by in itertools.product(VALUES.items(), DATES.items(), (None, SENT_BY)):
        sent_from = None if sent_by is None else SENT_BY - 62
        for value in values:
            now = session(status, value, dateScheduled=scheduled)
            if operation == RESCHEDULE:
                now["editDate"] = scheduled
            verdict, *_ = say(operation, now, before=stood, sent_by=sent_by, sent_from=sent_from)
            stale = sent_by is not None and date == "long before"
            new = {
                "waiting": True,
                "waiting, with the values": operation == SCHEDULE,
                "other": True,
                "same": False,
                "without the value": False,
            }.get(before)
            if new is None:
                new = operation == SCHEDULE and sent_by is not None and date == "after"
            where = (kind, value, date, sent_by, verdict)
            if kind == "same" and status == "Scheduled" and new and not stale:
                assert verdict is Verdict.APPLIED, where
            elif kind == "other" and (status == "Needs Proctor" or (status == "Scheduled" and operation == RESCHEDULE)):
                # With another value than before, something became of something.
                allowed = {Verdict.NOT_VISIBLE}
                if before in ("waiting", "waiting, with the values", "same", "other"):
                    allowed.add(Verdict.UNDETERMINED)
                assert verdict in allowed, where
            else:
                assert verdict is Verdict.UNDETERMINED, where


@pytest.mark.parametrize("status", STATUSES, ids=repr)
@pytest.mark.parametrize("was", [*STATUSES, ...], ids=repr)
def test_the_table_of_cancellations(status: Any, was: Any) -> None:
    before = None if was is ... else session(was, ASKED)
    # What was asked for when it was cancelled is compared with nothing.
    for arguments, sent_by in itertools.product(({}, {"type_": "vtc", "cancellation_memo": "x"}), (None, SENT_BY)):
        verdict, _, compared, inferred = say(
            CANCEL, session(status, ASKED), before=before, sent_by=sent_by, arguments=arguments
        )
        assert compared == ()
        if status == "Scheduled":
            assert verdict is Verdict.NOT_VISIBLE
        elif status == "Cancelled" and was == "Scheduled":
            assert verdict is Verdict.APPLIED
            assert inferred == ("the status of a cancelled session is Cancelled",)
        else:
            assert verdict is Verdict.UNDETERMINED


def test_a_session_that_was_cancelled_long_before_proves_nothing() -> None:
    now = session("Cancelled", ASKED, editDate=at(-3600))
    stood = session("Scheduled", ASKED)
    assert say(CANCEL, now, before=stood, sent_from=SENT_BY - 62)[0] is Verdict.UNDETERMINED
    assert say(CANCEL, now, before=stood)[0] is Verdict.APPLIED


def test_nothing_to_compare() -> None:
    for operation in BOOKINGS:
        for arguments in ({}, {"amount": 5, "currency": "USD"}, {"notes": None}):
            for status in STATUSES:
                verdict, _, compared, _ = say(
                    operation, session(status, None), arguments=arguments, before=BEFORE["waiting"]
                )
                assert (verdict, compared) == (Verdict.UNDETERMINED, ())


ALL: dict[str, tuple[str, Any]] = {
    "appointment_date_time": ("appointmentDate", ASKED),
    "appointment_end_date_time": ("appointmentEndDate", "2026-03-04T17:30:00.000Z"),
    "type_": ("sessionType", "vtc"),
    "notes": ("notes", "Window seat"),
    "instructor_proctor_sid": ("instructorProctorSid", "PR" + "1" * 32),
    "external_appointment_id": ("externalAppointmentId", "x-1"),
    "cancellation_policy_version_sid": ("cancellationPolicyVersionSid", "CV" + "1" * 32),
    "exam_locale": ("examLocale", "en"),
}


@pytest.mark.parametrize("missing", ALL)
@pytest.mark.parametrize("operation", BOOKINGS)
def test_all_requested_values_must_stand_there(operation: str, missing: str) -> None:
    arguments = {name: value for name, (_, value) in ALL.items()}
    members = dict(ALL.values())
    stood = session("Needs Proctor", None)
    now = {**session("Scheduled", None), **members}
    verdict, _, compared, inferred = say(operation, now, arguments=arguments, before=stood)
    assert verdict is Verdict.APPLIED
    assert [item.field for item in compared] == list(members)
    assert all(item.matches and item.requested == item.found for item in compared)
    assert {text.split()[0] for text in inferred} == {"appointmentDate", "appointmentEndDate", "sessionType"}
    field = ALL[missing][0]
    for value in (None, "else", 7):
        verdict, reason, compared, _ = say(operation, {**now, field: value}, arguments=arguments, before=stood)
        assert verdict is Verdict.UNDETERMINED
        assert field in reason
        assert [item.field for item in compared if not item.matches] == [field]


@pytest.mark.parametrize("found", ["window seat", " Window seat\n", "Window  Seat"])
def test_a_text_that_was_tidied_is_not_taken_for_another(found: str) -> None:
    now = session("Scheduled", OTHER[0], notes=found)
    assert say(RESCHEDULE, now, arguments={"notes": "Window seat"})[0] is Verdict.UNDETERMINED
    assert say(RESCHEDULE, {**now, "notes": "Aisle"}, arguments={"notes": "Window seat"})[0] is Verdict.NOT_VISIBLE


def test_a_row_of_a_list_says_nothing_of_what_it_does_not_show() -> None:
    # Rows have no notes. That they are not in it does not mean that there were none.
    row = {"sid": SESSION, "status": "Scheduled", "sessionType": "vtc", "appointmentDate": ASKED}
    arguments = {"notes": "Window seat", "appointment_date_time": ASKED}
    now = session("Scheduled", ASKED, notes="Window seat")
    assert say(RESCHEDULE, now, arguments=arguments, before=row)[0] is Verdict.UNDETERMINED
    assert say(RESCHEDULE, now, arguments=arguments, before={**row, "notes": None})[0] is Verdict.APPLIED


def test_part_of_it_is_not_nothing() -> None:
    arguments = {"notes": "Window seat", "appointment_date_time": ASKED}
    now = session("Scheduled", ASKED, notes=None)
    assert say(RESCHEDULE, now, arguments=arguments)[0] is Verdict.UNDETERMINED
    stood = session("Scheduled", ASKED, notes=None)
    assert say(RESCHEDULE, now, arguments=arguments, before=stood)[0] is Verdict.NOT_VISIBLE
    stood = session("Scheduled", OTHER[0], notes=None)
    assert say(RESCHEDULE, now, arguments=arguments, before=stood)[0] is Verdict.UNDETERMINED


def test_neither_the_value_asked_for_nor_that_of_before() -> None:
    now, stood = session("Scheduled", OTHER[0]), session("Scheduled", OTHER[1])
    assert say(RESCHEDULE, now, before=stood)[0] is Verdict.UNDETERMINED


def test_a_date_that_may_be_of_something_else_is_no_evidence() -> None:
    now = session("Scheduled", ASKED, dateScheduled=at(5))
    assert say(SCHEDULE, now, sent_by=SENT_BY)[0] is Verdict.APPLIED
    assert "dateScheduled is when the booking was made" in say(SCHEDULE, now, sent_by=SENT_BY)[3]
    for odd in ({"dateScheduled": ASKED}, {"dateApproved": at(5)}, {"dateScheduled": 5}, {"dateScheduled": "soon"}):
        assert say(SCHEDULE, {**now, **odd}, sent_by=SENT_BY)[0] is Verdict.UNDETERMINED
    # editDate is set by anything.
    assert say(RESCHEDULE, {**now, "editDate": at(5)}, sent_by=SENT_BY)[0] is Verdict.UNDETERMINED


def test_no_status_of_a_server_makes_a_reason_long() -> None:
    for status in ("x" * 5000, "a\nb", ["x" * 5000]):
        for operation in (*BOOKINGS, CANCEL):
            assert len(say(operation, session(status, None))[1]) < 250


# What may never be said.

MOMENTS = st.sampled_from([*SAME, *OTHER, *NEARLY, *UNREADABLE])
STATES = st.sampled_from(["Needs Proctor", "Scheduled", "Pending Approval", "Cancelled", "Closed", None, "New word"])
DAYS = st.none() | st.sampled_from([at(seconds) for seconds in (-7200, -70, -1, 1, 2, 3, 60)]) | st.text(max_size=3)
TEXTS = st.sampled_from(["Window seat", "window seat", "Aisle", None])
MEMBERS: dict[str, st.SearchStrategy[Any]] = {
    "sid": st.sampled_from([SESSION, SESSION, SESSION, None, "ES" + "9" * 32]),
    "status": STATES,
    "appointmentDate": MOMENTS,
    "dateScheduled": DAYS,
    "dateApproved": st.none() | DAYS,
    "editDate": DAYS,
    "notes": TEXTS,
    "sessionType": st.sampled_from(["vtc", "automated", None]),
}
SESSIONS = st.fixed_dictionaries({}, optional=MEMBERS)
ARGUMENTS = st.fixed_dictionaries(
    {}, optional={"appointment_date_time": st.just(ASKED), "notes": st.just("Window seat"), "type_": st.just("vtc")}
)
SECONDS = st.none() | st.sampled_from([SENT_BY - 4, SENT_BY, SENT_BY + 3600])


@given(
    operation=st.sampled_from([*BOOKINGS, CANCEL]),
    arguments=ARGUMENTS,
    now=SESSIONS,
    before=st.none() | SESSIONS,
    sent_by=SECONDS,
)
def test_applied_needs_all_values_and_evidence_that_they_are_new(
    operation: str, arguments: Any, now: Any, before: Any, sent_by: float | None
) -> None:
    sent_from = None if sent_by is None else sent_by - 62
    verdict, _, compared, inferred = say(
        operation, now, arguments=arguments, before=before, sent_by=sent_by, sent_from=sent_from
    )
    asked = {} if operation == CANCEL else arguments
    assert len(compared) == len(asked)
    if verdict is Verdict.UNDETERMINED:
        return
    # Whatever it rests on and is not documented is named.
    named = {"appointment_date_time": "appointmentDate", "type_": "sessionType"}
    for argument, field in named.items():
        if argument in asked:
            assert any(text.startswith(field) for text in inferred)
    if verdict is Verdict.NOT_VISIBLE:
        assert now["status"] in ("Scheduled", "Needs Proctor")
        assert operation == CANCEL or any(not item.matches for item in compared)
        return
    if operation == CANCEL:
        assert before is not None
        assert (before["status"], now["status"]) == ("Scheduled", "Cancelled")
        return
    assert compared
    assert all(item.matches for item in compared)
    assert now["status"] == "Scheduled"
    same_before = before is not None and all(
        item.field not in before
        or before[item.field] in ([item.found, *SAME] if "Date" in item.field else [item.found])
        for item in compared
    )
    usable = (
        before is not None
        and before.get("status") in ("Scheduled", "Needs Proctor")
        and before.get("sid", SESSION) == SESSION
    )
    if usable:
        assert not same_before or (operation == SCHEDULE and before["status"] == "Needs Proctor")
    else:
        assert operation == SCHEDULE
        assert sent_by is not None
        assert datetime.fromisoformat(now["dateScheduled"]).timestamp() > sent_by


@given(operation=st.sampled_from([*BOOKINGS, CANCEL]), arguments=ARGUMENTS, now=SESSIONS, sent_by=SECONDS)
def test_what_stood_so_before_is_never_applied(operation: str, arguments: Any, now: Any, sent_by: float | None) -> None:
    now = {**now, "status": now.get("status", "Scheduled"), "sid": SESSION}
    # A session that waited for its booking cannot be booked now and stand as before, so these are the same.
    verdict, *_ = say(operation, now, arguments=arguments, before=now, sent_by=sent_by)
    known = now["status"] in ("Scheduled", "Needs Proctor")
    assert verdict is not Verdict.APPLIED or (not known and sent_by is not None)
    assert verdict is not Verdict.APPLIED or now["status"] == "Scheduled"


# Which errors it is about.


def unknown(operation: str | None, arguments: dict[str, Any]) -> OutcomeUnknownError:
    error = OutcomeUnknownError("unknown", method="POST", path="/v1/x", operation=operation)
    error.arguments = arguments
    return error


def test_which_session_an_error_is_about() -> None:
    for operation in (*BOOKINGS, CANCEL):
        assert session_of(unknown(operation, {**SIDS, "notes": "x"})) == SIDS


@pytest.mark.parametrize(
    "error",
    [
        unknown("provision", SIDS),
        unknown(None, SIDS),
        unknown(SCHEDULE, {}),
        unknown(SCHEDULE, {"exam_sid": EXAM, "session_sid": SESSION}),
        RateLimitError("429", operation=SCHEDULE),
        APITimeoutError("timed out", operation=SCHEDULE),
        ValueError("x"),
        None,
        "error",
    ],
    ids=repr,
)
def test_other_errors_are_refused(error: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="OutcomeUnknownError of schedule, reschedule or cancel"):
        session_of(error)


def test_what_cannot_be_read() -> None:
    found = unreadable(APITimeoutError("timed out", method="GET", path="/v1/x"))
    assert found.verdict is Verdict.UNDETERMINED
    assert "GET /v1/x: timed out" in found.reason
    assert "whether a card was charged" in found.reason
    assert (found.session, found.compared, found.inferred) == (None, (), ())
    assert repr(found) == f"<CheckResult UNDETERMINED: {found.reason}>"


def test_the_documentation_says_that_no_verdict_is_a_permission() -> None:
    import inspect

    from invigilate import SmarterProctoring, verdicts

    assert "never a permission to send the call again" in inspect.cleandoc(verdicts.__doc__ or "").replace("\n", " ")
    source = " ".join(inspect.getsource(Verdict).split())
    assert "It is no permission to send the call again" in source
    assert "may still be applied later" in source
    check = " ".join((SmarterProctoring("t", "i").exam_sessions.check.__doc__ or "").split())
    assert "No verdict is a permission to send the call again" in check
    assert "whether a card was charged cannot be read back" in check
