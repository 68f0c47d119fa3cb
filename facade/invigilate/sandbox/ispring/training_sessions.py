"""The on-the-job training of the sandbox: checklists, sessions and their grades. Nothing changes them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from invigilate.sandbox.behaviours import Behaviour
from invigilate.sandbox.documents import Document, walk
from invigilate.sandbox.identifiers import Mint
from invigilate.sandbox.inventions import infer

SESSIONS = 40
# Points of each criterion, by group.
GROUPS = (
    ("Preparation", (("Is on time", 2), ("Has everything at hand", 3), ("Knows the safety rules", 5))),
    ("Greeting", (("Greets the customer", 5), ("Listens before responding", 4), ("Asks what is needed", 3))),
    ("Performance", (("Works in the right order", 5), ("Leaves nothing out", 5), ("Is quick enough", 3))),
    ("Closing", (("Leaves the place tidy", 2), ("Reports what happened", 3))),
)
HIDDEN = "Night Shift Handover (draft)"
"""A checklist without sessions."""
_CHECKLISTS = (
    "Floor Sales Representative",
    "Forklift Safety",
    "Front Desk Check-in",
    "Hand Hygiene on the Ward",
    "Barista Opening Shift",
)
_STATUSES = ("PASSED", "IN_PROGRESS", "NOT_STARTED", "PASSED")
_FIRST_DAY = datetime(2026, 1, 12, 8, 30)
_EXAMPLE = 4
"""Position of the checklist, and of a completed session of it, that have the spec's example ID."""
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Graded:
    """One criterion of a completed session.

    Attributes:
        group: position of its group.
        criterion: position in the group.
        points: points earned; None when the criterion was skipped.
    """

    group: int
    criterion: int
    points: int | None

    @property
    def title(self) -> str:
        """Title of the criterion."""
        return GROUPS[self.group][1][self.criterion][0]

    @property
    def total_points(self) -> int | None:
        """Points possible; None when the criterion was skipped."""
        return None if self.points is None else GROUPS[self.group][1][self.criterion][1]


@dataclass(frozen=True, slots=True)
class TrainingSession:
    """One on-the-job-training session."""

    checklist_id: str
    checklist_title: str
    session_id: str
    status: str
    planned: datetime
    started: datetime | None
    completed: datetime | None
    grades: tuple[Graded, ...]
    """Empty unless the session is completed."""
    employee_id: str
    observer_id: str

    def result(self, behaviour: Behaviour) -> dict[str, object]:
        """The session as the list shows it.

        No page says how a value that does not exist yet comes, so both ways occur: one status has nulls, and another
        lacks the fields.
        """
        month_first = behaviour.flips("day-first")
        infer("result-sums")
        shown: dict[str, object] = {
            "checklistId": self.checklist_id,
            "checklistTitle": self.checklist_title,
            "sessionId": self.session_id,
            "sessionStatus": self.status,
            "startDate": _written(self.planned, month_first),
            "actualStartDate": _written(self.started, month_first),
            "completionDate": _written(self.completed, month_first),
            **score(self.grades),
            **self.people(),
        }
        if self.status == ("NOT_STARTED" if behaviour.flips("missing-values") else "IN_PROGRESS"):
            return {name: value for name, value in shown.items() if value is not None}
        return shown

    def people(self) -> dict[str, object]:
        """The person observed, and the observer."""
        return {"employeeId": self.employee_id, "observerId": self.observer_id}


def _written(moment: datetime | None, month_first: bool) -> str | None:
    """Write a time in the form of the documented sample: 24 hours, no zone."""
    day = "%m-%d" if month_first else "%d-%m"
    return None if moment is None else moment.strftime(f"{day}-%Y, %H:%M:%S")


def score(grades: Iterable[Graded]) -> dict[str, object]:
    """The sum of grades, in points and in percent; nulls without grades."""
    total = points = 0
    for grade in grades:
        # Both are null when the criterion was skipped.
        total += grade.total_points or 0
        points += grade.points or 0
    if not total:
        return {"result": None, "totalPoints": None, "points": None}
    percent = round(100 * points / total, 1)
    return {"result": int(percent) if percent.is_integer() else percent, "totalPoints": total, "points": points}


class JobTraining:
    """Checklists and their sessions.

    Attributes:
        sessions: the sessions.
    """

    def __init__(self, document: Document, seed: int) -> None:
        self._mint = Mint(seed, "training")
        self._pin_example(document)
        self.sessions = list(_sessions(self._mint))

    def _pin_example(self, document: Document) -> None:
        """Use the spec's example ID for a checklist, a completed session of it, a group and a criterion."""
        example = next(_examples(document), None)
        if example is not None:
            self._mint.pin("", "checklist", _EXAMPLE, example)
            self._mint.pin("", "session", _EXAMPLE, example)
            self._mint.pin("", f"group/{example}", 0, example)
            self._mint.pin("", f"criterion/{example}/0", 0, example)

    def group_id(self, checklist_id: str, group: int) -> str:
        """The ID of a group of criteria; each checklist has groups of its own."""
        return self._mint.uuid(f"group/{checklist_id}", group)

    def criterion_id(self, checklist_id: str, group: int, criterion: int) -> str:
        """The ID of a criterion."""
        return self._mint.uuid(f"criterion/{checklist_id}/{group}", criterion)

    def group_ids(self, checklist_id: str) -> list[str]:
        """The IDs of all groups of a checklist."""
        return [self.group_id(checklist_id, group) for group in range(len(GROUPS))]

    def criterion_ids(self, checklist_id: str) -> list[str]:
        """The IDs of all criteria of a checklist."""
        return [
            self.criterion_id(checklist_id, group, criterion)
            for group, (_, criteria) in enumerate(GROUPS)
            for criterion in range(len(criteria))
        ]

    @property
    def hidden_checklist_id(self) -> str:
        """A checklist without sessions."""
        return self._mint.uuid("checklist", len(_CHECKLISTS))


def _examples(document: Document) -> Iterator[str]:
    """The UUIDs of the spec's examples."""
    for _, node in walk(
        {path: item for path, item in document.content["paths"].items() if path.startswith("/job-training")}
    ):
        if isinstance(node, str) and _UUID.fullmatch(node):
            yield node


def _sessions(mint: Mint) -> Iterator[TrainingSession]:
    for index in range(SESSIONS):
        chance = mint.number("session/chance", index)
        checklist = index % len(_CHECKLISTS)
        status = _STATUSES[index // len(_CHECKLISTS) % len(_STATUSES)]
        planned = _FIRST_DAY + timedelta(days=index * 3, minutes=15 * (chance % 30))
        late = timedelta(minutes=chance >> 8 & 31, seconds=chance >> 16 & 63)
        started = None if status == "NOT_STARTED" else planned + late
        completed = None
        grades: tuple[Graded, ...] = ()
        if started is not None and status == "PASSED":
            completed = started + timedelta(minutes=20 + (chance >> 24 & 63))
            grades = tuple(_grades(mint, index))
        yield TrainingSession(
            checklist_id=mint.uuid("checklist", checklist),
            checklist_title=_CHECKLISTS[checklist],
            session_id=mint.uuid("session", index),
            status=status,
            planned=planned,
            started=started,
            completed=completed,
            grades=grades,
            employee_id=mint.uuid("employee", index % 15),
            observer_id=mint.uuid("observer", index % 4),
        )


def _grades(mint: Mint, session: int) -> Iterator[Graded]:
    for group, (_, criteria) in enumerate(GROUPS):
        for criterion, (_, most) in enumerate(criteria):
            chance = mint.number(f"grade/{session}/{group}", criterion)
            # One in eight is skipped, and about half of the points are always earned.
            points = None if chance % 8 == 0 else most - (chance >> 8) % (most // 2 + 1)
            yield Graded(group, criterion, points)
