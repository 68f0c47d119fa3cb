"""Reads the typed lists of a reference page: parameters, body members, answer members.

A member is a line with its name, a line with its type, perhaps lines with attributes, and then
free text mixed with labelled facts (`Pattern: ...`, `Available options:`, `Example:` and so on).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .facts import Field, PageError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_ONE_TYPE = r"(?:enum<\w+>|string|integer|number|boolean|object|array|any|file|null)(?:<[\w-]+>)?"
_TYPE = re.compile(rf"{_ONE_TYPE}(?:\[\])*(?: \| {_ONE_TYPE}(?:\[\])*)*")
_SINGLE = re.compile(r"(?P<base>enum|\w+)(?:<(?P<inner>[\w-]+)>)?(?P<arrays>(?:\[\])*)")
_RANGE = re.compile(r"(?:(?P<low>-?[\d.]+) (?P<low_sign><=?) )?x(?: (?P<sign>[<>]=?) (?P<limit>-?[\d.]+))?")
_LENGTH = re.compile(
    r"(?P<which>Required|Minimum|Maximum) (?P<what>string|array) length: "
    r"(?P<low>\d+)(?: - (?P<high>\d+))?(?: elements?| characters?)?"
)
# A label of this form that is not known holds a fact that would be lost as free text.
_LABEL = re.compile(r"(?:Required|Minimum|Maximum|Allowed|Available|Multiple|Unique)[\w ]*:.*")
_PLACES = frozenset({"header", "path", "query", "cookie", "body"})
_BOUNDS = {">=": "minimum", ">": "exclusiveMinimum", "<=": "maximum", "<": "exclusiveMaximum"}


def is_type(line: str) -> bool:
    """Whether a line is the type line of a member."""
    return _TYPE.fullmatch(line) is not None


def starts_field(lines: list[str], index: int) -> bool:
    """Whether a member begins at this line: a name with a type under it."""
    return index + 1 < len(lines) and _NAME.fullmatch(lines[index]) is not None and is_type(lines[index + 1])


def read_types(text: str) -> tuple[frozenset[str], bool, dict[str, Any]]:
    """Types without null, whether null is among them, and the format if one is given."""
    types: set[str] = set()
    nullable = False
    facets: dict[str, Any] = {}
    for part in text.split(" | "):
        match = _SINGLE.fullmatch(part)
        if match is None:
            raise PageError(f"unknown type {text!r}")
        base, inner, arrays = match["base"], match["inner"], match["arrays"]
        if base == "null":
            nullable = True
        elif base == "enum":
            types.add(f"{inner}{arrays}")
        else:
            types.add(f"any[]{arrays}" if base == "array" else f"{base}{arrays}")
            if inner:
                facets["format"] = inner
    return frozenset(types), nullable, facets


def read_number(text: str) -> int | float:
    """The number that a text writes, an integer where it can be one."""
    return float(text) if "." in text else int(text)


@dataclass
class _Draft:
    """A member while its lines are being read."""

    name: str
    types: frozenset[str]
    nullable: bool
    facets: dict[str, Any]
    listed: bool
    """Whether the type line announces a list of allowed values."""
    place: str | None = None
    required: bool = False
    examples: list[Any] = field(default_factory=list[Any])
    words: list[str] = field(default_factory=list[str])

    def finish(self) -> Field:
        if self.listed and "enum" not in self.facets:
            raise PageError(f"{self.name} is an enum without its list of values")
        return Field(
            name=self.name,
            types=self.types,
            nullable=self.nullable,
            required=self.required,
            facets=self.facets,
            examples=tuple(self.examples),
            words=" ".join(self.words),
        )


class FieldListReader:
    """Reads the members of one section."""

    def __init__(self, lines: list[str], *, place: str) -> None:
        self._lines = lines
        self._place = place
        self._index = 0
        self._preface: list[str] = []

    @property
    def words(self) -> str:
        """The text above the first member, once the members were read."""
        return " ".join(self._preface)

    def read(self) -> tuple[Field, ...]:
        """All members, in the page's order."""
        fields: list[Field] = []
        draft: _Draft | None = None
        while self._index < len(self._lines):
            if starts_field(self._lines, self._index):
                if draft is not None:
                    fields.append(draft.finish())
                draft = self._begin()
            elif draft is None:
                self._skip_preface()
            else:
                self._continue(draft)
        if draft is not None:
            fields.append(draft.finish())
        names = [item.name for item in fields]
        if len(set(names)) != len(names):
            raise PageError(f"{self._place}: a name stands there twice")
        return tuple(fields)

    def _skip_preface(self) -> None:
        line = self._lines[self._index]
        if is_type(line):
            raise PageError(f"{self._place}: the type {line!r} has no name above it")
        if line:
            self._preface.append(line)
        self._index += 1

    def _begin(self) -> _Draft:
        name, type_line = self._lines[self._index], self._lines[self._index + 1]
        types, nullable, facets = read_types(type_line)
        draft = _Draft(name, types, nullable, facets, listed="enum<" in type_line)
        self._index += 2
        while self._index < len(self._lines) and not starts_field(self._lines, self._index):
            line = self._lines[self._index]
            if line == "required":
                draft.required = True
            elif line == "deprecated":
                draft.facets["deprecated"] = True
            elif line in _PLACES:
                draft.place = line
            elif line.startswith("default:"):
                draft.facets["default"] = _read_default(line.removeprefix("default:"), types)
            else:
                break
            self._index += 1
        return draft

    def _continue(self, draft: _Draft) -> None:
        line = self._lines[self._index]
        self._index += 1
        if line.startswith("Pattern: "):
            draft.facets["pattern"] = line.removeprefix("Pattern: ")
        elif line.startswith("Required range: "):
            draft.facets |= _read_range(line.removeprefix("Required range: "))
        elif (length := _LENGTH.fullmatch(line)) is not None:
            draft.facets |= _read_length(length)
        elif line == "Available options:":
            draft.facets["enum"] = self._read_options(draft)
        elif line.startswith("Allowed value: "):
            draft.facets["enum"] = (_decode(line.removeprefix("Allowed value: "), draft.name),)
        elif line in {"Example:", "Examples:"}:
            draft.examples += self._read_examples(draft.name, several=line == "Examples:")
        elif is_type(line):
            raise PageError(f"{self._place}: the type {line!r} has no name above it")
        elif _LABEL.fullmatch(line) is not None:
            raise PageError(f"{self._place}, {draft.name}: unknown kind of fact: {line!r}")
        elif line:
            draft.words.append(line)

    def _skip_blank(self) -> None:
        while self._index < len(self._lines) and not self._lines[self._index]:
            self._index += 1

    def _read_options(self, draft: _Draft) -> tuple[Any, ...]:
        self._skip_blank()
        options: list[str] = []
        while self._index < len(self._lines):
            line = self._lines[self._index]
            self._index += 1
            options.append(line.removesuffix(","))
            if not line.endswith(","):
                break
        if not all(options):
            raise PageError(f"{draft.name}: the list of values breaks off")
        textual = all(kind.startswith("string") for kind in draft.types)
        return tuple(options) if textual else tuple(_decode(option, draft.name) for option in options)

    def _read_examples(self, name: str, *, several: bool) -> list[Any]:
        self._skip_blank()
        values = [self._read_example(name)]
        while several:
            before = self._index
            self._skip_blank()
            try:
                values.append(self._read_example(name))
            except PageError:
                self._index = before
                break
        return values

    def _read_example(self, name: str) -> Any:
        # A value may stand on several lines, so lines are added until they make one.
        for end in range(self._index + 1, len(self._lines) + 1):
            text = "\n".join(self._lines[self._index : end]).removesuffix(",")
            try:
                value = json.loads(text)
            except ValueError:
                continue
            self._index = end
            return value
        raise PageError(f"{name}: the example is no JSON value")


def _decode(text: str, name: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise PageError(f"{name}: {text!r} is no JSON value") from None


def _read_default(text: str, types: frozenset[str]) -> Any:
    if types <= {"string"}:
        return text
    return _decode(text, f"default {text}")


def _read_range(text: str) -> Mapping[str, int | float]:
    match = _RANGE.fullmatch(text)
    if match is None or not (match["sign"] or match["low"]):
        raise PageError(f"unknown range {text!r}")
    bounds: dict[str, int | float] = {}
    if match["low"]:
        bounds["minimum" if match["low_sign"] == "<=" else "exclusiveMinimum"] = read_number(match["low"])
    if match["sign"]:
        bounds[_BOUNDS[match["sign"]]] = read_number(match["limit"])
    return bounds


def _read_length(match: re.Match[str]) -> Mapping[str, int]:
    noun = "Length" if match["what"] == "string" else "Items"
    low, high = int(match["low"]), int(match["high"] or match["low"])
    if match["which"] == "Minimum":
        return {f"min{noun}": low}
    if match["which"] == "Maximum":
        return {f"max{noun}": high}
    return {f"min{noun}": low, f"max{noun}": high}
