"""Resource identifiers (SIDs) of SmarterProctoring: two letters that name the kind, and 32 hexadecimal digits.

The classes are `str` subclasses that hold only well-formed identifiers, so they go wherever a text goes. Arguments
take plain texts as well, and are checked either way. The patterns are those of the specification.

Documentation: https://developers.smarterservices.com/proctoring/api/resource-identifiers
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from smarterproctoring_client.sids import PATTERNS

from .errors import InvalidSidError

_SHAPE = re.compile(r"[A-Z]{2}[0-9a-fA-F]{32}")
_PATTERN = re.compile(r"\^([A-Z]{2})(\[[^]]+\])\{(\d+)\}\$")


class Sid(str):
    """A well-formed resource identifier; `parse_sid` tells its kind.

    Raises:
        InvalidSidError: if the text does not match the documented pattern as a whole.
    """

    __slots__ = ()
    pattern: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        cls.pattern = PATTERNS.get(cls.__name__, cls.pattern)

    def __new__(cls, text: str) -> Self:
        """Take a text that matches the documented pattern."""
        if cls is Sid:
            raise TypeError("a SID has a kind: use parse_sid(), or one of the classes like ExamSid")
        if not matches(cls.pattern, text):
            raise InvalidSidError(cls.__name__, expected_sid(cls.__name__, cls.pattern), describe_given(text))
        # Not str(text): a subclass, such as a member of an enum of texts, may show itself as something else.
        return super().__new__(cls, str.__str__(text))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"


class InstallSid(Sid):
    """An application install (`AI`)."""


class ExamSid(Sid):
    """An exam (`EX`)."""


class ExamSessionSid(Sid):
    """An exam session (`ES`)."""


class CourseSid(Sid):
    """A course (`CU`)."""


class CourseOfferingSid(Sid):
    """A course offering (`CO`)."""


class UserSid(Sid):
    """A user (`US`)."""


class ProctorLocationSid(Sid):
    """A proctor location (`PL`)."""


class MessageThreadSid(Sid):
    """A message thread (`MT`)."""


class InstructorProctorSid(Sid):
    """An entry of an instructor as proctor (`CP`)."""


class CancellationPolicyVersionSid(Sid):
    """A version of a cancellation policy (`CV`)."""


class ProctorTypeSubCategorySid(Sid):
    """A sub-category of a proctor type (`TS`)."""


class EnrollmentSid(Sid):
    """An enrollment of a user in a course (`EN`)."""


class CourseSectionSid(Sid):
    """A section of a course (`CS`)."""


class ExamConfigurationSid(Sid):
    """A configuration of an exam (`EC`)."""


class TimeZoneSid(Sid):
    """A time zone (`TZ`)."""


class IntegrationSid(Sid):
    """An integration (`II`)."""


def _classes() -> dict[str, type[Sid]]:
    return {kind.__name__: kind for kind in Sid.__subclasses__()}


def parse_sid(text: str) -> Sid:
    """Tell the kind of an identifier.

    Args:
        text: an identifier, without anything around it.

    Returns:
        An instance of the class of its kind, such as `ExamSid`.

    Raises:
        InvalidSidError: if it is of no documented kind and shape.
    """
    for kind in Sid.__subclasses__():
        if matches(kind.pattern, text):
            return kind(text)
    prefixes = ", ".join(sorted(kind.pattern[1:3] for kind in Sid.__subclasses__()))
    raise InvalidSidError("text", f"a SID of a documented kind ({prefixes})", describe_given(text))


def matches(pattern: str, text: object) -> bool:
    """Whether a text matches a documented pattern as a whole; `$` alone would let a line break pass."""
    if not isinstance(text, str):
        return False
    return re.fullmatch(pattern.removeprefix("^").removesuffix("$"), text) is not None


def kind_name(schema: str) -> str:
    """The words for a kind of SID: `ExamSessionSid` becomes `exam session SID`."""
    return re.sub(r"(?<!^)(?=[A-Z])", " ", schema.removesuffix("Sid")).lower() + " SID"


def expected_sid(schema: str, pattern: str) -> str:
    """Say what a documented pattern asks for."""
    name = kind_name(schema)
    article = "an" if name[0] in "aeio" else "a"
    parts = _PATTERN.fullmatch(pattern)
    if parts is None:
        return f"{article} {name} matching {pattern}"
    return f"{article} {name} ({parts[1]} and {parts[3]} of {parts[2]})"


def describe_given(value: Any) -> str:
    """Say what was given, repeating only SIDs and small numbers: anything else may be a card number."""
    if not isinstance(value, str):
        # No card, telephone or student has a number so small.
        if value is None:
            return "None"
        small = value.__class__ in (int, float) and -1000 < value < 1000
        return f"{value if small else 'a value'} of type {type(value).__name__}"
    for name, kind in _classes().items():
        if matches(kind.pattern, value):
            return f"{expected_sid(name, kind.pattern).split(' (')[0]}, {value}"
    if _SHAPE.fullmatch(value):
        if value[2:] != value[2:].lower():
            return f"{value}, with upper-case hexadecimal digits"
        return f"{value}, whose prefix {value[:2]} names no documented kind"
    stripped = value.strip()
    if stripped != value and _SHAPE.fullmatch(stripped):
        return f"{stripped} with white space around it"
    digits = re.fullmatch(r"([A-Z]{2})([0-9a-f]{24,40})", value)
    if digits:
        return f"{digits[1]} and {len(digits[2])} hexadecimal digits"
    return "an empty text" if not value else f"a {len(value)}-character text"


def swapped(wrong: Mapping[str, tuple[str, object]]) -> tuple[str, str] | None:
    """Find two wrong arguments that would each fit in the place of the other.

    Args:
        wrong: argument -> its pattern and what was given.
    """
    names = list(wrong)
    for index, first in enumerate(names):
        for second in names[index + 1 :]:
            if matches(wrong[first][0], wrong[second][1]) and matches(wrong[second][0], wrong[first][1]):
                return first, second
    return None


__all__ = [
    "CancellationPolicyVersionSid",
    "CourseOfferingSid",
    "CourseSectionSid",
    "CourseSid",
    "EnrollmentSid",
    "ExamConfigurationSid",
    "ExamSessionSid",
    "ExamSid",
    "InstallSid",
    "InstructorProctorSid",
    "IntegrationSid",
    "MessageThreadSid",
    "ProctorLocationSid",
    "ProctorTypeSubCategorySid",
    "Sid",
    "TimeZoneSid",
    "UserSid",
    "parse_sid",
]
