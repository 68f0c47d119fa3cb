"""Times as the two APIs write them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from .problems import invalid

Clock = Callable[[], datetime]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
# The documented pattern, `.*Z`, asks for no more than a Z somewhere; here it has to be a time.
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", re.ASCII)


def now() -> datetime:
    """The time, in UTC, in whole milliseconds as the API writes it."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def to_milliseconds(moment: datetime) -> int:
    """Milliseconds since 1970."""
    return (moment - _EPOCH) // _MILLISECOND


def from_milliseconds(value: int) -> datetime:
    """The time so many milliseconds after 1970."""
    return _EPOCH + value * _MILLISECOND


def parse(text: str, name: str) -> datetime:
    """Read a timestamp of a request.

    Raises:
        Problem: if it is no time in UTC. `name` says where it stood.
    """
    if _TIMESTAMP.fullmatch(text):
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            pass  # the 30th of February
    raise invalid(f"{name} is not a time in UTC such as 1970-01-01T00:00:00.000Z.")


def write(moment: datetime | None) -> str | None:
    """Write a time as SmarterProctoring does, with milliseconds and a Z."""
    if moment is None:
        return None
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def write_milliseconds(value: int) -> str:
    """Write a time that is kept as a number."""
    seconds, milliseconds = divmod(value, 1000)
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment.isoformat()[:19]}.{milliseconds:03d}Z"


def write_day_first(moment: datetime | None) -> str | None:
    """Write a time in the form of iSpring's sample: day first, 24 hours, no zone."""
    return None if moment is None else f"{moment:%d-%m-%Y, %H:%M:%S}"
