"""Many rows from a file: a run that breaks goes on, and nothing is booked twice."""

from __future__ import annotations

import json
import random
import re
import shlex
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from invigilate.cli import ExitCode, main
from invigilate.sandbox import Sandbox, faults
from tests.integration.test_cli import Done, Run, write_rows
from tests.support.terminal import settings, start, terminal

ROWS = 12
SCHEDULE = "sessions schedule --from rows.csv --yes"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(seed=11, report_rows=0) as sandbox:
        yield sandbox
        assert sandbox.defects == []
        # Whatever a test did: no session was booked or charged twice.
        posts = [request.path for request in sandbox.requests if request.operation_id == "scheduleExamSession"]
        refused = {request.path for request in sandbox.requests if request.status in {400, 403, 409, 422, 429}}
        assert [path for path, number in Counter(posts).items() if number > 1 and path not in refused] == []
        charges = Counter(charge.session_sid for charge in sandbox.ledger)
        assert [sid for sid, number in charges.items() if number > 1] == []


@pytest.fixture
def run(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    for name, value in settings(sandbox).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)

    def run(line: str) -> Done:
        return Done(int(main(shlex.split(line))), *capsys.readouterr())

    return run


@pytest.fixture
def rows(sandbox: Sandbox, tmp_path: Path) -> Path:
    return write_rows(tmp_path / "rows.csv", sandbox, ROWS)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return tmp_path / "rows.csv.results.jsonl"


def events(results: Path) -> list[dict[str, Any]]:
    if not results.exists():
        return []
    return [json.loads(line) for line in results.read_bytes().rpartition(b"\n")[0].splitlines()[1:]]


def posts(sandbox: Sandbox) -> int:
    return [request.operation_id for request in sandbox.requests].count("scheduleExamSession")


def outcomes(text: str) -> list[str]:
    return [line.split("\t")[1] for line in text.splitlines()[1:]]


def release(done: Done, line: int) -> str:
    """What the advice says to give to --retry for a line."""
    (given,) = re.findall(rf"--retry (?:\S*,)?({line}:[0-9a-f]+)[, ]", done.err)
    return str(given)


def test_a_run_and_the_same_run_again(run: Run, sandbox: Sandbox, rows: Path, results: Path) -> None:
    dry = run("sessions schedule --from rows.csv --dry-run --json")
    assert [json.loads(line)["line"] for line in dry.out.splitlines()] == list(range(2, ROWS + 2))
    assert not results.exists()
    assert run("sessions schedule --from rows.csv").code == ExitCode.NOT_CONFIRMED
    assert posts(sandbox) == 0
    done = run(SCHEDULE)
    assert (done.code, outcomes(done.out)) == (0, ["succeeded"] * ROWS)
    assert len(sandbox.ledger) == ROWS
    assert [event["event"] for event in events(results)] == ["started", "succeeded"] * ROWS
    again = run(SCHEDULE)
    assert (again.code, again.out, again.err.splitlines()[-1]) == (0, "", f"invigilate: {ROWS} rows: {ROWS} done")
    assert run(f"{SCHEDULE} --dry-run").out == ""
    assert "tok_visa" not in results.read_text() + done.out + done.err


def test_a_changed_file_is_refused(run: Run, sandbox: Sandbox, rows: Path) -> None:
    assert run(SCHEDULE).code == 0
    text = rows.read_text()
    for changed, problem in [
        (
            text.replace("2026-12-01T09:00:00Z", "2026-12-01T10:00:00Z", 1),
            "line 2: not what was sent: a value of the row or of an option was changed, or its times",
        ),
        ("".join(text.splitlines(keepends=True)[:-1]), f"line {ROWS + 1} was sent, and is no longer in the CSV file"),
    ]:
        rows.write_text(changed)
        done = run(SCHEDULE)
        assert (done.code, done.out) == (ExitCode.USAGE, "")
        assert problem in done.err
    # Further rows may follow.
    write_rows(rows, sandbox, 2)
    rows.write_text(text + "".join(rows.read_text().splitlines(keepends=True)[1:]))
    done = run(SCHEDULE)
    assert (done.code, outcomes(done.out)) == (0, ["succeeded"] * 2)


def test_a_lost_reply_is_never_sent_again_by_itself(run: Run, sandbox: Sandbox, rows: Path) -> None:
    third, fifth = sandbox.open_sessions[2], sandbox.open_sessions[4]
    sandbox.faults.add("scheduleExamSession", faults.drop_response(after=2, times=1))
    sandbox.faults.add("scheduleExamSession", faults.html_502(after=4, times=1))
    done = run(SCHEDULE)
    expected = ["succeeded"] * ROWS
    expected[2] = expected[4] = "unknown"
    assert (done.code, outcomes(done.out)) == (ExitCode.OUTCOME_UNKNOWN, expected)
    for line, session in ((4, third), (6, fifth)):
        assert f"next, line {line}: invigilate sessions show --install-sid {sandbox.install_sid}" in done.err
        assert session.session_sid in done.err
    sent = posts(sandbox)
    assert sent == ROWS
    for options in ("", " --retry-refused"):
        again = run(SCHEDULE + options)
        assert (again.code, again.out) == (ExitCode.OUTCOME_UNKNOWN, "")
    assert posts(sandbox) == sent
    # Somebody has looked: the one went through, the other did not.
    assert run(f"{SCHEDULE} --confirmed 2:{release(again, 4)[2:]}").code == ExitCode.USAGE
    sandbox.requests.clear()
    settled = run(f"{SCHEDULE} --confirmed {release(again, 4)} --retry {release(again, 6)}")
    assert (settled.code, outcomes(settled.out)) == (0, ["succeeded"])
    assert posts(sandbox) == 1
    assert run(SCHEDULE).code == 0
    assert Counter(charge.session_sid for charge in sandbox.ledger).most_common(1)[0][1] == 1
    assert len(sandbox.ledger) == ROWS


def test_a_server_that_loses_every_reply_ends_the_run(run: Run, sandbox: Sandbox, rows: Path) -> None:
    with sandbox.faults.during("scheduleExamSession", faults.close_without_response()):
        done = run(SCHEDULE)
    assert (done.code, outcomes(done.out)) == (ExitCode.OUTCOME_UNKNOWN, ["unknown"] * 3)
    assert "stopped: 3 outcomes in a row are unknown" in done.err
    again = run(SCHEDULE)
    assert (again.code, outcomes(again.out)) == (ExitCode.OUTCOME_UNKNOWN, ["succeeded"] * (ROWS - 3))
    assert len(sandbox.ledger) == ROWS


def test_refused_rows_can_be_corrected_and_sent_again(run: Run, sandbox: Sandbox, rows: Path) -> None:
    sandbox.faults.add("scheduleExamSession", faults.status(status=409, after=1, times=1))
    sandbox.faults.add("scheduleExamSession", faults.status(status=422, after=3, times=1))
    done = run(f"{SCHEDULE} --json")
    found = [json.loads(line) for line in done.out.splitlines()]
    assert done.code == ExitCode.REFUSED
    assert {row["line"]: row["message"][:3] for row in found if row["outcome"] == "refused"} == {
        3: "409", 5: "422"
    }  # fmt: skip
    sent = posts(sandbox)
    again = run(SCHEDULE)
    assert (again.code, again.out) == (ExitCode.REFUSED, "")
    assert "lines 3, 5: refused; retried with --retry-refused" in again.err
    assert posts(sandbox) == sent
    lines = rows.read_text().splitlines(keepends=True)
    lines[4] = lines[4].replace("2026-12-01T09", "2026-12-01T10")
    rows.write_text("".join(lines))
    sandbox.faults.add("scheduleExamSession", faults.status(status=409, times=1))
    retried = run(f"{SCHEDULE} --retry-refused")
    assert (retried.code, outcomes(retried.out)) == (ExitCode.REFUSED, ["refused", "succeeded"])
    # Each row is counted once.
    assert f"invigilate: {ROWS} rows: 2 to send, {ROWS - 2} done\n" in retried.err
    assert posts(sandbox) == sent + 2
    assert len(sandbox.ledger) == ROWS - 1


@pytest.mark.parametrize("columns", [50, 80, 120])
def test_the_reason_of_a_refusal_is_never_cut_off(columns: int, sandbox: Sandbox, rows: Path, tmp_path: Path) -> None:
    taken = sandbox.open_sessions[1]
    sandbox.faults.add("scheduleExamSession", faults.status(status=409, after=1, times=1))
    arguments = shlex.split(SCHEDULE)
    with terminal(*arguments, folder=tmp_path, environment=settings(sandbox), columns=columns) as shown:
        assert shown.end() == ExitCode.REFUSED
    lines = shown.text.splitlines()
    # Wherever it is wrapped, and however the lines go on, all of it is there; the path is not.
    wrapped = "".join(shown.text.split())
    assert f"3refused{taken.session_sid}" in wrapped
    assert "409SANDBOXFAULT:Afaultofthesandbox.4succeeded" in wrapped
    assert "/v1/" not in shown.text
    assert "…" not in shown.text
    if columns >= 80:
        place = lines[next(n for n, line in enumerate(lines) if line.startswith("line  outcome"))].index("message")
        assert next(line[place:] for line in lines if line.startswith("3 ")).startswith("409 SANDBOXFAULT: A")


def test_another_time_zone_is_not_what_was_sent(run: Run, sandbox: Sandbox, tmp_path: Path) -> None:
    known = sandbox.open_sessions[:2]
    rows = "".join(f"{session.exam_sid},{session.session_sid},2026-12-01T09:00\n" for session in known)
    (tmp_path / "rows.csv").write_text(f"exam_sid,session_sid,appointment_date_time\n{rows}")
    assert run(f"{SCHEDULE} --timezone Europe/Berlin").code == 0
    done = run(f"{SCHEDULE} --timezone Europe/London")
    assert (done.code, done.out) == (ExitCode.USAGE, "")
    assert "rows.csv.results.jsonl: line 2 and 1 more: not what was sent: " in done.err
    assert "its times are other instants, as with another --timezone. Restore the original values" in done.err
    assert posts(sandbox) == 2
    assert run(f"{SCHEDULE} --timezone Europe/Berlin").code == 0


def test_a_server_that_asks_to_wait(run: Run, sandbox: Sandbox, rows: Path, results: Path) -> None:
    sandbox.faults.add("scheduleExamSession", faults.too_many_requests(after=1, times=1, retry_after=1))
    started = time.monotonic()
    done = run(SCHEDULE)
    assert (done.code, outcomes(done.out)) == (0, ["succeeded"] * ROWS)
    assert time.monotonic() - started >= 1
    assert [event["event"] for event in events(results)].count("not_sent") == 1
    assert len(sandbox.ledger) == ROWS


def test_what_stops_a_run(run: Run, sandbox: Sandbox, rows: Path) -> None:
    with sandbox.faults.during("scheduleExamSession", faults.too_many_requests(after=1, retry_after=600)):
        done = run(SCHEDULE)
    assert (done.code, outcomes(done.out)) == (ExitCode.REFUSED, ["succeeded", "not_sent"])
    assert f"stopped: the server is limiting requests; {ROWS - 1} rows are left" in done.err
    sandbox.expire_token(403)
    done = run(SCHEDULE)
    assert (done.code, outcomes(done.out)) == (ExitCode.SETTINGS, ["not_sent"])
    sandbox.expire_token(None)
    with sandbox.faults.during("smarterproctoring", faults.refuse(seconds=30)):
        done = run(SCHEDULE)
    assert (done.code, outcomes(done.out)) == (ExitCode.NO_CONNECTION, ["not_sent"])
    done = run(SCHEDULE)
    assert (done.code, outcomes(done.out)) == (0, ["succeeded"] * (ROWS - 1))


def test_a_killed_run_goes_on(sandbox: Sandbox, rows: Path, results: Path, tmp_path: Path) -> None:
    """Killed at seeded points until all is done. Rows in the air when it was killed are never sent again."""
    seeded = random.Random(4)
    environment = settings(sandbox)
    sandbox.faults.add("scheduleExamSession", faults.stall(seconds=0.1, applied=True))
    in_the_air: set[str] = set()
    for _ in range(ROWS):
        before, kill_after = len(events(results)), seeded.randint(1, 6)
        with start(*shlex.split(SCHEDULE), folder=tmp_path, environment=environment) as process:
            deadline = time.monotonic() + 30
            while process.poll() is None and len(events(results)) < before + kill_after:
                assert time.monotonic() < deadline
                time.sleep(0.005)
            time.sleep(seeded.uniform(0, 0.05))
            process.kill()
            _, err = process.communicate()
        last = {event["target"]["session_sid"]: event for event in events(results)}
        for sid, event in last.items():
            if event["event"] == "started":
                in_the_air.add(sid)
        if process.returncode != -signal.SIGKILL and len(last) == ROWS:
            break
    assert process.returncode == (ExitCode.OUTCOME_UNKNOWN if in_the_air else 0), err
    assert len(in_the_air) >= 2
    # Every other row is booked and paid for; that none is so twice, the fixture looks after.
    paid = {charge.session_sid for charge in sandbox.ledger}
    assert {sid for sid, event in last.items() if event["event"] == "succeeded"} == set(last) - in_the_air <= paid
    assert err.count("invigilate sessions show") == min(5, len(in_the_air))
    for sid in in_the_air:
        assert release(Done(0, "", err), last[sid]["line"])


def test_killed_while_the_server_books(sandbox: Sandbox, rows: Path, results: Path, tmp_path: Path) -> None:
    sandbox.faults.add("scheduleExamSession", faults.stall(seconds=20, applied=True, after=1, times=1))
    environment = settings(sandbox)
    with start(*shlex.split(SCHEDULE), folder=tmp_path, environment=environment) as process:
        wait_until(lambda: len(sandbox.ledger) == 2)
        process.kill()
        process.communicate()
    assert [event["event"] for event in events(results)] == ["started", "succeeded", "started"]
    with start(*shlex.split(SCHEDULE), folder=tmp_path, environment=environment) as process:
        out, err = process.communicate(timeout=60)
    assert process.returncode == ExitCode.OUTCOME_UNKNOWN
    assert outcomes(out) == ["succeeded"] * (ROWS - 2)
    assert "line 3: outcome unknown; not retried without --retry" in err
    assert len(sandbox.ledger) == ROWS


def test_ctrl_c_while_the_server_books(sandbox: Sandbox, rows: Path, results: Path, tmp_path: Path) -> None:
    sandbox.faults.add("scheduleExamSession", faults.stall(seconds=20, applied=True, after=1, times=1))
    with start(*shlex.split(SCHEDULE), folder=tmp_path, environment=settings(sandbox)) as process:
        wait_until(lambda: len(sandbox.ledger) == 2)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == ExitCode.INTERRUPTED
    interrupted, so_far = err.splitlines()[2:4]
    said = "line 3: it may have been sent; do not retry it until you have checked"
    assert interrupted == f"invigilate: interrupted; {said}"
    # What was done so far, where it stands, and how it goes on.
    assert so_far == (
        f"invigilate: {ROWS} rows: {ROWS - 2} to send, 1 done, 1 with unknown outcome; went through: line 2; the "
        "results "
        "are in rows.csv.results.jsonl; run the same command again to continue"
    )
    assert err.count("invigilate sessions show") == 1
    assert [event["event"] for event in events(results)] == ["started", "succeeded", "started", "unknown"]
    assert len(sandbox.ledger) == 2


def test_two_runs_at_once(run: Run, sandbox: Sandbox, rows: Path, results: Path, tmp_path: Path) -> None:
    sandbox.faults.add("scheduleExamSession", faults.stall(seconds=1.5, applied=True, times=1))
    with start(*shlex.split(SCHEDULE), folder=tmp_path, environment=settings(sandbox)) as process:
        wait_until(lambda: bool(events(results)))
        second = run(SCHEDULE)
        assert (second.code, second.out) == (ExitCode.USAGE, "")
        assert "another run is using it" in second.err
        process.communicate(timeout=60)
    assert process.returncode == 0
    assert len(sandbox.ledger) == ROWS


def test_offerings_from_a_file(run: Run, sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "offerings.csv"
    offerings = sorted({session.offering_sid for session in sandbox.open_sessions})
    path.write_text("offering_sid,title,match_strings\n" + "".join(f'{sid},Term,"A,B"\n' for sid in offerings))
    sandbox.faults.add("updateCourseOffering", faults.drop_response(times=1))
    done = run("api smarterproctoring course-offerings update --from offerings.csv --results done.jsonl --yes")
    assert (done.code, outcomes(done.out)) == (0, ["succeeded"] * len(offerings))
    assert {request.operation_id for request in sandbox.requests} == {"updateCourseOffering"}
    assert (tmp_path / "done.jsonl").exists()


def wait_until(condition: Any) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "waited for 30 seconds"
        time.sleep(0.01)
