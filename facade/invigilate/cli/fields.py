"""Arguments of generated operations: their options, their help, and how a string becomes a value."""

from __future__ import annotations

import inspect
import json
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import tzinfo
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path
from typing import Any

from invigilate._masking import MASK
from invigilate._shapes import is_list, is_object
from invigilate.errors import InvalidArgumentError
from invigilate_runtime import Field, Operation

from .exits import ExitCode, Failure, usage
from .masking import masked_field, masked_value
from .times import instant

Describe = Callable[..., Any]
"""A generated function that describes a call."""

# Sentences that speak of Python, or that the option itself shows.
_OF_PYTHON = re.compile(
    r" (?:Matches `[^`]*`\.|An aware datetime, or .*?sent in UTC\.|Never shown in logs or errors\.|Inferred: .*"
    r"|Defaults to the client's `\w+`\.|A Decimal keeps its digits\.|A comma-separated string or a list of strings\."
    r"|Bytes, a file opened in binary mode, or a tuple of name, one of these, and media type\.)"
)
_OWN = frozenset(
    {"checkpoint", "columns", "confirmed", "csv-safe", "debug", "dry-run", "from", "help", "json", "max-rows", "output"}
    | {"overwrite", "prefetch", "results", "retry", "retry-refused", "rows-per-part", "secret", "timezone", "yes"}
)
"""The command line's own options; an argument of such a name takes `--argument-json`."""
_SECTION = re.compile(r"^(?:Args|Attributes|Returns|Raises|Idempotent|Not idempotent|Documentation):", re.MULTILINE)


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


def as_usage(error: InvalidArgumentError, called: Callable[[str], str] = option_name) -> Failure:
    """Return the usage failure for a wrong argument; `called` returns what a person passes for it."""
    name, bracket, rest = error.argument.partition("[")
    hint = f". {error.hint.replace(', or pass UNSET', '')}" if error.hint else ""
    return usage(f"{called(name)}{bracket}{rest}: expected {error.expected}, got {error.passed}{hint}")


def docstring_texts(documented: Any, section: str) -> dict[str, str]:
    """Return what a section of a docstring (`Args`, `Attributes`, `Raises`) says about each name."""
    lines = inspect.cleandoc(documented.__doc__ or "").splitlines()
    texts: dict[str, str] = {}
    name = ""
    for line in lines[lines.index(f"{section}:") + 1 :] if f"{section}:" in lines else []:
        if line and not line.startswith(" "):
            break
        start = re.match(r" {4}(\w+): (.*)", line)
        if start:
            name, texts[start[1]] = start[1], start[2]
        elif name:
            texts[name] += f" {line.strip()}"
    return {name: text.strip() for name, text in texts.items()}


@cache
def help_texts(describe: Describe) -> Mapping[str, str]:
    """Return what the generated docstring says about each argument, without what only matters in Python."""
    return {name: _OF_PYTHON.sub("", text).strip() for name, text in docstring_texts(describe, "Args").items()}


def summary(documented: Any) -> str:
    """Return what a docstring says before its first section, with a line for each paragraph."""
    text = _SECTION.split(inspect.cleandoc(documented.__doc__ or ""), maxsplit=1)[0]
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n") if paragraph.strip())


def is_sensitive(field: Field) -> bool:
    """Whether a field, or a field within it, is sensitive."""
    waiting, seen = [field], set[int]()
    while waiting:
        one = waiting.pop()
        if one.sensitive:
            return True
        if id(one) not in seen:  # fields may contain themselves
            seen.add(id(one))
            waiting += [*one.fields, *(part for part in (one.items, one.additional) if isinstance(part, Field))]
    return False


def choices(field: Field) -> tuple[str, ...]:
    """Return the documented values of an argument, or of its items."""
    return tuple(map(str, field.enum or (field.items.enum if field.items else ())))


def is_repeated(field: Field) -> bool:
    """Whether an argument takes several values: as a list, or separated by commas."""
    return field.type in {"array", "comma"} or (
        field.type == "union" and any(option.type == "array" for option in field.fields)
    )


def value_of(field: Field, text: str, place: tzinfo | None) -> Any:
    """Convert an option or a cell into the value of an argument. All else is checked when the call is prepared."""
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


def _file(field: Field, text: str) -> tuple[str, bytes]:
    try:
        return Path(text).name, Path(text).read_bytes()
    except OSError as error:
        raise InvalidArgumentError(field.name, "a file that can be read", error.strerror or "another path") from None


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
    "file": _file,
}


def variable(name: str) -> str:
    """Return the environment variable of a sensitive argument: `card_token` is `INVIGILATE_CARD_TOKEN`."""
    return f"INVIGILATE_{plain_name(name).upper()}"


def use_secret(name: str) -> str:
    """Return how a sensitive argument is passed."""
    name = plain_name(name)
    return f"Pass it with --secret {name}, and its value in {variable(name)}, or when asked"


def secret_values(fields: Sequence[Field], wanted: Sequence[str], place: tzinfo | None = None) -> dict[str, Any]:
    """Read sensitive arguments from the environment, or ask for them on the terminal.

    Each must be requested by name, so that a variable that happens to be set is not sent.
    """
    known = {plain_name(field.name): field for field in fields}
    values: dict[str, Any] = {}
    for text in wanted:
        field = known.get(text.replace("-", "_"))
        if field is None:
            raise usage(f"--secret: expected one of {', '.join(known)}")
        name = plain_name(field.name)
        value = os.environ.get(variable(name)) or _ask(name)
        if not value:
            raise usage(f"--secret {name}: it is empty")
        try:
            values[field.name] = value_of(field, value, place)
        except InvalidArgumentError as error:
            raise usage(f"--secret {name}: expected {error.expected}, got {error.passed}") from None
    return values


def _ask(name: str) -> str:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise usage(f"--secret {name}: set {variable(name)}, or run this in a terminal to be asked")
    from getpass import getpass

    try:
        return getpass(f"{name} (not shown): ", stream=sys.stderr)
    except (KeyboardInterrupt, EOFError) as error:
        print(file=sys.stderr)
        if isinstance(error, KeyboardInterrupt):
            raise KeyboardInterrupt("nothing was sent") from None
        raise Failure(ExitCode.NOT_CONFIRMED, "nothing was sent") from None


def masked(field: Field | None, value: Any) -> Any:
    """Return a body, or a value in it, with sensitive values masked: as documented, or else by their names."""
    if value is None:
        return None
    if field is not None and field.sensitive:
        return MASK
    if is_object(value):
        known = {each.wire_name: each for each in (field.fields if field is not None else ())}
        others = field.additional if field is not None and isinstance(field.additional, Field) else None
        known |= {name: others for name in value if others is not None and name not in known}
        return {
            name: masked(known[name], item) if name in known else masked_field(name, item)
            for name, item in value.items()
        }
    if is_list(value):
        return [masked(field.items if field is not None else None, item) for item in value]
    return masked_value(value)
