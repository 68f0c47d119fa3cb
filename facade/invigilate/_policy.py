"""Decisions about failures, as functions of values: no clock, no socket, the same for sync and async."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from enum import Enum
from typing import NamedTuple

FIRST_BACKOFF = 0.5
LONGEST_BACKOFF = 8.0
LONGEST_RETRY_AFTER = 60.0
REPEATABLE_STATUSES = frozenset({408, 429, 500, 502, 503, 504})


class Outcome(Enum):
    """What is known of a call after an attempt."""

    SUCCEEDED = "succeeded"
    NOT_SENT = "not sent"
    """Nothing of the request was written."""
    REFUSED = "refused"
    """The server answered that it did not do it."""
    UNKNOWN = "unknown"
    """It may have been done."""


class Decision(NamedTuple):
    """Whether to send again.

    Attributes:
        repeat: send it again.
        wait: seconds to wait before.
        reason: why, in a few words.
    """

    repeat: bool
    wait: float
    reason: str


def classify(status_code: int | None, *, sent: bool) -> Outcome:
    """Say what is known after an attempt.

    Args:
        status_code: the status, or `None` if no answer came.
        sent: whether any of the request may have been written.
    """
    if status_code is None:
        return Outcome.UNKNOWN if sent else Outcome.NOT_SENT
    if 200 <= status_code < 300:
        return Outcome.SUCCEEDED
    if 400 <= status_code < 500 and status_code != 408:
        return Outcome.REFUSED
    return Outcome.UNKNOWN


def decide(
    *,
    safe: bool,
    outcome: Outcome,
    status_code: int | None,
    attempt: int,
    max_retries: int,
    retry_after: float | None,
    time_left: float | None,
    jitter: float,
    permanent: bool = False,
) -> Decision:
    """Decide whether to send a failed call again.

    Args:
        safe: whether sending it again does no harm.
        outcome: what is known of it.
        status_code: the status, if an answer came.
        attempt: the number of the attempt that failed, counted from 1.
        max_retries: how often it may be sent again.
        retry_after: seconds that the server asks to wait.
        time_left: seconds until the deadline, or `None` without one.
        jitter: a random number from 0 to 1.
        permanent: whether the failure is one that no retry mends.
    """
    if permanent:
        return Decision(False, 0.0, "retrying would not help")
    if status_code is not None and status_code not in REPEATABLE_STATUSES:
        return Decision(False, 0.0, "repeating would not help")
    if not safe and outcome is not Outcome.NOT_SENT:
        return Decision(False, 0.0, "not idempotent, so not retried")
    if attempt > max_retries:
        return Decision(False, 0.0, "no retries left" if max_retries else "no retries allowed")
    if retry_after is not None and retry_after > LONGEST_RETRY_AFTER:
        return Decision(
            False,
            0.0,
            f"the server asks to wait {retry_after:.0f} s, more than the {LONGEST_RETRY_AFTER:.0f} s allowed",
        )
    wait = retry_after if retry_after is not None else backoff(attempt, jitter)
    if time_left is not None and wait >= time_left:
        return Decision(False, 0.0, f"the deadline ends before the wait of {wait:.1f} s")
    return Decision(True, wait, "repeated")


def backoff(attempt: int, jitter: float) -> float:
    """Seconds to wait after an attempt: up to 0.5, 1, 2, 4, 8, 8, ... with full jitter."""
    return min(LONGEST_BACKOFF, FIRST_BACKOFF * 2.0 ** min(attempt - 1, 10)) * jitter


def retry_after_seconds(headers: Mapping[str, str], now: float) -> float | None:
    """Read `Retry-After`, in seconds or as a date.

    Args:
        headers: the headers of the answer, by lower-case name.
        now: seconds since the epoch; a date is taken relative to the server's own `Date` if it sends one, so that
            a wrong local clock does no harm.

    Returns:
        Seconds, not negative, or `None` if the header is missing or unreadable.
    """
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    if text.replace(".", "", 1).isascii() and text.replace(".", "", 1).isdigit():
        return float(text)
    until = http_date(text)
    if until is None:
        return None
    server_now = http_date(headers.get("date", ""))
    return max(0.0, until - (server_now if server_now is not None else now))


def http_date(text: str) -> float | None:
    """Read a date of a header, in seconds since the epoch; `None` if it is not a date."""
    from email.utils import parsedate_to_datetime

    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
