"""Output: tables on terminals, tab-separated values elsewhere, JSON for programs."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import tzinfo
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, TextIO

from invigilate._shapes import is_list, is_object
from invigilate_runtime import UNSET, dump

from .exits import ExitCode, Failure
from .masking import masked_value

if TYPE_CHECKING:
    from rich.console import Console

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
    """
    closed: list[str] = []
    # Python has None for a stream that was closed at the start. In this order, each gets its own descriptor back.
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            closed.append(name)
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode, encoding="utf-8"))
        if mode == "w" and hasattr(getattr(sys, name), "reconfigure"):
            getattr(sys, name).reconfigure(errors="backslashreplace")
    if "stdout" in closed:
        raise Failure(ExitCode.FAILED, "stdout is closed, so nothing was done; send it to a file, or to /dev/null")


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


def field_at(row: Any, path: str) -> Any:
    """Return a field of a JSON object; a dot leads into an object."""
    value: Any = row
    for name in path.split("."):
        if not is_object(value):
            return None
        value = value.get(name)
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
    rows: Iterable[Any], names: Sequence[str], *, as_json: bool, place: tzinfo | None = None, every: bool = False
) -> None:
    """Print rows as they are read. What is sensitive is masked, except in JSON.

    Args:
        rows: models, or JSON values.
        names: the columns, by documented names; dots lead into objects. JSON has all fields.
        as_json: print each row as a line of JSON.
        place: the time zone in which a table shows times; by default UTC.
        every: keep all columns, even where a table has no room for them.
    """
    if as_json:
        for row in rows:
            print(to_json(dump(row)))
        return
    _table(map(masked_value, rows), names, place, every=every)


def _table(rows: Iterable[Any], names: Sequence[str], place: tzinfo | None, *, every: bool = False) -> None:
    cells = ([cell(field_at(row, name)) for name in names] for row in rows)
    if for_people():
        from .tables import local, print_table

        times = ([local(text, place) for text in line] for line in cells)
        print_table(console(), times, list(map(shown, names)), every=every)
        return
    # The first row before the header: if reading it fails, nothing is printed.
    first = list(islice(cells, 1))
    for line in chain([names], first, cells):
        say(*line)


def list_all(rows: Iterable[Any], *, as_json: bool, place: tzinfo | None = None, names: Sequence[str] = ()) -> None:
    """Print rows of which nothing is known in advance; see `listing`."""
    if as_json:
        listing(rows, (), as_json=True)
        return
    values = (value if is_object(value) else {"value": value} for value in map(masked_value, rows))
    sample: list[Any] = []
    failed: BaseException | None = None
    try:
        for row in islice(values, 0 if names else _SAMPLE):
            sample.append(row)
    except (Exception, KeyboardInterrupt) as error:
        failed = error  # raised once the rows before it are printed
    columns = list(names or dict.fromkeys(key for row in sample for key in row))
    seen: dict[str, None] = {}
    found = set[str]()

    def watched() -> Iterator[Any]:
        for row in chain(sample, values):
            seen.update(dict.fromkeys(row))
            found.update(name for name in names if name not in found and _has(row, name))
            yield row

    if columns:
        _table(watched(), columns, place, every=bool(names))
    others = [key for key in seen if key not in columns]
    if others and not names:
        note(f"later rows have more fields: {', '.join(others)}; --json has all")
    # The fields of many objects are undocumented.
    for name in names if seen else ():
        if name not in found:
            note(f"--columns: no row has {one_line(name)}")
    if failed is not None:
        raise failed


def _has(value: Any, path: str) -> bool:
    first, _, rest = path.partition(".")
    return is_object(value) and first in value and (not rest or _has(value[first], rest))


def show_result(value: Any, *, as_json: bool, place: tzinfo | None = None, names: Sequence[str] = ()) -> None:
    """Print the result of an operation, whatever its type; see `list_all`."""
    if isinstance(value, bytes):
        _write(value)
    elif is_list(value):
        list_all(value, as_json=as_json, place=place, names=names)
    elif as_json:
        print(to_json(dump(value)))
    else:
        found = masked_value(value)
        if is_object(found) and names:
            list_all([value], as_json=False, place=place, names=names)
        elif is_object(found):
            _record(found, place)
        elif found is not None:
            say(one_line(cell(found)))


def _write(content: bytes) -> None:
    if for_people():
        note(f"{len(content):,} bytes, which are not shown: send stdout to a file")
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(content)


def _record(value: Mapping[str, Any], place: tzinfo | None) -> None:
    """Print the fields of an object, one per line; a terminal shows times in a time zone, or as received."""
    fields = {shown(key): cell(item) for key, item in value.items()}
    if not for_people():
        for key, text in fields.items():
            say(key, text)
        return
    from rich.table import Table
    from rich.text import Text

    from .tables import in_place

    grid = Table.grid(padding=(0, 2), pad_edge=False)
    grid.add_column(style="cyan", no_wrap=True)
    grid.add_column(overflow="fold")
    for key, text in fields.items():
        if text:
            grid.add_row(key, Text(text if place is None else in_place(text, place) or text))
    console().print(grid, soft_wrap=False)
