"""Reports page by page: iterators that never end early without saying so."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any, Generic, Self, TypeVar

from ._places import Place
from ._shapes import is_number
from ._tracebacks import sealed
from .errors import APIStatusError, IncompleteResultError, InvalidArgumentError, ReportWarning
from .sids import describe_given

R = TypeVar("R")

_MOST_AHEAD = 100  # as many connections as a client has


class Page(Generic[R]):
    """One page of rows.

    Attributes:
        rows: the rows, as they came.
        offset: how many rows come before this page.
        total: the number of rows of the whole report that this page announces; `None` if it announces none.
        limit: the number of rows that was requested; `None` for the default of the server.
        envelope: the other fields of the response, such as `count` and `next`. A `next` URL is never followed.
    """

    __slots__ = ("envelope", "limit", "offset", "rows", "total")

    def __init__(self, rows: list[R], offset: int, envelope: Mapping[str, Any], limit: int | None = None) -> None:
        self.rows = rows
        self.offset = offset
        self.total = whole_number(envelope.get("total"))
        self.envelope = envelope
        self.limit = limit

    def __repr__(self) -> str:
        return f"<Page of {len(self.rows)} rows at {self.offset} of {self.total}>"

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[R]:
        return iter(self.rows)


def whole_number(value: object) -> int | None:
    """Read a documented count, which JSON may write as `123.0`; anything else says nothing."""
    return int(value) if is_number(value) and value >= 0 and value == value // 1 else None


class BasePager(Generic[R]):
    """What both pagers share."""

    def __init__(
        self,
        fetch: Callable[[int, float | None], Any],
        start: int,
        deadline: Callable[[], float | None],
        error: Callable[[str], IncompleteResultError] = IncompleteResultError,
    ) -> None:
        self._fetch = fetch
        self._start = start
        self._deadline = deadline
        self._ahead = 0
        self.error = error
        self.total: int | None = None
        self.warnings: list[ReportWarning] = []

    def __repr__(self) -> str:
        return f"<{type(self).__name__} from {self._start}, total {self.total}>"

    def prefetch(self, pages: int) -> Self:
        """Return the same pager with pages in flight while rows are read.

        The first page shows the total and how many rows a page really has; then the next ones are requested together,
        over connections of their own. Rows come in the same order, and errors at their place, as without. Until a
        total is announced, one page is fetched at a time. Leaving the loop cancels what is in flight (an iterator that
        you keep does so in `close()` or `aclose()`); requests of a sync client that are on the wire are abandoned, and
        nothing more is sent. Since reports have no documented order, a change of the report while it is read is as
        visible as without, and no more: see `warnings`.

        Args:
            pages: how many at most are in flight, or have come and wait; 1 to 100. That many are held in memory
                besides the one that is read.

        Raises:
            InvalidArgumentError: if it is none of these.
        """
        if pages.__class__ is not int or not 1 <= pages <= _MOST_AHEAD:
            raise InvalidArgumentError("pages", f"an integer from 1 to {_MOST_AHEAD}", describe_given(pages))
        report = copy.copy(self)
        report._ahead, report.total, report.warnings = pages, None, []
        return report

    def _reading(self) -> Place:
        self.warnings = []
        return Place(self, self._start, self._deadline())


class Pager(BasePager[R]):
    """The rows of a report, fetched page by page while they are read.

    Nothing is sent until it is read. It can be read again, from the start; each reading sends its own requests.
    At any time it holds one page, and those that `prefetch` allows.

    Attributes:
        total: the number of rows of the whole report as it was announced last; `None` before the first page, and if
            none was announced.
        warnings: signs in the last reading that the report changed while it was read, each also issued by
            `warnings.warn`: a total that changed, SIDs that were on the page before, too.
    """

    def __iter__(self) -> Iterator[R]:
        return _Rows(self._begin())

    def pages(self) -> Iterator[Page[R]]:
        """Read page by page. After an error, the iterator requests the same page again.

        Raises:
            IncompleteResultError: if the report ends before the largest total that was announced, or though `next` of
                the last page is set; if more rows come than were announced; if the same pages come again.
            ResponseDecodeError: if a page has no list of rows.
            APIError: if a page cannot be fetched.
        """
        return self._begin()

    def _begin(self) -> Pages[R]:
        place = self._reading()
        if not self._ahead:
            return Pages(place, self._fetch)
        from ._prefetch import PagesAhead

        return PagesAhead(place, self._fetch, self._ahead)

    def first(self) -> R | None:
        """Fetch the first page and return its first row, or `None` if it is empty."""
        return next(_Rows(Pages[R](self._reading(), self._fetch)), None)

    def collect(self) -> list[R]:
        """Read all rows into a list."""
        return list(self)


class AsyncPager(BasePager[R]):
    """As `Pager`, for `async for`."""

    def __aiter__(self) -> AsyncIterator[R]:
        return _AsyncRows(self._begin())

    def pages(self) -> AsyncIterator[Page[R]]:
        """Read page by page; see `Pager.pages`."""
        return self._begin()

    def _begin(self) -> AsyncPages[R]:
        place = self._reading()
        if not self._ahead:
            return AsyncPages(place, self._fetch)
        from ._prefetch import AsyncPagesAhead

        return AsyncPagesAhead(place, self._fetch, self._ahead)

    @sealed
    async def first(self) -> R | None:
        """Fetch the first page and return its first row, or `None` if it is empty."""
        return await anext(_AsyncRows(AsyncPages[R](self._reading(), self._fetch)), None)

    @sealed
    async def collect(self) -> list[R]:
        """Read all rows into a list."""
        return [row async for row in self]


class Pages(Iterator[Page[R]]):
    """The pages of one reading, one request at a time."""

    def __init__(self, place: Place, fetch: Callable[[int, float | None], Any]) -> None:
        self._place = place
        self._fetch = fetch

    def _get(self, offset: int) -> Page[R]:
        page: Page[R] = self._fetch(offset, self._place.deadline)
        return page

    def __next__(self) -> Page[R]:
        page, place = None, self._place
        if place.offset is not None:
            try:
                page = place.passed(self._get(place.offset))
            except APIStatusError as error:
                if not place.accept_refusal(error):
                    raise
        if page is None:
            raise StopIteration
        return page

    def close(self) -> None:
        """Abandon what is in flight."""


class _Rows(Iterator[R]):
    def __init__(self, pages: Pages[R]) -> None:
        self._pages = pages
        self._rows: Iterator[R] = iter(())
        self.close = pages.close

    def __next__(self) -> R:
        for row in self._rows:
            return row
        self._rows = iter(next(self._pages))
        return next(self._rows)


class AsyncPages(AsyncIterator[Page[R]]):
    """As `Pages`, for `async for`."""

    def __init__(self, place: Place, fetch: Callable[[int, float | None], Any]) -> None:
        self._place = place
        self._fetch = fetch

    async def _get(self, offset: int) -> Page[R]:
        page: Page[R] = await self._fetch(offset, self._place.deadline)
        return page

    async def __anext__(self) -> Page[R]:
        page, place = None, self._place
        if place.offset is not None:
            try:
                page = place.passed(await self._get(place.offset))
            except APIStatusError as error:
                if not place.accept_refusal(error):
                    raise
        if page is None:
            raise StopAsyncIteration
        return page

    async def aclose(self) -> None:
        """Cancel what is in flight, and wait until it has ended."""


class _AsyncRows(AsyncIterator[R]):
    def __init__(self, pages: AsyncPages[R]) -> None:
        self._pages = pages
        self._rows: Iterator[R] = iter(())
        self.aclose = pages.aclose

    async def __anext__(self) -> R:
        for row in self._rows:
            return row
        self._rows = iter(await anext(self._pages))
        return next(self._rows)
