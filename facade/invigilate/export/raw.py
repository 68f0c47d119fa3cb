"""Pages whose rows stay JSON: sliced out of the response, and not decoded."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Iterable, Mapping
from functools import cache, partial
from importlib import import_module
from types import GenericAlias
from typing import Any

from invigilate._shapes import is_object
from invigilate_runtime import PagedCall, Pagination, check_complete, read_page

Row = bytes | Any
"""A row as JSON, as received, on one line: bytes, or a slice of the response that can be used like them."""


class RawRows(list[Row]):
    """Rows of a page.

    Attributes:
        sids: those of the rows that have one, for the checks of a pager.
    """

    sids: list[str]


class RawPages(PagedCall[Row]):
    """A call with rows that are not decoded.

    Attributes:
        warnings: numbers that JSON cannot represent, which are null in the rows.
    """

    __slots__ = ("warnings",)

    def __init__(self, call: PagedCall[Any]) -> None:
        super().__init__(call.operation, call.arguments, list)
        self.warnings: list[str] = []

    def decode_page(self, content: bytes, *, status: int = 200) -> tuple[RawRows, dict[str, Any]]:
        """See `PagedCall.decode_page`."""
        check_complete(status)
        try:
            return _slice(content, self.pagination)
        except Exception:  # json accepts more than msgspec, which may not be installed, and its errors are documented
            return self._decode(content, status)

    def _decode(self, content: bytes, status: int) -> tuple[RawRows, dict[str, Any]]:
        rows, envelope = read_page(content, self.pagination.rows, status)
        sids = [_sid(row) for row in rows]
        try:
            lines = [to_json(row) for row in rows]
        except ValueError:  # numbers that JSON cannot represent
            found: list[str] = []
            page = json.loads(content, parse_constant=found.append, parse_float=partial(_finite, found))
            lines = [to_json(row) for row in page[self.pagination.rows]]
            message = f"{len(found)} numbers that JSON cannot represent, as {found[0]}, were replaced by null"
            self.warnings.append(message)
            warnings.warn(message, stacklevel=2)
        return _rows(lines, sids), envelope


@cache
def _decoders(rows: str, *others: str) -> tuple[Any, Any, Any, Any]:
    """Return the decoders of a page with these fields, and of the SIDs in it; what reformats rows; and `UNSET`."""
    msgspec: Any = import_module("msgspec")
    sid = msgspec.defstruct("Named", [("sid", Any, None)], gc=False)
    names = {f"f{index}": name for index, name in enumerate(others)}
    more = [(key, Any, msgspec.UNSET) for key in names]
    page, sids = (
        msgspec.defstruct("Page", [("rows", GenericAlias(list, row)), *more], rename={"rows": rows, **names})
        for row in (msgspec.Raw, sid)
    )
    return msgspec.json.Decoder(page).decode, msgspec.json.Decoder(sids).decode, msgspec.json.format, msgspec.UNSET


def _slice(content: bytes, pagination: Pagination) -> tuple[RawRows, dict[str, Any]]:
    content.decode()  # in slices, msgspec does not check it
    # All that a pager looks at: an offset page may say where it starts.
    named = (pagination.parameter, pagination.total, *(pagination.next or "").split(" | "))
    others = [name for name in dict.fromkeys(named) if name and name != pagination.rows]
    decode, decode_sids, reformat, unset = _decoders(pagination.rows, *others)
    page = decode(content)
    found = page.rows
    try:
        sids = [each.sid for each in decode_sids(content).rows]
    except Exception:  # of msgspec: a row that is not an object
        sids = [_sid(json.loads(bytes(row))) for row in found]
    if b"\n" in content or b"\r" in content:
        found = [reformat(row, indent=0) for row in found]
    envelope = {name: getattr(page, f"f{index}") for index, name in enumerate(others)}
    return _rows(found, sids), {name: value for name, value in envelope.items() if value is not unset}


def _finite(infinite: list[str], text: str) -> float | None:
    value = float(text)
    if not math.isfinite(value):
        infinite.append(text)
    return value if math.isfinite(value) else None


def _sid(row: Any) -> Any:
    return row.get("sid") if is_object(row) else None


def _rows(rows: Iterable[Any], sids: Iterable[Any]) -> RawRows:
    found = RawRows(rows)
    found.sids = [sid for sid in sids if isinstance(sid, str)]
    if len(found.sids) < len(found):
        found[:] = map(bytes, found)  # rows without SID are compared as a whole
    return found


def to_json(value: Any) -> bytes:
    """Encode decoded JSON in UTF-8; what UTF-8 cannot represent becomes an escape.

    Raises:
        ValueError: if it has a number that JSON cannot represent.
    """
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(value, allow_nan=False, separators=(",", ":")).encode()


def fields_of(row: bytes) -> Mapping[str, Any]:
    """Decode a row; one that is not an object has no fields."""
    value: Any = json.loads(row)
    return value if is_object(value) else {}
