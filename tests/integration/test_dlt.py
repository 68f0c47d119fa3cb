"""The dlt source for SmarterProctoring: real dlt, from the sandbox into files of DuckDB and Parquet."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pyarrow.parquet as pq
import pytest
from dlt.pipeline.exceptions import PipelineStepFailed

from invigilate import ConfigurationError, InvalidArgumentError
from invigilate.dlt import smarterproctoring, smarterproctoring_source
from invigilate.sandbox import Sandbox, faults
from smarterproctoring_client.api.reports import get_service_distribution
from tests.support.loading import TABLE, Edited, loaded, pipeline_in, select

FIRST_LOAD = datetime(2026, 10, 1, tzinfo=UTC)
ROOT = Path(__file__).resolve().parents[2]
SIDS = f"select install_sid, sid from {TABLE}"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """Set the time of loads."""

    def set_to(now: datetime) -> None:
        monkeypatch.setattr(smarterproctoring, "_now", lambda: now)

    set_to(FIRST_LOAD)
    return set_to


@pytest.fixture
def sandbox(sandbox_for_dlt: Sandbox, clock: Callable[[datetime], None]) -> Sandbox:
    return sandbox_for_dlt


def installs(sandbox: Sandbox) -> list[str]:
    return [sandbox.install_sid, sandbox.other_install_sid]


def queries(sandbox: Sandbox) -> list[str]:
    return [request.query for request in sandbox.requests]


def state_of(pipeline: Any) -> dict[str, Any]:
    """Return what the last completed load knows of each install."""
    sources = pipeline.state.get("sources", {})
    found: dict[str, Any] = sources.get("smarterproctoring", {}).get("resources", {}).get(TABLE, {}).get("installs", {})
    return found


def run_module(folder: Path, installs: str, die_at: int) -> subprocess.CompletedProcess[str]:
    """Load in a process of its own; see `tests.support.loading`."""
    command = [sys.executable, "-m", "tests.support.loading", str(folder), installs, str(die_at)]
    path = f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    environment = {**os.environ, "PYTHONPATH": path, "RUNTIME__LOG_LEVEL": "INFO"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_the_first_load_has_every_row_with_its_types(sandbox: Sandbox, tmp_path: Path) -> None:
    pipeline = pipeline_in(tmp_path)
    pipeline.run(smarterproctoring_source(installs=installs(sandbox), page_size=100))
    assert loaded(pipeline) == {TABLE: 252}
    assert select(
        tmp_path, f"select install_sid, count(*), count(distinct sid) from {TABLE} group by 1 order by 2"
    ) == [
        (sandbox.other_install_sid, 12, 12),
        (sandbox.install_sid, 240, 240),
    ]
    # Pages are requested ahead, so their order varies.
    assert sorted(queries(sandbox)) == ["limit=100", "limit=100", "offset=100&limit=100", "offset=200&limit=100"]
    types = dict(
        select(tmp_path, f"select column_name, data_type from information_schema.columns where table_name = '{TABLE}'")
    )
    assert types["appointment_date"] == types["date_closed"] == "TIMESTAMP WITH TIME ZONE"
    assert types["billable"] == "BOOLEAN"
    assert types["exam"] == types["additional"] == "VARCHAR"
    assert list(types) == [
        "install_sid", "sid", "status", "status_reason", "billable", "scheduling_module", "workflow_module",
        "appointment_date", "date_closed", "date_cancelled", "exam", "course", "user", "course_offering",
        "service_type", "additional",
    ]  # fmt: skip
    assert select(tmp_path, f"select count(*) from {TABLE} where exam->>'title' = 'Final Exam'") > [(0,)]


def test_the_next_load_reads_the_look_back_and_merges(
    sandbox: Sandbox, tmp_path: Path, clock: Callable[[datetime], None]
) -> None:
    """New, changed, closed and vanished rows, in and before the look-back."""
    pipeline = pipeline_in(tmp_path)
    pipeline.run(smarterproctoring_source(installs=installs(sandbox)))
    scheduled = select(tmp_path, f"select sid, appointment_date from {TABLE} where status = 'Scheduled' order by 2")
    early, late = scheduled[0][0], scheduled[-1][0]
    (forgotten, untouched), *_ = select(
        tmp_path, f"select min(sid), max(sid) from {TABLE} where appointment_date < '2026-08-01' and status = 'Closed'"
    )
    assert str(scheduled[0][1]) < "2026-08" < "2026-10" < str(scheduled[-1][1])

    session = sandbox.open_sessions[0]
    sandbox.schedule_before(session, {"type": "b-virtual", "appointmentDateTime": "2099-05-05T10:00:00.000Z"})
    sandbox.close_session(early)  # Long before the look-back, but its closing date is not.

    def edit(row: dict[str, Any]) -> dict[str, Any] | None:
        changed = {late: {"status": "Cancelled"}, forgotten: {"status": "Cancelled"}}
        return None if row["sid"] == scheduled[-2][0] else row | changed.get(row["sid"], {})

    sandbox.interceptors.append(Edited(edit))
    sandbox.requests.clear()
    clock(FIRST_LOAD + timedelta(days=7))
    pipeline.run(smarterproctoring_source(installs=installs(sandbox)))

    assert queries(sandbox) == [
        *["appointmentDateAfter=2026-09-01T00%3A00%3A00.000Z&limit=1000"] * 2,
        *["closeDateAfter=2026-09-01T00%3A00%3A00.000Z&limit=1000"] * 2,
    ]
    assert 0 < loaded(pipeline)[TABLE] < 120
    now = dict(select(tmp_path, f"select sid, status from {TABLE}"))
    assert len(now) == 253
    assert now[session.session_sid] == "Scheduled"
    assert now[late] == "Cancelled"
    assert now[early] == "Closed"
    assert now[untouched] == "Closed"
    # What the docs do not promise: a deletion, and a change that is neither in the look-back nor closes a session.
    assert now[scheduled[-2][0]] == "Scheduled"
    assert now[forgotten] == "Closed"
    assert {known["began"] for known in state_of(pipeline).values()} == {"2026-10-08T00:00:00.000Z"}


def test_deleted_rows_go_when_everything_is_loaded_again(sandbox: Sandbox, tmp_path: Path) -> None:
    pipeline = pipeline_in(tmp_path)
    pipeline.run(smarterproctoring_source(installs=installs(sandbox)))
    ((gone,),) = select(tmp_path, f"select max(sid) from {TABLE}")
    sandbox.interceptors.append(Edited(lambda row: None if row["sid"] == gone else row))
    pipeline.run(smarterproctoring_source(installs=installs(sandbox)))
    assert len(select(tmp_path, SIDS)) == 252
    pipeline.run(smarterproctoring_source(installs=installs(sandbox)), refresh="drop_sources")
    assert len(select(tmp_path, SIDS)) == 251


def test_a_new_install_and_other_filters_begin_from_the_start(
    sandbox: Sandbox, tmp_path: Path, clock: Callable[[datetime], None]
) -> None:
    def run(**arguments: Any) -> list[str]:
        sandbox.requests.clear()
        pipeline_in(tmp_path).run(smarterproctoring_source(**arguments))
        return [query.partition("&limit")[0] for query in queries(sandbox)]

    since = {"since": "2026-06-01T00:00:00+02:00"}
    start, again = (
        "appointmentDateAfter=2026-05-31T22%3A00%3A00.000Z",
        "appointmentDateAfter=2026-09-01T00%3A00%3A00.000Z",
    )
    closed = f"{start}&closeDateAfter=2026-09-01T00%3A00%3A00.000Z"
    one, both = installs(sandbox)[:1], installs(sandbox)
    assert run(installs=one, **since) == [start]
    assert select(tmp_path, f"select min(appointment_date) >= '2026-05-31 22:00+00' from {TABLE}") == [(True,)]
    assert run(installs=both, **since) == [again, start, closed]
    assert run(installs=both, **since, lookback=365) == [*[start] * 2, *[closed.replace("2026-09", "2025-10")] * 2]
    assert run(installs=one, **since, filters={"statuses": ["Closed"]}) == [f"statuses=Closed&{start}"]
    # A later start narrows what is read again, an earlier one reads everything.
    late = {"since": datetime(2026, 9, 15, tzinfo=UTC)}
    assert run(installs=both[1:], **late)[0] == "appointmentDateAfter=2026-09-15T00%3A00%3A00.000Z"
    assert run(installs=both[1:], **since)[0] == start
    assert run(installs=both[1:]) == ["limit=1000"]


def test_a_machine_without_files_continues(sandbox: Sandbox, tmp_path: Path) -> None:
    """The state is at the destination, too."""
    pipeline_in(tmp_path).run(smarterproctoring_source(installs=installs(sandbox)))
    shutil.rmtree(tmp_path / "pipelines")
    sandbox.requests.clear()
    pipeline_in(tmp_path).run(smarterproctoring_source(installs=installs(sandbox)))
    bounds = [query.partition("=")[0] for query in queries(sandbox)]
    assert bounds == ["appointmentDateAfter"] * 2 + ["closeDateAfter"] * 2
    assert len(select(tmp_path, SIDS)) == 252


def test_an_api_that_fails_in_the_middle_loads_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    pipeline = pipeline_in(tmp_path)
    with (
        sandbox.faults.during("getServiceDistribution", faults.html_520(after=3)),
        pytest.raises(PipelineStepFailed, match="520"),
    ):
        pipeline.run(smarterproctoring_source(installs=installs(sandbox), page_size=100))
    assert "offset=200&limit=100" in queries(sandbox)
    assert state_of(pipeline) == {}
    assert not pipeline.has_pending_data
    with pytest.raises(duckdb.CatalogException, match="learning"):  # the schema is created with the first rows
        select(tmp_path, SIDS)
    pipeline.run(smarterproctoring_source(installs=installs(sandbox), page_size=100))
    assert len(select(tmp_path, SIDS)) == 252
    known = state_of(pipeline)
    with (
        sandbox.faults.during("getServiceDistribution", faults.html_520(after=1)),
        pytest.raises(PipelineStepFailed),
    ):
        pipeline.run(smarterproctoring_source(installs=installs(sandbox), page_size=10))
    assert state_of(pipeline) == known
    assert len(select(tmp_path, SIDS)) == 252


def test_a_total_that_is_not_reached_loads_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    pipeline = pipeline_in(tmp_path)
    with (
        sandbox.faults.during("getServiceDistribution", faults.empty_page(after=1)),
        pytest.raises(PipelineStepFailed, match="the page at row 100 is empty"),
    ):
        pipeline.run(smarterproctoring_source(installs=installs(sandbox), page_size=100))
    assert state_of(pipeline) == {}


def test_a_row_without_a_sid_loads_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    """It cannot be merged: dlt would keep one of them and drop the others."""
    sandbox.interceptors.append(Edited(lambda row: row | {"sid": None}))
    pipeline = pipeline_in(tmp_path)
    with pytest.raises(PipelineStepFailed, match="field 'sid' with null values to non-nullable"):
        pipeline.run(smarterproctoring_source(installs=installs(sandbox)))
    assert state_of(pipeline) == {}


def test_fields_that_are_not_documented_land_in_additional(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.interceptors.append(Edited(lambda row: row | {"room": 7, "billable": "yes"}))
    pipeline = pipeline_in(tmp_path)
    pipeline.run(smarterproctoring_source(installs=installs(sandbox)[1:]))
    ((text, billable),) = set(select(tmp_path, f"select additional, billable from {TABLE}"))
    assert (json.loads(text), billable) == ({"room": 7, "billable": "yes"}, None)


def test_a_column_of_a_newer_spec_is_added(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox.interceptors.append(Edited(lambda row: row | {"room": 7}))
    pipeline = pipeline_in(tmp_path)
    pipeline.run(smarterproctoring_source(installs=installs(sandbox)[1:]))
    operation = get_service_distribution.OPERATION
    assert operation.pagination is not None
    paging = operation.pagination._replace(columns=(*operation.pagination.columns, ("room", "integer")))
    monkeypatch.setattr(get_service_distribution, "OPERATION", operation._replace(pagination=paging))
    pipeline.run(smarterproctoring_source(installs=installs(sandbox)[1:], lookback=60))
    found = select(tmp_path, f"select room, additional, count(*) from {TABLE} group by all order by 1 nulls last")
    assert [row[:2] for row in found] == [(7, None), (None, '{"room":7}')]
    assert sum(row[2] for row in found) == 12


def test_parquet_files(sandbox: Sandbox, tmp_path: Path) -> None:
    """A destination without merge: each load appends files."""
    folder = dlt.destinations.filesystem(f"file://{tmp_path / 'lake'}")
    pipeline = pipeline_in(tmp_path, destination=folder)
    for _ in range(2):
        pipeline.run(smarterproctoring_source(installs=installs(sandbox)), loader_file_format="parquet")
    first, *more = [pq.read_table(file) for file in sorted((tmp_path / "lake" / "learning" / TABLE).glob("*.parquet"))]
    assert first.num_rows == 252
    assert str(first.schema.field("appointment_date").type).startswith("timestamp[us")
    assert more
    assert {row["sid"] for table in more for row in table.to_pylist()} < set(first["sid"].to_pylist())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"installs": []}, r"installs: expected a list of install SIDs, got none"),
        ({"installs": "AI" + "0" * 32}, r"installs: expected a list of install SIDs, got "),
        ({"installs": ["AI12"]}, r"install_sid: expected .*AI"),
        ({"since": "2026-01-01T00:00:00"}, r"since: expected .*offset"),
        ({"since": datetime(2026, 1, 1)}, r"since: expected .*offset"),
        ({"lookback": -1}, r"lookback: expected days from 0 to 36500, got the number -1"),
        ({"filters": {"state": ["Closed"]}}, r"filters: expected the keys appointment_date_before, .*, got 'state'"),
        ({"filters": {"limit": 5}}, r"filters: expected the keys .*, got 'limit'"),
        ({"filters": {"statuses": []}}, r"statuses: expected .*"),
        ({"filters": {"statuses": ["Open"]}}, r"statuses\[0\]: expected "),
        ({"page_size": 0.5}, r"limit: expected "),
    ],
)
def test_bad_input_raises_before_anything_is_sent(sandbox: Sandbox, arguments: Any, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        smarterproctoring_source(**{"installs": installs(sandbox), **arguments})
    assert queries(sandbox) == []


def test_a_missing_token_and_missing_installs(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(dlt.common.configuration.exceptions.ConfigFieldMissingException, match="installs"):
        smarterproctoring_source()
    monkeypatch.delenv("SMARTERPROCTORING_TOKEN")
    with pytest.raises(ConfigurationError, match="no API token"):
        smarterproctoring_source(installs=installs(sandbox))


def test_an_install_without_access_names_it(sandbox: Sandbox, tmp_path: Path) -> None:
    unknown = "AI" + "0" * 32
    with pytest.raises(PipelineStepFailed, match=unknown):
        pipeline_in(tmp_path).run(smarterproctoring_source(installs=[sandbox.install_sid, unknown]))


def test_configuration_in_files_and_no_token_in_others(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SMARTERPROCTORING_TOKEN")
    monkeypatch.delenv("SMARTERPROCTORING_BASE_URL")
    settings = tmp_path / ".dlt"
    settings.mkdir()
    (settings / "secrets.toml").write_text(f'[sources.smarterproctoring]\ntoken = "{sandbox.token}"\n')
    (settings / "config.toml").write_text(
        f'[sources.smarterproctoring]\nbase_url = "{sandbox.smarterproctoring_url}"\nsince = 2026-06-01T00:00:00Z\n'
        f'installs = ["{sandbox.install_sid}"]\nlookback = 12\nfilters.statuses = ["Closed"]\n'
    )
    done = run_module(tmp_path, "", 0)
    assert done.returncode == 0, done.stderr
    assert queries(sandbox)[0] == "statuses=Closed&appointmentDateAfter=2026-06-01T00%3A00%3A00.000Z&limit=50"
    assert sandbox.token not in done.stdout + done.stderr
    files = [file for file in tmp_path.rglob("*") if file.is_file() and file.name != "secrets.toml"]
    assert len(files) > 10
    assert [file for file in files if sandbox.token.encode() in file.read_bytes()] == []


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_killed_load_is_completed_by_the_next_one(sandbox: Sandbox, tmp_path: Path) -> None:
    undisturbed = run_module(tmp_path / "undisturbed", ",".join(installs(sandbox)), 0)
    assert undisturbed.returncode == 0, undisturbed.stderr
    events = int(undisturbed.stdout)
    left = set()
    for share in (0.3, 0.6, 0.9):
        folder = tmp_path / str(share)
        assert run_module(folder, ",".join(installs(sandbox)), int(share * events)).returncode == -9
        pipeline = pipeline_in(folder)
        left.add(pipeline.has_pending_data)
        pipeline.run()
        pipeline.run(smarterproctoring_source(installs=installs(sandbox), page_size=50))
        assert len(select(folder, SIDS)) == len(set(select(folder, SIDS))) == 252
        assert set(state_of(pipeline)) == set(installs(sandbox))
        pipeline.deactivate()
    # Some were killed while they read, others with rows that were read and not loaded.
    assert left == {True, False}


def test_nothing_of_it_is_imported_with_the_package() -> None:
    program = "import sys, invigilate, invigilate.export; print('dlt' in sys.modules, 'invigilate.dlt' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "False False\n"


def test_without_dlt(monkeypatch: pytest.MonkeyPatch) -> None:
    program = "import sys; sys.modules['dlt'] = None; import invigilate.dlt"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr.splitlines()[-1] == "ImportError: invigilate.dlt needs an extra: pip install 'invigilate[dlt]'"
