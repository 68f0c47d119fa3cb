"""What the samples of the reference pass: the examples of the specs, with identifiers that the sandbox knows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Self

from .catalog import Entry, entries

# The optional arguments of calls that do not pass all examples of their body; `...` is the example. Required arguments
# are always passed, and here only if their example does not do. `$name` is an identifier of the sandbox.
_CHOSEN: dict[str, dict[str, Any]] = {
    "client.reports.service_distribution": {
        "statuses": ["Scheduled"],
        "appointment_date_after": "2026-10-01T00:00:00Z",
        "appointment_date_before": "2026-11-01T00:00:00Z",
        "sort_keys": ["appointmentDate"],
    },
    "client.exam_sessions.schedule": {
        "type_": ...,
        "appointment_date_time": "2026-12-07T09:30:00-05:00",
        "amount": 25,
        "currency": ...,
        "card_token": "tok_visa",
    },
    "client.exam_sessions.reschedule": {"appointment_date_time": "2026-12-08T15:00:00Z", "notes": ...},
    "client.exam_sessions.cancel": {"cancellation_memo": "The student is ill."},
    "client.exam_sessions.list_for_enrollment": {"include_active": True},
    "client.course_offerings.update": {
        "title": "Fall 2026",
        "match_strings": ["Fall 2026", "FA26"],
        "start_date": "2026-08-24T00:00:00Z",
        "end_date": "2026-12-18T00:00:00Z",
    },
    "client.exams.update_assignments": {"added": {"enrollmentSid": ["$enrollment_sid"]}},
    "client.exams.update_assignments_by_enrollment": {"added": ["$enrollment_sid"]},
    "client.exam_configurations.update": {
        "duration": ...,
        "permitted_calculator": ...,
        "permitted_calculator_information": ...,
    },
    "client.users.create": {"first_name": ..., "last_name": ..., "email": ...},
    "client.users.update_admin": {"email": "ada.example@example.com", "enabled": ...},
    "client.provisioning.provision": {"course": ..., "user": ..., "enrollment": ...},
    "ispring.users.find_existing": {"user_ids": ["$user_id", "11111111-1111-4111-8111-111111111111"]},
    "ispring.departments.delete": {"department_id": "66666666-6666-4666-8666-666666666666"},
    "ispring.groups.get_smart_rules": {"group_id": "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"},
    "ispring.groups.update_smart": {
        "group_id": "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa",
        "name": "Sales",
        "rules": {"and": [{"or": [{"rule": {"attributeType": 1, "operator": 2, "value": "$department_id"}}]}]},
    },
    "ispring.content.create": {
        "content_type": "Course",
        "folder_id": "88888888-8888-4888-8888-888888888888",
        "title": "Floor sales",
    },
    "ispring.training_sessions.update_attendance": {
        "participants_attendance": [{"participantId": "$user_id", "isAttended": True, "duration": 7200}]
    },
    "ispring.users.list": {"departments": ["$department_id"], "page_size": 100},
    "ispring.users.list_v1": {"departments": ["$department_id"], "page_size": 100},
    "ispring.enrollments.list": {"course_ids": ["$course_id"]},
    "ispring.enrollments.list_all": {"course_ids": ["$course_id"]},
    "ispring.enrollments.search": {"course_ids": ["$course_id"], "page_size": 100},
    "ispring.content.list": {"content_types": ["Course"]},
    "ispring.content.list_all": {"content_types": ["Course"]},
    "ispring.results.list": {"course_ids": ["$course_id"]},
    "ispring.results.list_modules": {"course_ids": ["$course_id"]},
    "ispring.job_training.list_session_results": {"checklist_id": ...},
    "ispring.job_training.list_checklist_sessions": {"checklist_ids": ...},
    "ispring.job_training.list_criterion_group_results": {"checklist_id": ...},
    "ispring.job_training.list_criterion_results": {"checklist_id": ...},
}
# The same for a call that only prepares the one of the page.
_PREPARING = {"client.exam_sessions.schedule": {"appointment_date_time": "2026-12-07T14:30:00Z"}}

_BOOKED = ("client.exam_sessions.schedule",)
_REGISTERED = ("ispring.webhooks.register",)
_BEFORE: dict[str, tuple[str, ...]] = {
    "client.exam_sessions.reschedule": _BOOKED,
    "client.exam_sessions.cancel": _BOOKED,
    "client.exam_sessions.onboarding_url": _BOOKED,
    "ispring.webhooks.send_code": _REGISTERED,
    "ispring.webhooks.confirm": (*_REGISTERED, "ispring.webhooks.send_code"),
    "ispring.webhooks.subscribe": _REGISTERED,
    "ispring.webhooks.unsubscribe": (*_REGISTERED, "ispring.webhooks.subscribe"),
    "ispring.webhooks.list_subscriptions": _REGISTERED,
    "ispring.webhooks.get_subscriber": _REGISTERED,
    "ispring.webhooks.update_settings": _REGISTERED,
    "ispring.webhooks.enable": _REGISTERED,
    "ispring.webhooks.disable": _REGISTERED,
    "ispring.webhooks.remove": _REGISTERED,
    "ispring.statistics.get_task_status": ("ispring.statistics.update_module_statuses",),
}


class Setting(str):
    """A value that a sample reads from the environment.

    Attributes:
        variable: the name of the environment variable.
    """

    variable: str

    def __new__(cls, value: str, variable: str) -> Self:
        """Create it from the value that it has while the sample runs."""
        self = super().__new__(cls, value)
        self.variable = variable
        return self

    def __repr__(self) -> str:
        return f'os.environ["{self.variable}"]'


def steps(entry: Entry, known: Mapping[str, str], environment: Mapping[str, str]) -> list[tuple[Entry, dict[str, Any]]]:
    """The calls of a sample, with their arguments by Python name; all but the last one prepare it.

    Args:
        entry: the operation.
        known: the identifiers of the sandbox.
        environment: its environment variables; what a client reads from there is passed as such.
    """
    by_call = {each.call: each for each in entries()}
    earlier = [by_call[call] for call in _BEFORE.get(entry.call, ())]
    return [
        *((each, _arguments(each, {**_CHOSEN, **_PREPARING}, known, environment)) for each in earlier),
        (entry, _arguments(entry, _CHOSEN, known, environment)),
    ]


def _arguments(
    entry: Entry, chosen: Mapping[str, dict[str, Any]], known: Mapping[str, str], environment: Mapping[str, str]
) -> dict[str, Any]:
    variables = {name: text for name, text in entry.api.variables.items() if text in environment}
    wanted = chosen.get(entry.call)
    found: dict[str, Any] = {}
    for field in entry.operation.fields:
        if field.client_default is not None:
            continue
        example = _example(entry, field.location, field.wire_name)
        passed = field.location == "body" and example is not None if wanted is None else field.name in wanted
        if field.name in variables and not entry.operation.secured:
            found[field.name] = Setting(environment[variables[field.name]], variables[field.name])
        elif wanted is not None and wanted.get(field.name, ...) is not ...:
            found[field.name] = _known(wanted[field.name], known)
        elif passed or field.required:
            # The groups of competencies are others.
            here = {} if entry.resource.name == "ispring.performance" else known
            found[field.name] = _familiar(field.wire_name, example, here)
    return found


def _known(value: Any, known: Mapping[str, str]) -> Any:
    """Replace `$name` by the identifier."""
    if isinstance(value, dict):
        return {key: _known(each, known) for key, each in value.items()}
    if isinstance(value, list):
        return [_known(each, known) for each in value]
    return known[value[1:]] if isinstance(value, str) and value[:1] == "$" else value


def _familiar(name: str, value: Any, known: Mapping[str, str]) -> Any:
    """Replace an example by the sandbox's identifier of that name, if it has one."""
    if isinstance(value, dict):
        return {key: _familiar(key, each, known) for key, each in value.items()}
    snake = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.removesuffix("[]")).lower()
    identifier = known.get(_SAME.get(snake.removesuffix("s"), snake.removesuffix("s")))
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [_familiar(name, each, known) for each in value]
    if identifier is not None:
        return [identifier] if isinstance(value, list) or snake.endswith("s") else identifier
    return value


_UUID = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
"""The example of the specs for a UUID of anything."""
_SAME = {"learner_id": "user_id", "content_id": "course_id", "participant_id": "user_id"}
"""Names for what the sandbox has under another name."""


def _example(entry: Entry, location: str, name: str) -> Any:
    if location == "body":
        content = entry.resolve(entry.node["requestBody"])["content"]
        described: Any = next(iter(content.values()))
        body = described["example"] if "example" in described else next(iter(described["examples"].values()))["value"]
        return body.get(name)
    item = entry.document["paths"][entry.operation.path]
    for node in (*item.get("parameters", ()), *entry.node.get("parameters", ())):
        parameter = entry.resolve(node)
        if (parameter["in"], parameter["name"]) == (location, name):
            return _value(entry, parameter)
    return None


def _value(entry: Entry, parameter: Mapping[str, Any]) -> Any:
    schema = entry.resolve(parameter["schema"])
    for each in (parameter, schema):
        if "example" in each:
            return each["example"]
        if each.get("examples"):
            return each["examples"][0]
    if schema.get("enum"):
        return schema["enum"][0]
    if schema.get("type") == "array":
        return [_value(entry, {"schema": schema["items"]})]
    return 1 if schema.get("type") == "integer" else _UUID if schema.get("format") == "uuid" else None
