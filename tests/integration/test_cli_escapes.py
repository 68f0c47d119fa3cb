"""Issue 8, point 7: nothing that a server says does anything to a terminal, and no character ends a command."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from invigilate.cli import ExitCode, main
from invigilate.sandbox import Exchange, Phase, Response, Sandbox
from tests.integration.test_cli import Done, Run
from tests.support.terminal import settings, start, terminal

BAD = "\x1b[2J\x1b]0;x\x07\x9b31m\x85\x7f\u202a\u202e\u2066\u2069\u200e\u200f\u061c\u2028\ud800\r\n"
DANGEROUS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
OWN = re.compile(r"\x1b\[[0-9;?]*[mKhlA]|\r")
"""What the command line itself writes to a terminal: colors, and the progress line."""


class Poisoner:
    """Puts into each JSON response what no terminal should get: into values, names of fields, and nested objects."""

    def __init__(self) -> None:
        self.status: int | None = None

    def connected(self, api: str) -> None:
        """See `Interceptor`."""

    def reached(self, phase: Phase, exchange: Exchange) -> None:
        """See `Interceptor`."""
        if phase is not Phase.APPLIED or exchange.response is None or exchange.path.endswith("/token"):
            return
        value = poisoned(json.loads(exchange.response.body))
        if self.status is not None:
            value = {"code": f"X{BAD}", "message": f"no{BAD}"}
        headers = {"Content-Type": "application/json", "X-Request-Id": "r1"}
        exchange.response = Response(self.status or exchange.response.status, json.dumps(value).encode(), headers)


def poisoned(value: Any) -> Any:
    if isinstance(value, dict):
        found = {str(key): poisoned(item) for key, item in value.items()}
        return {**found, f"k{BAD}": {f"n{BAD}": [f"v{BAD}"]}, "exam": {f"n{BAD}": [f"v{BAD}"]}}
    if isinstance(value, list):
        return [poisoned(item) for item in value]
    return f"{value}{BAD}" if isinstance(value, str) else value


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(seed=7, report_rows=5) as sandbox:
        yield sandbox


@pytest.fixture
def poisoner(sandbox: Sandbox) -> Poisoner:
    poisoner = Poisoner()
    sandbox.interceptors.append(poisoner)
    return poisoner


def lines(sandbox: Sandbox, folder: Path) -> list[str]:
    session = f"--exam-sid {sandbox.exam_sid} --session-sid {sandbox.session_sid}"
    (folder / "rows.csv").write_text(f"exam_sid,session_sid\n{sandbox.exam_sid},{sandbox.session_sid}\n")
    return [
        "report --max-rows 3",
        "report --max-rows 3 --columns exam,status,course.code",
        "report --bars",
        f"sessions show {session}",
        f"sessions show {session} --timezone Europe/Berlin",
        f"sessions list --enrollment-sid {sandbox.enrollment_sid} --exam-sid {sandbox.exam_sid}",
        f"sessions schedule {session} --type automated --notes '\u202e' --dry-run",
        f"sessions schedule {session} --type automated --yes --debug",
        "sessions schedule --from rows.csv --yes",
        "api ispring job-training list-session-results",
        f"api smarterproctoring course-offerings update --offering-sid {sandbox.offering_sid} --title x "
        "--match-strings A --yes",
    ]


@pytest.fixture
def run(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    for name, value in settings(sandbox).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)

    def run(line: str) -> Done:
        return Done(int(main(shlex.split(line))), *capfd.readouterr())

    return run


@pytest.mark.parametrize("status", [None, 409], ids=["success", "refused"])
def test_issue_8_point_7_nothing_dangerous_is_printed(
    status: int | None, run: Run, sandbox: Sandbox, poisoner: Poisoner, tmp_path: Path
) -> None:
    poisoner.status = status
    for line in lines(sandbox, tmp_path):
        done = run(line)
        assert DANGEROUS.findall(done.out + done.err) == [], line
        assert done.code != ExitCode.FAILED
        if status is None and not any(word in line for word in ("dry-run", "--bars", "--from")):
            assert r"\x1b" in done.out
            assert r"\x9b" in done.out


@pytest.mark.parametrize("status", [None, 409], ids=["success", "refused"])
def test_issue_8_point_7_nothing_dangerous_is_drawn(
    status: int | None, sandbox: Sandbox, poisoner: Poisoner, tmp_path: Path
) -> None:
    poisoner.status = status
    for line in lines(sandbox, tmp_path)[:6] if status is None else lines(sandbox, tmp_path)[7:9]:
        with terminal(*shlex.split(line), folder=tmp_path, environment=settings(sandbox), columns=200) as shown:
            shown.end()
        assert DANGEROUS.findall(OWN.sub("", shown.raw)) == [], line


def test_issue_8_point_7_json_has_all_as_it_came(
    run: Run, sandbox: Sandbox, poisoner: Poisoner, tmp_path: Path
) -> None:
    for line in (f"{line} --json" for line in lines(sandbox, tmp_path)):
        if any(word in line for word in ("dry-run", "--bars", "--columns", "--from")):
            continue
        done = run(line)
        assert done.code == 0, done.err
        assert DANGEROUS.findall(done.out) == [], line
        found = [json.loads(text) for text in done.out.split("\n")[:-1]]
        assert all(row[f"k{BAD}"] == {f"n{BAD}": [f"v{BAD}"]} for row in found), line
        assert found


@pytest.mark.parametrize("encoding", ["utf-8:strict", "ascii"])
@pytest.mark.parametrize("as_json", [True, False])
def test_issue_8_point_7_a_lone_surrogate_ends_nothing(
    encoding: str, as_json: bool, sandbox: Sandbox, poisoner: Poisoner, tmp_path: Path
) -> None:
    environment = {**settings(sandbox), "PYTHONIOENCODING": encoding}
    line = [*shlex.split(lines(sandbox, tmp_path)[3]), *(["--json"] if as_json else [])]
    with start(*line, folder=tmp_path, environment=environment) as process:
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert r"\ud800" in out
    assert not as_json or json.loads(out)[f"k{BAD}"] == {f"n{BAD}": [f"v{BAD}"]}


def test_issue_8_points_7_and_11_a_chart_is_private_and_follows_no_link(
    sandbox: Sandbox, poisoner: Poisoner, tmp_path: Path
) -> None:
    path, victim = tmp_path / "chart.svg", tmp_path / "victim"
    victim.write_text("precious")
    path.symlink_to(victim)
    line = ["report", "--chart", str(path), "--overwrite"]
    with start(*line, folder=tmp_path, environment=settings(sandbox)) as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert (path.is_symlink(), victim.read_text()) == (False, "precious")
    assert path.stat().st_mode & 0o777 == 0o600
    assert DANGEROUS.findall(path.read_text()) == []
    assert sorted(each.name for each in tmp_path.iterdir()) == ["chart.svg", "victim"]
