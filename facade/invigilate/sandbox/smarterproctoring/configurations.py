"""The configurations of exams, and how requests change them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from invigilate.sandbox.identifiers import Mint
from invigilate.sandbox.inventions import infer
from invigilate.sandbox.json_values import is_object, plain
from invigilate.sandbox.problems import invalid
from invigilate.sandbox.times import parse

from .catalog import Exam

PRIMARY = "primary"
_LONGEST_DURATION = 366 * 24 * 60
_ITEMS = (
    "BathroomBreak", "BlankPaper", "Calculator", "Dictionary", "Earplugs", "FormulaSheet", "Notes", "Textbook",
    "Websites",
)  # fmt: skip
_TIMES = ("examOpenDate", "examCloseDate", "scheduleOpenDate", "scheduleCloseDate")
# The same field has two names in requests and in responses.
_NAMES = {"refConfigSid": "referenceExamConfigurationSid"}


@dataclass(eq=False, slots=True)
class Configuration:
    """The rules of an exam.

    Attributes:
        sid: SID of the configuration.
        exam: the exam.
        type: whether it applies to all enrollments or to one.
        api_id: its identifier in the system that created it.
        facts: the other fields, by their names in responses.
    """

    sid: str
    exam: Exam
    type: str = PRIMARY
    api_id: str | None = None
    facts: dict[str, Any] = field(default_factory=dict[str, Any])

    def details(self) -> dict[str, object]:
        """The configuration with the documented fields, and those that an update added."""
        infer("configuration-fields")
        course = self.exam.course
        return {
            "sid": self.sid,
            "examSid": self.exam.sid,
            "enrollmentSid": None,
            "referenceExamConfigurationSid": None,
            "type": self.type,
            **dict.fromkeys(_TIMES),
            "password": None,
            "url": f"https://exam.example.com/start/{self.exam.sid}",
            "duration": self.exam.minutes,
            "attempts": 1,
            "attemptsRemaining": self.facts.get("attempts", 1),
            "locked": False,
            "approved": True,
            "approvedBy": None,
            "requiredSoftware": None,
            "studentNotes": None,
            **{f"permitted{item}": False for item in _ITEMS},
            **{f"permitted{item}Information": None for item in _ITEMS},
            "permittedOtherItems": None,
            "apiExamId": self.api_id,
            "examSyncStatus": None,
            "virtualCalculatorType": None,
            "synchronization": None,
            "proctorNotes": None,
            "proctorTypes": [],
            "attachments": None,
            "examFiles": None,
            "instructorAsProctor": [],
            "exam": dict(self.exam.summary),
            "course": dict(course.summary),
            "enrollment": None,
            **self.facts,
        }

    def change(self, facts: Mapping[str, Any]) -> bool:
        """Change fields; the others stay. Returns whether anything changed."""
        before = self.details()
        self.facts.update(facts)
        if self.type == PRIMARY and "duration" in facts:
            self.exam.minutes = facts["duration"]
        return self.details() != before


class Configurations:
    """The configurations of an install's exams. Each exam has a primary one."""

    def __init__(self, mint: Mint) -> None:
        self._mint = mint
        self._by_exam: dict[str, list[Configuration]] = {}
        self._added = 0

    def of(self, exam: Exam) -> list[Configuration]:
        """The configurations of an exam, the primary one first."""
        if exam.sid not in self._by_exam:
            self._by_exam[exam.sid] = [Configuration(self._mint.sid("EC", "configuration", exam.index), exam)]
        return self._by_exam[exam.sid]

    def find(self, exam: Exam, *, sid: str | None = None, api_id: str | None = None) -> Configuration | None:
        """The configuration of an exam with a SID, or with an identifier of the system that created it."""
        return next(
            (
                each
                for each in self.of(exam)
                if (sid is not None and each.sid == sid) or (api_id is not None and each.api_id == api_id)
            ),
            None,
        )

    def add(self, exam: Exam, type_: str, api_id: str | None) -> Configuration:
        """Add a configuration to an exam."""
        sid = self._mint.sid("EC", "configuration/added", self._added)
        self._added += 1
        added = Configuration(sid, exam, type_, api_id)
        self.of(exam).append(added)
        return added


def from_update(body: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a request to update a configuration, by their names in responses.

    Raises:
        Problem: a time is malformed, or a number out of range.
    """
    for name in _TIMES:
        if name in body:
            parse(body[name], name)
    facts = _in_range(_plain(body))
    return {_NAMES.get(name, name): value for name, value in facts.items()}


def from_provision(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a configuration in provisioning, by their names in responses.

    Raises:
        Problem: a time is malformed, or a number out of range.
    """
    facts: dict[str, Any] = {}
    for group, prefix in (("access", "exam"), ("scheduling", "schedule")):
        for edge, name in (("open", "Open"), ("close", "Close")):
            moment = configuration.get(group, {}).get(edge)
            if moment is not None:
                parse(moment, f"exam.configuration.{group}.{edge}")
                facts[f"{prefix}{name}Date"] = moment
    for name in ("url", "duration", "password", "attempts"):
        if name in configuration:
            facts[name] = configuration[name]
    for name, text in configuration.get("notes", {}).items():
        facts[f"{name}Notes"] = text
    if "proctorTypes" in configuration:
        facts["proctorTypes"] = list(configuration["proctorTypes"])
    for item, value in configuration.get("permittedItems", {}).items():
        known = f"{item[:1].upper()}{item[1:]}"
        if known in _ITEMS:
            facts[f"permitted{known}"] = True
            facts[f"permitted{known}Information"] = value.get("notes") if is_object(value) else None
    return _in_range(_plain(facts))


def _plain(value: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return {name: plain(each) for name, each in value.items()}
    except ValueError as error:
        raise invalid(f"{error}.") from None


def _in_range(facts: dict[str, Any]) -> dict[str, Any]:
    for name in ("duration", "attempts"):
        value = facts.get(name)
        if value is not None and not 0 < value <= (_LONGEST_DURATION if name == "duration" else value):
            infer("configuration-ranges")
            limit = f" and at most {_LONGEST_DURATION} minutes" if name == "duration" else ""
            raise invalid(f"{name} has to be above 0{limit}.")
    return facts
