"""What the command line prints and counts, and what it exits with."""

from __future__ import annotations

import itertools
import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from invigilate import errors
from invigilate.cli import main
from invigilate.cli.charts import COLOURS, Look, specification
from invigilate.cli.exits import ExitCode, Failure, code_of
from invigilate.cli.output import _fit, cell, member, shown
from invigilate.cli.tally import NONE, Tally
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


def test_no_text_of_a_server_reaches_the_terminal_as_a_command() -> None:
    assert shown("a\x1b[2Jb\tc\nd\u202e") == "a\\x1b[2Jb\\tc\\nd\\u202e"
    assert cell({"title": "\x1b]0;x\x07"}) == "\\x1b]0;x\\x07"
    assert cell({"sid": "\x1b"}) == '{"sid": "\\u001b"}'


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (True, "true"), (0, "0"), ("x", "x"), ([1], "[1]"), ({"title": "T", "a": 1}, "T"), ({}, "{}")],
)
def test_cells(value: Any, text: str) -> None:
    assert cell(value) == text


def test_members_are_found_by_path() -> None:
    assert member({"a": {"b": 1}}, "a.b") == 1
    assert member({"a": "text"}, "a.b") is None
    assert member({}, "a") is None


def test_columns_are_narrowed_until_they_fit() -> None:
    assert _fit([10, 30, 34], 80) == [10, 30, 34]
    assert sum(_fit([17, 21, 9, 40, 34], 80)) == 80
    assert _fit([17, 21, 9, 40, 34], 80)[0] == 17
    assert _fit([50, 50], 4) == [8, 8]


def test_counting() -> None:
    tally = Tally(zone("America/New_York"))
    tally.add(row(serviceType="live", status="Closed", appointmentDate="2026-03-01T03:00:00.000Z"))
    tally.add(row(serviceType="live", status="New", appointmentDate="2026-03-03T12:00:00Z"))
    tally.add(row(serviceType="ad-hoc", status=None, appointmentDate=None))
    tally.add(["no", "row"])
    tally.add(row(serviceType=7, status="Cancelled", appointmentDate="soon"))
    assert tally.total == 5
    assert tally.statuses() == ["Closed", "Cancelled", NONE, "New"]
    assert tally.by_service() == {
        "live": {"Closed": 1, "New": 1}, NONE: {NONE: 1, "Cancelled": 1}, "ad-hoc": {NONE: 1}
    }  # fmt: skip
    # Days begin in the time zone, and those without sessions are there, too.
    assert tally.over_time() == {
        date(2026, 2, 28): {"Closed": 1}, date(2026, 3, 1): {}, date(2026, 3, 2): {}, date(2026, 3, 3): {"New": 1}
    }  # fmt: skip
    assert tally.undated == 3


@pytest.mark.parametrize(
    ("last", "step", "stretches", "final"),
    [
        ("2026-03-04", "day", 63, "2026-03-04"),
        ("2026-03-05", "week", 10, "2026-03-02"),
        ("2027-12-31", "month", 24, "2027-12"),
        ("2040-01-01", "year", 15, "2040"),
    ],
)
def test_stretches_of_time(last: str, step: str, stretches: int, final: str) -> None:
    tally = Tally()
    for day in ("2026-01-01", last):
        tally.add(row(appointmentDate=f"{day}T12:00:00Z"))
    assert tally.step() == step
    assert len(tally.stretches()) == stretches
    assert list(tally.stretches())[-1] == final
    assert sum(sum(parts.values()) for parts in tally.stretches().values()) == 2


def test_nothing_counted() -> None:
    tally = Tally()
    assert tally.to_dict()["total"] == 0
    assert tally.to_dict()["overTime"]["sessions"] == {}
    assert len(specification(tally, "light")["vconcat"]) == 1


# Machado, Oliveira and Fernandes: how colours look to people who lack one of the three kinds of cones.
BLINDNESS = {
    "none": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.01182, 0.04294, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.3039)),
}


def linear(colour: str) -> list[float]:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
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


def seen(colour: str, kind: str) -> list[float]:
    mixed = [sum(a * b for a, b in zip(weights, linear(colour), strict=True)) for weights in BLINDNESS[kind]]
    return lab([min(1.0, max(0.0, part)) for part in mixed])


@pytest.mark.parametrize("look", COLOURS)
def test_colours_stand_out_and_can_be_told_apart(look: Look) -> None:
    colours = COLOURS[look]
    assert contrast(colours.text, colours.background) >= 7
    assert contrast(colours.faint, colours.background) >= 4.5
    for colour in colours.statuses:
        assert contrast(colour, colours.background) >= 3, colour
    for kind in BLINDNESS:
        for one, other in itertools.combinations(colours.statuses, 2):
            distance = sum((a - b) ** 2 for a, b in zip(seen(one, kind), seen(other, kind), strict=True)) ** 0.5
            assert distance >= 25, (kind, one, other)
