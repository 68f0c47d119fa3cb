"""Many calls from a CSV file: a column for each argument, all rows checked before anything is sent."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from datetime import tzinfo
from pathlib import Path
from typing import Any

from invigilate.errors import InvalidArgumentError
from smarterproctoring_client.calls import Field

from .exits import Failure, usage
from .fields import Describe, operation_of, option_name, plain_name, value_of
from .plans import Plan, Target, plan

_MOST_NAMED = 10


def read_plans(path: Path, describe: Describe, common: Mapping[str, Any], place: tzinfo | None) -> list[Plan]:
    """Read a CSV file into calls.

    An empty cell means that the argument is not given. The first line names the arguments.

    Args:
        path: the file, in UTF-8, with commas.
        describe: the generated function of the operation.
        common: arguments of every row, by Python name, for which the file has no column.
        place: the time zone of times without an offset.

    Raises:
        Failure: if the file is not as it should be, or a value in it is wrong; the message names the lines.
    """
    lines = list(_lines(path))
    if not lines:
        raise usage(f"{path}: it is empty; its first line names the arguments")
    columns = _columns(path, lines[0][1], describe, common)
    plans: list[Plan] = []
    wrong: dict[int, str] = {}
    seen: dict[Target, int] = {}
    for number, cells in lines[1:]:
        if len(cells) != len(columns):
            wrong[number] = f"{len(cells)} cells below {len(columns)} names"
            continue
        try:
            arguments = {f.name: value_of(f, text, place) for f, text in zip(columns, cells, strict=True) if text}
            item = plan(describe, {**common, **arguments}, number)
        except InvalidArgumentError as error:
            wrong[number] = f"{plain_name(error.argument)}: expected {error.expected}, got {error.given}"
            continue
        earlier = seen.setdefault(item.target, number)
        if earlier != number:
            wrong[number] = f"it is about the same thing as line {earlier}"
        plans.append(item)
    if wrong:
        raise _wrong(path, wrong)
    if not plans:
        raise usage(f"{path}: it has no rows below its first line")
    return plans


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not blank, each with the number of the line that it begins on."""
    try:
        # With the mark that spreadsheet programs write at the start, or without it.
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
        raise usage(f"{path}: it is not in UTF-8") from None
    except OSError as error:
        raise usage(f"--csv: {path}: {error.strerror}") from None


def _columns(path: Path, names: list[str], describe: Describe, common: Mapping[str, Any]) -> list[Field]:
    known = {field.name: field for field in operation_of(describe).fields}
    known |= {plain_name(name): field for name, field in known.items()}
    columns: list[Field] = []
    for name in map(str.strip, names):
        field = known.get(name)
        if field is None:
            expected = ", ".join(dict.fromkeys(map(plain_name, known)))
            separator = "; they are separated by commas" if ";" in name or "\t" in name else ""
            raise usage(f"{path}: line 1: a column is called {name[:40]!r}; expected some of {expected}{separator}")
        if field in columns:
            raise usage(f"{path}: line 1: the column {name} comes twice")
        if field.name in common:
            raise usage(f"{path}: line 1: {name} is a column, and given as {option_name(field.name)}, too")
        columns.append(field)
    return columns


def _wrong(path: Path, wrong: Mapping[int, str]) -> Failure:
    (first, problem), *others = sorted(wrong.items())
    numbers = ", ".join(str(number) for number, _ in others[:_MOST_NAMED])
    more = ", ..." if len(others) > _MOST_NAMED else ""
    also = f"; also wrong: line {numbers}{more} ({len(others)} in all)" if others else ""
    return usage(f"{path}: line {first}: {problem}{also}; nothing was sent")
