"""Writes the file from the parts that were read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import IO, Any

from .checkpoint import Checkpoint, Part, blocks
from .columns import SeenKeys, layout
from .csv_file import CsvFile
from .errors import ExportError
from .options import Options
from .parquet_file import ParquetFile
from .tables import BATCH


def write_file(
    file: IO[bytes], checkpoint: Checkpoint, options: Options, written: Callable[[int], None]
) -> dict[str, int]:
    """Write all parts, in order.

    Args:
        file: the file.
        checkpoint: holds all parts.
        options: of the export.
        written: called with the number of rows just written.

    Returns:
        How many values did not fit their column, by field.

    Raises:
        ExportError: if a part has changed since it was read. It is discarded, and the next run reads it again.
    """
    parts = sorted(checkpoint.parts.items())
    for index, part in parts:
        if not checkpoint.is_intact(index, part):
            raise ExportError(
                f"{checkpoint.part_path(index)}: this part of the checkpoint is damaged; run the export again to read "
                "it again"
            )
    misfits: dict[str, int] = {}
    if options.format == "jsonl":
        for index, part in parts:
            for block in blocks(checkpoint.part_path(index)):
                file.write(block)
            written(part.rows)
        return misfits
    seen = SeenKeys()
    for _, part in parts:
        seen.merge(part.seen)
    columns = layout(seen, options.nested)
    column = None if options.installs is None else options.install_column
    writer: CsvFile | ParquetFile
    if options.format == "csv":
        writer = CsvFile(file, columns, column, options.nested, safe=options.csv_safe, misfits=misfits)
    else:
        writer = ParquetFile(file, columns, column, options.nested, misfits=misfits)
    lines = _lines(checkpoint, parts)
    while chunk := list(islice(lines, BATCH)):
        rows: list[dict[str, Any]] = json.loads(b"[" + b",".join(chunk) + b"]")
        writer.write(rows)
        written(len(rows))
    writer.finish()
    return misfits


def _lines(checkpoint: Checkpoint, parts: Sequence[tuple[int, Part]]) -> Iterator[bytes]:
    for index, _ in parts:
        rest = b""
        for block in blocks(checkpoint.part_path(index)):
            *lines, rest = (rest + block).split(b"\n")
            yield from lines
