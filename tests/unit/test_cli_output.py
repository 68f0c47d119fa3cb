"""What the command line prints and counts, and what it exits with."""

from __future__ import annotations

import io
import itertools
import json
import re
from contextlib import redirect_stderr
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from invigilate import errors
from invigilate.cli import main
from invigilate.cli.exits import ExitCode, Failure, code_of
from invigilate.cli.output import cell, field_at, shown, to_json
from invigilate.cli.smarterproctoring.charts import BACKGROUND, FAINT, STATUSES, TEXT, specification
from invigilate.cli.smarterproctoring.tally import NONE, Tally
from invigilate.cli.tables import Column, fit, in_place, local, print_table
from invigilate.cli.times import zone
from smarterproctoring_client.models import ServiceDistributionRow

ROOT = Path(__file__).resolve().parents[2]


def row(**members: Any) -> ServiceDistributionRow:
    return ServiceDistributionRow.from_dict(members)


def test_each_error_has_its_code() -> None:
    kinds: list[type[BaseException]] = [errors.APIError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    codes = {kind.__name__: code_of(kind.__new__(kind)) for kind in kinds}
    assert codes.pop("APIError") is ExitCode.FAILED
    assert ExitCode.FAILED not in codes.values()
    assert codes["OutcomeUnknownError"] is ExitCode.OUTCOME_UNKNOWN
    assert codes["APITimeoutError"] is ExitCode.NO_CONNECTION
    assert codes["PermissionDeniedError"] is ExitCode.SETTINGS
    assert codes["ConflictError"] is codes["InternalServerError"] is ExitCode.REFUSED
    assert code_of(errors.InvalidSidError("a", "b", "c")) is ExitCode.USAGE
    assert code_of(errors.ConfigurationError()) is ExitCode.SETTINGS
    assert code_of(Failure(ExitCode.NOT_CONFIRMED, "")) is ExitCode.NOT_CONFIRMED
    assert code_of(RuntimeError()) is ExitCode.FAILED


def test_the_codes_are_documented() -> None:
    text = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| (\d+) \| (.+?) \|$", text, re.MULTILINE))
    assert rows == {str(code.value): code.meaning for code in ExitCode}


def test_the_codes_are_in_the_help(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["--help"]) == 0
    printed = capsys.readouterr().out
    for code in ExitCode:
        assert re.search(rf"^ +{code.value} +{re.escape(code.meaning)}", printed, re.MULTILINE)
    monkeypatch.setenv("COLUMNS", "60")
    assert main(["--help"]) == 0
    # What is wrapped stands below the text, and not below the code.
    assert re.search(r"^ +7  A report ended .*(?:\n {6}\S.*)+\n +8  A change", capsys.readouterr().out, re.MULTILINE)


def test_no_text_of_a_server_reaches_the_terminal_as_a_command() -> None:
    assert shown("a\x1b[2Jb\tc\nd\u202e") == "a\\x1b[2Jb\\tc\\nd\\u202e"
    assert cell({"title": "\x1b]0;x\x07"}) == "\\x1b]0;x\\x07"
    assert cell({"sid": "\x1b"}) == '{"sid": "\\u001b"}'


@pytest.mark.parametrize("character", ["\x7f", "\x9b", "\u202e", "\ud800", "\U000e0001", "\x1b"])
def test_json_does_nothing_to_a_terminal_and_has_every_value(character: str) -> None:
    for value in (f"ü{character}", {f"a{character}": "日本"}):
        text = to_json(value)
        assert text.isprintable()
        assert json.loads(text) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (True, "true"), (0, "0"), ("x", "x"), ([1], "[1]"), ({"title": "T", "a": 1}, "T"), ({}, "{}")],
)
def test_cells(value: Any, text: str) -> None:
    assert cell(value) == text


def test_members_are_found_by_path() -> None:
    assert field_at({"a": {"b": 1}}, "a.b") == 1
    assert field_at({"a": "text"}, "a.b") is None
    assert field_at({}, "a") is None


SID, DATE, STATUS, TITLE, EMPTY = (
    Column(34, whole=True), Column(17, whole=True), Column(13, whole=True), Column(40), Column(16, True, empty=True)
)  # fmt: skip


@pytest.mark.parametrize(
    ("columns", "room", "widths"),
    [
        ([Column(10), TITLE, SID], 88, {0: 10, 1: 40, 2: 34}),
        # The widest text is narrowed, and of equally wide ones that at the end.
        ([Column(10), TITLE, SID], 78, {0: 10, 1: 30, 2: 34}),
        ([Column(20), Column(20), DATE], 60, {0: 20, 1: 19, 2: 17}),
        # What is of no use when it is cut off is whole, or not there.
        ([DATE, TITLE, STATUS], 42, {0: 17, 1: 8, 2: 13}),
        ([DATE, TITLE, STATUS], 41, {0: 17, 1: 22}),
        ([DATE, TITLE, STATUS, TITLE, SID], 80, {0: 17, 1: 22, 2: 13, 3: 22}),
        # Empty columns go before anything else, and only if they have to.
        ([SID, STATUS, EMPTY, EMPTY, DATE], 80, {0: 34, 1: 13, 4: 17}),
        ([SID, STATUS, EMPTY, EMPTY, DATE], 90, {0: 34, 1: 13, 2: 16, 4: 17}),
        ([SID, STATUS, EMPTY, EMPTY, DATE], 104, {0: 34, 1: 13, 2: 16, 3: 16, 4: 17}),
        ([SID, DATE], 10, {0: 34}),
        ([EMPTY], 4, {0: 16}),
    ],
)
def test_columns_have_room_or_go(columns: list[Column], room: int, widths: dict[int, int]) -> None:
    assert fit(columns, room) == widths


def test_columns_that_were_asked_for_stay() -> None:
    assert fit([SID, EMPTY, TITLE, SID], 40, every=True) == {0: 34, 1: 16, 2: 8, 3: 34}


def printed(
    rows: list[list[str]], names: list[str], width: int, *, every: bool = False
) -> tuple[list[str], list[list[str]]]:
    file, told = io.StringIO(), io.StringIO()
    screen = Console(file=file, width=width, highlight=False, soft_wrap=True)
    with redirect_stderr(told):
        print_table(screen, iter(rows), names, every=every)
    left_out = re.findall("no room for (.*?):", told.getvalue())
    return file.getvalue().splitlines(), [headings.split(", ") for headings in left_out]


def test_what_comes_late_is_not_cut_off() -> None:
    rows = [["short", "New"]] * 200 + [["a title that is much too long", "Needs Proctor"]]
    lines, left_out = printed(rows, ["title", "status"], 80)
    assert lines[0] == "title  status"
    assert lines[-1] == "a ti…  Needs Proctor"
    assert left_out == []


def test_what_has_no_room_is_told() -> None:
    rows = [["x" * 34, "", "a" * 30]]
    assert printed(rows, ["sid", "sessionType", "dateClosed"], 60) == (["sid", "x" * 34], [["date closed"]])
    # What may yet come is not taken for empty.
    rows = [["x" * 34, "", "a" * 30]] * 101 + [["x" * 34, "live", "a"]]
    _, left_out = printed(rows, ["sid", "sessionType", "dateClosed"], 40)
    assert left_out == [["session type", "date closed"]]


def test_no_text_is_whole_because_of_the_name_of_its_column() -> None:
    lines, _ = printed([["x" * 41, "y"]], ["status", "title"], 30)
    assert lines[-1] == "x" * 22 + "…  y"


@pytest.mark.parametrize(
    ("text", "place", "minutes", "whole"),
    [
        ("2026-06-03T16:00:30.000Z", None, "2026-06-03 16:00Z", None),
        ("2026-06-03T16:00:30.250Z", "America/New_York", "2026-06-03 12:00-04:00", "2026-06-03T12:00:30.250-04:00"),
        ("2026-12-31T23:00:00Z", "Asia/Kolkata", "2027-01-01 04:30+05:30", "2027-01-01T04:30:00.000+05:30"),
        ("2026-06-03T16:00:00Z", "UTC", "2026-06-03 16:00+00:00", "2026-06-03T16:00:00.000+00:00"),
        # What is no instant of this form stays as it came.
        ("12-01-2026, 13:30:00", "UTC", "12-01-2026, 13:30:00", None),
        ("at 2026-06-03T16:00:00Z", "UTC", "at 2026-06-03T16:00:00Z", None),
        ("2026-02-30T16:00:00Z", "UTC", "2026-02-30 16:00Z", None),
        ("0001-01-01T00:00:00Z", "America/New_York", "0001-01-01 00:00Z", None),
    ],
)
def test_times_are_shown_in_a_time_zone(text: str, place: str | None, minutes: str, whole: str | None) -> None:
    assert local(text, zone(place)) == minutes
    if place is not None:
        assert in_place(text, zone(place) or UTC) == whole


def test_counting() -> None:
    tally = Tally(zone("America/New_York"))
    tally.add({"serviceType": "live", "status": "Closed", "appointmentDate": "2026-03-01T03:00:00.000Z"})
    tally.add({"serviceType": "live", "status": "New", "appointmentDate": "2026-03-03T12:00:00Z"})
    tally.add({"serviceType": "ad-hoc", "status": None, "appointmentDate": None})
    tally.add(["no", "row"])
    tally.add({"serviceType": 7, "status": "Cancelled", "appointmentDate": "soon"})
    assert tally.total == 5
    assert tally.statuses() == ["Closed", "Cancelled", NONE, "New"]
    assert tally.by_service() == {
        "live": {"Closed": 1, "New": 1}, NONE: {NONE: 1, "Cancelled": 1}, "ad-hoc": {NONE: 1}
    }  # fmt: skip
    # Days begin in the time zone, and those without sessions are there, too.
    assert tally.periods() == {
        "2026-02-28": {"Closed": 1}, "2026-03-01": {}, "2026-03-02": {}, "2026-03-03": {"New": 1}
    }  # fmt: skip
    assert tally.undated == 3


@pytest.mark.parametrize(
    ("last", "step", "periods", "final"),
    [
        ("2026-03-04", "day", 63, "2026-03-04"),
        ("2026-03-05", "week", 10, "2026-03-02"),
        ("2027-12-31", "month", 24, "2027-12"),
        ("2040-01-01", "year", 15, "2040"),
    ],
)
def test_periods(last: str, step: str, periods: int, final: str) -> None:
    tally = Tally()
    for day in ("2026-01-01", last):
        tally.add({"appointmentDate": f"{day}T12:00:00Z"})
    assert tally.step() == step
    assert len(tally.periods()) == periods
    assert list(tally.periods())[-1] == final
    assert sum(sum(parts.values()) for parts in tally.periods().values()) == 2


def test_nothing_counted() -> None:
    tally = Tally()
    assert tally.to_dict()["total"] == 0
    assert tally.to_dict()["overTime"]["sessions"] == {}
    assert len(specification(tally)["vconcat"]) == 1


# Machado, Oliveira and Fernandes: how colors look to people who lack one of the three kinds of cones.
BLINDNESS = {
    "none": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.01182, 0.04294, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.3039)),
}


def linear(color: str) -> list[float]:
    parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    return [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]


def luminance(rgb: list[float]) -> float:
    return 0.2126 * rgb[0] + 0.7152 * rgb[1] + 0.0722 * rgb[2]


def contrast(one: str, other: str) -> float:
    dark, light = sorted([luminance(linear(one)), luminance(linear(other))])
    return (light + 0.05) / (dark + 0.05)


def lab(rgb: list[float]) -> list[float]:
    red, green, blue = rgb
    x, z = 0.4124 * red + 0.3576 * green + 0.1805 * blue, 0.0193 * red + 0.1192 * green + 0.9505 * blue
    parts = [x / 0.9505, luminance(rgb), z / 1.089]
    f = [max(part, 0.0) ** (1 / 3) if part > 0.008856 else 7.787 * part + 16 / 116 for part in parts]
    return [116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])]


def seen(color: str, kind: str) -> list[float]:
    mixed = [sum(a * b for a, b in zip(weights, linear(color), strict=True)) for weights in BLINDNESS[kind]]
    return lab([min(1.0, max(0.0, part)) for part in mixed])


def test_colours_stand_out_and_can_be_told_apart() -> None:
    assert contrast(TEXT, BACKGROUND) >= 7
    assert contrast(FAINT, BACKGROUND) >= 4.5
    for color in STATUSES:
        assert contrast(color, BACKGROUND) >= 3, color
    for kind in BLINDNESS:
        for one, other in itertools.combinations(STATUSES, 2):
            distance = sum((a - b) ** 2 for a, b in zip(seen(one, kind), seen(other, kind), strict=True)) ** 0.5
            assert distance >= 25, (kind, one, other)
