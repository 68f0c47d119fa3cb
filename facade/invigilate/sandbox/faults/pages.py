"""Faults of lists that are read page by page."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, ClassVar, Literal
from urllib.parse import parse_qsl, urlencode

from invigilate.sandbox.documents import Document
from invigilate.sandbox.exchange import Exchange, Phase
from invigilate.sandbox.json_values import is_array, is_object

from .plan import Fault, Turn
from .responses import data_of, replace_data


def _rows_of(exchange: Exchange) -> str | None:
    """The field with the rows of a page; None when the response is not a page."""
    entry = exchange.document.by_id(exchange.operation_id)
    operation = {} if entry is None else exchange.document.operation(entry)
    name: str = operation.get("x-pagination", {}).get("fields", {}).get("rows", "results")
    data = data_of(exchange) if exchange.applied else None
    return name if is_object(data) and is_array(data.get(name)) else None


@dataclass(frozen=True, kw_only=True)
class Page(Fault):
    """Done to a page of a list."""

    def suits(self, exchange: Exchange) -> bool:
        """See `Fault`."""
        # A page of a list with a cursor has no total.
        return _rows_of(exchange) is not None and "total" in data_of(exchange)

    def act(self, turn: Turn) -> None:
        """See `Fault`."""
        page: dict[str, Any] = data_of(turn.exchange)
        self.change(turn, page)
        replace_data(turn.exchange, page)

    def change(self, turn: Turn, page: dict[str, Any]) -> None:
        """Change the page."""


@dataclass(frozen=True, kw_only=True)
class WrongTotal(Page):
    """Omits `total`, or turns it into null, a number with a fraction, or a string."""

    name: ClassVar[str] = "wrong_total"
    value: Literal["missing", "null", "float", "string"] = "missing"

    def change(self, turn: Turn, page: dict[str, Any]) -> None:
        """See `Page`."""
        total = page.pop("total")
        if self.value != "missing":
            page["total"] = {"null": None, "float": float(total), "string": str(total)}[self.value]


@dataclass(frozen=True, kw_only=True)
class WrongResults(Page):
    """Omits `results`, or turns them into null, an object, or a string."""

    name: ClassVar[str] = "wrong_results"
    value: Literal["missing", "null", "object", "string"] = "missing"

    def suits(self, exchange: Exchange) -> bool:
        """See `Fault`."""
        return _rows_of(exchange) is not None

    def change(self, turn: Turn, page: dict[str, Any]) -> None:
        """See `Page`."""
        name = _rows_of(turn.exchange) or "results"
        rows = page.pop(name)
        if self.value != "missing":
            page[name] = {"null": None, "object": {"rows": rows}, "string": "none"}[self.value]


@dataclass(frozen=True, kw_only=True)
class EmptyPage(Page):
    """Returns a page without rows, although `total` announces some."""

    name: ClassVar[str] = "empty_page"

    def suits(self, exchange: Exchange) -> bool:
        """See `Fault`."""
        name = _rows_of(exchange)
        return name is not None and bool(data_of(exchange)[name])

    def change(self, turn: Turn, page: dict[str, Any]) -> None:
        """See `Page`."""
        page[_rows_of(turn.exchange) or "results"] = []
        if "count" in page:
            page["count"] = 0


@dataclass(frozen=True, kw_only=True)
class CapLimit(Page):
    """Returns at most `limit` rows per page, whatever was requested."""

    name: ClassVar[str] = "cap_limit"
    limit: int = 10

    def reached(self, phase: Phase, turn: Turn) -> None:
        """See `Fault`."""
        if phase is Phase.RECEIVED:
            window = _window(turn.exchange)
            if window is not None:
                turn.exchange.query = _with_window(turn.exchange.query, window[0], min(window[1], self.limit))
        super().reached(phase, turn)

    def act(self, turn: Turn) -> None:
        """See `Fault`."""


@dataclass(frozen=True, kw_only=True)
class Moving(Page):
    """A list that changes by `rows` rows after each page that was read, and by `most` rows in all."""

    rows: int = 1
    most: int = 20

    def reached(self, phase: Phase, turn: Turn) -> None:
        """See `Fault`."""
        if phase is Phase.RECEIVED:
            window = _window(turn.exchange)
            if window is not None:
                moved = min(self.rows * turn.planned.fired, self.most)
                turn.notes.update(window=window, moved=moved)
                turn.exchange.query = _with_window(turn.exchange.query, self.start(window[0], moved), window[1])
        super().reached(phase, turn)

    def start(self, offset: int, moved: int) -> int:
        """Where the page begins in the real list."""
        return offset

    def act(self, turn: Turn) -> None:
        """See `Fault`."""
        page: dict[str, Any] = data_of(turn.exchange)
        if page["results"]:
            turn.planned.memory["row"] = page["results"][-1]
        offset, limit = turn.notes["window"]
        rows, total = self.view(turn, page, offset, limit, turn.notes["moved"])
        end = offset + len(rows)
        page.update(total=total, offset=offset, count=len(rows), results=rows)
        page["next"] = None
        if 0 < end < total:
            exchange = turn.exchange
            query = _with_window(exchange.query, end, limit)
            page["next"] = f"http://{exchange.headers.get('host', '')}{exchange.path}?{query}"
        replace_data(turn.exchange, page)

    def view(
        self, turn: Turn, page: dict[str, Any], offset: int, limit: int, moved: int
    ) -> tuple[list[Any], int]:  # fmt: skip
        """The rows of the page, and the number of all rows."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class PagesShrink(Moving):
    """Removes `rows` rows from the front of the list after each page, at most `most`, so that readers miss some."""

    name: ClassVar[str] = "pages_shrink"

    def start(self, offset: int, moved: int) -> int:
        """See `Moving`."""
        return offset + moved

    def view(self, turn: Turn, page: dict[str, Any], offset: int, limit: int, moved: int) -> tuple[list[Any], int]:
        """See `Moving`."""
        return page["results"], max(0, page["total"] - moved)


@dataclass(frozen=True, kw_only=True)
class PagesGrow(Moving):
    """Adds `rows` rows at the end of the list after each page, at most `most`."""

    name: ClassVar[str] = "pages_grow"

    def view(self, turn: Turn, page: dict[str, Any], offset: int, limit: int, moved: int) -> tuple[list[Any], int]:
        """See `Moving`."""
        rows, total = page["results"], page["total"]
        if offset + len(rows) >= total:
            first = max(0, offset - total)
            rows = [*rows, *(_invented_row(turn, number) for number in range(first, moved))][:limit]
        return rows, total + moved


@dataclass(frozen=True, kw_only=True)
class PagesShift(Moving):
    """Inserts `rows` rows at the front of the list after each page, at most `most`, so that readers see some twice."""

    name: ClassVar[str] = "pages_shift"

    def start(self, offset: int, moved: int) -> int:
        """See `Moving`."""
        return max(0, offset - moved)

    def view(self, turn: Turn, page: dict[str, Any], offset: int, limit: int, moved: int) -> tuple[list[Any], int]:
        """See `Moving`."""
        # The newest comes first.
        new = [_invented_row(turn, moved - 1 - number) for number in range(offset, moved)]
        return [*new, *page["results"]][:limit], page["total"] + moved


def _invented_row(turn: Turn, number: int) -> Any:
    row: dict[str, Any] = turn.planned.memory.get("row", {})
    digits = blake2b(str(number).encode(), key=turn.planned.key, digest_size=16).hexdigest()
    return {**row, "sid": f"{str(row.get('sid', 'ES'))[:2]}{digits}"}


def _window(exchange: Exchange) -> tuple[int, int] | None:
    """Offset and limit of a request for a page; None for others, and for invalid ones, which are refused."""
    default = _default_limit(exchange.document, exchange.operation_id)
    asked = dict(parse_qsl(exchange.query))
    try:
        return None if default is None else (int(asked.get("offset", 0)), int(asked.get("limit", default)))
    except ValueError:
        return None


def _with_window(query: str, offset: int, limit: int) -> str:
    others = [pair for pair in parse_qsl(query, keep_blank_values=True) if pair[0] not in ("offset", "limit")]
    return urlencode([*others, ("offset", offset), ("limit", limit)])


def _default_limit(document: Document, operation_id: str | None) -> int | None:
    """The limit that applies when none is sent; None when the operation does not page."""
    entry = document.by_id(operation_id)
    for parameter in () if entry is None else document.parameters(entry):
        if parameter["name"] == "limit":
            return int(parameter["schema"].get("default", 50))
    return None
