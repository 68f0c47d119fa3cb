"""The sandbox itself: its own mistakes, its start and its command."""

from __future__ import annotations

import inspect
import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from invigilate.sandbox import Sandbox
from invigilate.sandbox.__main__ import main as serve
from invigilate.sandbox.__main__ import parser
from invigilate.sandbox.documents import load
from invigilate.sandbox.examples import success_media
from invigilate.sandbox.listing import BEHAVIOR
from invigilate.sandbox.registry import find, shipped
from invigilate.sandbox.validation import Specification
from tests.support.caller import Caller

# Nothing depends on them, so that examples do.
EXAMPLES = {
    "listCourseFields",
    "getCoursesTree",
    "listLearningTrackCourses",
    "performance",
    "training_sessions",
    "assignments",
    "quizzes",
    "reports",
}


def test_every_operation_that_a_flow_needs_has_behavior() -> None:
    for key, operations in BEHAVIOR.items():
        document = load(find(key))
        for entry in document.operations:
            names = {entry.operation_id, *document.operation(entry).get("tags", ())}
            without = key == "ispring" and not EXAMPLES.isdisjoint(names)
            assert (entry.operation_id in operations) != without, entry.operation_id


def test_wrong_responses_of_its_own_are_loud(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    from invigilate.sandbox.smarterproctoring.sessions import Session

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
    for api in shipped():
        document = load(api)
        specification = Specification(document)
        for entry in document.operations:
            media = success_media(document, entry)
            check = specification.check(entry)
            if media is None:
                assert not check.has_content(check.success_status)
                continue
            assert check.response_mistake(check.success_status, media["example"]) is None


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
        "SMARTERPROCTORING_TOKEN", "SMARTERPROCTORING_INSTALL_SID", "SMARTERPROCTORING_BASE_URL",
        "ISPRING_CLIENT_ID", "ISPRING_CLIENT_SECRET", "ISPRING_ACCOUNT_URL", "ISPRING_BASE_URL",
    ]  # fmt: skip
    assert lines[7].startswith("# ")


def test_without_the_extra() -> None:
    code = "import sys; sys.modules['yaml'] = None\nimport invigilate.sandbox"
    done = subprocess.run(run("-c", code), capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "pip install 'invigilate[sandbox]'" in done.stderr


@pytest.mark.parametrize(("option", "range_"), [("--control-port", "0 to 65,535"), ("--report-rows", "0 to 1,000,000")])
@pytest.mark.parametrize("value", ["-1", "9999999", "x"])
def test_numbers_that_are_wrong(option: str, value: str, range_: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        serve([option, value], "program")
    assert ended.value.code == 2
    message = capsys.readouterr().err
    assert message.startswith("usage: program ")
    assert message.endswith(f"program: error: argument {option}: expected a whole number from {range_}\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--port", "8080"),
        ("--port", "ispring=x"),
        ("--token-lifetime", "0"),
        ("--clock", "2026-09-01T08:00:00"),
        ("--clock", "soon"),
        ("--expired-token", "404"),
    ],
)
def test_options_that_are_wrong(arguments: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        serve(arguments, "program")
    assert ended.value.code == 2
    assert f"argument {arguments[0]}: " in capsys.readouterr().err


def test_the_command_has_the_options_of_the_class() -> None:
    of_the_class = set(inspect.signature(Sandbox).parameters)
    of_the_command = {action.dest for action in parser()._actions}
    assert of_the_class - {"ports"} <= of_the_command
    assert of_the_command - of_the_class == {"help", "port", "fault", "list_faults", "json"}


def test_the_command_passes_its_options_on(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = (
        *("--port", f"ispring={port}", "--open-sessions", "2", "--max-limit", "3", "--token-lifetime", "0.5"),
        *("--expired-token", "401", "--clock", "2026-09-01T08:00:00+02:00", "--no-strict", "--idle-timeout", "5"),
    )
    process = subprocess.Popen(run("-m", "invigilate.sandbox", "--json", *options), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        values = json.loads(process.stdout.readline())
        environment = values["environment"]
        assert environment["ISPRING_BASE_URL"] == values["urls"]["ispring"] == f"http://127.0.0.1:{port}"
        report = (
            f"{environment['SMARTERPROCTORING_BASE_URL']}/v1/installs"
            f"/{environment['SMARTERPROCTORING_INSTALL_SID']}/reports/serviceDistribution"
        )
        refused = httpx.get(report, headers={"token": environment["SMARTERPROCTORING_TOKEN"]}, trust_env=False)
        assert refused.status_code == 401
    finally:
        process.terminate()
        assert process.wait(10) == 0
        process.stdout.close()


def test_an_api_that_is_unknown(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert serve(["--port", "ispringy=0"], "program") == 2
    assert "ispringy" in capsys.readouterr().err
    assert serve(["--apis", str(tmp_path / "nothing.toml")], "program") == 2
    assert "nothing.toml" in capsys.readouterr().err
