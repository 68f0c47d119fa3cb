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
from smarterproctoring_client.models import ServiceDistributionRow
from smarterproctoring_client.types import dump

from .columns import Aside, Column, Kind, Nested, Seen, fits, header, layout, members_of
from .errors import ExportArgumentError, missing_pyarrow
from .json_text import to_text

BATCH = 1024
"""Rows that are brought into columns together."""

_PLAIN_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?Z", re.ASCII)
_FINER = re.compile(r"\.\d{6}\d*[1-9]", re.ASCII)
_TEXTS = {str, type(None)}


def pyarrow() -> Any:
    """The module pyarrow, imported when it is needed.

    Raises:
        ExportError: if it is not installed.
    """
    try:
        return import_module("pyarrow")
    except ImportError as error:
        raise missing_pyarrow() from error


def to_table(rows: Iterable[Any], *, nested: Nested = "struct") -> Any:
    """Make a table of rows, for pandas, polars, DuckDB and whatever else takes tables of pyarrow.

    The columns are those of a Parquet file of `export_report`: real times in UTC and booleans, the nested objects,
    and `additional` for what has no column or does not fit its own. All rows are held in memory.

    Args:
        rows: rows of the service distribution report, or a pager of them. Mappings with the documented names do, too.
        nested: nested objects as structs (`"struct"`), as one column for each member (`"flatten"`), or as JSON texts
            (`"json"`).

    Returns:
        A `pyarrow.Table`.

    Raises:
        ExportArgumentError: if `rows` is something else, such as an async pager.
        ExportError: if pyarrow is not installed.
    """
    pa = pyarrow()
    if nested not in ("struct", "flatten", "json"):
        raise ExportArgumentError("nested", "'struct', 'flatten' or 'json'", "another one")
    kind = rows.__class__
    if issubclass(kind, str | bytes | Mapping) or not hasattr(kind, "__iter__"):
        expected = "an iterable of report rows, or a pager; of an async pager, what collect() gives"
        raise ExportArgumentError("rows", expected, f"a value of type {kind.__name__}")
    seen, found = Seen(), [_members(index, row) for index, row in enumerate(rows)]
    for members in found:
        seen.observe(members)
    batches = Batches(layout(seen, nested), None, nested, {})
    left = iter(found)
    made: list[Any] = []
    while chunk := list(islice(left, BATCH)):
        made.append(batches.of(chunk))
    return pa.Table.from_batches(made, batches.schema)


def _members(index: int, row: object) -> dict[str, Any]:
    if isinstance(row, ServiceDistributionRow):
        return members_of(row)
    if not isinstance(row, Mapping):
        given = f"a value of type {type(row).__name__}"
        raise ExportArgumentError(f"rows[{index}]", "a row of the report, or a mapping", given)
    try:
        # Through JSON, so that texts are texts, whatever subclass they were.
        members: dict[str, Any] = json.loads(json.dumps(dump(cast("Mapping[str, Any]", row))))
    except (TypeError, ValueError) as error:
        raise ExportArgumentError(f"rows[{index}]", "members with a JSON form", str(error)) from None
    return members


class Batches:
    """Brings rows into columns.

    Args:
        columns: of documented fields.
        install_column: the column of installs, if there is one.
        nested: how nested objects are shown.
        misfits: counts what does not fit.

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
        self._types: dict[Kind, Any] = {
            Kind.TEXT: pa.string(),
            Kind.JSON: pa.string(),
            Kind.BOOLEAN: pa.bool_(),
            Kind.INTEGER: pa.int64(),
            Kind.NUMBER: pa.float64(),
            Kind.TIMESTAMP: pa.timestamp("us", "UTC"),
        }
        types: list[Any] = [pa.string()] if install_column is not None else []
        for column in columns:
            members = [(name, self._types[kind]) for name, kind in column.members]
            if column.kind is not Kind.OBJECT:
                types.append(self._types[column.kind])
            elif self._flat:
                types += [kind for _, kind in members]
            else:
                types.append(pa.struct(members))
        names = header(columns, install_column, nested)
        self.schema: Any = pa.schema(list(zip(names, [*types, pa.string()], strict=True)))

    def of(self, rows: Sequence[dict[str, Any]]) -> Any:
        """A record batch of rows, given by their members; these mappings are used up."""
        aside = Aside(self._misfits)
        arrays: list[Any] = []
        if self._install_column is not None:
            arrays.append(self._pa.array([row.pop(self._install_column) for row in rows], self._pa.string()))
        for column in self._columns:
            values = [row.pop(column.field, None) for row in rows]
            if column.kind is Kind.OBJECT:
                arrays += self._objects(column, values, aside)
            else:
                arrays.append(self._array(column.kind, values, partial(aside.put, column.field)))
        more = (aside.additional(number, row) for number, row in enumerate(rows))
        arrays.append(self._pa.array([to_text(each) if each else None for each in more], self._pa.string()))
        return self._pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _array(self, kind: Kind, values: list[Any], misfit: Callable[[int, Any], None]) -> Any:
        """The array of a column; what does not fit becomes null and is set aside."""
        if kind is Kind.TIMESTAMP:
            return self._pa.array(_moments(values, misfit), self._types[kind])
        if kind is Kind.JSON:
            values = [None if value is None else to_text(value) for value in values]
        # Nearly always all of them are texts.
        if kind is Kind.JSON or (kind is Kind.TEXT and set(map(type, values)) <= _TEXTS):
            try:
                return self._pa.array(values, self._types[kind])
            except UnicodeEncodeError:
                pass
        fitting: list[Any] = []
        for row, value in enumerate(values):
            if value is None or fits(value, kind):
                fitting.append(value)
            else:
                misfit(row, value)
                fitting.append(None)
        return self._pa.array(fitting, self._types[kind])

    def _objects(self, column: Column, values: list[Any], aside: Aside) -> list[Any]:
        """The column of an object, or those of its members."""
        objects: list[dict[str, Any] | None] = []
        for row, value in enumerate(values):
            if value is not None and value.__class__ is not dict:
                aside.put(column.field, row, value)
            objects.append(value if value.__class__ is dict else None)
        arrays: list[Any] = []
        for member, kind in column.members:
            items = [None if each is None else each.get(member) for each in objects]
            arrays.append(self._array(kind, items, partial(aside.put_member, column.field, member)))
        names = {member for member, _ in column.members}
        for row, each in enumerate(objects):
            if each is not None and not each.keys() <= names:
                for name in [name for name in each if name not in names]:
                    aside.put_member(column.field, name, row, each[name])
        if self._flat:
            return arrays
        pa = self._pa
        fields = [pa.field(name, self._types[kind]) for name, kind in column.members]
        missing = pa.array([each is None for each in objects], pa.bool_())
        return [pa.StructArray.from_arrays(arrays, fields=fields, mask=missing)]


def _moments(values: list[Any], misfit: Callable[[int, Any], None]) -> list[datetime | None]:
    """Instants of texts. A text that says more than its instant is set aside as well."""
    moments: list[datetime | None] = []
    for row, value in enumerate(values):
        moment, whole = (None, True) if value is None else _moment(value)
        if not whole:
            misfit(row, value)
        moments.append(moment)
    return moments


def _moment(value: Any) -> tuple[datetime | None, bool]:
    """The instant of a text, and whether that is all that the text says."""
    if value.__class__ is not str:
        return None, False
    try:
        if _PLAIN_TIME.fullmatch(value):
            return datetime.fromisoformat(value), True
        moment = parse_timestamp(value)
        return moment.astimezone(UTC), moment.utcoffset() == UTC.utcoffset(None) and not _FINER.search(value)
    except (InvalidTimestampError, ValueError, OverflowError):
        return None, False
