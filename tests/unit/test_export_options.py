"""Arguments of exports: wrong ones raise before anything is sent and any file is changed."""

from __future__ import annotations

import builtins
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from importlib import util
from pathlib import Path
from typing import Any

import pytest

from invigilate import InvalidArgumentError, InvigilateError
from invigilate.export import ExportArgumentError, ExportError, export_report, to_table
from tests.support.fakes import INSTALL, Reply, Script, proctoring

YEAR = {"appointment_date_after": "2026-01-01T00:00:00Z", "appointment_date_before": "2027-01-01T00:00:00Z"}
FILTERS = "keyword arguments of client.reports.service_distribution"
NO_FOLDER = "one in a folder that does not"
AWARE = "expected an aware datetime"
BY = {"filters": YEAR, "window_by": "appointment_date"}


def refused(tmp_path: Path, name: str = "r.csv", **arguments: Any) -> InvalidArgumentError:
    """The error for wrong arguments, after which nothing was sent and no file exists."""
    script = Script(Reply(500))
    with proctoring(script) as client, pytest.raises(InvalidArgumentError) as caught:
        export_report(client, tmp_path / name, **arguments)
    assert script.sent == []
    assert list(tmp_path.iterdir()) == []
    return caught.value


@pytest.mark.parametrize(
    ("arguments", "argument", "expected", "passed"),
    [
        ({"format": "xlsx"}, "format", "'csv', 'jsonl' or 'parquet'", "'xlsx'"),
        ({"format": 3}, "format", "'csv', 'jsonl' or 'parquet'", "the number 3"),
        ({"page_size": 0}, "page_size", "an integer of at least 1", "the number 0"),
        ({"page_size": True}, "page_size", "an integer of at least 1", "a value of type bool"),
        ({"page_size": "many"}, "page_size", "an integer of at least 1", "a string of length 4"),
        ({"prefetch": 0}, "prefetch", "an integer from 1 to 100", "the number 0"),
        ({"prefetch": 101}, "prefetch", "an integer from 1 to 100", "the number 101"),
        ({"parallel": 33}, "parallel", "an integer from 1 to 32", "the number 33"),
        ({"overwrite": 1}, "overwrite", "True or False", "the number 1"),
        ({"csv_safe": None}, "csv_safe", "True or False", "None"),
        ({"csv_safe": True, "format": "jsonl"}, "csv_safe", "False for jsonl", "True"),
        ({"on_progress": 3}, "on_progress", "a function", "the number 3"),
        ({"checkpoint": 3}, "checkpoint", "True, False or the path of a folder", "the number 3"),
        ({"checkpoint": ""}, "checkpoint", "True, False or the path of a folder", "an empty string"),
        ({"checkpoint": "no/such/folder"}, "checkpoint", "a folder in a folder that exists", NO_FOLDER),
        ({"nested": "deep"}, "nested", "'flatten' or 'struct' or 'json' for csv", "'deep'"),
        ({"nested": "flatten", "format": "jsonl"}, "nested", "'struct' or 'json' for jsonl", "'flatten'"),
        ({"nested": 1}, "nested", "'flatten' or 'struct' or 'json' for csv", "the number 1"),
        ({"filters": ["Closed"]}, "filters", "a mapping of filters", "a value of type list"),
        ({"filters": {"status": ["Closed"]}}, "filters", FILTERS, "'status'"),
        ({"filters": {"a secret": 1}}, "filters", FILTERS, "another name"),
        ({"filters": {"limit": 5}}, "filters", "no limit or offset", "limit"),
        ({"filters": {"offset": 5}}, "filters", "no limit or offset", "offset"),
        ({"installs": INSTALL}, "installs", "a list of install SIDs", f"an install SID, {INSTALL}"),
        ({"installs": []}, "installs", "at least one install SID", "an empty list"),
        ({"installs": [INSTALL, INSTALL]}, "installs[1]", "each install once", "a duplicate"),
        ({"installs": [3]}, "installs[0]", "an install SID", "the number 3"),
        ({"installs": [INSTALL], "filters": {"install_sid": ""}}, "filters", "no install_sid besides installs", "both"),
        ({"install_column": "sid"}, "install_column", "a name that no other column has", "'sid'"),
        ({"install_column": "additional"}, "install_column", "a name that no other column has", "'additional'"),
        ({"install_column": "exam.sid"}, "install_column", "a printable name without dots", "a string of length 8"),
        ({"install_column": ""}, "install_column", "a printable name without dots", "an empty string"),
        ({"window": timedelta(days=1)}, "window", "'auto' without window_by", "a timedelta"),
        ({"window": 3600}, "window", "a timedelta, or 'auto'", "a number"),
        ({"window_by": "date"}, "window_by", "'appointment_date' or 'close_date'", "'date'"),
        (
            {"window_by": "close_date", "filters": {"close_date_after": "2026-01-01T00:00:00Z"}},
            "window_by",
            "close_date_after and close_date_before in filters",
            "no close_date_before",
        ),
        (
            {"window_by": "appointment_date"},
            "window_by",
            "appointment_date_after and appointment_date_before in filters",
            "no appointment_date_after and no appointment_date_before",
        ),
        (
            {**BY, "filters": {**YEAR, "appointment_date_before": "2026-01-01T01:00:00+01:00"}},
            "appointment_date_after",
            "a time before appointment_date_before",
            "a later or equal time",
        ),
        ({**BY, "window": timedelta(0)}, "window", None, "0:00:00"),
        ({**BY, "window": timedelta(minutes=1)}, "window", None, "0:01:00"),
        (
            {**BY, "filters": {**YEAR, "sort_keys": ["courseTitle", "appointmentDate"]}},
            "sort_keys",
            "'appointmentDate' as the first key",
            "another one",
        ),
    ],
)  # fmt: skip
def test_wrong_arguments(
    tmp_path: Path, arguments: dict[str, Any], argument: str, expected: str | None, passed: str
) -> None:
    error = refused(tmp_path, **arguments)
    assert isinstance(error, ExportArgumentError)
    assert isinstance(error, ExportError)
    assert (error.argument, error.passed) == (argument, passed)
    assert expected is None or error.expected == expected


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"statuses": []}, "statuses: expected a list"),
        ({"statuses": ["Open"]}, "statuses[0]: expected one of 'Scheduled', 'Closed', 'Cancelled', got 'Open'"),
        ({"user_sid": "ES" + "0" * 32}, "user_sid: expected a user SID"),
        ({"close_date_after": "2026-01-01"}, "close_date_after: expected an aware datetime"),
        ({**YEAR, "appointment_date_after": "soon"}, f"appointment_date_after: {AWARE}"),
        ({**YEAR, "appointment_date_after": datetime(2026, 1, 1)}, f"appointment_date_after: {AWARE}"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("windows", [{}, {"window_by": "appointment_date"}])
def test_filters_are_checked_as_in_any_call(
    tmp_path: Path, filters: dict[str, Any], message: str, windows: dict[str, Any]
) -> None:
    error = refused(tmp_path, filters={**YEAR, **filters} if windows else filters, **windows)
    assert str(error).startswith(message)
    assert refused(tmp_path, installs=[INSTALL, "AI1"]).argument == "install_sid"


@pytest.mark.parametrize(
    ("name", "passed"),
    [
        ("report", "no suffix"),
        ("report.xlsx", "the suffix '.xlsx'"),
        ("no/such/r.csv", "one in a folder that does not"),
    ],
)
def test_wrong_paths(tmp_path: Path, name: str, passed: str) -> None:
    error = refused(tmp_path, name)
    assert (error.argument, error.passed) == ("path", passed)


@pytest.mark.parametrize("path", [None, 3, "", "a\0b.csv", b"\xff"])
def test_a_path_that_is_not_a_path(path: Any) -> None:
    with proctoring(Script(Reply(500))) as client, pytest.raises(ExportArgumentError, match=r"^path: "):
        export_report(client, path)


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    with proctoring(Script(Reply(500))) as client, pytest.raises(ExportArgumentError, match="got a folder"):
        export_report(client, tmp_path, format="csv")


def test_errors_belong_to_both_families() -> None:
    assert issubclass(ExportError, InvigilateError)
    assert issubclass(ExportArgumentError, ExportError)
    assert issubclass(ExportArgumentError, InvalidArgumentError)
    assert issubclass(ExportArgumentError, ValueError)


def test_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, original = builtins.__import__, util.find_spec

    def no_arrow(name: str, *rest: Any) -> Any:
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setattr(
        "invigilate.export.options.find_spec", lambda name: None if name == "pyarrow" else original(name)
    )
    monkeypatch.setattr(builtins, "__import__", no_arrow)
    script = Script(Reply(200, {"total": 0, "results": []}))
    with proctoring(script) as client:
        with pytest.raises(ExportError, match=r'pip install "invigilate\[export\]"'):
            export_report(client, tmp_path / "r.parquet")
        with pytest.raises(ExportError, match=r'pip install "invigilate\[export\]"'):
            to_table([])
        assert script.sent == []
        for name in ("r.csv", "r.jsonl"):
            assert export_report(client, tmp_path / name).rows == 0


def test_importing_it_does_not_import_pyarrow() -> None:
    program = (
        "import sys, invigilate\nassert 'invigilate.export' not in sys.modules\n"
        "import invigilate.export\nassert not any(name.startswith('pyarrow') for name in sys.modules)"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, stdin=subprocess.DEVNULL, timeout=60)


def test_bounds_may_have_other_utc_offsets(tmp_path: Path) -> None:
    pages = Reply(200, {"total": 0, "results": []})
    bounds = {"close_date_after": datetime(2026, 1, 1, tzinfo=UTC), "close_date_before": "2026-01-02T01:00:00+01:00"}
    script = Script(pages)
    with proctoring(script) as client:
        result = export_report(
            client, tmp_path / "r.csv", filters=bounds, window_by="close_date", window=timedelta(hours=6), parallel=1
        )
    assert (result.rows, result.total, result.windows) == (0, 0, 4)
    queries = [dict(sent.query) for sent in script.sent]
    assert [(query["closeDateAfter"], query["closeDateBefore"]) for query in queries[1:-1]] == [
        ("2026-01-01T00:00:00.000Z", "2026-01-01T06:00:00.000Z"),
        ("2026-01-01T05:59:59.999Z", "2026-01-01T12:00:00.000Z"),
        ("2026-01-01T11:59:59.999Z", "2026-01-01T18:00:00.000Z"),
        ("2026-01-01T17:59:59.999Z", "2026-01-02T00:00:00.000Z"),
    ]
    assert queries[0] == queries[-1] == {
        "closeDateAfter": "2026-01-01T00:00:00.000Z", "closeDateBefore": "2026-01-02T00:00:00.000Z", "limit": "1",
    }  # fmt: skip
