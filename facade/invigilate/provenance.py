"""What the installed SDK was generated from: specifications, generator, templates, formatter; by version and hash."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from ._apis import APIS


def read(*packages: str) -> dict[str, dict[str, Any]]:
    """Read the provenance that generated packages carry.

    Args:
        packages: names of generated packages, including those of a downstream SDK; by default all of this SDK.

    Returns:
        For each package: `specification` (`file`, `sha256`), `generator` (`name`, `version`, `options`), `templates`
        (`sha256` of the output of `sha256sum *` in the folder of templates) and `formatter` (`name`, `version`).

    Raises:
        FileNotFoundError: if a package carries none.
        ModuleNotFoundError: if a package is not installed.
    """
    names = packages or tuple(api.package for api in APIS)
    return {name: json.loads(files(name).joinpath("provenance.json").read_text(encoding="utf-8")) for name in names}
