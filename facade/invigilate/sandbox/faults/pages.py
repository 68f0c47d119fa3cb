"""Faults of lists that are read page by page."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, ClassVar, Literal
from urllib.parse import parse_qsl, urlencode

from invigilate.sandbox.documents import load
from invigilate.sandbox.exchange import Exchange, Phase
from invigilate.sandbox.json_text import is_array, is_object

from .answers import answer, answered
from .plan import APIS, Fault, Turn


def _is_page(exchange: Exchange) -> bool:
    data = answered(exchange) if exchange.applied else None
    return is_object(data) and is_array(data.get("results"))


@dataclass(frozen=True, kw_only=True)
class Page(Fault):
    """What is done to a page."""

    def suits(self, exchange: Exchange) -> bool:
        """See `Fault`."""
        return _is_page(exchange)

    def act(self, turn: Turn) -> None:
        """See `Fault`."""
        page: dict[str, Any] = answered(turn.exchange)
        self.change(turn, page)
        answer(turn.exchange, page)

    def change(self, turn: Turn, page: dict[str, Any]) -> None:
        """Change the page."""


@dataclass(frozen=True, kw_only=True)
class WrongTotal(Page):
    """Leaves out `total`, or makes it null, a number with a fraction, or a text."""

    kind: ClassVar[str] = "wrong_total"
    value: Literal["missing", "null", "float", "text"] = "missing"

    def change(self, turn: Turn, page: dict[str, Any]) -> None:
        """See `Page`."""
        total = page.pop("total")
        if self.value != "missing":
            page["total"] = {"null": None, "float": float(total), "text": str(total)}[self.value]


@dataclass(frozen=True, kw_only=True)
class WrongResults(Page):
    """Leaves out `results`, or makes them null, an object, or a text."""

    kind: ClassVar[str] = "wrong_results"
    value: Literal["missing", "null", "object", "text"] = "missing"

    def change(self, turn: Turn, page: dict[str, Any]) -> None:
        """See `Page`."""
        rows = page.pop("results")
        if self.value != "missing":
            page["results"] = {"null": None, "object": {"rows": rows}, "text": "none"}[self.value]


@dataclass(frozen=True, kw_only=True)
class EmptyPage(Page):
    """Gives a page without rows though `total` says that there are some."""

    kind: ClassVar[str] = "empty_page"

    def suits(self, exchange: Exchange) -> bool:
        """See `Fault`."""
        return _is_page(exchange) and bool(answered(exchange)["results"])

    def change(self, turn: Turn, page: dict[str, Any]) -> None:
        """See `Page`."""
        page.update(results=[], count=0)


@dataclass(frozen=True, kw_only=True)
class CapLimit(Page):
    """Gives at most `limit` rows a page, whatever was asked for."""

    kind: ClassVar[str] = "cap_limit"
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
        """Where in the real list the page begins."""
        return offset

    def act(self, turn: Turn) -> None:
        """See `Fault`."""
        page: dict[str, Any] = answered(turn.exchange)
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
        answer(turn.exchange, page)

    def view(
        self, turn: Turn, page: dict[str, Any], offset: int, limit: int, moved: int
    ) -> tuple[list[Any], int]:  # fmt: skip
        """The rows of the page, and how many there are in all."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class PagesShrink(Moving):
    """Removes `rows` rows from the front of the list after each page, at most `most`, so that readers miss some."""

    kind: ClassVar[str] = "pages_shrink"

    def start(self, offset: int, moved: int) -> int:
        """See `Moving`."""
        return offset + moved

    def view(self, turn: Turn, page: dict[str, Any], offset: int, limit: int, moved: int) -> tuple[list[Any], int]:
        """See `Moving`."""
        return page["results"], max(0, page["total"] - moved)


@dataclass(frozen=True, kw_only=True)
class PagesGrow(Moving):
    """Adds `rows` rows at the end of the list after each page, at most `most`."""

    kind: ClassVar[str] = "pages_grow"

    def view(self, turn: Turn, page: dict[str, Any], offset: int, limit: int, moved: int) -> tuple[list[Any], int]:
        """See `Moving`."""
        rows, total = page["results"], page["total"]
        if offset + len(rows) >= total:
            first = max(0, offset - total)
            rows = [*rows, *(_made_up(turn, number) for number in range(first, moved))][:limit]
        return rows, total + moved


@dataclass(frozen=True, kw_only=True)
class PagesShift(Moving):
    """Inserts `rows` rows at the front of the list after each page, at most `most`, so that readers see some twice."""

    kind: ClassVar[str] = "pages_shift"

    def start(self, offset: int, moved: int) -> int:
        """See `Moving`."""
        return max(0, offset - moved)

    def view(self, turn: Turn, page: dict[str, Any], offset: int, limit: int, moved: int) -> tuple[list[Any], int]:
        """See `Moving`."""
        # The newest stands first.
        new = [_made_up(turn, moved - 1 - number) for number in range(offset, moved)]
        return [*new, *page["results"]][:limit], page["total"] + moved


def _made_up(turn: Turn, number: int) -> Any:
    row: dict[str, Any] = turn.planned.memory.get("row", {})
    digits = blake2b(str(number).encode(), key=turn.planned.key, digest_size=16).hexdigest()
    return {**row, "sid": f"{str(row.get('sid', 'ES'))[:2]}{digits}"}


def _window(exchange: Exchange) -> tuple[int, int] | None:
    """Offset and limit of a request for a page; None for others, and for wrong ones, which are refused."""
    default = _default_limit(exchange.operation_id)
    asked = dict(parse_qsl(exchange.query))
    try:
        return None if default is None else (int(asked.get("offset", 0)), int(asked.get("limit", default)))
    except ValueError:
        return None


def _with_window(query: str, offset: int, limit: int) -> str:
    others = [pair for pair in parse_qsl(query, keep_blank_values=True) if pair[0] not in ("offset", "limit")]
    return urlencode([*others, ("offset", offset), ("limit", limit)])


def _default_limit(operation_id: str | None) -> int | None:
    """The limit without which an operation gives a page; None when it gives none."""
    for api in APIS:
        document = load(api)
        for entry in document.operations:
            if entry.operation_id == operation_id:
                operation = document.content["paths"][entry.template][entry.method.lower()]
                for parameter in operation.get("parameters", ()):
                    found = document.resolve(parameter)
                    if found["name"] == "limit":
                        return int(found["schema"].get("default", 50))
    return None
