"""CSV as in RFC 4180: UTF-8, a header line, CRLF, quotes where needed."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from typing import IO, Any

from .columns import Additional, Column, ColumnType, Nested, fits, header
from .json_lines import to_json

# What spreadsheets take for the start of a formula: also after blanks, and in full width (U+FF1D and so on).
_FORMULA = re.compile(r"[\t\r\n]|[\s\x00-\x1f\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20]")


class CsvFile:
    """Writes rows.

    Args:
        file: the file.
        columns: the columns of the documented fields.
        install_column: the column of installs, if there is one.
        nested: `flatten`, or otherwise objects are written as JSON.
        safe: prefix strings that spreadsheets would take for formulas with an apostrophe.
        misfits: counts values that do not fit, by field.
    """

    def __init__(
        self,
        file: IO[bytes],
        columns: Sequence[Column],
        install_column: str | None,
        nested: Nested,
        *,
        safe: bool,
        misfits: dict[str, int],
    ) -> None:
        self._file = file
        self._columns = columns
        self._install_column = install_column
        self._safe = safe
        self._misfits = misfits
        self._keys = {column.field: {key for key, _ in column.keys} for column in columns}
        self._documented = {column.field for column in columns}
        if install_column is not None:
            self._documented.add(install_column)
        file.write(_lines([header(columns, install_column, nested)]))

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write rows, as mappings."""
        try:
            content, misfits = self._content(rows, careful=False)
        except UnicodeEncodeError:
            # A string that UTF-8 cannot represent. Looking for one in every row would take most of the time.
            content, misfits = self._content(rows, careful=True)
        self._file.write(content)
        for name, number in misfits.items():
            self._misfits[name] = self._misfits.get(name, 0) + number

    def finish(self) -> None:
        """Do nothing: everything is written."""

    def _content(self, rows: Sequence[Mapping[str, Any]], *, careful: bool) -> tuple[bytes, dict[str, int]]:
        misfits: dict[str, int] = {}
        additional = Additional(misfits)
        lines: list[list[Any]] = []
        for number, row in enumerate(rows):
            cells = self._cells(number, row, additional, careful)
            known = self._documented
            more = additional.of(
                number, {} if row.keys() <= known else {name: row[name] for name in row if name not in known}
            )
            if self._safe:
                cells = [f"'{cell}" if cell.__class__ is str and _FORMULA.match(cell) else cell for cell in cells]
            cells = [cell if cell.__class__ is str or cell is None else to_json(cell) for cell in cells]
            lines.append([*cells, to_json(more) if more else None])
        return _lines(lines), misfits

    def _cells(self, number: int, row: Mapping[str, Any], additional: Additional, careful: bool) -> list[Any]:
        """Return the values of all cells of a row except the last."""
        cells: list[Any] = [] if self._install_column is None else [row[self._install_column]]
        for column in self._columns:
            value = row.get(column.field)
            if column.type is ColumnType.OBJECT:
                cells += self._flattened(number, column, value, additional, careful)
            elif careful and value.__class__ is str and not fits(value, ColumnType.STRING):
                additional.put(column.field, number, value)
                cells.append(None)
            else:
                cells.append(value)
        return cells

    def _flattened(self, number: int, column: Column, value: Any, additional: Additional, careful: bool) -> list[Any]:
        if value.__class__ is not dict:
            if value is not None:
                additional.put(column.field, number, value)
            return [None] * len(column.keys)
        found: dict[str, Any] = value
        cells = [found.get(key) for key, _ in column.keys]
        if careful:
            for index, (key, _) in enumerate(column.keys):
                if cells[index].__class__ is str and not fits(cells[index], ColumnType.STRING):
                    additional.put_key(column.field, key, number, cells[index])
                    cells[index] = None
        known = self._keys[column.field]
        if not found.keys() <= known:
            for key in [key for key in found if key not in known]:
                additional.put_key(column.field, key, number, found[key])
        return cells


def _lines(rows: Sequence[Sequence[Any]]) -> bytes:
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue().encode()
