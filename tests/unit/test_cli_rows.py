"""Rows of a CSV file, checked before anything is sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from invigilate.cli import smarterproctoring
from invigilate.cli.exits import ExitCode, Failure
from invigilate.cli.rows import read_plans
from invigilate.smarterproctoring.resources import CourseOfferings, ExamSessions, Provisioning

_ = smarterproctoring  # its guards say what identifies a row

SCHEDULE = ExamSessions.schedule.describe
INSTALL = {"install_sid": "AI" + "0" * 32}
EXAM = "EX" + "1" * 32
SESSIONS = [f"ES{number:032x}" for number in range(20)]
HEAD = "exam_sid,session_sid,type_,card_token,appointment_date_time\n"


def row(number: int, rest: str = "automated,tok_1,2026-12-01T09:00:00Z") -> str:
    return f"{EXAM},{SESSIONS[number]},{rest}\n"


def read(folder: Path, text: str | bytes, common: dict[str, Any] | None = None, describe: Any = SCHEDULE) -> list[Any]:
    path = folder / "rows.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_plans(path, describe, INSTALL if common is None else common, None)


def test_rows_become_calls(tmp_path: Path) -> None:
    text = "\ufeff" + HEAD.replace("type_", "type") + row(1) + "\n" + row(2, ',"tok\n2",')
    first, second = read(tmp_path, text)
    assert (first.line, second.line) == (2, 4)
    assert first.path == f"/v1/installs/{INSTALL['install_sid']}/exams/{EXAM}/sessions/{SESSIONS[1]}"
    assert first.body() == {
        "type": "automated", "cardToken": "***", "appointmentDateTime": "2026-12-01T09:00:00.000Z"
    }  # fmt: skip
    # Empty cells are not sent, and nothing of a value is lost.
    assert second.prepared.request.content == b'{"cardToken":"tok\\n2"}'


def test_a_value_for_all_rows(tmp_path: Path) -> None:
    plans = read(tmp_path, f"session_sid\n{SESSIONS[1]}\n{SESSIONS[2]}\n", {**INSTALL, "exam_sid": EXAM, "notes": "x"})
    assert [plan.body() for plan in plans] == [{"notes": "x"}] * 2


def test_null_clears_what_can_be_null(tmp_path: Path) -> None:
    text = "offering_sid,title,match_strings,start_date\nCO" + "2" * 32 + ',Fall,"FA,AU",null\n'
    (plan,) = read(tmp_path, text, describe=CourseOfferings.update.describe)
    assert plan.body() == {"title": "Fall", "matchStrings": "FA,AU", "startDate": None}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "it is empty"),
        ("\n\n", "it is empty"),
        (HEAD, "it has no rows"),
        (HEAD + "\n , , , ,\n", "it has no rows"),
        (HEAD + row(1) + row(1), "line 3: it changes the same thing as line 2"),
        (HEAD + f"{EXAM},{SESSIONS[1]}\n", "line 2: 2 cells for 5 columns"),
        (HEAD + row(1) + row(2, "car,,"), "line 3: type: expected one of 'b-virtual'"),
        (HEAD + row(1) + row(2, "car,,") + row(3, ",,2026-12-01"), r"line 3: .*; also wrong: line 4 \(2 wrong"),
        (HEAD + row(1, ",,2026-12-01T09:00"), "line 2: appointment_date_time: .* --timezone"),
        (HEAD + f"{SESSIONS[1]},{EXAM},,,\n", "line 2: exam_sid: .*seem to be swapped"),
        (HEAD + f",{SESSIONS[1]},,,\n", "line 2: exam_sid: expected a value, since it is required, got an empty cell"),
        (f"exam_sid\n{EXAM}\n", "the required column session_sid is missing; or pass --session-sid for all rows"),
        (HEAD + f"{EXAM} ,{SESSIONS[1]},,,\n", "line 2: exam_sid: .*with white space around it"),
        (HEAD + f'{EXAM},"{SESSIONS[1]},,,\n', "line 2: unexpected end of data"),
        (HEAD.replace(",type_", ",typ") + row(1), "column 3 has an unknown name 'typ'; did you mean type.; expected"),
        (HEAD.replace("exam_sid", "examSid"), r"name \(a string of length 7\); did you mean exam_sid\?; expected"),
        (HEAD.replace("exam_sid", "Exam sid"), r"did you mean exam_sid\?"),
        (HEAD.replace("session_sid", "sesion_sid"), r"'sesion_sid'; did you mean session_sid\?"),
        (HEAD.replace("session_sid", "colour"), "'colour'; expected"),
        (HEAD.replace(",", ";") + row(1), "line 1: column 1 has an unknown name .*; columns are separated by commas"),
        (HEAD.replace("type_", "exam_sid") + row(1), "line 1: the column exam_sid appears twice"),
        (HEAD.replace("type_", "install_sid") + row(1), "install_sid is both a column and passed as --install-sid"),
        ("exam_sid\n".encode("utf-16"), "rows.csv: not UTF-8"),
        (HEAD.encode() + row(1).encode() * 3000 + "é,,,,\n".encode("latin-1"), "rows.csv: not UTF-8"),
    ],
)  # fmt: skip
def test_what_is_refused(tmp_path: Path, text: str | bytes, problem: str) -> None:
    with pytest.raises(Failure, match=problem) as caught:
        read(tmp_path, text)
    assert caught.value.code is ExitCode.USAGE
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        # Without a line of names, the first one is of values.
        (
            f"tok_live_51H8abc,{EXAM}\n",
            "line 1: column 1 has an unknown name .a string of length 16.; expected",
        ),
        (f"exam_sid,{'x' * 31}\n", "line 1: column 2 has an unknown name .a string of length 31.; expected"),
        # With cells in the wrong column.
        (HEAD + row(1, "automated,tok_very_secret,tok_very_secret"), "line 2: appointment_date_time: expected"),
        (HEAD + row(1, "tok_secret,automated,"), "line 2: type: expected one of .*, got a string of length 10"),
        (
            HEAD.replace("type_", "amount") + row(1, "tok_live_51H8,10,"),
            "amount: expected a number .*, got a string of length 13",
        ),
        (
            HEAD.replace("type_", "amount") + row(1, "-4111111111111111,,"),
            "amount: expected .*, got a string of length 17",
        ),
        (HEAD + f"tok_live_51H8abc,{SESSIONS[1]},,,\n", "exam_sid: expected an exam SID .*, got a string of length 16"),
    ],
)
def test_no_value_of_a_file_is_repeated(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(Failure, match=problem) as caught:
        read(tmp_path, text)
    for secret in ("tok_", "4111", "xxx"):
        assert secret not in caught.value.message


def test_what_an_option_holds_for_all_rows_is_told_as_for_options(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"line 2: type: expected one of .*, got 'car'"):
        read(tmp_path, f"exam_sid,session_sid\n{EXAM},{SESSIONS[1]}\n", {**INSTALL, "type_": "car"})


MOVE = ExamSessions.reschedule.describe
OFFERING = "CO" + "2" * 32


@pytest.mark.parametrize(
    ("describe", "text", "problem"),
    [
        (
            MOVE,
            f"exam_sid,session_sid,notes\n{EXAM},{SESSIONS[1]},\n",
            "line 2: nothing to change: pass one of type, not",
        ),
        (
            MOVE,
            "exam_sid,session_sid,appointment_start_date_time,appointment_end_date_time\n"
            f"{EXAM},{SESSIONS[1]},2026-12-01T09:00Z,2026-12-01T08:59Z\n",
            "line 2: appointment_end_date_time: expected a time not before appointment_start_date_time, got ",
        ),
        (
            CourseOfferings.update.describe,
            f"offering_sid,title,match_strings,start_date,end_date\n{OFFERING},T,A,2026-12-01T00:00Z,2026-11-01T00:00Z\n",
            "line 2: end_date: expected a time not before start_date, got an earlier one",
        ),
    ],
)
def test_rows_that_nobody_means(tmp_path: Path, describe: Any, text: str, problem: str) -> None:
    with pytest.raises(Failure, match=problem) as caught:
        read(tmp_path, text, describe=describe)
    assert "2026" not in caught.value.message


def test_rows_that_somebody_may_mean(tmp_path: Path) -> None:
    text = "offering_sid,title,match_strings,start_date,end_date\n"
    text += f"{OFFERING},T,A,2026-12-01T00:00Z,2026-12-01T00:00Z\nCO{'3' * 32},T,A,,2026-11-01T00:00Z\n"
    text += f"CO{'4' * 32},T,A,null,2026-11-01T00:00Z\n"
    assert len(read(tmp_path, text, describe=CourseOfferings.update.describe)) == 3


def test_all_rows_that_are_wrong_are_counted(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"line 2: .*; also wrong: lines 3, 4, 5 \(4 wrong in all\); nothing was sent"):
        read(tmp_path, HEAD + "".join(row(number, "car,,") for number in range(4)))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="No such file"):
        read_plans(tmp_path / "none.csv", SCHEDULE, INSTALL, None)


NESTED = "course.ids.external,course.title,course.code,user.ids.external,user.email\n"
COURSE = {"ids": {"external": "c"}, "title": "Anatomy", "code": None}


@pytest.mark.parametrize(
    "text",
    [
        f"{NESTED}c,Anatomy,null,u,ada@example.com\n",
        "course,user.ids,user.email\n"
        '"{""ids"": {""external"": ""c""}, ""title"": ""Anatomy"", ""code"": null}","{""external"": ""u""}",'
        "ada@example.com\n",
    ],
    ids=["dots", "JSON"],
)
def test_columns_lead_into_objects(text: str, tmp_path: Path) -> None:
    (item,) = read(tmp_path, text, describe=Provisioning.provision.describe)
    user = {"ids": {"external": "u"}, "email": "ada@example.com"}
    assert json.loads(item.prepared.request.content) == {"course": COURSE, "user": user}
    assert item.body()["user"] == {"ids": {"external": "u"}, "email": "***"}
    assert item.target == (("line", "2"),)


def test_a_cell_that_is_left_empty_leaves_its_object_as_it_is(tmp_path: Path) -> None:
    text = f"{NESTED}c,Anatomy,,,\n"
    (item,) = read(tmp_path, text, describe=Provisioning.provision.describe)
    assert json.loads(item.prepared.request.content) == {"course": {"ids": {"external": "c"}, "title": "Anatomy"}}


def test_without_an_install(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="SMARTERPROCTORING_INSTALL_SID") as caught:
        read(tmp_path, HEAD + row(1), {})
    assert caught.value.code is ExitCode.SETTINGS
