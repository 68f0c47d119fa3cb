"""Who takes an exam: assignments, in both documented forms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .catalogue import Enrollment, Exam
from .installs import Install
from .problems import invalid, missing
from .proctoring import OPERATIONS, ProctoringState
from .validation import Call


@OPERATIONS.register("updateExamAssignments")
def update_exam_assignments(state: ProctoringState, call: Call) -> object:
    """Assign an exam to everybody whom a selection names, and take it from others."""
    return _update(state, call, _selected)


@OPERATIONS.register("updateExamAssignmentsByEnrollment")
def update_exam_assignments_by_enrollment(state: ProctoringState, call: Call) -> object:
    """Assign an exam to enrollments, and take it from others."""
    return _update(state, call, _named)


def _update(state: ProctoringState, call: Call, choose: Any) -> object:
    install = state.find_install(call)
    with install.lock:
        exam = install.catalogue.exam(call.path["examSid"])
        if exam is None:
            raise missing("The exam")
        # Both are looked up before anything is changed.
        removed, added = (choose(install, exam, call.body[name]) if name in call.body else () for name in _PARTS)
        for enrollment in removed:
            exam.assigned.discard(enrollment.sid)
            install.withdraw(exam, enrollment)
        for enrollment in added:
            exam.assigned.add(enrollment.sid)
            install.assign(exam, enrollment)
    return "Successful"


_PARTS = ("removed", "added")


def _named(install: Install, exam: Exam, sids: Iterable[str]) -> list[Enrollment]:
    found: list[Enrollment] = []
    for sid in dict.fromkeys(sids):
        enrollment = install.catalogue.enrollments.get(sid)
        if enrollment is None:
            raise missing("An enrollment")
        if enrollment.course is not exam.course:
            raise invalid("An enrollment is in another course than the exam.")
        found.append(enrollment)
    return found


def _selected(install: Install, exam: Exam, selection: Mapping[str, Any]) -> list[Enrollment]:
    course = selection.get("courseSid")
    if course is not None and install.catalogue.course(course) is not exam.course:
        raise invalid("The exam is in another course.")
    members = install.learners(exam.course)
    sections = set(selection.get("sectionSid", ()))
    if sections - {each.section_sid for each in members}:
        raise missing("A section")
    named = _named(install, exam, selection.get("enrollmentSid", ()))
    chosen = [each for each in members if course is not None or each.section_sid in sections]
    return list(dict.fromkeys([*chosen, *named]))
