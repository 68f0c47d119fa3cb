"""The operations of departments and groups."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from invigilate.sandbox.inventions import infer
from invigilate.sandbox.problems import invalid, missing
from invigilate.sandbox.store import Table
from invigilate.sandbox.validation import Call

from .people import subordinate
from .records import Department, Group, Json
from .state import LearnState, operation, present, register_lists


def _shown(department: Department) -> Json:
    infer("department-fields")
    return present(
        {
            "departmentId": department.id,
            "name": department.name,
            "parentDepartmentId": department.parent,
            "code": department.code,
            "subordination": department.subordination,
            "coSubordination": department.co_subordination,
        }
    )


register_lists(
    "departments",
    {"code": ("code", None)},
    _shown,
    rows="departments",
    paged=["listDepartments"],
    whole="listAllDepartments",
    wrapped=False,
)


operation("getDepartment")(lambda state, call: _shown(_department(state, call)))


@operation("createDepartment")
def create_department(state: LearnState, call: Call) -> object:
    """Create a department, and return the ID."""
    body = call.body
    state.check_known(state.departments, [body["parentDepartmentId"]], "parentDepartmentId")
    added = Department(state.create_id(), body["name"], body["parentDepartmentId"], body.get("code"))
    return state.departments.add(added).id


@operation("updateDepartment")
def update_department(state: LearnState, call: Call) -> None:
    """Change what was sent."""
    infer("partial-change")
    department, body = _department(state, call), call.body
    parent = body.get("parentDepartmentId", department.parent)
    if "parentDepartmentId" in body:
        state.check_known(state.departments, [parent], "parentDepartmentId")
        _check_move(state, department, parent)
    with state.departments.changing(department.id):
        department.name, department.parent = body.get("name", department.name), parent
        department.code = body.get("code", department.code)


@operation("deleteDepartment")
def delete_department(state: LearnState, call: Call) -> None:
    """Delete a department without users and sub-departments."""
    department = _department(state, call)
    used = state.users.has("department", department.id) or state.departments.has("parent", department.id)
    if department.parent is None or used:
        raise state.refuse("The department is the root, or has users or sub-departments.")
    state.departments.remove(department.id)


operation("updateDepartmentSubordination")(lambda state, call: subordinate(state, call, _department(state, call)))


@operation("moveUsersToDepartment")
def move_users_to_department(state: LearnState, call: Call) -> None:
    """Move users to a department."""
    target = call.path["departmentId"]
    if target not in state.departments:
        raise missing("The department")
    state.check_known(state.users, call.body["userIds"], "userIds")
    for user_id in call.body["userIds"]:
        with state.users.changing(user_id) as user:
            user.department = target


@operation("moveDepartments")
def move_departments(state: LearnState, call: Call) -> None:
    """Move departments, with everything below them, under another one."""
    target, moved = call.path["parentId"], call.body["departmentIds"]
    if target not in state.departments:
        raise missing("The department")
    state.check_known(state.departments, moved, "departmentIds")
    for each in moved:
        _check_move(state, state.departments[each], target)
    for each in moved:
        with state.departments.changing(each) as department:
            department.parent = target


def _department(state: LearnState, call: Call) -> Department:
    return state.find(state.departments, call.path["departmentId"], "The department")


def _check_move(state: LearnState, department: Department, parent: str) -> None:
    if department.parent is None or department.id in _upwards(state, parent):
        raise state.refuse("The root cannot be moved, and no department below itself.")


def _upwards(state: LearnState, department: str) -> Iterator[str]:
    above: str | None = department
    while above is not None:
        yield above
        above = state.departments[above].parent


def _listed(group: Group) -> Json:
    return {"groupId": group.id, "name": group.name, "isSmart": group.rules is not None}


register_lists("groups", {}, _listed, rows="groups", paged=["listGroups"], whole="listAllGroups", wrapped=False)


@operation("getGroup")
def get_group(state: LearnState, call: Call) -> object:
    """Return a group with its users."""
    group = _group(state, call)
    members = [user.id for user in state.users.rows(group=(group.id,))]
    return {**_listed(group), "usersCount": len(members), "userIds": members}


@operation("createGroup")
def create_group(state: LearnState, call: Call) -> object:
    """Create a group with users, and return the ID."""
    members = call.body.get("userIds", [])
    state.check_known(state.users, members, "userIds")
    group = state.groups.add(Group(state.create_id(), call.body["name"]))
    _set_members(state, group, members)
    return group.id


@operation("updateGroup")
def update_group(state: LearnState, call: Call) -> None:
    """Rename a group."""
    _group(state, call).name = call.body["name"]


@operation("deleteGroup")
def delete_group(state: LearnState, call: Call) -> None:
    """Delete a group; its users stay."""
    group = _group(state, call)
    _set_members(state, group, [])
    state.groups.remove(group.id)


@operation("updateGroupMembers")
def update_group_members(state: LearnState, call: Call) -> None:
    """Replace the users of a group."""
    group = _group(state, call)
    state.check_known(state.users, call.body["userIds"], "userIds")
    _set_members(state, group, call.body["userIds"])


@operation("createSmartGroup")
def create_smart_group(state: LearnState, call: Call) -> object:
    """Create a group with rules, and return the ID."""
    _check_rules(state, call.body["rules"])
    return state.groups.add(Group(state.create_id(), call.body["name"], call.body["rules"])).id


@operation("updateSmartGroup")
def update_smart_group(state: LearnState, call: Call) -> None:
    """Replace the rules of a smart group, and its name if one was sent."""
    group = _smart(state, call)
    _check_rules(state, call.body["rules"])
    group.name, group.rules = call.body.get("name", group.name), call.body["rules"]


@operation("getSmartGroupRules")
def get_smart_group_rules(state: LearnState, call: Call) -> object:
    """Return the rules of a smart group."""
    group = _smart(state, call)
    return {"smartGroupRules": {"groupId": group.id, "rules": group.rules}}


def _group(state: LearnState, call: Call) -> Group:
    return state.find(state.groups, call.path["groupId"], "The group")


def _smart(state: LearnState, call: Call) -> Group:
    infer("smart-groups")
    group = _group(state, call)
    if group.rules is None:
        raise state.refuse("The group is not a smart one.")
    return group


def _check_rules(state: LearnState, rules: Json) -> None:
    infer("smart-groups")
    tables: dict[int, Table[Any]] = {1: state.departments, 2: state.groups}
    for rule in (each["rule"] for block in rules["and"] for each in block["or"]):
        table = tables.get(rule["attributeType"])
        if table is None and not rule.get("attributeId"):
            raise invalid("rule.attributeId: missing, although a profile field is compared.")
        if table is not None:
            state.check_known(table, [rule["value"]], "rule.value")


def _set_members(state: LearnState, group: Group, members: list[str]) -> None:
    wanted = frozenset(members)
    for user in state.users.rows(group=(group.id,)):
        if user.id not in wanted:
            with state.users.changing(user.id):
                user.groups = tuple(each for each in user.groups if each != group.id)
    for user_id in members:
        if group.id not in state.users[user_id].groups:
            with state.users.changing(user_id) as user:
                user.groups = (*user.groups, group.id)
