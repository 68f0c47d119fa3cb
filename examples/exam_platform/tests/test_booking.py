"""Tests the bookings against the sandbox, including failures.

`pip install 'invigilate[sandbox]' pytest` installs the fixtures; nothing else is needed.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from invigilate import SmarterProctoring, Verdict
from invigilate.sandbox import Sandbox, faults

from ..booking import ATTEMPTS, Place, book, book_class  # noqa: TID252  # the folder may be copied and renamed

WHEN = datetime(2026, 12, 7, 14, 30, tzinfo=UTC)


class Waits(list[float]):
    """Replaces `time.sleep`: records the seconds, and runs something in the meantime."""

    def __init__(self, meanwhile: Callable[[], object] = lambda: None) -> None:
        super().__init__()
        self._meanwhile = meanwhile

    def __call__(self, seconds: float) -> None:
        self.append(seconds)
        self._meanwhile()


@pytest.fixture
def places(invigilate_sandbox: Sandbox) -> list[Place]:
    """A class of five."""
    return [
        Place(session.exam_sid, session.session_sid, WHEN, Decimal("25.00"), "tok_visa")
        for session in invigilate_sandbox.open_sessions[:5]
    ]


def bookings_sent(sandbox: Sandbox) -> int:
    return sum(request.operation_id == "scheduleExamSession" for request in sandbox.requests)


def test_all_are_booked_and_charged_once(
    invigilate_sandbox: Sandbox, invigilate_client: SmarterProctoring, places: list[Place]
) -> None:
    bookings = book_class(invigilate_client, places, Waits())
    assert [booking.state for booking in bookings] == ["booked"] * 5
    assert [charge.session_sid for charge in invigilate_sandbox.ledger] == [place.session_sid for place in places]


def test_a_lost_response_is_found_booked_and_nobody_is_charged_twice(
    invigilate_sandbox: Sandbox, invigilate_client: SmarterProctoring, places: list[Place]
) -> None:
    invigilate_sandbox.faults.add("scheduleExamSession", faults.drop_response(times=2, after=1))
    bookings = book_class(invigilate_client, places, Waits())
    assert [booking.state for booking in bookings] == ["booked"] * 5
    assert invigilate_sandbox.faults.fired.total("drop_response") == 2
    assert bookings_sent(invigilate_sandbox) == len(invigilate_sandbox.ledger) == 5


def test_a_slow_response_is_not_booked_again(
    invigilate_sandbox: Sandbox, invigilate_client: SmarterProctoring, places: list[Place]
) -> None:
    invigilate_sandbox.faults.add("scheduleExamSession", faults.stall(seconds=5, applied=True))
    hasty = invigilate_client.with_options(timeout=0.3)
    assert book(hasty, places[0], Waits()).state == "booked"
    assert invigilate_sandbox.faults.fired.total("stall") == len(invigilate_sandbox.ledger) == 1


def test_too_many_requests_are_retried(
    invigilate_sandbox: Sandbox, invigilate_client: SmarterProctoring, places: list[Place]
) -> None:
    invigilate_sandbox.faults.add("scheduleExamSession", faults.too_many_requests(retry_after=7, times=2))
    waits = Waits()
    assert book(invigilate_client, places[0], waits).state == "booked"
    assert waits == [7, 7]
    assert len(invigilate_sandbox.ledger) == 1


def test_too_many_requests_for_too_long_fail(
    invigilate_sandbox: Sandbox, invigilate_client: SmarterProctoring, places: list[Place]
) -> None:
    invigilate_sandbox.faults.add("scheduleExamSession", faults.too_many_requests())
    booking = book(invigilate_client, places[0], Waits())
    assert (booking.state, bookings_sent(invigilate_sandbox)) == ("not booked", ATTEMPTS)
    assert "429" in booking.why


def test_a_booking_that_appears_late_is_waited_for(
    invigilate_sandbox: Sandbox, invigilate_client: SmarterProctoring, places: list[Place]
) -> None:
    invigilate_sandbox.faults.add("scheduleExamSession", faults.apply_late(delay=60, times=1))
    waits = Waits(meanwhile=invigilate_sandbox.faults.apply_now)
    assert book(invigilate_client, places[0], waits).state == "booked"
    assert waits == [1]
    assert bookings_sent(invigilate_sandbox) == len(invigilate_sandbox.ledger) == 1


def test_a_booking_that_stays_invisible_is_left_open_and_not_retried(
    invigilate_sandbox: Sandbox, invigilate_client: SmarterProctoring, places: list[Place]
) -> None:
    invigilate_sandbox.faults.add("scheduleExamSession", faults.apply_late(delay=60, times=1))
    booking = book(invigilate_client, places[0], Waits())
    assert (booking.state, bookings_sent(invigilate_sandbox)) == ("open", 1)

    # The error can be stored, and checked the next day.
    stored = pickle.dumps(booking.error)
    before = invigilate_client.exam_sessions.get(exam_sid=places[0].exam_sid, session_sid=places[0].session_sid)
    invigilate_sandbox.faults.apply_now()
    assert invigilate_client.exam_sessions.check(pickle.loads(stored), before=before).verdict is Verdict.APPLIED


def test_one_refusal_does_not_stop_the_others(
    invigilate_sandbox: Sandbox, invigilate_client: SmarterProctoring, places: list[Place]
) -> None:
    book(invigilate_client, places[2], Waits())
    states = [booking.state for booking in book_class(invigilate_client, places, Waits())]
    assert states == ["booked", "booked", "not booked", "booked", "booked"]
    assert len(invigilate_sandbox.ledger) == 5


def test_while_bookings_wait_for_an_approval_the_outcome_stays_open(places: list[Place]) -> None:
    with Sandbox(behaviour="approval_never") as sandbox:
        client = SmarterProctoring(sandbox.token, sandbox.install_sid, base_url=sandbox.smarterproctoring_url)
        with client, sandbox.faults.during("scheduleExamSession", faults.drop_response()):
            booking = book(client, places[0], Waits())  # the same seed, so the same sessions
    assert (booking.state, bookings_sent(sandbox)) == ("open", 1)
