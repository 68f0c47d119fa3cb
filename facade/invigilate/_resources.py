"""The resources of both APIs: one line for each operation."""

from __future__ import annotations

from collections.abc import Coroutine
from functools import partial
from typing import Any, Generic, overload

from ispring_learn_client.api import access_tokens, job_training
from smarterproctoring_client.api import (
    course_offerings,
    exam_configurations,
    exam_sessions,
    exams,
    installs,
    provisioning,
    reports,
    users,
)

from ._binding import Async, AsyncRaw, M, Operation, RawView, Resource, Runner, Sync, SyncRaw, operation
from .errors import OutcomeUnknownError
from .verdicts import CheckResult, result, session_of, unreadable


class Reports(Resource[M]):
    """Reports over all exam sessions of an install."""

    with_raw_response: RawView[Reports[SyncRaw], Reports[AsyncRaw]] = RawView()
    service_distribution = operation(reports.get_service_distribution.describe)


class ExamSessions(Resource[M]):
    """Appointments of enrolled people for their exams."""

    with_raw_response: RawView[ExamSessions[SyncRaw], ExamSessions[AsyncRaw]] = RawView()
    schedule = operation(exam_sessions.schedule_exam_session.describe)
    reschedule = operation(exam_sessions.reschedule_exam_session.describe)
    cancel = operation(exam_sessions.cancel_exam_session.describe)
    get = operation(exam_sessions.get_exam_session.describe)
    list_for_enrollment = operation(exam_sessions.list_enrollment_exam_sessions.describe)
    onboarding_url = operation(exam_sessions.get_onboarding_url.describe)

    @overload
    def check(self: ExamSessions[Sync], error: OutcomeUnknownError, *, before: Any = None) -> CheckResult: ...
    @overload
    def check(
        self: ExamSessions[Async], error: OutcomeUnknownError, *, before: Any = None
    ) -> Coroutine[Any, Any, CheckResult]: ...
    def check(self, error: OutcomeUnknownError, *, before: Any = None) -> Any:
        """Read a session back after a call whose outcome is unknown, and say what is visible of it.

        No verdict is a permission to send the call again: what is not visible may still be applied later, and
        whether a card was charged cannot be read back.

        Args:
            error: what `schedule`, `reschedule` or `cancel` raised; an unpickled one will do.
            before: the session as it stood before the call, from `get` or `list_for_enrollment`. Only this shows that
                values are new; without it no verdict is `APPLIED`.

        Returns:
            `APPLIED`, `NOT_VISIBLE` or `UNDETERMINED`, with the session read, the values compared, and all that is
            inferred. `UNDETERMINED` if the session cannot be read, or the response is that of another session.

        Raises:
            InvalidArgumentError: if the error is not about an exam session.
        """
        call = exam_sessions.get_exam_session.describe(**session_of(error))
        failed = partial(unreadable, error.operation)
        return self._runner.read_back(call, lambda response: result(error, response, before), failed)


class CourseOfferings(Resource[M]):
    """The terms that courses belong to."""

    with_raw_response: RawView[CourseOfferings[SyncRaw], CourseOfferings[AsyncRaw]] = RawView()
    update = operation(course_offerings.update_course_offering.describe)


class Exams(Resource[M]):
    """Exams and the people that they are assigned to."""

    with_raw_response: RawView[Exams[SyncRaw], Exams[AsyncRaw]] = RawView()
    update_assignments = operation(exams.update_exam_assignments.describe)
    update_assignments_by_enrollment = operation(exams.update_exam_assignments_by_enrollment.describe)


class ExamConfigurations(Resource[M]):
    """The rules of an exam, for everybody or for one enrollment."""

    with_raw_response: RawView[ExamConfigurations[SyncRaw], ExamConfigurations[AsyncRaw]] = RawView()
    get = operation(exam_configurations.get_exam_configuration.describe)
    update = operation(exam_configurations.update_exam_configuration.describe)


class Users(Resource[M]):
    """The people of an install."""

    with_raw_response: RawView[Users[SyncRaw], Users[AsyncRaw]] = RawView()
    create = operation(users.create_user.describe)
    update_admin = operation(users.update_admin_user.describe)
    get_profile = operation(users.get_user_profile.describe)


class Installs(Resource[M]):
    """The application install itself."""

    with_raw_response: RawView[Installs[SyncRaw], Installs[AsyncRaw]] = RawView()
    get_settings = operation(installs.get_install_settings.describe)


class Provisioning(Resource[M]):
    """Courses, people, enrollments and exams in one call."""

    with_raw_response: RawView[Provisioning[SyncRaw], Provisioning[AsyncRaw]] = RawView()
    provision = operation(provisioning.provision.describe)


class JobTraining(Resource[M]):
    """On-the-job training sessions and their results."""

    with_raw_response: RawView[JobTraining[SyncRaw], JobTraining[AsyncRaw]] = RawView()
    list_session_results = operation(job_training.list_session_results.describe)
    list_checklist_sessions = operation(job_training.list_checklist_sessions.describe)
    list_criterion_group_results = operation(job_training.list_criterion_group_results.describe)
    list_criterion_results = operation(job_training.list_criterion_results.describe)


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
        self.exams: Exams[M] = Exams(runner)
        self.exam_configurations: ExamConfigurations[M] = ExamConfigurations(runner)
        self.users: Users[M] = Users(runner)
        self.installs: Installs[M] = Installs(runner)
        self.provisioning: Provisioning[M] = Provisioning(runner)


class ISpringLearnResources(Generic[M]):
    """What both iSpring Learn clients offer."""

    def _attach(self, runner: Runner) -> None:
        self.job_training: JobTraining[M] = JobTraining(runner)
        self.access_tokens: AccessTokens[M] = AccessTokens(runner)


def bound_operations(client: type[Any]) -> dict[tuple[str, str], Any]:
    """The operations that can be reached from a client class, by generated package and operationId."""
    holder: Any = object.__new__(client)
    holder._attach(holder)
    members: list[Any] = []
    for resource in holder.__dict__.values():
        members += resource.__class__.__dict__.values()
    return {
        (member.describe.__module__.split(".")[0], member.describe.__globals__["OPERATION"].id): member
        for member in members
        if isinstance(member, Operation)
    }
