"""How paging advances: one class for each strategy, and how each recognizes that the end cannot be reached.

No request is sent here. `OffsetProgress` counts rows, `CursorProgress` follows tokens.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, NamedTuple, TypeVar, cast

from invigilate_runtime import PagedCall, Pagination

from ._identifiers import describe_value
from ._shapes import is_number
from .errors import APIStatusError, IncompleteResultError, InvalidArgumentError, ReportWarning

R = TypeVar("R")

MakeError = Callable[..., IncompleteResultError]

_EMPTY = 100  # pages in a row that a server with a filter may leave empty
_DOUBTFUL = 10  # pages received again that prove nothing one by one
_BEYOND = frozenset({400, 404, 416, 422})  # statuses with which a server may refuse an offset past the last row


class Page(Generic[R]):
    """One page of rows.

    Attributes:
        rows: the rows, as received.
        offset: how many rows come before this page.
        total: the number of all rows that this page announces; `None` if it announces none.
        limit: the number of rows that was requested; `None` for the server default.
        next: what the page says of the one after it: the token of a cursor, or anything that announces more.
        envelope: the other fields of the response, such as `count` and `next`. A `next` URL is never followed.
    """

    __slots__ = ("envelope", "limit", "next", "offset", "rows", "total")

    def __init__(
        self,
        rows: list[R],
        offset: int,
        envelope: Mapping[str, Any],
        pagination: Pagination,
        limit: int | None = None,
    ) -> None:
        self.rows = rows
        self.offset = offset
        self.total = whole_number(envelope.get(pagination.total or ""))
        names = (pagination.next or "").split(" | ")
        self.next = next((envelope[name] for name in names if envelope.get(name)), envelope.get(names[0]))
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


class Progress:
    """Progress through the pages; see the strategies below.

    Attributes:
        position: what selects the next page: an offset or a token; `None` at the end.
        offset: the number of rows before the next page.
        cursor: the position of the first page that was not handed out in full; `None` at the end.
        total: the total that was announced last.
        warnings: signs that the rows changed while they were read.
    """

    def __init__(self, pagination: Pagination, start: Any, error: MakeError) -> None:
        self.pagination = pagination
        self.position: Any = start
        self.offset = 0
        self.cursor: Any = start
        self.total: int | None = None
        self.warnings: list[ReportWarning] = []
        self._error = error

    def advance(self, page: Page[Any]) -> None:
        """Move past a page.

        Raises:
            IncompleteResultError: if the end cannot be reached.
        """
        raise NotImplementedError

    def accept_refusal(self, error: APIStatusError) -> bool:
        """Accept a refused page as the end; return whether it is."""
        return False

    def predict(self, position: Any, rows: int) -> Any:
        """Return the position so many rows after another one, if a page is known to be there; otherwise `None`."""
        raise NotImplementedError

    def incomplete(self, message: str, received: int, total: int | None) -> IncompleteResultError:
        """Create the error of paging that cannot reach its end."""
        return self._error(message, total=total or 0, received=received)

    def warn(self, message: str, offset: int) -> None:
        """Warn that the rows seem to have changed while they were read; they are returned as received."""
        warning = ReportWarning(f"at row {offset}, {message}; rows may be missing or duplicated", offset)
        self.warnings.append(warning)
        level, frame = 1, sys._getframe()  # pyright: ignore[reportPrivateUsage]
        while frame.f_back is not None and str(frame.f_globals.get("__name__")).startswith("invigilate."):
            level, frame = level + 1, frame.f_back
        warnings.warn(warning, stacklevel=level)


class CursorProgress(Progress):
    """Each page holds the token of the next one; a missing or empty token is the end, one that repeats raises."""

    def __init__(self, pagination: Pagination, start: Any, error: MakeError) -> None:
        super().__init__(pagination, start, error)
        self._start = start
        self._seen = {hash(start)}
        self._repeats = Repeats()
        self._empty = 0

    def advance(self, page: Page[Any]) -> None:
        """See `Progress`."""
        token, received, name = page.next, self.offset + len(page), self.pagination.next
        if isinstance(token, int) and token.__class__ is int and token > 0:
            token = str(token)
        if token is not None and not isinstance(token, str):
            raise self.incomplete(f"the page at row {self.offset} has a `{name}` that is not a string", received, None)
        if token and hash(token) in self._seen:
            raise self.incomplete(f"the page at row {self.offset} repeats a `{name}`", received, self.total)
        total = self.total if page.total is None else page.total
        # Some servers ignore a token and send a new one with each page.
        repeats = self._repeats.after(page.rows, sids_of(page.rows), total) if len(page) else self._repeats
        empty = 0 if len(page) else self._empty + 1
        if token and (repeats.certain or empty > _EMPTY):
            what = f"{empty} empty pages in a row" if empty else "the same page again"
            raise self.incomplete(f"received {what} at row {self.offset}, with a new `{name}`", received, total)
        # The total counts the rows before a token that the caller passed as well.
        if total is not None and (received > total or (not token and not self._start and received < total)):
            raise self.incomplete(f"received {received} rows, but the total is {total}", received, total)
        if self.total not in {None, total}:
            self.warn(f"the total changed from {self.total} to {total}", self.offset)
        # Commit last: warnings may be raised as errors, and a retry must return this page.
        self.position, self.offset, self.total = token or None, received, total
        self._seen.add(hash(token))
        self._repeats, self._empty = repeats, empty

    def predict(self, position: Any, rows: int) -> Any:
        """See `Progress`."""
        return None if rows else position


class OffsetProgress(Progress):
    """Pages are selected by the number of rows before them; paging ends at the announced total or an empty page."""

    def __init__(self, pagination: Pagination, start: Any, error: MakeError) -> None:
        super().__init__(pagination, start, error)
        self.offset = start
        self._largest: int | None = None
        self._longest = 0
        self._promised = False
        self._sids: set[str] = set()
        self._repeats = Repeats()

    def advance(self, page: Page[Any]) -> None:
        """See `Progress`."""
        offset, count, announced = self.offset, len(page), page.total
        # A total holds until a page with rows announces another; many servers send 0 past the end.
        held = announced is None or (not count and self.total is not None)
        total = self.total if held else announced
        largest = None if total is None else max(announced or 0, self._largest or 0)
        promised, reached = bool(page.next), largest is not None and offset + count >= largest
        if not count and largest is not None and offset < largest:
            raise self.incomplete(f"the page at row {offset} is empty, but the total is {largest}", offset, largest)
        if not count and (promised or self._promised):
            name = self.pagination.next
            raise self.incomplete(
                f"the page at row {offset} is empty, but `{name}` announced more rows", offset, largest
            )
        named = sids_of(page.rows)
        repeats = self._repeats.after(page.rows, named, total) if count else self._repeats
        if repeats.certain:
            name = self.pagination.parameter
            message = f"the page at row {offset} was received before: the server seems to ignore `{name}`"
            raise self.incomplete(message, offset, total)
        if count and total is not None and offset + count > total:
            raise self.incomplete(f"received {offset + count} rows, but the total is {total}", offset + count, total)
        if self.total not in {None, total}:
            self.warn(f"the total changed from {self.total} to {total}", offset)
        shown = whole_number(page.envelope.get(self.pagination.parameter))
        if count and shown not in {None, offset}:
            self.warn(f"the page says that it starts at row {shown}", offset)
        sids = set(named)
        again = sorted(sids & self._sids)
        if again:
            more = f" and {len(again) - 3} more" if len(again) > 3 else ""
            self.warn(f"{', '.join(again[:3])}{more} also came on the previous page", offset)
        # Without a `next`, a page as long as one before, or as requested, may not be the last one.
        full = any(size and count >= size for size in (self._longest, page.limit))
        continues = promised if self.pagination.next in page.envelope else full
        # Commit last: warnings may be raised as errors, and a retry must return this page.
        # By the rows received, not by the limit sent: a server may cap the page.
        self.offset = offset + count
        self.position = self.offset if count and (not reached or continues) else None
        self.total, self._largest, self._longest = total, largest, max(count, self._longest)
        self._promised, self._repeats, self._sids = promised, repeats, sids

    def accept_refusal(self, error: APIStatusError) -> bool:
        """Accept the refusal of the page that only confirms the total as the end; return whether it is."""
        beyond = self._largest is not None and self.position is not None and self.position >= self._largest
        if not beyond or self._promised or error.status_code not in _BEYOND:
            return False
        self.position = None
        return True

    def predict(self, position: Any, rows: int) -> Any:
        """See `Progress`."""
        if position is None or self._largest is None or position + rows >= self._largest:
            return None
        return position + rows


class Repeats(NamedTuple):
    """Recognizes a server that sends the same pages again, in constant memory: Brent's algorithm for cycles.

    Each page is compared with the one before, and with a mark that moves to the 1st, 2nd, 4th, 8th ... page. The same
    SIDs, or without SIDs the same rows, under the same total mean that the offset is ignored. Rows that are all alike
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


def sids_of(rows: list[Any]) -> list[str]:
    """Return the SIDs of rows that have one: models, dicts, or a list of raw rows that knows them."""
    if hasattr(rows, "sids"):
        return list(cast("Any", rows).sids)
    found = (row.get("sid") if row.__class__ is dict else getattr(row, "sid", None) for row in rows)
    return [sid for sid in found if isinstance(sid, str)]


STRATEGIES: dict[str, type[Progress]] = {"offset": OffsetProgress, "cursor": CursorProgress}


def first_position(call: PagedCall[Any]) -> Any:
    """Return where paging starts: the offset or token that was passed, or the first page.

    Raises:
        InvalidArgumentError: for a wrong offset, token or limit. What a limit of 0 means is not documented.
    """
    pagination, counted = call.pagination, call.pagination.type == "offset"
    start = call.arguments.get(pagination.parameter)
    # None is refused with all arguments, with a hint.
    if not counted and not isinstance(start, str | None):
        raise InvalidArgumentError(pagination.parameter, "a string", describe_value(start))
    for name, least in ((pagination.limit or "", 1), *([(pagination.parameter, 0)] if counted else [])):
        value = call.arguments.get(name)
        if value is not None and (value.__class__ is not int or value < least):
            raise InvalidArgumentError(name, f"an integer of at least {least}", describe_value(value))
    return start or (0 if counted else "")
