"""The progress of an export while it runs, and its result."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal, TypedDict

Format = Literal["csv", "jsonl", "parquet"]


@dataclass(frozen=True, slots=True)
class ExportProgress:
    """The progress of an export.

    Attributes:
        phase: `"reading"` from the server, or `"writing"` the file from the rows read.
        rows: rows read, including those of an earlier run of the export.
        total: rows of all parts, or `None` until the server has announced them.
        pages: pages read in this run.
        parts: parts of the export: one for each pager.
        parts_done: complete parts.
        seconds: since this run of the export began.
        resumed_rows: rows that an earlier run read.
    """

    phase: Literal["reading", "writing"]
    rows: int
    total: int | None
    pages: int
    parts: int
    parts_done: int
    seconds: float
    resumed_rows: int = 0

    @property
    def rows_per_second(self) -> float | None:
        """Rows read per second in this run; `None` before the first."""
        read = self.rows - self.resumed_rows
        return read / self.seconds if read > 0 and self.seconds > 0 else None

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
        total: rows as the server announced last; `None` if it announced none.
        parts: parts read: one for each pager.
        seconds: duration of this run of the export.
        read_since: when reading of the oldest rows began, in UTC; that may have been an earlier run.
        warnings: signs that the rows changed while they were read (another total, a SID on two consecutive pages), and
            numbers that JSON cannot represent, which are null in the file.
        resumed_rows: rows that an earlier run of the export read.
        misfits: how many values did not fit their column and are in the column `additional`, by field.
    """

    path: Path
    rows: int
    total: int | None
    parts: int
    seconds: float
    read_since: datetime
    warnings: tuple[str, ...] = ()
    resumed_rows: int = 0
    misfits: Mapping[str, int] = field(default_factory=dict[str, int])


class ExportOptions(TypedDict, total=False):
    """The options of `Pager.export`: those of `export`."""

    label: str
    format: Format | None
    checkpoint: bool | str | os.PathLike[str]
    overwrite: bool
    csv_safe: bool
    on_progress: Callable[[ExportProgress], None] | None
