"""Times as the command line takes them."""

from __future__ import annotations

import pytest

from invigilate.cli.exits import ExitCode, Failure
from invigilate.cli.times import instant, zone
from invigilate.errors import InvalidTimestampError


@pytest.mark.parametrize(
    ("text", "place", "expected"),
    [
        ("2026-10-01", "Europe/Berlin", "2026-09-30T22:00:00.000Z"),
        ("2026-10-01", "UTC", "2026-10-01T00:00:00.000Z"),
        ("2026-10-01T09:30", "America/New_York", "2026-10-01T13:30:00.000Z"),
        ("2026-10-01 09:30:15.25", "Asia/Kolkata", "2026-10-01T04:00:15.250Z"),
        ("2026-10-01T09:30Z", None, "2026-10-01T09:30:00.000Z"),
        ("2026-10-01t09:30:00z", None, "2026-10-01T09:30:00.000Z"),
        # An offset of its own wins.
        ("2026-10-01T09:30:00+02:00", "Asia/Tokyo", "2026-10-01T07:30:00.000Z"),
        # A day that begins at one o'clock, since clocks are put forward at midnight.
        ("2026-03-29", "Asia/Beirut", "2026-03-28T22:00:00.000Z"),
        # A day whose midnight comes twice begins with the first one.
        ("2026-11-01", "America/Havana", "2026-11-01T04:00:00.000Z"),
    ],
)
def test_what_is_taken(text: str, place: str | None, expected: str) -> None:
    assert instant(text, "appointment_date_after", zone(place)) == expected


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        ("2026-10-01", None, "--timezone, got a bare date"),
        ("2026-10-01T09:30", None, "--timezone, got a time without an offset"),
        ("2026-03-29T02:30", "Europe/Berlin", "a time that is skipped in Europe/Berlin"),
        ("2026-10-25T02:30", "Europe/Berlin", "a time that occurs twice in Europe/Berlin"),
        ("2026-02-30", "UTC", "a time that does not exist"),
        ("2026-10-01T25:00", "UTC", "a time that does not exist"),
        ("2026-10-01T09", "UTC", "a string of length 13"),
        ("tomorrow", "UTC", "an ISO date or date-time"),
        ("", "UTC", "an empty string"),
        ("२०२६-10-01", "UTC", "a string of length 10"),
        ("0001-01-01T00:00:00+14:00", None, "outside of the years"),
        ("0001-01-01", "Asia/Tokyo", "a time in Asia/Tokyo outside the years 1 to 9999 in UTC"),
        ("0001-01-01T03:00", "Asia/Tokyo", "outside the years"),
        ("9999-12-31T23:00", "America/New_York", "outside the years"),
    ],
)
def test_what_is_refused(text: str, place: str | None, problem: str) -> None:
    with pytest.raises(InvalidTimestampError) as caught:
        instant(text, "start_date", zone(place))
    assert problem in str(caught.value)


def test_an_appointment_needs_a_time_of_day() -> None:
    with pytest.raises(InvalidTimestampError, match="expected a date and a time, got a bare date"):
        instant("2026-10-01", "appointment_date_time", zone("UTC"))


@pytest.mark.parametrize("name", ["Europe", "Nowhere/Land", "", "../etc/passwd", "europe berlin", "\x00"])
def test_zones_that_are_none(name: str) -> None:
    with pytest.raises(Failure, match="IANA") as caught:
        zone(name)
    assert caught.value.code is ExitCode.USAGE
