"""A build hook: what an index shows of the project, with links that work there.

README.md links to files of the repository by relative paths. On an index page these would lead nowhere, so the built
metadata has the README with links into the repository, at the tag of the version, and the URLs of the project.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from hatchling.metadata.plugin.interface import MetadataHookInterface

_FENCED = re.compile(r"^(```.*?^```$)", re.MULTILINE | re.DOTALL)
_TARGET = re.compile(r"(?<=\]\()[^)\s]+(?=\))")


def absolute(text: str, page: str) -> str:
    """Make the links of a Markdown text absolute; code blocks stay as they are.

    Args:
        text: the text.
        page: the URL of the file that it is from.
    """
    parts = _FENCED.split(text)
    return "".join(
        part if index % 2 else _TARGET.sub(lambda match: urljoin(page, match[0]), part)
        for index, part in enumerate(parts)
    )


class IndexPage(MetadataHookInterface):
    """Sets `readme` and `urls`, both derived from the option `repository`."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the fields of the metadata."""
        repository = self.config["repository"]
        files = f"{repository}/blob/v{metadata['version']}"
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": absolute(text, f"{files}/README.md")}
        metadata["urls"] = {
            "Repository": repository,
            "Documentation": f"{repository}/tree/v{metadata['version']}/docs",
            "Changelog": f"{files}/CHANGELOG.md",
            "Issues": f"{repository}/issues",
        }
