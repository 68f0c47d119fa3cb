"""Arguments of exports: wrong ones raise before anything is sent and any file is changed."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from invigilate import AsyncSmarterProctoring, InvalidArgumentError, InvigilateError
from invigilate.export import ExportArgumentError, ExportError, arrow_schema, export, record_batches, windows
from ispring_learn_client.api.users import get_user
from tests.support.fakes import INSTALL, Reply, Script, ispring, proctoring

ROOT = Path(__file__).resolve().parents[2]
BOUNDS: dict[str, Any] = {"after": "close_date_after", "before": "close_date_before"}


def refused(call: Any, folder: Path) -> InvalidArgumentError:
    """The error of a call with a client, after which nothing was sent and no file exists."""
    script = Script(Reply(500))
    with proctoring(script) as client, pytest.raises(InvalidArgumentError) as caught:
        call(client, client.reports.service_distribution())
    assert script.sent == []
    assert list(folder.iterdir()) == []
    return caught.value


@pytest.mark.parametrize(
    ("options", "argument", "expected", "passed"),
    [
        ({"format": "xlsx"}, "format", "'csv', 'jsonl' or 'parquet'", "'xlsx'"),
        ({"format": 3}, "format", "'csv', 'jsonl' or 'parquet'", "the number 3"),
        ({"csv_safe": True, "format": "jsonl"}, "csv_safe", "False unless the format is csv", "True with jsonl"),
        ({"checkpoint": 3}, "checkpoint", None, "the number 3"),
        ({"checkpoint": ""}, "checkpoint", None, "an empty string"),
        ({"label": ""}, "label", "a printable name without quotes and backslashes", "an empty string"),
        ({"label": "a\nb"}, "label", "a printable name without quotes and backslashes", "a string of length 3"),
        ({"label": 3}, "label", "a printable name without quotes and backslashes", "the number 3"),
    ],
)
def test_wrong_options(tmp_path: Path, options: dict[str, Any], argument: str, expected: Any, passed: str) -> None:
    error = refused(lambda _, pager: export(pager, tmp_path / "r.csv", **options), tmp_path)
    assert isinstance(error, ExportArgumentError)
    assert (error.argument, error.passed) == (argument, passed)
    assert expected is None or error.expected == expected


@pytest.mark.parametrize(
    ("source", "argument", "passed"),
    [
        (lambda client, pager: None, "source", "None"),
        (lambda client, pager: "report", "source", "a string of length 6"),
        (lambda client, pager: [], "source", "none"),
        (lambda client, pager: {}, "source", "none"),
        (lambda client, pager: {INSTALL: []}, "source", "none"),
        (lambda client, pager: {3: pager}, "source", "the number 3"),
        (lambda client, pager: [pager, 3], "source", "the number 3"),
        (lambda client, pager: {"x": pager, "y": client}, "source['y']", "a value of type SmarterProctoring"),
        (lambda client, pager: client.reports, "source", "a value of type Reports"),
        (lambda client, pager: pager.pages(), "source", None),
        (lambda client, pager: [pager, client.paginate("/v1/x")], "source", None),
        (lambda client, pager: AsyncSmarterProctoring("t", INSTALL).reports.service_distribution(), "source", None),
    ],
)
def test_wrong_sources(tmp_path: Path, source: Any, argument: str, passed: str | None) -> None:
    for call in (lambda found: export(found, tmp_path / "r.csv"), record_batches):
        error = refused(lambda client, pager, call=call: call(source(client, pager)), tmp_path)
        assert error.argument == argument
        assert passed is None or error.passed == passed


def test_a_pager_of_an_async_client_gets_a_hint(tmp_path: Path) -> None:
    pager = AsyncSmarterProctoring("t", INSTALL).reports.service_distribution()
    error = refused(lambda *_: export(pager, tmp_path / "r.csv"), tmp_path)
    assert "a pager of a synchronous client" in str(error)
    assert "in a thread" in str(error)
    assert refused(lambda *_: windows(pager, **BOUNDS), tmp_path).argument == "pager"  # type: ignore[arg-type]


def test_pagers_of_several_operations_are_refused(tmp_path: Path) -> None:
    with ispring(Script(Reply(500))) as client:
        source = [client.users.list(), client.enrollments.list()]
        with pytest.raises(ExportArgumentError, match="pagers of one operation, got listEnrollments and listUsers"):
            export(source, tmp_path / "r.csv")


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"statuses": ["Open"]}, "statuses[0]: expected one of 'Scheduled', 'Closed', 'Cancelled', got 'Open'"),
        ({"user_sid": "ES" + "0" * 32}, "user_sid: expected a user SID"),
        ({"close_date_after": "2026-01-01"}, "close_date_after: expected an aware datetime"),
        ({"limit": 0}, "limit: expected an integer of at least 1"),
        ({"offset": -1}, "offset: expected an integer of at least 0"),
    ],
)
def test_filters_are_checked_before_a_file_exists(tmp_path: Path, filters: dict[str, Any], message: str) -> None:
    for several in (False, True):
        error = refused(
            lambda client, pager, several=several: export(
                [pager, client.reports.service_distribution(**filters)]
                if several
                else client.reports.service_distribution(**filters),
                tmp_path / "r.csv",
            ),
            tmp_path,
        )
        assert str(error).startswith(message)


@pytest.mark.parametrize(
    ("name", "passed"),
    [
        ("report", "no suffix"),
        ("report.xlsx", "the suffix '.xlsx'"),
        ("no/such/r.csv", "one in a folder that does not"),
    ],
)
def test_wrong_paths(tmp_path: Path, name: str, passed: str) -> None:
    error = refused(lambda _, pager: export(pager, tmp_path / name), tmp_path)
    assert (error.argument, error.passed) == ("path", passed)


@pytest.mark.parametrize("path", [None, 3, "", "a\0b.csv", b"\xff", "\udcff.csv"])
def test_a_path_that_is_not_a_path(tmp_path: Path, path: Any) -> None:
    assert refused(lambda _, pager: export(pager, path), tmp_path).argument == "path"


def test_a_folder_or_a_device_is_not_a_file(tmp_path: Path) -> None:
    with proctoring(Script(Reply(500))) as client:
        pager = client.reports.service_distribution()
        with pytest.raises(ExportArgumentError, match=r"path: expected .*, got a folder"):
            export(pager, tmp_path, format="csv")
        os.mkfifo(tmp_path / "pipe")
        # Through a link, so that a mistake replaces only the link.
        (tmp_path / "device").symlink_to(os.devnull)
        for path in (tmp_path / "pipe", tmp_path / "device"):
            with pytest.raises(ExportArgumentError, match=r"path: expected .*a pipe"):
                export(pager, path, format="csv", overwrite=True)


@pytest.mark.parametrize("source", [None, 3, get_user.describe, "users", lambda: None])
def test_a_schema_of_nothing_paged_is_refused(source: Any) -> None:
    with pytest.raises(ExportArgumentError, match="source: expected a pager, or the describe function"):
        arrow_schema(source)


@pytest.mark.parametrize(
    ("bounds", "argument"),
    [
        ({}, "close_date_after"),
        ({"close_date_after": "2026-01-01T00:00:00Z"}, "close_date_before"),
        ({"close_date_after": "2026-01-01T00:00:00", "close_date_before": "2027-01-01T00:00:00Z"}, "close_date_after"),
        (
            {"close_date_after": datetime(2026, 1, 1, tzinfo=UTC), "close_date_before": datetime(2027, 1, 1)},
            "close_date_before",
        ),
        (
            {"close_date_after": "2026-01-01T00:00:00Z", "close_date_before": "2026-01-01T01:00:00+01:00"},
            "close_date_after",
        ),
    ],
)
def test_bounds_of_windows(tmp_path: Path, bounds: dict[str, Any], argument: str) -> None:
    error = refused(lambda client, _: windows(client.reports.service_distribution(**bounds), **BOUNDS), tmp_path)
    assert error.argument == argument


@pytest.mark.parametrize("rows", [0, -1, True, 1.5, "many", None])
def test_rows_of_windows(tmp_path: Path, rows: Any) -> None:
    assert refused(lambda _, pager: windows(pager, **BOUNDS, rows=rows), tmp_path).argument == "rows"


def test_errors_belong_to_both_families() -> None:
    assert issubclass(ExportError, InvigilateError)
    assert issubclass(ExportArgumentError, (ExportError, InvalidArgumentError, ValueError))


WITHOUT = '''
import json, sys
for name in ("msgspec", "duckdb", "pyarrow"):
    sys.modules[name] = None  # importing it raises ImportError
from tests.support.fakes import Reply, Script, proctoring
from invigilate.export import ExportError, arrow_schema, export, record_batches
rows = [{"sid": "ES1", "title": "Größe"}, {"sid": "ES2", "later": [1.5, None]}, {}, 3]
script = Script(Reply(200, {"total": 4, "results": rows}))
with proctoring(script) as client:
    pager = client.reports.service_distribution()
    calls = [lambda: export(pager, "r.csv"), lambda: pager.export("r.parquet"), lambda: record_batches(pager),
             lambda: arrow_schema(pager), pager.to_arrow, pager.to_duckdb]
    for call in calls:
        try:
            call()
        except ExportError as error:
            assert 'pip install "invigilate[export]"' in str(error), error
        else:
            raise AssertionError(call)
    assert script.sent == []
    assert export(pager, "r.jsonl").rows == 4
lines = [json.loads(line) for line in open("r.jsonl", encoding="utf-8")]
assert lines == rows, lines
'''  # fmt: skip


def test_without_the_libraries_json_lines_work_and_the_rest_names_the_extra(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert [each.name for each in tmp_path.iterdir()] == ["r.jsonl"]


def test_importing_it_imports_no_library_of_the_extra() -> None:
    program = (
        "import sys, invigilate\nassert 'invigilate.export' not in sys.modules\nimport invigilate.export\n"
        "assert not {'pyarrow', 'duckdb', 'msgspec'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, stdin=subprocess.DEVNULL, timeout=60)


@pytest.mark.parametrize("label", ["additional", "Additional", "sid", "SID", 'a"b', "a\\b", "", None, "a\nb"])
def test_a_label_is_the_name_of_no_other_column(tmp_path: Path, label: Any) -> None:
    error = refused(lambda _, pager: export({"L": pager}, tmp_path / "r.csv", label=label), tmp_path)
    assert error.argument == "label"
