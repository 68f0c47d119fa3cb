"""The operations of results and statistics."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from datetime import datetime

from invigilate.sandbox.inventions import infer
from invigilate.sandbox.json_values import is_array
from invigilate.sandbox.problems import invalid, missing
from invigilate.sandbox.validation import Call

from .records import ACTIVE, SUCCESSFUL, UNSUCCESSFUL, Enrollment, Json, Module, Progress
from .state import Known, LearnState, day_of, operation, present, sent, written
from .webhooks import emit, nanoseconds

_PASSING_SCORE = 80
_MOST_MODULES = 1000
_RANGES: dict[str, Callable[[Enrollment, Progress], datetime | None]] = {
    "accessDate": lambda enrollment, _: enrollment.access,
    "dueDate": lambda enrollment, _: enrollment.due,
    "completionDate": lambda _, progress: progress.completed,
}
_SPELLINGS = {"completed": "complete"}
"""What the help page calls a status, and the results do not."""

_FILTERS: Known = {
    "userIds": ("learner", "users"),
    "courseIds": ("course", "contents"),
    "enrollmentIds": ("id", "enrollments"),
}

Condition = Callable[[Enrollment, Progress], bool]


def _condition(state: LearnState, call: Call) -> Condition:
    """The filters of results that need a look at each enrollment.

    Raises:
        Problem: a department does not exist, or a range is not one of dates.
    """
    infer("result-filters")
    values = {name.removesuffix("[]"): value for name, value in sent(call).items()}
    users = values.get("userStatuses", [ACTIVE])
    accounts = frozenset[int](users if is_array(users) else [users])
    departments, statuses = values.get("departmentIds"), values.get("completionStatuses")
    if departments is not None:
        state.check_known(state.departments, departments, "departmentIds")
    ranges = [(read, *_ends(values[name], name)) for name, read in _RANGES.items() if name in values]

    def condition(enrollment: Enrollment, progress: Progress) -> bool:
        user = state.users[enrollment.learner]
        if user.status not in accounts or (departments is not None and user.department not in departments):
            return False
        if statuses is not None and progress.status not in statuses:
            return False
        moments = [(read(enrollment, progress), first, last) for read, first, last in ranges]
        return all(
            moment is not None and (first is None or first <= moment) and (last is None or moment <= last)
            for moment, first, last in moments
        )

    return condition


def _ends(value: Json, name: str) -> tuple[datetime | None, datetime | None]:
    first, last = (day_of(value[side], name) if side in value else None for side in ("startDate", "endDate"))
    return first, last


def _row(state: LearnState, enrollment: Enrollment, progress: Progress) -> Json:
    infer("result-fields")
    successful = progress.status in SUCCESSFUL
    end = progress.completed or state.clock()
    return {
        "userId": enrollment.learner,
        "courseId": enrollment.course,
        "enrollmentId": enrollment.id,
        "accessDate": written(enrollment.access),
        "dueDate": written(enrollment.due),
        "expirationDate": written(enrollment.due) if enrollment.locks else None,
        "completionDate": written(progress.completed),
        "completionStatus": progress.status,
        "awardedScore": progress.score,
        "passingScore": _PASSING_SCORE,
        "progress": progress.percent,
        "isOverdue": enrollment.due is not None and end > enrollment.due,
        "viewsCount": int(successful),
        "timeSpent": 600 * successful,
    }


@operation("listResults")
def list_results(state: LearnState, call: Call) -> object:
    """Return one page of the results in courses, a row for each enrollment."""
    condition = _condition(state, call)

    def progress(enrollment: Enrollment) -> Progress:
        return enrollment.progress(state.modules.count("course", enrollment.course))

    def show(enrollment: Enrollment) -> Json:
        row = _row(state, enrollment, progress(enrollment))
        return present({**row, "courseTitle": state.contents[enrollment.course].title})

    filters = state.filters(call, _FILTERS)

    def keep(enrollment: Enrollment) -> bool:
        return condition(enrollment, progress(enrollment))

    return state.page(call, "results", lambda after: state.enrollments.select(filters, keep, after), show)


@operation("listModuleResults")
def list_module_results(state: LearnState, call: Call) -> object:
    """Return one page of the results in modules, a row for each module of each enrollment."""
    condition = _condition(state, call)
    filters = state.filters(call, _FILTERS)
    narrowed = state.filters(call, {"moduleIds": ("id", "modules"), "courseItemIds": ("item", "contents")})

    def select(after: int) -> Iterator[tuple[int, tuple[Enrollment, Module, Progress]]]:
        # The enrollment of the last row has perhaps more rows, so that it is walked again.
        for position, enrollment in state.enrollments.select(filters, after=after // _MOST_MODULES - 1):
            modules = state.modules.rows(course=(enrollment.course,), **narrowed)
            for number, module in enumerate(modules, position * _MOST_MODULES):
                progress = enrollment.modules.get(module.id, Progress())
                if number > after and condition(enrollment, progress):
                    yield number, (enrollment, module, progress)

    def show(found: tuple[Enrollment, Module, Progress]) -> Json:
        enrollment, module, progress = found
        names = {"moduleId": module.id, "moduleTitle": module.title, "courseItemId": module.item}
        return present({**_row(state, enrollment, progress), **names})

    return state.page(call, "results", select, show)


@operation("updateCourseStatus")
def update_course_status(state: LearnState, call: Call) -> object:
    """Set the status of enrollments in a course, or let it follow from the modules again."""
    query = call.query
    when = day_of(query["date"], "date") if "date" in query else state.clock()
    score = query.get("awardedScore")
    status = query["status"]
    fixed = None if status == "automatic" else _progress(status, when, None if score is None else float(score))
    for enrollment in _enrollments(state, query["courseId"], query["enrollmentIds[]"]):
        with _following(state, enrollment):
            enrollment.set = fixed
    return _task(state)


@operation("updateModuleStatuses")
def update_module_statuses(state: LearnState, call: Call) -> object:
    """Set the status of modules of enrollments in a course."""
    body = call.body
    enrollments = _enrollments(state, body["courseId"], body["enrollmentIds"])
    changes: list[tuple[Module, Progress]] = []
    for each in body["moduleStatuses"]:
        status = _SPELLINGS.get(each["status"], each["status"])
        if status not in SUCCESSFUL | UNSUCCESSFUL | {"incomplete"}:
            raise invalid("moduleStatuses.status: not a status that can be set.")
        progress = _progress(status, day_of(each["date"], "date"), float(each["awardedScore"]))
        changes += [(module, progress) for module in _materials(state, body["courseId"], [each["contentItemId"]])]
    for enrollment in enrollments:
        _set_modules(state, enrollment, changes)
    return _task(state)


@operation("resetModuleStatistics")
def reset_module_statistics(state: LearnState, call: Call) -> object:
    """Reset modules of enrollments in a course."""
    query = call.query
    enrollments = _enrollments(state, query["courseId"], query["enrollmentIds[]"])
    modules = _materials(state, query["courseId"], query["contentItemIds[]"])
    for enrollment in enrollments:
        _set_modules(state, enrollment, [(module, Progress()) for module in modules])
    return _task(state)


@operation("getTaskStatus")
def get_task_status(state: LearnState, call: Call) -> object:
    """Return the status of a background job."""
    index: int = call.path["taskId"] - 1
    if not 0 <= index < len(state.tasks):
        raise invalid("There is no such task.") if state.behaviour.flips("unknown-object") else missing("The task")
    state.tasks[index] += 1
    unfinished = state.behaviour.flips("task-status") and state.tasks[index] == 1
    return {"status": "in_progress" if unfinished else "complete"}


@operation("getCertificate")
def get_certificate(state: LearnState, call: Call) -> object:
    """Return a link to a certificate."""
    certificate = call.path["issuedCertificateId"]
    if not state.enrollments.has("certificate", certificate):
        raise missing("The certificate")
    infer("certificates")
    token = state.mint.secret("certificate", state.mint.number(certificate) % 1000)
    return {"url": f"{state.account_url}/download/v1/certificate/{certificate}?token={token}"}


def _progress(status: str, when: datetime, score: float | None) -> Progress:
    infer("result-fields")
    completed = when if status in SUCCESSFUL | UNSUCCESSFUL else None
    return Progress(status, completed, score, 100 if status in SUCCESSFUL else 0)


def _task(state: LearnState) -> Json:
    infer("task-status")
    state.tasks.append(0)
    return {"taskId": len(state.tasks)}


def _enrollments(state: LearnState, course: str, ids: list[str]) -> list[Enrollment]:
    state.check_known(state.contents, [course], "courseId")
    state.check_known(state.enrollments, ids, "enrollmentIds")
    found = [state.enrollments[each] for each in dict.fromkeys(ids)]
    if any(each.course != course for each in found):
        raise invalid("enrollmentIds: one is of another course.")
    return found


def _materials(state: LearnState, course: str, items: list[str]) -> list[Module]:
    found = [each for each in state.modules.rows(course=(course,), item=items) if not each.is_training]
    if {each.item for each in found} != set(items):
        infer("unknown-in-list")
        raise invalid("contentItemId: not material of the course.")
    return found


def _set_modules(state: LearnState, enrollment: Enrollment, changes: list[tuple[Module, Progress]]) -> None:
    with _following(state, enrollment):
        for module, progress in changes:
            before = enrollment.modules.get(module.id, Progress())
            enrollment.modules[module.id] = progress
            _announce(state, "COURSE_ITEM", {"courseItemId": module.item}, enrollment, before, progress)


@contextmanager
def _following(state: LearnState, enrollment: Enrollment) -> Generator[None]:
    """Let the certificate and the events of a course follow from a change of its enrollment."""
    modules = state.modules.count("course", enrollment.course)
    before = enrollment.progress(modules)
    yield
    after = enrollment.progress(modules)
    if (after.status in SUCCESSFUL) != (enrollment.certificate is not None):
        with state.enrollments.changing(enrollment.id):
            issued = (state.create_id(), after.completed or state.clock())
            enrollment.certificate = issued if after.status in SUCCESSFUL else None
    _announce(state, "COURSE", {"courseId": enrollment.course}, enrollment, before, after)


def _announce(
    state: LearnState, prefix: str, subject: Json, enrollment: Enrollment, before: Progress, after: Progress
) -> None:
    """Send the events of a changed status."""
    if after.status == before.status:
        return
    learner = {**subject, "learnerId": enrollment.learner}
    emit(state, f"{prefix}_STATUS_CHANGED", {**learner, "enrollmentId": enrollment.id})
    if after.status in SUCCESSFUL:
        ended = nanoseconds(state, after.completed or state.clock())
        completed = {**learner, "enrollmentIds": [enrollment.id], "completionDate": ended}
        emit(state, f"{prefix}_COMPLETED_SUCCESSFULLY", completed)
