"""Progress through a report: the next offset, the end, and the pages that show that the end cannot be reached."""

from __future__ import annotations

import json
import sys
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from ._shapes import is_object
from .errors import APIStatusError, IncompleteResultError, ReportWarning

if TYPE_CHECKING:
    from ._paging import BasePager, Page

R = TypeVar("R")

_DOUBTFUL = 10  # pages received again that prove nothing one by one
_BEYOND = frozenset({400, 404, 416, 422})  # statuses with which a server may refuse an offset past the last row


class Next(NamedTuple):
    """Where to continue after a page.

    Attributes:
        offset: of the next page, or `None` at the end.
        missing: rows that the total announced and that were not received.
    """

    offset: int | None
    missing: int


def advance(offset: int, received: int, total: int | None, *, more: bool = False) -> Next:
    """Decide where to continue: by the rows received, not by the limit sent, since a server may cap the page.

    Args:
        offset: of the page received.
        received: its number of rows.
        total: the largest number of rows that was announced for the whole report, if any.
        more: request one more page at the total, since it may be wrong.
    """
    if received == 0:
        return Next(None, max(0, total - offset) if total is not None else 0)
    if total is not None and offset + received >= total and not more:
        return Next(None, 0)
    return Next(offset + received, 0)


def may_go_on(page: Page[Any], longest: int | None) -> bool:
    """Return whether rows may follow, whatever the total is: by `next`, or without that if the page is full.

    Args:
        page: the page received.
        longest: rows of the longest page before.
    """
    if "next" in page.envelope:
        return bool(page.envelope["next"])
    return any(size is not None and len(page) >= size for size in (longest, page.limit))


class Repeats(NamedTuple):
    """Recognizes a server that sends the same pages again, in constant memory: Brent's algorithm for cycles.

    Each page is compared with the one before, and with a mark that moves to the 1st, 2nd, 4th, 8th ... page. The same
    SIDs, or without SIDs the same rows, under the same total mean that `offset` is ignored. Rows that are all alike
    prove nothing (a total bounds them); nor does a page that is received again under another total, since rows may have
    been inserted before it. Such pages raise on the tenth occurrence.

    Attributes:
        certain: whether the last page proves it.
    """

    pages: int = 0
    doubtful: int = 0
    last: tuple[int, int | None] | None = None
    mark: tuple[int, int | None] | None = None
    certain: bool = False

    def after(self, rows: list[Any], sids: list[str], total: int | None) -> Repeats:
        """Return what is known after one more page.

        Args:
            rows: of the page.
            sids: those that the rows have.
            total: that was announced last.
        """
        named = len(sids) == len(rows)
        # Rows with SIDs may come in another order each time.
        keys = frozenset(sids) if named else tuple(json.dumps(row, sort_keys=True, default=_plain) for row in rows)
        page = hash(keys), total
        found = [seen for seen in (self.last, self.mark) if seen is not None and seen[0] == page[0]]
        # A single row may be received again because one was inserted before it; without a total nothing shows that.
        proof = page in found and (len(set(keys)) > 1 or (named and total is not None))
        doubtful = self.doubtful + (bool(found) and (total is None or page not in found))
        pages = self.pages + 1
        mark = self.mark if pages & (pages - 1) else page
        return Repeats(pages, doubtful, page, mark, proof or doubtful >= _DOUBTFUL)


def _plain(value: Any) -> Any:
    """For JSON: the fields of a model."""
    return value.to_dict() if hasattr(value, "to_dict") else repr(value)


class Place:
    """Progress through a report.

    The readers of a report are iterators, not generators: a generator that raised is at its end, and callers that
    continue would take that for the end of the report.

    Attributes:
        offset: of the next page; `None` at the end.
        largest: the largest total that was announced; the report does not end below it.
    """

    def __init__(self, pager: BasePager[Any], start: int, deadline: float | None) -> None:
        self.pager = pager
        self.offset: int | None = start
        self.deadline = deadline
        self.largest: int | None = None
        self._total: int | None = None
        self._longest: int | None = None
        self._promised = False
        self._sids: set[str] = set()
        self._repeats = Repeats()

    def passed(self, page: Page[R]) -> Page[R] | None:
        """Move past a page; returns `None` if it has no rows, which is the end."""
        offset, count, announced = self.offset or 0, len(page.rows), page.total
        # A total holds until a page with rows announces another; many servers send 0 past the end.
        held = announced is None or (not count and self._total is not None)
        total = self.pager.total = self._total if held else announced
        largest = None if total is None else max(total, announced or 0, self.largest or 0)
        following = advance(offset, count, largest, more=may_go_on(page, self._longest))
        promised = bool(page.envelope.get("next"))
        if following.missing:
            raise self.broken(f"an empty page at row {offset} of {largest}: the rest is missing", offset, largest)
        if not count and (promised or self._promised):
            raise self.broken(f"an empty page at row {offset}, though `next` announces more", offset, largest)
        named = sids_of(page.rows)
        repeats = self._repeats.after(page.rows, named, total) if count else self._repeats
        if repeats.certain:
            raise self.broken(
                f"the page at row {offset} was received before: `offset` seems to be ignored", offset, total
            )
        if count and total is not None and offset + count > total:
            raise self.broken(f"received {offset + count} rows, but the total is {total}", offset + count, total)
        if self._total is not None and total != self._total:
            self.warn(f"the total changed from {self._total} to {total}", offset)
        sids = set(named)
        again = sorted(sids & self._sids)
        if again:
            more = f" and {len(again) - 3} more" if len(again) > 3 else ""
            self.warn(f"{', '.join(again[:3])}{more} also came on the previous page", offset)
        # Commit last: warnings may be raised as errors, and a retry must return this page.
        self.offset, self.largest, self._total, self._sids = following.offset, largest, total, sids
        self._promised, self._repeats, self._longest = promised, repeats, max(count, self._longest or 0)
        return page if page.rows else None

    def accept_refusal(self, error: APIStatusError) -> bool:
        """Accept the refusal of the page that only confirms the total as the end; return whether it was one."""
        beyond = self.largest is not None and self.offset is not None and self.offset >= self.largest
        if not beyond or self._promised or error.status_code not in _BEYOND:
            return False
        self.offset = None
        return True

    def broken(self, message: str, received: int, total: int | None) -> IncompleteResultError:
        """The error of a report that cannot be read to its end."""
        error = self.pager.error(message)
        error.total, error.received = total or 0, received
        return error

    def warn(self, message: str, offset: int) -> None:
        """Warn that the report seems to have changed; rows are returned as received."""
        warning = ReportWarning(f"{message}: at row {offset}; rows may be missing or duplicated", offset)
        self.pager.warnings.append(warning)
        level, frame = 1, sys._getframe()  # pyright: ignore[reportPrivateUsage]
        while frame.f_back is not None and str(frame.f_globals.get("__name__")).startswith("invigilate."):
            level, frame = level + 1, frame.f_back
        warnings.warn(warning, stacklevel=level)


def sids_of(rows: list[Any]) -> list[str]:
    """The SIDs of rows that have one, which are models or mappings."""
    try:
        found = [row.sid for row in rows]  # in one go, since this is done for every row of a report
    except AttributeError:
        found = [row.get("sid") if is_object(row) else getattr(row, "sid", None) for row in rows]
    return [sid for sid in found if isinstance(sid, str)]
