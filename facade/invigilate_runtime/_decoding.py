"""How responses are read: JSON, strings and pages. What is not as documented raises; nothing is guessed."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib import import_module
from typing import Any, cast

_INCOMPLETE = {
    202: "the server only accepted the request for later processing",
    206: "the response is partial, and the request did not ask for a range",
}


class UndecodableResponse(ValueError):
    """A 2xx response is not what is documented: not JSON, of another type, empty, or incomplete."""


def read_json(content: bytes) -> Any:
    """Decode a JSON body.

    Raises:
        UndecodableResponse: if the body is not JSON; the message does not quote it.
    """
    try:
        return load_json(content)
    except (ValueError, RecursionError):
        problem = f"not JSON ({len(content)} bytes)" if content.strip() else "empty, not JSON"
    raise UndecodableResponse(f"the response is {problem}")


def read_string(content: bytes, media: str) -> str:
    """Decode a documented string: a JSON string, or plain text that is declared as `text/plain`.

    Raises:
        UndecodableResponse: if it is neither; markup and broken JSON are not plain text, whatever the declared type.
    """
    try:
        value = load_json(content)
    except (ValueError, RecursionError):
        plain = media.partition(";")[0].strip().lower() == "text/plain"
        start = content.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
        if plain and start and start not in b"<{[":
            return content.decode("utf-8", "replace")
        found = f"{len(content)} bytes that are not JSON" if content.strip() else "an empty body"
    else:
        if isinstance(value, str):
            return value
        found = json_type(value)
    raise UndecodableResponse(f"expected a JSON string, got {found}")


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
