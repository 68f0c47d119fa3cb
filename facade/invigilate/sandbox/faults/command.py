"""Faults as the command line writes them: `scheduleExamSession:drop_answer,times=1`."""

from __future__ import annotations

import dataclasses
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from . import FAULTS, KINDS, Fault


def parse(text: str) -> tuple[str, Fault]:
    """Read an operation and a fault.

    Raises:
        ValueError: saying what is wrong with it.
    """
    operation, colon, rest = text.partition(":")
    name, *settings = (part.strip() for part in rest.split(","))
    if not (operation and colon and name):
        raise ValueError("expected OPERATION:FAULT,OPTION=VALUE,...")
    if name not in KINDS:
        raise ValueError(f"there is no fault {name!r}; --list-faults shows all")
    kind = KINDS[name]
    types = get_type_hints(kind)
    known = options(kind)
    values: dict[str, Any] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or key not in known:
            raise ValueError(f"{name} takes {', '.join(known)}, each with =VALUE; not {setting!r}")
        values[key] = _read(key, value, types[key])
    return operation, kind(**values)


def options(kind: type[Fault]) -> dict[str, object]:
    """The options of a fault with their defaults."""
    return {each.name: each.default for each in dataclasses.fields(kind)}


def table() -> str:
    """All faults with what they do and their own options, as lines of text."""
    common = options(Fault)
    lines: list[str] = []
    for name, description in FAULTS.items():
        lines.append(f"{name}: {description}")
        own = [f"{key}={value}" for key, value in options(KINDS[name]).items() if key not in common]
        if own:
            lines.append(f"    {', '.join(own)}")
    return "\n".join([*lines, f"All but refuse: {', '.join(f'{key}={value}' for key, value in common.items())}"])


def _read(name: str, text: str, kind: Any) -> Any:
    choices = get_args(kind)
    if get_origin(kind) is Literal:
        if text in choices:
            return text
        raise ValueError(f"{name} is one of {', '.join(choices)}")
    for each in choices or (kind,):
        if each is NoneType and text == "None":
            return None
        if each is bool and text in ("True", "False", "true", "false"):
            return text in ("True", "true")
        if each in (int, float, str):
            try:
                return each(text)
            except ValueError:
                continue
    raise ValueError(f"{name}={text} has not the right type")
