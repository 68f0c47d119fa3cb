"""Masks what is sensitive in values that people are shown: by the names of fields, at any depth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from importlib import import_module
from pkgutil import walk_packages
from types import ModuleType
from typing import Any

from invigilate import _apis
from invigilate._masking import MASK
from invigilate._shapes import is_list, is_object
from invigilate_runtime import Field


@cache
def sensitive_names() -> frozenset[str]:
    """Return the documented names of all fields that the specification of an API marks as sensitive."""
    found = (name for api in _apis.APIS for module in _modules(api.package) for name in _sensitive(module))
    return frozenset(map(str.casefold, found))


def _modules(package: str) -> Iterator[ModuleType]:
    for part in ("api", "models"):
        folder = import_module(f"{package}.{part}")
        for found in walk_packages(folder.__path__, f"{folder.__name__}."):
            yield import_module(found.name)


def _sensitive(module: ModuleType) -> Iterator[str]:
    operation = getattr(module, "OPERATION", None)
    yield from _of_fields(operation.fields if operation is not None else ())
    for model in vars(module).values():
        hidden = getattr(model, "_SENSITIVE", ())
        yield from (wire for wire, name in model._NAMES.items() if name in hidden) if hidden else ()


def _of_fields(fields: Iterable[Field]) -> Iterator[str]:
    for field in fields:
        if field.sensitive and field.wire_name:
            yield field.wire_name
        yield from _of_fields([*field.fields, *([field.items] if field.items else [])])


def masked_field(name: str, value: Any) -> Any:
    """Return the value of a field, masked: `***` if it is sensitive, otherwise with sensitive values in it masked.

    Many objects are undocumented: only the names of their fields show which hold personal data.
    """
    if value is None:
        return None
    return MASK if name.casefold() in sensitive_names() else masked_value(value)


def masked_value(value: Any) -> Any:
    """Return a JSON value with the sensitive fields of its objects masked."""
    if is_object(value):
        return {name: masked_field(name, item) for name, item in value.items()}
    if is_list(value):
        return [masked_value(item) for item in value]
    return value
