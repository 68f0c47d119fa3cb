"""The registry of APIs, read from `apis.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple


class API(NamedTuple):
    """One API; see `apis.toml` for what each field means."""

    key: str
    title: str
    spec: str
    package: str
    clients: tuple[str, str]
    exports: tuple[str, ...] = ()
    defaults: tuple[str, ...] = ()
    variables: Mapping[str, str] = {}  # never written to


def read_registry(path: Path) -> tuple[API, ...]:
    """Read a registry file, in its order."""
    registry = tomllib.loads(path.read_text(encoding="utf-8"))
    return tuple(API(key, **entry) for key, entry in registry.items())


APIS = read_registry(Path(__file__).with_name("apis.toml"))
