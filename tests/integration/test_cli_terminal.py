"""The command line in a real terminal: tables, prompts, progress, Ctrl-C; and the recording in the documentation."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from recorder.__main__ import PAGE, main, render
from recorder.scenes import RECORDINGS

from invigilate.cli import ExitCode
from invigilate.sandbox import Sandbox, faults
from tests.integration.test_cli import write_rows
from tests.support.terminal import Terminal, settings, terminal

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(seed=7, report_rows=2000) as sandbox:
        yield sandbox
        assert sandbox.defects == []


def open_terminal(sandbox: Sandbox, folder: Path, *arguments: str, columns: int = 100, **other: str) -> Terminal:
    return terminal(*arguments, folder=folder, environment={**settings(sandbox), **other}, columns=columns)


def session(sandbox: Sandbox) -> list[str]:
    return ["--exam-sid", sandbox.exam_sid, "--session-sid", sandbox.session_sid]


@pytest.mark.parametrize("columns", [80, 132])
def test_tables_fit(columns: int, sandbox: Sandbox, tmp_path: Path) -> None:
    with open_terminal(sandbox, tmp_path, "report", "--max-rows", "20", columns=columns) as shown:
        assert shown.end() == 0
    lines = shown.text.splitlines()
    if columns == 80:
        note = lines.pop(0)
        assert note == "invigilate: no room for sid: a wider terminal shows more, and --json has all"
    # One line for each row: nothing is wrapped.
    assert len(lines) == 21
    assert lines[0].startswith("appointment date")
    assert ("  sid" in lines[0]) is (columns == 132)
    # Dates, statuses and identifiers are whole.
    rest = r"(?:Scheduled|Closed|Cancelled) +(?:true|false) .*" + (r" ES[0-9a-f]{32}" if columns == 132 else "")
    assert all(re.fullmatch(rf"(?:\d{{4}}-\d\d-\d\d \d\d:\d\dZ|{' ' * 17})  \S+ +{rest}", line) for line in lines[1:])
    assert "\x1b[" in shown.raw


def test_tables_show_what_they_are_for(sandbox: Sandbox, tmp_path: Path) -> None:
    which = ["--enrollment-sid", sandbox.enrollment_sid, "--exam-sid", sandbox.exam_sid]
    with open_terminal(sandbox, tmp_path, "sessions", "list", *which, columns=80) as shown:
        assert shown.end() == 0
    assert re.search(rf"\n{sandbox.session_sid}  Needs Proctor  \d{{4}}-\d\d-\d\d .*Z\n", f"{shown.text}\n")
    results = ["api", "ispring", "job-training", "list-session-results"]
    with open_terminal(sandbox, tmp_path, *results, columns=80) as shown:
        assert shown.end() == 0
    assert shown.text.startswith("invigilate: no room for session id, session status, ")
    columns = "sessionStatus,startDate,checklistTitle"
    with open_terminal(sandbox, tmp_path, *results, "--columns", columns, columns=80) as shown:
        assert shown.end() == 0
    heading, *lines = shown.text.splitlines()
    assert heading.split() == ["session", "status", "start", "date", "checklist", "title"]
    assert len(lines) > 5
    for line in lines:
        assert re.search(r"^(?:PASSED|FAILED|IN_PROGRESS|NOT_STARTED) +\d\d-\d\d-\d{4}, \d\d:\d\d:\d\d(?:  |$)", line)


def test_columns_that_were_asked_for_are_whole(sandbox: Sandbox, tmp_path: Path) -> None:
    arguments = ["report", "--columns", "sid, exam.sid,status", "--max-rows", "3"]
    with open_terminal(sandbox, tmp_path, *arguments, columns=60) as shown:
        assert shown.end() == 0
    rows = re.findall(r"ES[0-9a-f]{32}  EX[0-9a-f]{32}  (?:Scheduled|Closed|Cancelled)", shown.text.replace("\n", ""))
    assert len(rows) == 3
    assert "no room" not in shown.text


def test_times_are_shown_in_a_time_zone(sandbox: Sandbox, tmp_path: Path) -> None:
    arguments = ["report", "--max-rows", "5"]
    shown = []
    for zone in ([], ["--timezone", "Asia/Kolkata"]):
        with open_terminal(sandbox, tmp_path, *arguments, "--columns", "appointmentDate", *zone) as each:
            assert each.end() == 0
        shown.append([datetime.fromisoformat(line) for line in each.text.splitlines()[1:] if line])
    assert shown[0] == shown[1]
    assert {moment.utcoffset() for moment in shown[1]} == {timedelta(hours=5, minutes=30)}
    # What programs read stays as it came.
    with open_terminal(sandbox, tmp_path, *arguments, "--json", "--timezone", "Asia/Kolkata", columns=2000) as each:
        assert each.end() == 0
    assert "+05:30" not in each.text


def test_a_session_is_shown_below_each_other(sandbox: Sandbox, tmp_path: Path) -> None:
    arguments = ["sessions", "show", *session(sandbox), "--timezone", "Asia/Kolkata"]
    with open_terminal(sandbox, tmp_path, *arguments, columns=80) as shown:
        assert shown.end() == 0
    lines = shown.text.splitlines()
    names = {line.split()[0] for line in lines if not line.startswith(" ")}
    width = max(map(len, names))
    # Only as wide as the names that are shown, and what is wrapped stands below the value.
    assert all(line[: width + 2].strip() in {"", *names} for line in lines)
    assert any(line.startswith(" " * (width + 2)) for line in lines)
    assert re.search(r"^createdDate +\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000\+05:30$", shown.text, re.MULTILINE)
    whole = " ".join(" ".join(line[width:].split()) for line in lines if line.startswith(("enrollment ", "  ")))
    assert '"firstName": "***", "lastName": "***", "email": "***"}}' in whole


def test_no_colours_when_nobody_wants_them(sandbox: Sandbox, tmp_path: Path) -> None:
    with open_terminal(sandbox, tmp_path, "report", "--bars", NO_COLOR="1") as shown:
        assert shown.end() == 0
    assert "2,000 sessions" in shown.text
    assert not re.search(r"\x1b\[[\d;]*(?:3|4|9|10)\d[\d;]*m", shown.raw)


def test_progress_is_shown_on_a_terminal_only(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.faults.add("getServiceDistribution", faults.stall(seconds=0.1))
    arguments = ["report", "--bars", "--page-size", "200", "--prefetch", "2"]
    with open_terminal(sandbox, tmp_path, *arguments) as shown:
        assert shown.end() == 0
    assert re.search(r"[\d,]+ of 2,000 rows", shown.raw)
    assert re.search(r"[\d,]+ rows/s", shown.raw)
    assert re.search(r"\d:\d\d", shown.raw)
    # It is gone in the end.
    assert shown.text.startswith("2,000 sessions")


def test_json_stays_json_on_a_terminal(sandbox: Sandbox, tmp_path: Path) -> None:
    with open_terminal(sandbox, tmp_path, "report", "--json", "--max-rows", "2") as shown:
        assert shown.end() == 0
    assert [json.loads(line)["sid"][:2] for line in shown.raw.splitlines()] == ["ES", "ES"]


@pytest.mark.parametrize("answer", ["", "yess"])
def test_a_change_that_is_not_confirmed(answer: str, sandbox: Sandbox, tmp_path: Path) -> None:
    with open_terminal(sandbox, tmp_path, "sessions", "schedule", *session(sandbox), "--notes", "in room 4") as shown:
        shown.wait_for("Send it? [y/N] ")
        shown.type(answer)
        assert shown.end() == ExitCode.NOT_CONFIRMED
    assert '"notes": "in room 4"' in shown.text.replace("\n", "")
    assert shown.text.endswith("invigilate: nothing was sent")
    assert len(sandbox.requests) == 0


def test_a_secret_is_asked_for_without_echo(sandbox: Sandbox, tmp_path: Path) -> None:
    arguments = ["sessions", "schedule", *session(sandbox), "--amount", "25", "--secret", "card_token"]
    with open_terminal(sandbox, tmp_path, *arguments) as shown:
        shown.wait_for("card_token (not shown): ")
        shown.type("tok_very_secret_1")
        shown.wait_for("Send it? [y/N] ")
        shown.type("y")
        assert shown.end() == 0
    assert [charge.amount for charge in sandbox.ledger] == [25]
    assert "very_secret" not in shown.raw
    assert re.search(r"^status +Scheduled$", shown.text, re.MULTILINE)
    assert re.search(r"^accessKey +\*\*\*$", shown.text, re.MULTILINE)


def test_many_rows_are_shown_and_asked_about(sandbox: Sandbox, tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.csv", sandbox, 7)
    with open_terminal(sandbox, tmp_path, "sessions", "schedule", "--from", "rows.csv", columns=400) as shown:
        shown.wait_for("Send 7 rows? [y/N] ")
        shown.type("yes")
        assert shown.end() == 0
    lines = shown.text.splitlines()
    assert lines[0].startswith("invigilate: appointment_date_time 7 times from 2026-12-01T09:00:00.000Z (line 2) to ")
    assert [line[:21] for line in lines[2:7]] == [f"invigilate: line {n}: P" for n in range(2, 7)]
    assert lines[7] == "invigilate: ... and 2 more; --dry-run shows all"
    assert [line.split()[1] for line in lines[-7:]] == ["succeeded"] * 7
    assert "7 of 7 rows" in shown.raw
    assert len(sandbox.ledger) == 7


def test_ctrl_c_at_the_question(sandbox: Sandbox, tmp_path: Path) -> None:
    with open_terminal(sandbox, tmp_path, "sessions", "schedule", *session(sandbox)) as shown:
        shown.wait_for("Send it? [y/N] ")
        shown.press_ctrl_c()
        assert shown.end() == ExitCode.INTERRUPTED
    assert "\ninvigilate: interrupted; nothing was sent" in shown.text
    assert len(sandbox.requests) == 0


def test_ctrl_c_while_it_is_sent(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.faults.add("scheduleExamSession", faults.stall(seconds=20))
    arguments = ["sessions", "schedule", *session(sandbox), "--yes", "--debug"]
    with open_terminal(sandbox, tmp_path, *arguments, columns=400) as shown:
        shown.wait_for("attempt 1")
        wait_for_request(sandbox)
        shown.press_ctrl_c()
        assert shown.end() == ExitCode.INTERRUPTED
    last = shown.text.splitlines()[-1]
    assert last.startswith(
        "invigilate: interrupted; it may have been sent; do not retry it until you have checked; look with: inv"
    )


def wait_for_request(sandbox: Sandbox) -> None:
    import time

    deadline = time.monotonic() + 20
    while not sandbox.faults.fired.counts:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_ctrl_c_in_a_report(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.faults.add("getServiceDistribution", faults.stall(seconds=20, after=2))
    with open_terminal(sandbox, tmp_path, "report", "--bars", "--page-size", "100") as shown:
        wait_for_request(sandbox)
        shown.press_ctrl_c()
        assert shown.end() == ExitCode.INTERRUPTED
    assert shown.text == "invigilate: interrupted"


@pytest.mark.parametrize("how", ["Ctrl-C", "Ctrl-D"])
def test_a_secret_that_is_not_given(how: str, sandbox: Sandbox, tmp_path: Path) -> None:
    arguments = ["sessions", "schedule", *session(sandbox), "--secret", "card_token"]
    with open_terminal(sandbox, tmp_path, *arguments) as shown:
        shown.wait_for("card_token (not shown): ")
        (shown.press_ctrl_c if how == "Ctrl-C" else shown.press_ctrl_d)()
        code = shown.end()
    assert code == (ExitCode.INTERRUPTED if how == "Ctrl-C" else ExitCode.NOT_CONFIRMED)
    assert shown.text.splitlines()[-1] == f"invigilate: {'interrupted; ' if how == 'Ctrl-C' else ''}nothing was sent"
    assert len(sandbox.requests) == 0


def test_empty_texts_are_seen_in_the_question(sandbox: Sandbox, tmp_path: Path) -> None:
    arguments = [
        "api",
        "smarterproctoring",
        "course-offerings",
        "update",
        "--offering-sid",
        sandbox.offering_sid,
        "--title",
        "",
        "--match-strings",
        "A",
    ]
    with open_terminal(sandbox, tmp_path, *arguments, columns=400) as shown:
        shown.wait_for("Send it? [y/N] ")
        shown.type("n")
        assert shown.end() == ExitCode.NOT_CONFIRMED
    assert '{"title": "", "matchStrings": "A"}' in shown.text
    assert len(sandbox.requests) == 0


def test_the_recording_is_what_the_programs_print_now(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0, capsys.readouterr().out


def test_a_mark_that_is_another_one_in_each_run_is_always_the_same() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert set(re.findall(r"--retry \d+:([0-9a-f]+)", text)) == {"3f9a1c"}


def test_the_page_is_read_after_recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "page.md"
    region = "<!-- recorded: one -->\n\n```\n{}\n```\n\n<!-- end -->\n"
    page.write_text("before\n" + region.format("old"))

    def record() -> dict[str, str]:
        page.write_text("edited meanwhile\n" + region.format("old"))
        return {"one": "new"}

    monkeypatch.setattr("recorder.__main__.PAGE", page)
    monkeypatch.setattr("recorder.__main__.record", record)
    assert main([]) == 0
    assert page.read_text() == "edited meanwhile\n" + region.format("new")


def test_the_script_records() -> None:
    script = ROOT / "scripts" / "record-terminal"
    done = subprocess.run([script, "--help"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert "--check" in done.stdout


def test_each_recording_has_its_place() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert re.findall(r"^<!-- recorded: (\w+) -->$", text, re.MULTILINE) == list(RECORDINGS)
    marked = render(text, {name: f"[{name}]" for name in RECORDINGS})
    for name in RECORDINGS:
        assert f"\n[{name}]\n```\n" in marked


def test_a_recording_that_is_out_of_date_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- recorded: one -->\n\n```\nold\n```\n\n<!-- end -->\n")
    monkeypatch.setattr("recorder.__main__.PAGE", page)
    monkeypatch.setattr("recorder.__main__.record", lambda: {"one": "new"})
    assert main(["--check"]) == 1
    assert "out of date" in capsys.readouterr().out
    assert main([]) == 0
    assert page.read_text() == "<!-- recorded: one -->\n\n```\nnew\n```\n\n<!-- end -->\n"
    assert main(["--check"]) == 0
