"""The lines of the facade that bind operations which no longer exist."""

from __future__ import annotations

import ast
from pathlib import Path


def stale(root: Path) -> list[str]:
    """List the lines that refer to generated modules which are missing, as `file:line: source`.

    Args:
        root: a folder with `facade/` and `generated/`.
    """
    found: list[str] = []
    for path in sorted((root / "facade").glob("invigilate/*/*.py")):
        source = path.read_text(encoding="utf-8")
        if ".api import" not in source:
            continue
        tree, lines = ast.parse(source), source.splitlines()
        folders: dict[str, Path] = {}
        numbers: set[int] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").endswith("_client.api"):
                for alias in node.names:
                    folder = root / "generated" / str(node.module).replace(".", "/") / alias.name
                    folders[alias.asname or alias.name] = folder
                    if not folder.is_dir():
                        numbers.add(alias.lineno)
        for node in ast.walk(tree):
            match node:
                case ast.Attribute(value=ast.Name(id=tag), attr=module) if tag in folders:
                    if not (folders[tag] / f"{module}.py").is_file():
                        numbers.add(node.lineno)
        found += [f"{path.relative_to(root)}:{number}: {lines[number - 1].strip()}" for number in sorted(numbers)]
    return found


__all__ = ["stale"]
