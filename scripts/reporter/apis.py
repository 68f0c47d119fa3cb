"""The APIs of a tree, from its registry."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from invigilate._apis import API, read_registry

from .changes import ReportError

REGISTRY = Path("facade/invigilate/apis.toml")
_OWN = ("invigilate", "invigilate_pytest", "invigilate_runtime")


def read(root: Path) -> tuple[API, ...]:
    """Read the registry of a tree.

    Raises:
        ReportError: if it is missing or incomplete.
    """
    try:
        return read_registry(root / REGISTRY)
    except OSError as error:
        raise ReportError(f"{REGISTRY} cannot be read: {error.strerror}") from None
    except (KeyError, TypeError, ValueError) as error:
        raise ReportError(f"{REGISTRY} cannot be read: {type(error).__name__}: {error}") from None


def packages(apis: Iterable[API]) -> tuple[str, ...]:
    """The packages whose surface is public, the generated ones first."""
    return (*sorted(api.package for api in apis), *_OWN)


def variables(apis: Iterable[API]) -> dict[str, str]:
    """The variable that holds each sync client in documentation and reports, by class name."""
    return {api.clients[0]: api.key if index else "client" for index, api in enumerate(apis)}


def is_generated(name: str) -> bool:
    """Whether a public name is in a generated package."""
    return name.partition(".")[0] not in _OWN


__all__ = ["REGISTRY", "is_generated", "packages", "read", "variables"]
