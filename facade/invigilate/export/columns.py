"""The columns of an export: which exist, in which order, and which values fit them.

The documented fields come from the generated model, in documented order, so they are the same for every export. The
keys of nested objects are not documented; they are collected while rows are read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from operator import attrgetter
from typing import Any, Literal, NamedTuple

import attrs

from invigilate_runtime import UNSET
from smarterproctoring_client.models import ServiceDistributionRow

ADDITIONAL = "additional"
"""The last column: a JSON object of everything that has no column, or does not fit its column."""
MAX_KEYS = 100
"""Keys of one nested object that become columns; later ones go to `additional`."""

Nested = Literal["flatten", "struct", "json"]

_INT64 = 1 << 63


class ColumnType(Enum):
    """The type of the values of a column."""

    STRING = auto()
    BOOLEAN = auto()
    INTEGER = auto()
    NUMBER = auto()
    TIMESTAMP = auto()
    OBJECT = auto()
    JSON = auto()


_TYPES = {
    "bool": ColumnType.BOOLEAN,
    "int": ColumnType.INTEGER,
    "float": ColumnType.NUMBER,
    "str": ColumnType.STRING,
    "dict[str, Any]": ColumnType.OBJECT,
}


class RowField(NamedTuple):
    """A documented field of a row.

    Attributes:
        name: the documented name.
        attribute: the attribute of the generated model.
        type: its documented type.
    """

    name: str
    attribute: str
    type: ColumnType


@dataclass(frozen=True, slots=True)
class Column:
    """A documented field as a file shows it.

    Attributes:
        field: the documented name.
        type: the type of its values.
        keys: of an object that is shown key by key, those that have columns, and their types.
    """

    field: str
    type: ColumnType
    keys: tuple[tuple[str, ColumnType], ...] = ()


def _times(row: ServiceDistributionRow) -> tuple[object, ...]:
    """Return the fields that hold times, which the documentation only calls strings."""
    return row.appointment_date, row.date_closed, row.date_cancelled


def _documented() -> tuple[RowField, ...]:
    fields = [each for each in attrs.fields(ServiceDistributionRow) if each.init]
    attributes: dict[str, Any] = {each.name: each.name for each in fields}
    # A row in which each field holds the name of its attribute.
    named = ServiceDistributionRow(**attributes)
    times = _times(named)
    types = {each.name: ColumnType.TIMESTAMP if each.name in times else _type(str(each.type)) for each in fields}
    return tuple(RowField(name, attribute, types[attribute]) for name, attribute in named.to_dict().items())


def _type(annotation: str) -> ColumnType:
    types = [_TYPES.get(part, ColumnType.JSON) for part in annotation.split(" | ") if part not in {"None", "Unset"}]
    return types[0] if len(types) == 1 else ColumnType.JSON


FIELDS = _documented()
"""The documented fields, in documented order."""
OBJECTS = tuple(field.name for field in FIELDS if field.type is ColumnType.OBJECT)

_NAMES = tuple(field.name for field in FIELDS)
_values = attrgetter(*(field.attribute for field in FIELDS))


def fields_of(row: ServiceDistributionRow) -> dict[str, Any]:
    """Return the fields of a row by documented name: documented ones first, missing ones left out."""
    values = _values(row)
    fields: dict[str, Any] = dict(zip(_NAMES, values, strict=True))
    if UNSET in values:
        fields = {name: value for name, value in fields.items() if value is not UNSET}
    fields.update(row.additional_properties)
    return fields


class SeenKeys(dict[str, dict[str, int]]):
    """The keys of nested objects seen so far, with the types of their values: object -> key -> bits."""

    _BITS = {str: 1, float: 2, int: 4, bool: 8, dict: 16, list: 16, type(None): 0}  # noqa: RUF012

    def observe(self, fields: Mapping[str, Any]) -> None:
        """Add the keys of a row."""
        bits = self._BITS
        for name in OBJECTS:
            value = fields.get(name)
            if value.__class__ is dict and value:
                known = self.setdefault(name, {})
                for key, item in value.items():
                    if key in known:
                        known[key] |= bits.get(item.__class__, 16)
                    elif len(known) < MAX_KEYS and _has_utf8(key):
                        known[key] = bits.get(item.__class__, 16)

    def merge(self, other: Mapping[str, Mapping[str, int]]) -> None:
        """Add keys seen elsewhere, after those seen here."""
        for name in OBJECTS:
            for key, bits in other.get(name, {}).items():
                known = self.setdefault(name, {})
                if key in known:
                    known[key] |= bits
                elif len(known) < MAX_KEYS:
                    known[key] = bits

    def of(self, name: str) -> tuple[tuple[str, ColumnType], ...]:
        """Return the keys of an object in the order in which they were seen, with their types."""
        return tuple((key, _widest(bits)) for key, bits in self.get(name, {}).items())


def _has_utf8(string: str) -> bool:
    """Return whether UTF-8 can represent a string; it cannot if there is a lone surrogate."""
    if string.isascii():
        return True
    try:
        string.encode()
    except UnicodeEncodeError:
        return False
    return True


def _widest(bits: int) -> ColumnType:
    """Return the widest type seen, so that it does not depend on the order of rows."""
    for bit, type_ in (
        (1, ColumnType.STRING),
        (2, ColumnType.NUMBER),
        (4, ColumnType.INTEGER),
        (8, ColumnType.BOOLEAN),
        (16, ColumnType.JSON),
    ):
        if bits & bit:
            return type_
    return ColumnType.STRING


def layout(seen: SeenKeys, nested: Nested) -> tuple[Column, ...]:
    """Return the columns of the documented fields.

    Args:
        seen: the keys of nested objects.
        nested: whether their keys become columns (`flatten`), or they stay objects (`struct`) or become JSON (`json`).
    """
    return tuple(_column(field, seen, nested) for field in FIELDS)


def _column(field: RowField, seen: SeenKeys, nested: Nested) -> Column:
    if field.type is not ColumnType.OBJECT:
        return Column(field.name, field.type)
    if nested == "json":
        return Column(field.name, ColumnType.JSON)
    keys = seen.of(field.name)
    # A file format may not support objects without keys.
    return Column(field.name, ColumnType.OBJECT if keys or nested == "flatten" else ColumnType.JSON, keys)


def fits(value: Any, type_: ColumnType) -> bool:
    """Return whether a value that is not null goes into a column of strings, booleans or numbers unchanged."""
    found = value.__class__
    if type_ is ColumnType.STRING:
        return found is str and _has_utf8(value)
    if type_ is ColumnType.BOOLEAN:
        return found is bool
    if type_ is ColumnType.INTEGER:
        return found is int and -_INT64 <= value < _INT64
    if type_ is ColumnType.NUMBER:
        return found is float or (found is int and abs(value) <= 1 << 53)
    return type_ is ColumnType.JSON


class Additional:
    """The last column of a number of rows.

    Attributes:
        misfits: how many values did not fit their column, by field.
    """

    def __init__(self, misfits: dict[str, int]) -> None:
        self.misfits = misfits
        self._rows: dict[int, dict[str, Any]] = {}

    def put(self, name: str, row: int, value: Any) -> None:
        """Add a field whose value does not fit its column."""
        self.misfits[name] = self.misfits.get(name, 0) + 1
        self._rows.setdefault(row, {})[name] = value

    def put_key(self, name: str, key: str, row: int, value: Any) -> None:
        """Add a key of a nested object that has no column, or whose value does not fit it."""
        path = f"{name}.{key}"
        self.misfits[path] = self.misfits.get(path, 0) + 1
        self._rows.setdefault(row, {}).setdefault(name, {})[key] = value

    def of(self, row: int, undocumented: Mapping[str, Any]) -> dict[str, Any]:
        """Return the object for a row: its undocumented fields, and what was added."""
        return {**undocumented, **self._rows.get(row, {})}


def header(columns: Iterable[Column], install_column: str | None, nested: Nested) -> list[str]:
    """Return the names of all columns of a file."""
    names = [install_column] if install_column is not None else []
    for column in columns:
        if column.type is ColumnType.OBJECT and nested == "flatten":
            names += [f"{column.field}.{key}" for key, _ in column.keys]
        else:
            names.append(column.field)
    return [*names, ADDITIONAL]
