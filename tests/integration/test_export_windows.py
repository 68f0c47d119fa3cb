"""Exports of windows of the sandbox's report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from invigilate import APIError, ISpringLearn, SmarterProctoring
from invigilate.export import ExportError, Window, export, record_batches, windows
from invigilate.sandbox import Sandbox, faults
from tests.support.exporting import FORMATS, YEAR, Meddler, client_of, csv_rows, json_lines, learn_client_of, names

BOUNDS: dict[str, Any] = {"after": "appointment_date_after", "before": "appointment_date_before"}


def windows_of(client: SmarterProctoring, rows: int = 30, **bounds: Any) -> list[Window]:
    return windows(client.reports.service_distribution(**(bounds or YEAR)), **BOUNDS, rows=rows)


@pytest.mark.parametrize("form", FORMATS)
def test_windows_add_up_to_the_report(tmp_path: Path, form: str) -> None:
    sort: dict[str, Any] = {"sort_keys": ["appointmentDate"]}
    with Sandbox(report_rows=500) as sandbox, client_of(sandbox) as client:
        parts = windows_of(client, **YEAR, **sort)
        whole = client.reports.service_distribution(**YEAR, **sort).export(tmp_path / f"whole.{form}")
        result = export(parts, tmp_path / f"windows.{form}")
        labeled = record_batches({"a": parts, "b": parts[0], "c": client.reports.service_distribution(**YEAR)})
        assert labeled.read_all().num_rows == 2 * whole.rows + parts[0].total
    assert (result.rows, result.total, result.parts) == (whole.rows, whole.rows, len(parts))
    assert len(parts) > 10
    assert max(window.total for window in parts) <= 30
    if form != "parquet":
        # Sorted by the same time, so they differ only in the order of rows with equal times.
        contents = [sorted((tmp_path / f"{name}.{form}").read_bytes().split(b"\n")) for name in ("whole", "windows")]
        assert contents[0] == contents[1]


def test_by_the_date_of_closing(tmp_path: Path) -> None:
    bounds: dict[str, Any] = {"close_date_after": "2026-01-01T00:00:00Z", "close_date_before": "2026-09-01T00:00:00Z"}
    with Sandbox(report_rows=500) as sandbox, client_of(sandbox) as client:
        pager = client.reports.service_distribution(**bounds)
        parts = windows(pager, after="close_date_after", before="close_date_before", rows=20)
        export(parts, tmp_path / "r.jsonl")
        expected = sorted(str(row.sid) for row in pager)
    assert sorted(row["sid"] for row in json_lines(tmp_path / "r.jsonl")) == expected


def test_a_window_with_fewer_rows_than_planned_ends_the_export(tmp_path: Path) -> None:
    def short(page: dict[str, Any], query: dict[str, str]) -> None:
        if page["results"] and query["appointmentDateAfter"] == changed[0]:
            page["results"].pop()
            page["total"] -= 1

    with Sandbox() as sandbox, client_of(sandbox) as client:
        parts = windows_of(client)
        changed = [f"{parts[2].after.isoformat(timespec='milliseconds')[:-6]}Z"]
        sandbox.interceptors.append(Meddler(page=short))
        with pytest.raises(ExportError, match=r"received (\d+) rows, but \d+ were announced; plan again"):
            export(parts, tmp_path / "r.csv")
        assert names(tmp_path) == ["r.csv.checkpoint"]
        with pytest.raises(ExportError, match="plan again"):
            record_batches(parts).read_all()
        sandbox.interceptors.clear()
        result = export(windows_of(client), tmp_path / "r.csv")
    assert result.resumed_rows == parts[0].total + parts[1].total
    assert result.rows == len(csv_rows(tmp_path / "r.csv")) == 174


def test_other_windows_of_the_same_whole_continue_where_they_are_the_same(tmp_path: Path) -> None:
    with Sandbox() as sandbox, client_of(sandbox, max_retries=0) as client:
        whole = client.reports.service_distribution(**YEAR).export(tmp_path / "whole.jsonl")
        parts = windows_of(client)
        with sandbox.faults.during("getServiceDistribution", faults.unavailable(after=3)), pytest.raises(APIError):
            export(parts, tmp_path / "r.jsonl")
        # Planned again, after a session was booked in the second window.
        early = parts[1].after.isoformat()
        client.exam_sessions.schedule(
            exam_sid=sandbox.exam_sid, session_sid=sandbox.session_sid, type_="automated", appointment_date_time=early
        )
        again = windows_of(client, rows=max(window.total for window in parts[:1]))
        result = export(again, tmp_path / "r.jsonl")
        expected = {row.sid for row in client.reports.service_distribution(**YEAR)}
    assert result.rows == whole.rows + 1
    assert {row["sid"] for row in json_lines(tmp_path / "r.jsonl")} == expected
    assert sandbox.session_sid in expected


def test_rows_between_planning_and_reading_are_read(tmp_path: Path) -> None:
    with Sandbox() as sandbox, client_of(sandbox) as client:
        parts = windows_of(client)
        client.exam_sessions.schedule(
            exam_sid=sandbox.exam_sid, session_sid=sandbox.session_sid, type_="automated",
            appointment_date_time="2026-01-15T10:00:00Z",
        )  # fmt: skip
        result = export(parts, tmp_path / "r.jsonl")
    assert (result.rows, result.total) == (175, 175)
    assert sandbox.session_sid in {row["sid"] for row in json_lines(tmp_path / "r.jsonl")}


def test_a_list_without_bounds_or_totals_is_refused() -> None:
    with Sandbox() as sandbox, learn_client_of(sandbox) as client:
        learn: ISpringLearn = client
        with pytest.raises(ExportError, match="after: expected both bounds"):
            windows(learn.users.list(), after="after", before="before")
        assert len(sandbox.requests) == 0
