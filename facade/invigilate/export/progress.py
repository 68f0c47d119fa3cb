"""Counts the rows of an export, and reports its progress."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Literal

from .checkpoint import Checkpoint
from .results import ExportProgress

_INTERVAL = 0.1


class Meter:
    """The progress of an export.

    Args:
        checkpoint: its parts.
        on_progress: called with the progress.

    Attributes:
        total: rows of the whole report, if known in advance.
        resumed_rows: rows that an earlier run read.
    """

    def __init__(self, checkpoint: Checkpoint, on_progress: Callable[[ExportProgress], None] | None) -> None:
        self.total: int | None = None
        self.resumed_rows = 0
        self._checkpoint = checkpoint
        self._on_progress = on_progress
        self._guard = threading.Lock()
        self._started = time.monotonic()
        self._reported = 0.0
        self._phase: Literal["reading", "writing"] = "reading"
        self._windows = 0
        self._read: dict[int, int] = {}
        self._totals: dict[int, int | None] = {}
        self._rows_written = 0

    @property
    def seconds(self) -> float:
        """Seconds since this run of the export began."""
        return time.monotonic() - self._started

    def begin(self, windows: int) -> None:
        """Begin to read a number of windows, some of which an earlier run may have read."""
        parts = self._checkpoint.parts
        self._windows = windows
        self._read = {index: part.rows for index, part in parts.items()}
        self._totals = {index: part.total for index, part in parts.items()}
        self.resumed_rows = sum(self._read.values())
        self.report(at_once=True)

    def received(self, index: int, rows: int, total: int | None) -> None:
        """Count received rows of a window."""
        with self._guard:
            self._read[index] = self._read.get(index, 0) + rows
            self._totals[index] = total

    def discard(self, index: int) -> None:
        """Stop counting the rows of a window that is read again."""
        with self._guard:
            self.resumed_rows -= self._read.pop(index, 0)

    def begin_writing(self) -> None:
        """Begin to write the file."""
        self._phase = "writing"
        self.report(at_once=True)

    def written(self, rows: int) -> None:
        """Count written rows."""
        self._rows_written += rows
        self.report()

    def report(self, *, at_once: bool = False) -> None:
        """Report the progress, unless that was done a moment ago."""
        now = time.monotonic()
        if self._on_progress is None or (not at_once and now - self._reported < _INTERVAL):
            return
        self._reported = now
        with self._guard:
            rows, totals = sum(self._read.values()), list(self._totals.values())
        total = self.total
        if self._phase == "writing":
            rows, total = self._rows_written, rows
        elif total is None and len(totals) == self._windows and None not in totals:
            total = sum(each for each in totals if each is not None)
        windows_done = len(self._checkpoint.parts)
        progress = ExportProgress(
            self._phase, rows, total, self._windows, windows_done, self.seconds, self.resumed_rows
        )
        self._on_progress(progress)
