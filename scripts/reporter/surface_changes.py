"""What differs between two public surfaces, and what that means for callers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from . import signature_changes
from .changes import Change, Subject, Words
from .surface import Surface
from .type_relations import names, result_relation

_OPERATION = re.compile(r"(\w+)\.api\.(\w+)(?:\.(\w+)(?:\.\w+)?)?")
_MODEL = re.compile(r"(\w+)\.models\.(\w+)(?:\.(\w+))?")


def compare(old: Surface, new: Surface) -> list[Change]:
    """List what differs; each thing on its own, however many differences have the same cause."""
    return [*_Comparison(old, new).changes()]


def shown(name: str, surface: Surface) -> str:
    """How a public name is shown to people: a call of a client as it is written."""
    for client, variable in (("SmarterProctoring", "client"), ("ISpringLearn", "ispring")):
        prefix = f"invigilate.{client}."
        if name.startswith(prefix) and (name.count(".") == 3 or surface.get(name, {}).get("kind") == "call"):
            return f"{variable}.{name.removeprefix(prefix)}"
    return name


class View:
    """A surface with names resolved, as Python would resolve them."""

    def __init__(self, surface: Surface) -> None:
        self.surface = surface
        self.given, self.answered = set[str](), set[str]()
        for name, record in surface.items():
            if _OPERATION.fullmatch(name) and record["kind"] == "function":
                package = name.split(".")[0]
                for signature in record["signatures"]:
                    for _, _, annotation, _ in signature["parameters"]:
                        self.given |= self._models(package, annotation)
                    self.answered |= self._models(package, signature["returns"])
        self.given, self.answered = self.reached(self.given), self.reached(self.answered)

    def find(self, name: str) -> dict[str, Any] | None:
        """What stands under a name, through aliases and base classes."""
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
        """Models, and those in their members."""
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
        """The name that a thing stands under, if there is one of this name."""
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
    """What a public name, or a parameter of it, is about."""
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
            if self._another(name.rpartition(".")[0]):
                continue  # it is in something else, and that is the change
            if now is not None and self._another(name):
                reason = "code that uses it gets something else"
                was, is_ = self.old.real(name), self.new.real(name)
                yield self._change(name, now, "changed", True, reason, was=was, now=is_)
            elif now is not None and record["kind"] == "alias":
                # What an alias stands for is compared under its own name, as long as it has that.
                if self.new.find(record["of"]) is None:
                    yield from self._moved(name, record["of"])
            elif now is not None:
                yield from self._same(name, record, now)
            elif self._stands_alone(name, self.new, self.old):
                yield self._change(name, record, "removed", True, self._gone(name, record), shown_of=self.old)
        for name, record in self.new.surface.items():
            if self.old.find(name) is None and self._stands_alone(name, self.old, self.new):
                reason = "another name for what there was" if record["kind"] == "alias" else "nothing that was goes"
                yield self._change(name, record, "added", False, reason, shown_of=self.new)

    def _another(self, name: str) -> bool:
        """Whether a name stands for another thing than it did, whatever the names of both are now."""
        was, now = self.old.real(name), self.new.real(name)
        if was == now or was is None or now is None:
            return False
        moved = self.new.find(was) is not None and self.new.real(was) != now
        return moved or (self.old.find(now) is not None and self.old.real(now) != was)

    def _moved(self, name: str, target: str) -> Iterator[Change]:
        """Compare what has lost the name under which it was kept, by another name of it."""
        for path, record in self.old.surface.items():
            if path == target or path.startswith(f"{target}."):
                here = name + path.removeprefix(target)
                now = self.new.find(here)
                if now is not None:
                    yield from self._same(here, record, now)
                elif self._stands_alone(here, self.new, self.old):
                    yield self._change(here, record, "removed", True, self._gone(path, record), shown_of=self.old)

    def _gone(self, name: str, record: dict[str, Any]) -> str:
        above = self.old.surface.get(name.rpartition(".")[0], {})
        error = "ImportError" if above.get("kind") == "module" else "AttributeError"
        return f"code that uses it raises {'ModuleNotFoundError' if record['kind'] == 'module' else error}"

    def _stands_alone(self, name: str, there: View, here: View) -> bool:
        """Whether what it is in came or went without it; else that is the change."""
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
        """Compare what has the same name."""
        yield from self._notes(name, old, new)
        if "call" in (old["kind"], new["kind"]) and old["kind"] == new["kind"]:
            # The signature is that of the generated function, and compared there, unless it is another one.
            if old["describes"] != new["describes"]:
                yield from self._rebound(name, old, new)
            return
        if old["kind"] != new["kind"]:
            reason = "it is used in another way"
            yield self._change(name, new, "changed", True, reason, was=_article(old), now=_article(new))
        elif old["kind"] == "class":
            yield from self._bases(name, old, new)
        elif old["kind"] == "attribute":
            yield from self._attribute(name, old, new)
        elif old["kind"] == "function" and old != new:
            yield from self._function(name, new, old["signatures"], new["signatures"])

    def _notes(self, name: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
        """Compare the deprecations: of the thing itself, and of names of its arguments."""

        def change(breaking: bool, reason: str, was: str | None, now: str | None, parameter: str = "") -> Change:
            kind = "removed" if breaking else "deprecated"
            one = self._change(name, new, kind, breaking, reason, was=was, now=now, parameter=parameter)
            # Nothing else is told with it, nor it with anything else.
            return one if breaking else replace(one, subjects=frozenset({("deprecated", name, parameter)}))

        was, now = old.get("deprecated"), new.get("deprecated")
        if was != now:
            reason = "it works as before, with a DeprecationWarning" if now else "it raises no warning any more"
            yield change(False, reason, was, now)
        before, after = old.get("renamed", {}), new.get("renamed", {})
        for argument, (called, until) in after.items():
            if before.get(argument) != after[argument]:
                reason = "it is still taken, with a DeprecationWarning; type checkers know the new name only"
                text = f"use {called} instead of {argument}, which is removed in {until}"
                yield change(False, reason, None, text, argument)
        for argument, (called, _) in before.items():
            if argument not in after:
                other = Words(f"another name for `{called}`")
                if any(argument == entry[0] for entry in self._entries(new)):
                    yield change(False, "it raises no warning any more", other, None, argument)
                else:
                    reason = "calls that give it raise TypeError"
                    yield change(True, reason, other, None, argument)

    def _entries(self, record: dict[str, Any]) -> list[list[Any]]:
        """All parameters of a function, or of what a call is bound to."""
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
        if ".models." in name and model in self.new.given and model not in self.new.answered:
            return  # callers give it, so that the constructor's parameter is what counts
        if was is not None and now is None:
            reason = "type checkers no longer know its type, and strict ones object"
            yield self._change(name, new, "changed", True, reason, was=was, now=Words("without a type"))
            return
        if old.get("value") != new.get("value"):
            reason = "code that holds the old value no longer finds it"
            yield self._change(name, new, "changed", True, reason, was=old.get("value"), now=new.get("value"))
        elif was is None and now is not None:
            reason = "its type was there to be inferred, and is declared now"
            yield self._change(name, new, "changed", False, reason, now=now)
        kind = result_relation(was, now) if was is not None and now is not None else "same"
        if kind != "same":
            reason = {
                "wider": "code that reads it must be ready for more types",
                "narrower": "what it can be is still accepted everywhere",
                "checked": "type checkers let everything pass that was done with it, and hold code to this type now",
                "other": "code that reads it finds another type",
            }[kind]
            yield self._change(name, new, "changed", kind != "narrower", reason, was=was, now=now)

    def _function(
        self, name: str, record: dict[str, Any], old: list[dict[str, Any]], new: list[dict[str, Any]]
    ) -> Iterator[Change]:
        model = name.rpartition(".")[0]
        if name.endswith(".__init__") and model in self.new.answered - self.new.given:
            return  # the SDK makes them; what is in them is compared member by member
        if len(old) != len(new):
            kept = all(signature in new for signature in old)
            reason = "every way to call it stays" if kept else "a way to call it is gone"
            yield self._change(name, record, "changed", not kept, reason, was=_ways(old), now=_ways(new))
            return
        for before, after in zip(old, new, strict=True):
            if name.endswith(".__init__"):
                # One that attrs or dataclasses make gives nothing as well, though nothing is annotated.
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
    return Words(f"{len(signatures)} way{'s' if len(signatures) > 1 else ''} to call it")


__all__ = ["View", "compare", "shown", "subjects"]
