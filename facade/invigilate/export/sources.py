"""What an export reads: one pager or several, each a part with rows of its own."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from copy import copy
from itertools import chain
from typing import TYPE_CHECKING, Any, cast

from invigilate import UNSET, APIStatusError, Pager
from invigilate._identifiers import describe_value
from invigilate._shapes import is_list, is_object

from .columns import ADDITIONAL, Columns
from .errors import ExportArgumentError, ExportError
from .planning import Window
from .raw import RawPages, Row, fields_of, to_json

if TYPE_CHECKING:
    from invigilate import Page

PREFETCH = 8
_SIZES = (1000, 500, 200, 100)
# Statuses with which a server may refuse a page that is too large; none is documented.
_REFUSED = frozenset({400, 413, 422})


class Part:
    """The rows of one pager.

    Args:
        pager: the pager.
        label: what the column of labels shows; `None` without such a column.
        planned: rows that were announced when the part was planned.
        sizes: page sizes to request, largest first, shared by all parts.
        whole: the pager that the part is a window of.
    """

    def __init__(
        self,
        pager: Pager[Any],
        label: str | None,
        planned: int | None,
        sizes: list[int | None],
        whole: Pager[Any] | None = None,
    ) -> None:
        self.client, self.call, self.pager = pager.client, RawPages(pager.call), pager
        self.label = label
        self.planned, self.whole = planned, whole or pager
        self.total: int | None = planned
        self._sizes = sizes
        self._ahead = pager._ahead or PREFETCH  # pyright: ignore[reportPrivateUsage]
        self._pager = pager

    def __str__(self) -> str:
        return "" if self.label is None else f"{self.label}: "

    @property
    def warnings(self) -> list[str]:
        """Signs that the rows changed while they were read, and numbers that were replaced."""
        return [f"{self}{warning}" for warning in [*self._pager.warnings, *self.call.warnings]]

    def pages(self) -> Generator[Page[Row]]:
        """Read the pages, as large as the server accepts them.

        Raises:
            ExportError: if there are fewer rows than when the part was planned.
            APIError: if a page cannot be fetched.
        """
        received = 0
        for page in self._pages():
            received += len(page)
            self.total = self._pager.total
            yield page
        self.total = self._pager.total  # without rows there is no page
        if self.planned is not None and received < self.planned:
            raise ExportError(f"{self}received {received} rows, but {self.planned} were announced; plan again")

    def _pages(self) -> Generator[Page[Row]]:
        limit = self.call.pagination.limit
        own = self.call.arguments.get(limit or "", UNSET)
        while True:
            if limit is not None and own is UNSET:
                self.call.arguments.pop(limit, None)
                self.call.arguments.update({limit: self._sizes[0]} if self._sizes[0] is not None else {})
            pager = self.client.pages(self.call).prefetch(self._ahead)
            self._pager = pager
            pages, size = pager.pages(), self._sizes[0]
            try:
                first = next(pages, None)
            except APIStatusError as error:
                if error.status_code not in _REFUSED or own is not UNSET or limit is None or size is None:
                    raise
                # Another part may have reduced it already.
                if self._sizes[0] == size:
                    del self._sizes[0]
            else:
                # Requests in flight must end before the client is closed, not when a traceback is forgotten.
                with closing(pages):
                    yield from pages if first is None else chain([first], pages)
                return


def request_of(pager: Pager[Any]) -> tuple[str, str]:
    """Return the URL and the content of a request, without the size of its page; this checks its arguments."""
    call = copy(pager.call)
    call.arguments = {name: value for name, value in call.arguments.items() if name != call.pagination.limit}
    request = pager.client._prepare(call).request
    return pager.client.base_url + request.target, (request.content or b"").decode()


def parts_of(source: Any, label: str, *, times: bool = True) -> tuple[list[Part], Columns]:
    """Return the parts of a source, and their columns.

    Args:
        source: a pager, or a window; a list of them; or a mapping of labels to pagers, windows or lists of them.
        label: the name of the column of labels; there is none without a mapping.
        times: whether times become timestamps.

    Raises:
        ExportArgumentError: if the source is something else, or its pagers are of several operations.
    """
    if label.__class__ is not str or not label.isprintable() or not label or {*label} & {*'"\\'}:
        raise ExportArgumentError("label", "a printable name without quotes and backslashes", describe_value(label))
    labeled = is_object(source) and not isinstance(source, Pager)
    groups: Mapping[Any, Any] = cast("Any", source) if labeled else {None: source}
    parts: list[Part] = []
    sizes: list[int | None] = [*_SIZES, None]
    for name, group in groups.items():
        if labeled and not isinstance(name, str):
            raise ExportArgumentError("source", "strings as keys", describe_value(name))
        where = f"source[{name!r}]" if labeled else "source"
        several = is_list(group) and not isinstance(group, Window)
        for item in cast("Sequence[Any]", group) if several else [group]:
            window = item if isinstance(item, Window) else None
            pager: Any = window.pager if window else item
            if not isinstance(pager, Pager):
                hint = "For an async client, use a synchronous one in a thread"
                raise ExportArgumentError(where, "a pager of a synchronous client", describe_value(pager), hint)
            planned, whole = (window.total, window.whole) if window else (None, None)
            parts.append(Part(cast("Any", pager), name, planned, sizes, whole))
    if not parts:
        raise ExportArgumentError("source", "at least one pager", "none")
    operations = {part.call.operation.id for part in parts}
    if len(operations) > 1:
        raise ExportArgumentError("source", "pagers of one operation", f"{' and '.join(sorted(operations))}")
    pagination = parts[0].call.pagination
    largest = next((f.maximum for f in parts[0].call.operation.fields if f.name == pagination.limit), None)
    if largest is not None:
        sizes[:] = [int(largest), *(size for size in sizes if size is None or size < largest)]
    taken = {name.casefold() for name, _ in pagination.columns} | {ADDITIONAL}
    if labeled and label.casefold() in taken:
        raise ExportArgumentError("label", "a name that no other column has", repr(label))
    return parts, Columns(pagination.columns, label if labeled else None, times=times)


def labeled(part: Part, columns: Columns, rows: Sequence[Row]) -> Sequence[bytes]:
    """Return rows with the field of their label first.

    Raises:
        ExportError: if a row has a field of that name already.
    """
    if columns.label is None:
        return rows
    name = to_json(columns.label)
    first = b"{" + name + b":" + to_json(part.label)
    found: list[bytes] = []
    for row in map(bytes, rows):
        if name in row and columns.label in fields_of(row):
            raise ExportError(f"{part}a row has a field {columns.label!r} of its own; pass another label")
        found.append(first + (b"}" if row == b"{}" else b"," + row[1:]))
    return found
