"""Tables for terminals: which columns fit, how wide they are, and how times are shown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import tzinfo
from itertools import chain, islice
from typing import TYPE_CHECKING, NamedTuple

from invigilate._timestamps import parse_timestamp

from .output import note

if TYPE_CHECKING:
    from rich.console import Console

_SAMPLE = 100
"""Rows from which the widths of columns are found; not the whole report, which would have to be in memory."""
_NARROWEST = 8
_LONGEST_WHOLE = 40
"""A longer string is not a date, status or identifier, whatever its column is called."""
_WHOLE = re.compile(r"date|.*(?:date|time|status|outcome|id)$", re.ASCII | re.IGNORECASE)
"""Columns that are useless when truncated."""
_UTC = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d):\d\d(?:\.\d+)?Z", re.ASCII)
_GAP = "  "


class Column(NamedTuple):
    """What determines the width of a column.

    Attributes:
        width: the width of its longest cell.
        whole: whether it is never truncated.
        empty: whether all its cells are empty.
    """

    width: int
    whole: bool = False
    empty: bool = False


def local(text: str, place: tzinfo | None) -> str:
    """Return a time of a response to the minute, in a time zone or UTC; other strings unchanged."""
    parts = _UTC.fullmatch(text)
    if parts is None:
        return text
    moment = None if place is None else in_place(text, place)
    return f"{parts[1]} {parts[2]}Z" if moment is None else f"{moment[:10]} {moment[11:16]}{moment[23:]}"


def in_place(text: str, place: tzinfo) -> str | None:
    """Return a time in a time zone, with its offset; `None` for a string that is not a time."""
    if not _UTC.fullmatch(text):
        return None
    try:
        return parse_timestamp(text).astimezone(place).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError):
        return None


def print_table(screen: Console, cells: Iterator[list[str]], names: Sequence[str], *, every: bool) -> None:
    """Print rows as they are read, as wide as the terminal."""
    from rich.cells import cell_len, set_cell_size
    from rich.text import Text

    sample = list(islice(cells, _SAMPLE + 1))
    headings = [_heading(name) for name in names]
    columns = [
        Column(
            max(map(cell_len, texts)),
            whole=_WHOLE.match(name.rpartition(".")[2]) is not None and max(map(cell_len, texts)) <= _LONGEST_WHOLE,
            empty=len(sample) <= _SAMPLE and not any(texts[1:]),
        )
        for name, texts in zip(names, zip(headings, *sample, strict=True), strict=True)
    ]
    widths = fit(columns, screen.width, every=every)
    missing = [headings[place] for place, column in enumerate(columns) if place not in widths and not column.empty]
    if missing:
        note(f"no room for {', '.join(missing)}: a wider terminal shows more, and --json has all")

    def part(text: str, place: int) -> str:
        width, length = widths[place], cell_len(text)
        if length <= width:
            return text + " " * (width - length)
        # A row after the sample may have a longer one.
        whole = columns[place].whole and length <= _LONGEST_WHOLE
        return text if whole else set_cell_size(text, width - 1) + "…"

    def line(texts: Sequence[str], style: str = "") -> Text:
        return Text(_GAP.join(part(texts[place], place) for place in widths).rstrip(), style)

    screen.print(line(headings, "bold cyan"))
    for row in chain(sample, cells):
        screen.print(line(row))


def _heading(name: str) -> str:
    """`course.title` and `appointmentDate` become `course title` and `appointment date`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name.replace(".", " ").replace("_", " ")).lower()


def fit(columns: Sequence[Column], room: int, *, every: bool = False) -> dict[int, int]:
    """Find widths so that a line fits, if possible, by the positions of the columns that are kept.

    First empty columns are dropped, then the widest cells are narrowed, then columns at the end are dropped.
    """
    kept = {place: column.width for place, column in enumerate(columns)}
    for place in reversed(range(len(columns))):
        if columns[place].empty and _excess(kept, room) > 0 and len(kept) > 1 and not every:
            del kept[place]
    while True:
        widths = dict(kept)
        while _excess(widths, room) > 0:
            texts = [place for place in widths if not columns[place].whole and widths[place] > _NARROWEST]
            if not texts:
                break
            # Of equally wide ones, the last.
            widths[max(texts, key=lambda place: (widths[place], place))] -= 1
        else:
            return widths
        if len(kept) == 1 or every:
            return widths
        kept.popitem()


def _excess(widths: dict[int, int], room: int) -> int:
    return sum(widths.values()) + len(_GAP) * (len(widths) - 1) - room
