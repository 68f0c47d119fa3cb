"""The demo's program, as ./scripts/demo runs it."""

from __future__ import annotations

import csv
import inspect
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from demo_app import calls
from demo_app.chapters import CHAPTERS, NEXT_STEPS, SHORT

from tests.docs.blocks import ROOT

ROWS = 700
BOOKED = 2  # one whose response arrives, and one whose response is lost


def command(folder: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-P", "-m", "demo_app", "--rows", str(ROWS), "--output", str(folder), *arguments]


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES", "FORCE_COLOR"}}
    return {**kept, "PYTHONPATH": str(ROOT / "scripts"), "PYTHONIOENCODING": "utf-8", "TERM": "xterm-256color"}


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What the demo writes to a pipe, and its folder."""
    folder = tmp_path_factory.mktemp("demo") / "new"
    without_stdin = ["bash", "-c", 'exec "$@" <&-', "bash"]
    done = subprocess.run(
        [*without_stdin, *command(folder)],
        cwd=folder.parent,
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout, folder


def test_all_chapters_are_printed(printed: tuple[str, Path]) -> None:
    text, _ = printed
    for number, chapter in enumerate(CHAPTERS, 1):
        heading = (chapter.__doc__ or "").partition("\n")[0].removesuffix(".")
        assert f"\n{number}. {heading}\n" in text


@pytest.mark.parametrize(
    "line",
    [
        r"enrollment +EN[0-9a-f]{32} +Created",
        r"second time +Found Existing: the same course",
        r"ES[0-9a-f]{32} +Needs Proctor",
        r"exam +Midterm Exam, Human Anatomy",
        r"status +Scheduled",
        r"InvalidSidError: exam_sid: expected an exam SID .* exam_sid and session_sid seem to be swapped",
        r"InvalidTimestampError: appointment_date_time: .*",
        r"InvalidArgumentError: service_types: .*",
        r"sent +0 requests",
        r"OutcomeUnknownError: outcome unknown: .*\(POST /v1/installs/.*\)",
        r"sent +1 request: a booking is not retried",
        r"verdict +APPLIED",
        r"because +the session shows the requested values, and did not before; whether .* cannot be read back",
        r"appointmentDate +(\S+) +\1",
        r"inferred +appointmentDate shows the requested time",
        r"shown +OnboardingUrl\(url=\*\*\*\)",
        r"response +Successful",
        r"read back +\d{4}-\d\d-\d\d 19:00 UTC",
        r"read back +Cancelled",
        r"title +Fall 2025, online",
        rf"{ROWS + BOOKED} rows in [\d.]+ s \([\d,]+ rows/s\)",
        rf"all +\d.* {ROWS + BOOKED} +\d+",
        r"live +[█▒░]+ \d+",
        r"PASSED +2026-01-12 13:41:29 +61 min +81 %",
    ],
)
def test_key_lines(printed: tuple[str, Path], line: str) -> None:
    text, _ = printed
    assert re.search(rf"^   {line}$", text, re.MULTILINE)


def test_the_end_says_how_to_read_the_documentation(printed: tuple[str, Path]) -> None:
    text, _ = printed
    assert text.endswith("\n\nDocumentation: ./scripts/docs serve, then http://127.0.0.1:8000/\n")


def test_the_short_one_tells_the_essential_in_60_lines(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "demo_app", "--short", "--output", str(tmp_path)],
        cwd=tmp_path,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) <= 60
    headings = [(chapter.__doc__ or "").partition("\n")[0].removesuffix(".") for chapter in SHORT]
    assert re.findall(r"^(\d)\. (.*)$", done.stdout, re.MULTILINE) == [
        (str(number), heading) for number, heading in enumerate(headings, 1)
    ]
    for line in (r"status +Scheduled", r"verdict +APPLIED", r"all +3,\d{3} +.* 5,002 +\d,\d{3}"):
        assert re.search(rf"^   {line}$", done.stdout, re.MULTILINE), line
    assert done.stdout.endswith("\n\nDocumentation: ./scripts/docs serve, then http://127.0.0.1:8000/\n")


def test_the_code_that_is_shown_fits_into_80_columns() -> None:
    shown = [inspect.getsource(function) for _, function in inspect.getmembers(calls, inspect.isfunction)]
    bodies = [source.partition('"""')[2].partition('"""\n')[2] for source in shown]
    # Less the four columns of the function's body, which are not shown, and more the three of the margin.
    assert [line for body in bodies for line in body.splitlines() if len(line) > 80 + 4 - 3] == []
    assert [line for line in NEXT_STEPS.splitlines() if len(line) > 80 - 3] == []


def test_nothing_that_is_for_one_use_or_secret_is_shown(printed: tuple[str, Path]) -> None:
    text, _ = printed
    # The last line says where the documentation is.
    assert re.findall(r"https?://\S+", text) == ["http://127.0.0.1:8000/"]


def test_one_charge_for_each_booking(printed: tuple[str, Path]) -> None:
    text, _ = printed
    last = text.rpartition("charges in the sandbox")[2]
    charged = re.findall(r"^   (ES[0-9a-f]{32})  25\.00 USD$", last, re.MULTILINE)
    assert len(charged) == len(set(charged)) == BOOKED


def test_no_control_characters_beside_a_terminal(printed: tuple[str, Path]) -> None:
    text, _ = printed
    assert re.findall(r"[\x00-\x09\x0b-\x1f\x7f]", text) == []


def test_the_file_has_a_line_for_each_row(printed: tuple[str, Path]) -> None:
    _, folder = printed
    with (folder / "service-distribution.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == ROWS + BOOKED
    assert len({row["sid"] for row in rows}) == ROWS + BOOKED
    assert {row["status"] for row in rows} == {"Closed", "Scheduled", "Cancelled"}


def test_colours_and_a_bar_on_a_terminal(tmp_path: Path) -> None:
    primary, secondary = pty.openpty()
    with subprocess.Popen(
        command(tmp_path), cwd=tmp_path, env=environment(), stdin=secondary, stdout=secondary, stderr=secondary
    ) as process:
        os.close(secondary)
        shown = b""
        # Linux ends the reading of a terminal that nobody writes to any more with an error.
        try:
            while chunk := os.read(primary, 65536):
                shown += chunk
        except OSError:
            pass
        finally:
            os.close(primary)
        assert process.wait(timeout=60) == 0
    text = shown.decode("utf-8")
    assert "\x1b[" in text
    assert "━" in text
    assert "rows/s" in text


def test_a_folder_that_cannot_be_made_is_said_plainly(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = subprocess.run(
        command(tmp_path / "file"), env=environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr.startswith("demo: FileExistsError: ")
    assert done.stderr.count("\n") == 1


def test_the_next_steps_that_it_shows_work(served_sandbox: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    exec(NEXT_STEPS, {"exam_sid": served_sandbox["exam_sid"], "session_sid": served_sandbox["session_sid"]})
    assert len(capsys.readouterr().out.splitlines()) > 10
