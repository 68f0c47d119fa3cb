"""Exports of the report of the sandbox, in every format."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from invigilate import AuthenticationError, BadRequestError, PermissionDeniedError, ReportWarning, parse_timestamp
from invigilate.export import ExportArgumentError, ExportProgress, export_report
from invigilate.sandbox import Sandbox, faults
from tests.support.exporting import BY_DATE, Meddler, client_of, csv_rows, json_lines, rows_of

REPORT = "getServiceDistribution"
FORMATS = ("csv", "jsonl", "parquet")


def test_json_lines_are_the_rows_as_received(tmp_path: Path) -> None:
    with Sandbox() as sandbox, client_of(sandbox) as client:
        result = export_report(client, tmp_path / "report.jsonl")
        rows = [row.to_dict() for row in rows_of(client)]
    assert json_lines(tmp_path / "report.jsonl") == rows
    assert list(json_lines(tmp_path / "report.jsonl")[0]) == list(rows[0])
    assert (result.rows, result.total, result.windows, result.warnings) == (240, 240, 1, ())
    assert (result.path, result.resumed_rows, dict(result.misfits)) == (tmp_path / "report.jsonl", 0, {})


def test_csv_has_the_documented_columns_and_those_of_keys(tmp_path: Path) -> None:
    path = tmp_path / "report.csv"
    with Sandbox() as sandbox, client_of(sandbox) as client:
        export_report(client, path)
        rows = [row.to_dict() for row in rows_of(client)]
    found = csv_rows(path)
    assert list(found[0]) == [
        "sid", "status", "statusReason", "billable", "schedulingModule", "workflowModule",
        "appointmentDate", "dateClosed", "dateCancelled", "exam.sid", "exam.title",
        "course.sid", "course.title", "course.code", "user.sid", "user.firstName", "user.lastName", "user.email",
        "courseOffering.sid", "courseOffering.title", "serviceType", "additional",
    ]  # fmt: skip
    for line, row in zip(found, rows, strict=True):
        flat = {key: value for key, value in row.items() if not isinstance(value, dict)}
        for name, value in row.items():
            if isinstance(value, dict):
                flat.update({f"{name}.{key}": item for key, item in value.items()})
        flat["billable"] = "true" if flat["billable"] else "false"
        assert line == {name: value or "" for name, value in flat.items()} | {"additional": ""}
    content = path.read_bytes()
    assert content.count(b"\r\n") == content.count(b"\n") == 241
    assert not content.startswith(b"\xef\xbb\xbf")


@pytest.mark.parametrize("nested", ["struct", "json"])
def test_csv_with_objects_as_json(tmp_path: Path, nested: Any) -> None:
    with Sandbox() as sandbox, client_of(sandbox) as client:
        export_report(client, tmp_path / "report.csv", nested=nested)
        row = client.reports.service_distribution(limit=1).first()
    found = csv_rows(tmp_path / "report.csv")[0]
    assert row is not None
    assert len(found) == 15
    assert json.loads(found["exam"]) == row.exam


def test_parquet_has_times_booleans_and_structs(tmp_path: Path) -> None:
    with Sandbox() as sandbox, client_of(sandbox) as client:
        export_report(client, tmp_path / "report.parquet")
        export_report(client, tmp_path / "flat.parquet", nested="flatten")
        export_report(client, tmp_path / "json.parquet", nested="json")
        rows = [row.to_dict() for row in rows_of(client)]
    table = pq.read_table(tmp_path / "report.parquet")
    assert table.schema.field("appointmentDate").type == pa.timestamp("us", "UTC")
    assert table.schema.field("billable").type == pa.bool_()
    assert pa.types.is_struct(table.schema.field("exam").type)
    found = table.to_pylist()
    for line, row in zip(found, rows, strict=True):
        for name in ("appointmentDate", "dateClosed", "dateCancelled"):
            row[name] = None if row[name] is None else parse_timestamp(row[name])
        assert line == row | {"additional": None}
    flat = pq.read_table(tmp_path / "flat.parquet")
    assert flat.column_names == list(csv_header(tmp_path, found))
    assert flat["user.email"].to_pylist() == [row["user"]["email"] for row in rows]
    as_json = pq.read_table(tmp_path / "json.parquet")
    assert as_json.schema.field("exam").type == pa.string()


def csv_header(folder: Path, rows: list[dict[str, Any]]) -> list[str]:
    """The columns of rows, with one for each key of nested objects."""
    names: list[str] = []
    for name, value in rows[0].items():
        names += [f"{name}.{key}" for key in value] if isinstance(value, dict) else [name]
    return names


@pytest.mark.parametrize("form", FORMATS)
def test_windows_add_up_to_the_report(tmp_path: Path, form: Any) -> None:
    with Sandbox(report_rows=500) as sandbox, client_of(sandbox) as client:
        whole = export_report(client, tmp_path / f"whole.{form}", filters=BY_DATE)
        windows = export_report(
            client,
            tmp_path / f"windows.{form}",
            filters=BY_DATE,
            window_by="appointment_date",
            window=timedelta(days=10),
        )
        automatic = export_report(client, tmp_path / f"auto.{form}", filters=BY_DATE, window_by="appointment_date")
    assert whole.rows == windows.rows == automatic.rows > 300
    assert (whole.windows, windows.windows, automatic.windows) == (1, 37, 4)
    assert windows.total == windows.rows
    # Sorted by the same date, so the files differ only in rows with equal dates.
    contents = [
        sorted((tmp_path / f"{name}.{form}").read_bytes().split(b"\n")) for name in ("whole", "windows", "auto")
    ]
    if form != "parquet":
        assert contents[0] == contents[1] == contents[2]
    else:
        dates = [
            pq.read_table(tmp_path / f"{name}.parquet")["appointmentDate"] for name in ("whole", "windows", "auto")
        ]
        assert dates[0].equals(dates[1])
        assert dates[0].equals(dates[2])


def test_windows_by_the_date_of_closing(tmp_path: Path) -> None:
    bounds = {"close_date_after": "2026-01-01T00:00:00Z", "close_date_before": "2026-09-01T00:00:00Z"}
    with Sandbox(report_rows=500) as sandbox, client_of(sandbox) as client:
        result = export_report(
            client, tmp_path / "r.jsonl", filters=bounds, window_by="close_date", window=timedelta(days=7)
        )
        expected = {row.sid for row in rows_of(client, **bounds, limit=1000)}
    assert {row["sid"] for row in json_lines(tmp_path / "r.jsonl")} == expected
    assert result.rows == len(expected) > 100


def test_descending_windows_keep_the_order(tmp_path: Path) -> None:
    with Sandbox(report_rows=500) as sandbox, client_of(sandbox) as client:
        export_report(
            client,
            tmp_path / "r.jsonl",
            filters={**BY_DATE, "sort_order": "DESC"},
            window_by="appointment_date",
            window=timedelta(days=30),
        )
    dates = [row["appointmentDate"] for row in json_lines(tmp_path / "r.jsonl")]
    assert dates == sorted(dates, reverse=True)
    assert len(dates) > 300


@pytest.mark.parametrize("windows", [{}, {"window_by": "appointment_date", "window": timedelta(days=60)}])
@pytest.mark.parametrize("form", FORMATS)
def test_several_installs_with_a_column_of_installs(tmp_path: Path, form: Any, windows: Any) -> None:
    path = tmp_path / f"report.{form}"
    with Sandbox() as sandbox, client_of(sandbox) as client:
        installs = [sandbox.other_install_sid, sandbox.install_sid]
        result = export_report(client, path, installs=installs, install_column="install", filters=BY_DATE, **windows)
        counts = [len(rows_of(client.for_install(each), **BY_DATE)) for each in installs]
    if form == "csv":
        names = [row["install"] for row in csv_rows(path)]
        assert path.read_text().startswith("install,sid,")
    elif form == "jsonl":
        names = [row["install"] for row in json_lines(path)]
        assert next(iter(json_lines(path)[0])) == "install"
    else:
        names = pq.read_table(path)["install"].to_pylist()
    assert names == [installs[0]] * counts[0] + [installs[1]] * counts[1]
    assert result.rows == sum(counts)


def test_larger_pages_are_requested_and_a_cap_is_accepted(tmp_path: Path) -> None:
    with Sandbox() as sandbox, client_of(sandbox) as client:
        export_report(client, tmp_path / "one.jsonl")
        assert [request.query for request in sandbox.requests] == ["limit=1000"]
        sandbox.faults.add(REPORT, faults.cap_limit(limit=60))
        export_report(client, tmp_path / "capped.jsonl")
        assert len(sandbox.requests) == 1 + 4
        export_report(client, tmp_path / "own.jsonl", page_size=None)
        assert "limit" not in list(sandbox.requests)[5].query
    assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "capped.jsonl").read_bytes()
    assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "own.jsonl").read_bytes()


@pytest.mark.parametrize("status", [400, 413, 422])
@pytest.mark.parametrize(("most", "asked"), [(300, 200), (100, 100), (0, None)])
def test_refused_pages_become_smaller(tmp_path: Path, status: int, most: int, asked: int | None) -> None:
    def refuse(query: dict[str, str]) -> int | None:
        return status if int(query.get("limit", 0)) > most and query["limit"] != "1" else None

    with Sandbox() as sandbox, client_of(sandbox) as client:
        sandbox.interceptors.append(Meddler(refuse=refuse))
        result = export_report(
            client, tmp_path / "r.csv", filters=BY_DATE, window_by="appointment_date", window=timedelta(days=60)
        )
        last = list(sandbox.requests)[-2].query
    assert result.rows == len(csv_rows(tmp_path / "r.csv")) > 100
    assert (f"limit={asked}" in last) if asked else ("limit" not in last)


def test_a_request_refused_for_another_reason_raises(tmp_path: Path) -> None:
    with Sandbox() as sandbox, client_of(sandbox) as client:
        sandbox.interceptors.append(Meddler(refuse=lambda _: 400))
        with pytest.raises(BadRequestError):
            export_report(client, tmp_path / "r.csv")
    # Nothing was read, so no checkpoint is kept.
    assert list(tmp_path.iterdir()) == []


def test_wrong_credentials_leave_nothing(tmp_path: Path) -> None:
    with Sandbox() as sandbox, client_of(sandbox, token="wrong") as client:
        with pytest.raises((PermissionDeniedError, AuthenticationError)):
            export_report(client, tmp_path / "r.csv")
        with pytest.raises((PermissionDeniedError, AuthenticationError)):
            export_report(client, tmp_path / "r.csv", filters=BY_DATE, window_by="appointment_date")
    assert list(tmp_path.iterdir()) == []


def test_pages_in_flight_are_bounded_over_all_windows(tmp_path: Path) -> None:
    guard, now, most = threading.Lock(), 0, 0

    class Watch:
        def connected(self, api: str) -> None:
            pass

        def reached(self, phase: Any, exchange: Any) -> None:
            nonlocal now, most
            with guard:
                if phase.name == "RECEIVED":
                    now += 1
                    most = max(most, now)
                elif phase.name == "OVER":
                    now -= 1
            if phase.name == "APPLIED":
                exchange.connection.wait(0.01)

    with Sandbox(report_rows=500) as sandbox, client_of(sandbox) as client:
        sandbox.interceptors.append(Watch())
        export_report(
            client,
            tmp_path / "r.csv",
            filters=BY_DATE,
            window_by="appointment_date",
            window=timedelta(days=60),
            page_size=5,
            prefetch=6,
            parallel=3,
        )
    assert 3 < most <= 6


def test_progress_is_reported_in_the_thread_of_the_caller(tmp_path: Path) -> None:
    reports: list[ExportProgress] = []
    threads = set[int]()

    def on_progress(progress: ExportProgress) -> None:
        reports.append(progress)
        threads.add(threading.get_ident())

    with Sandbox(report_rows=500) as sandbox, client_of(sandbox) as client:
        result = export_report(
            client,
            tmp_path / "r.csv",
            filters=BY_DATE,
            window_by="appointment_date",
            window=timedelta(days=30),
            on_progress=on_progress,
        )
    assert threads == {threading.get_ident()}
    assert (reports[0].phase, reports[0].rows, reports[0].total, reports[0].windows) == ("reading", 0, result.rows, 13)
    reading = [each for each in reports if each.phase == "reading"]
    assert (reading[-1].rows, reading[-1].windows_done) == (result.rows, 13)
    assert reading[-1].rows_per_second is not None
    assert reading[-1].seconds_left == 0
    assert (reports[-1].phase, reports[-1].rows, reports[-1].total) == ("writing", result.rows, result.rows)
    assert [each.rows for each in reading] == sorted(each.rows for each in reading)


def test_an_exception_in_on_progress_ends_the_export(tmp_path: Path) -> None:
    def on_progress(progress: ExportProgress) -> None:
        raise KeyboardInterrupt

    with Sandbox() as sandbox, client_of(sandbox) as client, pytest.raises(KeyboardInterrupt):
        export_report(client, tmp_path / "r.csv", on_progress=on_progress)
    assert not (tmp_path / "r.csv").exists()


def test_warnings_of_paging_are_in_the_result(tmp_path: Path) -> None:
    with Sandbox() as sandbox, client_of(sandbox) as client:
        sandbox.faults.add(REPORT, faults.pages_shift(rows=1, most=2))
        with pytest.warns(ReportWarning):
            result = export_report(
                client, tmp_path / "r.jsonl", page_size=50, installs=[sandbox.install_sid], prefetch=1
            )
    assert len(result.warnings) >= 2
    assert all(warning.startswith(f"install {sandbox.install_sid}: ") for warning in result.warnings)
    assert "the total changed from 240 to 241" in result.warnings[0]
    # Rows stay as received.
    assert result.rows == len(json_lines(tmp_path / "r.jsonl")) == 242


def test_in_asyncio_it_runs_in_a_thread(tmp_path: Path) -> None:
    from invigilate import AsyncSmarterProctoring

    async def main() -> int:
        async with AsyncSmarterProctoring("x", sandbox.install_sid, base_url=sandbox.smarterproctoring_url) as other:
            with pytest.raises(ExportArgumentError, match="in a thread"):
                export_report(other, tmp_path / "r.csv")  # type: ignore[arg-type]
        with client_of(sandbox) as client:
            result = await anyio.to_thread.run_sync(lambda: export_report(client, tmp_path / "r.csv"))
        return result.rows

    with Sandbox() as sandbox:
        assert anyio.run(main) == 240


def test_values_of_other_types_and_undocumented_fields_are_kept(tmp_path: Path) -> None:
    with Sandbox() as sandbox, client_of(sandbox) as client:
        sandbox.faults.add(REPORT, faults.wrong_types())
        expected = [row.to_dict() for row in rows_of(client, limit=1000)]
        for form in FORMATS:
            result = export_report(client, tmp_path / f"wrong.{form}")
        assert result.misfits["sid"] == 240
        sandbox.faults.clear()
        sandbox.faults.add(REPORT, faults.extra_fields())
        more = rows_of(client, limit=1000)
        for form in FORMATS:
            export_report(client, tmp_path / f"more.{form}")
    assert json_lines(tmp_path / "wrong.jsonl") == expected
    table = pq.read_table(tmp_path / "wrong.parquet").to_pylist()
    for line, row in zip(table, expected, strict=True):
        kept = {name: value for name, value in line.items() if value is not None and name != "additional"}
        for name in ("exam", "course", "user", "courseOffering"):
            # No row has an object there, so these are columns of JSON.
            kept[name] = json.loads(kept[name])
        for name, value in kept.items():
            if isinstance(value, datetime):
                kept[name] = value.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
        together = kept | json.loads(line["additional"] or "{}")
        assert together == {name: value for name, value in row.items() if value is not None}
    assert [row.to_dict() for row in more] == json_lines(tmp_path / "more.jsonl")
    assert more[0].additional_properties
    for each, cells, line in zip(
        more, csv_rows(tmp_path / "more.csv"), pq.read_table(tmp_path / "more.parquet").to_pylist(), strict=True
    ):
        assert json.loads(cells["additional"]) == each.additional_properties
        assert json.loads(line["additional"]) == each.additional_properties
