"""The OpenAPI documents that this SDK is generated from, as they are shipped with it.

They serve generators of other languages, mock servers, and the sandbox.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Literal

SpecName = Literal["smarterproctoring", "ispring-learn"]

_PACKAGES: dict[SpecName, str] = {
    "smarterproctoring": "smarterproctoring_client",
    "ispring-learn": "ispring_learn_client",
}

NAMES: tuple[SpecName, ...] = tuple(_PACKAGES)
"""The names that `read` takes."""


def read(name: SpecName) -> str:
    """Read a specification.

    Args:
        name: `"smarterproctoring"` or `"ispring-learn"`.

    Returns:
        An OpenAPI 3.1 document as YAML text.

    Raises:
        ValueError: if there is no specification of that name.
    """
    if name not in _PACKAGES:
        raise ValueError(f"no specification is called {name!r}; there are {', '.join(NAMES)}")
    return files(_PACKAGES[name]).joinpath("openapi.yaml").read_text(encoding="utf-8")
