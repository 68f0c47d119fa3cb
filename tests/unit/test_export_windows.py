"""Windows: their rows are those of the whole, each once, however the rows are spread over time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from invigilate import SmarterProctoring, parse_timestamp
from invigilate.export import ExportArgumentError, ExportError, windows
from tests.support.fakes import Reply, Script, Sent, proctoring

START = datetime(2026, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
NAMES: dict[str, Any] = {"after": "appointment_date_after", "before": "appointment_date_before"}


class Report:
    """A server of rows at certain milliseconds after the start.

    Args:
        times: of the rows.
        exclusive: whether the lower bound is exclusive.
        inclusive: whether the upper bound is inclusive.
    """

    def __init__(self, times: list[int], *, exclusive: bool = False, inclusive: bool = False) -> None:
        self.times = sorted(times)
        self.exclusive, self.inclusive = exclusive, inclusive

    def __call__(self, sent: Sent) -> Reply:
        query = dict(sent.query)
        low = parse_timestamp(query["appointmentDateAfter"]) + self.exclusive * MILLISECOND
        high = parse_timestamp(query["appointmentDateBefore"]) + self.inclusive * MILLISECOND
        found = [time for time in self.times if low <= START + time * MILLISECOND < high]
        first = int(query.get("offset", 0))
        rows = [{"sid": f"ES{first + index:032x}", "at": time} for index, time in enumerate(found[first:])]
        return Reply(200, {"total": len(found), "results": rows[: int(query.get("limit", 20))]})


def pager_of(client: SmarterProctoring, span: int) -> Any:
    return client.reports.service_distribution(
        appointment_date_after=START, appointment_date_before=START + span * MILLISECOND
    )


@settings(max_examples=60)
@given(
    st.lists(st.integers(0, 10_000) | st.integers(5_000, 5_003), max_size=60),
    st.integers(1, 10_000),
    st.integers(1, 70),
)
def test_windows_cover_the_whole(times: list[int], span: int, rows: int) -> None:
    with proctoring(Script(Report(times))) as client:
        found = windows(pager_of(client, span), **NAMES, rows=rows)
        read = [[row.additional_properties["at"] for row in window.pager] for window in found]
    assert [each for part in read for each in part] == sorted(time for time in times if time < span)
    assert [len(part) for part in read] == [window.total for window in found]
    # Half-open, without gaps, and as large as they may be.
    assert (found[0].after, found[-1].before) == (START, START + span * MILLISECOND)
    for window, following in pairwise(found):
        assert window.before == following.after
        assert window.total + following.total > rows
    for window in found:
        assert window.after < window.before
        assert window.total <= rows or window.before - window.after == MILLISECOND


def test_skewed_rows_need_few_requests() -> None:
    script = Script(Report([*range(40), 31_535_999_000]))
    with proctoring(script) as client:
        found = windows(pager_of(client, 31_536_000_000), **NAMES, rows=10)
    assert sum(window.total for window in found) == 41
    assert len(found) == 6
    assert len(script.sent) < 90
    assert all(dict(sent.query)["limit"] == "1" for sent in script.sent)
    assert [window.whole for window in found] == [found[0].whole] * 6


def test_a_bound_between_halves_is_a_millisecond() -> None:
    with proctoring(Script(Report([0, 1, 2, 3]))) as client:
        found = windows(pager_of(client, 4), **NAMES, rows=1)
    assert [(window.after, window.before) for window in found] == [
        (START + number * MILLISECOND, START + (number + 1) * MILLISECOND) for number in range(4)
    ]


def test_a_range_without_rows_is_one_window() -> None:
    script = Script(Report([]))
    with proctoring(script) as client:
        (window,) = windows(pager_of(client, 1000), **NAMES)
        assert len(script.sent) == 1
        assert (window.total, window.pager.collect()) == (0, [])


def test_bounds_may_have_other_offsets_and_types() -> None:
    with proctoring(Script(Report([0, 3_599_999]))) as client:
        pager = client.reports.service_distribution(
            appointment_date_after="2026-01-01T01:00:00+01:00",
            appointment_date_before=START.astimezone() + timedelta(hours=1),
        )
        (window,) = windows(pager, **NAMES)
    assert (window.after, window.before, window.total) == (START, START + timedelta(hours=1), 2)
    assert window.after.tzinfo is UTC


@pytest.mark.parametrize("bounds", [{"exclusive": True}, {"inclusive": True}])
def test_bounds_that_are_not_as_documented_raise(bounds: dict[str, bool]) -> None:
    """Rows on the bounds between windows would be missing, or come twice."""
    times = list(range(64))
    with (
        proctoring(Script(Report(times, **bounds))) as client,
        pytest.raises(ExportError, match=r"the windows have \d+ rows, but their whole has \d+: .* as inclusive and"),
    ):
        windows(pager_of(client, 64), **NAMES, rows=8)


def test_rows_that_change_while_windows_are_planned_raise() -> None:
    report = Report(list(range(100)))

    def changing(sent: Sent) -> Reply:
        reply = report(sent)
        report.times.append(99)
        return reply

    with proctoring(Script(changing)) as client, pytest.raises(ExportError, match="rows changed meanwhile"):
        windows(pager_of(client, 100), **NAMES, rows=30)


def test_a_server_without_totals_is_refused() -> None:
    script = Script(Reply(200, {"results": []}))
    with proctoring(script) as client, pytest.raises(ExportError, match="the server announces no total"):
        windows(pager_of(client, 100), **NAMES)
    assert len(script.sent) == 1


def test_more_windows_than_sensible_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("invigilate.export.planning.MOST", 10)
    with (
        proctoring(Script(Report(list(range(64))))) as client,
        pytest.raises(ExportArgumentError, match="rows: expected a number that leaves at most 10 windows, got 1"),
    ):
        windows(pager_of(client, 64), **NAMES, rows=1)


def test_a_pager_that_starts_within_the_rows_is_refused() -> None:
    """Each window would leave out as many rows."""
    script = Script(Report(list(range(40))))
    with proctoring(script) as client:
        pager = client.reports.service_distribution(
            appointment_date_after=START, appointment_date_before=START + 40 * MILLISECOND, offset=5
        )
        with pytest.raises(ExportArgumentError, match="offset: expected no start within the rows"):
            windows(pager, **NAMES)
    assert script.sent == []
