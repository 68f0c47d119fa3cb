"""Tests the receiver: a real server, to which the sandbox delivers, including what is lost and what comes twice.

`pip install 'invigilate[sandbox]' fastapi uvicorn pytest` installs everything.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from invigilate import ISpringLearn
from invigilate.sandbox import Sandbox, faults

from ..app import SUBSCRIBER, create_app  # noqa: TID252  # the folder may be copied and renamed
from ..subscribe import EVENT, subscribe  # noqa: TID252

SECRET = "example-secret"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "completions.sqlite"


@pytest.fixture
def url(invigilate_sandbox: Sandbox, database: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The callback URL of the running receiver."""
    settings = {**invigilate_sandbox.environment, "WEBHOOK_SECRET": SECRET, "WEBHOOK_DATABASE": str(database)}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    with serving() as base:
        yield f"{base}/events"


@contextmanager
def serving() -> Iterator[str]:
    server = uvicorn.Server(
        uvicorn.Config(create_app, factory=True, port=0, log_level="warning", ws="none", lifespan="off")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        until(lambda: server.started)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def until(condition: Any) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def confirmed(client: ISpringLearn) -> bool:
    return client.webhooks.get_subscriber(subscriber_name=SUBSCRIBER).confirmation_status == "CONFIRMED"


def complete(sandbox: Sandbox, client: ISpringLearn, day: str) -> str:
    """Complete the course of the sandbox's first enrollment; returns the enrollment."""
    course, enrollment = sandbox.identifiers["course_id"], sandbox.identifiers["enrollment_id"]
    for status in ("automatic", "passed"):
        client.statistics.update_course_status(
            course_id=course, enrollment_ids=[enrollment], status=status, date=day, awarded_score=90
        )
    assert sandbox.deliveries.settle()
    return enrollment


def rows(database: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute("SELECT enrollment, completed_at FROM completions").fetchall()


@pytest.fixture
def subscribed(url: str, ispring_client: ISpringLearn) -> str:
    subscribe(ispring_client, url, SECRET)
    until(lambda: confirmed(ispring_client))
    return url


def test_duplicates_are_stored_once(
    subscribed: str, invigilate_sandbox: Sandbox, ispring_client: ISpringLearn, database: Path
) -> None:
    deliveries = invigilate_sandbox.deliveries
    before = len(deliveries.attempts)
    deliveries.lose(2)
    enrollment = complete(invigilate_sandbox, ispring_client, "2026-03-20")
    deliveries.repeat()
    assert deliveries.settle()
    assert [each.outcome for each in list(deliveries.attempts)[before:]].count("delivered") == 2
    assert len(deliveries.attempts) == before + 4
    assert rows(database) == [(enrollment, "2026-03-20T00:00:00.000000+00:00")]


def test_a_late_copy_does_not_replace_a_newer_completion(
    subscribed: str, invigilate_sandbox: Sandbox, ispring_client: ISpringLearn, database: Path
) -> None:
    deliveries = invigilate_sandbox.deliveries
    enrollment = complete(invigilate_sandbox, ispring_client, "2026-03-20")
    old = list(deliveries.attempts)[-1]
    complete(invigilate_sandbox, ispring_client, "2026-03-25")
    late = httpx.post(subscribed, content=old.body, headers={"X-Hub-Signature": str(old.signature)})
    assert late.status_code == 200
    assert rows(database) == [(enrollment, "2026-03-25T00:00:00.000000+00:00")]


def test_what_cannot_be_stored_is_delivered_later(
    subscribed: str, invigilate_sandbox: Sandbox, ispring_client: ISpringLearn, database: Path
) -> None:
    database.unlink()
    database.mkdir()
    course, enrollment = invigilate_sandbox.identifiers["course_id"], invigilate_sandbox.identifiers["enrollment_id"]
    ispring_client.statistics.update_course_status(course_id=course, enrollment_ids=[enrollment], status="passed")
    until(lambda: list(invigilate_sandbox.deliveries.attempts)[-1].outcome == "failed: status 500")
    database.rmdir()
    assert invigilate_sandbox.deliveries.settle()
    assert [enrolled for enrolled, _ in rows(database)] == [enrollment]


def test_refusals(subscribed: str, invigilate_sandbox: Sandbox, ispring_client: ISpringLearn, database: Path) -> None:
    complete(invigilate_sandbox, ispring_client, "2026-03-20")
    sent = list(invigilate_sandbox.deliveries.attempts)[-1]
    before = rows(database)
    changed = sent.body.replace("2026", "2027").replace("COURSE", "Course")
    assert httpx.post(subscribed, content=sent.body).status_code == 401
    signed = {"X-Hub-Signature": str(sent.signature)}
    assert httpx.post(subscribed, content=changed, headers=signed).status_code == 401
    broken = b'{"type": "COURSE_COMPLETED_SUCCESSFULLY"}'
    signed = {"X-Hub-Signature": sha256(broken + SECRET.encode()).hexdigest()}
    refused = httpx.post(subscribed, content=broken, headers=signed)
    assert (refused.status_code, "payloads" in refused.text) == (400, True)
    assert rows(database) == before


def test_subscribing_twice_and_a_code_that_comes_twice(
    subscribed: str, invigilate_sandbox: Sandbox, ispring_client: ISpringLearn
) -> None:
    invigilate_sandbox.deliveries.repeat()  # the code, used already
    assert invigilate_sandbox.deliveries.settle()
    assert confirmed(ispring_client)
    subscribe(ispring_client, subscribed, SECRET)
    assert invigilate_sandbox.deliveries.settle()
    listed = ispring_client.webhooks.list_subscriptions(subscriber_name=SUBSCRIBER)
    assert [each.subscription_type for each in listed] == [EVENT]
    until(lambda: confirmed(ispring_client))


def test_a_confirmation_that_fails_is_logged_without_the_code(
    url: str, invigilate_sandbox: Sandbox, ispring_client: ISpringLearn, caplog: pytest.LogCaptureFixture
) -> None:
    invigilate_sandbox.faults.add("confirmWebhook", faults.drop_response(times=1))
    subscribe(ispring_client, url, SECRET)
    until(lambda: "not confirmed" in caplog.text)
    (delivery,) = invigilate_sandbox.deliveries.attempts
    code = delivery.body.split('code\\":\\"')[1].split("\\")[0]
    assert len(code) > 30
    assert code not in caplog.text
