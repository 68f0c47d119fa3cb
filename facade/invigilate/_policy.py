"""Decisions about failures, as functions of values: no clock, no socket, the same for sync and async."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from enum import Enum
from typing import NamedTuple

FIRST_BACKOFF = 0.5
LONGEST_BACKOFF = 8.0
LONGEST_RETRY_AFTER = 60.0
RETRYABLE_STATUSES = frozenset({408, 429, 500, 502, 503, 504})


class Outcome(Enum):
    """What is known of a request after an attempt."""

    SUCCEEDED = "succeeded"
    NOT_SENT = "not sent"
    """No part of the request was written."""
    REFUSED = "refused"
    """The server responded that it did not process the request."""
    UNKNOWN = "unknown"
    """The request may have been processed."""


class Decision(NamedTuple):
    """Whether to retry.

    Attributes:
        retry: whether to retry.
        wait: seconds to wait before the retry.
        reason: why not, in a few words.
    """

    retry: bool
    wait: float
    reason: str


def classify(status_code: int | None, *, sent: bool) -> Outcome:
    """Return what is known after an attempt.

    Args:
        status_code: the HTTP status, or `None` if no response was received.
        sent: whether any part of the request may have been written.
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
    idempotent: bool,
    outcome: Outcome,
    status_code: int | None,
    attempt: int,
    max_retries: int,
    retry_after: float | None,
    time_left: float | None,
    jitter: float,
    permanent: bool = False,
    retry_refused: bool = False,
) -> Decision:
    """Decide whether to retry a failed request.

    Args:
        idempotent: whether a second, identical request has no further effect.
        outcome: what is known of it.
        status_code: the HTTP status, if a response was received.
        attempt: the number of the attempt that failed, counted from 1.
        max_retries: the largest number of retries.
        retry_after: seconds that the server asks to wait.
        time_left: seconds until the deadline, or `None` without one.
        jitter: a random number from 0 to 1.
        permanent: whether no retry can help.
        retry_refused: whether a 429 is retried though the request is not idempotent.
    """
    settled = outcome is Outcome.NOT_SENT or (retry_refused and outcome is Outcome.REFUSED)
    wait = retry_after if retry_after is not None else backoff(attempt, jitter)
    if permanent or (status_code is not None and status_code not in RETRYABLE_STATUSES):
        reason = "retrying would not help"
    elif not idempotent and not settled:
        reason = "not idempotent, so not retried"
    elif attempt > max_retries:
        reason = "no retries left" if max_retries else "max_retries is 0"
    elif retry_after is not None and retry_after > LONGEST_RETRY_AFTER:
        reason = f"the server asks to wait {wait:.0f} s, more than the {LONGEST_RETRY_AFTER:.0f} s allowed"
    elif time_left is not None and wait >= time_left:
        reason = "the deadline passed" if time_left <= 0 else f"the deadline is sooner than the retry in {wait:.1f} s"
    else:
        return Decision(True, wait, "")
    return Decision(False, 0.0, reason)


def backoff(attempt: int, jitter: float) -> float:
    """Return the seconds to wait after an attempt: up to 0.5, 1, 2, 4, 8, 8, ... with full jitter."""
    return min(LONGEST_BACKOFF, FIRST_BACKOFF * 2.0 ** min(attempt - 1, 10)) * jitter


def retry_after_seconds(headers: Mapping[str, str], now: float) -> float | None:
    """Parse `Retry-After`, in seconds or as a date.

    Args:
        headers: the response headers, by lower-case name.
        now: seconds since the epoch; a date is relative to the server's own `Date` if it sends one, so that a wrong
            local clock does not matter.

    Returns:
        Seconds, not negative, or `None` if the header is missing or unreadable.
    """
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.replace(".", "", 1).isdigit():
        return float(text)
    until = http_date(text)
    if until is None:
        return None
    server_now = http_date(headers.get("date", ""))
    return max(0.0, until - (server_now if server_now is not None else now))


def http_date(text: str) -> float | None:
    """Parse the date of a header into seconds since the epoch; `None` if it is not a date."""
    from email.utils import parsedate_to_datetime

    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
