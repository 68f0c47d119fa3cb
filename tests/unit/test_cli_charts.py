"""What charts and bars show of few sessions, or none."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from invigilate.cli.smarterproctoring.charts import STATUSES, specification, write_chart
from invigilate.cli.smarterproctoring.tally import Tally, places, sessions


def tally(*statuses: str) -> Tally:
    counted = Tally()
    for number, status in enumerate(statuses):
        time = f"2026-10-{number + 1:02}T09:00:00Z"
        counted.add({"status": status, "serviceType": "live", "appointmentDate": time})
    return counted


def svg(counted: Tally, folder: Path) -> str:
    write_chart(counted, folder / "chart.svg")
    return (folder / "chart.svg").read_text()


def bars(drawn: str) -> dict[str, str]:
    """The color of each bar, by what a screen reader says of it."""
    marks = re.findall(r"<path\b[^>]*aria-roledescription=\"bar\"[^>]*>", drawn)
    assert marks
    return {re.findall(r'aria-label="([^"]*)"', mark)[0]: re.findall(r'fill="([^"]*)"', mark)[0] for mark in marks}


def test_a_status_has_the_same_colour_whichever_others_occur(tmp_path: Path) -> None:
    colors = STATUSES
    assert bars(svg(tally("Closed"), tmp_path)) == {
        "live, Closed: 1": colors[1],
        "2026-10-01, Closed: 1": colors[1],
    }
    both = bars(svg(tally("Cancelled", "Later", "Scheduled"), tmp_path))
    assert both["live, Scheduled: 1"] == colors[0]
    assert both["live, Cancelled: 1"] == colors[2]
    assert both["live, Later: 1"] == colors[3]
    assert places(["Closed", "Later", "Else"]) == {"Scheduled": 0, "Closed": 1, "Cancelled": 2, "Later": 3, "Else": 4}


@pytest.mark.parametrize("number", [1, 2, 3])
def test_axes_of_few_sessions_count_whole_ones(number: int, tmp_path: Path) -> None:
    drawn = svg(tally(*["Closed"] * number), tmp_path)
    labels = [int(text) for text in re.findall(r"<text\b[^>]*>(\d)</text>", drawn)]
    # The axis below, that of days, and the number behind the bar.
    assert sorted(labels) == sorted([*range(number + 1), 0, 1, number])


@pytest.mark.parametrize("ending", ["svg", "png", "html"])
def test_no_sessions_are_no_error(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"chart.{ending}"
    write_chart(tally(), path)
    content = path.read_bytes()
    if ending == "png":
        assert content.startswith(b"\x89PNG")
    else:
        assert b"0 exam sessions" in content
        assert b"the report has no rows" in content
    assert "domain" not in str(specification(tally())["vconcat"])


def test_one_is_no_plural(tmp_path: Path) -> None:
    assert ">1 exam session<" in svg(tally("Closed"), tmp_path)
    assert (sessions(0), sessions(1), sessions(4000)) == ("0 sessions", "1 session", "4,000 sessions")
