"""Arguments of generated operations: their options, their help, and how a string becomes a value."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import tzinfo
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any

from invigilate._masking import MASK
from invigilate._shapes import is_list, is_object
from invigilate.errors import InvalidArgumentError
from invigilate_runtime import Field, Operation

from .exits import Failure, usage
from .masking import masked_field
from .times import instant

Describe = Callable[..., Any]
"""A generated function that describes a call."""

# Sentences that speak of Python, or that the option itself shows.
_OF_PYTHON = re.compile(
    r" (?:Matches `[^`]*`\.|An aware datetime, or .*?sent in UTC\.|Never shown in logs or errors\.|Inferred: .*"
    r"|Defaults to the client's `\w+`\.|A Decimal keeps its digits\.|A comma-separated string or a list of strings\.)"
)
_OWN = frozenset({"debug", "dry-run", "help", "json", "max-rows", "secret", "timezone", "yes"})
"""The command line's own options; an argument of such a name takes `--argument-json`."""
_SECTION = re.compile(r"^(?:Args|Returns|Idempotent|Not idempotent|Documentation):", re.MULTILINE)


def operation_of(describe: Describe) -> Operation[Any]:
    """Return the static description of an operation."""
    operation: Operation[Any] = getattr(describe, "__globals__", {})["OPERATION"]
    return operation


def plain_name(name: str) -> str:
    """Return an argument's name without the underscore that only Python needs: `type_` becomes `type`."""
    return name.rstrip("_")


def option_name(name: str) -> str:
    """Return the option of an argument: `exam_sid` becomes `--exam-sid`."""
    plain = plain_name(name).replace("_", "-")
    return f"--argument-{plain}" if plain in _OWN else f"--{plain}"


def as_usage(error: InvalidArgumentError) -> Failure:
    """Return the usage failure for a wrong argument."""
    name, bracket, rest = error.argument.partition("[")
    hint = f". {error.hint.replace(', or pass UNSET', '')}" if error.hint else ""
    return usage(f"{option_name(name)}{bracket}{rest}: expected {error.expected}, got {error.passed}{hint}")


@cache
def help_texts(describe: Describe) -> Mapping[str, str]:
    """Return what the generated docstring says about each argument."""
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
    return {name: _OF_PYTHON.sub("", text).strip() for name, text in texts.items()}


def summary(describe: Describe) -> str:
    """Return what the generated docstring says about the operation itself."""
    text = _SECTION.split(inspect.cleandoc(describe.__doc__ or ""), maxsplit=1)[0]
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n") if paragraph.strip())


def is_sensitive(field: Field) -> bool:
    """Whether a field, or a field within it, is sensitive."""
    nested = [*field.fields, *([field.items] if field.items else [])]
    return field.sensitive or any(map(is_sensitive, nested))


def choices(field: Field) -> tuple[str, ...]:
    """Return the documented values of an argument, or of its items."""
    return tuple(map(str, field.enum or (field.items.enum if field.items else ())))


def is_repeated(field: Field) -> bool:
    """Whether an argument takes several values: as a list, or separated by commas."""
    return field.type in {"array", "comma"} or (
        field.type == "union" and any(option.type == "array" for option in field.fields)
    )


def value_of(field: Field, text: str, place: tzinfo | None) -> Any:
    """Convert an option or a cell into the value of an argument. All else is checked when the call is prepared.

    Args:
        field: what the specification says about the argument.
        text: the string; `null` stands for null where null is documented.
        place: the time zone of times without an offset.

    Raises:
        InvalidArgumentError: if the string cannot be a value of this type.
    """
    if field.nullable and text == "null":
        return None
    reader = _READERS.get(field.type)
    if field.type == "timestamp":
        return instant(text, field.name, place)
    return text if reader is None else reader(field, text)


def values_of(field: Field, texts: Sequence[str], place: tzinfo | None) -> Any:
    """Convert an option that was passed several times into the value of an argument; see `value_of`."""
    items = field.items
    if field.type == "array" and items is not None and items.type in _READERS:
        if len(texts) == 1 and texts[0].lstrip().startswith("["):
            return _json(field, texts[0])
        return [value_of(items._replace(name=f"{field.name}[{n}]"), text, place) for n, text in enumerate(texts)]
    if field.type == "array" or field.client_default is not None:
        return list(texts)
    if len(texts) == 1:
        return texts[0] if field.type == "comma" else value_of(field, texts[0], place)
    return list(texts)


def _integer(field: Field, text: str) -> int:
    if not re.fullmatch(r"[+-]?\d{1,18}", text, re.ASCII):
        raise InvalidArgumentError(field.name, "an integer", _passed(field, text))
    return int(text)


def _number(field: Field, text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise InvalidArgumentError(field.name, "a number such as 25 or 12.50", _passed(field, text)) from None


def _boolean(field: Field, text: str) -> bool:
    if text.lower() not in {"true", "false"}:
        raise InvalidArgumentError(field.name, "true or false", _passed(field, text))
    return text.lower() == "true"


def _json(field: Field, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidArgumentError(field.name, "JSON", _passed(field, text)) from None


def _list(field: Field, text: str) -> Any:
    return _json(field, text) if text.lstrip().startswith("[") else [text]


def _union(field: Field, text: str) -> Any:
    """A JSON array or object where one is documented, otherwise the string itself."""
    starts = {"array": "[", "object": "{"}
    structured = text.lstrip()[:1] in {starts.get(option.type) for option in field.fields} - {None}
    return _json(field, text) if structured else text


def _passed(field: Field, text: str) -> str:
    # Of an option, which everybody on the machine can read anyway; cells of files are not shown.
    shown = not is_sensitive(field) and re.fullmatch(r"[\w.,+-]{1,20}", text, re.ASCII) is not None
    return repr(text) if shown else f"a string of length {len(text)}" if text else "an empty string"


_READERS: dict[str, Callable[[Field, str], Any]] = {
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "object": _json,
    "any": _json,
    "array": _list,
    "union": _union,
}


def masked(fields: tuple[Field, ...], value: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a body, or of an object in it, with sensitive values masked."""
    known = {field.wire_name: field for field in fields}
    return {name: _masked(known.get(name), masked_field(name, item)) for name, item in value.items()}


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
