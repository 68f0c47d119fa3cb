"""Exports a report to a file."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from invigilate._files import replacing

from .checkpoint import Checkpoint
from .columns import Nested
from .errors import ExportError
from .options import Format, Options, check, file_exists
from .parallel import run_tasks
from .progress import Meter
from .reading import PageSize, Reader, Task, total_of
from .results import ExportProgress, ExportResult
from .windows import WindowBy, split, width_for, windows_between
from .writing import write_file

if TYPE_CHECKING:
    from invigilate import SmarterProctoring


def export_report(
    client: SmarterProctoring,
    path: str | os.PathLike[str],
    *,
    format: Format | None = None,
    filters: Mapping[str, Any] | None = None,
    installs: Sequence[str] | None = None,
    install_column: str = "installSid",
    nested: Nested | None = None,
    page_size: int | None = 1000,
    prefetch: int = 8,
    window_by: WindowBy | None = None,
    window: timedelta | Literal["auto"] = "auto",
    parallel: int = 4,
    checkpoint: bool | str | os.PathLike[str] = True,
    overwrite: bool = False,
    csv_safe: bool = False,
    on_progress: Callable[[ExportProgress], None] | None = None,
) -> ExportResult:
    """Export the service distribution report to a file, which appears complete or not at all.

    The call blocks until the file is written; in asyncio, run it in a thread, with a synchronous client. Rows are kept
    in a checkpoint while they are read, so that a killed export continues when it is called again with the same
    arguments: complete windows, or complete installs without windows, are not read again. Only a few pages are held in
    memory, however long the report is.

    Args:
        client: the client; its connections are used by several threads at once. Its options apply; a `deadline` holds
            for each window.
        path: the file, readable by you only (mode 0600). Its suffix selects the format: `.csv`, `.jsonl` or `.parquet`.
        format: the format, whatever the suffix is.
        filters: keyword arguments of `client.reports.service_distribution` except `limit` and `offset`.
        installs: installs to read one after the other, over the connections of the client. A column shows the install
            of each row; by default the install of the client is read, without that column.
        install_column: the name of that column, which is the first one.
        nested: how nested objects are written. In CSV as one column per key (`"flatten"`, the default) or as JSON
            strings (`"struct"` or `"json"`). In Parquet as structs (`"struct"`, the default), columns (`"flatten"`) or
            JSON strings (`"json"`). In JSON Lines they always stay objects.
        page_size: rows per page, or `None` for the server default. If the server refuses it, smaller sizes are tried.
        prefetch: pages in flight, over all windows; 1 to 100.
        window_by: split the report by this date between its two bounds, which `filters` must contain; windows are read
            in parallel, and each is kept once it is complete.
        window: the length of a window; `"auto"` chooses it by the number of rows.
        parallel: windows read at the same time; 1 to 32.
        checkpoint: the folder of the checkpoint; `True` for one next to the file, with the suffix `.checkpoint`;
            `False` for a temporary one, which is removed even after an error. It holds the rows read so far.
        overwrite: replace an existing file, or a symbolic link, but not the file that the link points to. If an earlier
            run was killed just after it finished, the report is read again; otherwise its file would be the result.
        csv_safe: in CSV, put an apostrophe before strings that spreadsheets take for formulas. This changes values.
        on_progress: called in this thread several times a second and at the end. An exception in it ends the export.

    Returns:
        The numbers of rows and windows, and warnings.

    Raises:
        InvalidArgumentError: if an argument is wrong (`ExportArgumentError` unless it is one of `filters`); nothing
            was sent.
        ExportError: if the checkpoint belongs to another export or is in use; if windows and report differ; if a row
            has a field with the name of the column of installs; if pyarrow is needed and not installed.
        APIError: if a page cannot be fetched. Call again to continue.
        OSError: if a file cannot be written. Call again to continue. `PermissionError` if the checkpoint or a file in
            it belongs to another user, or is a symbolic link.
    """
    options = check(
        client,
        path,
        format=format,
        filters=filters,
        installs=installs,
        install_column=install_column,
        nested=nested,
        page_size=page_size,
        prefetch=prefetch,
        window_by=window_by,
        window=window,
        parallel=parallel,
        checkpoint=checkpoint,
        overwrite=overwrite,
        csv_safe=csv_safe,
        on_progress=on_progress,
    )
    if options.folder is not None:
        return _Export(options, options.folder, on_progress).run()
    with tempfile.TemporaryDirectory(
        prefix=f".{options.path.name}.", dir=options.path.absolute().parent, ignore_cleanup_errors=True
    ) as folder:
        return _Export(options, Path(folder) / "checkpoint", on_progress).run()


class _Export:
    def __init__(self, options: Options, folder: Path, on_progress: Callable[[ExportProgress], None] | None) -> None:
        self._options = options
        self._checkpoint = Checkpoint(folder, options.plan())
        self._meter = Meter(self._checkpoint, on_progress)

    def run(self) -> ExportResult:
        path, checkpoint = self._options.path, self._checkpoint
        try:
            finished = checkpoint.is_written(path)
            if finished and not self._options.overwrite:
                # An earlier run was killed after it finished.
                resumed_rows = checkpoint.summary["rows"]
            else:
                if finished:
                    # Its rows must not pass for current ones.
                    checkpoint.start_over()
                checkpoint.begin()
                if os.path.lexists(path) and not self._options.overwrite:
                    raise file_exists(path)
                self._read()
                self._write()
                resumed_rows = self._meter.resumed_rows
            summary = checkpoint.summary
            checkpoint.remove()
            return ExportResult(
                path=path,
                rows=summary["rows"],
                total=summary["total"],
                windows=summary["windows"],
                seconds=self._meter.seconds,
                warnings=tuple(summary["warnings"]),
                resumed_rows=resumed_rows,
                misfits=summary["misfits"],
                read_since=datetime.fromtimestamp(summary["read_since"] / 1000, UTC),
            )
        finally:
            checkpoint.close()

    def _read(self) -> None:
        options, checkpoint, meter = self._options, self._checkpoint, self._meter
        clients = options.clients()
        if options.by is not None:
            meter.total = sum(self._total(install, client) for install, client in clients)
        if options.by is not None and checkpoint.bounds is None:
            checkpoint.set_bounds(self._split(meter.total or 0))
        elif options.by is None:
            checkpoint.set_bounds(None)
        windows = [None] if checkpoint.bounds is None else windows_between(checkpoint.bounds)
        if options.descending:
            windows.reverse()
        places = [(install, client, window) for install, client in clients for window in windows]
        tasks = [Task(index, client, install, window) for index, (install, client, window) in enumerate(places)]
        # If an earlier run found a difference, complete windows are compared with their totals, too.
        todo = [task for task in tasks if checkpoint.differed or task.index not in checkpoint.parts]
        meter.begin(len(tasks))
        reader = Reader(
            checkpoint,
            filters=options.filters,
            by=options.by,
            sizes=PageSize(options.page_size),
            prefetch=max(1, options.prefetch // max(1, min(options.parallel, len(todo)))),
            install_column=options.install_column,
            received=lambda task, rows, total: meter.received(task.index, rows, total),
        )

        def read(task: Task, stopped: Callable[[], bool]) -> None:
            part = checkpoint.parts.get(task.index)
            if part is not None:
                if reader.total(task) == part.received:
                    return
                checkpoint.discard(task.index)
                meter.discard(task.index)
            reader.read(task, stopped)

        run_tasks(todo, read, threads=options.parallel, on_tick=meter.report)
        meter.report(at_once=True)
        if options.by is not None:
            self._compare(tasks, clients)

    def _split(self, total: int) -> list[int]:
        options = self._options
        assert options.bounds is not None
        after, before = options.bounds
        width = options.width or width_for(after, before, total // len(options.clients()), options.parallel)
        return split(after, before, width)

    def _total(self, install: str | None, client: SmarterProctoring) -> int:
        total = total_of(client, self._options.filters)
        if total is None:
            prefix = f"install {install}: " if install else ""
            raise ExportError(
                f"{prefix}the server announces no total, so windows cannot be compared with the report; export without "
                "window_by"
            )
        return total

    def _compare(self, tasks: list[Task], clients: list[tuple[str | None, SmarterProctoring]]) -> None:
        """Compare the rows of all windows with the current total of the report."""
        parts = self._checkpoint.parts
        kept = ""
        if self._options.folder:
            kept = f". Windows are kept in {self._options.folder}; run the export again to read those again whose "
            kept += "total changed"
        for install, client in clients:
            mine = [parts[task.index] for task in tasks if task.install == install]
            rows, total = sum(part.rows for part in mine), self._total(install, client)
            if rows == total:
                continue
            self._checkpoint.set_differed(True)
            prefix = f"install {install}: " if install else ""
            left_out = sum(part.left_out for part in mine)
            others = f" ({left_out} more were left out: their own date is in another window)" if left_out else ""
            raise ExportError(
                f"{prefix}the windows have {rows} rows{others}, and the report has {total} within the same bounds. It "
                f"changed while it was read, or rows have no {self._options.by}, or the filters are about another "
                f"date than that of the rows{kept}"
            )
        self._checkpoint.set_differed(False)

    def _write(self) -> None:
        path, checkpoint, meter = self._options.path, self._checkpoint, self._meter
        meter.begin_writing()
        with replacing(path, path.with_name(f".{path.name}.{checkpoint.tag}.tmp")) as file:
            misfits = write_file(file, checkpoint, self._options, meter.written)
            file.flush()
            if os.path.lexists(path) and not self._options.overwrite:
                raise file_exists(path)
            checkpoint.set_written(Path(file.name), {**self._summary(), "misfits": misfits})
        meter.report(at_once=True)

    def _summary(self) -> dict[str, Any]:
        parts = [part for _, part in sorted(self._checkpoint.parts.items())]
        rows = sum(part.rows for part in parts)
        totals = [part.total for part in parts if part.total is not None]
        # The totals of windows overlap; that they add up to the report was checked.
        total = rows if self._options.by else sum(totals) if len(totals) == len(parts) else None
        warnings = [warning for part in parts for warning in part.warnings]
        since = min(part.since for part in parts)
        return {"rows": rows, "total": total, "windows": len(parts), "warnings": warnings, "read_since": since}
