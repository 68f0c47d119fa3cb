"""The regions of settings: the options of the constructors, and the environment variables."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from typing import Any, Literal, NamedTuple, TypeVar, get_args, get_origin

import invigilate
from invigilate._apis import API, APIS
from invigilate._clients import BaseClient
from invigilate.cli.fields import docstring_texts

_TRANSPORT = "transport of httpx"


class Option(NamedTuple):
    """An option of a client.

    Attributes:
        types: what it takes.
        default: as in code.
        what: its description in the docstring.
    """

    types: str
    default: str
    what: str


def options() -> str:
    """A table of the options of both constructors and of `with_options`, from signatures and docstrings."""
    # Few columns, so that it can be read on a phone.
    lines = ["| option | default | what it does |", "|---|---|---|"]
    clients = [(api, _options(api)) for api in APIS]
    views = docstring_texts(BaseClient.with_options, "Args")
    names = dict.fromkeys(name for _, own in clients for name in own)
    # Options of one client first, as in the constructors.
    for name in sorted(names, key=lambda name: all(name in own for _, own in clients)):
        found = [(api, own[name]) for api, own in clients if name in own]
        (api, first), *others = found
        variables = " or ".join(f"`{api.variables[name]}`" for api, _ in found if name in api.variables)
        differs = any(other.what and other.what != first.what for _, other in others)
        what = [f"{api.title}: {each.what}" for api, each in found] if differs else [first.what]
        what.append(f"Type: {first.types}." + " Also in `with_options`." * (name in views))
        what += [f"Environment: {variables}."] if variables else []
        lines.append(_row(f"`{name}`" + f" ({api.title})" * (not others), first.default, *what))
    lines += [
        _row(f"`{name}`", "`False`", what, "Type: `bool`. Only in `with_options`.")
        for name, what in views.items()
        if name not in names
    ]
    return "\n".join(lines)


def environment() -> str:
    """The table of environment variables that stand in for options, from the registry of APIs."""
    lines = ["| client | argument | environment variable |", "|---|---|---|"]
    for api in APIS:
        for index, (argument, variable) in enumerate(api.variables.items()):
            lines.append(f"| {'' if index else f'`{api.clients[0]}`'} | `{argument}` | `{variable}` |")
    return "\n".join(lines)


def _row(name: str, default: str, *what: str) -> str:
    cells = (name, default, "<br>".join(what))
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _options(api: API) -> dict[str, Option]:
    client: Any = getattr(invigilate, api.clients[0])
    what = docstring_texts(client, "Args")
    parameters = list(inspect.signature(client).parameters.values())
    return {
        each.name: Option(
            _types(client, str(each.annotation)),
            f"`{each.default!r}`",
            re.sub(r" Defaults to the environment variable `\w+`\.", "", what.get(each.name, "")),  # it is named below
        )
        for each in parameters
    }


def _types(client: Any, annotation: str) -> str:
    """Spell out the types of an annotation."""
    module = import_module(client.__module__)
    base = getattr(client, "__orig_bases__", (None,))[0]  # not every client has type variables
    passed = dict(zip(getattr(get_origin(base), "__parameters__", ()), get_args(base), strict=False))
    found: list[str] = []
    for part in annotation.split(" | "):
        value = getattr(module, part, None)
        if isinstance(value, TypeVar):
            value = passed[value]
        if get_origin(value) is Literal:
            found += [repr(each) for each in get_args(value)]
        elif value is None or isinstance(value, type):
            found.append(part)
        elif "Transport" in str(value):
            found.append(_TRANSPORT)
        else:
            found += re.sub(r"\b(?:collections\.abc|invigilate\._values)\.", "", str(value)).split(" | ")
    return " or ".join(each if each == _TRANSPORT else f"`{each}`" for each in found)
