"""CSV as RFC 4180 has it: UTF-8, a header line, CRLF, quotes where they are needed."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from typing import IO, Any

from .columns import Aside, Column, Kind, Nested, fits, header
from .json_text import to_text

# What spreadsheets take for the beginning of a formula: also behind blanks, and in full width (U+FF1D and so on).
_FORMULA = re.compile(r"[\t\r\n]|[\s\x00-\x1f\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20]")


class CsvFile:
    """Writes rows.

    Args:
        file: where to.
        columns: of documented fields.
        install_column: the column of installs, if there is one.
        nested: `flatten`, or else objects are JSON texts.
        safe: put an apostrophe before texts that spreadsheets would take for formulas.
        misfits: counts what does not fit.
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
        self._names = {column.field: {member for member, _ in column.members} for column in columns}
        self._known = {column.field for column in columns}
        if install_column is not None:
            self._known.add(install_column)
        file.write(_lines([header(columns, install_column, nested)]))

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write rows, given by their members."""
        try:
            content, misfits = self._content(rows, careful=False)
        except UnicodeEncodeError:
            # Some text has no UTF-8 form; to look for it in every row would take much of the time.
            content, misfits = self._content(rows, careful=True)
        self._file.write(content)
        for name, number in misfits.items():
            self._misfits[name] = self._misfits.get(name, 0) + number

    def finish(self) -> None:
        """Nothing is left to write."""

    def _content(self, rows: Sequence[Mapping[str, Any]], *, careful: bool) -> tuple[bytes, dict[str, int]]:
        misfits: dict[str, int] = {}
        aside = Aside(misfits)
        lines: list[list[Any]] = []
        for number, row in enumerate(rows):
            cells = self._cells(number, row, aside, careful)
            extras = {} if row.keys() <= self._known else {name: row[name] for name in row if name not in self._known}
            more = aside.additional(number, extras)
            if self._safe:
                cells = [f"'{cell}" if cell.__class__ is str and _FORMULA.match(cell) else cell for cell in cells]
            cells = [cell if cell.__class__ is str or cell is None else to_text(cell) for cell in cells]
            lines.append([*cells, to_text(more) if more else None])
        return _lines(lines), misfits

    def _cells(self, number: int, row: Mapping[str, Any], aside: Aside, careful: bool) -> list[Any]:
        """The values of a row's cells, but for the last one."""
        cells: list[Any] = [] if self._install_column is None else [row[self._install_column]]
        for column in self._columns:
            value = row.get(column.field)
            if column.kind is Kind.OBJECT:
                cells += self._flattened(number, column, value, aside, careful)
            elif careful and value.__class__ is str and not fits(value, Kind.TEXT):
                aside.put(column.field, number, value)
                cells.append(None)
            else:
                cells.append(value)
        return cells

    def _flattened(self, number: int, column: Column, value: Any, aside: Aside, careful: bool) -> list[Any]:
        if value.__class__ is not dict:
            if value is not None:
                aside.put(column.field, number, value)
            return [None] * len(column.members)
        members: dict[str, Any] = value
        cells = [members.get(member) for member, _ in column.members]
        if careful:
            for index, (member, _) in enumerate(column.members):
                if cells[index].__class__ is str and not fits(cells[index], Kind.TEXT):
                    aside.put_member(column.field, member, number, cells[index])
                    cells[index] = None
        if not members.keys() <= self._names[column.field]:
            for member in [member for member in members if member not in self._names[column.field]]:
                aside.put_member(column.field, member, number, members[member])
        return cells


def _lines(rows: Sequence[Sequence[Any]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
