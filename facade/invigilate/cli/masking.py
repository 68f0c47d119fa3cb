"""Masks what is sensitive in values that people are shown, at any depth."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar
from functools import cache
from importlib import import_module
from pkgutil import walk_packages
from types import ModuleType
from typing import Any

from invigilate import _apis
from invigilate._masking import MASK, Masker
from invigilate._shapes import is_list, is_object
from invigilate_runtime import UNSET, Field, SharedFields, dump

_ALWAYS = frozenset({"email", "firstname", "lastname", "password", "phone", "secret", "token"})
"""Names that are sensitive even if no specification says so."""
_PERSONAL = Masker()
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d[\d:.]*(?:Z|[+-]\d\d:?\d\d)?")
PACKAGE: ContextVar[str | None] = ContextVar("invigilate_package", default=None)
"""The generated package of the operation that a command runs; without one, the names of all packages count."""


@cache
def sensitive_names(package: str) -> frozenset[str]:
    """Return the documented names of all fields that a specification marks as sensitive."""
    found = (name for module in _modules(package) for name in _sensitive(module))
    return frozenset(map(str.casefold, found))


def _modules(package: str) -> Iterator[ModuleType]:
    for part in ("api", "_fields", "models"):
        folder = import_module(f"{package}.{part}")
        for found in walk_packages(folder.__path__, f"{folder.__name__}."):
            yield import_module(found.name)


def _sensitive(module: ModuleType) -> Iterator[str]:
    operation = getattr(module, "OPERATION", None)
    yield from _of_fields(operation.fields if operation is not None else getattr(module, "FIELDS", ()))
    for model in vars(module).values():
        hidden = getattr(model, "_SENSITIVE", ())
        yield from (wire for wire, name in model._NAMES.items() if name in hidden) if hidden else ()


def _of_fields(fields: Iterable[Field]) -> Iterator[str]:
    for field in fields:
        if field.sensitive and field.wire_name:
            yield field.wire_name
        # Shared fields are in modules of their own.
        yield from _of_fields(() if isinstance(field.fields, SharedFields) else field.fields)
        yield from _of_fields(part for part in (field.items, field.additional) if isinstance(part, Field))


def masked_field(name: str, value: Any) -> Any:
    """Return the value of a field that is not documented: `***` if a documented one of its name is sensitive."""
    if value is None:
        return None
    package, plain = PACKAGE.get(), name.casefold()
    packages = [package] if package is not None else [api.package for api in _apis.APIS]
    hidden = plain in _ALWAYS or any(plain in sensitive_names(each) for each in packages)
    return MASK if hidden else masked_value(value)


def masked_value(value: Any) -> Any:
    """Return a response, or a value in it, as JSON with what is sensitive masked.

    Fields of models are masked as documented. Many objects are undocumented: only the names of their fields show which
    hold personal data.
    """
    names: Mapping[str, str] | None = getattr(value, "_NAMES", None)
    if names is not None:
        known = {wire: getattr(value, name) for wire, name in names.items() if getattr(value, name) is not UNSET}
        hidden = {wire for wire, item in known.items() if names[wire] in value._SENSITIVE and item is not None}
        others = {name: masked_field(name, item) for name, item in value.additional_properties.items()}
        return {wire: MASK if wire in hidden else masked_value(item) for wire, item in known.items()} | others
    if is_object(value):
        return {name: masked_field(name, item) for name, item in value.items()}
    if is_list(value):
        return [masked_value(item) for item in value]
    return dump(value)


def masked_strings(value: Any) -> Any:
    """Return a JSON value with what looks like personal data masked in its strings, whatever their field."""
    if is_object(value):
        return {name: masked_strings(item) for name, item in value.items()}
    if is_list(value):
        return [masked_strings(item) for item in value]
    # A time has as many digits as a phone number.
    return _PERSONAL.mask(value) if isinstance(value, str) and not _TIME.fullmatch(value) else value
