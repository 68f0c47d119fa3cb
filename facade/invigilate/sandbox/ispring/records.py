"""The records of iSpring Learn: what the sandbox keeps of users, departments, groups, content and enrollments."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Json = dict[str, Any]

ACTIVE, BLOCKED, TERMINATED = 1, 3, 5
"""Statuses of a user."""
LEARNER = "learner"
MANAGING = frozenset({"department_administrator", "publisher", "custom"})
"""Roles that manage departments."""
SUCCESSFUL = frozenset({"complete", "passed", "accepted"})
UNSUCCESSFUL = frozenset({"failed", "declined"})
NOT_STARTED, IN_PROGRESS = "not_started", "in_progress"
COURSE = "Course"


@dataclass(slots=True)
class Role:
    """A role that users can have."""

    id: str
    type: str
    title: str
    description: str


@dataclass(slots=True)
class Department:
    """A department; the root has no parent."""

    id: str
    name: str
    parent: str | None
    code: str | None = None
    subordination: Json | None = None
    co_subordination: Json | None = None


@dataclass(slots=True)
class Group:
    """A group; a smart one has rules, which are kept and not evaluated."""

    id: str
    name: str
    rules: Json | None = None


@dataclass(slots=True)
class User:
    """A user.

    Attributes:
        fields: profile values by upper-case name.
        roles: each role with the departments that it manages.
        scheduled: the days of scheduled changes, by the status that they lead to.
    """

    id: str
    department: str
    fields: dict[str, str]
    roles: tuple[tuple[Role, tuple[str, ...]], ...]
    added: str
    last_login: str
    status: int = ACTIVE
    groups: tuple[str, ...] = ()
    subordination: Json | None = None
    co_subordination: Json | None = None
    leave: Json | None = None
    points: float = 0
    scheduled: dict[int, str] | None = None


@dataclass(slots=True)
class Content:
    """A course, or material."""

    id: str
    title: str
    type: str
    author: str
    added: datetime


@dataclass(slots=True)
class Module:
    """A module of a course: material, or a training, which is not a content item."""

    id: str
    course: str
    item: str
    title: str
    number: int
    added: datetime
    is_training: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a learner is in a course or a module."""

    status: str = NOT_STARTED
    completed: datetime | None = None
    score: float | None = None
    percent: float = 0


@dataclass(slots=True)
class Enrollment:
    """A learner in a course.

    Attributes:
        modules: progress by module.
        set: the status that was set for the whole course; None when it follows from the modules.
        certificate: ID of the certificate, issued when the course is completed successfully.
    """

    id: str
    course: str
    learner: str
    access: datetime
    due: datetime | None = None
    locks: bool = False
    modules: dict[str, Progress] = field(default_factory=dict[str, Progress])
    set: Progress | None = None
    certificate: tuple[str, datetime] | None = None

    def progress(self, modules: int) -> Progress:
        """The progress in a course of so many modules."""
        if self.set is not None:
            return self.set
        states = [each for each in self.modules.values() if each.status != NOT_STARTED]
        if not states:
            return Progress()
        successful = sum(each.status in SUCCESSFUL for each in states)
        percent = round(100 * successful / max(modules, 1), 2)
        statuses = {each.status for each in states}
        finished = statuses <= SUCCESSFUL | UNSUCCESSFUL
        if len(states) < modules or not finished:
            return Progress(IN_PROGRESS, None, None, percent)
        scores = [each.score for each in states if each.score is not None]
        last = max((each.completed for each in states if each.completed is not None), default=None)
        status = "failed" if statuses & UNSUCCESSFUL else "passed" if "passed" in statuses else "complete"
        return Progress(status, last, round(sum(scores) / len(scores), 2) if scores else None, percent)
