"""Provisioning: a course and, as given, a user, an enrollment, an exam and a sign-on, made or found in one call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from .catalogue import Course, Enrollment, Exam, User
from .configurations import PRIMARY, Configuration, from_provision
from .installs import Install
from .problems import conflict, invalid, missing
from .proctoring import OPERATIONS, ProctoringState
from .validation import Call

CREATED, FOUND, UPDATED = "Created", "Found Existing", "Updated"
# Members of an exam that are kept as they came.
_EXAM_FACTS = ("description", "type", "practice", "deliverySystem")

EntityT = TypeVar("EntityT", Course, User, Exam)
Body = Mapping[str, Any]


@OPERATIONS.register("provision")
def provision(state: ProctoringState, call: Call) -> object:
    """Make or find everything that is given. Nothing is changed when any of it is refused."""
    install = state.find_install(call)
    with install.lock:
        return _Provision(state, install, call.body).carry_out()


@dataclass(slots=True)
class _Provision:
    state: ProctoringState
    install: Install
    body: Body

    def carry_out(self) -> dict[str, object]:
        body, catalogue = self.body, self.install.catalogue
        found_course = _find(catalogue.courses, body["course"], "course")
        found_user = _find(catalogue.users, body["user"], "user") if "user" in body else None
        found_exam = _find(catalogue.exams, body["exam"], "exam") if "exam" in body else None
        facts = self._check(found_course, found_user, found_exam)

        answer: dict[str, object] = {}
        course, outcome = self._course(found_course, body["course"])
        answer["course"] = _said(course.sid, outcome)
        user: User | None = None
        enrollment: Enrollment | None = None
        if "user" in body:
            user, outcome = self._user(found_user, body["user"])
            answer["user"] = _said(user.sid, outcome)
            if "enrollment" in body:
                enrollment, outcome = self._enrollment(user, course, body["enrollment"])
                answer["enrollment"] = _said(enrollment.sid, outcome)
        if "exam" in body:
            self._exam(found_exam, course, enrollment, facts, answer)
        if enrollment is not None and outcome_of(answer, "enrollment") == CREATED:
            for exam in catalogue.exams:
                if exam.course is course:
                    self.install.fill(exam, enrollment)
        if "signon" in body and user is not None:
            answer["signon"] = self.state.sign_on(user.sid)
        return answer

    def _check(self, course: Course | None, user: User | None, exam: Exam | None) -> dict[str, Any]:
        """Refuse what cannot be done; what is given of the configuration."""
        body = self.body
        if course is None:
            _require(body["course"], ("title", "code"), "course")
        if "user" in body and user is None:
            _require(body["user"], ("firstName", "lastName", "email"), "user")
        for name in ("enrollment", "signon"):
            if name in body and "user" not in body:
                raise invalid(f"{name} needs user.")
        if "signon" in body and body["signon"]["integrationSid"].lower() != self.state.integration_sid.lower():
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

    def _course(self, course: Course | None, given: Body) -> tuple[Course, str]:
        if course is None:
            course = self.install.catalogue.add_course(given["title"], given["code"])
            _identify(course.ids, given)
            return course, CREATED
        before = (course.title, course.code)
        course.title, course.code = given.get("title", course.title), given.get("code", course.code)
        changed = before != (course.title, course.code)
        if changed:
            course.summarise()
            self.install.retitled()
        return course, _outcome(_identify(course.ids, given) or changed)

    def _user(self, user: User | None, given: Body) -> tuple[User, str]:
        facts = {name: given[name] for name in ("currencyCode", "timeZone") if given.get(name) is not None}
        moment = self.state.clock()
        if user is None:
            user = self.install.catalogue.add_user(given["firstName"], given["lastName"], given["email"], moment)
            user.facts.update(facts)
            _identify(user.ids, given)
            return user, CREATED
        before = (user.first_name, user.last_name, user.email, dict(user.facts))
        user.first_name = given.get("firstName", user.first_name)
        user.last_name = given.get("lastName", user.last_name)
        user.email = given.get("email", user.email)
        user.facts.update(facts)
        changed = before != (user.first_name, user.last_name, user.email, user.facts)
        changed = _identify(user.ids, given) or changed
        if changed:
            user.edited = moment
            user.summarise()
        return user, _outcome(changed)

    def _enrollment(self, user: User, course: Course, given: Body) -> tuple[Enrollment, str]:
        catalogue = self.install.catalogue
        found = catalogue.enrollments.get(catalogue.enrollment_sid(user, course))
        if found is None:
            return catalogue.enroll(user, course, given.get("role", "learner")), CREATED
        before = found.role
        found.role = given.get("role", before)
        return found, _outcome(found.role != before)

    def _exam(
        self,
        exam: Exam | None,
        course: Course,
        enrollment: Enrollment | None,
        facts: dict[str, Any],
        answer: dict[str, object],
    ) -> None:
        given = self.body["exam"]
        kept = {name: given[name] for name in _EXAM_FACTS if name in given}
        if exam is None:
            exam, outcome = self.install.catalogue.add_exam(given["title"], facts["duration"], course), CREATED
            exam.limited = given.get("limitedScope", False)
            exam.facts.update(kept)
            _identify(exam.ids, given)
        else:
            before = (exam.title, exam.limited, dict(exam.facts))
            exam.title = given.get("title", exam.title)
            exam.limited = given.get("limitedScope", exam.limited)
            exam.facts.update(kept)
            changed = before != (exam.title, exam.limited, exam.facts)
            if exam.title != before[0]:
                exam.summarise()
                self.install.retitled()
            outcome = _outcome(_identify(exam.ids, given) or changed)
        answer["exam"] = _said(exam.sid, outcome)
        if "configuration" in given:
            configuration, did = self._configuration(exam, enrollment, given["configuration"], facts)
            answer["configuration"] = _said(configuration.sid, CREATED if outcome == CREATED else did)
        if outcome != FOUND:
            for each in self.install.learners(course):
                self.install.fill(exam, each)

    def _configuration(
        self, exam: Exam, enrollment: Enrollment | None, given: Body, facts: dict[str, Any]
    ) -> tuple[Configuration, str]:
        configurations = self.install.configurations
        kind = given.get("type", PRIMARY)
        sid, api_id = _names(given)
        found = configurations.find(exam, sid=sid, api_id=api_id)
        if found is None and kind == PRIMARY:
            found = configurations.of(exam)[0]
        if found is None and api_id is None:
            found = next((each for each in configurations.of(exam) if each.type == kind), None)
        outcome = FOUND
        if found is None:
            found, outcome = configurations.add(exam, kind, api_id), CREATED
        if kind != PRIMARY and enrollment is not None:
            facts = {**facts, "enrollmentSid": enrollment.sid}
        renamed = api_id is not None and found.api_id != api_id
        found.api_id = api_id if renamed else found.api_id
        changed = found.change(facts) or renamed
        return found, outcome if outcome == CREATED else _outcome(changed)


def outcome_of(answer: Mapping[str, Any], name: str) -> str:
    """What an answer says was done with an entity."""
    result: str = answer[name]["result"]
    return result


def _find(known: Iterable[EntityT], given: Body, what: str) -> EntityT | None:
    """The one entity that any of the identifiers names; None when there is none yet."""
    ids: Mapping[str, str] = given["ids"]
    if not ids:
        raise invalid(f"{what}.ids holds no identifier.")
    others = {kind: value for kind, value in ids.items() if kind != "sid"}
    found = [
        each
        for each in known
        if each.sid == ids.get("sid") or any(each.ids.get(kind) == value for kind, value in others.items())
    ]
    if "sid" in ids and not any(each.sid == ids["sid"] for each in found):
        # A SID is not the caller's to choose.
        raise missing(f"The {what}")
    if len(found) > 1:
        raise conflict(f"The identifiers of the {what} belong to several.")
    return found[0] if found else None


def _require(given: Body, names: tuple[str, ...], what: str) -> None:
    lacking = [name for name in names if name not in given]
    if lacking:
        raise invalid(f"There is no such {what}, and to make it {', '.join(lacking)} is missing.")


def _identify(ids: dict[str, str], given: Body) -> bool:
    """Keep the identifiers that are given; whether there are new ones."""
    new = {kind: value for kind, value in given["ids"].items() if kind != "sid" and ids.get(kind) != value}
    ids.update(new)
    return bool(new)


def _names(configuration: Body) -> tuple[str | None, str | None]:
    """SID and own identifier of a configuration, whichever is given."""
    ids = configuration.get("ids")
    if isinstance(ids, str):
        return None, ids
    if not ids:
        return None, None
    return ids.get("sid"), ids.get("api")


def _outcome(changed: bool) -> str:
    return UPDATED if changed else FOUND


def _said(sid: str, outcome: str) -> dict[str, object]:
    return {"sid": sid, "result": outcome}
