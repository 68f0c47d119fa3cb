"""Reads the parts of a report from the server, each into its own file."""

from __future__ import annotations

import threading
import time
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

from invigilate import UNSET, APIStatusError
from invigilate._files import sync_file

from .checkpoint import Checkpoint, Part
from .columns import SeenKeys, fields_of
from .errors import ExportError
from .json_lines import non_finite_warning, replace_non_finite, to_line
from .windows import DATES, Window, WindowBy

if TYPE_CHECKING:
    from invigilate import Page, Pager, SmarterProctoring
    from smarterproctoring_client.models import ServiceDistributionRow

_SMALLER = (500, 200, 100, None)
# Statuses with which a server may refuse a page that is too large; none is documented.
_REFUSED = frozenset({400, 413, 422})


class PageSize:
    """The largest page size that the server accepts, shared by all parts.

    A server that returns smaller pages than requested needs no handling: paging advances by the rows received.
    """

    def __init__(self, requested: int | None) -> None:
        self._guard = threading.Lock()
        smaller = [size for size in _SMALLER if requested is not None and (size is None or size < requested)]
        self._sizes = [requested, *smaller]

    @property
    def current(self) -> int | None:
        """The size to request; `None` for the server default."""
        return self._sizes[0]

    def reduce(self, refused: int | None) -> bool:
        """Continue with the next smaller size after one was refused; return false if there is none."""
        with self._guard:
            if self._sizes[0] == refused:
                if len(self._sizes) == 1:
                    return False
                del self._sizes[0]
            return True


@dataclass(frozen=True, slots=True)
class Task:
    """One part of an export.

    Attributes:
        index: the position of the part in the file.
        client: a client for its install.
        install: the install, if rows have a column for it.
        window: the window, if the report is split.
    """

    index: int
    client: SmarterProctoring
    install: str | None
    window: Window | None

    def __str__(self) -> str:
        names = [f"install {self.install}"] if self.install else []
        return ", ".join([*names, f"window {self.window}"] if self.window else names)


@dataclass(slots=True)
class _NonFinite:
    """Numbers of a part that JSON cannot represent: how many, and the first of them."""

    count: int = 0
    examples: list[str] = field(default_factory=list[str])

    def add(self, sid: object, found: list[str]) -> None:
        self.count += len(found)
        row = f"row {sid!r}" if isinstance(sid, str) else "a row without SID"
        self.examples += [f"{each} in {row}" for each in found[: 3 - len(self.examples)]]


def total_of(client: SmarterProctoring, filters: Mapping[str, Any]) -> int | None:
    """Request the total of a report, with a page of one row."""
    pager = client.reports.service_distribution(**filters, limit=1)
    next(pager.pages(), None)
    return pager.total


class Reader:
    """Reads parts, from several threads.

    Args:
        checkpoint: where rows are written.
        filters: of the report.
        by: the date that windows split the report by.
        sizes: the page size.
        prefetch: pages in flight, for each part.
        install_column: the column of installs.
        received: called for each page with the number of rows kept, and the total of the part.
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
        """Request the number of rows of a part."""
        return total_of(task.client, self._arguments(task.window))

    def read(self, task: Task, stopped: Callable[[], bool]) -> None:
        """Read a part; return early if `stopped` returns true between two pages."""
        seen, non_finite, rows, left_out, crc, size = SeenKeys(), _NonFinite(), 0, 0, 0, 0
        since = time.time_ns() // 1_000_000
        with self._checkpoint.open_part(task.index) as file:
            pager, pages = self._first_page(task)
            for page in pages:
                lines = [self._line(task, row, seen, non_finite) for row in page if self._keeps(task, row)]
                content = b"".join(lines)
                file.write(content)
                rows, size, crc = rows + len(lines), size + len(content), zlib.crc32(content, crc)
                left_out += len(page) - len(lines)
                self._received(task, len(lines), page.total)
                if stopped():
                    return
            sync_file(file)
        prefix = f"{task}: " if str(task) else ""
        messages = [f"{prefix}{warning}" for warning in pager.warnings]
        if non_finite.count:
            messages.append(f"{prefix}{non_finite_warning(non_finite.count, non_finite.examples)}")
            warnings.warn(messages[-1], stacklevel=2)
        self._checkpoint.complete(
            task.index, Part(rows, left_out, pager.total, size, crc, since, warnings=messages, seen=dict(seen))
        )

    def _arguments(self, window: Window | None) -> dict[str, Any]:
        arguments = dict(self._filters)
        if window is not None and self._by is not None:
            arguments.update(window.filters(self._by))
        return arguments

    def _keeps(self, task: Task, row: ServiceDistributionRow) -> bool:
        if task.window is None or self._by is None:
            return True
        return task.window.owns(DATES[self._by].of(row))

    def _line(self, task: Task, row: ServiceDistributionRow, seen: SeenKeys, non_finite: _NonFinite) -> bytes:
        fields = fields_of(row)
        seen.observe(fields)
        name = self._install_column
        if task.install is not None:
            if fields.get(name, task.install) != task.install:
                raise ExportError(f"{task}: row {row.sid!r} has a field {name!r}; pass another install_column")
            fields = {name: task.install, **fields}
        try:
            return to_line(fields)
        except ValueError:
            found: list[str] = []
            line = to_line(replace_non_finite(fields, found))
            non_finite.add(row.sid, found)
            return line

    def _first_page(self, task: Task) -> tuple[Pager[ServiceDistributionRow], Iterator[Page[ServiceDistributionRow]]]:
        """Return a pager and its pages, which are as large as the server accepts; the first one is fetched."""
        arguments = self._arguments(task.window)
        while True:
            size = self._sizes.current
            limit = UNSET if size is None else size
            pager = task.client.reports.service_distribution(**arguments, limit=limit).prefetch(self._prefetch)
            pages = pager.pages()
            try:
                first = next(pages, None)
            except APIStatusError as error:
                if error.status_code not in _REFUSED or not self._sizes.reduce(size):
                    raise
            else:
                return pager, pages if first is None else chain([first], pages)
