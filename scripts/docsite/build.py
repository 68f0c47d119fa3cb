"""Builds the site of a version beside those of others."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from packaging.version import InvalidVersion, Version

from . import check, markdown, search, sources, zensical
from .errors import SiteError
from .page import Page
from .sources import Render

LATEST = "latest"
_ROOT_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>invigilate</title>
<meta http-equiv="refresh" content="0; url=latest/">
<link rel="icon" href="data:,">
<p><a href="latest/">Documentation of the latest version</a></p>
</html>
"""


def build(root: Path, output: Path, generated: Iterable[Page], render: Render = str) -> Path:
    """Build the site of the repository's version into a folder of its own, and return that.

    Args:
        root: the repository.
        output: where the folders of versions are; those of others are kept.
        generated: the pages of the reference.
        render: fills the tables of a page that lead into the reference.

    Raises:
        SiteError: if a page or link is wrong. `output` is unchanged then.
    """
    project = sources.Project.read(root)
    pages = sources.pages(project, generated, render)
    with tempfile.TemporaryDirectory(prefix="invigilate-site-") as temporary:
        site = zensical.run(zensical.write(project, pages, Path(temporary)))
        markdown.write(pages, project.config["project"], site)
        search.tune(pages, site)
        if broken := list(check.problems(site)):
            raise SiteError(broken)
        folder = output / project.version
        _replace(site, folder)
    versions = published(output)
    _replace(output / versions[0], output / LATEST)
    _write_versions(output, versions)
    return folder


def published(output: Path) -> list[str]:
    """The versions that have a folder, newest first."""
    found = []
    for folder in output.iterdir():
        if folder.is_dir():
            try:
                found.append(Version(folder.name))
            except InvalidVersion:
                continue
    return [str(version) for version in sorted(found, reverse=True)]


def _replace(source: Path, folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
    shutil.copytree(source, folder)


def _write_versions(output: Path, versions: list[str]) -> None:
    # The format of mike, which the theme reads.
    listed = [
        {"version": version, "title": version, "aliases": [LATEST] if version == versions[0] else []}
        for version in versions
    ]
    (output / "versions.json").write_text(json.dumps(listed, indent=2) + "\n", encoding="utf-8")
    (output / "index.html").write_text(_ROOT_PAGE, encoding="utf-8")
