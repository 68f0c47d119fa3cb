"""The examples of docs/warehouse.md that need Spark or Dask."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from invigilate.sandbox import Sandbox
from tests.docs.blocks import ROOT, expected, read, run


def test_blocks_print_what_the_page_shows(
    start: Callable[..., Any], sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    spark = start("local[2]")
    blocks = read(ROOT / "docs" / "warehouse.md")
    namespace: dict[str, Any] = {"__name__": "page"}
    run_here = [block for block in blocks if block.language == "python spark"]
    assert len(run_here) >= 4
    for block in run_here:
        assert run(block, namespace) == expected(block, blocks), str(block)
    # As the page says, nobody else may read the rows.
    modes = {path.stat().st_mode & 0o077 for path in Path(namespace["table"]).rglob("*.parquet")}
    namespace["folder"].cleanup()
    spark.stop()
    assert modes == {0}
