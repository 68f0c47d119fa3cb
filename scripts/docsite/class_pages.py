"""A page for each public class, and one for the functions of each module."""

from __future__ import annotations

import functools
import inspect
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from reporter.surface import Surface, read_packages

import invigilate
from invigilate import Lazy
from invigilate.cli.fields import docstring_texts

from .catalog import Entry, entries, introduction
from .markup import cell, fenced, joined, table
from .page import Page
from .types import in_words

ROOT = Path(__file__).resolve().parents[2]
FOLDER = "reference/classes"

_MODULES = {
    "invigilate": "Clients, results and errors",
    "invigilate.smarterproctoring.sids": "SIDs",
    "invigilate.ispring.webhooks": "Webhooks",
    "invigilate.export": "Exports",
    "invigilate.sandbox": "Sandbox",
    "invigilate.sandbox.faults": "Faults of the sandbox",
    "invigilate.otel": "Traces and metrics",
    "invigilate.drift": "Drift",
    "invigilate.specs": "Specs",
    "invigilate.provenance": "Provenance",
}
"""The modules whose public names have pages, and the headings of these. Other modules export the same names; those of
`dlt` and `spark` are in the guide to warehouses."""
_SPECIAL = {
    "__iter__": "Read it with `for`.",
    "__aiter__": "Read it with `async for`.",
    "__enter__": "Use it in a `with` statement, which closes it.",
    "__aenter__": "Use it in an `async with` statement, which closes it.",
    "__len__": "`len()` returns how many it has.",
    "__getitem__": "`[...]` returns one, or a part.",
}
_PLUMBING = {"run", "steps"}
"""What resources need of a client, and callers do not."""


@dataclass(frozen=True)
class Classes:
    """The public classes and functions of the SDK.

    Attributes:
        surface: the public surface, as `scripts/reporter` reads it.
        paths: the pages of the classes, by full name.
    """

    surface: Surface
    paths: Mapping[str, str]

    @classmethod
    def read(cls) -> Classes:
        """Read the surface from the sources."""
        surface = read_packages([ROOT / "facade", ROOT / "generated"], ["invigilate", "invigilate_runtime"])
        for name in invigilate.__all__:
            # What the runtime defines and the SDK exports is documented as the SDK's.
            own, there = f"invigilate.{name}", f"invigilate_runtime.{name}"
            found = {key: value for key, value in surface.items() if key == there or key.startswith(f"{there}.")}
            surface |= {f"{own}{key.removeprefix(there)}": value for key, value in found.items() if own not in surface}
        names = [name for name, found in surface.items() if found["kind"] == "class" and _module(name) in _MODULES]
        return cls(surface, {name: f"{FOLDER}/{_name(name)}.md" for name in names})

    def link(self, page: str, name: str) -> str:
        """A link from a page to that of a class, or its name as code if it has none."""
        path = next((path for full, path in self.paths.items() if _name(full) == name), None)
        return f"`{name}`" if path is None else f"[`{name}`]({posixpath.relpath(path, posixpath.dirname(page))})"

    def pages(self) -> Iterator[Page]:
        """The pages, in the order of the navigation."""
        rows = ((f"[`{module}`]({_file(module)})", title) for module, title in _MODULES.items())
        overview = table(("module", "what it has"), rows)
        text = joined(["# Classes", "The public classes and functions of the SDK, by module.", overview])
        yield Page(f"{FOLDER}/index.md", "Overview", ("Reference", "Classes"), text, "Public classes and functions.")
        for module, title in _MODULES.items():
            section = ("Reference", "Classes", title)
            yield self._module_page(module, title, section)
            for name, path in self.paths.items():
                if _module(name) == module:
                    yield self._class_page(name, path, section)

    def _module_page(self, module: str, title: str, section: tuple[str, ...]) -> Page:
        path = f"{FOLDER}/{_file(module)}"
        first = introduction(import_module(module))[0]
        blocks = [f"# {title}", f"`{module}`: {first}"]
        classes = [name for name in self.paths if _module(name) == module]
        if classes:
            rows = ((self.link(path, _name(each)), cell(introduction(_object(each))[0])) for each in classes)
            blocks.append(table(("class", "what it is"), rows))
        functions = [each for each in self._members(module) if self.surface[each]["kind"] == "function"]
        if functions:
            blocks.append("## Functions")
            for name in functions:
                blocks += self.function(name, imported=True)
        return Page(path, "Overview", section, joined(blocks), first)

    def _class_page(self, name: str, path: str, section: tuple[str, ...]) -> Page:
        thing, short = _object(name), _name(name)
        first, rest = introduction(thing)
        bases = [base for base in self.surface[name]["bases"] if base.startswith("invigilate.") or "Error" in base]
        lineage = [self.link(path, _name(base)) for base in _nearest(thing, bases)]
        blocks = [f"# {short}", fenced("python", f"from {_module(name)} import {short}"), first, rest]
        blocks.append(f"Base classes: {', '.join(lineage)}." if lineage else "")
        below = [self.link(path, _name(each)) for each in self.paths if name in self.surface[each]["bases"]]
        blocks.append(f"Subclasses: {', '.join(below)}." if below else "")
        blocks.append(_more(thing))
        constructor = self.surface.get(f"{name}.__init__")
        if constructor is not None:
            blocks += ["## Arguments", _parameters(constructor["signatures"][0], _explained(thing, "Args"))]
        members = {_name(key): self.surface[key] for key in self._members(name)}
        blocks += self._attributes(thing, members, path)
        blocks.append(" ".join(what for key, what in _SPECIAL.items() if key in members))
        methods = [key for key, found in members.items() if found["kind"] == "function" and key[0] != "_"]
        methods = [key for key in methods if key not in _PLUMBING]
        if methods:
            blocks.append("## Methods")
            for method in methods:
                blocks += self.function(f"{name}.{method}")
        blocks += self._inherited(name, path)
        return Page(path, short, section, joined(blocks), first)

    def _attributes(self, thing: Any, members: Mapping[str, dict[str, Any]], path: str) -> Iterator[str]:
        explained = _explained(thing, "Attributes")
        resources = {each.call.split(".")[1]: each for each in entries() if thing.__name__ in each.api.clients}
        rows = []
        for key, found in members.items():
            if found["kind"] != "attribute" or key.startswith("_"):
                continue
            if key in resources:
                entry = resources[key]
                target = posixpath.relpath(f"reference/{entry.folder}/index.md", posixpath.dirname(path))
                rows.append((f"[`{key}`]({target})", cell(entry.resource.what)))
                continue
            value = inspect.getattr_static(thing, key, None)
            computed = isinstance(value, property | functools.cached_property)
            text = explained.get(key) or (introduction(value)[0] if computed else "")
            kind = in_words(found["type"], anything="anything") if "type" in found else ""
            kind = f"`{found['value']}`" if "value" in found else kind
            rows.append((f"`{key}`", cell(kind, text)))
        if rows:
            yield "## Attributes"
            yield table(("attribute", "description"), rows)

    def methods_of(self, entry: Entry) -> Iterator[str]:
        """The blocks of the methods of a resource that are not operations."""
        prefix = f"invigilate.{entry.api.clients[0]}.{entry.call.split('.')[1]}"
        for name in self._members(prefix):
            if self.surface[name]["kind"] == "function":
                yield from self.function(name)

    def _members(self, name: str) -> list[str]:
        return [each for each in self.surface if _module(each) == name]

    def _inherited(self, name: str, path: str) -> Iterator[str]:
        """The members that public base classes define."""
        rows = []
        for base in self.surface[name]["bases"]:
            shown = [f"`{_name(key)}`" for key in self._members(base) if not _name(key).startswith("_")]
            if shown:
                rows.append((self.link(path, _name(base)), ", ".join(shown)))
        if rows:
            yield "## Inherited"
            yield table(("from", "attributes and methods"), rows)

    def function(self, name: str, *, imported: bool = False) -> Iterator[str]:
        """The blocks of a function or method."""
        thing, short = _object(name), _name(name)
        signature = self.surface[name]["signatures"][0]
        yield f"### {short}"
        if imported:
            yield fenced("python", f"from {_module(name)} import {short}")
        yield f"`{'await ' if signature.get('async') else ''}{short}({_written(signature)})`"
        first, rest = introduction(thing)
        yield first
        yield rest
        if signature["parameters"]:
            yield _parameters(signature, docstring_texts(thing, "Args"))
        returned = _section(thing, "Returns") or _section(thing, "Yields")
        if returned or signature["returns"] not in {None, "None", "Self"}:
            kind = in_words(signature["returns"] or "Any", anything="anything")
            kind = "" if kind == "`T`" else f"{kind}. "
            yield f"Returns: {kind}{returned}".strip() if kind or returned else ""
        raised = docstring_texts(thing, "Raises")
        if raised:
            yield table(("raised", "when"), ((f"`{error}`", cell(when)) for error, when in raised.items()))
        yield _more(thing)


def _module(name: str) -> str:
    return name.rpartition(".")[0]


def _name(name: str) -> str:
    return name.rpartition(".")[2]


def _file(module: str) -> str:
    return f"module-{module.replace('.', '-')}.md"


def _object(name: str) -> Any:
    """Import what a full name names."""
    parts = name.split(".")
    for number in range(len(parts), 0, -1):
        try:
            found: Any = import_module(".".join(parts[:number]))
        except ModuleNotFoundError:
            continue
        for part in parts[number:]:
            found = found.resource if isinstance(found, Lazy) else found
            found = inspect.getattr_static(found, part) if inspect.isclass(found) else getattr(found, part)
        return found.__func__ if isinstance(found, classmethod | staticmethod) else found
    raise ModuleNotFoundError(name)


def _nearest(thing: Any, bases: list[str]) -> list[str]:
    """The public base classes, nearest first."""
    order = [cls.__name__ for cls in thing.__mro__]
    return sorted(bases, key=lambda base: order.index(_name(base)) if _name(base) in order else len(order))


def _explained(thing: Any, section: str) -> dict[str, str]:
    """The entries of a section in the docstrings of a class, of its bases, and of the class that it refers to."""
    found: dict[str, str] = {}
    other = re.search(r"see `(\w+)`", thing.__doc__ or "")
    referred = [getattr(import_module(thing.__module__), other[1], None)] if other else []
    for cls in [*thing.__mro__, *referred]:
        if cls is not None and cls is not object:
            own = SimpleNamespace(__doc__=vars(cls).get("__doc__"))  # not an inherited docstring
            found = {**docstring_texts(own, section), **found}
    return found


def _parameters(signature: Mapping[str, Any], explained: Mapping[str, str]) -> str:
    rows = []
    for name, kind, annotation, default in signature["parameters"]:
        stars = {"variadic positional": "*", "variadic keyword": "**"}.get(kind, "")
        words = in_words(annotation, anything="anything") if annotation else ""
        value = f"default `{default}`" if default is not None else "" if stars else "*required*"
        facts = ", ".join(filter(None, [words, value]))
        rows.append((f"`{stars}{name}`", cell(facts, explained.get(name, ""))))
    return table(("argument", "description"), rows)


def _written(signature: Mapping[str, Any]) -> str:
    parts, keywords = [], False
    for name, kind, _, default in signature["parameters"]:
        stars = {"variadic positional": "*", "variadic keyword": "**"}.get(kind, "")
        if kind == "keyword-only" and not keywords:
            parts.append("*")
        keywords = keywords or kind in {"keyword-only", "variadic positional"}
        parts.append(f"{stars}{name}" + (f"={default}" if default is not None else ""))
    return ", ".join(parts)


def _section(thing: Any, title: str) -> str:
    """The text of a section of a docstring."""
    match = re.search(rf"^{title}:\n((?: +.*\n?|\n)+)", inspect.cleandoc(thing.__doc__ or "") + "\n", re.MULTILINE)
    return " ".join(match[1].split()) if match else ""


def _more(thing: Any) -> str:
    """The documentation page that a docstring names."""
    match = re.search(r"^Documentation: (\S+)$", inspect.cleandoc(thing.__doc__ or ""), re.MULTILINE)
    return f"Vendor's documentation: <{match[1]}>" if match else ""
