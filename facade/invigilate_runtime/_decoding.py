"""How responses are read: JSON, strings and pages. What is not as documented raises; nothing is guessed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib import import_module
from typing import Any, cast

_INCOMPLETE = {
    202: "the server only accepted the request for later processing",
    206: "the response is partial, and the request did not ask for a range",
}
_CLASSES = {"object": dict, "array": list, "string": str, "null": type(None), "none": type(None)}
_CHARSET = re.compile(r"""charset=["']?(utf-8|utf-16|us-ascii|iso-8859-\d+|windows-125\d)\b""")
# Neither markup nor JSON that broke off.
_PLAIN = re.compile(rb"[^<{\[\"].*", re.DOTALL)
_WORD = re.compile(rb"(?![<{\[\"])[!-~]+")


class UndecodableResponse(ValueError):
    """A 2xx response is not what is documented: not JSON, of another type, empty, or incomplete."""


def read_json(content: bytes) -> Any:
    """Decode a JSON body.

    Raises:
        UndecodableResponse: if the body is not JSON; the message does not quote it.
    """
    return read_response(content, "any", "")


def read_response(content: bytes, returns: str, media: str) -> Any:
    """Decode the body of a success.

    A documented JSON string may also be plain text that is declared as `text/plain`, or one bare word in place of JSON.

    Args:
        content: the body.
        returns: the documented types, as in `Operation.returns`.
        media: the `Content-Type`.

    Raises:
        UndecodableResponse: if it is of another type; markup and broken JSON are not plain text.
    """
    types = returns.split(" | ")
    declared, _, parameters = media.lower().partition(";")
    if "bytes" in types:
        return content
    if "text" in types:
        return content.decode(_CHARSET.findall(f"{parameters};charset=utf-8")[0], "replace")
    bare = content.removeprefix(b"\xef\xbb\xbf").strip()
    if not bare and "none" in types:
        return None
    value: Any = content
    with suppress(ValueError, RecursionError):
        value = load_json(content)
        if returns == "none":
            # Documentation that shows no body may just not show it; markup would be the page of a proxy.
            return None
        if "any" in types or value.__class__ in [_CLASSES[name] for name in types]:
            return value
    if "string" in types and value.__class__ in {bytes, int, float}:
        pattern = {"text/plain": _PLAIN, "application/json": _WORD}.get(declared.strip())
        if pattern and pattern.fullmatch(bare):
            return bare.decode("utf-8", "replace")
    if returns == "none":
        raise UndecodableResponse(f"expected no content or JSON, got {len(content)} bytes of something else")
    if value is content and "string" not in types:
        raise UndecodableResponse(
            f"the response is {f'not JSON ({len(content)} bytes)' if bare else 'empty, not JSON'}"
        )
    not_json = f"{len(content)} bytes that are not JSON" if bare else "an empty body"
    found = not_json if value is content else json_type(value)
    raise UndecodableResponse(f"expected a JSON {' or '.join(types)}, got {found}")


def read_page(content: bytes, rows: str, status: int) -> tuple[list[Any], dict[str, Any]]:
    """Decode one page.

    Args:
        content: the body.
        rows: the field that holds the rows.
        status: the HTTP status.

    Returns:
        The rows, and the other fields of the page.

    Raises:
        UndecodableResponse: if the response is not an object with a list of rows.
    """
    check_complete(status)
    value = read_json(content)
    found: Any = value.pop(rows, None) if value.__class__ is dict else None
    if found.__class__ is not list:
        raise UndecodableResponse(f"the response has no list `{rows}`")
    return found, value


def check_complete(status: int) -> None:
    """Check that a 2xx says that the request was processed, and that the response is complete.

    Raises:
        UndecodableResponse: for 202, and for 206, since no request asks for a range.
    """
    if status in _INCOMPLETE:
        raise UndecodableResponse(_INCOMPLETE[status])


def json_type(value: Any) -> str:
    """Name the JSON type of a decoded value."""
    names = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(value.__class__, "a number")


def load_json(content: bytes) -> Any:
    """Decode JSON as `json.loads` does: same values, same errors. With msgspec installed it takes half the time.

    Raises:
        ValueError: if the content is not JSON.
        RecursionError: if it is nested too deeply.
    """
    # msgspec refuses some input that json.loads accepts: NaN, numbers beyond float, halves of surrogate pairs,
    # encodings other than UTF-8. What both refuse raises the error of json.loads.
    with suppress(Exception):
        return decoder()(content)
    return json.loads(content)


@cache
def decoder() -> Callable[[bytes], Any]:
    """Return the function that decodes JSON: msgspec's if it is installed, else `json.loads`."""
    with suppress(ImportError):
        # Late, since importing it takes time. By name, since type checkers need not have it installed.
        return cast("Callable[[bytes], Any]", import_module("msgspec.json").Decoder().decode)
    return json.loads
