"""The examples, run against the sandbox as readers start it."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.docs.blocks import ROOT

WITH_TESTS = ("exam_platform", "directory_sync", "ispring_events")


def example(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", str(ROOT / "examples" / name), *arguments]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


def test_every_example_is_tested() -> None:
    examples = {path.name for path in (ROOT / "examples").iterdir() if not path.name.startswith(("_", "."))}
    assert examples == {"quickstart.py", "report_to_csv.py", "downstream-sdk", *WITH_TESTS}


@pytest.mark.parametrize("name", WITH_TESTS)
def test_an_example_passes_its_own_tests(name: str, tmp_path: Path) -> None:
    # A copy, so that nothing of this repository is around it.
    folder = shutil.copytree(ROOT / "examples" / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", "--rootdir=.", str(folder)],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    tests = sum(path.read_text(encoding="utf-8").count("\ndef test_") for path in folder.glob("tests/test_*.py"))
    passed = re.search(r"(\d+) passed in", done.stdout)
    assert passed is not None
    assert int(passed[1]) >= tests > 0


def test_quickstart(served_sandbox: dict[str, Any]) -> None:
    exam, session = served_sandbox["exam_sid"], served_sandbox["session_sid"]
    done = example("quickstart.py", exam, session)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"booked: {session}, 2026-12-07T14:30:00.000Z",
        f"in the report: {session}, 2026-12-08T14:30:00.000Z",
    ]
    again = example("quickstart.py", exam, session)
    assert again.returncode == 1
    assert again.stderr.startswith("Failed. 409 RESOURCECONFLICT")
    swapped = example("quickstart.py", session, exam)
    assert swapped.returncode == 1
    assert swapped.stderr.startswith("Nothing was sent. exam_sid: expected an exam SID")


def test_report_to_csv(served_sandbox: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "report.csv"
    done = example("report_to_csv.py", str(path), "2026-01-01T00:00:00Z", "2026-07-01T00:00:00Z")
    assert done.returncode == 0, done.stderr
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert done.stdout == f"{len(rows)} rows\n"
    assert 50 < len(rows) < 240
    dates = [row["appointment_date"] for row in rows]
    assert dates == sorted(dates)
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.csv"]


def test_report_to_csv_reports_a_wrong_argument(served_sandbox: dict[str, Any], tmp_path: Path) -> None:
    done = example("report_to_csv.py", str(tmp_path / "report.csv"), "2026-01-01", "2026-07-01T00:00:00Z")
    assert done.returncode == 1
    assert done.stderr.startswith("No report: appointment_date_after: expected an aware datetime")
