"""Times as APIs write them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from .inventions import infer
from .problems import invalid

Clock = Callable[[], datetime]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
# Stricter than a documented pattern such as `.*Z`, which asks for no more than a Z somewhere.
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", re.ASCII)


def now() -> datetime:
    """The time in UTC, in whole milliseconds as APIs write it."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def to_milliseconds(moment: datetime) -> int:
    """Milliseconds since 1970."""
    return (moment - _EPOCH) // _MILLISECOND


def from_milliseconds(value: int) -> datetime:
    """The time a number of milliseconds after 1970."""
    return _EPOCH + value * _MILLISECOND


def parse(text: str, name: str) -> datetime:
    """Parse a timestamp of a request.

    Args:
        text: the timestamp.
        name: the field, for the message.

    Raises:
        Problem: it is not a time in UTC.
    """
    if _TIMESTAMP.fullmatch(text):
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            pass  # February 30
    infer("strict-input")
    raise invalid(f"{name} is not a time in UTC such as 1970-01-01T00:00:00.000Z.")


def write(moment: datetime | None) -> str | None:
    """Write a time in UTC, with milliseconds and a Z."""
    if moment is None:
        return None
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def write_milliseconds(value: int) -> str:
    """Write a time that is kept in milliseconds since 1970."""
    seconds, milliseconds = divmod(value, 1000)
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment.isoformat()[:19]}.{milliseconds:03d}Z"
