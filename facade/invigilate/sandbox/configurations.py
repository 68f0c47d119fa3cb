"""The configurations of exams: what is kept of one, and how requests change it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .catalogue import Exam
from .identifiers import Mint
from .json_text import is_object, plain
from .problems import invalid
from .times import parse

PRIMARY = "primary"
_ITEMS = (
    "BathroomBreak", "BlankPaper", "Calculator", "Dictionary", "Earplugs", "FormulaSheet", "Notes", "Textbook",
    "Websites",
)  # fmt: skip
_TIMES = ("examOpenDate", "examCloseDate", "scheduleOpenDate", "scheduleCloseDate")
# In requests and in answers the same thing has two names.
_NAMES = {"refConfigSid": "referenceExamConfigurationSid"}


@dataclass(eq=False, slots=True)
class Configuration:
    """The rules of an exam.

    Attributes:
        sid: SID of the configuration.
        exam: the exam.
        type: whether it is for everybody or for some.
        api_id: what its maker calls it.
        facts: the other members, by the names that answers have.
    """

    sid: str
    exam: Exam
    type: str = PRIMARY
    api_id: str | None = None
    facts: dict[str, Any] = field(default_factory=dict[str, Any])

    def details(self) -> dict[str, object]:
        """The configuration with the documented members, and those that an update added."""
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
        """Take over members; what is not among them stays. Whether anything is otherwise than before."""
        before = self.details()
        self.facts.update(facts)
        if self.type == PRIMARY and "duration" in facts:
            self.exam.minutes = facts["duration"]
        return self.details() != before


class Configurations:
    """The configurations of an install's exams. Each exam has a primary one from the start."""

    def __init__(self, mint: Mint) -> None:
        self._mint = mint
        self._made: dict[str, list[Configuration]] = {}
        self._added = 0

    def of(self, exam: Exam) -> list[Configuration]:
        """The configurations of an exam, the primary one first."""
        if exam.sid not in self._made:
            self._made[exam.sid] = [Configuration(self._mint.sid("EC", "configuration", exam.index), exam)]
        return self._made[exam.sid]

    def find(self, exam: Exam, *, sid: str | None = None, api_id: str | None = None) -> Configuration | None:
        """The configuration of an exam with a SID or with the identifier that its maker gave it."""
        return next(
            (
                each
                for each in self.of(exam)
                if (sid is not None and each.sid == sid) or (api_id is not None and each.api_id == api_id)
            ),
            None,
        )

    def add(self, exam: Exam, kind: str, api_id: str | None) -> Configuration:
        """Add a configuration to an exam."""
        sid = self._mint.sid("EC", "configuration/added", self._added)
        self._added += 1
        made = Configuration(sid, exam, kind, api_id)
        self.of(exam).append(made)
        return made


def from_update(body: Mapping[str, Any]) -> dict[str, Any]:
    """What a request to update a configuration sends, by the names that answers have.

    Raises:
        Problem: if a time is none, or a number makes no sense.
    """
    for name in _TIMES:
        if name in body:
            parse(body[name], name)
    facts = _plain(body)
    for name in ("duration", "attempts"):
        if name in facts and facts[name] <= 0:
            raise invalid(f"{name} has to be positive.")
    return {_NAMES.get(name, name): value for name, value in facts.items()}


def from_provision(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """What provisioning sends of a configuration, by the names that answers have.

    Raises:
        Problem: if a time is none.
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
    return _plain(facts)


def _plain(value: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return {name: plain(each) for name, each in value.items()}
    except ValueError as error:
        raise invalid(f"{error}.") from None
