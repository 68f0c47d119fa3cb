"""Brings an account in line with the HR system, and never sends a change blindly a second time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from invigilate import APIError, OutcomeUnknownError
from ispring_learn_client.models import UserV2

from .changes import (
    ActivateUsers,
    Change,
    CreateDepartment,
    CreateUser,
    DeactivateUsers,
    Enroll,
    UpdateUser,
)
from .directory import ACTIVE, LEARNER, Directory, Missing, login_of
from .people import Person, SyncError

BATCH = 100
"""Users in one request."""
PAUSES = (1.0, 5.0, 30.0)
"""Seconds to wait before each look for a change whose response was lost; how late it may appear is not documented."""


@dataclass(frozen=True)
class Result:
    """What became of a change. An `open` one may have been applied, or may be yet: look before the next run."""

    change: Change
    state: Literal["done", "open", "failed", "waiting"]
    why: str = ""


def plan(directory: Directory, people: Mapping[str, Person]) -> list[Change]:
    """Compare the account with the HR system.

    Args:
        directory: the account, as it was just read.
        people: everybody in the HR system, by login in lower case.

    Returns:
        The changes, in the order in which they build on each other.
    """
    leaving = [login_of(user) for key, user in directory.users.items() if key not in people and _left(directory, user)]
    # First, since the number of active users may be limited.
    changes: list[Change] = [DeactivateUsers(batch) for batch in _batches(leaving)]
    changes += [CreateDepartment(path) for path in _missing(directory, people.values())]
    returning: list[str] = []
    for login, person in people.items():
        user = directory.users.get(login)
        if user is None:
            changes.append(CreateUser(person))
        elif not directory.matches(user, person):
            changes.append(UpdateUser(person))
        if user is not None and user.status != ACTIVE:
            returning.append(login_of(user))
    changes += [ActivateUsers(batch) for batch in _batches(returning)]
    for course in courses_of(people.values()):
        logins = [person.login for person in people.values() if course in person.courses]
        new = [login for login in logins if not _is_enrolled(directory, course, login)]
        changes += [Enroll(course, batch) for batch in _batches(new)]
    return changes


def check_leaving(changes: Iterable[Change], most: int) -> None:
    """Check how many users would be deactivated.

    Raises:
        SyncError: if they are more than `most`: the file may be incomplete.
    """
    leaving = sum(len(change.logins) for change in changes if isinstance(change, DeactivateUsers))
    if leaving > most:
        raise SyncError(f"{leaving} users are not in the file, and at most {most} may be deactivated (--most-leaving)")


def run(
    directory: Directory, changes: Iterable[Change], wait: Callable[[float], object] = time.sleep
) -> Iterator[Result]:
    """Apply the changes one after the other; one that fails does not keep the others from being applied."""
    for change in changes:
        try:
            change.apply(directory)
        except OutcomeUnknownError as error:
            yield _look(directory, change, error, wait)
        except APIError as error:
            yield Result(change, "failed", str(error))
        except Missing as error:
            yield Result(change, "waiting", str(error))
        else:
            yield Result(change, "done")


def courses_of(people: Iterable[Person]) -> list[str]:
    """The IDs of all courses."""
    return list(dict.fromkeys(course for person in people for course in person.courses))


def _look(directory: Directory, change: Change, error: Exception, wait: Callable[[float], object]) -> Result:
    """Read the account until it shows the change, or the pauses are over. The change is not sent a second time."""
    for pause in PAUSES:
        wait(pause)
        try:
            if change.is_visible(directory):
                return Result(change, "done", "the response was lost, and the account shows the change")
        except APIError as failure:
            error = failure
    return Result(change, "open", str(error))


def _left(directory: Directory, user: UserV2) -> bool:
    """Whether the HR system would have the user: an active learner below the top, without another role."""
    roles = {user.role, *(role.role_type or LEARNER for role in user.user_roles)}
    return user.status == ACTIVE and roles == {LEARNER} and user.department_id in directory.departments.values()


def _missing(directory: Directory, people: Iterable[Person]) -> list[tuple[str, ...]]:
    """The departments that do not exist, each after the one that it belongs to."""
    paths = (person.department[:length] for person in people for length in range(1, len(person.department) + 1))
    return [path for path in dict.fromkeys(paths) if path not in directory.departments]


def _is_enrolled(directory: Directory, course: str, login: str) -> bool:
    user = directory.users.get(login.casefold())
    return user is not None and (course, user.user_id) in directory.enrolled


def _batches(logins: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for start in range(0, len(logins), BATCH):
        yield tuple(logins[start : start + BATCH])
