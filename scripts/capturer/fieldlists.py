"""Reads the typed lists of a reference page: parameters, and fields of bodies and responses.

A field is a line with its name, a line with its type, optional lines with badges, an optional line of prose, and then
labeled facts (`Pattern: ...`, `Available options:`, `Example:` and so on). All other lines are kept as not understood.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from .facts import Field, PageError
from .lines import LIST_CUT_OFF, is_cut, looks_like_fact, not_understood, plain, trimmed

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_ONE_TYPE = r"(?:enum<\w+>|string|integer|number|boolean|object|array|any|file|null)(?:<[\w-]+>)?"
_TYPE = re.compile(rf"{_ONE_TYPE}(?:\[\])*(?: \| {_ONE_TYPE}(?:\[\])*)*")
_SINGLE = re.compile(r"(?P<base>enum|\w+)(?:<(?P<inner>[\w-]+)>)?(?P<arrays>(?:\[\])*)")
_NUMBER = r"-?\d+(?:\.\d+)?"
_RANGE = re.compile(rf"(?:(?P<low>{_NUMBER}) (?P<low_sign><=?) )?x(?: (?P<sign>[<>]=?) (?P<limit>{_NUMBER}))?")
_LENGTH = re.compile(
    r"(?P<which>Required|Minimum|Maximum) (?P<what>string|array) length: "
    r"(?P<low>\d+)(?: - (?P<high>\d+))?(?: elements?| characters?)?"
)
# An unknown label of this form has a fact that would be lost as prose.
_LABEL = re.compile(r"(?:Required|Minimum|Maximum|Allowed|Available|Multiple|Unique)[\w ]*:.*|Pattern: .*|Examples?:")
_PATTERN = re.compile(r"Pattern:\s+(?P<value>\S.*)")
_DEFAULT = re.compile(r"default:\s*(?P<value>.*)")
# A bullet before a value, or something other than a line break between two.
_ODD_VALUE = re.compile(r"[-*\u2022\u00b7] .*|.*[,;|`].*")
_BADGES = frozenset({"required", "deprecated"})
_LOCATIONS = frozenset({"header", "query", "cookie"})
_BOUNDS = {">=": "minimum", ">": "exclusiveMinimum", "<=": "maximum", "<": "exclusiveMaximum"}


def is_type(line: str) -> bool:
    """Return whether a line is the type line of a field."""
    return _TYPE.fullmatch(line) is not None


def starts_field(lines: list[str], index: int) -> bool:
    """Return whether a field begins at a line: a name with a type below it."""
    return index + 1 < len(lines) and _NAME.fullmatch(lines[index]) is not None and is_type(lines[index + 1])


def read_types(line: str) -> tuple[frozenset[str], bool, dict[str, Any]]:
    """Read a type line: types without null, whether null is among them, and the format if there is one."""
    types: set[str] = set()
    facets: dict[str, Any] = {}
    for match in _SINGLE.finditer(line):
        base, inner, arrays = match["base"], match["inner"], match["arrays"]
        if base == "enum":
            types.add(f"{inner}{arrays}")
            continue
        types.add(f"any[]{arrays}" if base == "array" else f"{base}{arrays}")
        if inner and facets.setdefault("format", inner) != inner:
            raise PageError(f"the type {line!r} has two formats")
    return frozenset(types - {"null"}), "null" in types, facets


class FieldList:
    """The fields of one section.

    Args:
        lines: the lines of the section, with indentation.
        place: the name of the section in messages.
        credentials: whether the fields are credentials, which have a badge with their location.

    Attributes:
        fields: all fields, in the order of the page.
        words: the prose before the first field.
        unread: lines before the first field that are not understood.
        locations: the location of each credential.
    """

    def __init__(self, lines: list[str], *, place: str, credentials: bool = False) -> None:
        self._lines = [plain(line) for line in lines]
        # Values come from these lines: white space in them counts.
        self._raw = [trimmed(line) for line in lines]
        self._indents = [len(line) - len(line.lstrip()) for line in lines]
        self._place = place
        self._credentials = credentials
        self._index = 0
        self._closed: set[str] = set()  # fields whose prose cannot follow any more
        self._enums: set[str] = set()
        self.words = ""
        self.unread: tuple[str, ...] = ()
        self.locations: dict[str, str] = {}
        fields: list[Field] = []
        indent = 0
        while self._index < len(self._lines):
            if not starts_field(self._lines, self._index):
                self._continue(fields[-1] if fields else None)
            elif fields and self._indents[self._index] > indent:
                self._skip_nested(fields[-1], indent)
            else:
                indent = self._indents[self._index]
                fields.append(self._begin())
        self.fields = tuple(fields)
        for field in fields:
            if field.name in self._enums and "enum" not in field.facets and LIST_CUT_OFF not in field.unread:
                raise PageError(f"{field.name} is an enum without its list of values")
        if len({field.name for field in fields}) != len(fields):
            raise PageError(f"{self._place}: duplicate name")

    def _skip_nested(self, field: Field, indent: int) -> None:
        """Skip fields that are one level deeper, and report them."""
        names: list[str] = []
        while self._index < len(self._lines):
            if self._lines[self._index] and self._indents[self._index] <= indent:
                break
            if starts_field(self._lines, self._index):
                names.append(self._lines[self._index])
            self._index += 1
        field.unread += (f"fields listed one level deeper: {', '.join(names)}",)

    def _continue(self, field: Field | None) -> None:
        """Read a line below the badges of a field, or above all fields."""
        line = self._lines[self._index]
        self._index += 1
        if field is not None and _LABEL.fullmatch(line):
            self._closed.add(field.name)
            self._read_fact(field, line)
        elif line:
            self._refuse_lost_field(self._index - 1)
            target = self if field is None else field
            # Prose is one line, above all facts, and ends with a blank line, while facts do not.
            late = field is not None and field.name in self._closed
            if late or target.words or looks_like_fact(line) or starts_field(self._lines, self._index):
                target.unread = (*target.unread, not_understood(line))
            else:
                target.words = line

    def _refuse_lost_field(self, index: int) -> None:
        """Refuse a name with an unknown type below it, which would add its facts to the field above."""
        line, below = self._lines[index], "".join(self._lines[index + 1 : index + 2])
        if is_type(line):
            raise PageError(f"{self._place}: the type {line!r} has no name above it")
        known = below in {"", *_BADGES} or _LABEL.fullmatch(below) is not None
        if _NAME.fullmatch(line) and not known and not starts_field(self._lines, index + 1):
            raise PageError(f"{self._place}: {line!r} looks like a name, and {below!r} below it is not a known type")

    def _begin(self) -> Field:
        name, type_line = self._lines[self._index], self._lines[self._index + 1]
        types, nullable, facets = read_types(type_line)
        field = Field(name=name, types=types, nullable=nullable, required=False, facets=facets)
        self._enums |= {name} if "enum<" in type_line else set()
        self._index += 2
        while self._index < len(self._lines):
            line = self._lines[self._index]
            if starts_field(self._lines, self._index) and line in _BADGES:
                raise PageError(f"{self._place}: {line!r} below {name} is a badge or a name")
            if not line or starts_field(self._lines, self._index) or _LABEL.fullmatch(line):
                break
            self._read_badge(field, line)
            self._index += 1
        return field

    def _add(self, field: Field, facets: dict[str, Any], line: str) -> None:
        """Add the facets of a line, unless another line had them."""
        if facets.keys() & field.facets.keys():
            field.unread += (f"{not_understood(line)}, a second one of its kind",)
        else:
            field.facets |= facets

    def _read_badge(self, field: Field, line: str) -> None:
        default = _DEFAULT.fullmatch(self._raw[self._index])
        if line == "required":
            field.required = True
        elif line == "deprecated":
            field.facets["deprecated"] = True
        elif line in _LOCATIONS and self._credentials and field.name not in self.locations:
            self.locations[field.name] = line
        elif default is not None and default["value"] and not is_cut(default["value"]):
            self._add(field, {"default": _read_default(default["value"], field)}, line)
        elif is_type(line):
            raise PageError(f"{self._place}: the type {line!r} has no name above it")
        else:
            field.unread += (not_understood(line),)

    def _read_fact(self, field: Field, line: str) -> None:
        raw = self._raw[self._index - 1]
        pattern, length = _PATTERN.fullmatch(raw), _LENGTH.fullmatch(line)
        if pattern is not None and is_cut(line):
            field.unread += (not_understood(line),)
        elif pattern is not None:
            self._add(field, {"pattern": pattern["value"]}, line)
        elif line.startswith("Required range: "):
            self._add(field, _read_range(line.removeprefix("Required range: ")), line)
        elif length is not None:
            self._add(field, _read_length(length), line)
        elif line == "Available options:":
            self._add(field, self._read_options(field), line)
        elif line.startswith("Allowed value: "):
            self._add(field, {"enum": (_decode(raw.partition(":")[2].strip(), field.name),)}, line)
        elif line in {"Example:", "Examples:"}:
            found = tuple(self._read_examples(several=line == "Examples:"))
            if not found:
                raise PageError(f"{field.name}: the example is not JSON")
            field.examples += found
        else:
            raise PageError(f"{self._place}, {field.name}: unknown fact: {line!r}")

    def _read_options(self, field: Field) -> dict[str, Any]:
        """Return the listed values that the page shows."""
        options: list[str] = []
        continues = True
        while self._index < len(self._lines) and not self._lines[self._index]:
            self._index += 1
        while continues and self._index < len(self._lines):
            line = self._raw[self._index]
            self._index += 1
            continues = line.endswith(",")
            option = line.removesuffix(",").strip()
            if is_cut(option):
                field.unread += (LIST_CUT_OFF,)
            elif _ODD_VALUE.fullmatch(option):
                raise PageError(f"{field.name}: {option!r} in its list of values has an unknown form")
            else:
                options.append(option)
        if continues or not all(options):
            raise PageError(f"{field.name}: the list of values is cut off")
        textual = all(type_.startswith("string") for type_ in field.types)
        values = tuple(_string(option) if textual else _decode(option, field.name) for option in options)
        return {"enum": values} if values else {}

    def _read_examples(self, *, several: bool) -> Iterator[Any]:
        """Yield the JSON values that follow, each of which may have several lines."""
        while True:
            rest = "\n".join(self._raw[self._index :])
            content = rest.lstrip("\n")
            try:
                value, end = json.JSONDecoder().raw_decode(content)
            except ValueError:
                return
            if content[end:].partition("\n")[0] not in {"", ","}:
                return
            self._index += rest.count("\n") - content[end:].count("\n") + 1
            yield value
            if not several:
                return


def _decode(value: str, name: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        raise PageError(f"{name}: {value!r} is not JSON") from None


def _string(written: str) -> str:
    """Read a string, which a page may quote as in JSON."""
    quoted = len(written) > 1 and written[0] == written[-1] == '"'
    return str(_decode(written, "a string")) if quoted else written


def _read_default(value: str, field: Field) -> Any:
    if field.nullable and value == "null":
        return None
    return _string(value) if field.types <= {"string"} else _decode(value, f"the default of {field.name}")


def _read_range(value: str) -> dict[str, int | float]:
    match = _RANGE.fullmatch(value)
    if match is None or not (match["sign"] or match["low"]):
        raise PageError(f"unknown range {value!r}")
    bounds: dict[str, int | float] = {}
    if match["low"]:
        bounds["minimum" if match["low_sign"] == "<=" else "exclusiveMinimum"] = json.loads(match["low"])
    if match["sign"]:
        bounds[_BOUNDS[match["sign"]]] = json.loads(match["limit"])
    return bounds


def _read_length(match: re.Match[str]) -> dict[str, int]:
    if match["which"] != "Required" and match["high"]:
        raise PageError(f"unknown length {match[0]!r}")
    noun = "Length" if match["what"] == "string" else "Items"
    low, high = int(match["low"]), int(match["high"] or match["low"])
    limits = {f"min{noun}": low, f"max{noun}": high}
    kept = {"Minimum": "min", "Maximum": "max"}.get(match["which"], "m")
    return {name: value for name, value in limits.items() if name.startswith(kept)}
