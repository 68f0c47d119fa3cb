"""The APIs that the sandbox serves: those of `apis.toml`, and those of a file of the same form."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class ApiEntry:
    """One API of the registry.

    Attributes:
        key: its name in the sandbox: in records, fault plans and options.
        title: its name for people.
        spec: its OpenAPI document, as YAML.
        variables: client option and environment variable, in pairs.
        defaults: client options that stand in for parameters.
    """

    key: str
    title: str
    spec: str
    variables: tuple[tuple[str, str], ...] = ()
    defaults: tuple[str, ...] = ()


@cache
def shipped() -> tuple[ApiEntry, ...]:
    """The APIs of this package."""
    return _entries(files("invigilate").joinpath("apis.toml").read_text(encoding="utf-8"), None)


def with_file(path: Path | str | None) -> tuple[ApiEntry, ...]:
    """The APIs of this package, followed by those of a TOML file.

    The spec of such an API is `<spec>.yaml` beside the file, or else what its package ships.

    Raises:
        OSError: the file, or a spec, cannot be read.
        ValueError: the file is not a registry, or reuses a key.
    """
    if path is None:
        return shipped()
    path = Path(path)
    try:
        added = _entries(path.read_text(encoding="utf-8"), path.parent)
    except (KeyError, TypeError, AttributeError, tomllib.TOMLDecodeError) as error:
        raise ValueError(f"{path.name} is not a registry of APIs: {error!r}") from error
    known = {entry.key for entry in shipped()}
    taken = sorted(entry.key for entry in added if entry.key in known)
    if taken:
        raise ValueError(f"{path.name} reuses {', '.join(taken)}, which the sandbox serves already")
    return (*shipped(), *added)


def find(key: str) -> ApiEntry:
    """An API of this package by its key.

    Raises:
        KeyError: there is no such API.
    """
    for entry in shipped():
        if entry.key == key:
            return entry
    raise KeyError(key)


def _entries(text: str, folder: Path | None) -> tuple[ApiEntry, ...]:
    return tuple(
        ApiEntry(
            key=key,
            title=each.get("title", key),
            spec=_spec(each, folder),
            variables=tuple(each.get("variables", {}).items()),
            defaults=tuple(each.get("defaults", ())),
        )
        for key, each in tomllib.loads(text).items()
    )


def _spec(entry: dict[str, Any], folder: Path | None) -> str:
    beside = None if folder is None else folder / f"{entry['spec']}.yaml"
    if beside is not None and beside.exists():
        return beside.read_text(encoding="utf-8")
    return files(entry["package"]).joinpath("openapi.yaml").read_text(encoding="utf-8")
