"""Tests the sync against the sandbox, including failures.

`pip install 'invigilate[sandbox]' pytest` installs the fixtures; nothing else is needed.
"""

from __future__ import annotations

import csv
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from invigilate import BadRequestError, ISpringLearn
from invigilate.sandbox import Sandbox, faults

from ..directory import Directory  # noqa: TID252  # the folder may be copied and renamed
from ..people import COLUMNS, SyncError, read_people  # noqa: TID252
from ..results import write_results  # noqa: TID252
from ..sync import PAUSES, Result, check_leaving, courses_of, plan, run  # noqa: TID252

PEOPLE = (
    ("noa.north", "noa@example.com", "Noa", "North", "Baker", "Stores/Harbor/Bakery", "COURSE"),
    ("sam.south", "sam@example.com", "Sam", "South", "Associate", "Stores/Harbor", "COURSE"),
    ("wil.west", "wil@example.com", "Wil", "West", "", "Office", ""),
)
CHANGING = {
    "createUser", "updateUser", "createDepartment", "createEnrollments", "activateUsers", "deactivateUsers"
}  # fmt: skip
Lines = tuple[tuple[str, ...], ...]


@pytest.fixture
def top(ispring_client: ISpringLearn) -> str:
    """A department of an account, which has other departments and people."""
    root = ispring_client.departments.list_all()[0].department_id
    return ispring_client.departments.create(name="Northwind Bakeries", parent_department_id=root)


@pytest.fixture
def file(tmp_path: Path, invigilate_sandbox: Sandbox) -> Callable[[Lines], Path]:
    """Writes people as the HR system does."""

    def write(people: Lines) -> Path:
        path = tmp_path / "people.csv"
        course = invigilate_sandbox.identifiers["course_id"]
        with path.open("w", newline="", encoding="utf-8-sig") as opened:
            writer = csv.writer(opened)
            writer.writerow(COLUMNS)
            writer.writerows([value.replace("COURSE", course) for value in line] for line in people)
        return path

    return write


def changed(people: Lines, login: str, **values: str) -> Lines:
    """The same people, one of them with other values."""
    rows = [dict(zip(COLUMNS, line, strict=True)) for line in people]
    return tuple(tuple({**row, **(values if row["login"] == login else {})}.values()) for row in rows)


def sync(client: ISpringLearn, top: str, path: Path, most_leaving: int = 10) -> list[Result]:
    """What one run of the command does."""
    people = read_people(path)
    directory = Directory(client, top)
    directory.read(courses_of(people.values()))
    changes = plan(directory, people)
    check_leaving(changes, most_leaving)
    return list(run(directory, changes, lambda _: None))


def sent(sandbox: Sandbox) -> Counter[str]:
    """The requests that may have changed something."""
    return Counter(each.operation_id for each in sandbox.requests if each.operation_id in CHANGING)


def states(results: list[Result]) -> set[str]:
    return {result.state for result in results}


def test_a_new_file_creates_everything_and_a_second_run_nothing(
    invigilate_sandbox: Sandbox, ispring_client: ISpringLearn, top: str, file: Callable[[Lines], Path], tmp_path: Path
) -> None:
    before = sent(invigilate_sandbox)
    results = sync(ispring_client, top, file(PEOPLE))
    assert [str(result.change) for result in results] == [
        "create department Stores",
        "create department Stores/Harbor",
        "create department Stores/Harbor/Bakery",
        "create department Office",
        "create user noa.north in Stores/Harbor/Bakery",
        "create user sam.south in Stores/Harbor",
        "create user wil.west in Office",
        f"enroll noa.north, sam.south in {invigilate_sandbox.identifiers['course_id']}",
    ]
    assert states(results) == {"done"}
    assert sent(invigilate_sandbox) - before == {"createDepartment": 4, "createUser": 3, "createEnrollments": 1}
    before = sent(invigilate_sandbox)
    assert sync(ispring_client, top, file(PEOPLE)) == []
    assert sent(invigilate_sandbox) == before

    people = read_people(file(PEOPLE))
    directory = Directory(ispring_client, top)
    directory.read(courses_of(people.values()))
    assert directory.users["noa.north"].department_id == directory.departments["Stores", "Harbor", "Bakery"]

    noa, course = directory.users["noa.north"].user_id, courses_of(people.values())[0]
    (enrollment,) = ispring_client.enrollments.list(learner_ids=[noa])
    ispring_client.statistics.update_course_status(
        course_id=course, enrollment_ids=[enrollment.enrollment_id], status="passed", awarded_score=92
    )
    table = tmp_path / "results.csv"
    lines = write_results(directory, courses_of(people.values()), table)
    with table.open(newline="", encoding="utf-8") as opened:
        found = {row["login"]: row for row in csv.DictReader(opened)}
    assert (found["noa.north"]["status"], found["noa.north"]["score"]) == ("passed", "92.0")
    assert (found["sam.south"]["status"], found["sam.south"]["completed"]) == ("not_started", "")
    assert len(found) == lines > 2
    assert [path.name for path in tmp_path.iterdir() if "results" in path.name] == ["results.csv"]


def test_changes_leavers_and_people_who_come_back(
    invigilate_sandbox: Sandbox, ispring_client: ISpringLearn, top: str, file: Callable[[Lines], Path]
) -> None:
    sync(ispring_client, top, file(PEOPLE))
    moved = changed(PEOPLE, "sam.south", department="Office", email="sam.south@example.com")
    moved = changed(moved, "noa.north", job_title="")
    results = sync(ispring_client, top, file(moved[:2]))
    assert [str(result.change) for result in results] == [
        "deactivate wil.west",
        "update user noa.north in Stores/Harbor/Bakery",
        "update user sam.south in Office",
    ]
    (sam,) = ispring_client.users.list(logins=["sam.south"])
    assert {"sam.south@example.com"} <= {each.value for each in sam.fields}
    assert [user.status for user in ispring_client.users.list(logins=["wil.west"])] == [3]
    assert sync(ispring_client, top, file(moved[:2])) == []
    (back,) = sync(ispring_client, top, file(moved))
    assert (str(back.change), back.state) == ("activate wil.west", "done")
    assert sync(ispring_client, top, file(moved)) == []


def test_others_of_the_account_stay(
    invigilate_sandbox: Sandbox, ispring_client: ISpringLearn, top: str, file: Callable[[Lines], Path]
) -> None:
    sync(ispring_client, top, file(PEOPLE))
    directory = Directory(ispring_client, top)
    directory.read([])
    office = directory.departments["Office",]
    login = {"login": "ann.admin"}
    ispring_client.users.create(department_id=office, fields=login, role="administrator")
    assert sync(ispring_client, top, file(PEOPLE)) == []


@pytest.mark.parametrize("operation", ["createDepartment", "createUser", "createEnrollments", "activateUsers"])
def test_a_lost_response_is_looked_for_and_nothing_is_sent_twice(
    operation: str,
    invigilate_sandbox: Sandbox,
    ispring_client: ISpringLearn,
    top: str,
    file: Callable[[Lines], Path],
) -> None:
    if operation == "activateUsers":
        sync(ispring_client, top, file(PEOPLE))
        sync(ispring_client, top, file(PEOPLE[1:]))
    before = sent(invigilate_sandbox)
    invigilate_sandbox.faults.add(operation, faults.drop_response(times=1))
    results = sync(ispring_client, top, file(PEOPLE))
    assert states(results) == {"done"}
    assert [result.why for result in results if result.why] == [
        "the response was lost, and the account shows the change"
    ]
    assert sum((sent(invigilate_sandbox) - before).values()) == len(results)
    assert sync(ispring_client, top, file(PEOPLE)) == []


def test_what_stays_unknown_is_open_and_the_rest_goes_on(
    invigilate_sandbox: Sandbox, ispring_client: ISpringLearn, top: str, file: Callable[[Lines], Path]
) -> None:
    invigilate_sandbox.faults.add("createDepartment", faults.reset_after_reading(times=1))
    results = sync(ispring_client, top, file(PEOPLE))
    states_by_change = {str(result.change): result.state for result in results}
    assert [change for change, state in states_by_change.items() if state == "open"] == ["create department Stores"]
    done = ["create department Office", "create user wil.west in Office"]
    assert [change for change, state in states_by_change.items() if state == "done"] == done
    assert states(results) == {"open", "done", "waiting"}
    assert sent(invigilate_sandbox)["createDepartment"] == 1 + 1 + 1  # the top, Stores, and Office
    assert states(sync(ispring_client, top, file(PEOPLE))) == {"done"}
    assert sync(ispring_client, top, file(PEOPLE)) == []


def test_a_change_that_shows_late_is_found(
    invigilate_sandbox: Sandbox, ispring_client: ISpringLearn, top: str, file: Callable[[Lines], Path]
) -> None:
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            invigilate_sandbox.faults.apply_now()

    invigilate_sandbox.faults.add("createUser", faults.apply_late(times=1, delay=3600))
    people = read_people(file(PEOPLE))
    directory = Directory(ispring_client, top)
    directory.read([])
    results = list(run(directory, plan(directory, people), wait))
    assert states(results) == {"done"}
    assert waits == list(PAUSES[:2])


def test_refused_and_busy(
    invigilate_sandbox: Sandbox, ispring_client: ISpringLearn, top: str, file: Callable[[Lines], Path]
) -> None:
    invigilate_sandbox.faults.add("createUser", faults.too_many_requests(times=1, retry_after=0))
    taken = changed(PEOPLE, "noa.north", email="olive.owner@example.com")
    results = sync(ispring_client, top, file(taken))
    assert [result.state for result in results].count("failed") == 1
    (failed,) = [result for result in results if result.state == "failed"]
    assert str(failed.change).startswith("create user noa.north")
    assert "olive" not in failed.why
    (again,) = sync(ispring_client, top, file(PEOPLE))[:1]
    assert (str(again.change), again.state) == ("create user noa.north in Stores/Harbor/Bakery", "done")


def test_nothing_is_changed_when_too_many_left_or_a_course_does_not_exist(
    invigilate_sandbox: Sandbox, ispring_client: ISpringLearn, top: str, file: Callable[[Lines], Path]
) -> None:
    sync(ispring_client, top, file(PEOPLE))
    before = sent(invigilate_sandbox)
    with pytest.raises(SyncError, match="2 users are not in the file, and at most 1"):
        sync(ispring_client, top, file(PEOPLE[:1]), most_leaving=1)
    with pytest.raises(BadRequestError, match="`course_ids`"):
        sync(ispring_client, top, file(changed(PEOPLE, "noa.north", courses="12345678-1234-4234-8234-123456789012")))
    with pytest.raises(SyncError, match="there is no department"):
        sync(ispring_client, "12345678-1234-4234-8234-123456789012", file(PEOPLE))
    assert sent(invigilate_sandbox) == before


@pytest.mark.parametrize(
    ("people", "message"),
    [
        ((*PEOPLE, ("NOA.north", *PEOPLE[0][1:])), "more than one line for noa.north"),
        (changed(PEOPLE, "noa.north", department="Stores//Bakery"), "line 2: department has an empty name"),
        (changed(PEOPLE, "sam.south", email=" "), "line 3: no email"),
    ],
)
def test_files_with_mistakes(people: Lines, message: str, file: Callable[[Lines], Path]) -> None:
    with pytest.raises(SyncError, match=message):
        read_people(file(people))


def test_the_command(
    invigilate_sandbox: Sandbox,
    ispring_client: ISpringLearn,
    top: str,
    file: Callable[[Lines], Path],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    for name, value in invigilate_sandbox.environment.items():
        monkeypatch.setenv(name, value)
    package = Path(__file__).parents[1]

    def command(*options: str, people: Lines = PEOPLE, most: str = "10") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", package.name, str(file(people)), top, "--most-leaving", most, *options],
            cwd=package.parent,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )

    before = sent(invigilate_sandbox)
    dry = command("--dry-run")
    assert (dry.returncode, dry.stderr) == (0, "")
    assert dry.stdout.splitlines()[-1] == "8 changes, not sent"
    assert sent(invigilate_sandbox) == before
    done = command("--results", str(tmp_path / "results.csv"))
    assert (done.returncode, done.stderr) == (0, "")
    assert "8 of 8 changes done\n" in done.stdout
    assert (tmp_path / "results.csv").read_text(encoding="utf-8").startswith("login,course,status")
    assert command().stdout == "0 of 0 changes done\n"
    # The plan says who would leave, even if they are too many.
    before = sent(invigilate_sandbox)
    dry = command("--dry-run", people=PEOPLE[:1], most="1")
    assert dry.returncode == 1
    assert dry.stdout.splitlines()[0].startswith("deactivate ")
    assert {login.strip() for login in dry.stdout.splitlines()[0].removeprefix("deactivate ").split(",")} == {
        line[0] for line in PEOPLE[1:]
    }
    assert dry.stdout.splitlines()[1:] == ["1 change, not sent"]
    assert dry.stderr.startswith("Stopped: 2 users are not in the file, and at most 1 may be deactivated")
    assert "@" not in dry.stdout
    assert sent(invigilate_sandbox) == before
    invigilate_sandbox.revoke_tokens()
    monkeypatch.setenv("ISPRING_CLIENT_SECRET", "wrong")
    refused = command()
    assert refused.returncode == 1
    assert refused.stderr.startswith("Stopped: ")
