"""Fixtures for tests against the sandbox."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from invigilate.sandbox import Sandbox
from tests.support.caller import Caller


@pytest.fixture
def call() -> Iterator[Caller]:
    with Sandbox() as sandbox:
        caller = Caller(sandbox)
        yield caller
        caller.close()
        assert sandbox.defects == []


@pytest.fixture
def sandbox_for_dlt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A sandbox whose environment variables are set, for pipelines of dlt that write below `tmp_path`.

    Telemetry is off, and a connection to any other machine fails the test.
    """
    contacted: list[object] = []
    resolve = socket.getaddrinfo

    def only_here(host: Any, *rest: Any, **options: Any) -> Any:
        if host not in {"127.0.0.1", "localhost", "::1"}:
            contacted.append(host)
            raise OSError(f"{host}: not on this machine")
        return resolve(host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", only_here)
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))
    monkeypatch.chdir(tmp_path)
    with Sandbox() as sandbox:
        for name, value in sandbox.environment.items():
            monkeypatch.setenv(name, value)
        yield sandbox
        assert sandbox.defects == []
    assert contacted == []
