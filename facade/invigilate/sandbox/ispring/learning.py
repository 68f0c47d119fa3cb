"""The operations of content and enrollments."""

from __future__ import annotations

from datetime import datetime, timedelta

from invigilate.sandbox.inventions import infer
from invigilate.sandbox.problems import invalid, missing
from invigilate.sandbox.validation import Call

from .records import COURSE, Content, Enrollment, Json, Module, Progress
from .state import LearnState, day_of, operation, present, register_lists, sent, written
from .webhooks import emit

_STATUS_TITLES = {"in_progress": "In progress", "not_started": "Not started"}


def _url(item: str) -> str:
    return f"https://sandbox-account.ispringlearn.com/view/{item}"


def _content(content: Content) -> Json:
    infer("content-fields")
    return {
        "contentItemId": content.id,
        "title": content.title,
        "subtitle": "",
        "description": "",
        "userId": content.author,
        "addedDate": written(content.added),
        "viewUrl": _url(content.id),
        "type": content.type,
        "contentItemType": content.type,
        "courseFields": [],
    }


register_lists(
    "contents",
    {"contentItemIds": ("id", "contents"), "contentTypes": ("type", None)},
    _content,
    rows="contentItems",
    paged=["listContent"],
    whole="listAllContent",
    wrapped=False,
)


operation("getContent")(
    lambda state, call: {
        "contentItem": _content(state.find(state.contents, call.path["contentId"], "The content item"))
    }
)


@operation("createContent")
def create_content(state: LearnState, call: Call) -> object:
    """Create a course without modules, and return the ID."""
    infer("content-fields")
    if call.path["contentType"] != COURSE:
        raise invalid(f"contentType: not {COURSE}.")
    author = next(iter(state.users)).id
    added = Content(state.create_id(), call.body["title"], COURSE, author, state.clock())
    return state.contents.add(added).id


@operation("listFinalStatuses")
def list_final_statuses(state: LearnState, call: Call) -> object:
    """Return the status of each learner in a course, or in the material of courses."""
    item = call.path["contentId"]
    if item not in state.contents:
        raise missing("The content item")
    infer("content-fields")
    rows = [
        (enrollment.learner, enrollment.progress(state.modules.count("course", item)))
        for enrollment in state.enrollments.rows(course=(item,))
    ]
    for module in state.modules.rows(item=(item,)):
        for enrollment in state.enrollments.rows(course=(module.course,)):
            rows.append((enrollment.learner, enrollment.modules.get(module.id, Progress())))
    return [
        present(
            {
                "userId": learner,
                "status": _STATUS_TITLES.get(progress.status, progress.status.capitalize()),
                "progress": progress.percent,
                "completionDate": written(progress.completed),
            }
        )
        for learner, progress in rows
    ]


def _module_fields(state: LearnState, module: Module) -> Json:
    return {
        "moduleId": module.id,
        "courseId": module.course,
        "title": module.title,
        "description": "",
        "authorId": state.contents[module.course].author,
        "addedDate": written(module.added),
        "viewUrl": _url(module.item),
    }


@operation("listCourseModules")
def list_course_modules(state: LearnState, call: Call) -> object:
    """Return the modules of a course."""
    course = state.contents.get(call.path["courseId"])
    if course is None or course.type != COURSE:
        raise missing("The course")
    infer("content-fields")
    rows: list[Json] = []
    for module in state.modules.rows(course=(course.id,)):
        row = {**_module_fields(state, module), "itemId": module.item, "sequentialNumber": module.number}
        row["type"] = "training" if module.is_training else "material"
        if module.is_training:
            row |= {"authorId": None, "viewUrl": None}
        rows.append(present(row))
    return {"modules": rows}


@operation("listCoursesModules")
def list_courses_modules(state: LearnState, call: Call) -> object:
    """Return one page of the material in courses; trainings are left out."""
    filters = state.filters(call, {"courseIds": ("course", "contents")})
    return state.page(
        call,
        "modules",
        lambda after: state.modules.select(filters, lambda module: not module.is_training, after),
        lambda module: {**_module_fields(state, module), "contentItemId": module.item},
    )


def _enrollment(enrollment: Enrollment) -> Json:
    infer("content-fields")
    due = None if enrollment.due is None else enrollment.due.date().isoformat()
    certificate = enrollment.certificate
    return present(
        {
            "enrollmentId": enrollment.id,
            "courseId": enrollment.course,
            "learnerId": enrollment.learner,
            "accessDate": enrollment.access.date().isoformat(),
            "dueDate": due,
            "expirationDate": due if enrollment.locks else None,
            "shouldLockAfterDueDate": enrollment.locks,
            "certificate": certificate
            and {"issuedCertificateId": certificate[0], "issueDate": written(certificate[1])},
            "enrollmentTypeGroup": 0,
        }
    )


register_lists(
    "enrollments",
    {"courseIds": ("course", "contents"), "learnerIds": ("learner", "users"), "enrollmentIds": ("id", "enrollments")},
    _enrollment,
    rows="enrollments",
    paged=["listEnrollments", "searchEnrollments"],
    whole="listAllEnrollments",
    wrapped=True,
)


@operation("createEnrollments")
def create_enrollments(state: LearnState, call: Call) -> None:
    """Enroll every learner in every course."""
    courses, learners = call.body["courseIds"], call.body["learnerIds"]
    state.check_known(state.contents, courses, "courseIds")
    state.check_known(state.users, learners, "learnerIds")
    access, due, locks = _limits(state, call)
    keeps = state.behaviour.flips("second-enrollment")
    for course in dict.fromkeys(courses):
        enrolled: list[str] = []
        for learner in dict.fromkeys(learners):
            if keeps and state.enrollments.rows(course=(course,), learner=(learner,)):
                continue
            state.enrollments.add(Enrollment(state.create_id(), course, learner, access, due, locks))
            enrolled.append(learner)
        if enrolled:
            emit(state, "LEARNERS_ENROLLED_IN_COURSE", {"courseId": course, "learnerIds": enrolled})


operation("getEnrollment")(lambda state, call: _enrollment(_found(state, call)))


@operation("updateEnrollment")
def update_enrollment(state: LearnState, call: Call) -> None:
    """Set the access date and the time limit."""
    enrollment = _found(state, call)
    enrollment.access, enrollment.due, enrollment.locks = _limits(state, call)


@operation("reenroll")
def reenroll(state: LearnState, call: Call) -> None:
    """Set the access date and the time limit, and start the course again."""
    enrollment = _found(state, call)
    limits = _limits(state, call)
    keeps = state.behaviour.flips("reenrollment")
    with state.enrollments.changing(enrollment.id):
        enrollment.access, enrollment.due, enrollment.locks = limits
        if not keeps:
            enrollment.modules, enrollment.set, enrollment.certificate = {}, None, None


@operation("deleteEnrollments")
def delete_enrollments(state: LearnState, call: Call) -> None:
    """Delete enrollments."""
    ids = call.body["enrollmentIds"]
    state.check_known(state.enrollments, ids, "enrollmentIds")
    for each in dict.fromkeys(ids):
        state.enrollments.remove(each)


def _found(state: LearnState, call: Call) -> Enrollment:
    return state.find(state.enrollments, call.path["enrollmentId"], "The enrollment")


def _limits(state: LearnState, call: Call) -> tuple[datetime, datetime | None, bool]:
    """Access date, due date, and whether the course is locked afterwards.

    Raises:
        Problem: what the type of the due date needs is missing, or not a date.
    """
    infer("due-dates")
    body = sent(call)
    access = day_of(body["accessDate"], "accessDate") if "accessDate" in body else state.clock()
    locks = body.get("lockAfterDueDate", False)
    match body["dueDateType"]:
        case "due_date":
            if "dueDate" not in body:
                raise invalid("dueDate: missing.")
            return access, day_of(body["dueDate"], "dueDate"), locks
        case "due_period":
            if not 0 < body.get("duePeriod", 0) < 1_000_000:
                raise invalid("duePeriod: missing, or not a number of hours.")
            return access, access + timedelta(hours=body["duePeriod"]), locks
        case _:
            return access, None, False
