"""What the generated operations say of their arguments: names, help texts, and how a text becomes a value."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Mapping
from datetime import tzinfo
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any

from invigilate._masking import MASK
from invigilate._shapes import is_list, is_object
from invigilate.errors import InvalidArgumentError
from smarterproctoring_client.calls import Field, Operation

from .exits import Failure, usage
from .masking import masked_member
from .times import instant

Describe = Callable[..., Any]
"""A generated function that describes a call."""

_NOT_FOR_PEOPLE = re.compile(
    r" (?:Matches `[^`]*`\.|An aware datetime, or .*?goes out in UTC\.|Never shown in logs or errors\."
    r"|Inferred: .*|By default the client's `\w+`\.|Comma-separated text or a list of texts\.)"
)


def operation_of(describe: Describe) -> Operation[Any]:
    """Get the static description of an operation."""
    operation: Operation[Any] = getattr(describe, "__globals__", {})["OPERATION"]
    return operation


def plain_name(name: str) -> str:
    """Give an argument's name without the underscore that only Python needs: `type_` becomes `type`."""
    return name.rstrip("_")


def option_name(name: str) -> str:
    """Give the option of an argument: `exam_sid` becomes `--exam-sid`."""
    return "--install" if name == "install_sid" else "--" + plain_name(name).replace("_", "-")


def as_usage(error: InvalidArgumentError) -> Failure:
    """Make of a wrong argument a wrong command line."""
    name, bracket, rest = error.argument.partition("[")
    return usage(f"{option_name(name)}{bracket}{rest}: expected {error.expected}, got {error.given}")


@cache
def help_texts(describe: Describe) -> Mapping[str, str]:
    """Read what the generated docstring says of each argument."""
    lines = inspect.cleandoc(describe.__doc__ or "").splitlines()
    texts: dict[str, str] = {}
    name = ""
    for line in lines[lines.index("Args:") + 1 :] if "Args:" in lines else []:
        if line and not line.startswith(" "):
            break
        start = re.match(r" {4}(\w+): (.*)", line)
        if start:
            name, texts[start[1]] = start[1], start[2]
        elif name:
            texts[name] += f" {line.strip()}"
    return {name: _NOT_FOR_PEOPLE.sub("", text).strip() for name, text in texts.items()}


def summary(describe: Describe) -> str:
    """Read what the generated docstring says of the operation itself."""
    text = inspect.cleandoc(describe.__doc__ or "").partition("\nArgs:")[0]
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n") if paragraph.strip())


def choices(field: Field) -> tuple[str, ...]:
    """Get the documented values of an argument, or of its items."""
    return tuple(map(str, field.enum or (field.items.enum if field.items else ())))


def is_repeated(field: Field) -> bool:
    """Whether an argument takes several values: as a list, or with commas in between."""
    return field.kind in {"array", "comma"} or (
        field.kind == "union" and any(option.kind == "array" for option in field.fields)
    )


def value_of(field: Field, text: str, place: tzinfo | None) -> Any:
    """Make of a text what the argument takes. Everything else is checked where the call is prepared.

    Args:
        field: what the specification says of the argument.
        text: an option or a cell. `null` stands for null where null is documented.
        place: the time zone of times without an offset.

    Raises:
        InvalidArgumentError: if the text can be no value of this kind.
    """
    if field.nullable and text == "null":
        return None
    reader = _READERS.get(field.kind)
    if field.kind == "timestamp":
        return instant(text, field.name, place)
    return text if reader is None else reader(field, text)


def _integer(field: Field, text: str) -> int:
    if not re.fullmatch(r"[+-]?\d{1,18}", text, re.ASCII):
        raise InvalidArgumentError(field.name, "an integer", _given(field, text))
    return int(text)


def _number(field: Field, text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise InvalidArgumentError(field.name, "a number such as 25 or 12.50", _given(field, text)) from None


def _boolean(field: Field, text: str) -> bool:
    if text.lower() not in {"true", "false"}:
        raise InvalidArgumentError(field.name, "true or false", _given(field, text))
    return text.lower() == "true"


def _json(field: Field, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidArgumentError(field.name, "JSON", _given(field, text)) from None


def _several(field: Field, text: str) -> Any:
    """One cell for an argument that takes several values: a JSON list, or one value as it is."""
    return _json(field, text) if text.lstrip().startswith("[") else [text] if field.kind == "array" else text


def _given(field: Field, text: str) -> str:
    # Of an option, which everybody on the machine can read anyway. Of the cells of a file no value is repeated.
    shown = not field.sensitive and re.fullmatch(r"[\w.,+-]{1,20}", text, re.ASCII) is not None
    return repr(text) if shown else f"a {len(text)}-character text" if text else "an empty text"


_READERS: dict[str, Callable[[Field, str], Any]] = {
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "object": _json,
    "any": _json,
    "array": _several,
    "union": _several,
}


def masked(fields: tuple[Field, ...], members: Mapping[str, Any]) -> dict[str, Any]:
    """Give the members of a body, or of an object in it, as people may see them."""
    known = {field.wire: field for field in fields}
    return {name: _masked(known.get(name), masked_member(name, value)) for name, value in members.items()}


def _masked(field: Field | None, value: Any) -> Any:
    if field is None or value is None:
        return value
    if field.sensitive:
        return MASK
    if is_object(value) and field.fields:
        return masked(field.fields, value)
    if is_list(value) and field.items is not None:
        return [_masked(field.items, item) for item in value]
    return value
