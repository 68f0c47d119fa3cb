"""What a session that is read back shows of a booking whose outcome is unknown.

A verdict describes what is visible; it never permits a retry. Whether a card was charged cannot be read back at all: no
documented response shows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, NamedTuple

from invigilate._binding import Runner
from invigilate._policy import http_date
from invigilate._timestamps import parse_timestamp
from invigilate._values import Steps
from invigilate.errors import (
    APIError,
    InvalidArgumentError,
    InvalidTimestampError,
    InvigilateError,
    OutcomeUnknownError,
)
from smarterproctoring_client.api.exam_sessions import get_exam_session

_CLOCKS = 60.0
"""Seconds that clocks may differ by."""
_SAME_DAY = 86_400.0
"""Seconds: a server may round times to minutes, hours or dates, or show local times as UTC."""

# The arguments of a request, and the fields of the session that should then show them. Only equal names are documented.
_FIELDS = {
    "appointment_date_time": "appointmentDate",
    "appointment_start_date_time": "appointmentDate",
    "appointment_end_date_time": "appointmentEndDate",
    "type_": "sessionType",
    "notes": "notes",
    "instructor_proctor_sid": "instructorProctorSid",
    "external_appointment_id": "externalAppointmentId",
    "cancellation_policy_version_sid": "cancellationPolicyVersionSid",
    "exam_locale": "examLocale",
}
_TIMES = frozenset({"appointmentDate", "appointmentEndDate"})
# SIDs of a session, and the arguments that requested it; the first is the session's own.
_IDENTIFIERS = {"sid": "session_sid", "examSid": "exam_sid", "installSid": "install_sid"}
_INFERRED = {
    "appointmentDate": "appointmentDate shows the requested time",
    "appointmentEndDate": "appointmentEndDate shows the requested end",
    "sessionType": "sessionType shows the requested type",
}

# Other statuses are documented, but not what leads to them.
_WAITING, _BOOKED = "Needs Proctor", "Scheduled"
_KNOWN = (_WAITING, _BOOKED)

SCHEDULE, RESCHEDULE, CANCEL = "scheduleExamSession", "rescheduleExamSession", "cancelExamSession"


class Verdict(Enum):
    """What is visible of a request whose outcome is unknown."""

    APPLIED = "APPLIED"
    """The session shows the requested values, and there is evidence that they are new."""
    NOT_VISIBLE = "NOT_VISIBLE"
    """The session does not show them. That proves nothing: the request may be applied later, or may have been applied
    and not be visible yet. It does not permit a retry."""
    UNDETERMINED = "UNDETERMINED"
    """What is visible proves neither."""


class Compared(NamedTuple):
    """A requested value and what the session shows.

    Attributes:
        argument: the argument of the request.
        field: the documented name of the session's field.
        requested: what was requested.
        found: what the session shows now; `None` if nothing.
        matches: whether both are the same; times are compared as instants.
    """

    argument: str
    field: str
    requested: Any
    found: Any
    matches: bool


class CheckResult(NamedTuple):
    """What reading back a session shows.

    Attributes:
        verdict: see `Verdict`.
        reason: why, in a sentence.
        session: the session as read, or `None` if it could not be read or is another one.
        compared: the requested values beside those found.
        inferred: what the verdict relies on although no page documents it.
    """

    verdict: Verdict
    reason: str
    session: Any
    compared: tuple[Compared, ...]
    inferred: tuple[str, ...]

    def __repr__(self) -> str:
        return f"<CheckResult {self.verdict.value}: {self.reason}>"


def check(client: Runner, error: OutcomeUnknownError, before: Any) -> Steps[CheckResult]:
    """Read the session of an error back, and judge it; see `ExamSessions.check`."""
    sids = session_of(error)
    earlier: Any = before.to_dict() if hasattr(before, "to_dict") else before
    if earlier is not None and not hasattr(earlier, "keys"):
        raise InvalidArgumentError("before", "a session, as a model or a mapping", type(earlier).__name__)
    try:
        response = yield from client.steps(get_exam_session.describe(**sids), fresh=True)
        response.parsed  # noqa: B018  # a response that cannot be decoded is one that cannot be read
    except APIError as failure:
        return unreadable(error.operation, failure)
    return result(error, response, earlier)


def session_of(error: OutcomeUnknownError) -> dict[str, Any]:
    """Return the SIDs of the session that an error is about.

    Raises:
        InvalidArgumentError: if it is not about an exam session.
    """
    passed: Any = error
    names = ("install_sid", "exam_sid", "session_sid")
    if (
        not isinstance(passed, OutcomeUnknownError)
        or error.operation not in {SCHEDULE, RESCHEDULE, CANCEL}
        or any(name not in error.arguments for name in names)
    ):
        expected = "the OutcomeUnknownError of schedule, reschedule or cancel"
        shown = f"{type(passed).__name__} of {getattr(passed, 'operation', None) or 'no operation'}"
        raise InvalidArgumentError("error", expected, shown)
    return {name: error.arguments[name] for name in names}


def result(error: OutcomeUnknownError, response: Any, before: Any) -> CheckResult:
    """Judge the raw response of reading the session back.

    Args:
        error: what the request raised.
        response: the `RawResponse` of the session.
        before: the session as it was before the request, by documented names; or `None`.
    """
    session = response.parsed
    sent_at = error.sent_at
    stamp = http_date(response.headers.get("date", ""))
    # By the server's clock if possible; the `Date` of a stored response is of another time.
    if stamp is not None and error.sent_monotonic is not None and "age" not in response.headers:
        sent_at = stamp - (response.sent_monotonic - error.sent_monotonic)
    now = session.to_dict()
    verdict, reason, compared, inferred = judge(
        error.operation or "",
        error.arguments,
        now,
        before=before,
        sent_from=None if sent_at is None else sent_at - _CLOCKS,
    )
    found = session if other_session(error.arguments, now) is None else None
    return CheckResult(verdict, reason, found, compared, inferred)


def unreadable(operation: str | None, error: InvigilateError) -> CheckResult:
    """Return the result for a session that cannot be read back."""
    what = "neither the session nor whether a card was charged can" if operation == SCHEDULE else "the session cannot"
    reason = f"{what} be read back: {error}"
    return CheckResult(Verdict.UNDETERMINED, reason, None, (), ())


def other_session(requested: Mapping[str, Any], session: Mapping[str, Any]) -> str | None:
    """Return why a session is not certainly the one that was requested.

    Args:
        requested: `session_sid`, and `exam_sid` and `install_sid` if known.
        session: the session received, by documented names.

    Returns:
        The reason, or `None` if the session shows the requested SID, and no other exam or install.
    """
    if not isinstance(session.get("sid"), str):
        return "the response does not name its session: it has no `sid`"
    for field, argument in _IDENTIFIERS.items():
        wanted, came = requested.get(argument), session.get(field)
        if wanted is not None and came is not None and came != wanted:
            return f"the response is of another session than requested: it has another `{field}`"
    return None


def judge(
    operation: str,
    arguments: Mapping[str, Any],
    session: Mapping[str, Any],
    *,
    before: Mapping[str, Any] | None = None,
    sent_from: float | None = None,
) -> tuple[Verdict, str, tuple[Compared, ...], tuple[str, ...]]:
    """Judge a session that was read back.

    Args:
        operation: the operationId of the request whose outcome is unknown.
        arguments: what it requested.
        session: the session now, by documented names.
        before: the session as it was before the request, if the caller read it. It counts only if it is the same
            session, and waited for a booking or was booked.
        sent_from: a moment well before the request was sent, in seconds since the epoch, if known.

    Returns:
        The verdict, why, the values compared, and what is inferred.
    """
    charge = "; whether a card was charged cannot be read back" if operation == SCHEDULE else ""
    stranger = other_session(arguments, session)
    if stranger is not None:
        return Verdict.UNDETERMINED, stranger + charge, (), ()
    compared = tuple(
        _compare(argument, field, arguments[argument], session.get(field))
        for argument, field in _FIELDS.items()
        if arguments.get(argument) is not None and operation != CANCEL
    )
    if before is None or before.get("status") not in _KNOWN or other_session(arguments, before) is not None:
        before = {}
    # Values that were changed before the request was sent have another cause, however new they are to the caller.
    changed = _instant(session.get("dateScheduled" if operation == SCHEDULE else "editDate"))
    stale = changed is not None and sent_from is not None and changed < sent_from
    case = _Case(operation, compared, session, before, stale)
    verdict, reason, taken = case.cancelled() if operation == CANCEL else case.booked()
    inferred = [_INFERRED[item.field] for item in compared if item.field in _INFERRED] + taken
    return (
        verdict,
        reason + charge,
        compared,
        tuple(dict.fromkeys(inferred)) if verdict is not Verdict.UNDETERMINED else (),
    )


class _Case(NamedTuple):
    operation: str
    compared: tuple[Compared, ...]
    session: Mapping[str, Any]
    before: Mapping[str, Any]
    stale: bool

    def booked(self) -> tuple[Verdict, str, list[str]]:
        status = self.session.get("status")
        shown = f"the session is {status!r:.60}"
        if not self.compared:
            return Verdict.UNDETERMINED, "the request has no value that a session shows", []
        missing = [item for item in self.compared if not item.matches]
        unclear = [item.field for item in missing if _like(item.field, item.requested, item.found, _SAME_DAY) is None]
        if unclear:
            return Verdict.UNDETERMINED, f"{shown}, with a value that may be the requested {', '.join(unclear)}", []
        if missing:
            names = ", ".join(item.field for item in missing)
            # Values that match in part, or neither the request nor before, may be an effect of the request.
            doubt = self.moved() or any(item.matches and item.field not in self.before for item in self.compared)
            if doubt or status not in _KNOWN or (status == _BOOKED and self.operation == SCHEDULE):
                return Verdict.UNDETERMINED, f"{shown}, with another {names} than requested", []
            return Verdict.NOT_VISIBLE, f"{shown}, without the requested {names}", []
        if status != _BOOKED:
            return Verdict.UNDETERMINED, f"the session shows the requested values, and {shown}", []
        if self.stale:
            return Verdict.UNDETERMINED, "the session shows the requested values since before the request was sent", []
        booked_since = self.operation == SCHEDULE and self.before.get("status") == _WAITING
        if booked_since or self.moved():
            return Verdict.APPLIED, "the session shows the requested values, and did not before", []
        known = "it did before, too" if self.before else "nothing shows that they are new"
        return Verdict.UNDETERMINED, f"the session shows the requested values, and {known}", []

    def cancelled(self) -> tuple[Verdict, str, list[str]]:
        status = self.session.get("status")
        if status == _BOOKED:
            return Verdict.NOT_VISIBLE, "the session is still 'Scheduled'", []
        if status == "Cancelled" and self.before.get("status") == _BOOKED and not self.stale:
            # Reports document this status; sessions do not.
            taken = ["the status of a canceled session is Cancelled"]
            return Verdict.APPLIED, "the session is 'Cancelled', and was 'Scheduled' before", taken
        return Verdict.UNDETERMINED, f"the session is {status!r:.60}, and no page says what canceling leads to", []

    def moved(self) -> bool:
        """Whether any requested value was certainly another before; rows of lists do not show all of them."""
        return any(
            _like(item.field, item.found, self.before[item.field], _CLOCKS) is False
            for item in self.compared
            if item.field in self.before
        )


def _compare(argument: str, field: str, requested: Any, found: Any) -> Compared:
    return Compared(argument, field, requested, found, _like(field, requested, found, _CLOCKS) is True)


def _like(field: str, one: Any, other: Any, margin: float) -> bool | None:
    """Whether two values are the same; `None` if they may be: other spacing or case, or times within the margin."""
    if one == other:
        return True
    if one is None or other is None:
        return False
    if field not in _TIMES:
        same = isinstance(other, str) and str(one).casefold().split() == other.casefold().split()
        return None if same else False
    first, second = _instant(one), _instant(other)
    if first is None or second is None:
        # Without a UTC offset, as a date or a number: in some zone or unit it may be the same instant.
        return None
    return first == second or (None if abs(first - second) < margin else False)


def _instant(value: Any) -> float | None:
    try:
        return parse_timestamp(value).timestamp() if isinstance(value, str) else None
    except InvalidTimestampError:
        return None


__all__ = ["CheckResult", "Compared", "Verdict"]
