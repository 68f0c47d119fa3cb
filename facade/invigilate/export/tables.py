"""Tables of pyarrow, whole and in batches."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from itertools import islice
from typing import Any, cast

from invigilate import InvalidTimestampError, parse_timestamp
from invigilate._identifiers import describe_value
from invigilate_runtime import dump
from smarterproctoring_client.models import ServiceDistributionRow

from .columns import Additional, Column, ColumnType, Nested, SeenKeys, fields_of, fits, header, layout
from .errors import ExportArgumentError, missing_pyarrow
from .json_lines import to_json

BATCH = 1024
"""Rows that are converted to columns together."""

_UTC_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?Z", re.ASCII)
_FINER = re.compile(r"\.\d{6}\d*[1-9]", re.ASCII)
_STRINGS = {str, type(None)}


def pyarrow() -> Any:
    """Import pyarrow.

    Raises:
        ExportError: if it is not installed.
    """
    try:
        return import_module("pyarrow")
    except ImportError as error:
        raise missing_pyarrow() from error


def to_table(rows: Iterable[Any], *, nested: Nested = "struct") -> Any:
    """Convert rows to a pyarrow table, which pandas, polars and DuckDB accept.

    The columns are those of a Parquet file of `export_report`: timestamps in UTC, booleans, the nested objects, and
    `additional` for everything that has no column or does not fit its own. All rows are held in memory.

    Args:
        rows: rows of the service distribution report, or a pager of them. Mappings with the documented names are
            accepted too.
        nested: nested objects as structs (`"struct"`), as one column per key (`"flatten"`), or as JSON strings
            (`"json"`).

    Returns:
        A `pyarrow.Table`.

    Raises:
        ExportArgumentError: if `rows` is something else, such as an async pager.
        ExportError: if pyarrow is not installed.
    """
    pa = pyarrow()
    if nested not in ("struct", "flatten", "json"):
        raise ExportArgumentError("nested", "'struct', 'flatten' or 'json'", describe_value(nested))
    if issubclass(type(rows), str | bytes | Mapping) or not hasattr(type(rows), "__iter__"):
        hint = "For an async pager, pass the result of collect()"
        raise ExportArgumentError("rows", "an iterable of report rows, or a pager", describe_value(rows), hint)
    seen, found = SeenKeys(), [_fields(index, row) for index, row in enumerate(rows)]
    for fields in found:
        seen.observe(fields)
    batches = Batches(layout(seen, nested), None, nested, {})
    remaining = iter(found)
    converted: list[Any] = []
    while chunk := list(islice(remaining, BATCH)):
        converted.append(batches.of(chunk))
    return pa.Table.from_batches(converted, batches.schema)


def _fields(index: int, row: object) -> dict[str, Any]:
    if isinstance(row, ServiceDistributionRow):
        return fields_of(row)
    if not isinstance(row, Mapping):
        raise ExportArgumentError(f"rows[{index}]", "a row of the report, or a mapping", describe_value(row))
    try:
        # Through JSON, so that strings are plain ones and not of a subclass.
        fields: dict[str, Any] = json.loads(json.dumps(dump(cast("Mapping[str, Any]", row))))
    except (TypeError, ValueError) as error:
        raise ExportArgumentError(f"rows[{index}]", "values that JSON can represent", str(error)) from None
    return fields


class Batches:
    """Converts rows to columns.

    Args:
        columns: the columns of the documented fields.
        install_column: the column of installs, if there is one.
        nested: how nested objects are shown.
        misfits: counts values that do not fit, by field.

    Attributes:
        schema: of all batches.
    """

    def __init__(
        self, columns: Sequence[Column], install_column: str | None, nested: Nested, misfits: dict[str, int]
    ) -> None:
        self._pa = pa = pyarrow()
        self._columns = columns
        self._install_column = install_column
        self._flat = nested == "flatten"
        self._misfits = misfits
        self._types: dict[ColumnType, Any] = {
            ColumnType.STRING: pa.string(),
            ColumnType.JSON: pa.string(),
            ColumnType.BOOLEAN: pa.bool_(),
            ColumnType.INTEGER: pa.int64(),
            ColumnType.NUMBER: pa.float64(),
            ColumnType.TIMESTAMP: pa.timestamp("us", "UTC"),
        }
        types: list[Any] = [pa.string()] if install_column is not None else []
        for column in columns:
            keys = [(key, self._types[type_]) for key, type_ in column.keys]
            if column.type is not ColumnType.OBJECT:
                types.append(self._types[column.type])
            elif self._flat:
                types += [type_ for _, type_ in keys]
            else:
                types.append(pa.struct(keys))
        names = header(columns, install_column, nested)
        self.schema: Any = pa.schema(list(zip(names, [*types, pa.string()], strict=True)))

    def of(self, rows: Sequence[dict[str, Any]]) -> Any:
        """Return a record batch of rows, which are dictionaries and are emptied."""
        additional = Additional(self._misfits)
        arrays: list[Any] = []
        if self._install_column is not None:
            arrays.append(self._pa.array([row.pop(self._install_column) for row in rows], self._pa.string()))
        for column in self._columns:
            values = [row.pop(column.field, None) for row in rows]
            if column.type is ColumnType.OBJECT:
                arrays += self._objects(column, values, additional)
            else:
                arrays.append(self._array(column.type, values, partial(additional.put, column.field)))
        more = (additional.of(number, row) for number, row in enumerate(rows))
        arrays.append(self._pa.array([to_json(each) if each else None for each in more], self._pa.string()))
        return self._pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _array(self, type_: ColumnType, values: list[Any], misfit: Callable[[int, Any], None]) -> Any:
        """Return the array of a column; values that do not fit become null and are passed to `misfit`."""
        if type_ is ColumnType.TIMESTAMP:
            return self._pa.array(_moments(values, misfit), self._types[type_])
        if type_ is ColumnType.JSON:
            values = [None if value is None else to_json(value) for value in values]
        # Nearly always, all of them are strings.
        if type_ is ColumnType.JSON or (type_ is ColumnType.STRING and set(map(type, values)) <= _STRINGS):
            try:
                return self._pa.array(values, self._types[type_])
            except UnicodeEncodeError:
                pass
        fitting: list[Any] = []
        for row, value in enumerate(values):
            if value is None or fits(value, type_):
                fitting.append(value)
            else:
                misfit(row, value)
                fitting.append(None)
        return self._pa.array(fitting, self._types[type_])

    def _objects(self, column: Column, values: list[Any], additional: Additional) -> list[Any]:
        """Return the array of an object, or those of its keys."""
        objects: list[dict[str, Any] | None] = []
        for row, value in enumerate(values):
            if value is not None and value.__class__ is not dict:
                additional.put(column.field, row, value)
            objects.append(value if value.__class__ is dict else None)
        arrays: list[Any] = []
        for key, type_ in column.keys:
            items = [None if each is None else each.get(key) for each in objects]
            arrays.append(self._array(type_, items, partial(additional.put_key, column.field, key)))
        known = {key for key, _ in column.keys}
        for row, each in enumerate(objects):
            if each is not None and not each.keys() <= known:
                for key in [key for key in each if key not in known]:
                    additional.put_key(column.field, key, row, each[key])
        if self._flat:
            return arrays
        pa = self._pa
        fields = [pa.field(key, self._types[type_]) for key, type_ in column.keys]
        missing = pa.array([each is None for each in objects], pa.bool_())
        return [pa.StructArray.from_arrays(arrays, fields=fields, mask=missing)]


def _moments(values: list[Any], misfit: Callable[[int, Any], None]) -> list[datetime | None]:
    """Parse times. A string that holds more than its instant is passed to `misfit` as well."""
    moments: list[datetime | None] = []
    for row, value in enumerate(values):
        moment, whole = (None, True) if value is None else _moment(value)
        if not whole:
            misfit(row, value)
        moments.append(moment)
    return moments


def _moment(value: Any) -> tuple[datetime | None, bool]:
    """Parse a time, and return whether its instant is all that the string holds."""
    if value.__class__ is not str:
        return None, False
    try:
        if _UTC_TIME.fullmatch(value):
            return datetime.fromisoformat(value), True
        moment = parse_timestamp(value)
        return moment.astimezone(UTC), moment.utcoffset() == UTC.utcoffset(None) and not _FINER.search(value)
    except (InvalidTimestampError, ValueError, OverflowError):
        return None, False
