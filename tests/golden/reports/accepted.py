"""Stands for the types that a release kept, in the golden reports."""

from __future__ import annotations

from typing import assert_type

from invigilate import ISpringLearn, SmarterProctoring
from invigilate_runtime import Unset
from smarterproctoring_client.models import ExamSession


def calls(client: SmarterProctoring, ispring: ISpringLearn) -> None:
    assert_type(client.exam_sessions.get(exam_sid="a", session_sid="b"), ExamSession)
    client.exam_sessions.schedule(exam_sid="a", session_sid="b", type_="b-virtual")
    for result in ispring.job_training.list_session_results(session_status="PASSED"):
        assert_type(result.checklist_title, str)
        assert_type(result.actual_start_date, str | None | Unset)
