"""Books the exam sessions of a class, each at most once.

If one session fails, the others are still booked. A session that may be booked already is never booked again: after a
lost response, it is read back, and whatever stays open is left to a person.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from invigilate import (
    APIError,
    CheckResult,
    OutcomeUnknownError,
    RateLimitError,
    SmarterProctoring,
    Verdict,
)
from smarterproctoring_client.models import ExamSession

ATTEMPTS = 4
PAUSES = (1.0, 5.0, 30.0)
"""Seconds to wait before each check of a booking whose response was lost; how late it may appear is not documented."""


@dataclass(frozen=True)
class Place:
    """A session to book."""

    exam_sid: str
    session_sid: str
    when: datetime
    price: Decimal
    card_token: str


@dataclass(frozen=True)
class Booking:
    """The result. An `open` one needs a person; its `error` can be pickled and checked again later."""

    session_sid: str
    state: Literal["booked", "not booked", "open"]
    why: str
    error: OutcomeUnknownError | None = None


def book_class(
    client: SmarterProctoring, places: Iterable[Place], wait: Callable[[float], object] = time.sleep
) -> list[Booking]:
    """Book all places, one after the other."""
    return [book(client, place, wait) for place in places]


def book(client: SmarterProctoring, place: Place, wait: Callable[[float], object] = time.sleep) -> Booking:
    """Book one place."""
    try:
        # Only a comparison with the session before shows that a booking is new.
        before = client.exam_sessions.get(exam_sid=place.exam_sid, session_sid=place.session_sid)
        _schedule(client, place, wait)
    except OutcomeUnknownError as error:
        found = wait_for_booking(client, error, before, wait)
        applied = found.verdict is Verdict.APPLIED
        return Booking(place.session_sid, "booked" if applied else "open", found.reason, None if applied else error)
    except APIError as error:
        # Refused or never sent: nothing was booked.
        return Booking(place.session_sid, "not booked", str(error))
    return Booking(place.session_sid, "booked", "confirmed by the server")


def wait_for_booking(
    client: SmarterProctoring,
    error: OutcomeUnknownError,
    before: ExamSession,
    wait: Callable[[float], object] = time.sleep,
    pauses: Sequence[float] = PAUSES,
) -> CheckResult:
    """Read the session back until the booking is visible, or the pauses are over. Never books."""
    found = client.exam_sessions.check(error, before=before)
    for pause in pauses:
        if found.verdict is Verdict.APPLIED:
            break
        wait(pause)
        found = client.exam_sessions.check(error, before=before)
    return found


def _schedule(client: SmarterProctoring, place: Place, wait: Callable[[float], object]) -> None:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            client.exam_sessions.schedule(
                exam_sid=place.exam_sid,
                session_sid=place.session_sid,
                appointment_date_time=place.when,
                amount=place.price,
                currency="USD",
                card_token=place.card_token,
            )
            return
        except RateLimitError as error:
            # A 429 means that nothing was processed, so retrying cannot book twice.
            if attempt == ATTEMPTS:
                raise
            wait(error.retry_after or 2.0**attempt)
