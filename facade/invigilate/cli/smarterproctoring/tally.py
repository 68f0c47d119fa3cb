"""Counts sessions while a report is read, without keeping rows, and prints the counts as bars."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, timedelta, tzinfo
from typing import Any, Literal

from invigilate._shapes import is_object
from invigilate._timestamps import parse_timestamp
from invigilate.cli.output import console, for_people, say, shown, to_json
from invigilate.errors import InvalidTimestampError

NONE = "(none)"
"""Shown for a service type or status that a row does not have."""
_FIRST = ("Scheduled", "Closed", "Cancelled")
Step = Literal["day", "week", "month", "year"]
_STEPS: tuple[tuple[int, Step], ...] = ((62, "day"), (400, "week"), (3700, "month"))
_LONGEST = 60
_STYLES = ("bright_blue", "green", "yellow", "magenta", "cyan", "red")
_SIGNS, _ASCII = "█▓▒░▞▤", "#=:.%o"


class Tally:
    """Numbers of sessions by service type, status and day of the appointment."""

    def __init__(self, place: tzinfo | None = None) -> None:
        self.place = place or UTC
        self.total = 0
        self.undated = 0
        self.services: Counter[tuple[str, str]] = Counter()
        self.days: Counter[tuple[date, str]] = Counter()

    def add(self, row: Any) -> None:
        """Count a row, as JSON; it may be malformed."""
        self.total += 1
        found: Mapping[str, Any] = row if is_object(row) else {}
        status = _word(found.get("status"))
        self.services[_word(found.get("serviceType")), status] += 1
        day = self._day(found.get("appointmentDate"))
        if day is None:
            self.undated += 1
        else:
            self.days[day, status] += 1

    def _day(self, text: Any) -> date | None:
        try:
            return parse_timestamp(text).astimezone(self.place).date()
        except (InvalidTimestampError, OverflowError):
            return None

    def statuses(self) -> list[str]:
        """The statuses: known ones first, in the order of a session's life."""
        found = {status for _, status in self.services}
        return [name for name in _FIRST if name in found] + sorted(found.difference(_FIRST))

    def by_service(self) -> dict[str, dict[str, int]]:
        """Numbers by service type, the most frequent one first, and in it by status."""
        table: dict[str, dict[str, int]] = {}
        for (service, status), number in sorted(self.services.items()):
            table.setdefault(service, {})[status] = number
        return dict(sorted(table.items(), key=lambda item: (-sum(item[1].values()), item[0])))

    def step(self) -> Step:
        """The length of the periods into which days are grouped."""
        days = [day for day, _ in self.days]
        span = (max(days) - min(days)).days if days else 0
        for most, name in _STEPS:
            if span <= most:
                return name
        return "year"

    def periods(self) -> dict[str, dict[str, int]]:
        """Numbers by period, as 2026-10-05, 2026-10 or 2026, empty ones included, and in it by status."""
        step = self.step()
        length = {"day": 10, "week": 10, "month": 7, "year": 4}[step]
        starts = sorted({_start(day, step) for day, _ in self.days})
        every = _starts(starts[0], starts[-1], step) if starts else ()
        numbers: dict[str, dict[str, int]] = {start.isoformat()[:length]: {} for start in every}
        for (day, status), number in sorted(self.days.items()):
            parts = numbers[_start(day, step).isoformat()[:length]]
            parts[status] = parts.get(status, 0) + number
        return numbers

    def to_dict(self) -> dict[str, Any]:
        """Return everything as a JSON object."""
        return {
            "total": self.total,
            "byServiceType": self.by_service(),
            "overTime": {
                "step": self.step(),
                "timezone": str(self.place),
                "sessions": self.periods(),
                "withoutAppointment": self.undated,
            },
        }


def _word(value: Any) -> str:
    return shown(value)[:40] if isinstance(value, str) and value else NONE


def _start(day: date, step: Step) -> date:
    if step == "day":
        return day
    if step == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if step == "month" else day.replace(month=1, day=1)


def _starts(first: date, last: date, step: Step) -> Iterator[date]:
    day = first
    while day <= last:
        yield day
        longer = {"day": 1, "week": 7, "month": 32, "year": 366}[step]
        day = _start(day + timedelta(days=longer), step)


def places(statuses: Iterable[str]) -> dict[str, int]:
    """Number the statuses, for colors and signs: known ones have the same number in every chart."""
    others = [status for status in statuses if status not in _FIRST]
    return {status: place for place, status in enumerate([*_FIRST, *others])}


def sessions(number: int) -> str:
    """Return a number of sessions, in words."""
    return f"{number:,} session{'' if number == 1 else 's'}"


def sums(parts: Mapping[str, int]) -> int:
    """Add up the numbers of all statuses."""
    return sum(parts.values())


def print_bars(tally: Tally, *, as_json: bool) -> None:
    """Print the counts: bars on a terminal, otherwise numbers."""
    if as_json:
        print(to_json(tally.to_dict()))
        return
    if not for_people():
        say("by", "what", "status", "sessions")
        for by, table in _tables(tally):
            for name, parts in table.items():
                for status, number in parts.items():
                    say(by, name, status, str(number))
        return
    from rich.text import Text

    screen, statuses = console(), tally.statuses()
    signs = _ASCII if screen.options.ascii_only else _SIGNS
    place = places(statuses)
    marks = {name: (signs[place[name] % len(signs)], _STYLES[place[name] % len(_STYLES)]) for name in statuses}
    screen.print(Text.assemble((sessions(tally.total), "bold")))
    if not tally.total:
        return
    screen.print(Text("  ").join(Text(f"{sign} {status}", style) for status, (sign, style) in marks.items()))
    for by, table in _tables(tally):
        screen.print()
        screen.print(Text(f"by {by}", "bold cyan"))
        for line in _lines(table, statuses, marks, screen.width):
            screen.print(line)
    if tally.undated:
        screen.print(f"{tally.undated:,} without an appointment")


def _tables(tally: Tally) -> list[tuple[str, dict[str, dict[str, int]]]]:
    when = f"{tally.step()} of the appointment, {tally.place}"
    return [("service type", tally.by_service()), (when, tally.periods())]


def _lines(
    table: Mapping[str, Mapping[str, int]],
    statuses: Sequence[str],
    marks: Mapping[str, tuple[str, str]],
    width: int,
) -> list[object]:
    from rich.text import Text

    longest = max(map(sums, table.values()), default=0) or 1
    label = max(map(len, table), default=0)
    longest_bar = max(10, min(_LONGEST, width - label - 10))
    lines: list[object] = []
    for name, parts in table.items():
        line = Text(f"{name:<{label}} ")
        done = drawn = 0
        for status in statuses:
            # Rounded at the ends, not part by part, so that the bar is as long as the sum of its parts.
            done += parts.get(status, 0)
            end = round(done / longest * longest_bar)
            sign, style = marks[status]
            line.append(sign * (end - drawn), style)
            drawn = end
        line.append(f" {done:,}")
        lines.append(line)
    return lines
