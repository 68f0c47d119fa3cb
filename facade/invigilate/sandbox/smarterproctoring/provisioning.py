"""Provisioning: one call that creates or finds a course, a user, an enrollment, an exam and a sign-on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from invigilate.sandbox.inventions import infer
from invigilate.sandbox.problems import conflict, invalid, missing
from invigilate.sandbox.validation import Call

from .catalog import Course, Enrollment, Exam, User
from .configurations import PRIMARY, Configuration, from_provision
from .installs import Install
from .state import OPERATIONS, ProctoringState

CREATED, FOUND, UPDATED = "Created", "Found Existing", "Updated"
# Fields of an exam that are kept as sent.
_EXAM_FACTS = ("description", "type", "practice", "deliverySystem")

EntityT = TypeVar("EntityT", Course, User, Exam)
Body = Mapping[str, Any]


@OPERATIONS.register("provision")
def provision(state: ProctoringState, call: Call) -> object:
    """Create or find everything in the body. Nothing is changed when any of it is refused."""
    install = state.find_install(call)
    with install.lock:
        return _Provision(state, install, call.body).run()


@dataclass(slots=True)
class _Provision:
    state: ProctoringState
    install: Install
    body: Body

    def run(self) -> dict[str, object]:
        for name in ("matching", "required", "results", "sessions", "placement"):
            infer(f"provision-{name}")
        body, catalog = self.body, self.install.catalog
        found_course = _find(catalog.courses, body["course"], "course")
        found_user = self._find_user(body["user"]) if "user" in body else None
        found_exam = _find(catalog.exams, body["exam"], "exam") if "exam" in body else None
        facts = self._check(found_course, found_user, found_exam)

        response: dict[str, object] = {}
        course, outcome = self._course(found_course, body["course"])
        response["course"] = _result(course.sid, outcome)
        user: User | None = None
        enrollment: Enrollment | None = None
        if "user" in body:
            user, outcome = self._user(found_user, body["user"])
            response["user"] = _result(user.sid, outcome)
            if "enrollment" in body:
                enrollment, outcome = self._enrollment(user, course, body["enrollment"])
                response["enrollment"] = _result(enrollment.sid, outcome)
        if "exam" in body:
            self._exam(found_exam, course, enrollment, facts, response)
        if enrollment is not None and outcome_of(response, "enrollment") == CREATED:
            for exam in catalog.exams:
                if exam.course is course:
                    self.install.fill(exam, enrollment)
        if "signon" in body and user is not None:
            infer("sign-on")
            response["signon"] = self.state.sign_on(user.sid)
        return response

    def _check(self, course: Course | None, user: User | None, exam: Exam | None) -> dict[str, Any]:
        """Refuse what cannot be done. Returns the fields of the configuration."""
        body = self.body
        if course is None:
            _require(body["course"], ("title", "code"), "course")
        if "user" in body and user is None:
            _require(body["user"], ("firstName", "lastName", "email"), "user")
        for name in ("enrollment", "signon"):
            if name in body and "user" not in body:
                raise invalid(f"{name} needs user.")
        if "signon" in body and not self.state.is_integration(body["signon"]["integrationSid"]):
            raise missing("The integration")
        if "exam" not in body:
            return {}
        if exam is None:
            _require(body["exam"], ("title", "configuration"), "exam")
        elif exam.course is not course:
            raise conflict("The exam is in another course.")
        configuration = body["exam"].get("configuration", {})
        sid, _ = _names(configuration)
        if sid is not None and (exam is None or self.install.configurations.find(exam, sid=sid) is None):
            raise missing("The exam configuration")
        return from_provision(configuration)

    def _find_user(self, sent: Body) -> User | None:
        users = self.install.catalog.users
        if self.install.behaviour.flips("provision-by-email") and "email" in sent:
            found = next((each for each in users if each.email.lower() == sent["email"].lower()), None)
            if found is not None and "sid" not in sent["ids"]:
                return found
        return _find(users, sent, "user")

    def _course(self, course: Course | None, sent: Body) -> tuple[Course, str]:
        if course is None:
            course = self.install.catalog.add_course(sent["title"], sent["code"])
            _identify(course.ids, sent)
            return course, CREATED
        before = (course.title, course.code)
        course.title, course.code = sent.get("title", course.title), sent.get("code", course.code)
        changed = before != (course.title, course.code)
        if changed:
            course.summarize()
            self.install.retitled()
        return course, _outcome(_identify(course.ids, sent) or changed)

    def _user(self, user: User | None, sent: Body) -> tuple[User, str]:
        facts = {name: sent[name] for name in ("currencyCode", "timeZone") if sent.get(name) is not None}
        moment = self.state.clock()
        if user is None:
            user = self.install.catalog.add_user(sent["firstName"], sent["lastName"], sent["email"], moment)
            user.facts.update(facts)
            _identify(user.ids, sent)
            return user, CREATED
        before = (user.first_name, user.last_name, user.email, dict(user.facts))
        user.first_name = sent.get("firstName", user.first_name)
        user.last_name = sent.get("lastName", user.last_name)
        user.email = sent.get("email", user.email)
        user.facts.update(facts)
        changed = before != (user.first_name, user.last_name, user.email, user.facts)
        changed = _identify(user.ids, sent) or changed
        if changed:
            user.edited = moment
            user.summarize()
        return user, _outcome(changed)

    def _enrollment(self, user: User, course: Course, sent: Body) -> tuple[Enrollment, str]:
        catalog = self.install.catalog
        found = catalog.enrollments.get(catalog.enrollment_sid(user, course))
        if found is None:
            return catalog.enroll(user, course, sent.get("role", "learner")), CREATED
        before = found.role
        found.role = sent.get("role", before)
        return found, _outcome(found.role != before)

    def _exam(
        self,
        exam: Exam | None,
        course: Course,
        enrollment: Enrollment | None,
        facts: dict[str, Any],
        response: dict[str, object],
    ) -> None:
        sent = self.body["exam"]
        kept = {name: sent[name] for name in _EXAM_FACTS if name in sent}
        if exam is None:
            exam, outcome = self.install.catalog.add_exam(sent["title"], facts["duration"], course), CREATED
            exam.limited = sent.get("limitedScope", False)
            exam.facts.update(kept)
            _identify(exam.ids, sent)
        else:
            before = (exam.title, exam.limited, dict(exam.facts))
            exam.title = sent.get("title", exam.title)
            exam.limited = sent.get("limitedScope", exam.limited)
            exam.facts.update(kept)
            changed = before != (exam.title, exam.limited, exam.facts)
            if exam.title != before[0]:
                exam.summarize()
                self.install.retitled()
            outcome = _outcome(_identify(exam.ids, sent) or changed)
        response["exam"] = _result(exam.sid, outcome)
        if "configuration" in sent:
            configuration, did = self._configuration(exam, enrollment, sent["configuration"], facts)
            response["configuration"] = _result(configuration.sid, CREATED if outcome == CREATED else did)
        if outcome != FOUND:
            for each in self.install.learners(course):
                self.install.fill(exam, each)

    def _configuration(
        self, exam: Exam, enrollment: Enrollment | None, sent: Body, facts: dict[str, Any]
    ) -> tuple[Configuration, str]:
        configurations = self.install.configurations
        type_ = sent.get("type", PRIMARY)
        sid, api_id = _names(sent)
        found = configurations.find(exam, sid=sid, api_id=api_id)
        if found is None and type_ == PRIMARY:
            found = configurations.of(exam)[0]
        if found is None and api_id is None:
            found = next((each for each in configurations.of(exam) if each.type == type_), None)
        outcome = FOUND
        if found is None:
            found, outcome = configurations.add(exam, type_, api_id), CREATED
        if type_ != PRIMARY and enrollment is not None:
            facts = {**facts, "enrollmentSid": enrollment.sid}
        renamed = api_id is not None and found.api_id != api_id
        found.api_id = api_id if renamed else found.api_id
        changed = found.change(facts) or renamed
        return found, outcome if outcome == CREATED else _outcome(changed)


def outcome_of(response: Mapping[str, Any], name: str) -> str:
    """What a response reports for an entity."""
    result: str = response[name]["result"]
    return result


def _find(known: Iterable[EntityT], sent: Body, what: str) -> EntityT | None:
    """The one entity that has any of the identifiers; None when there is none yet."""
    ids: Mapping[str, str] = sent["ids"]
    if not ids:
        raise invalid(f"{what}.ids has no identifier.")
    others = {system: value for system, value in ids.items() if system != "sid"}
    found = [
        each
        for each in known
        if each.sid == ids.get("sid") or any(each.ids.get(system) == value for system, value in others.items())
    ]
    if "sid" in ids and not any(each.sid == ids["sid"] for each in found):
        # Callers cannot choose SIDs.
        raise missing(f"The {what}")
    if len(found) > 1:
        raise conflict(f"The identifiers of the {what} belong to several.")
    return found[0] if found else None


def _require(sent: Body, names: tuple[str, ...], what: str) -> None:
    lacking = [name for name in names if name not in sent]
    if lacking:
        raise invalid(f"There is no such {what}, and creating it needs {', '.join(lacking)}.")


def _identify(ids: dict[str, str], sent: Body) -> bool:
    """Keep the identifiers that were sent. Returns whether there are new ones."""
    new = {system: value for system, value in sent["ids"].items() if system != "sid" and ids.get(system) != value}
    ids.update(new)
    return bool(new)


def _names(configuration: Body) -> tuple[str | None, str | None]:
    """The SID and the caller's identifier of a configuration, as far as they were sent."""
    ids = configuration.get("ids")
    if isinstance(ids, str):
        return None, ids
    if not ids:
        return None, None
    return ids.get("sid"), ids.get("api")


def _outcome(changed: bool) -> str:
    return UPDATED if changed else FOUND


def _result(sid: str, outcome: str) -> dict[str, object]:
    return {"sid": sid, "result": outcome}
