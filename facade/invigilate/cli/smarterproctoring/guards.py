"""Reads a session before it is changed, and holds the change if the session suggests that it was already made.

So nothing is booked twice, even if the file that records what was booked is gone.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from invigilate._timestamps import parse_timestamp
from invigilate.cli.plans import Plan
from invigilate.errors import InvalidTimestampError
from invigilate.smarterproctoring.verdicts import CANCEL, RESCHEDULE, SCHEDULE, Compared, judge

if TYPE_CHECKING:
    from invigilate import SmarterProctoring
    from smarterproctoring_client.models import ExamSession

UNREADABLE = "nothing was sent, because the session could not be read first: "
_NEARLY = 60.0
"""Seconds: a server may round times to minutes."""
_WAITING, _BOOKED, _CANCELLED = "Needs Proctor", "Scheduled", "Cancelled"
_TIMES = frozenset({"appointmentDate", "appointmentEndDate"})


def read_before(client: SmarterProctoring, item: Plan) -> ExamSession | None:
    """Read the session of a request before it is sent.

    Returns:
        The session; `None` if the request is not about one.

    Raises:
        APIError: if the session could not be read, so that it is unknown whether the change was already made.
    """
    guarded = item.call.operation.id in {SCHEDULE, RESCHEDULE, CANCEL}
    return client.exam_sessions.get(**dict(item.target)) if guarded else None


def why_held(item: Plan, before: ExamSession | None) -> str | None:
    """Return why a request must not be sent without a person's decision, or `None` if nothing speaks against it.

    Args:
        item: the request.
        before: what `read_before` returned.
    """
    if before is None:
        return None
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


def mark_of(item: Plan, before: ExamSession) -> str:
    """Return the mark of a request and the session as it was read: a decision for it covers nothing else."""
    texts = [str(item), *map(str, (before.status, before.date_scheduled, before.edit_date))]
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:6]


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
