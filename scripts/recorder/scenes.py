"""The recorded commands, against a sandbox with fixed data and a fixed clock."""

from __future__ import annotations

import csv
import re
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from invigilate.sandbox import Sandbox, faults

from .terminal import Terminal

COLUMNS = 110
_NOW = datetime(2026, 9, 21, 8, 0, tzinfo=UTC)
_LAST = "LAST_MARK"
_MARK = re.compile(r"(--(?:confirmed|retry) \d+:)([0-9a-f]{6})")
"""Marks differ in each run; the page always shows the same one."""


class Scene(NamedTuple):
    """One command.

    Attributes:
        arguments: the arguments of `invigilate`, as typed.
        replies: prompts to wait for, each with the line to type.
        code: the expected exit code.
    """

    arguments: str
    replies: Sequence[tuple[str, str]] = ()
    code: int = 0


def record() -> dict[str, str]:
    """Run all scenes, and return what the terminal showed, by the name of the region in the documentation."""
    with tempfile.TemporaryDirectory() as folder:
        return {name: play(Path(folder)) for name, play in RECORDINGS.items()}


def _first_booking(folder: Path) -> str:
    with _sandbox() as sandbox:
        session = f"--exam-sid {sandbox.exam_sid} --session-sid {sandbox.session_sid}"
        scenes = [
            Scene(
                f"sessions list --enrollment-sid {sandbox.enrollment_sid} --exam-sid {sandbox.exam_sid} "
                "--include-active true"
            ),
            Scene(
                f"sessions schedule {session} --type automated --appointment-date-time 2026-12-01T09:00 "
                "--timezone Europe/Berlin",
                [("[y/N] ", "y")],
            ),
        ]
        return _play(sandbox, folder, scenes)


def _broken_run(folder: Path) -> str:
    # The clock of the server is a minute ahead, so that the verdict does not depend on the speed of this machine.
    with _sandbox(clock=lambda: datetime.now(UTC) + timedelta(minutes=1)) as sandbox:
        with (folder / "bookings.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["exam_sid", "session_sid", "type", "appointment_date_time"])
            for hour, session in enumerate(sandbox.open_sessions[:3], 9):
                writer.writerow([session.exam_sid, session.session_sid, "automated", f"2026-12-01T{hour:02}:00"])
        # The second booking is made, and its response is lost at a proxy.
        sandbox.faults.add("scheduleExamSession", faults.html_502(applied=True, after=1, times=1))
        command = "sessions schedule --from bookings.csv --timezone Europe/Berlin --yes"
        second = sandbox.open_sessions[1]
        scenes = [
            Scene(command, code=8),
            Scene(f"sessions show --exam-sid {second.exam_sid} --session-sid {second.session_sid} | grep -w status"),
            Scene(f"{command} --confirmed 3:{_LAST}"),
        ]
        return _play(sandbox, folder, scenes)


def _bars(folder: Path) -> str:
    with _sandbox() as sandbox:
        when = "--appointment-date-after 2026-09-01 --appointment-date-before 2026-12-01 --timezone America/New_York"
        scenes = [
            Scene("report --statuses Closed --max-rows 4"),
            Scene(f"report --bars {when}"),
        ]
        return _play(sandbox, folder, scenes)


RECORDINGS: Mapping[str, Callable[[Path], str]] = {
    "report": _bars,
    "booking": _first_booking,
    "run": _broken_run,
}


def _sandbox(clock: Callable[[], datetime] = lambda: _NOW) -> Sandbox:
    return Sandbox(seed=7, report_rows=600, clock=clock)


def _play(sandbox: Sandbox, folder: Path, scenes: Sequence[Scene]) -> str:
    environment = {
        "SMARTERPROCTORING_BASE_URL": sandbox.smarterproctoring_url,
        "SMARTERPROCTORING_TOKEN": sandbox.token,
        "SMARTERPROCTORING_INSTALL_SID": sandbox.install_sid,
        "INVIGILATE_PYTHON": sys.executable,
    }
    parts: list[str] = []
    mark = ""
    for scene in scenes:
        arguments = scene.arguments.replace(_LAST, mark)
        # In a shell, because one of them is a pipe.
        program = f'invigilate() {{ "$INVIGILATE_PYTHON" -m invigilate.cli "$@"; }}; invigilate {arguments}'
        with Terminal(["sh", "-c", program], environment=environment, folder=folder, columns=COLUMNS) as terminal:
            for prompt, reply in scene.replies:
                terminal.wait_for(prompt)
                terminal.type(reply)
            code = terminal.end()
        if code != scene.code:
            raise RuntimeError(f"invigilate {arguments}: exit code {code}, not {scene.code}\n{terminal.text}")
        if found := _MARK.search(terminal.text):
            mark = found[2]
        shown = [_MARK.sub(r"\g<1>3f9a1c", text) for text in (f"$ invigilate {arguments}", terminal.text)]
        parts.append("\n".join([*filter(None, shown), *([f"[exit code {code}]"] if code else [])]))
    return "\n\n".join(parts)
