"""Reports page by page: iterators that never end early without saying so."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

from ._shapes import is_number
from .errors import IncompleteResultError

R = TypeVar("R")


class Page(Generic[R]):
    """One page of rows.

    Attributes:
        rows: the rows, as they came.
        offset: how many rows come before this page.
        total: the number of rows of the whole report as this page says; `None` if it does not.
        envelope: the other members of the answer, such as `count` and `next`. A `next` address is never followed.
    """

    __slots__ = ("envelope", "offset", "rows", "total")

    def __init__(self, rows: list[R], offset: int, envelope: Mapping[str, Any]) -> None:
        self.rows = rows
        self.offset = offset
        self.total = whole_number(envelope.get("total"))
        self.envelope = envelope

    def __repr__(self) -> str:
        return f"<Page of {len(self.rows)} rows at {self.offset} of {self.total}>"

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[R]:
        return iter(self.rows)


class Next(NamedTuple):
    """Where to go on after a page.

    Attributes:
        offset: of the next page, or `None` at the end.
        missing: rows that the total promised and that did not come.
    """

    offset: int | None
    missing: int


def whole_number(value: object) -> int | None:
    """Read a documented count, which JSON may write as `123.0`; anything else says nothing."""
    return int(value) if is_number(value) and value >= 0 and value == value // 1 else None


def advance(offset: int, received: int, total: int | None) -> Next:
    """Decide where to go on: by what came, not by what was asked for, since a server may cap the page.

    Args:
        offset: of the page that came.
        received: its number of rows.
        total: the number of rows of the whole report, if the page said it.
    """
    if received == 0:
        return Next(None, max(0, total - offset) if total is not None else 0)
    if total is not None and offset + received >= total:
        return Next(None, 0)
    return Next(offset + received, 0)


class Pager(Generic[R]):
    """The rows of a report, fetched page by page while they are read.

    Nothing is sent until it is read. It can be read again, from the start; each reading asks the server anew.
    At any time it holds one page.

    Attributes:
        total: the number of rows of the whole report as the last page said; `None` before the first, and if the
            server does not say.
    """

    def __init__(
        self,
        fetch: Callable[[int, float | None], Page[R]],
        start: int,
        deadline: Callable[[], float | None],
        error: Callable[[str], IncompleteResultError] = IncompleteResultError,
    ) -> None:
        self._fetch = fetch
        self._start = start
        self._deadline = deadline
        self.error = error
        self.total: int | None = None

    def __repr__(self) -> str:
        return f"<Pager from {self._start}, total {self.total}>"

    def __iter__(self) -> Iterator[R]:
        return _Rows(self.pages())

    def pages(self) -> Iterator[Page[R]]:
        """Read page by page. After an error, the iterator asks for the same page again.

        Raises:
            IncompleteResultError: if an empty page comes before the total.
            ResponseDecodeError: if a page has no list of rows.
            APIError: if a page cannot be had.
        """
        return _Pages(_Place(self, self._start, self._deadline()), self._fetch)

    def first(self) -> R | None:
        """Fetch the first page and give its first row, or `None` if there is none."""
        return next(iter(self), None)

    def collect(self) -> list[R]:
        """Read all rows into a list."""
        return list(self)


class AsyncPager(Generic[R]):
    """As `Pager`, for `async for`."""

    def __init__(
        self,
        fetch: Callable[[int, float | None], Awaitable[Page[R]]],
        start: int,
        deadline: Callable[[], float | None],
        error: Callable[[str], IncompleteResultError] = IncompleteResultError,
    ) -> None:
        self._fetch = fetch
        self._start = start
        self._deadline = deadline
        self.error = error
        self.total: int | None = None

    def __repr__(self) -> str:
        return f"<AsyncPager from {self._start}, total {self.total}>"

    def __aiter__(self) -> AsyncIterator[R]:
        return _AsyncRows(self.pages())

    def pages(self) -> AsyncIterator[Page[R]]:
        """Read page by page; see `Pager.pages`."""
        return _AsyncPages(_Place(self, self._start, self._deadline()), self._fetch)

    async def first(self) -> R | None:
        """Fetch the first page and give its first row, or `None` if there is none."""
        return await anext(aiter(self), None)

    async def collect(self) -> list[R]:
        """Read all rows into a list."""
        return [row async for row in self]


class _Place:
    """Where one reading of a report stands.

    The readings below are iterators and no generators: a generator that raised is at its end, and whoever asked it
    for more would take that for the end of the report; and an async one must be closed when it is left early.
    """

    def __init__(self, pager: Pager[Any] | AsyncPager[Any], start: int, deadline: float | None) -> None:
        self.pager = pager
        self.offset: int | None = start
        self.deadline = deadline

    def passed(self, page: Page[R]) -> Page[R] | None:
        """Go on behind a page; `None` if it has no rows, which is the end."""
        offset = self.offset or 0
        self.pager.total = page.total
        following = advance(offset, len(page.rows), page.total)
        if following.missing:
            error = self.pager.error(f"an empty page at row {offset} of {page.total}: the rest is missing")
            error.total, error.received = page.total or 0, offset
            raise error
        self.offset = following.offset
        return page if page.rows else None


class _Pages(Iterator[Page[R]]):
    def __init__(self, place: _Place, fetch: Callable[[int, float | None], Page[R]]) -> None:
        self._place = place
        self._fetch = fetch

    def __next__(self) -> Page[R]:
        place = self._place
        page = None if place.offset is None else place.passed(self._fetch(place.offset, place.deadline))
        if page is None:
            raise StopIteration
        return page


class _Rows(Iterator[R]):
    def __init__(self, pages: Iterator[Page[R]]) -> None:
        self._pages = pages
        self._rows: Iterator[R] = iter(())

    def __next__(self) -> R:
        for row in self._rows:
            return row
        self._rows = iter(next(self._pages))
        return next(self._rows)


class _AsyncPages(AsyncIterator[Page[R]]):
    def __init__(self, place: _Place, fetch: Callable[[int, float | None], Awaitable[Page[R]]]) -> None:
        self._place = place
        self._fetch = fetch

    async def __anext__(self) -> Page[R]:
        place = self._place
        page = None if place.offset is None else place.passed(await self._fetch(place.offset, place.deadline))
        if page is None:
            raise StopAsyncIteration
        return page


class _AsyncRows(AsyncIterator[R]):
    def __init__(self, pages: AsyncIterator[Page[R]]) -> None:
        self._pages = pages
        self._rows: Iterator[R] = iter(())

    async def __anext__(self) -> R:
        for row in self._rows:
            return row
        self._rows = iter(await anext(self._pages))
        return next(self._rows)
