"""Bar charts of characters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from invigilate.cli.output import console, for_people, say, to_json

from .tally import Tally, places, sessions, sums

_LONGEST = 60
_STYLES = ("bright_blue", "green", "yellow", "magenta", "cyan", "red")
_SIGNS, _ASCII = "█▓▒░▞▤", "#=:.%o"


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
