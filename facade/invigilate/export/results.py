"""The progress of an export while it runs, and its result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class ExportProgress:
    """The progress of an export.

    Attributes:
        phase: `"reading"` from the server, or `"writing"` the file from the rows read.
        rows: rows done in this phase; when reading, including those of an earlier run of the export.
        total: rows of the whole report, or `None` until the server has announced it.
        windows: windows of the export, over all installs; 1 for an install that is not split.
        windows_done: complete windows.
        seconds: since this run of the export began.
        resumed_rows: rows that an earlier run read.
    """

    phase: Literal["reading", "writing"]
    rows: int
    total: int | None
    windows: int
    windows_done: int
    seconds: float
    resumed_rows: int = 0

    @property
    def rows_per_second(self) -> float | None:
        """Rows read from the server per second in this run; `None` before the first, and when writing."""
        read = self.rows - self.resumed_rows
        return read / self.seconds if self.phase == "reading" and read > 0 and self.seconds > 0 else None

    @property
    def seconds_left(self) -> float | None:
        """Seconds until all rows are read at the current speed; `None` if unknown."""
        speed = self.rows_per_second
        return None if speed is None or self.total is None else max(0, self.total - self.rows) / speed


@dataclass(frozen=True, slots=True)
class ExportResult:
    """The result of an export.

    Attributes:
        path: the file.
        rows: rows in the file.
        total: rows of the whole report as the server announced last; `None` if it announced none.
        windows: windows read, over all installs; 1 for an install that is not split.
        seconds: duration of this run of the export.
        warnings: signs that the report changed while it was read (another total, a SID on two consecutive pages), each
            with its install and window, and numbers that JSON cannot represent, which are null in the file.
        resumed_rows: rows that an earlier run of the export read.
        misfits: how many values did not fit their column and are in the column `additional`, by field.
        read_since: when reading of the oldest rows began, in UTC; that may have been an earlier run.
    """

    path: Path
    rows: int
    total: int | None
    windows: int
    seconds: float
    warnings: tuple[str, ...] = ()
    resumed_rows: int = 0
    misfits: Mapping[str, int] = field(default_factory=dict[str, int])
    read_since: datetime = field(kw_only=True)
