"""Pagers: iterators over rows that fetch pages as needed, and never end early without raising."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, Unpack, cast

from invigilate_runtime import PagedCall

from ._identifiers import describe_value
from ._pagination import Page, Progress
from ._tracebacks import sealed
from ._values import run_now
from .errors import APIStatusError, InvalidArgumentError, ReportWarning

if TYPE_CHECKING:
    import os

    from .export.results import ExportOptions, ExportResult

R = TypeVar("R")

MAX_PAGES = 100
"""As many pages can be in flight as a client has connections."""

Begin = Callable[[], tuple[Progress, Callable[[Any], Coroutine[Any, Any, Any]]]]
"""Begins to read from the start: returns the progress, and a function that fetches the page at a position."""


class BasePager(Generic[R]):
    """What both pagers share.

    Attributes:
        client: the client that sends its requests.
        call: the call of its first page.
    """

    client: Any
    call: PagedCall[R]
    _threads: bool

    def __init__(self, begin: Begin) -> None:
        self._begin = begin
        self._ahead = 0
        self._progress: Progress | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__}, total {self.total}>"

    @property
    def total(self) -> int | None:
        """The number of all rows as announced last; `None` before the first page, and if none was announced."""
        return self._progress.total if self._progress else None

    @property
    def warnings(self) -> list[ReportWarning]:
        """Signs that the rows changed while they were last read, each also issued by `warnings.warn`.

        A total that changed, or SIDs that were on the previous page, too.
        """
        return self._progress.warnings if self._progress else []

    @property
    def cursor(self) -> str | int | None:
        """Where to resume: what to pass as the token (or offset) of a new pager to read what was not read yet.

        While rows are read this is the page of the last row, so that none is lost: resuming reads the page again. With
        `pages()` it is the page after the one received last. `""` (or 0) is the first page: omit the argument. `None`
        before anything is read, and at the end.
        """
        return self._progress.cursor if self._progress else None

    def prefetch(self, pages: int) -> Self:
        """Return the same pager with pages in flight while rows are read.

        The first page shows the total and how many rows a page has; the next ones are then requested together, over
        connections of their own. A cursor cannot be read ahead, since only a page holds the token of the next one:
        then, and until a total is announced, one page is fetched while another is read, however many are allowed. Rows
        come in the same order, and errors at the same place, as without. Leaving the loop cancels what is in flight (an
        iterator that you keep does so in `close()` or `aclose()`); requests of a sync client that are on the wire are
        abandoned, and nothing more is sent. See `warnings` for rows that change while they are read.

        Args:
            pages: how many pages may be in flight or wait to be read, 1 to 100. They are held in memory, besides the
                one that is read.

        Raises:
            InvalidArgumentError: if `pages` is not such an integer.
        """
        if pages.__class__ is not int or not 1 <= pages <= MAX_PAGES:
            raise InvalidArgumentError("pages", f"an integer from 1 to {MAX_PAGES}", describe_value(pages))
        pager = copy.copy(self)
        pager._ahead, pager._progress = pages, None
        return pager

    def _pages(self, ahead: int, *, rows: bool = False) -> _Pages[R]:
        self._progress, fetch = self._begin()
        return _Pages(self._progress, fetch, ahead, threads=self._threads, rows=rows)


class Pager(BasePager[R]):
    """The rows of a paged operation, fetched page by page while they are read.

    Nothing is sent until it is read. It can be read again, from the start; each time sends its own requests. It holds
    one page at a time, and those that `prefetch` allows.
    """

    _threads = True

    def __iter__(self) -> Iterator[R]:
        return _Rows(self._pages(self._ahead, rows=True))

    def pages(self) -> Iterator[Page[R]]:
        """Read page by page. After an error, the iterator requests the same page again.

        Raises:
            IncompleteResultError: if paging ends before the largest total that was announced, or though another page
                was announced; if more rows come than were announced; if the same pages or tokens come again.
            ResponseDecodeError: if a page has no list of rows.
            APIError: if a page cannot be fetched.
        """
        return self._pages(self._ahead)

    def first(self) -> R | None:
        """Fetch the first page and return its first row, or `None` if there is none."""
        return next(_Rows(self._pages(0, rows=True)), None)

    def collect(self) -> list[R]:
        """Read all rows into a list."""
        return list(self)

    def export(self, path: str | os.PathLike[str], **options: Unpack[ExportOptions]) -> ExportResult:
        """Write all rows to a `.csv`, `.jsonl` or `.parquet` file; see `invigilate.export.export`."""
        return cast("ExportResult", import_module("invigilate.export").export(self, path, **options))

    def record_batches(self) -> Any:
        """Return a `pyarrow.RecordBatchReader` of all rows; see `invigilate.export.record_batches`."""
        return import_module("invigilate.export").record_batches(self)

    def to_arrow(self) -> Any:
        """Read all rows into a `pyarrow.Table`, which pandas, polars and DuckDB accept."""
        return self.record_batches().read_all()

    def to_duckdb(self, connection: Any = None) -> Any:
        """Read all rows into a relation of a DuckDB connection, by default the one of the module."""
        table = self.to_arrow()  # first, since it reports a missing extra
        return (connection or import_module("duckdb")).from_arrow(table)


class AsyncPager(BasePager[R]):
    """A `Pager` for `async for`."""

    _threads = False

    def __aiter__(self) -> AsyncIterator[R]:
        return _Rows(self._pages(self._ahead, rows=True))

    def pages(self) -> AsyncIterator[Page[R]]:
        """Read page by page; see `Pager.pages`."""
        return self._pages(self._ahead)

    @sealed
    async def first(self) -> R | None:
        """Fetch the first page and return its first row, or `None` if there is none."""
        return await anext(_Rows(self._pages(0, rows=True)), None)

    @sealed
    async def collect(self) -> list[R]:
        """Read all rows into a list."""
        return [row async for row in self]


class _Iterator:
    """Iterates for both pagers.

    Not a generator: a generator that raised has ended, and callers that continue would take that for the end of the
    rows.
    """

    def __iter__(self) -> Self:
        return self

    def __aiter__(self) -> Self:
        return self


class _Pages(_Iterator, Generic[R]):
    """The pages, one after the other."""

    def __init__(self, progress: Progress, fetch: Any, ahead: int, *, threads: bool, rows: bool) -> None:
        self._progress = progress
        self._rows = rows
        self._start: Any = None
        """Where the page that is kept begins."""
        self._fetch = fetch
        self._page: Page[R] | None = None
        """Received, and not yet returned."""
        self._ahead: Any = None
        if ahead:
            from ._prefetch import Ahead  # late, since most programs read page by page

            self._ahead = self._fetch = Ahead(fetch, ahead, threads=threads)

    def __next__(self) -> Page[R]:
        page = run_now(self.next())
        if page is None:
            raise StopIteration
        return page

    async def __anext__(self) -> Page[R]:
        page = await self.next()
        if page is None:
            raise StopAsyncIteration
        return page

    async def next(self) -> Page[R] | None:
        """Fetch the next page; `None` at the end."""
        progress = self._progress
        while self._page is None and progress.position is not None:
            try:
                page: Page[R] = await self._fetch(progress.position)
                page.offset, self._start = progress.offset, progress.position
                progress.advance(page)
                # Kept, so that an interruption of what follows does not lose it.
                self._page = page if page.rows else None
                if self._ahead is not None:
                    self._ahead.continue_after(progress, len(page))
            except BaseException as error:
                self.close()
                if not isinstance(error, APIStatusError) or not progress.accept_refusal(error):
                    raise
        received, self._page = self._page, None
        progress.cursor = self._start if received is not None and self._rows else progress.position
        return received

    def close(self) -> None:
        """Abandon the pages in flight."""
        if self._ahead is not None:
            self._ahead.close()

    async def aclose(self) -> None:
        """Cancel the pages in flight, and wait until they have ended."""
        if self._ahead is not None:
            await self._ahead.aclose()


class _Rows(_Iterator, Generic[R]):
    """The rows of the pages."""

    def __init__(self, pages: _Pages[R]) -> None:
        self._pages = pages
        self._rows: Iterator[R] = iter(())
        self.close, self.aclose = pages.close, pages.aclose

    def __next__(self) -> R:
        for row in self._rows:
            return row
        self._rows = iter(next(self._pages))
        return next(self._rows)

    async def __anext__(self) -> R:
        for row in self._rows:
            return row
        self._rows = iter(await anext(self._pages))
        return next(self._rows)
