"""What is said of a session that was read back: the whole table, and what may never be said."""

from __future__ import annotations

import itertools
import types
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invigilate import parse_timestamp
from invigilate.errors import (
    APITimeoutError,
    InvalidArgumentError,
    InvalidTimestampError,
    OutcomeUnknownError,
    RateLimitError,
)
from invigilate.smarterproctoring.verdicts import (
    CheckResult,
    Compared,
    Verdict,
    check,
    judge,
    other_session,
    session_of,
    unreadable,
)
from smarterproctoring_client.models import ExamSession
from tests.support.fakes import EXAM, INSTALL, SESSION, Reply, Script, proctoring

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
OTHER: list[Any] = ["2026-03-03T15:30:00.000Z", "2026-03-05T15:30:00.000Z", None]
UNREADABLE: list[Any] = ["soon", 1772638200, {}, "2026-03-04", "2026-03-04T15:30:00", ""]
NEARLY = ["2026-03-04T15:30:00.001Z", "2026-03-04T15:29:30.000Z", "2026-03-04T00:00:00Z", "2026-03-05T15:29:59Z"]
VALUES = {"same": SAME, "other": OTHER, "nearly": [*NEARLY, *UNREADABLE]}

SENT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SENT_FROM = SENT.timestamp() - 60


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
    "in another form": session("Scheduled", "2026-03-04 15:30"),
    "without the value": {"sid": SESSION, "status": "Scheduled"},
    "another session": {**session("Needs Proctor", None), "sid": "ES" + "9" * 32},
    "of no session": {**session("Needs Proctor", None), "sid": None},
    "another exam": {**session("Needs Proctor", None), "examSid": "EX" + "9" * 32},
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
    for (kind, values), (date, scheduled), sent_from in itertools.product(
        VALUES.items(), DATES.items(), (None, SENT_FROM)
    ):
        for value in values:
            now = session(status, value, dateScheduled=scheduled)
            if operation == RESCHEDULE:
                now["editDate"] = scheduled
            verdict, *_ = say(operation, now, before=stood, sent_from=sent_from)
            stale = sent_from is not None and date == "long before"
            new = {
                "waiting": True,
                "waiting, with the values": operation == SCHEDULE,
                "other": True,
            }.get(before, False)
            where = (kind, value, date, sent_from, verdict)
            if kind == "same" and status == "Scheduled" and new and not stale:
                assert verdict is Verdict.APPLIED, where
            elif kind == "other" and (status == "Needs Proctor" or (status == "Scheduled" and operation == RESCHEDULE)):
                # With another value than before, something became of something.
                allowed = {Verdict.NOT_VISIBLE}
                if before in ("waiting", "waiting, with the values", "same", "other", "in another form"):
                    allowed.add(Verdict.UNDETERMINED)
                assert verdict in allowed, where
            else:
                assert verdict is Verdict.UNDETERMINED, where


@pytest.mark.parametrize("status", STATUSES, ids=repr)
@pytest.mark.parametrize("was", [*STATUSES, ...], ids=repr)
def test_the_table_of_cancellations(status: Any, was: Any) -> None:
    before = None if was is ... else session(was, ASKED)
    # What was asked for when it was cancelled is compared with nothing.
    for arguments in ({}, {"type_": "vtc", "cancellation_memo": "x"}):
        verdict, _, compared, inferred = say(CANCEL, session(status, ASKED), before=before, arguments=arguments)
        assert compared == ()
        if status == "Scheduled":
            assert verdict is Verdict.NOT_VISIBLE
        elif status == "Cancelled" and was == "Scheduled":
            assert verdict is Verdict.APPLIED
            assert inferred == ("the status of a canceled session is Cancelled",)
        else:
            assert verdict is Verdict.UNDETERMINED


def test_a_session_that_was_cancelled_long_before_proves_nothing() -> None:
    now = session("Cancelled", ASKED, editDate=at(-3600))
    stood = session("Scheduled", ASKED)
    assert say(CANCEL, now, before=stood, sent_from=SENT_FROM)[0] is Verdict.UNDETERMINED
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


IS, WITH = "the session is", "the session shows the requested values, and"
NO_CARD = "; whether a card was charged cannot be read back"


@pytest.mark.parametrize(
    ("now", "before", "verdict", "reason"),
    [
        (session("Scheduled", ASKED), OTHER[0], "APPLIED", f"{WITH} did not before"),
        (session("Scheduled", ASKED), ASKED, "UNDETERMINED", f"{WITH} it did before, too"),
        (session("Scheduled", ASKED), ..., "UNDETERMINED", f"{WITH} nothing shows that they are new"),
        (
            session("Scheduled", ASKED, editDate=at(-61)),
            OTHER[0],
            "UNDETERMINED",
            "the session shows the requested values since before the request was sent",
        ),
        (session("Closed", ASKED), OTHER[0], "UNDETERMINED", f"{WITH} {IS} 'Closed'"),
        (
            session("Scheduled", "soon"),
            ...,
            "UNDETERMINED",
            f"{IS} 'Scheduled', with a value that may be the requested appointmentDate",
        ),
        (
            session("Closed", OTHER[0]),
            ...,
            "UNDETERMINED",
            f"{IS} 'Closed', with another appointmentDate than requested",
        ),
        (
            session("Scheduled", OTHER[0]),
            ...,
            "NOT_VISIBLE",
            f"{IS} 'Scheduled', without the requested appointmentDate",
        ),
        (session("Scheduled", None), None, "NOT_VISIBLE", f"{IS} 'Scheduled', without the requested appointmentDate"),
        (
            {"sid": 5},
            ...,
            "UNDETERMINED",
            "the response does not name its session: it has no `sid`",
        ),
        (
            session("Scheduled", ASKED, examSid="EX"),
            ...,
            "UNDETERMINED",
            "the response is of another session than requested: it has another `examSid`",
        ),
    ],
)
def test_the_reasons(now: dict[str, Any], before: Any, verdict: str, reason: str) -> None:
    stood = None if before is ... else session("Scheduled", before)
    found = say(RESCHEDULE, now, before=stood, sent_from=SENT_FROM)
    assert (found[0].value, found[1]) == (verdict, reason)
    # A booking says the same, but that a session which is booked cannot wait for it.
    if verdict != "NOT_VISIBLE":
        now = {**now, "dateScheduled": now.get("editDate"), "editDate": None}
        assert say(SCHEDULE, now, before=stood, sent_from=SENT_FROM)[1] == reason + NO_CARD


def test_the_reasons_of_several_values_and_of_none() -> None:
    arguments = {"appointment_start_date_time": ASKED, "appointment_end_date_time": ASKED, "type_": "vtc"}
    for shown, text in (("soon", "with a value that may be the requested"), (OTHER[0], "without the requested")):
        now = session("Scheduled", shown, appointmentEndDate=shown, sessionType="vtc ")
        now["sessionType"] = "vtc" if shown == "soon" else "ad-hoc"
        names = "appointmentDate, appointmentEndDate" + (", sessionType" if shown != "soon" else "")
        assert say(RESCHEDULE, now, arguments=arguments)[1] == f"{IS} 'Scheduled', {text} {names}"
    assert say(RESCHEDULE, session("x", None), arguments={})[1] == "the request has no value that a session shows"
    found = say(RESCHEDULE, session("Scheduled", ASKED, appointmentEndDate=ASKED, sessionType="vtc"),
                arguments=arguments, before=session("Needs Proctor", None))  # fmt: skip
    assert found[0] is Verdict.APPLIED
    assert found[3] == (
        "appointmentDate shows the requested time",
        "appointmentEndDate shows the requested end",
        "sessionType shows the requested type",
    )


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("Scheduled", "the session is still 'Scheduled'"),
        ("Cancelled", "the session is 'Cancelled', and was 'Scheduled' before"),
        ("Closed", "the session is 'Closed', and no page says what canceling leads to"),
        ("x" * 90, f"the session is '{'x' * 59}, and no page says what canceling leads to"),
    ],
)
def test_the_reasons_of_cancellations(status: str, reason: str) -> None:
    assert say(CANCEL, session(status, None), before=session("Scheduled", None))[1] == reason
    shown = f"the session is '{'y' * 59}, with another appointmentDate than requested"
    assert say(RESCHEDULE, session("y" * 90, None))[1] == shown


@pytest.mark.parametrize(("seconds", "moved"), [(59.999, False), (60.0, True), (60.5, True), (-60.0, True)])
def test_clocks_that_differ_by_a_minute_move_nothing(seconds: float, moved: bool) -> None:
    before = (datetime(2026, 3, 4, 15, 30, tzinfo=UTC) + timedelta(seconds=seconds)).isoformat()
    verdict, *_ = say(RESCHEDULE, session("Scheduled", ASKED), before=session("Scheduled", before))
    assert verdict is (Verdict.APPLIED if moved else Verdict.UNDETERMINED)
    # A change at the very moment is not older than the request.
    now = session("Scheduled", ASKED, editDate=datetime.fromtimestamp(SENT_FROM, UTC).isoformat())
    verdict, *_ = say(RESCHEDULE, now, before=session("Scheduled", before), sent_from=SENT_FROM)
    assert verdict is (Verdict.APPLIED if moved else Verdict.UNDETERMINED)


@pytest.mark.parametrize("found", ["window seat", " Window seat\n", "Window  Seat"])
def test_a_string_that_was_tidied_is_not_taken_for_another(found: str) -> None:
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
    assert say(RESCHEDULE, now, before=now)[0] is Verdict.NOT_VISIBLE


# Point 9: without `before`, no date is evidence.


@pytest.mark.parametrize("ahead", [0, 2, 3, 59, 61, 3600, 86_400])
def test_without_before_a_booking_of_somebody_else_is_never_applied(ahead: float) -> None:
    # The clock that dates bookings, and the one of `Date`, may be those of different machines.
    for dates in ({"dateScheduled": at(ahead)}, {"dateScheduled": at(ahead), "editDate": at(ahead)}):
        for sent_from in (None, SENT_FROM):
            assert say(SCHEDULE, session("Scheduled", ASKED, **dates), sent_from=sent_from)[0] is Verdict.UNDETERMINED


INSTANT = datetime(2026, 3, 4, 15, 37, 41, 500_000, tzinfo=UTC)
ZONES = st.integers(-14 * 4, 14 * 4).map(lambda quarters: timezone(timedelta(minutes=15 * quarters)))
FORMS: dict[str, Callable[[datetime], Any]] = {
    "as it is": lambda moment: moment.isoformat(),
    "in UTC": lambda moment: moment.astimezone(UTC).isoformat().replace("+00:00", "Z"),
    "without an offset": lambda moment: moment.replace(tzinfo=None).isoformat(),
    "with a space": lambda moment: moment.strftime("%Y-%m-%d %H:%M:%S"),
    "without seconds": lambda moment: moment.strftime("%Y-%m-%dT%H:%MZ"),
    "compact": lambda moment: moment.strftime("%Y%m%dT%H%M%S%z"),
    "date only": lambda moment: moment.strftime("%Y-%m-%d"),
    "in words": lambda moment: moment.strftime("%d %B %Y, %I:%M %p"),
    "American": lambda moment: moment.strftime("%m/%d/%Y %I:%M %p"),
    "of HTTP": lambda moment: format_datetime(moment.astimezone(UTC), usegmt=True),
    "in seconds": lambda moment: int(moment.timestamp()),
    "in fractions of seconds": lambda moment: moment.timestamp(),
    "in milliseconds": lambda moment: int(moment.timestamp() * 1000),
    "in seconds, as a string": lambda moment: str(int(moment.timestamp())),
    "in parts": lambda moment: list(moment.timetuple()[:6]),
    "as an object": lambda moment: {"date": moment.isoformat(), "timezone": "UTC"},
}
ROUNDED = [timedelta(milliseconds=1), *(timedelta(minutes=minutes) for minutes in (1, 5, 15, 30, 60, 24 * 60))]


@given(
    operation=st.sampled_from(BOOKINGS),
    # To the minute, to the hour, at midnight, and none of these.
    requested=st.sampled_from([INSTANT, INSTANT.replace(second=0, microsecond=0), INSTANT.replace(hour=0)]),
    zone=ZONES,
    form=st.sampled_from(sorted(FORMS)),
    unit=st.sampled_from(ROUNDED),
    up=st.booleans(),
    status=st.sampled_from(["Scheduled", "Needs Proctor"]),
    before=st.sampled_from([None, "Needs Proctor", "Scheduled"]),
)
def test_no_way_to_write_the_requested_time_makes_it_invisible(
    operation: str,
    requested: datetime,
    zone: timezone,
    form: str,
    unit: timedelta,
    up: bool,
    status: str,
    before: str | None,
) -> None:
    local = requested.astimezone(zone)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    shown = midnight + (local - midnight) // unit * unit
    if up and shown != local:
        shown += unit
    now = session(status, FORMS[form](shown))
    stood = before and session(before, OTHER[0] if before == "Scheduled" else None)
    arguments = {"appointment_date_time": requested.isoformat().replace("+00:00", "Z")}
    verdict, _, (compared,), _ = say(operation, now, arguments=arguments, before=stood)
    assert verdict is not Verdict.NOT_VISIBLE, (now, compared)
    assert verdict is Verdict.UNDETERMINED or compared.matches
    # Nor is the same time, as another call showed it, a move to where it stands now.
    stands = session("Scheduled", arguments["appointment_date_time"])
    if _unreadable(now["appointmentDate"]):
        verdict, *_ = say(RESCHEDULE, stands, arguments=arguments, before={**now, "status": "Scheduled"})
        assert verdict is Verdict.UNDETERMINED


def _unreadable(value: Any) -> bool:
    try:
        parse_timestamp(value)
    except InvalidTimestampError:
        return True
    return False


# Point 3: which session it is.


@pytest.mark.parametrize("operation", [*BOOKINGS, CANCEL])
@pytest.mark.parametrize("sid", [None, ..., 5, [SESSION], {"sid": SESSION}, ""], ids=repr)
def test_a_session_without_a_sid_proves_nothing(operation: str, sid: Any) -> None:
    for status in ("Scheduled", "Needs Proctor", "Cancelled"):
        now = {**session(status, ASKED), "sid": sid}
        if sid is ...:
            del now["sid"]
        for before in (None, session("Needs Proctor", None), session("Scheduled", OTHER[0])):
            verdict, reason, compared, _ = say(operation, now, before=before)
            assert (verdict, compared) == (Verdict.UNDETERMINED, ())
            assert "`sid`" in reason


@pytest.mark.parametrize("operation", [*BOOKINGS, CANCEL])
@pytest.mark.parametrize(
    "field", [{"sid": "ES" + "9" * 32}, {"examSid": "EX" + "9" * 32}, {"installSid": "AI" + "9" * 32}, {"examSid": 5}]
)
def test_another_session_proves_nothing(operation: str, field: dict[str, Any]) -> None:
    for status in ("Scheduled", "Needs Proctor", "Cancelled"):
        for before in (None, session("Needs Proctor", None), session("Scheduled", OTHER[0])):
            verdict, reason, compared, _ = say(operation, {**session(status, ASKED), **field}, before=before)
            assert (verdict, compared) == (Verdict.UNDETERMINED, ())
            assert "another session" in reason
            assert f"`{next(iter(field))}`" in reason


def test_the_session_that_was_asked_for_is_known_by_its_sids() -> None:
    assert other_session(SIDS, session("Scheduled", ASKED)) is None
    assert other_session(SIDS, {"sid": SESSION, "examSid": EXAM, "installSid": INSTALL}) is None
    assert other_session(SIDS, {"sid": SESSION, "examSid": None, "installSid": None}) is None
    # What was not asked for by name is not known to be wrong.
    assert other_session({"session_sid": SESSION}, {"sid": SESSION, "examSid": "EX" + "9" * 32}) is None


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
    "examSid": st.sampled_from([EXAM, EXAM, EXAM, None, "EX" + "9" * 32]),
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
SECONDS = st.none() | st.sampled_from([SENT_FROM - 4, SENT_FROM, SENT_FROM + 3600])


@given(
    operation=st.sampled_from([*BOOKINGS, CANCEL]),
    arguments=ARGUMENTS,
    now=SESSIONS,
    before=st.none() | SESSIONS,
    sent_from=SECONDS,
)
def test_applied_needs_all_values_and_evidence_that_they_are_new(
    operation: str, arguments: Any, now: Any, before: Any, sent_from: float | None
) -> None:
    verdict, _, compared, inferred = say(operation, now, arguments=arguments, before=before, sent_from=sent_from)
    asked = {} if operation == CANCEL else arguments
    mine = now.get("sid") == SESSION and now.get("examSid") in (None, EXAM)
    assert len(compared) == (len(asked) if mine else 0)
    assert mine or verdict is Verdict.UNDETERMINED
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
    # Nothing is evidence but the same session, as it was before.
    assert before is not None
    assert before["sid"] == SESSION
    assert before.get("examSid") in (None, EXAM)
    assert before["status"] in ("Scheduled", "Needs Proctor")
    if operation == CANCEL:
        assert (before["status"], now["status"]) == ("Scheduled", "Cancelled")
        return
    assert compared
    assert all(item.matches for item in compared)
    assert now["status"] == "Scheduled"
    same_before = all(
        item.field not in before
        or before[item.field] in ([item.found, *SAME] if "Date" in item.field else [item.found])
        for item in compared
    )
    assert not same_before or (operation == SCHEDULE and before["status"] == "Needs Proctor")


@given(operation=st.sampled_from([*BOOKINGS, CANCEL]), arguments=ARGUMENTS, now=SESSIONS, sent_from=SECONDS)
def test_what_stood_so_before_is_never_applied(
    operation: str, arguments: Any, now: Any, sent_from: float | None
) -> None:
    now = {**now, "status": now.get("status", "Scheduled"), "sid": SESSION}
    # A session that waited for its booking cannot be booked now and stand as before, so these are the same.
    assert say(operation, now, arguments=arguments, before=now, sent_from=sent_from)[0] is not Verdict.APPLIED


# Which errors it is about.


def unknown(operation: str | None, arguments: dict[str, Any]) -> OutcomeUnknownError:
    error = OutcomeUnknownError("unknown", method="POST", path="/v1/x", operation=operation)
    error.arguments = arguments
    return error


def test_which_session_an_error_is_about() -> None:
    for operation in (*BOOKINGS, CANCEL):
        assert session_of(unknown(operation, {**SIDS, "notes": "x"})) == SIDS


@pytest.mark.parametrize(
    ("error", "passed"),
    [
        (unknown("provision", SIDS), "OutcomeUnknownError of provision"),
        (unknown(None, SIDS), "OutcomeUnknownError of no operation"),
        (unknown(SCHEDULE, {}), "OutcomeUnknownError of scheduleExamSession"),
        (unknown(SCHEDULE, {"exam_sid": EXAM, "session_sid": SESSION}), "OutcomeUnknownError of scheduleExamSession"),
        (unknown(CANCEL, {"install_sid": INSTALL, "session_sid": SESSION}), "OutcomeUnknownError of cancelExamSession"),
        (unknown(CANCEL, {"install_sid": INSTALL, "exam_sid": EXAM}), "OutcomeUnknownError of cancelExamSession"),
        (RateLimitError("429", operation=SCHEDULE), "RateLimitError of scheduleExamSession"),
        (APITimeoutError("timed out", operation=SCHEDULE), "APITimeoutError of scheduleExamSession"),
        (ValueError("x"), "ValueError of no operation"),
        (None, "NoneType of no operation"),
        ("error", "str of no operation"),
    ],
    ids=repr,
)
def test_other_errors_are_refused(error: Any, passed: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        session_of(error)
    expected = "error: expected the OutcomeUnknownError of schedule, reschedule or cancel"
    assert str(caught.value) == f"{expected}, got {passed}"


@pytest.mark.parametrize("operation", ["scheduleExamSession", "rescheduleExamSession", "cancelExamSession"])
def test_what_cannot_be_read(operation: str) -> None:
    found = unreadable(operation, APITimeoutError("timed out", method="GET", path="/v1/x"))
    assert found.verdict is Verdict.UNDETERMINED
    # Only a booking charges a card.
    what = "neither the session nor whether a card was charged can" if operation == SCHEDULE else "the session cannot"
    assert found.reason == f"{what} be read back: timed out (GET /v1/x)"
    assert (found.session, found.compared, found.inferred) == (None, (), ())
    assert repr(found) == f"<CheckResult UNDETERMINED: {found.reason}>"


# Reading back with a client.


def read_back(operation: str, *replies: Reply, before: Any = None, **sent: float | None) -> CheckResult:
    error = unknown(operation, {**SIDS, "appointment_date_time": ASKED})
    error.sent_at, error.sent_monotonic = sent.get("sent_at"), sent.get("sent_monotonic")
    server = Script(*replies)
    client = proctoring(server, max_retries=0)
    found: CheckResult = client.exam_sessions.check(error, before=before)
    path = f"https://api.smarterproctoring.com/v1/installs/{INSTALL}/exams/{EXAM}/sessions/{SESSION}"
    assert [(request.method, request.url) for request in server.sent] == [("GET", path)]
    return found


def test_a_session_is_read_once_and_compared_with_what_it_was_before() -> None:
    reply = Reply(200, session("Scheduled", ASKED))
    stood = session("Scheduled", OTHER[0])
    model = ExamSession.from_dict(stood)
    for before in (stood, model, types.MappingProxyType(stood)):
        found = read_back(RESCHEDULE, reply, before=before)
        assert found.verdict is Verdict.APPLIED
        assert found.session.to_dict() == reply.body
        assert found.compared == (Compared("appointment_date_time", "appointmentDate", ASKED, ASKED, True),)
        assert found.inferred == ("appointmentDate shows the requested time",)
    assert found.reason == "the session shows the requested values, and did not before"
    assert read_back(RESCHEDULE, reply).verdict is Verdict.UNDETERMINED
    assert read_back(SCHEDULE, reply).reason.endswith("and nothing shows that they are new" + NO_CARD)
    # Another session is not shown, lest it is taken for the requested one.
    found = read_back(RESCHEDULE, Reply(200, {**reply.body, "sid": "ES" + "9" * 32}), before=stood)
    assert (found.verdict, found.session) == (Verdict.UNDETERMINED, None)


def test_a_session_is_read_over_a_fresh_connection() -> None:
    asked: list[Any] = []

    class Client:
        def steps(self, call: Any, **options: Any) -> Any:
            asked.append((call.operation.id, options))
            raise APITimeoutError("timed out")

    client: Any = Client()
    with pytest.raises(StopIteration) as ended:
        next(check(client, unknown(CANCEL, SIDS), None))
    assert ended.value.value.verdict is Verdict.UNDETERMINED
    assert asked == [("getExamSession", {"fresh": True})]


@pytest.mark.parametrize("before", ["Scheduled", 5, [("status", "Scheduled")]], ids=repr)
def test_what_is_not_a_session_is_refused_before_anything_is_sent(before: Any) -> None:
    server = Script(Reply(200, session("Scheduled", ASKED)))
    with pytest.raises(InvalidArgumentError) as caught:
        proctoring(server).exam_sessions.check(unknown(RESCHEDULE, SIDS), before=before)
    shown = f"before: expected a session, as a model or a mapping, got {type(before).__name__}"
    assert (str(caught.value), server.sent) == (shown, [])


@pytest.mark.parametrize(
    ("reply", "reason"),
    [(Reply(404, {}), "404 Not Found"), (Reply(200, b"<html>"), "the response is not JSON"), (Reply(200, []), "")],
    ids=["404", "HTML", "list"],
)
def test_a_session_that_cannot_be_read_is_undetermined(reply: Reply, reason: str) -> None:
    found = read_back(SCHEDULE, reply)
    assert (found.verdict, found.session) == (Verdict.UNDETERMINED, None)
    assert found.reason.startswith("neither the session nor whether a card was charged can be read back: " + reason)
    assert read_back(CANCEL, reply).reason.startswith("the session cannot be read back: " + reason)


@pytest.mark.parametrize(
    ("sent", "headers", "stale"),
    [
        # The session was changed 61 seconds before the moment of `SENT`, by the local clock and by the server's.
        ({"sent_at": 0.0}, {}, True),
        ({"sent_at": -2.0}, {}, False),
        ({}, {}, False),
        ({"sent_monotonic": 10.0}, {"date": 5.0}, True),
        ({"sent_monotonic": 10.0, "sent_at": -9e9}, {"date": 5.0}, True),
        ({"sent_monotonic": 10.0, "sent_at": 0.0}, {"date": 2.0}, False),
        ({"sent_monotonic": None, "sent_at": 0.0}, {"date": 2.0}, True),
        # A `Date` that was stored with the response, or is not a date, is no clock.
        ({"sent_monotonic": 10.0, "sent_at": 0.0}, {"date": 2.0, "age": "7"}, True),
        ({"sent_monotonic": 10.0, "sent_at": 0.0}, {"date": "soon"}, True),
    ],
)
def test_by_which_clock_a_change_is_older_than_the_request(
    sent: dict[str, Any], headers: dict[str, Any], stale: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The session is read back four seconds after the request was sent.
    monkeypatch.setattr("invigilate._engine.time.monotonic", lambda: 14.0)
    given = {name: SENT.timestamp() + value if name == "sent_at" else value for name, value in sent.items()}
    if isinstance(headers.get("date"), float):
        headers = {**headers, "date": format_datetime(SENT + timedelta(seconds=headers["date"]), usegmt=True)}
    reply = Reply(200, {**session("Scheduled", ASKED), "editDate": at(-61)}, headers)
    found = read_back(RESCHEDULE, reply, before=session("Scheduled", OTHER[0]), **given)
    assert found.verdict is (Verdict.UNDETERMINED if stale else Verdict.APPLIED), found


def test_the_documentation_says_that_no_verdict_is_a_permission() -> None:
    import inspect

    from invigilate import SmarterProctoring
    from invigilate.smarterproctoring import verdicts

    assert "it never permits a retry" in inspect.cleandoc(verdicts.__doc__ or "").replace("\n", " ")
    source = " ".join(inspect.getsource(Verdict).split())
    assert "It does not permit a retry" in source
    assert "the request may be applied later" in source
    check = " ".join((SmarterProctoring("t", "i").exam_sessions.check.__doc__ or "").split())
    assert "No verdict permits a retry" in check
    assert "whether a card was charged cannot be read back" in check
