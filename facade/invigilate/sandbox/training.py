"""iSpring Learn: its state, who may call, and one function per operation."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from .api import Operations
from .identifiers import Mint
from .problems import Problem
from .times import write_day_first
from .validation import Call

OPERATIONS: Operations[TrainingState] = Operations()

SESSIONS = 40
# Points of each criterion, by group.
_GROUPS = (
    ("Preparation", (("Is on time", 2), ("Has everything at hand", 3), ("Knows the safety rules", 5))),
    ("Greeting", (("Greets the customer", 5), ("Listens before answering", 4), ("Asks what is needed", 3))),
    ("Performance", (("Works in the right order", 5), ("Leaves nothing out", 5), ("Is quick enough", 3))),
    ("Closing", (("Leaves the place tidy", 2), ("Reports what happened", 3))),
)
_HIDDEN = "Night Shift Handover (draft)"
"""A checklist that nobody has been trained with."""
_CHECKLISTS = (
    "Floor Sales Representative",
    "Forklift Safety",
    "Front Desk Check-in",
    "Hand Hygiene on the Ward",
    "Barista Opening Shift",
)
_STATUSES = ("PASSED", "IN_PROGRESS", "NOT_STARTED", "PASSED")
_FIRST_DAY = datetime(2026, 1, 12, 8, 30)


@dataclass(frozen=True, slots=True)
class Graded:
    """One criterion of a completed session.

    Attributes:
        group: position of its group.
        criterion: position in the group.
        points: what was earned; None when the criterion was skipped.
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
        """What could be earned; None when the criterion was skipped."""
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

    def result(self) -> dict[str, object]:
        """The session as the list shows it.

        Nothing says how a value that does not exist yet comes, so both ways occur: a session that
        has not started has nulls, and one in progress lacks the members.
        """
        shown: dict[str, object] = {
            "checklistId": self.checklist_id,
            "checklistTitle": self.checklist_title,
            "sessionId": self.session_id,
            "sessionStatus": self.status,
            "startDate": write_day_first(self.planned),
            "actualStartDate": write_day_first(self.started),
            "completionDate": write_day_first(self.completed),
            **score(self.grades),
            **self.people(),
        }
        if self.status == "IN_PROGRESS":
            return {name: value for name, value in shown.items() if value is not None}
        return shown

    def people(self) -> dict[str, object]:
        """Who was observed, and by whom."""
        return {"employeeId": self.employee_id, "observerId": self.observer_id}


def score(grades: Iterable[Graded]) -> dict[str, object]:
    """The sum of grades, in points and in percent; nulls when nothing was graded."""
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
    """Everything that iSpring Learn remembers.

    Attributes:
        client_id: client ID of the one API key.
        client_secret: its secret.
        account_url: address of the account.
        sessions: the training sessions.
    """

    def __init__(self, seed: int, *, token_lifetime: float) -> None:
        self._mint = Mint(seed, "training")
        self.client_id = self._mint.uuid("client")
        self.client_secret = self._mint.secret("client")
        self.account_url = "https://sandbox-account.ispringlearn.com"
        self.sessions = list(_sessions(self._mint))
        self.token_lifetime = token_lifetime
        self._lock = threading.Lock()
        self._issued = 0
        # By token: when it expires, by a clock that nobody sets.
        self._tokens: dict[str, float] = {}

    def group_id(self, checklist_id: str, group: int) -> str:
        """The ID of a group of criteria, of which each checklist has its own."""
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
        """Number of tokens that were handed out."""
        return self._issued

    def issue_token(self) -> str:
        """Make a token."""
        with self._lock:
            token = self._mint.secret("access", self._issued)
            self._issued += 1
            self._tokens[token] = time.monotonic() + self.token_lifetime
            return token

    def revoke_tokens(self) -> None:
        """Make all tokens invalid that were handed out."""
        with self._lock:
            self._tokens.clear()

    def authenticate(self, headers: Mapping[str, str]) -> None:
        """Check the Bearer token of a request, and the account if one is named.

        Raises:
            Problem: if the token is missing, wrong or expired, or the account another one.
        """
        scheme, _, token = headers.get("authorization", "").partition(" ")
        with self._lock:
            expires = self._tokens.get(token.strip(), 0.0)
        if scheme.lower() != "bearer" or time.monotonic() >= expires:
            raise Problem(401, "401", "The access token is missing, invalid or expired.")
        if headers.get("x-auth-account-url", self.account_url) != self.account_url:
            raise Problem(403, "403", "The token belongs to another account.")


@OPERATIONS.register("createAccessToken")
def create_access_token(state: TrainingState, call: Call) -> object:
    """Exchange the client's credentials for a token."""
    sent = (call.body["client_id"], call.body["client_secret"])
    if sent != (state.client_id, state.client_secret):
        raise Problem(401, "401", "The client ID or the client secret is wrong.")
    return {
        "access_token": state.issue_token(),
        "expires_in": int(state.token_lifetime),
        "token_type": "bearer",
    }


@OPERATIONS.register("listSessionResults")
def list_session_results(state: TrainingState, call: Call) -> object:
    """All sessions that every given filter lets through."""
    status = call.body.get("sessionStatus")
    return [session.result() for session in _narrowed(state, call.body) if status is None or session.status == status]


@OPERATIONS.register("listChecklistSessions")
def list_checklist_sessions(state: TrainingState, call: Call) -> object:
    """All checklists that every given filter lets through, with the sessions that it lets through."""
    wanted = call.body.get("checklistIds")
    sessions = _narrowed(state, {"sessionIds": call.body["sessionIds"]} if "sessionIds" in call.body else {})
    by_checklist: dict[tuple[str, str, str], list[str]] = {}
    for session in sessions:
        by_checklist.setdefault((session.checklist_id, session.checklist_title, "PUBLISHED"), []).append(
            session.session_id
        )
    if "sessionIds" not in call.body:
        by_checklist[state.hidden_checklist_id, _HIDDEN, "HIDDEN"] = []
    return [
        {"checklistId": checklist, "checklistTitle": title, "checklistStatus": status, "sessionIds": ids}
        for (checklist, title, status), ids in by_checklist.items()
        if wanted is None or checklist in wanted
    ]


@OPERATIONS.register("listCriterionGroupResults")
def list_criterion_group_results(state: TrainingState, call: Call) -> object:
    """The results of completed sessions by group of criteria."""
    groups = call.body.get("groupIds")
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
    """The results of completed sessions by criterion."""
    groups, criteria = call.body.get("groupIds"), call.body.get("criterionIds")
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
    wanted = body.get("checklistId")
    checklists = [wanted] if isinstance(wanted, str) else wanted
    ids = body.get("sessionIds")
    return [
        session
        for session in state.sessions
        if (checklists is None or session.checklist_id in checklists) and (ids is None or session.session_id in ids)
    ]


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
            # One in eight is skipped, and nobody earns less than about half.
            points = None if chance % 8 == 0 else most - (chance >> 8) % (most // 2 + 1)
            yield Graded(group, criterion, points)
