"""Issue 8, point 1: no row is booked twice without a person's word, whatever becomes of the results file.

The server here books each time that it is asked to, so that each booking that should not be is counted.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from benchmarks import kills
from invigilate.cli import ExitCode, main
from tests.integration.test_cli import Done, Run
from tests.support.terminal import start

INSTALL, EXAM = f"AI{'a' * 32}", f"EX{'b' * 32}"
WHEN, OTHER = "2026-12-01T09:00:00.000Z", "2026-12-02T09:00:00.000Z"
ROWS = 5
SCHEDULE = "sessions schedule --from rows.csv --yes"


def sid(number: int) -> str:
    return f"ES{number:032x}"


class Booker:
    """A server without any safeguard of its own.

    Attributes:
        sessions: what it shows, by SID.
        changes: the changes that it was asked for, in order: method and SID.
        answers: what it answers to changes, in place of the session.
        delays: seconds for which it then waits, by the number of the change.
        hides: names of fields that it does not show.
        unreadable: the status with which it refuses to show sessions, if it does.
    """

    def __init__(self) -> None:
        self.sessions: dict[str, dict[str, Any]] = {}
        self.changes: list[tuple[str, str]] = []
        self.answers: list[tuple[int, str, bytes]] = []
        self.delays: dict[int, float] = {}
        self.hides: set[str] = set()
        self.unreadable: int | None = None
        booker = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.respond(booker.shown(self.path.rpartition("/")[2]))

            def _change(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                found = booker.change(self.command, self.path.rpartition("/")[2], body)
                # Only scheduling documents the session as its response; the others, a string.
                self.respond(found if self.command == "POST" else "ok")

            do_POST = do_PUT = do_DELETE = _change  # noqa: N815

            def respond(self, found: Any) -> None:
                answer = booker.answers.pop(0) if booker.answers and self.command != "GET" else None
                if self.command == "GET" and booker.unreadable:
                    answer = booker.unreadable, "application/json", b"{}"
                status, kind, content = answer or (200, "application/json", json.dumps(found).encode())
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True, args=(0.05,)).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def session(self, name: str) -> dict[str, Any]:
        return self.sessions.setdefault(name, {"sid": name, "examSid": EXAM, "status": "Needs Proctor"})

    def shown(self, name: str) -> dict[str, Any]:
        return {key: value for key, value in self.session(name).items() if key not in self.hides}

    def change(self, method: str, name: str, body: dict[str, Any]) -> Any:
        self.changes.append((method, name))
        number = len(self.changes)
        session = self.session(name)
        if "cancellationMemo" in body:
            session["status"] = "Cancelled"
        else:
            times = {"appointmentDateTime": "appointmentDate", "appointmentStartDateTime": "appointmentDate"}
            session |= {times.get(key, {"type": "sessionType"}.get(key, key)): value for key, value in body.items()}
            session["status"] = "Scheduled"
        time.sleep(self.delays.get(number, 0))
        return "done" if "cancellationMemo" in body else self.shown(name)

    def most(self) -> int:
        return max(Counter(self.changes).values(), default=0)


@pytest.fixture
def booker() -> Iterator[Booker]:
    booker = Booker()
    yield booker
    booker.close()


@pytest.fixture
def environment(booker: Booker) -> dict[str, str]:
    return {
        "SMARTERPROCTORING_BASE_URL": booker.url,
        "SMARTERPROCTORING_TOKEN": "token",
        "SMARTERPROCTORING_INSTALL_SID": INSTALL,
    }


@pytest.fixture
def run(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)

    def run(line: str) -> Done:
        return Done(int(main(shlex.split(line))), *capsys.readouterr())

    return run


@pytest.fixture(autouse=True)
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    lines = "".join(f"{EXAM},{sid(number)},automated,{WHEN}\n" for number in range(ROWS))
    path.write_text(f"exam_sid,session_sid,type,appointment_date_time\n{lines}")
    return path


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return tmp_path / "rows.csv.results.jsonl"


def outcomes(text: str) -> list[str]:
    return [line.split("\t")[1] for line in text.splitlines()[1:]]


def gone(results: Path) -> None:
    for each in results.parent.glob(f"{results.name}*"):
        each.unlink()


CHANGES: dict[str, Callable[[Path], Any]] = {
    "removed": lambda path: path.unlink(),
    "moved": lambda path: path.rename(path.with_name("elsewhere")),
    "truncated": lambda path: os.truncate(path, path.stat().st_size // 2),
    "emptied": lambda path: os.truncate(path, 0),
    "torn": lambda path: os.truncate(path, path.stat().st_size - 5),
    "replaced": lambda path: (path.with_name("new").write_text(""), path.with_name("new").replace(path)),
}


@pytest.mark.parametrize("how", CHANGES)
def test_issue_8_point_1_during_the_run(
    how: str, booker: Booker, environment: dict[str, str], results: Path, tmp_path: Path, run: Run
) -> None:
    booker.delays[3] = 1.0
    with start(*shlex.split(SCHEDULE), folder=tmp_path, environment=environment) as process:
        wait_until(lambda: len(booker.changes) == 3)
        CHANGES[how](results)
        _, err = process.communicate(timeout=60)
    # It stops at once, says which rows are booked, and does not say that run the same command again to continue.
    assert (process.returncode, len(booker.changes)) == (ExitCode.OUTCOME_UNKNOWN, 3), err
    assert "stopped: line 4: rows.csv.results.jsonl: it was moved, removed, replaced or changed" in err
    assert "went through: lines 2-4" in err
    assert "do not use it again; lines 2-4 could be sent twice" in err
    assert "to continue" not in err
    # Whoever runs it again all the same books nothing twice.
    again = run(SCHEDULE)
    assert (again.code, again.out, len(booker.changes)) == (ExitCode.USAGE, "", 3)
    assert "may have been sent before" in again.err
    # With a new file, as is advised, each session says for itself that it is booked.
    fresh = run(f"{SCHEDULE} --results new.jsonl")
    assert fresh.code == ExitCode.OUTCOME_UNKNOWN
    assert outcomes(fresh.out) == [*["held"] * 3, *["succeeded"] * 2]
    assert "lines 2-4: held because of what the session shows; sent only with --retry" in fresh.err
    assert (len(booker.changes), booker.most()) == (ROWS, 1)


@pytest.mark.parametrize("how", [*CHANGES, "all gone"])
def test_issue_8_point_1_between_two_runs(how: str, booker: Booker, results: Path, run: Run) -> None:
    assert run(SCHEDULE).code == 0
    gone(results) if how == "all gone" else CHANGES[how](results)
    for _ in range(2):
        again = run(SCHEDULE)
        assert again.code == (ExitCode.OUTCOME_UNKNOWN if how == "all gone" else ExitCode.USAGE)
        assert "-6 may have been sent" in again.err or "line 6 may have been" in again.err or "lines 2-6:" in again.err
    assert (len(booker.changes), booker.most()) == (ROWS, 1)
    if how == "all gone":
        # A person's word counts, for one row and one time.
        given = re.findall(r"--retry (2:\w+),", again.err)[0]
        sent = run(f"{SCHEDULE} --retry {given}")
        assert (sent.code, outcomes(sent.out)) == (ExitCode.OUTCOME_UNKNOWN, ["succeeded"])
        assert booker.changes.count(("POST", sid(0))) == 2
        assert run(f"{SCHEDULE} --retry {given}").code == ExitCode.USAGE
        (marks,) = re.findall(r"--confirmed \S+", sent.err)
        assert run(f"{SCHEDULE} {marks}").code == 0
        assert len(booker.changes) == ROWS + 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_issue_8_point_1_ctrl_c_names_what_was_booked(
    number: signal.Signals, booker: Booker, environment: dict[str, str], results: Path, tmp_path: Path
) -> None:
    for removed in (False, True):
        booker.changes.clear()
        booker.sessions.clear()
        booker.delays = {3: 20}
        gone(results)
        with start(*shlex.split(SCHEDULE), folder=tmp_path, environment=environment) as process:
            wait_until(lambda: len(booker.changes) == 3)
            if removed:
                results.unlink()
            process.send_signal(number)
            _, err = process.communicate(timeout=60)
        assert process.returncode == ExitCode.INTERRUPTED
        assert "went through: lines 2, 3" in err
        assert ("run the same command again to continue" in err) is not removed
        assert ("lines 2-4 could be sent twice" in err) is removed
        assert f"--session-sid {sid(2)}" in err


@pytest.mark.parametrize(
    ("session", "sends"),
    [
        ({"status": "Needs Proctor"}, True),
        ({"status": "Needs Proctor", "sessionType": "automated"}, True),
        ({"status": "Needs Proctor", "appointmentDate": OTHER}, True),
        ({"status": "Cancelled"}, True),
        ({"status": "Cancelled", "appointmentDate": OTHER, "sessionType": "automated"}, True),
        # It may be this very booking, canceled since.
        ({"status": "Cancelled", "appointmentDate": WHEN}, False),
        ({"status": "Cancelled", "appointmentDate": "1 December"}, False),
        ({"status": "Scheduled"}, False),
        ({"status": "Scheduled", "appointmentDate": WHEN, "sessionType": "automated"}, False),
        ({"status": "Scheduled", "appointmentDate": "2026-12-01T10:00:20+01:00"}, False),
        ({"status": "Scheduled", "appointmentDate": OTHER}, False),
        ({"status": "Scheduled", "appointmentDate": "1 December"}, False),
        ({"status": "Pending Approval", "appointmentDate": WHEN}, False),
        ({"status": "Needs Proctor", "appointmentDate": WHEN}, False),
        ({"status": "Closed", "appointmentDate": OTHER}, False),
        ({"appointmentDate": WHEN}, False),
    ],
)
@pytest.mark.parametrize("many", [True, False], ids=["many", "one"])
def test_issue_8_point_1_a_session_that_shows_what_is_asked_for(
    session: dict[str, Any], sends: bool, many: bool, booker: Booker, run: Run
) -> None:
    booker.sessions = {sid(number): {"sid": sid(number), **session} for number in range(ROWS)}
    one = f"sessions schedule --exam-sid {EXAM} --session-sid {sid(0)} --type automated --yes"
    line = SCHEDULE if many else f"{one} --appointment-date-time {WHEN}"
    done = run(line)
    assert done.code == (0 if sends else ExitCode.OUTCOME_UNKNOWN)
    assert len(booker.changes) == (0 if not sends else ROWS if many else 1)
    if not sends:
        assert f"not sent: the session is {session.get('status')!r}, " in done.out + done.err
        time = session.get("appointmentDate", "")
        if time.startswith("2026"):
            shows = "with another appointmentDate than" if time == OTHER else "with the requested appointmentDate"
            assert shows in done.out + done.err
        # Nobody knows this.
        assert "probably" not in done.err


def test_issue_8_point_1_one_call_needs_a_word_for_each_booking(booker: Booker, run: Run) -> None:
    line = f"sessions schedule --exam-sid {EXAM} --session-sid {sid(0)} --appointment-date-time {WHEN} --yes"
    assert run(line).code == 0
    held = run(line)
    assert (held.code, held.out, len(booker.changes)) == (ExitCode.OUTCOME_UNKNOWN, "", 1)
    assert "not sent: the session is 'Scheduled', with the requested appointmentDate" in held.err
    assert "next: invigilate sessions show" in held.err
    assert "to send it anyway, add --retry " in held.err
    mark = held.err.rpartition("--retry ")[2].strip()
    wrong = run(f"{line} --retry 000000")
    assert wrong.code == ExitCode.OUTCOME_UNKNOWN
    assert "--retry 000000: not the current mark of this change" in wrong.err
    # What it was given for is not what stands there now.
    booker.sessions[sid(0)]["editDate"] = OTHER
    assert run(f"{line} --retry {mark}").code == ExitCode.OUTCOME_UNKNOWN
    assert len(booker.changes) == 1
    del booker.sessions[sid(0)]["editDate"]
    assert run(f"{line} --retry {mark}").code == 0
    assert len(booker.changes) == 2
    booker.sessions.clear()
    nothing = run(f"{line} --retry {mark}")
    assert (nothing.code, len(booker.changes)) == (ExitCode.USAGE, 2)


def test_a_booking_after_a_cancellation_is_ordinary_work(booker: Booker, run: Run) -> None:
    where = f"--exam-sid {EXAM} --session-sid {sid(0)} --yes"
    line = f"sessions schedule {where} --appointment-date-time"
    assert run(f"{line} {WHEN}").code == 0
    assert run(f"sessions cancel {where} --cancellation-memo x").code == 0
    held = run(f"{line} {WHEN}")
    assert held.code == ExitCode.OUTCOME_UNKNOWN
    assert "not sent: the session is 'Cancelled', with the requested appointmentDate" in held.err
    assert run(f"{line} {OTHER}").code == 0
    assert booker.changes == [("POST", sid(0)), ("DELETE", sid(0)), ("POST", sid(0))]


@pytest.mark.parametrize("change", ["schedule", "cancel"])
def test_ten_held_rows_need_one_option(change: str, booker: Booker, rows: Path, run: Run) -> None:
    """Nothing was sent, so that the advice is about accepting and sending, and not about what went through."""
    booker.sessions = {sid(n): {"sid": sid(n), "status": "Scheduled", "appointmentDate": WHEN} for n in range(10)}
    if change == "cancel":
        booker.sessions = {sid(n): {"sid": sid(n), "status": "Needs Proctor"} for n in range(10)}
    lines = "".join(f"{EXAM},{sid(number)}\n" for number in range(10))
    rows.write_text(f"exam_sid,session_sid\n{lines}")
    options = "--cancellation-memo x" if change == "cancel" else f"--appointment-date-time {WHEN}"
    line = f"sessions {change} --from rows.csv --yes {options}"
    done = run(line)
    assert (done.code, outcomes(done.out)) == (ExitCode.OUTCOME_UNKNOWN, ["held"] * 10)
    assert "lines 2-11: held because of what the session shows; sent only with --retry" in done.err
    assert done.err.count("invigilate sessions show") == 5
    assert "next: look at lines 7-11 in the same way" in done.err
    assert "went through" not in done.err
    assert ("this can charge a card again" in done.err) is (change == "schedule")
    found = re.findall(r"run the command again with --confirmed (\S+) to accept as done, or --retry (\S+) to", done.err)
    ((marks, again),) = found
    assert marks == again
    assert [mark[0] for mark in re.findall(r"(\d+):\w{6}(,|$)", marks)] == [str(number) for number in range(2, 12)]
    first, _, others = marks.partition(",")
    mixed = run(f"{line} --confirmed {others} --retry {first}")
    assert (mixed.code, outcomes(mixed.out)) == (0, ["succeeded"])
    assert len(booker.changes) == 1


def test_a_read_that_is_refused_is_no_reason_to_book_again(booker: Booker, results: Path, run: Run) -> None:
    """Who may book, and not read, sends nothing that nobody can look at."""
    assert run(SCHEDULE).code == 0
    gone(results)
    booker.unreadable = 403
    for _ in range(2):
        done = run(SCHEDULE)
        assert (done.code, outcomes(done.out)) == (ExitCode.SETTINGS, ["not_sent"])
        assert "stopped: the credentials were refused; 5 rows are left" in done.err
    assert (len(booker.changes), booker.most()) == (ROWS, 1)


MOVED = {"status": "Scheduled", "appointmentDate": OTHER, "notes": "x"}


@pytest.mark.parametrize(
    ("change", "options", "session", "sends"),
    [
        ("reschedule", f"--appointment-start-date-time {WHEN}", MOVED, True),
        ("reschedule", f"--appointment-start-date-time {OTHER}", MOVED, False),
        ("reschedule", f"--appointment-start-date-time {OTHER} --notes x", MOVED, False),
        ("reschedule", f"--appointment-start-date-time {OTHER} --notes y", MOVED, True),
        # What a session does not show says nothing; then the results file is the only guard.
        ("reschedule", f"--appointment-start-date-time {OTHER} --place hall", MOVED, False),
        ("reschedule", "--place hall", MOVED, True),
        ("reschedule", f"--appointment-start-date-time {OTHER}", {"appointmentDate": "2 Dec"}, True),
        ("cancel", "--cancellation-memo x", MOVED, True),
        ("cancel", "--cancellation-memo x", {"status": "Cancelled"}, False),
        ("cancel", "--cancellation-memo x", {"status": "Needs Proctor"}, False),
        ("cancel", "--cancellation-memo x", {"status": "Pending Approval"}, True),
    ],
)
def test_issue_8_point_1_other_changes(
    change: str, options: str, session: dict[str, Any], sends: bool, booker: Booker, run: Run
) -> None:
    booker.sessions = {sid(0): {"sid": sid(0), **session}}
    try:
        done = run(f"sessions {change} --exam-sid {EXAM} --session-sid {sid(0)} {options} --yes")
    finally:
        assert len(booker.changes) == sends
    assert done.code == (0 if sends else ExitCode.OUTCOME_UNKNOWN), done.err


@pytest.mark.parametrize("change", ["reschedule", "cancel"])
def test_issue_8_point_1_other_changes_from_a_file(change: str, booker: Booker, tmp_path: Path, run: Run) -> None:
    booker.sessions = {sid(n): {"sid": sid(n), "status": "Scheduled", "appointmentDate": OTHER} for n in range(ROWS)}
    head, value = {
        "reschedule": ("appointment_start_date_time", WHEN), "cancel": ("cancellation_memo", "moved")
    }[change]  # fmt: skip
    lines = "".join(f"{EXAM},{sid(number)},{value}\n" for number in range(ROWS))
    (tmp_path / "changes.csv").write_text(f"exam_sid,session_sid,{head}\n{lines}")
    for number in range(3):
        done = run(f"sessions {change} --from changes.csv --yes --results {number}.jsonl")
        assert outcomes(done.out) == (["held"] if number else ["succeeded"]) * ROWS
    assert (len(booker.changes), booker.most()) == (ROWS, 1)


def test_issue_8_point_1_a_result_file_is_the_only_guard_of_what_no_session_shows(booker: Booker, run: Run) -> None:
    booker.hides = {"status", "appointmentDate", "sessionType"}
    assert run(SCHEDULE).code == 0
    assert run(SCHEDULE).code == 0
    assert (len(booker.changes), booker.most()) == (ROWS, 1)


@pytest.mark.parametrize("what", ["fifo", "/dev/full", "/dev/null", "folder", "link"])
def test_issue_8_point_14_results_that_cannot_be_written(
    what: str, booker: Booker, environment: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "r"
    if what == "fifo":
        os.mkfifo(path)
    elif what == "folder":
        path.mkdir()
    elif what == "link":
        path.symlink_to("/dev/null")
    given = what if what.startswith("/") else str(path)
    for how in ("--yes", "--dry-run"):
        line = f"sessions schedule --from rows.csv --results {given} {how}"
        with start(*shlex.split(line), folder=tmp_path, environment=environment) as process:
            out, err = process.communicate(timeout=20)
        assert (process.returncode, out) == (ExitCode.USAGE, "")
        last = err.splitlines()[-1]
        assert last.startswith(f"invigilate: {given}: not a regular file, so it cannot hold results")
    assert booker.changes == []


@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGINT])
def test_issue_8_point_1_killed_and_the_files_gone(
    kill: signal.Signals, booker: Booker, environment: dict[str, str], results: Path, tmp_path: Path, run: Run
) -> None:
    """The row that was in the air is seen in its session, too."""
    booker.delays[3] = 0.5
    with start(*shlex.split(SCHEDULE), folder=tmp_path, environment=environment) as process:
        wait_until(lambda: len(booker.changes) == 3)
        process.send_signal(kill)
        process.communicate(timeout=60)
    gone(results)
    done = run(SCHEDULE)
    assert outcomes(done.out) == [*["held"] * 3, *["succeeded"] * 2]
    assert (len(booker.changes), booker.most()) == (ROWS, 1)


def test_issue_8_killed_runs_book_no_row_twice() -> None:
    """A part of what `python benchmarks/kills.py` does."""
    findings = kills.run(25, seed=20261126)
    assert findings.problems == []
    assert sum(findings.kills.values()) == 25
    assert min(findings.kills["SIGKILL"], findings.kills["SIGINT"]) >= 5
    assert sum(findings.damage.values()) >= 8
    assert max(findings.sent) == findings.charges == 1


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "waited for 30 seconds"
        time.sleep(0.005)


@pytest.mark.parametrize(
    "answer",
    [
        (200, "text/html", b"<html>Please sign in</html>"),
        (200, "application/json", b'{"code": "INVALIDINPUT", "message": "no"}'),
        (200, "application/json", b""),
        (202, "application/json", b""),
    ],
    ids=["html", "error object", "empty", "202"],
)
def test_issue_8_point_5_a_200_that_is_not_a_string_is_no_success_of_a_cancellation(
    answer: tuple[int, str, bytes], booker: Booker, tmp_path: Path, run: Run
) -> None:
    booker.sessions = {sid(n): {"sid": sid(n), "status": "Scheduled", "appointmentDate": OTHER} for n in range(2)}
    (tmp_path / "one.csv").write_text(f"exam_sid,session_sid,cancellation_memo\n{EXAM},{sid(0)},x\n")
    booker.answers = [answer, answer]
    done = run("sessions cancel --from one.csv --yes")
    assert (done.code, outcomes(done.out)) == (ExitCode.OUTCOME_UNKNOWN, ["unknown"])
    written = (tmp_path / "one.csv.results.jsonl").read_text()
    assert '"event": "unknown"' in written
    assert "succeeded" not in written
    one = run(f"sessions cancel --exam-sid {EXAM} --session-sid {sid(1)} --cancellation-memo x --yes")
    assert (one.code, one.out) == (ExitCode.OUTCOME_UNKNOWN, "")
