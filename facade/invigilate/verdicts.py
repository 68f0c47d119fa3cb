"""What can be said of a booking whose answer was lost, once the session has been read back.

A verdict is a judgement of what is visible, never a permission to send the call again. Whether a card was charged
cannot be read back at all: no documented answer shows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, NamedTuple

from ._policy import http_date
from ._timestamps import parse_timestamp
from .errors import InvalidArgumentError, InvalidTimestampError, InvigilateError, OutcomeUnknownError

_NEARLY = 60.0
"""Seconds: a server may keep whole minutes, and clocks differ."""

# What a call asks for, and where it should then stand in the session. Only the equal names are documented.
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
    """What is visible of a call whose outcome is unknown."""

    APPLIED = "APPLIED"
    """The requested values stand in the session, and there is evidence that they are new."""
    NOT_VISIBLE = "NOT_VISIBLE"
    """They do not stand there. That is no proof: the call may still be applied later, and was perhaps applied and is
    not shown yet. It is no permission to send the call again."""
    UNDETERMINED = "UNDETERMINED"
    """What is visible proves neither."""


class Compared(NamedTuple):
    """One requested value and what stands in the session.

    Attributes:
        argument: the argument of the call.
        field: the documented name of the session's member.
        requested: what was asked for.
        found: what stands there now; `None` if nothing does.
        matches: whether it is the same; times are compared as instants.
    """

    argument: str
    field: str
    requested: Any
    found: Any
    matches: bool


class CheckResult(NamedTuple):
    """What reading back a session says.

    Attributes:
        verdict: see `Verdict`.
        reason: why, in a sentence.
        session: the session as it was read, or `None` if it could not be.
        compared: the requested values beside those found.
        inferred: what the verdict takes for granted although no page documents it.
    """

    verdict: Verdict
    reason: str
    session: Any
    compared: tuple[Compared, ...]
    inferred: tuple[str, ...]

    def __repr__(self) -> str:
        return f"<CheckResult {self.verdict.value}: {self.reason}>"


def session_of(error: OutcomeUnknownError) -> dict[str, Any]:
    """Get the identifiers of the session that an error is about.

    Raises:
        InvalidArgumentError: if it is not about an exam session.
    """
    given: Any = error
    names = ("install_sid", "exam_sid", "session_sid")
    if (
        not isinstance(given, OutcomeUnknownError)
        or error.operation not in {SCHEDULE, RESCHEDULE, CANCEL}
        or any(name not in error.arguments for name in names)
    ):
        expected = "the OutcomeUnknownError of schedule, reschedule or cancel"
        shown = f"{type(given).__name__} of {getattr(given, 'operation', None) or 'no operation'}"
        raise InvalidArgumentError("error", expected, shown)
    return {name: error.arguments[name] for name in names}


def result(error: OutcomeUnknownError, response: Any, before: Any) -> CheckResult:
    """Judge the raw answer of reading the session back.

    Args:
        error: what the call raised.
        response: the `RawResponse` of the session.
        before: the session as it stood before the call, as a model or mapping; or `None`.

    Raises:
        InvalidArgumentError: if `before` is neither.
    """
    session = response.parsed
    stood: Any = before.to_dict() if hasattr(before, "to_dict") else before
    if stood is not None and not hasattr(stood, "keys"):
        raise InvalidArgumentError("before", "a session, as a model or a mapping", type(stood).__name__)
    sent_from = sent_by = None
    stamp = http_date(response.headers.get("date", ""))
    if stamp is not None and error.sent_monotonic is not None:
        stamp -= response.sent_at - error.sent_monotonic
        # `Date` has no fractions, and servers may keep it for a second; a cache keeps it for longer and says its age.
        sent_by = None if "age" in response.headers else stamp + 2.0
        sent_from = stamp - _NEARLY
    elif error.sent_at is not None:
        sent_from = error.sent_at - _NEARLY
    verdict, reason, compared, inferred = judge(
        error.operation or "", error.arguments, session.to_dict(), before=stood, sent_from=sent_from, sent_by=sent_by
    )
    return CheckResult(verdict, reason, session, compared, inferred)


def unreadable(error: InvigilateError) -> CheckResult:
    """The result when the session cannot be read back."""
    reason = f"neither the session nor whether a card was charged can be read back: {error}"
    return CheckResult(Verdict.UNDETERMINED, reason, None, (), ())


def judge(
    operation: str,
    arguments: Mapping[str, Any],
    session: Mapping[str, Any],
    *,
    before: Mapping[str, Any] | None = None,
    sent_from: float | None = None,
    sent_by: float | None = None,
) -> tuple[Verdict, str, tuple[Compared, ...], tuple[str, ...]]:
    """Judge a session that was read back.

    Args:
        operation: the operationId of the call whose outcome is unknown.
        arguments: what it asked for.
        session: the session now, by documented names.
        before: the session as it stood before the call, if the caller read it. It counts only if it is the same
            session, and waited for a booking or was booked.
        sent_from: a moment well before the call was sent, in seconds since the epoch, if that is known.
        sent_by: the latest moment at which the call can have been sent, by the server's clock, if that is known.

    Returns:
        The verdict, why, the values compared, and what is inferred.
    """
    compared = tuple(
        _compare(argument, field, arguments[argument], session.get(field))
        for argument, field in _FIELDS.items()
        if arguments.get(argument) is not None and operation != CANCEL
    )
    sid = arguments.get("session_sid")
    if before is None or before.get("status") not in _KNOWN or before.get("sid", sid) != sid:
        before = {}
    # What was last changed before the call stands there for another reason, however new it is to the caller.
    changed = _instant(session.get("dateScheduled" if operation == SCHEDULE else "editDate"))
    # A date that is perhaps that of the appointment, or of an approval, shows nothing.
    doubtful = session.get("dateApproved") or changed == _instant(session.get("appointmentDate"))
    fresh = changed is not None and sent_by is not None and changed > sent_by and not doubtful
    case = _Case(
        operation,
        compared,
        session,
        before,
        stale=changed is not None and sent_from is not None and changed < sent_from,
        fresh=fresh and operation == SCHEDULE,
    )
    verdict, reason, taken = case.cancelled() if operation == CANCEL else case.booked()
    if operation == SCHEDULE:
        reason += "; whether a card was charged cannot be read back"
    inferred = [_INFERRED[item.field] for item in compared if item.field in _INFERRED] + taken
    return verdict, reason, compared, tuple(dict.fromkeys(inferred)) if verdict is not Verdict.UNDETERMINED else ()


class _Case(NamedTuple):
    operation: str
    compared: tuple[Compared, ...]
    session: Mapping[str, Any]
    before: Mapping[str, Any]
    stale: bool
    fresh: bool

    def booked(self) -> tuple[Verdict, str, list[str]]:
        status = self.session.get("status")
        shown = f"the session is {status!r:.60}"
        if not self.compared:
            return Verdict.UNDETERMINED, "the call asked for nothing that a session shows", []
        missing = [item for item in self.compared if not item.matches]
        if any(_nearly(item.requested, item.found) for item in missing):
            return Verdict.UNDETERMINED, "what stands there is nearly what was requested", []
        if missing:
            names = ", ".join(item.field for item in missing)
            # What is there in part, or is neither as requested nor as before, may be what became of the call.
            doubt = self.moved() or any(item.matches and item.field not in self.before for item in self.compared)
            if doubt or status not in _KNOWN or (status == _BOOKED and self.operation == SCHEDULE):
                return Verdict.UNDETERMINED, f"{shown}, with another {names} than requested", []
            return Verdict.NOT_VISIBLE, f"{shown}, without the requested {names}", []
        if status != _BOOKED:
            return Verdict.UNDETERMINED, f"the requested values stand there, and {shown}", []
        if self.stale:
            return Verdict.UNDETERMINED, "the requested values stand there, from before the call was sent", []
        booked_since = self.operation == SCHEDULE and self.before.get("status") == _WAITING
        if booked_since or self.moved():
            return Verdict.APPLIED, "the requested values stand there, and did not before", []
        if self.fresh and not self.before:
            taken = ["dateScheduled is when the booking was made"]
            return Verdict.APPLIED, "the requested values stand there, booked after the call was sent", taken
        known = "stood there before" if self.before else "stand there, and nothing shows that they are new"
        return Verdict.UNDETERMINED, f"the requested values {known}", []

    def cancelled(self) -> tuple[Verdict, str, list[str]]:
        status = self.session.get("status")
        if status == _BOOKED:
            return Verdict.NOT_VISIBLE, "the session is still 'Scheduled'", []
        if status == "Cancelled" and self.before.get("status") == _BOOKED and not self.stale:
            # Reports document this status; sessions do not.
            taken = ["the status of a cancelled session is Cancelled"]
            return Verdict.APPLIED, "the session is 'Cancelled', and was 'Scheduled' before", taken
        return Verdict.UNDETERMINED, f"the session is {status!r:.60}, and no page says what cancelling leads to", []

    def moved(self) -> bool:
        """Whether any value that was asked for stood otherwise before; rows of lists do not show all of them."""
        return any(
            not _compare(item.argument, item.field, item.found, self.before[item.field]).matches
            for item in self.compared
            if item.field in self.before
        )


def _compare(argument: str, field: str, requested: Any, found: Any) -> Compared:
    wanted, stands = _instant(requested), _instant(found)
    same = wanted == stands if field in _TIMES and wanted is not None else requested == found
    return Compared(argument, field, requested, found, same)


def _nearly(requested: Any, found: Any) -> bool:
    wanted, stands = _instant(requested), _instant(found)
    if wanted is not None and stands is not None:
        return abs(wanted - stands) < _NEARLY
    return isinstance(found, str) and str(requested).casefold().split() == found.casefold().split()


def _instant(value: Any) -> float | None:
    try:
        return parse_timestamp(value).timestamp() if isinstance(value, str) else None
    except InvalidTimestampError:
        return None


__all__ = ["CheckResult", "Compared", "Verdict"]
