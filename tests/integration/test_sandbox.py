"""The sandbox itself: its own mistakes, its start and its command."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import httpx
import pytest

from invigilate.sandbox import (
    INVENTED,
    Sandbox,
)
from invigilate.sandbox.__main__ import main as serve
from invigilate.sandbox.documents import load
from invigilate.sandbox.validation import Specification
from tests.support.caller import Caller


def test_every_operation_is_known() -> None:
    from invigilate.sandbox import proctoring, training

    for name, operations in (
        ("smarterproctoring", proctoring.OPERATIONS),
        ("ispring-learn", training.OPERATIONS),
    ):
        for entry in load(name).operations:
            assert operations.find(entry.operation_id) is not None, entry.operation_id


def test_wrong_answers_of_its_own_are_loud(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    from invigilate.sandbox.sessions import Session

    session, other = call.sandbox.open_sessions[:2]
    with monkeypatch.context() as patch:
        patch.setattr(Session, "details", lambda _self: {"sid": 5, "surprise": 1})
        reply = call.schedule(session, {})
        assert (reply.status, reply.json["code"]) == (500, "SANDBOXDEFECT")
        patch.setattr(Session, "details", lambda _self: 1 / 0)
        assert call.schedule(other, {}).status == 500
    wrong, crash = call.sandbox.defects
    assert wrong.operation_id == "scheduleExamSession"
    assert "sid" in wrong.message
    assert "surprise" in wrong.message
    assert "ZeroDivisionError" in crash.message
    call.sandbox.defects.clear()


def test_documented_examples_are_valid() -> None:
    for name in ("smarterproctoring", "ispring-learn"):
        document = load(name)
        specification = Specification(document)
        for entry in document.operations:
            operation = document.content["paths"][entry.template][entry.method.lower()]
            answers = operation["responses"]
            answer = answers.get("200", answers.get("default"))
            example = answer["content"]["application/json"]["example"]
            assert specification.check(entry).answer_mistake(200, example) is None


def test_what_is_invented_is_listed() -> None:
    assert all(text.endswith(".") for texts in INVENTED.values() for text in texts)


def run(*arguments: str) -> list[str]:
    return [sys.executable, *arguments]


def test_start_up_time(capsys: pytest.CaptureFixture[str]) -> None:
    code = (
        "import time; began = time.perf_counter()\n"
        "from invigilate.sandbox import Sandbox; imported = time.perf_counter()\n"
        "sandbox = Sandbox(report_rows=100_000).start(); started = time.perf_counter()\n"
        "print(f'import {imported - began:.3f} s, start {started - imported:.3f} s')\n"
        "sandbox.close()"
    )
    done = subprocess.run(run("-c", code), capture_output=True, text=True, check=True)
    with capsys.disabled():
        print(f"\nsandbox: {done.stdout.strip()}")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_command(number: signal.Signals) -> None:
    process = subprocess.Popen(
        run("-m", "invigilate.sandbox", "--json", "--seed", "3", "--report-rows", "20"),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        told = json.loads(process.stdout.readline())
        values = told["environment"]
        reply = httpx.get(
            f"{values['SMARTERPROCTORING_BASE_URL']}/v1/installs"
            f"/{values['SMARTERPROCTORING_INSTALL_SID']}/reports/serviceDistribution",
            headers={"token": values["SMARTERPROCTORING_TOKEN"]},
        )
        assert reply.json()["total"] == 20
        with Sandbox(seed=3) as same:
            assert told["session_sid"] == same.session_sid
            assert values["ISPRING_CLIENT_SECRET"] == same.client_secret
    finally:
        process.send_signal(number)
        assert process.wait(10) == 0
        process.stdout.close()


def test_command_prints_exports() -> None:
    process = subprocess.Popen(run("-m", "invigilate.sandbox"), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(8)]
    process.terminate()
    assert process.wait(10) == 0
    process.stdout.close()
    names = [line.split("=")[0].removeprefix("export ") for line in lines[:7]]
    assert names == [
        "SMARTERPROCTORING_BASE_URL", "SMARTERPROCTORING_TOKEN", "SMARTERPROCTORING_INSTALL_SID",
        "ISPRING_BASE_URL", "ISPRING_CLIENT_ID", "ISPRING_CLIENT_SECRET", "ISPRING_ACCOUNT_URL",
    ]  # fmt: skip
    assert lines[7].startswith("# ")


def test_without_the_extra() -> None:
    code = "import sys; sys.modules['yaml'] = None\nimport invigilate.sandbox"
    done = subprocess.run(run("-c", code), capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "pip install 'invigilate[sandbox]'" in done.stderr


@pytest.mark.parametrize(
    ("option", "most"), [("--port", "65,535"), ("--ispring-port", "65,535"), ("--report-rows", "1,000,000")]
)
@pytest.mark.parametrize("value", ["-1", "9999999", "x"])
def test_numbers_that_are_none(option: str, value: str, most: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        serve([option, value], "program")
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("usage: program ")
    assert said.endswith(f"program: error: argument {option}: expected a whole number from 0 to {most}\n")
