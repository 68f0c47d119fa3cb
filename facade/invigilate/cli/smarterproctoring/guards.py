"""Reads a session before it is changed, and holds the change if the session suggests that it was already made.

So nothing is booked twice, even if the file that records what was booked is gone.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from typing import TYPE_CHECKING, Any

from invigilate._timestamps import parse_timestamp
from invigilate.cli.fields import option_name
from invigilate.cli.plans import GUARDS, Guard, Plan
from invigilate.errors import InvalidTimestampError, OutcomeUnknownError
from invigilate.smarterproctoring.resources import ExamSessions
from invigilate.smarterproctoring.verdicts import CANCEL, RESCHEDULE, SCHEDULE, Compared, judge

if TYPE_CHECKING:
    from invigilate import SmarterProctoring
    from smarterproctoring_client.models import ExamSession

_NEARLY = 60.0
"""Seconds: a server may round times to minutes."""
_WAITING, _BOOKED, _CANCELLED = "Needs Proctor", "Scheduled", "Cancelled"
_TIMES = frozenset({"appointmentDate", "appointmentEndDate"})


class SessionGuard(Guard):
    """Knows what a session shows of a change; see `Guard`."""

    subject = "the session"
    renewed = (
        "with a new file, rows whose sessions already show the requested values are not sent; what a session does not "
        "show, such as a charge, or a change that appears late, could be made twice; remove those rows from the CSV "
        "file first"
    )

    def __init__(self, twice: str = "") -> None:
        self.twice = twice

    def look_at(self, item: Plan) -> str:
        """See `Guard`."""
        options = " ".join(f"{option_name(name)} {shlex.quote(value)}" for name, value in item.target)
        return f"invigilate sessions show {options}"

    def read_before(self, client: SmarterProctoring, item: Plan) -> ExamSession:
        """See `Guard`."""
        return client.exam_sessions.get(**dict(item.target))

    def why_held(self, item: Plan, before: ExamSession) -> str | None:
        """See `Guard`."""
        status, operation = before.status or None, item.call.operation.id
        shown = f"not sent: the session is {status!r:.60}"
        if operation == CANCEL:
            return f"{shown}, so there is nothing to cancel" if status in {_CANCELLED, _WAITING} else None
        # Fields that the session does not show, or not as a comparable value, prove nothing.
        seen = [each for each in judge(operation, item.prepared.arguments, before.to_dict())[2] if _visible(each)]
        others = [each.field for each in seen if not _same(each)]
        fields = ", ".join(others or [each.field for each in seen])
        reason = f"{shown}, with another {fields} than requested" if others else f"{shown}, with the requested {fields}"
        # A canceled booking for another time is another booking.
        if status == _CANCELLED and not _TIMES.isdisjoint(others):
            return None
        if operation == SCHEDULE and (status == _BOOKED or (status != _WAITING and before.appointment_date)):
            return reason if seen else f"{shown}, and shows nothing to compare with the request"
        # A session that waits for a booking may still show a type or notes.
        proves = operation == RESCHEDULE or status != _WAITING or any(each.field in _TIMES for each in seen)
        return reason if seen and not others and proves else None

    def mark_of(self, item: Plan, before: ExamSession) -> str:
        """See `Guard`."""
        texts = [str(item), *map(str, (before.status, before.date_scheduled, before.edit_date))]
        return hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:6]

    def read_back(self, client: SmarterProctoring, error: OutcomeUnknownError, before: ExamSession) -> str:
        """See `Guard`."""
        found = client.exam_sessions.check(error, before=before)
        return f"{found.verdict.value}: {found.reason}"


GUARDS[ExamSessions.schedule.describe.__module__] = SessionGuard(" (this can charge a card again)")
GUARDS[ExamSessions.reschedule.describe.__module__] = SessionGuard()
GUARDS[ExamSessions.cancel.describe.__module__] = SessionGuard()


def _visible(each: Compared) -> bool:
    return each.found is not None and (each.field not in _TIMES or _instant(each.found) is not None)


def _same(each: Compared) -> bool:
    wanted, found = _instant(each.requested), _instant(each.found)
    near = each.field in _TIMES and wanted is not None and found is not None and abs(wanted - found) < _NEARLY
    return each.matches or near


def _instant(value: Any) -> float | None:
    try:
        return parse_timestamp(value).timestamp() if isinstance(value, str) else None
    except InvalidTimestampError:
        return None
