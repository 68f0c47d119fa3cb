"""The results file of a run."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from invigilate.cli import smarterproctoring
from invigilate.cli.exits import ExitCode, Failure
from invigilate.cli.journal import JournalLostError
from invigilate.cli.plans import Plan, plan
from invigilate.cli.results import ResultFile, State, lines_of
from invigilate.smarterproctoring.resources import CourseOfferings, ExamSessions

_ = smarterproctoring  # its guards say what identifies a row

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
    return ResultFile(path, operation.id, server, idempotent=operation.idempotent, writing=writing)


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
        ([booking(3)], "line 2 was sent, and is no longer in the CSV file"),
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
        results.check([item])
        assert results.state(item) is State.STARTED
    assert path.read_bytes() != whole  # a dry run changes nothing
    with opened(path, item) as results:
        assert results.state(item) is State.STARTED
        results.write(item, State.CONFIRMED)
    assert "the last line is incomplete" in capsys.readouterr().err
    assert path.read_bytes().startswith(whole)
    assert [json.loads(line) for line in path.read_text().splitlines()][-1]["event"] == "confirmed"


def lines_after(content: bytes, number: int) -> bytes:
    return b"".join(content.splitlines(keepends=True)[:number])


DAMAGE: dict[str, tuple[Callable[[bytes], bytes | None], str]] = {
    "emptied": (lambda _: b"", "all 7 of its lines are missing"),
    "removed": (lambda _: None, "the file is missing; it had 7 lines"),
    "a line less": (lambda content: lines_after(content, 6), "1 of its 7 lines is missing"),
    "lines less": (lambda content: lines_after(content, 3), "4 of its 7 lines are missing"),
    "torn": (lambda content: content[:-9], "1 of its 7 lines is missing"),
    "without its end": (lambda content: content[:-1], "1 of its 7 lines is missing"),
    "torn head": (lambda content: content[:40], "all 7 of its lines are missing"),
    "a line out of the middle": (
        lambda content: lines_after(content, 3) + content.removeprefix(lines_after(content, 4)),
        "line 4 of the file was changed: its checksum is wrong",
    ),
    "a line twice": (lambda c: c + c.splitlines(keepends=True)[-1], "line 8 of the file was changed"),
    "another outcome": (lambda c: c.replace(b"succeeded", b"refused", 1), "line 3 of the file was changed"),
    "no JSON": (lambda content: content + b"no json\n", "line 8 of the file was changed"),
    "replaced": (lambda _: b"hello", "the file is not the one that r.jsonl.count was written for"),
    "a changed head": (lambda c: c.replace(b"api.", b"dev.", 1), "line 1 of the file was changed"),
}


@pytest.mark.parametrize("writing", [True, False])
@pytest.mark.parametrize("how", DAMAGE)
def test_issue_8_point_1_a_damaged_result_file_is_found_out(how: str, writing: bool, tmp_path: Path) -> None:
    """Three rows went through, and the last ones of them are not in the file any more, or not as they were."""
    change, problem = DAMAGE[how]
    path, items = tmp_path / "r.jsonl", [booking(number) for number in range(2, 6)]
    with opened(path, items[0]) as results:
        for item in items[:3]:
            results.write(item, State.STARTED)
            results.write(item, State.SUCCEEDED)
    changed = change(path.read_bytes())
    path.unlink() if changed is None else path.write_bytes(changed)
    with opened(path, items[0], writing=writing) as results, pytest.raises(Failure) as caught:
        results.check(items)
    assert f"{path}: {problem}" in caught.value.message
    doubt = [item for item in items if results.state(item) is not State.SUCCEEDED]
    assert f"{lines_of(doubt)} may have been sent before" in caught.value.message
    assert "--results FILE" in "".join(caught.value.advice)
    assert caught.value.code is ExitCode.USAGE
    assert (path.read_bytes() if path.exists() else None) == changed


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda path: path.unlink(), "r.jsonl.count is missing"),
        (lambda path: path.write_bytes(b""), "the file is not the one that r.jsonl.count was written for"),
        (lambda path: path.write_bytes(b"junk"), "the file is not the one that r.jsonl.count was written for"),
        (lambda path: path.write_text("3 " + "0" * 32), "the file is not the one that r.jsonl.count was written for"),
    ],
    ids=["removed", "emptied", "overwritten", "of another file"],
)
def test_issue_8_point_1_a_damaged_count_is_found_out(change: Any, problem: str, tmp_path: Path) -> None:
    path, item = tmp_path / "r.jsonl", booking()
    with opened(path, item) as results:
        results.write(item, State.STARTED)
        results.write(item, State.SUCCEEDED)
    change(tmp_path / "r.jsonl.count")
    with opened(path, item) as results, pytest.raises(Failure, match=problem):
        results.check([item])


def test_a_line_that_was_not_counted_yet(tmp_path: Path) -> None:
    """Killed between the line and its count: nothing that follows the line was done."""
    path, item = tmp_path / "r.jsonl", booking()
    with opened(path, item) as results:
        results.write(item, State.STARTED)
        count = (tmp_path / "r.jsonl.count").read_bytes()
        results.write(item, State.SUCCEEDED)
    (tmp_path / "r.jsonl.count").write_bytes(count)
    with opened(path, item) as results:
        results.check([item])
        assert results.state(item) is State.SUCCEEDED


@pytest.mark.parametrize("how", ["removed", "moved", "replaced", "truncated", "emptied", "changed", "appended to"])
def test_issue_8_point_1_a_file_that_is_changed_while_it_is_used(how: str, tmp_path: Path) -> None:
    path, item = tmp_path / "r.jsonl", booking()
    with opened(path, item) as results:
        results.write(item, State.STARTED)
        assert results.in_place
        content = path.read_bytes()
        if how == "removed":
            path.unlink()
        elif how == "moved":
            path.rename(tmp_path / "other")
        elif how == "replaced":
            (tmp_path / "other").write_bytes(content)
            (tmp_path / "other").replace(path)
        else:
            changed = {"truncated": content[:-30], "emptied": b"", "appended to": content + b"x"}
            path.write_bytes(changed.get(how, content.replace(b"started", b"refused")))
        assert [results.in_place] == [False]
        with pytest.raises(JournalLostError, match="was moved, removed, replaced or changed"):
            results.write(item, State.SUCCEEDED)
        # This process knows all the same.
        assert results.state(item) is State.SUCCEEDED


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such files")
@pytest.mark.parametrize("writing", [True, False])
@pytest.mark.parametrize("what", ["fifo", "folder", "link", "dangling link", "/dev/full", "/dev/null", "count"])
def test_issue_8_points_11_and_14_what_is_not_a_regular_file(what: str, writing: bool, tmp_path: Path) -> None:
    path, victim = tmp_path / "r.jsonl", tmp_path / "victim"
    if what == "fifo":
        os.mkfifo(path)
    elif what == "folder":
        path.mkdir()
    elif what == "link":
        victim.touch()
        path.symlink_to(victim)
    elif what == "dangling link":
        path.symlink_to(victim)
    elif what == "count":
        victim.touch()
        (tmp_path / "r.jsonl.count").symlink_to(victim)
    else:
        path = Path(what)
    with pytest.raises(Failure, match="not a regular file, so it cannot hold results"):
        opened(path, booking(), writing=writing)
    assert not victim.exists() or victim.read_bytes() == b""
    assert victim.exists() == (what in {"link", "count"})


@pytest.mark.skipif(sys.platform == "win32", reason="files have no such modes there")
def test_issue_8_point_11_only_the_owner_reads_results(tmp_path: Path) -> None:
    path, item = tmp_path / "r.jsonl", booking()
    before = os.umask(0)
    try:
        with opened(path, item) as results:
            results.write(item, State.STARTED)
    finally:
        os.umask(before)
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in tmp_path.iterdir()}
    assert modes == {"r.jsonl": 0o600, "r.jsonl.count": 0o600}


@pytest.mark.skipif(sys.platform == "win32", reason="files have no such modes there")
def test_files_of_results_that_others_could_read_become_private(tmp_path: Path) -> None:
    path, item = tmp_path / "r.jsonl", booking()
    files = [path, tmp_path / "r.jsonl.count"]
    for content in (b"", None):
        for each in files:
            if content is not None:
                each.write_bytes(content)
            each.chmod(0o644)
        opened(path, item, writing=False).close()  # a dry run changes nothing
        assert [stat.S_IMODE(each.stat().st_mode) for each in files] == [0o644, 0o644]
        with opened(path, item) as results:
            assert [stat.S_IMODE(each.stat().st_mode) for each in files] == [0o600, 0o600]
            results.write(item, State.STARTED)
    path.write_text("a,b\nprecious,row")
    path.chmod(0o644)
    (tmp_path / "r.jsonl.count").unlink()
    with pytest.raises(Failure, match="not a results file"):
        opened(path, item)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644  # it belongs to something else


def test_results_of_another_operation(tmp_path: Path) -> None:
    path, item = tmp_path / "r.jsonl", booking()
    with opened(path, item) as results:
        results.write(item, State.STARTED)
    with pytest.raises(Failure, match="results of scheduleExamSession, not of updateCourseOffering"):
        opened(path, update(), writing=False)


def test_results_of_another_server(tmp_path: Path) -> None:
    path, item = tmp_path / "r.jsonl", booking()
    with opened(path, item) as results:
        results.write(item, State.STARTED)
    before = path.read_bytes()
    for writing in (True, False):
        with pytest.raises(Failure, match=r"results of https://api\.example\.com, not of https://dev\.example\.com"):
            opened(path, item, writing=writing, server="https://dev.example.com")
    assert path.read_bytes() == before


@pytest.mark.parametrize("writing", [True, False])
@pytest.mark.parametrize(
    "content",
    [
        b"a,b\nprecious,row",
        b"precious",
        b"7",
        b"{}",
        b"\xff\xfe",
        b'{"invigilate_results": 2, "x',
        b'{"invigila',
        b"\n",
    ],
)
def test_nothing_of_a_file_of_others_is_changed(tmp_path: Path, content: bytes, writing: bool) -> None:
    path = tmp_path / "notes.csv"
    path.write_bytes(content)
    with pytest.raises(Failure, match="not a results file"):
        opened(path, booking(), writing=writing)
    assert path.read_bytes() == content


def test_a_torn_head_is_written_anew(tmp_path: Path) -> None:
    path, item = tmp_path / "r.jsonl", booking()
    with opened(path, item) as results:
        results.write(item, State.STARTED)
    head = path.read_bytes().splitlines()[0]
    for length in range(20):
        path.write_bytes(head[:length])
        (tmp_path / "r.jsonl.count").write_bytes(b"")  # killed before anything was counted
        with opened(path, item) as results:
            results.check([item])
            assert results.state(item) is None
            assert path.read_bytes() == head[:length]  # until something is to be written
            results.write(item, State.STARTED)
        with opened(path, item, writing=False) as results:
            assert results.state(item) is State.STARTED


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
