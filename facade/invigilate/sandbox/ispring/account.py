"""The data of a new account: people, departments, groups, courses and enrollments, and as many more as are wanted."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from invigilate.sandbox.documents import Document
from invigilate.sandbox.json_values import is_object

from .records import (
    ACTIVE,
    COURSE,
    LEARNER,
    Content,
    Department,
    Enrollment,
    Group,
    Module,
    Progress,
    Role,
    User,
)

if TYPE_CHECKING:
    from .state import LearnState

_ROLES = (
    (LEARNER, "Learner", "Takes courses."),
    ("administrator", "Account administrator", "Manages the account."),
    ("department_administrator", "Department administrator", "Manages departments."),
    ("publisher", "Author", "Creates content."),
    ("custom", "Trainer", "Grades trainings."),
)
_DEPARTMENTS = ("Head Office", "Stores", "Warehouse", "Training Center")
_GROUPS = ("Newcomers", "Fire wardens")
_COURSES = ("Floor Sales", "Workplace Safety", "Data Protection")
_PEOPLE = (
    ("Olive", "Owner"), ("Ada", "Archer"), ("Ben", "Baker"), ("Cleo", "Carter"), ("Dan", "Draper"), ("Eve", "Eaton"),
    ("Finn", "Fowler"), ("Gwen", "Glover"), ("Hugo", "Hunter"), ("Iris", "Irons"), ("Jon", "Joiner"), ("Kim", "Keel"),
)  # fmt: skip
_FIRST_DAY = datetime(2026, 1, 12, 8, 30, tzinfo=UTC)
_MODULES = 3
_ROOMS = 20
"""Number of departments that added users are spread over."""
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_FIELD = re.compile(r'"(\w+)(?:\[\])?": (\[[^]{]*\]|"[^"]*")')
# Which records the IDs of the spec's examples belong to, by the field's name without brackets.
_EXAMPLES = {
    "users": {"userId", "userIds", "learnerIds", "supervisorId", "participantId"},
    "departments": {"departmentId", "departmentIds", "departments", "parentDepartmentId", "parentId"},
    "groups": {"groupId", "groupIds", "groups"},
    "courses": {"courseId", "courseIds"},
    "enrollments": {"enrollmentId", "enrollmentIds"},
    "items": {"contentItemId", "contentItemIds"},
    "codes": {"code"},
}
_UNRELATED = ("/job-training", "/performance-management")

Found = dict[str, list[str]]


def furnish(state: LearnState, document: Document) -> None:
    """Add the data of a new account, and records with the IDs of the spec's examples."""
    mint, day = state.mint, _FIRST_DAY.date().isoformat()
    for number, (type_, title, description) in enumerate(_ROLES):
        state.roles[type_] = Role(mint.uuid("role", number), type_, title, description)
    root = state.departments.add(Department(mint.uuid("department"), "Northwind Training", None))
    for number, name in enumerate(_DEPARTMENTS):
        state.departments.add(Department(mint.uuid("department", number + 1), name, root.id, f"N-{number + 1:02d}"))
    departments = list(state.departments)
    for number, name in enumerate(_GROUPS):
        state.groups.add(Group(mint.uuid("group", number), name))
    group = next(iter(state.groups)).id
    for number, (first, last) in enumerate(_PEOPLE):
        login = f"{first}.{last}".lower()
        fields = _fields(login, first, last, "Sales Associate" if number else "Manager")
        roles = ((state.roles["administrator" if number == 0 else LEARNER], ()),)
        department = departments[1 + number % len(_DEPARTMENTS)].id
        groups = (group,) if number % 3 == 1 else ()
        state.users.add(User(mint.uuid("user", number), department, fields, roles, day, day, ACTIVE, groups))
    courses = [course(state, mint.uuid("course", number), title) for number, title in enumerate(_COURSES)]
    learners = [user.id for user in state.users][1:]
    for number, learner in enumerate(learners):
        enrollment = mint.uuid("enrollment", number)
        state.enrollments.add(Enrollment(enrollment, courses[number % 2].id, learner, _FIRST_DAY))
    with state.enrollments.changing(mint.uuid("enrollment", 1)) as completed:
        completed.set = Progress("passed", _FIRST_DAY + timedelta(days=3), 92, 100)
        completed.certificate = mint.uuid("certificate"), _FIRST_DAY + timedelta(days=3)
    _add_examples(state, document, root.id)


def course(state: LearnState, course_id: str, title: str, item: str | None = None) -> Content:
    """Add a course of two materials and a training."""
    author = next(iter(state.users)).id
    added = state.contents.add(Content(course_id, title, COURSE, author, _FIRST_DAY))
    for number in range(_MODULES):
        is_training = number == _MODULES - 1
        item_id = item if number == 0 and item else state.mint.uuid(f"item/{course_id}", number)
        name = f"{title}: {'practice' if is_training else f'part {number + 1}'}"
        if not is_training and item_id not in state.contents:
            state.contents.add(Content(item_id, name, "Page", author, _FIRST_DAY))
        module_id = state.mint.uuid(f"module/{course_id}", number)
        state.modules.add(Module(module_id, course_id, item_id, name, number + 1, _FIRST_DAY, is_training))
    return added


def populate(state: LearnState, users: int) -> None:
    """Add active learners, spread over departments and each enrolled in the first course. No event is sent."""
    mint, day = state.mint, _FIRST_DAY.date().isoformat()
    root = next(iter(state.departments)).id
    rooms = [mint.uuid("room", number) for number in range(_ROOMS)]
    for number, room in enumerate(rooms):
        if room not in state.departments:
            state.departments.add(Department(room, f"Branch {number + 1}", root, f"B-{number + 1:02d}"))
    roles = ((state.roles[LEARNER], ()),)
    course_id = state.contents.rows(type=(COURSE,))[0].id
    for number in range(state.populated, state.populated + users):
        first, last = _PEOPLE[number % 12][0], _PEOPLE[number // 12 % 12][1]
        fields = _fields(f"learner{number + 1:06d}", first, last, "Sales Associate")
        user = User(mint.uuid("learner", number), rooms[number % _ROOMS], fields, roles, day, day)
        access = _FIRST_DAY + timedelta(minutes=number)
        state.users.add(user)
        state.enrollments.add(Enrollment(mint.uuid("learner/enrollment", number), course_id, user.id, access))
    state.populated += users


def _fields(login: str, first: str, last: str, title: str) -> dict[str, str]:
    email = f"{login}@example.com"
    return {"LOGIN": login, "EMAIL": email, "FIRST_NAME": first, "LAST_NAME": last, "JOB_TITLE": title}


def _add_examples(state: LearnState, document: Document, root: str) -> None:
    """Add the records that the requests of the spec's examples name, so that samples copied from it work."""
    found = _named_in(document)
    day = _FIRST_DAY.date().isoformat()
    every = {kind: list(dict.fromkeys(each for names in found for each in names[kind])) for kind in _EXAMPLES}
    for each in every["departments"]:
        state.departments.add(Department(each, f"Example {each[:4]}", root))
    for number, each in enumerate(every["groups"]):
        # The second one is smart in the examples.
        state.groups.add(Group(each, f"Example {each[:4]}", {"and": []} if number else None))
    for number, each in enumerate(every["codes"]):
        state.mint.pin("", "code", number, each)
    department = next(iter(state.departments)).id
    for number, each in enumerate(every["users"]):
        fields = _fields(f"example.{number}", "Alex", f"Example{number}", "Sales Associate")
        roles = ((state.roles[LEARNER], ()),)
        state.users.add(User(each, department, fields, roles, day, day, groups=tuple(every["groups"])))
    items = {names["courses"][0]: names["items"][0] for names in found if names["courses"] and names["items"]}
    homes = {each: names["courses"][0] for names in found if names["courses"] for each in names["enrollments"]}
    for each in every["courses"]:
        course(state, each, f"Example {each[:4]}", items.get(each))
    for each in every["enrollments"]:
        home = homes.get(each) or every["courses"][0]
        state.enrollments.add(Enrollment(each, home, every["users"][0], _FIRST_DAY))


@cache
def _named_in(document: Document) -> Sequence[Found]:
    """The IDs in the request examples of each path."""
    return [_named(document, path, item) for path, item in document.content["paths"].items()]


def _named(document: Document, path: str, item: dict[str, Any]) -> Found:
    """The IDs in the request examples of a path, by the type of record that they belong to."""
    found: Found = defaultdict(list)
    examples: list[Any] = []
    for operation in (each for each in item.values() if is_object(each) and not path.startswith(_UNRELATED)):
        for parameter in map(document.resolve, (*item.get("parameters", ()), *operation.get("parameters", ()))):
            examples.append(
                {parameter["name"]: parameter.get("example", document.resolve(parameter["schema"]).get("examples"))}
            )
        body = document.resolve(operation.get("requestBody", {}))
        examples += [media.get("example") for media in body.get("content", {}).values()]
    for name, value in _FIELD.findall(json.dumps(examples)):
        for kind, names in _EXAMPLES.items():
            if name in names:
                found[kind] += _UUID.findall(value)
    return found
