"""Calls that are cut off at random, against a hostile server: no response of another request, and a client that lives.

`./scripts/soak` does the same for much longer.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.soak import load as loads
from benchmarks.soak.__main__ import main
from benchmarks.soak.load import Load
from benchmarks.soak.server import Server
from invigilate import APITimeoutError

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is injected by timers of POSIX")


def soak(*arguments: str) -> subprocess.CompletedProcess[str]:
    # In a process of its own, with no threads, sockets and signals of other tests.
    command = [sys.executable, "-P", "-m", "benchmarks.soak", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100, check=False)


def table(title: str, text: str) -> dict[str, int]:
    """What a run counted under a title."""
    found = re.search(rf"^  {title}: [\d,]+\n((?:    .+ +[\d,]+\n)*)", text, re.MULTILINE)
    assert found is not None, text
    lines = re.findall(r"^    (.+?) +([\d,]+)$", found[1], re.MULTILINE)
    return {name: int(number.replace(",", "")) for name, number in lines}


@pytest.mark.parametrize(
    ("mode", "calls", "ways"),
    [
        ("sync", 3000, {"Ctrl-C"}),
        ("asyncio", 4000, {"asyncio.timeout", "task.cancel", "anyio scope"}),
        ("trio", 4000, {"trio scope", "nursery canceled", "anyio scope"}),
    ],
)
def test_no_call_returns_the_response_of_another_and_the_client_is_usable_after_cancellations(
    mode: str, calls: int, ways: set[str]
) -> None:
    done = soak("--mode", mode, "--calls", str(calls), "--seed", "7")
    assert table("violations", done.stdout) == {}, done.stdout
    assert done.returncode == 0
    assert done.stderr == ""
    assert f"  {calls:,} calls in " in done.stdout
    # It shows something only if much went wrong on the way.
    faults, outcomes = table("faults injected", done.stdout), table("outcomes", done.stdout)
    assert len(faults) >= 18
    assert faults["two responses in one write"] >= 10
    assert {name for name, number in outcomes.items() if name.startswith("cut off: ") and number >= 50} == {
        f"cut off: {way}" for way in ways
    }
    assert outcomes["correct response"] >= calls / 5
    assert outcomes["prefetched rows, interrupted"] >= 3
    assert outcomes["plain calls afterwards"] == 164
    # Of the pool, before and after.
    states = re.findall(
        r"^  (before|after|after plain calls) +in use (\d+), idle (\d+), limit (\d+);", done.stdout, re.M
    )
    assert [(when, in_use) for when, in_use, _, _ in states] == [
        ("before", "0"), ("after", "0"), ("after plain calls", "0")
    ]  # fmt: skip
    assert all(int(idle) <= int(limit) for _, _, idle, limit in states)


def test_a_soak_ends_when_its_time_is_over() -> None:
    done = soak("--mode", "asyncio", "--calls", "1000000", "--seconds", "1")
    assert "  ended early: the time is over\n" in done.stdout
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("option", ["--calls", "--seconds"])
@pytest.mark.parametrize("value", ["0", "-1", "x", "nan"])
def test_a_soak_of_nothing_is_refused(capsys: pytest.CaptureFixture[str], option: str, value: str) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([option, value])
    assert stopped.value.code == 2
    assert f"argument {option}: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("codes", "line", "code"),
    [
        ({}, "all modes: no violations\n", 0),
        ({"trio": 1, "sync": -9}, "all modes: violations in trio, sync\n", 1),
    ],
)
def test_the_last_line_of_a_soak_is_about_all_modes(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    codes: dict[str, int],
    line: str,
    code: int,
) -> None:
    def run(command: list[str], **options: Any) -> Any:
        return SimpleNamespace(returncode=codes.get(command[-1], 0))

    monkeypatch.setattr(subprocess, "run", run)
    assert main(["--calls", "3"]) == code
    assert capsys.readouterr().out == line


class Broken:
    """A client that returns, or raises, always the same."""

    connections = SimpleNamespace(in_use=3, idle=0, limit=100)

    def __init__(self, result: Any) -> None:
        self.result = result

    def with_options(self, **options: Any) -> Broken:
        return self

    def request(self, method: str, path: str) -> Any:
        if isinstance(self.result, Exception):
            raise self.result
        return SimpleNamespace(parsed=self.result)


def work(client: Any, calls: int = 1) -> Load:
    load = Load("sync", calls, 7, None, {"plain": 1.0})
    load.use(client)
    for planned in load.planned():
        with pytest.raises(StopIteration):
            load.call(planned).send(None)
    return load


def test_the_soak_finds_a_response_of_another_request() -> None:
    load = work(Broken({"id": 2, "method": "GET"}))
    assert load.violations == {"responses of another request": 1}
    # It was there before the request was sent, so a client can know. It cannot if it crossed the request.
    assert work(Broken({"id": "stray", "stray_at": time.monotonic() - 1})).violations
    load = work(Broken({"id": "stray", "stray_at": time.monotonic()}))
    assert not load.violations
    assert load.outcomes == {"stray response that crossed the request": 1}


def test_the_soak_finds_connections_that_stay_in_use(capsys: pytest.CaptureFixture[str]) -> None:
    load = work(Broken({"id": 1}))
    load.state("after", 0)
    assert load.violations["connections in use without a call"] == 1
    assert "in use 3, idle 0, limit 100; " in capsys.readouterr().out
    assert not load.report(None)


def test_the_soak_finds_a_dead_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loads, "SILENCE", 0.1)
    error = APITimeoutError("too late", method="GET", path="/")
    load = Load("sync", 10**9, 7, None, {"plain": 1.0})
    load.use(Broken(error))
    with load.watched():
        for planned in load.planned():
            with pytest.raises(StopIteration):
                load.call(planned).send(None)
            time.sleep(0.01)
    assert load.violations == {"dead clients": 1}
    assert load.stopped.startswith("the client is dead")


def test_the_soak_finds_a_request_that_was_sent_twice() -> None:
    with Server(7) as server:
        server.calm()
        for number in (1, 2, 2):
            request = urllib.request.Request(f"{server.url}/echo/{number}", b"", method="POST")
            with urllib.request.urlopen(request, timeout=10) as response:
                assert response.status == 200
        found = server.report()
    assert (found["requests"], found["posts"], found["twice"]) == (3, 2, ["/echo/2"])
    load = work(Broken(None))
    assert not load.report(found)
    assert load.violations == {"requests sent twice that are not idempotent": 1}
