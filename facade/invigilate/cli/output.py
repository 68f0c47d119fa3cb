"""Output: tables on terminals, tab-separated values elsewhere, JSON for programs."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import tzinfo
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TextIO, TypeVar

from invigilate._shapes import is_list, is_object
from invigilate_runtime import UNSET, dump

from .exits import ExitCode, Failure
from .masking import masked_field, masked_value

if TYPE_CHECKING:
    from rich.console import Console

R = TypeVar("R")

_GAP = "  "
_NARROWEST_VALUE = 20
_SAMPLE = 100
"""Rows whose fields become the columns where none are known."""


def note(text: str) -> None:
    """Print a line for people on stderr.

    A stderr that cannot be written does not end the command: a change that was sent must still be recorded.
    """
    try:
        print(f"invigilate: {one_line(text)}", file=sys.stderr, flush=True)
    except OSError:
        discard(sys.stderr)


def one_line(text: str) -> str:
    """Return a string as one line without control characters."""
    return shown(" ".join(text.split()))


def say(*cells: str) -> None:
    """Print cells separated by tabs."""
    print("\t".join(map(shown, cells)))


def shown(text: str) -> str:
    """Escape what could control a terminal: C0 and C1 controls, DEL, bidirectional overrides, surrogates."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def to_json(value: Any) -> str:
    """Return a value as one line of JSON. What could control a terminal is escaped, which changes no value."""
    utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    text = json.dumps(value, ensure_ascii=not utf8)
    return text if text.isprintable() else "".join(c if c.isprintable() else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    # JSON itself does not escape DEL.
    return f"\\u{ord(character):04x}" if character <= "\uffff" else json.dumps(character)[1:-1]


def console(file: TextIO | None = None) -> Console:
    """Return a console to draw on; by default stdout."""
    from rich.console import Console

    return Console(file=file or sys.stdout, highlight=False, soft_wrap=True)


def for_people() -> bool:
    """Whether stdout is a terminal."""
    return sys.stdout.isatty()


def prepare_streams() -> None:
    """Keep closed streams, and characters that a stream cannot encode, from ending a command.

    A lone surrogate is written as `\\udc80`, as in JSON.

    Raises:
        Failure: if stdout is closed: no output could be printed.
    """
    # Python has None for a stream that was closed at the start. In this order, each gets its own descriptor back.
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
    """Drop what a stream still holds: Python would write it at exit, fail again and print a traceback."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def settle() -> OSError | None:
    """Flush stdout. If that fails, return the error, and keep Python from trying again at exit."""
    try:
        sys.stdout.flush()
    except OSError as error:
        discard(sys.stdout)
        return error
    return None


def unwritable(error: OSError) -> Failure:
    """Return the failure for a stdout that cannot be written, as on a full disk."""
    return Failure(ExitCode.FAILED, f"stdout cannot be written: {error.strerror or error}")


class Column(NamedTuple):
    """A column of a table.

    Attributes:
        name: its documented name; dots lead into objects.
        read: returns the value of a row.
    """

    name: str
    read: Callable[[Any], Any]


def column(name: str, model: type[R], read: Callable[[R], Any]) -> Column:
    """Create a column that reads a field of a model. A row of another type has an empty cell."""

    def read_row(row: Any) -> Any:
        return read(row) if isinstance(row, model) else None

    return Column(name, read_row)


def named(name: str) -> Column:
    """Create a column for a field that is only known by its name."""

    def read(row: Any) -> Any:
        return field_at(row, name)

    return Column(name, read)


def field_at(row: Any, path: str) -> Any:
    """Return a field of a JSON object, masked if it is sensitive; a dot leads into an object."""
    value: Any = row
    for name in path.split("."):
        if not is_object(value):
            return None
        value = masked_field(name, value.get(name))
    return value


def cell(value: Any) -> str:
    """Return a cell. An object with a title is shown by its title, others in full."""
    if value is None or value is UNSET:
        return ""
    if isinstance(value, str):
        return shown(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    title = value.get("title") if is_object(value) else None
    return shown(title if isinstance(title, str) and title else json.dumps(value, ensure_ascii=False))


def listing(
    rows: Iterable[Any],
    columns: Sequence[Column],
    *,
    as_json: bool,
    place: tzinfo | None = None,
    every: bool = False,
) -> None:
    """Print rows as they are read. What is sensitive is masked, except in JSON.

    Args:
        rows: models, or JSON values.
        columns: what to print of each row; JSON has all fields.
        as_json: print each row as a line of JSON.
        place: the time zone in which a table shows times; by default UTC.
        every: keep all columns, even where a table has no room for them.
    """
    if as_json:
        for row in rows:
            print(to_json(dump(row)))
        return
    names = [column.name for column in columns]
    keys = [name.rpartition(".")[2] for name in names]
    cells = (
        [cell(masked_field(key, column.read(row))) for key, column in zip(keys, columns, strict=True)] for row in rows
    )
    if for_people():
        from .tables import local, print_table

        times = ([local(text, place) for text in line] for line in cells)
        print_table(console(), times, names, every=every, left_out=_left_out)
        return
    # The first row before the header: if reading it fails, nothing is printed.
    first = list(islice(cells, 1))
    for line in chain([names], first, cells):
        say(*line)


def list_all(rows: Iterable[Any], *, as_json: bool, place: tzinfo | None = None) -> None:
    """Print rows of which nothing is known in advance: the columns are the fields of the first rows."""
    values = map(dump, rows)
    sample = list(islice(values, _SAMPLE))
    names = dict.fromkeys(key for row in sample if is_object(row) for key in row)
    columns = [named(name) for name in names]
    if not all(map(is_object, sample)):
        columns.append(Column("value", _whole))
    others: dict[str, None] = {}

    def watched() -> Iterator[Any]:
        for row in chain(sample, values):
            if is_object(row):
                others.update(dict.fromkeys(key for key in row if key not in names))
            yield row

    if columns or as_json:
        listing(watched(), columns, as_json=as_json, place=place)
    if others and not as_json:
        note(f"later rows have more fields: {', '.join(others)}; --json has all")


def _whole(row: Any) -> Any:
    return None if is_object(row) else masked_value(row)


def show_result(value: Any, *, as_json: bool, place: tzinfo | None = None) -> None:
    """Print the result of an operation, whatever its type."""
    found = dump(value)
    if is_object(found):
        record(found, as_json=as_json, place=place)
    elif is_list(found):
        list_all(found, as_json=as_json, place=place)
    elif as_json:
        print(to_json(found))
    elif found is not None:
        say(one_line(cell(found)))


def _left_out(headings: list[str]) -> None:
    note(f"no room for {', '.join(headings)}: a wider terminal shows more, and --json has all")


def record(value: Mapping[str, Any], *, as_json: bool, place: tzinfo | None = None) -> None:
    """Print the fields of an object, one per line. What is sensitive is masked, except in JSON.

    Args:
        value: the object, by documented names.
        as_json: print a line of JSON.
        place: the time zone in which a terminal shows times; by default they stay as received.
    """
    if as_json:
        print(to_json(value))
        return
    fields = {shown(key): cell(masked_field(key, item)) for key, item in value.items()}
    if not for_people():
        for key, text in fields.items():
            say(key, text)
        return
    from rich.text import Text

    from .tables import in_place

    screen, seen = console(), {key: text for key, text in fields.items() if text}
    width = max(map(len, seen), default=0)
    room = max(_NARROWEST_VALUE, screen.width - width - len(_GAP))
    for key, text in seen.items():
        label, words = key, text if place is None else in_place(text, place) or text
        for part in Text(words).wrap(screen, room, overflow="fold", no_wrap=False):
            screen.print(Text.assemble((f"{label:<{width}}", "cyan"), _GAP, part))
            label = ""
