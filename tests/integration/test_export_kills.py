"""Exports that are killed and called again end with the same bytes as exports that nobody disturbed."""

from __future__ import annotations

import multiprocessing
import random
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from invigilate import SmarterProctoring
from invigilate.export import ExportError, export_report
from invigilate.sandbox import Sandbox
from tests.support.exporting import ALREADY_THERE, BY_DATE, Meddler, client_of, export_in_process

SEED = 20261121
WINDOWS: dict[str, Any] = {
    "filters": BY_DATE,
    "window_by": "appointment_date",
    "window": timedelta(days=31),
    "page_size": 25,
}


@dataclass(frozen=True)
class Shape:
    """A kind of export.

    Attributes:
        name: of the test.
        kills: how often exports are killed.
        most: how often each of them is killed at most; then it may end.
        events: among how many events of a run the one is chosen at which it is killed.
        forms: formats, with the arguments that only they have.
        arguments: those that all have.
        installs: whether it is of two installs.
        differed: whether each export begins with a run that finds windows and report to differ.
    """

    name: str
    kills: int
    most: int
    events: int
    forms: Mapping[str, Mapping[str, Any]]
    arguments: Mapping[str, Any]
    installs: bool = False
    differed: bool = False


DEFAULTS: dict[str, dict[str, Any]] = {"csv": {}, "jsonl": {}, "parquet": {}}
SHAPES = [
    Shape("windows", 50, 39, 90, DEFAULTS, WINDOWS),
    Shape(
        "windows of two installs, overwriting",
        20,
        5,
        200,
        {"csv": {"nested": "json"}, "parquet": {"nested": "flatten"}},
        {**WINDOWS, "overwrite": True},
        installs=True,
    ),
    Shape(
        "two installs without windows",
        20,
        4,
        45,
        {"csv": {"nested": "flatten", "csv_safe": True}, "jsonl": {}, "parquet": {"nested": "json"}},
        {"filters": BY_DATE, "page_size": 25},
        installs=True,
    ),
    Shape("windows that differed", 18, 4, 80, DEFAULTS, WINDOWS, differed=True),
]


def a_row_short(page: dict[str, Any], query: dict[str, str]) -> None:
    """A server of whose first window a row is missing."""
    if query["appointmentDateBefore"].startswith("2026-02-01"):
        page["total"] -= 1
        if int(query.get("offset", 0)) + len(page["results"]) > page["total"]:
            page["results"].pop()


def differ(sandbox: Sandbox, client: SmarterProctoring, path: Path, arguments: Mapping[str, Any]) -> None:
    """Let an export find that its windows do not make up the report."""
    meddler = Meddler(page=a_row_short)
    sandbox.interceptors.append(meddler)
    with pytest.raises(ExportError, match=r"the windows have \d+ rows, and the report has"):
        export_report(client, path, **arguments)
    sandbox.interceptors.remove(meddler)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_killed_exports_go_on_to_the_same_bytes(tmp_path: Path, shape: Shape) -> None:
    random_ = random.Random(SEED)
    # Its children are forked from a process that has imported everything, so each begins at once.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["invigilate.export", "invigilate._transport", "invigilate._prefetch", "pyarrow.parquet"]
    )
    kills, exports, resumed = 0, 0, set[str]()
    with Sandbox(report_rows=600) as sandbox, client_of(sandbox) as client:
        settings = {
            "token": sandbox.token,
            "install_sid": sandbox.install_sid,
            "base_url": sandbox.smarterproctoring_url,
        }
        common = dict(shape.arguments)
        if shape.installs:
            common["installs"] = [sandbox.other_install_sid, sandbox.install_sid]
        expected: dict[str, bytes] = {}
        for form, own in shape.forms.items():
            undisturbed = tmp_path / f"undisturbed.{form}"
            assert export_report(client, undisturbed, **common, **own).rows > 300
            expected[form] = undisturbed.read_bytes()
        while kills < shape.kills:
            form, own = list(shape.forms.items())[exports % len(shape.forms)]
            arguments = {**common, **own}
            folder = tmp_path / f"{exports}"
            folder.mkdir()
            path = folder / f"report.{form}"
            if shape.differed:
                differ(sandbox, client, path, arguments)
            exports += 1
            for run in range(shape.most + 1):
                if run:
                    resumed.add(form)
                # Most land within the reading; one in three, a little after an event, within a write.
                die_at = random_.randint(1, shape.events) if kills < shape.kills and run < shape.most else 0
                delay = random_.choice((0.0, 0.0, random_.uniform(0.0, 0.02)))
                process = context.Process(
                    target=export_in_process, args=(settings, str(path), arguments, die_at, delay), daemon=True
                )
                process.start()
                process.join(60)
                if process.exitcode == -signal.SIGKILL:
                    kills += 1
                    # The file is not there, or whole.
                    assert not path.exists() or path.read_bytes() == expected[form]
                    continue
                assert process.exitcode in ({0} if run == 0 else {0, ALREADY_THERE})
                break
            else:
                pytest.fail("an export that does not end")
            assert path.read_bytes() == expected[form], f"export {exports}, {form}"
            left = {each.name for each in folder.rglob("*")} - {path.name}
            # Killed after the last of its rows was removed, an export leaves no more than its lock.
            assert left <= {f"{path.name}.checkpoint", "lock"}
        assert sandbox.defects == []
    assert kills == shape.kills
    assert resumed == set(shape.forms)
