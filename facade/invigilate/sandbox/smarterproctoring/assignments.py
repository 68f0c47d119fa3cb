"""Operations that assign exams, in both documented forms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from invigilate.sandbox.inventions import infer
from invigilate.sandbox.problems import invalid, missing
from invigilate.sandbox.validation import Call

from .catalog import Enrollment, Exam
from .installs import Install
from .state import OPERATIONS, ProctoringState, successful


@OPERATIONS.register("updateExamAssignments")
def update_exam_assignments(state: ProctoringState, call: Call) -> object:
    """Assign an exam to the enrollments of a selection, and take it from those of another one."""
    return _update(state, call, _selected)


@OPERATIONS.register("updateExamAssignmentsByEnrollment")
def update_exam_assignments_by_enrollment(state: ProctoringState, call: Call) -> object:
    """Assign an exam to enrollments, and take it from others."""
    return _update(state, call, _named)


def _update(state: ProctoringState, call: Call, choose: Any) -> object:
    install = state.find_install(call)
    install.archive.prepare()
    infer("assignment-sessions")
    infer("initial-enrollments")
    with install.lock:
        exam = install.catalog.exam(call.path["examSid"])
        if exam is None:
            raise missing("The exam")
        # Both are looked up before anything is changed.
        removed, added = (choose(install, exam, call.body[name]) if name in call.body else () for name in _PARTS)
        steps = [(_remove, removed), (_add, added)]
        if install.behaviour.flips("assignment-order"):
            steps.reverse()
        for change, enrollments in steps:
            for enrollment in enrollments:
                change(install, exam, enrollment)
    return successful(install)


def _remove(install: Install, exam: Exam, enrollment: Enrollment) -> None:
    exam.assigned.discard(enrollment.sid)
    install.withdraw(exam, enrollment)


def _add(install: Install, exam: Exam, enrollment: Enrollment) -> None:
    exam.assigned.add(enrollment.sid)
    install.assign(exam, enrollment)


_PARTS = ("removed", "added")


def _named(install: Install, exam: Exam, sids: Iterable[str]) -> list[Enrollment]:
    found: list[Enrollment] = []
    for sid in dict.fromkeys(sids):
        enrollment = install.catalog.enrollments.get(sid)
        infer("selection-refusal")
        if enrollment is None:
            raise missing("An enrollment")
        if enrollment.course is not exam.course:
            raise invalid("An enrollment is in another course than the exam.")
        found.append(enrollment)
    return found


def _selected(install: Install, exam: Exam, selection: Mapping[str, Any]) -> list[Enrollment]:
    course = selection.get("courseSid")
    if course is not None and install.catalog.course(course) is not exam.course:
        raise invalid("The exam is in another course.")
    members = install.learners(exam.course)
    sections = set(selection.get("sectionSid", ()))
    if sections - {each.section_sid for each in members}:
        raise missing("A section")
    named = _named(install, exam, selection.get("enrollmentSid", ()))
    if install.behaviour.flips("selection-union"):
        fitting = members if selection else []
        if "sectionSid" in selection:
            fitting = [each for each in fitting if each.section_sid in sections]
        return [each for each in fitting if "enrollmentSid" not in selection or each in named]
    chosen = [each for each in members if course is not None or each.section_sid in sections]
    return list(dict.fromkeys([*chosen, *named]))
