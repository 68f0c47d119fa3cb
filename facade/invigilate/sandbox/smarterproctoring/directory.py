"""Operations on users, settings and exam configurations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from invigilate.sandbox.inventions import infer
from invigilate.sandbox.json_values import plain
from invigilate.sandbox.problems import conflict, invalid, missing
from invigilate.sandbox.times import write
from invigilate.sandbox.validation import Call

from .catalog import Exam, User
from .configurations import Configuration, from_update
from .installs import Install
from .state import OPERATIONS, ProctoringState, successful

TIME_ZONE = "America/Chicago"
# Fields of the profile that requests can set; a password is accepted and never shown.
_FACTS = (
    "preferredEmail", "homePhone", "mobilePhone", "currencyCode", "timeZoneSid", "latitude", "longitude", "username",
    "enabled", "sisId",
)  # fmt: skip


@OPERATIONS.register("createUser")
def create_user(state: ProctoringState, call: Call) -> object:
    """Create a user."""
    install = state.find_install(call)
    body: dict[str, Any] = call.body
    with install.lock:
        _refuse_taken(install, body, None)
        facts = _facts(body)
        user = install.catalog.add_user(body["firstName"], body["lastName"], body["email"], state.clock())
        user.facts.update(facts)
        # `exernalId` is how the request spells it.
        for name, system in (("lmsId", "lms"), ("exernalId", "external")):
            if name in body:
                user.ids[system] = body[name]
        return profile(install, user)


@OPERATIONS.register("updateAdminUser")
def update_admin_user(state: ProctoringState, call: Call) -> object:
    """Update a user."""
    install = state.find_install(call)
    body: dict[str, Any] = call.body
    with install.lock:
        user = _user(install, call)
        _refuse_taken(install, body, user)
        if install.behaviour.flips("partial-update"):
            user.facts.clear()
        user.facts.update(_facts(body))
        user.first_name = body.get("firstName", user.first_name)
        user.last_name = body.get("lastName", user.last_name)
        user.email = body.get("email", user.email)
        user.edited = state.clock()
        user.summarize()
    return successful(install)


@OPERATIONS.register("getUserProfile")
def get_user_profile(state: ProctoringState, call: Call) -> object:
    """Return the profile of a user."""
    install = state.find_install(call)
    with install.lock:
        return profile(install, _user(install, call))


def profile(install: Install, user: User) -> dict[str, object]:
    """A user with the 31 documented fields."""
    infer("user-fields")
    facts = user.facts
    username = facts.get("username")
    if username is None and not install.behaviour.flips("default-username"):
        username = user.email
    return {
        "sid": user.sid,
        "firstName": user.first_name,
        "lastName": user.last_name,
        "email": user.email,
        "preferredEmail": facts.get("preferredEmail"),
        "username": username,
        "smarterIdEnrollmentSid": None,
        "mobilePhone": facts.get("mobilePhone"),
        "homePhone": facts.get("homePhone"),
        "address": None,
        "lmsId": user.ids.get("lms"),
        "apiId": user.ids.get("api"),
        "sisId": facts.get("sisId"),
        "externalId": user.ids.get("external"),
        "latitude": facts.get("latitude"),
        "longitude": facts.get("longitude"),
        "lastEnrollmentSync": None,
        "currencyCode": facts.get("currencyCode", "USD"),
        "timeZoneSid": facts.get("timeZoneSid", install.time_zone_sid),
        "timezone": {"name": facts.get("timeZone", TIME_ZONE)},
        "maxTravelDistance": None,
        "maxTravelDistanceUnits": None,
        "createdDate": write(user.created),
        "editDate": write(user.edited),
        "freshdeskUserId": None,
        "role": "learner",
        "enabled": facts.get("enabled", True),
        "authentication": None,
        "smarterId": None,
        "course": None,
        "exam": None,
        "identity": None,
    }


def _facts(body: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return {name: plain(body[name]) for name in _FACTS if name in body}
    except ValueError as error:
        raise invalid(f"{error}.") from None


def _user(install: Install, call: Call) -> User:
    user = install.catalog.user(call.path["userSid"])
    if user is None:
        raise missing("The user")
    return user


def _refuse_taken(install: Install, body: Mapping[str, Any], but: User | None) -> None:
    email, username = body.get("email"), body.get("username")
    if install.behaviour.flips("taken-email"):
        return
    for other in install.catalog.users:
        if other is but:
            continue
        if email is not None and other.email.lower() == email.lower():
            raise conflict("The e-mail address is taken.")
        if username is not None and other.facts.get("username", other.email) == username:
            raise conflict("The username is taken.")


@OPERATIONS.register("getInstallSettings")
def get_install_settings(state: ProctoringState, call: Call) -> object:
    """Return the settings of the install."""
    infer("settings")
    install = state.find_install(call)
    founded = write(install.catalog.offerings[0].created)
    return {
        "sid": install.sid,
        "deploymentSid": install.mint.sid("AD", "deployment"),
        "applicationSid": None,
        "defaultCourseOfferingSid": install.catalog.offerings[-1].sid,
        "name": "Example University",
        "defaultCurrencyCode": "USD",
        "defaultTimezone": TIME_ZONE,
        "requireManagerProctorApproval": install.behaviour.approval != "none",
        "requireManagerExamApproval": False,
        "smarterIdEnabled": False,
        "examNotes": None,
        "enableWrittenExams": True,
        "defaultNewExamType": "Online",
        "hidePermittedItemFields": [],
        "proctorTypes": [
            {
                "sid": install.mint.sid("PT", "proctor-type", index),
                "status": "approved",
                "automaticallyApprove": True,
                "proctorTypeSubCategorySid": install.mint.sid("TS", "proctor-type", index),
                "sessionConfigurationSid": None,
                "reconnectionLockoutPeriod": None,
                "reconnectionInSessionLockoutPeriod": None,
                "maxReconnectionAttempts": 3,
                "modalityOptionPresetSid": None,
            }
            for index in range(3)
        ],
        "enabled": True,
        "createdDate": founded,
        "editDate": founded,
        "facialProcessing": None,
        "pauseForProctorReview": False,
        "allowedExtensionIds": [],
        "mandatoryRoomScanVideo": False,
        "secureSessionStatus": None,
    }


@OPERATIONS.register("getExamConfiguration")
def get_exam_configuration(state: ProctoringState, call: Call) -> object:
    """Return a configuration of an exam."""
    install = state.find_install(call)
    with install.lock:
        return _configuration(install, call).details()


@OPERATIONS.register("updateExamConfiguration")
def update_exam_configuration(state: ProctoringState, call: Call) -> object:
    """Update a configuration of an exam."""
    install = state.find_install(call)
    with install.lock:
        configuration = _configuration(install, call)
        facts = from_update(call.body)
        enrollment = facts.get("enrollmentSid")
        if enrollment is not None and enrollment not in install.catalog.enrollments:
            raise missing("The enrollment")
        configuration.change(facts)
        return configuration.details()


def _configuration(install: Install, call: Call) -> Configuration:
    exam: Exam | None = install.catalog.exam(call.path["examSid"])
    if install.catalog.course(call.path["courseSid"]) is None:
        raise missing("The course")
    if exam is None or exam.course.sid != call.path["courseSid"]:
        raise missing("The exam")
    found = install.configurations.find(exam, sid=call.path["examConfigurationSid"])
    if found is None:
        raise missing("The exam configuration")
    return found
