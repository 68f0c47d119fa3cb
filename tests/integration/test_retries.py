"""Retries on the wire: the same to the byte, for each kind of body, but for a token that was renewed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from invigilate import OutcomeUnknownError
from tests.support.endings import every_mode
from tests.support.modes import Mode, ispring, proctoring, run, settle
from tests.support.recorder import Answer, Answerer, RecordedRequest, Recorder

Wire = Callable[[str | Answerer], Recorder]
OFFERING = "CO" + "3c" * 16
TOKEN = {"access_token": "issued", "expires_in": 1800, "token_type": "bearer"}


@pytest.fixture(autouse=True)
def without_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("invigilate._policy.FIRST_BACKOFF", 0.0)


def failing_twice(good: Any, token: Any = None) -> Answerer:
    """Answers 503 and 502 to the first two requests of a path, and then well."""
    seen: dict[str, int] = {}

    def answer(request: RecordedRequest) -> Answer:
        seen[request.path] = number = seen.get(request.path, 0) + 1
        if number < 3:
            return Answer.of_json({"message": "not now"}, (503, 502)[number - 1])
        return Answer.of_json(token if "token" in request.path else good)

    return answer


def update(client: Any) -> Any:
    return client.course_offerings.update(
        offering_sid=OFFERING, title="Jürgen & Co ✓", match_strings=["a", "b"], start_date=None
    )


def read(client: Any) -> Any:
    return client.reports.service_distribution(offset=3, limit=7).collect()


def send(client: Any) -> Any:
    return client.request(
        "PUT", "/v1/x", json={"b": [1, None, "é"]}, params={"q": "ä b", "r": ["1", "2"]}, idempotent=True
    )


@every_mode
@pytest.mark.parametrize(("call", "has_body"), [(update, True), (read, False), (send, True)])
def test_json_bodies_and_none(mode: Mode, call: Callable[[Any], Any], has_body: bool, wire: Wire) -> None:
    recorder = wire(failing_twice({"sid": OFFERING, "total": 4, "results": [{"sid": "x"}]}))

    async def scenario() -> None:
        async with proctoring(mode, recorder.url) as client:
            await settle(call(client))

    run(mode, scenario)
    first, second, third = recorder.requests
    assert first == second == third
    assert bool(first.body) == has_body
    assert has_body == (first.header("content-type") == "application/json")


@every_mode
def test_form_bodies(mode: Mode, wire: Wire) -> None:
    recorder = wire(failing_twice([], TOKEN))

    async def scenario() -> None:
        async with ispring(mode, recorder.url, client_id="id & co", client_secret="s€cret+") as client:
            await settle(client.job_training.list_session_results(checklist_id="3fa85f64-5717-4562-b3fc-2c963f66afa6"))

    run(mode, scenario)
    tokens = [request for request in recorder.requests if "token" in request.path]
    results = [request for request in recorder.requests if "token" not in request.path]
    for requests, kind in ((tokens, "application/x-www-form-urlencoded"), (results, "application/json")):
        first, second, third = requests
        assert first == second == third
        assert first.header("content-type") == kind
        assert first.body
    assert results[0].header("authorization") == "Bearer issued"


@every_mode
def test_only_a_renewed_token_differs(mode: Mode, wire: Wire) -> None:
    issued: list[str] = []

    def answer(request: RecordedRequest) -> Answer:
        if "token" in request.path:
            issued.append(f"issued-{len(issued)}")
            return Answer.of_json({**TOKEN, "access_token": issued[-1]})
        good = request.header("authorization") == "Bearer issued-1"
        return Answer.of_json([] if good else {"code": 401, "message": "no"}, 200 if good else 401)

    recorder = wire(answer)

    async def scenario() -> None:
        async with ispring(mode, recorder.url, client_id="id", client_secret="secret") as client:
            await settle(client.job_training.list_session_results(checklist_id="3fa85f64-5717-4562-b3fc-2c963f66afa6"))

    run(mode, scenario)
    first, second = [request for request in recorder.requests if "token" not in request.path]
    assert (first.method, first.target, first.body) == (second.method, second.target, second.body)
    changed = [(a, b) for a, b in zip(first.headers, second.headers, strict=True) if a != b]
    assert [(a[0].lower(), a[1], b[1]) for a, b in changed] == [("authorization", "Bearer issued-0", "Bearer issued-1")]


@every_mode
def test_what_is_not_idempotent_is_there_once(mode: Mode, wire: Wire) -> None:
    recorder = wire(failing_twice({"sid": "x"}))

    async def scenario() -> None:
        async with proctoring(mode, recorder.url) as client:
            sids = {"exam_sid": "EX" + "1a" * 16, "session_sid": "ES" + "2b" * 16}
            with pytest.raises(OutcomeUnknownError):
                await settle(client.exam_sessions.schedule(**sids, amount=5))

    run(mode, scenario)
    assert json.loads(recorder.only().body) == {"amount": 5}
