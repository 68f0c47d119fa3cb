"""Changes between two public surfaces, and what they mean for callers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from . import signature_changes
from .changes import Change, Subject, Words
from .surface import Surface
from .type_relations import names, read

_OPERATION = re.compile(r"(\w+)\.api\.(\w+)(?:\.(\w+)(?:\.\w+)?)?")
_MODEL = re.compile(r"(\w+)\.models\.(\w+)(?:\.(\w+))?")


def compare(old: Surface, new: Surface) -> list[Change]:
    """List all changes, each on its own even if several have the same cause."""
    return [*_Comparison(old, new).changes()]


def shown(name: str, surface: Surface) -> str:
    """Return a public name as reports show it: a call of a client as it is written."""
    client = ".".join(name.split(".")[:2])
    variable = surface.get(client, {}).get("variable")
    if variable and (name.count(".") == 3 or surface.get(name, {}).get("kind") == "call"):
        return f"{variable}.{name.removeprefix(f'{client}.')}"
    return name


class View:
    """A surface that resolves names as Python does."""

    def __init__(self, surface: Surface) -> None:
        self.surface = surface
        self.passed, self.returned = set[str](), set[str]()
        for name, record in surface.items():
            if _OPERATION.fullmatch(name) and record["kind"] == "function":
                package = name.split(".")[0]
                for signature in record["signatures"]:
                    for _, _, annotation, _ in signature["parameters"]:
                        self.passed |= self._models(package, annotation)
                    self.returned |= self._models(package, signature["returns"])
        self.passed, self.returned = self.reached(self.passed), self.reached(self.returned)

    def find(self, name: str) -> dict[str, Any] | None:
        """Return the record of a name, through aliases and base classes."""
        record = self.surface.get(name)
        if record is not None:
            return self.find(record["of"]) if record["kind"] == "alias" else record
        parent, _, last = name.rpartition(".")
        if not parent:
            return None
        above = self.surface.get(parent)
        if above is None or above["kind"] == "alias":
            whole = self.real(parent)
            return self.find(f"{whole}.{last}") if whole not in (None, parent) else None
        for base in above.get("bases", ()):
            if f"{base}.{last}" in self.surface:
                return self.surface[f"{base}.{last}"]
        return None

    def reached(self, models: set[str]) -> set[str]:
        """Return models, and those in their fields."""
        found, waiting = set[str](), sorted(models)
        while waiting:
            model = waiting.pop()
            if model not in found:
                found.add(model)
                package = model.split(".")[0]
                for name, record in self.surface.items():
                    if name.startswith(f"{model}.") and record["kind"] == "attribute":
                        waiting += self._models(package, record.get("type"))
        return found

    def real(self, name: str) -> str | None:
        """Return the name that an object is listed under, if there is one of this name."""
        record = self.surface.get(name)
        if record is not None:
            return str(record["of"]) if record["kind"] == "alias" else name
        parent, _, last = name.rpartition(".")
        real = self.real(parent) if parent else None
        return f"{real}.{last}" if real else None

    def _models(self, package: str, annotation: str | None) -> set[str]:
        paths = {f"{package}.models.{name}" for name in names(annotation or "None")}
        return {path for path in paths if path in self.surface}


def subjects(name: str, record: dict[str, Any] | None, parameter: str = "") -> frozenset[Subject]:
    """Return the subjects of a public name, or of a parameter of it."""
    path = record["describes"] if record and record["kind"] == "call" else name
    if (operation := _OPERATION.fullmatch(path)) is not None:
        package, tag, module = operation.groups()
        if module is None:
            return frozenset({("tag", package, tag)})
        about = ("argument", package, module, parameter) if parameter else ("operation", package, module)
        return frozenset({about})
    if (model := _MODEL.fullmatch(path)) is not None:
        package, class_name, member = model.groups()
        member = parameter or member
        return frozenset({("member", package, class_name, member) if member else ("model", package, class_name)})
    return frozenset({("surface", name, parameter)})


class _Comparison:
    def __init__(self, old: Surface, new: Surface) -> None:
        self.old, self.new = View(old), View(new)

    def changes(self) -> Iterator[Change]:
        for name, record in self.old.surface.items():
            now = self.new.find(name)
            if self._is_another(name.rpartition(".")[0]):
                continue  # the change is that of its parent
            if now is not None and self._is_another(name):
                reason = "code that uses it gets another object"
                was, is_ = self.old.real(name), self.new.real(name)
                yield self._change(name, now, "changed", True, reason, was=was, now=is_)
            elif now is not None and record["kind"] == "alias":
                # The target of an alias is compared under its own name, as long as it has one.
                if self.new.find(record["of"]) is None:
                    yield from self._moved(name, record["of"])
            elif now is not None:
                yield from self._same(name, record, now)
            elif self._is_separate(name, self.new, self.old):
                yield self._change(name, record, "removed", True, self._removal(name, record), shown_of=self.old)
        for name, record in self.new.surface.items():
            if self.old.find(name) is None and self._is_separate(name, self.old, self.new):
                reason = "another name for an existing object" if record["kind"] == "alias" else "nothing else changes"
                yield self._change(name, record, "added", False, reason, shown_of=self.new)

    def _is_another(self, name: str) -> bool:
        """Return whether a name refers to another object than before, whatever the names of both are now."""
        was, now = self.old.real(name), self.new.real(name)
        if was == now or was is None or now is None:
            return False
        moved = self.new.find(was) is not None and self.new.real(was) != now
        return moved or (self.old.find(now) is not None and self.old.real(now) != was)

    def _moved(self, name: str, target: str) -> Iterator[Change]:
        """Compare an object that lost the name it was listed under, by another name of it."""
        for path, record in self.old.surface.items():
            if path == target or path.startswith(f"{target}."):
                here = name + path.removeprefix(target)
                now = self.new.find(here)
                if now is not None:
                    yield from self._same(here, record, now)
                elif self._is_separate(here, self.new, self.old):
                    yield self._change(here, record, "removed", True, self._removal(path, record), shown_of=self.old)

    def _removal(self, name: str, record: dict[str, Any]) -> str:
        above = self.old.surface.get(name.rpartition(".")[0], {})
        error = "ImportError" if above.get("kind") == "module" else "AttributeError"
        return f"code that uses it raises {'ModuleNotFoundError' if record['kind'] == 'module' else error}"

    def _is_separate(self, name: str, there: View, here: View) -> bool:
        """Return whether its parent was neither added nor removed with it; otherwise that is the change."""
        parent = name.rpartition(".")[0]
        return not parent or parent not in here.surface or there.find(parent) is not None

    def _change(
        self,
        name: str,
        record: dict[str, Any],
        kind: str,
        breaking: bool,
        reason: str,
        *,
        was: str | None = None,
        now: str | None = None,
        parameter: str = "",
        shown_of: View | None = None,
    ) -> Change:
        text = shown(name, (shown_of or self.new).surface)
        if parameter:
            text = f"{text.removesuffix('.__init__')}({parameter}=)"
        return Change(
            kind,
            "surface",
            text,
            breaking,
            reason,
            was,
            now,
            (name,),
            subjects(name, record, parameter),
            frozenset(subjects(name, record)) if record["kind"] == "class" else frozenset(),
        )

    def _same(self, name: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
        """Compare two records of the same name."""
        yield from self._notes(name, old, new)
        if "call" in (old["kind"], new["kind"]) and old["kind"] == new["kind"]:
            # The signature is compared with the generated function, unless that is another one.
            if old["describes"] != new["describes"]:
                yield from self._rebound(name, old, new)
            return
        if old["kind"] != new["kind"]:
            reason = "it is used differently"
            yield self._change(name, new, "changed", True, reason, was=_article(old), now=_article(new))
        elif old["kind"] == "class":
            yield from self._bases(name, old, new)
        elif old["kind"] == "attribute":
            yield from self._attribute(name, old, new)
        elif old["kind"] == "function" and old != new:
            yield from self._function(name, new, old["signatures"], new["signatures"])

    def _notes(self, name: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
        """Compare the deprecations of an object, and of names of its arguments."""

        def change(breaking: bool, reason: str, was: str | None, now: str | None, parameter: str = "") -> Change:
            kind = "removed" if breaking else "deprecated"
            one = self._change(name, new, kind, breaking, reason, was=was, now=now, parameter=parameter)
            # It is not merged with any other change.
            return one if breaking else replace(one, subjects=frozenset({("deprecated", name, parameter)}))

        was, now = old.get("deprecated"), new.get("deprecated")
        if was != now:
            reason = "it works as before, with a DeprecationWarning" if now else "it no longer raises a warning"
            yield change(False, reason, was, now)
        before, after = old.get("renamed", {}), new.get("renamed", {})
        for argument, (called, until) in after.items():
            if before.get(argument) != after[argument]:
                reason = "it is still accepted, with a DeprecationWarning; type checkers know only the new name"
                text = f"use {called} instead of {argument}, which is removed in {until}"
                yield change(False, reason, None, text, argument)
        for argument, (called, _) in before.items():
            if argument not in after:
                other = Words(f"another name for `{called}`")
                if any(argument == entry[0] for entry in self._entries(new)):
                    yield change(False, "it no longer raises a warning", other, None, argument)
                else:
                    reason = "calls that pass it raise TypeError"
                    yield change(True, reason, other, None, argument)

    def _entries(self, record: dict[str, Any]) -> list[list[Any]]:
        """Return all parameters of a function, or of the function that a call is bound to."""
        if record["kind"] == "call":
            record = self.new.find(record["describes"]) or {}
        return [entry for signature in record.get("signatures", ()) for entry in signature["parameters"]]

    def _rebound(self, name: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
        before, after = self.old.find(old["describes"]), self.new.find(new["describes"])
        if before and after:
            yield from self._function(name, new, before["signatures"], after["signatures"])

    def _bases(self, name: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
        for base in sorted(set(old["bases"]) - set(new["bases"])):
            reason = f"`except` and `isinstance` with {base} no longer include it"
            yield self._change(name, new, "changed", True, reason, was=Words(f"derived from `{base}`"))
        for base in sorted(set(new["bases"]) - set(old["bases"])):
            reason = f"`except` and `isinstance` with {base} include it"
            yield self._change(name, new, "changed", False, reason, now=Words(f"derived from `{base}`"))

    def _attribute(self, name: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
        was, now = old.get("type"), new.get("type")
        model = name.rpartition(".")[0]
        if ".models." in name and model in self.new.passed and model not in self.new.returned:
            return  # callers pass it, so only the constructor counts
        if old.get("value") != new.get("value") and (was is None or now is not None):
            reason = "code that relies on the old value fails"
            yield self._change(name, new, "changed", True, reason, was=old.get("value"), now=new.get("value"))
        elif found := read(was, now):
            breaking, reason, before, after = found
            yield self._change(name, new, "changed", breaking, reason, was=before, now=after)

    def _function(
        self, name: str, record: dict[str, Any], old: list[dict[str, Any]], new: list[dict[str, Any]]
    ) -> Iterator[Change]:
        model = name.rpartition(".")[0]
        if name.endswith(".__init__") and ".models." in name and model not in self.new.passed:
            return  # only the SDK constructs them; their fields are compared
        if len(old) != len(new):
            kept = all(signature in new for signature in old)
            reason = "every overload stays" if kept else "an overload was removed"
            yield self._change(name, record, "changed", not kept, reason, was=_ways(old), now=_ways(new))
            return
        for before, after in zip(old, new, strict=True):
            if name.endswith(".__init__"):
                # A generated constructor returns nothing either, though without an annotation.
                before, after = {**before, "returns": None}, {**after, "returns": None}
            for found in signature_changes.compare(before, after, record.get("renamed", {})):
                yield self._change(
                    name,
                    record,
                    found.kind,
                    found.breaking,
                    found.reason,
                    was=found.was,
                    now=found.now,
                    parameter=found.parameter,
                )


def _article(record: dict[str, Any]) -> str:
    return Words(f"an {record['kind']}" if record["kind"][0] in "aeiou" else f"a {record['kind']}")


def _ways(signatures: list[dict[str, Any]]) -> str:
    return Words(f"{len(signatures)} overload{'s' if len(signatures) > 1 else ''}")


__all__ = ["View", "compare", "shown", "subjects"]
