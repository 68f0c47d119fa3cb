"""Windows work however the server interprets bounds, and rows that they miss raise an error."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from invigilate import IncompleteResultError, SmarterProctoring, parse_timestamp
from invigilate.export import ExportError, export_report
from invigilate.sandbox import Sandbox
from tests.support.exporting import BY_DATE, YEAR, Meddler, client_of, json_lines, moved, rows_of

MILLISECOND = timedelta(milliseconds=1)
AFTER, BEFORE = "appointmentDateAfter", "appointmentDateBefore"


def inclusive(query: dict[str, str]) -> None:
    """A server whose upper bound is inclusive."""
    if BEFORE in query:
        query[BEFORE] = moved(query[BEFORE], MILLISECOND)


def exclusive(query: dict[str, str]) -> None:
    """A server whose lower bound is exclusive."""
    if AFTER in query:
        query[AFTER] = moved(query[AFTER], MILLISECOND)


def both(query: dict[str, str]) -> None:
    """A server that swaps inclusive and exclusive bounds."""
    inclusive(query)
    exclusive(query)


def by_day(query: dict[str, str]) -> None:
    """A server that uses only the days of its bounds, both inclusive."""
    query[AFTER] = f"{query[AFTER][:10]}T00:00:00.000Z"
    query[BEFORE] = moved(f"{query[BEFORE][:10]}T00:00:00.000Z", timedelta(days=1))


def bounds_on_rows(client: SmarterProctoring) -> dict[str, Any]:
    """Bounds on the dates of rows, so that windows of whole hours have bounds there too."""
    dates = sorted(row.appointment_date for row in rows_of(client, **YEAR, limit=1000))
    return {"appointment_date_after": dates[10], "appointment_date_before": dates[-10]}


@pytest.mark.parametrize("change", [None, inclusive, exclusive, both])
def test_bounds_may_be_inclusive_or_exclusive(tmp_path: Path, change: Any) -> None:
    with Sandbox(report_rows=500) as sandbox, client_of(sandbox) as client:
        bounds = bounds_on_rows(client)
        if change is not None:
            sandbox.interceptors.append(Meddler(query=change))
        result = export_report(
            client,
            tmp_path / "r.jsonl",
            filters=bounds,
            window_by="appointment_date",
            window=timedelta(hours=24),
            parallel=8,
        )
        expected = [row.sid for row in rows_of(client, **bounds, limit=1000)]
    rows = json_lines(tmp_path / "r.jsonl")
    assert sorted(row["sid"] for row in rows) == sorted(expected)
    assert result.rows == len(expected) > 200
    # Otherwise this would prove nothing: some rows are on the bounds between windows.
    start = parse_timestamp(bounds["appointment_date_after"])
    on_bounds = [
        row for row in rows if (parse_timestamp(row["appointmentDate"]) - start) % timedelta(hours=24) == timedelta(0)
    ]
    assert len(on_bounds) > 5


def test_a_server_that_uses_only_days(tmp_path: Path) -> None:
    days = {"appointment_date_after": "2026-03-01T00:00:00Z", "appointment_date_before": "2026-03-31T00:00:00Z"}
    with Sandbox(report_rows=500) as sandbox, client_of(sandbox) as client:
        sandbox.interceptors.append(Meddler(query=by_day))
        result = export_report(
            client, tmp_path / "r.jsonl", filters=days, window_by="appointment_date", window=timedelta(hours=6)
        )
        expected = {row.sid for row in rows_of(client, **days, limit=1000)}
    assert {row["sid"] for row in json_lines(tmp_path / "r.jsonl")} == expected
    assert result.rows == len(expected) > 10


def whole(query: dict[str, str]) -> bool:
    """Whether a request is for the report between the outer bounds."""
    return query[AFTER][:10] == "2026-01-01" and query[BEFORE][:10] == "2027-01-01"


def test_rows_without_a_date_raise(tmp_path: Path) -> None:
    def page(page: dict[str, Any], query: dict[str, str]) -> None:
        if whole(query):
            page["total"] += 2  # rows outside of all windows

    path = tmp_path / "r.csv"
    with Sandbox() as sandbox, client_of(sandbox) as client:
        meddler = Meddler(page=page)
        sandbox.interceptors.append(meddler)
        arguments: dict[str, Any] = {"filters": BY_DATE, "window_by": "appointment_date", "window": timedelta(days=60)}
        with pytest.raises(ExportError) as caught:
            export_report(client, path, **arguments)
        total = 174
        assert f"the windows have {total} rows, and the report has {total + 2} within the same bounds" in str(
            caught.value
        )
        assert not path.exists()
        kept = sorted(each.name for each in (tmp_path / "r.csv.checkpoint").glob("part-*.jsonl"))
        assert len(kept) == 7
        # The next run requests the totals of the windows, and reads none, since none changed.
        before = len(sandbox.requests)
        with pytest.raises(ExportError, match=r"the windows have \d+ rows"):
            export_report(client, path, **arguments)
        queries = [request.query for request in list(sandbox.requests)[before:]]
        assert len(queries) == 1 + 7 + 1
        assert all("limit=1" in query.split("&") for query in queries)
        # Without a checkpoint nothing is left.
        with pytest.raises(ExportError) as caught:
            export_report(client, tmp_path / "other.csv", checkpoint=False, **arguments)
        assert "kept" not in str(caught.value)
        assert [each.name for each in tmp_path.iterdir()] == ["r.csv.checkpoint"]
        sandbox.interceptors.remove(meddler)
        assert export_report(client, path, **arguments).resumed_rows == total


def test_changed_windows_are_read_again(tmp_path: Path) -> None:
    """A session is booked while the report is read, in a window that has been read."""
    path = tmp_path / "r.jsonl"
    arguments: dict[str, Any] = {"filters": BY_DATE, "window_by": "appointment_date", "window": timedelta(days=60)}
    with Sandbox() as sandbox, client_of(sandbox) as client:

        def book(page: dict[str, Any], query: dict[str, str]) -> None:
            if query[BEFORE][:10] == "2027-01-01" and query[AFTER][:7] == "2026-12" and not booked:
                booked.append(sandbox.session_sid)
                client.exam_sessions.schedule(
                    exam_sid=sandbox.exam_sid, session_sid=sandbox.session_sid, type_="automated",
                    appointment_date_time="2026-01-15T10:00:00Z",
                )  # fmt: skip

        booked: list[str] = []
        sandbox.interceptors.append(Meddler(page=book))
        with pytest.raises(ExportError, match="changed while it was read"):
            export_report(client, path, **arguments, parallel=1)
        before = len(sandbox.requests)
        result = export_report(client, path, **arguments)
        reads = [request.query for request in list(sandbox.requests)[before:] if "limit=1000" in request.query]
    assert booked[0] in {row["sid"] for row in json_lines(path)}
    assert len(reads) == 1
    assert 0 < result.resumed_rows < result.rows
    assert len(list(tmp_path.iterdir())) == 1


class Vanishing:
    """Sessions of the first window vanish while it is read: its last page announces a smaller total.

    Args:
        number: how many vanish.
        elsewhere: whether as many appear in another window, so that the total of the report stays the same.
    """

    def __init__(self, number: int, *, elsewhere: bool = False) -> None:
        self._number, self._elsewhere = number, elsewhere
        self._seen: list[str] = []
        self._gone: list[str] = []

    def __call__(self, page: dict[str, Any], query: dict[str, str]) -> None:
        first = query[AFTER][:10] == "2026-01-01"
        sids = [row["sid"] for row in page["results"]]
        if first and not whole(query) and not self._gone:
            self._seen += sids
            if len(self._seen) == page["total"]:
                self._gone = self._seen[-self._number :]
                page["total"] -= self._number
        elif first and self._gone and not (whole(query) and self._elsewhere):
            page["results"] = [row for row in page["results"] if row["sid"] not in self._gone]
            page["total"] -= self._number


def test_a_window_whose_rows_vanish_ends_the_export_and_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    arguments: dict[str, Any] = {"filters": BY_DATE, "window_by": "appointment_date", "window": timedelta(days=60)}
    with Sandbox() as sandbox, client_of(sandbox) as client:
        sandbox.interceptors.append(Meddler(page=Vanishing(3)))
        with pytest.raises(IncompleteResultError, match=r"received \d+ rows, but the total is \d+"):
            export_report(client, path, **arguments, page_size=10, parallel=1, prefetch=1)
        assert not path.exists()
        result = export_report(client, path, **arguments)
    assert result.rows == result.total == len({row["sid"] for row in json_lines(path)}) == 171
    assert [each.name for each in tmp_path.iterdir()] == ["r.jsonl"]


def test_extra_rows_of_one_window_do_not_hide_missing_rows_of_another(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    arguments: dict[str, Any] = {"filters": BY_DATE, "window_by": "appointment_date", "window": timedelta(days=60)}
    with Sandbox() as sandbox, client_of(sandbox) as client:
        sandbox.interceptors.append(Meddler(page=Vanishing(3, elsewhere=True)))
        with pytest.raises(IncompleteResultError, match=r"received \d+ rows, but the total is \d+"):
            export_report(client, path, **arguments, page_size=10, parallel=1, prefetch=1)
        assert not path.exists()
        # Once the first window was read again, the sum no longer matches, which raises too.
        with pytest.raises(ExportError, match="the windows have 171 rows, and the report has 174"):
            export_report(client, path, **arguments)


def test_rows_with_dates_in_other_windows_raise(tmp_path: Path) -> None:
    def page(page: dict[str, Any], query: dict[str, str]) -> None:
        for row in page["results"]:
            row["appointmentDate"] = "2031-01-01T00:00:00.000Z"

    with Sandbox() as sandbox, client_of(sandbox) as client:
        sandbox.interceptors.append(Meddler(page=page))
        with pytest.raises(ExportError, match=r"\d+ more were left out: their own date is in another window"):
            export_report(client, tmp_path / "r.csv", filters=YEAR, window_by="appointment_date")


def test_rows_whose_date_cannot_be_parsed_are_kept(tmp_path: Path) -> None:
    def page(page: dict[str, Any], query: dict[str, str]) -> None:
        for row in page["results"]:
            row["appointmentDate"] = "soon"

    with Sandbox() as sandbox, client_of(sandbox) as client:
        sandbox.interceptors.append(Meddler(page=page))
        result = export_report(client, tmp_path / "r.csv", filters=YEAR, window_by="appointment_date")
        assert result.rows == result.total == 174


def test_without_a_total_windows_cannot_be_checked(tmp_path: Path) -> None:
    def page(page: dict[str, Any], query: dict[str, str]) -> None:
        page["total"] = None

    with Sandbox() as sandbox, client_of(sandbox) as client:
        sandbox.interceptors.append(Meddler(page=page))
        with pytest.raises(ExportError, match="the server announces no total"):
            export_report(client, tmp_path / "r.csv", filters=YEAR, window_by="appointment_date")
        assert len(sandbox.requests) == 1
        result = export_report(client, tmp_path / "r.csv", filters=YEAR)
    assert result.total is None
    assert result.rows > 100
    assert [each.name for each in tmp_path.iterdir()] == ["r.csv"]
