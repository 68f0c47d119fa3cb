"""The OpenAPI documents that this SDK is generated from, shipped with it.

Use them with generators for other languages and with mock servers; the sandbox uses them too.
"""

from __future__ import annotations

from importlib.resources import files

from ._apis import APIS

_PACKAGES = {api.spec: api.package for api in APIS}

NAMES = tuple(_PACKAGES)
"""The names that `read` accepts."""


def read(name: str) -> str:
    """Read a specification.

    Args:
        name: one of `NAMES`.

    Returns:
        An OpenAPI 3.1 document in YAML.

    Raises:
        ValueError: if there is no specification of that name.
    """
    if name not in _PACKAGES:
        raise ValueError(f"no specification named {name!r}: expected one of {', '.join(NAMES)}")
    return files(_PACKAGES[name]).joinpath("openapi.yaml").read_text(encoding="utf-8")
