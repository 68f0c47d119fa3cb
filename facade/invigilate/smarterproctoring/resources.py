"""The resources of SmarterProctoring: one line for each operation."""

from __future__ import annotations

from collections.abc import Collection, Coroutine
from typing import Any, overload

from invigilate._binding import Async, AsyncRaw, M, RawView, Resource, Sync, SyncRaw, operation
from invigilate.errors import OutcomeUnknownError
from invigilate_runtime import UNSET, Unset
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
from smarterproctoring_client.models.exam_session import ExamSession

from .verdicts import CheckResult, check
from .waiting import FINAL, wait


class Reports(Resource[M]):
    """Reports over all exam sessions of an install."""

    with_raw_response: RawView[Reports[SyncRaw], Reports[AsyncRaw]] = RawView()
    service_distribution = operation(lambda: reports.get_service_distribution.describe)


class ExamSessions(Resource[M]):
    """Appointments of enrolled people for their exams."""

    with_raw_response: RawView[ExamSessions[SyncRaw], ExamSessions[AsyncRaw]] = RawView()
    schedule = operation(lambda: exam_sessions.schedule_exam_session.describe)
    reschedule = operation(lambda: exam_sessions.reschedule_exam_session.describe)
    cancel = operation(lambda: exam_sessions.cancel_exam_session.describe)
    get = operation(lambda: exam_sessions.get_exam_session.describe)
    list_for_enrollment = operation(lambda: exam_sessions.list_enrollment_exam_sessions.describe)
    onboarding_url = operation(lambda: exam_sessions.get_onboarding_url.describe)

    @overload
    def check(self: ExamSessions[Sync], error: OutcomeUnknownError, *, before: Any = None) -> CheckResult: ...
    @overload
    def check(
        self: ExamSessions[Async], error: OutcomeUnknownError, *, before: Any = None
    ) -> Coroutine[Any, Any, CheckResult]: ...
    def check(self, error: OutcomeUnknownError, *, before: Any = None) -> Any:
        """Read a session back after a request whose outcome is unknown, and report what it shows.

        No verdict permits a retry: what is not visible may still be applied later, and whether a card was charged
        cannot be read back.

        Args:
            error: what `schedule`, `reschedule` or `cancel` raised, unpickled or not.
            before: the session as it was before the request, from `get` or `list_for_enrollment`. Only this shows that
                values are new; without it no verdict is `APPLIED`.

        Returns:
            `APPLIED`, `NOT_VISIBLE` or `UNDETERMINED`, with the session read, the values compared, and everything that
            is inferred. `UNDETERMINED` if the session cannot be read, or the response is that of another session.

        Raises:
            InvalidArgumentError: if the error is not about an exam session.
        """
        return self._client.run(check(self._client, error, before))

    @overload
    def wait(
        self: ExamSessions[Sync],
        *,
        exam_sid: str,
        session_sid: str,
        install_sid: str | Unset = UNSET,
        until: Collection[str] = FINAL,
        timeout: float | None = None,
    ) -> ExamSession: ...
    @overload
    def wait(
        self: ExamSessions[Async],
        *,
        exam_sid: str,
        session_sid: str,
        install_sid: str | Unset = UNSET,
        until: Collection[str] = FINAL,
        timeout: float | None = None,
    ) -> Coroutine[Any, Any, ExamSession]: ...
    def wait(
        self,
        *,
        exam_sid: str,
        session_sid: str,
        install_sid: str | Unset = UNSET,
        until: Collection[str] = FINAL,
        timeout: float | None = None,
    ) -> Any:
        """Poll a session with `get` until it is closed or canceled, as the vendor's reporting guide prescribes.

        The pauses grow from 2 to 60 seconds; no page documents an interval. How the status of a canceled session is
        spelled is not documented either, so both spellings end the wait.

        Args:
            exam_sid: the exam.
            session_sid: the session.
            install_sid: the install; defaults to the client's `install_sid`.
            until: the statuses that end the wait; case does not matter.
            timeout: seconds for the whole wait; `None` for no limit. Each poll has the client's own limits, too.

        Returns:
            The session with one of these statuses.

        Raises:
            InvalidArgumentError: if an argument is wrong; nothing was sent.
            APITimeoutError: if the time is over; the message has the last status.
            APIError: if a poll fails for good.

        Documentation: https://developers.smarterservices.com/api-reference/exam-session/exam-session-details
        """
        session = {"exam_sid": exam_sid, "session_sid": session_sid, "install_sid": install_sid}
        return self._client.run(wait(self._client, session, until, timeout))


class CourseOfferings(Resource[M]):
    """The terms that courses belong to."""

    with_raw_response: RawView[CourseOfferings[SyncRaw], CourseOfferings[AsyncRaw]] = RawView()
    update = operation(lambda: course_offerings.update_course_offering.describe)


class Exams(Resource[M]):
    """Exams and the people that they are assigned to."""

    with_raw_response: RawView[Exams[SyncRaw], Exams[AsyncRaw]] = RawView()
    update_assignments = operation(lambda: exams.update_exam_assignments.describe)
    update_assignments_by_enrollment = operation(lambda: exams.update_exam_assignments_by_enrollment.describe)


class ExamConfigurations(Resource[M]):
    """The rules of an exam, for everyone or for one enrollment."""

    with_raw_response: RawView[ExamConfigurations[SyncRaw], ExamConfigurations[AsyncRaw]] = RawView()
    get = operation(lambda: exam_configurations.get_exam_configuration.describe)
    update = operation(lambda: exam_configurations.update_exam_configuration.describe)


class Users(Resource[M]):
    """The people of an install."""

    with_raw_response: RawView[Users[SyncRaw], Users[AsyncRaw]] = RawView()
    create = operation(lambda: users.create_user.describe)
    update_admin = operation(lambda: users.update_admin_user.describe)
    get_profile = operation(lambda: users.get_user_profile.describe)


class Installs(Resource[M]):
    """The application install itself."""

    with_raw_response: RawView[Installs[SyncRaw], Installs[AsyncRaw]] = RawView()
    get_settings = operation(lambda: installs.get_install_settings.describe)


class Provisioning(Resource[M]):
    """Courses, people, enrollments and exams in one call."""

    with_raw_response: RawView[Provisioning[SyncRaw], Provisioning[AsyncRaw]] = RawView()
    provision = operation(lambda: provisioning.provision.describe)
