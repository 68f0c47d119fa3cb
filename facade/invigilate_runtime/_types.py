"""`UNSET`, the response that standalone functions return, its error, and how models are shown."""

from __future__ import annotations

from collections.abc import MutableMapping
from enum import Enum
from typing import Any, Final, Generic, Literal, NamedTuple, TypeVar

T = TypeVar("T")


class Unset(Enum):
    """The type of `UNSET`. An enum member survives copy, deepcopy and pickle as itself."""

    UNSET = "UNSET"

    def __bool__(self) -> Literal[False]:
        return False

    def __repr__(self) -> str:
        return "UNSET"

    __str__ = __repr__


UNSET: Final = Unset.UNSET
"""Leaves out an optional argument or field; in a response, the value of a field that is missing."""


class Response(NamedTuple, Generic[T]):
    """A response with everything that came with it.

    Attributes:
        status_code: the HTTP status, a plain number, so that a proxy's 520 is not an error of its own.
        content: the body as received.
        headers: the headers, case-insensitive.
        parsed: the documented type of a success, or `None` if the status is not a 2xx.
    """

    status_code: int
    content: bytes
    headers: MutableMapping[str, str]
    parsed: T | None

    def __repr__(self) -> str:
        return f"<Response [{self.status_code}] {len(self.content)} bytes>"


class UnexpectedStatus(Exception):
    """The status of a response is not the documented success.

    Attributes:
        status_code: the HTTP status.
        content: the body as received; not part of the message, since it may repeat what the caller sent.
    """

    def __init__(self, status_code: int, content: bytes) -> None:
        super().__init__(status_code, content)
        self.status_code = status_code
        self.content = content

    def __str__(self) -> str:
        return f"unexpected status {self.status_code} ({len(self.content)} bytes of content)"

    def __repr__(self) -> str:
        return f"<UnexpectedStatus {self.status_code}>"


def read_field(model: Any, key: str) -> Any:
    """Return a field of a model by its documented name, as `model[key]` does.

    Raises:
        KeyError: if there is no such field; with a hint if the key is the Python name of one.
    """
    fields: dict[str, Any] = model._fields()
    if key in fields:
        return fields[key]
    wire = next((wire for wire, name in model._NAMES.items() if key == name != wire), None)
    raise KeyError(f"{key!r} is not a field; use .{key} or [{wire!r}]" if wire else key)


def show(model: Any) -> str:
    """Return the `repr` of a model, without the values of sensitive fields and the content of nested objects."""
    parts: list[str] = []
    for name in model._NAMES.values():
        value = getattr(model, name, UNSET)
        if value is not UNSET:
            hidden = name in model._SENSITIVE and value is not None
            parts.append(f"{name}={'***' if hidden else _shown(value)}")
    more = getattr(model, "additional_properties", None)
    if more:
        parts.append(f"<{len(more)} more>")
    return f"{type(model).__name__}({', '.join(parts)})"


def _shown(value: Any) -> str:
    cls = value.__class__
    if issubclass(cls, dict):
        return "{..." + str(len(value)) + "}"
    if issubclass(cls, list | tuple):
        return f"[...{len(value)}]"
    if isinstance(value, str):
        return repr(value if len(value) <= 60 else value[:57] + "...")
    if value is None or isinstance(value, bool | int | float):
        return repr(value)
    return type(value).__name__
