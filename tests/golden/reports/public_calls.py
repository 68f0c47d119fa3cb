"""Stands for the programs that a release kept, in the golden reports."""

from __future__ import annotations

import httpx

from invigilate import ISpringLearn, SmarterProctoring
from invigilate.sandbox import Sandbox

EXAM, SESSION = "EX" + "0" * 32, "ES" + "0" * 32


def test_a_session_is_read() -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(200, json={"sid": SESSION}))
    with SmarterProctoring("token", "AI" + "0" * 32, transport=transport) as client:
        assert client.exam_sessions.get(exam_sid=EXAM, session_sid=SESSION).sid == SESSION


def test_results_have_titles() -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(200, json=[{"checklistTitle": "Sales"}]))
    with ISpringLearn("token", account_url="https://example.ispringlearn.com", transport=transport) as client:
        assert client.job_training.list_session_results()[0].checklist_title == "Sales"


def served(sandbox: Sandbox) -> ISpringLearn:
    return ISpringLearn(
        client_id=sandbox.client_id,
        client_secret=sandbox.client_secret,
        account_url=sandbox.account_url,
        base_url=sandbox.ispring_url,
    )


def test_the_sandbox_has_results() -> None:
    with Sandbox(seed=7) as sandbox, served(sandbox) as client:
        assert client.job_training.list_session_results()


def test_the_sandbox_has_results_of_each_state() -> None:
    with Sandbox(seed=7) as sandbox, served(sandbox) as client:
        assert client.job_training.list_session_results(session_status="PASSED")
