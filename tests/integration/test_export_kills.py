"""Exports that are killed and whose files are damaged produce the same bytes as undisturbed ones.

`python -m benchmarks.export_kills` does the same with 300 kills.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from benchmarks.export_kills import SHAPES, Kills, Shape, WrongError, act
from invigilate.sandbox import Sandbox

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_killed_and_damaged_exports_continue_to_the_same_bytes(tmp_path: Path, shape: Shape) -> None:
    with Sandbox(report_rows=600) as sandbox:
        kills = Kills(sandbox, tmp_path)
        kills.run(shape, 10)
        assert sandbox.defects == []
    assert kills.kills == 10
    assert kills.resumed
    assert kills.damage.done.total() > 0


def test_an_error_without_a_remedy_is_found(tmp_path: Path) -> None:
    with pytest.raises(WrongError, match=re.escape("[Errno 5] Input/output error")):
        act("[Errno 5] Input/output error", tmp_path / "r.csv")
