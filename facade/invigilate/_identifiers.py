"""Resource identifiers (SIDs), and how wrong values are described."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, ClassVar, Self, TypeVar

from invigilate_runtime import InvalidValue

from .errors import InvalidArgumentError, InvalidSidError

T = TypeVar("T")

_SHAPE = re.compile(r"[A-Z]{2}[0-9a-fA-F]{32}")
_PATTERN = re.compile(r"\^([A-Z]{2})(\[[^]]+\])\{(\d+)\}\$")


class Sid(str):
    """A well-formed resource identifier. Each API declares its kinds as subclasses with a `pattern`.

    Raises:
        InvalidSidError: if the string does not match the documented pattern as a whole.
    """

    __slots__ = ()
    pattern: ClassVar[str] = ""
    kinds: ClassVar[dict[str, type[Sid]]] = {}
    """The declared kinds, by class name."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if cls.pattern:
            Sid.kinds[cls.__name__] = cls

    def __new__(cls, value: str) -> Self:
        """Create an identifier from a string that matches the documented pattern."""
        if not cls.pattern:
            raise TypeError("a SID has a kind: use parse_sid(), or a class like ExamSid")
        if not matches(cls.pattern, value):
            raise InvalidSidError(cls.__name__, expected_sid(cls.__name__, cls.pattern), describe_value(value))
        # Not str(value): a subclass, such as an enum of strings, may show itself as something else.
        return super().__new__(cls, str.__str__(value))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"


def matches(pattern: str, value: object) -> bool:
    """Return whether a string matches a documented pattern as a whole; `$` alone would allow a line break."""
    return isinstance(value, str) and re.fullmatch(pattern.removeprefix("^").removesuffix("$"), value) is not None


def kind_name(schema: str) -> str:
    """Return the words for a kind: `ExamSessionSid` becomes `exam session SID`."""
    return re.sub(r"(?<!^)(?=[A-Z])", " ", schema.removesuffix("Sid")).lower() + " SID"


def expected_sid(schema: str, pattern: str) -> str:
    """Describe what a documented pattern requires: `ExamSid` becomes `an exam SID (EX and 32 of [0-9a-f])`."""
    name = kind_name(schema)
    article = "an" if name[0] in "aeio" else "a"
    parts = _PATTERN.fullmatch(pattern)
    if parts is None:
        return f"{article} {name} matching {pattern}"
    return f"{article} {name} ({parts[1]} and {parts[3]} of {parts[2]})"


def describe_value(value: object) -> str:
    """Describe what was passed. Only SIDs and small numbers are shown: anything else may be a card number."""
    if isinstance(value, int | float) and value.__class__ in (int, float):
        # Short digit runs cannot be card or phone numbers.
        return f"the number {value}" if -1000 < value < 1000 else "a number"
    if not isinstance(value, str):
        return "None" if value is None else f"a value of type {type(value).__name__}"
    for name, kind in Sid.kinds.items():
        if matches(kind.pattern, value):
            return f"{expected_sid(name, kind.pattern).split(' (')[0]}, {value}"
    if _SHAPE.fullmatch(value):
        if value[2:] != value[2:].lower():
            return f"{value}, with upper-case hexadecimal digits"
        return f"{value}, whose prefix {value[:2]} is not of a documented kind"
    stripped = value.strip()
    if stripped != value and _SHAPE.fullmatch(stripped):
        return f"{stripped} with white space around it"
    digits = re.fullmatch(r"([A-Z]{2})([0-9a-f]{24,40})", value)
    if digits:
        return f"{digits[1]} and {len(digits[2])} hexadecimal digits"
    return f"a string of length {len(value)}" if value else "an empty string"


def valid(
    rule: Callable[[Any], T], value: Any, argument: str, error: type[InvalidArgumentError] = InvalidArgumentError
) -> T:
    """Return what a rule of the runtime makes of a value.

    Raises:
        InvalidArgumentError: or the passed class, with the argument, if the rule does not accept the value.
    """
    try:
        return rule(value)
    except InvalidValue as wrong:
        position = "" if wrong.position is None else f"[{wrong.position}]"
        raise error(argument + position, wrong.expected, wrong.passed) from None
