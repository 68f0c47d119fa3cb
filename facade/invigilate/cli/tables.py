"""Tables for people: which columns have room, how wide they are, and what becomes of times."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import tzinfo
from itertools import chain, islice
from typing import TYPE_CHECKING, NamedTuple

from invigilate._timestamps import parse_timestamp

if TYPE_CHECKING:
    from rich.console import Console

_SAMPLE = 100
"""Rows that are looked at to find the widths of columns; a report is not held in memory for that."""
_NARROWEST, _MODERATE = 8, 17
_LONGEST_WHOLE = 40
"""What is longer is no date, status or identifier, whatever its column is called."""
_WHOLE = re.compile(r"date|.*(?:date|time|status|outcome|id)$", re.ASCII | re.IGNORECASE)
"""Columns that are of no use when they are cut off."""
_UTC = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d):\d\d(?:\.\d+)?Z", re.ASCII)
_GAP = "  "


class Column(NamedTuple):
    """What decides on the width of a column.

    Attributes:
        width: of the longest text in it.
        whole: it is never cut off.
        empty: nothing is in it, nor will be.
    """

    width: int
    whole: bool = False
    empty: bool = False


def local(text: str, place: tzinfo | None) -> str:
    """Write an instant of an answer as people read it: to the minute, in a time zone; other texts stay.

    Args:
        text: what stands in the answer.
        place: the time zone; by default UTC.
    """
    parts = _UTC.fullmatch(text)
    if parts is None:
        return text
    moment = None if place is None else in_place(text, place)
    return f"{parts[1]} {parts[2]}Z" if moment is None else f"{moment[:10]} {moment[11:16]}{moment[23:]}"


def in_place(text: str, place: tzinfo) -> str | None:
    """Write an instant in a time zone, with its offset; `None` for what is no instant."""
    if not _UTC.fullmatch(text):
        return None
    try:
        return parse_timestamp(text).astimezone(place).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError):
        return None


def print_table(
    screen: Console,
    cells: Iterator[list[str]],
    names: Sequence[str],
    *,
    every: bool,
    left_out: Callable[[list[str]], None],
) -> None:
    """Print rows while they come, as wide as the terminal is.

    Args:
        screen: the terminal.
        cells: the rows.
        names: of the columns, as they are documented.
        every: leave out no column, even if lines then run over the end of the terminal.
        left_out: is told the headings of columns that hold something and have no room.
    """
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
        left_out(missing)

    def part(text: str, place: int) -> str:
        width, length = widths[place], cell_len(text)
        if length <= width:
            return text + " " * (width - length)
        # A row after those that were looked at may have a longer one.
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
    """Find widths so that a line fits, if it can.

    First empty columns go, then the widest texts are narrowed, and then columns at the end go.

    Args:
        columns: what is wanted.
        room: of the terminal.
        every: let no column go.

    Returns:
        The places of the columns that stay, with their widths.
    """
    kept = {place: column.width for place, column in enumerate(columns)}
    for place in reversed(range(len(columns))):
        if columns[place].empty and _excess(kept, room) > 0 and len(kept) > 1 and not every:
            del kept[place]
    while True:
        widths = _narrowed(columns, kept, room)
        if _excess(widths, room) <= 0 or len(kept) == 1 or every:
            return widths
        kept.popitem()


def _excess(widths: dict[int, int], room: int) -> int:
    return sum(widths.values()) + len(_GAP) * (len(widths) - 1) - room


def _narrowed(columns: Sequence[Column], wanted: dict[int, int], room: int) -> dict[int, int]:
    widths = dict(wanted)
    for narrowest in (_MODERATE, _NARROWEST):
        texts = [place for place in widths if not columns[place].whole and widths[place] > narrowest]
        while texts and _excess(widths, room) > 0:
            # Of equally wide ones that at the end.
            widest = max(texts, key=lambda place: (widths[place], place))
            widths[widest] -= 1
            if widths[widest] == narrowest:
                texts.remove(widest)
    return widths
