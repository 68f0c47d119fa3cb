"""Time windows of about the same number of rows, which the totals that the server announces decide."""

from __future__ import annotations

from copy import copy
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, cast

from invigilate import InvalidTimestampError, Pager, parse_timestamp
from invigilate._identifiers import describe_value

from .errors import ExportArgumentError, ExportError

_MILLISECOND = timedelta(milliseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST = 10_000


class Window(NamedTuple):
    """The rows between two times.

    Attributes:
        after: the lower bound, inclusive.
        before: the upper bound, exclusive.
        total: rows that the server announced when the window was planned.
        pager: reads them.
        whole: the pager that was split.
    """

    after: datetime
    before: datetime
    total: int
    pager: Pager[Any]
    whole: Pager[Any]


def windows(pager: Pager[Any], *, after: str, before: str, rows: int = 50_000) -> list[Window]:
    """Split a pager between two times into windows, by requests of one row that ask for totals.

    Bounds are in milliseconds. A window that cannot be split further may have more rows. If the totals of the windows
    do not add up to that of the pager, the bounds are not what is documented (the lower one inclusive, the upper one
    exclusive), or rows changed meanwhile.

    Args:
        pager: its call has both bounds.
        after: the argument with the lower bound, as in `"appointment_date_after"`.
        before: the argument with the upper bound.
        rows: the largest number of rows of a window.

    Returns:
        The windows, in order.

    Raises:
        ExportArgumentError: if a bound is missing, or is not a time with an offset.
        ExportError: if the server announces no totals, or they do not add up.
        APIError: if a total cannot be fetched.
    """
    if not isinstance(cast("object", pager), Pager):
        raise ExportArgumentError("pager", "a pager of a synchronous client", describe_value(pager))
    if rows.__class__ is not int or rows < 1:
        raise ExportArgumentError("rows", "an integer of at least 1", describe_value(rows))
    start = pager.call.pagination.parameter
    if pager.call.arguments.get(start):  # each window would begin there
        raise ExportArgumentError(start, "no start within the rows", "one")
    first, last = (_milliseconds(pager, name) for name in (after, before))
    if first >= last:
        raise ExportArgumentError(after, f"a time before `{before}`", "a later or equal time")
    total = _total(pager)
    found: list[tuple[int, int, int]] = []
    waiting = [(first, last, total)]  # the lower half of a window is pushed last, so windows come in order
    while waiting:
        low, high, count = waiting.pop()
        if found and found[-1][2] + count <= rows:
            # Halves of skewed data may be small, or empty.
            found[-1] = found[-1][0], high, found[-1][2] + count
        elif count <= rows or high - low < 2:
            found.append((low, high, count))
            if len(found) > MOST:
                raise ExportArgumentError("rows", f"a number that leaves at most {MOST} windows", str(rows))
        else:
            middle = (low + high) // 2
            halves = [(middle, high), (low, middle)]
            waiting += [(*half, _total(_between(pager, after, half[0], before, half[1]))) for half in halves]
    planned = sum(count for _, _, count in found)
    if planned != total:
        raise ExportError(
            f"the windows have {planned} rows, but their whole has {total}: rows changed meanwhile, or the server does "
            f"not take `{after}` as inclusive and `{before}` as exclusive"
        )
    return [
        Window(_time(low), _time(high), count, _between(pager, after, low, before, high), pager)
        for low, high, count in found
    ]


def _total(pager: Pager[Any]) -> int:
    limit = pager.call.pagination.limit
    probe = _with(pager, {limit: 1} if limit else {})
    next(probe.pages(), None)
    if probe.total is None:
        raise ExportError("the server announces no total, so there is nothing to plan windows by")
    return probe.total


def _between(pager: Pager[Any], after: str, low: int, before: str, high: int) -> Pager[Any]:
    return _with(pager, {after: _time(low), before: _time(high)})


def _with(pager: Pager[Any], arguments: dict[str, Any]) -> Pager[Any]:
    call = copy(pager.call)
    call.arguments = call.arguments | arguments
    made: Pager[Any] = pager.client.pages(call)
    return made


def _time(milliseconds: int) -> datetime:
    return _EPOCH + milliseconds * _MILLISECOND


def _milliseconds(pager: Pager[Any], name: str) -> int:
    value = pager.call.arguments.get(name)
    try:
        moment = value if isinstance(value, datetime) else parse_timestamp(value or "")
    except (InvalidTimestampError, TypeError):
        moment = None
    if moment is None or moment.utcoffset() is None:
        expected = "both bounds among the arguments of the operation, with UTC offsets"
        raise ExportArgumentError(name, expected, describe_value(value)) from None
    return (moment - _EPOCH) // _MILLISECOND
