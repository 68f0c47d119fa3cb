"""Times: an instant goes out in UTC with milliseconds, and what names no instant goes nowhere."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from invigilate import (
    ConfigurationError,
    InvalidArgumentError,
    InvalidTimestampError,
    parse_ispring_time,
    parse_timestamp,
    specs,
)
from invigilate._timestamps import wire_timestamp
from tests.support.fakes import Script, page, proctoring, report, schedule, update

OFFSETS = st.timedeltas(timedelta(hours=-23, minutes=-59), timedelta(hours=23, minutes=59)).map(timezone)
MINUTES = st.integers(-23 * 60 - 59, 23 * 60 + 59)
NAIVE = st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31))
AWARE = st.datetimes(
    datetime(2, 1, 1), datetime(9998, 12, 31), timezones=st.one_of(OFFSETS, st.timezones(), st.just(UTC))
)
WIRE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)


def refused(value: Any) -> InvalidTimestampError:
    with pytest.raises(InvalidTimestampError) as caught:
        wire_timestamp(value, "start_date")
    assert caught.value.argument == "start_date"
    assert "\n" not in str(caught.value)
    return caught.value


@given(moment=AWARE)
def test_an_aware_datetime_keeps_its_instant_to_the_millisecond(moment: datetime) -> None:
    text = wire_timestamp(moment, "a")
    assert WIRE.fullmatch(text)
    lost = moment.astimezone(UTC) - parse_timestamp(text)
    assert timedelta(0) <= lost < timedelta(milliseconds=1)
    assert wire_timestamp(text, "a") == text


@given(moment=NAIVE, digits=st.text("0123456789", min_size=1, max_size=9), minutes=MINUTES)
def test_rfc_3339_strings_with_any_offset_and_precision(moment: datetime, digits: str, minutes: int) -> None:
    sign, ahead = "+" if minutes >= 0 else "-", abs(minutes)
    whole = moment.replace(microsecond=0)
    text = f"{whole.isoformat()}.{digits}{sign}{ahead // 60:02}:{ahead % 60:02}"
    parsed = parse_timestamp(text)
    micro = int(digits[:6].ljust(6, "0"))
    expected = whole.replace(microsecond=micro, tzinfo=timezone(timedelta(minutes=minutes)))
    assert parsed == expected
    assert parsed.utcoffset() == timedelta(minutes=minutes)
    utc = expected.astimezone(UTC)
    assert wire_timestamp(text, "a") == f"{utc:%Y}".zfill(4) + f"{utc:-%m-%dT%H:%M:%S}.{micro // 1000:03}Z"


@pytest.mark.parametrize(
    ("text", "wire"),
    [
        ("2026-03-04T15:30:00Z", "2026-03-04T15:30:00.000Z"),
        ("2026-03-04t15:30:00z", "2026-03-04T15:30:00.000Z"),
        ("2026-03-04 15:30:00Z", "2026-03-04T15:30:00.000Z"),
        ("2026-03-04T15:30:00-00:00", "2026-03-04T15:30:00.000Z"),
        ("2026-03-04T15:30:00.9999Z", "2026-03-04T15:30:00.999Z"),
        ("2026-03-04T23:30:00-05:00", "2026-03-05T04:30:00.000Z"),
        ("2024-02-29T00:00:00+14:00", "2024-02-28T10:00:00.000Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"),
        ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
        ("1970-01-01T00:00:00.000Z", "1970-01-01T00:00:00.000Z"),
    ],
)
def test_strings_on_the_wire(text: str, wire: str) -> None:
    assert wire_timestamp(text, "a") == wire


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (datetime(2026, 3, 4, 15, 30), "without time zone"),
        (date(2026, 3, 4), "type date"),
        (time(15, 30), "type time"),
        (1772638200, "type int"),
        (1772638200.5, "type float"),
        (b"2026-03-04T15:30:00Z", "type bytes"),
        (True, "type bool"),
        (None, "None"),
        ("", "an empty string"),
        ("2026-03-04", "a date without time and UTC offset"),
        ("2026-03-04T15:30:00", "without UTC offset"),
        ("2026-03-04 15:30", "without UTC offset"),
        ("2026-03-04T15:30:00.000", "without UTC offset"),
        ("2026-03-04T15:30Z", "a string of length 17"),
        ("2026-03-04T15:30:00+0100", "a string of length 24"),
        ("2026-03-04T15:30:00+01", "a string of length 22"),
        ("2026-03-04T15:30:00Z\n", "a string of length 21"),
        (" 2026-03-04T15:30:00Z", "a string of length 21"),
        ("2026-03-04T15:30:00 Z", "a string of length 21"),
        ("2026-03-04T15:30:00.Z", "a string of length 21"),
        ("2026-03-04T15:30:00,5Z", "a string of length 22"),
        ("20260304T153000Z", "a string of length 16"),
        ("12026-03-04T15:30:00Z", "a string of length 21"),
        ("-2026-03-04T15:30:00Z", "a string of length 21"),
        ("2026-W10-3T15:30:00Z", "a string of length 20"),
        ("Wed, 04 Mar 2026 15:30:00 GMT", "a string of length 29"),
        ("05-08-2024, 23:57:49", "a string of length 20"),
        ("\u0662026-03-04T15:30:00Z", "a string of length 20"),
        ("2026-03-04T15:30:00Z; DROP", "a string of length 26"),
        ("2026-02-29T00:00:00Z", "does not exist"),
        ("2026-02-30T00:00:00Z", "does not exist"),
        ("2026-13-01T00:00:00Z", "does not exist"),
        ("2026-00-01T00:00:00Z", "does not exist"),
        ("2026-01-00T00:00:00Z", "does not exist"),
        ("0000-01-01T00:00:00Z", "does not exist"),
        ("2026-03-04T24:00:00Z", "does not exist"),
        ("2026-03-04T15:60:00Z", "does not exist"),
        ("2026-12-31T23:59:60Z", "does not exist"),
        ("2026-03-04T15:30:00+24:00", "does not exist"),
        ("2026-03-04T15:30:00+01:60", "does not exist"),
        ("0001-01-01T00:00:00+00:01", "years 1 to 9999"),
        ("9999-12-31T23:59:59-00:01", "years 1 to 9999"),
        (datetime.min.replace(tzinfo=timezone(timedelta(hours=1))), "years 1 to 9999"),
        (datetime.max.replace(tzinfo=timezone(timedelta(hours=-1))), "years 1 to 9999"),
    ],
)
def test_what_names_no_instant_is_refused(value: Any, words: str) -> None:
    assert words in refused(value).passed
    if value is not None:
        server = Script(page([]))
        client = proctoring(server)
        for call in (schedule, report, update):
            name = {schedule: "appointment_date_time", report: "close_date_after", update: "end_date"}[call]
            with pytest.raises(InvalidArgumentError) as caught:
                call(client, **{name: value})
            assert caught.value.argument == name
        assert server.sent == []


@given(text=st.text() | st.from_regex(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", fullmatch=True))
@example("2026-03-04T15:30:00Z ")
def test_any_string_is_a_time_or_an_error_that_does_not_show_it(text: str) -> None:
    problem = ""
    try:
        wire = wire_timestamp(text, "a")
    except InvalidTimestampError as error:
        problem = str(error)
    assert len(text) < 6 or text not in problem if problem else WIRE.fullmatch(wire)


class Nowhere(tzinfo):
    """A time zone that does not know its offset: such datetimes are naive in all but name."""

    def utcoffset(self, moment: datetime | None) -> timedelta | None:
        return None

    def dst(self, moment: datetime | None) -> timedelta | None:
        return None

    def tzname(self, moment: datetime | None) -> str | None:
        return None


def test_a_zone_without_offset_is_no_zone() -> None:
    assert "without time zone" in refused(datetime(2026, 3, 4, tzinfo=Nowhere())).passed


def test_both_readings_of_a_repeated_hour_go_out_as_themselves() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    moment = datetime(2026, 10, 25, 2, 30, tzinfo=berlin)
    assert wire_timestamp(moment, "a") == "2026-10-25T00:30:00.000Z"
    assert wire_timestamp(moment.replace(fold=1), "a") == "2026-10-25T01:30:00.000Z"


def test_the_wire_form_is_the_documented_one() -> None:
    schema = yaml.safe_load(specs.read("smarterproctoring"))["components"]["schemas"]["Timestamp"]
    assert re.fullmatch(schema["pattern"], wire_timestamp(datetime(2026, 3, 4, tzinfo=UTC), "a"))
    for sample in schema["examples"]:
        assert wire_timestamp(sample, "a") == sample


@pytest.mark.parametrize("value", [None, 5, b"2026-03-04T15:30:00Z", ["2026-03-04T15:30:00Z"]])
def test_a_missing_time_of_a_response_is_a_plain_error(value: Any) -> None:
    for parse in (parse_timestamp, parse_ispring_time):
        with pytest.raises(InvalidTimestampError) as caught:
            parse(value)
        assert caught.value.argument == "value"


# iSpring


@given(moment=st.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 31)), month_first=st.booleans())
def test_ispring_times_are_read_in_the_order_that_is_asked_for(moment: datetime, month_first: bool) -> None:
    moment = moment.replace(microsecond=0)
    form = "{0.month:02}-{0.day:02}" if month_first else "{0.day:02}-{0.month:02}"
    text = form.format(moment) + f"-{moment.year}, {moment:%H:%M:%S}"
    assert parse_ispring_time(text, order="month-first" if month_first else "day-first") == moment


@given(
    first=st.integers(0, 40),
    second=st.integers(0, 40),
    year=st.integers(0, 9999),
    hour=st.integers(0, 26),
    minute=st.integers(0, 61),
    padded=st.booleans(),
)
@example(first=32, second=5, year=2024, hour=1, minute=1, padded=True)
@example(first=0, second=5, year=2024, hour=1, minute=1, padded=True)
@example(first=5, second=0, year=2024, hour=1, minute=1, padded=True)
@example(first=5, second=5, year=31, hour=1, minute=1, padded=True)
@example(first=5, second=5, year=12, hour=24, minute=0, padded=False)
def test_no_number_ever_moves_to_another_place(
    first: int, second: int, year: int, hour: int, minute: int, padded: bool
) -> None:
    shape = "{:02}-{:02}-{:04}, {:02}:{:02}" if padded else "{}-{}-{:04}, {}:{:02}"
    text = shape.format(first, second, year, hour, minute)
    for order, day, month in (("day-first", first, second), ("month-first", second, first)):
        try:
            expected = datetime(year, month, day, hour, minute)
        except ValueError:
            with pytest.raises(InvalidTimestampError):
                parse_ispring_time(text, order=order)  # type: ignore[arg-type]
        else:
            assert parse_ispring_time(text, order=order) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("05-08-2024, 23:57:49", datetime(2024, 8, 5, 23, 57, 49)),
        ("05-08-2024 23:57:49", datetime(2024, 8, 5, 23, 57, 49)),
        ("5/8/2024, 7:05", datetime(2024, 8, 5, 7, 5)),
        ("05.08.2024, 07:05:00", datetime(2024, 8, 5, 7, 5)),
        (" 05-08-2024, 23:57:49 ", datetime(2024, 8, 5, 23, 57, 49)),
        ("31-12-2024, 00:00:00", datetime(2024, 12, 31)),
    ],
)
def test_ispring_day_first_is_the_default(text: str, expected: datetime) -> None:
    assert parse_ispring_time(text) == expected
    assert parse_ispring_time(text).tzinfo is None


def test_rfc_3339_comes_first_whatever_the_order() -> None:
    expected = datetime(2024, 8, 5, 23, 57, 49, tzinfo=timezone(timedelta(hours=2)))
    for order in ("day-first", "month-first"):
        parsed = parse_ispring_time("2024-08-05T23:57:49+02:00", order=order, zone="America/New_York")
        assert parsed == expected
        assert parsed.utcoffset() == timedelta(hours=2)


@pytest.mark.parametrize("zone", ["Europe/Berlin", ZoneInfo("Europe/Berlin")])
@pytest.mark.parametrize(
    ("text", "offset"),
    [("05-08-2024, 12:00:00", 2), ("05-01-2024, 12:00:00", 1), ("31-03-2024, 04:00:00", 2), ("31-03-2024, 01:00", 1)],
)
def test_a_zone_counts_with_its_summer_time(zone: Any, text: str, offset: int) -> None:
    moment = parse_ispring_time(text, zone=zone)
    assert moment.utcoffset() == timedelta(hours=offset)
    assert wire_timestamp(moment, "a").endswith("Z")


def test_utc_is_a_zone() -> None:
    for zone in ("UTC", UTC):
        assert parse_ispring_time("05-08-2024, 12:00", zone=zone) == datetime(2024, 8, 5, 12, tzinfo=UTC)


@pytest.mark.parametrize("zone", ["Europe/Nowhere", "", " ", "CEST?"])
def test_a_zone_that_nobody_knows(zone: str) -> None:
    with pytest.raises(ConfigurationError, match="zone"):
        parse_ispring_time("05-08-2024, 12:00:00", zone=zone)


def test_an_order_that_nobody_knows() -> None:
    with pytest.raises(ConfigurationError, match="day-first"):
        parse_ispring_time("05-08-2024, 12:00:00", order="dayfirst")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    ["", "05-08-2024", "05-08-24, 12:00", "2024-08-05, 12:00", "5 Aug 2024 12:00", "05-08-2024, 12:00 PM", "tomorrow"],
)
def test_other_forms_are_not_guessed(text: str) -> None:
    with pytest.raises(InvalidTimestampError):
        parse_ispring_time(text)


def test_a_date_that_exists_in_the_other_order_only() -> None:
    with pytest.raises(InvalidTimestampError, match=r"exists \(day-first\), got a time that does not exist"):
        parse_ispring_time("12-31-2024, 12:00:00")
    with pytest.raises(InvalidTimestampError, match=r"exists \(month-first\), got a time that does not exist"):
        parse_ispring_time("31-12-2024, 12:00:00", order="month-first")
