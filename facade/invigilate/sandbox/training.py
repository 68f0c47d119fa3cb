"""iSpring Learn: its state, who may call, and one function per operation."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
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
class TrainingSession:
    """One on-the-job-training session."""

    checklist_id: str
    checklist_title: str
    session_id: str
    status: str
    planned: datetime
    started: datetime | None
    completed: datetime | None
    points: int | None
    total_points: int | None
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
            "result": self._percent(),
            "totalPoints": self.total_points,
            "points": self.points,
            "employeeId": self.employee_id,
            "observerId": self.observer_id,
        }
        if self.status == "IN_PROGRESS":
            return {name: value for name, value in shown.items() if value is not None}
        return shown

    def _percent(self) -> float | None:
        if self.points is None or not self.total_points:
            return None
        percent = round(100 * self.points / self.total_points, 1)
        return int(percent) if percent.is_integer() else percent


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
    body: dict[str, Any] = call.body
    wanted = body.get("checklistId")
    checklists = [wanted] if isinstance(wanted, str) else wanted
    ids, status = body.get("sessionIds"), body.get("sessionStatus")
    return [
        session.result()
        for session in state.sessions
        if (checklists is None or session.checklist_id in checklists)
        and (ids is None or session.session_id in ids)
        and (status is None or session.status == status)
    ]


def _sessions(mint: Mint) -> Iterator[TrainingSession]:
    for index in range(SESSIONS):
        chance = mint.number("session/chance", index)
        checklist = index % len(_CHECKLISTS)
        status = _STATUSES[index // len(_CHECKLISTS) % len(_STATUSES)]
        planned = _FIRST_DAY + timedelta(days=index * 3, minutes=15 * (chance % 30))
        late = timedelta(minutes=chance >> 8 & 31, seconds=chance >> 16 & 63)
        started = None if status == "NOT_STARTED" else planned + late
        completed = points = total = None
        if started is not None and status == "PASSED":
            completed = started + timedelta(minutes=20 + (chance >> 24 & 63))
            total = 20 + (chance >> 32 & 15)
            points = total * (60 + (chance >> 40) % 41) // 100
        yield TrainingSession(
            checklist_id=mint.uuid("checklist", checklist),
            checklist_title=_CHECKLISTS[checklist],
            session_id=mint.uuid("session", index),
            status=status,
            planned=planned,
            started=started,
            completed=completed,
            points=points,
            total_points=total,
            employee_id=mint.uuid("employee", index % 15),
            observer_id=mint.uuid("observer", index % 4),
        )
