"""The table of failures in docs/errors-and-retries.md: each row happens to a real request of either kind."""

from __future__ import annotations

import random
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import trustme
from docrender.regions import policy

from invigilate import APIError, SmarterProctoring
from invigilate.sandbox import Exchange, Hangup, Phase, Response, Sandbox
from tests.support.recorder import Recorder


@dataclass
class Fault:
    """Responds to every request with a status, or not at all."""

    status: int | None
    count: int = 0

    def connected(self, api: str) -> None:
        pass

    def reached(self, phase: Phase, exchange: Exchange) -> None:
        if phase is Phase.VALIDATED:
            self.count += 1
            if self.status is None:
                raise Hangup
            exchange.response = Response(self.status, b"neither JSON nor documented")


def rows() -> Iterator[tuple[str, list[str]]]:
    for line in policy().splitlines()[2:]:
        what, _, *cells = (cell.strip() for cell in line.strip("|").split("|"))
        yield what, cells


def status_of(what: str) -> int | None:
    if "connection" in what or "certificate" in what:
        return None
    special = {"3": 302, "another 4xx": 418, "another 5xx": 520, "2": 200}
    digits = what.split(",")[0]
    return (
        int(digits) if digits.isdigit() else next(value for start, value in special.items() if what.startswith(start))
    )


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(report_rows=1) as running:
        yield running


def read_report(client: SmarterProctoring, sandbox: Sandbox) -> object:
    return client.reports.service_distribution().first()


def book(client: SmarterProctoring, sandbox: Sandbox) -> object:
    return client.exam_sessions.schedule(exam_sid=sandbox.exam_sid, session_sid=sandbox.session_sid)


@pytest.fixture(scope="module")
def untrusted() -> Iterator[str]:
    """The URL of a server whose certificate nobody vouches for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with Recorder(lambda request: pytest.fail("a request was sent"), context) as server:
        yield server.url


@pytest.mark.parametrize(("what", "cells"), list(rows()), ids=[what for what, _ in rows()])
@pytest.mark.parametrize(("call", "column"), [(read_report, 0), (book, 2)], ids=["idempotent", "not idempotent"])
def test_what_the_table_says_happens(
    what: str,
    cells: list[str],
    call: Callable[[SmarterProctoring, Sandbox], object],
    column: int,
    sandbox: Sandbox,
    untrusted: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(random, "random", lambda: 0.0)
    fault = Fault(status_of(what))
    url = untrusted if "certificate" in what else sandbox.smarterproctoring_url
    if "no part" in what:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{unused.getsockname()[1]}"
    sandbox.interceptors[:] = [fault]
    with (
        SmarterProctoring(sandbox.token, sandbox.install_sid, base_url=url, max_retries=1) as client,
        pytest.raises(APIError) as caught,
    ):
        call(client, sandbox)
    retried, raised = cells[column], cells[column + 1]
    assert f"`{type(caught.value).__name__}`" == raised
    assert len(caught.value.attempts) == (2 if retried == "**retried**" else 1)
    assert fault.count == (0 if "no part" in what or "certificate" in what else len(caught.value.attempts))
