"""Reports page by page: iterators that never end early without saying so."""

from __future__ import annotations

import copy
import sys
import warnings
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any, Generic, NamedTuple, Self, TypeVar

from ._shapes import is_number, is_object
from .errors import IncompleteResultError, InvalidArgumentError, ReportWarning
from .sids import describe_given

R = TypeVar("R")

_MOST_AHEAD = 100  # as many connections as a client has
_UNREAD = -1


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


class _Report(Generic[R]):
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
        """Get the same pager with pages in flight while rows are read.

        The first page tells the total and how many rows a page really has; then the next ones are asked for together,
        over connections of their own. Rows come in the same order, and errors at their place, as without. Without a
        total, one page is fetched at a time. Whoever leaves the loop cancels what is in flight; of a sync client,
        requests that are on the wire end unseen, and nothing more is sent. Since reports have no documented order, a
        change of the report while it is read is as visible as without, and no more: see `warnings`.

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


class Pager(_Report[R]):
    """The rows of a report, fetched page by page while they are read.

    Nothing is sent until it is read. It can be read again, from the start; each reading asks the server anew.
    At any time it holds one page, and those that `prefetch` allows.

    Attributes:
        total: the number of rows of the whole report as the last page said; `None` before the first, and if the
            server does not say.
        warnings: signs of the last reading that the report changed while it was read, each also issued by
            `warnings.warn`: a total that changed, SIDs that came on the page before, too.
    """

    def __iter__(self) -> Iterator[R]:
        return _Rows(self.pages())

    def pages(self) -> Iterator[Page[R]]:
        """Read page by page. After an error, the iterator asks for the same page again.

        Raises:
            IncompleteResultError: if an empty page comes before the total, or a report without a total sends the
                same page again.
            ResponseDecodeError: if a page has no list of rows.
            APIError: if a page cannot be had.
        """
        place = self._reading()
        if not self._ahead:
            return _Pages[R](place, self._fetch)
        from ._prefetch import PagesAhead

        return PagesAhead[R](place, self._fetch, self._ahead)

    def first(self) -> R | None:
        """Fetch the first page and give its first row, or `None` if there is none."""
        return next(_Rows(_Pages[R](self._reading(), self._fetch)), None)

    def collect(self) -> list[R]:
        """Read all rows into a list."""
        return list(self)


class AsyncPager(_Report[R]):
    """As `Pager`, for `async for`."""

    def __aiter__(self) -> AsyncIterator[R]:
        return _AsyncRows(self.pages())

    def pages(self) -> AsyncIterator[Page[R]]:
        """Read page by page; see `Pager.pages`."""
        place = self._reading()
        if not self._ahead:
            return _AsyncPages[R](place, self._fetch)
        from ._prefetch import AsyncPagesAhead

        return AsyncPagesAhead[R](place, self._fetch, self._ahead)

    async def first(self) -> R | None:
        """Fetch the first page and give its first row, or `None` if there is none."""
        return await anext(_AsyncRows(_AsyncPages[R](self._reading(), self._fetch)), None)

    async def collect(self) -> list[R]:
        """Read all rows into a list."""
        return [row async for row in self]


class Place:
    """Where one reading of a report stands.

    The readings below are iterators and no generators: a generator that raised is at its end, and whoever asked it
    for more would take that for the end of the report; and an async one must be closed when it is left early.
    """

    def __init__(self, pager: _Report[Any], start: int, deadline: float | None) -> None:
        self.pager = pager
        self.offset: int | None = start
        self.deadline = deadline
        self._total: int | None = _UNREAD
        self._sids: set[str] = set()
        self._rows: list[Any] = []

    def passed(self, page: Page[R]) -> Page[R] | None:
        """Go on behind a page; `None` if it has no rows, which is the end."""
        offset, before = self.offset or 0, self._total
        self.pager.total = page.total
        following = advance(offset, len(page.rows), page.total)
        if following.missing:
            raise self.short(f"an empty page at row {offset} of {page.total}: the rest is missing", page.total)
        sids = {sid for sid in map(sid_of, page.rows) if sid is not None}
        again = sorted(sids & self._sids)
        repeated = (len(sids) > 1 and sids == self._sids) or (len(page.rows) > 1 and page.rows == self._rows)
        if page.total is None and repeated:
            raise self.short(f"the page at row {offset} is the page before again, and nothing says where to end", None)
        if before not in (_UNREAD, page.total):
            self.warn(f"the total changed from {before} to {page.total}", offset)
        if again:
            more = f" and {len(again) - 3} more" if len(again) > 3 else ""
            self.warn(f"{', '.join(again[:3])}{more} came on the page before, too", offset)
        # At last, since a warning may be an error to the caller, who then is given this page if there is a next time.
        self.offset, self._total, self._sids = following.offset, page.total, sids
        self._rows = page.rows if page.total is None else []
        return page if page.rows else None

    def short(self, message: str, total: int | None) -> IncompleteResultError:
        """The error of a report that cannot be read to its end."""
        error = self.pager.error(message)
        error.total, error.received = total or 0, self.offset or 0
        return error

    def warn(self, message: str, offset: int) -> None:
        """Say that the report seems to have changed; rows are given as they came."""
        warning = ReportWarning(f"{message}: at row {offset}; rows may be missing or double", offset)
        self.pager.warnings.append(warning)
        level, frame = 1, sys._getframe()  # pyright: ignore[reportPrivateUsage]
        while frame.f_back is not None and str(frame.f_globals.get("__name__")).startswith("invigilate."):
            level, frame = level + 1, frame.f_back
        warnings.warn(warning, stacklevel=level)


def sid_of(row: Any) -> str | None:
    """The SID of a row, if it has one."""
    sid: Any = row.get("sid") if is_object(row) else getattr(row, "sid", None)
    return sid if isinstance(sid, str) else None


class _Pages(Iterator[Page[R]]):
    def __init__(self, place: Place, fetch: Callable[[int, float | None], Any]) -> None:
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
    def __init__(self, place: Place, fetch: Callable[[int, float | None], Any]) -> None:
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
