"""Writes calls out: described ones and raw ones."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

# Each generated package has an `Operation` of its own; they are made from one template.
from smarterproctoring_client.calls import Operation, load_json

from ._binding import DescribedCall
from ._checks import check_arguments
from ._engine import Prepared, Wire
from ._masking import sensitive_values, shown_path, texts_within
from ._shapes import is_list
from .errors import InvalidArgumentError

_PATH = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+,;=:@%-]+)+/?")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})


def prepare(
    call: DescribedCall | RawCall,
    defaults: Mapping[str, Any],
    *,
    check_sids: bool,
    page: Mapping[str, int],
) -> Prepared:
    """Check a described call and write it out.

    Args:
        call: the call.
        defaults: what the client supplies, by the name of its option.
        check_sids: whether identifiers must match their documented patterns.
        page: `offset` of the page to ask for, in place of the caller's.

    Raises:
        InvalidArgumentError: if an argument is wrong.
        ConfigurationError: if an argument is missing that the client could supply.
    """
    if isinstance(call, RawCall):
        return call.prepare(page)
    operation: Operation[Any] = call.operation
    reading = operation.repeat == "safe" and operation.method in {"GET", "POST"}
    arguments = check_arguments(operation.fields, call.arguments, defaults, check_sids=check_sids, reading=reading)
    arguments.update(page)
    try:
        request = Wire(*operation.request(arguments))
    except (ValueError, TypeError, RecursionError) as error:
        # Only what the specification leaves open gets here, such as a set inside of a free-form object.
        raise InvalidArgumentError("arguments", "values with a JSON form", str(error)) from None
    shown = {
        field.name: arguments[field.name] for field in operation.fields if field.name in arguments and _plain(field)
    }
    return Prepared(
        request=request,
        safe=operation.repeat == "safe",
        secured=operation.secured,
        path=shown_path(request.target),
        operation=operation.id,
        secrets=tuple(sensitive_values(operation.fields, arguments)),
        arguments=shown,
    )


def _plain(field: Any) -> bool:
    """Whether a value of a field, items included, holds nothing that may be sensitive."""
    itself = not field.sensitive and field.kind not in {"object", "union", "any"}
    return itself and (field.items is None or _plain(field.items))


class RawCall:
    """A call that no specification describes.

    Args:
        method: GET, HEAD, POST, PUT, PATCH or DELETE.
        path: relative to the base URL, beginning with `/`; no query, no `.` or `..`.
        params: the query; a list becomes repeated keys, `None` raises.
        body: sent as JSON unless it is `None`.
        safe: whether repeating does no harm; by default that of GET and HEAD alone.

    Raises:
        InvalidArgumentError: if the path could lead elsewhere, or a value cannot be written.
    """

    def __init__(
        self, method: str, path: str, params: Mapping[str, Any] | None, body: Any = None, safe: bool | None = None
    ) -> None:
        self.method = str(method).upper()
        if self.method not in _METHODS:
            raise InvalidArgumentError("method", f"one of {', '.join(sorted(_METHODS))}", "another one")
        check_path(path)
        self.path = path
        self.arguments = dict(params or {})
        self.body = body
        self.safe = self.method in {"GET", "HEAD"} if safe is None else safe

    def prepare(self, page: Mapping[str, int]) -> Prepared:
        """Write it out; see `prepare`."""
        params = {**self.arguments, **page}
        query = [pair for name, value in params.items() for pair in _pairs(name, value)]
        headers = {"Accept": "application/json"}
        content: bytes | None = None
        if self.body is not None:
            try:
                text = json.dumps(self.body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
                content = text.encode()
            except (TypeError, ValueError, RecursionError) as error:
                raise InvalidArgumentError("json", "a value with a JSON form", type(error).__name__) from None
            headers["Content-Type"] = "application/json"
        return Prepared(
            request=Wire(self.method, self.path + ("?" + "&".join(query) if query else ""), headers, content),
            safe=self.safe,
            secured=True,
            path=shown_path(self.path),
            operation=None,
            # Nothing says which of these are sensitive, so all texts are.
            secrets=tuple(text for text in texts_within([self.body, params]) if len(text) >= 4),
        )

    def decode(self, content: bytes, /, *, status: int, media: str) -> Any:
        """Decode what no specification describes: JSON, `None` without content, else text, with any 2xx."""
        if not content.strip():
            return None
        try:
            return load_json(content)
        except (ValueError, RecursionError):
            return content.decode("utf-8", "replace")


class RawPagedCall(RawCall):
    """A report that no specification describes; its rows stay as they came."""

    def decode_rows(self, results: list[Any]) -> list[Any]:
        """Give the rows."""
        return results


def check_path(path: object) -> None:
    """Check that a path stays below the base URL.

    Raises:
        InvalidArgumentError: if it does not.
    """
    expected = "a relative path like /v1/installs/..., without query"
    if not isinstance(path, str):
        raise InvalidArgumentError("path", expected, f"a value of type {type(path).__name__}")
    if "://" in path or path.startswith("//"):
        raise InvalidArgumentError("path", expected, "an absolute address")
    if "?" in path or "#" in path:
        raise InvalidArgumentError("path", expected, "a path with a query or fragment; use params")
    if not _PATH.fullmatch(path):
        raise InvalidArgumentError("path", expected, "a text that is none")
    segments = re.sub(r"%2e", ".", path, flags=re.IGNORECASE).split("/")
    if any(segment in {".", ".."} for segment in segments) or re.search(r"%(2f|5c|00|0a|0d)", path, re.IGNORECASE):
        raise InvalidArgumentError("path", expected, "one that leaves its place")


def _pairs(name: str, value: Any) -> list[str]:
    values: list[Any] = list(value) if is_list(value) else [value]
    if not values:
        raise InvalidArgumentError(f"params[{name!r}]", "at least one value", "an empty list")
    pairs: list[str] = []
    for item in values:
        if not isinstance(item, str | int | float):
            given = "None" if item is None else f"a value of type {type(item).__name__}"
            raise InvalidArgumentError(f"params[{name!r}]", "text, numbers or booleans", given)
        try:
            # Not str(): a member of an enum of texts shows itself as something else.
            text = str.__str__(item) if isinstance(item, str) else json.dumps(item, allow_nan=False)
            pairs.append(f"{quote(str(name), safe='')}={quote(text, safe='')}")
        except ValueError:
            flaw = "a value without a form in a query"
            raise InvalidArgumentError(f"params[{name!r}]", "finite numbers or text", flaw) from None
    return pairs
