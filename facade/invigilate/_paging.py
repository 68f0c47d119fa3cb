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


def incomplete(offset: int, total: int | None) -> IncompleteResultError:
    """The error of an empty page before the total."""
    error = IncompleteResultError(f"an empty page at row {offset} of {total}: the rest is missing")
    error.total, error.received = total or 0, offset
    return error


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
    ):
        self._fetch = fetch
        self._start = start
        self._deadline = deadline
        self.total: int | None = None

    def __repr__(self) -> str:
        return f"<Pager from {self._start}, total {self.total}>"

    def __iter__(self) -> Iterator[R]:
        for page in self.pages():
            yield from page.rows

    def pages(self) -> Iterator[Page[R]]:
        """Read page by page.

        Raises:
            IncompleteResultError: if an empty page comes before the total.
            ResponseDecodeError: if a page has no list of rows.
            APIError: if a page cannot be had.
        """
        deadline, offset = self._deadline(), self._start
        while True:
            page = self._fetch(offset, deadline)
            self.total = page.total
            following = advance(offset, len(page.rows), page.total)
            if following.missing:
                raise incomplete(offset, page.total)
            if page.rows:
                yield page
            if following.offset is None:
                return
            offset = following.offset

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
    ) -> None:
        self._fetch = fetch
        self._start = start
        self._deadline = deadline
        self.total: int | None = None

    def __repr__(self) -> str:
        return f"<AsyncPager from {self._start}, total {self.total}>"

    async def __aiter__(self) -> AsyncIterator[R]:
        async for page in self.pages():
            for row in page.rows:
                yield row

    async def pages(self) -> AsyncIterator[Page[R]]:
        """Read page by page; see `Pager.pages`."""
        deadline, offset = self._deadline(), self._start
        while True:
            page = await self._fetch(offset, deadline)
            self.total = page.total
            following = advance(offset, len(page.rows), page.total)
            if following.missing:
                raise incomplete(offset, page.total)
            if page.rows:
                yield page
            if following.offset is None:
                return
            offset = following.offset

    async def first(self) -> R | None:
        """Fetch the first page and give its first row, or `None` if there is none."""
        async for page in self.pages():
            return page.rows[0]
        return None

    async def collect(self) -> list[R]:
        """Read all rows into a list."""
        return [row async for row in self]
