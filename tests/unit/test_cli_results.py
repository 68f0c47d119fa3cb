"""The result file of a run."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from invigilate._resources import CourseOfferings, ExamSessions
from invigilate.cli.exits import Failure
from invigilate.cli.plans import Plan, plan
from invigilate.cli.results import ResultFile, State

INSTALL = "AI" + "0" * 32
EXAM = "EX" + "1" * 32
SECRET = "tok_very_secret_1"
SERVER = "https://api.example.com"


def booking(number: int = 2, **other: Any) -> Plan:
    arguments = {"install_sid": INSTALL, "exam_sid": EXAM, "session_sid": f"ES{number:032x}", "card_token": SECRET}
    return plan(ExamSessions.schedule.describe, {**arguments, **other}, number)


def update(number: int = 2, title: str = "Fall") -> Plan:
    arguments = {"install_sid": INSTALL, "offering_sid": f"CO{number:032x}", "title": title, "match_strings": "FA"}
    return plan(CourseOfferings.update.describe, arguments, number)


def opened(path: Path, item: Plan, *, writing: bool = True, server: str = SERVER) -> ResultFile:
    operation = item.call.operation
    return ResultFile(path, operation.id, server, safe=operation.repeat == "safe", writing=writing)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path, items = tmp_path / "r.jsonl", [booking(number) for number in range(2, 6)]
    with opened(path, items[0]) as results:
        assert [results.state(item) for item in items] == [None] * 4
        for item in items[:3]:
            results.write(item, State.STARTED)
        results.write(items[0], State.SUCCEEDED)
        results.write(items[1], State.REFUSED, status_code=409, message="taken", read_back=None)
    with opened(path, items[0]) as results:
        results.check(items)
        states = [State.SUCCEEDED, State.REFUSED, State.STARTED, None]
        assert [results.state(item) for item in items] == states
    events = [json.loads(line) for line in path.read_text().splitlines()]
    assert events[0]["operation"] == "scheduleExamSession"
    assert [event["event"] for event in events[1:]] == ["started"] * 3 + ["succeeded", "refused"]
    assert events[5]["status_code"] == 409
    assert "read_back" not in events[5]
    assert SECRET not in path.read_text()


def test_a_safe_row_that_was_cut_off_is_sent_again(tmp_path: Path) -> None:
    path, item = tmp_path / "r.jsonl", update()
    with opened(path, item) as results:
        results.write(item, State.STARTED)
    with opened(path, item) as results:
        results.check([update(title="Spring")])
        assert results.state(item) is State.FAILED


@pytest.mark.parametrize("state", [State.STARTED, State.UNKNOWN, State.SUCCEEDED, State.CONFIRMED])
@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ([booking(2, notes="other")], "line 2: not what was sent: a value of the row or of an option was changed"),
        (
            [booking(2, card_token="tok_other")],
            "line 2: not what was sent: a value of the row or of an option was changed",
        ),
        ([booking(3)], "a row that was sent from line 2 is not among the rows any more"),
    ],
    ids=["changed", "another card", "missing"],
)
def test_rows_that_were_sent_must_stay(tmp_path: Path, state: State, changed: list[Plan], problem: str) -> None:
    path, item = tmp_path / "r.jsonl", booking()
    with opened(path, item) as results:
        results.write(item, state)
    with opened(path, item) as results, pytest.raises(Failure, match=problem):
        results.check(changed)


@pytest.mark.parametrize("state", [State.REFUSED, State.NOT_SENT, State.FAILED, State.RELEASED])
def test_rows_that_changed_nothing_may_be_corrected(tmp_path: Path, state: State) -> None:
    path, item = tmp_path / "r.jsonl", booking()
    with opened(path, item) as results:
        results.write(item, state)
        results.check([booking(2, notes="other")])
        results.check([booking(3)])


def test_a_success_that_was_changed_is_refused_for_safe_operations_too(tmp_path: Path) -> None:
    path, item = tmp_path / "r.jsonl", update()
    with opened(path, item) as results:
        results.write(item, State.SUCCEEDED)
        with pytest.raises(Failure, match="not what was sent"):
            results.check([update(title="Spring")])


def test_a_torn_line_is_dropped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, item = tmp_path / "r.jsonl", booking()
    with opened(path, item) as results:
        results.write(item, State.STARTED)
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"event": "succ')
    with opened(path, item, writing=False) as results:
        assert results.state(item) is State.STARTED
    assert path.read_bytes() != whole  # a dry run changes nothing
    with opened(path, item) as results:
        assert results.state(item) is State.STARTED
        results.write(item, State.CONFIRMED)
    assert "its last line is torn" in capsys.readouterr().err
    assert path.read_bytes().startswith(whole)
    assert [json.loads(line) for line in path.read_text().splitlines()][-1]["event"] == "confirmed"


@pytest.mark.parametrize(
    ("line", "number"),
    [("no json", 1), ("[]", 1), ('{"invigilate_results": 3}', 1), ("{}", 3), ('{"event": "other"}', 3)],
)
def test_damaged_files_are_refused(tmp_path: Path, line: str, number: int) -> None:
    path, item = tmp_path / "r.jsonl", booking()
    with opened(path, item) as results:
        results.write(item, State.STARTED)
    lines = path.read_text().splitlines()
    lines.insert(number - 1, line)
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(Failure, match=f"line {number} is no line of a result file"):
        opened(path, item, writing=False)


def test_results_of_another_operation(tmp_path: Path) -> None:
    path, item = tmp_path / "r.jsonl", booking()
    with opened(path, item) as results:
        results.write(item, State.STARTED)
    with pytest.raises(Failure, match="results of scheduleExamSession, and this is updateCourseOffering"):
        opened(path, update(), writing=False)


def test_results_of_another_server(tmp_path: Path) -> None:
    path, item = tmp_path / "r.jsonl", booking()
    with opened(path, item) as results:
        results.write(item, State.STARTED)
    before = path.read_bytes()
    for writing in (True, False):
        with pytest.raises(
            Failure, match=r"results of https://api\.example\.com, and this is https://dev\.example\.com"
        ):
            opened(path, item, writing=writing, server="https://dev.example.com")
    assert path.read_bytes() == before


def test_results_without_a_server(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text('{"invigilate_results": 1, "operation": "scheduleExamSession", "salt": "00"}\n')
    with pytest.raises(Failure, match="it is of version 1, which does not say which server it is about"):
        opened(path, booking())


@pytest.mark.parametrize("writing", [True, False])
@pytest.mark.parametrize(
    "content", [b"a,b\nprecious,row", b"precious", b"7", b"{}", b"\xff\xfe", b'{"invigilate_results": 2, "x', b"\n"]
)
def test_nothing_of_a_file_of_others_is_changed(tmp_path: Path, content: bytes, writing: bool) -> None:
    path = tmp_path / "notes.csv"
    path.write_bytes(content)
    with pytest.raises(Failure, match="line 1 is no line of a result file"):
        opened(path, booking(), writing=writing)
    assert path.read_bytes() == content


def test_a_torn_head_is_written_anew(tmp_path: Path) -> None:
    path, item = tmp_path / "r.jsonl", booking()
    with opened(path, item) as results:
        results.write(item, State.STARTED)
    head = path.read_bytes().splitlines()[0]
    for length in range(len(head)):
        path.write_bytes(head[:length])
        with opened(path, item) as results:
            assert results.state(item) is None
            assert path.read_bytes() == head[:length]  # until something is to be written
            results.write(item, State.STARTED)
        with opened(path, item, writing=False) as results:
            assert results.state(item) is State.STARTED
    # That of another server is the beginning of another file.
    path.write_bytes(head[:-10])
    with pytest.raises(Failure, match="line 1 is no line"):
        opened(path, item, server="https://dev.example.com")


def test_what_follows_a_head_and_is_no_event_is_not_dropped(tmp_path: Path) -> None:
    path, item = tmp_path / "r.jsonl", booking()
    with opened(path, item) as results:
        results.write(item, State.STARTED)
    content = path.read_bytes() + b"my notes"
    path.write_bytes(content)
    with pytest.raises(Failure, match="line 3 is no line of a result file"):
        opened(path, item)
    assert path.read_bytes() == content


def test_an_event_whose_end_an_editor_took_away_counts(tmp_path: Path) -> None:
    path, items = tmp_path / "r.jsonl", [booking(), booking(3)]
    with opened(path, items[0]) as results:
        results.write(items[0], State.STARTED)
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    with opened(path, items[0]) as results:
        assert results.state(items[0]) is State.STARTED
        results.write(items[1], State.STARTED)
    with opened(path, items[0], writing=False) as results:
        assert [results.state(item) for item in items] == [State.STARTED] * 2


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_an_event_that_could_not_be_written_leaves_nothing(
    tmp_path: Path, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fsync(_: int) -> None:
        raise error

    path, item = tmp_path / "r.jsonl", booking()
    with opened(path, item) as results:
        results.write(item, State.STARTED)
        before = path.read_bytes()
        with monkeypatch.context() as patch:
            patch.setattr("os.fsync", fsync)
            with pytest.raises(type(error)):
                results.write(item, State.SUCCEEDED)
        assert path.read_bytes() == before
        assert results.state(item) is State.STARTED
        results.write(item, State.UNKNOWN)
    assert path.read_bytes().startswith(before)
    assert json.loads(path.read_bytes().splitlines()[-1])["event"] == "unknown"


def test_each_event_has_a_mark_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Clock:
            return cls(2026, 9, 21, 8, tzinfo=tz)

    # All within a millisecond.
    monkeypatch.setattr("invigilate.cli.results.datetime", Clock)
    path, item = tmp_path / "r.jsonl", booking()
    marks: list[str] = []
    with opened(path, item) as results:
        for state in (State.STARTED, State.UNKNOWN, State.RELEASED, State.STARTED, State.UNKNOWN):
            results.write(item, state)
            marks.append(results.last(item).mark)  # type: ignore[union-attr]
    assert len(set(marks)) == 5
    with opened(path, item, writing=False) as results:
        last = results.last(item)
        assert last is not None
        assert last.mark == marks[-1]


def test_decisions_are_written_when_it_is_said(tmp_path: Path) -> None:
    path, item = tmp_path / "r.jsonl", booking()
    with opened(path, item) as results:
        results.write(item, State.UNKNOWN)
        before, unknown = path.read_bytes(), results.last(item)
        results.decide(item, State.RELEASED)
        assert results.state(item) is State.RELEASED
        assert (results.last(item), path.read_bytes()) == (unknown, before)
        results.write_decisions()
        last = results.last(item)
        assert (last and last.state, last and last.settles) == (State.RELEASED, unknown and unknown.mark)
        after = path.read_bytes()
        results.decide(item, State.RELEASED)
        results.write_decisions()
        assert path.read_bytes() == after


def test_one_run_at_a_time(tmp_path: Path) -> None:
    path, item = tmp_path / "r.jsonl", booking()
    with opened(path, item), pytest.raises(Failure, match="another run is using it"):
        opened(path, item)
    with opened(path, item) as results:
        results.write(item, State.STARTED)
