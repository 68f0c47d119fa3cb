"""What an export tells while it runs, and at its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class ExportProgress:
    """How far an export has come.

    Attributes:
        phase: `"reading"` from the server, or `"writing"` the file from what was read.
        rows: rows of this phase that are done; when reading, those of an earlier run of the export included.
        total: rows of the whole report, or `None` as long as the server has not said it.
        windows: windows of the export, over all installs; 1 for an install that is not split.
        windows_done: those that are complete.
        seconds: since this run of the export began.
        resumed_rows: rows that an earlier run had read.
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
        """Rows read from the server per second of this run; `None` before the first, and when writing."""
        read = self.rows - self.resumed_rows
        return read / self.seconds if self.phase == "reading" and read > 0 and self.seconds > 0 else None

    @property
    def seconds_left(self) -> float | None:
        """Seconds until everything is read if it goes on like this; `None` if that cannot be said."""
        speed = self.rows_per_second
        return None if speed is None or self.total is None else max(0, self.total - self.rows) / speed


@dataclass(frozen=True, slots=True)
class ExportResult:
    """What an export has done.

    Attributes:
        path: the file.
        rows: its rows.
        total: rows of the whole report as the server said at the end; `None` if it does not say.
        windows: windows that were read, over all installs; 1 for an install that is not split.
        seconds: that this run of the export took.
        warnings: what was odd while paging (a total that changed, a SID on two neighbouring pages), each with its
            place. Nothing is repaired. Also numbers that JSON cannot write, in whose place stands null.
        resumed_rows: rows that an earlier run of the export had read.
        misfits: by field, how many values did not fit their column and stand in the column `additional`.
        read_since: when the reading of the oldest rows began, in UTC; long ago, if an earlier run did it.
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
