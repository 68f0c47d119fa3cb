"""What comes before an operation of SmarterProctoring that is called with its example, in the sandbox."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from invigilate.sandbox import Sandbox
from tests.support.documented import Documented

BOOKED = frozenset({"rescheduleExamSession", "cancelExamSession", "getOnboardingUrl"})
"""These need a session that is booked."""
_KEPT = {"offset", "limit", "sortKeys", "sortOrder", "status", "includeActive"}


def _known(sandbox: Sandbox) -> dict[str, Any]:
    """What the sandbox knows, by the documented name of a parameter or member."""
    return {
        "installSid": sandbox.install_sid,
        "examSid": sandbox.exam_sid,
        "sessionSid": sandbox.session_sid,
        "offeringSid": sandbox.offering_sid,
        "courseSid": sandbox.course_sid,
        "sectionSid": sandbox.section_sid,
        "userSid": sandbox.user_sid,
        "enrollmentSid": sandbox.enrollment_sid,
        "examConfigurationSid": sandbox.exam_configuration_sid,
        "refConfigSid": sandbox.exam_configuration_sid,
        "timeZoneSid": sandbox.time_zone_sid,
        "integrationSid": sandbox.integration_sid,
        "X-Auth-Account-Url": sandbox.account_url,
        "checklistId": sandbox.checklist_id,
        "checklistIds": sandbox.checklist_id,
        "sessionIds": sandbox.training_session_ids[:3],
        "groupIds": sandbox.criterion_group_ids,
        "criterionIds": sandbox.criterion_ids,
        # These lists are of enrollments; where they are objects, it is their members that are known.
        "added": sandbox.enrollment_sid,
        "removed": sandbox.enrollment_sid,
        "client_id": sandbox.client_id,
        "client_secret": sandbox.client_secret,
    }


def at_home(operation: Documented, sandbox: Sandbox) -> Documented:
    """An operation with identifiers that the sandbox knows."""
    values = _known(sandbox)
    body = operation.body
    if operation.media:
        body = _with_known(body, values)
    # Filters of the example would leave nothing of the report.
    kept = (each for each in operation.parameters if each.place != "query" or each.name in _KEPT)
    parameters = tuple(replace(each, value=values.get(each.name, each.value)) for each in kept)
    return replace(operation, body=body, parameters=parameters)


def _with_known(body: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """A body with known identifiers at every depth, in arrays where the example has arrays."""
    found: dict[str, Any] = {}
    for name, value in body.items():
        if isinstance(value, dict):
            found[name] = _with_known(cast("dict[str, Any]", value), values)
        elif isinstance(value, list) and name in values:
            found[name] = values[name] if isinstance(values[name], list) else [values[name]]
        else:
            found[name] = values.get(name, value)
    return found


def book(client: Any, sandbox: Sandbox) -> Any:
    """Book the known session, which is then there to be moved."""
    return client.exam_sessions.schedule(
        exam_sid=sandbox.exam_sid, session_sid=sandbox.session_sid, appointment_date_time="2030-01-01T10:00:00Z"
    )


def provisioning(sandbox: Sandbox) -> dict[str, Any]:
    """A course, a user, an enrollment and an exam of limited scope, to be created together."""
    return {
        "course": {"ids": {"api": "course-1"}, "title": "Human Anatomy", "code": "BIO-110"},
        "user": {"ids": {"lms": "user-1"}, "firstName": "Ada", "lastName": "Example", "email": "ada@example.com"},
        "enrollment": {"role": "learner"},
        "exam": {
            "ids": {"external": "exam-1"},
            "title": "Midterm Exam",
            "limitedScope": True,
            "configuration": {
                "ids": {"api": "configuration-1"},
                "url": "https://exam.example.com/start",
                "access": {"open": "2030-01-01T00:00:00.000Z", "close": "2030-12-31T00:00:00.000Z"},
                "duration": 90,
                "password": "example-password",
                "proctorTypes": {"TS" + "0" * 32: {"options": {"recordWebcam": {}}}},
            },
        },
        "signon": {"integrationSid": sandbox.integration_sid},
    }
