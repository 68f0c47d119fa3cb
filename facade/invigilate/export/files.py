"""Exports rows to a file."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, cast
from urllib.parse import parse_qsl, urlsplit

from invigilate._files import private, replacing, sync_folder
from invigilate._identifiers import describe_value

from .checkpoint import Checkpoint, Record
from .columns import Columns, quoted
from .errors import ExportArgumentError
from .results import ExportProgress, ExportResult, Format
from .sources import Part, labeled, parts_of, request_of

_FORMATS = ("csv", "jsonl", "parquet")
_COPY = {"csv": "FORMAT csv, HEADER", "parquet": "FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 32768"}
_INTERVAL = 0.1


def export(
    source: Any,
    path: str | os.PathLike[str],
    *,
    label: str = "label",
    format: Format | None = None,
    checkpoint: bool | str | os.PathLike[str] = True,
    overwrite: bool = False,
    csv_safe: bool = False,
    on_progress: Callable[[ExportProgress], None] | None = None,
) -> ExportResult:
    """Write the rows of pagers to a file, which appears complete or not at all.

    The call blocks until the file is written; in asyncio, run it in a thread, with a synchronous client. Rows are kept
    in a checkpoint while they are read, so that a killed export continues when it is called again with the same
    arguments: complete parts are not read again. Only a few pages are held in memory.

    Args:
        source: a pager; a list of pagers or of `windows`; or a mapping of labels to them, whose rows have a first
            column that shows the label. Each pager is a part, and parts are read one after another. Without a page
            size of its own, a pager requests pages of 1,000 rows, or of the documented maximum, and smaller ones if
            the server refuses that; without `prefetch`, it has 8 pages in flight.
        path: the file, readable by you only (mode 0600). Its suffix selects the format: `.csv`, `.jsonl` or `.parquet`.
        label: the name of the column of labels.
        format: the format, whatever the suffix is.
        checkpoint: the folder of the checkpoint; `True` for one next to the file, with the suffix `.checkpoint`;
            `False` for a temporary one, which is removed even after an error. It holds the rows read so far.
        overwrite: replace an existing file, or a symbolic link, but not the file that the link points to.
        csv_safe: in CSV, put an apostrophe before strings that spreadsheets take for formulas. This changes values.
        on_progress: called several times a second and at the end. An exception in it ends the export.

    Returns:
        The numbers of rows and parts, and warnings.

    Raises:
        InvalidArgumentError: if an argument is wrong (`ExportArgumentError` unless it is one of a pager); nothing was
            sent.
        ExportError: if the checkpoint belongs to another export or is in use; if a window has fewer rows than planned;
            if a row has a field with the name of the label; if a library of the extra is not installed.
        APIError: if a page cannot be fetched. Call again to continue.
        OSError: if a file cannot be written. Call again to continue. `PermissionError` if the checkpoint or a file in
            it belongs to another user, or is a symbolic link.
    """
    target, form = _target(path, format)
    parts, columns = parts_of(source, label, times=form != "csv")
    if csv_safe and form != "csv":
        raise ExportArgumentError("csv_safe", "False unless the format is csv", f"True with {form}")
    if form != "jsonl":
        columns.connection  # noqa: B018  # raises if the extra is missing
    plan = {"format": form, "csv_safe": csv_safe, **_plan(parts, columns)}
    with ExitStack() as stack:
        if checkpoint is False:
            made = tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.absolute().parent)
            folder = Path(stack.enter_context(made)) / "checkpoint"
        elif checkpoint is True:
            folder = target.with_name(f"{target.name}.checkpoint")
        else:
            folder = _path("checkpoint", "True, False or a folder", checkpoint)
            if folder.resolve() == target.absolute().parent.resolve():
                raise ExportArgumentError("checkpoint", "another folder than that of the file", "the same")
        kept = Checkpoint(folder, plan)
        stack.callback(kept.close)
        run = _Export(parts, columns, kept, target, form, on_progress)
        if not run.is_finished(overwrite=overwrite):
            run.read()
            run.write(csv_safe=csv_safe, overwrite=overwrite)
        result = run.result()
        kept.remove()
        return result


class _Export:
    def __init__(
        self,
        parts: list[Part],
        columns: Columns,
        checkpoint: Checkpoint,
        target: Path,
        form: Format,
        on_progress: Callable[[ExportProgress], None] | None,
    ) -> None:
        self._parts, self._columns, self._checkpoint = parts, columns, checkpoint
        self._target, self._form = target, form
        self._on_progress = on_progress
        self._started = time.monotonic()
        self._reported = 0.0
        self._pages = self._read_rows = 0
        self._resumed = 0

    def is_finished(self, *, overwrite: bool) -> bool:
        """Return whether an earlier run was killed after it had written the file, which is the result then."""
        written = self._checkpoint.is_written(self._target)
        if written and overwrite:
            self._checkpoint.start_over()  # its rows must not pass for current ones
        elif not written and os.path.lexists(self._target) and not overwrite:
            raise file_exists(self._target)
        self._resumed = sum(record.rows for record in self._checkpoint.records)
        return written and not overwrite

    def read(self) -> None:
        """Read the parts that are not complete."""
        requests = [(*request_of(part.pager), part.planned) for part in self._parts]
        with self._checkpoint.appending(requests) as append:
            complete = self._checkpoint.records
            self._resumed = sum(record.rows for record in complete)
            for part, record in zip(self._parts, complete, strict=False):
                part.total = record.total
            for part in self._parts[len(complete) :]:
                record = Record(since=time.time_ns() // 1_000_000)
                with closing(self._lines(part, record)) as lines:
                    append(record, lines)
                self._report("reading", at_once=True)

    def _lines(self, part: Part, record: Record) -> Generator[bytes]:
        self._columns.misfits = record.misfits
        for page in part.pages():
            rows = labeled(part, self._columns, page.rows)
            if self._form != "jsonl":
                rows = self._columns.fit(rows)
            if rows:
                yield b"\n".join(rows) + b"\n"
                record.largest = max(record.largest, *map(len, rows))
            record.rows += len(rows)
            self._pages, self._read_rows = self._pages + 1, self._read_rows + len(rows)
            self._report("reading")
        record.total, record.warnings = part.total, part.warnings

    def write(self, *, csv_safe: bool, overwrite: bool) -> None:
        """Write the file from the rows."""
        self._report("writing", at_once=True)
        checkpoint, target = self._checkpoint, self._target

        def finish(written: Path) -> None:
            if os.path.lexists(target) and not overwrite:
                raise file_exists(target)
            checkpoint.set_written(written)

        if self._form == "jsonl" and checkpoint.rows.stat().st_dev == target.absolute().parent.stat().st_dev:
            # The file is there already.
            finish(checkpoint.rows)
            os.replace(checkpoint.rows, target)
            sync_folder(target.absolute().parent)
        else:
            temporary = target.with_name(f".{target.name}.{checkpoint.tag}.tmp")
            with replacing(target, temporary) as file:
                if self._form == "jsonl":
                    with open(checkpoint.rows, "rb", opener=private) as rows:
                        shutil.copyfileobj(rows, file)
                else:
                    largest = max(record.largest for record in checkpoint.records)
                    select = self._columns.select_file(checkpoint.rows, largest, safe=csv_safe)
                    # Into the file that is there, so that it keeps its mode.
                    where = quoted(str(temporary.absolute()))
                    self._columns.connection.execute(
                        f"COPY ({select}) TO {where} ({_COPY[self._form]}, USE_TMP_FILE false)"
                    )
                file.flush()
                finish(temporary)
        self._report("writing", at_once=True)

    def result(self) -> ExportResult:
        """Return the result."""
        records = self._checkpoint.records
        totals = [record.total for record in records if record.total is not None]
        misfits: dict[str, int] = {}
        for record in records:
            for name, number in record.misfits.items():
                misfits[name] = misfits.get(name, 0) + number
        return ExportResult(
            path=self._target,
            rows=sum(record.rows for record in records),
            total=sum(totals) if len(totals) == len(records) else None,
            parts=len(records),
            seconds=time.monotonic() - self._started,
            read_since=datetime.fromtimestamp(min(record.since for record in records) / 1000, UTC),
            warnings=tuple(warning for record in records for warning in record.warnings),
            resumed_rows=self._resumed,
            misfits=misfits,
        )

    def _report(self, phase: Literal["reading", "writing"], *, at_once: bool = False) -> None:
        now = time.monotonic()
        if self._on_progress is None or (not at_once and now - self._reported < _INTERVAL):
            return
        self._reported = now
        totals = [part.total for part in self._parts]
        total = None if None in totals else sum(cast("list[int]", totals))
        rows, done = self._resumed + self._read_rows, len(self._checkpoint.records)
        self._on_progress(
            ExportProgress(phase, rows, total, self._pages, len(self._parts), done, now - self._started, self._resumed)
        )


def _plan(parts: list[Part], columns: Columns) -> dict[str, Any]:
    """Return what decides the content of the parts, by the names that an error shows; of windows, their whole."""
    plan: dict[str, Any] = {"columns": columns.types, "label": columns.label}
    for part in {(part.label, id(part.whole)): part for part in parts}.values():
        url, content = request_of(part.whole)
        target = urlsplit(url)
        plan.setdefault("labels", []).append(part.label)
        plan.setdefault("account", []).append([part.client._defaults, part.client._credentials.account])
        plan.setdefault("base URL or path", []).append(f"{target.scheme}://{target.netloc}{target.path}")
        plan.setdefault("body", []).extend([content] if content else [])
        for name, value in parse_qsl(target.query, keep_blank_values=True):
            plan.setdefault(f"filter {name}", []).append(value)
    return plan


def _target(path: object, format: object) -> tuple[Path, Format]:
    target = _path("path", "a file", path)
    form = target.suffix.lower().removeprefix(".") if format is None else format
    if form not in _FORMATS and format is not None:
        passed = repr(format)[:40] if isinstance(format, str) else describe_value(format)
        raise ExportArgumentError("format", "'csv', 'jsonl' or 'parquet'", passed)
    if form not in _FORMATS:
        passed = f"the suffix {target.suffix!r}" if target.suffix else "no suffix"
        raise ExportArgumentError("path", "a path ending in .csv, .jsonl or .parquet, or format=", passed)
    if target.exists() and not target.is_file():
        raise ExportArgumentError("path", "the path of a file", "a folder, a device or a pipe")
    return target, form  # type: ignore[return-value]  # which pyright understands


def _path(name: str, expected: str, value: Any) -> Path:
    if not isinstance(value, str | os.PathLike):
        raise ExportArgumentError(name, expected, describe_value(value))
    string = os.fsdecode(cast("str | os.PathLike[str]", value))
    if not string or "\0" in string or not _is_utf8(os.path.abspath(string)):
        found = "a path with a NUL character, or one that is not UTF-8" if string else "an empty string"
        raise ExportArgumentError(name, expected, found)
    if not Path(string).absolute().parent.is_dir():
        raise ExportArgumentError(name, f"{expected} in a folder that exists", "one in a folder that does not")
    return Path(string)


def _is_utf8(string: str) -> bool:
    try:
        string.encode()
    except UnicodeEncodeError:
        return False
    return True


def file_exists(path: Path) -> ExportArgumentError:
    """Create the error for a file that would be overwritten."""
    return ExportArgumentError("path", "a file that does not exist, or overwrite=True", "one that exists")
