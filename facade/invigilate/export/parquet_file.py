"""Parquet, row group by row group."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import IO, Any

from .columns import Column, Nested
from .tables import BATCH, Batches, pyarrow

_ROW_GROUP = 32 * BATCH


class ParquetFile:
    """Writes rows. The same rows make the same bytes, however they are divided among calls.

    Args:
        file: the file.
        columns: the columns of the documented fields.
        install_column: the column of installs, if there is one.
        nested: how nested objects are shown.
        misfits: counts values that do not fit, by field.
    """

    def __init__(
        self,
        file: IO[bytes],
        columns: Sequence[Column],
        install_column: str | None,
        nested: Nested,
        *,
        misfits: dict[str, int],
    ) -> None:
        self._pa = pyarrow()
        self._batches = Batches(columns, install_column, nested, misfits)
        self._waiting: list[Any] = []
        self._rows = 0
        parquet: Any = import_module("pyarrow.parquet")
        self._writer = parquet.ParquetWriter(file, self._batches.schema, compression="zstd")

    def write(self, rows: Sequence[dict[str, Any]]) -> None:
        """Write up to `BATCH` rows, as dictionaries, which are emptied."""
        self._waiting.append(self._batches.of(rows))
        self._rows += len(rows)
        if self._rows >= _ROW_GROUP:
            self._flush()

    def finish(self) -> None:
        """Write the remaining rows and the footer."""
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._waiting:
            self._writer.write_table(self._pa.Table.from_batches(self._waiting), row_group_size=_ROW_GROUP)
        self._waiting, self._rows = [], 0
        # Memory that the pool keeps would add to what Python needs.
        self._pa.default_memory_pool().release_unused()
