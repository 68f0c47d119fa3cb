"""The calls of the demo. The demo prints their source, so what is shown is what ran."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from invigilate import CheckResult, ISpringLearn, OutcomeUnknownError, SmarterProctoring
from invigilate.export import ExportProgress, ExportResult
from ispring_learn_client.models import CriterionResult, JobTrainingSessionResult
from smarterproctoring_client.models import (
    CourseOffering,
    EnrollmentExamSession,
    ExamSession,
    OnboardingUrl,
    ProvisionResult,
)


def provision(client: SmarterProctoring, rules: Mapping[str, Any]) -> ProvisionResult:
    """Create a course, a student in it and an exam."""
    return client.provisioning.provision(
        course={
            "ids": {"external": "bio-110"},
            "title": "Human Anatomy",
            "code": "BIO-110",
        },
        user={
            "ids": {"external": "student-1"},
            "firstName": "Ada",
            "lastName": "Example",
            "email": "ada@example.com",
        },
        enrollment={"role": "learner"},
        exam={
            "ids": {"external": "midterm"},
            "title": "Midterm Exam",
            "limitedScope": True,
            "configuration": rules,
        },
    )


def assign(client: SmarterProctoring, exam_sid: str, enrollment_sid: str) -> str:
    """Assign the exam to the student."""
    return client.exams.update_assignments(
        exam_sid=exam_sid,
        added={"enrollmentSid": [enrollment_sid]},
    )


def sessions(client: SmarterProctoring, enrollment_sid: str, exam_sid: str) -> list[EnrollmentExamSession]:
    """List the student's sessions."""
    return client.exam_sessions.list_for_enrollment(
        enrollment_sid=enrollment_sid,
        exam_sid=exam_sid,
        include_active=True,
    ).collect()


def book(client: SmarterProctoring, exam_sid: str, session_sid: str, when: datetime) -> ExamSession:
    """Schedule a session and pay for it."""
    return client.exam_sessions.schedule(
        exam_sid=exam_sid,
        session_sid=session_sid,
        type_="b-virtual",
        appointment_date_time=when,  # any time zone; sent in UTC
        amount=Decimal("25.00"),
        currency="USD",
        card_token="tok_sandbox_visa",
    )


def read(client: SmarterProctoring, exam_sid: str, session_sid: str) -> ExamSession:
    """Read a session."""
    return client.exam_sessions.get(exam_sid=exam_sid, session_sid=session_sid)


def look(client: SmarterProctoring, error: OutcomeUnknownError, before: ExamSession) -> CheckResult:
    """Read back the outcome of a request."""
    return client.exam_sessions.check(error, before=before)


def onboard(client: SmarterProctoring, exam_sid: str, session_sid: str) -> OnboardingUrl:
    """Get the URL for the student."""
    return client.exam_sessions.onboarding_url(
        exam_sid=exam_sid,
        session_sid=session_sid,
    )


def move(client: SmarterProctoring, exam_sid: str, session_sid: str, when: datetime) -> str:
    """Move a scheduled session to another time."""
    return client.exam_sessions.reschedule(
        exam_sid=exam_sid,
        session_sid=session_sid,
        appointment_date_time=when,
    )


def cancel(client: SmarterProctoring, exam_sid: str, session_sid: str) -> str:
    """Cancel a scheduled session."""
    return client.exam_sessions.cancel(
        exam_sid=exam_sid,
        session_sid=session_sid,
        cancellation_memo="The student is ill.",
        reason="other-reason",
    )


def rename(client: SmarterProctoring, offering_sid: str, title: str) -> CourseOffering:
    """Rename a course offering."""
    return client.course_offerings.update(
        offering_sid=offering_sid,
        title=title,
        match_strings=["Fall 2025", "FA25"],
        start_date="2025-08-25T00:00:00Z",
        end_date="2025-12-19T00:00:00Z",
    )


def export(client: SmarterProctoring, path: Path, progress: Callable[[ExportProgress], None]) -> ExportResult:
    """Write the whole report to a file."""
    return client.reports.service_distribution().export(
        path,
        overwrite=True,
        on_progress=progress,
    )


def training(ispring: ISpringLearn, checklist_id: str) -> list[JobTrainingSessionResult]:
    """Read the training sessions of a checklist."""
    return ispring.job_training.list_session_results(checklist_id=checklist_id)


def criteria(ispring: ISpringLearn, checklist_id: str) -> list[CriterionResult]:
    """Read the results of a checklist, criterion by criterion."""
    return ispring.job_training.list_criterion_results(checklist_id=checklist_id)
