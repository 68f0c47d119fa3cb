"""Requests from a CSV file: a column for each argument; all rows are checked before anything is sent."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import tzinfo
from pathlib import Path
from typing import Any, NamedTuple

from invigilate.errors import InvalidArgumentError, InvalidSidError, InvalidTimestampError
from invigilate_runtime import Field

from .checks import check_order, unchanged
from .exits import Failure, usage
from .fields import Describe, operation_of, option_name, plain_name, value_of
from .output import note
from .plans import REQUIRED, Plan, plan

_MOST_NAMED = 10
_MOST_TIMES = 5
_LIKE_A_NAME = re.compile(r"[a-z_]{1,30}(\.[A-Za-z_]{1,30})*", re.ASCII)
_LONGEST_NAME = 40


class Column(NamedTuple):
    """A column of a file.

    Attributes:
        field: the argument that it belongs to.
        path: the documented names that lead to a field of this argument; none for the argument itself.
        leaf: what the specification says of that field.
    """

    field: Field
    path: tuple[str, ...]
    leaf: Field

    @property
    def name(self) -> str:
        """Its name, as errors have it."""
        return ".".join((self.field.name, *self.path))

    def put(self, arguments: dict[str, Any], text: str, place: tzinfo | None) -> None:
        """Add the value of a cell to the arguments of a request."""
        *names, last = (self.field.name, *self.path)
        for name in names:
            arguments = arguments.setdefault(name, {})
        arguments[last] = value_of(self.leaf._replace(name=self.name), text, place)


def read_plans(path: Path, describe: Describe, common: Mapping[str, Any], place: tzinfo | None) -> list[Plan]:
    """Read a CSV file into requests.

    The first line names the arguments, or fields within them: `name`, `address.city`. An empty cell omits one. Times
    are printed as the instants they stand for.
    """
    lines = list(_lines(path))
    if not lines:
        raise usage(f"{path}: it is empty; the first line must name the arguments")
    columns = _columns(path, lines[0][1], describe, common)
    plans: list[Plan] = []
    wrong: dict[int, str] = {}
    seen: dict[tuple[object, ...], int] = {}
    times = _Times()
    for number, cells in lines[1:]:
        if len(cells) != len(columns):
            wrong[number] = f"{len(cells)} cells for {len(columns)} columns"
            continue
        texts = {column.name: text for column, text in zip(columns, cells, strict=True) if text}
        every = dict(common)
        try:
            for column, text in zip(columns, cells, strict=True):
                if text:
                    column.put(every, text, place)
            check_order(describe, every, plain_name)
            item = plan(describe, every, number)
        except InvalidArgumentError as error:
            wrong[number] = _problem(error, texts, columns)
            continue
        missing = unchanged(describe, every)
        if missing:
            wrong[number] = f"nothing to change: pass one of {_names(missing)}"
            continue
        times.add(number, {each.name: every.get(each.name) for each in columns if each.leaf.type == "timestamp"})
        request = item.prepared.request
        sent = (request.method, request.target, *request.headers.items(), request.content)
        for same, what in ((item.target, "changes the same thing"), (sent, "sends the same")):
            earlier = seen.setdefault(same, number)
            if earlier != number:
                wrong[number] = f"it {what} as line {earlier}"
                break
        plans.append(item)
    if wrong:
        raise _wrong(path, wrong)
    if not plans:
        raise usage(f"{path}: it has no rows after its first line")
    times.echo()
    return plans


class _Times:
    """The instants that the times of a file stand for, by column."""

    def __init__(self) -> None:
        self._instants: dict[str, list[tuple[str, int]]] = {}

    def add(self, line: int, values: Mapping[str, Any]) -> None:
        for name, instant in values.items():
            if isinstance(instant, str):
                self._instants.setdefault(name, []).append((instant, line))

    def echo(self) -> None:
        """Print them, or of many the first and the last."""
        for name, found in self._instants.items():
            if len(found) <= _MOST_TIMES:
                shown = ", ".join(f"{instant} (line {line})" for instant, line in found)
            else:
                (first, at), (last, until) = min(found), max(found)
                shown = f"{len(found)} times from {first} (line {at}) to {last} (line {until})"
            note(f"{plain_name(name)} {shown}")


def _names(fields: Iterable[Field]) -> str:
    return ", ".join(plain_name(field.name) for field in fields)


def _problem(error: InvalidArgumentError, texts: Mapping[str, str], columns: Sequence[Column]) -> str:
    name = plain_name(error.argument)
    # A required argument only has a hint if it is sensitive.
    option = f"--secret {name}" if error.hint else option_name(error.argument)
    if error.argument in texts or error.expected != REQUIRED:
        hint = f". {error.hint}" if error.hint else ""
        return f"{name}: expected {error.expected}, got {_passed(error, texts)}{hint}"
    if any(column.name == error.argument for column in columns):
        return f"{name}: expected {error.expected}, got an empty cell"
    return f"the required column {name} is missing; or pass {option} for all rows"


def _passed(error: InvalidArgumentError, texts: Mapping[str, str]) -> str:
    """Describe a cell. A value in the wrong column may be a secret, and is not shown."""
    text = texts.get(error.argument.partition("[")[0])
    # These errors show nothing but SIDs.
    if text is None or isinstance(error, InvalidSidError | InvalidTimestampError):
        return error.passed
    return f"a string of length {len(text)}"


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that are not blank, each with the number of its first line."""
    try:
        # With or without the byte order mark that spreadsheet programs write.
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            before = 0
            try:
                for cells in reader:
                    if any(cell.strip() for cell in cells):
                        yield before + 1, cells
                    before = reader.line_num
            except csv.Error as error:
                raise usage(f"{path}: line {reader.line_num}: {error}") from None
    except UnicodeDecodeError:
        raise usage(f"{path}: not UTF-8") from None
    except OSError as error:
        raise usage(f"--from: {path}: {error.strerror}") from None


def _columns(file: Path, names: list[str], describe: Describe, common: Mapping[str, Any]) -> list[Column]:
    known = {field.name: field for field in operation_of(describe).fields}
    known |= {plain_name(name): field for name, field in known.items()}
    columns: list[Column] = []
    for place, name in enumerate(map(str.strip, names), 1):
        first, *path = name.split(".")
        field = known.get(first)
        leaf = None if field is None else _leaf(field, path)
        if field is None or leaf is None:
            expected = ", ".join(dict.fromkeys(map(plain_name, known)))
            separator = "; columns are separated by commas" if ";" in name or "\t" in name else ""
            # Without a line of names, the first line holds values, which may be secrets.
            called = repr(name) if _LIKE_A_NAME.fullmatch(name) else f"(a string of length {len(name)})"
            meant = _meant(name, known)
            raise usage(
                f"{file}: line 1: column {place} has an unknown name {called}{meant}; expected {expected}{separator}"
            )
        column = Column(field, tuple(path), leaf)
        pairs = [pair for other in columns for pair in ((other.name, column.name), (column.name, other.name))]
        if any(f"{inner}.".startswith(f"{outer}.") for outer, inner in pairs):
            raise usage(f"{file}: line 1: the column {name} appears twice")
        if field.name in common:
            raise usage(f"{file}: line 1: {name} is both a column and passed as {option_name(field.name)}")
        columns.append(column)
    return columns


def _leaf(field: Field, path: Sequence[str]) -> Field | None:
    """Return a field within an argument; `None` if there can be none of this name."""
    if not path:
        return field
    options = field.fields if field.type == "union" else (field,)
    inner = {each.wire_name: each for option in options if option.type == "object" for each in option.fields}
    if path[0] in inner:
        return _leaf(inner[path[0]], path[1:])
    free = any(option.type == "any" or (option.type == "object" and option.additional) for option in options)
    return Field("", path[-1], "", "string", sensitive=field.sensitive) if free else None


def _meant(name: str, known: Mapping[str, Field]) -> str:
    """Suggest an argument with this documented name, or with a similar one."""
    from difflib import get_close_matches

    wires = {field.wire_name.casefold(): field for field in known.values()}
    plain = name.replace("-", "_").replace(" ", "_").casefold()
    close = get_close_matches(plain, known, 1, 0.8) if len(name) <= _LONGEST_NAME else []
    found = wires.get(name.casefold()) or known.get(plain) or (known[close[0]] if close else None)
    return f"; did you mean {plain_name(found.name)}?" if found is not None else ""


def _wrong(path: Path, wrong: Mapping[int, str]) -> Failure:
    (first, problem), *others = sorted(wrong.items())
    numbers = ", ".join(str(number) for number, _ in others[:_MOST_NAMED])
    lines = "line" if len(others) == 1 else "lines"
    more = ", ..." if len(others) > _MOST_NAMED else ""
    also = f"; also wrong: {lines} {numbers}{more} ({len(wrong)} wrong in all)" if others else ""
    return usage(f"{path}: line {first}: {problem}{also}; nothing was sent")
