"""What the installed SDK was generated from: specifications, generator, templates, formatter; by version and hash."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any


def read(*packages: str) -> dict[str, dict[str, Any]]:
    """Read what generated packages say of their origin.

    Args:
        packages: generated packages, those of a downstream SDK included; by default the two of this SDK.

    Returns:
        For each package: `specification` (`file`, `sha256`), `generator` (`name`, `version`, `options`), `templates`
        (`sha256`, of what `sha256sum *` prints in the folder of templates) and `formatter` (`name`, `version`).

    Raises:
        FileNotFoundError: if a package does not say.
        ModuleNotFoundError: if a package is not installed.
    """
    wanted = packages or ("smarterproctoring_client", "ispring_learn_client")
    return {name: json.loads(files(name).joinpath("provenance.json").read_text(encoding="utf-8")) for name in wanted}
