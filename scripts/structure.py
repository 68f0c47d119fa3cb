"""Figures of the hand-written packages: their size, their import circles, and where they name a vendor.

Run `./scripts/figures` to print them; tests/unit/test_structure.py holds them below their caps.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from regenerator.reach import reachable

from invigilate._apis import API, read_registry

ROOT = Path(__file__).resolve().parents[1]
PACKAGE, RUNTIME = "invigilate", "invigilate_runtime"
REGISTRY = Path("facade") / PACKAGE / "apis.toml"
NEUTRAL, CONNECTIONS = "neutral core", "connections"
LONGEST = 400


@dataclass(frozen=True)
class Module:
    """A Python module.

    Attributes:
        name: its dotted name.
        path: its file.
        source: its text.
        layer: the layer that it belongs to.
    """

    name: str
    path: Path
    source: str
    layer: str

    @property
    def statements(self) -> int:
        """The number of its statements; docstrings, comments and blank lines do not count."""
        return sum(isinstance(node, ast.stmt) and not _is_docstring(node) for node in ast.walk(ast.parse(self.source)))

    @property
    def lines(self) -> int:
        """The number of its lines."""
        return len(self.source.splitlines())


def vendor_words(api: API) -> frozenset[str]:
    """The lower-case names that give an API away, such as `ispring`."""
    names = (api.key, api.package, api.title, api.spec)
    return frozenset(re.split(r"[^a-z0-9]", name.lower())[0] for name in names)


def modules(root: Path = ROOT) -> list[Module]:
    """The modules below facade/, except optional parts such as the sandbox, in the order of their names."""
    folders = {api.key: api.key for api in read_registry(root / REGISTRY)} | {"_http": CONNECTIONS}
    facade = root / "facade"
    # `_files` is shared by export and command line; the core writes no files.
    paths = [path for path in (facade / PACKAGE).glob("*.py") if path.name != "_files.py"]
    paths += (facade / RUNTIME).rglob("*.py")
    for folder in folders:
        paths += (facade / PACKAGE / folder).rglob("*.py")
    found = []
    for path in sorted(paths):
        parts = path.relative_to(facade).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        inside = NEUTRAL if path.parent == facade / PACKAGE else folders.get(parts[1], RUNTIME)
        found.append(Module(name, path.relative_to(root), path.read_text(encoding="utf-8"), inside))
    return found


def statements_by_layer(found: Sequence[Module]) -> dict[str, int]:
    """The number of statements of each layer."""
    counts: dict[str, int] = defaultdict(int)
    for module in found:
        counts[module.layer] += module.statements
    return dict(counts)


def circles(root: Path = ROOT) -> list[list[str]]:
    """The groups of modules that import each other, directly or through others; in functions, too."""
    names = {module.path.as_posix(): module.name for module in modules(root)}
    command = [sys.executable, "-m", "ruff", "analyze", "graph", "--isolated", "--quiet", "facade"]
    imported = json.loads(subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout)
    graph = {names[path]: [names[each] for each in imported[path] if each in names] for path in names}
    reached = {name: reachable(graph[name], graph.__getitem__) for name in graph}
    groups = {frozenset(other for other in reached[name] if name in reached[other]) for name in graph}
    return sorted(sorted(group) for group in groups if group)


def naming_vendors(found: Sequence[Module], registry: Sequence[API]) -> dict[Module, list[str]]:
    """The modules that name an API, except in that API's own folder, with the words that they use."""
    naming: dict[Module, list[str]] = {}
    for module in found:
        text = module.source.lower()
        words = {word for api in registry if api.key != module.layer for word in vendor_words(api) if word in text}
        if words:
            naming[module] = sorted(words)
    return naming


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def report(root: Path = ROOT) -> Iterator[str]:
    """The figures, as lines of text."""
    found = modules(root)
    for layer, count in statements_by_layer(found).items():
        yield f"{layer}: {count} statements"
        yield from (f"  {module.statements:5} {module.name}" for module in found if module.layer == layer)
    apart = statements_by_layer(found).get(RUNTIME, 0)
    yield f"all but the runtime: {sum(module.statements for module in found) - apart} statements"
    yield from _section("import circles", (" ".join(circle) for circle in circles(root)))
    naming = naming_vendors(found, read_registry(root / REGISTRY))
    yield from _section(
        "modules that name a vendor", (f"{one.path}: {', '.join(words)}" for one, words in naming.items())
    )
    long = (f"{module.path}: {module.lines}" for module in found if module.lines > LONGEST)
    yield from _section(f"modules of more than {LONGEST} lines", long)


def _section(title: str, entries: Iterator[str]) -> Iterator[str]:
    lines = list(entries)
    yield f"{title}: {len(lines) or 'none'}"
    yield from (f"  {line}" for line in lines)


def main(arguments: list[str] | None = None) -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="figures", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("root", nargs="?", type=Path, default=ROOT, help="the tree to measure; by default this one")
    print("\n".join(report(parser.parse_args(arguments).root)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
