"""Zensical, which turns the pages into HTML: its configuration, and running it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .dialect import convert
from .errors import SiteError
from .page import Page
from .sources import CONFIG, Project

_THEME = Path(__file__).with_name("theme")


def navigation(pages: Iterable[Page]) -> list[dict[str, Any]]:
    """Nest the pages in their sections."""
    nav: list[dict[str, Any]] = []
    inside: dict[tuple[str, ...], list[dict[str, Any]]] = {(): nav}
    for page in pages:
        for depth, title in enumerate(page.section, 1):
            if page.section[:depth] not in inside:
                inside[page.section[:depth]] = []
                inside[page.section[: depth - 1]].append({title: inside[page.section[:depth]]})
        inside[page.section].append({page.title: page.path})
    return nav


def inline(value: Any) -> str:
    """Write a value as TOML, in one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(key)} = {inline(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(inline, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def front_matter(page: Page) -> str:
    """What the theme needs to know of a page; JSON is YAML, too."""
    meta = {"title": page.title, "description": page.summary, "markdown": page.path}
    return (
        "---\n" + "".join(f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in meta.items()) + "---\n"
    )


def write(project: Project, pages: list[Page], folder: Path) -> Path:
    """Write everything that Zensical reads into an empty folder, and return its configuration."""
    docs = folder / "docs"
    # Images and styles; pages come as they are on the site.
    shutil.copytree(
        project.root / "docs", docs, ignore=shutil.ignore_patterns("*.md", Path(CONFIG).name, "__pycache__")
    )
    shutil.copytree(_THEME, folder / "theme")
    for page in pages:
        file = docs / page.path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(front_matter(page) + "\n" + convert(page.text), encoding="utf-8")
    settings = {
        **project.config["project"],
        "nav": navigation(pages),
        "repo_url": project.repository,
        "repo_name": urlsplit(project.repository).path.strip("/"),
        "copyright": f'invigilate {project.version}, <a href="{project.repository}">MIT license</a>',
    }
    settings["theme"] = {**settings["theme"], "custom_dir": "theme"}
    config = folder / "zensical.toml"
    lines = [f"{json.dumps(key)} = {inline(value)}\n" for key, value in settings.items()]
    config.write_text("[project]\n" + "".join(lines), encoding="utf-8")
    return config


def run(config: Path) -> Path:
    """Build the site, and return its folder.

    Raises:
        SiteError: if Zensical fails, or warns of anything.
    """
    done = subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--strict", "--config-file", str(config)],
        cwd=config.parent,
        env={**os.environ, "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        raise SiteError([f"zensical failed:\n{done.stdout}{done.stderr}"])
    site = config.parent / "site"
    # Both need to know the URL that the site is served at.
    for name in ("404.html", "sitemap.xml"):
        (site / name).unlink()
    return site
