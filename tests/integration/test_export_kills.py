"""Exports that are killed and whose files are damaged produce the same bytes as undisturbed ones.

`python -m benchmarks.export_kills` does the same with 300 kills.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from benchmarks.export_kills import SHAPES, Kills, Shape, WrongError, act
from invigilate.export import ExportError, export_report
from invigilate.sandbox import Sandbox
from tests.support.exporting import Meddler, client_of

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")


def a_row_short(page: dict[str, Any], query: dict[str, str]) -> None:
    """A server that omits a row of the first window."""
    if query["appointmentDateBefore"].startswith("2026-02-01"):
        page["total"] -= 1
        if int(query.get("offset", 0)) + len(page["results"]) > page["total"]:
            page["results"].pop()


@pytest.mark.parametrize(
    ("shape", "differed"),
    [pytest.param(shape, False, id=shape.name) for shape in SHAPES]
    + [pytest.param(SHAPES[0], True, id="windows that differed")],
)
def test_killed_and_damaged_exports_continue_to_the_same_bytes(tmp_path: Path, shape: Shape, differed: bool) -> None:
    with Sandbox(report_rows=600) as sandbox, client_of(sandbox) as client:

        def differ(path: Path, arguments: Mapping[str, Any]) -> None:
            """Let an export find that its windows differ from the report."""
            meddler = Meddler(page=a_row_short)
            sandbox.interceptors.append(meddler)
            with pytest.raises(ExportError, match=r"the windows have \d+ rows, and the report has"):
                export_report(client, path, **arguments)
            sandbox.interceptors.remove(meddler)

        kills = Kills(sandbox, tmp_path)
        if differed:
            kills.prepare = differ
        kills.run(shape, 10)
        assert sandbox.defects == []
    assert kills.kills == 10
    assert kills.resumed
    assert kills.damage.done.total() > 0


def test_an_error_without_a_remedy_is_found(tmp_path: Path) -> None:
    with pytest.raises(WrongError, match=re.escape("[Errno 5] Input/output error")):
        act("[Errno 5] Input/output error", tmp_path / "r.csv")
