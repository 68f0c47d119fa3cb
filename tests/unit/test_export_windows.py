"""How a report is split into windows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from invigilate.export.windows import Window, split, to_milliseconds, width_for, windows_between

MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2060, 1, 1)).map(lambda moment: moment.replace(tzinfo=UTC))
SPANS = st.timedeltas(timedelta(milliseconds=5), timedelta(days=4000))


def row_date(moment: datetime) -> str:
    """A time as in rows, to the microsecond."""
    return moment.isoformat(timespec="microseconds")[:-6] + "Z"


@given(MOMENTS, SPANS, st.integers(1, 60), st.lists(st.floats(0, 1), max_size=20))
def test_every_moment_is_in_one_window(after: datetime, span: timedelta, number: int, places: list[float]) -> None:
    width = max(timedelta(milliseconds=1), span / number)
    bounds = split(after, after + span, width)
    windows = windows_between(bounds)
    assert bounds == sorted(set(bounds))
    assert (bounds[0], bounds[-1]) == (to_milliseconds(after), to_milliseconds(after + span))
    inside = [after + span * place for place in places] + [window.before for window in windows[:-1]]
    for moment in [*inside, after - timedelta(days=1), after + span + timedelta(days=1)]:
        assert sum(window.owns(row_date(moment)) for window in windows) == 1
    # A row whose date cannot be parsed stays in the window that returned it.
    for unknown in (None, "", "soon", 3, "2026-03-04"):
        assert all(window.owns(unknown) for window in windows)


@given(MOMENTS, SPANS, st.integers(0, 3_000_000), st.integers(1, 32))
def test_automatic_windows(after: datetime, span: timedelta, total: int, parallel: int) -> None:
    width = width_for(after, after + span, total, parallel)
    number = len(split(after, after + span, width)) - 1
    assert width >= timedelta(minutes=1)
    assert 1 <= number <= max(parallel, min(1000, -(-total // 5000)))
    if span > timedelta(days=10):
        assert number >= parallel * 0.9


def test_inner_windows_request_a_millisecond_more() -> None:
    first, second, third = windows_between([0, 1000, 2000, 3000])
    assert first.filters("close_date") == {
        "close_date_after": datetime(1970, 1, 1, tzinfo=UTC),
        "close_date_before": datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC),
    }
    assert second.filters("close_date")["close_date_after"] == datetime(1970, 1, 1, 0, 0, 0, 999_000, tzinfo=UTC)
    assert not second.owns("1970-01-01T00:00:00.999Z")
    assert second.owns("1970-01-01T00:00:01.000Z")
    assert second.owns("1970-01-01T01:00:01.999999+01:00")
    assert not second.owns("1970-01-01T00:00:02Z")
    # The server alone decides at the bounds of the whole report.
    assert third.owns("1970-01-01T00:00:03Z")
    assert first.owns("1969-12-31T23:59:59Z")
    assert str(second) == "1970-01-01T00:00:01.000Z to 1970-01-01T00:00:02.000Z"
    assert isinstance(second, Window)
