"""Reads the typed lists of a reference page: parameters, and fields of bodies and responses.

A field is a line with its name, a line with its type, optional lines with badges, an optional line of prose, and then
labeled facts (`Pattern: ...`, `Available options:`, `Example:` and so on). All other lines are kept as not understood.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .facts import Field, PageError
from .lines import LIST_CUT_OFF, indent_of, is_cut, looks_like_fact, not_understood, plain, trimmed

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
_LABEL = re.compile(r"(?:Required|Minimum|Maximum|Allowed|Available|Multiple|Unique)[\w ]*:.*")
_PATTERN = re.compile(r"Pattern:\s+(?P<value>\S.*)")
_DEFAULT = re.compile(r"default:\s*(?P<value>.*)")
_FACTS = re.compile(r"(?:Pattern|Required range|Allowed value): .*|Available options:|Examples?:")
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
    nullable = False
    facets: dict[str, Any] = {}
    for part in line.split(" | "):
        match = _SINGLE.fullmatch(part)
        if match is None:
            raise PageError(f"unknown type {line!r}")
        base, inner, arrays = match["base"], match["inner"], match["arrays"]
        if base == "null":
            nullable = True
        elif base == "enum":
            types.add(f"{inner}{arrays}")
        else:
            types.add(f"any[]{arrays}" if base == "array" else f"{base}{arrays}")
            if inner and facets.setdefault("format", inner) != inner:
                raise PageError(f"the type {line!r} has two formats")
    return frozenset(types), nullable, facets


def read_number(string: str) -> int | float:
    """Parse a number, as an integer if possible."""
    return float(string) if "." in string else int(string)


@dataclass
class _Draft:
    """A field while its lines are read."""

    name: str
    types: frozenset[str]
    nullable: bool
    facets: dict[str, Any]
    listed: bool
    """Whether the type line announces a list of allowed values."""
    required: bool = False
    examples: list[Any] = field(default_factory=list[Any])
    words: list[str] = field(default_factory=list[str])
    unread: list[str] = field(default_factory=list[str])
    location: str | None = None
    """The location of a credential."""
    has_facts: bool = False
    """Whether labeled facts have begun, which come after the prose."""

    def add(self, facets: Mapping[str, Any], line: str) -> None:
        """Add the facets of a line, unless another line had them."""
        if facets.keys() & self.facets.keys():
            self.unread.append(f"{not_understood(line)}, a second one of its kind")
        else:
            self.facets |= facets

    def finish(self) -> Field:
        if self.listed and "enum" not in self.facets and LIST_CUT_OFF not in self.unread:
            raise PageError(f"{self.name} is an enum without its list of values")
        return Field(
            name=self.name,
            types=self.types,
            nullable=self.nullable,
            required=self.required,
            facets=self.facets,
            examples=tuple(self.examples),
            words=" ".join(self.words),
            unread=tuple(self.unread),
        )


class FieldListReader:
    """Reads the fields of one section.

    Args:
        lines: the lines of the section, with indentation.
        place: the name of the section in messages.
        credentials: whether the fields are credentials, which have a badge with their location.
    """

    def __init__(self, lines: list[str], *, place: str, credentials: bool = False) -> None:
        self._lines = [plain(line) for line in lines]
        # Values come from these lines: white space in them counts.
        self._raw = [trimmed(line) for line in lines]
        self._indents = [indent_of(line) for line in lines]
        self._place = place
        self._credentials = credentials
        self._index = 0
        self._indent = 0
        self._preface: list[str] = []
        self.unread: list[str] = []
        """Lines before the first field that are not understood."""
        self.locations: dict[str, str] = {}
        """The location of each credential, after `read`."""

    @property
    def words(self) -> str:
        """The prose before the first field, after `read`."""
        return " ".join(self._preface)

    def read(self) -> tuple[Field, ...]:
        """Read all fields, in the order of the page."""
        fields: list[Field] = []
        draft: _Draft | None = None
        while self._index < len(self._lines):
            if draft is not None and self._is_nested():
                self._skip_nested(draft)
            elif starts_field(self._lines, self._index):
                if draft is not None:
                    fields.append(draft.finish())
                draft = self._begin()
            elif draft is None:
                self._continue_preface()
            else:
                self._continue(draft)
        if draft is not None:
            fields.append(draft.finish())
        names = [item.name for item in fields]
        if len(set(names)) != len(names):
            raise PageError(f"{self._place}: duplicate name")
        return tuple(fields)

    def _is_nested(self) -> bool:
        return starts_field(self._lines, self._index) and self._indents[self._index] > self._indent

    def _skip_nested(self, draft: _Draft) -> None:
        """Skip fields that are one level deeper, and report them."""
        names: list[str] = []
        while self._index < len(self._lines):
            if self._lines[self._index] and self._indents[self._index] <= self._indent:
                break
            if starts_field(self._lines, self._index):
                names.append(self._lines[self._index])
            self._index += 1
        draft.unread.append(f"fields listed one level deeper: {', '.join(names)}")

    def _continue_preface(self) -> None:
        line = self._lines[self._index]
        self._refuse_lost_field()
        if line and not self._take_prose(self._preface):
            self.unread.append(not_understood(line))
        self._index += 1

    def _take_prose(self, words: list[str]) -> bool:
        """Take the line as prose if it is the first such line and does not look like a fact."""
        line = self._lines[self._index]
        # Prose ends with a blank line, facts do not.
        if words or looks_like_fact(line) or starts_field(self._lines, self._index + 1):
            return False
        words.append(line)
        return True

    def _refuse_lost_field(self) -> None:
        """Refuse a name with an unknown type below it, which would add its facts to the field above."""
        line, below = self._lines[self._index], "".join(self._lines[self._index + 1 : self._index + 2])
        if is_type(line):
            raise PageError(f"{self._place}: the type {line!r} has no name above it")
        known = below in {"", *_BADGES} or self._is_fact(below)
        if _NAME.fullmatch(line) and not known and not starts_field(self._lines, self._index + 1):
            raise PageError(f"{self._place}: {line!r} looks like a name, and {below!r} below it is not a known type")

    def _begin(self) -> _Draft:
        name, type_line = self._lines[self._index], self._lines[self._index + 1]
        types, nullable, facets = read_types(type_line)
        draft = _Draft(name, types, nullable, facets, listed="enum<" in type_line)
        self._indent = self._indents[self._index]
        self._index += 2
        while self._index < len(self._lines):
            line = self._lines[self._index]
            if starts_field(self._lines, self._index):
                if line in _BADGES:
                    raise PageError(f"{self._place}: {line!r} below {name} is a badge or a name")
                break
            if not line or self._is_fact(line):
                break
            self._read_badge(draft, line)
            self._index += 1
        if draft.location is not None:
            self.locations[name] = draft.location
        return draft

    def _read_badge(self, draft: _Draft, line: str) -> None:
        default = _DEFAULT.fullmatch(self._raw[self._index])
        if line == "required":
            draft.required = True
        elif line == "deprecated":
            draft.facets["deprecated"] = True
        elif line in _LOCATIONS and self._credentials and draft.location is None:
            draft.location = line
        elif default is not None and default["value"] and not is_cut(default["value"]):
            draft.add({"default": _read_default(default["value"], draft)}, line)
        elif is_type(line):
            raise PageError(f"{self._place}: the type {line!r} has no name above it")
        else:
            draft.unread.append(not_understood(line))

    def _is_fact(self, line: str) -> bool:
        return any(form.fullmatch(line) for form in (_FACTS, _LENGTH, _LABEL))

    def _continue(self, draft: _Draft) -> None:
        line = self._lines[self._index]
        if self._is_fact(line):
            self._index += 1
            draft.has_facts = True
            self._read_fact(draft, line)
            return
        if line:
            self._refuse_lost_field()
            if draft.has_facts or not self._take_prose(draft.words):
                draft.unread.append(not_understood(line))
        self._index += 1

    def _read_fact(self, draft: _Draft, line: str) -> None:
        pattern = _PATTERN.fullmatch(self._raw[self._index - 1])
        if pattern is not None and is_cut(line):
            draft.unread.append(not_understood(line))
        elif pattern is not None:
            draft.add({"pattern": pattern["value"]}, line)
        elif line.startswith("Required range: "):
            draft.add(_read_range(line.removeprefix("Required range: ")), line)
        elif (length := _LENGTH.fullmatch(line)) is not None:
            draft.add(_read_length(length), line)
        elif line == "Available options:":
            draft.add(self._read_options(draft), line)
        elif line.startswith("Allowed value: "):
            value = self._raw[self._index - 1].partition(":")[2].strip()
            draft.add({"enum": (_decode(value, draft.name),)}, line)
        elif line in {"Example:", "Examples:"}:
            draft.examples += self._read_examples(draft.name, several=line == "Examples:")
        else:
            raise PageError(f"{self._place}, {draft.name}: unknown fact: {line!r}")

    def _skip_blank(self) -> None:
        while self._index < len(self._lines) and not self._lines[self._index]:
            self._index += 1

    def _read_options(self, draft: _Draft) -> Mapping[str, Any]:
        """Return the listed values that the page shows."""
        self._skip_blank()
        options: list[str] = []
        continues = True
        while continues and self._index < len(self._lines):
            line = self._raw[self._index]
            self._index += 1
            continues = line.endswith(",")
            option = line.removesuffix(",").strip()
            if is_cut(option):
                draft.unread.append(LIST_CUT_OFF)
            elif _ODD_VALUE.fullmatch(option):
                raise PageError(f"{draft.name}: {option!r} in its list of values has an unknown form")
            else:
                options.append(option)
        if continues or not all(options):
            raise PageError(f"{draft.name}: the list of values is cut off")
        textual = all(type_.startswith("string") for type_ in draft.types)
        values = tuple(_string(option) if textual else _decode(option, draft.name) for option in options)
        return {"enum": values} if values else {}

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
        # A value may have several lines, so lines are added until they are valid JSON.
        for end in range(self._index + 1, len(self._raw) + 1):
            content = "\n".join(self._raw[self._index : end]).removesuffix(",")
            try:
                value = json.loads(content)
            except ValueError:
                continue
            self._index = end
            return value
        raise PageError(f"{name}: the example is not JSON")


def _decode(value: str, name: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        raise PageError(f"{name}: {value!r} is not JSON") from None


def _string(written: str) -> str:
    """Read a string, which a page may quote as in JSON."""
    if len(written) > 1 and written[0] == written[-1] == '"':
        return str(_decode(written, "a string"))
    return written


def _read_default(value: str, draft: _Draft) -> Any:
    if draft.nullable and value == "null":
        return None
    return _string(value) if draft.types <= {"string"} else _decode(value, f"the default of {draft.name}")


def _read_range(value: str) -> Mapping[str, int | float]:
    match = _RANGE.fullmatch(value)
    if match is None or not (match["sign"] or match["low"]):
        raise PageError(f"unknown range {value!r}")
    bounds: dict[str, int | float] = {}
    if match["low"]:
        bounds["minimum" if match["low_sign"] == "<=" else "exclusiveMinimum"] = read_number(match["low"])
    if match["sign"]:
        bounds[_BOUNDS[match["sign"]]] = read_number(match["limit"])
    return bounds


def _read_length(match: re.Match[str]) -> Mapping[str, int]:
    if match["which"] != "Required" and match["high"]:
        raise PageError(f"unknown length {match[0]!r}")
    noun = "Length" if match["what"] == "string" else "Items"
    low, high = int(match["low"]), int(match["high"] or match["low"])
    if match["which"] == "Minimum":
        return {f"min{noun}": low}
    if match["which"] == "Maximum":
        return {f"max{noun}": high}
    return {f"min{noun}": low, f"max{noun}": high}
