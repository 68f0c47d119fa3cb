"""A name that a new specification changes fails type checks, not exports."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from regenerator.__main__ import main

ROOT = Path(__file__).resolve().parents[2]
SPEC = ROOT / "openapi" / "smarterproctoring.yaml"
FIELDS = {"sid": "id", "appointmentDate": "begins", "dateClosed": "closed", "dateCancelled": "cancelled"}
FILTERS = {
    "appointmentDateAfter": "beginsAfter",
    "appointmentDateBefore": "beginsBefore",
    "closeDateAfter": "closedAfter",
    "closeDateBefore": "closedBefore",
    "sortOrder": "direction",
    # The keys to sort by.
    "appointmentDate": "begins",
    "closeDate": "closed",
}


def renamed() -> str:
    """Return the specification with fields and filters of the report renamed."""
    before, row, after = re.split(r"(^    ServiceDistributionRow:\n(?:^     .*\n)+)", SPEC.read_text(), flags=re.M)
    for old, new in FIELDS.items():
        assert row.count(f"\n        {old}:\n") == 1
        row = row.replace(f"\n        {old}:\n", f"\n        {new}:\n")
    start = before.index("operationId: getServiceDistribution")
    end = before.index("      responses:\n", start)
    operation = before[start:end]
    for old, new in FILTERS.items():
        operation, count = re.subn(rf"\b{old}(?=\n|\])", new, operation)
        assert count
    return before[:start] + operation + before[end:] + row + after


def test_a_renamed_field_or_filter_fails_the_type_check(tmp_path: Path) -> None:
    (tmp_path / SPEC.name).write_text(renamed())
    package = ["--package", "smarterproctoring_client", "--output", str(tmp_path)]
    assert main(["--spec", str(tmp_path / SPEC.name), *package]) == 0
    paths = [str(path) for path in (tmp_path, ROOT / "facade", ROOT / "generated")]
    command = [sys.executable, "-m", "mypy", "--strict", "--no-pretty", "--ignore-missing-imports"]
    done = subprocess.run(
        [*command, "--cache-dir", str(tmp_path / "cache"), "--package", "invigilate.export"],
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": os.pathsep.join(paths)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    attributes = re.findall(r'"ServiceDistributionRow" has no attribute "(\w+)"', done.stdout)
    assert set(attributes) == {"sid", "appointment_date", "date_closed", "date_cancelled"}, done.stdout
    arguments = re.findall(r'Unexpected keyword argument "(\w+)"', done.stdout)
    bounds = {f"{date}_{bound}" for date in ("appointment_date", "close_date") for bound in ("after", "before")}
    assert set(arguments) == {*bounds, "sort_order"}, done.stdout
    keys = re.findall(r"incompatible type \"Literal\['(\w+)'\]\"", done.stdout)
    assert set(keys) >= {"appointmentDate", "closeDate"}, done.stdout
