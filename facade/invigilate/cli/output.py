"""What is printed: tables for people, plain text where no terminal is, JSON for programs."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import tzinfo
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Literal, TextIO

from invigilate._shapes import is_object

from .exits import ExitCode, Failure
from .masking import masked_member

if TYPE_CHECKING:
    from rich.console import Console

_GAP = "  "
_NARROWEST_VALUE = 20


def note(text: str) -> None:
    """Say something to whoever started the program: a line on stderr.

    Where nobody can be told, the command goes on: a change that was sent has to be written down all the same.
    """
    try:
        print(f"invigilate: {one_line(text)}", file=sys.stderr, flush=True)
    except OSError:
        discard(sys.stderr)


def one_line(text: str) -> str:
    """Write a text as one line that no terminal takes for commands."""
    return shown(" ".join(text.split()))


def say(*cells: str) -> None:
    """Print a line that is not JSON: cells with tabs in between."""
    print("\t".join(map(shown, cells)))


def shown(text: str) -> str:
    """Escape what could do anything to a terminal: C0 and C1 controls, DEL, bidirectional overrides, surrogates."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def to_json(value: Any) -> str:
    """Write a value as one line of JSON. What could do anything to a terminal is escaped, which changes no value."""
    utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    text = json.dumps(value, ensure_ascii=not utf8)
    return text if text.isprintable() else "".join(c if c.isprintable() else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    # JSON itself does not escape DEL.
    return f"\\u{ord(character):04x}" if character <= "\uffff" else json.dumps(character)[1:-1]


def console(file: TextIO | None = None) -> Console:
    """Get a terminal to draw on: by default that of stdout."""
    from rich.console import Console

    return Console(file=file or sys.stdout, highlight=False, soft_wrap=True)


def for_people() -> bool:
    """Whether somebody reads stdout."""
    return sys.stdout.isatty()


def prepare_streams() -> None:
    """Let no closed stream, and no character that a stream cannot write, end a command.

    A lone surrogate is written as `\\udc80`, which is what JSON has for it, too.

    Raises:
        Failure: if stdout is closed: nothing that is asked for could be printed.
    """
    # Python has None for a stream that was closed when it started. In this order, each gets its own descriptor back.
    if _missing(sys.stdin):
        sys.stdin = _nowhere("r")
    closed = _missing(sys.stdout)
    if closed:
        sys.stdout = _nowhere("w")
    if _missing(sys.stderr):
        sys.stderr = _nowhere("w")
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
    if closed:
        raise Failure(ExitCode.FAILED, "stdout is closed, so nothing was done; send it to a file, or to /dev/null")


def _missing(stream: TextIO | None) -> bool:
    return stream is None


def _nowhere(mode: Literal["r", "w"]) -> TextIO:
    return open(os.devnull, mode, encoding="utf-8")  # for as long as the process lives


def discard(stream: TextIO) -> None:
    """Let what is left of a stream go nowhere: Python would write it once more at its end, fail again and complain."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def settle() -> OSError | None:
    """Write what is left for stdout, and give the reason if that cannot be done; Python then does not try it again."""
    try:
        sys.stdout.flush()
    except OSError as error:
        discard(sys.stdout)
        return error
    return None


def unwritable(error: OSError) -> Failure:
    """The failure of a stdout that cannot be written, such as one on a disk that is full."""
    return Failure(ExitCode.FAILED, f"stdout cannot be written: {error.strerror or error}")


def member(row: Any, path: str) -> Any:
    """Find a member of a row by its documented name, as people may see it; a dot leads into an object."""
    value: Any = row
    for name in path.split("."):
        if not is_object(value):
            return None
        value = masked_member(name, value.get(name))
    return value


def cell(value: Any) -> str:
    """Write a value in a cell. Of an object whose title is known, the title; of others, all of it."""
    if value is None:
        return ""
    if isinstance(value, str):
        return shown(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    title = value.get("title") if is_object(value) else None
    return shown(title if isinstance(title, str) and title else json.dumps(value, ensure_ascii=False))


def listing(
    rows: Iterable[Mapping[str, Any]],
    columns: Sequence[str],
    *,
    as_json: bool,
    place: tzinfo | None = None,
    every: bool = False,
) -> None:
    """Print rows while they come. What is sensitive is masked, but for JSON.

    Args:
        rows: the rows, by documented names.
        columns: what to print of each; dots lead into objects. Of no matter for JSON, which has everything.
        as_json: print a line of JSON for each.
        place: the time zone in which a table shows times; by default UTC.
        every: the columns were asked for, so that none is left out where a table has no room for all.
    """
    if as_json:
        for row in rows:
            print(to_json(row))
        return
    cells = ([cell(member(row, column)) for column in columns] for row in rows)
    if for_people():
        from .tables import local, print_table

        times = ([local(text, place) for text in line] for line in cells)
        print_table(console(), times, columns, every=every, left_out=_left_out)
        return
    # The first row before the names: where none can be had, nothing is printed.
    first = list(islice(cells, 1))
    for line in chain([columns], first, cells):
        say(*line)


def _left_out(headings: list[str]) -> None:
    note(f"no room for {', '.join(headings)}: a wider terminal shows more, and --json has all")


def record(value: Mapping[str, Any], *, as_json: bool, place: tzinfo | None = None) -> None:
    """Print one object: its members below each other. What is sensitive is masked, but for JSON.

    Args:
        value: the object, by documented names.
        as_json: print a line of JSON.
        place: the time zone in which people are shown times; by default they stay as they came.
    """
    if as_json:
        print(to_json(value))
        return
    members = {shown(key): cell(masked_member(key, item)) for key, item in value.items()}
    if not for_people():
        for key, text in members.items():
            say(key, text)
        return
    from rich.text import Text

    from .tables import in_place

    screen, seen = console(), {key: text for key, text in members.items() if text}
    width = max(map(len, seen), default=0)
    room = max(_NARROWEST_VALUE, screen.width - width - len(_GAP))
    for key, text in seen.items():
        label, words = key, text if place is None else in_place(text, place) or text
        for part in Text(words).wrap(screen, room, overflow="fold", no_wrap=False):
            screen.print(Text.assemble((f"{label:<{width}}", "cyan"), _GAP, part))
            label = ""


def rows_of(answer: Iterable[Any]) -> Iterator[dict[str, Any]]:
    """Give generated models as plain objects; what is none comes as it is."""
    for row in answer:
        yield row.to_dict() if hasattr(row, "to_dict") else row
