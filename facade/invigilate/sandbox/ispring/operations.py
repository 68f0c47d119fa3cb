"""What the sandbox remembers of iSpring Learn, and one function per operation."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from invigilate.sandbox.api import Control, Operations
from invigilate.sandbox.behaviours import Behaviour
from invigilate.sandbox.documents import Document, walk
from invigilate.sandbox.identifiers import Mint
from invigilate.sandbox.inventions import infer
from invigilate.sandbox.options import Options
from invigilate.sandbox.problems import Problem
from invigilate.sandbox.validation import Call

OPERATIONS: Operations[TrainingState] = Operations()

SESSIONS = 40
# Points of each criterion, by group.
_GROUPS = (
    ("Preparation", (("Is on time", 2), ("Has everything at hand", 3), ("Knows the safety rules", 5))),
    ("Greeting", (("Greets the customer", 5), ("Listens before responding", 4), ("Asks what is needed", 3))),
    ("Performance", (("Works in the right order", 5), ("Leaves nothing out", 5), ("Is quick enough", 3))),
    ("Closing", (("Leaves the place tidy", 2), ("Reports what happened", 3))),
)
_HIDDEN = "Night Shift Handover (draft)"
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
        return _GROUPS[self.group][1][self.criterion][0]

    @property
    def total_points(self) -> int | None:
        """Points possible; None when the criterion was skipped."""
        return None if self.points is None else _GROUPS[self.group][1][self.criterion][1]


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


class TrainingState:
    """The state of iSpring Learn.

    Attributes:
        client_id: client ID of the one API key.
        client_secret: its secret.
        account_url: URL of the account.
        sessions: the training sessions.
        behaviour: how the server behaves.
    """

    def __init__(self, document: Document, options: Options) -> None:
        self._mint = Mint(options.seed, "training")
        self._pin_example(document)
        self.behaviour = options.behaviour
        self.client_id = self._mint.uuid("client")
        self.client_secret = self._mint.secret("client")
        self.account_url = "https://sandbox-account.ispringlearn.com"
        self.sessions = list(_sessions(self._mint))
        self.token_lifetime = options.token_lifetime
        self._lock = threading.Lock()
        self._issued = 0
        # By token: when it expires, on the monotonic clock.
        self._tokens: dict[str, float] = {}

    @property
    def environment(self) -> Mapping[str, str]:
        """See `State`."""
        return {
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "account_url": self.account_url,
        }

    @property
    def identifiers(self) -> Mapping[str, str]:
        """See `State`."""
        return {"checklist_id": self.sessions[0].checklist_id}

    @property
    def controls(self) -> Mapping[str, Control]:
        """See `State`."""
        return {}

    def anticipate(self, operation_id: str, call: Call) -> None:
        """See `State`."""

    def render_error(self, problem: Problem) -> dict[str, object]:
        """See `State`."""
        return {"code": problem.status, "message": problem.message}

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
        return [self.group_id(checklist_id, group) for group in range(len(_GROUPS))]

    def criterion_ids(self, checklist_id: str) -> list[str]:
        """The IDs of all criteria of a checklist."""
        return [
            self.criterion_id(checklist_id, group, criterion)
            for group, (_, criteria) in enumerate(_GROUPS)
            for criterion in range(len(criteria))
        ]

    @property
    def hidden_checklist_id(self) -> str:
        """A checklist without sessions."""
        return self._mint.uuid("checklist", len(_CHECKLISTS))

    @property
    def tokens_issued(self) -> int:
        """Number of tokens issued."""
        return self._issued

    def issue_token(self) -> str:
        """Issue a token."""
        with self._lock:
            token = self._mint.secret("access", self._issued)
            self._issued += 1
            self._tokens[token] = time.monotonic() + self.token_lifetime
            return token

    def revoke_tokens(self) -> None:
        """Invalidate all tokens that were issued."""
        with self._lock:
            self._tokens.clear()

    def authenticate(self, headers: Mapping[str, str], query: str, security: tuple[tuple[str, ...], ...]) -> None:
        """Check the Bearer token of a request, and the account if one is named.

        Raises:
            Problem: the token is missing, wrong or expired, or belongs to another account.
        """
        scheme, _, token = headers.get("authorization", "").partition(" ")
        with self._lock:
            expires = self._tokens.get(token.strip(), 0.0)
        if scheme.lower() != "bearer" or time.monotonic() >= expires:
            infer("credentials-refusal")
            raise Problem(401, "401", "The access token is missing, invalid or expired.")
        account = headers.get("x-auth-account-url", self.account_url)
        if account != self.account_url and not self.behaviour.flips("account-check"):
            raise Problem(403, "403", "The token belongs to another account.")


@OPERATIONS.register("createAccessToken")
def create_access_token(state: TrainingState, call: Call) -> object:
    """Issue a token for client credentials."""
    sent = (call.body["client_id"], call.body["client_secret"])
    if sent != (state.client_id, state.client_secret):
        infer("credentials-refusal")
        raise Problem(401, "401", "The client ID or the client secret is wrong.")
    return {
        "access_token": state.issue_token(),
        "expires_in": int(state.token_lifetime),
        "token_type": "bearer",
    }


@OPERATIONS.register("listSessionResults")
def list_session_results(state: TrainingState, call: Call) -> object:
    """Return all sessions that match every filter."""
    status = call.body.get("sessionStatus")
    return [
        session.result(state.behaviour)
        for session in _narrowed(state, call.body)
        if status is None or session.status == status
    ]


@OPERATIONS.register("listChecklistSessions")
def list_checklist_sessions(state: TrainingState, call: Call) -> object:
    """Return all checklists that match every filter, with the sessions that match."""
    infer("hidden-checklist")
    checklists, ids = _filter(state, call.body, "checklistIds"), _filter(state, call.body, "sessionIds")
    found: dict[str, dict[str, Any]] = {}
    for session in state.sessions:
        shown = found.setdefault(session.checklist_id, _checklist(session.checklist_id, session.checklist_title))
        shown["sessionIds"].append(session.session_id)
    hidden = state.hidden_checklist_id
    found[hidden] = {**_checklist(hidden, _HIDDEN), "checklistStatus": "HIDDEN"}
    rows = [row for row in found.values() if checklists is None or row["checklistId"] in checklists]
    if ids is None:
        return rows
    matching = [row for row in rows if not ids.isdisjoint(row["sessionIds"])]
    if state.behaviour.flips("narrowed-checklists"):
        return matching
    return [{**row, "sessionIds": [each for each in row["sessionIds"] if each in ids]} for row in matching]


def _checklist(checklist_id: str, title: str) -> dict[str, Any]:
    return {"checklistId": checklist_id, "checklistTitle": title, "checklistStatus": "PUBLISHED", "sessionIds": []}


@OPERATIONS.register("listCriterionGroupResults")
def list_criterion_group_results(state: TrainingState, call: Call) -> object:
    """Return the results of completed sessions by group of criteria."""
    infer("result-sums")
    groups = _filter(state, call.body, "groupIds")
    return [
        {
            "groupId": group_id,
            "groupTitle": _GROUPS[group][0],
            "checklistId": session.checklist_id,
            "sessionId": session.session_id,
            **score(grade for grade in session.grades if grade.group == group),
            **session.people(),
        }
        for session in _narrowed(state, call.body)
        for group in sorted({grade.group for grade in session.grades})
        if (group_id := state.group_id(session.checklist_id, group)) and (groups is None or group_id in groups)
    ]


@OPERATIONS.register("listCriterionResults")
def list_criterion_results(state: TrainingState, call: Call) -> object:
    """Return the results of completed sessions by criterion."""
    infer("result-sums")
    groups, criteria = _filter(state, call.body, "groupIds"), _filter(state, call.body, "criterionIds")
    rows: list[dict[str, object]] = []
    for session in _narrowed(state, call.body):
        for grade in session.grades:
            group_id = state.group_id(session.checklist_id, grade.group)
            criterion_id = state.criterion_id(session.checklist_id, grade.group, grade.criterion)
            if (groups is None or group_id in groups) and (criteria is None or criterion_id in criteria):
                rows.append(
                    {
                        "criterionId": criterion_id,
                        "criterionTitle": grade.title,
                        "checklistId": session.checklist_id,
                        "sessionId": session.session_id,
                        "groupId": group_id,
                        "skipped": grade.points is None,
                        "points": grade.points,
                        "totalPoints": grade.total_points,
                        **session.people(),
                    }
                )
    return rows


def _narrowed(state: TrainingState, body: Mapping[str, Any]) -> list[TrainingSession]:
    checklists, ids = _filter(state, body, "checklistId"), _filter(state, body, "sessionIds")
    return [
        session
        for session in state.sessions
        if (checklists is None or session.checklist_id in checklists) and (ids is None or session.session_id in ids)
    ]


def _filter(state: TrainingState, body: Mapping[str, Any], name: str) -> frozenset[str] | None:
    """The values of a filter; None when there is none."""
    infer("training-filters")
    value = body.get(name)
    if value is None or (value == [] and state.behaviour.flips("empty-filter")):
        return None
    return frozenset([value] if isinstance(value, str) else value)


def _examples(document: Document) -> Iterator[str]:
    """The UUIDs of the spec's examples."""
    for _, node in walk(document.content["paths"]):
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
    for group, (_, criteria) in enumerate(_GROUPS):
        for criterion, (_, most) in enumerate(criteria):
            chance = mint.number(f"grade/{session}/{group}", criterion)
            # One in eight is skipped, and about half of the points are always earned.
            points = None if chance % 8 == 0 else most - (chance >> 8) % (most // 2 + 1)
            yield Graded(group, criterion, points)
