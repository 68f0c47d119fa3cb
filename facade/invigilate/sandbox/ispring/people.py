"""The operations of users and roles."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice

from invigilate.sandbox.inventions import infer
from invigilate.sandbox.problems import invalid
from invigilate.sandbox.validation import Call

from .records import ACTIVE, BLOCKED, LEARNER, MANAGING, TERMINATED, Department, Json, Role, User
from .state import Known, LearnState, day_of, operation, present, register_lists
from .webhooks import emit

_FIELDS = (
    ("LOGIN", "Login", "login", 1, 1),
    ("EMAIL", "Email", "email", 1, 0),
    ("FIRST_NAME", "First name", "first_name", 0, 0),
    ("LAST_NAME", "Last name", "last_name", 0, 0),
    ("JOB_TITLE", "Job title", "job_title", 0, 0),
    ("PHONE", "Phone", "phone", 0, 0),
    ("COUNTRY", "Country", "country", 0, 0),
    ("BIRTHDATE", "Date of birth", "birthdate", 0, 0),
    ("USER_DEFINED_FIELD1", "Hired on", "string", 0, 0),
)
_FIELD_KEYS = ("userFieldInfoId", "name", "label", "type", "isUnique", "isRequired")
_NAMES = frozenset(name for name, *_ in _FIELDS)
_UNIQUE = {"LOGIN": "login", "EMAIL": "email"}
_COUNTRIES = (("1", "Iceland"), ("2", "Portugal"))
_PAGE = 100


_FILTERS: Known = {
    "departments": ("department", "departments"),
    "groups": ("group", "groups"),
    "logins": ("login", None),
    "emails": ("email", None),
    "userIds": ("id", "users"),
}


def shown(user: User, *, version: int = 2) -> Json:
    """A user as responses have it: the first version shows ended employment as blocked."""
    infer("learner-fields")
    roles = [present({"roleId": role.id, "roleType": role.type, "manageableDepartmentIds": [*managed] or None})
             for role, managed in user.roles]  # fmt: skip
    main, managed = user.roles[0]
    return present(
        {
            "userId": user.id,
            "role": main.type,
            "roleId": main.id,
            "departmentId": user.department,
            "status": BLOCKED if version == 1 and user.status == TERMINATED else user.status,
            "fields": [{"name": name, "value": value} for name, value in user.fields.items()],
            "addedDate": user.added,
            "lastLoginDate": user.last_login,
            "manageableDepartmentIds": [*managed] or None,
            "userRoles": roles,
            "groups": [*user.groups],
            "subordination": user.subordination,
            "coSubordination": user.co_subordination,
            "workLeaveStatus": user.leave,
        }
    )


def _shown_first(user: User) -> Json:
    return shown(user, version=1)


for _suffix, _show in (("V1", _shown_first), ("", shown)):
    _page, _all = f"listUsers{_suffix}", f"listAllUsers{_suffix}"
    register_lists("users", _FILTERS, _show, rows="userProfiles", paged=[_page], whole=_all, wrapped=False)
operation("getUserV1")(lambda state, call: _shown_first(_user(state, call)))
operation("getUser")(lambda state, call: shown(_user(state, call)))
operation("findExistingUsers")(lambda state, call: [each for each in call.body["userIds"] if each in state.users])
operation("activateUsers")(lambda state, call: _set_status(state, call, ACTIVE))
operation("deactivateUsers")(lambda state, call: _set_status(state, call, BLOCKED))
operation("terminateUsers")(lambda state, call: _set_status(state, call, TERMINATED))
operation("scheduleUserDeactivation")(lambda state, call: _schedule(state, call, BLOCKED, call.body["date"]))
operation("scheduleUserTermination")(lambda state, call: _schedule(state, call, TERMINATED, call.body["date"]))
operation("cancelUserDeactivation")(lambda state, call: _schedule(state, call, BLOCKED, None))
operation("cancelUserTermination")(lambda state, call: _schedule(state, call, TERMINATED, None))
operation("updateUserSubordination")(lambda state, call: subordinate(state, call, _user(state, call)))
operation("awardPoints")(lambda state, call: _add_points(state, call, 1))
operation("withdrawPoints")(lambda state, call: _add_points(state, call, -1))
operation("listRoles")(lambda state, call: [_role(each) for each in state.roles.values()])


@operation("updateUserStatus")
def update_user_status(state: LearnState, call: Call) -> None:
    """Set the status."""
    _user(state, call).status = call.body["status"]


def _set_status(state: LearnState, call: Call, status: int) -> None:
    for user in _users(state, call.body["userIds"]):
        user.status = status


def _schedule(state: LearnState, call: Call, status: int, day: str | None) -> None:
    infer("scheduled-status")
    with state.users.changing(_user(state, call).id) as user:
        days: dict[int, str | None] = {**(user.scheduled or {}), status: day}
        user.scheduled = {each: value for each, value in days.items() if value is not None}


def _add_points(state: LearnState, call: Call, sign: int) -> None:
    infer("points")
    (user,) = _users(state, [call.body["userId"]])
    amount = float(call.body["amount"])
    if not amount > 0:
        raise invalid("amount: not above 0.")
    total = user.points + sign * amount
    user.points = int(total) if total.is_integer() else total


def _role(role: Role) -> Json:
    return {"roleId": role.id, "type": role.type, "title": role.title, "description": role.description}


@operation("searchUsers")
def search_users(state: LearnState, call: Call) -> object:
    """Return one page, by number, of the users that pass all filters."""
    body: Json = call.body
    page, size = body.get("page", 1), body.get("pageSize", _PAGE)
    if page < 1 or size < 1:
        infer("unusable-value")
        raise invalid("page and pageSize: at least 1.")
    infer("user-search")
    equal = [(each["name"].upper(), frozenset(each["values"])) for each in body.get("profileFields", ())]
    between = [(each["name"].upper(), each["from"], each["to"]) for each in body.get("profileFieldsDateRange", ())]
    unknown = {name for name, *_ in (*equal, *between)} - _NAMES
    if unknown:
        raise invalid("profileFields: unknown field.")

    def keep(user: User) -> bool:
        fields = user.fields
        return all(fields.get(name) in values for name, values in equal) and all(
            first <= fields.get(name, "") <= last for name, first, last in between
        )

    filters, start = state.filters(call, _FILTERS), (page - 1) * size
    if filters or equal or between:
        users = [user for _, user in state.users.select(filters, keep)]
        total, users = len(users), users[start : start + size]
    else:
        rows = state.users.select(after=state.users.behind(start))
        total, users = len(state.users), [user for _, user in islice(rows, size)]
    return {"pageNumber": page, "totalUsersNumber": total, "userProfiles": [*map(_shown_first, users)]}


@operation("createUser")
def create_user(state: LearnState, call: Call) -> object:
    """Create a user, and return the ID."""
    body = call.body
    state.check_known(state.departments, [body["departmentId"]], "departmentId")
    groups = body.get("groupIds", [])
    state.check_known(state.groups, groups, "groupIds")
    for flag, text in (("sendLoginEmail", "invitationMessage"), ("sendLoginSMS", "invitationSMSMessage")):
        if body.get(flag) and not body.get(text):
            raise invalid(f"{text}: missing, although {flag} is true.")
    fields = _fields(state, body["fields"], None)
    roles = _roles(state, body) or ((state.roles[LEARNER], ()),)
    day = state.clock().date().isoformat()
    user = User(state.create_id(), body["departmentId"], fields, roles, day, day, groups=tuple(dict.fromkeys(groups)))
    state.users.add(user)
    payload = {
        "userId": user.id, "departmentId": user.department, "login": fields["LOGIN"], "email": fields.get("EMAIL")
    }  # fmt: skip
    emit(state, "USER_REGISTERED", payload)
    return user.id


@operation("updateUser")
def update_user(state: LearnState, call: Call) -> None:
    """Change what was sent; groups are added."""
    body = call.body
    user = _user(state, call)
    infer("partial-change")
    department, groups = body.get("departmentId", user.department), body.get("groupIds", [])
    state.check_known(state.departments, [department], "departmentId")
    state.check_known(state.groups, groups, "groupIds")
    fields = {**user.fields, **_fields(state, body["fields"], user)} if "fields" in body else user.fields
    roles = _roles(state, body) or user.roles
    with state.users.changing(user.id):
        user.department, user.fields, user.roles = department, fields, roles
        user.groups = tuple(dict.fromkeys((*user.groups, *groups)))


@operation("deleteUser")
def delete_user(state: LearnState, call: Call) -> None:
    """Delete a user with all enrollments."""
    user = _user(state, call)
    infer("deleted-user")
    for enrollment in state.enrollments.rows(learner=(user.id,)):
        state.enrollments.remove(enrollment.id)
    state.users.remove(user.id)


@operation("updateUserPassword")
def update_user_password(state: LearnState, call: Call) -> None:
    """Accept a password; nothing shows it."""
    _user(state, call)
    if not call.body["password"]:
        infer("unusable-value")
        raise invalid("password: empty.")


def subordinate(state: LearnState, call: Call, row: User | Department) -> None:
    """Set the supervisors that were sent.

    Raises:
        Problem: a supervisor is missing, or does not exist.
    """
    for name in ("subordination", "coSubordination"):
        value = call.body.get(name)
        if value is not None and value["subordinationType"] == "manual":
            if "supervisorId" not in value:
                infer("unusable-value")
                raise invalid(f"{name}.supervisorId: missing, although the type is manual.")
            state.check_known(state.users, [value["supervisorId"]], f"{name}.supervisorId")
    row.subordination = call.body.get("subordination", row.subordination)
    row.co_subordination = call.body.get("coSubordination", row.co_subordination)


@operation("removeUserFromGroups")
def remove_user_from_groups(state: LearnState, call: Call) -> None:
    """Take a user out of groups."""
    user, groups = _user(state, call), call.body["groupIds"]
    state.check_known(state.groups, groups, "groupIds")
    with state.users.changing(user.id):
        user.groups = tuple(each for each in user.groups if each not in groups)


@operation("updateWorkLeave")
def update_work_leave(state: LearnState, call: Call) -> None:
    """Set the work leave of users; it starts today unless a day was sent."""
    leaves = call.body["workLeaveStatuses"]
    for user, leave in zip(_users(state, [each["userId"] for each in leaves]), leaves, strict=True):
        start = leave.get("startDate") or state.clock().date().isoformat()
        if leave.get("endDate", start) < start:
            raise invalid("endDate: before startDate.")
        user.leave = present({**leave, "userId": None, "startDate": start})


@operation("deleteWorkLeave")
def delete_work_leave(state: LearnState, call: Call) -> None:
    """Remove the work leave of users."""
    for user in _users(state, call.body["userIds"]):
        user.leave = None


@operation("listUserProfileFields")
def list_user_profile_fields(state: LearnState, call: Call) -> object:
    """Return the fields of a profile."""
    infer("profile-fields")
    countries = [{"name": name, "value": value} for value, name in _COUNTRIES]
    return [
        present(
            {
                **dict(zip(_FIELD_KEYS, (field[0], *field), strict=True)),
                "orderPriority": position,
                "values": countries if field[0] == "COUNTRY" else None,
            }
        )
        for position, field in enumerate(_FIELDS)
    ]


@operation("listPoints")
def list_points(state: LearnState, call: Call) -> object:
    """Return the points of users."""
    infer("points")
    return [{"userId": user.id, "points": user.points} for _, user in state.users.select(state.filters(call, _FILTERS))]


def _user(state: LearnState, call: Call) -> User:
    return state.find(state.users, call.path["userId"], "The user")


def _users(state: LearnState, ids: list[str]) -> list[User]:
    state.check_known(state.users, ids, "userIds")
    return [state.users[each] for each in ids]


def _fields(state: LearnState, values: Mapping[str, str], user: User | None) -> dict[str, str]:
    """Profile values by upper-case name.

    Raises:
        Problem: a field is unknown, or a login or an e-mail address is taken.
    """
    infer("profile-fields")
    fields = {name.upper(): value for name, value in values.items()}
    if fields.keys() - _NAMES:
        raise invalid("fields: unknown field.")
    if not fields.get("LOGIN"):
        raise invalid("fields.login: empty.")
    if fields.get("BIRTHDATE"):
        day_of(fields["BIRTHDATE"], "fields.birthdate")
    for name, index in _UNIQUE.items():
        value = fields.get(name)
        if value and state.users.has(index, value) and (user is None or user.fields.get(name) != value):
            raise state.refuse(f"fields.{index}: another user has it.")
    return fields


def _roles(state: LearnState, body: Json) -> tuple[tuple[Role, tuple[str, ...]], ...]:
    """The roles of a request, by ID or by type; none when none was sent.

    Raises:
        Problem: a role or a department does not exist, or the departments that a role manages are missing.
    """
    by_id = {role.id: role for role in state.roles.values()}
    wanted: list[Json] = body.get("roles") or []
    if not wanted and ("roleId" in body or "role" in body):
        wanted = [body]
    found: list[tuple[Role, tuple[str, ...]]] = []
    for each in wanted:
        role = by_id.get(each["roleId"]) if "roleId" in each else state.roles.get(str(each.get("role")))
        managed = each.get("manageableDepartmentIds", [])
        if role is None:
            infer("unknown-in-list")
            raise invalid("role: there is no such role.")
        state.check_known(state.departments, managed, "manageableDepartmentIds")
        if role.type in MANAGING and not managed:
            raise invalid("manageableDepartmentIds: missing for this role.")
        found.append((role, tuple(managed)))
    return tuple(found)
