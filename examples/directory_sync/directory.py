"""What the account has: departments below one of them, users and enrollments."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from invigilate import ISpringLearn
from ispring_learn_client.models import UserV2

from .people import FIELDS, Person, SyncError

ACTIVE = 1
LEARNER = "learner"

Path = tuple[str, ...]
"""A department: the names that lead to it from the top."""


class Missing(Exception):
    """What a change builds on does not exist yet."""


class Directory:
    """The account as it was read last.

    Args:
        client: the client.
        top: the department below which everybody is in the HR system.

    Attributes:
        departments: IDs by path; the path of `top` is empty.
        users: users by login in lower case, those of other departments, too.
        enrolled: IDs of courses and users.
    """

    def __init__(self, client: ISpringLearn, top: str) -> None:
        # A request that was refused with 429 was not executed, so that retrying it changes nothing twice.
        self.client = client.with_options(retry_refused=True)
        self.top = top
        self.departments: dict[Path, str] = {}
        self.users: dict[str, UserV2] = {}
        self.enrolled: set[tuple[str, str]] = set()

    def read(self, courses: Iterable[str]) -> None:
        """Read everything, of enrollments those in some courses.

        Raises:
            SyncError: if `top` does not exist, or two departments have the same path.
        """
        self.read_departments()
        self.users = {login_of(user).casefold(): user for user in self.client.users.list().prefetch(1)}
        self.enrolled.clear()
        for course in courses:
            self.read_enrollments(course)

    def read_departments(self) -> None:
        """Read the tree of departments."""
        below: dict[str, list[tuple[str, str]]] = defaultdict(list)
        known: set[str] = set()
        for each in self.client.departments.list():
            known.add(each.department_id)
            below[each.parent_department_id or ""].append((each.name, each.department_id))
        if self.top not in known:
            raise SyncError(f"there is no department {self.top}")
        found: dict[Path, str] = {(): self.top}
        waiting: list[Path] = [()]
        for path in waiting:
            for name, department in below[found[path]]:
                child = (*path, name)
                if child in found:
                    raise SyncError(f"there are two departments {'/'.join(child)}: rename one")
                found[child] = department
                waiting.append(child)
        self.departments = found

    def read_enrollments(self, course: str) -> None:
        """Read who is enrolled in a course."""
        for each in self.client.enrollments.list(course_ids=[course]).prefetch(1):
            self.enrolled.add((each.course_id, each.learner_id))

    def read_user(self, login: str) -> UserV2 | None:
        """Read one user again."""
        for user in self.client.users.list(logins=[login]):
            self.users[login_of(user).casefold()] = user
        return self.users.get(login.casefold())

    def department(self, path: Path) -> str:
        """The ID of a department.

        Raises:
            Missing: if it does not exist yet.
        """
        if path not in self.departments:
            raise Missing(f"there is no department {'/'.join(path)} yet")
        return self.departments[path]

    def user(self, login: str) -> UserV2:
        """A user.

        Raises:
            Missing: if the user does not exist yet.
        """
        if login.casefold() not in self.users:
            raise Missing(f"there is no user {login} yet")
        return self.users[login.casefold()]

    def matches(self, user: UserV2, person: Person) -> bool:
        """Whether profile and department of a user are those of the HR system."""
        profile = _profile(user)
        same = all(profile.get(name, "") == person.fields[name] for name in FIELDS if name != "login")
        return same and user.department_id == self.departments.get(person.department)


def _profile(user: UserV2) -> dict[str, str]:
    """The profile by field; names come in upper case, or in lower case, which is undocumented."""
    return {each.name.lower(): each.value for each in user.fields}


def login_of(user: UserV2) -> str:
    """The login, or the ID of a user without one."""
    return _profile(user).get("login") or user.user_id
