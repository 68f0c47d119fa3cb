"""Reads the typed lists of a reference page: parameters, body members, answer members.

A member is a line with its name, a line with its type, perhaps lines with badges directly below it, perhaps a line of
prose, and then labelled facts (`Pattern: ...`, `Available options:`, `Example:` and so on). Whatever else stands
there is kept as not understood.
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
# A label of this form that is not known holds a fact that would be lost as free text.
_LABEL = re.compile(r"(?:Required|Minimum|Maximum|Allowed|Available|Multiple|Unique)[\w ]*:.*")
_PATTERN = re.compile(r"Pattern:\s+(?P<value>\S.*)")
_DEFAULT = re.compile(r"default:\s*(?P<value>.*)")
_FACTS = re.compile(r"(?:Pattern|Required range|Allowed value): .*|Available options:|Examples?:")
# A bullet before a value, or something else than a line break between two.
_ODD_VALUE = re.compile(r"[-*\u2022\u00b7] .*|.*[,;|`].*")
_BADGES = frozenset({"required", "deprecated"})
_PLACES = frozenset({"header", "query", "cookie"})
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
            if inner and facets.setdefault("format", inner) != inner:
                raise PageError(f"the type {text!r} has two formats")
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
    required: bool = False
    examples: list[Any] = field(default_factory=list[Any])
    words: list[str] = field(default_factory=list[str])
    unread: list[str] = field(default_factory=list[str])
    place: str | None = None
    """Where a credential goes."""
    has_facts: bool = False
    """Whether labelled facts have begun, above which the prose stands."""

    def add(self, facets: Mapping[str, Any], line: str) -> None:
        """Adds what a line states, unless another line has stated it."""
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
    """Reads the members of one section.

    Args:
        lines: the lines of the section, with the blanks that they begin with.
        place: what the section is called in a message.
        credentials: whether the members are credentials, which have a badge with their place.
    """

    def __init__(self, lines: list[str], *, place: str, credentials: bool = False) -> None:
        self._lines = [plain(line) for line in lines]
        # Values are taken from here: within them each blank counts.
        self._raw = [trimmed(line) for line in lines]
        self._indents = [indent_of(line) for line in lines]
        self._place = place
        self._credentials = credentials
        self._index = 0
        self._indent = 0
        self._preface: list[str] = []
        self.unread: list[str] = []
        """What is not understood above the first member."""
        self.places: dict[str, str] = {}
        """Where each credential goes, once the members were read."""

    @property
    def words(self) -> str:
        """The text above the first member, once the members were read."""
        return " ".join(self._preface)

    def read(self) -> tuple[Field, ...]:
        """All members, in the page's order."""
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
            raise PageError(f"{self._place}: a name stands there twice")
        return tuple(fields)

    def _is_nested(self) -> bool:
        return starts_field(self._lines, self._index) and self._indents[self._index] > self._indent

    def _skip_nested(self, draft: _Draft) -> None:
        """Passes over members that stand one level deeper, and says so."""
        names: list[str] = []
        while self._index < len(self._lines):
            if self._lines[self._index] and self._indents[self._index] <= self._indent:
                break
            if starts_field(self._lines, self._index):
                names.append(self._lines[self._index])
            self._index += 1
        draft.unread.append(f"members listed one level deeper: {', '.join(names)}")

    def _continue_preface(self) -> None:
        line = self._lines[self._index]
        self._refuse_lost_member()
        if line and not self._take_prose(self._preface):
            self.unread.append(not_understood(line))
        self._index += 1

    def _take_prose(self, words: list[str]) -> bool:
        """Takes the line as prose, if it is the first such line and does not look like a fact."""
        line = self._lines[self._index]
        # Prose ends with a blank line, which facts do not.
        if words or looks_like_fact(line) or starts_field(self._lines, self._index + 1):
            return False
        words.append(line)
        return True

    def _refuse_lost_member(self) -> None:
        """A name with an unknown type under it would go to the member above, with all its facts."""
        line, below = self._lines[self._index], "".join(self._lines[self._index + 1 : self._index + 2])
        if is_type(line):
            raise PageError(f"{self._place}: the type {line!r} has no name above it")
        known = below in {"", *_BADGES} or self._is_fact(below)
        if _NAME.fullmatch(line) and not known and not starts_field(self._lines, self._index + 1):
            raise PageError(f"{self._place}: {line!r} looks like a name, and {below!r} below it is no known type")

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
        if draft.place is not None:
            self.places[name] = draft.place
        return draft

    def _read_badge(self, draft: _Draft, line: str) -> None:
        default = _DEFAULT.fullmatch(self._raw[self._index])
        if line == "required":
            draft.required = True
        elif line == "deprecated":
            draft.facets["deprecated"] = True
        elif line in _PLACES and self._credentials and draft.place is None:
            draft.place = line
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
            self._refuse_lost_member()
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
            raise PageError(f"{self._place}, {draft.name}: unknown kind of fact: {line!r}")

    def _skip_blank(self) -> None:
        while self._index < len(self._lines) and not self._lines[self._index]:
            self._index += 1

    def _read_options(self, draft: _Draft) -> Mapping[str, Any]:
        """The listed values; those that are seen, where the page does not show all of them."""
        self._skip_blank()
        options: list[str] = []
        goes_on = True
        while goes_on and self._index < len(self._lines):
            line = self._raw[self._index]
            self._index += 1
            goes_on = line.endswith(",")
            option = line.removesuffix(",").strip()
            if is_cut(option):
                draft.unread.append(LIST_CUT_OFF)
            elif _ODD_VALUE.fullmatch(option):
                raise PageError(f"{draft.name}: {option!r} in its list of values is of an unknown form")
            else:
                options.append(option)
        if goes_on or not all(options):
            raise PageError(f"{draft.name}: the list of values breaks off")
        textual = all(kind.startswith("string") for kind in draft.types)
        values = tuple(_text(option) if textual else _decode(option, draft.name) for option in options)
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
        # A value may stand on several lines, so lines are added until they make one.
        for end in range(self._index + 1, len(self._raw) + 1):
            text = "\n".join(self._raw[self._index : end]).removesuffix(",")
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


def _text(written: str) -> str:
    """A text, which a page may write in the quotation marks of JSON."""
    if len(written) > 1 and written[0] == written[-1] == '"':
        return str(_decode(written, "a text"))
    return written


def _read_default(text: str, draft: _Draft) -> Any:
    if draft.nullable and text == "null":
        return None
    return _text(text) if draft.types <= {"string"} else _decode(text, f"the default of {draft.name}")


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
    if match["which"] != "Required" and match["high"]:
        raise PageError(f"unknown length {match[0]!r}")
    noun = "Length" if match["what"] == "string" else "Items"
    low, high = int(match["low"]), int(match["high"] or match["low"])
    if match["which"] == "Minimum":
        return {f"min{noun}": low}
    if match["which"] == "Maximum":
        return {f"max{noun}": high}
    return {f"min{noun}": low, f"max{noun}": high}
