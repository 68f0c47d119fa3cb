"""The changes: each can be applied, and looked for afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from .directory import ACTIVE, Directory, Missing, Path
from .people import Person


class Change(Protocol):
    """One request that changes the account."""

    def apply(self, directory: Directory) -> None:
        """Send the request."""

    def is_visible(self, directory: Directory) -> bool:
        """Read the account, and return whether it shows the change."""


@dataclass(frozen=True)
class CreateDepartment:
    """Create a department. A second one of the same name would be possible, so that it is never created blindly."""

    path: Path

    def __str__(self) -> str:
        return f"create department {'/'.join(self.path)}"

    def apply(self, directory: Directory) -> None:
        parent = directory.department(self.path[:-1])
        created = directory.client.departments.create(name=self.path[-1], parent_department_id=parent)
        directory.departments[self.path] = created

    def is_visible(self, directory: Directory) -> bool:
        directory.read_departments()
        return self.path in directory.departments


@dataclass(frozen=True)
class CreateUser:
    """Create a user, without an invitation."""

    person: Person

    def __str__(self) -> str:
        return f"create user {self.person.login} in {'/'.join(self.person.department)}"

    def apply(self, directory: Directory) -> None:
        department = directory.department(self.person.department)
        directory.client.users.create(
            department_id=department, fields={name: value for name, value in self.person.fields.items() if value}
        )
        directory.read_user(self.person.login)

    def is_visible(self, directory: Directory) -> bool:
        return directory.read_user(self.person.login) is not None


@dataclass(frozen=True)
class UpdateUser:
    """Set profile and department to those of the HR system."""

    person: Person

    def __str__(self) -> str:
        return f"update user {self.person.login} in {'/'.join(self.person.department)}"

    def apply(self, directory: Directory) -> None:
        user_id = directory.user(self.person.login).user_id
        department = directory.department(self.person.department)
        directory.client.users.update(user_id=user_id, department_id=department, fields=self.person.fields)

    def is_visible(self, directory: Directory) -> bool:
        user = directory.read_user(self.person.login)
        return user is not None and directory.matches(user, self.person)


@dataclass(frozen=True)
class ActivateUsers:
    """Activate users who came back."""

    logins: tuple[str, ...]

    def __str__(self) -> str:
        return f"activate {', '.join(self.logins)}"

    def apply(self, directory: Directory) -> None:
        directory.client.users.activate(user_ids=[directory.user(login).user_id for login in self.logins])

    def is_visible(self, directory: Directory) -> bool:
        found = [directory.read_user(login) for login in self.logins]
        return all(user is not None and user.status == ACTIVE for user in found)


@dataclass(frozen=True)
class DeactivateUsers:
    """Deactivate users who left. It is idempotent, so that the client retries it by itself."""

    logins: tuple[str, ...]

    def __str__(self) -> str:
        return f"deactivate {', '.join(self.logins)}"

    def apply(self, directory: Directory) -> None:
        directory.client.users.deactivate(user_ids=[directory.user(login).user_id for login in self.logins])

    def is_visible(self, directory: Directory) -> bool:
        found = [directory.read_user(login) for login in self.logins]
        return all(user is not None and user.status != ACTIVE for user in found)


@dataclass(frozen=True)
class Enroll:
    """Enroll users in a course. The response has no IDs, and a second request may enroll twice."""

    course: str
    logins: tuple[str, ...]

    def __str__(self) -> str:
        return f"enroll {', '.join(self.logins)} in {self.course}"

    def apply(self, directory: Directory) -> None:
        learners = self._learners(directory)
        directory.client.enrollments.create(course_ids=[self.course], learner_ids=learners, due_date_type="unlimited")

    def is_visible(self, directory: Directory) -> bool:
        directory.read_enrollments(self.course)
        return all((self.course, learner) in directory.enrolled for learner in self._learners(directory))

    def _learners(self, directory: Directory) -> list[str]:
        # Somebody whose account could not be created is enrolled by the next run.
        found = [
            directory.users[login.casefold()].user_id for login in self.logins if login.casefold() in directory.users
        ]
        if not found:
            raise Missing("none of these users exists yet")
        return found
