"""Calls over bare sockets and how they end: well, with an error, or unknown. No error and no log may show a secret."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from invigilate import (
    APIError,
    InvigilateError,
    OutcomeUnknownError,
)
from tests.support.modes import MODES, TOKEN, Mode, proctoring, run, settle
from tests.support.scripted import Script, answer

every_mode = pytest.mark.parametrize("mode", MODES)

SIDS = {"exam_sid": "EX" + "1a" * 16, "session_sid": "ES" + "2b" * 16}
CARD = "tok_visa_never_shown"
BOOKING = {**SIDS, "amount": 12, "card_token": CARD, "email": "ada@example.org"}
SESSION = answer({"sid": SIDS["session_sid"], "status": "Scheduled"})
PAGE = answer({"total": 1, "count": 1, "offset": 0, "results": [{"sid": SIDS["session_sid"]}]})
OFFERING = answer({"sid": "CO" + "3c" * 16, "title": "Fall"})

Call = Callable[[Any], Any]


async def unsafe(client: Any) -> Any:
    """A call that must never be sent twice."""
    return await settle(client.exam_sessions.schedule(**BOOKING))


async def safe(client: Any) -> Any:
    """A call that may be sent again, with a body."""
    update = client.course_offerings.update
    return await settle(update(offering_sid="CO" + "3c" * 16, title="Fall", match_strings="F"))


async def report(client: Any, **arguments: Any) -> Any:
    return await settle(client.reports.service_distribution(**arguments).collect())


@pytest.fixture(autouse=True)
def nothing_sensitive_in_the_log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.DEBUG)
    yield
    for record in caplog.records:
        assert_nothing_sensitive(record.getMessage())


@pytest.fixture(autouse=True)
def without_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    # The jitter decides the waits before repeats; without them the tests say the same sooner.
    monkeypatch.setattr("invigilate._policy.FIRST_BACKOFF", 0.0)


def assert_nothing_sensitive(text: str) -> None:
    for secret in (TOKEN, CARD, "ada@example.org"):
        assert secret not in text


def failing(kind: type[APIError], mode: Mode, call: Call, url: str, **options: Any) -> Any:
    """The error that a call ends with."""

    async def scenario() -> None:
        async with proctoring(mode, url, **options) as client:
            await call(client)

    with pytest.raises(kind) as caught:
        run(mode, scenario)
    error: Any = caught.value
    assert type(error) is kind
    links: list[BaseException] = [error]
    while (link := links[-1].__cause__ or links[-1].__context__) is not None and link not in links:
        links.append(link)
    for link in links:
        assert_nothing_sensitive(f"{link} {link!r}")
    assert "\n" not in str(error)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    return error


def succeeding(mode: Mode, call: Call, url: str, times: int = 1, **options: Any) -> Any:
    """What the last of some calls gives."""

    async def scenario() -> Any:
        result = None
        async with proctoring(mode, url, **options) as client:
            for _ in range(times):
                result = await call(client)
        return result

    return run(mode, scenario)


def unknown(mode: Mode, url: str, **options: Any) -> OutcomeUnknownError:
    """An unsafe call that ends unknown, and that was tried once."""
    error: OutcomeUnknownError = failing(OutcomeUnknownError, mode, unsafe, url, **options)
    assert len(error.attempts) == 1
    assert isinstance(error.__cause__, InvigilateError)
    assert error.arguments["session_sid"] == SIDS["session_sid"]
    return error


def first_then(first: Script, then: Script) -> Script:
    """One script for the first connection, another for those that follow."""
    return lambda peer: (first if peer.number == 1 else then)(peer)
