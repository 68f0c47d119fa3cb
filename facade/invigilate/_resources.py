"""The resources of both APIs: one line for each operation."""

from __future__ import annotations

from typing import Any, Generic

from ispring_learn_client.api import access_tokens, job_training
from smarterproctoring_client.api import course_offerings, exam_sessions, reports

from ._binding import AsyncRaw, Bound, M, RawView, Resource, Runner, SyncRaw, operation


class Reports(Resource[M]):
    """Reports over all exam sessions of an install."""

    with_raw_response: RawView[Reports[SyncRaw], Reports[AsyncRaw]] = RawView()
    service_distribution = operation(reports.get_service_distribution.describe)


class ExamSessions(Resource[M]):
    """Appointments of enrolled people for their exams."""

    with_raw_response: RawView[ExamSessions[SyncRaw], ExamSessions[AsyncRaw]] = RawView()
    schedule = operation(exam_sessions.schedule_exam_session.describe)
    reschedule = operation(exam_sessions.reschedule_exam_session.describe)


class CourseOfferings(Resource[M]):
    """The terms that courses belong to."""

    with_raw_response: RawView[CourseOfferings[SyncRaw], CourseOfferings[AsyncRaw]] = RawView()
    update = operation(course_offerings.update_course_offering.describe)


class JobTraining(Resource[M]):
    """On-the-job training sessions and their results."""

    with_raw_response: RawView[JobTraining[SyncRaw], JobTraining[AsyncRaw]] = RawView()
    list_session_results = operation(job_training.list_session_results.describe)


class AccessTokens(Resource[M]):
    """Tokens of iSpring Learn; the clients fetch and renew them by themselves."""

    with_raw_response: RawView[AccessTokens[SyncRaw], AccessTokens[AsyncRaw]] = RawView()
    create = operation(access_tokens.create_access_token.describe)


class SmarterProctoringResources(Generic[M]):
    """What both SmarterProctoring clients offer."""

    def _attach(self, runner: Runner) -> None:
        self.reports: Reports[M] = Reports(runner)
        self.exam_sessions: ExamSessions[M] = ExamSessions(runner)
        self.course_offerings: CourseOfferings[M] = CourseOfferings(runner)


class ISpringLearnResources(Generic[M]):
    """What both iSpring Learn clients offer."""

    def _attach(self, runner: Runner) -> None:
        self.job_training: JobTraining[M] = JobTraining(runner)
        self.access_tokens: AccessTokens[M] = AccessTokens(runner)


def bound_operations(client: type[Any]) -> dict[tuple[str, str], Bound]:
    """The operations that can be reached from a client class, by generated package and operationId."""
    holder: Any = object.__new__(client)
    holder._attach(holder)
    members: list[Any] = []
    for resource in holder.__dict__.values():
        members += resource.__class__.__dict__.values()
    return {
        (member.describe.__module__.split(".")[0], member.describe.__globals__["OPERATION"].id): member
        for member in members
        if isinstance(member, Bound)
    }
