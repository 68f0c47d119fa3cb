"""Resource identifiers (SIDs) of SmarterProctoring: two letters for the kind, and 32 hexadecimal digits.

The classes are `str` subclasses that hold only well-formed identifiers, so they can be used wherever a string can.
Arguments take plain strings as well, and are checked either way. The patterns are those of the specification.

Documentation: https://developers.smarterservices.com/proctoring/api/resource-identifiers
"""

from __future__ import annotations

from invigilate._identifiers import Sid, describe_value, matches
from invigilate.errors import InvalidSidError
from smarterproctoring_client.sids import PATTERNS


class SmarterProctoringSid(Sid):
    """Base of the kinds of SmarterProctoring; `parse_sid` finds the kind of a string."""

    def __init_subclass__(cls) -> None:
        cls.pattern = PATTERNS[cls.__name__]
        super().__init_subclass__()


class InstallSid(SmarterProctoringSid):
    """An application install (`AI`)."""


class ExamSid(SmarterProctoringSid):
    """An exam (`EX`)."""


class ExamSessionSid(SmarterProctoringSid):
    """An exam session (`ES`)."""


class CourseSid(SmarterProctoringSid):
    """A course (`CU`)."""


class CourseOfferingSid(SmarterProctoringSid):
    """A course offering (`CO`)."""


class UserSid(SmarterProctoringSid):
    """A user (`US`)."""


class ProctorLocationSid(SmarterProctoringSid):
    """A proctor location (`PL`)."""


class MessageThreadSid(SmarterProctoringSid):
    """A message thread (`MT`)."""


class InstructorProctorSid(SmarterProctoringSid):
    """An entry of an instructor as proctor (`CP`)."""


class CancellationPolicyVersionSid(SmarterProctoringSid):
    """A version of a cancellation policy (`CV`)."""


class ProctorTypeSubCategorySid(SmarterProctoringSid):
    """A sub-category of a proctor type (`TS`)."""


class EnrollmentSid(SmarterProctoringSid):
    """An enrollment of a user in a course (`EN`)."""


class CourseSectionSid(SmarterProctoringSid):
    """A section of a course (`CS`)."""


class ExamConfigurationSid(SmarterProctoringSid):
    """A configuration of an exam (`EC`)."""


class TimeZoneSid(SmarterProctoringSid):
    """A time zone (`TZ`)."""


class IntegrationSid(SmarterProctoringSid):
    """An integration (`II`)."""


def parse_sid(value: str) -> SmarterProctoringSid:
    """Return an identifier as an instance of the class of its kind, such as `ExamSid`.

    Args:
        value: an identifier, without anything around it.

    Raises:
        InvalidSidError: if it has no documented kind and shape.
    """
    kinds = SmarterProctoringSid.__subclasses__()
    for kind in kinds:
        if matches(kind.pattern, value):
            return kind(value)
    prefixes = ", ".join(sorted(kind.pattern[1:3] for kind in kinds))
    raise InvalidSidError("value", f"a SID of a documented kind ({prefixes})", describe_value(value))


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
    "SmarterProctoringSid",
    "TimeZoneSid",
    "UserSid",
    "parse_sid",
]
