"""Reads the parts of a report from the server, each into a file of its own."""

from __future__ import annotations

import threading
import time
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

from invigilate import APIStatusError
from invigilate._files import sync_file

from .checkpoint import Checkpoint, Part
from .columns import Seen, members_of
from .errors import ExportError
from .json_text import finite, not_finite, to_line
from .windows import ROW_DATES, Window, WindowBy

if TYPE_CHECKING:
    from invigilate import Page, Pager, SmarterProctoring
    from smarterproctoring_client.models import ServiceDistributionRow

_SMALLER = (500, 200, 100, None)
# What a server says to a page that it finds too large; nothing is documented.
_REFUSED = frozenset({400, 413, 422})


class PageSize:
    """The page size that the server takes, found out once for all parts.

    A server that gives smaller pages than it was asked for needs nothing: pages go on behind what came.
    """

    def __init__(self, wanted: int | None) -> None:
        self._guard = threading.Lock()
        self._sizes = [wanted, *(size for size in _SMALLER if wanted is not None and (size is None or size < wanted))]

    @property
    def now(self) -> int | None:
        """The size to ask for; `None` for the server's own."""
        return self._sizes[0]

    def refused(self, size: int | None) -> bool:
        """Note that a size was refused; false if there is none left to try."""
        with self._guard:
            if self._sizes[0] == size:
                if len(self._sizes) == 1:
                    return False
                del self._sizes[0]
            return True


@dataclass(frozen=True, slots=True)
class Task:
    """One part of an export.

    Attributes:
        index: its number; the file has them in this order.
        client: a client of its install.
        install: the install, if rows have to say it.
        window: the window, if the report is split.
    """

    index: int
    client: SmarterProctoring
    install: str | None
    window: Window | None

    def __str__(self) -> str:
        named = [f"install {self.install}"] if self.install else []
        return ", ".join([*named, f"window {self.window}"] if self.window else named)


@dataclass(slots=True)
class _Odd:
    """Numbers of a part that JSON cannot write: how many, and the first of them."""

    number: int = 0
    examples: list[str] = field(default_factory=list[str])

    def add(self, sid: object, found: list[str]) -> None:
        self.number += len(found)
        row = f"the row {sid!r}" if isinstance(sid, str) else "a row without a SID"
        self.examples += [f"{each} in {row}" for each in found[: 3 - len(self.examples)]]


def total_of(client: SmarterProctoring, filters: Mapping[str, Any]) -> int | None:
    """Ask the server how many rows a report has, by a page of one row."""
    pager = client.reports.service_distribution(**filters, limit=1)
    next(pager.pages(), None)
    return pager.total


class Reader:
    """Reads parts, from several threads.

    Args:
        checkpoint: where to.
        filters: of the report.
        by: the date that windows are about.
        sizes: the page size.
        prefetch: pages in flight, for each part.
        install_column: the member that says the install.
        received: told of each page: the number of its rows that are kept, and the server's total for the part.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        filters: Mapping[str, Any],
        by: WindowBy | None,
        sizes: PageSize,
        prefetch: int,
        install_column: str,
        received: Callable[[Task, int, int | None], None],
    ) -> None:
        self._checkpoint = checkpoint
        self._filters = filters
        self._by: WindowBy | None = by
        self._sizes = sizes
        self._prefetch = prefetch
        self._install_column = install_column
        self._received = received

    def total(self, task: Task) -> int | None:
        """Ask the server how many rows there are in a part."""
        return total_of(task.client, self._arguments(task.window))

    def read(self, task: Task, stopped: Callable[[], bool]) -> None:
        """Read a part, unless `stopped` says so between two pages."""
        seen, odd, rows, left_out, crc, size = Seen(), _Odd(), 0, 0, 0, 0
        since = time.time_ns() // 1_000_000
        with self._checkpoint.open_part(task.index) as file:
            pager, pages = self._begin(task)
            for page in pages:
                lines = [self._line(self._members(task, row, seen), odd) for row in page if self._keeps(task, row)]
                content = b"".join(lines)
                file.write(content)
                rows, size, crc = rows + len(lines), size + len(content), zlib.crc32(content, crc)
                left_out += len(page) - len(lines)
                self._received(task, len(lines), page.total)
                if stopped():
                    return
            sync_file(file)
        place = f"{task}: " if str(task) else ""
        told = [f"{place}{warning}" for warning in pager.warnings]
        if odd.number:
            told.append(f"{place}{not_finite(odd.number, odd.examples)}")
            warnings.warn(told[-1], stacklevel=2)
        self._checkpoint.complete(
            task.index, Part(rows, left_out, pager.total, size, crc, since, warnings=told, seen=dict(seen))
        )

    def _arguments(self, window: Window | None) -> dict[str, Any]:
        arguments = dict(self._filters)
        if window is not None and self._by is not None:
            arguments.update(window.filters(self._by))
        return arguments

    def _keeps(self, task: Task, row: ServiceDistributionRow) -> bool:
        if task.window is None or self._by is None:
            return True
        return task.window.owns(getattr(row, ROW_DATES[self._by]))

    def _members(self, task: Task, row: ServiceDistributionRow, seen: Seen) -> dict[str, Any]:
        members = members_of(row)
        seen.observe(members)
        if task.install is None:
            return members
        name = self._install_column
        if members.get(name, task.install) != task.install:
            raise ExportError(
                f"{task}: the row {members.get('sid')!r} has a member {name!r} of its own; name the column of installs "
                "otherwise, with install_column"
            )
        return {name: task.install, **members}

    @staticmethod
    def _line(members: dict[str, Any], odd: _Odd) -> bytes:
        try:
            return to_line(members)
        except ValueError:
            found: list[str] = []
            line = to_line(finite(members, found))
            odd.add(members.get("sid"), found)
            return line

    def _begin(self, task: Task) -> tuple[Pager[ServiceDistributionRow], Iterator[Page[ServiceDistributionRow]]]:
        """A pager and its pages, which are the largest that the server takes."""
        arguments = self._arguments(task.window)
        while True:
            size = self._sizes.now
            limit: dict[str, Any] = {} if size is None else {"limit": size}
            pager = task.client.reports.service_distribution(**arguments, **limit).prefetch(self._prefetch)
            pages = pager.pages()
            try:
                first = next(pages, None)
            except APIStatusError as error:
                if error.status_code not in _REFUSED or not self._sizes.refused(size):
                    raise
            else:
                return pager, pages if first is None else chain([first], pages)
