"""The columns of an export: which there are, in which order, and what fits them.

The documented fields come from the generated model, in documented order, so they are the same for every export. What
the members of the nested objects are is documented nowhere; they are gathered while rows are read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from operator import attrgetter
from typing import Any, Literal

import attrs

from smarterproctoring_client.models import ServiceDistributionRow
from smarterproctoring_client.types import UNSET

ADDITIONAL = "additional"
"""The last column: a JSON object of what has no column, or does not fit its column."""
MOST_MEMBERS = 100
"""Members of one nested object that get columns; those that come after them stand in `additional`."""

Nested = Literal["flatten", "struct", "json"]

_INT64 = 1 << 63


class Kind(Enum):
    """What a column holds."""

    TEXT = "text"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    NUMBER = "number"
    TIMESTAMP = "timestamp"
    OBJECT = "object"
    JSON = "json"


_KINDS = {"bool": Kind.BOOLEAN, "int": Kind.INTEGER, "float": Kind.NUMBER, "str": Kind.TEXT}
# The documentation gives times as texts; only their names tell them.
_TIMES = re.compile(r"date[A-Z]\w*|\w+Date")


@dataclass(frozen=True, slots=True)
class Field:
    """A documented field of a row.

    Attributes:
        name: its documented name.
        attribute: its name in the generated model.
        kind: what it holds if the documentation is right.
    """

    name: str
    attribute: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Column:
    """A documented field as a file shows it.

    Attributes:
        field: the documented name.
        kind: what it holds.
        members: of an object that is shown by its members, those that have columns, and what they hold.
    """

    field: str
    kind: Kind
    members: tuple[tuple[str, Kind], ...] = ()


def _documented() -> tuple[Field, ...]:
    init = [each for each in attrs.fields(ServiceDistributionRow) if each.init]
    names = ServiceDistributionRow(**{each.name: None for each in init}).to_dict()
    return tuple(Field(name, each.name, _kind(name, str(each.type))) for name, each in zip(names, init, strict=True))


def _kind(name: str, annotation: str) -> Kind:
    if "dict[" in annotation:
        return Kind.OBJECT
    kinds = [_KINDS[part] for part in annotation.split(" | ") if part in _KINDS]
    if kinds == [Kind.TEXT] and _TIMES.fullmatch(name):
        return Kind.TIMESTAMP
    return kinds[0] if len(kinds) == 1 else Kind.JSON


FIELDS = _documented()
"""The documented fields, in documented order."""
OBJECTS = tuple(field.name for field in FIELDS if field.kind is Kind.OBJECT)

_NAMES = tuple(field.name for field in FIELDS)
_values = attrgetter(*(field.attribute for field in FIELDS))


def members_of(row: ServiceDistributionRow) -> dict[str, Any]:
    """The members of a row that came from the server: documented ones first, those that did not come left out."""
    values = _values(row)
    members: dict[str, Any] = dict(zip(_NAMES, values, strict=True))
    if UNSET in values:
        members = {name: value for name, value in members.items() if value is not UNSET}
    members.update(row.additional_properties)
    return members


class Seen(dict[str, dict[str, int]]):
    """The members of nested objects that were seen, and as what: object -> member -> bits."""

    _BITS = {str: 1, float: 2, int: 4, bool: 8, dict: 16, list: 16, type(None): 0}  # noqa: RUF012

    def observe(self, members: Mapping[str, Any]) -> None:
        """Look at a row."""
        bits = self._BITS
        for name in OBJECTS:
            value = members.get(name)
            if value.__class__ is dict and value:
                known = self.setdefault(name, {})
                for member, item in value.items():
                    if member in known:
                        known[member] |= bits.get(item.__class__, 16)
                    elif len(known) < MOST_MEMBERS and _writable(member):
                        known[member] = bits.get(item.__class__, 16)

    def merge(self, other: Mapping[str, Mapping[str, int]]) -> None:
        """Add what was seen elsewhere, behind what was seen here."""
        for name in OBJECTS:
            for member, bits in other.get(name, {}).items():
                known = self.setdefault(name, {})
                if member in known:
                    known[member] |= bits
                elif len(known) < MOST_MEMBERS:
                    known[member] = bits

    def members(self, name: str) -> tuple[tuple[str, Kind], ...]:
        """The members of an object, in the order in which they came, and what they hold."""
        return tuple((member, _observed(bits)) for member, bits in self.get(name, {}).items())


def _writable(text: str) -> bool:
    """Whether a text has a UTF-8 form; one with a lone surrogate has none."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _observed(bits: int) -> Kind:
    """What a member holds: whatever is widest wins, so that it does not depend on the order of rows."""
    for bit, kind in ((1, Kind.TEXT), (2, Kind.NUMBER), (4, Kind.INTEGER), (8, Kind.BOOLEAN), (16, Kind.JSON)):
        if bits & bit:
            return kind
    return Kind.TEXT


def layout(seen: Seen, nested: Nested) -> tuple[Column, ...]:
    """The columns of documented fields.

    Args:
        seen: the members of nested objects.
        nested: whether these become columns (`flatten`), stay together (`struct`), or are a JSON text (`json`).
    """
    return tuple(_column(field, seen, nested) for field in FIELDS)


def _column(field: Field, seen: Seen, nested: Nested) -> Column:
    if field.kind is not Kind.OBJECT:
        return Column(field.name, field.kind)
    if nested == "json":
        return Column(field.name, Kind.JSON)
    members = seen.members(field.name)
    # A file format may have no form for an object without members.
    return Column(field.name, Kind.OBJECT if members or nested == "flatten" else Kind.JSON, members)


def fits(value: Any, kind: Kind) -> bool:
    """Whether a value that is not null goes into a column of text, booleans or numbers without any change."""
    found = value.__class__
    if kind is Kind.TEXT:
        return found is str and _writable(value)
    if kind is Kind.BOOLEAN:
        return found is bool
    if kind is Kind.INTEGER:
        return found is int and -_INT64 <= value < _INT64
    if kind is Kind.NUMBER:
        return found is float or (found is int and abs(value) <= 1 << 53)
    return kind is Kind.JSON


class Aside:
    """What has no place in its column, for a number of rows.

    Attributes:
        misfits: how often, by field.
    """

    def __init__(self, misfits: dict[str, int]) -> None:
        self.misfits = misfits
        self._rows: dict[int, dict[str, Any]] = {}

    def put(self, name: str, row: int, value: Any) -> None:
        """Set the value of a field aside."""
        self.misfits[name] = self.misfits.get(name, 0) + 1
        self._rows.setdefault(row, {})[name] = value

    def put_member(self, name: str, member: str, row: int, value: Any) -> None:
        """Set a member of a nested object aside."""
        count = f"{name}.{member}"
        self.misfits[count] = self.misfits.get(count, 0) + 1
        self._rows.setdefault(row, {}).setdefault(name, {})[member] = value

    def additional(self, row: int, extras: Mapping[str, Any]) -> dict[str, Any]:
        """What stands in the last column of a row: members that no page documents, and what was set aside."""
        return {**extras, **self._rows.get(row, {})}


def header(columns: Iterable[Column], install_column: str | None, nested: Nested) -> list[str]:
    """The names of all columns of a file."""
    names = [install_column] if install_column is not None else []
    for column in columns:
        if column.kind is Kind.OBJECT and nested == "flatten":
            names += [f"{column.field}.{member}" for member, _ in column.members]
        else:
            names.append(column.field)
    return [*names, ADDITIONAL]
