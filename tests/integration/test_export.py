"""Exports from the sandbox, over real sockets."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import anyio
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from invigilate import (
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    IncompleteResultError,
    InternalServerError,
    PermissionDeniedError,
    ReportWarning,
)
from invigilate.export import ExportError, ExportProgress, ExportResult, export, record_batches
from invigilate.sandbox import Sandbox, faults
from tests.support.exporting import (
    FORMATS,
    PARTS,
    Meddler,
    client_of,
    csv_rows,
    json_lines,
    learn_client_of,
    names,
    parts_of_year,
)

REPORT = "getServiceDistribution"


def column(path: Path, name: str) -> list[Any]:
    """A column of a file of any format."""
    if path.suffix == ".parquet":
        return list(pq.read_table(path)[name].to_pylist())
    rows: list[Any] = csv_rows(path) if path.suffix == ".csv" else json_lines(path)
    return [row.get(name) for row in rows]


@pytest.mark.parametrize("form", FORMATS)
def test_a_report(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"report.{form}"
    with Sandbox() as sandbox, client_of(sandbox) as client:
        result: ExportResult = client.reports.service_distribution().export(path)
        rows = [row.to_dict() for row in client.reports.service_distribution()]
        table = client.reports.service_distribution().to_arrow()
        assert sandbox.defects == []
    assert (result.path, result.rows, result.total, result.parts) == (path, 240, 240, 1)
    assert (result.warnings, result.resumed_rows, dict(result.misfits)) == ((), 0, {})
    assert column(path, "sid") == table["sid"].to_pylist() == [row["sid"] for row in rows]
    if form == "jsonl":
        assert json_lines(path) == rows
    elif form == "csv":
        assert list(csv_rows(path)[0]) == [*rows[0], "additional"]
        assert [json.loads(cell) for cell in column(path, "user")] == [row["user"] for row in rows]
        assert column(path, "appointmentDate") == [row["appointmentDate"] or "" for row in rows]
    else:
        found = pq.read_table(path)
        assert found.cast(table.schema).equals(table)
        assert found.schema.field("appointmentDate").type == pa.timestamp("us", "UTC")
        assert found["billable"].to_pylist() == [row["billable"] for row in rows]
    assert names(tmp_path) == [path.name]


@pytest.mark.parametrize("form", FORMATS)
def test_several_sources_have_a_column_of_labels(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"report.{form}"
    with Sandbox() as sandbox, client_of(sandbox) as client:
        installs = [sandbox.other_install_sid, sandbox.install_sid]
        views = {sid: client.for_install(sid) for sid in installs}
        counts = [len(view.reports.service_distribution().collect()) for view in views.values()]
        # Each label has a pager, or a list of them.
        source: dict[str, Any] = {sid: view.reports.service_distribution() for sid, view in views.items()}
        result = export(source, path, label="installSid")
        source["again"] = parts_of_year(client)
        table = record_batches(source, label="installSid").read_all()
    labels = [installs[0]] * counts[0] + [installs[1]] * counts[1]
    assert column(path, "installSid") == labels
    assert (result.rows, result.total, result.parts) == (sum(counts), sum(counts), 2)
    assert table["installSid"].to_pylist() == [*labels, *["again"] * 174]
    if form == "csv":
        assert path.read_text().startswith("installSid,sid,")
    assert table.schema.names[0] == "installSid"


@pytest.mark.parametrize("form", FORMATS)
def test_a_label_that_is_a_field_of_a_row_raises(tmp_path: Path, form: str) -> None:
    def page(page: dict[str, Any], query: dict[str, str]) -> None:
        page["results"][-1]["from"] = "elsewhere"

    with Sandbox() as sandbox, client_of(sandbox) as client:
        sandbox.interceptors.append(Meddler(page=page))
        source = {"a": client.reports.service_distribution()}
        with pytest.raises(ExportError, match=r"^a: a row has a field 'from' of its own; pass another label"):
            export(source, tmp_path / f"r.{form}", label="from")
        for label in ("sid", "SID", "additional"):
            with pytest.raises(ExportError, match="label: expected a name that no other column has"):
                export(source, tmp_path / f"r.{form}", label=label)
        assert names(tmp_path) == []
        assert export({"a": client.reports.service_distribution()}, tmp_path / f"r.{form}").rows == 240


def test_values_of_other_types_and_undocumented_fields_are_kept(tmp_path: Path) -> None:
    with Sandbox() as sandbox, client_of(sandbox) as client:
        for fault in (faults.wrong_types(), faults.extra_fields(), faults.nulls()):
            with sandbox.faults.during(REPORT, fault):
                pager = client.reports.service_distribution()
                expected = [row.to_dict() for row in pager]
                results = {form: pager.export(tmp_path / f"r.{form}", overwrite=True) for form in FORMATS}
            assert json_lines(tmp_path / "r.jsonl") == expected
            assert results["csv"].misfits.keys() <= results["parquet"].misfits.keys()
            # Times are strings in CSV.
            wrong = isinstance(fault, type(faults.wrong_types()))
            assert bool(results["csv"].misfits) is wrong
            lines = pq.read_table(tmp_path / "r.parquet").to_pylist()
            for row, line, cells in zip(expected, lines, csv_rows(tmp_path / "r.csv"), strict=True):
                more = json.loads(line["additional"] or "{}")
                assert json.loads(cells["additional"] or "{}").keys() <= more.keys()
                for name, value in row.items():
                    assert name in more or name in line
                    assert value is None or more.get(name) == value or line[name] is not None


def test_pages_are_as_large_as_the_server_accepts(tmp_path: Path) -> None:
    with Sandbox() as sandbox, client_of(sandbox) as client:
        pager = client.reports.service_distribution()
        export(pager, tmp_path / "one.jsonl")
        assert [request.query for request in sandbox.requests] == ["limit=1000"]
        with sandbox.faults.during(REPORT, faults.cap_limit(limit=60)):
            export(pager, tmp_path / "capped.jsonl")
        assert len(sandbox.requests) == 1 + 4
        export(client.reports.service_distribution(limit=100), tmp_path / "own.jsonl")
        assert list(sandbox.requests)[5].query == "limit=100"
        # The call itself is unchanged.
        assert "limit" not in pager.call.arguments
    contents = {(tmp_path / f"{name}.jsonl").read_bytes() for name in ("one", "capped", "own")}
    assert len(contents) == 1


@pytest.mark.parametrize("status", [400, 413, 422])
@pytest.mark.parametrize(("most", "asked"), [(300, 200), (100, 100), (0, None)])
def test_refused_pages_become_smaller(tmp_path: Path, status: int, most: int, asked: int | None) -> None:
    with Sandbox() as sandbox, client_of(sandbox) as client:
        sandbox.interceptors.append(Meddler(refuse=lambda query: status if int(query.get("limit", 0)) > most else None))
        result = export(parts_of_year(client), tmp_path / "r.csv")
        queries = [request.query for request in sandbox.requests]
    sizes = [1000, 500, 200, 100]
    refused = sizes[: sizes.index(asked)] if asked else sizes
    assert result.rows == len(csv_rows(tmp_path / "r.csv")) == 174
    # Later parts request what was accepted.
    limits = [dict(parse_qsl(query)).get("limit") for query in queries]
    assert limits == [str(size) for size in refused] + [str(asked) if asked else None] * (len(limits) - len(refused))


def test_only_a_first_page_is_requested_again_with_another_size(tmp_path: Path) -> None:
    with Sandbox(report_rows=2500) as sandbox, client_of(sandbox) as client:
        sandbox.interceptors.append(Meddler(refuse=lambda query: 400 if query.get("offset") == "1000" else None))
        with pytest.raises(BadRequestError):
            export(client.reports.service_distribution().prefetch(1), tmp_path / "r.csv")
        assert all("limit=1000" in request.query for request in sandbox.requests)
        # A size of the caller is not changed.
        sandbox.interceptors[0] = Meddler(refuse=lambda query: 400 if int(query["limit"]) > 100 else None)
        before = len(sandbox.requests)
        with pytest.raises(BadRequestError):
            export(client.reports.service_distribution(limit=500), tmp_path / "r.csv")
        assert len(sandbox.requests) == before + 1
    assert names(tmp_path) == []


def test_a_documented_maximum_is_the_largest_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Sandbox() as sandbox, client_of(sandbox) as client:
        pager = client.reports.service_distribution()
        operation = pager.call.operation
        for maximum, sent in ((150, [150, 100]), (5000, [5000, 1000])):
            fields = tuple(f._replace(maximum=maximum) if f.name == "limit" else f for f in operation.fields)
            monkeypatch.setattr(pager.call, "operation", operation._replace(fields=fields))
            refused = str(sent[0])

            def refuse(query: dict[str, str], refused: str = refused) -> int | None:
                return 400 if query["limit"] == refused else None

            sandbox.interceptors[:] = [Meddler(refuse=refuse)]
            before = len(sandbox.requests)
            assert export(pager, tmp_path / "r.csv", overwrite=True).rows == 240
            found = [request.query for request in list(sandbox.requests)[before:]]
            assert [f"limit={size}" for size in sent] == [query.split("&")[-1] for query in found[:2]]


@pytest.mark.parametrize("form", FORMATS)
def test_errors_are_those_of_the_api_and_leave_nothing(tmp_path: Path, form: str) -> None:
    def fail(error: Any, match: str | None = None, **options: Any) -> None:
        with client_of(sandbox, max_retries=0, **options) as client:
            pager = client.reports.service_distribution(limit=50)
            with pytest.raises(error, match=match):
                export(pager, tmp_path / f"r.{form}")
            with pytest.raises(error, match=match):
                record_batches(pager).read_all()
        assert names(tmp_path) == []

    with Sandbox() as sandbox:
        fail((PermissionDeniedError, AuthenticationError), token="wrong")
        with sandbox.faults.during(REPORT, faults.status(status=500, after=2)):
            fail(InternalServerError, "500")
            sandbox.faults.clear()
        with sandbox.faults.during(REPORT, faults.empty_page(after=2)):
            fail(IncompleteResultError, "is empty, but the total is 240")
        with sandbox.faults.during(REPORT, faults.stall(seconds=20)):
            fail(APITimeoutError, deadline=0.3)


def test_a_deadline_covers_all_pages(tmp_path: Path) -> None:
    def slow(page: dict[str, Any], query: dict[str, str]) -> None:
        time.sleep(0.1)

    with Sandbox() as sandbox, client_of(sandbox, deadline=0.5) as client:
        sandbox.interceptors.append(Meddler(page=slow))
        started = time.monotonic()
        with pytest.raises(APITimeoutError):
            export(client.reports.service_distribution(limit=5).prefetch(1), tmp_path / "r.csv")
        assert time.monotonic() - started < 3
    assert names(tmp_path) == []


def test_progress_is_reported_in_the_thread_of_the_caller(tmp_path: Path) -> None:
    reports: list[ExportProgress] = []
    threads = set[int]()

    def on_progress(progress: ExportProgress) -> None:
        reports.append(progress)
        threads.add(threading.get_ident())

    with Sandbox(report_rows=500) as sandbox, client_of(sandbox) as client:
        sandbox.interceptors.append(Meddler(page=lambda *_: time.sleep(0.02)))
        result = export(parts_of_year(client, limit=10), tmp_path / "r.csv", on_progress=on_progress)
    assert threads == {threading.get_ident()}
    reading = [each for each in reports if each.phase == "reading"]
    assert [each.rows for each in reading] == sorted(each.rows for each in reading)
    assert (reading[-1].rows, reading[-1].total) == (result.rows, result.rows)
    assert (reading[-1].parts_done, reading[-1].parts) == (PARTS, PARTS)
    assert reading[-1].pages >= result.rows // 10
    assert reading[-1].rows_per_second is not None
    assert reading[-1].seconds_left == 0
    # Until the last part has begun, the total is unknown.
    assert reading[0].total is None
    assert (reports[-1].phase, reports[-1].rows) == ("writing", result.rows)


def test_ctrl_c_ends_an_export_and_keeps_complete_parts(tmp_path: Path) -> None:
    def on_progress(progress: ExportProgress) -> None:
        if progress.parts_done == 3:
            raise KeyboardInterrupt

    with Sandbox() as sandbox, client_of(sandbox) as client:
        with pytest.raises(KeyboardInterrupt):
            export(parts_of_year(client), tmp_path / "r.csv", on_progress=on_progress)
        assert names(tmp_path) == ["r.csv.checkpoint"]
        before = len(sandbox.requests)
        result = export(parts_of_year(client), tmp_path / "r.csv")
        assert len(sandbox.requests) - before == PARTS - 3
    assert 0 < result.resumed_rows < result.rows == 174


def test_rows_that_change_while_they_are_read_are_in_the_warnings(tmp_path: Path) -> None:
    with Sandbox() as sandbox, client_of(sandbox) as client:
        sandbox.faults.add(REPORT, faults.pages_shift(rows=1, most=2))
        pager = client.reports.service_distribution(limit=50).prefetch(1)
        with pytest.warns(ReportWarning):
            result = export({"a": pager}, tmp_path / "r.jsonl")
    assert len(result.warnings) >= 2
    assert result.warnings[0].startswith("a: at row 50, the total changed from 240 to 241; rows may be missing")
    assert result.rows == len(json_lines(tmp_path / "r.jsonl")) == 242


def test_pages_in_flight_are_those_of_the_pager(tmp_path: Path) -> None:
    guard, now, most = threading.Lock(), 0, 0

    class Watch:
        def connected(self, api: str) -> None:
            pass

        def reached(self, phase: Any, exchange: Any) -> None:
            nonlocal now, most
            with guard:
                now += {"RECEIVED": 1, "OVER": -1}.get(phase.name, 0)
                most = max(most, now)
            if phase.name == "APPLIED":
                exchange.connection.wait(0.02)

    with Sandbox(report_rows=300) as sandbox, client_of(sandbox) as client:
        sandbox.interceptors.append(Watch())
        for pages in (1, 3):
            most = 0
            export(client.reports.service_distribution(limit=5).prefetch(pages), tmp_path / f"{pages}.jsonl")
            assert pages <= most <= pages + 1


def test_record_batches_are_lazy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("invigilate.export.tables._BATCH", 1000)
    with Sandbox(report_rows=5000) as sandbox, client_of(sandbox, max_retries=0) as client:
        reader = record_batches(client.reports.service_distribution(limit=1000).prefetch(1))
        assert len(sandbox.requests) == 0
        assert reader.read_next_batch().num_rows == 1000
        assert len(sandbox.requests) <= 3
        with sandbox.faults.during(REPORT, faults.status(status=403)), pytest.raises(PermissionDeniedError):
            reader.read_all()


def test_raw_pages_of_an_operation_that_is_not_captured(tmp_path: Path) -> None:
    with Sandbox() as sandbox, client_of(sandbox) as client:
        path = f"/v1/installs/{sandbox.install_sid}/reports/serviceDistribution"
        pager = client.paginate(path, params={"limit": 100})
        for form in FORMATS:
            assert pager.export(tmp_path / f"r.{form}").rows == 240
        rows = pager.collect()
        # Without documented columns, all is additional.
        assert pager.to_arrow().column_names == ["additional"]
    assert json_lines(tmp_path / "r.jsonl") == rows
    assert [json.loads(cell) for cell in column(tmp_path / "r.csv", "additional")] == rows
    assert [json.loads(cell) for cell in column(tmp_path / "r.parquet", "additional")] == rows


def test_cursors_of_either_api_method(tmp_path: Path) -> None:
    with Sandbox() as sandbox, learn_client_of(sandbox) as client:
        sandbox.populate(250)
        pagers: list[Any] = [
            client.enrollments.list(page_size=60),
            client.enrollments.search(page_size=60),
            client.users.list(),
        ]
        for number, pager in enumerate(pagers):
            path = tmp_path / f"{number}.jsonl"
            result = pager.export(path)
            rows = [row.to_dict() for row in pager]
            assert result.rows == len(rows) > 250
            assert result.total is None
            assert json_lines(path) == rows
        assert [request.method for request in sandbox.requests if request.path.endswith("/enrollments")].count(
            "POST"
        ) >= 8
        assert (tmp_path / "0.jsonl").read_bytes() == (tmp_path / "1.jsonl").read_bytes()
        assert sandbox.defects == []


def test_in_asyncio_it_runs_in_a_thread(tmp_path: Path) -> None:
    async def main() -> int:
        with client_of(sandbox) as client:
            pager = client.reports.service_distribution()
            result = await anyio.to_thread.run_sync(lambda: export(pager, tmp_path / "r.csv"))
        return result.rows

    with Sandbox() as sandbox:
        assert anyio.run(main) == 240


@pytest.mark.parametrize(
    "name", ["r[0-9]?*.csv", 'it\'s "mine"; --.parquet', "Größe {a}$b.csv", "a\nb.parquet", "~.jsonl"]
)
def test_any_path(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "it's [*] ?"
    folder.mkdir()
    (folder / "r0x.csv.checkpoint").mkdir()
    (folder / "r0x.csv.checkpoint" / "rows.jsonl").write_text('{"sid": "decoy"}\n')
    with Sandbox(report_rows=20) as sandbox, client_of(sandbox) as client:
        assert client.reports.service_distribution().export(folder / name, csv_safe=name.endswith("csv")).rows == 20
    assert len(column(folder / name, "sid")) == 20
    assert "decoy" not in column(folder / name, "sid")
    assert names(folder) == sorted([name, "r0x.csv.checkpoint"])


def test_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Sandbox(report_rows=20) as sandbox, client_of(sandbox) as client:
        for name in ("r.parquet", "-", "s3:x.csv"):
            form: Any = "csv" if name == "-" else None
            assert client.reports.service_distribution().export(name, format=form).rows == 20
    assert names(tmp_path) == ["-", "r.parquet", "s3:x.csv"]
