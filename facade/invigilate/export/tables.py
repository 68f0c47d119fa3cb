"""Rows as Arrow tables and batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from invigilate_runtime import Operation

from .columns import Columns, imported
from .errors import ExportArgumentError
from .sources import labeled, parts_of

_BATCH = 10_000


def record_batches(source: Any, *, label: str = "label") -> Any:
    """Return the rows of pagers as Arrow record batches, which are read while they are consumed.

    The schema is that of `arrow_schema`, whatever the rows have. A batch has pages of about 10,000 rows.

    Args:
        source: as in `export`.
        label: the name of the column of labels.

    Returns:
        A `pyarrow.RecordBatchReader`. It raises what a pager raises; DuckDB, unlike pyarrow, pandas and polars, turns
        that into an error of its own.

    Raises:
        ExportArgumentError: if an argument is wrong; nothing was sent.
        ExportError: if a library of the extra is not installed.
    """
    parts, columns = parts_of(source, label)
    schema = columns.schema()
    columns.connection  # noqa: B018  # raises if the extra is missing

    def batches() -> Iterator[Any]:
        waiting: list[bytes] = []
        for part in parts:
            for page in part.pages():
                waiting += map(bytes, columns.fit(labeled(part, columns, page.rows)))
                if len(waiting) >= _BATCH:
                    yield from columns.table(waiting).to_batches()
                    waiting = []
        if waiting:
            yield from columns.table(waiting).to_batches()

    return imported("pyarrow").RecordBatchReader.from_batches(schema, batches())


def arrow_schema(source: Any, *, label: str | None = None) -> Any:
    """Return the schema of the rows of an operation; nothing is sent.

    Args:
        source: a pager, or a generated `describe` function of a paged operation.
        label: the name of a first column that shows where rows come from.

    Returns:
        A `pyarrow.Schema`: the documented fields, and `additional`.

    Raises:
        ExportArgumentError: if the operation does not page.
    """
    call: Any = getattr(source, "call", None)
    operation = call.operation if call is not None else getattr(source, "__globals__", {}).get("OPERATION")
    if not isinstance(operation, Operation) or operation.pagination is None:
        raise ExportArgumentError("source", "a pager, or the describe function of a paged operation", "something else")
    return Columns(operation.pagination.columns, label).schema()
