"""Reads a session before it is changed, and holds the change if the session suggests that it was made already.

So nothing is booked twice even when the file that says what was booked is gone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from invigilate._timestamps import parse_timestamp
from invigilate.errors import InvalidTimestampError
from invigilate.verdicts import CANCEL, RESCHEDULE, SCHEDULE, Compared, judge

from .plans import Plan

if TYPE_CHECKING:
    from invigilate import SmarterProctoring

UNREADABLE = "nothing was sent: the session could not be read first: "
_NEARLY = 60.0
"""Seconds: a server may keep whole minutes."""
_WAITING, _BOOKED, _CANCELLED = "Needs Proctor", "Scheduled", "Cancelled"
_TIMES = frozenset({"appointmentDate", "appointmentEndDate"})
_MARKED = ("status", "dateScheduled", "editDate")


def read_before(client: SmarterProctoring, item: Plan) -> Any:
    """Read a session before it is changed.

    Returns:
        The session; `None` if the call is not about one.

    Raises:
        APIError: if the session could not be read, so that nobody knows whether the change was made before.
    """
    guarded = item.call.operation.id in {SCHEDULE, RESCHEDULE, CANCEL}
    return client.exam_sessions.get(**dict(item.target)) if guarded else None


def why_held(item: Plan, before: Any) -> str | None:
    """Say why a change must not be sent without a person's word: the session suggests that it was made already.

    Args:
        item: the change.
        before: what `read_before` returned.

    Returns:
        The reason; `None` if nothing shows that the change was made before.
    """
    if before is None:
        return None
    session: Mapping[str, Any] = before.to_dict()
    status, operation = session.get("status"), item.call.operation.id
    shown = f"not sent: the session is {status!r:.60}"
    if operation == CANCEL:
        return f"{shown}, so there is nothing to cancel" if status in {_CANCELLED, _WAITING} else None
    # What a session does not show, or not as a value that can be compared, says nothing.
    seen = [each for each in judge(operation, item.prepared.arguments, session)[2] if _visible(each)]
    others = [each.field for each in seen if not _same(each)]
    fields = ", ".join(others or [each.field for each in seen])
    said = f"{shown}, with another {fields} than requested" if others else f"{shown}, with the requested {fields}"
    # A booking for another time that was canceled is not this one.
    if status == _CANCELLED and not _TIMES.isdisjoint(others):
        return None
    if operation == SCHEDULE and (status == _BOOKED or (status != _WAITING and session.get("appointmentDate"))):
        return said if seen else f"{shown}, and shows nothing to compare with the request"
    # One that waits for a booking may show a type or notes all the same.
    told = operation == RESCHEDULE or status != _WAITING or any(each.field in _TIMES for each in seen)
    return said if seen and not others and told else None


def mark_of(item: Plan, before: Any) -> str:
    """The mark of a call beside the session that it found: a word given for it covers no other call and no change."""
    session: Mapping[str, Any] = before.to_dict()
    texts = [str(item), *(str(session.get(name)) for name in _MARKED)]
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
