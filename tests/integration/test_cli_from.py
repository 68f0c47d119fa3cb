"""Many rows from a file, for operations of which nothing is known but their specification."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from invigilate.cli import ExitCode, main
from invigilate.sandbox import Sandbox, faults
from tests.integration.test_cli import Done, Run
from tests.support.terminal import settings

PROVISION = "api smarterproctoring provisioning provision --from people.csv --yes"
HEAD = "course.ids.external,course.title,course.code,user.ids.external,user.firstName,user.lastName,user.email\n"


def person(number: int) -> str:
    return f"c{number},Anatomy {number},A{number},u{number},Una,Example,una{number}@example.com\n"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(seed=5, report_rows=0) as sandbox:
        yield sandbox
        assert sandbox.defects == []


@pytest.fixture
def run(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    for name, value in settings(sandbox).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)

    def run(line: str) -> Done:
        return Done(int(main(shlex.split(line))), *capsys.readouterr())

    return run


@pytest.fixture
def people(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    path.write_text(HEAD + "".join(map(person, range(4))))
    return path


def outcomes(text: str) -> list[str]:
    return [line.split("\t")[1] for line in text.splitlines()[1:]]


def sent(sandbox: Sandbox) -> int:
    return [request.operation_id for request in sandbox.requests].count("provision")


def test_columns_lead_into_objects(run: Run, sandbox: Sandbox, people: Path, tmp_path: Path) -> None:
    shown = run(PROVISION.replace("--yes", "--dry-run --json"))
    assert json.loads(shown.out.splitlines()[0])["body"]["user"]["email"] == "***"
    assert len(sandbox.requests) == 0
    done = run(PROVISION)
    assert (done.code, outcomes(done.out)) == (0, ["succeeded"] * 4)
    written = (tmp_path / "people.csv.results.jsonl").read_text() + shown.out + done.out + done.err
    assert "una" not in written.casefold()
    again = run(PROVISION)
    assert (again.code, again.out, again.err) == (0, "", "invigilate: 4 rows: 4 done\n")
    assert sent(sandbox) == 4


def test_a_lost_response_is_settled_by_its_mark(run: Run, sandbox: Sandbox, people: Path) -> None:
    sandbox.faults.add("provision", faults.drop_response(after=1, times=1))
    done = run(PROVISION)
    assert (done.code, outcomes(done.out)) == (
        ExitCode.OUTCOME_UNKNOWN,
        ["succeeded", "unknown", "succeeded", "succeeded"],
    )
    assert "next, line 3: check what this did: POST /v2/installs/" in done.err
    assert "una" not in done.err.casefold()
    assert sent(sandbox) == 4
    assert run(PROVISION).code == ExitCode.OUTCOME_UNKNOWN
    assert sent(sandbox) == 4
    (mark,) = re.findall(r"--retry (3:[0-9a-f]+)", done.err)
    retried = run(f"{PROVISION} --retry {mark}")
    assert (retried.code, outcomes(retried.out)) == (0, ["succeeded"])
    assert sent(sandbox) == 5


def test_one_lost_response_without_a_file(run: Run, sandbox: Sandbox) -> None:
    sandbox.faults.add("updateExamAssignments", faults.drop_response(times=1))
    added = shlex.quote(json.dumps({"enrollmentSid": [sandbox.enrollment_sid]}))
    done = run(f"api smarterproctoring exams update-assignments --exam-sid {sandbox.exam_sid} --added {added} --yes")
    assert (done.code, done.out) == (ExitCode.OUTCOME_UNKNOWN, "")
    assert done.err.splitlines()[-1] == "invigilate: next: do not retry it before you know more"


def test_the_same_request_twice_and_a_changed_row(run: Run, sandbox: Sandbox, people: Path) -> None:
    text = people.read_text()
    people.write_text(text + person(1))
    twice = run(PROVISION)
    assert (twice.code, twice.out) == (ExitCode.USAGE, "")
    assert "line 6: it sends the same as line 3; nothing was sent" in twice.err
    people.write_text(text)
    assert run(PROVISION).code == 0
    for changed, problem in [
        (text.replace("Anatomy 2", "Physics"), "line 4: not what was sent"),
        # An address alone is seen, too, although it is not in the results.
        (text.replace("una2@", "bob2@"), "line 4: not what was sent"),
        (HEAD + person(9) + text.removeprefix(HEAD), "line 2 and 3 more: not what was sent"),
        (text.removesuffix(person(3)), "line 5 was sent, and is no longer in the CSV file"),
    ]:
        people.write_text(changed)
        done = run(PROVISION)
        assert (done.code, done.out) == (ExitCode.USAGE, "")
        assert problem in done.err
    people.write_text(text + person(4))
    more = run(PROVISION)
    assert (more.code, outcomes(more.out)) == (0, ["succeeded"])
    assert sent(sandbox) == 5


def test_rows_may_change_one_thing_in_several_ways(run: Run, sandbox: Sandbox, tmp_path: Path) -> None:
    known = [session for session in sandbox.open_sessions if session.exam_sid == sandbox.exam_sid]
    enrollments = sorted({session.enrollment_sid for session in known})[:3]
    rows = "".join(f'{sandbox.exam_sid},"[""{sid}""]"\n' for sid in enrollments)
    (tmp_path / "assigned.csv").write_text(f"exam_sid,added.enrollmentSid\n{rows}")
    done = run("api smarterproctoring exams update-assignments --from assigned.csv --yes")
    assert (done.code, outcomes(done.out)) == (0, ["succeeded"] * 3)


@pytest.mark.parametrize(
    ("head", "problem"),
    [
        ("course.title,course", "line 1: the column course appears twice"),
        ("course,course.title", "line 1: the column course.title appears twice"),
        ("course.name", "line 1: column 1 has an unknown name 'course.name'"),
        ("install_sid.x", "line 1: column 1 has an unknown name 'install_sid.x'"),
        ("course.title", "line 2: course: expected the field ids, got an object without it"),
        ("course.ids.sid", "line 2: course.ids.sid: expected .* got a string of length 1"),
    ],
)
def test_columns_that_lead_nowhere(head: str, problem: str, run: Run, sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text(f"{head}\n" + ",".join("x" * len(head.split(","))) + "\n")
    done = run(PROVISION)
    assert (done.code, done.out) == (ExitCode.USAGE, "")
    assert re.search(problem, done.err), done.err
    assert len(sandbox.requests) == 0
