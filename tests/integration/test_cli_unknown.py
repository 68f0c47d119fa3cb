"""What nobody knows the outcome of: said at once, written down, and sent again only by whoever has read it back."""

from __future__ import annotations

import functools
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from invigilate.cli import ExitCode, main
from invigilate.cli.results import ResultFile, State
from invigilate.sandbox import Exchange, Phase, Sandbox, faults
from tests.integration.test_cli import Done, Run, write_rows
from tests.integration.test_cli_runs import events, outcomes, posts, release, wait_until
from tests.support.terminal import COMMAND, settings, start, terminal

ROWS = 3
DRY = "sessions schedule --from rows.csv --dry-run"
SCHEDULE = "sessions schedule --from rows.csv --yes"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(seed=5, report_rows=0) as sandbox:
        yield sandbox
        assert sandbox.defects == []
        # Whatever a test did: no card was charged twice.
        assert [
            sid for sid, number in Counter(charge.session_sid for charge in sandbox.ledger).items() if number > 1
        ] == []


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


@pytest.fixture
def session(sandbox: Sandbox) -> str:
    where = f"--exam-sid {sandbox.exam_sid} --session-sid {sandbox.session_sid}"
    return f"sessions schedule {where} --appointment-date-time 2026-12-01T09:00:00Z --yes"


def lose(sandbox: Sandbox, after: int = 0) -> None:
    """Let one booking fail in a way that says nothing of whether it was made; it was not."""
    sandbox.faults.add("scheduleExamSession", faults.html_502(after=after, times=1))


def in_shell(line: str, sandbox: Sandbox, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command line in a shell, where `$INVIGILATE` is the program."""
    environment = {**os.environ, **settings(sandbox), "INVIGILATE": shlex.join(COMMAND)}
    return subprocess.run(
        ["bash", "-c", line], env=environment, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )


def kinds(sandbox: Sandbox) -> list[str | None]:
    """What was asked for, in order."""
    return [request.operation_id for request in sandbox.requests]


CHANGES = {
    "schedule": ("scheduleExamSession", "--appointment-date-time 2026-12-01T09:00:00Z"),
    "reschedule": ("rescheduleExamSession", "--appointment-start-date-time 2026-12-02T09:00:00Z"),
    "cancel": ("cancelExamSession", "--cancellation-memo x"),
}


@pytest.mark.parametrize("many", [False, True], ids=["one", "many"])
@pytest.mark.parametrize(
    ("fault", "applied"),
    [
        (faults.drop_response(times=1), True),
        (faults.html_502(times=1, applied=True), True),
        (faults.reset_before_reading(times=1), False),
        (faults.html_502(times=1), False),
    ],
    ids=["answer dropped", "502, applied", "reset before it was read", "502, not applied"],
)
@pytest.mark.parametrize("change", CHANGES)
def test_a_session_is_read_before_so_that_a_lost_reply_has_a_verdict(
    change: str, fault: Any, applied: bool, many: bool, run: Run, session: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    operation, options = CHANGES[change]
    if change != "schedule":
        assert run(session).code == 0
    sandbox.requests.clear()
    sandbox.faults.add(operation, fault)
    where = f"--exam-sid {sandbox.exam_sid} --session-sid {sandbox.session_sid}"
    if many:
        (tmp_path / "one.csv").write_text(f"exam_sid,session_sid\n{sandbox.exam_sid},{sandbox.session_sid}\n")
        where = "--from one.csv"
    line = f"sessions {change} {where} {options}"
    assert run(f"{line} --dry-run").code == 0
    assert kinds(sandbox) == []
    done = run(f"{line} --yes")
    assert done.code == ExitCode.OUTCOME_UNKNOWN
    assert f"read back: {'APPLIED' if applied else 'NOT_VISIBLE'}: " in done.err
    assert kinds(sandbox).count(operation) <= 1
    assert [kind for kind in kinds(sandbox) if kind != operation] == ["getExamSession"] * 2
    assert kinds(sandbox)[0] == "getExamSession"
    if many:
        last = events(tmp_path / "one.csv.results.jsonl")[-1]
        assert last["read_back"].startswith(f"read back: {'APPLIED' if applied else 'NOT_VISIBLE'}: ")


@pytest.mark.parametrize(
    ("status", "state", "code"),
    [
        (401, "not_sent", ExitCode.SETTINGS),
        (403, "not_sent", ExitCode.SETTINGS),
        (404, "refused", ExitCode.NOT_FOUND),
        (409, "refused", ExitCode.REFUSED),
    ],
)
@pytest.mark.parametrize("change", CHANGES)
def test_a_session_that_the_server_does_not_show_is_not_changed(
    change: str, status: int, state: str, code: ExitCode, run: Run, sandbox: Sandbox, rows: Path, results: Path
) -> None:
    """Neither with a results file nor without: nobody knows whether the change was made already."""
    plain = rows.read_text().splitlines()
    rows.write_text("exam_sid,session_sid\n" + "".join(f"{','.join(line.split(',')[:2])}\n" for line in plain[1:]))
    operation, options = CHANGES[change]
    where = f"--exam-sid {sandbox.exam_sid} --session-sid {sandbox.session_sid}"
    with sandbox.faults.during("getExamSession", faults.status(status=status)):
        one = run(f"sessions {change} {where} {options} --yes")
        many = run(f"sessions {change} --from rows.csv {options} --yes")
    assert kinds(sandbox).count(operation) == 0
    assert (one.code, one.out) == (code, "")
    assert "nothing was sent, because the session could not be read first: " in one.err
    # Refused credentials are those of all rows.
    refused = state == "refused"
    assert (many.code, outcomes(many.out)) == (
        ExitCode.REFUSED if refused else code,
        [state] * (ROWS if refused else 1),
    )
    assert ("stopped: the credentials were refused" in many.err) is not refused
    first = events(results)[0]
    assert (first["event"], first["status_code"]) == (state, status)
    assert first["message"].startswith("nothing was sent, because the session could not be read first: ")


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (faults.status(status=500, times=3), ExitCode.REFUSED),
        (faults.not_json(times=1), ExitCode.INCOMPLETE),
        (faults.too_many_requests(times=3), ExitCode.REFUSED),
    ],
    ids=["500", "no JSON", "429"],
)
@pytest.mark.parametrize("many", [False, True], ids=["one", "many"])
def test_issue_8_point_1_a_session_that_cannot_be_read_is_not_changed(
    fault: Any, code: ExitCode, many: bool, run: Run, session: str, sandbox: Sandbox, rows: Path
) -> None:
    """An earlier run may have booked it, and nobody can see that."""
    sandbox.faults.add("getExamSession", fault)
    done = run(SCHEDULE if many else session)
    assert (done.code, posts(sandbox)) == (code, 0)
    assert (
        "run the same command again to continue" if many else "nothing was sent, because the session could"
    ) in done.err
    assert run(SCHEDULE if many else session).code == 0
    assert posts(sandbox) == (ROWS if many else 1)


def test_without_a_connection_to_read_a_session_nothing_is_sent(
    run: Run, session: str, sandbox: Sandbox, rows: Path, results: Path
) -> None:
    with sandbox.faults.during("getExamSession", faults.close_without_response()):
        one = run(session)
        many = run(SCHEDULE)
    assert (one.code, one.out) == (ExitCode.NO_CONNECTION, "")
    assert "invigilate: nothing was sent, because the session could not be read first: " in one.err.splitlines()[-1]
    assert (many.code, outcomes(many.out)) == (ExitCode.NO_CONNECTION, ["not_sent"])
    assert "nothing was sent, because the session could not be read first: " in many.out
    assert f"stopped: there is no connection; {ROWS} rows are left; run the same command again to continue" in many.err
    assert [event["event"] for event in events(results)] == ["not_sent"]
    assert posts(sandbox) == 0
    assert run(SCHEDULE).code == 0


def test_ctrl_c_while_a_session_is_read_before(
    session: str, sandbox: Sandbox, rows: Path, results: Path, tmp_path: Path
) -> None:
    sandbox.faults.add("getExamSession", faults.stall(seconds=20))
    for number, line in enumerate((session, SCHEDULE), 1):
        with start(*shlex.split(line), folder=tmp_path, environment=settings(sandbox)) as process:
            wait_until(lambda stalled=number: sandbox.faults.fired.total("stall") == stalled)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=60)
        assert process.returncode == ExitCode.INTERRUPTED
        last = err.splitlines()[-1]
        assert last.startswith("invigilate: interrupted")
        assert "may have been sent" not in err
    where = "the results are in rows.csv.results.jsonl; run the same command again to continue"
    assert last == f"invigilate: interrupted; {ROWS} rows: {ROWS} to send; {where}"
    assert (posts(sandbox), events(results)) == (0, [])


def test_each_unknown_row_is_named_once(run: Run, sandbox: Sandbox, rows: Path) -> None:
    lose(sandbox)
    run(SCHEDULE)
    for line in (SCHEDULE, DRY):
        again = run(line)
        assert again.err.count("line 2: outcome unknown;") == 1
        assert again.err.count("invigilate sessions show") == 1
        assert release(again, 2)


def test_refused_rows_are_named_beside_unknown_ones(run: Run, sandbox: Sandbox, rows: Path) -> None:
    lose(sandbox)
    sandbox.faults.add("scheduleExamSession", faults.status(status=422, times=1))
    for done in (run(SCHEDULE), run(SCHEDULE)):
        assert done.code == ExitCode.OUTCOME_UNKNOWN
        assert "line 2: outcome unknown; not retried without --retry" in done.err
        assert done.err.splitlines()[-1] == "invigilate: line 3: refused; retried with --retry-refused"


def test_a_release_covers_one_unknown_outcome(run: Run, sandbox: Sandbox, rows: Path) -> None:
    lose(sandbox)
    first = run(SCHEDULE)
    assert (first.code, outcomes(first.out)) == (ExitCode.OUTCOME_UNKNOWN, ["unknown", *["succeeded"] * (ROWS - 1)])
    command = f"{SCHEDULE} --retry {release(first, 2)}"
    lose(sandbox)
    second = run(command)
    assert (second.code, outcomes(second.out)) == (ExitCode.OUTCOME_UNKNOWN, ["unknown"])
    assert posts(sandbox) == ROWS + 1
    # The same command again: nobody has read back what became of the second attempt.
    for _ in range(2):
        again = run(command)
        assert (again.code, again.out) == (ExitCode.USAGE, "")
        assert "not the current mark of line 2; look with: invigilate sessions show" in again.err
        assert f"then pass {release(second, 2)} to --confirmed or --retry" in again.err
    assert posts(sandbox) == ROWS + 1
    assert release(first, 2) != release(second, 2)
    last = run(f"{SCHEDULE} --retry {release(second, 2)}")
    assert (last.code, outcomes(last.out)) == (0, ["succeeded"])
    assert len(sandbox.ledger) == ROWS
    done = run(f"{SCHEDULE} --retry {release(second, 2)}")
    assert done.code == ExitCode.USAGE
    assert "rows that are held or whose outcome is unknown; line 2 succeeded" in done.err
    assert posts(sandbox) == ROWS + 2


@pytest.mark.parametrize(
    "given", ["2", "2:", "2:0", "2:000000", "2:{mark}0", "02:000000", "2:{mark} {option} 2:{mark}"]
)
@pytest.mark.parametrize("option", ["--retry", "--confirmed"])
def test_what_is_settled_without_its_mark(
    given: str, option: str, run: Run, sandbox: Sandbox, rows: Path, results: Path
) -> None:
    lose(sandbox)
    right = release(run(SCHEDULE), 2)
    before, sent = results.read_bytes(), posts(sandbox)
    done = run(f"{SCHEDULE} {option} {given.format(mark=right.partition(':')[2], option=option)}")
    assert (done.code, done.out) == (ExitCode.USAGE, "")
    assert f"then pass {right} to --confirmed or --retry" in done.err
    assert (results.read_bytes(), posts(sandbox)) == (before, sent)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ("--retry x", "--retry x: expected LINE:MARK"),
        ("--retry 3", "--retry 3: expected LINE:MARK"),
        (
            "--retry 3:{mark}",
            "--retry are for rows that are held or whose outcome is unknown; line 3 succeeded",
        ),
        (
            "--retry 99:{mark}",
            "--retry are for rows that are held or whose outcome is unknown; line 99 is not a row",
        ),
        ("--confirmed 3", "--confirmed 3: expected LINE:MARK"),
        ("--confirmed 3:{mark}", "whose outcome is unknown; line 3 succeeded"),
        ("--confirmed 99:{mark}", "whose outcome is unknown; line 99 is not a row"),
        ("--confirmed 2:{mark},3:{mark}", "whose outcome is unknown; line 3 succeeded"),
        ("--confirmed 2:{mark},", "--confirmed : expected LINE:MARK, as printed by the run"),
        ("--confirmed 2:{mark} --retry 2:{mark}", "line 2: --confirmed and --retry contradict each other"),
    ],
)
@pytest.mark.parametrize("how", ["--yes", "--dry-run"])
def test_what_settles_nothing(
    options: str, problem: str, how: str, run: Run, sandbox: Sandbox, rows: Path, results: Path
) -> None:
    lose(sandbox)
    mark = release(run(SCHEDULE), 2).partition(":")[2]
    before, sent = results.read_bytes(), posts(sandbox)
    done = run(f"sessions schedule --from rows.csv {how} {options.format(mark=mark)}")
    assert (done.code, done.out) == (ExitCode.USAGE, "")
    assert problem in done.err
    assert (results.read_bytes(), posts(sandbox)) == (before, sent)


def test_a_released_row_that_was_not_sent_yet(run: Run, sandbox: Sandbox, rows: Path) -> None:
    head, first, *others = rows.read_text().splitlines(keepends=True)
    rows.write_text("".join([head, *others]))
    lose(sandbox)
    unknown = run(SCHEDULE)
    # The rows move down, and another one takes the place of the first.
    rows.write_text("".join([head, first, *others]))
    given = release(unknown, 2)
    assert run(f"{SCHEDULE} --retry {given}").code == ExitCode.USAGE
    command = f"{SCHEDULE} --retry 3:{given.partition(':')[2]}"
    sandbox.expire_token(403)
    stopped = run(command)
    assert (stopped.code, outcomes(stopped.out)) == (ExitCode.SETTINGS, ["not_sent"])
    sandbox.expire_token(None)
    # Released it is, and not sent yet: the same command goes on.
    done = run(command)
    assert (done.code, outcomes(done.out)) == (0, ["succeeded"] * 2)
    assert len(sandbox.ledger) == ROWS


@pytest.mark.parametrize("option", ["--retry", "--confirmed"])
def test_nothing_is_settled_without_a_yes(
    option: str, run: Run, sandbox: Sandbox, rows: Path, results: Path, tmp_path: Path
) -> None:
    lose(sandbox)
    sandbox.faults.add("scheduleExamSession", faults.status(status=422, times=1))
    given = release(run(SCHEDULE), 2)
    line = f"sessions schedule --from rows.csv --retry-refused {option} {given}"
    before, sent = results.read_bytes(), posts(sandbox)
    # Nobody can be asked here; and then somebody is, and says no.
    assert run(line).code == ExitCode.NOT_CONFIRMED
    assert results.read_bytes() == before
    with terminal(*shlex.split(line), folder=tmp_path, environment=settings(sandbox)) as shown:
        shown.wait_for("[y/N] ")
        shown.type("n")
        assert shown.end() == ExitCode.NOT_CONFIRMED
    assert (results.read_bytes(), posts(sandbox)) == (before, sent)
    assert run(SCHEDULE).code == ExitCode.OUTCOME_UNKNOWN
    assert posts(sandbox) == sent


def test_a_dry_run_shows_what_a_release_would_send(
    run: Run, sandbox: Sandbox, rows: Path, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose(sandbox)
    lose(sandbox)
    first = run(SCHEDULE)
    before, sent = results.read_bytes(), posts(sandbox)
    monkeypatch.delenv("SMARTERPROCTORING_TOKEN")
    dry = run(f"{DRY} --json --confirmed {release(first, 2)} --retry {release(first, 3)}")
    assert dry.code == 0
    assert [json.loads(line)["line"] for line in dry.out.splitlines()] == [3]
    assert f"{ROWS} rows: 1 to send, {ROWS - 1} done" in dry.err
    assert run(DRY).out == ""
    assert (results.read_bytes(), posts(sandbox)) == (before, sent)


def test_confirmed_rows_need_no_question(run: Run, sandbox: Sandbox, rows: Path, results: Path) -> None:
    lose(sandbox)
    unknown = run(SCHEDULE)
    assert unknown.code == ExitCode.OUTCOME_UNKNOWN
    for _ in range(2):
        done = run(f"sessions schedule --from rows.csv --confirmed {release(unknown, 2)}")
        assert (done.code, done.out) == (0, "")
        assert [event["event"] for event in events(results)].count("confirmed") == 1
    assert run(SCHEDULE).code == 0


def test_ctrl_c_while_one_is_read_back(session: str, sandbox: Sandbox, tmp_path: Path) -> None:
    lose(sandbox)
    # The first time it is read before it is changed.
    sandbox.faults.add("getExamSession", faults.stall(seconds=20, after=1))
    with start(*shlex.split(session), folder=tmp_path, environment=settings(sandbox)) as process:
        wait_until(lambda: sandbox.faults.fired.total("stall"))
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (ExitCode.OUTCOME_UNKNOWN, "")
    *_, unknown, found, advice = err.splitlines()
    assert "outcome unknown: 502" in unknown
    assert found == "invigilate: read back: interrupted"
    assert advice.startswith("invigilate: next: do not retry it; look with: invigilate sessions show --install")


def test_ctrl_c_while_a_row_is_read_back(sandbox: Sandbox, rows: Path, results: Path, run: Run, tmp_path: Path) -> None:
    lose(sandbox, after=1)
    sandbox.faults.add("getExamSession", faults.stall(seconds=20, after=2, times=1))
    with start(*shlex.split(SCHEDULE), folder=tmp_path, environment=settings(sandbox)) as process:
        wait_until(lambda: sandbox.faults.fired.total("stall"))
        # It is on the disk before it is read back.
        assert [event["event"] for event in events(results)] == ["started", "succeeded", "started", "unknown"]
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, outcomes(out)) == (ExitCode.OUTCOME_UNKNOWN, ["succeeded", "unknown"])
    assert "stopped: interrupted; 1 row is left; went through: line 2; run the same command again to continue" in err
    assert "next, line 3: invigilate sessions show" in err
    assert release(Done(0, out, err), 3) == release(run(SCHEDULE), 3)


def test_ctrl_c_before_a_success_is_written(
    run: Run, sandbox: Sandbox, rows: Path, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = ResultFile.write

    def interrupted(self: ResultFile, item: Any, state: State, **facts: Any) -> None:
        if state is State.SUCCEEDED:
            raise KeyboardInterrupt
        write(self, item, state, **facts)

    with monkeypatch.context() as patch:
        patch.setattr(ResultFile, "write", interrupted)
        done = run(SCHEDULE)
    assert done.code == ExitCode.INTERRUPTED
    said = "invigilate: interrupted; line 2: it may have been sent; do not retry it until you have checked\n"
    # First, so that no advice is read without it.
    assert done.err.index(said) < done.err.index("next, line 2: ") < done.err.index("--retry 2:")
    assert "must not be sent again" not in done.err
    assert "next, line 2: invigilate sessions show" in done.err
    assert len(sandbox.ledger) == 1
    again = run(SCHEDULE)
    assert (again.code, outcomes(again.out)) == (ExitCode.OUTCOME_UNKNOWN, ["succeeded"] * (ROWS - 1))
    assert release(done, 2) == release(again, 2)


def test_ctrl_c_while_the_answer_is_printed(
    run: Run, session: str, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("invigilate.cli.changes.show_result", interrupted)
    done = run(session)
    assert done.code == ExitCode.INTERRUPTED
    last = done.err.splitlines()[-1]
    assert last == "invigilate: interrupted; the change was made, but its response was not printed completely"
    assert posts(sandbox) == 1


def test_ctrl_c_after_an_unknown_outcome(sandbox: Sandbox, rows: Path, results: Path, tmp_path: Path) -> None:
    lose(sandbox)
    sandbox.faults.add("scheduleExamSession", faults.too_many_requests(times=1, retry_after=30))
    with start(*shlex.split(SCHEDULE), folder=tmp_path, environment=settings(sandbox)) as process:
        wait_until(lambda: "not_sent" in [event["event"] for event in events(results)])
        time.sleep(1)  # until it is safely on the disk, and the wait of 30 seconds has begun
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == ExitCode.INTERRUPTED
    assert "no change was cut off" not in err
    assert err.index("interrupted; line 2: outcome unknown; not retried") < err.index("--retry 2:")
    assert release(Done(0, "", err), 2)


def test_results_of_another_server(
    run: Run, sandbox: Sandbox, rows: Path, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(SCHEDULE).code == 0
    before = results.read_bytes()
    assert json.loads(before.splitlines()[0])["base_url"] == sandbox.smarterproctoring_url
    with Sandbox(seed=5, report_rows=0) as production:
        for name, value in settings(production).items():
            monkeypatch.setenv(name, value)
        for line in (SCHEDULE, DRY):
            done = run(line)
            assert (done.code, done.out) == (ExitCode.USAGE, "")
            assert f"holds results of {sandbox.smarterproctoring_url}, not of {production.smarterproctoring_url};" in (
                done.err
            )
            monkeypatch.delenv("SMARTERPROCTORING_TOKEN", raising=False)
        assert (results.read_bytes(), posts(production)) == (before, 0)
        monkeypatch.setenv("SMARTERPROCTORING_TOKEN", production.token)
        # A slash at the end is no other server, and a user in the address is refused.
        monkeypatch.setenv("SMARTERPROCTORING_BASE_URL", f"{production.smarterproctoring_url}/")
        assert run(f"{SCHEDULE} --results production.jsonl").code == 0
        assert len(production.ledger) == ROWS
        monkeypatch.setenv("SMARTERPROCTORING_BASE_URL", "https://me:pass@api.example.com")
        refused = run(DRY)
        assert (refused.code, "pass" in refused.err) == (ExitCode.SETTINGS, False)


@pytest.mark.parametrize("content", ["a,b\nprecious,row", "only a line", '{"a": 1}', "1\n", '{"invigilate_results": 9'])
@pytest.mark.parametrize("how", ["--yes", "", "--dry-run"])
def test_a_file_of_others_is_left_alone(
    content: str, how: str, run: Run, sandbox: Sandbox, rows: Path, tmp_path: Path
) -> None:
    path = tmp_path / "notes.csv"
    path.write_text(content)
    done = run(f"sessions schedule --from rows.csv --results notes.csv {how}")
    assert (done.code, path.read_text()) == (ExitCode.USAGE, content)
    assert "notes.csv: not a results file" in done.err
    assert posts(sandbox) == 0


@pytest.mark.parametrize("readers", ["| true", "2>&1 | true"])
def test_a_reader_that_has_gone_hides_no_unknown_outcome(
    readers: str, sandbox: Sandbox, rows: Path, tmp_path: Path
) -> None:
    lose(sandbox)
    done = in_shell(f"$INVIGILATE {SCHEDULE} {readers}; exit ${{PIPESTATUS[0]}}", sandbox, tmp_path)
    assert done.returncode == ExitCode.OUTCOME_UNKNOWN
    assert len(sandbox.ledger) == ROWS - 1
    if "2>&1" not in readers:
        assert "next, line 2: invigilate sessions show" in done.stderr
        assert release(Done(0, "", done.stderr), 2)


@pytest.mark.parametrize(
    ("output", "code", "reason"),
    [
        ("> /dev/full", ExitCode.FAILED, "No space left on device"),
        ("| true", ExitCode.PIPE_CLOSED, "Broken pipe"),
    ],
)
@pytest.mark.parametrize("many", [True, False], ids=["many", "one"])
def test_a_change_that_cannot_be_printed(
    output: str, code: int, reason: str, many: bool, session: str, sandbox: Sandbox, rows: Path, tmp_path: Path
) -> None:
    # `true` has gone by then.
    sandbox.faults.add("scheduleExamSession", faults.stall(seconds=0.3, times=1))
    done = in_shell(f"$INVIGILATE {SCHEDULE if many else session} {output}; exit ${{PIPESTATUS[0]}}", sandbox, tmp_path)
    assert done.returncode == code
    made = "the results are in rows.csv.results.jsonl, but the list of them" if many else "the change was made"
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"invigilate: {made}")
    assert last.endswith(f"cannot be printed: {reason}")
    sent = ROWS if many else 1
    assert posts(sandbox) == sent


def test_nothing_is_sent_when_stdout_is_closed(session: str, sandbox: Sandbox, tmp_path: Path) -> None:
    done = in_shell(f"$INVIGILATE {session} >&-", sandbox, tmp_path)
    assert done.returncode == ExitCode.FAILED
    assert "stdout is closed, so nothing was done" in done.stderr
    assert len(sandbox.requests) == 0


LIMITED = """
import resource, sys
from invigilate.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sizes of files cannot be limited there")
@pytest.mark.parametrize("fits", ["nothing of the row", "that it was started"])
def test_a_full_disk(fits: str, run: Run, sandbox: Sandbox, rows: Path, results: Path, tmp_path: Path) -> None:
    lines = rows.read_text().splitlines(keepends=True)
    rows.write_text("".join(lines[:2]))
    assert run(SCHEDULE).code == 0
    head, started, _ = results.read_bytes().splitlines(keepends=True)
    for each in tmp_path.glob("rows.csv.results*"):
        each.unlink()
    rows.write_text("".join([lines[0], lines[2]]))
    # A part of the line that comes next fits, too.
    limit = len(head) + (len(started) if "started" in fits else 0) + 20
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(limit), *shlex.split(SCHEDULE)],
        env={**os.environ, **settings(sandbox), "PYTHONDONTWRITEBYTECODE": "1"}, cwd=tmp_path, capture_output=True,
        text=True,
    )  # fmt: skip
    if "started" in fits:
        assert (done.returncode, len(sandbox.ledger)) == (ExitCode.OUTCOME_UNKNOWN, 2)
        assert (
            "stopped: line 2: rows.csv.results.jsonl cannot be written: File too large (correct this first); "
            in done.stderr
        )
        assert [event["event"] for event in events(results)] == ["started"]
        # The list of rows says what failed, too.
        assert "rows.csv.results.jsonl cannot be written: File too large" in done.stdout
        assert "OSError" not in done.stdout + done.stderr
        assert release(Done(0, "", done.stderr), 2) == release(run(SCHEDULE), 2)
    else:
        assert (done.returncode, len(sandbox.ledger)) == (ExitCode.FAILED, 1)
        assert results.read_bytes().count(b"\n") == 1
        assert run(SCHEDULE).code == 0
        assert len(sandbox.ledger) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="sizes of files cannot be limited there")
def test_a_full_disk_hides_no_unknown_outcome_of_before(
    sandbox: Sandbox, rows: Path, results: Path, run: Run, tmp_path: Path
) -> None:
    lose(sandbox)
    # Of the second row, what is written does not fit any more.
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, "1100", *shlex.split(SCHEDULE)],
        env={**os.environ, **settings(sandbox), "PYTHONDONTWRITEBYTECODE": "1"}, cwd=tmp_path, capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == ExitCode.OUTCOME_UNKNOWN
    assert "File too large" in done.stderr
    assert [event["event"] for event in events(results)][:2] == ["started", "unknown"]
    assert release(Done(0, "", done.stderr), 2) == release(run(SCHEDULE), 2)


@pytest.fixture
def offerings(sandbox: Sandbox, tmp_path: Path) -> list[str]:
    found = sorted({session.offering_sid for session in sandbox.open_sessions})
    text = "offering_sid,title,match_strings\n" + "".join(f'{sid},Term,"A,B"\n' for sid in found)
    (tmp_path / "offerings.csv").write_text(text)
    return found


@pytest.mark.parametrize("status", [408, 500, 503, 302])
def test_a_server_that_fails_is_asked_again_by_the_next_run(
    status: int, run: Run, sandbox: Sandbox, offerings: list[str], tmp_path: Path
) -> None:
    line = "api smarterproctoring course-offerings update --from offerings.csv --yes"
    # Once, with the repeats within the call: those of 302 are none.
    sandbox.faults.add("updateCourseOffering", faults.status(status=status, times=1 if status == 302 else 3))
    done = run(line)
    assert (done.code, outcomes(done.out)) == (ExitCode.REFUSED, ["failed", *["succeeded"] * (len(offerings) - 1)])
    assert "line 2: the server failed; the operation is idempotent, and the next run retries" in done.err
    assert "refused; retried with" not in done.err
    again = run(line)
    assert (again.code, outcomes(again.out)) == (0, ["succeeded"])
    assert [event["event"] for event in events(tmp_path / "offerings.csv.results.jsonl")].count("failed") == 1


def test_a_server_that_always_fails_ends_the_run(run: Run, sandbox: Sandbox, tmp_path: Path) -> None:
    text = "offering_sid,title,match_strings\n" + "".join(f"CO{number:032x},Term,A\n" for number in range(5))
    (tmp_path / "offerings.csv").write_text(text)
    line = "api smarterproctoring course-offerings update --from offerings.csv --yes"
    with sandbox.faults.during("updateCourseOffering", faults.html_520()):
        done = run(line)
    assert (done.code, outcomes(done.out)) == (ExitCode.REFUSED, ["failed"] * 3)
    assert "stopped: the server failed 3 times in a row; 5 rows are left" in done.err
    with sandbox.faults.during("updateCourseOffering", faults.status(status=422)):
        refused = run(line)
    assert (refused.code, outcomes(refused.out)) == (ExitCode.REFUSED, ["refused"] * 5)


def test_what_was_read_back_of_one_row_confirms_no_other(run: Run, sandbox: Sandbox, rows: Path) -> None:
    sandbox.faults.add("scheduleExamSession", faults.status(status=422, times=1))
    sandbox.faults.add("scheduleExamSession", faults.drop_response(times=1, after=1))
    sandbox.faults.add("scheduleExamSession", faults.html_502(times=1, after=2))
    unknown = run(SCHEDULE)
    assert outcomes(unknown.out) == ["refused", "unknown", "unknown"]
    booked, lost = release(unknown, 3), release(unknown, 4)
    # The refused row is taken out, and the others move up.
    head, _, *others = rows.read_text().splitlines(keepends=True)
    rows.write_text("".join([head, *others]))
    wrong = run(f"{SCHEDULE} --confirmed {booked}")
    assert wrong.code == ExitCode.USAGE
    done = run(f"{SCHEDULE} --confirmed 2:{booked[2:]} --retry 3:{lost[2:]}")
    assert (done.code, outcomes(done.out)) == (0, ["succeeded"])
    assert len(sandbox.ledger) == ROWS - 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_what_else_ends_a_program_is_told_as_ctrl_c_is(
    number: signal.Signals, session: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    sandbox.faults.add("scheduleExamSession", faults.stall(seconds=20, applied=True))
    with start(*shlex.split(session), folder=tmp_path, environment=settings(sandbox)) as process:
        wait_until(lambda: sandbox.faults.fired.total("stall"))
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    assert process.returncode == ExitCode.INTERRUPTED
    assert "it may have been sent; do not retry it until you have checked; look with: invigilate sessions show" in err


@pytest.mark.parametrize("last", [401, 422, 429])
def test_issue_8_point_6_after_an_attempt_that_was_received_nothing_is_called_unchanged(
    last: int, run: Run, sandbox: Sandbox, offerings: list[str], tmp_path: Path
) -> None:
    """The first attempt may have been carried out, so that a refusal of the second does not say that nothing was."""
    (tmp_path / "offerings.csv").write_text(f"offering_sid,title,match_strings\n{offerings[0]},Term,A\n")
    line = "api smarterproctoring course-offerings update --from offerings.csv --yes"
    fault = faults.too_many_requests if last == 429 else functools.partial(faults.status, status=last)
    sandbox.faults.add("updateCourseOffering", faults.html_502(times=1, applied=True))
    sandbox.faults.add("updateCourseOffering", fault(times=2))
    done = run(line)
    assert outcomes(done.out) == ["failed"]
    assert [event["event"] for event in events(tmp_path / "offerings.csv.results.jsonl")] == ["started", "failed"]
    assert "refused; retried with" not in done.err
    # What is refused at the first attempt was not carried out.
    sandbox.faults.add("updateCourseOffering", fault(times=3))
    again = run(line)
    assert outcomes(again.out) == [{422: "refused"}.get(last, "not_sent") if last != 429 else "failed"]


class ClosedAfterwards:
    """Closes the listening socket after the first request, so that the second attempt finds nobody."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def connected(self, api: str) -> None:
        """See `Interceptor`."""

    def reached(self, phase: Phase, exchange: Exchange) -> None:
        """See `Interceptor`."""
        if phase is Phase.RECEIVED:
            self._sandbox.faults.refuse("smarterproctoring", 30)


def test_issue_8_point_6_a_row_that_was_received_once_is_not_called_not_sent(
    run: Run, sandbox: Sandbox, offerings: list[str], tmp_path: Path
) -> None:
    sandbox.interceptors.append(ClosedAfterwards(sandbox))
    sandbox.faults.add("updateCourseOffering", faults.drop_response(times=1))
    done = run("api smarterproctoring course-offerings update --from offerings.csv --yes")
    assert (done.code, outcomes(done.out)) == (ExitCode.NO_CONNECTION, ["failed"])
    assert [event["event"] for event in events(tmp_path / "offerings.csv.results.jsonl")] == ["started", "failed"]
