"""Exports that are killed and called again end with the same bytes as exports that nobody disturbed."""

from __future__ import annotations

import multiprocessing
import random
import signal
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from invigilate.export import export_report
from invigilate.sandbox import Sandbox
from tests.support.exporting import ALREADY_THERE, BY_DATE, client_of, export_in_process

KILLS = 50
SEED = 20261121
ARGUMENTS: dict[str, Any] = {
    "filters": BY_DATE,
    "window_by": "appointment_date",
    "window": timedelta(days=31),
    "page_size": 25,
}
MOST_RUNS = 40
MOST_EVENTS = 90


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_killed_exports_go_on_to_the_same_bytes(tmp_path: Path) -> None:
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
        expected: dict[str, bytes] = {}
        for form in ("csv", "jsonl", "parquet"):
            undisturbed = tmp_path / f"undisturbed.{form}"
            assert export_report(client, undisturbed, **ARGUMENTS).rows > 300
            expected[form] = undisturbed.read_bytes()
        while kills < KILLS:
            form = ("csv", "jsonl", "parquet")[exports % 3]
            folder = tmp_path / f"{exports}"
            folder.mkdir()
            path = folder / f"report.{form}"
            exports += 1
            for run in range(MOST_RUNS):
                # Most land within the reading; one in three, a little after an event, within a write.
                die_at = random_.randint(1, MOST_EVENTS) if kills < KILLS and run < MOST_RUNS - 1 else 0
                delay = random_.choice((0.0, 0.0, random_.uniform(0.0, 0.02)))
                process = context.Process(
                    target=export_in_process, args=(settings, str(path), ARGUMENTS, die_at, delay), daemon=True
                )
                process.start()
                process.join(60)
                if process.exitcode == -signal.SIGKILL:
                    kills += 1
                    if run:
                        resumed.add(form)
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
    assert kills == KILLS
    assert resumed == {"csv", "jsonl", "parquet"}
