"""Faults as strings: `scheduleExamSession:drop_response,times=1`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from . import FAULTS, TYPES, Fault


def parse(text: str) -> tuple[str, Fault]:
    """Parse an operation and a fault.

    Raises:
        ValueError: the string is wrong.
    """
    operation, colon, rest = text.partition(":")
    name, *settings = (part.strip() for part in rest.split(","))
    if not (operation and colon and name):
        raise ValueError("expected OPERATION:FAULT,OPTION=VALUE,...")
    pairs = [setting.partition("=") for setting in settings]
    if not all(equals for _, equals, _ in pairs):
        raise ValueError(f"the options of {name} have to be OPTION=VALUE")
    return operation, build(name, {key: value for key, _, value in pairs})


def build(name: str, settings: Mapping[str, str]) -> Fault:
    """Build a fault from its name and its options, whose values are strings.

    Raises:
        ValueError: there is no such fault or option, or a value is wrong.
    """
    if name not in TYPES:
        raise ValueError(f"unknown fault {name!r}; --list-faults shows all")
    fault = TYPES[name]
    types = get_type_hints(fault)
    known = options(fault)
    for key in settings:
        if key not in known:
            raise ValueError(f"{name} has no option {key!r}; it takes {', '.join(known)}")
    return fault(**{key: _read(key, value, types[key]) for key, value in settings.items()})


def options(fault: type[Fault]) -> dict[str, object]:
    """The options of a fault with their defaults."""
    return {each.name: each.default for each in dataclasses.fields(fault)}


def table() -> str:
    """All faults with what they do and their own options, one per line."""
    common = options(Fault)
    lines: list[str] = []
    for name, description in FAULTS.items():
        lines.append(f"{name}: {description}")
        own = [f"{key}={value}" for key, value in options(TYPES[name]).items() if key not in common]
        if own:
            lines.append(f"    {', '.join(own)}")
    return "\n".join([*lines, f"All but refuse: {', '.join(f'{key}={value}' for key, value in common.items())}"])


def _read(name: str, text: str, type_: Any) -> Any:
    choices = get_args(type_)
    if get_origin(type_) is Literal:
        if text in choices:
            return text
        raise ValueError(f"{name} has to be one of {', '.join(choices)}")
    for each in choices or (type_,):
        if each is NoneType and text == "None":
            return None
        if each is bool and text in ("True", "False", "true", "false"):
            return text in ("True", "true")
        if each in (int, float, str):
            try:
                return each(text)
            except ValueError:
                continue
    raise ValueError(f"{name}={text} has the wrong type")
